"""From how many documents on spaCy's NER is better than the seed model.

Both are trained on the same documents, by the configs of this project.

    python benchmarks/learning_curve.py OUTPUT.jsonl PROJECT[@part] … [--sizes 5,10,20,40,80,160] [--models
    seed,seed+texts,ner] [--draws 1]

PROJECT is a folder or zip of tagtog documents; with ``@part`` each of their parts counts as one. A fifth of
the confirmed documents, by
the split that ``convert`` makes, is what F is measured on: nothing is trained or chosen by it. The others are
shuffled (seed 0), and the
first N are the training documents, of which spaCy's NER keeps a fifth to choose its best step by; the seed
model has nothing to choose
and takes all. "seed+texts" is the seed model that also gets the bare texts of all of the shuffled documents,
without their
annotations. With ``--draws 3`` two more shuffles follow, seeds 1 and 2. What OUTPUT.jsonl holds already isn't
done again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.train import train
from spacy.tokens import Doc

from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.corpus import write_docbin
from spacy_tagtog.pipeline.evaluation import evaluate_docs

CONFIGS = Path(__file__).parents[1] / "configs"


def read(project: str, lang: str) -> tuple[list[Doc], list[Doc]]:
    """The documents to train on and those to measure on."""
    path, _, unit = project.partition("@")
    nlp = spacy.blank(lang)
    settings = {"unit": unit} if unit else None
    sides = (
        list(
            AnndocCorpus(Path(path), settings=settings, on_problem="report", split="dev=0.2", side=side).docs(
                nlp
            )
        )
        for side in ("train", "dev")
    )
    train_docs, dev_docs = ([doc for doc in docs if len(doc)] for docs in sides)
    return train_docs, dev_docs


def measure(
    model: str, lang: str, chosen: Sequence[Doc], dev: Sequence[Doc], pool: Sequence[Doc]
) -> dict[str, Any]:
    """Train and evaluate once."""
    config, _, texts = model.partition("+")
    held = max(1, len(chosen) // 5) if model == "ner" else 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_docbin(chosen[held:], work / "train.spacy")
        write_docbin(chosen[:held] or chosen[:1], work / "dev.spacy")
        paths = {
            "paths.train": str(work / "train.spacy"),
            "paths.dev": str(work / "dev.spacy"),
            "nlp.lang": lang,
        }
        if texts:
            write_docbin(pool, work / "texts.spacy")
            paths["paths.unlabelled"] = str(work / "texts.spacy")
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            train(CONFIGS / f"{config}.cfg", work / "out", overrides=paths)
        seconds = time.process_time() - started
        nlp = spacy.load(work / "out" / "model-best", exclude=["entity_confidence"])
        scores = evaluate_docs(nlp, dev).overall
    precision, recall, f1 = (round(100 * value, 1) for value in scores.exact_prf)
    return {"precision": precision, "recall": recall, "f1": f1, "cpu_seconds": round(seconds, 1)}


def main() -> None:
    """Measure what isn't measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("projects", nargs="+")
    parser.add_argument("--sizes", default="5,10,20,40,80,160")
    parser.add_argument("--models", default="seed,ner")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--lang", default="en")
    arguments = parser.parse_args()
    done = (
        [json.loads(line) for line in arguments.output.read_text().splitlines()]
        if arguments.output.exists()
        else []
    )
    known = {(row["project"], row["model"], row["documents"], row.get("draw", 0)) for row in done}
    for project in arguments.projects:
        name = Path(project).name
        pool, dev = read(project, arguments.lang)
        sizes = sorted({min(int(size), len(pool)) for size in arguments.sizes.split(",")})
        for draw, size, model in itertools.product(
            range(arguments.draws), sizes, arguments.models.split(",")
        ):
            if (name, model, size, draw) in known:
                continue
            shuffled = list(pool)
            random.Random(draw).shuffle(shuffled)
            chosen = shuffled[:size]
            amounts = {
                "tokens": sum(len(doc) for doc in chosen),
                "entities": sum(len(doc.ents) for doc in chosen),
            }
            found = measure(model, arguments.lang, chosen, dev, shuffled)
            row = {"project": name, "model": model, "documents": size, "draw": draw, **amounts, **found}
            print(json.dumps(row), flush=True)
            with arguments.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
