"""Kill the local tagtog with SIGKILL while several clients write, and start it again.

Nothing of what it answered may be lost, doubled or half there.

The test suite does it 20 times (``test_server.py``). For more:
``python tests/faults/server_kills.py --kills 500 --seed 1``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import requests
from local_api import LEGEND, annotated, entity
from totals import wrong_totals

from spacy_tagtog.anndoc import html_from_blocks
from spacy_tagtog.server import Database, add_user, create_project, settings_from_legend

TEXT = "Ada in London"
CLIENTS = 3
BATCH = 3

# One process imports everything, and forks a server for each round: so a round takes little more than its
# writes.
_STABLE = """
import os, sys
from pathlib import Path
from spacy_tagtog.server import serve
path = Path(sys.argv[1])
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        serve(path, port=0, ready=lambda url: print(os.getpid(), url, flush=True))
        os._exit(0)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@dataclass
class Client:
    """What one client wrote, and what the server said it has.

    Attributes:
        number: The client's number; it writes documents that no other client writes.
        tried: Document to the number of the last save that was sent.
        kept: Document to the number of the last save that was answered.
        batches: The names of the documents of each upload, and whether it was answered.
        calls: How many calls were answered.
        problem: What the server refused, which it never should.
        gone: Document to the numbers of the saves that were under way at a kill and are not there.
    """

    number: int
    tried: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    batches: list[tuple[list[str], bool]] = field(default_factory=list)
    calls: int = 0
    problem: str = ""
    gone: dict[str, set[int]] = field(default_factory=dict)

    def settle(self, name: str, saved: list[int], outcome: Outcome) -> None:
        """What was under way when the server was killed may be there or not; from now on it is known."""
        for number in range(self.kept.get(name, 0) + 1, self.tried[name] + 1):
            if number in saved:
                outcome.in_flight_kept += 1
            else:
                outcome.in_flight_gone += 1
                self.gone.setdefault(name, set()).add(number)
        if saved:
            self.kept[name] = self.tried[name]
        else:
            del self.tried[name]

    def run(self, url: str, draw: random.Random, stopped: threading.Event, answered: threading.Event) -> None:
        """Write until the server is gone."""
        with requests.Session() as session:
            session.auth = ("local", "correct horse")
            try:
                while not stopped.is_set():
                    if self.kept and draw.random() < 0.7:
                        name = draw.choice(sorted(self.kept))
                        self.save(session, url, [name], "master" if draw.random() < 0.7 else "ann")
                    else:
                        names = [f"c{self.number}-{len(self.batches)}-{number}" for number in range(BATCH)]
                        self.batches.append((names, False))
                        self.save(session, url, names, "master")
                        self.batches[-1] = (names, True)
                    answered.set()
            except requests.ConnectionError:
                pass
            except requests.exceptions.ChunkedEncodingError:
                pass

    def save(self, session: requests.Session, url: str, names: list[str], member: str) -> None:
        files = []
        for name in names:
            number = self.tried[name] = self.tried.get(name, 0) + 1
            # As many entities as saves, up to a few: so an index that doesn't belong to the version is seen.
            own = annotated(*[entity("e_1", 0, "Ada")] * (number % 5), number=number)
            html = html_from_blocks([("p", TEXT)], doc_id=name, origid=name).data
            files += [("f", (f"{name}.plain.html", html)), ("f", (f"{name}.ann.json", own.dumps().encode()))]
        query = {"owner": "local", "project": "p", "format": "anndoc", "output": "null", "member": member}
        answer = session.post(f"{url}/-api/documents/v1", params=query, files=files, timeout=20)
        if answer.status_code != 200:
            self.problem = answer.text
            raise requests.ConnectionError(answer.text)
        for name in names:
            self.kept[name] = self.tried[name]
        self.calls += 1


@dataclass
class Outcome:
    """The counts of a run."""

    kills: int = 0
    answered: int = 0
    in_flight_kept: int = 0
    in_flight_gone: int = 0
    saves: int = 0
    documents: int = 0
    problems: list[str] = field(default_factory=list)


