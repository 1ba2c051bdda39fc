"""``spacy-tagtog calibrate``: probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._drawn import RankingOption, only_drawn
from spacy_tagtog.cli._run import command, good, info, progress, table, write_json

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from spacy_tagtog.pipeline.calibration.report import CalibrationReport

T = TypeVar("T")

CalibrateBy = Literal["given", "held-out", "cross-fitting", "both", "auto"]
"""What to learn from: documents that the pipeline was not trained on; its training documents, by pipelines trained without a fold; or both."""


@command
def calibrate_cli(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A trained pipeline: a folder such as training/model-best, or a package's name.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The folder to write the calibrated pipeline into.", show_default=False
        ),
    ],
    reviewed: Annotated[
        Path | None,
        typer.Argument(
            help="Reviewed documents that it was not trained on: .spacy file(s) or a tagtog project (folder or zip).",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            "--train",
            help="What it was trained on: calibrate by pipelines trained without a fold of it (cross-fitting).",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="given (all that is given), held-out (REVIEWED), cross-fitting (--train), both, or auto: cross-fitting where that takes seconds, "
            "as for the seed model, otherwise held-out.",
        ),
    ] = "given",
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto (chosen by cross-validation), platt, isotonic, logistic, trees, forest, or none (the scores as they are).",
        ),
    ] = "auto",
    folds: Annotated[
        int,
        typer.Option("--folds", min=2, help="Folds of the cross-validation, by document, and of --train."),
    ] = 5,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the folds and of --method trees and forest.")
    ] = 0,
    allow_unknown: Annotated[
        bool,
        typer.Option(
            "--allow-unknown",
            help="Calibrate a pipeline that doesn't know which documents it was trained on.",
        ),
    ] = False,
    documents: Annotated[
        str, typer.Option("--documents", help="Which documents of a project: confirmed, unconfirmed or all.")
    ] = "confirmed",
    member: Annotated[str, typer.Option("--member", help="Whose annotations of a project.")] = "master",
    on_problem: Annotated[
        str, typer.Option("--on-problem", help="Faults of a project's data: error, or report (set aside).")
    ] = "error",
    ranking: RankingOption = None,
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Processes.")] = 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write the whole report to this JSON file.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")
    ] = False,
) -> None:
    """Calibrate a pipeline's probabilities on reviewed documents that it was not trained on.

    Writes a copy of the pipeline whose probabilities of entities and document labels mean what they say: of those with
    0.8, eight in ten are right. What is predicted stays the same. The figures are cross-validated by document. Documents
    that the pipeline was trained on are refused.

    With --train it learns from those, too, and may do without others: for each fold a pipeline of the same kind is
    trained on the other folds, and predicts this one. No document is judged by a pipeline that was trained on it. A
    seed model learns again in seconds; for any other pipeline that is a whole training run for each fold, and has to
    be asked for by --by cross-fitting or --by both.

    Examples:
      spacy-tagtog calibrate training/model-best corpus/dev.spacy --output training/model-calibrated
      spacy-tagtog calibrate training/model-best --train corpus/train.spacy --folds 5 --output training/model-calibrated
    """
    reports = calibrate(
        pipeline,
        reviewed,
        output,
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
        show_progress=True,
        say=info,
    )
    write_json(report, {name: one.to_json() for name, one in reports.items()})
    for name, one in reports.items():
        table(one.rows(), header=(name, "method", "predictions", "ECE % (by chance)", "Brier", "AUROC"))
        for note in one.notes:
            info(note)
        if one.expected_missed is not None:
            info(f"missed entities: {one.expected_missed:.1f} expected, {one.missed} found")
        if one.cross_fitted:
            documents, others = counted(one.cross_fitted, "training document"), counted(one.held_out, "other")
            info(
                f"{documents} judged by {counted(one.pipelines, 'pipeline')} trained without them, {others} by this one"
            )
    good(
        f"calibrated pipeline written to {output}; all figures after calibration are cross-validated by document"
    )


def calibrate(
    pipeline: str | Path,
    reviewed: Path | None,
    output: Path,
    *,
    train: Path | None = None,
    by: str = "given",
    method: str = "auto",
    folds: int = 5,
    seed: int = 0,
    allow_unknown: bool = False,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    rankings: Sequence[Path] = (),
    n_process: int = 1,
    force: bool = False,
    show_progress: bool = False,
    say: Callable[[str], None] | None = None,
) -> dict[str, CalibrationReport]:
    """Calibrate a pipeline and write it, all or nothing.

    Args:
        pipeline: A folder or a package's name.
        reviewed: ``.spacy`` file, folder of them, or a project: documents that it was not trained on.
        output: The folder of the calibrated pipeline.
        train: The same forms: the documents that it was trained on.
        by: ``given``, ``held-out``, ``cross-fitting``, ``both`` or ``auto``.
        method: ``auto``, ``platt``, ``isotonic``, ``logistic``, ``trees``, ``forest`` or ``none``.
        folds: Folds of the cross-validation, and of the pipelines that are trained for cross-fitting.
        seed: Of the folds and of trees.
        allow_unknown: Go on where the pipeline doesn't know its training documents.
        documents: Which documents of a project.
        member: Whose annotations of a project.
        on_problem: ``error`` or ``report``, for a project.
        rankings: Only documents that chance chose for one of these rankings; all where there is none.
        n_process: Processes.
        force: Replace the output.
        show_progress: Show a progress bar.
        say: Told what ``auto`` chose, and why.

    Returns:
        What was fitted, by component.

    Raises:
        ConfigurationError: What ``by`` asks for isn't given, or training whole pipelines wasn't asked for.
        NotHeldOutError: The pipeline was trained on some of the reviewed documents or not on some of its own, or doesn't know on which.
        OutputExistsError: The output exists.
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog._files import atomic_folder, check_free
    from spacy_tagtog._options import choose
    from spacy_tagtog._progress import silent
    from spacy_tagtog.convert import AnndocCorpus
    from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
    from spacy_tagtog.errors import ConfigurationError
    from spacy_tagtog.pipeline.calibration.cross_validation import CalibrationMethod
    from spacy_tagtog.pipeline.calibration.crossfit import is_quick
    from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
    from spacy_tagtog.pipeline.loading import load_pipeline

    check_free(output, force=force, sources=(pipeline, reviewed, train, *rankings))
    chosen = choose("--method", method, CalibrationMethod)
    wanted = _wanted(choose("--by", by, CalibrateBy), reviewed, train)
    if rankings and (reviewed is None or wanted in ("cross-fitting", "auto")):
        raise ConfigurationError(
            "a ranking chooses among reviewed documents, and these are not used",
            place="--ranking",
            value="--by " + by,
            legal="REVIEWED, and --by given, held-out or both",
        )
    nlp = load_pipeline(pipeline)
    if wanted == "given" and train is not None and not is_quick(nlp):
        raise ConfigurationError(
            "cross-fitting would train this pipeline once a fold, which can take hours",
            place="--train",
            value=f"{', '.join(nlp.pipe_names)}; {folds} folds",
            legal="--by cross-fitting or --by both, which ask for it; or a pipeline that learns in seconds, with a seed_ner alone",
            advice="leave --train out to calibrate on documents that it was not trained on",
        )

    def read(path: Path | None) -> Iterable[Doc]:
        if path is None:
            return ()
        return AnndocCorpus(
            path,
            settings={"member": member},
            documents=choose("--documents", documents, DocumentChoice),
            on_problem=choose("--on-problem", on_problem, OnProblem),
        ).docs(nlp)

    train_docs = list(read(train)) if wanted != "held-out" else []
    groups = None
    if wanted == "auto":
        groups, why = _groups_for(nlp, train_docs, folds)
        wanted, train_docs = ("held-out", []) if why else ("cross-fitting", train_docs)
        if say is not None:
            say(f"calibrating by {wanted}: {why or 'the pipeline learns in seconds'}")
    docs = only_drawn(read(reviewed), rankings) if wanted != "cross-fitting" else iter(())
    reports = calibrate_pipeline(
        nlp,
        progress(docs, what="calibrating") if show_progress else docs,
        train_docs=train_docs,
        groups=groups,
        method=chosen,
        folds=folds,
        seed=seed,
        allow_unknown=allow_unknown,
        n_process=n_process,
        progress=_watch if show_progress else silent,
    )
    with atomic_folder(output, force=force) as folder:
        nlp.to_disk(folder)
    return reports


