"""Texts with a star and a planet, of which the words between say whether they are related."""

from __future__ import annotations

from typing import Any

from builders import E, document

from spacy_tagtog.anndoc import Document

STARS = ("Sirius", "Vega", "Rigel", "Deneb", "Altair", "Capella")
PLANETS = ("Mars", "Venus", "Saturn", "Jupiter")
RELATES, UNRELATED = "shines near", "never met"


def sentence(star: str, how: str, planet: str, *, where: str = "") -> tuple[str, list[E]]:
    """A text with a star and a planet."""
    text = f"{star} {how} {planet} tonight{where}."
    normalized = {
        "normalizations": {"n_1": {"source": {"id": f"Q{len(star)}{star}", "name": "wiki", "url": None}}}
    }
    return text, [
        E(1, 0, len(star), keys=normalized),
        E(1, start := len(star) + len(how) + 2, start + len(planet), "e_2"),
    ]


def related(first: str, second: str, *, directed: bool = True, **more: Any) -> dict[str, Any]:
    confidence = {"state": "", "who": ["user:ann"], "prob": 1}
    return {
        "classId": "r_1",
        "type": "linked",
        "directed": directed,
        "entities": [first, second],
        "confidence": confidence,
        **more,
    }


def reference(entity: E) -> str:
    return f"s1p{entity.part}|{entity.class_id}|{entity.start},{entity.end}"


def taught(star: str, how: str, planet: str, number: int, *, directed: bool = True) -> Document:
    text, entities = sentence(star, how, planet, where=f" over hill number {number}" + " again" * number)
    relations = []
    if how == RELATES:
        relations = [related(*map(reference, entities), directed=directed)]
    return document(text, entities=entities, relations=relations, name=f"{star}{planet}{how}.txt")


def project() -> list[Document]:
    """Half of all pairs are related in one text, and not in another."""
    pairs = [(star, planet) for star in STARS for planet in PLANETS]
    return [
        taught(star, how, planet, number)
        for number, (star, planet) in enumerate(pairs)
        for how in (RELATES, UNRELATED)
    ]
