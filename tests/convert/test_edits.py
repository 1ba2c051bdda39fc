"""What users change on a Doc goes back into the annotations, and nothing else does."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import LEGEND, E, document
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.tokens.underscore import Underscore
from spacy.vocab import Vocab
from strategies import documents, examples, slow

import spacy_tagtog.pipeline.confidence  # noqa: F401 — it adds span._.confidence
from spacy_tagtog.anndoc import MASTER, Document, Legend, locate
from spacy_tagtog.convert import (
    ConversionReport,
    ToDocSettings,
    doc_to_document,
    document_to_doc,
    make_converter,
    read_spacy,
    write_docbin,
)
from spacy_tagtog.convert.state import SPANS_KEY
from spacy_tagtog.errors import ConversionError, LegendError, PlainHtmlError

TEXT = "Sirius and Mars and Venus"
KEYS = {"unknown": [1, {"x": None}], "fields": {"f_1": {"value": "blue"}}}


@pytest.fixture
def original() -> Document:
    return document(
        TEXT,
        "Sirius 🚀 Mars",
        entities=[
            E(1, 0, 6, keys=KEYS),
            E(1, 11, 15, "e_2", keys=KEYS),
            E(1, 11, 25, keys=KEYS),
            E(2, 9, 13, "e_2", keys=KEYS),
        ],
        relations=[{"classId": "r_1", "entities": ["s1p1|e_1|0,5", "s1p2|e_2|10,13"]}],
        extra="kept",
    )


@pytest.fixture(params=["in memory", "from disk"])
def doc(request: pytest.FixtureRequest, nlp: Language, original: Document, tmp_path: Path) -> Doc:
    """The Doc, fresh and as a later process reads it. ``doc.ents``: Sirius, Mars, Mars (second part)."""
    made = document_to_doc(original, nlp, settings=ToDocSettings(ents="shortest"))
    if request.param == "in memory":
        return made
    write_docbin([made], tmp_path / "docs.spacy")
    [read] = read_spacy(tmp_path / "docs.spacy", Vocab())
    return read


def entities(document: Document) -> list[dict[str, Any]]:
    return list(document.annotations.data["entities"])


def set_spans(doc: Doc, spans: list[Span]) -> None:
    doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=spans)


def remove_from_ents(doc: Doc) -> None:
    doc.ents = [ent for ent in doc.ents if ent.text != "Sirius"]


def remove_from_group(doc: Doc) -> None:
    set_spans(doc, [span for span in doc.spans[SPANS_KEY] if span.text != "Sirius"])


@pytest.mark.parametrize("edit", [remove_from_ents, remove_from_group])
def test_removed(doc: Doc, original: Document, edit: Callable[[Doc], None]) -> None:
    before = copy.deepcopy(original.annotations.data)
    edit(doc)
    back = doc_to_document(doc)
    assert entities(back) == before["entities"][1:]
    assert back.annotations.data["extra"] == "kept"
    assert back.html.data == original.html.data
    assert original.annotations.data == before


def test_what_was_never_in_ents_goes_only_from_the_group(doc: Doc, original: Document) -> None:
    set_spans(doc, [span for span in doc.spans[SPANS_KEY] if span.text != "Mars and Venus"])
    back = doc_to_document(doc)
    assert entities(back) == [entity for i, entity in enumerate(entities(original)) if i != 2]


def test_without_the_group_ents_still_count(doc: Doc, original: Document) -> None:
    del doc.spans[SPANS_KEY]
    remove_from_ents(doc)
    assert entities(doc_to_document(doc)) == entities(original)[1:]


def test_relabelled_without_its_id(doc: Doc, original: Document) -> None:
    """spaCy's own way to relabel makes a new span, which has no id."""
    doc.ents = [
        Span(doc, ent.start, ent.end, label="Planet") if ent.text == "Sirius" else ent for ent in doc.ents
    ]
    back = doc_to_document(doc)
    assert entities(back) == [{**entities(original)[0], "classId": "e_2"}, *entities(original)[1:]]


def test_relabelled_with_its_id_in_the_group(doc: Doc, original: Document) -> None:
    def relabelled(span: Span) -> Span:
        return Span(doc, span.start, span.end, label="Planet", span_id=span.id) if span.id_ == "e2" else span

    set_spans(doc, [relabelled(span) for span in doc.spans[SPANS_KEY]])
    expected = entities(original)
    expected[2] = {**expected[2], "classId": "e_2"}
    assert entities(doc_to_document(doc)) == expected


