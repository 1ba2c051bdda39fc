"""What of a document can be compared: members' versions, master, earlier saves, a model's push."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import Moment, json_answer
from spacy_tagtog.server.api.context import Call, path_of
from spacy_tagtog.server.api.history import etag
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.documents import read_content, read_document
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.saves import Save, list_saves, read_version, saves_of_text, text_of
from spacy_tagtog.server.db.sides import MODEL, Side, model_save, read_side
from spacy_tagtog.server.settings import ProjectInfo

_SAVES = 200
"""How many earlier saves can be chosen."""


class SideView(TypedDict):
    """One of two versions."""

    side: str
    member: str
    title: str
    complete: bool
    saved: Moment
    author: str
    entities: int
    tag: str


class SaveView(TypedDict):
    """An earlier save that can be compared."""

    side: str
    member: str
    saved: Moment
    author: str
    action: str
    complete: bool


class MasterView(TypedDict):
    """What is in master now.

    Attributes:
        etag: Its entity tag; empty where there is none.
        complete: Whether it is confirmed.
        entities: The number of its entities.
        people: The number of its annotations that a person made or accepted.
    """

    etag: str
    complete: bool
    entities: int
    people: int


class Allowed(TypedDict):
    """What the user may do."""

    master: bool
    mine: bool
    merge: bool
    why_not: str


class ComparableVersions(TypedDict):
    """The versions of a document that the user may compare."""

    docid: str
    filename: str
    page: str
    user: str
    versions: list[SideView]
    saves: list[SaveView]
    has_model: bool
    suggested: list[str]
    master: MasterView
    may: Allowed


class SavedVersion(TypedDict):
    """A version that was written just now."""

    etag: str
    annotations: dict[str, Any]


def readable_side(
    call: Call, connection: sqlite3.Connection, info: ProjectInfo, name: str, place: str
) -> Side:
    """A version that the user may read, of the present text.

    Args:
        call: The call, which names the document.
        connection: The database, in a transaction.
        info: The project.
        name: The version, as an address names it.
        place: The parameter that names it, for messages.

    Raises:
        RequestError: There is no such version, the user may not read it (403), or it was made for another
            text (409).
    """
    if not name.startswith("save:"):
        call.access.need_to_read(name)
    key, content = read_content(connection, info.key, call.named_document)
    side = read_side(connection, info, call.named_document, key, name, place)
    call.access.need_to_read(side.save.member)
    # What a version is now belongs to the present text, also where it was saved before that came.
    if not side.save.is_current and text_of(PlainHtml(side.html)) != text_of(PlainHtml(content)):
        raise RequestError(
            409,
            "the document has another text than when this was saved",
            place=place,
            value=side.title,
            legal="a save of the present text",
            advice="choose another version",
        )
    return side


def side_view(side: Side) -> SideView:
    """A version as the answers tell it."""
    return {
        "side": side.name,
        "member": side.save.member,
        "title": side.title,
        "complete": side.save.complete,
        "saved": timestamp(side.save.saved),
        "author": side.save.author,
        "entities": len(side.annotations),
        "tag": side.save.sha256,
    }


def _save_view(save: Save) -> SaveView:
    return {
        "side": f"save:{save.number}",
        "member": save.member,
        "saved": timestamp(save.saved),
        "author": save.author,
        "action": save.action,
        "complete": save.complete,
    }


def master_view(connection: sqlite3.Connection, key: int) -> MasterView:
    """What is in master now."""
    stored = read_version(connection, key, MASTER)
    if stored is None:
        return {"etag": "", "complete": False, "entities": 0, "people": 0}
    master = Annotations.parse(stored[0], place="the master version")
    annotations = [
        *(entity.data for entity in master.entities),
        *(relation.data for relation in master.relations),
        *master.metas.values(),
    ]
    states = [(own.get("confidence") or {}).get("state") for own in annotations]
    return {
        "etag": etag(connection, key),
        "complete": master.complete,
        "entities": len(master),
        "people": sum(state not in ("pre-added", "pre-removed") for state in states),
    }


def get_versions(call: Call) -> Response:
    """``GET /-local/versions``: what the user may compare of a document."""
    call.need("read the master version")
    with call.database.reading() as connection:
        info = read_project(connection, *call.project)
        document = read_document(connection, info, call.named_document)
        readable = [member for member in document.members if call.access.may_read(member)]
        sides = [readable_side(call, connection, info, member, "docid") for member in readable]
        model = model_save(connection, document.key)
        fitting = saves_of_text(connection, document.key, document.html)
        fitting |= {side.save.number for side in sides}
        master = master_view(connection, document.key)
    saves = [
        save
        for save in call.database.read(list_saves, *call.project, call.named_document)
        if call.access.may_read(save.member) and not save.is_current and save.number in fitting
    ]
    answer: ComparableVersions = {
        "docid": document.docid,
        "filename": document.filename,
        "page": path_of(info.owner, info.name, document.folder, document.docid),
        "user": call.user,
        "versions": [side_view(side) for side in sides],
        "saves": [_save_view(save) for save in saves[:_SAVES]],
        "has_model": model in fitting,
        "suggested": _suggested(sides, saves, model if model in fitting else None),
        "master": master,
        "may": _allowed(call),
    }
    return json_answer(answer)


def _allowed(call: Call) -> Allowed:
    why_not = ""
    try:
        call.access.need_to_edit(MASTER)
    except RequestError as error:
        why_not = f"{error.problem[:1].upper()}{error.problem[1:]}."
    return {
        "master": not why_not,
        "mine": call.access.may_edit(call.user),
        "merge": not why_not and call.access.may("read other members' versions"),
        "why_not": why_not,
    }


def _suggested(sides: list[Side], saves: list[Save], model: int | None) -> list[str]:
    """Two versions worth comparing: two members, a member and master, master and what it was before."""
    members = [side for side in sides if side.name != MASTER]
    members.sort(key=lambda side: not side.save.complete)
    names = [side.name for side in members]
    masters = [side for side in sides if side.name == MASTER]
    if len(names) >= 2:
        return names[:2]
    if names and masters:
        return [MASTER, names[0]]
    # The model's push may be what master is now.
    if masters and model is not None and model != masters[0].save.number:
        return [MODEL, MASTER]
    before = next((save for save in saves if save.member in (MASTER, *names)), None)
    return [] if before is None else [f"save:{before.number}", before.member]
