"""Logging in and out, over real HTTP, and what keeps others out."""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog
from spacy_tagtog.server.db import users
from spacy_tagtog.server.db.sessions import LASTS_SECONDS
from spacy_tagtog.server.db.users import remove_user
from spacy_tagtog.server.door import Pauses

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PASSWORD = "a good password"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "login.db") as running:
        running.database.write(add_user, "ann", PASSWORD)
        yield running


def cookie_of(server: LocalTagtog) -> str:
    return f"tagtog-{urlsplit(server.url).port}"


def log_in(
    server: LocalTagtog, name: str = "ann", password: str = PASSWORD, **more: str
) -> requests.Response:
    return requests.post(
        f"{server.url}/-local/login",
        data={"name": name, "password": password, **more},
        allow_redirects=False,
        timeout=20,
    )


def who(server: LocalTagtog, token: str) -> str | None:
    """Whom the server takes a browser with this cookie for."""
    answer = requests.get(
        f"{server.url}/-local/account",
        headers=BROWSER,
        cookies={cookie_of(server): token},
        allow_redirects=False,
        timeout=20,
    )
    found = re.search("logged in as <strong>(.*)</strong>", answer.text)
    return found[1] if found else None


def test_a_person_without_a_session_is_sent_to_the_login_and_back(server: LocalTagtog) -> None:
    wanted = "/?page=0&x=%2F"
    answer = requests.get(server.url + wanted, headers=BROWSER, allow_redirects=False, timeout=20)
    assert answer.status_code == 303
    to = urlsplit(answer.headers["Location"])
    assert (to.path, parse_qs(to.query)["next"]) == ("/-local/login", [wanted])

    page = requests.get(server.url + answer.headers["Location"], headers=BROWSER, timeout=20)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    hidden = re.search('name="next" value="(.*?)"', page.text)
    assert hidden is not None

    done = log_in(server, next=wanted)
    assert (done.status_code, done.headers["Location"]) == (303, wanted)
    cookie = done.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"max-age={LASTS_SECONDS}" in cookie
    assert "secure" not in cookie  # this server isn't encrypted: the browser would never send it
    assert who(server, done.cookies[cookie_of(server)]) == "ann"


