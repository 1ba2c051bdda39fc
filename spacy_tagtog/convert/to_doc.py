"""From a tagtog document to a spaCy ``Doc``."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final, Literal

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import MASTER, Document, Entity, Legend, Located, OffsetUnit, detect_unit, locate
from spacy_tagtog.anndoc.repair import repair
from spacy_tagtog.convert.report import ConversionReport, ReportItem, shown_member
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, DocState, set_state, span_id
from spacy_tagtog.convert.tokens import assemble, token_range
from spacy_tagtog.errors import ConfigurationError

AlignmentMode = Literal["split", "strict", "contract", "expand"]
"""What happens where an entity begins or ends inside a token. ``split`` splits the token of the Doc; ``strict`` sets
the entity aside; ``contract`` and ``expand`` move the border, as in ``Doc.char_span``."""

EntsPolicy = Literal["longest", "shortest", "first", "surest"]
"""Which of overlapping entities goes into ``doc.ents``; ties go to the one that begins first, then to the one that
ann.json lists first. ``surest``: the highest ``prob``."""


@dataclass(frozen=True)
class ToDocSettings:
    """How documents become Docs.

    Attributes:
        member: Whose annotations: ``"master"`` or a member's name. (The converter also takes ``a,b`` and
            ``*``, and makes a Doc of each version.)
        alignment: See :data:`AlignmentMode`.
        ents: See :data:`EntsPolicy`.
        offset_unit: How offsets count; ``"auto"`` finds out for each document.
        repair: Place entities whose offset is wrong where the right place is certain, see
            :mod:`spacy_tagtog.anndoc.repair`.
        labels: Entity type names to rename (two may get one name); an empty name leaves the type out.
        types: The entity types, by their names in the project, that annotators looked for. Empty: all of
            them. Otherwise the others are left out, and whatever is no entity is *missing* instead of ``O``:
            nobody said that there is nothing.
        states: The only states (``""``, ``"pre-added"``…) of which entities are taken. Empty: all but
            ``pre-removed``.
        authors: Patterns such as ``user:*``; an entity is taken if one of its authors matches. Empty: all.
        min_prob: Entities with a lower ``prob`` are left out; one without counts as 1.

    Raises:
        ConfigurationError: A value isn't one of those listed.
    """

    member: str = MASTER
    alignment: AlignmentMode = "split"
    ents: EntsPolicy = "longest"
    offset_unit: OffsetUnit | Literal["auto"] = "auto"
    repair: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    types: Collection[str] = ()
    states: Collection[str] = ()
    authors: Collection[str] = ()
    min_prob: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_prob <= 1:
            raise ConfigurationError(
                "the least probability is out of range", value=self.min_prob, legal="a number from 0 to 1"
            )
        if not isinstance(self.labels, Mapping):
            raise ConfigurationError(
                "the label map is no mapping", value=self.labels, legal='a mapping such as {"Gene": "GENE"}'
            )
        for name, values in (("types", self.types), ("states", self.states), ("authors", self.authors)):
            if isinstance(values, str):  # a collection of its characters, which nobody means
                raise ConfigurationError(
                    f"{name} is one text", value=values, legal=f"a list, such as {[values]}"
                )
        choose("alignment", self.alignment, AlignmentMode)
        choose("ents", self.ents, EntsPolicy)
        if self.offset_unit != "auto":
            choose("offset_unit", self.offset_unit, OffsetUnit)


@dataclass
class _Placed:
    located: Located
    label: str
    start: int  # tokens
    end: int
    retokenized: bool
    first: int  # characters of the part
    last: int
    span: Span


_PREFERENCE: Final[dict[str, Callable[[_Placed], float]]] = {
    "longest": lambda place: place.first - place.last,
    "shortest": lambda place: place.last - place.first,
    "first": lambda place: place.first,
    "surest": lambda place: -(1.0 if (prob := place.located.entity.prob) is None else prob),
}


def document_to_doc(
    document: Document,
    nlp: Language,
    *,
    settings: ToDocSettings | None = None,
    report: ConversionReport | None = None,
) -> Doc:
    """Convert one document into one Doc.

    The Doc's text is that of the parts, divided by an empty line. Where entities are found is described in
    :mod:`spacy_tagtog.convert.state`. What can't be carried into ``doc.ents`` is in the report, stays in the
    round trip, and its tokens are *missing* for NER (``ent_iob`` 0), so that training isn't taught that there
    is nothing.

    Args:
        document: The document.
        nlp: Its tokenizer and vocabulary are used.
        settings: See :class:`ToDocSettings`.
        report: Counts and lists are added to it.

    Raises:
        PlainHtmlError: The content can't be read.
        AnnJsonError: The annotations can't be read.
        PipelineError: The tokenizer changes the text.
    """
    settings = settings or ToDocSettings()
    report = report if report is not None else ConversionReport()
    parts = document.parts
    annotations = document.version(settings.member)
    unit = detect_unit(parts, annotations) if settings.offset_unit == "auto" else settings.offset_unit
    located = locate(parts, annotations, unit=unit)
    if settings.repair and any(item.problem == "offset_mismatch" for item in located):
        located = repair(parts, located, unit=unit)
    # Every reading below this line can fail on bad files; counting begins after it, so that the totals always
    # add up.
    cuts: dict[str, set[int]] = {}
    if settings.alignment == "split":
        for item in located:
            if item.ranges and not item.entity.is_removed:
                of_part = cuts.get(item.entity.data["part"])
                if of_part is None:
                    of_part = cuts[item.entity.data["part"]] = set()
                for edges in item.ranges:
                    of_part.update(edges)
    assembled = assemble(nlp, [(part.id, part.text) for part in parts.values()], cuts=cuts)
    doc = assembled.doc
    where = {part: (start, end) for part, start, end in assembled.parts}
    starts, ends = assembled.starts, assembled.ends

    report.documents_in += 1
    report.documents_out += 1
    report.docs_out += 1
    report.entities_in += len(located)
    unknown: set[tuple[int, int]] = set()  # token ranges about which nothing is known

    def overlapped_tokens(start: int, end: int) -> tuple[int, int]:
        """The tokens that touch a stretch of characters."""
        return bisect_right(ends, start), bisect_left(starts, end)

    def whole_part(part: str) -> tuple[int, int]:
        return overlapped_tokens(*where[part])

    def touched(item: Located) -> Iterator[tuple[int, int]]:
        offset = where[item.entity.part][0]
        return (overlapped_tokens(offset + start, offset + end) for start, end in item.ranges)

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
            member=shown_member(settings.member),
        )

    def set_aside(item: Located, reason: str, detail: str = "") -> None:
        report.add(listed(item, reason, detail))

    names = dict(document.legend)
    filters = any((settings.types, settings.labels, settings.states, settings.authors, settings.min_prob))
    placed: list[_Placed] = []
    for item in located:
        entity = item.entity
        if item.problem is not None:
            set_aside(item, item.problem, item.detail)
            if entity.part in where and not entity.is_removed:
                # It is somewhere in this part, nobody knows where: nothing in the part can be said to be no
                # entity.
                unknown.add(whole_part(entity.part))
            continue
        if item.repair is not None:
            report.repairs.append(listed(item, item.repair.method, item.repair.detail))
        if entity.is_removed:
            set_aside(item, "pre_removed")
            unknown.update(touched(item))
            continue
        label = names.get(entity.data["classId"])
        if label is None:
            set_aside(
                item,
                "unknown_class",
                f"the legend has {', '.join(document.legend.of('e').values()) or 'no entity type'}",
            )
            unknown.update(touched(item))
            continue
        if not any(fragment["text"].strip() for fragment in entity.data["offsets"]):
            set_aside(item, "empty")
            continue
        unwanted = _unwanted(item, label, settings) if filters else None
        if unwanted is not None:
            set_aside(item, *unwanted)
            unknown.update(touched(item))
            continue
        label = settings.labels.get(label, label)
        offset = where[entity.data["part"]][0]
        first, last = item.ranges[0] if len(item.ranges) == 1 else (item.start, item.end)
        tokens = _align(starts, ends, offset + first, offset + last, settings.alignment)
        if tokens is None:
            set_aside(
                item,
                "misaligned",
                "a space after a word is no token" if settings.alignment == "split" else "",
            )
            unknown.update(touched(item))
            continue
        retokenized = offset + first in assembled.splits or offset + last in assembled.splits
        placed.append(
            _Placed(item, label, *tokens, retokenized, first, last, _span(doc, entity, label, *tokens))
        )

    on_spans = [place.span for place in placed]
    blank = {
        index
        for place in placed
        for index in (place.start, place.end - 1)
        if assembled.text[starts[index] : ends[index]].isspace()
    }
    chosen, losers = _without_overlap(placed, blank, settings.ents)
    for place, reason, detail in losers:
        set_aside(place.located, reason, detail)
        unknown.update(touched(place.located))
    report.entities_out += len(chosen)
    report.entities_retokenized += sum(place.retokenized for place in chosen)
    report.labels_out.update(place.label for place in chosen)

    annotatable = set(annotations.annotatable)
    if annotatable & where.keys():
        # Parts that annotators could not annotate say nothing. (Where no listed part exists the list is of
        # another text: it says nothing either.)
        unknown.update(whole_part(part) for part in where if part not in annotatable)

    doc.set_ents(
        [place.span for place in chosen],
        missing=_gaps(doc, unknown, chosen),
        default="missing" if settings.types else "outside",
    )
    scores = [place.located.entity.prob for place in placed]
    doc.spans[SPANS_KEY] = SpanGroup(
        doc,
        name=SPANS_KEY,
        spans=on_spans,
        attrs={"scores": [1.0 if score is None else score for score in scores]} if placed else {},
    )
    doc.spans[PARTS_KEY] = SpanGroup(
        doc,
        name=PARTS_KEY,
        spans=[
            Span(doc, *tokens, label=part)
            for part, start, end in assembled.parts
            if (tokens := overlapped_tokens(start, end))[0] < tokens[1]
        ],
    )
    doc.cats = _cats(document.legend, annotations.metas)
    report.document_labels_out.update(label for label, value in doc.cats.items() if value)
    set_state(
        doc,
        DocState(
            id=document.id,
            folder=document.folder,
            member=settings.member,
            parts=assembled.parts,
            html=document.html.data,
            ann=annotations.dumps() if settings.member in document.versions else None,
            legend=names,
            spans=tuple(
                (place.located.entity.index, span.start_char, span.end_char, place.label)
                for place, span in zip(placed, on_spans, strict=True)
            ),
            in_ents=tuple(place.located.entity.index for place in chosen),
        ),
    )
    return doc


def _unwanted(item: Located, name: str, settings: ToDocSettings) -> tuple[str, str] | None:
    """Why the settings leave an entity out, in words for the report; ``None`` where they don't."""
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


