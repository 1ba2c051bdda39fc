"""Passwords that answers may repeat, and how they are kept out of messages."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from requests.auth import HTTPBasicAuth

from spacy_tagtog.errors import SpacyTagtogError

_SHORTEST: Final = 4
"""A shorter password is part of too many words to be masked in sentences of this package's own."""
_NEVER_A_WORD: Final = 12
"""From this length on a password is masked inside other words, too: it is no piece of them by chance."""


class Secrets:
    """The user name and password of a client.

    Attributes:
        auth: For requests.
    """

    def __init__(self, username: str, password: str) -> None:
        # As bytes: requests would encode text as Latin-1.
        credentials = (
            username.encode("utf-8", "surrogateescape"),
            password.encode("utf-8", "surrogateescape"),
        )
        self.auth = HTTPBasicAuth(*credentials)
        # As they are, as repr and JSON write them, and as Latin-1 misreads them.
        secrets = (password, b64encode(b":".join(credentials)).decode())
        spellings = {
            form
            for one in secrets
            for form in (one, repr(one)[1:-1], json.dumps(one)[1:-1], credentials[1].decode("latin-1"))
        }
        self._spellings = [
            (secret, _pattern(secret)) for secret in sorted(spellings, key=len, reverse=True) if secret
        ]

    def _masked(self, text: str, *, own: bool = False) -> str:
        """The text without secrets; ``own``: a sentence of this package's, in which plain words stay."""
        for secret, pattern in self._spellings:
            if not own or (len(secret) >= _SHORTEST and not _is_plain_word(secret)):
                text = pattern.sub("***", text)
        return text

    def lines(self, content: bytes) -> list[str]:
        """The lines of an answer in words: no markup, and nothing secret that it may repeat."""
        text = content[:20_000].decode("utf-8", "replace")
        if re.match(r"\s*<", text):
            text = re.sub(r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        lines = [" ".join(line.split()) for line in self._masked(text).splitlines()]
        return [line for line in lines if line]

    def said(self, content: bytes) -> str:
        """The first lines of an answer, as one."""
        return in_one_line(self.lines(content))

    def clean(self, error: SpacyTagtogError) -> None:
        """Take out of an error what an answer repeated of the password."""
        said = ""
        todo: list[BaseException | None] = [error, error.__cause__, error.__context__]
        while todo:
            link = todo.pop()
            if link is not None:
                said += f"{link} {link!r} {vars(link)!r}"
                todo += [] if link is error else [link.__cause__, link.__context__]
        if self._masked(said) == said:
            return
        error.value = (
            None
            if error.value is None
            else self._masked(error.value if isinstance(error.value, str) else repr(error.value))
        )
        # Place and advice are words of this package's own, and hold nothing of an answer.
        error.problem = self._masked(error.problem, own=True)
        error.args = (error.problem,)
        error.legal = None if error.legal is None else self._masked(error.legal, own=True)
        # What caused it, such as a failed validation, holds the answer itself.
        error.__cause__ = error.__context__ = None


def in_one_line(lines: Sequence[str]) -> str:
    """The first lines of an answer, as one."""
    return " / ".join(lines[:3]) or "(nothing)"


def _is_plain_word(secret: str) -> bool:
    """Whether a sentence of this package's may have this word by itself: masking it would tell what it is."""
    return secret.isalpha() and secret.islower() and len(secret) < _NEVER_A_WORD


def _pattern(secret: str) -> re.Pattern[str]:
    """What finds a secret; a short one only where it is no piece of a longer word."""
    before, after = "", ""
    if len(secret) < _NEVER_A_WORD:
        before = r"(?<![^\W_])" if secret[0].isalnum() else ""
        after = r"(?![^\W_])" if secret[-1].isalnum() else ""
    return re.compile(before + re.escape(secret) + after)
