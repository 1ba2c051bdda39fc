"""Replay a reviewed project as if it were new, to see what choosing documents is worth."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config

from spacy_tagtog._files import json_text, write_atomic
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import ArgumentError, ConfigurationError
from spacy_tagtog.pipeline.loading import blank_pipeline
from spacy_tagtog.pipeline.training import find_config
from spacy_tagtog.selection.curves import StrategySummary, summarize
from spacy_tagtog.selection.plots import check_plots, draw_curves, simulation_page
from spacy_tagtog.selection.simulation import simulate_project
from spacy_tagtog.selection.simulation_folder import holds_simulation
from spacy_tagtog.selection.simulation_record import Simulation, SimulationSettings, simulation_json
from spacy_tagtog.selection.strategies import parse_strategy
from spacy_tagtog.steps._code import import_code
from spacy_tagtog.steps._corpora import open_corpus


@dataclass(frozen=True)
class SimulatedProject:
    """What was simulated.

    Attributes:
        simulation: All runs.
        strategies: What each strategy reached, the mean over its runs.
    """

    simulation: Simulation
    strategies: list[StrategySummary]

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            **simulation_json(self.simulation),
            "strategies": [one.to_json() for one in self.strategies],
        }


def simulate(
    project: Path | str,
    output: Path | str,
    *,
    strategies: Sequence[str] = ("random", "variance_reduction"),
    seeds: Sequence[int] = range(3),
    budget: float = 1.0,
    test: Path | str | float = 0.2,
    config: Path | str = "configs/seed.cfg",
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
    code: Path | str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> SimulatedProject:
    """Simulate, and write the rounds, ``report.json``, ``report.html`` and ``curves.png``.

    A simulation that was interrupted goes on where it stopped.

    Args:
        project: Reviewed documents: a project, or ``.spacy`` files.
        output: The folder to write into.
        strategies: Each as ``NAME`` or ``NAME:KEY=VALUE:KEY=VALUE``.
        seeds: Each strategy runs once with each.
        budget: The share of the pool after which a run ends, above 0 and at most 1.
        test: What F is measured on: a share of the documents, or the path of others in the same forms.
        config: The config that is trained in every round.
        overrides: Values of it that are set otherwise, by ``section.name``.
        lang: The tokenizer's language.
        initial: Documents before the first training.
        batch: Documents per batch, at least.
        growth: A batch holds at least this share of the documents reviewed so far.
        random_share: The share of each batch that chance chooses, from 0 to 1.
        member: Whose annotations of a project.
        on_problem: Faults of a project's data: ``error``, or ``report`` to leave them out.
        n_process: Runs at the same time.
        plots: Draw ``curves.png``, and the curves in the page.
        code: A Python file with registered functions, such as a strategy of your own.
        force: Begin anew where the folder holds another simulation.
        progress: Goes through the documents of all runs, one item per document.

    Raises:
        ConfigurationError: A setting is wrong, matplotlib is missing, or the folder holds another simulation.
        EvaluationError: There are too few documents.
        SpacyTagtogError: The documents can't be read, or a training failed.
    """
    output = Path(output)
    import_code(code)
    text = _config_text(Path(config), overrides)
    settings = SimulationSettings(text, lang, initial, batch, growth, budget, random_share)
    share = _test_share(test)
    for strategy in strategies:
        parse_strategy(strategy)
    sides = _read_sides(Path(project), test, share, blank_pipeline(lang), member, on_problem)
    if plots:
        check_plots()
    if force and holds_simulation(output):
        shutil.rmtree(output)
    simulation = simulate_project(
        *sides,
        output,
        settings,
        list(strategies),
        list(seeds),
        n_process=n_process,
        setup=partial(import_code, code),
        progress=progress,
    )
    result = SimulatedProject(simulation, summarize(simulation))
    _write(result, output, str(project), plots=plots)
    return result


def _config_text(config: Path, overrides: Mapping[str, Any] | None) -> str:
    """The config with its values set, as text."""
    path = find_config(config)
    try:
        return load_config(path, overrides=dict(overrides or {}), interpolate=False).to_str()
    except ValueError as error:
        raise ConfigurationError(
            "the config can't be read", place=path, value=str(error).strip(), legal="a spaCy config"
        ) from error


def _test_share(test: Path | str | float) -> float | None:
    """The share of the documents to measure on; ``None`` where a path is given."""
    try:
        share = float(test)  # type: ignore[arg-type]  # a path raises
    except (TypeError, ValueError):
        return None
    if not 0 < share < 1:
        raise ArgumentError(
            "the share of the test documents is out of range",
            value=str(test),
            legal="between 0 and 1, or a path",
        )
    return share


def _read_sides(
    project: Path,
    test: Path | str | float,
    share: float | None,
    nlp: Language,
    member: str,
    on_problem: str,
) -> tuple[list[Doc], list[Doc]]:
    """The documents of the pool, and those to measure on."""

    def read(path: Path, side: str | None) -> list[Doc]:
        corpus = open_corpus(
            path,
            member=member,
            on_problem=on_problem,
            split=None if side is None else f"test={share}",
            side=side,
        )
        return [doc for doc in corpus.docs(nlp) if len(doc)]

    if share is not None:
        return read(project, "train"), read(project, "test")
    return read(project, None), read(Path(str(test)), None)


def _write(result: SimulatedProject, folder: Path, project: str, *, plots: bool) -> None:
    """Write the report, the page and the curves."""
    write_atomic(folder / "report.json", json_text(result.to_json()))
    page = simulation_page(result.simulation, result.strategies, project, plots=plots)
    write_atomic(folder / "report.html", page)
    if plots:
        write_atomic(folder / "curves.png", draw_curves(result.simulation))
