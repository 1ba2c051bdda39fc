"""``spacy-tagtog import`` and ``export``: whole projects between a folder or zip and tagtog."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    LOCAL_OWNER,
    CaFile,
    Connection,
    Database,
    Domain,
    Owner,
    ProjectName,
    Settings,
    connect,
)
from spacy_tagtog.cli._run import command, good, info, note, progress, table, warn
from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Legend, Project
    from spacy_tagtog.client import PushReport
    from spacy_tagtog.server.db.archive import Archived


@command
def import_cli(
    source: Annotated[Path, typer.Argument(help="A folder or zip of tagtog documents.", show_default=False)],
    on_problem: Annotated[
        str,
        typer.Option(
            "--on-problem",
            help="Files that don't belong together: error (refuse), or report (leave out and list).",
        ),
    ] = "error",
    legend: Annotated[
        Path | None,
        typer.Option(
            "--legend",
            help="An annotations-legend.json to use instead of the source's own.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Overwrite annotations that people confirmed, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Put all documents of a folder or zip into a tagtog project, with every version of their annotations.

    On the local tagtog the project is made if it isn't there (named after the source unless --project says
    otherwise), with the entity types and labels of the source's legend. A project elsewhere must exist and have them.
    What export wrote of a local project becomes a new project with everything that it had: settings, members and roles,
    assignments, originals, history.

    Example:
      spacy-tagtog import my-download.zip --project proteins
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert.corpus import OnProblem

    choose("--on-problem", on_problem, OnProblem)
    documents = Project.open(source, strict=on_problem == "error", legend=legend)
    settings = Settings.of(domain, owner, project, ca_file, database)
    if settings.is_local and not settings.project:
        settings = Settings.of(domain, owner, source.resolve().stem, ca_file, database)
    would = "would be " if dry_run else ""
    with ExitStack() as stack:
        scratch = None
        if dry_run and settings.is_local and not _is_there(settings):
            # Nothing is in its way, and so what would be done is done, beside.
            scratch = replace(
                settings, database=Path(stack.enter_context(tempfile.TemporaryDirectory())) / "x.db"
            )
        connection = stack.enter_context(connect(scratch or settings, create=True))
        where = str(replace(connection, database=settings.database))
        is_whole = (
            connection.store is not None and legend is None and not documents.problems and has_archive(source)
        )
        if is_whole and (restored := restore_local_project(connection, source)):
            note(restored.notes, caption="not as it was")
            are = would or ("is " if restored.documents == 1 else "are ")
            good(f"{_counts(restored)} {are}in {where}")
            return
        if create_local_project(connection, documents.legend, documents.folders):
            info(f"the project {settings.project} {would or 'was '}made in {settings.database}")
        versions, entities = import_project(
            connection, documents, force=force, dry_run=dry_run and scratch is None
        )
    for member, report in versions.items():
        table(
            [
                (f"versions of {member}", ""),
                ("  created", len(report.created)),
                ("  updated", len(report.updated)),
                ("  unchanged", len(report.unchanged)),
                ("  refused", len(report.refused)),
            ]
        )
        note((f"{doc_id}: {why}" for doc_id, why in report.refused), caption=f"refused, versions of {member}")
    note((error.problem + ": " + str(error.place) for error in documents.problems), caption="left out")
    are = would or ("is " if len(documents) == 1 else "are ")
    good(f"{counted(len(documents), 'document')} with {counted(entities, 'entity')} {are}in {where}")


def _counts(moved: Archived) -> str:
    return f"{counted(moved.documents, 'document')} with {counted(moved.versions, 'version')} and {counted(moved.saves, 'save')}"


def has_archive(source: Path) -> bool:
    """Whether a folder or zip is an archive with all that belonged to a local project."""
    from spacy_tagtog.server.db import restore

    return restore.has_archive(source)


def _is_there(settings: Settings) -> bool:
    """Whether the local tagtog has the project. No database is made."""
    from spacy_tagtog.server import Database as LocalDatabase
    from spacy_tagtog.server.db.projects import list_projects

    if not settings.database.exists():
        return False
    with closing(LocalDatabase(settings.database)) as store:
        return (settings.owner or LOCAL_OWNER, settings.project) in store.read(list_projects)


def restore_local_project(connection: Connection, archive: Path) -> Archived | None:
    """On the local tagtog, make the connection's project of an archive with all that belongs to it.

    Returns:
        What was made; ``None`` where the project is there already.
    """
    from spacy_tagtog.server.db.projects import list_projects
    from spacy_tagtog.server.db.restore import restore_project

    assert connection.store is not None
    owner, name = connection.client.owner, connection.client.project
    if (owner, name) in connection.store.read(list_projects):
        info(
            f"the project {name} is there already: its settings, members and history stay, and only documents and versions are taken"
        )
        return None
    return restore_project(
        connection.store,
        archive,
        owner,
        name,
        progress=lambda items, total=None: progress(items, total, what="importing"),
    )


def create_local_project(connection: Connection, legend: Legend, folders: list[str]) -> bool:
    """On the local tagtog, make the connection's project if it isn't there.

    Returns:
        Whether it was made. Elsewhere nothing is done.
    """
    if connection.store is None:
        return False
    from spacy_tagtog.server import create_project, settings_from_legend
    from spacy_tagtog.server.db.projects import list_projects

    client = connection.client
    if (client.owner, client.project) in connection.store.read(list_projects):
        return False
    connection.store.write(
        create_project, client.owner, client.project, settings_from_legend(legend, folders)
    )
    return True


def import_project(
    connection: Connection, documents: Project, *, force: bool = False, dry_run: bool = False
) -> tuple[dict[str, PushReport], int]:
    """Upload all versions of all documents.

    Args:
        connection: Where to.
        documents: The project.
        force: Overwrite confirmed annotations, too.
        dry_run: Send nothing; only say what would be done.

    Returns:
        What was done with the versions of each member, and the number of entities in all of them.

    Raises:
        SpacyTagtogError: See :func:`spacy_tagtog.client.push`.
    """
    from spacy_tagtog.anndoc import MASTER
    from spacy_tagtog.cli.push import push_and_say

    entities = 0
    having: dict[str, set[str]] = {}
    for document in progress(documents, len(documents), what="reading"):
        for member, version in document.versions.items():
            having.setdefault(member, set()).add(document.id)
            entities += len(version)
    reports = {}
    # The master version first: it brings every document, also those that nobody annotated.
    for member in [MASTER, *(member for member in documents.members if member != MASTER)]:
        chosen = documents if member == MASTER else documents.select(having[member].__contains__)
        report = reports[member] = push_and_say(
            connection, chosen, member=member, force=force, dry_run=dry_run
        )
        if dry_run and member != MASTER:  # the master version would have made the documents
            report.updated[:0], report.created = report.created, []
    return reports, entities


@command
def export_cli(
    target: Annotated[Path, typer.Argument(help="The folder or zip to write.", show_default=False)],
    query: Annotated[str, typer.Option("--query", "-q", help="A tagtog search query.")] = "*",
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whose annotations (repeat for several). Default: everybody's.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Write all documents of a tagtog project into a folder or zip, in the layout of tagtog's own download.

    Without --member, a project of the local tagtog is written with everything that belongs to it, so that import makes
    an equal one of it: settings, members and roles, assignments, originals, history. Passwords are left out.

    Example:
      spacy-tagtog export backup.zip --project proteins
    """
    from spacy_tagtog._files import check_free
    from spacy_tagtog.anndoc import Project, write_project
    from spacy_tagtog.client import fetch

    check_free(target, force=force)
    with (
        tempfile.TemporaryDirectory() as scratch,
        connect(Settings.of(domain, owner, project, ca_file, database)) as connection,
    ):
        if dry_run:
            listed = connection.client.count(query)
            good(f"{counted(listed, 'document')} would be written to {target}")
            return
        if connection.store is not None and not member:
            from spacy_tagtog.server.db.archive import export_project

            made = export_project(
                connection.store,
                connection.client.owner,
                connection.client.project,
                target,
                query=query,
                force=force,
                progress=lambda items, total=None: progress(items, total, what="exporting"),
            )
            if not made.documents:
                info("the project has no document")
            note(made.notes, caption="not in it")
            good(f"{_counts(made)} written to {target}")
            return
        folder = Path(scratch) / "project"
        fetch(
            connection.client,
            folder,
            query=query,
            members=member or _everybody(connection),
            progress=lambda hits, total: progress(hits, total, what="fetching"),
        )
        if not any(folder.glob("plain.html/**/*")):
            raise ConfigurationError(
                "the query finds no document",
                value=query,
                legal="a query that finds at least one",
                advice='try --query "*"',
            )
        number = write_project(Project.open(folder), target, force=force)
    good(f"{counted(number, 'document')} written to {target}")


def _everybody(connection: Connection) -> list[str]:
    """Whose versions there may be: everybody's, as far as the user may know who they are."""
    from spacy_tagtog.client.fetch import ALL_MEMBERS
    from spacy_tagtog.errors import AuthenticationError

    try:
        connection.client.members()
    except AuthenticationError as error:
        warn(
            f"{error.problem}: read the project's members. So only the master versions are written; name members with --member"
        )
        return ["master"]
    return [ALL_MEMBERS]
