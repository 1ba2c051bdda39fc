"""Building a Doc part by part, so that no token and no sentence ever crosses from one part into the next."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from spacy.attrs import DEP, HEAD, IDX, LEMMA, LENGTH, MORPH, NORM, ORTH, POS, SENT_START, SPACY, TAG
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert.state import SEPARATOR, get_state
from spacy_tagtog.convert.tokenizer.regex_letters import letters_or, may_match_letters
from spacy_tagtog.errors import PipelineError

_CACHED_WORDS: Final = 200_000
"""For how many words the tokenizer remembers their tokens. Each takes less than 100 bytes."""
# The tokenizer takes time by the squares of the lengths of stretches without white space, up to 0.2
# microseconds per square. English text has 8 per character. A text may have _FREE_SQUARES, and more in
# proportion to its length.
_FREE_SQUARES: Final = 100_000_000
_SQUARES_PER_CHARACTER: Final = 50
_STRETCH: Final = re.compile(r"\S+")


@dataclass(frozen=True)
class Assembled:
    """A Doc and where each part stands in it.

    Attributes:
        doc: The Doc: the parts' texts, divided by the separator, with the first token of each part marked as
            a sentence start.
        parts: (part id, start, end) in characters of ``doc.text``.
        splits: Characters of ``doc.text`` at which a token of the tokenizer was split.
        text: ``doc.text``, which spaCy makes anew each time.
        starts: The first character of each token.
        ends: One past the last character of each token.
    """

    doc: Doc
    parts: tuple[tuple[str, int, int], ...]
    splits: frozenset[int]
    text: str
    starts: list[int]
    ends: list[int]


def assemble(
    nlp: Language, parts: Iterable[tuple[str, str]], *, cuts: Mapping[str, Collection[int]] | None = None
) -> Assembled:
    """Tokenize each part by itself and put the tokens into one Doc.

    Args:
        nlp: The pipeline whose tokenizer and vocabulary are used.
        parts: (part id, text).
        cuts: For each part, the characters of its text at which tokens must be split.

    Raises:
        PipelineError: The tokenizer changes the text.
    """
    parts = list(parts)
    places: list[tuple[str, int, int]] = []
    edges: set[int] = set()
    position = 0
    for part_id, text in parts:
        end = position + len(text)
        places.append((part_id, position, end))
        if cuts and (wanted := cuts.get(part_id)):
            edges.update(position + cut for cut in wanted if 0 < cut < len(text))
        position = end + len(SEPARATOR)
    joined = SEPARATOR.join([text for _, text in parts])
    longest = _longest_searched(joined)
    doc = _tokenized_at_once(nlp, parts, joined) if longest is None else None
    starts, ends = ([], []) if doc is None else _borders(doc)
    if doc is None or _length(doc, ends) != len(joined) or not _stand_apart(places, starts):
        doc = _tokenized_by_part(nlp, parts, longest)
        starts, ends = _borders(doc)
    inside = _inside(starts, ends, edges)
    if inside:
        doc = _split(doc, starts, inside)
        starts, ends = _borders(doc)
    _start_sentences(doc, starts, places)
    return Assembled(
        doc, tuple(places), frozenset(cut for cuts in inside.values() for cut in cuts), joined, starts, ends
    )


def _borders(doc: Doc) -> tuple[list[int], list[int]]:
    """Where each token of a Doc begins and ends, in characters of ``doc.text``."""
    places: Any = doc.to_array([IDX, LENGTH])
    return places[:, 0].tolist(), (places[:, 0] + places[:, 1]).tolist()


def _length(doc: Doc, ends: Sequence[int]) -> int:
    """The number of characters of ``doc.text``, which takes longer to make."""
    return ends[-1] + len(doc[len(doc) - 1].whitespace_) if ends else 0


def _stand_apart(places: Sequence[tuple[str, int, int]], starts: Sequence[int]) -> bool:
    """Whether all separators are tokens of their own."""
    for _, _, end in places[:-1]:
        index = bisect_left(starts, end)
        if starts[index : index + 2] != [end, end + len(SEPARATOR)]:
            return False
    return True


def _tokenized_at_once(nlp: Language, parts: Sequence[tuple[str, str]], text: str) -> Doc | None:
    """The Doc of the joined text, if spaCy's tokenizer makes the same of it as part by part; else ``None``.

    That is faster. spaCy's tokenizer looks at every stretch of characters without white space by itself, and
    at every stretch of white space other than one blank. The separator is such a stretch if no white space
    touches it.
    """
    tokenizer: Any = nlp.tokenizer
    # Another class, also a subclass, may look at whatever it likes.
    if type(tokenizer) is not Tokenizer or tokenizer.vocab is not nlp.vocab:
        return None
    if len(parts) > 1 and (
        any(not text or text[0].isspace() or text[-1].isspace() for _, text in parts)
        or _divides_separator(tokenizer)
    ):
        return None
    return tokenizer(text)  # type: ignore[no-any-return]


_looked_at: tuple[dict[str, Any] | None, int, bool] = (None, 0, False)


def _divides_separator(tokenizer: Tokenizer) -> bool:
    """Whether a special case of the tokenizer holds the separator, and would reach from part to part."""
    global _looked_at  # noqa: PLW0603 — English has 1,300 special cases, and there are many documents
    rules: dict[str, Any] = tokenizer.rules
    seen, number, result = _looked_at
    if seen is not rules or number != len(rules):
        result = any(SEPARATOR in key for key in rules)
        _looked_at = rules, len(rules), result
    return result


def _longest_searched(text: str) -> int | None:
    """The greatest length of stretches without white space that are searched for tokens; ``None``: no limit.

    spaCy's tokenizer takes affixes off one by one and searches what is left again. So a stretch takes time by
    the square of its length: a megabyte of brackets takes days. Where all stretches together would take too
    long, the longest of them become one token each.
    """
    allowed = _FREE_SQUARES + _SQUARES_PER_CHARACTER * len(text)
    if len(text) ** 2 <= allowed:
        return None
    lengths = list(map(len, text.split()))
    if max(lengths, default=0) * len(text) <= allowed:
        return None
    longest = 0
    for length in sorted(lengths):
        allowed -= length**2
        if allowed < 0:
            return longest
        longest = length
    return None


def _pieces(text: str, longest: int | None) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is one token."""
    position = 0
    if longest is not None:
        for stretch in _STRETCH.finditer(text):
            if len(stretch[0]) > longest:
                yield text[position : stretch.start()], False
                yield stretch[0], True
                position = stretch.end()
    yield text[position:], False


