"""Logging in as a browser does: with the form, for a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import html as lxml_html
from requests import Response, Session

from spacy_tagtog.server import LocalTagtog

if TYPE_CHECKING:
    # Only the tests of pages need it.
    from playwright.sync_api import Browser, BrowserContext

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""What a browser says that shows the answer to a person."""


class Surfer(Session):
    """A browser without scripts: it asks for pages, keeps cookies, and sends forms with their origin."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.headers.update(PAGE)

    def open(self, path: str, **more: object) -> Response:
        return self.get(self.url + path, timeout=20, **more)  # type: ignore[arg-type]

    def send_form(self, page: str, action: str, /, **fields: str) -> Response:
        """Fill in the form of a page that leads to an address, and send it."""
        answer = self.open(page)
        tree = lxml_html.fromstring(answer.content.decode())
        forms = [form for form in tree.forms if form.action == action]
        if "name" in fields:  # one of several forms of the same kind, for different users
            forms = [f for f in forms if f.fields.get("name") in (fields["name"], None, "")] or forms
        (form, *_) = forms
        values = {**{key: value for key, value in form.fields.items() if value is not None}, **fields}
        return self.post(self.url + action, data=values, headers={"Origin": self.url}, timeout=20)

    def log_in(self, name: str, password: str, page: str = "/-local/login") -> Response:
        return self.send_form(page, "/-local/login", name=name, password=password)


def session_cookie(url: str, name: str, password: str) -> dict[str, str]:
    """The cookie of a new session, as Playwright adds it to a browser."""
    with Surfer(url) as surfer:
        answer = surfer.log_in(name, password)
        assert answer.ok, answer.text
        ((name_of_cookie, value),) = surfer.cookies.items()
        return {"name": name_of_cookie, "value": value, "url": url}


def logged_in(
    browser: Browser, server: LocalTagtog, name: str = "", password: str = "", **options: Any
) -> BrowserContext:
    """A window of a browser in which a user is logged in; by default who runs the server."""
    context = browser.new_context(**options)
    cookie = session_cookie(server.url, name or server.username, password or server.password)
    context.add_cookies([cookie])  # type: ignore[list-item]
    return context
