"""Evaluating from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_corpora import write_corpora
from spacy.language import Language
from watching import Watching

from spacy_tagtog.anndoc import Document
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.steps import annotate, calibrate, convert, evaluate, rank, tokenizer


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language) -> Path:
    return write_corpora(tmp_path_factory.mktemp("corpora"), demo, nlp)[1]


def test_the_figures_and_the_diagram(dev: Path, trained_path: Path, tmp_path: Path) -> None:
    watching = Watching()
    diagram = tmp_path / "reliability.svg"
    result = evaluate(str(trained_path), str(dev), diagram=str(diagram), progress=watching)
    assert result.documents == len(watching.seen[0]) == 3
    assert set(result.to_json()) >= {"documents"}
    assert diagram.read_text(encoding="utf-8").startswith("<svg")


def test_the_folder_of_a_training_is_refused_with_the_pipeline_in_it(
    dev: Path, demo_folder: Path, trained_path: Path, tmp_path: Path
) -> None:
    training = tmp_path / "training"
    (training / "model-best").mkdir(parents=True)
    for call in (
        lambda: evaluate(training, dev),
        lambda: calibrate(training, tmp_path / "calibrated", reviewed=dev),
        lambda: annotate(training, demo_folder, tmp_path / "annotated"),
        lambda: rank(demo_folder, pipeline=training),
        lambda: convert(demo_folder, tmp_path / "corpus", base=str(training)),
        lambda: tokenizer(demo_folder, tmp_path / "rules.json", base=str(training)),
    ):
        with pytest.raises(PipelineError) as caught:
            call()
        assert f"give the best one: {training / 'model-best'}" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["training"]
