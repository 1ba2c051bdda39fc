"""Calibration: the figures by hand, calibrators that mean what they say, and a pipeline that keeps its calibration."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import spacy
from builders import document
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.package import package
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from strategies import quick
from typer.testing import CliRunner

from spacy_tagtog.anndoc import Document
from spacy_tagtog.cli import app
from spacy_tagtog.convert import document_to_doc, predicted_doc
from spacy_tagtog.errors import ConfigurationError, EvaluationError, NotHeldOutError, PipelineError
from spacy_tagtog.pipeline.annotate import AnnotateReport, annotate_documents
from spacy_tagtog.pipeline.calibration.calibrators import Calibrator, LabelCalibrator
from spacy_tagtog.pipeline.calibration.cross_validation import fit_calibrator
from spacy_tagtog.pipeline.calibration.figures import (
    CalibrationFigures,
    design_effect,
    ece_by_chance,
    figures_of,
)
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.calibration.reliability import reliability_svg
from spacy_tagtog.pipeline.calibration.stored import read_stored
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, RAW_SCORES
from spacy_tagtog.pipeline.evaluation import Scores, evaluate_docs
from spacy_tagtog.pipeline.fingerprints import fingerprint, training_fingerprints
from spacy_tagtog.pipeline.uncertainty import get_certainty


def test_figures_by_hand() -> None:
    figures = figures_of([0.9, 0.9, 0.1, 0.1], [True, False, False, False])
    assert figures.ece == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    assert figures.brier == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    assert figures.auroc == pytest.approx((1 + 1 + 0.5) / 3, abs=1e-6)
    assert figures.bins == [(pytest.approx(0.1), 0.0, 2), (pytest.approx(0.9), 0.5, 2)]
    assert figures_of([0.5], [True]).auroc is None
    with pytest.raises(EvaluationError):
        figures_of([], [])


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_figures_are_in_range(pairs: list[tuple[float, bool]]) -> None:
    figures = figures_of([p for p, _ in pairs], [y for _, y in pairs])
    assert 0 <= figures.ece <= 1
    assert 0 <= figures.brier <= 1
    assert sum(size for _, _, size in figures.bins) == len(pairs)


@pytest.mark.parametrize("n", [50, 700, 30_000])
def test_even_perfect_probabilities_have_an_ece(n: int) -> None:
    chance = np.random.default_rng(3)
    p = chance.beta(3, 1, n)
    mean, most = ece_by_chance(p)
    eces = [figures_of(p, chance.random(n) < p).ece for _ in range(60)]
    assert 0 < mean < most
    assert np.mean(eces) == pytest.approx(mean, rel=0.2)
    assert np.mean(np.array(eces) <= most) >= 0.8
    # Probabilities that are too high are not excused by it.
    assert figures_of(p, chance.random(n) < p - 0.3).ece > most
    assert figures_of(p, p > 0.5, chance=True).chance == (mean, most)


def test_certain_and_right_leaves_nothing_to_chance() -> None:
    assert ece_by_chance([1.0, 0.0, 1.0]) == (0.0, 0.0)


def test_the_design_effect_by_hand() -> None:
    # One bin; documents with 2 of 2, 0 of 2, 2 of 2 and 0 of 2 right: the four sums deviate by 1 from their mean, the eight predictions by 1/2.
    assert design_effect([0.5] * 8, [1, 1, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 2, 2, 3, 3]) == pytest.approx(
        (4 * 4 / 3) / (8 / 4 * 8 / 7)
    )
    # Each in a document of its own: independent, however much the probabilities of one bin differ.
    assert design_effect([0.5, 0.46875], [0, 1], [0, 1]) == 1
    assert design_effect([0.51, 0.59, 0.52, 0.58], [0, 1, 1, 0], [0, 1, 2, 3]) == 1
    # One document in each bin, or nothing that varies: nothing can be said.
    assert design_effect([0.1, 0.1, 0.9, 0.9], [0, 1, 0, 1], [0, 0, 1, 1]) == 1
    assert design_effect([0.9, 0.9], [1, 1], [0, 1]) == 1


@pytest.mark.parametrize(("copies", "bias"), [(1, 0.0), (1, 0.3), (4, 0.0), (4, 0.3)])
def test_predictions_that_share_their_fate_tell_less(copies: int, bias: float) -> None:
    chance = np.random.default_rng(4)
    p = chance.beta(3, 2, 3000)
    right = chance.random(3000) < p - bias
    groups = np.arange(3000) // 5
    # Each prediction is there four times, always right or always wrong: four tell no more than one, however wrong the probabilities are.
    effect = design_effect(np.repeat(p, copies), np.repeat(right, copies), np.repeat(groups, copies))
    assert effect == pytest.approx(copies, rel=0.15)


def test_chance_heeds_that_documents_differ() -> None:
    chance = np.random.default_rng(6)

    def drawn() -> CalibrationFigures:
        p = np.repeat(chance.beta(3, 2, 200), 8)
        right = np.repeat(chance.random(200) < p[::8], 8)  # all of a document are right, or none
        return figures_of(p, right, chance=True, groups=np.repeat(np.arange(200), 8))

    def by_independence(one: CalibrationFigures) -> float:
        assert one.chance is not None
        assert one.design_effect is not None
        return one.chance[1] / math.sqrt(one.design_effect)

    samples = [drawn() for _ in range(60)]
    below = [one.chance is not None and one.ece <= one.chance[1] for one in samples]
    assert np.mean(below) >= 0.8
    # As if all were independent, most of these would look miscalibrated.
    assert np.mean([one.ece <= by_independence(one) for one in samples]) <= 0.5
    assert read_stored(CalibrationFigures, json.dumps(samples[0].to_json())) == samples[0]


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 5)), min_size=1, max_size=50))
def test_the_names_of_documents_and_the_order_dont_matter(rows: list[tuple[float, bool, int]]) -> None:
    p, right, groups = zip(*rows, strict=True)
    effect = design_effect(p, right, groups)
    assert 1 <= effect <= len(rows) + 1e-9
    assert design_effect(p[::-1], right[::-1], [9 - group for group in groups[::-1]]) == pytest.approx(effect)
    assert design_effect(p, right, range(len(p))) == pytest.approx(1)


def overconfident(
    n: int, *, seed: int = 0
) -> tuple[np.ndarray[Any, Any], list[str], np.ndarray[Any, Any], list[int]]:
    """Scores whose log-odds are three times what they should be."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(0.5, 1.5, n)
    right = chance.random(n) < 1 / (1 + np.exp(-truth))
    features = np.column_stack([3 * truth, chance.normal(size=n)])
    return features, [("A", "B")[i % 2] for i in range(n)], right, [i // 10 for i in range(n)]


@pytest.mark.parametrize("method", ["auto", "platt", "isotonic", "logistic"])
def test_an_overconfident_score_is_put_right(method: Any) -> None:
    calibrator, report = fit_calibrator(*overconfident(3000), method=method)
    features, labels, right, _ = overconfident(3000, seed=1)
    before, after = (
        figures_of(1 / (1 + np.exp(-features[:, 0])), right),
        figures_of(calibrator.predict(features, labels), right),
    )
    assert before.ece > 0.1
    assert after.ece < 0.04
    assert report.after is not None
    # What cross-validation promised is what new data shows.
    assert abs(report.after.brier - after.brier) < 0.02
    stored = read_stored(LabelCalibrator, json.dumps(asdict(calibrator)))
    assert stored.predict(features, labels) == pytest.approx(calibrator.predict(features, labels))


def test_what_is_more_complicated_has_to_be_clearly_better() -> None:
    chance = np.random.default_rng(5)
    truth = chance.normal(0.5, 1.5, 3000)
    right = chance.random(3000) < 1 / (1 + np.exp(-truth))
    groups = [i // 20 for i in range(3000)]
    # The score is all there is to know, beside noise: a regression on all of it may win by luck, but not clearly.
    noise = np.column_stack([truth, chance.normal(size=(3000, 20))])
    assert fit_calibrator(noise[:400], ["A"] * 400, right[:400], groups[:400])[1].methods == {"*": "platt"}
    # Half of what there is to know stands beside the score.
    half = np.column_stack([truth + chance.normal(0, 1.5, 3000), truth + chance.normal(0, 1.5, 3000)])
    assert fit_calibrator(half, ["A"] * 3000, right, groups)[1].methods == {"*": "logistic"}


def test_labels_that_differ_get_their_own() -> None:
    features, labels, right, groups = overconfident(4000)
    right = np.where(np.array(labels) == "A", right, ~right)
    calibrator, report = fit_calibrator(features, labels, right, groups)
    assert set(calibrator.own) == {"A", "B"}
    assert report.labels["B"].auroc is not None
    assert report.labels["B"].auroc > 0.7
    # A label never seen gets the pooled one.
    assert np.isfinite(calibrator.predict(features[:1], ["new"])).all()


@pytest.mark.parametrize(
    ("n", "right", "words"),
    [
        (0, None, "no prediction"),
        (30, None, "fewer documents"),
        (300, True, "all right"),
        (300, False, "all wrong"),
    ],
)
def test_too_little_leaves_the_scores_as_they_are(n: int, right: bool | None, words: str) -> None:
    features, labels, answers, groups = overconfident(n)
    calibrator, report = fit_calibrator(features, labels, answers if right is None else [right] * n, groups)
    assert any(words in note for note in report.notes)
    assert calibrator.predict(features, labels) == pytest.approx(1 / (1 + np.exp(-features[:, 0])), abs=1e-5)


def test_a_rare_label_shares_and_that_is_said() -> None:
    features, _, right, groups = overconfident(600)
    calibrator, report = fit_calibrator(features, ["rare", *["A"] * 599], right, groups)
    assert "rare" not in calibrator.own
    assert any(note.startswith("rare: calibrated with the others") for note in report.notes)


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {},
        {"pooled": {}, "own": {}},
        {"pooled": {"method": "pickle"}, "own": {}},
        {"pooled": 1, "own": {"A": 2}},
    ],
)
def test_junk_is_refused(junk: object) -> None:
    with pytest.raises(PipelineError):
        read_stored(LabelCalibrator, json.dumps(junk))


