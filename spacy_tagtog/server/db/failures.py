"""What SQLite's errors mean: no space, a lock, a damaged file."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from spacy_tagtog.errors import LocalServerError, SpacyTagtogError

Kind = Literal["full", "busy", "damaged", "other"]
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
_SAID_OF_DAMAGE: Final = ("malformed", "not a database", "Could not decode to UTF-8")
# problem, what is legal, advice
_WORDS: Final[dict[Kind, tuple[str, str, str]]] = {
    "full": ("there is no space left for the database", "a disk with space left", "free some space"),
    "busy": ("another program holds the database", "a file that no other program locks", "try again"),
    "damaged": (
        "the database is damaged",
        "a database whose file is whole",
        "restore it from a backup, or save what can still be read: sqlite3 FILE .recover | sqlite3 NEW",
    ),
    "other": (
        "the database failed",
        "a file that can be read and written, in such a folder",
        "check the file and its folder",
    ),
}


class DatabaseError(LocalServerError):
    """The database can't do what it should; nothing of it was stored.

    Args:
        kind: Why.
        said: What SQLite said, or what is wrong with what it read.
        path: The database.
    """

    def __init__(self, kind: Kind, said: object, path: Path) -> None:
        problem, legal, advice = _WORDS[kind]
        super().__init__(f"{problem}: {said}", place=path, legal=legal, advice=advice)
        self.kind = kind


def kind_of(error: sqlite3.Error | OSError) -> Kind:
    """Why the database, or the disk under it, failed."""
    if isinstance(error, OSError):
        return "full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "other"
    message = str(error)
    name = getattr(error, "sqlite_errorname", "")  # from Python 3.11 on
    # SQLite calls it an error of writing where it is a quota or a limit that is used up.
    if "full" in message or name == "SQLITE_IOERR_WRITE":
        return "full"
    if name.startswith(_DAMAGED) or any(word in message for word in _SAID_OF_DAMAGE):
        return "damaged"
    return "busy" if "locked" in message else "other"


@contextmanager
def typed_failures(path: Path) -> Iterator[None]:
    """Raise SQLite's errors that no program can prevent as our own.

    Args:
        path: The database.

    Raises:
        DatabaseError: There was one.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        kind = kind_of(error)
        # What else there is, such as a broken rule of a table, is a fault of this program.
        if kind == "other" and not isinstance(error, sqlite3.OperationalError):
            raise
        raise DatabaseError(kind, error, path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        # Nothing but the database's own content is read within a transaction.
        raise DatabaseError("damaged", error, path) from error


@contextmanager
def damage_looked_for(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Where something goes wrong that shouldn't, look whether a damaged file is why. That reads all of it.

    Args:
        connection: The database, in a transaction.
        path: Its file.

    Raises:
        DatabaseError: It is.
    """
    try:
        yield
    except (SpacyTagtogError, sqlite3.Error):
        raise
    except Exception as error:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found == "ok":
            raise
        raise DatabaseError("damaged", found, path) from error
