"""``seed_relations``: relations between entities, their probabilities, and how they get to tagtog."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import spacy
from builders import LEGEND, E, document
from hypothesis import given
from hypothesis import strategies as st
from related import PLANETS, RELATES, STARS, UNRELATED, reference, related, sentence, taught
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from strategies import quick

from spacy_tagtog.anndoc import Document, Legend
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import ConfigurationError, LegendError, PipelineError
from spacy_tagtog.pipeline.annotate import annotate_documents
from spacy_tagtog.pipeline.annotate_report import AnnotateReport
from spacy_tagtog.pipeline.contents import TrainingSize, all_entities
from spacy_tagtog.pipeline.evaluation import evaluate_docs
from spacy_tagtog.pipeline.kinds import MIN_RELATIONS, choose_kinds
from spacy_tagtog.pipeline.seed.relations import SeedRelations, predicted_relations


def gold(nlp: Language, *, directed: bool = True) -> list[Doc]:
    """Stars and planets, of which the words between say whether they are related."""
    pairs = [(star, planet) for star in STARS for planet in PLANETS]
    return [
        document_to_doc(taught(star, how, planet, number, directed=directed), nlp)
        for number, (star, planet) in enumerate(pairs)
        for how in (RELATES, UNRELATED)
    ]


def learned(docs: Sequence[Doc], **settings: Any) -> Language:
    own = spacy.blank("en")
    own.add_pipe("seed_relations", config=settings)
    examples = [Example(own.make_doc(doc.text), doc) for doc in docs]
    own.initialize(lambda: examples)
    return own


def pipe_of(nlp: Language) -> SeedRelations:
    pipe: Any = nlp.get_pipe("seed_relations")
    return pipe


def asked(nlp: Language, text: str, *entities: tuple[int, int, str]) -> Doc:
    doc = nlp.make_doc(text)
    doc.ents = [Span(doc, *entity) for entity in entities]
    return pipe_of(nlp)(doc)


@pytest.fixture(scope="module")
def model(nlp: Language) -> Language:
    return learned(gold(nlp))


def test_what_relates_is_told_from_what_does_not(model: Language) -> None:
    entities = (0, 1, "Star"), (3, 4, "Planet")
    [found] = predicted_relations(asked(model, f"Vega {RELATES} Pluto", *entities))
    assert (found.label, found.link, found.directed) == ("near", "linked", True)
    assert (found.first, found.second) == ((0, 4, "Star"), (17, 22, "Planet"))
    assert found.prob > 0.8
    assert predicted_relations(asked(model, f"Vega {UNRELATED} Pluto", *entities)) == []


def test_the_direction_is_that_of_the_types(model: Language) -> None:
    """It goes from the star to the planet, wherever they stand; no two stars are ever related."""
    own = copy.copy(pipe_of(model))
    own.min_prob = 0.0
    doc = asked(model, "Mars near Vega Rigel", (0, 1, "Planet"), (2, 3, "Star"), (3, 4, "Star"))
    assert {(one.first[2], one.second[2]) for one in own.find(doc, doc.ents)} == {("Star", "Planet")}
    assert len(own.find(doc, doc.ents)) == 2


def test_without_direction_both_orders_are_one_relation(nlp: Language) -> None:
    own = learned(gold(nlp, directed=False), min_prob=0.0)
    text = f"Mars {RELATES} Vega"
    [found] = predicted_relations(asked(own, text, (0, 1, "Planet"), (3, 4, "Star")))
    assert not found.directed
    assert found.key == ("near", (0, 4, "Planet"), (17, 21, "Star"))


def test_nothing_is_proposed_that_is_further_apart_than_what_people_related(nlp: Language) -> None:
    own = learned(gold(nlp), min_prob=0.0)
    near, far = "Vega " + "x " * 2 + "Pluto", "Vega " + "x " * 3 + "Pluto"
    assert len(predicted_relations(asked(own, near, (0, 1, "Star"), (3, 4, "Planet")))) == 1
    assert predicted_relations(asked(own, far, (0, 1, "Star"), (4, 5, "Planet"))) == []


def test_probabilities_are_those_of_documents_that_were_left_out(nlp: Language) -> None:
    """Whether a pair is related is written nowhere. One can know all by heart, and half of the others."""
    docs = []
    chosen = Random(0).sample(range(24), 12)
    for number, (star, planet) in enumerate((star, planet) for star in STARS for planet in PLANETS):
        made = taught(star, RELATES, planet, number)
        if number in chosen:
            made.annotations.data["relations"] = []
        docs.append(document_to_doc(made, nlp))
    own = learned(docs, c=1000.0, min_prob=0.0)
    probs = [one.prob for doc in docs for one in pipe_of(own).find(doc, all_entities(doc))]
    assert len(probs) == len(docs)
    assert max(probs) < 0.9


def test_what_is_less_probable_than_asked_for_is_not_given(nlp: Language) -> None:
    docs = gold(nlp)
    for least, number in ((1.0, 0), (0.0, len(docs))):
        own = pipe_of(learned(docs, min_prob=least))
        assert sum(len(own.find(doc, all_entities(doc))) for doc in docs) == number


def test_where_every_candidate_is_related_all_are_given(nlp: Language) -> None:
    own = learned([doc for doc in gold(nlp) if RELATES in doc.text])
    [found] = predicted_relations(asked(own, "Vega or Mars", (0, 1, "Star"), (2, 3, "Planet")))
    assert 0.9 < found.prob < 1


def test_entities_of_a_span_group_count_too(model: Language) -> None:
    doc = model.make_doc(f"Vega {RELATES} Pluto")
    doc.ents = [Span(doc, 0, 1, "Star")]
    doc.spans["sc"] = [Span(doc, 3, 4, "Planet"), Span(doc, 0, 1, "Star")]
    assert len(predicted_relations(pipe_of(model)(doc))) == 1


def test_without_relations_in_two_documents_there_is_nothing_to_learn(nlp: Language) -> None:
    docs = gold(nlp)
    for few in (docs[:2], docs[1::2]):
        with pytest.raises(PipelineError, match="nothing to learn relations from"):
            learned(few)


def test_before_training_it_says_so() -> None:
    own = spacy.blank("en")
    own.add_pipe("seed_relations")
    with pytest.raises(PipelineError, match="wasn't trained"):
        own("Vega")


@pytest.mark.parametrize("settings", [{"min_prob": 1.5}, {"min_prob": -0.1}, {"c": 0.0}])
def test_settings_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(PipelineError, match="out of range"):
        spacy.blank("en").add_pipe("seed_relations", config=settings)


def test_it_is_kept_on_disk_and_in_bytes(model: Language, nlp: Language, tmp_path: Path) -> None:
    model.to_disk(tmp_path / "pipe")
    read = spacy.load(tmp_path / "pipe")
    again = SeedRelations(read).from_bytes(pipe_of(model).to_bytes())
    assert again.labels == ("near",)
    for doc in gold(nlp):
        entities = all_entities(doc)
        assert pipe_of(read).find(doc, entities) == pipe_of(model).find(doc, entities)
        assert again.find(doc, entities) == pipe_of(model).find(doc, entities)
    (tmp_path / "pipe" / "seed_relations" / "model.msgpack").write_bytes(b"\x81")
    with pytest.raises(PipelineError, match="can't be read"):
        spacy.load(tmp_path / "pipe")
    (tmp_path / "pipe" / "seed_relations" / "model.msgpack").unlink()
    with pytest.raises(PipelineError, match="can't be read"):
        spacy.load(tmp_path / "pipe")


@quick
@given(data=st.binary(max_size=60))
def test_broken_bytes_are_refused(data: bytes, nlp: Language) -> None:
    if data[:1] == b"\x90":
        return  # an empty list: a component without types
    with pytest.raises(PipelineError, match="can't be read"):
        SeedRelations(nlp).from_bytes(data)


@quick
@given(data=st.data())
def test_any_entities_get_relations_in_order_with_probabilities(model: Language, data: st.DataObject) -> None:
    words = data.draw(
        st.lists(st.sampled_from(["Vega", "Mars", "shines", "near", "\n\n", ".", "😀"]), max_size=25)
    )
    doc = Doc(model.vocab, words=words, spaces=[False] * len(words))
    starts = data.draw(st.lists(st.integers(0, max(0, len(words) - 1)), max_size=8)) if words else []
    spans = {
        (start, min(len(words), start + length), label): None
        for start in starts
        for length, label in [
            data.draw(st.tuples(st.integers(1, 3), st.sampled_from(["Star", "Planet", "Moon"])))
        ]
    }
    own = copy.copy(pipe_of(model))
    own.min_prob = 0.0
    found = own.find(doc, [Span(doc, *span) for span in spans])
    assert found == sorted(found, key=lambda one: (one.first, one.second))
    assert len({one.key for one in found}) == len(found)
    for one in found:
        assert 0 <= one.prob <= 1
        assert (one.first[2], one.second[2]) == ("Star", "Planet")


def test_its_score_counts_all_relations_of_people(model: Language, nlp: Language) -> None:
    found, missed = (document_to_doc(taught("Vega", RELATES, "Mars", number), nlp) for number in (1, 2))
    loose = taught("Vega", RELATES, "Mars", 3)
    loose.annotations.data["relations"][0]["entities"][1] = "s1p1|e_2|1,2"  # no such entity
    examples = []
    for doc in (found, missed, document_to_doc(loose, nlp)):
        predicted = model.make_doc(doc.text)
        if doc is found:
            predicted.ents = [Span(predicted, ent.start, ent.end, ent.label_) for ent in doc.ents]
        examples.append(Example(pipe_of(model)(predicted), doc))
    # Of three one is found. With the entities of people three are given, of which two are right.
    scores = pipe_of(model).score(examples)
    assert scores["rel_micro_p"] == 1.0
    assert scores["rel_micro_r"] == pytest.approx(1 / 3)
    assert scores["rel_micro_f"] == scores["rel_per_type"]["near"]["f"] == pytest.approx(0.5)
    assert scores["rel_gold_ents_f"] == pytest.approx(2 / 3)
    assert pipe_of(model).score([]) == {
        **dict.fromkeys(("rel_micro_p", "rel_micro_r", "rel_micro_f")),
        "rel_per_type": {},
        "rel_gold_ents_f": 0.0,
    }


# ---- evaluate ----


@Language.component("spacy_tagtog_tests_names")
def names(doc: Doc) -> Doc:
    """A stand-in for a model of entities: it knows all names by heart, and is 80 % sure."""
    known = dict.fromkeys(STARS, "Star") | dict.fromkeys(PLANETS, "Planet")
    doc.ents = [Span(doc, token.i, token.i + 1, known[token.text]) for token in doc if token.text in known]
    scores = [0.8] * len(doc.ents)
    doc.spans["names"] = SpanGroup(doc, name="names", spans=list(doc.ents), attrs={"scores": scores})
    return doc


@pytest.fixture(scope="module")
def pipeline(nlp: Language) -> Language:
    own = learned(gold(nlp))
    own.add_pipe("spacy_tagtog_tests_names", first=True)
    return own


def test_evaluate_compares_type_and_both_entities(pipeline: Language, nlp: Language) -> None:
    right = document_to_doc(taught("Vega", RELATES, "Mars", 30), nlp)
    missed = taught("Rigel", UNRELATED, "Mars", 31)
    first, second = missed.annotations.entities
    missed.annotations.data["relations"] = [
        related(*(f"s1p1|{one.class_id}|{one.fragments[0].start},{one.fragments[0].start + len(one.text)}"
                  for one in (first, second)))
    ]  # fmt: skip
    wrong = taught("Deneb", RELATES, "Venus", 32)
    wrong.annotations.data["relations"] = []
    result = evaluate_docs(pipeline, [right, document_to_doc(missed, nlp), document_to_doc(wrong, nlp)])
    assert {label: (one.gold, one.predicted, one.exact) for label, one in result.relations.items()} == {
        "near": (2, 2, 1)
    }
    assert result.overall_relations.exact_prf == (0.5, 0.5, 0.5)
    figures = result.confidence["seed_relations"].figures
    assert figures is not None
    assert figures.n == 2
    counts = sorted(one["relation:near"].gold for one in result.by_document.values())
    assert counts == [0, 1, 1]
    assert result.to_json()["relations_overall"]["exact"]["f1"] == 0.5


def test_the_probability_is_that_given_both_entities(pipeline: Language, nlp: Language) -> None:
    """A relation of an entity that people don't have is wrong, but says nothing about its probability."""
    one = taught("Vega", RELATES, "Mars", 33)
    one.annotations.data.update(relations=[], entities=one.annotations.data["entities"][:1])
    result = evaluate_docs(pipeline, [document_to_doc(one, nlp)])
    assert (result.relations["near"].predicted, result.relations["near"].exact) == (1, 0)
    assert result.confidence["seed_relations"].figures is None


