"""Dictionaries that come into the database, and go.

A dictionary may have a million names. It is sorted on disk, and comes in by many transactions, between which
others write; the dictionary that it replaces is used until all of it is there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Container, Iterable, Iterator
from types import TracebackType
from typing import Final

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db import schema
from spacy_tagtog.server.db.database import Database, path_of
from spacy_tagtog.server.db.dictionaries import BEGIN, ID, Entry, dictionary_number, folded

_AT_ONCE: Final = 10_000
"""Rows per transaction: less than a second, in which nobody else can write."""


class StagedEntries:
    """The entries of a dictionary, on disk until they are loaded. To be used in a ``with`` block."""

    def __init__(self) -> None:
        # A database without a name is a temporary file, which is gone with its connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -8192")
        self._database.execute(
            "CREATE TABLE entries (number INTEGER PRIMARY KEY, entry_id TEXT NOT NULL UNIQUE, names TEXT)"
        )
        self._database.execute("CREATE TABLE terms (entry INTEGER, place INTEGER, term TEXT)")
        self._database.execute("BEGIN")
        self.entries = 0
        self.names = 0
        self.terms = 0

    def __enter__(self) -> StagedEntries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, entry: Entry, number: int) -> int | None:
        """Add an entry.

        Args:
            entry: The entry.
            number: A number that no other one has, such as its line in a file.

        Returns:
            The number of the entry that has this id already, so that this one wasn't added; else ``None``.
        """
        names = json.dumps(entry.names, ensure_ascii=False)
        try:
            self._database.execute("INSERT INTO entries VALUES (?, ?, ?)", (number, entry.id, names))
        except sqlite3.IntegrityError:
            row = self._database.execute("SELECT number FROM entries WHERE entry_id = ?", (entry.id,))
            return int(row.fetchone()[0])
        terms: dict[str, int] = {}
        for place, text in enumerate((entry.id, *entry.names), ID):
            terms.setdefault(folded(text), place)
        self._database.executemany(
            "INSERT INTO terms VALUES (?, ?, ?)", [(number, place, term) for term, place in terms.items()]
        )
        self.entries += 1
        self.names += len(entry.names)
        self.terms += len(terms)
        return None

    def entry_rows(self) -> Iterator[list[tuple[object, ...]]]:
        """Number, id and names of all entries, some at a time."""
        return _some(self._database.execute("SELECT number, entry_id, names FROM entries ORDER BY number"))

    def term_rows(self) -> Iterator[list[tuple[object, ...]]]:
        """Entry, place and text of all terms, the shorter first, some at a time."""
        return _some(
            self._database.execute(
                "SELECT entry, place, term FROM terms ORDER BY length(term), term, entry, place"
            )
        )


def _some(rows: sqlite3.Cursor) -> Iterator[list[tuple[object, ...]]]:
    while some := rows.fetchmany(_AT_ONCE):
        yield some


def load_dictionary(
    database: Database, project: int, class_id: str, staged: StagedEntries, *, progress: Progress = silent
) -> None:
    """Replace the entries of a project's dictionary.

    Args:
        database: The database.
        project: The project's number.
        class_id: The dictionary's class, such as ``n_1``.
        staged: The new entries.
        progress: Shows how many entries, ids and names are in.

    Raises:
        LocalServerError: The project was deleted meanwhile, or somebody else loads the same dictionary.
    """
    for unfinished in database.read(_numbers, project, class_id, ready=False):
        _clear(database, unfinished)
    number = database.write(_begin, project, class_id)
    for _ in progress(_written(database, number, staged), staged.entries + staged.terms):
        pass
    replaced = database.write(_use, number, project, class_id)
    if replaced is not None:
        _clear(database, replaced)


def clear_dictionaries(database: Database, project: int) -> None:
    """Remove the dictionaries of a project by many transactions, before the project itself is deleted.

    Args:
        database: The database.
        project: The project's number.
    """
    for number in database.read(_numbers, project):
        _clear(database, number)


def restore_dictionary(
    connection: sqlite3.Connection, project: int, class_id: str, staged: StagedEntries
) -> None:
    """Give a new project a dictionary, within one transaction.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        class_id: The dictionary's class, such as ``n_1``.
        staged: Its entries.
    """
    number = _begin(connection, project, class_id)
    for rows in staged.entry_rows():
        _add_entries(connection, number, rows)
    for rows in staged.term_rows():
        _add_terms(connection, number, rows)
    _use(connection, number, project, class_id)


def remove_dictionaries(connection: sqlite3.Connection, project: int, keep: Container[str] = ()) -> None:
    """Remove the dictionaries of a project.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        keep: The classes of those that stay.
    """
    rows = connection.execute("SELECT id, class_id FROM dictionaries WHERE project_id = ?", (project,))
    for row in rows.fetchall():
        if row["class_id"] not in keep:
            _remove(connection, row["id"])


def _numbers(
    connection: sqlite3.Connection, project: int, class_id: str | None = None, *, ready: bool | None = None
) -> list[int]:
    rows = connection.execute("SELECT id, class_id, ready FROM dictionaries WHERE project_id = ?", (project,))
    return [
        row["id"]
        for row in rows
        if class_id in (None, row["class_id"]) and ready in (None, bool(row["ready"]))
    ]


def _written(database: Database, number: int, staged: StagedEntries) -> Iterator[tuple[object, ...]]:
    for rows in staged.entry_rows():
        database.write(_add_entries, number, rows)
        yield from rows
    for rows in staged.term_rows():
        database.write(_add_terms, number, rows)
        yield from rows


def _begin(connection: sqlite3.Connection, project: int, class_id: str) -> int:
    """A new dictionary, which nobody sees yet."""
    number = connection.execute(
        "INSERT INTO dictionaries (project_id, class_id, ready) VALUES (?, ?, 0) RETURNING id",
        (project, class_id),
    ).fetchone()[0]
    schema.create_dictionary_index(connection, number)
    return int(number)


def _check_there(connection: sqlite3.Connection, number: int) -> None:
    if connection.execute("SELECT 1 FROM dictionaries WHERE id = ?", (number,)).fetchone() is None:
        raise LocalServerError(
            "while the dictionary was loaded, its project was deleted, or somebody else began to load it",
            place=path_of(connection),
            advice="load it again, one at a time",
        )


def _add_entries(connection: sqlite3.Connection, number: int, rows: Iterable[tuple[object, ...]]) -> None:
    _check_there(connection, number)
    connection.executemany(
        "INSERT INTO dictionary_entries (dictionary, number, entry_id, names) VALUES (?, ?, ?, ?)",
        ((number, *row) for row in rows),
    )


def _add_terms(connection: sqlite3.Connection, number: int, rows: Iterable[tuple[object, ...]]) -> None:
    """Add further terms; each gets the next number."""
    _check_there(connection, number)
    last = connection.execute(
        "SELECT coalesce(max(number), 0) FROM dictionary_terms WHERE dictionary = ?", (number,)
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO dictionary_terms (dictionary, number, entry, place, term) VALUES (?, ?, ?, ?, ?)",
        (
            (number, last + step, entry, place, f"{BEGIN}{term}")
            for step, (entry, place, term) in enumerate(rows, 1)
        ),
    )
    connection.execute(
        f"INSERT INTO {schema.dictionary_index(number)} (rowid, term) "  # noqa: S608  our own name
        "SELECT number, term FROM dictionary_terms WHERE dictionary = ? AND number > ?",
        (number, last),
    )


def _use(connection: sqlite3.Connection, number: int, project: int, class_id: str) -> int | None:
    """Use a dictionary that is all there. Returns the number of the one whose place it takes."""
    _check_there(connection, number)
    replaced = dictionary_number(connection, project, class_id)
    connection.execute("UPDATE dictionaries SET ready = 0 WHERE id = ?", (replaced,))
    connection.execute("UPDATE dictionaries SET ready = 1 WHERE id = ?", (number,))
    return replaced


def _clear(database: Database, number: int) -> None:
    """Remove a dictionary by many transactions."""
    while database.write(_remove_some, number):
        pass
    database.write(_remove, number)


def _remove_some(connection: sqlite3.Connection, number: int) -> bool:
    """Remove some rows of a dictionary, which nobody sees any more. Gives whether there were any."""
    connection.execute("UPDATE dictionaries SET ready = 0 WHERE id = ?", (number,))
    removed = [
        connection.execute(
            f"DELETE FROM {table} WHERE dictionary = :number AND number IN "  # noqa: S608  our own names
            f"(SELECT number FROM {table} WHERE dictionary = :number ORDER BY number LIMIT :most)",
            {"number": number, "most": _AT_ONCE},
        ).rowcount
        for table in ("dictionary_entries", "dictionary_terms")
    ]
    return any(removed)


def _remove(connection: sqlite3.Connection, number: int) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {schema.dictionary_index(number)}")
    connection.execute("DELETE FROM dictionaries WHERE id = ?", (number,))  # and its entries and terms
