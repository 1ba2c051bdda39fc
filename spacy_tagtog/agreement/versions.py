"""A version of a document's annotations as things that can be compared with another version's.

tagtog's definitions (its documentation, *IAA calculation methods*) compare: entities by class id and offsets;
labels and normalizations of entities by class id, the entity's offsets and the value; document labels by
class id and value; relations by class id and by the class ids and offsets of the entities that they relate.
Offsets are comparable only within one part.

What the definitions leave open is decided here, once for agreement, merging and changes:

- Where the texts of the parts are known, offsets are compared in code points, whichever unit a version counts
  in. An offset that points at another text is compared as it is stored, as tagtog does.
- What is proposed for removal (``pre-removed``) is not there. What a machine proposed (``pre-added``) is
  there: who confirms a document confirms it.
- The fragments of a discontinuous entity are compared all together, in the order of the text.
- Values are equal if they are equal in JSON: ``true`` is not ``1``; ``1`` and ``1.0`` are one number. A label
  without a value is no label.
- The value of a normalization is its source's id, or without one its ``recName``.
- The ends of a relation that isn't directed may come in either order.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Entity,
    OffsetConverter,
    OffsetUnit,
    Part,
    Relation,
    detect_unit,
    locate,
)
from spacy_tagtog.anndoc.references import References
from spacy_tagtog.errors import AgreementError

DocumentVersions = Document | Mapping[str, Annotations]
"""The versions of one document: a document, or only its annotations by member.

Without the document, offsets are compared as they are stored."""

_TASK = re.compile("[efmnr]_[0-9]{1,18}")


class Place(NamedTuple):
    """Where an entity stands: its part, and (first character, one past the last) of each fragment."""

    part: str
    ranges: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return f"{self.part}|{','.join(f'{start}-{end}' for start, end in self.ranges)}"


class EntityKey(NamedTuple):
    """What makes two entities the same one under ``exact_v1``."""

    class_id: str
    place: Place


class RelationKey(NamedTuple):
    """What makes two relations the same one under ``exact_v1``."""

    class_id: str
    directed: bool
    ends: tuple[EntityKey, ...]


class Item(NamedTuple):
    """One annotation of one task, as it is compared.

    Attributes:
        places: Where it stands: nowhere for a document label, one place for entities and what hangs on them,
            one for each end of a relation.
        value: What else must be equal: the value of a label or normalization; of a relation the class ids of
            its ends.
        directed: Of a relation: whether the order of its ends matters.
    """

    places: tuple[Place, ...]
    value: Hashable
    directed: bool = False


def versions_of(document: DocumentVersions) -> Mapping[str, Annotations]:
    """The versions by member."""
    return document.versions if isinstance(document, Document) else document


def parts_of(document: DocumentVersions) -> dict[str, Part] | None:
    """The parts of the content, if it is known."""
    return document.parts if isinstance(document, Document) else None


def confirmed_members(versions: Mapping[str, Annotations], members: Iterable[str] | None = None) -> list[str]:
    """Who confirmed a version, by name. ``master`` is nobody's version and counts only if it is named.

    Args:
        versions: The versions of a document.
        members: Whom to consider; by default all but ``master``.
    """
    chosen = (
        [name for name in versions if name != MASTER]
        if members is None
        else [name for name in members if name in versions]
    )
    return sorted(name for name in chosen if versions[name].complete)


def check_task(task: str) -> str:
    """The id of an annotation task, if it is one.

    Raises:
        AgreementError: It isn't.
    """
    if not _TASK.fullmatch(task):
        raise AgreementError(
            "not the id of an annotation task", value=task, legal="e_N, f_N, m_N, n_N or r_N with a number N"
        )
    return task


def task_order(task: str) -> tuple[int, int, str]:
    """A key to sort tasks: document labels, entities, their labels, normalizations, relations; by number."""
    return ("mefnr".find(task[0]), int(task[2:]) if _TASK.fullmatch(task) else 0, task)


def value_key(value: Any) -> Hashable:
    """A value as something that is equal where the values are equal in JSON."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return ("number", value)
    return ("text", str(value))


def set_value(label: Mapping[str, Any] | None) -> Any:
    """The value of a document or entity label; ``None`` if it has none or is proposed for removal."""
    return None if not label or _is_removed(label) else label.get("value")


def normalization_value(normalization: Mapping[str, Any] | None) -> Any:
    """What a normalization says: the id in its source, else the name; ``None`` if it says nothing."""
    if not normalization or _is_removed(normalization):
        return None
    return (normalization.get("source") or {}).get("id") or normalization.get("recName") or None


def _is_removed(data: Mapping[str, Any]) -> bool:
    return (data.get("confidence") or {}).get("state") == "pre-removed"


