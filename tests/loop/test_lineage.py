"""Numbered models, the current one, going back, and removing old pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacy_tagtog.errors import LoopError
from spacy_tagtog.loop.lineage import Lineage, Manifest

AT = "2026-12-01T10:00:00+00:00"


def add(lineage: Lineage, number: int, *, promoted: bool = True) -> None:
    pipeline = lineage.pipeline_of(number)
    pipeline.mkdir(parents=True)
    (pipeline / "config.cfg").write_text(f"[number]\nis = {number}\n")
    (pipeline / "weights").write_bytes(bytes([number]) * 100)
    lineage.add(
        Manifest(
            number=number,
            made=AT,
            state="promoted" if promoted else "candidate",
            parent=lineage.current,
            inputs="",
            documents={"d1": ("train", "00")},
            authors={},
            settings={},
            versions={},
            seconds={},
            verdict={"reason": f"because of {number}"},
            metrics={},
        )
    )
    if promoted:
        lineage.promote(number, f"because of {number}", AT)


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    made = Lineage(tmp_path / "loop")
    for number in (1, 2, 3):
        add(made, number)
    add(made, 4, promoted=False)
    return made


def test_a_new_one_has_none(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path)
    assert lineage.current is None
    assert (lineage.numbers, lineage.kept, lineage.moves) == ([], [], [])
    with pytest.raises(LoopError, match="no earlier model") as caught:
        lineage.rollback(None, AT)
    assert caught.value.value == "no model"


def test_what_is_kept_of_each(lineage: Lineage) -> None:
    assert lineage.numbers == [1, 2, 3, 4]
    assert lineage.current == 3
    assert lineage.manifest(4).state == "candidate"
    assert lineage.manifest(4).parent == 3
    assert lineage.manifest(2).reason == "because of 2"
    assert lineage.manifest(1).documents == {"d1": ("train", "00")}


def test_a_model_without_manifest_is_none(lineage: Lineage) -> None:
    """A round died before it was measured."""
    lineage.pipeline_of(5).mkdir(parents=True)
    assert lineage.numbers == [1, 2, 3, 4]
    with pytest.raises(LoopError, match="no such model") as caught:
        lineage.manifest(5)
    assert "1, 2, 3, 4" in str(caught.value)


def test_going_back_twice_goes_two_back(lineage: Lineage) -> None:
    before = (lineage.pipeline_of(2) / "weights").read_bytes()
    assert [lineage.rollback(None, AT), lineage.current] == [2, 2]
    assert lineage.rollback(None, AT) == 1
    with pytest.raises(LoopError, match="no earlier model"):
        lineage.rollback(None, AT)
    assert lineage.rollback(3, AT) == 3
    assert lineage.rollback(None, AT) == 1  # where we were before
    assert (lineage.pipeline_of(2) / "weights").read_bytes() == before
    assert [(move.model, move.why) for move in lineage.moves[2:5]] == [
        (3, "because of 3"),
        (2, "rolled back from model 3"),
        (1, "rolled back from model 2"),
    ]


def test_a_candidate_may_be_made_the_current_one(lineage: Lineage) -> None:
    assert lineage.rollback(4, AT) == 4
    assert lineage.current == 4
    with pytest.raises(LoopError, match="no such model"):
        lineage.rollback(9, AT)
    assert lineage.current == 4


def test_old_pipelines_are_removed_and_never_the_current_one(lineage: Lineage) -> None:
    assert lineage.prune(2) == [1]  # 2 is where a rollback leads, 3 is current, 4 the latest
    assert lineage.kept == [2, 3, 4]
    assert lineage.numbers == [1, 2, 3, 4]
    assert lineage.manifest(1).reason == "because of 1"
    assert not lineage.pipeline_of(1).exists()
    with pytest.raises(LoopError, match="pipeline was removed"):
        lineage.rollback(1, AT)
    lineage.rollback(2, AT)
    for number in (5, 6, 7):
        add(lineage, number, promoted=False)
    lineage.prune(1)
    assert lineage.kept == [2, 7]
    assert lineage.current == 2


def test_promoting_the_current_one_again_changes_nothing(lineage: Lineage) -> None:
    moves = lineage.moves
    lineage.promote(3, "again", AT)
    assert lineage.moves == moves


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("{", "Expecting property name"),
        ('{"version": 1, "moves": [{"at": "x", "model": "3", "why": ""}]}', "moves.0.model"),
        ('{"version": 2}', "2"),
        ("[]", "Input should be"),
    ],
)
def test_what_cannot_be_read_is_said(lineage: Lineage, content: str, value: str) -> None:
    path = lineage.folder / "current.json"
    path.write_text(content)
    with pytest.raises(LoopError) as caught:
        _ = lineage.current
    assert caught.value.place == path
    assert value in str(caught.value.value)
    assert caught.value.advice
