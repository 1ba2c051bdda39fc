"""How often repairs of offsets are right.

Right offsets of real documents are broken in the ways that occur in the wild, and repaired.

    python benchmarks/repair.py PROJECT [PROJECT …]

Every breakage is done to a copy of each document by itself. "right" is the share of the repaired that got
their own
place back, "repaired" the share of the broken that was repaired.
"""

from __future__ import annotations

import copy
import functools
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from spacy_tagtog.anndoc import Annotations, Document, Part, Project, detect_unit, locate
from spacy_tagtog.anndoc.repair import repair

GREEK = str.maketrans("abgdemnortx", "αβγδεμνορτχ")


def shift(entities: list[dict[str, Any]], parts: dict[str, Part], chance: random.Random) -> None:
    """Everything after some place of a part is shifted by a constant, as by markup that was escaped."""
    for part in sorted({entity["part"] for entity in entities}):
        if part in parts and len(parts[part].text) > 100:
            place, distance = (
                chance.randrange(len(parts[part].text) // 2),
                chance.choice([-4, -3, -2, 2, 3, 4, 8]),
            )
            for entity in entities:
                if entity["part"] == part and entity["offsets"][0]["start"] > place:
                    for offset in entity["offsets"]:
                        offset["start"] = max(0, offset["start"] + distance)


def some(breaking: Callable[[dict[str, Any], random.Random], None]) -> Callable[..., None]:
    """Break each entity with a chance of one in ten."""

    @functools.wraps(breaking)
    def run(entities: list[dict[str, Any]], parts: dict[str, Part], chance: random.Random) -> None:
        for entity in entities:
            if len(entity["offsets"]) == 1 and chance.random() < 0.1:
                breaking(entity["offsets"][0], chance)

    return run


@some
def zero(offset: dict[str, Any], chance: random.Random) -> None:
    """The offset is 0, the text is elsewhere."""
    offset["start"] = 0


@some
def nudge(offset: dict[str, Any], chance: random.Random) -> None:
    """One offset by itself is a few characters off."""
    offset["start"] = max(0, offset["start"] + chance.choice([-3, -2, -1, 1, 2, 3]))


@some
def greek(offset: dict[str, Any], chance: random.Random) -> None:
    """A letter of the stored text became its Greek look-alike."""
    places = [i for i, character in enumerate(offset["text"]) if character.translate(GREEK) != character]
    if places:
        place = chance.choice(places)
        offset["text"] = (
            offset["text"][:place] + offset["text"][place].translate(GREEK) + offset["text"][place + 1 :]
        )


@some
def typo(offset: dict[str, Any], chance: random.Random) -> None:
    """A letter of the stored text is another one."""
    place = chance.randrange(len(offset["text"]))
    offset["text"] = offset["text"][:place] + chance.choice("abcdefgh") + offset["text"][place + 1 :]


def broken(
    document: Document, member: str, breaking: Callable[..., None], chance: random.Random
) -> Annotations:
    """A copy of a version with broken offsets."""
    data = copy.deepcopy(document.version(member).data)
    breaking(data["entities"], document.parts, chance)
    return Annotations(data)


def main(paths: list[str]) -> None:
    """Print a table."""
    print(f"{'project':<18}{'breakage':<10}{'broken':>8}{'repaired':>10}{'right':>9}   by method: right/all")
    for path in paths:
        project = Project.open(path, strict=False)
        for breaking in (shift, zero, nudge, greek, typo):
            chance = random.Random(0)
            total, right = 0, 0
            methods: dict[str, Counter[bool]] = defaultdict(Counter)
            for document in project:
                for member in document.versions:
                    truth = locate(document.parts, document.version(member))
                    bad = broken(document, member, breaking, chance)
                    unit = detect_unit(document.parts, document.version(member))
                    found = locate(document.parts, bad, unit=unit)
                    for true, wrong, mended in zip(
                        truth, found, repair(document.parts, found, unit=unit), strict=True
                    ):
                        if true.problem or wrong.problem != "offset_mismatch":
                            continue
                        total += 1
                        if mended.repair:
                            methods[mended.repair.method][mended.ranges == true.ranges] += 1
            done = sum(sum(counts.values()) for counts in methods.values())
            right = sum(counts[True] for counts in methods.values())
            shares = ", ".join(
                f"{name} {counts[True]}/{sum(counts.values())}" for name, counts in sorted(methods.items())
            )
            name = path.rstrip("/").split("/")[-1]
            repaired, correct = done / max(total, 1), right / max(done, 1)
            print(f"{name:<18}{breaking.__name__:<10}{total:>8}{repaired:>10.1%}{correct:>9.2%}   {shares}")


if __name__ == "__main__":
    main(sys.argv[1:])
