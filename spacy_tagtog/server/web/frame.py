"""What pages have in common: their headers, and how an error looks as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import HTMLResponse, Response

from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server.api.answers import headers_of, status_of
from spacy_tagtog.server.web import pages

PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With no-referrer, browsers hide from us, too, where a form comes from.
    "Referrer-Policy": "same-origin",
}
"""The policy of pages: style sheets, scripts and forms of this server alone, and none of them inline."""


def page(html: str, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """The answer that is a page."""
    # Annotations may hold lone surrogates, which a page can't.
    return HTMLResponse(html.encode("utf-8", "replace"), status, {**PAGE_HEADERS, **(headers or {})})


def error_page(error: SpacyTagtogError, *, challenge: bool) -> Response:
    """The answer to a browser whose request can't be fulfilled.

    Args:
        error: Why.
        challenge: Whether to ask for a password by HTTP Basic.
    """
    headers = {**headers_of(error, challenge=challenge), **PAGE_HEADERS}
    return page(pages.error_page(status_of(error), error), headers, status_of(error))
