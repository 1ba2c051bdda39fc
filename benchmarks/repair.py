"""How often repairs of offsets are right.

    python benchmarks/repair.py PROJECT [PROJECT …] [--kinds KIND …] [--documents N] [--methods]

Right offsets of real documents are broken in the ways of ``breakages.py`` and repaired. Each way is done to a
copy of each document by itself. "Wrong" are repairs that placed an entity elsewhere, and those of entities
whose text is gone.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from breakages import KINDS, as_document, case_of

from spacy_tagtog.anndoc import Document, Project, detect_unit, locate
from spacy_tagtog.anndoc.repair import CONFIDENCE, repair

ENOUGH = 50
"""A method's share of right repairs under one kind of breakage says something from so many repairs on."""
UNKNOWABLE = {"wrong_part"}
"""Nothing in a part tells that its entities belong to another. No method's confidence can hold there."""


@dataclass
class Outcome:
    """What became of the broken entities.

    Attributes:
        there: Broken entities whose text is in the text.
        gone: Broken entities whose text is gone.
        right: Repairs that are right, by method.
        wrong: Repairs of entities that stand elsewhere, by method.
        anyway: Repairs of entities whose text is gone, by method.
    """

    there: int = 0
    gone: int = 0
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    anyway: Counter[str] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        """Count another's, too."""
        self.there += other.there
        self.gone += other.gone
        self.right += other.right
        self.wrong += other.wrong
        self.anyway += other.anyway

    @property
    def repaired(self) -> int:
        """All repairs."""
        return self.right.total() + self.wrong.total() + self.anyway.total()

    @property
    def share_wrong(self) -> float:
        """Of all repairs."""
        return (self.wrong.total() + self.anyway.total()) / max(1, self.repaired)

    def row(self) -> list[str]:
        """For a table."""
        right, wrong, anyway = self.right.total(), self.wrong.total(), self.anyway.total()
        left = self.there + self.gone - self.repaired
        found = f"{right / self.there:.1%}" if self.there else "–"
        bad = f"{self.share_wrong:.2%}" if self.repaired else "–"
        return [
            *(f"{number:,}" for number in (self.there, self.gone, right, wrong, anyway, left)),
            found,
            bad,
        ]


def run(documents: Sequence[Document], kind: str, seed: int = 0) -> Outcome:
    """Break each document in one way, repair it, and count."""
    outcome = Outcome()
    for number, document in enumerate(documents):
        for member in document.versions:
            case = case_of(document, member, random.Random(f"{kind} {seed} {number} {member}"), documents)
            if not case.mentions:
                continue
            KINDS[kind].do(case)
            if not KINDS[kind].points:
                case.count_utf16()
            parts, annotations = as_document(case)
            unit = detect_unit(parts, annotations)
            found = locate(parts, annotations, unit=unit)
            for mention, wrong, mended in zip(
                case.mentions, found, repair(parts, found, unit=unit), strict=True
            ):
                if wrong.problem != "offset_mismatch":
                    continue
                outcome.there += mention.truth is not None
                outcome.gone += mention.truth is None
                if mended.repair:
                    counts = (
                        outcome.anyway
                        if mention.truth is None
                        else outcome.right
                        if mended.ranges == mention.truth
                        else outcome.wrong
                    )
                    counts[mended.repair.method] += 1
    return outcome


def sample(path: str, most: int) -> list[Document]:
    """Documents of a project, at most so many, the same each time."""
    documents = [document for document in Project.open(path, strict=False) if document.versions]
    return documents if len(documents) <= most else random.Random(0).sample(documents, most)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    print(f"| {' | '.join(head)} |\n|{'|'.join(['---', *['---:'] * (len(head) - 1)])}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def worst(outcomes: Mapping[str, Outcome], method: str) -> tuple[str, int, int]:
    """The kind of breakage under which a method is right least often: kind, right, repairs.

    Kinds with fewer than :data:`ENOUGH` of its repairs count together.
    """
    cells: dict[str, Counter[bool]] = defaultdict(Counter)
    for kind, outcome in outcomes.items():
        right, bad = outcome.right[method], outcome.wrong[method] + outcome.anyway[method]
        if kind not in UNKNOWABLE:
            cells[kind if right + bad >= ENOUGH else "the others"] += Counter({True: right, False: bad})
    if cells["the others"].total() < ENOUGH and len(cells) > 1:
        del cells["the others"]
    kind = min(
        cells, key=lambda kind: (cells[kind][True] / max(1, cells[kind].total()), -cells[kind].total())
    )
    return kind, cells[kind][True], cells[kind].total()


def learned(outcomes: Mapping[str, Outcome], method: str) -> float:
    """What a method may say of itself: how often it is right under its worst kind, rounded down.

    It may be no surer than all of its repairs show together: (right + 1) / (repairs + 2).
    """
    _, right_there, number = worst(outcomes, method)
    right, bad = in_all(outcomes, method)
    return math.floor(1000 * min(right_there / max(1, number), (right + 1) / (right + bad + 2))) / 1000


def in_all(outcomes: Mapping[str, Outcome], method: str) -> tuple[int, int]:
    """How many repairs of a method are right, and how many aren't."""
    known = [outcome for kind, outcome in outcomes.items() if kind not in UNKNOWABLE]
    return (
        sum(one.right[method] for one in known),
        sum(one.wrong[method] + one.anyway[method] for one in known),
    )


def by_method(outcomes: Mapping[str, Outcome]) -> None:
    """Print how often each method was right: in all, and under the kind of breakage that is worst for it."""
    rows = []
    for method, stated in CONFIDENCE.items():
        right, bad = in_all(outcomes, method)
        kind, right_there, number = worst(outcomes, method)
        rows.append(
            [
                f"`{method}`",
                f"{stated:.1%}",
                f"{right + bad:,}",
                f"{right / max(1, right + bad):.2%}",
                f"{right_there / max(1, number):.2%} of {number:,} ({kind})",
                f"{learned(outcomes, method):.1%}",
            ]
        )
    table(["method", "stated", "repairs", "right", "right under its worst kind", "may state"], rows)


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("projects", nargs="+")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--documents", type=int, default=10**6, help="at most so many of each project")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    corpora = [sample(path, arguments.documents) for path in arguments.projects]
    outcomes: dict[str, Outcome] = defaultdict(Outcome)
    for kind in arguments.kinds:
        for documents in corpora:
            outcomes[kind].add(run(documents, kind, arguments.seed))
    print(", ".join(Path(path).stem for path in arguments.projects), end="\n\n")
    table(
        [
            "kind",
            "broken",
            "gone",
            "right",
            "wrong",
            "gone, placed",
            "left",
            "right of broken",
            "wrong of repairs",
        ],
        [[f"`{kind}`", *outcome.row()] for kind, outcome in outcomes.items()],
    )
    by_method(outcomes)


if __name__ == "__main__":
    main()
