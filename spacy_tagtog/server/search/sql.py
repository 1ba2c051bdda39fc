"""Conditions on documents as data, and the SQL of them.

A condition is a tree of the classes below. How the documents that it selects are counted and listed is chosen
by looking at the tree, see :mod:`spacy_tagtog.server.search.results`. Only this package's own literals become
SQL text; what a user gives is always a parameter.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal


@dataclass(frozen=True)
class Sql:
    """A piece of SQL with its parameters."""

    text: str
    parameters: tuple[Any, ...] = ()

    @classmethod
    def joined(cls, separator: str, pieces: Iterable[Sql], template: str = "{}") -> Sql:
        """Several pieces as one, each as the template has it."""
        pieces = list(pieces)
        return cls(
            separator.join(template.format(piece.text) for piece in pieces),
            tuple(parameter for piece in pieces for parameter in piece.parameters),
        )

    @classmethod
    def all_of(cls, pieces: Iterable[Sql]) -> Sql:
        """Tests that all have to hold."""
        return cls.joined(" AND ", pieces, "({})")


def among(column: str, values: Sequence[Any]) -> Sql:
    """The test that a column has one of several values."""
    if len(values) == 1:  # so that an index that goes on after this column is in order
        return Sql(f"{column} = ?", tuple(values))
    return Sql(f"{column} IN ({', '.join('?' * len(values))})" if values else "0", tuple(values))


@dataclass(frozen=True)
class Select:
    """Documents that a table lists.

    Attributes:
        table: The table with an alias, and what joins it.
        column: The column of the documents' numbers.
        where: What selects them.
        table_parameters: The parameters of ``table``.
        in_order: Whether each document comes once, and in the order of their numbers, without sorting. Then
            they can be counted, and a page of them found, without all of them being kept.
    """

    table: str
    column: str
    where: Sql
    table_parameters: tuple[Any, ...] = ()
    in_order: bool = False

    def sql(self, columns: str = "") -> Sql:
        """The query. Args: columns: what it gives; by default the documents' numbers."""
        return Sql(
            f"SELECT {columns or self.column} FROM {self.table} WHERE {self.where.text}",  # noqa: S608
            (*self.table_parameters, *self.where.parameters),
        )

    def narrowed(self, test: Sql, *, join: str = "") -> Select:
        """Those for which a test holds as well. Args: join: a table that the test needs."""
        return dataclasses.replace(
            self, table=f"{self.table}{join}", where=Sql.joined(" AND ", [self.where, test])
        )


def words_index(match: str) -> Select:
    """The documents that a query of the index of words finds: in their order."""
    return Select("text_index AS i", "i.rowid", Sql("i.text_index MATCH ?", (match,)), in_order=True)


@dataclass(frozen=True)
class ClassCount:
    """A test of how many entities of a class a document has.

    Attributes:
        project: The project's number.
        class_id: The class.
        column: What is counted: the entities, or the different ids that they are normalized to.
        comparison: ``> ?`` or ``BETWEEN ? AND ?``.
        numbers: Its parameters.
    """

    project: int
    class_id: str
    column: Literal["entities", "norms"]
    comparison: str
    numbers: tuple[int, ...]

    def test(self, alias: str) -> Sql:
        """The test of a row of ``class_counts`` or ``class_totals``, apart from the project."""
        return Sql(
            f"{alias}.class_id = ? AND {alias}.{self.column} {self.comparison}",
            (self.class_id, *self.numbers),
        )


# ------------------------------------------------------------------------------------------------- conditions


class Condition(ABC):
    """What a search asks of a document."""

    @abstractmethod
    def sql(self) -> Sql:
        """A test of ``documents AS d``."""


@dataclass(frozen=True)
class OfRow(Condition):
    """A test of the document's row, or of something that is looked up for it.

    Attributes:
        test: The test.
        of_state: Whether it looks at nothing but ``d.folder`` and ``d.anncomplete``. Other tables have these
            columns, too.
    """

    test: Sql
    of_state: bool = False

    def sql(self) -> Sql:
        """See :meth:`Condition.sql`."""
        return self.test


ALL: Final = OfRow(Sql("1"), of_state=True)
NONE: Final = OfRow(Sql("0"), of_state=True)


@dataclass(frozen=True)
class Listed(Condition):
    """Documents that other tables list.

    Attributes:
        selects: The lists. A document has to be in one of them.
        match: The query of the index of words that finds exactly these documents, where there is one.
        of_class: The same as a test of ``class_counts``, where that has it.
    """

    selects: tuple[Select, ...]
    match: str = ""
    of_class: ClassCount | None = None

    def rows(self) -> Sql:
        """The query that gives the documents' numbers, each once."""
        return Sql.joined(" UNION ", (select.sql() for select in self.selects))

    def sql(self) -> Sql:
        """See :meth:`Condition.sql`."""
        rows = self.rows()
        return Sql(f"d.id IN ({rows.text})", rows.parameters)