def _watch(items: Iterable[T], total: int | None = None) -> Iterable[T]:
    return progress(items, total, what="training without a fold", unit="folds")


def _wanted(by: CalibrateBy, reviewed: Path | None, train: Path | None) -> CalibrateBy:
    """What to do, if all that it needs is given. ``given`` stays where there is something to train again."""
    from spacy_tagtog.errors import ConfigurationError

    needed: dict[CalibrateBy, tuple[bool, bool]] = {
        "held-out": (True, False),
        "cross-fitting": (False, True),
        "both": (True, True),
        "auto": (True, True),
    }
    needs_reviewed, needs_train = needed.get(by, (train is None, False))
    missing = [
        name
        for name, needs, path in (("REVIEWED", needs_reviewed, reviewed), ("--train", needs_train, train))
        if needs and path is None
    ]
    if missing:
        raise ConfigurationError(
            "there are no documents to calibrate on"
            if by == "given"
            else f"--by {by} needs documents that are not given",
            value=f"without {' and '.join(missing)}",
            legal="REVIEWED: documents that the pipeline was not trained on; --train: those that it was trained on",
        )
    return "held-out" if train is None else by


def _groups_for(nlp: Language, docs: Sequence[Doc], folds: int) -> tuple[list[int] | None, str]:
    """The groups of training documents for cross-fitting; else why there is none."""
    from spacy_tagtog.errors import EvaluationError
    from spacy_tagtog.pipeline.calibration.crossfit import deal, document_groups, is_quick

    if not is_quick(nlp):
        return None, "cross-fitting would train the whole pipeline once a fold"
    groups = document_groups(docs)
    try:
        deal(docs, groups, folds=folds)
    except EvaluationError as error:
        return None, f"{error.problem} ({error.value})"
    return groups, ""
