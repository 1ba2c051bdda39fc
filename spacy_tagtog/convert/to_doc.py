"""From a tagtog document to a spaCy ``Doc``.

The steps, with plain data between them: find every entity in the text
(:class:`~spacy_tagtog.anndoc.Located`), tokenize the parts (:class:`~spacy_tagtog.convert.tokens.Assembled`),
put the entities on tokens (:class:`~spacy_tagtog.convert.ents.Placed`) or aside
(:class:`~spacy_tagtog.convert.ents.Aside`), and choose those for ``doc.ents``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_tagtog.anndoc import Annotations, Document, Entity, Legend, Located, detect_unit, locate
from spacy_tagtog.anndoc.repair import repair
from spacy_tagtog.convert.ents import Aside, Placed, missing_spans, without_overlap
from spacy_tagtog.convert.label_values import cat_of, storable
from spacy_tagtog.convert.report import ConversionReport, ReportItem, shown_member
from spacy_tagtog.convert.settings import AlignmentMode, ToDocSettings
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, DocState, set_state, span_id
from spacy_tagtog.convert.tokens import Assembled, assemble, part_texts, token_range, touched_tokens


def document_to_doc(
    document: Document,
    nlp: Language,
    *,
    settings: ToDocSettings | None = None,
    report: ConversionReport | None = None,
) -> Doc:
    """Convert one document into one Doc.

    The Doc's text is that of the parts, divided by an empty line. Where entities are found is described in
    :mod:`spacy_tagtog.convert.state`. What can't be carried into ``doc.ents`` is listed in the report and
    stays in the round trip. Its tokens are *missing* for NER (``ent_iob`` 0), so that training isn't taught
    that there is nothing.

    Args:
        document: The document.
        nlp: Its tokenizer and vocabulary are used.
        settings: See :class:`~spacy_tagtog.convert.settings.ToDocSettings`.
        report: Counts and lists are added to it.

    Raises:
        PlainHtmlError: The content can't be read.
        AnnJsonError: The annotations can't be read.
        PipelineError: The tokenizer changes the text.
    """
    settings = settings or ToDocSettings()
    annotations = document.version(settings.member)
    located = _located(document, annotations, settings)
    assembled = assemble(
        nlp, part_texts(document), cuts=_cuts(located, settings) if settings.alignment == "split" else None
    )
    doc = assembled.doc
    placed, asides = _place_all(document.legend, located, assembled, settings)
    chosen, losers = without_overlap(placed, assembled, settings.ents)
    asides += losers
    unknown = _unknown_tokens(asides, set(annotations.annotatable), assembled, settings)
    doc.set_ents(
        [place.span for place in chosen],
        missing=missing_spans(doc, unknown, chosen),
        default="missing" if settings.types else "outside",
    )
    doc.spans[SPANS_KEY] = _entity_group(doc, placed)
    doc.spans[PARTS_KEY] = _part_group(assembled)
    doc.cats = _cats(document.legend, annotations.metas)
    set_state(
        doc,
        DocState(
            id=document.id,
            folder=document.folder,
            member=settings.member,
            parts=assembled.parts,
            html=document.html.data,
            ann=annotations.dumps() if settings.member in document.versions else None,
            legend=dict(document.legend),
            spans=tuple(
                (place.located.entity.index, place.span.start_char, place.span.end_char, place.label)
                for place in placed
            ),
            in_ents=tuple(place.located.entity.index for place in chosen),
        ),
    )
    # All that fails on bad files is done before anything is counted, so that the totals always add up.
    if report is not None:
        _count(report, document, settings.member, located, asides, chosen, doc.cats)
    return doc


def _located(document: Document, annotations: Annotations, settings: ToDocSettings) -> list[Located]:
    """Where the entities stand in the text of their parts, wrong offsets repaired if that is wanted."""
    parts = document.parts
    unit = detect_unit(parts, annotations) if settings.offset_unit == "auto" else settings.offset_unit
    located = locate(parts, annotations, unit=unit)
    if settings.repair and any(item.problem == "offset_mismatch" for item in located):
        located = repair(parts, located, unit=unit)
    return located


def _cuts(located: Iterable[Located], settings: ToDocSettings) -> dict[str, set[int]]:
    """For each part the characters of its text at which an entity begins or ends."""
    cuts: dict[str, set[int]] = {}
    for item in located:
        if item.ranges and (settings.takes_removed or not item.entity.is_removed):
            part = item.entity.data["part"]
            of_part = cuts.get(part)
            if of_part is None:
                of_part = cuts[part] = set()
            for edges in item.ranges:
                of_part.update(edges)
    return cuts


def _place_all(
    legend: Legend, located: Iterable[Located], assembled: Assembled, settings: ToDocSettings
) -> tuple[list[Placed], list[Aside]]:
    """Put the entities on tokens, or aside."""
    names = dict(legend)  # looked up faster
    offsets = {part: start for part, start, _ in assembled.parts}
    chooses = settings.leaves_out_entities
    placed: list[Placed] = []
    asides: list[Aside] = []
    for item in located:
        data = item.entity.data
        label = names.get(data["classId"])
        reason = _why_aside(item, label, legend, settings)
        if reason is None and label is not None:
            if chooses:
                reason = _why_left_out(item, label, settings)
                label = settings.labels.get(label, label)
            if reason is None:
                place = _place(item, label, offsets[data["part"]], assembled, settings.alignment)
                if place is not None:
                    placed.append(place)
                    continue
                reason = "misaligned", _MISALIGNED if settings.alignment == "split" else ""
        if reason is not None:
            asides.append(Aside(item, *reason))
    return placed, asides


# Every other border was cut into the tokens.
_MISALIGNED = "a space after a word is no token"


def _why_aside(
    item: Located, label: str | None, legend: Legend, settings: ToDocSettings
) -> tuple[str, str] | None:
    """Why an entity can't stand on tokens, as reason and detail; ``None`` where it can."""
    if item.problem is not None:
        return item.problem, item.detail
    if item.entity.is_removed and not settings.takes_removed:
        return "pre_removed", ""
    if label is None:
        return "unknown_class", f"the legend has {', '.join(legend.of('e').values()) or 'no entity type'}"
    if not any(fragment["text"].strip() for fragment in item.entity.data["offsets"]):
        return "empty", ""
    return None


