"""Entities in entities and document labels, from a project to pre-annotations."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import spacy
from builders import LEGEND as STARS
from nested import LEGEND, nested_documents
from related import project as related_documents
from spacy.tokens import DocBin

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Annotations, Document, Project, write_project
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.calibration.crossfit import training_config
from spacy_tagtog.selection.ranking import read_ranking

FEW = {"training.max_steps": 40, "training.eval_frequency": 20}
SPANCAT = {
    **FEW,
    "training.optimizer.learn_rate": 0.01,
    "components.spancat.model.tok2vec.encode.width": 32,
    "components.spancat.model.tok2vec.encode.depth": 1,
    "components.spancat.model.tok2vec.embed.rows": [500, *[100] * 10],
}


def unconfirmed(document: Document) -> Document:
    """The document before anybody annotated it."""
    data = {**document.annotations.data, "anncomplete": False, "entities": [], "metas": {}}
    return Document(document.id, document.html, {"master": Annotations(data)}, legend=document.legend)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with entities in entities and labels: converted, trained and calibrated."""
    folder = tmp_path_factory.mktemp("kinds")
    write_project(nested_documents(45), folder / "reviewed", legend=LEGEND)
    new = [unconfirmed(document) for document in nested_documents(6, seed=9)]
    write_project(new, folder / "new", legend=LEGEND)
    steps.convert(folder / "reviewed", folder / "corpus", split="dev=0.4")
    train, dev = (folder / "corpus" / f"{side}.spacy" for side in ("train", "dev"))
    both = "spancat,textcat_multilabel"
    trained = steps.train(train, dev, folder / "training", components=both, overrides=SPANCAT)
    assert [run.kind for run in trained.runs] == ["spancat", "textcat_multilabel"]
    assert [line.split(":")[0] for line in trained.said] == ["spancat", "textcat_multilabel"]
    steps.calibrate(trained.path, folder / "calibrated", reviewed=dev, train=train, by="auto", method="platt")
    return folder


def test_one_pipeline_finds_overlapping_entities_and_labels(everything: Path) -> None:
    result = steps.evaluate(everything / "calibrated", everything / "corpus" / "dev.spacy")
    assert set(result.labels) == {"Person", "Office"}
    assert all(scores.exact_prf[2] > 0.9 for scores in result.labels.values())
    # Values are learned since a document that has one has none of the others.
    assert result.overall_labels.exact_prf[2] > 0.8
    assert set(result.document_labels) == {"Topic=sport", "Topic=science", "Topic=trade", "urgent"}
    # Of a third of the documents nobody said whether they are urgent.
    docs = list(DocBin().from_disk(everything / "corpus" / "dev.spacy").get_docs(spacy.blank("en").vocab))
    known = [doc for doc in docs if "urgent" in doc.cats]
    assert len(known) < len(docs)
    assert result.document_labels["urgent"].gold == sum(doc.cats["urgent"] for doc in known)
    assert set(result.confidence) == {"span_confidence", "label_confidence"}
    assert all(one.in_sample for one in result.confidence.values())


def test_they_are_pre_annotated_with_probabilities_and_ranked(everything: Path, tmp_path: Path) -> None:
    done = steps.annotate(everything / "calibrated", everything / "new", tmp_path / "annotated")
    assert set(done.report.added) == {"Person", "Office"}
    assert done.report.labels_added.total() >= 6
    for document in Project.open(tmp_path / "annotated"):
        places = [
            (one.fragments[0].start, one.fragments[0].start + len(one.text)) for one in document.annotations
        ]
        assert any((a, b) != (c, d) and a <= c and d <= b for a, b in places for c, d in places)
        assert all(one.prob is not None and 0 < one.prob <= 1 for one in document.annotations)
        assert all(0 < meta["confidence"]["prob"] <= 1 for meta in document.annotations.metas.values())  # type: ignore[index]
    steps.rank(tmp_path / "annotated", tmp_path / "ranking.json", pipeline=everything / "calibrated")
    assert len(read_ranking(tmp_path / "ranking.json").documents) == 6


def test_what_is_inside_a_persons_entity_is_no_contradiction(everything: Path, tmp_path: Path) -> None:
    begun: list[Document] = []
    wrong: list[Document] = []
    for document in nested_documents(4, seed=9):
        # A person began with the offices: "mayor" of "mayor Ada".
        offices = [one for one in document.annotations.data["entities"] if one["classId"] == "e_2"]
        # Another one crosses each person: "the mayor" of "the mayor Ada".
        crossing = copy.deepcopy(offices)
        for one in crossing:
            (place,) = one["offsets"]
            place.update(start=place["start"] - 4, text=f"the {place['text']}")
        for entities, into in ((offices, begun), (crossing, wrong)):
            data = {**unconfirmed(document).annotations.data, "entities": entities}
            into.append(Document(document.id, document.html, {"master": Annotations(data)}, legend=LEGEND))
    for name, documents in (("begun", begun), ("wrong", wrong)):
        write_project(documents, tmp_path / name, legend=LEGEND)
    done = steps.annotate(everything / "calibrated", tmp_path / "begun", tmp_path / "out").report
    assert done.added["Person"] >= 10
    assert (done.added["Office"], done.contradicting) == (0, 0)
    done = steps.annotate(everything / "calibrated", tmp_path / "wrong", tmp_path / "other").report
    assert done.added["Person"] == 0
    assert done.contradicting >= 10
    assert done.added["Office"] >= 10  # inside of "the mayor"


