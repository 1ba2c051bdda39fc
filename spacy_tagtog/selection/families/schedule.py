"""Schedules: one strategy first, another later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.strategies import (
    Context,
    Pick,
    Strategy,
    check_range,
    make_strategy,
    strategy_settings_from_text,
)


@dataclass(frozen=True)
class Schedule:
    """One strategy first, another from some number of reviewed documents on.

    Attributes:
        first: Used while fewer documents than ``until`` were reviewed.
        then: Used from then on. A batch is chosen by one of them.
        until: Reviewed documents.
    """

    first: Strategy
    then: Strategy
    until: int

    def needs_predictions(self, reviewed: int) -> bool:
        """Whether the one whose turn it is does."""
        return (self.first if reviewed < self.until else self.then).needs_predictions(reviewed)

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        stage, strategy = ("first", self.first) if len(context.reviewed) < self.until else ("then", self.then)
        return [
            Pick(pick.index, pick.score, {"stage": stage, **pick.why})
            for pick in strategy(candidates, size, context)
        ]


def make_schedule(
    first: str = "cluster",
    then: str = "variance_reduction",
    until: int = 20,
    first_settings: dict[str, Any] | None = None,
    then_settings: dict[str, Any] | None = None,
) -> Strategy:
    """``schedule``: one strategy first, another after ``until`` reviewed documents, see :class:`Schedule`."""

    def make(name: str, settings: dict[str, Any] | None) -> Strategy:
        # On the command line, the settings of a strategy within another are text still.
        text = {key: value for key, value in (settings or {}).items() if isinstance(value, str)}
        return make_strategy(name, {**(settings or {}), **strategy_settings_from_text(text, name)})

    return Schedule(
        make(first, first_settings), make(then, then_settings), int(check_range("until", int(until), least=0))
    )
