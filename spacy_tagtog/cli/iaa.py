"""``spacy-tagtog iaa``: how far annotators agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import command, good, info, note, progress, table, warn, write_json
from spacy_tagtog.cli._versions import (
    LegendOption,
    OnProblemOption,
    check_members,
    open_project,
    readable_documents,
    task_names,
)

if TYPE_CHECKING:
    from spacy_tagtog.agreement import AgreementMatrix
    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.errors import SpacyTagtogError

_TASKS_A_TABLE = 6
_WORST = 5


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


@command
def iaa_cli(
    source: Annotated[
        Path,
        typer.Argument(
            help="A tagtog project (folder or zip) with the versions of several members.", show_default=False
        ),
    ],
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whom to compare (repeat). Default: everybody who has versions, without master.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            "-t",
            help="An annotation task, by id (e_1) or name (repeat). Default: all.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option("--metric", help="exact_v1, overlapping_v1, or documentlevel_v1 (normalizations only)."),
    ] = "exact_v1",
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write all figures to this JSON file.", show_default=False)
    ] = None,
) -> None:
    """Measure how far annotators agree (inter-annotator agreement), by tagtog's metrics.

    For each pair of members and each annotation task: F1 over the documents that both confirmed. exact_v1: types and
    offsets are equal; overlapping_v1: types are equal and at least one character is shared; documentlevel_v1: the sets
    of normalizations in a document. With two members, precision (the share of the second's annotations that the first
    has), recall (the other way round), the numbers of annotations, and Cohen's kappa of document labels are shown, too.
    The documents in which people agree least are listed.

    Example:
      spacy-tagtog iaa my-download.zip
      spacy-tagtog iaa my-download.zip --member ada --member bob --metric overlapping_v1 --report iaa.json
    """
    result = iaa(
        source,
        members=member,
        tasks=task,
        metric=metric,
        on_problem=on_problem,
        legend=legend,
        progress=lambda items, total: progress(items, total, what="comparing"),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="left out")
    _say(result)


def _say(result: MeasuredAgreement) -> None:
    matrix = result.matrix
    names = task_names(result.legend, matrix.tasks)
    if len(matrix.documents) == 1:
        ((first, second),) = matrix.documents
        rows = [(names[task], matrix.of(task, first, second)) for task in matrix.tasks]
        rows.append(("all", matrix.total(first, second)))
        table(
            (
                (
                    name,
                    *map(_percent, (found.f1, found.precision, found.recall)),
                    found.first,
                    found.second,
                    _kappa(found.kappa),
                )
                for name, found in rows
            ),
            header=("task", "F1", "P", "R", first, second, "kappa"),
        )
    else:
        for start in range(0, len(matrix.tasks), _TASKS_A_TABLE):
            columns = matrix.tasks[start : start + _TASKS_A_TABLE]
            is_last = start + _TASKS_A_TABLE >= len(matrix.tasks)
            lines: list[tuple[object, ...]] = []
            for (first, second), documents in matrix.documents.items():
                total = [_percent(matrix.total(first, second).f1)] if is_last else []
                lines.append(
                    (
                        f"{first}, {second}",
                        documents,
                        *(_percent(matrix.of(task, first, second).f1) for task in columns),
                        *total,
                    )
                )
            lines.append(
                (
                    "average",
                    "",
                    *(_percent(matrix.mean(task)) for task in columns),
                    *([""] if is_last else []),
                )
            )
            table(
                lines,
                header=(
                    "F1 of",
                    "documents",
                    *(names[task] for task in columns),
                    *(["all"] if is_last else []),
                ),
            )
    if not matrix.tasks:
        info(f"nobody made an annotation for which tagtog defines {matrix.metric}")
    if len(matrix.by_document) > 1:
        table(
            (
                (doc_id, _percent(found.f1), found.first + found.second)
                for doc_id, found in matrix.least(_WORST)
            ),
            header=("least agreement in", "F1", "annotations compared"),
        )
    pairs = len(matrix.members) * (len(matrix.members) - 1) // 2
    if silent := pairs - len(matrix.documents):
        info(f"{silent} of {counted(pairs, 'pair')} without a document that both confirmed")
    for member, number in matrix.misplaced.items():
        point = counted(number, f"entity of {member} points", f"entities of {member} point")
        warn(f"{point} at another text or a part that isn't there: compared by the offsets as they are")
    if len(matrix.documents) == 1:
        ((first, second),) = matrix.documents
        all_tasks = matrix.total(first, second)
        shown = f"F1 ({matrix.metric}) {_percent(all_tasks.f1)}"
        good(
            f"{first} and {second} both confirmed {all_tasks.documents} of {counted(result.documents, 'document')}: {shown}"
        )
    else:
        good(
            f"{counted(result.documents, 'document')}, average F1 ({matrix.metric}) {_percent(matrix.mean())} over pairs and tasks"
        )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _kappa(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def iaa(
    source: Path,
    *,
    members: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    metric: str = "exact_v1",
    on_problem: str = "error",
    legend: Path | None = None,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
) -> MeasuredAgreement:
    """Measure the agreement between the members of a project.

    Args:
        source: A project's folder or zip.
        members: Whom to compare; by default everybody but ``master``.
        tasks: Ids or names of annotation tasks; by default all.
        metric: ``exact_v1``, ``overlapping_v1`` or ``documentlevel_v1``.
        on_problem: ``error`` or ``report``.
        legend: A legend file to use instead of the project's own.
        progress: Wraps the documents, with their number.

    Raises:
        AgreementError: A member or task isn't there, the metric isn't defined for a task, or no two members confirmed the same document.
        SpacyTagtogError: The project can't be read.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.agreement import Metric, agreement_matrix
    from spacy_tagtog.anndoc import MASTER
    from spacy_tagtog.errors import AgreementError

    chosen: Metric = choose("--metric", metric, Metric)
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
            advice="give --member twice (master counts as one), or fetch the versions of more members",
        )
    ids = None if tasks is None else [_task_id(task, project.legend) for task in tasks]
    documents: Iterable[Any] = readable_documents(
        project, on_problem=on_problem, faults=faults, members=asked
    )
    read = 0

    def counted() -> Iterable[Any]:
        nonlocal read
        for document in documents if progress is None else progress(documents, len(project)):
            read += 1
            yield document

    matrix = agreement_matrix(counted(), members=asked, tasks=ids, metric=chosen)
    if not matrix.documents:
        raise AgreementError(
            "no document was confirmed by two of these members",
            place=source,
            value=", ".join(f"{name} {number}" for name, number in matrix.confirmed.items()),
            legal="documents that two members confirmed",
            advice="let two people annotate and confirm the same documents",
        )
    if ids is not None:
        for task in ids:
            if task not in project.legend and not any(
                matrix.of(task, *pair).f1 is not None for pair in matrix.documents
            ):
                raise AgreementError(
                    "the project has no such annotation task",
                    place=source,
                    value=task,
                    legal=", ".join(project.legend) or "(it has no legend)",
                )
    return MeasuredAgreement(matrix, project.legend, read, faults)


def _task_id(task: str, legend: Legend) -> str:
    """The id of a task that is given by id or by name."""
    from spacy_tagtog.errors import AgreementError

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
