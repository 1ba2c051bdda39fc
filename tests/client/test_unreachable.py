"""Servers that don't answer, or not in time: what is tried again, and what the user is told."""

from __future__ import annotations

import shutil
import socket
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fault_server import PASSWORD, FaultServer, answer, fault_server, imported, page
from verbatim import document

from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    ConfigurationError,
    UnreachableError,
)

pytestmark = pytest.mark.usefixtures("waits")


def test_a_server_that_is_down_fails_after_a_few_bounded_retries(
    closed_port: int, waits: list[float]
) -> None:
    with TagtogClient(
        f"http://127.0.0.1:{closed_port}", username="ann", password=PASSWORD, project="proj"
    ) as client:
        for call in (client.count, lambda: list(client.overwrite_documents([document("Some text")]))):
            waits.clear()
            with pytest.raises(UnreachableError, match="refused") as caught:
                call()
            assert len(waits) == 3
            assert 0 < sum(waits) < 0.5 + 1 + 2
            assert not caught.value.uncertain
            assert "tried 4 times" in str(caught.value.advice)
            assert caught.value.status is None
            assert f"127.0.0.1:{closed_port}" in str(caught.value)
            assert "ann/proj" in str(caught.value.place)


def test_a_refused_push_is_sent_once_the_server_is_up(
    monkeypatch: pytest.MonkeyPatch, fault: FaultServer
) -> None:
    doc = document("Some text")
    fault.answers = [answer(imported({"docid": doc.id, "result": "created"}))]
    connect, refusals = socket.socket.connect, [ConnectionRefusedError(111, "Connection refused")]

    def refuse_once(self: socket.socket, address: Any) -> None:
        if refusals and address[1] == fault.port:
            raise refusals.pop()
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse_once)
    with fault.client() as client:
        assert [item.result for item in client.overwrite_documents([doc])] == ["created"]
    assert not refusals
    assert len(fault.requests) == 1


def test_a_server_that_hangs_is_asked_again_and_given_up(fault: FaultServer) -> None:
    fault.answers = [lambda _: fault.released.wait(30)]
    with fault.client(timeout=(2, 0.1)) as client:
        with pytest.raises(UnreachableError, match="in time") as caught:
            client.count()
        assert "0.1 s" in str(caught.value)
        assert len(fault.requests) == 3
        # tagtog may have stored it: sending it again is nobody's guess.
        fault.requests.clear()
        with pytest.raises(UnreachableError, match="in time") as caught:
            client.upload_text("x")
        assert len(fault.requests) == 1
        assert caught.value.uncertain
        assert "look there before you repeat it" in str(caught.value.advice)


def test_a_server_that_is_slow_once_is_no_problem(fault: FaultServer) -> None:
    fault.answers = [lambda _: fault.released.wait(30), answer(page([], 7))]
    with fault.client(timeout=(2, 0.1)) as client:
        assert client.count() == 7


def test_a_host_that_does_not_even_refuse_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def black_hole(*_: Any) -> None:
        attempts.append(1)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", black_hole)
    with TagtogClient("http://127.0.0.1:9", username="ann", password=PASSWORD, project="x") as client:
        for call in (client.count, lambda: client.upload_text("x")):
            with pytest.raises(UnreachableError, match="in time") as caught:
                call()
            assert not caught.value.uncertain
    assert len(attempts) == 6


def test_an_answer_that_stops_in_the_middle_is_given_up(fault: FaultServer) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.wfile.flush()
        fault.released.wait(30)

    fault.answers = [stall]
    with fault.client(timeout=(2, 0.1)) as client, pytest.raises(UnreachableError, match="in time"):
        client.count()


def test_a_connection_that_breaks_is_tried_again_for_get_only(
    fault: FaultServer, client: TagtogClient, waits: list[float]
) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    fault.answers = [hang_up, answer(page([], 7))]
    assert client.count() == 7
    assert len(fault.requests) == 2

    fault.answers = [hang_up]
    with pytest.raises(UnreachableError):
        client.count()
    fault.requests.clear()
    for call in (
        lambda: list(client.overwrite_documents([document("Some text")])),
        lambda: client.delete("*"),
    ):
        with pytest.raises(UnreachableError) as caught:
            call()
        assert caught.value.uncertain
    assert [request.method for request in fault.requests] == ["POST", "DELETE"]


def test_an_unknown_host_is_unreachable(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        TagtogClient("tagtog.invalid", username="u", password=PASSWORD, project="x") as client,
        pytest.raises(UnreachableError, match="not known"),
    ):
        client.count()
    assert sum(waits) < 4


def test_plain_http_behind_https_is_explained(fault: FaultServer, waits: list[float]) -> None:
    fault.answers = [answer(page([]))]
    https = fault.url.replace("http:", "https:")
    with (
        TagtogClient(https, username="u", password="p", project="x") as client,
        pytest.raises(UnreachableError, match="encrypted") as caught,
    ):
        client.count()
    assert "http://" in str(caught.value.advice)
    assert "TAGTOG_CA_FILE" in str(caught.value.advice)
    assert waits == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    pair = (folder / "cert.pem", folder / "key.pem")
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-out", str(pair[0]), "-keyout", str(pair[1])], check=True, capture_output=True
    )
    return pair


def test_a_self_signed_certificate_needs_its_ca_file(
    certificate: tuple[Path, Path], waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0].parent / "other.pem"))
    with fault_server(certificate) as fault:
        fault.answers = [answer(page([], 3))]
        with fault.client(verify=certificate[0]) as client:
            assert client.count() == 3
        with fault.client() as client, pytest.raises(UnreachableError, match="certificate") as caught:
            client.count()
        assert "TAGTOG_CA_FILE" in str(caught.value.advice)
        assert len(fault.requests) == 1
    assert waits == []


def test_a_bundle_of_the_environment_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with (
        TagtogClient("tagtog.invalid", username="u", password=PASSWORD, project="x") as client,
        pytest.raises(ConfigurationError) as caught,
    ):
        client.count()
    assert "REQUESTS_CA_BUNDLE" in str(caught.value.advice)


def test_a_proxy_is_not_asked_for_this_machine(
    fault: FaultServer, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    fault.answers = [answer(page([], 2))]
    with fault.client() as client:
        assert client.count() == 2
    proxied = TagtogClient(
        "http://tagtog.invalid", username="u", password=PASSWORD, project="x", allow_http=True
    )
    with proxied, pytest.raises(UnreachableError, match="proxy"):
        proxied.count()
