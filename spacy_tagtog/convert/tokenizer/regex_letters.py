"""Which regular expressions can match nothing in a word of plain letters.

Most of a tokenizer's time goes into looking for prefixes, suffixes, infixes and addresses in words that have
none. Where a look at the expression proves that it can't match anywhere in a string of the letters A-Z and
a-z, that string needs no search. The proof errs on the safe side: what isn't understood can match.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from re import IGNORECASE, Pattern
from string import ascii_letters
from typing import Any, Final

_RENAMED: Final = sys.version_info >= (3, 11)
parser: Any = import_module("re._parser" if _RENAMED else "sre_parse")
constants: Any = import_module("re._constants" if _RENAMED else "sre_constants")

_LETTERS: Final = frozenset(map(ord, ascii_letters))
_NO_LETTER: Final = frozenset(
    {constants.CATEGORY_DIGIT, constants.CATEGORY_SPACE, constants.CATEGORY_NOT_WORD}
)
_MAX_LENGTH: Final = 100_000  # French has exceptions of four million characters, which take seconds to read
_REPEATS: Final = {constants.MAX_REPEAT, constants.MIN_REPEAT, getattr(constants, "POSSESSIVE_REPEAT", None)}


@lru_cache(maxsize=64)
def can_match_letters(pattern: Pattern[str]) -> bool:
    """Whether a pattern may match, anywhere, in a string of ASCII letters.

    Args:
        pattern: A compiled pattern.

    Returns:
        ``False`` only where it is certain that it doesn't, whatever the string.
    """
    if len(pattern.pattern) > _MAX_LENGTH:
        return True
    try:
        return _sequence(parser.parse(pattern.pattern, pattern.flags), bool(pattern.flags & IGNORECASE))
    except Exception:  # the parser is Python's own, its tree is not documented
        return True


def _sequence(items: Iterable[Any], ignore_case: bool) -> bool:
    """Whether each piece can match: one that can't rules out the whole."""
    return all(_piece(operator, argument, ignore_case) for operator, argument in items)


def _piece(operator: Any, argument: Any, ignore_case: bool) -> bool:
    if operator is constants.LITERAL:
        return _literal(argument, ignore_case)
    if operator is constants.IN:
        return _charset(argument, ignore_case)
    if operator is constants.BRANCH:
        return any(_sequence(branch, ignore_case) for branch in argument[1])
    if operator is constants.SUBPATTERN:
        _, added, _, items = argument
        return _sequence(items, ignore_case or bool(added & IGNORECASE))
    if operator in _REPEATS:
        least, _, items = argument
        return least == 0 or _sequence(items, ignore_case)
    if operator is constants.ASSERT:
        return _sequence(argument[1], ignore_case)
    return True


def _literal(code: int, ignore_case: bool) -> bool:
    if code in _LETTERS:
        return True
    if not ignore_case:
        return False
    # The long s and the sign for Kelvin are letters A-Z to those who ignore case.
    character = chr(code)
    return any(ord(one) in _LETTERS for one in character.lower() + character.upper() + character.casefold())


def _charset(items: list[tuple[Any, Any]], ignore_case: bool) -> bool:
    if items and items[0][0] is constants.NEGATE:
        return True
    return any(_member(operator, argument, ignore_case) for operator, argument in items)


def _member(operator: Any, argument: Any, ignore_case: bool) -> bool:
    if operator is constants.LITERAL:
        return _literal(argument, ignore_case)
    if operator is constants.RANGE:
        # A range beyond ASCII may hold a character that a letter equals if case is ignored.
        return ignore_case or any(argument[0] <= letter <= argument[1] for letter in _LETTERS)
    return not (operator is constants.CATEGORY and argument in _NO_LETTER)


def may_match_letters(find: Any) -> bool:
    """Whether a function may find something in a string of ASCII letters.

    Args:
        find: ``search``, ``match`` or ``finditer`` of a compiled pattern; of anything else nothing is known.

    Returns:
        ``False`` only where it is certain that it doesn't.
    """
    pattern = getattr(find, "__self__", None)
    return (
        not isinstance(pattern, Pattern) or not isinstance(pattern.pattern, str) or can_match_letters(pattern)
    )


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
