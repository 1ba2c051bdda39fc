r"""A tokenizer that learns from a corpus where it has to split.

An NER component predicts tokens, so an entity that begins or ends inside a token can never be found: ``APE1`` in ``APE1(E12A)``, or ``N370S`` in
``N370S+S488P``. :func:`learn_tokenizer` looks at where the entities of a corpus begin and end inside tokens, and adds to the tokenizer what is
worth it; :func:`apply_rules` puts that into a pipeline, whose tokenizer is saved with it as always.

What is learned are no strings but *contexts of character classes*: at most two characters to the left and two to the right of a border, each one a
letter, an upper-case letter, a digit, a certain punctuation mark… or anything, such as "after a letter or digit, before an opening parenthesis".
All the generalizations of all the borders compete. The best one is taken again and again, until none is left that gains at least ``min_gain``
borders for each token that it adds, in at least ``min_support`` documents. What a rule really gains and costs is counted with the real tokenizer.

All patterns look at no more than four characters, one class each, without repetition: they take constant time at each place.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from spacy_tagtog._files import write_atomic
from spacy_tagtog._plural import counted
from spacy_tagtog.convert.state import SPANS_KEY, get_state
from spacy_tagtog.errors import ConfigurationError, ConversionError, PipelineError

_VERSION: Final = 1

Kind: TypeAlias = Literal["prefixes", "suffixes", "infixes", "exceptions"]
_KINDS: Final[tuple[Kind, ...]] = ("prefixes", "suffixes", "infixes", "exceptions")


@dataclass(frozen=True, slots=True)
class GoldText:
    """A text that the tokenizer is given at once, and the entities in it.

    Attributes:
        document: The document's id: support is counted in documents.
        text: The text.
        entities: (first character, one past the last) of each entity.
    """

    document: str
    text: str
    entities: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LearnedPiece:
    """One thing learned.

    Attributes:
        pattern: A regular expression; for an exception the string that is none any more.
        borders: How many entity borders of the training side it made borders of tokens, after all that was learned before it.
        tokens: How many tokens it added there.
        documents: In how many documents it gained a border.
    """

    pattern: str
    borders: int = 0
    tokens: int = 0
    documents: int = 0

    def __str__(self) -> str:
        """The pattern with names of classes in place of their characters, such as ``(?<={digit})(?={upper})``."""
        text = self.pattern
        for name, characters in _CLASSES.items():
            text = text.replace(characters, f"{{{name}}}")
        return text


@dataclass(frozen=True, slots=True)
class TokenizerRules:
    """What was learned. It is plain JSON in a file, see :func:`write_rules`.

    Attributes:
        prefixes: Patterns of what is split off at the start of a string without white space.
        suffixes: Patterns of what is split off at its end.
        infixes: Patterns of places in between at which it is split; they match no character.
        exceptions: Strings that the tokenizer treats specially and no longer shall, such as ``Mar.``.
        lang: The language of the pipeline that it was learned for.
    """

    prefixes: tuple[LearnedPiece, ...] = ()
    suffixes: tuple[LearnedPiece, ...] = ()
    infixes: tuple[LearnedPiece, ...] = ()
    exceptions: tuple[LearnedPiece, ...] = ()
    lang: str = ""

    def __len__(self) -> int:
        """The number of pieces of all kinds."""
        return sum(len(pieces) for _, pieces in self.items())

    def items(self) -> Iterator[tuple[Kind, tuple[LearnedPiece, ...]]]:
        """Each kind and its pieces."""
        yield "prefixes", self.prefixes
        yield "suffixes", self.suffixes
        yield "infixes", self.infixes
        yield "exceptions", self.exceptions

    def to_json(self) -> dict[str, Any]:
        """The rules as a JSON object."""
        return {
            "version": _VERSION,
            "lang": self.lang,
            **{kind: [asdict(piece) for piece in pieces] for kind, pieces in self.items()},
        }

    @classmethod
    def from_json(cls, data: object, *, place: object = None) -> TokenizerRules:
        """Read the rules from a JSON object. Patterns may be written by hand: plain strings will do.

        Args:
            data: As :meth:`to_json` gives it.
            place: Where it comes from, for messages.

        Raises:
            ConfigurationError: It has another form, or a pattern is no regular expression.
        """
        if not isinstance(data, dict):
            raise _bad("these aren't a tokenizer's rules", place, data, "a JSON object")
        if data.get("version", _VERSION) != _VERSION:
            raise _bad("these rules have a version that can't be read", place, data["version"], str(_VERSION))
        unknown = [key for key in data if key not in {"version", "lang", *_KINDS}]
        if unknown:
            raise _bad(
                "the rules have keys that mean nothing",
                place,
                ", ".join(map(str, unknown)),
                f"version, lang, {', '.join(_KINDS)}",
            )
        lang = data.get("lang", "")
        if not isinstance(lang, str):
            raise _bad(
                "the rules' language isn't a text",
                f"{place}, lang" if place else "lang",
                lang,
                "a language code such as en",
            )
        pieces = {
            kind: _read_pieces(kind, data.get(kind, []), f"{place}, {kind}" if place else kind)
            for kind in _KINDS
        }
        return cls(pieces["prefixes"], pieces["suffixes"], pieces["infixes"], pieces["exceptions"], lang)


def _bad(problem: str, place: object, value: object, legal: str) -> ConfigurationError:
    return ConfigurationError(
        problem,
        place=place,
        value=value,
        legal=legal,
        advice="learn them again with spacy-tagtog tokenizer, or mend the file",
    )


def _read_pieces(kind: Kind, data: object, place: str) -> tuple[LearnedPiece, ...]:
    if not isinstance(data, list):
        raise _bad("this isn't a list of rules", place, data, "a list of objects with a pattern")
    pieces = []
    for index, item in enumerate(data):
        at = f"{place}[{index}]"
        fields = {"pattern": item} if isinstance(item, str) else item
        if (
            not isinstance(fields, dict)
            or not isinstance(fields.get("pattern"), str)
            or not fields["pattern"]
        ):
            raise _bad(
                "this rule has no pattern",
                at,
                item,
                "an object with a pattern, which is a text that isn't empty",
            )
        numbers = {key: value for key, value in fields.items() if key != "pattern"}
        for key, value in numbers.items():
            if (
                key not in {"borders", "tokens", "documents"}
                or not isinstance(value, int)
                or isinstance(value, bool)
            ):
                legal = "pattern, and whole numbers: borders, tokens, documents"
                raise _bad("this rule has a field that can't be read", f"{at}, {key}", value, legal)
        piece = LearnedPiece(fields["pattern"], **numbers)
        if kind != "exceptions":
            _compile(_wrapped(kind, piece), at, piece.pattern)
        pieces.append(piece)
    return tuple(pieces)


def _compile(pattern: str, place: object, shown: str, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    # Python raises the other two for repetitions beyond all bounds and for parentheses that are nested too deeply.
    except (re.error, OverflowError, RecursionError) as error:
        raise _bad(
            f"this isn't a regular expression: {error}", place, shown, "a regular expression of Python's re"
        ) from error


def read_rules(path: Path) -> TokenizerRules:
    """Read a file of rules.

    Raises:
        ConfigurationError: There is none, or it can't be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the tokenizer's rules can't be read: {error.strerror or error}",
            place=path,
            legal="a JSON file that spacy-tagtog tokenizer wrote",
            advice="check the path, or learn them: spacy-tagtog tokenizer SOURCE RULES.json",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _bad(
            f"the tokenizer's rules aren't JSON: {error}",
            path,
            path.name,
            "a JSON file that spacy-tagtog tokenizer wrote",
        ) from error
    return TokenizerRules.from_json(data, place=path)


