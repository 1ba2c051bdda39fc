"""What ``iaa``, ``merge`` and ``changes`` share: projects with the versions of several members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Document, Legend, Project
    from spacy_tagtog.errors import SpacyTagtogError

OnProblemOption = Annotated[
    str,
    typer.Option(
        "--on-problem", help="Files that can't be read: error (refuse), or report (leave out and list)."
    ),
]
LegendOption = Annotated[
    Path | None,
    typer.Option(
        "--legend", help="An annotations-legend.json to use instead of the project's own.", show_default=False
    ),
]


def open_project(
    source: Path, *, on_problem: str, legend: Path | None, faults: list[SpacyTagtogError]
) -> Project:
    """Open a project; with ``report``, what doesn't belong together is set aside and listed.

    Raises:
        SpacyTagtogError: The project can't be opened.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert.corpus import OnProblem

    choose("--on-problem", on_problem, OnProblem)
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
    from spacy_tagtog.errors import AnndocError

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
    """Make sure that somebody of each name has a version.

    Raises:
        AgreementError: Nobody has.
    """
    from spacy_tagtog.errors import AgreementError

    for member in members:
        if member not in project.members:
            raise AgreementError(
                "the project has no version of this member",
                place=project.place,
                value=member,
                legal=", ".join(project.members) or "(it has no version at all)",
                advice="names are case-sensitive; fetch the versions of all members with: spacy-tagtog fetch --member NAME",
            )


def task_names(legend: Legend, tasks: Sequence[str]) -> dict[str, str]:
    """A name to show for each task: what the legend calls it, with the id where two are called the same, else the id."""
    names = [legend.get(task, task) for task in tasks]
    return {
        task: f"{name} ({task})" if names.count(name) > 1 else name
        for task, name in zip(tasks, names, strict=True)
    }
