"""How often ``seed_normalizer`` finds the id that people gave, on documents that it did not learn from.

    python benchmarks/normalizations.py PROJECT [--side test] [--min-prob 0.5]

The documents are dealt out by their ids: three fifths to learn from, a fifth each for dev and test. Entities
are people's own, so that nothing but the ids is measured. All documents are taken, confirmed or not. ECE: ten
bins of equal width.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.split import side_of
from spacy_tagtog.pipeline.seed.normalizer import normalization_of

SHARES = {"dev": 0.2, "test": 0.2}


def row(name: str, found: list[tuple[float, bool]], least: float) -> str:
    """A row of the table: a name, and the figures of some entities, each with probability and truth."""
    prob, right = np.array(found, dtype=float).T
    bins = np.minimum((prob * 10).astype(int), 9)
    ece = sum(
        abs(float((prob - right)[bins == number].mean())) * float((bins == number).mean())
        for number in np.unique(bins)
    )
    given = prob >= least
    precision = f"{100 * right[given].mean():.1f}" if given.any() else "–"
    figures = f"{100 * right.mean():.1f} | {100 * given.mean():.1f} | {precision} | {100 * ece:.1f}"
    return f"| {name} | {len(right)} | {figures} | {((prob - right) ** 2).mean():.3f} |"


def main() -> None:
    """Learn, normalize, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--side", default="test", choices=[*SHARES])
    parser.add_argument("--min-prob", type=float, default=0.5)
    asked = parser.parse_args()
    nlp = spacy.blank("en")
    sides: dict[str, list[Doc]] = defaultdict(list)
    for doc in AnndocCorpus(asked.project, documents="all", on_problem="report").docs(nlp):
        sides[side_of(doc._.anndoc_id, SHARES)].append(doc)
    normalizer: Any = nlp.add_pipe("seed_normalizer", config={"min_prob": 0.0})
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in sides["train"]]
    nlp.initialize(lambda: examples)
    known = {(ent.label_, ent.text.casefold()) for doc in sides["train"] for ent in doc.ents if ent.kb_id_}
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for doc in sides[asked.side]:
        own = doc.copy()
        own.set_ents([Span(own, ent.start, ent.end, label=ent.label_) for ent in doc.ents])
        normalizer(own)
        for ent, gold in zip(own.ents, doc.ents, strict=True):
            if gold.kb_id_:
                said = normalization_of(ent)
                one = (0.0, False) if said is None else (said.prob, said.id == gold.kb_id_)
                is_known = (gold.label_, gold.text.casefold()) in known
                for name in ("all", gold.label_, "seen in training" if is_known else "not seen"):
                    found[name].append(one)
    print(f"{len(sides['train'])} documents to learn from, {len(sides[asked.side])} for {asked.side}\n")
    print("| entities | number | right % | given % | right of given % | ECE % | Brier |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in sorted(found):
        print(row(name, found[name], asked.min_prob))


if __name__ == "__main__":
    main()
