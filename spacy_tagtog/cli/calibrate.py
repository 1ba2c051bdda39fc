"""``spacy-tagtog calibrate``: accurate probabilities."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import (
    GoldDocumentsOption,
    GoldMemberOption,
    PipelineArgument,
    RankingOption,
)
from spacy_tagtog.cli._options import ForceOption, OnProblemOption
from spacy_tagtog.cli._run import command, good, info, showing, table, write_json

if TYPE_CHECKING:
    from spacy_tagtog.steps import CalibratedPipeline

_ReviewedArgument = Annotated[
    Path | None,
    typer.Argument(
        help="Reviewed documents that it was not trained on: .spacy files, or a tagtog project.",
        show_default=False,
    ),
]
_TrainOption = Annotated[
    Path | None,
    typer.Option(
        "--train",
        help="What it was trained on: calibrate by pipelines trained without a fold of it (cross-fitting).",
        show_default=False,
    ),
]
_ByOption = Annotated[
    str,
    typer.Option(
        "--by",
        help="given (all that is given), held-out (REVIEWED), cross-fitting (--train), both, or auto: "
        "cross-fitting where that takes seconds, as for the seed model, otherwise held-out.",
    ),
]
_MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help="auto (chosen by cross-validation), platt, isotonic, logistic, trees, forest, "
        "or none (the scores as they are).",
    ),
]
_AllowUnknownOption = Annotated[
    bool,
    typer.Option(
        "--allow-unknown",
        help="Calibrate a pipeline that doesn't know which documents it was trained on.",
    ),
]
_NProcessOption = Annotated[
    int,
    typer.Option(
        "--n-process",
        "-n",
        min=1,
        help="Processes that predict and train without a fold of --train. The figures are the same for any "
        "number.",
    ),
]


@command
def calibrate_cli(
    pipeline: PipelineArgument,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The folder to write the calibrated pipeline into.", show_default=False
        ),
    ],
    reviewed: _ReviewedArgument = None,
    train: _TrainOption = None,
    by: _ByOption = "given",
    method: _MethodOption = "auto",
    folds: Annotated[
        int,
        typer.Option("--folds", min=2, help="Folds of the cross-validation, by document, and of --train."),
    ] = 5,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The seed of the folds, and of --method trees and forest.")
    ] = 0,
    allow_unknown: _AllowUnknownOption = False,
    documents: GoldDocumentsOption = "confirmed",
    member: GoldMemberOption = "master",
    on_problem: OnProblemOption = "error",
    ranking: RankingOption = None,
    n_process: _NProcessOption = 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write the whole report to this JSON file.", show_default=False),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Calibrate a pipeline's probabilities on reviewed documents that it was not trained on.

    Writes a copy of the pipeline whose probabilities of entities and document labels are accurate: of
    those with 0.8, eight in ten are right. What is predicted stays the same. The figures are cross-validated
    by document. Documents that the pipeline was trained on are refused.

    With --train it learns from those, too, and may do without others: for each fold a pipeline of the same
    kind is trained on the other folds, and predicts this one. No document is scored by a pipeline that was
    trained on it. A seed model learns again in seconds. For any other pipeline that is a whole training run
    per fold: ask for it by --by cross-fitting or --by both.

    Examples:
      spacy-tagtog calibrate training/model-best --train corpus/train.spacy --output training/model-calibrated
      spacy-tagtog calibrate training/model-best corpus/dev.spacy --output training/model-held-out
    """
    from spacy_tagtog import steps

    # Calibrating takes minutes on large corpora: the log says what is being done.
    logging.getLogger("spacy.spacy_tagtog").setLevel(logging.INFO)
    result = steps.calibrate(
        pipeline,
        output,
        reviewed=reviewed,
        train=train,
        by=by,
        method=method,
        folds=folds,
        seed=seed,
        allow_unknown=allow_unknown,
        documents=documents,
        member=member,
        on_problem=on_problem,
        rankings=ranking or (),
        n_process=n_process,
        force=force,
        progress=showing("calibrating"),
        fold_progress=showing("training without a fold", unit="folds"),
    )
    write_json(report, result.to_json())
    _say(result)


def _say(result: CalibratedPipeline) -> None:
    if result.reason:
        info(f"calibrating by {result.by}: {result.reason}")
    for name, one in result.reports.items():
        table(one.rows(), header=(name, "method", "predictions", "ECE % (by chance)", "Brier", "AUROC"))
        for note in one.notes:
            info(note)
        if one.expected_missed is not None:
            info(f"missed entities: {one.expected_missed:.1f} expected, {one.missed} found")
        if one.cross_fitted:
            documents, others = counted(one.cross_fitted, "training document"), counted(one.held_out, "other")
            pipelines = counted(one.pipelines, "pipeline")
            info(f"{documents} scored by {pipelines} trained without them, {others} by this one")
    good(
        f"calibrated pipeline written to {result.path}; "
        "all figures after calibration are cross-validated by document"
    )
