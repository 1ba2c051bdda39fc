"""Candidates: what a pipeline thinks of documents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import spacy
from builders import E, document
from candidates import NAMES, ids
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, set_certainty
from spacy_tagtog.selection import (
    ReviewedDocument,
)
from spacy_tagtog.selection.candidates import candidate_of, make_candidates, reviewed_document
from spacy_tagtog.selection.scores import expected_edits

TEXTS = [
    ("Vega and Mars rise .", [(0, 1, "Star"), (2, 3, "Planet")]),
    ("We saw Vega .", [(2, 3, "Star")]),
    ("Clouds all night .", []),
] * 5


def seed_pipeline(*, labels: Sequence[str] = ("Star", "Planet")) -> Language:
    """A seed model of a few sentences, trained in a moment."""
    nlp = spacy.blank("en")
    nlp.add_pipe("seed_ner")
    nlp.initialize(
        lambda: [Example(nlp.make_doc(text), gold(nlp, text, spans, labels)) for text, spans in TEXTS]
    )
    return nlp


def gold(
    nlp: Language,
    text: str,
    spans: Sequence[tuple[int, int, str]],
    labels: Sequence[str] = ("Star", "Planet"),
) -> Doc:
    doc = nlp.make_doc(text)
    doc.ents = tuple(
        spacy.tokens.Span(doc, start, end, label) for start, end, label in spans if label in labels
    )
    return doc


@pytest.mark.parametrize("labels", [("Star", "Planet"), ("Star",)])
def test_candidates_of_a_pipeline(labels: tuple[str, ...]) -> None:
    nlp = seed_pipeline(labels=labels)
    texts = {"a": "Vega and Mars rise over the lake.", "b": "", "c": "  ", "d": "Altair near Mars ."}
    found = {
        one.id: one
        for one in make_candidates(nlp, ((doc_id, nlp.make_doc(text)) for doc_id, text in texts.items()))
    }
    assert found["a"].words[0] == "vega"
    assert found["a"].entities[0].label == "Star"
    assert found["a"].form(found["a"].entities[0]) == "vega"
    assert 0 < found["a"].entities[0].probability < 1
    assert len(found["b"]) == len(found["b"].log_probability) == 0
    assert all(one.predicted for one in found.values())
    for name in NAMES:
        assert len(ids(list(found.values()), name)) == 4


def test_doubts_are_for_people(nlp: Language) -> None:
    doc = nlp("Vega and\nAltair rise near Deneb and Mars over the lake with Jupiter")
    spans = [(0, 1, 0.9), (0, 3, 0.2), (7, 8, math.nan), (5, 6, 0.99), (8, 9, 0.5), (12, 13, 0.3)]
    group = SpanGroup(
        doc,
        name="sc",
        spans=[spacy.tokens.Span(doc, start, end, "Star") for start, end, _ in spans],
        attrs={"scores": [p for *_, p in spans]},
    )
    doc.spans["sc"] = group
    missed = np.zeros(len(doc))
    missed[[2, 10]] = 0.71236, 0.04
    set_certainty(doc, TokenCertainty.of(np.zeros(len(doc)), missed))
    candidate = candidate_of(doc, "a", ["sc"])
    assert [(one.text, one.label, one.probability) for one in candidate.doubts][:3] == [
        ("Vega and", "Star", 0.2),
        (doc[12].text, "Star", 0.3),
        (doc[8].text, "Star", 0.5),
    ]
    assert [(one.text, one.label, one.probability) for one in candidate.doubts][3:] == [
        (doc[2].text.strip(), "", 0.7124)
    ]
    assert candidate.entities[2].probability == 0.5  # one that nobody scored


def test_a_spancat_has_scores_and_no_certainty(nlp: Language) -> None:
    doc = nlp("Vega and Mars")
    doc.spans["sc"] = SpanGroup(
        doc,
        spans=[spacy.tokens.Span(doc, 0, 1, "Star"), spacy.tokens.Span(doc, 0, 3, "Pair")],
        attrs={"scores": [0.5, 0.25]},
    )
    candidate = candidate_of(doc, "a", ["sc"])
    assert candidate.log_probability.tolist() == pytest.approx([math.log(0.125), 0, 0])
    assert candidate.missed.tolist() == [0, 0, 0]
    doc.spans["sc"].attrs = {}
    with pytest.raises(PipelineError) as caught:
        candidate_of(doc, "a", ["sc"])
    assert "no probabilities" in str(caught.value)
    with pytest.raises(PipelineError):
        candidate_of(doc, "a", ["other"])


def test_a_pipeline_with_nothing_but_labels() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat_multilabel")
    nlp.initialize(
        lambda: [
            Example.from_dict(nlp.make_doc(text), {"cats": {"clear": float("Vega" in text)}})
            for text, _ in TEXTS
        ]
    )
    (candidate,) = make_candidates(nlp, [("a", nlp.make_doc("We saw Vega"))])
    assert set(candidate.labels) == {"clear"}
    assert candidate.entities == ()
    assert candidate.predicted
    assert 0 < expected_edits(candidate) <= 0.5


def test_a_pipeline_with_nothing_to_say() -> None:
    nlp = spacy.blank("en")
    with pytest.raises(PipelineError) as caught:
        list(make_candidates(nlp, [("a", nlp.make_doc("Vega"))]))
    assert "spacy train" in str(caught.value) or "train an ner" in str(caught.value)
    (candidate,) = make_candidates(nlp, [("a", nlp.make_doc("Vega"))], predict=False)
    assert not candidate.predicted


def test_what_is_known_of_reviewed_documents(nlp: Language) -> None:
    doc = document_to_doc(document("Vega near Mars", entities=[E(1, 0, 4), E(1, 10, 14, "e_2")]), nlp)
    assert reviewed_document(doc, "a") == ReviewedDocument(
        "a", ("vega", "near", "mars"), {"Star": 1, "Planet": 1}
    )
