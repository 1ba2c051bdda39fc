"""Where the entities of a document stand in its texts."""

from __future__ import annotations

from dataclasses import dataclass

from spacy_tagtog.anndoc import Annotations, Entity, OffsetConverter, PlainHtml

__all__ = ["Placed", "Span", "place_entities"]


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
    """Find each entity's text at its offsets, whichever unit these count in.

    A document has one unit: the one that more of its entities fit, tagtog's own (UTF-16) where both do equally. An entity that fits only the
    other one is still shown where its text stands.
    """
    converters = {part.id: OffsetConverter(part.text) for part in html.parts.values()}

    def starts(part: str, start: int, text: str) -> tuple[int | None, int | None]:
        """The code-point offsets where the text stands, for offsets in UTF-16 and in code points."""
        content = html.parts[part].text
        utf16 = converters[part].to_code_points(start)
        return (
            utf16 if utf16 is not None and content.startswith(text, utf16) and utf16 <= len(content) else None,
            start if content.startswith(text, start) and start <= len(content) else None,
        )

    found: list[tuple[Entity, list[tuple[int | None, int | None, int]]]] = []
    unplaced: list[tuple[Entity, str]] = []
    votes = 0
    for entity in annotations.entities:
        if entity.part not in html.parts:
            unplaced.append((entity, f"the document has no part {entity.part}"))
            continue
        places = [(*starts(entity.part, fragment.start, fragment.text), len(fragment.text)) for fragment in entity.fragments]
        votes += sum((utf16 is not None) - (points is not None) for utf16, points, _ in places)
        found.append((entity, places))
    spans: list[Span] = []
    for entity, places in found:
        chosen = [(utf16 if points is None or (votes >= 0 and utf16 is not None) else points, length) for utf16, points, length in places]
        if any(start is None for start, _ in chosen):
            unplaced.append((entity, "its text doesn't stand at its offsets"))
            continue
        if not any(length for _, length in chosen):
            unplaced.append((entity, "its text is empty"))
            continue
        spans.extend(
            Span(entity.part, start, start + length, entity, number == len(chosen) - 1)
            for number, (start, length) in enumerate(chosen)
            if start is not None and length
        )
    return Placed(tuple(spans), tuple(unplaced))
