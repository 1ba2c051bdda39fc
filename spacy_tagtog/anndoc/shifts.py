"""By how much the text moved before each entity: the likeliest shifts, given all entities of a part.

Where text was deleted, inserted or rewritten, everything after it is shifted. Entities in order of their
offsets are a hidden Markov chain: the state is the shift, which rarely changes between neighbours, and each
entity's text stands at its shifted offset, but for a few that have faults of their own. The chain gives each
place's probability: one entity with a rare text may be enough, a frequent one is placed by its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from typing import Final

JUMPS: Final = 1 / 300
"""How often the shift changes, per character of the text."""
SMALL: Final = 0.7
"""How many of the changes are small."""
_SMALL_REACH: Final = 16
_SMALL_KERNEL: Final = [
    SMALL * 0.8 ** (abs(step) - 1) / sum(2 * 0.8**k for k in range(_SMALL_REACH)) if step else 0.0
    for step in range(-_SMALL_REACH, _SMALL_REACH + 1)
]
OWN_FAULT: Final = 0.05
"""How often an entity doesn't stand where the others say."""
LOST: Final = 0.5
"""The same for an entity that is stored at 0."""
_BEFORE: Final = 20
"""How far before the first character the chain begins, where nothing is shifted yet."""
_MOST: Final = 40
"""How many shifts are followed at a time."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one entity says.

    Attributes:
        start: Where its offset points.
        shifts: The shifts under which its text stands there.
        places: In how many places of the part its text stands.
    """

    start: int
    shifts: Set[int]
    places: int


def probabilities(steps: Sequence[Step], length: int, fault: float = OWN_FAULT) -> list[dict[int, float]]:
    """How probable each shift is at each entity.

    Args:
        steps: The entities, in order of their offsets.
        length: The length of the text.
        fault: How often an entity doesn't stand where the others say.

    Returns:
        For each entity the probability of those of its own shifts that are worth mentioning.
    """
    anywhere = (1 - SMALL) / max(1, length)
    forward: list[dict[int, float]] = []
    stays: list[float] = []
    weights = {0: 1.0}
    position = -_BEFORE
    for step in steps:
        stay = math.exp(-JUMPS * (step.start - position)) if step.start > position else 1.0
        position = max(position, step.start)
        weights = _seen(step, _moved(weights, step.shifts, stay, anywhere), length, fault)
        forward.append(weights)
        stays.append(stay)
    result: list[dict[int, float]] = [{} for _ in steps]
    after: dict[int, float] | None = None
    for index in range(len(steps) - 1, -1, -1):
        here = forward[index]
        if after is None:
            both = here
            back = dict.fromkeys(here, 1.0)
        else:
            back = _moved(after, here, stays[index + 1], anywhere, only=True)
            both = {shift: weight * back[shift] for shift, weight in here.items()}
        total = sum(both.values()) or 1.0
        shifts = steps[index].shifts
        result[index] = {shift: weight / total for shift, weight in both.items() if shift in shifts}
        after = _seen(steps[index], back, length, fault)
    return result


def _moved(
    weights: dict[int, float], targets: Collection[int], stay: float, anywhere: float, *, only: bool = False
) -> dict[int, float]:
    """The weights after a stretch of text, in which the shift may have changed."""
    new = {shift: stay * weight for shift, weight in weights.items() if not only or shift in targets}
    if stay == 1.0:
        return new if not only else {shift: new.get(shift, 0.0) for shift in targets}
    jump = 1 - stay
    everywhere = jump * anywhere * sum(weights.values())
    for shift in targets:
        new[shift] = new.get(shift, 0.0) + everywhere
    for shift, weight in weights.items():
        share = jump * weight
        for number, kernel in enumerate(_SMALL_KERNEL):
            target = shift + number - _SMALL_REACH
            if kernel and target in targets:
                new[target] += share * kernel
    return new


def _seen(step: Step, weights: dict[int, float], length: int, fault: float) -> dict[int, float]:
    """The weights after an entity was looked at, the likeliest only, adding up to 1."""
    if not step.places:
        new = weights
    else:
        fault = max(fault, LOST) if step.start == 0 else fault
        by_chance = fault * min(1.0, step.places / max(1, length))
        fits = 1 - fault + by_chance
        new = {
            shift: weight * (fits if shift in step.shifts else by_chance) for shift, weight in weights.items()
        }
    if len(new) > _MOST:
        new = dict(sorted(new.items(), key=lambda pair: pair[1], reverse=True)[:_MOST])
    total = sum(new.values())
    return {shift: weight / total for shift, weight in new.items()} if total else {0: 1.0}