RIGHT = {"method": "isotonic", "bias": 0, "weights": [], "labels": {}, "x": [-1, 1.5], "y": [0.25, 0.75]}


@pytest.mark.parametrize(
    ("changes", "place", "value"),
    [
        ({"x": [], "y": []}, "file", ""),
        ({"x": [0.0]}, "file", ""),
        ({"bias": float("nan")}, "file, bias", "nan"),
        ({"weights": [1, float("inf")]}, "file, weights.1", "inf"),
        ({"weights": ["1"]}, "file, weights.0", "1"),
        ({"labels": {"A": True}}, "file, labels.A", "True"),
        ({"method": "auto"}, "file, method", "auto"),
        ({"method": "trees"}, "file", ""),
        ({"trees": {}}, "file, trees.columns", ""),
    ],
)
def test_a_damaged_calibrator_is_refused_with_place_and_value(
    changes: dict[str, Any], place: str, value: str
) -> None:
    read_stored(Calibrator, json.dumps(RIGHT))
    with pytest.raises(PipelineError) as caught:
        read_stored(Calibrator, json.dumps({**RIGHT, **changes}), place="file")
    assert caught.value.place == place
    assert value in str(caught.value.value)
    assert "what spacy-tagtog calibrate wrote" in str(caught.value.legal)


