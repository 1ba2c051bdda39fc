"""Loading pipelines with errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.language import Language
from spacy.util import is_package

from spacy_tagtog.errors import PipelineError


def load_pipeline(name: Path | str) -> Language:
    """Load a trained pipeline. The folder of a whole training is refused with the name of the pipeline in it.

    Args:
        name: A folder that ``spacy train`` wrote (``training/model-best``), or the name of an installed
            package.

    Raises:
        PipelineError: There is none, or it can't be loaded.
    """
    path = Path(name)
    best = path / "model-best"
    if best.is_dir() and not (path / "config.cfg").exists():
        raise PipelineError(
            "this folder is no pipeline: it holds the pipelines of a training",
            place=name,
            legal="a folder that spacy train wrote, or an installed package",
            advice=f"give the best one: {best}",
        )
    if not path.exists() and not is_package(str(name)):
        raise PipelineError(
            "there is no such pipeline",
            value=str(name),
            legal="a folder that spacy train wrote, or an installed package",
            advice="train one first: spacy-tagtog train corpus/train.spacy corpus/dev.spacy",
        )
    try:
        return spacy.load(path if path.exists() else str(name))
    # What a pipeline's own code raises on loading can be anything.
    except Exception as error:
        raise PipelineError(
            f"the pipeline can't be loaded: {type(error).__name__}: {first_line(error)}",
            place=name,
            advice="check that it was trained with this version of spaCy, and that the packages it needs are "
            "installed",
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message; empty where it has none."""
    return next(iter(str(error).splitlines()), "")


def blank_pipeline(lang: str) -> Language:
    """A pipeline of nothing but a tokenizer.

    Raises:
        PipelineError: spaCy has no such language.
    """
    try:
        return spacy.blank(lang)
    except ImportError as error:
        raise PipelineError(
            "spaCy can't make a tokenizer for this language",
            value=lang,
            legal="a language code such as en, es, de, or xx (any language)",
            advice=first_line(error),
        ) from error