def test_moved(doc: Doc, original: Document) -> None:
    doc.ents = [
        Span(doc, ent.start, ent.end + 1, label=ent.label, span_id=ent.id)
        if ent.text == "Sirius" and not ent.start
        else ent
        for ent in doc.ents
    ]
    back = doc_to_document(doc)
    assert entities(back) == [
        {**entities(original)[0], "offsets": [{"start": 0, "text": "Sirius and"}]},
        *entities(original)[1:],
    ]


def test_moved_into_another_part_behind_an_emoji(doc: Doc, original: Document) -> None:
    mars = doc.ents[1]
    target = doc.text.rindex("Sirius")
    span = doc.char_span(target, target + 8, label="Planet", span_id=mars.id_)
    assert span is not None
    doc.ents = (
        [ent for ent in doc.ents if ent != mars and ent.end <= span.start]
        + [span]
        + [ent for ent in doc.ents if ent.start >= span.end]
    )
    expected = entities(original)
    expected[1] = {**expected[1], "part": "s1p2", "offsets": [{"start": 0, "text": "Sirius 🚀"}]}
    assert entities(doc_to_document(doc)) == expected


@pytest.mark.parametrize(("unit", "start"), [(None, 10), ("utf-16", 10), ("code-point", 9)])
def test_added_in_the_documents_unit(nlp: Language, unit: Any, start: int) -> None:
    original = document("Sirius 🚀 Mars", entities=[E(1, 0, 6)])
    doc = document_to_doc(original, nlp)
    doc.ents = [*doc.ents, Span(doc, 2, 3, label="Planet")]
    [old, new] = entities(doc_to_document(doc, who="ml:mine", offset_unit=unit))
    assert old == entities(original)[0]
    assert (new["classId"], new["part"], new["offsets"]) == (
        "e_2",
        "s1p1",
        [{"start": start, "text": "Mars"}],
    )
    assert new["confidence"] == {"state": "pre-added", "who": ["ml:mine"]}


def test_the_unit_is_that_of_the_other_entities(nlp: Language) -> None:
    original = document("Sirius 🚀 Mars Venus", entities=[E(1, 9, 13)], unit="code-point")
    doc = document_to_doc(original, nlp)
    doc.ents = [*doc.ents, Span(doc, 3, 4, label="Planet")]
    back = doc_to_document(doc)
    assert entities(back)[1]["offsets"] == [{"start": 14, "text": "Venus"}]
    assert [item.problem for item in locate(back.parts, back.annotations)] == [None, None]


def test_a_new_entity_has_the_probability_that_the_pipeline_gives_it(doc: Doc) -> None:
    """From the group that a component scored: here Venus, and nothing is known of the word before it."""
    venus, before = Span(doc, 4, 5, label="Planet"), Span(doc, 3, 4, label="Planet")
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=[venus], attrs={"scores": [0.25]})
    doc.ents = [*doc.ents, venus, before]
    *_, and_, planet = entities(doc_to_document(doc))
    assert planet["confidence"] == {"state": "pre-added", "who": ["ml:spacy"], "prob": 0.25}
    assert and_["confidence"] == {"state": "pre-added", "who": ["ml:spacy"]}


