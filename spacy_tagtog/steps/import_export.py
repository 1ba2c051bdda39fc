"""Whole projects between a folder or zip and tagtog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spacy_tagtog import client
from spacy_tagtog._files import check_free
from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER, Project, write_project
from spacy_tagtog.anndoc.layout import read_guidelines
from spacy_tagtog.client import ALL_MEMBERS, PushReport
from spacy_tagtog.convert.corpus import OnProblem
from spacy_tagtog.errors import (
    AnnJsonError,
    AuthenticationError,
    ConfigurationError,
    SpacyTagtogError,
    setting,
)
from spacy_tagtog.formats import write_documents
from spacy_tagtog.formats.registry import make_format
from spacy_tagtog.formats.report import FormatReport
from spacy_tagtog.steps._code import import_code
from spacy_tagtog.steps._formats import as_project
from spacy_tagtog.steps._versions import readable_documents
from spacy_tagtog.steps.connection import Connection, ConnectionSettings
from spacy_tagtog.steps.projects import create_local_project, delete_if_empty, is_there, open_scratch

if TYPE_CHECKING:
    from spacy_tagtog.server.db.archive import Archived


@dataclass(frozen=True)
class Imported:
    """What an import did, or with ``dry_run`` would do.

    Attributes:
        where: The project, in words.
        documents: The number of documents.
        entities: The number of entities in all versions; 0 where everything was restored.
        versions: What became of the versions of each member; nothing where everything was restored.
        left_out: Files that don't belong together, and documents that can't be read.
        is_new: Whether the project was made.
        restored: The counts of all that belonged to a local project, where an archive of one was restored.
        is_kept: Whether the source is such an archive, and only its documents and versions were taken because
            the project was there already.
    """

    where: str
    documents: int
    entities: int = 0
    versions: dict[str, PushReport] = field(default_factory=dict)
    left_out: list[SpacyTagtogError] = field(default_factory=list)
    is_new: bool = False
    restored: Archived | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class Exported:
    """What an export wrote, or with ``dry_run`` would write.

    Attributes:
        documents: The number of documents.
        archive: The counts of all that belongs to a local project, where all of it was written.
        only_master: Why tagtog didn't say who the members are, so that only the master versions were written.
    """

    documents: int
    archive: Archived | None = None
    only_master: str = ""


def import_project(
    source: Path | str,
    where: ConnectionSettings | None = None,
    *,
    on_problem: str = "error",
    legend: Path | str | None = None,
    format: str = "",
    settings: Mapping[str, Any] | None = None,
    code: Path | str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    report: FormatReport | None = None,
) -> Imported:
    """Put all documents of a folder or zip into a tagtog project, with every version of their annotations.

    On the local tagtog the project is made if it isn't there, with the entity types and labels of the
    source's legend, and its ``guidelines.md``. A project elsewhere must exist and have them. What
    :func:`export_project` wrote of a local project becomes a new project with everything that it had.

    Args:
        source: A folder or zip of tagtog documents, or another tool's file or folder.
        where: The project; by default what the environment says. No name means, on the local tagtog, the
            source's.
        on_problem: Files that don't belong together, or documents that can't be read: ``error`` (refuse) or
            ``report`` (leave out and list).
        legend: A legend file to use instead of the source's own.
        format: The other tool's format, such as ``doccano``; empty: a tagtog project, or what the look of
            the file tells.
        settings: The format's settings.
        code: A Python file with registered functions, such as a format of your own.
        force: Overwrite annotations that people confirmed, too.
        dry_run: Only say what would be done.
        progress: Shows how many documents are read, then how many are sent.
        report: What another tool's format could not carry is counted there.

    Raises:
        FormatError: Another tool's file can't be read. No project is made then.
        AnndocError: The source can't be read. No project is made then.
        ClientError: tagtog can't be reached, or refuses. The exception's attribute ``report`` says what was
            sent.
        SpacyTagtogError: See :func:`spacy_tagtog.client.push`.
    """
    source = Path(source)
    choose(setting("on_problem"), on_problem, OnProblem)
    import_code(code)
    where = where or ConnectionSettings.from_environment()
    if where.is_local and not where.project:
        where = replace(where, project=source.resolve().stem)
    with as_project(source, format, settings, legend, on_problem, report) as folder:
        is_read = folder != source
        documents = Project.open(folder, strict=on_problem == "error", legend=None if is_read else legend)
        faults: list[SpacyTagtogError] = []
        if on_problem == "report":
            readable = {one.id for one in readable_documents(documents, on_problem=on_problem, faults=faults)}
            documents = documents.select(readable.__contains__)
        try:
            return _import(
                documents, folder, where, legend, faults, force=force, dry_run=dry_run, progress=progress
            )
        except AnnJsonError as error:
            error.advice = f"{error.advice}; or leave it out: {setting('on_problem', 'report')}"
            raise


def _import(
    documents: Project,
    source: Path,
    where: ConnectionSettings,
    legend: Path | str | None,
    faults: Sequence[SpacyTagtogError],
    *,
    force: bool,
    dry_run: bool,
    progress: Progress,
) -> Imported:
    """Put the documents of a tagtog project into another one."""
    with open_scratch(where, dry_run=dry_run) as (tagtog, is_scratch):
        said = str(replace(tagtog, database=where.database))
        left_out = [*documents.problems, *faults]
        is_archive = legend is None and not left_out and _is_archive(tagtog, source)
        is_kept = is_archive and is_there(tagtog)
        if is_archive and not is_kept:
            restored = _restore(tagtog, source, progress)
            return Imported(said, restored.documents, restored=restored, is_new=True)
        is_new = create_local_project(
            tagtog, documents.legend, documents.folders, guidelines=read_guidelines(source)
        )
        try:
            versions, entities = _send(
                tagtog, documents, force=force, dry_run=dry_run and not is_scratch, progress=progress
            )
        except BaseException:
            # A project that was only made for documents which then can't be read is no use to anybody.
            if is_new:
                delete_if_empty(tagtog)
            raise
    return Imported(
        said,
        len(documents),
        entities,
        versions,
        left_out,
        is_new=is_new,
        is_kept=is_kept,
    )


def _is_archive(tagtog: Connection, source: Path) -> bool:
    """Whether a source has all that belonged to a local project, and goes to the local tagtog."""
    if tagtog.local is None:
        return False
    from spacy_tagtog.server.db.restore import has_archive

    return has_archive(source)


def _restore(tagtog: Connection, source: Path, progress: Progress) -> Archived:
    from spacy_tagtog.server.db.restore import restore_project

    assert tagtog.local is not None
    return restore_project(
        tagtog.local, source, tagtog.client.owner, tagtog.client.project, progress=progress
    )


def _send(
    tagtog: Connection, documents: Project, *, force: bool, dry_run: bool, progress: Progress
) -> tuple[dict[str, PushReport], int]:
    """Upload all versions of all documents.

    Returns:
        What became of the versions of each member, and the number of entities in all of them.
    """
    entities = 0
    having: dict[str, set[str]] = {}
    for document in progress(documents, len(documents)):
        for member, version in document.versions.items():
            having.setdefault(member, set()).add(document.id)
            entities += len(version)
    reports = {}
    # The master version first: it brings every document, also those that nobody annotated.
    for member in [MASTER, *(member for member in documents.members if member != MASTER)]:
        chosen = documents if member == MASTER else documents.select(having[member].__contains__)
        report = reports[member] = client.push(
            tagtog.client, chosen, member=member, force=force, dry_run=dry_run, progress=progress
        )
        if dry_run and member != MASTER:  # the master version would have made the documents
            report.updated[:0], report.created = report.created, []
    return reports, entities


def export_project(
    tagtog: Connection,
    target: Path | str,
    *,
    query: str = "*",
    members: Sequence[str] = (),
    format: str = "",
    settings: Mapping[str, Any] | None = None,
    on_problem: str = "error",
    code: Path | str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    report: FormatReport | None = None,
) -> Exported:
    """Write the documents of a project into a folder or zip, in the layout of tagtog's own download.

    Without ``members``, a project of the local tagtog is written with everything that belongs to it.
    :func:`import_project` makes an equal one of that. Passwords are left out.

    Args:
        tagtog: The project.
        target: The folder or zip.
        query: A tagtog search query.
        members: Whose annotations; by default everybody's, and in another tool's format those of ``master``.
        format: Another tool's format, such as ``brat``; empty: tagtog's own layout.
        settings: The format's settings.
        on_problem: Annotations with faults, in another tool's format: ``error`` or ``report`` (leave out).
        code: A Python file with registered functions, such as a format of your own.
        force: Replace the target.
        dry_run: Only say what would be written.
        progress: Shows how many documents are done.
        report: What another tool's format can't carry is counted there.

    Raises:
        ConfigurationError: The query finds no document.
        ClientError: tagtog can't be reached, or refuses.
        SpacyTagtogError: Anything else, see the functions called.
    """
    target = Path(target)
    import_code(code)
    check_free(target, force=force)
    if dry_run:
        return Exported(tagtog.client.count(query))
    if format:
        choose(setting("on_problem"), on_problem, OnProblem)
        return _export_as(
            tagtog,
            target,
            query,
            members,
            format,
            settings,
            on_problem=on_problem,
            force=force,
            progress=progress,
            report=report,
        )
    if tagtog.local is not None and not members:
        from spacy_tagtog.server.db.archive import export_project as export_all

        owner, project = tagtog.client.owner, tagtog.client.project
        made = export_all(tagtog.local, owner, project, target, query=query, force=force, progress=progress)
        return Exported(made.documents, made)
    refused = "" if members else _refused_members(tagtog)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        whose = list(members) or [MASTER if refused else ALL_MEMBERS]
        _fetch(tagtog, folder, query, whose, progress)
        return Exported(write_project(Project.open(folder), target, force=force), only_master=refused)


def _fetch(tagtog: Connection, folder: Path, query: str, whose: list[str], progress: Progress) -> None:
    """Fetch the documents that a query finds.

    Raises:
        ConfigurationError: It finds none.
    """
    client.fetch(tagtog.client, folder, query=query, members=whose, progress=progress)
    if not any(folder.glob("plain.html/**/*")):
        raise ConfigurationError(
            "the query finds no document",
            value=query,
            legal="a query that finds at least one",
            advice=f"try {setting('query', '*')}",
        )


def _export_as(
    tagtog: Connection,
    target: Path,
    query: str,
    members: Sequence[str],
    name: str,
    settings: Mapping[str, Any] | None,
    *,
    on_problem: str,
    force: bool,
    progress: Progress,
    report: FormatReport | None,
) -> Exported:
    """Write the documents of a project in another tool's format."""
    made = make_format(name, settings)  # refused before anything is fetched
    if len(members) > 1:
        raise ConfigurationError(
            f"{made.name} takes the annotations of one member",
            value=", ".join(members),
            legal=f"{setting('member', 'NAME')} once, or * for all where the format has members",
        )
    member = members[0] if members else MASTER
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        _fetch(tagtog, folder, query, [ALL_MEMBERS if member == "*" else member], progress)
        project = Project.open(folder)
        written = write_documents(
            progress(project, len(project)),
            target,
            name,
            settings=settings,
            member=member,
            on_problem=on_problem,
            force=force,
            report=report,
        )
    return Exported(written)


def _refused_members(tagtog: Connection) -> str:
    """Why the user may not know who the members are; empty where they may."""
    try:
        tagtog.client.members()
    except AuthenticationError as error:
        return error.problem
    return ""