def _span(doc: Doc, entity: Entity, label: str, start: int, end: int) -> Span:
    """A span of a placed entity; the first normalization's id is its knowledge base id."""
    kb_id: str | int = 0
    normalizations = entity.data.get("normalizations")
    for normalization in normalizations.values() if normalizations else ():
        if source_id := (normalization.get("source") or {}).get("id"):
            kb_id = _storable(str(source_id))
            break
    return Span(doc, start, end, label=label, kb_id=kb_id, span_id=span_id(entity.index))


def _storable(text: str) -> str:
    """The text as spaCy can store it, in UTF-8: half a surrogate pair, as browsers cut them, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _align(
    starts: list[int], ends: list[int], start: int, end: int, mode: AlignmentMode
) -> tuple[int, int] | None:
    exact = token_range(starts, ends, start, end)
    if exact is not None or mode in ("strict", "split"):
        return exact
    first, last = (
        (bisect_right(ends, start), bisect_left(starts, end))
        if mode == "expand"
        else (bisect_left(starts, start), bisect_right(ends, end))
    )
    return (first, last) if first < last else None


def _without_overlap(
    placed: list[_Placed], blank: Container[int], policy: EntsPolicy
) -> tuple[list[_Placed], list[tuple[_Placed, str, str]]]:
    """Choose entities that don't overlap and don't begin or end with a blank token; say of the others why they were not chosen."""
    prefer = _PREFERENCE[policy]
    chosen: dict[int, _Placed] = {}  # by token
    winners: list[_Placed] = []
    losers: list[tuple[_Placed, str, str]] = []
    ordered = sorted(placed, key=lambda place: place.start)
    if (
        not blank
        and all(one.end <= other.start for one, other in pairwise(ordered))
        and not any(place.located.is_discontinuous for place in placed)
    ):
        return ordered, []
    for place in sorted(placed, key=lambda place: (prefer(place), place.start, place.located.entity.index)):
        if place.located.is_discontinuous:
            losers.append((place, "discontinuous", ""))
            continue
        if place.start in blank or place.end - 1 in blank:
            # spaCy's NER has no action that begins such an entity: training would stop with E024.
            losers.append((place, "white_space", ""))
            continue
        rivals = [chosen[token] for token in range(place.start, place.end) if token in chosen]
        if not rivals:
            winners.append(place)
            chosen.update(dict.fromkeys(range(place.start, place.end), place))
            continue
        rival = rivals[0]
        same = (rival.start, rival.end, rival.label) == (place.start, place.end, place.label)
        losers.append(
            (
                place,
                "duplicate" if same else "overlapping",
                f"{rival.label} {rival.located.entity.text!r} was preferred ({policy})",
            )
        )
    winners.sort(key=lambda place: place.start)
    return winners, losers


def _gaps(doc: Doc, unknown: Iterable[tuple[int, int]], chosen: Iterable[_Placed]) -> list[Span]:
    """The unknown tokens that no chosen entity covers, as spans.

    Args:
        doc: The Doc.
        unknown: Ranges of tokens, in any order; they may overlap.
        chosen: Entities that don't overlap, in order.
    """
    spans: list[Span] = []
    known = [(place.start, place.end) for place in chosen]
    number = 0  # of the first of them that isn't behind us
    begin = 0
    for start, end in sorted(unknown):
        begin = max(begin, start)
        while begin < end:
            while number < len(known) and known[number][1] <= begin:
                number += 1
            low, high = known[number] if number < len(known) else (end, end)
            if begin < low:
                spans.append(Span(doc, begin, min(low, end)))
            begin = high if low < end else end
    return spans


def _cats(legend: Legend, metas: dict[str, dict[str, object]]) -> dict[str, float]:
    cats: dict[str, float] = {}
    for class_id, meta in metas.items():
        name = legend.get(class_id, class_id)
        value = meta.get("value")
        if isinstance(value, bool):
            cats[_storable(name)] = float(value)
        elif value is not None:
            cats[_storable(f"{name}={value}")] = 1.0
    return cats
