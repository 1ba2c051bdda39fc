"""tagtog's HTTP API: one method a call, every answer checked before it is believed.

Facts: tagtog's API documentation (documents v1, settings v1). Answers that aren't what was asked for raise; nothing is guessed.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from typing_extensions import NotRequired, Self, TypedDict
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, MaxRetryError, NewConnectionError, ReadTimeoutError, ResponseError
from urllib3.util.retry import Retry

from spacy_tagtog import __version__
from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, PlainHtml, is_document_id
from spacy_tagtog.errors import (
    AnnJsonError,
    AuthenticationError,
    ClientError,
    ConfigurationError,
    DuplicateDocumentError,
    NotFoundError,
    PlainHtmlError,
    ProjectError,
    RejectedError,
    UnexpectedAnswerError,
    UnreachableError,
)

__all__ = ["ImportedItem", "SearchHit", "TagtogClient"]

_DOCUMENTS: Final = "/-api/documents/v1"
_SETTINGS: Final = "/-api/settings/v1"
_MAX_REDIRECTS: Final = 5
_MAX_ANSWER_BYTES: Final = 512 * 1024 * 1024
_MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""No request of a batch gets much larger: proxies in front of servers refuse big bodies."""
_LONGEST_WAIT: Final = 10.0
"""Seconds that one call may spend on waiting because of ``Retry-After``."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_STRICT = ConfigDict(strict=True)
_T = TypeVar("_T")
Json = dict[str, Any]
Fields = Mapping[str, str | int]


@with_config(_STRICT)
class _Hit(TypedDict):
    id: Annotated[str, Field(min_length=1)]
    updated: str
    anncomplete: bool
    created: NotRequired[str | None]
    filename: NotRequired[str | None]
    header: NotRequired[str | None]
    folder: NotRequired[str | None]
    members_anncomplete: NotRequired[list[str] | None]


@with_config(_STRICT)
class _Pages(TypedDict):
    next: int
    numPages: int


@with_config(_STRICT)
class _SearchAnswer(TypedDict):
    totalFound: Annotated[int, Field(ge=0)]
    pages: _Pages
    docs: list[_Hit]


@with_config(_STRICT)
class _Item(TypedDict):
    result: Literal["created", "updated"]
    docid: NotRequired[str | None]
    tagtogID: NotRequired[str | None]
    origid: NotRequired[str | None]
    filenames: NotRequired[list[str] | None]
    names: NotRequired[list[str] | None]


@with_config(_STRICT)
class _ImportAnswer(TypedDict):
    items: list[_Item]
    errors: NotRequired[int | None]
    warnings: NotRequired[list[Any] | None]


_SEARCH: TypeAdapter[Any] = TypeAdapter(_SearchAnswer)
_IMPORT: TypeAdapter[Any] = TypeAdapter(_ImportAnswer)
_OBJECT: TypeAdapter[Json] = TypeAdapter(dict[str, Any])
_NAMES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str], config=_STRICT)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A document that a search found.

    Attributes:
        id: The document's id.
        filename: The original file name.
        header: The beginning of its text, as tagtog's list shows it.
        created: When it was imported, ISO 8601.
        updated: When it or its annotations last changed, ISO 8601.
        anncomplete: Whether the master version is confirmed.
        members_anncomplete: The members who confirmed their own versions.
        folder: The folder it is in, such as ``pool/train``.
        raw: The answer's object, unchanged.
    """

    id: str
    filename: str
    header: str
    created: str
    updated: str
    anncomplete: bool
    members_anncomplete: tuple[str, ...]
    folder: str
    raw: Json = field(repr=False, compare=False)

    @classmethod
    def _of(cls, raw: Json) -> SearchHit:
        return cls(
            id=raw["id"],
            filename=raw.get("filename") or "",
            header=raw.get("header") or "",
            created=raw.get("created") or "",
            updated=raw["updated"],
            anncomplete=raw["anncomplete"],
            members_anncomplete=tuple(raw.get("members_anncomplete") or ()),
            folder=(raw.get("folder") or "pool").strip("/"),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """What became of one uploaded document.

    Attributes:
        doc_id: The id that it has in tagtog.
        result: ``created``, or ``updated`` where tagtog had it already.
        origid: The original name.
        raw: The answer's object, unchanged.
    """

    doc_id: str
    result: Literal["created", "updated"]
    origid: str
    raw: Json = field(repr=False, compare=False)


class _BoundedRetry(Retry):
    """urllib3's retries within a time that a person waits for.

    Time-outs aren't repeated: each would cost the whole time again. A ``Retry-After`` that is too long ends the retries, since coming back
    earlier than asked would be the wrong answer to it.
    """

    waited: float = 0.0

    def new(self, **kw: Any) -> Self:
        retry = super().new(**kw)
        retry.waited = self.waited
        return retry

    def get_retry_after(self, response: Any) -> float | None:
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            raise MaxRetryError(_pool, url or "", error)
        wait = (self.get_retry_after(response) if response is not None else None) or 0.0
        if self.waited + wait > _LONGEST_WAIT:
            raise MaxRetryError(_pool, url or "", ResponseError("the server asks to wait for too long"))
        retry = super().increment(method, url, response, error, _pool, _stacktrace)
        retry.waited += wait
        return retry


class _Session(requests.Session):
    """A session that leaves redirects to its caller, who decides which ones may have the password."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None

    def leads_to(self, response: requests.Response) -> str | None:
        """Where an answer redirects to, as it says itself; ``None`` where it doesn't."""
        return super().get_redirect_target(response)


def _retries() -> _BoundedRetry:
    return _BoundedRetry(
        total=3,
        # Refused connections: nothing was sent yet, so these are repeated for uploads, too.
        connect=3,
        # Broken connections and busy servers: only for GET.
        read=2,
        status=3,
        allowed_methods=frozenset({"GET"}),
        status_forcelist=frozenset({429, 502, 503, 504}),
        # What is left over are TLS errors, which don't go away.
        other=0,
        redirect=0,
        backoff_factor=0.2,
        raise_on_status=False,
    )


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
        inner = [*cause.args, getattr(cause, "reason", None), getattr(cause, "original_error", None), cause.__cause__, cause.__context__]
        todo += [item for item in inner if isinstance(item, BaseException)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port of an address, without a user name or password in it."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _normalised(domain: str) -> SplitResult:
    """A domain as an address with a scheme, nothing after host and port.

    Raises:
        ConfigurationError: It isn't one.
    """
    legal, advice = "https://HOST or https://HOST:PORT", "give tagtog's address alone, such as https://www.tagtog.com"
    text = domain.strip()
    if "@" in text:
        # The value isn't shown: there may be a password in it.
        raise ConfigurationError("tagtog's domain holds a user name or password", legal=legal, advice="give them as user name and password instead")
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigurationError("tagtog's domain isn't an address", value=domain, legal=legal, advice=advice) from None
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or port == 0 or not (":" in host or _HOST_NAME.fullmatch(host)):
        raise ConfigurationError("tagtog's domain isn't an address", value=domain, legal=legal, advice=advice)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            "tagtog's domain has something after the host",
            value=domain,
            legal=legal,
            advice=f"give {_origin(parts)}, and the owner and the project by themselves",
        )
    return parts


def _ca_file(verify: bool | Path | str) -> bool | str:
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
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"the CA file can't be used: {reason}",
            place=path,
            legal="a file of certificates in PEM format",
            advice="check TAGTOG_CA_FILE; ask whoever runs your tagtog for the certificate",
        ) from error
    return str(path)


