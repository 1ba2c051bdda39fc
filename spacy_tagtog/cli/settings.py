"""``spacy-tagtog settings``: what a project's annotation types, folders and webhooks are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import takes_connection
from spacy_tagtog.cli._run import command, good, table, write_json
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

_KINDS = {"e": "entity type", "m": "document label", "f": "entity label", "n": "dictionary", "r": "relation"}


@command
@takes_connection()
def settings_cli(
    where: ConnectionSettings,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the settings to this JSON file.", show_default=False),
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(
            "--load", help="Replace the project's settings by those of this JSON file.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", "-F", help="With --load: although tagtog removes all documents of the project by that."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --load: only say what would be done.")
    ] = False,
) -> None:
    """Show the annotation types of a project, write all of its settings to a file, or replace them from one.

    tagtog removes the documents of a project whose settings are replaced: a project that has any is refused,
    unless --force is given. Without --load nothing is changed.

    Examples:
      spacy-tagtog settings --output settings.json
      spacy-tagtog settings --project fresh --load settings.json
    """
    from spacy_tagtog.steps.settings import replace_settings

    with open_connection(where) as tagtog:
        place = str(tagtog)
        if load is not None:
            replaced = replace_settings(tagtog, load, force=force, dry_run=dry_run)
            if dry_run:
                removed = counted(replaced.removed, "document")
                good(f"would be replaced: the settings of {place}, which has {removed}")
                return
            table(replaced.classes.items(), header=("class in the file", "class in the project"))
            were = counted(replaced.removed, "document was", "documents were")
            good(
                f"replaced the settings of {place}"
                + (f"; {were} removed by that" if replaced.removed else "")
            )
        settings = tagtog.client.settings()
        legend = tagtog.client.legend()
    write_json(output, settings)
    table(
        ((class_id, name, _KINDS.get(class_id[:1], "")) for class_id, name in legend.items()),
        header=("class", "name", "kind"),
    )
    good(f"the settings of {place}" + (f" are in {output}" if output else ""))
