"""The application: who asks, what answers, and what becomes of errors."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import HEADERS, database_failure, refusal, refusal_of, text_answer
from spacy_tagtog.server.api.context import Call, Handler
from spacy_tagtog.server.api.request import Body, SizeLimit, read_body
from spacy_tagtog.server.api.routes import API_ROUTES, LOCAL_ROUTES
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.door import Door, User
from spacy_tagtog.server.login import LOGIN_ROUTES, check_origin, is_navigation, to_login, who_asks
from spacy_tagtog.server.search.results import Results
from spacy_tagtog.server.web.pages import error_page
from spacy_tagtog.server.web.routes import PAGE_ROUTES, STATIC_ROUTE, document_page, page_answer

MAX_REQUEST_BYTES = 256 * 2**20
_Answer = Callable[[Request], Awaitable[Response]]
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


# The page to log in needs its style sheet.
_FOR_ALL: Final[Mapping[str, Handler]] = STATIC_ROUTE


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
    yield "/-static/{name:path}", _FOR_ALL
    yield from PAGE_ROUTES.items()
    yield "/{rest:path}", _NOWHERE


def _refusal(request: Request, error: SpacyTagtogError) -> Response:
    """An error as who sent the request reads it: a person a page, a program a text."""
    if not is_navigation(request):
        return refusal(error, ask=request.headers.get("accept") != "application/json")
    status, headers = refusal_of(error)
    if status == 401 and "authorization" not in request.headers:
        return to_login(request)
    return page_answer(error_page(error), headers, status=status)


def _not_allowed(method: str, known: Iterable[str]) -> Response:
    legal = ", ".join(known)
    return text_answer(405, f"this address has no {method}\n  legal: {legal}\n", {"Allow": legal})


def _answered(answer: _Answer) -> _Answer:
    """What answers, with the headers of every answer, and with answers to failures."""

    async def complete(request: Request) -> Response:
        try:
            response = await answer(request)
        except (sqlite3.Error, OSError) as error:
            return database_failure(error)
        except ClientDisconnect:
            return text_answer(400, "the request ended early\n")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return complete


class _Desk:
    """Takes requests: finds out who asks, calls the handler, turns errors into answers."""

    def __init__(self, database: Database, door: Door) -> None:
        self._database = database
        self._door = door
        self._results = Results()
        self._secret = secrets.token_bytes(32)

    async def _call(self, request: Request, method: str, user: User) -> Call:
        return Call(
            self._database,
            method,
            request.scope["path"],
            str(request.base_url),
            request.query_params,
            await read_body(request) if method in ("POST", "PUT") else Body(),
            user.name,
            user.operator,
            self._secret,
            request.headers.get("if-match"),
            request.headers.get("if-none-match"),
            self._results,
            document_page,
        )

    async def _user(self, request: Request, method: str, handlers: Mapping[str, Handler]) -> User:
        if handlers is _FOR_ALL:
            return User("")
        user, by_cookie = await who_asks(self._door, request)
        if method != "GET":
            check_origin(request, by_cookie=by_cookie)
        return user

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        """An address with its handlers, method → handler."""

        async def answer(request: Request) -> Response:
            try:
                method = "GET" if request.method == "HEAD" else request.method
                user = await self._user(request, method, handlers)
                handler = handlers.get(method)
                if handler is None:
                    return _not_allowed(method, handlers)
                call = await self._call(request, method, user)
                return await run_in_threadpool(handler, call)
            except SpacyTagtogError as error:
                return _refusal(request, error)

        # All methods, so that the answer to a wrong one is ours.
        return Route(path, _answered(answer), methods=_METHODS)

    def login_route(
        self, path: str, methods: Sequence[str], handler: Callable[[Door, Request], Awaitable[Response]]
    ) -> Route:
        """An address of the login."""

        async def answer(request: Request) -> Response:
            if request.method not in (*methods, "HEAD" if "GET" in methods else ""):
                return _not_allowed(request.method, methods)
            try:
                return await handler(self._door, request)
            except SpacyTagtogError as error:
                return _refusal(request, error)

        return Route(path, _answered(answer), methods=_METHODS)


async def _failed(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return text_answer(500, "the server failed\n  to do: see its log\n")


def make_app(
    database: Database,
    *,
    accounts: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    max_request_bytes: int | None = None,
) -> Starlette:
    """Make the application.

    Args:
        database: The database. The caller closes it.
        accounts: Users, name to password, beside those of the database: whoever runs the server. They are
            admins of every project, and are never written to disk.
        links: Keys of links that log a user in once: key to name.
        max_request_bytes: Larger requests are refused; by default those over 256 MB.

    Returns:
        An ASGI application.
    """
    desk = _Desk(database, Door(database, accounts or {}, links))
    limit = MAX_REQUEST_BYTES if max_request_bytes is None else max_request_bytes
    handlers: dict[Any, Any] = {Exception: _failed}
    return Starlette(
        debug=False,
        routes=[
            *(desk.login_route(path, *answering) for path, answering in LOGIN_ROUTES.items()),
            *(desk.route(path, route_handlers) for path, route_handlers in _all_routes()),
        ],
        middleware=[Middleware(SizeLimit, limit=limit)],
        exception_handlers=handlers,
    )
