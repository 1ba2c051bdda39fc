"""``spacy-tagtog settings``: what a project's annotation types, folders and webhooks are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    CaFile,
    Database,
    Domain,
    Owner,
    ProjectName,
    Settings,
    connect,
)
from spacy_tagtog.cli._run import command, good, table, write_json
from spacy_tagtog.errors import ConfigurationError

_KINDS = {"e": "entity type", "m": "document label", "f": "entity label", "n": "dictionary", "r": "relation"}


@command
def settings_cli(
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
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Show the annotation types of a project, write all of its settings to a file, or replace them from one.

    tagtog removes the documents of a project whose settings are replaced: a project that has any is refused, unless
    --force is given. Without --load nothing is changed.

    Examples:
      spacy-tagtog settings --output settings.json
      spacy-tagtog settings --project fresh --load settings.json
    """
    with connect(Settings.of(domain, owner, project, ca_file, database)) as connection:
        client = connection.client
        if load is not None:
            settings = read_settings(load)
            documents = client.count()
            if dry_run:
                good(
                    f"would be replaced: the settings of {connection}, which has {counted(documents, 'document')}"
                )
                return
            new = client.import_settings(settings, force=force)
            table(new.items(), header=("class in the file", "class in the project"))
            removed = (
                f"; {counted(documents, 'document was', 'documents were')} removed by that"
                if documents
                else ""
            )
            good(f"replaced the settings of {connection}{removed}")
        settings = client.settings()
        legend = client.legend()
        where = str(connection)
    write_json(output, settings)
    table(
        ((class_id, name, _KINDS.get(class_id[:1], "")) for class_id, name in legend.items()),
        header=("class", "name", "kind"),
    )
    good(f"the settings of {where}" + (f" are in {output}" if output else ""))


def read_settings(path: Path) -> dict[str, Any]:
    """Settings from a file, such as ``spacy-tagtog settings --output`` writes.

    Raises:
        ConfigurationError: The file can't be read, or holds no JSON object.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"the settings can't be read: {error}", place=str(path), legal="JSON in UTF-8"
        ) from error
    if not isinstance(settings, dict):
        raise ConfigurationError(
            "the file holds no settings",
            place=str(path),
            value=type(settings).__name__,
            legal='an object such as {"version": "1.6", "entities": {…}}',
            advice="make one: spacy-tagtog settings --output FILE",
        )
    return settings
