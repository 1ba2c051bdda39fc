"""From a document to a Doc: alignment, overlaps, what is missing for NER, and where everything is found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import spacy
from builders import LEGEND, E, document
from corpora import CORPORA, needs_corpora
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog.anndoc import MASTER, Document, Legend, OffsetUnit, Project
from spacy_tagtog.convert import (
    ConversionReport,
    ToDocSettings,
    doc_to_document,
    document_to_doc,
    make_converter,
)
from spacy_tagtog.convert.ents import missing_spans
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, get_state
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import ConfigurationError, PipelineError


def convert(nlp: Language, original: Document, **settings: Any) -> tuple[Doc, ConversionReport]:
    report = ConversionReport()
    doc = document_to_doc(original, nlp, settings=ToDocSettings(**settings), report=report)
    assert report.is_balanced
    assert doc_to_document(doc).version(settings.get("member", MASTER)) == original.version(
        settings.get("member", MASTER)
    )
    return doc, report


def ents(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def missing(doc: Doc) -> list[str]:
    return [token.text for token in doc if token.ent_iob == 0]


@pytest.mark.parametrize(
    ("alignment", "expected", "tokens"),
    [
        ("split", [("lob", "Star"), ("full", "Star")], ["G", "lob", "ular", "and", "full"]),
        ("strict", [("full", "Star")], ["Globular", "and", "full"]),
        ("contract", [("full", "Star")], ["Globular", "and", "full"]),
        ("expand", [("Globular", "Star"), ("full", "Star")], ["Globular", "and", "full"]),
    ],
)
def test_borders_inside_tokens(
    nlp: Language, alignment: str, expected: list[tuple[str, str]], tokens: list[str]
) -> None:
    doc, report = convert(
        nlp, document("Globular and full", entities=[E(1, 1, 4), E(1, 13, 17)]), alignment=alignment
    )
    assert ents(doc) == expected
    assert [token.text for token in doc] == tokens
    assert missing(doc) == ([] if len(expected) == 2 else ["Globular"])
    assert report.reasons == ({} if len(expected) == 2 else {"misaligned": 1})
    assert report.entities_retokenized == (1 if alignment == "split" else 0)


def test_contract_gives_up_what_is_only_partly_in(nlp: Language) -> None:
    doc, _ = convert(nlp, document("Alpha Beta Gamma", entities=[E(1, 2, 14)]), alignment="contract")
    assert ents(doc) == [("Beta", "Star")]
    doc, _ = convert(nlp, document("Alpha Beta Gamma", entities=[E(1, 2, 7)]), alignment="expand")
    assert ents(doc) == [("Alpha Beta", "Star")]


@pytest.mark.parametrize("alignment", ["split", "strict", "contract", "expand"])
@pytest.mark.parametrize(
    ("start", "end", "moved"),
    [
        (0, 2, "a"),
        (1, 3, "b"),
        (2, 4, "b"),
        (3, 5, "c"),
        (0, 4, "a b"),
        (1, 5, "b c"),
        (0, 3, "a b"),
        (2, 5, "b c"),
    ],
)
def test_a_border_on_the_space_after_a_word(
    nlp: Language, alignment: str, start: int, end: int, moved: str
) -> None:
    """spaCy keeps that space with the word before it: no span can begin or end there."""
    text = "a b c"
    doc, report = convert(nlp, document(text, entities=[E(1, start, end)]), alignment=alignment)
    exact = text[start:end] == moved
    if exact or alignment in ("contract", "expand"):
        assert ents(doc) == [(moved, "Star")]
        assert report.reasons == {}
    else:
        assert ents(doc) == []
        assert report.reasons == {"misaligned": 1}
        assert missing(doc) == moved.split()


@pytest.mark.parametrize(("start", "end"), [(4, 10), (6, 12), (4, 12)])
def test_white_space_tokens_at_an_edge_are_no_training_data(nlp: Language, start: int, end: int) -> None:
    """spaCy's NER has no action that begins an entity there: training on it stops with E024."""
    text = "foo \n\nMars\n\n bar " + "word " * 150
    original = document(text, entities=[E(1, start, end)])
    doc, report = convert(nlp, original)
    assert ents(doc) == []
    assert [span.text for span in doc.spans[SPANS_KEY]] == [text[start:end]]
    assert report.reasons == {"white_space": 1}
    assert "Mars" in missing(doc)
    trainable = Language(nlp.vocab)
    trainable.tokenizer = nlp.tokenizer
    trainable.add_pipe("ner").add_label("Star")  # type: ignore[attr-defined]
    example = Example(predicted_doc(nlp, doc), doc)
    trainable.initialize(lambda: [example])
    assert trainable.update([example])["ner"] >= 0


