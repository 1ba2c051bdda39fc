"""tagtog's metrics: F1 between two versions of one task.

See :mod:`spacy_tagtog.agreement.measures` for what tagtog defines and what it leaves open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from spacy_tagtog._options import choose
from spacy_tagtog._ranges import Reach
from spacy_tagtog.agreement.versions import Item, Place, check_task
from spacy_tagtog.errors import AgreementError

Metric = Literal["exact_v1", "overlapping_v1", "documentlevel_v1"]
"""tagtog's metrics.

``exact_v1``: class ids, offsets and values are equal. ``overlapping_v1``: one shared character is enough for
    the
offsets. ``documentlevel_v1``: the sets of values in a document are compared."""

METRICS_OF: Final[dict[str, tuple[Metric, ...]]] = {
    "m": ("exact_v1",),
    "e": ("exact_v1", "overlapping_v1"),
    "f": ("exact_v1", "overlapping_v1"),
    "n": ("exact_v1", "overlapping_v1", "documentlevel_v1"),
    "r": ("exact_v1", "overlapping_v1"),
}
"""Which metrics tagtog defines for which kind of task, by prefix."""


@dataclass
class Agreement:
    """How far two members agree.

    Attributes:
        first: Annotations of the first member.
        second: Annotations of the second.
        first_agreed: Annotations of the first that are equal to one of the second.
        second_agreed: Annotations of the second that are equal to one of the first. The same number, but for
            ``overlapping_v1``.
        documents: Documents that both confirmed, whether or not they hold annotations of this task.
        values: Of document labels: how many documents have which value in the version of the first and of the
            second.
    """

    first: int = 0
    second: int = 0
    first_agreed: int = 0
    second_agreed: int = 0
    documents: int = 0
    values: Counter[tuple[Hashable, Hashable]] = field(default_factory=Counter, repr=False)

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.first + other.first,
            self.second + other.second,
            self.first_agreed + other.first_agreed,
            self.second_agreed + other.second_agreed,
            self.documents + other.documents,
            self.values + other.values,
        )

    @property
    def precision(self) -> float | None:
        """The share of the second member's annotations that the first has, in [0, 1]; ``None`` for none."""
        return self.second_agreed / self.second if self.second else None

    @property
    def recall(self) -> float | None:
        """The share of the first member's annotations that the second has, in [0, 1]; ``None`` for none."""
        return self.first_agreed / self.first if self.first else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, in [0, 1]; ``None`` if neither annotated anything."""
        if not self.first and not self.second:
            return None
        precision, recall = self.precision, self.recall
        return 2 * precision * recall / (precision + recall) if precision and recall else 0.0

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of a document label, in [-1, 1]: agreement beyond chance.

        A label that isn't set is a value of its own. Kappa is ``None`` for other tasks and without documents.
        It is also ``None`` if both members gave all documents the same value: then it is not defined. (Cohen
        1960; computed by scikit-learn.)
        """
        if len({value for pair in self.values for value in pair}) < 2:
            return None
        from sklearn.metrics import cohen_kappa_score

        names = {
            value: str(number)
            for number, value in enumerate(dict.fromkeys(value for pair in self.values for value in pair))
        }
        ones, others = ([names[pair[side]] for pair in self.values] for side in (0, 1))
        return float(cohen_kappa_score(ones, others, sample_weight=list(self.values.values())))

    def answer(self) -> dict[str, float | int | None]:
        """What tagtog's metrics API answers."""
        return {"f1": self.f1, "overNumDocs": self.documents}

    def to_json(self) -> dict[str, Any]:
        """Measures and counts as a JSON object."""
        measures = {
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
            **({"kappa": self.kappa} if self.values else {}),
        }
        return {
            **{name: None if value is None else round(value, 6) for name, value in measures.items()},
            "overNumDocs": self.documents,
            "first": self.first,
            "second": self.second,
            "first_agreed": self.first_agreed,
            "second_agreed": self.second_agreed,
        }


def check_metric(task: str, metric: Metric) -> None:
    """Make sure that a metric is defined for a task.

    Raises:
        AgreementError: The task isn't one, or the metric isn't defined for it.
        ConfigurationError: There is no such metric.
    """
    choose("metric", metric, Metric)
    legal = METRICS_OF[check_task(task)[0]]
    if metric not in legal:
        raise AgreementError(f"tagtog defines no {metric} for {task}", value=metric, legal=", ".join(legal))


def compare(first: set[Item], second: set[Item], metric: Metric) -> Agreement:
    """The annotations of one task in one document."""
    if metric == "documentlevel_v1":
        first, second = ({Item((), item.value) for item in side} for side in (first, second))
    same = first & second
    if metric != "overlapping_v1":
        return Agreement(len(first), len(second), len(same), len(same))
    # What is identical agrees, also where it has no character to share.
    return Agreement(
        len(first),
        len(second),
        len(same) + _touching(first - same, second),
        len(same) + _touching(second - same, first),
    )


def _touching(items: set[Item], others: set[Item]) -> int:
    """How many items are equal to one of the others, if one shared character is enough for the offsets."""
    if not items or not others:
        return 0
    if any(len(item.places) != 1 for item in others):
        candidates: dict[Hashable, list[Item]] = defaultdict(list)
        for other in others:
            candidates[_parts_and_classes(other)].append(other)
        return sum(
            any(_ends_touch(item, other) for other in candidates.get(_parts_and_classes(item), ()))
            for item in items
        )
    stretches: dict[tuple[str, Hashable], list[tuple[int, int]]] = defaultdict(list)
    for other in others:
        stretches[other.places[0].part, other.value].extend(other.places[0].ranges)
    reaches = {key: Reach(ranges) for key, ranges in stretches.items()}
    count = 0
    for item in items:
        for place in item.places:
            reach = reaches.get((place.part, item.value))
            count += reach is not None and any(reach.touches(start, end) for start, end in place.ranges)
    return count


def _parts_and_classes(relation: Item) -> Hashable:
    """What must be equal for the ends of two relations to share characters, in whichever order."""
    assert isinstance(relation.value, tuple)
    return tuple(sorted(zip(relation.value, (place.part for place in relation.places), strict=True)))


def _ends_touch(one: Item, other: Item) -> bool:
    """Whether the ends of two relations have the same classes and share characters, end by end."""
    if one.directed != other.directed or len(one.places) != len(other.places):
        return False
    assert isinstance(one.value, tuple)
    assert isinstance(other.value, tuple)
    ends, others = (
        list(zip(one.value, one.places, strict=True)),
        list(zip(other.value, other.places, strict=True)),
    )
    orders = [others] if one.directed else [others, others[::-1]]
    return any(
        all(a[0] == b[0] and _share(a[1], b[1]) for a, b in zip(ends, order, strict=True)) for order in orders
    )


def _share(one: Place, other: Place) -> bool:
    return one.part == other.part and any(
        max(a[0], b[0]) < min(a[1], b[1]) for a in one.ranges for b in other.ranges
    )
