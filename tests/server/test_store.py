"""The local tagtog's database and life cycle."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import Store, local_tagtog, make_app, serve, settings_from_legend
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads

SETTINGS = settings_from_legend(Legend({"e_1": "Person"}), ["pool/train"])


def store_text(store: Store, name: str, text: str) -> None:
    store.upload("local", "p", read_uploads([UploadedFile(name, text.encode())], None))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "deep" / "x.db")
    yield made
    made.close()


# ------------------------------------------------------------------------------------------------------------------------------ the file


def test_a_database_is_made_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.db"
    first = Store(path)
    first.create_project("local", "p", SETTINGS)
    store_text(first, "a.txt", "text")
    first.close()
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    second = Store(path)
    assert second.projects() == [("local", "p")]
    assert second.search("local", "p", "text").total == 1
    second.close()


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()


def other_application(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 7")
    connection.close()


def newer(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (foreign, "isn't a database of the local tagtog"),
        (other_application, "isn't a database of the local tagtog"),
        (newer, "newer spacy-tagtog"),
        (lambda path: path.write_text("some notes that must not be lost\n" * 50), "isn't a database"),
        (lambda path: path.write_text("short"), "isn't a database"),
        (Path.mkdir, "can't be opened"),
        (lambda path: path.parent.joinpath("file").write_text("") and None, None),
    ],
)
def test_another_file_is_refused_and_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], object], word: str | None
) -> None:
    path = tmp_path / "x.db"
    make(path)
    if word is None:
        path = tmp_path / "file" / "x.db"
        word = "can't be opened"
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LocalServerError, match=word) as caught:
        Store(path)
    assert caught.value.place == path
    assert caught.value.legal
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    Store(path).close()
    assert path.stat().st_size > 0


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(LocalServerError, match="closed"):
        store.projects()
    store.close()


def test_many_stores_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(tmp_path / "x.db"), range(16)))
    for store in stores:
        store.close()


# ----------------------------------------------------------------------------------------------------------------------- users and projects


def test_passwords_are_hashed(store: Store) -> None:
    assert not store.has_users()
    store.add_user("ada", "correct horse")
    assert store.has_users()
    assert [
        store.check_user(*pair)
        for pair in [
            ("ada", "correct horse"),
            ("ada", "correct hors"),
            ("ada", ""),
            ("bob", "correct horse"),
            ("a b", "x"),
        ]
    ] == [
        True,
        False,
        False,
        False,
        False,
    ]
    store.close()
    dump = store.path.read_bytes()
    assert b"ada" in dump
    assert b"horse" not in dump
    assert b"horse".hex().encode() not in dump.lower()


def test_a_verified_password_is_quick_until_it_changes(store: Store) -> None:
    store.add_user("ada", "one")
    assert store.check_user("ada", "one")
    started = time.perf_counter()
    for _ in range(20):
        assert store.check_user("ada", "one")
    quick = (time.perf_counter() - started) / 20
    started = time.perf_counter()
    assert not store.check_user("ada", "two")
    assert time.perf_counter() - started > 3 * quick
    other = Store(store.path)
    other.add_user("ada", "two")
    other.close()
    assert not store.check_user("ada", "one")
    assert store.check_user("ada", "two")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a/b", "x"),
        ("x" * 65, "x"),
        ("master", "x"),
        ("ä", "x"),
        ("ada\n", "x"),
        ("ada", ""),
    ],
)
def test_users_need_legal_names_and_a_password(store: Store, name: str, password: str) -> None:
    with pytest.raises(LocalServerError):
        store.add_user(name, password)
    assert not store.has_users()


@pytest.mark.parametrize(
    ("owner", "project"),
    [
        ("", "p"),
        ("a/b", "p"),
        ("local", ""),
        ("local", "a/b"),
        ("local", ".."),
        ("local", "-api"),
        ("local", " p"),
        ("local", "p" * 101),
    ],
)
def test_projects_need_legal_names(store: Store, owner: str, project: str) -> None:
    with pytest.raises(LocalServerError):
        store.create_project(owner, project, SETTINGS)
    assert store.projects() == []


def test_a_project_is_created_once(store: Store) -> None:
    store.create_project("local", "p", SETTINGS)
    store.create_project("other", "p", SETTINGS)
    with pytest.raises(LocalServerError, match="exists already"):
        store.create_project("local", "p", SETTINGS)
    assert store.projects() == [("local", "p"), ("other", "p")]


def test_settings_from_a_legend() -> None:
    legend = Legend({"e_1": "Person", "f_2": "Person", "m_1": "topic", "n_1": "Wikidata", "r_1": "knows"})
    settings = settings_from_legend(legend, ["pool/x/y", "pool", "pool/x"])
    assert settings["version"] == "1.6"
    assert {
        key: [settings[section][key]["name"]]
        for section, key in [("entities", "e_1"), ("fields", "f_2"), ("metas", "m_1"), ("relations", "r_1")]
    } == {
        "e_1": ["Person"],
        "f_2": ["Person"],
        "m_1": ["topic"],
        "r_1": ["knows"],
    }
    assert settings["folders"] == {
        "pool": {
            "name": "pool",
            "index": 0,
            "children": {
                "x": {"name": "x", "index": 1, "children": {"y": {"name": "y", "index": 2, "children": {}}}}
            },
        }
    }
    assert settings_from_legend(Legend())["folders"]["pool"]["children"] == {}
    with pytest.raises(LocalServerError, match="folder path"):
        settings_from_legend(legend, ["elsewhere"])


# ------------------------------------------------------------------------------------------------------------------------ integrity at once


def test_removing_documents_leaves_nothing_behind(store: Store) -> None:
    store.create_project("local", "p", SETTINGS)
    own = '{"entities":[{"classId":"e_1","part":"s1v1","offsets":[{"start":0,"text":"x"}]}]}'
    files = [UploadedFile("a.txt", b"x"), UploadedFile("a.ann.json", own.encode())]
    store.upload("local", "p", read_uploads(files, "default-plus-annjson"))
    connection = sqlite3.connect(store.path)

    def rows() -> list[int]:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("documents", "contents", "versions", "entities")
        ]

    assert rows() == [1, 1, 1, 1]
    assert store.delete("local", "p", "*") == 1
    assert rows() == [0, 0, 0, 0]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_threads_write_at_once(store: Store) -> None:
    store.create_project("local", "p", SETTINGS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store_text(store, f"{number}.txt", f"text {number}"), range(40)))
    assert store.search("local", "p", "*").total == 40


_WRITER = """
import sys
from pathlib import Path
from spacy_tagtog.server import Store
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
store = Store(Path(sys.argv[1]))
for number in range(20):
    store.upload("local", "p", read_uploads([UploadedFile(f"other{number}.txt", b"x")], None))
