"""A page of the documents that a search and filters select, in an order.

How many there are is found as for any search. The page itself is read from an index that is in the order, so
that nobody has to sort all documents for the first fifty.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from spacy_tagtog.server.search.filters import Filters
from spacy_tagtog.server.search.results import Finder, Query, Results, in_time, select
from spacy_tagtog.server.search.sql import Sql, all_of
from spacy_tagtog.server.settings import ProjectInfo

Key = Literal["rank", "sureness", "name", "created", "changed"]
KEYS: Final[tuple[Key, ...]] = get_args(Key)
"""What documents can be sorted by."""


@dataclass(frozen=True)
class Order:
    """In which order documents are listed.

    Documents without a rank, or without any suggestion, come last in both directions.

    Attributes:
        key: What they are sorted by: their place in the ranking, the probability of their least sure
            suggestion, their name, when they were created or last changed.
        descending: Whether the last comes first.
    """

    key: Key = "name"
    descending: bool = False


@dataclass(frozen=True)
class _Stretch:
    """Documents that one index has in the order.

    Attributes:
        table: Where they are read, with ``documents AS d`` in it.
        test: What tells them from the others.
        columns: What they are sorted by.
    """

    table: str
    test: str
    columns: tuple[str, ...]


_BY_NUMBER: Final = ("d.id",)


def _all_by(index: str, column: str) -> tuple[_Stretch, ...]:
    return (_Stretch(f"documents AS d INDEXED BY {index}", "1", (column, "d.id")),)


_STRETCHES: Final[dict[Key, tuple[_Stretch, ...]]] = {
    "rank": (
        # CROSS JOIN fixes the order of the tables, and so that of the rows.
        _Stretch(
            "review_order AS o INDEXED BY review_order_by_rank "
            "CROSS JOIN documents AS d ON d.id = o.document_id",
            "1",
            ("o.rank", "o.document_id"),
        ),
        _Stretch(
            "documents AS d INDEXED BY documents_of_project",
            "NOT EXISTS (SELECT 1 FROM review_order AS o WHERE o.document_id = d.id)",
            _BY_NUMBER,
        ),
    ),
    "sureness": (
        _Stretch(
            "documents AS d INDEXED BY documents_by_least_sure",
            "d.least_sure IS NOT NULL",
            ("d.least_sure", "d.id"),
        ),
        _Stretch("documents AS d INDEXED BY documents_by_least_sure", "d.least_sure IS NULL", _BY_NUMBER),
    ),
    "name": _all_by("documents_by_natural_name", "d.natural_name"),
    "created": _all_by("documents_by_creation", "d.created"),
    "changed": _all_by("documents_by_update", "d.updated"),
}
_FEW: Final = 1000
"""Fewer documents than these are all sorted."""


@dataclass(frozen=True)
class Found:
    """A page of a list.

    Attributes:
        total: How many documents the whole list has.
        keys: The numbers of those of the page.
    """

    total: int
    keys: tuple[int, ...]


def find_page(
    connection: sqlite3.Connection,
    project: ProjectInfo,
    query: str,
    filters: Filters,
    order: Order,
    *,
    offset: int,
    limit: int,
    user: str,
    has_assignments: bool,
    results: Results,
) -> Found:
    """A page of the documents that a search and filters select.

    Args:
        connection: The database, in a transaction that only reads.
        project: The project.
        query: The search.
        filters: What they have to fulfil as well.
        order: In which order they come.
        offset: How many documents come before the page.
        limit: At most N documents.
        user: Who asks.
        has_assignments: Whether any document of the project is assigned to the user.
        results: What was found before in this database.

    Raises:
        LocalServerError: The search can't be understood, or takes too long.
    """
    selected = select(connection, project, query, user)
    narrowed = all_of([selected.condition, *filters.conditions(user, has_assignments=has_assignments)])
    finder = Finder(connection, Query(project.key, narrowed), results)
    with in_time(connection):
        total, few = finder.page(0, _FEW)
        if offset >= total:
            keys = []
        elif total <= len(few):
            keys = _sorted(connection, few, order, offset, limit)
        else:
            keys = _walked(connection, finder.quick(), order, offset, limit)
    return Found(total, tuple(keys))


def _sorted(
    connection: sqlite3.Connection, keys: Sequence[int], order: Order, offset: int, limit: int
) -> list[int]:
    """A page of documents whose numbers are known."""
    column, sign = _STRETCHES[order.key][0].columns[0], "-" if order.descending else ""
    direction = "DESC" if order.descending else "ASC"
    rows = connection.execute(
        "SELECT d.id FROM json_each(?) AS j CROSS JOIN documents AS d ON d.id = j.value "  # noqa: S608  literals
        "LEFT JOIN review_order AS o ON o.document_id = d.id "
        f"ORDER BY {column} IS NULL, {column} {direction}, "
        f"CASE WHEN {column} IS NULL THEN d.id ELSE {sign}d.id END LIMIT ? OFFSET ?",
        (json.dumps(list(keys)), limit, offset),
    )
    return [row[0] for row in rows]


def _walked(connection: sqlite3.Connection, query: Query, order: Order, offset: int, limit: int) -> list[int]:
    """A page of many documents, as the indexes have them in the order."""
    keys: list[int] = []
    stretches = _STRETCHES[order.key]
    for stretch in stretches:
        descending = order.descending and stretch.columns != _BY_NUMBER
        columns = ", ".join(f"{column} DESC" if descending else column for column in stretch.columns)
        rows = _rows(query, stretch, "d.id")
        page = f"{rows.text} ORDER BY {columns} LIMIT ? OFFSET ?"
        found = connection.execute(page, (*rows.parameters, limit - len(keys), offset)).fetchall()
        keys += [row[0] for row in found]
        if len(keys) == limit or stretch is stretches[-1]:
            break
        if offset and not found:  # the page begins in a later stretch
            counted = _rows(query, stretch, "count(*)")
            offset -= connection.execute(counted.text, counted.parameters).fetchone()[0]
        else:
            offset = 0
    return keys


def _rows(query: Query, stretch: _Stretch, columns: str) -> Sql:
    rows = query.sql(columns, stretch.table)
    return Sql(f"{rows.text} AND {stretch.test}", rows.parameters)
