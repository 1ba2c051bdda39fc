"""Options that several commands have, above all those that say which tagtog they talk to."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spacy_tagtog._options import DEFAULT_THREADS
from spacy_tagtog.cli._spelling import IN_WORKFLOW
from spacy_tagtog.errors import ConfigurationError, setting
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, ConnectionSettings

DomainOption = Annotated[
    str,
    typer.Option(
        "--domain",
        envvar="TAGTOG_DOMAIN",
        help="tagtog's address, such as https://www.tagtog.com. "
        "Without it and the variable: a local one, just for this command.",
        show_default=False,
    ),
]
OwnerOption = Annotated[
    str,
    typer.Option(
        "--owner",
        envvar="TAGTOG_OWNER",
        help="The project's owner. Without it: the user; on the local tagtog, local.",
        show_default=False,
    ),
]
ProjectOption = Annotated[
    str,
    typer.Option(
        "--project",
        "-p",
        envvar="TAGTOG_PROJECT",
        help="The project's name. Empty, on the local tagtog: its only project.",
        show_default=False,
    ),
]
CaFileOption = Annotated[
    str,
    typer.Option(
        "--ca-file",
        envvar="TAGTOG_CA_FILE",
        help="Certificates (PEM) to verify a self-signed tagtog with.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, max=64, help="At most N calls at the same time.")
]
RateOption = Annotated[
    float, typer.Option("--rate", min=0, help="At most N calls per second; 0 for no limit.")
]
DistributeToOption = Annotated[
    str | None,
    typer.Option(
        "--distribute-to",
        help="To whom new documents are assigned: * all members, A,B these, - as the project says.",
        show_default=False,
    ),
]
DocumentsReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", help="Write what happened to each document to this JSON file.", show_default=False
    ),
]
DatabaseOption = Annotated[
    Path, typer.Option("--database", envvar="TAGTOG_DATABASE", help="The local tagtog's database file.")
]


ReportsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        help="Write the whole report to this file: .json, or .html to see the places in context "
        "(repeat for both).",
        show_default=False,
    ),
]
LangOption = Annotated[
    str, typer.Option("--lang", "-l", help="Language of the tokenizer: en, es, de… or xx for any.")
]
DocumentsOption = Annotated[
    str, typer.Option("--documents", help="Which documents: confirmed, unconfirmed or all.")
]
OnProblemOption = Annotated[
    str,
    typer.Option("--on-problem", help="Faults of the data: error (refuse), or report (set aside and list)."),
]
LegendOption = Annotated[
    Path | None,
    typer.Option(
        "--legend",
        help="An annotations-legend.json to use instead of the project's own.",
        show_default=False,
    ),
]
SourceLegendOption = Annotated[
    Path | None,
    typer.Option(
        "--legend",
        help="An annotations-legend.json to use instead of the source's own.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
CreateOption = Annotated[
    bool, typer.Option("--create", help="On the local tagtog: make the project if it isn't there.")
]
ForceOption = Annotated[bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")]


def check_workflow_project(project: str) -> None:
    """In the workflow, make sure that one project is meant: its folders are named after it.

    Args:
        project: What the workflow's variable says.

    Raises:
        ConfigurationError: It is empty. Or it is the demo, where nobody chose one, and the environment names
            another project.
    """
    if not IN_WORKFLOW.get():
        return
    from spacy_tagtog.demo import DEMO_PROJECT

    other = os.environ.get("TAGTOG_PROJECT", "")
    if not project:
        raise ConfigurationError(
            "the workflow's variable project is empty, and its folders are named after the project",
            legal=setting("project", other or "NAME"),
        )
    if project == DEMO_PROJECT and other not in ("", project):
        raise ConfigurationError(
            f"TAGTOG_PROJECT and the workflow's variable project don't agree: {other}, {project}",
            legal=f"{setting('project', other)}, or no TAGTOG_PROJECT",
            advice=f"name the project with {setting('project', other)} or in project.yml",
        )


def takes_connection(*, pace: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that say which tagtog it talks to, once for all commands.

    The command's parameter ``where`` gets them as one object, filled from the environment.

    Args:
        pace: Also the options that say how fast tagtog may be called.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(**values: Any) -> None:
            of_connection = {name: values.pop(name) for name in options}
            check_workflow_project(of_connection["project"])
            function(**values, where=ConnectionSettings.from_environment(**of_connection))

        own = inspect.signature(function, eval_str=True)
        options = _PACE | _PLACE if pace else _PLACE
        parameters = [parameter for parameter in own.parameters.values() if parameter.name != "where"]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in options.items()
        ]
        # typer reads both.
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def place_of(where: ConnectionSettings) -> dict[str, Any]:
    """Which project is meant, as the arguments of :class:`spacy_tagtog.loop.Loop`."""
    return {name: getattr(where, name) for name in _PLACE}


_PLACE: Final[dict[str, tuple[Any, Any]]] = {
    "domain": (DomainOption, ""),
    "owner": (OwnerOption, ""),
    "project": (ProjectOption, ""),
    "ca_file": (CaFileOption, ""),
    "database": (DatabaseOption, DEFAULT_DATABASE),
}
_PACE: Final[dict[str, tuple[Any, Any]]] = {
    "threads": (ThreadsOption, DEFAULT_THREADS),
    "rate": (RateOption, 0),
}
