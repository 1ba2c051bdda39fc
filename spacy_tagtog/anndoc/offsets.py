"""Offsets in UTF-16 code units and in code points.

A character outside the Basic Multilingual Plane (most emoji) counts two in tagtog's own server and editor and
one in Python (anndoc documentation; the same trap as in label-studio #1347 and doccano #2290). Everything
inside this package counts code points; this module is the only place that knows of the other unit.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

OffsetUnit = Literal["utf-16", "code-point"]
"""What offsets count: tagtog's ``"utf-16"`` units; in uploads from Python often ``"code-point"``."""


class OffsetConverter:
    """Convert offsets of one text between UTF-16 code units and code points, in O(log n).

    Args:
        text: The text of a part.
    """

    __slots__ = ("_length", "_positions", "_units")

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._positions: list[int] = []
        if not text.isascii():
            self._positions = [index for index, character in enumerate(text) if character > "\uffff"]
        # Where, in code units, the k-th astral character begins: k astral characters stand before it, one
        # unit extra for each.
        self._units = [position + k for k, position in enumerate(self._positions)]

    @property
    def has_astral(self) -> bool:
        """Whether the two units differ anywhere in this text."""
        return bool(self._positions)

    @property
    def utf16_length(self) -> int:
        """The length of the text in UTF-16 code units."""
        return self._length + len(self._positions)

    def to_code_points(self, offset: int) -> int | None:
        """The code-point offset of a UTF-16 offset.

        Returns:
            The offset, or ``None`` where the UTF-16 offset falls between the halves of a surrogate pair.
            Offsets past the end stay past the end.
        """
        k = bisect_left(self._units, offset)
        if k and self._units[k - 1] == offset - 1:
            return None
        return offset - k

    def to_utf16(self, offset: int) -> int:
        """The UTF-16 offset of a code-point offset."""
        return offset + bisect_left(self._positions, offset)
