"""The quality of pre-annotations, estimated from a sample of documents that people reviewed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from spacy_tagtog.agreement.changes import Changes

LEVEL: Final = 0.95


class ReviewCounts(NamedTuple):
    """What a review left of one document's pre-annotations.

    Attributes:
        kept: Entities that were accepted as they were.
        before: Entities that were proposed.
        after: Entities after the review.
        edits: What it took, see :mod:`spacy_tagtog.agreement.edits`.
    """

    kept: int
    before: int
    after: int
    edits: int

    @classmethod
    def of(cls, changes: Changes) -> ReviewCounts:
        """Count the changes of one document."""
        kept = sum(one.kind == "kept" for one in changes.entities)
        before = sum(one.before is not None for one in changes.entities)
        return cls(kept, before, sum(one.after is not None for one in changes.entities), changes.edits.total)


@dataclass(frozen=True)
class Estimate:
    """A figure and how far a sample of this size can be off.

    Attributes:
        value: The figure of the sample; ``None`` where there is nothing to count.
        low: Where the interval begins; ``None`` for fewer than two documents.
        high: Where it ends.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """As a JSON object."""
        return {name: None if value is None else round(value, 6) for name, value in vars(self).items()}


@dataclass(frozen=True)
class QualityEstimate:
    """How good pre-annotations are: exact precision, recall and F1 in [0, 1], and edits; with 95 % intervals.

    Attributes:
        documents: Documents in the sample.
        precision: Of the entities proposed, the share that people accepted as they were.
        recall: Of the entities after the review, the share that had been proposed exactly so.
        f1: The harmonic mean of both.
        edits: Edits per document.
    """

    documents: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    edits: Estimate

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        figures = {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "edits_per_document": self.edits,
        }
        return {"documents": self.documents, **{name: one.to_json() for name, one in figures.items()}}


def estimate_quality(counts: Sequence[ReviewCounts], level: float = LEVEL) -> QualityEstimate:
    """Estimate the quality of pre-annotations from a random sample of documents.

    Documents are the units of the sample: the entities of one document are not independent.

    Args:
        counts: What the review of each document left.
        level: The confidence level of the intervals.
    """
    kept = [one.kept for one in counts]
    return QualityEstimate(
        len(counts),
        ratio_interval(kept, [one.before for one in counts], level),
        ratio_interval(kept, [one.after for one in counts], level),
        # F1 is a share, too: 2 kept of all entities on both sides.
        ratio_interval([2 * one for one in kept], [one.before + one.after for one in counts], level),
        mean_interval([one.edits for one in counts], level),
    )


def ratio_interval(parts: Sequence[int], wholes: Sequence[int], level: float = LEVEL) -> Estimate:
    """A share of items that come in clusters, with Wilson's interval for the effective number of items.

    The variance of the share is that of a ratio estimator over clusters (Cochran, "Sampling techniques",
    1977, 6.4). The effective number of items is p (1 − p) over it, and at most the number of items. With few
    clusters the quantile is Student's (Franco, Little, Louis and Slud, "Comparative study of confidence
    intervals for proportions in complex sample surveys", 2019). Where all clusters agree that the share is 0
    or 1, each cluster counts as one item.

    Args:
        parts: Of each cluster, how many items count.
        wholes: Of each cluster, how many items there are.
        level: The confidence level.
    """
    whole = sum(wholes)
    if not whole:
        return Estimate(None)
    p = sum(parts) / whole
    clusters = sum(1 for one in wholes if one)
    if clusters < 2:
        return Estimate(p)
    variance = (
        clusters
        / (clusters - 1)
        * sum((part - p * one) ** 2 for part, one in zip(parts, wholes, strict=True))
        / whole**2
    )
    items = min(float(whole), p * (1 - p) / variance) if variance > 0 and 0 < p < 1 else float(clusters)
    t = _quantile(level, clusters - 1)
    centre = (p + t * t / (2 * items)) / (1 + t * t / items)
    half = t * math.sqrt(p * (1 - p) / items + t * t / (4 * items * items)) / (1 + t * t / items)
    # At the ends, p is the end, but for rounding.
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)))


def mean_interval(values: Sequence[int], level: float = LEVEL) -> Estimate:
    """A mean of counts with Student's interval, cut off at 0."""
    if not values:
        return Estimate(None)
    number, mean = len(values), sum(values) / len(values)
    if number < 2:
        return Estimate(mean)
    half = _quantile(level, number - 1) * math.sqrt(
        sum((one - mean) ** 2 for one in values) / (number - 1) / number
    )
    return Estimate(mean, max(0.0, mean - half), mean + half)


def _quantile(level: float, freedom: int) -> float:
    from scipy.stats import t  # imported here: most commands never get so far

    return float(t.ppf((1 + level) / 2, freedom))
