"""Measure a pipeline against what people annotated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacy_tagtog._files import write_atomic
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.calibration.reliability import reliability_svg
from spacy_tagtog.pipeline.evaluation import Evaluation, evaluate_docs
from spacy_tagtog.pipeline.loading import load_pipeline
from spacy_tagtog.steps._corpora import open_corpus
from spacy_tagtog.steps._sampled import only_sampled


def evaluate(
    pipeline: Path | str,
    gold: Path | str,
    *,
    diagram: Path | str | None = None,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    rankings: Sequence[Path | str] = (),
    only_blind: bool = False,
    n_process: int = 1,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a pipeline on ``.spacy`` files or a tagtog project.

    Args:
        pipeline: A folder such as ``training/model-best``, or a package's name.
        gold: What people annotated: a ``.spacy`` file, a folder of them, or a project.
        diagram: Draw the reliability diagram of the probabilities into this SVG file.
        documents: Which documents of a project: ``confirmed``, ``unconfirmed`` or ``all``.
        member: Whose annotations of a project.
        on_problem: Faults of a project's data: ``error``, or ``report`` to leave them out.
        rankings: Take only the documents that chance chose for one of these rankings.
        only_blind: With ``rankings``: take the documents that people annotated without pre-annotations
            instead. No suggestion led them.
        n_process: Processes.
        progress: Goes through the documents.

    Raises:
        ConfigurationError: ``only_blind`` without rankings.
        EvaluationError: There is nothing to evaluate on, or no probability to draw.
        SpacyTagtogError: The pipeline or the documents can't be read.
    """
    nlp = load_pipeline(pipeline)
    corpus = open_corpus(gold, documents=documents, member=member, on_problem=on_problem)
    docs = only_sampled(corpus.docs(nlp), rankings, only_blind=only_blind)
    result = evaluate_docs(nlp, progress(docs), n_process=n_process)
    if diagram is not None:
        _draw(result, Path(diagram), pipeline)
    return result


def _draw(evaluation: Evaluation, path: Path, pipeline: Path | str) -> None:
    """Draw the reliability diagram of each component that gives probabilities."""
    diagrams = {name: one.figures for name, one in evaluation.confidence.items() if one.figures is not None}
    if not diagrams:
        raise EvaluationError(
            "there is no probability to draw",
            place=pipeline,
            legal="a pipeline with entity_confidence or label_confidence that predicts something",
            advice="calibrate the pipeline: that adds them",
        )
    write_atomic(path, reliability_svg(diagrams))
