"""``spacy-tagtog delete``: delete documents in tagtog."""

from __future__ import annotations

from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import DocumentsReportOption, DryRunOption, takes_connection
from spacy_tagtog.cli._run import command, good, note, showing, write_json
from spacy_tagtog.errors import ArgumentError, ConfigurationError
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection


@command
@takes_connection(pace=True)
def delete_cli(
    where: ConnectionSettings,
    query: Annotated[
        str, typer.Argument(help="A tagtog search query; * for all documents.", show_default=False)
    ] = "",
    same: Annotated[
        str, typer.Option("--query", "-q", help="The same, as fetch and export take it.", show_default=False)
    ] = "",
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Delete documents that somebody confirmed, too.")
    ] = False,
    report: DocumentsReportOption = None,
) -> None:
    """Delete the documents that a query finds. There is no way back, so fetch them first.

    Documents that somebody confirmed are kept and listed, unless --force is given.

    Example:
      spacy-tagtog delete "folder:drafts AND anncomplete:false" --dry-run
    """
    from spacy_tagtog.client import delete

    if bool(query) == bool(same):
        raise ArgumentError(
            "two queries are given" if query else "which documents to delete is not said",
            legal='one query, such as "folder:drafts"; * for all documents',
        )
    query = query or same
    with open_connection(where) as tagtog:
        planned = delete(tagtog.client, query, force=force, dry_run=True)
        result = planned
        if not dry_run and planned.deleted:
            if not yes and not typer.confirm(
                f"Delete {counted(len(planned.deleted), 'document')} of {tagtog}?", err=True
            ):
                raise ConfigurationError("nothing was deleted", legal="yes to the question, or --yes")
            result = delete(
                tagtog.client,
                query,
                force=force,
                progress=showing("deleting"),
            )
        place = str(tagtog)
    write_json(report, {"deleted": result.deleted, "kept": result.kept})
    note(result.kept, caption="kept, because somebody confirmed them (--force deletes them)")
    documents = counted(len(result.deleted), "document")
    good(f"{'would be deleted' if dry_run else 'deleted'} from {place}: {documents}")
