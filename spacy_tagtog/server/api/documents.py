"""The calls about documents: import, search, get, delete.

Facts: tagtog's documents API (v1), https://docs.tagtog.com/API_documents_v1.html.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from typing import Final, Literal

from starlette.responses import PlainTextResponse, Response
from typing_extensions import TypedDict

from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import Moment, disposition, json_answer
from spacy_tagtog.server.api.context import PAGE_SIZE, Call, not_offline, parse_number, path_of
from spacy_tagtog.server.api.history import version_etag
from spacy_tagtog.server.api.tsv import entities_only_tsv, entities_tsv
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db import documents as stored_documents
from spacy_tagtog.server.db.documents import StoredDocument, document_key, read_document
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.uploads import Uploaded, store_uploads
from spacy_tagtog.server.imports.uploads import TEXT_NAME, Upload, UploadedFile, read_uploads
from spacy_tagtog.server.search.results import Hit, find_all, search, states
from spacy_tagtog.server.settings import ProjectInfo

_API_VERSION = "0.7.0"
DOCUMENT_OUTPUTS: Final = (
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
"""The forms in which a document is given out."""


class ImportedItem(TypedDict):
    """What became of one document of an import."""

    origid: str
    filenames: list[str]
    names: list[str]
    rawInputSizeInBytes: int
    docid: str
    tagtogID: str
    result: Literal["created", "updated", "kept"]
    parsedTextSizeInBytes: int


class ImportAnswer(TypedDict):
    """The answer to an import."""

    ok: int
    errors: Literal[0]
    items: list[ImportedItem]
    warnings: list[str]


class FoundDocument(TypedDict):
    """A document that a search found."""

    id: str
    filename: str
    header: str
    created: Moment
    updated: Moment
    anncomplete: bool
    members_anncomplete: list[str]
    members_assigned: list[str]
    folder: str


class SearchPages(TypedDict):
    """Where a page of a search's answer stands among all its pages. Pages count from 0; -1 is none."""

    current: int
    previous: int
    next: int
    numPages: int
    pageSize: int


class SearchAnswer(TypedDict):
    """A page of a search's answer."""

    version: str
    search: str
    totalFound: int
    pages: SearchPages
    docs: list[FoundDocument]


_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
}


