"""The quality of pre-annotations, estimated from the documents that chance chose."""

from __future__ import annotations

import numpy as np
import pytest
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t
from strategies import quick

from spacy_tagtog.agreement import compare_versions
from spacy_tagtog.agreement.quality import (
    Estimate,
    ReviewCounts,
    estimate_quality,
    mean_interval,
    ratio_interval,
)

CLUSTERS = st.lists(
    st.integers(0, 9).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))), max_size=12
)


@quick
@given(clusters=CLUSTERS)
def test_an_interval_holds_its_value(clusters: list[tuple[int, int]]) -> None:
    parts, wholes = [part for part, _ in clusters], [whole for _, whole in clusters]
    found = ratio_interval(parts, wholes)
    if not sum(wholes):
        assert found == Estimate(None)
        return
    assert found.value == pytest.approx(sum(parts) / sum(wholes))
    if sum(1 for whole in wholes if whole) < 2:
        assert found.low is None
        return
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    # Documents without an entity tell nothing of a share; the other side's share is the rest.
    assert ratio_interval([*parts, 0], [*wholes, 0]) == found
    rest = ratio_interval([whole - part for part, whole in clusters], wholes)
    assert (rest.low, rest.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_independent_items_have_wilsons_interval() -> None:
    """Clusters of one item each are a plain sample.

    Wilson's interval with Student's quantile, up to the sample variance's n − 1.
    """
    parts = [1] * 30 + [0] * 10
    found = ratio_interval(parts, [1] * 40)
    quantile, p = float(t.ppf(0.975, 39)), 0.75
    items = 39.0
    centre = (p + quantile**2 / (2 * items)) / (1 + quantile**2 / items)
    half = quantile * np.sqrt(p * (1 - p) / items + quantile**2 / (4 * items**2)) / (1 + quantile**2 / items)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_where_all_agree_documents_count_not_entities() -> None:
    few, many = ratio_interval([5, 5], [5, 5]), ratio_interval([1] * 40, [1] * 40)
    assert few.value == few.high == many.value == many.high == 1
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.2
    assert 0.85 < many.low < 1


@pytest.mark.parametrize(("documents", "spread"), [(6, 2.0), (20, 2.0), (20, 20.0), (60, 1.0)])
def test_the_intervals_hold_what_they_promise(documents: int, spread: float) -> None:
    """Samples from a population that is known.

    About 95 % of the intervals hold the truth, although the entities of a document go together.
    """
    rng = np.random.default_rng(0)
    truth, hit = 0.8, 0
    for _ in range(300):
        wholes = rng.poisson(8, documents)
        parts = rng.binomial(wholes, rng.beta(truth * spread, (1 - truth) * spread, documents))
        found = ratio_interval(parts.tolist(), wholes.tolist())
        hit += found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert 0.92 <= hit / 300 <= 1


def test_means() -> None:
    assert mean_interval([]) == Estimate(None)
    assert mean_interval([3]) == Estimate(3.0)
    found = mean_interval([0, 1, 2, 3])
    half = float(t.ppf(0.975, 3)) * np.std([0, 1, 2, 3], ddof=1) / 2
    assert (found.value, found.low, found.high) == pytest.approx(
        (1.5, 0.0 if half > 1.5 else 1.5 - half, 1.5 + half)
    )


def test_precision_recall_and_f() -> None:
    quality = estimate_quality([ReviewCounts(3, 4, 6, 4), ReviewCounts(0, 0, 0, 0), ReviewCounts(1, 1, 2, 1)])
    assert quality.documents == 3
    assert quality.precision.value == pytest.approx(4 / 5)
    assert quality.recall.value == pytest.approx(4 / 8)
    assert quality.f1.value == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    assert quality.edits.value == pytest.approx(5 / 3)
    assert estimate_quality([]).precision == Estimate(None)


def test_estimates_as_json() -> None:
    assert Estimate(1 / 3, 0.25).to_json() == {"value": 0.333333, "low": 0.25, "high": None}


def test_counts_of_a_review() -> None:
    text = "Vega near Mars and Venus"
    before = document(text, entities=[E(1, 0, 4), E(1, 10, 14), E(1, 15, 18)])
    after = document(text, entities=[E(1, 0, 4), E(1, 10, 14, "e_2"), E(1, 19, 24, "e_2")])
    assert ReviewCounts.of(
        compare_versions(before.annotations, after.annotations, parts=after.parts)
    ) == ReviewCounts(1, 3, 3, 3)