def write_rules(rules: TokenizerRules, path: Path) -> None:
    """Write rules to a JSON file, all or nothing.

    Raises:
        WriteError: The file system refuses.
    """
    write_atomic(path, json.dumps(rules.to_json(), ensure_ascii=False, indent=2) + "\n")


# Applying rules


def _wrapped(kind: Kind, piece: LearnedPiece) -> str:
    return {"prefixes": "^(?:{})", "suffixes": "(?:{})$"}.get(kind, "(?:{})").format(piece.pattern)


def _rule_based(nlp: Language) -> Tokenizer:
    tokenizer = nlp.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        raise PipelineError(
            "the tokenizer of this pipeline has no rules that could be added to",
            value=type(tokenizer).__name__,
            legal="spaCy's own rule-based tokenizer",
            advice="leave the tokenizer as it is for this language",
        )
    return tokenizer


_ATTRIBUTES: Final = {
    "prefixes": ("prefix_search", "search"),
    "suffixes": ("suffix_search", "search"),
    "infixes": ("infix_finditer", "finditer"),
}


def _extended(
    function: Callable[..., Any] | None, kind: Kind, pieces: Sequence[LearnedPiece]
) -> Callable[..., Any] | None:
    """A tokenizer's search function with more alternatives, still a method of a compiled pattern: only so can spaCy save it."""
    if not pieces:
        return function
    wrapped = [_wrapped(kind, piece) for piece in pieces]
    base, flags = "", 0
    if function is not None:
        compiled = getattr(function, "__self__", None)
        if not isinstance(compiled, re.Pattern):
            raise PipelineError(
                f"the tokenizer finds its {kind} with a function that can't be extended",
                value=repr(function),
                legal="a method of a compiled regular expression",
                advice="set it as spaCy's documentation shows: tokenizer.infix_finditer = re.compile(…).finditer",
            )
        base, flags = compiled.pattern, compiled.flags
    # Applied twice, such as when a trained pipeline is trained on, they are there already.
    present = f"|{base}|"
    pattern = "|".join(
        [*([base] if base else []), *(piece for piece in wrapped if f"|{piece}|" not in present)]
    )
    method: Callable[..., Any] = getattr(
        _compile(pattern, kind, " | ".join(piece.pattern for piece in pieces), flags), _ATTRIBUTES[kind][1]
    )
    return method


