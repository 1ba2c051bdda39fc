"""What reviewers changed: two versions of one document, compared as edits.

The earlier version may be a model's pre-annotation and the later one what people made of it. Or both may be
states of a version's history. Entities are paired so that the number of edits is least, see
:mod:`spacy_tagtog.agreement.edits`. Edits of labels and relations are counted apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from spacy_tagtog.agreement.edits import Edit, EditCounts, EditSpan, match_edits
from spacy_tagtog.agreement.versions import (
    EntityKey,
    RelationKey,
    VersionItems,
    labels_of,
    set_value,
    task_order,
    value_key,
)
from spacy_tagtog.anndoc import Annotations, Entity, Part


@dataclass(frozen=True)
class EntityChange:
    """What became of one entity.

    Attributes:
        before: The entity in the earlier version, ``None`` where it was added.
        after: The entity in the later version, ``None`` where it was removed.
        relabelled: Whether its type was changed.
        borders: How many of its borders were moved.
    """

    before: Entity | None
    after: Entity | None
    relabelled: bool = False
    borders: int = 0

    @property
    def kind(self) -> str:
        """``kept``, ``added``, ``removed``, ``relabelled``, ``moved``, or ``relabelled and moved``."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return (
            " and ".join([*(["relabelled"] if self.relabelled else []), *(["moved"] if self.borders else [])])
            or "kept"
        )

    @property
    def counts(self) -> EditCounts:
        """Its edits."""
        before, after = (None if entity is None else 0 for entity in (self.before, self.after))
        return EditCounts.of([Edit(before, after, self.relabelled, self.borders)])

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"kind": self.kind, "before": _entity_json(self.before), "after": _entity_json(self.after)}


@dataclass(frozen=True)
class LabelChange:
    """A document label, or a label or normalization of an entity that both versions have, that was changed.

    Attributes:
        task: Its annotation task.
        where: Part and offsets of the entity in the later version; empty for a document label.
        before: Its earlier value, ``None`` where it was not set.
        after: Its later value, ``None`` where it was taken away.
    """

    task: str
    where: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"task": self.task, "where": self.where, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class RelationChange:
    """A relation that was added or removed. One whose entities got other borders or types is still the same.

    Attributes:
        kind: Which of both.
        task: Its annotation task.
        ends: Class id, part and offsets of its entities.
    """

    kind: Literal["added", "removed"]
    task: str
    ends: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"kind": self.kind, "task": self.task, "ends": list(self.ends)}


@dataclass
class Changes:
    """The difference between two versions.

    Attributes:
        entities: What became of each entity: those of the earlier version in their order, then those that
            were added.
        labels: Labels, normalizations and document labels that were changed.
        relations: Relations that were added or removed.
    """

    entities: list[EntityChange] = field(default_factory=list)
    labels: list[LabelChange] = field(default_factory=list)
    relations: list[RelationChange] = field(default_factory=list)

    @property
    def edits(self) -> EditCounts:
        """The edits of entities, by kind."""
        return sum((change.counts for change in self.entities), EditCounts())

    @property
    def by_type(self) -> dict[str, EditCounts]:
        """The edits of entities by class id: the earlier one, or of added entities the later one."""
        result: dict[str, EditCounts] = defaultdict(EditCounts)
        for change in self.entities:
            entity = change.before or change.after
            assert entity is not None
            result[entity.class_id] += change.counts
        return {task: result[task] for task in sorted(result, key=task_order)}

    @property
    def proposed(self) -> Counter[str]:
        """The number of entities of the earlier version by entity type."""
        return Counter(change.before.class_id for change in self.entities if change.before is not None)

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.labels or self.relations or self.edits.total)

    def to_json(self) -> dict[str, Any]:
        """Counts, and everything that was changed, as a JSON object."""
        return {
            "proposed": self.proposed.total(),
            "edits": self.edits.to_json(),
            "types": {task: counts.to_json() for task, counts in self.by_type.items()},
            "entities": [change.to_json() for change in self.entities if change.kind != "kept"],
            "labels": [change.to_json() for change in self.labels],
            "relations": [change.to_json() for change in self.relations],
        }


