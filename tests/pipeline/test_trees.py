"""Boosted and random trees: those of scikit-learn, checked when they are read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import Calibrator, LabelCalibrator
from spacy_tagtog.pipeline.calibration.cross_validation import fit_calibrator
from spacy_tagtog.pipeline.calibration.features import FEATURES
from spacy_tagtog.pipeline.calibration.stored import Calibration, read_stored
from spacy_tagtog.pipeline.calibration.trees import BoostedTrees, RandomTrees, fit_random_trees, fit_trees


def crossing(n: int, seed: int) -> tuple[Any, list[str], Any]:
    """Right where both features have the same sign: a regression on the two sees nothing."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(n, 2))
    return (
        features,
        [("A", "B")[i % 2] for i in range(n)],
        chance.random(n) < np.where(features.prod(axis=1) > 0, 0.9, 0.2),
    )


def test_trees_see_what_a_regression_cannot() -> None:
    features, labels, right = crossing(1200, 0)
    _, report = fit_calibrator(features, labels, right, [i // 10 for i in range(1200)])
    assert report.methods["*"] == "forest"  # which leaves the regression out
    assert report.after is not None
    assert report.after.auroc is not None
    assert report.after.auroc > 0.8
    _, regression = fit_calibrator(features, labels, right, [i // 10 for i in range(1200)], method="logistic")
    assert regression.after is not None
    assert regression.after.auroc is not None
    assert regression.after.auroc < 0.6


def test_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    features, labels, right = crossing(500, 1)
    made = fit_trees(features, labels, right.astype(float), seed=4)
    columns = np.column_stack(
        [features, [label == "A" for label in labels], [label == "B" for label in labels]]
    ).astype(float)
    settings = {
        "n_estimators": 150,
        "learning_rate": 0.05,
        "max_depth": 3,
        "min_samples_leaf": 20,
        "subsample": 0.5,
        "max_features": 0.5,
    }
    model = GradientBoostingClassifier(**settings, random_state=4).fit(columns, right)
    assert made.log_odds(features, labels) == pytest.approx(model.decision_function(columns), abs=1e-9)
    stored = asdict(made)
    assert read_stored(BoostedTrees, json.dumps(stored)).log_odds(features, labels) == pytest.approx(
        made.log_odds(features, labels)
    )
    for name, junk in (
        ("features", [[9] * 7] * 150),
        ("leaves", [[0.0] * 7] * 150),
        ("thresholds", []),
        ("columns", 0),
        ("columns", 2**70),
        ("features", [[2**70] * 7] * 150),
        ("bias", float("nan")),
    ):
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(BoostedTrees, json.dumps({**stored, name: junk}))


def test_random_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import ExtraTreesClassifier

    features, labels, right = crossing(500, 1)
    made = fit_random_trees(features, labels, right.astype(float), seed=4)
    columns = np.column_stack(
        [features, [label == "A" for label in labels], [label == "B" for label in labels]]
    ).astype(float)
    model = ExtraTreesClassifier(50, min_samples_leaf=10, max_features=0.3, random_state=4).fit(
        columns, right
    )
    shares = 1 / (1 + np.exp(-made.log_odds(features, labels)))
    # A threshold is stored with six digits.
    assert shares == pytest.approx(model.predict_proba(columns)[:, 1], abs=1e-3)
    assert np.median(np.abs(shares - model.predict_proba(columns)[:, 1])) < 1e-5
    assert made.log_odds(np.zeros((0, 2)), []).shape == (0,)
    stored = asdict(made)
    assert read_stored(RandomTrees, json.dumps(stored)).log_odds(features, labels) == pytest.approx(
        made.log_odds(features, labels)
    )
    inner = next(i for i, column in enumerate(made.features) if column >= 0)
    leaf = next(i for i, column in enumerate(made.features) if column < 0)

    def changed(name: str, place: int, value: float) -> dict[str, Any]:
        return {**stored, name: [*stored[name][:place], value, *stored[name][place + 1 :]]}

    junk = [
        {**stored, "edge": 0.0},
        {**stored, "roots": []},
        {**stored, "values": stored["values"][1:]},
        changed("roots", 0, len(made.features)),
        changed("features", inner, 4),
        changed("features", leaf, -2),
        changed("values", inner, float("inf")),
        changed("values", leaf, 1.5),
        changed("rights", inner, inner),  # would go in circles
        changed("rights", inner, len(made.features)),
    ]
    for one in junk:
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(RandomTrees, json.dumps(one))


def test_random_trees_that_are_all_right_are_not_certain() -> None:
    features = np.array([[float(i >= 20)] for i in range(40)])
    made = fit_random_trees(features, ["A"] * 40, features[:, 0])
    assert made.log_odds(features, ["A"] * 40) == pytest.approx(
        np.where(features[:, 0] > 0, 1, -1) * np.log(41)
    )


@pytest.mark.parametrize("method", ["trees", "forest"])
def test_stored_trees_are_checked(method: Any) -> None:
    features, labels, right = crossing(500, 2)
    calibrator, report = fit_calibrator(features, labels, right, [i // 10 for i in range(500)], method=method)
    stored = json.loads(json.dumps(asdict(calibrator)))
    assert read_stored(LabelCalibrator, json.dumps(stored)).predict(features, labels) == pytest.approx(
        calibrator.predict(features, labels)
    )
    for changes in (
        {"trees": None},
        {"trees": {"columns": 2}},
        {"random_trees": None},
        {"method": "platt", "trees": None},
        {"method": "platt", "random_trees": None},
        {"method": "platt"},
    ):
        with pytest.raises(PipelineError, match="can't be read"):
            read_stored(Calibrator, json.dumps({**stored["pooled"], **changes}))
    # Trees over counts of the training documents, without these counts.
    calibration = Calibration(calibrator, None, [], report)
    data = json.loads(calibration.to_bytes())
    assert Calibration.from_bytes(calibration.to_bytes()) == calibration
    data["predictions"]["pooled"]["trees"]["columns"] = FEATURES + 1
    with pytest.raises(PipelineError, match="features that it doesn't have"):
        Calibration.from_bytes(json.dumps(data).encode())
