"""Boosted trees as plain numbers: fitted by scikit-learn, stored as lists, and walked by numpy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoostedTrees", "fit_trees"]

_DEPTH: Final = 3
_SPLITS: Final = 2**_DEPTH - 1
_LEAVES: Final = 2**_DEPTH
# Small trees, many of them, each on half of the predictions and half of the features. Deeper ones and twice as many were not better in
# cross-validation on the training parts of three corpora.
_TREES: Final = 150
_RATE: Final = 0.05
_SHARE: Final = 0.5
_LEAST_IN_LEAF: Final = 20
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BoostedTrees:
    """Trees of depth 3 whose leaves are added up to log-odds (Friedman, "Greedy function approximation", Annals of Statistics 29, 2001).

    Attributes:
        columns: The number of features, without the labels.
        labels: A column each, after the features: 1 for a prediction with this label.
        bias: What the leaves are added to.
        features: For each tree the column that each of its 7 splits looks at: the first one, then from left to right, level by level.
        thresholds: For each split the value above which it goes to the right.
        leaves: For each tree its 8 leaves, from left to right.
    """

    columns: int
    labels: list[str]
    bias: float
    features: list[list[int]] = field(default_factory=list)
    thresholds: list[list[float]] = field(default_factory=list)
    leaves: list[list[float]] = field(default_factory=list)

    def log_odds(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Log-odds of shape (n,).

        Args:
            features: Shape (n, ``columns`` or more).
            labels: The n labels.
        """
        # As scikit-learn does, in single precision: a value beside a threshold falls on the side where it fell in fitting.
        values = _columns(features[:, : self.columns], labels, self.labels).astype(np.float32)
        if not self.features:
            return np.full(len(values), self.bias)
        splits, thresholds, leaves = self._arrays
        trees = np.arange(len(splits))
        rows = np.arange(len(values))[:, None]
        places = (values[:, splits[:, 0]] > thresholds[:, 0]) + np.int64(1)
        for _ in range(_DEPTH - 1):
            places = 2 * places + 1 + (values[rows, splits[trees, places]] > thresholds[trees, places])
        return np.asarray(self.bias + leaves[trees, places - _SPLITS].sum(axis=1), dtype=np.float64)

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.int64], _Floats, _Floats]:
        return np.array(self.features), np.array(self.thresholds), np.array(self.leaves)

    @classmethod
    def from_json(cls, data: Any) -> BoostedTrees:
        """Read what ``asdict`` makes of it.

        Raises:
            ValueError: It isn't one; also KeyError and TypeError.
        """
        if not isinstance(data, Mapping):
            raise TypeError("an object was expected")
        made = cls(
            int(data["columns"]),
            [str(label) for label in data["labels"]],
            float(data["bias"]),
            [[int(v) for v in tree] for tree in data["features"]],
            [[float(v) for v in tree] for tree in data["thresholds"]],
            [[float(v) for v in tree] for tree in data["leaves"]],
        )
        size = made.columns + len(made.labels)
        fits = (
            made.columns >= 1
            and len(made.features) == len(made.thresholds) == len(made.leaves)
            and all(len(tree) == _SPLITS and all(0 <= v < size for v in tree) for tree in made.features)
            and all(len(tree) == _SPLITS and all(map(math.isfinite, tree)) for tree in made.thresholds)
            and all(len(tree) == _LEAVES and all(map(math.isfinite, tree)) for tree in made.leaves)
            and math.isfinite(made.bias)
        )
        if not fits:
            raise ValueError("numbers that don't fit each other")
        return made


def _columns(features: _Floats, labels: Sequence[str], names: Sequence[str]) -> _Floats:
    """The features, and a column for each of the labels."""
    if not names:
        return features
    given = np.array(labels, dtype=object)
    return np.hstack([features, *((given == name).astype(np.float64).reshape(-1, 1) for name in names)])


def fit_trees(features: _Floats, labels: Sequence[str], right: _Floats, *, seed: int = 0) -> BoostedTrees:
    """Fit boosted trees to right and wrong predictions.

    Args:
        features: Shape (n, k).
        labels: The n labels.
        right: Shape (n,), 1 or 0; both occur.
        seed: Of the choice of predictions and features.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    names = sorted(set(labels)) if len(set(labels)) > 1 else []
    model = GradientBoostingClassifier(
        n_estimators=_TREES,
        learning_rate=_RATE,
        max_depth=_DEPTH,
        min_samples_leaf=_LEAST_IN_LEAF,
        subsample=_SHARE,
        max_features=_SHARE,
        random_state=seed,
    ).fit(_columns(features, labels, names), right)
    made = BoostedTrees(features.shape[1], names, float(np.log(right.mean() / (1 - right.mean()))))
    for (one,) in model.estimators_:
        splits, thresholds, leaves = _complete(one.tree_)
        made.features.append(splits)
        made.thresholds.append(thresholds)
        made.leaves.append(leaves)
    return made


def _complete(tree: Any) -> tuple[list[int], list[float], list[float]]:
    """A tree of scikit-learn's as a complete one: where it ends early, both sides of the splits below lead to the same value."""
    nodes = [0]
    splits: list[int] = []
    thresholds: list[float] = []
    for place in range(_SPLITS):
        node = nodes[place]
        ends = tree.children_left[node] < 0
        splits.append(0 if ends else int(tree.feature[node]))
        thresholds.append(0.0 if ends else float(tree.threshold[node]))
        nodes += [node, node] if ends else [int(tree.children_left[node]), int(tree.children_right[node])]
    return splits, thresholds, [_RATE * float(tree.value[node, 0, 0]) for node in nodes[_SPLITS:]]
