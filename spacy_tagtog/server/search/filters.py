"""What a list of documents is narrowed to beside its search query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from spacy_tagtog.server.search.sql import (
    Condition,
    Listed,
    Not,
    OfRow,
    Select,
    Sql,
    all_of,
    among,
    any_of,
)


class Mine(Enum):
    """Which of the documents that are a member's own."""

    ALL = "all"
    """Those that were assigned to the member, or that the member has a version of."""
    OPEN = "open"
    """Those that wait for the member: assigned (to whom nothing is assigned, all) and not confirmed."""
    CONFIRMED = "confirmed"
    """Those that the member confirmed."""


@dataclass(frozen=True)
class LabelFilter:
    """What a document label has to be.

    Attributes:
        is_set: Whether it has to be set at all.
        value: The value that it has to have; ``None`` for any.
    """

    is_set: bool = True
    value: str | None = None


@dataclass(frozen=True)
class Filters:
    """What documents have to fulfil, all of it.

    Attributes:
        confirmed: Whether the master version is confirmed; ``None`` where that doesn't matter.
        mine: Which of the member's own; ``None`` for all documents.
        flagged: Whether to list flagged ones alone.
        folders: The numbers of the folders; ``None`` for all.
        labels: Class id of a document label → what it has to be.
    """

    confirmed: bool | None = None
    mine: Mine | None = None
    flagged: bool = False
    folders: Sequence[int] | None = None
    labels: Mapping[str, LabelFilter] = field(default_factory=dict)

    def conditions(self, member: str, *, has_assignments: bool) -> list[Condition]:
        """The conditions.

        Args:
            member: Who asks.
            has_assignments: Whether any document of the project is assigned to this member.
        """
        found: list[Condition] = []
        if self.confirmed is not None:
            found.append(OfRow(Sql("d.anncomplete = ?", (int(self.confirmed),)), of_state=True))
        if self.folders is not None:
            found.append(OfRow(among("d.folder", self.folders), of_state=True))
        if self.mine is not None:
            found.append(_mine(self.mine, member, has_assignments=has_assignments))
        if self.flagged:
            found.append(Listed((Select("flags AS f", "f.document_id", Sql("1"), in_order=True),)))
        found += [_label(class_id, wanted) for class_id, wanted in self.labels.items()]
        return found


def _mine(which: Mine, member: str, *, has_assignments: bool) -> Condition:
    assigned = _listed("assignments AS a", "a.document_id", Sql("a.member = ?", (member,)))
    # The same words as the index versions_confirmed has, so that it is used.
    is_confirmed = Sql("v.complete AND v.member <> 'master' AND v.member = ?", (member,))
    confirmed = _listed("versions AS v", "v.document_id", is_confirmed)
    if which is Mine.CONFIRMED:
        return confirmed
    if which is Mine.OPEN:
        return all_of([assigned, Not(confirmed)]) if has_assignments else Not(confirmed)
    own = _listed("versions AS v", "v.document_id", Sql("v.member = ?", (member,)))
    return any_of([assigned, own])


def _label(class_id: str, wanted: LabelFilter) -> Condition:
    of_class = Sql("l.class_id = ?", (class_id,))
    if wanted.value is None:
        having = Listed((Select("labels AS l", "l.document_id", of_class),))
        return having if wanted.is_set else Not(having)
    exactly = Sql.joined(" AND ", [of_class, Sql("l.value = ?", (wanted.value,))])
    return _listed("labels AS l", "l.document_id", exactly)


def _listed(table: str, column: str, where: Sql) -> Listed:
    """A list that an index has in the documents' order."""
    return Listed((Select(table, column, where, in_order=True),))
