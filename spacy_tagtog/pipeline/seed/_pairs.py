"""Pairs of entities of a Doc, and what is seen of them: the features of ``seed_relations``."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from spacy.tokens import Doc, Span

from spacy_tagtog.convert.state import SEPARATOR
from spacy_tagtog.pipeline.sentences import sentences

_DIGITS: Final = re.compile(r"\d+")
_NEAR: Final = 12
"""Pairs of words between two entities are looked at up to this number of tokens between them."""
_FAR: Final = 40
"""Single words between them up to this one."""


class Pair(NamedTuple):
    """Two entities.

    Attributes:
        first: Where the relation begins. Where it has no direction, the one whose label comes first in the
            alphabet; of one label the left one.
        second: The other one.
    """

    first: Span
    second: Span


class TextOfPairs:
    """A Doc, as pairs of its entities are seen.

    Args:
        doc: The Doc.
        entities: Its entities.
    """

    def __init__(self, doc: Doc, entities: Iterable[Span]) -> None:
        self._entities = sorted(entities, key=lambda span: (span.start, span.end, span.label_))
        self._starts = [span.start for span in self._entities]
        self._words = [_DIGITS.sub("0", token.lower_) for token in doc]
        self._sentence = [0] * len(doc)
        for number, sentence in enumerate(sentences(doc)):
            self._sentence[sentence.start : sentence.end] = [number] * len(sentence)
        self._breaks = [token.i for token in doc if token.text == SEPARATOR]
        self._texts = {(span.start, span.end): span.text.casefold() for span in self._entities}
        self._mentions = Counter(self._texts[span.start, span.end] for span in self._entities)
        self._by_char = {(span.start_char, span.end_char): span for span in self._entities}
        self._nearest: dict[tuple[int, int, str], int] = {}
        self._of_text: dict[tuple[str, str], list[Span]] = {}
        for span in self._entities:
            self._of_text.setdefault((self._texts[span.start, span.end], span.label_), []).append(span)
        self._closest: dict[tuple[str, str, str, str], int] = {}

    def pairs(self, labels: Collection[tuple[str, str]], reach: int, directed: bool) -> list[Pair]:
        """The candidates of a relation type.

        Args:
            labels: The labels of its entities.
            reach: How many tokens may stand between both at most.
            directed: Whether the first label is that of the first entity; otherwise labels are in order of
                the alphabet.
        """
        known = {label for pair in labels for label in pair}
        entities = [span for span in self._entities if span.label_ in known]
        found = []
        for place, left in enumerate(entities):
            for right in entities[place + 1 :]:
                if right.start - left.end > reach:
                    break  # what comes later begins later
                if (left.start, left.end) == (right.start, right.end):
                    continue
                if directed:
                    found += [
                        Pair(*pair)
                        for pair in ((left, right), (right, left))
                        if (pair[0].label_, pair[1].label_) in labels
                    ]
                elif tuple(sorted((left.label_, right.label_))) in labels:
                    found.append(Pair(right, left) if right.label_ < left.label_ else Pair(left, right))
        return found

    def distance(self, first: tuple[int, int, str], second: tuple[int, int, str]) -> int:
        """How many tokens stand between two entities, by their characters."""
        return _between(self._by_char[first[:2]], self._by_char[second[:2]])

    def features(self, pair: Pair) -> list[str]:
        """What is seen of a pair, each once."""
        return list(dict.fromkeys(self._seen(pair)))

    def _seen(self, pair: Pair) -> Iterator[str]:
        first, second = pair
        types = f"{first.label_}>{second.label_}"
        left, right = (
            (first, second) if (first.start, first.end) <= (second.start, second.end) else pair[::-1]
        )
        distance = _between(left, right)
        apart = min(self._sentence[right.start] - self._sentence[left.end - 1], 4)
        nearest = f"{self._is_nearest(first, second)}{self._is_nearest(second, first)}"
        yield f"types={types}"
        yield f"order={types}:{'forth' if left is first else 'back'}"
        yield f"distance={_bucket(distance)}"
        yield f"sentences={apart}"
        yield f"nearest={nearest}"
        yield f"nearest,sentences={types}:{nearest}:{apart}"
        closest = min(self._closest_mentions(first, second), 2)
        yield f"closest mentions={closest}"
        yield f"closest mentions,sentences={closest}:{apart}:{nearest}"
        yield f"parts={sum(left.end <= place < right.start for place in self._breaks)}"
        for role, span in (("first", first), ("second", second)):
            text = self._texts[span.start, span.end]
            yield f"{role}={text}"
            yield f"{role} last word={self._words[span.end - 1]}"
            yield f"{role} mentions={_bucket(self._mentions[text])}"
        yield f"both={self._texts[first.start, first.end]}\t{self._texts[second.start, second.end]}"
        yield from self._between_words(left, right, distance)
        yield from self._between_entities(left, right)

    def _between_words(self, left: Span, right: Span, distance: int) -> Iterator[str]:
        words = self._words
        around = [*words[max(0, left.start - 2) : left.start]]
        yield from (f"before={word}" for word in around)
        yield from (f"after={word}" for word in words[right.end : right.end + 2])
        between = words[left.end : right.start]
        if distance <= _FAR:
            yield from (f"between={word}" for word in between)
        if distance <= _NEAR:
            yield from (f"between={one} {other}" for one, other in pairwise(between))
            yield f"all between={' '.join(between)}"

    def _between_entities(self, left: Span, right: Span) -> Iterator[str]:
        inside = self._entities[bisect_left(self._starts, left.end) : bisect_left(self._starts, right.start)]
        yield f"entities between={_bucket(len(inside))}"
        for label, number in sorted(Counter(span.label_ for span in inside).items()):
            yield f"{label} between={_bucket(number)}"

    def _closest_mentions(self, first: Span, second: Span) -> int:
        """How many sentences are at least between two entities with the same texts."""
        texts = [(self._texts[span.start, span.end], span.label_) for span in (first, second)]
        key = (*texts[0], *texts[1])
        if key not in self._closest:
            one, other = (
                sorted(self._sentence[span.start] for span in self._of_text[text]) for text in texts
            )
            self._closest[key] = min(
                abs(place - one[at])
                for place in other
                for at in {max(0, bisect_left(one, place) - 1), min(len(one) - 1, bisect_left(one, place))}
            )
        return self._closest[key]

    def _is_nearest(self, span: Span, other: Span) -> int:
        """Whether no entity of the other one's type is nearer to an entity."""
        key = (span.start, span.end, other.label_)
        if key not in self._nearest:
            self._nearest[key] = min(
                _between(span, one)
                for one in self._entities
                if one.label_ == other.label_ and (one.start, one.end) != (span.start, span.end)
            )
        return int(_between(span, other) <= self._nearest[key])


def _between(one: Span, other: Span) -> int:
    """How many tokens stand between two entities; 0 where they overlap."""
    return max(0, other.start - one.end, one.start - other.end)


def _bucket(number: int) -> int:
    """The highest power of two that isn't greater; small numbers are exact."""
    return number if number < 4 else 1 << (number.bit_length() - 1)
