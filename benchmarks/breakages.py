"""Ways in which right offsets become wrong, done to copies of real documents, with the truth kept.

Each kind takes a :class:`Case` and changes it: its texts, its entities as ann.json stores them, or both. An
entity's ``truth`` is where it stands in the changed text, or ``None`` where its text is gone.
"""

from __future__ import annotations

import copy
import html
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_tagtog.anndoc import Annotations, Document, OffsetConverter, Part, locate

GREEK = str.maketrans("abgdemnortx", "αβγδεμνορτχ")
LONGER_THAN = 64
LONGEST = 400
Edit = tuple[int, int, str]
"""Start and end in the old text, and what stands there in the new one."""
Ranges = tuple[tuple[int, int], ...]


@dataclass
class Mention:
    """An entity: what ann.json stores, and where it stands in truth."""

    data: dict[str, Any]
    truth: Ranges | None

    @property
    def part(self) -> str:
        """The part that ann.json names."""
        return str(self.data["part"])


@dataclass
class Case:
    """One version of a document, to be broken."""

    texts: dict[str, str]
    mentions: list[Mention]
    chance: random.Random
    foreign: Callable[[], str]
    """The text of a part of another document."""
    other: Callable[[], str]
    """The text of an entity of another document."""

    def of(self, part: str) -> list[Mention]:
        """The entities of a part whose text is there."""
        return [mention for mention in self.mentions if mention.part == part and mention.truth is not None]

    def borders(self, part: str) -> set[int]:
        """Where entities begin and end."""
        return {place for mention in self.of(part) for edges in mention.truth or () for place in edges}

    def edit(self, part: str, edits: Sequence[Edit], *, cut: bool = False) -> None:
        """Change a text. What an edit overlaps moves with it, or is gone if the edit cuts."""
        old = self.texts[part]
        new, starts, ends = [], [0] * len(old), [0] * len(old)
        done = length = 0

        def add(start: int, end: int, text: str, *, same: bool) -> None:
            nonlocal length
            for place in range(start, end):
                starts[place] = length + (place - start if same else 0)
                ends[place] = starts[place] + 1 if same else length + len(text)
            new.append(text)
            length += len(text)

        for start, end, text in sorted(edits):
            assert start >= done
            add(done, start, old[done:start], same=True)
            add(start, end, text, same=False)
            done = end
        add(done, len(old), old[done:], same=True)
        for mention in self.of(part):
            ranges = mention.truth or ()
            if cut and any(
                start < high and end > low for low, high in ranges for start, end, _ in edits if end > start
            ):
                mention.truth = kept(old, ranges, edits)
            else:
                mention.truth = tuple((starts[low], ends[high - 1]) for low, high in ranges)
        self.texts[part] = "".join(new)

    def store(self) -> None:
        """Write the entities as they stand now, as a right ann.json has them."""
        for part, text in self.texts.items():
            for mention in self.of(part):
                mention.data["offsets"] = [
                    {"start": start, "text": text[start:end]} for start, end in mention.truth or ()
                ]

    def count_utf16(self) -> None:
        """Offsets as tagtog counts them."""
        for part, text in self.texts.items():
            converter = OffsetConverter(text)
            for mention in self.of(part):
                for offset in mention.data["offsets"]:
                    offset["start"] = converter.to_utf16(offset["start"])


def kept(text: str, ranges: Ranges, edits: Sequence[Edit]) -> Ranges | None:
    """Where a cut entity stands nevertheless: "the cat, the dog" without "the cat, " or "cat, the ".

    Only for a single deletion.
    """
    if len(edits) != 1 or edits[0][2] or len(ranges) != 1:
        return None
    ((start, end, _),), ((low, high),) = edits, ranges
    if low < start and text[start:high] == text[end : end + high - start]:
        return ranges
    if high > end and text[low:end] == text[start - (end - low) : start]:
        return ((low - (end - start), high - (end - start)),)
    return None


Kind = Callable[[Case], None]


