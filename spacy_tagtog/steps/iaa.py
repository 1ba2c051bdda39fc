"""Measure how far annotators agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.agreement import AgreementMatrix, Metric, agreement_matrix
from spacy_tagtog.anndoc import MASTER, Document, Legend, Project
from spacy_tagtog.errors import AgreementError, SpacyTagtogError, setting
from spacy_tagtog.steps._versions import check_members, open_project, readable_documents


@dataclass(frozen=True)
class MeasuredAgreement:
    """What was measured.

    Attributes:
        matrix: The agreement of all pairs on all tasks.
        legend: The names of the tasks.
        documents: Documents that were read.
        faults: What couldn't be read.
    """

    matrix: AgreementMatrix
    legend: Legend
    documents: int
    faults: list[SpacyTagtogError] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "documents": self.documents,
            "names": {task: self.legend.get(task, task) for task in self.matrix.tasks},
            **self.matrix.to_json(),
            "faults": [str(fault) for fault in self.faults],
        }


def iaa(
    source: Path | str,
    *,
    members: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    metric: str = "exact_v1",
    on_problem: str = "error",
    legend: Path | str | None = None,
    progress: Progress = silent,
) -> MeasuredAgreement:
    """Measure the agreement between the members of a project (inter-annotator agreement).

    Args:
        source: A project's folder or zip.
        members: Whom to compare; by default everybody but ``master``.
        tasks: Ids or names of annotation tasks; by default all.
        metric: ``exact_v1``, ``overlapping_v1`` or ``documentlevel_v1``.
        on_problem: Faults of the data: ``error``, or ``report`` to leave out what can't be read and list it.
        legend: A legend file to use instead of the project's own.
        progress: Goes through the documents.

    Raises:
        AgreementError: A member or task isn't there, the metric isn't defined for a task, or no two members
            confirmed the same document.
        SpacyTagtogError: The project can't be read.
    """
    chosen: Metric = choose(setting("metric"), metric, Metric)
    faults: list[SpacyTagtogError] = []
    project = open_project(source, on_problem=on_problem, legend=legend, faults=faults)
    asked = list(dict.fromkeys(members or [name for name in project.members if name != MASTER]))
    check_members(project, asked)
    if len(asked) < 2:
        raise AgreementError(
            "agreement needs two members",
            place=source,
            value=", ".join(asked) or "(nobody but master has a version)",
            legal=f"two of those that have versions: {', '.join(project.members) or '(nobody)'}",
            advice="name two members (master counts as one), or get the versions of all: "
            "spacy-tagtog fetch FOLDER --all-members",
        )
    ids = None if tasks is None else [_task_id(task, project.legend) for task in tasks]
    found = readable_documents(project, on_problem=on_problem, faults=faults, members=asked)
    read = 0

    def counted() -> Iterator[Document]:
        nonlocal read
        for document in progress(found, len(project)):
            read += 1
            yield document

    matrix = agreement_matrix(counted(), members=asked, tasks=ids, metric=chosen)
    _check_matrix(matrix, project, ids or ())
    return MeasuredAgreement(matrix, project.legend, read, faults)


def _check_matrix(matrix: AgreementMatrix, project: Project, tasks: Sequence[str]) -> None:
    """Make sure that there is something to say of the members and of each task that was asked for."""
    if not matrix.documents:
        raise AgreementError(
            "no document was confirmed by two of these members",
            place=project.place,
            value=", ".join(f"{name} {number}" for name, number in matrix.confirmed.items()),
            legal="documents that two members confirmed",
            advice="let two people annotate and confirm the same documents",
        )
    for task in tasks:
        if task not in project.legend and not any(
            matrix.of(task, *pair).f1 is not None for pair in matrix.documents
        ):
            raise AgreementError(
                "the project has no such annotation task",
                place=project.place,
                value=task,
                legal=", ".join(project.legend) or "(it has no legend)",
            )


def _task_id(task: str, legend: Legend) -> str:
    """The id of a task that is given by id or by name."""
    found = [class_id for class_id, name in legend.items() if name == task]
    if task in legend or not found:
        return task
    if len(found) > 1:
        raise AgreementError(
            "several annotation tasks have this name",
            value=task,
            legal=", ".join(found),
            advice="give the id",
        )
    return found[0]
