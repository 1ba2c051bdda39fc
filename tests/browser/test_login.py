"""The way in, in a real browser: login, logout, links, errors, people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from local_api import LEGEND, password_of
from logins import logged_in
from playwright.sync_api import Browser, Page, expect

from spacy_tagtog.anndoc import Annotations
from spacy_tagtog.server import LocalTagtog, add_user, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.members import members_of, set_member
from spacy_tagtog.server.db.sessions import make_link
from spacy_tagtog.server.db.users import list_users


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "tagtog.db") as running:
        running.database.write(create_project, "local", "stars", settings_from_legend(LEGEND))
        running.database.write(add_user, "ada", password_of("ada"))
        running.database.write(set_member, "local", "stars", "ada", "admin")
        yield running


def log_in(page: Page, name: str, password: str) -> None:
    """By keyboard alone: the first field has the focus."""
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_somebody_logs_in_and_out_by_keyboard(server: LocalTagtog, page: Page) -> None:
    page.goto(f"{server.url}/local/stars")
    expect(page).to_have_title("Log in – local tagtog")
    log_in(page, "ada", password_of("ada"))
    expect(page).to_have_url(f"{server.url}/local/stars")
    assert page.evaluate("document.cookie") == ""  # no script can read it
    page.get_by_role("link", name="account").press("Enter")
    expect(page.get_by_role("heading", name="ada")).to_be_visible()
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page).to_have_title("Log in – local tagtog")
    page.go_back()
    page.goto(f"{server.url}/local/stars")
    expect(page).to_have_title("Log in – local tagtog")


def test_a_wrong_password_is_said_where_one_types_it(server: LocalTagtog, page: Page) -> None:
    page.goto(server.url)
    log_in(page, "ada", "wrong")
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    expect(page.get_by_label("User name")).to_have_value("ada")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(password_of("ada"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="stars")).to_be_visible()


def test_a_link_logs_in_without_a_password(server: LocalTagtog, page: Page) -> None:
    token = server.database.write(make_link, "ada")
    page.goto(f"{server.url}/-local/login/link?token={token}")
    expect(page.get_by_role("link", name="stars")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/")


def test_a_link_on_another_site_finds_who_is_logged_in(server: LocalTagtog, browser: Browser) -> None:
    context = logged_in(browser, server, "ada", password_of("ada"))
    page = context.new_page()
    # For a browser, localhost and 127.0.0.1 are different sites.
    other = server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{other}/-local/login")
    page.evaluate(
        "url => document.body.append(Object.assign(document.createElement('a'), {href: url, text: 'x'}))",
        f"{server.url}/local/stars",
    )
    page.get_by_role("link", name="x").click()
    expect(page).to_have_url(f"{server.url}/local/stars")
    context.close()


@contextmanager
def other_site(page: str) -> Iterator[str]:
    """A web site on another port of the same name. Browsers give it the same cookies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_another_site_can_not_use_the_session(server: LocalTagtog, browser: Browser) -> None:
    context = logged_in(browser, server, "ada", password_of("ada"))
    page = context.new_page()
    address = f"{server.url}/-api/documents/v1?owner=local&project=stars&output=null"
    form = f'<form method="post" action="{address}"><input name="text" value="x"><button>go</button></form>'
    for policy in ("", '<meta name="referrer" content="no-referrer">'):
        with other_site(policy + form) as url:
            page.goto(url)
            page.get_by_role("button", name="go").click()
            expect(page.get_by_role("heading")).to_have_text("You may not do this")
            expect(page.get_by_text("Another web site sent this request.")).to_be_visible()
    with server.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone()[0] == 0
    context.close()


def test_people_change_their_password(server: LocalTagtog, browser: Browser) -> None:
    context = logged_in(browser, server, "ada", password_of("ada"))
    page = context.new_page()
    page.goto(f"{server.url}/-local/account")
    page.get_by_label("Old password").fill(password_of("ada"))
    page.get_by_label("New password (at least").fill("another password")
    page.get_by_label("New password again").fill("another password")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Change the password").click()
    # Browsers hide where a form comes from if its page says so, and the server must know it.
    assert sent.value.all_headers()["origin"] == server.url
    expect(page.get_by_role("status")).to_have_text("The password was changed.")
    page.get_by_role("button", name="Log out").click()
    log_in(page, "ada", "another password")
    expect(page.get_by_role("link", name="stars")).to_be_visible()
    context.close()


