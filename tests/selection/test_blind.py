"""Which documents are annotated blind: drawn by chance, the same each time, kept beside the ranking."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.errors import ArgumentError, SelectionError
from spacy_tagtog.selection.blind import blind_file, draw_blind, read_blind, write_blind

IDS = [f"document {number}" for number in range(4000)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_expected_share_is_drawn(share: float) -> None:
    # Five standard deviations: with these seeds it holds, and a wrong share would be far off.
    for seed in range(3):
        assert (
            abs(len(draw_blind(IDS, share, seed)) / len(IDS) - share)
            <= 5 * (share * (1 - share) / 4000) ** 0.5
        )


@quick
@given(
    ids=st.lists(st.text(max_size=8), unique=True, max_size=30),
    share=st.floats(0, 1),
    more=st.floats(0, 1),
    seed=st.integers(),
)
def test_a_draw_depends_on_nothing_but_seed_and_document(
    ids: list[str], share: float, more: float, seed: int
) -> None:
    drawn = draw_blind(ids, share, seed)
    assert drawn == [one for one in ids if draw_blind([one], share, seed)]
    assert set(drawn) <= set(draw_blind(reversed(ids), max(share, more), seed))


def test_another_seed_draws_others() -> None:
    assert draw_blind(IDS, 0.5, 0) != draw_blind(IDS, 0.5, 1)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ArgumentError, match="the share of blind documents is out of range"):
        draw_blind(IDS, share, 0)


def test_the_record_stands_beside_the_ranking(tmp_path: Path) -> None:
    ranking = tmp_path / "ranking.json"
    assert blind_file(ranking) == tmp_path / "ranking.blind.json"
    assert read_blind(ranking) == {}
    write_blind(ranking, {"ä": "1" * 16})
    assert read_blind(ranking) == {"ä": "1" * 16}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 2, "documents": {}}', '{"version": 1, "documents": [1]}']
)
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    blind_file(tmp_path / "r.json").write_text(content, encoding="utf-8")
    with pytest.raises(SelectionError) as caught:
        read_blind(tmp_path / "r.json")
    assert "r.blind.json" in str(caught.value)
    assert "draws the same documents again" in str(caught.value)
