"""``spacy-tagtog second-looks``: places where people's annotations are probably wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_tagtog.cli._arguments import GoldMemberOption, PipelineArgument
from spacy_tagtog.cli._options import OnProblemOption
from spacy_tagtog.cli._run import command, good, info, showing, table

_SHOWN = 46
"""The most characters of a context that fit into a table for a terminal."""


@command
def second_looks_cli(
    pipeline: PipelineArgument,
    reviewed: Annotated[
        list[Path],
        typer.Argument(
            help="What people annotated: .spacy files, folders of them, or tagtog projects.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write all places to this JSON file.", show_default=False),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Print at most this number of places.")] = 20,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="Into how many folds the documents are dealt.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed of all chance.")] = 0,
    member: GoldMemberOption = "master",
    on_problem: OnProblemOption = "error",
) -> None:
    """Find the places where people's annotations are probably wrong, the surest first.

    Pipelines that have not seen a document contradict what people annotated in it: an entity is missing, has
    another type or another border, or one too many is there. With a seed model this takes seconds; any other
    pipeline is trained once per fold. Use a calibrated one.

    Example:
      spacy-tagtog second-looks training/model-calibrated corpus/train.spacy corpus/dev.spacy
    """
    from spacy_tagtog.steps.second_looks import said, second_looks

    looks = second_looks(
        pipeline,
        reviewed,
        output,
        folds=folds,
        seed=seed,
        member=member,
        on_problem=on_problem,
        progress=showing("training", unit="folds"),
    )
    rows = []
    for one in looks.suspects[:top]:
        annotated, found = (
            "–" if side is None else f"{side[0]}: {side[1]}"[:_SHOWN] for side in (one.annotated, one.found)
        )
        rows.append((one.kind, annotated, found, f"{100 * one.probability:.1f}", _around(one.context)))
    table(rows, header=("kind", "people", "pipeline", "%", "where"), aligns="lllrl")
    good(said(looks))
    if looks.search:
        info(f"in tagtog, a search finds the first documents: {looks.search}")


def _around(context: str) -> str:
    """The middle of a context."""
    begin = max(0, context.index("[") - _SHOWN // 3)
    return context[begin : begin + _SHOWN]
