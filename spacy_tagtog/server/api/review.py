"""What the review page asks for: a document with everything around it.

The path ``/-local/review`` is this server's own; tagtog has no such API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from spacy_tagtog.anndoc import MASTER, Annotations, OffsetConverter, PlainHtml, detect_unit
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.api.history import etag
from spacy_tagtog.server.api.queue import reviewed_member, why_now
from spacy_tagtog.server.db.documents import read_document
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.review import Waiting, beside, decided_elsewhere, flag_of, next_after, queue_of
from spacy_tagtog.server.settings import label_values


def get_review(call: Call) -> Response:
    """``GET /-local/review``: a document with everything that its review page shows."""
    call.need("read the master version")
    with call.database.reading() as connection:
        info = read_project(connection, *call.project)
        member = reviewed_member(call, connection, info)
        call.access.need_to_read(member)
        queue = queue_of(connection, info.key, member)
        docid = call.query.get("docid") or next_after(queue, None) or (queue[0].docid if queue else "")
        if not docid:
            raise RequestError(
                404,
                "there is nothing to review: the project has no document",
                advice="import documents: spacy-tagtog upload, push or import",
            )
        document = read_document(connection, info, docid, member=member)
        tag = etag(connection, document.key, member)
        html = PlainHtml(document.html)
        annotations = Annotations.parse(document.version.json)
        types = [class_id for class_id in info.legend if class_id.startswith("e_")]
        unit = detect_unit(html.parts, annotations)
        waiting = next((one for one in queue if one.docid == docid), None)
        misses = _misses(waiting, html, unit) if waiting else []
        texts = [*(entity.text for entity in annotations.entities), *(miss["text"] for miss in misses)]
        elsewhere = decided_elsewhere(connection, info.key, types, texts, but=document.key)
        flagged = flag_of(connection, document.key)
    data = annotations.data if tag or member == MASTER else {**annotations.data, "anncomplete": False}
    return json_answer(
        {
            "docid": docid,
            "filename": document.filename,
            "folder": document.folder,
            "user": call.user,
            "member": member,
            "may_edit": call.access.may_edit(member),
            "etag": tag,
            "annotations": data,
            "unit": unit,
            "parts": [{"id": part.id, "tag": part.tag, "text": part.text} for part in html.parts.values()],
            **project_names(info.settings),
            "elsewhere": elsewhere,
            "flag": flagged,
            "why": why_now(waiting) if waiting else "",
            "misses": misses,
            "measures_time": info.measures_time,
            "progress": {"confirmed": sum(one.confirmed for one in queue), "total": len(queue)},
            "next": next_after(queue, docid),
            "previous": beside(queue, docid, -1),
            "following": beside(queue, docid, 1),
        }
    )


def _misses(waiting: Waiting, html: PlainHtml, unit: str) -> list[dict[str, Any]]:
    """Where the model says that an entity may begin that it didn't predict, with the project's offsets.

    A document that people annotate blind has none.
    """
    given = [] if waiting.why.get("blind") else waiting.why.get("maybe_missed")
    found: list[dict[str, Any]] = []
    for miss in given if isinstance(given, list) else []:
        match miss:
            case {"part": str(part), "start": int(start), "end": int(end), "text": str(text)} if (
                part in html.parts
                # The document may have been replaced since it was ranked.
                and html.parts[part].text[start:end] == text
            ):
                place = OffsetConverter(html.parts[part].text)
                found.append(
                    {
                        "part": part,
                        "start": place.to_utf16(start) if unit == "utf-16" else start,
                        "text": text,
                        "probability": miss.get("probability"),
                    }
                )
    return found


def project_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The project's types, labels, relations and dictionaries, as its settings name them."""

    def section(name: str) -> dict[str, Mapping[str, Any]]:
        found = settings.get(name)
        entries = found if isinstance(found, Mapping) else {}
        return {key: one for key, one in entries.items() if isinstance(one, Mapping)}

    def labels(name: str) -> dict[str, dict[str, Any]]:
        return {
            key: {"name": one.get("name", key), **label_values(one)} for key, one in section(name).items()
        }

    return {
        "types": [
            {"id": key, "name": one.get("name", key), "description": one.get("description") or ""}
            for key, one in section("entities").items()
        ],
        "labels": labels("metas"),
        "fields": labels("fields"),
        "relations": {key: {"name": one.get("name", key)} for key, one in section("relations").items()},
        "dictionaries": {
            key: {"name": one.get("name", key)} for key, one in section("normalizations").items()
        },
    }