# ---- annotate ----


def annotated(nlp: Language, original: Document, **more: Any) -> tuple[Document, AnnotateReport]:
    report = AnnotateReport()
    [done] = annotate_documents(nlp, [original], who="ml:test", spans_key="names", report=report, **more)
    return done, report


def test_annotate_writes_relations_that_come_back(pipeline: Language, nlp: Language) -> None:
    text = f"😀 Vega {RELATES} Mars tonight."
    done, report = annotated(pipeline, document("Nothing here", text, complete=False))
    [relation] = done.annotations.data["relations"]
    prob = relation["confidence"]["prob"]
    assert 0.5 < prob < 1
    assert relation == {
        "classId": "r_1",
        "type": "linked",
        "directed": True,
        "entities": ["s1p2|e_1|3,7", "s1p2|e_2|20,24"],  # the emoji counts two
        "confidence": {"state": "pre-added", "who": ["ml:test"], "prob": prob},
    }
    [back] = document_to_doc(done, nlp)._.anndoc_relations
    assert [str(span) for span in back.spans] == ["Vega", "Mars"]
    rows = dict(report.rows())
    assert (rows["relations predicted"], rows["relations written as pre-added"]) == (1, 1)
    again, report = annotated(pipeline, done)
    assert again.annotations.data == done.annotations.data
    assert report.replaced == 3  # two entities and their relation


