"""``spacy-tagtog merge``: one version out of those of several members."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import ForceOption, LegendOption, OnProblemOption
from spacy_tagtog.cli._run import command, good, info, note, showing, table, write_json

if TYPE_CHECKING:
    from spacy_tagtog.steps import MergedProject

_StrategyOption = Annotated[
    str,
    typer.Option(
        "--strategy",
        "-s",
        help="union_v1 (what anybody has), majority_v1 (more than half), intersection_v1 (all), "
        "or best_iaa_v1 (for each task, who agrees best with the others).",
        show_default=False,
    ),
]
_OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite-confirmed",
        help="Replace versions of --save-to that are confirmed, too. Default: they stay and are listed.",
    ),
]


@command
def merge_cli(
    source: Annotated[
        Path,
        typer.Argument(
            help="A tagtog project (folder or zip) with the versions of several members.", show_default=False
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="The folder or zip to write: the whole project with the merged versions.", show_default=False
        ),
    ],
    strategy: _StrategyOption,
    save_to: Annotated[
        str, typer.Option("--save-to", help="Whose version the merged one becomes.")
    ] = "master",
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whose versions to merge (repeat). Default: everybody's, without master.",
            show_default=False,
        ),
    ] = None,
    overwrite_confirmed: _OverwriteOption = False,
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write what was left out, with the reasons, and all conflicts to this JSON file.",
            show_default=False,
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Merge the confirmed versions of several members into one (adjudication), by tagtog's strategies.

    Each annotation that is taken says who has it and, as its probability, which share of the members. The
    merged versions are not confirmed: look at them, first at what has a low probability. The source is not
    changed.

    Example:
      spacy-tagtog merge my-download.zip merged.zip --strategy majority_v1 --report merged.json
    """
    from spacy_tagtog import steps

    result = steps.merge(
        source,
        target,
        strategy=strategy,
        save_to=save_to,
        members=member,
        overwrite_confirmed=overwrite_confirmed,
        on_problem=on_problem,
        legend=legend,
        force=force,
        progress=showing("merging"),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="can't be read, not written")
    note(result.not_confirmed, caption="no member confirmed it: written as it was")
    note(
        result.protected,
        caption=f"the version of {save_to} is confirmed and stays as it is "
        "(--overwrite-confirmed replaces it)",
    )
    _say(result)
    good(
        f"{target}: {counted(len(result.merged), 'document')} merged by {strategy} "
        f"into the versions of {save_to}, to be confirmed"
    )


def _say(result: MergedProject) -> None:
    reports = result.merged.values()
    reasons = Counter((item.kind, item.reason) for report in reports for item in report.left_out)
    conflicts = Counter(conflict.kind for report in reports for conflict in report.conflicts)
    taken, left_out = result.taken, result.left_out
    table(
        ((kind, taken[kind], left_out[kind]) for kind in sorted(taken.keys() | left_out.keys())),
        header=("", "taken", "left out"),
    )
    table(
        ((f"{kind}: {reason}", number) for (kind, reason), number in reasons.most_common(10)),
        header=("left out because", ""),
    )
    if result.ranking is not None:
        best = sorted(result.ranking.overall.items(), key=lambda pair: (-pair[1], pair[0]))
        table(
            ((name, f"{100 * score:.1f}") for name, score in best),
            header=("agreement with the others", "average F1"),
        )
    if conflicts:
        said = ", ".join(f"{number} {kind}" for kind, number in conflicts.most_common())
        info(f"members contradict each other: {said}")
