"""What the page of a project shows: its documents one by one, and how many there are of what.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.server.settings import ProjectInfo

_MOST_VALUES: Final = 50
"""At most N values of a document label are listed, the most frequent ones."""


@dataclass(frozen=True)
class Row:
    """A document of a list.

    Attributes:
        docid: Its id.
        filename: Its file name.
        header: Its first heading, or the beginning of its text.
        folder: The path of its folder.
        created: When it was imported, in milliseconds since 1970.
        updated: When it last changed.
        confirmed: Whether the master version is confirmed.
        confirmed_by: The members whose versions are confirmed.
        assigned: Who is to annotate it.
        suggested_entities: How many entities of master nobody decided about.
        decided_entities: How many others it has.
        suggested_labels: How many document labels of master are suggestions.
        decided_labels: How many others are set.
        least_sure: The probability of the least sure suggestion; ``None`` where there is none that has one.
        rank: Its place in the ranking, if any.
        reasons: Why it has this place, as JSON.
        flag: What a colleague should look at, where it is flagged.
        flagged_by: Who asks that.
    """

    docid: str
    filename: str
    header: str
    folder: str
    created: int
    updated: int
    confirmed: bool
    confirmed_by: tuple[str, ...]
    assigned: tuple[str, ...]
    suggested_entities: int
    decided_entities: int
    suggested_labels: int
    decided_labels: int
    least_sure: float | None
    rank: int | None
    reasons: str
    flag: str | None
    flagged_by: str | None


@dataclass(frozen=True)
class Counts:
    """How many documents a project has of what.

    Attributes:
        folders: Number of a folder → its documents, and how many of them are confirmed. Without those below.
        flagged: How many are flagged.
        labels: Class id of a document label → its values, the most frequent first → documents.
        is_ranked: Whether any document has a place in a ranking.
    """

    folders: Mapping[int, tuple[int, int]]
    flagged: int
    labels: Mapping[str, Mapping[str, int]]
    is_ranked: bool

    @property
    def documents(self) -> int:
        """All documents."""
        return sum(documents for documents, _ in self.folders.values())

    @property
    def confirmed(self) -> int:
        """How many are confirmed."""
        return sum(confirmed for _, confirmed in self.folders.values())


def read_rows(connection: sqlite3.Connection, project: ProjectInfo, keys: Sequence[int]) -> list[Row]:
    """Documents by their numbers, in the same order."""
    given = json.dumps(list(keys))
    confirmed_by = _members(
        connection,
        "SELECT document_id, member FROM versions WHERE complete AND member <> 'master' "
        "AND document_id IN (SELECT value FROM json_each(?)) ORDER BY member",
        given,
    )
    assigned = _members(
        connection,
        "SELECT document_id, member FROM assignments "
        "WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY member",
        given,
    )
    rows = connection.execute(
        "SELECT d.*, o.rank, o.why, f.note, f.author FROM json_each(?) AS j "
        "CROSS JOIN documents AS d ON d.id = j.value "
        "LEFT JOIN review_order AS o ON o.document_id = d.id "
        "LEFT JOIN flags AS f ON f.document_id = d.id ORDER BY j.key",
        (given,),
    )
    return [
        Row(
            row["docid"],
            row["filename"],
            row["header"],
            project.path_of(row["folder"]),
            row["created"],
            row["updated"],
            bool(row["anncomplete"]),
            tuple(confirmed_by[row["id"]]),
            tuple(assigned[row["id"]]),
            row["suggested_entities"],
            row["decided_entities"],
            row["suggested_labels"],
            row["decided_labels"],
            row["least_sure"],
            row["rank"],
            row["why"] or "{}",
            row["note"],
            row["author"],
        )
        for row in rows
    ]


def _members(connection: sqlite3.Connection, sql: str, keys: str) -> defaultdict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for document, member in connection.execute(sql, (keys,)):
        found[document].append(member)
    return found


def read_counts(connection: sqlite3.Connection, project: int) -> Counts:
    """How many documents a project has of what. No document is looked at for that.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
    """
    folders: dict[int, tuple[int, int]] = {}
    for folder, documents, confirmed in connection.execute(
        "SELECT folder, sum(number), sum(number * anncomplete) FROM counts "
        "WHERE project_id = ? GROUP BY folder",
        (project,),
    ):
        folders[folder] = documents, confirmed
    flagged = connection.execute(
        "SELECT count(*) FROM flags AS f CROSS JOIN documents AS d ON d.id = f.document_id "
        "WHERE d.project_id = ?",
        (project,),
    ).fetchone()[0]
    ranked = connection.execute(
        # Between these numbers stand few documents of other projects, as a rule none.
        "SELECT 1 FROM review_order AS o CROSS JOIN documents AS d ON d.id = o.document_id "
        "WHERE o.document_id BETWEEN (SELECT min(id) FROM documents WHERE project_id = :project) "
        "AND (SELECT max(id) FROM documents WHERE project_id = :project) "
        "AND d.project_id = :project LIMIT 1",
        {"project": project},
    ).fetchone()
    return Counts(folders, flagged, _label_values(connection, project), ranked is not None)


def _label_values(connection: sqlite3.Connection, project: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for class_id, value, number in connection.execute(
        "SELECT class_id, value, number FROM (SELECT class_id, value, number, row_number() "
        "OVER (PARTITION BY class_id ORDER BY number DESC, value) AS place FROM label_totals "
        "WHERE project_id = ?) WHERE place <= ? ORDER BY class_id, place",
        (project, _MOST_VALUES),
    ):
        found[class_id][value] = number
    return dict(found)


def count_waiting(
    connection: sqlite3.Connection, project: int, member: str, *, is_assigned: bool, most: int
) -> int:
    """How many documents wait for a member: those that ``Mine.OPEN`` of the search's filters lists.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        member: Who may have to confirm an own version.
        is_assigned: Whether any document of the project is assigned to the member; else all may wait.
        most: Where it is reached, no more are counted.
    """
    table = "documents AS d"
    if is_assigned:
        table = f"assignments AS a CROSS JOIN {table} ON d.id = a.document_id AND a.member = :member"
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE d.project_id = :project "  # noqa: S608  literals
        "AND NOT EXISTS (SELECT 1 FROM versions AS v WHERE v.document_id = d.id AND v.member = :member "
        "AND v.complete) LIMIT :most)",
        {"member": member, "project": project, "most": most},
    ).fetchone()
    return int(row[0])


def has_assignments(connection: sqlite3.Connection, project: int, member: str) -> bool:
    """Whether any document of a project is assigned to a member."""
    return _is_any(connection, "assignments", project, member)


def has_versions(connection: sqlite3.Connection, project: int, member: str) -> bool:
    """Whether a member has a version of any document of a project."""
    return _is_any(connection, "versions", project, member)


def _is_any(connection: sqlite3.Connection, table: str, project: int, member: str) -> bool:
    row = connection.execute(
        f"SELECT 1 FROM {table} AS t CROSS JOIN documents AS d ON d.id = t.document_id "  # noqa: S608  literals
        "WHERE t.member = ? AND d.project_id = ? LIMIT 1",
        (member, project),
    ).fetchone()
    return row is not None
