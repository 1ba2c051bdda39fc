"""The error that becomes an HTTP answer."""

from __future__ import annotations

from typing import Any

from spacy_tagtog.errors import LocalServerError


class RequestError(LocalServerError):
    """A request can't be answered.

    Args:
        status: The HTTP status.
        problem: What is wrong.
        **details: ``place``, ``value``, ``legal`` and ``advice`` of
        :class:`~spacy_tagtog.errors.SpacyTagtogError`.
    """

    def __init__(self, status: int, problem: str, **details: Any) -> None:
        super().__init__(problem, **details)
        self.status = status
