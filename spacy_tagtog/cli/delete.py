"""``spacy-tagtog delete``: delete documents in tagtog."""

from __future__ import annotations

from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    DEFAULT_THREADS,
    CaFile,
    Database,
    DocumentsReport,
    Domain,
    Owner,
    ProjectName,
    Rate,
    Settings,
    Threads,
    connect,
)
from spacy_tagtog.cli._run import command, good, note, progress, write_json
from spacy_tagtog.errors import ConfigurationError


@command
def delete_cli(
    query: Annotated[
        str, typer.Argument(help="A tagtog search query; * for all documents.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Delete documents that somebody confirmed, too.")
    ] = False,
    report: DocumentsReport = None,
    threads: Threads = DEFAULT_THREADS,
    rate: Rate = 0,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Delete the documents that a query finds. There is no way back, so fetch them first.

    Documents that somebody confirmed are kept and listed, unless --force is given.

    Example:
      spacy-tagtog delete "folder:drafts AND anncomplete:false" --dry-run
    """
    from spacy_tagtog.client import delete

    with connect(
        Settings.of(domain, owner, project, ca_file, database, threads=threads, rate=rate)
    ) as connection:
        planned = delete(connection.client, query, force=force, dry_run=True)
        result = planned
        if not dry_run and planned.deleted:
            if not yes and not typer.confirm(
                f"Delete {counted(len(planned.deleted), 'document')} of {connection}?", err=True
            ):
                raise ConfigurationError("nothing was deleted", legal="yes to the question, or --yes")
            result = delete(
                connection.client,
                query,
                force=force,
                progress=lambda hits, total: progress(hits, total, what="deleting"),
            )
        where = str(connection)
    write_json(report, {"deleted": result.deleted, "kept": result.kept})
    note(result.kept, caption="kept, because somebody confirmed them (--force deletes them)")
    good(
        f"{'would be deleted' if dry_run else 'deleted'} from {where}: {counted(len(result.deleted), 'document')}"
    )
