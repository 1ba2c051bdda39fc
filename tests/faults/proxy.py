"""A proxy between client and local tagtog that does what networks do.

It delays, cuts, truncates, duplicates, and answers with rubbish. As a program, it delays only, and prints its
address:

    python tests/faults/proxy.py --target http://127.0.0.1:8181 --delay 0.03
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FAULTS = (
    "refuse",  # the connection ends before the request reaches tagtog
    "cut",  # tagtog gets the request; its answer doesn't come
    "truncate",  # half of the answer comes, with the length of all of it
    "shorten",  # half of the answer comes, and says that it is all of it
    "duplicate",  # tagtog gets the request twice
    "busy",  # 429, and tagtog doesn't get it
    "unavailable",  # 503 with Retry-After, and tagtog doesn't get it
    "error",  # 500, although tagtog did it
    "gateway",  # 502, although tagtog did it
    "rubbish",  # somebody else's page with status 200, although tagtog did it
    "noise",  # bytes that aren't HTTP, although tagtog did it
)
SWAP = "swap"
"""The headers are right, and the body is that of the answer before it that was of the same kind."""
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_TEXT = [("Content-Type", "text/plain")]
_HTML = [("Content-Type", "text/html")]


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        url: Its address.
        target: Where requests go.
        delay: Seconds before each request is passed on.
        plan: Says which fault a request meets, ``None`` for none. Called for one request at a time.
        met: How many requests met which fault.
        requests: How many came.
        passed: Called with each request (method, path) that tagtog has answered.
        bodies: The last body of each kind (``output``) of answer.
    """

    target: str
    url: str = ""
    delay: float = 0.0
    plan: Callable[[str, str], str | None] = lambda method, path: None
    met: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    passed: Callable[[str, str], None] = lambda method, path: None
    bodies: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def seeded(
    seed: int, rate: float, faults: Sequence[str] = FAULTS, *, methods: Sequence[str] = ("GET", "POST")
) -> Callable[[str, str], str | None]:
    """A plan: this share of the requests meets one of these faults."""
    chance = random.Random(seed)

    def plan(method: str, path: str) -> str | None:
        return chance.choice(faults) if method in methods and chance.random() < rate else None

    return plan


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: _Server
    protocol_version = "HTTP/1.1"
    # An answer in one piece: small packets would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        running = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with running.lock:
            running.requests += 1
            fault = running.plan(self.command, self.path)
            if fault is not None:
                running.met[fault] += 1
        if running.delay:
            time.sleep(running.delay)
        if fault == "refuse":
            self.hang_up()
        elif fault == "busy":
            self.answer(429, "Too Many Requests", _TEXT, b"slow down")
        elif fault == "unavailable":
            self.answer(503, "Service Unavailable", [*_TEXT, ("Retry-After", "3")], b"come back")
        else:
            try:
                if fault == "duplicate":
                    self.forward(body)
                status, reason, fields, content = self.forward(body)
            except (OSError, http.client.HTTPException):
                self.hang_up()
                return
            running.passed(self.command, self.path)
            self.pass_back(fault, status, reason, fields, content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def forward(self, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
        """tagtog's answer: status, reason, headers, content."""
        upstream = self.server.upstream
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _HOP - {"content-length"}
        }
        for number in range(2):
            if not hasattr(upstream, "connection"):
                target = urlsplit(self.server.proxy.target)
                upstream.connection = http.client.HTTPConnection(
                    str(target.hostname), target.port, timeout=60
                )
            try:
                upstream.connection.request(self.command, self.path, body=body, headers=headers)
                response = upstream.connection.getresponse()
                return response.status, response.reason, response.getheaders(), response.read()
            except (OSError, http.client.HTTPException):
                upstream.connection.close()
                del upstream.connection
                if number:
                    raise
        raise AssertionError

    def pass_back(
        self, fault: str | None, status: int, reason: str, fields: list[tuple[str, str]], content: bytes
    ) -> None:
        """Give the client tagtog's answer, or what the fault makes of it."""
        kind = parse_qs(urlsplit(self.path).query).get("output", [""])[0]
        with self.server.proxy.lock:
            before = self.server.proxy.bodies.get(kind, content)
            self.server.proxy.bodies[kind] = content
        half = content[: len(content) // 2]
        if fault == "cut":
            self.hang_up()
        elif fault == "truncate":
            self.answer(status, reason, fields, half, length=len(content) + 1)
            self.hang_up()
        elif fault == "shorten":
            self.answer(status, reason, fields, half)
        elif fault == "error":
            self.answer(500, "Internal Server Error", _TEXT, b"something broke")
        elif fault == "gateway":
            self.answer(502, "Bad Gateway", _HTML, b"<html><h1>Bad Gateway</h1></html>")
        elif fault == "rubbish":
            page = b"<!DOCTYPE html><title>Guest network</title><p id='x'>Please pay.</p>"
            self.answer(200, "OK", _HTML, page)
        elif fault == SWAP:
            self.answer(status, reason, fields, before)
        elif fault == "noise":
            self.wfile.write(b"\x00\xff\x13\x37" * 20)
            self.wfile.flush()
            self.hang_up()
        else:
            self.answer(status, reason, fields, content)

    def answer(
        self,
        status: int,
        reason: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        length: int | None = None,
    ) -> None:
        self.send_response_only(status, reason)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def finish(self) -> None:
        super().finish()
        if hasattr(self.server.upstream, "connection"):
            self.server.upstream.connection.close()

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """The proxy's server.

    Attributes:
        proxy: What it is told, and what it met.
        upstream: Each thread's connection to tagtog.
    """

    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.upstream = threading.local()

    def handle_error(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def proxy(target: str, **settings: Any) -> Iterator[Proxy]:
    """Run a proxy for the time of a block."""
    running = Proxy(target, **settings)
    with _Server(running) as server:
        running.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Delay requests until standard input ends."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--target", required=True)
    arguments.add_argument("--delay", type=float, default=0.03)
    given = arguments.parse_args()
    with proxy(given.target, delay=given.delay) as running:
        print(running.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
