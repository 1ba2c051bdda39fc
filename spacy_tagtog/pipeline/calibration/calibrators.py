"""Calibrators: from the score of a prediction to the probability that it is right, kept as plain numbers.

They are fitted by :mod:`spacy_tagtog.pipeline.calibration.cross_validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import FiniteFloat

from spacy_tagtog.pipeline.calibration.trees import BoostedTrees, RandomTrees

FittedMethod = Literal["none", "platt", "isotonic", "logistic", "trees", "forest"]

_EDGE: Final = 1e-6
_Floats = NDArray[np.float64]


def logit(probability: ArrayLike) -> _Floats:
    """The log-odds of probabilities in [0, 1] of any shape; both ends are moved in by 1e-6."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)))


def sigmoid(log_odds: _Floats) -> _Floats:
    """The probabilities of log-odds of any shape."""
    from scipy.special import expit

    return np.asarray(expit(log_odds), dtype=np.float64)


@dataclass(frozen=True)
class Calibrator:
    """From the features of a prediction to the probability that it is right, as plain numbers.

    Attributes:
        method: ``none`` (the score as it is), ``platt`` (logistic regression on the log-odds of the score;
            Platt, "Probabilistic outputs for support vector machines", 1999), ``isotonic`` (Zadrozny and
            Elkan, KDD 2002), ``logistic`` (logistic regression on all features), ``trees`` (the mean of the
            log-odds of such a regression, of boosted and of random trees), ``forest`` (the mean of those of
            boosted and random trees).
        bias: For the regressions.
        weights: For the regressions, one per feature; for ``platt`` of the first feature alone.
        labels: Added to the bias for a prediction with this label.
        x: The knots of an isotonic calibrator: log-odds, ascending.
        y: The probabilities at the knots.
        trees: For ``trees`` and ``forest``.
        random_trees: For ``trees`` and ``forest``.

    Raises:
        ValueError: The parts don't belong to the method.
    """

    # Without defaults: a stored calibrator in which a part is missing is damaged.
    method: FittedMethod
    bias: FiniteFloat
    weights: list[FiniteFloat]
    labels: dict[str, FiniteFloat]
    x: list[FiniteFloat]
    y: list[FiniteFloat]
    trees: BoostedTrees | None = None
    random_trees: RandomTrees | None = None

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or (self.method == "isotonic" and not self.x):
            raise ValueError("an isotonic calibrator needs as many probabilities as knots")
        with_trees = self.method in ("trees", "forest")
        if with_trees != (self.trees is not None) or with_trees != (self.random_trees is not None):
            raise ValueError(
                "boosted and random trees belong to the methods trees and forest, and to no other"
            )

    def predict(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Probabilities of shape (n,).

        Args:
            features: Shape (n, k); the first column is the log-odds of the score.
            labels: The n labels.
        """
        if self.method == "none":
            return sigmoid(features[:, 0])
        if self.method == "isotonic":
            return np.asarray(np.interp(features[:, 0], self.x, self.y), dtype=np.float64)
        log_odds = [
            trees.log_odds(features, labels) for trees in (self.trees, self.random_trees) if trees is not None
        ]
        if self.method != "forest":
            own = features[:, : len(self.weights)] @ np.asarray(self.weights) + self.bias
            log_odds.append(
                own + np.array([self.labels.get(label, 0.0) for label in labels]) if self.labels else own
            )
        return sigmoid(sum(log_odds, np.zeros(len(features))) / len(log_odds))


UNCHANGED: Final = Calibrator("none", 0.0, [], {}, [], [])
"""Leaves the scores as they are."""


@dataclass(frozen=True)
class LabelCalibrator:
    """A calibrator for all labels, and calibrators of labels with enough data of their own.

    Attributes:
        pooled: For all labels without one of their own.
        own: By label.
    """

    pooled: Calibrator
    own: dict[str, Calibrator]

    def predict(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Probabilities of shape (n,), see :meth:`Calibrator.predict`.

        A label that did not occur in calibration gets the pooled calibrator.
        """
        if self.own.keys().isdisjoint(labels):
            return self.pooled.predict(features, labels)
        result = np.zeros(len(features))
        given = np.array([label if label in self.own else "" for label in labels], dtype=object)
        for label in {*given.tolist()}:
            mine = np.asarray(given == label)
            calibrator = self.own.get(label, self.pooled)
            result[mine] = calibrator.predict(features[mine], [labels[int(i)] for i in np.flatnonzero(mine)])
        return result

    @property
    def features(self) -> int:
        """How many features the calibrators look at."""
        return max(
            max(len(one.weights), *(trees.columns if trees else 0 for trees in (one.trees, one.random_trees)))
            for one in (self.pooled, *self.own.values())
        )
