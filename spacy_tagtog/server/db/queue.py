"""Webhooks: what a project's settings say about them, and the queue of what is to be sent.

Facts: tagtog's documentation of projects (webhooks). An entry is put into the queue in the transaction that
saves the document: a save without its entries, or the reverse, can't be.
:mod:`spacy_tagtog.server.deliveries` sends them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from spacy_tagtog.anndoc import Annotations
from spacy_tagtog.server.db.history import Author, store_blob

LEGAL: Final = (
    '{"w_1": {"endpoint": "http://…", "format": "ann.json" or "tagtogID", "onlyGUI": false, '
    '"authentication": {"type": "none"} or {"type": "basic", "username": …, "password": …}}}'
)
_ENDPOINT: Final = ("endpoint", "endPoint", "endPointUrl", "url")
_ONLY_GUI: Final = ("onlyGUI", "onlyGui", "onlyGUITrigger")
_FORMATS: Final = {"ann.json": "ann.json", "annjson": "ann.json", "tagtogID": "tagtogID", "docid": "tagtogID"}


@dataclass(frozen=True)
class Hook:
    """A webhook.

    Attributes:
        id: Its key in the settings.
        endpoint: Where it is sent to.
        format: ``ann.json``, or ``tagtogID`` for a JSON object with owner, project and document id.
        only_gui: Whether only changes by people at a page are sent, so that a model's own uploads don't call
            it again.
        credentials: User name and password of HTTP Basic authentication.
    """

    id: str
    endpoint: str
    format: Literal["ann.json", "tagtogID"]
    only_gui: bool = False
    credentials: tuple[str, str] | None = field(default=None, repr=False)


def read_hooks(settings: Mapping[str, Any]) -> tuple[dict[str, Hook], dict[str, str]]:
    """Read the webhooks of a project's settings.

    Returns:
        The webhooks by id, and for those that can't be used, why: these are kept in the settings, and nothing
        is sent to them.
    """
    hooks: dict[str, Hook] = {}
    problems: dict[str, str] = {}
    section = settings.get("webhooks") or {}
    if not isinstance(section, Mapping):
        return {}, {"webhooks": f"not a JSON object; legal: {LEGAL}"}
    for key, entry in section.items():
        try:
            if entry.get("enabled", True):
                hooks[key] = _read(key, entry)
        except (ValueError, AttributeError, TypeError) as error:
            problems[key] = str(error) if isinstance(error, ValueError) else f"can't be read; legal: {LEGAL}"
    return hooks, problems


def _read(key: str, entry: Mapping[str, Any]) -> Hook:
    endpoint = next((entry[name] for name in _ENDPOINT if isinstance(entry.get(name), str)), None)
    if endpoint is None:
        raise ValueError(f"it has no endpoint; legal: {LEGAL}")
    parts = urlsplit(endpoint)  # raises ValueError, too
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("its endpoint isn't an address; legal: http://HOST… or https://HOST…")
    if "@" in parts.netloc:
        raise ValueError("its endpoint holds a user name or password; legal: authentication of type basic")
    form = _FORMATS.get(entry.get("format", "ann.json"))
    if form is None:
        raise ValueError("it has another format; legal: ann.json, tagtogID")
    authentication = entry.get("authentication", {})
    if authentication is None:
        authentication = {}
    if not isinstance(authentication, Mapping | str):
        raise ValueError("its authentication can't be read; legal: an object with the type none or basic")
    kind = (
        str(authentication.get("type", "none")).lower()
        if isinstance(authentication, Mapping)
        else str(authentication).lower()
    )
    credentials = None
    if kind == "basic":
        holder = authentication if isinstance(authentication, Mapping) else entry
        username, password = holder.get("username"), holder.get("password")
        if not (
            isinstance(username, str)
            and username
            and ":" not in username
            and isinstance(password, str)
            and password
        ):
            raise ValueError("its authentication has no user name or password, or a user name with a colon")
        credentials = (username, password)
    elif kind != "none":
        raise ValueError(f"its authentication isn't offered here: {kind}; legal: none, basic")
    only_gui = next((bool(entry[name]) for name in _ONLY_GUI if name in entry), False)
    return Hook(key, endpoint, form, only_gui, credentials)  # type: ignore[arg-type]


def enqueue(
    connection: sqlite3.Connection,
    project: int,
    settings: Mapping[str, Any],
    document: int,
    docid: str,
    *,
    member: str,
    status: Literal["created", "updated"],
    author: Author,
    now: int,
) -> None:
    """Put what a save has to tell into the queue.

    Args:
        connection: The database, in the transaction of the save.
        project: The project's number.
        settings: The project's settings.
        document: The document's number.
        docid: Its id.
        member: Whose version was saved.
        status: Whether the document is new.
        author: Who saved.
        now: When, in milliseconds since 1970.
    """
    if not settings.get("webhooks"):
        return
    hooks, _ = read_hooks(settings)
    blob: int | None = None
    for hook in hooks.values():
        if hook.only_gui and author.source != "GUI":
            continue
        if hook.format == "ann.json" and blob is None:
            row = connection.execute(
                "SELECT blob_id FROM versions WHERE document_id = ? AND member = ?", (document, member)
            ).fetchone()
            blob = (
                store_blob(connection, Annotations.empty().dumps().encode())
                if row is None
                else row["blob_id"]
            )
        connection.execute(
            "INSERT INTO deliveries (project_id, hook, docid, status, source, blob_id, created, due) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                project,
                hook.id,
                docid,
                status,
                author.source,
                blob if hook.format == "ann.json" else None,
                now,
                now,
            ),
        )


@dataclass(frozen=True)
class Pauses:
    """When a delivery is tried, in milliseconds.

    Attributes:
        first: The pause after the first failure. It doubles after each further one.
        longest: The longest pause.
        spread: Pauses are multiplied by something between these.
        lease: How long a delivery belongs to who took it.
    """

    first: float
    longest: float
    spread: tuple[float, float]
    lease: int

    def after(self, failures: int) -> float:
        """The pause after so many failures, before it is multiplied."""
        return float(min(self.first * 2 ** (failures - 1), self.longest))

    def given(self, now: int) -> dict[str, float]:
        """The parameters of ``_IS_DUE``."""
        more = {"first": self.first, "longest": self.longest, "spread": self.spread[1], "lease": self.lease}
        return {"now": now, **more}


# Or so late that only a clock that was ahead can have said it, and was put right since.
_IS_DUE: Final = (
    "(d.due <= :now OR d.due > :now + max(:lease, "
    ":spread * min(:first * (1 << max(d.attempts - 1, 0)), :longest)))"
)


def due_hooks(connection: sqlite3.Connection, now: int, pauses: Pauses) -> list[tuple[int, str]]:
    """The webhooks for which something is due: the number of the project, and the webhook's id.

    Args:
        connection: The database, in a transaction.
        now: In milliseconds since 1970.
        pauses: When deliveries are tried again.
    """
    rows = connection.execute(
        f"SELECT DISTINCT project_id, hook FROM deliveries AS d WHERE state = 'waiting' AND {_IS_DUE}",  # noqa: S608
        pauses.given(now),
    )
    return [(row["project_id"], row["hook"]) for row in rows]


def next_due(connection: sqlite3.Connection, project: int, hook: str, now: int, pauses: Pauses) -> int | None:
    """The delivery that goes to a webhook next; ``None`` where none is due.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        hook: The webhook's id.
        now: In milliseconds since 1970.
        pauses: When deliveries are tried again.
    """
    # The oldest of its document, unless that has failed for good.
    row = connection.execute(
        "SELECT d.id FROM deliveries AS d WHERE d.state = 'waiting' AND d.project_id = :project "  # noqa: S608
        f"AND d.hook = :hook AND {_IS_DUE} AND NOT EXISTS (SELECT 1 FROM deliveries AS o "
        "WHERE o.project_id = d.project_id AND o.hook = d.hook AND o.docid = d.docid "
        "AND o.id < d.id AND o.state = 'waiting') ORDER BY d.due, d.id LIMIT 1",
        {**pauses.given(now), "project": project, "hook": hook},
    ).fetchone()
    return None if row is None else int(row["id"])


def claim(
    connection: sqlite3.Connection, project: int, hook: str, now: int, pauses: Pauses
) -> sqlite3.Row | None:
    """Take the next delivery to a webhook, so that nobody else does for the time of a call.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        hook: The webhook's id.
        now: In milliseconds since 1970.
        pauses: When deliveries are tried again.

    Returns:
        The delivery, with its project and its content; ``None`` where none is due.
    """
    number = next_due(connection, project, hook, now, pauses)
    if number is None:
        return None
    connection.execute(
        "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ?",
        (now + pauses.lease, number),
    )
    claimed: sqlite3.Row = connection.execute(
        "SELECT d.*, p.owner, p.name, p.settings, b.data FROM deliveries AS d "
        "JOIN projects AS p ON p.id = d.project_id "
        "LEFT JOIN blobs AS b ON b.id = d.blob_id WHERE d.id = ?",
        (number,),
    ).fetchone()
    return claimed


def count_deliveries(connection: sqlite3.Connection, project: int) -> dict[str, int]:
    """How many deliveries of a project wait, and how many failed, by their state.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
    """
    rows = connection.execute(
        "SELECT state, count(*) FROM deliveries WHERE project_id = ? GROUP BY state", (project,)
    )
    return dict(rows.fetchall())


def list_deliveries(connection: sqlite3.Connection, project: int, *, limit: int) -> list[sqlite3.Row]:
    """The deliveries of a project: those that failed, then those that wait, each the latest first.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        limit: How many at most.
    """
    return connection.execute(
        "SELECT * FROM deliveries WHERE project_id = ? ORDER BY state, id DESC LIMIT ?", (project, limit)
    ).fetchall()


def retry_failed(connection: sqlite3.Connection, project: int, delivery: int | None, *, now: int) -> int:
    """Let failed deliveries wait again, as if they were new.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        delivery: The one that is meant; ``None`` for all.
        now: When they are due, in milliseconds since 1970.

    Returns:
        How many there were.
    """
    return connection.execute(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, due = :now "
        "WHERE project_id = :project AND state = 'failed' AND (:delivery IS NULL OR id = :delivery)",
        {"now": now, "project": project, "delivery": delivery},
    ).rowcount


def delete_failed(connection: sqlite3.Connection, project: int, delivery: int | None) -> int:
    """Forget failed deliveries.

    Args:
        connection: The database, in a transaction that writes.
        project: The project's number.
        delivery: The one that is meant; ``None`` for all.

    Returns:
        How many there were.
    """
    return connection.execute(
        "DELETE FROM deliveries "
        "WHERE project_id = :project AND state = 'failed' AND (:delivery IS NULL OR id = :delivery)",
        {"project": project, "delivery": delivery},
    ).rowcount