def case_of(document: Document, member: str, chance: random.Random, pool: Sequence[Document]) -> Case:
    """A version's sound entities, with offsets in code points."""
    version = document.version(member)
    located = locate(document.parts, version)
    mentions = [
        Mention(copy.deepcopy(data), item.ranges)
        for data, item in zip(version.data["entities"], located, strict=True)
        if item.problem is None and all(start < end for start, end in item.ranges)
    ]

    def foreign() -> str:
        return max((part.text for part in chance.choice(pool).parts.values()), key=len, default="")

    def other() -> str:
        surfaces = [
            offset["text"]
            for one in chance.sample(pool, min(5, len(pool)))
            for version in one.versions.values()
            for entity in version.data["entities"]
            for offset in entity["offsets"]
        ]
        return str(chance.choice(surfaces)) if surfaces else "something else"

    case = Case({part.id: part.text for part in document.parts.values()}, mentions, chance, foreign, other)
    case.store()
    return case


def as_document(case: Case) -> tuple[dict[str, Part], Annotations]:
    """What :func:`~spacy_tagtog.anndoc.locate.locate` takes."""
    parts = {name: Part(name, text, "p") for name, text in case.texts.items()}
    return parts, Annotations({"entities": [mention.data for mention in case.mentions]})


# ---- offsets or stored texts change, the text stays


def offsets_of(case: Case, share: float = 1) -> Iterable[dict[str, Any]]:
    """The offsets of a share of the entities."""
    for mention in case.mentions:
        if share == 1 or (len(mention.data["offsets"]) == 1 and case.chance.random() < share):
            yield from mention.data["offsets"]


