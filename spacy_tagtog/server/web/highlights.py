"""A part's text with its entities, cut into pieces that a template can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from spacy_tagtog.anndoc import Entity, Legend
from spacy_tagtog.server.api.spans import Span

_COLORS: Final = 12
_LANES: Final = 6
"""How many underlines fit below a line. Entities beyond these stand in the table alone."""


@dataclass(frozen=True)
class Piece:
    """A piece of a part: a stretch of its text, or the caption behind an entity's end.

    Attributes:
        text: The text, or the caption.
        marks: The CSS classes of the marks around the text, the outermost first.
        color: The CSS class of the caption's colour; empty for text.
    """

    text: str
    marks: tuple[str, ...] = ()
    color: str = ""


def color(class_id: str) -> str:
    """The CSS class of an entity type's colour."""
    number = class_id.rpartition("_")[2]
    return f"c{(int(number) - 1) % _COLORS if number.isdecimal() and len(number) < 10 else 0}"


def probability(prob: float, digits: int) -> str:
    """A rounded probability. Only 1 itself is shown as 1: that is what people's annotations have."""
    if prob == 1:
        return "1"
    almost = 1 - 10**-digits
    return f"> {almost:.{digits}f}" if almost < prob < 1 else f"{prob:.{digits}f}"


def _caption(entity: Entity, legend: Legend) -> str:
    """The type's name. For what isn't simply a person's annotation, also probability and state."""
    caption = legend.get(entity.class_id, entity.class_id)
    if entity.prob is not None and (entity.state or entity.prob != 1):
        caption += f" {probability(entity.prob, 2)}"
    return f"{caption} · {entity.state}" if entity.state else caption


LaneSpan = tuple[int, Span]
"""A stretch of an entity, and the number of its underline."""


def lanes(spans: Sequence[Span]) -> Iterator[LaneSpan]:
    """Give overlapping stretches different underlines, the outer ones the upper.

    Args:
        spans: The stretches of a part.

    Yields:
        Those for which there is an underline, by their beginning.
    """
    ends: list[int] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.entity.index)):
        lane = next((number for number, end in enumerate(ends) if end <= span.start), len(ends))
        if lane == len(ends) < _LANES:
            ends.append(0)
        if lane < _LANES:
            ends[lane] = span.end
            yield lane, span


def _mark(lane: int, entity: Entity) -> str:
    state = f" {entity.state}" if entity.state in ("pre-added", "pre-removed") else ""
    return f"e {color(entity.class_id)} l{lane}{state}"


def highlight(
    text: str, spans: Sequence[LaneSpan], legend: Legend, start: int = 0, end: int | None = None
) -> Iterator[Piece]:
    """Cut a part's text, or a stretch of it, at the borders of its entities.

    Args:
        text: The part's text.
        spans: The stretches of its entities, with their underlines.
        legend: The names of the entity types.
        start: Where the stretch begins.
        end: Where it ends; by default with the text.

    Yields:
        The pieces in their order. Their texts without the captions are the stretch.
    """
    end = len(text) if end is None else end
    starts: dict[int, list[LaneSpan]] = {}
    ends: dict[int, list[LaneSpan]] = {}
    for lane, span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if first < last:
            starts.setdefault(first, []).append((lane, span))
            ends.setdefault(last, []).append((lane, span))
    active: dict[int, Span] = {}
    position = start
    for boundary in sorted({*starts, *ends, end}):
        if boundary > position:
            # The lowest underline is outside, so that its padding is below those of the others.
            marks = tuple(_mark(lane, active[lane].entity) for lane in sorted(active, reverse=True))
            yield Piece(text[position:boundary], marks)
        position = boundary
        for lane, span in sorted(ends.get(boundary, ()), key=lambda item: -item[0]):
            del active[lane]
            name = legend.get(span.entity.class_id, span.entity.class_id)
            # What goes on behind the stretch is like what goes on in another one.
            is_end = span.is_last and span.end == boundary
            shown = _caption(span.entity, legend) if is_end else f"{name} …"
            yield Piece(shown, color=color(span.entity.class_id))
        active.update(starts.get(boundary, ()))
