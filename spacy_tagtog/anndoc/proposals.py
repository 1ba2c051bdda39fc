"""A version without what was only proposed: what people see of a document that they annotate blind."""

from __future__ import annotations

import copy
from collections.abc import Mapping
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


def _state(item: Any) -> Any:
    return (item.get("confidence") or {}).get("state") if isinstance(item, dict) else None


def _decided(labels: JsonObject) -> JsonObject:
    return {key: value for key, value in labels.items() if _state(value) != "pre-added"}
