"""Several writers at once on the local tagtog, and a server that is killed.

No lost update, no half document.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from faults import server_kills
from local_api import LEGEND, People, annotated, entity

from spacy_tagtog.anndoc import Document, html_from_text
from spacy_tagtog.client import TagtogClient, push
from spacy_tagtog.errors import ClientError
from spacy_tagtog.server import (
    Database,
    LocalTagtog,
    add_user,
    create_project,
    local_tagtog,
    settings_from_legend,
)

TEXT = "Ada in London"
ADA = entity("e_1", 0, "Ada")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path / "x.db") as running:
        yield running


@pytest.fixture
def people(server: LocalTagtog) -> Iterator[People]:
    made = People(server, "p", roles=("supercurator", "reviewer", "admin"))
    yield made
    made.close()


def numbers(people: People, docid: str, member: str) -> list[int]:
    """The numbers that the saves of a version carry, the first one first."""
    entries = people.call("local", "GET", "/-local/history", docid=docid, member=member).json()["history"]
    saves = [
        people.call("local", "GET", "/-local/history/version", docid=docid, id=one["id"]).json()
        for one in entries
    ]
    return [save["number"] for save in saves[::-1]]


def test_every_save_of_several_writers_is_there(people: People) -> None:
    docid = people.save(TEXT, annotated(number=-1))
    users = ("supercurator", "reviewer", "admin", "owner")

    def write(number: int) -> None:
        user = users[number]
        for turn in range(6):
            people.save(
                TEXT, annotated(*[ADA] * (turn % 3), number=10 * number + turn), name=docid, user=user
            )
            people.save(TEXT, annotated(number=turn, complete=True), name=docid, user=user, member=user)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    saved = numbers(people, docid, "master")
    assert sorted(saved[1:]) == sorted(10 * number + turn for number in range(4) for turn in range(6))
    for number in range(4):  # each writer's own saves in the order in which they were made
        assert [one for one in saved if one // 10 == number] == [10 * number + turn for turn in range(6)]
    master = people.ann(docid).json()
    assert master["number"] == saved[-1]
    assert [hit["id"] for hit in people.docs(f"count_e_1:{len(master['entities'])}")] == [docid]
    for user in users:
        assert numbers(people, docid, user) == list(range(6))
    assert people.docs()[0]["members_anncomplete"] == sorted(users)


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from local_api import annotated, entity
from spacy_tagtog.server import Database
from spacy_tagtog.server.db.history import Author
from spacy_tagtog.server.db.uploads import store_uploads
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
database = Database(Path(sys.argv[1]))
for number in range(100, 120):
    own = annotated(*[entity("e_1", 0, "Ada")] * (number % 3), number=number)
    contents = {"x.plain.html": sys.argv[3], "x.ann.json": own.dumps()}
    files = [UploadedFile(name, content.encode()) for name, content in contents.items()]
    database.write(store_uploads, "owner", "p", read_uploads(files, "anndoc"), author=Author("other"))
database.close()
"""


def test_two_processes_save_the_same_document(people: People) -> None:
    docid = people.save(TEXT, annotated(number=-1))
    html = people.call("local", "GET", "documents/v1", ids=docid, output="plain.html").text
    html = html.replace(' id="x"', f' id="{docid}"')
    arguments = [str(people.server.database.path), str(Path(__file__).parents[1]), html]
    other = subprocess.Popen([sys.executable, "-c", _WRITER, *arguments], stderr=subprocess.PIPE, text=True)
    number = 0
    while other.poll() is None or number < 10:
        people.save(TEXT, annotated(number=1000 + number), name=docid)
        number += 1
    assert other.communicate()[1] == ""
    assert len(people.docs()) == 1
    saved = numbers(people, docid, "master")
    assert [one for one in saved if 100 <= one < 1000] == list(range(100, 120))
    assert [one for one in saved if one >= 1000] == list(range(1000, 1000 + number))
    assert people.ann(docid).json()["number"] == saved[-1]


def test_the_same_new_document_from_several_clients_is_one(people: People) -> None:
    def upload(_: int) -> str:
        return json.dumps(
            people.call("admin", "POST", "documents/v1", data={"text": "the same"}, output="null").json()[
                "items"
            ][0]
        )

    with ThreadPoolExecutor(6) as pool:
        items = [json.loads(item) for item in pool.map(upload, range(12))]
    assert len({item["docid"] for item in items}) == 1
    assert sorted(item["result"] for item in items) == ["created"] + ["updated"] * 11
    assert len(people.docs()) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals and fork")
