"""What webhooks told us and nobody has dealt with yet: one SQLite file, so that nothing is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from spacy_tagtog._files import make_folder
from spacy_tagtog.errors import LoopError

ANY: Final = ""
"""In place of a document's id: some document, the call didn't say which."""
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS inbox (document TEXT PRIMARY KEY, calls INTEGER NOT NULL) WITHOUT ROWID"
)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on a small database of the loop, which several processes may use.

    Raises:
        LoopError: The file can't be used.
    """
    try:
        # A process that is killed leaves what was committed; another one waits its turn.
        with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            yield connection
    except sqlite3.Error as error:
        raise LoopError(
            "a file of the loop can't be used",
            place=path,
            value=str(error),
            legal="what the loop wrote",
            advice="free some space, or correct the permissions; restore a damaged file from a copy",
        ) from error


class Inbox:
    """Documents that wait. One that is told of again while it waits is there once.

    Args:
        path: The file; it is made if it isn't there.

    Raises:
        LoopError: The file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        with opened(self.path) as connection:
            connection.execute(_SCHEMA)

    def add(self, document: str) -> None:
        """Remember a document. When this returns, it is on the disk."""
        with opened(self.path) as connection:
            connection.execute(
                "INSERT INTO inbox VALUES (?, 1) ON CONFLICT (document) DO UPDATE SET calls = calls + 1",
                (document,),
            )

    def waiting(self) -> dict[str, int]:
        """The documents that wait, each with how often it was told of."""
        with opened(self.path) as connection:
            return dict(connection.execute("SELECT document, calls FROM inbox ORDER BY document"))

    def done(self, document: str, calls: int) -> None:
        """Forget a document, unless it was told of again meanwhile."""
        with opened(self.path) as connection:
            connection.execute("DELETE FROM inbox WHERE document = ? AND calls = ?", (document, calls))
