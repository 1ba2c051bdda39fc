"""Strategies and batches: what any of them must do."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import catalogue
import numpy as np
import pytest
from candidates import NAMES, REVIEWED, ids, plain, pools, ranked
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, slow

from spacy_tagtog.errors import ConfigurationError, SelectionError
from spacy_tagtog.selection import (
    Candidate,
    Context,
    Pick,
    ReviewedDocument,
    make_strategy,
    strategies,
)
from spacy_tagtog.selection.batches import choose_batch
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.strategies import full_name, parse_strategy, strategy_names

# ---- any strategy


@pytest.mark.parametrize("name", NAMES)
@slow
@given(
    pool=pools(),
    reviewed=REVIEWED,
    share=st.floats(0, 1),
    batch=st.integers(2, 5),
    seed=st.integers(0, 3),
    data=st.data(),
)
def test_any_strategy_gives_an_order(
    name: str,
    pool: list[Candidate],
    reviewed: list[ReviewedDocument],
    share: float,
    batch: int,
    seed: int,
    data: st.DataObject,
) -> None:
    options: dict[str, Any] = {"batch_size": batch, "random_share": share, "seed": seed}
    first = ranked(pool, name, reviewed, **options)
    assert sorted(doc_id for doc_id, _, _ in first) == [candidate.id for candidate in pool]
    assert [number for _, number, _ in first] == [1 + place // batch for place in range(len(pool))]
    assert all(math.isfinite(choice.pick.score) and choice.pick.score >= 0 for _, _, choice in first)
    # The order in which documents come, and how often one asks, change nothing; and what explains can be
    # stored.
    assert (
        ranked(data.draw(st.permutations(pool)), name, data.draw(st.permutations(reviewed)), **options)
        == first
    )
    json.dumps([dict(choice.pick.why) for _, _, choice in first], allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_identical_and_empty_documents(name: str) -> None:
    for pool in (
        [plain(doc_id=str(i), doubt=0.5) for i in range(5)],
        [plain("", doc_id=str(i)) for i in range(5)],
        [plain("", "a"), plain("moon", "b")],
    ):
        assert sorted(ids(pool, name, batch_size=3)) == [candidate.id for candidate in pool]
    assert ids([], name) == []


@pytest.mark.parametrize("name", NAMES)
def test_top_ranks_the_first_of_all(name: str) -> None:
    pool = [plain(f"word{i} moon rises", str(i), doubt=i / 10) for i in range(9)]
    assert len(ids(pool, name, top=4, batch_size=3)) == 4
    assert len(ids(pool, name, top=99)) == 9
    whole = ranked(pool, name, batch_size=3, random_share=0.3, seed=5)
    assert ranked(pool, name, top=3, batch_size=3, random_share=0.3, seed=5) == whole[:3]


@pytest.mark.parametrize(
    ("options", "piece"),
    [({"batch_size": 0}, "batch size 0"), ({"top": -1}, "top -1"), ({"random_share": 1.1}, "1.1")],
)
def test_numbers_out_of_range(options: dict[str, Any], piece: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ranked([plain()], "random", **options)
    assert piece in str(caught.value)


@quick
@given(weights=st.lists(st.sets(st.integers(0, 8)), max_size=8), size=st.integers(0, 9))
def test_lazy_greedy_is_greedy(weights: list[set[int]], size: int) -> None:
    """Covering sets: the textbook's submodular value."""

    def value(index: int, covered: set[int]) -> float:
        return float(len(weights[index] - covered))

    covered: set[int] = set()
    lazy = lazy_greedy(
        [value(i, set()) for i in range(len(weights))],
        lambda i: value(i, covered),
        size,
        lambda i: covered.update(weights[i]),
    )
    plainly: list[tuple[int, float]] = []
    seen: set[int] = set()
    left = list(range(len(weights)))
    while left and len(plainly) < size:
        best = max(left, key=lambda i: (value(i, seen), -i))
        plainly.append((best, value(best, seen)))
        seen |= weights[best]
        left.remove(best)
    assert lazy == plainly


# ---- the random sample


