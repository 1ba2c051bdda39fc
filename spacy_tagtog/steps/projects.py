"""The projects of the local tagtog: made, listed, deleted. Elsewhere, tagtog's own page does that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spacy_tagtog._options import did_you_mean
from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import ConfigurationError, setting
from spacy_tagtog.steps.connection import (
    Connection,
    ConnectionSettings,
    local_projects,
    no_project,
    open_connection,
)
from spacy_tagtog.steps.users import open_database

if TYPE_CHECKING:
    from spacy_tagtog.server.db.database import Database
    from spacy_tagtog.server.settings import LabelValues


@dataclass(frozen=True)
class LocalProject:
    """A project of the local tagtog.

    Attributes:
        owner: Whose it is.
        name: Its name.
        documents: The number of documents.
        confirmed: How many of them somebody confirmed.
        saves: The number of saves in their history.
        members: The number of members.
        legend: The names of its types and labels.
    """

    owner: str
    name: str
    documents: int
    confirmed: int
    saves: int
    members: int
    legend: Legend

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def create_project(
    name: str,
    *,
    entities: Sequence[str] = (),
    labels: Mapping[str, LabelValues] | None = None,
    domain: str = "",
    owner: str = "",
    database: Path | str = "",
) -> LocalProject:
    """Make a project on the local tagtog.

    For example::

        steps.create_project("genes", entities=["Gene", "Disease"], labels={"Topic": ["a", "b"], "new": bool})

    Args:
        name: Its name.
        entities: Its entity types. More can be added later, see :func:`add_types`.
        labels: Its document labels: name to ``bool`` (yes or no), ``str`` (any text), or a list of values.
        domain: Must be empty, and ``TAGTOG_DOMAIN``, too: projects elsewhere are made on tagtog's own page.
        owner: Its owner. Empty: ``TAGTOG_OWNER``, else ``local``.
        database: The local tagtog's database file. Empty: ``TAGTOG_DATABASE``, else ``local-tagtog.db``.

    Raises:
        ConfigurationError: A tagtog elsewhere is configured.
        LocalServerError: The project exists, or a name isn't legal.
    """
    where = _local(domain=domain, owner=owner, project=name, database=database)
    with open_database(where.database) as opened:
        from spacy_tagtog.server import create_project as create
        from spacy_tagtog.server import settings_from_legend
        from spacy_tagtog.server.settings import with_types

        settings, _ = with_types(settings_from_legend(Legend()), entities, labels or {})
        opened.write(create, where.local_owner, name, settings)
    return _content(where)


def list_projects(*, domain: str = "", database: Path | str = "") -> list[LocalProject]:
    """The projects of the local tagtog.

    Args:
        domain: See :func:`create_project`.
        database: See there.

    Raises:
        ConfigurationError: A tagtog elsewhere is configured.
        LocalServerError: The database can't be used.
    """
    where = _local(domain=domain, database=database)
    return [_content(replace(where, owner=owner, project=name)) for owner, name in _present(where)]


def delete_project(
    name: str,
    *,
    domain: str = "",
    owner: str = "",
    database: Path | str = "",
    force: bool = False,
    dry_run: bool = False,
) -> LocalProject:
    """Delete a project of the local tagtog, with its documents and their history. There is no way back.

    Args:
        name: Its name.
        domain: See :func:`create_project`.
        owner: See there.
        database: See there.
        force: Although it holds documents.
        dry_run: Delete nothing; only say what would be deleted.

    Returns:
        What the project held.

    Raises:
        ConfigurationError: There is no such project, it holds documents and ``force`` isn't set, or a tagtog
            elsewhere is configured.
    """
    where = _local(domain=domain, owner=owner, project=name, database=database)
    if (where.local_owner, name) not in (present := _present(where)):
        raise ConfigurationError(
            "the local tagtog has no such project",
            place=str(where.database),
            value=f"{where.local_owner}/{name}",
            legal=", ".join("/".join(one) for one in present) or "(it has no project)",
            advice=did_you_mean(name, [one for _, one in present])
            or "nothing was deleted; spacy-tagtog project list shows what is there",
        )
    held = _content(where)
    if dry_run:
        return held
    if held.documents and not force:
        raise ConfigurationError(
            "the project holds documents, which would be deleted with it",
            place=str(where.database),
            value=f"{held}: {counted(held.documents, 'document')}, {held.confirmed} of them confirmed",
            legal="a project without documents",
            advice=f"keep them with spacy-tagtog export {name}.zip --project {name}, then delete with "
            f"{setting('force')}",
        )
    with open_database(where.database) as opened:
        from spacy_tagtog.server.db import project_changes
        from spacy_tagtog.server.db.dictionary_loading import clear_dictionaries
        from spacy_tagtog.server.db.projects import project_key

        clear_dictionaries(opened, opened.read(project_key, where.local_owner, name))
        opened.free(project_changes.delete_project, where.local_owner, name)
    return held


def add_types(
    tagtog: Connection,
    *,
    entities: Sequence[str] = (),
    labels: Mapping[str, LabelValues] | None = None,
    dry_run: bool = False,
) -> dict[str, str]:
    """Add entity types and document labels to a project of the local tagtog. Its documents stay.

    Args:
        tagtog: The project.
        entities: The names of the entity types.
        labels: The document labels, as :func:`create_project` takes them.
        dry_run: Add nothing; only say what would be added.

    Returns:
        Class id to name of what was added.

    Raises:
        ConfigurationError: The project isn't on the local tagtog.
        LocalServerError: A name isn't legal, or the project has it already.
    """
    local = _local_database(
        tagtog, "types can be added from here", "add them on tagtog's own page: the project's settings"
    )
    from spacy_tagtog.server.db.project_changes import add_types as add
    from spacy_tagtog.server.settings import with_types

    if dry_run:
        return with_types(tagtog.client.settings(), entities, labels or {})[1]
    place = tagtog.client.owner, tagtog.client.project
    return local.write(add, *place, list(entities), labels or {})


def measure_time(tagtog: Connection, *, on: bool) -> None:
    """Switch on or off that the review page measures how long people work. It says so to them.

    Args:
        tagtog: The project.
        on: Whether time is measured.

    Raises:
        ConfigurationError: The project isn't on the local tagtog.
    """
    from spacy_tagtog.server.db.project_changes import measure_time as measure

    local = _local_database(tagtog, "time is measured", "leave it out")
    local.write(measure, tagtog.client.owner, tagtog.client.project, on=on)


def _local_database(tagtog: Connection, what: str, advice: str) -> Database:
    """The database of the local tagtog.

    Raises:
        ConfigurationError: The project is on a tagtog elsewhere.
    """
    if tagtog.local is None:
        raise ConfigurationError(
            f"{what} on the local tagtog alone",
            value=str(tagtog),
            legal=f"no {setting('domain')} and no TAGTOG_DOMAIN",
            advice=advice,
        )
    return tagtog.local


@contextmanager
def open_or_create(
    where: ConnectionSettings,
    *,
    legend: Legend | None = None,
    folders: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Iterator[tuple[Connection, bool]]:
    """Connect to a project of the local tagtog, which is made if it isn't there.

    Args:
        where: The project.
        legend: Its types and labels, if it is made.
        folders: Its folders.
        settings: All of its settings, instead of both.
        dry_run: Make it in a database that is gone afterwards.

    Yields:
        The connection, and whether the project was made.

    Raises:
        ConfigurationError: A tagtog elsewhere is configured, or no project is named.
        LocalServerError: The settings can't be used.
    """
    _check_local(where)
    if not where.project:
        raise ConfigurationError("which project to make is not said", legal=setting("project", "NAME"))
    with open_scratch(where, dry_run=dry_run) as (tagtog, _):
        is_new = create_local_project(tagtog, legend or Legend(), folders, settings=settings)
        yield replace(tagtog, database=where.database), is_new


@contextmanager
def open_scratch(where: ConnectionSettings, *, dry_run: bool) -> Iterator[tuple[Connection, bool]]:
    """A connection to a project that needn't exist yet, and whether its database is only for a dry run."""
    if not (dry_run and where.is_local) or (where.local_owner, where.project) in _present(where):
        with open_connection(where, create=True) as tagtog:
            yield tagtog, False
        return
    # Nothing is in the project's way, and so what would be done is done, beside.
    with (
        TemporaryDirectory() as folder,
        open_connection(replace(where, database=Path(folder, "scratch.db")), create=True) as tagtog,
    ):
        yield tagtog, True


