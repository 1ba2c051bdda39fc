"""What waits for a reviewer, in which order and why; flags for colleagues.

The paths ``/-local/…`` are this server's own; tagtog has no such API.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from typing_extensions import NotRequired, TypedDict

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.documents import document_key, no_document
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.review import (
    Place,
    Waiting,
    flag,
    next_after,
    queue_of,
    store_order,
    unflag,
    whose_version,
)
from spacy_tagtog.server.settings import ProjectInfo

_SHOWN: Final = 60
"""How many documents of a queue are listed."""
_NOTE_CHARACTERS: Final = 2000


class QueuedDocument(TypedDict):
    """A document of the queue."""

    docid: str
    filename: str
    why: str
    confirmed: bool
    flagged: str | None


class ReviewQueue(TypedDict):
    """What waits for a reviewer."""

    member: str
    documents: list[QueuedDocument]
    flagged: list[QueuedDocument]
    confirmed: int
    total: int
    next: str | None


class RankedPlace(TypedDict):
    """A document's place in a ranking, as ``spacy-tagtog rank`` writes it. Other keys are ignored."""

    id: str
    rank: int
    batch: int
    random: NotRequired[bool]
    blind: NotRequired[bool]
    why: NotRequired[dict[str, Any]]


class StoredOrder(TypedDict):
    """What became of a ranking."""

    stored: int
    missing: list[str]


_PLACES: Final = TypeAdapter(list[RankedPlace])


def reviewed_member(call: Call, connection: sqlite3.Connection, info: ProjectInfo) -> str:
    """Whose version is reviewed: as the address says, else as the user's role and assignments say."""
    if call.query.get("member"):
        return call.member
    edits_master = call.access.may_edit(MASTER)
    return whose_version(connection, info.key, call.user, edits_master=edits_master)


def why_now(waiting: Waiting) -> str:
    """Why a document has its place, in a sentence for the reviewer."""
    if waiting.rank is None:
        return ""
    why = waiting.why
    if why.get("blind"):
        return "Blind: without suggestions, so that it shows how good the model is."
    if why.get("random"):
        return "Chosen by chance, so that the model's quality can be measured."
    said = []
    doubtful, missed = why.get("doubtful"), why.get("maybe_missed")
    if isinstance(doubtful, list) and doubtful:
        said.append(
            counted(len(doubtful), "suggestion that the model doubts", "suggestions that the model doubts")
        )
    if isinstance(missed, list) and missed:
        said.append(counted(len(missed), "word that it may have missed", "words that it may have missed"))
    return f"{' and '.join(said)}." if said else f"Number {waiting.rank} of the ranking."


def _listed(waiting: Waiting) -> QueuedDocument:
    return {
        "docid": waiting.docid,
        "filename": waiting.filename,
        "why": why_now(waiting),
        "confirmed": waiting.confirmed,
        "flagged": waiting.note,
    }


def _queue_json(queue: Sequence[Waiting], member: str, docid: str | None) -> ReviewQueue:
    waiting = [one for one in queue if not one.confirmed and one.note is None]
    return {
        "member": member,
        "documents": [_listed(one) for one in waiting[:_SHOWN]],
        "flagged": [_listed(one) for one in queue if one.note is not None][:_SHOWN],
        "confirmed": sum(one.confirmed for one in queue),
        "total": len(queue),
        "next": next_after(queue, docid),
    }


def get_queue(call: Call) -> Response:
    """``GET /-local/queue``: what waits for the user, in the order in which it should be reviewed."""
    call.need("read the master version")
    with call.database.reading() as connection:
        info = read_project(connection, *call.project)
        member = reviewed_member(call, connection, info)
        call.access.need_to_read(member)
        queue = queue_of(connection, info.key, member)
    return json_answer(_queue_json(queue, member, call.query.get("after")))


def put_ranking(call: Call) -> Response:
    """``PUT /-local/ranking``: the order of review, as ``spacy-tagtog rank`` wrote it."""
    call.need("use the API")
    body = call.body.json
    try:
        places = _PLACES.validate_python(body.get("documents") if isinstance(body, dict) else None)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RequestError(
            400,
            "the ranking can't be read",
            place=".".join(map(str, ("documents", *first["loc"]))),
            legal=f"what spacy-tagtog rank writes: {first['msg']}",
        ) from error
    with call.database.writing() as connection:
        info = read_project(connection, *call.project)
        missing = store_order(
            connection,
            info.key,
            (
                Place(
                    place["id"],
                    place["rank"],
                    place["batch"],
                    {
                        **place.get("why", {}),
                        "random": place.get("random", False),
                        "blind": place.get("blind", False),
                    },
                )
                for place in places
            ),
        )
    answer: StoredOrder = {"stored": len(places) - len(missing), "missing": missing}
    return json_answer(answer)


def _flaggable(call: Call, connection: sqlite3.Connection) -> int:
    info = read_project(connection, *call.project)
    key = document_key(connection, info.key, call.named_document)
    if key is None:
        raise no_document(call.named_document)
    return key


def put_flag(call: Call) -> Response:
    """``PUT /-local/flag``: flag a document for a colleague, with a note."""
    call.need("edit their own version")
    note = call.field("note").strip()
    if not 0 < len(note) <= _NOTE_CHARACTERS:
        raise RequestError(
            400, "the note is empty or too long", place="note", legal=f"1 to {_NOTE_CHARACTERS} characters"
        )
    with call.database.writing() as connection:
        flag(connection, _flaggable(call, connection), call.user, note, clock.now())
    return Response(status_code=204)


def delete_flag(call: Call) -> Response:
    """``DELETE /-local/flag``: take a document's flag away."""
    call.need("edit their own version")
    with call.database.writing() as connection:
        unflag(connection, _flaggable(call, connection))
    return Response(status_code=204)
