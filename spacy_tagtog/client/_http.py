"""Requests to tagtog and their answers: sessions, retries, redirects, and everything that can go wrong on the way.

What is repeated, and what isn't, is decided here and nowhere else, see :meth:`Transport.call`.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import random
import re
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from pydantic import TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

from spacy_tagtog import __version__
from spacy_tagtog._plural import counted
from spacy_tagtog.client._retry import Clock, Retries, Throttle, check_stopped, retry_after
from spacy_tagtog.errors import (
    AuthenticationError,
    ClientError,
    ConfigurationError,
    NotFoundError,
    RejectedError,
    SpacyTagtogError,
    UnexpectedAnswerError,
    UnreachableError,
)

_MAX_REDIRECTS: Final = 5
_MAX_ANSWER_BYTES: Final = 512 * 1024 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_BUSY: Final = frozenset({408, 425, 429})
"""Statuses that say: not done, come back later (RFC 9110, RFC 6585, RFC 8470)."""
_FAILING: Final = frozenset({500, 502, 503, 504})
_SHORTEST: Final = 4
_T = TypeVar("_T")
Fields = Mapping[str, str | int]


class _TooLargeError(UnexpectedAnswerError):
    """An answer that would only be as large again."""


class _Session(requests.Session):
    """A session that leaves redirects to its caller, who decides which ones may have the password."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None

    def leads_to(self, response: requests.Response) -> str | None:
        """Where an answer redirects to, as it says itself; ``None`` where it doesn't."""
        return super().get_redirect_target(response)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, outermost first. requests and urllib3 keep causes in ``args``, ``reason`` and ``original_error``."""
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


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin(parts: SplitResult) -> str:
    """Scheme, host and port of an address, without a user name or password in it."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def normalised(domain: str) -> SplitResult:
    """A domain as an address with a scheme, nothing after host and port.

    Raises:
        ConfigurationError: It isn't one.
    """
    legal, advice = (
        "https://HOST or https://HOST:PORT",
        "give tagtog's address alone, such as https://www.tagtog.com",
    )
    text = domain.strip()
    if "@" in text:
        # The value isn't shown: there may be a password in it.
        raise ConfigurationError(
            "tagtog's domain holds a user name or password",
            legal=legal,
            advice="give them as user name and password instead",
        )
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            "tagtog's domain isn't an address", value=domain, legal=legal, advice=advice
        ) from None
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or port == 0 or not (":" in host or _HOST_NAME.fullmatch(host)):
        raise ConfigurationError("tagtog's domain isn't an address", value=domain, legal=legal, advice=advice)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            "tagtog's domain has something after the host",
            value=domain,
            legal=legal,
            advice=f"give {origin(parts)}, and the owner and the project by themselves",
        )
    return parts


def ca_file(verify: bool | Path | str) -> bool | str:
    if verify is True:
        return True
    if verify is False:
        raise ConfigurationError(
            "the server's certificate must be verified: a password goes over this connection",
            value=False,
            legal="True, or the path of a CA file",
            advice="for a self-signed certificate give the certificate itself as the CA file (TAGTOG_CA_FILE)",
        )
    path = Path(verify)
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = (
            "it holds no certificate"
            if isinstance(error, ssl.SSLError)
            else getattr(error, "strerror", None) or error
        )
        raise ConfigurationError(
            f"the CA file can't be used: {reason}",
            place=path,
            legal="a file of certificates in PEM format",
            advice="check TAGTOG_CA_FILE; ask whoever runs your tagtog for the certificate",
        ) from error
    return str(path)


@dataclass
class _Failure:
    """A try that failed.

    Attributes:
        error: What to raise if no other try follows.
        kind: The setting of :class:`Retries` that says how many tries follow, or ``None``: it would fail again.
        uncertain: tagtog may have done what was asked all the same.
        wait: Seconds that tagtog asks to wait.
    """

    error: ClientError | ConfigurationError
    kind: str | None = None
    uncertain: bool = False
    wait: float | None = None


