"""Merging the entities of several versions, what hangs on them, and document labels."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Literal

from spacy_tagtog.agreement.merge_report import (
    FOR_REMOVAL,
    NO_ENTITY,
    NO_VALUE,
    OTHER_VALUE,
    SECOND_COPY,
    Conflict,
)
from spacy_tagtog.agreement.merge_rule import Ballot
from spacy_tagtog.agreement.versions import EntityKey, normalization_value, set_value, task_order, value_key

_HANGING: Final[tuple[tuple[str, Literal["label", "normalization"], Callable[[Any], Any]], ...]] = (
    ("fields", "label", set_value),
    ("normalizations", "normalization", normalization_value),
)
"""What hangs on an entity: its key in ann.json, what it is called, what its value is."""


def merge_entities(ballot: Ballot) -> dict[EntityKey, dict[str, Any]]:
    """The entities that are taken, in the order of the text, each with its labels and normalizations."""
    order = ballot.part_order()
    result: dict[EntityKey, dict[str, Any]] = {}
    for key, members in sorted(ballot.having().items(), key=lambda item: in_text_order(item[0], order)):
        takes = ballot.takes(key.class_id, members, key)
        source = ballot.first(key.class_id, members) if takes else members[0]
        entity = ballot.items[source].entities[key][0]
        for name in members:
            for more in ballot.items[name].entities[key][1:]:
                ballot.leave_out("entity", key.class_id, key.place, more.text, [name], SECOND_COPY)
        labels = _labels_of(ballot, key, members, takes=takes)
        if not takes:
            ballot.leave_out(
                "entity",
                key.class_id,
                key.place,
                entity.text,
                members,
                ballot.why_not(key.class_id, members),
            )
            continue
        ballot.report.taken["entity"] += 1
        data = copy.deepcopy(entity.data)
        copies = {name: ballot.items[name].entities[key][0].data for name in members}
        data["confidence"] = ballot.confidence(data.get("confidence"), copies)
        for name, values in labels.items():
            if values or name in data:
                data[name] = values
        others = [own for name, own in copies.items() if name != source]
        different = sorted(
            {
                more
                for other in others
                for more in other.keys() | data.keys()
                if not _same_beside(more, data, other)
            }
        )
        if different:
            ballot.report.notes.append(
                f"{key.class_id} {key.place}: {', '.join(different)} differ, {source}'s were taken"
            )
        result[key] = data
    for name in ballot.names:
        for entity in ballot.items[name].removed:
            ballot.leave_out(
                "entity",
                entity.class_id,
                f"{entity.part}|{entity.fragments[0].start}",
                entity.text,
                [name],
                FOR_REMOVAL,
            )
    return result


def merge_metas(ballot: Ballot) -> dict[str, Any]:
    """The document labels that are taken, task to JSON object."""
    found: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for name in ballot.names:
        for task, label in ballot.versions[name].metas.items():
            found[task][name] = [label]
    merged = {
        task: _value(ballot, "document label", task, None, found[task], set_value)
        for task in sorted(found, key=task_order)
    }
    return {task: label for task, label in merged.items() if label is not None}


def _labels_of(
    ballot: Ballot, key: EntityKey, members: Sequence[str], *, takes: bool
) -> dict[str, dict[str, Any]]:
    """The labels and normalizations of an entity, merged."""
    result: dict[str, dict[str, Any]] = {}
    for name, kind, value_of in _HANGING:
        found: dict[str, dict[str, list[Any]]] = defaultdict(dict)  # task to member to JSON objects
        for member in members:
            for entity in ballot.items[member].entities[key]:
                for task, label in (entity.data.get(name) or {}).items():
                    found[task].setdefault(member, []).append(label)
        merged = {
            task: _value(ballot, kind, task, key, found[task], value_of, takes=takes)
            for task in sorted(found, key=task_order)
        }
        result[name] = {task: value for task, value in merged.items() if value is not None}
    return result


def _value(
    ballot: Ballot,
    kind: Literal["label", "normalization", "document label"],
    task: str,
    key: EntityKey | None,
    found: Mapping[str, list[Any]],
    value_of: Callable[[Any], Any],
    *,
    takes: bool = True,
) -> dict[str, Any] | None:
    """One label, merged from the versions that have it; ``None`` where no value is taken."""
    where = "" if key is None else str(key.place)
    by_value: dict[Hashable, dict[str, Any]] = {}  # value to member to JSON object
    for member, labels in found.items():
        first: Hashable = None
        for label in labels:
            value = value_of(label)
            if value is None:
                if label:
                    removed = (label.get("confidence") or {}).get("state") == "pre-removed"
                    ballot.leave_out(
                        kind, task, where, _shown(label), [member], FOR_REMOVAL if removed else NO_VALUE
                    )
            elif first is None:
                first = value_key(value)
                by_value.setdefault(first, {})[member] = label
            elif value_key(value) != first:  # the same on a second copy says nothing new
                ballot.leave_out(kind, task, where, _shown(value), [member], SECOND_COPY)
    if len(by_value) > 1:
        sides = tuple(
            (f"{task} = {_shown(value_of(next(iter(some.values()))))}", tuple(some))
            for some in by_value.values()
        )
        ballot.report.conflicts.append(Conflict("value", where or task, sides))
    chosen: dict[str, Any] | None = None
    if takes:
        # In the order of the first member with each value: union takes the first.
        chosen = next((some for some in by_value.values() if ballot.takes(task, list(some), key)), None)
    for some in by_value.values():
        if some is not chosen:
            value = _shown(value_of(next(iter(some.values()))))
            reason = (
                NO_ENTITY
                if not takes
                else ballot.why_not(task, list(some))
                if not ballot.takes(task, list(some), key)
                else OTHER_VALUE
            )
            ballot.leave_out(kind, task, where, value, some, reason)
    if chosen is None:
        return None
    ballot.report.taken[kind] += 1
    label = copy.deepcopy(chosen[ballot.first(task, list(chosen))])
    label["confidence"] = ballot.confidence(label.get("confidence"), chosen)
    return dict(label)


def in_text_order(key: EntityKey, order: Mapping[str, int]) -> tuple[Any, ...]:
    """A key to sort entities as they stand in the text."""
    part = key.place.part
    return (order.get(part, len(order)), part, key.place.ranges, task_order(key.class_id))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _same_beside(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a key that merging doesn't decide is the same in two entities; no value equals an empty one."""
    return key in ("confidence", "fields", "normalizations") or same(
        one.get(key) or None, other.get(key) or None
    )
