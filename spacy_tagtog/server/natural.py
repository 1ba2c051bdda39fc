"""Names in the order in which people look for them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NUMBER: Final = re.compile("[0-9]+")


def natural(name: str) -> str:
    """What a name is sorted by: numbers by their value, without regard to case and accents.

    ``doc2`` comes before ``Doc10``, and ``Étude`` before ``Fugue``. Different names may have the same.
    """
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NUMBER.sub(_sortable, plain)


def _sortable(number: re.Match[str]) -> str:
    """A number as text: the more digits, the later."""
    digits = number[0].lstrip("0") or "0"
    return f"{len(digits):04d}{digits}"
