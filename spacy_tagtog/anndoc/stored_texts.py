"""Where the texts that ann.json stores stand in a part."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Final

from spacy_tagtog.anndoc.text_forms import INVISIBLE, Rewriting, is_whole, loosely

Place = tuple[int, int]
"""Start and end in code points of the part's text."""

_MAX_OCCURRENCES: Final = 1000
"""A text that stands in more places than this says nothing about where an entity was."""

# Letters that people, keyboards and parsers exchange and that Unicode's decompositions don't relate.
_LOOK_ALIKES: Final = str.maketrans(
    "αβγδεζηθικλμνοπρσςτυφχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ–—−‐‑’‘“”×·", "abgdezhqiklmnoprsstufxwABEZHIKMNOPTYX-----''\"\"x."
)


class StoredTexts:
    """Looks stored texts up in the text of a part, up to an amount of work.

    Args:
        text: The part's text.
        work: How many characters may be looked at.
    """

    def __init__(self, text: str, work: int) -> None:
        self.text = text
        self._work = work
        self._places: dict[str, tuple[list[Place], bool]] = {}

    def spend(self, characters: int) -> bool:
        """Note that characters are looked at, and say whether so many may be."""
        self._work -= characters
        return self._work >= 0

    def places(self, surface: str) -> tuple[list[Place], bool]:
        """Where a text stands, else where it stands in another form, and whether these are all places."""
        found = self._places.get(surface)
        if found is None:
            places: list[Place] = []
            affordable = self.spend(len(self.text) + len(surface))
            if affordable:
                places = [
                    (start, start + len(surface))
                    for start in _occurrences(self.text, surface)
                    if is_whole(self.text, start, start + len(surface))
                ] or self._loosely(surface)
            found = self._places[surface] = places, affordable and len(places) < _MAX_OCCURRENCES
        return found

    @cached_property
    def _loose(self) -> Rewriting:
        self.spend(10 * len(self.text))
        return loosely(self.text)

    def _loosely(self, surface: str) -> list[Place]:
        wanted = loosely(surface).text
        if not wanted.strip() or not self.spend(len(self._loose.text)):
            return []
        found = []
        for position in _occurrences(self._loose.text, wanted):
            start, is_first = self._loose.source_start(position)
            end = self._loose.source_end(position + len(wanted))
            if is_first and end is not None and is_whole(self.text, start, end):
                found.append((start, end))
        return found

    def loosely_at(self, start: int, surface: str) -> Place | None:
        """The place that begins here, if the same text stands there in another form."""
        wanted = loosely(surface).text
        self.spend(10 * len(surface))
        window = loosely(self.text[start : start + 3 * len(surface) + 20])
        if not wanted.strip() or not window.text.startswith(wanted):
            return None
        end = window.source_end(len(wanted))
        return None if end is None or not is_whole(self.text, start, start + end) else (start, start + end)

    def is_word(self, place: Place) -> bool:
        """Whether a place begins and ends with a word."""
        return not any(
            0 < position < len(self.text)
            and self.text[position - 1].isalnum()
            and self.text[position].isalnum()
            for position in place
        )


def _occurrences(text: str, surface: str) -> Iterator[int]:
    position = text.find(surface)
    for _ in range(_MAX_OCCURRENCES):
        if position < 0:
            return
        yield position
        position = text.find(surface, position + 1)


@lru_cache(maxsize=4096)
def _skeleton(character: str) -> str:
    """What a character looks like: without accents and variants, Greek letters as Latin ones."""
    base = unicodedata.normalize("NFKD", character.translate(_LOOK_ALIKES))[:1]
    return base.translate(_LOOK_ALIKES) or character


def look_alike(one: str, other: str) -> bool:
    """Whether two characters look alike."""
    return _skeleton(one) == _skeleton(other)


def difference(there: str, stored: str) -> str:
    """The method that says in what two texts differ that are the same in another form."""
    there, stored = ("".join(one for one in text if one not in INVISIBLE) for text in (there, stored))
    if there == stored:
        return "invisible"
    there, stored = (unicodedata.normalize("NFKC", text) for text in (there, stored))
    if there == stored:
        return "normal_form"
    return "white_space" if there.split() == stored.split() else "escaped"
