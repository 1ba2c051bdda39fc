"""What a simulation is told and what it finds: settings, runs and their rounds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy_tagtog.errors import ArgumentError, setting


@dataclass(frozen=True)
class SimulationSettings:
    """How a project is replayed.

    Attributes:
        config: The text of the config that is trained in every round.
        lang: The language of the tokenizer.
        initial: Documents that are taken as reviewed before the first training. There is no pipeline then, so
            all their entities count as added. They are sampled at random, the same for every strategy, unless
            the strategy can choose without predictions.
        batch: At least this many documents per batch.
        growth: A batch has at least this share of the documents reviewed so far: later batches change less.
        budget: The share of the pool after which a run ends.
        random_share: See :func:`~spacy_tagtog.selection.batches.choose_batch`.
        held_out: The share of the reviewed documents that chooses the best step where a config trains in
            steps.

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
                raise ArgumentError(
                    f"{setting(name)} is out of range", value=getattr(self, name), legal=legal
                )


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
        random: Those of them that were sampled at random.
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
