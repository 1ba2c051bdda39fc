"""anndoc → Doc → DocBin on disk → Doc → anndoc: nothing is lost, and what spaCy sees is right."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import get_args

import pytest
from builders import LEGEND, E, document
from corpora import CORPORA, needs_corpora
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from strategies import documents, examples, quick, slow

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    OffsetUnit,
    PlainHtml,
    Project,
    detect_unit,
    html_from_blocks,
    locate,
)
from spacy_tagtog.anndoc.repair import repair
from spacy_tagtog.convert import (
    ConversionReport,
    ToDocSettings,
    convert_documents,
    doc_to_document,
    document_to_doc,
    make_converter,
    read_spacy,
    write_docbin,
)
from spacy_tagtog.convert.settings import AlignmentMode, EntsPolicy
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, get_state

ALIGNMENTS = get_args(AlignmentMode)
POLICIES = get_args(EntsPolicy)


def through_disk(docs: list[Doc]) -> list[Doc]:
    """The Docs as another process would read them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docs.spacy"
        assert write_docbin(docs, path) == len(docs)
        return list(read_spacy(path, Vocab()))


def assert_same(back: Document, original: Document, member: str = MASTER) -> None:
    assert back.id == original.id
    assert back.folder == original.folder
    assert back.html.data == original.html.data
    assert dict(back.legend) == dict(original.legend)
    if member in original.versions:
        assert back.versions[member].data == original.versions[member].data
        assert list(back.versions) == [member]
    else:
        assert not back.versions


def assert_right(
    doc: Doc, original: Document, report: ConversionReport, *, member: str = MASTER, alignment: str = "split"
) -> None:
    """What must hold of a converted Doc, whatever the document."""
    assert report.is_balanced
    assert (report.documents_in, report.documents_out, report.docs_out) == (1, 1, 1)
    state = get_state(doc)
    assert state is not None
    assert [name for name, _, _ in state.parts] == list(original.parts)
    text = doc.text
    for name, start, end in state.parts:
        assert text[start:end] == original.parts[name].text
    assert text == original.text

    part_at = {at: name for name, start, end in state.parts for at in range(start, end)}
    part_of = [part_at.get(token.idx) for token in doc]
    borders = {start for _, start, _ in state.parts} | {end for _, _, end in state.parts}
    for token, part in zip(doc, part_of, strict=True):
        if part is None:
            assert token.text == "\n\n"
        assert not any(border in borders for border in range(token.idx + 1, token.idx + len(token)))
        if token.i and (part != part_of[token.i - 1]) and part is not None:
            assert token.is_sent_start
    # The space after a part's last word belongs to its token: spaCy's span ends before it.
    parts = [
        (span.label_, text[span.start_char : span.end_char + len(span[-1].whitespace_)])
        for span in doc.spans[PARTS_KEY]
    ]
    assert parts == [(name, text[start:end]) for name, start, end in state.parts if start < end]

    version = original.version(member)
    places = repair(
        original.parts, locate(original.parts, version), unit=detect_unit(original.parts, version)
    )
    starts = {name: start for name, start, _ in state.parts}
    for span in [*doc.ents, *doc.spans[SPANS_KEY]]:
        assert len({part_of[token.i] for token in span}) == 1
        assert part_of[span.start] is not None
        entity = version.entities[int(span.id_[1:])]
        assert span.label_ == original.legend[entity.class_id]
        assert span._.anndoc == entity.data
        place = places[entity.index]
        if alignment == "split" and not place.is_discontinuous and place.repair is None:
            assert span.text == entity.text
        # Whatever the mode, a span touches its entity.
        start = span.start_char - starts[entity.part]
        assert start < place.end
        assert place.start < start + len(span.text)
    assert len(doc.spans[SPANS_KEY].attrs.get("scores", [])) == len(doc.spans[SPANS_KEY])
    assert report.entities_in == len(version)
    assert report.entities_out == len(doc.ents) == sum(report.labels_out.values())
    for ent in doc.ents:
        assert not ent[0].is_space
        assert not ent[-1].is_space


