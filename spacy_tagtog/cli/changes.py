"""``spacy-tagtog changes``: what reviewers changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import RankingOption
from spacy_tagtog.cli._options import LegendOption, OnProblemOption
from spacy_tagtog.cli._run import command, good, info, note, showing, table, write_json
from spacy_tagtog.cli._tables import percent, task_names

if TYPE_CHECKING:
    from spacy_tagtog.agreement.quality import QualityEstimate
    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.steps import ChangedProject

_DocumentsOption = Annotated[
    str,
    typer.Option("--documents", help="Which documents, as they are later: confirmed, unconfirmed or all."),
]


@command
def changes_cli(
    before: Annotated[
        Path,
        typer.Argument(
            help="The earlier state: a tagtog project (folder or zip), such as what was pushed.",
            show_default=False,
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(
            help="The later state, such as what was fetched after the review.", show_default=False
        ),
    ],
    member: Annotated[
        str, typer.Option("--member", "-m", help="Whose version, before and after.")
    ] = "master",
    before_member: Annotated[
        str,
        typer.Option(
            "--before-member",
            help="Whose version before, if it is another's: with one project given twice.",
            show_default=False,
        ),
    ] = "",
    documents: _DocumentsOption = "confirmed",
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    ranking: RankingOption = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write every change to this JSON file.", show_default=False),
    ] = None,
) -> None:
    """Count what reviewers changed: pre-annotations before, confirmed annotations after.

    Entities are paired so that the edits are fewest: accepting one costs nothing; adding one, removing one,
    giving it another type and moving one of its borders cost one edit each. Labels and relations are counted
    beside.

    With --ranking, the exact precision, recall and F of the pre-annotations are estimated from the documents
    that chance chose: no strategy looked for difficult ones among them, so they stand for all documents that
    were left. Documents that were pushed blind (--blind-share) count no edits: nobody saw anything to edit.
    What people annotated there is compared with what the model had, and stands beside the same figures of the
    documents with suggestions. Where the latter look better, suggestions are followed too easily.

    Example:
      spacy-tagtog changes preannotated reviewed --ranking ranking.json
      spacy-tagtog changes my-download.zip my-download.zip --before-member master --member ada
    """
    from spacy_tagtog import steps

    result = steps.changes(
        before,
        after,
        member=member,
        before_member=before_member,
        documents=documents,
        on_problem=on_problem,
        legend=legend,
        rankings=ranking or (),
        progress=showing("comparing"),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="left out")
    note(result.only_before, caption="only in the earlier state")
    note(result.only_after, caption="only in the later state")
    note(result.without_before, caption=f"no earlier version of {before_member or member}: not looked at")
    note(result.unreviewed, caption=f"not {documents}: not looked at")
    _say_edits(result)
    _say_labels(result)
    if result.sampled is not None:
        _say_quality(result)
    if result.blind:
        _say_blind(result)
    number = sum(map(bool, result.documents.values()))
    of_all = f"{number} of {counted(len(result.documents), 'document')} changed"
    good(f"{counted(result.edits.total, 'edit')} of entities; {of_all}")


def _say_edits(result: ChangedProject) -> None:
    counts, proposed = result.by_type, result.proposed
    names = task_names(result.legend, list(counts))
    rows = [(names[task], proposed[task], number) for task, number in counts.items()]
    if len(rows) != 1:
        rows.append(("all", proposed.total(), result.edits))
    table(
        (
            (
                name,
                old,
                number.accepted,
                percent(number.accepted / old if old else None),
                number.removed,
                number.relabelled,
                number.moved,
                number.added,
                number.total,
            )
            for name, old, number in rows
        ),
        header=(
            "entity type",
            "before",
            "accepted",
            "%",
            "removed",
            "relabelled",
            "borders moved",
            "added",
            "edits",
        ),
    )


def _say_labels(result: ChangedProject) -> None:
    changed: Counter[str] = Counter()
    for document in result.documents.values():
        changed.update(change.task for change in document.labels)
        changed.update(f"{change.task}, {change.kind}" for change in document.relations)
    table(
        ((_named(what, result.legend), number) for what, number in sorted(changed.items())),
        header=("labels and relations", "changed"),
    )


def _say_quality(result: ChangedProject) -> None:
    reviewed = result.sampled_reviewed
    waiting = len(result.sampled or []) - len(reviewed)
    if not reviewed:
        info(
            f"of {counted(waiting, 'document')} that chance chose none was compared: "
            "there is no unbiased estimate yet"
        )
        return
    _quality_table("estimate", result.quality(reviewed), "all compared", result.quality())
    more = f"; {waiting} more that chance chose {'was' if waiting == 1 else 'were'} not compared"
    info(
        f"unbiased estimate of the pre-annotations: from {counted(len(reviewed), 'document')} "
        f"that chance chose among those that were unreviewed then{more if waiting else ''}"
    )


def _say_blind(result: ChangedProject) -> None:
    reviewed = result.blind_reviewed
    waiting = len(result.blind) - len(reviewed)
    if not reviewed:
        info(f"of {counted(waiting, 'blind document')} none was compared")
        return
    _quality_table("blind", result.quality(reviewed), "with suggestions", result.quality(result.suggested))
    more = f"; {waiting} more {'was' if waiting == 1 else 'were'} not compared"
    info(
        f"what the model had beside what people annotated blind, in {counted(len(reviewed), 'document')}"
        f"{more if waiting else ''}"
    )


def _quality_table(caption: str, one: QualityEstimate, other_caption: str, other: QualityEstimate) -> None:
    rows = [
        (
            name,
            *(
                ("–" if value is None else f"{factor * value:.1f}")
                for value in (estimate.value, estimate.low, estimate.high, beside.value)
            ),
        )
        for name, factor, estimate, beside in (
            ("precision %", 100, one.precision, other.precision),
            ("recall %", 100, one.recall, other.recall),
            ("F %", 100, one.f1, other.f1),
            ("edits per document", 1, one.edits, other.edits),
        )
    ]
    table(rows, header=("exact", caption, "95 % from", "to", other_caption))


def _named(what: str, legend: Legend) -> str:
    task, comma, kind = what.partition(",")
    return f"{legend.get(task, task)} ({task}){comma}{kind}"
