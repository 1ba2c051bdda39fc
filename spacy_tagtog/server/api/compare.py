"""Two versions of a document side by side: what differs, and what a person decides.

The paths ``/-local/…`` are this server's own; tagtog has no such API. What is compared and what is written
is computed by :mod:`spacy_tagtog.agreement`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog.agreement import adjudicate, compare_sides
from spacy_tagtog.agreement.side_by_side import Choice
from spacy_tagtog.anndoc import MASTER, Document, PlainHtml
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.comparable import (
    MasterView,
    SavedVersion,
    SideView,
    master_view,
    readable_side,
    side_view,
)
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.api.differences import DifferenceView, difference_views, entity_views, notes_of
from spacy_tagtog.server.api.history import check_conditions, etag
from spacy_tagtog.server.api.review import project_names
from spacy_tagtog.server.db.differing import differing_documents, members_with_versions, most_in_common
from spacy_tagtog.server.db.documents import change_version, read_content
from spacy_tagtog.server.db.history import note_save
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.saves import text_of
from spacy_tagtog.server.db.sides import MODEL, Side, adjudicated, check_side
from spacy_tagtog.server.settings import ProjectInfo, check_classes

_LISTED: Final = 60
"""How many documents are listed."""


class ComparedDocument(TypedDict):
    """A document that differs."""

    docid: str
    filename: str
    differences: int | None


class ComparedDocuments(TypedDict):
    """The documents of which two versions differ."""

    left: str
    right: str
    documents: list[ComparedDocument]
    next: str | None
    settled: int
    is_complete: bool


class Tags(TypedDict):
    """What was decided about: hashes of the text and of both versions."""

    text: str
    left: str
    right: str


class Decided(TypedDict):
    """What a person decided."""

    decisions: dict[str, Choice]
    tags: Tags
    confirm: bool


class Comparison(TypedDict):
    """Two versions side by side.

    Attributes:
        agreed: The number of entities that both have.
        notes: What neither version hands on, in sentences.
    """

    docid: str
    left: SideView
    right: SideView
    tags: Tags
    agreed: int
    differences: list[DifferenceView]
    entities: list[dict[str, Any]]
    parts: list[dict[str, str]]
    names: dict[str, Any]
    notes: list[str]
    master: MasterView


_DECIDED: Final = TypeAdapter(Decided)


# --- What is compared


@dataclass(frozen=True)
class _Pair:
    """Two versions of a document, read for a call."""

    info: ProjectInfo
    docid: str
    key: int
    html: PlainHtml
    left: Side
    right: Side

    @property
    def document(self) -> Document:
        versions = {side.name: side.annotations for side in (self.left, self.right)}
        return Document(self.docid, self.html, versions, legend=self.info.legend)

    @property
    def tags(self) -> Tags:
        text = hashlib.sha256(json.dumps(text_of(self.html)).encode()).hexdigest()
        return {"text": text, "left": self.left.save.sha256, "right": self.right.save.sha256}


def _names(call: Call) -> tuple[str, str]:
    """The sides that the parameters name."""
    left, right = (
        check_side(call.parameter(name, "master, a member, save:NUMBER, or save:model"), name)
        for name in ("left", "right")
    )
    if left == right:
        raise RequestError(
            400,
            "a version can't be compared with itself",
            place="right",
            value=right,
            legal="two different versions",
        )
    return left, right


def _read_pair(call: Call, connection: sqlite3.Connection) -> _Pair:
    info = read_project(connection, *call.project)
    left, right = (
        readable_side(call, connection, info, name, place)
        for name, place in zip(_names(call), ("left", "right"), strict=True)
    )
    key, content = read_content(connection, info.key, call.named_document)
    docid = call.named_document
    return _Pair(info, docid, key, PlainHtml(content, place=docid), left, right)


def get_comparison(call: Call) -> Response:
    """``GET /-local/compare``: where two versions of a document differ."""
    call.need("read the master version")
    with call.database.reading() as connection:
        pair = _read_pair(call, connection)
        master = master_view(connection, pair.key)
    found = compare_sides(pair.document, pair.left.name, pair.right.name)
    answer: Comparison = {
        "docid": call.named_document,
        "left": side_view(pair.left),
        "right": side_view(pair.right),
        "tags": pair.tags,
        "agreed": found.agreed,
        "differences": difference_views(found),
        "entities": entity_views(found),
        "parts": [{"id": part.id, "tag": part.tag, "text": part.text} for part in pair.html.parts.values()],
        "names": project_names(pair.info.settings),
        "notes": notes_of(found, {"left": pair.left.title, "right": pair.right.title}),
        "master": master,
    }
    return json_answer(answer)


def get_documents(call: Call) -> Response:
    """``GET /-local/compare/documents``: the documents of which two versions differ."""
    call.need("read the master version")
    named = [call.query.get(name) for name in ("left", "right")]
    if not any(named):
        left, right = call.database.read(_worth_comparing, call)
    else:
        left, right = _names(call)
    for name, place in ((left, "left"), (right, "right")):
        if name.startswith("save:") and name != MODEL:
            raise RequestError(
                400,
                "a save is of one document",
                place=place,
                value=name,
                legal="master, a member, or save:model",
            )
        call.access.need_to_read(MASTER if name == MODEL else name)
    with call.database.reading() as connection:
        info = read_project(connection, *call.project)
        after = call.query.get("after") or None
        found = differing_documents(connection, info, left, right, after=after, shown=_LISTED)
    answer: ComparedDocuments = {
        "left": left,
        "right": right,
        "documents": [
            {"docid": one.docid, "filename": one.filename, "differences": one.differences}
            for one in found.documents
        ],
        "next": found.next,
        "settled": found.settled,
        "is_complete": found.is_complete,
    }
    return json_answer(answer)


def _worth_comparing(connection: sqlite3.Connection, call: Call) -> tuple[str, str]:
    """The two members who have most documents in common; else master and a member; else the model's push."""
    info = read_project(connection, *call.project)
    members = [
        member for member in members_with_versions(connection, info.key) if call.access.may_read(member)
    ]
    pair = most_in_common(connection, info.key, members)
    if pair is not None:
        return pair
    return (MASTER, members[0]) if members else (MODEL, MASTER)