def test_the_random_share() -> None:
    pool = [plain(f"w{i} moon", f"{i:02}", doubt=i / 20) for i in range(20)]
    assert not any(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=0))
    assert all(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=1))
    # Small batches get their share, too: by chance, one of about two batches of five has one at 0.1.
    numbers = [
        sum(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=0.1, batch_size=5, seed=seed))
        for seed in range(200)
    ]
    assert abs(np.mean(numbers) - 0.1 * 20) < 0.3
    # Chance draws from all documents, not from those that the strategy would leave.
    firsts = [
        doc_id
        for seed in range(400)
        for doc_id, batch, choice in ranked(pool, "mnlp", random_share=0.2, batch_size=5, top=5, seed=seed)
        if choice.random
    ]
    counts = np.array([firsts.count(candidate.id) for candidate in pool])
    assert counts.min() > 0
    assert counts.max() < 3 * counts.mean()


# ---- the registry


def test_names_and_settings() -> None:
    assert set(NAMES) < set(strategy_names())
    assert full_name("mnlp") == "spacy-tagtog.Mnlp.v1"
    for text, piece in (
        ("bald", "there is no strategy of this name"),
        ("mnlp:wide=1", "doesn't take these settings"),
        ("mnlp:diversity=2", "0 to 1"),
        ("mnlp:diversity=much", "a number"),
        ("mnlp:diversity", "NAME:KEY=VALUE"),
        ("least_confidence:aggregation=median", "mean, sum, max"),
        ("expected_edits:class_weights=all", "none, inverse_sqrt"),
        ("expected_edits:tokens_per_edit=0", "at least"),
        ("variance_reduction:known=-1", "at least"),
        ("cluster:max_clusters=0", "at least 1"),
        ("schedule:until=-1", "at least 0"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse_strategy(text)
        assert piece in str(caught.value), text


class Own:
    """A strategy of one's own, which does as it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def needs_predictions(self, reviewed: int) -> bool:
        return False

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> Any:
        return self.answer(candidates, size, context) if callable(self.answer) else self.answer


@pytest.fixture
def register() -> Iterator[Any]:
    names: list[str] = []

    def add(name: str, factory: Any) -> None:
        strategies(name, func=factory)
        names.append(name)

    yield add
    for name in names:
        catalogue.REGISTRY.pop((*strategies.namespace, name))


def longest(candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
    order = sorted(range(len(candidates)), key=lambda index: -len(candidates[index]))
    return [
        Pick(index, float(len(candidates[index])), {"tokens": len(candidates[index])})
        for index in order[:size]
    ]


def test_ones_own_strategy(register: Any) -> None:
    register("acme.Longest.v1", lambda factor=1: Own(longest))
    assert "acme.Longest.v1" in strategy_names()
    pool = [plain("a", "1"), plain("a b c", "2"), plain("a b", "3")]
    assert ids(pool, "acme.Longest.v1:factor=3") == ["2", "3", "1"]
    with pytest.raises(ConfigurationError):
        parse_strategy("acme.Longest.v1:size=3")


def test_what_is_no_strategy_is_refused(register: Any) -> None:
    register("acme.Nothing.v1", lambda: 3)
    with pytest.raises(SelectionError) as caught:
        make_strategy("acme.Nothing.v1")
    assert "needs_predictions" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        3,
        [Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(2, 1.0, {})],
        [Pick(-1, 1.0, {}), Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(1, math.nan, {})],
        [Pick(0, 1.0, {}), Pick(1, 1.0, {}), Pick(0, 1.0, {})],
        [0, 1],
    ],
)
def test_a_strategy_that_breaks_its_promise(answer: Any) -> None:
    with pytest.raises(SelectionError) as caught:
        choose_batch([plain(doc_id="a"), plain(doc_id="b")], 2, Own(answer), Context(), random_share=0)
    assert "Own" in str(caught.value)
    assert "2 Picks with different indices below 2" in str(caught.value)


def test_the_page_about_strategies_names_them_all() -> None:
    page = Path(__file__).parents[2] / "docs" / "active-learning.md"
    text = page.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`{name}`" in text, name