def check(path: Path, clients: list[Client], outcome: Outcome) -> None:
    """Compare the database with what the server answered."""
    connection = sqlite3.connect(path)
    try:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        if problems != ["ok"]:
            outcome.problems.append(f"integrity: {problems}")
        if rows := connection.execute("PRAGMA foreign_key_check").fetchall():
            outcome.problems.append(f"foreign keys: {rows}")
        if wrong := wrong_totals(connection):
            outcome.problems.append(f"totals: {wrong}")
        names = Counter(row[0] for row in connection.execute("SELECT filename FROM documents"))
        history: dict[str, list[int]] = {}
        for name, data in connection.execute(
            "SELECT d.filename, b.data FROM history AS h JOIN documents AS d ON d.id = h.document_id "
            "JOIN blobs AS b ON b.id = h.blob_id ORDER BY h.id"
        ):
            history.setdefault(name, []).append(json.loads(data)["number"])
        for name, key, member, data in connection.execute(
            "SELECT d.filename, d.id, v.member, b.data FROM versions AS v "
            "JOIN documents AS d ON d.id = v.document_id "
            "LEFT JOIN blobs AS b ON b.id = v.blob_id"
        ):
            if data is None:
                outcome.problems.append(f"{name}: the version of {member} has no content")
                continue
            version = json.loads(data)
            if version["number"] not in history[name]:
                outcome.problems.append(f"{name}: the version of {member} isn't in the history")
            if member == "master":
                indexed = connection.execute(
                    "SELECT count(*) FROM entities WHERE document_id = ?", (key,)
                ).fetchone()[0]
                if indexed != len(version["entities"]):
                    outcome.problems.append(
                        f"{name}: {indexed} entities are in the index, "
                        f"{len(version['entities'])} in the version"
                    )
    finally:
        connection.close()
    for client in clients:
        for batch, answered in client.batches:
            there = [names[name] for name in batch]
            if there not in ([1] * BATCH, [0] * BATCH) or (answered and there != [1] * BATCH):
                outcome.problems.append(
                    f"{batch}: {there} of each are there, {'answered' if answered else 'not answered'}"
                )
        for name in list(client.tried):
            saved = history.get(name, [])
            if len(set(saved)) != len(saved) or saved != sorted(saved):
                outcome.problems.append(f"{name}: the history is {saved}")
            missing = set(range(1, client.kept.get(name, 0) + 1)) - set(saved) - client.gone.get(name, set())
            if missing:
                outcome.problems.append(f"{name}: the saves {sorted(missing)} were answered and aren't there")
            client.settle(name, saved, outcome)
    outcome.documents = names.total()
    outcome.saves = sum(len(saved) for saved in history.values())


def run(folder: Path, kills: int, seed: int, *, longest: float = 0.2) -> Outcome:
    """Kill the server so many times.

    Args:
        folder: Where the database is made.
        kills: How often.
        seed: What the clients write, and when the server is killed, is drawn from this.
        longest: The most seconds that a server lives after its first answer.

    Returns:
        The counts, and what was wrong.
    """
    path = folder / "x.db"
    database = Database(path)
    database.write(add_user, "local", "correct horse", admin=True)
    database.write(create_project, "local", "p", settings_from_legend(LEGEND))
    database.close()
    draw = random.Random(seed)
    clients = [Client(number) for number in range(CLIENTS)]
    outcome = Outcome()
    stable = subprocess.Popen(
        [sys.executable, "-c", _STABLE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert stable.stdin is not None
    assert stable.stdout is not None
    try:
        for _ in range(kills):
            stable.stdin.write("start\n")
            pid, url = stable.stdout.readline().split()
            stopped, answered = threading.Event(), threading.Event()
            threads = []
            for client in clients:
                own = random.Random(f"{seed} {outcome.kills} {client.number}")
                threads.append(threading.Thread(target=client.run, args=(url, own, stopped, answered)))
            for thread in threads:
                thread.start()
            answered.wait(20)
            threading.Event().wait(draw.uniform(0, longest))
            os.kill(int(pid), signal.SIGKILL)
            outcome.kills += 1
            stopped.set()
            for thread in threads:
                thread.join()
            assert stable.stdout.readline() == "ended\n"
            outcome.problems += [client.problem for client in clients if client.problem]
            check(path, clients, outcome)
            if outcome.problems:
                break
    finally:
        stable.stdin.close()
        stable.wait()
        stable.stdout.close()
    outcome.answered = sum(client.calls for client in clients)
    return outcome


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome: Any = run(Path(folder), arguments.kills, arguments.seed)
    print(outcome)
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(bool(outcome.problems))


if __name__ == "__main__":
    main()
