"""The local tagtog with few and with many documents, and how fast documents get in.

Everything goes over HTTP, with a server process each.

    python benchmarks/server.py [--small 1000] [--large 100000] [--calls 60] [--batch 200] [--folder FOLDER]

With a folder the databases are kept in it, and used again the next time.

In each round the small and the large server take their turn, call by call, and ratios are those of the
medians, so that a load that comes and goes
meets both. The processor time of the servers is given, too: it doesn't depend on what else the computer does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import requests

WORDS = 60
SETTINGS = {
    "version": "1.6",
    "entities": {"e_1": {"id": "e_1", "name": "Gene"}},
    "metas": {"m_1": {"id": "m_1", "name": "topic"}},
}


class Server:
    """A local tagtog in a process of its own."""

    def __init__(self, folder: Path) -> None:
        from spacy_tagtog.server import Database, add_user, create_project

        folder.mkdir(exist_ok=True)
        database = folder / "x.db"
        self.is_filled = database.exists()
        if not self.is_filled:
            made = Database(database)
            made.write(add_user, "local", "benchmark", admin=True)
            made.write(create_project, "local", "p", SETTINGS)
            made.close()
        command = [sys.executable, "-m", "spacy_tagtog", "serve", "--port", "0", "--database", str(database)]
        self.process = subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = ""
        while not self.url:
            line = self.process.stdout.readline()
            found = re.search(r"http://\S+", line)
            self.url = found[0] if found else ""
            if not line:
                raise SystemExit("the server doesn't start")
        self.address = f"{self.url}/-api/documents/v1"
        self.query = {"owner": "local", "project": "p"}
        self.session = self.connect()

    def connect(self) -> requests.Session:
        """A session of its own for a thread."""
        session = requests.Session()
        session.auth = ("local", "benchmark")
        session.trust_env = False
        return session

    def cpu(self) -> float:
        """Seconds of processor time that the process has used: its threads' own, to the nanosecond."""
        times = [
            Path(task, "schedstat").read_text().split()[0]
            for task in Path(f"/proc/{self.process.pid}/task").iterdir()
        ]
        return sum(map(int, times)) / 1e9

    def get(self, **query: Any) -> requests.Response:
        """A call that asks."""
        answer = self.session.get(self.address, params={**self.query, **query}, timeout=600)
        answer.raise_for_status()
        return answer

    def post(
        self,
        files: list[tuple[str, tuple[str, bytes]]],
        session: requests.Session | None = None,
        **query: Any,
    ) -> list[dict[str, Any]]:
        """A call that imports. Returns: its items."""
        answer = (session or self.session).post(
            self.address, params={**self.query, "output": "null", **query}, files=files, timeout=600
        )
        answer.raise_for_status()
        return answer.json()["items"]

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def texts(number: int, seed: int = 0) -> Iterator[str]:
    """Texts of words whose frequencies follow Zipf's law, with one word each that no other has."""
    rng = random.Random(seed)
    vocabulary = [f"{rng.choice('bcdfgklmnprst')}{rng.choice('aeiou')}{rank}x" for rank in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(vocabulary))]
    total, cumulative = 0.0, []
    for weight in weights:
        total += weight
        cumulative.append(total)
    for n in range(number):
        words = rng.choices(vocabulary, cum_weights=cumulative, k=WORDS)
        yield f"{' '.join(words)}, Unique{n}."


def fill(server: Server, number: int, batch: int, annotated: bool) -> tuple[float, float]:
    """Import documents. Returns: seconds, and those of processor time that the server used."""
    batches: list[list[tuple[str, tuple[str, bytes]]]] = []
    files: list[tuple[str, tuple[str, bytes]]] = []
    for n, text in enumerate(texts(number)):
        files.append(("files", (f"{n}.txt", text.encode())))
        if annotated:
            entity = {"classId": "e_1", "part": "s1v1", "offsets": [{"start": 0, "text": text.split()[0]}]}
            files.append(
                (
                    "files",
                    (
                        f"{n}.ann.json",
                        json.dumps(
                            {"anncomplete": n % 2 == 0, "entities": [entity], "metas": {}, "relations": []}
                        ).encode(),
                    ),
                )
            )
        if (n + 1) % batch == 0 or n + 1 == number:
            batches.append(files)
            files = []
    form = {"format": "default-plus-annjson"} if annotated else {}
    sessions = [server.connect() for _ in range(2)]
    started, cpu = time.perf_counter(), server.cpu()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: server.post(pair[1], sessions[pair[0] % 2], **form), enumerate(batches)))
    return time.perf_counter() - started, server.cpu() - cpu


def report_import(server: Server, number: int, batch: int, what: str) -> None:
    """Import documents, and print how fast that was."""
    seconds, cpu = fill(server, number, batch, annotated=what == "pairs")
    print(
        f"import of {number} {what}: {number / seconds:.0f} documents/s, "
        f"{cpu / number * 1e6:.0f} us of the server's processor time each",
        flush=True,
    )


