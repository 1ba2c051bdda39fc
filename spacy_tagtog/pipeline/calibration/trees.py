"""Boosted and random trees as plain numbers: fitted by scikit-learn, stored as lists, and walked by numpy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_DEPTH: Final = 3
_SPLITS: Final = 2**_DEPTH - 1
_LEAVES: Final = 2**_DEPTH
# Small trees, many of them, each on half of the predictions and half of the features. Deeper ones and twice as many were not better in
# cross-validation on the training parts of three corpora.
_TREES: Final = 150
_RATE: Final = 0.05
_SHARE: Final = 0.5
_LEAST_IN_LEAF: Final = 20
# Deep trees see what holds for one type, or one word, alone. Of leaves of 5, 10 and 20 and of 0.3 and 0.6 of the features, 5 was a little better than
# 10 on two training parts of three, with 1.7 times as many nodes.
_RANDOM_TREES: Final = 50
_RANDOM_LEAF: Final = 10
_RANDOM_SHARE: Final = 0.3
_DIGITS: Final = 6  # of a stored threshold: a split is drawn by chance, so more would say nothing
_LEAF: Final = -1
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


@dataclass(frozen=True)
class RandomTrees:
    """Deep trees whose splits are drawn by chance, and of which the mean is taken (Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine
    Learning 63, 2006).

    The nodes of all trees stand one after the other, each tree from its root, every left child right after its parent.

    Attributes:
        columns: The number of features, without the labels.
        labels: A column each, after the features: 1 for a prediction with this label.
        edge: Probabilities are at least this and at most one minus this.
        roots: The place of each tree's root.
        features: For each node the column that it looks at; -1 for a leaf.
        values: For each node the value above which it goes to the right; for a leaf the share of right predictions in it.
        rights: For each node the place of its right child; 0 for a leaf.
    """

    columns: int
    labels: list[str]
    edge: float
    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)

    def log_odds(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Log-odds of shape (n,).

        Args:
            features: Shape (n, ``columns`` or more).
            labels: The n labels.
        """
        seen = _columns(features[:, : self.columns], labels, self.labels).astype(
            np.float32
        )  # as in BoostedTrees
        roots, columns, values, rights = self._arrays
        flat = seen.ravel()
        places = np.tile(roots, len(seen))
        row = np.repeat(np.arange(len(seen)) * seen.shape[1], len(roots))
        walking = np.arange(len(places))
        while len(walking):
            at = places[walking]
            column = columns[at]
            inner = column != _LEAF
            if not inner.all():
                walking, at, column = walking[inner], at[inner], column[inner]
            places[walking] = np.where(flat[row[walking] + column] > values[at], rights[at], at + 1)
        share = np.clip(values[places].reshape(-1, len(roots)).mean(axis=1), self.edge, 1 - self.edge)
        return np.asarray(np.log(share / (1 - share)), dtype=np.float64)

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], _Floats, NDArray[np.int64]]:
        return np.array(self.roots), np.array(self.features), np.array(self.values), np.array(self.rights)

    @classmethod
    def from_json(cls, data: Any) -> RandomTrees:
        """Read what ``asdict`` makes of it.

        Raises:
            ValueError: It isn't one; also KeyError and TypeError.
        """
        if not isinstance(data, Mapping):
            raise TypeError("an object was expected")
        roots, features, rights = ([int(v) for v in data[name]] for name in ("roots", "features", "rights"))
        made = cls(
            int(data["columns"]),
            [str(label) for label in data["labels"]],
            float(data["edge"]),
            roots,
            features,
            [float(v) for v in data["values"]],
            rights,
        )
        size, width = len(features), made.columns + len(made.labels)
        # Children stand behind their parents, so no walk goes in circles, and a node that has any isn't the last.
        fits = (
            made.columns >= 1
            and 0 < made.edge < 0.5
            and len(made.values) == len(rights) == size
            and bool(roots)
            and all(0 <= root < size for root in roots)
            and all(map(math.isfinite, made.values))
            and all(
                (column == _LEAF and 0 <= value <= 1) or (0 <= column < width and place + 1 < right < size)
                for place, (column, value, right) in enumerate(
                    zip(features, made.values, rights, strict=True)
                )
            )
        )
        if not fits:
            raise ValueError("numbers that don't fit each other")
        return made


def _columns(features: _Floats, labels: Sequence[str], names: Sequence[str]) -> _Floats:
    """The features, and a column for each of the labels."""
    if not names:
        return features
    size = features.shape[1]
    column = {name: size + place for place, name in enumerate(names)}
    result = np.zeros((len(features), size + len(names) + 1))  # one more, for a label that is none of these
    result[:, :size] = features
    result[np.arange(len(features)), [column.get(label, -1) for label in labels]] = 1
    return result[:, :-1]


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


def fit_random_trees(
    features: _Floats, labels: Sequence[str], right: _Floats, *, seed: int = 0
) -> RandomTrees:
    """Fit random trees to right and wrong predictions.

    Args:
        features: Shape (n, k).
        labels: The n labels.
        right: Shape (n,), 1 or 0; both occur.
        seed: Of the splits.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    names = sorted(set(labels)) if len(set(labels)) > 1 else []
    model = ExtraTreesClassifier(
        _RANDOM_TREES, min_samples_leaf=_RANDOM_LEAF, max_features=_RANDOM_SHARE, random_state=seed
    ).fit(_columns(features, labels, names), right)
    # As with isotonic regression: never 0 or 1, so much is not known from n predictions (Laplace).
    made = RandomTrees(features.shape[1], names, 1 / (len(right) + 2))
    for one in model.estimators_:
        made.roots.append(len(made.features))
        _add_nodes(one.tree_, made)
    return made


def _add_nodes(tree: Any, made: RandomTrees) -> None:
    """Add the nodes of a tree of scikit-learn's, each before its left child, that before its right one."""
    lefts, rights, columns = tree.children_left.tolist(), tree.children_right.tolist(), tree.feature.tolist()
    # Shares in some versions of scikit-learn, counts in others.
    thresholds, shares = (
        tree.threshold.tolist(),
        (tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)).tolist(),
    )
    waiting: list[tuple[int, int]] = [(0, -1)]
    while waiting:
        node, parent = waiting.pop()
        place = len(made.features)
        if parent >= 0:
            made.rights[parent] = place
        leaf = lefts[node] < 0
        made.features.append(_LEAF if leaf else columns[node])
        made.values.append(round(shares[node], _DIGITS) if leaf else float(f"{thresholds[node]:.{_DIGITS}g}"))
        made.rights.append(0)
        if not leaf:
            waiting += [(rights[node], place), (lefts[node], -1)]


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
