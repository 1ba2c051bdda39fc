"""Mending offsets that point at another text, where the right place is certain.

Most wrong offsets of real projects have one of few causes:

- a literal ``<`` or ``&`` in the source shifted everything after it by a constant;
- an annotation was stored at 0 although its text stands elsewhere in the part;
- a look-alike character (``α`` and ``a``) was exchanged;
- markup was escaped twice.

Each method here accepts a place only if no other is as plausible: a wrong repair is worse than none. The
original annotation is never changed; a repair only says where it stands.

How often each method is right was measured by breaking right offsets of real corpora in the same ways, see
``docs/offsets.md``.
"""

from __future__ import annotations

import html
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

from spacy_tagtog.anndoc.locate import Located, Repair
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import Part

CONFIDENCE: Final[dict[str, float]] = {
    "shift": 0.99,
    "look_alike": 0.99,
    "escaped": 0.99,
    "one_character": 0.95,
    "unique": 0.97,
    "nearest": 0.95,
}
"""How sure each method is."""

_MAX_SHIFT: Final = 64
"""The largest shift. Dropped or doubled markup shifts a little; more is likely a coincidence."""
_MIN_UNIQUE: Final = 3
"""The shortest text whose only occurrence means something, in characters."""
_MIN_SAME: Final = 12
"""From this length on, two texts that differ in one character are meant to be the same."""
_NEAR: Final = 8
"""The nearest occurrence is at most this far away, in characters."""
_FARTHER: Final = 4
"""The next nearest occurrence is at least this many times farther."""
_MAX_OCCURRENCES: Final = 1000
"""A text that stands in more places than this says nothing about where an entity was."""
_MAX_WORK: Final = 2_000_000_000
"""How many characters of a part are looked at for its broken entities: some seconds of work.

Hostile files ask for hours. What is not looked at stays a fault."""

# Letters that people, keyboards and parsers exchange and that Unicode's decompositions don't relate.
_LOOK_ALIKES: Final = str.maketrans(
    "αβγδεζηθικλμνοπρσςτυφχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ–—−‐‑’‘“”×·", "abgdezhqiklmnoprsstufxwABEZHIKMNOPTYX-----''\"\"x."
)


@lru_cache(maxsize=4096)
def _skeleton(character: str) -> str:
    """What a character looks like: without accents and variants, Greek letters as Latin ones."""
    base = unicodedata.normalize("NFKD", character.translate(_LOOK_ALIKES))[:1]
    return base.translate(_LOOK_ALIKES) or character


def repair(parts: Mapping[str, Part], located: Sequence[Located], *, unit: OffsetUnit) -> list[Located]:
    """Place entities whose offset points at another text, where one place is certain.

    Args:
        parts: The parts of the document's content.
        located: What :func:`~spacy_tagtog.anndoc.locate.locate` found.
        unit: How the offsets count.

    Returns:
        The same list; entities that were repaired have ranges, no problem, and a
        :class:`~spacy_tagtog.anndoc.locate.Repair`.
    """
    broken: dict[str, list[int]] = defaultdict(list)
    sound: dict[str, list[Located]] = defaultdict(list)
    for index, item in enumerate(located):
        if item.problem == "offset_mismatch":
            broken[item.entity.part].append(index)
        elif item.problem is None:
            sound[item.entity.part].append(item)
    result = list(located)
    for part_id, indices in broken.items():
        work = _Part(parts[part_id].text, unit, [result[index] for index in indices], sound[part_id])
        for index, fixed in zip(indices, work.repaired(), strict=True):
            if fixed is not None:
                result[index] = fixed
    return result


def _same(offset: int) -> int:
    return offset


def _occurrences(text: str, surface: str) -> Iterator[int]:
    position = text.find(surface)
    for _ in range(_MAX_OCCURRENCES):
        if position < 0:
            return
        yield position
        position = text.find(surface, position + 1)


