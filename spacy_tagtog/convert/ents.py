"""Which entities go into ``doc.ents``, and for which tokens it is unknown whether they are entities."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import Located
from spacy_tagtog.convert.settings import EntsPolicy
from spacy_tagtog.convert.tokens import Assembled


# Not frozen: a project has many of them, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class Placed:
    """An entity that stands on tokens.

    Attributes:
        located: The entity.
        label: Its label on the Doc.
        start: Its first token.
        end: One past its last token.
        retokenized: Whether it begins or ends inside a token of the pipeline's own tokenizer.
        first: Its first character, in its part.
        last: One past its last character.
        span: The same on the Doc.
    """

    located: Located
    label: str
    start: int
    end: int
    retokenized: bool
    first: int
    last: int
    span: Span


@dataclass(frozen=True, slots=True)
class Aside:
    """An entity that is not in ``doc.ents``.

    Attributes:
        located: The entity.
        reason: Why, a key of :data:`~spacy_tagtog.convert.report.ENTITY_REASONS`.
        detail: More in words.
    """

    located: Located
    reason: str
    detail: str = ""


_PREFERENCE: Final[dict[str, Callable[[Placed], float]]] = {
    "longest": lambda place: place.first - place.last,
    "shortest": lambda place: place.last - place.first,
    "first": lambda place: place.first,
    "surest": lambda place: -(1.0 if (prob := place.located.entity.prob) is None else prob),
}


def without_overlap(
    placed: Sequence[Placed], assembled: Assembled, policy: EntsPolicy
) -> tuple[list[Placed], list[Aside]]:
    """Choose entities that don't overlap and don't begin or end with a token of white space.

    Args:
        placed: Entities of a Doc.
        assembled: The Doc.
        policy: Which of overlapping entities is preferred.

    Returns:
        The chosen ones in order of their places, and the others, each with the reason.
    """
    blank = _blank_edges(placed, assembled)
    ordered = sorted(placed, key=lambda place: place.start)
    # Most documents have nothing to choose between.
    if (
        not blank
        and all(one.end <= other.start for one, other in pairwise(ordered))
        and not any(place.located.is_discontinuous for place in placed)
    ):
        return ordered, []
    chosen: dict[int, Placed] = {}  # by token
    winners: list[Placed] = []
    losers: list[Aside] = []
    prefer = _PREFERENCE[policy]
    for place in sorted(placed, key=lambda place: (prefer(place), place.start, place.located.entity.index)):
        aside = _why_not_chosen(place, chosen, blank, policy)
        if aside is not None:
            losers.append(aside)
            continue
        winners.append(place)
        chosen.update(dict.fromkeys(range(place.start, place.end), place))
    winners.sort(key=lambda place: place.start)
    return winners, losers


def _blank_edges(placed: Iterable[Placed], assembled: Assembled) -> set[int]:
    """The tokens of white space with which an entity begins or ends."""
    starts, ends, text = assembled.starts, assembled.ends, assembled.text
    return {
        index
        for place in placed
        for index in (place.start, place.end - 1)
        if text[starts[index] : ends[index]].isspace()
    }


def _why_not_chosen(
    place: Placed, chosen: dict[int, Placed], blank: Container[int], policy: EntsPolicy
) -> Aside | None:
    if place.located.is_discontinuous:
        return Aside(place.located, "discontinuous")
    if place.start in blank or place.end - 1 in blank:
        # spaCy's NER has no action that begins such an entity: training would stop with E024.
        return Aside(place.located, "white_space")
    rival = next((chosen[token] for token in range(place.start, place.end) if token in chosen), None)
    if rival is None:
        return None
    same = (rival.start, rival.end, rival.label) == (place.start, place.end, place.label)
    return Aside(
        place.located,
        "duplicate" if same else "overlapping",
        f"{rival.label} {rival.located.entity.text!r} was preferred ({policy})",
    )


def missing_spans(doc: Doc, unknown: Iterable[tuple[int, int]], chosen: Iterable[Placed]) -> list[Span]:
    """The unknown tokens that no chosen entity covers, as spans.

    Args:
        doc: The Doc.
        unknown: Ranges of tokens, in any order; they may overlap.
        chosen: Entities that don't overlap, in order.
    """
    spans: list[Span] = []
    known = [(place.start, place.end) for place in chosen]
    number = 0  # of the first of them that isn't behind us
    begin = 0
    for start, end in sorted(unknown):
        begin = max(begin, start)
        while begin < end:
            while number < len(known) and known[number][1] <= begin:
                number += 1
            low, high = known[number] if number < len(known) else (end, end)
            if begin < low:
                spans.append(Span(doc, begin, min(low, end)))
            begin = high if low < end else end
    return spans
