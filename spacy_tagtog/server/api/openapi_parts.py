"""The pieces of which the OpenAPI description is put together: parameters, schemas, one call.

Source: the OpenAPI Specification 3.1, https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spacy_tagtog._tagtog import USER_NAME

Json = dict[str, Any]
_END: Final = r"$(?!\n)"
"""The end of a text. In Python, ``$`` also stands before a last line break."""
STRING: Final[Json] = {"type": "string"}
NOT_EMPTY: Final[Json] = {"type": "string", "minLength": 1}
OBJECT: Final[Json] = {"type": "object"}
NUMBER: Final[Json] = {"type": "string", "pattern": f"^[0-9]{{1,18}}{_END}"}
NAME: Final[Json] = {"type": "string", "pattern": f"^{USER_NAME.pattern}{_END}"}
SCHEMAS: Final = "#/components/schemas/"

_NAMEABLE: Final = "/\\\\\\u0000-\\u001f\\u007f-\\u009f\\ufffe\\uffff"
_PIECE: Final = rf"(?!\.{{1,2}}(?:/|$))[^\s{_NAMEABLE}](?:[^{_NAMEABLE}]*[^\s{_NAMEABLE}])?"
FILE_NAME: Final[Json] = {"type": "string", "maxLength": 200, "pattern": f"^(?:{_PIECE})?{_END}"}
"""A document's name, or none. In UTF-8 it has at most 200 bytes."""
FOLDER_NAME: Final[Json] = {"type": "string", "maxLength": 100, "pattern": f"^{_PIECE}{_END}"}
FOLDER_PATH: Final[Json] = {"type": "string", "pattern": f"^/*pool(?:/{_PIECE}){{1,15}}/*{_END}"}
_SIDE: Final = f"{USER_NAME.pattern}|save:(?:[0-9]{{1,18}}|model)"
SIDE: Final[Json] = {"type": "string", "pattern": f"^(?:{_SIDE}){_END}"}
"""One of two versions that are compared: a member's, master, a save of the history, or the model's."""
SIDE_OR_NONE: Final[Json] = {"type": "string", "pattern": f"^(?:{_SIDE})?{_END}"}
MEMBER_OR_NONE: Final[Json] = {"type": "string", "pattern": f"^(?:{USER_NAME.pattern})?{_END}"}
TEXT: Final[Json] = {"type": "string", "pattern": "\\S"}
"""Not white space alone. Only what XML can carry, which would be a long pattern."""
HOOKS: Final[Json] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["endpoint"],
        "properties": {
            "endpoint": {
                "type": "string",
                "pattern": r"^https?://[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[1-9][0-9]{0,3})?(?:/[!-~]*)?$",
            },
            "format": {"type": "string", "enum": ["ann.json", "annjson", "tagtogID", "docid"]},
            "enabled": {"type": "boolean"},
            "onlyGUI": {"type": "boolean"},
            "authentication": {
                "oneOf": [
                    {"type": "null"},
                    {"type": "object", "properties": {"type": {"const": "none"}}},
                    {
                        "type": "object",
                        "required": ["type", "username", "password"],
                        "properties": {
                            "type": {"const": "basic"},
                            "username": {"type": "string", "pattern": "^[^:]+$"},
                            "password": {"type": "string", "minLength": 1},
                        },
                    },
                ]
            },
        },
    },
}

ERRORS: Final = {
    "400": "The request can't be understood, or what it sends isn't legal.",
    "401": "No user name and password were given, or wrong ones, or the session ended.",
    "403": "The user's role doesn't allow it, or another web site sent the request.",
    "404": "There is no such project, document, member or save.",
    "405": "The address has no such method.",
    "409": "It contradicts what is there.",
    "412": "Somebody else saved in between.",
    "413": "The request is too large.",
    "421": "The server isn't called so: see the option --host-name.",
    "429": "Too many logins failed: wait as long as Retry-After says.",
    "501": "The local tagtog doesn't have this, such as importing from the network.",
    "503": "Another program holds the database, or too many passwords are being checked: try again.",
    "507": "There is no space left.",
}


def parameter(
    name: str, description: str, schema: Json | None = None, *, required: bool = False, where: str = "query"
) -> Json:
    """A parameter of a call; any text by default."""
    return {
        "name": name,
        "in": where,
        "description": description,
        "required": required,
        "schema": schema or STRING,
    }


def one_of(values: Sequence[str], default: str | None = None) -> Json:
    """A text that is one of some values."""
    return {"type": "string", "enum": list(values), **({} if default is None else {"default": default})}


def object_of(required: Sequence[str] = (), **properties: Json) -> Json:
    """An object with these properties."""
    return {"type": "object", "required": list(required), "properties": properties}


def array_of(items: Json) -> Json:
    """A list of something."""
    return {"type": "array", "items": items}


def answer_of(kind: type) -> Json:
    """The schema of a typed dictionary."""
    return {"$ref": f"{SCHEMAS}{kind.__name__}"}


def as_json(schema: Json) -> Mapping[str, Json]:
    """An answer or a body as JSON."""
    return {"application/json": schema}


def content_of(schemas: Mapping[str, Json]) -> Json:
    """Media type → schema, as a description wants it."""
    return {kind: {"schema": schema} for kind, schema in schemas.items()}


PROJECT: Final = [
    parameter("owner", "The project's owner; by default who asks."),
    parameter("project", "The project's name.", NOT_EMPTY, required=True),
]
MEMBER: Final = parameter(
    "member", "Whose version: master, or a member.", {**MEMBER_OR_NONE, "default": "master"}
)
SEARCH: Final = parameter(
    "search", "A search query; * for all documents.", {"type": "string", "minLength": 1, "maxLength": 4096}
)
DOCID: Final = parameter("docid", "The id of a document.", NOT_EMPTY, required=True)
IDS: Final = [
    parameter("ids", "The id of one document."),
    parameter("idType", "What ids are.", one_of(["tagtogID"], "tagtogID")),
]
ANN_JSON: Final[Json] = {"$ref": f"{SCHEMAS}AnnJson"}
SAVE_TO: Final = parameter("saveTo", "Whose version it becomes.", NAME)
CONDITIONS: Final = (
    parameter("If-Match", "The entity tag that was read.", where="header"),
    parameter("If-None-Match", "* where there is no such version yet.", where="header"),
)


def operation_of(
    name: str,
    summary: str,
    parameters: Sequence[Json],
    answers: Mapping[str, Json] | None,
    *,
    body: Mapping[str, Json] | None = None,
    status: str = "200",
    project: bool = True,
    more: Mapping[str, str] | None = None,
) -> Json:
    """Describe one call.

    Args:
        name: Its name.
        summary: What it does or answers.
        parameters: Its parameters besides those that name the project.
        answers: Media type → schema; ``None`` for an answer without a body.
        body: Media type → schema of the request's body.
        status: The status where all goes well.
        project: Whether it is about a project.
        more: Other statuses and what they mean.
    """
    answer: Json = {"description": summary}
    if answers is not None:
        answer["content"] = content_of(answers)
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "parameters": [*(PROJECT if project else ()), *parameters],
        "responses": {
            status: answer,
            **{other: {"description": description} for other, description in (more or {}).items()},
            **{error: {"$ref": f"#/components/responses/Error{error}"} for error in ERRORS},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": content_of(body)}
    return operation
