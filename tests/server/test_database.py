"""The local tagtog's database and life cycle."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from databases import delete, find, opened, upload

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import LocalServerError, SpacyTagtogError
from spacy_tagtog.server import Database, add_user, create_project, local_tagtog, serve, settings_from_legend
from spacy_tagtog.server.app import make_app
from spacy_tagtog.server.db import schema, users
from spacy_tagtog.server.db.archive import export_project
from spacy_tagtog.server.db.failures import DatabaseError
from spacy_tagtog.server.db.projects import list_projects, read_project
from spacy_tagtog.server.db.reserve import Reserve
from spacy_tagtog.server.db.users import Passwords, has_users
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads

SETTINGS = settings_from_legend(Legend({"e_1": "Person"}), ["pool/train"])


def store_text(database: Database, name: str, text: str) -> None:
    upload(database, "local", "p", read_uploads([UploadedFile(name, text.encode())], None))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "deep" / "x.db")
    yield made
    made.close()


# --------------------------------------------------------------------------------------------------- the file


def test_a_database_is_made_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.db"
    first = Database(path)
    first.write(create_project, "local", "p", SETTINGS)
    store_text(first, "a.txt", "text")
    first.close()
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    second = Database(path)
    assert second.read(list_projects) == [("local", "p")]
    assert find(second, "local", "p", "text").total == 1
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
    Database(path).close()
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
        Database(path)
    assert caught.value.place == path
    assert caught.value.legal
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """The file of a database with documents."""
    path = tmp_path / "whole.db"
    with opened(path) as database:
        database.write(create_project, "local", "p", SETTINGS)
        for number in range(10):
            store_text(database, f"{number}.txt", f"{number} " + "Ada in London. " * 500)
    return path.read_bytes()


@pytest.mark.parametrize("part", [0.9, 0.5, 0.03])
def test_a_truncated_database_is_called_damaged(tmp_path: Path, whole: bytes, part: float) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DatabaseError, match="the database is damaged") as caught:
        Database(path)
    assert caught.value.place == path
    assert "backup" in str(caught.value.advice)


def test_an_export_of_a_damaged_database_says_so(tmp_path: Path, whole: bytes) -> None:
    draw, said = random.Random(3), Counter[str]()
    for number in range(80):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 5))):
            page = 4096 * draw.randrange(1, len(data) // 4096)
            data[page : page + 4096] = draw.choice((bytes(4096), draw.randbytes(4096)))
        path = tmp_path / f"{number}.db"
        path.write_bytes(data)
        try:
            with opened(path) as database:
                export_project(database, "local", "p", tmp_path / f"{number}.zip")
        except SpacyTagtogError as error:
            said[str(error.problem).partition(":")[0]] += 1
        else:
            said["whole"] += 1  # the damage is in an index that no export reads
    assert said["the database is damaged"] > 40
    assert said["the database is damaged"] + said["whole"] == 80


def test_content_that_a_damaged_page_left_out_is_missed(tmp_path: Path, whole: bytes) -> None:
    """What SQLite itself doesn't notice."""
    path = tmp_path / "x.db"
    path.write_bytes(whole)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE projects SET settings = '{\"version\"'")
    connection.close()
    with opened(path) as database, pytest.raises(DatabaseError, match="damaged"):
        database.read(read_project, "local", "p")


def test_a_damaged_database_is_the_servers_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with local_tagtog(tmp_path / "x.db") as server:
        server.database.write(create_project, "local", "p", SETTINGS)
        with server.database.writing() as connection:
            connection.execute("UPDATE projects SET settings = '{'")
        answer = requests.get(
            f"{server.url}/-api/settings/v1/export",
            params={"owner": "local", "project": "p"},
            auth=(server.username, server.password),
            timeout=20,
        )
    assert answer.status_code == 500
    assert "the database is damaged" in answer.text
    assert "x.db" not in answer.text
    assert "x.db" in caplog.text


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    Database(path).close()
    assert path.stat().st_size > 0