def _tokenized_by_part(nlp: Language, parts: Sequence[tuple[str, str]], longest: int | None) -> Doc:
    orths: list[int] = []
    spaces: list[bool] = []
    norms: list[int] = []

    def add(words: Iterable[int], followed: Iterable[bool], normal: Iterable[int]) -> None:
        orths.extend(words)
        spaces.extend(followed)
        norms.extend(normal)

    for index, (part_id, text) in enumerate(parts):
        if index:
            add([nlp.vocab.strings.add(SEPARATOR)], [False], [0])
        after_token = False
        for piece, is_token in _pieces(text, longest):
            if is_token:
                add([nlp.vocab.strings.add(piece)], [False], [0])
            elif after_token and piece.startswith(" "):
                spaces[-1] = True  # as after any other token
                add(*_tokens_of(nlp, piece[1:], part_id))
            else:
                add(*_tokens_of(nlp, piece, part_id))
            after_token = is_token
    return _doc(nlp.vocab, orths, spaces, norms)


def _tokens_of(nlp: Language, text: str, part_id: str) -> tuple[list[int], list[bool], list[int]]:
    """Words, whether a space follows, and norms (0: the word's own) of what the tokenizer makes of a text."""
    tokens = nlp.tokenizer(text)
    if tokens.text != text:
        at = next(
            (i for i, (a, b) in enumerate(zip(tokens.text, text, strict=False)) if a != b),
            min(len(tokens.text), len(text)),
        )
        raise PipelineError(
            "the tokenizer changes the text, so offsets would be wrong",
            place=f"part {part_id}, character {at}",
            value=text[at : at + 20],
            legal="a tokenizer that keeps every character",
        )
    spaces: list[bool] = tokens.to_array(SPACY).astype(bool).tolist()
    if tokens.vocab is nlp.vocab:
        return tokens.to_array(ORTH).tolist(), spaces, tokens.to_array(NORM).tolist()
    return [nlp.vocab.strings.add(token.text) for token in tokens], spaces, [0] * len(tokens)


def _doc(vocab: Any, orths: list[int], spaces: list[bool], norms: list[int]) -> Doc:
    """A Doc of these words; a norm of 0 is that of the word itself."""
    if not orths:
        return Doc(vocab)
    words: Any = orths  # hashes are as good as strings, and looked up faster
    doc = Doc(vocab, words=words, spaces=spaces)
    own: Any = doc.to_array(NORM)
    given: Any = np.asarray(norms, dtype=own.dtype)
    given[given == 0] = own[given == 0]
    # The tokenizer's special cases set norms ("n't" is "not"), and a pipeline looks at them.
    if (given != own).any():
        doc.from_array([NORM], given)
    return doc


def _inside(starts: Sequence[int], ends: Sequence[int], edges: Collection[int]) -> dict[int, list[int]]:
    """The edges that are inside a token, by token.

    An edge on the space after a word is in none: nothing can be split there.
    """
    inside: dict[int, list[int]] = {}
    for edge in sorted(edges):
        token = bisect_right(ends, edge)
        if token < len(starts) and starts[token] < edge:
            inside.setdefault(token, []).append(edge)
    return inside


