"""Against guessing, flooding and other names: passwords, connections, hosts, over real HTTP and sockets."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from local_api import password_of
from logins import PAGE, Surfer

from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api import throttle
from spacy_tagtog.server.api.throttle import FREE_OF_ADDRESS, FREE_OF_NAME, MAX_PAUSE, Throttle
from spacy_tagtog.server.db import users


class Time:
    """Seconds that go on when somebody says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        patch.setattr(throttle, "monotonic", lambda: self.seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "tagtog.db") as running:
        for name in ("ada", "bob"):
            running.database.write(add_user, name, password_of(name))
        yield running


def status(server: LocalTagtog, name: str, password: str) -> int:
    return requests.get(server.url, auth=(name, password), timeout=20).status_code


# --- Guessing


def test_after_failed_logins_the_next_has_to_wait(
    server: LocalTagtog, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    assert [status(server, "ada", f"wrong {n}") for n in range(FREE_OF_NAME)] == [401] * FREE_OF_NAME
    answer = requests.get(server.url, auth=("ada", password_of("ada")), timeout=20)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "too many logins failed" in answer.text
    # The page says the same, and nobody else waits.
    with Surfer(server.url) as surfer:
        page = surfer.log_in("ada", password_of("ada"))
        assert (page.status_code, page.headers["Retry-After"]) == (429, "1")
        assert "Too many logins failed. Try again in 1 seconds." in page.text
    assert status(server, "bob", password_of("bob")) == 200
    # Each failure doubles the pause, which has an end.
    for pause in (2, 4, 8, 16, 32, MAX_PAUSE, MAX_PAUSE):
        time.seconds += MAX_PAUSE
        assert status(server, "ada", "wrong") == 401
        answer = requests.get(server.url, auth=("ada", "wrong"), timeout=20)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(pause))
    time.seconds += MAX_PAUSE
    assert status(server, "ada", password_of("ada")) == 200
    assert status(server, "ada", "wrong") == 401
    assert "a login failed: user 'ada' from 127.0.0.1" in caplog.text
    assert "wrong" not in caplog.text


def test_who_is_logged_in_never_waits_for_what_others_guess(server: LocalTagtog, time: Time) -> None:
    with Surfer(server.url) as surfer:
        surfer.log_in("bob", password_of("bob"))
        for number in range(FREE_OF_ADDRESS + 5):
            status(server, f"nobody{number}", "wrong")
        assert status(server, "ada", password_of("ada")) == 429
        assert surfer.open("/-local/account", allow_redirects=False).status_code == 200
        # Nor does a program whose password was right before.
        assert status(server, "bob", password_of("bob")) == 200


def test_limits_are_per_address_and_per_name(time: Time) -> None:
    own = Throttle()
    for number in range(FREE_OF_ADDRESS):
        own.begin(f"user{number}", "2001:db8::1")
    with pytest.raises(RequestError):
        own.begin("ada", "2001:db8::2")  # of the same network
    own.begin("ada", "2001:db8:1::1")
    for number in range(FREE_OF_NAME - 1):
        own.begin("ada", f"192.0.2.{number}")
    with pytest.raises(RequestError) as caught:
        own.begin("ada", "192.0.2.99")
    assert caught.value.status == 429
    time.seconds += 16 * 60
    own.begin("ada", "192.0.2.99")


def test_attempts_at_the_same_time_count_as_failed_until_they_prove_right(time: Time) -> None:
    own = Throttle()
    for _ in range(FREE_OF_NAME):
        own.begin("ada", "192.0.2.1")
    with pytest.raises(RequestError):
        own.begin("ada", "192.0.2.1")
    own.succeeded("ada", "192.0.2.1")
    own.begin("ada", "192.0.2.2")


def test_trust_in_an_address_ends_with_many_failures_from_there(time: Time) -> None:
    own = Throttle()
    own.begin("ada", "192.0.2.1")
    own.succeeded("ada", "192.0.2.1")
    guesses = 0
    with suppress(RequestError):
        while guesses < 100:
            own.begin("ada", "192.0.2.1")
            own.failed("ada", "192.0.2.1")
            guesses += 1
    assert 20 < guesses < 30
    # What failed from elsewhere isn't held against her address, once she is trusted there.
    own = Throttle()
    own.begin("ada", "192.0.2.1")
    own.succeeded("ada", "192.0.2.1")
    for _ in range(FREE_OF_NAME):
        own.begin("ada", "192.0.2.66")
    with pytest.raises(RequestError):
        own.check("ada", "192.0.2.66")
    own.check("ada", "192.0.2.1")


