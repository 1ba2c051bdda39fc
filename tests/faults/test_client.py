"""Fetch and push when everything goes wrong: networks, kills, full disks, and people who work at the same time."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from clocks import FakeTime
from databases import number_of_projects
from faults.proxy import FAULTS, Proxy, proxy, seeded

from spacy_tagtog.anndoc import Annotations, Document, Legend, Project, confidence, html_from_text
from spacy_tagtog.client import MANIFEST_NAME, PushReport, Retries, TagtogClient, fetch, push
from spacy_tagtog.errors import ClientError, WriteError
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

LEGEND = Legend({"e_1": "Person", "e_2": "Place"})
IMPATIENT = Retries(failures=1, refusals=1, timeouts=1, nonsense=0)


@pytest.fixture
def project(server: LocalTagtog) -> str:
    name = f"project-{number_of_projects(server.database)}"
    server.database.write(create_project, "owner", name, settings_from_legend(LEGEND))
    return name


def connect(server: LocalTagtog, project: str, between: Proxy | None = None, **settings: Any) -> TagtogClient:
    settings = {"clock": FakeTime().clock, "timeout": (5, 20), "threads": 4, **settings}
    url = server.url if between is None else between.url
    return TagtogClient(
        url,
        username=server.username,
        password=server.password,
        project=project,
        owner="owner",
        name="local",
        **settings,
    )


def document(number: int, *, class_id: str = "e_1", complete: bool = True, who: str = "user:ann") -> Document:
    """Every fifth has a name that tagtog can't use as its id."""
    html = html_from_text(
        f"Ann {number} lives here.",
        filename=f"{number:03}.txt",
        doc_id=f"foreign-{number}" if number % 5 == 0 else None,
    )
    annotations = Annotations.empty(list(html.parts), complete=complete)
    annotations.data["entities"].append(
        {
            "classId": class_id,
            "part": "s1v1",
            "offsets": [{"start": 0, "text": "Ann"}],
            "confidence": confidence(state="", who=[who], prob=1),
            "fields": {},
            "normalizations": {},
        }
    )
    return Document(
        str(html.id),
        html,
        {"master": annotations},
        folder="pool" if number % 3 else "pool/train",
        legend=LEGEND,
    )


def tree(target: Path) -> dict[str, Any]:
    files: dict[str, Any] = {
        str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()
    }
    files[MANIFEST_NAME] = json.loads(files[MANIFEST_NAME])
    for entry in files[MANIFEST_NAME]["documents"].values():
        del entry["fetched"]
    return files


