"""A server that never stops sending a little doesn't hold a call for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from clocks import FakeTime
from fault_server import PASSWORD, FaultServer, answer, fault_server, page

from spacy_tagtog.client import Retries, TagtogClient, fetch
from spacy_tagtog.errors import ConfigurationError, UnreachableError

_SECONDS_PER_BYTE = 3


def dripping(time: FakeTime, start: bytes, piece: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that begins, and goes on as long as somebody listens, a piece every three seconds."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        while True:  # until the client hangs up, which raises
            time.seconds += _SECONDS_PER_BYTE
            handler.wfile.write(piece)
            handler.wfile.flush()

    return drip


DRIPS = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b" ", id="body"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="body without a length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff0\r\n", b" ", id="a chunk"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", id="a header"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim answers"),
]


@pytest.mark.parametrize(("start", "piece"), DRIPS)
def test_a_server_that_drips_is_given_up_after_the_total_time(
    fault: FaultServer, start: bytes, piece: bytes
) -> None:
    time = FakeTime()
    begin = time.seconds
    fault.answers = [dripping(time, start, piece)]
    with fault.client(clock=time.clock, timeout=(2, 20), retries=Retries(timeouts=1)) as client:
        with pytest.raises(UnreachableError, match="takes too long") as caught:
            client.count()
        assert "300 s" in str(caught.value)
        assert "total_timeout" in str(caught.value.advice)
        assert len(fault.requests) == 2
        assert not caught.value.uncertain
        assert time.seconds - begin > 600
        # What changes something isn't repeated: tagtog may have done it.
        fault.requests.clear()
        with pytest.raises(UnreachableError, match="takes too long") as caught:
            client.delete("*")
        assert len(fault.requests) == 1
        assert caught.value.uncertain


def test_a_server_that_drips_behind_encryption_is_given_up(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(files[0])
    issued.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    time = FakeTime()
    with fault_server(files) as fault:
        drip = dripping(time, b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b" ")
        fault.answers = [drip, answer(page([], 7))]
        with fault.client(clock=time.clock, verify=tmp_path / "ca.pem") as client:
            assert client.count() == 7
    assert len(fault.requests) == 2


def test_a_drip_through_a_proxy_is_given_up(fault: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime()
    monkeypatch.setenv("http_proxy", fault.url)
    fault.answers = [dripping(time, b"HTTP/1.1 200 OK\r\n\r\n", b" "), answer(page([], 7))]
    with TagtogClient(
        "http://tagtog.invalid",
        username="u",
        password=PASSWORD,
        project="x",
        allow_http=True,
        clock=time.clock,
    ) as client:
        assert client.count() == 7


def test_a_fetch_from_a_server_that_drips_ends(fault: FaultServer, tmp_path: Path) -> None:
    time = FakeTime()
    fault.answers = [dripping(time, b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b" ")]
    with (
        fault.client(clock=time.clock, total_timeout=30) as client,
        pytest.raises(UnreachableError, match="takes too long") as caught,
    ):
        fetch(client, tmp_path / "folder")
    assert "30 s" in str(caught.value)


def test_a_slow_answer_that_comes_within_the_total_time_is_read(fault: FaultServer) -> None:
    """Each call has the whole time, however long the one before it took."""
    time = FakeTime()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.seconds += 200
        answer(page([], 7))(handler)

    fault.answers = [slow]
    with fault.client(clock=time.clock) as client:
        assert [client.count() for _ in range(3)] == [7, 7, 7]
    assert len(fault.requests) == 3


def test_a_server_that_takes_what_is_sent_too_slowly_is_given_up() -> None:
    """It reads a little now and then, so that no single piece is late."""
    time = FakeTime()
    taken: list[int] = []

    def read_slowly(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while piece := connection.recv(1 << 14):
                time.seconds += 60
                taken.append(len(piece))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=read_slowly, args=(listener,), daemon=True)
        thread.start()
        with (
            TagtogClient(
                f"http://127.0.0.1:{listener.getsockname()[1]}",
                username="u",
                password=PASSWORD,
                project="x",
                clock=time.clock,
            ) as client,
            pytest.raises(UnreachableError, match="takes too long") as caught,
        ):
            client.upload_text("x" * 20_000_000)
        thread.join(30)
    assert caught.value.uncertain
    assert sum(taken) < 20_000_000


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_call_must_have_some_time(fault: FaultServer, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="too short"):
        fault.client(total_timeout=seconds)