@dataclass(frozen=True)
class And(Condition):
    """Documents that fulfil all of several conditions."""

    parts: tuple[Condition, ...]

    def sql(self) -> Sql:
        """See :meth:`Condition.sql`."""
        return Sql.all_of(part.sql() for part in self.parts)


@dataclass(frozen=True)
class Or(Condition):
    """Documents that fulfil one of several conditions."""

    parts: tuple[Condition, ...]

    def sql(self) -> Sql:
        """See :meth:`Condition.sql`."""
        return Sql.joined(" OR ", (part.sql() for part in self.parts), "({})")


@dataclass(frozen=True)
class Not(Condition):
    """Documents that don't fulfil a condition."""

    part: Condition

    def sql(self) -> Sql:
        """See :meth:`Condition.sql`."""
        inner = self.part.sql()
        return Sql(f"NOT ({inner.text})", inner.parameters)


def all_of(conditions: Sequence[Condition]) -> Condition:
    """All of several conditions, at least one."""
    return conditions[0] if len(conditions) == 1 else And(tuple(conditions))


def any_of(conditions: Sequence[Condition]) -> Condition:
    """One of several conditions, at least one."""
    listed = [condition for condition in conditions if isinstance(condition, Listed)]
    if len(listed) > 1:
        # One list, so that not every document has to be looked up in several.
        union = Listed(tuple(select for one in listed for select in one.selects), _match_of_any(listed))
        conditions = [union, *(condition for condition in conditions if not isinstance(condition, Listed))]
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))


# -------------------------------------------------------------------------------- what a condition amounts to


def is_of_state(condition: Condition) -> bool:
    """Whether a condition looks at nothing but ``d.folder`` and ``d.anncomplete``.

    Documents are counted by these.
    """
    if isinstance(condition, (And, Or)):
        return all(map(is_of_state, condition.parts))
    if isinstance(condition, Not):
        return is_of_state(condition.part)
    return isinstance(condition, OfRow) and condition.of_state


def class_test(condition: Condition) -> Sql | None:
    """A condition as a test of ``class_counts AS d``.

    There is one where it looks at the entities of one class, and perhaps at folder and state; else ``None``.
    """
    if isinstance(condition, Listed) and condition.of_class is not None:
        return condition.of_class.test("d")
    if not isinstance(condition, And):
        return None
    tests = [None if is_of_state(part) else class_test(part) for part in condition.parts]
    others = [part for part, test in zip(condition.parts, tests, strict=True) if test is None]
    if len(others) != len(tests) - 1 or not all(map(is_of_state, others)):
        return None
    return Sql.all_of(test or part.sql() for part, test in zip(condition.parts, tests, strict=True))


def _match_of(condition: Condition) -> str:
    """The query of the index of words that finds exactly the documents of a condition.

    Empty where there is none.
    """
    if isinstance(condition, Listed):
        return condition.match
    if isinstance(condition, And):
        return _match_of_all(condition.parts)
    if isinstance(condition, Or):
        return _match_of_any(condition.parts)
    return _match_of_others(condition.part) if isinstance(condition, Not) else ""


def _match_of_others(condition: Condition) -> str:
    """The query that finds exactly all other documents. The index can exclude, but not from all documents."""
    return _match_of(condition.part) if isinstance(condition, Not) else ""


def _match_of_any(conditions: Sequence[Condition]) -> str:
    matches = [_match_of(condition) for condition in conditions]
    return " OR ".join(f"({match})" for match in matches) if all(matches) else ""


def _match_of_all(conditions: Sequence[Condition]) -> str:
    found, excluded = [], []
    for condition in conditions:
        if match := _match_of(condition):
            found.append(f"({match})")
        elif match := _match_of_others(condition):
            excluded.append(f"({match})")
        else:
            return ""
    if not found:
        return ""
    query = " AND ".join(found)
    return f"({query}) NOT ({' OR '.join(excluded)})" if excluded else query


@dataclass(frozen=True)
class Listing:
    """A list of the documents of a condition, in their order.

    Attributes:
        select: The list.
        within: What a document's folder and state have to fulfil as well, if anything.
    """

    select: Select
    within: Condition | None = None


def listing_of(condition: Condition) -> Listing | None:
    """The list of the documents of a condition, where a table has it in order.

    For ``word AND folder:x``, for example, that is the word's list in the index, within a folder.
    """
    if exact := _exact_listing(condition):
        return Listing(exact)
    if not isinstance(condition, And):
        return None
    states = [part for part in condition.parts if is_of_state(part)]
    others = [part for part in condition.parts if not is_of_state(part)]
    exact = _exact_listing(all_of(others)) if states and others else None
    return Listing(exact, all_of(states)) if exact else None


def _exact_listing(condition: Condition) -> Select | None:
    if match := _match_of(condition):
        return words_index(match)
    if isinstance(condition, Listed) and len(condition.selects) == 1 and condition.selects[0].in_order:
        return condition.selects[0]
    return None
