"""Pre-annotations: what a pipeline predicts, as tagtog annotations that people can review."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, detect_unit, locate
from spacy_tagtog.convert.corpus import spancat_keys
from spacy_tagtog.convert.from_doc import new_entity
from spacy_tagtog.convert.relations import RelatedEntities, new_reference
from spacy_tagtog.convert.tokens import Assembled, assemble
from spacy_tagtog.errors import ArgumentError, PipelineError, setting
from spacy_tagtog.pipeline.annotate_report import AnnotateReport
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY
from spacy_tagtog.pipeline.labels import predicted_labels, textcat_names
from spacy_tagtog.pipeline.seed.normalizer import normalization_of
from spacy_tagtog.pipeline.seed.relation_types import Place, place_of
from spacy_tagtog.pipeline.seed.relations import PredictedRelation, predicted_relations

_NER_FACTORIES: Final = frozenset({"ner", "beam_ner", "seed_ner"})
_MIN_PROB = 1e-6  # prob is in (0, 1]; 1 is left to people, no model is certain
_WHO = re.compile(r"ml:[A-Za-z0-9._-]+")


def ensure_confidence(nlp: Language, *, spans_key: str | None = None) -> str:
    """Make sure that the pipeline gives every entity a probability.

    Args:
        nlp: The pipeline. ``entity_confidence`` is added at its end where it has a ``ner`` and nothing that
            scores it.
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
        if factory == "entity_confidence":
            return str(nlp.get_pipe_config(name)["spans_key"])
    for name, factory in factories.items():
        if factory in _NER_FACTORIES:
            nlp.add_pipe("entity_confidence", config={"ner": name}, last=True)
            return DEFAULT_SPANS_KEY
    raise PipelineError(
        "the pipeline predicts no entities with a probability",
        value=", ".join(nlp.pipe_names) or "(no component)",
        legal="a pipeline with ner or seed_ner, or with spancat and its spans key named",
        advice=f"train an ner (configs/ner.cfg), or name the spans key of a spancat: {setting('spans_key')}",
    )


