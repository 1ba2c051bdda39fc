"""Who may call the local tagtog, and where its limits are, over real HTTP."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from local_api import refused
from project_api import Api
from requests.auth import HTTPBasicAuth

from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog

# --- Who and where


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Bearer x",
        "Basic bG9jYWw6d3Jvbmc=",
        "Basic bm9ib2R5OndoYXQ=",
        "Basic /////w==",
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/-api/documents/v1?owner=local&project=x",
        "/-api/settings/v1/annotationsLegend",
        "/nowhere",
        "/a/b",
    ],
)
def test_every_call_needs_a_user(server: LocalTagtog, header: str | None, path: str) -> None:
    answer = requests.get(server.url + path, headers={"Authorization": header} if header else {}, timeout=20)
    refused(answer, 401, "HTTP Basic")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_stored_users_may_call_and_changed_passwords_count(server: LocalTagtog, api: Api) -> None:
    def status(password: str) -> int:
        auth = HTTPBasicAuth("ada", password.encode())
        return requests.get(
            f"{server.url}/-api/documents/v1", params={**api.project, "search": "*"}, auth=auth, timeout=20
        ).status_code

    server.database.write(add_user, "ada", "pässword:1", admin=True)
    assert [status("pässword:1"), status("pässword:1"), status("other")] == [200, 200, 401]
    server.database.write(add_user, "ada", "second one")
    assert [status("pässword:1"), status("second one")] == [401, 200]


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({}, 400, "owner"),
        ({"owner": "local"}, 400, "project"),
        ({"owner": "local", "project": "none"}, 404, "none"),
    ],
)
def test_the_project_must_be_named_and_exist(api: Api, query: dict[str, str], status: int, word: str) -> None:
    for path in ("/-api/documents/v1", "/-api/settings/v1/annotationsLegend"):
        refused(
            api.session.get(api.server.url + path, params={**query, "search": "*"}, timeout=20), status, word
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-api/documents/v2", 404),
        ("GET", "/-api/documents/v1/", 404),
        ("POST", "/-api/unknown", 404),
        ("GET", "/favicon.ico", 404),
        ("PATCH", "/-api/documents/v1", 405),
        ("POST", "annotationsLegend", 405),
        ("POST", "/", 405),
        ("DELETE", "members/ada", 404),
        ("DELETE", "members", 405),
        ("PUT", "task-distribution", 400),
        ("GET", "/-api/metrics/v0/nothing", 404),
        ("POST", "/-api/documents/versions/v0/nothing", 404),
    ],
)
def test_what_is_not_there_says_so(api: Api, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)
    refused(answer, status, "legal:")
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_other_web_sites_cannot_change_anything(api: Api, headers: dict[str, str]) -> None:
    address = f"{api.server.url}/-api/documents/v1"
    refused(
        api.session.post(address, params=api.project, data={"text": "x"}, headers=headers, timeout=20),
        403,
        "web site",
    )
    refused(
        api.session.delete(address, params={**api.project, "search": "*"}, headers=headers, timeout=20), 403
    )
    own = {"Origin": api.server.url, "Sec-Fetch-Site": "same-origin"}
    assert (
        api.session.post(
            address, params={**api.project, "output": "null"}, data={"text": "x"}, headers=own, timeout=20
        ).status_code
        == 200
    )


def test_answers_carry_the_headers_that_keep_a_browser_safe(api: Api) -> None:
    docid = api.text("<script>alert(1)</script>")["docid"]
    for answer in (
        api.get(docid, "plain.html"),
        api.get(docid, "orig"),
        api.get(docid, "visualize"),
        api.get("none", "html"),
        api.call("GET", "/"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        is_page = "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == ("same-origin" if is_page else "no-referrer")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "server" not in answer.headers
    assert "sandbox" in api.get(docid, "plain.html").headers["Content-Security-Policy"]


# --- Limits


@contextmanager
def own_server(path: Path) -> Iterator[Api]:
    with local_tagtog(path) as running:
        api = Api(running, "p")
        yield api
        api.session.close()


def test_requests_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_tagtog.server.app.MAX_REQUEST_BYTES", 3000)
    with own_server(tmp_path / "x.db") as api:
        refused(api.call("POST", data={"text": "x" * 4000}), 413, "3000 bytes")
        pieces = [b"text=", *[b"x" * 100] * 40]
        address, headers = (
            f"{api.server.url}/-api/documents/v1",
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        chunked = requests.post(
            address,
            params=api.project,
            auth=(api.server.username, api.server.password),
            data=iter(pieces),
            headers=headers,
            timeout=20,
        )
        refused(chunked, 413, "3000 bytes")
        assert api.docs() == []
        api.text("x" * 2000)


def test_a_declared_length_is_refused_before_it_is_sent(api: Api) -> None:
    credentials = (
        requests.Request("POST", "http://x", auth=api.session.auth).prepare().headers["Authorization"]
    )
    host, port = api.server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        lines = [
            "POST /-api/documents/v1?owner=local&project=x HTTP/1.1",
            f"Host: {host}",
            f"Authorization: {credentials}",
            "Content-Length: 300000000",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_too_many_files_and_fields_are_refused(api: Api) -> None:
    refused(
        api.call("POST", files=[("f", (f"{number}.txt", b"x")) for number in range(2001)]), 400, "2000 files"
    )
    refused(api.call("POST", data={f"f{number}": "x" for number in range(101)}), 400, "form")
    assert api.docs() == []


def test_a_text_that_is_too_long_for_the_parser_is_refused(api: Api) -> None:
    refused(api.call("POST", data={"text": "x" * 10_000_001}), 400, "text.txt")
    assert api.docs() == []


def test_a_locked_database_is_said_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_tagtog.server.db.database._BUSY_SECONDS", 0.05)
    with own_server(tmp_path / "x.db") as api:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = api.call("POST", data={"text": "x"})
        refused(answer, 503, "another program")
        assert answer.headers["Retry-After"]
        assert api.docs() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        api.text("x")


def test_a_full_disk_is_said_and_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_server(tmp_path / "x.db") as api:
        api.text("before")
        connect = api.server.database._connect

        def limited() -> sqlite3.Connection:
            connection = connect()
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 5}")
            return connection

        monkeypatch.setattr(api.server.database, "_connect", limited)
        for connection in api.server.database._idle:
            connection.close()
        api.server.database._idle.clear()
        files = [("f", (f"{number}.txt", b"x" * 10_000)) for number in range(20)]
        refused(api.call("POST", files=files, output="null"), 507, "space")
        assert [hit["header"] for hit in api.docs()] == ["before"]


def test_a_bug_is_answered_without_its_details_and_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("spacy_tagtog.server.api.settings.read_project", broken)
    answer = api.call("GET", "annotationsLegend")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text
