"""Values of JSON that several modules read."""

from __future__ import annotations


def whole_number(value: object) -> int | None:
    """The whole number that a value of JSON is, which may be written as 2.0; ``None`` where it is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None
