"""What a document is worth to a model, and what it costs a person: scores of single documents, at least 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog.selection.candidates import Candidate

TOKENS_PER_EDIT: Final = 30.0
"""How many tokens a person reads in the time of one edit: an assumption, and a setting of strategies."""

Aggregation = Literal["mean", "sum", "max"]


def normalized_doubt(candidate: Candidate) -> float:
    """The mean over tokens of the negative logarithm of the probability of what was predicted for each.

    Maximum normalized log-probability (MNLP), with the sign turned: Shen et al., "Deep active learning for
    named entity recognition", ICLR 2018, equation 2.
    """
    return float(-np.mean(candidate.log_probability, dtype=np.float64)) if len(candidate) else 0.0


def least_confidence(candidate: Candidate, aggregation: Aggregation = "mean") -> float:
    """1 − P(best sequence) of each sentence, over the document.

    Culotta and McCallum, "Reducing labeling effort for structured prediction tasks", AAAI 2005, for one
    sequence. A whole document is too long a sequence for it: its probability is near 0 whatever the model
    thinks.

    Args:
        candidate: The document.
        aggregation: ``mean`` or ``max`` of the sentences, or their ``sum``, which is greater for long
            documents.
    """
    if not len(candidate):
        return 0.0
    borders = np.array([start for start, _ in candidate.sentences], dtype=np.int64)
    doubts = 1 - np.exp(np.add.reduceat(candidate.log_probability.astype(np.float64), borders))
    return float(
        doubts.mean() if aggregation == "mean" else doubts.sum() if aggregation == "sum" else doubts.max()
    )


def expected_edits(candidate: Candidate, weights: Mapping[str, float] | None = None) -> float:
    """How many edits a reviewer is expected to make.

    Edits are wrong predictions, missed entities and wrong document labels. Each counts one, as
    :mod:`spacy_tagtog.agreement.edits` counts an entity that is removed, relabelled or gets another border,
    or that is added. The number is as good as the pipeline's probabilities: calibrate it.

    Args:
        candidate: The document.
        weights: How much an edit of each entity type counts, that of the empty name for types without a
            weight, else 1. What was missed has no type and counts 1.
    """
    weights = weights or {}
    other = weights.get("", 1.0)
    wrong = sum((1 - entity.probability) * weights.get(entity.label, other) for entity in candidate.entities)
    labels = sum(min(p, 1 - p) for p in candidate.labels.values())
    return float(wrong + np.sum(candidate.missed, dtype=np.float64) + labels)


def effort(candidate: Candidate, tokens_per_edit: float = TOKENS_PER_EDIT) -> float:
    """What reviewing a document costs, in edits: the expected edits, and reading it."""
    return expected_edits(candidate) + (1 + len(candidate)) / tokens_per_edit


def doubt(candidate: Candidate) -> NDArray[np.float64]:
    """The variance p (1 − p) of the decision at each token, shape (tokens,), in [0, 1/4].

    p is the probability of what was predicted there.
    """
    p = np.exp(candidate.log_probability.astype(np.float64))
    return np.asarray(p * (1 - p))
