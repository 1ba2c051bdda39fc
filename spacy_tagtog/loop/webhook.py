"""A small service that tagtog calls: new documents are pre-annotated at once, not with the next round.

Each call is answered when it is on the disk, and dealt with by a thread. So it is dealt with at least once;
twice changes nothing, since the same pre-annotations aren't uploaded again. For the same reason the service's
own uploads, which call it too, come to nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from spacy.language import Language
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spacy_tagtog import client
from spacy_tagtog.anndoc import Document
from spacy_tagtog.errors import AnndocError, ConfigurationError, NotFoundError, SpacyTagtogError
from spacy_tagtog.loop.inbox import ANY, Inbox
from spacy_tagtog.loop.loop import Loop
from spacy_tagtog.loop.suggested import Suggested
from spacy_tagtog.pipeline.annotate import annotate_documents
from spacy_tagtog.pipeline.loading import load_pipeline
from spacy_tagtog.selection.blind import draw_blind, read_blind
from spacy_tagtog.steps.connection import Connection, open_connection

USERNAME: Final = "TAGTOG_WEBHOOK_USERNAME"
PASSWORD: Final = "TAGTOG_WEBHOOK_PASSWORD"  # noqa: S105  the variable's name
_MOST_BYTES: Final = 64 * 2**20
_PAUSES: Final = (1.0, 300.0)
"""Seconds after the first failure, and at most; they double."""
_LOOK: Final = 60.0
"""Seconds after which it looks again without a call: there may be a model at last."""
_log = logging.getLogger("spacy_tagtog.loop")


@dataclass(frozen=True)
class WebhookLogin:
    """What tagtog has to call with (HTTP Basic).

    Attributes:
        username: The name.
        password: The password.
    """

    username: str
    password: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> WebhookLogin:
        """The login that the environment has.

        Raises:
            ConfigurationError: It has none.
        """
        found = {name: os.environ.get(name, "") for name in (USERNAME, PASSWORD)}
        missing = [name for name, value in found.items() if not value]
        if missing:
            raise ConfigurationError(
                "nobody may call the webhook without a password",
                value=f"{', '.join(missing)} not set",
                legal=f"the environment variables {USERNAME} and {PASSWORD}",
                advice="set both, and give the same to the webhook in the project's settings in tagtog "
                "(authentication: Basic)",
            )
        return cls(found[USERNAME], found[PASSWORD])

    def allows(self, header: str) -> bool:
        """Whether a call's ``Authorization`` header has this login."""
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self.username}:{self.password}".encode()
        # In a time that says nothing about how much of it is right.
        return hmac.compare_digest(given, wanted) and scheme.lower() == "basic"


class Worker:
    """Deals with what webhooks told us.

    Args:
        loop: The loop whose current model annotates.
        inbox: What waits.
    """

    def __init__(self, loop: Loop, inbox: Inbox) -> None:
        self.loop = loop
        self.inbox = inbox
        self.problem = ""
        self._loaded: tuple[int, Language] | None = None

    def work(self) -> int:
        """Deal with all that waits.

        Returns:
            How many documents were pre-annotated. 0 where there is no model yet: then all keep waiting.

        Raises:
            SpacyTagtogError: tagtog can't be reached, or refuses. What was not done waits.
        """
        waiting = self.inbox.waiting()
        current = self.loop.lineage.current
        if not waiting or current is None:
            return 0
        nlp = self._pipeline(current)
        with open_connection(self.loop.connection) as tagtog:
            documents = self._to_annotate(tagtog, waiting)
            who = f"ml:{self.loop.settings.name}"
            annotated = list(annotate_documents(nlp, documents.values(), who=who))
            Suggested(self.loop.folder).add(document.id for document in annotated)
            report = client.push(tagtog.client, annotated)
        for doc_id, calls in waiting.items():
            self.inbox.done(doc_id, calls)
        for doc_id, why in report.refused:
            _log.info("%s was not annotated: %s", doc_id, why)
        return len(report.created) + len(report.updated)

    def _pipeline(self, number: int) -> Language:
        """The current model; it is loaded once."""
        if self._loaded is None or self._loaded[0] != number:
            self._loaded = (number, load_pipeline(self.loop.lineage.pipeline_of(number)))
        return self._loaded[1]

    def _to_annotate(self, tagtog: Connection, waiting: Mapping[str, int]) -> dict[str, Document]:
        """Of the documents that wait, those that nobody has confirmed and that people don't see blind."""
        ids = {doc_id: None for doc_id in waiting if doc_id != ANY}
        if ANY in waiting:
            ids |= {hit.id: None for hit in tagtog.client.search(self.loop.settings.new)}
        settings = self.loop.settings
        # A round draws the same ones.
        blind = {
            *draw_blind(ids, settings.blind_share, settings.seed),
            *read_blind(self.loop.folder / "ranking.json"),
        }
        found = {}
        for doc_id in ids:
            if doc_id in blind:
                continue
            try:
                document = tagtog.client.document(doc_id)
            except NotFoundError:
                continue  # deleted meanwhile
            except AnndocError as error:
                _log.error("%s can't be annotated: %s", doc_id, error)
                continue
            if not document.annotations.complete:
                found[doc_id] = document
        return found


