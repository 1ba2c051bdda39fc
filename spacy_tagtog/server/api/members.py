"""The members of a project and what is given to them, in the database and over HTTP.

Facts: tagtog's settings API (members, task distribution). Who becomes a member must be a user of this server: there is no invitation by e-mail.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call, json_answer
from spacy_tagtog.server.db.distribution import MEMBERS, NUMBER, annotators_of, check_annotators
from spacy_tagtog.server.db.members import drop_member, members_of, set_member
from spacy_tagtog.server.db.projects import project_key, read_project, read_settings, write_settings

# ----------------------------------------------------------------------------------------------------------------------------------------- calls


def get_members(call: Call) -> Response:
    """``GET /members``."""
    call.need("read members")
    present = call.database.read(members_of, *call.project)
    members: list[dict[str, Any]] = [
        {"username": login, "role": {"name": role}, "inTeams": []} for login, role in present.items()
    ]
    return json_answer({"members": members, "pendingMembers": [], "teams": []})


def add_member(call: Call) -> Response:
    """``POST /members``."""
    call.need("edit members")
    call.database.write(set_member, *call.project, call.field("loginid"), call.field("roleName"), new=True)
    return Response(status_code=205)


def _login(call: Call) -> str:
    return call.path.rpartition("/")[2]


def change_member(call: Call) -> Response:
    """``PUT /members/LOGIN``."""
    call.need("edit members")
    call.database.write(set_member, *call.project, _login(call), call.field("roleName"), new=False)
    return Response(status_code=205)


def remove_member(call: Call) -> Response:
    """``DELETE /members/LOGIN``."""
    call.need("edit members")
    call.database.write(drop_member, *call.project, _login(call))
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
    with call.database.writing() as connection:
        key = project_key(connection, *call.project)
        chosen = check_annotators(members, annotators_of(connection, key), MEMBERS)
        if not 0 <= number <= len(chosen):
            raise RequestError(
                400,
                "so many members can't annotate each document",
                place=NUMBER,
                value=number,
                legal=f"0 (off) to {len(chosen)}, the chosen members",
            )
        settings = read_settings(connection, key)
        settings.update({NUMBER: number, MEMBERS: chosen})
        write_settings(connection, key, settings)
        new = read_project(connection, *call.project)
    return json_answer({"mapNewIds": {}, "newSettings": new.export()})
