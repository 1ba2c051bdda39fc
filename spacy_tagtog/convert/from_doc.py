"""From a spaCy ``Doc`` back to a tagtog document."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Entity,
    Legend,
    OffsetConverter,
    OffsetUnit,
    PlainHtml,
    detect_unit,
    html_from_text,
)
from spacy_tagtog.convert.docbin import numbers_of_spans
from spacy_tagtog.convert.relations import followed
from spacy_tagtog.convert.report import ConversionReport
from spacy_tagtog.convert.state import SPANS_KEY, DocState, entity_index, get_state
from spacy_tagtog.errors import ConversionError


def new_entity(
    *,
    class_id: str,
    part: str,
    text: str,
    start: int,
    end: int,
    unit: OffsetUnit = "utf-16",
    state: str = "pre-added",
    who: str = "ml:spacy",
    prob: float | None = None,
) -> dict[str, Any]:
    """The JSON object of a new entity.

    Args:
        class_id: The entity type's id.
        part: The part's id.
        text: The text of the whole part.
        start: First character, in code points of the part's text.
        end: One past the last character.
        unit: The unit in which its offset is written.
        state: ``"pre-added"`` for a machine's proposal, ``""`` for a person's annotation.
        who: Its author, ``ml:NAME`` or ``user:NAME``.
        prob: Its probability in (0, 1]; left out where there is none.
    """
    written = OffsetConverter(text).to_utf16(start) if unit == "utf-16" else start
    confidence: dict[str, Any] = {"state": state, "who": [who]}
    if prob is not None:
        confidence["prob"] = prob
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": written, "text": text[start:end]}],
        "coordinates": [],
        "confidence": confidence,
        "fields": {},
        "normalizations": {},
    }


def doc_to_document(
    doc: Doc,
    *,
    who: str = "ml:spacy",
    legend: Legend | None = None,
    offset_unit: OffsetUnit | None = None,
    report: ConversionReport | None = None,
) -> Document:
    """Convert a Doc back into a tagtog document.

    A Doc that was made from a tagtog document and not changed gives back the same bytes of plain.html and an
    equal ann.json. Edits of ``doc.ents`` and of ``doc.spans["anndoc"]`` go back: a span that was removed from
    either removes its entity, and the relations with it. Another label or other borders change it. A new span
    adds one: ``pre-added``, with the probability of ``span._.confidence`` where the pipeline gives one. An
    entity of which a border is inside a token by now, since tokens were merged, stays as it was.

    A Doc without a tagtog document behind it becomes a new document with one verbatim part.

    Args:
        doc: The Doc.
        who: The author of new entities.
        legend: Class ids and names; by default those that the Doc remembers.
        offset_unit: The unit of new offsets; by default the one that the document uses (UTF-16 where nothing
            tells).
        report: ``documents_out`` and ``entities_out`` are counted there.

    Raises:
        LegendError: A label has no class id in the legend.
        ConversionError: An edited span crosses from one part into another, or the text of the Doc isn't
            that of its document, as after ``span.as_doc(copy_user_data=True)``.
        PlainHtmlError: The text of a new document holds a character that XML can't carry.
    """
    return docs_to_document([doc], who=who, legend=legend, offset_unit=offset_unit, report=report)


def new_document(
    doc: Doc,
    *,
    legend: Legend,
    who: str = "ml:spacy",
    state: str = "pre-added",
    left: Counter[str] | None = None,
) -> Document:
    """Make a tagtog document of a Doc without one behind it, such as one of a stock ``.spacy``.

    Its entities are ``doc.ents`` and the spans of ``doc.spans["sc"]``, where a ``spancat`` learns from, each
    once. Its document labels are ``doc.cats``: ``NAME=VALUE`` where it is at least 0.5, and ``NAME`` as a
    boolean.

    Args:
        doc: The Doc.
        legend: Class ids and names.
        who: The author of all of it, ``ml:NAME`` or ``user:NAME``.
        state: The state of all of it: ``"pre-added"`` for proposals, ``""`` for what a person annotated.
        left: What has no place in a document is counted there: other span groups, by name.

    Raises:
        LegendError: A label has no class id in the legend.
        PlainHtmlError: The text holds a character that XML can't carry.
    """
    document = doc_to_document(doc, who=who, legend=legend)
    data = copy.deepcopy(document.annotations.data)
    part = next(iter(document.parts))
    known = {_border(ent) for ent in doc.ents}
    for span in doc.spans.get(_SPANCAT_KEY, ()):
        if _border(span) not in known:
            known.add(_border(span))
            edges = (len(_newlines(doc.text[:edge])) for edge in (span.start_char, span.end_char))
            start, end = edges
            data["entities"].append(
                new_entity(
                    class_id=legend.id_of("e", span.label_, place=document.id),
                    part=part,
                    text=document.parts[part].text,
                    start=start,
                    end=end,
                    who=who,
                )
            )
    confidence = {"state": state, "who": [who]}
    for entity in data["entities"]:
        entity["confidence"] |= confidence
    for category, score in doc.cats.items():
        name, equals, value = category.partition("=")
        if not equals or score >= _SET:
            class_id = legend.id_of("m", name, place=document.id)
            data.setdefault("metas", {})[class_id] = {
                "value": value if equals else score >= _SET,
                "confidence": dict(confidence),
            }
    if left is not None:
        left.update({name: len(group) for name, group in doc.spans.items() if name != _SPANCAT_KEY})
    return Document(document.id, document.html, {MASTER: Annotations(data)}, legend=legend)


_SPANCAT_KEY = "sc"
"""spaCy's own name for the span group of a ``spancat``."""
_SET = 0.5
"""From this score on, a category is right, as spaCy's scorer has it."""