def _split(doc: Doc, starts: Sequence[int], inside: Mapping[int, Sequence[int]]) -> Doc:
    """The Doc with tokens split at characters inside them."""
    columns: Any = doc.to_array([ORTH, NORM, SPACY])
    orths: list[int] = columns[:, 0].tolist()
    norms: list[int] = columns[:, 1].tolist()
    spaces: list[bool] = columns[:, 2].astype(bool).tolist()
    strings = doc.vocab.strings
    for token in sorted(inside, reverse=True):
        word = strings[orths[token]]
        borders = [0, *(edge - starts[token] for edge in inside[token]), len(word)]
        pieces = [strings.add(word[start:end]) for start, end in pairwise(borders)]
        spaces[token : token + 1] = [False] * (len(pieces) - 1) + [spaces[token]]
        orths[token : token + 1] = pieces
        norms[token : token + 1] = [0] * len(pieces)
    return _doc(doc.vocab, orths, spaces, norms)


def _start_sentences(doc: Doc, starts: Sequence[int], places: Iterable[tuple[str, int, int]]) -> None:
    marks: Any = np.zeros(len(doc), dtype=np.uint64)
    for _, start, end in places:
        if start < end:
            marks[bisect_left(starts, start)] = 1
    if len(doc):
        doc.from_array([SENT_START], marks)


def unset_by_tokenizer(nlp: Language) -> frozenset[int]:
    """The attributes that no token of an assembled Doc has, since spaCy's tokenizer can't set them.

    Where the tokenizer isn't spaCy's, nothing is known, and there are none.

    Args:
        nlp: The pipeline whose tokenizer is used.
    """
    return frozenset((LEMMA, POS, TAG, DEP, HEAD, MORPH)) if type(nlp.tokenizer) is Tokenizer else frozenset()


def prepare_for_tokens(nlp: Language) -> None:
    """Make a pipeline that is used for its tokenizer alone faster. Its tokens stay the same.

    - New words of its vocabulary know nothing but their norm. The twenty other features (shape, whether it
    looks
      like an address…) take longer than to find the word, and a ``.spacy`` file doesn't hold them.
    - Words of plain letters aren't searched for prefixes and suffixes where the tokenizer's expressions can't
      match any (:mod:`spacy_tagtog.convert.tokenizer.regex_letters`).
    - The tokenizer remembers the tokens of more words than spaCy's 10,000, which a corpus soon has.

    Nothing happens where the tokenizer isn't spaCy's own.
    """
    tokenizer: Any = nlp.tokenizer
    if type(tokenizer) is not Tokenizer or tokenizer.vocab is not nlp.vocab:
        return
    nlp.vocab.lex_attr_getters = {
        attr: getter for attr, getter in nlp.vocab.lex_attr_getters.items() if attr == NORM
    }
    tokenizer.max_cache_size = max(tokenizer.max_cache_size, _CACHED_WORDS)
    rules = tokenizer.rules
    # Without special cases: each assignment below would make the tokenizer work them out anew.
    tokenizer.rules = {}
    others = tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer, tokenizer.url_match
    if not any(find is not None and may_match_letters(find) for find in others):
        # The tokenizer asks this first, and takes a match as a token. A word in which none of the others can
        # match is one token in any case.
        tokenizer.token_match = letters_or(tokenizer.token_match)
    tokenizer.rules = rules


def predicted_doc(nlp: Language, doc: Doc) -> Doc:
    """The Doc that the pipeline itself would make of a Doc's text: its own tokens, no annotations.

    A Doc that was made from a tagtog document is tokenized part by part, any other with ``nlp.make_doc``.
    """
    state = get_state(doc)
    if state is None:
        return nlp.make_doc(doc.text)
    text = doc.text
    return assemble(nlp, [(part, text[start:end]) for part, start, end in state.parts]).doc


def part_texts(document: Document) -> list[tuple[str, str]]:
    """The id and the text of each part, as :func:`assemble` takes them."""
    return [(part.id, part.text) for part in document.parts.values()]


def touched_tokens(starts: Sequence[int], ends: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The tokens that share a character with a stretch of the text: first, and one past the last.

    Arguments are those of :func:`token_range`.
    """
    return bisect_right(ends, start), bisect_left(starts, end)


def token_range(starts: Sequence[int], ends: Sequence[int], start: int, end: int) -> tuple[int, int] | None:
    """The tokens that begin at ``start`` and end at ``end``, or ``None``.

    Args:
        starts: First character of each token, ascending.
        ends: One past the last character of each token.
        start: First character of the span.
        end: One past the last character of the span.
    """
    first = bisect_left(starts, start)
    last = bisect_left(ends, end)
    if (
        first < len(starts)
        and last < len(ends)
        and starts[first] == start
        and ends[last] == end
        and first <= last
    ):
        return first, last + 1
    return None
