"""Where passwords come from, and where they never appear."""

from __future__ import annotations

import base64
import logging
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from clocks import FakeTime
from fault_server import FaultServer, answer, fault_server

from spacy_tagtog.anndoc import Annotations, Document, html_from_text
from spacy_tagtog.client import (
    Retries,
    TagtogClient,
    delete,
    fetch,
    find_credentials,
    push,
    upload,
)
from spacy_tagtog.client.credentials import Credentials
from spacy_tagtog.errors import ClientError, ConfigurationError, SpacyTagtogError

CANARY = "kanarien\u2019vogel-9x7q"
TOKEN = base64.b64encode(f"ann:{CANARY}".encode()).decode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[tuple[str, str], str]:
    """No password of this machine's: an empty home, and a keyring that is a dictionary."""
    for name in (
        "TAGTOG_USERNAME",
        "TAGTOG_PASSWORD",
        "TAGTOG_DOMAIN",
        "TAGTOG_PROJECT",
        "TAGTOG_OWNER",
        "TAGTOG_CA_FILE",
        "NETRC",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    entries: dict[tuple[str, str], str] = {}

    def get_credential(service: str, username: str | None) -> Any:
        if "locked" in str(entries):
            raise errors.KeyringError("locked")
        found = [
            (name, password)
            for (at, name), password in entries.items()
            if at == service and username in (None, name)
        ]
        return SimpleNamespace(username=found[0][0], password=found[0][1]) if found else None

    errors: Any = ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    keyring: Any = ModuleType("keyring")
    keyring.get_credential, keyring.errors = get_credential, errors
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return entries


def test_the_first_place_that_has_both_wins(
    environment: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="user name is not set") as caught:
        find_credentials("tagtog.example")
    assert caught.value.value == "TAGTOG_USERNAME"

    netrc = tmp_path / ".netrc"
    netrc.write_text(
        f"machine tagtog.example login ann password {CANARY}\nmachine other.example login eve password x\n"
    )
    netrc.chmod(0o600)
    assert find_credentials("https://tagtog.example:8443") == Credentials("ann", CANARY, "netrc")
    monkeypatch.setenv("TAGTOG_USERNAME", "bob")
    with pytest.raises(ConfigurationError, match="password is not set") as caught:
        find_credentials("tagtog.example")
    assert caught.value.value == "TAGTOG_PASSWORD"

    environment["https://other.example", "bob"] = "not for this domain"
    environment["https://tagtog.example", "bob"] = CANARY
    assert find_credentials("tagtog.example") == Credentials("bob", CANARY, "keyring")
    monkeypatch.setenv("TAGTOG_PASSWORD", "from the environment")
    assert find_credentials("tagtog.example") == Credentials("bob", "from the environment", "environment")
    monkeypatch.delenv("TAGTOG_PASSWORD")
    environment["locked", ""] = ""
    assert find_credentials("tagtog.example", username="ann").source == "netrc"
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_credentials("tagtog.example", username="ann").source == "netrc"
    assert CANARY not in repr(find_credentials("tagtog.example", username="ann"))


@pytest.mark.parametrize(
    "content", [f"machine x login ann password {CANARY} {CANARY}\n", f"{CANARY}\n", "machine x login \xff"]
)
def test_a_broken_netrc_is_not_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    path = tmp_path / "my-netrc"
    path.write_bytes(content.encode("latin-1" if "\xff" in content else "utf-8"))
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(ConfigurationError) as caught:
        find_credentials("tagtog.example")
    assert str(path) in str(caught.value) or "not set" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert CANARY not in shown
    assert CANARY not in repr(caught.value.__context__)


def test_a_client_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TagtogClient.from_environment("tagtog.example")
    assert caught.value.value == "TAGTOG_PROJECT"
    for name, value in {
        "DOMAIN": "tagtog.example",
        "PROJECT": "demo",
        "USERNAME": "ann",
        "PASSWORD": CANARY,
        "OWNER": "team",
    }.items():
        monkeypatch.setenv(f"TAGTOG_{name}", value)
    with TagtogClient.from_environment(threads=3) as client:
        assert (client.domain, client.project, client.owner, client.threads) == (
            "https://tagtog.example",
            "demo",
            "team",
            3,
        )
    with TagtogClient.from_environment("other.example", project="mine", owner="me") as client:
        assert (client.domain, client.project, client.owner) == ("https://other.example", "mine", "me")
    monkeypatch.setenv("TAGTOG_CA_FILE", "missing.pem")
    with pytest.raises(ConfigurationError, match="CA file"):
        TagtogClient.from_environment()


def echo(status: int, kind: str = "text/plain") -> Callable[[BaseHTTPRequestHandler], None]:
    """A server that repeats what it was told, as debug pages do."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        answer(f"{handler.headers['Authorization']} {CANARY} {TOKEN}", status, Content_Type=kind)(handler)

    return send


@pytest.mark.parametrize(
    "script",
    [
        *(echo(status) for status in (200, 400, 401, 403, 404, 409, 429, 500, 502, 503)),
        echo(200, "text/html"),
        echo(200, "application/json"),
        answer({"ok": 0, "errors": 1, "items": [], "warnings": [CANARY, TOKEN]}),
        answer(b"", 302, Location=f"http://ann:{CANARY}@elsewhere.example/".encode().decode("latin-1")),
        lambda handler: handler.connection.close(),
    ],
)
def test_the_canary_sings_nowhere(script: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Errors of every call, whole chains with their values, logs, reports, and all files that are written."""
    caplog.set_level(logging.DEBUG)
    html = html_from_text("Ann", filename="a.txt")
    doc = Document(str(html.id), html, {"master": Annotations.empty(list(html.parts))})
    (tmp_path / "a.txt").write_text("Ann")
    shown: list[str] = []
    with fault_server() as fault:
        fault.answers = [script]
        client = _client(fault)

        def text() -> object:
            return client.text("aDoc")

        calls: list[Callable[[], object]] = [
            client.count,
            client.legend,
            client.members,
            text,
            lambda: client.plain_html("aDoc"),
            lambda: client.annotations("aDoc"),
            lambda: client.merge("aDoc", "union_v1"),
            lambda: client.iaa("a", "b", "e_1"),
            lambda: client.add_member("bob", "reader"),
            lambda: client.set_task_distribution(0, []),
            lambda: client.delete_document("aDoc"),
            lambda: client.upload_text("x"),
            lambda: list(client.overwrite_documents([doc])),
            lambda: push(client, [doc]),
            lambda: fetch(client, tmp_path / "out"),
            lambda: upload(client, [tmp_path / "a.txt"]),
            lambda: delete(client, "*"),
        ]
        failed = 0
        with client:
            for call in calls:
                try:
                    result = call()
                    if call is not text:  # what stands in a document is the document's
                        shown.append(repr(result))
                except SpacyTagtogError as error:
                    failed += 1
                    link: BaseException | None = error
                    while link is not None:
                        shown += [str(link), repr(vars(link)), repr(link.args)]
                        assert not hasattr(link, "request")
                        link = link.__cause__ or link.__context__
                    shown.append("".join(traceback.format_exception(error)))
            shown += [repr(client), repr(client._http)]
        assert failed > 5
        assert all(request.headers.get("Authorization") == f"Basic {TOKEN}" for request in fault.requests)
    shown += [path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file()]
    everything = "\n".join([*shown, caplog.text])
    for secret in (CANARY, TOKEN, CANARY.encode().decode("latin-1")):
        assert secret not in everything


def _client(fault: FaultServer) -> TagtogClient:
    quick = Retries(failures=1, refusals=1, timeouts=0, nonsense=1)
    return TagtogClient(
        fault.url,
        username="ann",
        password=CANARY,
        project="proj",
        timeout=(2, 5),
        retries=quick,
        threads=2,
        clock=FakeTime().clock,
    )


def test_other_servers_get_nothing_from_any_call() -> None:
    with fault_server() as other, fault_server() as fault:
        other.answers = [answer({})]
        fault.answers = [answer(b"", 307, Location=f"http://localhost:{other.port}/x")]
        with _client(fault) as client:
            for call in (
                client.count,
                client.members,
                lambda: client.upload_text("x"),
                lambda: client.set_role("bob", "reader"),
            ):
                with pytest.raises(ClientError):
                    call()
        assert other.requests == []
