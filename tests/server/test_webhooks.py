"""Webhooks of the local tagtog: what is sent, how often, and what happens when it can't be sent.

The receiver is a real HTTP server.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from databases import upload
from local_api import LEGEND, People, annotated, entity, refused
from lxml import html as lxml_html

from spacy_tagtog.server import (
    Database,
    LocalTagtog,
    add_user,
    clock,
    create_project,
    deliveries,
    local_tagtog,
    settings_from_legend,
)
from spacy_tagtog.server.db.folders import import_settings
from spacy_tagtog.server.db.projects import project_key
from spacy_tagtog.server.db.queue import Pauses, due_hooks, next_due, read_hooks
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads

_NUMBERS = count()
_GIVE_UP = 120.0
"""Seconds after which a test that waits for something fails. No test is faster or slower for it."""
TEXT = "Ada in London"
ADA = entity("e_1", 0, "Ada")


@dataclass
class Delivery:
    path: str
    headers: Message
    body: bytes

    @property
    def what(self) -> tuple[str, str]:
        return self.headers["X-tagtog-onPushSave-status"], self.headers["X-tagtog-onPushSave-source"]


@dataclass
class Receiver:
    """What is called.

    Attributes:
        url: Its address.
        calls: The calls that came.
        answers: The statuses of the next answers; after these 200.
        hold: While it is clear, no call is answered.
        answered: How many calls were answered.
    """

    url: str = ""
    calls: queue.Queue[Delivery] = field(default_factory=queue.Queue)
    answers: list[int] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    answered: int = 0

    def get(self) -> Delivery:
        return self.calls.get(timeout=_GIVE_UP)


def nothing_more_comes(people: People, receiver: Receiver) -> bool:
    """Whether all deliveries of the project are done, and brought no call that no test took."""
    until(lambda: status(people)["waiting"] == 0)
    return receiver.calls.empty()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.calls.put(Delivery(self.path, self.headers, body))
            status = made.answers.pop(0) if made.answers else 200
            made.hold.wait(_GIVE_UP)
            made.answered += 1
            try:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{made.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # the caller was killed

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path_factory.mktemp("hooks") / "tagtog.db", webhook_pause=0.0005) as running:
        yield running


@pytest.fixture
def people(server: LocalTagtog) -> Iterator[People]:
    made = People(server, f"p{next(_NUMBERS)}", roles=("curator", "supercurator", "reviewer"))
    yield made
    server.database.write(
        import_settings, "owner", made.name, settings_from_legend(LEGEND)
    )  # nothing of it is called any more
    made.close()


def hook(people: People, endpoint: str, **more: Any) -> None:
    settings = {**settings_from_legend(LEGEND), "webhooks": {"w_1": {"endpoint": endpoint, **more}}}
    assert people.call("owner", "POST", "settings/v1/import", json=settings).status_code == 200


def status(people: People) -> dict[str, Any]:
    answer = people.call("reviewer", "GET", "/-local/webhooks")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _GIVE_UP
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened for {_GIVE_UP:g} seconds"
        threading.Event().wait(0.02)


# --- What is sent


def test_imports_and_saves_are_told(people: People, receiver: Receiver) -> None:
    hook(people, f"{receiver.url}/hook?x=1")
    docid = people.save(TEXT, annotated(ADA))
    call = receiver.get()
    assert (call.path, call.what, call.headers["Content-Type"]) == (
        "/hook?x=1",
        ("created", "API"),
        "application/json",
    )
    assert json.loads(call.body) == people.ann(docid).json()
    people.save(TEXT, annotated(ADA, ADA, complete=True), name=docid, member="reviewer")
    call = receiver.get()
    assert call.what == ("updated", "API")
    assert json.loads(call.body)["anncomplete"] is True
    assert "Authorization" not in call.headers
    people.save(TEXT, annotated(ADA, ADA, complete=True), name=docid, member="reviewer")  # nothing changed
    assert (
        people.call(
            "reviewer", "POST", "documents/versions/v0/copy", docid=docid, from_="reviewer", saveTo="master"
        ).status_code
        == 200
    )
    assert receiver.get().what == ("updated", "API")
    people.text("plain text")
    call = receiver.get()
    assert (call.what, json.loads(call.body)["entities"]) == (("created", "API"), [])
    assert nothing_more_comes(people, receiver)


@pytest.mark.parametrize("form", ["tagtogID", "docid"])
def test_a_hook_may_get_ids_alone(people: People, receiver: Receiver, form: str) -> None:
    hook(
        people,
        receiver.url,
        format=form,
        authentication={"type": "basic", "username": "ünal", "password": "päss:word"},
    )
    docid = people.save(TEXT, annotated(), name="Über.txt")
    call = receiver.get()
    assert json.loads(call.body) == {
        "owner": "owner",
        "project": people.name,
        "tagtogID": docid,
        "docid": docid,
    }
    assert call.headers["Authorization"] == requests.auth._basic_auth_str(
        "ünal".encode(), "päss:word".encode()
    )


def test_a_hook_may_be_limited_to_people(people: People, receiver: Receiver) -> None:
    hook(people, receiver.url, onlyGUI=True)
    docid = people.save(TEXT, annotated())
    people.save(TEXT, annotated(ADA), name=docid)
    assert (
        people.call(
            "curator", "PUT", "/-local/annotations", docid=docid, json=annotated(ADA).data
        ).status_code
        == 200
    )
    assert receiver.get().what == ("updated", "GUI")
    first = people.call("owner", "GET", "/-local/history", docid=docid, member="master").json()["history"][-1]
    assert (
        people.call(
            "owner", "POST", "/-local/history/restore", docid=docid, id=first["id"], json={}
        ).status_code
        == 200
    )
    assert receiver.get().what == ("updated", "GUI")
    assert nothing_more_comes(people, receiver)


def test_a_model_behind_a_hook_annotates_new_documents(people: People, receiver: Receiver) -> None:
    """The loop that hooks are for: told of a new document, fetch its text, upload annotations."""
    hook(people, receiver.url, format="tagtogID")
    people.text("Ada in London", format="formatted")
    docid = json.loads(receiver.get().body)["tagtogID"]
    content = people.call("supercurator", "GET", "documents/v1", ids=docid, output="plain.html").content
    files = [("f", (f"{docid}.plain.html", content)), ("f", (f"{docid}.ann.json", annotated(ADA).dumps()))]
    answer = people.call("supercurator", "POST", "documents/v1", files=files, format="anndoc", output="null")
    assert answer.json()["items"][0]["result"] == "updated"
    assert receiver.get().what == ("updated", "API")
    assert len(people.ann(docid).json()["entities"]) == 1


# --- Failures


def test_a_failed_call_is_repeated_in_order(people: People, receiver: Receiver) -> None:
    receiver.answers = [500, 503, 404]
    hook(people, receiver.url)
    docid = people.save(TEXT, annotated())
    for number in range(3):
        people.save(TEXT, annotated(ADA, number=number), name=docid)
    calls = [receiver.get() for _ in range(7)]
    assert [call.what[0] for call in calls] == ["created"] * 4 + ["updated"] * 3
    assert len({call.headers["X-spacy-tagtog-delivery"] for call in calls[:4]}) == 1
    assert [json.loads(call.body)["number"] for call in calls[4:]] == [0, 1, 2]
    assert nothing_more_comes(people, receiver)


def test_a_save_never_waits_for_a_hook(people: People, receiver: Receiver) -> None:
    receiver.hold.clear()
    hook(people, receiver.url)
    docids = [people.save(TEXT, annotated(), name=f"n{number}") for number in range(5)]
    receiver.get()  # it hangs
    docids += [people.save(TEXT, annotated(), name=f"m{number}") for number in range(5)]
    assert (len(docids), receiver.answered) == (10, 0)
    assert status(people)["waiting"] == 10
    receiver.hold.set()
    for _ in range(9):
        receiver.get()
    until(lambda: status(people)["waiting"] == 0)


@contextmanager
def dripping() -> Iterator[tuple[str, threading.Event]]:
    """An endpoint that answers a byte now and then, for ever; and whether it was left."""
    left, stop = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):
                while not stop.wait(0.02):
                    self.wfile.write(b"H")
            left.set()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", left
        finally:
            stop.set()
            server.shutdown()
            thread.join()


def test_one_slow_webhook_holds_up_no_other(server: LocalTagtog, people: People, receiver: Receiver) -> None:
    slow = People(server, f"p{next(_NUMBERS)}", roles=("reviewer",))
    with dripping() as (address, left):
        settings = {**settings_from_legend(LEGEND), "webhooks": {"w_1": {"endpoint": address}}}
        settings["webhooks"]["w_2"] = {"endpoint": receiver.url + "/own"}
        assert slow.call("owner", "POST", "settings/v1/import", json=settings).status_code == 200
        hook(people, receiver.url + "/other")
        for number in range(3):
            slow.save(TEXT, annotated(), name=f"slow{number}")
            people.save(TEXT, annotated(), name=f"other{number}")
        # Neither another project's nor the project's own other webhook waits.
        assert sorted(receiver.get().path for _ in range(6)) == ["/other"] * 3 + ["/own"] * 3
        assert not left.is_set()
        server.database.write(import_settings, "owner", slow.name, settings_from_legend(LEGEND))
    slow.close()


def test_a_call_has_an_end(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "CALL_SECONDS", 0.2)
    with dripping() as (address, left):
        hook(people, address)
        people.save(TEXT, annotated())
        assert left.wait(_GIVE_UP)
        until(lambda: any(one["problem"] for one in status(people)["deliveries"]))
        assert status(people)["deliveries"][0]["problem"] == "no answer in time"
        people.server.database.write(import_settings, "owner", people.name, settings_from_legend(LEGEND))


@pytest.mark.parametrize("attempts", [0, 3])
def test_a_clock_that_was_ahead_and_is_put_right_delays_nothing(
    people: People, receiver: Receiver, attempts: int
) -> None:
    hook(people, receiver.url, format="tagtogID")
    with people.server.database.writing() as connection:
        key = project_key(connection, "owner", people.name)
        connection.execute(
            "INSERT INTO deliveries (project_id, hook, docid, status, source, created, due, attempts) "
            "VALUES (?, 'w_1', 'x', 'created', 'API', ?, ?, ?)",
            (key, *[clock.now() + 86_400_000] * 2, attempts),
        )
    assert json.loads(receiver.get().body)["docid"] == "x"
    assert nothing_more_comes(people, receiver)


def test_what_is_due_in_a_day_by_a_wrong_clock_is_due_now(tmp_path: Path) -> None:
    pauses = Pauses(first=2_000, longest=3_600_000, spread=(0.5, 1.5), lease=120_000)
    now, day = clock.now(), 86_400_000
    database = Database(tmp_path / "x.db")
    database.write(create_project, "owner", "p", settings_from_legend(LEGEND))
    with database.writing() as connection:
        key = project_key(connection, "owner", "p")
        for due, attempts in ((now + day, 0), (now + day, 5), (now + 3_000, 1), (now + 120_000, 1)):
            connection.execute(
                "INSERT INTO deliveries (project_id, hook, docid, status, source, created, due, attempts) "
                "VALUES (?, ?, 'x', 'created', 'API', 0, ?, ?)",
                (key, f"{attempts} {due - now}", due, attempts),
            )
        found = due_hooks(connection, now, pauses)
        assert sorted(hook for _, hook in found) == [f"0 {day}", f"5 {day}"]
        # Not those that wait as long as they should: a pause after a failure, and a call that is under way.
        assert next_due(connection, key, "1 3000", now, pauses) is None
        assert next_due(connection, key, "1 3000", now + 3_000, pauses) is not None
    database.close()


def test_what_fails_for_good_is_shown_and_can_be_sent_again(
    people: People, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers = [500] * 12
    hook(people, receiver.url, authentication={"type": "basic", "username": "u", "password": "hidden"})
    docid = people.save(TEXT, annotated())
    for _ in range(12):
        receiver.get()
    until(lambda: status(people)["failed"] == 1)
    shown = status(people)
    (failed,) = shown["deliveries"]
    assert (failed["docid"], failed["state"], failed["attempts"], failed["problem"]) == (
        docid,
        "failed",
        12,
        "answered with status 500",
    )
    assert shown["webhooks"] == [
        {
            "id": "w_1",
            "endpoint": receiver.url,
            "format": "ann.json",
            "onlyGUI": False,
            "authentication": "basic",
        }
    ]
    assert "hidden" not in json.dumps(shown)
    assert nothing_more_comes(people, receiver)
    # On the page, with a button.
    assert "?view=webhooks" in people.call("reviewer", "GET", f"/owner/{people.name}").text
    page = lxml_html.fromstring(
        people.call("reviewer", "GET", f"/owner/{people.name}", view="webhooks").content.decode()
    )
    assert "answered with status 500" in page.text_content()
    (form,) = page.xpath("//form")
    refused(people.call("reviewer", "POST", form.action, data={}), 403, "form")
    assert people.call("reviewer", "POST", form.action, data=dict(form.fields)).status_code == 303
    assert receiver.get().what == ("created", "API")
    until(lambda: status(people)["deliveries"] == [])


def test_what_fails_can_be_forgotten(people: People, receiver: Receiver) -> None:
    hook(people, receiver.url)
    people.save(TEXT, annotated(), name="one")
    receiver.get()
    receiver.hold.clear()
    people.save(TEXT, annotated(), name="two")
    receiver.get()
    hook(people, "http://127.0.0.1:1/")  # another endpoint, and the documents are gone
    receiver.hold.set()
    people.server.database.write(import_settings, "owner", people.name, settings_from_legend(LEGEND))
    people.server.database.write(
        import_settings,
        "owner",
        people.name,
        {**settings_from_legend(LEGEND), "webhooks": {"w_9": {"endpoint": receiver.url}}},
    )
    with people.server.database.writing() as connection:
        key = project_key(connection, "owner", people.name)
        connection.execute(
            "INSERT INTO deliveries (project_id, hook, docid, status, source, created, due) "
            "VALUES (?, 'w_1', 'x', 'created', 'API', 0, 0)",
            (key,),
        )
    until(lambda: status(people)["failed"] == 1)
    assert "isn't in the project's settings" in status(people)["deliveries"][0]["problem"]
    assert people.call("reviewer", "DELETE", "/-local/webhooks").json() == {"deleted": 1}
    assert status(people)["deliveries"] == []


@pytest.mark.parametrize("code", [301, 302, 307])
def test_redirects_are_not_followed(people: People, receiver: Receiver, code: int) -> None:
    receiver.answers = [code]
    hook(people, receiver.url, authentication={"type": "basic", "username": "u", "password": "p"})
    people.save(TEXT, annotated())
    assert [receiver.get().path, receiver.get().path] == ["/", "/"]
    assert nothing_more_comes(people, receiver)


def test_a_dead_endpoint_says_nothing_of_the_network(people: People) -> None:
    hook(people, "http://127.0.0.1:1/secret-path")
    people.save(TEXT, annotated())
    until(lambda: any(one["problem"] for one in status(people)["deliveries"]))
    assert status(people)["deliveries"][0]["problem"] == "no connection"


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"endpoint": "file:///etc/passwd"}, "http://HOST"),
        ({"endpoint": "ftp://host/x"}, "http://HOST"),
        ({"endpoint": "http://"}, "http://HOST"),
        ({"endpoint": "http://[::1"}, "IPv6"),
        ({"endpoint": "http://u:p@host/"}, "password"),
        ({"endpoint": 5}, "endpoint"),
        ({}, "endpoint"),
        ("x", "JSON|read"),
        ({"endpoint": "http://host", "format": "xml"}, "ann.json, tagtogID"),
        ({"endpoint": "http://host", "authentication": {"type": "ntlm"}}, "ntlm"),
        (
            {
                "endpoint": "http://host",
                "authentication": {"type": "basic", "username": "a:b", "password": "x"},
            },
            "colon",
        ),
        ({"endpoint": "http://host", "authentication": {"type": "basic"}}, "user name"),
    ],
)
def test_a_hook_that_cannot_be_used_is_listed(people: People, entry: Any, word: str) -> None:
    settings = {**settings_from_legend(LEGEND), "webhooks": {"w_1": entry}}
    assert people.call("owner", "POST", "settings/v1/import", json=settings).status_code == 200
    people.save(TEXT, annotated())
    shown = status(people)
    assert (shown["webhooks"], shown["waiting"]) == ([], 0)
    assert any(piece in shown["problems"]["w_1"] for piece in word.split("|"))
    page = people.call("reviewer", "GET", f"/owner/{people.name}", view="webhooks").text
    assert "w_1 can't be used" in page
    assert people.call("owner", "GET", "settings/v1/export").json()["webhooks"] == {"w_1": entry}


def test_reviewers_set_webhooks_without_losing_documents(people: People, receiver: Receiver) -> None:
    docid = people.save(TEXT, annotated())
    answer = people.call("reviewer", "PUT", "/-local/webhooks", json={"w_1": {"endpoint": receiver.url}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["webhooks"][0]["endpoint"] == receiver.url
    before = people.call("owner", "GET", "settings/v1/export").json()
    assert before["webhooks"] == {"w_1": {"endpoint": receiver.url}}
    people.save(TEXT, annotated(ADA), name=docid)
    assert receiver.get().what == ("updated", "API")
    for body, word in (
        ([], "JSON object"),
        ({"w_1": {}}, "endpoint"),
        ({"w_1": {"endpoint": "file:///x"}}, "http://"),
        ({"w_1": {"endpoint": receiver.url, "enabled": "no"}}, "w_1.enabled"),
    ):
        refused(people.call("reviewer", "PUT", "/-local/webhooks", json=body), 400, word)
    refused(people.call("supercurator", "PUT", "/-local/webhooks", json={}), 403, "supercurator")
    assert people.call("owner", "GET", "settings/v1/export").json() == before
    assert people.call("reviewer", "PUT", "/-local/webhooks", json={}).json()["webhooks"] == []
    people.save(TEXT, annotated(), name=docid)
    assert nothing_more_comes(people, receiver)


def test_hooks_are_read_in_the_spellings_that_occur() -> None:
    hooks, problems = read_hooks(
        {
            "webhooks": {
                "a": {
                    "url": "https://host/x",
                    "format": "annjson",
                    "authentication": "None",
                    "onlyGUITrigger": True,
                },
                "b": {"endPoint": "http://h", "authentication": "Basic", "username": "u", "password": "p"},
                "c": {"endpoint": "http://h", "enabled": False},
            }
        }
    )
    assert (sorted(hooks), problems, hooks["a"].only_gui, hooks["b"].credentials) == (
        ["a", "b"],
        {},
        True,
        ("u", "p"),
    )
    assert "'p'" not in repr(hooks["b"])
    assert read_hooks({"webhooks": ["x"]})[1]
    assert read_hooks({}) == ({}, {})


@pytest.mark.parametrize("role", ["curator", "supercurator"])
def test_who_sees_the_queue(people: People, role: str) -> None:
    for method, path in (("GET", "webhooks"), ("DELETE", "webhooks"), ("POST", "webhooks/retry")):
        refused(people.call(role, method, f"/-local/{path}", json={}), 403, role)
    refused(people.call(role, "GET", f"/owner/{people.name}", view="webhooks"), 403, role)
    refused(people.call("stranger", "GET", "/-local/webhooks"), 404)
    refused(people.call("reviewer", "DELETE", "/-local/webhooks", id="x"), 400, "id")


# --- Starting again


def test_the_queue_survives_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    database = Database(tmp_path / "x.db")
    database.write(
        create_project,
        "owner",
        "p",
        {
            **settings_from_legend(LEGEND),
            "webhooks": {"w_1": {"endpoint": receiver.url, "format": "tagtogID"}},
        },
    )
    upload(
        database,
        "owner",
        "p",
        read_uploads([UploadedFile(f"{number}.txt", b"x") for number in range(5)], None),
    )
    database.close()
    assert receiver.calls.empty()
    with local_tagtog(tmp_path / "x.db"):
        calls = [json.loads(receiver.get().body)["tagtogID"][-5:] for _ in range(5)]
    assert sorted(calls) == [f"{number}.txt" for number in range(5)]


_SERVE = """
import sys
from pathlib import Path
from spacy_tagtog.server import deliveries
from spacy_tagtog.server import serve
deliveries._LEASE = 1500
serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True), webhook_pause=0.01)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_server_repeats_what_was_under_way(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "x.db"
    database = Database(path)
    database.write(add_user, "owner", "owner's own", admin=True)
    database.write(
        create_project,
        "owner",
        "p",
        {
            **settings_from_legend(LEGEND),
            "webhooks": {"w_1": {"endpoint": receiver.url, "format": "tagtogID"}},
        },
    )
    database.close()
    receiver.hold.clear()
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        query = {"owner": "owner", "project": "p", "output": "null"}
        answer = requests.post(
            f"{url}/-api/documents/v1",
            params=query,
            data={"text": "x"},
            auth=("owner", "owner's own"),
            timeout=20,
        )
        assert answer.status_code == 200
        first = receiver.get()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    receiver.hold.set()
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()  # from now on it can be interrupted
        again = receiver.get()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert again.headers["X-spacy-tagtog-delivery"] == first.headers["X-spacy-tagtog-delivery"]
    assert again.body == first.body
    assert process.returncode == 0
