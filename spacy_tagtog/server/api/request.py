"""Reading a request: who, which project, what body."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.imports.uploads import UploadedFile

MAX_FILES = 2000
MAX_FIELDS = 100


@dataclass(frozen=True)
class Body:
    """The body of a request: fields of a form or of a JSON object, and files."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[UploadedFile, ...] = ()
    json: Any = None


class SizeLimit:
    """Middleware that refuses bodies beyond a limit, also those that don't declare their length."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app = app
        self.limit = limit

    def _refusal(self) -> RequestError:
        return RequestError(
            413,
            "the request is too large",
            legal=f"at most {self.limit} bytes",
            advice="send fewer documents in one request",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count the bytes of its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        received = int(declared) if declared.isdigit() else 0
        if received <= self.limit:
            received = 0

        async def limited() -> Message:
            nonlocal received
            if received > self.limit:  # as the client itself says: don't wait for the body
                raise self._refusal()
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self.limit:
                    raise self._refusal()
            return message

        await self.app(scope, limited, send)


def credentials(request: Request) -> tuple[str, str] | None:
    """User name and password of HTTP Basic authentication, ``None`` where there are none that can be read.

    Source: RFC 7617, in UTF-8.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = (
            base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        )
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


async def read_body(request: Request) -> Body:
    """Read a form, a multipart form, or JSON.

    Raises:
        RequestError: It can't be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request)
    data = await request.body()
    if kind == "application/x-www-form-urlencoded":
        try:
            # Not all programs encode: curl -d sends what it is given.
            pairs = parse_qsl(
                data.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
            )
        except ValueError as error:
            raise RequestError(
                400, f"the form can't be read: {error}", legal="UTF-8, percent-encoded or as it is"
            ) from error
        return Body(dict(pairs))
    if kind == "application/json":
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RequestError(
                400, f"the JSON can't be read: {error}", legal="a JSON object in UTF-8"
            ) from error
        return Body(value if isinstance(value, dict) else {}, json=value)
    if data:
        raise RequestError(
            400,
            "the body's content type isn't known",
            place="Content-Type",
            value=kind,
            legal="multipart/form-data, application/x-www-form-urlencoded, application/json",
        )
    return Body()


async def _multipart(request: Request) -> Body:
    # The request as a whole is limited, so a field needs no limit of its own.
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=2**40)
    except HTTPException as error:
        raise RequestError(
            400,
            f"the multipart body can't be read: {error.detail}",
            legal=f"at most {MAX_FILES} files and {MAX_FIELDS} fields, as RFC 7578 has it",
        ) from error
    try:
        fields: dict[str, Any] = {}
        files = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                # The field may have the file's name in place of the file.
                files.append(UploadedFile(value.filename or name, await value.read()))
            else:
                fields[name] = value
        return Body(fields, tuple(files))
    finally:
        await form.close()
