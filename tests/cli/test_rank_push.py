"""rank and push together, on a local tagtog over HTTP: what people see first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run

from spacy_tagtog.anndoc import Document, PlainHtml, Project, write_project
from spacy_tagtog.client import TagtogClient, push
from spacy_tagtog.demo import DEMO_LEGEND
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.projects import list_projects


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOMAIN", "OWNER", "PROJECT", "DATABASE"):
        monkeypatch.delenv(f"TAGTOG_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@contextmanager
def tagtog() -> Iterator[TagtogClient]:
    """The local tagtog that the commands use, too."""
    with local_tagtog(Path("local-tagtog.db")) as local:
        if ("local", "stars") not in local.database.read(list_projects):
            local.database.write(create_project, "local", "stars", settings_from_legend(DEMO_LEGEND))
        with TagtogClient(
            local.url, username=local.username, password=local.password, owner="local", project="stars"
        ) as client:
            yield client


@pytest.fixture
def ids(demo: list[Document]) -> list[str]:
    """The ids of nine unconfirmed documents, in the order of ``r.json``: three batches."""
    waiting = [one for one in demo if not one.annotations.complete][:9]
    write_project(waiting, "new")
    assert run("rank", "new", "-o", "r.json", "-s", "cluster", "--batch-size", 3)[0] == 0
    with tagtog():
        pass
    found = read_ranking(Path("r.json")).ids
    assert found != sorted(found)
    return found


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("report.json").read_text(encoding="utf-8"))
    return found


def test_new_documents_are_listed_in_the_order_of_the_ranking(ids: list[str]) -> None:
    code, out, err = run("push", "new", "--ranking", "r.json", "--batch-size", 2, "--report", "report.json")
    assert (code, err) == (0, "")
    with tagtog() as client:
        assert [hit.id for hit in client.search()] == ids
    assert report()["created"] == report()["order"] == ids
    assert "stay where they are" not in out
    # The same again changes nothing.
    code, out, _ = run("push", "new", "--ranking", "r.json", "--report", "report.json")
    assert code == 0
    assert report()["unchanged"] == ids


def test_a_folder_for_each_batch_and_only_the_first(ids: list[str]) -> None:
    code, out, _ = run(
        "push",
        "new",
        "--ranking",
        "r.json",
        "--top",
        5,
        "--folder",
        "pool/review-{batch}",
        "--report",
        "report.json",
    )
    assert code == 0
    assert "4 documents stand after the first 5: not sent" in out
    assert report()["later"] == ids[5:]
    with tagtog() as client:
        assert [(hit.id, hit.folder) for hit in client.search()] == [
            *((doc_id, "pool/review-1") for doc_id in ids[:3]),
            *((doc_id, "pool/review-2") for doc_id in ids[3:5]),
        ]
    # The next ones, later on.
    code, out, _ = run(
        "push",
        "new",
        "--ranking",
        "r.json",
        "--top",
        7,
        "--folder",
        "pool/review-{batch}",
        "--report",
        "report.json",
    )
    assert (report()["created"], report()["unchanged"]) == (ids[5:7], ids[:5])
    with tagtog() as client:
        assert [hit.folder[-1] for hit in client.search()] == list("1112223")
    code, out, _ = run("push", "new", "--ranking", "r.json", "--top", 99)
    assert "fewer documents than the 99" in out


def test_documents_that_are_there_are_found_by_a_search(ids: list[str]) -> None:
    project = Project.open("new")
    bare = [Document(one.id, one.html, {}, legend=one.legend) for one in project]
    with tagtog() as client:
        push(client, bare)
        before = [hit.id for hit in client.search()]
    code, out, _ = run(
        "push", "new", "--ranking", "r.json", "--top", 4, "--folder", "pool/x", "--report", "report.json"
    )
    assert code == 0
    assert (
        "4 documents were in tagtog already and stay where they are in its lists; "
        "to find batch 1, search there for this" in out
    )
    searches = report()["searches"]
    assert [one["batch"] for one in searches] == [1, 2]
    assert searches[0]["search"] in out.splitlines()
    with tagtog() as client:
        assert [(hit.id, hit.folder) for hit in client.search()] == [(doc_id, "pool") for doc_id in before]
        assert {hit.id for hit in client.search(searches[0]["search"])} == set(ids[:3])
        assert {hit.id for hit in client.search(searches[1]["search"])} == {ids[3]}


def test_a_dry_run_shows_the_order(ids: list[str]) -> None:
    with tagtog() as client:
        push(client, [Project.open("new")[ids[1]]])
    code, out, _ = run(
        "push", "new", "--ranking", "r.json", "--top", 4, "--dry-run", "--report", "report.json"
    )
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert [row[2:] for row in rows if row[:1] in (["1"], ["2"], ["3"], ["4"])] == [
        [ids[0], "created"],
        [ids[1], "unchanged"],
        [ids[2], "created"],
        [ids[3], "created"],
    ]
    with tagtog() as client:
        assert [hit.id for hit in client.search()] == [ids[1]]
    assert report()["order"] == ids[:4]


def test_what_people_confirmed_meanwhile_is_kept(ids: list[str]) -> None:
    project = Project.open("new")
    done = project[ids[0]]
    data = {**done.annotations.data, "anncomplete": True, "entities": []}
    with tagtog() as client:
        push(
            client,
            [Document(done.id, done.html, {"master": type(done.annotations)(data)}, legend=done.legend)],
        )
    write_project(
        (
            Document(
                one.id,
                one.html,
                {"master": type(one.annotations)({**one.annotations.data, "metas": {"m_1": meta()}})},
                legend=one.legend,
            )
            for one in project
        ),
        "annotated",
    )
    code, _, err = run("push", "annotated", "--ranking", "r.json", "--top", 2, "--report", "report.json")
    assert code == 0, err
    assert report()["refused"] == [{"id": ids[0], "why": "it is confirmed in tagtog"}]
    assert report()["created"] == [ids[1]]
    assert ids[0] in err
    assert ids[0] not in report()["searches"][0]["search"]


def meta() -> dict[str, Any]:
    return {"value": True, "confidence": {"state": "pre-added", "who": ["ml:test"], "prob": 0.5}}


def test_documents_without_a_place_come_last_or_are_listed(ids: list[str], demo: list[Document]) -> None:
    fresh = [one for one in demo if one.id not in ids][:2]
    project = Project.open("new")
    write_project([*(project[doc_id] for doc_id in ids[2:]), *fresh], "other")
    fresh_ids = sorted(one.id for one in fresh)
    # Nothing is dropped: what has no place comes last, or is listed.
    code, _, err = run("push", "other", "--ranking", "r.json", "--report", "report.json")
    assert code == 0
    assert report()["created"] == [*ids[2:], *fresh_ids]
    assert (report()["missing"], report()["unranked"]) == (ids[:2], fresh_ids)
    assert "in the ranking, and not among the documents: 2" in err
    assert "not in the ranking: after all others: 2" in err
    code, _, err = run("push", "other", "--ranking", "r.json", "--top", 4, "--report", "report.json")
    assert "not in the ranking: not sent: 2" in err
    assert report()["order"] == ids[2:4]


def test_rankings_that_do_not_fit_the_documents_are_refused(ids: list[str], demo: list[Document]) -> None:
    write_project([one for one in demo if one.id not in ids][:3], "other")
    assert "the ranking is of other documents" in refused("push", "other", "--ranking", "r.json")
    assert "no such ranking" in refused("push", "new", "--ranking", "none.json")
    assert "--top with --ranking" in refused("push", "new", "--top", 3)
    assert "{batch} with --ranking" in refused("push", "new", "--folder", "pool/{batch}")
    project = Project.open("new")
    document = project[ids[1]]
    html = document.html.data.replace(b"the", b"THE")
    assert html != document.html.data
    write_project([Document(ids[1], PlainHtml(html), {}, legend=document.legend), project[ids[0]]], "changed")
    message = refused("push", "changed", "--ranking", "r.json")
    assert "1 document has changed since it was ranked" in message
    assert ids[1] in message
    assert run("push", "changed", "--ranking", "r.json", "--top", 1)[0] == 0  # the first one is as it was
    with tagtog() as client:
        assert client.count() == 1


def test_an_empty_ranking_pushes_nothing(ids: list[str]) -> None:
    write_project([], "empty", legend=DEMO_LEGEND)
    assert run("rank", "empty", "-o", "empty.json")[0] == 0
    code, out, _ = run("push", "empty", "--ranking", "empty.json", "--top", 5)
    assert code == 0
    assert "0 documents" in out
    # It is of no documents, so it isn't of other ones: all of them are without a place.
    assert run("push", "new", "--ranking", "empty.json", "--top", 5, "--report", "report.json")[0] == 0
    assert report()["order"] == []
    assert run("push", "new", "--ranking", "empty.json", "--report", "report.json")[0] == 0
    assert sorted(report()["order"]) == sorted(ids)


def test_a_folder_needs_no_ranking(ids: list[str]) -> None:
    assert run("push", "new", "--folder", "pool/inbox")[0] == 0
    with tagtog() as client:
        assert {hit.folder for hit in client.search()} == {"pool/inbox"}
