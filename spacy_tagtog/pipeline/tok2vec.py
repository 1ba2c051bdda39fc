"""What spaCy's NER knows of a word: itself, and how it begins and ends.

A layer for the ``tok2vec`` component, in the form of spaCy's own ``spacy.MultiHashEmbed.v2``, for corpora of
a few hundred documents: most entities of a new document were never seen in training, so the words themselves
say little of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from spacy.attrs import ORTH
from spacy.ml.staticvectors import StaticVectors
from spacy.strings import hash_string  # type: ignore[attr-defined] # missing in spaCy's stubs
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import HashEmbed, Maxout, Model, chain, concatenate, list2ragged, ragged2list, with_array
from thinc.types import Floats2d, Ints2d

from spacy_tagtog.errors import ConfigurationError

_LEFT_OUT: Final = np.uint64(hash_string("spacy-tagtog: left out"))
_WORD_ATTRS: Final = frozenset({"NORM", "LOWER", "ORTH"})
"""The attributes that say which word it is."""
_MAX_WORDS: Final = 100_000


def build_affix_embed(
    width: int,
    attrs: Sequence[str],
    prefixes: Sequence[int],
    suffixes: Sequence[int],
    rows: Sequence[int],
    word_dropout: float,
    include_static_vectors: bool,
) -> Model[list[Doc], list[Floats2d]]:
    """``spacy.MultiHashEmbed.v2`` with prefixes and suffixes of any length, and with word dropout.

    spaCy's attributes PREFIX and SUFFIX are of one length each (1 and 3). Here each length in ``prefixes``
    and ``suffixes`` has a table of its own; they are taken from the word in lower case.

    Args:
        width: The number of columns of each table, and of the output.
        attrs: Attributes of tokens, such as NORM and SHAPE.
        prefixes: Lengths of prefixes, in characters.
        suffixes: Lengths of suffixes, in characters.
        rows: The number of rows of each table: of the attributes, the prefixes and the suffixes, in this
            order.
        word_dropout: The share of tokens that lose, at random in training, the attributes that say which word
            it is (NORM, LOWER, ORTH). So the model learns to do with affixes and context, as it has to for
            words that it never saw.
        include_static_vectors: Also use the vectors of the vocabulary.

    Raises:
        ConfigurationError: A value is out of range, or the numbers of tables and of rows differ.
    """
    tables = len(attrs) + len(prefixes) + len(suffixes)
    if not tables or len(rows) != tables:
        raise ConfigurationError(
            "each attribute, prefix and suffix needs a table",
            value=f"rows: {len(rows)}; attributes: {len(attrs)}, prefixes: {len(prefixes)}, "
            f"suffixes: {len(suffixes)}",
            legal="as many numbers of rows as attributes, prefixes and suffixes, at least one",
        )
    for name, numbers in (("prefixes", prefixes), ("suffixes", suffixes), ("rows", rows), ("width", [width])):
        if any(number < 1 for number in numbers):
            raise ConfigurationError(
                "a number is out of range", place=name, value=str(list(numbers)), legal="1 or more"
            )
    if not 0 <= word_dropout < 1:
        raise ConfigurationError(
            "word_dropout is out of range", value=word_dropout, legal="0 or more, and less than 1"
        )
    # The seeds only have to differ.
    embed: Model[Any, Any] = concatenate(
        *(
            HashEmbed(width, number, column=column, seed=8 + column, dropout=0.0)
            for column, number in enumerate(rows)
        )
    )
    hashed: Any = chain(
        _word_features(attrs, prefixes, suffixes, word_dropout), list2ragged(), with_array(embed)
    )
    if include_static_vectors:
        hashed = concatenate(hashed, StaticVectors(width, dropout=0.0))
    mix: Model[Any, Any] = with_array(
        Maxout(width, width * (tables + include_static_vectors), nP=3, dropout=0.0, normalize=True)
    )
    return chain(hashed, mix, ragged2list())


def _word_features(
    attrs: Sequence[str], prefixes: Sequence[int], suffixes: Sequence[int], word_dropout: float
) -> Model[list[Doc], list[Ints2d]]:
    settings = {
        "attrs": list(attrs),
        "prefixes": list(prefixes),
        "suffixes": list(suffixes),
        "word_dropout": word_dropout,
    }
    return Model("word_features", _forward, attrs=settings)


def _forward(
    model: Model[list[Doc], list[Ints2d]], docs: list[Doc], is_train: bool
) -> tuple[list[Ints2d], Callable[[list[Ints2d]], list[Doc]]]:
    """(tokens, tables) for each Doc: hashes of the attributes, the prefixes and the suffixes."""
    attrs, prefixes, suffixes = (model.attrs[name] for name in ("attrs", "prefixes", "suffixes"))
    share = model.attrs["word_dropout"] if is_train else 0.0
    columns = np.array([index for index, attr in enumerate(attrs) if attr in _WORD_ATTRS], dtype=np.int64)
    features = []
    for doc in docs:
        own = doc.to_array([ORTH, *attrs]).astype(np.uint64).reshape(len(doc), 1 + len(attrs))
        words = _affixes(own[:, 0].tolist(), doc.vocab, tuple(prefixes), tuple(suffixes))
        of_affixes = np.array(words, dtype=np.uint64).reshape(len(doc), len(prefixes) + len(suffixes))
        own = own[:, 1:]
        if share:
            own[np.ix_(np.flatnonzero(np.random.random(len(doc)) < share), columns)] = _LEFT_OUT
        hashes: Any = np.concatenate([own, of_affixes], axis=1)
        features.append(model.ops.asarray2i(hashes, dtype="uint64"))
    return features, lambda d_features: []


_known: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[int, list[int]]] = {}
"""Hashes of affixes by their lengths and the word's own hash, which is the same in every vocabulary."""


def _affixes(
    orths: Iterable[int], vocab: Vocab, prefixes: tuple[int, ...], suffixes: tuple[int, ...]
) -> list[list[int]]:
    known = _known.setdefault((prefixes, suffixes), {})
    if len(known) > _MAX_WORDS:
        known.clear()
    rows = []
    for orth in orths:
        row = known.get(orth)
        if row is None:
            word = vocab.strings[orth].lower()
            begins = [hash_string(f"{length} {word[:length]}") for length in prefixes]
            row = known[orth] = begins + [hash_string(f"{length} {word[-length:]}") for length in suffixes]
        rows.append(row)
    return rows
