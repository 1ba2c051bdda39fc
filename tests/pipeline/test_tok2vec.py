"""The embedding of words that configs/ner.cfg trains."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model

from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.pipeline.tok2vec import build_affix_embed

EMBED: dict[str, Any] = {
    "width": 8,
    "attrs": ["NORM", "SHAPE"],
    "prefixes": [2],
    "suffixes": [2, 3],
    "rows": [200, 50, 90, 90, 90],
    "word_dropout": 0.0,
    "include_static_vectors": False,
}


def embed(nlp: Language, **changes: Any) -> Model[list[Doc], Any]:
    model = build_affix_embed(**{**EMBED, **changes})
    model.initialize(X=[nlp.make_doc("a word")])
    return model


def test_the_names_in_a_config(nlp: Language) -> None:
    model = registry.architectures.get("spacy-tagtog.AffixHashEmbed.v1")(8, ["NORM"], [], [3], [9, 9])
    model.initialize(X=[nlp.make_doc("a word")])
    assert model.predict([nlp.make_doc("three words here")])[0].shape == (3, 8)


def test_words_with_the_same_affixes_are_alike_where_the_word_itself_is_left_out(nlp: Language) -> None:
    model = embed(nlp, attrs=[], rows=[90, 90, 90])
    ((first, second, other),) = model.predict([nlp.make_doc("Prednisone pretone Cisplatin")])
    assert np.array_equal(first, second)  # pr-, -ne, -one
    assert not np.allclose(first, other)


def test_words_shorter_than_an_affix(nlp: Language) -> None:
    ((short, again),) = embed(nlp).predict([nlp.make_doc("x x")])
    assert np.array_equal(short, again)


def test_words_are_left_out_in_training_alone(nlp: Language) -> None:
    model = embed(nlp, attrs=["NORM"], prefixes=[], suffixes=[], rows=[500], word_dropout=0.5)
    words = [f"word{number}" for number in range(200)]
    doc = Doc(nlp.vocab, words=words)
    (plain,) = model.predict([doc])
    (again,) = model.predict([doc])
    (trained,), _ = model([doc], is_train=True)
    assert np.array_equal(plain, again)
    changed = (plain != trained).any(axis=1)
    assert 60 < changed.sum() < 140
    assert len(np.unique(trained[changed], axis=0)) == 1, "all words that are left out look the same"


def test_shapes_and_affixes_are_never_left_out(nlp: Language) -> None:
    model = embed(nlp, attrs=["SHAPE"], rows=[50, 90, 90, 90], word_dropout=0.9)
    doc = nlp.make_doc("Globular clusters in M13")
    assert np.array_equal(model.predict([doc])[0], model([doc], is_train=True)[0][0])


def test_vectors_of_the_vocabulary(nlp: Language) -> None:
    own = spacy.blank("en")
    own.vocab.reset_vectors(shape=(2, 4))  # type: ignore[arg-type]
    for word, value in (("Moon", 1.0), ("moonset", -1.0)):
        own.vocab.set_vector(word, np.full(4, value, dtype="float32"))  # type: ignore[arg-type]
    model = build_affix_embed(
        **{**EMBED, "attrs": [], "prefixes": [1], "suffixes": [], "rows": [9], "include_static_vectors": True}
    )
    model.initialize(X=[own.make_doc("a word")])
    ((first, second),) = model.predict([own.make_doc("Moon moonset")])
    assert not np.allclose(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": [1, 2]},
        {"attrs": [], "prefixes": [], "suffixes": [], "rows": []},
        {"prefixes": [0]},
        {"rows": [0] * 5},
        {"width": 0},
    ]
    + [{"word_dropout": share} for share in (-0.1, 1.0)],
)
def test_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        build_affix_embed(**{**EMBED, **wrong})


def test_saved_and_loaded(nlp: Language) -> None:
    docs = [nlp.make_doc("AIN is nephritis, AIN")]
    model = embed(nlp)
    other = build_affix_embed(**EMBED)
    other.from_bytes(model.to_bytes())
    assert np.array_equal(np.asarray(model.predict(docs)[0]), np.asarray(other.predict(docs)[0]))


def test_docs_without_tokens(nlp: Language) -> None:
    docs = [nlp.make_doc(text) for text in ("", "Moon", "")]
    assert [one.shape for one in embed(nlp).predict(docs)] == [(0, 8), (1, 8), (0, 8)]
    assert [one.shape for one in embed(nlp, word_dropout=0.5)(docs, is_train=True)[0]] == [
        (0, 8),
        (1, 8),
        (0, 8),
    ]


def test_copied_and_sent_to_another_process(nlp: Language) -> None:
    doc = nlp.make_doc("AIN is nephritis, AIN")
    model = embed(nlp)
    for other in (model.copy(), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(model.predict([doc])[0], other.predict([doc])[0])
