"""What a search finds: how many documents, and those of a page.

How they are found depends on what the condition amounts to. The quickest that will do is taken:

1. Folders and states alone: the table ``counts`` has the number already.
2. With the entities of one class: ``class_totals`` has the number, ``class_counts`` the documents in order.
3. A list in order, such as the index of words for one word: it is counted, and a page of it read.
4. Anything else: all numbers are found, sorted, and kept for the next pages.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from typing import Any, Final

from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.search.conditions import QueryContext, translate
from spacy_tagtog.server.search.sql import (
    Condition,
    Listed,
    OfRow,
    Select,
    Sql,
    class_test,
    is_of_state,
    listing_of,
)
from spacy_tagtog.server.search.words import until
from spacy_tagtog.server.settings import ProjectInfo

SEARCH_SECONDS = 10
"""How long a search may take."""
_KEPT: Final = 2_000_000
"""At most N numbers of documents are kept, of 8 bytes each."""
_KEPT_SEARCHES: Final = 1000
_FEW: Final = 1000
"""Of fewer documents than these, those of a class are looked up by their number of entities and sorted."""
_STEPS_BETWEEN_LOOKS: Final = 1000
"""How often the clock is looked at: per N steps of SQLite's virtual machine."""
_Key = tuple[int, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Hit:
    """A row of a search's answer.

    Attributes:
        docid: The document's id.
        filename: Its file name.
        header: Its first heading, or the beginning of its text.
        created: When it was imported, in milliseconds since 1970.
        updated: When it last changed.
        anncomplete: Whether its master version is confirmed.
        members_anncomplete: The members whose versions are confirmed.
        folder: The path of its folder.
        members_assigned: Who is to annotate it.
    """

    docid: str
    filename: str
    header: str
    created: int
    updated: int
    anncomplete: bool
    members_anncomplete: tuple[str, ...]
    folder: str
    members_assigned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page of a search's answer.

    Attributes:
        total: How many documents the search finds.
        hits: Those of the page.
    """

    total: int
    hits: tuple[Hit, ...]


class Results:
    """What searches of one database found, for the next pages.

    It holds until the database changes. The number of changes, which is part of the key, tells it from what
    was found before.
    """

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
            while self._numbers > _KEPT or len(self._found) > _KEPT_SEARCHES:
                self._numbers -= len(self._found.popitem(last=False)[1])


# ----------------------------------------------------------------------------------------------------- search


@dataclass(frozen=True)
class Query:
    """The documents of one project that a condition selects."""

    project: int
    condition: Condition

    def sql(self, columns: str, table: str = "documents AS d") -> Sql:
        """The query that gives them.

        Args:
            table: With the alias ``d``; another one only where the condition is of it, too.
        """
        return _of_project(self.project, columns, table, self.condition.sql())


def _of_project(project: int, columns: str, table: str, test: Sql) -> Sql:
    return Sql(
        f"SELECT {columns} FROM {table} WHERE d.project_id = ? AND ({test.text})",  # noqa: S608  literals
        (project, *test.parameters),
    )


def select(connection: sqlite3.Connection, project: ProjectInfo, query: str, user: str = "") -> Query:
    """The documents that a search selects.

    Args:
        connection: The database, in a transaction.
        project: The project.
        query: The search.
        user: Who asks, for ``filter:TODO``.

    Raises:
        QueryError: The search can't be understood, or uses something that isn't offered.
    """

    def from_then(column: str, moment: int) -> int | None:
        sql = f"SELECT min({column}) FROM documents WHERE project_id = ? AND {column} >= ?"  # noqa: S608  created or updated
        found: int | None = connection.execute(sql, (project.key, moment)).fetchone()[0]
        return found

    def words(shortest: int, longest: int) -> list[str]:
        # As one text: many rows would take several times as long.
        joined = connection.execute(
            "SELECT group_concat(word, ' ') FROM vocabulary WHERE length(word) BETWEEN ? AND ?",
            (shortest, longest),
        )
        return (joined.fetchone()[0] or "").split(" ")

    now = datetime.fromtimestamp(clock.now() / 1000, tz=timezone.utc)
    context = QueryContext(project.legend, project.folders, now, user, project.key, words, from_then)
    return Query(project.key, translate(query, context))


def search(
    connection: sqlite3.Connection,
    project: ProjectInfo,
    query: str,
    *,
    offset: int = 0,
    limit: int | None = None,
    user: str = "",
    results: Results | None = None,
) -> Page:
    """A page of the documents that a search selects.

    They come in the order in which they were created, so that new ones don't shift the pages.

    Args:
        connection: The database, in a transaction that only reads.
        project: The project.
        query: The search.
        offset: How many documents come before the page.
        limit: At most N documents; ``None`` for all.
        user: Who asks, for ``filter:TODO``.
        results: What was found before in this database.

    Raises:
        LocalServerError: The search can't be understood, or takes too long.
    """
    selected = select(connection, project, query, user)
    with in_time(connection):
        if limit is None:
            found = _all_of(connection, selected)
            total, keys = len(found), list(found[offset:])
        else:
            total, keys = Finder(connection, selected, results or Results()).page(offset, limit)
    return Page(total, tuple(_hits(connection, project, keys)))


def find_all(
    connection: sqlite3.Connection, project: ProjectInfo, query: str, *, user: str = ""
) -> array[int]:
    """The numbers of all documents that a search selects, in the order in which they were created.

    Raises:
        LocalServerError: The search can't be understood, or takes too long.
    """
    selected = select(connection, project, query, user)
    with in_time(connection):
        return _all_of(connection, selected)


def states(connection: sqlite3.Connection, project: ProjectInfo) -> list[tuple[str, bool]]:
    """The ids of all documents of a project, and whether their master versions are confirmed.

    They come in the order in which they were created.
    """
    found = connection.execute(
        "SELECT docid, anncomplete FROM documents WHERE project_id = ? ORDER BY id", (project.key,)
    )
    return [(row["docid"], bool(row["anncomplete"])) for row in found]


@contextmanager
def in_time(connection: sqlite3.Connection) -> Iterator[None]:
    """End a query that takes too long.

    Raises:
        RequestError: It does.
    """
    end = time.monotonic() + SEARCH_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        with until(end):
            yield
    except sqlite3.OperationalError as error:
        if time.monotonic() <= end:
            raise
        raise RequestError(
            400,
            "the query takes too long",
            legal=f"a query that is answered in {SEARCH_SECONDS} seconds",
            advice="begin words with letters, not with wildcards, and search for fewer of them",
        ) from error
    finally:
        connection.set_progress_handler(None, 0)


# ------------------------------------------------------------------------------------------------------ pages


def _all_of(connection: sqlite3.Connection, query: Query) -> array[int]:
    # Mostly they are in order, which SQLite's sorting doesn't make use of.
    return array("q", sorted(_numbers(connection, query.sql("d.id"))))


def _numbers(connection: sqlite3.Connection, sql: Sql) -> Iterator[int]:
    cursor = connection.cursor()
    cursor.row_factory = None  # plain tuples
    return chain.from_iterable(cursor.execute(sql.text, sql.parameters))


class Finder:
    """Finds how many documents a query selects, and those of a page."""

    def __init__(self, connection: sqlite3.Connection, query: Query, results: Results) -> None:
        self.connection = connection
        self.query = query
        self.results = results

    def page(self, offset: int, limit: int) -> tuple[int, list[int]]:
        """How many documents there are, and the numbers of those of a page, in the order of these numbers."""
        condition = self.query.condition
        if is_of_state(condition):
            return self._by_counts(offset, limit)
        if test := class_test(condition):
            return self._by_class(test, offset, limit)
        listing = listing_of(condition)
        if listing is not None and listing.within is not None:
            return self._by_list(self._within(listing.select, listing.within), offset, limit)
        ends = self._ends()
        if listing is not None and ends is not None:
            own = listing.select.narrowed(Sql(f"{listing.select.column} BETWEEN ? AND ?", ends))
            return self._by_list(own, offset, limit)
        found = self._found(ends)
        return len(found), list(found[offset : offset + limit])

    def quick(self) -> Query:
        """A query of the same documents that may be asked again and again: it reads no texts."""
        condition = self.query.condition
        if is_of_state(condition) or class_test(condition) or listing_of(condition):
            return self.query
        known = json.dumps(self._found(self._ends()).tolist())
        return Query(self.query.project, OfRow(Sql("d.id IN (SELECT value FROM json_each(?))", (known,))))

    def _ends(self) -> tuple[int, int] | None:
        """The ends of this project's documents among all, which lists are of, where they are a stretch."""
        condition = self.query.condition
        is_listed = listing_of(condition) is not None or isinstance(condition, Listed)
        return _own_stretch(self.connection, self.query.project) if is_listed else None

    def _by_counts(self, offset: int, limit: int) -> tuple[int, list[int]]:
        (total,) = self._ask(self.query.sql("total(d.number)", "counts AS d"))
        return int(total), self._some(self.query.sql("d.id"), "d.id", offset, limit)

    def _by_class(self, test: Sql, offset: int, limit: int) -> tuple[int, list[int]]:
        project = self.query.project
        (total,) = self._ask(_of_project(project, "total(d.number)", "class_totals AS d", test))
        # The table is in the documents' order: of many, the first of a page are soon found.
        way = "INDEXED BY class_counts_by_number" if total < _FEW else "NOT INDEXED"
        rows = _of_project(project, "d.document_id", f"class_counts AS d {way}", test)
        return int(total), self._some(rows, "d.document_id", offset, limit)

    def _within(self, listed: Select, within: Condition) -> Select:
        """A list with the test of folder and state in it."""
        join = f" CROSS JOIN documents AS d INDEXED BY documents_by_number ON d.id = {listed.column}"
        test = within.sql()
        own = Sql(f"d.project_id = ? AND ({test.text})", (self.query.project, *test.parameters))
        return listed.narrowed(own, join=join)

    def _by_list(self, listed: Select, offset: int, limit: int) -> tuple[int, list[int]]:
        count = listed.sql("count(*)")
        key = self._key(count)
        counted = self.results.get(key)
        if counted is None:
            counted = array("q", self._ask(count))
            self.results.keep(key, counted)
        if not counted[0]:
            return 0, []
        return counted[0], self._some(listed.sql(), listed.column, offset, limit)

    def _found(self, ends: tuple[int, int] | None) -> array[int]:
        """All numbers, found now or before."""
        key = self._key(self.query.sql("d.id"))
        found = self.results.get(key)
        if found is None:
            condition = self.query.condition
            if ends is not None and isinstance(condition, Listed):  # which spares looking every document up
                listed = sorted(set(_numbers(self.connection, condition.rows())))
                found = array("q", listed[bisect_left(listed, ends[0]) : bisect_right(listed, ends[1])])
            else:
                found = _all_of(self.connection, self.query)
            self.results.keep(key, found)
        return found

    def _key(self, sql: Sql) -> _Key:
        (changes,) = self._ask(Sql("SELECT number FROM changes"))
        return changes, sql.text, sql.parameters

    def _some(self, rows: Sql, column: str, offset: int, limit: int) -> list[int]:
        page = f"{rows.text} ORDER BY {column} LIMIT ? OFFSET ?"
        return self._ask(Sql(page, (*rows.parameters, limit, offset)))

    def _ask(self, sql: Sql) -> list[int]:
        return [row[0] for row in self.connection.execute(sql.text, sql.parameters)]


def _own_stretch(connection: sqlite3.Connection, project: int) -> tuple[int, int] | None:
    """The least and the greatest number of a project's documents.

    ``None`` where another project has a document between them.
    """
    least, greatest = connection.execute(
        "SELECT (SELECT min(id) FROM documents WHERE project_id = :project), "
        "(SELECT max(id) FROM documents WHERE project_id = :project)",
        {"project": project},
    ).fetchone()
    if least is None:
        return 1, 0
    others = connection.execute(
        "SELECT 1 FROM projects AS p WHERE p.id <> ? "
        "AND EXISTS (SELECT 1 FROM documents AS d WHERE d.project_id = p.id AND d.id BETWEEN ? AND ?)",
        (project, least, greatest),
    )
    return None if others.fetchone() else (least, greatest)


def _hits(connection: sqlite3.Connection, project: ProjectInfo, keys: Sequence[int]) -> Iterator[Hit]:
    for key in keys:
        row = connection.execute("SELECT * FROM documents WHERE id = ?", (key,)).fetchone()
        members = connection.execute(
            "SELECT member FROM versions WHERE document_id = ? AND complete AND member <> 'master' "
            "ORDER BY member",
            (key,),
        )
        assigned = connection.execute(
            "SELECT member FROM assignments WHERE document_id = ? ORDER BY member", (key,)
        )
        yield Hit(
            row["docid"],
            row["filename"],
            row["header"],
            row["created"],
            row["updated"],
            bool(row["anncomplete"]),
            tuple(member[0] for member in members),
            project.path_of(row["folder"]),
            tuple(member[0] for member in assigned),
        )
