"""Precision, recall and F of entities, counted in characters, so that a tokenizer's mistakes count as what they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog.convert import predicted_doc
from spacy_tagtog.errors import EvaluationError

__all__ = ["Evaluation", "Scores", "evaluate_docs", "score_entities"]

CharSpan = tuple[int, int, str]
"""(first character, one past the last, label)."""


@dataclass
class Scores:
    """Counts of one entity type under both measures.

    Attributes:
        gold: Entities that people annotated.
        predicted: Entities that the pipeline predicted.
        exact: Predictions with the borders and label of a gold entity.
        predicted_overlapping: Predictions that share at least one character with a gold entity of their label.
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
        """Precision, recall and F1 where labels must be equal and one shared character is enough (tagtog's ``overlapping_v1``); each in [0, 1]."""
        return self._prf(self.predicted_overlapping, self.predicted, self.gold_overlapping, self.gold)

    def to_json(self) -> dict[str, Any]:
        """Counts and both measures as a JSON object."""
        result: dict[str, Any] = {"gold": self.gold, "predicted": self.predicted}
        for name, prf in (("exact", self.exact_prf), ("overlapping", self.overlapping_prf)):
            result[name] = dict(zip(("precision", "recall", "f1"), (round(value, 6) for value in prf), strict=True))
        return result


@dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        documents: Documents compared.
        labels: Scores of each entity type.
        ignored: Predictions that were not counted since they touch text about which the gold data says nothing.
    """

    documents: int = 0
    labels: dict[str, Scores] = field(default_factory=dict)
    ignored: int = 0

    @property
    def overall(self) -> Scores:
        """All entity types together (micro average)."""
        return sum(self.labels.values(), Scores())

    def to_json(self) -> dict[str, Any]:
        """The evaluation as a JSON object."""
        return {
            "documents": self.documents,
            "ignored_predictions": self.ignored,
            "overall": self.overall.to_json(),
            "labels": {label: scores.to_json() for label, scores in sorted(self.labels.items())},
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
        result[label] = Scores(
            gold=len(gold_spans),
            predicted=len(predicted_spans),
            exact=len(gold_spans & predicted_spans),
            predicted_overlapping=_touching(predicted_spans, gold_spans),
            gold_overlapping=_touching(gold_spans, predicted_spans),
        )
    return result


def _touching(spans: set[tuple[int, int]], others: set[tuple[int, int]]) -> int:
    """How many of the spans share a character with one of the others."""
    ordered = sorted(others)
    count = 0
    for start, end in spans:
        count += any(other_start < end and start < other_end for other_start, other_end in ordered)
    return count


def evaluate_docs(nlp: Language, gold_docs: Iterable[Doc], *, batch_size: int | None = None, n_process: int = 1) -> Evaluation:
    """Run a pipeline over the texts of gold Docs and compare its entities with theirs.

    Predictions that touch tokens about which the gold Doc says nothing (*missing*, ``ent_iob`` 0) are not counted, and stated.

    Args:
        nlp: A trained pipeline.
        gold_docs: Docs with entities, made by this package or by any other means.
        batch_size: Docs a batch.
        n_process: Processes.

    Raises:
        EvaluationError: There is no gold Doc, or none has an entity.
    """
    result = Evaluation()
    # Only numbers travel with the Docs: a gold Doc would take its whole vocabulary along to another process.
    waiting: dict[int, Doc] = {}

    def inputs() -> Iterator[tuple[Doc, int]]:
        for number, gold in enumerate(gold_docs):
            waiting[number] = gold
            yield predicted_doc(nlp, gold), number

    for predicted, number in nlp.pipe(inputs(), as_tuples=True, batch_size=batch_size, n_process=n_process):
        gold = waiting.pop(number)
        result.documents += 1
        silent = [(token.idx, token.idx + len(token)) for token in gold if token.ent_iob == 0]
        spans: list[CharSpan] = []
        for ent in predicted.ents:
            if any(start < ent.end_char and ent.start_char < end for start, end in silent):
                result.ignored += 1
            else:
                spans.append((ent.start_char, ent.end_char, ent.label_))
        for label, scores in score_entities([(ent.start_char, ent.end_char, ent.label_) for ent in gold.ents], spans).items():
            result.labels[label] = result.labels.get(label, Scores()) + scores
    if not result.documents or not result.overall.gold:
        raise EvaluationError(
            "there is nothing to evaluate on",
            value=f"{result.documents} documents, {result.overall.gold} entities",
            legal="documents with at least one entity",
            advice="confirm more documents, or give a larger share to this side of the split",
        )
    return result
