"""What the local tagtog's kept totals must say, counted from the documents themselves."""

from __future__ import annotations

import sqlite3
from collections import Counter

_TOTALS = {
    "counts": (
        "SELECT project_id, folder, anncomplete, number FROM counts WHERE number <> 0",
        "SELECT project_id, folder, anncomplete, count(*) FROM documents GROUP BY 1, 2, 3",
    ),
    "class_counts": (
        "SELECT project_id, class_id, document_id, entities, norms, folder, anncomplete FROM class_counts",
        "SELECT d.project_id, e.class_id, d.id, count(DISTINCT e.number), count(DISTINCT n.norm_id), "
        "d.folder, d.anncomplete FROM documents AS d JOIN entities AS e ON e.document_id = d.id "
        "LEFT JOIN norms AS n ON n.document_id = e.document_id AND n.entity = e.number "
        "GROUP BY d.id, e.class_id",
    ),
    "class_totals": (
        "SELECT project_id, class_id, entities, norms, folder, anncomplete, number "
        "FROM class_totals WHERE number <> 0",
        "SELECT project_id, class_id, entities, norms, folder, anncomplete, count(*) "
        "FROM class_counts GROUP BY 1, 2, 3, 4, 5, 6",
    ),
    "label_totals": (
        "SELECT project_id, class_id, value, number FROM label_totals",
        "SELECT d.project_id, l.class_id, l.value, count(*) FROM documents AS d "
        "JOIN labels AS l ON l.document_id = d.id GROUP BY 1, 2, 3",
    ),
    "vocabulary_parts": (
        "SELECT v.id FROM vocabulary AS v WHERE length(v.word) >= 3 AND EXISTS "
        "(SELECT 1 FROM vocabulary_parts AS p "
        "WHERE p.vocabulary_parts MATCH '\"' || substr(v.word, 1, 3) || '\"' AND p.rowid = v.id)",
        "SELECT id FROM vocabulary WHERE length(word) >= 3",
    ),
}


def wrong_totals(connection: sqlite3.Connection) -> list[str]:
    """The tables whose totals differ from what there is.

    Args:
        connection: The database.
    """
    return [
        table
        for table, (kept, there) in _TOTALS.items()
        if Counter(map(tuple, connection.execute(kept))) != Counter(map(tuple, connection.execute(there)))
    ]
