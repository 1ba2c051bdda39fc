"""``spacy-tagtog folders``: the folders of a project."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from spacy_tagtog._options import did_you_mean
from spacy_tagtog.cli._options import DryRunOption, takes_connection
from spacy_tagtog.cli._run import Change, command, make_changes, parse_pairs, table
from spacy_tagtog.errors import ArgumentError
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

    Removing a folder removes its documents: one that has any is refused, unless --force is given. All options
    are read, and checked against the folders that are there, before anything is done.

    Examples:
      spacy-tagtog folders
      spacy-tagtog folders --add pool/train --rename pool/old=earlier
    """
    with open_connection(where) as tagtog:
        client = tagtog.client
        renaming = list(parse_pairs(rename or [], option="--rename"))
        _check(client.folders(), add or [], renaming, remove or [])
        changes = [Change(f"added {path}", partial(client.add_folder, path)) for path in add or []]
        changes += [
            Change(f"renamed {path} to {name}", partial(client.rename_folder, path, name))
            for path, name in renaming
        ]
        changes += [
            Change(f"removed {path}", partial(client.remove_folder, path, force=force))
            for path in remove or []
        ]
        make_changes(changes, where=str(tagtog), dry_run=dry_run)
        rows = [(path, client.count(f'folder:"{path}"')) for path in client.folders()]
    table(rows, header=("folder", "documents"))


def _check(
    there: Sequence[str], add: Sequence[str], rename: Sequence[tuple[str, str]], remove: Sequence[str]
) -> None:
    """Go through the changes without making them: one that can't be made stops all.

    Raises:
        ArgumentError: A path is no folder's, or a folder isn't there, or is there already.
    """
    folders = set(there)

    def known(path: str) -> str:
        if path not in folders:
            raise ArgumentError(
                "the project has no such folder",
                value=path,
                legal=", ".join(sorted(folders)),
                advice=did_you_mean(path, folders),
            )
        return path

    for path in add:
        pieces = path.split("/")
        if pieces[0] != "pool" or not all(pieces):
            raise ArgumentError("this can't be a folder", value=path, legal="pool/NAME or pool/NAME/NAME…")
        folders.update("/".join(pieces[:end]) for end in range(1, len(pieces) + 1))
    for path, name in rename:
        new = f"{known(path).rpartition('/')[0]}/{name}"
        if new in folders or "/" in name or not name or path == "pool":
            raise ArgumentError(
                "this folder can't be renamed like this",
                value=f"{path}={name}",
                legal="a folder below pool, and a name without a slash that no folder beside it has",
            )
        moved = {one for one in folders if one == path or one.startswith(f"{path}/")}
        folders = (folders - moved) | {new + one.removeprefix(path) for one in moved}
    for path in remove:
        known(path)
        folders -= {one for one in folders if one == path or one.startswith(f"{path}/")}
