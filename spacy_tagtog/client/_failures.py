"""What an answer's status or a network error means for the user, and whether another try may help."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

from spacy_tagtog.client._retry import Clock, retry_after
from spacy_tagtog.client._secrets import in_one_line
from spacy_tagtog.client._time_limit import TooSlowError
from spacy_tagtog.errors import (
    AuthenticationError,
    ClientError,
    ConfigurationError,
    NotFoundError,
    RejectedError,
    UnexpectedAnswerError,
    UnreachableError,
)

_BUSY: Final = frozenset({408, 425, 429})
"""Statuses that say: not done, come back later (RFC 9110, RFC 6585, RFC 8470)."""
_FAILING: Final = frozenset({500, 502, 503, 504})
_DETAIL: Final = re.compile(r"(where|value|legal|to do): (.*)")


@dataclass
class Failure:
    """A try that failed.

    Attributes:
        error: What to raise if no other try follows.
        kind: The setting of :class:`Retries` that says how many tries follow. ``None``: it would fail again.
        uncertain: tagtog may have done what was asked anyway.
        wait: Seconds that tagtog asks to wait.
    """

    error: ClientError | ConfigurationError
    kind: Literal["failures", "refusals", "timeouts", "nonsense"] | None = None
    uncertain: bool = False
    wait: float | None = None


@dataclass(frozen=True)
class Words:
    """What an answer with an error status says.

    Attributes:
        said: The first lines, as one.
        problem: What is wrong, where the answer comes from a local tagtog: it writes errors as this package
            does. Empty otherwise.
        details: ``where``, ``value``, ``legal`` and ``to do`` of that error.
    """

    said: str
    problem: str = ""
    details: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Sequence[str]) -> Words:
        """Read the lines of an answer."""
        found = [_DETAIL.fullmatch(line) for line in lines[1:]]
        if not found or not all(found):
            return cls(in_one_line(lines))
        details = {match[1]: match[2] for match in found if match is not None}
        return cls(
            "; ".join([lines[0], *(f"{name}: {text}" for name, text in details.items())]), lines[0], details
        )

    def error(
        self,
        kind: type[ClientError],
        problem: str,
        *,
        status: int,
        place: str,
        legal: str | None = None,
        advice: str,
    ) -> ClientError:
        """The error to raise: the server's own words where they say what is wrong, else these."""
        theirs = self.details
        if "where" in theirs:
            place = f"{theirs['where']} ({place})"
        if not self.problem:
            error = kind(problem, status=status, place=place, value=self.said, legal=legal, advice=advice)
        else:
            more = {"value": theirs["value"]} if "value" in theirs else {}
            error = kind(
                self.problem,
                status=status,
                place=place,
                legal=theirs.get("legal", legal),
                advice=theirs.get("to do") or ("give what is legal" if "legal" in theirs else advice),
                **more,
            )
        error.said = self.said
        return error


def of_status(response: requests.Response, *, words: Words, place: str, clock: Clock) -> Failure:
    """What an answer with an error status means.

    Args:
        response: The answer.
        words: What it says.
        place: The call in words.
        clock: The time, for a ``Retry-After`` that names a date.

    Raises:
        AuthenticationError: The status is 401 or 403.
        NotFoundError: The status is 404.
    """
    status = response.status_code
    if status == 401:
        raise Words(words.said).error(
            AuthenticationError,
            "tagtog refused the user name and password",
            status=status,
            place=place,
            advice="check both, and that they belong to this domain",
        )
    if status == 403:
        raise words.error(
            AuthenticationError,
            "this user may not do that",
            status=status,
            place=place,
            legal="the role supercurator, reviewer or admin in the project; for members and settings: admin",
            advice="ask the project's admin for a role that may use the API",
        )
    if status == 404:
        raise words.error(
            NotFoundError,
            "tagtog knows no such project or document",
            status=status,
            place=place,
            advice="check the owner and the project, and that the document hasn't been deleted",
        )
    asked = response.headers.get("Retry-After")
    if status >= 500 or status in _BUSY:
        advice = "try again later"
        if asked is not None:
            advice += f": the server asks to wait (Retry-After: {asked[:40]})"
    else:
        advice = "correct what tagtog complains about"
    error = words.error(
        RejectedError,
        f"tagtog answered with an error ({status} {response.reason or ''}".rstrip() + ")",
        status=status,
        place=place,
        advice=advice,
    )
    retried = status in _BUSY or status in _FAILING
    return Failure(
        error,
        "failures" if retried else None,
        uncertain=status >= 500,
        wait=retry_after(asked, clock) if retried else None,
    )


def of_network(
    error: BaseException, *, place: str, domain: str, timeout: tuple[float, float], total_timeout: float
) -> Failure:
    """What an error of requests, urllib3 or the operating system means.

    Args:
        error: The error.
        place: The call in words.
        domain: tagtog's address.
        timeout: The seconds waited for the connection, and for each piece of the answer.
        total_timeout: The seconds that a try may take in all.
    """
    found = _Causes(error)
    return (
        _of_total_time(found, place, domain, total_timeout)
        or _of_encryption(found, place)
        or _of_connection(found, place, domain, timeout)
        or _of_answer(found, place)
        or _of_system(found, place, domain)
    )


