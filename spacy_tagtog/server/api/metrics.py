"""Counts of what is annotated, over HTTP.

Facts: tagtog's metrics API (v0, ``search_stats``).
"""

from __future__ import annotations

from starlette.responses import Response

from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.metrics import search_stats


def get_search_stats(call: Call) -> Response:
    """``GET /search_stats``: the counts of what a search finds."""
    call.need("see metrics")
    with call.database.reading() as connection:
        stats = search_stats(connection, *call.project, call.query.get("search") or "*", user=call.user)
    return json_answer(stats)