def test_the_threshold_is_in_the_config_and_in_the_component(everything: Path) -> None:
    nlp = spacy.load(everything / "training" / "model-best")
    assert nlp.pipe_names == ["spancat", "span_confidence", "textcat_multilabel", "label_confidence"]
    for name in ("spancat", "textcat_multilabel"):
        threshold = nlp.get_pipe(name).cfg["threshold"]  # type: ignore[attr-defined]
        assert nlp.get_pipe_config(name)["threshold"] == threshold
        assert 0.05 <= threshold <= 0.95
    assert nlp.get_pipe_config("spancat")["suggester"]["max_size"] == 2


def test_what_was_trained_apart_is_not_trained_again(everything: Path) -> None:
    with pytest.raises(PipelineError, match="how to train it again") as caught:
        training_config(spacy.load(everything / "training" / "model-best"))
    assert "one by one: spancat" in str(caught.value)


def test_ner_and_spancat_together_name_each_entity_once(everything: Path, tmp_path: Path) -> None:
    train, dev = (everything / "corpus" / f"{side}.spacy" for side in ("train", "dev"))
    trained = steps.train(train, dev, tmp_path / "training", components="ner,spancat", overrides=SPANCAT)
    assert [run.folder.name for run in trained.runs] == ["seed", "spancat"]
    assert not (tmp_path / "training" / "model-last").exists()
    done = steps.annotate(trained.path, everything / "new", tmp_path / "annotated")
    assert done.report.same == 0
    assert done.report.predicted == done.report.added.total()
    assert set(done.report.added) == {"Person", "Office"}
    result = steps.evaluate(trained.path, dev)
    assert result.overall.exact_prf[2] > 0.9
    assert set(result.confidence) == {"entity_confidence", "span_confidence"}


def test_labels_alone_are_ranked_by_them(tmp_path: Path) -> None:
    labelled = []
    for document in nested_documents(24):
        metas = {"m_1": document.annotations.metas["m_1"]}
        data = {**document.annotations.data, "entities": [], "metas": metas}
        labelled.append(Document(document.id, document.html, {"master": Annotations(data)}, legend=LEGEND))
    write_project(labelled[:16], tmp_path / "train", legend=LEGEND)
    write_project(labelled[16:], tmp_path / "dev", legend=LEGEND)
    trained = steps.train(
        tmp_path / "train", tmp_path / "dev", tmp_path / "training", components="textcat", overrides=FEW
    )
    assert [run.kind for run in trained.runs] == ["textcat"]
    assert steps.evaluate(trained.path, tmp_path / "dev").overall_labels.exact_prf[2] > 0.8
    write_project([unconfirmed(one) for one in labelled[:3]], tmp_path / "new", legend=LEGEND)
    ranked = steps.rank(tmp_path / "new", pipeline=trained.path)
    assert ranked.ranking.strategy == "spacy-tagtog.ExpectedEdits.v1"


def test_dev_documents_without_such_annotations_are_refused(everything: Path, tmp_path: Path) -> None:
    write_project(nested_documents(3, labels=False, seed=5), tmp_path / "dev", legend=LEGEND)
    with pytest.raises(ConfigurationError, match="textcat_multilabel needs documents") as caught:
        steps.train(
            everything / "corpus" / "train.spacy",
            tmp_path / "dev",
            tmp_path / "out",
            components="spancat,textcat_multilabel",
        )
    assert str(tmp_path / "dev") in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_ids_and_relations_go_from_people_to_pre_annotations(tmp_path: Path) -> None:
    write_project(related_documents(), tmp_path / "reviewed", legend=STARS)
    new = [
        Document(one.id, one.html, {"master": Annotations.empty()}, legend=STARS)
        for one in related_documents()[:10]
    ]
    write_project(new, tmp_path / "new", legend=STARS)
    steps.convert(tmp_path / "reviewed", tmp_path / "corpus", split="dev=0.4")
    train, dev = (tmp_path / "corpus" / f"{side}.spacy" for side in ("train", "dev"))
    # There are fewer than auto asks for, and it says so.
    assert [run.kind for run in steps.train(train, dev, tmp_path / "auto").runs] == ["ner"]
    trained = steps.train(train, dev, tmp_path / "all", components="relations,normalizations,ner")
    assert [run.kind for run in trained.runs] == ["ner", "normalizations", "relations"]
    steps.calibrate(trained.path, tmp_path / "calibrated", reviewed=dev, train=train, by="auto")
    result = steps.evaluate(tmp_path / "calibrated", dev)
    for scores in (result.overall, result.overall_relations, result.overall_normalizations):
        assert scores.gold
        assert scores.exact_prf[2] > 0.8
    assert set(result.confidence) == {"entity_confidence", "seed_relations"}
    done = steps.annotate(tmp_path / "calibrated", tmp_path / "new", tmp_path / "annotated").report
    assert set(done.added) == {"Star", "Planet"}
    assert done.normalizations
    assert set(done.relations_added) == {"near"}
    annotated = Project.open(tmp_path / "annotated")
    relations = [one for document in annotated for one in document.annotations.relations]
    assert len(relations) == done.relations_added.total() >= 3
    assert all(0 < one.data["confidence"]["prob"] < 1 for one in relations)


def test_dev_documents_without_relations_are_refused(tmp_path: Path) -> None:
    write_project(related_documents(), tmp_path / "train", legend=STARS)
    write_project(related_documents()[1::2], tmp_path / "dev", legend=STARS)
    with pytest.raises(ConfigurationError, match="relations needs documents to choose the best step by"):
        steps.train(tmp_path / "train", tmp_path / "dev", tmp_path / "out", components="ner,relations")
