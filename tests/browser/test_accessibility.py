"""axe-core on every page of the server: light and dark, 320 pixels wide, and zoomed to 200 %."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from local_api import People, annotated, entity, password_of
from logins import logged_in
from playwright.sync_api import Browser, BrowserContext, Page

from spacy_tagtog.anndoc import confidence
from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog
from spacy_tagtog.server.web.login import LINK, LOGIN
from spacy_tagtog.server.web.routes import (
    DOCUMENT_VIEWS,
    OPEN_ROUTES,
    PAGE_ROUTES,
    PEOPLE_ROUTES,
    PROJECT_ROUTES,
    PROJECT_VIEWS,
)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {"320 pixels": (320, 800), "200 %": (640, 400)}
"""A window of 1280 pixels that is zoomed to 200 % has 640 of CSS."""


@dataclass
class Site:
    """A server with something to see on every page."""

    server: LocalTagtog
    context: BrowserContext
    guest: BrowserContext
    project: str
    document: str

    def page(self, name: str) -> Page:
        """A page that is open as a visit wants it."""
        page = (self.guest if name in GUESTS else self.context).new_page()
        page.on("pageerror", lambda error: pytest.fail(f"an error in the page: {error}"))
        page.goto(self.server.url + VISITS[name].format(project=self.project, document=self.document))
        return page


VISITS = {
    "start": "/",
    "project": "{project}",
    "to review": "{project}?state=open",
    "confirmed": "{project}?state=confirmed&sort=-changed",
    "mine": "{project}?mine=open",
    "flagged": "{project}?flagged=yes",
    "folder": "{project}/pool/train?m_4=is:art",
    "searched": "{project}?q=Ada&sort=created",
    "wrong search": "{project}?q=Ada+AND+(",
    "nothing found": "{project}?q=nowhere&state=open",
    "upload form": "{project}#upload",
    "upload": "{project}",
    "review": "{project}?view=review",
    "compare": "{project}?view=compare",
    "guidelines": "{project}?view=guidelines",
    "guidelines form": "{project}?view=guidelines&edit=yes",
    "guidelines conflict": "{project}?view=guidelines&edit=yes",
    "metrics": "{project}?view=metrics",
    "webhooks": "{project}?view=webhooks",
    "document": "{document}",
    "member's document": "{document}?member=curator",
    "history": "{document}?view=history",
    "account": "/-local/account",
    "wrong password": "/-local/account",
    "people": "/-local/people",
    "login": LOGIN,
    "failed login": LOGIN,
    "used link": f"{LINK}?token=used",
    "no such page": "/owner/none",
    "no such filter": "{project}?state=none",
}
GUESTS = {"login", "failed login", "used link"}


def _open_details(page: Page) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


def _upload(page: Page) -> None:
    files = [
        {"name": "new.txt", "mimeType": "text/plain", "buffer": b"Vega"},
        {"name": "picture.png", "mimeType": "image/png", "buffer": b"x"},
    ]
    page.set_input_files("#files", files)  # type: ignore[arg-type]
    with page.expect_navigation():
        page.evaluate("document.querySelector('#upload form').submit()")  # as without a script


def _upload_by_script(page: Page) -> None:
    files = [{"name": "picture.png", "mimeType": "image/png", "buffer": b"x"}]
    page.set_input_files("#files", files)  # type: ignore[arg-type]
    page.get_by_role("button", name="Upload").click()
    page.locator(".uploads .refused").wait_for()


def _conflict(page: Page) -> None:
    page.evaluate("document.querySelector('[name=was]').value = 'other'")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()


def _wrong_password(page: Page) -> None:
    page.get_by_label("Old password").fill("wrong")
    page.get_by_label("New password (at least").fill("a new password")
    page.get_by_label("New password again").fill("a new password")
    page.get_by_role("button", name="Change the password").click()
    page.get_by_role("alert").wait_for()


def _failed_login(page: Page) -> None:
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()


STEPS: dict[str, Callable[[Page], None]] = {
    "project": _open_details,
    "people": _open_details,
    "history": _open_details,
    "upload form": _upload_by_script,
    "upload": _upload,
    "guidelines conflict": _conflict,
    "wrong password": _wrong_password,
    "failed login": _failed_login,
    "review": lambda page: page.locator("#title:not(:empty)").wait_for(),
}
"""What is done on a page before it is looked at."""


def _fill(people: People) -> str:
    """Documents for every page. Gives the address of one of them."""
    own = [
        entity("e_1", 0, "Ada", confidence=confidence(state="pre-added", who=["ml:x"], prob=0.4)),
        entity("e_2", 8, "Bob", confidence=confidence(state="pre-removed", who=["ml:x"], prob=0.8)),
        entity("e_1", 9, "xyz"),
    ]
    relation = {"classId": "r_6", "type": "linked", "directed": False, "entities": ["a", "b"]}
    docid = people.save(
        "Ada met Bob in a-very-long-word-" + "x" * 80,
        annotated(*own, metas={"m_4": {"value": "art"}}, relations=[relation]),
        name="a-long-name-" + "y" * 60,
        distributeToMembers="admin,curator",
    )
    for member in ("master", "curator", "reviewer"):
        people.save("Ada left", annotated(*own[:1], complete=True), name="shared", member=member)
    people.save(
        "Eve left", annotated(complete=True, metas={"m_4": {"value": "art"}}), name="x", folder="train"
    )
    people.call(
        "local", "PUT", "/-local/annotations", docid=docid, member="curator", json=annotated(*own[:1]).data
    )
    people.call(
        "local", "PUT", "/-local/annotations", docid=docid, member="master", json=annotated(*own).data
    )
    people.call("local", "PUT", "/-local/flag", docid=docid, json={"note": "Is this a person?"})
    people.call("local", "PUT", "/-local/ranking", json={"documents": [{"id": docid, "rank": 1, "batch": 1}]})
    guidelines = (
        "# Types\n\n- **Person**: `Ada`\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n> quoted\n\n```\ncode\n```\n"
    )
    people.call("local", "PUT", "/-local/guidelines", json={"text": guidelines})
    webhook = {"endpoint": "http://127.0.0.1:1/hook", "format": "tagtogID", "onlyGUI": False}
    hooks = {"w_1": {**webhook, "authentication": {"type": "none"}}}
    assert people.call("local", "PUT", "/-local/webhooks", json=hooks).ok
    people.text("Vega", filename="delivered")
    return f"/owner/{people.name}/pool/{docid}"


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with local_tagtog(tmp_path_factory.mktemp("accessible") / "tagtog.db") as server:
        people = People(server, "people and places")
        document = _fill(people)
        people.close()
        server.database.write(add_user, "boss", password_of("boss"), admin=True)
        context = logged_in(browser, server, "boss", password_of("boss"), bypass_csp=True)
        guest = browser.new_context(bypass_csp=True)
        yield Site(server, context, guest, "/owner/people%20and%20places", document)
        context.close()
        guest.close()


def violations(page: Page, runs: Sequence[str]) -> list[str]:
    """What axe-core finds by rules of these names or tags."""
    page.evaluate("script => window.axe || (0, eval)(script)", AXE_SCRIPT)
    options = {"runOnly": list(runs), "resultTypes": ["violations"]}
    found = AxeResults(page.evaluate("options => axe.run(document, options)", options))
    return [found.generate_report()] if found.violations_count else []


@pytest.mark.parametrize("name", VISITS)
def test_axe_finds_nothing(site: Site, name: str) -> None:
    page = site.page(name)
    try:
        if name in STEPS:
            STEPS[name](page)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), size
            assert violations(page, RULES) == [], size
        # Of the colours alone it depends on the scheme what is found.
        page.emulate_media(color_scheme="dark")
        assert violations(page, ["color-contrast"]) == [], "dark"
    finally:
        page.close()


def test_every_page_of_the_server_is_visited() -> None:
    visited = {re.sub(r"[?#].*", "", address) for address in VISITS.values()}
    views = {found[1] for address in VISITS.values() if (found := re.search(r"view=(\w+)", address))}
    assert set(PROJECT_VIEWS) | set(DOCUMENT_VIEWS) <= views
    routes = {**OPEN_ROUTES, **PEOPLE_ROUTES, **PROJECT_ROUTES}
    pages = {path for path, handlers in routes.items() if "GET" in handlers} - {"/-static/{name:path}"}
    assert pages <= visited
    shown = {"/": "/", "/{owner}/{project}": "{project}", "/{owner}/{project}/{path:path}": "{document}"}
    assert set(PAGE_ROUTES) == set(shown)
    assert set(shown.values()) <= visited
