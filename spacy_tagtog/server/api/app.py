"""tagtog's HTTP API on the local database."""

from __future__ import annotations

import csv
import dataclasses
import errno
import hashlib
import hmac
import io
import logging
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from spacy_tagtog.agreement import agreement_matrix
from spacy_tagtog.anndoc import Annotations, Legend, PlainHtml
from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api import history as saves
from spacy_tagtog.server.api import members as people
from spacy_tagtog.server.api import metrics, versions
from spacy_tagtog.server.api import webhooks as deliveries
from spacy_tagtog.server.api.context import Call, disposition, json_answer, not_offline
from spacy_tagtog.server.api.openapi import DOCUMENT_OUTPUTS, openapi_document
from spacy_tagtog.server.api.request import Body, SizeLimit, credentials, read_body
from spacy_tagtog.server.api.tsv import entities_only_tsv, entities_tsv
from spacy_tagtog.server.db.roles import Access
from spacy_tagtog.server.db.store import Hit, ProjectInfo, Store, StoredDocument, Uploaded, timestamp
from spacy_tagtog.server.imports.uploads import TEXT_NAME, Upload, UploadedFile, read_uploads
from spacy_tagtog.server.web import routes as pages

MAX_REQUEST_BYTES = 256 * 2**20
PAGE_SIZE = 50
_API_VERSION = "0.7.0"
_log = logging.getLogger("spacy_tagtog.server")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    # A document comes from anywhere: shown by a browser, it must not run anything. pages.CSP allows the style of the server's own pages.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
}


_Handler = Callable[[Call], Response]


# ------------------------------------------------------------------------------------------------------------------------------------ documents

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
    return call.base_url.rstrip("/") + pages.document_address(*project, document.folder, document.docid)


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
    document = call.store.document(*project, docid, member=call.member)
    headers = {} if document.version.warning is None else {"Warning": f'299 - "{document.version.warning}"'}
    name = document.docid
    if output == "ann.json":
        if not headers:
            headers["ETag"] = saves.version_etag(document.version.json)
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
    html = PlainHtml(document.html)
    if output in ("txt", "text"):
        return PlainTextResponse(html.text, headers=disposition(f"{name}.txt"))
    annotations = Annotations.parse(document.version.json)
    info = call.store.project(*project)
    if output in ("visualize", "web", "web-editor-only"):
        return _page(pages.document_page(info, _readable(call.access, document), html, annotations), headers)
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


def _readable(access: Access, document: StoredDocument) -> StoredDocument:
    """A document without the versions that the user may not read."""
    return dataclasses.replace(
        document, members=tuple(member for member in document.members if access.may_read(member))
    )


def _item(upload: Upload, uploaded: Uploaded) -> dict[str, Any]:
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


def _import(call: Call) -> Response:
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
    files, filename = list(call.body.files), call.query.get("filename") or None
    if "text" in call.body.fields:
        if files:
            raise RequestError(400, "the body has both text and files", legal="one of both")
        text_format = call.query.get("format") or "default"
        filename = filename or TEXT_NAME
        # Whatever its name is, it is text.
        uploads = read_uploads(
            [UploadedFile.of_text(TEXT_NAME, call.field("text"))], text_format, filename=filename
        )
    elif files:
        uploads = read_uploads(files, call.query.get("format"), filename=filename)
    else:
        raise RequestError(
            400,
            "the request has nothing to import",
            place=call.path,
            legal="text=, or files in multipart/form-data",
        )
    stored = call.store.upload(
        *project,
        uploads,
        member=member,
        folder=call.query.get("folder") or "pool",
        author=call.author,
        distribute=call.query.get("distributeToMembers", "-"),
        # Not tagtog's own, which overwrites: between a client's look and its upload somebody may confirm a document.
        keep_confirmed=call.query.get("keepConfirmed") == "true",
    )
    if output == "null":
        items = [_item(upload, one) for upload, one in zip(uploads, stored, strict=True)]
        return json_answer(
            {
                "ok": len(items),
                "errors": 0,
                "items": items,
                "warnings": [text for upload in uploads for text in upload.warnings],
            }
        )
    return _output(call, stored[-1].docid, output)


