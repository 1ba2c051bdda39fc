"""The strategies that come with the package. All are deterministic under a seed."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog._options import choose
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.selection.candidates import Candidate, label_counts
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.scores import (
    TOKENS_PER_EDIT,
    Aggregation,
    doubt,
    effort,
    expected_edits,
    least_confidence,
    normalized_doubt,
)
from spacy_tagtog.selection.strategies import (
    Context,
    Pick,
    Strategy,
    make_strategy,
    strategy_settings_from_text,
)

ClassWeights = Literal["none", "inverse_sqrt"]
Clustering = Literal["tfidf", "tok2vec"]

_MAX_WEIGHT: Final = 4.0
_FEATURES: Final = 1 << 20
_CERTAIN: Final = 1e-4  # what is doubted less tells nothing
_MOST_DOUBT: Final = 0.25  # of one token, p = 1/2


def _number(name: str, value: float, *, least: float, most: float | None = None) -> float:
    """Check a setting's range: confection and the command line check types only."""
    if not value >= least or (most is not None and value > most):
        legal = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
        raise ConfigurationError(
            "a setting of the strategy is out of range", place=name, value=value, legal=legal
        )
    return value


def class_weights_of(kind: ClassWeights, context: Context) -> dict[str, float]:
    """How much each entity type counts: ``inverse_sqrt`` is the square root of the mean number of entities a type over the type's own, at most 4.

    A type that nobody annotated yet counts 4: that stands under the empty name.
    """
    counts = label_counts(context.reviewed)
    if kind == "none" or not counts:
        return {}
    mean = counts.total() / len(counts)
    return {
        "": _MAX_WEIGHT,
        **{label: min(_MAX_WEIGHT, float(np.sqrt(mean / count))) for label, count in counts.items() if count},
    }


class Random:
    """Every document with the same chance: what every strategy has to be compared with."""

    def needs_predictions(self, reviewed: int) -> bool:
        """No."""
        return False

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        return [Pick(int(index), 0.0, {}) for index in context.rng.permutation(len(candidates))[:size]]


_Row = tuple[NDArray[np.int32], NDArray[np.float64]]
"""Features of a document, each once, and what it has of them."""

_Item = TypeVar("_Item")


class _Rows(Generic[_Item]):
    """The features of documents, made once: every batch of a ranking asks for those of all documents that are left.

    Only what was asked for last is kept.

    Args:
        features: (feature, weight) of an item, features may repeat.
        most: What a document has of a feature is no more than this.
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


class _TfIdf:
    """Tf-idf of documents' words, which are counted once: see :class:`_Rows`."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._known: dict[Candidate, Counter[int]] = {}

    def of(self, candidates: Sequence[Candidate]) -> Any:
        """(candidates, words), in the order of the alphabet: rows of length 1, or 0 for a document without words."""
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfTransformer

        self._known = {
            candidate: self._known.get(candidate) or self._counted(candidate) for candidate in candidates
        }
        counts = list(self._known.values())
        borders = np.cumsum([0, *map(len, counts)])
        if not borders[-1]:
            return csr_matrix((len(candidates), 1))
        columns = np.fromiter(chain.from_iterable(counts), np.int64, borders[-1])
        values = np.fromiter(chain.from_iterable(own.values() for own in counts), np.float64, borders[-1])
        used = set(columns.tolist())
        place = np.zeros(len(self._numbers), dtype=np.int64)
        place[[number for _, number in sorted(self._numbers.items()) if number in used]] = np.arange(
            len(used)
        )
        matrix = csr_matrix((values, place[columns], borders), shape=(len(candidates), len(used)))
        matrix.sort_indices()
        return TfidfTransformer(sublinear_tf=True).fit_transform(matrix)

    def _counted(self, candidate: Candidate) -> Counter[int]:
        numbers = self._numbers
        return Counter(
            numbers.setdefault(word, len(numbers))
            for word in candidate.words
            if any(c.isalnum() for c in word)
        )


@dataclass(frozen=True)
class Scored:
    """The documents with the highest score, each lowered by how similar the document is to one that was chosen before it in the same batch.

    Attributes:
        score: The score of a candidate, at least 0.
        why: What explains it.
        diversity: In [0, 1]: a document with the same words as one chosen before loses this share of its score (cosine of tf-idf vectors;
            maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998, in its multiplied form).
        class_weights: See :func:`class_weights_of`; only scores that know entity types use them.
    """

    score: Callable[[Candidate, Mapping[str, float]], float]
    why: Callable[[Candidate], Mapping[str, float | int | str]]
    diversity: float = 0.0
    class_weights: ClassWeights = "none"
    tfidf: _TfIdf = field(default_factory=_TfIdf, init=False, repr=False, compare=False)

    def needs_predictions(self, reviewed: int) -> bool:
        """Yes."""
        return True

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        weights = class_weights_of(self.class_weights, context)
        scores = [self.score(candidate, weights) for candidate in candidates]
        vectors = self.tfidf.of(candidates) if self.diversity and size > 1 else None
        nearest = np.zeros(len(candidates))

        def accept(index: int) -> None:
            if vectors is not None:
                np.maximum(nearest, (vectors @ vectors[[index]].T).toarray().ravel(), out=nearest)

        chosen = lazy_greedy(
            scores,
            lambda index: scores[index] * (1 - self.diversity * min(1.0, nearest[index])),
            size,
            accept,
        )
        return [
            Pick(
                index,
                value,
                {
                    **self.why(candidates[index]),
                    **({"score_alone": scores[index]} if vectors is not None else {}),
                },
            )
            for index, value in chosen
        ]


