"""Batches of documents to review: what a strategy chooses, and a random sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ArgumentError, SelectionError
from spacy_tagtog.selection.candidates import Candidate, ReviewedDocument
from spacy_tagtog.selection.strategies import Context, Pick, Strategy

DEFAULT_BATCH = 20
DEFAULT_RANDOM_SHARE = 0.1


@dataclass(frozen=True)
class BatchChoice:
    """A document that was chosen.

    Attributes:
        pick: The strategy's pick; its index is among the candidates that were given.
        random: Whether it belongs to the random sample. That sample stands for the documents that were left:
            what people change in it measures the pre-annotations without bias, and calibration should know
            it.
    """

    pick: Pick
    random: bool = False


def stream_of(seed: int, *numbers: int) -> np.random.Generator:
    """A stream of random numbers of its own for each tuple of numbers."""
    return np.random.default_rng([seed, *numbers])


def choose_batch(
    candidates: Sequence[Candidate],
    size: int,
    strategy: Strategy,
    context: Context,
    *,
    random_share: float = DEFAULT_RANDOM_SHARE,
) -> list[BatchChoice]:
    """Choose the next documents to review.

    Args:
        candidates: The documents that nobody reviewed yet.
        size: How many; all where there are fewer.
        strategy: Chooses.
        context: What else is known.
        random_share: In [0, 1], the expected share of the batch that is sampled at random from all
            candidates, before the strategy chooses. It is rounded up or down at random, so that small batches
            get their share, too.

    Returns:
        The choices. Sampled documents stand at random places among the others.

    Raises:
        ConfigurationError: The share is out of range.
        SelectionError: The strategy broke its promise.
    """
    if not 0 <= random_share <= 1:
        raise ArgumentError("the random share is out of range", value=random_share, legal="0 to 1")
    size = min(size, len(candidates))
    rng = context.rng
    number = min(size, int(np.floor(random_share * size + rng.random())))
    sampled = rng.permutation(len(candidates))[:number].tolist()
    in_sample = set(sampled)
    left = [index for index in range(len(candidates)) if index not in in_sample]
    picks = strategy([candidates[index] for index in left], size - number, context) if size > number else []
    _check_picks(picks, size - number, len(left), strategy)
    choices = [BatchChoice(Pick(left[pick.index], pick.score, pick.why)) for pick in picks]
    for index in sampled:
        choices.insert(int(rng.integers(len(choices) + 1)), BatchChoice(Pick(index, 0.0, {}), random=True))
    return choices


def _check_picks(picks: Sequence[Pick], wanted: int, candidates: int, strategy: Strategy) -> None:
    """Make sure that a strategy, which may be a plugin, did what it was asked for."""
    kept = isinstance(picks, Sequence) and all(isinstance(pick, Pick) for pick in picks)
    indices = [pick.index for pick in picks] if kept else []
    kept = (
        kept
        and len(indices) == len(set(indices)) == wanted
        and all(0 <= index < candidates for index in indices)
    )
    if not kept or not all(np.isfinite(pick.score) for pick in picks):
        raise SelectionError(
            "the strategy didn't choose what it was asked for",
            place=type(strategy).__name__,
            value=[(pick.index, pick.score) for pick in picks] if indices else picks,
            legal=f"{wanted} Picks with different indices below {candidates} and finite scores",
            advice="correct the strategy, see docs/active-learning.md",
        )


def rank_candidates(
    candidates: Sequence[Candidate],
    strategy: Strategy,
    reviewed: Sequence[ReviewedDocument] = (),
    *,
    top: int = 0,
    batch_size: int = DEFAULT_BATCH,
    random_share: float = DEFAULT_RANDOM_SHARE,
    seed: int = 0,
) -> Iterator[tuple[Candidate, int, BatchChoice]]:
    """Put documents into the order in which people should review them, batch after batch.

    The order in which candidates and reviewed documents are given makes no difference: both are sorted by id.

    Args:
        candidates: The documents that nobody reviewed yet.
        strategy: Chooses.
        reviewed: The documents that people reviewed.
        top: Rank at most this many documents; 0 ranks all.
        batch_size: Documents per batch. A strategy keeps the documents of one batch apart, and each batch has
            its random share.
        random_share: See :func:`choose_batch`.
        seed: Of everything random.

    Yields:
        (candidate, number of its batch from 1, choice).

    Raises:
        ConfigurationError: A number is out of range.
        SelectionError: The strategy needs predictions that the candidates don't have, or broke its promise.
    """
    if batch_size < 1 or top < 0:
        raise ArgumentError(
            "a number is out of range",
            value=f"batch size {batch_size}, top {top}",
            legal="batch size from 1, top from 0",
        )
    left = sorted(candidates, key=lambda candidate: candidate.id)
    wanted = min(top or len(left), len(left))
    batch = done = 0
    # Earlier batches count as reviewed where only the number matters (schedule). Their labels are not known
    # yet.
    planned = sorted(reviewed, key=lambda document: document.id)
    while done < wanted:
        batch += 1
        if strategy.needs_predictions(len(planned)) and not all(candidate.predicted for candidate in left):
            raise SelectionError(
                "the strategy needs predictions, and no pipeline has looked at the documents",
                place=type(strategy).__name__,
                value=f"batch {batch}, {counted(len(planned), 'document')} reviewed or planned before",
                legal="a pipeline, or a strategy without predictions: random, cluster, schedule in stage one",
            )
        context = Context(planned, stream_of(seed, batch))
        choices = choose_batch(
            left, min(batch_size, wanted - done), strategy, context, random_share=random_share
        )
        for choice in choices:
            yield left[choice.pick.index], batch, choice
            planned.append(ReviewedDocument(left[choice.pick.index].id, left[choice.pick.index].words, {}))
        taken = {choice.pick.index for choice in choices}
        left = [candidate for index, candidate in enumerate(left) if index not in taken]
        done += len(choices)