def content(client: TagtogClient) -> Counter[tuple[str, str, str, str]]:
    """All that a project holds."""
    return Counter(
        (
            hit.filename,
            hit.folder,
            client.text(hit.id),
            json.dumps(client.annotations(hit.id).data, sort_keys=True),
        )
        for hit in client.search()
    )


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_outlived(server: LocalTagtog, project: str, tmp_path: Path, fault: str) -> None:
    """Every second request meets it; each call gets through in the end."""
    docs = [document(number) for number in range(6)]
    turn = Counter[str]()

    def plan(method: str, path: str) -> str | None:
        turn[method] += 1
        return fault if turn[method] % 2 else None

    with (
        proxy(server.url, plan=plan) as between,
        connect(server, project, between, threads=1) as client,
        connect(server, project) as direct,
    ):
        report = push(client, docs, batch_size=2)
        assert sorted([*report.created, *report.updated]) == sorted(hit.id for hit in direct.search())
        assert (report.unchanged, report.refused) == ([], [])
        if fault != "duplicate":  # of a request that came twice, tagtog answers the second
            assert report.updated == []
        assert push(direct, docs).unchanged == [doc.id for doc in docs]
        fetch(client, tmp_path / "disturbed")
        fetch(direct, tmp_path / "fresh")
        assert between.met[fault] > 10
    assert tree(tmp_path / "disturbed") == tree(tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_together_lose_nothing_and_double_nothing(
    server: LocalTagtog, project: str, tmp_path: Path, seed: int
) -> None:
    """A quarter of all requests meets a fault, and the client gives up early: what it leaves, the next run completes."""
    docs = [document(number) for number in range(15)]
    failures = 0
    with (
        proxy(server.url) as between,
        connect(server, project, between, retries=IMPATIENT) as client,
        connect(server, project) as direct,
    ):
        between.plan = seeded(seed, 0.25)
        for _ in range(60):
            try:
                push(client, docs, batch_size=3)
                break
            except ClientError as error:
                failures += 1
                done: PushReport = error.report  # type: ignore[attr-defined]
                there = {hit.id for hit in direct.search()}
                assert {*done.created, *done.updated} <= there
        else:
            pytest.fail("the push never ends")
        assert direct.count() == len(docs)
        assert push(direct, docs).unchanged == [doc.id for doc in docs]
        assert content(direct).most_common(1)[0][1] == 1

        target = tmp_path / "disturbed"
        for number in range(60):
            if number == 2:
                push(direct, [document(3, class_id="e_2")], force=True)
                direct.delete_document(docs[4].id)
            try:
                report = fetch(client, target)
                assert report.kept == []
                if number >= 2:
                    break
            except ClientError:
                failures += 1
                # It may have ended before the first document was whole.
                assert not any(target.rglob("*.plain.html")) or Project.open(target) is not None
        else:
            pytest.fail("the fetch never ends")
        fetch(direct, tmp_path / "fresh")
    assert failures
    assert sum(between.met.values()) >= 5
    assert tree(target) == tree(tmp_path / "fresh")


def test_a_lost_answer_is_looked_for_before_a_batch_is_sent_again(server: LocalTagtog, project: str) -> None:
    """Nothing that somebody confirmed after the first try is overwritten by the second."""
    docs = [document(number, complete=False) for number in range(1, 5)]
    mine = document(1, class_id="e_2", complete=True, who="user:reviewer")
    posts = []

    def plan(method: str, path: str) -> str | None:
        return "cut" if method == "POST" and "documents" in path and len(posts) == 0 else None

    def passed(method: str, path: str) -> None:
        if method == "POST" and "documents" in path:
            posts.append(path)
            if len(posts) == 1:
                with connect(server, project) as reviewer:
                    push(reviewer, [mine])
                    reviewer.delete_document(docs[1].id)

    with proxy(server.url, plan=plan, passed=passed) as between, connect(server, project, between) as client:
        client.add_folder("pool/train")
        report = push(client, [doc for doc in docs if doc.folder == "pool"])
    assert report.refused == [(docs[0].id, "it is confirmed in tagtog")]
    assert sorted(report.created) == sorted([docs[1].id, docs[3].id])
    assert len(posts) == 2
    with connect(server, project) as client:
        assert client.annotations(docs[0].id) == mine.annotations


def test_a_push_gives_up_in_the_end_and_says_so(server: LocalTagtog, project: str) -> None:
    with proxy(server.url) as between, connect(server, project, between) as client:
        client.legend()
        between.plan = lambda method, path: "refuse" if method == "POST" else None
        with pytest.raises(ClientError) as caught:
            push(client, [document(1)])
        assert caught.value.uncertain
        assert between.met["refuse"] == 4
        assert caught.value.report == PushReport()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- kills


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_client_loses_nothing(subprocess_env: dict[str, str]) -> None:
    script = Path(__file__).parent / "kills.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "6", "--row", "3", "--seed", "5"],
        capture_output=True,
        text=True,
        env=subprocess_env,
        timeout=300,
    )
    counts = json.loads(done.stdout)
    assert (done.returncode, counts["wrong"], counts["killed"] >= 6) == (0, [], True), done.stderr


