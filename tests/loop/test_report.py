"""What a loop achieved: every decision of people is counted once, in its round, type and band."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from commands import assert_refused, run
from teams import Team

from spacy_tagtog import client
from spacy_tagtog.anndoc import Document
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.loop import Loop, LoopSettings
from spacy_tagtog.loop.decisions import read_decisions
from spacy_tagtog.loop.report import LoopReport, ModelRow, _expected, report_of, report_page

SETTINGS = LoopSettings(components="ner", model="seed", test=0.4, blind_share=0.0)


def reviewed(tagtog: TagtogClient, doc_id: str) -> Document:
    """What somebody makes of the suggestions: the first stays, the second goes, one is added at the end."""
    document = tagtog.document(doc_id)
    data = document.annotations.data
    entities = data["entities"]
    assert len(entities) > 2
    for entity in entities:
        entity["confidence"] = {"state": "", "who": ["user:eve"], "prob": 1}
    entities[2]["classId"] = {"e_1": "e_2", "e_2": "e_1"}[entities[2]["classId"]]
    del entities[1]
    start = document.text.index("Note")
    entities.append({**entities[0], "offsets": [{"start": start, "text": "Note"}], "classId": "e_1"})
    data["anncomplete"] = True
    return document


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of two rounds; of what the first sent, two documents were reviewed. Nobody may change it."""
    folder = tmp_path_factory.mktemp("report")
    team = Team.start(folder / "tagtog.db", confirmed=range(20), new=range(40, 46))
    loop = Loop(folder / "loop", SETTINGS, project="night", database=folder / "tagtog.db")
    loop.round()
    ids = [doc_id for doc_id, shown in sorted(team.shown().items()) if len(shown) > 2][:2]
    assert len(ids) == 2
    team.call(lambda tagtog: client.push(tagtog, [reviewed(tagtog, doc_id) for doc_id in ids]))
    loop.round()
    return folder / "loop"


def test_every_decision_is_kept(two_rounds: Path) -> None:
    decisions = read_decisions(two_rounds / "decisions/0002.json")
    assert read_decisions(two_rounds / "decisions/0001.json") == []
    sent = json.loads((two_rounds / "rounds/0002.json").read_text())["results"]["changes"]
    assert Counter(one.kind == "added" for one in decisions) == {True: 2, False: sent["proposed"]}
    kinds = Counter(one.kind for one in decisions)
    assert kinds["relabelled"] == kinds["removed"] == kinds["added"] == 2
    assert kinds["kept"] == sent["proposed"] - 4
    (added,) = {(one.type, one.text, one.prob, one.who) for one in decisions if one.kind == "added"}
    assert added == ("Star", "Note", None, "user:eve")
    for one in decisions:
        assert (one.prob is None) == (one.kind == "added")
        assert (
            (one.now_text is None) == (one.now_type is None) == (one.who is None) == (one.kind == "removed")
        )
        assert (one.now_type != one.type) == (one.kind in ("relabelled", "removed"))


def test_the_report_adds_up(two_rounds: Path) -> None:
    report = report_of(two_rounds)
    decisions = read_decisions(two_rounds / "decisions/0002.json")
    (row,) = report.rounds
    assert (row.name, row.documents) == ("round 2", 2)
    assert sum(row.kinds.values()) == len(decisions)
    for rows, names in ((report.types, {"Star", "Place"}), (report.people, {"user:eve"})):
        assert {one.name for one in rows} <= names
        for kind in ("kept", "relabelled", "added"):
            assert sum(one.kinds[kind] for one in rows) == row.kinds[kind]
    assert sum(number for _, _, number, _ in report.bands) == row.suggested
    kept = sum(number * share for _, _, number, share in report.bands)
    assert kept == pytest.approx(row.kinds["kept"])
    assert report.probabilities is not None
    assert (report.probabilities.n, report.probabilities.right) == (row.suggested, row.kinds["kept"])
    assert dict(report.corrections)["added: Star “Note”"] == 2
    assert report.corrections[0][1] == 2
    assert [one.number for one in report.models] == [1, 2]
    assert report.expected is None


def test_the_page_and_the_file(two_rounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(two_rounds, tmp_path / "loop")
    outcome = run("loop", "report", "report.html")
    assert outcome.code == 0, outcome.err
    assert "✔ 2 models and " in outcome.out
    page = Path("report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "relabelled: " in page
    assert run("loop", "report", "report.json").code == 0
    assert json.loads(Path("report.json").read_text())["rounds"][0]["documents"] == 2
    assert_refused(run("loop", "report", "report.txt"), "a report can't be written in this form")


def test_what_people_wrote_is_text() -> None:
    empty = LoopReport([], [], [], [], [], None, [("added: Star “<b onclick=x>”", 3)], [], None)
    page = report_page(empty, "<i>night</i>")
    assert "<b" not in page.partition("<body")[2].partition("</body")[0].replace("<body", "")
    assert "&lt;i&gt;night" in page
    assert "Nobody has reviewed anything" in page


def model(number: int, documents: int, f: float) -> ModelRow:
    return ModelRow(number, "2026-12-01T10:00:00+00:00", "promoted", False, documents, 10, f, None, 0, 0, "")


def test_the_curve() -> None:
    """Half of what is missing goes with each doubling of the documents."""
    rising = [model(1, 100, 60.0), model(2, 200, 80.0), model(3, 400, 90.0)]
    now, later = _expected(rising) or (0, 0)
    assert now == pytest.approx(90)
    assert later == pytest.approx(92)
    assert _expected(rising[:2]) is None
    assert _expected([model(1, 100, 60.0), model(2, 200, 50.0), model(3, 400, 40.0)]) is None
    assert _expected([model(1, 100, 60.0), model(2, 100, 70.0), model(3, 200, 80.0)]) is None
