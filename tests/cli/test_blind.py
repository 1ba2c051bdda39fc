"""Blind documents from push to evaluate, on a local tagtog: what people see, and what is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import LEGEND, E, document
from commands import refused, run

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.selection.blind import draw_blind, read_blind
from spacy_tagtog.selection.ranking import RankedDocument, Ranking, write_ranking

NUMBER = 12
RANKING = Path("ranking.json")
PUSH = ("push", "annotated", "--project", "stars", "--create", "--ranking", RANKING, "--report", "push.json")


def note(number: int, *entities: E, complete: bool = False) -> Document:
    return document(f"Vega near Mars {number}", entities=entities, complete=complete, name=f"n{number}.txt")


def annotated(number: int) -> Document:
    """A person's star, and a planet that the model proposes, of the wrong type in every third document."""
    proposal = E(1, 10, 14, "e_1" if number % 3 == 0 else "e_2", state="pre-added", who="ml:m", prob=0.9)
    return note(number, E(1, 0, 4), proposal)


@pytest.fixture(autouse=True)
def _workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOMAIN", "OWNER", "PROJECT", "DATABASE"):
        monkeypatch.delenv(f"TAGTOG_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    documents = [annotated(number) for number in range(NUMBER)]
    write_project(documents, "annotated", legend=LEGEND)
    places = [
        RankedDocument(one.id, rank, 1, 0.0, False, content_fingerprint(one), {"maybe_missed": []})
        for rank, one in enumerate(documents, 1)
    ]
    own: dict[str, Any] = {"seed": 0, "batch_size": 20, "random_share": 0.0, "pipeline": None}
    own |= {"calibrated": None, "reviewed": 0, "unreviewed": NUMBER}
    write_ranking(RANKING, Ranking("spacy-tagtog.Random.v1", {}, documents=places, **own))


def in_tagtog() -> dict[str, list[str]]:
    """What people see: id to the texts of the entities."""
    code, _, err = run("fetch", "there", "--project", "stars", "--query", "*", "--force")
    assert code == 0, err
    return {one.id: [entity.text for entity in one.annotations.entities] for one in Project.open("there")}


def report(name: str = "push.json") -> Any:
    return json.loads(Path(name).read_text(encoding="utf-8"))


def test_what_is_blind_comes_without_proposals_and_stays_so() -> None:
    code, out, err = run(*PUSH, "--blind-share", 0.5)
    assert (code, err) == (0, "")
    blind = draw_blind([annotated(number).id for number in range(NUMBER)], 0.5, 0)
    assert 2 < len(blind) < NUMBER - 2
    assert f"{len(blind)} documents without pre-annotations: blind" in out
    assert report()["blind"] == blind
    assert sorted(read_blind(RANKING)) == sorted(blind)
    seen = in_tagtog()
    assert {doc_id for doc_id, texts in seen.items() if texts == ["Vega"]} == set(blind)
    assert {doc_id for doc_id, texts in seen.items() if texts == ["Vega", "Mars"]} == set(seen) - set(blind)
    # The next round knows it without being told, and sends nothing else.
    code, _, _ = run(*PUSH)
    assert code == 0
    assert len(report()["unchanged"]) == NUMBER
    assert in_tagtog() == seen
    # More of them, and those of before.
    assert run(*PUSH, "--blind-share", 0.8)[0] == 0
    assert set(blind) < set(report()["blind"])


def test_a_dry_run_draws_and_keeps_nothing() -> None:
    code, out, _ = run(*PUSH, "--blind-share", 0.5, "--dry-run")
    assert code == 0
    assert "without pre-annotations: blind" in out
    assert read_blind(RANKING) == {}


def test_a_confirmed_document_is_never_blind() -> None:
    write_project(
        [annotated(0), note(1, E(1, 0, 4), E(1, 10, 14, "e_2", state="pre-added"), complete=True)],
        "annotated",
        legend=LEGEND,
        force=True,
    )
    assert run(*PUSH, "--blind-share", 1)[0] == 0
    assert report()["blind"] == [annotated(0).id]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("--ranking", RANKING, "--blind-share", 1.5), "out of range"),
        (("--blind-share", 0.1), "--blind-share draws from a ranking"),
    ],
)
def test_a_share_needs_a_ranking_and_a_range(given: tuple[object, ...], problem: str) -> None:
    message = refused("push", "annotated", "--project", "stars", "--create", *given)
    assert problem in message
    assert "--blind-share" in message


