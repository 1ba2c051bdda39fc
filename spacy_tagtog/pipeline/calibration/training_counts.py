"""What stood in the training documents: which entities, which words within and beside them, and how often the same stood there as nothing.

A model is right more often about what it saw. The tables are small, made by counting, and the same for every kind of model. They are honest only for
documents they were not made from.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.seed.component import tagged_entities

SEEN_FEATURES: Final = 24
"""Features of an entity, see :meth:`Seen.features`."""

_FORM, _INSIDE, _FIRST, _LAST = "form", "inside", "first", "last"
_BEFORE, _AFTER, _BEFORE_TWO, _AFTER_TWO, _END = "before", "after", "before_two", "after_two", "end"
_KINDS: Final = (_FORM, _INSIDE, _FIRST, _LAST, _BEFORE, _AFTER, _BEFORE_TWO, _AFTER_TWO, _END)
_OF_TWO: Final = (_BEFORE_TWO, _AFTER_TWO, _END)
# Two words that stood side by side once tell next to nothing, and they would be most of the table.
_LEAST_OF_TWO: Final = 2
_EDGE: Final = 0.001
_NOWHERE: Final = ""  # beyond the ends of a text; no token is empty
_BESIDE: Final = "beside"  # a word outside of an entity, looked up among those within
_EXPECTED_BESIDE: Final = 0.1
_MOST_KEPT: Final = 100_000
_NONE: Final[Mapping[str, int]] = {}


class Seen:
    """Counts of training documents, all in lower case.

    Attributes:
        labels: How many entities each label had.
        words: How often each word stood in the texts.
        pairs: How often the words of each pair that is in the tables stood side by side.
        met: How often the words of each known entity stood in the texts, as an entity or not.
        tables: For each kind of place (the whole entity, a word within, its first or last word, one or two words before or after it, its last word
            with the one after) and each word or words there the number of entities, by label.
    """

    def __init__(self) -> None:
        self.labels: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.tables: dict[str, dict[str, dict[str, int]]] = {kind: {} for kind in _KINDS}
        self._entities = 0
        self._known: dict[tuple[str, str, str], tuple[float, float]] = {}
        self._forms: dict[tuple[tuple[str, ...], str], list[float]] = {}

    @classmethod
    def learn(cls, docs: Iterable[tuple[Sequence[str], Sequence[str | None]]]) -> Seen:
        """Count.

        Args:
            docs: For each training document its words in lower case, and the BILOU tag of each; ``None`` where nobody said anything about it.
        """
        made = cls()
        counts: dict[str, defaultdict[str, Counter[str]]] = {kind: defaultdict(Counter) for kind in _KINDS}
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
        made._count_forms(kept, counts[_FORM])
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
        """What was seen of a predicted entity. All words are in lower case.

        Args:
            before: The two words before it; an empty one beyond the beginning of the text.
            own: Its own.
            after: The two words after it; an empty one beyond the end.
            label: Its label.

        Returns:
            24 numbers. *Rate*: the log-odds that what stands at a place belongs to an entity of this label; *share*: that an entity there has this
            label rather than another. Of the whole entity: how often it was one of this label, of others, and none (logarithms), its rate, whether
            it was one at all. Of its words: lowest and mean rate, lowest and mean share, the number of new ones (logarithm). Of its first word the
            rate; of its last the rate and the share; of the word before, the word after, the two before and the two after both each; of its
            last word with the next the rate. Last, how often the words before and after it are within such entities.
        """
        place = self._place
        result = [*self._of_words(tuple(own), label)]
        previous, last, following = before[1], own[-1], after[0]
        result += place(_BEFORE, previous, label)
        result += place(_AFTER, following, label)
        result += place(_BEFORE_TWO, f"{before[0]} {previous}", label)
        result += place(_AFTER_TWO, f"{following} {after[1]}", label)
        result.append(place(_END, f"{last} {following}", label)[0])
        result += (place(_BESIDE, previous, label)[0], place(_BESIDE, following, label)[0])
        return result

    def _of_words(self, own: tuple[str, ...], label: str) -> list[float]:
        """What doesn't depend on the neighbours, the first 13 numbers. The same words are predicted again and again, so it is kept."""
        known = self._forms.get((own, label))
        if known is not None:
            return known
        place, form = self._place, " ".join(own)
        found = self.tables[_FORM].get(form, _NONE)
        same, entities = found.get(label, 0), sum(found.values())
        met = max(self.met[form], entities)
        result = [
            math.log1p(same),
            math.log1p(entities - same),
            math.log1p(met - entities),
            _rate(same, met),
            float(entities > 0),
        ]
        rates, shares = zip(*(place(_INSIDE, word, label) for word in own), strict=True)
        new = sum(not self.words[word] for word in own)
        result += (
            min(rates),
            sum(rates) / len(rates),
            min(shares),
            sum(shares) / len(shares),
            math.log1p(new),
        )
        result.append(place(_FIRST, own[0], label)[0])
        result += place(_LAST, own[-1], label)
        if len(self._forms) >= _MOST_KEPT:
            self._forms.clear()
        self._forms[own, label] = result
        return result

    def _place(self, kind: str, key: str, label: str) -> tuple[float, float]:
        """Rate and share of what stands at a place. Most of it stands there again and again, so it is kept."""
        wanted = (kind, key, label)
        known = self._known.get(wanted)
        if known is not None:
            return known
        counts = self.tables[_INSIDE if kind == _BESIDE else kind].get(key, _NONE)
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

    def to_json(self) -> dict[str, Any]:
        """As a JSON object of plain numbers and strings."""
        names = sorted(self.labels)
        number = {name: i for i, name in enumerate(names)}
        return {
            "labels": names,
            "entities": [self.labels[name] for name in names],
            "words": dict(self.words),
            "pairs": dict(self.pairs),
            "met": dict(self.met),
            "tables": {
                kind: {
                    key: [v for label, count in counts.items() for v in (number[label], count)]
                    for key, counts in table.items()
                }
                for kind, table in self.tables.items()
            },
        }

    @classmethod
    def from_json(cls, data: Any, *, place: object = None) -> Seen:
        """Read it back.

        Raises:
            PipelineError: It isn't one.
        """
        made = cls()
        try:
            names = [str(name) for name in data["labels"]]
            made.labels = Counter({name: _count(n) for name, n in zip(names, data["entities"], strict=True)})
            made._entities = made.labels.total()
            for target, name in ((made.words, "words"), (made.pairs, "pairs"), (made.met, "met")):
                target.update({str(key): _count(n) for key, n in data[name].items()})
            for kind in _KINDS:
                made.tables[kind] = {
                    str(key): {names[_count(flat[i])]: _count(flat[i + 1]) for i in range(0, len(flat), 2)}
                    for key, flat in data["tables"][kind].items()
                }
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise PipelineError(
                "what was seen in training can't be read",
                place=place,
                legal="what spacy-tagtog calibrate wrote",
                advice="calibrate the pipeline again",
            ) from error
        return made


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a count was expected")
    return value


def _padded(words: Sequence[str]) -> list[str]:
    return [_NOWHERE, _NOWHERE, *words, _NOWHERE, _NOWHERE]


def _places(padded: Sequence[str], start: int, end: int) -> list[tuple[str, str]]:
    """The kinds of places of an entity, each with what stands there."""
    start, end = start + 2, end + 2
    last, after = padded[end - 1], padded[end]
    return [
        (_FORM, " ".join(padded[start:end])),
        *((_INSIDE, word) for word in padded[start:end]),
        (_FIRST, padded[start]),
        (_LAST, last),
        (_BEFORE, padded[start - 1]),
        (_AFTER, after),
        (_BEFORE_TWO, f"{padded[start - 2]} {padded[start - 1]}"),
        (_AFTER_TWO, f"{after} {padded[end + 1]}"),
        (_END, f"{last} {after}"),
    ]


def _log_odds(share: float) -> float:
    held = _EDGE if share < _EDGE else min(share, 1 - _EDGE)
    return math.log(held / (1 - held))


def _rate(count: int, total: int, *, expected: float = 0.5) -> float:
    """Log-odds, with one more occurrence of which ``expected`` count; 0 of what was never seen."""
    return _log_odds((count + expected) / (total + 1)) if total else 0.0
