"""Sending webhooks: what stands in the queue, until the other side has taken it.

Each delivery is made at least once: it leaves the queue after an answer with status 2xx. A crash between the
answer and that moment repeats it, so each carries a number (``X-spacy-tagtog-delivery``) by which the
receiver can tell. The deliveries of one webhook and document go out in their order. Each webhook is called
once at a time, and no webhook waits for another. Failures are repeated with growing, random pauses. After the
last one the delivery stays in the list of failed ones, from where it can be sent again.

The project's reviewers and admins choose the endpoints. These may be on the server's own machine or network,
since that is where models run. So that nobody misuses this, only http and https are called, redirects aren't
followed, and no proxy or netrc of the environment is used. Of the answers only the status is read and shown,
and every call has a time limit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sqlite3
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import h11

from spacy_tagtog import __version__
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import clock
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.queue import Hook, Pauses, claim, due_hooks, next_due, read_hooks
from spacy_tagtog.server.limited_post import post

ATTEMPTS: Final = 12
"""How often a delivery is tried: over about four hours at the default pause."""
CONNECT_SECONDS: Final = 5.0
"""How long connecting may take."""
CALL_SECONDS: Final = 60.0
"""How long a call may take, from connecting to the answer's status."""
_CALLS_OF_PROJECT: Final = 8
"""How many webhooks of one project are called at the same time."""
_LONGEST_PAUSE: Final = 3600.0
"""Seconds between two tries."""
_SPREAD: Final = (0.5, 1.5)
"""Pauses are multiplied by something between these."""
_LEASE: Final = 120_000
"""Milliseconds for which a delivery belongs to the process that took it: longer than a call takes."""
_POLL: Final = 0.25
"""Seconds between two looks into the queue."""
_NAME_LOOKUPS: Final = 64
"""How many names of hosts are looked up at the same time; each may take long."""
_log = logging.getLogger("spacy_tagtog.server")
_T = TypeVar("_T")
_WebhookKey = tuple[int, str]
"""The number of a project, and the id of a webhook in its settings."""


class Deliverer:
    """Sends what stands in the queue, in a thread of its own.

    Several may work on one database, also in several processes.

    Args:
        database: The database.
        pause: Seconds after the first failure. They double after each further one, up to an hour, and are
            multiplied by 0.5 to 1.5 at random.
        attempts: How often a delivery is tried.
    """

    def __init__(self, database: Database, *, pause: float = 2.0, attempts: int = ATTEMPTS) -> None:
        self.database = database
        self.pause = pause
        self.attempts = attempts
        self._random = random.Random()  # noqa: S311  nothing secret
        self._calls: dict[_WebhookKey, asyncio.Task[None]] = {}
        # One thread, so that what hangs elsewhere never keeps the queue from being read.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="webhooks queue")
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End, within a second. A call that is under way then is repeated at the next start."""
        with suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(1)

    def _run(self) -> None:
        names = ThreadPoolExecutor(_NAME_LOOKUPS, thread_name_prefix="webhooks names")
        self._loop.set_default_executor(names)
        try:
            self._loop.run_until_complete(self._send_all())
        finally:
            for pool in (self._reader, names):
                pool.shutdown(wait=False, cancel_futures=True)
            self._loop.close()

    async def _send_all(self) -> None:
        while not self._stop.is_set():
            try:
                waiting = await self._query(self._due)
            except (sqlite3.Error, LocalServerError) as error:
                await self._complain(error)
                continue
            for key in waiting:
                of_project = sum(project == key[0] for project, _ in self._calls)
                if key not in self._calls and of_project < _CALLS_OF_PROJECT:
                    self._calls[key] = self._loop.create_task(self._send_to(key))
            await self._wait(_POLL)
        for task in self._calls.values():
            task.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)
        await asyncio.sleep(0)  # for what is left of their connections

    async def _send_to(self, key: _WebhookKey) -> None:
        """Send to one webhook, one after the other, until nothing is due."""
        try:
            while await self._send_next(key):
                pass
        except (sqlite3.Error, LocalServerError) as error:
            await self._complain(error)
        finally:
            del self._calls[key]

    async def _complain(self, error: Exception) -> None:
        if not self._stop.is_set():
            _log.error("the queue of webhooks can't be read", exc_info=error)
            await self._wait(5)

    async def _wait(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _query(self, function: Callable[..., _T], *args: Any) -> _T:
        """Use the database, for which others may have to be waited."""
        return await self._loop.run_in_executor(self._reader, function, *args)

    async def _send_next(self, key: _WebhookKey) -> bool:
        """Send one delivery that is due. Returns whether there was one."""
        delivery = await self._query(self._claim, key)
        if delivery is None:
            return False
        hook = read_hooks(json.loads(delivery["settings"]))[0].get(delivery["hook"])
        if hook is None:
            problem = "the webhook isn't in the project's settings any more, or can't be used"
            await self._query(self._note, delivery, problem, True)
            return True
        problem = await _call(hook, delivery)
        if problem:
            await self._query(self._note, delivery, problem, delivery["attempts"] >= self.attempts)
        else:
            await self._query(self._forget, delivery)
        return True

    @property
    def _pauses(self) -> Pauses:
        return Pauses(1000 * self.pause, 1000 * _LONGEST_PAUSE, _SPREAD, _LEASE)

    def _due(self) -> list[_WebhookKey]:
        return self.database.read(due_hooks, clock.now(), self._pauses)

    def _claim(self, key: _WebhookKey) -> sqlite3.Row | None:
        # Often all that is due waits for an older one: no need to lock the database then.
        if self.database.read(next_due, *key, clock.now(), self._pauses) is None:
            return None
        return self.database.write(claim, *key, clock.now(), self._pauses)

    def _note(self, delivery: sqlite3.Row, problem: str, final: bool) -> None:
        pause = self._pauses.after(delivery["attempts"]) * self._random.uniform(*_SPREAD)
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, problem = ?, due = ? WHERE id = ?",
                ("failed" if final else "waiting", problem, clock.now() + int(pause), delivery["id"]),
            )

    def _forget(self, delivery: sqlite3.Row) -> None:
        with self.database.writing() as connection:
            connection.execute("DELETE FROM deliveries WHERE id = ?", (delivery["id"],))


async def _call(hook: Hook, delivery: sqlite3.Row) -> str:
    """Send a delivery. Returns what went wrong, empty where nothing did."""
    docid = delivery["docid"]
    body = delivery["data"]
    if body is None:
        body = json.dumps(
            {"owner": delivery["owner"], "project": delivery["name"], "tagtogID": docid, "docid": docid},
            ensure_ascii=False,
        ).encode()
    headers = {
        "User-Agent": f"spacy-tagtog/{__version__}",
        "Content-Type": "application/json",
        "X-tagtog-onPushSave-source": delivery["source"],
        "X-tagtog-onPushSave-status": delivery["status"],
        "X-spacy-tagtog-delivery": str(delivery["id"]),
    }
    try:
        status = await post(
            hook.endpoint,
            body,
            headers,
            credentials=hook.credentials,
            connect_seconds=CONNECT_SECONDS,
            seconds=CALL_SECONDS,
        )
    except (asyncio.TimeoutError, TimeoutError):  # two of them in Python 3.10
        return "no answer in time"
    except ssl.SSLError:
        return "no encrypted connection: the certificate can't be verified"
    except (h11.RemoteProtocolError, OSError, ValueError):
        # The error's own message would show addresses of the server's network.
        return "no connection"
    if 200 <= status < 300:
        return ""
    return f"answered with status {status}" + (
        ", and redirects aren't followed" if 300 <= status < 400 else ""
    )
