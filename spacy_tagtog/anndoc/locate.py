"""Where entities stand in the text: every offset is checked against the text that ann.json stores with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spacy_tagtog.anndoc.ann_json import Annotations, Entity
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import Part

LocationProblem = Literal["missing_part", "offset_mismatch"]
"""``missing_part``: plain.html has no such part. ``offset_mismatch``: another text stands at the offset."""


_MAX_PARTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Repair:
    """How a wrong offset was mended, see :mod:`spacy_tagtog.anndoc.repair`.

    Attributes:
        method: A key of :data:`~spacy_tagtog.anndoc.repair.CONFIDENCE`.
        confidence: How often the method is right at least, whatever broke the offsets, in (0, 1].
        detail: What was done, in words.
    """

    method: str
    confidence: float
    detail: str


@dataclass(frozen=True, slots=True)
class Located:
    """An entity and where it stands.

    Attributes:
        entity: The entity.
        ranges: (start, end) of each fragment in code points of the part's text, in file order; empty where
            there is a problem.
        problem: Why it can't be placed, or ``None``.
        detail: The problem in words.
        repair: How its place was found where its offset was wrong, or ``None``.
    """

    entity: Entity
    ranges: tuple[tuple[int, int], ...]
    problem: LocationProblem | None = None
    detail: str = ""
    repair: Repair | None = None

    @property
    def start(self) -> int:
        """Where its first fragment starts."""
        return min(start for start, _ in self.ranges)

    @property
    def end(self) -> int:
        """Where its last fragment ends."""
        return max(end for _, end in self.ranges)

    @property
    def is_discontinuous(self) -> bool:
        """Whether there is a gap between its fragments."""
        return len(self.ranges) > 1


def _place(text: str, start: int, surface: str) -> tuple[int, int] | None:
    end = start + len(surface)
    return (start, end) if text.startswith(surface, start) and end <= len(text) else None


def detect_unit(
    parts: Mapping[str, Part], annotations: Annotations, *, default: OffsetUnit = "utf-16"
) -> OffsetUnit:
    """Find out how an ann.json counts, from the evidence in it.

    Evidence is every fragment after an astral character, where the two units differ: the one under which more
    fragments match their text wins.

    Args:
        parts: The parts of the document's content.
        annotations: The annotations.
        default: The unit where nothing tells (tagtog's own server and editor count UTF-16).
    """
    if all(part.text.isascii() for part in parts.values()):
        return default
    converters: dict[str, OffsetConverter] = {}
    votes = {"utf-16": 0, "code-point": 0}
    for entity in annotations.entities:
        part = parts.get(entity.part)
        if part is None or part.text.isascii():
            continue
        converter = converters.get(part.id) or converters.setdefault(part.id, OffsetConverter(part.text))
        if not converter.has_astral:
            continue
        for fragment in entity.fragments:
            point = converter.to_code_points(fragment.start)
            as_utf16 = point is not None and _place(part.text, point, fragment.text) is not None
            as_points = _place(part.text, fragment.start, fragment.text) is not None
            if as_utf16 != as_points:
                votes["utf-16" if as_utf16 else "code-point"] += 1
    if votes["utf-16"] == votes["code-point"]:
        return default
    return "utf-16" if votes["utf-16"] > votes["code-point"] else "code-point"


def locate(
    parts: Mapping[str, Part], annotations: Annotations, *, unit: OffsetUnit | Literal["auto"] = "auto"
) -> list[Located]:
    """Place every entity of a version.

    Args:
        parts: The parts of the document's content.
        annotations: The annotations.
        unit: How the offsets count; ``"auto"`` finds out from the evidence.

    Returns:
        One :class:`Located` for each entity, in file order; those that can't be placed carry a problem.
    """
    if unit == "auto":
        unit = detect_unit(parts, annotations)
    converters: dict[str, OffsetConverter] = {}
    known = ", ".join(list(parts)[:_MAX_PARTS_SHOWN]) + (", …" if len(parts) > _MAX_PARTS_SHOWN else "")
    result = []
    shifting = {part.id for part in parts.values() if unit == "utf-16" and not part.text.isascii()}
    for entity in annotations.entities:
        part_id = entity.data["part"]
        part = parts.get(part_id)
        if part is None:
            result.append(
                Located(
                    entity,
                    (),
                    "missing_part",
                    f"plain.html has no part {part_id!r}; it has {known or 'none'}",
                )
            )
            continue
        text = part.text
        ranges = []
        mismatch = ""
        for offset in entity.data["offsets"]:
            start: int | None = offset["start"]
            if part_id in shifting:
                converter = converters.get(part_id) or converters.setdefault(part_id, OffsetConverter(text))
                start = converter.to_code_points(offset["start"])
            found = None if start is None else _place(text, start, offset["text"])
            if found is None:
                there = None if start is None else text[start : start + len(offset["text"])]
                mismatch = (
                    f"at {offset['start']} stands {there!r}"
                    if there is not None
                    else f"{offset['start']} is in the middle of a character"
                )
                break
            ranges.append(found)
        result.append(
            Located(entity, (), "offset_mismatch", mismatch) if mismatch else Located(entity, tuple(ranges))
        )
    return result
