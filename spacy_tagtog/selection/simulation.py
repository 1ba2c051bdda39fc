"""A reviewed project replayed as if it were new, to show what a choice of documents is worth.

A few documents are taken as reviewed, a pipeline is trained on them, a strategy chooses the next, "people" review them by revealing what they
annotated, and so on. What that costs them is counted: documents, tokens, entities, and the edits that turn the pipeline's pre-annotations into what
people annotated. The pipeline of every round is measured on documents that are never trained on, never chosen.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config, load_model_from_config

from spacy_tagtog._files import make_folder, write_atomic
from spacy_tagtog._plural import counted
from spacy_tagtog.agreement.edits import EditCounts, count_edits
from spacy_tagtog.convert.corpus import read_spacy, write_docbin
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import ConfigurationError, EvaluationError
from spacy_tagtog.pipeline.calibration.scoring import silent_ranges
from spacy_tagtog.pipeline.evaluation import Scores, score_entities
from spacy_tagtog.selection.batches import choose_batch, stream_of
from spacy_tagtog.selection.candidates import Candidate, ReviewedDocument, make_candidates, reviewed_document
from spacy_tagtog.selection.strategies import Context, Strategy, make_strategy, parse_strategy

CharSpan = tuple[int, int, str]
_POOL, _TEST, _STATE = "pool.spacy", "test.spacy", "simulation.json"
_CONFIG: Final = "config.cfg"
_SAY_SECONDS: Final = 2.0
_FORMAT: Final = 1


@dataclass(frozen=True)
class SimulationSettings:
    """How a project is replayed.

    Attributes:
        config: The text of the config that is trained in every round.
        lang: The language of the tokenizer.
        initial: Documents that are taken as reviewed before the first training; the pipeline hasn't seen any then, so all their entities count as
            added. Chance draws them, the same for every strategy, unless the strategy can choose without predictions.
        batch: Documents a batch at least.
        growth: A batch has at least this share of the documents reviewed so far: later batches change less.
        budget: The share of the pool after which a run ends.
        random_share: See :func:`~spacy_tagtog.selection.batches.choose_batch`.
        held_out: The share of the reviewed documents that chooses the best step where a config trains in steps.

    Raises:
        ConfigurationError: A number is out of range.
    """

    config: str
    lang: str = "en"
    initial: int = 10
    batch: int = 5
    growth: float = 0.2
    budget: float = 1.0
    random_share: float = 0.1
    held_out: float = 0.2

    def __post_init__(self) -> None:
        for name, fits, legal in (
            ("initial", self.initial >= 1, "1 or more"),
            ("batch", self.batch >= 1, "1 or more"),
            ("growth", self.growth >= 0, "0 or more"),
            ("budget", 0 < self.budget <= 1, "above 0, at most 1"),
            ("random_share", 0 <= self.random_share <= 1, "0 to 1"),
            ("held_out", 0 < self.held_out < 1, "between 0 and 1"),
        ):
            if not fits:
                raise ConfigurationError(f"{name} is out of range", value=getattr(self, name), legal=legal)


@dataclass(frozen=True)
class Unit:
    """One run of the simulation.

    Attributes:
        strategy: As it was named, with its settings; ``None`` trains on the whole pool.
        seed: Of all that is random in it.
    """

    strategy: str | None
    seed: int

    @property
    def file(self) -> str:
        """The name of the file with its rounds."""
        if self.strategy is None:
            return f"full-{self.seed}.jsonl"
        plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in self.strategy)
        return f"{plain[:60]}-{hashlib.sha256(self.strategy.encode()).hexdigest()[:8]}-{self.seed}.jsonl"


@dataclass(frozen=True)
class Round:
    """What one training reached, and what people had paid by then.

    Attributes:
        documents: Documents reviewed, all rounds together.
        tokens: Their tokens.
        entities: Their entities.
        edits: The edits they took.
        kinds: The edits by kind.
        precision: Exact, of the test documents, in [0, 1].
        recall: Likewise.
        f1: Likewise.
        picked: The ids of the documents that were reviewed since the round before.
        random: Those of them that chance chose.
        seconds: Wall time of the round.
    """

    documents: int
    tokens: int
    entities: int
    edits: int
    kinds: Mapping[str, int]
    precision: float
    recall: float
    f1: float
    picked: Sequence[str] = ()
    random: Sequence[str] = ()
    seconds: float = 0.0


@dataclass
class Simulation:
    """All runs.

    Attributes:
        settings: How it was done.
        rounds: The rounds of each run.
        pool: What the whole pool would cost: documents, tokens, entities.
        test: Documents and entities that everything was measured on.
        seconds: Wall time of all rounds together.
    """

    settings: SimulationSettings
    rounds: dict[Unit, list[Round]] = field(default_factory=dict)
    pool: dict[str, int] = field(default_factory=dict)
    test: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The wall time of all rounds."""
        return sum(one.seconds for rounds in self.rounds.values() for one in rounds)

    def full(self, seed: int) -> Round | None:
        """The model of the whole pool: of this seed, or the only one."""
        found = {
            unit.seed: rounds[-1] for unit, rounds in self.rounds.items() if unit.strategy is None and rounds
        }
        return found.get(seed) or (next(iter(found.values())) if len(found) == 1 else None)

    @property
    def strategies(self) -> list[str]:
        """The strategies, in the order in which they were named."""
        return list(dict.fromkeys(unit.strategy for unit in self.rounds if unit.strategy is not None))


