"""A document in pages of bounded size: which stretches of its parts stand on which page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.anndoc import Part
from spacy_tagtog.server.web.highlights import LaneSpan

_PAGE: Final = 60_000
"""How much a page holds, in characters of text."""
_PART: Final = 100
"""What the border of a part adds, as so many characters."""
_ENTITY: Final = 50
"""What an entity adds."""
_LINE: Final = 500
"""A part is cut between words where there is a space among so many characters."""


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a part's text, in code points."""

    part: Part
    start: int
    end: int


def pages_of(parts: Iterable[Part], spans: Mapping[str, Sequence[LaneSpan]]) -> list[list[Excerpt]]:
    """Divide the parts of a document among pages. A part that is too long is cut.

    Args:
        parts: The parts.
        spans: Part id → the stretches of its entities that are shown.

    Returns:
        Each page's excerpts; at least one page. Together they are the text, each character once.
    """
    pages: list[list[Excerpt]] = [[]]
    room = _PAGE
    for part in parts:
        starts = sorted(span.start for _, span in spans.get(part.id, ()))
        start = 0
        while True:
            end = _end(part.text, starts, start, room - _PART)
            if end is None:
                if pages[-1]:
                    pages.append([])
                room = _PAGE
                continue
            pages[-1].append(Excerpt(part, start, end))
            room -= _PART + _size(starts, start, end)
            if end == len(part.text):
                break
            start, room = end, 0
    return pages


def _size(starts: Sequence[int], start: int, end: int) -> int:
    return end - start + _ENTITY * (bisect_left(starts, end) - bisect_left(starts, start))


def _end(text: str, starts: Sequence[int], start: int, room: int) -> int | None:
    """Where a stretch of a text has to end, so that it fits; ``None`` where it should begin on a new page."""
    if _size(starts, start, len(text)) <= room:
        return len(text)
    if room < _PAGE - _PART:
        return None
    # Not one character with all its entities is larger than a page: only a few of them are shown.
    low, high = start + 1, min(len(text), start + room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(starts, start, middle) <= room else (low, middle - 1)
    space = text.rfind(" ", max(start + 1, low - _LINE), low)
    return low if space == -1 else space + 1
