"""``iaa``, ``merge`` and ``changes`` as users call them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run
from notes import entity, write

from spacy_tagtog.anndoc import (
    Annotations,
    Document,
    Legend,
    Project,
    confidence,
    html_from_text,
)

LEGEND = Legend({"e_1": "Star", "e_2": "Planet", "f_1": "Planet", "m_1": "clear"})
# Offsets count UTF-16 code units, as tagtog does: 🌠 has two of them.
TEXT = "I saw Vega 🌠 and Mars, then Vega again."


VEGA, MARS, MARS_STAR, AGAIN = (
    entity("e_1", 6, "Vega"),
    entity("e_2", 18, "Mars"),
    entity("e_1", 18, "Mars"),
    entity("e_1", 29, "Vega"),
)


def version(*entities: dict[str, Any], complete: bool = True, clear: bool | None = None) -> Annotations:
    made = Annotations.empty(["s1v1"], complete=complete)
    made.data["entities"] = list(entities)
    if clear is not None:
        made.data["metas"] = {
            "m_1": {"value": clear, "confidence": confidence(state="", who=["user:ada"], prob=1)}
        }
    return made


def document(versions: Mapping[str, Annotations], *, text: str = TEXT, name: str = "note.txt") -> Document:
    html = html_from_text(text, filename=name)
    return Document(str(html.id), html, versions, legend=LEGEND)


def project(path: Path, *documents: Document) -> Path:
    return write(path, *documents, legend=LEGEND)


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A document that three members confirmed, one that nobody did, and one that master confirmed, too."""
    return project(
        tmp_path / "team.zip",
        document(
            {
                "ada": version(VEGA, MARS, AGAIN, clear=True),
                "bob": version(VEGA, MARS_STAR, clear=True),
                "cyd": version(VEGA, MARS),
            }
        ),
        document({"ada": version(VEGA, complete=False), "dan": version(complete=False)}, name="draft.txt"),
        document({"master": version(MARS), "ada": version(VEGA), "bob": version(VEGA)}, name="done.txt"),
    )


def rows(out: str) -> dict[str, list[str]]:
    """The lines of tables by their first column."""
    lines = [line.split() for line in out.splitlines()]
    return {line[0]: line[1:] for line in lines if line}


def test_iaa_of_all_pairs(team: Path, tmp_path: Path) -> None:
    report = tmp_path / "iaa.json"
    code, out, err = run("iaa", team, "--report", report)
    assert (code, err) == (0, "")
    assert "clear" in out
    assert "3 of 6 pairs confirmed no document in common" in out  # dan confirmed nothing
    lines = [line.split() for line in out.splitlines()]
    assert ["ada,", "bob", "2", "100.0", "66.7", "0.0", "66.7"] in lines  # clear, Star, Planet, all
    assert ["ada,", "cyd", "1", "0.0", "66.7", "100.0", "66.7"] in lines
    (worst,) = (line for line in lines if line and line[0].endswith("-note.txt"))
    assert worst[1:] == ["55.6", "18"]  # five of eleven and of seven annotations agree, all pairs together
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["names"] == {"m_1": "clear", "e_1": "Star", "e_2": "Planet"}
    assert figures["confirmed"] == {"ada": 2, "bob": 2, "cyd": 1, "dan": 0}
    pair = figures["tasks"]["e_1"]["pairs"][0]
    assert (pair["member1"], pair["member2"], pair["overNumDocs"], pair["first"], pair["second"]) == (
        "ada",
        "bob",
        2,
        3,
        3,
    )


def test_iaa_of_one_pair_shows_more(team: Path) -> None:
    code, out, _ = run("iaa", team, "-m", "bob", "-m", "ada", "--metric", "overlapping_v1")
    assert code == 0
    assert rows(out)["Star"] == ["66.7", "66.7", "66.7", "3", "3"]
    assert "ada and bob both confirmed 2 of 3 documents: F1 (overlapping_v1) 57.1" in out
    code, out, _ = run("iaa", team, "-m", "ada", "-m", "cyd", "-t", "clear")
    assert rows(out)["clear"] == ["0.0", "–", "0.0", "1", "0", "0.00"]


def test_iaa_says_when_a_metric_has_no_annotations(team: Path) -> None:
    code, out, _ = run("iaa", team, "--metric", "documentlevel_v1")
    assert code == 0
    assert "nobody made an annotation for which tagtog defines documentlevel_v1" in out


def test_iaa_with_master_as_a_member(team: Path) -> None:
    assert rows(run("iaa", team, "-m", "master", "-m", "ada")[1])["Star"][0] == "0.0"


