"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PipelineArgument = Annotated[
    str,
    typer.Argument(
        help="A trained pipeline: a folder such as training/model-best, or a package's name.",
        show_default=False,
    ),
]
OnProblemOption = Annotated[
    str,
    typer.Option(
        "--on-problem", help="Files that can't be read: error (refuse), or report (leave out and list)."
    ),
]
LegendOption = Annotated[
    Path | None,
    typer.Option(
        "--legend", help="An annotations-legend.json to use instead of the project's own.", show_default=False
    ),
]
RankingOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--ranking",
        help="A file that spacy-tagtog rank wrote: take the documents that chance chose for it "
        "(repeat for several rankings, the earliest first).",
        show_default=False,
    ),
]
GoldDocumentsOption = Annotated[
    str, typer.Option("--documents", help="Which documents of a project: confirmed, unconfirmed or all.")
]
GoldMemberOption = Annotated[str, typer.Option("--member", help="Whose annotations of a project.")]
GoldOnProblemOption = Annotated[
    str, typer.Option("--on-problem", help="Faults of a project's data: error, or report (set aside).")
]
ProcessesOption = Annotated[int, typer.Option("--n-process", min=1, help="Processes.")]
ForceOption = Annotated[bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")]