def _why_left_out(item: Located, name: str, settings: ToDocSettings) -> tuple[str, str] | None:
    """Why the settings leave an entity out, as reason and detail; ``None`` where they don't."""
    entity = item.entity
    if settings.types and name not in settings.types:
        return "other_type", ""
    if settings.labels.get(name, name) == "":
        return "label_dropped", ""
    if settings.states and (entity.state or "") not in settings.states:
        return "other_state", f"state {entity.state!r}"
    if settings.authors and not any(
        fnmatchcase(author, pattern) for author in entity.who for pattern in settings.authors
    ):
        return "other_author", ", ".join(entity.who) or "nobody"
    prob = entity.prob
    if prob is not None and prob < settings.min_prob:
        return "low_prob", f"{prob}"
    return None


def _place(
    item: Located, label: str, offset: int, assembled: Assembled, mode: AlignmentMode
) -> Placed | None:
    """Put an entity on tokens; ``None`` where its borders are no borders of tokens.

    Args:
        item: The entity.
        label: Its label on the Doc.
        offset: The first character of its part in ``doc.text``.
        assembled: The Doc.
        mode: What happens where it begins or ends inside a token.
    """
    first, last = item.ranges[0] if len(item.ranges) == 1 else (item.start, item.end)
    start, end = offset + first, offset + last
    tokens = _align(assembled.starts, assembled.ends, start, end, mode)
    if tokens is None:
        return None
    retokenized = start in assembled.splits or end in assembled.splits
    span = _span(assembled.doc, item.entity, label, *tokens)
    return Placed(item, label, *tokens, retokenized, first, last, span)


def _align(
    starts: Sequence[int], ends: Sequence[int], start: int, end: int, mode: AlignmentMode
) -> tuple[int, int] | None:
    exact = token_range(starts, ends, start, end)
    if exact is not None or mode in ("strict", "split"):
        return exact
    first, last = (
        touched_tokens(starts, ends, start, end)
        if mode == "expand"
        else (bisect_left(starts, start), bisect_right(ends, end))
    )
    return (first, last) if first < last else None