@pytest.mark.parametrize(
    ("options", "pieces"),
    [
        (["-m", "ada"], ["agreement needs two members", "ada"]),
        (["-m", "ada", "-m", "eve"], ["no version of this member", "eve", "master, ada, bob, cyd, dan"]),
        (["-m", "ada", "-m", "dan"], ["no document was confirmed by two", "ada 2, dan 0"]),
        (["-t", "Moon"], ["not the id of an annotation task", "Moon"]),
        (["-t", "e_9"], ["no such annotation task", "e_1, e_2"]),
        (["-t", "Planet"], ["several annotation tasks have this name", "e_2, f_1"]),
        (["--metric", "kappa"], ["unknown value of --metric", "exact_v1, overlapping_v1, documentlevel_v1"]),
        (
            ["-t", "e_1", "--metric", "documentlevel_v1"],
            ["tagtog defines no documentlevel_v1 for e_1", "exact_v1, overlapping_v1"],
        ),
    ],
)
def test_iaa_refuses_what_it_cannot_measure(team: Path, options: list[str], pieces: list[str]) -> None:
    message = refused("iaa", team, *options)
    for piece in pieces:
        assert piece in message


def test_iaa_of_a_project_without_members(tmp_path: Path) -> None:
    path = project(tmp_path / "solo", document({"master": version(VEGA)}))
    assert "nobody but master has a version" in refused("iaa", path)


def test_broken_files_are_refused_or_listed(tmp_path: Path) -> None:
    both = {"ada": version(VEGA), "bob": version(VEGA)}
    path = project(tmp_path / "team", document(both), document(both, name="other.txt"))
    broken = next(path.glob("ann.json/members/bob/pool/*other.txt.ann.json"))
    broken.write_text("{", encoding="utf-8")
    for command in (["iaa", path], ["merge", path, tmp_path / "out", "-s", "union_v1"]):
        assert str(broken) in refused(*command)
        assert not (tmp_path / "out").exists()
        code, _, err = run(*command, "--on-problem", "report")
        assert code == 0
        assert str(broken) in err
    assert len(Project.open(tmp_path / "out")) == 1
    assert "unknown value of --on-problem" in refused("iaa", path, "--on-problem", "ignore")


def test_iaa_says_which_entities_point_at_another_text(tmp_path: Path) -> None:
    path = project(
        tmp_path / "team", document({"ada": version(VEGA, entity("e_1", 0, "Deneb")), "bob": version(VEGA)})
    )
    assert "1 entity of ada points at another text" in run("iaa", path)[2]


@pytest.mark.parametrize(
    ("strategy", "starts"),
    [("union_v1", [6, 18, 18, 29]), ("majority_v1", [6, 18]), ("intersection_v1", [6])],
)
def test_merge_writes_the_whole_project(team: Path, tmp_path: Path, strategy: str, starts: list[int]) -> None:
    out, report = tmp_path / "merged.zip", tmp_path / "merged.json"
    code, said, err = run("merge", team, out, "--strategy", strategy, "--report", report)
    assert code == 0
    before, after = Project.open(team), Project.open(out)
    assert (sorted(after.ids), after.legend) == (sorted(before.ids), before.legend)
    note, draft, done = (
        next(item for item in after if name in item.id) for name in ("note", "draft", "done")
    )
    assert [item.fragments[0].start for item in note.annotations] == starts
    assert not note.annotations.complete
    assert set(note.versions) == {"master", "ada", "bob", "cyd"}
    assert note.versions["ada"] == before[note.id].versions["ada"]
    assert set(draft.versions) == {"ada", "dan"}  # nobody confirmed it
    assert done.annotations == before[done.id].annotations  # people confirmed it
    assert draft.id in err
    assert done.id in err
    assert f"1 document merged by {strategy} into the versions of master" in said
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["not_confirmed"] == [draft.id]
    assert figures["protected"] == [done.id]
    assert figures["documents"][note.id]["conflicts"][0]["kind"] == "type"
    assert len(figures["documents"][note.id]["left_out"]) == figures["left_out"].get("entity", 0) + figures[
        "left_out"
    ].get("document label", 0)


def test_merge_into_another_version_and_over_a_confirmed_one(team: Path, tmp_path: Path) -> None:
    code, _, _ = run(
        "merge",
        team,
        tmp_path / "out",
        "-s",
        "union_v1",
        "--save-to",
        "adjudicated",
        "--member",
        "ada",
        "--member",
        "bob",
    )
    assert code == 0
    merged = next(item for item in Project.open(tmp_path / "out") if "note" in item.id)
    assert {tuple(item.who) for item in merged.versions["adjudicated"]} == {
        ("user:ada", "user:bob"),
        ("user:ada",),
        ("user:bob",),
    }
    code, _, _ = run("merge", team, tmp_path / "out", "-s", "union_v1", "--overwrite-confirmed", "--force")
    assert code == 0
    done = next(item for item in Project.open(tmp_path / "out") if "done" in item.id)
    assert [item.text for item in done.annotations] == ["Vega"]


