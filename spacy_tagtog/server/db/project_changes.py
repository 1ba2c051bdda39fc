"""Changes of whole projects: new types, and their end.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spacy_tagtog.server.db.dictionary_loading import remove_dictionaries
from spacy_tagtog.server.db.documents import delete_documents
from spacy_tagtog.server.db.projects import project_key, read_settings, write_settings
from spacy_tagtog.server.settings import MEASURE_TIME, LabelValues, with_types


@dataclass(frozen=True)
class ProjectContent:
    """What a project holds.

    Attributes:
        documents: The number of documents.
        confirmed: How many of them are confirmed, by whoever.
        saves: The number of saves in their history.
        members: The number of members.
    """

    documents: int
    confirmed: int
    saves: int
    members: int


def add_types(
    connection: sqlite3.Connection,
    owner: str,
    name: str,
    entities: Iterable[str],
    labels: Mapping[str, LabelValues],
    dictionaries: Iterable[str] = (),
) -> dict[str, str]:
    """Add entity types, document labels and dictionaries to a project. Everything else stays as it is.

    Returns:
        Class id to name of what was added.

    Raises:
        LocalServerError: A name isn't legal, or the project has it already.
        RequestError: There is no such project.
    """
    key = project_key(connection, owner, name)
    settings, added = with_types(read_settings(connection, key), entities, labels, dictionaries)
    write_settings(connection, key, settings)
    return added


def measure_time(connection: sqlite3.Connection, owner: str, name: str, *, on: bool) -> None:
    """Switch on or off that the review page measures how long people work.

    Raises:
        RequestError: There is no such project.
    """
    key = project_key(connection, owner, name)
    write_settings(connection, key, {**read_settings(connection, key), MEASURE_TIME: on})


def project_content(connection: sqlite3.Connection, owner: str, name: str) -> ProjectContent:
    """What a project holds.

    Raises:
        RequestError: There is no such project.
    """
    row = connection.execute(
        "SELECT (SELECT count(*) FROM documents WHERE project_id = ?1) AS documents, "
        "(SELECT count(*) FROM documents AS d WHERE project_id = ?1 AND (anncomplete OR EXISTS "
        "(SELECT 1 FROM versions WHERE document_id = d.id AND complete))) AS confirmed, "
        "(SELECT count(*) FROM history AS h JOIN documents AS d ON d.id = h.document_id "
        "WHERE d.project_id = ?1) AS saves, "
        "(SELECT count(*) FROM members WHERE project_id = ?1) AS members",
        (project_key(connection, owner, name),),
    ).fetchone()
    return ProjectContent(row["documents"], row["confirmed"], row["saves"], row["members"])


def delete_project(connection: sqlite3.Connection, owner: str, name: str) -> None:
    """Delete a project with everything that belongs to it: documents, history, members, dictionaries,
    deliveries.

    Raises:
        RequestError: There is no such project.
    """
    key = project_key(connection, owner, name)
    rows = connection.execute("SELECT id FROM documents WHERE project_id = ?", (key,)).fetchall()
    delete_documents(connection, [row["id"] for row in rows])
    remove_dictionaries(connection, key)
    connection.execute("DELETE FROM projects WHERE id = ?", (key,))
    # Totals of nothing: a later project may get the number.
    for table in ("counts", "class_totals", "norm_totals"):
        connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (key,))  # noqa: S608  our own names
