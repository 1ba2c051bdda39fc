"""``spacy-tagtog upload``: new documents in any format, pre-annotated if there is a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import CreateOption, DistributeToOption, DryRunOption, takes_connection
from spacy_tagtog.cli._run import command, good, note, parse_pairs, showing, table, write_json
from spacy_tagtog.cli.annotate import AuthorName, Rename, SpansKey
from spacy_tagtog.cli.push import opened, say_pushed
from spacy_tagtog.errors import RejectedError
from spacy_tagtog.steps.connection import ConnectionSettings

_FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Files that tagtog reads (txt, md, html, pdf…), and folders of them.", show_default=False
    ),
]
_ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="Pre-annotate with this pipeline: a folder, or a package's name. Empty: only upload.",
        show_default=False,
    ),
]
_FolderOption = Annotated[
    str, typer.Option("--folder", "-f", help="The folder of the project; added if need be.")
]
_TextFormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="verbatim, formatted or markdown. Empty: tagtog goes by the file name.",
        show_default=False,
    ),
]
_ReportOption = Annotated[
    Path | None,
    typer.Option("--report", help="Write what happened to each file to this JSON file.", show_default=False),
]


@command
@takes_connection(pace=True)
def upload_cli(
    where: ConnectionSettings,
    files: _FilesArgument,
    model: _ModelOption = "",
    folder: _FolderOption = "pool",
    text_format: _TextFormatOption = "",
    name: AuthorName = "spacy",
    rename: Rename = None,
    spans_key: SpansKey = "",
    distribute_to: DistributeToOption = None,
    create: CreateOption = False,
    dry_run: DryRunOption = False,
    report: _ReportOption = None,
) -> None:
    """Upload files as new documents; with --model, annotate what tagtog made of them, and push that.

    A file that the project has already (same name, same content) isn't uploaded again, so an upload that was
    interrupted is resumed by running it again. A file that tagtog doesn't take is listed, the others go on.
    What people annotated meanwhile stays. If any file was refused, the exit code is 1.

    With --create, a project that the local tagtog doesn't have is made, with the entity types that the model
    knows, or without types (settings --add-entity adds them).

    Example:
      spacy-tagtog upload papers/*.pdf notes.md --folder pool/new --model training/model-best
    """
    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.pipeline.loading import load_pipeline
    from spacy_tagtog.steps.upload import Uploaded, legend_of, pre_annotate, upload

    names = dict(parse_pairs(rename or [], option="--rename"))
    nlp = load_pipeline(model) if model else None
    legend = legend_of(nlp, rename=names) if nlp is not None and create else Legend()
    with opened(where, create, legend=legend, dry_run=dry_run) as tagtog:
        uploaded = upload(
            tagtog,
            files,
            folder=folder,
            text_format=text_format,
            distribute_to=distribute_to,
            dry_run=dry_run,
            progress=showing("uploading", unit="files"),
        )
        table(
            [
                ("uploaded", len(uploaded.created)),
                ("there already", len(uploaded.present)),
                ("refused", len(uploaded.refused)),
            ]
        )
        note((f"{path}: {why}" for path, why in uploaded.refused), caption="refused by tagtog")
        pushed = None
        if nlp is not None:
            pushed = pre_annotate(
                tagtog,
                nlp,
                uploaded.ids,
                name=name,
                rename=names,
                spans_key=spans_key,
                dry_run=dry_run,
                progress=showing("pre-annotating"),
            )
            say_pushed(pushed)
        place = str(tagtog)
    write_json(report, Uploaded(uploaded, pushed).to_json())
    documents = counted(len(uploaded.created), "document")
    if uploaded.refused and not dry_run:
        number = len(uploaded.created) + len(uploaded.present) + len(uploaded.refused)
        raise RejectedError(
            f"tagtog refused {len(uploaded.refused)} of {counted(number, 'file')}; the others are there",
            place=place,
            value=", ".join(str(path) for path, _ in uploaded.refused),
            advice="mend these as the reasons above say, or leave them out; then upload again: "
            "what is there already isn't sent twice",
        )
    good(f"{'would be uploaded' if dry_run else 'uploaded'} to {place}: {documents}")
