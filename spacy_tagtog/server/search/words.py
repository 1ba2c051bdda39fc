"""Words, phrases, wildcards, fuzzy words and proximity in texts.

What they match, and how the index of words finds the documents that may match.

Matching is case sensitive and the same with and without the index. Its time is linear in the text, whatever
the pattern is.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spacy_tagtog.server.search.index import WORD, encode
from spacy_tagtog.server.search.sql import Condition, Listed, OfRow, Select, Sql, words_index

_thread = threading.local()


@contextmanager
def until(end: float) -> Iterator[None]:
    """Let matchers give up after a moment, for the time of a block in this thread.

    SQLite can only end a query between two calls of a function, and a text may be long.

    Args:
        end: The moment, by :func:`time.monotonic`.
    """
    _thread.end = end
    try:
        yield
    finally:
        _thread.end = None


def _check_time() -> None:
    end = getattr(_thread, "end", None)
    if end is not None and time.monotonic() > end:
        raise TimeoutError("the query takes too long")


def unescape(value: str) -> str:
    """A term without the backslashes before its characters."""
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


# --------------------------------------------------------------------------------------------------- patterns


@lru_cache(maxsize=512)
def _items(pattern: str) -> tuple[str, ...]:
    """A pattern character by character.

    The wildcards ``*`` and ``?`` stay themselves; anything else gets a backslash before it.
    """
    return tuple(
        found if found in "*?" else "\\" + found[-1] for found in re.findall(r"\\.|[^\\]", pattern, re.DOTALL)
    )


def _pieces(pattern: str) -> list[str]:
    """What stands between the ``*`` of a pattern, as regular expressions.

    In these ``?`` is any one character, and a character after a backslash is itself.
    """
    pieces = [""]
    for item in _items(pattern):
        if item == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if item == "?" else re.escape(item[1])
    return pieces


@lru_cache(maxsize=512)
def _value_matcher(pattern: str) -> Callable[[str], bool]:
    """A matcher for whole values, in time linear in the value."""
    first, *others = (re.compile(piece, re.DOTALL) for piece in _pieces(pattern))
    if not others:
        return lambda value: first.fullmatch(value) is not None
    *inner, last = others
    # Every piece has one fixed length, so taking each at its leftmost place is right and needs no
    # backtracking.
    tail = re.compile(f"(?:{last.pattern})\\Z", re.DOTALL)

    def matches(value: str) -> bool:
        found = first.match(value)
        for piece in inner:
            found = found and piece.search(value, found.end())
        return found is not None and tail.search(value, found.end()) is not None

    return matches


_COMPOUND = re.compile(r"\w+(?:[^\w\s]+\w+)*")  # never fails after its first letter: no backtracking


@lru_cache(maxsize=512)
def _text_matcher(pattern: str) -> Callable[[str], bool]:
    """A matcher for words with wildcards in a text: ``IL-*`` finds ``IL-2``, and ``I?`` the ``IL`` in it."""
    matches = _value_matcher(pattern)
    # Only words that begin like the pattern are looked at, which the regular expression engine finds quickly.
    starts = re.compile(rf"(?<!\w)(?=\w)(?={_pieces(pattern)[0]})", re.DOTALL)

    def finds(text: str) -> bool:
        compound_end = 0
        for start in starts.finditer(text):
            word = WORD.match(text, start.start())
            assert word is not None
            if matches(word[0]):
                return True
            if start.start() >= compound_end:
                compound = _COMPOUND.match(text, start.start())
                assert compound is not None
                compound_end = compound.end()
                if compound_end > word.end() and matches(compound[0]):
                    return True
        return False

    return finds


_EDGES = re.compile(r"\A\W+|\W+\Z")


@lru_cache(maxsize=512)
def _phrase_matcher(pattern: str) -> Callable[[str], bool]:
    """A matcher for a phrase with wildcards.

    The text has to have its pieces one after the other. Each may stand there without the punctuation around
    it.
    """
    pieces = [
        (_value_matcher(piece), _value_matcher(_bare(piece) or piece)) for piece in phrase_pieces(pattern)
    ]

    def finds(text: str) -> bool:
        begun: list[int] = []  # how many pieces have matched, for each place where the phrase may have begun
        for count, chunk in enumerate(text.split()):
            if not count % 1000:
                _check_time()
            bare = _EDGES.sub("", chunk)
            begun = [
                number + 1 for number in [0, *begun] if pieces[number][0](chunk) or pieces[number][1](bare)
            ]
            if begun and begun[-1] == len(pieces):
                return True
        return False

    return finds


def _bare(piece: str) -> str:
    """A piece of a pattern without the punctuation around it."""
    items = list(_items(piece))
    for end in (0, -1):
        while items and items[end] not in "*?" and not WORD.fullmatch(items[end][1]):
            items.pop(end)
    return "".join(items)


def phrase_pieces(pattern: str) -> list[str]:
    """A phrase's pieces between its white space, with their escapes."""
    pieces = [""]
    for item in _items(pattern):
        if item[-1].isspace():
            pieces.append("")
        else:
            pieces[-1] += item
    return [piece for piece in pieces if piece]


