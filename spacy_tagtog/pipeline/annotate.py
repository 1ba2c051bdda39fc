"""Pre-annotations: what a pipeline predicts, as tagtog annotations that people can review."""

from __future__ import annotations

import copy
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, detect_unit, locate
from spacy_tagtog.convert.from_doc import new_entity
from spacy_tagtog.convert.tokens import Assembled, assemble
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY
from spacy_tagtog.pipeline.labels import predicted_labels, textcat_names

CONFIDENCE_FACTORIES = frozenset({"entity_confidence", "entity_confidence_v2"})
_MIN_PROB = 1e-6  # prob is in (0, 1]; 1 is left to people, no model is certain
_WHO = re.compile(r"ml:[A-Za-z0-9._-]+")


@dataclass
class AnnotateReport:
    """What became of the documents and predictions.

    Attributes:
        documents: Documents annotated.
        confirmed: Ids of documents that people confirmed; they are left out.
        predicted: Predictions of the pipeline.
        added: Of these, written as pre-annotations, by label.
        same: Of these, already annotated just so, by somebody else or by another prediction.
        contradicting: Of these, left out since they overlap what a person annotated.
        crossing: Of these, left out since they cross from one part into another.
        dropped: Of these, left out since their label was mapped to nothing.
        replaced: Earlier pre-annotations of the same author that were taken away.
        without_prob: Of those added, how many have no probability (not the model's own, such as a rule's).
        labels_predicted: Document labels that the pipeline's text classifiers decided for.
        labels_added: Of these, written as pre-annotations, by label.
        labels_kept: Of these, left out since the label has a value already: a person's, or a more probable one.
    """

    documents: int = 0
    confirmed: list[str] = field(default_factory=list)
    predicted: int = 0
    added: Counter[str] = field(default_factory=Counter)
    same: int = 0
    contradicting: int = 0
    crossing: int = 0
    dropped: int = 0
    replaced: int = 0
    without_prob: int = 0
    labels_predicted: int = 0
    labels_added: Counter[str] = field(default_factory=Counter)
    labels_kept: int = 0

    def rows(self) -> Iterator[tuple[str, int]]:
        """Caption and number for a table."""
        yield "documents annotated", self.documents
        if self.confirmed:
            yield "documents left out: confirmed by people", len(self.confirmed)
        yield "entities predicted", self.predicted
        for caption, number in (
            ("  not written: annotated just so already", self.same),
            ("  not written: contradict what a person annotated", self.contradicting),
            ("  not written: cross from one part into another", self.crossing),
            ("  not written: label mapped to nothing", self.dropped),
        ):
            if number:
                yield caption, number
        yield "entities written as pre-added", sum(self.added.values())
        if self.without_prob:
            yield "  of these without a probability (not the model's own)", self.without_prob
        if self.replaced:
            yield "earlier pre-annotations replaced", self.replaced
        if self.labels_predicted:
            yield "document labels predicted", self.labels_predicted
            if self.labels_kept:
                yield "  not written: the label has a value already", self.labels_kept
            yield "document labels written as pre-added", sum(self.labels_added.values())


def ensure_confidence(nlp: Language, *, spans_key: str | None = None) -> str:
    """Make sure that the pipeline gives every entity a probability.

    Args:
        nlp: The pipeline. ``entity_confidence_v2`` is added at its end where it has a ``ner`` and nothing that scores it.
        spans_key: A span group with scores to take entities from instead, such as that of a ``spancat``.

    Returns:
        The key of the span group that holds the entities and, in ``attrs["scores"]``, their probabilities.

    Raises:
        PipelineError: Nothing in the pipeline predicts entities with a probability.
    """
    if spans_key is not None:
        return spans_key
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    for name, factory in factories.items():
        if factory in CONFIDENCE_FACTORIES:
            return str(nlp.get_pipe_config(name)["spans_key"])
    for name, factory in factories.items():
        if factory in ("ner", "beam_ner", "seed_ner"):
            nlp.add_pipe("entity_confidence_v2", name="entity_confidence", config={"ner": name}, last=True)
            return DEFAULT_SPANS_KEY
    raise PipelineError(
        "the pipeline predicts no entities with a probability",
        value=", ".join(nlp.pipe_names) or "(no component)",
        legal="a pipeline with ner or seed_ner, or with spancat and its spans key named",
        advice="train an ner (configs/ner.cfg), or pass --spans-key for a spancat",
    )