@dataclass
class _Gold:
    """A reviewed document of the project."""

    id: str
    doc: Doc
    spans: list[CharSpan]
    silent: list[tuple[int, int]]
    tokenized: Doc
    reviewed: ReviewedDocument


class _Learner:
    """Trains the config again and again.

    A config of which nothing learns in steps (the seed model) is initialized on Examples in memory, in one vocabulary; any other is trained as
    ``spacy train`` does, from files.
    """

    def __init__(self, settings: SimulationSettings, folder: Path) -> None:
        from spacy.pipeline import TrainablePipe

        self.settings = settings
        path = folder / _CONFIG
        self.config = load_config(path, overrides={"nlp.lang": settings.lang}, interpolate=False)
        # Nothing is calibrated here, so nobody needs to know what was trained on.
        self.config["initialize"]["after_init"] = None
        self.nlp = load_model_from_config(self.config.interpolate(), auto_fill=True)
        self.in_steps = any(isinstance(pipe, TrainablePipe) for _, pipe in self.nlp.pipeline)

    def read(self, path: Path) -> list[_Gold]:
        """The documents of a file."""
        return [self._gold(doc) for doc in read_spacy(path, self.nlp.vocab)]

    def _gold(self, doc: Doc) -> _Gold:
        doc_id = str(doc._.anndoc_id)
        spans = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        tokenized = predicted_doc(self.nlp, doc)
        words = reviewed_document(tokenized, doc_id).words
        return _Gold(
            doc_id,
            doc,
            spans,
            silent_ranges(doc),
            tokenized,
            ReviewedDocument(doc_id, words, reviewed_document(doc, doc_id).labels),
        )

    def tokens(self, nlp: Language, gold: _Gold) -> Doc:
        """The document as the pipeline would tokenize it, without annotations."""
        if nlp.vocab is self.nlp.vocab:
            return gold.tokenized.copy()
        return predicted_doc(nlp, gold.doc)

    def train(self, reviewed: Sequence[_Gold], seed: int) -> Language:
        """A pipeline that knows these documents; their order is of no account."""
        reviewed = sorted(reviewed, key=lambda gold: gold.id)
        if not self.in_steps:
            examples = [Example(gold.tokenized.copy(), gold.doc) for gold in reviewed]
            self.nlp.initialize(lambda: examples)
            return self.nlp
        return self._train_in_steps(reviewed, seed)

    def _train_in_steps(self, reviewed: Sequence[_Gold], seed: int) -> Language:
        import spacy
        from spacy.training.initialize import init_nlp
        from spacy.training.loop import train

        order = stream_of(seed, 1).permutation(len(reviewed)).tolist()
        held = max(1, round(self.settings.held_out * len(reviewed)))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_docbin((reviewed[index].doc for index in order[held:] or order), folder / "train.spacy")
            write_docbin((reviewed[index].doc for index in order[:held]), folder / "dev.spacy")
            config = self.config.copy()
            config["paths"]["train"], config["paths"]["dev"] = (
                str(folder / "train.spacy"),
                str(folder / "dev.spacy"),
            )
            config["system"]["seed"] = seed
            make_folder(folder / "out")
            with contextlib.redirect_stdout(io.StringIO()):
                nlp = init_nlp(config)
                train(nlp, folder / "out", stdout=io.StringIO(), stderr=io.StringIO())
            best = folder / "out" / "model-best"
            return spacy.load(best if best.exists() else folder / "out" / "model-last")


def _predict(nlp: Language, learner: _Learner, golds: Sequence[_Gold]) -> Iterator[tuple[_Gold, Doc]]:
    yield from (
        (gold, doc)
        for doc, gold in nlp.pipe(((learner.tokens(nlp, gold), gold) for gold in golds), as_tuples=True)
    )


def _spans(gold: _Gold, doc: Doc) -> list[CharSpan]:
    """What was predicted, but for what touches text about which nobody said anything."""
    return [
        (ent.start_char, ent.end_char, ent.label_)
        for ent in doc.ents
        if not any(start < ent.end_char and ent.start_char < end for start, end in gold.silent)
    ]


