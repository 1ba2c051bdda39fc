"""Which tagtog a step talks to: the one that is configured, or a local one for the length of a block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spacy_tagtog._options import DEFAULT_THREADS
from spacy_tagtog.errors import ConfigurationError, setting

if TYPE_CHECKING:
    from spacy_tagtog.client import TagtogClient
    from spacy_tagtog.server import Database

DEFAULT_DATABASE: Final = Path("local-tagtog.db")
LOCAL_NAME: Final = "local tagtog"
LOCAL_OWNER: Final = "local"


@dataclass(frozen=True)
class ConnectionSettings:
    """Where a tagtog is, and how fast it may be called. Empty strings mean: not set.

    Attributes:
        domain: The address, such as ``https://www.tagtog.com``. Empty: the local tagtog.
        owner: The project's owner. Empty: the user; on the local tagtog, ``local``.
        project: The project's name. Empty, on the local tagtog: its only project.
        ca_file: A PEM file with certificates to verify a self-signed tagtog with.
        database: The local tagtog's database file.
        threads: At most N calls at the same time.
        rate: At most N calls per second; 0 for no limit.
    """

    domain: str = ""
    owner: str = ""
    project: str = ""
    ca_file: str = ""
    database: Path = DEFAULT_DATABASE
    threads: int = DEFAULT_THREADS
    rate: float = 0

    @classmethod
    def from_environment(
        cls,
        *,
        domain: str = "",
        owner: str = "",
        project: str = "",
        ca_file: str = "",
        database: Path | str = "",
        threads: int = DEFAULT_THREADS,
        rate: float = 0,
    ) -> ConnectionSettings:
        """Settings in which the environment stands in for what is empty.

        The variables are ``TAGTOG_DOMAIN``, ``TAGTOG_OWNER``, ``TAGTOG_PROJECT``, ``TAGTOG_CA_FILE`` and
        ``TAGTOG_DATABASE``. An empty string means the same as nothing: ``project.yml`` passes all its
        variables.
        """
        return cls(
            domain=domain or os.environ.get("TAGTOG_DOMAIN", ""),
            owner=owner or os.environ.get("TAGTOG_OWNER", ""),
            project=project or os.environ.get("TAGTOG_PROJECT", ""),
            ca_file=ca_file or os.environ.get("TAGTOG_CA_FILE", ""),
            database=Path(database or os.environ.get("TAGTOG_DATABASE") or DEFAULT_DATABASE),
            threads=threads,
            rate=rate,
        )

    @property
    def is_local(self) -> bool:
        """Whether it is a local tagtog, which is started when it is needed."""
        return not self.domain

    @property
    def local_owner(self) -> str:
        """The owner of the project on the local tagtog."""
        return self.owner or LOCAL_OWNER


@dataclass(frozen=True)
class Connection:
    """An open connection to a project. ``str(connection)`` says in words where it leads.

    Attributes:
        client: The client, for every call that tagtog's API has.
        local: The local tagtog's database, or ``None`` for a tagtog elsewhere.
        database: The file of that database.
    """

    client: TagtogClient
    local: Database | None = None
    database: Path | None = None

    def __str__(self) -> str:
        # A local tagtog's address is of no use to people: it is gone when the block ends.
        project = f"{self.client.owner}/{self.client.project}"
        return (
            f"{project} on the local tagtog ({self.database})"
            if self.local is not None
            else f"{project} at {self.client.domain}"
        )


def connect(
    *,
    domain: str = "",
    owner: str = "",
    project: str = "",
    ca_file: str = "",
    database: Path | str = "",
    threads: int = DEFAULT_THREADS,
    rate: float = 0,
) -> AbstractContextManager[Connection]:
    """Connect to the tagtog that is configured, or start a local one for the length of the block.

    User name and password come from where :func:`spacy_tagtog.client.find_credentials` looks for them::

        with steps.connect(project="stargazing") as tagtog:
            steps.fetch(tagtog, "assets/reviewed", query="anncomplete:true")

    Args:
        domain: The address, such as ``https://www.tagtog.com``. Empty: ``TAGTOG_DOMAIN``, else the local one.
        owner: The project's owner. Empty: ``TAGTOG_OWNER``, else the user; on the local tagtog, ``local``.
        project: The project's name. Empty: ``TAGTOG_PROJECT``, else the only project of the local tagtog.
        ca_file: A PEM file with certificates to verify a self-signed tagtog with. Empty: ``TAGTOG_CA_FILE``.
        database: The local tagtog's database file. Empty: ``TAGTOG_DATABASE``, else ``local-tagtog.db``.
        threads: At most N calls at the same time.
        rate: At most N calls per second; 0 for no limit.

    Raises:
        ConfigurationError: A setting is missing.
        LocalServerError: The local tagtog can't start.
    """
    return open_connection(
        ConnectionSettings.from_environment(
            domain=domain,
            owner=owner,
            project=project,
            ca_file=ca_file,
            database=database,
            threads=threads,
            rate=rate,
        )
    )


@contextmanager
def open_connection(
    settings: ConnectionSettings, *, create: bool = False, may_create: bool = False
) -> Iterator[Connection]:
    """Connect with settings that are complete: the environment is not looked at, except for the password.

    Args:
        settings: Where it is.
        create: On the local tagtog, the project needn't exist yet.
        may_create: The caller has a setting ``create``, which an error about a missing project names.

    Raises:
        ConfigurationError: A setting is missing.
        LocalServerError: The local tagtog can't start.
    """
    if settings.is_local:
        opened = _local(settings, create=create, may_create=may_create)
    else:
        opened = _remote(settings)
    with opened as connection:
        yield connection


@contextmanager
def _remote(settings: ConnectionSettings) -> Iterator[Connection]:
    from spacy_tagtog.client import TagtogClient, find_credentials

    found = find_credentials(settings.domain)
    if not settings.project:
        raise ConfigurationError(
            "no project is named",
            legal=f"{setting('project', 'NAME')} or the environment variable TAGTOG_PROJECT",
        )
    with TagtogClient(
        settings.domain,
        username=found.username,
        password=found.password,
        project=settings.project,
        owner=settings.owner or found.username,
        verify=Path(settings.ca_file) if settings.ca_file else True,
        threads=settings.threads,
        rate=settings.rate or None,
    ) as client:
        yield Connection(client)


@contextmanager
def _local(settings: ConnectionSettings, *, create: bool, may_create: bool) -> Iterator[Connection]:
    from spacy_tagtog.client import TagtogClient

    try:
        from spacy_tagtog.server import local_tagtog
    except ImportError as error:
        raise ConfigurationError(
            f"no domain is set, and the local tagtog is not installed ({error.name} is missing)",
            legal=f"{setting('domain')} or TAGTOG_DOMAIN, or the extra [server]",
            advice="pip install 'spacy-tagtog[server]'",
        ) from error
    if not create and not settings.database.exists():  # a command that finds nothing makes no file
        raise no_project(settings, [], may_create=may_create)
    with local_tagtog(settings.database) as local:
        owner, project = settings.local_owner, settings.project
        if not create:
            present = local_projects(local.database)
            if not project and len(present) == 1:
                owner, project = present[0]
            if (owner, project) not in present:
                raise no_project(settings, present, may_create=may_create)
        with TagtogClient(
            local.url,
            username=local.username,
            password=local.password,
            project=project,
            owner=owner,
            name=LOCAL_NAME,
            threads=settings.threads,
            rate=settings.rate or None,
        ) as client:
            yield Connection(client, local.database, settings.database)


def local_projects(database: Database) -> list[tuple[str, str]]:
    """Owner and name of each project in a local tagtog's database."""
    from spacy_tagtog.server.db.projects import list_projects

    return database.read(list_projects)


