"""Ranges of a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate


class Reach:
    """Answers whether a range shares a character with one of many, in O(log n).

    Args:
        ranges: (first character, one past the last) of each, in any order. They may overlap.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(pair for pair in ranges if pair[0] < pair[1])
        self._starts = [start for start, _ in ordered]
        self._ends = list(accumulate((end for _, end in ordered), max))  # the farthest end so far

    def touches(self, start: int, end: int) -> bool:
        """Whether the range from ``start`` to before ``end`` shares a character with one of them."""
        before = bisect_left(self._starts, end)
        return start < end and before > 0 and self._ends[before - 1] > start
