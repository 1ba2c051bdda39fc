"""Legal sequences of tags: the best one, and exact probabilities, by dynamic programming over whole batches.

Tags are BILOU: a token is outside of entities (O), or the beginning, inside, last or only (unit) token of
one. A classifier says how probable each tag is at each token by itself. The probability of a sequence is the
product of these, divided by the sum of the products of all legal sequences: those in which every entity that
begins also ends, with its own label, before its segment (a sentence, or a part of the document) does. Between
two tokens the only state is "in no entity" or "in an entity of label x", so the forward-backward and the
Viterbi algorithm (Rabiner 1989, https://doi.org/10.1109/5.18626) take time linear in the number of labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BATCH_TOKENS: Final = 1 << 14
_FLOOR: Final = 1e-12  # O is never impossible, so that there always is a legal sequence

Floats = NDArray[np.float64]
Segment = tuple[int, int]
Span = tuple[int, int, int]
"""(first token, one past the last token, number of the label)."""


def tag_names(labels: Sequence[str]) -> list[str]:
    """All tags, in the order in which arrays hold them: O, then B, I, L and U of every label."""
    return ["O", *(f"{kind}-{label}" for kind in "BILU" for label in labels)]


def tagged_entities(tags: Sequence[str | None]) -> list[tuple[int, int, str]]:
    """The entities of which every token is known."""
    found = []
    start = -1
    for token, tag in enumerate(tags):
        kind, _, label = (tag or "").partition("-")
        if kind == "U":
            found.append((token, token + 1, label))
        elif kind == "B":
            start = token
        elif kind == "L" and start >= 0:
            found.append((start, token + 1, label))
        if kind not in ("B", "I"):
            start = -1
    return found


@dataclass(frozen=True)
class Prediction:
    """The best sequence of some tokens.

    Attributes:
        entities: The entities in it, in order.
        scores: (entities,) the probability that exactly this entity, with exactly this label, is there.
        log_probability: (tokens,) natural logarithm of the probability of the predicted tag, given the tags
            before it.
        missed: (tokens,) the probability that an entity begins here that was not predicted; 0 inside
            predicted entities.
    """

    entities: list[Span]
    scores: Floats
    log_probability: Floats
    missed: Floats

    def split(self, lengths: Sequence[int]) -> list[Prediction]:
        """One prediction for each document, where the tokens are those of several, one after the other.

        Args:
            lengths: Tokens of each document.
        """
        result = []
        firsts = np.array([start for start, _, _ in self.entities], dtype=np.int64)
        position = 0
        for length in lengths:
            tokens = slice(position, position + length)
            own = slice(*np.searchsorted(firsts, (position, position + length)).tolist())
            entities = [(start - position, end - position, label) for start, end, label in self.entities[own]]
            result.append(
                Prediction(entities, self.scores[own], self.log_probability[tokens], self.missed[tokens])
            )
            position += length
        return result


class _Tags(NamedTuple):
    """Numbers for each tag.

    ``out`` is of shape (segments, tokens), the others are of shape (segments, tokens, labels).
    """

    out: Floats
    begin: Floats
    inside: Floats
    last: Floats
    unit: Floats


class Lattice:
    """All legal sequences of some tokens.

    Args:
        probabilities: (tokens, tags) of each token by itself, in the order of :func:`tag_names`.
        starts: (tokens,) where segments begin; the first token begins one.
    """

    def __init__(self, probabilities: Floats, starts: NDArray[np.bool_]) -> None:
        self._size = len(probabilities)
        self._labels = (probabilities.shape[1] - 1) // 4
        # One more token, for segments that are shorter than others: O with certainty, which changes nothing.
        self._values = np.zeros((self._size + 1, probabilities.shape[1]))
        self._values[:-1] = probabilities
        self._values[:-1, 0] = np.maximum(self._values[:-1, 0], _FLOOR)
        self._values[-1, 0] = 1
        borders = [*np.flatnonzero(starts).tolist(), self._size]
        self._segments = [(start, end) for start, end in pairwise(borders) if start < end]

    def _batches(self) -> Iterator[tuple[list[Segment], _Tags]]:
        """Segments of similar length together."""
        ordered = sorted(self._segments, key=lambda segment: segment[1] - segment[0])
        while ordered:
            longest = ordered[-1][1] - ordered[-1][0]
            number = max(1, _BATCH_TOKENS // longest)
            batch, ordered = ordered[-number:], ordered[:-number]
            places = np.full((len(batch), longest), self._size, dtype=np.int64)
            for row, (start, end) in enumerate(batch):
                places[row, : end - start] = np.arange(start, end)
            values = self._values[places]
            kinds = (values[:, :, 1 + self._labels * i : 1 + self._labels * (i + 1)] for i in range(4))
            yield batch, _Tags(values[:, :, 0], *kinds)

    def predict(self, *, out_weight: float = 1.0) -> Prediction:
        """The best sequence, and how probable everything in it is.

        Args:
            out_weight: A factor for the tag O while the best sequence is looked for: below 1, more are found.
                Probabilities don't know of it.
        """
        return self._scored([_best(values, out_weight) for _, values in self._batches()])

    def best(self, out_weight: float = 1.0) -> list[Span]:
        """The entities of the best sequence alone, see :meth:`predict`."""
        return sorted(
            (start + first, start + stop, label)
            for segments, values in self._batches()
            for (start, _), spans in zip(segments, _best(values, out_weight), strict=True)
            for first, stop, label in spans
        )

    def _scored(self, batches: Sequence[Sequence[Sequence[Span]]]) -> Prediction:
        found: list[tuple[Span, float]] = []
        chosen = np.ones(self._size)
        missed = np.zeros(self._size)
        for (segments, values), spans in zip(self._batches(), batches, strict=True):
            steps, closed, opening = _chain(values)
            for row, ((start, end), entities) in enumerate(zip(segments, spans, strict=True)):
                taken = steps.out[row, : end - start].copy()
                miss = (closed * opening)[row, : end - start]
                for first, stop, label in entities:
                    taken[first:stop] = steps.inside[row, first:stop, label]
                    taken[first] = (steps.unit if stop - first == 1 else steps.begin)[row, first, label]
                    if stop - first > 1:
                        taken[stop - 1] = steps.last[row, stop - 1, label]
                    miss[first:stop] = 0
                    found.append(
                        (
                            (start + first, start + stop, label),
                            float(closed[row, first] * np.prod(taken[first:stop])),
                        )
                    )
                chosen[start:end] = taken
                missed[start:end] = miss
        found.sort(key=lambda one: one[0])
        tiny = float(np.finfo(np.float64).tiny)
        return Prediction(
            [span for span, _ in found],
            np.array([score for _, score in found]),
            np.log(np.maximum(chosen, tiny)),
            missed,
        )


def _chain(values: _Tags) -> tuple[_Tags, Floats, Floats]:
    """The lattice as a Markov chain.

    Returns:
        The probability of each tag, given the state before its token, all legal continuations considered; the
        probability, of shape (segments, tokens), that the state before each token is "in no entity"; and that
        of an entity beginning there if it is.
    """
    rows, length = values.out.shape
    closed_next, opened_next = np.ones(rows), np.zeros((rows, values.begin.shape[2]))
    out = np.empty_like(values.out)
    begin, inside, last, unit = (np.empty_like(values.begin) for _ in range(4))
    for t in range(length - 1, -1, -1):
        out[:, t] = values.out[:, t] * closed_next
        begin[:, t] = values.begin[:, t] * opened_next
        unit[:, t] = values.unit[:, t] * closed_next[:, None]
        inside[:, t] = values.inside[:, t] * opened_next
        last[:, t] = values.last[:, t] * closed_next[:, None]
        closed_next = out[:, t] + begin[:, t].sum(axis=1) + unit[:, t].sum(axis=1)
        opened_next = inside[:, t] + last[:, t]
        out[:, t] /= closed_next
        begin[:, t] /= closed_next[:, None]
        unit[:, t] /= closed_next[:, None]
        # A state from which nothing is legal is never reached.
        within = np.maximum(opened_next, np.finfo(np.float64).tiny)
        inside[:, t] /= within
        last[:, t] /= within
        scale = np.maximum(closed_next, opened_next.max(axis=1, initial=0))
        closed_next /= scale
        opened_next = opened_next / scale[:, None]
    opening = begin.sum(axis=2) + unit.sum(axis=2)
    closed = np.empty_like(values.out)
    state, opened = np.ones(rows), np.zeros_like(opened_next)
    closing = out + unit.sum(axis=2)
    for t in range(length):
        closed[:, t] = state
        state, opened = (
            state * closing[:, t] + (opened * last[:, t]).sum(axis=1),
            state[:, None] * begin[:, t] + opened * inside[:, t],
        )
    return _Tags(out, begin, inside, last, unit), closed, opening


def _best(values: _Tags, out_weight: float) -> list[list[Span]]:
    """The entities of the best sequence of each segment."""
    with np.errstate(divide="ignore"):
        out, begin, inside, last, unit = (np.log(one) for one in values)
    rows, length = out.shape
    labels = begin.shape[2]
    if not labels:
        return [[] for _ in range(rows)]
    out = out + np.log(out_weight)
    every = np.arange(rows)
    best_unit = unit.argmax(axis=2)
    unit_value = np.take_along_axis(unit, best_unit[:, :, None], axis=2)[:, :, 0]
    # How each state was reached: closed by O (-1), by U of a label (its number) or by L of one (its number +
    # labels); opened by B or by I.
    how_closed = np.empty((rows, length), dtype=np.int32)
    began = np.empty((rows, length, labels), dtype=np.bool_)
    closed, opened = np.zeros(rows), np.full((rows, labels), -np.inf)
    for t in range(length):
        ended = opened + last[:, t]
        best_last = ended.argmax(axis=1)
        closing = ended[every, best_last]
        by_out, by_unit = closed + out[:, t], closed + unit_value[:, t]
        best = np.maximum(np.maximum(by_out, by_unit), closing)
        how_closed[:, t] = np.where(
            best == by_out, -1, np.where(best == by_unit, best_unit[:, t], best_last + labels)
        )
        beginning, going_on = closed[:, None] + begin[:, t], opened + inside[:, t]
        began[:, t] = beginning >= going_on
        closed, opened = best, np.maximum(beginning, going_on)
    result = []
    for row in range(rows):
        spans: list[Span] = []
        t = length - 1
        while t >= 0:
            how = int(how_closed[row, t])
            stop = t + 1
            if how >= labels:
                t -= 1
                while not began[row, t, how - labels]:
                    t -= 1
            if how >= 0:
                spans.append((t, stop, how % labels))
            t -= 1
        result.append(spans[::-1])
    return result
