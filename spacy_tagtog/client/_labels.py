"""Class ids of one project as those of another: classes are matched by kind and name."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

from spacy_tagtog.anndoc import Annotations, Document, Legend
from spacy_tagtog.anndoc.legend import Prefix
from spacy_tagtog.errors import LegendError


def check_labels(document: Document, member: str, legend: Legend) -> None:
    """Make sure that a project has all classes that a version uses.

    Args:
        document: The document.
        member: Whose version.
        legend: The project's legend.

    Raises:
        LegendError: The project has no class of that kind and name.
    """
    _id_map(document, document.version(member), legend)


def translated(annotations: Annotations, document: Document, legend: Legend) -> Annotations:
    """The annotations with a project's class ids, everything else as it was.

    Args:
        annotations: A version of the document.
        document: The document, whose legend says what the class ids of the version mean.
        legend: The project's legend.

    Raises:
        LegendError: The project has no class of that kind and name.
    """
    ids = _id_map(document, annotations, legend)
    if all(old == new for old, new in ids.items()):
        return annotations
    data = copy.deepcopy(annotations.data)
    if data.get("metas"):
        data["metas"] = {ids[key]: value for key, value in data["metas"].items()}
    for entity in data.get("entities") or []:
        entity["classId"] = ids[entity["classId"]]
        for kind in ("fields", "normalizations"):
            if entity.get(kind):
                entity[kind] = {ids[key]: value for key, value in entity[kind].items()}
    for relation in data.get("relations") or []:
        relation["classId"] = ids[relation["classId"]]
        relation["entities"] = [_reference(reference, ids) for reference in relation["entities"]]
    return Annotations(data, place=annotations.place)


def _class_ids(data: dict[str, Any]) -> Iterator[str]:
    """All class ids that an ann.json uses."""
    yield from data.get("metas") or {}
    for entity in data.get("entities") or []:
        yield entity["classId"]
        yield from entity.get("fields") or {}
        yield from entity.get("normalizations") or {}
    for relation in data.get("relations") or []:
        yield relation["classId"]
        for reference in relation["entities"]:
            pieces = reference.split("|")
            if len(pieces) == 3:
                yield pieces[1]


def _id_map(document: Document, annotations: Annotations, legend: Legend) -> dict[str, str]:
    """The project's class id for each class id that a version uses."""
    place = annotations.place or document.id
    ids: dict[str, str] = {}
    for class_id in _class_ids(annotations.data):
        if class_id in ids:
            continue
        if not document.legend:
            if class_id not in legend:
                raise LegendError(
                    "the project has no class with this id, "
                    "and the documents have no legend that says its name",
                    place=place,
                    value=class_id,
                    legal=", ".join(legend) or "(the project has no class at all)",
                    advice="put the annotations-legend.json beside the documents, "
                    "or add the class in tagtog's settings",
                )
            ids[class_id] = class_id
        else:
            name = document.legend.name_of(class_id, place=place)
            ids[class_id] = legend.id_of(cast("Prefix", class_id[0]), name, place=place)
    return ids


def _reference(reference: str, ids: dict[str, str]) -> str:
    """``part|e_N|start,end`` with the project's class id. The shorter form ``part|start,end`` has none."""
    pieces = reference.split("|")
    if len(pieces) == 3:
        pieces[1] = ids[pieces[1]]
    return "|".join(pieces)
