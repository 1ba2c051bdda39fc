"""Boosted and random trees as plain numbers.

They are fitted by scikit-learn, stored as lists, and walked by NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

_DEPTH: Final = 3
_SPLITS: Final = 2**_DEPTH - 1
_LEAVES: Final = 2**_DEPTH
# Small trees, many of them, each on half of the predictions and half of the features. Deeper ones and twice
# as many were not better in cross-validation on the training parts of three corpora.
_TREES: Final = 150
_RATE: Final = 0.05
_SHARE: Final = 0.5
_LEAST_IN_LEAF: Final = 20
# Deep trees see what holds for one type, or one word, alone. Of leaves of 5, 10 and 20 and of 0.3 and 0.6 of
# the features, 5 was a little better than 10 on two training parts of three, with 1.7 times as many nodes.
_RANDOM_TREES: Final = 50
_RANDOM_LEAF: Final = 10
_RANDOM_SHARE: Final = 0.3
_DIGITS: Final = 6  # of a stored threshold: a split is drawn by chance, so more would say nothing
_LEAF: Final = -1
_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

# What a stored number may be. Whether numbers fit each other is checked when the trees are made.
_Column = Annotated[int, Field(ge=0, lt=2**31)]
_ColumnOrLeaf = Annotated[int, Field(ge=_LEAF, lt=2**31)]
_Place = Annotated[int, Field(ge=0, lt=2**31)]
_SplitColumns = Annotated[list[_Column], Field(min_length=_SPLITS, max_length=_SPLITS)]
_SplitValues = Annotated[list[FiniteFloat], Field(min_length=_SPLITS, max_length=_SPLITS)]
_LeafValues = Annotated[list[FiniteFloat], Field(min_length=_LEAVES, max_length=_LEAVES)]


@dataclass(frozen=True)
class BoostedTrees:
    """Trees of depth 3 whose leaves are added up to log-odds.

    Source: Friedman, "Greedy function approximation", Annals of Statistics 29, 2001.

    Attributes:
        columns: The number of features, without the labels.
        labels: One column per label, after the features: 1 for a prediction with this label.
        bias: What the leaves are added to.
        features: For each tree the column that each of its 7 splits looks at: from the root down, level by
            level, each level from left to right.
        thresholds: For each split the value above which it goes to the right.
        leaves: For each tree its 8 leaves, from left to right.

    Raises:
        ValueError: The numbers don't fit each other.
    """

    columns: Annotated[int, Field(ge=1, lt=2**31)]
    labels: list[str]
    bias: FiniteFloat
    features: list[_SplitColumns]
    thresholds: list[_SplitValues]
    leaves: list[_LeafValues]

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.thresholds) == len(self.leaves):
            raise ValueError("each tree needs columns, thresholds and leaves")
        if self.features and self._arrays[0].max() >= self.columns + len(self.labels):
            raise ValueError("a tree looks at a column that isn't there")

    def log_odds(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Log-odds of shape (n,).

        Args:
            features: Shape (n, ``columns`` or more).
            labels: The n labels.
        """
        # As scikit-learn does, in single precision: a value beside a threshold falls on the side where it
        # fell in fitting.
        values = _with_labels(features[:, : self.columns], labels, self.labels).astype(np.float32)
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
    def _arrays(self) -> tuple[_Ints, _Floats, _Floats]:
        return np.array(self.features), np.array(self.thresholds), np.array(self.leaves)


