"""Projects with the versions of several members, for iaa, merge, changes and rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import Document, Project
from spacy_tagtog.convert.corpus import OnProblem
from spacy_tagtog.errors import AgreementError, AnndocError, SpacyTagtogError, setting


def open_project(
    source: Path | str, *, on_problem: str, legend: Path | str | None, faults: list[SpacyTagtogError]
) -> Project:
    """Open a project.

    Args:
        source: Its folder or zip.
        on_problem: ``error``, or ``report``: what doesn't belong together is set aside and listed.
        legend: A legend file to use instead of the project's own.
        faults: Where to list what was set aside.

    Raises:
        ConfigurationError: ``on_problem`` has an unknown value.
        SpacyTagtogError: The project can't be opened.
    """
    choose(setting("on_problem"), on_problem, OnProblem)
    project = Project.open(source, strict=on_problem == "error", legend=legend)
    faults.extend(project.problems)
    return project


def readable_documents(
    project: Project, *, on_problem: str, faults: list[SpacyTagtogError], members: Sequence[str] | None = None
) -> Iterator[Document]:
    """The documents, each read completely, so that a broken file is met here.

    Args:
        project: The project.
        on_problem: ``error``, or ``report``: a document that can't be read is left out and listed.
        faults: Where to list it.
        members: Whose versions are needed; by default everybody's.

    Raises:
        SpacyTagtogError: A file can't be read (``error``).
    """
    for doc_id in project.ids:
        try:
            document = project[doc_id]
            _ = document.parts
            for member in document.versions:
                if members is None or member in members:
                    for relation in document.versions[member].relations:
                        _ = relation.ends
        except AnndocError as error:
            if on_problem == "error":
                raise
            faults.append(error)
            continue
        yield document


def check_members(project: Project, members: Sequence[str]) -> None:
    """Make sure that each of these members has a version of some document.

    Raises:
        AgreementError: One has none.
    """
    for member in members:
        if member not in project.members:
            raise AgreementError(
                "the project has no version of this member",
                place=project.place,
                value=member,
                legal=", ".join(project.members) or "(it has no version at all)",
                advice="names are case-sensitive; fetch the versions of all members, or of this one",
            )
