"""The gate: whether a new model replaces the current one, by the difference on the same documents.

Both models are measured on the same test documents. The difference of their exact F is known only as far as
these documents tell, so an interval comes with it: a paired bootstrap over documents. Documents are drawn
again, not entities, since the entities of one document are alike; and F is no mean, so tests for means
mislead (Yeh, "More accurate tests for the statistical significance of result differences", COLING 2000; Berg-
Kirkpatrick et al., "An empirical investigation of statistical significance in NLP", EMNLP 2012).

A model is promoted only if the interval rules out that it is worse by more than a margin. So a model that is
better by chance alone is rarely taken, and where the documents are too few to tell, the current one stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ArgumentError, setting
from spacy_tagtog.pipeline.evaluation import Evaluation
from spacy_tagtog.pipeline.scores import Scores

_RESAMPLES: Final = 4000
_AT_A_TIME: Final = 500
"""Resamples that are held in memory together: numbers of documents × this."""
_TAIL: Final = 0.05
"""Beyond each end of the interval. A model that is worse by the margin passes with this probability."""
_LEAST: Final = 5
"""With fewer documents, drawing them again tells nothing."""

ALL: Final = "all"
"""The name of all types together (micro average)."""


@dataclass(frozen=True)
class GateRules:
    """What a new model has to reach. All in F points, from 0 to 100.

    Attributes:
        margin: It may be worse by at most this, over all types: the lower end of the interval decides.
        type_margin: For each type alone. A type has fallen if F is lower by more than this, and the interval
            has no zero in it: single types have few entities.
        type_margins: Other margins for types by their names.
        calibration_margin: By how many points the calibration error may grow. Growth that chance explains
            with as few predictions does not count.
        seed: The seed of the bootstrap.
    """

    margin: float = 1.0
    type_margin: float = 5.0
    type_margins: Mapping[str, float] = field(default_factory=dict)
    calibration_margin: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        margins = {
            "margin": self.margin,
            "type_margin": self.type_margin,
            "calibration_margin": self.calibration_margin,
            **{f"type_margins[{name}]": value for name, value in self.type_margins.items()},
        }
        for name, value in margins.items():
            if not 0 <= value <= 100:
                raise ArgumentError(
                    "a margin is out of range", place=setting(name), value=value, legal="0 to 100 points of F"
                )


@dataclass(frozen=True)
class Difference:
    """By how much a new model is better, in points of exact F.

    Attributes:
        current: F of the current model, 0 to 100; 0 where there is none.
        new: F of the new model.
        gold: What people annotated of it in the test documents.
        low: The lower end of the interval of ``new - current``: 5 % of it lie below.
        high: The upper end: 5 % lie above.
    """

    current: float
    new: float
    gold: int
    low: float
    high: float

    @property
    def points(self) -> float:
        """``new - current``."""
        return self.new - self.current

    def __str__(self) -> str:
        return f"{self.points:+.1f} (interval {self.low:+.1f} to {self.high:+.1f})"


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        promoted: Whether the new model becomes the current one.
        reason: Why, in words.
        documents: How many test documents decided.
        missing: About how many more test documents would decide, if the difference stays what it is; 0 where
            it is decided, ``None`` where no number would.
        overall: All types together.
        types: Each type; those that neither the documents nor the models have are not there.
        calibration: Of both models, ``current`` and ``new``: the calibration error (``ece``, in percent) and
            the AUROC of their probabilities, and how great an error chance explains (``chance``, 95 %
            quantile). By the component that gives them.
    """

    promoted: bool
    reason: str
    documents: int
    missing: int | None
    overall: Difference
    types: Mapping[str, Difference]
    calibration: Mapping[str, Mapping[str, Mapping[str, float | None]]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return asdict(self)


def judge(current: Evaluation | None, new: Evaluation, rules: GateRules | None = None) -> Verdict:
    """Say whether a new model replaces the current one.

    Args:
        current: The current model on the test documents; ``None`` where there is none. Nothing finds
            nothing, so its F is 0.
        new: The new model on the same documents.
        rules: What it has to reach.

    Raises:
        ArgumentError: The evaluations are of different documents.
    """
    rules = rules or GateRules()
    if current is not None and current.by_document.keys() != new.by_document.keys():
        odd = sorted(current.by_document.keys() ^ new.by_document.keys())
        raise ArgumentError(
            "both models have to be measured on the same documents",
            value=", ".join(odd[:5]),
            legal="evaluations of the same documents",
        )
    differences = compare({} if current is None else current.by_document, new.by_document, seed=rules.seed)
    overall = differences.pop(ALL)
    documents = len(new.by_document)
    calibration = {
        name: {
            side: figures
            for side, one in (("current", current), ("new", new))
            if one is not None and (figures := _calibration(one, name))
        }
        for name in new.confidence
    }

    def decided(promoted: bool, reason: str, missing: int | None) -> Verdict:
        return Verdict(promoted, reason, documents, missing, overall, differences, calibration)

    on = counted(documents, "test document")
    if current is None:
        return decided(True, f"the first model: F {overall.new:.1f} on {on}", 0)
    against = _against(overall, differences, calibration, documents, rules)
    if against:
        return decided(False, "; ".join(against), _missing(overall, documents, rules))
    reason = f"F {overall.new:.1f} against {overall.current:.1f} on {on}: {overall}"
    return decided(True, f"{reason}, not below {-rules.margin:+.1f}", 0)


def _against(
    overall: Difference,
    types: Mapping[str, Difference],
    calibration: Mapping[str, Mapping[str, Mapping[str, float | None]]],
    documents: int,
    rules: GateRules,
) -> list[str]:
    """All that speaks against the new model."""
    found = []
    on = counted(documents, "test document")
    if documents < _LEAST:
        found.append(f"{on} can't tell which model is better: at least {_LEAST} are needed")
    elif overall.low < -rules.margin:
        worse = "it is worse" if overall.high < 0 else "it may be worse"
        found.append(
            f"{worse}: F {overall.new:.1f} against {overall.current:.1f} on {on}, {overall}; "
            f"the lower end must not be below {-rules.margin:+.1f}"
        )
    for name, one in types.items():
        margin = rules.type_margins.get(name, rules.type_margin)
        if one.points < -margin and one.high < 0:
            found.append(f"{name} fell by more than {margin:g}: {one}")
    for name, sides in calibration.items():
        if "current" not in sides or "new" not in sides:
            continue
        before, after = sides["current"]["ece"], sides["new"]["ece"]
        chance = sides["new"]["chance"] or 0.0
        if before is None or after is None:
            continue
        if after > before + rules.calibration_margin and after > chance:
            found.append(
                f"its probabilities are less accurate: calibration error of {name} {after:.1f} % "
                f"against {before:.1f} %"
            )
    return found


def _calibration(evaluation: Evaluation, name: str) -> dict[str, float | None]:
    one = evaluation.confidence.get(name)
    if one is None or one.figures is None:
        return {}
    figures = one.figures
    return {
        "ece": 100 * figures.ece,
        "auroc": figures.auroc,
        "chance": None if figures.chance is None else 100 * figures.chance[1],
    }


def _missing(overall: Difference, documents: int, rules: GateRules) -> int | None:
    """How many more test documents would decide, if difference and spread stay.

    The interval shrinks with the root of the number of documents.
    """
    above = overall.points + rules.margin
    if documents < _LEAST:
        return _LEAST - documents
    if overall.low >= -rules.margin:
        return 0  # not the number of documents speaks against it
    if above <= 0:
        return None
    needed = documents * ((overall.points - overall.low) / above) ** 2
    return max(1, math.ceil(needed) - documents)


def compare(
    current: Mapping[str, Mapping[str, Scores]], new: Mapping[str, Mapping[str, Scores]], *, seed: int = 0
) -> dict[str, Difference]:
    """Compare two models by what they did in each document, see :attr:`Evaluation.by_document`.

    Args:
        current: The current model's counts; a document that isn't there counts as one in which it found
            nothing.
        new: The new model's counts.
        seed: The seed of the bootstrap.

    Returns:
        Each type's difference, and under :data:`ALL` that of all types together.
    """
    ids = sorted(new)
    names = sorted({name for scores in (*current.values(), *new.values()) for name in scores})
    # Axes: document, type, (exact, predicted) of the current one, the same of the new one, gold.
    counts = np.zeros((len(ids), len(names) + 1, 5))
    for row, doc_id in enumerate(ids):
        of_current, of_new = current.get(doc_id, {}), new[doc_id]
        for column, name in enumerate(names):
            one, two = of_current.get(name, Scores()), of_new.get(name, Scores())
            counts[row, column] = one.exact, one.predicted, two.exact, two.predicted, max(one.gold, two.gold)
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    f_current, f_new = _f_scores(counts.sum(axis=0, keepdims=True))
    drawn = _bootstrap(counts, seed)
    low, high = np.quantile(drawn, (_TAIL, 1 - _TAIL), axis=0) if ids else np.zeros((2, len(names) + 1))
    return {
        name: Difference(
            float(f_current[0, column]),
            float(f_new[0, column]),
            int(counts[:, column, 4].sum()),
            float(low[column]),
            float(high[column]),
        )
        for column, name in enumerate([*names, ALL])
    }


def _bootstrap(counts: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Differences of F, as (resamples, types): documents are drawn with replacement, for both alike."""
    documents = len(counts)
    rng = np.random.default_rng(seed)
    flat = counts.reshape(documents, -1)
    drawn = []
    for _ in range(_RESAMPLES // _AT_A_TIME if documents else 0):
        times = rng.multinomial(documents, np.full(documents, 1 / documents), size=_AT_A_TIME)
        sums = (times @ flat).reshape(_AT_A_TIME, *counts.shape[1:])
        of_current, of_new = _f_scores(sums)
        drawn.append(of_new - of_current)
    return np.concatenate(drawn) if drawn else np.zeros((1, counts.shape[1]))


def _f_scores(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F of the current and of the new model, in points; 0 where there is nothing right."""

    def f_score(exact: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        total = predicted + sums[..., 4]
        return np.divide(200 * exact, total, out=np.zeros_like(total), where=total > 0)

    return f_score(sums[..., 0], sums[..., 1]), f_score(sums[..., 2], sums[..., 3])


def margins_from(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Margins of single types as they are typed: name and number.

    Raises:
        ArgumentError: A text is no number.
    """
    margins = {}
    for name, text in pairs:
        try:
            margins[name] = float(text)
        except ValueError:
            raise ArgumentError(
                "a margin isn't a number", place=name, value=text, legal="0 to 100 points of F"
            ) from None
    return margins
