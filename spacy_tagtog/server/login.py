"""Logging in and out: the pages, the cookie, and the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.request import credentials, read_body
from spacy_tagtog.server.db.sessions import LASTS_SECONDS
from spacy_tagtog.server.door import Door, User
from spacy_tagtog.server.web.pages import account_page, login_page
from spacy_tagtog.server.web.routes import page_answer

LOGIN_PATH: Final = "/-local/login"
ACCOUNT_PATH: Final = "/-local/account"
LOGOUT_PATH: Final = "/-local/logout"


def check_origin(request: Request, *, by_cookie: bool = False) -> None:
    """Make sure that a request to change something isn't another web site's.

    Browsers say where such a request comes from. Programs don't, and bring a password each time.

    Args:
        request: The request.
        by_cookie: Whether a cookie says who asks, so that a browser sends the request.

    Raises:
        RequestError: Another web site sent it (403).
    """
    # A browser that knows the password sends it along with what other sites make it send.
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    ours = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if (
        site == "cross-site"
        or (origin is not None and not ours)
        or (by_cookie and not ours and site != "same-origin")
    ):
        raise RequestError(
            403,
            "another web site sent this request",
            value=origin,
            legal="requests from this server's own pages and from programs",
        )


def cookie_name(request: Request) -> str:
    """The name of the cookie. A browser keeps cookies by host alone, and a host may have several servers."""
    return f"tagtog-{request.scope['server'][1]}"


def is_navigation(request: Request) -> bool:
    """Whether a person opens a page, rather than a program or a script."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def to_login(request: Request) -> Response:
    """Send whoever must log in to the page for it, and back afterwards."""
    path = request.scope["raw_path"].decode("ascii", "replace")
    query = request.scope["query_string"].decode("ascii", "replace")
    wanted = {"next": f"{path}?{query}" if query else path}
    return _redirect(f"{LOGIN_PATH}?{urlencode(wanted)}")


async def who_asks(door: Door, request: Request) -> tuple[User, bool]:
    """Who sends a request, and whether a cookie says so.

    Raises:
        RequestError: Nobody says, or a password is wrong (401), or too many were (429).
    """
    given = credentials(request)
    if given is not None:
        return await run_in_threadpool(door.by_password, *given, _address(request)), False
    token = request.cookies.get(cookie_name(request))
    if token and "authorization" not in request.headers:
        user = await run_in_threadpool(door.by_token, token)
        if user is not None:
            return user, True
    raise RequestError(
        401,
        "no user name and password were given",
        legal="HTTP Basic authentication with a user of this server",
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _redirect(to: str) -> RedirectResponse:
    return RedirectResponse(to, status_code=303)


def _way_back(given: object) -> str:
    """Where to go after the login: a page of this server, whatever the address says."""
    text = given if isinstance(given, str) else ""
    # Browsers take a backslash for a slash, and //host for another host.
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if ours and not text.startswith((LOGIN_PATH, LOGOUT_PATH)) else "/"


async def _let_in(door: Door, request: Request, user: User, back: str) -> Response:
    token = await run_in_threadpool(door.start, user)
    answer = _redirect(back)
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=LASTS_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def _login(door: Door, request: Request) -> Response:
    if request.method != "POST":
        back = _way_back(request.query_params.get("next"))
        key = request.query_params.get("key")
        if key is None:
            return page_answer(login_page(back))
        user = door.by_link(key)
        if user is not None:
            return await _let_in(door, request, user, back)
        problem = "This link has been used, or the server was started again since. Log in with your password."
        return page_answer(login_page(back, problem=problem), status=401)
    check_origin(request)
    fields = (await read_body(request)).fields
    name, password = (str(fields.get(field) or "") for field in ("name", "password"))
    back = _way_back(fields.get("next"))
    try:
        user = await run_in_threadpool(door.by_password, name, password, _address(request))
    except RequestError as error:
        problem = f"{error.advice or error.problem}."
        page = login_page(back, name=name, problem=problem[:1].upper() + problem[1:])
        return page_answer(page, error.headers, status=error.status)
    return await _let_in(door, request, user, back)


async def _account(door: Door, request: Request) -> Response:
    try:
        user, by_cookie = await who_asks(door, request)
    except RequestError as error:
        if error.status != 401:
            raise
        return to_login(request)
    return page_answer(account_page(user.name, may_log_out=by_cookie))


async def _logout(door: Door, request: Request) -> Response:
    check_origin(request)
    token = request.cookies.get(cookie_name(request))
    if token:
        await run_in_threadpool(door.end, token)
    answer = _redirect(LOGIN_PATH)
    answer.delete_cookie(cookie_name(request), httponly=True, samesite="strict")
    return answer


LOGIN_ROUTES: Final[dict[str, tuple[tuple[str, ...], Callable[[Door, Request], Awaitable[Response]]]]] = {
    LOGIN_PATH: (("GET", "POST"), _login),
    ACCOUNT_PATH: (("GET",), _account),
    LOGOUT_PATH: (("POST",), _logout),
}
"""The addresses that nobody must be logged in for: path → methods, and what answers."""


def login_link(url: str, key: str) -> str:
    """The address that logs a user in once.

    Args:
        url: The address of the server.
        key: The key of the link, as the server knows it.
    """
    return f"{url}{LOGIN_PATH}?{urlencode({'key': key})}"
