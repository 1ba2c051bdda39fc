"""The addresses of the API and what answers there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from spacy_tagtog.server.api import (
    comparable,
    compare,
    dictionary,
    documents,
    history,
    members,
    metrics,
    queue,
    review,
    settings,
    versions,
    webhooks,
)
from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call, Handler
from spacy_tagtog.server.api.openapi import openapi_document


def _describe(_: Call) -> Response:
    return json_answer(openapi_document())


_SETTINGS: Final = "/-api/settings/v1"

API_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/-api/documents/v1": {
        "GET": documents.get_documents,
        "POST": documents.import_documents,
        "PUT": documents.import_documents,
        "DELETE": documents.delete_documents,
    },
    "/-api/documents/versions/v0/merge": {"POST": versions.merge_versions},
    "/-api/documents/versions/v0/copy": {"POST": versions.copy_version},
    "/-api/metrics/v0/search_stats": {"GET": metrics.get_search_stats},
    "/-api/metrics/v0/iaa": {"GET": versions.get_iaa},
    f"{_SETTINGS}/task-distribution": {"PUT": members.put_distribution},
    f"{_SETTINGS}/members": {"GET": members.get_members, "POST": members.add_member},
    f"{_SETTINGS}/members/{{login}}": {"PUT": members.change_member, "DELETE": members.remove_member},
    f"{_SETTINGS}/pending-members": {"GET": members.get_pending_members},
    f"{_SETTINGS}/pending-members/{{invitationToken}}": {"DELETE": members.remove_pending_member},
    f"{_SETTINGS}/annotationsLegend": {"GET": settings.get_legend},
    f"{_SETTINGS}/export": {"GET": settings.export_settings},
    f"{_SETTINGS}/import": {"POST": settings.import_settings},
    f"{_SETTINGS}/folders/add": {"POST": settings.add_folder},
    f"{_SETTINGS}/folders/rename": {"POST": settings.rename_folder},
    f"{_SETTINGS}/folders/remove": {"POST": settings.remove_folder},
}
"""tagtog's own API, which not every role may use: path → method → handler."""

LOCAL_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/-local/openapi.json": {"GET": _describe},
    "/-local/annotations": {"PUT": history.put_annotations},
    "/-local/guidelines": {"GET": settings.get_guidelines, "PUT": settings.put_guidelines},
    "/-local/history": {"GET": history.get_history},
    "/-local/history/version": {"GET": history.get_save},
    "/-local/history/compare": {"GET": history.get_compared},
    "/-local/history/restore": {"POST": history.post_restore},
    "/-local/compare": {"GET": compare.get_comparison, "PUT": compare.put_decisions},
    "/-local/compare/documents": {"GET": compare.get_documents},
    "/-local/versions": {"GET": comparable.get_versions},
    "/-local/versions/copy": {"POST": versions.copy_side},
    "/-local/versions/merge": {"POST": versions.merge_versions},
    "/-local/dictionary": {"GET": dictionary.get_dictionary},
    "/-local/queue": {"GET": queue.get_queue},
    "/-local/review": {"GET": review.get_review},
    "/-local/ranking": {"PUT": queue.put_ranking},
    "/-local/flag": {"PUT": queue.put_flag, "DELETE": queue.delete_flag},
    "/-local/webhooks": {
        "GET": webhooks.get_webhooks,
        "PUT": webhooks.put_webhooks,
        "DELETE": webhooks.delete_deliveries,
    },
    "/-local/webhooks/retry": {"POST": webhooks.post_retry},
}
"""What only the local tagtog has: path → method → handler."""
