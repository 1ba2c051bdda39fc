"""Calibration on training documents: no document is judged by a pipeline that was trained on it, and the pipeline stays what it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from commands import refused, run
from conftest import CONFIGS
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import document_to_doc, predicted_doc
from spacy_tagtog.convert.split_plan import SplitItem, near_duplicates
from spacy_tagtog.errors import EvaluationError, NotHeldOutError, PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import Calibrator, LabelCalibrator
from spacy_tagtog.pipeline.calibration.cross_validation import fit_calibrator
from spacy_tagtog.pipeline.calibration.crossfit import deal, document_groups, fold_pipelines, is_quick
from spacy_tagtog.pipeline.calibration.features import FEATURES
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.calibration.stored import Calibration, read_stored
from spacy_tagtog.pipeline.calibration.training_counts import COUNT_FEATURES, StoredCounts, TrainingCounts
from spacy_tagtog.pipeline.calibration.trees import BoostedTrees, RandomTrees, fit_random_trees, fit_trees
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, RAW_SCORES
from spacy_tagtog.pipeline.evaluation import evaluate_docs
from spacy_tagtog.pipeline.fingerprints import fingerprint, training_fingerprints

SEED = CONFIGS / "seed.cfg"


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language) -> Path:
    """Thirty documents to train on, and fifteen others."""
    folder = tmp_path_factory.mktemp("corpora")
    docs = [doc for doc in (document_to_doc(document, nlp) for document in demo) if doc.ents]
    DocBin(docs=docs[:30], store_user_data=True).to_disk(folder / "train.spacy")
    DocBin(docs=docs[30:45], store_user_data=True).to_disk(folder / "dev.spacy")
    return folder


@pytest.fixture(scope="module")
def seed_path(corpora: Path) -> Path:
    """A seed model that knows what it was trained on."""
    paths = {"paths.train": str(corpora / "train.spacy"), "paths.dev": str(corpora / "dev.spacy")}
    train(SEED, corpora / "seed", overrides=paths)
    return corpora / "seed" / "model-best"


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


def test_no_document_is_judged_by_a_pipeline_that_saw_it(seed: Language, corpora: Path) -> None:
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
        calibrate_pipeline(nlp, train_docs=read(corpora, "train", nlp), method="trees", folds=3, seed=number)
        made.append(nlp.get_pipe("entity_confidence").to_bytes())  # type: ignore[attr-defined]
    assert made[0] == made[1] != made[2]


def test_with_other_documents_beside_them(seed: Language, corpora: Path) -> None:
    train_docs, dev = read(corpora, "train", seed), read(corpora, "dev", seed)
    [report] = calibrate_pipeline(seed, dev, train_docs=train_docs, method="logistic").values()
    assert (report.cross_fitted, report.held_out) == (30, 15)
    assert report.documents > 30
    component: Any = seed.get_pipe("entity_confidence")
    assert component.calibration.predictions.features == FEATURES + COUNT_FEATURES
    assert set(component.calibration.fingerprints) == {fingerprint(doc.text) for doc in (*train_docs, *dev)}
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
    [report] = calibrate_pipeline(seed, train_docs=docs).values()
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
        doc for doc in (document_to_doc(document, nlp) for document in demo) if fingerprint(doc.text) in known
    ]
    nlp.config["training"]["max_steps"] = nlp.config["training"]["eval_frequency"] = 30
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


def test_counts_of_training_texts_by_hand() -> None:
    texts: list[tuple[list[str], list[str | None]]] = [
        (["near", "vega", "and", "mars"], ["O", "U-Star", "O", "U-Planet"]),
        (["near", "vega", "tonight"], ["O", "U-Star", "O"]),
        (["a", "vega", "rocket"], ["O", "O", "O"]),
        (["near", "mars", "hill"], [None, None, None]),
    ]
    counts = TrainingCounts.learn(texts)
    assert dict(counts.labels) == {"Star": 2, "Planet": 1}
    assert counts.words["near"] == 2  # nobody said anything about the last text
    assert (counts.met["vega"], counts.met["mars"]) == (3, 1)
    star = counts.features(["", "near"], ["vega"], ["and", "the"], "Star")
    assert len(star) == COUNT_FEATURES
    assert star[:5] == pytest.approx([np.log(3), 0, np.log(2), np.log(2.5 / 1.5), 1])
    wrong = counts.features(["", "near"], ["vega"], ["and", "the"], "Planet")
    assert wrong[:3] == pytest.approx([0, np.log(3), np.log(2)])
    # After "near" there were two entities, both of them stars.
    assert star[14] > 0 > wrong[14]
    new = counts.features(["", ""], ["sirius"], ["", ""], "Star")
    assert new[:5] == [0, 0, 0, 0, 0]
    assert new[9] == pytest.approx(np.log(2))
    assert np.isfinite(counts.features(["", ""], ["x"], ["", ""], "Unheard_Of")).all()
    copy = TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(counts.to_stored())))
    assert copy.features(["", "near"], ["vega"], ["and", "the"], "Star") == star
    assert TrainingCounts.learn([]).features(["", ""], ["x"], ["", ""], "Star")[:5] == [0] * 5


COUNTS = {
    "labels": ["A"],
    "entities": [1],
    "words": {"x": 1},
    "pairs": {},
    "met": {},
    "tables": {
        kind: {}
        for kind in ("form", "inside", "first", "last", "before", "after", "before_two", "after_two", "end")
    },
}


def tables(**changes: Any) -> dict[str, Any]:
    return {**COUNTS, "tables": {**COUNTS["tables"], **changes}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {},
        {"labels": ["A"], "entities": []},
        {**COUNTS, "entities": []},
        {**COUNTS, "words": {"x": -1}},
        {**COUNTS, "words": {"x": 1.5}},
        {**COUNTS, "tables": {}},
        tables(first={"x": [0]}),
        tables(first={"x": [1, 1]}),
        tables(first={"x": [-1, 1]}),
        tables(second={"x": [0, 1]}),
    ],
)
def test_junk_is_no_table(junk: object) -> None:
    TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(tables(first={"x": [0, 1]}))))
    with pytest.raises(PipelineError, match="calibrate the pipeline again"):
        TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(junk)))


def crossing(n: int, seed: int) -> tuple[Any, list[str], Any]:
    """Right where both features have the same sign: a regression on the two sees nothing."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(n, 2))
    return (
        features,
        [("A", "B")[i % 2] for i in range(n)],
        chance.random(n) < np.where(features.prod(axis=1) > 0, 0.9, 0.2),
    )


