"""Requests to tagtog: sessions, redirects, and tries.

What is repeated, and what isn't, is decided here and nowhere else, see :meth:`Transport.call`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

from spacy_tagtog import __version__
from spacy_tagtog.client import _failures
from spacy_tagtog.client._address import ca_file, is_loopback, origin
from spacy_tagtog.client._answer import Answer, TooLargeError, read_content
from spacy_tagtog.client._failures import Failure
from spacy_tagtog.client._retry import Clock, Retries, Throttle, check_stopped
from spacy_tagtog.client._secrets import Secrets
from spacy_tagtog.client._time_limit import LimitedAdapter, time_limit
from spacy_tagtog.errors import (
    ClientError,
    ConfigurationError,
    RejectedError,
    SpacyTagtogError,
    UnexpectedAnswerError,
)

_MAX_REDIRECTS: Final = 5
_T = TypeVar("_T")
Fields = Mapping[str, str | int]


class _Session(requests.Session):
    """A session that leaves redirects to its caller, who decides which ones may have the password."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None

    def leads_to(self, response: requests.Response) -> str | None:
        """Where an answer redirects to, as it says itself; ``None`` if it doesn't redirect."""
        return super().get_redirect_target(response)


class Transport:
    """Sends requests of one project and reads the answers. Several threads may use it at once.

    Args:
        address: tagtog's address, see :func:`~spacy_tagtog.client._address.normalised`.
        username: The user who logs in.
        password: Their password.
        owner: The project's owner.
        project: The project's name.
        verify: ``True``, or the path of a CA file.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        total_timeout: Seconds that one try may take in all.
        retries: How often to try again.
        rate: At most this many calls per second; ``None``: unlimited.
        clock: The time.
        name: What errors call the server instead of its address; empty: the address.

    Attributes:
        domain: tagtog's address.
        secrets: What must not appear in messages.
    """

    def __init__(
        self,
        address: SplitResult,
        *,
        username: str,
        password: str,
        owner: str,
        project: str,
        verify: bool | Path,
        timeout: tuple[float, float],
        total_timeout: float,
        retries: Retries,
        rate: float | None,
        clock: Clock,
        name: str = "",
    ) -> None:
        self.domain = origin(address)
        self._name = name
        self.secrets = Secrets(username, password)
        self._fields = {"owner": owner, "project": project}
        self._verify = ca_file(verify)
        self._timeout = timeout
        self._total_timeout = total_timeout
        # A proxy of the environment can't reach this machine's own loopback.
        self._trust_env = not is_loopback(address.hostname or "")
        self._retries = retries
        self._clock = clock
        self._throttle = Throttle(rate, clock)
        self._chance = random.Random()  # noqa: S311
        self._idle: list[_Session] = []
        self._closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        """A session, with its kept-alive connection, for one thread at a time.

        There are never more sessions than threads that call at once.
        """
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = _Session()
            session.headers["User-Agent"] = f"spacy-tagtog/{__version__}"
            session.trust_env = self._trust_env
            # What is repeated is decided in call(), not by urllib3.
            adapter = LimitedAdapter(max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
        try:
            yield session
        finally:
            with self._lock:
                closed = self._closed
                if not closed:
                    self._idle.append(session)
            if closed:
                session.close()

    def place(self, method: str, path: str) -> str:
        """A call in words, for errors."""
        where = f"{method} {path} of the {self._name}" if self._name else f"{method} {self.domain}{path}"
        return f"{where}, project {self._fields['owner']}/{self._fields['project']}"

    def call(
        self,
        method: str,
        path: str,
        params: Fields | None = None,
        *,
        read: Callable[[Answer], _T],
        safe: bool | None = None,
        place: str | None = None,
        **body: Any,
    ) -> _T:
        """Send a request, and send it again where that is safe and promises something.

        What tagtog has certainly not done (no connection, 408, 425, 429) is always repeated. What it may have
        done (a time-out, a connection that breaks, 500, 502, 503, 504, an answer that isn't one) is repeated
        only if ``safe``.

        Args:
            method: The HTTP method.
            path: The path.
            params: The query, besides owner and project.
            read: Makes the result of an answer, and raises if the answer isn't what was asked for.
            safe: Whether doing it twice is as good as once; by default for GET.
            place: The call in words, for errors.
            **body: ``data``, ``files`` or ``json`` of requests.

        Raises:
            ClientError: In one of its forms, see :mod:`spacy_tagtog.errors`. Its ``uncertain`` says whether
                tagtog may have done it anyway.
            ConfigurationError: The request can't be sent.
        """
        safe = method == "GET" if safe is None else safe
        place = place or self.place(method, path)
        tries: dict[str, int] = {}
        waited = 0.0
        uncertain = False
        while True:
            check_stopped()
            self._throttle.wait()
            try:
                outcome = self._try(method, path, params, place, body, read)
            except SpacyTagtogError as final:
                if isinstance(final, ClientError):
                    final.uncertain = uncertain
                self.secrets.clean(final)
                raise
            if not isinstance(outcome, Failure):
                return outcome[0]
            kind = outcome.kind
            uncertain |= outcome.uncertain and method != "GET"
            number = 1 + sum(tries.values())
            if (
                kind is not None
                and (safe or not outcome.uncertain)
                and tries.get(kind, 0) < getattr(self._retries, kind)
            ):
                pause = (outcome.wait or 0.0) + self._retries.pause(number, self._chance)
                if waited + pause <= self._retries.longest_wait:
                    if outcome.wait:
                        self._throttle.hold(outcome.wait)
                    tries[kind] = tries.get(kind, 0) + 1
                    waited += pause
                    self._clock.sleep(pause)
                    continue
            raise self._given_up(outcome.error, tries=number, uncertain=uncertain, safe=safe)

    def _given_up(
        self, error: ClientError | ConfigurationError, *, tries: int, uncertain: bool, safe: bool
    ) -> ClientError | ConfigurationError:
        """The error of the last try, with what the earlier ones mean for the user."""
        if tries > 1:
            error.advice = f"{error.advice} (tried {tries} times)"
        if isinstance(error, ClientError):
            error.uncertain = uncertain
            if uncertain and not safe:
                error.advice = (
                    f"{error.advice}; tagtog may have done it anyway: look there before you repeat it"
                )
        self.secrets.clean(error)
        return error

    def _try(
        self,
        method: str,
        path: str,
        params: Fields | None,
        place: str,
        body: Mapping[str, Any],
        read: Callable[[Answer], _T],
    ) -> tuple[_T] | Failure:
        fields = {**self._fields, **(params or {})}
        # What requests raises holds the request with its Authorization header. So it isn't the cause of ours.
        caught: BaseException
        try:
            with time_limit(self._total_timeout, self._clock.monotonic):
                answer = self._exchange(method, f"{self.domain}{path}", fields, place, body)
            if isinstance(answer, Failure):
                return answer
            return (read(answer),)
        except TooLargeError:
            raise
        except UnexpectedAnswerError as error:
            return Failure(error, "nonsense", uncertain=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            caught = error
        except UnicodeError as error:
            reason = getattr(error, "reason", error)
            return Failure(
                ConfigurationError(
                    f"the request can't be encoded: {reason}",
                    place=place,
                    legal="names, queries and texts in valid Unicode",
                )
            )
        return _failures.of_network(
            caught, place=place, domain=self.domain, timeout=self._timeout, total_timeout=self._total_timeout
        )

    def _exchange(
        self, method: str, url: str, fields: Fields | None, place: str, body: Mapping[str, Any]
    ) -> Answer | Failure:
        for _ in range(_MAX_REDIRECTS + 1):
            # verify is given with each request: only so does it win over REQUESTS_CA_BUNDLE.
            with (
                self._session() as session,
                session.request(
                    method,
                    url,
                    params=fields,
                    auth=self.secrets.auth,
                    timeout=self._timeout,
                    verify=self._verify,
                    allow_redirects=False,
                    stream=True,
                    **body,
                ) as response,
            ):
                target = session.leads_to(response)
                if target is None:
                    return self._checked(response, read_content(response, place), place)
                url = _redirected(method, response, target, place)
            fields = None
        raise RejectedError(
            "tagtog's redirects lead in circles",
            place=place,
            legal=f"at most {_MAX_REDIRECTS} redirects",
            advice="check the domain",
        )

    def _checked(self, response: requests.Response, content: bytes, place: str) -> Answer | Failure:
        if 200 <= response.status_code < 300:
            return Answer(place, response.status_code, response.headers, content)
        words = _failures.Words.of(self.secrets.lines(content))
        return _failures.of_status(response, words=words, place=place, clock=self._clock)


def _redirected(method: str, response: requests.Response, target: str, place: str) -> str:
    """Where a redirect leads, if it may be followed.

    Raises:
        RejectedError: It may not: it leads to another server, or the request changes something.
        UnexpectedAnswerError: It leads to no address.
    """
    status = response.status_code
    try:
        url = urljoin(response.url, target)
        parts = urlsplit(url)
        there = origin(parts)
    except ValueError:
        raise UnexpectedAnswerError(
            "tagtog redirects to something that isn't an address", status=status, place=place
        ) from None
    here = urlsplit(response.url)
    upgraded = (here.scheme, parts.scheme) == ("http", "https")
    if method != "GET":
        raise RejectedError(
            f"tagtog redirects this {method}, and what it carries can't safely be sent on",
            status=status,
            place=place,
            value=there,
            legal="an answer from the domain itself",
            advice=f"give {there} as the domain"
            + (": this server wants https, not http" if upgraded else ""),
        )
    default_ports = here.port in (None, 80) and parts.port in (None, 443)
    if parts.hostname != here.hostname or not (there == origin(here) or (upgraded and default_ports)):
        raise RejectedError(
            "tagtog redirects to another server, which must not get the password",
            status=status,
            place=place,
            value=there,
            legal=f"a redirect within {origin(here)}",
            advice="if you trust that server, give it as the domain",
        )
    return parts._replace(netloc=there.partition("://")[2]).geturl()
