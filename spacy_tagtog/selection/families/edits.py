"""Expected edits: the documents in which a reviewer would correct most, for the effort."""

from __future__ import annotations

from collections.abc import Mapping

from spacy_tagtog._options import choose
from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.families.scored import ClassWeights, Scored
from spacy_tagtog.selection.scores import TOKENS_PER_EDIT, effort, expected_edits
from spacy_tagtog.selection.strategies import Strategy, check_range


def edits_why(candidate: Candidate) -> dict[str, float | int | str]:
    """What explains a choice by expected edits."""
    return {"expected_edits": round(expected_edits(candidate), 3), "tokens": len(candidate)}


def make_expected_edits(
    per_effort: bool = True,
    tokens_per_edit: float = TOKENS_PER_EDIT,
    diversity: float = 0.5,
    class_weights: str = "none",
) -> Strategy:
    """``expected_edits``: what a reviewer is expected to correct, for the effort.

    See :func:`~spacy_tagtog.selection.scores.expected_edits`.

    Args:
        per_effort: Divide by the reviewing effort; without, long documents come first.
        tokens_per_edit: How many tokens a person reads in the time of one edit.
        diversity: See :class:`Scored`.
        class_weights: ``none``, or ``inverse_sqrt``: rare types count more.
    """
    rate = check_range("tokens_per_edit", float(tokens_per_edit), least=1e-9)

    def score(candidate: Candidate, weights: Mapping[str, float]) -> float:
        return expected_edits(candidate, weights) / (effort(candidate, rate) if per_effort else 1.0)

    def why(candidate: Candidate) -> dict[str, float | int | str]:
        return {**edits_why(candidate), "effort": round(effort(candidate, rate), 2)}

    return Scored(
        score,
        why,
        check_range("diversity", float(diversity), least=0, most=1),
        choose("class_weights", class_weights, ClassWeights),
    )
