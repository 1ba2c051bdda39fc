"""The lexicon of the training documents: known entities, and how often words are part of entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Entity = tuple[int, int, str]
"""(first token, one past the last token, label)."""


def _share_bin(share: float) -> str:
    return (
        "0"
        if share <= 0
        else "1"
        if share < 0.1
        else "2"
        if share < 0.35
        else "3"
        if share < 0.65
        else "4"
        if share < 0.9
        else "5"
    )


def _count_bin(count: int) -> str:
    return str(count) if count < 3 else "3" if count < 6 else "6" if count < 15 else "15"


@dataclass
class Contribution:
    """What one document gave to the lexicon: to be taken away again when its own tokens are looked at."""

    total: Counter[str] = field(default_factory=Counter)
    inside: dict[str, Counter[str]] = field(default_factory=dict)
    met: Counter[int] = field(default_factory=Counter)
    entity: dict[int, Counter[str]] = field(default_factory=dict)


class Lexicon:
    """Known entities (the gazetteer) and how often each word was part of one.

    A model that is trained on the very documents of which its gazetteer was made would learn that the
    gazetteer is always right and complete. So the features of a training document are made from the other
    training documents alone.

    Attributes:
        forms: The words of each known entity in lower case, joined by single spaces.
        met: How often each form stood in the training texts, as an entity or not.
        entity: How often it was an entity, by label.
        total: How often each word stood in the training texts.
        inside: Of these, how often within an entity, by label.
    """

    def __init__(self) -> None:
        self.forms: list[str] = []
        self.met: list[int] = []
        self.entity: list[Counter[str]] = []
        self.total: Counter[str] = Counter()
        self.inside: dict[str, Counter[str]] = {}
        self._trie: dict[Any, Any] = {}

    def learn(self, docs: Sequence[tuple[list[str], list[Entity], NDArray[np.bool_]]]) -> list[Contribution]:
        """Learn from training documents.

        Args:
            docs: For each its words in lower case, its entities, and which of its tokens are known to be in
                an entity or in none.

        Returns:
            For each what it gave, for :meth:`features`.
        """
        contributions = [Contribution() for _ in docs]
        numbers: dict[str, int] = {}
        for (words, entities, _), own in zip(docs, contributions, strict=True):
            for start, end, label in entities:
                form = " ".join(words[start:end])
                number = numbers.setdefault(form, len(numbers))
                if number == len(self.forms):
                    self.forms.append(form)
                    self.met.append(0)
                    self.entity.append(Counter())
                    self._insert(words[start:end], number)
                self.entity[number][label] += 1
                own.entity.setdefault(number, Counter())[label] += 1
        for (words, entities, known), own in zip(docs, contributions, strict=True):
            for _, _, number in self._matches(words):
                own.met[number] += 1
                self.met[number] += 1
            own.total.update(word for word, is_known in zip(words, known.tolist(), strict=True) if is_known)
            self.total.update(own.total)
            for start, end, label in entities:
                for word in words[start:end]:
                    own.inside.setdefault(word, Counter())[label] += 1
                    self.inside.setdefault(word, Counter())[label] += 1
        return contributions

    def _insert(self, words: Sequence[str], number: int) -> None:
        node = self._trie
        for word in words:
            node = node.setdefault(word, {})
        node[None] = number

    def build(self) -> None:
        """Make what is needed for looking up, after the attributes were loaded."""
        self._trie = {}
        for number, form in enumerate(self.forms):
            self._insert(form.split(" "), number)

    def _matches(self, words: Sequence[str]) -> list[tuple[int, int, int]]:
        """All places of known forms: (first token, one past the last token, number of the form)."""
        found = []
        trie, size = self._trie, len(words)
        for start, first in enumerate(words):
            node = trie.get(first)
            end = start + 1
            while node is not None:
                if None in node:
                    found.append((start, end, node[None]))
                if end == size:
                    break
                node = node.get(words[end])
                end += 1
        return found

    def features(self, words: Sequence[str], own: Contribution | None = None) -> list[tuple[str, str]]:
        """Two features of each token: what the gazetteer says, and how often its word is part of entities.

        An empty feature is absent.
        """
        gazetteer = [""] * len(words)
        done = 0
        # From left to right, the longest first.
        for start, end, number in sorted(self._matches(words), key=lambda match: (match[0], -match[1])):
            if start < done:
                continue
            entity, met = self.entity[number], self.met[number]
            if own is not None and number in own.met:
                met -= own.met[number]
                if number in own.entity:
                    entity = entity - own.entity[number]
            count = sum(entity.values())
            if not count:
                continue
            label = min(entity, key=lambda label: (-entity[label], label))
            said = f"{label} {_share_bin(min(count / max(met, count), 1.0))}"
            for token in range(start, end):
                place = (
                    "U" if end - start == 1 else "B" if token == start else "L" if token == end - 1 else "I"
                )
                gazetteer[token] = f"{place} {said}"
            done = end
        cache: dict[str, str] = {}
        for word in words:
            if word not in cache:
                cache[word] = self._word(word, own)
        return list(zip(gazetteer, [cache[word] for word in words], strict=True))

    def _word(self, word: str, own: Contribution | None) -> str:
        total = self.total[word] - (own.total[word] if own is not None else 0)
        if total <= 0:
            return "new"
        inside = self.inside.get(word)
        if inside is not None and own is not None and word in own.inside:
            inside = inside - own.inside[word]
        if not inside:
            return f"never {_count_bin(total)}"
        label = min(inside, key=lambda label: (-inside[label], label))
        return f"{label} {_share_bin(inside[label] / total)} {_count_bin(total)}"