def _measure(nlp: Language, learner: _Learner, test: Sequence[_Gold]) -> Scores:
    total = Scores()
    for gold, doc in _predict(nlp, learner, test):
        total = sum(score_entities(gold.spans, _spans(gold, doc)).values(), total)
    return total


def _run_unit(folder: Path, settings: SimulationSettings, unit: Unit) -> None:
    """Run one unit to its end, from where it stands."""
    learner = _Learner(settings, folder)
    pool = sorted(learner.read(folder / _POOL), key=lambda gold: gold.id)
    test = learner.read(folder / _TEST)
    file = folder / "rounds" / unit.file
    rounds = _read_rounds(file)
    if unit.strategy is None:
        if not rounds:
            started = time.perf_counter()
            scores = _measure(learner.train(pool, unit.seed), learner, test)
            _append(file, _round(pool, EditCounts(), scores, [], [], time.perf_counter() - started))
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
        picked, chance, predictions = _choose(
            nlp, learner, strategy, left, reviewed, min(size, wanted - len(reviewed)), rng, settings
        )
        for gold in picked:
            edits += count_edits(predictions.get(gold.id, []), gold.spans)
        reviewed += picked
        nlp = learner.train(reviewed, unit.seed)
        scores = _measure(nlp, learner, test)
        _append(
            file,
            _round(
                reviewed, edits, scores, [gold.id for gold in picked], chance, time.perf_counter() - started
            ),
        )


def _run_unit_alone(folder: Path, settings: SimulationSettings, unit: Unit) -> None:
    """Run one unit beside others: with a thread a core for each of them, numerical libraries would wait for one another."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        _run_unit(folder, settings, unit)


def _choose(
    nlp: Language | None,
    learner: _Learner,
    strategy: Strategy,
    left: Sequence[_Gold],
    reviewed: Sequence[_Gold],
    size: int,
    rng: np.random.Generator,
    settings: SimulationSettings,
) -> tuple[list[_Gold], list[str], dict[str, list[CharSpan]]]:
    """The next documents to review, those that chance chose, and what the pipeline predicted for each."""
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
        {} if nlp is None else {gold.id: _spans(gold, doc) for gold, doc in _predict(nlp, learner, picked)}
    )
    return picked, [left[choice.pick.index].id for choice in choices if choice.random], predictions


def _round(
    reviewed: Sequence[_Gold],
    edits: EditCounts,
    scores: Scores,
    picked: list[str],
    chance: list[str],
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
        chance,
        round(seconds, 2),
    )


def _append(file: Path, one: Round) -> None:
    """Add a round; a line that was cut off is not one, see :func:`_read_rounds`."""
    rounds = [*_read_rounds(file), one]
    write_atomic(file, "".join(json.dumps(asdict(each)) + "\n" for each in rounds))


def _read_rounds(file: Path) -> list[Round]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [Round(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise EvaluationError(
            "the rounds of a simulation can't be read",
            place=file,
            value=str(error),
            advice="remove the file: its run is done again",
        ) from error


def simulate_project(
    pool: Iterable[Doc],
    test: Iterable[Doc],
    folder: Path,
    settings: SimulationSettings,
    strategies: Sequence[str],
    seeds: Sequence[int],
    *,
    n_process: int = 1,
    progress: Callable[[int, int], None] | None = None,
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
        progress: Called now and then with the number of documents that are done and of all, over all runs.

    Raises:
        ConfigurationError: There is no strategy, no seed or no such strategy; or the folder belongs to a simulation of other documents or settings.
        EvaluationError: There are too few documents, or the test documents have no entity.
        SpacyTagtogError: A training failed.
    """
    for text in strategies:
        parse_strategy(text)
    if not strategies or not seeds or n_process < 1:
        value = f"{counted(len(strategies), 'strategy')}, {counted(len(seeds), 'seed')}, {counted(n_process, 'process')}"
        raise ConfigurationError("there is nothing to simulate", value=value, legal="at least one of each")
    _prepare(folder, pool, test, settings)
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    trains_in_steps = _Learner(settings, folder).in_steps
    units = [Unit(None, seed) for seed in (seeds if trains_in_steps else seeds[:1])]
    units += [Unit(name, seed) for seed in seeds for name in dict.fromkeys(strategies)]
    size = int(state["pool"]["documents"])
    total = sum(size if unit.strategy is None else max(1, round(settings.budget * size)) for unit in units)

    def say() -> None:
        if progress is not None:
            progress(
                sum(
                    rounds[-1].documents
                    for unit in units
                    if (rounds := _read_rounds(folder / "rounds" / unit.file))
                ),
                total,
            )

    say()
    if n_process == 1:
        for unit in units:
            _run_unit(folder, settings, unit)
            say()
    else:
        # Not forked: threads of numerical libraries don't survive that.
        with ProcessPoolExecutor(n_process, mp_context=multiprocessing.get_context("spawn")) as executor:
            waiting = {executor.submit(_run_unit_alone, folder, settings, unit) for unit in units}
            while waiting:
                done, waiting = wait(waiting, timeout=_SAY_SECONDS, return_when=FIRST_EXCEPTION)
                failed = next((future for future in done if future.exception() is not None), None)
                if failed is not None:
                    for future in waiting:
                        future.cancel()
                    failed.result()
                say()
    return Simulation(
        settings,
        {unit: _read_rounds(folder / "rounds" / unit.file) for unit in units},
        state["pool"],
        state["test"],
    )