def test_merge_by_agreement_says_whom_it_followed(team: Path, tmp_path: Path) -> None:
    report = tmp_path / "merged.json"
    code, out, _ = run("merge", team, tmp_path / "out", "-s", "best_iaa_v1", "--report", report)
    assert code == 0
    assert "agreement with the others" in out
    figures = json.loads(report.read_text(encoding="utf-8"))
    (done,) = figures["documents"].values()
    assert done["followed"] == {"m_1": "ada", "e_1": "ada", "e_2": "ada"}  # all ties
    assert set(figures["ranking"]["overall"]) == {"ada", "bob", "cyd"}


def test_merge_refuses_before_it_writes(team: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "unknown value of --strategy" in refused("merge", team, out, "-s", "vote")
    assert "no version of this member" in refused("merge", team, out, "-s", "union_v1", "-m", "eve")
    assert "no member confirmed a version of any document" in refused(
        "merge", team, out, "-s", "union_v1", "-m", "dan"
    )
    assert not out.exists()
    assert refused("merge", team, out, "-s", "union_v1", "--save-to", "../eve")
    assert "the output would replace what is read" in refused("merge", team, team, "-s", "union_v1")
    out.write_text("something else")
    assert "the output exists already" in refused("merge", team, out, "-s", "union_v1")


@pytest.fixture
def reviewed(tmp_path: Path) -> tuple[Path, Path]:
    before = project(
        tmp_path / "before",
        document({"master": version(VEGA, MARS_STAR, complete=False)}),
        document({"master": version(VEGA, complete=False)}, name="kept.txt"),
        document({"master": version(VEGA, complete=False)}, name="waiting.txt"),
        document({"ada": version(VEGA)}, name="unannotated.txt"),
        document({"master": version(VEGA, complete=False)}, name="gone.txt"),
    )
    after = project(
        tmp_path / "after",
        document({"master": version(VEGA, MARS, AGAIN, clear=False)}),
        document({"master": version(VEGA)}, name="kept.txt"),
        document({"master": version(complete=False)}, name="waiting.txt"),
        document({"master": version(VEGA)}, name="unannotated.txt"),
        document({"master": version(VEGA)}, name="new.txt"),
    )
    return before, after


def test_changes_are_counted_and_what_was_left_out_is_listed(
    reviewed: tuple[Path, Path], tmp_path: Path
) -> None:
    report = tmp_path / "changes.json"
    code, out, err = run("changes", *reviewed, "--report", report)
    assert code == 0
    # Before, accepted, %, removed, relabelled, moved, added, edits.
    assert rows(out)["Star"] == ["3", "2", "66.7", "0", "1", "0", "1", "2"]
    assert "clear (m_1)" in out
    assert "2 edits of entities; 1 of 2 documents changed" in out
    for piece in (
        "only in the earlier state: 1",
        "only in the later state: 1",
        "no earlier version of master: not looked at: 1",
        "not confirmed",
    ):
        assert piece in err
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert (figures["compared"], figures["changed"], figures["proposed"], figures["edits"]["total"]) == (
        2,
        1,
        3,
        2,
    )
    (changed,) = figures["documents"].values()
    assert [item["kind"] for item in changed["entities"]] == ["relabelled", "added"]
    assert "3 edits of entities; 2 of 3 documents" in run("changes", *reviewed, "--documents", "all")[1]


def test_changes_between_members_of_one_project(team: Path) -> None:
    code, out, _ = run("changes", team, team, "--before-member", "ada", "--member", "bob")
    assert code == 0
    assert rows(out)["all"] == ["4", "2", "50.0", "1", "1", "0", "0", "2"]


def test_changes_refuses_states_that_do_not_belong_together(
    reviewed: tuple[Path, Path], tmp_path: Path
) -> None:
    before, _ = reviewed
    assert "there is nothing to compare" in refused("changes", before, before)  # nothing is confirmed
    assert "no version of this member" in refused("changes", *reviewed, "--member", "eve")
    # The same id, another text.
    first = document({"master": version(VEGA)})
    other = html_from_text("Another text.", filename="note.txt")
    swapped = other.data.decode().replace(str(other.id), first.id)
    path = project(tmp_path / "other", first)
    next(path.glob("plain.html/pool/*")).write_text(swapped, encoding="utf-8")
    assert "the text of a document is another one" in refused(
        "changes", project(tmp_path / "first", first), path
    )
    code, out, err = run("changes", tmp_path / "first", path, "--on-problem", "report")
    assert (code, "0 edits of entities; 0 of 0 documents" in out, first.id in err) == (0, True, True)
