"""Relations and entity labels on a Doc, by name: ``doc._.anndoc_relations`` and ``span._.anndoc_fields``.

They are read from the original annotations each time. What was edited is known when the Doc goes back.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import OffsetConverter, OffsetUnit, detect_unit
from spacy_tagtog.convert.state import SPANS_KEY, entity_index, get_state, original_entity
from spacy_tagtog.errors import AnnJsonError

EntityKey = tuple[str, str, int, int]
"""What a relation knows of an entity: part, class id, start, end."""


def entity_key(entity: dict[str, Any], unit: OffsetUnit) -> EntityKey:
    """How relations refer to an entity, offsets in the unit of its ann.json."""
    first, last = entity["offsets"][0], entity["offsets"][-1]
    length = OffsetConverter(last["text"]).utf16_length if unit == "utf-16" else len(last["text"])
    return entity["part"], entity["classId"], first["start"], last["start"] + length


@dataclass(frozen=True)
class DocRelation:
    """A relation between entities of a Doc.

    Attributes:
        label: The relation type's name in the legend, or its class id.
        type: ``linked``, ``part-of``, ``anaphora``…; empty where the file has none.
        directed: Whether it goes from the first to the second.
        spans: The entities that it connects, as they are in ``doc.spans["anndoc"]``; ``None`` for one that
            isn't on the Doc.
        data: The relation's JSON object.
    """

    label: str
    type: str
    directed: bool
    spans: tuple[Span | None, ...]
    data: dict[str, Any]


def relations_of(doc: Doc) -> list[DocRelation]:
    """The relations of a converted Doc, in file order; none for any other Doc.

    Where a document has a Doc per part, the first Doc has all of them.

    An end that two entities fit (older files name no class) is the one that ann.json lists first. An end that
    can't be read is ``None``.
    """
    state = get_state(doc)
    if state is None or not state.html:
        return []
    annotations = state.annotations
    if not annotations.relations:
        return []
    unit = detect_unit(state.plain_html.parts, annotations)
    spans = {entity_index(span): span for span in doc.spans[SPANS_KEY]} if SPANS_KEY in doc.spans else {}
    entities: dict[tuple[str, str | None, int, int], list[int]] = defaultdict(list)
    for entity in annotations.entities:
        part, class_id, start, end = entity_key(entity.data, unit)
        entities[part, class_id, start, end].append(entity.index)
        entities[part, None, start, end].append(entity.index)
    found = []
    for relation in annotations.relations:
        try:
            ends = relation.ends
        except AnnJsonError:
            connected: tuple[Span | None, ...] = (None,) * len(relation.data["entities"])
        else:
            # Where entities are alike, it is the one that is on the Doc.
            connected = tuple(
                next((spans[index] for index in entities.get(end, ()) if index in spans), None)
                for end in ends
            )
        label = state.legend.get(relation.class_id, relation.class_id)
        found.append(
            DocRelation(
                label,
                str(relation.data.get("type") or ""),
                bool(relation.data.get("directed")),
                connected,
                relation.data,
            )
        )
    return found


def fields_of(span: Span) -> dict[str, Any]:
    """The labels of the entity behind a span: name (or class id) to value. Empty where there is no entity."""
    entity, state = original_entity(span), get_state(span.doc)
    if entity is None or state is None:
        return {}
    fields = entity.get("fields") or {}
    return {state.legend.get(class_id, class_id): label.get("value") for class_id, label in fields.items()}


Doc.set_extension("anndoc_relations", getter=relations_of, force=True)
Span.set_extension("anndoc_fields", getter=fields_of, force=True)
