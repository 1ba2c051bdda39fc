"""The members of a project and what is given to them, in the database and over HTTP.

Facts: tagtog's settings API (members, task distribution). Only users of this server become members: there is
no invitation by e-mail.
"""

from __future__ import annotations

import json

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog._tagtog import Role
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.distribution import MEMBERS, NUMBER, annotators_of, check_annotators
from spacy_tagtog.server.db.roles import as_role, read_members
from spacy_tagtog.server.db.store import Store


class RoleName(TypedDict):
    """A role by its name."""

    name: Role


class Member(TypedDict):
    """A member of a project."""

    username: str
    role: RoleName
    inTeams: list[str]


class ProjectMembers(TypedDict):
    """The members of a project. There are no invitations and no teams here."""

    members: list[Member]
    pendingMembers: list[str]
    teams: list[str]


def members_of(store: Store, owner: str, project: str) -> dict[str, Role]:
    """The members of a project, name to role, by name.

    Raises:
        RequestError: There is no such project.
    """
    with store.reading() as connection:
        return read_members(connection, store.project_key(connection, owner, project))


def set_member(
    store: Store, owner: str, project: str, login: str, role: str, *, new: bool | None = None
) -> None:
    """Make a user a member of a project, or give a member another role.

    Args:
        store: The database.
        owner: The project's owner.
        project: The project's name.
        login: A user of this server.
        role: A role of tagtog.
        new: ``True``: the user must not be a member yet; ``False``: must be one; ``None``: may be.

    Raises:
        RequestError: There is no such project, user, member or role, or the project would lose its creator.
    """
    wanted = as_role(role, place="roleName")
    with store.writing() as connection:
        key = store.project_key(connection, owner, project)
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
        if (
            login not in present
            and not connection.execute("SELECT 1 FROM users WHERE name = ?", (login,)).fetchone()
        ):
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


def drop_member(store: Store, owner: str, project: str, login: str) -> None:
    """End a membership. The member's versions and history stay; nothing is assigned to them any more.

    Raises:
        RequestError: There is no such project or member, or it is the project's creator.
    """
    with store.writing() as connection:
        key = store.project_key(connection, owner, project)
        present = read_members(connection, key)
        if login not in present:
            raise _no_member(login, present)
        if login == owner:
            raise _creator(login)
        connection.execute("DELETE FROM members WHERE project_id = ? AND login = ?", (key, login))
        connection.execute(
            "DELETE FROM assignments WHERE member = ? "
            "AND document_id IN (SELECT id FROM documents WHERE project_id = ?)",
            (login, key),
        )
        settings = json.loads(
            connection.execute("SELECT settings FROM projects WHERE id = ?", (key,)).fetchone()[0]
        )
        chosen = settings.get(MEMBERS)
        if isinstance(chosen, list) and login in chosen:
            chosen.remove(login)
            settings[NUMBER] = min(settings.get(NUMBER, 0), len(chosen))
            connection.execute(
                "UPDATE projects SET settings = ? WHERE id = ?",
                (json.dumps(settings, ensure_ascii=False), key),
            )


def _no_member(login: str, present: dict[str, Role]) -> RequestError:
    return RequestError(404, "the project has no such member", value=login, legal=", ".join(present))


def _creator(login: str) -> RequestError:
    return RequestError(409, "the creator of a project is its admin", value=login, legal="another member")


# --- Calls


def get_members(call: Call) -> Response:
    """``GET /members``."""
    call.need("read members")
    present = members_of(call.store, *call.project)
    members: list[Member] = [
        {"username": login, "role": {"name": role}, "inTeams": []} for login, role in present.items()
    ]
    answer: ProjectMembers = {"members": members, "pendingMembers": [], "teams": []}
    return json_answer(answer)


def add_member(call: Call) -> Response:
    """``POST /members``."""
    call.need("edit members")
    set_member(call.store, *call.project, call.field("loginid"), call.field("roleName"), new=True)
    return Response(status_code=205)


def _login(call: Call) -> str:
    return call.path.rpartition("/")[2]


def change_member(call: Call) -> Response:
    """``PUT /members/LOGIN``."""
    call.need("edit members")
    set_member(call.store, *call.project, _login(call), call.field("roleName"), new=False)
    return Response(status_code=205)


def remove_member(call: Call) -> Response:
    """``DELETE /members/LOGIN``."""
    call.need("edit members")
    drop_member(call.store, *call.project, _login(call))
    return Response(status_code=205)


def put_distribution(call: Call) -> Response:
    """``PUT /task-distribution``."""
    call.need("edit project settings")
    number, members = call.body.fields.get(NUMBER), call.body.fields.get(MEMBERS)
    if (
        type(number) is not int
        or not isinstance(members, list)
        or not all(isinstance(name, str) for name in members)
    ):
        raise RequestError(
            400,
            "the task distribution can't be read",
            place=call.path,
            legal=f'{{"{NUMBER}": 2, "{MEMBERS}": ["ada", "bob", "eve"]}}',
        )
    with call.store.writing() as connection:
        key = call.store.project_key(connection, *call.project)
        chosen = check_annotators(members, annotators_of(connection, key), MEMBERS)
        if not 0 <= number <= len(chosen):
            raise RequestError(
                400,
                "there are fewer members than annotators per document",
                place=NUMBER,
                value=number,
                legal=f"0 (off) to {len(chosen)}, the chosen members",
            )
        settings = json.loads(
            connection.execute("SELECT settings FROM projects WHERE id = ?", (key,)).fetchone()[0]
        )
        settings.update({NUMBER: number, MEMBERS: chosen})
        connection.execute(
            "UPDATE projects SET settings = ? WHERE id = ?", (json.dumps(settings, ensure_ascii=False), key)
        )
    return json_answer({"mapNewIds": {}, "newSettings": call.store.project(*call.project).export()})
