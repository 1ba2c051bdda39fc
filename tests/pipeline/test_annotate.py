"""Pre-annotations: what the pipeline predicts goes in, what people did stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import spacy
from builders import LEGEND, E, document
from hypothesis import given, settings
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from strategies import documents, examples, slow

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, locate
from spacy_tagtog.errors import ConfigurationError, LegendError, PipelineError
from spacy_tagtog.pipeline.annotate import annotate_documents, ensure_confidence
from spacy_tagtog.pipeline.annotate_report import AnnotateReport

WHO = "ml:test"


@Language.component("spacy_tagtog_tests_upper")
def every_upper(doc: Doc) -> Doc:
    """A stand-in for a model: words in capitals are stars, each with a probability.

    "NONE" has no probability, and "WIDE" takes the next word in.
    """
    spans, scores = [], []
    for token in doc:
        if token.text.isupper() and token.is_alpha:
            end = min(len(doc), token.i + (2 if token.text == "WIDE" else 1))
            spans.append(Span(doc, token.i, end, label="Star"))
            scores.append(float("nan") if token.text == "NONE" else 1.0 if token.text == "SURE" else 0.75)
    doc.spans["upper"] = SpanGroup(doc, name="upper", spans=spans, attrs={"scores": scores})
    return doc


@pytest.fixture(scope="module")
def upper() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("spacy_tagtog_tests_upper")
    return nlp


def annotate(nlp: Language, *originals: Document, **keywords: Any) -> tuple[list[Document], AnnotateReport]:
    report = AnnotateReport()
    keywords = {"who": WHO, "spans_key": "upper", **keywords}
    before = [copy.deepcopy(original.annotations.data) for original in originals]
    result = list(annotate_documents(nlp, originals, report=report, **keywords))
    assert [original.annotations.data for original in originals] == before
    written = sum(report.added.values())
    assert report.predicted == written + report.same + report.contradicting + report.crossing + report.dropped
    assert report.documents == len(result) == len(originals) - len(report.confirmed)
    for one in result:
        assert all(
            item.problem is None for item in locate(one.parts, one.annotations) if item.entity.who == [WHO]
        )
    return result, report


def mine(one: Document) -> list[tuple[str, str, float | None]]:
    return [(entity.part, entity.text, entity.prob) for entity in one.annotations if entity.who == [WHO]]


def test_what_a_pre_annotation_looks_like(upper: Language) -> None:
    original = document("we saw MARS", member=None)
    original.folder = "pool/x"
    [result], report = annotate(upper, original)
    assert result.annotations.data["entities"] == [
        {
            "classId": "e_1",
            "part": "s1p1",
            "offsets": [{"start": 7, "text": "MARS"}],
            "coordinates": [],
            "confidence": {"state": "pre-added", "who": [WHO], "prob": 0.75},
            "fields": {},
            "normalizations": {},
        }
    ]
    assert not result.annotations.complete
    assert result.annotations.annotatable == ["s1p1"]
    assert (result.id, result.folder, result.html.data) == (original.id, "pool/x", original.html.data)
    assert Annotations.parse(result.annotations.dumps()) == result.annotations
    assert report.added == {"Star": 1}
    assert dict(report.rows())["entities written as pre-added"] == 1


def test_only_people_are_certain(upper: Language) -> None:
    [result], report = annotate(upper, document("SURE NONE MARS", complete=False))
    assert mine(result) == [
        ("s1p1", "SURE", pytest.approx(1, abs=1e-5)),
        ("s1p1", "NONE", None),
        ("s1p1", "MARS", 0.75),
    ]
    assert mine(result)[0][2] != 1
    assert "prob" not in result.annotations.data["entities"][1]["confidence"]
    assert report.without_prob == 1


def test_confirmed_documents_are_left_out(upper: Language) -> None:
    confirmed, new = document("MARS", name="a"), document("VENUS", name="b", complete=False)
    results, report = annotate(upper, confirmed, new)
    assert [one.id for one in results] == [new.id]
    assert report.confirmed == [confirmed.id]


def test_what_people_annotated_is_kept_and_not_contradicted(upper: Language) -> None:
    people = [
        E(1, 0, 4),  # MARS, just so
        E(1, 5, 10, "e_2"),  # VENUS, another type
        E(1, 11, 16, prob=0.5),  # all but the last letter of SATURN
        E(1, 0, 4, "e_9"),
        E(1, 18, 21, more=[(27, 30)]),  # "SUN … ION", with MOON in the gap
        E(1, 35, 40, state="pre-removed", who="user:bob"),  # PLUTO
        E(1, 0, 4, keys={"part": "gone"}),
    ]
    original = document("MARS VENUS SATURN SUN MOON ION and PLUTO", entities=people, complete=False, extra=1)
    [result], report = annotate(upper, original)
    assert result.annotations.data["entities"][:7] == original.annotations.data["entities"]
    assert result.annotations.data["extra"] == 1
    assert mine(result) == [("s1p1", "MOON", 0.75)]
    assert (report.same, report.contradicting) == (2, 4)


def test_others_proposals_stay_and_ones_own_are_replaced(upper: Language) -> None:
    before = [
        E(1, 0, 3, state="pre-added", who=WHO),
        E(1, 4, 8, state="pre-added", who=WHO, prob=0.1),
        E(1, 9, 12, state="pre-added", who="ml:other"),
        E(1, 13, 16, state="", who=WHO),
    ]
    [result], report = annotate(upper, document("old MARS MAN SUN", entities=before, complete=False))
    assert [(entity.text, entity.who, entity.prob) for entity in result.annotations] == [
        ("MAN", ["ml:other"], 1),
        ("SUN", [WHO], 1),
        ("MARS", [WHO], 0.75),
    ]
    assert (report.replaced, report.same) == (2, 2)


def test_what_a_relation_points_at_stays(upper: Language) -> None:
    before = [
        E(1, 0, 3, state="pre-added", who=WHO, prob=0.5),
        E(1, 4, 7, state="pre-added", who=WHO, prob=0.5),
    ]
    relation = {"classId": "r_1", "entities": ["s1p1|e_1|0,2", "s1p1|e_1|12,15"]}
    original = document("old and also MARS", entities=before, relations=[relation], complete=False)
    [result], report = annotate(upper, original)
    assert [entity.text for entity in result.annotations] == ["old", "MARS"]
    assert result.annotations.data["relations"] == [relation]
    assert report.replaced == 1


def test_labels_are_renamed_and_left_out(upper: Language) -> None:
    original = document("MARS", complete=False)
    [result], report = annotate(upper, original, rename={"Star": "Planet"})
    assert [entity.class_id for entity in result.annotations] == ["e_2"]
    assert report.added == {"Planet": 1}
    [result], report = annotate(upper, original, rename={"Star": ""})
    assert (len(result.annotations), report.dropped) == (0, 1)


def test_a_label_that_the_project_lacks(upper: Language) -> None:
    with pytest.raises(LegendError, match="Star"):
        annotate(upper, document("MARS", complete=False, legend=Legend({"e_1": "Comet"})))
    with pytest.raises(LegendError, match="Sun"):
        annotate(upper, document("MARS", complete=False), rename={"Star": "Sun"})
    [result], _ = annotate(
        upper,
        document("MARS", complete=False, legend=Legend({"e_1": "Comet"})),
        legend=Legend({"e_5": "Star"}),
    )
    assert [entity.class_id for entity in result.annotations] == ["e_5"]
    assert dict(result.legend) == {"e_5": "Star"}


def test_two_labels_of_one_name_give_one_entity(upper: Language) -> None:
    @Language.component("spacy_tagtog_tests_twice")
    def twice(doc: Doc) -> Doc:
        doc.spans["upper"] = SpanGroup(
            doc, spans=[Span(doc, 0, 1, label=label) for label in ("A", "B")], attrs={"scores": [0.5, 0.6]}
        )
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("spacy_tagtog_tests_twice")
    [result], report = annotate(nlp, document("MARS", complete=False), rename={"A": "Star", "B": "Star"})
    assert mine(result) == [("s1p1", "MARS", 0.5)]
    assert report.same == 1


@pytest.mark.parametrize(
    ("annotatable", "expected"),
    [([2], ["s1p2"]), ([1, 9], ["s1p1"]), ([], ["s1p1", "s1p2"]), ([9], ["s1p1", "s1p2"])],
)
def test_only_open_parts_are_annotated(upper: Language, annotatable: list[int], expected: list[str]) -> None:
    original = document("MARS", "VENUS", annotatable=annotatable, complete=False)
    [result], _ = annotate(upper, original)
    assert [part for part, _, _ in mine(result)] == expected
    assert result.annotations.annotatable == (original.annotations.annotatable or ["s1p1", "s1p2"])


def test_predictions_over_a_border_of_parts(upper: Language) -> None:
    [result], report = annotate(upper, document("WIDE", "angle WIDE angle", complete=False))
    assert mine(result) == [("s1p2", "WIDE angle", 0.75)]
    assert report.crossing == 1


@pytest.mark.parametrize("unit", ["utf-16", "code-point"])
def test_emoji_count_as_the_document_counts(upper: Language, unit: Any) -> None:
    original = document("🚀🚀 Mars MARS", "🚀 SUN", entities=[E(1, 3, 7)], unit=unit, complete=False)
    [result], _ = annotate(upper, original)
    twice = 2 if unit == "utf-16" else 1
    assert [entity["offsets"][0]["start"] for entity in result.annotations.data["entities"]] == [
        1 + 2 * twice,
        6 + 2 * twice,
        1 + twice,
    ]
    [fresh], _ = annotate(upper, document("🚀 MARS", member=None))
    assert fresh.annotations.data["entities"][0]["offsets"] == [{"start": 3, "text": "MARS"}]


def test_members_versions_go_along(upper: Language) -> None:
    original = document("MARS", entities=[E(1, 0, 4)], member="bob")
    [result], report = annotate(upper, original)
    assert set(result.versions) == {"bob", MASTER}
    assert result.versions["bob"] == original.versions["bob"]
    assert mine(result) == [("s1p1", "MARS", 0.75)]
    assert report.same == 0


@settings(slow, max_examples=examples(40))
@given(original=documents(legend=LEGEND))
def test_annotating_again_changes_nothing(upper: Language, original: Document) -> None:
    results, report = annotate(upper, original)
    if report.confirmed:
        return
    [once] = results
    people = [entity.data for entity in original.annotations]
    assert once.annotations.data["entities"][: len(people)] == people
    [twice], again = annotate(upper, once)
    assert twice.annotations.dumps() == once.annotations.dumps()
    assert again.replaced == sum(report.added.values())
    assert {k: v for k, v in once.annotations.data.items() if k not in ("entities", "annotatable")} == {
        k: v for k, v in original.annotations.data.items() if k not in ("entities", "annotatable")
    }


def test_a_real_pipeline(trained: Language, demo: list[Document]) -> None:
    new = [one for one in demo if not one.versions]
    results, report = annotate(trained, *new, spans_key=None)
    assert len(results) == len(new)
    assert report.without_prob == 0
    number = 0
    for one in results:
        for entity in one.annotations:
            assert (entity.state, entity.who) == ("pre-added", [WHO])
            assert entity.prob is not None
            assert 0 < entity.prob < 1
            number += 1
    assert number == sum(report.added.values()) > 50
    again, _ = annotate(trained, *results, spans_key=None)
    assert [one.annotations.dumps() for one in again] == [one.annotations.dumps() for one in results]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(trained: Language, demo: list[Document]) -> None:
    new = demo[-8:]
    single, _ = annotate(trained, *new, spans_key=None)
    several, _ = annotate(trained, *new, *demo[:3], spans_key=None, n_process=2, batch_size=2)
    assert [one.id for one in several] == [one.id for one in new]
    assert [[text for _, text, _ in mine(one)] for one in several] == [
        [text for _, text, _ in mine(one)] for one in single
    ]


def test_entities_of_a_rule_have_no_probability(trained_path: Any) -> None:
    nlp = spacy.load(trained_path)
    nlp.add_pipe("entity_ruler", before="ner").add_patterns([{"label": "Drink", "pattern": "cocoa"}])  # type: ignore[attr-defined]
    [result], report = annotate(
        nlp, document("cocoa", complete=False), spans_key=None, rename={"Drink": "Star"}
    )
    assert mine(result) == [("s1p1", "cocoa", None)]
    assert report.without_prob == 1


def test_who_gives_probabilities(trained_path: Any) -> None:
    nlp = spacy.load(trained_path)
    assert ensure_confidence(nlp) == "entity_confidence"
    assert ensure_confidence(nlp, spans_key="sc") == "sc"
    nlp.replace_pipe("entity_confidence", "entity_confidence", config={"spans_key": "mine"})
    assert ensure_confidence(nlp) == "mine"
    nlp.remove_pipe("entity_confidence")
    nlp.rename_pipe("ner", "finder")
    assert ensure_confidence(nlp) == "entity_confidence"
    assert nlp.pipe_names[-1] == "entity_confidence"
    names = dict.fromkeys(nlp.get_pipe("finder").labels, "Star")  # type: ignore[attr-defined]
    [result], _ = annotate(
        nlp, document("the Moon and the Sun", complete=False), spans_key=None, rename=names
    )
    assert mine(result)
    assert all(prob is not None for _, _, prob in mine(result))


@pytest.mark.parametrize("pipes", [[], ["sentencizer"], ["entity_ruler"]])
def test_a_pipeline_without_probabilities(pipes: list[str]) -> None:
    nlp = spacy.blank("en")
    for name in pipes:
        nlp.add_pipe(name)
    with pytest.raises(PipelineError, match="spans_key"):
        annotate(nlp, document("MARS"), spans_key=None)


def test_a_span_group_that_cant_be_used(upper: Language) -> None:
    with pytest.raises(PipelineError, match="upper"):
        annotate(upper, document("MARS", complete=False), spans_key="sc")

    @Language.component("spacy_tagtog_tests_scoreless")
    def scoreless(doc: Doc) -> Doc:
        doc.spans["sc"] = [doc[0:1]]
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("spacy_tagtog_tests_scoreless")
    with pytest.raises(PipelineError, match="scores"):
        annotate(nlp, document("MARS", complete=False), spans_key="sc")


@pytest.mark.parametrize("who", ["spacy", "user:ann", "ml:", "ml:a b", "ml:a/b", "ml:é", ""])
def test_authors_that_arent_machines(upper: Language, who: str) -> None:
    with pytest.raises(ConfigurationError, match="ml:NAME"):
        annotate(upper, document("MARS"), who=who)