def make_app(
    inbox: Inbox, login: WebhookLogin, told: Callable[[], None], health: Callable[[], Any]
) -> Starlette:
    """The service's HTTP side.

    Args:
        inbox: Where calls are kept.
        login: What a call has to have.
        told: Called after each.
        health: What ``/health`` answers, without a login: it must say nothing secret.
    """

    async def receive(request: Request) -> Response:
        if not login.allows(request.headers.get("authorization", "")):
            return JSONResponse(
                {"error": "wrong user name or password"},
                status_code=401,
                headers={"WWW-Authenticate": 'Basic realm="spacy-tagtog webhook"'},
            )
        size = 0
        pieces = []
        async for piece in request.stream():
            size += len(piece)
            if size > _MOST_BYTES:
                return JSONResponse({"error": f"more than {_MOST_BYTES} bytes"}, status_code=413)
            pieces.append(piece)
        doc_id = document_of(b"".join(pieces))
        if doc_id is None:
            return JSONResponse(
                {"error": "neither an ann.json nor an object with tagtogID or docid"}, status_code=400
            )
        try:
            await run_in_threadpool(inbox.add, doc_id)
        except SpacyTagtogError as error:  # tagtog calls again
            _log.error("a call can't be kept: %s", error.problem)
            return JSONResponse({"error": error.problem}, status_code=503)
        told()
        return JSONResponse({"queued": doc_id or "any"}, status_code=202)

    async def say_health(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(health))

    return Starlette(
        routes=[Route("/", receive, methods=["POST"]), Route("/health", say_health, methods=["GET"])]
    )


def document_of(body: bytes) -> str | None:
    """The id of the document that a webhook tells of.

    Args:
        body: tagtog sends ``{"owner", "project", "tagtogID"}``, also with ``docid``; or the ann.json, which
            doesn't say whose it is.

    Returns:
        The id, :data:`~spacy_tagtog.loop.inbox.ANY` where it isn't said, ``None`` where it is neither.
    """
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    for key in ("docid", "tagtogID"):
        if isinstance(data.get(key), str) and data[key]:
            found: str = data[key]
            return found
    return ANY if "anncomplete" in data or "annotatable" in data else None


def serve_webhook(
    loop: Loop, login: WebhookLogin, *, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Run the service until it is interrupted.

    Args:
        loop: The loop whose current model annotates.
        login: What a call has to have.
        host: The address to listen on.
        port: The port.
        ready: Is told the address before it answers.

    Raises:
        LoopError: The queue can't be used.
        ConfigurationError: The address can't be listened on.
    """
    inbox = Inbox(loop.folder / "webhooks.db")
    worker = Worker(loop, inbox)
    wake, end = threading.Event(), threading.Event()
    wake.set()  # what an earlier run left

    def health() -> dict[str, Any]:
        return {"waiting": len(inbox.waiting()), "model": loop.lineage.current, "problem": worker.problem}

    def go_on() -> None:
        pause = _PAUSES[0]
        while not end.is_set():
            wake.wait(pause if worker.problem else _LOOK)
            wake.clear()
            if end.is_set():
                return
            try:
                annotated = worker.work()
            # Whatever it is, the next call or pause tries again; nothing is lost.
            except Exception as error:
                worker.problem = (
                    error.problem if isinstance(error, SpacyTagtogError) else type(error).__name__
                )
                _log.warning("tried again in %.0f s: %s", pause, error)
                pause = min(2 * pause, _PAUSES[1])
                continue
            worker.problem, pause = "", _PAUSES[0]
            if annotated:
                _log.info("pre-annotated %d documents with model %s", annotated, loop.lineage.current)

    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise ConfigurationError(
            f"the address can't be listened on: {error.strerror}",
            value=f"{host}:{port}",
            legal="an address of this computer, and a port that no other program has",
        ) from error
    thread = threading.Thread(target=go_on, name="webhooks", daemon=True)
    config = uvicorn.Config(
        make_app(inbox, login, wake.set, health),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    with listening:
        thread.start()
        ready(f"http://{host}:{port}/")  # whoever calls now waits a moment
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            end.set()
            wake.set()
            thread.join(5)
