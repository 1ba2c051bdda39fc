"""Documents and the versions of their annotations: stored, read, deleted.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.history import Author, note_effort, save
from spacy_tagtog.server.db.queue import enqueue
from spacy_tagtog.server.natural import natural
from spacy_tagtog.server.search.index import add_text, forget, index_version
from spacy_tagtog.server.settings import ProjectInfo

_HEADER_CHARS = 100


@dataclass(frozen=True)
class Version:
    """A version of a document's annotations, as it is given out.

    Attributes:
        json: The ann.json.
        warning: Why it isn't the version that was asked for.
    """

    json: str
    warning: str | None


@dataclass(frozen=True)
class StoredDocument:
    """A document with one version of its annotations.

    Attributes:
        key: Its number in the database.
        docid: Its id.
        filename: Its file name.
        folder: The path of its folder.
        html: Its plain.html.
        original: The file that was uploaded.
        original_name: The name of that file.
        created: When it was imported, in milliseconds since 1970.
        updated: When it last changed.
        member: Whose version was asked for.
        version: That version, or what stands for it.
        members: Who has a version, master first.
    """

    key: int
    docid: str
    filename: str
    folder: str
    html: bytes
    original: bytes
    original_name: str
    created: int
    updated: int
    member: str
    version: Version
    members: tuple[str, ...]


def no_document(docid: str) -> RequestError:
    """The answer where a project hasn't got a document."""
    return RequestError(
        404,
        "the project has no such document",
        value=docid,
        legal="the id of a document of this project",
        advice="search=* lists all",
    )


def header(html: PlainHtml) -> str:
    """What a list shows of a document: its first heading, or else the beginning of its text."""
    headings = [part.text for part in html.parts.values() if part.tag[:1] == "h"]
    texts = headings + [part.text for part in html.parts.values()]
    # A part may be megabytes long: only its beginning is looked at.
    first = next((" ".join(text[:500].split()) for text in texts if text.strip()), "")
    return first if len(first) <= _HEADER_CHARS else f"{first[: _HEADER_CHARS - 1]}…"


# ------------------------------------------------------------------------------------------------------- read


def document_key(connection: sqlite3.Connection, project: int, docid: str) -> int | None:
    """A document's number in the database, or ``None`` where the project has no such document."""
    row = connection.execute(
        "SELECT id FROM documents WHERE project_id = ? AND docid = ?", (project, docid)
    ).fetchone()
    return None if row is None else int(row["id"])


def read_content(connection: sqlite3.Connection, project: int, docid: str) -> tuple[int, bytes]:
    """A document's number in the database, and its plain.html.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        docid: The document's id.

    Raises:
        RequestError: There is no such document.
    """
    row = connection.execute(
        "SELECT d.id, c.html FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
        "WHERE d.project_id = ? AND d.docid = ?",
        (project, docid),
    ).fetchone()
    if row is None:
        raise no_document(docid)
    return row["id"], row["html"]


def read_document(
    connection: sqlite3.Connection,
    project: ProjectInfo,
    docid: str,
    *,
    member: str = MASTER,
) -> StoredDocument:
    """A document with a member's annotations, or else the master version, or else none.

    Args:
        connection: The database, in a transaction.
        project: Its project.
        docid: The document's id.
        member: Whose version.

    Raises:
        RequestError: There is no such document.
    """
    row = connection.execute(
        "SELECT * FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
        "WHERE d.project_id = ? AND d.docid = ?",
        (project.key, docid),
    ).fetchone()
    if row is None:
        raise no_document(docid)
    members = connection.execute(
        "SELECT member FROM versions WHERE document_id = ? ORDER BY member <> 'master', member", (row["id"],)
    )
    return StoredDocument(
        row["id"],
        row["docid"],
        row["filename"],
        project.path_of(row["folder"]),
        row["html"],
        row["html"] if row["original"] is None else row["original"],
        row["original_name"],
        row["created"],
        row["updated"],
        member,
        _version(connection, row["id"], row["html"], member),
        tuple(version["member"] for version in members),
    )


def _version(connection: sqlite3.Connection, key: int, html: bytes, member: str) -> Version:
    rows = connection.execute(
        "SELECT member, data FROM version_contents WHERE document_id = ? AND member IN (?, ?)",
        (key, member, MASTER),
    )
    versions = {row["member"]: row["data"].decode() for row in rows}
    if member in versions:
        return Version(versions[member], None)
    missing = f"{member} has no version of this document"
    if MASTER in versions:
        return Version(versions[MASTER], f"{missing}, this is the master version")
    empty = Annotations.empty(list(PlainHtml(html).parts)).dumps()
    return Version(empty, f"{missing} and there is no master version, these annotations are empty")


