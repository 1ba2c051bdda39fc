"""A real browser for the tests in this folder: Debian's Chromium, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from logins import logged_in
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from review_site import LEGEND, Site

from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

# Nothing from elsewhere is ever asked for, not even by the browser itself.
_QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-quic",
)


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = _chromium()
    if executable is None:
        message = "no Chromium: install your system's package (Debian: apt install chromium), or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # As root, as in containers, Chromium's own sandbox can't start.
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=executable, args=[*_QUIET, *(["--no-sandbox"] if root else [])]
        )
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of its own. Whatever goes wrong in its scripts fails the test."""
    made = context.new_page()
    made.on("pageerror", lambda error: pytest.fail(f"an error in the page: {error}"))
    return made


@pytest.fixture
def site(server: LocalTagtog, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Site]:
    name = f"sky{abs(hash(request.node.nodeid)) % 10**9}"
    server.database.write(create_project, "local", name, settings_from_legend(LEGEND))
    context = logged_in(browser, server, viewport={"width": 1300, "height": 850})
    yield Site(server, name, context)
    context.close()
