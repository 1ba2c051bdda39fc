"""``spacy-tagtog loop``, ``loop status``, ``loop history`` and ``loop rollback``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from commands import assert_refused, run
from teams import Team, careless

from spacy_tagtog.steps.connection import ConnectionSettings

QUICK = ("--components", "ner", "--model", "seed", "--test", "0.4")


@pytest.fixture(scope="module")
def after_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project and one round of its loop. Nobody may change it."""
    folder = tmp_path_factory.mktemp("commands")
    Team.start(folder / "local-tagtog.db", confirmed=range(12), new=range(40, 50))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        outcome = run("loop", *QUICK, "--blind-share", "0.3", "--seed", "1")
    assert outcome.code == 0, outcome.err
    assert "ℹ comparing with the current model" in outcome.out
    assert "✔ model 1 promoted: the first model: F " in outcome.out
    assert "✔ 10 documents for people to review, pre-annotated by model 1; 4 of them blind, " in outcome.out
    return folder


@pytest.fixture
def inside(after_one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A copy of it, and the team."""
    shutil.copytree(after_one, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Team(ConnectionSettings(project="night", database=Path("local-tagtog.db")))


def test_nothing_new(inside: Team) -> None:
    outcome = run("loop", *QUICK, "--blind-share", "0.3", "--seed", "1")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == [
        "ℹ fetching",
        "ℹ looking for anything new",
        "✔ nothing is new; model 1 stays",
    ]
    assert len(list(Path("loop/rounds").iterdir())) == 1


def test_a_worse_model_is_said_to_be_and_one_can_go_back(inside: Team) -> None:
    inside.review(range(12, 30))
    better = run("loop", *QUICK)
    assert better.code == 0, better.err
    assert "✔ model 2 promoted: F " in better.out
    inside.review(range(100, 150), careless)
    worse = run("loop", *QUICK)
    assert worse.code == 0, worse.err
    assert "⚠ model 3 kept as a candidate, model 2 stays: " in worse.err
    status = run("loop", "status")
    assert "⚠ the latest model is a candidate: it " in status.err
    assert re.search(r"^current model +2 *$", status.out, re.MULTILINE)
    history = run("loop", "history").out
    assert "2 *" in history
    assert history.count("promoted") == 2
    assert "ℹ model 3: it " in history
    assert "✔ model 1 is the current one, instead of model 2" in run("loop", "rollback").out
    assert "✔ model 1 is the current one, already" in run("loop", "rollback", "1").out
    assert "rolled back from model 2 to model 1" in run("loop", "history").out
    assert "✔ model 3 is the current one" in run("loop", "rollback", "3").out
    assert_refused(run("loop", "rollback", "9"), "there is no such model", "spacy-tagtog loop history")


@pytest.mark.parametrize("action", ["status", "history", "rollback"])
def test_where_no_loop_is(action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run("loop", action), "there is no loop in this folder", "spacy-tagtog loop --project NAME")


@pytest.mark.parametrize(
    ("options", "problem", "value"),
    [
        (("--margin", "-1"), "a margin is out of range", "--margin"),
        (("--type-margin", "many"), "a margin isn't a number", "many"),
        (("--type-margin", "Star=x"), "a margin isn't a number", "Star"),
        (("--dev", "0"), "the share of a side is out of range", "--dev"),
        (("--dev", "0.5", "--test", "0.5"), "the shares leave nothing to train on", "--dev, --test"),
        (("--blind-share", "2"), "a share is out of range", "--blind-share"),
        (("--override", "training.max_step"), "--override can't be read", "KEY=VALUE"),
    ],
)
def test_wrong_options(options: tuple[str, ...], problem: str, value: str, inside: Team) -> None:
    outcome = run("loop", *options)
    assert outcome.code == 2
    assert f"✘ {problem}" in outcome.err
    assert value in outcome.err


def test_a_config_value_that_nobody_reads_is_refused(inside: Team) -> None:
    inside.review([12])
    outcome = run("loop", *QUICK, "--override", "training.max_step=3")
    assert outcome.code == 2
    assert "did you mean max_steps?" in outcome.err
    assert "the last round stopped at: train" in run("loop", "status").err
