"""The history of a document's versions over HTTP: list, compare, restore; and saving as an editor does.

The paths ``/-local/…`` are this server's own; tagtog has no such API. A change made here counts as one by a
person at a page (source ``GUI``).
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response
from typing_extensions import TypedDict

from spacy_tagtog.agreement import Changes, compare_versions
from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import Moment, disposition, json_answer
from spacy_tagtog.server.api.context import Call, parse_number, path_of
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.documents import no_document, read_document, touch, write_version
from spacy_tagtog.server.db.projects import project_key, read_project
from spacy_tagtog.server.settings import ProjectInfo, check_classes


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


class DocumentHistory(TypedDict):
    """The saves of a document's versions, the latest first."""

    docid: str
    history: list[SaveEntry]


@dataclass(frozen=True)
class Save:
    """An entry of a document's history.

    Attributes:
        number: Its number; later saves have greater ones.
        member: Whose version was saved.
        saved: When, in milliseconds since 1970.
        author: Who saved it; empty where that isn't known.
        source: ``GUI``, ``API``, or empty where that isn't known.
        action: What was done, in words.
        complete: Whether the version was confirmed.
        sha256: The hash of its ann.json, in hexadecimal digits.
        previous: The number of the version's save before this one.
        is_current: Whether it is what the version is now.
        text_changed: Whether the document's content was replaced after it.
    """

    number: int
    member: str
    saved: int
    author: str
    source: str
    action: str
    complete: bool
    sha256: str
    previous: int | None
    is_current: bool
    text_changed: bool

    def to_json(self) -> SaveEntry:
        """The entry as a JSON object."""
        return {
            "id": self.number,
            "member": self.member,
            "saved": timestamp(self.saved),
            "author": self.author,
            "source": self.source,
            "action": self.action,
            "sha256": self.sha256,
            "previous": self.previous,
            "is_current": self.is_current,
            "text_changed": self.text_changed,
            "anncomplete": self.complete,
        }


_SAVES = """
SELECT h.id, h.member, h.saved, h.author, h.source, h.action, h.complete, b.hash,
  h.html_id IS NOT NULL AS text_changed,
  (SELECT max(o.id) FROM history AS o
    WHERE o.document_id = h.document_id AND o.member = h.member AND o.id < h.id) AS previous,
  NOT EXISTS (SELECT 1 FROM history AS o
    WHERE o.document_id = h.document_id AND o.member = h.member AND o.id > h.id) AS is_current
FROM history AS h JOIN blobs AS b ON b.id = h.blob_id WHERE h.document_id = ?
"""


def _save(row: sqlite3.Row) -> Save:
    return Save(
        row["id"],
        row["member"],
        row["saved"],
        row["author"],
        row["source"],
        row["action"],
        bool(row["complete"]),
        row["hash"].hex(),
        row["previous"],
        bool(row["is_current"]),
        bool(row["text_changed"]),
    )


def _document(connection: sqlite3.Connection, project: int, docid: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT d.id, c.html FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
        "WHERE d.project_id = ? AND d.docid = ?",
        (project, docid),
    ).fetchone()
    if row is None:
        raise no_document(docid)
    return row


def list_saves(connection: sqlite3.Connection, owner: str, project: str, docid: str) -> list[Save]:
    """All saves of all versions of a document, the latest first.

    Raises:
        RequestError: There is no such project or document.
    """
    document = _document(connection, project_key(connection, owner, project), docid)
    return [_save(row) for row in connection.execute(f"{_SAVES} ORDER BY h.id DESC", (document["id"],))]


def _read(
    connection: sqlite3.Connection, document: sqlite3.Row, number: int
) -> tuple[Save, Annotations, bytes]:
    row = connection.execute(f"{_SAVES} AND h.id = ?", (document["id"], number)).fetchone()
    if row is None:
        raise RequestError(
            404,
            "the document's history has no such entry",
            place="id",
            value=number,
            legal="an id that the document's history lists",
        )
    ann, html = connection.execute(
        "SELECT b.data, x.data FROM history AS h JOIN blobs AS b ON b.id = h.blob_id "
        "LEFT JOIN blobs AS x ON x.id = h.html_id WHERE h.id = ?",
        (number,),
    ).fetchone()
    return (
        _save(row),
        Annotations.parse(ann, place=f"save {number}"),
        document["html"] if html is None else html,
    )