@lru_cache(maxsize=512)
def _literal_matcher(literal: str) -> Callable[[str], bool]:
    """A matcher for a word or phrase.

    It begins and ends at word boundaries. Any white space matches white space, everything else only itself.
    """
    body = r"\s+".join(re.escape(piece) for piece in literal.split())
    left = r"(?<!\w)" if re.match(r"\w", literal.lstrip()) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", literal.rstrip()) else ""
    expression = re.compile(left + body + right)
    return lambda text: expression.search(text) is not None


@lru_cache(maxsize=512)
def _near_matcher(spec: str) -> Callable[[str], bool]:
    """A matcher for words that stand near each other, as Lucene's sloppy phrases do.

    Take a place for each word, no place twice, and from the number of each place the word's number in the
    phrase. The greatest less the least of these may be at most the slop: one word between two is 1, two
    neighbours the other way round are 2.
    """
    slop, words = json.loads(spec)
    numbers: dict[str, list[int]] = {}
    for number, word in enumerate(words):
        numbers.setdefault(word, []).append(number)

    def finds(text: str) -> bool:
        places: dict[str, list[int]] = {word: [] for word in numbers}
        for place, found in enumerate(WORD.finditer(text)):
            if found[0] in places:
                places[found[0]].append(place)
        if not all(places.values()):
            return False
        lowest = {place - number for word, own in numbers.items() for place in places[word] for number in own}
        return any(fits(places, low) for low in lowest)

    def fits(places: dict[str, list[int]], low: int) -> bool:
        _check_time()
        for word, own in numbers.items():
            last = -1
            # The occurrences of one word in their order: swapping two places never brings them nearer
            # together.
            for number in own:
                index = bisect_left(places[word], max(low + number, last + 1))
                if index == len(places[word]) or places[word][index] > low + slop + number:
                    return False
                last = places[word][index]
        return True

    return finds


@lru_cache(maxsize=512)
def _similar_to(word: str, least: float) -> Callable[[str], bool]:
    """A matcher for words that are like another.

    Similarity is one less the edits between two words over the length of the shorter.

    The measure of Lucene 3's fuzzy queries, whose syntax tagtog documents.

    Args:
        word: The other.
        least: What the similarity has to exceed. Equal words are always like each other.
    """
    from rapidfuzz.distance import Levenshtein

    distance, length = Levenshtein.distance, len(word)
    # By the length of the shorter: the most edits that are few enough, or -1.
    most = [
        max((edits for edits in range(shorter + 1) if _similar_enough(edits, shorter, least)), default=-1)
        for shorter in range(1, length + 1)
    ]

    def is_similar(value: str) -> bool:
        if value == word:
            return True
        shorter = min(len(value), length)
        allowed = most[shorter - 1] if shorter else -1
        return allowed >= 0 and distance(value, word, score_cutoff=allowed) <= allowed

    return is_similar


def _similar_enough(edits: int, shorter: int, least: float) -> bool:
    return 1 - edits / shorter > least


