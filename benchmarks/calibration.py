"""How accurate are the probabilities? ECE, AUROC and cost, on documents neither trained nor calibrated on.

Each corpus is cut into three disjoint parts: a pipeline is trained on the first, calibrated on the second and
tested on
the third. Trained pipelines and finished figures are kept in the work folder, so an interrupted run goes on
where it
stopped. One JSON object a corpus, model and way is printed and appended to ``results.jsonl``.

    python benchmarks/calibration.py CORPORA_FOLDER WORK_FOLDER [--only bc5cdr] [--models seed] [--ways
    held-out cross-fitting] [--steps 600]

``bc5cdr-exchanged`` is trained on the devel part and tested on the train part; for ``bc5cdr-mixed`` every
second document of both is taken.
``nala-mutation`` is what that loop was about: of its proteins most are what another program found. A few
documents say little, so of
``decm-*-turns`` each document is tested once, in four turns, by a pipeline that was trained and calibrated on
the other three quarters.

With ``cross-fitting`` the pipeline is trained on the first two parts together, and calibrated on the same by
pipelines that are trained without a
fold of them. With ``both`` it is trained on the first part, and calibrated on the first in this way and on
the second as it is.

The seed model learns from the training part alone; ``seed+texts`` also gets the bare texts of the other two
parts, without their annotations (the
workflow gives it those of the new documents). spaCy's NER takes the best of its steps by the part that it is
calibrated on, as the
workflow does.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin

from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.pipeline.calibration.figures import figures_by_label, figures_of
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.calibration.scoring import (
    ScoredPredictions,
    add_predictions,
    confidence_components,
    paired,
)
from spacy_tagtog.pipeline.loading import load_pipeline

CONFIGS = Path(__file__).parents[1] / "configs"
MODELS = ("seed", "seed+texts", "ner")
WAYS = ("held-out", "cross-fitting", "both")
CORPORA = (
    "bc5cdr",
    "bc5cdr-exchanged",
    "bc5cdr-mixed",
    "ncbi-disease",
    "ncbi-disease-one",
    "nala",
    "nala-mutation",
    "decm-yucatan",
    "decm-michoacan",
    "decm-yucatan-turns",
    "decm-michoacan-turns",
)
# The usual evaluation of this corpus: its four types as one.
ONE = dict.fromkeys(("DiseaseClass", "SpecificDisease", "CompositeMention", "Modifier"), "Disease")
TURNS = 4
ROUNDS = 7
TIMED = 100  # Docs of the test part


def parts(name: str, docs: list[tuple[str, Doc]], turn: int | None) -> dict[str, list[Doc]]:
    """Three disjoint parts.

    By the corpus' own folders where it has them, otherwise every second document, in the order of their ids.
    """
    if name.startswith("bc5cdr"):
        inside, outside = [d for f, d in docs if "train" in f], [d for f, d in docs if "devel" in f]
        if name == "bc5cdr-exchanged":
            inside, outside = outside, inside
        if name == "bc5cdr-mixed":
            every = [d for _, d in docs]
            inside, outside = every[::2], every[1::2]
        return {"train": inside[:350], "calibrate": inside[350:], "test": outside}
    if name.startswith("ncbi-disease"):
        return {
            key: [d for f, d in docs if side in f]
            for key, side in (("train", "train"), ("calibrate", "devel"), ("test", "test"))
        }
    if name.startswith("nala"):
        rounds = [(number(folder), doc) for folder, doc in docs]
        numbers = sorted(n for n, _ in rounds)
        first, second = numbers[len(rounds) // 2], numbers[3 * len(rounds) // 4]
        return {
            "train": [d for n, d in rounds if n <= first],
            "calibrate": [d for n, d in rounds if first < n <= second],
            "test": [d for n, d in rounds if n > second],
        }
    ids = sorted(
        {str(doc._.anndoc_id) for _, doc in docs}
    )  # several Docs are parts of one document: all on one side
    sides = {"train": set(ids[::2]), "calibrate": set(ids[1::4]), "test": set(ids[3::4])}
    if turn is not None:
        others = [doc_id for place, doc_id in enumerate(ids) if place % TURNS != turn]
        sides = {
            "train": {*others[::3], *others[1::3]},
            "calibrate": set(others[2::3]),
            "test": set(ids[turn::TURNS]),
        }
    return {
        side: [doc for _, doc in docs if str(doc._.anndoc_id) in chosen] for side, chosen in sides.items()
    }


def number(folder: str) -> int:
    """The number at the end of a folder's name, as in ``iteration_12``; 0 without one."""
    digits = "".join(c for c in folder.rsplit("_", 1)[-1] if c.isdigit())
    return int(digits or 0)


