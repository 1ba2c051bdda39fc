"""What training and calibrating a seed model cost: with a thread per core or one, with one process or two.

    python benchmarks/cores.py PROJECT WORK_FOLDER [--rounds 3] [--documents 456] [--folds 5]

The project is converted and a seed model trained on it once, into the work folder. Then each contender runs
in a process of its own, one after the other, several times:

- ``train, one thread`` is what the package does; ``train, a thread per core`` is the same with BLAS and
  OpenMP left to themselves;
- ``calibrate, one process`` and ``calibrate, two processes`` calibrate by cross-fitting.

Seconds by the clock and of processor time (of all processes) are printed as ratios to the first of each pair
within a round, and their medians. That tells something on a busy machine, too, where seconds say little. The
calibrations must be equal to the last bit, else the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

PAIRS = {
    "train": ("train, one thread", "train, a thread per core"),
    "calibrate": ("calibrate, one process", "calibrate, two processes"),
}


def prepare(project: Path, work: Path, documents: int) -> None:
    """Convert the project and train a seed model, unless that was done before."""
    from spacy.tokens import DocBin

    from spacy_tagtog import steps
    from spacy_tagtog.pipeline.loading import blank_pipeline

    if (work / "seed").exists():
        return
    steps.convert(project, work / "all.spacy")
    nlp = blank_pipeline("en")
    docs = list(DocBin(store_user_data=True).from_disk(work / "all.spacy").get_docs(nlp.vocab))
    DocBin(docs=docs[:documents], store_user_data=True).to_disk(work / "train.spacy")
    DocBin(docs=docs[documents : documents + 44] or docs[:44], store_user_data=True).to_disk(
        work / "dev.spacy"
    )
    config = Path(__file__).parents[1] / "configs" / "seed.cfg"
    steps.train(work / "train.spacy", work / "dev.spacy", work / "seed", seed_config=config)


def unlimited(*_: object) -> AbstractContextManager[None]:
    """In place of the package's own limit: none."""
    return nullcontext()


def run(contender: str, work: Path, folds: int) -> dict[str, Any]:
    """Run one contender in this process.

    Returns:
        Its seconds and processor seconds, and a digest of the calibration.
    """
    import spacy
    from spacy.tokens import DocBin
    from spacy.training import Example

    from spacy_tagtog.convert.tokens import predicted_doc
    from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline

    nlp = spacy.load(work / "seed" / "model-best")
    docs = list(DocBin(store_user_data=True).from_disk(work / "train.spacy").get_docs(nlp.vocab))
    seed: Any = nlp.get_pipe("seed_ner")
    started, before = time.perf_counter(), processor_seconds()
    digest = ""
    if contender in PAIRS["train"]:
        examples = [Example(predicted_doc(nlp, doc), doc) for doc in docs]
        limited = contender == PAIRS["train"][0]
        with nullcontext() if limited else patch("threadpoolctl.threadpool_limits", unlimited):
            seed.initialize(lambda: examples, nlp=nlp)
    else:
        processes = 1 + PAIRS["calibrate"].index(contender)
        calibrate_pipeline(nlp, train_docs=docs, folds=folds, n_process=processes)
        component: Any = nlp.get_pipe("entity_confidence")
        digest = hashlib.sha256(component.to_bytes()).hexdigest()
    return {
        "seconds": time.perf_counter() - started,
        "processor": processor_seconds() - before,
        "digest": digest,
    }


def processor_seconds() -> float:
    """Of this process and those that it started and that ended."""
    return sum(
        use.ru_utime + use.ru_stime
        for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=456, help="at most N training documents")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(run(given.run, given.work, given.folds)))
        return 0
    given.work.mkdir(parents=True, exist_ok=True)
    prepare(given.project, given.work, given.documents)
    ratios: dict[str, list[tuple[float, float]]] = {pair: [] for pair in PAIRS}
    digests = set()
    for number in range(given.rounds):
        for pair, contenders in PAIRS.items():
            figures = [measured(contender, given) for contender in contenders]
            one, two = figures
            ratios[pair].append((two["seconds"] / one["seconds"], two["processor"] / one["processor"]))
            digests |= {one["digest"] or "train", two["digest"] or "train"}
            for contender, found in zip(contenders, figures, strict=True):
                seconds = f"{found['seconds']:.1f} s, processor {found['processor']:.1f} s"
                print(f"round {number + 1}: {contender}: {seconds}", flush=True)
    for pair, own in ratios.items():
        clock, processor = (median(column) for column in zip(*own, strict=True))
        print(f"{PAIRS[pair][1]} / {PAIRS[pair][0]}: clock × {clock:.2f}, processor × {processor:.2f}")
    equal = len(digests) == 2
    print("calibrations are", "equal to the last bit" if equal else "DIFFERENT")
    return 0 if equal else 1


def measured(contender: str, given: argparse.Namespace) -> dict[str, Any]:
    """Run a contender in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            __file__,
            str(given.project),
            str(given.work),
            "--folds",
            str(given.folds),
            "--run",
            contender,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
