"""The application: who asks, what answers, and what becomes of errors."""

from __future__ import annotations

import inspect
import logging
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import HEADERS, database_failure, refusal, status_of
from spacy_tagtog.server.api.context import Call, Handler
from spacy_tagtog.server.api.identity import Caller, Identity, Who
from spacy_tagtog.server.api.request import Body, SizeLimit, read_body
from spacy_tagtog.server.api.routes import API_ROUTES, LOCAL_ROUTES
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.failures import DatabaseError
from spacy_tagtog.server.hosts import Hosts
from spacy_tagtog.server.search.results import Results
from spacy_tagtog.server.web.frame import error_page
from spacy_tagtog.server.web.login import LOGIN
from spacy_tagtog.server.web.routes import (
    OPEN_ROUTES,
    PAGE_ROUTES,
    PEOPLE_ROUTES,
    PROJECT_ROUTES,
    document_page,
)

MAX_REQUEST_BYTES = 256 * 2**20
_MAX_OPEN_BYTES: Final = 2**14
"""Larger requests of who isn't logged in are refused."""
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
        response = handler(call)
        assert isinstance(response, Response)
        return response

    return answer


def _all_routes() -> Iterator[tuple[str, Mapping[str, Handler]]]:
    """Every address and its handlers, in the order in which they are tried."""
    for path, handlers in API_ROUTES.items():
        yield path, {method: _for_api_users(handler) for method, handler in handlers.items()}
    yield from LOCAL_ROUTES.items()
    yield from PEOPLE_ROUTES.items()
    yield from PROJECT_ROUTES.items()
    # Before the pages: else these would be projects of the users -api and -local.
    yield from (("/-local/{rest:path}", _NOWHERE), ("/-api/{rest:path}", _NOWHERE))
    yield from PAGE_ROUTES.items()


def _check_origin(request: Request, *, by_session: bool) -> None:
    """Make sure that no other web site sent a request that changes something.

    A browser that knows the password, or is logged in, sends that along with what other sites make it send.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if origin is None:
        # Every browser says where a request comes from that changes something. Programs bring a password.
        ours = site == "same-origin" or (site is None and not by_session)
    elif origin == "null":
        ours = site == "same-origin"
    else:
        ours = site != "cross-site" and urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise RequestError(
            403,
            "another web site sent this request",
            value=origin,
            legal="requests from this server's own pages and from programs",
        )


def _check_size(request: Request) -> None:
    """Make sure that a request of who isn't logged in is small."""
    reads = request.method in ("POST", "PUT")
    declared = request.headers.get("content-length", "" if reads else "0")
    if not declared.isdecimal() or int(declared) > _MAX_OPEN_BYTES:
        raise RequestError(
            413, "the request is too large", legal=f"a Content-Length of at most {_MAX_OPEN_BYTES} bytes"
        )


def _address(request: Request) -> str:
    """Path and query as they were sent."""
    raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    query = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("ascii", "replace")


