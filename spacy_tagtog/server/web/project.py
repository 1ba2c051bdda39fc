"""The page of a project: its documents, searched, filtered and sorted; folders; the form to upload more."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import PAGE_SIZE, Call, parse_number, path_of
from spacy_tagtog.server.api.page_uploads import FORMATS
from spacy_tagtog.server.api.queue import why_now
from spacy_tagtog.server.db.overview import (
    Counts,
    Row,
    count_waiting,
    has_assignments,
    has_versions,
    read_counts,
    read_rows,
)
from spacy_tagtog.server.db.review import Waiting
from spacy_tagtog.server.db.roles import Access
from spacy_tagtog.server.natural import natural
from spacy_tagtog.server.search.ordered import KEYS, Found, Key, Order, find_page
from spacy_tagtog.server.search.parse import QueryError
from spacy_tagtog.server.settings import ProjectInfo
from spacy_tagtog.server.web.frame import page
from spacy_tagtog.server.web.pages import Crumb, Paging, crumbs_of, render
from spacy_tagtog.server.web.view import MineValue, State, View

_SORT_CAPTIONS: Final[dict[Key, tuple[str, str]]] = {
    "rank": ("rank: first to review", "rank: last to review"),
    "sureness": ("least sure first", "surest first"),
    "name": ("name: A to Z", "name: Z to A"),
    "changed": ("changed: oldest first", "changed: newest first"),
    "created": ("created: oldest first", "created: newest first"),
}
_MOST_WAITING: Final = 999
"""More documents than these that wait for somebody are not counted: nobody minds their number."""
_OPEN_FOLDERS: Final = 30
"""Where a project has at most N folders, the whole tree is open."""


@dataclass(frozen=True)
class FolderNode:
    """A folder as the page shows it.

    Attributes:
        name: Its name.
        address: Its address, with the search and the other filters.
        documents: The documents in it and below it.
        confirmed: How many of them are confirmed.
        folders: The folders in it, in natural order.
        is_current: Whether it is the one that is shown.
        is_open: Whether the folders in it are shown from the start.
    """

    name: str
    address: str
    documents: int
    confirmed: int
    folders: tuple[FolderNode, ...]
    is_current: bool
    is_open: bool


@dataclass(frozen=True)
class Choice:
    """A filter as a link.

    Attributes:
        caption: What it lists.
        address: Where it leads.
        number: How many documents of the project it has; empty where that isn't counted.
        is_current: Whether it is chosen.
    """

    caption: str
    address: str
    number: str
    is_current: bool


@dataclass(frozen=True)
class LabelChoice:
    """A document label to filter by.

    Attributes:
        class_id: Its class id.
        name: Its name.
        values: The values to choose from, and how many documents have each.
        chosen: What the address asks for.
    """

    class_id: str
    name: str
    values: Mapping[str, int]
    chosen: str


@dataclass(frozen=True)
class ShownRow:
    """A document as the page shows it.

    Attributes:
        document: The document.
        address: Its page.
        review: Where it is reviewed; empty where the user may not.
        why: Why it has its place in the ranking.
    """

    document: Row
    address: str
    review: str
    why: str


def _tree(info: ProjectInfo, counts: Counts, view: View) -> FolderNode:
    """The folders as a tree, from ``pool``."""
    is_small = len(info.folders) <= _OPEN_FOLDERS
    inside: dict[str, list[str]] = {}
    for folder in info.folders:
        inside.setdefault(folder.path.rpartition("/")[0], []).append(folder.path)
    numbers = {folder.path: folder.index for folder in info.folders}

    def node(path: str) -> FolderNode:
        below = tuple(node(one) for one in sorted(inside.get(path, ()), key=natural))
        documents, confirmed = counts.folders.get(numbers[path], (0, 0))
        return FolderNode(
            path.rpartition("/")[2],
            view.but(folder=path).address,
            documents + sum(one.documents for one in below),
            confirmed + sum(one.confirmed for one in below),
            below,
            path == view.folder,
            is_small or f"{view.folder}/".startswith(f"{path}/"),
        )

    (root,) = inside[""]
    return node(root)


def _chips(view: View, info: ProjectInfo) -> list[Crumb]:
    """What narrows the list now, each with the address of the list without it."""
    chips = []
    if view.query:
        chips.append((f"search: {view.query}", view.but(query="").address))
    if view.folder:
        chips.append((f"folder: {view.folder}", view.but(folder="").address))
    if view.state:
        caption = {"open": "to review", "confirmed": "confirmed"}[view.state]
        chips.append((caption, view.but(state="").address))
    if view.mine:
        caption = {"all": "mine", "open": "waiting for me", "confirmed": "confirmed by me"}[view.mine]
        chips.append((caption, view.but(mine="").address))
    if view.flagged:
        chips.append(("flagged", view.but(flagged=False).address))
    for class_id, wanted in view.labels.items():
        said = {"set": "any value", "unset": "not set"}.get(wanted, wanted.removeprefix("is:"))
        chips.append((f"{info.legend[class_id]}: {said}", view.without_label(class_id).address))
    return chips


def _label_choices(info: ProjectInfo, counts: Counts, view: View) -> list[LabelChoice]:
    choices = []
    for class_id, name in info.legend.items():
        if class_id.startswith("m_"):
            chosen = view.labels.get(class_id, "")
            values = dict(counts.labels.get(class_id, {}))
            if chosen.startswith("is:"):  # which may be a rare value
                values.setdefault(chosen.removeprefix("is:"), 0)
            choices.append(LabelChoice(class_id, name, values, chosen))
    return choices


def _sort_choices(view: View, order: Order, *, is_ranked: bool) -> list[tuple[str, str, bool]]:
    """The orders to choose from: value of the parameter, caption, whether it is the one of now."""
    return [
        (f"{sign}{key}", caption, order == Order(key, sign == "-"))
        for key, captions in _SORT_CAPTIONS.items()
        if key != "rank" or is_ranked or order.key == "rank"
        for sign, caption in zip(("", "-"), captions, strict=True)
    ]


def _why(row: Row) -> str:
    """Why a document that waits has its place. The place itself stands in a column of its own."""
    if row.confirmed or not any(json.loads(row.reasons).values()):
        return ""
    waiting = Waiting(0, row.docid, row.filename, row.confirmed, row.rank, row.reasons, row.flag)
    return why_now(waiting)


@dataclass(frozen=True)
class _Problem:
    """Why a search can't be answered.

    Attributes:
        problem: What is wrong.
        place: Where, in words; empty where that isn't known.
        before: The query up to there.
        wrong: What is wrong in it; empty where that isn't known.
        after: The rest.
        legal: What would be possible.
        advice: What to do.
    """

    problem: str
    place: str
    before: str
    wrong: str
    after: str
    legal: str
    advice: str

    @classmethod
    def of(cls, error: RequestError | QueryError, query: str) -> _Problem:
        position = error.position if isinstance(error, QueryError) else None
        value = str(error.value or "").strip()
        start, wrong = len(query), ""
        if position is not None:
            start = min(position, len(query))
            wrong = next(iter(query[start:].split(maxsplit=1)), "…")
        elif value and query.count(value) == 1:
            start, wrong = query.index(value), value
        end = start + len(wrong)
        return cls(
            error.problem,
            f"character {start + 1}" if wrong else "",
            query[:start],
            wrong,
            query[end:],
            error.legal or "",
            error.advice or "",
        )


# --- The page


@dataclass(frozen=True)
class _Found:
    """What the database says for the page."""

    counts: Counts
    order: Order
    found: Found
    rows: list[Row]
    problem: _Problem | None
    waiting: int | None
    """How many documents wait for the user, where the user has an own version of them; more than
    ``_MOST_WAITING`` aren't counted."""


