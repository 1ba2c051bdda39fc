"""Who comes in: by a password with each request, by a session's cookie, or by a link that works once."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.sessions import end_session, password_hash, read_session, start_session
from spacy_tagtog.server.db.users import Passwords

_FREE_TRIES: Final = 10
_CHECKED_AT_ONCE: Final = 8
_LONGEST_PAUSE: Final = 60.0
_REMEMBERED: Final = 10_000
_log = logging.getLogger("spacy_tagtog.server")


@dataclass(frozen=True)
class User:
    """Who asks.

    Attributes:
        name: The user's name.
        operator: Whether they run this server, and so are an admin of every project.
    """

    name: str
    operator: bool = False


class Pauses:
    """How long somebody waits after wrong passwords: nothing at first, then twice as long each time.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Who → how many wrong passwords in a row, and until when they wait.
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def seconds(self, who: tuple[str, str]) -> float:
        """How many seconds are left to wait; 0 where a password may be tried now."""
        with self._lock:
            _, until = self._wrong.get(who, (0, 0.0))
            return max(0.0, until - self._clock())

    def wrong(self, who: tuple[str, str]) -> None:
        """A password was wrong."""
        with self._lock:
            number = self._wrong.pop(who, (0, 0.0))[0] + 1
            over = number - _FREE_TRIES
            pause = min(_LONGEST_PAUSE, 2.0 ** min(over, 10)) if over >= 0 else 0.0
            self._wrong[who] = (number, self._clock() + pause)
            while len(self._wrong) > _REMEMBERED:
                self._wrong.popitem(last=False)

    def right(self, who: tuple[str, str]) -> None:
        """A password was right: what was wrong before is forgotten."""
        with self._lock:
            self._wrong.pop(who, None)


class Door:
    """Finds out who comes in.

    Args:
        database: The database with the users and sessions.
        accounts: Users beside those of the database, name → password. They are admins of every project.
        links: Keys of links that log a user in once: key → name.
        pauses: How long to wait after wrong passwords.
    """

    def __init__(
        self,
        database: Database,
        accounts: Mapping[str, str],
        links: Mapping[str, str] | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        self._database = database
        self._passwords = Passwords(database)
        self._accounts = {name: _digest(password) for name, password in accounts.items()}
        self._links = {_digest(key): name for key, name in (links or {}).items()}
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._pauses = pauses or Pauses()
        # A check takes long: whoever floods the server with passwords must not take all of its threads.
        self._checks = threading.BoundedSemaphore(_CHECKED_AT_ONCE)

    def by_password(self, name: str, password: str, address: str) -> User:
        """Who has this name and password.

        Args:
            name: The user's name.
            password: The password.
            address: The address that the request comes from.

        Raises:
            RequestError: One of them is wrong (401), too many were wrong from this address (429), or too many
                are checked now (503).
        """
        if name in self._accounts and hmac.compare_digest(_digest(password), self._accounts[name]):
            return User(name, operator=True)
        if self._passwords.is_remembered(name, password):
            return User(name)
        who = (address, name)
        pause = self._pauses.seconds(who)
        if pause:
            wait = math.ceil(pause)
            raise RequestError(
                429,
                "too many wrong passwords",
                legal=f"the next try in {wait} seconds",
                advice=f"wait {wait} seconds, then try again",
                headers={"Retry-After": str(wait)},
            )
        if not self._checks.acquire(blocking=False):
            raise RequestError(
                503,
                "too many people log in at once",
                advice="try again in a few seconds",
                headers={"Retry-After": "2"},
            )
        try:
            right = self._passwords.check(name, password)
        finally:
            self._checks.release()
        if not right:
            self._pauses.wrong(who)
            _log.warning("a wrong user name or password from %s", address)
            raise RequestError(
                401,
                "the user name or the password is wrong",
                legal="HTTP Basic authentication with a user of this server",
            )
        self._pauses.right(who)
        return User(name)

    def by_token(self, token: str) -> User | None:
        """Whose session a cookie shows; ``None`` where it has ended."""
        with self._database.reading() as connection:
            found = read_session(connection, token)
            if found is None:
                return None
            name, proof = found
            stored = password_hash(connection, name)
        if name in self._accounts and hmac.compare_digest(proof, self._proof(self._accounts[name])):
            return User(name, operator=True)
        if stored is not None and hmac.compare_digest(proof, hashlib.sha256(stored).digest()):
            return User(name)
        return None

    def by_link(self, key: str) -> User | None:
        """Whom a link lets in. It works once: ``None`` for an old one."""
        with self._lock:
            name = self._links.pop(_digest(key), None)
        return None if name is None else User(name, operator=name in self._accounts)

    def start(self, user: User) -> str:
        """Start a session. Gives its token, which the browser keeps in a cookie."""
        token = secrets.token_urlsafe(32)

        with self._database.writing() as connection:
            if user.operator:
                # With a secret of this run: such a user exists no longer than it.
                proof = self._proof(self._accounts[user.name])
            else:
                proof = hashlib.sha256(password_hash(connection, user.name) or b"").digest()
            start_session(connection, token, user.name, proof)
        return token

    def end(self, token: str) -> None:
        """End a session."""
        self._database.write(end_session, token)

    def _proof(self, digest: bytes) -> bytes:
        return hmac.digest(self._secret, digest, "sha256")


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
