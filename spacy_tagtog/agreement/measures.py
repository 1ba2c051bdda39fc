"""tagtog's agreement metrics: F1 between the versions of two members.

What tagtog defines (its documentation, *IAA calculation methods* and *API metrics*): which annotations of two versions are equal under
``exact_v1``, ``overlapping_v1`` and ``documentlevel_v1`` (see :mod:`spacy_tagtog.agreement.versions`); which metric there is for which kind of
task; that agreement is F1; that only confirmed versions count; that the agreement of a task is the average over all pairs of members.

What it leaves open, and what is done here:

- Counts are summed over the documents that both confirmed, and F1 is of the sums (micro average): a document with many annotations weighs more.
- An annotation that a member made twice counts once, as tagtog says of ``documentlevel_v1``.
- Under ``overlapping_v1`` one annotation may overlap several. Precision is the share of the second member's annotations that are equal to one or
  more of the first's, recall the share of the first's, as in :mod:`spacy_tagtog.pipeline.evaluation`; F1 is their harmonic mean. So F1 is the same
  whoever is the first, and 1.0 between two equal versions.
- Where neither member annotated anything of a task there is nothing to agree on: F1 is ``None``, not 1.0. Where one did and the other didn't it
  is 0.0. Where no document was confirmed by both it is ``None``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, combinations
from typing import Any, Final, Literal

from spacy_tagtog._options import choose
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    Item,
    Place,
    VersionItems,
    check_task,
    confirmed_members,
    parts_of,
    set_value,
    task_order,
    value_key,
    versions_of,
)
from spacy_tagtog.anndoc import Annotations, Document, Part
from spacy_tagtog.errors import AgreementError

Metric = Literal["exact_v1", "overlapping_v1", "documentlevel_v1"]
"""tagtog's metrics. ``exact_v1``: class ids, offsets and values are equal. ``overlapping_v1``: one shared character is enough for the offsets.
``documentlevel_v1``: the sets of values in a document."""

METRICS_OF: Final[dict[str, tuple[Metric, ...]]] = {
    "m": ("exact_v1",),
    "e": ("exact_v1", "overlapping_v1"),
    "f": ("exact_v1", "overlapping_v1"),
    "n": ("exact_v1", "overlapping_v1", "documentlevel_v1"),
    "r": ("exact_v1", "overlapping_v1"),
}
"""Which metrics tagtog defines for which kind of task, by prefix."""

_NOT_SET: Final = ("not set",)


@dataclass
class Agreement:
    """How far two members agree.

    Attributes:
        first: Annotations of the first member.
        second: Annotations of the second.
        first_agreed: Annotations of the first that are equal to one of the second.
        second_agreed: Annotations of the second that are equal to one of the first. The same number, but for ``overlapping_v1``.
        documents: Documents that both confirmed, whether or not they hold annotations of this task.
        values: Of document labels: how many documents have which value in the version of the first and of the second.
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
        """The share of the second member's annotations that the first has, in [0, 1]; ``None`` where the second has none."""
        return self.second_agreed / self.second if self.second else None

    @property
    def recall(self) -> float | None:
        """The share of the first member's annotations that the second has, in [0, 1]; ``None`` where the first has none."""
        return self.first_agreed / self.first if self.first else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, in [0, 1]; ``None`` where neither member annotated anything."""
        if not self.first and not self.second:
            return None
        precision, recall = self.precision, self.recall
        return 2 * precision * recall / (precision + recall) if precision and recall else 0.0

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of a document label, in [-1, 1]: agreement beyond chance, a label that isn't set being a value of its own.

        ``None`` for other tasks, without documents, and where both members gave all documents one and the same value: then chance alone would
        make them agree, and kappa is not defined. (Cohen 1960; computed by scikit-learn.)
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


@dataclass
class AgreementMatrix:
    """How far each pair of members agrees, task by task.

    Attributes:
        metric: The metric.
        members: The members, by name.
        tasks: The tasks that were measured.
        pairs: (task, first member, second member) to agreement, for each pair that confirmed a document in common; the first comes first by name.
        documents: (first member, second member) to the number of documents that both confirmed; pairs without any are left out.
        confirmed: How many documents each member confirmed.
        misplaced: How many entities of each member have an offset that points at another text, or a part that isn't there. They are compared as
            they are stored.
        by_document: Document id to the agreement in this document, all pairs and tasks together; only for documents that are given as such.
    """

    metric: Metric
    members: list[str]
    tasks: list[str]
    pairs: dict[tuple[str, str, str], Agreement]
    documents: dict[tuple[str, str], int]
    confirmed: dict[str, int]
    misplaced: dict[str, int]
    by_document: dict[str, Agreement] = field(default_factory=dict)

    def of(self, task: str, member1: str, member2: str) -> Agreement:
        """The agreement of two members on a task; an empty one where they have no document in common."""
        if (task, member1, member2) in self.pairs:
            return self.pairs[task, member1, member2]
        found = self.pairs.get((task, member2, member1), Agreement())
        values = Counter({(two, one): number for (one, two), number in found.values.items()})
        return Agreement(
            found.second, found.first, found.second_agreed, found.first_agreed, found.documents, values
        )

    def total(self, member1: str, member2: str) -> Agreement:
        """The agreement of two members over all tasks: F1 of the summed counts. ``values`` and kappa have no meaning here and are empty."""
        result = sum((self.of(task, member1, member2) for task in self.tasks), Agreement())
        first, second = sorted((member1, member2))
        return Agreement(
            result.first,
            result.second,
            result.first_agreed,
            result.second_agreed,
            self.documents.get((first, second), 0),
        )

    def mean(self, task: str | None = None, *, member: str | None = None) -> float | None:
        """The average F1 over pairs of members, as tagtog shows it beside a task.

        Args:
            task: One task; by default each pair counts once with each task.
            member: Only pairs with this member.

        Returns:
            The average over the pairs whose F1 is defined, in [0, 1]; ``None`` where there is none.
        """
        found = [
            agreement.f1
            for (name, *both), agreement in self.pairs.items()
            if task in (None, name) and (member is None or member in both) and agreement.f1 is not None
        ]
        return sum(found) / len(found) if found else None

    def least(self, number: int) -> list[tuple[str, Agreement]]:
        """The documents in which members agree least, the worst first: (id, agreement over all pairs and tasks)."""
        measured = [(found.f1, doc_id) for doc_id, found in self.by_document.items() if found.f1 is not None]
        return [(doc_id, self.by_document[doc_id]) for _, doc_id in sorted(measured)[:number]]

    def rows(self) -> Iterator[tuple[str, str, str, Agreement]]:
        """(task, first member, second member, agreement) of all pairs with documents in common, task by task."""
        for task in self.tasks:
            for first, second in self.documents:
                yield task, first, second, self.pairs[task, first, second]

    def to_json(self) -> dict[str, Any]:
        """The matrix as a JSON object."""

        def rounded(value: float | None) -> float | None:
            return None if value is None else round(value, 6)

        return {
            "metric": self.metric,
            "members": self.members,
            "confirmed": self.confirmed,
            "misplaced_entities": self.misplaced,
            "tasks": {
                task: {
                    "mean_f1": rounded(self.mean(task)),
                    "pairs": [
                        {"member1": first, "member2": second, **self.pairs[task, first, second].to_json()}
                        for first, second in self.documents
                    ],
                }
                for task in self.tasks
            },
            "documents_f1": {doc_id: rounded(found.f1) for doc_id, found in self.by_document.items()},
            "total": [
                {"member1": first, "member2": second, **self.total(first, second).to_json()}
                for first, second in self.documents
            ],
        }


def iaa(
    documents: Iterable[DocumentVersions],
    member1: str,
    member2: str,
    task: str,
    *,
    metric: Metric = "exact_v1",
) -> Agreement:
    """The agreement of two members on one task, as tagtog's ``/-api/metrics/v0/iaa`` measures it.

    Args:
        documents: All documents; those that not both members confirmed are passed over.
        member1: A member; ``master`` is legal, too.
        member2: Another member.
        task: The id of the annotation task, such as ``e_1``.
        metric: The metric.

    Returns:
        The agreement. :meth:`Agreement.answer` gives tagtog's answer.

    Raises:
        AgreementError: The task isn't one, the metric isn't defined for it, or both members are the same.
        ConfigurationError: There is no such metric.
        AnnJsonError: A relation's reference can't be read.
    """
    if member1 == member2:
        raise AgreementError("a member can't be compared with himself", value=member1, legal="two members")
    check_metric(task, metric)
    return agreement_matrix(documents, members=[member1, member2], tasks=[task], metric=metric).of(
        task, member1, member2
    )


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


def agreement_matrix(
    documents: Iterable[DocumentVersions],
    *,
    members: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    metric: Metric = "exact_v1",
) -> AgreementMatrix:
    """The agreement of all pairs of members on all tasks, in one pass over the documents.

    Args:
        documents: The documents. Only confirmed versions are looked at.
        members: Whom to compare; by default everybody but ``master``.
        tasks: The tasks to measure; by default all that occur in the compared versions and that have the metric.
        metric: The metric.

    Raises:
        AgreementError: A task isn't one, or the metric isn't defined for it.
        ConfigurationError: There is no such metric.
        AnnJsonError: A relation's reference can't be read.
    """
    choose("metric", metric, Metric)
    for task in tasks or ():
        check_metric(task, metric)
    counts = _Counts(metric, None if tasks is None else set(tasks))
    for document in documents:
        counts.add(document, members)
    return counts.matrix(members or ())


class _Counts:
    """What an agreement matrix is made of, document by document.

    Args:
        metric: The metric.
        wanted: The tasks to measure; ``None`` for all that have the metric.
    """

    def __init__(self, metric: Metric, wanted: set[str] | None) -> None:
        self._metric = metric
        self._wanted = wanted
        self._tasks = set(wanted or ())
        self._pairs: dict[tuple[str, str, str], Agreement] = defaultdict(Agreement)
        self._common: Counter[tuple[str, str]] = Counter()
        self._confirmed: Counter[str] = Counter()
        self._misplaced: Counter[str] = Counter()
        self._by_document: dict[str, Agreement] = {}
        # A label that nobody set in a document is a value, too: which labels there are is known only at the end.
        self._values: dict[tuple[str, str, str], Counter[tuple[Hashable, Hashable]]] = defaultdict(Counter)

    def add(self, document: DocumentVersions, members: Sequence[str] | None) -> None:
        """Count a document."""
        versions = versions_of(document)
        names = confirmed_members(versions, members)
        self._confirmed.update(names)
        if len(names) < 2:
            return
        taken = {name: self._taken(name, versions[name], parts_of(document)) for name in names}
        here = Agreement()
        for first, second in combinations(names, 2):
            self._common[first, second] += 1
            for task in taken[first].keys() | taken[second].keys():
                found = _compare(taken[first].get(task, set()), taken[second].get(task, set()), self._metric)
                self._pairs[task, first, second] += found
                here += found
                if task[0] == "m":
                    values = (_label(versions[first], task), _label(versions[second], task))
                    self._values[task, first, second][values] += 1
        if isinstance(document, Document):
            here.documents = 1
            self._by_document[document.id] = here

    def _taken(
        self, name: str, version: Annotations, parts: Mapping[str, Part] | None
    ) -> dict[str, set[Item]]:
        """The annotations of a version that are measured."""
        items = VersionItems.of(version, parts)
        self._misplaced[name] += len(items.misplaced)
        taken = {
            task: some
            for task, some in items.by_task().items()
            if (
                task in self._wanted
                if self._wanted is not None
                else self._metric in METRICS_OF.get(task[:1], ())
            )
        }
        self._tasks.update(taken)
        return taken

    def matrix(self, members: Sequence[str]) -> AgreementMatrix:
        """The matrix of all documents that were counted."""
        tasks = sorted(self._tasks, key=task_order)
        both = sorted(self._common)
        for task in tasks:
            for first, second in both:
                agreement = self._pairs[task, first, second]
                agreement.documents = self._common[first, second]
                if task[0] == "m":
                    agreement.values = self._values[task, first, second]
                    if silent := agreement.documents - agreement.values.total():
                        agreement.values[_NOT_SET, _NOT_SET] += silent
        everybody = sorted({*self._confirmed, *members})
        return AgreementMatrix(
            metric=self._metric,
            members=everybody,
            tasks=tasks,
            pairs=dict(self._pairs),
            documents={pair: self._common[pair] for pair in both},
            confirmed={name: self._confirmed[name] for name in everybody},
            misplaced={name: self._misplaced[name] for name in everybody if self._misplaced[name]},
            by_document=self._by_document,
        )


def _label(version: Annotations, task: str) -> Hashable:
    value = set_value(version.metas.get(task))
    return _NOT_SET if value is None else value_key(value)


def _compare(first: set[Item], second: set[Item], metric: Metric) -> Agreement:
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
    """How many of the items are equal to one of the others, one shared character being enough for their offsets."""
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
    reaches = {key: _Reach(ranges) for key, ranges in stretches.items()}
    count = 0
    for item in items:
        for place in item.places:
            reach = reaches.get((place.part, item.value))
            count += reach is not None and any(reach.touches(start, end) for start, end in place.ranges)
    return count


class _Reach:
    """Answers whether a stretch shares a character with one of many."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(pair for pair in ranges if pair[0] < pair[1])
        self.starts = [start for start, _ in ordered]
        self.ends = list(accumulate((end for _, end in ordered), max))  # the farthest end so far

    def touches(self, start: int, end: int) -> bool:
        before = bisect_left(self.starts, end)
        return start < end and before > 0 and self.ends[before - 1] > start


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