@settings(slow, max_examples=examples(80))
@given(
    original=documents(),
    alignment=st.sampled_from(ALIGNMENTS),
    ents=st.sampled_from(POLICIES),
    data=st.data(),
)
def test_documents_survive_the_way_over_disk(
    nlp: Language, original: Document, alignment: AlignmentMode, ents: EntsPolicy, data: st.DataObject
) -> None:
    member = data.draw(st.sampled_from([MASTER, *original.versions]))
    report = ConversionReport()
    doc = document_to_doc(
        original, nlp, settings=ToDocSettings(member=member, alignment=alignment, ents=ents), report=report
    )
    assert_right(doc, original, report, member=member, alignment=alignment)
    [read] = through_disk([doc])
    assert_right(read, original, report, member=member, alignment=alignment)
    assert [token.text_with_ws for token in read] == [token.text_with_ws for token in doc]
    assert [token.is_sent_start for token in read] == [token.is_sent_start for token in doc]
    assert [token.ent_iob for token in read] == [token.ent_iob for token in doc]
    assert read.cats == doc.cats
    assert [(s.start, s.end, s.label_, s.id_, s.kb_id_) for s in read.spans[SPANS_KEY]] == [
        (s.start, s.end, s.label_, s.id_, s.kb_id_) for s in doc.spans[SPANS_KEY]
    ]
    for one in (doc, read):
        assert_same(doc_to_document(one), original, member)
        assert_same(make_converter().to_document([one]), original, member)


def raw(body: str) -> PlainHtml:
    return PlainHtml(f'<html id="d" xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'.encode())


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(raw(""), id="no parts"),
        pytest.param(raw('<p id="s1p1"></p>'), id="one empty part"),
        pytest.param(
            raw('<p id="s1p1"></p><p id="s1p2"/><p id="s1p3">x</p><p id="s1p4"></p>'), id="empty parts around"
        ),
        pytest.param(
            raw('<p id="s1p1"> </p><p id="s1p2">\n\n</p><p id="s1p3">\t </p>'), id="white space only"
        ),
        pytest.param(raw('<pre id="s1v1">\na\r\nb\rc</pre>'), id="newlines of all kinds"),
        pytest.param(
            raw('<pre id="s1v1">a&#13;&#10;b&#13;c</pre><p id="s1p1">d</p>'), id="carriage returns that stay"
        ),
        pytest.param(
            raw('<section id="s1"><p id="s1p1">a <b>b</b> c</p> <p id="s1p2">d</p></section>'),
            id="parts inside parts",
        ),
        pytest.param(
            raw('<p id="s1p1">ends in a space </p><p id="s1p2"> begins with one</p>'),
            id="spaces at the borders",
        ),
        pytest.param(
            raw('<p id="s1p1">don</p><p id="s1p2">\'t split U.</p><p id="s1p3">S. me 👩🏽\u200d🚀</p>'),
            id="tokens over borders",
        ),
    ],
)
@pytest.mark.parametrize("annotated", [True, False])
def test_odd_contents(nlp: Language, html: PlainHtml, annotated: bool) -> None:
    versions = {MASTER: Annotations.empty(list(html.parts))} if annotated else {}
    original = Document("d", html, versions, legend=LEGEND)
    report = ConversionReport()
    doc = document_to_doc(original, nlp, report=report)
    assert_right(doc, original, report)
    for one in (doc, *through_disk([doc])):
        assert_same(doc_to_document(one), original)


@pytest.mark.parametrize("unit", ["utf-16", "code-point"])
def test_emoji_before_entities_in_both_units(nlp: Language, unit: OffsetUnit) -> None:
    text = "👩🏽\u200d🚀 saw Sirius 🌟 and Mars"
    sirius, mars = text.index("Sirius"), text.index("Mars")
    original = document(
        text,
        "𝒳 Mars",
        entities=[E(1, sirius, sirius + 6), E(1, mars, mars + 4, "e_2"), E(2, 2, 6, "e_2")],
        unit=unit,
    )
    report = ConversionReport()
    doc = document_to_doc(original, nlp, report=report)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("Sirius", "Star"),
        ("Mars", "Planet"),
        ("Mars", "Planet"),
    ]
    assert_right(doc, original, report)
    assert_same(doc_to_document(doc), original)


def test_everything_that_an_annotation_can_hold(nlp: Language) -> None:
    text = "Alpha and Beta Centauri, Sirius B"
    original = document(
        text,
        "Mars",
        entities=[
            E(1, 0, 5, more=[(15, 23)], keys={"unknown": {"deep": [1, None, "\ud800"]}}),
            E(1, 10, 23, keys={"fields": {"f_1": {"value": True, "confidence": None}}}),
            E(1, 15, 23),
            E(1, 15, 23),
            E(
                1,
                25,
                33,
                keys={
                    "normalizations": {
                        "n_1": {"source": {"name": "wiki", "id": "Q3409", "url": None}, "recName": "Sirius"}
                    }
                },
            ),
            E(2, 0, 4, "e_2", prob=None, state=None),
        ],
        relations=[
            {
                "classId": "r_1",
                "type": "linked",
                "directed": True,
                "entities": ["s1p1|e_1|10,22", "s1p1|15,22"],
                "connectingWords": None,
                "x": 1e300,
            }
        ],
        metas={"m_1": {"value": True, "confidence": {}}},
        other={"nested": {"key": "\udfff", "big": 10**30}},
    )
    report = ConversionReport()
    doc = document_to_doc(original, nlp, report=report)
    assert_right(doc, original, report)
    for one in (doc, *through_disk([doc])):
        assert_same(doc_to_document(one), original)
        assert [span._.anndoc["offsets"][0]["start"] for span in one.spans[SPANS_KEY]] == [
            0,
            10,
            15,
            15,
            25,
            0,
        ]
    assert report.reasons == {"discontinuous": 1, "overlapping": 2}