# --- What is written


def _body(call: Call) -> Decided:
    try:
        return _DECIDED.validate_python(call.body.json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RequestError(
            400,
            "the decisions can't be read",
            place=".".join(map(str, first["loc"])) or "the body",
            legal='{"decisions": {ID: "left", "right", "both" or "neither"}, "tags": as GET answered, '
            f'"confirm": true or false}}: {first["msg"]}',
        ) from error


_CHANGED: Final[Mapping[Literal["text", "left", "right"], str]] = {
    "text": "the document was replaced by another text meanwhile",
    "left": "the left version was changed meanwhile",
    "right": "the right version was changed meanwhile",
}


def put_decisions(call: Call) -> Response:
    """``PUT /-local/compare``: make two versions one, by what a person decided, and save it as master.

    With ``If-Match`` it is refused if somebody else saved master since it was read; always if one of the two
    versions or the text isn't any more what was decided about.
    """
    call.access.need_to_edit(MASTER)
    decided = _body(call)
    with call.database.reading() as connection:
        pair = _unchanged_pair(call, connection, decided["tags"])
    # Others can save while this is computed.
    made = adjudicate(
        pair.document,
        pair.left.name,
        pair.right.name,
        decided["decisions"],
        who=f"user:{call.user}",
        owners={side.name: side.owner for side in (pair.left, pair.right)},
    ).annotations
    made.data["anncomplete"] = decided["confirm"]
    action = adjudicated(pair.left.title, pair.right.title)
    with call.database.writing() as connection:
        pair = _unchanged_pair(call, connection, decided["tags"])
        info, key, parts = pair.info, pair.key, list(pair.html.parts)
        before = etag(connection, key)
        check_conditions(call, before)
        check_classes(made, info.legend, place="the result")
        change_version(connection, info, key, MASTER, made, parts, author=call.author, action=action)
        answer: SavedVersion = {"etag": etag(connection, key), "annotations": made.data}
        if answer["etag"] == before:  # the document is done all the same
            note_save(connection, key, MASTER, author=call.author, action=action, now=clock.now())
    return json_answer(answer, headers={"ETag": answer["etag"]})


def _unchanged_pair(call: Call, connection: sqlite3.Connection, tags: Tags) -> _Pair:
    """Both versions, if they and the text are still what was decided about."""
    pair = _read_pair(call, connection)
    for name, problem in _CHANGED.items():
        if pair.tags[name] != tags[name]:
            raise RequestError(
                412,
                problem,
                place=f"tags.{name}",
                value=tags[name],
                legal=pair.tags[name],
                advice="compare the versions again; decisions about what didn't change still hold",
            )
    return pair
