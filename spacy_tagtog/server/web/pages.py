"""The pages as HTML: projects, documents, a document with its entities, history, metrics, webhooks.

They only show, but for the forms that restore a save or send failed webhooks again. None but the review
page needs a script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog._plural import counted
from spacy_tagtog._tagtog import ROLES
from spacy_tagtog.agreement import AgreementMatrix, Changes
from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.errors import SettingValue, SpacyTagtogError, spelled
from spacy_tagtog.server.api.context import path_of
from spacy_tagtog.server.api.spans import Span, place_entities
from spacy_tagtog.server.api.webhooks import DeliveryReport
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.documents import StoredDocument
from spacy_tagtog.server.db.saves import Save
from spacy_tagtog.server.db.users import MIN_PASSWORD_CHARS
from spacy_tagtog.server.settings import ProjectInfo
from spacy_tagtog.server.web.excerpts import pages_of
from spacy_tagtog.server.web.highlights import color, highlight, lanes, probability

_ROWS: Final = 300
"""How many entities of a document are listed on a page."""
Crumb = tuple[str, str]
"""A step of the way to a page: its text, and its address; empty where it has none."""


@dataclass(frozen=True)
class Paging:
    """Which page of a list is shown.

    Attributes:
        what: What the list holds, such as ``120 documents``.
        address: The address of the list, up to the number of the page.
        current: The number of the page, from 0.
        pages: The number of pages.
        parameter: The parameter of the address that is this number.
    """

    what: str
    address: str
    current: int
    pages: int
    parameter: str = "page"

    @classmethod
    def of(
        cls, total: int, name: str, address: str, current: int, page_size: int, parameter: str = "page"
    ) -> Paging:
        """The paging of a list of ``total`` things that are called ``name``."""
        return cls(counted(total, name), address, current, max(1, -(-total // page_size)), parameter)


def _percent(prob: float) -> str:
    """A probability as people read it. Only 1 itself is 100 %."""
    return f"{100 if prob == 1 else min(99, round(prob * 100))}\u202f%"


def query_of(**parameters: str) -> str:
    """The query of an address."""
    return urlencode(parameters, quote_via=quote)


@cache
def _templates() -> Environment:
    environment = templates_of("spacy_tagtog.server.web")
    environment.filters.update(
        color=color, probability=probability, moment=timestamp, sentence=_sentence, percent=_percent
    )
    environment.globals["path_of"] = path_of
    return environment


def render(template: str, heading: str, crumbs: Sequence[Crumb], **shown: Any) -> str:
    """A page.

    Args:
        template: The name of its template, without its ending.
        heading: Its heading.
        crumbs: The way to it, after the start page.
        **shown: What the template shows.
    """
    page = _templates().get_template(f"{template}.html.j2")
    return page.render(heading=heading, crumbs=[("local tagtog", "/" if crumbs else ""), *crumbs], **shown)


def crumbs_of(info: ProjectInfo) -> list[Crumb]:
    """The way to a project."""
    return [(info.owner, ""), (info.name, path_of(info.owner, info.name))]


def _folder_crumb(info: ProjectInfo, document: StoredDocument) -> Crumb:
    return document.folder, path_of(info.owner, info.name, document.folder)


# --- The way in, and out


_ERROR_HEADINGS: Final = {
    400: "This can't be done",
    401: "You aren't logged in",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This can't be done here",
    409: "This contradicts what is there",
    412: "Somebody else saved in between",
    413: "This is too large",
    421: "This address isn't ours",
    429: "Too many logins failed",
    500: "The server failed",
    501: "This isn't possible here",
    503: "The server is busy",
    507: "There is no space left",
}
_CAPTIONS: Final = {"where": "Where", "value": "What was given", "legal": "What is possible"}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def error_page(status: int, error: SpacyTagtogError) -> str:
    """What happened, what to do, and a way back."""
    # str() has settings as Python's users type them.
    details = [
        (_CAPTIONS[caption], text) for caption, text in error.details(spell=_spelled) if caption in _CAPTIONS
    ]
    advice = next((text for caption, text in error.details(spell=_spelled) if caption == "to do"), "")
    return render(
        "error",
        _ERROR_HEADINGS.get(status, _ERROR_HEADINGS[400]),
        [("error", "")],
        problem=_sentence(spelled(error.problem, _spelled)),
        advice=_sentence(advice) if advice else "",
        details=details,
        logged_out=status == 401,
    )


def _spelled(name: str, value: SettingValue | None) -> str:
    """A setting as users of the command type it: it is them who start the server."""
    # An option that can be repeated has one of what the setting has several of.
    option = f"--{name.removesuffix('s').replace('_', '-')}"
    return option if value is None or value is True else f"{option} {value}"


def login_page(token: str, next_path: str, name: str = "", problem: str = "") -> str:
    """The form to log in.

    Args:
        token: What the form sends along.
        next_path: The page to show then.
        name: The user name that was typed before.
        problem: Why that didn't work.
    """
    return render("login", "Log in", [], token=token, next_path=next_path, name=name, problem=problem)


def moved_page(target: str) -> str:
    """A page that leads on to another at once. To a page that comes from here, browsers send the cookie."""
    return render("moved", "One moment", [], target=target)


def account_page(
    user: str,
    tokens: Mapping[str, str],
    *,
    is_admin: bool,
    has_session: bool,
    is_operator: bool,
    problem: str,
    done: str,
) -> str:
    """Who is logged in, a form for a new password, and the way out.

    Args:
        user: The user.
        tokens: What the forms ``password`` and ``logout`` send along.
        is_admin: Whether the page of all users is linked.
        has_session: Whether there is a session to end.
        is_operator: Whether this user is made at each start, with a password of that run.
        problem: Why the password wasn't changed.
        done: What was done.
    """
    return render(
        "account",
        user,
        [("account", "")],
        user=user,
        tokens=tokens,
        is_admin=is_admin,
        has_session=has_session,
        is_operator=is_operator,
        problem=problem,
        done=done,
        min_chars=MIN_PASSWORD_CHARS,
    )


@dataclass(frozen=True)
class Person:
    """A user as the page of all shows them.

    Attributes:
        name: The user's name.
        is_admin: Whether the user is an admin of every project.
        roles: ``OWNER/PROJECT`` → the user's role there.
        is_self: Whether it is who looks at the page.
    """

    name: str
    is_admin: bool
    roles: Mapping[str, str]
    is_self: bool


def people_page(
    persons: Sequence[Person],
    projects: Sequence[str],
    token: str,
    *,
    problem: str = "",
    done: str = "",
    password: str = "",
) -> str:
    """All users and their roles, with forms to change them.

    Args:
        persons: The users.
        projects: The projects, as ``OWNER/PROJECT``.
        token: What the forms send along.
        problem: Why something wasn't done.
        done: What was done.
        password: A new password, which is shown this once.
    """
    return render(
        "people",
        "People",
        [("people", "")],
        persons=persons,
        projects=projects,
        roles=ROLES,
        token=token,
        problem=_sentence(problem) if problem else "",
        done=done,
        password=password,
    )


# --- Lists


def start_page(projects: Sequence[tuple[str, str, int]]) -> str:
    """The list of projects: (owner, name, number of documents)."""
    return render("start", "Projects", [], projects=projects)


# --- A document


def document_page(
    info: ProjectInfo,
    document: StoredDocument,
    html: PlainHtml,
    annotations: Annotations,
    current: int = 0,
    rows: int = 0,
) -> str:
    """A document's text with its entities, and tables of all that is annotated: both in pages, if it is long.

    Args:
        info: The project.
        document: The document.
        html: Its content.
        annotations: The version that is shown.
        current: The number of the text's page.
        rows: The number of the tables' page.
    """
    placed = place_entities(html, annotations)
    by_part: dict[str, list[Span]] = {}
    for span in placed.spans:
        by_part.setdefault(span.part, []).append(span)
    spans = {part: list(lanes(own)) for part, own in by_part.items()}
    text = pages_of(html.parts.values(), spans)
    current = min(current, len(text) - 1)
    here = path_of(info.owner, info.name, document.folder, document.docid)
    version = f"{here}?{query_of(member=document.member)}&"
    listed = max(len(annotations.entities), len(annotations.relations))
    from_row = min(rows, max(0, listed - 1) // _ROWS) * _ROWS
    return render(
        "document",
        document.filename,
        [*crumbs_of(info), _folder_crumb(info, document)],
        here=here,
        review=f"{path_of(info.owner, info.name)}?{query_of(view='review', docid=document.docid)}",
        compare=f"{path_of(info.owner, info.name)}?{query_of(view='compare', docid=document.docid)}",
        document=document,
        annotations=annotations,
        entities=annotations.entities[from_row : from_row + _ROWS],
        relations=annotations.relations[from_row : from_row + _ROWS],
        legend=info.legend,
        states=Counter(entity.state or "" for entity in annotations.entities),
        parts=[
            (one, highlight(one.part.text, spans.get(one.part.id, ()), info.legend, one.start, one.end))
            for one in text[current]
        ],
        reasons={entity.index: reason for entity, reason in placed.unplaced},
        text_paging=Paging("the text", version, current, len(text)),
        row_paging=Paging.of(listed, "row", f"{version}page={current}&", from_row // _ROWS, _ROWS, "rows"),
    )


# --- History


@dataclass(frozen=True)
class HistoryRow:
    """A save as the page shows it.

    Attributes:
        save: The entry of the history.
        changes: What it changed.
        token: What the form that restores it sends along. ``None`` where the user may not restore it, or
            where it is the current state.
    """

    save: Save
    changes: Changes
    token: str | None

    @property
    def summary(self) -> str:
        """How many changes there are of each kind; empty where there are none."""
        edits = self.changes.edits
        kinds = (
            ("added", edits.added),
            ("removed", edits.removed),
            ("relabelled", edits.relabelled),
            ("moved", edits.moved),
        )
        others = ((self.changes.labels, "label"), (self.changes.relations, "relation"))
        return ", ".join(
            [f"{number} {kind}" for kind, number in kinds if number]
            + [counted(len(found), what) for found, what in others if found]
        )

    @property
    def has_changes(self) -> bool:
        """Whether any annotation changed."""
        changes = self.changes
        return bool(
            any(change.kind != "kept" for change in changes.entities) or changes.labels or changes.relations
        )


def history_page(
    info: ProjectInfo,
    document: StoredDocument,
    rows: Sequence[HistoryRow],
    current: int,
    total: int,
    page_size: int,
) -> str:
    """Who saved which version of a document when, and what changed; with a button to restore.

    Args:
        info: The project.
        document: The document.
        rows: The saves of this page, the latest first.
        current: The number of this page.
        total: The number of saves.
        page_size: How many saves stand on a page.
    """
    here = path_of(info.owner, info.name, document.folder, document.docid)
    return render(
        "history",
        f"History of {document.filename}",
        [*crumbs_of(info), _folder_crumb(info, document), (document.filename, here)],
        here=here,
        query=query_of(owner=info.owner, project=info.name, docid=document.docid),
        compare=f"{path_of(info.owner, info.name)}?{query_of(view='compare', docid=document.docid)}",
        rows=rows,
        legend=info.legend,
        paging=Paging.of(total, "save", f"{here}?view=history&", current, page_size),
    )


# --- Metrics and webhooks


def metrics_page(info: ProjectInfo, stats: Mapping[str, Any], matrix: AgreementMatrix) -> str:
    """Counts of the master versions by annotation type, and how far members agree.

    Args:
        info: The project.
        stats: As :func:`~spacy_tagtog.server.db.metrics.search_stats` gives it.
        matrix: The agreement of all pairs of members.
    """
    return render(
        "metrics",
        "Metrics",
        crumbs_of(info),
        stats=stats,
        types={key: value for key, value in stats.items() if key.startswith("e_")},
        labels={key: value for key, value in stats.items() if key.startswith("m_")},
        legend=info.legend,
        metric=matrix.metric,
        pairs=list(matrix.rows()),
    )


def review_page(info: ProjectInfo, docid: str, member: str) -> str:
    """The page on which people review documents. Its scripts ask for the document and the queue.

    Args:
        info: The project.
        docid: The document to begin with; empty for the first that waits.
        member: Whose version is reviewed; empty for the usual one of who looks at it.
    """
    return render(
        "review",
        "Review",
        [],
        owner=info.owner,
        project=info.name,
        docid=docid,
        member=member,
        project_page=path_of(info.owner, info.name),
        has_guidelines=bool(info.guidelines),
    )


def compare_page(owner: str, project: str, docid: str, left: str, right: str) -> str:
    """The page on which people compare two versions of a document and decide what becomes of both.

    Args:
        owner: The project's owner.
        project: The project's name.
        docid: The document; empty for the first of which the versions differ.
        left: One version, as an address names it; empty for a suggestion.
        right: The other.
    """
    return render(
        "compare",
        "Compare",
        [],
        owner=owner,
        project=project,
        docid=docid,
        left=left,
        right=right,
        project_page=path_of(owner, project),
    )


def webhooks_page(info: ProjectInfo, report: DeliveryReport, token: str) -> str:
    """The webhooks of a project, and what could not be delivered yet.

    Args:
        info: The project.
        report: The webhooks and their deliveries.
        token: What the form that tries again sends along.
    """
    return render(
        "webhooks",
        "Webhooks",
        crumbs_of(info),
        report=report,
        query=query_of(owner=info.owner, project=info.name),
        token=token,
    )