class _Desk:
    """Takes requests: finds out who asks, calls the handler, turns errors into answers."""

    def __init__(self, database: Database, accounts: Mapping[str, str], host_names: Collection[str]) -> None:
        self._database = database
        self._identity = Identity(database, accounts)
        self._hosts = Hosts(host_names)
        self._results = Results()
        self._secret = secrets.token_bytes(32)

    async def _call(self, request: Request, caller: Caller, who: Who) -> Call:
        method = "GET" if request.method == "HEAD" else request.method
        if method != "GET":
            _check_origin(request, by_session=bool(who.session) or not who.name)
        return Call(
            self._database,
            method,
            request.scope["path"],
            str(request.base_url),
            request.query_params,
            await read_body(request) if method in ("POST", "PUT") else Body(),
            who.name,
            who.operator,
            self._secret,
            request.headers.get("if-match"),
            request.headers.get("if-none-match"),
            self._results,
            document_page,
            self._identity,
            caller,
            who.session,
            _address(request),
        )

    async def _who(self, request: Request, caller: Caller, is_open: bool) -> Who:
        if is_open:
            _check_size(request)
            # Whoever comes to log in may come with a password that isn't right any more.
            who = None if "authorization" in request.headers else await self._identity.of(request, caller)
            return who or Who("", operator=False)
        who = await self._identity.of(request, caller)
        if who is None:
            if caller.is_script or caller.wants_page:
                raise RequestError(
                    401, "you aren't logged in, or not any more", advice="log in, and repeat it"
                )
            raise RequestError(
                401,
                "no user name and password were given",
                legal="HTTP Basic authentication with a user of this server",
            )
        return who

    async def _response(
        self, request: Request, caller: Caller, handlers: Mapping[str, Handler], is_open: bool
    ) -> Response:
        self._hosts.check(request)
        who = await self._who(request, caller, is_open)
        method = "GET" if request.method == "HEAD" else request.method
        handler = handlers.get(method)
        if handler is None:
            legal = ", ".join(handlers)
            raise RequestError(405, f"this address has no {method}", legal=legal, headers={"Allow": legal})
        call = await self._call(request, caller, who)
        if inspect.iscoroutinefunction(handler):
            response = await handler(call)
        else:
            response = await run_in_threadpool(handler, call)
        assert isinstance(response, Response)
        return response

    def route(self, path: str, handlers: Mapping[str, Handler], *, is_open: bool) -> Route:
        """An address with its handlers, method → handler. An open one needs no user."""

        async def answer(request: Request) -> Response:
            caller = Caller.of(request)
            try:
                response = await self._response(request, caller, handlers, is_open)
            except (DatabaseError, sqlite3.Error, OSError) as error:
                return _refused(database_failure(error), request, caller)
            except SpacyTagtogError as error:
                return _refused(error, request, caller)
            except ClientDisconnect:
                return _refused(RequestError(400, "the request ended early"), request, caller)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        # All methods, so that the answer to a wrong one is ours.
        return Route(path, answer, methods=_METHODS)


def _refused(error: SpacyTagtogError, request: Request, caller: Caller) -> Response:
    """The answer to a request that can't be fulfilled: a page for people, text for programs."""
    with_password = "authorization" in request.headers
    if (
        status_of(error) == 401
        and caller.wants_page
        and not with_password
        and request.method in ("GET", "HEAD")
    ):
        where = f"{LOGIN}?next={quote(_address(request), safe='')}"
        return RedirectResponse(where, 303, headers=HEADERS)
    if caller.wants_page:
        return error_page(error, challenge=with_password)
    return refusal(error, challenge=with_password or not caller.is_script)


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    answer = _refused(
        RequestError(500, "the server failed", advice="see its log"), request, Caller.of(request)
    )
    answer.headers["Connection"] = "close"  # uvicorn closes it: nobody should send more on it
    return answer


def make_app(
    database: Database,
    *,
    accounts: Mapping[str, str] | None = None,
    max_request_bytes: int | None = None,
    host_names: Collection[str] = (),
) -> Starlette:
    """Make the application.

    Args:
        database: The database. The caller closes it.
        accounts: Users, name to password, beside those of the database: whoever runs the server. They are
            admins of every project, and are never written to disk.
        max_request_bytes: Larger requests are refused; by default those over 256 MB.
        host_names: The names and addresses by which browsers and programs may call the server, beside those
            of this computer itself.

    Returns:
        An ASGI application.
    """
    desk = _Desk(database, accounts or {}, host_names)
    limit = MAX_REQUEST_BYTES if max_request_bytes is None else max_request_bytes
    handlers: dict[Any, Any] = {Exception: _failed}
    app = Starlette(
        debug=False,
        routes=[
            *(desk.route(path, own, is_open=True) for path, own in OPEN_ROUTES.items()),
            *(desk.route(path, own, is_open=False) for path, own in _all_routes()),
        ],
        middleware=[Middleware(SizeLimit, limit=limit)],
        exception_handlers=handlers,
    )
    # What no route takes, such as a path with a line break: Starlette's own answer asks for no password.
    app.router.default = desk.route("/", _NOWHERE, is_open=False).app
    return app
