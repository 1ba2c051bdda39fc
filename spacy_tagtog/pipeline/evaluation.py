"""Precision, recall and F of entities, and how accurate the probabilities are.

Entities are compared by characters, so that a tokenizer's mistakes count as what they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog._plural import counted
from spacy_tagtog._ranges import Reach
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.convert.corpus import spancat_keys
from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.calibration.figures import (
    CalibrationFigures,
    figure_cells,
    figures_by_label,
    figures_of,
)
from spacy_tagtog.pipeline.calibration.scoring import (
    ScoredPredictions,
    add_predictions,
    confidence_components,
    paired,
    silent_ranges,
)
from spacy_tagtog.pipeline.calibration.stored import Calibration
from spacy_tagtog.pipeline.contents import all_entities, predicted_entities
from spacy_tagtog.pipeline.labels import predicted_labels, textcat_names

CharSpan = tuple[int, int, str]
"""(first character, one past the last, label)."""


@dataclass
class Scores:
    """Counts of one entity type under both measures.

    Attributes:
        gold: Entities that people annotated.
        predicted: Entities that the pipeline predicted.
        exact: Predictions with the borders and label of a gold entity.
        predicted_overlapping: Predictions that share at least one character with a gold entity of their
            label.
        gold_overlapping: Gold entities that share at least one character with a prediction of their label.
    """

    gold: int = 0
    predicted: int = 0
    exact: int = 0
    predicted_overlapping: int = 0
    gold_overlapping: int = 0

    def __add__(self, other: Scores) -> Scores:
        return Scores(
            self.gold + other.gold,
            self.predicted + other.predicted,
            self.exact + other.exact,
            self.predicted_overlapping + other.predicted_overlapping,
            self.gold_overlapping + other.gold_overlapping,
        )

    @staticmethod
    def _prf(precise: int, predicted: int, recalled: int, gold: int) -> tuple[float, float, float]:
        p = precise / predicted if predicted else 0.0
        r = recalled / gold if gold else 0.0
        return p, r, (2 * p * r / (p + r) if p + r else 0.0)

    @property
    def exact_prf(self) -> tuple[float, float, float]:
        """Precision, recall and F1 where label and both borders must be equal; each in [0, 1]."""
        return self._prf(self.exact, self.predicted, self.exact, self.gold)

    @property
    def overlapping_prf(self) -> tuple[float, float, float]:
        """Precision, recall and F1 where labels must be equal and one shared character is enough.

        Each is in [0, 1]. This is tagtog's ``overlapping_v1``.
        """
        return self._prf(self.predicted_overlapping, self.predicted, self.gold_overlapping, self.gold)

    def to_json(self) -> dict[str, Any]:
        """Counts and both measures as a JSON object."""
        result: dict[str, Any] = {"gold": self.gold, "predicted": self.predicted}
        for name, prf in (("exact", self.exact_prf), ("overlapping", self.overlapping_prf)):
            result[name] = dict(
                zip(("precision", "recall", "f1"), (round(value, 6) for value in prf), strict=True)
            )
        return result


@dataclass
class ConfidenceEvaluation:
    """How accurate the probabilities of one component are.

    Attributes:
        figures: ECE, Brier score, AUROC and bins; ``None`` where there is no prediction.
        labels: The same for each label.
        in_sample: How many of the evaluated documents the component was calibrated on. Where there are any,
            ``figures`` and ``labels`` are the cross-validated ones that were stored by the calibration:
            figures on documents that it was fitted on would flatter.
        calibrated: Whether the component was calibrated at all.
        expected_missed: The sum of the probabilities of a miss; ``None`` where the component writes none.
        missed: Tokens at which a missed entity begins.
    """

    figures: CalibrationFigures | None
    labels: dict[str, CalibrationFigures]
    in_sample: int
    calibrated: bool
    expected_missed: float | None = None
    missed: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; ``source`` tells where the figures come from."""
        return {
            "source": "cross-validated in calibration" if self.in_sample else "these documents",
            "documents_calibrated_on": self.in_sample,
            "calibrated": self.calibrated,
            "overall": self.figures and self.figures.to_json(),
            "labels": {label: one.to_json() for label, one in sorted(self.labels.items())},
            "expected_missed": self.expected_missed,
            "missed": self.missed,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows for a table: label, predictions, ECE %, Brier score, AUROC."""
        for label, one in [*sorted(self.labels.items()), ("all", self.figures)]:
            if one is not None:
                yield label, *figure_cells(one)


@dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        documents: Documents compared.
        labels: Scores of each entity type.
        ignored: Predictions that were not counted since they touch text about which the gold data says
            nothing.
        confidence: For each component that gives probabilities, how accurate they are.
        document_labels: Counts of each document label; a label has no borders, so both measures are equal.
        by_document: The same counts of each document: its id (its place from 0 where it has none) to those of
            each type. A document label's name follows ``label:``. What a document has none of isn't there.
    """

    documents: int = 0
    labels: dict[str, Scores] = field(default_factory=dict)
    ignored: int = 0
    confidence: dict[str, ConfidenceEvaluation] = field(default_factory=dict)
    document_labels: dict[str, Scores] = field(default_factory=dict)
    by_document: dict[str, dict[str, Scores]] = field(default_factory=dict, repr=False)

    @property
    def overall(self) -> Scores:
        """All entity types together (micro average)."""
        return sum(self.labels.values(), Scores())

    @property
    def overall_labels(self) -> Scores:
        """All document labels together (micro average)."""
        return sum(self.document_labels.values(), Scores())

    def to_json(self) -> dict[str, Any]:
        """The evaluation as a JSON object."""
        return {
            "documents": self.documents,
            "ignored_predictions": self.ignored,
            "overall": self.overall.to_json(),
            "labels": {label: scores.to_json() for label, scores in sorted(self.labels.items())},
            "confidence": {name: one.to_json() for name, one in self.confidence.items()},
            "document_labels": {
                label: scores.to_json() for label, scores in sorted(self.document_labels.items())
            },
            "document_labels_overall": self.overall_labels.to_json() if self.document_labels else None,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows for a table: label, exact P R F, overlapping P R F (percent), gold, predicted."""
        for label, scores in [*sorted(self.labels.items()), ("all", self.overall)]:
            numbers = [f"{100 * value:.1f}" for value in (*scores.exact_prf, *scores.overlapping_prf)]
            yield (label, *numbers, str(scores.gold), str(scores.predicted))


def score_entities(gold: Iterable[CharSpan], predicted: Iterable[CharSpan]) -> dict[str, Scores]:
    """Compare the entities of one text.

    Args:
        gold: What people annotated.
        predicted: What a pipeline predicted.

    Returns:
        Scores of each label that occurs on either side.
    """
    sides: dict[str, tuple[set[tuple[int, int]], set[tuple[int, int]]]] = defaultdict(lambda: (set(), set()))
    for side, spans in enumerate((gold, predicted)):
        for start, end, label in spans:
            sides[label][side].add((start, end))
    result = {}
    for label, (gold_spans, predicted_spans) in sides.items():
        of_gold, of_predicted = Reach(gold_spans), Reach(predicted_spans)
        result[label] = Scores(
            gold=len(gold_spans),
            predicted=len(predicted_spans),
            exact=len(gold_spans & predicted_spans),
            predicted_overlapping=sum(of_gold.touches(*span) for span in predicted_spans),
            gold_overlapping=sum(of_predicted.touches(*span) for span in gold_spans),
        )
    return result


def evaluate_docs(
    nlp: Language, gold_docs: Iterable[Doc], *, batch_size: int | None = None, n_process: int = 1
) -> Evaluation:
    """Run a pipeline over the texts of gold Docs and compare its entities with theirs.

    Predictions that touch tokens about which the gold Doc says nothing (*missing*, ``ent_iob`` 0) are not
    counted; ``ignored`` says how many there are. Where the pipeline has a ``spancat``, the entities are those
    of ``doc.ents`` and of its span group, and they are compared with all that people annotated, overlapping
    or not.

    Args:
        nlp: A trained pipeline.
        gold_docs: Docs with entities, made by this package or by any other means.
        batch_size: Docs per batch.
        n_process: Processes.

    Raises:
        EvaluationError: There is no gold Doc, or none has an entity.
    """
    result = Evaluation()
    components = confidence_components(nlp)
    known_cats = {str(label) for name in textcat_names(nlp) for label in nlp.get_pipe(name).labels}  # type: ignore[attr-defined]
    nested = bool(spancat_keys(nlp))
    # A pipeline of nothing but text classifiers has missed no entity.
    with_entities = (
        nested
        or not known_cats
        or any("doc.ents" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names)
    )
    found = {name: ScoredPredictions() for name in components}
    in_sample: Counter[str] = Counter()
    numbers: dict[object, int] = {}
    for place, (gold, predicted) in enumerate(
        paired(nlp, gold_docs, batch_size=batch_size, n_process=n_process)
    ):
        result.documents += 1
        own_print = text_fingerprint(gold.text) if components else ""
        # Docs that are parts, or several members' versions, of one document are not independent.
        number = numbers.setdefault(gold._.anndoc_id or place, len(numbers))
        for name, component in components.items():
            in_sample[name] += (
                component.calibration is not None and own_print in component.calibration.fingerprints
            )
            add_predictions(component, gold, predicted, number, found[name])
        own = result.by_document.setdefault(gold._.anndoc_id or str(place), {})
        for label, one in _score_labels(predicted_labels(nlp, predicted), gold.cats, known_cats):
            for total, name in ((result.document_labels, label), (own, f"label:{label}")):
                total[name] = total.get(name, Scores()) + one
        if not with_entities:
            continue
        gold_spans: Sequence[Span] = all_entities(gold) if nested else gold.ents
        silent = silent_ranges(gold, gold_spans)
        spans: list[CharSpan] = []
        for ent in predicted_entities(nlp, predicted):
            if any(start < ent.end_char and ent.start_char < end for start, end in silent):
                result.ignored += 1
            else:
                spans.append((ent.start_char, ent.end_char, ent.label_))
        for label, scores in score_entities(
            [(ent.start_char, ent.end_char, ent.label_) for ent in gold_spans], spans
        ).items():
            for total in (result.labels, own):
                total[label] = total.get(label, Scores()) + scores
    for name, component in components.items():
        result.confidence[name] = _confidence(component.calibration, found[name], in_sample[name])
    if not result.documents or not (
        result.overall.gold or any(scores.gold for scores in result.document_labels.values())
    ):
        raise EvaluationError(
            "there is nothing to evaluate on",
            value=f"{counted(result.documents, 'document')}, {counted(result.overall.gold, 'entity')}",
            legal="documents with at least one entity, or for a text classifier with labels",
            advice="confirm more documents, or give a larger share to this side of the split",
        )
    return result


def _score_labels(
    decided: Container[str], gold: Mapping[str, float], known: Iterable[str]
) -> Iterator[tuple[str, Scores]]:
    """Compare the document labels of one document; one that isn't in the gold ``cats`` is unknown."""
    for label in known:
        has, found = gold.get(label, 0.0) >= 0.5, label in decided
        if label in gold and (has or found):
            both = int(has and found)
            yield label, Scores(int(has), int(found), both, both, both)


def _confidence(
    calibration: Calibration | None, found: ScoredPredictions, in_sample: int
) -> ConfidenceEvaluation:
    if calibration is not None and in_sample:
        report = calibration.report
        return ConfidenceEvaluation(
            report.after or report.before,
            report.labels,
            in_sample,
            calibrated=True,
            expected_missed=report.expected_missed,
            missed=report.missed,
        )
    return ConfidenceEvaluation(
        figures_of(found.scores, found.right, chance=True, groups=found.groups) if found.scores else None,
        figures_by_label(found.scores, found.right, found.labels, found.groups),
        0,
        calibrated=calibration is not None,
        expected_missed=round(sum(found.expected), 3) if found.missed else None,
        missed=int(sum(int(one.sum()) for one in found.missed)) if found.missed else None,
    )
