"""Many reviewers save at once while the server is killed: is any edit lost, and how long do saves take?

    python benchmarks/reviewers.py [--reviewers 20] [--saves 500] [--kills 5] [--documents 10]

Several reviewers share each document and save its master version as the review page does: conditionally
(If-Match), and after a refusal they add their entity to what the other one saved. They make no pause, so
this is harder than people. At the end each document must hold each reviewer's entities, each once.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from spacy_tagtog.anndoc import Annotations, Legend, confidence, html_from_blocks
from spacy_tagtog.server import add_user, create_project, local_tagtog, settings_from_legend

TEXT = "Ada looks at Vega. " * 30
PASSWORD = "benchmark only"
CONFIDENCE = confidence(state="", who=["user:local"], prob=1.0)
PROJECT = {"owner": "local", "project": "sky"}
SERVE = """
import sys
from pathlib import Path
from spacy_tagtog.server import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]), ready=lambda url: print(url, flush=True))
"""


@dataclass
class Server:
    """A server that can be killed and started again at the same address."""

    path: Path
    port: int
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-c", SERVE, str(self.path), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline(), "the server doesn't start"

    def stop(self, how: signal.Signals) -> None:
        """End it with a signal."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.communicate()


@dataclass
class Reviewer:
    """One of those who save.

    Attributes:
        number: Who; it is the place of this reviewer's entities.
        docid: The document.
        seconds: How long each save took that was answered at once.
        merged: How often somebody else had saved meanwhile.
        lost_answers: How often the server was gone before it answered.
        refused: Answers that should never be, by status.
    """

    number: int
    docid: str
    seconds: list[float] = field(default_factory=list)
    merged: int = 0
    lost_answers: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def run(self, url: str, saves: int, saved: Callable[[], None]) -> None:
        """Add one entity with each save."""
        query = {**PROJECT, "docid": self.docid, "member": "master"}
        with requests.Session() as session:
            session.auth = ("local", PASSWORD)
            annotations, etag = read(session, url, query)
            for number in range(saves):
                while not self.has(annotations, number):
                    mine = {**annotations, "entities": [*annotations["entities"], self.entity(number)]}
                    started = time.perf_counter()
                    try:
                        answer = session.put(
                            f"{url}/-local/annotations",
                            params=query,
                            json=mine,
                            headers={"If-Match": etag},
                            timeout=60,
                        )
                    except requests.RequestException:
                        self.lost_answers += 1
                        annotations, etag = read(session, url, query)
                        continue
                    if answer.ok:
                        self.seconds.append(time.perf_counter() - started)
                        annotations, etag = mine, answer.headers["ETag"]
                    elif answer.status_code == 412:
                        self.merged += 1
                        annotations, etag = read(session, url, query)
                    else:
                        self.refused[f"{answer.status_code} {answer.text.splitlines()[0]}"] += 1
                saved()

    def entity(self, number: int) -> dict[str, Any]:
        """The entity of one of this reviewer's saves."""
        return {
            "classId": "e_1",
            "part": "s1p1",
            "offsets": [{"start": 0, "text": "Ada"}],
            "coordinates": [],
            "confidence": CONFIDENCE,
            "fields": {"f_2": {"value": f"{self.number}-{number}", "confidence": CONFIDENCE}},
            "normalizations": {},
        }

    def has(self, annotations: Any, number: int) -> bool:
        """Whether a version has the entity of a save."""
        return self.value(number) in {marks(entity) for entity in annotations["entities"]}

    def value(self, number: int) -> str:
        """What marks the entity of a save."""
        return f"{self.number}-{number}"


def read(session: requests.Session, url: str, query: dict[str, str]) -> tuple[Any, str]:
    """The stored version and its tag, as soon as a server answers."""
    while True:
        try:
            answer = session.get(f"{url}/-local/review", params=query, timeout=60)
            answer.raise_for_status()
        except requests.RequestException:
            time.sleep(0.05)
        else:
            given = answer.json()
            return given["annotations"], given["etag"]


def marks(entity: dict[str, Any]) -> str:
    """Which save an entity came with."""
    return str(entity["fields"]["f_2"]["value"])


def prepare(path: Path, documents: int) -> list[str]:
    """A project with documents. Gives their ids."""
    with local_tagtog(path) as server:
        server.database.write(add_user, "local", PASSWORD, admin=True)
        server.database.write(
            create_project, "local", "sky", settings_from_legend(Legend({"e_1": "Star", "f_2": "mark"}))
        )
        empty = Annotations.empty(["s1p1"]).dumps().encode()
        ids = []
        for number in range(documents):
            # Equal contents of one name would be one document.
            html = html_from_blocks([("p", TEXT)], doc_id="x", origid=f"{number}.txt").data
            files = [
                ("f", (f"{number}.plain.html", html)),
                ("f", (f"{number}.ann.json", empty)),
            ]
            answer = requests.post(
                f"{server.url}/-api/documents/v1",
                params={**PROJECT, "format": "anndoc", "output": "null"},
                files=files,
                auth=("local", PASSWORD),
                timeout=60,
            )
            ids.append(answer.json()["items"][0]["docid"])
    assert len(set(ids)) == documents
    return ids


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def measure(reviewers: int, saves: int, kills: int, documents: int) -> bool:
    """Run it, and print what was found. Gives whether nothing was lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagtog.db"
        ids = prepare(path, documents)
        server = Server(path, free_port())
        server.start()
        people = [Reviewer(number, ids[number % documents]) for number in range(reviewers)]
        count, more = 0, threading.Condition()

        def saved() -> None:
            nonlocal count
            with more:
                count += 1
                more.notify_all()

        threads = [
            threading.Thread(target=person.run, args=(server.url, saves, saved), daemon=True)
            for person in people
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for kill in range(1, kills + 1):
            with more:
                more.wait_for(lambda at=kill * reviewers * saves // (kills + 1): count >= at)
            server.stop(signal.SIGKILL)
            server.start()
        for thread in threads:
            thread.join()
        passed = time.perf_counter() - started

        # What the disk has, not what the server remembers.
        server.stop(signal.SIGKILL)
        server.start()
        lost = doubled = 0
        with requests.Session() as session:
            session.auth = ("local", PASSWORD)
            for docid in ids:
                annotations, _ = read(session, server.url, {**PROJECT, "docid": docid, "member": "master"})
                found = Counter(marks(entity) for entity in annotations["entities"])
                mine = [person for person in people if person.docid == docid]
                lost += len({person.value(number) for person in mine for number in range(saves)} - set(found))
                doubled += sum(number - 1 for number in found.values())
        server.stop(signal.SIGINT)
    seconds = sorted(second for person in people for second in person.seconds)
    print(f"{reviewers} reviewers, {documents} documents, {reviewers * saves:,} saves, {kills} kills")
    print(f"lost {lost}, doubled {doubled}; answers lost {sum(person.lost_answers for person in people)}")
    print(f"somebody else had saved: {sum(person.merged for person in people):,} times")
    for status, number in sum((person.refused for person in people), Counter[str]()).items():
        print(f"refused {number} times: {status}")
    p95 = seconds[int(len(seconds) * 0.95)]
    print(f"a save takes {statistics.median(seconds) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")
    print(f"{len(seconds) / passed:.0f} saves per second, {os.cpu_count()} cores")
    return not (lost or doubled)


def main() -> None:
    """Read the arguments, measure, and fail if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--saves", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--documents", type=int, default=10)
    arguments = parser.parse_args()
    if not measure(arguments.reviewers, arguments.saves, arguments.kills, arguments.documents):
        sys.exit("edits were lost or doubled")


if __name__ == "__main__":
    main()
