"""Docs that remember a document and have another text: they never go back to wrong places."""

from __future__ import annotations

import warnings

import pytest
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import Document, Legend
from spacy_tagtog.convert import doc_to_document, docs_to_document, document_to_doc, split_into_parts
from spacy_tagtog.errors import ConversionError

TEXT = "Ada saw Vega, then Bob saw Vega"


def made() -> Document:
    return document(TEXT, entities=[E(1, 0, 3), E(1, 8, 12, "e_2"), E(1, 19, 22), E(1, 27, 31, "e_2")])


@given(borders=st.sets(st.integers(0, 8), min_size=2, max_size=2))
def test_a_slice_that_remembers_the_document_is_refused(nlp: Language, borders: set[int]) -> None:
    original = made()
    doc = document_to_doc(original, nlp)
    assert len(doc) == 8
    start, end = sorted(borders)
    piece = doc[start:end].as_doc(copy_user_data=True)
    if (start, end) == (0, 8):  # all of it
        assert doc_to_document(piece).annotations == original.annotations
        return
    with pytest.raises(ConversionError, match="isn't that of the document") as raised:
        doc_to_document(piece)
    assert "span.as_doc" in str(raised.value)
    assert raised.value.place == original.id


def test_a_slice_that_remembers_nothing_is_a_document_of_its_own(nlp: Language) -> None:
    legend = Legend({"e_1": "Person", "e_2": "Star"})
    doc = document_to_doc(made(), nlp)
    piece = doc[5:8].as_doc()
    piece.set_ents([Span(piece, 2, 3, label="Star")])
    new = doc_to_document(piece, legend=legend)
    [entity] = new.annotations.entities
    assert (new.text.strip(), entity.text, entity.fragments[0].start) == ("Bob saw Vega", "Vega", 8)


def test_of_joined_docs_none_is_taken_for_the_first(nlp: Language) -> None:
    docs = [document_to_doc(made(), nlp) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # spaCy says that it leaves user data behind
        joined = Doc.from_docs(docs)
    assert joined is not None
    joined.user_data.update(docs[0].user_data)
    with pytest.raises(ConversionError, match="isn't that of the document"):
        doc_to_document(joined)


def test_a_part_in_place_of_another_is_refused(nlp: Language) -> None:
    original = document("Ada saw", "Vega and", entities=[E(1, 0, 3)])
    first, second = split_into_parts(document_to_doc(original, nlp))
    assert docs_to_document([first, second]).annotations == original.annotations
    piece = second[0:1].as_doc(copy_user_data=True)
    with pytest.raises(ConversionError, match="isn't that of the document"):
        docs_to_document([first, piece])
