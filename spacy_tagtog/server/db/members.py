"""The members of projects.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import sqlite3

from spacy_tagtog._tagtog import Role
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.projects import project_key, read_settings, write_settings
from spacy_tagtog.server.db.roles import as_role, read_members
from spacy_tagtog.server.settings import MEMBERS, NUMBER


def members_of(connection: sqlite3.Connection, owner: str, project: str) -> dict[str, Role]:
    """The members of a project, name to role, by name.

    Raises:
        RequestError: There is no such project.
    """
    return read_members(connection, project_key(connection, owner, project))


def roles_of_users(connection: sqlite3.Connection) -> dict[str, dict[str, Role]]:
    """The roles of all members of all projects: name → ``OWNER/PROJECT`` → role."""
    found: dict[str, dict[str, Role]] = {}
    for row in connection.execute(
        "SELECT login, role, owner, name FROM members JOIN projects ON projects.id = project_id "
        "ORDER BY login, owner, name"
    ):
        role = as_role(row["role"], place="the database")
        found.setdefault(row["login"], {})[f"{row['owner']}/{row['name']}"] = role
    return found


def set_member(
    connection: sqlite3.Connection,
    owner: str,
    project: str,
    login: str,
    role: str,
    *,
    new: bool | None = None,
) -> None:
    """Make a user a member of a project, or give a member another role.

    Args:
        connection: The database, in a transaction that writes.
        owner: The project's owner.
        project: The project's name.
        login: A user of this server.
        role: One of :data:`~spacy_tagtog._tagtog.ROLES`.
        new: Whether the user must not be a member yet (``True``), must be one (``False``), or may be
            (``None``).

    Raises:
        RequestError: There is no such project, user, member or role, or the project would lose its creator.
    """
    wanted = as_role(role, place="roleName")
    key = project_key(connection, owner, project)
    present = read_members(connection, key)
    if new is True and login in present:
        raise RequestError(
            409,
            "this user is a member already",
            value=f"{login}, {present[login]}",
            legal="a user who isn't a member",
            advice="change the role with PUT /-api/settings/v1/members/LOGIN",
        )
    if new is False and login not in present:
        raise _no_member(login, present)
    known = login in present or connection.execute("SELECT 1 FROM users WHERE name = ?", (login,)).fetchone()
    if not known:
        raise RequestError(
            404,
            "there is no such user",
            place="loginid",
            value=login,
            legal="a user of this server",
            advice=f"whoever runs the server adds users: spacy-tagtog user add {login}",
        )
    if login == owner and wanted != "admin":
        raise _creator(login)
    connection.execute(
        "INSERT INTO members (project_id, login, role) VALUES (?, ?, ?) "
        "ON CONFLICT (project_id, login) DO UPDATE SET role = excluded.role",
        (key, login, wanted),
    )


def drop_member(connection: sqlite3.Connection, owner: str, project: str, login: str) -> None:
    """End a membership. The member's versions and history stay; nothing is assigned to them any more.

    Args:
        connection: The database, in a transaction that writes.
        owner: The project's owner.
        project: The project's name.
        login: The member.

    Raises:
        RequestError: There is no such project or member, or it is the project's creator.
    """
    key = project_key(connection, owner, project)
    present = read_members(connection, key)
    if login not in present:
        raise _no_member(login, present)
    if login == owner:
        raise _creator(login)
    connection.execute("DELETE FROM members WHERE project_id = ? AND login = ?", (key, login))
    connection.execute(
        "DELETE FROM assignments WHERE member = ? AND document_id IN (SELECT id FROM documents "
        "WHERE project_id = ?)",
        (login, key),
    )
    settings = read_settings(connection, key)
    chosen = settings.get(MEMBERS)
    if isinstance(chosen, list) and login in chosen:
        chosen.remove(login)
        settings[NUMBER] = min(settings.get(NUMBER, 0), len(chosen))
        write_settings(connection, key, settings)


def _no_member(login: str, present: dict[str, Role]) -> RequestError:
    return RequestError(404, "the project has no such member", value=login, legal=", ".join(present))


def _creator(login: str) -> RequestError:
    return RequestError(409, "the creator of a project is its admin", value=login, legal="another member")