def test_only_white_space_is_no_entity(nlp: Language) -> None:
    doc, report = convert(nlp, document("a   b \n c", entities=[E(1, 1, 4), E(1, 6, 7), E(1, 0, 1)]))
    assert ents(doc) == [("a", "Star")]
    assert report.reasons == {"empty": 2}
    assert missing(doc) == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("longest", [("Alpha Beta Gamma", "Star")]),
        ("shortest", [("Alpha", "Planet"), ("Gamma", "Planet")]),
        ("first", [("Alpha", "Planet"), ("Beta Gamma", "Star")]),
        ("surest", [("Alpha", "Planet"), ("Beta Gamma", "Star")]),
    ],
)
def test_which_of_overlapping_entities_stays(
    nlp: Language, policy: str, expected: list[tuple[str, str]]
) -> None:
    entities = [
        E(1, 0, 5, "e_2", prob=0.8),
        E(1, 0, 16, prob=0.5),
        E(1, 6, 16, prob=0.9),
        E(1, 11, 16, "e_2", prob=0.7),
    ]
    doc, report = convert(nlp, document("Alpha Beta Gamma", entities=entities), ents=policy)
    assert ents(doc) == expected
    assert report.reasons == {"overlapping": len(entities) - len(expected)}
    assert len(doc.spans[SPANS_KEY]) == len(entities)
    assert all(policy in item.detail for item in report.items)


def test_a_missing_probability_is_that_of_a_person(nlp: Language) -> None:
    doc, _ = convert(
        nlp,
        document("Alpha Beta", entities=[E(1, 0, 10, prob=0.99), E(1, 0, 5, "e_2", prob=None)]),
        ents="surest",
    )
    assert ents(doc) == [("Alpha", "Planet")]


def test_ties_go_to_the_first(nlp: Language) -> None:
    same = [E(1, 6, 10, "e_2"), E(1, 0, 5), E(1, 0, 5, "e_2"), E(1, 0, 5)]
    doc, report = convert(nlp, document("Alpha Beta", entities=same))
    assert [(ent.text, ent.label_, ent.id_) for ent in doc.ents] == [
        ("Alpha", "Star", "e1"),
        ("Beta", "Planet", "e0"),
    ]
    assert report.reasons == {"overlapping": 1, "duplicate": 1}


def test_what_lost_is_missing_where_nothing_won(nlp: Language) -> None:
    doc, _ = convert(
        nlp, document("Alpha Beta Gamma Delta", entities=[E(1, 0, 10), E(1, 6, 16, "e_2")]), ents="first"
    )
    assert ents(doc) == [("Alpha Beta", "Star")]
    assert missing(doc) == ["Gamma"]
    assert [token.ent_iob for token in doc] == [3, 1, 0, 2]


def test_a_gap_is_missing_only_at_its_words(nlp: Language) -> None:
    doc, report = convert(
        nlp, document("North and South America", entities=[E(1, 0, 5, more=[(16, 23)]), E(1, 10, 23)])
    )
    assert ents(doc) == [("South America", "Star")]
    assert missing(doc) == ["North"]
    assert report.reasons == {"discontinuous": 1}
    assert [span.text for span in doc.spans[SPANS_KEY]] == ["North and South America", "South America"]


