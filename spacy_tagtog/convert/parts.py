"""One Doc per part: for documents too long for one Doc, and for parts that stand by themselves."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass

from spacy.tokens import Doc, Span, SpanGroup

from spacy_tagtog.convert.state import (
    PARTS_KEY,
    SPANS_KEY,
    DocState,
    entity_index,
    get_state,
    set_state,
    span_id,
)


def split_into_parts(doc: Doc) -> list[Doc]:
    """Cut the Doc of a document into one Doc for each of its parts.

    Everything is where it is in the whole Doc. The first Doc remembers the whole document; the others
    remember their own entities, counted from ``e0``. Document labels stand on each.

    Args:
        doc: A Doc that :func:`~spacy_tagtog.convert.to_doc.document_to_doc` made.

    Returns:
        The Docs in document order. Parts without tokens have none, except that there is always a first Doc.
    """
    state = get_state(doc)
    if state is None:
        return [doc]
    entities = state.annotations.data.get("entities") or []
    made: list[Doc] = []
    starts = [token.idx for token in doc]
    for name, start, end in state.parts or (("", 0, 0),):
        tokens = range(bisect_left(starts, start), bisect_left(starts, end))
        is_first = not made
        if not tokens and not is_first:
            continue
        own = [index for index, entity in enumerate(entities) if entity["part"] == name]
        part = _Part(
            name=name,
            start=start,
            end=end,
            tokens=tokens,
            entities=[entities[index] for index in own],
            numbers={index: index if is_first else number for number, index in enumerate(own)},
            is_first=is_first,
        )
        made.append(_doc_of_part(doc, state, part))
    return made


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a Doc.

    Attributes:
        name: Its id.
        start: Its first character in ``doc.text``.
        end: One past its last character.
        tokens: Its tokens.
        entities: The JSON objects of its entities.
        numbers: For each entity's index in ann.json the index by which the part's Doc knows it.
        is_first: Whether it is the document's first, whose Doc remembers the whole document.
    """

    name: str
    start: int
    end: int
    tokens: range
    entities: list[dict[str, object]]
    numbers: dict[int, int]
    is_first: bool


def _doc_of_part(whole: Doc, state: DocState, part: _Part) -> Doc:
    doc = Doc(
        whole.vocab,
        words=[whole[i].text for i in part.tokens],
        spaces=[bool(whole[i].whitespace_) for i in part.tokens],
        sent_starts=[whole[i].is_sent_start for i in part.tokens],
    )
    if part.tokens:
        first = part.tokens.start
        missing = [Span(doc, i - first, i - first + 1) for i in part.tokens if whole[i].ent_iob == 0]
        ents = [_moved(ent, doc, part) for ent in whole.ents if ent.start in part.tokens]
        doc.set_ents(ents, missing=missing, default="outside")
    group = whole.spans[SPANS_KEY]
    kept = [
        (_moved(span, doc, part), score)
        for span, score in zip(group, group.attrs.get("scores", []), strict=True)
        if span.start in part.tokens
    ]
    doc.spans[SPANS_KEY] = SpanGroup(
        doc,
        name=SPANS_KEY,
        spans=[span for span, _ in kept],
        attrs={"scores": [score for _, score in kept]} if kept else {},
    )
    doc.spans[PARTS_KEY] = SpanGroup(
        doc, name=PARTS_KEY, spans=[Span(doc, 0, len(doc), label=part.name)] if part.tokens else []
    )
    doc.cats = dict(whole.cats)
    set_state(doc, _state_of_part(state, part))
    return doc


def _moved(span: Span, doc: Doc, part: _Part) -> Span:
    """A span of the whole Doc on the Doc of the part."""
    index = entity_index(span)
    first = part.tokens.start
    return Span(
        doc,
        span.start - first,
        span.end - first,
        label=span.label,
        kb_id=span.kb_id_,
        span_id=span_id(part.numbers[index]) if index in part.numbers else span.id_,
    )


def _state_of_part(state: DocState, part: _Part) -> DocState:
    """What the Doc of a part remembers: the first one the document, the others their own entities."""
    ann = state.ann
    if ann is not None and not part.is_first:
        ann = json.dumps({"entities": part.entities}, ensure_ascii=True)
    return DocState(
        id=state.id,
        folder=state.folder,
        member=state.member,
        parts=((part.name, 0, part.end - part.start),) if part.name else (),
        html=state.html if part.is_first else b"",
        ann=ann,
        legend=state.legend,
        spans=tuple(
            (part.numbers[index], low - part.start, high - part.start, label)
            for index, low, high, label in state.spans
            if index in part.numbers
        ),
        in_ents=tuple(part.numbers[index] for index in state.in_ents if index in part.numbers),
    )
