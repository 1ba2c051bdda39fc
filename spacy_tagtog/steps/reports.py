"""The report of a conversion or a check as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from spacy_tagtog._files import json_text, write_atomic
from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert import ConversionReport
from spacy_tagtog.convert.report_page import report_page
from spacy_tagtog.errors import ArgumentError


def report_paths(report: Path | str | Iterable[Path | str] | None) -> list[Path]:
    """Where a report goes: one file, or several. Their forms are checked before any work is done.

    Raises:
        ConfigurationError: A file has another ending.
    """
    paths = [Path(report)] if isinstance(report, Path | str) else [Path(path) for path in report or ()]
    for path in paths:
        if path.suffix not in (".json", ".html"):
            raise ArgumentError(
                "a report can't be written in this form",
                value=str(path),
                legal="a file name that ends with .json or .html",
            )
    return paths


def write_reports(paths: Iterable[Path], report: ConversionReport, project: Project) -> None:
    """Write a report in each form that is asked for.

    Args:
        paths: Files that end with ``.json``, or with ``.html`` for a page that shows the places in context.
        report: What to write.
        project: What the report is about.

    Raises:
        WriteError: The file system refuses.
    """
    for path in paths:
        is_json = path.suffix == ".json"
        text = json_text(report.to_json()) if is_json else report_page(report, project)
        write_atomic(path, text)