@pytest.mark.parametrize("missing", RIGHT)
def test_a_calibrator_without_a_part_is_refused(missing: str) -> None:
    with pytest.raises(PipelineError):
        read_stored(Calibrator, json.dumps({name: value for name, value in RIGHT.items() if name != missing}))


@pytest.mark.parametrize("data", ["", "{", "[" * 100_000, "nul", b"\xff"])
def test_what_is_not_json_is_refused(data: str | bytes) -> None:
    with pytest.raises(PipelineError, match="calibrate the pipeline again"):
        read_stored(Calibrator, data)


@pytest.fixture
def fresh(trained_path: Path) -> Language:
    return spacy.load(trained_path)


def gold(nlp: Language, demo: list[Document], *, seen: bool = False) -> list[Doc]:
    docs = [document_to_doc(document, nlp) for document in demo]
    trained = training_fingerprints(nlp) or frozenset()
    return [doc for doc in docs if doc.ents and (fingerprint(doc.text) in trained) == seen]


def ents(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def scores(doc: Doc, key: str = "scores") -> list[float]:
    return list(doc.spans[DEFAULT_SPANS_KEY].attrs.get(key, []))


def test_training_documents_are_remembered(fresh: Language, demo: list[Document], tmp_path: Path) -> None:
    known = training_fingerprints(fresh)
    assert known is not None
    assert len(known) == 40
    fresh.to_disk(tmp_path / "copy")
    assert training_fingerprints(spacy.load(tmp_path / "copy")) == known


def test_training_documents_are_refused(fresh: Language, demo: list[Document]) -> None:
    mixed = [*gold(fresh, demo)[:3], gold(fresh, demo, seen=True)[0]]
    with pytest.raises(NotHeldOutError) as caught:
        calibrate_pipeline(fresh, mixed)
    assert str(mixed[-1]._.anndoc_id)[:20] in str(caught.value)
    del fresh.meta["spacy_tagtog"]
    with pytest.raises(NotHeldOutError):
        calibrate_pipeline(fresh, gold(fresh, demo)[:6])
    assert calibrate_pipeline(fresh, gold(fresh, demo)[:6], allow_unknown=True)


def test_a_pipeline_keeps_its_calibration(fresh: Language, demo: list[Document], tmp_path: Path) -> None:
    docs = gold(fresh, demo)
    texts = [doc.text for doc in docs[:6]]
    before = list(fresh.pipe(texts))
    [report] = calibrate_pipeline(fresh, docs).values()
    after = list(fresh.pipe(texts))
    assert [ents(doc) for doc in after] == [ents(doc) for doc in before]
    assert [scores(doc, RAW_SCORES) for doc in after] == [
        pytest.approx(scores(doc), rel=1e-3) for doc in before
    ]
    assert [scores(doc) for doc in after] != [scores(doc) for doc in before]
    assert all(0 < p < 1 for doc in after for p in scores(doc))
    assert [ent._.confidence for ent in after[0].ents] == scores(after[0])
    assert report.before is not None
    assert report.after is not None
    assert report.after.brier < report.before.brier
    # The sum of the chances of a miss is the number of misses.
    assert report.missed is not None
    assert report.expected_missed == pytest.approx(report.missed, rel=0.3)
    fresh.to_disk(tmp_path / "copy")
    for other in (
        spacy.load(tmp_path / "copy"),
        spacy.blank("en", config=fresh.config).from_bytes(fresh.to_bytes()),
    ):
        for one, two in zip(after, other.pipe(texts, batch_size=2), strict=True):
            assert scores(two) == pytest.approx(scores(one), rel=1e-3)
            first, second = get_certainty(one), get_certainty(two)
            assert first is not None
            assert second is not None
            assert first.missed == pytest.approx(second.missed, rel=1e-2, abs=1e-6)


def test_a_calibration_of_another_version_is_refused(
    fresh: Language, demo: list[Document], tmp_path: Path
) -> None:
    calibrate_pipeline(fresh, gold(fresh, demo), method="logistic")
    fresh.to_disk(tmp_path / "copy")
    file = tmp_path / "copy" / "entity_confidence" / "calibration.json"
    stored = json.loads(file.read_text())
    for other in ({**stored, "version": 2}, {name: stored[name] for name in stored if name != "version"}):
        file.write_text(json.dumps(other))
        with pytest.raises(PipelineError, match="calibrate the pipeline again"):
            spacy.load(tmp_path / "copy")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)  # spaCy leaves the files of a package open
