"""How quick the search in a large dictionary is, over HTTP on a real local tagtog, and what loading it takes.

    python benchmarks/dictionary.py [--names 1000000] [--queries 500]

Names are made of parts that many names share, such as "zinc finger", so that every part of a name is
frequent. "Processor" is the time that a search costs a computer with nothing else to do, client and HTTP
included. Queries are beginnings, parts and whole names of entries, ids, and what no entry has.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import LocalTagtog, create_project, local_tagtog, settings_from_legend

PARTS = (
    *("pro", "tein", "kin", "ase", "re", "cep", "tor", "gen", "al", "pha", "be", "ta", "gam", "ma", "homeo"),
    *("factor ", "box ", "zinc ", "finger ", "domain ", "contain", "ing ", "solute ", "carrier ", "family "),
    *("member ", "ribo", "somal "),
)


def names(number: int, chance: random.Random) -> Iterator[str]:
    """Names of genes, more or less."""
    for _ in range(number):
        parts = "".join(chance.choices(PARTS, k=chance.randint(2, 7)))
        yield f"{parts.strip()} {chance.randint(1, 999)}"


def queries(lines: list[str], number: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    """What kind of search, and what is searched."""
    for _ in range(number):
        entry_id, name = chance.choice(lines).split("\t")
        start = chance.randrange(len(name) // 2)
        yield "1 or 2 letters", name[: chance.randint(1, 2)]
        yield "3 letters of it", name[start : start + 3]
        yield "the beginning", name[: chance.randint(4, 12)]
        yield "a part", name[start : start + chance.randint(4, 15)]
        yield "the whole name", name
        yield "the id", entry_id
        yield "two parts that rarely meet", f"{name[start:]} {''.join(chance.choices(PARTS, k=2))}"


def load(database: Path, source: Path) -> None:
    """Load the file, and say what it took."""
    with steps.connect(project="genes", owner="local", database=database) as tagtog:
        start, worked = time.perf_counter(), time.process_time()
        loaded = steps.load_dictionary(tagtog, "HGNC", source)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = database.stat().st_size / 2**20
    print(f"{loaded}: {seconds:.0f} s ({worked:.0f} s of a processor), {memory} MiB of memory at most")
    print(f"the database: {size:.0f} MiB")


def ask(server: LocalTagtog, lines: list[str], number: int) -> None:
    """Search, and say how long it takes."""
    taken: dict[str, list[tuple[float, float]]] = {}
    with requests.Session() as session:
        session.auth = (server.username, server.password)
        for kind, query in queries(lines, number, random.Random(2)):
            params = {"owner": "local", "project": "genes", "dictionary": "n_2", "search": query}
            start, worked = time.perf_counter(), time.process_time()
            answer = session.get(f"{server.url}/-local/dictionary", params=params, timeout=60)
            taken.setdefault(kind, []).append((time.perf_counter() - start, time.process_time() - worked))
            answer.raise_for_status()
    for kind, times in taken.items():
        figures = "; ".join(
            f"{what}: median {statistics.median(some) * 1000:5.1f}, "
            f"p95 {statistics.quantiles(some, n=20)[-1] * 1000:5.1f}, at most {max(some) * 1000:5.1f} ms"
            for what, some in zip(("clock", "processor"), zip(*times, strict=True), strict=True)
        )
        print(f"{kind:27} {figures}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200, help="Of each kind.")
    parser.add_argument("--again", action="store_true", help="Load it a second time, over the first.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, database = Path(folder, "genes.tsv"), Path(folder, "tagtog.db")
        with source.open("w", encoding="utf-8") as file:
            for number, name in enumerate(names(given.names, random.Random(1))):
                file.write(f"HGNC:{number}\t{name}\n")
        with local_tagtog(database) as server:
            server.database.write(
                create_project, "local", "genes", settings_from_legend(Legend({"e_1": "Gene"}))
            )
        load(database, source)
        if given.again:
            load(database, source)
        with source.open(encoding="utf-8") as file:
            lines = [line.rstrip("\n") for number, line in enumerate(file) if number % 100 == 0]
        with local_tagtog(database) as server:
            ask(server, lines, given.queries)
        start, worked = time.perf_counter(), time.process_time()
        steps.delete_project("genes", owner="local", database=database, force=True)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        print(f"deleting the project: {seconds:.0f} s ({worked:.0f} s of a processor)")


if __name__ == "__main__":
    main()
