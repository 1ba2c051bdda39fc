"""Replaying a reviewed project: what is counted, what is reached, and that an interrupted run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from conftest import CONFIGS, SMALL
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
from spacy_tagtog.errors import ConfigurationError, EvaluationError
from spacy_tagtog.selection.curves import area_under, cost_to_reach, smoothed, summarize, table_rows
from spacy_tagtog.selection.plots import draw_curves, simulation_page
from spacy_tagtog.selection.simulation import simulate_project
from spacy_tagtog.selection.simulation_record import Round, Simulation, SimulationSettings, Unit

T = TypeVar("T")

# Without the cross-validation of one number, which takes most of the time where there is little to learn.
SEED = load_config(
    CONFIGS / "seed.cfg", overrides={"components.seed_ner.out_log": -0.5}, interpolate=False
).to_str()
SETTINGS = SimulationSettings(SEED, initial=4, batch=6, growth=0.0, budget=0.6)


@pytest.fixture(scope="module")
def docs(demo: list[Document], nlp: Language) -> list[Doc]:
    confirmed = [document for document in demo if document.annotations.complete]
    return list(convert_documents(confirmed[:50], nlp, make_converter(), ConversionReport()))


def run(
    docs: Sequence[Doc],
    folder: Path,
    *strategies: str,
    settings: SimulationSettings = SETTINGS,
    seeds: Sequence[int] = (0,),
    n_process: int = 1,
) -> Simulation:
    return simulate_project(docs[:30], docs[30:], folder, settings, strategies, seeds, n_process=n_process)


def timeless(simulation: Simulation) -> dict[Unit, list[Round]]:
    return {unit: [replace(one, seconds=0) for one in rounds] for unit, rounds in simulation.rounds.items()}


@pytest.fixture(scope="module")
def simulated(docs: list[Doc], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulation]:
    folder = tmp_path_factory.mktemp("simulation") / "out"
    return folder, run(docs, folder, "random", "expected_edits", "cluster", seeds=(0, 1))


def test_every_run_counts_what_people_paid(simulated: tuple[Path, Simulation], docs: list[Doc]) -> None:
    simulation = simulated[1]
    by_id = {doc._.anndoc_id: doc for doc in docs[:30]}
    assert simulation.pool == {
        "documents": 30,
        "tokens": sum(map(len, docs[:30])),
        "entities": sum(len(doc.ents) for doc in docs[:30]),
    }
    for unit, rounds in simulation.rounds.items():
        if unit.strategy is None:
            assert [one.documents for one in rounds] == [30]
            continue
        assert [one.documents for one in rounds] == [4, 10, 16, 18], unit
        picked = [doc_id for one in rounds for doc_id in one.picked]
        assert len(set(picked)) == 18
        assert rounds[-1].entities == sum(len(by_id[doc_id].ents) for doc_id in picked)
        first = rounds[0]
        assert first.edits == first.kinds["added"] == first.entities, "without a model every entity is added"
        for before, after in pairwise(rounds):
            assert after.edits >= before.edits
            assert after.kinds["accepted"] >= before.kinds["accepted"]
            assert after.kinds["total"] == after.edits


def test_strategies_begin_with_the_same_documents(simulated: tuple[Path, Simulation]) -> None:
    rounds = simulated[1].rounds
    for seed in (0, 1):
        assert rounds[Unit("random", seed)][0].picked == rounds[Unit("expected_edits", seed)][0].picked
        assert rounds[Unit("random", seed)][0].f1 == rounds[Unit("expected_edits", seed)][0].f1
    assert rounds[Unit("random", 0)][0].picked != rounds[Unit("random", 1)][0].picked
    assert rounds[Unit("cluster", 0)][0].picked != rounds[Unit("random", 0)][0].picked, (
        "it can choose before there is a pipeline"
    )


def test_a_run_that_was_cut_off_goes_on_as_it_would_have(
    simulated: tuple[Path, Simulation], docs: list[Doc], tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    short = replace(SETTINGS, budget=1.0)
    whole = timeless(run(docs, folder, "expected_edits", settings=short))
    file = folder / "rounds" / Unit("expected_edits", 0).file
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]))
    (folder / "rounds" / Unit(None, 0).file).unlink()
    assert timeless(run(docs, folder, "expected_edits", settings=short)) == whole
    assert whole[Unit("expected_edits", 0)][-1].f1 == whole[Unit(None, 0)][0].f1, (
        "the same documents make the same model, in whatever order"
    )


def test_several_processes_do_the_same(
    simulated: tuple[Path, Simulation], docs: list[Doc], tmp_path: Path
) -> None:
    said: list[int | None] = []

    def progress(items: Iterable[T], total: int | None = None, /) -> Iterable[T]:
        for item in items:
            said.append(total)
            yield item

    again = simulate_project(
        docs[:30],
        docs[30:],
        tmp_path / "two",
        SETTINGS,
        ["random"],
        [1],
        n_process=2,
        progress=progress,
    )
    expected = timeless(simulated[1])
    assert timeless(again)[Unit("random", 1)] == expected[Unit("random", 1)]
    assert [one.f1 for one in again.rounds[Unit(None, 1)]] == [one.f1 for one in expected[Unit(None, 0)]]
    assert said == [30 + 18] * (30 + 18), "an item per document"


def test_a_config_that_trains_in_steps(docs: list[Doc], tmp_path: Path) -> None:
    small = {name: value for name, value in SMALL.items() if not name.startswith("corpora.")}
    config = load_config(
        CONFIGS / "ner.cfg",
        overrides={**small, "training.max_steps": 4, "training.eval_frequency": 2},
        interpolate=False,
    )
    settings = SimulationSettings(config.to_str(), initial=6, batch=3, budget=0.3)
    simulation = run(docs, tmp_path / "steps", "mnlp", settings=settings, seeds=(0, 1))
    assert [unit for unit in simulation.rounds if unit.strategy is None] == [Unit(None, 0), Unit(None, 1)]
    assert [one.documents for one in simulation.rounds[Unit("mnlp", 1)]] == [6, 9]


def test_another_simulation_is_not_mixed_in(simulated: tuple[Path, Simulation], docs: list[Doc]) -> None:
    with pytest.raises(ConfigurationError, match="other documents or settings") as caught:
        run(docs, simulated[0], "random", settings=replace(SETTINGS, growth=0.5))
    assert caught.value.value == "growth"
    with pytest.raises(ConfigurationError, match="other documents or settings") as caught:
        simulate_project(docs[:29], docs[30:], simulated[0], SETTINGS, ["random"], [0])
    assert caught.value.value == "other documents"


def test_bad_input(docs: list[Doc], nlp: Language, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no strategy of this name") as unknown:
        run(docs, tmp_path / "a", "luck")
    assert "variance_reduction" in str(unknown.value.legal)
    with pytest.raises(ConfigurationError, match="out of range"):
        run(docs, tmp_path / "a", "expected_edits:diversity=2")
    with pytest.raises(ConfigurationError, match="can't be read"):
        run(docs, tmp_path / "a", "expected_edits:diversity")
    with pytest.raises(ConfigurationError, match="nothing to simulate"):
        run(docs, tmp_path / "a")
    with pytest.raises(EvaluationError, match="too few"):
        simulate_project(docs[:4], docs[30:], tmp_path / "a", SETTINGS, ["random"], [0])
    bare = [nlp.make_doc("nothing here")]
    with pytest.raises(EvaluationError, match="too few"):
        simulate_project(docs[:30], bare, tmp_path / "a", SETTINGS, ["random"], [0])
    with pytest.raises(EvaluationError, match="twice"):
        simulate_project([*docs[:10], docs[0]], docs[30:], tmp_path / "a", SETTINGS, ["random"], [0])
    with pytest.raises(EvaluationError, match="in the pool, too"):
        simulate_project(docs[:30], docs[20:], tmp_path / "a", SETTINGS, ["random"], [0])
    for wrong in (
        {"budget": 0.0},
        {"budget": 1.1},
        {"initial": 0},
        {"batch": 0},
        {"growth": -1.0},
        {"random_share": 2.0},
        {"held_out": 1.0},
    ):
        with pytest.raises(ConfigurationError, match="out of range"):
            replace(SETTINGS, **wrong)
    assert not (tmp_path / "a").exists()


def rounds_of(*pairs: tuple[int, float]) -> list[Round]:
    return [Round(cost, 10 * cost, cost, 2 * cost, {}, f1, f1, f1) for cost, f1 in pairs]


def test_curves_are_smoothed_and_crossed_in_proportion() -> None:
    rounds = rounds_of((10, 0.3), (20, 0.6), (30, 0.6), (40, 0.9))
    assert smoothed(rounds) == pytest.approx([0.45, 0.5, 0.7, 0.75])
    assert cost_to_reach(rounds, "documents", 0.6) == pytest.approx(25)
    assert cost_to_reach(rounds, "edits", 0.6) == pytest.approx(50)
    assert cost_to_reach(rounds, "documents", 0.4) == 10, "the first round had it already"
    assert cost_to_reach(rounds, "documents", 0.8) is None


def test_the_area_is_the_mean_over_the_cost() -> None:
    rounds = rounds_of((10, 0.5), (20, 0.5))
    assert area_under(rounds, "documents", 20) == pytest.approx((10 * 0.25 + 10 * 0.5) / 20)
    assert area_under(rounds, "documents", 10) == pytest.approx(0.25)
    assert area_under(rounds, "tokens", 200) == area_under(rounds, "documents", 20)
    assert area_under(rounds_of((0, 0.5)), "edits", 0) == 0, "nobody paid anything yet"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 1))
def test_what_is_reached_lies_on_the_curve(values: list[float], target: float) -> None:
    rounds = rounds_of(*((5 * (i + 1), value) for i, value in enumerate(values)))
    paid = cost_to_reach(rounds, "documents", target)
    if paid is None:
        assert max(smoothed(rounds)) < target
    else:
        assert 5 <= paid <= 5 * len(values)


def test_strategies_are_compared_with_random() -> None:
    simulation = Simulation(
        SETTINGS,
        pool={"documents": 100, "tokens": 1000, "entities": 200},
        test={"documents": 9, "entities": 9},
    )
    for seed, slow in ((0, 40), (1, 60)):
        simulation.rounds[Unit("better", seed)] = rounds_of(
            (10, 0.5), (20, 1.0), (21, 1.0), (22, 1.0), (80, 1.0)
        )
        simulation.rounds[Unit("random", seed)] = rounds_of(
            (10, 0.5), (slow, 1.0), (slow + 1, 1.0), (slow + 2, 1.0)
        )
    simulation.rounds[Unit("never", 0)] = rounds_of((10, 0.5), (90, 0.6))
    simulation.rounds[Unit(None, 0)] = rounds_of((100, 1.0))
    random, better, never = summarize(simulation)
    assert (random.strategy, better.strategy, never.strategy) == ("random", "better", "never")
    one = better.reached[0.98]["documents"]
    assert one.cost is not None
    assert one.of_random == pytest.approx(one.cost.mean / random.reached[0.98]["documents"].cost.mean)
    assert one.of_random is not None
    assert one.of_random < 0.5
    assert one.of_pool == pytest.approx(one.cost.mean / 100)
    assert better.reached[0.98]["edits"].of_pool == pytest.approx(2 * one.cost.mean / 200), (
        "edits are set against annotating everything"
    )
    assert never.reached[0.95]["documents"].cost is None
    assert better.area["documents"].mean > random.area["documents"].mean
    assert [row[0] for row in table_rows([random, better, never], 0.98)] == ["random", "better", "never"]
    assert "(" in next(iter(table_rows([better], 0.98)))[1]
    assert next(iter(table_rows([never], 0.98)))[1] == "not reached"
    json.dumps([summary.to_json() for summary in (random, better, never)])


def test_pictures_and_page(simulated: tuple[Path, Simulation]) -> None:
    simulation = simulated[1]
    assert draw_curves(simulation).startswith(b"\x89PNG")
    page = simulation_page(simulation, summarize(simulation), "<b>demo</b>")
    assert "<svg" in page
    assert "<b>demo" not in page
    assert "<script" not in page
    assert "<svg" not in simulation_page(simulation, summarize(simulation), "demo", plots=False)