def shift(case: Case) -> None:
    """Offsets after some place of a part moved by 2 to 8 characters."""
    for part, text in case.texts.items():
        if len(text) > 100:
            place, distance = (
                case.chance.randrange(len(text) // 2),
                case.chance.choice([-4, -3, -2, 2, 3, 4, 8]),
            )
            for mention in case.of(part):
                if mention.data["offsets"][0]["start"] > place:
                    for offset in mention.data["offsets"]:
                        offset["start"] = max(0, offset["start"] + distance)


def zero(case: Case) -> None:
    """One in ten is stored at offset 0."""
    for offset in offsets_of(case, 0.1):
        offset["start"] = 0


def nudge(case: Case) -> None:
    """One in ten is 1 to 3 characters off by itself."""
    for offset in offsets_of(case, 0.1):
        offset["start"] = max(0, offset["start"] + case.chance.choice([-3, -2, -1, 1, 2, 3]))


def greek(case: Case) -> None:
    """In one in ten stored texts a letter became its Greek look-alike."""
    for offset in offsets_of(case, 0.1):
        text = offset["text"]
        places = [i for i, character in enumerate(text) if character.translate(GREEK) != character]
        if places:
            place = case.chance.choice(places)
            offset["text"] = text[:place] + text[place].translate(GREEK) + text[place + 1 :]


def typo(case: Case) -> None:
    """In one in ten stored texts a letter is another one."""
    for offset in offsets_of(case, 0.1):
        place = case.chance.randrange(len(offset["text"]))
        letter = case.chance.choice("abcdefgh")
        offset["text"] = offset["text"][:place] + letter + offset["text"][place + 1 :]


def one_based(case: Case) -> None:
    """Offsets count from 1."""
    for offset in offsets_of(case):
        offset["start"] += 1


def bom(case: Case) -> None:
    """A byte order mark before the first part was counted."""
    first = next(iter(case.texts))
    for mention in case.of(first):
        for offset in mention.data["offsets"]:
            offset["start"] += 1


def document_offsets(case: Case) -> None:
    """Offsets count from the beginning of the document, its parts divided by one or two newlines."""
    gap, base = case.chance.choice([1, 2]), 0
    for part, text in case.texts.items():
        for mention in case.of(part):
            for offset in mention.data["offsets"]:
                offset["start"] += base
        base += len(text) + gap


def wrong_part(case: Case) -> None:
    """Entities name the part after theirs: their text is not where they say."""
    parts = list(case.texts)
    after = dict(zip(parts, [*parts[1:], *parts[:1]], strict=True))
    if len(parts) > 1:
        for mention in case.mentions:
            mention.data["part"] = after[mention.part]
            mention.truth = None


def sprinkle(case: Case, share: float, pattern: str, replacement: Callable[[str], str]) -> None:
    """Change a share of what matches, entities with it, and store them as they stand then."""
    for part, text in case.texts.items():
        borders = case.borders(part)
        case.edit(
            part,
            [
                (match.start(), match.end(), replacement(match[0]))
                for match in re.finditer(pattern, text)
                if case.chance.random() < share and (match[0] or match.start() not in borders)
            ],
        )
    case.store()


def change(case: Case, pattern: str, replacement: Callable[[str], str]) -> None:
    """Change all that matches, and leave ann.json as it is."""
    for part, text in case.texts.items():
        case.edit(
            part,
            [
                (match.start(), match.end(), replacement(match[0]))
                for match in re.finditer(pattern, text)
                if replacement(match[0]) != match[0]
            ],
        )


def bytes_(case: Case) -> None:
    """Offsets count bytes of UTF-8."""
    accents(case)
    for mention in case.mentions:
        for offset in mention.data["offsets"]:
            offset["start"] = len(case.texts[mention.part][: offset["start"]].encode())


def units(case: Case) -> None:
    """Half of the offsets count code points, half UTF-16 units, in texts with emoji."""
    sprinkle(case, 0.01, " ", lambda space: " 🌠 ")
    for part, text in case.texts.items():
        converter = OffsetConverter(text)
        for mention in case.of(part):
            if case.chance.random() < 0.5:
                for offset in mention.data["offsets"]:
                    offset["start"] = converter.to_utf16(offset["start"])


# ---- the text changes, ann.json stays


def stretch(case: Case, part: str, *, around: int | None = None) -> tuple[int, int] | None:
    """A random stretch of more than 64 characters."""
    size = len(case.texts[part])
    if size < 3 * LONGER_THAN:
        return None
    length = case.chance.randint(LONGER_THAN + 1, min(LONGEST, size // 2))
    start = case.chance.randrange(size - length)
    if around is not None:
        start = min(max(0, around - case.chance.randrange(length)), size - length)
    return start, start + length


def cuts(case: Case, part: str, *places: int) -> bool:
    """Whether one of the places is inside an entity."""
    return any(
        min(low for low, _ in mention.truth or ()) < place < max(high for _, high in mention.truth or ())
        for mention in case.of(part)
        for place in places
    )


def overlaps(case: Case, part: str, start: int, end: int) -> bool:
    """Whether an entity has a character in a stretch."""
    return any(low < end and high > start for mention in case.of(part) for low, high in mention.truth or ())


def tries(case: Case, part: str, wanted: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """A random stretch that fits."""
    for _ in range(50):
        found = stretch(case, part)
        if found and wanted(*found):
            return found
    return None


def deleted(case: Case) -> None:
    """A stretch of 65 to 400 characters without an entity is gone."""
    for part in case.texts:
        found = tries(case, part, lambda start, end: not overlaps(case, part, start, end))  # noqa: B023
        if found:
            case.edit(part, [(*found, "")], cut=True)


def inserted(case: Case) -> None:
    """A stretch of 65 to 400 characters of another document stands somewhere."""
    for part, text in case.texts.items():
        place, foreign = case.chance.randrange(len(text) + 1), case.foreign()
        if len(foreign) > 2 * LONGER_THAN and not cuts(case, part, place):
            length = case.chance.randint(LONGER_THAN + 1, min(LONGEST, len(foreign)))
            start = case.chance.randrange(len(foreign) - length + 1)
            case.edit(part, [(place, place, foreign[start : start + length])])


def moved(case: Case) -> None:
    """A stretch of 65 to 400 characters stands more than 64 characters away."""
    for part, text in case.texts.items():
        found = tries(case, part, lambda start, end: not cuts(case, part, start, end))  # noqa: B023
        if found:
            start, end = found
            places = [
                place
                for place in range(len(text) + 1)
                if not start - LONGER_THAN <= place <= end + LONGER_THAN and not cuts(case, part, place)
            ]
            if places:
                exchange(case, part, sorted((start, end, case.chance.choice(places))))


def exchange(case: Case, part: str, edges: Sequence[int]) -> None:
    """Two neighbouring stretches change places."""
    low, middle, high = edges
    text = case.texts[part]
    for mention in case.of(part):
        mention.truth = tuple(
            (start + high - middle, end + high - middle)
            if low <= start and end <= middle
            else (start + low - middle, end + low - middle)
            if middle <= start and end <= high
            else (start, end)
            for start, end in mention.truth or ()
        )
    case.texts[part] = text[:low] + text[middle:high] + text[low:middle] + text[high:]


def gone(case: Case) -> None:
    """A stretch of 65 to 400 characters with an entity in it is gone."""
    for part in case.texts:
        mentions = case.of(part)
        if mentions:
            found = stretch(case, part, around=(case.chance.choice(mentions).truth or ((0, 0),))[0][0])
            if found:
                case.edit(part, [(*found, "")], cut=True)


def replaced(case: Case) -> None:
    """The text of one entity in ten became that of another one."""
    for part in case.texts:
        edits: list[Edit] = []
        for mention in sorted(case.of(part), key=lambda mention: mention.truth or ()):
            ((low, high),) = (mention.truth or ())[:1]
            other = case.other()
            is_other = case.texts[part][low:high] not in other and other not in case.texts[part][low:high]
            if case.chance.random() < 0.1 and is_other and (not edits or edits[-1][1] <= low):
                edits.append((low, high, other))
        case.edit(part, edits, cut=True)


def edited(case: Case) -> None:
    """In five places up to 60 characters are gone, or as many of another document stand there."""
    for _ in range(5):
        for part, text in case.texts.items():
            length, foreign = case.chance.randint(1, 60), case.foreign()
            place = case.chance.randrange(len(text) + 1)
            if len(text) > 100 and case.chance.random() < 0.5:
                case.edit(part, [(place, min(len(text), place + length), "")], cut=True)
            elif len(text) > 100 and not cuts(case, part, place):
                start = case.chance.randrange(max(1, len(foreign) - length))
                case.edit(part, [(place, place, foreign[start : start + length])])


# ---- the text has one form, ann.json counts in another


def accents(case: Case) -> None:
    """One vowel in 50 gets an accent."""
    sprinkle(case, 0.02, "[aeiou]", lambda vowel: nfc(vowel + case.chance.choice("\u0300\u0301\u0308")))


def ligatures(case: Case) -> None:
    """Some of what NFKC replaces."""
    forms = {"fi": "ﬁ", "fl": "ﬂ", "1": "¹", "2": "₂", "...": "…"}
    sprinkle(case, 0.3, r"f[il]|[12]|\.\.\.", forms.__getitem__)


def markup(case: Case) -> None:
    """One space in 50 has a sign beside it that markup must escape."""
    sprinkle(case, 0.02, " ", lambda space: f" {case.chance.choice('<>&')} ")


def wide(case: Case) -> None:
    """One space in 20 is several, or a newline with an indent."""
    sprinkle(case, 0.05, " ", lambda space: case.chance.choice(["  ", "   ", "\n", "\n    "]))


def lines(case: Case) -> None:
    """One space in 12 is a newline."""
    sprinkle(case, 0.08, " ", lambda space: "\n")


def nothing(case: Case) -> None:
    """Texts as they are."""


def nfc(text: str) -> str:
    """Letters with their accents as one character."""
    return unicodedata.normalize("NFC", text)


def to_nfd(case: Case) -> None:
    """Letters and their accents apart."""
    change(case, "[^\0-\x7f]", lambda one: unicodedata.normalize("NFD", one))


def to_nfkc(case: Case) -> None:
    """Plain letters for their variants."""
    change(case, "[^\0-\x7f]", lambda one: unicodedata.normalize("NFKC", one))


def escape(case: Case) -> None:
    """Markup escaped."""
    change(case, "[<>&]", html.escape)


def escape_twice(case: Case) -> None:
    """Markup escaped two times."""
    change(case, "[<>&]", lambda one: html.escape(html.escape(one)))


def collapse(case: Case) -> None:
    """One space for any white space."""
    change(case, r"\s+", lambda run: " ")


def carriage_returns(case: Case) -> None:
    """CRLF for each newline."""
    change(case, r"\n", lambda newline: "\r\n")


def soft_hyphens(case: Case) -> None:
    """One soft hyphen in 30 letters."""
    for part, text in case.texts.items():
        borders = case.borders(part)
        places = [match.start() for match in re.finditer("(?<=[a-z])(?=[a-z])", text)]
        case.edit(
            part,
            [
                (place, place, "\xad")
                for place in places
                if place not in borders and case.chance.random() < 0.03
            ],
        )


def stored_without_hyphens(case: Case) -> None:
    """Offsets are right, the stored texts lack the soft hyphens."""
    soft_hyphens(case)
    case.store()
    for offset in offsets_of(case):
        offset["text"] = offset["text"].replace("\xad", "")


def forwards(case: Case, prepare: Kind, there: Kind) -> None:
    """The text was changed, ann.json counts as before."""
    prepare(case)
    there(case)


def backwards(case: Case, prepare: Kind, there: Kind) -> None:
    """The text is as before, ann.json counts in the changed one."""
    prepare(case)
    texts = dict(case.texts)
    truths = [mention.truth for mention in case.mentions]
    there(case)
    case.store()
    case.texts = texts
    for mention, truth in zip(case.mentions, truths, strict=True):
        mention.truth = truth


@dataclass(frozen=True)
class Breakage:
    """A kind of breakage.

    Attributes:
        said: What it is, in words.
        do: Does it.
        points: Whether it leaves offsets in the unit that it wants; else they become UTF-16, as tagtog's.
    """

    said: str
    do: Kind
    points: bool = False


def _form(direction: Callable[[Case, Kind, Kind], None], prepare: Kind, there: Kind) -> Kind:
    return lambda case: direction(case, prepare, there)


KINDS: dict[str, Breakage] = {
    "shift": Breakage("offsets after some place moved by 2 to 8 characters", shift),
    "zero": Breakage("one in ten: offset 0", zero),
    "nudge": Breakage("one in ten: 1 to 3 characters off by itself", nudge),
    "greek": Breakage("one in ten: a letter is its Greek look-alike", greek),
    "typo": Breakage("one in ten: a letter is another", typo),
    "deleted": Breakage("65 to 400 characters without an entity deleted", deleted),
    "inserted": Breakage("65 to 400 characters of another document inserted", inserted),
    "moved": Breakage("65 to 400 characters moved by more than 64", moved),
    "gone": Breakage("65 to 400 characters deleted with the entities in them", gone),
    "replaced": Breakage("the text of one entity in ten is another's", replaced),
    "edited": Breakage("up to 60 characters deleted or inserted in five places", edited),
    "decomposed": Breakage("text in NFD, offsets in NFC", _form(forwards, accents, to_nfd)),
    "composed": Breakage("text in NFC, offsets in NFD", _form(backwards, accents, to_nfd)),
    "compatible": Breakage("text in NFKC, offsets of the text before", _form(forwards, ligatures, to_nfkc)),
    "variants": Breakage(
        "text with ligatures and the like, offsets in NFKC", _form(backwards, ligatures, to_nfkc)
    ),
    "escaped": Breakage("offsets of the text with escaped markup", _form(backwards, markup, escape)),
    "escaped_twice": Breakage(
        "offsets of the text with markup escaped twice", _form(backwards, markup, escape_twice)
    ),
    "unescaped": Breakage("markup is escaped in the text, not in ann.json", _form(forwards, markup, escape)),
    "collapsed": Breakage("runs of white space collapsed in the text", _form(forwards, wide, collapse)),
    "spread": Breakage("runs of white space collapsed in ann.json", _form(backwards, wide, collapse)),
    "hyphens": Breakage("soft hyphens in the text, not in ann.json", _form(forwards, nothing, soft_hyphens)),
    "no_hyphens": Breakage(
        "soft hyphens in ann.json, not in the text", _form(backwards, nothing, soft_hyphens)
    ),
    "stored_without": Breakage(
        "soft hyphens in the text, not in stored texts; right offsets", stored_without_hyphens
    ),
    "crlf": Breakage("offsets count CRLF, the text has LF", _form(backwards, lines, carriage_returns)),
    "lf": Breakage("offsets count LF, the text has CRLF", _form(forwards, lines, carriage_returns)),
    "bytes": Breakage("offsets count bytes of UTF-8", bytes_, points=True),
    "units": Breakage("half count code points, half UTF-16 units", units, points=True),
    "bom": Breakage("a byte order mark was counted in the first part", bom),
    "one_based": Breakage("offsets count from 1", one_based),
    "document": Breakage("offsets count from the beginning of the document", document_offsets),
    "wrong_part": Breakage("entities name the part after theirs", wrong_part),
}