def test_a_flood_of_wrong_passwords_stops_nobody(
    server: LocalTagtog, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, begun, most, lock = threading.Event(), threading.Event(), [0, 0], threading.Lock()
    scrypt = users._scrypt

    def slow(password: str, salt: bytes, cost: int) -> bytes:
        with lock:
            most[0] += 1
            most[1] = max(most)
        begun.set()
        held.wait(20)
        with lock:
            most[0] -= 1
        return scrypt(password, salt, cost)

    with Surfer(server.url) as surfer, ThreadPoolExecutor(60) as pool:
        surfer.log_in("bob", password_of("bob"))
        assert status(server, "bob", password_of("bob")) == 200
        monkeypatch.setattr(users, "_scrypt", slow)
        flood = [pool.submit(status, server, f"nobody{number}", "wrong") for number in range(60)]
        begun.wait(20)
        # While all of these wait, sessions and known passwords are answered.
        assert surfer.open("/-local/account", allow_redirects=False).status_code == 200
        assert status(server, "bob", password_of("bob")) == 200
        for _ in zip(range(60 - 16), as_completed(flood), strict=False):
            pass  # all but those that wait are refused at once
        held.set()
        answers = [one.result() for one in flood]
    assert set(answers) <= {401, 429, 503}
    assert answers.count(401) <= 16
    assert most[1] <= 2


def test_requests_that_begin_at_once_are_one_check(
    server: LocalTagtog, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    scrypt = users._scrypt

    def counted(password: str, salt: bytes, cost: int) -> bytes:
        hashed.append(password)
        return scrypt(password, salt, cost)

    monkeypatch.setattr(users, "_scrypt", counted)
    monkeypatch.setattr(users, "COST", 14)
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: status(server, "ada", password_of("ada")), range(40))) == {200}
    assert 1 <= len(hashed) <= FREE_OF_NAME


def test_passwords_cost_what_they_should(tmp_path: Path, subprocess_env: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-m",
        "spacy_tagtog",
        "user",
        "add",
        "ada",
        "--database",
        str(tmp_path / "x.db"),
    ]
    environment = {**subprocess_env, "TAGTOG_NEW_PASSWORD": "correct horse"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    connection = sqlite3.connect(tmp_path / "x.db")
    ((salt, stored, cost),) = connection.execute("SELECT salt, hash, cost FROM users").fetchall()
    connection.close()
    assert cost == 17
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    assert Scrypt(salt=salt, length=32, n=2**17, r=8, p=1).derive(b"correct horse") == stored


def test_hashes_of_other_costs_stay_right(server: LocalTagtog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "COST", 5)
    assert status(server, "ada", password_of("ada")) == 200
    server.database.write(add_user, "cleo", password_of("cleo"))
    assert status(server, "cleo", password_of("cleo")) == 200


# --- Connections


def connect(server: LocalTagtog) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


HEAD = b"GET /-static/style.css HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "sent", [b"", b"GET", HEAD, HEAD + b"X-Long: ", HEAD + b"\r\n" + HEAD[:20]], ids=range(5)
)
def test_a_request_that_is_never_complete_ends(
    server: LocalTagtog, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr("spacy_tagtog.server.connections.HEAD_SECONDS", 0.2)
    with connect(server) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200") == (b"\r\n\r\n" in sent)


def test_a_body_that_does_not_come_ends(server: LocalTagtog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_tagtog.server.connections.BODY_SECONDS", 0.2)
    head = b"POST /-local/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
    with connect(server) as connection:
        connection.sendall(head + b"Origin: http://localhost\r\n\r\nname=")
        assert read_all(connection) == b""


def test_idle_connections_are_bounded_and_make_room(
    server: LocalTagtog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_tagtog.server.connections.MAX_CONNECTIONS", 20)
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(server)) for _ in range(60)]
        for connection in idle[:40]:
            assert read_all(connection) == b""
        assert requests.get(f"{server.url}/-static/style.css", timeout=20).status_code == 200
        # Those that are left still work.
        idle[-1].sendall(HEAD + b"Connection: close\r\n\r\n")
        assert read_all(idle[-1]).startswith(b"HTTP/1.1 200")


# --- Names


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8181",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.1",
        "[",
        "",
    ],
)
def test_another_name_is_refused(server: LocalTagtog, host: str) -> None:
    for path in ("/", "/-local/login", "/-static/style.css", "/-api/documents/v1"):
        answer = requests.get(
            server.url + path, headers={"Host": host}, auth=("local", server.password), timeout=20
        )
        assert answer.status_code == 421
        assert "localhost" in answer.text
    page = requests.get(server.url, headers={"Host": host, **PAGE}, timeout=20)
    assert page.status_code == 421
    assert "<h1>This address isn&#39;t ours</h1>" in page.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "[::1]:8181"])
def test_the_names_of_this_computer_are_ours(server: LocalTagtog, host: str) -> None:
    assert (
        requests.get(server.url + "/-static/style.css", headers={"Host": host}, timeout=20).status_code == 200
    )


def test_more_names_are_given_by_name(tmp_path: Path) -> None:
    from starlette.requests import Request

    from spacy_tagtog.server.hosts import Hosts

    def check(hosts: Hosts, name: str, reached: str = "127.0.0.1") -> None:
        scope = {"type": "http", "headers": [(b"host", name.encode())], "server": (reached, 80)}
        hosts.check(Request(scope))

    hosts = Hosts(["Tagtog.lab.example", "fd00::1"])
    for name in ("tagtog.lab.example", "tagtog.lab.example:443", "[fd00::1]:80"):
        check(hosts, name)
    check(hosts, "192.0.2.7:80", reached="192.0.2.7")  # the address that the connection came to
    with pytest.raises(LocalServerError, match="isn't called so") as caught:
        check(hosts, "other.lab.example")
    assert "other.lab.example" in str(caught.value.details())


# --- The file


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_database_that_others_can_read_is_known(tmp_path: Path, mode: int, is_open: bool) -> None:
    from spacy_tagtog.server.db.database import Database, is_open_to_others

    database = Database(tmp_path / "x.db")
    database.close()
    database.path.chmod(mode)
    assert is_open_to_others(database.path) == is_open
