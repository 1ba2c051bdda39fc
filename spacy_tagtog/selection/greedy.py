"""Greedy choice of sets whose members are worth less the more they have in common."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence


def lazy_greedy(
    bounds: Sequence[float], value: Callable[[int], float], size: int, accept: Callable[[int], None]
) -> list[tuple[int, float]]:
    """Choose items one after the other, each time the one whose value is greatest beside those chosen before.

    An item is valued anew only when it could be the next: values never rise as more is chosen, so old ones
    are bounds (Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978). Of
    equal values the first item is taken.

    Args:
        bounds: The value of each item while nothing is chosen.
        value: The value of an item beside what was accepted so far; never above its value earlier.
        size: How many to choose.
        accept: Called with each item that is chosen.

    Returns:
        (item, its value when it was chosen), in order.
    """
    heap = [(-bound, index, 0) for index, bound in enumerate(bounds)]
    heapq.heapify(heap)
    chosen: list[tuple[int, float]] = []
    while heap and len(chosen) < size:
        negative, index, known_at = heapq.heappop(heap)
        if known_at == len(chosen):
            chosen.append((index, -negative))
            accept(index)
        else:
            heapq.heappush(heap, (-value(index), index, len(chosen)))
    return chosen
