"""Passwords: sent as they are, and shown nowhere."""

from __future__ import annotations

import base64
import logging
import socket
import traceback
from http.server import BaseHTTPRequestHandler

import pytest
from fault_server import PASSWORD, FaultServer, answer, page

from spacy_tagtog.client import TagtogClient
from spacy_tagtog.errors import (
    ClientError,
    UnreachableError,
)

TOKEN = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()

pytestmark = pytest.mark.usefixtures("waits")


def test_the_password_appears_nowhere(
    fault: FaultServer, caplog: pytest.LogCaptureFixture, closed_port: int, waits: list[float]
) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(handler: BaseHTTPRequestHandler) -> None:
        answer(f"you sent {handler.headers['Authorization']}, that is {PASSWORD}", 500)(handler)

    shown: list[str] = []
    scripts = [
        echo,
        answer(f"{PASSWORD} {TOKEN}", 401),
        answer(f"{PASSWORD} {TOKEN}", 404),
        answer(b"", 302, Location=f"http://ann:{PASSWORD}@localhost/".encode().decode("latin-1")),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        answer("<html>"),
    ]
    for script in scripts:
        fault.answers = [script]
        with fault.client() as client:
            shown.append(f"{client!r} {client} {vars(client).keys()}")
            with pytest.raises(ClientError) as caught:
                client.count()
        shown += [
            "".join(traceback.format_exception(caught.value)),
            repr(caught.value),
            repr(vars(caught.value)),
        ]
        # Error reporters print whole chains with local variables: requests' own exceptions carry the header.
        chain: list[BaseException | None] = [caught.value.__cause__, caught.value.__context__]
        assert not any(hasattr(link, "request") for link in chain)
    with (
        TagtogClient(
            f"http://127.0.0.1:{closed_port}", username="ann", password=PASSWORD, project="p"
        ) as client,
        pytest.raises(UnreachableError) as gone,
    ):
        client.count()
    shown.append("".join(traceback.format_exception(gone.value)))
    assert (gone.value.__cause__, gone.value.__context__) == (None, None)
    everything = "\n".join([*shown, caplog.text])
    assert "you sent Basic ***, that is ***" in everything
    assert "documents/v1" in caplog.text  # the log is on
    for secret in (PASSWORD, TOKEN, PASSWORD.encode().decode("latin-1")):
        assert secret not in everything


def test_a_password_may_hold_any_character(fault: FaultServer, client: TagtogClient) -> None:
    fault.answers = [answer(page([], 1))]
    client.count()
    assert fault.requests[0].headers["Authorization"] == f"Basic {TOKEN}"
    assert fault.requests[0].query["owner"] == "ann"
    assert fault.requests[0].headers["User-Agent"].startswith("spacy-tagtog/")
