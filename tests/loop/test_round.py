"""Rounds over a real local tagtog: better models are promoted, worse ones refused, nothing is done twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from teams import Team, careless

from spacy_tagtog._files import folder_lock
from spacy_tagtog.errors import LoopError, UnreachableError
from spacy_tagtog.loop import Loop, LoopSettings
from spacy_tagtog.loop.records import STEPS
from spacy_tagtog.loop.round import Round
from spacy_tagtog.loop.sides import read_sides
from spacy_tagtog.loop.status import status_of
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.steps.connection import ConnectionSettings

SETTINGS = LoopSettings(components="ner", model="seed", test=0.4, blind_share=0.0)


class Killed(BaseException):
    """As a signal ends a process: nothing of ours catches it."""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(folder: Path, *, confirmed: int = 10, new: range = range(40, 46)) -> tuple[Team, Loop]:
    database = folder / "tagtog.db"
    team = Team.start(database, confirmed=range(confirmed), new=new)
    return team, Loop(folder / "loop", SETTINGS, project="night", database=database)


@pytest.fixture(scope="module")
def one_round(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project and its loop after one round. Nobody may change it."""
    folder = tmp_path_factory.mktemp("loop")
    _, loop = start(folder)
    loop.round()
    return folder


@pytest.fixture
def after_one(one_round: Path, tmp_path: Path) -> tuple[Team, Loop]:
    """A copy of it."""
    shutil.copytree(one_round, tmp_path / "copy")
    loop = Loop(tmp_path / "copy/loop", SETTINGS, project="night", database=tmp_path / "copy/tagtog.db")
    return Team(loop.connection), loop


def test_the_first_round(after_one: tuple[Team, Loop]) -> None:
    team, loop = after_one
    (record,) = loop.records
    assert record.ended
    assert (record.number, record.model, record.current) == (1, 1, 1)
    assert (record.confirmed, record.waiting) == (10, 6)
    assert list(record.seconds) == list(STEPS)
    assert record.said.startswith("model 1 promoted: the first model: F ")
    manifest = loop.lineage.manifest(1)
    sides = [side for side, _ in manifest.documents.values()]
    assert {side: sides.count(side) for side in set(sides)} == {"train": 4, "dev": 2, "test": 4}
    assert manifest.verdict["documents"] == 4
    assert manifest.authors == {"user:ann": sum(manifest.authors.values())}
    assert manifest.versions.keys() >= {"spacy-tagtog", "spacy", "python", "scikit-learn"}
    shown = team.shown()
    assert len(shown) == 6
    assert all(shown.values())  # something is suggested in each
    assert not (loop.folder / "work").exists()


def test_nothing_new_is_no_round(after_one: tuple[Team, Loop]) -> None:
    _, loop = after_one
    before = files(loop.folder)
    record = loop.round()
    assert record.said == "nothing new to learn from: model 1 stays"
    after = files(loop.folder)
    # What was sent is fetched again, since tagtog has it now.
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name.partition("/")[0] for name in changed} <= {"new"}
    assert loop.round().said == record.said


def test_a_better_model_is_promoted_a_worse_one_is_not_and_one_can_go_back(
    after_one: tuple[Team, Loop],
) -> None:
    team, loop = after_one
    of_first = files(loop.lineage.pipeline_of(1))

    team.review(range(10, 30))
    team.review(range(40, 43))
    better = loop.round()
    assert better.current == 2, better.said
    assert better.said.startswith("model 2 promoted: F ")
    verdict: Any = loop.lineage.manifest(2).verdict
    assert verdict["overall"]["new"] > verdict["overall"]["current"]
    # Three of what was sent came back: what people made of it is counted.
    edits: Any = better.results["changes"]
    assert edits["compared"] == 3
    assert better.waiting == 3

    # Somebody takes stars for places: the next model learns it, and is refused.
    team.review(range(100, 140), careless)
    shown = team.shown()
    worse = loop.round()
    assert worse.model == 3
    assert worse.current == loop.lineage.current == 2
    assert "kept as a candidate, model 2 stays: it is worse" in worse.said or "it may be worse" in worse.said
    assert team.shown() == shown  # what people see still comes from model 2
    status = status_of(loop.folder)
    assert status.waiting is not None
    assert (status.current, status.promoted, status.rounds) == (2, 2, 3)

    assert loop.rollback() == 1
    assert loop.lineage.current == 1
    assert files(loop.lineage.pipeline_of(1)) == of_first
    again = loop.round()  # nothing new to learn from, but what people see comes from the other model now
    assert again.model is None
    assert again.current == 1
    assert "push" in again.results
    assert loop.lineage.current == 1


def test_documents_that_nobody_chose_test_and_keep_their_place(after_one: tuple[Team, Loop]) -> None:
    team, loop = after_one
    team.review([40, 41, 42, 43, 44, 45])
    loop.round()
    first, second = (loop.lineage.manifest(number).documents for number in (1, 2))
    assert {doc_id: second[doc_id] for doc_id in first} == first
    chosen = {doc_id: side for doc_id, (side, _) in second.items() if doc_id not in first}
    assert len(chosen) == 6
    ranking = (loop.folder / "sides.json").read_text()
    assert '"origin": "chosen"' in ranking
    assert sum(side == "test" for side in chosen.values()) <= ranking.count('"origin": "chance"')


