"""Counts of what is annotated.

Facts: tagtog's metrics API (v0, ``search_stats``): it counts the master versions of the documents that a
query finds.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.search.results import in_time, select
from spacy_tagtog.server.settings import ProjectInfo, label_values

_TOP = 10
"""How many normalizations and values of text labels are listed at most, the most frequent first."""


def search_stats(
    connection: sqlite3.Connection, owner: str, project: str, query: str = "*", *, user: str = ""
) -> dict[str, Any]:
    """Count the annotations of the master versions, by annotation type.

    Args:
        connection: The database, in a transaction.
        owner: The project's owner.
        project: The project's name.
        query: Which documents are counted.
        user: Who asks, for ``filter:TODO``.

    Returns:
        tagtog's JSON: ``numDocuments``, ``numConfirmedDocuments``, ``numAnnotatedDocuments`` (with an entity
        or a document label), and the counts of each ``e_N`` and ``m_N``. Percentages are of all entities, and
        of the documents that have the label.

    Raises:
        LocalServerError: The query isn't legal, or there is no such project.
    """
    info = read_project(connection, owner, project)
    rows = select(connection, info, query, user).sql("d.id")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS picked (id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.picked")
    with in_time(connection):
        connection.execute(f"INSERT INTO temp.picked {rows.text}", rows.parameters)
    return _counted(connection, info)


def _entities(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Class id → numbers of entities and of documents that have one, in the picked documents."""
    rows = connection.execute(
        "SELECT e.class_id, count(*) AS total, count(DISTINCT e.document_id) AS documents "
        "FROM temp.picked AS p JOIN entities AS e ON e.document_id = p.id GROUP BY e.class_id"
    )
    return {row["class_id"]: (row["total"], row["documents"]) for row in rows}


def _normalizations(connection: sqlite3.Connection) -> dict[str, list[sqlite3.Row]]:
    """Class id of entities → their normalizations in the picked documents, the most frequent first."""
    norms: dict[str, list[sqlite3.Row]] = {}
    for row in connection.execute(
        "SELECT e.class_id AS entity, n.class_id AS dictionary, n.norm_id, "
        "count(DISTINCT e.document_id) AS documents FROM temp.picked AS p "
        "JOIN entities AS e ON e.document_id = p.id "
        "JOIN norms AS n ON n.document_id = e.document_id AND n.entity = e.number "
        "WHERE n.norm_id <> '' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 3, 2"
    ):
        norms.setdefault(row["entity"], []).append(row)
    return norms


def _label_values(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """Class id of labels → value → number of the picked documents that have it, the most frequent first."""
    values: dict[str, dict[str, int]] = {}
    for row in connection.execute(
        "SELECT l.class_id, l.value, count(*) AS documents "
        "FROM temp.picked AS p JOIN labels AS l ON l.document_id = p.id GROUP BY 1, 2 ORDER BY 3 DESC, 2"
    ):
        values.setdefault(row["class_id"], {})[row["value"]] = row["documents"]
    return values


def _counted(connection: sqlite3.Connection, info: ProjectInfo) -> dict[str, Any]:
    def one(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    documents = one("SELECT count(*) FROM temp.picked")
    stats: dict[str, Any] = {
        "numDocuments": documents,
        "numConfirmedDocuments": one(
            "SELECT count(*) FROM temp.picked AS p JOIN documents AS d ON d.id = p.id WHERE d.anncomplete"
        ),
        "numAnnotatedDocuments": one(
            "SELECT count(*) FROM temp.picked AS p "
            "WHERE EXISTS (SELECT 1 FROM entities WHERE document_id = p.id) "
            "OR EXISTS (SELECT 1 FROM labels WHERE document_id = p.id)"
        ),
    }
    entities = _entities(connection)
    stats["allEntitiesTotalCount"] = sum(total for total, _ in entities.values())
    norms, values = _normalizations(connection), _label_values(connection)
    stats["allDocumentLabelsTotalCount"] = sum(sum(counts.values()) for counts in values.values())
    legend = info.legend
    for class_id, name in legend.items():
        if class_id[0] == "e":
            total, having = entities.get(class_id, (0, 0))
            stats[class_id] = {
                "name": name,
                "totalCount": total,
                "percentage": _percentage(total, stats["allEntitiesTotalCount"]),
                "numDocuments": having,
                "numDocumentsMissing": documents - having,
                "topNormalizations": [_norm(row, legend) for row in norms.get(class_id, [])[:_TOP]],
            }
        elif class_id[0] == "m":
            stats[class_id] = _label(
                name, values.get(class_id, {}), documents, info.settings.get("metas", {}).get(class_id, {})
            )
    return stats


def _percentage(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0


def _norm(row: sqlite3.Row, legend: Legend) -> dict[str, Any]:
    dictionary = row["dictionary"]
    return {
        "dictionaryId": dictionary,
        "dictionaryName": legend.get(dictionary, dictionary),
        "entityId": row["norm_id"],
        "numDocuments": row["documents"],
    }


def _label(name: str, counts: dict[str, int], documents: int, settings: dict[str, Any]) -> dict[str, Any]:
    having = sum(counts.values())
    kind = settings.get("type")
    if not isinstance(kind, str):
        kind = "boolean" if counts and set(counts) <= {"true", "false"} else "string"
    possible: list[str] = []
    if kind == "boolean":
        possible = ["true", "false"]
    elif kind == "enum":
        possible = label_values(settings)["values"]
    listed = {**dict.fromkeys(possible, 0), **counts} if possible else dict(list(counts.items())[:_TOP])
    rows = [
        {"value": value, "count": count, "percentage": _percentage(count, having)}
        for value, count in listed.items()
    ]
    return {
        "name": name,
        "type": kind,
        "numDocuments": having,
        "numDocumentsMissing": documents - having,
        "values" if possible else "topValues": rows,
    }
