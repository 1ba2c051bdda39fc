"""What the server answers with: JSON, files to download, and errors as text for people."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import WithJsonSchema
from starlette.responses import PlainTextResponse, Response

from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.failures import DatabaseError, kind_of

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    # A document comes from anywhere: shown by a browser, it must not run anything.
    # The server's own pages have a policy of their own, which allows its style sheets and scripts.
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    ),
}
"""The headers of every answer that doesn't set its own."""
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment as text, such as ``2021-07-15T16:34:41.720Z``."""
_REALM: Final = {"WWW-Authenticate": 'Basic realm="local tagtog", charset="UTF-8"'}
_log = logging.getLogger("spacy_tagtog.server")


def json_answer(value: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    # Escapes keep lone surrogates, which JSON can hold and UTF-8 can't.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = json.dumps(value, allow_nan=False).encode()
    return Response(data, media_type="application/json", headers=headers)


def disposition(name: str) -> dict[str, str]:
    """The header that makes a browser save the answer as a file.

    Source: RFC 6266: the name in ASCII and, where it has other characters, in UTF-8 (RFC 5987).
    """
    plain = "".join(
        character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name
    )
    value = f'attachment; filename="{plain}"'
    return {
        "Content-Disposition": value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"
    }


def status_of(error: SpacyTagtogError) -> int:
    """The HTTP status of an error."""
    return error.status if isinstance(error, RequestError) else 400


def headers_of(error: SpacyTagtogError, *, challenge: bool) -> dict[str, str]:
    """The headers of the answer to a request that can't be fulfilled.

    Args:
        error: Why.
        challenge: Whether to ask for a password by HTTP Basic. Browsers open a window of their own then.
    """
    headers = dict(error.headers) if isinstance(error, RequestError) else {}
    if status_of(error) == 401 and challenge:
        headers.update(_REALM)
    if status_of(error) == 413:
        headers["Connection"] = "close"  # the rest of the body stays unread
    return {**HEADERS, **headers}


def refusal(error: SpacyTagtogError, *, challenge: bool = True) -> Response:
    """The answer to a program whose request can't be fulfilled: the error as text."""
    # A message may show what the client sent, lone surrogates of its JSON too.
    return PlainTextResponse(
        f"{error}\n".encode("utf-8", "backslashreplace"),
        status_code=status_of(error),
        headers=headers_of(error, challenge=challenge),
    )


def database_failure(error: DatabaseError | sqlite3.Error | OSError) -> RequestError:
    """The error to answer with where the database can't do now what was asked. It doesn't name the file."""
    kind = error.kind if isinstance(error, DatabaseError) else kind_of(error)
    if kind == "full":
        return RequestError(
            507,
            "there is no space left for the database",
            advice="free some space (documents can still be deleted), then send the request again. "
            "Nothing of it was stored.",
        )
    if kind == "busy":
        return RequestError(
            503,
            "another program holds the database",
            advice="send the request again. Nothing of it was stored.",
            headers={"Retry-After": "5"},
        )
    _log.error("the database failed", exc_info=error)
    if kind == "damaged":
        return RequestError(
            500,
            "the database is damaged",
            advice="tell who runs this server: it has to be restored from a backup",
        )
    return RequestError(
        500,
        "the database failed",
        advice="see the log of the server. Nothing of the request was stored.",
    )
