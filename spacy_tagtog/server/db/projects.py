"""The projects of the local tagtog, and who may use them.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from spacy_tagtog._tagtog import Role
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.database import path_of
from spacy_tagtog.server.db.roles import Access, as_role
from spacy_tagtog.server.db.users import check_user_name
from spacy_tagtog.server.folder_paths import Folder, check_name
from spacy_tagtog.server.settings import ProjectInfo, parse_settings

# --------------------------------------------------------------------------------------------------- projects


def create_project(
    connection: sqlite3.Connection,
    owner: str,
    name: str,
    settings: object,
    *,
    created: int | None = None,
) -> int:
    """Create a project. Its owner becomes its admin.

    Args:
        connection: The database, in a transaction that writes.
        owner: A user name.
        name: The project's name.
        settings: A settings JSON, such as :func:`~spacy_tagtog.server.settings_from_legend` makes.
        created: When, in milliseconds since 1970; by default now.

    Returns:
        The project's number in the database.

    Raises:
        LocalServerError: The project exists, or a name or the settings aren't legal.
    """
    rest, folders = parse_settings(settings)
    if connection.execute("SELECT 1 FROM projects WHERE owner = ? AND name = ?", (owner, name)).fetchone():
        raise LocalServerError(
            "the project exists already",
            place=path_of(connection),
            value=f"{owner}/{name}",
            advice="choose another name",
        )
    check_user_name(owner)
    check_name(name, "project")
    if name.startswith("-"):  # addresses such as /-api/… are the server's own
        raise LocalServerError(
            "this can't be the name of a project", value=name, legal="a name that doesn't begin with a hyphen"
        )
    key: int = connection.execute(
        "INSERT INTO projects (owner, name, settings, created) VALUES (?, ?, ?, ?) RETURNING id",
        (owner, name, _dumps(rest), clock.now() if created is None else created),
    ).fetchone()[0]
    connection.execute("INSERT INTO members (project_id, login, role) VALUES (?, ?, 'admin')", (key, owner))
    insert_folders(connection, key, folders)
    return key


def list_projects(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """All projects as (owner, name)."""
    rows = connection.execute("SELECT owner, name FROM projects ORDER BY owner, name")
    return [(row["owner"], row["name"]) for row in rows]


def projects_of(
    connection: sqlite3.Connection, login: str, *, operator: bool = False
) -> list[tuple[str, str]]:
    """The projects that a user may see, as (owner, name).

    Args:
        connection: The database, in a transaction.
        login: The user.
        operator: Whether the user runs this server: an admin of every project.
    """
    return [
        project
        for project in list_projects(connection)
        if _role(connection, *project, login, operator) is not None
    ]


def project_key(connection: sqlite3.Connection, owner: str, name: str) -> int:
    """A project's number in the database.

    Raises:
        RequestError: There is no such project.
    """
    row = connection.execute("SELECT id FROM projects WHERE owner = ? AND name = ?", (owner, name)).fetchone()
    if row is None:
        raise _no_project(owner, name)
    return int(row["id"])


def read_project(connection: sqlite3.Connection, owner: str, name: str) -> ProjectInfo:
    """A project with its settings and folders.

    Raises:
        RequestError: There is no such project.
    """
    key = project_key(connection, owner, name)
    folders = connection.execute(
        "SELECT number, path, extra FROM folders WHERE project_id = ? ORDER BY path", (key,)
    )
    return ProjectInfo(
        key,
        owner,
        name,
        read_settings(connection, key),
        tuple(Folder(row["number"], row["path"], json.loads(row["extra"])) for row in folders),
    )


def access(
    connection: sqlite3.Connection, owner: str, name: str, login: str, *, operator: bool = False
) -> Access:
    """What a user may do in a project.

    Args:
        connection: The database, in a transaction.
        owner: The project's owner.
        name: The project's name.
        login: The user.
        operator: Whether the user runs this server: an admin of every project.

    Raises:
        RequestError: There is no such project, or the user isn't a member of it. The answer is the same, so
            that names can't be guessed.
    """
    role = _role(connection, owner, name, login, operator)
    if role is None:
        raise _no_project(owner, name)
    return Access(login, f"{owner}/{name}", role)


def _role(connection: sqlite3.Connection, owner: str, name: str, login: str, operator: bool) -> Role | None:
    row = connection.execute(
        "SELECT coalesce((SELECT admin FROM users WHERE name = :login), 0) AS admin, "
        "(SELECT role FROM members AS m WHERE m.project_id = p.id AND m.login = :login) AS role "
        "FROM projects AS p WHERE p.owner = :owner AND p.name = :name",
        {"login": login, "owner": owner, "name": name},
    ).fetchone()
    if row is None:
        return None
    if operator or row["admin"]:
        return "admin"
    return None if row["role"] is None else as_role(row["role"], place="the database")


def _no_project(owner: str, name: str) -> RequestError:
    return RequestError(
        404,
        "there is no such project, or you aren't a member of it",
        value=f"{owner}/{name}",
        legal="a project of this server; its start page lists yours",
        advice="check owner and project, or ask the project's admin to add you",
    )


# --------------------------------------------------------------------------------------- settings and folders


def read_settings(connection: sqlite3.Connection, key: int) -> dict[str, Any]:
    """A project's settings without its folders."""
    row = connection.execute("SELECT settings FROM projects WHERE id = ?", (key,)).fetchone()
    settings: dict[str, Any] = json.loads(row["settings"])
    return settings


def write_settings(connection: sqlite3.Connection, key: int, settings: Mapping[str, Any]) -> None:
    """Replace a project's settings, but for its folders.

    Args:
        connection: The database, in a transaction that writes.
        key: The project's number.
        settings: The settings without folders, as :func:`read_settings` gives them.
    """
    connection.execute("UPDATE projects SET settings = ? WHERE id = ?", (_dumps(settings), key))


def insert_folders(connection: sqlite3.Connection, project: int, folders: Iterable[Folder]) -> None:
    """Add folders to a project."""
    connection.executemany(
        "INSERT INTO folders (project_id, number, path, extra) VALUES (?, ?, ?, ?)",
        [(project, folder.index, folder.path, _dumps(dict(folder.extra))) for folder in folders],
    )


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
