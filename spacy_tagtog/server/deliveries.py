"""Sending webhooks: what stands in the queue, until the other side has taken it.

Each delivery is made at least once: it leaves the queue after an answer with status 2xx. A crash between the
answer and that moment repeats it, so each carries a number (``X-spacy-tagtog-delivery``) by which the
receiver can tell. The deliveries of one webhook and document go out in their order. Failures are repeated
with growing, random pauses. After the last one the delivery stays in the list of failed ones, from where it
can be sent again.

The project's reviewers and admins choose the endpoints. These may be on the server's own machine or network,
since that is where models run. So that nobody misuses this, only http and https are called, redirects aren't
followed, and no proxy or netrc of the environment is used. Of the answers only the status is read and shown,
and every call has a time limit.
"""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import threading
from typing import Final

import requests
from requests.auth import HTTPBasicAuth

from spacy_tagtog import __version__
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import clock
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.queue import Hook, read_hooks

ATTEMPTS: Final = 12
"""How often a delivery is tried: over about four hours at the default pause."""
_TIMEOUT: Final = (5.0, 60.0)
"""Seconds to connect, and to wait for the answer."""
_LONGEST_PAUSE: Final = 3600.0
_LEASE: Final = 120_000
"""Milliseconds for which a delivery belongs to the thread that took it: longer than a call takes."""
_POLL: Final = 0.25
"""Seconds between two looks into an empty queue."""
_log = logging.getLogger("spacy_tagtog.server")


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
        self._stop = threading.Event()
        self._random = random.Random()  # noqa: S311  nothing secret
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End, within a second. A call that is under way then is repeated at the next start."""
        self._stop.set()
        self._thread.join(1)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["User-Agent"] = f"spacy-tagtog/{__version__}"
            while not self._stop.is_set():
                try:
                    sent = self._send_next(session)
                except (sqlite3.Error, LocalServerError) as error:
                    if self._stop.is_set():
                        return
                    _log.error("the queue of webhooks can't be read", exc_info=error)
                    self._stop.wait(5)
                    continue
                if not sent:
                    self._stop.wait(_POLL)

    def _send_next(self, session: requests.Session) -> bool:
        """Send one delivery that is due. Returns whether there was one."""
        delivery = self._claim()
        if delivery is None:
            return False
        hook = read_hooks(json.loads(delivery["settings"]))[0].get(delivery["hook"])
        if hook is None:
            self._note(
                delivery, "the webhook isn't in the project's settings any more, or can't be used", final=True
            )
        else:
            problem = _call(session, hook, delivery)
            if problem:
                self._note(delivery, problem, final=delivery["attempts"] >= self.attempts)
            else:
                with self.database.writing() as connection:
                    connection.execute("DELETE FROM deliveries WHERE id = ?", (delivery["id"],))
        return True

    def _claim(self) -> sqlite3.Row | None:
        """Take the next delivery, so that nobody else does for the time of a call."""
        now = clock.now()
        # The oldest of its webhook and document, unless that has failed for good.
        due = (
            "SELECT d.id FROM deliveries AS d WHERE d.state = 'waiting' AND d.due <= ? "
            "AND NOT EXISTS (SELECT 1 FROM deliveries AS o "
            "WHERE o.project_id = d.project_id AND o.hook = d.hook AND o.docid = d.docid "
            "AND o.id < d.id AND o.state = 'waiting') "
            "ORDER BY d.due, d.id LIMIT 1"
        )
        # Most of the time there is nothing, and no need to lock the database.
        with self.database.reading() as connection:
            if connection.execute(due, (now,)).fetchone() is None:
                return None
        with self.database.writing() as connection:
            row = connection.execute(due, (now,)).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ?",
                (now + _LEASE, row["id"]),
            )
            claimed: sqlite3.Row = connection.execute(
                "SELECT d.*, p.owner, p.name, p.settings, b.data FROM deliveries AS d "
                "JOIN projects AS p ON p.id = d.project_id "
                "LEFT JOIN blobs AS b ON b.id = d.blob_id WHERE d.id = ?",
                (row["id"],),
            ).fetchone()
            return claimed

    def _note(self, delivery: sqlite3.Row, problem: str, *, final: bool) -> None:
        pause = min(self.pause * 2 ** (delivery["attempts"] - 1), _LONGEST_PAUSE) * self._random.uniform(
            0.5, 1.5
        )
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, problem = ?, due = ? WHERE id = ?",
                (
                    "failed" if final else "waiting",
                    problem,
                    clock.now() + int(1000 * pause),
                    delivery["id"],
                ),
            )


def _call(session: requests.Session, hook: Hook, delivery: sqlite3.Row) -> str:
    """Send a delivery. Returns what went wrong, empty where nothing did."""
    docid = delivery["docid"]
    body = delivery["data"]
    if body is None:
        body = json.dumps(
            {"owner": delivery["owner"], "project": delivery["name"], "tagtogID": docid, "docid": docid},
            ensure_ascii=False,
        ).encode()
    headers = {
        "Content-Type": "application/json",
        "X-tagtog-onPushSave-source": delivery["source"],
        "X-tagtog-onPushSave-status": delivery["status"],
        "X-spacy-tagtog-delivery": str(delivery["id"]),
    }
    # As bytes: requests would encode text as Latin-1.
    credentials = (
        None
        if hook.credentials is None
        else HTTPBasicAuth(hook.credentials[0].encode(), hook.credentials[1].encode())
    )
    try:
        with session.post(
            hook.endpoint,
            data=body,
            headers=headers,
            auth=credentials,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            status = response.status_code
    except requests.Timeout:
        return "no answer in time"
    except requests.exceptions.SSLError:
        return "no encrypted connection: the certificate can't be verified"
    except (requests.RequestException, OSError, UnicodeError):
        # The error's own message would show addresses of the server's network.
        return "no connection"
    if 200 <= status < 300:
        return ""
    return f"answered with status {status}" + (
        ", and redirects aren't followed" if 300 <= status < 400 else ""
    )