def prepare(corpora: Path, name: str, folder: Path, turn: int | None) -> None:
    """Write the three parts of a corpus, once."""
    if (folder / "test.spacy").exists():
        return
    corpus = re.sub("-(exchanged|mixed|mutation|one|turns)$", "", name)
    source = corpora / (f"{corpus}.zip" if corpus.startswith("decm") else corpus)
    nlp = spacy.blank("es" if name.startswith("decm") else "en")
    settings: dict[str, Any] = (
        {"unit": "part"} if name.startswith("decm") else {"labels": ONE} if name.endswith("-one") else {}
    )
    found = AnndocCorpus(
        source,
        settings=settings,
        documents="all" if name.startswith(("decm", "nala")) else "confirmed",
        on_problem="report",
    )
    folders = {document.id: str(document.folder) for document in Project.open(source)}
    docs = sorted(
        ((folders.get(doc._.anndoc_id, ""), doc) for doc in found.docs(nlp)),
        key=lambda pair: str(pair[1]._.anndoc_id),
    )
    if name == "nala-mutation":
        for _, doc in docs:
            unknown = [doc[token.i : token.i + 1] for token in doc if token.ent_iob == 0]
            doc.set_ents(
                [ent for ent in doc.ents if ent.label_ == "Mutation"], missing=unknown, default="outside"
            )
    folder.mkdir(parents=True, exist_ok=True)
    cut = parts(name, [(f, d) for f, d in docs if d.ents], turn)
    for part, chosen in {**cut, "both": cut["train"] + cut["calibrate"]}.items():
        DocBin(docs=chosen, store_user_data=True).to_disk(folder / f"{part}.spacy")


def bare_texts(folder: Path) -> Path:
    """The documents that a pipeline isn't trained on, for their texts alone."""
    path = folder / "texts" / "others.spacy"
    if not path.exists():
        path.parent.mkdir()
        vocab = spacy.blank("xx").vocab
        docs = [
            doc
            for part in ("calibrate", "test")
            for doc in DocBin(store_user_data=True).from_disk(folder / f"{part}.spacy").get_docs(vocab)
        ]
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def finished(work: Path) -> set[tuple[str, str, str]]:
    """The corpora, models and ways whose figures are there already."""
    file = work / "results.jsonl"
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
    return {(row["corpus"], row["model"], row["way"]) for row in rows}


@dataclass
class Tested:
    """What was measured with one pipeline."""

    documents: dict[str, int]
    methods: dict[str, str]
    seconds: float
    found: ScoredPredictions
    cross_validated: dict[str, float | None] | None
    cost_ratio: float


