"""Changes of whole projects: new types, guidelines, and their end.

Where a function takes ``connection``, it is the database in a transaction: see
:class:`~spacy_tagtog.server.db.database.Database`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from spacy_tagtog._unicode import has_surrogate
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.dictionary_loading import remove_dictionaries
from spacy_tagtog.server.db.documents import delete_documents
from spacy_tagtog.server.db.projects import project_key, read_project, read_settings, write_settings
from spacy_tagtog.server.settings import GUIDELINES, MEASURE_TIME, LabelValues, with_types

MAX_GUIDELINES: Final = 200_000
"""The most characters that the guidelines of a project may have."""


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


def fingerprint_of(guidelines: str) -> str:
    """What tells guidelines from others."""
    return hashlib.sha256(guidelines.encode("utf-8", "surrogatepass")).hexdigest()


def set_guidelines(
    connection: sqlite3.Connection, owner: str, name: str, text: str, *, was: str | None = None
) -> None:
    """Replace the guidelines of a project. Everything else of its settings stays as it is.

    Args:
        connection: The database, in a transaction that writes.
        owner: The project's owner.
        name: The project's name.
        text: The guidelines, as markdown.
        was: The fingerprint of what they were when the change was begun; ``None`` to replace whatever is
            there.

    Raises:
        RequestError: They are too long or can't be stored, somebody else changed them meanwhile, or there is
            no such project.
    """
    if len(text) > MAX_GUIDELINES:
        raise RequestError(
            413,
            "the guidelines are too long",
            value=f"{len(text)} characters",
            legal=f"at most {MAX_GUIDELINES} characters",
            advice="put what is seldom needed into a document of its own, and link it",
        )
    if has_surrogate(text):
        raise RequestError(
            400,
            "the guidelines hold a character that UTF-8 can't carry",
            legal="any Unicode text without lone surrogates",
        )
    project = read_project(connection, owner, name)
    if was is not None and fingerprint_of(project.guidelines) != was:
        raise RequestError(
            409,
            "somebody else changed the guidelines meanwhile",
            legal="a change of the guidelines as they are now",
            advice="put both together, and save again",
        )
    write_settings(connection, project.key, {**project.settings, GUIDELINES: text})


def project_content(connection: sqlite3.Connection, owner: str, name: str) -> ProjectContent:
    """What a project holds.

    Raises:
        RequestError: There is no such project.
    """
    row = connection.execute(
        "SELECT (SELECT count(*) FROM documents WHERE project_id = :project) AS documents, "
        "(SELECT count(*) FROM documents AS d WHERE project_id = :project AND (anncomplete OR EXISTS "
        "(SELECT 1 FROM versions WHERE document_id = d.id AND complete))) AS confirmed, "
        "(SELECT count(*) FROM history AS h JOIN documents AS d ON d.id = h.document_id "
        "WHERE d.project_id = :project) AS saves, "
        "(SELECT count(*) FROM members WHERE project_id = :project) AS members",
        {"project": project_key(connection, owner, name)},
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
    for table in ("counts", "class_totals", "label_totals", "norm_totals"):
        connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (key,))  # noqa: S608  our own names