def test_what_was_ever_sent_with_suggestions_never_tests(after_one: tuple[Team, Loop]) -> None:
    """A later search for what is new leaves a document out; then people confirm it."""
    team, loop = after_one
    left_out = next(doc_id for doc_id in team.shown() if "n044" in doc_id)
    query = f'anncomplete:false AND NOT docid:"{left_out}"'
    other = Loop(
        loop.folder, replace(SETTINGS, new=query), project="night", database=loop.connection.database
    )
    team.review([40])
    other.round()
    assert left_out not in read_ranking(loop.folder / "ranking.json").ids
    team.review([44])
    other.round()
    assert read_sides(loop.folder / "sides.json")[left_out].origin == "chosen"


@pytest.mark.parametrize("step", STEPS)
def test_a_round_that_dies_goes_on_where_it_died(
    step: str, one_round: Path, after_one: tuple[Team, Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when a step has had its effect and before that is written down: the worst moment."""
    team, loop = after_one
    team.review([40, 41])
    keep = Round._keep
    done: list[str] = []

    def dies(self: Round, **values: Any) -> None:
        done.extend(set(values.get("seconds", ())) - set(done))
        if step in values.get("seconds", ()):
            raise Killed
        keep(self, **values)

    with monkeypatch.context() as patch:
        patch.setattr(Round, "_keep", dies)
        with pytest.raises(Killed):
            loop.round()
    assert loop.lineage.current in (1, 2)
    assert status_of(loop.folder).unfinished == step or step == "fetch"
    repeated: list[str] = []

    def noting(names: Any, total: int | None = None) -> Iterator[str]:
        for name in names:
            repeated.append(name)
            yield name

    record = loop.round(progress=noting)  # type: ignore[arg-type]
    # Until there is a model, all is done again: somebody may have mended the data.
    first = STEPS.index(step) if STEPS.index(step) > STEPS.index("train") else 0
    assert repeated == list(STEPS[first:])
    assert list(record.seconds) == list(STEPS)
    assert (record.number, record.model) == (2, 2)
    assert [one.number for one in loop.records] == loop.lineage.numbers == [1, 2]
    moves = [move.model for move in loop.lineage.moves]
    assert moves == ([1, 2] if record.current == 2 else [1])
    assert record.results.keys() >= {"convert", "train", "calibrate", "gate", "annotate", "rank", "push"}
    assert len(team.shown()) == 4
    assert loop.round().model is None


def test_a_deleted_document_does_not_come_back(
    after_one: tuple[Team, Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes a document, and somebody else confirms one, between rank and push."""
    team, loop = after_one
    team.review([40])
    rank = Round._rank
    ids = sorted(team.shown())

    def then_delete(self: Round) -> Any:
        found = rank(self)
        team.call(lambda tagtog: tagtog.delete_document(ids[0]))
        team.review([45])
        return found

    monkeypatch.setattr(Round, "_rank", then_delete)
    push: Any = loop.round().results["push"]
    assert push["gone"] == [ids[0], next(doc_id for doc_id in ids if "n045" in doc_id)]
    assert sorted(team.shown()) == [doc_id for doc_id in ids[1:] if "n045" not in doc_id]


def test_other_settings_begin_the_round_that_died_anew(
    after_one: tuple[Team, Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    team, loop = after_one
    team.review([40, 41])
    with monkeypatch.context() as patch:
        patch.setattr(Round, "_calibrate", lambda self: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            loop.round()
    other = Loop(
        loop.folder,
        replace(SETTINGS, overrides={"training.seed": 3}),
        project="night",
        database=loop.connection.database,
    )
    record = other.round()
    assert (record.number, record.model) == (2, 2)
    settings: Any = loop.lineage.manifest(2).settings
    assert settings["overrides"] == {"training.seed": 3}


def test_one_loop_at_a_time(after_one: tuple[Team, Loop]) -> None:
    _, loop = after_one
    with folder_lock(loop.folder):
        for act in (loop.round, loop.rollback):
            with pytest.raises(LoopError, match="another loop works in this folder"):
                act()
    assert loop.round().model is None


def test_a_tagtog_that_is_away_changes_nothing(after_one: tuple[Team, Loop]) -> None:
    _, loop = after_one
    before = files(loop.folder)

    def away(settings: ConnectionSettings) -> None:
        raise UnreachableError("tagtog can't be reached", place=settings.domain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_tagtog.loop.round.open_connection", away)
        with pytest.raises(UnreachableError):
            loop.round()
    assert files(loop.folder) == before
    assert loop.round().said == "nothing new to learn from: model 1 stays"


def test_too_few_documents(tmp_path: Path) -> None:
    _, loop = start(tmp_path, confirmed=0)
    with pytest.raises(LoopError, match="nobody has confirmed a document yet") as caught:
        loop.round()
    assert "6 to be annotated" in str(caught.value)
    Team(loop.connection).review([0, 1])
    with pytest.raises(LoopError, match="too few confirmed documents"):
        loop.round()
    with pytest.raises(LoopError, match="no earlier model"):
        loop.rollback()
    Team(loop.connection).review(range(2, 8))
    assert loop.round().current == 1
