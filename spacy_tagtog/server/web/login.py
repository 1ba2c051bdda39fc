"""Logging in and out, the link that logs in one time, and the page of one's own account."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.api.identity import Identity
from spacy_tagtog.server.db.sessions import LIFE, link_user, use_link
from spacy_tagtog.server.db.users import is_admin, store_user
from spacy_tagtog.server.web import pages
from spacy_tagtog.server.web.frame import page

LOGIN: Final = "/-local/login"
LINK: Final = "/-local/login/link"
_ACCOUNT: Final = "/-local/account"
_PLAIN_PATH: Final = re.compile(r"/(?:[^/\\].*)?")


def local_path(text: str) -> str:
    """The path of this server that a text is, with its query; the start page where it is anything else.

    Browsers take ``//host`` and ``/\\host`` for other servers, and leave out tabs and ends of lines.
    """
    if not _PLAIN_PATH.fullmatch(text) or any(ord(one) <= 32 or ord(one) == 127 for one in text):
        return "/"
    path = unquote(text.partition("?")[0])
    return "/" if path.startswith((LOGIN, "/-local/logout")) else quote(text, safe="/?&=%:+,;@!$'()*~-._#")


def identity_of(call: Call) -> Identity:
    """What checks passwords and begins sessions."""
    assert call.identity is not None, "the application gives one to every call"
    return call.identity


def _with_session(call: Call, response: Response, token: str) -> Response:
    response.set_cookie(
        call.caller.cookie,
        token,
        max_age=LIFE // 1000,
        path="/",
        secure=call.caller.is_secure,
        httponly=True,
        samesite="strict",
    )
    return response


async def _begin(call: Call, name: str, *, operator: bool, to: str) -> Response:
    identity = identity_of(call)
    if call.session:
        await identity.close_session(call.session)
    token = await identity.open_session(name, operator=operator)
    return _with_session(call, RedirectResponse(to, 303), token)


# --- Logging in


def _login_page(
    call: Call, next_path: str, name: str = "", problem: str = "", status: int = 200, retry: str = ""
) -> Response:
    html = pages.login_page(call.token("login"), next_path, name, problem)
    return page(html, {"Retry-After": retry} if retry else None, status)


async def get_login(call: Call) -> Response:
    """``GET /-local/login``: the form; ``next`` is the page to show then."""
    next_path = local_path(call.query.get("next", "/"))
    if call.user:
        return RedirectResponse(next_path, 303)
    if call.caller.is_cross_site:
        # From a link of another site the browser comes without its cookie, even if it has one.
        return page(pages.moved_page(f"{LOGIN}?next={quote(next_path, safe='')}"))
    return _login_page(call, next_path)


async def post_login(call: Call) -> Response:
    """``POST /-local/login``: begin a session."""
    next_path = local_path(str(call.body.fields.get("next", "/")))
    name, password = call.field("name").strip(), call.field("password")
    try:
        call.check_token("login")
    except RequestError:
        return _login_page(call, next_path, name, "This page was an old one. Log in again.", 403)
    try:
        who = await identity_of(call).log_in(name, password, call.caller.address)
    except RequestError as error:
        retry = error.headers.get("Retry-After", "")
        problem = f"{error.problem[:1].upper()}{error.problem[1:]}." + (
            f" Try again in {retry} seconds." if retry else ""
        )
        return _login_page(call, next_path, name, problem, error.status, retry)
    return await _begin(call, who.name, operator=who.operator, to=next_path)


async def get_link(call: Call) -> Response:
    """``GET /-local/login/link``: begin a session with the ``token`` of a link, which works one time."""
    token = call.query.get("token", "")
    if call.caller.is_head:
        raise RequestError(405, "this link works one time, so it isn't looked at before", legal="GET")
    # A token that is worth nothing doesn't wait for the lock of those who write.
    known = await run_in_threadpool(call.database.read, link_user, token)
    session = await run_in_threadpool(call.database.write, use_link, token) if known else None
    if session is None:
        if call.user:
            return RedirectResponse("/", 303)
        raise RequestError(
            403,
            "this link was used already, or is too old",
            legal="a link that is at most 15 minutes old, one time",
            advice="log in with your password, or start the server again for a new link",
        )
    # Not a redirection: after a link on another site's page that would come without the cookie.
    return _with_session(call, page(pages.moved_page("/")), session)


# --- The account


def _account_page(call: Call, *, problem: str = "", done: str = "", status: int = 200) -> Response:
    html = pages.account_page(
        call.user,
        {purpose: call.token(purpose) for purpose in ("password", "logout")},
        is_admin=call.operator or call.database.read(is_admin, call.user),
        has_session=bool(call.session),
        is_operator=call.operator,
        problem=problem,
        done=done,
    )
    return page(html, status=status)


def get_account(call: Call) -> Response:
    """``GET /-local/account``: who is logged in."""
    done = "The password was changed." if call.query.get("done") == "password" else ""
    return _account_page(call, done=done)


async def post_logout(call: Call) -> Response:
    """``POST /-local/logout``: end the session."""
    call.check_token("logout")
    if call.session:
        await identity_of(call).close_session(call.session)
    response = RedirectResponse(LOGIN, 303)
    response.delete_cookie(
        call.caller.cookie, path="/", secure=call.caller.is_secure, httponly=True, samesite="strict"
    )
    return response


async def post_password(call: Call) -> Response:
    """``POST /-local/account/password``: change one's own password. It ends all other sessions."""
    call.check_token("password")
    if call.operator:
        raise RequestError(
            409,
            "this user's password is made at each start of the server",
            legal="a user of the database",
            advice="add one on the page of people",
        )
    identity = identity_of(call)
    problem, status = "", 400
    try:
        await identity.log_in(call.user, call.field("old"), call.caller.address)
        if call.field("new") != call.field("again"):
            problem = "The two new passwords differ."
        else:
            hashed = await identity.hash(call.user, call.field("new"))
    except RequestError as error:
        # Not 401: the session goes on.
        status = 403 if error.status == 401 else error.status
        problem = "The old password is wrong." if error.status == 401 else f"{error.problem.capitalize()}."
    except LocalServerError as error:
        problem = f"{error.problem.capitalize()}. Possible: {error.legal}."
    if problem:
        return await run_in_threadpool(lambda: _account_page(call, problem=problem, status=status))
    await run_in_threadpool(call.database.write, store_user, call.user, hashed)
    if not call.session:
        return RedirectResponse(f"{_ACCOUNT}?done=password", 303)
    return await _begin(call, call.user, operator=False, to=f"{_ACCOUNT}?done=password")
