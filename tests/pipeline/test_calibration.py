"""Calibration: the figures by hand, accurate calibrators, and pipelines that keep theirs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from builders import document
from predictions import ents, scores
from small_corpora import seed_pipeline
from spacy.cli.package import package
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_tagtog.anndoc import Document
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.cli import app
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import ConfigurationError, EvaluationError, NotHeldOutError, PipelineError
from spacy_tagtog.pipeline.annotate import AnnotateReport, annotate_documents
from spacy_tagtog.pipeline.calibration.features import entity_features
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, RAW_SCORES
from spacy_tagtog.pipeline.evaluation import evaluate_docs
from spacy_tagtog.pipeline.fingerprints import training_fingerprints
from spacy_tagtog.pipeline.scores import Scores
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, get_certainty, set_certainty


def gold(nlp: Language, demo: list[Document], *, trained: bool = False) -> list[Doc]:
    docs = [document_to_doc(document, nlp) for document in demo]
    known = training_fingerprints(nlp) or frozenset()
    return [doc for doc in docs if doc.ents and (text_fingerprint(doc.text) in known) == trained]


def test_training_documents_are_remembered(fresh: Language, demo: list[Document], tmp_path: Path) -> None:
    known = training_fingerprints(fresh)
    assert known is not None
    assert len(known) == 40
    fresh.to_disk(tmp_path / "copy")
    assert training_fingerprints(spacy.load(tmp_path / "copy")) == known


def test_training_documents_are_refused(fresh: Language, demo: list[Document]) -> None:
    mixed = [*gold(fresh, demo)[:3], gold(fresh, demo, trained=True)[0]]
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
    assert report.expected_missed == round(report.expected_missed, 3)
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
    calibrate_pipeline(fresh, docs, method="logistic")
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
    return seed_pipeline(demo[:12])


def test_the_seed_model(seeded: Language, demo: list[Document], tmp_path: Path) -> None:
    docs = [document_to_doc(document, seeded) for document in demo[12:]]
    texts = [doc.text for doc in docs]
    before = [ents(doc) for doc in seeded.pipe(texts)]
    [report] = calibrate_pipeline(seeded, docs, method="logistic", allow_unknown=True).values()
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
    found = [{ent.label_ for ent in doc.ents} for doc in fresh.pipe(doc.text for doc in docs)]
    labels: tuple[str, ...] = fresh.get_pipe("ner").labels  # type: ignore[attr-defined]
    rare = min(labels, key=lambda label: sum(label in one for one in found))
    docs = [doc for doc, one in zip(docs, found, strict=True) if rare not in one]
    known = set().union(*found) - {rare}
    for doc in docs:
        doc.ents = [
            Span(doc, ent.start, ent.end, label="unheard_of" if i % 2 else ent.label_)
            for i, ent in enumerate(doc.ents)
        ]
    [report] = calibrate_pipeline(fresh, docs, method="platt").values()
    # It can't be predicted, so it can't be judged: predictions in its place are wrong, and it is missed.
    assert "unheard_of" not in report.labels
    assert set(report.labels) <= known
    assert any(note.startswith(f"{rare}: never predicted in these documents") for note in report.notes)
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
    docs = [*gold(fresh, demo), fresh.make_doc(""), fresh.make_doc("  ")]
    calibrate_pipeline(fresh, docs, method="logistic")
    for doc in fresh.pipe(["", " ", "\n\n", "x"]):
        assert len(scores(doc)) == len(doc.ents)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(fresh: Language, demo: list[Document]) -> None:
    docs = gold(fresh, demo)
    calibrate_pipeline(fresh, docs, method="logistic")
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
    # The model has no opinion about an entity of a label that it doesn't know.
    fresh.add_pipe("entity_ruler", after="ner").add_patterns([{"label": "DRINK", "pattern": "cocoa"}])  # type: ignore[attr-defined]
    doc = fresh(f"We had cocoa at nine. {texts[0]}")
    assert [ent.text for ent, score in zip(doc.ents, scores(doc), strict=True) if math.isnan(score)] == [
        "cocoa"
    ]


@pytest.mark.parametrize(
    "settings", [{"method": "oracle"}, {"beam_width": 1}, {"dropout": 0.0}, {"passes": 0}]
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        spacy.blank("en").add_pipe("entity_confidence", config=settings)


def test_what_may_begin_at_the_last_token_is_not_beside_the_first_entity() -> None:
    doc = spacy.blank("en")("Vega and Mars rise")
    found = []
    for last in (0.0, 0.9):
        certainty = TokenCertainty.of(np.full(len(doc), -0.1), np.array([0, 0.2, 0, last]))
        found.append(entity_features(doc, [doc[:1], doc[2:3]], [0.5, 0.5], certainty, None))
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] != found[1][1]).any()


def test_spancat(demo: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
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
    spancat: Any = nlp.get_pipe("spancat")
    written = spancat.set_annotations

    def as_after_another_component(docs: list[Doc], *found: Any) -> None:
        written(docs, *found)
        for doc in docs:
            set_certainty(doc, TokenCertainty.of(np.zeros(len(doc)), np.full(len(doc), 0.5)))

    monkeypatch.setattr(spancat, "set_annotations", as_after_another_component)
    before = nlp(docs[0].text)
    reports = calibrate_pipeline(nlp, docs[8:], method="platt", allow_unknown=True)
    assert list(reports) == ["entity_confidence"]
    assert reports["entity_confidence"].missed is None, "it says nothing of tokens, though another one does"
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
    assert other.figures.right == raw.figures.right
    assert other.figures != raw.figures  # of other probabilities, for the same predictions
    assert other.to_json()["source"] == "these documents"
    assert sum(one.n for one in other.labels.values()) == other.figures.n


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
    DocBin(docs=gold(nlp, demo, trained=True)).to_disk(tmp_path / "train.spacy")
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
