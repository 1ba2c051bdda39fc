"""Halves of characters: code points that JSON and Python can hold, and UTF-8 can't.

Programs that cut UTF-16 text anywhere, as browsers do, leave them behind: one half of a surrogate pair.
"""

from __future__ import annotations

import re

SURROGATES = "\ud800-\udfff"
"""A range for the character class of a regular expression."""
_SURROGATE = re.compile(f"[{SURROGATES}]")


def has_surrogate(text: str) -> bool:
    """Whether a text holds half a character."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def escape_surrogates(json_text: str) -> str:
    """JSON that UTF-8 can hold: half characters as JSON's own escapes, everything else as it is."""
    if json_text.isascii():
        return json_text
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)