def test_in_a_package(fresh: Language, demo: list[Document], tmp_path: Path) -> None:
    docs = gold(fresh, demo)
    calibrate_pipeline(fresh, docs)
    fresh.to_disk(tmp_path / "pipeline")
    (tmp_path / "packages").mkdir()
    package(
        tmp_path / "pipeline",
        tmp_path / "packages",
        name="calibrated",
        version="1.0",
        create_sdist=False,
        silent=True,
    )
    [folder] = (tmp_path / "packages").glob("*/*/en_calibrated-1.0")
    for one, two in zip(
        fresh.pipe([doc.text for doc in docs[:3]]),
        spacy.load(folder).pipe([doc.text for doc in docs[:3]]),
        strict=True,
    ):
        assert scores(two) == pytest.approx(scores(one), rel=1e-3)


@pytest.fixture(scope="module")
def seeded(demo: list[Document]) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("seed_ner")
    nlp.initialize(
        lambda: [
            Example(nlp.make_doc(doc.text), doc)
            for doc in (document_to_doc(document, nlp) for document in demo[:12])
        ]
    )
    return nlp


def test_the_seed_model(seeded: Language, demo: list[Document], tmp_path: Path) -> None:
    docs = [document_to_doc(document, seeded) for document in demo[12:]]
    texts = [doc.text for doc in docs]
    before = [ents(doc) for doc in seeded.pipe(texts)]
    [report] = calibrate_pipeline(seeded, docs, allow_unknown=True).values()
    assert report.methods["*"] != "none"
    after = list(seeded.pipe(texts, batch_size=3))
    assert [ents(doc) for doc in after] == before
    assert [scores(doc) for doc in after] != [scores(doc, RAW_SCORES) for doc in after]
    assert all(0 < p < 1 for doc in after for p in scores(doc))
    seeded.to_disk(tmp_path / "copy")
    for one, two in zip(after, spacy.load(tmp_path / "copy").pipe(texts), strict=True):
        assert scores(two) == pytest.approx(scores(one), rel=1e-3)


