"""What it takes to turn one list of entities into another, counted in a reviewer's edits.

Accepting an entity costs nothing. Adding one, removing one, giving it another type and moving one of its
borders cost one edit each. The entities of both sides are paired so that the sum is least. A pair that would
cost more than two edits is no pair, since removing and adding cost two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_PAIR_LIMIT = 2
"""Removing an entity and adding another cost two edits: a pair that costs more is never the best."""


class EditSpan(NamedTuple):
    """An entity as edits see it.

    Attributes:
        part: The id of its part; entities of different parts are never paired.
        ranges: (first character, one past the last) of each fragment.
        label: Its type.
    """

    part: str
    ranges: tuple[tuple[int, int], ...]
    label: str


class Edit(NamedTuple):
    """What became of one entity.

    Attributes:
        before: Its index before the review; ``None`` where it was added.
        after: Its index after the review; ``None`` where it was removed.
        relabelled: Whether its type was changed.
        borders: How many of its borders were moved.
    """

    before: int | None
    after: int | None
    relabelled: bool = False
    borders: int = 0

    @property
    def cost(self) -> int:
        """How many edits this is; 0 for an entity that was accepted as it was."""
        return 1 if self.before is None or self.after is None else self.relabelled + self.borders


@dataclass(frozen=True, slots=True)
class EditCounts:
    """Edits by kind.

    Attributes:
        accepted: Entities that were left as they were; they cost nothing.
        added: Entities that were added.
        removed: Entities that were removed.
        relabelled: Entities that were given another type.
        moved: Borders that were moved; an entity of which both borders were moved counts two.
    """

    accepted: int = 0
    added: int = 0
    removed: int = 0
    relabelled: int = 0
    moved: int = 0

    @property
    def total(self) -> int:
        """The number of edits."""
        return self.added + self.removed + self.relabelled + self.moved

    def __add__(self, other: EditCounts) -> EditCounts:
        return EditCounts(
            self.accepted + other.accepted,
            self.added + other.added,
            self.removed + other.removed,
            self.relabelled + other.relabelled,
            self.moved + other.moved,
        )

    @classmethod
    def of(cls, edits: Iterable[Edit]) -> EditCounts:
        """Count the edits of a list."""
        accepted = added = removed = relabelled = moved = 0
        for edit in edits:
            if edit.before is None:
                added += 1
            elif edit.after is None:
                removed += 1
            elif not edit.cost:
                accepted += 1
            else:
                relabelled += edit.relabelled
                moved += edit.borders
        return cls(accepted, added, removed, relabelled, moved)

    def to_json(self) -> dict[str, int]:
        """The counts and their sum as a JSON object."""
        return {
            "accepted": self.accepted,
            "added": self.added,
            "removed": self.removed,
            "relabelled": self.relabelled,
            "moved": self.moved,
            "total": self.total,
        }


def count_edits(
    predicted: Sequence[tuple[int, int, str]], gold: Sequence[tuple[int, int, str]]
) -> EditCounts:
    """Count the edits that a reviewer needs to make the entities of one text right.

    Exchanging both sides exchanges ``added`` and ``removed`` and changes nothing else. The order of the
    entities makes no difference.

    Args:
        predicted: (first character, one past the last, label) of each entity that was proposed. May overlap
            and repeat.
        gold: The same of each entity as it should be.

    Returns:
        The least number of edits, by kind. Of ways that cost the same, the one with the most pairs is
        taken, then the one whose pairs share the most characters.
    """
    before, after = Counter(predicted), Counter(gold)
    same = before & after  # leaving these as they are never costs more: what pairs cost is a distance
    accepted = same.total()
    edits = EditCounts(accepted=accepted)
    left, right = list((before - same).elements()), list((after - same).elements())
    if not left or not right:
        return EditCounts(accepted=accepted, added=len(right), removed=len(left))
    spans = [[EditSpan("", ((start, end),), label) for start, end, label in side] for side in (left, right)]
    return edits + EditCounts.of(match_edits(*spans))


def match_edits(before: Sequence[EditSpan], after: Sequence[EditSpan]) -> list[Edit]:
    """Pair the entities of two versions one to one, so that the edits between them are fewest.

    Args:
        before: The entities of the earlier version.
        after: The entities of the later version.

    Returns:
        One :class:`Edit` for each entity: first those of ``before`` in their order, then those that were
        added.
    """
    found: dict[int, Edit] = {}
    waiting: dict[EditSpan, list[int]] = defaultdict(list)
    for index in range(len(after) - 1, -1, -1):
        waiting[after[index]].append(index)
    for index, span in enumerate(before):
        if waiting.get(span):
            found[index] = Edit(index, waiting[span].pop())
    left = [index for index in range(len(before)) if index not in found]
    right = sorted(index for indices in waiting.values() for index in indices)
    for some_left, some_right in _clusters(before, left, after, right):
        for edit in _assign(before, some_left, after, some_right):
            assert edit.before is not None
            found[edit.before] = edit
    taken = {edit.after for edit in found.values()}
    edits = [found.get(index) or Edit(index, None) for index in range(len(before))]
    return edits + [Edit(None, index) for index in right if index not in taken]


def _clusters(
    before: Sequence[EditSpan], left: Iterable[int], after: Sequence[EditSpan], right: Iterable[int]
) -> list[tuple[list[int], list[int]]]:
    """Entities of both sides that shared text connects. Entities of two clusters can't be a pair."""
    ordered = sorted(
        [(before[index], 0, index) for index in left] + [(after[index], 1, index) for index in right],
        key=lambda item: (
            item[0].part,
            _start(item[0]),
            _end(item[0]),
            item[0].ranges,
            item[0].label,
            item[1],
            item[2],
        ),
    )
    clusters: list[tuple[list[int], list[int]]] = []
    part, reach = None, 0
    for span, side, index in ordered:
        if span.part != part or _start(span) >= reach:
            clusters.append(([], []))
            part, reach = span.part, _end(span)
        clusters[-1][side].append(index)
        reach = max(reach, _end(span))
    return [cluster for cluster in clusters if cluster[0] and cluster[1]]