class _Causes:
    """An error and what it wraps, outermost first.

    requests and urllib3 keep causes in ``args``, ``reason`` and ``original_error``.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self._all = list(self._walk(error))

    @staticmethod
    def _walk(error: BaseException) -> Iterator[BaseException]:
        todo = [error]
        seen: set[int] = set()
        while todo:
            cause = todo.pop(0)
            if id(cause) in seen:
                continue
            seen.add(id(cause))
            yield cause
            inner = [
                *cause.args,
                getattr(cause, "reason", None),
                getattr(cause, "original_error", None),
                cause.__cause__,
                cause.__context__,
            ]
            todo += [item for item in inner if isinstance(item, BaseException)]

    def __iter__(self) -> Iterator[BaseException]:
        return iter(self._all)

    def first(self, *types: type[BaseException]) -> BaseException | None:
        """The outermost cause of these types."""
        return next((cause for cause in self._all if isinstance(cause, types)), None)

    @property
    def unsent(self) -> bool:
        """Whether nothing was sent, since there was no connection."""
        none = self.first(NewConnectionError, ConnectTimeoutError, requests.exceptions.ConnectTimeout)
        return none is not None


def _of_total_time(found: _Causes, place: str, domain: str, total_timeout: float) -> Failure | None:
    if found.first(TooSlowError) is None:
        return None
    return Failure(
        UnreachableError(
            "tagtog's answer takes too long",
            place=place,
            value=f"not complete after {total_timeout:g} s",
            advice=f"check the network and that {domain} is well; try again later, or allow more time "
            "(total_timeout of TagtogClient)",
        ),
        "timeouts",
        uncertain=True,
    )


def _of_encryption(found: _Causes, place: str) -> Failure | None:
    certificate = found.first(ssl.SSLCertVerificationError)
    if certificate is not None:
        reason = getattr(certificate, "verify_message", "") or "verification failed"
        return Failure(
            UnreachableError(
                f"the server's certificate can't be verified: {reason}",
                place=place,
                legal="a certificate of a known authority, made out to this host",
                advice="for a self-signed certificate set TAGTOG_CA_FILE to a file with that certificate; "
                "else check the domain",
            )
        )
    if found.first(ssl.SSLError, requests.exceptions.SSLError) is None:
        return None
    tls = found.first(ssl.SSLError)
    reason = str(getattr(tls, "reason", None) or "the handshake failed").replace("_", " ").lower()
    return Failure(
        UnreachableError(
            f"no encrypted connection: {reason}",
            place=place,
            advice="check the port; if this server speaks plain HTTP, write http:// before the domain; "
            "to trust a self-signed certificate, set TAGTOG_CA_FILE",
        )
    )


def _of_connection(found: _Causes, place: str, domain: str, timeout: tuple[float, float]) -> Failure | None:
    if found.first(requests.exceptions.InvalidProxyURL, requests.exceptions.ProxyError) is not None:
        return Failure(
            UnreachableError(
                "the proxy doesn't answer", place=place, advice="check HTTPS_PROXY and NO_PROXY"
            ),
            "refusals",
            uncertain=not found.unsent,
        )
    late = found.first(
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ReadTimeout,
        ReadTimeoutError,
        ConnectTimeoutError,
        TimeoutError,
    )
    if late is None or found.first(NewConnectionError):
        return None
    return Failure(
        UnreachableError(
            "tagtog doesn't answer in time",
            place=place,
            value=f"waited {timeout[0]:g} s for the connection, {timeout[1]:g} s for the answer",
            advice=f"check that {domain} is up; try again later, or allow a longer time-out",
        ),
        "timeouts",
        uncertain=not found.unsent,
    )


def _of_answer(found: _Causes, place: str) -> Failure | None:
    broken = found.first(
        http.client.IncompleteRead,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    )
    if broken is not None:
        return Failure(
            UnexpectedAnswerError(
                "tagtog's answer breaks off, or can't be unpacked", place=place, advice="try again"
            ),
            "failures",
            uncertain=True,
        )
    garbled = found.first(
        http.client.HTTPException, requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL
    )
    if garbled is None or isinstance(garbled, http.client.RemoteDisconnected):
        return None
    return Failure(
        UnexpectedAnswerError(
            "this server's answer isn't HTTP",
            place=place,
            legal="tagtog's API",
            advice="check the domain and the port",
        ),
        "nonsense",
        uncertain=True,
    )


def _of_system(found: _Causes, place: str, domain: str) -> Failure:
    error = found.error
    if isinstance(error, OSError) and not isinstance(error, (requests.RequestException, ConnectionError)):
        # requests raises it for a bundle that isn't there.
        return Failure(
            ConfigurationError(
                "the trusted certificates can't be read",
                place=place,
                advice="check the environment variables REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
            )
        )
    system = [
        cause.strerror
        for cause in found
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException)
    ]
    reason = system[-1] if system else "the connection was closed without an answer"
    return Failure(
        UnreachableError(
            f"tagtog can't be reached: {reason}",
            place=place,
            advice=f"check the network and the domain {domain}; for a local tagtog, start it first",
        ),
        "refusals" if found.unsent else "failures",
        uncertain=not found.unsent,
    )
