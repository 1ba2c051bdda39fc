"""Kill a fetching or pushing client with SIGKILL at random points, again and again.

    python tests/faults/kills.py --kills 100 --seed 1

A last, undisturbed run must end as if there had been no kill. Half of the kills come after a random time. The
others come when a random request reaches tagtog, or when tagtog has done it and hasn't answered yet. Between
the kills of a fetch, documents are changed, added, deleted and unconfirmed in tagtog.

Prints counts as JSON. The exit code is 1 if something was lost, doubled or taken for somebody's edit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.proxy import proxy
from fetched import without_times
from verbatim import LEGEND, mixed

from spacy_tagtog.anndoc import Annotations, Document, PlainHtml, Project
from spacy_tagtog.client import TagtogClient, fetch, push
from spacy_tagtog.server import Database, create_project, local_tagtog, settings_from_legend

DOCUMENTS = 40

# ---------------------------------------------------------------- the server, in a process of its own


def serve(database: Path) -> None:
    """Run a local tagtog behind a proxy that kills the processes it is told to.

    It reads orders from standard input, lines such as ``{"pid": 1, "request": 3, "when": "before"}``.
    """
    order: dict[str, Any] = {}

    def maybe_kill(when: str) -> None:
        if order.get("pid") and order["when"] == when:
            order["request"] -= 1
            if order["request"] < 0:
                with suppress(ProcessLookupError):
                    os.kill(order.pop("pid"), signal.SIGKILL)

    def plan(method: str, path: str) -> None:
        maybe_kill("before")

    with (
        local_tagtog(database) as local,
        proxy(local.url, plan=plan, passed=lambda method, path: maybe_kill("after"), delay=0.002) as between,
    ):
        print(
            json.dumps({"url": between.url, "username": local.username, "password": local.password}),
            flush=True,
        )
        for line in sys.stdin:
            order.clear()
            order.update(json.loads(line))
            print("ok", flush=True)


class Killer:
    """A server, and children of this process that talk to it until they are killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.server = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(folder / "tagtog.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout is not None
        self.address = json.loads(self.server.stdout.readline())

    def order(self, **what: Any) -> None:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps(what) + "\n")
        self.server.stdin.flush()
        self.server.stdout.readline()

    def client(self, project: str) -> TagtogClient:
        return TagtogClient(
            self.address["url"],
            username=self.address["username"],
            password=self.address["password"],
            project=project,
            owner="local",
            name="local",
        )

    def new_project(self, name: str) -> None:
        database = Database(self.folder / "tagtog.db")
        database.write(create_project, "local", name, settings_from_legend(LEGEND))
        database.close()

    def killed(self, work: Callable[[], object], seconds: float, requests: int) -> None:
        """Do something in a process that is killed, unless it is done before."""
        by_time = self.chance.random() < 0.5
        wait = self.chance.uniform(0, seconds)
        order = {"request": self.chance.randrange(requests), "when": self.chance.choice(["before", "after"])}
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.read(read, 1)
                work()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        self.order(**({} if by_time else {"pid": pid, **order}))
        os.write(write, b"x")
        timer = threading.Timer(wait, lambda: os.kill(pid, signal.SIGKILL)) if by_time else None
        if timer is not None:
            timer.start()
        _, status = os.waitpid(pid, 0)
        if timer is not None:
            timer.cancel()
            timer.join()
        os.close(read)
        os.close(write)
        self.order()
        if os.WIFSIGNALED(status):
            self.counts["killed"] += 1
            self.counts["killed by time" if by_time else f"killed {order['when']} a request"] += 1
        elif os.WEXITSTATUS(status):
            self.wrong.append("a run failed")
        else:
            self.counts["done before it was killed"] += 1

    def check(self, right: bool, what: str) -> None:
        self.counts["checks"] += 1
        if not right:
            self.wrong.append(what)

    def timed(self, work: Callable[[], object]) -> tuple[float, object]:
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result

    # ---- what is done

    def fetches(self, number: int, kills: int) -> None:
        """A folder whose fetches are killed, while tagtog goes on changing."""
        project, target = f"fetch-{number}", self.folder / f"fetch-{number}"
        self.new_project(project)
        with self.client(project) as client:
            push(client, [mixed(one) for one in range(DOCUMENTS)])
            seconds, _ = self.timed(lambda: fetch(client, self.folder / f"first-{number}"))
        new = DOCUMENTS
        for _ in range(kills):
            self.killed(lambda: self.fetch_once(project, target), seconds, 2 * DOCUMENTS + 6)
            with self.client(project) as client:
                known = sorted(hit.id for hit in client.search())
                push(client, [mixed(new), mixed(new + 1, complete=False)])
                new += 2
                client.delete_document(self.chance.choice(known))
                changed = [
                    mixed(
                        self.chance.randrange(new),
                        class_id=self.chance.choice(["e_1", "e_2"]),
                        complete=self.chance.random() < 0.8,
                    )
                ]
                push(client, changed, force=True)
        with self.client(project) as client:
            report = fetch(client, target)
            fresh = self.folder / f"fresh-{number}"
            fetch(client, fresh)
            again = fetch(client, target)
        self.check(not report.kept, f"fetch {number}: taken for an edit: {report.kept}")
        self.check(
            _tree(target) == _tree(fresh), f"fetch {number}: the folder differs from an undisturbed one"
        )
        self.check(not again.downloaded and not again.removed, f"fetch {number}: not done")
        self.check(len(Project.open(target)) == report.found, f"fetch {number}: documents are missing")

    def fetch_once(self, project: str, target: Path) -> None:
        with self.client(project) as client:
            fetch(client, target)

    def pushes(self, number: int, kills: int) -> None:
        """A project whose pushes are killed."""
        project = f"push-{number}"
        docs = [mixed(one, class_id="e_2" if one % 2 else "e_1", complete=False) for one in range(DOCUMENTS)]
        self.new_project(f"first-{number}")
        with self.client(f"first-{number}") as client:
            seconds, _ = self.timed(lambda: push(client, docs, batch_size=4))
        self.new_project(project)
        for _ in range(kills):
            self.killed(lambda: self.push_once(project, docs), seconds, DOCUMENTS + 20)
        with self.client(project) as client:
            push(client, docs, batch_size=4)
            again = push(client, docs, batch_size=4)
            hits = list(client.search())
            texts = Counter(client.text(hit.id) for hit in hits)
            self.check(len(again.unchanged) == DOCUMENTS, f"push {number}: not all of it is there")
            self.check(len(hits) == DOCUMENTS, f"push {number}: {len(hits)} documents of {DOCUMENTS}")
            self.check(
                set(texts.values()) == {1},
                f"push {number}: twice: {[text for text, times in texts.items() if times > 1]}",
            )
        with self.client(f"first-{number}") as other, self.client(project) as client:
            ours, theirs = (
                {
                    (hit.filename, hit.folder, one.text(hit.id), _content(one.annotations(hit.id)))
                    for hit in one.search()
                }
                for one in (client, other)
            )
        self.check(ours == theirs, f"push {number}: the project differs from an undisturbed one")

    def push_once(self, project: str, docs: list[Document]) -> None:
        with self.client(project) as client:
            push(client, docs, batch_size=4)

    def close(self) -> None:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()


def _content(annotations: Annotations) -> str:
    return json.dumps(annotations.data, sort_keys=True)


def _tree(target: Path) -> dict[str, Any]:
    """What a folder holds; all its contents must parse."""
    for path in target.rglob("*.plain.html"):
        PlainHtml(path.read_bytes()).parts  # noqa: B018
    return without_times(target)


def main() -> None:
    """Kill as often as was asked for, and say what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--serve", type=Path)
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument(
        "--row", type=int, default=5, help="how often one fetch or push is killed before it is let through"
    )
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    if given.serve is not None:
        serve(given.serve)
        return
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        killer = Killer(Path(folder), given.seed)
        try:
            number = 0
            while killer.counts["killed"] < given.kills and not killer.wrong:
                row = min(given.row, given.kills - killer.counts["killed"])
                if number % 2:
                    killer.pushes(number, row)
                else:
                    killer.fetches(number, row)
                number += 1
        finally:
            killer.close()
    killer.counts["series"] = number
    print(
        json.dumps({**killer.counts, "wrong": killer.wrong, "seconds": round(time.perf_counter() - start, 1)})
    )
    sys.exit(1 if killer.wrong else 0)


if __name__ == "__main__":
    main()