def operations(
    server: Server, number: int
) -> tuple[dict[str, Callable[[int], object]], Callable[[int], object]]:
    """What is measured, name to a function of the number of the call; and what saves a document."""
    rng = random.Random(1)
    pages = -(-number // 50)
    some = [
        hit["id"]
        for page in (0, pages // 2, pages - 1)
        for hit in server.get(search="*", page=page).json()["docs"]
    ]
    kept = {
        docid: (
            server.get(ids=docid, output="plain.html").content,
            server.get(ids=docid, output="ann.json").json(),
        )
        for docid in some[::5]
    }
    every = list(kept.items())

    def save(n: int) -> object:
        docid, (html, ann) = every[n % len(every)]
        changed = {**ann, "anncomplete": n % 3 == 0, "note": rng.random()}
        files = [
            ("files", (f"{docid}.plain.html", html)),
            ("files", (f"{docid}.ann.json", json.dumps(changed).encode())),
        ]
        return server.post(files, format="anndoc")

    rare = [
        text
        for _, ann in kept.values()
        if (text := ann["entities"][0]["offsets"][0]["text"]) and int(re.findall(r"[0-9]+", text)[0]) > 500
    ]

    def search(query: str, page: int = 0) -> Callable[[int], object]:
        def call(n: int) -> object:
            # Another query each time, where it can be: what was found before would be known.
            asked = (
                query.replace("{n}", str(n * 7919 % number))
                .replace("{m}", str(100 + n * 37 % 800))
                .replace("{rare}", rare[n % len(rare)])
            )
            return server.get(search=asked, page=page).json()["docs"]

        return call

    operations = {
        "search page: *": search("*"),
        "search page: *, the middle page": search("*", pages // 2),
        "search page: *, the last page": search("*", pages - 1),
        "search page: folder:pool AND anncomplete:false": search("folder:pool AND anncomplete:false"),
        "search page: a word of one document": search("Unique{n}"),
        "search page: a phrase of one document": search('"x Unique{n}" OR "Unique{n}."'),
        "search page: filename:": search("filename:{n}.txt"),
        "search page: an entity's term": search("entity:Gene:{rare}"),
        "search page: fuzzy, Unique500~0.8": search("Unique{m}~0.8"),
        "search page: wildcard first, *ue500": search("*ue{m}"),
        "read: ann.json": lambda n: server.get(ids=some[n % len(some)], output="ann.json").content,
        "read: plain.html": lambda n: server.get(ids=some[n % len(some)], output="plain.html").content,
        "save: pair of plain.html and ann.json": save,
    }
    # What finds a great part of the documents: the first page after a save, and a page when nothing changed
    # meanwhile.
    for query in (
        "updated:[NOW-1DAY TO NOW]",
        "count_e_1:1 AND anncomplete:true",
        "entity:Gene",
        "lo0x",
        "pi50x",
        "lo0x AND bi1x",
        "pi50x AND anncomplete:false",
        "pi50x OR entity:Gene:lo0x",
        "NOT lo0x",
    ):
        found = server.get(search=query).json()["totalFound"] / number
        operations[f"{query} ({found:.0%}), after a save"] = search(query)
        operations[f"{query} ({found:.0%}), the next page"] = search(query, 1)
    return operations, save


def milliseconds(server: Server, operation: Callable[[int], object], n: int) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    operation(n)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    import sqlite3

    names = ("starlette", "uvicorn", "python-multipart", "luqum", "lxml", "rapidfuzz")
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
    )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(scratch)
        servers = []
        for name, number in (("small", arguments.small), ("large", arguments.large)):
            server = Server(folder / name)
            stack.callback(server.stop)
            if not server.is_filled:
                report_import(server, number, arguments.batch, "pairs")
            servers.append(server)
        if not all(server.is_filled for server in servers):
            plain = Server(Path(scratch, "plain"))
            stack.callback(plain.stop)
            report_import(plain, min(10_000, arguments.large), arguments.batch, "texts")
        print(f"load {os.getloadavg()[0]:.1f}\n")
        small, large = servers
        head = (
            f"{'median milliseconds':54}{arguments.small:>9}{arguments.large:>9}   ratio"
            "    the server's processor time, and its ratio"
        )
        print(head)
        (ones, save_one), (others, save_other) = (
            operations(small, arguments.small),
            operations(large, arguments.large),
        )
        for (name, one), other in zip(ones.items(), others.values(), strict=True):
            is_changed = name.endswith("after a save")
            calls = max(5, arguments.calls // 3) if is_changed else arguments.calls
            for n in range(3):
                one(n), other(n)
            times: dict[str, list[float]] = {"small": [], "large": []}
            spent: dict[str, list[float]] = {"small": [], "large": []}
            for n in range(calls):
                for key, server, operation, change in (
                    ("small", small, one, save_one),
                    ("large", large, other, save_other),
                ):
                    if is_changed:
                        change(n)
                    before = server.cpu()
                    times[key].append(milliseconds(server, operation, n))
                    spent[key].append((server.cpu() - before) * 1000)
            medians = {key: statistics.median(values) for key, values in times.items()}
            ratio = medians["large"] / medians["small"]
            each = {key: statistics.median(values) for key, values in spent.items()}
            cpu = f"{each['small']:9.2f}{each['large']:9.2f}{each['large'] / each['small']:8.2f}"
            print(f"{name:54}{medians['small']:9.2f}{medians['large']:9.2f}{ratio:8.2f}    {cpu}", flush=True)
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
