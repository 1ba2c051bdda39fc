"""The OpenAPI 3.1 description of the calls: ``/-local/openapi.json`` and ``docs/openapi.json``.

What the calls answer is described by the typed dictionaries that they answer with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from spacy_tagtog._tagtog import ROLES, USER_NAME
from spacy_tagtog.agreement import MergeStrategy, Metric
from spacy_tagtog.server.api.documents import DOCUMENT_OUTPUTS, ImportAnswer, SearchAnswer
from spacy_tagtog.server.api.history import DocumentHistory, SaveEntry
from spacy_tagtog.server.api.members import ProjectMembers
from spacy_tagtog.server.api.review import ReviewQueue, StoredOrder
from spacy_tagtog.server.api.settings import ChangedFolders, ChangedSettings, Settings
from spacy_tagtog.server.api.webhooks import DeletedDeliveries, DeliveryReport, RetriedDeliveries
from spacy_tagtog.server.imports.uploads import FORMATS

_Json = dict[str, Any]

_STRING: Final[_Json] = {"type": "string"}
_NOT_EMPTY: Final[_Json] = {"type": "string", "minLength": 1}
_OBJECT: Final[_Json] = {"type": "object"}
_NUMBER: Final[_Json] = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_NAME: Final[_Json] = {"type": "string", "pattern": f"^{USER_NAME.pattern}$"}
_ROLE: Final[_Json] = {"type": "string", "enum": list(ROLES)}
_SCHEMAS: Final = "#/components/schemas/"
_ANN_JSON: Final[_Json] = {"$ref": f"{_SCHEMAS}AnnJson"}
_ANSWERS: Final = (
    ImportAnswer,
    SearchAnswer,
    Settings,
    ChangedSettings,
    ChangedFolders,
    ProjectMembers,
    SaveEntry,
    DocumentHistory,
    DeliveryReport,
    DeletedDeliveries,
    RetriedDeliveries,
    ReviewQueue,
    StoredOrder,
)
"""The typed dictionaries that the calls answer with. Their schemas are made of them."""
_ERRORS: Final = {
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

# --- Pieces of the description


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


def _one_of(values: Sequence[str], default: str | None = None) -> _Json:
    """A text that is one of some values."""
    return {"type": "string", "enum": list(values), **({} if default is None else {"default": default})}


def _object(required: Sequence[str] = (), **properties: _Json) -> _Json:
    return {"type": "object", "required": list(required), "properties": properties}


def _array(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _answer(kind: type) -> _Json:
    """The schema of a typed dictionary."""
    return {"$ref": f"{_SCHEMAS}{kind.__name__}"}


def _json(schema: _Json) -> Mapping[str, _Json]:
    return {"application/json": schema}


def _content(schemas: Mapping[str, _Json]) -> _Json:
    return {kind: {"schema": schema} for kind, schema in schemas.items()}


_PROJECT: Final = [
    _parameter("owner", "The project's owner; by default who asks."),
    _parameter("project", "The project's name.", _NOT_EMPTY, required=True),
]
_MEMBER: Final = _parameter("member", "Whose version: master, or a member.", {**_NAME, "default": "master"})
_SEARCH: Final = _parameter(
    "search", "A search query; * for all documents.", {"type": "string", "minLength": 1, "maxLength": 4096}
)
_DOCID: Final = _parameter("docid", "The id of a document.", _NOT_EMPTY, required=True)
_IDS: Final = [
    _parameter("ids", "The id of one document."),
    _parameter("idType", "What ids are.", _one_of(["tagtogID"], "tagtogID")),
]


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


# --- The calls


def _documents() -> _Json:
    uploads = [
        _parameter(
            "format", "How the content is read; by default as the file's name says.", _one_of(FORMATS)
        ),
        _parameter("output", "What to answer.", _one_of(["null", *DOCUMENT_OUTPUTS], "visualize")),
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
    text = _object(["text"], text=_STRING)
    bodies = {
        "application/x-www-form-urlencoded": text,
        "application/json": text,
        "multipart/form-data": {
            "type": "object",
            "description": "Files under any field names; formats with annotations take pairs "
            "NAME.txt (.plain.html, .md, .pdf…) and NAME.ann.json.",
            "properties": {"files": _array({"type": "string", "format": "binary"})},
        },
    }
    forms = dict.fromkeys(
        (
            "text/html",
            "text/plain",
            "application/xml",
            "text/tab-separated-values",
            "text/csv",
            "application/pdf",
        ),
        _STRING,
    )
    imported = {**_json({"oneOf": [_answer(ImportAnswer), _ANN_JSON]}), **forms}
    found = {**_json({"oneOf": [_answer(SearchAnswer), _ANN_JSON]}), **forms}
    page: _Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0}
    wanted = [
        _SEARCH,
        _parameter("page", "The page of a search, 50 documents each.", page),
        *_IDS,
        _MEMBER,
        _parameter(
            "output",
            "search or csv of a search, else the form of a document.",
            _one_of(["search", "csv", *DOCUMENT_OUTPUTS]),
        ),
    ]
    number = {"text/plain": {"type": "string", "pattern": "^[0-9]+$"}}
    return {
        "get": _operation("getDocuments", "Search, or get one document in one form.", wanted, found),
        "post": _operation(
            "importDocuments", "Import documents, or replace annotations.", uploads, imported, body=bodies
        ),
        "put": _operation("putDocuments", "The same as POST.", uploads, imported, body=bodies),
        "delete": _operation("deleteDocuments", "The number of documents deleted.", [_SEARCH, *_IDS], number),
    }


def _settings_calls() -> _Json:
    settings, changed = _json(_answer(Settings)), _json(_answer(ChangedSettings))
    legend = _json({"type": "object", "additionalProperties": _STRING})
    distribution = _json(
        _object(
            ["taskDistributionNumber", "taskDistributionMembers"],
            taskDistributionNumber={"type": "integer"},
            taskDistributionMembers=_array(_STRING),
        )
    )
    return {
        "annotationsLegend": {"get": _operation("getLegend", "Class ids and their names.", [], legend)},
        "export": {"get": _operation("exportSettings", "The project's settings.", [], settings)},
        "import": {
            "post": _operation(
                "importSettings", "Replace the settings; removes the documents.", [], changed, body=settings
            )
        },
        "task-distribution": {
            "put": _operation(
                "setDistribution", "To how many members each document goes.", [], changed, body=distribution
            )
        },
    }


def _folder_calls() -> _Json:
    folders = _json(_answer(ChangedFolders))
    path = _object(["path"], path=_STRING)
    below = _object(["parentPath", "newFolderName"], parentPath=_STRING, newFolderName=_STRING)
    renamed = _object(["path", "newFolderName"], path=_STRING, newFolderName=_STRING)
    return {
        "folders/add": {
            "post": _operation(
                "addFolder", "Add a folder.", [], folders, body=_json({"anyOf": [path, below]})
            )
        },
        "folders/rename": {
            "post": _operation("renameFolder", "Rename a folder.", [], folders, body=_json(renamed))
        },
        "folders/remove": {
            "post": _operation(
                "removeFolder", "Remove a folder and its documents.", [], folders, body=_json(path)
            )
        },
    }


def _member_calls() -> _Json:
    login = [_parameter("login", "A member.", _NAME, required=True, where="path")]
    new = _json(_object(["loginid", "roleName"], loginid=_STRING, roleName=_ROLE))
    role = _json(_object(["roleName"], roleName=_ROLE))
    return {
        "members": {
            "get": _operation(
                "getMembers", "The members and their roles.", [], _json(_answer(ProjectMembers))
            ),
            "post": _operation("addMember", "Add a member.", [], None, body=new, status="205"),
        },
        "members/{login}": {
            "put": _operation("changeMember", "Change a role.", login, None, body=role, status="205"),
            "delete": _operation("removeMember", "Remove a member.", login, None, status="205"),
        },
    }


def _version_calls() -> _Json:
    save_to = _parameter("saveTo", "Whose version it becomes.", _NAME)
    return {
        "merge": {
            "post": _operation(
                "merge",
                "One version of all confirmed ones.",
                [
                    _DOCID,
                    _parameter("strategy", "How to merge.", _one_of(get_args(MergeStrategy)), required=True),
                    save_to,
                ],
                _json(_ANN_JSON),
            )
        },
        "copy": {
            "post": _operation(
                "copyVersion",
                "A version becomes another's, unconfirmed.",
                [_DOCID, _parameter("from", "Whose.", _NAME, required=True), {**save_to, "required": True}],
                _json(_ANN_JSON),
            )
        },
    }


def _metric_calls() -> _Json:
    agreement = [
        _parameter("member1", "A member.", _NAME, required=True),
        _parameter("member2", "Another member.", _NAME, required=True),
        _parameter("anntaskId", "A class id, such as e_1.", _NOT_EMPTY, required=True),
        _parameter("metric", "How to compare.", _one_of(get_args(Metric), "exact_v1")),
    ]
    return {
        "search_stats": {
            "get": _operation(
                "searchStats", "Counts of the annotations that a search finds.", [_SEARCH], _json(_OBJECT)
            )
        },
        "iaa": {"get": _operation("iaa", "How far two members agree.", agreement, _json(_OBJECT))},
    }


_MOVED: Final = {"303": "The page that shows it, for a form of a page."}


def _annotation_calls() -> _Json:
    member = _parameter("member", "Whose version: master, or a member; by default the user's own.")
    match = _parameter("If-Match", "The entity tag that was read.", where="header")
    none = _parameter("If-None-Match", "* where there is no such version yet.", where="header")
    return {
        "openapi.json": {
            "get": _operation("openapi", "This description.", [], _json(_OBJECT), project=False)
        },
        "annotations": {
            "put": _operation(
                "saveAnnotations",
                "Save a version, as an editor does.",
                [_DOCID, member, match, none],
                _json(_ANN_JSON),
                body=_json(_OBJECT),
            )
        },
    }


def _review_calls() -> _Json:
    member = _parameter("member", "Whose version; by default as the user's role and assignments say.")
    docid = _parameter("docid", "The document; by default the first that waits.")
    after = _parameter("after", "The document after which the next one is looked for.")
    note = _json(_object(["note"], note={"type": "string", "minLength": 1, "maxLength": 2000}))
    return {
        "review": {
            "get": _operation(
                "reviewedDocument",
                "A document with everything that its review page shows.",
                [docid, member],
                _json(_OBJECT),
            )
        },
        "queue": {
            "get": _operation(
                "reviewQueue", "What waits for the user.", [member, after], _json(_answer(ReviewQueue))
            )
        },
        "ranking": {
            "put": _operation(
                "setRanking",
                "Replace the order in which documents are reviewed, as spacy-tagtog rank wrote it.",
                [],
                _json(_answer(StoredOrder)),
                body=_json(_OBJECT),
            )
        },
        "flag": {
            "put": _operation("flag", "Flag a document.", [_DOCID], None, body=note, status="204"),
            "delete": _operation("unflag", "Take a flag away.", [_DOCID], None, status="204"),
        },
    }


def _history_calls() -> _Json:
    number = _parameter("id", "The number of a save.", _NUMBER, required=True)
    output = _parameter("output", "Which form.", _one_of(["ann.json", "plain.html"], "ann.json"))
    saved = {**_json(_ANN_JSON), "text/html": _STRING}
    borders = [
        _parameter("from", "The earlier save; by default the one before.", _NUMBER),
        _parameter("to", "The later save.", _NUMBER, required=True),
    ]
    return {
        "history": {
            "get": _operation(
                "history",
                "Every save of a document's versions.",
                [_DOCID, _MEMBER],
                _json(_answer(DocumentHistory)),
            )
        },
        "history/version": {"get": _operation("savedVersion", "A save.", [_DOCID, number, output], saved)},
        "history/compare": {
            "get": _operation(
                "compareSaves", "What changed between two saves.", [_DOCID, *borders], _json(_OBJECT)
            )
        },
        "history/restore": {
            "post": _operation(
                "restoreSave",
                "Make a save the version of today.",
                [_DOCID, number],
                _json(_answer(SaveEntry)),
                body=_json(_OBJECT),
                more=_MOVED,
            )
        },
    }


def _webhook_calls() -> _Json:
    delivery = [_parameter("id", "One delivery; without it all that failed.", _NUMBER)]
    report = _json(_answer(DeliveryReport))
    return {
        "webhooks": {
            "get": _operation("deliveries", "What was sent to webhooks, and what waits.", [], report),
            "put": _operation(
                "setWebhooks", "Replace the webhooks of the settings.", [], report, body=_json(_OBJECT)
            ),
            "delete": _operation(
                "forgetDeliveries", "Forget failed deliveries.", delivery, _json(_answer(DeletedDeliveries))
            ),
        },
        "webhooks/retry": {
            "post": _operation(
                "retryDeliveries",
                "Try failed deliveries again.",
                delivery,
                _json(_answer(RetriedDeliveries)),
                body=_json(_OBJECT),
                more=_MOVED,
            )
        },
    }


def _paths() -> _Json:
    groups = (
        ("/-api/documents/versions/v0", _version_calls()),
        ("/-api/metrics/v0", _metric_calls()),
        ("/-api/settings/v1", {**_settings_calls(), **_folder_calls(), **_member_calls()}),
        ("/-local", {**_annotation_calls(), **_review_calls(), **_history_calls(), **_webhook_calls()}),
    )
    return {
        "/-api/documents/v1": _documents(),
        **{f"{base}/{path}": calls for base, group in groups for path, calls in group.items()},
    }


# --- The document


def _plain(schema: Any) -> Any:
    """What pydantic makes of a typed dictionary, without what says nothing to a reader of the document.

    Its titles repeat the names of properties. Of docstrings the first paragraph is the description.
    """
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _plain(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
    }
    if isinstance(kept.get("description"), str):
        kept["description"] = kept["description"].partition("\n\n")[0]
    return kept


def _schemas() -> _Json:
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (kind.__name__, "serialization", TypeAdapter(kind)) for kind in _ANSWERS
    ]
    _, definitions = TypeAdapter.json_schemas(adapters, ref_template=f"{_SCHEMAS}{{model}}")
    return {
        "AnnJson": {
            "description": "The annotations of a document (anndoc, ann.json).",
            **_object(
                ["annotatable"],
                annotatable=_OBJECT,
                anncomplete={"type": "boolean"},
                entities=_array(_OBJECT),
                metas=_OBJECT,
                relations=_array(_OBJECT),
            ),
        },
        **_plain(definitions["$defs"]),
    }


@cache
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
            "description": "tagtog's HTTP API (/-api/) on a SQLite file, and what only the local tagtog has "
            "(/-local/). Errors are plain text.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": _schemas(),
            "responses": {
                f"Error{status}": {"description": description, "content": _content({"text/plain": _STRING})}
                for status, description in _ERRORS.items()
            },
        },
    }
