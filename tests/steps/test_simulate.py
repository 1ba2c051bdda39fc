"""Simulating from Python: what is looked at first, and how far it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import CONFIGS
from watching import Watching

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps import simulate

QUICK: dict[str, Any] = {
    "config": CONFIGS / "seed.cfg",
    "overrides": {"components.seed_ner.out_log": -0.5},
    "strategies": ["random"],
    "seeds": [0],
    "initial": 5,
    "budget": 0.4,
    "plots": False,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, demo: list[Document]) -> Path:
    path = tmp_path_factory.mktemp("reviewed") / "project"
    write_project([document for document in demo if document.annotations.complete][:25], path)
    return path


def test_the_report_and_the_progress(project: Path, tmp_path: Path) -> None:
    watching = Watching()
    result = simulate(str(project), str(tmp_path / "out"), **QUICK, progress=watching)
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(result.to_json())
    )
    assert [one.strategy for one in result.strategies] == ["random"]
    assert (tmp_path / "out" / "report.html").is_file()
    # One item per document of every run.
    (seen,), (total,) = watching.seen, watching.totals
    assert total is not None
    assert result.simulation.pool["documents"] < len(seen) <= total


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"strategies": ["bald"]}, "there is no strategy of this name"),
        ({"test": 1.5}, "the share of the test documents is out of range"),
        ({"config": "none.cfg"}, "there is no such config"),
        ({"budget": 2}, "budget is out of range"),
    ],
)
def test_arguments_are_checked_before_matplotlib(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, Any],
    problem: str,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigurationError, match=problem):
        simulate(project, tmp_path / "out", **{**QUICK, "plots": True, **wrong})
    with pytest.raises(ConfigurationError, match="plots need matplotlib"):
        simulate(project, tmp_path / "out", **{**QUICK, "plots": True})
    assert not (tmp_path / "out").exists()
