"""The report as a page: every item with the text around it, the offending place marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog.anndoc import MASTER, Document, OffsetConverter, Project, detect_unit
from spacy_tagtog.convert.report import (
    DOCUMENT_REASONS,
    ENTITY_REASONS,
    FAULTS,
    PROJECT_REASONS,
    REPAIRS,
    ConversionReport,
    ReportItem,
)
from spacy_tagtog.errors import AnndocError

_AROUND = 80
_MOST = 500
"""At most N items of each reason are shown in context: a page must open in a browser."""


@dataclass(frozen=True)
class _Shown:
    item: ReportItem
    before: str
    marked: str
    after: str


@dataclass(frozen=True)
class _Section:
    meaning: str
    is_fault: bool
    number: int
    shown: list[_Shown]


def report_page(report: ConversionReport, project: Project) -> str:
    """Write a report as one HTML file without scripts.

    Args:
        report: The report.
        project: The documents that it is about, for the text around each item.
    """
    texts = _texts(project)
    page = (
        templates_of("spacy_tagtog.convert")
        .get_template("report.html.j2")
        .render(
            place=project.place,
            report=report,
            rows=list(report.rows()),
            sections=list(_sections(report, texts)),
        )
    )
    return page.encode("utf-8", "replace").decode(
        "utf-8"
    )  # half a character, as browsers cut them, can't be written


_Texts = Callable[[str, str, str], tuple[str, OffsetConverter | None]]


def _texts(project: Project) -> _Texts:
    """A function that gives the text of a part, and what its offsets count in."""

    @lru_cache(maxsize=4)
    def document_of(doc_id: str, member: str) -> tuple[Document, bool] | None:
        try:
            document = project[doc_id]
            return document, detect_unit(document.parts, document.version(member or MASTER)) == "utf-16"
        except (AnndocError, KeyError):
            return None

    def text_of(doc_id: str, part: str, member: str) -> tuple[str, OffsetConverter | None]:
        found = document_of(doc_id, member)
        if found is None or part not in found[0].parts:
            return "", None
        text = found[0].parts[part].text
        return text, OffsetConverter(text) if found[1] else None

    return text_of


def _sections(report: ConversionReport, texts: _Texts) -> Iterator[_Section]:
    meanings = {**ENTITY_REASONS, **DOCUMENT_REASONS, **PROJECT_REASONS}
    # Faults first, the frequent ones before the rare.
    for reason, number in sorted(report.reasons.items(), key=lambda pair: (pair[0] not in FAULTS, -pair[1])):
        items = [item for item in report.items if item.reason == reason]
        yield _Section(
            meanings[reason], reason in FAULTS, number, [_in_context(item, texts) for item in items[:_MOST]]
        )
    for method, number in report.repaired.items():
        items = [item for item in report.repairs if item.reason == method]
        meaning = f"offset repaired: {REPAIRS[method]}"
        yield _Section(meaning, False, number, [_in_context(item, texts) for item in items[:_MOST]])


def _in_context(item: ReportItem, texts: _Texts) -> _Shown:
    text, units = texts(item.document, item.part, item.member) if item.part is not None else ("", None)
    if not text or item.start is None:
        return _Shown(item, "", "", "")
    start = item.start if units is None else units.to_code_points(item.start)
    if start is None or start > len(text):
        return _Shown(item, "", "", text[-_AROUND:])
    end = min(len(text), start + len(item.text))
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    return _Shown(
        item,
        ("…" if low else "") + text[low:start],
        text[start:end],
        text[end:high] + ("…" if high < len(text) else ""),
    )
