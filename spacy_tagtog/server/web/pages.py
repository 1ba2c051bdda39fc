"""The pages as HTML: projects, documents, a document with its entities, history, metrics, webhooks.

They only show, but for the forms that restore a save or send failed webhooks again. None needs a script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog._plural import counted
from spacy_tagtog.agreement import AgreementMatrix, Changes
from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.server.api.context import path_of
from spacy_tagtog.server.api.spans import Span, place_entities
from spacy_tagtog.server.api.webhooks import DeliveryReport
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.documents import StoredDocument
from spacy_tagtog.server.db.saves import Save
from spacy_tagtog.server.search.results import Page
from spacy_tagtog.server.settings import ProjectInfo
from spacy_tagtog.server.web.highlights import color, highlight, probability

_Crumb = tuple[str, str]
"""A step of the way to a page: its text, and its address; empty where it has none."""


@dataclass(frozen=True)
class _Paging:
    """Which page of a list is shown.

    Attributes:
        what: What the list holds, such as ``120 documents``.
        address: The address of the list, up to the number of the page.
        current: The number of the page, from 0.
        pages: The number of pages.
    """

    what: str
    address: str
    current: int
    pages: int

    @classmethod
    def of(cls, total: int, name: str, address: str, current: int, page_size: int) -> _Paging:
        """The paging of a list of ``total`` things that are called ``name``."""
        return cls(counted(total, name), address, current, max(1, -(-total // page_size)))


def _query(**parameters: str) -> str:
    return urlencode(parameters, quote_via=quote)


@cache
def _templates() -> Environment:
    environment = templates_of("spacy_tagtog.server.web")
    environment.filters.update(color=color, probability=probability, moment=timestamp)
    environment.globals["path_of"] = path_of
    return environment


def _render(template: str, heading: str, crumbs: Sequence[_Crumb], **shown: Any) -> str:
    page = _templates().get_template(f"{template}.html.j2")
    return page.render(heading=heading, crumbs=[("local tagtog", "/" if crumbs else ""), *crumbs], **shown)


def _crumbs(info: ProjectInfo) -> list[_Crumb]:
    return [(info.owner, ""), (info.name, path_of(info.owner, info.name))]


def _folder_crumb(info: ProjectInfo, document: StoredDocument) -> _Crumb:
    return document.folder, path_of(info.owner, info.name, document.folder)


# --- Lists


def start_page(projects: Sequence[tuple[str, str, int]]) -> str:
    """The list of projects: (owner, name, number of documents)."""
    return _render("start", "Projects", [], projects=projects)


def project_page(
    info: ProjectInfo, folder: str, found: Page, current: int, page_size: int, views: Sequence[str] = ()
) -> str:
    """The list of a project's documents.

    Args:
        info: The project.
        folder: The folder that is shown; empty for all.
        found: One page of its documents.
        current: The number of this page.
        page_size: How many documents stand on a page.
        views: The project's other pages, which are linked.
    """
    here = path_of(info.owner, info.name, *([folder] if folder else []))
    return _render(
        "project",
        folder.rpartition("/")[2] or info.name,
        [*_crumbs(info), *([(folder, "")] if folder else [])],
        info=info,
        views=views,
        hits=found.hits,
        paging=_Paging.of(found.total, "document", f"{here}?", current, page_size),
    )


# --- A document


def document_page(
    info: ProjectInfo, document: StoredDocument, html: PlainHtml, annotations: Annotations
) -> str:
    """A document's text with its entities, and tables of all that is annotated.

    Args:
        info: The project.
        document: The document.
        html: Its content.
        annotations: The version that is shown.
    """
    placed = place_entities(html, annotations)
    spans: dict[str, list[Span]] = {}
    for span in placed.spans:
        spans.setdefault(span.part, []).append(span)
    return _render(
        "document",
        document.filename,
        [*_crumbs(info), _folder_crumb(info, document)],
        here=path_of(info.owner, info.name, document.folder, document.docid),
        document=document,
        annotations=annotations,
        legend=info.legend,
        states=Counter(entity.state or "" for entity in annotations.entities),
        parts=[(part, highlight(part, spans.get(part.id, ()), info.legend)) for part in html.parts.values()],
        reasons={entity.index: reason for entity, reason in placed.unplaced},
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
    return _render(
        "history",
        f"History of {document.filename}",
        [*_crumbs(info), _folder_crumb(info, document), (document.filename, here)],
        here=here,
        query=_query(owner=info.owner, project=info.name, docid=document.docid),
        rows=rows,
        legend=info.legend,
        paging=_Paging.of(total, "save", f"{here}?view=history&", current, page_size),
    )


# --- Metrics and webhooks


def metrics_page(info: ProjectInfo, stats: Mapping[str, Any], matrix: AgreementMatrix) -> str:
    """Counts of the master versions by annotation type, and how far members agree.

    Args:
        info: The project.
        stats: As :func:`~spacy_tagtog.server.db.metrics.search_stats` gives it.
        matrix: The agreement of all pairs of members.
    """
    return _render(
        "metrics",
        "Metrics",
        _crumbs(info),
        stats=stats,
        types={key: value for key, value in stats.items() if key.startswith("e_")},
        labels={key: value for key, value in stats.items() if key.startswith("m_")},
        legend=info.legend,
        metric=matrix.metric,
        pairs=list(matrix.rows()),
    )


def webhooks_page(info: ProjectInfo, report: DeliveryReport, token: str) -> str:
    """The webhooks of a project, and what could not be delivered yet.

    Args:
        info: The project.
        report: The webhooks and their deliveries.
        token: What the form that tries again sends along.
    """
    return _render(
        "webhooks",
        "Webhooks",
        _crumbs(info),
        report=report,
        query=_query(owner=info.owner, project=info.name),
        token=token,
    )
