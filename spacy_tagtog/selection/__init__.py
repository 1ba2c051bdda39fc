"""Active learning: which documents people should review next.

What a pipeline doubts (:mod:`~spacy_tagtog.selection.candidates`) becomes numbers
(:mod:`~spacy_tagtog.selection.scores`). Registered strategies choose by them
(:mod:`~spacy_tagtog.selection.strategies`, :mod:`~spacy_tagtog.selection.families`), batch by batch
(:mod:`~spacy_tagtog.selection.batches`). :mod:`~spacy_tagtog.selection.simulation` replays a reviewed project
to show what a strategy is worth.
"""

from spacy_tagtog.selection.candidates import Candidate, PredictedEntity, ReviewedDocument
from spacy_tagtog.selection.ranker import rank_documents
from spacy_tagtog.selection.ranking import RankedDocument, Ranking, read_ranking, write_ranking
from spacy_tagtog.selection.strategies import Context, Pick, Strategy, make_strategy, strategies

__all__ = [
    "Candidate",
    "Context",
    "Pick",
    "PredictedEntity",
    "RankedDocument",
    "Ranking",
    "ReviewedDocument",
    "Strategy",
    "make_strategy",
    "rank_documents",
    "read_ranking",
    "strategies",
    "write_ranking",
]
