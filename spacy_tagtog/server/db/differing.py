"""Which documents differ between two versions, so that a person can go through them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.agreement import compare_sides
from spacy_tagtog.anndoc import MASTER, Annotations, Document, PlainHtml
from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server.db.sides import MODEL, MODEL_TITLE, PUSHES, adjudicated
from spacy_tagtog.server.settings import ProjectInfo

_COMPARED_AT_ONCE: Final = 300
"""How many documents one request compares. What was compared before costs nothing."""
_KEPT_COUNTS: Final = 20_000
_MASTER_OF_ALL: Final = "SELECT document_id, blob_id, 0 AS since FROM versions WHERE member = ?"
_MEMBER_OF_ALL: Final = """
SELECT v.document_id, v.blob_id, max(h.id) AS since FROM versions AS v
JOIN history AS h ON h.document_id = v.document_id AND h.member = v.member
WHERE v.member = ? GROUP BY v.document_id
"""
_MODEL_OF_ALL: Final = f"""
SELECT document_id, blob_id, id AS since FROM history WHERE id IN (
{PUSHES} AND h.document_id IN (SELECT id FROM documents WHERE project_id = ?) GROUP BY h.document_id)
"""  # noqa: S608  constants alone
_counts: dict[tuple[bytes, bytes, bytes], int | None] = {}
# Annotations and text by their hashes → the number of differences. It never gets wrong, only too large.


@dataclass(frozen=True)
class Differing:
    """A document of which two versions differ.

    Attributes:
        docid: Its id.
        filename: Its file name.
        differences: In how many places; ``None`` where that isn't known yet, or a version can't be read.
    """

    docid: str
    filename: str
    differences: int | None


@dataclass(frozen=True)
class DifferingDocuments:
    """The documents of which two versions differ.

    Attributes:
        documents: The first of them, in the order of review.
        next: The next one after the document that was asked about; ``None`` where there is none.
        settled: The number of documents of which both versions were adjudicated since they were saved.
        is_complete: Whether ``documents`` holds all of them.
    """

    documents: list[Differing]
    next: str | None
    settled: int
    is_complete: bool


def differing_documents(
    connection: sqlite3.Connection,
    info: ProjectInfo,
    left: str,
    right: str,
    *,
    after: str | None,
    shown: int,
) -> DifferingDocuments:
    """The documents of which two versions differ, without those that were adjudicated since.

    Args:
        connection: The database, in a transaction.
        info: The project.
        left: One side: ``master``, a member, or the model's version.
        right: The other.
        after: The document after which the next one is looked for; ``None`` for the first.
        shown: How many are listed at most.
    """
    rows = _candidates(connection, info, left, right)
    waiting = [row for row in rows if not row["settled"] or row["docid"] == after]
    here = next((number for number, row in enumerate(waiting) if row["docid"] == after), -1)
    budget = _Budget(connection, _COMPARED_AT_ONCE)
    # What comes next matters more than what is listed, so it is compared first.
    following = next((row["docid"] for row in waiting[here + 1 :] if budget.differences(row) != 0), None)
    found: list[Differing] = []
    is_complete = True
    for row in waiting:
        if row["settled"]:
            continue
        if len(found) == shown or budget.is_spent:
            is_complete = False
            break
        number = budget.differences(row)
        if number != 0:
            found.append(Differing(row["docid"], row["filename"], number))
    return DifferingDocuments(
        found, following, len(rows) - sum(not row["settled"] for row in rows), is_complete
    )


def members_with_versions(connection: sqlite3.Connection, project: int) -> list[str]:
    """Who has a version of any document, but for master; who has most comes first."""
    rows = connection.execute(
        "SELECT v.member FROM versions AS v JOIN documents AS d ON d.id = v.document_id "
        "WHERE d.project_id = ? AND v.member <> 'master' GROUP BY v.member ORDER BY count(*) DESC, v.member",
        (project,),
    )
    return [row["member"] for row in rows]


def most_in_common(
    connection: sqlite3.Connection, project: int, members: Sequence[str]
) -> tuple[str, str] | None:
    """The two members who have versions of most documents in common; ``None`` where no two have.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        members: Whom to consider.
    """
    row = connection.execute(
        "SELECT a.member AS one, b.member AS other FROM versions AS a "
        "JOIN versions AS b ON b.document_id = a.document_id AND b.member > a.member "
        "JOIN documents AS d ON d.id = a.document_id WHERE d.project_id = ? "
        "AND a.member IN (SELECT value FROM json_each(?)) AND b.member IN (SELECT value FROM json_each(?)) "
        "GROUP BY a.member, b.member ORDER BY count(*) DESC, a.member, b.member LIMIT 1",
        (project, json.dumps(list(members)), json.dumps(list(members))),
    ).fetchone()
    return None if row is None else (row["one"], row["other"])


def _candidates(
    connection: sqlite3.Connection, info: ProjectInfo, left: str, right: str
) -> list[sqlite3.Row]:
    """The documents that have both versions, in the order of review."""
    titles = [MODEL_TITLE if name == MODEL else name for name in (left, right)]
    (left_sql, left_value), (right_sql, right_value) = (_side_of_all(info, name) for name in (left, right))
    return connection.execute(
        "SELECT d.docid, d.filename, d.id, l.blob_id AS left, r.blob_id AS right, EXISTS ("  # noqa: S608
        "SELECT 1 FROM history AS h WHERE h.document_id = d.id AND h.member = 'master' "
        "AND h.action IN (?, ?) AND h.id > max(l.since, r.since)) AS settled "
        f"FROM documents AS d JOIN ({left_sql}) AS l ON l.document_id = d.id "
        f"JOIN ({right_sql}) AS r ON r.document_id = d.id "
        "LEFT JOIN review_order AS o ON o.document_id = d.id "
        "WHERE d.project_id = ? AND l.blob_id <> r.blob_id "
        "ORDER BY o.rank IS NULL, o.rank, d.id",
        (adjudicated(*titles), adjudicated(*titles[::-1]), left_value, right_value, info.key),
    ).fetchall()


def _side_of_all(info: ProjectInfo, name: str) -> tuple[str, str | int]:
    """A query for a version of all documents, and its parameter.

    ``since`` is the save that an adjudication must follow. It changes master itself, so there it is any.
    """
    if name == MODEL:
        return _MODEL_OF_ALL, info.key
    return _MASTER_OF_ALL if name == MASTER else _MEMBER_OF_ALL, name


class _Budget:
    """Compares documents, up to a number of them."""

    def __init__(self, connection: sqlite3.Connection, left: int) -> None:
        self._connection = connection
        self._left = left

    @property
    def is_spent(self) -> bool:
        """Whether no more documents are compared."""
        return self._left <= 0

    def differences(self, row: sqlite3.Row) -> int | None:
        """In how many places a document differs; ``None`` where nobody knows."""
        contents = [self._blob(row[side]) for side in ("left", "right")]
        html = bytes(
            self._connection.execute(
                "SELECT html FROM contents WHERE document_id = ?", (row["id"],)
            ).fetchone()[0]
        )
        key = (contents[0][0], contents[1][0], hashlib.sha256(html).digest())
        if key in _counts:
            return _counts[key]
        if self.is_spent:
            return None
        self._left -= 1
        if len(_counts) >= _KEPT_COUNTS:
            _counts.clear()
        _counts[key] = _count(row["docid"], html, contents[0][1], contents[1][1])
        return _counts[key]

    def _blob(self, number: int) -> tuple[bytes, bytes]:
        row = self._connection.execute("SELECT hash, data FROM blobs WHERE id = ?", (number,)).fetchone()
        return bytes(row["hash"]), bytes(row["data"])


def _count(docid: str, html: bytes, left: bytes, right: bytes) -> int | None:
    try:
        versions = {"left": Annotations.parse(left), "right": Annotations.parse(right)}
        document = Document(docid, PlainHtml(html, place=docid), versions)
        return len(compare_sides(document, "left", "right").differences)
    except SpacyTagtogError:  # its page says why
        return None
