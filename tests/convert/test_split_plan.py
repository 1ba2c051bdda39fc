"""A planned split: near-duplicates on one side, types balanced, and nobody ever moves."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.convert.split_plan import SplitItem, near_duplicates, plan_split, read_plan, write_plan
from spacy_tagtog.errors import ConfigurationError

WORDS = [f"word{n}" for n in range(400)]
SHARES = {"dev": 0.2, "test": 0.1}


def text(seed: int, length: int = 80) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def items(number: int, *, start: int = 0) -> list[SplitItem]:
    """Documents with a frequent and a rare type."""
    return [
        SplitItem(f"doc{n}", text(n), {"Often": 3, **({"Rare": 1} if n % 20 == 0 else {})})
        for n in range(start, start + number)
    ]


def test_near_duplicates_are_found_and_others_are_not() -> None:
    original = text(1)
    edited = original.replace("word1 ", "other ")
    shuffled = " ".join(random.Random(0).sample(original.split(), 80))
    made = [
        SplitItem(name, body, {})
        for name, body in [
            ("a", original),
            ("b", edited + " one more"),
            ("c", shuffled),
            ("d", text(2)),
            ("e", original.upper()),
        ]
    ]
    assert near_duplicates(made) == [["a", "b", "e"], ["c"], ["d"]]
    assert near_duplicates(made, threshold=1) == [["a", "e"], ["b"], ["c"], ["d"]]


def test_texts_without_words_are_alike_in_nothing() -> None:
    assert near_duplicates([SplitItem("a", "", {}), SplitItem("b", "…", {}), SplitItem("c", "", {})]) == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_near_duplicates_are_on_one_side() -> None:
    copies = [
        SplitItem(f"copy{n}-{k}", text(n) + (" and more" if k else ""), {"Often": 1})
        for n in range(40)
        for k in range(3)
    ]
    plan = plan_split(copies, SHARES)
    for n in range(40):
        assert len({plan[f"copy{n}-{k}"] for k in range(3)}) == 1
    assert set(plan.values()) == {"train", "dev", "test"}


def test_shares_and_types_are_balanced() -> None:
    made = items(400)
    plan = plan_split(made, SHARES)
    number = Counter(plan.values())
    rare = Counter(plan[item.id] for item in made if "Rare" in item.labels)
    assert number == {"train": 280, "dev": 80, "test": 40}
    assert rare == {"train": 14, "dev": 4, "test": 2}


def test_rare_types_come_first_so_that_frequent_ones_can_make_up_for_them() -> None:
    """Three long documents can't be halved; the short ones after them can."""
    short = [SplitItem(f"a{n:02}", text(n), {"Often": 1}) for n in range(20)]
    long = [SplitItem(f"z{n}", text(100 + n), {"Rare": 1, "Often": 10}) for n in range(3)]
    plan = plan_split([*short, *long], {"dev": 0.5})
    often = Counter(dict.fromkeys(("train", "dev"), 0))
    for item in (*short, *long):
        often[plan[item.id]] += item.labels["Often"]
    assert often == {"train": 25, "dev": 25}


def test_what_is_on_one_side_already_is_made_up_for_on_the_others() -> None:
    """The first documents were all put on one side: of what comes, the other sides get what they lack."""
    made = items(400)
    for side, share in {"train": 280, "dev": 80, "test": 40}.items():
        plan = plan_split(made, SHARES, known={f"doc{n}": side for n in range(min(share, 100))})
        assert Counter(plan.values()) == {"train": 280, "dev": 80, "test": 40}
        rare = Counter(plan[item.id] for item in made if "Rare" in item.labels)
        assert rare == {"train": 14, "dev": 4, "test": 2}


@quick
@given(sizes=st.lists(st.integers(1, 25), min_size=2, max_size=4))
def test_nobody_moves_as_the_corpus_grows(sizes: list[int]) -> None:
    known: dict[str, str] = {}
    total = 0
    for size in sizes:
        total += size
        plan = plan_split(items(total), SHARES, known=known)
        assert set(plan) == {f"doc{n}" for n in range(total)}
        assert known.items() <= plan.items()
        known = plan


def test_a_new_copy_joins_the_old_one() -> None:
    plan = plan_split(items(50), SHARES)
    for side in ("train", "dev", "test"):
        old = next(doc_id for doc_id, where in plan.items() if where == side)
        copy = SplitItem("copy", text(int(old.removeprefix("doc"))), {})
        assert plan_split([*items(50), copy], SHARES, known=plan)["copy"] == side


def test_the_order_of_the_documents_does_not_matter() -> None:
    made = items(60)
    assert plan_split(made, SHARES) == plan_split(list(reversed(made)), SHARES)


def test_a_side_that_is_gone() -> None:
    with pytest.raises(ConfigurationError, match="a side that the split doesn't have"):
        plan_split(items(3), {"dev": 0.2}, known={"doc1": "test"})


def test_plans_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    assert read_plan(path) == {}
    write_plan(path, {"b": "dev", "a": "train"})
    assert read_plan(path) == {"a": "train", "b": "dev"}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"version": 9, "sides": {}}',
        '{"version": 1, "sides": {"a": 1}}',
        '{"version": 1}',
        "\ud800",
    ],
)
def test_what_is_no_plan(tmp_path: Path, content: str) -> None:
    path = tmp_path / "split.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigurationError, match="this is no split file"):
        read_plan(path)
