"""What the steps read: Docs of what people annotated."""

from __future__ import annotations

from pathlib import Path

from spacy_tagtog._options import choose
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
from spacy_tagtog.errors import setting


def open_corpus(
    path: Path | str,
    *,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    split: str | None = None,
    side: str | None = None,
) -> AnndocCorpus:
    """Open ``.spacy`` files or a project, with settings as users write them.

    Args:
        path: A ``.spacy`` file, a folder of them, or a project's folder or zip.
        documents: Which documents of a project: ``confirmed``, ``unconfirmed`` or ``all``.
        member: Whose annotations of a project.
        on_problem: Faults of a project's data: ``error``, or ``report`` to leave them out.
        split: Shares such as ``test=0.2``, for projects.
        side: The side of the split to read; ``None`` reads all.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """
    return AnndocCorpus(
        path,
        settings={"member": member},
        documents=choose(setting("documents"), documents, DocumentChoice),
        on_problem=choose(setting("on_problem"), on_problem, OnProblem),
        split=split,
        side=side,
    )