def confidence_keys(nlp: Language, *, spans_key: str | None = None) -> list[str]:
    """The span groups that hold entities and their probabilities, as :func:`ensure_confidence` finds them.

    There are several where a pipeline predicts entities in several ways, such as ``ner`` and ``spancat``.

    Args:
        nlp: The pipeline; what gives probabilities is added to it where it is missing.
        spans_key: A span group with scores to take entities from instead.

    Raises:
        PipelineError: Nothing in the pipeline predicts entities with a probability.
    """
    first = ensure_confidence(nlp, spans_key=spans_key)
    if spans_key is not None:
        return [first]
    scoring = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory == "entity_confidence"]
    return list(dict.fromkeys([first, *(str(nlp.get_pipe_config(name)["spans_key"]) for name in scoring)]))


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

    New entities have the state ``pre-added``, the author ``who``, and the probability that the model gives.
    So do document labels and relations, if the pipeline predicts any. What people annotated stays as it is: a
    prediction that overlaps it is left out (for a pipeline with a ``spancat``, unless one is inside the
    other), and a relation of such an entity with it. Earlier pre-annotations of the same author are replaced.
    Documents that people confirmed are left out.

    Args:
        nlp: The pipeline, see :func:`ensure_confidence`.
        documents: The documents; their master version is annotated.
        who: The author, ``ml:NAME``.
        legend: The project's classes; by default each document's own.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        spans_key: Take entities from this span group and its scores instead of ``doc.ents``.
        batch_size: Documents per batch.
        n_process: Processes.
        report: What became of documents and predictions is counted there.

    Raises:
        ConfigurationError: ``who`` isn't ``ml:NAME``.
        LegendError: A predicted label is not an entity type of the project.
        PipelineError: The span group is missing or has no scores.
    """
    if not _WHO.fullmatch(who):
        raise ArgumentError(
            "the author of pre-annotations has the wrong form",
            value=who,
            legal="ml:NAME with letters, digits, . _ -",
        )
    report = report if report is not None else AnnotateReport()
    # A pipeline of nothing but text classifiers has no entities to write.
    only_labels = spans_key is None and bool(textcat_names(nlp)) and not _predicts_entities(nlp)
    keys = [] if only_labels else confidence_keys(nlp, spans_key=spans_key)
    task = _Task(who, rename or {}, report, nested=bool(spancat_keys(nlp)))

    # Only numbers travel with the Docs: what goes to another process must be small, and a parsed document
    # can't go at all.
    waiting: dict[int, tuple[Document, _Parts]] = {}

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
        found = _Found(scored_entities(doc, keys), predicted_labels(nlp, doc), predicted_relations(doc))
        yield task.annotated(document, parts, legend or document.legend, found)


def assemble_open_parts(nlp: Language, document: Document, annotations: Annotations) -> Assembled:
    """The Doc of the parts of a document that are open to annotators.

    Where a version doesn't say which parts are open, all are.
    """
    open_parts = {part for part in annotations.annotatable if part in document.parts} or set(document.parts)
    return assemble(nlp, [(part.id, part.text) for part in document if part.id in open_parts])


def _predicts_entities(nlp: Language) -> bool:
    factories = {nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    return bool(factories & {*_NER_FACTORIES, "spancat", "entity_confidence"})


def _prob(probability: float) -> float:
    return min(1 - _MIN_PROB, max(_MIN_PROB, round(probability, 6)))


def scored_entities(doc: Doc, keys: Iterable[str]) -> list[tuple[Span, float | None]]:
    """The entities of some span groups, each with its probability, ``None`` where the model has no opinion.

    What stands in several groups is taken from the first one.

    Args:
        doc: What a pipeline made of a text.
        keys: The groups, see :func:`confidence_keys`.

    Raises:
        PipelineError: A span group is missing or has no scores.
    """
    found: dict[tuple[int, int, str], tuple[Span, float | None]] = {}
    for key in keys:
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
        for span, score in zip(group, scores, strict=True):
            place = (span.start, span.end, span.label_)
            found.setdefault(place, (span, None if math.isnan(score) else float(score)))
    return list(found.values())


_Parts = tuple[tuple[str, int, int], ...]
"""Of each part of a Doc its id, its first character and one past the last."""
_Ranges = dict[str, list[tuple[int, int, str]]]
"""What is annotated in each part: first character, one past the last, id of the class."""


class _Found(NamedTuple):
    """What a pipeline predicted of a document.

    Attributes:
        entities: Entities, each with its probability.
        labels: Document labels, each with its probability.
        relations: Relations between the entities.
    """

    entities: Sequence[tuple[Span, float | None]]
    labels: Mapping[str, float]
    relations: Sequence[PredictedRelation]


@dataclass(frozen=True)
class _Task:
    """How predictions become annotations.

    Attributes:
        who: Their author.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        report: What became of them is counted there.
        nested: Whether one entity may stand inside another.
    """

    who: str
    rename: Mapping[str, str]
    report: AnnotateReport
    nested: bool = False

    def annotated(self, document: Document, parts: _Parts, legend: Legend, found: _Found) -> Document:
        """The document with what was predicted in its master version.

        Args:
            document: The document.
            parts: Where its open parts stand in the Doc.
            legend: The project's classes.
            found: What was predicted.
        """
        data: dict[str, Any] = copy.deepcopy(document.annotations.data)
        stored = data.get("relations") or []
        relations = [one for one in stored if not self._mine(one)]
        self.report.replaced += len(stored) - len(relations)
        data["relations"] = relations
        kept, taken = self._kept(document, data)
        added, ends = self._added(document, parts, legend, found.entities, taken)
        data["entities"] = kept + added
        data["metas"] = self._metas(data.get("metas") or {}, found.labels, legend, document.id)
        data["relations"] = relations + self._related(data, found.relations, ends, legend, document.id)
        if not (data.get("annotatable") or {}).get("parts"):
            data["annotatable"] = {**(data.get("annotatable") or {}), "parts": list(document.parts)}
        versions = {member: document.versions[member] for member in document.versions} | {
            MASTER: Annotations(data, place=document.id)
        }
        return Document(document.id, document.html, versions, folder=document.folder, legend=legend)

    def _mine(self, item: Any) -> bool:
        """Whether a label or relation is an earlier pre-annotation of the same author."""
        confidence = item.get("confidence") if isinstance(item, dict) else None
        return (
            isinstance(confidence, dict)
            and confidence.get("state") == "pre-added"
            and confidence.get("who") == [self.who]
        )

    def _kept(self, document: Document, data: Mapping[str, Any]) -> tuple[list[dict[str, Any]], _Ranges]:
        """The entities that stay, and what they take: all but earlier pre-annotations of the same author.

        Args:
            document: The document.
            data: Its annotations, without relations that go.
        """
        original = document.annotations
        entities = data["entities"]
        # Entities that a relation points at stay: tagtog's references name part and offsets, nothing else.
        relations = Annotations(dict(data), place=document.id).relations
        referenced = {(part, start) for relation in relations for part, _, start, _ in relation.ends}
        kept: list[dict[str, Any]] = []
        taken: _Ranges = {}
        for located in locate(document.parts, original):
            entity = located.entity
            if (
                entity.state == "pre-added"
                and entity.who == [self.who]
                and not any((entity.part, fragment.start) in referenced for fragment in entity.fragments)
            ):
                self.report.replaced += 1
                continue
            kept.append(entities[entity.index])
            # A fragment of a discontinuous entity is no entity of its own, so no prediction is the same.
            class_id = "" if located.is_discontinuous else entity.class_id
            taken.setdefault(entity.part, []).extend((start, end, class_id) for start, end in located.ranges)
        return kept, taken

    def _added(
        self,
        document: Document,
        parts: _Parts,
        legend: Legend,
        predictions: Sequence[tuple[Span, float | None]],
        taken: _Ranges,
    ) -> tuple[list[dict[str, Any]], dict[Place, str]]:
        """The new entities; and of each prediction that is an entity now, how a relation refers to it."""
        report = self.report
        unit = detect_unit(document.parts, document.annotations)
        added: list[dict[str, Any]] = []
        ends: dict[Place, str] = {}
        new: set[tuple[str, int, int, str]] = set()  # two labels may get one name
        for span, prob in predictions:
            report.predicted += 1
            label = self.rename.get(span.label_, span.label_)
            if not label:
                report.dropped += 1
                continue
            class_id = legend.id_of("e", label, place=document.id, can_rename=True)
            place = _part_of(span, parts)
            if place is None:
                report.crossing += 1
                continue
            part, start, end = place
            others = taken.get(part, [])
            reference = new_reference(class_id, part, document.parts[part].text, start, end, unit)
            if (start, end, class_id) in others or (part, start, end, class_id) in new:
                report.same += 1
                ends[place_of(span)] = reference
                continue
            if any(self._contradict((start, end), (first, last)) for first, last, _ in others):
                report.contradicting += 1
                continue
            report.without_prob += prob is None
            report.added[label] += 1
            ends[place_of(span)] = reference
            new.add((part, start, end, class_id))
            entity = new_entity(
                class_id=class_id,
                part=part,
                text=document.parts[part].text,
                start=start,
                end=end,
                unit=unit,
                who=self.who,
                prob=None if prob is None else _prob(prob),
            )
            entity["normalizations"] = self._normalizations(span, legend, document.id)
            added.append(entity)
        return added, ends

    def _related(
        self,
        data: dict[str, Any],
        predicted: Iterable[PredictedRelation],
        ends: Mapping[Place, str],
        legend: Legend,
        place: str,
    ) -> list[dict[str, Any]]:
        """The new relations.

        Args:
            data: The annotations with the new entities.
            predicted: What was predicted.
            ends: How a relation refers to an entity that was predicted.
            legend: The project's classes.
            place: The document's id.
        """
        report = self.report
        there = RelatedEntities(Annotations(data, place=place))
        added: list[dict[str, Any]] = []
        for one in predicted:
            report.relations_predicted += 1
            label = self.rename.get(one.label, one.label)
            if not label:
                report.dropped += 1
                continue
            class_id = legend.id_of("r", label, place=place, can_rename=True)
            references = [ends[end] for end in (one.first, one.second) if end in ends]
            if len(references) < 2:
                report.relations_loose += 1
                continue
            if not there.add(class_id, references, directed=one.directed):
                report.relations_same += 1
                continue
            report.relations_added[label] += 1
            added.append(
                {
                    "classId": class_id,
                    "type": one.link or "linked",
                    "directed": one.directed,
                    "entities": references,
                    "confidence": {"state": "pre-added", "who": [self.who], "prob": _prob(one.prob)},
                }
            )
        return added

    def _normalizations(self, span: Span, legend: Legend, place: str) -> dict[str, Any]:
        """What an entity was normalized to, as tagtog stores it; empty where it wasn't."""
        found = normalization_of(span)
        name = "" if found is None else self.rename.get(found.dictionary, found.dictionary)
        if found is None or not name:
            return {}
        class_id = legend.id_of("n", name, place=place, can_rename=True)
        self.report.normalizations += 1
        return {
            class_id: {
                "source": {"name": name, "id": found.id, "url": None},
                "recName": found.name or None,
                "confidence": {"state": "pre-added", "who": [self.who], "prob": _prob(found.prob)},
            }
        }

    def _contradict(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether two entities, of a machine and of a person, can't both be right."""
        if one[1] <= other[0] or other[1] <= one[0]:
            return False
        holds = any(a[0] <= b[0] and b[1] <= a[1] for a, b in ((one, other), (other, one)))
        return not (self.nested and holds and one != other)

    def _metas(
        self, stored: dict[str, Any], labels: Mapping[str, float], legend: Legend, place: str
    ) -> dict[str, Any]:
        """The document labels: those of people as they are, those of the same author replaced."""
        report = self.report
        metas = {class_id: meta for class_id, meta in stored.items() if not self._mine(meta)}
        report.replaced += len(stored) - len(metas)
        # The most probable value first: a label with several values holds one.
        for own, probability in sorted(labels.items(), key=lambda item: -item[1]):
            report.labels_predicted += 1
            label = self.rename.get(own, own)
            if not label:
                report.dropped += 1
                continue
            name, equals, value = label.partition("=")
            class_id = legend.id_of("m", name, place=place, can_rename=True)
            if class_id in metas:
                report.labels_kept += 1
                continue
            report.labels_added[label] += 1
            confidence = {"state": "pre-added", "who": [self.who], "prob": _prob(probability)}
            metas[class_id] = {"value": value if equals else True, "confidence": confidence}
        return metas


def _part_of(span: Span, parts: _Parts) -> tuple[str, int, int] | None:
    """The part that holds a span, and the span's first character and one past the last in that part.

    ``None`` where no part holds all of it.
    """
    for part, first, last in parts:
        if first <= span.start_char and span.end_char <= last:
            return part, span.start_char - first, span.end_char - first
    return None
