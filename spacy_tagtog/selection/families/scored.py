"""Strategies that give every document a score, and keep the documents of a batch apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from spacy_tagtog.selection.candidates import Candidate, label_counts
from spacy_tagtog.selection.families.tfidf import TfIdf
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.strategies import Context, Pick

ClassWeights = Literal["none", "inverse_sqrt"]

_MAX_WEIGHT: Final = 4.0


def class_weights_of(kind: ClassWeights, context: Context) -> dict[str, float]:
    """How much each entity type counts.

    ``inverse_sqrt`` is the square root of the mean number of entities per type, divided by the type's own
    number; at most 4. A type that nobody annotated yet counts 4; its weight has the empty name.
    """
    counts = label_counts(context.reviewed)
    if kind == "none" or not counts:
        return {}
    mean = counts.total() / len(counts)
    return {
        "": _MAX_WEIGHT,
        **{label: min(_MAX_WEIGHT, float(np.sqrt(mean / count))) for label, count in counts.items() if count},
    }


@dataclass(frozen=True)
class Scored:
    """The documents with the highest scores. Likeness to one chosen before in the same batch lowers a score.

    Attributes:
        score: The score of a candidate, at least 0.
        why: What explains it.
        diversity: In [0, 1]: a document with the same words as one chosen before loses this share of its
            score (cosine of tf-idf vectors; maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998,
            in its multiplied form).
        class_weights: See :func:`class_weights_of`; only scores that know entity types use them.
    """

    score: Callable[[Candidate, Mapping[str, float]], float]
    why: Callable[[Candidate], Mapping[str, float | int | str]]
    diversity: float = 0.0
    class_weights: ClassWeights = "none"
    tfidf: TfIdf = field(default_factory=TfIdf, init=False, repr=False, compare=False)

    def needs_predictions(self, reviewed: int) -> bool:
        """Yes."""
        return True

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`."""
        weights = class_weights_of(self.class_weights, context)
        scores = [self.score(candidate, weights) for candidate in candidates]
        vectors = self.tfidf.of(candidates) if self.diversity and size > 1 else None
        nearest = np.zeros(len(candidates))

        def accept(index: int) -> None:
            if vectors is not None:
                np.maximum(nearest, (vectors @ vectors[[index]].T).toarray().ravel(), out=nearest)

        chosen = lazy_greedy(
            scores,
            lambda index: scores[index] * (1 - self.diversity * min(1.0, nearest[index])),
            size,
            accept,
        )
        return [
            Pick(
                index,
                value,
                {
                    **self.why(candidates[index]),
                    **({"score_alone": scores[index]} if vectors is not None else {}),
                },
            )
            for index, value in chosen
        ]