# ------------------------------------------------------------------------------------------------------ write


def insert_document(
    connection: sqlite3.Connection,
    project: int,
    folder: int,
    docid: str,
    filename: str,
    html: PlainHtml,
    original: bytes | None,
    original_name: str,
    *,
    created: int,
    updated: int,
) -> tuple[int, set[str]]:
    """Store a new document without annotations.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        folder: The folder's index.
        docid: The document's id.
        filename: Its file name.
        html: Its content.
        original: The file that was uploaded, ``None`` where it was the plain.html itself.
        original_name: The name of that file.
        created: When it was imported, in milliseconds since 1970.
        updated: When it last changed.

    Returns:
        Its number, and its words for :func:`~spacy_tagtog.server.search.index.add_words`.
    """
    text = html.text
    key = connection.execute(
        "INSERT INTO documents (project_id, folder, docid, filename, natural_name, header, created, updated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (project, folder, docid, filename, natural(filename), header(html), created, updated),
    ).fetchone()[0]
    connection.execute(
        "INSERT INTO contents (document_id, html, text, original, original_name) VALUES (?, ?, ?, ?, ?)",
        (key, html.data, text, original, original_name),
    )
    return key, add_text(connection, key, text)


def write_version(
    connection: sqlite3.Connection,
    key: int,
    member: str,
    annotations: Annotations,
    parts: list[str],
    *,
    author: Author,
    action: str,
    now: int,
) -> bool:
    """Store a member's annotations.

    Args:
        connection: The database, in a transaction that writes.
        key: The document's number.
        member: Whose version it becomes.
        annotations: The version.
        parts: The ids of the document's parts, for annotations that don't say what was annotatable.
        author: Who saves.
        action: What was done, in words.
        now: When, in milliseconds since 1970.

    Returns:
        Whether it differs from what was there.
    """
    stored = annotations
    if not annotations.annotatable:
        annotatable = {**(annotations.data.get("annotatable") or {}), "parts": parts}
        stored = Annotations({**annotations.data, "annotatable": annotatable}, place=annotations.place)
    saved = save(
        connection,
        key,
        member,
        stored.dumps(),
        complete=annotations.complete,
        author=author,
        action=action,
        now=now,
    )
    if saved is None:
        return False
    if member == MASTER:
        index_version(connection, key, annotations)
    return True


def touch(
    connection: sqlite3.Connection,
    project: ProjectInfo,
    key: int,
    now: int,
    *,
    member: str,
    author: Author,
) -> None:
    """Note that a version of a document changed, and tell the project's webhooks.

    Args:
        connection: The database, in a transaction that writes.
        project: The document's project.
        key: The document's number.
        now: When, in milliseconds since 1970. Each change is later than the one before it, whatever the clock
            says.
        member: Whose version it is.
        author: Who changed it.
    """
    row = connection.execute(
        "UPDATE documents SET updated = max(?, updated + 1) WHERE id = ? RETURNING docid", (now, key)
    ).fetchone()
    enqueue(
        connection,
        project.key,
        project.settings,
        key,
        row["docid"],
        member=member,
        status="updated",
        author=author,
        now=now,
    )


def change_version(
    connection: sqlite3.Connection,
    project: ProjectInfo,
    key: int,
    member: str,
    annotations: Annotations,
    parts: list[str],
    *,
    author: Author,
    action: str,
    effort: str | None = None,
) -> None:
    """Store a member's annotations now, and where that changes them, tell the project's webhooks.

    Args:
        connection: The database, in a transaction that writes.
        project: The document's project.
        key: The document's number.
        member: Whose version it becomes.
        annotations: The version.
        parts: The ids of the document's parts, for annotations that don't say what was annotatable.
        author: Who saves.
        action: What was done, in words.
        effort: How much time it took, as :func:`~spacy_tagtog.server.db.history.note_effort` takes it.
    """
    now = clock.now()
    if write_version(connection, key, member, annotations, parts, author=author, action=action, now=now):
        if effort is not None:
            note_effort(connection, key, member, effort)
        touch(connection, project, key, now, member=member, author=author)


def delete_documents(connection: sqlite3.Connection, keys: Sequence[int]) -> int:
    """Delete documents with all their versions and history.

    Args:
        connection: The database, in a transaction that writes.
        keys: The documents' numbers.

    Returns:
        How many there were.
    """
    forget(connection, keys)
    # One parameter for all: SQLite takes at most 32,766.
    return connection.execute(
        "DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
    ).rowcount
