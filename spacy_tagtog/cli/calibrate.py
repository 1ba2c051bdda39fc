"""``spacy-tagtog calibrate``: probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog.cli._drawn import RankingOption, only_drawn
from spacy_tagtog.cli._run import command, good, info, progress, table, write_json

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.calibration import CalibrationReport

__all__ = ["calibrate", "calibrate_cli"]


@command
def calibrate_cli(
    pipeline: Annotated[
        str, typer.Argument(help="A trained pipeline: a folder such as training/model-best, or a package's name.", show_default=False)
    ],
    reviewed: Annotated[
        Path,
        typer.Argument(help="Reviewed documents that it was not trained on: .spacy file(s) or a tagtog project (folder or zip).", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write the calibrated pipeline into.", show_default=False)],
    method: Annotated[
        str, typer.Option("--method", help="auto (chosen by cross-validation), platt, isotonic, logistic, or none (the scores as they are).")
    ] = "auto",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of the cross-validation, by document.")] = 5,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Calibrate a pipeline that doesn't know which documents it was trained on.")
    ] = False,
    documents: Annotated[str, typer.Option("--documents", help="Which documents of a project: confirmed, unconfirmed or all.")] = "confirmed",
    member: Annotated[str, typer.Option("--member", help="Whose annotations of a project.")] = "master",
    on_problem: Annotated[str, typer.Option("--on-problem", help="Faults of a project's data: error, or report (set aside).")] = "error",
    ranking: RankingOption = None,
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Processes.")] = 1,
    report: Annotated[Path | None, typer.Option("--report", help="Write the whole report to this JSON file.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace the output if it exists.")] = False,
) -> None:
    """Calibrate a pipeline's probabilities on reviewed documents that it was not trained on.

    Writes a copy of the pipeline whose probabilities of entities and document labels mean what they say: of those with
    0.8, eight in ten are right. What is predicted stays the same. The figures are cross-validated by document. Documents
    that the pipeline was trained on are refused.

    Example:
      spacy-tagtog calibrate training/model-best corpus/dev.spacy --output training/model-calibrated
    """
    reports = calibrate(
        pipeline,
        reviewed,
        output,
        method=method,
        folds=folds,
        allow_unknown=allow_unknown,
        documents=documents,
        member=member,
        on_problem=on_problem,
        rankings=ranking or (),
        n_process=n_process,
        force=force,
        show_progress=True,
    )
    write_json(report, {name: one.to_json() for name, one in reports.items()})
    for name, one in reports.items():
        table(one.rows(), header=(name, "method", "predictions", "ECE % (by chance)", "Brier", "AUROC"))
        for note in one.notes:
            info(note)
        if one.expected_missed is not None:
            info(f"missed entities: {one.expected_missed:.1f} expected, {one.missed} found")
    good(f"calibrated pipeline written to {output}; all figures after calibration are cross-validated by document")


def calibrate(
    pipeline: str | Path,
    reviewed: Path,
    output: Path,
    *,
    method: str = "auto",
    folds: int = 5,
    allow_unknown: bool = False,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    rankings: Sequence[Path] = (),
    n_process: int = 1,
    force: bool = False,
    show_progress: bool = False,
) -> dict[str, CalibrationReport]:
    """Calibrate a pipeline and write it, all or nothing.

    Args:
        pipeline: A folder or a package's name.
        reviewed: ``.spacy`` file, folder of them, or a project.
        output: The folder of the calibrated pipeline.
        method: ``auto``, ``platt``, ``isotonic``, ``logistic`` or ``none``.
        folds: Folds of the cross-validation.
        allow_unknown: Go on where the pipeline doesn't know its training documents.
        documents: Which documents of a project.
        member: Whose annotations of a project.
        on_problem: ``error`` or ``report``, for a project.
        rankings: Only documents that chance chose for one of these rankings; all where there is none.
        n_process: Processes.
        force: Replace the output.
        show_progress: Show a progress bar.

    Returns:
        What was fitted, by component.

    Raises:
        NotHeldOutError: The pipeline was trained on some of the documents, or doesn't know on which.
        OutputExistsError: The output exists.
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog._choices import choose
    from spacy_tagtog._files import atomic_folder, check_free
    from spacy_tagtog.convert import AnndocCorpus
    from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
    from spacy_tagtog.pipeline.calibration import CalibrationMethod
    from spacy_tagtog.pipeline.fitting import calibrate_pipeline
    from spacy_tagtog.pipeline.loading import load_pipeline

    check_free(output, force=force)
    chosen = choose("--method", method, CalibrationMethod)
    nlp = load_pipeline(pipeline)
    corpus = AnndocCorpus(
        reviewed,
        settings={"member": member},
        documents=choose("--documents", documents, DocumentChoice),
        on_problem=choose("--on-problem", on_problem, OnProblem),
    )
    docs = only_drawn(corpus.docs(nlp), rankings)
    reports = calibrate_pipeline(
        nlp,
        progress(docs, what="calibrating") if show_progress else docs,
        method=chosen,
        folds=folds,
        allow_unknown=allow_unknown,
        n_process=n_process,
    )
    with atomic_folder(output, force=force) as folder:
        nlp.to_disk(folder)
    return reports
