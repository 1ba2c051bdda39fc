"""Counts of what is there, predicted and right, and precision, recall and F from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacy_tagtog._ranges import Reach

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


def score_labels(
    decided: Container[str], gold: Mapping[str, float], known: Iterable[str]
) -> Iterator[tuple[str, Scores]]:
    """Compare the document labels of one document; one that isn't in the gold ``cats`` is unknown.

    Args:
        decided: The labels that the pipeline decided for.
        gold: What people said, as ``doc.cats``.
        known: The labels that the pipeline knows.
    """
    for label in known:
        has, found = gold.get(label, 0.0) >= 0.5, label in decided
        if label in gold and (has or found):
            both = int(has and found)
            yield label, Scores(int(has), int(found), both, both, both)
