"""tagtog's agreement metrics: F1 between the versions of two members.

What tagtog defines (its documentation, *IAA calculation methods* and *API metrics*): which annotations of two
versions are equal under each metric (see :mod:`spacy_tagtog.agreement.versions`), and which metric a kind of
task has. Agreement is F1, of confirmed versions only. The agreement of a task is the average over all pairs
of members.

What it leaves open, and what is done here:

- Counts are summed over the documents that both confirmed, and F1 is of the sums (micro average): a document
  with many annotations weighs more.
- An annotation that a member made twice counts once, as tagtog says of ``documentlevel_v1``.
- Under ``overlapping_v1`` one annotation may overlap several. Precision is the share of the second member's
  annotations that are equal to one or more of the first's, recall the share of the first's, as in
  :mod:`spacy_tagtog.pipeline.evaluation`; F1 is their harmonic mean. So F1 is the same whoever is the first,
  and 1.0 between two equal versions.
- Where neither member annotated anything of a task there is nothing to agree on: F1 is ``None``, not 1.0.
  Where one did and the other didn't it is 0.0. Where no document was confirmed by both it is ``None``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from spacy_tagtog._options import choose
from spacy_tagtog.agreement.metrics import METRICS_OF, Agreement, Metric, check_metric, compare
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    Item,
    VersionItems,
    confirmed_members,
    parts_of,
    set_value,
    task_order,
    value_key,
    versions_of,
)
from spacy_tagtog.anndoc import Annotations, Document, Part
from spacy_tagtog.errors import AgreementError

_NOT_SET: Final = ("not set",)


@dataclass
class AgreementMatrix:
    """How far each pair of members agrees, task by task.

    Attributes:
        metric: The metric.
        members: The members, by name.
        tasks: The tasks that were measured.
        pairs: (task, first member, second member) to agreement, for each pair that confirmed a document in
            common; the first comes first by name.
        documents: (first member, second member) to the number of documents that both confirmed; pairs without
            any are left out.
        confirmed: How many documents each member confirmed.
        misplaced: How many entities of each member have an offset that points at another text, or a part that
            isn't there. They are compared as they are stored.
        by_document: Document id to the agreement in this document, all pairs and tasks together; only for
            documents that are given as such.
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
        """The agreement of two members over all tasks: F1 of the summed counts.

        ``values`` and kappa have no meaning here and are empty.
        """
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
        """The documents in which members agree least, the worst first.

        Returns:
            (document id, agreement over all pairs and tasks).
        """
        measured = [(found.f1, doc_id) for doc_id, found in self.by_document.items() if found.f1 is not None]
        return [(doc_id, self.by_document[doc_id]) for _, doc_id in sorted(measured)[:number]]

    def rows(self) -> Iterator[tuple[str, str, str, Agreement]]:
        """(task, first member, second member, agreement) of pairs with common documents, task by task."""
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
        tasks: The tasks to measure; by default all that occur in the compared versions and that have the
            metric.
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
        # A label that nobody set in a document is a value, too. Which labels there are is known at the end.
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
                found = compare(taken[first].get(task, set()), taken[second].get(task, set()), self._metric)
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
