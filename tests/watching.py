"""A progress that remembers what went through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Watching:
    """Give it to a function as ``progress``.

    Attributes:
        seen: The items of each loop.
        totals: How many each loop was said to have.
    """

    def __init__(self) -> None:
        self.seen: list[list[object]] = []
        self.totals: list[int | None] = []

    def __call__(self, items: Iterable[T], total: int | None = None, /) -> Iterator[T]:
        seen: list[object] = []
        self.seen.append(seen)
        self.totals.append(total)
        for item in items:
            seen.append(item)
            yield item
