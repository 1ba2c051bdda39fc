"""A team that annotates texts for which the right answer is known, over the local tagtog's real API."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from builders import E, document

from spacy_tagtog import client
from spacy_tagtog.anndoc import Document, Legend
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection
from spacy_tagtog.steps.projects import create_local_project

LEGEND = Legend({"e_1": "Star", "e_2": "Place"})
_FIRST = ["Al", "Be", "Co", "Du", "El", "Fi", "Go", "Ha", "Io", "Ju"]
_LAST = ["bara", "dim", "lune", "mond", "rith", "sor"]
_NAMES = [first + last for first in _FIRST for last in _LAST]
# Nothing in a name tells what it names, so a model has to have seen it, or the words around it.
_STARS, _PLACES = _NAMES[::2], _NAMES[1::2]
_FRAMES = [
    "Last night we saw {star} above {place}.",
    "We remember {star} and {other}.",
    "We remember {place}.",
    "Nobody could find {star} on the map.",
    "Nobody could find {place} on the map.",
]


def gold(number: int) -> Document:
    """A confirmed document: a few sentences with stars and places, the same for the same number."""
    rng = random.Random(number)
    text, entities = "", []
    for _ in range(3):
        frame = rng.choice(_FRAMES)
        star, other = rng.sample(_STARS, 2)
        place = rng.choice(_PLACES)
        for piece in frame.replace("{", "\0{").replace("}", "}\0").split("\0"):
            filled = piece.format(star=star, other=other, place=place)
            if piece.startswith("{"):
                kind = "e_2" if piece == "{place}" else "e_1"
                entities.append(E(1, len(text), len(text) + len(filled), kind))
            text += filled
        text += " "
    return document(f"{text}Note {number}.", entities=entities, name=f"n{number:03}.txt", legend=LEGEND)


def raw(number: int) -> Document:
    """The same document before anybody annotated it."""
    whole = gold(number)
    return document(whole.text.rstrip("\n"), complete=False, name=f"n{number:03}.txt", legend=LEGEND)


def careless(document_: Document) -> Document:
    """The document as somebody confirms it who takes every star for a place, and every place for a star."""
    data = document_.annotations.data
    for entity in data["entities"]:
        entity["classId"] = {"e_1": "e_2", "e_2": "e_1"}[entity["classId"]]
    return document_


@dataclass
class Team:
    """People who confirm documents on the local tagtog.

    Attributes:
        settings: Where the project is.
    """

    settings: ConnectionSettings

    @classmethod
    def start(cls, database: Path, *, confirmed: Iterable[int], new: Iterable[int]) -> Team:
        """Make a project with confirmed documents, and with some that nobody has seen."""
        team = cls(ConnectionSettings(project="night", database=database))
        with open_connection(team.settings, create=True) as tagtog:
            create_local_project(tagtog, LEGEND, ["pool"])
            client.push(tagtog.client, [*map(gold, confirmed), *map(raw, new)])
        return team

    def call(self, what: Callable[[TagtogClient], object]) -> object:
        """Call tagtog's API as one of the team."""
        with open_connection(self.settings) as tagtog:
            return what(tagtog.client)

    def review(self, numbers: Iterable[int], how: Callable[[Document], Document] = lambda one: one) -> None:
        """Confirm documents, all right unless somebody is careless."""
        self.call(lambda tagtog: client.push(tagtog, [how(gold(number)) for number in numbers]))

    def shown(self) -> dict[str, list[tuple[str, str]]]:
        """What people see: each unconfirmed document's id, with the type and text of its pre-annotations."""
        found: dict[str, list[tuple[str, str]]] = {}

        def look(tagtog: TagtogClient) -> None:
            for hit in tagtog.search("anncomplete:false"):
                entities = tagtog.annotations(hit.id)
                found[hit.id] = [(entity.class_id, entity.text) for entity in entities]

        self.call(look)
        return found
