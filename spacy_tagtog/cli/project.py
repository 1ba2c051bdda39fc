"""``spacy-tagtog project``: the projects of the local tagtog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import DatabaseOption, DomainOption, DryRunOption, OwnerOption
from spacy_tagtog.cli._run import command, good, info, table, unwrapped
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.steps.connection import DEFAULT_DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spacy_tagtog.server.settings import LabelValues
    from spacy_tagtog.steps.projects import LocalProject

project_app = typer.Typer(
    name="project",
    no_args_is_help=True,
    help=unwrapped("""The projects of the local tagtog: make one, list them, delete one.

    On a tagtog elsewhere, projects are made on its own page. Types are added later by spacy-tagtog settings
    --add-entity and --add-label."""),
)

Name = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]


@command
def project_create_cli(
    name: Name,
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", "-e", help="An entity type (repeat for several).", show_default=False),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="A document label: NAME=A,B one of these values, NAME yes or no, NAME=* any text "
            "(repeat for several).",
            show_default=False,
        ),
    ] = None,
    domain: DomainOption = "",
    owner: OwnerOption = "",
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Make a project with its entity types and document labels.

    Examples:
      spacy-tagtog project create people --entity Person --entity Place --label Topic=art,science
      spacy-tagtog project create genes
    """
    from spacy_tagtog.steps.projects import create_project

    made = create_project(
        name,
        entities=entity or [],
        labels=read_labels(label or [], option="--label"),
        domain=domain,
        owner=owner,
        database=database,
    )
    good(f"made the project {made} on the local tagtog ({database}): {_types(made)}")
    info(f"documents come into it with: spacy-tagtog upload FILES --project {name}")


@command
def project_list_cli(domain: DomainOption = "", database: DatabaseOption = DEFAULT_DATABASE) -> None:
    """List the projects with their documents and types.

    Example:
      spacy-tagtog project list
    """
    from spacy_tagtog.steps.projects import list_projects

    rows = [
        (str(one), str(one.documents), str(one.confirmed), ", ".join(one.legend.of("e").values()) or "none")
        for one in list_projects(domain=domain, database=database)
    ]
    if rows:
        table(rows, header=("project", "documents", "confirmed", "entity types"))
    else:
        info(f"the local tagtog ({database}) has no project; make one with spacy-tagtog project create NAME")


@command
def project_delete_cli(
    name: Name,
    domain: DomainOption = "",
    owner: OwnerOption = "",
    database: DatabaseOption = DEFAULT_DATABASE,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Delete the project although it holds documents.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Delete a project with its documents and their history. There is no way back, so export it first.

    A project that holds documents is refused, unless --force is given.

    Example:
      spacy-tagtog project delete genes --dry-run
    """
    from spacy_tagtog.steps.projects import delete_project

    held = delete_project(name, domain=domain, owner=owner, database=database, force=force, dry_run=dry_run)
    documents = f"{counted(held.documents, 'document')}, {held.confirmed} of them confirmed"
    content = f"{documents}; {counted(held.saves, 'save')}; {counted(held.members, 'member')}"
    would = "would be deleted" if dry_run else "deleted"
    good(f"{would} from the local tagtog ({database}): {held} ({content})")
    if dry_run and held.documents:
        info("it holds documents: deleting it takes --force")


def read_labels(given: Iterable[str], *, option: str) -> dict[str, LabelValues]:
    """Read document labels as they are typed: ``NAME=A,B``, ``NAME`` or ``NAME=*``.

    Raises:
        ConfigurationError: A name is empty or stands there twice.
    """
    labels: dict[str, LabelValues] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not name or name in labels or (equals and not values):
            raise ArgumentError(
                f"{option} names a label twice" if name in labels else f"{option} can't be read",
                value=text,
                legal="NAME=A,B (one of these values), NAME (yes or no), NAME=* (any text)",
            )
        if values == "*":
            labels[name] = str
        else:
            labels[name] = [value.strip() for value in values.split(",")] if equals else bool
    return labels


def _types(project: LocalProject) -> str:
    types, labels = (len(project.legend.of(prefix)) for prefix in ("e", "m"))
    return f"{counted(types, 'entity type')}, {counted(labels, 'document label')}"


project_app.command("create", short_help="Make a project with its types and labels.")(project_create_cli)
project_app.command("list", short_help="List the projects with their documents and types.")(project_list_cli)
project_app.command("delete", short_help="Delete a project with its documents and history.")(
    project_delete_cli
)
