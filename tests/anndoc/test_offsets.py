"""Offsets in UTF-16 code units and in code points, against Python's own codec."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, texts

from spacy_tagtog.anndoc import OffsetConverter

mixed = (
    st.text(
        st.sampled_from("aé\u0301א中🚀𝒳👩\u200d\U0010ffff\uffff\ue000")
        | st.characters(exclude_categories=["Cs"]),
        max_size=40,
    )
    | texts()
)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@quick
@given(mixed)
def test_every_offset_agrees_with_the_codec(text: str) -> None:
    converter = OffsetConverter(text)
    ends = [units(text[:offset]) for offset in range(len(text) + 1)]
    assert [converter.to_utf16(offset) for offset in range(len(text) + 1)] == ends
    assert converter.utf16_length == units(text)
    assert converter.has_astral == (units(text) != len(text))
    for offset in range(units(text) + 1):
        assert converter.to_code_points(offset) == (ends.index(offset) if offset in ends else None)


@quick
@given(mixed, st.integers(0, 10**20))
def test_offsets_past_the_end_stay_there(text: str, beyond: int) -> None:
    converter = OffsetConverter(text)
    assert converter.to_utf16(len(text) + beyond) == units(text) + beyond
    assert converter.to_code_points(units(text) + beyond) == len(text) + beyond


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0]),
        ("ab", [0, 1, 2]),
        ("🚀", [0, None, 1]),
        ("a🚀🚀b", [0, 1, None, 2, None, 3, 4]),
        ("é中", [0, 1, 2]),
    ],
)
def test_by_hand(text: str, expected: list[int | None]) -> None:
    converter = OffsetConverter(text)
    assert [converter.to_code_points(offset) for offset in range(converter.utf16_length + 1)] == expected
