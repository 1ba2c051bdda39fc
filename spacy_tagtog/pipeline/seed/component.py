"""Named entities from a handful of documents, in seconds: what predicts before there is data for a neural model.

A multinomial logistic regression (scikit-learn) over sparse features of each token gives the probability of its BILOU tags; of the legal sequences of
tags the best one is taken (:mod:`spacy_tagtog.pipeline.seed.sequences`). So every entity has a probability of its own. Features are in
:mod:`spacy_tagtog.pipeline.seed.features`. The model is saved as plain arrays: loading one runs no code of its author.
"""

from __future__ import annotations

import io
import json
import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.seed.features import BUCKETS, Lexicon, Sight, Words, buckets
from spacy_tagtog.pipeline.seed.sequences import Lattice, Prediction, tag_names
from spacy_tagtog.pipeline.seed.word_classes import LEAST_TOKENS, WordClasses, learn_word_classes
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, set_certainty

SCORES_KEY: Final = "spacy_tagtog_seed_ner"
"""Where in ``doc.user_data`` the component leaves (first token, one past the last token, label, probability) of its entities."""

_FORMAT: Final = "spacy-tagtog seed model"
_VERSION: Final = 1
_VERSION_WITH_CLASSES: Final = 2
"""Of a model that has word classes: who doesn't know of them would read it, and predict something else."""
_FILE: Final = "model.npz"
_OUT_LOGS: Final = (0.0, -0.25, -0.5, -0.75, -1.0, -1.25, -1.5, -2.0, -2.5)
_DEFAULT_OUT_LOG: Final = -1.0
_TOL: Final = 0.02
_FOLDS: Final = 5
_ENOUGH_ENTITIES: Final = 300
_NO_TAG: Final = -1

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own: spacy train shows it

TaggedDoc = tuple[Doc, list[str | None]]
"""A Doc, and the BILOU tag of each of its tokens; ``None`` where nobody said anything about it."""


