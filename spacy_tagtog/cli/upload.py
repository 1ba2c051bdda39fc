"""``spacy-tagtog upload``: new documents in any format, pre-annotated if there is a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    DEFAULT_THREADS,
    CaFile,
    Connection,
    Database,
    DistributeTo,
    Domain,
    Owner,
    ProjectName,
    Rate,
    Settings,
    Threads,
    connect,
)
from spacy_tagtog.cli._run import command, good, note, parse_pairs, progress, table, write_json
from spacy_tagtog.cli.annotate import AuthorName, Rename, SpansKey
from spacy_tagtog.cli.push import say_pushed

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_tagtog.anndoc import Document
    from spacy_tagtog.client import PushReport


@command
def upload_cli(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files that tagtog reads (txt, md, html, pdf…), and folders of them.", show_default=False
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="Pre-annotate with this pipeline: a folder, or a package's name. Empty: only upload.",
            show_default=False,
        ),
    ] = "",
    folder: Annotated[
        str, typer.Option("--folder", "-f", help="The folder of the project; added if need be.")
    ] = "pool",
    text_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="verbatim, formatted or markdown. Empty: tagtog goes by the file name.",
            show_default=False,
        ),
    ] = "",
    name: AuthorName = "spacy",
    rename: Rename = None,
    spans_key: SpansKey = "",
    distribute_to: DistributeTo = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write what happened to each file to this JSON file.", show_default=False
        ),
    ] = None,
    threads: Threads = DEFAULT_THREADS,
    rate: Rate = 0,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Upload files as new documents; with --model, read back what tagtog made of them, annotate that, and push it.

    A file that the project has already (same name, same content) isn't uploaded again, so an upload that was
    interrupted is resumed by running it again. A file that tagtog doesn't take is listed, the others go on. What people
    annotated meanwhile stays.

    Example:
      spacy-tagtog upload papers/*.pdf notes.md --folder pool/new --model training/model-best
    """
    from spacy_tagtog.client import upload
    from spacy_tagtog.pipeline.loading import load_pipeline

    nlp = load_pipeline(model) if model else None
    pushed: PushReport | None = None
    with connect(
        Settings.of(domain, owner, project, ca_file, database, threads=threads, rate=rate)
    ) as connection:
        result = upload(
            connection.client,
            list(_files(files)),
            folder=folder,
            text_format=text_format or None,
            distribute_to=distribute_to,
            dry_run=dry_run,
            progress=lambda paths, total: progress(paths, total, what="uploading"),
        )
        table(
            [
                ("uploaded", len(result.created)),
                ("there already", len(result.present)),
                ("refused", len(result.refused)),
            ]
        )
        note((f"{path}: {why}" for path, why in result.refused), caption="refused by tagtog")
        if nlp is not None:
            names = dict(parse_pairs(rename or [], option="--rename"))
            pushed = pre_annotate(
                connection, nlp, result.ids, name=name, rename=names, spans_key=spans_key, dry_run=dry_run
            )
            say_pushed(pushed)
        where = str(connection)
    write_json(
        report,
        {
            "created": {str(path): doc_id for path, doc_id in result.created},
            "present": {str(path): doc_id for path, doc_id in result.present},
            "refused": {str(path): why for path, why in result.refused},
            "annotated": [] if pushed is None else [*pushed.created, *pushed.updated, *pushed.unchanged],
            "not annotated": {} if pushed is None else dict(pushed.refused),
        },
    )
    good(
        f"{'would be uploaded' if dry_run else 'uploaded'} to {where}: {counted(len(result.created), 'document')}"
    )


def pre_annotate(
    connection: Connection,
    nlp: Language,
    doc_ids: Sequence[str],
    *,
    name: str,
    rename: Mapping[str, str],
    spans_key: str,
    dry_run: bool,
) -> PushReport:
    """Read documents from tagtog, annotate them, and push the annotations; confirmed ones are left alone.

    Args:
        connection: Where they are.
        nlp: The pipeline.
        doc_ids: The documents.
        name: The author is ``ml:NAME``.
        rename: Label of the pipeline to name in the project; an empty name leaves it out.
        spans_key: Take entities from this span group instead of ``doc.ents``; empty for those.
        dry_run: Push nothing; only say what would be done.

    Raises:
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog.client import push
    from spacy_tagtog.client._parallel import workers
    from spacy_tagtog.pipeline.annotate import annotate_documents

    client = connection.client
    legend = client.legend()
    folders = {hit.id: hit.folder for hit in client.search()} if doc_ids else {}

    def read() -> Iterator[Document]:
        with workers(client.threads) as pool:
            for _, document in pool.map(
                lambda doc_id: client.document(doc_id, folder=folders.get(doc_id, "pool")), doc_ids
            ):
                yield document

    documents = progress(read(), len(doc_ids), what="annotating")
    annotated = annotate_documents(
        nlp, documents, who=f"ml:{name}", legend=legend, rename=rename, spans_key=spans_key or None
    )
    return push(
        client,
        annotated,
        dry_run=dry_run,
        progress=lambda items, total: progress(items, total, what="pushing"),
    )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and those in folders, without hidden ones."""
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            yield from (
                one
                for one in inside
                if not any(piece.startswith(".") for piece in one.relative_to(path).parts)
            )
        else:
            yield path
