"""Figures of probabilities: by hand, by simulation, and as a diagram."""

from __future__ import annotations

import json
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.calibration.figures import (
    CalibrationFigures,
    design_effect,
    ece_by_chance,
    figures_by_label,
    figures_of,
)
from spacy_tagtog.pipeline.calibration.reliability import reliability_svg
from spacy_tagtog.pipeline.calibration.stored import read_stored


def test_figures_by_hand() -> None:
    figures = figures_of([0.9, 0.9, 0.1, 0.1], [True, False, False, False])
    assert figures.ece == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    assert figures.brier == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    assert figures.auroc == pytest.approx((1 + 1 + 0.5) / 3, abs=1e-6)
    bins: list[Any] = figures.bins
    assert bins == [(pytest.approx(0.1), 0.0, 2), (pytest.approx(0.9), 0.5, 2)]
    assert figures_of([0.5], [True]).auroc is None
    with pytest.raises(EvaluationError):
        figures_of([], [])


@pytest.mark.parametrize("wrong", [-0.001, 1.001, 80.0, float("nan"), float("inf"), -float("inf")])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    """Logits and percentages would give figures that look like any others."""
    p, right, groups = [0.0, 1.0, wrong], [False, True, True], [0, 0, 1]
    for call in (
        lambda: figures_of(p, right),
        lambda: figures_by_label(p, right, ["A", "A", "A"], groups),
        lambda: design_effect(p, right, groups),
        lambda: ece_by_chance(p),
    ):
        with pytest.raises(EvaluationError, match="out of range") as caught:
            call()
        assert str(caught.value.place) == "prediction 3 of 3"
        assert repr(caught.value.value) == repr(wrong)
    assert figures_of(p[:2], right[:2]).ece == 0


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_figures_are_in_range(pairs: list[tuple[float, bool]]) -> None:
    figures = figures_of([p for p, _ in pairs], [y for _, y in pairs])
    assert 0 <= figures.ece <= 1
    assert 0 <= figures.brier <= 1
    assert sum(size for _, _, size in figures.bins) == len(pairs)


@pytest.mark.parametrize("n", [50, 700, 30_000])
def test_even_perfect_probabilities_have_an_ece(n: int) -> None:
    chance = np.random.default_rng(3)
    p = chance.beta(3, 1, n)
    mean, most = ece_by_chance(p)
    eces = [figures_of(p, chance.random(n) < p).ece for _ in range(60)]
    assert 0 < mean < most
    assert np.mean(eces) == pytest.approx(mean, rel=0.2)
    assert np.mean(np.array(eces) <= most) >= 0.8
    # Probabilities that are too high are not excused by it.
    assert figures_of(p, chance.random(n) < p - 0.3).ece > most
    assert figures_of(p, p > 0.5, chance=True).chance == (mean, most)


def test_certain_and_right_leaves_nothing_to_chance() -> None:
    assert ece_by_chance([1.0, 0.0, 1.0]) == (0.0, 0.0)


def test_the_design_effect_by_hand() -> None:
    # One bin; documents with 2 of 2, 0 of 2, 2 of 2 and 0 of 2 right: the four sums deviate by 1 from their
    # mean, the eight predictions by 1/2.
    assert design_effect([0.5] * 8, [1, 1, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 2, 2, 3, 3]) == pytest.approx(
        (4 * 4 / 3) / (8 / 4 * 8 / 7)
    )
    # Each in a document of its own: independent, however much the probabilities of one bin differ.
    assert design_effect([0.5, 0.46875], [0, 1], [0, 1]) == 1
    assert design_effect([0.51, 0.59, 0.52, 0.58], [0, 1, 1, 0], [0, 1, 2, 3]) == 1
    # One document in each bin, or nothing that varies: nothing can be said.
    assert design_effect([0.1, 0.1, 0.9, 0.9], [0, 1, 0, 1], [0, 0, 1, 1]) == 1
    assert design_effect([0.9, 0.9], [1, 1], [0, 1]) == 1


@pytest.mark.parametrize(("copies", "bias"), [(1, 0.0), (1, 0.3), (4, 0.0), (4, 0.3)])
def test_predictions_that_share_their_fate_tell_less(copies: int, bias: float) -> None:
    chance = np.random.default_rng(4)
    p = chance.beta(3, 2, 3000)
    right = chance.random(3000) < p - bias
    groups = np.arange(3000) // 5
    # Each prediction is there four times, always right or always wrong: four tell no more than one, however
    # wrong the probabilities are.
    effect = design_effect(np.repeat(p, copies), np.repeat(right, copies), np.repeat(groups, copies))
    assert effect == pytest.approx(copies, rel=0.15)


def test_chance_heeds_that_documents_differ() -> None:
    chance = np.random.default_rng(6)

    def drawn() -> CalibrationFigures:
        p = np.repeat(chance.beta(3, 2, 200), 8)
        right = np.repeat(chance.random(200) < p[::8], 8)  # all of a document are right, or none
        return figures_of(p, right, chance=True, groups=np.repeat(np.arange(200), 8))

    def by_independence(one: CalibrationFigures) -> float:
        assert one.chance is not None
        assert one.design_effect is not None
        return one.chance[1] / math.sqrt(one.design_effect)

    samples = [drawn() for _ in range(60)]
    below = [one.chance is not None and one.ece <= one.chance[1] for one in samples]
    assert np.mean(below) >= 0.8
    # As if all were independent, most of these would look miscalibrated.
    assert np.mean([one.ece <= by_independence(one) for one in samples]) <= 0.5
    assert read_stored(CalibrationFigures, json.dumps(samples[0].to_json())) == samples[0]


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 5)), min_size=1, max_size=50))
def test_the_names_of_documents_and_the_order_dont_matter(rows: list[tuple[float, bool, int]]) -> None:
    p, right, groups = zip(*rows, strict=True)
    effect = design_effect(p, right, groups)
    assert 1 <= effect <= len(rows) + 1e-9
    assert design_effect(p[::-1], right[::-1], [9 - group for group in groups[::-1]]) == pytest.approx(effect)
    assert design_effect(p, right, range(len(p))) == pytest.approx(1)


def test_the_diagram_is_xml_with_one_dot_per_bin() -> None:
    figures = figures_of([0.1, 0.11, 0.9], [False, True, True])
    root = ElementTree.fromstring(reliability_svg({"a & <b>": figures, "other": figures}))
    dots = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(dots) == 2 * len(figures.bins) == 4
    assert "a & <b>" in [node.text for node in root.iter()]