def annotate_documents(
    nlp: Language,
    documents: Iterable[Document],
    *,
    who: str,
    legend: Legend | None = None,
    rename: Mapping[str, str] | None = None,
    spans_key: str | None = None,
    batch_size: int | None = None,
    n_process: int = 1,
    report: AnnotateReport | None = None,
) -> Iterator[Document]:
    """Annotate documents with what a pipeline predicts.

    New entities have the state ``pre-added``, the author ``who``, and the probability that the model gives. What
    people annotated stays as it is: a prediction that overlaps it is left out. Earlier pre-annotations of the same
    author are replaced. Documents that people confirmed are left out.

    Args:
        nlp: The pipeline, see :func:`ensure_confidence`.
        documents: The documents; their master version is annotated.
        who: The author, ``ml:NAME``.
        legend: The project's classes; by default each document's own.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        spans_key: Take entities from this span group and its scores instead of ``doc.ents``.
        batch_size: Documents a batch.
        n_process: Processes.
        report: Counted there.

    Raises:
        ConfigurationError: ``who`` isn't ``ml:NAME``.
        LegendError: A predicted label is not an entity type of the project.
        PipelineError: The span group is missing or has no scores.
    """
    if not _WHO.fullmatch(who):
        raise ConfigurationError(
            "the author of pre-annotations has the wrong form",
            value=who,
            legal="ml:NAME with letters, digits, . _ -",
        )
    report = report if report is not None else AnnotateReport()
    # A pipeline of nothing but text classifiers has no entities to write.
    only_labels = spans_key is None and bool(textcat_names(nlp)) and not _predicts_entities(nlp)
    key = None if only_labels else ensure_confidence(nlp, spans_key=spans_key)
    rename = rename or {}

    # Only numbers travel with the Docs: what goes to another process must be small, and a parsed document can't go at all.
    waiting: dict[int, tuple[Document, tuple[tuple[str, int, int], ...]]] = {}

    def inputs() -> Iterator[tuple[Doc, int]]:
        for number, document in enumerate(documents):
            annotations = document.annotations
            if annotations.complete:
                report.confirmed.append(document.id)
                continue
            assembled = assemble_open_parts(nlp, document, annotations)
            waiting[number] = (document, assembled.parts)
            yield assembled.doc, number

    for doc, number in nlp.pipe(inputs(), as_tuples=True, batch_size=batch_size, n_process=n_process):
        document, parts = waiting.pop(number)
        report.documents += 1
        yield _annotated(
            doc,
            document,
            parts,
            who,
            legend or document.legend,
            rename,
            key,
            report,
            predicted_labels(nlp, doc),
        )


def assemble_open_parts(nlp: Language, document: Document, annotations: Annotations) -> Assembled:
    """The Doc of the parts of a document that are open to annotators; of all parts where a version doesn't say which are."""
    open_parts = {part for part in annotations.annotatable if part in document.parts} or set(document.parts)
    return assemble(nlp, [(part.id, part.text) for part in document if part.id in open_parts])