def test_what_people_related_stays_and_is_not_written_twice(pipeline: Language) -> None:
    text, entities = sentence("Vega", RELATES, "Mars")
    # However people's reference is written: without the class, and with the last character.
    theirs = related(*(f"s1p1|{one.start},{one.end - 1}" for one in entities))
    done, report = annotated(pipeline, document(text, entities=entities, relations=[theirs], complete=False))
    assert done.annotations.data["relations"] == [theirs]
    assert (report.relations_predicted, report.relations_same, report.same) == (1, 1, 2)
    assert "  not written: related so already" in dict(report.rows())


def test_an_earlier_relation_of_the_same_author_goes_with_its_entities(pipeline: Language) -> None:
    text, entities = sentence("Vega", UNRELATED, "Mars")
    mine = [E(1, one.start, one.end, one.class_id, state="pre-added", who="ml:test") for one in entities]
    old = related(*map(reference, mine))
    old["confidence"] = {"state": "pre-added", "who": ["ml:test"], "prob": 0.6}
    other = copy.deepcopy(old)
    other["confidence"]["who"] = ["ml:other"]
    done, report = annotated(pipeline, document(text, entities=mine, relations=[old], complete=False))
    assert done.annotations.data["relations"] == []
    assert report.replaced == 3
    done, _ = annotated(pipeline, document(text, entities=mine, relations=[other], complete=False))
    assert done.annotations.data["relations"] == [other]


