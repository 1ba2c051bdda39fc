"""``spacy-tagtog annotate``: pre-annotate documents with a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import command, good, note, parse_pairs, progress, table, warn, write_json

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.annotate import AnnotateReport

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
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A trained pipeline: a folder such as training/model-best, or a package's name.",
            show_default=False,
        ),
    ],
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
    legend: Annotated[
        Path | None,
        typer.Option(
            "--legend",
            help="An annotations-legend.json to use instead of the source's own.",
            show_default=False,
        ),
    ] = None,
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Processes.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the counts to this JSON file.", show_default=False)
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")
    ] = False,
) -> None:
    """Pre-annotate documents with what a pipeline predicts, each entity with the probability that the model gives it.

    Every new entity has the state pre-added, the author ml:NAME and a probability. What people annotated stays
    untouched; confirmed documents are left out.

    Example:
      spacy-tagtog annotate training/model-best assets/new annotated
    """
    result = annotate(
        pipeline,
        source,
        target,
        name=name,
        rename=dict(parse_pairs(rename or [], option="--rename")),
        spans_key=spans_key,
        legend=legend,
        n_process=n_process,
        force=force,
        progress=lambda items, total: progress(items, total, what="annotating"),
    )
    rows = dict(result.rows())
    write_json(
        report,
        {
            **{caption.strip(): number for caption, number in rows.items()},
            "labels": dict(sorted(result.added.items())),
            "document_labels": dict(sorted(result.labels_added.items())),
        },
    )
    table(rows.items())
    note(result.confirmed, caption="left out because people confirmed them")
    if result.added:
        table(result.added.most_common(), header=("entity type", "pre-annotations"))
    if result.labels_added:
        table(result.labels_added.most_common(), header=("document label", "pre-annotations"))
    if not result.documents:
        warn("there was no document to annotate")
    good(f"{counted(result.documents, 'document')} written to {target}")


def annotate(
    pipeline: str | Path,
    source: Path,
    target: Path,
    *,
    name: str = "spacy",
    rename: Mapping[str, str] | None = None,
    spans_key: str = "",
    legend: Path | None = None,
    n_process: int = 1,
    force: bool = False,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
) -> AnnotateReport:
    """Pre-annotate the documents of a project and write them, all or nothing.

    Args:
        pipeline: A folder or a package's name.
        source: A project's folder or zip.
        target: A folder, or a path ending with ``.zip``.
        name: The author is ``ml:NAME``.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        spans_key: Take entities from this span group instead of ``doc.ents``.
        legend: A legend file to use instead of the source's own.
        n_process: Processes.
        force: Replace the target.
        progress: Wraps the documents, with their number.

    Raises:
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog._files import check_free
    from spacy_tagtog.anndoc import Project, write_project
    from spacy_tagtog.pipeline.annotate import AnnotateReport, annotate_documents
    from spacy_tagtog.pipeline.loading import load_pipeline

    check_free(target, force=force, sources=(source, pipeline, legend))
    project = Project.open(source, legend=legend)
    nlp = load_pipeline(pipeline)
    report = AnnotateReport()
    documents: Iterable[Any] = project if progress is None else progress(project, len(project))
    annotated = annotate_documents(
        nlp,
        documents,
        who=f"ml:{name}",
        rename=rename,
        spans_key=spans_key or None,
        n_process=n_process,
        report=report,
    )
    write_project(annotated, target, legend=project.legend, force=force)
    return report
