"""A reviewed project replayed as if it were new, to show what a choice of documents is worth.

A few documents are taken as reviewed, and a pipeline is trained on them. A strategy chooses the next
documents. "People" review them: what they annotated is revealed. Then the pipeline is trained again, and so
on. The cost is counted in documents, tokens, entities, and edits of the pipeline's pre-annotations. The
pipeline of every round is measured on documents that are never trained on and never chosen.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Final

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog._threads import one_thread
from spacy_tagtog.agreement.edits import EditCounts, count_edits
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.pipeline.scores import Scores
from spacy_tagtog.selection.batches import choose_batch, stream_of
from spacy_tagtog.selection.candidates import Candidate, make_candidates
from spacy_tagtog.selection.learner import CharSpan, Gold, Learner, measure, predict, spans_of
from spacy_tagtog.selection.simulation_folder import POOL, TEST, append_round, prepare_folder, read_rounds
from spacy_tagtog.selection.simulation_record import Round, Simulation, SimulationSettings, Unit
from spacy_tagtog.selection.strategies import Context, Strategy, make_strategy, parse_strategy

_POLL_SECONDS: Final = 2.0


def _run_unit(folder: Path, settings: SimulationSettings, unit: Unit) -> None:
    """Run one unit to its end, from where it stands."""
    learner = Learner(settings, folder)
    pool = sorted(learner.read(folder / POOL), key=lambda gold: gold.id)
    test = learner.read(folder / TEST)
    rounds = read_rounds(folder, unit)
    if unit.strategy is None:
        if not rounds:
            started = time.perf_counter()
            scores = measure(learner.train(pool, unit.seed), learner, test)
            append_round(
                folder, unit, _round(pool, EditCounts(), scores, [], [], time.perf_counter() - started)
            )
        return
    strategy = parse_strategy(unit.strategy)
    by_id = {gold.id: gold for gold in pool}
    reviewed = [by_id[doc_id] for one in rounds for doc_id in one.picked]
    edits = (
        EditCounts(**{key: value for key, value in rounds[-1].kinds.items() if key != "total"})
        if rounds
        else EditCounts()
    )
    wanted = max(1, round(settings.budget * len(pool)))
    nlp = learner.train(reviewed, unit.seed) if reviewed and len(reviewed) < wanted else None
    while len(reviewed) < wanted:
        started = time.perf_counter()
        # A stream of its own for each round: a run that was cut off goes on as it would have.
        rng = stream_of(unit.seed, len(reviewed))
        done = {gold.id for gold in reviewed}
        left = [gold for gold in pool if gold.id not in done]
        size = max(settings.batch, round(settings.growth * len(reviewed))) if reviewed else settings.initial
        picked, sampled, predictions = _choose(
            nlp, learner, strategy, left, reviewed, min(size, wanted - len(reviewed)), rng, settings
        )
        for gold in picked:
            edits += count_edits(predictions.get(gold.id, []), gold.spans)
        reviewed += picked
        nlp = learner.train(reviewed, unit.seed)
        scores = measure(nlp, learner, test)
        append_round(
            folder,
            unit,
            _round(
                reviewed, edits, scores, [gold.id for gold in picked], sampled, time.perf_counter() - started
            ),
        )


def _run_unit_alone(folder: Path, settings: SimulationSettings, unit: Unit) -> None:
    """Run one unit beside others, with one thread: one thread per core for each would slow all of them."""
    with one_thread():
        _run_unit(folder, settings, unit)


def _choose(
    nlp: Language | None,
    learner: Learner,
    strategy: Strategy,
    left: Sequence[Gold],
    reviewed: Sequence[Gold],
    size: int,
    rng: np.random.Generator,
    settings: SimulationSettings,
) -> tuple[list[Gold], list[str], dict[str, list[CharSpan]]]:
    """The next documents to review, the sampled ones among them, and what the pipeline predicted for each."""
    context = Context([gold.reviewed for gold in reviewed], rng)
    if nlp is None and strategy.needs_predictions(0):
        strategy = make_strategy("random")
    needs = strategy.needs_predictions(len(reviewed))
    source = nlp or learner.nlp
    candidates: list[Candidate] = list(
        make_candidates(source, ((gold.id, learner.tokens(source, gold)) for gold in left), predict=needs)
    )
    choices = choose_batch(candidates, size, strategy, context, random_share=settings.random_share)
    picked = [left[choice.pick.index] for choice in choices]
    predictions = (
        {} if nlp is None else {gold.id: spans_of(gold, doc) for gold, doc in predict(nlp, learner, picked)}
    )
    return picked, [left[choice.pick.index].id for choice in choices if choice.random], predictions


def _round(
    reviewed: Sequence[Gold],
    edits: EditCounts,
    scores: Scores,
    picked: list[str],
    sampled: list[str],
    seconds: float,
) -> Round:
    precision, recall, f1 = (round(value, 6) for value in scores.exact_prf)
    return Round(
        len(reviewed),
        sum(len(gold.tokenized) for gold in reviewed),
        sum(len(gold.spans) for gold in reviewed),
        edits.total,
        edits.to_json(),
        precision,
        recall,
        f1,
        picked,
        sampled,
        round(seconds, 2),
    )


def simulate_project(
    pool: Iterable[Doc],
    test: Iterable[Doc],
    folder: Path,
    settings: SimulationSettings,
    strategies: Sequence[str],
    seeds: Sequence[int],
    *,
    n_process: int = 1,
    setup: Callable[[], None] | None = None,
    progress: Progress = silent,
) -> Simulation:
    """Replay a project with several strategies and seeds. What the folder holds already isn't done again.

    Args:
        pool: Reviewed documents that are revealed step by step.
        test: Reviewed documents that every pipeline is measured on.
        folder: Where the documents, the config and the rounds are kept; made if need be.
        settings: How.
        strategies: Named as :func:`~spacy_tagtog.selection.strategies.parse_strategy` takes them.
        seeds: Each strategy runs once with each.
        n_process: Runs at once, each in a process of its own.
        setup: Called in each of these processes, to register what the strategies need.
        progress: Wraps the documents of all runs, one item per document. Those that were done before come
            first.

    Raises:
        ConfigurationError: There is no strategy, no seed or no such strategy; or the folder belongs to a
            simulation of other documents or settings.
        EvaluationError: There are too few documents, or the test documents have no entity.
        SpacyTagtogError: A training failed.
    """
    for text in strategies:
        parse_strategy(text)
    if not strategies or not seeds or n_process < 1:
        value = (
            f"{counted(len(strategies), 'strategy')}, {counted(len(seeds), 'seed')}, "
            f"{counted(n_process, 'process')}"
        )
        raise ArgumentError("there is nothing to simulate", value=value, legal="at least one of each")
    counts = prepare_folder(folder, pool, test, settings)
    trains_in_steps = Learner(settings, folder).in_steps
    units = [Unit(None, seed) for seed in (seeds if trains_in_steps else seeds[:1])]
    units += [Unit(name, seed) for seed in seeds for name in dict.fromkeys(strategies)]
    size = counts["pool"]["documents"]
    total = sum(size if unit.strategy is None else max(1, round(settings.budget * size)) for unit in units)
    for _ in progress(_documents(folder, settings, units, n_process, setup), total):
        pass
    return Simulation(
        settings,
        {unit: read_rounds(folder, unit) for unit in units},
        counts["pool"],
        counts["test"],
    )


def _documents(
    folder: Path,
    settings: SimulationSettings,
    units: Sequence[Unit],
    n_process: int,
    setup: Callable[[], None] | None,
) -> Iterator[None]:
    """Run all units; an item per document that is reviewed, as soon as that is known."""
    known = 0
    for _ in _steps(folder, settings, units, n_process, setup):
        done = sum(rounds[-1].documents for unit in units if (rounds := read_rounds(folder, unit)))
        yield from (None for _ in range(known, done))
        known = done


def _steps(
    folder: Path,
    settings: SimulationSettings,
    units: Sequence[Unit],
    n_process: int,
    setup: Callable[[], None] | None,
) -> Iterator[None]:
    """Run all units; an item before the first one, after each, and now and then where several run at once."""
    yield None
    if n_process == 1:
        for unit in units:
            _run_unit(folder, settings, unit)
            yield None
        return
    # Not forked: threads of numerical libraries don't survive that.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=spawn, initializer=setup) as executor:
        waiting = {executor.submit(_run_unit_alone, folder, settings, unit) for unit in units}
        while waiting:
            done, waiting = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            failed = next((future for future in done if future.exception() is not None), None)
            if failed is not None:
                for future in waiting:
                    future.cancel()
                failed.result()
            yield None
