"""One Doc a part: everything where it is in the Doc of the whole document, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from builders import LEGEND, E, document
from hypothesis import given
from spacy.language import Language
from spacy.tokens import Doc, Span
from strategies import documents, slow

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import (
    AnndocConverter,
    ConversionReport,
    docs_to_document,
    document_to_doc,
    make_converter,
    read_spacy,
    split_into_parts,
    write_docbin,
)
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, get_state
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import ConfigurationError, ConversionError

BLANK = spacy.blank("en")


def converted(original: Document, nlp: Language = BLANK) -> list[Doc]:
    return split_into_parts(document_to_doc(original, nlp))


@pytest.fixture
def note() -> Document:
    entities = [E(1, 0, 4), E(3, 4, 9, "e_2"), E(1, 9, 14, "e_2"), E(3, 0, 3), E(4, 1, 5)]
    return document("Mars and Venus ", "", "Sun Pluto 🌠 x", "🌠Vega", entities=entities)


def test_each_part_is_a_doc(note: Document) -> None:
    docs = converted(note)
    assert [doc.text for doc in docs] == ["Mars and Venus ", "Sun Pluto 🌠 x", "🌠Vega"]
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs] == [
        [("Mars", "Star"), ("Venus", "Planet")],
        [("Sun", "Star"), ("Pluto", "Planet")],
        [("Vega", "Star")],
    ]
    for doc, part in zip(docs, ("s1p1", "s1p3", "s1p4"), strict=True):
        assert [span.label_ for span in doc.spans[PARTS_KEY]] == [part]
        assert doc[0].is_sent_start
        for span in doc.spans[SPANS_KEY]:
            assert span._.anndoc["part"] == part
            assert span._.anndoc["offsets"][0]["text"] == span.text
        assert predicted_doc(BLANK, doc).text == doc.text


def test_unknown_stays_unknown() -> None:
    docs = converted(
        document("Mars", "Venus", "Pluto", entities=[E(2, 0, 5, state="pre-removed")], annotatable=[1, 2])
    )
    assert [[token.ent_iob for token in doc] for doc in docs] == [[2], [0], [0]]


@slow
@given(original=documents(legend=LEGEND))
def test_there_and_back(original: Document) -> None:
    whole = document_to_doc(original, BLANK)
    docs = split_into_parts(whole)
    assert sum(len(doc.ents) for doc in docs) == len(whole.ents)
    assert sum(len(doc.spans[SPANS_KEY]) for doc in docs) == len(whole.spans[SPANS_KEY])
    back = docs_to_document(docs)
    assert back.html.data == original.html.data
    assert back.annotations == original.annotations
    assert back.id == original.id


def test_through_a_file(note: Document, tmp_path: Path) -> None:
    write_docbin(converted(note), tmp_path / "x.spacy")
    docs = list(read_spacy(tmp_path / "x.spacy", spacy.blank("en").vocab))
    assert docs_to_document(docs).annotations == note.annotations
    assert [span._.anndoc["part"] for span in docs[2].spans[SPANS_KEY]] == ["s1p4"]


def test_edits_of_any_part_go_back(note: Document) -> None:
    first, second, third = converted(note)
    first.ents = [ent for ent in first.ents if ent.text != "Mars"]
    second.ents = [Span(second, 0, 1, label="Star"), Span(second, 1, 2, label="Star")]
    third.ents = [*third.ents, Span(third, 0, 1, label="Planet")]
    back = docs_to_document([first, second, third])
    assert [(entity.part, entity.text, LEGEND[entity.class_id]) for entity in back.annotations] == [
        ("s1p3", "Pluto", "Star"),
        ("s1p1", "Venus", "Planet"),
        ("s1p3", "Sun", "Star"),
        ("s1p4", "Vega", "Star"),
        ("s1p4", "🌠", "Planet"),
    ]
    assert back.annotations.entities[0].data["confidence"] == note.annotations.entities[1].data["confidence"]


def test_parts_whose_docs_are_missing_come_back_as_they_were(note: Document) -> None:
    first, _, third = converted(note)
    third.ents = []
    third.spans[SPANS_KEY] = []
    texts = [entity.text for entity in docs_to_document([first, third]).annotations]
    assert texts == ["Mars", "Pluto", "Venus", "Sun"]


def test_docs_that_do_not_belong_together(note: Document) -> None:
    docs = converted(note)
    other = converted(document("Sun", name="other.txt"))
    for wrong in (docs[1:], [*docs, *other], [docs[0], BLANK("new")], []):
        with pytest.raises(ConversionError):
            docs_to_document(wrong)


def test_a_new_doc_is_a_document_of_its_own() -> None:
    assert docs_to_document([BLANK("Mars")]).text == "Mars"


def test_the_converter_does_it_by_its_setting(note: Document) -> None:
    converter = make_converter(settings={"unit": "part"})
    report = ConversionReport()
    docs = list(converter.to_docs(note, BLANK, report))
    assert (report.documents_out, report.docs_out, report.entities_out) == (1, 3, 5)
    assert report.is_balanced
    assert converter.to_document(docs).annotations == note.annotations
    assert {state.id for doc in docs if (state := get_state(doc))} == {note.id}
    with pytest.raises(ConfigurationError, match="unit"):
        AnndocConverter(unit="page")  # type: ignore[arg-type]
