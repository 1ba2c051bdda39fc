"""Adjudication: the confirmed versions of several members, merged into one.

The rules are those of tagtog's documentation (*Multi-user annotation*, adjudication). ``n`` members confirmed
the document. ``exact_v1`` says what is one and the same annotation. An annotation is taken

- under ``union_v1`` if anybody has it;
- under ``intersection_v1`` if all ``n`` have it;
- under ``majority_v1`` if more than ``n / 2`` have it: exactly half is not enough;
- under ``best_iaa_v1`` if the best member has it: the one who agrees most with the others on its task, see
  :class:`~spacy_tagtog.agreement.member_ranking.MemberRanking`.

It gets ``who``, all members that have it, and ``prob``, their share of ``n``.

A label or normalization of an entity, and a document label, may have different values. Union takes the first
version's, intersection only a value that all ``n`` chose, majority one that more than ``n / 2`` chose. A
relation stays only if its entities stay.

Where tagtog's documentation says nothing, this is decided:

- Members are ordered by name. *The first version* is the first by name that has a value.
- The result is unconfirmed, since somebody should look at it.
- Its annotations are a person's (``state`` is empty), with ``who`` and ``prob`` under ``best_iaa_v1``, too.
- The rest of an annotation's keys are the first version's.
- Annotatable parts and sources are those of any version.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from spacy_tagtog._options import choose
from spacy_tagtog.agreement.member_ranking import MemberRanking
from spacy_tagtog.agreement.merge_entities import merge_entities, merge_metas, same
from spacy_tagtog.agreement.merge_relations import merge_relations
from spacy_tagtog.agreement.merge_report import Conflict, Merged, MergeReport, MergeStrategy
from spacy_tagtog.agreement.merge_rule import Ballot
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    EntityKey,
    confirmed_members,
    task_order,
    versions_of,
)
from spacy_tagtog.anndoc import MASTER, Annotations, Document
from spacy_tagtog.errors import AgreementError, NotConfirmedError


def merge(
    document: DocumentVersions,
    strategy: MergeStrategy,
    *,
    ranking: MemberRanking | None = None,
    members: Sequence[str] | None = None,
    place: object = None,
) -> Merged:
    """Merge the confirmed versions of a document into one.

    Args:
        document: The document, or only its versions by member. With the document, versions that count offsets
            in different units are brought to one.
        strategy: How.
        ranking: Who agrees best with the others; needed for ``best_iaa_v1``, see :func:`rank_members`.
        members: Whose versions; by default everybody's but ``master``.
        place: Where the document is, for messages; by default its id.

    Returns:
        The merged version, unconfirmed, and what was left out and why.

    Raises:
        NotConfirmedError: None of the members confirmed a version.
        AgreementError: ``best_iaa_v1`` without a ranking.
        ConfigurationError: There is no such strategy.
        AnnJsonError: A relation's reference can't be read.
    """
    choose("strategy", strategy, MergeStrategy)
    if strategy == "best_iaa_v1" and ranking is None:
        raise AgreementError(
            "best_iaa_v1 needs to know how well each member agrees with the others",
            legal="a ranking",
            advice="make one of all documents of the project: rank_members(documents)",
        )
    if place is None and isinstance(document, Document):
        place = document.id
    versions = versions_of(document)
    names = confirmed_members(versions, members)
    if not names:
        raise NotConfirmedError(
            "no member confirmed a version of this document",
            place=place,
            value=", ".join(sorted(versions)) or "(it has no version)",
            legal="at least one confirmed version beside master",
            advice="confirm the document as a member, then merge",
        )
    asked = [name for name in versions if (name != MASTER if members is None else name in members)]
    report = MergeReport(strategy, names, sorted(name for name in asked if not versions[name].complete))
    return merged_by(Ballot(document, names, report, ranking))


def merged_by(ballot: Ballot) -> Merged:
    """One version of several, by a rule."""
    data = _frame(ballot)
    entities = merge_entities(ballot)
    data["entities"] = list(entities.values())
    data["metas"] = merge_metas(ballot)
    data["relations"] = merge_relations(ballot, entities)
    _overlaps(ballot)
    ballot.report.left_out.sort(
        key=lambda item: (task_order(item.task), item.where, item.what, item.members, item.reason)
    )
    return Merged(Annotations(data), ballot.report)


def _frame(ballot: Ballot) -> dict[str, Any]:
    """Everything but the annotations themselves."""
    all_data = [ballot.versions[name].data for name in ballot.names]
    data: dict[str, Any] = {}
    for name, version in zip(ballot.names, all_data, strict=True):
        for key, value in version.items():
            if key not in data:
                data[key] = None if key in ("entities", "metas", "relations") else copy.deepcopy(value)
            elif key not in (
                "annotatable",
                "anncomplete",
                "sources",
                "entities",
                "metas",
                "relations",
            ) and not same(data[key], value):
                ballot.report.notes.append(f"{name} has another {key!r}: the first version's was taken")
    listed = [version.annotatable for version in ballot.versions.values()]
    if len({frozenset(parts) for parts in listed}) > 1:
        ballot.report.notes.append(
            "the versions have different annotatable parts: those of any version are taken"
        )
    if "annotatable" in data or any(listed):
        together = dict.fromkeys(part for parts in listed for part in parts)
        if ballot.parts is not None:
            order = {part: number for number, part in enumerate(ballot.parts)}
            together = dict.fromkeys(sorted(together, key=lambda part: order.get(part, len(order))))
        data["annotatable"] = {**(data.get("annotatable") or {}), "parts": list(together)}
    data["anncomplete"] = False
    sources: list[Any] = []
    for version in all_data:
        sources += [
            copy.deepcopy(source)
            for source in version.get("sources") or ()
            if not any(same(source, other) for other in sources)
        ]
    if sources or "sources" in data:
        data["sources"] = sources
    return data


def _overlaps(ballot: Ballot) -> None:
    """Where one member has one entity and another member another on the same text."""
    by_part: dict[str, list[tuple[EntityKey, list[str]]]] = defaultdict(list)
    for key, members in ballot.having().items():
        if len(members) < len(ballot.names):
            by_part[key.place.part].append((key, members))
    for some in by_part.values():
        some.sort(key=lambda item: (item[0].place.ranges, item[0].class_id))
        for number, (key, members) in enumerate(some):
            end = max(stop for _, stop in key.place.ranges)
            for other, others in some[number + 1 :]:
                if other.place.ranges[0][0] >= end:
                    break
                # Who has both sees no contradiction between them.
                if set(members) <= set(others) or set(others) <= set(members) or not _overlap(key, other):
                    continue
                same_place, same_type = key.place == other.place, key.class_id == other.class_id
                kind: Literal["type", "borders", "overlap"] = (
                    "type" if same_place else "borders" if same_type else "overlap"
                )
                sides = tuple(
                    (f"{one.class_id} {one.place}", tuple(who))
                    for one, who in ((key, members), (other, others))
                )
                ballot.report.conflicts.append(Conflict(kind, str(key.place), sides))


def _overlap(one: EntityKey, other: EntityKey) -> bool:
    return any(max(a[0], b[0]) < min(a[1], b[1]) for a in one.place.ranges for b in other.place.ranges)