def test_an_entity_with_a_gap_is_reported_where_it_begins(nlp: Language) -> None:
    _, report = convert(nlp, document("North and South America", entities=[E(1, 0, 5, more=[(16, 23)])]))
    [item] = report.items
    assert (item.start, item.text, item.part) == (0, "North … America", "s1p1")


def test_entities_without_a_place_hide_their_part(nlp: Language) -> None:
    wrong = E(1, 0, 4, keys={"offsets": [{"start": 1, "text": "Deneb"}]})
    nowhere = E(1, 0, 4, keys={"part": "abstract"})
    doc, report = convert(
        nlp,
        document("Mars and Venus", "Sirius too", entities=[wrong, nowhere, E(1, 9, 14, "e_2"), E(2, 0, 6)]),
    )
    assert report.reasons == {"offset_mismatch": 1, "missing_part": 1}
    assert ents(doc) == [("Venus", "Planet"), ("Sirius", "Star")]
    assert missing(doc) == ["Mars", "and"]
    assert [item.start for item in report.items] == [1, 0]


def test_class_ids_without_a_name(nlp: Language) -> None:
    doc, report = convert(nlp, document("Mars and Venus", entities=[E(1, 0, 4, "e_9"), E(1, 9, 14, "e_2")]))
    assert ents(doc) == [("Venus", "Planet")]
    assert missing(doc) == ["Mars"]
    [item] = report.items
    assert (item.reason, item.label) == ("unknown_class", "e_9")
    assert "Planet" in item.detail


def test_removal_proposed(nlp: Language) -> None:
    doc, report = convert(
        nlp,
        document(
            "Mars and Venus", entities=[E(1, 0, 4, state="pre-removed"), E(1, 9, 14, state="pre-added")]
        ),
    )
    assert ents(doc) == [("Venus", "Star")]
    assert missing(doc) == ["Mars"]
    assert report.reasons == {"pre_removed": 1}
    assert [span.text for span in doc.spans[SPANS_KEY]] == ["Venus"]


@pytest.mark.parametrize(
    ("annotatable", "expected"),
    [
        ([1], ["Venus", "too"]),
        ([1, 2], []),
        ([], []),
        ([9], []),
        ([2], ["and", "more"]),
        ([2, 9], ["and", "more"]),
    ],
)
def test_parts_that_nobody_could_annotate(nlp: Language, annotatable: list[int], expected: list[str]) -> None:
    doc, report = convert(
        nlp, document("Mars and more", "Venus too", entities=[E(1, 0, 4)], annotatable=annotatable)
    )
    assert ents(doc) == [("Mars", "Star")]
    assert missing(doc) == expected
    assert report.reasons == {}


def test_what_a_doc_knows(nlp: Language) -> None:
    normalizations = {
        "n_1": {"source": {"name": "wiki", "id": None, "url": None}, "recName": "x"},
        "n_2": {"source": {"name": "wiki", "id": "Q111", "url": None}, "recName": "Mars"},
    }
    original = document(
        "Mars and Venus",
        "",
        "Mars",
        entities=[
            E(1, 0, 4, "e_2", prob=0.25, keys={"normalizations": normalizations}),
            E(1, 0, 8),
            E(1, 9, 14, "e_2"),
        ],
        metas={
            "m_1": {"value": False},
            "m_2": {"value": "good"},
            "m_3": {"value": 3},
            "m_4": {"value": None},
        },
    )
    original.folder = "pool/night"
    doc, _ = convert(nlp, original, ents="shortest")
    assert [(ent.text, ent.kb_id_, ent.id_) for ent in doc.ents] == [
        ("Mars", "Q111", "e0"),
        ("Venus", "", "e2"),
    ]
    group = doc.spans[SPANS_KEY]
    assert [(span.text, span.label_, span.kb_id_) for span in group] == [
        ("Mars", "Planet", "Q111"),
        ("Mars and", "Star", ""),
        ("Venus", "Planet", ""),
    ]
    assert group.attrs["scores"] == [0.25, 1.0, 1.0]
    assert [(span.label_, span.text) for span in doc.spans[PARTS_KEY]] == [
        ("s1p1", "Mars and Venus"),
        ("s1p3", "Mars"),
    ]
    assert doc.cats == {"clear": 0.0, "seeing=good": 1.0, "m_3=3": 1.0}
    assert doc._.anndoc_id == original.id
    state = doc._.anndoc
    assert state == get_state(doc)
    assert (state.folder, state.member) == ("pool/night", MASTER)
    assert state.annotations == original.annotations
    assert state.part_at(0, 4) == ("s1p1", 0, 4)
    assert state.part_at(*[doc.text.rindex("Mars") + n for n in (0, 4)]) == ("s1p3", 0, 4)
    assert state.part_at(10, 15) is None
    assert doc.ents[0]._.anndoc == original.annotations.entities[0].data
    assert doc[1:2]._.anndoc is None
    assert nlp.make_doc("Mars")[0:1]._.anndoc is None
    assert nlp.make_doc("Mars")._.anndoc is None
    assert nlp.make_doc("Mars")._.anndoc_id is None


