"""Which entity a relation's reference means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Generic, TypeVar

from spacy_tagtog.anndoc.ann_json import Entity, Fragment
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit

_K = TypeVar("_K")


class References(Generic[_K]):
    """Which entity a relation's reference means.

    ``start,end`` are those of the whole entity, or in some projects of one of its fragments; real projects
    write one past the last character, others the last one; where none of these fits, the only entity that
    starts there is meant. What fits better wins, then what has fewer fragments, then (an older reference
    names no class) what comes first: so entities beside the one that is meant, which another version may
    have, can't take its place.

    Args:
        entities: The entities of one version, each with what it is to be known by.
    """

    def __init__(self, entities: Iterable[tuple[_K, Entity]]) -> None:
        self._by_start: dict[tuple[str, int], list[tuple[_K, str, list[Fragment]]]] = {}
        for key, entity in entities:
            fragments = entity.fragments
            for start in {fragment.start for fragment in fragments}:
                self._by_start.setdefault((entity.part, start), []).append((key, entity.class_id, fragments))

    def find(self, part: str, class_id: str | None, start: int, last: int) -> _K | None:
        """The entity that is meant, if there is one."""
        return next(iter(self.fitting(part, class_id, start, last)), None)

    def fitting(self, part: str, class_id: str | None, start: int, last: int) -> list[_K]:
        """All entities that could be meant, the one that is first."""
        there = [
            (key, fragments)
            for key, own_class, fragments in self._by_start.get((part, start), ())
            if class_id in (None, own_class)
        ]
        ranked = [(_misfit(fragments, start, last), len(fragments), key) for key, fragments in there]
        close = sorted(
            ((misfit, pieces, key) for misfit, pieces, key in ranked if misfit is not None),
            key=lambda one: one[:2],
        )
        keys = dict.fromkeys(key for _, _, key in close) or dict.fromkeys(key for key, _ in there)
        return list(keys) if close or len(keys) == 1 else []


def extent(entity: Entity, unit: OffsetUnit = "code-point") -> tuple[int, int]:
    """The first character of an entity and one past its last, as its file counts and a reference says.

    Args:
        entity: The entity.
        unit: What the lengths of its texts are counted in.
    """

    def length(text: str) -> int:
        return OffsetConverter(text).utf16_length if unit == "utf-16" else len(text)

    fragments = entity.fragments
    return min(fragment.start for fragment in fragments), max(
        fragment.start + length(fragment.text) for fragment in fragments
    )


def is_inclusive(entity: Entity, start: int, last: int) -> bool:
    """Whether the offsets of a reference to an entity end with its last character, not one past it."""
    misfit = _misfit(entity.fragments, start, last)
    return misfit is not None and misfit % 2 == 1


def _misfit(fragments: Sequence[Fragment], start: int, last: int) -> int | None:
    """How badly offsets fit an entity of which a fragment starts at ``start``; ``None`` if they don't."""
    whole = start == min(fragment.start for fragment in fragments)
    final = max(fragments, key=lambda fragment: fragment.start + OffsetConverter(fragment.text).utf16_length)
    here = [fragment for fragment in fragments if fragment.start == start]
    for misfit, (some, past) in enumerate(product(([final] if whole else [], here, fragments), (0, 1))):
        if any(
            last + past == fragment.start + length for fragment in some for length in _lengths(fragment.text)
        ):
            return misfit
    return None


def _lengths(text: str) -> set[int]:
    return {len(text), OffsetConverter(text).utf16_length}
