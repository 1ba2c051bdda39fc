"""How many documents a query selects, and those of a page: from totals where there are some, else what was found is kept for the next pages."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from spacy_tagtog.server.search.conditions import Condition

_KEPT: Final = 2_000_000
"""So many documents' numbers are kept at most, of 8 bytes each."""
_FEW: Final = 1000
_Key = tuple[int, str, tuple[Any, ...]]


class Results:
    """What searches found. It holds until the database changes, and is told by the number of changes from what was found before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[_Key, array[int]] = OrderedDict()
        self._numbers = 0

    def get(self, key: _Key) -> array[int] | None:
        """What was found, or ``None``."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def keep(self, key: _Key, found: array[int]) -> None:
        """Keep what was found, and forget what was found least recently, where that gets too much."""
        if len(found) > _KEPT:
            return
        with self._lock:
            if key not in self._found:
                self._numbers += len(found)
            self._found[key] = found
            while self._numbers > _KEPT or len(self._found) > 1000:
                self._numbers -= len(self._found.popitem(last=False)[1])


def all_of(connection: sqlite3.Connection, condition: Condition) -> array[int]:
    """The numbers of all documents that a condition selects, in order.

    Args:
        connection: The database, in a transaction.
        condition: What :func:`~spacy_tagtog.server.db.store.selected` gives.
    """
    # Mostly they are in order, which SQLite's sorting doesn't make use of.
    return array("q", sorted(_numbers(connection, f"SELECT d.id {condition.sql}", condition.parameters)))


def _numbers(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> Iterator[int]:
    cursor = connection.cursor()
    cursor.row_factory = None  # plain tuples
    return chain.from_iterable(cursor.execute(sql, parameters))


def page_of(
    connection: sqlite3.Connection,
    condition: Condition,
    project: int,
    offset: int,
    limit: int,
    results: Results,
) -> tuple[int, list[int]]:
    """How many documents a condition selects, and the numbers of those of a page.

    Args:
        connection: The database, in a transaction that only reads.
        condition: What :func:`~spacy_tagtog.server.db.store.selected` gives.
        project: The project's number.
        offset: How many come before the page.
        limit: How many are on it at most.
        results: What was found before.
    """

    def ask(sql: str, *parameters: Any) -> list[int]:
        return [row[0] for row in connection.execute(sql, parameters)]

    if condition.by_folder:
        totals = condition.sql.replace("FROM documents AS d", "FROM counts AS d", 1)
        (total,) = ask(f"SELECT total(d.number) {totals}", *condition.parameters)
        return int(total), ask(
            f"SELECT d.id {condition.sql} ORDER BY d.id LIMIT ? OFFSET ?",
            *condition.parameters,
            limit,
            offset,
        )
    if condition.of_class is not None:
        where, parameters = (
            f"d.project_id = ? AND ({condition.of_class[0]})",
            (project, *condition.of_class[1]),
        )
        (total,) = ask(f"SELECT total(d.number) FROM class_totals AS d WHERE {where}", *parameters)  # noqa: S608
        # The table is in the documents' order: of many, the first of a page are soon found.
        way = "INDEXED BY class_counts_by_number" if total < _FEW else "NOT INDEXED"
        rows = f"SELECT d.document_id FROM class_counts AS d {way} WHERE {where} ORDER BY d.document_id LIMIT ? OFFSET ?"  # noqa: S608
        return int(total), ask(rows, *parameters, limit, offset)
    (changes,) = ask("SELECT number FROM changes")

    def total_of(sql: str, *parameters: Any) -> int:
        key = (changes, sql, parameters)
        counted = results.get(key)
        if counted is None:
            counted = array("q", ask(sql, *parameters))
            results.keep(key, counted)
        return counted[0]

    listing = condition.listing
    ends = _own_numbers(connection, project) if (condition.rows or listing) and not condition.within else None
    if listing is not None and (condition.within is not None or ends is not None):
        more: tuple[Any, ...] = ends or ()
        if condition.within is not None:
            rows = f"FROM {listing.table} CROSS JOIN documents AS d INDEXED BY documents_by_number ON d.id = {listing.column}"
            where, more = (
                f"d.project_id = ? AND ({condition.within.sql})",
                (project, *condition.within.parameters),
            )
        else:
            rows, where = f"FROM {listing.table}", f"{listing.column} BETWEEN ? AND ?"
        rows, parameters = f"{rows} WHERE {listing.where} AND {where}", (*listing.parameters, *more)
        total = total_of(f"SELECT count(*) {rows}", *parameters)
        page = f"SELECT {listing.column} {rows} ORDER BY {listing.column} LIMIT ? OFFSET ?"
        return total, ask(page, *parameters, limit, offset) if total else []
    key = (changes, condition.sql, condition.parameters)
    found = results.get(key)
    if found is None:
        if ends is None or not condition.rows:
            found = all_of(connection, condition)
        else:  # which spares looking every document up
            listed = sorted(set(_numbers(connection, condition.rows, condition.parameters[1:])))
            found = array("q", listed[bisect_left(listed, ends[0]) : bisect_right(listed, ends[1])])
        results.keep(key, found)
    return len(found), list(found[offset : offset + limit])


def _own_numbers(connection: sqlite3.Connection, project: int) -> tuple[int, int] | None:
    """The least and the greatest number of a project's documents, where no other project has one between: the index of words is of all projects."""
    row = connection.execute(
        "SELECT (SELECT min(id) FROM documents WHERE project_id = ?1), (SELECT max(id) FROM documents WHERE project_id = ?1)",
        (project,),
    ).fetchone()
    if row[0] is None:
        return 1, 0
    others = "SELECT 1 FROM projects AS p WHERE p.id <> ? AND EXISTS (SELECT 1 FROM documents AS d WHERE d.project_id = p.id AND d.id BETWEEN ? AND ?)"
    return None if connection.execute(others, (project, *row)).fetchone() else (row[0], row[1])