@pytest.mark.parametrize("allocates", [True, False])
@pytest.mark.parametrize(("free", "kept"), [(2**40, 16 * 2**20), (5 * 2**20, 5 * 2**19), (2**21 - 1, 0)])
def test_space_is_kept_for_a_full_disk_and_given_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allocates: bool, free: int, kept: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    if not allocates:  # as on macOS
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    reserve, path = Reserve(tmp_path / "x.db"), tmp_path / "x.db-reserve"
    reserve.keep()
    assert path.exists() == (kept > 0)
    if kept:
        whole = kept if allocates and hasattr(os, "posix_fallocate") else kept // 2**20 * 2**20
        assert path.stat().st_size == whole
        assert path.stat().st_blocks * 512 >= whole, "it takes the space that it says"
    reserve.give()
    assert not path.exists()


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    with pytest.raises(LocalServerError, match="closed"):
        database.read(list_projects)
    database.close()


def test_a_new_database_may_be_opened_many_times_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        databases = list(pool.map(lambda _: Database(tmp_path / "x.db"), range(16)))
    # All of them are one database, which was made once.
    for number, database in enumerate(databases):
        database.write(create_project, "local", f"p{number:02}", SETTINGS)
    names = [("local", f"p{number:02}") for number in range(16)]
    assert [database.read(list_projects) for database in databases] == [names] * 16
    with databases[0].reading() as connection:
        assert connection.execute("SELECT sum(number), count(*) FROM changes").fetchone()[:] == (16, 1)
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    for database in databases:
        database.close()


# ------------------------------------------------------------------------------------------------- the schema


def add_notes(connection: sqlite3.Connection) -> None:
    """A step such as a later release may have."""
    connection.execute(
        "CREATE TABLE notes (project_id INTEGER NOT NULL REFERENCES projects, text TEXT NOT NULL)"
    )
    connection.execute("INSERT INTO notes SELECT id, owner || '/' || name FROM projects")


def version_and_notes(path: Path) -> tuple[int, list[tuple[str]]]:
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchone()
    notes = connection.execute("SELECT text FROM notes").fetchall() if is_there else []
    connection.close()
    return version, notes


def test_a_database_of_an_earlier_release_takes_the_steps_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    with opened(path) as database:
        database.write(create_project, "local", "p", SETTINGS)
        store_text(database, "a.txt", "text")
    assert version_and_notes(path) == (1, [])
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, add_notes))
    for _ in range(2):  # the second time there is nothing to do
        with opened(path) as database:
            assert find(database, "local", "p", "text").total == 1
        assert version_and_notes(path) == (2, [("local/p",)])
    monkeypatch.undo()
    with pytest.raises(LocalServerError, match="newer spacy-tagtog"):
        Database(path)


def test_a_new_database_takes_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, add_notes))
    with opened(tmp_path / "x.db") as database:
        database.write(create_project, "local", "p", SETTINGS)
    assert version_and_notes(tmp_path / "x.db") == (2, [])


def test_a_step_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.db"
    with opened(path) as database:
        database.write(create_project, "local", "p", SETTINGS)

    def broken(connection: sqlite3.Connection) -> None:
        add_notes(connection)
        connection.execute("SELECT * FROM nowhere")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", (*schema.STEPS, broken))
        with pytest.raises(LocalServerError, match="nowhere"):
            Database(path)
    assert version_and_notes(path) == (1, [])
    with opened(path) as database:
        assert database.read(list_projects) == [("local", "p")]


def test_every_connection_opens_the_same_tables(tmp_path: Path) -> None:
    """The statements of the schema are split by hand: none is lost."""
    with opened(tmp_path / "x.db") as database, database.reading() as connection:
        made = {
            row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")
        }
    written = set(
        re.findall(r"^CREATE (?:VIRTUAL )?(?:TABLE|INDEX|VIEW) (\w+)", schema._TABLES, re.MULTILINE)
    )
    assert written <= made
    assert {name for name, _, _ in schema._TRIGGERS} <= made


