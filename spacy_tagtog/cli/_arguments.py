"""Arguments and options of the commands that work with pipelines, gold documents and rankings."""

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
ProcessesOption = Annotated[int, typer.Option("--n-process", min=1, help="Processes.")]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="Another tool's format: doccano, prodigy, label-studio, brat, conll, bioc, pubtator, xmi, "
        "parquet. Default: a tagtog project, or what the look of the file tells.",
        show_default=False,
    ),
]
FormatSettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format-set",
        help="A setting of the format, KEY=VALUE, such as offset_unit=utf-16, annotation=last, scheme=iob1 "
        "(repeat for several).",
    ),
]
CodeOption = Annotated[
    Path | None,
    typer.Option("--code", help="A Python file with registered functions of your own.", show_default=False),
]
