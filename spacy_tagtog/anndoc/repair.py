"""Mending offsets that point at another text, where the right place is certain.

Most wrong offsets have one of few causes:

- they count in another form of the text: another normal form, escaped markup, CRLF, bytes;
- text was deleted, inserted or rewritten before them, so that everything after it is shifted;
- the stored text differs from the one at the offset in look-alike characters, soft hyphens and the like;
- an annotation was stored at 0 although its text stands elsewhere in the part.

Each method accepts a place only if no other is as plausible: a wrong repair is worse than none. Where many
broken entities of a part stay unexplained, only those that count in a known form are repaired. The original
annotation is never changed; a repair only says where it stands.

How often each method is right was measured by breaking right offsets of real corpora in many ways, see
``docs/offsets.md``.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from spacy_tagtog.anndoc.locate import Located, Repair
from spacy_tagtog.anndoc.neighbours import SLACK, Neighbours, Ranges
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import Part
from spacy_tagtog.anndoc.shifts import OWN_FAULT, Step, probabilities
from spacy_tagtog.anndoc.stored_texts import Place, StoredTexts, difference, look_alike
from spacy_tagtog.anndoc.text_forms import Form, forms, plain

CONFIDENCE: Final[dict[str, float]] = {
    "normal_form": 0.995,
    "escaped": 0.995,
    "line_breaks": 0.995,
    "white_space": 0.995,
    "invisible": 0.995,
    "unit": 0.995,
    "origin": 0.995,
    "shift": 0.995,
    "look_alike": 0.99,
    "one_character": 0.95,
    "unique": 0.97,
    "nearest": 0.94,
}
"""How often each method is right at least, under any kind of breakage.

``benchmarks/repair.py`` prints what each may state (``may state``). These are no higher.
"""

_MIN_UNIQUE: Final = 3
"""The shortest text whose only occurrence means something, in characters."""
_MIN_SAME: Final = 12
"""From this length on, two texts that differ in one character are meant to be the same."""
_NEAR: Final = 8
"""The nearest occurrence is at most this far away, in characters."""
_FARTHER: Final = 4
"""The next nearest occurrence is at least this many times farther."""
_EVIDENCE: Final = 10.0
"""How improbable it must be that texts stand by chance where another form has them, as a logarithm."""
_ROUNDS: Final = 3
"""How often it is estimated anew how many entities have faults of their own."""
_PROBABLE: Final = 0.95
"""How probable a shift must be."""
_MAX_WORK: Final = 2_000_000_000
"""How many characters of a part are looked at for its broken entities: some seconds of work.