def _find(call: Call, access: Access, info: ProjectInfo, view: View, current: int) -> _Found:
    with call.database.reading() as connection:
        counts = read_counts(connection, info.key)
        order = view.order(is_ranked=counts.is_ranked)
        assigned = has_assignments(connection, info.key, call.user)
        has_own = access.may("edit their own version") and (
            assigned or not access.may_edit(MASTER) or has_versions(connection, info.key, call.user)
        )
        waiting = None
        if has_own:
            waiting = count_waiting(
                connection, info.key, call.user, is_assigned=assigned, most=_MOST_WAITING + 1
            )
        try:
            found = find_page(
                connection,
                info,
                view.query or "*",
                view.filters(info),
                order,
                offset=current * PAGE_SIZE,
                limit=PAGE_SIZE,
                user=call.user,
                has_assignments=assigned,
                results=call.results,
            )
            problem = None
        except (QueryError, RequestError) as error:
            found, problem = Found(0, ()), _Problem.of(error, view.query)
        rows = read_rows(connection, info, found.keys)
    return _Found(counts, order, found, rows, problem, waiting)


def _states(view: View, counts: Counts) -> list[Choice]:
    documents, confirmed = counts.documents, counts.confirmed
    given: tuple[tuple[str, State, int], ...] = (
        ("all", "", documents),
        ("to review", "open", documents - confirmed),
        ("confirmed", "confirmed", confirmed),
    )
    return [
        Choice(caption, view.but(state=state).address, f"{number}", view.state == state)
        for caption, state, number in given
    ]


