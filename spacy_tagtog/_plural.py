"""Numbers with what they count, for people to read."""

from __future__ import annotations

import re

_LAST_LETTERS = (("(?<=[^aeiou])y$", "ies"), ("(?<=s|x)$|(?<=ch|sh)$", "es"), ("$", "s"))


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 document``, ``2 documents``, ``0 entities``.

    Args:
        number: How many.
        one: What stands after 1: a noun, or more words.
        many: What stands after any other number; by default ``one`` with its last word in the plural.
    """
    if number == 1:
        return f"1 {one}"
    if not many:
        letters, ending = next(
            (letters, ending) for letters, ending in _LAST_LETTERS if re.search(letters, one)
        )
        many = re.sub(letters, ending, one, count=1)
    return f"{number} {many}"
