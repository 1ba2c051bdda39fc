"""Learning curves of a simulation: what each strategy reaches, and what it costs to reach it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog._plural import counted
from spacy_tagtog.selection.simulation_record import Round, Simulation

Cost = Literal["documents", "tokens", "entities", "edits"]
COSTS: Final[tuple[Cost, ...]] = get_args(Cost)
TARGETS: Final = (0.95, 0.98, 0.99)
"""Shares of the full model's F."""

_WINDOW: Final = 3


@dataclass(frozen=True)
class Spread:
    """A number over several seeds.

    Attributes:
        mean: The mean.
        sd: The standard deviation (n − 1); 0 for one seed.
        n: Seeds.
    """

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Mean and standard deviation; ``None`` of nothing."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values)) if values else None

    def to_json(self) -> dict[str, float]:
        """As a JSON object."""
        return {"mean": round(self.mean, 6), "sd": round(self.sd, 6), "n": self.n}

    def __format__(self, spec: str) -> str:
        """``mean ±sd``, each in the format given."""
        return f"{self.mean:{spec}}" + (f" ±{self.sd:{spec}}" if self.n > 1 else "")


@dataclass(frozen=True)
class Reached:
    """What one strategy paid until it had a share of the full model's F.

    Attributes:
        cost: The cost, over the seeds that reached it.
        seeds: How many seeds reached it.
        of_pool: The mean cost as a share of the pool's; for edits, of the pool's entities, all of which would
            have to be added without a model.
        of_random: The mean cost as a share of that of ``random``; ``None`` where either didn't reach it with
            every seed.
    """

    cost: Spread | None
    seeds: int
    of_pool: float | None
    of_random: float | None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "cost": self.cost and self.cost.to_json(),
            "seeds_that_reached_it": self.seeds,
            "share_of_pool": None if self.of_pool is None else round(self.of_pool, 4),
            "share_of_random": None if self.of_random is None else round(self.of_random, 4),
        }


@dataclass(frozen=True)
class StrategySummary:
    """One strategy over all seeds.

    Attributes:
        strategy: As it was named.
        seeds: How many.
        reached: What each share of the full model's F took, by share and cost.
        area: The mean F over a cost, from nothing to what all runs paid at the least; greater is better.
    """

    strategy: str
    seeds: int
    reached: dict[float, dict[Cost, Reached]]
    area: dict[Cost, Spread]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "strategy": self.strategy,
            "seeds": self.seeds,
            "reached": {
                str(share): {cost: one.to_json() for cost, one in costs.items()}
                for share, costs in self.reached.items()
            },
            "area_under_curve": {cost: spread.to_json() for cost, spread in self.area.items()},
        }


def smoothed(rounds: Sequence[Round]) -> list[float]:
    """F of each round, averaged with that of the rounds beside it: a single lucky round is no proof.

    The first and the last round have one neighbour and are averaged with that.
    """
    values = [one.f1 for one in rounds]
    half = _WINDOW // 2
    return [fmean(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]


def cost_to_reach(rounds: Sequence[Round], cost: Cost, f1: float) -> float | None:
    """The cost at which the smoothed curve first reaches an F; ``None`` if it never does.

    Between two rounds it is interpolated.
    """
    values, before = smoothed(rounds), None
    for one, value in zip(rounds, values, strict=True):
        paid = float(getattr(one, cost))
        if value >= f1:
            if before is None:
                return paid
            share = (f1 - before[1]) / (value - before[1])
            return before[0] + share * (paid - before[0])
        before = (paid, value)
    return None


def area_under(rounds: Sequence[Round], cost: Cost, most: float) -> float:
    """The mean F over the cost from 0 to ``most``, by trapezoids from F = 0 at no cost."""
    x, y = _points(rounds, cost)
    grid = np.unique(np.concatenate([x[x < most], [most]]))
    return float(np.trapezoid(np.interp(grid, x, y), grid) / most) if most > 0 else 0.0


def _points(rounds: Sequence[Round], cost: Cost) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve from (0, 0)."""
    x = np.array([0.0, *(float(getattr(one, cost)) for one in rounds)])
    return x, np.array([0.0, *(one.f1 for one in rounds)])


def curve_rows(
    runs: Sequence[Sequence[Round]], cost: Cost, points: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The mean curve of several seeds.

    Returns:
        Costs, mean F and its standard deviation at each, from what every run has paid to what every run has
        paid at the end.
    """
    low = max(float(getattr(rounds[0], cost)) for rounds in runs)
    high = min(float(getattr(rounds[-1], cost)) for rounds in runs)
    grid = np.linspace(low, max(low, high), points)
    curves = np.array([np.interp(grid, *_points(rounds, cost)) for rounds in runs])
    return grid, curves.mean(axis=0), curves.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(points)


def summarize(simulation: Simulation) -> list[StrategySummary]:
    """What every strategy reached and paid, over its seeds; ``random`` first, where it was simulated."""
    runs = {
        strategy: {
            unit.seed: rounds
            for unit, rounds in simulation.rounds.items()
            if unit.strategy == strategy and rounds
        }
        for strategy in sorted(simulation.strategies, key=lambda name: name != "random")
    }
    least = {
        cost: min(float(getattr(rounds[-1], cost)) for seeds in runs.values() for rounds in seeds.values())
        for cost in COSTS
    }
    paid = {
        (strategy, share, cost): [
            _paid(simulation, seed, rounds, cost, share) for seed, rounds in seeds.items()
        ]
        for strategy, seeds in runs.items()
        for share in TARGETS
        for cost in COSTS
    }
    result = []
    for strategy, seeds in runs.items():
        reached: dict[float, dict[Cost, Reached]] = {}
        for share in TARGETS:
            reached[share] = {}
            for cost in COSTS:
                own, others = paid[strategy, share, cost], paid.get(("random", share, cost), [])
                values = [value for value in own if value is not None]
                known = [value for value in others if value is not None]
                complete = (
                    bool(values) and len(values) == len(own) and bool(known) and len(known) == len(others)
                )
                pool = simulation.pool["entities" if cost == "edits" else cost]
                reached[share][cost] = Reached(
                    Spread.of(values),
                    len(values),
                    fmean(values) / pool if values and pool else None,
                    fmean(values) / fmean(known) if complete else None,
                )
        area = {
            cost: Spread.of([area_under(rounds, cost, least[cost]) for rounds in seeds.values()])
            for cost in COSTS
        }
        result.append(
            StrategySummary(
                strategy,
                len(seeds),
                reached,
                {cost: spread for cost, spread in area.items() if spread is not None},
            )
        )
    return result


def _paid(
    simulation: Simulation, seed: int, rounds: Sequence[Round], cost: Cost, share: float
) -> float | None:
    full = simulation.full(seed)
    return None if full is None else cost_to_reach(rounds, cost, share * full.f1)


def table_rows(summaries: Sequence[StrategySummary], share: float) -> Iterator[tuple[str, ...]]:
    """Rows for a table of what it took to reach one share of the full model's F.

    Yields:
        The strategy; then for each cost its mean and spread, and in brackets the share of what ``random``
        took.
    """
    for summary in summaries:
        cells = []
        for cost in COSTS:
            one = summary.reached[share][cost]
            if one.cost is None or one.seeds < summary.seeds:
                cells.append(
                    f"{one.seeds} of {counted(summary.seeds, 'seed')}" if one.seeds else "not reached"
                )
            else:
                cells.append(
                    f"{one.cost:.0f}"
                    + (
                        ""
                        if one.of_random is None or summary.strategy == "random"
                        else f" ({one.of_random:.0%})"
                    )
                )
        yield (summary.strategy, *cells)
