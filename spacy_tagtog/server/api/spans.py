"""Where the entities of a document stand in its texts."""

from __future__ import annotations

from dataclasses import dataclass

from spacy_tagtog.anndoc import Annotations, Entity, PlainHtml, locate


@dataclass(frozen=True)
class Span:
    """A stretch of an entity, in code points."""

    part: str
    start: int
    end: int
    entity: Entity
    is_last: bool


@dataclass(frozen=True)
class Placed:
    """The stretches of all entities, and the entities that can't be placed, with the reason."""

    spans: tuple[Span, ...]
    unplaced: tuple[tuple[Entity, str], ...]


def place_entities(html: PlainHtml, annotations: Annotations) -> Placed:
    """Find each entity's text at its offsets, whichever unit these count in."""
    spans: list[Span] = []
    unplaced: list[tuple[Entity, str]] = []
    for located in locate(html.parts, annotations):
        ranges = [(start, end) for start, end in located.ranges if end > start]
        if located.problem is not None:
            unplaced.append((located.entity, located.detail))
        elif not ranges:
            unplaced.append((located.entity, "its text is empty"))
        spans.extend(
            Span(located.entity.part, start, end, located.entity, (start, end) == ranges[-1])
            for start, end in ranges
        )
    return Placed(tuple(spans), tuple(unplaced))