def docs_to_document(
    docs: Sequence[Doc],
    *,
    who: str = "ml:spacy",
    legend: Legend | None = None,
    offset_unit: OffsetUnit | None = None,
    report: ConversionReport | None = None,
) -> Document:
    """Convert the Docs of one document, one per part, back into it. See :func:`doc_to_document`.

    Args:
        docs: The Docs. The first must be the document's first, which remembers the whole document; of the
            others any may be missing, their parts come back as they were.
        who: The author of new entities.
        legend: Class ids and names; by default those that the Docs remember.
        offset_unit: The unit of new offsets.
        report: Counted there.

    Raises:
        LegendError: A label has no class id in the legend.
        ConversionError: The first Doc is missing, the Docs are of several documents, an edited span crosses
            from one part into another, or the text of a Doc isn't that of its document.
        PlainHtmlError: The text of a new document holds a character that XML can't carry.
    """
    states = _states_of_one_document(docs)
    first = states[0]
    if legend is None:
        legend = Legend(first.legend)
    html = PlainHtml(first.html, place=first.id)
    original = first.annotations
    data: dict[str, Any] | None = None
    edits = _Edits()
    for doc, state in zip(docs, states, strict=True):
        _check_text(doc, state, html)
        edits.add(doc, state, original)
    if edits:
        data = edits.applied(original, html, legend, who, offset_unit)
    annotations = original if data is None else Annotations(data, place=first.id)
    if report is not None:
        report.documents_in += 1
        report.documents_out += 1
        report.entities_in += len(annotations)
        report.entities_out += len(annotations)
    # No version before, and nothing to say now: a document that nobody annotated stays one.
    versions = {} if first.ann is None and data is None else {first.member: annotations}
    return Document(first.id, html, versions, folder=first.folder, legend=legend)


def _states_of_one_document(docs: Sequence[Doc]) -> list[DocState]:
    """What the Docs remember of their document.

    Raises:
        ConversionError: They aren't the Docs of one document, the first one first.
    """
    states = [get_state(doc) for doc in docs]
    first = states[0] if states else None
    if first is None:
        if len(docs) != 1:
            raise ConversionError(
                "these Docs don't belong to one document",
                value=f"{len(docs)} Docs",
                legal="the Docs of one document, or one new Doc",
            )
        return [_new_state(docs[0])]
    whole = [
        state
        for state in states
        if state is not None and (state.id, state.member) == (first.id, first.member)
    ]
    # A Doc that remembers the whole document is the first one: a second such would be a copy.
    if len(whole) != len(docs) or [bool(state.html) for state in whole] != [True, *[False] * (len(docs) - 1)]:
        raise ConversionError(
            "these aren't the Docs of one document, its first one before the others",
            place=first.id,
            value=", ".join(
                "a new Doc" if state is None else f"{state.id} ({state.member})" for state in states[:5]
            ),
            legal="all Docs of one document and one member, in order: the first remembers the document",
        )
    return whole


