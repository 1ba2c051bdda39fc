"""Figures that tell how accurate probabilities are.

Probabilities are calibrated when, of all predictions with 0.8, eight in ten are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import FiniteFloat, NonNegativeInt

from spacy_tagtog.errors import EvaluationError

BINS: Final = 15
_SIMULATIONS: Final = 200
_MOST_SIMULATED: Final = 20_000


@dataclass(frozen=True)
class CalibrationFigures:
    """How good probabilities are.

    Attributes:
        n: Predictions.
        right: Of these, right ones.
        ece: Expected calibration error, in [0, 1]. The mean over bins of ``|mean probability - share of right
            ones|``, weighted by the bins' sizes (Guo et al., "On calibration of modern neural networks", ICML
            2017, equation 3). The bins are theirs: ``equal width, 15 bins``.
        brier: Mean squared difference between probability and 1 or 0 (Brier, Monthly Weather Review 78,
            1950).
        auroc: The chance that a right prediction has a higher probability than a wrong one; ties count half.
            ``None`` where all are right or all are wrong.
        bins: For each bin that is not empty: mean probability, share of right ones, number of predictions.
        chance: The ECE that perfect probabilities would have, by chance alone, with as many predictions: mean
            and 95 % quantile, see :func:`ece_by_chance`. ``None`` where it was not asked for.
        design_effect: How much less a prediction tells than if all were independent, see
            :func:`design_effect`. ``chance`` takes it into account. ``None`` where the predictions' documents
            are not known.
    """

    n: NonNegativeInt
    right: NonNegativeInt
    ece: FiniteFloat
    brier: FiniteFloat
    auroc: FiniteFloat | None
    bins: list[tuple[FiniteFloat, FiniteFloat, NonNegativeInt]]
    chance: tuple[FiniteFloat, FiniteFloat] | None = None
    design_effect: FiniteFloat | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, which also names the bins."""
        return {**asdict(self), "bin_scheme": f"equal width, {BINS} bins"}


def _checked(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Probabilities as numbers.

    Raises:
        EvaluationError: One isn't in [0, 1].
    """
    p = np.asarray(probabilities, dtype=np.float64)
    wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))  # not a number is neither
    if len(wrong):
        raise EvaluationError(
            "a probability is out of range",
            place=f"prediction {wrong[0] + 1} of {len(p)}",
            value=float(p[wrong[0]]),
            legal="numbers from 0 to 1",
            advice="check what gave these scores: a component must write probabilities",
        )
    return p


def design_effect(probabilities: ArrayLike, right: ArrayLike, groups: ArrayLike) -> float:
    """How much the shares of right predictions vary, compared with independent predictions.

    With an effect of 2, n predictions tell as much as n / 2 independent ones would.

    Predictions of one document are right or wrong together: the same word again and again, an annotator who
    left a type out. For each document and bin, what is right less its probability is summed. The effect is
    the variance of these sums, divided by what it would be if predictions were spread over the documents by
    chance (Kish, Survey Sampling, 1965; for tests of fit Rao and Scott, Journal of the American Statistical
    Association 76, 1981). The bins' own means are taken away first: probabilities that are wrong everywhere
    must not look like documents that differ.

    Args:
        probabilities: Shape (n,), in [0, 1].
        right: Shape (n,), whether each prediction is right.
        groups: The n documents.

    Returns:
        From 1 to n. It is 1 where each document has one prediction, and where nothing can be said: with one
        document in each bin, or with bins that are all right or all wrong.

    Raises:
        EvaluationError: A probability isn't in [0, 1].
    """
    p, y = _checked(probabilities), np.asarray(right, dtype=np.float64)
    document = np.unique(np.asarray(groups), return_inverse=True)[1]
    places = _bins_of(p)
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
    """The ECE that these probabilities would have if each were exactly true.

    With few predictions it is well above 0. 200 times, right and wrong are drawn with the probabilities
    themselves, and the ECE is taken (the consistency resampling of Bröcker and Smith, Weather and Forecasting
    22, 2007). Beyond 20,000 predictions, the number of right ones in a bin is drawn from the normal
    distribution.

    Args:
        probabilities: Shape (n,), in [0, 1]; at least one.
        effect: The design effect, see :func:`design_effect`. Deviations grow with its square root.
        seed: Of the draws.

    Returns:
        The mean and the 95 % quantile, in [0, 1].

    Raises:
        EvaluationError: A probability isn't in [0, 1].
    """
    p = _checked(probabilities)
    places = _bins_of(p)
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


def _bins_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    bins: NDArray[np.int64] = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    return bins


def figures_of(
    probabilities: ArrayLike, right: ArrayLike, *, chance: bool = False, groups: ArrayLike | None = None
) -> CalibrationFigures:
    """ECE, Brier score, AUROC and the bins of the reliability diagram.

    Args:
        probabilities: Shape (n,), in [0, 1].
        right: Shape (n,), whether each prediction is right.
        chance: Whether to simulate what perfect probabilities would have.
        groups: The n documents of the predictions, for ``chance``. Without them, predictions count as
            independent.

    Raises:
        EvaluationError: There is no prediction, or a probability isn't in [0, 1].
    """
    p = _checked(probabilities)
    y = np.asarray(right, dtype=np.float64)
    if not len(p):
        raise EvaluationError(
            "there is no prediction, so nothing can be said about probabilities",
            value=0,
            legal="at least one prediction",
        )
    places = _bins_of(p)
    bins = [
        (float(p[places == b].mean()), float(y[places == b].mean()), int((places == b).sum()))
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
    """:func:`figures_of` the predictions of each label, with what perfect probabilities would have by chance.

    Args:
        probabilities: Shape (n,), in [0, 1].
        right: Shape (n,), whether each prediction is right.
        labels: The n labels.
        groups: The n documents.

    Raises:
        EvaluationError: A probability isn't in [0, 1].
    """
    p, y, documents = np.asarray(probabilities), np.asarray(right), np.asarray(groups)
    given = np.array(labels, dtype=object)
    return {
        label: figures_of(p[given == label], y[given == label], chance=True, groups=documents[given == label])
        for label in sorted(set(labels))
    }


def figure_cells(one: CalibrationFigures) -> tuple[str, str, str, str]:
    """Cells of a table: number of predictions, ECE in percent, Brier score, AUROC.

    Beside the ECE, in brackets, stands what perfect probabilities would stay below 19 times in 20.
    """
    by_chance = "" if one.chance is None else f" ({100 * one.chance[1]:.1f})"
    return (
        str(one.n),
        f"{100 * one.ece:.1f}{by_chance}",
        f"{one.brier:.3f}",
        "-" if one.auroc is None else f"{one.auroc:.3f}",
    )