def _assign(
    before: Sequence[EditSpan], left: list[int], after: Sequence[EditSpan], right: list[int]
) -> list[Edit]:
    """The best pairs within one cluster."""
    candidates = {}
    for row, i in enumerate(left):
        for column, j in enumerate(right):
            shared = _shared(before[i], after[j])
            if shared:
                edit = Edit(i, j, before[i].label != after[j].label, _moved(before[i], after[j]))
                if edit.cost <= _PAIR_LIMIT:
                    candidates[row, column] = (edit, shared)
    if len(left) == len(right) == 1 or len(candidates) <= 1:
        return [edit for edit, _ in candidates.values()]
    import numpy as np
    from scipy.optimize import linear_sum_assignment  # imported here: most texts never get so far

    # Fewest edits, then most pairs, then most shared characters, then new types before moved borders:
    # this order determines all counts.
    pairs = min(len(left), len(right))
    per_character = pairs + 1
    per_pair = per_character * (1 + pairs * max(shared for _, shared in candidates.values()))
    per_edit = per_pair * (pairs + 1)
    costs = np.full((len(left), len(right)), float(_PAIR_LIMIT * per_edit))
    for (row, column), (edit, shared) in candidates.items():
        costs[row, column] = edit.cost * per_edit - per_pair - shared * per_character - edit.relabelled
    chosen = zip(*(indices.tolist() for indices in linear_sum_assignment(costs)), strict=True)
    return [candidates[place][0] for place in chosen if place in candidates]


def _start(span: EditSpan) -> int:
    return min((start for start, _ in span.ranges), default=0)


def _end(span: EditSpan) -> int:
    return max((end for _, end in span.ranges), default=0)


def _shared(one: EditSpan, other: EditSpan) -> int:
    """How many characters two entities share."""
    return sum(
        max(0, min(end, other_end) - max(start, other_start))
        for start, end in one.ranges
        for other_start, other_end in other.ranges
    )


def _moved(one: EditSpan, other: EditSpan) -> int:
    """How many borders were moved; one that came or went with a fragment counts like one that was moved."""
    if len(one.ranges) == len(other.ranges) == 1:
        (start, end), (other_start, other_end) = one.ranges[0], other.ranges[0]
        return (start != other_start) + (end != other_end)
    borders, others = (
        {(place, which) for pair in span.ranges for which, place in enumerate(pair)} for span in (one, other)
    )
    return max(len(borders - others), len(others - borders))
