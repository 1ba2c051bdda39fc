"""The service that tagtog calls: nothing that it was told is lost, and nobody else may call it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import uvicorn
from commands import assert_refused, run
from hypothesis import given
from hypothesis import strategies as st
from teams import Team, raw

from spacy_tagtog import client
from spacy_tagtog.errors import LoopError, UnreachableError
from spacy_tagtog.loop import Loop, LoopSettings
from spacy_tagtog.loop.inbox import ANY, Inbox
from spacy_tagtog.loop.sides import read_sides
from spacy_tagtog.loop.webhook import PASSWORD, USERNAME, WebhookLogin, Worker, document_of, make_app
from spacy_tagtog.selection.blind import draw_blind
from spacy_tagtog.steps.connection import ConnectionSettings

SETTINGS = LoopSettings(components="ner", model="seed", test=0.4, blind_share=0.0)
LOGIN = WebhookLogin("tag", "sécret")


@pytest.fixture(scope="module")
def one_round(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project and its loop after one round, with nothing to annotate. Nobody may change it."""
    folder = tmp_path_factory.mktemp("webhook")
    Team.start(folder / "local-tagtog.db", confirmed=range(10), new=[])
    Loop(folder / "loop", SETTINGS, project="night", database=folder / "local-tagtog.db").round()
    return folder


