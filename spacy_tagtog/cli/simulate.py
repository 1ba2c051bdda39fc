"""``spacy-tagtog simulate``: what choosing documents is worth, on a project that is reviewed already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import CodeOption, GoldMemberOption
from spacy_tagtog.cli._options import OnProblemOption
from spacy_tagtog.cli._run import command, good, info, showing, table

if TYPE_CHECKING:
    from spacy_tagtog.steps import SimulatedProject

_ProjectArgument = Annotated[
    Path,
    typer.Argument(
        help="Reviewed documents: a tagtog project (folder or zip), or .spacy files that convert wrote.",
        show_default=False,
    ),
]
_OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="The folder for rounds, tables and plots; an interrupted run goes on there.",
        show_default=False,
    ),
]
_StrategiesOption = Annotated[
    str,
    typer.Option(
        "--strategies",
        "-s",
        help="Strategies, with commas between them: NAME or NAME:KEY=VALUE:KEY=VALUE.",
    ),
]
_FirstSeedOption = Annotated[
    int,
    typer.Option(
        "--first-seed", min=0, help="The seed of the first run; the others have the numbers after it."
    ),
]


@command
def simulate_cli(
    ctx: typer.Context,
    project: _ProjectArgument,
    output: _OutputOption,
    strategies: _StrategiesOption = "random,variance_reduction",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many runs per strategy.")] = 3,
    first_seed: _FirstSeedOption = 0,
    budget: Annotated[
        float, typer.Option("--budget", help="The share of the pool after which a run ends.")
    ] = 1.0,
    test: Annotated[
        str,
        typer.Option("--test", help="What F is measured on: a share of the documents, or other documents."),
    ] = "0.2",
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The config that is trained in every round.")
    ] = Path("configs/seed.cfg"),
    lang: Annotated[str, typer.Option("--lang", help="The tokenizer's language.")] = "en",
    initial: Annotated[
        int, typer.Option("--initial", min=1, help="Documents before the first training.")
    ] = 10,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Documents per batch, at least.")] = 5,
    growth: Annotated[
        float,
        typer.Option("--growth", help="A batch has at least this share of the documents reviewed so far."),
    ] = 0.2,
    random_share: Annotated[
        float, typer.Option("--random-share", help="The share of each batch that chance chooses.")
    ] = 0.1,
    member: GoldMemberOption = "master",
    on_problem: OnProblemOption = "error",
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Runs at the same time.")] = 1,
    plots: Annotated[
        bool, typer.Option("--plots/--no-plots", help="Draw the curves: curves.png, and in the page.")
    ] = True,
    code: CodeOption = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Begin anew if the folder holds another simulation.")
    ] = False,
) -> None:
    """Replay a reviewed project as if it were new, and compare strategies.

    Each run takes a few documents as reviewed, trains, lets the strategy choose the next, reveals what people
    annotated there, and so on. F on documents that are never trained on is set against what people paid by
    then: documents, tokens, entities, and edits of the pre-annotations. A run that was interrupted goes on
    where it stopped. Writes report.json, report.html and curves.png into the folder. Values of the config are
    set as for spaCy: --training.max_steps 500.

    Example:
      spacy-tagtog simulate my-download.zip --output simulation --strategies random,expected_edits
    """
    from spacy.cli._util import parse_config_overrides

    from spacy_tagtog import steps

    result = steps.simulate(
        project,
        output,
        strategies=[name.strip() for name in strategies.split(",") if name.strip()],
        seeds=range(first_seed, first_seed + seeds),
        budget=budget,
        test=test,
        config=config,
        overrides=parse_config_overrides(ctx.args),
        lang=lang,
        initial=initial,
        batch=batch,
        growth=growth,
        random_share=random_share,
        member=member,
        on_problem=on_problem,
        n_process=n_process,
        plots=plots,
        code=code,
        force=force,
        progress=showing("simulating"),
    )
    _say(result)
    good(f"report.json, report.html{' and curves.png' if plots else ''} written to {output}")


def _say(result: SimulatedProject) -> None:
    from spacy_tagtog.selection.curves import COSTS, TARGETS, table_rows

    simulation = result.simulation
    full = ", ".join(
        f"{100 * rounds[-1].f1:.1f}" for unit, rounds in simulation.rounds.items() if unit.strategy is None
    )
    counts = [
        f"{counted(side['documents'], 'document')}, {counted(side['entities'], 'entity')}"
        for side in (simulation.pool, simulation.test)
    ]
    info(f"pool: {counts[0]}; test: {counts[1]}; exact F of the model of the whole pool: {full}")
    targets = {share: list(table_rows(result.strategies, share)) for share in TARGETS}
    for share, reached in targets.items():
        table(reached, header=(f"to {share:.0%} of it", *COSTS))
    rows = [
        (one.strategy, *(f"{100 * one.area[cost].mean:.1f}" for cost in COSTS)) for one in result.strategies
    ]
    table(rows, header=("mean F over", *COSTS))
    if any("(" in str(cell) for reached in targets.values() for row in reached for cell in row[1:]):
        info("in brackets: the share of what random choice needs")
