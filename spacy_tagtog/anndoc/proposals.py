"""What was proposed in a version, and what people decided."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from spacy_tagtog.anndoc.ann_json import Annotations, JsonObject
from spacy_tagtog.anndoc.plain_html import Part
from spacy_tagtog.anndoc.review import Review


def without_proposals(annotations: Annotations, parts: Mapping[str, Part]) -> Annotations:
    """The version without its proposals. What people decided stays, and so does everything else.

    Entities, relations, labels and normalizations that were proposed are left out, and so is a relation of an
    entity that is left out. An entity that was proposed for removal stays, as if nobody had proposed it.

    Args:
        annotations: The version; it stays as it is.
        parts: The parts of its document, by id.
    """
    review = Review(annotations, parts, who="")
    entities = annotations.data["entities"]
    for index in reversed(range(len(entities))):
        if _state(entities[index]) == "pre-added":
            review.remove(index)
    data = copy.deepcopy(review.annotations.data)
    for entity in data["entities"]:
        if _state(entity) == "pre-removed":
            entity["confidence"]["state"] = ""
        for key in ("fields", "normalizations"):
            if entity.get(key):
                entity[key] = _decided(entity[key])
    if data.get("relations"):
        data["relations"] = [one for one in data["relations"] if _state(one) != "pre-added"]
    if data.get("metas"):
        data["metas"] = _decided(data["metas"])
    return Annotations(data, place=annotations.place)


def would_undo(before: Annotations, now: Annotations, new: Annotations) -> bool:
    """Whether a new state would undo what people did from one state to the next.

    That is: something that they decided isn't in it so, or something that they removed is in it again.

    Args:
        before: The version before people worked on it.
        now: The version as they left it.
        new: What is to take its place.
    """
    was, is_, becomes = (dict(_items(one)) for one in (before, now, new))
    decided = {item for item, proposed in is_.items() if not proposed and was.get(item, True)}
    removed = was.keys() - is_.keys()
    return any(becomes.get(item, True) for item in decided) or bool(removed & becomes.keys())


def _items(annotations: Annotations) -> Iterator[tuple[str, bool]]:
    """Entities, relations and document labels, each with whether it is only proposed."""
    data = annotations.data
    for entity in data.get("entities") or []:
        yield _key("entity", entity, "classId", "part", "offsets"), _is_proposed(entity)
    for relation in data.get("relations") or []:
        yield _key("relation", relation, "classId", "entities"), _is_proposed(relation)
    for label, value in (data.get("metas") or {}).items():
        yield _key(label, value, "value"), _is_proposed(value)


def _key(kind: str, item: Any, *names: str) -> str:
    named = [item.get(name) for name in names] if isinstance(item, dict) else item
    return json.dumps([kind, named], sort_keys=True)


def _is_proposed(item: Any) -> bool:
    return str(_state(item)).startswith("pre-")


def _state(item: Any) -> Any:
    return (item.get("confidence") or {}).get("state") if isinstance(item, dict) else None


def _decided(labels: JsonObject) -> JsonObject:
    return {key: value for key, value in labels.items() if _state(value) != "pre-added"}
