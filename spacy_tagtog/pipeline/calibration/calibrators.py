"""Calibration: scores into probabilities that mean what they say, and the figures that tell whether they do.

A score is calibrated when, of all predictions with 0.8, eight in ten are right. Calibrators are fitted on documents that
the pipeline was not trained on, chosen by cross-validation over documents, and kept as plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import EvaluationError, PipelineError
from spacy_tagtog.pipeline.calibration.trees import BoostedTrees, RandomTrees, fit_random_trees, fit_trees

CalibrationMethod = Literal["auto", "none", "platt", "isotonic", "logistic", "trees", "forest"]
_METHODS: Final = (
    "platt",
    "isotonic",
    "logistic",
    "trees",
    "forest",
)  # what auto chooses from, in this order

BINS: Final = 15
FOLDS: Final = 5
# A label gets a calibrator of its own from so many predictions on, with so many right and so many wrong among them.
MIN_LABEL: Final = 100
MIN_LABEL_CLASS: Final = 20
_EDGE: Final = 1e-6
# Of the regression on all features (standardized). Of 1, 0.1 and 0.03 the last two were best in cross-validation, each on one calibration part.
_C: Final = 0.05
_SIMULATIONS: Final = 200
_MOST_SIMULATED: Final = 20_000
_Floats = NDArray[np.float64]


def logit(probability: ArrayLike) -> _Floats:
    """The log-odds of probabilities in [0, 1] of any shape; both ends are moved in by 1e-6."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)))