def _get(call: Call) -> Response:
    if (
        "search" in call.query
        and "ids" in call.query
        and (call.query.get("output") or "search") in ("search", "csv")
    ):
        raise RequestError(
            400, "the request asks for both a search and a document", place=call.path, legal="search= or ids="
        )
    # With an output of documents the id counts: tagtog's own download script leaves its search in the request.
    if "search" in call.query and "ids" not in call.query:
        return _search(call)
    if "ids" in call.query:
        return _output(call, call.docid, call.query.get("output") or "visualize")
    raise RequestError(
        400, "the request asks for nothing", place=call.path, legal="search=QUERY, or ids=DOCID"
    )


def _hit(hit: Hit) -> dict[str, Any]:
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
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["docid", "anncomplete"])
        writer.writerows(
            (docid, str(complete).lower())
            for docid, complete in call.store.states(*project, query, user=user)
        )
        return Response(
            table.getvalue().encode(),
            headers={"Content-Type": "text/csv; charset=utf-8", **disposition("search.csv")},
        )
    if output != "search":
        raise RequestError(
            400, "there is no such output of a search", place="output", value=output, legal="search, csv"
        )
    number = call.query.get("page") or "0"
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise RequestError(400, "not a page number", place="page", value=number, legal="0, 1, 2, …")
    current = int(number)
    found = call.store.search(*project, query, offset=current * PAGE_SIZE, limit=PAGE_SIZE, user=user)
    total = max(1, -(-found.total // PAGE_SIZE))
    return json_answer(
        {
            "version": _API_VERSION,
            "search": query,
            "totalFound": found.total,
            "pages": {
                "current": current,
                "previous": current - 1,
                "next": current + 1 if current + 1 < total else -1,
                "numPages": total,
                "pageSize": PAGE_SIZE,
            },
            "docs": [_hit(hit) for hit in found.hits],
        }
    )


def _delete(call: Call) -> Response:
    call.need("delete documents")
    if ("search" in call.query) == ("ids" in call.query):
        raise RequestError(
            400, "what to delete isn't clear", place=call.path, legal="one of search=QUERY and ids=DOCID"
        )
    if "search" in call.query:
        return PlainTextResponse(str(call.store.delete(*call.project, call.query["search"], user=call.user)))
    return PlainTextResponse(str(call.store.delete_document(*call.project, call.docid)))


# ------------------------------------------------------------------------------------------------------------------------------------- settings


def _legend(call: Call) -> Response:
    legend: Legend = call.store.project(*call.project).legend
    return json_answer(dict(legend))


def _settings_for(call: Call, info: ProjectInfo) -> dict[str, Any]:
    """The settings as far as the user may know them: webhooks hold passwords."""
    settings = info.export()
    if settings.get("webhooks") and not call.access.may("edit webhooks"):
        settings["webhooks"] = {}
    return settings


def _export(call: Call) -> Response:
    return json_answer(
        _settings_for(call, call.store.project(*call.project)), headers=disposition("settings.json")
    )


def _import_settings(call: Call) -> Response:
    call.need("edit project settings")
    if call.body.json is None:
        raise RequestError(
            400,
            "the body isn't JSON",
            place=call.path,
            legal="a settings JSON, with Content-Type: application/json",
        )
    return json_answer(call.store.import_settings(*call.project, call.body.json))


def _folders(call: Call, info: ProjectInfo) -> Response:
    settings = _settings_for(call, info)
    return json_answer({"ok": 1, "folders": settings["folders"], "mapNewIds": {}, "newSettings": settings})


def _add_folder(call: Call) -> Response:
    call.need("change folders")
    if "path" in call.body.fields:
        path = call.field("path")
    else:
        parent = call.store.project(*call.project).folder(call.field("parentPath"))
        path = f"{parent.path}/{call.field('newFolderName')}"
    return _folders(call, call.store.add_folder(*call.project, path))


def _rename_folder(call: Call) -> Response:
    call.need("change folders")
    return _folders(
        call, call.store.rename_folder(*call.project, call.field("path"), call.field("newFolderName"))
    )


def _remove_folder(call: Call) -> Response:
    call.need("change folders")
    return _folders(call, call.store.remove_folder(*call.project, call.field("path")))


def _nowhere(call: Call) -> Response:
    raise RequestError(
        404,
        "there is nothing at this address",
        place=call.path,
        legal="/-api/documents/…, /-api/settings/v1/…, /-api/metrics/v0/…, /, /OWNER/PROJECT",
    )


# ---------------------------------------------------------------------------------------------------------------------------------------- pages


def _page(html: str, headers: Mapping[str, str] | None = None) -> Response:
    # Annotations may hold lone surrogates, which a page can't.
    return HTMLResponse(html.encode("utf-8", "replace"), headers={**pages.HEADERS, **(headers or {})})


def _start_page(call: Call) -> Response:
    projects_of = call.store.projects_of(call.user, operator=call.operator)
    projects = [
        (owner, name, call.store.search(owner, name, "*", limit=0).total) for owner, name in projects_of
    ]
    return _page(pages.start_page(projects))


def _page_number(call: Call) -> int:
    number = call.query.get("page") or "0"
    return int(number) if number.isascii() and number.isdecimal() and len(number) <= 9 else 0


def _history_page(call: Call, access: Access, owner: str, name: str, docid: str) -> Response:
    info, document = call.store.project(owner, name), call.store.document(owner, name, docid)
    listed = [
        save for save in saves.list_saves(call.store, owner, name, docid) if access.may_read(save.member)
    ]
    current = _page_number(call)
    shown = listed[current * PAGE_SIZE : (current + 1) * PAGE_SIZE]
    named = dataclasses.replace(call, query={"owner": owner, "project": name})
    rows = []
    for save in shown:
        changes = saves.compare_saves(call.store, owner, name, docid, save.previous, save.number)
        token = (
            named.token(f"restore {docid} {save.number}")
            if access.may_edit(save.member) and not save.is_current
            else None
        )
        rows.append(pages.HistoryRow(save, changes, token))
    return _page(
        pages.history_page(info, document, rows, current, len(listed), PAGE_SIZE), pages.FORM_HEADERS
    )


def _web_page(call: Call) -> Response:
    owner, name, *rest = call.path.strip("/").split("/")
    access = call.access_to(owner, name)
    access.need("read the master version")
    info = call.store.project(owner, name)
    path = "/".join(rest)
    paths = [folder.path for folder in info.folders]
    if path and path not in paths:
        if call.query.get("view") == "history":
            return _history_page(call, access, owner, name, rest[-1])
        access.need_to_read(call.member)
        document = call.store.document(owner, name, rest[-1], member=call.member)
        annotations = Annotations.parse(document.version.json)
        return _page(
            pages.document_page(info, _readable(access, document), PlainHtml(document.html), annotations)
        )
    if call.query.get("view") == "webhooks":
        access.need("edit webhooks")
        named = dataclasses.replace(call, query={"owner": owner, "project": name})
        return _page(
            pages.webhooks_page(info, deliveries.deliveries(call.store, owner, name), named.token("retry")),
            pages.FORM_HEADERS,
        )
    if call.query.get("view") == "metrics":
        access.need("see metrics")
        matrix = agreement_matrix(versions.confirmed_documents(call.store, owner, name))
        return _page(pages.metrics_page(info, metrics.search_stats(call.store, owner, name), matrix))
    current = _page_number(call)
    index = next((folder.index for folder in info.folders if folder.path == path), None)
    query = "*" if index is None else f"folder:{index}"
    found = call.store.search(owner, name, query, offset=current * PAGE_SIZE, limit=PAGE_SIZE)
    views = ["metrics"] * access.may("see metrics") + ["webhooks"] * (
        access.may("edit webhooks") and bool(info.settings.get("webhooks"))
    )
    return _page(pages.project_page(info, path, found, current, PAGE_SIZE, views))


# ------------------------------------------------------------------------------------------------------------------------------------------ app


def _text(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    # A message may show what the client sent, lone surrogates of its JSON too.
    return PlainTextResponse(
        message.encode("utf-8", "backslashreplace"),
        status_code=status,
        headers={**_HEADERS, **(headers or {})},
    )


_REALM = {"WWW-Authenticate": 'Basic realm="local tagtog", charset="UTF-8"'}


def _refused(error: SpacyTagtogError) -> Response:
    status = error.status if isinstance(error, RequestError) else 400
    headers = dict(_REALM) if status == 401 else {}
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body stays unread
    return _text(status, f"{error}\n", headers)


def _broken(error: Exception) -> Response:
    """What the database can't do now."""
    message = str(error)
    # SQLite calls it an error of writing where it is a quota or a limit that is used up. (Python tells these apart from 3.11 on.)
    is_full = "full" in message or getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_WRITE"
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or (
        isinstance(error, sqlite3.Error) and is_full
    ):
        return _text(
            507,
            "there is no space left for the database\n  to do: free some space, then send the request again. Nothing of it was stored.\n",
        )
    if isinstance(error, sqlite3.Error) and ("locked" in message or "busy" in message):
        return _text(
            503,
            "another program holds the database\n  to do: send the request again. Nothing of it was stored.\n",
            {"Retry-After": "5"},
        )
    _log.error("the database failed", exc_info=error)
    return _text(
        500, "the database failed\n  to do: see the log of the server. Nothing of the request was stored.\n"
    )


def _for_api_users(handler: _Handler) -> _Handler:
    def answer(call: Call) -> Response:
        call.need("use the API")
        return handler(call)

    return answer


def _accounts_check(accounts: Mapping[str, str]) -> Callable[[str, str], bool]:
    digests = {name: hashlib.sha256(password.encode()).digest() for name, password in accounts.items()}

    def check(name: str, password: str) -> bool:
        return name in digests and hmac.compare_digest(
            hashlib.sha256(password.encode()).digest(), digests[name]
        )

    return check


def make_app(
    store: Store, *, accounts: Mapping[str, str] | None = None, max_request_bytes: int | None = None
) -> Starlette:
    """Make the application.

    Args:
        store: The database. The caller closes it.
        accounts: Users, name to password, beside those of the database: who runs the server, and so is an admin of every project. They are
            never written to disk.
        max_request_bytes: Larger requests are refused; by default those over 256 MB.

    Returns:
        An ASGI application.
    """
    in_accounts = _accounts_check(accounts or {})
    secret = secrets.token_bytes(32)

    async def authenticate(request: Request) -> tuple[str, bool]:
        """Who asks, and whether they run this server."""
        given = credentials(request)
        if given is not None and in_accounts(*given):
            return given[0], True
        if given is None or not await run_in_threadpool(store.check_user, *given):
            raise RequestError(
                401,
                "no user name and password were given"
                if given is None
                else "the user name or the password is wrong",
                legal="HTTP Basic authentication with a user of this server",
            )
        return given[0], False

    def check_origin(request: Request) -> None:
        # A browser that knows the password sends it along with what other sites make it send.
        origin = request.headers.get("origin")
        if request.headers.get("sec-fetch-site") == "cross-site" or (
            origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        ):
            raise RequestError(
                403,
                "another web site sent this request",
                value=origin,
                legal="requests from this server's own pages and from programs",
            )

    def endpoint(**handlers: _Handler) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                user, operator = await authenticate(request)
                method = "GET" if request.method == "HEAD" else request.method
                handler = handlers.get(method)
                if handler is None:
                    return _text(
                        405,
                        f"this address has no {method}\n  legal: {', '.join(handlers)}\n",
                        {"Allow": ", ".join(handlers)},
                    )
                if method != "GET":
                    check_origin(request)
                body = await read_body(request) if method in ("POST", "PUT") else Body()
                call = Call(
                    store,
                    method,
                    request.scope["path"],
                    str(request.base_url),
                    request.query_params,
                    body,
                    user,
                    operator,
                    secret,
                    request.headers.get("if-match"),
                )
                response = await run_in_threadpool(handler, call)
            except SpacyTagtogError as error:
                return _refused(error)
            except (sqlite3.Error, OSError) as error:
                return _broken(error)
            except ClientDisconnect:
                return _text(400, "the request ended early\n")
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    def api_route(path: str, **handlers: _Handler) -> Route:
        """A part of tagtog's API, which not every role may use."""
        return route(path, **{method: _for_api_users(handler) for method, handler in handlers.items()})

    def route(path: str, **handlers: _Handler) -> Route:
        # Without methods, so that the answer to a wrong method is this module's own.
        return Route(
            path, endpoint(**handlers), methods=["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
        )

    async def failed(_: Request, error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return _text(500, "the server failed\n  to do: see its log\n")

    documents: dict[str, _Handler] = {"GET": _get, "POST": _import, "PUT": _import, "DELETE": _delete}
    settings = "/-api/settings/v1"
    routes: Sequence[Route] = [
        api_route("/-api/documents/v1", **documents),
        api_route("/-api/documents/versions/v0/merge", POST=versions.merge_versions),
        api_route("/-api/documents/versions/v0/copy", POST=versions.copy_version),
        api_route("/-api/metrics/v0/search_stats", GET=metrics.get_search_stats),
        api_route("/-api/metrics/v0/iaa", GET=versions.get_iaa),
        api_route(f"{settings}/task-distribution", PUT=people.put_distribution),
        api_route(f"{settings}/members", GET=people.get_members, POST=people.add_member),
        api_route(f"{settings}/members/{{login}}", PUT=people.change_member, DELETE=people.remove_member),
        api_route(f"{settings}/annotationsLegend", GET=_legend),
        api_route(f"{settings}/export", GET=_export),
        api_route(f"{settings}/import", POST=_import_settings),
        api_route(f"{settings}/folders/add", POST=_add_folder),
        api_route(f"{settings}/folders/rename", POST=_rename_folder),
        api_route(f"{settings}/folders/remove", POST=_remove_folder),
        route("/-local/openapi.json", GET=lambda _: json_answer(openapi_document())),
        route("/-local/annotations", PUT=saves.put_annotations),
        route("/-local/history", GET=saves.get_history),
        route("/-local/history/version", GET=saves.get_save),
        route("/-local/history/compare", GET=saves.get_compared),
        route("/-local/history/restore", POST=saves.post_restore),
        route(
            "/-local/webhooks",
            GET=deliveries.get_webhooks,
            PUT=deliveries.put_webhooks,
            DELETE=deliveries.delete_deliveries,
        ),
        route("/-local/webhooks/retry", POST=deliveries.post_retry),
        route("/-local/{rest:path}", GET=_nowhere, POST=_nowhere, PUT=_nowhere, DELETE=_nowhere),
        route("/-api/{rest:path}", GET=_nowhere, POST=_nowhere, PUT=_nowhere, DELETE=_nowhere),
        route("/", GET=_start_page),
        route("/{owner}/{project}", GET=_web_page),
        route("/{owner}/{project}/{path:path}", GET=_web_page),
        route("/{rest:path}", GET=_nowhere, POST=_nowhere, PUT=_nowhere, DELETE=_nowhere),
    ]
    return Starlette(
        debug=False,
        routes=routes,
        middleware=[
            Middleware(SizeLimit, limit=MAX_REQUEST_BYTES if max_request_bytes is None else max_request_bytes)
        ],
        exception_handlers={Exception: failed},
    )
