"""The versions of several members together: adjudication, copies, and how far members agree.

Facts: tagtog's API of annotation versions (v0) and of metrics (v0, ``iaa``). The computing is done by
:mod:`spacy_tagtog.agreement`.
"""

from __future__ import annotations

import sqlite3
from typing import Any, get_args

from starlette.responses import Response

from spacy_tagtog.agreement import MergeStrategy, Metric, iaa, merge, rank_members
from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import disposition, json_answer
from spacy_tagtog.server.api.comparable import SavedVersion, readable_side
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.api.history import check_conditions, etag
from spacy_tagtog.server.db.documents import change_version, read_content
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.sides import check_side
from spacy_tagtog.server.db.versions import confirmed_documents, is_confirmed, read_versions
from spacy_tagtog.server.settings import check_classes


def _answer(docid: str, made: Annotations) -> Response:
    return Response(
        made.dumps().encode(), media_type="application/json", headers=disposition(f"{docid}.ann.json")
    )


def check_unconfirmed(connection: sqlite3.Connection, document: int, member: str) -> None:
    """Make sure that a version may be replaced.

    Raises:
        RequestError: It is confirmed.
    """
    if is_confirmed(connection, document, member):
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
        key, document = read_versions(connection, info, docid)
        made = merge(document, strategy, ranking=ranking).annotations
        if target is not None:
            check_conditions(call, etag(connection, key, target))
            if target != MASTER:
                check_unconfirmed(connection, key, target)
            parts, action = list(document.parts), f"merged ({strategy})"
            change_version(connection, info, key, target, made, parts, author=call.author, action=action)
    return _answer(docid, made)


def copy_version(call: Call) -> Response:
    """``POST /copy``: one member's version becomes another's, not confirmed."""
    source = call.member_of("from", None)
    return _answer(call.named_document, _copied(call, source)[0])


def copy_side(call: Call) -> Response:
    """``POST /-local/versions/copy``: the same for a page, where an earlier save can be copied, too."""
    call.need("read the master version")
    name = check_side(call.parameter("from", "master, a member, save:NUMBER, or save:model"), "from")
    made, tag = _copied(call, name)
    answer: SavedVersion = {"etag": tag, "annotations": made.data}
    return json_answer(answer, headers={"ETag": tag})


def _copied(call: Call, source: str) -> tuple[Annotations, str]:
    """Copy a version, and give what was written, with its entity tag."""
    target = call.member_of("saveTo", None)
    call.access.need_to_edit(target)
    with call.database.writing() as connection:
        info = read_project(connection, *call.project)
        key, html = read_content(connection, info.key, call.named_document)
        side = readable_side(call, connection, info, source, "from")
        check_conditions(call, etag(connection, key, target))
        check_unconfirmed(connection, key, target)
        made = Annotations({**side.annotations.data, "anncomplete": False}, place=side.annotations.place)
        check_classes(made, info.legend, place=f"the version of {side.title}")
        parts, action = list(PlainHtml(html).parts), f"copied from {side.title}"
        change_version(connection, info, key, target, made, parts, author=call.author, action=action)
        return made, etag(connection, key, target)


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
