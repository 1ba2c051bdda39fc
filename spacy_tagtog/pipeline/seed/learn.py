"""Train the seed model: a logistic regression on the tokens, and how ready it should be to find something."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog._threads import one_thread
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.seed.features import BUCKETS, Sight, Words, buckets
from spacy_tagtog.pipeline.seed.lexicon import Lexicon
from spacy_tagtog.pipeline.seed.model import SeedModel, feature_matrix, places_of, tag_probabilities
from spacy_tagtog.pipeline.seed.sequences import Lattice, tag_names, tagged_entities
from spacy_tagtog.pipeline.seed.word_classes import WordClasses

_OUT_LOGS: Final = (0.0, -0.25, -0.5, -0.75, -1.0, -1.25, -1.5, -2.0, -2.5)
_DEFAULT_OUT_LOG: Final = -1.0
_TOL: Final = 0.02
_FOLDS: Final = 5
_ENOUGH_ENTITIES: Final = 300
_NO_TAG: Final = -1

TaggedDoc = tuple[Doc, list[str | None]]
"""A Doc, and the BILOU tag of each of its tokens; ``None`` where nobody annotated it."""


@dataclass(frozen=True)
class SeedSettings:
    """How the model is trained.

    Attributes:
        c: The inverse of the strength of the L2 regularization, as scikit-learn's ``C``.
        min_count: A feature that occurs less often in the training documents is left out.
        max_iter: The maximum number of iterations of the optimizer (L-BFGS).
        tol: The optimizer stops when no weight's gradient of the mean loss is larger. ``None`` takes
            ``0.02 / sqrt(tokens)``: what is left to gain is then small against the effect of chance. An
            optimizer that stops much earlier stops at random: of two models that were trained on nearly the
            same documents, one is surer than the other without a reason.
        out_log: Added to the logarithm of the probability of "no entity" while entities are looked for. A
            classifier that learned from few documents finds too little: negative values make it find more.
            ``None`` takes the value with the best F in cross-validation.
        seed: Of the folds of the cross-validation.

    Raises:
        ConfigurationError: A value is out of range.
    """

    c: float = 1.0
    min_count: int = 2
    max_iter: int = 60
    tol: float | None = None
    out_log: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, right in (
            ("c", self.c, math.isfinite(self.c) and self.c > 0),
            ("min_count", self.min_count, self.min_count >= 1),
            ("max_iter", self.max_iter, self.max_iter >= 1),
            ("tol", self.tol, self.tol is None or (math.isfinite(self.tol) and self.tol > 0)),
            ("out_log", self.out_log, self.out_log is None or math.isfinite(self.out_log)),
        ):
            if not right:
                raise ConfigurationError(
                    "a setting of the seed model is out of range",
                    place=name,
                    value=value,
                    legal="c > 0, min_count >= 1, max_iter >= 1, tol > 0 or null, out_log a number or null",
                )


@one_thread()
def train_seed_model(
    docs: Sequence[TaggedDoc], settings: SeedSettings | None = None, classes: WordClasses | None = None
) -> SeedModel:
    """Train a model.

    Args:
        docs: Docs with the tags of their tokens. Tokens without a tag teach nothing.
        settings: How.
        classes: Classes of words, as features.

    Raises:
        PipelineError: There is no entity in them.
    """
    settings = settings or SeedSettings()
    docs = [(doc, tags) for doc, tags in docs if len(doc)]
    entities = [tagged_entities(tags) for _, tags in docs]
    labels = sorted({label for one in entities for _, _, label in one})
    if not labels:
        annotated = sum(tag is not None for _, tags in docs for tag in tags)
        raise PipelineError(
            "there is no entity to learn from",
            value=f"{counted(len(docs), 'document')} with text, {counted(annotated, 'annotated token')}",
            legal="at least one document with an entity",
            advice="annotate and confirm some documents first; five with entities of every type will do",
        )
    names = {tag: number for number, tag in enumerate(tag_names(labels))}
    target = np.array([names.get(tag or "", _NO_TAG) for _, tags in docs for tag in tags], dtype=np.int64)

    words, lexicon = Words(classes), Lexicon()
    contributions = lexicon.learn(
        [
            (
                words.lowers(words.rows(doc)),
                spans,
                np.array([tag is not None for tag in tags], dtype=np.bool_),
            )
            for (doc, tags), spans in zip(docs, entities, strict=True)
        ]
    )
    sight = buckets([doc for doc, _ in docs], words, lexicon, contributions)
    counts = np.bincount(sight.buckets[target != _NO_TAG].ravel() + 1, minlength=BUCKETS + 1)[1:]
    columns = np.flatnonzero(counts >= settings.min_count).astype(np.int32)
    matrix = feature_matrix(sight.buckets, places_of(columns), len(columns))

    out_log = settings.out_log
    if out_log is None:
        out_log = _best_out_log(matrix, target, sight, entities, labels, settings)
    weights, intercept = _fit(matrix, target, len(names), settings)
    return SeedModel(labels, columns, weights, intercept, out_log, lexicon, classes)


def _fit(
    matrix: csr_matrix, target: NDArray[np.int64], tags: int, settings: SeedSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights and intercept of a logistic regression on the tokens that have a tag."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    tagged = target != _NO_TAG
    classes = np.unique(target[tagged])
    weights = np.zeros((matrix.shape[1], tags), dtype=np.float32)
    intercept = np.full(tags, -np.inf, dtype=np.float32)
    if len(classes) == 1 or not matrix.shape[1]:
        # Nothing to tell apart, or nothing to tell it by: how often each is.
        intercept[classes] = np.log([(target[tagged] == one).mean() for one in classes])
        return weights, intercept
    tol = settings.tol if settings.tol is not None else _TOL / math.sqrt(np.count_nonzero(tagged))
    classifier = LogisticRegression(C=settings.c, max_iter=settings.max_iter, tol=tol)
    with warnings.catch_warnings():
        # To stop early is what max_iter is for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(matrix[tagged], target[tagged])
    coefficients, intercepts = classifier.coef_, classifier.intercept_
    if len(classes) == 2:
        coefficients, intercepts = (
            np.vstack([0 * coefficients, coefficients]),
            np.concatenate([[0.0], intercepts]),
        )
    weights[:, classes] = coefficients.T
    intercept[classes] = intercepts
    return weights, intercept


def _best_out_log(
    matrix: csr_matrix,
    target: NDArray[np.int64],
    sight: Sight,
    entities: Sequence[Sequence[tuple[int, int, str]]],
    labels: Sequence[str],
    settings: SeedSettings,
) -> float:
    """The value with the best exact F on documents that were left out of training.

    Fold after fold is left out, until the folds hold enough entities.
    The features of each document were made without it, so they need not be made again.
    """
    documents = len(sight.lengths)
    if documents < 2:
        return _DEFAULT_OUT_LOG
    folds = min(_FOLDS, documents)
    order = np.random.default_rng(settings.seed).permutation(documents)
    fold_of = np.empty(documents, dtype=np.int64)
    fold_of[order] = np.arange(documents) % folds
    document_of = np.repeat(np.arange(documents), sight.lengths)
    number = {label: i for i, label in enumerate(labels)}
    right, found = Counter[float](), Counter[float]()
    total = 0
    for fold in range(folds):
        out = fold_of[document_of] == fold
        learning = np.where(out, _NO_TAG, target)
        if total >= _ENOUGH_ENTITIES or not (learning != _NO_TAG).any():
            continue
        weights, intercept = _fit(matrix, learning, 4 * len(labels) + 1, settings)
        lattice = Lattice(tag_probabilities(matrix[out], weights, intercept), sight.starts[out])
        silent = np.cumsum([0, *(target[out] == _NO_TAG)])
        gold: set[tuple[int, int, int]] = set()
        position = 0
        for document in np.flatnonzero(fold_of == fold).tolist():
            gold.update(
                (start + position, end + position, number[label]) for start, end, label in entities[document]
            )
            position += sight.lengths[document]
        total += len(gold)
        for out_log in _OUT_LOGS:
            best = {span for span in lattice.best(math.exp(out_log)) if silent[span[0]] == silent[span[1]]}
            right[out_log] += len(best & gold)
            found[out_log] += len(best)
    if not total:
        return _DEFAULT_OUT_LOG
    return max(_OUT_LOGS, key=lambda out_log: (2 * right[out_log] / (found[out_log] + total), out_log))
