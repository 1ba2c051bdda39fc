"""The gate: what is promoted, what isn't, and what the interval is worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples

from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.loop.gate import ALL, GateRules, compare, judge, margins_from
from spacy_tagtog.pipeline.calibration.figures import CalibrationFigures
from spacy_tagtog.pipeline.evaluation import ConfidenceEvaluation, Evaluation
from spacy_tagtog.pipeline.scores import Scores

Counts = dict[str, dict[str, Scores]]


def evaluation(counts: Counts, ece: float | None = None) -> Evaluation:
    made = Evaluation(documents=len(counts), by_document=counts)
    if ece is not None:
        figures = CalibrationFigures(100, 80, ece, 0.1, 0.8, [], chance=(0.02, 0.04))
        made.confidence["entity_confidence"] = ConfidenceEvaluation(figures, {}, 0, calibrated=True)
    return made


def documents(*exact: int, gold: int = 10, predicted: int = 10, label: str = "Star") -> Counts:
    """Documents with so many right predictions each."""
    return {
        f"d{number}": {label: Scores(gold=gold, predicted=predicted, exact=one)}
        for number, one in enumerate(exact)
    }


def test_the_first_model_is_promoted() -> None:
    verdict = judge(None, evaluation(documents(5, 6, 7)))
    assert verdict.promoted
    assert verdict.reason == "the first model: F 60.0 on 3 test documents"
    assert verdict.overall.points == pytest.approx(60)


def test_a_better_model_is_promoted_and_a_worse_one_is_not() -> None:
    low, high = evaluation(documents(*[6, 7] * 10)), evaluation(documents(*[8, 9] * 10))
    better = judge(low, high)
    assert better.promoted
    assert better.reason.startswith("F 85.0 against 65.0 on 20 test documents: +20.0 (interval ")
    worse = judge(high, low)
    assert not worse.promoted
    assert worse.reason.startswith("it is worse: F 65.0 against 85.0")
    assert worse.missing is None


def test_an_equal_model_is_promoted() -> None:
    same = evaluation(documents(*range(10)))
    verdict = judge(same, same)
    assert verdict.promoted
    assert (verdict.overall.low, verdict.overall.high) == (0, 0)


def test_what_the_documents_cannot_tell_is_no_reason_to_promote() -> None:
    """Better in the mean, but a few documents decide: it may be worse. More of them would tell."""
    before, after = documents(*[7] * 12), documents(*[9, 9, 9, 9, 9, 9, 9, 4, 4, 7, 7, 7])
    verdict = judge(evaluation(before), evaluation(after))
    assert verdict.overall.points > 0
    assert verdict.overall.low < -1
    assert not verdict.promoted
    assert "it may be worse" in verdict.reason
    assert verdict.missing is not None
    assert verdict.missing > 0
    # With so many more, and all else the same, it is decided. (Documents come by the dozen here.)
    times = -(-(12 + verdict.missing) // 12)

    def more(counts: Counts) -> Evaluation:
        return evaluation({f"{key}-{n}": one for key, one in counts.items() for n in range(times)})

    assert judge(more(before), more(after)).promoted


def test_the_margin_decides() -> None:
    before, after = evaluation(documents(*[8] * 30)), evaluation(documents(*[8] * 27, 7, 7, 8))
    assert judge(before, after, GateRules(margin=2)).promoted
    refused = judge(before, after, GateRules(margin=0.5))
    assert not refused.promoted
    assert "must not be below -0.5" in refused.reason


def test_a_few_documents_cannot_tell() -> None:
    few = evaluation(documents(5, 5, 5, 5))
    verdict = judge(few, evaluation(documents(9, 9, 9, 9)))
    assert not verdict.promoted
    assert verdict.reason == "4 test documents can't tell which model is better: at least 5 are needed"
    assert verdict.missing == 1


def test_no_type_may_fall() -> None:
    def both(stars: int, planets: int) -> Evaluation:
        return evaluation(
            {
                f"d{number}": {"Star": Scores(20, 20, stars), "Planet": Scores(4, 4, planets)}
                for number in range(20)
            }
        )

    verdict = judge(both(14, 4), both(19, 3))
    assert verdict.overall.low > 0
    assert not verdict.promoted
    assert verdict.reason == "Planet fell by more than 5: -25.0 (interval -25.0 to -25.0)"
    assert verdict.missing == 0
    assert judge(both(14, 4), both(19, 3), GateRules(type_margins={"Planet": 30})).promoted
    assert judge(both(14, 4), both(19, 3), GateRules(type_margin=25)).promoted


def test_a_type_that_may_have_fallen_by_chance_does_not_count() -> None:
    def rare(found: int) -> Counts:
        counts = documents(*[10] * 30)
        counts["d0"]["Comet"] = Scores(1, found, found)
        counts["d1"]["Comet"] = Scores(1, 1, 1)
        return counts

    verdict = judge(evaluation(rare(1)), evaluation(rare(0)))
    assert verdict.types["Comet"].points < -5
    assert verdict.promoted


def test_probabilities_must_stay_accurate() -> None:
    same = documents(*[8] * 10)
    assert judge(evaluation(same, ece=0.02), evaluation(same, ece=0.06)).promoted
    verdict = judge(evaluation(same, ece=0.02), evaluation(same, ece=0.09))
    assert not verdict.promoted
    assert verdict.reason == (
        "its probabilities are less accurate: calibration error of entity_confidence 9.0 % against 2.0 %"
    )
    assert verdict.calibration["entity_confidence"]["new"]["ece"] == pytest.approx(9)
    assert judge(
        evaluation(same, ece=0.02), evaluation(same, ece=0.09), GateRules(calibration_margin=8)
    ).promoted


def test_both_are_measured_on_the_same_documents() -> None:
    with pytest.raises(ArgumentError, match="the same documents") as caught:
        judge(evaluation(documents(1, 2)), evaluation(documents(1, 2, 3)))
    assert caught.value.value == "d2"


WRONG: list[dict[str, Any]] = [{"margin": -1}, {"type_margin": 101}, {"type_margins": {"A": math.nan}}]


@pytest.mark.parametrize("rules", WRONG)
def test_margins_are_points_of_f(rules: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="a margin is out of range"):
        GateRules(**rules)
    with pytest.raises(ArgumentError, match="isn't a number"):
        margins_from([("Star", "many")])


scores = st.builds(
    lambda gold, wrong, share: Scores(gold, round(gold * share) + wrong, round(gold * share)),
    st.integers(0, 9),
    st.integers(0, 5),
    st.floats(0, 1),
)
corpora = st.lists(st.tuples(scores, scores, st.sampled_from("AB")), min_size=1, max_size=12)


@pytest.mark.hypothesis
@settings(max_examples=examples(40), deadline=None)
@given(corpora)
def test_the_difference_is_that_of_the_evaluations(drawn: list[tuple[Scores, Scores, str]]) -> None:
    """What the gate says of F is what evaluate says; swapped, everything has the other sign."""
    one: Counts = {}
    two: Counts = {}
    for number, (left, right, label) in enumerate(drawn):
        right.gold = left.gold
        right.exact = min(right.exact, left.gold)
        one[f"d{number}"], two[f"d{number}"] = {label: left}, {label: right}
    there, back = compare(one, two), compare(two, one)
    assert there.keys() == back.keys()
    for name, difference in there.items():
        for counts, f_score in ((one, difference.current), (two, difference.new)):
            total = sum(
                (kept for each in counts.values() for label, kept in each.items() if name in (label, ALL)),
                Scores(),
            )
            assert f_score == pytest.approx(100 * total.exact_prf[2])
        assert back[name].points == pytest.approx(-difference.points)
        assert back[name].low == pytest.approx(-difference.high)
        assert back[name].high == pytest.approx(-difference.low)
        assert difference.low <= difference.high


def test_a_harmful_model_is_seldom_promoted() -> None:
    """Worse by the margin: the interval lets one in twenty pass. In 150 draws that is 7.5, at most 16."""
    rng = np.random.default_rng(1)

    def measured(gold: list[int], found: list[int]) -> Evaluation:
        pairs = enumerate(zip(gold, found, strict=True))
        return evaluation({f"d{i}": {"Star": Scores(one, one, right)} for i, (one, right) in pairs})

    promoted = 0
    for _ in range(150):
        gold = rng.integers(5, 15, size=40)
        before = rng.binomial(gold, 0.8)
        after = rng.binomial(before, 0.97) + rng.binomial(gold - before, 0.07)  # 0.79
        promoted += judge(
            measured(gold.tolist(), before.tolist()), measured(gold.tolist(), after.tolist())
        ).promoted
    assert 1 <= promoted <= 16
