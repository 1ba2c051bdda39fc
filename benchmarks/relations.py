"""How well ``seed_relations`` finds the relations of people, on documents that it did not learn from.

    python benchmarks/relations.py PROJECT [--member NAME] [--side test] [--c 0.1]

The documents are dealt out by their ids: three fifths to learn from, a fifth each for dev and test. Entities
are people's own, so that nothing but the relations is measured. All documents are taken, confirmed or not.
Beside it: every candidate (what recall can be at most), and for each entity the nearest candidates. ECE: ten
bins of equal width, over all candidates.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.split import side_of
from spacy_tagtog.pipeline.contents import all_entities
from spacy_tagtog.pipeline.seed.relation_types import RelationKey, gold_relations
from spacy_tagtog.pipeline.seed.relations import PredictedRelation

SHARES = {"dev": 0.2, "test": 0.2}


def nearest(found: list[PredictedRelation]) -> list[PredictedRelation]:
    """Of all candidates, those of which one entity has no nearer one."""

    def apart(one: PredictedRelation) -> int:
        return max(one.second[0] - one.first[1], one.first[0] - one.second[1], 0)

    least: dict[tuple[Any, ...], int] = {}
    for one in found:
        for place in (one.first, one.second):
            least[one.label, place] = min(apart(one), least.get((one.label, place), apart(one)))
    return [one for one in found if apart(one) in (least[one.label, one.first], least[one.label, one.second])]


def row(name: str, counts: list[tuple[int, int, int]], told: list[tuple[float, bool]] | None = None) -> str:
    """A row of the table."""
    gold, predicted, right = np.array(counts).sum(0)
    p, r = right / max(predicted, 1), right / max(gold, 1)
    f = 2 * right / max(gold + predicted, 1)
    figures = " | ".join(f"{100 * value:.1f}" for value in (p, r, f))
    ece = "–"
    if told:
        prob, truth = np.array(told, dtype=float).T
        bins = np.minimum((prob * 10).astype(int), 9)
        ece = f"""{
            100
            * sum(
                abs(float((prob - truth)[bins == n].mean())) * float((bins == n).mean())
                for n in np.unique(bins)
            ):.1f}"""
    return f"| {name} | {gold} | {predicted} | {figures} | {ece} |"


def main() -> None:
    """Learn, find, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--member", default=None)
    parser.add_argument("--side", default="test", choices=[*SHARES])
    parser.add_argument("--c", type=float, default=0.1)
    asked = parser.parse_args()
    nlp = spacy.blank("en")
    sides: dict[str, list[Doc]] = defaultdict(list)
    settings = {"member": asked.member} if asked.member else None
    corpus = AnndocCorpus(asked.project, documents="all", on_problem="report", settings=settings)
    for doc in corpus.docs(nlp):
        sides[side_of(doc._.anndoc_id, SHARES)].append(doc)
    component: Any = nlp.add_pipe("seed_relations", config={"c": asked.c})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in sides["train"]]
    nlp.initialize(lambda: examples)
    counts: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    told: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for doc in sides[asked.side]:
        component.min_prob = None
        given = component.find(doc, all_entities(doc))
        component.min_prob = 0.0
        every = component.find(doc, all_entities(doc))
        gold, without = gold_relations(doc)
        for label in ("all", *component.labels):

            def of(keys: set[RelationKey], label: str = label) -> set[RelationKey]:
                return {key for key in keys if label in ("all", key[0])}

            there = of(gold)
            missing = sum(number for name, number in without.items() if label in ("all", name))
            for way, found in (
                (label, given),
                (f"{label}, every candidate", every),
                (f"{label}, nearest", nearest(every)),
            ):
                said = of({one.key for one in found})
                counts[way].append((len(there) + missing, len(said), len(said & there)))
            told[label] += [(one.prob, one.key in gold) for one in every if label in ("all", one.label)]
    print(f"{len(sides['train'])} documents to learn from, {len(sides[asked.side])} for {asked.side}\n")
    print("| relations | gold | predicted | P | R | F | ECE % |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, own in counts.items():
        print(row(name, own, told.get(name)))


if __name__ == "__main__":
    main()