store.close()
"""


def test_two_processes_use_one_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with local_tagtog(path) as server:
        server.store.create_project("local", "p", SETTINGS)
        other = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stderr=subprocess.PIPE)
        auth, query = (server.username, server.password), {"owner": "local", "project": "p", "output": "null"}
        number = 0
        while other.poll() is None or number < 20:
            answer = requests.post(
                f"{server.url}/-api/documents/v1",
                params={**query, "filename": f"own{number}.txt"},
                data={"text": "x"},
                auth=auth,
                timeout=20,
            )
            assert answer.status_code == 200, answer.text
            number += 1
        assert other.communicate()[1] == b""
        assert other.returncode == 0
        assert server.store.search("local", "p", "*").total == 20 + number


# ----------------------------------------------------------------------------------------------------------------------------- life cycle


def test_a_local_tagtog_starts_quickly_and_ends(tmp_path: Path) -> None:
    threads = threading.active_count()
    started = time.perf_counter()
    with local_tagtog(tmp_path / "x.db") as server:
        assert (
            requests.get(server.url, auth=(server.username, server.password), timeout=20).status_code == 200
        )
        assert time.perf_counter() - started < 5
        assert server.password not in repr(server)
        assert not server.store.has_users()
    assert time.perf_counter() - started < 10
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=20)
    assert threading.active_count() <= threads


def test_a_local_tagtog_ends_when_its_block_raises(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="from the block"), local_tagtog(tmp_path / "x.db") as server:
        raise KeyError("from the block")
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=20)
    with pytest.raises(LocalServerError, match="closed"):
        server.store.projects()


def test_a_local_tagtog_says_nothing(tmp_path: Path) -> None:
    code = """
import sys, requests
from pathlib import Path
from spacy_tagtog.server import local_tagtog
with local_tagtog(Path(sys.argv[1])) as server:
    with requests.Session() as session:
        print(session.get(server.url, timeout=20).status_code)
        print(session.get(server.url + "/x", auth=(server.username, server.password), timeout=20).status_code)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "x.db")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("401\n404\n", "", 0)


def test_two_run_side_by_side(tmp_path: Path) -> None:
    with local_tagtog(tmp_path / "x.db") as first, local_tagtog(tmp_path / "x.db") as second:
        assert first.url != second.url
        first.store.create_project("local", "p", SETTINGS)
        assert second.store.projects() == [("local", "p")]
        assert requests.get(second.url, auth=(first.username, first.password), timeout=20).status_code == 401


def test_a_database_that_cannot_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    foreign(tmp_path / "x.db")
    with pytest.raises(LocalServerError, match="isn't a database"), local_tagtog(tmp_path / "x.db"):
        pass


_SERVE = """
import sys
from pathlib import Path
from spacy_tagtog.server import Store, serve
store = Store(Path(sys.argv[1]))
store.add_user("ada", "secret")
store.close()
serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))
print("ended")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_serving_until_interrupted(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(tmp_path / "x.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert requests.get(url, auth=("ada", "secret"), timeout=20).status_code == 200
    assert requests.get(url, auth=("ada", "wrong"), timeout=20).status_code == 401
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("ended\n", "", 0)


def test_serving_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
        with pytest.raises(LocalServerError, match="other computers"):
            serve(path, host=host)
    assert not path.exists()
    with pytest.raises(LocalServerError, match="no user"):
        serve(path)
    store = Store(path)
    store.add_user("ada", "secret")
    store.close()
    with pytest.raises(LocalServerError, match="address can't be used"):
        serve(path, host="no.such.host.invalid", allow_remote=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServerError, match="can't listen") as caught:
            serve(path, port=port)
    assert caught.value.value == f"127.0.0.1:{port}"


def test_the_application_never_shows_its_insides(store: Store) -> None:
    assert make_app(store).debug is False
