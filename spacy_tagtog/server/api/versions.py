"""The versions of several members together: adjudication, copies, and how far members agree.

Facts: tagtog's API of annotation versions (v0) and of metrics (v0, ``iaa``). The computing is done by
:mod:`spacy_tagtog.agreement`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, get_args

from starlette.responses import Response

from spacy_tagtog.agreement import MergeStrategy, Metric, iaa, merge, rank_members
from spacy_tagtog.anndoc import MASTER, Annotations, Document, PlainHtml
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import disposition, json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.documents import no_document, touch, write_version
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


def _stored(connection: sqlite3.Connection, info: ProjectInfo, docid: str) -> tuple[int, Document]:
    """A document with all its versions."""
    row = connection.execute(
        "SELECT d.id, c.html FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
        "WHERE d.project_id = ? AND d.docid = ?",
        (info.key, docid),
    ).fetchone()
    if row is None:
        raise no_document(docid)
    rows = connection.execute(
        "SELECT member, data FROM version_contents WHERE document_id = ? ORDER BY member",
        (row["id"],),
    )
    return row["id"], _document(
        info, docid, row["html"], {version["member"]: version["data"] for version in rows}
    )


def _save(
    call: Call,
    connection: sqlite3.Connection,
    info: ProjectInfo,
    key: int,
    document: Document,
    member: str,
    made: Annotations,
    action: str,
) -> None:
    now = clock.now()
    if write_version(
        connection, key, member, made, list(document.parts), author=call.author, action=action, now=now
    ):
        touch(connection, info, key, now, member=member, author=call.author)


def _answer(docid: str, made: Annotations) -> Response:
    return Response(
        made.dumps().encode(), media_type="application/json", headers=disposition(f"{docid}.ann.json")
    )


def _unconfirmed(document: Document, member: str) -> None:
    """Make sure that a version may be replaced."""
    if member in document.versions and document.versions[member].complete:
        raise RequestError(
            409,
            "this version is confirmed",
            place="saveTo",
            value=member,
            legal="a version that isn't confirmed",
            advice=f"{member} has to take the confirmation back first",
        )


def merge_versions(call: Call) -> Response:
    """``POST /merge``: one version of all that were confirmed."""
    call.need("read other members' versions")
    strategy = _one_of(call, "strategy", get_args(MergeStrategy))
    target = call.member_of("saveTo") if call.query.get("saveTo") else None
    docid, project = call.named_document, call.project
    if target is not None:
        call.access.need_to_edit(target)
    # Who agrees most is a question to the whole project, asked before the database is locked.
    ranking = None
    if strategy == "best_iaa_v1":
        with call.database.reading() as connection:
            ranking = rank_members(confirmed_documents(connection, *project))
    with call.database.writing() if target is not None else call.database.reading() as connection:
        info = read_project(connection, *project)
        key, document = _stored(connection, info, docid)
        made = merge(document, strategy, ranking=ranking).annotations
        if target is not None:
            if target != MASTER:
                _unconfirmed(document, target)
            _save(call, connection, info, key, document, target, made, f"merged ({strategy})")
    return _answer(docid, made)


def copy_version(call: Call) -> Response:
    """``POST /copy``: one member's version becomes another's, not confirmed."""
    source, target = call.member_of("from", None), call.member_of("saveTo", None)
    call.access.need_to_read(source)
    call.access.need_to_edit(target)
    docid = call.named_document
    with call.database.writing() as connection:
        info = read_project(connection, *call.project)
        key, document = _stored(connection, info, docid)
        if source not in document.versions:
            raise RequestError(
                404,
                "there is no such version of this document",
                place="from",
                value=source,
                legal=", ".join(document.versions) or "(it has none)",
            )
        _unconfirmed(document, target)
        version = document.versions[source]
        made = Annotations({**version.data, "anncomplete": False}, place=version.place)
        _save(call, connection, info, key, document, target, made, f"copied from {source}")
    return _answer(docid, made)


def get_iaa(call: Call) -> Response:
    """``GET /iaa``: how far two members agree on one annotation task."""
    call.need("see metrics")
    first, second = call.member_of("member1", None), call.member_of("member2", None)
    task = call.parameter("anntaskId", "&anntaskId=e_1, a class id of the project")
    metric = _one_of(call, "metric", get_args(Metric), "exact_v1")
    with call.database.reading() as connection:
        legend = read_project(connection, *call.project).legend
        if task not in legend:
            raise RequestError(
                400,
                "the project has no such annotation task",
                place="anntaskId",
                value=task,
                legal=", ".join(legend) or "(it has none)",
            )
        documents = confirmed_documents(connection, *call.project, (first, second))
        answer = iaa(documents, first, second, task, metric=metric).answer()
    return json_answer(answer)


def _one_of(call: Call, parameter: str, legal: tuple[str, ...], default: str | None = None) -> Any:
    value = call.query.get(parameter) or default
    if value not in legal:
        raise RequestError(
            400,
            f"the parameter {parameter} is missing" if value is None else f"there is no such {parameter}",
            value=value,
            legal=", ".join(legal),
        )
    return value
