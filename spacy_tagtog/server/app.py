"""The application: who asks, what answers, and what becomes of errors."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import HEADERS, database_failure, refusal, text_answer
from spacy_tagtog.server.api.context import Call, Handler
from spacy_tagtog.server.api.request import Body, SizeLimit, credentials, read_body
from spacy_tagtog.server.api.routes import API_ROUTES, LOCAL_ROUTES
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.users import Passwords
from spacy_tagtog.server.search.results import Results
from spacy_tagtog.server.web.routes import PAGE_ROUTES, document_page

MAX_REQUEST_BYTES = 256 * 2**20
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_log = logging.getLogger("spacy_tagtog.server")


def _nowhere(call: Call) -> Response:
    raise RequestError(
        404,
        "there is nothing at this address",
        place=call.path,
        legal="/-api/documents/…, /-api/settings/v1/…, /-api/metrics/v0/…, /, /OWNER/PROJECT",
    )


_NOWHERE: Final[Mapping[str, Handler]] = dict.fromkeys(("GET", "POST", "PUT", "DELETE"), _nowhere)


def _for_api_users(handler: Handler) -> Handler:
    def answer(call: Call) -> Response:
        call.need("use the API")
        return handler(call)

    return answer


def _all_routes() -> Iterator[tuple[str, Mapping[str, Handler]]]:
    """Every address and its handlers, in the order in which they are tried."""
    for path, handlers in API_ROUTES.items():
        yield path, {method: _for_api_users(handler) for method, handler in handlers.items()}
    yield from LOCAL_ROUTES.items()
    # Before the pages: else these would be projects of the users -api and -local.
    yield from (("/-local/{rest:path}", _NOWHERE), ("/-api/{rest:path}", _NOWHERE))
    yield from PAGE_ROUTES.items()
    yield "/{rest:path}", _NOWHERE


def _accounts_check(accounts: Mapping[str, str]) -> Callable[[str, str], bool]:
    digests = {name: hashlib.sha256(password.encode()).digest() for name, password in accounts.items()}

    def check(name: str, password: str) -> bool:
        return name in digests and hmac.compare_digest(
            hashlib.sha256(password.encode()).digest(), digests[name]
        )

    return check


def _check_origin(request: Request) -> None:
    # A browser that knows the password sends it along with what other sites make it send.
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site") == "cross-site" or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    ):
        raise RequestError(
            403,
            "another web site sent this request",
            value=origin,
            legal="requests from this server's own pages and from programs",
        )


class _Desk:
    """Takes requests: finds out who asks, calls the handler, turns errors into answers."""

    def __init__(self, database: Database, accounts: Mapping[str, str]) -> None:
        self._database = database
        self._passwords = Passwords(database)
        self._results = Results()
        self._in_accounts = _accounts_check(accounts)
        self._secret = secrets.token_bytes(32)

    async def _authenticate(self, request: Request) -> tuple[str, bool]:
        """Who asks, and whether they run this server."""
        given = credentials(request)
        if given is not None and self._in_accounts(*given):
            return given[0], True
        if given is None or not await run_in_threadpool(self._passwords.check, *given):
            raise RequestError(
                401,
                "no user name and password were given"
                if given is None
                else "the user name or the password is wrong",
                legal="HTTP Basic authentication with a user of this server",
            )
        return given[0], False

    async def _call(self, request: Request, method: str, user: str, operator: bool) -> Call:
        if method != "GET":
            _check_origin(request)
        return Call(
            self._database,
            method,
            request.scope["path"],
            str(request.base_url),
            request.query_params,
            await read_body(request) if method in ("POST", "PUT") else Body(),
            user,
            operator,
            self._secret,
            request.headers.get("if-match"),
            request.headers.get("if-none-match"),
            self._results,
            document_page,
        )

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        """An address with its handlers, method → handler."""

        async def answer(request: Request) -> Response:
            try:
                user, operator = await self._authenticate(request)
                method = "GET" if request.method == "HEAD" else request.method
                handler = handlers.get(method)
                if handler is None:
                    legal = ", ".join(handlers)
                    return text_answer(
                        405, f"this address has no {method}\n  legal: {legal}\n", {"Allow": legal}
                    )
                call = await self._call(request, method, user, operator)
                response = await run_in_threadpool(handler, call)
            except SpacyTagtogError as error:
                return refusal(error)
            except (sqlite3.Error, OSError) as error:
                return database_failure(error)
            except ClientDisconnect:
                return text_answer(400, "the request ended early\n")
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        # All methods, so that the answer to a wrong one is ours.
        return Route(path, answer, methods=_METHODS)


async def _failed(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return text_answer(500, "the server failed\n  to do: see its log\n")


def make_app(
    database: Database, *, accounts: Mapping[str, str] | None = None, max_request_bytes: int | None = None
) -> Starlette:
    """Make the application.

    Args:
        database: The database. The caller closes it.
        accounts: Users, name to password, beside those of the database: whoever runs the server. They are
            admins of every project, and are never written to disk.
        max_request_bytes: Larger requests are refused; by default those over 256 MB.

    Returns:
        An ASGI application.
    """
    desk = _Desk(database, accounts or {})
    limit = MAX_REQUEST_BYTES if max_request_bytes is None else max_request_bytes
    handlers: dict[Any, Any] = {Exception: _failed}
    return Starlette(
        debug=False,
        routes=[desk.route(path, route_handlers) for path, route_handlers in _all_routes()],
        middleware=[Middleware(SizeLimit, limit=limit)],
        exception_handlers=handlers,
    )
