"""The versions of several members together, for merging, copying and measuring agreement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

from spacy_tagtog.anndoc import Annotations, Document, PlainHtml
from spacy_tagtog.server.db.documents import read_content
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.settings import ProjectInfo


def confirmed_documents(
    connection: sqlite3.Connection, owner: str, project: str, members: Sequence[str] | None = None
) -> Iterator[Document]:
    """The documents that somebody confirmed, one at a time, with the confirmed versions alone.

    Args:
        connection: The database, in a transaction.
        owner: The project's owner.
        project: The project's name.
        members: Whose versions; by default those of all but master.

    Raises:
        RequestError: There is no such project.
    """
    chosen = "v.member <> 'master'" if members is None else f"v.member IN ({', '.join('?' * len(members))})"
    info = read_project(connection, owner, project)
    rows = connection.execute(
        "SELECT d.docid, c.html, v.member, v.data FROM documents AS d "  # noqa: S608
        "JOIN contents AS c ON c.document_id = d.id JOIN version_contents AS v ON v.document_id = d.id "
        f"WHERE d.project_id = ? AND v.complete AND {chosen} ORDER BY d.id, v.member",
        (info.key, *(members or ())),
    )
    for docid, group in groupby(rows, key=lambda row: str(row["docid"])):
        versions = list(group)
        yield _document(info, docid, versions[0]["html"], {row["member"]: row["data"] for row in versions})


def _document(info: ProjectInfo, docid: str, html: bytes, versions: dict[str, bytes]) -> Document:
    parsed = {
        member: Annotations.parse(data, place=f"the version of {member} of {docid}")
        for member, data in versions.items()
    }
    return Document(docid, PlainHtml(html, place=docid), parsed, legend=info.legend)


def is_confirmed(connection: sqlite3.Connection, document: int, member: str) -> bool:
    """Whether a version is there and confirmed.

    Args:
        connection: The database, in a transaction.
        document: The document's number.
        member: Whose version.
    """
    return (
        connection.execute(
            "SELECT 1 FROM versions WHERE document_id = ? AND member = ? AND complete", (document, member)
        ).fetchone()
        is not None
    )


def read_versions(connection: sqlite3.Connection, info: ProjectInfo, docid: str) -> tuple[int, Document]:
    """A document's number, and the document with all its versions.

    Args:
        connection: The database, in a transaction.
        info: The project.
        docid: The document's id.

    Raises:
        RequestError: There is no such document.
    """
    key, html = read_content(connection, info.key, docid)
    rows = connection.execute(
        "SELECT member, data FROM version_contents WHERE document_id = ? ORDER BY member", (key,)
    )
    return key, _document(info, docid, html, {row["member"]: row["data"] for row in rows})