def _review(blind: list[str], *, followed: bool) -> None:
    """People confirm all: blind they see that Mars is a planet; else they may follow the proposal."""
    write_project(
        (
            note(
                number,
                E(1, 0, 4),
                E(1, 10, 14, "e_1" if followed and number % 3 == 0 and one not in blind else "e_2"),
                complete=True,
            )
            for number in range(NUMBER)
            for one in [annotated(number).id]
        ),
        "after",
        legend=LEGEND,
        force=True,
    )


def test_changes_measure_on_blind_documents_and_count_no_edits_there() -> None:
    assert run(*PUSH, "--blind-share", 0.5)[0] == 0
    blind = report()["blind"]
    wrong = {annotated(number).id for number in range(0, NUMBER, 3)}
    assert wrong & set(blind)
    assert wrong - set(blind)
    _review(blind, followed=True)
    code, out, err = run("changes", "annotated", "after", "--ranking", RANKING, "--report", "changes.json")
    assert (code, err) == (0, "")
    found = report("changes.json")
    # Who saw the proposals followed them; who didn't, shows what they are worth.
    assert found["edits"]["total"] == 0
    assert found["proposed"] == 2 * (NUMBER - len(blind))
    right = 2 * len(blind) - len(wrong & set(blind))
    assert found["blind"]["documents"] == sorted(blind)
    assert found["blind"]["quality"]["f1"]["value"] == pytest.approx(right / (2 * len(blind)), abs=1e-6)
    assert found["blind"]["quality_of_others"]["f1"]["value"] == 1
    assert f"what people annotated blind, in {len(blind)} documents" in out
    rows = {line.split("  ")[0]: line.split()[-4:] for line in out.splitlines() if "  " in line}
    assert (rows["F %"][0], rows["F %"][3]) == (f"{100 * right / (2 * len(blind)):.1f}", "100.0")
    # Nobody followed: the wrong ones count as edits where they were seen.
    _review(blind, followed=False)
    assert run("changes", "annotated", "after", "--ranking", RANKING, "--report", "changes.json")[0] == 0
    assert report("changes.json")["edits"]["total"] == len(wrong - set(blind))


def test_changes_say_which_blind_documents_are_missing() -> None:
    assert run(*PUSH, "--blind-share", 0.5)[0] == 0
    blind = report()["blind"]
    write_project(
        (note(number, E(1, 0, 4), complete=annotated(number).id not in blind) for number in range(NUMBER)),
        "after",
        legend=LEGEND,
    )
    code, out, _ = run("changes", "annotated", "after", "--ranking", RANKING, "--report", "changes.json")
    assert code == 0
    assert f"of {len(blind)} blind documents none was compared" in out
    assert report("changes.json")["blind"]["not_reviewed"] == sorted(blind)


def test_evaluate_takes_the_blind_ones(rules_path: Path) -> None:
    assert run(*PUSH, "--blind-share", 0.5)[0] == 0
    blind = report()["blind"]
    _review(blind, followed=True)
    code, _, err = run(
        "evaluate", rules_path, "after", "--ranking", RANKING, "--only-blind", "--output", "metrics.json"
    )
    assert code == 0, err
    assert report("metrics.json")["documents"] == len(blind)
    assert "--only-blind with --ranking" in refused("evaluate", rules_path, "after", "--only-blind")
    Path("ranking.blind.json").unlink()
    message = refused("evaluate", rules_path, "after", "--ranking", RANKING, "--only-blind")
    assert "none of the reviewed documents was annotated blind" in message
    assert "--blind-share 0.1" in message
    Path("ranking.blind.json").write_text("{", encoding="utf-8")
    assert "the list of blind documents can't be read" in refused(*PUSH)


@pytest.fixture
def rules_path(tmp_path: Path) -> Path:
    """A pipeline that finds Vega."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Star", "pattern": "Vega"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "rules")
    return tmp_path / "rules"
