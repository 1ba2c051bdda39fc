"""The OpenAPI 3.1 description of the calls: ``/-local/openapi.json`` and ``docs/openapi.json``.

What the calls answer is described by the typed dictionaries that they answer with.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_args

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from spacy_tagtog.agreement import Metric
from spacy_tagtog.server.api.comparable import ComparableVersions, SavedVersion
from spacy_tagtog.server.api.compare import ComparedDocuments, Comparison, Decided
from spacy_tagtog.server.api.dictionary import MOST_CHARACTERS, SuggestedEntries
from spacy_tagtog.server.api.documents import DOCUMENT_OUTPUTS, ImportAnswer, SearchAnswer
from spacy_tagtog.server.api.history import DocumentHistory, SaveEntry
from spacy_tagtog.server.api.members import PendingMembers, ProjectMembers
from spacy_tagtog.server.api.openapi_compare import compare_calls, merge_call
from spacy_tagtog.server.api.openapi_parts import (
    ANN_JSON,
    CONDITIONS,
    DOCID,
    ERRORS,
    FILE_NAME,
    HOOKS,
    IDS,
    MEMBER,
    MEMBER_OR_NONE,
    NAME,
    NOT_EMPTY,
    NUMBER,
    OBJECT,
    SAVE_TO,
    SCHEMAS,
    SEARCH,
    STRING,
    TEXT,
    Json,
    answer_of,
    array_of,
    as_json,
    content_of,
    object_of,
    one_of,
    operation_of,
    parameter,
)
from spacy_tagtog.server.api.openapi_settings import FOLDER, folder_calls, member_calls, settings_calls
from spacy_tagtog.server.api.queue import RankedPlace, ReviewQueue, StoredOrder
from spacy_tagtog.server.api.settings import ChangedFolders, ChangedSettings, Guidelines, Settings
from spacy_tagtog.server.api.webhooks import DeletedDeliveries, DeliveryReport, RetriedDeliveries
from spacy_tagtog.server.imports.uploads import FORMATS

_ANSWERS: Final = (
    ImportAnswer,
    SearchAnswer,
    Settings,
    ChangedSettings,
    ChangedFolders,
    Guidelines,
    ProjectMembers,
    PendingMembers,
    SaveEntry,
    DocumentHistory,
    DeliveryReport,
    DeletedDeliveries,
    RetriedDeliveries,
    ReviewQueue,
    StoredOrder,
    ComparableVersions,
    Comparison,
    ComparedDocuments,
    Decided,
    SavedVersion,
    SuggestedEntries,
    RankedPlace,
)
"""The typed dictionaries that the calls answer with. Their schemas are made of them."""
# --- The calls


def _documents() -> Json:
    uploads = [
        parameter("format", "How the content is read; by default as the file's name says.", one_of(FORMATS)),
        parameter("output", "What to answer.", one_of(["null", *DOCUMENT_OUTPUTS], "visualize")),
        MEMBER,
        parameter("folder", "Index, path or name of the folder.", {"type": "string", "default": "pool"}),
        parameter(
            "distributeToMembers",
            "- as the project has it, nothing for nobody, * for all, or names with commas.",
        ),
        parameter(
            "keepReviewed",
            "true: leave alone what people confirmed, and what they decided at a page where this would undo "
            "it; the result is kept. Not tagtog's own.",
            one_of(["true", "false"], "false"),
        ),
        parameter("filename", "The name to give the document.", FILE_NAME),
    ]
    text = object_of(["text"], text=TEXT)
    bodies = {
        "application/x-www-form-urlencoded": text,
        "application/json": text,
        "multipart/form-data": {
            "type": "object",
            "description": "Files under any field names; formats with annotations take pairs "
            "NAME.txt (.plain.html, .md, .pdf…) and NAME.ann.json.",
            "required": ["files"],
            "properties": {"files": {**array_of({"type": "string", "format": "binary"}), "minItems": 1}},
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
        STRING,
    )
    imported = {**as_json({"oneOf": [answer_of(ImportAnswer), ANN_JSON]}), **forms}
    found = {**as_json({"oneOf": [answer_of(SearchAnswer), ANN_JSON]}), **forms}
    page: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0}
    wanted = [
        SEARCH,
        parameter("page", "The page of a search, 50 documents each.", page),
        *IDS,
        MEMBER,
        parameter(
            "output",
            "search or csv of a search, else the form of a document.",
            one_of(["search", "csv", *DOCUMENT_OUTPUTS]),
        ),
    ]
    number = {"text/plain": {"type": "string", "pattern": "^[0-9]+$"}}
    return {
        "get": operation_of(
            "getDocuments",
            "Search, or get one document in one form: one of search and ids is given.",
            wanted,
            found,
        ),
        "post": operation_of(
            "importDocuments", "Import documents, or replace annotations.", uploads, imported, body=bodies
        ),
        "put": operation_of("putDocuments", "The same as POST.", uploads, imported, body=bodies),
        "delete": operation_of(
            "deleteDocuments",
            "Delete what one of search and ids names; answers the number of documents.",
            [SEARCH, *IDS],
            number,
        ),
    }


def _version_calls() -> Json:
    return {
        "merge": merge_call("merge"),
        "copy": {
            "post": operation_of(
                "copyVersion",
                "A version becomes another's, unconfirmed.",
                [
                    DOCID,
                    parameter("from", "Whose.", NAME, required=True),
                    {**SAVE_TO, "required": True},
                    *CONDITIONS,
                ],
                as_json(ANN_JSON),
            )
        },
    }


def _metric_calls() -> Json:
    agreement = [
        parameter("member1", "A member.", NAME, required=True),
        parameter("member2", "Another member.", NAME, required=True),
        parameter("anntaskId", "A class id, such as e_1.", NOT_EMPTY, required=True),
        parameter("metric", "How to compare.", one_of(get_args(Metric), "exact_v1")),
    ]
    return {
        "search_stats": {
            "get": operation_of(
                "searchStats",
                "Counts of the annotations that a search finds; without one, of all.",
                [parameter("search", "A search query.", {"type": "string", "maxLength": 4096})],
                as_json(OBJECT),
            )
        },
        "iaa": {"get": operation_of("iaa", "How far two members agree.", agreement, as_json(OBJECT))},
    }


_MOVED: Final = {"303": "The page that shows it, for a form of a page."}


def _annotation_calls() -> Json:
    member = parameter(
        "member", "Whose version: master, or a member; by default the user's own.", MEMBER_OR_NONE
    )
    effort = parameter(
        "effort",
        "The active seconds since the save before, where the project measures time: "
        '{"seconds": 12.5, "decisions": {"accept": [3, 4.2]}}.',
    )
    return {
        "openapi.json": {
            "get": operation_of("openapi", "This description.", [], as_json(OBJECT), project=False)
        },
        "annotations": {
            "put": operation_of(
                "saveAnnotations",
                "Save a version, as an editor does.",
                [DOCID, member, effort, *CONDITIONS],
                as_json(ANN_JSON),
                body=as_json(OBJECT),
            )
        },
    }


def _review_calls() -> Json:
    member = parameter(
        "member", "Whose version; by default as the user's role and assignments say.", MEMBER_OR_NONE
    )
    docid = parameter("docid", "The document; by default the first that waits.")
    after = parameter("after", "The document after which the next one is looked for.")
    note = as_json(object_of(["note"], note={"type": "string", "minLength": 1, "maxLength": 2000}))
    entry = [
        parameter("dictionary", "The class id of a dictionary, such as n_1.", NOT_EMPTY, required=True),
        parameter(
            "search",
            "A part of an id or a name; by default the text.",
            {"type": "string", "maxLength": MOST_CHARACTERS},
        ),
        parameter("text", "The entity's text: what people used for the same text comes first."),
    ]
    return {
        "dictionary": {
            "get": operation_of(
                "suggestEntries",
                "At most 20 entries that an entity may be normalized to, the best first.",
                entry,
                as_json(answer_of(SuggestedEntries)),
            )
        },
        "review": {
            "get": operation_of(
                "reviewedDocument",
                "A document with everything that its review page shows.",
                [docid, member],
                as_json(OBJECT),
            )
        },
        "queue": {
            "get": operation_of(
                "reviewQueue", "What waits for the user.", [member, after], as_json(answer_of(ReviewQueue))
            )
        },
        "ranking": {
            "put": operation_of(
                "setRanking",
                "Replace the order in which documents are reviewed, as spacy-tagtog rank wrote it.",
                [],
                as_json(answer_of(StoredOrder)),
                body=as_json(object_of(["documents"], documents=array_of(answer_of(RankedPlace)))),
            )
        },
        "flag": {
            "put": operation_of("flag", "Flag a document.", [DOCID], None, body=note, status="204"),
            "delete": operation_of("unflag", "Take a flag away.", [DOCID], None, status="204"),
        },
    }


def _guideline_calls() -> Json:
    guidelines = as_json(answer_of(Guidelines))
    return {
        "guidelines": {
            "get": operation_of("getGuidelines", "What annotators go by, as markdown.", [], guidelines),
            "put": operation_of("setGuidelines", "Replace it.", [], guidelines, body=guidelines),
        }
    }


def _history_calls() -> Json:
    number = parameter("id", "The number of a save.", NUMBER, required=True)
    output = parameter("output", "Which form.", one_of(["ann.json", "plain.html"], "ann.json"))
    saved = {**as_json(ANN_JSON), "text/html": STRING}
    borders = [
        parameter("from", "The earlier save; by default the one before.", NUMBER),
        parameter("to", "The later save.", NUMBER, required=True),
    ]
    return {
        "history": {
            "get": operation_of(
                "history",
                "Every save of a document's versions.",
                [DOCID, MEMBER],
                as_json(answer_of(DocumentHistory)),
            )
        },
        "history/version": {"get": operation_of("savedVersion", "A save.", [DOCID, number, output], saved)},
        "history/compare": {
            "get": operation_of(
                "compareSaves", "What changed between two saves.", [DOCID, *borders], as_json(OBJECT)
            )
        },
        "history/restore": {
            "post": operation_of(
                "restoreSave",
                "Make a save the version of today.",
                [DOCID, number],
                as_json(answer_of(SaveEntry)),
                body=as_json(OBJECT),
                more=_MOVED,
            )
        },
    }


def _webhook_calls() -> Json:
    delivery = [parameter("id", "One delivery; without it all that failed.", NUMBER)]
    report = as_json(answer_of(DeliveryReport))
    return {
        "webhooks": {
            "get": operation_of("deliveries", "What was sent to webhooks, and what waits.", [], report),
            "put": operation_of(
                "setWebhooks", "Replace the webhooks of the settings.", [], report, body=as_json(HOOKS)
            ),
            "delete": operation_of(
                "forgetDeliveries",
                "Forget failed deliveries.",
                delivery,
                as_json(answer_of(DeletedDeliveries)),
            ),
        },
        "webhooks/retry": {
            "post": operation_of(
                "retryDeliveries",
                "Try failed deliveries again.",
                delivery,
                as_json(answer_of(RetriedDeliveries)),
                body=as_json(OBJECT),
                more=_MOVED,
            )
        },
    }


def _paths() -> Json:
    groups = (
        ("/-api/documents/versions/v0", _version_calls()),
        ("/-api/metrics/v0", _metric_calls()),
        ("/-api/settings/v1", {**settings_calls(), **folder_calls(), **member_calls()}),
        (
            "/-local",
            {
                **_annotation_calls(),
                **_review_calls(),
                **_guideline_calls(),
                **compare_calls(),
                **_history_calls(),
                **_webhook_calls(),
            },
        ),
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


def _schemas() -> Json:
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (kind.__name__, "serialization", TypeAdapter(kind)) for kind in _ANSWERS
    ]
    _, definitions = TypeAdapter.json_schemas(adapters, ref_template=f"{SCHEMAS}{{model}}")
    return {
        "AnnJson": {
            "description": "The annotations of a document (anndoc, ann.json).",
            **object_of(
                ["annotatable"],
                annotatable=OBJECT,
                anncomplete={"type": "boolean"},
                entities=array_of(OBJECT),
                metas=OBJECT,
                relations=array_of(OBJECT),
            ),
        },
        "Folder": FOLDER,
        **_plain(definitions["$defs"]),
    }


@cache
def openapi_document() -> Json:
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
            "(/-local/). Errors are plain text, and pages for who asks for text/html. Browsers that are "
            "logged in send a cookie in place of a password. A parameter that is empty counts as not given.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": _schemas(),
            "responses": {
                f"Error{status}": {"description": description, "content": content_of({"text/plain": STRING})}
                for status, description in ERRORS.items()
            },
        },
    }
