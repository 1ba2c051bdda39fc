"""An answer of tagtog, and the checks that it is what was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any, Final, TypeVar

import requests
from pydantic import TypeAdapter, ValidationError

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import UnexpectedAnswerError

MAX_ANSWER_BYTES: Final = 512 * 1024 * 1024
_T = TypeVar("_T")


class TooLargeError(UnexpectedAnswerError):
    """An answer that is too large. Asked for again, it would be as large again."""


@dataclass
class Answer:
    """A successful answer, read to its end."""

    place: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def filename(self) -> str | None:
        """The file name of ``Content-Disposition``."""
        header = self.headers.get("Content-Disposition")
        if header is None:
            return None
        message = Message()
        message["Content-Disposition"] = header
        found = message.get_param("filename", header="Content-Disposition")
        if found is None:
            return None
        return collapse_rfc2231_value(found) or None

    def unexpected(self, problem: str, **details: Any) -> UnexpectedAnswerError:
        """The error to raise if this isn't what was asked for."""
        details.setdefault("advice", "check that the domain is tagtog's; try again")
        return UnexpectedAnswerError(problem, status=self.status, place=self.place, **details)

    def json(self, schema: TypeAdapter[_T], what: str) -> _T:
        """The answer as JSON of a shape. Keys that the shape doesn't name are kept.

        Raises:
            UnexpectedAnswerError: It isn't.
        """
        try:
            data = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            page = " but a web page" if self.content.lstrip()[:1] == b"<" else ""
            raise self.unexpected(
                f"tagtog's answer isn't JSON{page}",
                value=self.content[:80].decode("utf-8", "replace"),
                legal=what,
            ) from error
        try:
            schema.validate_python(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole answer"
            raise self.unexpected(
                f"tagtog's answer isn't {what}: {where}", value=first["input"], legal=first["msg"]
            ) from error
        result: _T = data
        return result

    def check_html(self) -> None:
        """Make sure that the answer is HTML.

        Raises:
            UnexpectedAnswerError: It says that it is something else.
        """
        if self.content_type not in ("text/html", "application/xhtml+xml"):
            raise self.unexpected(
                "tagtog's answer isn't HTML",
                value=self.content_type or "(no content type)",
                legal="text/html",
            )

    def check_name(self, doc_id: str, suffix: str) -> None:
        """Make sure that the answer is the document asked for, as far as its file name says.

        Raises:
            UnexpectedAnswerError: It is another one.
        """
        name = self.filename
        if name is None:
            return
        # Header values should be ASCII, and servers garble other characters in different ways. So only the
        # ASCII characters before the first other one are compared.
        plain = re.split(r"[^!#-\[\]-~]", doc_id, maxsplit=1)[0]
        if name != f"{doc_id}{suffix}" and not (plain != doc_id and name.startswith(plain)):
            raise self.unexpected(
                "tagtog answered with another document", value=name, legal=f"{doc_id}{suffix}"
            )


def read_content(response: requests.Response, place: str) -> bytes:
    """The body of a response.

    Raises:
        UnexpectedAnswerError: It is too large (then it is a :class:`TooLargeError`), or it breaks off.
    """
    content = bytearray()
    for chunk in response.iter_content(1 << 20):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise TooLargeError(
                "tagtog's answer is too large",
                status=response.status_code,
                place=place,
                legal=f"at most {MAX_ANSWER_BYTES} bytes",
            )
    # Older versions of urllib3 don't compare the two.
    promised = response.headers.get("Content-Length", "")
    if "Content-Encoding" not in response.headers and promised.isdecimal() and int(promised) != len(content):
        raise UnexpectedAnswerError(
            "tagtog's answer breaks off",
            status=response.status_code,
            place=place,
            value=counted(len(content), "byte"),
            legal=f"{counted(int(promised), 'byte')}, as the answer itself announces",
            advice="try again",
        )
    return bytes(content)
