"""The OpenAPI description of settings, folders and members, and of what settings that are imported may hold.

What it can't say: ids are the keys of their entries, names of a kind and numbers of folders come once, and
members are those of the project.
"""

from __future__ import annotations

from typing import Any, Final

from spacy_tagtog._tagtog import ROLES
from spacy_tagtog.server.api.members import PendingMembers, ProjectMembers
from spacy_tagtog.server.api.openapi_parts import (
    FOLDER_NAME,
    FOLDER_PATH,
    NAME,
    NOT_EMPTY,
    OBJECT,
    SCHEMAS,
    STRING,
    Json,
    answer_of,
    array_of,
    as_json,
    object_of,
    operation_of,
    parameter,
)
from spacy_tagtog.server.api.settings import ChangedFolders, ChangedSettings, Settings
from spacy_tagtog.server.settings import DEFAULTS, ENTITY_TYPE, MEMBERS, NUMBER, SECTIONS

_ROLE: Final[Json] = {"type": "string", "enum": list(ROLES)}
FOLDER: Final[Json] = {
    "description": "A folder of a project's settings.",
    "type": "object",
    "required": ["index"],
    "properties": {
        "name": FOLDER_NAME,
        "index": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        "children": {
            "type": "object",
            "propertyNames": FOLDER_NAME,
            "additionalProperties": {"$ref": f"{SCHEMAS}Folder"},
        },
    },
}
_POOL: Final[Json] = {
    **FOLDER,
    "properties": {**FOLDER["properties"], "index": {"const": 0}, "name": {"const": "pool"}},
}


def _classes(prefix: str) -> Json:
    name = {"type": "string", "pattern": f"^{ENTITY_TYPE.pattern}$"} if prefix == "e" else FOLDER_NAME
    entry = {"type": "object", "required": ["name"], "properties": {"id": STRING, "name": name}}
    return {
        "type": "object",
        "patternProperties": {f"^{prefix}_[0-9]{{1,9}}$": entry},
        "additionalProperties": False,
    }


def _value(default: Any) -> Json:
    return {"type": {bool: "boolean", str: "string", dict: "object"}[type(default)]}


IMPORTED_SETTINGS: Final[Json] = {
    "type": "object",
    "properties": {
        **{key: _value(value) for key, value in DEFAULTS.items() if key not in (NUMBER, MEMBERS)},
        **{section: _classes(prefix) for prefix, section in SECTIONS.items()},
        NUMBER: {"type": "integer", "minimum": 0},
        MEMBERS: array_of(STRING),
        "folders": {"type": "object", "properties": {"pool": _POOL}, "additionalProperties": False},
        "requirements": OBJECT,
    },
}


def settings_calls() -> Json:
    """The calls that read and replace the settings, below ``/-api/settings/v1``."""
    settings, changed = as_json(answer_of(Settings)), as_json(answer_of(ChangedSettings))
    legend = as_json({"type": "object", "additionalProperties": STRING})
    distribution = as_json(
        object_of(
            ["taskDistributionNumber", "taskDistributionMembers"],
            taskDistributionNumber={"type": "integer", "minimum": 0},
            taskDistributionMembers=array_of(NAME),
        )
    )
    return {
        "annotationsLegend": {"get": operation_of("getLegend", "Class ids and their names.", [], legend)},
        "export": {"get": operation_of("exportSettings", "The project's settings.", [], settings)},
        "import": {
            "post": operation_of(
                "importSettings",
                "Replace the settings; removes the documents.",
                [],
                changed,
                body=as_json(IMPORTED_SETTINGS),
            )
        },
        "task-distribution": {
            "put": operation_of(
                "setDistribution", "To how many members each document goes.", [], changed, body=distribution
            )
        },
    }


def folder_calls() -> Json:
    """The calls that change folders, in the same place."""
    folders = as_json(answer_of(ChangedFolders))
    path = object_of(["path"], path=FOLDER_PATH)
    below = object_of(["parentPath", "newFolderName"], parentPath=STRING, newFolderName=FOLDER_NAME)
    renamed = object_of(["path", "newFolderName"], path=FOLDER_PATH, newFolderName=FOLDER_NAME)
    return {
        "folders/add": {
            "post": operation_of(
                "addFolder", "Add a folder.", [], folders, body=as_json({"anyOf": [path, below]})
            )
        },
        "folders/rename": {
            "post": operation_of("renameFolder", "Rename a folder.", [], folders, body=as_json(renamed))
        },
        "folders/remove": {
            "post": operation_of(
                "removeFolder", "Remove a folder and its documents.", [], folders, body=as_json(path)
            )
        },
    }


def member_calls() -> Json:
    """The calls on members, in the same place."""
    login = [parameter("login", "A member.", NAME, required=True, where="path")]
    new = as_json(object_of(["loginid", "roleName"], loginid=STRING, roleName=_ROLE))
    role = as_json(object_of(["roleName"], roleName=_ROLE))
    return {
        "members": {
            "get": operation_of(
                "getMembers", "The members and their roles.", [], as_json(answer_of(ProjectMembers))
            ),
            "post": operation_of("addMember", "Add a member.", [], None, body=new, status="205"),
        },
        "members/{login}": {
            "put": operation_of("changeMember", "Change a role.", login, None, body=role, status="205"),
            "delete": operation_of("removeMember", "Remove a member.", login, None, status="205"),
        },
        "pending-members": {
            "get": operation_of(
                "getPendingMembers",
                "Who was invited; here nobody is.",
                [],
                as_json(answer_of(PendingMembers)),
            )
        },
        "pending-members/{invitationToken}": {
            "delete": operation_of(
                "removePendingMember",
                "Take an invitation back. There are none here, so it answers 404.",
                [parameter("invitationToken", "An invitation.", NOT_EMPTY, required=True, where="path")],
                None,
                status="205",
            )
        },
    }
