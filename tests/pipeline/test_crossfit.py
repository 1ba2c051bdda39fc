"""Calibration on training documents.

No document is predicted by a pipeline that was trained on it, and the pipeline stays what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from commands import refused, run
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_tagtog.anndoc import Document
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.split_plan import SplitItem, near_duplicates
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import EvaluationError, NotHeldOutError, PipelineError
from spacy_tagtog.pipeline.calibration.crossfit import deal, document_groups, fold_pipelines, is_quick
from spacy_tagtog.pipeline.calibration.features import FEATURES
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.calibration.training_counts import COUNT_FEATURES
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, RAW_SCORES
from spacy_tagtog.pipeline.evaluation import evaluate_docs
from spacy_tagtog.pipeline.fingerprints import training_fingerprints


@pytest.fixture
def seed(seed_path: Path) -> Language:
    return spacy.load(seed_path)


def read(corpora: Path, side: str, nlp: Language) -> list[Doc]:
    return list(DocBin().from_disk(corpora / f"{side}.spacy").get_docs(nlp.vocab))


def predictions(nlp: Language, docs: Sequence[Doc]) -> list[tuple[list[tuple[int, int, str]], list[float]]]:
    return [
        (
            [(ent.start, ent.end, ent.label_) for ent in doc.ents],
            list(doc.spans[DEFAULT_SPANS_KEY].attrs.get(RAW_SCORES, [])),
        )
        for doc in nlp.pipe([doc.text for doc in docs])
    ]


def marked(docs: Sequence[Doc]) -> list[Doc]:
    """The same documents, each with a word at its end that stands in no other."""
    copies = []
    for i, doc in enumerate(docs):
        copy = Doc(doc.vocab, [*(token.text for token in doc), f"only{i}"])
        copy.set_ents([Span(copy, ent.start, ent.end, label=ent.label_) for ent in doc.ents])
        copies.append(copy)
    return copies


def test_no_document_is_predicted_by_a_pipeline_that_was_trained_on_it(seed: Language, corpora: Path) -> None:
    docs = marked(read(corpora, "train", seed))
    component: Any = seed.get_pipe("seed_ner")
    before, ready = component.to_bytes(), component.model.out_log
    covered: list[int] = []
    for fold in fold_pipelines(seed, docs, deal(docs, document_groups(docs), folds=3)):
        model: Any = fold.nlp.get_pipe("seed_ner")
        assert model.model.out_log == ready
        for i in range(len(docs)):
            assert (f"only{i}" in model.model.lexicon.total) == (i not in fold.places)
            assert (fold.training_counts.words[f"only{i}"] > 0) == (i not in fold.places)
        covered += fold.places
    assert sorted(covered) == list(range(len(docs)))
    assert component.to_bytes() == before
    assert component.settings.out_log is None


def test_the_pipeline_stays_what_it_was_even_if_nobody_goes_on(seed: Language, corpora: Path) -> None:
    docs = read(corpora, "train", seed)
    component: Any = seed.get_pipe("seed_ner")
    before = component.to_bytes()
    folds = fold_pipelines(seed, docs, deal(docs, document_groups(docs), folds=5))
    next(folds)
    assert component.to_bytes() != before
    folds.close()  # type: ignore[attr-defined]
    assert component.to_bytes() == before


def test_a_seed_model_is_calibrated_on_what_it_was_trained_on(
    seed: Language, corpora: Path, tmp_path: Path
) -> None:
    train_docs, dev = read(corpora, "train", seed), read(corpora, "dev", seed)
    before = predictions(seed, dev)
    watched: list[int] = []

    def watch(items: Iterable[Any], total: int | None = None) -> Iterable[Any]:
        for number in items:
            watched.append(number)
            assert total == 5
            yield number

    [report] = calibrate_pipeline(seed, train_docs=train_docs, progress=watch).values()
    assert watched == [0, 1, 2, 3, 4]
    assert (report.cross_fitted, report.pipelines, report.held_out, report.folds) == (30, 5, 0, 5)
    assert report.to_json()["cross_fitted"] == 30
    assert report.before is not None
    assert report.after is not None
    assert report.after.brier < report.before.brier
    assert report.missed
    assert predictions(seed, dev) == before
    # What is left out of training is judged by models that are less sure than this one is of what it knows.
    own = evaluate_docs(seed, train_docs)
    assert own.overall.exact_prf[2] > 0.9
    assert report.before.right / report.before.n < 0.9
    # The other documents were not used, so they are evidence.
    other = evaluate_docs(seed, dev).confidence["entity_confidence"]
    assert (other.in_sample, other.calibrated) == (0, True)
    seed.to_disk(tmp_path / "copy")
    copy = spacy.load(tmp_path / "copy")
    for one, two in zip(seed.pipe(doc.text for doc in dev), copy.pipe(doc.text for doc in dev), strict=True):
        assert list(one.spans[DEFAULT_SPANS_KEY].attrs.get("scores", [])) == list(
            two.spans[DEFAULT_SPANS_KEY].attrs.get("scores", [])
        )


def test_the_same_seed_gives_the_same_calibration(seed_path: Path, corpora: Path) -> None:
    made = []
    for number in (0, 0, 1):
        nlp = spacy.load(seed_path)
        calibrate_pipeline(
            nlp, train_docs=read(corpora, "train", nlp)[:12], method="forest", folds=2, seed=number
        )
        made.append(nlp.get_pipe("entity_confidence").to_bytes())  # type: ignore[attr-defined]
    assert made[0] == made[1] != made[2]


def test_with_other_documents_beside_them(seed: Language, corpora: Path) -> None:
    train_docs, dev = read(corpora, "train", seed), read(corpora, "dev", seed)
    [report] = calibrate_pipeline(seed, dev, train_docs=train_docs, method="logistic").values()
    assert (report.cross_fitted, report.held_out) == (30, 15)
    assert report.documents > 30
    component: Any = seed.get_pipe("entity_confidence")
    assert component.calibration.predictions.features == FEATURES + COUNT_FEATURES
    assert set(component.calibration.fingerprints) == {
        text_fingerprint(doc.text) for doc in (*train_docs, *dev)
    }
    # A method that looks at the score alone needs no table of what was seen, so none is stored.
    calibrate_pipeline(seed, dev, train_docs=train_docs, method="platt")
    assert component.calibration.training_counts is None


def test_what_was_not_said_right_is_refused(seed: Language, corpora: Path) -> None:
    train_docs, dev = read(corpora, "train", seed), read(corpora, "dev", seed)
    with pytest.raises(NotHeldOutError, match="was not trained on 1 of 31 documents"):
        calibrate_pipeline(seed, train_docs=[*train_docs, dev[0]])
    with pytest.raises(NotHeldOutError, match="was trained on 1 of 16 documents"):
        calibrate_pipeline(seed, [*dev, train_docs[0]], train_docs=train_docs)
    with pytest.raises(EvaluationError, match="fewer annotated training documents than folds"):
        calibrate_pipeline(seed, train_docs=train_docs[:4])
    [report] = calibrate_pipeline(seed, train_docs=train_docs[:10], method="platt").values()
    assert any("trained on 20 other documents" in note for note in report.notes)
    seed.meta.pop("spacy_tagtog")
    assert training_fingerprints(seed) is None
    with pytest.raises(NotHeldOutError, match="doesn't know"):
        calibrate_pipeline(seed, train_docs=train_docs)
    with pytest.raises(NotHeldOutError, match="was trained on 1 of 16 documents"):
        calibrate_pipeline(seed, [*dev, train_docs[0]], train_docs=train_docs, allow_unknown=True)
    assert calibrate_pipeline(seed, train_docs=train_docs[:10], allow_unknown=True, method="platt")


def test_all_wrong_leaves_the_scores_as_they_are_and_says_so(seed: Language, corpora: Path) -> None:
    docs = read(corpora, "train", seed)
    for doc in docs:
        doc.set_ents([Span(doc, ent.start, ent.end, label=doc[ent.start].text) for ent in doc.ents][:1])
    [report] = calibrate_pipeline(seed, train_docs=docs, folds=2).values()
    assert any("wrong" in note or "no prediction" in note for note in report.notes)
    assert report.after is None


def test_parts_versions_and_near_duplicates_are_in_one_fold(nlp: Language, demo: list[Document]) -> None:
    docs = [doc for doc in (document_to_doc(document, nlp) for document in demo) if doc.ents][:12]
    docs[1].user_data["anndoc"]["id"] = docs[0].user_data["anndoc"]["id"]
    copy = Doc(nlp.vocab, [*(token.text for token in docs[2]), "!"])
    original = Doc(nlp.vocab, [token.text for token in docs[2]])
    groups = document_groups([*docs, copy, original])
    assert groups[0] == groups[1]
    assert groups[12] == groups[13]
    assert len(set(groups[2:12])) == 10
    fold_of = deal(docs, groups[:12], folds=4, seed=3)
    assert fold_of[0] == fold_of[1]
    assert set(fold_of) == {0, 1, 2, 3}
    assert fold_of == deal(docs, groups[:12], folds=4, seed=3) != deal(docs, groups[:12], folds=4, seed=4)


def test_every_fold_has_documents_with_entities(nlp: Language) -> None:
    docs = [nlp.make_doc(f"number {i} of some") for i in range(40)]
    for doc in docs[:5]:
        doc.set_ents([Span(doc, 0, 1, label="X")])
    for number in range(20):
        fold_of = deal(docs, list(range(40)), folds=5, seed=number)
        assert set(fold_of[:5]) == {0, 1, 2, 3, 4}


def test_any_other_pipeline_is_trained_by_its_own_config(trained_path: Path, demo: list[Document]) -> None:
    nlp = spacy.load(trained_path)
    known = training_fingerprints(nlp)
    assert known is not None
    docs = [
        doc
        for doc in (document_to_doc(document, nlp) for document in demo)
        if text_fingerprint(doc.text) in known
    ]
    nlp.config["training"]["max_steps"] = nlp.config["training"]["eval_frequency"] = 20
    assert not is_quick(nlp)
    before = predictions(nlp, docs[:5])
    [report] = calibrate_pipeline(nlp, train_docs=docs, folds=2, method="platt").values()
    assert (report.cross_fitted, report.pipelines) == (len(docs), 2)
    assert report.before is not None
    assert report.before.n > 20
    assert predictions(nlp, docs[:5]) == before
    nlp.config["corpora"]["dev"]["path"] = "gone.spacy"
    with pytest.raises(PipelineError, match="training without some of the documents failed"):
        calibrate_pipeline(nlp, train_docs=docs, folds=2)
    nlp.config["training"]["frozen_components"] = ["tok2vec"]
    with pytest.raises(PipelineError, match="doesn't say how to train it again"):
        calibrate_pipeline(nlp, train_docs=docs, folds=2)


def test_a_pipeline_without_a_training_config(nlp: Language, demo: list[Document]) -> None:
    other = spacy.blank("en")
    other.add_pipe("ner")
    docs = [document_to_doc(document, other) for document in demo[:6]]
    other.initialize(lambda: [Example(predicted_doc(other, doc), doc) for doc in docs])
    with pytest.raises(PipelineError, match="doesn't say how to train it again"):
        calibrate_pipeline(other, train_docs=docs, folds=2, allow_unknown=True)


def test_the_command(seed_path: Path, trained_path: Path, corpora: Path, tmp_path: Path) -> None:
    train_file, dev = corpora / "train.spacy", corpora / "dev.spacy"
    code, out, err = run(
        "calibrate",
        seed_path,
        "--train",
        train_file,
        "--folds",
        3,
        "--method",
        "platt",
        "-o",
        tmp_path / "one",
        "--report",
        tmp_path / "r.json",
    )
    assert (code, err) == (0, "")
    assert "30 training documents scored by 3 pipelines trained without them, 0 others by this one" in out
    assert json.loads((tmp_path / "r.json").read_text())["entity_confidence"]["pipelines"] == 3
    # Methods are named where trying them all would only take time.
    code, out, _ = run(
        "calibrate",
        seed_path,
        dev,
        "--train",
        train_file,
        "--by",
        "auto",
        "--method",
        "platt",
        "-o",
        tmp_path / "two",
    )
    assert code == 0
    assert "calibrating by cross-fitting" in out
    _, out, _ = run("evaluate", tmp_path / "two", dev)
    assert "cross-validated" not in out
    code, out, _ = run(
        "calibrate",
        seed_path,
        dev,
        "--train",
        train_file,
        "--method",
        "platt",
        "--folds",
        2,
        "-o",
        tmp_path / "three",
    )
    assert code == 0
    assert "15 others by this one" in out
    # Too few for the folds: then by what is held out.
    code, out, _ = run(
        "calibrate",
        seed_path,
        dev,
        "--train",
        train_file,
        "--by",
        "auto",
        "--method",
        "platt",
        "--folds",
        31,
        "-o",
        tmp_path / "four",
    )
    assert code == 0
    assert "calibrating by held-out: there are fewer annotated training documents than folds" in out
    assert not spacy.load(tmp_path / "four").get_pipe("entity_confidence").calibration.training_counts  # type: ignore[attr-defined]


def test_near_duplicates_are_looked_for_once(
    seed_path: Path, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counting(items: Iterable[SplitItem]) -> list[list[str]]:
        listed = list(items)
        looked.append(len(listed))
        return near_duplicates(listed)

    monkeypatch.setattr("spacy_tagtog.pipeline.calibration.crossfit.near_duplicates", counting)
    train_file, dev = corpora / "train.spacy", corpora / "dev.spacy"
    for by in ("auto", "cross-fitting"):
        arguments = (
            "--train",
            train_file,
            "--by",
            by,
            "--method",
            "platt",
            "--folds",
            3,
            "--report",
            tmp_path / f"{by}.json",
        )
        assert run("calibrate", seed_path, dev, *arguments, "-o", tmp_path / by)[0] == 0
    assert looked == [30, 30]
    assert (tmp_path / "auto.json").read_text() == (tmp_path / "cross-fitting.json").read_text()


def test_the_command_refuses(seed_path: Path, trained_path: Path, corpora: Path, tmp_path: Path) -> None:
    train_file, dev, out = corpora / "train.spacy", corpora / "dev.spacy", ("-o", tmp_path / "out")
    assert "no documents to calibrate on" in refused("calibrate", seed_path, *out)
    assert "--by both needs documents" in refused(
        "calibrate", seed_path, "--train", train_file, "--by", "both", *out
    )
    assert "unknown value of --by" in refused("calibrate", seed_path, dev, "--by", "magic", *out)
    assert "once per fold" in refused("calibrate", trained_path, dev, "--train", train_file, *out)
    assert "fewer annotated training documents" in refused(
        "calibrate", seed_path, "--train", train_file, "--folds", 31, *out
    )
    assert "was not trained on 15 of 15 documents" in refused("calibrate", seed_path, "--train", dev, *out)
    assert "a ranking chooses among" in refused(
        "calibrate", seed_path, "--train", train_file, "--ranking", dev, *out
    )
    assert not (tmp_path / "out").exists()
