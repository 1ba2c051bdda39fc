"""What the seed model looks at: features of tokens, as numbers of buckets.

Every feature is hashed into one of 2²² buckets (the hashing trick, Weinberger et al. 2009,
https://arxiv.org/abs/0902.2206), by 64-bit hashes that are the same on every machine. All of it is NumPy over
whole batches, except for what is made once for each word and the lookup of known entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH, SENT_START
from spacy.strings import hash_string  # type: ignore[attr-defined] # missing in spaCy's stubs
from spacy.tokens import Doc

from spacy_tagtog.pipeline.seed.lexicon import Contribution, Lexicon
from spacy_tagtog.pipeline.seed.word_classes import WordClasses

BUCKETS: Final = 1 << 22
_SHIFT: Final = np.uint64(64 - 22)
_MAX_WORDS: Final = 500_000
_LONGEST_SHAPE: Final = 24

Hashes = NDArray[np.uint64]
# The columns of a word's own features.
_LOWER, _ORTH, _SHAPE, _SHORT, _KIND = range(5)
_PREFIXES = (5, 6, 7, 8)
_SUFFIXES = (9, 10, 11, 12)
_COLUMNS = 13

# (offsets and columns that together are one feature), in an order that never changes: the place in this list
# is part of the hash.
_TEMPLATES: Final[tuple[tuple[tuple[int, int], ...], ...]] = (
    *(((0, column),) for column in range(_COLUMNS)),
    *(
        ((offset, column),)
        for offset in (-1, 1)
        for column in (_LOWER, _SHORT, _KIND, _PREFIXES[2], _SUFFIXES[2])
    ),
    *(((offset, column),) for offset in (-2, 2) for column in (_LOWER, _KIND, _SUFFIXES[2])),
    ((-1, _LOWER), (0, _LOWER)),
    ((0, _LOWER), (1, _LOWER)),
    ((-1, _LOWER), (1, _LOWER)),
    ((-2, _LOWER), (-1, _LOWER)),
    ((1, _LOWER), (2, _LOWER)),
    ((-1, _SHORT), (0, _SHORT)),
    ((0, _SHORT), (1, _SHORT)),
    ((-1, _SHORT), (0, _SHORT), (1, _SHORT)),
    ((0, _SUFFIXES[2]), (1, _SUFFIXES[2])),
    ((-1, _SUFFIXES[2]), (0, _SUFFIXES[2])),
    ((0, _SUFFIXES[2]), (1, _LOWER)),
    ((-1, _LOWER), (0, _SUFFIXES[2])),
)
# The offsets at which a word's class of some level is a feature, or two of them together.
_CLASS_TEMPLATES: Final[tuple[tuple[int, ...], ...]] = (
    (-2,),
    (-1,),
    (0,),
    (1,),
    (2,),
    (-1, 0),
    (0, 1),
    (-1, 1),
)


def _own_features(word: str) -> list[str]:
    """The features of a word by itself; an empty one is absent."""
    lower = word.lower()
    shape = "".join(
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c
        for c in word[:_LONGEST_SHAPE]
    )
    short = "".join(c for c, _ in groupby(shape))
    length = len(word)
    case = (
        "upper"
        if word.isupper()
        else "title"
        if word.istitle()
        else "lower"
        if word.islower()
        else "mixed"
        if word.isalpha()
        else "none"
    )
    digits = "all" if word.isdigit() else "some" if any(c.isdigit() for c in word) else "no"
    signs = (
        "none"
        if word.isalnum()
        else "some"
        if any(c.isalnum() for c in word)
        else "space"
        if word.isspace()
        else "all"
    )
    size = length if length < 8 else 8 if length < 12 else 12
    return [
        lower,
        word,
        shape,
        short,
        f"{case} {digits} {signs} {size}",
        *(lower[:number] if length > number else "" for number in (1, 2, 3, 4)),
        *(lower[-number:] if length > number else "" for number in (1, 2, 3, 4)),
    ]


def _is_word(word: str) -> bool:
    """Whether a word says something by being repeated."""
    return len(word) > 2 and any(c.isalpha() for c in word)


class Words:
    """The own features of all words that were met, made once for each.

    Args:
        classes: The classes of words that stand in the same surroundings, each level of them one more
            feature.
    """

    def __init__(self, classes: WordClasses | None = None) -> None:
        self._classes = classes
        self._rows: dict[int, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._rows.clear()
        self._table: Hashes = np.zeros((1024, _COLUMNS + self.levels), dtype=np.uint64)
        self._telling = np.zeros(1024, dtype=np.bool_)
        self._lowers: list[str] = []

    @property
    def levels(self) -> int:
        """How many features of a word are classes: the last ones."""
        return 0 if self._classes is None else self._classes.levels

    def rows(self, doc: Doc) -> NDArray[np.int64]:
        """The row of each token's word."""
        orths = doc.to_array([ORTH]).reshape(-1).tolist()
        if len(self._rows) > _MAX_WORDS:
            self._forget()
        rows = self._rows
        for orth in set(orths):
            if orth not in rows:
                self._add(orth, doc.vocab.strings[orth])
        return np.array([rows[orth] for orth in orths], dtype=np.int64)

    def _add(self, orth: int, word: str) -> None:
        row = len(self._lowers)
        if row == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._telling = np.concatenate([self._telling, np.zeros_like(self._telling)])
        features = _own_features(word)
        self._table[row, :_COLUMNS] = [hash_string(feature) if feature else 0 for feature in features]
        numbers = None if self._classes is None else self._classes.of(word)
        if numbers is not None:
            self._table[row, _COLUMNS:] = [
                hash_string(f"class {level} {number}") for level, number in enumerate(numbers)
            ]
        self._telling[row] = _is_word(word)
        self._lowers.append(features[_LOWER])
        self._rows[orth] = row

    def features(self, rows: NDArray[np.int64]) -> Hashes:
        """(tokens, columns): hashes of the words' features, 0 where one is absent."""
        return self._table[rows]

    def telling(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens are words that say something by being repeated."""
        return self._telling[rows]

    def lowers(self, rows: NDArray[np.int64]) -> list[str]:
        """The words in lower case."""
        lowers = self._lowers
        return [lowers[row] for row in rows.tolist()]


@dataclass(frozen=True)
class Sight:
    """What the model sees of some documents.

    Attributes:
        buckets: (tokens, features) of all documents, one after the other; -1 where a feature is absent.
        starts: (tokens,) whether a sentence, or a part of the document, begins here.
        lengths: Tokens of each document.
    """

    buckets: NDArray[np.int32]
    starts: NDArray[np.bool_]
    lengths: list[int]


def segment_starts(doc: Doc) -> NDArray[np.bool_]:
    """Where sentences, or parts of the document, are known to begin; no entity reaches over these."""
    starts: NDArray[np.bool_] = doc.to_array([SENT_START]).reshape(-1) == 1
    if len(starts):
        starts[0] = True
    return starts


def buckets(
    docs: Sequence[Doc], words: Words, lexicon: Lexicon, contributions: Sequence[Contribution] | None = None
) -> Sight:
    """The features of all tokens of some documents.

    Args:
        docs: The documents.
        words: Features of words.
        lexicon: Known entities.
        contributions: What each document gave to the lexicon, for training documents.
    """
    lengths = [len(doc) for doc in docs]
    rows = [words.rows(doc) for doc in docs]
    begins = [segment_starts(doc) for doc in docs]
    size = sum(lengths)
    starts = np.concatenate([np.zeros(0, dtype=np.bool_), *begins])
    own = words.features(np.concatenate([np.zeros(0, dtype=np.int64), *rows]))
    segment = np.cumsum(starts)
    of_document = {}
    for offset in (-2, -1, 1, 2):
        of_document[offset] = _shifted(own, segment, offset)
    of_document[0] = own

    known = [
        lexicon.features(words.lowers(row), contributions[i] if contributions is not None else None)
        for i, row in enumerate(rows)
    ]
    cache: dict[str, int] = {"": 0}

    def hashed(text: str) -> int:
        value = cache.get(text)
        if value is None:
            value = cache[text] = hash_string(text)
        return value

    lexical = np.array(
        [(hashed(one), hashed(other)) for doc in known for one, other in doc], dtype=np.uint64
    ).reshape(size, 2)
    columns: list[Hashes] = []
    for template in _TEMPLATES:
        value = of_document[template[0][0]][:, template[0][1]]
        for offset, column in template[1:]:
            value = _joined(value, of_document[offset][:, column])
        columns.append(value)
    before, after = _shifted(lexical, segment, -1), _shifted(lexical, segment, 1)
    columns += [lexical[:, 0], lexical[:, 1], before[:, 0], before[:, 1], after[:, 0], after[:, 1]]
    columns += [
        _joined(before[:, 1], lexical[:, 1]),
        _joined(lexical[:, 1], after[:, 1]),
        _joined(lexical[:, 0], lexical[:, 1]),
    ]
    columns += [_joined(lexical[:, 1], own[:, _KIND]), _joined(lexical[:, 1], own[:, _SUFFIXES[2]])]
    columns += _document_columns(rows, begins, words, own)
    # After all others: without classes a model sees just what it saw before there were any.
    for column in range(_COLUMNS, _COLUMNS + words.levels):
        for offsets in _CLASS_TEMPLATES:
            value = of_document[offsets[0]][:, column]
            for offset in offsets[1:]:
                value = _joined(value, of_document[offset][:, column])
            columns.append(value)

    result = np.empty((size, len(columns)), dtype=np.int32)
    for number, value in enumerate(columns):
        salted = _mixed(value ^ np.uint64((number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF))
        result[:, number] = np.where(value == 0, -1, (salted >> _SHIFT).astype(np.int32))
    return Sight(result, starts, lengths)


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64 (Steele et al. 2014): every bit of the result depends on all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Hashes = values ^ (values >> np.uint64(31))
    return result


def _joined(one: Hashes, other: Hashes) -> Hashes:
    """One feature of two, absent where one of them is."""
    mixed = _mixed(one + np.uint64(0x9E3779B97F4A7C15)) + other
    result: Hashes = np.where((one == 0) | (other == 0), np.uint64(0), mixed)
    return result


_EDGE: Final = (np.uint64(0x6A09E667F3BCC908), np.uint64(0xBB67AE8584CAA73B))


def _shifted(values: Hashes, segment: NDArray[np.int64], offset: int) -> Hashes:
    """What stands at a distance; before the first and after the last token of a segment there is an edge."""
    result = np.empty_like(values)
    size = len(values)
    result[:] = _EDGE[0] if offset < 0 else _EDGE[1]
    if abs(offset) < size:
        if offset < 0:
            same = segment[:offset] == segment[-offset:]
            result[-offset:][same] = values[:offset][same]
        else:
            same = segment[:-offset] == segment[offset:]
            result[:-offset][same] = values[offset:][same]
    return result


def _document_columns(
    rows: Sequence[NDArray[np.int64]], begins: Sequence[NDArray[np.bool_]], words: Words, own: Hashes
) -> list[Hashes]:
    """Features of the place in the document, and of the same word elsewhere in it."""
    places: list[NDArray[np.int64]] = []
    repeats: list[NDArray[np.int64]] = []
    position = 0
    for row, begin in zip(rows, begins, strict=True):
        size = len(row)
        mine = own[position : position + size]
        position += size
        number = np.cumsum(begin)
        first = np.flatnonzero(begin)
        from_start = np.arange(size) - first[number - 1] if size else np.zeros(0, dtype=np.int64)
        is_first_segment = (number == 1) & (number.max(initial=0) > 1)
        places.append(1 + np.minimum(from_start, 2) + 3 * is_first_segment)
        _, inverse, counts = np.unique(mine[:, _LOWER], return_inverse=True, return_counts=True)
        count = counts[inverse]
        _, same_inverse, same_counts = np.unique(mine[:, _ORTH], return_inverse=True, return_counts=True)
        in_first = np.zeros(len(counts), dtype=np.bool_)
        in_first[inverse[is_first_segment]] = True
        also_elsewhere = in_first[inverse] & ~is_first_segment
        other_case = same_counts[same_inverse] < count
        value = 1 + np.digitize(count, (2, 3, 5)) + 4 * also_elsewhere + 8 * other_case
        repeats.append(np.where(words.telling(row), value, 0))
    place = np.concatenate([np.zeros(0, dtype=np.int64), *places]).astype(np.uint64)
    repeat = np.concatenate([np.zeros(0, dtype=np.int64), *repeats]).astype(np.uint64)
    constant = np.ones(len(own), dtype=np.uint64)
    return [constant, place, repeat, _joined(place, own[:, _SHORT]), _joined(repeat, own[:, _KIND])]
