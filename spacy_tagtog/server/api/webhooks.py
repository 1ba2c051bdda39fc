"""The webhooks of a project over HTTP: what waits, what failed, and trying again.

:mod:`spacy_tagtog.server.deliveries` sends them.
"""

from __future__ import annotations

import sqlite3
from typing import Final, Literal

from starlette.responses import RedirectResponse, Response
from typing_extensions import TypedDict

from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import Moment, json_answer
from spacy_tagtog.server.api.context import Call, parse_number
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.projects import project_key, read_project, write_settings
from spacy_tagtog.server.db.queue import (
    LEGAL,
    Hook,
    count_deliveries,
    delete_failed,
    list_deliveries,
    read_hooks,
    retry_failed,
)
from spacy_tagtog.server.settings import parse_settings

_LISTED: Final = 200


class Webhook(TypedDict):
    """A webhook, without its password."""

    id: str
    endpoint: str
    format: Literal["ann.json", "tagtogID"]
    onlyGUI: bool
    authentication: Literal["none", "basic"]


class Delivery(TypedDict):
    """What was to be sent to a webhook. ``next`` is when it is tried again."""

    id: int
    webhook: str
    docid: str
    status: str
    source: str
    state: Literal["waiting", "failed"]
    attempts: int
    problem: str
    created: Moment
    next: Moment | None


class DeliveryReport(TypedDict):
    """What the queue holds for a project.

    Attributes:
        webhooks: The webhooks.
        problems: Why others can't be used, by id.
        waiting: How many deliveries wait.
        failed: How many have failed.
        deliveries: Those that failed and those that wait, the latest first, at most 200.
    """

    webhooks: list[Webhook]
    problems: dict[str, str]
    waiting: int
    failed: int
    deliveries: list[Delivery]


class DeletedDeliveries(TypedDict):
    """How many failed deliveries were deleted."""

    deleted: int


class RetriedDeliveries(TypedDict):
    """How many failed deliveries wait again."""

    waiting: int


def deliveries(connection: sqlite3.Connection, owner: str, project: str) -> DeliveryReport:
    """What the queue holds for a project.

    Raises:
        RequestError: There is no such project.
    """
    info = read_project(connection, owner, project)
    hooks, problems = read_hooks(info.settings)
    counts = count_deliveries(connection, info.key)
    return {
        "webhooks": [
            {
                "id": hook.id,
                "endpoint": hook.endpoint,
                "format": hook.format,
                "onlyGUI": hook.only_gui,
                "authentication": _kind(hook),
            }
            for hook in hooks.values()
        ],
        "problems": problems,
        "waiting": counts.get("waiting", 0),
        "failed": counts.get("failed", 0),
        "deliveries": [
            {
                "id": row["id"],
                "webhook": row["hook"],
                "docid": row["docid"],
                "status": row["status"],
                "source": row["source"],
                "state": row["state"],
                "attempts": row["attempts"],
                "problem": row["problem"],
                "created": timestamp(row["created"]),
                "next": timestamp(row["due"]) if row["state"] == "waiting" else None,
            }
            for row in list_deliveries(connection, info.key, limit=_LISTED)
        ],
    }


def _kind(hook: Hook) -> Literal["none", "basic"]:
    return "none" if hook.credentials is None else "basic"


def get_webhooks(call: Call) -> Response:
    """``GET /-local/webhooks``: the webhooks, what waits and what failed."""
    call.need("edit webhooks")
    with call.database.reading() as connection:
        return json_answer(deliveries(connection, *call.project))


def put_webhooks(call: Call) -> Response:
    """``PUT /-local/webhooks``: replace the webhooks of the settings, and nothing else.

    Importing settings would remove the documents.
    """
    call.need("edit webhooks")
    wanted = call.body.json
    if not isinstance(wanted, dict):
        raise RequestError(400, "the body isn't a JSON object of webhooks", place=call.path, legal=LEGAL)
    for key, entry in wanted.items():
        enabled = entry.get("enabled", True) if isinstance(entry, dict) else True
        if not isinstance(enabled, bool):
            raise RequestError(
                400,
                "a webhook is neither on nor off",
                place=f"{key}.enabled",
                value=enabled,
                legal="true or false",
            )
    # One that is switched off is checked as if it weren't: switched on, it has to work.
    as_used = {
        key: {**entry, "enabled": True} if isinstance(entry, dict) else entry for key, entry in wanted.items()
    }
    _, problems = read_hooks({"webhooks": as_used})
    for key, problem in problems.items():
        raise RequestError(400, f"a webhook can't be used: {problem}", place=key)
    with call.database.writing() as connection:
        info = read_project(connection, *call.project)
        settings, _ = parse_settings({**info.export(), "webhooks": wanted})
        write_settings(connection, info.key, settings)
        return json_answer(deliveries(connection, *call.project))


def _chosen(call: Call) -> int | None:
    """The failed delivery that is meant; ``None``, which means all, where the call has no ``id``."""
    given = call.query.get("id")
    if given is None:
        return None
    chosen = parse_number(given, digits=18)
    if chosen is None:
        raise RequestError(
            400,
            "not the id of a delivery",
            place="id",
            value=given,
            legal="an id of GET /-local/webhooks, or none for all that failed",
        )
    return chosen


def post_retry(call: Call) -> Response:
    """``POST /-local/webhooks/retry``: failed deliveries wait again.

    A page sends its token, a program sends JSON.
    """
    call.need("edit webhooks")
    call.check_token("retry")
    chosen = _chosen(call)
    with call.database.writing() as connection:
        key = project_key(connection, *call.project)
        changed = retry_failed(connection, key, chosen, now=clock.now())
    if call.body.json is not None:
        return json_answer({"waiting": changed})
    return RedirectResponse(call.page("webhooks"), status_code=303)


def delete_deliveries(call: Call) -> Response:
    """``DELETE /-local/webhooks``: forget failed deliveries."""
    call.need("edit webhooks")
    chosen = _chosen(call)

    def delete(connection: sqlite3.Connection) -> int:
        return delete_failed(connection, project_key(connection, *call.project), chosen)

    return json_answer({"deleted": call.database.free(delete)})
