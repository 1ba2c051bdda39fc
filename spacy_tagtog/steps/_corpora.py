"""What the steps read: pipelines, and Docs of what people annotated."""

from __future__ import annotations

from pathlib import Path

from spacy.language import Language

from spacy_tagtog._options import choose
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
from spacy_tagtog.errors import PipelineError, setting
from spacy_tagtog.pipeline import loading


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


def load_pipeline(name: Path | str) -> Language:
    """Load a pipeline. The folder of a whole training is refused with the name of the pipeline in it.

    Args:
        name: A folder that ``spacy train`` wrote (``training/model-best``), or the name of an installed
            package.

    Raises:
        PipelineError: There is none, or it can't be loaded.
    """
    folder = Path(name)
    best = folder / "model-best"
    if best.is_dir() and not (folder / "config.cfg").exists():
        raise PipelineError(
            "this folder is no pipeline: it holds the pipelines of a training",
            place=name,
            legal="a folder that spacy train wrote, or an installed package",
            advice=f"give the best one: {best}",
        )
    return loading.load_pipeline(name)
