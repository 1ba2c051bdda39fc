"""Fit calibrators, and choose among them by cross-validation over documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.calibration.calibrators import (
    UNCHANGED,
    Calibrator,
    FittedMethod,
    LabelCalibrator,
    sigmoid,
)
from spacy_tagtog.pipeline.calibration.figures import figures_by_label, figures_of
from spacy_tagtog.pipeline.calibration.report import CalibrationReport
from spacy_tagtog.pipeline.calibration.trees import fit_random_trees, fit_trees

CalibrationMethod = Literal["auto", "none", "platt", "isotonic", "logistic", "trees", "forest"]

FOLDS: Final = 5
# What auto chooses from, in this order. Of the score alone, isotonic regression is all that trees could be.
_METHODS: Final[tuple[FittedMethod, ...]] = ("platt", "isotonic", "logistic", "trees", "forest")
_METHODS_OF_ONE_FEATURE: Final = _METHODS[:3]
# The predictions that a label needs for a calibrator of its own, and how many of them must be right and
# wrong.
_MIN_LABEL: Final = 100
_MIN_LABEL_CLASS: Final = 20
# Of the regression on all features (standardized). Of 1, 0.1 and 0.03 the last two were best in
# cross-validation, each on one calibration part.
_C: Final = 0.05
_Floats = NDArray[np.float64]
_Rows = NDArray[np.bool_]


def _fit(
    method: FittedMethod, features: _Floats, labels: Sequence[str], right: _Floats, seed: int = 0
) -> Calibrator | None:
    """Fit one calibrator; ``None`` where that can't be done (one class only)."""
    if method == "none":
        return UNCHANGED
    if not 0 < right.sum() < len(right):
        return None
    if method == "isotonic":
        return _fit_isotonic(features, right)
    if method == "platt":
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1e3, max_iter=1000).fit(features[:, :1], right)
        return Calibrator("platt", float(model.intercept_[0]), [float(v) for v in model.coef_[0]], {}, [], [])
    if method == "logistic":
        return Calibrator("logistic", *_regression(features, labels, right), [], [])
    boosted = fit_trees(features, labels, right, seed=seed)
    by_chance = fit_random_trees(features, labels, right, seed=seed)
    if method == "forest":
        return Calibrator("forest", 0.0, [], {}, [], [], boosted, by_chance)
    # They err in different places: the mean of all three was better than that of the first two on all of five
    # training parts.
    return Calibrator("trees", *_regression(features, labels, right), [], [], boosted, by_chance)


def _fit_isotonic(features: _Floats, right: _Floats) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    # Never 0 or 1: so much is not known from n predictions (Laplace).
    edge = 1 / (len(right) + 2)
    model = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(features[:, 0], right)
    x, y = ([float(v) for v in values] for values in (model.X_thresholds_, model.y_thresholds_))
    return Calibrator("isotonic", 0.0, [], {}, x, y)


def _regression(
    features: _Floats, labels: Sequence[str], right: _Floats
) -> tuple[float, list[float], dict[str, float]]:
    """The bias, the weights and those of labels of a logistic regression on all features."""
    from sklearn.linear_model import LogisticRegression

    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-9] = 1
    names = sorted({*labels}) if len({*labels}) > 1 else []
    columns = np.array([[label == name for name in names] for label in labels], dtype=np.float64).reshape(
        len(labels), len(names)
    )
    model = LogisticRegression(C=_C, max_iter=1000).fit(
        np.hstack([(features - centre) / scale, columns]), right
    )
    size = features.shape[1]
    weights = model.coef_[0][:size] / scale
    return (
        float(model.intercept_[0] - weights @ centre),
        [float(v) for v in weights],
        dict(zip(names, (float(v) for v in model.coef_[0][size:]), strict=True)),
    )


def _fit_all(
    methods: Sequence[FittedMethod], features: _Floats, labels: Sequence[str], right: _Floats, seed: int = 0
) -> dict[FittedMethod, Calibrator | None]:
    """Fit one calibrator by each method. What several methods need is fitted once."""
    made: dict[FittedMethod, Calibrator | None] = {}
    for method in methods:
        whole = made.get("trees")
        if method == "forest" and whole is not None:
            made[method] = Calibrator("forest", 0.0, [], {}, [], [], whole.trees, whole.random_trees)
        else:
            made[method] = _fit(method, features, labels, right, seed)
    return made


