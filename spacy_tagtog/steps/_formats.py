"""Another tool's files as a tagtog project, for the steps that take a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacy_tagtog.anndoc import Project, write_project
from spacy_tagtog.anndoc.layout import read_legend
from spacy_tagtog.formats import read_documents
from spacy_tagtog.formats.files_of_tools import recognised
from spacy_tagtog.formats.report import FormatReport


@contextmanager
def as_project(
    source: Path,
    name: str,
    settings: Mapping[str, Any] | None,
    legend: Path | str | None = None,
    on_problem: str = "error",
    report: FormatReport | None = None,
) -> Iterator[Path]:
    """The source itself if it is a tagtog project, else a folder with a project of its documents.

    Args:
        source: The source.
        name: Its format; empty: a tagtog project, or what its look tells.
        settings: The format's settings.
        legend: A legend file whose classes the names must be.
        on_problem: Records with faults: ``error`` or ``report``.
        report: What was read is counted there.

    Raises:
        FormatError: It can't be read.
    """
    if not name and (is_project(source) or not recognised(source)):
        yield source
        return
    documents = read_documents(
        source,
        name,
        settings=settings,
        legend=None if legend is None else read_legend(Path(legend)),
        on_problem=on_problem,
        report=report,
    )
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / source.stem
        write_project(documents, folder)
        yield folder


def is_project(source: Path) -> bool:
    """Whether a folder has tagtog's documents in it; a zip is taken for one."""
    if source.is_dir():
        return any(source.rglob("*plain.html")) or any(source.rglob("*.ann.json"))
    return source.suffix.lower() == ".zip"


def opened_project(
    source: Path, name: str, settings: Mapping[str, Any] | None, legend: Path | str | None
) -> Project:
    """A source as a project, with what can't be read set aside. Another tool's documents are in memory."""
    with as_project(source, name, settings, legend, "report") as folder:
        if folder == source:
            return Project.open(folder, strict=False, legend=legend)
        documents = {document.id: document for document in Project.open(folder)}
        for document in documents.values():
            _ = document.html.data, [document.version(member) for member in document.versions]
        return Project.open(folder).changed(lambda document: documents[document.id])