def test_a_class_that_training_did_not_know(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)
    known = {ent.label_ for doc in fresh.pipe(doc.text for doc in docs) for ent in doc.ents}
    for doc in docs:
        doc.ents = [
            Span(doc, ent.start, ent.end, label="unheard_of" if i % 2 else ent.label_)
            for i, ent in enumerate(doc.ents)
        ]
    [report] = calibrate_pipeline(fresh, docs).values()
    # It can't be predicted, so it can't be judged: predictions in its place are wrong, and it is missed.
    assert "unheard_of" not in report.labels
    assert set(report.labels) <= known
    assert report.before is not None
    assert report.before.right < report.before.n
    assert report.missed


def test_parts_of_a_document_are_never_on_both_sides_of_a_fold(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)
    for i, doc in enumerate(docs):
        doc.user_data["anndoc"]["id"] = f"document {i % 3}"
    [report] = calibrate_pipeline(fresh, docs).values()
    assert report.documents == 3
    assert any("fewer documents with predictions (3) than folds (5)" in note for note in report.notes)


def test_documents_and_parts_without_a_word(fresh: Language, demo: list[Document]) -> None:
    calibrate_pipeline(fresh, [*gold(fresh, demo), fresh.make_doc(""), fresh.make_doc("  ")])
    for doc in fresh.pipe(["", " ", "\n\n", "x"]):
        assert len(scores(doc)) == len(doc.ents)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)
    calibrate_pipeline(fresh, docs)
    texts = [doc.text for doc in docs[:4]]
    for one, two in zip(fresh.pipe(texts), fresh.pipe(texts, n_process=2, batch_size=2), strict=True):
        assert scores(two) == pytest.approx(scores(one), rel=1e-3)
        assert ents(one) == ents(two)


@pytest.mark.parametrize("method", ["beam", "mc_dropout"])
def test_other_methods(fresh: Language, demo: list[Document], method: str) -> None:
    texts = [doc.text for doc in gold(fresh, demo)[:3]]
    before = list(fresh.pipe(texts))
    fresh.replace_pipe("entity_confidence", "entity_confidence", config={"method": method, "passes": 2})
    state = np.random.get_state()[1]  # type: ignore[index]
    after = list(fresh.pipe(texts))
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]
    assert [ents(doc) for doc in after] == [ents(doc) for doc in before]
    values = [p for doc in after for p in scores(doc)]
    assert len(values) > 5
    assert all(0 < p <= 1 for p in values)
    # Not all sure, as a beam over entities that stand already would be, and not those of the other method.
    assert any(p < 0.99 for p in values)
    assert values != [p for doc in before for p in scores(doc)]
    assert [scores(doc) for doc in fresh.pipe(texts)] == [
        pytest.approx(scores(doc), rel=1e-3) for doc in after
    ]
    assert not list(fresh("").spans[DEFAULT_SPANS_KEY])