Hostile files ask for hours. What is not looked at stays a fault."""


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
    bases = _bases(parts, unit) if broken else {}
    result = list(located)
    for part_id, indices in broken.items():
        work = _Part(
            parts[part_id].text, unit, bases[part_id], [result[index] for index in indices], sound[part_id]
        )
        for index, fixed in zip(indices, work.repaired(), strict=True):
            if fixed is not None:
                result[index] = fixed
    return result


def _bases(parts: Mapping[str, Part], unit: OffsetUnit) -> dict[str, set[int]]:
    """How much text stands before each part, if parts are divided by none, one or two characters."""
    before, result = 0, {}
    for number, part in enumerate(parts.values()):
        result[part.id] = {before + number * gap for gap in range(3)}
        before += OffsetConverter(part.text).utf16_length if unit == "utf-16" else len(part.text)
    return result


class _Part:
    """The broken entities of one part."""

    def __init__(
        self,
        text: str,
        unit: OffsetUnit,
        bases: set[int],
        broken: Sequence[Located],
        sound: Sequence[Located],
    ) -> None:
        self.text = text
        self.unit = unit
        self.bases = bases
        self.broken = broken
        self.sound = sound
        self.stored = StoredTexts(text, _MAX_WORK)
        self.form = plain(text, unit)
        self.found: list[tuple[str, Ranges] | None] = [None] * len(broken)
        self.neighbours = Neighbours()

    def start(self, item: Located, fragment: int = 0) -> int | None:
        """Where an offset points, as far as is known how it counts."""
        return self.form.start(item.entity.fragments[fragment].start)

    def places(self, item: Located) -> tuple[list[Place], bool]:
        """Where the text of an entity's first fragment stands, and whether these are all places."""
        return self.stored.places(item.entity.fragments[0].text)

    # ---- all methods, the surest first

    def repaired(self) -> list[Located | None]:
        fitting = self.by_form()
        for item in self.sound:
            self.neighbours.add_placed(item, self.start(item), item.ranges, was_open=False)
        for item in self.broken:
            self.neighbours.add_open(item, self.start(item))
        for number, ranges in fitting.items():
            self.accept(number, self.form.method, ranges)
        self.by_chain()
        for method in (self.other_form, self.other_character, self.unique):
            self.one_by_one(method)
        self.nearest_of_all()
        self.one_by_one(self.unique)
        return [
            None if found is None else self.fixed(item, *found)
            for item, found in zip(self.broken, self.found, strict=True)
        ]

    def fixed(self, item: Located, method: str, ranges: Ranges) -> Located:
        start = self.start(item)
        moved = "" if start is None or ranges[0][0] == start else f"moved by {ranges[0][0] - start:+d}"
        there = " … ".join(self.text[start:end] for start, end in ranges)
        shown = f"there stands {there!r}" if there != item.entity.text else ""
        detail = ", ".join(filter(None, [self.form.said, moved, shown]))
        return replace(
            item, ranges=ranges, problem=None, detail="", repair=Repair(method, CONFIDENCE[method], detail)
        )

    def one_by_one(self, method: Callable[[Located], tuple[str, Ranges] | None]) -> None:
        for number, item in enumerate(self.broken):
            affordable = self.stored.spend(sum(len(fragment.text) for fragment in item.entity.fragments))
            if affordable and self.found[number] is None and (found := method(item)):
                self.accept(number, *found)

    def accept(self, number: int, method: str, ranges: Ranges) -> None:
        item = self.broken[number]
        self.found[number] = method, ranges
        self.neighbours.add_placed(item, self.start(item), ranges)

    # ---- offsets that count in another form of the text

    def by_form(self) -> dict[int, Ranges]:
        """Find the form in which offsets count, and where the broken entities stand that fit it.

        Nearly all broken entities must fit it, and hardly any sound one may speak against it. Where several
        forms fit as well, an entity is placed if all of them say the same.
        """
        best: list[tuple[Form, list[Ranges | None]]] = []
        most = 1
        for form in forms(self.text, self.unit, self.bases):
            if not self.stored.spend(10 * len(self.text)):
                return {}
            fits = [_fit(form, item) for item in self.broken]
            fitting = sum(fit is not None for fit in fits)
            if 10 * fitting < 9 * len(self.broken):
                continue
            # Some entities of a document may count in one unit, others in the other.
            contrary = (
                0 if form.method == "unit" else sum(_fit(form, item) != item.ranges for item in self.sound)
            )
            score = fitting - contrary
            if 10 * contrary <= fitting and score >= most:
                best = [*best, (form, fits)] if score == most else [(form, fits)]
                most = score
        if not best or not self.is_evident(best[0][1]):
            return {}
        self.form = best[0][0]
        return {
            number: fits[0]
            for number, fits in enumerate(zip(*(fits for _, fits in best), strict=True))
            if fits[0] is not None and len(set(fits)) == 1
        }

    def is_evident(self, fits: Sequence[Ranges | None]) -> bool:
        """Whether so many texts don't stand at such places by chance."""
        evidence = 0.0
        for item, fit in zip(self.broken, fits, strict=True):
            if fit is not None:
                places, _ = self.places(item)
                evidence += math.log(len(self.text) / max(1, len(places)))
                if len(places) == 1 or evidence > _EVIDENCE:
                    return True
        return False

    # ---- shifts

    def by_chain(self) -> None:
        """Place the entities whose shift is certain, given all others of the part."""
        anchors = [(item, item.ranges) for item in self.sound]
        anchors += [(item, found[1]) for item, found in zip(self.broken, self.found, strict=True) if found]
        fixed = [
            Step(start, frozenset({ranges[0][0] - start}), len(self.places(item)[0]))
            for item, ranges in anchors
            if (start := self.start(item)) is not None
        ]
        free = {
            number: Step(start, *self.shifts(item, start))
            for number, item in enumerate(self.broken)
            if self.found[number] is None and (start := self.start(item)) is not None
        }
        while True:
            claims = self.claims(fixed, free)
            # Two entities of one type, stored at different offsets, don't stand at one place.
            rivals = {
                number: ranges[0][0]
                for (_, ranges), numbers in claims.items()
                if len({free[number].start for number in numbers}) > 1
                for number in numbers
            }
            if not rivals:
                break
            for number, place in rivals.items():
                step = free[number]
                free[number] = replace(step, shifts=step.shifts - {place - step.start})
        for (_, ranges), numbers in claims.items():
            for number in numbers:
                self.accept(number, "shift", ranges)

    def claims(self, fixed: Sequence[Step], free: Mapping[int, Step]) -> dict[tuple[str, Ranges], list[int]]:
        """Which entities of a type stand where, going by the likeliest shifts."""
        steps = [*((step, -1) for step in fixed), *((step, number) for number, step in free.items())]
        steps.sort(key=lambda pair: pair[0].start)
        claims: defaultdict[tuple[str, Ranges], list[int]] = defaultdict(list)
        fault = OWN_FAULT
        for _ in range(_ROUNDS):
            claims.clear()
            if not self.stored.spend(sum(50_000 + 200 * len(step.shifts) for step, _ in steps)):
                return {}
            unexplained = 0
            chances = probabilities([step for step, _ in steps], len(self.text), fault)
            for (step, number), likely in zip(steps, chances, strict=True):
                shift = max(likely, key=likely.__getitem__, default=0)
                if likely.get(shift, 0) < _PROBABLE:
                    unexplained += step.start > 0
                elif number >= 0:
                    item = self.broken[number]
                    claims[item.entity.class_id, self.at(item, step.start + shift)].append(number)
            # The more entities stay unexplained, the less any of them proves.
            if unexplained <= fault * len(steps):
                break
            fault = unexplained / len(steps)
        return claims

    def shifts(self, item: Located, start: int) -> tuple[frozenset[int], int]:
        """The shifts that lead to free places of an entity's text, and the number of all its places."""
        places, certain = self.places(item)
        if not certain or not places or not self.stored.spend(len(places) * len(item.entity.fragments)):
            return frozenset(), 0
        free = (
            place
            for place, _ in places
            if (ranges := self.at(item, place)) and not self.neighbours.is_taken(item, ranges)
        )
        return frozenset(place - start for place in free), len(places)

    def at(self, item: Located, place: int) -> Ranges:
        """The places of all fragments, if the first stands at a place; empty if they don't stand there."""
        first = self.start(item)
        ranges = []
        for number, fragment in enumerate(item.entity.fragments):
            start = self.start(item, number)
            if start is None or first is None:
                return ()
            wanted = start + place - first
            places = self.stored.places(fragment.text)[0]
            here = bisect_left(places, (wanted, 0))
            if here == len(places) or places[here][0] != wanted:
                return ()
            ranges.append(places[here])
        return tuple(ranges)

    # ---- the offset is right, the text isn't

    def other_form(self, item: Located) -> tuple[str, Ranges] | None:
        """The stored text is another form of the text at the offset."""
        ranges = []
        for number, fragment in enumerate(item.entity.fragments):
            start = self.start(item, number)
            place = None if start is None else self.stored.loosely_at(start, fragment.text)
            if place is None:
                return None
            ranges.append(place)
        there = " … ".join(self.text[start:end] for start, end in ranges)
        return difference(there, item.entity.text), tuple(ranges)

    def other_character(self, item: Located) -> tuple[str, Ranges] | None:
        """The text at the offset differs in look-alikes, or in one character of many.

        Where the stored text stands somewhere else letter by letter, it isn't this place that is meant.
        """
        fragments = item.entity.fragments
        starts = [self.start(item, number) for number in range(len(fragments))]
        if any(
            found or not certain for found, certain in (self.stored.places(one.text) for one in fragments)
        ):
            return None
        ranges = tuple(
            (start or 0, (start or 0) + len(one.text)) for start, one in zip(starts, fragments, strict=True)
        )
        start = starts[0]
        if (
            None in starts
            or start is None
            or ranges[-1][1] > len(self.text)
            or self.neighbours.is_alone(start)
        ):
            return None
        low, high, _ = self.neighbours.room(start, len(self.text))
        different = [
            pair
            for (begin, end), one in zip(ranges, fragments, strict=True)
            for pair in zip(self.text[begin:end], one.text, strict=True)
            if pair[0] != pair[1]
        ]
        length = sum(len(one.text) for one in fragments)
        if not different or not low <= 0 <= high:
            return None
        if len(different) <= max(1, length // 4) and all(look_alike(*pair) for pair in different):
            return "look_alike", ranges
        if len(different) == 1 and length >= _MIN_SAME and self.keeps_edges(item, ranges):
            return "one_character", ranges
        return None

    def keeps_edges(self, item: Located, ranges: Ranges) -> bool:
        """Whether the first and last characters are those that are stored, or those of whole words."""
        return all(
            ((there := self.text[start:end])[0] == fragment.text[0] and there[-1] == fragment.text[-1])
            or (there[0].isalnum() and there[-1].isalnum() and self.stored.is_word((start, end)))
            for (start, end), fragment in zip(ranges, item.entity.fragments, strict=True)
        )

    # ---- the only place where the text stands

    def is_explained(self, item: Located) -> bool:
        """Whether it is known where enough others stand, not counting those that are stored at 0."""
        start = self.start(item)
        placed = len(self.sound) + sum(found is not None for found in self.found)
        unexplained = self.neighbours.unexplained(start)
        return placed > 0 and not unexplained if start else unexplained <= placed

    def agrees(self, item: Located, start: int, place: Place) -> bool:
        """Whether the entities before and after it, and those around a place, let an entity stand there."""
        shift = place[0] - start
        low, high, _ = self.neighbours.room(start, len(self.text))
        if not low <= shift <= high:
            return False
        around = [one[1] for one in self.neighbours.around(start) if one] or [0]
        is_near = any(abs(shift - other) <= 2 * _NEAR for other in around)
        is_only = len(self.places(item)[0]) == 1
        if not (is_near and (is_only or not self.neighbours.is_alone(start))) and not self.is_explained(item):
            return False
        # What stands within one another did so before, and was shifted as far.
        return all(abs(other - shift) <= SLACK for other in self.neighbours.overlapping(place))

    def unique(self, item: Located) -> tuple[str, Ranges] | None:
        """The only place where its text may stand."""
        start, surface = self.start(item), item.entity.fragments[0].text
        if len(item.entity.fragments) != 1 or len(surface.strip()) < _MIN_UNIQUE:
            return None
        if self.neighbours.has_rival(item):
            return None
        places, certain = self.places(item)
        if not certain or not self.stored.spend(len(places)):
            return None
        free = [place for place in places if not self.neighbours.is_taken(item, (place,))]
        if start:
            low, high, is_between = self.neighbours.room(start, len(self.text))
            free = [place for place in (free if is_between else places) if low <= place[0] - start <= high]
            if len(free) != 1 or not self.agrees(item, start, free[0]):
                return None
        elif not self.is_explained(item):
            return None
        words = [place for place in free if self.stored.is_word(place)]
        if len(words) != 1 or self.neighbours.is_taken(item, (words[0],)):
            return None
        return "unique", (words[0],)

    def nearest_of_all(self) -> None:
        """Place what stands near its offset, unless the same text of another entity stays without a place."""
        near = {
            number: ranges
            for number, item in enumerate(self.broken)
            if self.found[number] is None and (ranges := self.nearest(item))
        }
        stay = Counter(
            (item.entity.class_id, item.entity.text)
            for number, item in enumerate(self.broken)
            if self.found[number] is None and number not in near
        )
        for number, ranges in near.items():
            entity = self.broken[number].entity
            if not stay[entity.class_id, entity.text]:
                self.accept(number, "nearest", ranges)

    def nearest(self, item: Located) -> Ranges | None:
        start, surface = self.start(item), item.entity.fragments[0].text
        # An offset of 0 says nothing of where the text is.
        if len(item.entity.fragments) != 1 or not start or len(surface.strip()) < _MIN_UNIQUE:
            return None
        places, certain = self.places(item)
        if not certain or not self.stored.spend(len(places)):
            return None
        places = [place for place in places if self.stored.is_word(place)] or places
        around = sorted(places, key=lambda place: abs(place[0] - start))[:2]
        if not around or abs(around[0][0] - start) > _NEAR:
            return None
        if len(around) > 1 and abs(around[1][0] - start) < _FARTHER * max(abs(around[0][0] - start), 2):
            return None
        free = not self.neighbours.is_taken(item, (around[0],))
        return (around[0],) if free and self.agrees(item, start, around[0]) else None


def _fit(form: Form, item: Located) -> Ranges | None:
    """Where an entity stands, if its offsets count in a form."""
    ranges = []
    for fragment in item.entity.fragments:
        place = form.place(fragment.start, fragment.text)
        if place is None:
            return None
        ranges.append(place)
    return tuple(ranges)