def _span(doc: Doc, entity: Entity, label: str, start: int, end: int) -> Span:
    """The span of an entity. The id of its first normalization becomes the knowledge base id."""
    kb_id: str | int = 0
    normalizations = entity.data.get("normalizations")
    for normalization in normalizations.values() if normalizations else ():
        if source_id := (normalization.get("source") or {}).get("id"):
            kb_id = storable(str(source_id))
            break
    return Span(doc, start, end, label=label, kb_id=kb_id, span_id=span_id(entity.index))


def _unknown_tokens(
    asides: Iterable[Aside], annotatable: Container[str], assembled: Assembled, settings: ToDocSettings
) -> set[tuple[int, int]]:
    """The ranges of tokens about which nothing is known.

    Args:
        asides: The entities that are not in ``doc.ents``.
        annotatable: The parts that annotators could annotate.
        assembled: The Doc.
        settings: What is taken.
    """
    starts, ends = assembled.starts, assembled.ends
    where = {part: (start, end) for part, start, end in assembled.parts}
    unknown: set[tuple[int, int]] = set()
    for aside in asides:
        entity = aside.located.entity
        if aside.located.problem is not None:
            # It is somewhere in this part, nobody knows where: nothing in the part can be said to be no
            # entity.
            if entity.part in where and (settings.takes_removed or not entity.is_removed):
                unknown.add(touched_tokens(starts, ends, *where[entity.part]))
        elif aside.reason != "empty":
            offset = where[entity.part][0]
            unknown.update(
                touched_tokens(starts, ends, offset + start, offset + end)
                for start, end in aside.located.ranges
            )
    # Parts that annotators could not annotate say nothing. Where no listed part exists, the list is of
    # another text and says nothing either.
    if any(part in annotatable for part in where):
        unknown.update(
            touched_tokens(starts, ends, *place) for part, place in where.items() if part not in annotatable
        )
    return unknown


def _entity_group(doc: Doc, placed: Sequence[Placed]) -> SpanGroup:
    """All entities that stand on tokens, with their probabilities."""
    scores = [place.located.entity.prob for place in placed]
    return SpanGroup(
        doc,
        name=SPANS_KEY,
        spans=[place.span for place in placed],
        attrs={"scores": [1.0 if score is None else score for score in scores]} if placed else {},
    )


def _part_group(assembled: Assembled) -> SpanGroup:
    """The parts that have tokens."""
    spans = []
    for part, start, end in assembled.parts:
        first, last = touched_tokens(assembled.starts, assembled.ends, start, end)
        if first < last:
            spans.append(Span(assembled.doc, first, last, label=part))
    return SpanGroup(assembled.doc, name=PARTS_KEY, spans=spans)


def _cats(legend: Legend, metas: Mapping[str, Mapping[str, object]]) -> dict[str, float]:
    cats: dict[str, float] = {}
    for class_id, meta in metas.items():
        value = meta.get("value")
        if value is not None:
            cats[cat_of(legend, class_id, value)] = float(value) if isinstance(value, bool) else 1.0
    return cats


def _count(
    report: ConversionReport,
    document: Document,
    member: str,
    located: Sequence[Located],
    asides: Iterable[Aside],
    chosen: Sequence[Placed],
    cats: Mapping[str, float],
) -> None:
    """Add a converted document to a report."""

    def listed(item: Located, reason: str, detail: str) -> ReportItem:
        entity = item.entity
        return ReportItem(
            reason=reason,
            document=document.id,
            part=entity.part,
            start=entity.fragments[0].start,
            text=entity.text,
            label=document.legend.get(entity.class_id, entity.class_id),
            detail=detail,
            member=shown_member(member),
        )

    report.documents_in += 1
    report.documents_out += 1
    report.docs_out += 1
    report.entities_in += len(located)
    for item in located:
        if item.repair is not None and item.problem is None:
            report.repairs.append(listed(item, item.repair.method, item.repair.detail))
    for aside in asides:
        report.add(listed(aside.located, aside.reason, aside.detail))
    report.entities_out += len(chosen)
    report.entities_retokenized += sum(place.retokenized for place in chosen)
    report.labels_out.update(place.label for place in chosen)
    report.document_labels_out.update(label for label, value in cats.items() if value)
