"""What ``convert`` and ``validate`` print of a conversion report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import info, note, table, warn

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, Converter

_MOST_LABELS = 20
"""Labels that hold free text may be as many as documents."""


def say_report(report: ConversionReport, *, list_faults: bool = True) -> None:
    """Print a report: sums, entity types and labels, and the first faults unless an error lists them."""
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
    """Print what is probably a mistake in what was chosen.

    Such are names that nothing has, versions that nobody asked for, and that no entity is left.

    Args:
        report: What became of the choices.
        open_project: Opens what was converted; called only where something has to be looked up in it.
        converter: How.
    """
    from spacy_tagtog.steps.convert import other_versions

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
        info(
            f"not every document has annotations of {converter.member}, "
            f"but there are those of {', '.join(others)} (--set member=NAME, or * for all)"
        )
