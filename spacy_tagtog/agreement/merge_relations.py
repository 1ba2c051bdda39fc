"""Merging the relations of several versions."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from spacy_tagtog.agreement.merge_report import DANGLING, FOR_REMOVAL, NO_ENTITY, SECOND_COPY
from spacy_tagtog.agreement.merge_rule import Ballot
from spacy_tagtog.agreement.versions import EntityKey, RelationKey
from spacy_tagtog.anndoc import Entity, Relation
from spacy_tagtog.anndoc.references import References, extent


def merge_relations(ballot: Ballot, kept: Mapping[EntityKey, dict[str, Any]]) -> list[dict[str, Any]]:
    """The relations that are taken.

    Args:
        ballot: The versions.
        kept: The entities that were taken.
    """
    having: dict[RelationKey, dict[str, Relation]] = defaultdict(dict)
    for name in ballot.names:
        for own_key, relations in ballot.items[name].relations.items():
            key = _standing(ballot, own_key)
            having[key].setdefault(name, relations[0])
            for more in relations[1:]:
                ballot.leave_out(
                    "relation",
                    key.class_id,
                    _shown_ends(key),
                    "; ".join(more.data["entities"]),
                    [name],
                    SECOND_COPY,
                )
        for relation in ballot.items[name].removed_relations:
            ends = "; ".join(relation.data["entities"])
            ballot.leave_out("relation", relation.class_id, ends, ends, [name], FOR_REMOVAL)
    anywhere = {key for items in ballot.items.values() for key in items.entities}
    entities = {key: Entity(data, index) for index, (key, data) in enumerate(kept.items())}
    references = References(entities.items())
    result = []
    for key, copies in having.items():
        members = list(copies)
        source = ballot.first(key.class_id, members)
        relation = copies[source]
        reason = ""
        if not anywhere.issuperset(key.ends):
            reason = DANGLING
        elif not ballot.takes(key.class_id, members, key):
            reason = ballot.why_not(key.class_id, members)
        elif not kept.keys() >= set(key.ends):
            reason = NO_ENTITY
        if reason:
            ballot.leave_out(
                "relation",
                key.class_id,
                _shown_ends(key),
                "; ".join(relation.data["entities"]),
                members,
                reason,
            )
            continue
        ballot.report.taken["relation"] += 1
        data = copy.deepcopy(relation.data)
        data["confidence"] = ballot.confidence(
            data.get("confidence"), {name: own.data for name, own in copies.items()}
        )
        standing = [ballot.standing(end) for end in ballot.items[source].ends[relation.index]]
        data["entities"] = [
            _reference(ballot, said, where, entities[end], end, references, key)
            for said, where, end in zip(data["entities"], relation.ends, standing, strict=True)
        ]
        result.append(data)
    return result


def _standing(ballot: Ballot, key: RelationKey) -> RelationKey:
    """A relation between the entities that stand in the merged version."""
    ends = [ballot.standing(end) for end in key.ends]
    return RelationKey(key.class_id, key.directed, tuple(ends if key.directed else sorted(ends)))


def _reference(
    ballot: Ballot,
    said: str,
    where: tuple[str, str | None, int, int],
    entity: Entity,
    end: EntityKey,
    references: References[EntityKey],
    key: RelationKey,
) -> str:
    """A reference as its file has it, or another one if that means another entity in the merged version."""
    part, class_id, start, last = where
    meant = references.fitting(*where)
    if meant[:1] == [end] and (class_id or len(meant) == 1):
        return said
    for first, final in ((start, last), extent(entity)):
        if references.find(part, end.class_id, first, final) == end:
            return f"{part}|{end.class_id}|{first},{final}"
    ballot.report.notes.append(f"{key.class_id} {_shown_ends(key)}: {said} fits another entity, too")
    return said


def _shown_ends(key: RelationKey) -> str:
    return "; ".join(f"{end.class_id} {end.place}" for end in key.ends)
