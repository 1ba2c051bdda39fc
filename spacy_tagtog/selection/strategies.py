"""Strategies: which documents people should review next.

They live in a registry of their own. Register yours with the decorator, or by an entry point of the group
``spacy_tagtog_strategies``:

    from spacy_tagtog.selection import strategies

    @strategies("acme.Longest.v1")
    def make_longest() -> Strategy: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

import catalogue
import numpy as np

from spacy_tagtog._options import bind_settings, missing_function, read_settings
from spacy_tagtog.errors import ArgumentError, SelectionError
from spacy_tagtog.selection.candidates import Candidate, ReviewedDocument

strategies = catalogue.create("spacy_tagtog_strategies", entry_points=True)
"""The registry of strategy factories: functions that take settings and return a :class:`Strategy`."""

OURS: Final = {
    "random": "spacy-tagtog.Random.v1",
    "mnlp": "spacy-tagtog.Mnlp.v1",
    "least_confidence": "spacy-tagtog.LeastConfidence.v1",
    "expected_edits": "spacy-tagtog.ExpectedEdits.v1",
    "variance_reduction": "spacy-tagtog.VarianceReduction.v1",
    "cluster": "spacy-tagtog.Cluster.v1",
    "schedule": "spacy-tagtog.Schedule.v1",
}
"""Short names of our own strategies, for the command line."""

LABELS_STRATEGY: Final = "expected_edits"
"""The default where a pipeline predicts document labels alone: the other default goes by tokens."""
DEFAULT_STRATEGY: Final = "variance_reduction"


@dataclass(frozen=True)
class Context:
    """What else a strategy may know.

    Attributes:
        reviewed: The documents that people reviewed.
        rng: The only source of chance that a strategy may use: the same seed gives the same choice.
    """

    reviewed: Sequence[ReviewedDocument] = ()
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


@dataclass(frozen=True)
class Pick:
    """A document that was chosen, and why.

    Attributes:
        index: Its place among the candidates.
        score: What it was chosen by; greater is better, comparable within one choice of one strategy only.
        why: Numbers and words that explain the score, for people.
    """

    index: int
    score: float
    why: Mapping[str, float | int | str]


@runtime_checkable
class Strategy(Protocol):
    """What a strategy must do."""

    def needs_predictions(self, reviewed: int) -> bool:
        """Whether it looks at what a pipeline predicted. Else it can choose before there is any pipeline.

        Args:
            reviewed: The number of documents that people reviewed.
        """

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """Choose documents.

        Args:
            candidates: The documents that nobody reviewed yet, in the order of their ids.
            size: How many to choose, at most as many as there are.
            context: What else is known.

        Returns:
            ``size`` picks, each candidate at most once, the most useful first.
        """


def strategy_names() -> list[str]:
    """The registered names, and the short ones of our own."""
    return sorted({*OURS, *strategies.get_all(), *strategies.get_entry_points()})


def full_name(name: str) -> str:
    """The registered name of a strategy; short names of our own are understood."""
    return OURS.get(name, name)


def _factory(name: str) -> Callable[..., Strategy]:
    try:
        factory: Callable[..., Strategy] = strategies.get(full_name(name))
    except catalogue.RegistryError as error:
        raise ArgumentError(
            "there is no strategy of this name",
            value=name,
            legal=", ".join(strategy_names()),
            advice=missing_function(name, strategy_names()),
        ) from error
    return factory


def make_strategy(name: str = DEFAULT_STRATEGY, settings: Mapping[str, Any] | None = None) -> Strategy:
    """Make a registered strategy.

    Args:
        name: Its registered name, or the short name of one of ours.
        settings: Arguments of its factory.

    Raises:
        ConfigurationError: There is no such strategy, or it doesn't take these settings.
        SelectionError: What is registered under this name makes no strategy.
    """
    strategy = bind_settings(_factory(name), settings, what=f"the strategy {name}")
    if not isinstance(strategy, Strategy):
        raise SelectionError(
            "what is registered under this name makes no strategy",
            place=name,
            value=type(strategy).__name__,
            legal="an object with needs_predictions(reviewed), called with candidates, size and context",
            advice="correct its factory, see docs/active-learning.md",
        )
    return strategy


def effective_settings(name: str, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings that a strategy is made with: those given, and the defaults of its factory.

    Raises:
        ConfigurationError: There is no such strategy.
    """
    defaults = {
        key: one.default
        for key, one in inspect.signature(_factory(name)).parameters.items()
        if one.default is not inspect.Parameter.empty
    }
    return {**defaults, **(settings or {})}


def strategy_settings_from_text(pairs: Mapping[str, str], name: str) -> dict[str, Any]:
    """Turn settings that were typed as text into what a strategy's factory takes.

    Args:
        pairs: Setting to text.
        name: The strategy's name.

    Raises:
        ConfigurationError: There is no such strategy, or a text can't be read.
    """
    return read_settings(pairs, inspect.signature(_factory(name)).parameters)


def parse_strategy(text: str) -> Strategy:
    """Make a strategy that was named with its settings: ``NAME`` or ``NAME:KEY=VALUE:KEY=VALUE``.

    Raises:
        ConfigurationError: It can't be read, or there is no such strategy.
    """
    name, *pieces = text.split(":")
    pairs = dict(piece.partition("=")[::2] for piece in pieces)
    if not all("=" in piece for piece in pieces):
        raise ArgumentError("a strategy can't be read", value=text, legal="NAME or NAME:KEY=VALUE:KEY=VALUE")
    return make_strategy(name, strategy_settings_from_text(pairs, name))


def check_range(name: str, value: float, *, least: float, most: float | None = None) -> float:
    """Check a setting's range: confection and the command line check types only."""
    if not value >= least or (most is not None and value > most):
        legal = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
        raise ArgumentError("a setting of the strategy is out of range", place=name, value=value, legal=legal)
    return value