@pytest.mark.parametrize("unit", ["utf-16", "code-point"])
def test_relations_and_labels_of_entities(nlp: Language, unit: OffsetUnit) -> None:
    fields = {"f_1": {"value": "red", "confidence": {}}, "f_9": {"value": True}}
    original = document(
        "🌠 Mars and Vega",
        entities=[E(1, 2, 6, "e_2", keys={"fields": fields}), E(1, 11, 15), E(1, 7, 10, state="pre-removed")],
        unit=unit,
    )
    shift = unit == "utf-16"
    ends = [
        [f"s1p1|e_2|{2 + shift},{6 + shift}", f"s1p1|{11 + shift},{15 + shift}"],
        [f"s1p1|e_1|{7 + shift},{10 + shift}", "what?"],
    ]
    original.annotations.data["relations"] = [
        {"classId": "r_1", "type": "linked", "directed": True, "entities": ends[0]},
        {"classId": "r_1", "entities": [f"s1p1|{11 + shift},{15 + shift}", ends[1][0]]},
        {"classId": "r_7", "entities": ends[1]},
    ]
    doc, _ = convert(nlp, original)
    relations = doc._.anndoc_relations
    assert [
        (one.label, one.type, one.directed, [span and span.text for span in one.spans]) for one in relations
    ] == [
        ("near", "linked", True, ["Mars", "Vega"]),
        ("near", "", False, ["Vega", None]),
        ("r_7", "", False, [None, None]),
    ]
    assert [one.data for one in relations] == original.annotations.data["relations"]
    assert doc.spans[SPANS_KEY][0]._.anndoc_fields == {"colour": "red", "f_9": True}
    assert doc.ents[1]._.anndoc_fields == doc[0:1]._.anndoc_fields == {}
    assert nlp.make_doc("Mars")._.anndoc_relations == []


@needs_corpora
@pytest.mark.parametrize(("name", "member", "number", "unplaced"), [("loctext", MASTER, 1345, 0)])
def test_relations_of_real_documents(
    nlp: Language, name: str, member: str, number: int, unplaced: int
) -> None:
    relations = [
        relation
        for original in Project.open(CORPORA / name)
        for relation in document_to_doc(
            original, nlp, settings=ToDocSettings(member=member)
        )._.anndoc_relations
    ]
    assert len(relations) == number
    assert sum(None in relation.spans for relation in relations) == unplaced


def test_every_member_has_a_version(nlp: Language) -> None:
    original = document("Mars", entities=[E(1, 0, 4)], member="bob")
    doc, _ = convert(nlp, original, member="bob")
    assert ents(doc) == [("Mars", "Star")]
    doc, report = convert(nlp, original)
    assert ents(doc) == []
    assert report.entities_in == 0