class _Part:
    """The broken entities of one part."""

    def __init__(
        self, text: str, unit: OffsetUnit, broken: Sequence[Located], sound: Sequence[Located]
    ) -> None:
        self.text = text
        self.broken = broken
        self.sound = sound
        self.work = _MAX_WORK
        self._places: dict[str, tuple[list[int], bool]] = {}
        converter = OffsetConverter(text)
        self.to_points: Callable[[int], int | None] = converter.to_code_points if unit == "utf-16" else _same

    def start(self, item: Located, fragment: int = 0) -> int | None:
        return self.to_points(item.entity.fragments[fragment].start)

    def places(self, surface: str) -> tuple[list[int], bool]:
        """Where a text stands, and whether it is known that it stands nowhere else."""
        found = self._places.get(surface)
        if found is None:
            self.work -= len(self.text) + len(surface)
            places = (
                []
                if self.work < 0
                else [
                    place
                    for _, place in zip(
                        range(_MAX_OCCURRENCES), _occurrences(self.text, surface), strict=False
                    )
                ]
            )
            found = self._places[surface] = places, self.work >= 0 and len(places) < _MAX_OCCURRENCES
        return found

    def repaired(self) -> list[Located | None]:
        shifts = self.shifts()
        return [self.one(item, shifts[number]) for number, item in enumerate(self.broken)]

    def one(self, item: Located, shift: int | None) -> Located | None:
        methods: Mapping[str, Callable[[Located], tuple[tuple[int, int], ...] | None]] = {
            "shift": lambda item: None if shift is None else self.shifted(item, shift),
            "look_alike": self.look_alike,
            "escaped": self.escaped,
            "one_character": self.one_character,
            "unique": self.unique,
            "nearest": self.nearest,
        }
        for method, find in methods.items():
            self.work -= sum(len(fragment.text) for fragment in item.entity.fragments)
            ranges = None if self.work < 0 else find(item)
            if ranges is not None:
                moved = (
                    f"moved by {ranges[0][0] - (self.start(item) or 0):+d}"
                    if ranges[0][0] != self.start(item)
                    else ""
                )
                there = " … ".join(self.text[start:end] for start, end in ranges)
                detail = ", ".join(
                    filter(None, [moved, f"there stands {there!r}" if there != item.entity.text else ""])
                )
                return replace(
                    item,
                    ranges=ranges,
                    problem=None,
                    detail="",
                    repair=Repair(method, CONFIDENCE[method], detail),
                )
        return None

    # ---- a constant shift from one place on

    def shifted(self, item: Located, shift: int) -> tuple[tuple[int, int], ...] | None:
        ranges = []
        for number, fragment in enumerate(item.entity.fragments):
            start = self.start(item, number)
            if start is None or start + shift < 0 or not self.text.startswith(fragment.text, start + shift):
                return None
            ranges.append((start + shift, start + shift + len(fragment.text)))
        return tuple(ranges)

    def candidates(self, item: Located) -> set[int]:
        start = self.start(item)
        first = item.entity.fragments[0].text
        if start is None:
            return set()
        low, high = max(0, start - _MAX_SHIFT), start + _MAX_SHIFT
        found = set()
        for place in _occurrences(self.text[low : high + len(first)], first):
            self.work -= sum(len(fragment.text) for fragment in item.entity.fragments)
            if self.work < 0:
                return set()
            if self.shifted(item, place + low - start) is not None:
                found.add(place + low - start)
        return found

    def shifts(self) -> list[int | None]:
        """Per broken entity, the shift that it shares with another, with no sound entity between them."""
        rigid = sorted(item.start for item in self.sound)
        voices = [
            _Voice(start, item.entity.text, self.candidates(item))
            for item in self.broken
            if (start := self.start(item)) is not None
        ]
        # Two have no sound entity between them if none stands after the one and before the other.
        between: dict[int, _Assembly] = defaultdict(_Assembly)
        for voice in voices:
            for gap in _gaps(rigid, voice.start):
                between[gap].add(voice)
        speakers = iter(voices)
        result: list[int | None] = []
        for item in self.broken:
            if self.start(item) is None:
                result.append(None)
                continue
            me = next(speakers)
            votes: Counter[int] = Counter()
            for gap in _gaps(rigid, me.start):
                votes.update(between[gap].votes(me))
            best = votes.most_common(2)
            certain = best and (len(best) == 1 or best[0][1] > best[1][1])
            result.append(best[0][0] if certain and (best[0][1] >= 3 or len(me.shifts) == 1) else None)
        return result

    # ---- the offset is right, the text isn't

    def differences(self, item: Located) -> list[tuple[str, str]] | None:
        """The characters in which the text at the offset and the stored text differ.

        Returns:
            ``None`` where the part ends before it, and where the stored text stands somewhere else letter by
            letter: then it isn't this place that is meant.
        """
        if any(
            found or not certain
            for found, certain in (self.places(fragment.text) for fragment in item.entity.fragments)
        ):
            return None
        different: list[tuple[str, str]] = []
        for number, fragment in enumerate(item.entity.fragments):
            start = self.start(item, number)
            there = "" if start is None else self.text[start : start + len(fragment.text)]
            if len(there) != len(fragment.text):
                return None
            different.extend((a, b) for a, b in zip(there, fragment.text, strict=True) if a != b)
        return different

    def in_place(self, item: Located) -> tuple[tuple[int, int], ...]:
        starts = [
            (self.start(item, number) or 0, fragment.text)
            for number, fragment in enumerate(item.entity.fragments)
        ]
        return tuple((start, start + len(text)) for start, text in starts)

    def look_alike(self, item: Located) -> tuple[tuple[int, int], ...] | None:
        different = self.differences(item)
        if not different or any(_skeleton(a) != _skeleton(b) for a, b in different):
            return None
        length = sum(len(fragment.text) for fragment in item.entity.fragments)
        return self.in_place(item) if len(different) <= max(1, length // 4) else None

    def one_character(self, item: Located) -> tuple[tuple[int, int], ...] | None:
        different = self.differences(item)
        length = sum(len(fragment.text) for fragment in item.entity.fragments)
        return (
            self.in_place(item)
            if different is not None and len(different) == 1 and length >= _MIN_SAME
            else None
        )

    # ---- markup escaped once too often or too seldom

    def escaped(self, item: Located) -> tuple[tuple[int, int], ...] | None:
        if len(item.entity.fragments) != 1:
            return None
        fragment = item.entity.fragments[0]
        plain = html.unescape(fragment.text)
        raw = self.escaped_text
        # The offset counts in the text as it was before it was unescaped.
        if raw != self.text and raw.startswith(fragment.text, fragment.start):
            self.work -= 10 * fragment.start
            if self.work < 0:
                return None
            start = len(html.unescape(raw[: fragment.start]))
            if (
                self.text.startswith(plain, start)
                and html.escape(self.text[:start], quote=False) == raw[: fragment.start]
            ):
                return ((start, start + len(plain)),)
        start_here = self.start(item)
        if (
            plain
            and plain != fragment.text
            and start_here is not None
            and self.text.startswith(plain, start_here)
        ):
            return ((start_here, start_here + len(plain)),)
        return None

    @cached_property
    def escaped_text(self) -> str:
        return html.escape(self.text, quote=False)

    # ---- the only place where the text stands

    def unique(self, item: Located) -> tuple[tuple[int, int], ...] | None:
        if len(item.entity.fragments) != 1:
            return None
        surface = item.entity.fragments[0].text
        if len(surface.strip()) < _MIN_UNIQUE:
            return None
        places = self.words(surface)
        return ((places[0], places[0] + len(surface)),) if len(places) == 1 else None

    def nearest(self, item: Located) -> tuple[tuple[int, int], ...] | None:
        start = self.start(item)
        surface = item.entity.fragments[0].text
        # An offset of 0 says nothing of where the text is.
        if len(item.entity.fragments) != 1 or not start or len(surface.strip()) < _MIN_UNIQUE:
            return None
        places = self.words(surface)
        here = bisect_left(places, start)
        around = sorted(places[max(0, here - 2) : here + 2], key=lambda place: abs(place - start))
        if not around or abs(around[0] - start) > _NEAR:
            return None
        if len(around) > 1 and abs(around[1] - start) < _FARTHER * max(abs(around[0] - start), 2):
            return None
        return ((around[0], around[0] + len(surface)),)

    def words(self, surface: str) -> list[int]:
        """Where a text stands as whole words, else all its places. Nothing if not all are known."""
        places, certain = self.places(surface)
        if not certain:
            return []
        return [
            place
            for place in places
            if not (self._inside_word(place) or self._inside_word(place + len(surface)))
        ] or places

    def _inside_word(self, position: int) -> bool:
        return (
            0 < position < len(self.text)
            and self.text[position - 1].isalnum()
            and self.text[position].isalnum()
        )


@dataclass(frozen=True)
class _Voice:
    """What a broken entity says of how far it was shifted."""

    start: int
    text: str
    shifts: set[int]


class _Assembly:
    """The broken entities between two sound ones, counted so that each can ask what all the others say."""

    def __init__(self) -> None:
        self._all: Counter[int] = Counter()
        self._of_text: Counter[tuple[int, str]] = Counter()
        self._of_start: Counter[tuple[int, int]] = Counter()
        self._of_both: Counter[tuple[int, str, int]] = Counter()

    def add(self, voice: _Voice) -> None:
        for shift in voice.shifts:
            self._all[shift] += 1
            self._of_text[shift, voice.text] += 1
            self._of_start[shift, voice.start] += 1
            self._of_both[shift, voice.text, voice.start] += 1

    def votes(self, me: _Voice) -> dict[int, int]:
        """How many others share each of its shifts.

        Two mentions of one text agree on many shifts by chance, two texts hardly ever do: they count thrice.
        """
        votes = {}
        for shift in me.shifts:
            same_text_elsewhere = self._of_text[shift, me.text] - self._of_both[shift, me.text, me.start]
            elsewhere = self._all[shift] - self._of_start[shift, me.start]
            if elsewhere:
                votes[shift] = 3 * (elsewhere - same_text_elsewhere) + same_text_elsewhere
        return votes


def _gaps(rigid: Sequence[int], start: int) -> set[int]:
    """The stretches between sound entities that a place is in: two where it is that of a sound one."""
    return {bisect_left(rigid, start), bisect_right(rigid, start)}
