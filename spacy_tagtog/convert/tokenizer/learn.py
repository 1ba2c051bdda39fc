r"""A tokenizer that learns from a corpus where it has to split.

An NER component predicts tokens, so an entity that begins or ends inside a token can never be found: ``APE1``
in ``APE1(E12A)``, or ``N370S`` in ``N370S+S488P``. :func:`learn_tokenizer` looks at where the entities of a
corpus begin and end inside tokens, and finds rules that are worth it.
:func:`~spacy_tagtog.convert.tokenizer.apply.apply_rules` puts them into a pipeline, whose tokenizer is saved
with it as always.

What is learned are no strings but contexts of character classes
(:mod:`spacy_tagtog.convert.tokenizer.contexts`), such as "after a letter or digit, before an opening
parenthesis". All the generalizations of all the borders compete. The best one is taken again and again. It
ends when none is left that gains at least ``min_gain`` borders for each token that it adds, in at least
``min_support`` documents. What a rule really gains and costs is counted with the real tokenizer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from spacy.language import Language
from spacy.tokenizer import Tokenizer

from spacy_tagtog._plural import counted
from spacy_tagtog.convert.tokenizer.apply import install_rules, rule_based_tokenizer
from spacy_tagtog.convert.tokenizer.contexts import (
    END,
    START,
    Context,
    ContextRule,
    finest_class,
    generality,
    generalize,
    kind_of,
    pattern_of,
)
from spacy_tagtog.convert.tokenizer.gold import GoldText, measure_tokenizer
from spacy_tagtog.convert.tokenizer.rules import KINDS, Kind, LearnedRule, TokenizerRules
from spacy_tagtog.errors import ArgumentError, ConversionError


@dataclass(slots=True)
class _Chunk:
    """A string between white space: what the tokenizer looks at as a whole.

    Attributes:
        text: The string.
        count: How often it occurs.
        gold: Places in it at which entities begin or end, each with the documents in which they do.
        borders: Places at which the tokenizer splits it.
        places: Places at which it might, each with its context.
        core: What is left of it after prefixes and suffixes.
    """

    text: str
    count: int = 0
    gold: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    borders: frozenset[int] = frozenset()
    places: dict[int, Context] = field(default_factory=dict)
    core: str = ""


def _as_rules(learned: Iterable[tuple[Kind, LearnedRule]], lang: str = "") -> TokenizerRules:
    pieces: dict[str, list[LearnedRule]] = {kind: [] for kind in KINDS}
    for kind, piece in learned:
        pieces[kind].append(piece)
    prefixes, suffixes, infixes, exceptions = (tuple(pieces[kind]) for kind in KINDS)
    return TokenizerRules(prefixes, suffixes, infixes, exceptions, lang)


class _Learner:
    """The state of the search.

    Args:
        base: The tokenizer to add to. It isn't changed.
        gold: The training side.
        min_support: The least number of documents.
        min_gain: The least number of borders for each token.
    """

    def __init__(
        self, base: Tokenizer, gold: Sequence[GoldText], *, min_support: int, min_gain: float
    ) -> None:
        self.base = base
        self.tokenizer = Tokenizer(
            base.vocab,
            rules=base.rules,
            prefix_search=base.prefix_search,
            suffix_search=base.suffix_search,
            infix_finditer=base.infix_finditer,
            token_match=base.token_match,
            url_match=base.url_match,
            faster_heuristics=base.faster_heuristics,
        )
        self.min_support = min_support
        self.min_gain = min_gain
        self.learned: list[tuple[Kind, LearnedRule]] = []
        self.chunks = self._read(gold)
        # (chunk, place) where a rule held and the tokenizer still did not split.
        self.stuck: set[tuple[int, int]] = set()
        # How many tokens a split in each context adds, and which chunks have a place with this context.
        self.costs: Counter[Context] = Counter()
        self.holders: dict[Context, set[int]] = defaultdict(set)
        # The contexts in which each rule holds.
        self.index: dict[ContextRule, set[Context]] = {}
        # Rules that were tried and were not worth it.
        self.refused: set[ContextRule] = set()

    @staticmethod
    def _read(gold: Sequence[GoldText]) -> list[_Chunk]:
        chunks: dict[str, _Chunk] = {}
        for item in gold:
            borders = sorted({border for entity in item.entities for border in entity})
            next_border = 0
            for match in re.finditer(r"\S+", item.text):
                text = match.group()
                chunk = chunks.get(text)
                if chunk is None:
                    chunk = chunks[text] = _Chunk(text)
                chunk.count += 1
                while next_border < len(borders) and borders[next_border] < match.end():
                    if borders[next_border] > match.start():
                        chunk.gold[borders[next_border] - match.start()][item.document] += 1
                    next_border += 1
        return list(chunks.values())

    def _core(self, text: str) -> tuple[int, int]:
        """The start and end of what is left of a string when prefixes and suffixes are taken off.

        This repeats the steps of ``Tokenizer._split_affixes``, which can't be called from Python.
        """
        tokenizer, special = self.tokenizer, self.tokenizer.rules
        start, end, last = 0, len(text), -1
        while start < end and end - start != last:
            string = text[start:end]
            last = end - start
            if (tokenizer.token_match and tokenizer.token_match(string)) or string in special:
                break
            prefix = tokenizer.find_prefix(string)
            if prefix and string[prefix:] in special:
                start += prefix
                break
            suffix = tokenizer.find_suffix(string[prefix:])
            if suffix and string[:-suffix] in special:
                end -= suffix
                break
            if prefix and suffix and prefix + suffix > len(string):
                suffix = 0
            start += prefix
            end -= suffix
        return start, end

    def _borders_of(self, chunk: _Chunk) -> frozenset[int]:
        return frozenset(token.idx for token in self.tokenizer(chunk.text) if token.idx)

    def _missed(self, chunk: _Chunk) -> Iterator[tuple[int, Counter[str]]]:
        return ((place, documents) for place, documents in chunk.gold.items() if place not in chunk.borders)

    def _enter(self, number: int) -> None:
        """Tokenize a chunk and note at which places it could be split further."""
        chunk = self.chunks[number]
        text = chunk.text
        chunk.borders = self._borders_of(chunk)
        start, end = self._core(text)
        chunk.core = core = text[start:end]
        chunk.places = {}
        tokenizer = self.tokenizer
        if core in tokenizer.rules or any(
            match is not None and match(core) for match in (tokenizer.token_match, tokenizer.url_match)
        ):
            return
        classes = [START, *map(finest_class, core), END]
        for offset in range(1, len(core)):
            place = start + offset
            if place in chunk.borders or (number, place) in self.stuck:
                continue
            context = (classes[offset - 1], classes[offset], classes[offset + 1], classes[offset + 2])
            chunk.places[place] = context
            if context not in self.costs:
                for rule in generalize(context):
                    if rule in self.index:
                        self.index[rule].add(context)
            self.costs[context] += chunk.count
            self.holders[context].add(number)

    def _leave(self, number: int) -> None:
        """Forget a chunk's places."""
        chunk = self.chunks[number]
        for context in chunk.places.values():
            self.costs[context] -= chunk.count
            self.holders[context].discard(number)
        chunk.places = {}

    def _gains(self) -> dict[Context, Counter[str]]:
        """Missed borders in each context, by document."""
        gains: dict[Context, Counter[str]] = defaultdict(Counter)
        for chunk in self.chunks:
            for place, documents in self._missed(chunk):
                if place in chunk.places:
                    gains[chunk.places[place]].update(documents)
        return gains

    def _scored(self) -> Iterator[tuple[ContextRule, int]]:
        """The rules with enough support, and how many borders they would gain."""
        borders: Counter[ContextRule] = Counter()
        documents: dict[ContextRule, set[str]] = defaultdict(set)
        for context, by_document in self._gains().items():
            number = by_document.total()
            for rule in generalize(context):
                borders[rule] += number
                documents[rule].update(by_document)
        for rule, gained in borders.items():
            if len(documents[rule]) >= self.min_support and rule not in self.refused:
                yield rule, gained

    def _net(self, borders: int, tokens: int) -> float:
        return borders - self.min_gain * tokens

    def _prepare(self) -> None:
        for number in range(len(self.chunks)):
            self._enter(number)
        self.index = {rule: set() for rule, _ in self._scored()}
        for context in self.costs:
            for rule in generalize(context):
                if rule in self.index:
                    self.index[rule].add(context)

    def _best(self) -> ContextRule | None:
        best: tuple[float, int, int, str] | None = None
        chosen: ContextRule | None = None
        for rule, borders in self._scored():
            # Each border costs at least one token, so this is the most that the rule can gain.
            if rule not in self.index or (best is not None and self._net(borders, borders) < best[0]):
                continue
            net = self._net(borders, sum(self.costs[context] for context in self.index[rule]))
            # Of two that do the same here, the more general one will do more elsewhere.
            score = (net, borders, generality(rule), pattern_of(rule))
            if net > 0 and (best is None or score > best):
                best, chosen = score, rule
        return chosen

    def _try(self, kind: Kind, pattern: str, affected: Iterable[int]) -> bool:
        """Change the tokenizer; keep the change if it is worth it, by what the tokenizer then really does."""
        numbers = sorted(affected)
        install_rules(self.tokenizer, self.base, _as_rules([*self.learned, (kind, LearnedRule(pattern))]))
        borders = tokens = 0
        documents: set[str] = set()
        for number in numbers:
            chunk = self.chunks[number]
            after = self._borders_of(chunk)
            tokens += (len(after) - len(chunk.borders)) * chunk.count
            for place, by_document in chunk.gold.items():
                sign = (place in after) - (place in chunk.borders)
                borders += sign * by_document.total()
                if sign > 0:
                    documents.update(by_document)
        if len(documents) < self.min_support or borders <= 0 or self._net(borders, tokens) <= 0:
            # To take the pattern out again takes long. The next trial sets the tokenizer anew in any case.
            return False
        self.learned.append((kind, LearnedRule(pattern, borders, tokens, len(documents))))
        for number in numbers:
            self._leave(number)
            self._enter(number)
        return True

    def _drop_exceptions(self) -> None:
        """Give up special cases of the tokenizer that hide borders."""
        install_rules(self.tokenizer, self.base, _as_rules(self.learned))
        hiding: dict[str, set[str]] = defaultdict(set)
        for chunk in self.chunks:
            for place, by_document in self._missed(chunk):
                start = max((border for border in chunk.borders if border < place), default=0)
                end = min((border for border in chunk.borders if border > place), default=len(chunk.text))
                for text in {chunk.text[start:end], chunk.core} & self.tokenizer.rules.keys():
                    hiding[text].update(by_document)
        for text, documents in sorted(hiding.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(documents) >= self.min_support:
                self._try(
                    "exceptions",
                    text,
                    [number for number, chunk in enumerate(self.chunks) if text in chunk.text],
                )

    def _learn_patterns(self) -> None:
        while (rule := self._best()) is not None:
            contexts = [context for context in self.index[rule] if self.costs[context]]
            affected = {number for context in contexts for number in self.holders[context]}
            if self._try(kind_of(rule), pattern_of(rule), affected):
                if kind_of(rule) == "infixes":
                    self._mark_stuck(set(contexts), affected)
                continue
            self.refused.add(rule)

    def _mark_stuck(self, contexts: set[Context], affected: Iterable[int]) -> None:
        """Give up places where a pattern holds and the tokenizer still doesn't split: no other will do."""
        for number in affected:
            chunk = self.chunks[number]
            stuck = {(number, place) for place, context in chunk.places.items() if context in contexts}
            if stuck:
                self.stuck |= stuck
                self._leave(number)
                self._enter(number)

    def learn(self) -> Iterator[tuple[Kind, LearnedRule]]:
        """Search, and yield what was found in the order in which it was."""
        self._prepare()
        self._drop_exceptions()
        self._learn_patterns()
        self._drop_exceptions()  # a pattern may have brought the parts of a special case side by side
        yield from self.learned


def learn_tokenizer(
    nlp: Language, gold: Iterable[GoldText], *, min_support: int = 2, min_gain: float = 0.1
) -> TokenizerRules:
    """Learn what a tokenizer needs so that entities begin and end with tokens, in unseen documents, too.

    The alignment of the texts learned from never gets worse.

    Args:
        nlp: The pipeline whose tokenizer is to be added to. It isn't changed.
        gold: Texts with entities, see :func:`gold_texts`.
        min_support: The number of documents in which a rule must gain a border, at least 1.
        min_gain: How many borders a rule must gain for each token that it adds, more than 0 and at most 1.
            The smaller, the more is split.

    Returns:
        The rules; none of them where none is worth it.

    Raises:
        ConfigurationError: A number isn't legal.
        ConversionError: There is no entity to learn from.
        PipelineError: The tokenizer isn't spaCy's rule-based one.
    """
    if min_support < 1:
        raise ArgumentError(
            "the least support is out of range", value=min_support, legal="1 or more documents"
        )
    if not 0 < min_gain <= 1:
        raise ArgumentError(
            "the least gain is out of range",
            value=min_gain,
            legal="more than 0 and at most 1 border for each token added",
        )
    base = rule_based_tokenizer(nlp)
    texts = list(gold)
    if not any(item.entities for item in texts):
        raise ConversionError(
            "there is nothing to learn a tokenizer from: no entity",
            value=counted(len(texts), "text"),
            legal="at least one entity that stands in its text",
            advice="confirm some documents in tagtog and fetch them, or choose others",
        )
    learner = _Learner(base, texts, min_support=min_support, min_gain=min_gain)
    learned = list(learner.learn())
    aligned = measure_tokenizer(base, texts).aligned
    # The search looked at strings without white space, one by one; this looks at the whole texts.
    while learned:
        install_rules(learner.tokenizer, base, _as_rules(learned))
        if measure_tokenizer(learner.tokenizer, texts).aligned >= aligned:
            break
        learned.pop()
    return _as_rules(learned, nlp.lang or "")