def _check_text(doc: Doc, state: DocState, html: PlainHtml) -> None:
    """Refuse a Doc that remembers a document whose text it doesn't have: its places are of another text.

    Raises:
        ConversionError: It is such a Doc.
    """
    if get_state(doc) is None:
        return  # a new document, with the text of the Doc
    text, parts = doc.text, html.parts
    if all(part in parts and text[start:end] == parts[part].text for part, start, end in state.parts) and len(
        text
    ) == max((end for _, _, end in state.parts), default=0):
        return
    raise ConversionError(
        "the text of this Doc isn't that of the document that it remembers",
        place=state.id,
        value=f"{len(text)} characters: {text[:40]!r}",
        legal="the Doc of a whole document or part; its entities and tokens may have been changed",
        advice="a slice (span.as_doc) or several Docs in one (Doc.from_docs) can't go back: copy what "
        "changed to the whole Doc; or make a new document of it by a copy without user_data",
    )


def _new_state(doc: Doc) -> DocState:
    html = html_from_text(doc.text)
    return DocState(
        id=html.id or "",
        folder="pool",
        member="master",
        parts=(("s1v1", 0, len(doc.text)),),
        html=html.data,
        ann=Annotations.empty(["s1v1"]).dumps(),
        legend={},
    )


_Border = tuple[int, int, str]
"""First character, one past the last, and label of a span."""


def _border(span: Span) -> _Border:
    return span.start_char, span.end_char, span.label_


def _spans_of_group(doc: Doc) -> list[Span]:
    """The spans of ``doc.spans["anndoc"]``, where they are still spans of tokens."""
    group = doc.spans[SPANS_KEY]
    with suppress(IndexError):
        return list(group)
    # Tokens were merged, and the group still has the numbers that they had.
    spans = [
        doc.char_span(start, end, label=label, kb_id=kb_id, span_id=own_id)
        for own_id, kb_id, label, _, _, start, end in numbers_of_spans(group)
    ]
    return [span for span in spans if span is not None]


def _is_inside_tokens(doc: Doc, border: _Border) -> bool:
    """Whether a border of an entity is inside a token: tokens were merged, and no span can be the entity.

    So that there is none says nothing of what people want.
    """
    return doc.char_span(border[0], border[1]) is None


