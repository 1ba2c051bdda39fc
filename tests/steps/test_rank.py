"""Ranking from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_corpora import seed_pipeline
from watching import Watching

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.errors import ConfigurationError, ConversionError, PipelineError, SelectionError
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.steps import rank


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, demo: list[Document]) -> Path:
    """Six unconfirmed documents and three confirmed ones."""
    waiting = [document for document in demo if not document.annotations.complete][:6]
    confirmed = [document for document in demo if document.annotations.complete][:3]
    path = tmp_path_factory.mktemp("pool") / "pool"
    write_project([*waiting, *confirmed], path)
    return path


@pytest.fixture(scope="module")
def seed_path(tmp_path_factory: pytest.TempPathFactory, demo: list[Document]) -> Path:
    """A seed model of ten documents."""
    path = tmp_path_factory.mktemp("seed") / "model"
    seed_pipeline([one for one in demo if one.annotations.complete][5:15]).to_disk(path)
    return path


def test_from_python(pool: Path, seed_path: Path) -> None:
    watching = Watching()
    result = rank(
        pool,
        pipeline=seed_path,
        strategy="least_confidence",
        settings={"aggregation": "max"},
        top=3,
        progress=watching,
    )
    assert len(result.ranking.documents) == 3
    assert len(result.confirmed) == 3
    assert len(watching.seen[0]) == watching.totals[0] == 6
    with pytest.raises(PipelineError):
        rank(pool, pipeline="no_such_package")
    with pytest.raises(ConversionError):
        rank(pool, strategy="random", reviewed=[Path("no.spacy")])


def test_an_earlier_ranking_is_replaced_and_remembered(demo: list[Document], tmp_path: Path) -> None:
    confirmed = [one for one in demo if one.annotations.complete][:5]
    waiting = [Document(one.id, one.html, {}, legend=one.legend) for one in confirmed]
    write_project(waiting, tmp_path / "before")
    write_project([*confirmed[:2], *waiting[2:]], tmp_path / "after")
    output = tmp_path / "r.json"
    first = rank(str(tmp_path / "before"), str(output), strategy="random", random_share=1.0).ranking
    assert read_ranking(output) == first
    assert set(first.sampled) == {one.id for one in confirmed}
    second = rank(tmp_path / "after", output, strategy="random").ranking
    assert read_ranking(output) == second
    assert {one.id for one in second.sampled_before} == {one.id for one in confirmed[:2]}


def test_only_a_ranking_is_replaced(pool: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    output.write_text("[]", encoding="utf-8")
    with pytest.raises(SelectionError, match="this is no ranking"):
        rank(pool, output, strategy="random")
    assert output.read_text(encoding="utf-8") == "[]"


def test_errors_name_settings_as_python_spells_them(pool: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rank(pool, strategy="random", on_problem="ignore")
    assert "unknown value of on_problem" in str(caught.value)
