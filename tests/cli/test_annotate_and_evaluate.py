"""``annotate`` and ``evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from commands import assert_refused, run
from notes import document, write

from spacy_tagtog.anndoc import Project

pytestmark = pytest.mark.usefixtures("own_folder")


class TestAnnotateAndEvaluate:
    def test_pre_annotations_have_the_models_probability(
        self, small_pipeline: Path, demo_project: Path
    ) -> None:
        outcome = run(
            "annotate", small_pipeline, demo_project, "out", "--name", "stars", "--report", "report.json"
        )
        assert outcome.code == 0, outcome.err
        entities = [item for written in Project.open("out") for item in written.annotations]
        assert entities
        assert all(item.who == ["ml:stars"] and item.state == "pre-added" for item in entities)
        probabilities = [item.prob for item in entities]
        assert all(prob is not None and 0 < prob < 1 for prob in probabilities)
        assert len(set(probabilities)) > len(probabilities) / 2
        assert json.loads(Path("report.json").read_text())["entities written as pre-added"] == len(entities)
        assert "left out because people confirmed them" in outcome.err

    def test_a_label_that_the_project_does_not_have(
        self, small_pipeline: Path, demo_project: Path, tmp_path: Path
    ) -> None:
        legend = tmp_path / "legend.json"
        legend.write_text(json.dumps({"e_1": "Celestial_Object"}))
        outcome = run("annotate", small_pipeline, demo_project, "out", "--legend", legend)
        assert_refused(outcome, "no entity type of this name", "legal: Celestial_Object", "--rename")
        assert not Path("out").exists()
        drop = [piece for label in ("Instrument", "Place", "Person") for piece in ("--rename", f"{label}=")]
        outcome = run("annotate", small_pipeline, demo_project, "out", "--legend", legend, *drop)
        assert outcome.code == 0, outcome.err
        assert "label mapped to nothing" in outcome.out

    def test_existing_output(self, small_pipeline: Path, demo_project: Path) -> None:
        Path("out.zip").write_bytes(b"precious")
        assert_refused(
            run("annotate", small_pipeline, demo_project, "out.zip"), "the output exists already", "out.zip"
        )
        assert Path("out.zip").read_bytes() == b"precious"

    def test_no_pipeline(self, demo_project: Path) -> None:
        assert_refused(
            run("annotate", "training/model-best", demo_project, "out"),
            "there is no such pipeline",
            "spacy-tagtog train",
        )
        Path("broken").mkdir()
        assert_refused(
            run("annotate", "broken", demo_project, "out"), "the pipeline can't be loaded", "broken"
        )

    def test_a_pipeline_without_entities(self, demo_project: Path, tmp_path: Path) -> None:
        spacy.blank("en").to_disk(tmp_path / "blank")
        assert_refused(
            run("annotate", "blank", demo_project, "out"),
            "predicts no entities with a probability",
            "--spans-key",
        )

    def test_a_wrong_author(self, small_pipeline: Path, demo_project: Path) -> None:
        assert_refused(
            run("annotate", small_pipeline, demo_project, "out", "--name", "two words"),
            "wrong form",
            "ml:two words",
            "ml:NAME",
        )

    def test_evaluate(self, small_pipeline: Path, demo_project: Path) -> None:
        outcome = run("evaluate", small_pipeline, demo_project, "--output", "metrics.json")
        assert outcome.code == 0, outcome.err
        metrics = json.loads(Path("metrics.json").read_text())
        assert metrics["overall"]["gold"] == sum(
            len(item.annotations) for item in Project.open(demo_project) if item.annotations.complete
        )
        assert 0 < metrics["overall"]["exact"]["f1"] <= metrics["overall"]["overlapping"]["f1"] <= 1
        for label, scores in metrics["labels"].items():
            assert label in outcome.out
            assert f"{100 * scores['exact']['f1']:.1f}" in outcome.out

    def test_evaluate_on_converted_documents_is_the_same(
        self, small_pipeline: Path, demo_project: Path
    ) -> None:
        assert run("convert", demo_project, "corpus").code == 0
        assert run("evaluate", small_pipeline, demo_project, "-o", "a.json").code == 0
        assert run("evaluate", small_pipeline, "corpus/train.spacy", "-o", "b.json").code == 0
        assert Path("a.json").read_text() == Path("b.json").read_text()

    def test_a_pipeline_that_predicts_nothing_is_not_praised(
        self, demo_project: Path, tmp_path: Path
    ) -> None:
        spacy.blank("en").to_disk(tmp_path / "blank")
        outcome = run("evaluate", "blank", demo_project)
        assert outcome.code == 0
        assert "predicted no entities" in outcome.err

    def test_nothing_to_evaluate_on(self, small_pipeline: Path, tmp_path: Path) -> None:
        source = write(tmp_path / "x", document("Nothing here."))
        assert_refused(
            run("evaluate", small_pipeline, source),
            "there is nothing to evaluate on",
            "1 document, 0 entities",
        )
        assert_refused(run("evaluate", small_pipeline, "none.spacy"), "there is no such file")


def test_nothing_to_annotate_is_no_error(vega: Path, small_pipeline: Path) -> None:
    """Where everything is confirmed there are no new documents: the workflow must still run to its end."""
    assert run("import", vega).code == 0
    assert run("fetch", "new", "--query", "anncomplete:false").code == 0
    outcome = run("annotate", small_pipeline, "new", "annotated")
    assert outcome.code == 0, outcome.err
    assert "no document to annotate" in outcome.err
    assert run("push", "annotated").code == 0