def test_programs_and_scripts_get_a_status_instead(server: LocalTagtog) -> None:
    program = requests.get(server.url, timeout=20)
    assert (program.status_code, program.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    # Else the browser would open a window of its own on top of the page.
    script = requests.get(server.url, headers={"Accept": "application/json"}, timeout=20)
    assert script.status_code == 401
    assert "WWW-Authenticate" not in script.headers


def test_logging_out_ends_this_session_and_no_other(server: LocalTagtog) -> None:
    first, second = (log_in(server).cookies[cookie_of(server)] for _ in range(2))
    assert first != second
    answer = requests.post(
        f"{server.url}/-local/logout",
        cookies={cookie_of(server): first},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.headers["Location"] == "/-local/login"
    assert (who(server, first), who(server, second)) == (None, "ann")


def test_a_new_password_ends_all_sessions(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    server.database.write(add_user, "ann", "another password")
    assert who(server, token) is None


def test_who_was_removed_is_out_even_if_the_name_comes_back(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    server.database.write(remove_user, "ann")
    assert who(server, token) is None
    server.database.write(add_user, "ann", PASSWORD)
    assert who(server, token) is None


def test_an_old_session_ends(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    with server.database.writing() as connection:
        connection.execute("UPDATE sessions SET created = created - ?", (LASTS_SECONDS * 1000 - 60_000,))
    assert who(server, token) == "ann"
    with server.database.writing() as connection:
        connection.execute("UPDATE sessions SET created = created - 120000")
    assert who(server, token) is None


def test_the_database_holds_no_token(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    with server.database.reading() as connection:
        row = connection.execute("SELECT * FROM sessions").fetchone()
    assert not any(
        token.encode() in (value if isinstance(value, bytes) else str(value).encode()) for value in row
    )
    with server.database.reading() as connection:
        stored = bytes(connection.execute("SELECT hash FROM users WHERE name = 'ann'").fetchone()[0])
    assert bytes(row["proof"]) != stored


def test_the_account_of_a_run_ends_with_it(tmp_path: Path) -> None:
    with local_tagtog(tmp_path / "x.db") as first:
        token = log_in(first, first.username, first.password).cookies[cookie_of(first)]
        assert who(first, token) == "local"
    with local_tagtog(tmp_path / "x.db") as second:
        second.database.write(add_user, "local", PASSWORD)
        assert who(second, token) is None


@pytest.mark.parametrize(
    "elsewhere",
    ["https://example.org/", "//example.org/", "/\\example.org", "", "javascript:1", "/\n/example.org"],
)
def test_the_login_never_leads_elsewhere(server: LocalTagtog, elsewhere: str) -> None:
    assert log_in(server, next=elsewhere).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("a b", "x")]
)
def test_a_wrong_password_shows_the_form_again(server: LocalTagtog, name: str, password: str) -> None:
    answer = log_in(server, name, password, next="/a/b")
    assert answer.status_code == 401
    assert "The user name or the password is wrong." in answer.text
    assert f'value="{name}"' in answer.text
    assert 'value="/a/b"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "WWW-Authenticate" not in answer.headers


def test_what_was_typed_is_shown_as_text(server: LocalTagtog) -> None:
    text = log_in(server, '"><script>x</script>', "x", next='/"><b>').text
    assert "<script>x" not in text
    assert "<b>" not in text


# --- Other web sites


def change(server: LocalTagtog, token: str, headers: dict[str, str]) -> int:
    return requests.put(
        f"{server.url}/-local/annotations",
        params={"owner": "ann", "project": "x", "docid": "y"},
        json={},
        headers=headers,
        cookies={cookie_of(server): token},
        timeout=20,
    ).status_code


def test_a_cookie_changes_something_only_from_our_own_pages(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    refused = [
        {},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this computer
        {"Origin": server.url, "Sec-Fetch-Site": "cross-site"},
    ]
    assert [change(server, token, headers) for headers in refused] == [403] * len(refused)
    ours = [{"Origin": server.url}, {"Sec-Fetch-Site": "same-origin"}]
    # There is no such project, which is found out only behind the door.
    assert [change(server, token, headers) for headers in ours] == [404, 404]


@pytest.mark.parametrize("path", ["login", "logout"])
def test_no_other_site_logs_somebody_in_or_out(server: LocalTagtog, path: str) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    answer = requests.post(
        f"{server.url}/-local/{path}",
        data={"name": "ann", "password": PASSWORD},
        headers={"Origin": "http://example.org"},
        cookies={cookie_of(server): token},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.status_code == 403
    assert who(server, token) == "ann"


# --- Links


def test_a_link_logs_in_once(tmp_path: Path) -> None:
    with local_tagtog(tmp_path / "x.db", links={"the key": "ann"}) as server:
        server.database.write(add_user, "ann", PASSWORD)

        def follow(key: str) -> requests.Response:
            return requests.get(
                f"{server.url}/-local/login",
                params={"key": key, "next": "/a"},
                allow_redirects=False,
                timeout=20,
            )

        assert follow("another").status_code == 401
        first = follow("the key")
        assert (first.status_code, first.headers["Location"]) == (303, "/a")
        assert who(server, first.cookies[cookie_of(server)]) == "ann"
        again = follow("the key")
        assert again.status_code == 401
        assert "This link has been used" in again.text
        assert not again.cookies


# --- Guessing


def test_a_password_costs_what_it_should(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from spacy_tagtog.server import Database, add_user\n"
        "database = Database(Path(sys.argv[1]))\n"
        "database.write(add_user, 'ann', sys.argv[2])\n"
        "database.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.db"), PASSWORD], check=True)
    with local_tagtog(tmp_path / "x.db") as server:
        with server.database.reading() as connection:
            row = connection.execute("SELECT * FROM users").fetchone()
        # Source: OWASP, Password Storage Cheat Sheet, scrypt.
        expected = hashlib.scrypt(
            PASSWORD.encode(), salt=row["salt"], n=2**17, r=8, p=1, maxmem=2**28, dklen=32
        )
        assert (row["cost"], bytes(row["hash"])) == (2**17, expected)
        # Cheaper or not, a hash is checked at its own cost.
        assert log_in(server).status_code == 303
        server.database.write(add_user, "ann", PASSWORD)
        assert log_in(server).status_code == 303


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_pauses_grow_up_to_a_minute_and_end_with_the_right_password() -> None:
    clock = Clock()
    pauses = Pauses(clock)
    found = []
    for _ in range(18):
        pauses.wrong(("address", "ann"))
        found.append(pauses.seconds(("address", "ann")))
    assert found == [0.0] * 9 + [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    # Nobody else waits.
    assert pauses.seconds(("elsewhere", "ann")) == pauses.seconds(("address", "bob")) == 0
    clock.seconds = 59.0
    assert pauses.seconds(("address", "ann")) == 1.0
    clock.seconds = 60.0
    assert pauses.seconds(("address", "ann")) == 0
    pauses.right(("address", "ann"))
    pauses.wrong(("address", "ann"))
    assert pauses.seconds(("address", "ann")) == 0


def test_guessing_is_stopped_and_whoever_is_in_stays_in(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    server.database.write(add_user, "bob", "bob's password")
    guesses = [log_in(server, "bob", f"guess {number}").status_code for number in range(12)]
    assert guesses[:10] == [401] * 10
    assert 429 in guesses[10:]
    # So is the right one, by the form as by the API, for a time that the answer tells.
    formed = log_in(server, "bob", "bob's password")
    asked = requests.get(server.url, auth=("bob", "bob's password"), timeout=20)
    for answer in (formed, asked):
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
    assert "Wait" in formed.text
    # Others, and programs whose password was right before, aren't kept waiting.
    assert who(server, token) == "ann"
    assert log_in(server).status_code == 303


def test_a_flood_of_passwords_leaves_the_server_free_for_others(
    server: LocalTagtog, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    free = threading.Event()

    def slow(password: str, salt: bytes, cost: int) -> bytes:
        free.wait()
        return b"wrong"

    monkeypatch.setattr(users, "_scrypt", slow)
    with ThreadPoolExecutor(30) as pool:
        flood = [pool.submit(log_in, server, f"name{number}", "guess") for number in range(30)]
        try:
            # Only a few are checked, and hold a thread. The others get an answer while these still wait.
            first = list(itertools.islice(as_completed(flood), 22))
            assert {done.result().status_code for done in first} == {503}
            assert "Retry-After" in first[0].result().headers
            assert who(server, token) == "ann"
        finally:
            free.set()
        assert sorted(done.result().status_code for done in flood) == [401] * 8 + [503] * 22


# --- Errors as pages


def test_an_error_is_a_page_for_people_and_text_for_programs(server: LocalTagtog) -> None:
    token = log_in(server).cookies[cookie_of(server)]
    cookies = {cookie_of(server): token}
    page = requests.get(f"{server.url}/nobody/<b>nothing", headers=BROWSER, cookies=cookies, timeout=20)
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>" in page.text
    assert 'href="/"' in page.text
    assert "<b>nothing" not in page.text
    assert "<p>Check owner and project, or ask the project&#39;s admin to add you.</p>" in page.text
    program = requests.get(f"{server.url}/nobody/nothing", cookies=cookies, timeout=20)
    assert (program.status_code, program.headers["Content-Type"][:10]) == (404, "text/plain")


@pytest.mark.parametrize(("path", "legal"), [("login", "GET, POST"), ("account", "GET"), ("logout", "POST")])
def test_other_methods_are_refused(server: LocalTagtog, path: str, legal: str) -> None:
    answer = requests.delete(f"{server.url}/-local/{path}", timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, legal)
