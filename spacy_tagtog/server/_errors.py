"""The error that becomes an HTTP answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacy_tagtog.errors import LocalServerError


class RequestError(LocalServerError):
    """A request can't be answered.

    Args:
        status: The HTTP status.
        problem: What is wrong.
        headers: Headers that the answer has because of it.
        **details: ``place``, ``value``, ``legal`` and ``advice`` of
        :class:`~spacy_tagtog.errors.SpacyTagtogError`.
    """

    def __init__(
        self, status: int, problem: str, *, headers: Mapping[str, str] | None = None, **details: Any
    ) -> None:
        super().__init__(problem, **details)
        self.status = status
        self.headers = dict(headers or {})