def test_a_killed_server_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    outcome = server_kills.run(tmp_path, 20, seed=0)
    assert outcome.problems == []
    assert outcome.kills == 20
    assert outcome.answered >= 20
    assert outcome.saves > outcome.documents > 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_full_disk_stops_writing_and_nothing_else(tmp_path: Path, subprocess_env: dict[str, str]) -> None:
    """The server's process may write no more.

    What it answered stays, what it refused isn't there, and with space again a push ends its work.
    """
    import resource

    path = tmp_path / "x.db"
    database = Database(path)
    database.write(add_user, "owner", "correct horse", admin=True)
    database.write(create_project, "owner", "p", settings_from_legend(LEGEND))
    database.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "spacy_tagtog", "serve", "--port", "0", "--database", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=subprocess_env,
    )
    try:
        assert process.stdout is not None
        url = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        size = path.stat().st_size + 300_000  # neither the database nor its journal may grow beyond
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        documents = []
        for number in range(60):
            html = html_from_text(f"{number} " + "Ada in London. " * 1000, filename=f"{number}.txt")
            documents.append(Document(str(html.id), html, {"master": annotated()}, legend=LEGEND))
        with TagtogClient(url, username="owner", password="correct horse", project="p", threads=2) as client:
            with pytest.raises(ClientError) as caught:
                push(client, documents, batch_size=3)
            assert ("no space" in str(caught.value)) or sys.version_info < (3, 11)
            done = caught.value.report.created  # type: ignore[attr-defined]
            there = [hit.id for hit in client.search()]
            assert sorted(there) == sorted(done)
            assert 0 < len(done) < len(documents)
            resource.prlimit(
                process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            report = push(client, documents, batch_size=3)
            assert sorted(report.unchanged) == sorted(done)
            assert sorted([*report.created, *report.unchanged]) == sorted(doc.id for doc in documents)
            assert [client.text(doc.id) for doc in documents] == [doc.html.text for doc in documents]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


_ON_A_SMALL_DISK = """
import os, sys, threading
from pathlib import Path
from spacy_tagtog.server import Database, add_user, create_project, serve, settings_from_legend
from spacy_tagtog.anndoc import Legend
folder = Path(sys.argv[1])
database = Database(folder / "x.db")
database.write(add_user, "owner", "correct horse", admin=True)
database.write(create_project, "owner", "p", settings_from_legend(Legend({"e_1": "Person"})))
database.close()

def fill(url):
    print(url, flush=True)
    threading.Thread(target=wait, daemon=True).start()

def wait():
    sys.stdin.readline()
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            print("full", flush=True)

serve(folder / "x.db", port=0, ready=fill)
"""


def _mounts() -> bool:
    """Whether this user may have a file system of its own."""
    return (
        sys.platform == "linux"
        and subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True
        ).returncode
        == 0
    )


@pytest.mark.skipif(not _mounts(), reason="needs user namespaces")
def test_on_a_full_disk_documents_can_be_deleted(tmp_path: Path, subprocess_env: dict[str, str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shell = 'mount -t tmpfs -o size=96m none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", shell, "sh"]
    process = subprocess.Popen(
        [*command, str(disk), sys.executable, _ON_A_SMALL_DISK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=subprocess_env,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        session = requests.Session()
        session.auth = ("owner", "correct horse")
        session.params = {"owner": "owner", "project": "p", "output": "null"}
        address = f"{url}/-api/documents/v1"

        def upload(name: str) -> int:
            text = f"{name} " + "Ada in London. " * 20_000
            return session.post(
                address, params={"filename": name}, data={"text": text}, timeout=60
            ).status_code

        assert [upload(f"{number}.txt") for number in range(8)] == [200] * 8
        process.stdin.write("fill\n")
        process.stdin.flush()
        assert process.stdout.readline() == "full\n"
        while upload("more.txt") != 507:  # what SQLite has left is used up, too
            pass
        for name in ("0.txt", "1.txt"):  # more than once
            answer = session.delete(address, params={"search": f"filename:{name}", "output": ""}, timeout=60)
            assert (answer.status_code, answer.text) == (200, "1")
        # What was deleted makes room.
        assert upload("new.txt") == 200
        session.close()
    finally:
        process.terminate()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()
