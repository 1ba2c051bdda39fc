"""What ``convert`` and ``validate`` print and write of a conversion report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog.cli._run import note, table, write_json
from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport

__all__ = ["Reports", "check_reports", "say_report", "write_reports"]

Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report", help="Write the whole report to this file: .json, or .html to see the places in context (repeat for both).", show_default=False
    ),
]


def check_reports(paths: Iterable[Path] | None) -> None:
    """Make sure, before any work is done, that each report's form is known.

    Raises:
        ConfigurationError: A file has another ending.
    """
    for path in paths or ():
        if path.suffix not in (".json", ".html"):
            raise ConfigurationError("the form of a report is not known", value=str(path), legal="a file name that ends with .json or .html")


def write_reports(paths: Iterable[Path] | None, report: ConversionReport, project: Project) -> None:
    """Write a report in each form that is asked for.

    Raises:
        WriteError: The file system refuses.
    """
    for path in paths or ():
        if path.suffix == ".json":
            write_json(path, report.to_json())
        else:
            from spacy_tagtog._files import write_atomic
            from spacy_tagtog.convert.report_page import report_page

            write_atomic(path, report_page(report, project))


def say_report(report: ConversionReport, *, list_faults: bool = True) -> None:
    """Print a report: the sums, the first faults unless an error will list them, the entity types."""
    table(report.rows())
    if list_faults:
        note(report.faults, caption="set aside because of faults in the data")
    if report.labels_out:
        table(report.labels_out.most_common(), header=("entity type", "entities"))
