"""The members of a project and the distribution of documents to them, over HTTP.

Facts: tagtog's settings API (members, task distribution). Only users of this server become members: there is
no invitation by e-mail.
"""

from __future__ import annotations

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog._tagtog import Role
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server._json import whole_number
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.distribution import check_distribution
from spacy_tagtog.server.db.members import drop_member, members_of, set_member
from spacy_tagtog.server.db.projects import project_key, read_project, read_settings, write_settings
from spacy_tagtog.server.settings import MEMBERS, NUMBER


class RoleName(TypedDict):
    """A role by its name."""

    name: Role


class Member(TypedDict):
    """A member of a project."""

    username: str
    role: RoleName
    inTeams: list[str]


class PendingMember(TypedDict):
    """Somebody who was invited and hasn't come yet. Here, nobody is."""

    invitationToken: str
    role: RoleName
    email: str


class PendingMembers(TypedDict):
    """Who was invited to a project."""

    pendingMembers: list[PendingMember]


class ProjectMembers(TypedDict):
    """The members of a project. There are no invitations and no teams here."""

    members: list[Member]
    pendingMembers: list[PendingMember]
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


def _last_of_path(call: Call) -> str:
    return call.path.rpartition("/")[2]


def change_member(call: Call) -> Response:
    """``PUT /members/LOGIN``: change a role."""
    call.need("edit members")
    call.database.write(set_member, *call.project, _last_of_path(call), call.field("roleName"), new=False)
    return Response(status_code=205)


def remove_member(call: Call) -> Response:
    """``DELETE /members/LOGIN``: remove a member."""
    call.need("edit members")
    call.database.write(drop_member, *call.project, _last_of_path(call))
    return Response(status_code=205)


def get_pending_members(call: Call) -> Response:
    """``GET /pending-members``: who was invited. Here, nobody is."""
    call.need("read members")
    answer: PendingMembers = {"pendingMembers": []}
    return json_answer(answer)


def remove_pending_member(call: Call) -> Response:
    """``DELETE /pending-members/TOKEN``: take an invitation back. There are none."""
    call.need("edit members")
    raise RequestError(
        404,
        "there is no such invitation",
        place="invitationToken",
        value=_last_of_path(call),
        legal="(there are no invitations here: users of this server are members at once)",
        advice="remove a member with DELETE /-api/settings/v1/members/LOGIN",
    )


def put_distribution(call: Call) -> Response:
    """``PUT /task-distribution``: to how many members, and to whom, each new document goes."""
    call.need("edit project settings")
    number, members = whole_number(call.body.fields.get(NUMBER)), call.body.fields.get(MEMBERS)
    if number is None or not isinstance(members, list) or not all(isinstance(name, str) for name in members):
        raise RequestError(
            400,
            "the task distribution can't be read",
            place=call.path,
            legal=f'{{"{NUMBER}": 2, "{MEMBERS}": ["ada", "bob", "eve"]}}',
        )
    with call.database.writing() as connection:
        key = project_key(connection, *call.project)
        chosen = check_distribution(connection, key, number, members)
        settings = read_settings(connection, key)
        settings.update({NUMBER: number, MEMBERS: chosen})
        write_settings(connection, key, settings)
        new = read_project(connection, *call.project)
    return json_answer({"mapNewIds": {}, "newSettings": new.export()})
