"""Counting a reviewer's edits: by hand on small cases, and against trying every way on drawn ones."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.agreement.edits import Edit, EditCounts, EditSpan, count_edits, match_edits

Entity = tuple[int, int, str]


@st.composite
def entities(draw: st.DrawFn, *, max_size: int = 5) -> list[Entity]:
    """Entities on few places, so that they overlap, nest and repeat."""
    pairs = st.tuples(st.integers(0, 6), st.integers(1, 4), st.sampled_from("AB"))
    return [
        (start, start + length, label) for start, length, label in draw(st.lists(pairs, max_size=max_size))
    ]


def least(predicted: list[Entity], gold: list[Entity]) -> int:
    """The least number of edits, found by trying every way of pairing."""
    if len(predicted) > len(gold):
        return least(gold, predicted)  # every edit has a reverse of the same cost
    best = len(predicted) + len(gold)
    for chosen in permutations(range(len(gold)), len(predicted)):
        total = len(gold) - len(predicted)
        for (start, end, label), index in zip(predicted, chosen, strict=True):
            start2, end2, label2 = gold[index]
            touch = start < end2 and start2 < end
            total += min(2, (start != start2) + (end != end2) + (label != label2)) if touch else 2
        best = min(best, total)
    return best


@pytest.mark.parametrize(
    ("predicted", "gold", "counts"),
    [
        ([], [], EditCounts()),
        ([(0, 4, "A")], [(0, 4, "A")], EditCounts(accepted=1)),
        ([(0, 4, "A")], [], EditCounts(removed=1)),
        ([], [(0, 4, "A")], EditCounts(added=1)),
        ([(0, 4, "A")], [(0, 4, "B")], EditCounts(relabelled=1)),
        ([(0, 4, "A")], [(0, 6, "A")], EditCounts(moved=1)),
        ([(1, 4, "A")], [(0, 6, "A")], EditCounts(moved=2)),
        ([(0, 4, "A")], [(0, 6, "B")], EditCounts(relabelled=1, moved=1)),
        (
            [(1, 4, "A")],
            [(0, 6, "B")],
            EditCounts(added=1, removed=1),
        ),  # three edits one by one: two are cheaper
        ([(0, 4, "A")], [(4, 8, "A")], EditCounts(added=1, removed=1)),  # they touch, but share nothing
        ([(0, 9, "A")], [(0, 4, "A"), (5, 9, "A")], EditCounts(added=1, moved=1)),  # split in two
        ([(0, 4, "A"), (5, 9, "A")], [(0, 9, "A")], EditCounts(removed=1, moved=1)),  # joined
        ([(0, 4, "A"), (0, 4, "A")], [(0, 4, "A")], EditCounts(accepted=1, removed=1)),  # one was there twice
        (
            [(2, 6, "A")],
            [(1, 6, "A"), (2, 6, "B")],
            EditCounts(added=1, relabelled=1),
        ),  # rather a new type than a moved border
        # Four edits either way: rather two that are corrected than one corrected, one removed and one added.
        ([(5, 15, "A"), (15, 18, "A")], [(6, 16, "A"), (3, 6, "A")], EditCounts(moved=4)),
        # Pairing each with the first that it shares text with would take three edits.
        ([(0, 4, "A"), (2, 8, "A")], [(2, 6, "A"), (0, 3, "A")], EditCounts(moved=2)),
    ],
)
def test_the_kinds_of_edits(predicted: list[Entity], gold: list[Entity], counts: EditCounts) -> None:
    assert count_edits(predicted, gold) == counts


@quick
@given(entities(), entities())
def test_no_way_of_pairing_needs_fewer_edits(predicted: list[Entity], gold: list[Entity]) -> None:
    counts = count_edits(predicted, gold)
    assert counts.total == least(predicted, gold)
    kept_or_changed = len(predicted) - counts.removed
    assert kept_or_changed == len(gold) - counts.added >= counts.accepted


@quick
@given(entities(max_size=8), entities(max_size=8), st.randoms())
def test_sides_and_order_are_of_no_account(
    predicted: list[Entity], gold: list[Entity], random: object
) -> None:
    counts = count_edits(predicted, gold)
    back = count_edits(gold, predicted)
    assert (back.added, back.removed) == (counts.removed, counts.added)
    assert (back.accepted, back.relabelled, back.moved) == (counts.accepted, counts.relabelled, counts.moved)
    random.shuffle(predicted)  # type: ignore[attr-defined]
    random.shuffle(gold)  # type: ignore[attr-defined]
    assert count_edits(predicted, gold) == counts


@quick
@given(entities(max_size=8), entities(max_size=8))
def test_every_entity_has_its_edit(predicted: list[Entity], gold: list[Entity]) -> None:
    before, after = (
        [EditSpan("p", ((start, end),), label) for start, end, label in side] for side in (predicted, gold)
    )
    edits = match_edits(before, after)
    assert [edit.before for edit in edits if edit.before is not None] == list(range(len(before)))
    assert sorted(edit.after for edit in edits if edit.after is not None) == list(range(len(after)))
    assert EditCounts.of(edits) == count_edits(predicted, gold)
    assert EditCounts.of(edits).total == sum(edit.cost for edit in edits)


def test_parts_and_fragments() -> None:
    here = EditSpan("s1p1", ((0, 4),), "A")
    there = EditSpan("s1p2", ((0, 4),), "A")
    assert match_edits([here], [there]) == [Edit(0, None), Edit(None, 0)]
    gap = EditSpan("s1p1", ((0, 5), (10, 15)), "A")  # North … America
    wider = EditSpan("s1p1", ((0, 5), (10, 16)), "A")
    whole = EditSpan("s1p1", ((0, 15),), "A")
    assert match_edits([gap], [wider]) == [Edit(0, 0, borders=1)]
    assert match_edits([gap], [whole]) == [Edit(0, 0, borders=2)]  # the gap's two borders went


def test_of_equally_cheap_pairs_the_longer_overlap_counts() -> None:
    before, after = (
        [EditSpan("p", (place,), "A") for place in side] for side in ([(0, 10)], [(0, 3), (0, 11)])
    )
    assert match_edits(before, after) == [Edit(0, 1, borders=1), Edit(None, 0)]


def test_many_in_one_stretch_are_paired_quickly() -> None:
    predicted = [(start, start + 40, "A") for start in range(200)]
    gold = [(start, start + 41, "A") for start in range(200)]
    assert count_edits(predicted, gold) == EditCounts(moved=200)


def test_the_sum_of_counts() -> None:
    total = EditCounts(1, 2, 3, 4, 5) + EditCounts(added=1)
    assert total == EditCounts(1, 3, 3, 4, 5)
    assert total.to_json() == {
        "accepted": 1,
        "added": 3,
        "removed": 3,
        "relabelled": 4,
        "moved": 5,
        "total": 15,
    }