def is_there(tagtog: Connection) -> bool:
    """Whether the local tagtog has the connection's project."""
    assert tagtog.local is not None
    return (tagtog.client.owner, tagtog.client.project) in local_projects(tagtog.local)


def create_local_project(
    tagtog: Connection,
    legend: Legend,
    folders: Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    guidelines: str = "",
) -> bool:
    """On the local tagtog, make the connection's project if it isn't there.

    Args:
        tagtog: The project.
        legend: Its types and labels.
        folders: Its folders.
        settings: All of its settings, instead of both.
        guidelines: What annotators go by, as markdown.

    Returns:
        Whether it was made. Elsewhere nothing is done.
    """
    if tagtog.local is None or is_there(tagtog):
        return False
    from spacy_tagtog.server import create_project as create
    from spacy_tagtog.server import settings_from_legend
    from spacy_tagtog.server.settings import GUIDELINES

    made = dict(settings_from_legend(legend, list(folders)) if settings is None else settings)
    if guidelines:
        made[GUIDELINES] = guidelines
    tagtog.local.write(create, tagtog.client.owner, tagtog.client.project, made)
    return True


def delete_if_empty(tagtog: Connection) -> None:
    """On the local tagtog, delete the connection's project if it has no document."""
    if tagtog.local is None:
        return
    from spacy_tagtog.server.db.project_changes import delete_project as delete
    from spacy_tagtog.server.db.project_changes import project_content

    place = tagtog.client.owner, tagtog.client.project
    if not tagtog.local.read(project_content, *place).documents:
        tagtog.local.write(delete, *place)


def _local(
    *, domain: str, owner: str = "", project: str = "", database: Path | str = ""
) -> ConnectionSettings:
    where = ConnectionSettings.from_environment(domain=domain, owner=owner, database=database)
    _check_local(where)
    return replace(where, project=project)


def _check_local(where: ConnectionSettings) -> None:
    if not where.is_local:
        raise ConfigurationError(
            "projects can be made, listed and deleted from here on the local tagtog alone",
            value=where.domain,
            legal=f"no {setting('domain')} and no TAGTOG_DOMAIN",
            advice="make the project on tagtog's own page, or unset TAGTOG_DOMAIN",
        )


def _present(where: ConnectionSettings) -> list[tuple[str, str]]:
    """Owner and name of the projects that are there. No database is made."""
    if not where.database.exists():
        return []
    with open_database(where.database) as opened:
        return local_projects(opened)


def _content(where: ConnectionSettings) -> LocalProject:
    present = _present(where)
    owner, name = where.local_owner, where.project
    if (owner, name) not in present:
        raise no_project(where, present)
    with open_database(where.database) as opened:
        from spacy_tagtog.server.db.project_changes import project_content
        from spacy_tagtog.server.db.projects import read_project

        held = opened.read(project_content, owner, name)
        legend = opened.read(read_project, owner, name).legend
    return LocalProject(owner, name, held.documents, held.confirmed, held.saves, held.members, legend)
