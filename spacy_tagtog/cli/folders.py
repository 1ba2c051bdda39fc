"""``spacy-tagtog folders``: the folders of a project."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from spacy_tagtog.cli._options import DryRunOption, takes_connection
from spacy_tagtog.cli._run import Change, command, make_changes, parse_pairs, table
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection


@command
@takes_connection()
def folders_cli(
    where: ConnectionSettings,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add",
            help="A folder to add, with those above it, such as pool/train. Repeatable.",
            show_default=False,
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            help="PATH=NAME: the folder's new name; its documents stay in it. Repeatable.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            "--remove", help="A folder to remove, with those in it. Repeatable.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-F", help="Remove folders with documents in them, and the documents, too."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """List the folders of a project with their documents; add, rename and remove folders.

    Removing a folder removes its documents: one that has any is refused, unless --force is given.

    Examples:
      spacy-tagtog folders
      spacy-tagtog folders --add pool/train --rename pool/old=new
    """
    with open_connection(where) as tagtog:
        client = tagtog.client
        changes = [Change(f"added {path}", partial(client.add_folder, path)) for path in add or []]
        changes += [
            Change(f"renamed {path} to {name}", partial(client.rename_folder, path, name))
            for path, name in parse_pairs(rename or [], option="--rename")
        ]
        changes += [
            Change(f"removed {path}", partial(client.remove_folder, path, force=force))
            for path in remove or []
        ]
        make_changes(changes, where=str(tagtog), dry_run=dry_run)
        rows = [(path, client.count(f'folder:"{path}"')) for path in client.folders()]
    table(rows, header=("folder", "documents"))
