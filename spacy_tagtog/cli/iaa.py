"""``spacy-tagtog iaa``: how far annotators agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import LegendOption, OnProblemOption
from spacy_tagtog.cli._run import command, good, info, note, showing, table, warn, write_json
from spacy_tagtog.cli._tables import percent, task_names

if TYPE_CHECKING:
    from spacy_tagtog.agreement import AgreementMatrix
    from spacy_tagtog.steps import MeasuredAgreement

_TASKS_PER_TABLE = 6
_WORST = 5


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

    For each pair of members and each annotation task: F1 over the documents that both confirmed. exact_v1:
    types and offsets are equal; overlapping_v1: types are equal and at least one character is shared;
    documentlevel_v1: the normalizations per document. With two members, precision (the share of the
    second's annotations that the first has), recall (the other way round), the numbers of annotations, and
    Cohen's kappa of document labels are shown, too. The documents in which people agree least are listed.

    Example:
      spacy-tagtog iaa my-download.zip
      spacy-tagtog iaa my-download.zip --member ada --member bob --metric overlapping_v1 --report iaa.json
    """
    from spacy_tagtog import steps

    result = steps.iaa(
        source,
        members=member,
        tasks=task,
        metric=metric,
        on_problem=on_problem,
        legend=legend,
        progress=showing("comparing"),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="left out")
    _say(result)


def _say(result: MeasuredAgreement) -> None:
    matrix = result.matrix
    names = task_names(result.legend, matrix.tasks)
    if len(matrix.documents) == 1:
        _say_pair(matrix, names)
    else:
        _say_pairs(matrix, names)
    if not matrix.tasks:
        info(f"nobody made an annotation for which tagtog defines {matrix.metric}")
    if len(matrix.by_document) > 1:
        table(
            (
                (doc_id, percent(found.f1), found.first + found.second)
                for doc_id, found in matrix.least(_WORST)
            ),
            header=("least agreement in", "F1", "annotations compared"),
        )
    pairs = len(matrix.members) * (len(matrix.members) - 1) // 2
    if silent := pairs - len(matrix.documents):
        info(f"{silent} of {counted(pairs, 'pair')} confirmed no document in common")
    for member, number in matrix.misplaced.items():
        point = counted(number, f"entity of {member} points", f"entities of {member} point")
        warn(f"{point} at another text or a part that isn't there: compared by the offsets as they are")
    read = counted(result.documents, "document")
    if len(matrix.documents) == 1:
        ((first, second),) = matrix.documents
        total = matrix.total(first, second)
        shown = f"F1 ({matrix.metric}) {percent(total.f1)}"
        good(f"{first} and {second} both confirmed {total.documents} of {read}: {shown}")
    else:
        good(f"{read}, average F1 ({matrix.metric}) {percent(matrix.mean())} over pairs and tasks")


def _say_pair(matrix: AgreementMatrix, names: dict[str, str]) -> None:
    ((first, second),) = matrix.documents
    rows = [(names[task], matrix.of(task, first, second)) for task in matrix.tasks]
    rows.append(("all", matrix.total(first, second)))
    table(
        (
            (
                name,
                *map(percent, (found.f1, found.precision, found.recall)),
                found.first,
                found.second,
                _kappa(found.kappa),
            )
            for name, found in rows
        ),
        header=("task", "F1", "P", "R", first, second, "kappa"),
    )


def _say_pairs(matrix: AgreementMatrix, names: dict[str, str]) -> None:
    for start in range(0, len(matrix.tasks), _TASKS_PER_TABLE):
        columns = matrix.tasks[start : start + _TASKS_PER_TABLE]
        is_last = start + _TASKS_PER_TABLE >= len(matrix.tasks)
        lines: list[tuple[object, ...]] = []
        for (first, second), documents in matrix.documents.items():
            total = [percent(matrix.total(first, second).f1)] if is_last else []
            figures = (percent(matrix.of(task, first, second).f1) for task in columns)
            lines.append((f"{first}, {second}", documents, *figures, *total))
        averages = (percent(matrix.mean(task)) for task in columns)
        lines.append(("average", "", *averages, *([""] if is_last else [])))
        last = ["all"] if is_last else []
        table(lines, header=("F1 of", "documents", *(names[task] for task in columns), *last))


def _kappa(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
