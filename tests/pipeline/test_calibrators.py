"""Calibrators: they are accurate, are chosen with care, and are checked when they are read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import Calibrator, LabelCalibrator
from spacy_tagtog.pipeline.calibration.cross_validation import fit_calibrator
from spacy_tagtog.pipeline.calibration.figures import figures_of
from spacy_tagtog.pipeline.calibration.stored import read_stored


def overconfident(
    n: int, *, seed: int = 0
) -> tuple[np.ndarray[Any, Any], list[str], np.ndarray[Any, Any], list[int]]:
    """Scores whose log-odds are three times what they should be."""
    chance = np.random.default_rng(seed)
    truth = chance.normal(0.5, 1.5, n)
    right = chance.random(n) < 1 / (1 + np.exp(-truth))
    features = np.column_stack([3 * truth, chance.normal(size=n)])
    return features, [("A", "B")[i % 2] for i in range(n)], right, [i // 10 for i in range(n)]


@pytest.mark.parametrize("method", ["auto", "platt", "isotonic", "logistic"])
def test_an_overconfident_score_is_put_right(method: Any) -> None:
    calibrator, report = fit_calibrator(*overconfident(3000), method=method)
    features, labels, right, _ = overconfident(3000, seed=1)
    before, after = (
        figures_of(1 / (1 + np.exp(-features[:, 0])), right),
        figures_of(calibrator.predict(features, labels), right),
    )
    assert before.ece > 0.1
    assert after.ece < 0.04
    assert report.after is not None
    # What cross-validation promised is what new data shows.
    assert abs(report.after.brier - after.brier) < 0.02
    stored = read_stored(LabelCalibrator, json.dumps(asdict(calibrator)))
    assert stored.predict(features, labels) == pytest.approx(calibrator.predict(features, labels))


def test_what_is_more_complicated_has_to_be_clearly_better() -> None:
    chance = np.random.default_rng(5)
    truth = chance.normal(0.5, 1.5, 3000)
    right = chance.random(3000) < 1 / (1 + np.exp(-truth))
    groups = [i // 20 for i in range(3000)]
    # The score is all there is to know, beside noise: a regression on all of it may win by luck, but not
    # clearly.
    noise = np.column_stack([truth, chance.normal(size=(3000, 20))])
    assert fit_calibrator(noise[:400], ["A"] * 400, right[:400], groups[:400])[1].methods == {"*": "platt"}
    # Half of what there is to know stands beside the score.
    half = np.column_stack([truth + chance.normal(0, 1.5, 3000), truth + chance.normal(0, 1.5, 3000)])
    assert fit_calibrator(half, ["A"] * 3000, right, groups)[1].methods == {"*": "logistic"}


def test_labels_that_differ_get_their_own() -> None:
    features, labels, right, groups = overconfident(1500)
    right = np.where(np.array(labels) == "A", right, ~right)
    calibrator, report = fit_calibrator(features, labels, right, groups)
    assert set(calibrator.own) == {"A", "B"}
    assert report.labels["B"].auroc is not None
    assert report.labels["B"].auroc > 0.7
    # A label never seen gets the pooled one.
    assert np.isfinite(calibrator.predict(features[:1], ["new"])).all()


@pytest.mark.parametrize(
    ("n", "right", "words"),
    [
        (0, None, "no prediction"),
        (30, None, "fewer documents"),
        (300, True, "all right"),
        (300, False, "all wrong"),
    ],
)
def test_too_little_leaves_the_scores_as_they_are(n: int, right: bool | None, words: str) -> None:
    features, labels, answers, groups = overconfident(n)
    calibrator, report = fit_calibrator(features, labels, answers if right is None else [right] * n, groups)
    assert any(words in note for note in report.notes)
    assert calibrator.predict(features, labels) == pytest.approx(1 / (1 + np.exp(-features[:, 0])), abs=1e-5)


def test_a_rare_label_shares_and_that_is_said() -> None:
    features, _, right, groups = overconfident(600)
    calibrator, report = fit_calibrator(features, ["rare", *["A"] * 599], right, groups)
    assert "rare" not in calibrator.own
    assert any(note.startswith("rare: calibrated with the others") for note in report.notes)


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {},
        {"pooled": {}, "own": {}},
        {"pooled": {"method": "pickle"}, "own": {}},
        {"pooled": 1, "own": {"A": 2}},
    ],
)
def test_junk_is_refused(junk: object) -> None:
    with pytest.raises(PipelineError):
        read_stored(LabelCalibrator, json.dumps(junk))


RIGHT = {"method": "isotonic", "bias": 0, "weights": [], "labels": {}, "x": [-1, 1.5], "y": [0.25, 0.75]}


@pytest.mark.parametrize(
    ("changes", "place", "value"),
    [
        ({"x": [], "y": []}, "file", ""),
        ({"x": [0.0]}, "file", ""),
        ({"bias": float("nan")}, "file, bias", "nan"),
        ({"weights": [1, float("inf")]}, "file, weights.1", "inf"),
        ({"weights": ["1"]}, "file, weights.0", "1"),
        ({"labels": {"A": True}}, "file, labels.A", "True"),
        ({"method": "auto"}, "file, method", "auto"),
        ({"method": "trees"}, "file", ""),
        ({"trees": {}}, "file, trees.columns", ""),
    ],
)
def test_a_damaged_calibrator_is_refused_with_place_and_value(
    changes: dict[str, Any], place: str, value: str
) -> None:
    read_stored(Calibrator, json.dumps(RIGHT))
    with pytest.raises(PipelineError) as caught:
        read_stored(Calibrator, json.dumps({**RIGHT, **changes}), place="file")
    assert caught.value.place == place
    assert value in str(caught.value.value)
    assert "what spacy-tagtog calibrate wrote" in str(caught.value.legal)


@pytest.mark.parametrize("missing", RIGHT)
def test_a_calibrator_without_a_part_is_refused(missing: str) -> None:
    with pytest.raises(PipelineError):
        read_stored(Calibrator, json.dumps({name: value for name, value in RIGHT.items() if name != missing}))


@pytest.mark.parametrize("data", ["", "{", "[" * 100_000, "nul", b"\xff"])
def test_what_is_not_json_is_refused(data: str | bytes) -> None:
    with pytest.raises(PipelineError, match="calibrate the pipeline again"):
        read_stored(Calibrator, data)
