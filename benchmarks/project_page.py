"""How the page of a project grows with its documents.

    python benchmarks/project_page.py [--small 1000] [--large 50000] [--calls 15] [--folder FOLDER]

Everything goes over HTTP, as a browser asks. The small and the large project take their turn, call by call,
so that a load that comes and goes meets both: only the ratios of the medians mean something on a busy
computer. Before each call something is saved, so that nothing is answered from what was found before. With a
folder the databases are kept in it, and used again the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from spacy_tagtog.anndoc import Legend, confidence
from spacy_tagtog.server import LocalTagtog, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.review import Place, store_order
from spacy_tagtog.server.db.uploads import store_uploads
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads

LEGEND = Legend({"e_1": "Star", "e_2": "Person", "m_1": "topic"})
FOLDERS = [f"pool/{year}/{month}" for year in (2024, 2025) for month in range(1, 13)]
BATCH = 500
PAGES = {
    "first page, by rank": "",
    "by name": "?sort=name",
    "least sure first": "?sort=sureness",
    "changed last": "?sort=-changed",
    "to review, by name": "?state=open&sort=name",
    "a folder": "/pool/2025/3?sort=name",
    "a label": "?m_1=is:moon&sort=name",
    "waiting for me": "?mine=open&sort=name",
    "a frequent word": "?q=night&sort=name",
    "a rare word": "?q=night7",
    "two words and a filter": "?q=night+AND+Vega&state=open&sort=sureness",
    "the middle page, by name": "?sort=name&page={middle}",
}


def documents(number: int) -> Iterator[list[UploadedFile]]:
    """Files of documents with their annotations, in batches."""
    chance = random.Random(number)
    files: list[UploadedFile] = []
    for n in range(number):
        text = f"{chance.choice(['Vega', 'Mars', 'Deneb'])} rose in the night of night{n % 5000}."
        entities = [
            {
                "classId": "e_1",
                "part": "s1v1",
                "offsets": [{"start": 0, "text": text[:4]}],
                "confidence": confidence(state="pre-added", who=["ml:x"], prob=chance.uniform(0.2, 0.99)),
            }
        ]
        own: dict[str, Any] = {
            "anncomplete": n % 3 == 0,
            "entities": entities if n % 3 else [],
            "relations": [],
        }
        own["metas"] = {"m_1": {"value": chance.choice(["moon", "sun", "star"])}} if n % 2 else {}
        files.append(UploadedFile.of_text(f"note {n}.txt", text))
        files.append(UploadedFile.of_text(f"note {n}.ann.json", json.dumps(own)))
        if len(files) == 2 * BATCH:
            yield files
            files = []
    if files:
        yield files


def fill(server: LocalTagtog, number: int) -> float:
    """Make the project. Returns: the seconds that it took."""
    start = time.perf_counter()
    database = server.database
    database.write(create_project, "local", "p", settings_from_legend(LEGEND, FOLDERS))
    for batch, files in enumerate(documents(number)):
        folder = FOLDERS[batch % len(FOLDERS)]
        uploads = read_uploads(files, "verbatim-plus-annjson")
        database.write(store_uploads, "local", "p", uploads, folder=folder)
    with database.writing() as connection:
        info = read_project(connection, "local", "p")
        rows = connection.execute("SELECT id, docid FROM documents WHERE NOT anncomplete").fetchall()
        random.Random(1).shuffle(rows)
        places = (Place(row["docid"], rank, 1, {"doubtful": [1]}) for rank, row in enumerate(rows, 1))
        store_order(connection, info.key, places)
        connection.execute("INSERT INTO assignments SELECT id, 'local' FROM documents WHERE id % 2")
    return time.perf_counter() - start


@contextmanager
def running(folder: Path, number: int) -> Iterator[LocalTagtog]:
    """A server with a project of some documents."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}.db"
    is_new = not path.exists()
    with local_tagtog(path) as server:
        if is_new:
            print(f"{number} documents: imported in {fill(server, number):.0f} s", flush=True)
        yield server


def milliseconds(server: LocalTagtog, session: requests.Session, more: str) -> float:
    """The time of a page. Before it something is saved."""
    with server.database.writing():
        pass
    start = time.perf_counter()
    answer = session.get(f"{server.url}/local/p{more}", timeout=600)
    spent = time.perf_counter() - start
    answer.raise_for_status()
    return 1000 * spent


def main() -> None:
    """Measure, and print a table."""
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--large", type=int, default=50_000)
    parser.add_argument("--calls", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    sizes = arguments.small, arguments.large
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(arguments.folder or Path(scratch), size)) for size in sizes]
        sessions = []
        for server in servers:
            session = stack.enter_context(requests.Session())
            session.auth = (server.username, server.password)
            session.headers["Accept"] = "text/html"
            sessions.append(session)
        print(f"{'median milliseconds':30}{sizes[0]:>10}{sizes[1]:>10}   ratio")
        for name, more in PAGES.items():
            spent: list[list[float]] = [[], []]
            for call in range(arguments.calls + 1):
                for times, server, session, size in zip(spent, servers, sessions, sizes, strict=True):
                    one = milliseconds(server, session, more.format(middle=size // 100))
                    if call:  # the first warms up
                        times.append(one)
            small, large = map(statistics.median, spent)
            print(f"{name:30}{small:10.1f}{large:10.1f}{large / small:8.2f}", flush=True)


if __name__ == "__main__":
    main()
