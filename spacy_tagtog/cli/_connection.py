"""Which tagtog a command talks to: the one that is configured, or a local one for the length of the command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from spacy_tagtog.client import TagtogClient
    from spacy_tagtog.server import Database as LocalDatabase

LOCAL_NAME = "local tagtog"
LOCAL_OWNER = "local"
DEFAULT_THREADS = 12
DEFAULT_DATABASE = Path("local-tagtog.db")

Domain = Annotated[
    str,
    typer.Option(
        "--domain",
        envvar="TAGTOG_DOMAIN",
        help="tagtog's address, such as https://www.tagtog.com. Empty: a local tagtog is started for this command.",
        show_default=False,
    ),
]
Owner = Annotated[
    str,
    typer.Option(
        "--owner",
        envvar="TAGTOG_OWNER",
        help="The project's owner. Empty: TAGTOG_USERNAME.",
        show_default=False,
    ),
]
ProjectName = Annotated[
    str,
    typer.Option(
        "--project",
        "-p",
        envvar="TAGTOG_PROJECT",
        help="The project's name. Empty, on the local tagtog: its only project.",
        show_default=False,
    ),
]
CaFile = Annotated[
    str,
    typer.Option(
        "--ca-file",
        envvar="TAGTOG_CA_FILE",
        help="Certificates (PEM) to verify a self-signed tagtog with.",
        show_default=False,
    ),
]
Threads = Annotated[int, typer.Option("--threads", min=1, max=64, help="Calls at once.")]
Rate = Annotated[float, typer.Option("--rate", min=0, help="The most calls a second; 0 for as many as come.")]
DistributeTo = Annotated[
    str | None,
    typer.Option(
        "--distribute-to",
        help="To whom new documents are assigned: * all members, A,B these, - as the project says.",
        show_default=False,
    ),
]
DocumentsReport = Annotated[
    Path | None,
    typer.Option(
        "--report", help="Write what happened to each document to this JSON file.", show_default=False
    ),
]
Database = Annotated[
    Path, typer.Option("--database", envvar="TAGTOG_DATABASE", help="The local tagtog's database file.")
]


@dataclass(frozen=True)
class Settings:
    """Where a command's tagtog is. Empty strings mean: not set (so that ``project.yml`` can pass its variables through).

    Attributes:
        domain: The address, or empty for the local tagtog.
        owner: The project's owner.
        project: The project's name.
        ca_file: A PEM file.
        database: The local tagtog's database file.
        threads: Calls at once.
        rate: The most calls a second; 0 for as many as come.
    """

    domain: str = ""
    owner: str = ""
    project: str = ""
    ca_file: str = ""
    database: Path = DEFAULT_DATABASE
    threads: int = DEFAULT_THREADS
    rate: float = 0

    @classmethod
    def of(
        cls,
        domain: str,
        owner: str,
        project: str,
        ca_file: str,
        database: Path,
        *,
        threads: int = DEFAULT_THREADS,
        rate: float = 0,
    ) -> Settings:
        """Settings from a command's options.

        An option that is given as an empty string falls back to the environment, just as one that isn't given.
        """
        return cls(
            domain=domain or os.environ.get("TAGTOG_DOMAIN", ""),
            owner=owner or os.environ.get("TAGTOG_OWNER", ""),
            project=project or os.environ.get("TAGTOG_PROJECT", ""),
            ca_file=ca_file or os.environ.get("TAGTOG_CA_FILE", ""),
            database=database,
            threads=threads,
            rate=rate,
        )

    @property
    def is_local(self) -> bool:
        """Whether a local tagtog is started for the command."""
        return not self.domain


@dataclass(frozen=True)
class Connection:
    """An open connection.

    Attributes:
        client: The client.
        store: The local tagtog's database, or ``None`` for a tagtog elsewhere.
        database: The file of that database.
    """

    client: TagtogClient
    store: LocalDatabase | None
    database: Path | None = None

    def __str__(self) -> str:
        """Where it leads, in words for people. The address of a local tagtog is of no use to them: it is gone with the command."""
        project = f"{self.client.owner}/{self.client.project}"
        return (
            f"{project} on the local tagtog ({self.database})"
            if self.store is not None
            else f"{project} at {self.client.domain}"
        )


def _only_project(store: LocalDatabase) -> tuple[str, str]:
    from spacy_tagtog.server.db.projects import list_projects

    projects = store.read(list_projects)
    if len(projects) == 1:
        return projects[0]
    raise ConfigurationError(
        "which project is not said, and the local tagtog has "
        + (f"{len(projects)} of them" if projects else "none"),
        legal=", ".join(f"--project {name}" for _, name in projects) or "a database with a project in it",
        advice="name one with --project"
        if projects
        else "put one in: spacy-tagtog import FOLDER_OR_ZIP, or the demo corpus: spacy-tagtog demo",
    )


@contextmanager
def connect(settings: Settings, *, create: bool = False) -> Iterator[Connection]:
    """Connect to the tagtog that is configured, or start a local one for the length of the block.

    Args:
        settings: Where it is.
        create: On the local tagtog, the project needn't exist yet.

    Raises:
        ConfigurationError: A setting is missing.
        LocalServerError: The local tagtog can't start.
    """
    from spacy_tagtog.client import TagtogClient, find_credentials

    pace: dict[str, Any] = {"threads": settings.threads, "rate": settings.rate or None}
    if not settings.is_local:
        found = find_credentials(settings.domain)
        if not settings.project:
            raise ConfigurationError(
                "which project is not said", legal="--project NAME or the environment variable TAGTOG_PROJECT"
            )
        verify: bool | Path = Path(settings.ca_file) if settings.ca_file else True
        with TagtogClient(
            settings.domain,
            username=found.username,
            password=found.password,
            project=settings.project,
            owner=settings.owner or found.username,
            verify=verify,
            **pace,
        ) as client:
            yield Connection(client, None)
        return

    try:
        from spacy_tagtog.server import local_tagtog
    except ImportError as error:
        raise ConfigurationError(
            f"no domain is set, and the local tagtog is not installed ({error.name} is missing)",
            legal="--domain or TAGTOG_DOMAIN, or the extra [server]",
            advice="pip install 'spacy-tagtog[server]'",
        ) from error
    with local_tagtog(settings.database) as local:
        owner, project = settings.owner or LOCAL_OWNER, settings.project
        if not project and not create:
            owner, project = _only_project(local.database)
        with TagtogClient(
            local.url,
            username=local.username,
            password=local.password,
            project=project,
            owner=owner,
            name=LOCAL_NAME,
            **pace,
        ) as client:
            yield Connection(client, local.database, settings.database)