def _pattern_of(function: Callable[..., Any] | None) -> object:
    return getattr(function, "__self__", function)


def _install(tokenizer: Tokenizer, base: Tokenizer, rules: TokenizerRules) -> None:
    """Give a tokenizer the rules of ``base`` (which may be itself) and the learned ones."""
    dropped = {piece.pattern for piece in rules.exceptions}
    functions = {}
    for kind, pieces in rules.items():
        if kind in _ATTRIBUTES:
            name, _ = _ATTRIBUTES[kind]
            functions[name] = _extended(getattr(base, name), kind, pieces)
    exceptions = {text: tokens for text, tokens in base.rules.items() if text not in dropped}
    # Each of these lets the tokenizer work out its special cases anew: only what is new, and these first while there are none.
    functions = {
        name: function
        for name, function in functions.items()
        if _pattern_of(getattr(tokenizer, name)) != _pattern_of(function)
    }
    if functions:
        tokenizer.rules = {}
        for name, function in functions.items():
            setattr(tokenizer, name, function)
    if functions or exceptions.keys() != tokenizer.rules.keys():
        tokenizer.rules = exceptions


def apply_rules(nlp: Language, rules: TokenizerRules) -> None:
    """Put learned rules into a pipeline's tokenizer. They are saved and loaded with it.

    What the tokenizer did before comes first; the rules only split further. Applying the same rules twice is the same as once.

    Args:
        nlp: The pipeline; its tokenizer is changed.
        rules: The rules.

    Raises:
        PipelineError: The tokenizer isn't spaCy's rule-based one, or was given functions of another kind.
        ConfigurationError: A pattern isn't a regular expression.
    """
    tokenizer = _rule_based(nlp)
    if len(rules):
        _install(tokenizer, tokenizer, rules)


# Gold texts and how well tokens fit them


