"""``spacy-tagtog demo``: the demo corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import (
    DatabaseOption,
    DomainOption,
    OwnerOption,
    ProjectOption,
    check_workflow_project,
)
from spacy_tagtog.cli._run import command, good, info, showing
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, ConnectionSettings


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
    domain: DomainOption = "",
    owner: OwnerOption = "",
    project: ProjectOption = "",
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Put the demo corpus into the local tagtog: 174 notes of amateur astronomers, 132 of them confirmed.

    It is the project stargazing. It does nothing, and says so, where another tagtog is configured, where
    another project is named, or where the local tagtog has the project already (if none is named: any
    project). So the workflow can always begin with it.
    """
    from spacy_tagtog.demo import DEMO_PROJECT
    from spacy_tagtog.steps.demo import load_demo, write_demo

    if target is not None:
        good(f"{counted(write_demo(target, force=force), 'document')} written to {target}")
        return
    check_workflow_project(project)
    where = ConnectionSettings.from_environment(
        domain=domain, owner=owner, project=project, database=database
    )
    loaded = load_demo(where, progress=showing("loading the demo"))
    if loaded.why_not:
        info(loaded.why_not)
        return
    documents = f"{counted(loaded.documents, 'document')}, {loaded.confirmed} of them confirmed by people"
    good(f"the demo project {DEMO_PROJECT} is in the local tagtog ({database}): {documents}")
