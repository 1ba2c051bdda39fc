"""Legends: names of class ids, unique within one prefix."""

from __future__ import annotations

import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import legends, printable, quick, short

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.anndoc.legend import LEGEND_NAME, Prefix
from spacy_tagtog.errors import LegendError

LEGEND = Legend({"e_2": "Person", "e_10": "Ort_ü", "f_1": "Person", "m_1": "topic"}, place="some/legend.json")


def test_a_legend_is_a_mapping() -> None:
    assert LEGEND["e_2"] == "Person"
    assert list(LEGEND) == ["e_2", "e_10", "f_1", "m_1"]
    assert len(LEGEND) == 4
    assert "e_3" not in LEGEND
    assert LEGEND == {"e_2": "Person", "e_10": "Ort_ü", "f_1": "Person", "m_1": "topic"}
    assert LEGEND_NAME == "annotations-legend.json"


def test_one_name_under_two_prefixes() -> None:
    assert LEGEND.id_of("e", "Person") == "e_2"
    assert LEGEND.id_of("f", "Person") == "f_1"
    assert LEGEND.of("e") == {"e_2": "Person", "e_10": "Ort_ü"}
    assert LEGEND.of("r") == {}


@quick
@given(legends())
def test_round_trips(legend: Legend) -> None:
    assert Legend.parse(legend.dumps()) == legend
    assert Legend.parse(legend.dumps().encode()) == legend
    for prefix in typing.get_args(Prefix):
        assert {legend.id_of(prefix, name): name for name in legend.of(prefix).values()} == legend.of(prefix)
    assert all(legend.name_of(class_id) == name for class_id, name in legend.items())
    assert repr(legend).startswith("Legend(")


def test_written_in_the_order_of_numbers() -> None:
    assert list(json.loads(Legend({"m_1": "m", "e_10": "b", "e_9": "a"}).dumps())) == ["e_9", "e_10", "m_1"]


def test_a_byte_order_mark_is_accepted() -> None:
    assert Legend.parse(b'\xef\xbb\xbf{"e_1": "A"}') == Legend.parse('\ufeff{"e_1": "A"}') == {"e_1": "A"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"e_1"',
        b"\xff",
        '{"e_1": "A"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"e_1": 1}',
        b'{"e_1": null}',
        b'{"e_1": ""}',
        b'{"e_1": ["A"]}',
        b'{"e_1": "A", "e_2": "A"}',
        b'{"e_1": "A", "e_1": "B"}',
        b'{"e_1": "\\ud800"}',
        b'{"x_1": "A"}',
        b'{"e": "A"}',
        b'{"e_": "A"}',
        b'{"e_1a": "A"}',
        b'{"e_1\\n": "A"}',
        b'{"E_1": "A"}',
        '{"e_\u0661": "A"}'.encode(),
        b'{"e_' + b"9" * 5000 + b'": "A"}',
        b'{"": "A"}',
        b'{"Person": "e_1"}',
    ],
    ids=short,
)
def test_broken_legends(content: bytes) -> None:
    with pytest.raises(LegendError) as caught:
        Legend.parse(content, place="some/legend.json")
    assert "some/legend.json" in str(caught.value)
    printable(caught.value)


def test_keys_that_are_no_text() -> None:
    with pytest.raises(LegendError, match="class id"):
        Legend({1: "A"})  # type: ignore[dict-item]


@quick
@given(
    st.dictionaries(
        st.text(st.characters(), max_size=4) | st.from_regex(r"[efmnrx]_[0-9]", fullmatch=True),
        st.text(st.characters()) | st.integers(),
    )
)
def test_any_object_either_comes_back_or_is_refused(names: dict[str, object]) -> None:
    try:
        legend = Legend.parse(json.dumps(names))
    except LegendError as error:
        printable(error)
    else:
        assert legend == names
        assert Legend.parse(legend.dumps().encode()) == legend


def test_what_is_missing_is_named_with_what_there_is() -> None:
    with pytest.raises(LegendError) as caught:
        LEGEND.name_of("e_3")
    assert caught.value.value == "e_3"
    assert "e_10" in str(caught.value)
    assert "some/legend.json" in str(caught.value)
    with pytest.raises(LegendError) as caught:
        LEGEND.id_of("e", "topic")
    assert "entity type" in str(caught.value)
    assert "Ort_ü" in str(caught.value)
    with pytest.raises(LegendError) as caught:
        LEGEND.id_of("r", "topic", place="elsewhere")
    assert "elsewhere" in str(caught.value)
    with pytest.raises(LegendError, match="empty"):
        Legend().name_of("e_1")
