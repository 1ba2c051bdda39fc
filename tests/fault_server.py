"""A server that does what a test says."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spacy_tagtog.client import TagtogClient

PASSWORD = "gehéim-pässwort-🔑"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FaultServer:
    """Answers each request with the next of ``answers``, and the last one from then on."""

    url: str = ""
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[Callable[[BaseHTTPRequestHandler], object]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def client(self, **arguments: Any) -> TagtogClient:
        return TagtogClient(
            self.url,
            **{"username": "ann", "password": PASSWORD, "project": "proj", "timeout": (2, 5), **arguments},
        )


def answer(
    body: bytes | str | dict[str, Any] = b"", status: int = 200, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    content = (
        json.dumps(body).encode()
        if isinstance(body, dict)
        else body.encode()
        if isinstance(body, str)
        else body
    )
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    fields.setdefault("Content-Length", str(len(content)))

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return send


@contextlib.contextmanager
def fault_server(certificate: tuple[Path, Path] | None = None) -> Iterator[FaultServer]:
    fault = FaultServer()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            fault.requests.append(Request(self.command, parts.path, query, dict(self.headers), body))
            respond = fault.answers.pop(0) if len(fault.answers) > 1 else fault.answers[0]
            respond(self)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        fault.port = server.server_address[1]
        fault.url = f"http://127.0.0.1:{fault.port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            fault.url = f"https://localhost:{fault.port}"
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield fault
        finally:
            fault.released.set()
            server.shutdown()
            thread.join()


def page(ids: list[str], total: int | None = None, next_page: int = -1, num_pages: int = 1) -> dict[str, Any]:
    docs = [{"id": doc_id, "updated": "2024-01-01T00:00:00.000Z", "anncomplete": False} for doc_id in ids]
    return {
        "totalFound": len(ids) if total is None else total,
        "pages": {"next": next_page, "numPages": num_pages},
        "docs": docs,
    }


def imported(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ok": len(items), "errors": 0, "items": list(items), "warnings": [], **more}
