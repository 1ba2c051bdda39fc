"""The style sheets and scripts of the pages. Only files that are known by name are served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from starlette.responses import Response

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call

_PACKAGES: Final = ("spacy_tagtog._pages", "spacy_tagtog.server.web")
"""Whose folders ``static`` are served."""
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class _StaticFile:
    data: bytes
    media_type: str
    etag: str


def _found() -> Iterator[tuple[str, _StaticFile]]:
    for package in _PACKAGES:
        for name, file in _files_in(files(package) / "static"):
            media_type = _MEDIA_TYPES.get(name[name.rfind(".") :])
            if media_type is not None:
                data = file.read_bytes()
                yield name, _StaticFile(data, media_type, f'"{hashlib.sha256(data).hexdigest()}"')


def _files_in(folder: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    # A Traversable: Python 3.10 and 3.14 have its class in different modules.
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files_in(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


@cache
def _static_files() -> Mapping[str, _StaticFile]:
    return dict(_found())


def get_static(call: Call) -> Response:
    """``GET /-static/NAME``: a style sheet or script."""
    known = _static_files()
    # The name is looked up among those that are known, and never becomes part of a path.
    file = known.get(call.path.removeprefix("/-static/"))
    if file is None:
        raise RequestError(404, "there is no such file", place=call.path, legal=", ".join(sorted(known)))
    # Scripts import each other by name, so their addresses can't change with their content.
    # Browsers ask each time whether they have the latest, which is a short answer.
    headers = {"Cache-Control": "no-cache", "ETag": file.etag}
    if file.etag in [tag.strip().removeprefix("W/") for tag in (call.if_none_match or "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(file.data, headers={**headers, "Content-Type": file.media_type})
