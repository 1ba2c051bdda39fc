"""Active learning: which documents people should review next.

The doubts of a pipeline (:mod:`~spacy_tagtog.selection.candidates`) become numbers (:mod:`~spacy_tagtog.selection.scores`), by which registered
strategies choose (:mod:`~spacy_tagtog.selection.strategies`, :mod:`~spacy_tagtog.selection.ours`), batch by batch
(:mod:`~spacy_tagtog.selection.batches`). :mod:`~spacy_tagtog.selection.simulation` replays a reviewed project to show what a choice is worth.
"""

from spacy_tagtog.selection.batches import Choice, choose_batch, rank_candidates
from spacy_tagtog.selection.candidates import (
    Candidate,
    PredictedEntity,
    ReviewedDocument,
    make_candidates,
    reviewed_document,
)
from spacy_tagtog.selection.strategies import (
    DEFAULT_STRATEGY,
    Context,
    Pick,
    Strategy,
    make_strategy,
    strategies,
    strategy_names,
)

__all__ = [
    "DEFAULT_STRATEGY",
    "Candidate",
    "Choice",
    "Context",
    "Pick",
    "PredictedEntity",
    "ReviewedDocument",
    "Strategy",
    "choose_batch",
    "make_candidates",
    "make_strategy",
    "rank_candidates",
    "reviewed_document",
    "strategies",
    "strategy_names",
]
