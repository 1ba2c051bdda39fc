"""What the entities of a part that are placed say about those that are not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from spacy_tagtog.anndoc.locate import Located
from spacy_tagtog.anndoc.stored_texts import Place

Ranges = tuple[Place, ...]

SLACK: Final = 4
"""By how much more or less than its neighbours an entity may be shifted, in characters."""


class Neighbours:
    """The entities of a part, in order of their offsets: those that are placed, and those that are not.

    An offset of 0 says nothing of where an entity was: such entities are nobody's neighbours.
    """

    def __init__(self) -> None:
        self._placed: list[tuple[int, int, int]] = []
        self._by_place: list[tuple[int, int, int]] = []
        self._longest = 0
        self._open: list[int] = []
        self._open_like: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._taken: set[tuple[str, Ranges]] = set()

    def add_open(self, item: Located, start: int | None) -> None:
        """Note an entity that has no place yet."""
        self._open_like[_like(item)].append(start or 0)
        if start:
            insort(self._open, start)

    def add_placed(self, item: Located, start: int | None, ranges: Ranges, *, was_open: bool = True) -> None:
        """Note where an entity stands."""
        self._taken.add((item.entity.class_id, ranges))
        low, high = ranges[0]
        if was_open:
            self._open_like[_like(item)].remove(start or 0)
            if start:
                self._open.pop(bisect_left(self._open, start))
        if start:
            insort(self._placed, (start, low, high))
            insort(self._by_place, (low, high, start))
            self._longest = max(self._longest, high - low)

    def is_taken(self, item: Located, ranges: Ranges) -> bool:
        """Whether another entity of its type stands exactly there."""
        return (item.entity.class_id, ranges) in self._taken

    def unexplained(self, start: int | None) -> int:
        """How many others have no place."""
        return len(self._open) - bool(start)

    def has_rival(self, item: Located) -> bool:
        """Whether an entity without a place may stand where this one's text does.

        That is one of its type with its text, or one whose text holds its text.
        """
        if len(self._open_like[_like(item)]) > 1:
            return True
        text = item.entity.text
        return any(
            text in other and text != other for (_, other), offsets in self._open_like.items() if offsets
        )

    def around(self, start: int) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Offset and shift of the placed entities that come before and after an offset."""
        before = bisect_left(self._placed, (start,)) - 1
        after = bisect_right(self._placed, (start, float("inf")))
        return (
            _shift(self._placed[before]) if before >= 0 else None,
            _shift(self._placed[after]) if after < len(self._placed) else None,
        )

    def room(self, start: int, length: int) -> tuple[int, int, bool]:
        """How far an entity may be shifted, given those before and after it, and whether there are both."""
        before, after = self.around(start)
        low = sum(before) - SLACK - start if before else -start
        high = sum(after) + SLACK - start if after else length - start
        if before and after:
            shifts = before[1], after[1]
            return max(low, min(shifts) - SLACK), min(high, max(shifts) + SLACK), True
        return low, high, False

    def is_alone(self, start: int) -> bool:
        """Whether the next entity on either side has no place."""
        before, after = bisect_left(self._open, start) - 1, bisect_right(self._open, start)
        if before < 0 or after == len(self._open):
            return False
        placed = self.around(start)
        return (placed[0] or (-1,))[0] < self._open[before] and (
            placed[1] is None or placed[1][0] > self._open[after]
        )

    def overlapping(self, place: Place) -> Iterator[int]:
        """How far each of the entities is shifted that stand where a place is."""
        for low, high, start in self._by_place[bisect_left(self._by_place, (place[0] - self._longest,)) :]:
            if low >= place[1]:
                return
            if high > place[0]:
                yield low - start


def _shift(placed: tuple[int, int, int]) -> tuple[int, int]:
    return placed[0], placed[1] - placed[0]


def _like(item: Located) -> tuple[str, str]:
    return item.entity.class_id, item.entity.text
