"""A simulated team that turns the loop: it reviews over tagtog's real HTTP API, by a corpus' gold.

    python benchmarks/team.py PROJECT WORK [--start 20] [--batch 20] [--rounds 6] [--overlook 0.03]
        [--anchor 0.2] [--strategy NAME] [--seed 0]

Some documents of the project are confirmed at the start; the others wait, without annotations. In each round
the loop trains, proves, annotates, ranks and pushes. Then the team confirms the first documents of the queue.
A member makes them as the gold has them, but for mistakes: an entity that wasn't suggested is overlooked with
the probability ``--overlook``, and a wrong suggestion is left as it is with the probability ``--anchor``.

It prints a row per round, and leaves the loop in WORK/loop: ``spacy-tagtog loop report report.html --folder
WORK/loop``.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from spacy_tagtog import client
from spacy_tagtog.anndoc import Annotations, Document, Project
from spacy_tagtog.loop import Loop, LoopSettings
from spacy_tagtog.loop.report import report_of
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection
from spacy_tagtog.steps.projects import create_local_project

NAME = "team"


def key(entity: dict[str, Any]) -> tuple[str, str, int, str]:
    """What makes two entities the same: type, part, place and text."""
    first = entity["offsets"][0]
    return entity["classId"], entity["part"], first["start"], first["text"]


def without_annotations(document: Document) -> Document:
    """The document before anybody annotated it."""
    empty = Annotations.empty(document.annotations.annotatable)
    return Document(document.id, document.html, {"master": empty}, folder="pool", legend=document.legend)


def in_pool(document: Document) -> Document:
    """The document in the folder that every project has."""
    return Document(document.id, document.html, document.versions, folder="pool", legend=document.legend)


def reviewed(
    shown: Document, gold: Document, rng: random.Random, overlook: float, anchor: float, who: str
) -> Document:
    """What a member makes of a document that is shown."""
    right = {key(entity): entity for entity in gold.annotations.data["entities"]}
    suggested = list(shown.annotations.data["entities"])
    kept = [one for one in suggested if key(one) in right]
    left = [one for one in suggested if key(one) not in right and rng.random() < anchor]
    known = {key(one) for one in kept}
    added = [one for place, one in right.items() if place not in known and rng.random() >= overlook]
    data = {
        **shown.annotations.data,
        "entities": [*kept, *left, *added],
        "anncomplete": True,
        "relations": [],
    }
    for entity in data["entities"]:
        entity["confidence"] = {"state": "", "who": [f"user:{who}"], "prob": 1}
    return Document(shown.id, shown.html, {"master": Annotations(data)}, folder="pool", legend=shown.legend)


def main() -> None:
    """Turn the loop and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("work", type=Path)
    for name, default in (("start", 20), ("batch", 20), ("rounds", 6), ("pool", 400), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--overlook", type=float, default=0.03)
    parser.add_argument("--anchor", type=float, default=0.2)
    parser.add_argument("--strategy", default="")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    project = Project.open(asked.project, strict=False)
    ids = [doc_id for doc_id in project.ids if project[doc_id].annotations.complete]
    rng.shuffle(ids)
    ids = ids[: asked.start + asked.pool]
    asked.work.mkdir(parents=True)
    where = ConnectionSettings(project=NAME, database=asked.work / "tagtog.db", owner="local")
    begun, waiting = ids[: asked.start], ids[asked.start :]
    with open_connection(where, create=True) as tagtog:
        create_local_project(tagtog, project.legend, ["pool"])
        for doc_id in begun:
            project[doc_id].annotations.data["relations"] = []
        documents = [project[doc_id] for doc_id in begun]
        documents += [without_annotations(project[doc_id]) for doc_id in waiting]
        client.push(
            tagtog.client,
            [Document(d.id, d.html, d.versions, folder="pool", legend=d.legend) for d in documents],
        )
    settings = LoopSettings(
        components="ner", model="seed", strategy=asked.strategy, seed=asked.seed, on_problem="report"
    )
    loop = Loop(asked.work / "loop", settings, project=NAME, database=where.database, owner="local")
    print("| round | confirmed | edits | current model | F of the new one | what the gate said |")
    print("|---:|---:|---:|---:|---:|---|")
    edits = 0
    for number in range(asked.rounds):
        record = loop.round()
        changes: Any = record.results.get("changes") or {}
        edits += (changes.get("edits") or {}).get("total", 0)
        row = report_of(loop.folder).models[-1]
        cells = (record.number, record.confirmed, edits, record.current, f"{row.f:.1f}", row.reason)
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        if number + 1 == asked.rounds:
            break
        queue = read_ranking(loop.folder / "ranking.json").ids[: asked.batch]
        with open_connection(where) as tagtog:
            done = [
                reviewed(
                    tagtog.client.document(doc_id),
                    project[doc_id],
                    rng,
                    asked.overlook,
                    asked.anchor,
                    f"m{number % 3}",
                )
                for doc_id in queue
            ]
            client.push(tagtog.client, done)


if __name__ == "__main__":
    main()
