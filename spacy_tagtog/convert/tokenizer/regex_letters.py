r"""Which regular expressions can match nothing in a word of plain letters.

Most of a tokenizer's time goes into looking for prefixes, suffixes, infixes and addresses in words that have
none. Where the expression provably can't match anywhere in a string of the letters A-Z and a-z, no search is
needed.

The proof reads the text of the expression. It knows most of Python's syntax: characters, sets, groups,
alternatives, repetitions, assertions. It errs on the safe side: whatever it doesn't know can match. Python's
own parser of regular expressions would do the same, but it is private, and its tree differs from version to
version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from string import ascii_letters
from typing import Any, Final

_LETTERS: Final = frozenset(ascii_letters)
_MAX_LENGTH: Final = 100_000  # French has exceptions of four million characters, which take seconds to read
# A possessive or lazy sign after a repetition changes nothing about what can match at all.
_REPETITION: Final = re.compile(r"(?:([*+?])|\{(?!\})([0-9]*)(?:,[0-9]*)?\})[?+]?")
_GROUP: Final = re.compile(r"\?(?:P<\w+>|([aiLmsux]*)(?:-[imsx]+)?:|([:=!>])|<([=!]))|(?!\?)")
_CODE: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_CONTROLS: Final = "afnrtv"  # after a backslash
_SHORTHANDS: Final = {"d": False, "s": False, "W": False, "D": True, "S": True, "w": True}
"""Whether a letter can be in the class that a backslash and this character stand for."""


class _UnknownError(Exception):
    """The expression holds something that isn't known here."""


@lru_cache(maxsize=64)
def can_match_letters(pattern: re.Pattern[str]) -> bool:
    """Whether a pattern may match, anywhere, in a string of ASCII letters.

    Args:
        pattern: A compiled pattern.

    Returns:
        ``False`` only where it is certain that it doesn't, whatever the string.
    """
    # White space and comments mean nothing in a verbose pattern: another syntax.
    if len(pattern.pattern) > _MAX_LENGTH or pattern.flags & re.VERBOSE:
        return True
    try:
        return _Reader(pattern.pattern, bool(pattern.flags & re.IGNORECASE)).read()
    except (_UnknownError, RecursionError):
        return True


class _Reader:
    """Reads an expression that :mod:`re` has compiled, so its syntax is right.

    Every method reads a piece from :attr:`at` on, and says whether the piece can match where all characters
    of the string are letters. A piece that matches no character, such as ``^``, always can.

    Args:
        text: The expression.
        ignore_case: Whether case is ignored.
    """

    def __init__(self, text: str, ignore_case: bool) -> None:
        self.text = text
        self.ignore_case = ignore_case
        self.at = 0

    def read(self) -> bool:
        possible = self._alternatives()
        if self.at != len(self.text):
            raise _UnknownError
        return possible

    def _alternatives(self) -> bool:
        possible = self._sequence()
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            possible |= self._sequence()
        return possible

    def _sequence(self) -> bool:
        """Pieces one after another: one that can't match rules out all."""
        possible = True
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            piece = self._piece()
            repetition = _REPETITION.match(self.text, self.at)
            if repetition is not None:
                self.at = repetition.end()
                sign, least = repetition.groups()
                piece |= sign in ("*", "?") if sign else not int(least or 0)
            possible &= piece
        return possible

    def _piece(self) -> bool:
        character = self.text[self.at]
        self.at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escape()
        return character in ".^$" or self._is_letter(character)

    def _group(self) -> bool:
        opening = _GROUP.match(self.text, self.at)
        if opening is None:
            return self._flags_of_all()
        self.at = opening.end()
        flags, kind, behind = opening.groups()
        if "x" in (flags or ""):
            raise _UnknownError
        outside = self.ignore_case
        # Where a group respects case again, to ignore it is on the safe side.
        self.ignore_case = outside or "i" in (flags or "")
        possible = self._alternatives()
        self.ignore_case = outside
        self.at += 1
        # A negative assertion says nothing about the characters that do stand there.
        return possible or "!" in (kind, behind)

    def _flags_of_all(self) -> bool:
        """Flags at the very start, such as ``(?i)``. The compiled pattern has them, too."""
        end = self.text.find(")", self.at)
        if self.at != 1 or not self.text[2:end].isalpha():
            raise _UnknownError
        self.at = end + 1
        return True

    def _set(self) -> bool:
        if self.text[self.at] == "^":
            self._skip_set()
            return True
        possible = False
        first = self.at
        while self.text[self.at] != "]" or self.at == first:
            low = self._member()
            if self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                possible |= self._range(low, self._member())
            elif isinstance(low, str):
                possible |= self._is_letter(low)
            else:
                possible |= low
        self.at += 1
        return possible

    def _skip_set(self) -> None:
        self.at += 1
        first = self.at
        while self.text[self.at] != "]" or self.at == first:
            self.at += 2 if self.text[self.at] == "\\" else 1
        self.at += 1

    def _member(self) -> str | bool:
        """A member of a set: a character, or whether letters are in the class that it stands for."""
        character = self.text[self.at]
        self.at += 1
        return character if character != "\\" else self._escaped()

    def _range(self, low: str | bool, high: str | bool) -> bool:
        if not isinstance(low, str) or not isinstance(high, str):
            raise _UnknownError
        # A range beyond ASCII may hold a character that equals a letter if case is ignored.
        return self.ignore_case or any(low <= letter <= high for letter in _LETTERS)

    def _escape(self) -> bool:
        if self.text[self.at] in "AbBZ":
            self.at += 1
            return True
        escaped = self._escaped()
        return self._is_letter(escaped) if isinstance(escaped, str) else escaped

    def _escaped(self) -> str | bool:
        """What follows a backslash: a character, or whether letters are in the class that it stands for."""
        character = self.text[self.at]
        code = _CODE.match(self.text, self.at)
        if code is not None:
            self.at = code.end()
            return chr(int(code[code.lastindex or 0], 16))
        self.at += 1
        if character in _SHORTHANDS:
            return _SHORTHANDS[character]
        if character in _CONTROLS:
            return "\n"  # any of them: none is a letter
        # A group that was matched before, an octal number, a character's name.
        if character.isalnum():
            raise _UnknownError
        return character

    def _is_letter(self, character: str) -> bool:
        if character in _LETTERS or not self.ignore_case:
            return character in _LETTERS
        # The long s and the sign for Kelvin are letters A-Z to those who ignore case.
        forms = character.lower() + character.upper() + character.casefold()
        return any(form in _LETTERS for form in forms)


def may_match_letters(find: Any) -> bool:
    """Whether a function may find something in a string of ASCII letters.

    Args:
        find: ``search``, ``match`` or ``finditer`` of a compiled pattern; of anything else nothing is known.

    Returns:
        ``False`` only where it is certain that it doesn't.
    """
    pattern = getattr(find, "__self__", None)
    if not isinstance(pattern, re.Pattern) or not isinstance(pattern.pattern, str):
        return True
    return can_match_letters(pattern)


def letters_or(match: Callable[[str], Any] | None) -> Callable[[str], Any]:
    """A function that matches words of plain letters, and whatever another one matches.

    Args:
        match: The other one, or ``None``.
    """

    def letters(text: str) -> Any:
        return text.isascii() and text.isalpha()

    def letters_or_match(text: str) -> Any:
        return (text.isascii() and text.isalpha()) or match(text)  # type: ignore[misc]

    return letters if match is None else letters_or_match