def test_a_save_is_restored_by_a_form(server: LocalTagtog, browser: Browser) -> None:
    def call(method: str, path: str, **more: Any) -> requests.Response:
        params = {"owner": "local", "project": "stars", **more.pop("params")}
        auth = ("ada", password_of("ada"))
        answer = requests.request(method, server.url + path, params=params, auth=auth, timeout=20, **more)
        assert answer.ok, answer.text
        return answer

    uploaded = call("POST", "/-api/documents/v1", params={"output": "null"}, data={"text": "Vega"})
    docid = uploaded.json()["items"][0]["docid"]
    for complete in (False, True):
        own = Annotations.empty(["s1v1"], complete=complete).data
        call("PUT", "/-local/annotations", params={"docid": docid}, json=own)
    context = logged_in(browser, server, "ada", password_of("ada"))
    page = context.new_page()
    page.goto(f"{server.url}/local/stars/pool/{docid}?view=history")
    page.get_by_role("button", name="restore").first.click()
    expect(page.get_by_text("restored")).to_be_visible()
    saved = call("GET", "/-api/documents/v1", params={"ids": docid, "output": "ann.json"}).json()
    assert saved["anncomplete"] is False
    context.close()


def test_an_error_is_a_page_with_a_way_back(server: LocalTagtog, browser: Browser) -> None:
    context = logged_in(browser, server, "ada", password_of("ada"))
    page = context.new_page()
    answer = page.goto(f"{server.url}/local/none")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading")).to_have_text("There is nothing here")
    expect(page.get_by_text("Check owner and project, or ask the project's admin")).to_be_visible()
    page.get_by_role("link", name="All projects").click()
    expect(page.get_by_role("link", name="stars")).to_be_visible()
    context.close()


def test_an_admin_manages_people(server: LocalTagtog, browser: Browser) -> None:
    context = logged_in(browser, server)
    page = context.new_page()
    page.goto(f"{server.url}/-local/account")
    page.get_by_role("link", name="people").click()
    page.get_by_label("User name").fill("bob")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("bob was added.")
    password = page.locator("code.password").inner_text()
    page.get_by_label("role of bob").click()
    row = page.get_by_role("row", name="bob")
    row.locator("select[name=role]").select_option("reviewer")
    row.get_by_role("button", name="Set the role").click()
    expect(page.get_by_role("status")).to_contain_text("bob is reviewer of local/stars.")
    expect(page.get_by_role("row", name="bob")).to_contain_text("reviewer of local/stars")
    assert server.database.read(members_of, "local", "stars")["bob"] == "reviewer"

    bobs = browser.new_context()
    his = bobs.new_page()
    his.goto(server.url)
    log_in(his, "bob", password)
    expect(his.get_by_role("link", name="stars")).to_be_visible()
    his.goto(f"{server.url}/-local/people")
    expect(his.get_by_role("heading")).to_have_text("You may not do this")
    his.goto(f"{server.url}/-local/account")
    expect(his.get_by_role("link", name="people")).to_have_count(0)

    page.get_by_label("new password of bob").click()
    page.get_by_role("row", name="bob").get_by_role("button", name="Make a new password").click()
    expect(page.get_by_role("status")).to_contain_text("bob has a new password.")
    assert page.locator("code.password").inner_text() != password
    his.goto(server.url)
    expect(his).to_have_title("Log in – local tagtog")
    bobs.close()

    page.get_by_label("remove bob").click()
    page.get_by_role("button", name="Remove bob").click()
    expect(page.get_by_role("status")).to_contain_text("bob was removed.")
    assert [name for name, _ in server.database.read(list_users)] == ["ada"]
    context.close()
