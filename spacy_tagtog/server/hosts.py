"""By which names this server may be called.

A web site can make its own name lead to this computer (DNS rebinding): then a browser takes the server for a
part of that site, and lets the site's scripts read what it answers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from spacy_tagtog.errors import setting
from spacy_tagtog.server._errors import RequestError

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def _name_in(header: str) -> str | None:
    """The name in a ``Host`` header, without the port and without brackets."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


class Hosts:
    """The names and addresses by which browsers and programs may call the server.

    Args:
        names: Those beside this computer's own.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = {*_LOCAL, *(name.strip("[]").rstrip(".").lower() for name in names)}

    def check(self, request: Request) -> None:
        """Make sure that a request was sent to this server.

        The address that the connection came to is ours as well: no other site can have it for a name.

        Raises:
            RequestError: It was sent to another name (421).
        """
        header = request.headers.get("host", "")
        name = (_name_in(header) or "").rstrip(".")
        reached = (request.scope.get("server") or ("",))[0]
        if name not in self._names and not (name and name == str(reached).partition("%")[0]):
            raise RequestError(
                421,
                "this server isn't called so",
                place="Host",
                value=header,
                legal=", ".join(sorted(self._names)),
                advice=f"use one of these, or start the server with {setting('host_names', name or 'NAME')}",
            )