def holds_simulation(folder: Path) -> bool:
    """Whether a folder is that of a simulation."""
    return (folder / _STATE).is_file()


def simulation_json(simulation: Simulation) -> dict[str, Any]:
    """Settings, counts and all rounds as a JSON object."""
    settings = {key: value for key, value in asdict(simulation.settings).items() if key != "config"}
    runs = [
        {**asdict(unit), "rounds": [asdict(one) for one in rounds]}
        for unit, rounds in simulation.rounds.items()
    ]
    return {
        "settings": settings,
        "pool": simulation.pool,
        "test": simulation.test,
        "seconds": round(simulation.seconds, 1),
        "runs": runs,
    }


def _prepare(folder: Path, pool: Iterable[Doc], test: Iterable[Doc], settings: SimulationSettings) -> None:
    """Lay out the folder, or check that it is that of the same simulation."""
    golds = {_POOL: list(pool), _TEST: list(test)}
    for name, docs in golds.items():
        ids = [str(doc._.anndoc_id) for doc in docs]
        if len(set(ids)) != len(ids):
            twice = next(doc_id for doc_id in ids if ids.count(doc_id) > 1)
            raise EvaluationError(
                "a document comes twice",
                place=name,
                value=twice,
                legal="one Doc a document, of one member, with an id of its own",
            )
    both = {str(doc._.anndoc_id) for doc in golds[_POOL]} & {str(doc._.anndoc_id) for doc in golds[_TEST]}
    if both:
        raise EvaluationError(
            "a test document is in the pool, too",
            value=sorted(both)[0],
            legal="test documents that are never trained on",
            advice="leave the test documents to --test SHARE, or give others",
        )
    if (
        len(golds[_POOL]) <= settings.initial
        or not any(doc.ents for doc in golds[_TEST])
        or not any(doc.ents for doc in golds[_POOL])
    ):
        amounts = [
            f"{counted(len(docs), 'document')}, {counted(sum(len(doc.ents) for doc in docs), 'entity')}"
            for docs in (golds[_POOL], golds[_TEST])
        ]
        raise EvaluationError(
            "there are too few reviewed documents to simulate with",
            value=f"pool: {amounts[0]}; test: {amounts[1]}",
            legal=f"more documents in the pool than the {settings.initial} initial ones, and entities on both sides",
            advice="confirm more documents, or begin with fewer (--initial)",
        )
    counts = {
        name: {
            "documents": len(docs),
            "tokens": sum(map(len, docs)),
            "entities": sum(len(doc.ents) for doc in docs),
        }
        for name, docs in (("pool", golds[_POOL]), ("test", golds[_TEST]))
    }
    texts = hashlib.sha256()
    for doc in (*golds[_POOL], *golds[_TEST]):
        entities_of = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        texts.update(json.dumps([str(doc._.anndoc_id), doc.text, entities_of]).encode())
    # A run may go on with another budget.
    kept = {key: value for key, value in asdict(settings).items() if key != "budget"}
    state = {"format": _FORMAT, "settings": kept, "documents": texts.hexdigest(), **counts}
    if (folder / _STATE).exists():
        try:
            before = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if before == json.loads(json.dumps(state)):
            return
        stored = before.get("settings") if isinstance(before, dict) else None
        different = [
            key for key, value in kept.items() if not isinstance(stored, dict) or stored.get(key) != value
        ]
        raise ConfigurationError(
            "the folder holds a simulation of other documents or settings",
            place=folder,
            value=", ".join(different) or "other documents",
            legal="the same documents and settings, to go on where it stopped",
            advice="choose another folder, or replace it: --force",
        )
    make_folder(folder / "rounds")
    for name, docs in golds.items():
        write_docbin(docs, folder / name)
    write_atomic(folder / _CONFIG, settings.config)
    write_atomic(folder / _STATE, json.dumps(state, indent=2) + "\n")