@dataclass(frozen=True)
class RandomTrees:
    """Deep trees whose splits are drawn by chance, and of which the mean is taken.

    Source: Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.

    The nodes of all trees stand one after the other: each tree from its root, every left child right after
    its parent.

    Attributes:
        columns: The number of features, without the labels.
        labels: One column per label, after the features: 1 for a prediction with this label.
        edge: Probabilities are at least this, and at most one minus this.
        roots: The place of each tree's root.
        features: For each node the column that it looks at; -1 for a leaf.
        values: For each node the value above which it goes to the right; for a leaf the share of right
            predictions.
        rights: For each node the place of its right child; 0 for a leaf.

    Raises:
        ValueError: The numbers don't fit each other.
    """

    columns: Annotated[int, Field(ge=1, lt=2**31)]
    labels: list[str]
    edge: Annotated[float, Field(gt=0, lt=0.5)]
    roots: Annotated[list[_Place], Field(min_length=1)]
    features: list[_ColumnOrLeaf]
    values: list[FiniteFloat]
    rights: list[_Place]

    def __post_init__(self) -> None:
        size, width = len(self.features), self.columns + len(self.labels)
        if not len(self.values) == len(self.rights) == size or max(self.roots) >= size:
            raise ValueError("each node needs a column, a value and a right child, each root is a node")
        _, columns, values, rights = self._arrays
        leaf = columns == _LEAF
        # Children stand behind their parents, so no walk goes in circles, and a node that has any isn't the
        # last.
        inner_fits = (columns < width) & (rights > np.arange(size) + 1) & (rights < size)
        if not np.where(leaf, (values >= 0) & (values <= 1), inner_fits).all():
            raise ValueError("a node has no such column or right child, or a leaf a share outside of [0, 1]")

    def log_odds(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Log-odds of shape (n,).

        Args:
            features: Shape (n, ``columns`` or more).
            labels: The n labels.
        """
        # In single precision, as in BoostedTrees.
        given = _with_labels(features[:, : self.columns], labels, self.labels).astype(np.float32)
        roots, columns, values, rights = self._arrays
        flat = given.ravel()
        places = np.tile(roots, len(given))
        row = np.repeat(np.arange(len(given)) * given.shape[1], len(roots))
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
    def _arrays(self) -> tuple[_Ints, _Ints, _Floats, _Ints]:
        roots, columns, rights = (
            np.array(one, dtype=np.int64) for one in (self.roots, self.features, self.rights)
        )
        return roots, columns, np.array(self.values, dtype=np.float64), rights


def _with_labels(features: _Floats, labels: Sequence[str], names: Sequence[str]) -> _Floats:
    """The features, and one column for each of the named labels."""
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
    ).fit(_with_labels(features, labels, names), right)
    bias = float(np.log(right.mean() / (1 - right.mean())))
    splits, thresholds, leaves = zip(*(_complete(one.tree_) for (one,) in model.estimators_), strict=True)
    return BoostedTrees(features.shape[1], names, bias, list(splits), list(thresholds), list(leaves))


def _complete(tree: Any) -> tuple[list[int], list[float], list[float]]:
    """A tree of scikit-learn's as a complete one.

    Where it ends early, both sides of the splits below lead to the same value.
    """
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
    ).fit(_with_labels(features, labels, names), right)
    nodes = _Nodes([], [], [])
    roots = [nodes.add(one.tree_) for one in model.estimators_]
    # As with isotonic regression: never 0 or 1, so much is not known from n predictions (Laplace).
    edge = 1 / (len(right) + 2)
    return RandomTrees(features.shape[1], names, edge, roots, nodes.features, nodes.values, nodes.rights)


@dataclass(frozen=True)
class _Nodes:
    """The nodes of several trees, as in :class:`RandomTrees`."""

    features: list[int]
    values: list[float]
    rights: list[int]

    def add(self, tree: Any) -> int:
        """Add the nodes of a tree of scikit-learn's, and give the place of its root.

        Each node stands before its left child, that before the right one.
        """
        root = len(self.features)
        lefts, rights = tree.children_left.tolist(), tree.children_right.tolist()
        columns, thresholds = tree.feature.tolist(), tree.threshold.tolist()
        # Shares in some versions of scikit-learn, counts in others.
        shares = (tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)).tolist()
        waiting: list[tuple[int, int]] = [(0, -1)]
        while waiting:
            node, parent = waiting.pop()
            place = len(self.features)
            if parent >= 0:
                self.rights[parent] = place
            leaf = lefts[node] < 0
            self.features.append(_LEAF if leaf else columns[node])
            self.values.append(
                round(shares[node], _DIGITS) if leaf else float(f"{thresholds[node]:.{_DIGITS}g}")
            )
            self.rights.append(0)
            if not leaf:
                waiting += [(rights[node], place), (lefts[node], -1)]
        return root
