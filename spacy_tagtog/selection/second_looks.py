"""Second looks: places where people's annotations are probably wrong.

A pipeline that has not seen a document contradicts what people annotated in it. Where it is sure, one of both
is wrong, and often it is people: they overlooked a name, or took the wrong type. So documents are dealt into
folds, each is predicted by a pipeline that learned from the others only, and the contradictions are sorted by
how sure that pipeline is (Reiss et al., "Identifying incorrect labels in the CoNLL-2003 corpus", CoNLL 2020,
do the same with many models).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.convert.state import get_id, get_state
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.component import EntityConfidence
from spacy_tagtog.pipeline.calibration.crossfit import deal, document_groups, fold_pipelines
from spacy_tagtog.pipeline.calibration.scoring import confidence_components, paired, silent_ranges
from spacy_tagtog.pipeline.uncertainty import get_certainty

SuspectKind = Literal["missing", "type", "border", "extra"]


@dataclass(frozen=True)
class Suspect:
    """A place that somebody should look at again.

    Attributes:
        document: The document's id.
        part: The id of the part; empty where the Doc doesn't know its document.
        start: First character in the part.
        end: One past the last character.
        kind: ``missing``: nothing is annotated where the pipeline found an entity. ``type``: it found another
            type. ``border``: it begins or ends elsewhere. ``extra``: the pipeline finds nothing there.
        text: The text of the place.
        context: The text around it, with the place in square brackets.
        annotated: What people annotated: type and text; ``None`` where nothing.
        found: What the pipeline found: type and text; ``None`` where nothing.
        probability: How probable it is, by the pipeline, that the annotation is not right as it is.
    """

    document: str
    part: str
    start: int
    end: int
    kind: SuspectKind
    text: str
    context: str
    annotated: tuple[str, str] | None
    found: tuple[str, str] | None
    probability: float

    def to_json(self) -> dict[str, Any]:
        """The place as a JSON object."""
        return asdict(self)


def find_suspects(
    nlp: Language,
    docs: Sequence[Doc],
    *,
    folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Suspect]:
    """Find the places that somebody should look at again.

    Args:
        nlp: A calibrated pipeline that was trained on these documents, or on documents like these: pipelines
            of its kind are trained on the folds.
        docs: Reviewed documents.
        folds: From 2; a pipeline is trained for each.
        seed: Of the order in which documents are dealt out.
        progress: Shows how many of the folds' pipelines are trained.

    Returns:
        The surest contradictions first.

    Raises:
        EvaluationError: There are fewer documents with annotations than folds.
        PipelineError: The pipeline gives no probabilities of entities, or can't be trained again.
    """
    if not any(isinstance(one, EntityConfidence) for one in confidence_components(nlp).values()):
        raise PipelineError(
            "the pipeline gives no probabilities of entities",
            value=", ".join(nlp.pipe_names) or "(no component)",
            legal="a pipeline with entity_confidence",
            advice="calibrate it: that adds one (spacy-tagtog calibrate)",
        )
    fold_of = deal(docs, document_groups(docs), folds=folds, seed=seed)
    found: list[Suspect] = []
    for fold in fold_pipelines(nlp, docs, fold_of, progress=progress):
        for gold, predicted in paired(fold.nlp, [docs[place] for place in fold.places]):
            found += contradictions(gold, predicted)
    return sorted(found, key=lambda one: (-one.probability, one.document, one.part, one.start, one.kind))


def contradictions(gold: Doc, predicted: Doc) -> Iterator[Suspect]:
    """Where a prediction contradicts what people annotated.

    Args:
        gold: What people annotated.
        predicted: The same text with predictions, their probabilities in ``span._.confidence``.
    """
    people = sorted(gold.ents, key=lambda ent: ent.start_char)
    exact = {(ent.start_char, ent.end_char, ent.label_) for ent in people}
    ends = [ent.end_char for ent in people]
    unknown = silent_ranges(gold)
    contradicted: set[int] = set()
    for ent in predicted.ents:
        start, end = ent.start_char, ent.end_char
        first = bisect_left(ends, start + 1)
        touched = []
        while first < len(people) and people[first].start_char < end:
            touched.append(first)
            first += 1
        contradicted.update(touched)
        probability = ent._.confidence
        if probability is None or (start, end, ent.label_) in exact:
            continue
        if any(left < end and start < right for left, right in unknown):
            continue
        if not touched:
            yield _suspect(gold, "missing", None, ent, probability)
            continue
        nearest = max(
            (people[number] for number in touched),
            key=lambda other: min(end, other.end_char) - max(start, other.start_char),
        )
        same_borders = (nearest.start_char, nearest.end_char) == (start, end)
        yield _suspect(gold, "type" if same_borders else "border", nearest, ent, probability)
    certainty = get_certainty(predicted)
    if certainty is None:
        return
    for number, ent in enumerate(people):
        if number in contradicted:
            continue
        span = predicted.char_span(ent.start_char, ent.end_char, alignment_mode="expand")
        if span is not None and len(span):
            # What it gave to any entity that begins there, of whatever type.
            begins = max(float(certainty.missed[token.i]) for token in span)
            yield _suspect(gold, "extra", ent, None, 1 - begins)


def _suspect(
    gold: Doc, kind: SuspectKind, annotated: Span | None, found: Span | None, probability: float
) -> Suspect:
    place = annotated if found is None else found
    assert place is not None
    start, end = place.start_char, place.end_char
    state = get_state(gold)
    part, first, last = (state and state.part_at(start, end)) or ("", start, end)
    text = gold.text
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    return Suspect(
        get_id(gold) or "",
        part,
        first,
        last,
        kind,
        text[start:end],
        " ".join(f"{before}[{text[start:end]}]{after}".split()),
        None if annotated is None else (annotated.label_, annotated.text),
        None if found is None else (found.label_, found.text),
        round(float(probability), 6),
    )
