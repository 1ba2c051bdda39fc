"""A project with entities in entities, and with document labels, that a model learns in a moment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

from notes import entity

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, html_from_text

LEGEND = Legend({"e_1": "Person", "e_2": "Office", "m_1": "Topic", "m_2": "urgent"})
_OFFICES = ("mayor", "judge", "clerk", "rector")
_NAMES = ("Ada", "Ben", "Cleo", "Dora", "Emil")
_PLACES = {"sport": ("stadium", "race"), "science": ("lab", "telescope"), "trade": ("market", "bank")}


def nested_documents(
    number: int, *, labels: bool = True, nested: bool = True, seed: int = 0
) -> list[Document]:
    """Documents in which a person with an office holds the office as an entity of its own.

    Args:
        number: How many.
        labels: Whether they have a topic (one of three) and, all but each third, a mark ``urgent``.
        nested: Whether the offices are annotated.
        seed: Of chance.
    """
    chance = random.Random(seed)
    made = []
    for place, topic in zip(range(number), _turns(tuple(_PLACES)), strict=False):
        text, entities = "", []
        urgent = chance.random() < 0.5
        for office, name in chance.sample(list(product(_OFFICES, _NAMES)), 3):
            text += "Today the "
            entities.append(entity("e_1", len(text), f"{office} {name}"))
            if nested:
                entities.append(entity("e_2", len(text), office))
            text += f"{office} {name} saw the {chance.choice(_PLACES[topic])}. "
        text += "Answer now!" if urgent else "No hurry."
        metas = {"m_1": topic, **({} if place % 3 == 0 else {"m_2": urgent})} if labels else {}
        made.append(_document(text, entities, metas, f"note-{place}.txt"))
    return made


def _turns(names: Sequence[str]) -> Sequence[str]:
    return [*names] * 1000


def _document(text: str, entities: list[dict[str, object]], metas: dict[str, object], name: str) -> Document:
    html = html_from_text(text, filename=name)
    confidence = {"state": "", "who": ["user:ada"], "prob": 1}
    annotations = Annotations(
        {
            "annotatable": {"parts": ["s1v1"]},
            "anncomplete": True,
            "sources": [],
            "metas": {key: {"value": value, "confidence": confidence} for key, value in metas.items()},
            "entities": entities,
            "relations": [],
        }
    )
    return Document(str(html.id), html, {MASTER: annotations}, legend=LEGEND)