@pytest.mark.parametrize("value", ["\ud83d", "a\ud800b"])
def test_half_a_surrogate_pair_is_no_obstacle(nlp: Language, value: str) -> None:
    normalizations = {"n_1": {"source": {"id": value, "name": None, "url": None}, "recName": value}}
    original = document(
        "Mars",
        entities=[E(1, 0, 4, keys={"normalizations": normalizations})],
        metas={"m_2": {"value": value, "confidence": {}}},
    )
    doc = document_to_doc(original, nlp)
    assert len(doc.cats) == 1
    for one in (doc, *through_disk([doc])):
        assert [ent.text for ent in one.ents] == ["Mars"]
        assert_same(doc_to_document(one), original)


NEW_CHARACTERS = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
NEW_TEXTS = st.text(st.sampled_from("ab \t\r\n🚀é<&") | NEW_CHARACTERS, max_size=30)


@settings(quick)
@given(text=NEW_TEXTS, data=st.data())
def test_a_new_text_becomes_a_document(nlp: Language, text: str, data: st.DataObject) -> None:
    """A Doc that nobody converted, with carriage returns and emoji in it, and entities anywhere."""
    doc = nlp(text)
    words = [token.i for token in doc if not token.is_space]
    chosen = data.draw(st.lists(st.sampled_from(words), unique=True)) if words else []
    doc.set_ents([Span(doc, i, i + 1, label="Star") for i in chosen])
    made = doc_to_document(doc, legend=LEGEND)
    read = Document(
        made.id,
        PlainHtml(made.html.data),
        {MASTER: Annotations.parse(made.annotations.dumps())},
        legend=LEGEND,
    )
    assert list(read.parts) == ["s1v1"]
    assert read.text == text.replace("\r\n", "\n").replace("\r", "\n")
    located = locate(read.parts, read.annotations)
    assert [item.problem for item in located] == [None] * len(chosen)
    assert [item.entity.text for item in located] == [doc[i].text for i in sorted(chosen)]
    assert {item.entity.state for item in located} <= {"pre-added"}
    again = document_to_doc(read, nlp)
    assert [ent.text for ent in again.ents] == [doc[i].text for i in sorted(chosen)]


def test_parts_are_divided_by_an_empty_line(nlp: Language) -> None:
    html = html_from_blocks([("h2", "One"), ("p", ""), ("p", "Two.")], doc_id="d", origid="d")
    doc = document_to_doc(Document("d", html, {}), nlp)
    assert doc.text == "One\n\n\n\nTwo."
    assert [token.text for token in doc] == ["One", "\n\n", "\n\n", "Two", "."]
    assert [span.text.strip() for span in doc.sents] == ["One", "Two."]


def corpus_names() -> list[str]:
    if not CORPORA.is_dir():
        return ["(no corpora here)"]
    return sorted(path.name for path in CORPORA.iterdir() if path.suffix != ".md")


@needs_corpora
@pytest.mark.parametrize("name", corpus_names())
def test_real_corpora_survive(nlp: Language, name: str) -> None:
    opened = Project.open(CORPORA / name, strict=False)
    sample = itertools.islice(opened.ids, 0, None, max(1, len(opened) // 40))
    sizes = sorted((len(opened[doc_id].html.data), doc_id) for doc_id in sample)
    chosen = [
        doc_id
        for i, (_, doc_id) in enumerate(sizes)
        if i == 0 or sum(size for size, _ in sizes[: i + 1]) < 60_000
    ]
    project = opened.select(lambda doc_id: doc_id in chosen)
    number = 0
    for member in project.members:
        report = ConversionReport()
        docs = list(
            convert_documents(
                project,
                nlp,
                make_converter(settings={"member": member}),
                report,
                choice="all",
                on_problem="report",
            )
        )
        assert report.is_balanced
        assert report.entities_out >= 0.97 * report.entities_in
        for doc in through_disk(docs):
            state = get_state(doc)
            assert state is not None
            original = project[state.id]
            single = ConversionReport()
            assert_right(
                document_to_doc(original, nlp, settings=ToDocSettings(member=member), report=single),
                original,
                single,
                member=member,
            )
            assert_same(doc_to_document(doc), original, member)
            number += 1
    assert number