def read_save(
    connection: sqlite3.Connection, owner: str, project: str, docid: str, number: int
) -> tuple[Save, Annotations, bytes]:
    """One save: the entry, the annotations, and the plain.html that they were made for.

    Raises:
        RequestError: There is no such project, document or save.
    """
    document = _document(connection, project_key(connection, owner, project), docid)
    return _read(connection, document, number)


def compare_saves(
    connection: sqlite3.Connection, owner: str, project: str, docid: str, before: int | None, after: int
) -> Changes:
    """What changed from one save to another.

    Args:
        connection: The database, in a transaction.
        owner: The project's owner.
        project: The project's name.
        docid: The document.
        before: The number of the earlier save; ``None`` for an empty version.
        after: The number of the later save.

    Raises:
        RequestError: There is no such project, document or save.
    """
    _, later, html = read_save(connection, owner, project, docid, after)
    earlier = (
        Annotations.empty() if before is None else read_save(connection, owner, project, docid, before)[1]
    )
    return compare_versions(earlier, later, parts=PlainHtml(html).parts)


def restore(call: Call, owner: str, project: str, docid: str, number: int) -> Save:
    """Make an old save its version's current state again.

    That is a save of its own: nothing of the history is lost.

    Raises:
        RequestError: There is no such save, the user may not edit the version, or the document
            has another text now.
    """
    with call.database.writing() as connection:
        info = read_project(connection, owner, project)
        document = _document(connection, info.key, docid)
        save, annotations, html = _read(connection, document, number)
        call.access_to(owner, project).need_to_edit(save.member)
        now_html = PlainHtml(document["html"])
        if save.text_changed and _texts(PlainHtml(html)) != _texts(now_html):
            raise RequestError(
                409,
                "the document has another text than when this was saved",
                place="id",
                value=number,
                legal="a save of the present text",
                advice="download the save with its plain.html: "
                "GET /-local/history/version?id=…&output=plain.html",
            )
        _write(
            call,
            connection,
            info,
            document["id"],
            save.member,
            annotations,
            list(now_html.parts),
            f"restored the save of {timestamp(save.saved)}",
        )
        return _save(
            connection.execute(
                f"{_SAVES} AND h.member = ? ORDER BY h.id DESC LIMIT 1", (document["id"], save.member)
            ).fetchone()
        )


def _write(
    call: Call,
    connection: sqlite3.Connection,
    info: ProjectInfo,
    key: int,
    member: str,
    annotations: Annotations,
    parts: list[str],
    action: str,
) -> bool:
    now = clock.now()
    check_classes(annotations, info.legend, place=annotations.place)
    changed = write_version(
        connection, key, member, annotations, parts, author=call.author, action=action, now=now
    )
    if changed:
        touch(connection, info, key, now, member=member, author=call.author)
    return changed


def _texts(html: PlainHtml) -> dict[str, str]:
    return {part.id: part.text for part in html.parts.values()}


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
        "history": [save.to_json() for save in saves if call.access.may_read(save.member)],
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
        headers={"ETag": f'"{save.sha256}"', **name},
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
        return json_answer(save.to_json())
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
        document = _document(connection, info.key, docid)
        here = etag(connection, document["id"], member)
        _check_conditions(call, here)
        _write(
            call,
            connection,
            info,
            document["id"],
            member,
            annotations,
            list(PlainHtml(document["html"]).parts),
            "saved",
        )
        here = etag(connection, document["id"], member)
        data = connection.execute(
            "SELECT data FROM version_contents WHERE document_id = ? AND member = ?",
            (document["id"], member),
        ).fetchone()[0]
    return Response(data, media_type="application/json", headers={"ETag": here})


def _check_conditions(call: Call, here: str) -> None:
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
    row = connection.execute(
        "SELECT hash FROM version_contents WHERE document_id = ? AND member = ?",
        (document, member),
    ).fetchone()
    return "" if row is None else f'"{row[0].hex()}"'


def version_etag(json: str) -> str:
    """The entity tag of a version whose text is at hand."""
    return f'"{hashlib.sha256(json.encode()).hexdigest()}"'