def _as_number(value: str) -> float | None:
    try:
        return float(value) if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", value, re.ASCII) else None
    except (ValueError, OverflowError):
        return None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "matches_value": lambda value, pattern: _value_matcher(pattern)(value),
    "matches_words": lambda text, pattern: _text_matcher(pattern)(text),
    "matches_phrase": lambda text, pattern: _phrase_matcher(pattern)(text),
    "matches_literal": lambda text, literal: _literal_matcher(literal)(text),
    "matches_near": lambda text, spec: _near_matcher(spec)(text),
    "is_similar": lambda value, word, least: _similar_to(word, least)(value),
    "as_number": _as_number,
    "index_word": lambda word: _phrase([word]),
}
"""The SQL functions that the conditions use, each with as many arguments as it has parameters."""


# ------------------------------------------------------------------------------------------------- candidates


_FEW_WORDS = 100  # at most this number of alternatives per query of the index of words
_PART = 3  # letters in a row by which the index of the vocabulary finds words
_TEXT = "(SELECT c.text FROM contents AS c WHERE c.document_id = d.id)"
# In the list itself, so that alternatives stay lists of numbers, which SQLite unites without looking at every
# document.
_OF_CANDIDATE = "(SELECT c.text FROM contents AS c WHERE c.document_id = i.rowid)"


def _candidates(query: str) -> Listed:
    return Listed((words_index(query),), query)


def _having(test: Sql, *, holding: str = "") -> Listed:
    """Documents that have any word of the vocabulary ``v`` for which a test holds.

    Args:
        holding: Letters that all of these words hold.
    """
    words = "vocabulary AS v"
    if len(holding) >= _PART:
        parts = dict.fromkeys(holding[n : n + _PART] for n in range(len(holding) - _PART + 1))
        held = Sql("p.vocabulary_parts MATCH ?", (" AND ".join(f'"{part}"' for part in parts),))
        words, test = f"vocabulary_parts AS p CROSS JOIN {words} ON v.id = p.rowid", _both(held, test)
    indexed = Sql("i.text_index MATCH index_word(v.word)")
    return Listed((Select(f"{words} CROSS JOIN text_index AS i", "i.rowid", _both(test, indexed)),))


def _verified(candidates: Listed | None, function: str, hint: str, argument: str) -> Condition:
    """Documents that the index finds and whose texts then decide, or whose texts alone decide.

    Texts that don't hold the hint are then passed over quickly.
    """
    if candidates is None:
        test = f"CASE WHEN instr({_TEXT}, ?) THEN {function}({_TEXT}, ?) ELSE 0 END"
        return OfRow(Sql(test, (hint, argument)))
    test_of_text = Sql(f"{function}({_OF_CANDIDATE}, ?)", (argument,))
    # Not as a list in order: its count and each of its pages would look at the texts anew.
    selects = (dataclasses.replace(one.narrowed(test_of_text), in_order=False) for one in candidates.selects)
    return Listed(tuple(selects))


def _both(first: Sql, second: Sql) -> Sql:
    return Sql.joined(" AND ", [first, second])


def _phrase(words: Sequence[str]) -> str:
    return f'"{encode(" ".join(words))}"'


def word_text(raw: str, *, is_phrase: bool) -> Condition:
    """The condition that a text holds a word or phrase.

    Args:
        raw: The term with its escapes, without quotes. ``*`` and ``?`` are wildcards unless a backslash
            stands before them.
        is_phrase: Whether it was in quotes.
    """
    if any(item in "*?" for item in _items(raw)):
        return _wildcard_text(raw, is_phrase)
    literal = unescape(raw)
    words = WORD.findall(literal)
    candidates = _candidates(_phrase(words)) if words else None
    if candidates is not None and words == [literal.strip()]:
        return candidates  # a word is a word: nothing else to look at
    return _verified(candidates, "matches_literal", max(literal.split(), key=len, default=""), literal)


@dataclass(frozen=True)
class _Run:
    """Letters of a pattern that stand within one word of the text.

    Attributes:
        text: The letters.
        begins: Whether they begin the word.
        ends: Whether they end it.
    """

    text: str
    begins: bool
    ends: bool