@dataclass(frozen=True)
class Calibrator:
    """From the features of a prediction to the probability that it is right, as plain numbers.

    Attributes:
        method: ``none`` (the score as it is), ``platt`` (logistic regression on the log-odds of the score; Platt, "Probabilistic outputs for
            support vector machines", 1999), ``isotonic`` (Zadrozny and Elkan, KDD 2002), ``logistic`` (logistic regression on all features),
            ``trees`` (the mean of the log-odds of such a regression, of boosted and of random trees), ``forest`` (the mean of those of boosted and
            of random trees).
        bias: For the regressions.
        weights: For the regressions, one a feature; for ``platt`` of the first alone.
        labels: Added to the bias for a prediction with this label.
        x: The knots of an isotonic calibrator: log-odds, ascending.
        y: The probabilities at the knots.
        trees: For ``trees`` and ``forest``.
        random_trees: Likewise; ``trees`` of an earlier version had none.
    """

    method: str = "none"
    bias: float = 0.0
    weights: list[float] = field(default_factory=list)
    labels: dict[str, float] = field(default_factory=dict)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    trees: BoostedTrees | None = None
    random_trees: RandomTrees | None = None

    def predict(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Probabilities of shape (n,).

        Args:
            features: Shape (n, k); the first column is the log-odds of the score.
            labels: The n labels.
        """
        if self.method == "none":
            return _sigmoid(features[:, 0])
        if self.method == "isotonic":
            return np.asarray(np.interp(features[:, 0], self.x, self.y), dtype=np.float64)
        log_odds = [
            trees.log_odds(features, labels) for trees in (self.trees, self.random_trees) if trees is not None
        ]
        if self.method != "forest":
            own = features[:, : len(self.weights)] @ np.asarray(self.weights) + self.bias
            log_odds.append(
                own + np.array([self.labels.get(label, 0.0) for label in labels]) if self.labels else own
            )
        return _sigmoid(sum(log_odds, np.zeros(len(features))) / len(log_odds))

    @classmethod
    def from_json(cls, data: Any, *, place: object = None) -> Calibrator:
        """Read what ``asdict`` makes of it.

        Raises:
            PipelineError: It isn't one.
        """
        try:
            made = cls(
                str(data["method"]),
                float(data["bias"]),
                [float(v) for v in data["weights"]],
                {str(k): float(v) for k, v in data["labels"].items()},
                [float(v) for v in data["x"]],
                [float(v) for v in data["y"]],
                None if data.get("trees") is None else BoostedTrees.from_json(data["trees"]),
                None if data.get("random_trees") is None else RandomTrees.from_json(data["random_trees"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unreadable(place) from error
        numbers = [made.bias, *made.weights, *made.labels.values(), *made.x, *made.y]
        known = made.method in get_args(CalibrationMethod) and made.method != "auto"
        with_trees, with_random = made.method in ("trees", "forest"), made.random_trees is not None
        fits = (
            len(made.x) == len(made.y)
            and (made.method != "isotonic" or bool(made.x))
            and with_trees == (made.trees is not None)
            and (with_trees or not with_random)
            and (made.method != "forest" or with_random)
        )
        if not known or not fits or not all(map(math.isfinite, numbers)):
            raise _unreadable(place)
        return made


def _unreadable(place: object) -> PipelineError:
    return PipelineError(
        "the stored calibration can't be read",
        place=place,
        legal="what spacy-tagtog calibrate wrote",
        advice="calibrate the pipeline again",
    )


def _sigmoid(values: _Floats) -> _Floats:
    from scipy.special import expit

    return np.asarray(expit(values), dtype=np.float64)


@dataclass(frozen=True)
class CalibrationFigures:
    """How good probabilities are.

    Attributes:
        n: Predictions.
        right: Of these, right ones.
        ece: Expected calibration error, in [0, 1]: the mean over bins of ``|mean probability - share of right ones|``, weighted by the bins'
            sizes (Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3). The bin scheme is theirs:
            ``equal width, 15 bins``.
        brier: Mean squared difference between probability and 1 or 0 (Brier, Monthly Weather Review 78, 1950).
        auroc: The chance that a right prediction has a higher probability than a wrong one, ties half; ``None`` where all are right or all wrong.
        bins: For each bin that holds any: mean probability, share of right ones, number.
        chance: The ECE that perfect probabilities would have, by chance alone, with so many predictions: mean and 95 % quantile, see
            :func:`ece_by_chance`; ``None`` where nobody asked, or in figures stored by an earlier version.
        design_effect: How much less a prediction tells than if all were independent, see :func:`design_effect`; ``chance`` heeds it. ``None``
            where nobody said which prediction stands in which document.
    """

    n: int
    right: int
    ece: float
    brier: float
    auroc: float | None
    bins: list[list[float]]
    chance: tuple[float, float] | None = None
    design_effect: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; the bin scheme is named."""
        return {**asdict(self), "bin_scheme": f"equal width, {BINS} bins"}

    @classmethod
    def from_json(cls, data: Any, *, place: object = None) -> CalibrationFigures:
        """Read it back.

        Raises:
            PipelineError: It isn't one.
        """
        try:
            auroc = None if data["auroc"] is None else float(data["auroc"])
            bins = [[float(mean), float(share), int(size)] for mean, share, size in data["bins"]]
            mean_and_most = data.get("chance")
            chance = None if mean_and_most is None else (float(mean_and_most[0]), float(mean_and_most[1]))
            effect = None if data.get("design_effect") is None else float(data["design_effect"])
            return cls(
                int(data["n"]),
                int(data["right"]),
                float(data["ece"]),
                float(data["brier"]),
                auroc,
                bins,
                chance,
                effect,
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise _unreadable(place) from error


def design_effect(probabilities: ArrayLike, right: ArrayLike, groups: ArrayLike) -> float:
    """How much the shares of right predictions vary, compared with independent predictions: 2 means that n of them tell as much as n / 2 would.

    Predictions of one document are right or wrong together: the same word again and again, an annotator who left a type out. The effect is the
    variance of the sums, by document and bin, of what is right less its probability, divided by what it would be if predictions were spread over
    the documents by chance (Kish, Survey Sampling, 1965; for tests of fit Rao and Scott, Journal of the American Statistical Association 76, 1981).
    The bins' own means are taken away first, so probabilities that are wrong throughout don't look like documents that differ.

    Args:
        probabilities: Shape (n,), in [0, 1].
        right: Shape (n,), whether each prediction is right.
        groups: The n documents.

    Returns:
        From 1 to n; 1 where each document has one prediction, and where nothing can be said, with one document in each bin or bins that are all
        right or all wrong.
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(right, dtype=np.float64)
    document = np.unique(np.asarray(groups), return_inverse=True)[1]
    places = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    size = np.bincount(places, minlength=BINS)
    rest = y - p - (np.bincount(places, y - p, BINS) / np.maximum(size, 1))[places]
    # One row for each document and bin that meet, not a table of all that could.
    cells, cell = np.unique(document * BINS + places, return_inverse=True)
    documents = np.bincount(cells % BINS, minlength=BINS)
    hits = np.bincount(places, y, BINS)
    telling = (documents > 1) & (hits > 0) & (hits < size)

    def variance(squares: NDArray[Any], n: NDArray[np.intp]) -> float:
        return float((squares[telling] * n[telling] / (n[telling] - 1)).sum())

    between = variance(np.bincount(cells % BINS, np.bincount(cell, rest) ** 2, BINS), documents)
    within = variance(np.bincount(places, rest**2, BINS), size)
    return max(1.0, between / within) if within > 0 else 1.0


def ece_by_chance(probabilities: ArrayLike, *, effect: float = 1.0, seed: int = 0) -> tuple[float, float]:
    """The ECE that these probabilities would have if each were exactly true: with few predictions it is well above 0.

    200 times, right and wrong are drawn with the probabilities themselves, and the ECE is taken (the consistency resampling of Bröcker and Smith,
    Weather and Forecasting 22, 2007). Beyond 20,000 predictions the number of right ones in a bin is drawn from the normal distribution.

    Args:
        probabilities: Shape (n,), in [0, 1], n from 1.
        effect: The design effect, see :func:`design_effect`: deviations are as many times larger as its square root says.
        seed: Of the draws.

    Returns:
        The mean and the 95 % quantile, in [0, 1].
    """
    p = np.asarray(probabilities, dtype=np.float64)
    places = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    expected = np.bincount(places, p, BINS)
    chance = np.random.default_rng(seed)
    if len(p) > _MOST_SIMULATED:
        deviation = np.sqrt(np.bincount(places, p * (1 - p), BINS))
        draws = deviation * chance.standard_normal((_SIMULATIONS, BINS))
    else:
        draws = np.array(
            [np.bincount(places, chance.random(len(p)) < p, BINS) - expected for _ in range(_SIMULATIONS)]
        )
    errors = math.sqrt(effect) * np.abs(draws).sum(axis=1) / len(p)
    return round(float(errors.mean()), 6), round(float(np.quantile(errors, 0.95)), 6)


def figures_of(
    probabilities: ArrayLike, right: ArrayLike, *, chance: bool = False, groups: ArrayLike | None = None
) -> CalibrationFigures:
    """ECE, Brier score, AUROC and the bins of the reliability diagram.

    Args:
        probabilities: Shape (n,), in [0, 1].
        right: Shape (n,), whether each prediction is right.
        chance: Whether to simulate what perfect probabilities would have.
        groups: The document of each prediction, for chance; without, predictions are taken to be independent.

    Raises:
        EvaluationError: There is no prediction.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(right, dtype=np.float64)
    if not len(p):
        raise EvaluationError(
            "there is no prediction, so nothing can be said about probabilities",
            value=0,
            legal="at least one prediction",
        )
    places = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    bins = [
        [float(p[places == b].mean()), float(y[places == b].mean()), int((places == b).sum())]
        for b in range(BINS)
        if (places == b).any()
    ]
    ece = sum(abs(mean - share) * size for mean, share, size in bins) / len(p)
    auroc = None
    if 0 < y.sum() < len(y):
        from sklearn.metrics import roc_auc_score

        auroc = round(float(roc_auc_score(y, p)), 6)
    brier = round(float(np.mean((p - y) ** 2)), 6)
    effect = round(design_effect(p, y, groups), 3) if chance and groups is not None else None
    by_chance = ece_by_chance(p, effect=effect or 1.0) if chance else None
    return CalibrationFigures(
        len(p), int(y.sum()), round(float(ece), 6), brier, auroc, bins, by_chance, effect
    )


def figures_by_label(
    probabilities: ArrayLike, right: ArrayLike, labels: Sequence[str], groups: Sequence[int]
) -> dict[str, CalibrationFigures]:
    """:func:`figures_of` each label's predictions, with what perfect probabilities would have by chance. All arguments have n values."""
    p, y, document, given = (
        np.asarray(probabilities),
        np.asarray(right),
        np.asarray(groups),
        np.array(labels, dtype=object),
    )
    return {
        label: figures_of(p[given == label], y[given == label], chance=True, groups=document[given == label])
        for label in sorted(set(labels))
    }


@dataclass(frozen=True)
class LabelCalibrator:
    """A calibrator for all labels, and those of labels with enough data of their own."""

    pooled: Calibrator = field(default_factory=Calibrator)
    own: dict[str, Calibrator] = field(default_factory=dict)

    def predict(self, features: _Floats, labels: Sequence[str]) -> _Floats:
        """Probabilities of shape (n,), see :meth:`Calibrator.predict`. A label that was not seen in calibration gets the pooled calibrator."""
        if self.own.keys().isdisjoint(labels):
            return self.pooled.predict(features, labels)
        result = np.zeros(len(features))
        given = np.array([label if label in self.own else "" for label in labels], dtype=object)
        for label in {*given.tolist()}:
            mine = np.asarray(given == label)
            calibrator = self.own.get(label, self.pooled)
            result[mine] = calibrator.predict(features[mine], [labels[int(i)] for i in np.flatnonzero(mine)])
        return result

    @property
    def features(self) -> int:
        """How many features the calibrators look at."""
        return max(
            max(len(one.weights), *(trees.columns if trees else 0 for trees in (one.trees, one.random_trees)))
            for one in (self.pooled, *self.own.values())
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "pooled": asdict(self.pooled),
            "own": {label: asdict(calibrator) for label, calibrator in self.own.items()},
        }

    @classmethod
    def from_json(cls, data: Any, *, place: object = None) -> LabelCalibrator:
        """Read it back.

        Raises:
            PipelineError: It isn't one.
        """
        if not isinstance(data, Mapping) or "pooled" not in data or not isinstance(data.get("own"), Mapping):
            raise _unreadable(place)
        own = {str(label): Calibrator.from_json(one, place=place) for label, one in data["own"].items()}
        return cls(Calibrator.from_json(data["pooled"], place=place), own)


@dataclass
class CalibrationReport:
    """What was fitted, on what, and how good it is.

    Attributes:
        documents: Documents with at least one prediction (cross-fitted, near-duplicates are one).
        cross_fitted: Docs that were judged by a pipeline trained without them.
        pipelines: How many pipelines were trained for that.
        held_out: Docs that the pipeline itself was not trained on.
        folds: Folds of the cross-validation, by document; 0 where there was none.
        methods: The method of each label with a calibrator of its own, and of all others (``*``).
        before: The figures of the scores as they were.
        after: The figures after calibration, **cross-validated**: each prediction by calibrators that never saw its document. The method was
            chosen by these figures' Brier score, so they flatter by what that choice among five can gain.
        labels: ``after`` for each label.
        notes: What fell back to something simpler, and why; labels that can't be judged.
        expected_missed: The cross-validated sum of the calibrated ``missed``; ``None`` where the component writes none.
        missed: Tokens outside of predicted entities at which a missed entity begins.
        missed_figures: The cross-validated figures of ``missed``, one prediction a token.
    """

    documents: int = 0
    cross_fitted: int = 0
    pipelines: int = 0
    held_out: int = 0
    folds: int = 0
    methods: dict[str, str] = field(default_factory=dict)
    before: CalibrationFigures | None = None
    after: CalibrationFigures | None = None
    labels: dict[str, CalibrationFigures] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    expected_missed: float | None = None
    missed: int | None = None
    missed_figures: CalibrationFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "documents": self.documents,
            "cross_fitted": self.cross_fitted,
            "pipelines": self.pipelines,
            "held_out": self.held_out,
            "folds": self.folds,
            "methods": self.methods,
            "before": self.before and self.before.to_json(),
            "after_cross_validated": self.after and self.after.to_json(),
            "labels_cross_validated": {
                label: figures.to_json() for label, figures in sorted(self.labels.items())
            },
            "notes": self.notes,
            "expected_missed_cross_validated": self.expected_missed,
            "missed": self.missed,
            "missed_cross_validated": self.missed_figures and self.missed_figures.to_json(),
        }

    def rows(self) -> Iterable[tuple[str, ...]]:
        """Rows for a table: what, method, predictions, ECE %, Brier score, AUROC."""
        lines = [
            ("as predicted", "none", self.before),
            ("calibrated", self.methods.get("*", "none"), self.after),
        ]
        lines += [
            (f"  {label}", self.methods.get(label, self.methods.get("*", "none")), one)
            for label, one in sorted(self.labels.items())
        ]
        for caption, method, one in lines:
            if one is not None:
                yield caption, method, *figure_cells(one)


def figure_cells(one: CalibrationFigures) -> tuple[str, str, str, str]:
    """Number, ECE in percent (and what perfect probabilities would have by chance, at most, 19 times of 20), Brier score, AUROC, for a table."""
    by_chance = "" if one.chance is None else f" ({100 * one.chance[1]:.1f})"
    return (
        str(one.n),
        f"{100 * one.ece:.1f}{by_chance}",
        f"{one.brier:.3f}",
        "-" if one.auroc is None else f"{one.auroc:.3f}",
    )


def folds_of(groups: Sequence[int], *, folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """The fold of each prediction, shape (n,): documents are dealt out whole, in a random order."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[i]: place % folds for place, i in enumerate(order)}
    return np.array([fold[group] for group in groups], dtype=np.int64)


def _fit(
    method: str, features: _Floats, labels: Sequence[str], right: _Floats, seed: int = 0
) -> Calibrator | None:
    """Fit one; ``None`` where that can't be done (one class only)."""
    if method == "none":
        return Calibrator()
    if not 0 < right.sum() < len(right):
        return None
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        # Never 0 or 1: so much is not known from n predictions (Laplace).
        edge = 1 / (len(right) + 2)
        model = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(
            features[:, 0], right
        )
        return Calibrator(
            "isotonic", x=[float(v) for v in model.X_thresholds_], y=[float(v) for v in model.y_thresholds_]
        )
    from sklearn.linear_model import LogisticRegression

    if method == "forest":
        boosted, by_chance = (
            fit_trees(features, labels, right, seed=seed),
            fit_random_trees(features, labels, right, seed=seed),
        )
        return Calibrator("forest", trees=boosted, random_trees=by_chance)
    if method == "platt":
        model = LogisticRegression(C=1e3, max_iter=1000).fit(features[:, :1], right)
        return Calibrator("platt", float(model.intercept_[0]), [float(v) for v in model.coef_[0]])
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
    return Calibrator(
        method,
        float(model.intercept_[0] - weights @ centre),
        [float(v) for v in weights],
        dict(zip(names, (float(v) for v in model.coef_[0][size:]), strict=True)),
        # They err in different places: the mean of all three was better than that of the first two on all of five training parts.
        trees=fit_trees(features, labels, right, seed=seed) if method == "trees" else None,
        random_trees=fit_random_trees(features, labels, right, seed=seed) if method == "trees" else None,
    )


def _fit_all(
    methods: Sequence[str], features: _Floats, labels: Sequence[str], right: _Floats, seed: int = 0
) -> dict[str, Calibrator | None]:
    """Fit one by each method, and what several of them need once."""
    made: dict[str, Calibrator | None] = {}
    for method in methods:
        whole = made.get("trees")
        if method == "forest" and whole is not None:
            made[method] = Calibrator("forest", trees=whole.trees, random_trees=whole.random_trees)
        else:
            made[method] = _fit(method, features, labels, right, seed)
    return made


def _held_out(
    methods: Sequence[str],
    features: _Floats,
    labels: Sequence[str],
    right: _Floats,
    fold: NDArray[np.int64],
    seed: int = 0,
) -> dict[str, _Floats]:
    """By each method the probability of each prediction, by a calibrator that never saw its document; no method by which a fold can't be fitted."""
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


def cross_validated(
    method: str,
    features: _Floats,
    labels: Sequence[str],
    right: _Floats,
    groups: Sequence[int],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> _Floats | None:
    """The probability of each prediction, shape (n,), by a calibrator that never saw its document; ``None`` where a fold has one class only."""
    return _held_out([method], features, labels, right, folds_of(groups, folds=folds, seed=seed), seed).get(
        method
    )


def fit_platt(features: _Floats, right: _Floats) -> Calibrator:
    """Platt's calibrator of the first feature. Over what it is fitted on, its probabilities sum to the number of right ones.

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

    Beginning with the simplest, a more complicated one takes its place where its Brier score is lower by more than one standard error (of the
    difference, over documents): after the rule of Breiman et al., Classification and Regression Trees, 1984, but step by step, so that a
    candidate that is better on the average and varies more can't bring back one that was beaten. First one for all labels; then, for each label
    with at least 100 predictions (20 right, 20 wrong), one of its own where that is better for the label by more than such an error.
    Fallbacks, each with a note in the report: too little of a label, and it shares the pooled calibrator; fewer documents than folds or only one
    class, and the scores stay as they are.

    Args:
        features: Shape (n, k); the first column is the log-odds of the score.
        labels: The n labels.
        right: Shape (n,), whether each prediction is right.
        groups: The document of each prediction: a document is never on both sides of a fold.
        method: ``auto`` chooses among ``platt``, ``isotonic``, ``logistic``, ``trees`` and ``forest``, in this order.
        folds: Folds.
        seed: Of the folds and of the trees.
    """
    y = np.asarray(right, dtype=np.float64)
    documents = len(set(groups))
    report = CalibrationReport(documents=documents)
    if not len(y):
        report.notes.append("not calibrated: there is no prediction to calibrate on")
        return LabelCalibrator(), report
    report.before = figures_of(_sigmoid(features[:, 0]), y)
    report.methods = {"*": "none"}
    if documents < folds:
        report.notes.append(
            f"not calibrated: fewer documents with predictions ({documents}) than folds ({folds})"
        )
        return LabelCalibrator(), report
    if not 0 < y.sum() < len(y):
        report.notes.append(
            f"not calibrated: {counted(len(y), 'prediction')}, all {'right' if y.any() else 'wrong'}"
        )
        return LabelCalibrator(), report
    fold = folds_of(groups, folds=folds, seed=seed)
    methods: Sequence[str] = _METHODS if method == "auto" else [method]
    if method == "auto" and features.shape[1] == 1:
        methods = _METHODS[
            : _METHODS.index("trees")
        ]  # of the score alone, isotonic regression is all that trees could be

    documents_of = np.unique(np.asarray(groups), return_inverse=True)[1]

    def clearly_better(p: _Floats, simpler: _Floats, rows: NDArray[np.bool_]) -> bool:
        gain = (simpler - y[rows]) ** 2 - (p - y[rows]) ** 2
        _, document = np.unique(documents_of[rows], return_inverse=True)
        # Predictions of one document are not independent, so the error is that of sums over documents.
        by_document = np.bincount(document, gain)
        return len(by_document) > 1 and float(by_document.sum()) > float(by_document.std(ddof=1)) * math.sqrt(
            len(by_document)
        )

    def best(rows: NDArray[np.bool_]) -> tuple[str, _Floats] | None:
        chosen = [labels[int(i)] for i in np.flatnonzero(rows)]
        taken: tuple[str, _Floats] | None = None
        for one, p in _held_out(methods, features[rows], chosen, y[rows], fold[rows], seed).items():
            if taken is None or clearly_better(p, taken[1], rows):
                taken = one, p
        return taken

    everything = np.ones(len(y), dtype=np.bool_)
    found = best(everything)
    if found is None:
        report.notes.append(
            "not calibrated: without some documents, all predictions are right or all are wrong"
        )
        return LabelCalibrator(), report
    name, held_out = found
    pooled = _fit(name, features, labels, y, seed)
    assert pooled is not None
    report.folds, report.methods["*"] = folds, name
    own: dict[str, Calibrator] = {}
    array = np.array(labels, dtype=object)
    if method != "none":
        for label in sorted(set(labels)):
            rows = np.asarray(array == label)
            n, positive = int(rows.sum()), int(y[rows].sum())
            if n < MIN_LABEL or min(positive, n - positive) < MIN_LABEL_CLASS:
                report.notes.append(
                    f"{label}: calibrated with the others, too little of its own ({positive} right, {n - positive} wrong)"
                )
                continue
            if (
                len(set(labels)) == 1
                or (mine := best(rows)) is None
                or not clearly_better(mine[1], held_out[rows], rows)
            ):
                continue
            calibrator = _fit(mine[0], features[rows], [label] * n, y[rows], seed)
            assert calibrator is not None
            own[label], held_out[rows], report.methods[label] = calibrator, mine[1], mine[0]
    report.after = figures_of(held_out, y, chance=True, groups=groups)
    report.labels = figures_by_label(held_out, y, labels, groups)
    return LabelCalibrator(pooled, own), report
