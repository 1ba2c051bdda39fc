"""``spacy-tagtog new``: a workspace of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._run import command, good, info


@command
def new_cli(
    folder: Annotated[Path, typer.Argument(help="Where the workspace is made.", show_default=False)],
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            "-F",
            help="Although something is there: project.yml, configs, .gitignore and README.md are replaced, "
            "all else stays.",
        ),
    ] = False,
) -> None:
    """Make a workspace: the workflow (project.yml) with its configs, in a folder of its own.

    There, python -m spacy project run all works at once, with a demo corpus. No clone of a repository is
    needed.

    Example:
      spacy-tagtog new stars
    """
    from spacy_tagtog.steps.new import new_workspace

    for path in new_workspace(folder, force=force):
        info(str(path))
    good(f"the workspace {folder} is ready: cd {folder}, then python -m spacy project run all")
