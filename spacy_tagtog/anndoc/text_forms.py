"""Other forms of a text in which offsets may have been counted, with the way back to the text itself.

Programs count in a text before or after they normalise Unicode, escape markup, collapse white space or drop
soft hyphens; or they count bytes. Where an entity's offset and text fit the text in one of these forms, its
place in the text itself follows without guessing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit

INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Soft hyphens, joiners, marks of direction and byte order: nobody sees them, some programs drop them."""
_ESCAPES: Final = r"&(?:amp;)*(?:(?:lt|gt|quot|apos|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});|(?<=&)amp;)"
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]+")
_SPACES: Final = re.compile(r"\s+")
_MARKUP: Final = re.compile("[<>&]")
_MARKUP_AND_QUOTES: Final = re.compile("[<>&\"']")
_ESCAPED: Final = re.compile(r"&(?:lt|gt|amp|quot|apos|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_LOOSE: Final = re.compile(
    f"&(?:amp;)*(?:lt|gt|quot|apos|amp|#\\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}});|[{INVISIBLE}]+|\\s+|[^\0-\x7f]"
)
_FROM_THE_DOCUMENT: Final = "offsets count from the beginning of the document"
_NOT_ASCII: Final = re.compile("[\0-\x7f]?[^\0-\x7f]+")


class Rewriting:
    """A text that was rewritten here and there, and where each character of it comes from.

    Args:
        text: The text.
        pieces: Its pieces that change, in order: (start, end, what stands there instead).
    """

    def __init__(self, text: str, pieces: Iterator[tuple[int, int, str]]) -> None:
        new: list[str] = []
        self._sources: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        done = length = 0
        for start, end, instead in pieces:
            if text[start:end] == instead:
                continue
            new += text[done:start], instead
            length += start - done
            self._sources.append((start, end))
            self._starts.append(length)
            length += len(instead)
            self._ends.append(length)
            done = end
        new.append(text[done:])
        self.text = "".join(new)

    @property
    def is_new(self) -> bool:
        """Whether anything was rewritten."""
        return bool(self._sources)

    def source_start(self, position: int) -> tuple[int, bool]:
        """Where the character at a position comes from, and whether it is the first of what it comes from."""
        piece = bisect_right(self._starts, position) - 1
        if piece < 0:
            return position, True
        start, end = self._sources[piece]
        if position >= self._ends[piece]:
            return end + position - self._ends[piece], True
        return start, position == self._starts[piece]

    def source_end(self, position: int) -> int | None:
        """Where a stretch ends that ends at a position; ``None`` in the middle of a character."""
        piece = bisect_left(self._starts, position) - 1
        if piece < 0:
            return position
        if position < self._ends[piece]:
            return None
        return self._sources[piece][1] + position - self._ends[piece]


