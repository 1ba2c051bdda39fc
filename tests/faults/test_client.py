"""Fetch and push when everything goes wrong: networks, kills, full disks, people at work meanwhile."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import verbatim
from clocks import FakeTime
from faults.proxy import FAULTS, SWAP, Proxy, proxy, seeded
from fetched import without_times
from verbatim import LEGEND, mixed, new_project, numbered

from spacy_tagtog.anndoc import Annotations, Document, PlainHtml, Project
from spacy_tagtog.client import PushReport, Retries, TagtogClient, fetch, push
from spacy_tagtog.errors import ClientError, UnexpectedAnswerError, WriteError
from spacy_tagtog.server import LocalTagtog

IMPATIENT = Retries(failures=1, refusals=1, timeouts=1, nonsense=0)


@pytest.fixture
def project(server: LocalTagtog) -> str:
    return new_project(server)


def connect(server: LocalTagtog, project: str, between: Proxy | None = None, **settings: Any) -> TagtogClient:
    """A client that waits for nothing, and talks to tagtog through the proxy if there is one."""
    patient = {"clock": FakeTime().clock, "timeout": (5, 20), "threads": 4, "name": "local", **settings}
    if between is not None:
        patient["domain"] = between.url
    return verbatim.connect(server, project, **patient)


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
    docs = [mixed(number) for number in range(6)]
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
        again = push(direct, docs)
        assert (list(again.ids), again.unchanged) == ([doc.id for doc in docs], list(again.ids.values()))
        assert sorted(again.unchanged) == sorted(hit.id for hit in direct.search())
        fetch(client, tmp_path / "disturbed")
        fetch(direct, tmp_path / "fresh")
        assert between.met[fault] > 10
    assert without_times(tmp_path / "disturbed") == without_times(tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_together_lose_nothing_and_double_nothing(
    server: LocalTagtog, project: str, tmp_path: Path, seed: int
) -> None:
    """A quarter of all requests meets a fault, and the client gives up early: the next run completes it."""
    docs = [mixed(number) for number in range(15)]
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
        again = push(direct, docs)
        assert (list(again.ids), again.unchanged) == ([doc.id for doc in docs], list(again.ids.values()))
        assert sorted(again.unchanged) == sorted(hit.id for hit in direct.search())
        assert content(direct).most_common(1)[0][1] == 1

        target = tmp_path / "disturbed"
        for number in range(60):
            if number == 2:
                push(direct, [mixed(3, class_id="e_2")], force=True)
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
    assert without_times(target) == without_times(tmp_path / "fresh")


@pytest.mark.parametrize("threads", [1, 8])
def test_a_proxy_that_swaps_bodies_now_and_then_is_outlived(
    server: LocalTagtog, project: str, tmp_path: Path, threads: int
) -> None:
    """The names in the headers are right; the content says which document it is."""
    docs = [numbered(number) for number in range(24)]
    turn = Counter[str]()

    def plan(method: str, path: str) -> str | None:
        turn[path] += 1
        return SWAP if "output=plain.html" in path and turn[path] == 1 else None

    with (
        proxy(server.url, plan=plan) as between,
        connect(server, project, between, threads=threads) as client,
        connect(server, project) as direct,
    ):
        push(direct, docs)
        assert len(fetch(client, tmp_path / "disturbed").downloaded) == 24
        fetch(direct, tmp_path / "fresh")
        assert between.met[SWAP] == 24
    assert without_times(tmp_path / "disturbed") == without_times(tmp_path / "fresh")


def test_a_proxy_that_always_swaps_bodies_stops_the_fetch(
    server: LocalTagtog, project: str, tmp_path: Path
) -> None:
    def plan(method: str, path: str) -> str | None:
        return SWAP if "output=plain.html" in path else None

    with (
        proxy(server.url, plan=plan) as between,
        connect(server, project, between, retries=IMPATIENT) as client,
        connect(server, project) as direct,
    ):
        push(direct, [numbered(number) for number in range(3)])
        for read in (client.plain_html, client.document, client.files):
            between.bodies["plain.html"] = numbered(0).html.data
            with pytest.raises(UnexpectedAnswerError, match="another document") as caught:
                read(numbered(1).id)
            assert caught.value.value == numbered(0).id
            assert numbered(1).id in str(caught.value)
        between.bodies["plain.html"] = numbered(0).html.data
        with pytest.raises(UnexpectedAnswerError, match="another document"):
            fetch(client, tmp_path / "folder")
        for path in tmp_path.rglob("*.plain.html"):
            assert PlainHtml(path.read_bytes()).id == path.name.removesuffix(".plain.html")


def test_a_document_that_was_uploaded_under_another_name_can_be_read(
    server: LocalTagtog, project: str, tmp_path: Path
) -> None:
    """Its content still has the id that it had in another project."""
    doc = numbered(1)
    renamed = Document("12345", doc.html, dict(doc.versions), legend=LEGEND)
    with connect(server, project) as client:
        [doc_id] = push(client, [renamed]).created
        assert doc_id not in (doc.id, "12345")
        assert client.plain_html(doc_id) == client.files(doc_id)[0] == doc.html.data
        assert fetch(client, tmp_path / "folder").downloaded == [doc_id]


def test_a_lost_answer_is_looked_for_before_a_batch_is_sent_again(server: LocalTagtog, project: str) -> None:
    """Nothing that somebody confirmed after the first try is overwritten by the second."""
    docs = [mixed(number, complete=False) for number in range(1, 5)]
    mine = mixed(1, class_id="e_2", complete=True, who="user:reviewer")
    posts: list[str] = []

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
        client.add_folder("pool/train/deep")
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
            push(client, [mixed(1)])
        assert caught.value.uncertain
        assert between.met["refuse"] == 4
        assert caught.value.report == PushReport()  # type: ignore[attr-defined]


def posts_that(*faults: str | None) -> Callable[[str, str], str | None]:
    """A plan: the imports of documents meet these faults, one after the other, the last one for ever."""
    left = list(faults)

    def plan(method: str, path: str) -> str | None:
        if method != "POST" or "documents" not in path:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return plan


@pytest.mark.parametrize("foreign", [False, True])
def test_documents_without_annotations_are_found_by_the_ids_that_a_push_names(
    server: LocalTagtog, project: str, foreign: bool
) -> None:
    """After a lost answer, when they are pushed again, and in a dry run."""
    docs = [numbered(number, doc_id=f"foreign-{number}" if foreign else None) for number in range(3)]
    bare = [Document(doc.id, doc.html, legend=LEGEND) for doc in docs]
    with (
        proxy(server.url, plan=posts_that("cut", None)) as between,
        connect(server, project, between) as client,
        connect(server, project) as direct,
    ):
        first = push(client, bare)
        assert between.met["cut"] == 1
        there = [hit.id for doc in docs for hit in direct.search(f'filename:"{doc.html.origid}"')]
        assert first.created == there
        expected = dict(zip([doc.id for doc in docs], there, strict=True))
        assert first.ids == expected
        for dry_run in (True, False):
            again = push(direct, bare, dry_run=dry_run)
            assert (again.unchanged, again.ids) == (there, expected)
        for doc_id in again.ids.values():
            assert [hit.id for hit in direct.search(f'docid:"{doc_id}"')] == [doc_id]


def test_after_a_lost_try_new_documents_are_reported_as_created_and_others_as_updated(
    server: LocalTagtog, project: str
) -> None:
    docs = [numbered(number, complete=False) for number in range(2)]
    earlier = [numbered(number, complete=False, class_id="e_2") for number in range(2)]
    lost: list[str] = []

    def plan(method: str, path: str) -> str | None:
        if method != "POST" or "documents" not in path or lost:
            return None
        lost.append(path)
        push(direct, earlier[1:])  # it comes between the two tries
        return "refuse"

    with connect(server, project) as direct:
        push(direct, earlier[:1])
        with proxy(server.url, plan=plan) as between, connect(server, project, between) as client:
            report = push(client, docs)
        assert lost
        assert (report.created, report.updated) == ([docs[1].id], [docs[0].id])
        assert [direct.annotations(doc.id) for doc in docs] == [doc.annotations for doc in docs]


def test_what_an_earlier_try_stored_stays_in_the_report_of_a_push_that_fails(
    server: LocalTagtog, project: str
) -> None:
    docs = [numbered(number, complete=False) for number in range(4)]
    mine = numbered(1, class_id="e_2", who="user:reviewer")

    def passed(method: str, path: str) -> None:
        if method == "POST" and "documents" in path:
            with connect(server, project) as reviewer:
                reviewer.delete_document(docs[0].id)
                push(reviewer, [mine])

    with (
        proxy(server.url, plan=posts_that("cut", "refuse"), passed=passed) as between,
        connect(server, project, between) as client,
        pytest.raises(ClientError) as caught,
    ):
        push(client, docs)
    assert between.met["refuse"] > 1
    assert caught.value.report == PushReport(  # type: ignore[attr-defined]
        created=[docs[2].id, docs[3].id], refused=[(docs[1].id, "it is confirmed in tagtog")]
    )
    assert caught.value.report.ids == {doc.id: doc.id for doc in docs[2:]}  # type: ignore[attr-defined]
    with connect(server, project) as client:
        assert {hit.id for hit in client.search()} == {doc.id for doc in docs[1:]}
        assert push(client, docs).created == [docs[0].id]


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
    """The process may write only small files: it fails in documents, in the journal, in the manifest."""
    docs = [mixed(number) for number in range(8)]
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from spacy_tagtog.client import TagtogClient, fetch\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "url, user, password, project, target, *limits = sys.argv[1:]\n"
        "for limit in limits:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))\n"
        "    login = {'username': user, 'password': password, 'owner': 'owner', 'name': 'local'}\n"
        "    with TagtogClient(url, project=project, threads=2, **login) as client:\n"
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
    assert without_times(tmp_path / "full") == without_times(tmp_path / "fresh")


def test_a_disk_that_fills_up_midway(
    server: LocalTagtog, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = sys.modules["spacy_tagtog.client._manifest"]
    write, written = module.write_atomic, []

    def full(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) > 9:
            raise WriteError("can't write: No space left on device", place=path)
        write(path, data)

    with connect(server, project) as client:
        push(client, [mixed(number) for number in range(8)])
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_atomic", full)
            with pytest.raises(WriteError, match="No space"):
                fetch(client, tmp_path / "full")
        report = fetch(client, tmp_path / "full")
        assert report.kept == []
        assert len(report.unchanged) >= 2
        fetch(client, tmp_path / "fresh")
    assert without_times(tmp_path / "full") == without_times(tmp_path / "fresh")


# ---------------------------------------------------------------- several at once


def test_two_pushes_and_a_reviewer_at_once(server: LocalTagtog, project: str) -> None:
    """What the reviewer confirmed stays. Everything else is there once, as one of the two pushes had it."""
    docs = [mixed(number, complete=False, who="ml:one") for number in range(24)]
    others = [mixed(number, class_id="e_2", complete=False, who="ml:two") for number in range(24)]
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
                    list(
                        client.overwrite_documents(
                            [Document(doc_id, document_.html, {"master": reviewed}, legend=LEGEND)]
                        )
                    )
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
