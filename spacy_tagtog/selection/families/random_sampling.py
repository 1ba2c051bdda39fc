"""Random sampling: what every strategy has to be compared with."""

from __future__ import annotations

from collections.abc import Sequence

from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.strategies import Context, Pick, Strategy


class Random:
    """Every document with the same chance: what every strategy has to be compared with."""

    def needs_predictions(self, reviewed: int) -> bool:
        """No."""
        return False

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        return [Pick(int(index), 0.0, {}) for index in context.rng.permutation(len(candidates))[:size]]


def make_random() -> Strategy:
    """``random``."""
    return Random()
