"""Predictions of a pipeline beside what people annotated: which are right, with which score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.pipeline.calibration.calibrators import logit
from spacy_tagtog.pipeline.calibration.component import EntityConfidence
from spacy_tagtog.pipeline.calibration.features import entity_features, missed_features
from spacy_tagtog.pipeline.calibration.training_counts import TrainingCounts
from spacy_tagtog.pipeline.confidence import RAW_SCORES
from spacy_tagtog.pipeline.contents import all_entities
from spacy_tagtog.pipeline.labels import LabelConfidence
from spacy_tagtog.pipeline.uncertainty import get_certainty


@dataclass
class ScoredPredictions:
    """The predictions of one component, each with its score and whether it is right.

    Attributes:
        features: For each Doc with predictions an array of shape (predictions, features), see
            :func:`~spacy_tagtog.pipeline.calibration.features.entity_features`.
        labels: The label of each prediction.
        scores: The probability that the component wrote for each prediction.
        right: Whether each prediction is right: label and both borders are those of a gold entity.
        groups: The number of each prediction's document.
        missed_features: For each Doc an array of shape (tokens outside of predicted entities, 1).
        missed: For each Doc, whether a missed entity begins at each of these tokens.
        missed_groups: The number of each of these tokens' document.
        expected: For each Doc the sum of ``missed`` that the component wrote.
    """

    features: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    missed_features: list[NDArray[np.float64]] = field(default_factory=list)
    missed: list[NDArray[np.bool_]] = field(default_factory=list)
    missed_groups: list[int] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)

    def extend(self, more: ScoredPredictions) -> None:
        """Append those of other documents."""
        for item in fields(self):
            getattr(self, item.name).extend(getattr(more, item.name))


def confidence_components(nlp: Language) -> dict[str, EntityConfidence | LabelConfidence]:
    """The components of a pipeline whose probabilities can be calibrated, by name."""
    return {name: pipe for name, pipe in nlp.pipeline if isinstance(pipe, EntityConfidence | LabelConfidence)}


def paired(
    nlp: Language, gold_docs: Iterable[Doc], *, batch_size: int | None = None, n_process: int = 1
) -> Iterator[tuple[Doc, Doc]]:
    """Gold Docs, each with the pipeline's Doc of the same text."""
    # Only numbers travel with the Docs: a gold Doc would take its whole vocabulary along to another process.
    waiting: dict[int, Doc] = {}

    def inputs() -> Iterator[tuple[Doc, int]]:
        for number, gold in enumerate(gold_docs):
            waiting[number] = gold
            yield predicted_doc(nlp, gold), number

    for predicted, number in nlp.pipe(inputs(), as_tuples=True, batch_size=batch_size, n_process=n_process):
        yield waiting.pop(number), predicted


def silent_ranges(gold: Doc, known: Iterable[Span] = ()) -> list[tuple[int, int]]:
    """The characters about which a gold Doc says nothing (*missing*, ``ent_iob`` 0).

    Args:
        gold: The Doc.
        known: Entities that are known although they are not in ``doc.ents``, since they overlap others: what
            they cover isn't silent.
    """
    covered = {token.i for span in known for token in span}
    return [
        (token.idx, token.idx + len(token)) for token in gold if token.ent_iob == 0 and token.i not in covered
    ]


def add_predictions(
    component: EntityConfidence | LabelConfidence,
    gold: Doc,
    predicted: Doc,
    number: int,
    into: ScoredPredictions,
    training_counts: TrainingCounts | None = None,
) -> None:
    """Add one document's predictions.

    Args:
        component: Whose predictions.
        gold: What people annotated.
        predicted: What the pipeline made of the same text.
        number: The document's number.
        into: They are added there.
        training_counts: What stood in the documents that the pipeline was trained on, for the features.
    """
    if isinstance(component, LabelConfidence):
        _add_labels(component, gold, predicted, number, into)
    else:
        _add_entities(component, gold, predicted, number, into, training_counts)


def _add_labels(
    component: LabelConfidence, gold: Doc, predicted: Doc, number: int, into: ScoredPredictions
) -> None:
    # Whether a document has a label that isn't in its cats is unknown.
    labels = [label for label in component.labels if label in predicted.cats and label in gold.cats]
    exclusive = component.nlp.get_pipe_meta(component.textcat).factory == "textcat"
    # Where labels exclude each other, a document that has none of these tells nothing.
    if not labels or (exclusive and not any(gold.cats.get(label) for label in labels)):
        return
    into.features.append(logit([float(predicted.cats[label]) for label in labels]).reshape(-1, 1))
    into.labels += labels
    into.scores += [predicted._.label_confidence[label] for label in labels]
    into.right += [gold.cats[label] >= 0.5 for label in labels]
    into.groups += [number] * len(labels)


def _add_entities(
    component: EntityConfidence,
    gold: Doc,
    predicted: Doc,
    number: int,
    into: ScoredPredictions,
    training_counts: TrainingCounts | None,
) -> None:
    group = predicted.spans[component.spans_key]
    # A spancat's entities may overlap: compare with all that people annotated.
    nested = component.scores_spancat
    gold_spans = all_entities(gold) if nested else gold.ents
    silent = silent_ranges(gold, gold_spans)
    answers = {(ent.start_char, ent.end_char, ent.label_) for ent in gold_spans}
    spans, raw, scores = list(group), group.attrs.get(RAW_SCORES, []), group.attrs.get("scores", [])
    kept = [
        i
        for i, span in enumerate(spans)
        if not np.isnan(raw[i])
        and not any(start < span.end_char and span.start_char < end for start, end in silent)
    ]
    # What is known of tokens is what a component for entities without overlap wrote.
    certainty = None if nested else get_certainty(predicted)
    if kept:
        # Features are of all predictions of the Doc, as they will be when the calibration is used.
        known = [i for i, value in enumerate(raw) if not np.isnan(value)]
        features = entity_features(
            predicted, [spans[i] for i in known], [raw[i] for i in known], certainty, training_counts
        )
        into.features.append(features[[known.index(i) for i in kept]])
        into.labels += [spans[i].label_ for i in kept]
        into.scores += [float(scores[i]) for i in kept]
        into.right += [(spans[i].start_char, spans[i].end_char, spans[i].label_) in answers for i in kept]
        into.groups += [number] * len(kept)
    if certainty is None:
        return
    found = {(span.start_char, span.end_char, span.label_) for span in spans}
    begins = {start for start, _, _ in answers - found}
    quiet = np.zeros(len(predicted.text) + 1, dtype=np.bool_)
    for start, end in silent:
        quiet[start:end] = True
    outside = np.array([token.ent_type == 0 and not quiet[token.idx] for token in predicted], dtype=np.bool_)
    # A missed entity may begin inside a token.
    misses = np.array(
        [any(c in begins for c in range(token.idx, token.idx + len(token))) for token in predicted],
        dtype=np.bool_,
    )
    if outside.any():
        into.missed_features.append(missed_features(certainty.missed[outside]))
        into.missed.append(misses[outside])
        into.missed_groups += [number] * int(outside.sum())
        into.expected.append(float(certainty.missed[outside].sum()))
