"""Variance reduction: the documents whose review takes most of the model's doubt away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.families.edits import edits_why
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.scores import TOKENS_PER_EDIT, doubt, effort
from spacy_tagtog.selection.strategies import Context, Pick, Strategy, check_range

_FEATURES: Final = 1 << 20
_CERTAIN: Final = 1e-4  # tokens with less doubt are passed over
_MOST_DOUBT: Final = 0.25  # p (1 − p) of one token, for p = 1/2


_Row = tuple[NDArray[np.int32], NDArray[np.float64]]
"""The features of a document, each once, and how much of each it has."""

_Item = TypeVar("_Item")


class _Rows(Generic[_Item]):
    """The features of documents, made once, since every batch of a ranking needs those of all documents left.

    Only what was asked for last is kept.

    Args:
        features: (feature, weight) of an item, features may repeat.
        most: The most that a document has of a feature.
    """

    def __init__(
        self, features: Callable[[_Item], Iterator[tuple[str, float]]], *, most: float = float("inf")
    ) -> None:
        self._features = features
        self._most = most
        self._known: dict[_Item, _Row] = {}

    def of(self, items: Sequence[_Item]) -> list[_Row]:
        """The rows of these, in their order."""
        from sklearn.feature_extraction import FeatureHasher

        known = self._known
        new = [item for item in dict.fromkeys(items) if item not in known]
        if new:
            matrix = (
                FeatureHasher(_FEATURES, input_type="pair", alternate_sign=False)
                .transform(map(self._features, new))
                .tocsr()
            )
            matrix.sum_duplicates()
            np.minimum(matrix.data, self._most, out=matrix.data)
            borders = matrix.indptr[1:-1]
            known.update(
                zip(
                    new,
                    zip(np.split(matrix.indices, borders), np.split(matrix.data, borders), strict=True),
                    strict=True,
                )
            )
        rows = [known[item] for item in items]
        self._known = dict(zip(items, rows, strict=True))
        return rows


def _total(rows: Sequence[_Row]) -> NDArray[np.float64]:
    """How much all documents together have of each feature."""
    total = np.zeros(_FEATURES)
    for features, own in rows:
        total[features] += own  # each feature is there once
    return total


@dataclass(frozen=True)
class VarianceReduction:
    """The documents whose review takes most of the model's doubt away, for the effort that it costs.

    A model is unsure of a token if it has seen too little of what the token shows. Every token shows
    features: its word, the word's beginning and ends, its neighbours. For each feature,

    - ``d`` is the doubt of a document: the sum of p (1 − p) over its tokens that show the feature, at most
      1/4. That is the greatest doubt of one token. A document that shows a feature again and again teaches it
      once.
    - ``U`` is the sum of ``d`` over all unreviewed documents.
    - ``I`` is how much is known of the feature: a constant, plus a share of the reviewed tokens that show it.

    Reviewing a document raises ``I`` to ``I + d``. That takes ``U · (1/I − 1/(I + d))`` off the variance of
    what is predicted for the unreviewed documents. The score is the sum over the features, divided by the
    reviewing effort. Features that only one document shows help no other. What one document of a batch
    teaches, the next one needn't: so a batch is diverse by itself.

    This is A-optimal design by the diagonal of the Fisher information of a logistic regression, with features
    that any pipeline's tokens have. Hoi et al., "Batch mode active learning and its application to medical
    image classification", ICML 2006, use the full matrix.

    Attributes:
        tokens_per_edit: How many tokens a person reads in the time of one edit, see
            :func:`~spacy_tagtog.selection.scores.effort`.
        known: ``I`` of a feature that nobody has seen.
        share: How much of a reviewed token adds to ``I``.
    """

    tokens_per_edit: float = TOKENS_PER_EDIT
    known: float = 1.0
    share: float = 0.1
    doubts: _Rows[Candidate] = field(
        default_factory=lambda: _Rows(_doubt_features, most=_MOST_DOUBT),
        init=False,
        repr=False,
        compare=False,
    )
    seen: _Rows[tuple[str, ...]] = field(
        default_factory=lambda: _Rows(_word_features), init=False, repr=False, compare=False
    )

    def needs_predictions(self, reviewed: int) -> bool:
        """Yes."""
        return True

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        if not candidates:
            return []
        doubts = self.doubts.of(candidates)
        unsure = _total(doubts)
        information = self.known + self.share * _total(
            self.seen.of([document.words for document in context.reviewed])
        )
        costs = [effort(candidate, self.tokens_per_edit) for candidate in candidates]

        def gain(index: int) -> float:
            features, own = doubts[index]
            known = information[features]
            return float((unsure[features] * (1 / known - 1 / (known + own))).sum())

        def accept(index: int) -> None:
            features, own = doubts[index]
            information[features] += own

        chosen = lazy_greedy(
            [gain(i) / costs[i] for i in range(len(candidates))], lambda i: gain(i) / costs[i], size, accept
        )
        return [
            Pick(
                index,
                value,
                {
                    "doubt_taken": round(value * costs[index], 4),
                    "effort": round(costs[index], 2),
                    **edits_why(candidates[index]),
                },
            )
            for index, value in chosen
        ]


def _doubt_features(candidate: Candidate) -> Iterator[tuple[str, float]]:
    return _token_features(candidate.words, doubt(candidate))


def _word_features(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    return _token_features(words, np.ones(len(words)))


def _token_features(words: Sequence[str], weights: NDArray[np.float64]) -> Iterator[tuple[str, float]]:
    """(feature, weight) of every token that has a weight."""
    last = len(words) - 1
    for i in np.flatnonzero(weights > _CERTAIN).tolist():
        word, weight = words[i], float(weights[i])
        before, after = words[i - 1] if i else "", words[i + 1] if i < last else ""
        yield f"w {word}", weight
        yield f"p {word[:3]}", weight
        yield f"s {word[-3:]}", weight
        yield f"t {word[-4:]}", weight
        yield f"b {before}", weight
        yield f"a {after}", weight
        yield f"c {before} {word}", weight
        yield f"d {word} {after}", weight


def make_variance_reduction(
    tokens_per_edit: float = TOKENS_PER_EDIT, known: float = 1.0, share: float = 0.1
) -> Strategy:
    """``variance_reduction``, see :class:`VarianceReduction`."""
    return VarianceReduction(
        check_range("tokens_per_edit", float(tokens_per_edit), least=1e-9),
        check_range("known", float(known), least=1e-9),
        check_range("share", float(share), least=0),
    )
