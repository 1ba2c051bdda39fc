"""Which documents people were ever shown suggestions in: what they made of these is no fair test.

A ranking holds only what waits now. A document that was sent may have left it, by another search for what is
new, or was never in one, since the webhook's service annotated it between two rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from spacy_tagtog._files import make_folder
from spacy_tagtog.loop.inbox import opened

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS suggested (document TEXT PRIMARY KEY) WITHOUT ROWID"


class Suggested:
    """The documents that were sent with suggestions, in ``suggested.db``.

    Args:
        folder: The loop's folder.

    Raises:
        LoopError: The file can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "suggested.db"
        make_folder(folder)
        with opened(self.path) as connection:
            connection.execute(_SCHEMA)

    def add(self, ids: Iterable[str]) -> None:
        """Remember documents, before they are sent: a process that dies meanwhile must not hide it."""
        with opened(self.path) as connection:
            connection.executemany("INSERT OR IGNORE INTO suggested VALUES (?)", [(one,) for one in ids])

    @property
    def ids(self) -> set[str]:
        """The ids of the documents."""
        with opened(self.path) as connection:
            return {row[0] for row in connection.execute("SELECT document FROM suggested")}
