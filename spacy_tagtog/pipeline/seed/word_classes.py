"""Classes of words that stand in the same surroundings, learned from texts that nobody annotated.

From twenty annotated documents a model knows few words. When a project begins there are plenty of texts
without annotations. They tell that another word behaves like a known one: it has the same neighbours.

Words are described by how much more often than by chance they stand beside others. That is positive pointwise
mutual information with a smoothed distribution of contexts, a truncated singular value decomposition with the
square roots of its values, and rows of length 1 (Levy, Goldberg and Dagan, TACL 2015,
https://aclanthology.org/Q15-1016/). By k-means the words are put into coarse and fine classes. The classes
are features, as the bits of Brown clusters are in Miller, Guinness and Zamanian, NAACL 2004
(https://aclanthology.org/N04-1043/).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE, ORTH
from spacy.tokens import Doc

from spacy_tagtog._threads import one_thread

LEAST_TOKENS: Final = 20_000
"""In less text, classes say nothing: with 6,000 tokens F on 20 documents was as without, or a point lower."""

_MOST_TOKENS: Final = 1_000_000  # they take ten seconds; what comes after them is not read
_SIZES: Final = (32, 128, 512)
_REACH: Final = (-2, -1, 1, 2)
_MOST_WORDS: Final = 20_000
_LEAST_COUNT: Final = 2
_CONTEXTS: Final = 2000  # the most frequent words; all others are one
_DIMENSIONS: Final = 50
_SMOOTHING: Final = 0.75
_DIGIT: Final = re.compile(r"\d")


def class_form(word: str) -> str:
    """What words of one class are known by: lower case, every digit a 0."""
    return _DIGIT.sub("0", word.lower())


@dataclass(frozen=True)
class WordClasses:
    """The classes of words.

    Attributes:
        words: The words, each as :func:`class_form` gives it.
        numbers: Shape (words, levels): of each word its class in each level, coarse to fine.
    """

    words: Sequence[str]
    numbers: NDArray[np.int32]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    @property
    def levels(self) -> int:
        """How many classes a word has."""
        return int(self.numbers.shape[1])

    def of(self, word: str) -> list[int] | None:
        """The classes of a word, whatever its case and its digits; ``None`` where it is unknown."""
        row = self._rows.get(class_form(word))
        if row is None:
            return None
        numbers: list[int] = self.numbers[row].tolist()
        return numbers


@one_thread()
def learn_word_classes(docs: Iterable[Doc], *, seed: int = 0) -> WordClasses | None:
    """Learn classes of words.

    Args:
        docs: Tokenized texts, in one vocabulary. Beyond a million tokens no others are read.
        seed: Of the decomposition and of k-means.

    Returns:
        The classes; ``None`` where there are fewer than :data:`LEAST_TOKENS` tokens, or hardly different
        ones.
    """
    stream, words = _stream(docs)
    if np.count_nonzero(stream < len(words)) < LEAST_TOKENS:
        return None
    # The most frequent first, and of equally frequent ones the first in the alphabet: the order of the texts
    # is to change nothing here.
    counts = np.bincount(stream, minlength=len(words) + 1)[: len(words)]
    order = [
        int(i)
        for i in sorted(range(len(words)), key=lambda i: (-counts[i], words[i]))
        if counts[i] >= _LEAST_COUNT
    ][:_MOST_WORDS]
    if len(order) < _SIZES[0]:
        return None
    row = np.full(len(words) + 1, -1, dtype=np.int32)
    row[order] = np.arange(len(order), dtype=np.int32)
    vectors = _vectors(row[stream], stream == len(words), len(order), seed)
    return WordClasses([words[i] for i in order], _clustered(vectors, seed))


def _stream(docs: Iterable[Doc]) -> tuple[NDArray[np.int64], list[str]]:
    """The numbers of all words, one text after the other, and the words.

    Between texts stands one number more: no word has neighbours there.
    """
    forms: dict[str, int] = {}
    number_of: dict[int, int] = {}
    pieces: list[list[int]] = []
    total = 0
    for doc in docs:
        strings = doc.vocab.strings
        table: Any = doc.to_array([ORTH, IS_SPACE])
        orths = table[table[:, 1] == 0, 0].tolist()
        for orth in set(orths) - number_of.keys():
            number_of[orth] = forms.setdefault(class_form(strings[orth]), len(forms))
        pieces.append([number_of[orth] for orth in orths])
        total += len(orths)
        if total >= _MOST_TOKENS:
            break
    border = [len(forms)]
    flat = [number for piece in pieces for number in (*piece, *border)]
    return np.array(flat, dtype=np.int64), list(forms)


def _vectors(
    rows: NDArray[np.int32], borders: NDArray[np.bool_], words: int, seed: int
) -> NDArray[np.float64]:
    """Shape (words, dimensions).

    Args:
        rows: Of each token the row of its word; -1 where it has none.
        borders: Which of them are no tokens but stand between texts.
        words: The number of rows.
        seed: Of the decomposition.
    """
    from scipy.sparse import coo_matrix
    from sklearn.decomposition import TruncatedSVD

    # Any other word is one context; where a text ends there is none.
    other = min(_CONTEXTS, words)
    context = np.where((rows >= 0) & (rows < other), rows, other)
    context[borders] = -1
    at, beside = [], []
    for place, offset in enumerate(_REACH):
        neighbours = np.full(len(rows), -1, dtype=np.int64)
        if offset < 0:
            neighbours[-offset:] = context[:offset]
        else:
            neighbours[:-offset] = context[offset:]
        known = (rows >= 0) & (neighbours >= 0)
        at.append(rows[known])
        beside.append(neighbours[known] + place * (other + 1))
    shape = (words, len(_REACH) * (other + 1))
    counted = (
        coo_matrix((np.ones(sum(map(len, at))), (np.concatenate(at), np.concatenate(beside))), shape=shape)
        .tocsr()
        .tocoo()
    )
    of_word = np.asarray(counted.sum(axis=1)).ravel()
    of_context = np.asarray(counted.sum(axis=0)).ravel() ** _SMOOTHING
    of_context /= of_context.sum()
    information = np.log(counted.data / (of_word[counted.row] * of_context[counted.col]))
    positive = information > 0
    matrix = coo_matrix(
        (information[positive], (counted.row[positive], counted.col[positive])), shape=shape
    ).tocsr()
    decomposition = TruncatedSVD(min(_DIMENSIONS, words - 1), random_state=seed)
    vectors = decomposition.fit_transform(matrix) / np.sqrt(np.maximum(decomposition.singular_values_, 1e-9))
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    result: NDArray[np.float64] = vectors
    return result


def _clustered(vectors: NDArray[np.float64], seed: int) -> NDArray[np.int32]:
    """Shape (words, levels): the class of each word in each level."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    levels = []
    for size in _SIZES:
        means = MiniBatchKMeans(min(size, len(vectors)), random_state=seed, n_init=3, batch_size=2048)
        with warnings.catch_warnings():
            # Words that are all alike are fewer classes than were asked for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            levels.append(means.fit(vectors).labels_)
    return np.stack(levels, axis=1).astype(np.int32)
