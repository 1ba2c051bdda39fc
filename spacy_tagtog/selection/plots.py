"""A simulation as pictures and as a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog.errors import ConfigurationError, setting
from spacy_tagtog.selection.curves import COSTS, TARGETS, StrategySummary, curve_rows, table_rows
from spacy_tagtog.selection.simulation_record import Simulation

_TITLES = {
    "documents": "documents reviewed",
    "tokens": "tokens read",
    "entities": "entities reviewed",
    "edits": "edits made",
}


def check_plots() -> None:
    """Say so before hours of work, not after them.

    Raises:
        ConfigurationError: matplotlib isn't installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "plots need matplotlib",
            value=str(error),
            legal="an environment with the extra plots",
            advice=f"pip install 'spacy-tagtog[plots]', or go without curves: {setting('plots', False)}",
        ) from error


def draw_curves(simulation: Simulation, kind: str = "png") -> bytes:
    """Draw F against each cost: per strategy the mean over seeds, with a band of one standard deviation.

    Args:
        simulation: The simulation.
        kind: ``png`` or ``svg``.

    Raises:
        ConfigurationError: matplotlib isn't installed.
    """
    check_plots()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "spacy-tagtog", "font.size": 9}):
        figure = Figure(figsize=(11, 8), layout="constrained", dpi=110)
        axes: Any = figure.subplots(2, 2)
        fulls = [
            rounds[-1].f1 for unit, rounds in simulation.rounds.items() if unit.strategy is None and rounds
        ]
        full = 100 * sum(fulls) / len(fulls) if fulls else None
        strategies = sorted(simulation.strategies, key=lambda name: name != "random")
        lowest = 100.0
        for axis, cost in zip(axes.ravel(), COSTS, strict=True):
            for strategy in strategies:
                runs = [
                    rounds
                    for unit, rounds in simulation.rounds.items()
                    if unit.strategy == strategy and rounds
                ]
                x, mean, sd = curve_rows(runs, cost)
                plain = strategy == "random"
                line = axis.plot(
                    x,
                    100 * mean,
                    label=strategy,
                    color="black" if plain else None,
                    linestyle="--" if plain else "-",
                    linewidth=1.4,
                )
                axis.fill_between(
                    x,
                    100 * (mean - sd),
                    100 * (mean + sd),
                    color=line[0].get_color(),
                    alpha=0.12,
                    linewidth=0,
                )
                lowest = min(lowest, 100 * float(mean.min()))
            if full is not None:
                for share in (*TARGETS, 1.0):
                    axis.axhline(share * full, color="grey", linewidth=0.6, linestyle=":")
                    if share != TARGETS[-1]:  # no room between its neighbours
                        axis.annotate(
                            f"{share:.0%}",
                            (1.0, share * full),
                            xycoords=("axes fraction", "data"),
                            fontsize=7,
                            color="grey",
                            va="center",
                        )
            axis.set_xlabel(_TITLES[cost])
            axis.set_ylabel("exact F on the test documents")
            axis.grid(visible=True, linewidth=0.3)
        for axis in axes.ravel():
            # What is far below says little, and presses the rest together.
            axis.set_ylim(bottom=max(lowest, (full or 100) * 0.6))
        axes[0, 0].legend(loc="lower right", fontsize=8)
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return file.getvalue()


def simulation_page(
    simulation: Simulation, summaries: Sequence[StrategySummary], title: str, *, plots: bool = True
) -> str:
    """Write a simulation as one HTML file without scripts.

    Args:
        simulation: The simulation.
        summaries: See :func:`~spacy_tagtog.selection.curves.summarize`.
        title: What was simulated.
        plots: Draw the curves into it.

    Raises:
        ConfigurationError: matplotlib isn't installed.
    """
    svg = ""
    if plots:
        text = draw_curves(simulation, "svg").decode("utf-8")
        svg = text[text.index("<svg") :]
    fulls = {
        unit.seed: rounds[-1].f1
        for unit, rounds in simulation.rounds.items()
        if unit.strategy is None and rounds
    }
    return (
        templates_of("spacy_tagtog.selection")
        .get_template("simulation.html.j2")
        .render(
            title=title,
            simulation=simulation,
            summaries=summaries,
            costs=COSTS,
            titles=_TITLES,
            targets=[(share, list(table_rows(summaries, share))) for share in TARGETS],
            fulls=fulls,
            svg=svg,
            runs=[
                (unit, rounds)
                for unit, rounds in simulation.rounds.items()
                if unit.strategy is not None and rounds
            ],
        )
    )
