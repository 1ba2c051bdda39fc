"""The history of a document's versions, read: its saves, one of them, what changed between two."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spacy_tagtog.agreement import Changes, compare_versions
from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.documents import read_content
from spacy_tagtog.server.db.projects import project_key


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
        text_changed: Whether the document has another text now.
        effort: The time that it took, where the project measured it: ``seconds``, and ``decisions``, kind of
            decision to their number and seconds.
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
    effort: Mapping[str, Any] | None = None


_SAVES = """
SELECT h.id, h.member, h.saved, h.author, h.source, h.action, h.complete, h.effort, b.hash,
  (SELECT max(o.id) FROM history AS o
    WHERE o.document_id = h.document_id AND o.member = h.member AND o.id < h.id) AS previous,
  NOT EXISTS (SELECT 1 FROM history AS o
    WHERE o.document_id = h.document_id AND o.member = h.member AND o.id > h.id) AS is_current
FROM history AS h JOIN blobs AS b ON b.id = h.blob_id WHERE h.document_id = ?
"""


def _save(row: sqlite3.Row, *, text_changed: bool) -> Save:
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
        text_changed,
        None if row["effort"] is None else json.loads(row["effort"]),
    )


def list_saves(connection: sqlite3.Connection, owner: str, project: str, docid: str) -> list[Save]:
    """All saves of all versions of a document, the latest first.

    Raises:
        RequestError: There is no such project or document.
    """
    key, html = read_content(connection, project_key(connection, owner, project), docid)
    of_now = saves_of_text(connection, key, html)
    rows = connection.execute(f"{_SAVES} ORDER BY h.id DESC", (key,)).fetchall()
    return [_save(row, text_changed=row["id"] not in of_now) for row in rows]


def saves_of_text(connection: sqlite3.Connection, key: int, html: bytes) -> set[int]:
    """The saves of a document that were made for the text that it has now.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        html: Its content.
    """
    now, fits = text_of(PlainHtml(html)), dict[int | None, bool]({None: True})
    found = set()
    for row in connection.execute("SELECT id, html_id FROM history WHERE document_id = ?", (key,)).fetchall():
        number = row["html_id"]
        if number not in fits:
            old = connection.execute("SELECT data FROM blobs WHERE id = ?", (number,)).fetchone()["data"]
            fits[number] = text_of(PlainHtml(old)) == now
        if fits[number]:
            found.add(row["id"])
    return found


def text_of(html: PlainHtml) -> dict[str, str]:
    """The texts of a document's parts."""
    return {part.id: part.text for part in html.parts.values()}


def read_save(
    connection: sqlite3.Connection, owner: str, project: str, docid: str, number: int
) -> tuple[Save, Annotations, bytes]:
    """One save: the entry, the annotations, and the plain.html that they were made for.

    Raises:
        RequestError: There is no such project, document or save.
    """
    key, now_html = read_content(connection, project_key(connection, owner, project), docid)
    row = connection.execute(f"{_SAVES} AND h.id = ?", (key, number)).fetchone()
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
    changed = html is not None and text_of(PlainHtml(html)) != text_of(PlainHtml(now_html))
    save = _save(row, text_changed=changed)
    return save, Annotations.parse(ann, place=f"save {number}"), now_html if html is None else html


def latest_save(connection: sqlite3.Connection, key: int, member: str) -> Save:
    """The latest save of a version that exists, for the text that it was made for.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        member: Whose version.
    """
    row = connection.execute(f"{_SAVES} AND h.member = ? ORDER BY h.id DESC LIMIT 1", (key, member))
    return _save(row.fetchone(), text_changed=False)


def read_version(connection: sqlite3.Connection, key: int, member: str) -> tuple[bytes, str] | None:
    """A version's ann.json, and its hash in hexadecimal digits; ``None`` where there is no such version.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        member: Whose version.
    """
    row = connection.execute(
        "SELECT data, hash FROM version_contents WHERE document_id = ? AND member = ?", (key, member)
    ).fetchone()
    return None if row is None else (row["data"], row["hash"].hex())


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