def test_the_unit_can_be_told(nlp: Language) -> None:
    """Where there is too little to find out from, only the user knows."""
    original = document("🚀Mars rsMa", entities=[E(1, 1, 3, keys={"offsets": [{"start": 2, "text": "a"}]})])
    doc, _ = convert(nlp, original, offset_unit="code-point")
    assert [span.start_char for span in doc.spans[SPANS_KEY]] == [2]
    doc, report = convert(nlp, original, offset_unit="utf-16")
    assert (len(doc.spans[SPANS_KEY]), report.reasons) == (0, {"offset_mismatch": 1})


def test_a_tokenizer_that_changes_the_text_is_refused(nlp: Language) -> None:
    class Lower:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __call__(self, text: str) -> Doc:
            return self.inner(text.lower())

    other = Language(nlp.vocab)
    other.tokenizer = Lower(nlp.tokenizer)
    report = ConversionReport()
    with pytest.raises(PipelineError, match="part s1p2, character 3"):
        document_to_doc(document("ok", "no Mars"), other, report=report)
    assert report.is_balanced


@pytest.mark.parametrize(
    "setting",
    [
        {"alignment": "loose"},
        {"ents": "best"},
        {"offset_unit": "bytes"},
        {"alignment": None},
        {"types": "Gene"},
        {"states": ""},
    ],
)
def test_unknown_settings(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ToDocSettings(**setting)
    assert next(iter(setting)) in str(caught.value)


def test_a_label_map_must_be_one() -> None:
    with pytest.raises(ConfigurationError, match="no mapping"):
        ToDocSettings(labels="Gene:GENE")  # type: ignore[arg-type]


def test_the_pipelines_own_tokens(nlp: Language) -> None:
    doc, _ = convert(nlp, document("Globular don't", "U.", "S. x ", entities=[E(1, 1, 4)]))
    own = predicted_doc(nlp, doc)
    assert own.text == doc.text
    assert [token.text for token in own][:3] == ["Globular", "do", "n't"]
    assert not own.ents
    assert get_state(own) is None
    assert [span.start_char for span in own.sents] == [0, doc.text.index("U."), doc.text.index("S.")]
    foreign = nlp.make_doc("U.\n\nS. x")
    assert [token.text for token in predicted_doc(nlp, foreign)] == [token.text for token in foreign]


def test_a_report_adds_up_over_documents(nlp: Language) -> None:
    report = ConversionReport()
    converter = make_converter()
    for _ in range(3):
        [doc] = converter.to_docs(
            document("Mars Venus", entities=[E(1, 0, 4), E(1, 0, 4), E(1, 5, 10, "e_9")]), nlp, report
        )
        assert isinstance(doc.ents[0], Span)
    assert report.is_balanced
    assert (report.documents_in, report.entities_in, report.entities_out) == (3, 9, 3)
    assert report.reasons == {"duplicate": 3, "unknown_class": 3}
    assert report.to_json()["labels_out"] == {"Star": 3}
    assert dict(report.rows())["entities in"] == 9
    assert len(report.faults) == 3
    report.entities_in += 1
    assert not report.is_balanced


def test_an_empty_legend(nlp: Language) -> None:
    doc, report = convert(nlp, document("Mars", entities=[E(1, 0, 4)], legend=Legend()))
    assert report.reasons == {"unknown_class": 1}
    assert missing(doc) == ["Mars"]
    assert LEGEND.of("e")


@settings(deadline=None)
@given(
    unknown=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted).map(tuple), max_size=6),
    known=st.lists(st.integers(0, 12), max_size=6, unique=True)
    .map(sorted)
    .map(lambda edges: list(zip(edges[::2], edges[1::2], strict=False))),
)
def test_gaps_are_the_unknown_tokens_that_no_entity_covers(
    unknown: list[Any], known: list[tuple[int, int]]
) -> None:
    doc = Doc(spacy.blank("xx").vocab, words=["x"] * 12)
    places: Any = [SimpleNamespace(start=start, end=end) for start, end in known]
    expected = {token for start, end in unknown for token in range(start, end)} - {
        token for start, end in known for token in range(start, end)
    }
    found = [token.i for span in missing_spans(doc, unknown, places) for token in span]
    assert found == sorted(expected)
