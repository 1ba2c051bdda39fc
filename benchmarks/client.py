"""Speed of the client where every call takes 30 ms longer: several calls at once, and one after the other.

    python benchmarks/client.py [--documents 1000] [--delay 0.03] [--rounds 3] [--threads 12]

A local tagtog and a wire that delays each request run in processes of their own; both contenders use the same
client and kept-alive connections,
"one after the other" with ``threads=1``. A push looks at each document before it is sent, in batches of 20;
"naive" pushes one document a call
after looking at it, as a script with one session would. Each round takes all contenders in turn; ratios are
taken within a round.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Document

SERVER = """
import json, sys
from pathlib import Path
from urllib.parse import urlsplit
from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import create_project, local_tagtog, settings_from_legend
with local_tagtog(Path(sys.argv[1])) as local:
    for number in range(int(sys.argv[2])):
        settings = settings_from_legend(Legend({"e_1": "Person"}))
        local.database.write(create_project, "local", f"p{number}", settings)
    print(json.dumps([local.url, local.username, local.password]), flush=True)
    sys.stdin.read()
"""
# A wire that is 30 ms long: what the client sends arrives so much later. Nothing is parsed, so it costs next
# to no time of its own.
WIRE = """
import asyncio, sys
host, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
async def pump(reader, write, close):
    try:
        while data := await reader.read(1 << 16):
            write(data)
    except OSError:
        pass
    close()
async def serve(reader, writer):
    far_reader, far_writer = await asyncio.open_connection(host, port)
    loop = asyncio.get_running_loop()
    asyncio.ensure_future(pump(far_reader, writer.write, writer.close))
    await pump(
        reader,
        lambda data: loop.call_later(delay, far_writer.write, data),
        lambda: loop.call_later(delay, far_writer.close),
    )
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


def documents(number: int) -> list[Document]:
    """Documents of about 1,500 characters with 15 entities."""
    from spacy_tagtog.anndoc import Annotations, Document, Legend, confidence, html_from_text

    legend = Legend({"e_1": "Person"})
    made: list[Document] = []
    for one in range(number):
        text = " ".join(
            f"Ann {one}.{sentence} went from here to there, and nobody knows what she was looking for."
            for sentence in range(17)
        )
        html = html_from_text(text, filename=f"{one:05}.txt")
        annotations = Annotations.empty(list(html.parts), complete=True)
        starts = [at for at in range(len(text)) if text.startswith("Ann", at)][:15]
        annotations.data["entities"] = [
            {
                "classId": "e_1",
                "part": "s1v1",
                "offsets": [{"start": start, "text": "Ann"}],
                "coordinates": [],
                "confidence": confidence(state="pre-added", who=["ml:bench"], prob=0.5),
                "fields": {},
                "normalizations": {},
            }
            for start in starts
        ]
        made.append(Document(str(html.id), html, {"master": annotations}, legend=legend))
    return made


def main() -> None:
    """Measure and print a table."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--documents", type=int, default=1000)
    arguments.add_argument("--delay", type=float, default=0.03)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int)
    given = arguments.parse_args()

    from spacy_tagtog._options import DEFAULT_THREADS
    from spacy_tagtog.client import TagtogClient, fetch, push

    threads = given.threads or DEFAULT_THREADS
    docs = documents(given.documents)
    folder = Path(tempfile.mkdtemp())
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder / "tagtog.db"), str(3 * given.rounds)], **pipes
    )
    url, username, password = json.loads(server.stdout.readline())
    host, port = urlsplit(url).hostname, urlsplit(url).port
    between = subprocess.Popen([sys.executable, "-c", WIRE, str(host), str(port), str(given.delay)], **pipes)
    address = between.stdout.readline().strip()

    def client(project: int, threads: int) -> TagtogClient:
        return TagtogClient(
            address,
            username=username,
            password=password,
            project=f"p{project}",
            owner="local",
            threads=threads,
            name="local",
        )

    def timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    rows: dict[str, list[float]] = {}
    try:
        for number in range(given.rounds):
            # Three projects a round: pushed naively, one call after the other, and several at once.
            naive, one, many = (3 * number + which for which in range(3))
            with client(naive, 1) as tagtog:
                rows.setdefault("push, one document a call", []).append(
                    timed(lambda: push(tagtog, docs, batch_size=1))
                )
            with client(one, 1) as tagtog:
                rows.setdefault("push, batches of 20, one call after the other", []).append(
                    timed(lambda: push(tagtog, docs))
                )
            with client(many, threads) as tagtog:
                rows.setdefault(f"push, batches of 20, {threads} calls at once", []).append(
                    timed(lambda: push(tagtog, docs))
                )
            for label, how_many in (
                ("fetch, one call after the other", 1),
                (f"fetch, {threads} calls at once", threads),
            ):
                with client(many, how_many) as tagtog:
                    target = folder / f"{number}-{how_many}"
                    rows.setdefault(label, []).append(timed(functools.partial(fetch, tagtog, target)))
                    assert len(list(target.rglob("*.ann.json"))) == given.documents
            with client(many, threads) as tagtog:
                rows.setdefault(f"fetch again, nothing changed, {threads} calls at once", []).append(
                    timed(functools.partial(fetch, tagtog, target))
                )
    finally:
        for process in (between, server):
            process.stdin.close()
            process.wait()
        shutil.rmtree(folder)

    packages = ", ".join(
        f"{name} {version(name)}" for name in ("spacy-tagtog", "requests", "urllib3", "starlette", "uvicorn")
    )
    print(
        f"{given.documents} documents, {given.delay * 1000:g} ms more for each call, {given.rounds} rounds;"
    )
    print(f"Python {platform.python_version()}, {packages}")
    print(f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| | documents/s (median) | seconds | times the throughput, round by round |\n|---|---|---|---|")
    bases = {"push": "push, one document a call", "fetch": "fetch, one call after the other"}
    for label, seconds in rows.items():
        base = rows[bases[label.partition(",")[0].split()[0]]]
        ratios = ", ".join(f"{slow / fast:.1f}" for slow, fast in zip(base, seconds, strict=True))
        print(
            f"| {label} | {given.documents / statistics.median(seconds):.0f} "
            f"| {statistics.median(seconds):.1f} | {ratios} |"
        )


if __name__ == "__main__":
    main()
