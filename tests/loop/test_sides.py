"""The test side stays honest, and every document keeps its place."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples

from spacy_tagtog.convert.split_plan import SplitItem
from spacy_tagtog.errors import LoopError
from spacy_tagtog.loop import sides
from spacy_tagtog.loop.sides import Placed, read_sides, write_sides

place = partial(sides.place, dev=0.2, test=0.2)
ORIGINS = ["own", "blind", "chance", "chosen"]


def item(number: int, text: str = "") -> SplitItem:
    return SplitItem(f"d{number}", text or f"{number} " * 12, {"Star": 1 + number % 3})


def items(start: int, end: int) -> list[SplitItem]:
    return [item(number) for number in range(start, end)]


def test_what_was_there_before_is_split_by_the_shares() -> None:
    placed = place(items(0, 50), {})
    counts, expected = Counter(one.side for one in placed.values()), {"train": 30, "dev": 10, "test": 10}
    assert all(counts[side] == pytest.approx(number, abs=3) for side, number in expected.items()), counts
    assert {one.origin for one in placed.values()} == {"own"}


def test_what_a_strategy_chose_never_tests() -> None:
    known = place(items(0, 20), {})
    ranked = {f"d{number}" for number in range(20, 120)}
    placed = place(items(0, 120), known, suggested=ranked)
    new = [placed[doc_id] for doc_id in ranked]
    assert {one.origin for one in new} == {"chosen"}
    assert {one.side for one in new} == {"train", "dev"}
    assert sum(one.side == "dev" for one in new) == pytest.approx(20, abs=6)


def test_blind_documents_test_and_those_of_chance_fill_up_the_share() -> None:
    known = place(items(0, 20), {})
    ranked = {f"d{number}" for number in range(20, 120)}
    blind = {f"d{number}" for number in range(20, 30)}
    chance = {f"d{number}" for number in range(25, 75)}
    placed = place(items(0, 120), known, suggested=ranked, blind=blind, by_chance=chance)
    assert {placed[doc_id] for doc_id in blind} == {Placed("test", "blind")}
    by_chance = Counter(placed[doc_id].side for doc_id in chance - blind)
    assert by_chance["train"] > 15
    honest = [one for one in placed.values() if one.origin != "chosen"]
    assert sum(one.side == "test" for one in honest) / len(honest) == pytest.approx(0.2, abs=0.05)
    # Without blind ones, those of chance take their place.
    placed = place(items(0, 120), known, suggested=ranked, by_chance=chance)
    assert 5 <= sum(placed[doc_id].side == "test" for doc_id in chance) <= 15


def test_a_copy_joins_its_document_and_tests_only_where_nobody_chose_it() -> None:
    known = place(items(0, 20), {})
    on = {
        side: next(int(key[1:]) for key, one in known.items() if one.side == side) for side in ("dev", "test")
    }
    copies = [item(100, item(on["test"]).text), item(101, item(on["dev"]).text)]
    placed = place([*items(0, 20), *copies], known, suggested={"d100", "d101"}, blind={"d101"})
    assert placed["d100"] == Placed("test", "chosen")
    assert not placed["d100"].is_honest
    # Nothing was suggested in it. But a model was tuned by its text.
    assert placed["d101"] == Placed("dev", "blind")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_too_few_documents_are_refused_with_what_is_missing(number: int) -> None:
    with pytest.raises(LoopError, match="too few confirmed documents") as caught:
        place(items(0, number), {})
    confirmed, _, missing = caught.value.value.partition(" confirmed, and none for: ")
    assert confirmed == str(number)
    assert len(missing.split(", ")) == 3 - number


def test_five_documents_are_enough() -> None:
    assert {one.side for one in place(items(0, 5), {}).values()} == {"train", "dev", "test"}


@pytest.mark.hypothesis
@settings(max_examples=examples(30), deadline=None)
@given(
    st.integers(6, 20),
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["own", "blind", "chance", "chosen"])), max_size=4),
)
def test_nobody_ever_moves(first: int, later: list[tuple[int, str]]) -> None:
    placed = place(items(0, first), {})
    end = first
    for number, origin in later:
        new = {f"d{one}" for one in range(end, end + number)}
        end += number
        after = place(
            items(0, end),
            placed,
            suggested=new if origin != "own" else (),
            blind=new if origin == "blind" else (),
            by_chance=new if origin == "chance" else (),
        )
        assert {doc_id: after[doc_id] for doc_id in placed} == placed
        assert after.keys() - placed.keys() == new
        assert {after[doc_id].origin for doc_id in new} == {origin}
        assert all(after[doc_id].side != "test" for doc_id in new) or origin != "chosen"
        placed = after


def test_they_are_kept_in_a_file(tmp_path: Path) -> None:
    assert read_sides(tmp_path / "sides.json") == {}
    placed = place(items(0, 9), {})
    write_sides(tmp_path / "sides.json", placed)
    assert read_sides(tmp_path / "sides.json") == placed
    (tmp_path / "sides.json").write_text('{"version": 1, "documents": {"d1": {"side": "train"}}}')
    with pytest.raises(LoopError, match="can't be read") as caught:
        read_sides(tmp_path / "sides.json")
    assert "documents.d1.origin: Field required" in caught.value.value
