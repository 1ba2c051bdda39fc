"""``spacy-tagtog push``: upload documents with their annotations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    DEFAULT_THREADS,
    CaFile,
    Connection,
    Database,
    DistributeTo,
    DocumentsReport,
    Domain,
    Owner,
    ProjectName,
    Rate,
    Settings,
    Threads,
    connect,
)
from spacy_tagtog.cli._run import command, good, note, progress, table, write_json
from spacy_tagtog.errors import SpacyTagtogError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.client import PushReport

__all__ = ["push_cli", "say_pushed"]


@command
def push_cli(
    source: Annotated[Path, typer.Argument(help="A folder or zip of tagtog documents.", show_default=False)],
    member: Annotated[str, typer.Option("--member", "-m", help="Which version is uploaded, and whose version it becomes.")] = "master",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="The most documents in one request.")] = 20,
    distribute_to: DistributeTo = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    force: Annotated[bool, typer.Option("--force", "-F", help="Overwrite annotations that people confirmed, too.")] = False,
    report: DocumentsReport = None,
    threads: Threads = DEFAULT_THREADS,
    rate: Rate = 0,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Upload documents with their annotations for people to review.

    Sending the same again changes nothing, so a push that was interrupted, even killed, is resumed by running it again.
    Documents that people confirmed in tagtog are never overwritten: they are refused and listed, unless --force is
    given. Labels are matched by name; one that the project doesn't have stops everything before anything is sent.

    Example:
      spacy-tagtog push annotated
    """
    from spacy_tagtog.anndoc import Project

    documents = Project.open(source)
    with connect(Settings.of(domain, owner, project, ca_file, database, threads=threads, rate=rate)) as connection:
        result = push_and_say(connection, documents, member=member, batch_size=batch_size, distribute_to=distribute_to, force=force, dry_run=dry_run)
        where = str(connection)
    write_json(
        report,
        {
            "created": result.created,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "refused": [{"id": doc_id, "why": why} for doc_id, why in result.refused],
        },
    )
    say_pushed(result)
    good(f"{'would be sent' if dry_run else 'sent'} to {where}: {len(result.created) + len(result.updated)} documents")


def push_and_say(
    connection: Connection,
    documents: Project,
    *,
    member: str,
    batch_size: int = 20,
    distribute_to: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> PushReport:
    """Push with a progress bar; where it fails midway, first say what was sent.

    Raises:
        SpacyTagtogError: See :func:`spacy_tagtog.client.push`.
    """
    from spacy_tagtog.client import PushReport, push

    try:
        return push(
            connection.client,
            documents,
            member=member,
            batch_size=batch_size,
            distribute_to=distribute_to,
            force=force,
            dry_run=dry_run,
            progress=lambda items, total: progress(items, total, what="pushing"),
        )
    except SpacyTagtogError as error:
        done = getattr(error, "report", None)
        if isinstance(done, PushReport) and (done.created or done.updated):
            say_pushed(done)
        raise


def say_pushed(report: PushReport) -> None:
    """Print what a push did."""
    table(
        [("created", len(report.created)), ("updated", len(report.updated)), ("unchanged", len(report.unchanged)), ("refused", len(report.refused))]
    )
    note((f"{doc_id}: {why}" for doc_id, why in report.refused), caption="refused")
