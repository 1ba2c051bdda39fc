"""The history of a document's versions over HTTP: list, compare, restore; and saving as an editor does.

The paths ``/-local/…`` are this server's own; tagtog has no such API. A change made here counts as one by a
person at a page (source ``GUI``).
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import cast

from starlette.responses import RedirectResponse, Response
from typing_extensions import TypedDict

from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import Moment, disposition, json_answer
from spacy_tagtog.server.api.context import Call, parse_number, path_of
from spacy_tagtog.server.api.effort import Effort, effort_of
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.documents import change_version, read_content, read_document
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.saves import (
    Save,
    compare_saves,
    latest_save,
    list_saves,
    read_save,
    read_version,
)
from spacy_tagtog.server.settings import check_classes


class SaveEntry(TypedDict):
    """An entry of a document's history.

    The attributes of :class:`Save` say what is what.
    """

    id: int
    member: str
    saved: Moment
    author: str
    source: str
    action: str
    sha256: str
    previous: int | None
    is_current: bool
    text_changed: bool
    anncomplete: bool
    effort: Effort | None


class DocumentHistory(TypedDict):
    """The saves of a document's versions, the latest first."""

    docid: str
    history: list[SaveEntry]


def save_entry(save: Save) -> SaveEntry:
    """A save as a JSON object."""
    return {
        "id": save.number,
        "member": save.member,
        "saved": timestamp(save.saved),
        "author": save.author,
        "source": save.source,
        "action": save.action,
        "sha256": save.sha256,
        "previous": save.previous,
        "is_current": save.is_current,
        "text_changed": save.text_changed,
        "anncomplete": save.complete,
        "effort": None if save.effort is None else cast("Effort", save.effort),
    }


def restore(call: Call, owner: str, project: str, docid: str, number: int) -> Save:
    """Make an old save its version's current state again.

    That is a save of its own: nothing of the history is lost.

    Raises:
        RequestError: There is no such save, the user may not edit the version, or the document
            has another text now.
    """
    with call.database.writing() as connection:
        info = read_project(connection, owner, project)
        key, content = read_content(connection, info.key, docid)
        save, annotations, _ = read_save(connection, owner, project, docid, number)
        call.access_to(owner, project).need_to_edit(save.member)
        now_html = PlainHtml(content)
        if save.text_changed:
            raise RequestError(
                409,
                "the document has another text than when this was saved",
                place="id",
                value=number,
                legal="a save of the present text",
                advice="download the save with its plain.html: "
                "GET /-local/history/version?id=…&output=plain.html",
            )
        check_classes(annotations, info.legend, place=annotations.place)
        change_version(
            connection,
            info,
            key,
            save.member,
            annotations,
            list(now_html.parts),
            author=call.author,
            action=f"restored the save of {timestamp(save.saved)}",
        )
        return latest_save(connection, key, save.member)


# --- Calls


def _number(call: Call, name: str) -> int:
    value = call.parameter(name, "the id of an entry of the document's history")
    found = parse_number(value, digits=18)
    if found is None:
        raise RequestError(
            400,
            "not the id of an entry",
            place=name,
            value=value,
            legal="a number that the document's history lists",
        )
    return found


def _readable_save(call: Call, number: int) -> tuple[Save, Annotations, bytes]:
    found = call.database.read(read_save, *call.project, call.named_document, number)
    call.access.need_to_read(found[0].member)
    return found


def get_history(call: Call) -> Response:
    """``GET /-local/history``: the saves of the versions that the user may read."""
    call.need("read the master version")
    saves = call.database.read(list_saves, *call.project, call.named_document)
    if call.query.get("member"):
        call.access.need_to_read(call.member)
        saves = [save for save in saves if save.member == call.member]
    answer: DocumentHistory = {
        "docid": call.named_document,
        "history": [save_entry(save) for save in saves if call.access.may_read(save.member)],
    }
    return json_answer(answer)


