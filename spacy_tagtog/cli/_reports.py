"""What ``convert`` and ``validate`` print and write of a conversion report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import info, note, table, warn, write_json
from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, Converter

_MOST_LABELS = 20
"""Labels that hold free text may be as many as documents."""

Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        help="Write the whole report to this file: .json, or .html to see the places in context (repeat for both).",
        show_default=False,
    ),
]


def check_reports(paths: Iterable[Path] | None) -> None:
    """Make sure, before any work is done, that each report's form is known.

    Raises:
        ConfigurationError: A file has another ending.
    """
    for path in paths or ():
        if path.suffix not in (".json", ".html"):
            raise ConfigurationError(
                "the form of a report is not known",
                value=str(path),
                legal="a file name that ends with .json or .html",
            )


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
    """Print a report: the sums, the first faults unless an error will list them, the entity types and document labels."""
    table(report.rows())
    if list_faults:
        note(report.faults, caption="set aside because of faults in the data")
    if report.labels_out:
        table(report.labels_out.most_common(), header=("entity type", "entities"))
    if report.document_labels_out:
        table(report.document_labels_out.most_common(_MOST_LABELS), header=("document label", "documents"))
        if (more := len(report.document_labels_out) - _MOST_LABELS) > 0:
            info(f"{counted(more, 'more document label')}; --report FILE.json has all of them")


def say_choices(report: ConversionReport, open_project: Callable[[], Project], converter: Converter) -> None:
    """Print what is probably a mistake in what was chosen: names that nothing has, versions that nobody asked for, no entity left.

    Args:
        report: What became of the choices.
        open_project: Opens what was converted; called only where something has to be looked up in it.
        converter: How.
    """
    settings = getattr(converter, "settings", None)
    asked = {setting: set(getattr(settings, setting, ())) for setting in ("types", "labels")}
    if report.entities_in and not report.entities_out:
        warn(f"no entity is in doc.ents; the documents have {report.entities_in}")
    if not (any(asked.values()) or report.count("not_annotated")):
        return
    project = open_project()
    types = sorted(name for class_id, name in project.legend.items() if class_id.startswith("e_"))
    for setting, names in asked.items():
        unknown = sorted(names - set(types))
        if unknown and types:
            warn(f"{setting}: the project has no entity type {', '.join(unknown)}; it has {', '.join(types)}")
    if report.count("not_annotated") and (others := other_versions(project, converter)):
        there = ", ".join(others)
        info(
            f"not every document has annotations of {converter.member}, but there are those of {there} (--set member=NAME, or * for all)"
        )


def other_versions(project: Project, converter: Converter) -> list[str]:
    """Whose annotations a project has that a converter doesn't read.

    Args:
        project: The project.
        converter: The converter.
    """
    asked = {name.strip() for name in converter.member.split(",")}
    return [] if "*" in asked else [name for name in project.members if name not in asked]
