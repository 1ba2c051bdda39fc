"""Who asks: users by their password, and browsers by their session."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.request import credentials
from spacy_tagtog.server.api.throttle import Throttle
from spacy_tagtog.server.clock import now
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.failures import DatabaseError
from spacy_tagtog.server.db.sessions import (
    LIFE,
    close_session,
    find_session,
    hash_of,
    new_token,
    open_session,
    renew_session,
)
from spacy_tagtog.server.db.users import HashedPassword, Passwords, hash_password

# Each takes 128 MB and a core for tenths of a second.
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 16
_log = logging.getLogger("spacy_tagtog.server")


@dataclass(frozen=True)
class Caller:
    """What a request says about the program that sent it.

    Attributes:
        address: The network address that it comes from.
        wants_page: Whether it is a browser that shows the answer to a person.
        is_script: Whether it is a script of a page, or a browser that was logged in.
        is_head: Whether only the headers of the answer are asked for.
        is_cross_site: Whether a page of another web site led here.
        is_secure: Whether the browser sees an encrypted connection.
        cookie: The name of the cookie. Browsers don't tell ports apart, and several servers may run on one
            computer.
        token: The token of a session, which may have ended.
    """

    address: str = ""
    wants_page: bool = False
    is_script: bool = False
    is_head: bool = False
    is_cross_site: bool = False
    is_secure: bool = False
    cookie: str = "local-tagtog"
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, request: Request) -> Caller:
        """What a request says."""
        headers = request.headers
        accept = headers.get("accept", "")
        port = request.url.port
        cookie = "local-tagtog" if port is None else f"local-tagtog-{port}"
        token = request.cookies.get(cookie, "")
        return cls(
            request.client.host if request.client else "",
            "text/html" in accept,
            "application/json" in accept or "sec-fetch-mode" in headers or bool(token),
            request.method == "HEAD" or "prefetch" in headers.get("sec-purpose", headers.get("purpose", "")),
            headers.get("sec-fetch-site") == "cross-site",
            # Behind a proxy that encrypts, only the browser knows.
            request.url.scheme == "https" or headers.get("origin", "").startswith("https://"),
            cookie,
            token,
        )


@dataclass(frozen=True)
class Who:
    """Who asks.

    Attributes:
        name: The user's name.
        operator: Whether the user runs this server.
        session: The token of the session; empty where a password came with the request.
    """

    name: str
    operator: bool
    session: str = field(default="", repr=False)


class Identity:
    """Finds out who asks, and begins and ends sessions.

    Args:
        database: The database with the users.
        accounts: Users beside those, name to password: who runs the server. They, their passwords and their
            sessions are never written to disk.
    """

    def __init__(self, database: Database, accounts: Mapping[str, str]) -> None:
        self._database = database
        self._passwords = Passwords(database)
        self._throttle = Throttle()
        self._accounts = {name: hash_of(password) for name, password in accounts.items()}
        self._own_sessions: dict[bytes, tuple[str, int]] = {}
        self._workers = ThreadPoolExecutor(_AT_ONCE, "passwords")
        self._key = secrets.token_bytes(32)
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting = 0

    async def of(self, request: Request, caller: Caller) -> Who | None:
        """Who asks; ``None`` where the request says nothing about it.

        Raises:
            RequestError: The user name or the password is wrong (401), or it isn't checked now (429, 503).
        """
        given = credentials(request)
        if given is not None:
            return await self.log_in(*given, caller.address)
        if "authorization" in request.headers or not caller.token:
            return None
        return await run_in_threadpool(self._of_session, caller.token)

    async def log_in(self, name: str, password: str, address: str) -> Who:
        """Check a password.

        Raises:
            RequestError: The user name or the password is wrong (401), too many were (429), or too many are
                being checked (503).
        """
        # Random and long: it can't be guessed, so nobody has to wait.
        if name in self._accounts and hmac.compare_digest(hash_of(password), self._accounts[name]):
            return Who(name, operator=True)
        self._throttle.check(name, address)
        if await run_in_threadpool(self._passwords.is_remembered, name, password):
            return Who(name, operator=False)
        if not await self._check(name, password, address):
            raise RequestError(
                401,
                "the user name or the password is wrong",
                legal="HTTP Basic authentication with a user of this server",
            )
        return Who(name, operator=False)

    async def hash(self, name: str, password: str) -> HashedPassword:
        """Hash a new password.

        Raises:
            LocalServerError: The name or the password isn't legal.
            RequestError: Too many are being hashed (503).
        """
        self._take_place()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._workers, hash_password, name, password)
        finally:
            self._waiting -= 1

    async def open_session(self, name: str, *, operator: bool) -> str:
        """Begin a session. Gives its token."""
        if not operator:
            return await run_in_threadpool(self._database.write, open_session, name)
        token, moment = new_token(), now()
        ended = [code for code, (_, expires) in self._own_sessions.items() if expires <= moment]
        for code in ended:
            del self._own_sessions[code]
        self._own_sessions[hash_of(token)] = name, moment + LIFE
        return token

    async def close_session(self, token: str) -> None:
        """End a session."""
        if self._own_sessions.pop(hash_of(token), None) is None:
            await run_in_threadpool(self._database.write, close_session, token)

    def _of_session(self, token: str) -> Who | None:
        own = self._own_sessions.get(hash_of(token))
        if own is not None:
            return Who(own[0], True, token) if own[1] > now() else None
        found = self._database.read(find_session, token)
        if found is None:
            return None
        name, is_old = found
        if is_old:
            try:
                self._database.write(renew_session, token)
            except DatabaseError as error:
                # It is valid for weeks still, and the next request tries again.
                _log.warning("a session couldn't be renewed: %s", error)
        return Who(name, False, token)

    def _take_place(self) -> None:
        if self._waiting >= _MOST_WAITING:
            raise RequestError(
                503,
                "too many passwords are being checked",
                legal=f"at most {_MOST_WAITING} at the same time",
                advice="try again in a few seconds",
                headers={"Retry-After": "2"},
            )
        self._waiting += 1

    async def _check(self, name: str, password: str, address: str) -> bool:
        # Programs that begin with several requests at once have one password: it is checked once.
        pieces = (part.encode("utf-8", "surrogatepass") for part in (name, password, address))
        code = hmac.digest(
            self._key, b"\0".join(hashlib.sha256(piece).digest() for piece in pieces), "sha256"
        )
        running = self._checks.get(code)
        if running is None:
            self._throttle.check(name, address)
            self._take_place()
            try:
                self._throttle.begin(name, address)
            except RequestError:
                self._waiting -= 1
                raise
            running = asyncio.ensure_future(self._compare(name, password, address))
            self._checks[code] = running
            running.add_done_callback(lambda _: self._checks.pop(code, None))
        return await asyncio.shield(running)

    async def _compare(self, name: str, password: str, address: str) -> bool:
        loop = asyncio.get_running_loop()
        try:
            right = await loop.run_in_executor(self._workers, self._passwords.check, name, password)
        except BaseException:
            self._throttle.undo(name, address)
            raise
        finally:
            self._waiting -= 1
        if right:
            self._throttle.succeeded(name, address)
        else:
            self._throttle.failed(name, address)
        return right
