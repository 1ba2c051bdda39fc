"""``spacy-tagtog evaluate``: precision, recall and F of a pipeline's entities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import (
    GoldDocumentsOption,
    GoldMemberOption,
    PipelineArgument,
    ProcessesOption,
    RankingOption,
)
from spacy_tagtog.cli._options import OnProblemOption
from spacy_tagtog.cli._run import command, good, info, showing, table, warn, write_json

if TYPE_CHECKING:
    from spacy_tagtog.pipeline.evaluation import Evaluation
    from spacy_tagtog.pipeline.scores import Scores


@command
def evaluate_cli(
    pipeline: PipelineArgument,
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
    documents: GoldDocumentsOption = "confirmed",
    member: GoldMemberOption = "master",
    on_problem: OnProblemOption = "error",
    ranking: RankingOption = None,
    only_blind: Annotated[
        bool,
        typer.Option(
            "--only-blind",
            help="With --ranking: take the documents that people annotated without pre-annotations.",
        ),
    ] = False,
    n_process: ProcessesOption = 1,
) -> None:
    """Evaluate a pipeline's entities and document labels against what people annotated.

    Two measures for each entity type and for all together: exact (label and both borders are equal) and
    overlapping (labels are equal and at least one character is shared). Offsets are compared in characters,
    so a tokenizer that can't reach a border counts against the pipeline. With a spancat, overlapping entities
    count, too. Document labels that nobody set in a document are unknown, and don't count there. A relation
    is right if its type and both entities are; an id, if it is the one that people gave the entity.

    Where the pipeline gives probabilities: the expected calibration error (ECE, 15 bins of equal width), the
    Brier score and the AUROC of right against wrong predictions. A relation's probability is that given both
    entities, so relations of wrong entities don't count there. On documents that it was calibrated on, those
    are the cross-validated figures of the calibration.

    Example:
      spacy-tagtog evaluate training/model-best corpus/dev.spacy --output training/metrics.json
    """
    from spacy_tagtog import steps

    result = steps.evaluate(
        pipeline,
        gold,
        diagram=diagram,
        documents=documents,
        member=member,
        on_problem=on_problem,
        rankings=ranking or (),
        only_blind=only_blind,
        n_process=n_process,
        progress=showing("evaluating"),
    )
    write_json(output, result.to_json())
    _say(result)


def _say(result: Evaluation) -> None:
    if result.labels:
        table(
            result.rows(),
            header=("entity type", "exact P", "R", "F", "overlap P", "R", "F", "gold", "predicted"),
        )
    for caption, _, scores, overall in _without_borders(result):
        rows = [
            (label, *(f"{100 * value:.1f}" for value in one.exact_prf), one.gold, one.predicted)
            for label, one in [*sorted(scores.items()), ("all", overall)]
        ]
        table(rows, header=(caption, "P", "R", "F", "gold", "predicted"))
    for name, one in result.confidence.items():
        table(one.rows(), header=(name, "predictions", "ECE % (by chance)", "Brier", "AUROC"))
        if one.in_sample:
            info(
                f"{name} was calibrated on {one.in_sample} of these documents: "
                "its figures are the cross-validated ones of the calibration"
            )
        elif not one.calibrated:
            info(f"{name} is not calibrated: see spacy-tagtog calibrate")
    if result.labels and not result.overall.predicted:
        warn(
            "the pipeline predicted no entities: "
            "check that it is the right one, with a component such as ner or seed_ner"
        )
    if result.ignored:
        ignored = counted(result.ignored, "prediction")
        info(f"{ignored} not counted: the gold data says nothing about the text there")
    good("; ".join([counted(result.documents, "document"), *_summaries(result)]))


def _summaries(result: Evaluation) -> Iterator[str]:
    """The figures of all types together, by what they are."""
    if result.labels:
        precision, recall, f1 = (100 * value for value in result.overall.exact_prf)
        yield f"exact P {precision:.1f} R {recall:.1f} F {f1:.1f}"
    for _, caption, _, overall in _without_borders(result):
        precision, recall, f1 = (100 * value for value in overall.exact_prf)
        yield f"{caption} P {precision:.1f} R {recall:.1f} F {f1:.1f}"


def _without_borders(result: Evaluation) -> Iterator[tuple[str, str, dict[str, Scores], Scores]]:
    """What is right or wrong as a whole: its name, that of many, its counts by type and of all types."""
    for caption, many, scores, overall in (
        ("document label", "document labels", result.document_labels, result.overall_labels),
        ("relation", "relations", result.relations, result.overall_relations),
        ("ids of", "ids", result.normalizations, result.overall_normalizations),
    ):
        if scores:
            yield caption, many, scores, overall