def _runs(pattern: str) -> list[_Run]:
    runs = []
    items = ["\\ ", *_items(pattern), "\\ "]
    position = 1
    while position < len(items):
        end = position
        while end < len(items) and items[end] not in "*?" and WORD.fullmatch(items[end][1]):
            end += 1
        if end > position:
            before, after = items[position - 1], items[end]
            runs.append(
                _Run("".join(item[1] for item in items[position:end]), before not in "*?", after not in "*?")
            )
        position = end + 1
    return runs


def _wildcard_text(pattern: str, is_phrase: bool) -> Condition:
    items = _items(pattern)
    if is_phrase and (len(phrase_pieces(pattern)) != 1 or not re.match(r"\s*[\w*?]", pattern)):
        function = "matches_phrase"
    else:
        pattern = pattern.strip() if is_phrase else pattern
        function = "matches_words"
        if (
            items[-1] == "*"
            and all(item not in "*?" and WORD.fullmatch(item[1]) for item in items[:-1])
            and len(items) > 1
        ):
            return _candidates(
                f"{_phrase([''.join(item[1] for item in items[:-1])])} *"
            )  # the beginning of a word
    runs = _runs(pattern)
    candidates = None
    closed = [f"{_phrase([run.text])}{'' if run.ends else ' *'}" for run in runs if run.begins]
    if closed:
        candidates = _candidates(" AND ".join(closed))
    elif runs:
        # No beginning of a word is known, but all words are.
        longest = max(runs, key=lambda run: len(run.text))
        if longest.ends:
            candidates = _having(
                Sql("substr(v.word, -length(?)) = ?", (longest.text,) * 2), holding=longest.text
            )
        else:
            candidates = _having(Sql("instr(v.word, ?)", (longest.text,)), holding=longest.text)
        if (
            function == "matches_words"
            and len(runs) == 1
            and set(_items(pattern)) - {"\\" + letter for letter in longest.text} == {"*"}
        ):
            return candidates  # *letters and *letters*: nothing else to look at
    fixed = re.findall(
        r"[^*]+", "".join("*" if item in "*?" or item[1].isspace() else item[1] for item in _items(pattern))
    )
    return _verified(candidates, function, max(fixed, key=len, default=""), pattern)


def fuzzy_text(word: str, least: float, words: Callable[[int, int], Sequence[str]]) -> Condition:
    """The condition that a text holds a word that is like another.

    Args:
        word: The other.
        least: The similarity, which the word's has to exceed, or be 1.
        words: Gives the words of the vocabulary by their number of letters: at least, at most.
    """
    if not _similar_enough(1, len(word), least):
        return _candidates(_phrase([word]))  # no edit is allowed, whatever the other word is
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    # edits <= (1 - least) * length of the shorter, and at least the difference of the lengths; a little more
    # for rounding
    shortest, longest = math.ceil(len(word) / (2 - least) - 1e-6), int(len(word) * (2 - least) + 1e-6)
    most = int((1 - least) * len(word) + 1e-6)
    near = process.extract(
        word,
        words(shortest, longest),
        scorer=Levenshtein.distance,
        processor=None,
        score_cutoff=most,
        limit=None,
    )
    is_similar = _similar_to(word, least)
    like = sorted(found for found, _, _ in near if is_similar(found))
    if len(like) <= _FEW_WORDS:
        return _candidates(" OR ".join(_phrase([one]) for one in like or [word]))
    # As one parameter: the words may be thousands.
    indexed = Sql("i.text_index MATCH index_word(v.value)")
    table = "json_each(?) AS v CROSS JOIN text_index AS i"
    return Listed((Select(table, "i.rowid", indexed, (json.dumps(like),)),))


def near_text(words: Sequence[str], slop: int) -> Condition:
    """The condition that a text holds words near each other, see :func:`_near_matcher`.

    Args:
        words: The words.
        slop: How far they may be from being a phrase, in words.
    """
    spec = json.dumps([slop, list(words)])
    every = " ".join(_phrase([word]) for word in dict.fromkeys(words))
    near = f"NEAR({every}, {slop + len(words)})" if len(set(words)) > 1 else every
    return _verified(_candidates(near), "matches_near", "", spec)