def _predicts_entities(nlp: Language) -> bool:
    factories = {nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    return bool(factories & {"ner", "beam_ner", "seed_ner", "spancat", *CONFIDENCE_FACTORIES})


def _prob(probability: float) -> float:
    return min(1 - _MIN_PROB, max(_MIN_PROB, round(probability, 6)))


def _metas(
    stored: dict[str, Any],
    labels: Mapping[str, float],
    who: str,
    legend: Legend,
    rename: Mapping[str, str],
    report: AnnotateReport,
    place: str,
) -> dict[str, Any]:
    """The document labels: those of people as they are, those of the same author replaced."""

    def mine(meta: Any) -> bool:
        confidence = meta.get("confidence") if isinstance(meta, dict) else None
        return (
            isinstance(confidence, dict)
            and confidence.get("state") == "pre-added"
            and confidence.get("who") == [who]
        )

    metas = {class_id: meta for class_id, meta in stored.items() if not mine(meta)}
    report.replaced += len(stored) - len(metas)
    # The most probable value first: a label with several values holds one.
    for own, probability in sorted(labels.items(), key=lambda item: -item[1]):
        report.labels_predicted += 1
        label = rename.get(own, own)
        if not label:
            report.dropped += 1
            continue
        name, equals, value = label.partition("=")
        class_id = legend.id_of("m", name, place=place)
        if class_id in metas:
            report.labels_kept += 1
            continue
        report.labels_added[label] += 1
        confidence = {"state": "pre-added", "who": [who], "prob": _prob(probability)}
        metas[class_id] = {"value": value if equals else True, "confidence": confidence}
    return metas


def _predictions(doc: Doc, key: str) -> list[tuple[Span, float | None]]:
    if key not in doc.spans:
        raise PipelineError(
            "the pipeline wrote no such span group",
            value=key,
            legal=", ".join(doc.spans) or "(it wrote none)",
            advice="give the spans key of a component that writes scores",
        )
    group = doc.spans[key]
    scores = group.attrs.get("scores", [])
    if len(scores) != len(group):
        raise PipelineError(
            "the span group has no probabilities",
            value=key,
            legal='as many numbers in attrs["scores"] as spans',
        )
    return [
        (span, None if math.isnan(score) else float(score)) for span, score in zip(group, scores, strict=True)
    ]


def _annotated(
    doc: Doc,
    document: Document,
    parts: tuple[tuple[str, int, int], ...],
    who: str,
    legend: Legend,
    rename: Mapping[str, str],
    spans_key: str | None,
    report: AnnotateReport,
    labels: Mapping[str, float],
) -> Document:
    original = document.annotations
    data: dict[str, Any] = copy.deepcopy(original.data)
    # Entities that a relation points at stay: tagtog's references name part and offsets, nothing else.
    referenced = {(part, start) for relation in original.relations for part, _, start, _ in relation.ends}
    kept: list[dict[str, Any]] = []
    taken: dict[str, list[tuple[int, int, str]]] = {}
    for located in locate(document.parts, original):
        entity = located.entity
        mine = (
            entity.state == "pre-added"
            and entity.who == [who]
            and (entity.part, entity.fragments[0].start) not in referenced
        )
        if mine:
            report.replaced += 1
            continue
        kept.append(data["entities"][entity.index])
        # A piece of a discontinuous entity is no entity of its own, so no prediction is the same.
        class_id = "" if located.is_discontinuous else entity.class_id
        taken.setdefault(entity.part, []).extend((start, end, class_id) for start, end in located.ranges)

    unit = detect_unit(document.parts, original)
    added: list[dict[str, Any]] = []
    new: set[tuple[str, int, int, str]] = set()  # two labels may get one name
    for span, prob in _predictions(doc, spans_key) if spans_key is not None else ():
        report.predicted += 1
        label = rename.get(span.label_, span.label_)
        if not label:
            report.dropped += 1
            continue
        class_id = legend.id_of("e", label, place=document.id)
        place = next(
            (
                (part, start, end)
                for part, start, end in parts
                if start <= span.start_char and span.end_char <= end
            ),
            None,
        )
        if place is None:
            report.crossing += 1
            continue
        part, part_start, _ = place
        start, end = span.start_char - part_start, span.end_char - part_start
        others = taken.get(part, [])
        if (start, end, class_id) in others or (part, start, end, class_id) in new:
            report.same += 1
            continue
        if any(start < other_end and other_start < end for other_start, other_end, _ in others):
            report.contradicting += 1
            continue
        if prob is None:
            report.without_prob += 1
        report.added[label] += 1
        new.add((part, start, end, class_id))
        added.append(
            new_entity(
                class_id=class_id,
                part=part,
                text=document.parts[part].text,
                start=start,
                end=end,
                unit=unit,
                who=who,
                prob=None if prob is None else _prob(prob),
            )
        )
    data["entities"] = kept + added
    data["metas"] = _metas(data.get("metas") or {}, labels, who, legend, rename, report, document.id)
    if not (data.get("annotatable") or {}).get("parts"):
        data["annotatable"] = {**(data.get("annotatable") or {}), "parts": list(document.parts)}
    versions = {member: document.versions[member] for member in document.versions} | {
        MASTER: Annotations(data, place=document.id)
    }
    return Document(document.id, document.html, versions, folder=document.folder, legend=legend)