@pytest.fixture
def copy(one_round: Path, tmp_path: Path) -> Path:
    shutil.copytree(one_round, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def loop(copy: Path) -> Loop:
    return Loop(copy / "loop", SETTINGS, project="night", database=copy / "local-tagtog.db")


def upload(loop: Loop, *numbers: int) -> Team:
    """New documents, without annotations."""
    team = Team(loop.connection)
    team.call(lambda tagtog: client.push(tagtog, [raw(number) for number in numbers]))
    return team


class TestWorker:
    def test_new_documents_are_annotated_and_their_own_calls_come_to_nothing(self, loop: Loop) -> None:
        team = upload(loop, 50, 51)
        inbox = Inbox(loop.folder / "webhooks.db")
        worker = Worker(loop, inbox)
        inbox.add(raw(50).id)
        assert worker.work() == 1
        shown = team.shown()
        assert shown[raw(50).id]
        assert shown[raw(51).id] == []
        assert inbox.waiting() == {}
        inbox.add(raw(50).id)  # tagtog tells of our upload
        assert worker.work() == 0
        assert team.shown() == shown

    def test_a_call_that_names_no_document_means_all_that_wait(self, loop: Loop) -> None:
        team = upload(loop, 50, 51)
        inbox = Inbox(loop.folder / "webhooks.db")
        inbox.add(ANY)
        assert Worker(loop, inbox).work() == 2
        assert all(team.shown().values())

    def test_what_is_confirmed_deleted_or_blind_is_left_alone(self, loop: Loop) -> None:
        team = upload(loop, *range(50, 60))
        ids = [raw(number).id for number in range(50, 60)]
        loop.settings = replace(SETTINGS, blind_share=0.5)
        blind = set(draw_blind(ids, 0.5, 0))
        assert 0 < len(blind) < 10
        open_ids = [doc_id for doc_id in ids if doc_id not in blind]
        team.call(lambda tagtog: tagtog.delete_document(open_ids[0]))
        inbox = Inbox(loop.folder / "webhooks.db")
        for doc_id in (*ids, raw(3).id, "a-document-that-never-was"):
            inbox.add(doc_id)
        assert Worker(loop, inbox).work() == len(open_ids) - 1
        shown = team.shown()
        assert {doc_id for doc_id, entities in shown.items() if not entities} == blind
        assert inbox.waiting() == {}

    def test_what_people_saw_suggestions_in_never_tests(self, loop: Loop) -> None:
        """It was never in a ranking: people confirm it before the next round."""
        team = upload(loop, *range(50, 56), *range(60, 66))
        inbox = Inbox(loop.folder / "webhooks.db")
        seen, unseen = ([raw(n).id for n in numbers] for numbers in (range(50, 56), range(60, 66)))
        for doc_id in seen:
            inbox.add(doc_id)
        assert Worker(loop, inbox).work() == 6
        team.review([*range(50, 56), *range(60, 66)])
        loop.round()
        placed = read_sides(loop.folder / "sides.json")
        assert {placed[doc_id].origin for doc_id in seen} == {"chosen"}
        assert all(placed[doc_id].side != "test" for doc_id in seen)
        assert {placed[doc_id].origin for doc_id in unseen} == {"own"}

    def test_while_tagtog_is_away_everything_waits(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        team = upload(loop, 50)
        inbox = Inbox(loop.folder / "webhooks.db")
        inbox.add(raw(50).id)
        worker = Worker(loop, inbox)

        def away(settings: ConnectionSettings) -> None:
            raise UnreachableError("tagtog can't be reached", place=settings.domain)

        with monkeypatch.context() as patch:
            patch.setattr("spacy_tagtog.loop.webhook.open_connection", away)
            with pytest.raises(UnreachableError):
                worker.work()
        assert inbox.waiting() == {raw(50).id: 1}
        assert worker.work() == 1
        assert team.shown()[raw(50).id]

    def test_without_a_model_everything_waits(self, tmp_path: Path) -> None:
        loop = Loop(tmp_path / "loop", SETTINGS, project="night", database=tmp_path / "none.db")
        inbox = Inbox(loop.folder / "webhooks.db")
        inbox.add("a")
        assert Worker(loop, inbox).work() == 0
        assert inbox.waiting() == {"a": 1}


class TestInbox:
    def test_what_is_told_of_again_while_it_is_dealt_with_stays(self, tmp_path: Path) -> None:
        inbox = Inbox(tmp_path / "new/inbox.db")
        inbox.add("a")
        inbox.add("b")
        taken = inbox.waiting()
        inbox.add("a")
        for document, calls in taken.items():
            inbox.done(document, calls)
        assert Inbox(tmp_path / "new/inbox.db").waiting() == {"a": 2}

    def test_a_storm_is_one_entry_per_document(self, tmp_path: Path) -> None:
        inbox = Inbox(tmp_path / "inbox.db")
        threads = [
            threading.Thread(target=lambda: [inbox.add(f"d{number % 5}") for number in range(50)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert inbox.waiting() == {f"d{number}": 80 for number in range(5)}

    def test_a_file_that_is_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "inbox.db").write_text("no database, but long enough to be looked at as one" * 9)
        with pytest.raises(LoopError, match="a file of the loop can't be used"):
            Inbox(tmp_path / "inbox.db")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"owner": "ada", "project": "night", "tagtogID": "a1"}', "a1"),
        (b'{"docid": "a2", "tagtogID": "a1"}', "a2"),
        (b'{"annotatable": {"parts": []}, "anncomplete": false, "entities": []}', ANY),
        (b"{}", None),
        (b'{"tagtogID": ""}', None),
        (b'{"tagtogID": 3}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_which_document_a_call_means(body: bytes, found: str | None) -> None:
    assert document_of(body) == found


@pytest.mark.hypothesis
@given(st.text(), st.text())
def test_nobody_guesses_a_way_in(username: str, password: str) -> None:
    import base64

    given = base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogatepass")).decode()
    assert LOGIN.allows(f"Basic {given}") == (f"{username}:{password}" == "tag:sécret")
    assert not LOGIN.allows(f"Bearer {given}")
    assert not LOGIN.allows(password)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, Inbox, list[str]]]:
    """The HTTP side, on a real port: its address, its inbox, and what it said."""
    inbox, told = Inbox(tmp_path / "inbox.db"), list[str]()
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(inbox, LOGIN, lambda: told.append("told"), lambda: {"waiting": len(inbox.waiting())})
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", http="h11"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", inbox, told
    server.should_exit = True
    thread.join()


def test_calls_over_http(service: tuple[str, Inbox, list[str]]) -> None:
    url, inbox, told = service
    auth = ("tag", "sécret".encode())
    body = json.dumps({"tagtogID": "a1"})
    for wrong in (None, ("tag", "secret"), ("", "")):
        answer = requests.post(url, data=body, auth=wrong, timeout=20)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert inbox.waiting() == {}
    answer = requests.post(url, data=body, auth=auth, timeout=20)
    assert (answer.status_code, answer.json()) == (202, {"queued": "a1"})
    assert inbox.waiting() == {"a1": 1}
    assert told == ["told"]
    assert requests.post(url, data="no JSON", auth=auth, timeout=20).status_code == 400
    assert requests.get(url, auth=auth, timeout=20).status_code == 405
    assert requests.get(f"{url}/health", timeout=20).json() == {"waiting": 1}


def start(folder: Path, environment: dict[str, str], port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "spacy_tagtog", "webhook", "--port", str(port), "--blind-share", "0"],
        cwd=folder,
        env={**environment, USERNAME: "tag", PASSWORD: "secret", "TAGTOG_PROJECT": "night"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "end with Ctrl-C" in line:
            return process
    raise AssertionError("it ended")


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def test_a_service_that_is_killed_loses_nothing(
    loop: Loop, copy: Path, subprocess_env: dict[str, str]
) -> None:
    """Killed as soon as it has answered; the next one does what it left, and says so in its log."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**subprocess_env, "PYTHONUNBUFFERED": "1"}
    team = upload(loop, 50)
    process = start(copy, environment, port)
    try:
        auth, body = ("tag", "secret"), {"tagtogID": raw(50).id}
        answer = requests.post(f"http://127.0.0.1:{port}/", json=body, auth=auth, timeout=20)
        assert answer.status_code == 202
    finally:
        end(process)
    process = start(copy, environment, port)
    try:
        assert process.stdout is not None
        if not team.shown()[raw(50).id]:
            for line in process.stdout:
                if "pre-annotated 1 document" in line:
                    break
    finally:
        end(process)
    assert team.shown()[raw(50).id]


def test_what_the_command_needs(copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.delenv(PASSWORD, raising=False)
    monkeypatch.setenv(USERNAME, "tag")
    assert_refused(run("webhook"), f"{PASSWORD} not set", "authentication: Basic")
    monkeypatch.setenv(PASSWORD, "secret")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = run("webhook", "--port", str(taken.getsockname()[1]))
    assert "✘ the address can't be listened on" in outcome.err
    assert "secret" not in outcome.out + outcome.err
    monkeypatch.chdir(tmp_path)
    assert_refused(run("webhook"), "there is no loop in this folder")