# ---------------------------------------------------------------- full disks


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_leaves_a_folder_that_the_next_fetch_completes(
    server: LocalTagtog, project: str, tmp_path: Path, subprocess_env: dict[str, str]
) -> None:
    """A process that may write no file of more than so many bytes meets the end in the middle of documents, the journal, the manifest."""
    docs = [document(number) for number in range(8)]
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from spacy_tagtog.client import TagtogClient, fetch\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "url, user, password, project, target, *limits = sys.argv[1:]\n"
        "for limit in limits:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))\n"
        "    with TagtogClient(url, username=user, password=password, project=project, owner='owner', name='local', threads=2) as client:\n"
        "        try:\n"
        "            print(len(fetch(client, Path(target)).downloaded))\n"
        "        except Exception as error:\n"
        "            print(type(error).__name__)\n"
    )
    with connect(server, project) as client:
        push(client, docs)
        fetch(client, tmp_path / "fresh")
        limits = ["10", "100", "250", "310", "400", "900", "1500", "2500"]
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                server.url,
                server.username,
                server.password,
                project,
                str(tmp_path / "full"),
                *limits,
            ],
            capture_output=True,
            text=True,
            env=subprocess_env,
            timeout=120,
        )
        said = run.stdout.split()
        assert said[:4] == ["WriteError"] * 4, run.stderr
        assert set(said) == {"WriteError"}
        report = fetch(client, tmp_path / "full")
        assert report.kept == []
    assert tree(tmp_path / "full") == tree(tmp_path / "fresh")


def test_a_disk_that_fills_up_midway(
    server: LocalTagtog, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = sys.modules["spacy_tagtog.client.fetch"]
    write, written = module.write_atomic, []

    def full(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) > 9:
            raise WriteError("can't write: No space left on device", place=path)
        write(path, data)

    with connect(server, project) as client:
        push(client, [document(number) for number in range(8)])
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_atomic", full)
            with pytest.raises(WriteError, match="No space"):
                fetch(client, tmp_path / "full")
        report = fetch(client, tmp_path / "full")
        assert report.kept == []
        assert len(report.unchanged) >= 2
        fetch(client, tmp_path / "fresh")
    assert tree(tmp_path / "full") == tree(tmp_path / "fresh")


# ---------------------------------------------------------------- several at once


def test_two_pushes_and_a_reviewer_at_once(server: LocalTagtog, project: str) -> None:
    """Whatever the order: what the reviewer confirmed stays, everything else is there once, as one of the two pushes had it."""
    docs = [document(number, complete=False, who="ml:one") for number in range(24)]
    others = [document(number, class_id="e_2", complete=False, who="ml:two") for number in range(24)]
    errors: list[BaseException] = []
    confirmed: dict[str, Annotations] = {}
    start = threading.Barrier(3)

    def pushing(mine: list[Document]) -> None:
        try:
            with connect(server, project) as client:
                start.wait(30)
                push(client, mine, batch_size=3)
        except BaseException as error:
            errors.append(error)

    def reviewing() -> None:
        chance = random.Random(11)
        try:
            with connect(server, project) as client:
                start.wait(30)
                while len(confirmed) < 8:
                    todo = [hit.id for hit in client.search("anncomplete:false")]
                    if not todo:
                        continue
                    doc_id = chance.choice(todo)
                    document_ = client.document(doc_id)
                    reviewed = Annotations(
                        {**document_.annotations.data, "anncomplete": True, "entities": []}
                    )
                    list(client.push([Document(doc_id, document_.html, {"master": reviewed}, legend=LEGEND)]))
                    confirmed[doc_id] = reviewed
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=pushing, args=(docs,)),
        threading.Thread(target=pushing, args=(others,)),
        threading.Thread(target=reviewing),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with connect(server, project) as client:
        assert client.count() == len(docs)
        assert set(Counter(client.text(hit.id) for hit in client.search()).values()) == {1}
        for hit in client.search():
            now = client.annotations(hit.id)
            if hit.id in confirmed:
                assert now == confirmed[hit.id]
            else:
                assert [entity.who for entity in now.entities] in ([["ml:one"]], [["ml:two"]])
        # Once nobody else is at it, a push ends as it would have: only what is confirmed differs.
        report = push(client, docs)
        assert len(report.refused) == len(confirmed)
        assert len(push(client, docs).unchanged) == len(docs) - len(confirmed)
