"""The members of a project and the distribution of documents to them, over HTTP.

Facts: tagtog's settings API (members, task distribution). Only users of this server become members: there is
no invitation by e-mail.
"""

from __future__ import annotations

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog._tagtog import Role
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.distribution import MEMBERS, NUMBER, annotators_of, check_annotators
from spacy_tagtog.server.db.members import drop_member, members_of, set_member
from spacy_tagtog.server.db.projects import project_key, read_project, read_settings, write_settings


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


# --- Calls


def get_members(call: Call) -> Response:
    """``GET /members``: the members and their roles."""
    call.need("read members")
    present = call.database.read(members_of, *call.project)
    members: list[Member] = [
        {"username": login, "role": {"name": role}, "inTeams": []} for login, role in present.items()
    ]
    answer: ProjectMembers = {"members": members, "pendingMembers": [], "teams": []}
    return json_answer(answer)


def add_member(call: Call) -> Response:
    """``POST /members``: add a member."""
    call.need("edit members")
    call.database.write(set_member, *call.project, call.field("loginid"), call.field("roleName"), new=True)
    return Response(status_code=205)


def _login(call: Call) -> str:
    return call.path.rpartition("/")[2]


def change_member(call: Call) -> Response:
    """``PUT /members/LOGIN``: change a role."""
    call.need("edit members")
    call.database.write(set_member, *call.project, _login(call), call.field("roleName"), new=False)
    return Response(status_code=205)


def remove_member(call: Call) -> Response:
    """``DELETE /members/LOGIN``: remove a member."""
    call.need("edit members")
    call.database.write(drop_member, *call.project, _login(call))
    return Response(status_code=205)


def put_distribution(call: Call) -> Response:
    """``PUT /task-distribution``: to how many members, and to whom, each new document goes."""
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
    with call.database.writing() as connection:
        key = project_key(connection, *call.project)
        chosen = check_annotators(members, annotators_of(connection, key), MEMBERS)
        if not 0 <= number <= len(chosen):
            raise RequestError(
                400,
                "there are fewer members than annotators per document",
                place=NUMBER,
                value=number,
                legal=f"0 (off) to {len(chosen)}, the chosen members",
            )
        settings = read_settings(connection, key)
        settings.update({NUMBER: number, MEMBERS: chosen})
        write_settings(connection, key, settings)
        new = read_project(connection, *call.project)
    return json_answer({"mapNewIds": {}, "newSettings": new.export()})