# ----------------------------------------------------------------------------------------- users and projects


GOOD = "correct horse"


def test_passwords_are_hashed(database: Database) -> None:
    assert not database.read(has_users)
    database.write(add_user, "ada", "correct horse")
    assert database.read(has_users)
    passwords = Passwords(database)
    assert [
        passwords.check(*pair)
        for pair in [
            ("ada", "correct horse"),
            ("ada", "correct hors"),
            ("ada", ""),
            ("ada", "correct horse\0"),
            ("bob", "correct horse"),
            ("a b", "x"),
        ]
    ] == [
        True,
        False,
        False,
        False,
        False,
        False,
    ]
    database.close()
    dump = database.path.read_bytes()
    assert b"ada" in dump
    assert b"horse" not in dump
    assert b"horse".hex().encode() not in dump.lower()


def test_a_right_password_is_hashed_once_until_it_changes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    scrypt = users._scrypt

    def counted(password: str, salt: bytes, cost: int) -> bytes:
        hashed.append(password)
        return scrypt(password, salt, cost)

    monkeypatch.setattr(users, "_scrypt", counted)
    database.write(add_user, "ada", "number one")
    hashed.clear()
    passwords = Passwords(database)
    for _ in range(20):
        assert passwords.check("ada", "number one")
    assert hashed == ["number one"]
    # A wrong one takes its time, each time; and one of nobody's takes as long.
    for _ in range(2):
        assert not passwords.check("ada", "number two")
        assert not passwords.check("nobody", "number two")
    assert hashed == ["number one", *["number two"] * 4]
    with opened(database.path) as other:
        other.write(add_user, "ada", "number two")
    assert not passwords.check("ada", "number one")
    assert passwords.check("ada", "number two")


def test_of_many_right_passwords_the_last_ones_used_are_remembered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_REMEMBERED", 2)
    passwords = Passwords(database)
    for name in ("ada", "bob", "eve"):
        database.write(add_user, name, GOOD)
    for name in ("ada", "bob", "ada", "eve"):
        assert passwords.check(name, GOOD)
    remembered = [name for name in ("ada", "bob", "eve") if passwords.is_remembered(name, GOOD)]
    assert remembered == ["ada", "eve"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", GOOD),
        ("a b", GOOD),
        ("a/b", GOOD),
        ("x" * 65, GOOD),
        ("master", GOOD),
        ("ä", GOOD),
        ("ada\n", GOOD),
        ("ada", ""),
        ("ada", "x"),
        ("ada", "seven77"),
        ("ada", "long enough\0"),
        ("ada", "long\0enough"),
        ("ada", "aaaaaaaaaa"),
        ("Ada-Lovelace", "ada-lovelace"),
        ("ada", "long" * 300),
    ],
)
def test_users_need_legal_names_and_a_password(database: Database, name: str, password: str) -> None:
    with pytest.raises(LocalServerError):
        database.write(add_user, name, password)
    assert not database.read(has_users)


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
def test_projects_need_legal_names(database: Database, owner: str, project: str) -> None:
    with pytest.raises(LocalServerError):
        database.write(create_project, owner, project, SETTINGS)
    assert database.read(list_projects) == []


def test_a_project_is_created_once(database: Database) -> None:
    database.write(create_project, "local", "p", SETTINGS)
    database.write(create_project, "other", "p", SETTINGS)
    with pytest.raises(LocalServerError, match="exists already"):
        database.write(create_project, "local", "p", SETTINGS)
    assert database.read(list_projects) == [("local", "p"), ("other", "p")]


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


# ------------------------------------------------------------------------------------------ integrity at once


