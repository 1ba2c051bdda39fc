"""``spacy-tagtog simulate``: what choosing documents is worth, on a project that is reviewed already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import command, good, info, progress, table, write_json

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from spacy_tagtog.selection.simulation_record import Simulation

T = TypeVar("T")


@command
def simulate_cli(
    ctx: typer.Context,
    project: Annotated[
        Path,
        typer.Argument(
            help="Reviewed documents: a tagtog project (folder or zip), or .spacy files that convert wrote.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The folder for rounds, tables and plots; a run goes on there.",
            show_default=False,
        ),
    ],
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            "-s",
            help="Strategies, with commas between them: NAME or NAME:KEY=VALUE:KEY=VALUE.",
        ),
    ] = "random,variance_reduction",
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How many times each, with the seeds 0, 1, …")
    ] = 3,
    budget: Annotated[
        float, typer.Option("--budget", help="The share of the pool after which a run ends.")
    ] = 1.0,
    test: Annotated[
        str,
        typer.Option("--test", help="What F is measured on: a share of the documents, or a path as PROJECT."),
    ] = "0.2",
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The config that is trained in every round.")
    ] = Path("configs/seed.cfg"),
    lang: Annotated[str, typer.Option("--lang", help="The tokenizer's language.")] = "en",
    initial: Annotated[
        int, typer.Option("--initial", min=1, help="Documents before the first training.")
    ] = 10,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Documents a batch, at least.")] = 5,
    growth: Annotated[
        float,
        typer.Option("--growth", help="A batch has at least this share of the documents reviewed so far."),
    ] = 0.2,
    random_share: Annotated[
        float, typer.Option("--random-share", help="The share of each batch that chance chooses.")
    ] = 0.1,
    member: Annotated[str, typer.Option("--member", help="Whose annotations of a project.")] = "master",
    on_problem: Annotated[
        str, typer.Option("--on-problem", help="Faults of a project's data: error, or report (set aside).")
    ] = "error",
    n_process: Annotated[int, typer.Option("--n-process", min=1, help="Runs at once.")] = 1,
    plots: Annotated[
        bool, typer.Option("--plots/--no-plots", help="Draw curves.png, and into the page.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Begin anew if the folder holds another simulation.")
    ] = False,
) -> None:
    """Replay a reviewed project as if it were new, and compare strategies.

    Each run takes a few documents as reviewed, trains, lets the strategy choose the next, reveals what people annotated there,
    and so on. F on documents that are never trained on is set against what people paid by then: documents, tokens, entities,
    and edits of the pre-annotations. A run that was interrupted goes on where it stopped.
    Writes report.json, report.html and curves.png into the folder. Values of the config are set as for spaCy: --training.max_steps 500.

    Example:
      spacy-tagtog simulate my-download.zip --output simulation --strategies random,variance_reduction,expected_edits --n-process 2
    """
    from spacy.cli._util import parse_config_overrides

    simulation = simulate(
        project,
        output,
        strategies=[name.strip() for name in strategies.split(",") if name.strip()],
        seeds=range(seeds),
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
        force=force,
        show_progress=True,
    )
    from spacy_tagtog.selection.curves import COSTS, TARGETS, summarize, table_rows

    summaries = summarize(simulation)
    full = ", ".join(
        f"{100 * rounds[-1].f1:.1f}" for unit, rounds in simulation.rounds.items() if unit.strategy is None
    )
    counts = [
        f"{counted(side['documents'], 'document')}, {counted(side['entities'], 'entity')}"
        for side in (simulation.pool, simulation.test)
    ]
    info(f"pool: {counts[0]}; test: {counts[1]}; exact F of the model of the whole pool: {full}")
    targets = {share: list(table_rows(summaries, share)) for share in TARGETS}
    for share, reached in targets.items():
        table(reached, header=(f"to {share:.0%} of it", *COSTS))
    rows = [(one.strategy, *(f"{100 * one.area[cost].mean:.1f}" for cost in COSTS)) for one in summaries]
    table(rows, header=("mean F over", *COSTS))
    if any("(" in str(cell) for reached in targets.values() for row in reached for cell in row[1:]):
        info("in brackets: the share of what random choice needs")
    good(f"report.json, report.html{' and curves.png' if plots else ''} written to {output}")


def simulate(
    project: Path,
    output: Path,
    *,
    strategies: list[str],
    seeds: range | list[int],
    budget: float = 1.0,
    test: str = "0.2",
    config: Path = Path("configs/seed.cfg"),
    overrides: Mapping[str, Any] | None = None,
    lang: str = "en",
    initial: int = 10,
    batch: int = 5,
    growth: float = 0.2,
    random_share: float = 0.1,
    member: str = "master",
    on_problem: str = "error",
    n_process: int = 1,
    plots: bool = True,
    force: bool = False,
    show_progress: bool = False,
) -> Simulation:
    """Simulate, and write the report.

    Args:
        project: Reviewed documents.
        output: The folder.
        strategies: See :func:`~spacy_tagtog.selection.strategies.parse_strategy`.
        seeds: Each strategy runs once with each.
        budget: See :class:`~spacy_tagtog.selection.simulation_record.SimulationSettings`, as for the next ones.
        test: A share of the documents, by the stable hash of ``convert --split``, or the path of others.
        config: The config that is trained.
        overrides: Values of it that are set otherwise, by their dotted names.
        lang: The tokenizer's language.
        initial: Documents before the first training.
        batch: Documents a batch at least.
        growth: Its least share of the documents reviewed so far.
        random_share: The share of chance.
        member: Whose annotations of a project.
        on_problem: ``error`` or ``report``, for a project.
        n_process: Runs at once.
        plots: Draw.
        force: Begin anew where the folder holds something else.
        show_progress: Show a progress bar.

    Raises:
        ConfigurationError: A setting is wrong, or the folder holds another simulation.
        EvaluationError: There are too few documents.
        SpacyTagtogError: See the functions called.
    """
    import shutil

    from spacy.util import load_config

    from spacy_tagtog._files import write_atomic
    from spacy_tagtog.errors import ConfigurationError
    from spacy_tagtog.pipeline.training import find_config
    from spacy_tagtog.selection.curves import summarize
    from spacy_tagtog.selection.plots import check_plots, draw_curves, simulation_page
    from spacy_tagtog.selection.simulation import simulate_project
    from spacy_tagtog.selection.simulation_folder import holds_simulation
    from spacy_tagtog.selection.simulation_record import SimulationSettings, simulation_json

    if plots:
        check_plots()
    config = find_config(config)
    try:
        text = load_config(config, overrides=dict(overrides or {}), interpolate=False).to_str()
    except ValueError as error:
        raise ConfigurationError(
            "the config can't be read", place=config, value=str(error).strip(), legal="a spaCy config"
        ) from error
    settings = SimulationSettings(text, lang, initial, batch, growth, budget, random_share)
    sides = _documents(project, test, lang, member, on_problem)
    if force and holds_simulation(output):
        shutil.rmtree(output)

    def shown(items: Iterable[T], total: int | None = None, /) -> Iterable[T]:
        if not show_progress:
            return items
        return progress(items, total, what="simulating")

    simulation = simulate_project(
        *sides, output, settings, strategies, list(seeds), n_process=n_process, progress=shown
    )
    summaries = summarize(simulation)
    write_json(
        output / "report.json",
        {**simulation_json(simulation), "strategies": [one.to_json() for one in summaries]},
    )
    write_atomic(output / "report.html", simulation_page(simulation, summaries, str(project), plots=plots))
    if plots:
        write_atomic(output / "curves.png", draw_curves(simulation))
    return simulation


def _documents(
    project: Path, test: str, lang: str, member: str, on_problem: str
) -> tuple[list[Doc], list[Doc]]:
    """The documents of the pool, and those to measure on."""
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert import AnndocCorpus
    from spacy_tagtog.convert.corpus import OnProblem
    from spacy_tagtog.errors import ConfigurationError
    from spacy_tagtog.pipeline.loading import blank_pipeline

    nlp = blank_pipeline(lang)
    try:
        share = float(test)
    except ValueError:
        share = None
    if share is not None and not 0 < share < 1:
        raise ConfigurationError(
            "the share of the test documents is out of range", value=test, legal="between 0 and 1, or a path"
        )

    def read(path: Path, side: str | None) -> list[Doc]:
        corpus = AnndocCorpus(
            path,
            settings={"member": member},
            on_problem=choose("--on-problem", on_problem, OnProblem),
            split=None if side is None else f"test={share}",
            side=side,
        )
        return [doc for doc in corpus.docs(nlp) if len(doc)]

    if share is not None:
        return read(project, "train"), read(project, "test")
    return read(project, None), read(Path(test), None)
