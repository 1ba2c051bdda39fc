"""One Doc a part: for documents too long for one Doc, and for parts that stand for themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence

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
    original = state.annotations.data.get("entities") or []
    made: list[Doc] = []
    starts = [token.idx for token in doc]
    for name, start, end in state.parts or (("", 0, 0),):
        tokens = [i for i, place in enumerate(starts) if start <= place < end]
        is_first = not made
        if not tokens and not is_first:
            continue
        own = [index for index, entity in enumerate(original) if entity["part"] == name]
        number = {index: index if is_first else place for place, index in enumerate(own)}
        made.append(_part(doc, state, name, start, end, tokens, number, original, is_first=is_first))
    return made


def _part(
    doc: Doc,
    state: DocState,
    name: str,
    start: int,
    end: int,
    tokens: Sequence[int],
    number: dict[int, int],
    entities: list[dict[str, object]],
    *,
    is_first: bool,
) -> Doc:
    first = tokens[0] if tokens else 0
    part = Doc(
        doc.vocab,
        words=[doc[i].text for i in tokens],
        spaces=[bool(doc[i].whitespace_) for i in tokens],
        sent_starts=[doc[i].is_sent_start for i in tokens],
    )

    def moved(span: Span) -> Span:
        index = entity_index(span)
        return Span(
            part,
            span.start - first,
            span.end - first,
            label=span.label,
            kb_id=span.kb_id_,
            span_id=span_id(number[index]) if index is not None and index in number else span.id_,
        )

    inside = set(tokens)
    if tokens:
        missing = [Span(part, i - first, i - first + 1) for i in tokens if doc[i].ent_iob == 0]
        part.set_ents(
            [moved(ent) for ent in doc.ents if ent.start in inside], missing=missing, default="outside"
        )
    group = doc.spans[SPANS_KEY]
    kept = [
        (span, score)
        for span, score in zip(group, group.attrs.get("scores", []), strict=True)
        if span.start in inside
    ]
    part.spans[SPANS_KEY] = SpanGroup(
        part,
        name=SPANS_KEY,
        spans=[moved(span) for span, _ in kept],
        attrs={"scores": [score for _, score in kept]} if kept else {},
    )
    part.spans[PARTS_KEY] = SpanGroup(
        part, name=PARTS_KEY, spans=[Span(part, 0, len(part), label=name)] if tokens else []
    )
    part.cats = dict(doc.cats)
    spans = tuple(
        (number[index], low - start, high - start, label)
        for index, low, high, label in state.spans
        if index in number
    )
    own = [entities[index] for index in number]
    set_state(
        part,
        DocState(
            id=state.id,
            folder=state.folder,
            member=state.member,
            parts=((name, 0, end - start),) if name else (),
            html=state.html if is_first else b"",
            ann=state.ann
            if is_first or state.ann is None
            else json.dumps({"entities": own}, ensure_ascii=True),
            legend=state.legend,
            spans=spans,
            in_ents=tuple(number[index] for index in state.in_ents if index in number),
        ),
    )
    return part