def measure(folder: Path, model: Path, way: str) -> Tested:
    """Calibrate on the second part, or on the first two; test on the third.

    Time with and without the component in turns.
    """
    nlp = load_pipeline(model)
    held_out = {
        name: list(DocBin(store_user_data=True).from_disk(folder / f"{name}.spacy").get_docs(nlp.vocab))
        for name in ("train", "calibrate", "both", "test")
    }
    begin = time.process_time()
    reports = calibrate_pipeline(
        nlp,
        held_out["calibrate"] if way != "cross-fitting" else (),
        train_docs={"held-out": [], "cross-fitting": held_out["both"], "both": held_out["train"]}[way],
    )
    seconds = time.process_time() - begin
    [component] = confidence_components(nlp).values()
    found = ScoredPredictions()
    numbers: dict[str, int] = {}
    for gold, predicted in paired(nlp, held_out["test"]):
        number = numbers.setdefault(gold._.anndoc_id, len(numbers))
        add_predictions(component, gold, predicted, number, found)
    texts = [doc.text for doc in held_out["test"][:TIMED]]
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for with_it in (False, True):
            with nlp.select_pipes(disable=[] if with_it else [component.name]):
                begin = time.process_time()
                for _ in nlp.pipe(texts):
                    pass
                times[with_it].append(time.process_time() - begin)
    [report] = reports.values()
    return Tested(
        {name: len(docs) for name, docs in held_out.items()},
        report.methods,
        seconds,
        found,
        None
        if report.after is None
        else {"ece": report.after.ece, "brier": report.after.brier, "auroc": report.after.auroc},
        min(times[True]) / min(times[False]),
    )


def row_of(tested: Sequence[Tested]) -> dict[str, Any]:
    """The figures of one pipeline, or of those of all turns together."""
    scores, right, labels, groups, raw = [], [], [], [], []
    for turn, one in enumerate(tested):
        scores += one.found.scores
        right += one.found.right
        labels += one.found.labels
        groups += [turn * 10_000 + group for group in one.found.groups]
        raw += [float(p) for rows in one.found.features for p in 1 / (1 + np.exp(-rows[:, 0]))]
    before, after = figures_of(raw, right), figures_of(scores, right, chance=True, groups=groups)
    return {
        "documents": tested[0].documents,
        "predictions": after.n,
        "precision": round(after.right / after.n, 3),
        "methods": [one.methods for one in tested],
        "seconds": round(sum(one.seconds for one in tested)),
        "raw": {"ece": before.ece, "brier": before.brier, "auroc": before.auroc},
        "cross_validated": [one.cross_validated for one in tested],
        "test": after.to_json(),
        "labels": {
            label: {**one.to_json(), "bins": None}
            for label, one in figures_by_label(scores, right, labels, groups).items()
        },
        "missed": {
            "expected": round(sum(sum(one.found.expected) for one in tested), 1),
            "found": int(sum(m.sum() for one in tested for m in one.found.missed)),
        },
        "cost_ratio": round(sum(one.cost_ratio for one in tested) / len(tested), 3),
    }


def trained(folder: Path, name: str, model: str, way: str, steps: int) -> Path:
    """The trained pipeline, from an earlier run if there is one."""
    output = folder / (f"{model}-all" if way == "cross-fitting" else model)
    if not (output / "model-best").exists():
        overrides: dict[str, Any] = {
            "paths.train": str(folder / ("both.spacy" if way == "cross-fitting" else "train.spacy")),
            "paths.dev": str(folder / "calibrate.spacy"),
            "nlp.lang": "es" if name.startswith("decm") else "en",
        }
        if model == "ner":
            overrides |= {"training.max_steps": steps, "training.eval_frequency": min(100, steps)}
        if model == "seed+texts":
            overrides["paths.unlabelled"] = str(bare_texts(folder))
        train(CONFIGS / f"{model.partition('+')[0]}.cfg", output, overrides=overrides)
    return output / "model-best"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", nargs="*", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--steps", type=int, default=600, help="of spaCy's NER, at most")
    arguments = parser.parse_args()
    for name in arguments.only:
        turns = (
            [(turn, arguments.work / name / f"turn-{turn}") for turn in range(TURNS)]
            if name.endswith("-turns")
            else [(None, arguments.work / name)]
        )
        for model, way in product(arguments.models, arguments.ways):
            if (name, model, way) in finished(arguments.work):
                continue
            tested = []
            for turn, folder in turns:
                prepare(arguments.corpora, name, folder, turn)
                tested.append(measure(folder, trained(folder, name, model, way, arguments.steps), way))
            row = {"corpus": name, "model": model, "way": way, **row_of(tested)}
            with (arguments.work / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