def test_removing_documents_leaves_nothing_behind(database: Database) -> None:
    database.write(create_project, "local", "p", SETTINGS)
    own = '{"entities":[{"classId":"e_1","part":"s1v1","offsets":[{"start":0,"text":"x"}]}]}'
    files = [UploadedFile("a.txt", b"x"), UploadedFile("a.ann.json", own.encode())]
    upload(database, "local", "p", read_uploads(files, "default-plus-annjson"))
    connection = sqlite3.connect(database.path)

    def rows() -> list[int]:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("documents", "contents", "versions", "entities")
        ]

    assert rows() == [1, 1, 1, 1]
    assert delete(database, "local", "p", "*") == 1
    assert rows() == [0, 0, 0, 0]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_threads_write_at_once(database: Database) -> None:
    database.write(create_project, "local", "p", SETTINGS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store_text(database, f"{number}.txt", f"text {number}"), range(40)))
    assert find(database, "local", "p", "*").total == 40


_WRITER = """
import sys
from pathlib import Path
from spacy_tagtog.server import Database
from spacy_tagtog.server.db.uploads import store_uploads
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
database = Database(Path(sys.argv[1]))
for number in range(20):
    uploads = read_uploads([UploadedFile(f"other{number}.txt", b"x")], None)
    database.write(store_uploads, "local", "p", uploads)
database.close()
"""


def test_two_processes_use_one_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with local_tagtog(path) as server:
        server.database.write(create_project, "local", "p", SETTINGS)
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
        assert find(server.database, "local", "p", "*").total == 20 + number


# ------------------------------------------------------------------------------------------------- life cycle


def test_a_local_tagtog_starts_and_ends(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with local_tagtog(tmp_path / "x.db") as server:
        assert (
            requests.get(server.url, auth=(server.username, server.password), timeout=20).status_code == 200
        )
        assert server.password not in repr(server)
        assert not server.database.read(has_users)
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=20)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)  # those of the pool are told to end, and nobody waits for them
        assert not thread.is_alive(), thread


def test_a_local_tagtog_loads_no_more_than_it_needs() -> None:
    """What takes seconds to import would make every command wait."""
    slow = ("spacy", "numpy", "typer", "pypdf")
    code = f"import sys, spacy_tagtog.server; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_local_tagtog_ends_when_its_block_raises(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="from the block"), local_tagtog(tmp_path / "x.db") as server:
        raise KeyError("from the block")
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=20)
    with pytest.raises(LocalServerError, match="closed"):
        server.database.read(list_projects)


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
        first.database.write(create_project, "local", "p", SETTINGS)
        assert second.database.read(list_projects) == [("local", "p")]
        assert requests.get(second.url, auth=(first.username, first.password), timeout=20).status_code == 401


def test_a_database_that_cannot_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    foreign(tmp_path / "x.db")
    with pytest.raises(LocalServerError, match="isn't a database"), local_tagtog(tmp_path / "x.db"):
        pass


_SERVE = """
import sys
from pathlib import Path
from spacy_tagtog.server import Database, add_user, serve
database = Database(Path(sys.argv[1]))
database.write(add_user, "ada", "correct horse")
database.close()
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
    assert requests.get(url, auth=("ada", "correct horse"), timeout=20).status_code == 200
    assert requests.get(url, auth=("ada", "wrong"), timeout=20).status_code == 401
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("ended\n", "a login failed: user 'ada' from 127.0.0.1\n", 0)


def test_serving_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
        with pytest.raises(LocalServerError, match="other computers"):
            serve(path, host=host)
    assert not path.exists()
    with pytest.raises(LocalServerError, match="no user"):
        serve(path)
    database = Database(path)
    database.write(add_user, "ada", "correct horse")
    database.close()
    with pytest.raises(LocalServerError, match="address can't be used"):
        serve(path, host="no.such.host.invalid", allow_remote=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServerError, match="can't listen") as caught:
            serve(path, port=port)
    assert caught.value.value == f"127.0.0.1:{port}"


def test_the_application_never_shows_its_insides(database: Database) -> None:
    assert make_app(database).debug is False
