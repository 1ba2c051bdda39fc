"""What an entity may be normalized to, for the review page.

The path ``/-local/dictionary`` is this server's own; tagtog has no such API.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, cast

from starlette.responses import Response
from typing_extensions import TypedDict

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.dictionaries import suggest
from spacy_tagtog.server.db.projects import read_project

MOST_CHARACTERS: Final = 1000
"""How long what is searched may be."""


class SuggestedEntry(TypedDict):
    """An entry of a dictionary: its id and name, how often it is used, and what else of it was found."""

    id: str
    name: str
    uses: int
    same_text: int
    matched: str


class SuggestedEntries(TypedDict):
    """Entries that an entity may be normalized to, the best first."""

    dictionary: str
    entries: list[SuggestedEntry]


def get_dictionary(call: Call) -> Response:
    """``GET /-local/dictionary``: what an entity may be normalized to."""
    call.need("read the master version")
    class_id = call.parameter("dictionary", "?dictionary=n_1, the class id of a dictionary")
    given = {name: call.query.get(name) or "" for name in ("search", "text")}
    if len(given["search"]) > MOST_CHARACTERS:
        raise RequestError(
            400, "the search is too long", place="search", legal=f"at most {MOST_CHARACTERS} characters"
        )
    with call.database.reading() as connection:
        info = read_project(connection, *call.project)
        dictionaries = info.legend.of("n")
        if class_id not in dictionaries:
            raise RequestError(
                404,
                "the project has no such dictionary",
                place="dictionary",
                value=class_id,
                legal=", ".join(f"{one} ({name})" for one, name in dictionaries.items())
                or "(the project has no dictionary)",
                advice="load one: spacy-tagtog settings --dictionary NAME=FILE",
            )
        found = suggest(connection, info.key, class_id, list(info.legend.of("e")), **given)
    entries = [cast("SuggestedEntry", asdict(one)) for one in found]
    answer: SuggestedEntries = {"dictionary": class_id, "entries": entries}
    return json_answer(answer)
