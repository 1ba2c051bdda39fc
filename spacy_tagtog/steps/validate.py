"""What a conversion would say, without converting."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Legend, Project
from spacy_tagtog.client import ALL_MEMBERS, snapshot
from spacy_tagtog.convert import ConversionReport, ReportItem, convert_documents, make_converter
from spacy_tagtog.convert.corpus import DocumentChoice
from spacy_tagtog.errors import AnndocError, LegendError, SpacyTagtogError, setting
from spacy_tagtog.formats.report import FormatReport
from spacy_tagtog.pipeline.loading import blank_pipeline
from spacy_tagtog.steps._formats import as_project
from spacy_tagtog.steps.connection import Connection
from spacy_tagtog.steps.reports import report_paths, write_reports


@dataclass(frozen=True)
class Validated:
    """What a check found.

    Attributes:
        report: What a conversion would say, faults among it.
        project: What was checked. Documents of a running tagtog are gone from the disk; its legend and its
            members can still be asked for.
        place: What to call that.
    """

    report: ConversionReport
    project: Project = field(repr=False)
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return self.report.to_json()

    def raise_faults(self) -> None:
        """Raise if there are faults.

        Raises:
            ConversionError: It lists the first ten.
        """
        self.report.raise_faults(
            place=self.place,
            advice=f"mend them in tagtog; {setting('report', 'FILE.html')} shows them in context",
        )


def validate(
    source: Path | str,
    *,
    lang: str = "en",
    settings: Mapping[str, Any] | None = None,
    documents: str = "all",
    legend: Path | str | None = None,
    format: str = "",
    format_settings: Mapping[str, Any] | None = None,
    format_report: FormatReport | None = None,
    report: Path | str | Iterable[Path | str] | None = None,
    progress: Progress = silent,
) -> Validated:
    """Convert a project to nowhere. Faults are in the result; ``raise_faults`` makes an error of them.

    Args:
        source: A project's folder or zip, or another tool's file or folder.
        lang: Language of the tokenizer.
        settings: Settings of the converter.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        legend: A legend file to use instead of the project's own. Another tool's names must be in it.
        format: The other tool's format, such as ``doccano``; empty: by the look of the file.
        format_settings: The format's settings.
        format_report: What the other tool's format could not carry is counted there.
        report: A file or several to write the report into. They end with ``.json`` or ``.html``.
        progress: Shows how many documents are checked.

    Raises:
        SpacyTagtogError: The project can't be opened, or a setting is wrong.
    """
    paths = report_paths(report)
    source = Path(source)
    read = FormatReport(strict=False) if format_report is None else format_report
    with as_project(source, format, format_settings, legend, "report", read) as folder:
        own_legend = legend if folder == source else None
        found, project = _check(folder, lang, settings, documents, own_legend, progress)
        for fault in read.faults:
            found.documents_in += 1
            found.add(
                ReportItem("unreadable", str(fault.place), detail=_in_one_line(fault, "where", "to do"))
            )
        if folder != source:
            found.items = [_without(item, f"{folder}{os.sep}") for item in found.items]
        write_reports(paths, found, project)
    return Validated(found, project, str(source))


def validate_running(
    tagtog: Connection,
    *,
    query: str = "*",
    lang: str = "en",
    settings: Mapping[str, Any] | None = None,
    documents: str = "all",
    legend: Path | str | None = None,
    report: Path | str | Iterable[Path | str] | None = None,
    progress: Progress = silent,
) -> Validated:
    """Check the documents of a running tagtog. They are downloaded into a temporary folder, which is removed.

    A document that :func:`spacy_tagtog.steps.fetch` would refuse to read is a fault like any other.

    Args:
        tagtog: The project.
        query: A search query for the documents.
        lang: Language of the tokenizer.
        settings: Settings of the converter.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        legend: A legend file to use instead of the project's own.
        report: A file or several to write the report into. They end with ``.json`` or ``.html``.
        progress: Shows how many documents are downloaded, then how many are checked.

    Raises:
        ClientError: tagtog can't be reached, or refuses.
        SpacyTagtogError: A setting is wrong.
    """
    paths = report_paths(report)
    members = [name.strip() for name in make_converter(settings=settings).member.split(",")]
    with TemporaryDirectory(prefix="spacy-tagtog-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, "project")
        folder.mkdir()
        failed = snapshot(
            tagtog.client,
            folder,
            query=query,
            members=[ALL_MEMBERS] if ALL_MEMBERS in members else members,
            progress=progress,
        )
        found, project = _check(folder, lang, settings, documents, legend, progress)
        for doc_id, error in failed:
            found.documents_in += 1
            found.add(ReportItem("unreadable", doc_id, detail=_in_one_line(error, "to do")))
        found.items = [_without(item, f"{folder}{os.sep}") for item in found.items]
        write_reports(paths, found, project)
    return Validated(found, project, str(tagtog))


def _check(
    source: Path,
    lang: str,
    settings: Mapping[str, Any] | None,
    documents: str,
    legend: Path | str | None,
    progress: Progress,
) -> tuple[ConversionReport, Project]:
    choice: DocumentChoice = choose(setting("documents"), documents, DocumentChoice)
    converter = make_converter(settings=settings)
    report = ConversionReport()
    project = _open(source, None if legend is None else Path(legend), report)
    for _ in convert_documents(
        project,
        blank_pipeline(lang),
        converter,
        report,
        choice=choice,
        on_problem="report",
        progress=progress,
    ):
        pass
    return report, project


def _open(source: Path, legend: Path | None, report: ConversionReport) -> Project:
    """Open a project. Where its own legend can't be read, that is a fault, and class ids stand for names.

    What else is wrong doesn't depend on names.
    """
    try:
        return Project.open(source, strict=False, legend=legend)
    except LegendError as error:
        if legend is not None:
            raise  # a legend that was given is no fault of the project
        detail = _in_one_line(error, "where")
        report.add(ReportItem("unreadable_legend", str(error.place), detail=detail))
    project = Project.open(source, strict=False, legend=Legend())
    class_ids: set[str] = set()
    for doc_id in project.ids:
        with suppress(AnndocError):  # the check itself will say so
            for version in project[doc_id].versions.values():
                class_ids.update(entity.class_id for entity in version)
    project.legend = Legend.of_ids(sorted(class_ids))
    return project


def _in_one_line(error: SpacyTagtogError, *without: str) -> str:
    """An error in one line, without some of its details."""
    return " — ".join([error.problem, *(text for name, text in error.details() if name not in without)])


def _without(item: ReportItem, folder: str) -> ReportItem:
    """The item without the path of the temporary folder."""
    return replace(item, document=item.document.replace(folder, ""), detail=item.detail.replace(folder, ""))