def _folds_of(groups: Sequence[int], *, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each prediction, shape (n,): documents are dealt out whole, in a random order."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[i]: place % folds for place, i in enumerate(order)}
    return np.array([fold[group] for group in groups], dtype=np.int64)


def _held_out(
    methods: Sequence[FittedMethod],
    features: _Floats,
    labels: Sequence[str],
    right: _Floats,
    fold: NDArray[np.int64],
    seed: int = 0,
) -> dict[FittedMethod, _Floats]:
    """For each method the probability of each prediction, by a calibrator that never saw its document.

    A method by which a fold can't be fitted is left out.
    """
    result = {method: np.zeros(len(right)) for method in methods}
    for number in np.unique(fold):
        test = fold == number
        train = ~test
        own, others = ([labels[int(i)] for i in np.flatnonzero(side)] for side in (test, train))
        fitted = _fit_all(methods, features[train], others, right[train], seed) if train.any() else {}
        for method in methods:
            calibrator = fitted.get(method)
            if calibrator is None:
                result.pop(method, None)
            elif method in result:
                result[method][test] = calibrator.predict(features[test], own)
    return result


def cross_validated_platt(
    features: _Floats, right: _Floats, groups: Sequence[int], *, folds: int = FOLDS, seed: int = 0
) -> _Floats | None:
    """The probability of each prediction, shape (n,), by a Platt calibrator that never saw its document.

    Args:
        features: Shape (n, k); the first column is the log-odds of the score.
        right: Shape (n,), 1 or 0.
        groups: The document of each prediction.
        folds: Folds.
        seed: Of the folds.

    Returns:
        ``None`` where a fold has one class only.
    """
    fold = _folds_of(groups, folds=folds, seed=seed)
    return _held_out(["platt"], features, [""] * len(right), right, fold).get("platt")


def fit_platt(features: _Floats, right: _Floats) -> Calibrator:
    """Platt's calibrator of the first feature.

    Over what it is fitted on, its probabilities sum to the number of right ones.

    Raises:
        EvaluationError: All are right, or all wrong.
    """
    calibrator = _fit("platt", features, [""] * len(right), right)
    if calibrator is None:
        raise EvaluationError(
            "one class only: there is nothing to fit",
            value=f"{int(right.sum())} of {len(right)}",
            legal="both classes",
        )
    return calibrator


@dataclass(frozen=True)
class _Search:
    """The search for the best calibrator of some predictions; all arrays are of shape (n,) or (n, k)."""

    methods: Sequence[FittedMethod]
    features: _Floats
    labels: Sequence[str]
    right: _Floats
    documents: NDArray[np.int64]
    fold: NDArray[np.int64]
    seed: int

    def best(self, rows: _Rows) -> tuple[FittedMethod, _Floats] | None:
        """The best method for some of the predictions, and what it says of each by cross-validation.

        ``None`` where no method can be fitted.
        """
        found: tuple[FittedMethod, _Floats] | None = None
        labels = [self.labels[int(i)] for i in np.flatnonzero(rows)]
        held_out = _held_out(
            self.methods, self.features[rows], labels, self.right[rows], self.fold[rows], self.seed
        )
        for method, p in held_out.items():
            if found is None or self.clearly_better(p, found[1], rows):
                found = method, p
        return found

    def clearly_better(self, p: _Floats, simpler: _Floats, rows: _Rows) -> bool:
        """Whether the Brier score is lower by more than one standard error."""
        right = self.right[rows]
        gain = (simpler - right) ** 2 - (p - right) ** 2
        _, document = np.unique(self.documents[rows], return_inverse=True)
        # Predictions of one document are not independent, so the error is that of sums over documents.
        by_document = np.bincount(document, gain)
        if len(by_document) < 2:
            return False
        error = float(by_document.std(ddof=1)) * math.sqrt(len(by_document))
        return float(by_document.sum()) > error

    def fit(self, method: FittedMethod, rows: _Rows) -> Calibrator:
        """Fit by a method that :meth:`best` found."""
        labels = [self.labels[int(i)] for i in np.flatnonzero(rows)]
        calibrator = _fit(method, self.features[rows], labels, self.right[rows], self.seed)
        assert calibrator is not None
        return calibrator


def fit_calibrator(
    features: _Floats,
    labels: Sequence[str],
    right: ArrayLike,
    groups: Sequence[int],
    *,
    method: CalibrationMethod = "auto",
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[LabelCalibrator, CalibrationReport]:
    """Fit calibrators and choose among them by the cross-validated Brier score.

    The choice begins with the simplest. A more complicated one takes its place where its Brier score is lower
    by more than one standard error (of the difference, over documents). That is the rule of Breiman et al.,
    Classification and Regression Trees, 1984, but step by step: a candidate that is better on average and
    varies more can't bring back one that was beaten. First one calibrator is chosen for all labels. Then each
    label with at least 100 predictions (20 right, 20 wrong) gets one of its own, where that is better for the
    label by more than such an error.

    There are fallbacks, each with a note in the report. A label with too little data shares the pooled
    calibrator. With fewer documents than folds, or only one class, the scores stay as they are.

    Args:
        features: Shape (n, k); the first column is the log-odds of the score.
        labels: The n labels.
        right: Shape (n,), whether each prediction is right.
        groups: The document of each prediction: a document is never on both sides of a fold.
        method: ``auto`` chooses among ``platt``, ``isotonic``, ``logistic``, ``trees`` and ``forest``, in
            this order.
        folds: Folds.
        seed: Of the folds and of the trees.
    """
    y = np.asarray(right, dtype=np.float64)
    report = CalibrationReport(documents=len(set(groups)))
    unchanged = LabelCalibrator(UNCHANGED, {})
    if len(y):
        report.before = figures_of(sigmoid(features[:, 0]), y)
        report.methods = {"*": "none"}
    if problem := _why_not(y, report.documents, folds):
        report.notes.append(f"not calibrated: {problem}")
        return unchanged, report
    search = _Search(
        _candidates(method, features.shape[1]),
        features,
        labels,
        y,
        np.unique(np.asarray(groups), return_inverse=True)[1],
        _folds_of(groups, folds=folds, seed=seed),
        seed,
    )
    everything = np.ones(len(y), dtype=np.bool_)
    found = search.best(everything)
    if found is None:
        report.notes.append(
            "not calibrated: without some documents, all predictions are right or all are wrong"
        )
        return unchanged, report
    name, held_out = found
    report.folds, report.methods["*"] = folds, name
    pooled = search.fit(name, everything)
    own = {} if method == "none" else _fit_own(search, held_out, report)
    report.after = figures_of(held_out, y, chance=True, groups=groups)
    report.labels = figures_by_label(held_out, y, labels, groups)
    return LabelCalibrator(pooled, own), report


def _why_not(right: _Floats, documents: int, folds: int) -> str:
    """Why nothing can be fitted; empty where it can."""
    if not len(right):
        return "there is no prediction to calibrate on"
    if documents < folds:
        return f"fewer documents with predictions ({documents}) than folds ({folds})"
    if not 0 < right.sum() < len(right):
        return f"{counted(len(right), 'prediction')}, all {'right' if right.any() else 'wrong'}"
    return ""


def _candidates(method: CalibrationMethod, features: int) -> Sequence[FittedMethod]:
    if method != "auto":
        return [method]
    return _METHODS_OF_ONE_FEATURE if features == 1 else _METHODS


def _fit_own(search: _Search, held_out: _Floats, report: CalibrationReport) -> dict[str, Calibrator]:
    """Calibrators of labels for which one of their own is clearly better.

    Args:
        search: The search.
        held_out: Shape (n,), what the pooled calibrator says by cross-validation; replaced where a label's
            own is used.
        report: Notes and methods are added.
    """
    own: dict[str, Calibrator] = {}
    given: NDArray[Any] = np.array(search.labels, dtype=object)
    labels = sorted(set(search.labels))
    for label in labels:
        rows = np.asarray(given == label)
        n, right = int(rows.sum()), int(search.right[rows].sum())
        if n < _MIN_LABEL or min(right, n - right) < _MIN_LABEL_CLASS:
            report.notes.append(
                f"{label}: calibrated with the others, too little of its own "
                f"({right} right, {n - right} wrong)"
            )
            continue
        found = search.best(rows) if len(labels) > 1 else None
        if found is None or not search.clearly_better(found[1], held_out[rows], rows):
            continue
        report.methods[label], held_out[rows] = found
        own[label] = search.fit(found[0], rows)
    return own
