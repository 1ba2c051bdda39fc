"""The demo corpus: on the local tagtog, or as files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from spacy_tagtog import client
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import write_project
from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT, demo_documents
from spacy_tagtog.demo.corpus import guidelines
from spacy_tagtog.steps.connection import Connection, ConnectionSettings, local_projects, open_connection
from spacy_tagtog.steps.projects import create_local_project

_BATCH_SIZE = 50


@dataclass(frozen=True)
class LoadedDemo:
    """What became of the demo.

    Attributes:
        documents: The number of documents that are in the local tagtog now; 0 if it was not loaded.
        confirmed: How many of them are confirmed.
        why_not: Why it was not loaded.
    """

    documents: int = 0
    confirmed: int = 0
    why_not: str = ""


def load_demo(where: ConnectionSettings | None = None, *, progress: Progress = silent) -> LoadedDemo:
    """Put the demo corpus into the local tagtog, unless another project is there or is configured.

    It is the project ``stargazing``. Where the settings name it, other projects may be there.

    Args:
        where: The tagtog; by default what the environment says.
        progress: Shows how many documents are loaded.

    Raises:
        LocalServerError: The local tagtog can't start.
    """
    where = where or ConnectionSettings.from_environment()
    if not where.is_local:
        named = f"; the project there is {where.project}" if where.project else ""
        return LoadedDemo(why_not=f"{where.domain} is configured: no demo{named}")
    if where.project not in ("", DEMO_PROJECT):
        return LoadedDemo(why_not=f"the project {where.project} is configured: no demo")
    with open_connection(replace(where, project=DEMO_PROJECT), create=True) as tagtog:
        assert tagtog.local is not None
        present = local_projects(tagtog.local)
        if where.project and (where.local_owner, DEMO_PROJECT) in present:
            return LoadedDemo(why_not=f"the local tagtog ({where.database}) has the project {DEMO_PROJECT}")
        if present and not where.project:
            names = ", ".join(name for _, name in present)
            return LoadedDemo(why_not=f"the local tagtog ({where.database}) has a project already: {names}")
        return _load(tagtog, progress)


def _load(tagtog: Connection, progress: Progress) -> LoadedDemo:
    create_local_project(tagtog, DEMO_LEGEND, ["pool"], guidelines=guidelines())
    documents = list(demo_documents())
    report = client.push(tagtog.client, documents, batch_size=_BATCH_SIZE, progress=progress)
    return LoadedDemo(
        len(report.created) + len(report.updated) + len(report.unchanged),
        sum(document.annotations.complete for document in documents),
    )


def write_demo(target: Path | str, *, force: bool = False) -> int:
    """Write the demo corpus into a folder or zip.

    Args:
        target: The folder, or a path ending with ``.zip``.
        force: Replace what an earlier run wrote there.

    Returns:
        The number of documents.

    Raises:
        OutputExistsError: There is something, and ``force`` doesn't allow to replace it.
    """
    return write_project(demo_documents(), Path(target), legend=DEMO_LEGEND, force=force)