@pytest.mark.parametrize(
    "settings", [{"method": "oracle"}, {"beam_width": 1}, {"dropout": 0.0}, {"passes": 0}]
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        spacy.blank("en").add_pipe("entity_confidence", config=settings)


def test_spancat(demo: list[Document]) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "spancat",
        config={"threshold": 0.3, "suggester": {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]}},
    )
    docs = [document_to_doc(document, nlp) for document in demo[:16]]
    for doc in docs:
        doc.spans["sc"] = list(doc.ents)
    examples = [Example(predicted_doc(nlp, doc), doc) for doc in docs[:8]]
    nlp.initialize(lambda: examples)
    for _ in range(12):
        nlp.update(examples)
    before = nlp(docs[0].text)
    reports = calibrate_pipeline(nlp, docs[8:], method="platt", allow_unknown=True)
    assert list(reports) == ["entity_confidence"]
    after = nlp(docs[0].text)
    spans = [(span.start, span.end, span.label_) for span in after.spans["sc"]]
    assert spans
    assert spans == [(span.start, span.end, span.label_) for span in before.spans["sc"]]
    assert list(after.spans["sc"].attrs["scores"]) == pytest.approx(
        list(before.spans["sc"].attrs["scores"]), rel=1e-4
    )
    assert [(span.start, span.end, span.label_) for span in after.spans[DEFAULT_SPANS_KEY]] == spans
    assert [span._.confidence for span in after.spans["sc"]] == scores(after)


def labelled(nlp: Language) -> Iterator[Doc]:
    for i in range(24):
        doc = nlp.make_doc(
            f"The {'moon' if i % 2 else 'engine'} number {i} is {'bright' if i % 3 else 'loud'}."
        )
        doc.cats = {"sky": float(i % 2), "car": float(i % 2 == 0)}
        yield doc


@pytest.mark.parametrize("factory", ["textcat", "textcat_multilabel"])
def test_document_labels(factory: str) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe(
        factory,
        config={
            "model": {
                "@architectures": "spacy.TextCatBOW.v3",
                "exclusive_classes": factory == "textcat",
                "ngram_size": 1,
                "no_output_layer": False,
            }
        },
    )
    docs = list(labelled(nlp))
    examples = [Example(predicted_doc(nlp, doc), doc) for doc in docs[:6]]
    nlp.initialize(lambda: examples)
    nlp.update(examples)
    if factory == "textcat":
        reports = calibrate_pipeline(nlp, docs[6:], allow_unknown=True)
    else:
        nlp.add_pipe("label_confidence", config={"textcat": "textcat_multilabel"})
        reports = calibrate_pipeline(nlp, docs[6:], allow_unknown=True)
    [report] = reports.values()
    assert report.before is not None
    assert report.before.n == 2 * 18
    doc = nlp(docs[7].text)
    assert doc._.label_confidence.keys() == {"sky", "car"}
    assert doc._.label_confidence != doc.cats
    copy = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())(docs[7].text)
    assert copy._.label_confidence == pytest.approx(doc._.label_confidence, rel=1e-4)


def test_nothing_to_calibrate(nlp: Language, fresh: Language) -> None:
    with pytest.raises(PipelineError):
        calibrate_pipeline(spacy.blank("en"), [nlp("x")])
    with pytest.raises(EvaluationError):
        calibrate_pipeline(fresh, [])


def test_predictions_without_any_entity(fresh: Language) -> None:
    doc = fresh.make_doc("…")
    doc.set_ents([])
    [report] = calibrate_pipeline(fresh, [doc]).values()
    assert "no prediction" in report.notes[0]
    assert isinstance(fresh("Moon").ents, tuple)


def test_text_about_which_the_gold_data_says_nothing(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)[:8]
    [all_of_it] = calibrate_pipeline(fresh, docs, method="none").values()
    for doc in docs[1:]:
        doc.set_ents([Span(doc, 0, 0)][:0], default="missing")
    [first_only] = calibrate_pipeline(fresh, docs, method="none").values()
    assert first_only.documents == 1
    assert first_only.before is not None
    assert all_of_it.before is not None
    assert first_only.before.n < all_of_it.before.n


def test_evaluation_tells_in_sample_from_held_out(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)
    half = len(docs) // 2
    raw = evaluate_docs(fresh, docs[half:]).confidence["entity_confidence"]
    assert not raw.calibrated
    assert raw.figures is not None
    [report] = calibrate_pipeline(fresh, docs[:half]).values()
    own = evaluate_docs(fresh, docs[:half])
    result = own.confidence["entity_confidence"]
    assert result.in_sample == half
    assert result.figures == report.after
    assert own.to_json()["confidence"]["entity_confidence"]["source"] == "cross-validated in calibration"
    other = evaluate_docs(fresh, docs[half:]).confidence["entity_confidence"]
    assert other.in_sample == 0
    assert other.calibrated
    assert other.figures is not None
    assert other.figures.n == raw.figures.n
    assert other.figures.brier < raw.figures.brier
    assert sum(one.n for one in other.labels.values()) == other.figures.n


