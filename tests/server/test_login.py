"""The way in for people: login page, sessions, links that log in one time, over real HTTP."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from local_api import LEGEND, password_of
from logins import PAGE, Surfer

from spacy_tagtog.server import LocalTagtog, add_user, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db import sessions
from spacy_tagtog.server.db.members import set_member
from spacy_tagtog.server.db.sessions import make_link
from spacy_tagtog.server.db.users import remove_user
from spacy_tagtog.server.web.login import local_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "tagtog.db") as running:
        running.database.write(create_project, "local", "stars", settings_from_legend(LEGEND))
        running.database.write(add_user, "ada", password_of("ada"))
        running.database.write(set_member, "local", "stars", "ada", "admin")
        yield running


@pytest.fixture
def surfer(server: LocalTagtog) -> Iterator[Surfer]:
    with Surfer(server.url) as made:
        yield made


def is_login_page(answer: requests.Response) -> bool:
    return "<h1>Log in</h1>" in answer.text


# --- Who is asked to log in, and how


def test_a_browser_is_led_to_the_login_page_and_back(server: LocalTagtog, surfer: Surfer) -> None:
    first = surfer.open("/local/stars?page=0&x=%C3%A4", allow_redirects=False)
    assert (first.status_code, first.headers["Location"]) == (
        303,
        "/-local/login?next=%2Flocal%2Fstars%3Fpage%3D0%26x%3D%25C3%25A4",
    )
    assert "WWW-Authenticate" not in first.headers
    asked = surfer.open("/local/stars?page=0&x=%C3%A4")
    assert is_login_page(asked)
    there = surfer.log_in("ada", password_of("ada"), asked.url.removeprefix(server.url))
    assert there.status_code == 200
    assert there.url == f"{server.url}/local/stars?page=0&x=%C3%A4"
    assert "<h1>stars</h1>" in there.text
    # Who is logged in isn't asked again.
    assert surfer.open("/-local/login?next=/local/stars").url == f"{server.url}/local/stars"


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Sec-Fetch-Mode": "cors"}])
def test_a_script_of_a_page_is_told_without_a_window_for_passwords(
    server: LocalTagtog, headers: dict[str, str]
) -> None:
    answer = requests.get(f"{server.url}/-local/queue", headers=headers, timeout=20)
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers
    assert "log in" in answer.text


def test_a_program_gets_what_it_always_got(server: LocalTagtog) -> None:
    answer = requests.get(server.url, timeout=20)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert requests.get(server.url, auth=("ada", password_of("ada")), timeout=20).status_code == 200
    for headers in (PAGE, {"Accept": "application/json"}):
        wrong = requests.get(server.url, auth=("ada", "wrong"), headers=headers, timeout=20)
        assert wrong.status_code == 401
        assert wrong.headers["WWW-Authenticate"].startswith("Basic ")


def test_who_sends_a_form_after_the_session_ended_is_told_so(server: LocalTagtog) -> None:
    answer = requests.post(
        f"{server.url}/-local/logout",
        headers={**PAGE, "Origin": server.url},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers
    assert "<h1>You aren&#39;t logged in</h1>" in answer.text
    assert 'href="/-local/login"' in answer.text


# --- Logging in


def test_the_cookie_is_for_this_server_alone(server: LocalTagtog, surfer: Surfer) -> None:
    asked = surfer.open("/-local/login")
    fields = {"name": "ada", "password": password_of("ada"), "next": "/"}
    token = asked.text.partition('name="token" value="')[2].partition('"')[0]
    answer = surfer.post(
        f"{server.url}/-local/login",
        data={**fields, "token": token},
        headers={"Origin": server.url},
        allow_redirects=False,
        timeout=20,
    )
    cookie = answer.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=2592000"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    port = server.url.rpartition(":")[2]
    assert cookie.startswith(f"local-tagtog-{port}=")
    token_of_session = cookie.partition("=")[2].partition(";")[0]
    with server.database.reading() as connection:
        (row,) = connection.execute("SELECT * FROM sessions").fetchall()
    assert row["user"] == "ada"
    assert token_of_session.encode() not in b"".join(
        path.read_bytes() for path in server.database.path.parent.iterdir()
    )


def test_a_wrong_password_is_said_and_the_name_stays(surfer: Surfer) -> None:
    answer = surfer.log_in("ada", "wrong password")
    assert answer.status_code == 401
    assert "The user name or the password is wrong." in answer.text
    assert 'value="ada"' in answer.text
    assert "wrong password" not in answer.text
    assert not surfer.cookies
    assert is_login_page(surfer.open("/"))


def test_who_runs_the_server_logs_in_and_is_admin_of_every_project(
    server: LocalTagtog, surfer: Surfer
) -> None:
    assert "stars" in surfer.log_in("local", server.password).text
    assert "<h1>stars</h1>" in surfer.open("/local/stars").text
    answer = surfer.open("/-api/settings/v1/members", params={"owner": "local", "project": "stars"})
    assert answer.status_code == 200
    with server.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0
    surfer.send_form("/-local/account", "/-local/logout")
    assert is_login_page(surfer.open("/"))


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.example",
        "/ x",
        "\n/x",
        "/-local/login?next=/x",
        "/%2Dlocal/login",
        "/-local/logout",
        "",
    ],
)
def test_a_login_leads_to_no_other_server(surfer: Surfer, target: str) -> None:
    assert local_path(target) == "/"
    asked = surfer.open("/-local/login")
    token = asked.text.partition('name="token" value="')[2].partition('"')[0]
    answer = surfer.post(
        f"{surfer.url}/-local/login",
        data={"name": "ada", "password": password_of("ada"), "next": target, "token": token},
        headers={"Origin": surfer.url},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    "target", ["/", "/a/b?c=d&e=%20", "/a/%2F%2Fb", "/local/my%20project?view=review&docid=x"]
)
def test_a_login_leads_back_to_where_one_came_from(target: str) -> None:
    assert local_path(target) == target


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_no_other_site_can_use_a_session_or_begin_one(
    server: LocalTagtog, surfer: Surfer, headers: dict[str, str]
) -> None:
    surfer.log_in("ada", password_of("ada"))
    query = {"owner": "local", "project": "stars", "output": "null"}
    forged = surfer.post(
        f"{server.url}/-api/documents/v1", params=query, data={"text": "x"}, headers=headers, timeout=20
    )
    assert forged.status_code == 403
    ours = surfer.post(
        f"{server.url}/-api/documents/v1",
        params=query,
        data={"text": "x"},
        headers={"Origin": server.url},
        timeout=20,
    )
    assert ours.status_code == 200
    asked = requests.get(f"{server.url}/-local/login", headers=PAGE, timeout=20)
    token = asked.text.partition('name="token" value="')[2].partition('"')[0]
    fields = {"name": "ada", "password": password_of("ada"), "token": token}
    answer = requests.post(f"{server.url}/-local/login", data=fields, headers=headers, timeout=20)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


def test_a_form_needs_its_token(server: LocalTagtog, surfer: Surfer) -> None:
    own = {"Origin": server.url, **PAGE}
    fields = {"name": "ada", "password": password_of("ada"), "token": "wrong"}
    answer = requests.post(f"{server.url}/-local/login", data=fields, headers=own, timeout=20)
    assert answer.status_code == 403
    assert "Log in again" in answer.text
    assert "Set-Cookie" not in answer.headers
    surfer.log_in("ada", password_of("ada"))
    for path in ("/-local/logout", "/-local/account/password"):
        refused = surfer.post(server.url + path, data={"token": "wrong"}, headers=own, timeout=20)
        assert refused.status_code == 403
    assert not is_login_page(surfer.open("/local/stars"))


def test_a_large_request_of_nobody_is_refused(server: LocalTagtog) -> None:
    own = {"Origin": server.url}
    answer = requests.post(f"{server.url}/-local/login", data={"name": "x" * 20_000}, headers=own, timeout=20)
    assert answer.status_code == 413
    chunked = requests.post(f"{server.url}/-local/login", data=iter([b"name=x"]), headers=own, timeout=20)
    assert chunked.status_code == 413


# --- The end of a session


def test_a_session_ends_by_logging_out(server: LocalTagtog, surfer: Surfer) -> None:
    surfer.log_in("ada", password_of("ada"))
    (cookie,) = list(surfer.cookies)
    assert is_login_page(surfer.send_form("/-local/account", "/-local/logout"))
    assert not surfer.cookies
    stolen = {"Cookie": f"{cookie.name}={cookie.value}", **PAGE}
    assert requests.get(server.url, headers=stolen, allow_redirects=False, timeout=20).status_code == 303


@pytest.mark.parametrize("end", ["password", "removal"])
def test_a_session_ends_with_the_password_and_with_the_user(
    server: LocalTagtog, surfer: Surfer, end: str
) -> None:
    surfer.log_in("ada", password_of("ada"))
    assert not is_login_page(surfer.open("/local/stars"))
    if end == "password":
        server.database.write(add_user, "ada", "another password")
    else:
        server.database.write(remove_user, "ada")
    assert is_login_page(surfer.open("/local/stars"))


def test_a_session_lasts_as_long_as_it_is_used(
    server: LocalTagtog, surfer: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3600 * 1000
    moment = sessions.now()
    monkeypatch.setattr(sessions, "now", lambda: moment)
    surfer.log_in("ada", password_of("ada"))
    for _ in range(4):
        moment += 20 * day
        assert not is_login_page(surfer.open("/local/stars"))
    moment += 30 * day
    assert is_login_page(surfer.open("/local/stars"))
    # What is over is forgotten at the next login.
    surfer.log_in("ada", password_of("ada"))
    with server.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


def test_another_login_ends_the_session_before(server: LocalTagtog) -> None:
    with Surfer(server.url) as surfer:
        surfer.log_in("ada", password_of("ada"))
        (before,) = [cookie.value for cookie in surfer.cookies]
        link = server.database.write(make_link, "ada")
        surfer.open(f"/-local/login/link?token={link}")
        (after,) = [cookie.value for cookie in surfer.cookies]
        assert before != after
        assert not is_login_page(surfer.open("/local/stars"))


# --- The account


def test_people_change_their_own_password(server: LocalTagtog, surfer: Surfer) -> None:
    surfer.log_in("ada", password_of("ada"))
    with Surfer(server.url) as other:
        other.log_in("ada", password_of("ada"))

        def change(old: str, new: str, again: str) -> requests.Response:
            return surfer.send_form(
                "/-local/account", "/-local/account/password", old=old, new=new, again=again
            )

        for old, new, again, status, words in (
            ("wrong", "new password", "new password", 403, "The old password is wrong."),
            (password_of("ada"), "new password", "other password", 400, "The two new passwords differ."),
            (password_of("ada"), "short", "short", 400, "too short"),
            (password_of("ada"), "aaaaaaaaa", "aaaaaaaaa", 400, "one character again and again"),
        ):
            answer = change(old, new, again)
            assert answer.status_code == status
            assert words in answer.text
        assert not is_login_page(other.open("/local/stars"))
        assert "The password was changed." in change(password_of("ada"), "new password", "new password").text
        assert not is_login_page(surfer.open("/local/stars"))
        assert is_login_page(other.open("/local/stars"))
        assert other.log_in("ada", password_of("ada")).status_code == 401
        assert other.log_in("ada", "new password").status_code == 200


def test_who_runs_the_server_has_a_password_of_this_run(server: LocalTagtog, surfer: Surfer) -> None:
    surfer.log_in("local", server.password)
    page = surfer.open("/-local/account").text
    assert "made at each start" in page
    assert 'name="old"' not in page


# --- Links


def test_a_link_logs_in_one_time(server: LocalTagtog, surfer: Surfer) -> None:
    token = server.database.write(make_link, "ada")
    path = f"/-local/login/link?token={token}"
    # Mail programs look at links, and browsers load them before anybody asks.
    assert requests.head(server.url + path, timeout=20).status_code == 405
    assert surfer.open(path, headers={"Sec-Purpose": "prefetch"}).status_code == 405
    answer = surfer.open(path)
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/"' in answer.text
    assert "stars" in surfer.open("/").text
    assert surfer.open(path).url == f"{server.url}/"  # again, by who is logged in
    with Surfer(server.url) as other:
        again = other.open(path)
        assert again.status_code == 403
        assert "used already" in again.text
        assert not other.cookies
    # It opens a session, and is none.
    fresh = server.database.write(make_link, "ada")
    name = f"local-tagtog-{server.url.rpartition(':')[2]}"
    assert is_login_page(requests.get(server.url, headers={"Cookie": f"{name}={fresh}", **PAGE}, timeout=20))


def test_a_link_is_soon_too_old(server: LocalTagtog, surfer: Surfer, monkeypatch: pytest.MonkeyPatch) -> None:
    token = server.database.write(make_link, "ada")
    moment = sessions.now()
    monkeypatch.setattr(sessions, "now", lambda: moment + sessions.LINK_LIFE)
    assert surfer.open(f"/-local/login/link?token={token}").status_code == 403
    assert surfer.open("/-local/login/link").status_code == 403


def test_from_a_link_of_another_site_the_cookie_comes_with_the_second_request(
    server: LocalTagtog, surfer: Surfer
) -> None:
    answer = surfer.open("/-local/login?next=%2Flocal%2Fstars", headers={"Sec-Fetch-Site": "cross-site"})
    assert 'content="0; url=/-local/login?next=%2Flocal%2Fstars"' in answer.text


# --- Errors


@pytest.mark.parametrize(
    ("method", "path", "status", "heading"),
    [
        ("GET", "/local/none", 404, "There is nothing here"),
        ("GET", "/nowhere", 404, "There is nothing here"),
        ("GET", "/-api/documents/v1?owner=local", 400, "This can&#39;t be done"),
        ("POST", "/", 405, "This can&#39;t be done here"),
        ("GET", "/-local/people", 403, "You may not do this"),
    ],
)
def test_an_error_is_a_page_for_people_and_text_for_programs(
    server: LocalTagtog, surfer: Surfer, method: str, path: str, status: int, heading: str
) -> None:
    surfer.log_in("ada", password_of("ada"))
    answer = surfer.request(method, server.url + path, headers={"Origin": server.url}, timeout=20)
    assert answer.status_code == status
    assert f"<h1>{heading}</h1>" in answer.text
    assert 'href="/"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("Allow" in answer.headers) == (status == 405)
    text = requests.request(method, server.url + path, auth=("ada", password_of("ada")), timeout=20)
    assert text.status_code == status
    assert text.headers["Content-Type"].startswith("text/plain")


def test_nothing_of_an_error_becomes_markup(server: LocalTagtog, surfer: Surfer) -> None:
    surfer.log_in("ada", password_of("ada"))
    answer = surfer.open("/local/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_bug_and_a_full_disk_are_pages_without_details(
    server: LocalTagtog, surfer: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    surfer.log_in("ada", password_of("ada"))

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    for failure, status, heading in (
        (broken, 500, "The server failed"),
        (full, 507, "There is no space left"),
    ):
        monkeypatch.setattr("spacy_tagtog.server.web.routes.read_project", failure)
        answer = surfer.open("/local/stars")
        assert answer.status_code == status
        assert (answer.headers.get("Connection") == "close") == (status == 500)
        assert f"<h1>{heading}</h1>" in answer.text
        assert "secret" not in answer.text