class Transport:
    """Sends requests of one project and reads the answers; several threads may use it at once.

    Args:
        address: tagtog's address, see :func:`normalised`.
        username: Who logs in.
        password: Their password.
        owner: The project's owner.
        project: The project's name.
        verify: ``True``, or the path of a CA file.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        retries: How often to try again.
        rate: Calls a second, or ``None``.
        clock: The time.
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
        retries: Retries,
        rate: float | None,
        clock: Clock,
    ) -> None:
        self.domain = origin(address)
        self._fields = {"owner": owner, "project": project}
        self._verify = ca_file(verify)
        self._timeout = timeout
        # As bytes: requests would encode text as Latin-1.
        credentials = (
            username.encode("utf-8", "surrogateescape"),
            password.encode("utf-8", "surrogateescape"),
        )
        self._auth = HTTPBasicAuth(*credentials)
        # As they are, as repr and JSON write them, and as Latin-1 misreads them.
        secrets = (password, b64encode(b":".join(credentials)).decode())
        spellings = {
            form
            for one in secrets
            for form in (one, repr(one)[1:-1], json.dumps(one)[1:-1], credentials[1].decode("latin-1"))
        }
        self._spellings = sorted(spellings, key=len, reverse=True)
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
        """A session, with its kept-alive connection, for one thread at a time. There are never more than threads that call at once."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = _Session()
            session.headers["User-Agent"] = f"spacy-tagtog/{__version__}"
            session.trust_env = self._trust_env
            # What is repeated is decided in call(), not by urllib3.
            adapter = HTTPAdapter(max_retries=0)
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
        return f"{method} {self.domain}{path}, project {self._fields['owner']}/{self._fields['project']}"

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
        """Send a request, and again where that is safe and promises something.

        Repeated is what tagtog has certainly not done (no connection, 408, 425, 429), whatever it is. What may have been done (a time-out, a
        connection that breaks, 500, 502, 503, 504, an answer that isn't one) is repeated only if ``safe``.

        Args:
            method: The HTTP method.
            path: The path.
            params: The query, besides owner and project.
            read: Makes the result of an answer, and raises where it isn't what was asked for.
            safe: Whether doing it twice is as good as once; by default for GET.
            place: The call in words, for errors.
            **body: ``data``, ``files`` or ``json`` of requests.

        Raises:
            ClientError: In one of its forms, see :mod:`spacy_tagtog.errors`. Its ``uncertain`` says whether tagtog may have done it all the same.
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
                self._clean(final)
                raise
            if not isinstance(outcome, _Failure):
                return outcome[0]
            error, kind = outcome.error, outcome.kind
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
            if number > 1:
                error.advice = f"{error.advice} (tried {number} times)"
            if isinstance(error, ClientError):
                error.uncertain = uncertain
                if uncertain and not safe:
                    error.advice = f"{error.advice}; tagtog may have done it all the same: look there before you repeat it"
            self._clean(error)
            raise error

    def _clean(self, error: SpacyTagtogError) -> None:
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
        # Its place and advice are words of this package's own; a password of a few letters is part of too many words to be taken out of others.
        error.value = (
            None
            if error.value is None
            else self._masked(error.value if isinstance(error.value, str) else repr(error.value))
        )
        error.problem = self._masked(error.problem, shortest=_SHORTEST)
        error.args = (error.problem,)
        error.legal = None if error.legal is None else self._masked(error.legal, shortest=_SHORTEST)
        # What caused it, such as a failed validation, holds the answer itself.
        error.__cause__ = error.__context__ = None

    def _masked(self, text: str, *, shortest: int = 1) -> str:
        for secret in self._spellings:
            if len(secret) >= shortest:
                text = text.replace(secret, "***")
        return text

    def _try(
        self,
        method: str,
        path: str,
        params: Fields | None,
        place: str,
        body: Mapping[str, Any],
        read: Callable[[Answer], _T],
    ) -> tuple[_T] | _Failure:
        fields = {**self._fields, **(params or {})}
        # What requests raises holds the request with its Authorization header. So it doesn't become the cause of ours.
        caught: BaseException
        try:
            answer = self._exchange(method, f"{self.domain}{path}", fields, place, body)
            if isinstance(answer, _Failure):
                return answer
            return (read(answer),)
        except _TooLargeError:
            raise
        except UnexpectedAnswerError as error:
            return _Failure(error, "nonsense", uncertain=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            caught = error
        except UnicodeError as error:
            reason = getattr(error, "reason", error)
            return _Failure(
                ConfigurationError(
                    f"the request can't be encoded: {reason}",
                    place=place,
                    legal="names, queries and texts in valid Unicode",
                )
            )
        return self._failure(caught, place)

    def _exchange(
        self, method: str, url: str, fields: Fields | None, place: str, body: Mapping[str, Any]
    ) -> Answer | _Failure:
        for _ in range(_MAX_REDIRECTS + 1):
            # verify is given with each request: only so does it win over REQUESTS_CA_BUNDLE.
            with (
                self._session() as session,
                session.request(
                    method,
                    url,
                    params=fields,
                    auth=self._auth,
                    timeout=self._timeout,
                    verify=self._verify,
                    allow_redirects=False,
                    stream=True,
                    **body,
                ) as response,
            ):
                target = session.leads_to(response)
                if target is None:
                    return self._checked(response, _read(response, place), place)
                url = self._redirected(method, response, target, place)
            fields = None
        raise RejectedError(
            "tagtog's redirects lead in circles",
            place=place,
            legal=f"at most {_MAX_REDIRECTS} redirects",
            advice="check the domain",
        )

    def _redirected(self, method: str, response: requests.Response, target: str, place: str) -> str:
        """Where a redirect leads, if it may be followed."""
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

    def _checked(self, response: requests.Response, content: bytes, place: str) -> Answer | _Failure:
        status = response.status_code
        if 200 <= status < 300:
            return Answer(place, status, response.headers, content)
        said = self.said(content)
        if status == 401:
            raise AuthenticationError(
                "tagtog refused the user name and password",
                status=status,
                place=place,
                value=said,
                advice="check both, and that they belong to this domain",
            )
        if status == 403:
            raise AuthenticationError(
                "this user may not do that",
                status=status,
                place=place,
                value=said,
                legal="the role supercurator, reviewer or admin in the project; for members and settings: admin",
                advice="ask the project's admin for a role that may use the API",
            )
        if status == 404:
            raise NotFoundError(
                "tagtog knows no such project or document",
                status=status,
                place=place,
                value=said,
                advice="check the owner and the project, and that the document hasn't been deleted",
            )
        asked = response.headers.get("Retry-After")
        if status >= 500 or status in _BUSY:
            advice = (
                "try again later"
                if asked is None
                else f"try again later: the server asks to wait (Retry-After: {asked[:40]})"
            )
        else:
            advice = "correct what tagtog complains about"
        error = RejectedError(
            f"tagtog answered with an error ({status} {response.reason or ''}".rstrip() + ")",
            status=status,
            place=place,
            value=said,
            advice=advice,
        )
        retried = status in _BUSY or status in _FAILING
        return _Failure(
            error,
            "failures" if retried else None,
            uncertain=status >= 500,
            wait=retry_after(asked, self._clock) if retried else None,
        )

    def said(self, content: bytes) -> str:
        """The first lines of an answer in words, without markup, and without anything secret that it may repeat."""
        text = content[:20_000].decode("utf-8", "replace")
        if re.match(r"\s*<", text):
            text = re.sub(r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        text = self._masked(text)
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return " / ".join([line for line in lines if line][:3]) or "(nothing)"

    def _failure(self, error: BaseException, place: str) -> _Failure:
        causes = list(_causes(error))
        host = self.domain

        def first(*types: type[BaseException]) -> BaseException | None:
            return next((cause for cause in causes if isinstance(cause, types)), None)

        certificate = first(ssl.SSLCertVerificationError)
        if certificate is not None:
            reason = getattr(certificate, "verify_message", "") or "verification failed"
            return _Failure(
                UnreachableError(
                    f"the server's certificate can't be verified: {reason}",
                    place=place,
                    legal="a certificate of a known authority, made out to this host",
                    advice="for a self-signed certificate set TAGTOG_CA_FILE to a file with that certificate; else check the domain",
                )
            )
        if first(ssl.SSLError, requests.exceptions.SSLError) is not None:
            tls = first(ssl.SSLError)
            reason = str(getattr(tls, "reason", None) or "the handshake failed").replace("_", " ").lower()
            return _Failure(
                UnreachableError(
                    f"no encrypted connection: {reason}",
                    place=place,
                    advice="check the port; if this server speaks plain HTTP, write http:// before the domain; "
                    "TAGTOG_CA_FILE trusts a self-signed one",
                )
            )
        # Nothing was sent where there was no connection.
        unsent = (
            first(NewConnectionError, ConnectTimeoutError, requests.exceptions.ConnectTimeout) is not None
        )
        if first(requests.exceptions.InvalidProxyURL, requests.exceptions.ProxyError) is not None:
            return _Failure(
                UnreachableError(
                    "the proxy doesn't answer", place=place, advice="check HTTPS_PROXY and NO_PROXY"
                ),
                "refusals",
                uncertain=not unsent,
            )
        if first(
            requests.exceptions.ConnectTimeout,
            requests.exceptions.ReadTimeout,
            ReadTimeoutError,
            ConnectTimeoutError,
            TimeoutError,
        ) is not None and not first(NewConnectionError):
            return _Failure(
                UnreachableError(
                    "tagtog doesn't answer in time",
                    place=place,
                    value=f"waited {self._timeout[0]:g} s for the connection, {self._timeout[1]:g} s for the answer",
                    advice=f"check that {host} is up; try again later, or allow a longer time-out",
                ),
                "timeouts",
                uncertain=not unsent,
            )
        lost = (
            http.client.IncompleteRead,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        )
        if first(*lost) is not None:
            return _Failure(
                UnexpectedAnswerError(
                    "tagtog's answer breaks off, or can't be unpacked", place=place, advice="try again"
                ),
                "failures",
                uncertain=True,
            )
        garbled = first(
            http.client.HTTPException, requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL
        )
        if garbled is not None and not isinstance(garbled, http.client.RemoteDisconnected):
            return _Failure(
                UnexpectedAnswerError(
                    "this server's answer isn't HTTP",
                    place=place,
                    legal="tagtog's API",
                    advice="check the domain and the port",
                ),
                "nonsense",
                uncertain=True,
            )
        if isinstance(error, OSError) and not isinstance(error, (requests.RequestException, ConnectionError)):
            # requests raises it for a bundle that isn't there.
            return _Failure(
                ConfigurationError(
                    "the trusted certificates can't be read",
                    place=place,
                    advice="check the environment variables REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
                )
            )
        system = [
            cause.strerror
            for cause in causes
            if isinstance(cause, OSError)
            and cause.strerror
            and not isinstance(cause, requests.RequestException)
        ]
        reason = system[-1] if system else "the connection was closed without an answer"
        return _Failure(
            UnreachableError(
                f"tagtog can't be reached: {reason}",
                place=place,
                advice=f"check the network and the domain {host}; for a local tagtog, start it first",
            ),
            "refusals" if unsent else "failures",
            uncertain=not unsent,
        )


@dataclass
class Answer:
    """A successful answer, read to its end."""

    place: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
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
        details.setdefault("advice", "check that the domain is tagtog's; try again")
        return UnexpectedAnswerError(problem, status=self.status, place=self.place, **details)

    def json(self, schema: TypeAdapter[_T], what: str) -> _T:
        """The answer as JSON of a shape. Keys that the shape doesn't know are kept.

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
        # Header values are ASCII by rights; what a server makes of other characters is not worth an error. What stands before them is.
        plain = re.split(r"[^!#-\[\]-~]", doc_id, maxsplit=1)[0]
        if name != f"{doc_id}{suffix}" and not (plain != doc_id and name.startswith(plain)):
            raise self.unexpected(
                "tagtog answered with another document", value=name, legal=f"{doc_id}{suffix}"
            )


def _read(response: requests.Response, place: str) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(1 << 20):
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            raise _TooLargeError(
                "tagtog's answer is too large",
                status=response.status_code,
                place=place,
                legal=f"up to {_MAX_ANSWER_BYTES} bytes",
            )
    # Older versions of urllib3 don't compare.
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