def test_the_diagram_is_xml_with_a_dot_a_bin() -> None:
    figures = figures_of([0.1, 0.11, 0.9], [False, True, True])
    root = ElementTree.fromstring(reliability_svg({"a & <b>": figures, "other": figures}))
    dots = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(dots) == 2 * len(figures.bins) == 4
    assert "a & <b>" in [node.text for node in root.iter()]


def label_pipeline() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat_multilabel", config={"threshold": 0.5}).add_label("clear")  # type: ignore[attr-defined]
    nlp.get_pipe("textcat_multilabel").add_label("seeing")  # type: ignore[attr-defined]
    docs = [nlp.make_doc(text) for text in ("stars", "clouds") * 4]
    for i, doc in enumerate(docs):
        doc.cats = {"clear": float(i % 2 == 0), "seeing": 0.0}
    examples = [Example(predicted_doc(nlp, doc), doc) for doc in docs]
    nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples)
    return nlp


def test_document_labels_become_metas() -> None:
    nlp = label_pipeline()
    report = AnnotateReport()
    by_hand = {"m_1": {"value": False, "confidence": {"state": "", "who": ["user:ann"], "prob": 1}}}
    new = [
        document("stars", complete=False),
        document("clouds", complete=False),
        document("stars", complete=False, metas=by_hand),
    ]
    first, second, third = annotate_documents(nlp, new, who="ml:spacy", report=report)
    [(class_id, meta)] = first.annotations.data["metas"].items()
    assert (class_id, meta["value"]) == ("m_1", True)
    assert (meta["confidence"]["state"], meta["confidence"]["who"]) == ("pre-added", ["ml:spacy"])
    assert meta["confidence"]["prob"] == pytest.approx(nlp("stars").cats["clear"], abs=1e-3)
    assert second.annotations.data["metas"] == {}
    assert third.annotations.data["metas"] == by_hand
    assert (report.labels_predicted, report.labels_kept, dict(report.labels_added)) == (2, 1, {"clear": 1})
    # A second time: replaced, not repeated.
    [again] = annotate_documents(nlp, [first], who="ml:spacy")
    assert again.annotations.data["metas"].keys() == {"m_1"}
    golds = [nlp.make_doc("stars"), nlp.make_doc("clouds")]
    golds[0].cats, golds[1].cats = {"clear": 1.0}, {"clear": 1.0, "seeing": 0.0}
    assert evaluate_docs(nlp, golds).document_labels == {"clear": Scores(2, 1, 1, 1, 1)}


def test_the_command(trained_path: Path, demo: list[Document], tmp_path: Path) -> None:
    nlp = spacy.load(trained_path)
    DocBin(docs=gold(nlp, demo), store_user_data=True).to_disk(tmp_path / "dev.spacy")
    DocBin(docs=gold(nlp, demo, seen=True)).to_disk(tmp_path / "train.spacy")
    run = CliRunner().invoke
    words = [
        "calibrate",
        str(trained_path),
        str(tmp_path / "dev.spacy"),
        "-o",
        str(tmp_path / "out"),
        "--report",
        str(tmp_path / "r.json"),
    ]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    assert "cross-validated" in done.output
    report = json.loads((tmp_path / "r.json").read_text())["entity_confidence"]
    assert report["after_cross_validated"]["bin_scheme"] == "equal width, 15 bins"
    assert spacy.load(tmp_path / "out").get_pipe("entity_confidence").calibration is not None  # type: ignore[attr-defined]
    assert run(app, words).exit_code == 1  # the output exists
    out, svg = str(tmp_path / "out"), tmp_path / "r.svg"
    shown = run(
        app,
        [
            "evaluate",
            out,
            str(tmp_path / "dev.spacy"),
            "--diagram",
            str(svg),
            "--output",
            str(tmp_path / "m.json"),
        ],
    )
    assert shown.exit_code == 0, shown.output
    assert "cross-validated" in shown.output
    assert svg.read_text().startswith("<svg")
    assert (
        json.loads((tmp_path / "m.json").read_text())["confidence"]["entity_confidence"]["overall"]["ece"]
        >= 0
    )
    refused = run(app, [*words[:2], str(tmp_path / "train.spacy"), "-o", str(tmp_path / "other")])
    assert refused.exit_code == 1
    assert "was trained on" in refused.output
    assert not (tmp_path / "other").exists()