@dataclass(frozen=True)
class SeedSettings:
    """How the model is trained.

    Attributes:
        c: The inverse of the strength of the L2 regularization, as scikit-learn's ``C``.
        min_count: A feature that occurs less often in the training documents is left out.
        max_iter: Iterations of the optimizer (L-BFGS) at most.
        tol: The optimizer stops when no weight's gradient of the mean loss is larger; ``None`` takes ``0.02 / sqrt(tokens)``, so that what is left
            to gain is small against what chance in so many tokens makes. One that stops much earlier stops here or there: of models that were
            trained on nearly the same documents one is surer than the other, for nothing.
        out_log: Added to the logarithm of the probability of "no entity" while entities are looked for; ``None`` takes the value with the best F in
            cross-validation. A classifier that saw little is right about what it finds and finds too little: negative values make it find more.
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


class SeedModel:
    """The trained model.

    Args:
        labels: The entity labels.
        columns: (features,) the buckets that have weights, ascending.
        weights: (features, tags), tags in the order of :func:`~spacy_tagtog.pipeline.seed.sequences.tag_names`.
        intercept: (tags,); minus infinity for a tag that never occurred.
        out_log: See :class:`SeedSettings`.
        lexicon: Known entities and words.
        classes: Classes of words, if it was trained with any.
    """

    def __init__(
        self,
        labels: Sequence[str],
        columns: NDArray[np.int32],
        weights: NDArray[np.float32],
        intercept: NDArray[np.float32],
        out_log: float,
        lexicon: Lexicon,
        classes: WordClasses | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.columns = columns
        self.weights = weights
        self.intercept = intercept
        self.out_log = out_log
        self.lexicon = lexicon
        self.classes = classes
        self._places = _places(columns)
        self._words = Words(classes)

    def predict(self, docs: Sequence[Doc]) -> list[Prediction]:
        """The best entities of each Doc. Where a Doc has entities already, no others are found."""
        lattice, lengths = self._lattice(docs)
        return lattice.predict(out_weight=math.exp(self.out_log)).split(lengths)

    def _lattice(self, docs: Sequence[Doc]) -> tuple[Lattice, list[int]]:
        """All legal sequences of all Docs, one after the other, and the length of each Doc."""
        sight = buckets(docs, self._words, self.lexicon)
        probabilities = _probabilities(
            _matrix(sight.buckets, self._places, len(self.columns)), self.weights, self.intercept
        )
        position = 0
        for doc, length in zip(docs, sight.lengths, strict=True):
            for ent in doc.ents:
                taken = slice(position + ent.start, position + ent.end)
                probabilities[taken] = 0
                probabilities[taken, 0] = 1
            position += length
        return Lattice(probabilities, sight.starts), sight.lengths

    def to_bytes(self) -> bytes:
        """The model as an ``.npz`` file of plain arrays; strings are in it as JSON."""
        lexicon = self.lexicon
        words = list(lexicon.total)
        number_of_label = {label: number for number, label in enumerate(self.labels)}
        classes = self.classes
        header = {
            "format": _FORMAT,
            "version": _VERSION if classes is None else _VERSION_WITH_CLASSES,
            "labels": self.labels,
            "out_log": self.out_log,
            "forms": lexicon.forms,
            "words": words,
        }
        arrays: dict[str, Any] = {}
        if classes is not None:
            header["class_words"] = list(classes.words)
            arrays["classes"] = classes.numbers
        number_of_word = {word: number for number, word in enumerate(words)}
        entity = [
            (form, number_of_label[label], count)
            for form, counts in enumerate(lexicon.entity)
            for label, count in counts.items()
        ]
        inside = [
            (number_of_word[word], number_of_label[label], count)
            for word, counts in lexicon.inside.items()
            for label, count in counts.items()
        ]
        file = io.BytesIO()
        np.savez(
            file,
            header=np.frombuffer(json.dumps(header, ensure_ascii=True).encode("ascii"), dtype=np.uint8),
            columns=self.columns,
            weights=self.weights,
            intercept=self.intercept,
            met=np.array(lexicon.met, dtype=np.int64),
            total=np.array([lexicon.total[word] for word in words], dtype=np.int64),
            entity=np.array(entity, dtype=np.int64).reshape(-1, 3),
            inside=np.array(inside, dtype=np.int64).reshape(-1, 3),
            **arrays,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, *, place: object = None) -> SeedModel:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: The data is truncated, damaged, not of this format, or of a later version.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(arrays["header"].tobytes().decode("ascii"))
            version = header["version"] if header["format"] == _FORMAT else None
        # Whatever a damaged zip archive leads to.
        except Exception as error:
            raise _unreadable(f"{type(error).__name__}: {error}", place) from error
        if version not in (_VERSION, _VERSION_WITH_CLASSES):
            raise _unreadable(f"format {header.get('format')!r}, version {version!r}", place)
        try:
            return cls._from_arrays(header, arrays)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _unreadable(f"{type(error).__name__}: {error}", place) from error

    @classmethod
    def _from_arrays(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SeedModel:
        labels, forms, words = (
            [_string(one) for one in header[name]] for name in ("labels", "forms", "words")
        )
        columns, weights, intercept = arrays["columns"], arrays["weights"], arrays["intercept"]
        tags = 4 * len(labels) + 1
        right = (
            columns.dtype == np.int32
            and columns.ndim == 1
            and bool((np.diff(columns) > 0).all())
            and (not len(columns) or (columns[0] >= 0 and columns[-1] < BUCKETS))
            and weights.dtype == np.float32
            and weights.shape == (len(columns), tags)
            and bool(np.isfinite(weights).all())
            and intercept.dtype == np.float32
            and intercept.shape == (tags,)
            and not bool(np.isnan(intercept).any())
            and bool(np.isfinite(intercept).any())
            and bool((intercept < np.inf).all())
            and len(set(labels)) == len(labels)
            and len(set(words)) == len(words)
        )
        if not right:
            raise ValueError("arrays that don't fit each other")
        lexicon = Lexicon()
        lexicon.forms = forms
        lexicon.met = _counts(arrays["met"], len(forms)).tolist()
        lexicon.total = Counter(dict(zip(words, _counts(arrays["total"], len(words)).tolist(), strict=True)))
        lexicon.entity = [Counter() for _ in forms]
        for form, label, count in _triples(arrays["entity"], len(forms), len(labels)):
            lexicon.entity[form][labels[label]] = count
        for word, label, count in _triples(arrays["inside"], len(words), len(labels)):
            lexicon.inside.setdefault(words[word], Counter())[labels[label]] = count
        lexicon.build()
        out_log = float(header["out_log"])
        if not math.isfinite(out_log):
            raise ValueError("out_log isn't finite")
        classes = None
        if header["version"] == _VERSION_WITH_CLASSES:
            class_words, numbers = [_string(one) for one in header["class_words"]], arrays["classes"]
            if (
                numbers.dtype != np.int32
                or numbers.ndim != 2
                or len(numbers) != len(class_words)
                or len(set(class_words)) != len(class_words)
            ):
                raise ValueError("word classes that don't fit")
            classes = WordClasses(class_words, numbers)
        return cls(labels, columns, weights, intercept, out_log, lexicon, classes)


def _unreadable(what: str, place: object) -> PipelineError:
    return PipelineError(
        "the seed model can't be read",
        place=place,
        value=what,
        legal=f"{_FORMAT}, version {_VERSION} or {_VERSION_WITH_CLASSES}, complete and unchanged",
        advice="train it again, or copy the pipeline's folder again; for a later version update spacy-tagtog",
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a string was expected")
    return value


def _counts(values: NDArray[Any], size: int) -> NDArray[np.int64]:
    if values.dtype != np.int64 or values.shape != (size,) or bool((values < 0).any()):
        raise ValueError("counts that don't fit")
    return values


def _triples(values: NDArray[Any], things: int, labels: int) -> list[list[int]]:
    if values.dtype != np.int64 or values.ndim != 2 or values.shape[1] != 3 or bool((values < 0).any()):
        raise ValueError("counts that don't fit")
    if len(values) and (values[:, 0].max() >= things or values[:, 1].max() >= labels):
        raise ValueError("counts of nothing")
    triples: list[list[int]] = values.tolist()
    return triples


def _places(columns: NDArray[np.int32]) -> NDArray[np.int32]:
    """The row of the weights for each bucket, -1 where it has none; the last is for absent features."""
    places = np.full(BUCKETS + 1, -1, dtype=np.int32)
    places[columns] = np.arange(len(columns), dtype=np.int32)
    return places


def _matrix(found: NDArray[np.int32], places: NDArray[np.int32], columns: int) -> csr_matrix:
    """(tokens, columns): 1 where a token has a feature. -1, an absent feature, is the last of the places."""
    wanted = places[found]
    known = wanted >= 0
    borders = np.zeros(len(found) + 1, dtype=np.int32)
    np.cumsum(known.sum(axis=1), out=borders[1:])
    return csr_matrix(
        (np.ones(int(borders[-1]), dtype=np.float32), wanted[known], borders), shape=(len(found), columns)
    )


def _probabilities(
    matrix: csr_matrix, weights: NDArray[np.float32], intercept: NDArray[np.float32]
) -> NDArray[np.float64]:
    logits = (matrix @ weights).astype(np.float64) + intercept
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def tagged_entities(tags: Sequence[str | None]) -> list[tuple[int, int, str]]:
    """The entities of which every token is known."""
    found = []
    start = -1
    for token, tag in enumerate(tags):
        kind, _, label = (tag or "").partition("-")
        if kind == "U":
            found.append((token, token + 1, label))
        elif kind == "B":
            start = token
        elif kind == "L" and start >= 0:
            found.append((start, token + 1, label))
        if kind not in ("B", "I"):
            start = -1
    return found


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
        raise PipelineError(
            "there is no entity to learn from",
            value=f"{len(docs)} documents with text, {sum(tag is not None for _, tags in docs for tag in tags)} tokens that somebody annotated",
            legal="at least one document with an entity",
            advice="annotate and confirm some documents first; five with entities of every type are a good beginning",
        )
    names = {tag: number for number, tag in enumerate(tag_names(labels))}
    target = np.array([names.get(tag or "", _NO_TAG) for _, tags in docs for tag in tags], dtype=np.int64)

    words, lexicon = Words(classes), Lexicon()
    owns = lexicon.learn(
        [
            (
                words.lowers(words.rows(doc)),
                spans,
                np.array([tag is not None for tag in tags], dtype=np.bool_),
            )
            for (doc, tags), spans in zip(docs, entities, strict=True)
        ]
    )
    sight = buckets([doc for doc, _ in docs], words, lexicon, owns)
    counts = np.bincount(sight.buckets[target != _NO_TAG].ravel() + 1, minlength=BUCKETS + 1)[1:]
    columns = np.flatnonzero(counts >= settings.min_count).astype(np.int32)
    matrix = _matrix(sight.buckets, _places(columns), len(columns))

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
    """The value with the best exact F on documents that were left out of training, fold after fold until they hold enough entities.

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
        lattice = Lattice(_probabilities(matrix[out], weights, intercept), sight.starts[out])
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


