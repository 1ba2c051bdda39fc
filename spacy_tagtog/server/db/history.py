"""Every save of a version: who, when, what.

Contents are kept by their hash, so that equal ones are stored once.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Literal

Source = Literal["GUI", "API"]


@dataclass(frozen=True)
class Author:
    """Who saves, and how.

    Attributes:
        name: The user.
        source: ``GUI`` for a person at a page, ``API`` for a program.
    """

    name: str
    source: Source = "API"


def store_blob(connection: sqlite3.Connection, data: bytes) -> int:
    """Keep a content, if it isn't kept already.

    Returns:
        Its number.
    """
    digest = hashlib.sha256(data).digest()
    row = connection.execute("SELECT id FROM blobs WHERE hash = ?", (digest,)).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO blobs (hash, data) VALUES (?, ?) RETURNING id", (digest, data)
        ).fetchone()
    return int(row[0])


def save(
    connection: sqlite3.Connection,
    document: int,
    member: str,
    ann: str,
    *,
    complete: bool,
    author: Author,
    action: str,
    now: int,
) -> int | None:
    """Make annotations a member's version of a document, and the next entry of its history.

    Args:
        connection: The database, in a transaction.
        document: The document's number.
        member: Whose version it is.
        ann: The ann.json.
        complete: Whether the member confirms it.
        author: Who saves.
        action: What was done, in words.
        now: When, in milliseconds since 1970.

    Returns:
        The number of the content, or ``None`` where the version says the same already: then nothing is saved.
    """
    old = connection.execute(
        "SELECT data FROM version_contents WHERE document_id = ? AND member = ?",
        (document, member),
    ).fetchone()
    data = ann.encode()
    if old is not None and (old["data"] == data or _canonical(old["data"]) == _canonical(data)):
        return None
    blob = store_blob(connection, data)
    connection.execute(
        "INSERT INTO versions (document_id, member, complete, blob_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (document_id, member) "
        "DO UPDATE SET complete = excluded.complete, blob_id = excluded.blob_id",
        (document, member, complete, blob),
    )
    connection.execute(
        "INSERT INTO history (document_id, member, blob_id, complete, saved, author, source, action) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document, member, blob, complete, now, author.name, author.source, action),
    )
    return blob


def note_effort(connection: sqlite3.Connection, document: int, member: str, effort: str) -> None:
    """Note with the latest save of a version how much time it took.

    Args:
        connection: The database, in a transaction.
        document: The document's number.
        member: Whose version it is.
        effort: As JSON: ``seconds``, and ``decisions``, kind of decision to their number and seconds.
    """
    connection.execute(
        "UPDATE history SET effort = ? WHERE id = "
        "(SELECT max(id) FROM history WHERE document_id = ? AND member = ?)",
        (effort, document, member),
    )


def note_save(
    connection: sqlite3.Connection, document: int, member: str, *, author: Author, action: str, now: int
) -> None:
    """Add an entry to the history of a version that stays as it is: somebody looked at it.

    Args:
        connection: The database, in a transaction that writes.
        document: The document's number.
        member: Whose version it is.
        author: Who looked.
        action: What was done, in words.
        now: When, in milliseconds since 1970.
    """
    connection.execute(
        "INSERT INTO history (document_id, member, blob_id, complete, saved, author, source, action) "
        "SELECT document_id, member, blob_id, complete, ?, ?, ?, ? FROM versions "
        "WHERE document_id = ? AND member = ?",
        (now, author.name, author.source, action, document, member),
    )


def _canonical(data: bytes) -> str:
    return json.dumps(json.loads(data), sort_keys=True)


def keep_html(connection: sqlite3.Connection, document: int, old: bytes) -> None:
    """Keep a content that is about to be replaced: the saves until now were made for it."""
    if connection.execute(
        "SELECT 1 FROM history WHERE document_id = ? AND html_id IS NULL LIMIT 1", (document,)
    ).fetchone():
        blob = store_blob(connection, old)
        connection.execute(
            "UPDATE history SET html_id = ? WHERE document_id = ? AND html_id IS NULL", (blob, document)
        )
