"""How two versions side by side are told to a page: entities to draw, differences to decide, notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from typing_extensions import TypedDict

from spacy_tagtog._plural import counted
from spacy_tagtog.agreement import Comparison, Difference
from spacy_tagtog.agreement.side_by_side import Side
from spacy_tagtog.agreement.versions import EntityKey, VersionItems, labels_of


class DifferenceView(TypedDict):
    """A difference.

    Attributes:
        id: Its name, which decisions use.
        kind: ``entity``, ``label``, ``relation``, ``document label``.
        how: ``only``, ``type``, ``borders``, ``type and borders``, ``value``.
        task: The annotation task.
        left: What the left version has; ``None`` for nothing. An entity has ``mark`` (its place in the list
            of entities) and what hangs on it, a relation ``ends`` (places in that list), a label ``value``.
        right: The same of the right version.
        at: Of a label: the place of its entity.
        choices: What may be taken.
    """

    id: str
    kind: str
    how: str
    task: str
    left: dict[str, Any] | None
    right: dict[str, Any] | None
    at: int | None
    choices: list[str]


def entity_views(comparison: Comparison) -> list[dict[str, Any]]:
    """The entities of both versions in the order of the text, with offsets in code points.

    ``side`` is ``left``, ``right`` or ``both``.
    """
    found = []
    for key in comparison.entities:
        having = [side for side, items in comparison.sides.items() if key in items.entities]
        entity = comparison.sides[having[0]].entities[key][0]
        stored = sorted(entity.fragments, key=lambda fragment: fragment.start)
        offsets = [
            {"start": start, "text": fragment.text}
            for (start, _), fragment in zip(key.place.ranges, stored, strict=True)
        ]
        side = having[0] if len(having) == 1 else "both"
        found.append({"side": side, "classId": key.class_id, "part": key.place.part, "offsets": offsets})
    return found


def difference_views(comparison: Comparison) -> list[DifferenceView]:
    """The differences, in order."""
    number = {key: index for index, key in enumerate(comparison.entities)}
    return [_view(comparison, number, one) for one in comparison.differences]


def _view(comparison: Comparison, number: Mapping[EntityKey, int], one: Difference) -> DifferenceView:
    said: dict[Side, dict[str, Any] | None] = {}
    for side in get_args(Side):
        own = one.left if side == "left" else one.right
        if own is None:
            said[side] = None
        elif one.kind == "entity":
            said[side] = {"mark": number[own], **_entity(comparison.sides[side], own)}
        elif one.kind == "relation":
            said[side] = {"ends": [number[end] for end in own.ends], "directed": own.directed}
        else:
            said[side] = {"value": own}
    return {
        "id": one.id,
        "kind": one.kind,
        "how": one.how,
        "task": one.task,
        "left": said["left"],
        "right": said["right"],
        "at": None if one.at is None else number[one.at],
        "choices": list(one.choices),
    }


def _entity(items: VersionItems, key: EntityKey) -> dict[str, Any]:
    entity = items.entities[key][0]
    known = entity.data.get("confidence") or {}
    return {
        "labels": labels_of(entity),
        "state": known.get("state"),
        "who": known.get("who") or [],
        "prob": known.get("prob"),
    }


def notes_of(comparison: Comparison, titles: Mapping[str, str]) -> list[str]:
    """What neither version hands on, whatever is decided: a sentence for each kind and version."""
    notes = []
    there = set(comparison.entities)
    for side, items in comparison.sides.items():
        copies = sum(len(same) - 1 for same in items.entities.values())
        copies += sum(len(same) - 1 for same in items.relations.values())
        removed = len(items.removed) + len(items.removed_relations)
        loose = sum(not there.issuperset(key.ends) for key in items.relations)
        if removed:
            said = counted(
                removed,
                "annotation is proposed for removal, and counts as removed",
                "annotations are proposed for removal, and count as removed",
            )
            notes.append(f"{titles[side]}: {said}.")
        if copies:
            said = counted(
                copies,
                "annotation stands there twice, and is taken once",
                "annotations stand there twice, and are taken once",
            )
            notes.append(f"{titles[side]}: {said}.")
        if loose:
            said = counted(
                loose,
                "relation leads to an entity that isn't there, and is left out",
                "relations lead to entities that aren't there, and are left out",
            )
            notes.append(f"{titles[side]}: {said}.")
    return notes