def test_trees_see_what_a_regression_cannot() -> None:
    features, labels, right = crossing(2000, 0)
    _, report = fit_calibrator(features, labels, right, [i // 10 for i in range(2000)])
    assert report.methods["*"] == "forest"  # which leaves the regression out
    assert report.after is not None
    assert report.after.auroc is not None
    assert report.after.auroc > 0.8
    assert (
        fit_calibrator(features, labels, right, [i // 10 for i in range(2000)], method="logistic")[
            1
        ].after.auroc
        < 0.6
    )  # type: ignore[union-attr, operator]


def test_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    features, labels, right = crossing(500, 1)
    made = fit_trees(features, labels, right.astype(float), seed=4)
    columns = np.column_stack(
        [features, [label == "A" for label in labels], [label == "B" for label in labels]]
    ).astype(float)
    settings = {
        "n_estimators": 150,
        "learning_rate": 0.05,
        "max_depth": 3,
        "min_samples_leaf": 20,
        "subsample": 0.5,
        "max_features": 0.5,
    }
    model = GradientBoostingClassifier(**settings, random_state=4).fit(columns, right)
    assert made.log_odds(features, labels) == pytest.approx(model.decision_function(columns), abs=1e-9)
    stored = asdict(made)
    assert read_stored(BoostedTrees, json.dumps(stored)).log_odds(features, labels) == pytest.approx(
        made.log_odds(features, labels)
    )
    for name, junk in (
        ("features", [[9] * 7] * 150),
        ("leaves", [[0.0] * 7] * 150),
        ("thresholds", []),
        ("columns", 0),
        ("columns", 2**70),
        ("features", [[2**70] * 7] * 150),
        ("bias", float("nan")),
    ):
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(BoostedTrees, json.dumps({**stored, name: junk}))


def test_random_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import ExtraTreesClassifier

    features, labels, right = crossing(500, 1)
    made = fit_random_trees(features, labels, right.astype(float), seed=4)
    columns = np.column_stack(
        [features, [label == "A" for label in labels], [label == "B" for label in labels]]
    ).astype(float)
    model = ExtraTreesClassifier(50, min_samples_leaf=10, max_features=0.3, random_state=4).fit(
        columns, right
    )
    shares = 1 / (1 + np.exp(-made.log_odds(features, labels)))
    # A threshold is stored with six digits.
    assert shares == pytest.approx(model.predict_proba(columns)[:, 1], abs=1e-3)
    assert np.median(np.abs(shares - model.predict_proba(columns)[:, 1])) < 1e-5
    assert made.log_odds(np.zeros((0, 2)), []).shape == (0,)
    stored = asdict(made)
    assert read_stored(RandomTrees, json.dumps(stored)).log_odds(features, labels) == pytest.approx(
        made.log_odds(features, labels)
    )
    inner = next(i for i, column in enumerate(made.features) if column >= 0)
    leaf = next(i for i, column in enumerate(made.features) if column < 0)

    def changed(name: str, place: int, value: float) -> dict[str, Any]:
        return {**stored, name: [*stored[name][:place], value, *stored[name][place + 1 :]]}

    junk = [
        {**stored, "edge": 0.0},
        {**stored, "roots": []},
        {**stored, "values": stored["values"][1:]},
        changed("roots", 0, len(made.features)),
        changed("features", inner, 4),
        changed("features", leaf, -2),
        changed("values", inner, float("inf")),
        changed("values", leaf, 1.5),
        changed("rights", inner, inner),  # would go in circles
        changed("rights", inner, len(made.features)),
    ]
    for one in junk:
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(RandomTrees, json.dumps(one))


def test_random_trees_that_are_all_right_are_not_certain() -> None:
    features = np.array([[float(i >= 20)] for i in range(40)])
    made = fit_random_trees(features, ["A"] * 40, features[:, 0])
    assert made.log_odds(features, ["A"] * 40) == pytest.approx(
        np.where(features[:, 0] > 0, 1, -1) * np.log(41)
    )


@pytest.mark.parametrize("method", ["trees", "forest"])
def test_stored_trees_are_checked(method: Any) -> None:
    features, labels, right = crossing(500, 2)
    calibrator, report = fit_calibrator(features, labels, right, [i // 10 for i in range(500)], method=method)
    stored = json.loads(json.dumps(asdict(calibrator)))
    assert read_stored(LabelCalibrator, json.dumps(stored)).predict(features, labels) == pytest.approx(
        calibrator.predict(features, labels)
    )
    for changes in (
        {"trees": None},
        {"trees": {"columns": 2}},
        {"random_trees": None},
        {"method": "platt", "trees": None},
        {"method": "platt", "random_trees": None},
        {"method": "platt"},
    ):
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(Calibrator, json.dumps({**stored["pooled"], **changes}))
    # Trees over counts of the training documents, without these counts.
    calibration = Calibration(calibrator, None, [], report)
    data = json.loads(calibration.to_bytes())
    assert Calibration.from_bytes(calibration.to_bytes()) == calibration
    data["predictions"]["pooled"]["trees"]["columns"] = FEATURES + 1
    with pytest.raises(PipelineError, match="features that it doesn't have"):
        Calibration.from_bytes(json.dumps(data).encode())


def test_the_command(seed_path: Path, trained_path: Path, corpora: Path, tmp_path: Path) -> None:
    train_file, dev = corpora / "train.spacy", corpora / "dev.spacy"
    code, out, err = run(
        "calibrate",
        seed_path,
        "--train",
        train_file,
        "--folds",
        3,
        "-o",
        tmp_path / "one",
        "--report",
        tmp_path / "r.json",
    )
    assert (code, err) == (0, "")
    assert "30 training documents judged by 3 pipelines trained without them, 0 others by this one" in out
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
    assert "once a fold" in refused("calibrate", trained_path, dev, "--train", train_file, *out)
    assert "fewer annotated training documents" in refused(
        "calibrate", seed_path, "--train", train_file, "--folds", 31, *out
    )
    assert "was not trained on 15 of 15 documents" in refused("calibrate", seed_path, "--train", dev, *out)
    assert "a ranking chooses among" in refused(
        "calibrate", seed_path, "--train", train_file, "--ranking", dev, *out
    )
    assert not (tmp_path / "out").exists()
