"""``spacy-tagtog annotate``: pre-annotate documents with a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import PipelineArgument, ProcessesOption
from spacy_tagtog.cli._options import ForceOption, SourceLegendOption
from spacy_tagtog.cli._run import command, good, note, parse_pairs, showing, table, warn, write_json

AuthorName = Annotated[
    str, typer.Option("--name", help="The author of the pre-annotations: they are by ml:NAME.")
]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        "--rename", help="LABEL=NAME: the project's name of a label of the pipeline; LABEL= leaves it out."
    ),
]
SpansKey = Annotated[
    str,
    typer.Option(
        "--spans-key",
        help="Take entities from this span group and its scores (spancat) instead of doc.ents.",
        show_default=False,
    ),
]


@command
def annotate_cli(
    pipeline: PipelineArgument,
    source: Annotated[
        Path,
        typer.Argument(
            help="The documents: a folder or zip of tagtog documents (plain.html alone is enough).",
            show_default=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(help="The folder or zip to write the annotated documents into.", show_default=False),
    ],
    name: AuthorName = "spacy",
    rename: Rename = None,
    spans_key: SpansKey = "",
    legend: SourceLegendOption = None,
    n_process: ProcessesOption = 1,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the counts to this JSON file.", show_default=False)
    ] = None,
    force: ForceOption = False,
) -> None:
    """Pre-annotate documents with what a pipeline predicts, each entity with its probability.

    Every new entity has the state pre-added, the author ml:NAME and a probability. What people annotated
    stays untouched; confirmed documents are left out.

    Example:
      spacy-tagtog annotate training/model-best assets/new annotated
    """
    from spacy_tagtog import steps

    result = steps.annotate(
        pipeline,
        source,
        target,
        name=name,
        rename=dict(parse_pairs(rename or [], option="--rename")),
        spans_key=spans_key,
        legend=legend,
        n_process=n_process,
        force=force,
        progress=showing("annotating"),
    )
    write_json(report, result.to_json())
    done = result.report
    table(done.rows())
    note(done.confirmed, caption="left out because people confirmed them")
    if done.added:
        table(done.added.most_common(), header=("entity type", "pre-annotations"))
    if done.labels_added:
        table(done.labels_added.most_common(), header=("document label", "pre-annotations"))
    if not done.documents:
        warn("there was no document to annotate")
    good(f"{counted(done.documents, 'document')} written to {target}")