def compare_entities(
    before: Sequence[tuple[str, int, int, str]], after: Sequence[tuple[str, int, int, str]]
) -> dict[str, EditCounts]:
    """Count edits by entity type, of plain lists of entities.

    Args:
        before: (part, first character, one past the last, label) of each entity of the earlier version.
        after: The same of the later version.

    Returns:
        Label to edits; a change of label counts for the earlier one.
    """
    spans = [
        [EditSpan(part, ((start, end),), label) for part, start, end, label in side]
        for side in (before, after)
    ]
    result: dict[str, EditCounts] = defaultdict(EditCounts)
    for edit in match_edits(*spans):
        label = after[edit.after or 0][3] if edit.before is None else before[edit.before][3]
        result[label] += EditCounts.of([edit])
    return dict(sorted(result.items()))


def compare_versions(
    before: Annotations, after: Annotations, *, parts: Mapping[str, Part] | None = None
) -> Changes:
    """Compare two versions of one document.

    Args:
        before: The earlier version, such as a model's pre-annotation. What it proposes for removal is not
            there.
        after: The later version, such as what people made of it.
        parts: The parts of the content; with them, versions that count offsets in different units are
            compared right.

    Raises:
        AnnJsonError: A relation's reference can't be read.
    """
    sides = [VersionItems.of(version, parts) for version in (before, after)]
    old, new = (_in_order(side) for side in sides)
    edits = match_edits(
        *(
            [EditSpan(key.place.part, key.place.ranges, key.class_id) for key, _ in side]
            for side in (old, new)
        )
    )
    changes = Changes()
    became: dict[EntityKey, EntityKey] = {}
    for edit in edits:
        earlier = None if edit.before is None else old[edit.before]
        later = None if edit.after is None else new[edit.after]
        changes.entities.append(
            EntityChange(earlier and earlier[1], later and later[1], edit.relabelled, edit.borders)
        )
        if earlier is not None and later is not None:
            became.setdefault(earlier[0], later[0])
            changes.labels += _changed(labels_of(earlier[1]), labels_of(later[1]), str(later[0].place))
    changes.labels += _changed(_document_labels(before), _document_labels(after), "")
    earlier_relations, later_relations = _relations(sides[0], became), _relations(sides[1], {})
    changes.relations += [
        _relation_change("removed", key) for key in (earlier_relations - later_relations).elements()
    ]
    changes.relations += [
        _relation_change("added", key) for key in (later_relations - earlier_relations).elements()
    ]
    return changes


def _relations(items: VersionItems, became: Mapping[EntityKey, EntityKey]) -> Counter[RelationKey]:
    """How often each relation occurs, its ends being what became of them."""
    result: Counter[RelationKey] = Counter()
    for key, found in items.relations.items():
        ends = [became.get(end, end) for end in key.ends]
        result[RelationKey(key.class_id, key.directed, tuple(ends if key.directed else sorted(ends)))] += len(
            found
        )
    return result


def _relation_change(kind: Literal["added", "removed"], key: RelationKey) -> RelationChange:
    return RelationChange(
        kind, key.class_id, tuple(f"{end.class_id} {end.place}".strip() for end in key.ends)
    )


def _document_labels(version: Annotations) -> dict[str, Any]:
    values = {task: set_value(label) for task, label in version.metas.items()}
    return {task: value for task, value in values.items() if value is not None}


def _in_order(items: VersionItems) -> list[tuple[EntityKey, Entity]]:
    """The entities in the order of the file."""
    pairs = [(key, entity) for key, entities in items.entities.items() for entity in entities]
    return sorted(pairs, key=lambda pair: pair[1].index)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], where: str) -> list[LabelChange]:
    return [
        LabelChange(task, where, before.get(task), after.get(task))
        for task in sorted(before.keys() | after.keys(), key=task_order)
        if task not in before or task not in after or value_key(before[task]) != value_key(after[task])
    ]


def _entity_json(entity: Entity | None) -> dict[str, Any] | None:
    if entity is None:
        return None
    offsets = [{"start": fragment.start, "text": fragment.text} for fragment in entity.fragments]
    return {
        "classId": entity.class_id,
        "part": entity.part,
        "offsets": offsets,
        "who": entity.who,
        "prob": entity.prob,
    }