class Form:
    """A form of a text, and how offsets count in it.

    Args:
        method: The repair's name.
        said: What was counted, in words.
        source: The text itself.
        to_position: From an offset to a position in the form.
        rewriting: The form, where it is another text.
    """

    def __init__(
        self,
        method: str,
        said: str,
        source: str,
        to_position: Callable[[int], int | None],
        rewriting: Rewriting | None = None,
    ) -> None:
        self.method = method
        self.said = said
        self._source = source
        self._to_position = to_position
        self._rewriting = rewriting

    def start(self, offset: int) -> int | None:
        """Where in the text itself an offset points; ``None`` between halves of a character."""
        position = self._to_position(offset)
        if position is None or self._rewriting is None:
            return position
        return self._rewriting.source_start(position)[0]

    def place(self, offset: int, surface: str) -> tuple[int, int] | None:
        """Where a stored text stands, if this is the form in which it was counted."""
        position = self._to_position(offset)
        if position is None or position < 0:
            return None
        start, whole = position, True
        if self._rewriting is not None:
            start, whole = self._rewriting.source_start(position)
            if whole and self._rewriting.text.startswith(surface, position):
                end = self._rewriting.source_end(position + len(surface))
                if end is not None and is_whole(self._source, start, end):
                    return start, end
        end = start + len(surface)
        return (
            (start, end)
            if whole and self._source.startswith(surface, start) and is_whole(self._source, start, end)
            else None
        )


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter is parted from its accents at either end."""
    return start < end and not any(
        place < len(text) and text[place] > "\u02ff" and unicodedata.combining(text[place])
        for place in (start, end)
    )


def _replaced(
    pattern: re.Pattern[str], text: str, replacement: Callable[[str], str]
) -> Iterator[tuple[int, int, str]]:
    return ((match.start(), match.end(), replacement(match[0])) for match in pattern.finditer(text))


def _normalised(text: str, form: str) -> Iterator[tuple[int, int, str]]:
    """The pieces of a text that Unicode normalises each by itself."""

    @lru_cache(maxsize=4096)
    def joined(before: str, after: str) -> bool:
        return bool(unicodedata.combining(after)) or normal(before + after) != normal(before) + normal(after)

    def normal(some: str) -> str:
        return unicodedata.normalize(form, some)  # type: ignore[arg-type]

    for match in _NOT_ASCII.finditer(text):
        start = match.start()
        for place in range(start + 1, match.end() + 1):
            if place == match.end() or not (
                joined(text[place - 1], text[place]) or joined(normal(text[start:place]), text[place])
            ):
                yield start, place, normal(text[start:place])
                start = place


def _twice(text: str) -> str:
    return html.escape(html.escape(text, quote=False), quote=False)


def _rewritings(text: str) -> Iterator[tuple[str, str, Rewriting]]:
    """The forms of a text that are other texts: the method, in words, and the form."""
    if not text.isascii():
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            yield "normal_form", f"offsets of the text in {form}", Rewriting(text, _normalised(text, form))
    escapes: tuple[tuple[str, re.Pattern[str], Callable[[str], str]], ...] = (
        ("markup escaped", _MARKUP, lambda some: html.escape(some, quote=False)),
        ("markup and quotes escaped", _MARKUP_AND_QUOTES, html.escape),
        ("markup escaped twice", _MARKUP, _twice),
        ("markup unescaped", _ESCAPED, html.unescape),
        (
            "markup unescaped twice",
            _LOOSE,
            lambda some: html.unescape(html.unescape(some)) if some[0] == "&" else some,
        ),
    )
    for said, pattern, replacement in escapes:
        yield (
            "escaped",
            f"offsets of the text with {said}",
            Rewriting(text, _replaced(pattern, text, replacement)),
        )
    returns = "\r\n" in text
    yield (
        "line_breaks",
        f"offsets of the text with {'LF' if returns else 'CRLF'}",
        Rewriting(
            text,
            _replaced(re.compile("\r\n" if returns else "\n"), text, lambda _: "\n" if returns else "\r\n"),
        ),
    )
    yield (
        "white_space",
        "offsets of the text with single spaces",
        Rewriting(text, _replaced(_SPACES, text, lambda _: " ")),
    )
    if text[:1].isspace():
        size = len(text) - len(text.lstrip())
        yield (
            "white_space",
            "offsets of the text with single spaces, none before it",
            Rewriting(
                text,
                (
                    (start, end, "" if start == 0 and end == size else instead)
                    for start, end, instead in _replaced(_SPACES, text, lambda _: " ")
                ),
            ),
        )
    yield (
        "invisible",
        "offsets of the text without soft hyphens",
        Rewriting(text, _replaced(_INVISIBLE, text, lambda _: "")),
    )


class _Bytes:
    """From bytes of UTF-8 to code points."""

    def __init__(self, text: str) -> None:
        self._places = [index for index, character in enumerate(text) if character > "\x7f"]
        self._bytes: list[int] = []
        self._ends: list[int] = []
        extra = 0
        for index in self._places:
            self._bytes.append(index + extra)
            extra += len(text[index].encode("utf-8", "surrogatepass")) - 1
            self._ends.append(index + 1 + extra)

    def to_code_points(self, offset: int) -> int | None:
        """The code point that a byte begins."""
        place = bisect_left(self._bytes, offset) - 1
        if place < 0:
            return offset
        return None if offset < self._ends[place] else self._places[place] + 1 + offset - self._ends[place]


def counting(text: str, unit: OffsetUnit) -> Callable[[int], int | None]:
    """A function from offsets of a unit to code points."""
    return OffsetConverter(text).to_code_points if unit == "utf-16" else lambda offset: offset


def plain(text: str, unit: OffsetUnit) -> Form:
    """The text itself."""
    return Form("", "", text, counting(text, unit))


def forms(text: str, unit: OffsetUnit, bases: set[int]) -> Iterator[Form]:
    """All other forms of a text in which offsets may count.

    Args:
        text: The text of a part.
        unit: What offsets count.
        bases: How much text may stand before the part in the document, where offsets count from there.
    """
    if not text.isascii():
        yield Form("unit", "offsets count bytes of UTF-8", text, _Bytes(text).to_code_points)
        converter = OffsetConverter(text)
        if converter.has_astral:
            if unit == "utf-16":
                yield Form("unit", "its offset counts code points", text, lambda offset: offset)
            else:
                yield Form("unit", "its offset counts UTF-16 units", text, converter.to_code_points)
    count = counting(text, unit)
    for base, said in (
        (1, "offsets count from 1"),
        *((base, _FROM_THE_DOCUMENT) for base in sorted(bases - {0})),
    ):
        yield Form("origin", said, text, _after(base, count))
    for method, said, rewriting in _rewritings(text):
        if rewriting.is_new:
            yield Form(method, said, text, counting(rewriting.text, unit), rewriting)


def _after(base: int, count: Callable[[int], int | None]) -> Callable[[int], int | None]:
    return lambda offset: count(offset - base) if offset >= base else None


def loosely(text: str) -> Rewriting:
    """A text without what may differ between two forms of it."""
    return Rewriting(text, _replaced(_LOOSE, text, _plainest))


@lru_cache(maxsize=4096)
def _plainest(some: str) -> str:
    if some.isspace():
        return " "
    if some[0] in INVISIBLE:
        return ""
    while some[0] == "&" and html.unescape(some) != some:
        some = html.unescape(some)
    return unicodedata.normalize("NFKD", some)
