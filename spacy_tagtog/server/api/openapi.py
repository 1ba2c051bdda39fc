"""The OpenAPI 3.1 description of the local tagtog's calls: ``GET /-local/openapi.json``, and ``docs/openapi.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from spacy_tagtog.agreement import MergeStrategy, Metric
from spacy_tagtog.server.db.roles import ROLES
from spacy_tagtog.server.imports.uploads import FORMATS

_Json = dict[str, Any]

_STRING: _Json = {"type": "string"}
_OBJECT: _Json = {"type": "object"}
_ID: _Json = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_ANN_JSON = {"$ref": "#/components/schemas/AnnJson"}
_SETTINGS = {"$ref": "#/components/schemas/Settings"}
DOCUMENT_OUTPUTS = (
    "ann.json",
    "plain.html",
    "html",
    "xml",
    "txt",
    "text",
    "orig",
    "original",
    "entitiestsv",
    "entitiesonlyclassestsv",
    "weburl",
    "visualize",
    "web",
    "web-editor-only",
)
_ERRORS = {
    "400": "The request can't be understood, or what it sends isn't legal.",
    "401": "No user name and password were given, or wrong ones.",
    "403": "The user's role doesn't allow it, or another web site sent the request.",
    "404": "There is no such project, document, member or save.",
    "405": "The address has no such method.",
    "409": "It contradicts what is there.",
    "412": "Somebody else saved in between.",
    "413": "The request is too large.",
    "501": "The local tagtog doesn't have this, such as importing from the network.",
    "503": "Another program holds the database: try again.",
    "507": "There is no space left.",
}


def _parameter(
    name: str, description: str, schema: _Json | None = None, *, required: bool = False, where: str = "query"
) -> _Json:
    return {
        "name": name,
        "in": where,
        "description": description,
        "required": required,
        "schema": schema or _STRING,
    }


_PROJECT = [
    _parameter("owner", "The project's owner; by default who asks."),
    _parameter("project", "The project's name.", {"type": "string", "minLength": 1}, required=True),
]
_MEMBER = _parameter(
    "member",
    "Whose version: master, or a member.",
    {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "default": "master"},
)
_SEARCH = _parameter(
    "search", "A search query; * for all documents.", {"type": "string", "minLength": 1, "maxLength": 4096}
)
_DOCID = _parameter("docid", "The id of a document.", {"type": "string", "minLength": 1}, required=True)


def _content(schemas: Mapping[str, _Json]) -> _Json:
    return {kind: {"schema": schema} for kind, schema in schemas.items()}


def _operation(
    name: str,
    summary: str,
    parameters: Sequence[_Json],
    answers: Mapping[str, _Json] | None,
    *,
    body: Mapping[str, _Json] | None = None,
    status: str = "200",
    project: bool = True,
    more: Mapping[str, str] | None = None,
) -> _Json:
    """One call. Args: answers: media type to schema; None for an answer without a body. more: other statuses and what they mean."""
    answer: _Json = {"description": summary}
    if answers is not None:
        answer["content"] = _content(answers)
    operation: _Json = {
        "operationId": name,
        "summary": summary,
        "parameters": [*(_PROJECT if project else ()), *parameters],
        "responses": {
            status: answer,
            **{other: {"description": description} for other, description in (more or {}).items()},
            **{error: {"$ref": f"#/components/responses/Error{error}"} for error in _ERRORS},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    return operation


def _object(required: Sequence[str] = (), **properties: _Json) -> _Json:
    return {"type": "object", "required": list(required), "properties": properties}


def _array(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _documents() -> _Json:
    uploads = [
        _parameter(
            "format",
            "How the content is read; by default as the file's name says.",
            {"type": "string", "enum": list(FORMATS)},
        ),
        _parameter(
            "output",
            "What to answer.",
            {"type": "string", "enum": ["null", *DOCUMENT_OUTPUTS], "default": "visualize"},
        ),
        _MEMBER,
        _parameter("folder", "Index, path or name of the folder.", {"type": "string", "default": "pool"}),
        _parameter(
            "distributeToMembers",
            "- as the project has it, nothing for nobody, * for all, or names with commas.",
        ),
        _parameter(
            "keepConfirmed", "true: leave confirmed versions alone; their result is kept. Not tagtog's own."
        ),
        _parameter("filename", "The name to give the document."),
    ]
    bodies = {
        "application/x-www-form-urlencoded": _object(["text"], text=_STRING),
        "application/json": _object(["text"], text=_STRING),
        "multipart/form-data": {
            "type": "object",
            "description": "Files under any field names; formats with annotations take pairs NAME.txt (.plain.html, .md, .pdf…) and NAME.ann.json.",
            "properties": {"files": _array({"type": "string", "format": "binary"})},
        },
    }
    answers = {
        "application/json": {"oneOf": [{"$ref": "#/components/schemas/Import"}, _ANN_JSON]},
        **dict.fromkeys(
            (
                "text/html",
                "text/plain",
                "application/xml",
                "text/tab-separated-values",
                "text/csv",
                "application/pdf",
            ),
            _STRING,
        ),
    }
    found = {**answers, "application/json": {"oneOf": [{"$ref": "#/components/schemas/Search"}, _ANN_JSON]}}
    wanted = [
        _SEARCH,
        _parameter(
            "page",
            "The page of a search, 50 documents each.",
            {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
        ),
        _parameter("ids", "The id of one document."),
        _parameter(
            "idType", "What ids are.", {"type": "string", "enum": ["tagtogID"], "default": "tagtogID"}
        ),
        _MEMBER,
        _parameter(
            "output",
            "search or csv of a search, else the form of a document.",
            {"type": "string", "enum": ["search", "csv", *DOCUMENT_OUTPUTS]},
        ),
    ]
    return {
        "get": _operation("getDocuments", "Search, or get one document in one form.", wanted, found),
        "post": _operation(
            "importDocuments", "Import documents, or replace annotations.", uploads, answers, body=bodies
        ),
        "put": _operation("putDocuments", "The same as POST.", uploads, answers, body=bodies),
        "delete": _operation(
            "deleteDocuments",
            "The number of documents deleted.",
            [_SEARCH, wanted[2], wanted[3]],
            {"text/plain": {"type": "string", "pattern": "^[0-9]+$"}},
        ),
    }


def _settings_calls() -> _Json:
    base = "/-api/settings/v1"
    folders = {"application/json": _object(["ok", "folders"], ok={"const": 1}, folders=_OBJECT)}
    changed = {
        "application/json": _object(["mapNewIds", "newSettings"], mapNewIds=_OBJECT, newSettings=_SETTINGS)
    }
    role = {"type": "string", "enum": list(ROLES)}
    login = _parameter(
        "login",
        "A member.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        required=True,
        where="path",
    )
    path = {"application/json": _object(["path"], path=_STRING)}
    new = {
        "application/json": {
            "anyOf": [
                _object(["path"], path=_STRING),
                _object(["parentPath", "newFolderName"], parentPath=_STRING, newFolderName=_STRING),
            ]
        }
    }
    renamed = {"application/json": _object(["path", "newFolderName"], path=_STRING, newFolderName=_STRING)}
    member = {"application/json": _object(["loginid", "roleName"], loginid=_STRING, roleName=role)}
    distribution = {
        "application/json": _object(
            ["taskDistributionNumber", "taskDistributionMembers"],
            taskDistributionNumber={"type": "integer"},
            taskDistributionMembers=_array(_STRING),
        )
    }
    legend = {"application/json": {"type": "object", "additionalProperties": _STRING}}
    return {
        f"{base}/annotationsLegend": {
            "get": _operation("getLegend", "Class ids and their names.", [], legend)
        },
        f"{base}/export": {
            "get": _operation(
                "exportSettings", "The project's settings.", [], {"application/json": _SETTINGS}
            )
        },
        f"{base}/import": {
            "post": _operation(
                "importSettings",
                "Replace the settings; removes the documents.",
                [],
                changed,
                body={"application/json": _SETTINGS},
            )
        },
        f"{base}/folders/add": {"post": _operation("addFolder", "Add a folder.", [], folders, body=new)},
        f"{base}/folders/rename": {
            "post": _operation("renameFolder", "Rename a folder.", [], folders, body=renamed)
        },
        f"{base}/folders/remove": {
            "post": _operation("removeFolder", "Remove a folder and its documents.", [], folders, body=path)
        },
        f"{base}/members": {
            "get": _operation(
                "getMembers",
                "The members and their roles.",
                [],
                {"application/json": _object(["members"], members=_array(_OBJECT))},
            ),
            "post": _operation("addMember", "Add a member.", [], None, body=member, status="205"),
        },
        f"{base}/members/{{login}}": {
            "put": _operation(
                "changeMember",
                "Change a role.",
                [login],
                None,
                body={"application/json": _object(["roleName"], roleName=role)},
                status="205",
            ),
            "delete": _operation("removeMember", "Remove a member.", [login], None, status="205"),
        },
        f"{base}/task-distribution": {
            "put": _operation(
                "setDistribution", "To how many members each document goes.", [], changed, body=distribution
            )
        },
    }


def _versions_and_metrics() -> _Json:
    versions, metrics = "/-api/documents/versions/v0", "/-api/metrics/v0"
    member: _Json = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
    annotated = {"application/json": _ANN_JSON}
    strategy = _parameter(
        "strategy", "How to merge.", {"type": "string", "enum": list(get_args(MergeStrategy))}, required=True
    )
    agreement = [
        _parameter("member1", "A member.", member, required=True),
        _parameter("member2", "Another member.", member, required=True),
        _parameter(
            "anntaskId", "A class id, such as e_1.", {"type": "string", "minLength": 1}, required=True
        ),
        _parameter(
            "metric",
            "How to compare.",
            {"type": "string", "enum": list(get_args(Metric)), "default": "exact_v1"},
        ),
    ]
    return {
        f"{versions}/merge": {
            "post": _operation(
                "merge",
                "One version of all confirmed ones.",
                [_DOCID, strategy, _parameter("saveTo", "Whose version it becomes.", member)],
                annotated,
            )
        },
        f"{versions}/copy": {
            "post": _operation(
                "copyVersion",
                "A version becomes another's, unconfirmed.",
                [
                    _DOCID,
                    _parameter("from", "Whose.", member, required=True),
                    _parameter("saveTo", "To whom.", member, required=True),
                ],
                annotated,
            )
        },
        f"{metrics}/search_stats": {
            "get": _operation(
                "searchStats",
                "Counts of the annotations that a search finds.",
                [_SEARCH],
                {"application/json": _OBJECT},
            )
        },
        f"{metrics}/iaa": {
            "get": _operation("iaa", "How far two members agree.", agreement, {"application/json": _OBJECT})
        },
    }


def _local_calls() -> _Json:
    number = _parameter("id", "The number of a save.", _ID, required=True)
    delivery = _parameter("id", "One delivery; without it all that failed.", _ID)
    member = {
        **_MEMBER,
        "description": "Whose version: master, or a member; by default the user's own.",
        "schema": {"type": "string"},
    }
    match = _parameter("If-Match", "The entity tag that was read.", where="header")
    saved = {"application/json": _object(["docid", "history"], docid=_STRING, history=_array(_OBJECT))}
    pressed = {"application/json": _OBJECT}
    moved = {"303": "The page that shows it, for a form of a page."}
    html = {"application/json": _ANN_JSON, "text/html": _STRING}
    return {
        "/-local/openapi.json": {
            "get": _operation(
                "openapi", "This description.", [], {"application/json": _OBJECT}, project=False
            )
        },
        "/-local/annotations": {
            "put": _operation(
                "saveAnnotations",
                "Save a version, as an editor does.",
                [_DOCID, member, match],
                {"application/json": _ANN_JSON},
                body=pressed,
            )
        },
        "/-local/history": {
            "get": _operation("history", "Every save of a document's versions.", [_DOCID, _MEMBER], saved)
        },
        "/-local/history/version": {
            "get": _operation(
                "savedVersion",
                "A save.",
                [
                    _DOCID,
                    number,
                    _parameter(
                        "output",
                        "Which form.",
                        {"type": "string", "enum": ["ann.json", "plain.html"], "default": "ann.json"},
                    ),
                ],
                html,
            )
        },
        "/-local/history/compare": {
            "get": _operation(
                "compareSaves",
                "What changed between two saves.",
                [
                    _DOCID,
                    _parameter("from", "The earlier save; by default the one before.", _ID),
                    _parameter("to", "The later save.", _ID, required=True),
                ],
                {"application/json": _OBJECT},
            )
        },
        "/-local/history/restore": {
            "post": _operation(
                "restoreSave",
                "Make a save the version of today.",
                [_DOCID, number],
                {"application/json": _OBJECT},
                body=pressed,
                more=moved,
            )
        },
        "/-local/webhooks": {
            "get": _operation(
                "deliveries",
                "What was sent to webhooks, and what waits.",
                [],
                {"application/json": {"type": ["object", "array"]}},
            ),
            "put": _operation(
                "setWebhooks",
                "Replace the webhooks of the settings.",
                [],
                {"application/json": _OBJECT},
                body=pressed,
            ),
            "delete": _operation(
                "forgetDeliveries",
                "Forget failed deliveries.",
                [delivery],
                {"application/json": _object(["deleted"], deleted={"type": "integer"})},
            ),
        },
        "/-local/webhooks/retry": {
            "post": _operation(
                "retryDeliveries",
                "Try failed deliveries again.",
                [delivery],
                {"application/json": _object(["waiting"], waiting={"type": "integer"})},
                body=pressed,
                more=moved,
            )
        },
    }


def _schemas() -> _Json:
    date, texts, boolean, integer = (
        {"type": "string", "format": "date-time"},
        _array(_STRING),
        {"type": "boolean"},
        {"type": "integer"},
    )
    item = _object(
        [
            "origid",
            "filenames",
            "names",
            "rawInputSizeInBytes",
            "docid",
            "tagtogID",
            "result",
            "parsedTextSizeInBytes",
        ],
        origid=_STRING,
        filenames=texts,
        names=texts,
        rawInputSizeInBytes=integer,
        docid=_STRING,
        tagtogID=_STRING,
        result={"type": "string", "enum": ["created", "updated", "kept"]},
        parsedTextSizeInBytes=integer,
    )
    hit = _object(
        [
            "id",
            "filename",
            "header",
            "created",
            "updated",
            "anncomplete",
            "members_anncomplete",
            "members_assigned",
            "folder",
        ],
        id=_STRING,
        filename=_STRING,
        header=_STRING,
        created=date,
        updated=date,
        anncomplete=boolean,
        members_anncomplete=texts,
        members_assigned=texts,
        folder=_STRING,
    )
    pages = _object(
        ["current", "previous", "next", "numPages", "pageSize"],
        current=integer,
        previous=integer,
        next=integer,
        numPages=integer,
        pageSize={"const": 50},
    )
    return {
        "AnnJson": {
            "type": "object",
            "description": "The annotations of a document (anndoc, ann.json).",
            "properties": {
                "annotatable": _OBJECT,
                "anncomplete": boolean,
                "entities": _array(_OBJECT),
                "metas": _OBJECT,
                "relations": _array(_OBJECT),
            },
            "required": ["annotatable"],
        },
        "Settings": {
            "type": "object",
            "description": "A project's settings, as tagtog exports them.",
            "properties": {
                "folders": _OBJECT,
                "entities": _OBJECT,
                "metas": _OBJECT,
                "fields": _OBJECT,
                "relations": _OBJECT,
            },
        },
        "Import": _object(
            ["ok", "errors", "items", "warnings"],
            ok=integer,
            errors={"const": 0},
            items=_array(item),
            warnings=texts,
        ),
        "Search": _object(
            ["version", "search", "totalFound", "pages", "docs"],
            version=_STRING,
            search=_STRING,
            totalFound=integer,
            pages=pages,
            docs=_array(hit),
        ),
    }


def openapi_document() -> _Json:
    """The description, as JSON can hold it.

    Source: the OpenAPI Specification 3.1, https://spec.openapis.org/oas/v3.1.0
    """
    from spacy_tagtog import __version__

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The local tagtog",
            "version": __version__,
            "description": "tagtog's HTTP API (/-api/) on a SQLite file, and what only the local tagtog has (/-local/). Errors are plain text.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}],
        "paths": {
            "/-api/documents/v1": _documents(),
            **_versions_and_metrics(),
            **_settings_calls(),
            **_local_calls(),
        },
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": _schemas(),
            "responses": {
                f"Error{status}": {"description": description, "content": _content({"text/plain": _STRING})}
                for status, description in _ERRORS.items()
            },
        },
    }
