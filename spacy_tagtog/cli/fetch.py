"""``spacy-tagtog fetch``: download documents that a query finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._connection import DEFAULT_DATABASE, CaFile, Database, Domain, Owner, ProjectName, Settings, connect
from spacy_tagtog.cli._run import command, good, note, progress, table

__all__ = ["fetch_cli"]


@command
def fetch_cli(
    target: Annotated[Path, typer.Argument(help="The folder to keep in step with the query.", show_default=False)],
    query: Annotated[str, typer.Option("--query", "-q", help="A tagtog search query.")] = "anncomplete:true",
    member: Annotated[
        list[str] | None, typer.Option("--member", "-m", help="Whose annotations (repeat for several). Default: master.", show_default=False)
    ] = None,
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Only the contents, no annotations: for documents that are to be annotated.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    force: Annotated[bool, typer.Option("--force", "-F", help="Overwrite files that were edited here.")] = False,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Download the documents that a query finds, by default those that people confirmed.

    The target gets tagtog's download layout and a manifest: the next fetch into it downloads only what changed,
    removes what the query no longer finds, and leaves alone what was edited here. An interrupted fetch goes on where
    it stopped.

    Examples:
      spacy-tagtog fetch assets/reviewed

      spacy-tagtog fetch assets/new --query "anncomplete:false AND folder:batch-2" --text-only
    """
    from spacy_tagtog.client import fetch

    with connect(Settings.of(domain, owner, project, ca_file, database)) as connection:
        report = fetch(
            connection.client,
            target,
            query=query,
            members=member or ["master"],
            text_only=text_only,
            force=force,
            dry_run=dry_run,
            progress=lambda hits, total: progress(hits, total, what="fetching"),
        )
    table(
        [
            ("documents found", report.found),
            ("downloaded", len(report.downloaded)),
            ("unchanged", len(report.unchanged)),
            ("removed here (not found any more)", len(report.removed)),
        ]
    )
    note(report.kept, caption="left as they are, because they were edited here (--force overwrites)")
    good(f"{'would be' if dry_run else 'now'} in {target}: {len(report.downloaded) + len(report.unchanged)} documents of {report.found} found")
