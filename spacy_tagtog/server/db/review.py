"""What people review next: the order of the documents, flags, and what was decided about the same texts."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spacy_tagtog.anndoc import MASTER

_TEXTS_AT_ONCE: Final = 400
"""SQLite takes a limited number of parameters per query."""


@dataclass(frozen=True)
class Waiting:
    """A document of somebody's queue.

    Attributes:
        key: Its number in the database.
        docid: Its id.
        filename: Its file name.
        confirmed: Whether the version is confirmed.
        rank: Its place in the order that was stored, or ``None``.
        reasons: Why it has this place, as JSON.
        note: What a colleague should look at, where it is flagged.
    """

    key: int
    docid: str
    filename: str
    confirmed: bool
    rank: int | None = None
    reasons: str = "{}"
    note: str | None = None

    @property
    def why(self) -> Mapping[str, Any]:
        """Why it has this place. Read when it is asked for: a queue is long, and few of it are shown."""
        found: Mapping[str, Any] = json.loads(self.reasons)
        return found


@dataclass(frozen=True)
class Place:
    """A document's place in an order.

    Attributes:
        docid: The document's id.
        rank: Its place, from 1.
        batch: The number of its batch, from 1.
        why: What explains the place, as JSON.
    """

    docid: str
    rank: int
    batch: int
    why: Mapping[str, Any]


def store_order(connection: sqlite3.Connection, project: int, places: Iterable[Place]) -> list[str]:
    """Replace the order in which a project's documents are reviewed.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        places: The documents and their places.

    Returns:
        The ids that the project hasn't got.
    """
    known = dict(connection.execute("SELECT docid, id FROM documents WHERE project_id = ?", (project,)))
    connection.execute(
        "DELETE FROM review_order WHERE document_id IN (SELECT id FROM documents WHERE project_id = ?)",
        (project,),
    )
    missing = []
    for place in places:
        if place.docid not in known:
            missing.append(place.docid)
            continue
        connection.execute(
            "INSERT OR REPLACE INTO review_order (document_id, rank, batch, why) VALUES (?, ?, ?, ?)",
            (known[place.docid], place.rank, place.batch, json.dumps(place.why, ensure_ascii=True)),
        )
    return missing


def whose_version(connection: sqlite3.Connection, project: int, user: str, *, edits_master: bool) -> str:
    """Whose version a user reviews, if the user doesn't say.

    Who was assigned documents annotates them in an own version, and so does who may not change master.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        user: Who reviews.
        edits_master: Whether this user may change the master version.
    """
    if not edits_master or _has_assignments(connection, project, user):
        return user
    return MASTER


def _has_assignments(connection: sqlite3.Connection, project: int, member: str) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM assignments AS a JOIN documents AS d ON d.id = a.document_id "
            "WHERE a.member = ? AND d.project_id = ? LIMIT 1",
            (member, project),
        ).fetchone()
        is not None
    )


def queue_of(connection: sqlite3.Connection, project: int, member: str) -> list[Waiting]:
    """All documents that a version is reviewed of, in the order in which they should be.

    Ranked documents come first, the others as they were created. A member who was assigned documents has
    only these.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        member: Whose version.
    """
    assigned = ""
    if _has_assignments(connection, project, member):
        assigned = "AND d.id IN (SELECT document_id FROM assignments WHERE member = :member)"
    rows = connection.execute(
        "SELECT d.id, d.docid, d.filename, coalesce(v.complete, 0) AS complete, "  # noqa: S608  literals
        "o.rank, o.why, f.note "
        "FROM documents AS d "
        "LEFT JOIN versions AS v ON v.document_id = d.id AND v.member = :member "
        "LEFT JOIN review_order AS o ON o.document_id = d.id "
        "LEFT JOIN flags AS f ON f.document_id = d.id "
        f"WHERE d.project_id = :project {assigned} ORDER BY o.rank IS NULL, o.rank, d.id",
        {"project": project, "member": member},
    )
    return [
        Waiting(
            row["id"],
            row["docid"],
            row["filename"],
            bool(row["complete"]),
            row["rank"],
            row["why"] or "{}",
            row["note"],
        )
        for row in rows
    ]


def next_after(queue: Sequence[Waiting], docid: str | None) -> str | None:
    """The next document that waits for somebody: after this one, else from the beginning.

    Flagged documents wait for a colleague, so they aren't next by themselves.
    """
    here = next((index for index, one in enumerate(queue) if one.docid == docid), -1)
    around = [*queue[here + 1 :], *queue[: max(here, 0)]]
    return next((one.docid for one in around if not one.confirmed and one.note is None), None)


def beside(queue: Sequence[Waiting], docid: str, step: int) -> str | None:
    """The document before (``-1``) or after (``1``) another one in the queue, confirmed or not."""
    here = next((index for index, one in enumerate(queue) if one.docid == docid), None)
    if here is None or not 0 <= here + step < len(queue):
        return None
    return queue[here + step].docid


def flag(connection: sqlite3.Connection, document: int, author: str, note: str, now: int) -> None:
    """Flag a document for a colleague; a later flag replaces an earlier one."""
    connection.execute(
        "INSERT OR REPLACE INTO flags (document_id, author, note, created) VALUES (?, ?, ?, ?)",
        (document, author, note, now),
    )


def unflag(connection: sqlite3.Connection, document: int) -> bool:
    """Take a flag away. Gives whether there was one."""
    return connection.execute("DELETE FROM flags WHERE document_id = ?", (document,)).rowcount > 0


def flag_of(connection: sqlite3.Connection, document: int) -> dict[str, Any] | None:
    """A document's flag: who asks what, and when."""
    row = connection.execute(
        "SELECT author, note, created FROM flags WHERE document_id = ?", (document,)
    ).fetchone()
    return None if row is None else dict(row)


def decided_elsewhere(
    connection: sqlite3.Connection, project: int, types: Sequence[str], texts: Iterable[str], *, but: int
) -> dict[str, dict[str, int]]:
    """How often people annotated the same texts in the project's confirmed documents.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        types: The ids of the project's entity types.
        texts: The texts of entities.
        but: The number of the document that doesn't count.

    Returns:
        Text → type → number of entities.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    wanted = list(dict.fromkeys(texts))
    for start in range(0, len(wanted), _TEXTS_AT_ONCE):
        some = wanted[start : start + _TEXTS_AT_ONCE]
        of_types, of_texts = ", ".join("?" * len(types)), ", ".join("?" * len(some))
        rows = connection.execute(
            "SELECT e.text, e.class_id, count(*) AS number FROM entities AS e "  # noqa: S608  marks alone
            "JOIN documents AS d ON d.id = e.document_id "
            f"WHERE e.class_id IN ({of_types}) AND e.text IN ({of_texts}) "
            "AND e.state <> 'pre-removed' AND d.project_id = ? AND d.anncomplete AND d.id <> ? "
            "GROUP BY e.text, e.class_id",
            (*types, *some, project, but),
        )
        for row in rows:
            found[row["text"]][row["class_id"]] = row["number"]
    return dict(found)
