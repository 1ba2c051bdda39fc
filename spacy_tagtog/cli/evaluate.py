"""``spacy-tagtog evaluate``: precision, recall and F of a pipeline's entities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._drawn import RankingOption, only_drawn
from spacy_tagtog.cli._run import command, good, info, progress, table, warn, write_json
from spacy_tagtog.errors import EvaluationError

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.evaluation import Evaluation


@command
def evaluate_cli(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A trained pipeline: a folder such as training/model-best, or a package's name.",
            show_default=False,
        ),
    ],
    gold: Annotated[
        Path,
        typer.Argument(
            help="What people annotated: a .spacy file, or a tagtog project (folder or zip).",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the figures to this JSON file.", show_default=False),
    ] = None,
    diagram: Annotated[
        Path | None,
        typer.Option(
            "--diagram", help="Draw the reliability diagram into this SVG file.", show_default=False
        ),
    ] = None,
    documents: Annotated[
        str, typer.Option("--documents", help="Which documents of a project: confirmed, unconfirmed or all.")
    ] = "confirmed",
    member: Annotated[str, typer.Option("--member", help="Whose annotations of a project.")] = "master",
    on_problem: Annotated[
        str, typer.Option("--on-problem", help="Faults of a project's data: error, or report (set aside).")
    ] = "error",
    ranking: RankingOption = None,
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Processes.")] = 1,
) -> None:
    """Evaluate a pipeline's entities against what people annotated.

    Two measures for each entity type and for all together: exact (label and both borders are equal) and overlapping
    (labels are equal and at least one character is shared). Offsets are compared in characters, so a tokenizer that
    can't reach a border counts against the pipeline.

    Where the pipeline gives probabilities: the expected calibration error (ECE, 15 bins of equal width), the Brier score
    and the AUROC of right against wrong predictions. On documents that it was calibrated on, those are the cross-validated
    figures of the calibration.

    Example:
      spacy-tagtog evaluate training/model-best corpus/dev.spacy --output training/metrics.json
    """
    result = evaluate(
        pipeline,
        gold,
        documents=documents,
        member=member,
        on_problem=on_problem,
        rankings=ranking or (),
        n_process=n_process,
        show_progress=True,
    )
    write_json(output, result.to_json())
    diagrams = {name: one.figures for name, one in result.confidence.items() if one.figures is not None}
    if diagram is not None:
        from spacy_tagtog._files import write_atomic
        from spacy_tagtog.pipeline.calibration.reliability import reliability_svg

        if not diagrams:
            raise EvaluationError(
                "there is no probability to draw",
                place=pipeline,
                legal="a pipeline with entity_confidence or label_confidence that predicts something",
                advice="spacy-tagtog calibrate adds them",
            )
        write_atomic(diagram, reliability_svg(diagrams))
    if result.labels:
        table(
            result.rows(),
            header=("entity type", "exact P", "R", "F", "overlap P", "R", "F", "gold", "predicted"),
        )
    if result.document_labels:
        rows = [
            (label, *(f"{100 * value:.1f}" for value in one.exact_prf), one.gold, one.predicted)
            for label, one in result.document_labels.items()
        ]
        table(sorted(rows), header=("document label", "P", "R", "F", "gold", "predicted"))
    for name, one in result.confidence.items():
        table(one.rows(), header=(name, "predictions", "ECE % (by chance)", "Brier", "AUROC"))
        if one.in_sample:
            info(
                f"{name} was calibrated on {one.in_sample} of these documents: its figures are the cross-validated ones of the calibration"
            )
        elif not one.calibrated:
            info(f"{name} is not calibrated: see spacy-tagtog calibrate")
    if result.labels and not result.overall.predicted:
        warn(
            "the pipeline predicted no entity at all: check that it is the right one, with a component such as ner or seed_ner"
        )
    if result.ignored:
        info(
            f"{counted(result.ignored, 'prediction')} not counted: the gold data says nothing about the text there"
        )
    precision, recall, f1 = (100 * value for value in result.overall.exact_prf)
    good(f"{counted(result.documents, 'document')}, exact P {precision:.1f} R {recall:.1f} F {f1:.1f}")


def evaluate(
    pipeline: str | Path,
    gold: Path,
    *,
    documents: str = "confirmed",
    member: str = "master",
    on_problem: str = "error",
    rankings: Sequence[Path] = (),
    n_process: int = 1,
    show_progress: bool = False,
) -> Evaluation:
    """Evaluate a pipeline on a ``.spacy`` file or a tagtog project.

    Args:
        pipeline: A folder or a package's name.
        gold: A ``.spacy`` file, a folder of them, or a project.
        documents: Which documents of a project.
        member: Whose annotations of a project.
        on_problem: ``error`` or ``report``, for a project.
        rankings: Only documents that chance chose for one of these rankings; all where there is none.
        n_process: Processes.
        show_progress: Show a progress bar.

    Raises:
        EvaluationError: There is nothing to evaluate on.
        SpacyTagtogError: See the functions called.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert import AnndocCorpus
    from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem
    from spacy_tagtog.pipeline.evaluation import evaluate_docs
    from spacy_tagtog.pipeline.loading import load_pipeline

    nlp = load_pipeline(pipeline)
    corpus = AnndocCorpus(
        gold,
        settings={"member": member},
        documents=choose("--documents", documents, DocumentChoice),
        on_problem=choose("--on-problem", on_problem, OnProblem),
    )
    docs = only_drawn(corpus.docs(nlp), rankings)
    return evaluate_docs(nlp, progress(docs, what="evaluating") if show_progress else docs, n_process=n_process)
