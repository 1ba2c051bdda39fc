"""How often the loop's gate promotes models that are better, equal and worse, with so many test documents.

    python benchmarks/gate.py PROJECT [--draws 1000]

The numbers of entities per document are a project's own. Two models find them: the current one with an F of
about 80, document by document better and worse (the share that it finds is beta-distributed, so documents
differ more than chance alone makes them); the new one makes the same mistakes but for those that it mended
and those that it made anew. How much better it truly is, is known. What is drawn is which documents test.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog.anndoc import Project
from spacy_tagtog.loop.gate import judge
from spacy_tagtog.pipeline.evaluation import Evaluation
from spacy_tagtog.pipeline.scores import Scores

FOUND, SPREAD = 0.8, 12.0  # mean and concentration of the share that is found in a document
CHANGED = 0.06  # of what the current model found, the new one loses this share, and finds as much anew
DIFFERENCES = (-5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0)
DOCUMENTS = (10, 25, 50, 100, 200)

Numbers = NDArray[np.int64]


def evaluation(gold: Sequence[int], exact: Sequence[int], wrong: Sequence[int]) -> Evaluation:
    """What a model did in some documents."""
    each = enumerate(zip(gold, exact, wrong, strict=True))
    return Evaluation(by_document={f"d{i}": {"any": Scores(g, x + w, x)} for i, (g, x, w) in each})


def drawn(
    rng: np.random.Generator, sizes: Numbers, documents: int, difference: float
) -> tuple[Evaluation, Evaluation]:
    """Both models on test documents that chance chose."""
    gold = rng.choice(sizes, size=documents)
    share = rng.beta(FOUND * SPREAD, (1 - FOUND) * SPREAD, size=documents)
    before = rng.binomial(gold, share)
    # As many wrong ones as missed ones, on average: then F is the share that is found.
    wrong = rng.binomial(gold, 1 - share)
    lost = CHANGED - min(difference, 0) / 100 / FOUND
    gained = FOUND * CHANGED / (1 - FOUND) + max(difference, 0) / 100 / (1 - FOUND)
    after = rng.binomial(before, 1 - lost) + rng.binomial(gold - before, gained)
    wrong_after = rng.binomial(wrong, 1 - gained) + rng.binomial(before, lost)
    return (
        evaluation(gold.tolist(), before.tolist(), wrong.tolist()),
        evaluation(gold.tolist(), after.tolist(), wrong_after.tolist()),
    )


def main() -> None:
    """Draw, judge, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--draws", type=int, default=1000)
    asked = parser.parse_args()
    project = Project.open(asked.project, strict=False)
    sizes = np.array([len(project[doc_id].annotations) for doc_id in project.ids])
    sizes = sizes[sizes > 0]
    print(f"{len(sizes)} documents with entities, {sizes.mean():.1f} each (median {np.median(sizes):.0f})\n")
    print("| truly | " + " | ".join(f"{number} documents" for number in DOCUMENTS) + " |")
    print("|---|" + "---:|" * len(DOCUMENTS))
    rng = np.random.default_rng(0)
    for difference in DIFFERENCES:
        cells = []
        for documents in DOCUMENTS:
            promoted = sum(
                judge(*drawn(rng, sizes, documents, difference)).promoted for _ in range(asked.draws)
            )
            cells.append(f"{100 * promoted / asked.draws:.1f}")
        print(f"| {difference:+.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
