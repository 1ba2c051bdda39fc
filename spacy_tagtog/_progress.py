"""How long tasks show how far they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Wraps what a task goes through, to show how far it is: any function such as ``tqdm.tqdm``.

    It gives the same items in the same order.
    """

    def __call__(self, items: Iterable[T], total: int | None = None, /) -> Iterable[T]:
        """Go through the items.

        Args:
            items: What the task goes through.
            total: How many there are, where that is known.
        """
        ...


def silent(items: Iterable[T], total: int | None = None, /) -> Iterable[T]:
    """Show nothing."""
    return items
