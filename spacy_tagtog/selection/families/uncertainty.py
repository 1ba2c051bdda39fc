"""Uncertainty: the documents of which the pipeline is least sure."""

from __future__ import annotations

from spacy_tagtog._options import choose
from spacy_tagtog.selection.families.scored import Scored
from spacy_tagtog.selection.scores import Aggregation, least_confidence, normalized_doubt
from spacy_tagtog.selection.strategies import Strategy, check_range


def make_mnlp(diversity: float = 0.0) -> Strategy:
    """``mnlp``: the mean doubt of the tokens, see :func:`~spacy_tagtog.selection.scores.normalized_doubt`.

    It prefers short documents.
    """
    return Scored(
        lambda candidate, _: normalized_doubt(candidate),
        lambda candidate: {
            "normalized_doubt": round(normalized_doubt(candidate), 5),
            "tokens": len(candidate),
        },
        check_range("diversity", float(diversity), least=0, most=1),
    )


def make_least_confidence(aggregation: str = "mean", diversity: float = 0.0) -> Strategy:
    """``least_confidence``, see :func:`~spacy_tagtog.selection.scores.least_confidence`."""
    how: Aggregation = choose("aggregation", aggregation, Aggregation)
    return Scored(
        lambda candidate, _: least_confidence(candidate, how),
        lambda candidate: {
            f"least_confidence_{how}": round(least_confidence(candidate, how), 5),
            "sentences": len(candidate.sentences),
        },
        check_range("diversity", float(diversity), least=0, most=1),
    )