def _own(view: View, waiting: int | None) -> list[Choice]:
    if waiting is None:
        return []
    given: tuple[tuple[str, MineValue, str], ...] = (
        ("waiting for me", "open", f"{waiting}" if waiting <= _MOST_WAITING else f"{_MOST_WAITING}+"),
        ("confirmed by me", "confirmed", ""),
        ("all mine", "all", ""),
    )
    return [
        # A second click takes the filter away.
        Choice(caption, view.but(mine="" if view.mine == mine else mine).address, number, view.mine == mine)
        for caption, mine, number in given
    ]


def _flagged(view: View, counts: Counts) -> list[Choice]:
    if not (counts.flagged or view.flagged):
        return []
    address = view.but(flagged=not view.flagged).address
    return [Choice("flagged", address, f"{counts.flagged}", view.flagged)]


def _column_sort(view: View, order: Order, key: Key) -> tuple[str, str]:
    """The address that sorts by a column, or turns its order round; and the order of now for aria-sort."""
    is_current = order.key == key
    descending = is_current and not order.descending
    address = view.but(sort=f"{'-' if descending else ''}{key}").address
    return address, ("descending" if order.descending else "ascending") if is_current else ""


def _actions(access: Access, info: ProjectInfo) -> list[tuple[str, str]]:
    """The project's other pages: caption and address."""
    here = path_of(info.owner, info.name)
    views = [
        ("review", access.may("edit their own version")),
        ("compare", access.may("read other members' versions")),
        ("guidelines", bool(info.guidelines) or access.may("edit annotation settings")),
        ("metrics", access.may("see metrics")),
        ("webhooks", access.may("edit webhooks") and bool(info.settings.get("webhooks"))),
    ]
    return [(view, f"{here}?view={view}") for view, is_shown in views if is_shown]


def documents_page(call: Call, access: Access, info: ProjectInfo, folder: str) -> Response:
    """The documents of a project that the address asks for.

    Args:
        call: The request.
        access: What the user may do.
        info: The project.
        folder: The path of the folder that is shown, with what is below it; empty for all.

    Raises:
        RequestError: A parameter of the address has a value that it can't have.
    """
    view = View.of(call.query, info, folder)
    current = parse_number(call.query.get("page") or "0", digits=9) or 0
    shown = _find(call, access, info, view, current)
    may_review = access.may("edit their own version")
    project = path_of(info.owner, info.name)
    rows = [
        ShownRow(
            row,
            path_of(info.owner, info.name, row.folder, row.docid),
            f"{project}?view=review&docid={quote(row.docid, safe='')}" if may_review else "",
            _why(row),
        )
        for row in shown.rows
    ]
    named = dataclasses.replace(call, query={"owner": info.owner, "project": info.name})
    html = render(
        "project",
        folder.rpartition("/")[2] or info.name,
        [*crumbs_of(info), *([(folder, "")] if folder else [])],
        info=info,
        view=view,
        kept={
            name: value for name, value in view.parameters().items() if name in ("state", "mine", "flagged")
        },
        counts=shown.counts,
        actions=_actions(access, info),
        states=_states(view, shown.counts),
        filters=[*_own(view, shown.waiting), *_flagged(view, shown.counts)],
        chips=_chips(view, info),
        labels=_label_choices(info, shown.counts, view),
        types=[name for class_id, name in info.legend.items() if class_id.startswith("e_")],
        tree=_tree(info, shown.counts, view) if len(info.folders) > 1 else None,
        sorts=_sort_choices(view, shown.order, is_ranked=shown.counts.is_ranked),
        column_sort={key: _column_sort(view, shown.order, key) for key in KEYS},
        order=shown.order,
        rows=rows,
        problem=shown.problem,
        found=counted(shown.found.total, "document"),
        paging=Paging.of(
            shown.found.total,
            "document",
            view.address + ("&" if view.parameters() else "?"),
            current,
            PAGE_SIZE,
        ),
        folders=sorted(info.folders, key=lambda one: natural(one.path)),
        formats=FORMATS,
        upload_token=named.token("upload") if access.may("import documents") else "",
    )
    return page(html, status=400 if shown.problem else 200)
