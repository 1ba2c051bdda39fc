"""Pre-annotate documents with a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_tagtog._files import check_free
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Project, write_project
from spacy_tagtog.pipeline.annotate import annotate_documents
from spacy_tagtog.pipeline.annotate_report import AnnotateReport
from spacy_tagtog.pipeline.loading import load_pipeline


@dataclass(frozen=True)
class AnnotatedProject:
    """What was annotated.

    Attributes:
        path: The folder or zip with the annotated documents.
        report: What became of the documents and predictions.
    """

    path: Path
    report: AnnotateReport

    def to_json(self) -> dict[str, Any]:
        """The counts as a JSON object."""
        return {
            **{caption.strip(): number for caption, number in self.report.rows()},
            "labels": dict(sorted(self.report.added.items())),
            "document_labels": dict(sorted(self.report.labels_added.items())),
        }


def annotate(
    pipeline: Path | str,
    source: Path | str,
    target: Path | str,
    *,
    name: str = "spacy",
    rename: Mapping[str, str] | None = None,
    spans_key: str = "",
    legend: Path | str | None = None,
    n_process: int = 1,
    force: bool = False,
    progress: Progress = silent,
) -> AnnotatedProject:
    """Pre-annotate the documents of a project and write them, all or nothing.

    Args:
        pipeline: A folder or a package's name.
        source: A project's folder or zip.
        target: A folder, or a path ending with ``.zip``.
        name: The author is ``ml:NAME``.
        rename: Label of the pipeline to name in the project; an empty name leaves the label out.
        spans_key: Take entities from this span group instead of ``doc.ents``.
        legend: A legend file to use instead of the source's own.
        n_process: Processes.
        force: Replace the target.
        progress: Goes through the documents.

    Raises:
        OutputExistsError: The target exists.
        SpacyTagtogError: The pipeline or the documents can't be read, or a label is not in the legend.
    """
    target = Path(target)
    check_free(target, force=force, sources=(source, pipeline, legend))
    project = Project.open(source, legend=legend)
    nlp = load_pipeline(pipeline)
    report = AnnotateReport()
    annotated = annotate_documents(
        nlp,
        progress(project, len(project)),
        who=f"ml:{name}",
        rename=rename,
        spans_key=spans_key or None,
        n_process=n_process,
        report=report,
    )
    write_project(annotated, target, legend=project.legend, force=force)
    return AnnotatedProject(target, report)