def test_a_doc_goes_back_where_nothing_gives_spans_a_probability(
    doc: Doc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``span._.confidence`` comes with the pipeline room, which not everybody imports."""
    monkeypatch.delitem(Underscore.span_extensions, "confidence", raising=False)
    doc.ents = [*doc.ents, Span(doc, 4, 5, label="Planet")]
    assert "prob" not in entities(doc_to_document(doc))[-1]["confidence"]


def test_added_to_both_is_added_once(doc: Doc, original: Document) -> None:
    venus = Span(doc, 4, 5, label="Planet")
    doc.ents = [*doc.ents, venus]
    set_spans(doc, [*doc.spans[SPANS_KEY], venus, venus])
    back = doc_to_document(doc)
    assert entities(back)[:4] == entities(original)
    assert [entity["offsets"] for entity in entities(back)[4:]] == [[{"start": 20, "text": "Venus"}]]


def test_an_unknown_label(doc: Doc) -> None:
    doc.ents = [Span(doc, 0, 1, label="Comet")]
    with pytest.raises(LegendError, match="Comet"):
        doc_to_document(doc)
    assert entities(doc_to_document(doc, legend=Legend({**LEGEND, "e_7": "Comet"})))[0]["classId"] == "e_7"


def test_a_span_across_parts(doc: Doc) -> None:
    set_spans(doc, [*doc.spans[SPANS_KEY], Span(doc, 4, 7, label="Star")])
    with pytest.raises(ConversionError, match="crosses") as caught:
        doc_to_document(doc)
    assert "Venus" in str(caught.value.value)


def test_a_span_on_the_border(doc: Doc) -> None:
    assert doc[5].text == "\n\n"
    set_spans(doc, [*doc.spans[SPANS_KEY], Span(doc, 5, 6, label="Star")])
    with pytest.raises(ConversionError):
        doc_to_document(doc)


def test_a_foreign_id_is_a_new_entity(doc: Doc, original: Document) -> None:
    doc.ents = [*doc.ents, Span(doc, 4, 5, label="Planet", span_id="e77")]
    back = doc_to_document(doc)
    assert entities(back)[:4] == entities(original)
    assert len(entities(back)) == 5


def test_one_id_twice_is_one_entity_and_a_new_one(doc: Doc, original: Document) -> None:
    doc.ents = [*doc.ents, Span(doc, 4, 5, label="Star", span_id="e0")]
    back = doc_to_document(doc)
    assert entities(back)[:4] == entities(original)
    assert entities(back)[4]["offsets"] == [{"start": 20, "text": "Venus"}]


def test_what_alignment_moved_stays_where_it_was(nlp: Language) -> None:
    original = document("Globular cluster", entities=[E(1, 1, 4)])
    doc = document_to_doc(original, nlp, settings=ToDocSettings(alignment="expand"))
    assert [ent.text for ent in doc.ents] == ["Globular"]
    doc.ents = [*doc.ents, Span(doc, 1, 2, label="Star")]
    assert entities(doc_to_document(doc))[0] == entities(original)[0]


def test_what_was_set_aside_stays(nlp: Language) -> None:
    original = document(
        "Mars and Venus",
        entities=[
            E(1, 0, 4, state="pre-removed"),
            E(1, 0, 4, "e_9"),
            E(1, 0, 4, keys={"part": "x"}),
            E(1, 0, 4),
            E(1, 9, 14),
        ],
    )
    doc = document_to_doc(original, nlp)
    doc.ents = []
    assert entities(doc_to_document(doc)) == entities(original)[:3]


def test_a_document_that_nobody_annotated(nlp: Language) -> None:
    doc = document_to_doc(document("Mars", member=None), nlp)
    assert not doc_to_document(doc).versions
    doc.ents = [Span(doc, 0, 1, label="Planet")]
    back = doc_to_document(doc)
    assert list(back.versions) == [MASTER]
    assert not back.annotations.complete
    assert back.annotations.annotatable == ["s1p1"]


def test_the_members_version_is_the_one_that_changes(nlp: Language) -> None:
    doc = document_to_doc(
        document("Mars", entities=[E(1, 0, 4)], member="bob"), nlp, settings=ToDocSettings(member="bob")
    )
    doc.ents = []
    back = doc_to_document(doc)
    assert list(back.versions) == ["bob"]
    assert not back.versions["bob"].entities


def test_a_doc_without_a_document(nlp: Language) -> None:
    doc = nlp("🚀\r\nMars\rand Venus")
    places = [(doc.text.index(name), doc.text.index(name) + len(name)) for name in ("Mars", "Venus")]
    doc.ents = [doc.char_span(start, end, label="Planet") for start, end in places]  # type: ignore[misc]
    report = ConversionReport()
    made = doc_to_document(doc, legend=LEGEND, report=report)
    assert made.text == "🚀\nMars\nand Venus"
    assert [entity["offsets"] for entity in entities(made)] == [
        [{"start": 3, "text": "Mars"}],
        [{"start": 12, "text": "Venus"}],
    ]
    assert made.id == doc_to_document(doc, legend=LEGEND).id
    assert report.is_balanced
    assert report.documents_out == 1
    with pytest.raises(LegendError):
        doc_to_document(doc)
    with pytest.raises(PlainHtmlError, match=r"U\+0000"):
        doc_to_document(nlp("a\0b"))


def test_the_converter_takes_one_doc(doc: Doc) -> None:
    for docs in ([], [doc, doc]):
        with pytest.raises(ConversionError):
            make_converter().to_document(docs)


@settings(slow, max_examples=examples(60))
@given(original=documents(members=False), data=st.data())
def test_any_edit_of_ents(nlp: Language, original: Document, data: st.DataObject) -> None:
    """Remove some entities, relabel some, add some: the others keep everything, and every offset is right."""
    doc = document_to_doc(original, nlp)
    labels = list(original.legend.of("e").values())
    kept = [ent for ent in doc.ents if data.draw(st.booleans())]
    new_labels = {ent.id_: data.draw(st.sampled_from([ent.label_, *labels])) for ent in kept}
    spans = [Span(doc, ent.start, ent.end, label=new_labels[ent.id_], span_id=ent.id) for ent in kept]
    taken = {token.i for ent in doc.ents for token in ent}
    taken |= {token.i for span in doc.spans[SPANS_KEY] for token in span}
    parts = doc._.anndoc.parts
    free = [
        t.i for t in doc if t.i not in taken and not t.is_space and any(s <= t.idx < e for _, s, e in parts)
    ]
    added = data.draw(st.lists(st.sampled_from(free), unique=True, max_size=3)) if free else []
    spans += [Span(doc, i, i + 1, label=data.draw(st.sampled_from(labels))) for i in added]
    doc.set_ents(
        sorted(spans, key=lambda span: span.start), default="unmodified" if not doc.ents else "outside"
    )
    if len(doc) == 0:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_docbin([doc], Path(folder) / "docs.spacy")
        [read] = read_spacy(Path(folder) / "docs.spacy", Vocab())
    in_ents = {int(entity_id[1:]) for entity_id in (f"e{index}" for index in doc._.anndoc.in_ents)}
    kept_indices = {int(ent.id_[1:]) for ent in kept}
    for one in (doc, read):
        back = doc_to_document(one)
        expected = [
            {**entity.data, "classId": original.legend.id_of("e", new_labels[f"e{entity.index}"])}
            if entity.index in kept_indices
            else entity.data
            for entity in original.annotations
            if entity.index not in in_ents - kept_indices
        ]
        result = entities(back) if back.versions else []
        assert result[: len(expected)] == expected
        assert sorted(entity["offsets"][0]["text"] for entity in result[len(expected) :]) == sorted(
            doc[i].text for i in added
        )
        assert [item.problem for item in locate(back.parts, back.annotations)] == [None] * len(result)
        assert back.html.data == original.html.data


@pytest.mark.parametrize("with_class", [True, False])
def test_relations_follow_the_entities_that_were_edited(nlp: Language, with_class: bool) -> None:
    """Both spellings of a reference; a relation of a removed entity goes with it."""

    def reference(start: int, end: int, class_id: str = "e_1") -> str:
        return f"s1p1|{class_id}|{start},{end}" if with_class else f"s1p1|{start},{end}"

    # The emoji counts two: 🌠 Vega is 3–7, Mars 12–16, Venus 21–26 in UTF-16.
    original = document(
        "🌠 Vega and Mars and Venus",
        entities=[E(1, 2, 6), E(1, 11, 15), E(1, 20, 25)],
        relations=[
            {
                "classId": "r_1",
                "type": "linked",
                "directed": True,
                "entities": [reference(3, 7), reference(12, 16)],
            },
            {
                "classId": "r_1",
                "type": "linked",
                "directed": True,
                "entities": [reference(12, 16), reference(21, 26)],
            },
        ],
    )
    doc = document_to_doc(original, nlp)
    vega, mars, venus = doc.ents
    doc.ents = [
        Span(doc, vega.start - 1, vega.end, label="Star", span_id=vega.id_),
        Span(doc, mars.start, mars.end, label="Planet"),
        venus,
    ]
    back = doc_to_document(doc).annotations
    assert [relation["entities"] for relation in back.data["relations"]] == [
        [reference(0, 7), reference(12, 16, "e_2")],
        [reference(12, 16, "e_2"), reference(21, 26)],
    ]
    doc.ents = [span for span in doc.ents if span.text != "Venus"]
    back = doc_to_document(doc).annotations
    assert [relation["entities"] for relation in back.data["relations"]] == [
        [reference(0, 7), reference(12, 16, "e_2")]
    ]