def _tagged(examples: Iterable[Example]) -> list[TaggedDoc]:
    # On the pipeline's own tokens: entities that don't begin and end with one have no tags, and teach nothing.
    return [(example.predicted, [*example.get_aligned_ner()]) for example in examples]


class SeedNer:
    """The component ``seed_ner``: named entities learned by :func:`train_seed_model`.

    Train it as any other with ``spacy train`` (``configs/seed.cfg``), or with ``nlp.initialize`` alone: all of its learning happens there. It writes
    ``doc.ents`` and how certain it is of every token (:mod:`spacy_tagtog.pipeline.uncertainty`), and has probabilities of its own for
    ``entity_confidence`` (:meth:`entity_scores`). Entities that a Doc has already are kept.

    Args:
        nlp: The pipeline.
        name: The component's name.
        settings: How it is trained.
        scorer: Scores a list of Examples.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "seed_ner",
        *,
        settings: SeedSettings | None = None,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.settings = settings or SeedSettings()
        self.scorer = scorer
        self.model: SeedModel | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity labels that it learned."""
        return self.model.labels if self.model is not None else ()

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        unlabelled: Callable[[Language], Iterable[Doc]] | None = None,
    ) -> None:
        """Train on examples, all that there are.

        Args:
            get_examples: Gives the examples.
            nlp: The pipeline.
            unlabelled: Gives texts that nobody need have annotated: words are put into classes by them and by the examples' own texts
                (:mod:`spacy_tagtog.pipeline.seed.word_classes`). Where that is too little text there are no classes, and the log says so.
                By default there are none.

        Raises:
            PipelineError: There is no example, or no entity in them; or there are unlabelled texts and no pipeline to read them.
        """
        docs = _tagged(get_examples())
        self.model = train_seed_model(
            docs, self.settings, self._word_classes([doc for doc, _ in docs], nlp, unlabelled)
        )

    def _word_classes(
        self,
        docs: Sequence[Doc],
        nlp: Language | None,
        unlabelled: Callable[[Language], Iterable[Doc]] | None,
    ) -> WordClasses | None:
        if unlabelled is None:
            return None
        if nlp is None:
            raise PipelineError(
                "there is no pipeline whose tokenizer could read the unlabelled texts",
                place=f"component {self.name}",
                advice="initialize the pipeline, nlp.initialize(…), or give initialize of the component the argument nlp",
            )
        classes = learn_word_classes(chain(docs, unlabelled(nlp)), seed=self.settings.seed)
        if classes is None:
            _logger.info(
                "%s: no word classes: the training texts and the unlabelled ones have fewer than %d tokens",
                self.name,
                LEAST_TOKENS,
            )
        else:
            _logger.info("%s: learned word classes of %d words from the texts", self.name, len(classes.words))
        return classes

    def learn_again(self, examples: Iterable[Example]) -> None:
        """Train on other examples, with what the model has from elsewhere: its word classes, and how ready it is to find something.

        For other documents of the same kind, as in cross-fitting: a model that chooses its ``out_log`` anew is right more often or less often.

        Raises:
            PipelineError: The component wasn't trained, or there is no entity in the examples.
        """
        model = self._trained()
        self.model = train_seed_model(
            _tagged(examples), replace(self.settings, out_log=model.out_log), model.classes
        )

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Do nothing: what there is to learn was learned by :meth:`initialize`. So ``spacy train`` needs no more than one step."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        return losses

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Do nothing, see :meth:`update`."""
        return self.update(examples, drop=drop, sgd=sgd, losses=losses)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """Precision, recall and F as spaCy's ``ner`` gives them."""
        return {} if self.scorer is None else self.scorer(examples, **settings)

    def __call__(self, doc: Doc) -> Doc:
        """Find the entities of one Doc.

        Raises:
            PipelineError: The component wasn't trained.
        """
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Find the entities of many Docs, a batch at a time."""
        iterator = iter(stream)
        while docs := list(islice(iterator, batch_size)):
            self._annotate(docs)
            yield from docs

    def _trained(self) -> SeedModel:
        if self.model is None:
            raise PipelineError(
                "the seed model wasn't trained",
                place=f"component {self.name}",
                advice="train the pipeline: python -m spacy train configs/seed.cfg …, or nlp.initialize(lambda: examples)",
            )
        return self.model

    def _annotate(self, docs: Sequence[Doc]) -> None:
        model = self._trained()
        for doc, prediction in zip(docs, model.predict(docs), strict=True):
            own = [
                Span(doc, start, end, label=model.labels[label]) for start, end, label in prediction.entities
            ]
            scores = prediction.scores.tolist()
            doc.set_ents([*doc.ents, *own], default="outside")
            doc.user_data[SCORES_KEY] = [
                (span.start, span.end, span.label_, score) for span, score in zip(own, scores, strict=True)
            ]
            set_certainty(doc, TokenCertainty.of(prediction.log_probability, prediction.missed))

    def entity_scores(self, docs: Sequence[Doc]) -> list[list[float]]:
        """The probability of each entity: that it begins and ends just there and has just this label.

        Args:
            docs: Docs with entities, of this component or others.

        Returns:
            For each Doc a list along ``doc.ents``, each number in [0, 1]; ``nan`` where the model has no opinion, since the label isn't its own or
            the entity stood there before the component came.
        """
        result = []
        for doc in docs:
            known = {
                (start, end, label): score for start, end, label, score in doc.user_data.get(SCORES_KEY, [])
            }
            result.append([known.get((ent.start, ent.end, ent.label_), math.nan) for ent in doc.ents])
        return result

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model as plain arrays; nothing if it wasn't trained."""
        return b"" if self.model is None else self.model.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SeedNer:
        """Load what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It can't be read.
        """
        self.model = SeedModel.from_bytes(data, place=f"component {self.name}") if data else None
        return self

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Save the model into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> SeedNer:
        """Load the model from a folder.

        Raises:
            PipelineError: It isn't there, or can't be read.
        """
        file = Path(path) / _FILE
        try:
            data = file.read_bytes()
        except OSError as error:
            raise _unreadable(f"{type(error).__name__}: {error.strerror}", file) from error
        self.model = SeedModel.from_bytes(data, place=file) if data else None
        return self


# spaCy validates what [initialize.components.seed_ner] holds by the annotations as they are: it would look up names in text in a module of its own.
SeedNer.initialize.__annotations__["unlabelled"] = Callable[[Language], Iterable[Doc]] | None
