"""``spacy-tagtog fetch``: download documents that a query finds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import DocumentsReportOption, DryRunOption, takes_connection
from spacy_tagtog.cli._run import command, good, note, showing, table, write_json
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

if TYPE_CHECKING:
    from spacy_tagtog.client import FetchReport


@command
@takes_connection(pace=True)
def fetch_cli(
    where: ConnectionSettings,
    target: Annotated[
        Path, typer.Argument(help="The folder to keep in step with the query.", show_default=False)
    ],
    query: Annotated[str, typer.Option("--query", "-q", help="A tagtog search query.")] = "anncomplete:true",
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whose annotations (repeat for several). Default: master.",
            show_default=False,
        ),
    ] = None,
    all_members: Annotated[
        bool, typer.Option("--all-members", help="Everybody's annotations: master's and every member's.")
    ] = False,
    text_only: Annotated[
        bool,
        typer.Option(
            "--text-only", help="Only the contents, no annotations: for documents that are to be annotated."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Overwrite files that were edited here.")
    ] = False,
    report: DocumentsReportOption = None,
) -> None:
    """Download the documents that a query finds, by default those that people confirmed.

    The target gets tagtog's download layout and a manifest. The next fetch into it downloads only what
    changed, removes what the query no longer finds, and leaves alone what was edited here, and says so. An
    interrupted fetch, even one that was killed, goes on where it stopped.

    Examples:
      spacy-tagtog fetch assets/reviewed

      spacy-tagtog fetch assets/new --query "anncomplete:false AND folder:batch-2" --text-only
    """
    from spacy_tagtog.client import ALL_MEMBERS
    from spacy_tagtog.steps.fetch import fetch

    if all_members and member:
        raise ArgumentError("--all-members and --member contradict each other", legal="one of them")
    with open_connection(where) as tagtog:
        result = fetch(
            tagtog,
            target,
            query=query,
            members=[ALL_MEMBERS] if all_members else member or ["master"],
            text_only=text_only,
            force=force,
            dry_run=dry_run,
            progress=showing("fetching"),
        )
    write_json(report, asdict(result))
    rows = [
        ("documents found", result.found),
        ("downloaded", len(result.downloaded)),
        ("unchanged", len(result.unchanged)),
        ("removed here (not found any more)", len(result.removed)),
    ]
    rows += [(f"  of these {why}", number) for why, number in _why(result) if number]
    table(rows)
    note(result.kept, caption="left as they are, because they were edited here (--force overwrites)")
    note(result.conflicts, caption="of these, changed or removed in tagtog, too")
    note(
        result.overwritten,
        caption=f"{'would be' if dry_run else 'were'} overwritten although they were edited here (--force)",
    )
    there = counted(len(result.downloaded) + len(result.unchanged), "document")
    good(f"{'would be' if dry_run else 'now'} in {target}: {there} of {result.found} found")


def _why(result: FetchReport) -> list[tuple[str, int]]:
    """Why documents are removed."""
    gone = set(result.removed)
    deleted, unconfirmed = len(gone & set(result.deleted)), len(gone & set(result.unconfirmed))
    return [
        ("deleted in tagtog", deleted),
        ("not confirmed any more", unconfirmed),
        ("there, but not what the query finds", len(gone) - deleted - unconfirmed),
    ]
