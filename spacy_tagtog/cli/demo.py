"""``spacy-tagtog demo``: the demo corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    Connection,
    Database,
    Domain,
    ProjectName,
    Settings,
    connect,
)
from spacy_tagtog.cli._run import command, good, info, progress


@command
def demo_cli(
    target: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Write the demo corpus into this folder or zip instead.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="With --to: replace what an earlier run wrote there.")
    ] = False,
    domain: Domain = "",
    project: ProjectName = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Put the demo corpus into the local tagtog: 174 notes of amateur astronomers, 132 of them confirmed.

    It does nothing, and says so, where another tagtog is configured, where another project is named, or where the
    local tagtog has a project already: so the workflow can always begin with it.
    """
    from spacy_tagtog.anndoc import write_project
    from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT, demo_documents

    if target is not None:
        number = write_project(demo_documents(), target, legend=DEMO_LEGEND, force=force)
        good(f"{counted(number, 'document')} written to {target}")
        return
    settings = Settings.of(domain, "", project, "", database)
    if not settings.is_local:
        info(f"{settings.domain} is configured: no demo")
        return
    if settings.project not in ("", DEMO_PROJECT):
        info(f"the project {settings.project} is configured: no demo")
        return
    with connect(Settings(project=DEMO_PROJECT, database=database), create=True) as connection:
        assert connection.store is not None
        from spacy_tagtog.server.db.projects import list_projects

        present = [name for _, name in connection.store.read(list_projects)]
        if present and not (settings.project and DEMO_PROJECT not in present):
            info(f"the local tagtog ({database}) has a project already: {', '.join(present)}")
            return
        created, confirmed = load_demo(connection)
    documents = counted(created, "document")
    good(
        f"the demo project {DEMO_PROJECT} is in the local tagtog ({database}): {documents}, {confirmed} of them confirmed by people"
    )


def load_demo(connection: Connection) -> tuple[int, int]:
    """Make the demo project on the local tagtog that a connection leads to.

    Returns:
        The number of documents, and how many of them are confirmed.
    """
    from spacy_tagtog.cli.transfer import create_local_project
    from spacy_tagtog.client import push
    from spacy_tagtog.demo import DEMO_LEGEND, demo_documents

    create_local_project(connection, DEMO_LEGEND, ["pool"])
    documents = list(demo_documents())
    report = push(
        connection.client,
        documents,
        batch_size=50,
        progress=lambda items, total: progress(items, total, what="loading the demo"),
    )
    return len(report.created) + len(report.updated) + len(report.unchanged), sum(
        document.annotations.complete for document in documents
    )
