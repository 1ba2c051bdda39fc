"""Relations and entity labels on a Doc, by name: ``doc._.anndoc_relations`` and ``span._.anndoc_fields``.

They are read from the original annotations each time. What was edited is known when the Doc goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import Annotations, Entity, OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.ann_json import read_reference
from spacy_tagtog.anndoc.references import References, extent, is_inclusive
from spacy_tagtog.convert.docbin import numbers_of_spans
from spacy_tagtog.convert.state import SPANS_KEY, entity_index, get_state, original_entity
from spacy_tagtog.errors import AnnJsonError


@dataclass(frozen=True)
class DocRelation:
    """A relation between entities of a Doc.

    Attributes:
        label: The relation type's name in the legend, or its class id.
        type: ``linked``, ``part-of``, ``anaphora``…; empty where the file has none.
        directed: Whether it goes from the first to the second.
        spans: The entities that it connects, as they are in ``doc.spans["anndoc"]``; ``None`` for one that
            isn't on the Doc, or has a border inside a token since tokens were merged.
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

    Which entity an end is: see :class:`~spacy_tagtog.anndoc.references.References`. An end that can't be read
    is ``None``.
    """
    state = get_state(doc)
    if state is None or not state.html:
        return []
    annotations = state.annotations
    if not annotations.relations:
        return []
    spans = _spans_by_entity(doc)
    entities = annotations.entities
    references = References((entity.index, entity) for entity in entities)
    found = []
    for relation in annotations.relations:
        try:
            ends = relation.ends
        except AnnJsonError:
            connected: tuple[Span | None, ...] = (None,) * len(relation.data["entities"])
        else:
            # Where entities are alike, it is the one that is on the Doc.
            connected = tuple(
                next(
                    (spans[index] for index in _alike(references.fitting(*end), entities) if index in spans),
                    None,
                )
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


def _spans_by_entity(doc: Doc) -> dict[int | None, Span]:
    """The spans of ``doc.spans["anndoc"]`` by their entities' places in ann.json, found by their characters.

    Where tokens were merged or split since, the group still has the numbers of the tokens as they were. An
    entity with a border inside a token has no span.
    """
    if SPANS_KEY not in doc.spans:
        return {}
    found: dict[int | None, Span] = {}
    for own_id, kb_id, label, _, _, start, end in numbers_of_spans(doc.spans[SPANS_KEY]):
        span = doc.char_span(start, end, label=label, kb_id=kb_id, span_id=own_id)
        if span is not None:
            found[entity_index(span)] = span
    return found


def followed(
    original: Annotations, after: Mapping[int, Entity | None], unit: OffsetUnit
) -> list[dict[str, Any]]:
    """The relations of annotations whose entities were edited: their references follow the entities.

    A relation of an entity that was removed goes with it, as in tagtog's own merges. A reference that fits no
    entity, or can't be read, stays as it is.

    Args:
        original: The annotations before.
        after: The entities that were edited, by their indices in ann.json, as they are now; ``None`` for
            those that were removed.
        unit: How offsets count.
    """
    entities = original.entities
    references = References((entity.index, entity) for entity in entities)
    result = []
    for relation in original.relations:
        pointers = [_followed(said, entities, references, after, unit) for said in relation.data["entities"]]
        if None not in pointers:
            result.append({**relation.data, "entities": pointers})
    return result


def _followed(
    said: str,
    entities: Sequence[Entity],
    references: References[int],
    after: Mapping[int, Entity | None],
    unit: OffsetUnit,
) -> str | None:
    """A reference to what became of the entity that it means; ``None`` if that was removed."""
    end = read_reference(said)
    fitting = [] if end is None else references.fitting(*end)
    if end is None or not fitting:
        return said
    meant = entities[fitting[0]]
    equal = [index for index in _alike(fitting, entities) if entities[index].class_id == meant.class_id]
    if not after.keys() >= set(equal):  # one of them stays, and the relation is its
        return said
    now = next((entity for entity in map(after.__getitem__, equal) if entity is not None), None)
    if now is None:
        return None
    _, class_id, start, last = end
    if (now.part, _place(now)) != (meant.part, _place(meant)):
        inclusive = is_inclusive(meant, start, last)
        start, last = extent(now, unit)
        last -= inclusive
    return "|".join([now.part, *([] if class_id is None else [now.class_id]), f"{start},{last}"])


def new_reference(class_id: str, part: str, text: str, start: int, end: int, unit: OffsetUnit) -> str:
    """How a relation refers to an entity of one piece.

    Args:
        class_id: The entity type's id.
        part: The part's id.
        text: The text of the whole part.
        start: First character, in code points of the part's text.
        end: One past the last character.
        unit: The unit in which offsets are written.
    """
    if unit == "utf-16":
        start, end = map(OffsetConverter(text).to_utf16, (start, end))
    return f"{part}|{class_id}|{start},{end}"


class RelatedEntities:
    """Which entities of a version are related, however the references to them are written.

    Args:
        annotations: The version.
    """

    def __init__(self, annotations: Annotations) -> None:
        self._references = References((entity.index, entity) for entity in annotations.entities)
        self._known: set[tuple[str, tuple[int | None, ...]]] = set()
        for relation in annotations.relations:
            self.add(
                relation.class_id, relation.data["entities"], directed=bool(relation.data.get("directed"))
            )

    def add(self, class_id: str, references: Sequence[str], *, directed: bool) -> bool:
        """Note a relation.

        Args:
            class_id: Its type.
            references: Its entities.
            directed: Whether it goes from the first to the second.

        Returns:
            Whether it is a new one.
        """
        ends = [read_reference(said) for said in references]
        found = [None if end is None else self._references.find(*end) for end in ends]
        if None in found:  # nobody knows what it relates
            return True
        places = tuple(found if directed else sorted(index for index in found if index is not None))
        if (class_id, places) in self._known:
            return False
        self._known.add((class_id, places))
        return True


def _alike(fitting: Sequence[int], entities: Sequence[Entity]) -> list[int]:
    """Of the entities that a reference fits, those that stand where the first of them stands."""
    return [index for index in fitting if _place(entities[index]) == _place(entities[fitting[0]])]


def _place(entity: Entity) -> list[tuple[int, str]]:
    return sorted((fragment.start, fragment.text) for fragment in entity.fragments)


def fields_of(span: Span) -> dict[str, Any]:
    """The labels of the entity behind a span: name (or class id) to value. Empty where there is no entity."""
    entity, state = original_entity(span), get_state(span.doc)
    if entity is None or state is None:
        return {}
    fields = entity.get("fields") or {}
    return {state.legend.get(class_id, class_id): label.get("value") for class_id, label in fields.items()}


Doc.set_extension("anndoc_relations", getter=relations_of, force=True)
Span.set_extension("anndoc_fields", getter=fields_of, force=True)
