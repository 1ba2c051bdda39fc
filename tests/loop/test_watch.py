"""A loop that begins its rounds by itself: when, and what happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from commands import assert_refused, run
from teams import Team

from spacy_tagtog._files import folder_lock
from spacy_tagtog.errors import ArgumentError, LoopError
from spacy_tagtog.loop import Loop
from spacy_tagtog.loop.records import RoundRecord
from spacy_tagtog.loop.watch import WatchRules, watch, why_now

AT = datetime(2026, 12, 1, 12, tzinfo=timezone.utc)
RULES = WatchRules(confirmed=10, hours=6)
LAST = RoundRecord(3, "", "", ended=(AT - timedelta(hours=2)).isoformat(), confirmed=50)


@pytest.mark.parametrize(
    ("last", "confirmed", "hours", "why"),
    [
        (None, 0, 0, None),
        (None, 7, 0, "the first round: 7 documents confirmed"),
        (LAST, 50, 0, None),
        (LAST, 50, 100, None),  # nothing is new, however long ago
        (LAST, 59, 0, None),
        (LAST, 60, 0, "10 more documents confirmed"),
        (LAST, 51, 3.9, None),
        (LAST, 51, 4, "+1 confirmed, and 6 hours since the last round"),
        (LAST, 49, 4, "-1 confirmed, and 6 hours since the last round"),  # somebody took it back
        (replace(LAST, ended=None), 50, 0, "round 3 was interrupted"),
    ],
)
def test_when_a_round_begins(last: RoundRecord | None, confirmed: int, hours: float, why: str | None) -> None:
    assert why_now(last, confirmed, RULES, AT + timedelta(hours=hours)) == why


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": -1}, {"confirmed": 0}, {"hours": float("nan")}])
def test_rules_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match="is out of range"):
        WatchRules(**wrong)


def test_times_that_cron_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run("loop", "--watch", "--at", "25 o'clock")
    assert outcome.code == 2
    assert "✘ these aren't times as cron has them" in outcome.err
    assert "where: --at" in outcome.err


def test_one_watch_per_loop(tmp_path: Path) -> None:
    loop = Loop(tmp_path / "loop", project="night", database=tmp_path / "tagtog.db")
    (tmp_path / "loop/rounds").mkdir(parents=True)
    with folder_lock(tmp_path / "loop/rounds"), pytest.raises(LoopError, match="another process watches"):
        watch(loop, RULES, round_=lambda: None, say=print, complain=print)


def test_without_a_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "apscheduler.schedulers.blocking", None)
    assert_refused(run("loop", "--watch"), "watching needs APScheduler", "pip install 'spacy-tagtog[loop]'")


@pytest.fixture
def watching(tmp_path: Path, subprocess_env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    options = ["--watch", "--every", "0.005", "--confirmed", "3", "--components", "ner", "--model", "seed"]
    process = subprocess.Popen(
        [sys.executable, "-m", "spacy_tagtog", "loop", *options, "--test", "0.4"],
        cwd=tmp_path,
        env={**subprocess_env, "PYTHONUNBUFFERED": "1", "TAGTOG_PROJECT": "night"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    yield process
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read what it prints until these words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return line
    raise AssertionError("".join(lines))


def test_a_watch_from_its_beginning_to_its_end(watching: subprocess.Popen[str], tmp_path: Path) -> None:
    """It waits for its project, begins a round when enough is confirmed, and ends when it is told to."""
    until(watching, "tagtog can't be looked at, the next look tries again")
    team = Team.start(tmp_path / "local-tagtog.db", confirmed=range(10), new=range(40, 46))
    until(watching, "the first round: 10 documents confirmed")
    until(watching, "model 1 promoted")
    team.review([40, 41, 42])
    until(watching, "3 more documents confirmed")
    until(watching, "training")
    os.kill(watching.pid, signal.SIGTERM)
    assert watching.wait() == 130  # when the round that is running is done
    loop = Loop(tmp_path / "loop", project="night", database=tmp_path / "local-tagtog.db")
    assert loop.lineage.current in (1, 2)
    assert [record.number for record in loop.records] == [1, 2]
