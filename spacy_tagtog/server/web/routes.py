"""The addresses of the pages, and what each page shows to whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from spacy_tagtog.agreement import agreement_matrix
from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.server.api.context import PAGE_SIZE, Call, Handler, parse_number
from spacy_tagtog.server.api.webhooks import deliveries
from spacy_tagtog.server.db.documents import StoredDocument, read_document
from spacy_tagtog.server.db.metrics import search_stats
from spacy_tagtog.server.db.projects import projects_of, read_project
from spacy_tagtog.server.db.roles import Access
from spacy_tagtog.server.db.saves import compare_saves, list_saves
from spacy_tagtog.server.db.versions import confirmed_documents
from spacy_tagtog.server.search.results import search
from spacy_tagtog.server.settings import ProjectInfo
from spacy_tagtog.server.web import guidelines, login, pages, people, upload
from spacy_tagtog.server.web.frame import page
from spacy_tagtog.server.web.guidelines import guidelines_page
from spacy_tagtog.server.web.project import documents_page
from spacy_tagtog.server.web.static_files import get_static


def _page_number(call: Call, parameter: str = "page") -> int:
    return parse_number(call.query.get(parameter) or "0", digits=9) or 0


def _start_page(call: Call) -> Response:
    with call.database.reading() as connection:
        projects = [
            (owner, name, search(connection, read_project(connection, owner, name), "*", limit=0).total)
            for owner, name in projects_of(connection, call.user, operator=call.operator)
        ]
    return page(pages.start_page(projects))


def document_page(
    access: Access,
    info: ProjectInfo,
    document: StoredDocument,
    html: PlainHtml,
    annotations: Annotations,
    headers: Mapping[str, str] | None = None,
    *,
    current: int = 0,
    rows: int = 0,
) -> Response:
    """The page of a document.

    Args:
        access: What the user may do. Versions that they may not read aren't listed.
        info: The project.
        document: The document.
        html: Its content.
        annotations: The version that is shown.
        headers: More headers of the answer.
        current: The number of the text's page.
        rows: The number of the tables' page.
    """
    members = tuple(member for member in document.members if access.may_read(member))
    shown = dataclasses.replace(document, members=members)
    return page(pages.document_page(info, shown, html, annotations, current, rows), headers)


def _history_page(call: Call, access: Access, owner: str, name: str, docid: str) -> Response:
    with call.database.reading() as connection:
        info = read_project(connection, owner, name)
        document = read_document(connection, info, docid)
        listed = [save for save in list_saves(connection, owner, name, docid) if access.may_read(save.member)]
    current = _page_number(call)
    shown = listed[current * PAGE_SIZE : (current + 1) * PAGE_SIZE]
    named = dataclasses.replace(call, query={"owner": owner, "project": name})
    rows = []
    for save in shown:
        changes = call.database.read(compare_saves, owner, name, docid, save.previous, save.number)
        token = (
            named.token(f"restore {docid} {save.number}")
            if access.may_edit(save.member) and not save.is_current
            else None
        )
        rows.append(pages.HistoryRow(save, changes, token))
    return page(pages.history_page(info, document, rows, current, len(listed), PAGE_SIZE))


def _review_page(call: Call, access: Access, info: ProjectInfo) -> Response:
    docid, member = (call.query.get(name) or "" for name in ("docid", "member"))
    return page(pages.review_page(info, docid, member))


def _compare_page(call: Call, access: Access, info: ProjectInfo) -> Response:
    docid, left, right = (call.query.get(name) or "" for name in ("docid", "left", "right"))
    return page(pages.compare_page(info.owner, info.name, docid, left, right))


def _metrics_page(call: Call, access: Access, info: ProjectInfo) -> Response:
    access.need("see metrics")
    with call.database.reading() as connection:
        matrix = agreement_matrix(confirmed_documents(connection, info.owner, info.name))
        stats = search_stats(connection, info.owner, info.name)
    return page(pages.metrics_page(info, stats, matrix))


def _webhooks_page(call: Call, access: Access, info: ProjectInfo) -> Response:
    access.need("edit webhooks")
    named = dataclasses.replace(call, query={"owner": info.owner, "project": info.name})
    status = call.database.read(deliveries, info.owner, info.name)
    return page(pages.webhooks_page(info, status, named.token("retry")))


PROJECT_VIEWS: Final[Mapping[str, Callable[[Call, Access, ProjectInfo], Response]]] = {
    "review": _review_page,
    "compare": _compare_page,
    "guidelines": guidelines_page,
    "metrics": _metrics_page,
    "webhooks": _webhooks_page,
}
"""The pages of a project beside that of its documents: the parameter ``view`` → what answers."""
DOCUMENT_VIEWS: Final[Mapping[str, Callable[[Call, Access, str, str, str], Response]]] = {
    "history": _history_page
}
"""The pages of a document beside the document itself, in the same way."""


def _web_page(call: Call) -> Response:
    owner, name, *rest = call.path.strip("/").split("/")
    access = call.access_to(owner, name)
    access.need("read the master version")
    info = call.database.read(read_project, owner, name)
    path, view = "/".join(rest), call.query.get("view") or ""
    if path and path not in [folder.path for folder in info.folders]:
        if view in DOCUMENT_VIEWS:
            return DOCUMENT_VIEWS[view](call, access, owner, name, rest[-1])
        access.need_to_read(call.member)
        document = call.database.read(read_document, info, rest[-1], member=call.member)
        annotations = Annotations.parse(document.version.json)
        return document_page(
            access,
            info,
            document,
            PlainHtml(document.html),
            annotations,
            current=_page_number(call),
            rows=_page_number(call, "rows"),
        )
    if view in PROJECT_VIEWS:
        return PROJECT_VIEWS[view](call, access, info)
    return documents_page(call, access, info, path)


PAGE_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/": {"GET": _start_page},
    "/{owner}/{project}": {"GET": _web_page},
    "/{owner}/{project}/{path:path}": {"GET": _web_page},
}
"""The pages: path → method → handler."""
PEOPLE_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/-local/account": {"GET": login.get_account},
    "/-local/account/password": {"POST": login.post_password},
    "/-local/logout": {"POST": login.post_logout},
    "/-local/people": {"GET": people.get_people},
    "/-local/people/add": {"POST": people.post_add},
    "/-local/people/password": {"POST": people.post_password},
    "/-local/people/remove": {"POST": people.post_remove},
    "/-local/people/role": {"POST": people.post_role},
}
"""The pages of who is logged in, and of who else may log in."""
PROJECT_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    guidelines.SAVE: {"POST": guidelines.post_guidelines},
    upload.UPLOAD: {"POST": upload.post_upload},
}
"""What the forms of a project's pages lead to."""
OPEN_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    login.LOGIN: {"GET": login.get_login, "POST": login.post_login},
    login.LINK: {"GET": login.get_link},
    # They are the same for everybody, and the page to log in needs them.
    "/-static/{name:path}": {"GET": get_static},
}
"""What needs no user."""
