"""Building a Doc part by part, so that no token and no sentence ever crosses from one part into the next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog.convert.state import SEPARATOR
from spacy_tagtog.errors import PipelineError

__all__ = ["Assembled", "assemble", "predicted_doc"]


@dataclass(frozen=True)
class Assembled:
    """A Doc and where each part stands in it.

    Attributes:
        doc: The Doc: the parts' texts, divided by the separator, with the first token of each part marked as a sentence start.
        parts: (part id, start, end) in characters of ``doc.text``.
        splits: Characters of ``doc.text`` at which a token of the tokenizer was split.
    """

    doc: Doc
    parts: tuple[tuple[str, int, int], ...]
    splits: frozenset[int]


def _split(words: list[str], spaces: list[bool], cuts: Sequence[int]) -> tuple[list[str], list[bool], list[int]]:
    """Split words at character offsets; return the new words and spaces, and those offsets that were inside a word."""
    out_words: list[str] = []
    out_spaces: list[bool] = []
    inside: list[int] = []
    position = 0
    next_cut = 0
    for word, space in zip(words, spaces, strict=True):
        end = position + len(word)
        while next_cut < len(cuts) and cuts[next_cut] <= position:
            next_cut += 1
        start = position
        while next_cut < len(cuts) and cuts[next_cut] < end:
            cut = cuts[next_cut]
            out_words.append(word[start - position : cut - position])
            out_spaces.append(False)
            inside.append(cut)
            start = cut
            next_cut += 1
        out_words.append(word[start - position :])
        out_spaces.append(space)
        position = end + space
    # A border may also fall on the space after a word, which is no token of its own; nothing can be split there.
    return out_words, out_spaces, inside


def assemble(nlp: Language, parts: Iterable[tuple[str, str]], *, cuts: Mapping[str, Collection[int]] | None = None) -> Assembled:
    """Tokenize each part by itself and put the tokens into one Doc.

    Args:
        nlp: The pipeline whose tokenizer and vocabulary are used.
        parts: (part id, text).
        cuts: For each part, the characters of its text at which tokens must be split.

    Raises:
        PipelineError: The tokenizer changes the text.
    """
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[bool | int | None] = []
    spans: list[tuple[str, int, int]] = []
    splits: list[int] = []
    position = 0
    for index, (part_id, text) in enumerate(parts):
        if index:
            words.append(SEPARATOR)
            spaces.append(False)
            starts.append(None)
            position += len(SEPARATOR)
        tokens = nlp.tokenizer(text)
        if tokens.text != text:
            at = next((i for i, (a, b) in enumerate(zip(tokens.text, text, strict=False)) if a != b), min(len(tokens.text), len(text)))
            raise PipelineError(
                "the tokenizer changes the text, so offsets would be wrong",
                place=f"part {part_id}, character {at}",
                value=text[at : at + 20],
                legal="a tokenizer that keeps every character",
            )
        part_words = [token.text for token in tokens]
        part_spaces = [bool(token.whitespace_) for token in tokens]
        if cuts and cuts.get(part_id):
            part_words, part_spaces, inside = _split(part_words, part_spaces, sorted(cuts[part_id]))
            splits.extend(position + cut for cut in inside)
        words.extend(part_words)
        spaces.extend(part_spaces)
        if part_words:
            starts.append(True)
            starts.extend([None] * (len(part_words) - 1))
        spans.append((part_id, position, position + len(text)))
        position += len(text)
    doc = Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts) if words else Doc(nlp.vocab)
    return Assembled(doc, tuple(spans), frozenset(splits))


def predicted_doc(nlp: Language, doc: Doc) -> Doc:
    """The Doc that the pipeline itself would make of a Doc's text: its own tokens, no annotations.

    A Doc that was made from a tagtog document is tokenized part by part, any other with ``nlp.make_doc``.
    """
    from spacy_tagtog.convert.state import get_state

    state = get_state(doc)
    if state is None:
        return nlp.make_doc(doc.text)
    text = doc.text
    return assemble(nlp, [(part, text[start:end]) for part, start, end in state.parts]).doc


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
    if first < len(starts) and last < len(ends) and starts[first] == start and ends[last] == end and first <= last:
        return first, last + 1
    return None