@dataclass(frozen=True)
class Cluster:
    """Documents that stand for all: as many clusters as are to be chosen, and of each the document nearest to its centre, the largest cluster first.

    For the beginning, before a model knows what it doesn't know (k-means over words or the mean of token vectors).

    Attributes:
        vectors: ``tfidf`` of the words, or ``tok2vec``: the mean of ``doc.tensor``.
        max_clusters: More are not made; the rest of a larger choice is filled up from the clusters in turn.
    """

    vectors: Clustering = "tfidf"
    max_clusters: int = 200
    tfidf: _TfIdf = field(default_factory=_TfIdf, init=False, repr=False, compare=False)

    def needs_predictions(self, reviewed: int) -> bool:
        """Only for token vectors: a pipeline makes those."""
        return self.vectors == "tok2vec"

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`.

        Raises:
            PipelineError: There are no token vectors.
        """
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        if not candidates or size < 1:
            return []
        # Documents that are the same differ by rounding errors, and would count as several.
        points = np.round(self._points(candidates), 6)
        clusters = min(size, self.max_clusters, len(np.unique(points, axis=0)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a cluster without documents is passed over
            model = KMeans(clusters, n_init=1, random_state=int(context.rng.integers(2**31))).fit(points)
        distances = np.linalg.norm(points - model.cluster_centers_[model.labels_], axis=1)
        sizes = np.bincount(model.labels_, minlength=clusters)
        queues = {
            c: sorted(
                np.flatnonzero(model.labels_ == c).tolist(), key=lambda index: (distances[index], index)
            )
            for c in range(clusters)
        }
        picks: list[Pick] = []
        while len(picks) < size:
            for c in sorted(queues, key=lambda c: (-sizes[c], c)):
                if queues[c] and len(picks) < size:
                    index = queues[c].pop(0)
                    why = {
                        "cluster": c,
                        "documents_in_cluster": int(sizes[c]),
                        "distance_to_centre": round(float(distances[index]), 4),
                    }
                    picks.append(Pick(index, float(sizes[c]), why))
        return picks

    def _points(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        if self.vectors == "tok2vec":
            vectors = [candidate.vector for candidate in candidates]
            if any(vector is None for vector in vectors):
                raise PipelineError(
                    "the pipeline makes no token vectors to cluster documents by",
                    place="cluster",
                    value="vectors=tok2vec",
                    legal="a pipeline with a tok2vec component",
                    advice="use vectors=tfidf",
                )
            return np.asarray(vectors, dtype=np.float64)
        from sklearn.decomposition import TruncatedSVD
        from sklearn.preprocessing import normalize

        words = self.tfidf.of(candidates)
        dimensions = min(100, min(words.shape) - 1)
        if dimensions < 1:
            return np.asarray(words.toarray(), dtype=np.float64)
        # Documents that are all the same have no variance to explain, which is no reason to warn.
        with np.errstate(invalid="ignore", divide="ignore"):
            reduced = TruncatedSVD(dimensions, random_state=0).fit_transform(words)
        return np.asarray(normalize(reduced), dtype=np.float64)


def _total(rows: Sequence[_Row]) -> NDArray[np.float64]:
    """What all documents together have of each feature."""
    total = np.zeros(_FEATURES)
    for features, own in rows:
        total[features] += own  # each feature is there once
    return total


@dataclass(frozen=True)
class VarianceReduction:
    """The documents whose review takes most of the model's doubt away, for the effort that it costs.

    A model is unsure of a token where it has seen too little of what the token shows. Every token shows features (its word, its beginning and ends,
    its neighbours). Let ``d`` be the doubt p (1 − p) of a document's tokens that show a feature, together at most 1/4, that of one token which
    couldn't be doubted more: what a document shows again and again, and people correct again and again, it teaches once. Let ``U`` be the sum of
    ``d`` over all unreviewed documents, and ``I`` how much is known of the feature: a constant, and a share of the reviewed tokens that show it.
    Reviewing a document raises ``I`` to ``I + d``, which takes ``U · (1/I − 1/(I + d))`` off the variance of what is predicted for the unreviewed
    documents. Summed over the features and divided by the reviewing effort this is the score. Features that only one document shows help no other,
    and what one document of a batch teaches, the next one needn't: the batch is diverse by itself.

    It is A-optimal design by the diagonal of the Fisher information of a logistic regression (Hoi et al., "Batch mode active learning and its
    application to medical image classification", ICML 2006, have the full matrix), with features that any pipeline's tokens have.

    Attributes:
        tokens_per_edit: How many tokens a person reads in the time of one edit, see :func:`~spacy_tagtog.selection.scores.effort`.
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
                    **_edits_why(candidates[index]),
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


@dataclass(frozen=True)
class Schedule:
    """One strategy first, another from some number of reviewed documents on.

    Attributes:
        first: Used while fewer documents than ``until`` were reviewed.
        then: Used from then on. A batch is chosen by one of them.
        until: Reviewed documents.
    """

    first: Strategy
    then: Strategy
    until: int

    def needs_predictions(self, reviewed: int) -> bool:
        """Whether the one whose turn it is does."""
        return (self.first if reviewed < self.until else self.then).needs_predictions(reviewed)

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        stage, strategy = ("first", self.first) if len(context.reviewed) < self.until else ("then", self.then)
        return [
            Pick(pick.index, pick.score, {"stage": stage, **pick.why})
            for pick in strategy(candidates, size, context)
        ]


def _edits_why(candidate: Candidate) -> dict[str, float | int | str]:
    return {"expected_edits": round(expected_edits(candidate), 3), "tokens": len(candidate)}


def make_random() -> Strategy:
    """``random``."""
    return Random()


def make_mnlp(diversity: float = 0.0) -> Strategy:
    """``mnlp``: the mean doubt of the tokens, see :func:`~spacy_tagtog.selection.scores.normalized_doubt`. It prefers short documents."""
    return Scored(
        lambda candidate, _: normalized_doubt(candidate),
        lambda candidate: {
            "normalized_doubt": round(normalized_doubt(candidate), 5),
            "tokens": len(candidate),
        },
        _number("diversity", float(diversity), least=0, most=1),
    )


def make_least_confidence(aggregation: str = "mean", diversity: float = 0.0) -> Strategy:
    """``least_confidence``: sentence by sentence, see :func:`~spacy_tagtog.selection.scores.least_confidence`."""
    how: Aggregation = choose("aggregation", aggregation, Aggregation)
    return Scored(
        lambda candidate, _: least_confidence(candidate, how),
        lambda candidate: {
            f"least_confidence_{how}": round(least_confidence(candidate, how), 5),
            "sentences": len(candidate.sentences),
        },
        _number("diversity", float(diversity), least=0, most=1),
    )


def make_expected_edits(
    per_effort: bool = True,
    tokens_per_edit: float = TOKENS_PER_EDIT,
    diversity: float = 0.5,
    class_weights: str = "none",
) -> Strategy:
    """``expected_edits``: what a reviewer is expected to correct, for the effort, see :func:`~spacy_tagtog.selection.scores.expected_edits`.

    Args:
        per_effort: Divide by the reviewing effort; without, long documents come first.
        tokens_per_edit: How many tokens a person reads in the time of one edit.
        diversity: See :class:`Scored`.
        class_weights: ``none``, or ``inverse_sqrt``: rare types count more.
    """
    rate = _number("tokens_per_edit", float(tokens_per_edit), least=1e-9)

    def score(candidate: Candidate, weights: Mapping[str, float]) -> float:
        return expected_edits(candidate, weights) / (effort(candidate, rate) if per_effort else 1.0)

    def why(candidate: Candidate) -> dict[str, float | int | str]:
        return {**_edits_why(candidate), "effort": round(effort(candidate, rate), 2)}

    return Scored(
        score,
        why,
        _number("diversity", float(diversity), least=0, most=1),
        choose("class_weights", class_weights, ClassWeights),
    )


def make_variance_reduction(
    tokens_per_edit: float = TOKENS_PER_EDIT, known: float = 1.0, share: float = 0.1
) -> Strategy:
    """``variance_reduction``, see :class:`VarianceReduction`."""
    return VarianceReduction(
        _number("tokens_per_edit", float(tokens_per_edit), least=1e-9),
        _number("known", float(known), least=1e-9),
        _number("share", float(share), least=0),
    )


def make_cluster(vectors: str = "tfidf", max_clusters: int = 200) -> Strategy:
    """``cluster``, see :class:`Cluster`."""
    return Cluster(
        choose("vectors", vectors, Clustering), int(_number("max_clusters", int(max_clusters), least=1))
    )


def make_schedule(
    first: str = "cluster",
    then: str = "variance_reduction",
    until: int = 20,
    first_settings: dict[str, Any] | None = None,
    then_settings: dict[str, Any] | None = None,
) -> Strategy:
    """``schedule``: one strategy first, another from ``until`` reviewed documents on, see :class:`Schedule`."""

    def make(name: str, settings: dict[str, Any] | None) -> Strategy:
        # On the command line, the settings of a strategy within another are text still.
        text = {key: value for key, value in (settings or {}).items() if isinstance(value, str)}
        return make_strategy(name, {**(settings or {}), **strategy_settings_from_text(text, name)})

    return Schedule(
        make(first, first_settings), make(then, then_settings), int(_number("until", int(until), least=0))
    )