class TagtogClient:
    """A tagtog project, over HTTP.

    Use it as a context manager, or call :meth:`close`.

    Args:
        domain: tagtog's address. Without a scheme, ``https://`` is meant.
        username: Who logs in.
        password: Their password. It goes to this domain alone, and never into a message.
        project: The project's name.
        owner: The project's owner, by default the user.
        verify: Which certificates to trust: ``True`` those that Python trusts, or the path of a CA file.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        allow_http: Send the password over unencrypted HTTP to a machine other than this one.
        name: A stable name of the server, for manifests; by default the domain.

    Raises:
        ConfigurationError: A value can't be used, or the password would go over the network unencrypted.
    """

    def __init__(
        self,
        domain: str,
        *,
        username: str,
        password: str,
        project: str,
        owner: str | None = None,
        verify: bool | Path = True,
        timeout: tuple[float, float] = (10, 60),
        allow_http: bool = False,
        name: str | None = None,
    ) -> None:
        address = _normalised(domain)
        for what, value in (("user name", username), ("password", password), ("project", project), ("owner", owner)):
            if value is not None and not value:
                raise ConfigurationError(f"the {what} is empty", legal=f"tagtog's {what}", advice="set it in the environment or on the command line")
        if ":" in username:
            raise ConfigurationError(
                "the user name holds a colon", value=username, legal="a name without a colon: HTTP Basic authentication has none"
            )
        loopback = _is_loopback(address.hostname or "")
        if address.scheme == "http" and not loopback and not allow_http:
            raise ConfigurationError(
                "the password would go over the network unencrypted",
                value=_origin(address),
                legal="https://…, or http:// on this machine",
                advice=f"give https://{address.hostname}; or allow it (allow_http) where you know the network",
            )
        self.domain = _origin(address)
        self.owner = owner if owner is not None else username
        self.project = project
        self.name = name if name is not None else self.domain
        self._address = address
        self._verify = _ca_file(verify)
        self._timeout = timeout
        # As bytes: requests would encode text as Latin-1.
        credentials = (username.encode("utf-8", "surrogateescape"), password.encode("utf-8", "surrogateescape"))
        self._auth = HTTPBasicAuth(*credentials)
        self._secrets = (password, b64encode(b":".join(credentials)).decode())
        self._legend: Legend | None = None
        self._session = _Session()
        self._session.headers["User-Agent"] = f"spacy-tagtog/{__version__}"
        # A proxy of the environment can't reach this machine's own loopback.
        self._session.trust_env = not loopback
        adapter = HTTPAdapter(max_retries=_retries())
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TagtogClient: {self.owner}/{self.project} at {self.domain}>"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # ---- requests and answers

    def _place(self, method: str, path: str) -> str:
        return f"{method} {self.domain}{path}, project {self.owner}/{self.project}"

    def _call(self, method: str, path: str, params: Fields | None = None, **body: Any) -> _Answer:
        """Send a request and give a successful answer.

        Raises:
            ClientError: In one of its forms, see :mod:`spacy_tagtog.errors`.
        """
        place = self._place(method, path)
        fields = {"owner": self.owner, "project": self.project, **(params or {})}
        url = f"{self.domain}{path}"
        # What requests raises holds the request with its Authorization header. So it doesn't become the cause of ours.
        failure: ClientError | ConfigurationError
        try:
            return self._exchange(method, url, fields, place, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = self._failure(error, place)
        except UnicodeError as error:
            failure = ConfigurationError(
                f"the request can't be encoded: {getattr(error, 'reason', error)}", place=place, legal="names, queries and texts in valid Unicode"
            )
        raise failure

    def _exchange(self, method: str, url: str, fields: Fields | None, place: str, body: Mapping[str, Any]) -> _Answer:
        for _ in range(_MAX_REDIRECTS + 1):
            # verify is given with each request: only so does it win over REQUESTS_CA_BUNDLE.
            with self._session.request(
                method, url, params=fields, auth=self._auth, timeout=self._timeout, verify=self._verify, allow_redirects=False, stream=True, **body
            ) as response:
                target = self._session.leads_to(response)
                if target is None:
                    return self._checked(response, _read(response, place), place)
                url = self._redirected(method, response, target, place)
            fields = None
        raise RejectedError("tagtog's redirects lead in circles", place=place, legal=f"at most {_MAX_REDIRECTS} redirects", advice="check the domain")

    def _redirected(self, method: str, response: requests.Response, target: str, place: str) -> str:
        """Where a redirect leads, if it may be followed."""
        status = response.status_code
        try:
            url = urljoin(response.url, target)
            parts = urlsplit(url)
            there = _origin(parts)
        except ValueError:
            raise UnexpectedAnswerError("tagtog redirects to something that isn't an address", status=status, place=place) from None
        here = urlsplit(response.url)
        upgraded = (here.scheme, parts.scheme) == ("http", "https")
        if method != "GET":
            raise RejectedError(
                f"tagtog redirects this {method}, and what it carries can't safely be sent on",
                status=status,
                place=place,
                value=there,
                legal="an answer from the domain itself",
                advice=f"give {there} as the domain" + (": this server wants https, not http" if upgraded else ""),
            )
        default_ports = here.port in (None, 80) and parts.port in (None, 443)
        if parts.hostname != here.hostname or not (there == _origin(here) or (upgraded and default_ports)):
            raise RejectedError(
                "tagtog redirects to another server, which must not get the password",
                status=status,
                place=place,
                value=there,
                legal=f"a redirect within {_origin(here)}",
                advice="if you trust that server, give it as the domain",
            )
        return parts._replace(netloc=there.partition("://")[2]).geturl()

    def _checked(self, response: requests.Response, content: bytes, place: str) -> _Answer:
        status = response.status_code
        if 200 <= status < 300:
            return _Answer(place, status, response.headers, content)
        said = self._said(content)
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
                legal="the role supercurator, reviewer or admin in the project",
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
        retry_after = response.headers.get("Retry-After")
        if status >= 500 or status == 429:
            advice = "try again later" if retry_after is None else f"try again later: the server asks to wait (Retry-After: {retry_after[:40]})"
        else:
            advice = "correct what tagtog complains about"
        raise RejectedError(
            f"tagtog answered with an error ({status} {response.reason or ''}".rstrip() + ")", status=status, place=place, value=said, advice=advice
        )

    def _said(self, content: bytes) -> str:
        """The first lines of an answer in words, without markup, and without anything secret that it may repeat."""
        text = content[:20_000].decode("utf-8", "replace")
        if re.match(r"\s*<", text):
            text = re.sub(r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return " / ".join([line for line in lines if line][:3]) or "(nothing)"

    def _failure(self, error: BaseException, place: str) -> ClientError | ConfigurationError:
        causes = list(_causes(error))
        host = self.domain

        def first(*types: type[BaseException]) -> BaseException | None:
            return next((cause for cause in causes if isinstance(cause, types)), None)

        certificate = first(ssl.SSLCertVerificationError)
        if certificate is not None:
            reason = getattr(certificate, "verify_message", "") or "verification failed"
            return UnreachableError(
                f"the server's certificate can't be verified: {reason}",
                place=place,
                legal="a certificate of a known authority, made out to this host",
                advice="for a self-signed certificate set TAGTOG_CA_FILE to a file with that certificate; else check the domain",
            )
        if first(ssl.SSLError, requests.exceptions.SSLError) is not None:
            tls = first(ssl.SSLError)
            reason = str(getattr(tls, "reason", None) or "the handshake failed").replace("_", " ").lower()
            return UnreachableError(
                f"no encrypted connection: {reason}",
                place=place,
                advice="check the port; if this server speaks plain HTTP, write http:// before the domain; TAGTOG_CA_FILE trusts a self-signed one",
            )
        if first(requests.exceptions.InvalidProxyURL, requests.exceptions.ProxyError) is not None:
            return UnreachableError("the proxy doesn't answer", place=place, advice="check HTTPS_PROXY and NO_PROXY")
        if first(
            requests.exceptions.ConnectTimeout, requests.exceptions.ReadTimeout, ReadTimeoutError, ConnectTimeoutError
        ) is not None and not first(NewConnectionError):
            return UnreachableError(
                "tagtog doesn't answer in time",
                place=place,
                value=f"waited {self._timeout[0]:g} s for the connection, {self._timeout[1]:g} s for the answer",
                advice=f"check that {host} is up; try again later, or allow a longer time-out",
            )
        lost = (http.client.IncompleteRead, requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
        if first(*lost) is not None:
            return UnexpectedAnswerError("tagtog's answer breaks off, or can't be unpacked", place=place, advice="try again")
        garbled = first(http.client.HTTPException, requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL)
        if garbled is not None and not isinstance(garbled, http.client.RemoteDisconnected):
            return UnexpectedAnswerError("this server's answer isn't HTTP", place=place, legal="tagtog's API", advice="check the domain and the port")
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            # requests raises it for a bundle that isn't there.
            return ConfigurationError(
                "the trusted certificates can't be read", place=place, advice="check the environment variables REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
            )
        system = [
            cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException)
        ]
        reason = system[-1] if system else "the connection was closed without an answer"
        return UnreachableError(
            f"tagtog can't be reached: {reason}", place=place, advice=f"check the network and the domain {host}; for a local tagtog, start it first"
        )

    # ---- reading

    def _search_page(self, query: str, page: int) -> Json:
        answer = self._call("GET", _DOCUMENTS, {"search": query, "page": page, "output": "search"})
        return answer.json(_SEARCH, "a page of search results")

    def search(self, query: str = "*") -> Iterator[SearchHit]:
        """Find documents.

        Args:
            query: In tagtog's query language.

        Yields:
            All hits, page by page, each document once.

        Raises:
            ClientError: The call failed, or the answer isn't a page of results.
        """
        seen: set[str] = set()
        last = page = 0
        while True:
            answer = self._search_page(query, page)
            if page == 0:
                # The list may change while it is read. What was promised at first bounds the loop.
                last = answer["pages"]["numPages"] - 1
            new = 0
            for raw in answer["docs"]:
                if raw["id"] not in seen:
                    seen.add(raw["id"])
                    new += 1
                    yield SearchHit._of(raw)
            if not new or answer["pages"]["next"] <= page or page >= last or len(seen) >= answer["totalFound"]:
                return
            page += 1

    def count(self, query: str = "*") -> int:
        """The number of documents that a query finds.

        Raises:
            ClientError: The call failed, or the answer isn't a page of results.
        """
        return int(self._search_page(query, 0)["totalFound"])

    def legend(self) -> Legend:
        """The names of the project's classes.

        Raises:
            ClientError: The call failed, or the answer isn't a legend.
            LegendError: Two classes share a name.
        """
        answer = self._call("GET", f"{_SETTINGS}/annotationsLegend")
        self._legend = Legend(answer.json(_NAMES, "a legend"), place=answer.place)
        return self._legend

    def settings(self) -> dict[str, Any]:
        """The project's settings, as tagtog exports them.

        Raises:
            ClientError: The call failed, or the answer isn't a JSON object.
        """
        return self._call("GET", f"{_SETTINGS}/export").json(_OBJECT, "settings")

    def folders(self) -> list[str]:
        """The project's folders as paths, such as ``pool`` and ``pool/train``, parents first.

        Raises:
            ClientError: The call failed, or the settings hold no tree of folders.
        """
        paths: list[str] = []
        todo: list[tuple[str, Any]] = [("", self.settings().get("folders"))]
        while todo:
            parent, children = todo.pop(0)
            if not isinstance(children, dict) or not all(isinstance(child, dict) for child in children.values()):
                raise UnexpectedAnswerError(
                    "the settings hold no tree of folders",
                    place=self._place("GET", f"{_SETTINGS}/export"),
                    value=children,
                    legal='{"pool": {"name": "pool", "index": 0, "children": {…}}}',
                )
            for key, child in children.items():
                path = f"{parent}/{child.get('name') or key}".lstrip("/")
                paths.append(path)
                todo.append((path, child.get("children") or {}))
        return paths

    def _get_document(self, doc_id: str, output: str, suffix: str | None, member: str = MASTER) -> _Answer:
        params = {"idType": "tagtogID", "ids": doc_id, "output": output, "member": member}
        answer = self._call("GET", _DOCUMENTS, params)
        answer.place = f"{answer.place}, document {doc_id}"
        if suffix is not None:
            answer.check_name(doc_id, suffix)
        return answer

    def plain_html(self, doc_id: str) -> bytes:
        """The content of a document.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's plain.html.
            ClientError: The call failed otherwise.
        """
        return self._content(doc_id).data

    def _content(self, doc_id: str) -> PlainHtml:
        answer = self._get_document(doc_id, "plain.html", ".plain.html")
        if answer.content_type not in ("text/html", "application/xhtml+xml"):
            raise answer.unexpected("tagtog's answer isn't HTML", value=answer.content_type or "(no content type)", legal="text/html")
        html = PlainHtml(answer.content, place=answer.place)
        try:
            parts = html.parts
        except PlainHtmlError as error:
            raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error
        if not parts:
            # A login page is HTML, too, but it has no parts to annotate unless by chance.
            raise answer.unexpected("tagtog's answer is HTML without any part", value=html.id, legal="a plain.html")
        claimed = html.id
        if answer.filename is None and claimed is not None and claimed != doc_id and is_document_id(claimed):
            raise answer.unexpected("tagtog answered with another document", value=claimed, legal=doc_id)
        return html

    def annotations(self, doc_id: str, *, member: str = MASTER) -> Annotations:
        """One version of a document's annotations. For a member without an own version, tagtog answers with what they would start from.

        Args:
            doc_id: The document's id.
            member: ``master``, or a member's name.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's ann.json.
            ClientError: The call failed otherwise.
        """
        return self._version(doc_id, member)[0]

    def own_annotations(self, doc_id: str, *, member: str = MASTER) -> Annotations | None:
        """One version of a document's annotations, or ``None`` where the member has no own version.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's ann.json.
            ClientError: The call failed otherwise.
        """
        annotations, own = self._version(doc_id, member)
        return annotations if own else None

    def _version(self, doc_id: str, member: str) -> tuple[Annotations, bool]:
        """A version, and whether it is the member's own (an HTTP ``Warning`` says that it isn't)."""
        answer = self._get_document(doc_id, "ann.json", ".ann.json", member)
        try:
            annotations = Annotations.parse(answer.content, place=answer.place)
        except AnnJsonError as error:
            raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error
        return annotations, "Warning" not in answer.headers

    def document(self, doc_id: str, *, members: Sequence[str] = (MASTER,), folder: str = "pool") -> Document:
        """A document with its content and versions.

        Args:
            doc_id: The document's id.
            members: The versions wanted. Members without an own version are left out, as in tagtog's own downloads.
            folder: The folder that it is in, which this call can't find out (a search can).

        Raises:
            NotFoundError: The project has no such document.
            ClientError: A call failed, or an answer isn't what was asked for.
        """
        legend = self._legend if self._legend is not None else self.legend()
        html = self._content(doc_id)
        versions = {}
        for member in members:
            annotations, own = self._version(doc_id, member)
            if own or member == MASTER:
                versions[member] = annotations
        return Document(doc_id, html, versions, folder=folder, legend=legend)

    def original(self, doc_id: str) -> bytes:
        """The file as it was uploaded.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed.
        """
        return self._get_document(doc_id, "orig", None).content

    # ---- writing

    def upload_text(self, text: str, *, folder: str = "pool", text_format: str = "verbatim", filename: str | None = None) -> list[ImportedItem]:
        """Import a text as a new document.

        Args:
            text: The text.
            folder: Where it goes.
            text_format: ``verbatim``, ``formatted`` or ``markdown``.
            filename: What to call it; tagtog's default is ``text.txt``.

        Raises:
            ClientError: The call failed, or the answer doesn't name one document.
            ConfigurationError: The text isn't valid Unicode.
        """
        params = {"format": text_format, "output": "null", "folder": folder, **({} if filename is None else {"filename": filename})}
        return self._import(params, 1, data={"text": text})

    def upload_files(self, paths: Sequence[Path], *, folder: str = "pool", text_format: str | None = None) -> list[ImportedItem]:
        """Import files as new documents.

        Args:
            paths: Files of types that tagtog reads (txt, pdf, md, html…).
            folder: Where they go.
            text_format: How tagtog reads them; by default by file name.

        Raises:
            ClientError: The call failed, or the answer doesn't name each document. Files of earlier requests have been imported.
            ConfigurationError: Two files have the same name.
            ProjectError: A file can't be read.
        """
        names = [Path(path).name for path in paths]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ConfigurationError(
                "two files have the same name", value=twice[0], legal="names that differ", advice="upload them one after the other"
            )
        params = {"output": "null", "folder": folder, **({} if text_format is None else {"format": text_format})}
        items: list[ImportedItem] = []
        for group in _groups(((path, _file(path)) for path in map(Path, paths)), 20, lambda pair: len(pair[1])):
            files = [("file", (path.name, content)) for path, content in group]
            items += self._import(params, len(files), files=files)
        return items

    def push(self, documents: Iterable[Document], *, member: str = MASTER, batch_size: int = 20) -> Iterator[ImportedItem]:
        """Upload documents with annotations, replacing what is there. :func:`spacy_tagtog.client.push` looks before it does.

        Args:
            documents: What to upload. They are read as they are sent.
            member: Whose version it becomes, and which version of the documents is sent.
            batch_size: The most documents in one request. A request has documents of one folder only.

        Yields:
            What became of each document, as soon as its batch is answered.

        Raises:
            DuplicateDocumentError: A document comes twice.
            ClientError: The call failed, or the answer doesn't name each document of the batch exactly once.
        """
        if batch_size < 1:
            raise ConfigurationError("the batch size is too small", value=batch_size, legal="1 or more")
        waiting: dict[str, list[_Pair]] = {}
        seen: set[str] = set()
        for document in documents:
            if document.id in seen:
                raise DuplicateDocumentError("one document comes twice", value=document.id, legal="each document once")
            seen.add(document.id)
            pair = _Pair(document.id, document.html.data, document.version(member).dumps().encode("utf-8"))
            batch = waiting.setdefault(document.folder, [])
            if batch and sum(map(len, batch)) + len(pair) > _MAX_BATCH_BYTES:
                yield from self._push_batch(batch, document.folder, member)
                batch.clear()
            batch.append(pair)
            if len(batch) == batch_size:
                yield from self._push_batch(batch, document.folder, member)
                batch.clear()
        for folder, batch in waiting.items():
            if batch:
                yield from self._push_batch(batch, folder, member)

    def _push_batch(self, batch: Sequence[_Pair], folder: str, member: str) -> list[ImportedItem]:
        files = []
        for pair in batch:
            files.append(("file", (f"{pair.doc_id}.plain.html", pair.html, "text/html")))
            files.append(("file", (f"{pair.doc_id}.ann.json", pair.ann_json, "application/json")))
        items = self._import({"format": "anndoc", "output": "null", "member": member, "folder": folder}, len(batch), files=files)
        missing = {pair.doc_id for pair in batch}
        for item in items:
            # tagtog may give a new document another id: the file names say which one it was.
            named = [name.removesuffix(".plain.html").removesuffix(".ann.json") for key in ("filenames", "names") for name in item.raw.get(key) or ()]
            match = next((doc_id for doc_id in (item.doc_id, item.raw.get("docid"), *named, item.origid) if doc_id in missing), None)
            if match is None:
                raise UnexpectedAnswerError(
                    "tagtog's answer names a document that wasn't pushed, or names one twice",
                    place=self._place("POST", _DOCUMENTS),
                    value=item.doc_id,
                    legal="each pushed document once",
                    advice="look in tagtog at what became of these documents, then push again",
                )
            missing.remove(match)
        return items

    def _import(self, params: Fields, expected: int, **body: Any) -> list[ImportedItem]:
        answer = self._call("POST", _DOCUMENTS, params, **body)
        data = answer.json(_IMPORT, "the result of an import")
        if data.get("errors"):
            raise RejectedError(
                f"tagtog could not import {data['errors']} of {expected} documents",
                status=answer.status,
                place=answer.place,
                value=self._said(json.dumps(data.get("warnings") or [], ensure_ascii=False).encode("utf-8", "replace")),
                advice="correct what tagtog complains about; the others have been imported",
            )
        items = []
        for raw in data["items"]:
            doc_id = raw.get("tagtogID") or raw.get("docid")
            if not doc_id:
                raise answer.unexpected("tagtog's answer has a document without an id", value=raw, legal="docid or tagtogID")
            items.append(ImportedItem(doc_id, raw["result"], raw.get("origid") or "", raw))
        if len(items) != expected:
            raise answer.unexpected(f"tagtog's answer names {len(items)} documents, not the {expected} sent", legal="each pushed document once")
        return items

    def add_folder(self, path: str) -> None:
        """Add a folder, and those above it. It is fine if it exists.

        Args:
            path: Such as ``pool/train``.

        Raises:
            ConfigurationError: It isn't a path below ``pool``.
            ClientError: The call failed.
        """
        pieces = path.split("/")
        if pieces[0] != "pool" or not all(piece.strip() and piece not in (".", "..") for piece in pieces):
            raise ConfigurationError("not a folder of a project", value=path, legal="pool/NAME or pool/NAME/NAME…")
        existing = set(self.folders())
        for end in range(2, len(pieces) + 1):
            folder = "/".join(pieces[:end])
            if folder in existing:
                continue
            try:
                self._call("POST", f"{_SETTINGS}/folders/add", json={"path": folder})
            except RejectedError:
                # Somebody else may have added it at this moment.
                if folder not in self.folders():
                    raise

    def delete(self, query: str) -> int:
        """Delete all documents that a query finds.

        Returns:
            How many were deleted.

        Raises:
            ConfigurationError: The query is empty.
            ClientError: The call failed, or the answer isn't a number.
        """
        if not query.strip():
            raise ConfigurationError("nothing says which documents to delete", value=query, legal="a query; * for all documents")
        return self._delete({"search": query})

    def delete_document(self, doc_id: str) -> int:
        """Delete one document.

        Returns:
            How many were deleted.

        Raises:
            ConfigurationError: The id is empty.
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't a number.
        """
        if not doc_id:
            raise ConfigurationError("nothing says which document to delete", value=doc_id, legal="a document id")
        return self._delete({"idType": "tagtogID", "ids": doc_id})

    def _delete(self, params: Fields) -> int:
        answer = self._call("DELETE", _DOCUMENTS, params)
        text = answer.content[:100].decode("utf-8", "replace").strip()
        if not (text.isascii() and text.isdigit()):
            raise answer.unexpected("tagtog's answer isn't the number of documents deleted", value=text, legal="a number")
        return int(text)


@dataclass
class _Answer:
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
            raise self.unexpected(f"tagtog's answer isn't JSON{page}", value=self.content[:80].decode("utf-8", "replace"), legal=what) from error
        try:
            schema.validate_python(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole answer"
            raise self.unexpected(f"tagtog's answer isn't {what}: {where}", value=first["input"], legal=first["msg"]) from error
        result: _T = data
        return result

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
            raise self.unexpected("tagtog answered with another document", value=name, legal=f"{doc_id}{suffix}")


@dataclass(frozen=True)
class _Pair:
    """The two files of a document."""

    doc_id: str
    html: bytes
    ann_json: bytes

    def __len__(self) -> int:
        return len(self.html) + len(self.ann_json)


def _read(response: requests.Response, place: str) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(1 << 20):
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            raise UnexpectedAnswerError(
                "tagtog's answer is too large", status=response.status_code, place=place, legal=f"up to {_MAX_ANSWER_BYTES} bytes"
            )
    # Older versions of urllib3 don't compare.
    promised = response.headers.get("Content-Length", "")
    if "Content-Encoding" not in response.headers and promised.isdecimal() and int(promised) != len(content):
        raise UnexpectedAnswerError(
            "tagtog's answer breaks off",
            status=response.status_code,
            place=place,
            value=f"{len(content)} bytes",
            legal=f"{promised} bytes, as the answer itself announces",
            advice="try again",
        )
    return bytes(content)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(f"a file can't be read: {error.strerror or error}", place=path, advice="check the path and the permissions") from error


def _groups(items: Iterable[_T], most: int, size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Items in groups of at most ``most``, and of at most _MAX_BATCH_BYTES unless a single one is larger."""
    group: list[_T] = []
    weight = 0
    for item in items:
        if group and (len(group) == most or weight + size(item) > _MAX_BATCH_BYTES):
            yield group
            group, weight = [], 0
        group.append(item)
        weight += size(item)
    if group:
        yield group