def no_project(
    settings: ConnectionSettings, present: Sequence[tuple[str, str]], *, may_create: bool = False
) -> ConfigurationError:
    """The error where the project on the local tagtog isn't there, or which one is meant is not said.

    Args:
        settings: What was asked for.
        present: Owner and name of the projects that are there.
        may_create: Whether what was asked for can make the project itself, by its setting ``create``.
    """
    names = ", ".join("/".join(one) for one in present)
    if settings.project:
        close = get_close_matches(settings.project, [name for _, name in present], n=1)
        own = f"make it with {setting('create', True)}, or: " if may_create else "make it: "
        make = f"{own}spacy-tagtog project create {settings.project} --entity TYPE"
        return ConfigurationError(
            "the local tagtog has no such project",
            place=str(settings.database),
            value=f"{settings.local_owner}/{settings.project}",
            legal=names or "(it has no project yet)",
            advice=f"did you mean {setting('project', close[0])}? Else {make}"
            if close
            else f"{make}; with documents and their types: "
            f"spacy-tagtog import FOLDER_OR_ZIP --project {settings.project}",
        )
    if present:
        return ConfigurationError(
            f"no project is named, and the local tagtog has {len(present)} of them",
            place=str(settings.database),
            legal=", ".join(setting("project", name) for _, name in present),
            advice=f"name one with {setting('project')}",
        )
    return ConfigurationError(
        "no project is named, and the local tagtog has none",
        place=str(settings.database),
        legal="a database with a project in it",
        advice="make one: spacy-tagtog project create NAME --entity TYPE, or spacy-tagtog import "
        "FOLDER_OR_ZIP; or load the demo corpus: spacy-tagtog demo",
    )
