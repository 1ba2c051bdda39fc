"""What a pipeline doubts, token by token: stored with the Doc, and refused where it doesn't fit."""

from __future__ import annotations

import numpy as np
import pytest
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab

import spacy_tagtog.pipeline.confidence  # noqa: F401 — span._.confidence
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.uncertainty import USER_DATA_KEY, TokenCertainty, get_certainty, set_certainty


def test_there_and_back(nlp: Language) -> None:
    doc = nlp("the Moon rises")
    assert get_certainty(doc) is None
    set_certainty(doc, TokenCertainty.of([-0.5, 0, -2], [0.25, 0, 1]))
    for read in (
        doc,
        doc.copy(),
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        *DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab),
    ):
        certainty = get_certainty(read)
        assert certainty is not None
        assert certainty.log_probability.tolist() == [-0.5, 0, -2]
        assert certainty.missed.tolist() == [0.25, 0, 1]
        assert certainty.log_probability.dtype == certainty.missed.dtype == np.float32
        assert len(certainty) == 3


def test_an_empty_doc(nlp: Language) -> None:
    doc = nlp("")
    set_certainty(doc, TokenCertainty.of([], []))
    certainty = get_certainty(doc)
    assert certainty is not None
    assert len(certainty) == 0


def test_rounding_errors_are_put_right() -> None:
    certainty = TokenCertainty.of([1e-9, -np.inf], [-1e-9, 1 + 1e-9])
    assert certainty.log_probability[0] == 0
    assert np.isfinite(certainty.log_probability[1])
    assert certainty.log_probability[1] < -80
    assert certainty.missed.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [([0, 0], [0, 0]), ([0, 0, 0], [0, 0]), ([0, 0, 0, 0], [0, 0, 0]), ([[0, 0, 0]], [0, 0, 0])],
)
def test_what_does_not_fit_is_refused(nlp: Language, first: list[float], second: list[float]) -> None:
    with pytest.raises(PipelineError) as caught:
        set_certainty(nlp("the Moon rises"), TokenCertainty.of(first, second))
    assert caught.value.legal == "one number per token: 3"


def test_tokens_that_changed_since(nlp: Language) -> None:
    doc = nlp("the Moon rises")
    set_certainty(doc, TokenCertainty.of([0, 0, 0], [0, 0, 0]))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    with pytest.raises(PipelineError):
        get_certainty(doc)


@pytest.mark.parametrize("junk", [{}, {"missed": [0, 0, 0]}, 3])
def test_junk_in_its_place(nlp: Language, junk: object) -> None:
    doc = nlp("the Moon rises")
    doc.user_data[USER_DATA_KEY] = junk
    with pytest.raises(PipelineError):
        get_certainty(doc)


def test_probabilities_are_found_after_tokens_were_merged() -> None:
    doc = Doc(Vocab(), ["Globular", "clusters", "of", "stars", "shine"])
    spans = [Span(doc, 2, 3, label="X"), Span(doc, 3, 4, label="Star")]
    doc.spans["own"] = SpanGroup(doc, name="own", spans=spans, attrs={"scores": [0.25, 0.75]})
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [token.text for token in doc] == ["Globular clusters", "of", "stars", "shine"]
    assert Span(doc, 1, 2, label="X")._.confidence == 0.25
    assert Span(doc, 2, 3, label="Star")._.confidence == 0.75
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:4])
    assert doc[0:1]._.confidence is None