def _is_widened(span: Span, border: _Border) -> bool:
    """Whether a span is its entity with the whole of the tokens that were merged across its borders."""
    if not _is_inside_tokens(span.doc, border):
        return False
    wide = span.doc.char_span(border[0], border[1], alignment_mode="expand")
    return wide is not None and (wide.start_char, wide.end_char) == (span.start_char, span.end_char)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Spans beside the entities that they were made from.

    Attributes:
        found: The span of each entity that is still there, by its index in ann.json.
        gone: The entities without a span.
        new: Spans without an entity.
    """

    found: dict[int, Span]
    gone: list[int]
    new: list[Span]


def _compare(spans: Iterable[Span], expected: Iterable[int], before: Mapping[int, _Border]) -> _Compared:
    """Find the entity of each span.

    Args:
        spans: The spans of ``doc.ents`` or of ``doc.spans["anndoc"]``.
        expected: The entities that were among them when the Doc was made.
        before: Where each entity of the Doc was then.
    """
    found: dict[int, Span] = {}
    loose: list[Span] = []
    for span in spans:
        index = entity_index(span)
        if index is None or index not in before or index in found:
            loose.append(span)
        else:
            found[index] = span
    gone = [index for index in expected if index not in found]
    # A new span where one was just taken away, with the same borders, is that entity with another label. (Or
    # with the same: spaCy forgets ids.)
    by_place = {before[index][:2]: index for index in gone}
    new: list[Span] = []
    for span in loose:
        same = by_place.pop((span.start_char, span.end_char), None)
        if same is None:
            new.append(span)
        else:
            gone.remove(same)
            found[same] = span
    return _Compared(found, gone, new)


class _Edits:
    """What was done to the Docs of one document, by the entities' places in its ann.json."""

    def __init__(self) -> None:
        self.removed: set[int] = set()
        self.changed: dict[int, tuple[Span, DocState, _Border]] = {}
        self.added: list[tuple[Span, DocState]] = []

    def __bool__(self) -> bool:
        return bool(self.removed or self.changed or self.added)

    def add(self, doc: Doc, state: DocState, original: Annotations) -> None:
        """Compare a Doc with what it was when it was made."""
        before = {index: (start, end, label) for index, start, end, label in state.spans}
        known = set(before.values())
        # The Docs of later parts count the entities of their part from 0.
        own = (
            None
            if state.html
            else [entity.index for entity in original.entities if entity.part == state.parts[0][0]]
        )
        groups: list[tuple[Iterable[Span], Iterable[int]]] = [(doc.ents, state.in_ents)]
        if SPANS_KEY in doc.spans:
            groups.append((_spans_of_group(doc), before))
        added: dict[_Border, Span] = {}
        for spans, expected in groups:
            compared = _compare(spans, expected, before)
            self.removed.update(
                index if own is None else own[index]
                for index in compared.gone
                if not _is_inside_tokens(doc, before[index])
            )
            for index, span in compared.found.items():
                border = before[index]
                if _border(span) != border and _is_widened(span, border):  # nobody moved it
                    border = span.start_char, span.end_char, border[2]
                if _border(span) != border:
                    self.changed[index if own is None else own[index]] = (span, state, border)
            for span in compared.new:
                if _border(span) not in known:
                    added.setdefault(_border(span), span)
        self.added.extend((span, state) for span in sorted(added.values(), key=lambda span: span.start_char))

    def applied(
        self, original: Annotations, html: PlainHtml, legend: Legend, who: str, unit: OffsetUnit | None
    ) -> dict[str, Any]:
        """The annotations with the edits; what was not touched is as it was."""
        unit = unit or detect_unit(html.parts, original)
        data = copy.deepcopy(original.data)
        result: list[dict[str, Any]] = []
        for index, entity in enumerate(data.get("entities") or []):
            if index in self.removed:
                continue
            if index in self.changed:
                span, state, before = self.changed[index]
                # A label that was mapped to another name on the way in needn't be one of the legend's: it is
                # looked up only if it was edited.
                if span.label_ != before[2]:
                    entity["classId"] = legend.id_of("e", span.label_, place=state.id)
                if before[:2] != (span.start_char, span.end_char):
                    fresh = _entity_of(span, entity["classId"], state, html, who, unit)
                    entity.update(part=fresh["part"], offsets=fresh["offsets"])
            result.append(entity)
        if data.get("relations"):
            after: dict[int, Entity | None] = {
                index: Entity(data["entities"][index], index) for index in self.changed
            }
            data["relations"] = followed(original, {**after, **dict.fromkeys(self.removed)}, unit)
        for span, state in self.added:
            result.append(
                _entity_of(span, legend.id_of("e", span.label_, place=state.id), state, html, who, unit)
            )
        data["entities"] = result
        return data


def _newlines(text: str) -> str:
    """The text as plain.html holds it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _entity_of(
    span: Span, class_id: str, state: DocState, html: PlainHtml, who: str, unit: OffsetUnit
) -> dict[str, Any]:
    place = state.part_at(span.start_char, span.end_char)
    if place is None:
        raise ConversionError(
            "a span crosses from one part of the document into another",
            place=f"{state.id}, characters {span.start_char}–{span.end_char}",
            value=span.text,
            legal="spans inside one part",
            advice='keep spans inside the parts: doc.spans["anndoc.parts"]',
        )
    part, start, end = place
    part_start = span.start_char - start
    part_end = next(stop for name, _, stop in state.parts if name == part)
    text = html.parts[part].text
    if len(text) != part_end - part_start:
        # A new document: each CRLF of the Doc became one newline.
        shown = span.doc.text[part_start:part_end]
        start, end = (len(_newlines(shown[:edge])) for edge in (start, end))
    score = span._.confidence if span.has_extension("confidence") else None
    return new_entity(
        class_id=class_id, part=part, text=text, start=start, end=end, unit=unit, who=who, prob=score
    )
