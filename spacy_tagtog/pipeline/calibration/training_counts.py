"""Counts of the training documents: entities, words within and beside them, and the same words elsewhere.

A model is right more often about what it was trained on. The tables are small, made by counting, and the same
for every kind of model. They are honest only for documents they were not made from.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, get_args

from pydantic import Field
from typing_extensions import TypedDict

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.seed.sequences import tagged_entities

COUNT_FEATURES: Final = 24
"""Features of an entity, see :meth:`TrainingCounts.features`."""

_Kind = Literal["form", "inside", "first", "last", "before", "after", "before_two", "after_two", "end"]
_KINDS: Final[tuple[_Kind, ...]] = get_args(_Kind)
_OF_TWO: Final[tuple[_Kind, ...]] = ("before_two", "after_two", "end")
# Two words that stood side by side once tell next to nothing, and they would be most of the table.
_LEAST_OF_TWO: Final = 2
_EDGE: Final = 0.001
_NOWHERE: Final = ""  # beyond the ends of a text; no token is empty
# A word outside of an entity, looked up among those within entities.
_BESIDE: Final[Literal["beside"]] = "beside"
_EXPECTED_BESIDE: Final = 0.1
_MOST_KEPT: Final = 100_000
_NONE: Final[Mapping[str, int]] = {}
_Count = Annotated[int, Field(ge=0, lt=2**53)]


class StoredCounts(TypedDict):
    """:class:`TrainingCounts` as they are stored.

    ``tables`` holds for each kind of place, and each word or words there, pairs of a label's number and a
    count.
    """

    labels: list[str]
    entities: list[_Count]
    words: dict[str, _Count]
    pairs: dict[str, _Count]
    met: dict[str, _Count]
    tables: dict[_Kind, dict[str, list[_Count]]]


class TrainingCounts:
    """Counts of the training documents, all in lower case.

    Attributes:
        labels: How many entities each label had.
        words: How often each word stood in the texts.
        pairs: How often the words of each pair that is in the tables stood side by side.
        met: How often the words of each known entity stood in the texts, as an entity or not.
        tables: For each kind of place, and each word or words there, the number of entities by label. The
            kinds are: the whole entity, a word within, its first word, its last word, one word before or
            after it, two words before or after it, its last word with the one after it.
    """

    def __init__(self) -> None:
        self.labels: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.tables: dict[_Kind, dict[str, dict[str, int]]] = {kind: {} for kind in _KINDS}
        self._entities = 0
        self._known: dict[tuple[str, str, str], tuple[float, float]] = {}
        self._forms: dict[tuple[tuple[str, ...], str], list[float]] = {}

    @classmethod
    def learn(cls, docs: Iterable[tuple[Sequence[str], Sequence[str | None]]]) -> TrainingCounts:
        """Count.

        Args:
            docs: For each training document its words in lower case, and the BILOU tag of each; ``None``
                where nobody annotated it.
        """
        made = cls()
        counts: dict[_Kind, defaultdict[str, Counter[str]]] = {kind: defaultdict(Counter) for kind in _KINDS}
        kept = []
        for words, tags in docs:
            kept.append((words, tags))
            padded = _padded(words)
            known = [True, True, *(tag is not None for tag in tags), True, True]
            made.words.update(word for word, is_known in zip(padded, known, strict=True) if is_known)
            made.pairs.update(
                f"{padded[i]} {padded[i + 1]}" for i in range(len(padded) - 1) if known[i] and known[i + 1]
            )
            for start, end, label in tagged_entities(tags):
                made.labels[label] += 1
                for kind, key in _places(padded, start, end):
                    counts[kind][key][label] += 1
        made._count_forms(kept, counts["form"])
        for kind in _OF_TWO:
            counts[kind] = defaultdict(
                Counter,
                {key: found for key, found in counts[kind].items() if made.pairs[key] >= _LEAST_OF_TWO},
            )
        made.tables = {kind: {key: dict(own) for key, own in found.items()} for kind, found in counts.items()}
        made._entities = made.labels.total()
        needed = {key for kind in _OF_TWO for key in made.tables[kind]}
        made.pairs = Counter({key: made.pairs[key] for key in sorted(needed)})
        return made

    def _count_forms(
        self, docs: Iterable[tuple[Sequence[str], Sequence[str | None]]], forms: Mapping[str, object]
    ) -> None:
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for form in forms:
            parts = form.split(" ")
            lengths[parts[0]].add(len(parts))
        for words, tags in docs:
            for start, word in enumerate(words):
                for length in lengths.get(word, ()):
                    form = " ".join(words[start : start + length])
                    if form in forms and None not in tags[start : start + length]:
                        self.met[form] += 1

    def features(
        self, before: Sequence[str], own: Sequence[str], after: Sequence[str], label: str
    ) -> list[float]:
        """What training says about a predicted entity. All words are in lower case.

        Args:
            before: The two words before it; an empty one beyond the beginning of the text.
            own: Its own.
            after: The two words after it; an empty one beyond the end.
            label: Its label.

        Returns:
            24 numbers. *Rate* is the log-odds that what stands at a place belongs to an entity of this label.
            *Share* is the log-odds that an entity there has this label rather than another.

            - Of the whole entity (5): how often it was one of this label, one of others, and none
              (logarithms); its rate; whether it ever was one.
            - Of its words (5): lowest and mean rate, lowest and mean share, the number of new words
              (logarithm).
            - Of its first word (1): the rate. Of its last word (2): rate and share.
            - Of the word before, the word after, the two before, the two after (2 each): rate and share.
            - Of its last word with the next one (1): the rate.
            - Of the words before and after it (1 each): how often they stand within such entities.
        """
        place = self._place
        result = [*self._of_words(tuple(own), label)]
        previous, last, following = before[1], own[-1], after[0]
        result += place("before", previous, label)
        result += place("after", following, label)
        result += place("before_two", f"{before[0]} {previous}", label)
        result += place("after_two", f"{following} {after[1]}", label)
        result.append(place("end", f"{last} {following}", label)[0])
        result += (place(_BESIDE, previous, label)[0], place(_BESIDE, following, label)[0])
        return result

    def _of_words(self, own: tuple[str, ...], label: str) -> list[float]:
        """The first 13 numbers, which don't depend on the neighbours.

        They are kept, since the same words are predicted again and again.
        """
        known = self._forms.get((own, label))
        if known is not None:
            return known
        place, form = self._place, " ".join(own)
        found = self.tables["form"].get(form, _NONE)
        same, entities = found.get(label, 0), sum(found.values())
        met = max(self.met[form], entities)
        result = [
            math.log1p(same),
            math.log1p(entities - same),
            math.log1p(met - entities),
            _rate(same, met),
            float(entities > 0),
        ]
        rates, shares = zip(*(place("inside", word, label) for word in own), strict=True)
        new = sum(not self.words[word] for word in own)
        result += (
            min(rates),
            sum(rates) / len(rates),
            min(shares),
            sum(shares) / len(shares),
            math.log1p(new),
        )
        result.append(place("first", own[0], label)[0])
        result += place("last", own[-1], label)
        if len(self._forms) >= _MOST_KEPT:
            self._forms.clear()
        self._forms[own, label] = result
        return result

    def _place(self, kind: _Kind | Literal["beside"], key: str, label: str) -> tuple[float, float]:
        """Rate and share of what stands at a place.

        They are kept, since most of it stands there again and again.
        """
        wanted = (kind, key, label)
        known = self._known.get(wanted)
        if known is not None:
            return known
        counts = self.tables["inside" if kind == _BESIDE else kind].get(key, _NONE)
        total = self.pairs[key] if kind in _OF_TWO else self.words[key]
        prior = 2 * self.labels[label] / max(1, self._entities)
        count = counts.get(label, 0)
        # Two more entities, whose labels are as those of all.
        share = _log_odds((count + prior) / (sum(counts.values()) + 2))
        known = (_rate(count, total, expected=_EXPECTED_BESIDE if kind == _BESIDE else 0.5), share)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[wanted] = known
        return known

    def to_stored(self) -> StoredCounts:
        """As plain numbers and strings."""
        names = sorted(self.labels)
        number = {name: i for i, name in enumerate(names)}
        return {
            "labels": names,
            "entities": [self.labels[name] for name in names],
            "words": self.words,
            "pairs": self.pairs,
            "met": self.met,
            "tables": {
                kind: {
                    key: [v for label, count in counts.items() for v in (number[label], count)]
                    for key, counts in table.items()
                }
                for kind, table in self.tables.items()
            },
        }

    @classmethod
    def from_stored(cls, stored: StoredCounts, *, place: object = None) -> TrainingCounts:
        """Make it of what :meth:`to_stored` gave.

        Args:
            stored: Of the right types; whether its parts fit each other is checked here.
            place: Where it comes from, for the error.

        Raises:
            PipelineError: The parts don't fit each other.
        """
        made, names = cls(), stored["labels"]
        try:
            made.labels = Counter(dict(zip(names, stored["entities"], strict=True)))
            made._entities = made.labels.total()
            made.words.update(stored["words"])
            made.pairs.update(stored["pairs"])
            made.met.update(stored["met"])
            for kind in _KINDS:
                made.tables[kind] = {
                    key: {names[label]: count for label, count in zip(flat[::2], flat[1::2], strict=True)}
                    for key, flat in stored["tables"][kind].items()
                }
        except (KeyError, ValueError, IndexError) as error:
            raise PipelineError(
                "the stored counts of the training documents don't fit each other",
                place=place,
                value=f"{type(error).__name__}: {error}",
                legal="what spacy-tagtog calibrate wrote",
                advice="calibrate the pipeline again: spacy-tagtog calibrate",
            ) from error
        return made


def _padded(words: Sequence[str]) -> list[str]:
    return [_NOWHERE, _NOWHERE, *words, _NOWHERE, _NOWHERE]


def _places(padded: Sequence[str], start: int, end: int) -> list[tuple[_Kind, str]]:
    """The kinds of places of an entity, each with what stands there."""
    start, end = start + 2, end + 2
    last, after = padded[end - 1], padded[end]
    return [
        ("form", " ".join(padded[start:end])),
        *(("inside", word) for word in padded[start:end]),
        ("first", padded[start]),
        ("last", last),
        ("before", padded[start - 1]),
        ("after", after),
        ("before_two", f"{padded[start - 2]} {padded[start - 1]}"),
        ("after_two", f"{after} {padded[end + 1]}"),
        ("end", f"{last} {after}"),
    ]


def _log_odds(share: float) -> float:
    held = _EDGE if share < _EDGE else min(share, 1 - _EDGE)
    return math.log(held / (1 - held))


def _rate(count: int, total: int, *, expected: float = 0.5) -> float:
    """Log-odds, with one more occurrence of which ``expected`` count; 0 of what never occurred."""
    return _log_odds((count + expected) / (total + 1)) if total else 0.0