def gold_texts(docs: Iterable[Doc]) -> Iterator[GoldText]:
    """The texts and entities of gold Docs, part by part, as the tokenizer is given them.

    Of a Doc that was made from a tagtog document these are all entities that stand in its text, with overlapping ones (``doc.spans["anndoc"]``);
    of another Doc ``doc.ents``.

    Args:
        docs: Gold Docs. Those of the alignment mode ``split`` (the default) have all entities; the other modes have set some aside or moved them.
    """
    for number, doc in enumerate(docs):
        state = get_state(doc)
        spans = doc.spans[SPANS_KEY] if state is not None and SPANS_KEY in doc.spans else doc.ents
        entities = sorted({(span.start_char, span.end_char) for span in spans})
        text = doc.text
        if state is None:
            yield GoldText(f"{number}", text, tuple(entities))
            continue
        for _, start, end in state.parts:
            yield GoldText(
                state.id,
                text[start:end],
                tuple((a - start, b - start) for a, b in entities if start <= a and b <= end),
            )


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well tokens fit entities.

    Attributes:
        documents: Documents.
        entities: Entities.
        aligned: Those that begin and end with a token.
        tokens: Tokens.
    """

    documents: int = 0
    entities: int = 0
    aligned: int = 0
    tokens: int = 0

    @property
    def share(self) -> float:
        """The share of entities that begin and end with a token; 1 where there are none."""
        return self.aligned / self.entities if self.entities else 1.0


def measure_alignment(nlp: Language, gold: Iterable[GoldText]) -> Alignment:
    """Count the entities whose borders are borders of the pipeline's own tokens.

    Args:
        nlp: The pipeline whose tokenizer is measured.
        gold: Texts with entities.
    """
    return _measure(nlp.tokenizer, gold)


def _measure(tokenizer: Callable[[str], Doc], gold: Iterable[GoldText]) -> Alignment:
    documents = set()
    entities = aligned = tokens = 0
    for item in gold:
        doc = tokenizer(item.text)
        starts = {token.idx for token in doc}
        ends = {token.idx + len(token) for token in doc}
        documents.add(item.document)
        entities += len(item.entities)
        aligned += sum(start in starts and end in ends for start, end in item.entities)
        tokens += len(doc)
    return Alignment(len(documents), entities, aligned, tokens)


# Contexts: what stands around a place in a text, as classes of characters

_Class: TypeAlias = str  # a key of _CLASSES, a punctuation mark itself, _START or _END
_Context: TypeAlias = tuple[str, str, str, str]
"""Two characters to the left of a place and two to the right, or the start or end of what the tokenizer looks at."""
_Rule: TypeAlias = tuple["_Class | None", "_Class | None", "_Class | None", "_Class | None"]
"""The same in classes; ``None`` stands for anything."""

_START: Final = "start"
_END: Final = "end"

# From general to specific. Python's re knows no class of upper-case letters: these are those of Latin, Greek and Russian; others are letters.
_CLASSES: Final[dict[_Class, str]] = {
    "alphanumeric": r"[^\W_]",
    "letter": r"[^\W\d_]",
    "digit": r"\d",
    "upper": "[A-ZÀ-ÖØ-ÞΑ-ΩА-ЯЁ]",
    "lower": "[a-zß-öø-ÿα-ωа-яё]",
    # Without combining accents, joiners and variation selectors: they belong to the character before them.
    "punctuation": r"[^\w\s\u0300-\u036F\u200B-\u200F\uFE00-\uFE0F]",
}
_COMPILED: Final = {name: re.compile(pattern) for name, pattern in _CLASSES.items()}
# A punctuation mark itself comes first: where a corpus says nothing about other marks, they are left alone.
_GENERALITY: Final[Mapping[_Class | None, int]] = {
    None: 4,
    "alphanumeric": 3,
    "letter": 1,
    **dict.fromkeys(("upper", "lower", "digit", "punctuation"), 0),
}
_MARK_GENERALITY: Final = 5


class _Generalizations(dict[str, tuple["_Class | None", ...]]):
    """For each character the classes it is in, the most specific first, and anything."""

    def __missing__(self, character: str) -> tuple[_Class | None, ...]:
        classes: list[_Class | None] = []
        if character in (_START, _END):
            classes.append(character)
        else:
            if not character.isalnum() and unicodedata.category(character)[0] not in "MC":
                classes.append(character)
            classes.extend(name for name in reversed(_CLASSES) if _COMPILED[name].match(character))
        self[character] = result = (*classes, None)
        return result


_generalizations: Final = _Generalizations()


def _finest(character: str) -> str:
    """A character that stands for all that are in the same classes, so that there are few contexts."""
    for representative, name in (("a", "lower"), ("A", "upper"), ("1", "digit"), ("ʔ", "letter")):
        if _COMPILED[name].match(character):
            return representative
    return character


def _generalize(context: _Context) -> Iterator[_Rule]:
    """All rules that hold at a place with this context."""
    left2, left1, right1, right2 = context
    lefts: list[tuple[_Class | None, _Class | None]] = [
        (b, a) for a in _generalizations[left1] if a is not None for b in _generalizations[left2]
    ]
    rights: list[tuple[_Class | None, _Class | None]] = [
        (a, b) for a in _generalizations[right1] if a is not None for b in _generalizations[right2]
    ]
    for left, right in product([*lefts, (None, None)], [*rights, (None, None)]):
        at_start, at_end = left[0] == _START, right[1] == _END
        if (left[1] is None and right[0] is None) or (at_start and at_end):
            continue
        yield (*left, *right)


def _kind(rule: _Rule) -> Kind:
    return "prefixes" if rule[0] == _START else "suffixes" if rule[3] == _END else "infixes"


def _regex(classes: Iterable[_Class | None]) -> str:
    return "".join(_CLASSES.get(name) or re.escape(name) for name in classes if name is not None)


def _pattern(rule: _Rule) -> str:
    left2, left1, right1, right2 = rule
    kind = _kind(rule)
    left = left1 if kind == "prefixes" else None
    before = "" if kind == "prefixes" else _regex((left2, left1))
    after = "" if kind == "suffixes" else _regex((right1, right2))
    eaten = _regex((left, right1 if kind == "suffixes" else None))
    return (f"(?<={before})" if before else "") + eaten + (f"(?={after})" if after else "")


def _generality(rule: _Rule) -> int:
    return sum(0 if name in (_START, _END) else _GENERALITY.get(name, _MARK_GENERALITY) for name in rule)


# Learning


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
    places: dict[int, _Context] = field(default_factory=dict)
    core: str = ""


def _as_rules(learned: Iterable[tuple[Kind, LearnedPiece]], lang: str = "") -> TokenizerRules:
    pieces: dict[str, list[LearnedPiece]] = {kind: [] for kind in _KINDS}
    for kind, piece in learned:
        pieces[kind].append(piece)
    prefixes, suffixes, infixes, exceptions = (tuple(pieces[kind]) for kind in _KINDS)
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
        self.learned: list[tuple[Kind, LearnedPiece]] = []
        self.chunks = self._read(gold)
        self.stuck: set[tuple[int, int]] = (
            set()
        )  # (chunk, place): a rule held there, and the tokenizer did not split
        self.costs: Counter[_Context] = Counter()
        self.holders: dict[_Context, set[int]] = defaultdict(
            set
        )  # which chunks have a place with this context
        self.index: dict[_Rule, set[_Context]] = {}  # rule: contexts in which it holds
        self.refused: set[_Rule] = set()

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
        """What the tokenizer leaves of a string when it has taken off prefixes and suffixes; as ``Tokenizer._split_affixes`` goes about it."""
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

    def _borders(self, chunk: _Chunk) -> frozenset[int]:
        return frozenset(token.idx for token in self.tokenizer(chunk.text) if token.idx)

    def _missed(self, chunk: _Chunk) -> Iterator[tuple[int, Counter[str]]]:
        return ((place, documents) for place, documents in chunk.gold.items() if place not in chunk.borders)

    def enter(self, number: int) -> None:
        """Tokenize a chunk and note at which places it could be split further."""
        chunk = self.chunks[number]
        text = chunk.text
        chunk.borders = self._borders(chunk)
        start, end = self._core(text)
        chunk.core = core = text[start:end]
        chunk.places = {}
        tokenizer = self.tokenizer
        if core in tokenizer.rules or any(
            match is not None and match(core) for match in (tokenizer.token_match, tokenizer.url_match)
        ):
            return
        classes = [_START, *map(_finest, core), _END]
        for offset in range(1, len(core)):
            place = start + offset
            if place in chunk.borders or (number, place) in self.stuck:
                continue
            context = (classes[offset - 1], classes[offset], classes[offset + 1], classes[offset + 2])
            chunk.places[place] = context
            if context not in self.costs:
                for rule in _generalize(context):
                    if rule in self.index:
                        self.index[rule].add(context)
            self.costs[context] += chunk.count
            self.holders[context].add(number)

    def leave(self, number: int) -> None:
        """Forget a chunk's places."""
        chunk = self.chunks[number]
        for context in chunk.places.values():
            self.costs[context] -= chunk.count
            self.holders[context].discard(number)
        chunk.places = {}

    def _gains(self) -> dict[_Context, Counter[str]]:
        """Missed borders in each context, by document."""
        gains: dict[_Context, Counter[str]] = defaultdict(Counter)
        for chunk in self.chunks:
            for place, documents in self._missed(chunk):
                if place in chunk.places:
                    gains[chunk.places[place]].update(documents)
        return gains

    def _scored(self) -> Iterator[tuple[_Rule, int]]:
        """The rules with enough support, and how many borders they would gain."""
        borders: Counter[_Rule] = Counter()
        documents: dict[_Rule, set[str]] = defaultdict(set)
        for context, by_document in self._gains().items():
            number = by_document.total()
            for rule in _generalize(context):
                borders[rule] += number
                documents[rule].update(by_document)
        for rule, gained in borders.items():
            if len(documents[rule]) >= self.min_support and rule not in self.refused:
                yield rule, gained

    def _net(self, borders: int, tokens: int) -> float:
        return borders - self.min_gain * tokens

    def _prepare(self) -> None:
        for number in range(len(self.chunks)):
            self.enter(number)
        self.index = {rule: set() for rule, _ in self._scored()}
        for context in self.costs:
            for rule in _generalize(context):
                if rule in self.index:
                    self.index[rule].add(context)

    def _best(self) -> _Rule | None:
        best: tuple[float, int, int, str] | None = None
        chosen: _Rule | None = None
        for rule, borders in self._scored():
            if rule not in self.index or (best is not None and self._net(borders, borders) < best[0]):
                continue  # each border costs a token at the least
            net = self._net(borders, sum(self.costs[context] for context in self.index[rule]))
            # Of two that do the same here, the more general one will do more elsewhere.
            score = (net, borders, _generality(rule), _pattern(rule))
            if net > 0 and (best is None or score > best):
                best, chosen = score, rule
        return chosen

    def _try(self, kind: Kind, pattern: str, affected: Iterable[int]) -> bool:
        """Change the tokenizer; keep the change if it is worth it, by what the tokenizer then really does."""
        numbers = sorted(affected)
        _install(self.tokenizer, self.base, _as_rules([*self.learned, (kind, LearnedPiece(pattern))]))
        borders = tokens = 0
        documents: set[str] = set()
        for number in numbers:
            chunk = self.chunks[number]
            after = self._borders(chunk)
            tokens += (len(after) - len(chunk.borders)) * chunk.count
            for place, by_document in chunk.gold.items():
                sign = (place in after) - (place in chunk.borders)
                borders += sign * by_document.total()
                if sign > 0:
                    documents.update(by_document)
        if len(documents) < self.min_support or borders <= 0 or self._net(borders, tokens) <= 0:
            return False  # the tokenizer is set right by the next one who needs it: that takes time
        self.learned.append((kind, LearnedPiece(pattern, borders, tokens, len(documents))))
        for number in numbers:
            self.leave(number)
            self.enter(number)
        return True

    def _drop_exceptions(self) -> None:
        """Give up special cases of the tokenizer that hide borders."""
        _install(self.tokenizer, self.base, _as_rules(self.learned))
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
            if self._try(_kind(rule), _pattern(rule), affected):
                if _kind(rule) == "infixes":
                    self._mark_stuck(set(contexts), affected)
                continue
            self.refused.add(rule)

    def _mark_stuck(self, contexts: set[_Context], affected: Iterable[int]) -> None:
        """Where a pattern holds and the tokenizer doesn't split all the same, no other pattern will make it."""
        for number in affected:
            chunk = self.chunks[number]
            stuck = {(number, place) for place, context in chunk.places.items() if context in contexts}
            if stuck:
                self.stuck |= stuck
                self.leave(number)
                self.enter(number)

    def learn(self) -> Iterator[tuple[Kind, LearnedPiece]]:
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
        min_support: In how many documents a rule must gain a border.
        min_gain: How many borders a rule must gain for each token that it adds, more than 0 and at most 1. The smaller, the more is split.

    Returns:
        The rules; none of them where none is worth it.

    Raises:
        ConfigurationError: A number isn't legal.
        ConversionError: There is no entity to learn from.
        PipelineError: The tokenizer isn't spaCy's rule-based one.
    """
    if min_support < 1:
        raise ConfigurationError(
            "the least support can't be this", value=min_support, legal="1 or more documents"
        )
    if not 0 < min_gain <= 1:
        raise ConfigurationError(
            "the least gain can't be this",
            value=min_gain,
            legal="more than 0 and at most 1 border for each token added",
        )
    base = _rule_based(nlp)
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
    aligned = _measure(base, texts).aligned
    # The search looked at strings without white space, one by one; this looks at the whole texts.
    while learned:
        _install(learner.tokenizer, base, _as_rules(learned))
        if _measure(learner.tokenizer, texts).aligned >= aligned:
            break
        learned.pop()
    return _as_rules(learned, nlp.lang or "")