def test_a_relation_of_an_entity_that_is_not_written_is_not_either(pipeline: Language) -> None:
    text, entities = sentence("Vega", RELATES, "Mars")
    entities[1].class_id = "e_1"  # a person says that Mars is a star
    done, report = annotated(pipeline, document(text, entities=entities[1:], complete=False))
    assert done.annotations.data["relations"] == []
    assert (report.contradicting, report.relations_loose) == (1, 1)
    assert "  not written: an entity of theirs was not written" in dict(report.rows())


def test_types_can_be_renamed_and_must_be_known(pipeline: Language) -> None:
    text, _ = sentence("Vega", RELATES, "Mars")
    new = document(text, complete=False)
    without = Legend({**{key: name for key, name in LEGEND.items() if key != "r_1"}, "r_2": "beside"})
    with pytest.raises(LegendError, match="no relation type"):
        annotated(pipeline, new, legend=without)
    done, _ = annotated(pipeline, new, legend=without, rename={"near": "beside"})
    assert [one["classId"] for one in done.annotations.data["relations"]] == ["r_2"]
    done, report = annotated(pipeline, new, rename={"near": ""})
    assert done.annotations.data["relations"] == []
    assert report.dropped == 1


# ---- which kinds are trained ----


def size(number: int, documents: int, normalized: int = 0) -> TrainingSize:
    return TrainingSize(
        10,
        100,
        ("Star",),
        spans=100,
        relations=Counter({"near": number}),
        related=documents,
        normalized=normalized,
        normalizing=min(normalized, 5),
    )


def test_relations_and_ids_are_learned_from_a_number_on() -> None:
    assert [kind.name for kind in choose_kinds(size(MIN_RELATIONS, 5))[0]] == ["ner", "relations"]
    kinds, said = choose_kinds(size(MIN_RELATIONS - 1, 5))
    assert [kind.name for kind in kinds] == ["ner"]
    assert "99 relations in 5 of 10 documents, fewer than 100: none is learned yet" in said[0]
    assert [kind.name for kind in choose_kinds(size(0, 0, 50))[0]] == ["ner", "normalizations"]
    assert "49 normalized entities in 5 documents, fewer than 50" in choose_kinds(size(0, 0, 49))[1][0]


def test_what_goes_on_from_entities_needs_them() -> None:
    named = choose_kinds(size(2, 2), "relations,ner")[0]
    assert [kind.name for kind in named] == ["ner", "relations"]
    with pytest.raises(ConfigurationError, match="need entities") as caught:
        choose_kinds(size(2, 2), "relations")
    assert "ner,relations" in str(caught.value)
    with pytest.raises(ConfigurationError, match="no two documents have relations"):
        choose_kinds(size(1, 1), "ner,relations")
