"""``seed_normalizer``: ids of dictionary entries, their probabilities, and how they get to tagtog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from builders import LEGEND, E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from strategies import quick

from spacy_tagtog.anndoc import Document, Legend
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import DictionaryError, LegendError, PipelineError
from spacy_tagtog.pipeline.annotate import annotate_documents
from spacy_tagtog.pipeline.annotate_report import AnnotateReport
from spacy_tagtog.pipeline.seed.normalizer import SeedNormalizer, normalization_of

IDS = {"Sirius": "Q3409", "Vega": "Q3427", "Rigel": "Q12124", "Betelgeuse": "Q12124x", "Polaris": "Q12980"}


def seen(name: str, own: str, number: int) -> Document:
    text = f"{name} rises over hill number {number}, and then it sets {'again ' * number}"
    keys = {"normalizations": {"n_1": {"source": {"id": own, "name": "wiki", "url": None}}}}
    return document(text, entities=[E(1, 0, len(name), keys=keys)], name=f"{name}{number}.txt")


def gold(nlp: Language) -> list[Doc]:
    return [
        document_to_doc(seen(name, own, number), nlp) for name, own in IDS.items() for number in range(1, 4)
    ]


def learned(docs: Sequence[Doc], min_prob: float = 0.0, **files: str) -> Language:
    own = spacy.blank("en")
    own.add_pipe("seed_normalizer", config={"min_prob": min_prob})
    if files:
        own.config["initialize"]["components"]["seed_normalizer"] = {"dictionaries": files}
    examples = [Example(own.make_doc(doc.text), doc) for doc in docs]
    own.initialize(lambda: examples)
    return own


def pipe_of(nlp: Language) -> SeedNormalizer:
    pipe: Any = nlp.get_pipe("seed_normalizer")
    return pipe


def asked(nlp: Language, name: str, label: str = "Star") -> Span:
    doc = nlp.make_doc(f"We saw {name} tonight")
    doc.ents = [Span(doc, 2, 2 + len(nlp.make_doc(name)), label=label)]
    return pipe_of(nlp)(doc).ents[0]


@pytest.fixture(scope="module")
def model(nlp: Language) -> Language:
    return learned(gold(nlp))


@pytest.mark.parametrize("name", ["Sirius", "SIRIUS", "sirius"])
def test_a_name_that_was_seen_gets_its_id(model: Language, name: str) -> None:
    ent = asked(model, name)
    found = normalization_of(ent)
    assert found is not None
    assert (ent.kb_id_, found.id, found.dictionary, found.name) == ("Q3409", "Q3409", "wiki", "")
    assert found.prob > 0.5


def test_another_name_gets_the_id_of_the_most_similar_one_and_is_less_probable(nlp: Language) -> None:
    """Half of the names are in one document each: by cross-fitting they were new, and mostly wrong."""
    rare = [(f"{chr(65 + i)}{chr(75 + i)}tar{i}", f"R{i}") for i in range(8)]
    docs = gold(nlp) + [document_to_doc(seen(name, own, 1), nlp) for name, own in rare]
    own = learned(docs)
    known, similar = normalization_of(asked(own, "Betelgeuse")), normalization_of(asked(own, "Betelgeux"))
    assert known is not None
    assert similar is not None
    assert similar.id == known.id == "Q12124x"
    assert similar.prob < known.prob


def test_the_id_that_a_name_had_most_often_is_taken(nlp: Language) -> None:
    docs = [document_to_doc(seen("Vega", own, i), nlp) for i, own in enumerate(["A", "B", "B", "A", "B"])]
    found = normalization_of(asked(learned(docs), "Vega"))
    assert found is not None
    assert found.id == "B"
    assert found.prob < 0.95  # A is right in two of five


def test_what_is_less_probable_than_asked_for_is_not_given(nlp: Language) -> None:
    own = learned(gold(nlp), min_prob=1.0)
    ent = asked(own, "Zzz")
    assert (ent.kb_id_, normalization_of(ent), ent.label_) == ("", None, "Star")


def test_ids_that_are_there_and_types_that_were_not_learned_stay(model: Language) -> None:
    assert asked(model, "Sirius", label="Planet").kb_id_ == ""
    doc = model.make_doc("Sirius")
    doc.ents = [Span(doc, 0, 1, label="Star", kb_id="mine")]
    assert pipe_of(model)(doc).ents[0].kb_id_ == "mine"


def test_names_of_a_dictionary_file_are_found_with_their_main_name(nlp: Language, tmp_path: Path) -> None:
    file = tmp_path / "stars.tsv"
    file.write_text("id\tname\nQ13091\tAltair\tAlpha Aquilae\nQ3409\tSirius\tDog Star\n")
    found = normalization_of(asked(learned(gold(nlp), Star=str(file)), "alpha  aquilae"))
    assert found is not None
    assert found[:3] == ("wiki", "Q13091", "Altair")


@pytest.mark.parametrize(
    ("content", "problem"),
    [("a\tX\nb\tY\na\tZ\n", "line 1 has the same id"), ("", "no entry"), ("a\n", "no name")],
)
def test_a_dictionary_that_cant_be_used_is_refused(
    nlp: Language, tmp_path: Path, content: str, problem: str
) -> None:
    (tmp_path / "stars.tsv").write_text(content)
    with pytest.raises(DictionaryError, match=problem):
        learned(gold(nlp), Star=str(tmp_path / "stars.tsv"))


def test_without_normalizations_in_two_documents_there_is_nothing_to_learn(nlp: Language) -> None:
    for docs in (gold(nlp)[:1], [document_to_doc(document("Vega", entities=[E(1, 0, 4)]), nlp)]):
        with pytest.raises(PipelineError, match="nothing to learn normalizations from"):
            learned(docs)


def test_before_training_it_says_so() -> None:
    own = spacy.blank("en")
    own.add_pipe("seed_normalizer")
    with pytest.raises(PipelineError, match="wasn't trained"):
        own("Vega")


def test_min_prob_is_a_probability() -> None:
    with pytest.raises(PipelineError, match="out of range"):
        spacy.blank("en").add_pipe("seed_normalizer", config={"min_prob": 1.5})


def test_it_is_kept_on_disk_and_in_bytes(model: Language, tmp_path: Path) -> None:
    model.to_disk(tmp_path / "pipe")
    read = spacy.load(tmp_path / "pipe")
    copy = SeedNormalizer(read).from_bytes(pipe_of(model).to_bytes())
    assert copy.labels == ("Star",)
    for name in ("Sirius", "Siriux"):
        assert normalization_of(asked(read, name)) == normalization_of(asked(model, name))
    (tmp_path / "pipe" / "seed_normalizer" / "model.msgpack").write_bytes(b"\x81")
    with pytest.raises(PipelineError, match="can't be read"):
        spacy.load(tmp_path / "pipe")


@quick
@given(data=st.binary(max_size=60))
def test_broken_bytes_are_refused(data: bytes, nlp: Language) -> None:
    with pytest.raises(PipelineError, match="can't be read"):
        SeedNormalizer(nlp).from_bytes(data)


@quick
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_name_gets_a_probability(model: Language, text: str) -> None:
    doc = Doc(model.vocab, words=[text], spaces=[False])
    if text.isspace():
        return  # spaCy has no entities of white space
    doc.ents = [Span(doc, 0, 1, label="Star")]
    found = normalization_of(pipe_of(model)(doc).ents[0])
    assert found is not None
    assert 0 <= found.prob <= 1
    assert found.id in IDS.values()


def test_its_score_counts_what_people_normalized(model: Language, nlp: Language) -> None:
    examples = []
    for name, own in (("Sirius", "Q3409"), ("Vega", "other"), ("Rigel", "Q12124")):
        reference = document_to_doc(seen(name, own, 9), nlp)
        predicted = model.make_doc(reference.text)
        if name != "Rigel":  # which nobody finds
            predicted.ents = [Span(predicted, 0, 1, label="Star")]
        examples.append(Example(pipe_of(model)(predicted), reference))
    assert pipe_of(model).score(examples) == {
        "norm_acc": pytest.approx(1 / 3),
        "norm_p": 0.5,
        "norm_gold_ents_acc": pytest.approx(2 / 3),  # with the entities of people, Rigel is right, too
    }
    assert pipe_of(model).score([]) == {"norm_acc": None, "norm_p": None, "norm_gold_ents_acc": 0.0}


@Language.component("spacy_tagtog_tests_first_word")
def first_word(doc: Doc) -> Doc:
    """A stand-in for a model of entities: the first word is a star."""
    doc.ents = [Span(doc, 0, 1, label="Star")]
    doc.spans["first"] = SpanGroup(doc, name="first", spans=list(doc.ents), attrs={"scores": [0.8]})
    return doc


def test_annotate_writes_them_with_their_probabilities(nlp: Language) -> None:
    own = learned(gold(nlp))
    own.add_pipe("spacy_tagtog_tests_first_word", first=True)
    new = document("Vega again", complete=False)
    report = AnnotateReport()
    [done] = annotate_documents(own, [new], who="ml:test", spans_key="first", report=report)
    [entity] = done.annotations.data["entities"]
    prob = entity["normalizations"]["n_1"]["confidence"].pop("prob")
    assert entity["normalizations"] == {
        "n_1": {
            "source": {"name": "wiki", "id": "Q3427", "url": None},
            "recName": None,
            "confidence": {"state": "pre-added", "who": ["ml:test"]},
        }
    }
    assert 0.5 < prob < 1
    assert ("  of these normalized to an entry of a dictionary", 1) in list(report.rows())
    assert document_to_doc(done, nlp).ents[0].kb_id_ == "Q3427"  # and they come back
    without = Legend({key: name for key, name in LEGEND.items() if key != "n_1"})
    with pytest.raises(LegendError, match="no dictionary"):
        list(annotate_documents(own, [new], who="ml:test", spans_key="first", legend=without))
    [left] = annotate_documents(own, [new], who="ml:test", spans_key="first", rename={"wiki": ""})
    assert left.annotations.data["entities"][0]["normalizations"] == {}