def _media_type(name: str) -> str:
    """Of an original file. HTML keeps its own declaration of what encoding it is in."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix in (".html", ".htm"):
        return "text/html; charset=utf-8" if name.endswith(".plain.html") else "text/html"
    return _MEDIA_TYPES.get(suffix, "text/plain; charset=utf-8")


def _web_url(call: Call, project: tuple[str, str], document: StoredDocument) -> str:
    return call.base_url.rstrip("/") + path_of(*project, document.folder, document.docid)


def _output(call: Call, docid: str, output: str) -> Response:
    """One document in one form."""
    project = call.project
    if output not in DOCUMENT_OUTPUTS:
        raise RequestError(
            400,
            "there is no such output of a document",
            place="output",
            value=output,
            legal=", ".join(DOCUMENT_OUTPUTS),
        )
    call.access.need_to_read(call.member)
    with call.database.reading() as connection:
        info = read_project(connection, *project)
        document = read_document(connection, info, docid, member=call.member)
    headers = {} if document.version.warning is None else {"Warning": f'299 - "{document.version.warning}"'}
    name = document.docid
    if output == "ann.json":
        if not headers:
            headers["ETag"] = version_etag(document.version.json)
        return Response(
            document.version.json.encode(),
            media_type="application/json",
            headers={**headers, **disposition(f"{name}.ann.json")},
        )
    if output in ("plain.html", "html", "xml"):
        return Response(
            document.html,
            media_type="application/xml" if output == "xml" else "text/html; charset=utf-8",
            headers=disposition(f"{name}.plain.html"),
        )
    if output in ("orig", "original"):
        return Response(
            document.original,
            headers={
                "Content-Type": _media_type(document.original_name),
                **disposition(document.original_name),
            },
        )
    if output == "weburl":
        return PlainTextResponse(_web_url(call, project, document))
    return _rendered(call, info, document, output, headers)


def _rendered(
    call: Call, info: ProjectInfo, document: StoredDocument, output: str, headers: dict[str, str]
) -> Response:
    """A document in a form that is made of its text and its annotations."""
    name = document.docid
    html = PlainHtml(document.html)
    if output in ("txt", "text"):
        return PlainTextResponse(html.text, headers=disposition(f"{name}.txt"))
    annotations = Annotations.parse(document.version.json)
    if output in ("visualize", "web", "web-editor-only"):
        return call.show_document(call.access, info, document, html, annotations, headers)
    table = entities_tsv if output == "entitiestsv" else entities_only_tsv
    text = table(html, annotations, info.legend)
    return Response(
        text.encode("utf-8", "replace"),
        headers={
            "Content-Type": "text/tab-separated-values; charset=utf-8",
            **headers,
            **disposition(f"{name}.tsv"),
        },
    )


def _item(upload: Upload, uploaded: Uploaded) -> ImportedItem:
    names = sorted(upload.names)
    return {
        "origid": upload.base
        if upload.html is not None and uploaded.result == "created"
        else uploaded.filename,
        "filenames": names,
        "names": names,
        "rawInputSizeInBytes": upload.size,
        "docid": uploaded.docid,
        "tagtogID": uploaded.docid,
        "result": uploaded.result,
        "parsedTextSizeInBytes": uploaded.text_bytes,
    }


def _uploads(call: Call) -> list[Upload]:
    """The documents of the request: its text, or its files."""
    files, filename = list(call.body.files), call.query.get("filename") or None
    if "text" in call.body.fields:
        if files:
            raise RequestError(400, "the body has both text and files", legal="one of both")
        text_format = call.query.get("format") or "default"
        filename = filename or TEXT_NAME
        # Whatever its name is, it is text.
        return read_uploads(
            [UploadedFile.of_text(TEXT_NAME, call.field("text"))], text_format, filename=filename
        )
    if files:
        return read_uploads(files, call.query.get("format"), filename=filename)
    raise RequestError(
        400,
        "the request has nothing to import",
        place=call.path,
        legal="text=, or files in multipart/form-data",
    )


def import_documents(call: Call) -> Response:
    """``POST`` and ``PUT /documents/v1``: import documents, or replace their annotations."""
    for name in ("url", "ids"):
        if name in call.query or name in call.body.fields:
            raise not_offline(name)
    call.need("import documents")
    call.access.need_to_edit(call.member)
    project, member, output = call.project, call.member, call.query.get("output") or "visualize"
    if output != "null" and output not in DOCUMENT_OUTPUTS:
        raise RequestError(
            400,
            "there is no such output of an import",
            place="output",
            value=output,
            legal=", ".join(("null", *DOCUMENT_OUTPUTS)),
        )
    keep = call.query.get("keepReviewed") or "false"
    if keep not in ("true", "false"):
        raise RequestError(
            400, "this is neither true nor false", place="keepReviewed", value=keep, legal="true, false"
        )
    uploads = _uploads(call)
    stored = call.database.write(
        store_uploads,
        *project,
        uploads,
        member=member,
        folder=call.query.get("folder") or "pool",
        author=call.author,
        distribute=call.query.get("distributeToMembers", "-"),
        # Not tagtog's own, which overwrites. Between a client's look and its upload somebody may confirm.
        keep_reviewed=keep == "true",
    )
    if output == "null":
        items = [_item(upload, one) for upload, one in zip(uploads, stored, strict=True)]
        warnings = [text for upload in uploads for text in upload.warnings]
        answer: ImportAnswer = {"ok": len(items), "errors": 0, "items": items, "warnings": warnings}
        return json_answer(answer)
    return _output(call, stored[-1].docid, output)


def get_documents(call: Call) -> Response:
    """``GET /documents/v1``: a search, or one document in one form."""
    if (
        "search" in call.query
        and "ids" in call.query
        and (call.query.get("output") or "search") in ("search", "csv")
    ):
        raise RequestError(
            400, "the request asks for both a search and a document", place=call.path, legal="search= or ids="
        )
    call.check_id_type()
    # With an output of documents the id counts: tagtog's download script leaves its search in the request.
    if "search" in call.query and "ids" not in call.query:
        return _search(call)
    if "ids" in call.query:
        return _output(call, call.docid, call.query.get("output") or "visualize")
    raise RequestError(
        400, "the request asks for nothing", place=call.path, legal="search=QUERY, or ids=DOCID"
    )


def _hit(hit: Hit) -> FoundDocument:
    return {
        "id": hit.docid,
        "filename": hit.filename,
        "header": hit.header,
        "created": timestamp(hit.created),
        "updated": timestamp(hit.updated),
        "anncomplete": hit.anncomplete,
        "members_anncomplete": list(hit.members_anncomplete),
        "members_assigned": list(hit.members_assigned),
        "folder": hit.folder,
    }


def _search(call: Call) -> Response:
    project, query, output = call.project, call.query["search"], call.query.get("output") or "search"
    user = call.member_of("member", call.user)  # whose filter:TODO
    call.access.need_to_read(user)
    if output == "csv":
        # As in tagtog, whatever the query is.
        with call.database.reading() as connection:
            listed = states(connection, read_project(connection, *project))
        warning = '299 - "output=csv lists all documents of the project, the query is ignored"'
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["docid", "anncomplete"])
        writer.writerows((docid, str(complete).lower()) for docid, complete in listed)
        return Response(
            table.getvalue().encode(),
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                **({} if query == "*" else {"Warning": warning}),
                **disposition("search.csv"),
            },
        )
    if output != "search":
        raise RequestError(
            400, "there is no such output of a search", place="output", value=output, legal="search, csv"
        )
    page = call.query.get("page") or "0"
    current = parse_number(page, digits=9)
    if current is None:
        raise RequestError(400, "not a page number", place="page", value=page, legal="0, 1, 2, …")
    with call.database.reading() as connection:
        found = search(
            connection,
            read_project(connection, *project),
            query,
            offset=current * PAGE_SIZE,
            limit=PAGE_SIZE,
            user=user,
            results=call.results,
        )
    total = max(1, -(-found.total // PAGE_SIZE))
    pages: SearchPages = {
        "current": current,
        "previous": current - 1,
        "next": current + 1 if current + 1 < total else -1,
        "numPages": total,
        "pageSize": PAGE_SIZE,
    }
    answer: SearchAnswer = {
        "version": _API_VERSION,
        "search": query,
        "totalFound": found.total,
        "pages": pages,
        "docs": [_hit(hit) for hit in found.hits],
    }
    return json_answer(answer)


def delete_documents(call: Call) -> Response:
    """``DELETE /documents/v1``: delete the documents that a search finds, or one."""
    call.need("delete documents")
    call.check_id_type()
    if ("search" in call.query) == ("ids" in call.query):
        raise RequestError(
            400, "what to delete isn't clear", place=call.path, legal="one of search=QUERY and ids=DOCID"
        )
    query = call.query.get("search")
    docid = call.docid if query is None else ""

    def delete(connection: sqlite3.Connection) -> int:
        info = read_project(connection, *call.project)
        if query is not None:
            keys = list(find_all(connection, info, query, user=call.user))
        else:
            key = document_key(connection, info.key, docid)
            keys = [] if key is None else [key]
        return stored_documents.delete_documents(connection, keys)

    return PlainTextResponse(str(call.database.free(delete)))