def get_save(call: Call) -> Response:
    """``GET /-local/history/version``: a save as ann.json, or the plain.html that it was made for."""
    call.need("read the master version")
    output = call.query.get("output") or "ann.json"
    if output not in ("ann.json", "plain.html"):
        raise RequestError(
            400,
            "there is no such output of a save",
            place="output",
            value=output,
            legal="ann.json, plain.html",
        )
    save, annotations, html = _readable_save(call, _number(call, "id"))
    name = disposition(f"{call.named_document}.{output}")
    if output == "plain.html":
        return Response(html, media_type="text/html; charset=utf-8", headers=name)
    return Response(
        annotations.dumps().encode(),
        media_type="application/json",
        headers={"ETag": _etag(save.sha256), **name},
    )


def get_compared(call: Call) -> Response:
    """``GET /-local/history/compare``: what changed between two saves.

    Without ``from``: since the save before.
    """
    call.need("read the master version")
    later, _, _ = _readable_save(call, _number(call, "to"))
    before = later.previous
    if call.query.get("from"):
        before = _number(call, "from")
        _readable_save(call, before)
    changes = call.database.read(compare_saves, *call.project, call.named_document, before, later.number)
    return json_answer({"from": before, "to": later.number, **changes.to_json()})


def post_restore(call: Call) -> Response:
    """``POST /-local/history/restore``: from a page with its token, or from a program as JSON."""
    call.need("read the master version")
    docid, number = call.named_document, _number(call, "id")
    call.check_token(f"restore {docid} {number}")
    save = restore(call, *call.project, docid, number)
    if call.body.json is not None:
        return json_answer(save_entry(save))
    owner, project = call.project
    with call.database.reading() as connection:
        folder = read_document(connection, read_project(connection, owner, project), docid).folder
    return RedirectResponse(f"{path_of(owner, project, folder, docid)}?view=history", status_code=303)


def put_annotations(call: Call) -> Response:
    """``PUT /-local/annotations``: save a version, as an editor does.

    With ``If-Match`` it is refused if somebody else saved since the version was read; with
    ``If-None-Match: *`` if there is such a version already.
    """
    member, docid = call.member_of("member", call.user), call.named_document
    call.access.need_to_edit(member)
    if not isinstance(call.body.json, dict):
        raise RequestError(
            400,
            "the body isn't an ann.json",
            place=call.path,
            legal="an ann.json, with Content-Type: application/json",
        )
    annotations = Annotations(call.body.json, place="the body")
    with call.database.writing() as connection:
        info = read_project(connection, *call.project)
        key, html = read_content(connection, info.key, docid)
        check_conditions(call, etag(connection, key, member))
        check_classes(annotations, info.legend, place=annotations.place)
        change_version(
            connection,
            info,
            key,
            member,
            annotations,
            list(PlainHtml(html).parts),
            author=call.author,
            action="saved",
            effort=effort_of(call, info),
        )
        stored = read_version(connection, key, member)
    assert stored is not None  # it was written just now
    return Response(stored[0], media_type="application/json", headers={"ETag": _etag(stored[1])})


def check_conditions(call: Call, here: str) -> None:
    """Make sure that a version is still what the request expects (RFC 9110, If-Match and If-None-Match)."""
    wanted, unwanted = call.if_match, call.if_none_match

    def listed(tags: str) -> bool:
        return bool(here) and (tags.strip() == "*" or here in [tag.strip() for tag in tags.split(",")])

    if wanted is not None and not listed(wanted):
        raise RequestError(
            412,
            "somebody else saved this version since it was read",
            place="If-Match",
            value=wanted,
            legal=here or "(there is no such version yet)",
            advice="read it again, and make the change on that",
        )
    if unwanted is not None and listed(unwanted):
        raise RequestError(
            412,
            "somebody made this version meanwhile",
            place="If-None-Match",
            value=unwanted,
            legal="a version that isn't there yet",
            advice="read it, and make the change on that",
        )


def etag(connection: sqlite3.Connection, document: int, member: str = MASTER) -> str:
    """The entity tag of a version (RFC 9110): its hash, in quotes. Empty where there is no such version."""
    stored = read_version(connection, document, member)
    return "" if stored is None else _etag(stored[1])


def _etag(digest: str) -> str:
    return f'"{digest}"'


def version_etag(json: str) -> str:
    """The entity tag of a version whose text is at hand."""
    return _etag(hashlib.sha256(json.encode()).hexdigest())