@dataclass
class VersionItems:
    """One version, taken apart.

    Attributes:
        annotations: The version.
        unit: How its offsets count; ``None`` where the content isn't known.
        entities: The entities by what makes them the same; several where one repeats.
        relations: The relations by what makes them the same; several where one repeats.
        ends: The ends of each relation by its index, in the order of the file.
        removed: Entities that are proposed for removal.
        removed_relations: Relations that are proposed for removal.
        misplaced: Entities whose offset points at another text, or whose part isn't there.
    """

    annotations: Annotations
    unit: OffsetUnit | None = None
    entities: dict[EntityKey, list[Entity]] = field(default_factory=dict)
    relations: dict[RelationKey, list[Relation]] = field(default_factory=dict)
    ends: dict[int, tuple[EntityKey, ...]] = field(default_factory=dict)
    removed: list[Entity] = field(default_factory=list)
    removed_relations: list[Relation] = field(default_factory=list)
    misplaced: list[Entity] = field(default_factory=list)

    @classmethod
    def of(cls, annotations: Annotations, parts: Mapping[str, Part] | None = None) -> VersionItems:
        """Take a version apart.

        Args:
            annotations: The version.
            parts: The parts of the document's content, if they are known.

        Raises:
            AnnJsonError: A relation's reference can't be read.
        """
        items = cls(annotations)
        places = [_stored(entity) for entity in annotations.entities]
        if parts is not None:
            items.unit = detect_unit(parts, annotations)
            for index, located in enumerate(locate(parts, annotations, unit=items.unit)):
                if located.problem is None:
                    places[index] = Place(located.entity.part, tuple(sorted(located.ranges)))
                else:
                    items.misplaced.append(located.entity)
                    places[index] = _in_code_points(places[index], parts, items.unit)
        there: list[tuple[EntityKey, Entity]] = []
        for entity, place in zip(annotations.entities, places, strict=True):
            if entity.is_removed:
                items.removed.append(entity)
                continue
            name = EntityKey(entity.class_id, place)
            items.entities.setdefault(name, []).append(entity)
            there.append((name, entity))
        references = References(there)
        for relation in annotations.relations:
            if _is_removed(relation.data):
                items.removed_relations.append(relation)
                continue
            ends = []
            for part, class_id, start, last in relation.ends:
                end = references.find(part, class_id, start, last)
                ends.append(end or EntityKey(class_id or "", Place(part, ((start, last),))))
            items.ends[relation.index] = tuple(ends)
            directed = bool(relation.data.get("directed"))
            key = RelationKey(relation.class_id, directed, tuple(ends if directed else sorted(ends)))
            items.relations.setdefault(key, []).append(relation)
        return items

    def by_task(self) -> dict[str, set[Item]]:
        """The annotations of each task, each once."""
        tasks: dict[str, set[Item]] = {}
        for task, label in self.annotations.metas.items():
            if (value := set_value(label)) is not None:
                tasks.setdefault(task, set()).add(Item((), value_key(value)))
        for key, entities in self.entities.items():
            tasks.setdefault(key.class_id, set()).add(Item((key.place,), None))
            for entity in entities:
                for task, value in labels_of(entity).items():
                    tasks.setdefault(task, set()).add(Item((key.place,), value_key(value)))
        for relation in self.relations:
            classes = tuple(end.class_id for end in relation.ends)
            item = Item(tuple(end.place for end in relation.ends), classes, relation.directed)
            tasks.setdefault(relation.class_id, set()).add(item)
        return tasks


def labels_of(entity: Entity) -> dict[str, Any]:
    """The labels and normalizations of an entity that have a value: task to value."""
    found = {task: set_value(label) for task, label in (entity.data.get("fields") or {}).items()}
    found |= {
        task: normalization_value(item) for task, item in (entity.data.get("normalizations") or {}).items()
    }
    return {task: value for task, value in found.items() if value is not None}


def _stored(entity: Entity) -> Place:
    """The place that the file gives."""
    return Place(
        entity.part,
        tuple(sorted((fragment.start, fragment.start + len(fragment.text)) for fragment in entity.fragments)),
    )


def _in_code_points(place: Place, parts: Mapping[str, Part], unit: OffsetUnit) -> Place:
    """A place that doesn't fit its text, in code points: the same wrong offset is the same annotation."""
    if unit == "code-point" or place.part not in parts or parts[place.part].text.isascii():
        return place
    to_points = OffsetConverter(parts[place.part].text).to_code_points
    ranges = []
    for start, end in place.ranges:
        point = to_points(start)
        ranges.append((start, end) if point is None else (point, point + end - start))
    return Place(place.part, tuple(ranges))
