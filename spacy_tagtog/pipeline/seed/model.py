"""The trained seed model, and how it is stored.

It is stored as plain arrays, so that loading one runs no code of its author.
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from spacy.tokens import Doc

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.seed.features import BUCKETS, Words, buckets
from spacy_tagtog.pipeline.seed.lexicon import Lexicon
from spacy_tagtog.pipeline.seed.sequences import Lattice, Prediction
from spacy_tagtog.pipeline.seed.word_classes import WordClasses

_FORMAT: Final = "spacy-tagtog seed model"
_VERSION: Final = 1


class SeedModel:
    """The trained model.

    Args:
        labels: The entity labels.
        columns: (features,) the buckets that have weights, ascending.
        weights: (features, tags), tags in the order of
            :func:`~spacy_tagtog.pipeline.seed.sequences.tag_names`.
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
        self._places = places_of(columns)
        self._words = Words(classes)

    def predict(self, docs: Sequence[Doc]) -> list[Prediction]:
        """The best entities of each Doc. Where a Doc has entities already, no others are found."""
        lattice, lengths = self._lattice(docs)
        return lattice.predict(out_weight=math.exp(self.out_log)).split(lengths)

    def _lattice(self, docs: Sequence[Doc]) -> tuple[Lattice, list[int]]:
        """All legal sequences of all Docs, one after the other, and the length of each Doc."""
        sight = buckets(docs, self._words, self.lexicon)
        probabilities = tag_probabilities(
            feature_matrix(sight.buckets, self._places, len(self.columns)), self.weights, self.intercept
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
        lexicon, classes = self.lexicon, self.classes
        words = list(lexicon.total)
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "labels": self.labels,
            "out_log": self.out_log,
            "forms": lexicon.forms,
            "words": words,
            "class_words": None if classes is None else list(classes.words),
        }
        number_of_label = {label: number for number, label in enumerate(self.labels)}
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
            classes=np.zeros((0, 0), dtype=np.int32) if classes is None else classes.numbers,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, *, place: object = None) -> SeedModel:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: The data is truncated, damaged, or not of this format.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            header = json.loads(arrays["header"].tobytes().decode("ascii"))
            found = header["format"], header["version"]
        # Whatever a damaged zip archive leads to.
        except Exception as error:
            raise unreadable_model(f"{type(error).__name__}: {error}", place) from error
        if found != (_FORMAT, _VERSION):
            raise unreadable_model(f"format {found[0]!r}, version {found[1]!r}", place)
        try:
            return cls._from_arrays(header, arrays)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise unreadable_model(f"{type(error).__name__}: {error}", place) from error

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
        classes = _word_classes(header["class_words"], arrays["classes"])
        return cls(labels, columns, weights, intercept, out_log, lexicon, classes)


def unreadable_model(what: str, place: object) -> PipelineError:
    """The error of a stored model that can't be read.

    Args:
        what: What is wrong with it.
        place: Where it is stored.
    """
    return PipelineError(
        "the seed model can't be read",
        place=place,
        value=what,
        legal=f"{_FORMAT}, version {_VERSION}, complete and unchanged",
        advice="train it again, or copy the pipeline's folder again",
    )


def _word_classes(words: Any, numbers: NDArray[Any]) -> WordClasses | None:
    if words is None:
        if numbers.size:
            raise ValueError("classes of no words")
        return None
    words = [_string(one) for one in words]
    if (
        numbers.dtype != np.int32
        or numbers.ndim != 2
        or len(numbers) != len(words)
        or len(set(words)) != len(words)
    ):
        raise ValueError("word classes that don't fit")
    return WordClasses(words, numbers)


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


def places_of(columns: NDArray[np.int32]) -> NDArray[np.int32]:
    """The row of the weights for each bucket, -1 where it has none; the last place is for absent features.

    Args:
        columns: (features,) the buckets that have weights, ascending.
    """
    places = np.full(BUCKETS + 1, -1, dtype=np.int32)
    places[columns] = np.arange(len(columns), dtype=np.int32)
    return places


def feature_matrix(found: NDArray[np.int32], places: NDArray[np.int32], columns: int) -> csr_matrix:
    """A matrix of shape (tokens, columns): 1 where a token has a feature.

    Args:
        found: (tokens, features) buckets; -1 for an absent feature, which is the last of the places.
        places: See :func:`places_of`.
        columns: The number of buckets that have weights.
    """
    wanted = places[found]
    known = wanted >= 0
    borders = np.zeros(len(found) + 1, dtype=np.int32)
    np.cumsum(known.sum(axis=1), out=borders[1:])
    return csr_matrix(
        (np.ones(int(borders[-1]), dtype=np.float32), wanted[known], borders), shape=(len(found), columns)
    )


def tag_probabilities(
    matrix: csr_matrix, weights: NDArray[np.float32], intercept: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The probability of each tag of each token by itself, of shape (tokens, tags).

    Args:
        matrix: See :func:`feature_matrix`.
        weights: (columns, tags).
        intercept: (tags,).
    """
    logits = (matrix @ weights).astype(np.float64) + intercept
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
