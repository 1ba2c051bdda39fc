"""tagtog's HTTP API: one method a call, every answer checked before it is believed.

Facts: tagtog's API documentation (documents v1, annotation versions v0, settings v1, metrics v0). Answers that aren't what was asked for raise;
nothing is guessed.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args
from urllib.parse import quote

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import NotRequired, Self, TypedDict

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, PlainHtml
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.client._http import Answer, Fields, Transport, is_loopback, normalised, origin
from spacy_tagtog.client._parallel import MAX_THREADS
from spacy_tagtog.client._retry import Clock, Retries
from spacy_tagtog.errors import (
    AnnJsonError,
    ClientError,
    ConfigurationError,
    DuplicateDocumentError,
    NotFoundError,
    PlainHtmlError,
    ProjectError,
    RejectedError,
)

DEFAULT_THREADS: Final = 12
"""Calls at once, where several documents are fetched or pushed."""
_DOCUMENTS: Final = "/-api/documents/v1"
_VERSIONS: Final = "/-api/documents/versions/v0"
_SETTINGS: Final = "/-api/settings/v1"
_METRICS: Final = "/-api/metrics/v0"
MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""No request of a batch gets much larger: proxies in front of servers refuse big bodies."""
_UNCERTAIN_TRIES: Final = 4
_STRICT = ConfigDict(strict=True)
_T = TypeVar("_T")
Json = dict[str, Any]

TextFormat = Literal["verbatim", "formatted", "markdown"]
MergeStrategy = Literal["union_v1", "intersection_v1", "majority_v1", "best_iaa_v1"]
AgreementMetric = Literal["exact_v1", "overlapping_v1", "documentlevel_v1"]
Role = Literal["reader", "curator", "supercurator", "reviewer", "admin"]


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
    members_assigned: NotRequired[list[str] | None]


@with_config(_STRICT)
class _Pages(TypedDict):
    next: int
    current: NotRequired[int | None]
    numPages: int


@with_config(_STRICT)
class _SearchAnswer(TypedDict):
    totalFound: Annotated[int, Field(ge=0)]
    pages: _Pages
    docs: list[_Hit]


@with_config(_STRICT)
class _Item(TypedDict):
    result: Literal["created", "updated", "kept"]
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


@with_config(_STRICT)
class _RoleName(TypedDict):
    name: str


@with_config(_STRICT)
class _Member(TypedDict):
    username: NotRequired[str | None]
    email: NotRequired[str | None]
    role: NotRequired[_RoleName | None]


@with_config(_STRICT)
class _MembersAnswer(TypedDict):
    members: list[_Member]
    pendingMembers: NotRequired[list[_Member] | None]


@with_config(_STRICT)
class _NewSettings(TypedDict):
    mapNewIds: dict[str, Any]
    newSettings: dict[str, Any]


@with_config(_STRICT)
class _Iaa(TypedDict):
    f1: float | int | None
    overNumDocs: Annotated[int, Field(ge=0)]


_SEARCH: TypeAdapter[Any] = TypeAdapter(_SearchAnswer)
_IMPORT: TypeAdapter[Any] = TypeAdapter(_ImportAnswer)
_OBJECT: TypeAdapter[Json] = TypeAdapter(dict[str, Any])
_NAMES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str], config=_STRICT)
_MEMBERS: TypeAdapter[Any] = TypeAdapter(_MembersAnswer)
_NEW_SETTINGS: TypeAdapter[Any] = TypeAdapter(_NewSettings)
_IAA: TypeAdapter[Any] = TypeAdapter(_Iaa)


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
        members_assigned: The members whose task it is.
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
    members_assigned: tuple[str, ...]
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
            members_assigned=tuple(raw.get("members_assigned") or ()),
            folder=(raw.get("folder") or "pool").strip("/"),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class ImportedItem:
    """What became of one uploaded document.

    Attributes:
        doc_id: The id that it has in tagtog.
        result: ``created``, or ``updated`` where tagtog had it already; ``kept`` where that was asked for and it is confirmed there.
        origid: The original name.
        raw: The answer's object, unchanged.
    """

    doc_id: str
    result: Literal["created", "updated", "kept"]
    origid: str
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a project.

    Attributes:
        name: The user name; of one who was invited and hasn't answered, the e-mail address.
        role: ``reader``, ``curator``, ``supercurator``, ``reviewer``, ``admin``, or another that the answer names.
        pending: Whether they were invited and haven't answered.
        raw: The answer's object, unchanged.
    """

    name: str
    role: str
    pending: bool
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two members agree.

    Attributes:
        f1: F1 over their annotations, between 0 and 1; ``None`` where there is nothing to compare.
        documents: Over how many documents.
    """

    f1: float | None
    documents: int


class TagtogClient:
    """A tagtog project, over HTTP.

    Use it as a context manager, or call :meth:`close`. Several threads may use it at once: each call has a kept-alive connection of its own.

    >>> with TagtogClient.from_environment(project="demo") as tagtog:      # doctest: +SKIP
    ...     for hit in tagtog.search("anncomplete:true AND folder:train"):
    ...         print(hit.id, len(tagtog.annotations(hit.id).entities))

    Args:
        domain: tagtog's address. Without a scheme, ``https://`` is meant.
        username: Who logs in.
        password: Their password. It goes to this domain alone, and never into a message.
        project: The project's name.
        owner: The project's owner, by default the user.
        verify: Which certificates to trust: ``True`` those that Python trusts, or the path of a CA file.
        timeout: Seconds to wait for the connection, and for each piece of the answer.
        retries: How often to try again what can safely be repeated.
        rate: The most calls a second, for all threads together; by default as many as come.
        threads: Calls at once, where several documents are fetched or pushed.
        allow_http: Send the password over unencrypted HTTP to a machine other than this one.
        name: A stable name of the server, for manifests; by default the domain.
        clock: The time, for tests.

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
        retries: Retries | None = None,
        rate: float | None = None,
        threads: int = DEFAULT_THREADS,
        allow_http: bool = False,
        name: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        address = normalised(domain)
        for what, value in (
            ("user name", username),
            ("password", password),
            ("project", project),
            ("owner", owner),
        ):
            if value is not None and not value:
                raise ConfigurationError(
                    f"the {what} is empty",
                    legal=f"tagtog's {what}",
                    advice="set it in the environment or on the command line",
                )
        if ":" in username:
            raise ConfigurationError(
                "the user name holds a colon",
                value=username,
                legal="a name without a colon: HTTP Basic authentication has none",
            )
        loopback = is_loopback(address.hostname or "")
        if address.scheme == "http" and not loopback and not allow_http:
            raise ConfigurationError(
                "the password would go over the network unencrypted",
                value=origin(address),
                legal="https://…, or http:// on this machine",
                advice=f"give https://{address.hostname}; or allow it (allow_http) where you know the network",
            )
        self.domain = origin(address)
        self.owner = owner if owner is not None else username
        self.project = project
        self.name = name if name is not None else self.domain
        if not 1 <= threads <= MAX_THREADS:
            raise ConfigurationError(
                "the number of threads can't be used", value=threads, legal=f"1 to {MAX_THREADS}"
            )
        self.threads = threads
        self._legend: Legend | None = None
        self._http = Transport(
            address,
            username=username,
            password=password,
            owner=self.owner,
            project=project,
            verify=verify,
            timeout=timeout,
            retries=retries or Retries(),
            rate=rate,
            clock=clock or Clock(),
        )

    @classmethod
    def from_environment(
        cls,
        domain: str | None = None,
        *,
        project: str | None = None,
        owner: str | None = None,
        **settings: Any,
    ) -> Self:
        """A client with the settings of the environment, and the password from where passwords belong.

        Args:
            domain: tagtog's address; by default ``TAGTOG_DOMAIN``.
            project: The project's name; by default ``TAGTOG_PROJECT``.
            owner: Its owner; by default ``TAGTOG_OWNER``, else the user.
            **settings: Other arguments of the class. ``TAGTOG_CA_FILE`` is the default of ``verify``.

        Raises:
            ConfigurationError: A setting is missing. User name and password are looked for as :func:`spacy_tagtog.client.find_credentials` says.
        """
        from spacy_tagtog.client.credentials import find_credentials

        given = {
            "TAGTOG_DOMAIN": domain or os.environ.get("TAGTOG_DOMAIN", ""),
            "TAGTOG_PROJECT": project or os.environ.get("TAGTOG_PROJECT", ""),
        }
        for name, value in given.items():
            if not value:
                raise ConfigurationError(
                    "a setting is missing",
                    value=name,
                    legal=f"the argument, or the environment variable {name}",
                )
        found = find_credentials(given["TAGTOG_DOMAIN"])
        if os.environ.get("TAGTOG_CA_FILE"):
            settings.setdefault("verify", Path(os.environ["TAGTOG_CA_FILE"]))
        return cls(
            given["TAGTOG_DOMAIN"],
            username=found.username,
            password=found.password,
            project=given["TAGTOG_PROJECT"],
            owner=owner or os.environ.get("TAGTOG_OWNER") or None,
            **settings,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TagtogClient: {self.owner}/{self.project} at {self.domain}>"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---- shared by the calls

    def _settled(self, do: Callable[[], _T], done: Callable[[], bool], result: Callable[[], _T]) -> _T:
        """Do something that can't be repeated blindly: where it may have been done, look before it is repeated.

        Args:
            do: The call.
            done: Whether tagtog has done it.
            result: What to give then.
        """
        for number in range(_UNCERTAIN_TRIES):
            try:
                return do()
            except ClientError as error:
                if not error.uncertain:
                    raise
                if done():
                    return result()
                if number == _UNCERTAIN_TRIES - 1:
                    raise
        raise AssertionError

    # ---- documents: search

    def _search_page(self, query: str, page: int) -> Json:
        def read(answer: Answer) -> Json:
            data: Json = answer.json(_SEARCH, "a page of search results")
            if data["pages"].get("current") not in (None, page):
                raise answer.unexpected(
                    "tagtog answered with another page", value=data["pages"]["current"], legal=str(page)
                )
            return data

        return self._http.call(
            "GET", _DOCUMENTS, {"search": query, "page": page, "output": "search"}, read=read
        )

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
            if (
                not new
                or answer["pages"]["next"] <= page
                or page >= last
                or len(seen) >= answer["totalFound"]
            ):
                return
            page += 1

    def count(self, query: str = "*") -> int:
        """The number of documents that a query finds.

        Raises:
            ClientError: The call failed, or the answer isn't a page of results.
        """
        return int(self._search_page(query, 0)["totalFound"])

    def confirmed(self, query: str = "*") -> dict[str, bool]:
        """All documents that a query finds, in one call (``output=csv``), and whether their master version is confirmed.

        Raises:
            ClientError: The call failed, or the answer isn't such a table.
        """

        def read(answer: Answer) -> dict[str, bool]:
            try:
                rows = list(
                    csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), strict=True)
                )
            except (UnicodeDecodeError, csv.Error) as error:
                raise answer.unexpected("tagtog's answer isn't a table", legal="docid,anncomplete") from error
            wrong = [
                row for row in rows[1:] if len(row) != 2 or not row[0] or row[1] not in ("true", "false")
            ]
            if rows[:1] != [["docid", "anncomplete"]] or wrong:
                raise answer.unexpected(
                    "tagtog's answer isn't a table of documents",
                    value=(wrong or rows)[:1],
                    legal="docid,anncomplete",
                )
            return {doc_id: complete == "true" for doc_id, complete in rows[1:]}

        return self._http.call("GET", _DOCUMENTS, {"search": query, "output": "csv"}, read=read)

    # ---- documents: reading one

    def _get(
        self,
        doc_id: str,
        output: str,
        suffix: str | None,
        read: Callable[[Answer], _T],
        *,
        member: str = MASTER,
    ) -> _T:
        if not doc_id:
            raise ConfigurationError(
                "nothing says which document to read", value=doc_id, legal="a document id"
            )

        def checked(answer: Answer) -> _T:
            if suffix is not None:
                answer.check_name(doc_id, suffix)
            return read(answer)

        params = {"idType": "tagtogID", "ids": doc_id, "output": output, "member": member}
        return self._http.call(
            "GET",
            _DOCUMENTS,
            params,
            read=checked,
            place=f"{self._http.place('GET', _DOCUMENTS)}, document {doc_id}",
        )

    def plain_html(self, doc_id: str) -> bytes:
        """The content of a document.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's plain.html.
            ClientError: The call failed otherwise.
        """
        return self._content(doc_id).data

    def _content(self, doc_id: str) -> PlainHtml:
        def read(answer: Answer) -> PlainHtml:
            answer.check_html()
            html = PlainHtml(answer.content, place=answer.place)
            try:
                parts = html.parts
            except PlainHtmlError as error:
                raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error
            if not parts:
                # A login page is HTML, too, but it has no parts to annotate unless by chance.
                raise answer.unexpected(
                    "tagtog's answer is HTML without any part", value=html.id, legal="a plain.html"
                )
            claimed = html.id
            if (
                answer.filename is None
                and claimed is not None
                and claimed != doc_id
                and is_document_id(claimed)
            ):
                raise answer.unexpected("tagtog answered with another document", value=claimed, legal=doc_id)
            return html

        return self._get(doc_id, "plain.html", ".plain.html", read)

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
        return self._get(
            doc_id,
            "ann.json",
            ".ann.json",
            lambda answer: (_annotations(answer), "Warning" not in answer.headers),
            member=member,
        )

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

    def files(self, doc_id: str, *, members: Sequence[str] = (MASTER,)) -> tuple[bytes, dict[str, bytes]]:
        """A document's files as tagtog sends them, neither parsed nor checked: for who wants to say what is wrong with them.

        Args:
            doc_id: The document's id.
            members: The versions wanted. Members without an own version are left out.

        Returns:
            The plain.html, and the ann.json of each member.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: An answer is a file of another document, or no file at all.
            ClientError: A call failed.
        """

        def read(answer: Answer) -> bytes:
            answer.check_html()
            return answer.content

        def own(answer: Answer) -> tuple[bytes, bool]:
            return answer.content, "Warning" not in answer.headers

        html = self._get(doc_id, "plain.html", ".plain.html", read)
        versions = {
            member: self._get(doc_id, "ann.json", ".ann.json", own, member=member) for member in members
        }
        return html, {
            member: content for member, (content, is_own) in versions.items() if is_own or member == MASTER
        }

    def exists(self, doc_id: str) -> bool:
        """Whether the project has a document.

        Raises:
            NotFoundError: There is no such project.
            ClientError: The call failed.
        """
        try:
            self.web_url(doc_id)
        except NotFoundError:
            # This fails if it is the project that isn't there.
            self.legend()
            return False
        return True

    def original(self, doc_id: str) -> bytes:
        """The file as it was uploaded.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed.
        """
        return self._get(doc_id, "orig", None, lambda answer: answer.content)

    def text(self, doc_id: str) -> str:
        """The text of a document, its parts divided by an empty line.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't text in UTF-8.
        """
        return self._get(doc_id, "text", None, _text)

    def web_url(self, doc_id: str, *, member: str = MASTER) -> str:
        """The address of a document's page in tagtog's editor.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't an address.
        """

        def read(answer: Answer) -> str:
            url = _text(answer).strip()
            if not url.startswith(("http://", "https://")) or any(character.isspace() for character in url):
                raise answer.unexpected("tagtog's answer isn't an address", value=url[:80], legal="https://…")
            return url

        return self._get(doc_id, "weburl", None, read, member=member)

    def page(self, doc_id: str, *, member: str = MASTER) -> str:
        """A document as a web page with its annotations (``output=visualize``), for a notebook to show.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't a page.
        """

        def read(answer: Answer) -> str:
            if answer.content_type not in ("text/html", "application/xhtml+xml"):
                raise answer.unexpected(
                    "tagtog's answer isn't HTML",
                    value=answer.content_type or "(no content type)",
                    legal="text/html",
                )
            return _text(answer)

        return self._get(doc_id, "visualize", None, read, member=member)

    def entities_tsv(
        self, doc_id: str, *, member: str = MASTER, only_entities: bool = False
    ) -> list[tuple[str, str]]:
        """A document as (piece of text, entity type or ``O``), as tagtog's own tables have it; an empty text divides the parts.

        Args:
            doc_id: The document's id.
            member: ``master``, or a member's name.
            only_entities: Only entities (``entitiesonlyclassestsv``): overlapping ones are kept then, else the first of them wins.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't such a table.
        """

        def read(answer: Answer) -> list[tuple[str, str]]:
            rows = []
            for line in _text(answer).split("\n"):
                piece, tab, name = line.rpartition("\t")
                if line and not tab:
                    raise answer.unexpected(
                        "tagtog's answer isn't a table of entities",
                        value=line[:80],
                        legal="text, tabulator, entity type",
                    )
                rows.append((piece, name))
            while rows and rows[-1] == ("", ""):
                rows.pop()
            return rows

        return self._get(
            doc_id, "entitiesonlyclassestsv" if only_entities else "entitiestsv", None, read, member=member
        )

    # ---- annotation versions

    def merge(self, doc_id: str, strategy: MergeStrategy, *, save_to: str | None = None) -> Annotations:
        """Merge the confirmed member versions of a document into one.

        Args:
            doc_id: The document's id.
            strategy: ``union_v1``, ``intersection_v1``, ``majority_v1`` or ``best_iaa_v1``, see :mod:`spacy_tagtog.agreement`.
            save_to: Store the result as the version of this member, or of ``master``. It replaces what is there; such a call isn't repeated.

        Returns:
            The merged annotations.

        Raises:
            ConfigurationError: There is no such strategy.
            NotFoundError: The project has no such document.
            RejectedError: No member has confirmed it.
            ClientError: The call failed otherwise.
        """
        _check(strategy, get_args(MergeStrategy), "strategy of a merge")
        params = {"docid": doc_id, "strategy": strategy, **({} if save_to is None else {"saveTo": save_to})}
        return self._http.call("POST", f"{_VERSIONS}/merge", params, read=_annotations, safe=save_to is None)

    def copy(self, doc_id: str, *, source: str, target: str) -> Annotations:
        """Copy a version of a document to another member; the copy isn't confirmed.

        Args:
            doc_id: The document's id.
            source: ``master`` or a member: whose version is copied.
            target: ``master`` or a member: whose version it becomes, in place of what they have.

        Returns:
            The target's annotations.

        Raises:
            NotFoundError: The project has no such document.
            RejectedError: The target's version is confirmed.
            ClientError: The call failed otherwise. It isn't repeated where it may have been done.
        """
        params = {"docid": doc_id, "from": source, "saveTo": target}
        return self._http.call("POST", f"{_VERSIONS}/copy", params, read=_annotations)

    # ---- settings

    def legend(self) -> Legend:
        """The names of the project's classes.

        Raises:
            ClientError: The call failed, or the answer isn't a legend.
            LegendError: Two classes share a name.
        """
        self._legend = self._http.call(
            "GET",
            f"{_SETTINGS}/annotationsLegend",
            read=lambda answer: Legend(answer.json(_NAMES, "a legend"), place=answer.place),
        )
        return self._legend

    def settings(self) -> dict[str, Any]:
        """The project's settings, as tagtog exports them.

        Raises:
            ClientError: The call failed, or the answer isn't a JSON object.
        """
        return self._http.call(
            "GET", f"{_SETTINGS}/export", read=lambda answer: answer.json(_OBJECT, "settings")
        )

    def import_settings(self, settings: Mapping[str, Any], *, force: bool = False) -> dict[str, str]:
        """Replace the project's settings: **tagtog removes all documents of the project** by that.

        Args:
            settings: Such as :meth:`settings` gives.
            force: Do it although the project has documents.

        Returns:
            The ids that the classes have now, by the ids that they have in ``settings``.

        Raises:
            ConfigurationError: The project has documents, and ``force`` isn't set.
            ClientError: The call failed, or the answer isn't the new settings. It isn't repeated where it may have been done.
        """
        there = 0 if force else self.count()
        if there:
            raise ConfigurationError(
                "importing settings would remove the project's documents",
                value=f"{counted(there, 'document')} in {self.owner}/{self.project}",
                legal="a project without documents",
                advice="fetch them first, then import with force=True (--force)",
            )
        answer = self._http.call(
            "POST",
            f"{_SETTINGS}/import",
            json=dict(settings),
            read=lambda answer: answer.json(_NEW_SETTINGS, "the result of an import of settings"),
        )
        self._legend = None
        return {old: str(new) for old, new in answer["mapNewIds"].items()}

    def folders(self) -> list[str]:
        """The project's folders as paths, such as ``pool`` and ``pool/train``, parents first.

        Raises:
            ClientError: The call failed, or the settings hold no tree of folders.
        """

        def read(answer: Answer) -> list[str]:
            paths: list[str] = []
            todo: list[tuple[str, Any]] = [("", answer.json(_OBJECT, "settings").get("folders"))]
            while todo:
                parent, children = todo.pop(0)
                if not isinstance(children, dict) or not all(
                    isinstance(child, dict) for child in children.values()
                ):
                    raise answer.unexpected(
                        "the settings hold no tree of folders",
                        value=children,
                        legal='{"pool": {"name": "pool", "index": 0, "children": {…}}}',
                    )
                for key, child in children.items():
                    path = f"{parent}/{child.get('name') or key}".lstrip("/")
                    paths.append(path)
                    todo.append((path, child.get("children") or {}))
            return paths

        return self._http.call("GET", f"{_SETTINGS}/export", read=read)

    def add_folder(self, path: str) -> None:
        """Add a folder, and those above it. It is fine if it exists.

        Args:
            path: Such as ``pool/train``.

        Raises:
            ConfigurationError: It isn't a path below ``pool``.
            ClientError: The call failed.
        """
        pieces = _folder(path)
        existing = set(self.folders())
        for end in range(2, len(pieces) + 1):
            folder = "/".join(pieces[:end])
            if folder in existing:
                continue
            try:
                self._folder_call(
                    "add",
                    {"path": folder},
                    done=lambda folder=folder: folder in self.folders(),  # type: ignore[misc]
                )
            except RejectedError:
                # Somebody else may have added it at this moment.
                if folder not in self.folders():
                    raise

    def rename_folder(self, path: str, new_name: str) -> None:
        """Rename a folder. Its documents and the folders in it stay there.

        Args:
            path: Such as ``pool/train``.
            new_name: The last piece of its new path.

        Raises:
            ConfigurationError: It isn't a path below ``pool``, or the new name isn't a name.
            ClientError: The call failed.
        """
        pieces = _folder(path)
        new = "/".join([*pieces[:-1], new_name])
        if len(pieces) < 2 or "/" in new_name:
            raise ConfigurationError(
                "this folder can't be renamed so",
                value=f"{path} to {new_name}",
                legal="pool/…, and a name without a slash",
            )
        _folder(new)

        def done() -> bool:
            folders = self.folders()
            return new in folders and path not in folders

        self._folder_call("rename", {"path": path, "newFolderName": new_name}, done=done)

    def remove_folder(self, path: str, *, force: bool = False) -> None:
        """Remove a folder and the folders in it.

        Args:
            path: Such as ``pool/train``.
            force: Remove the documents that are in it, too.

        Raises:
            ConfigurationError: It isn't a path below ``pool``, or there are documents in it, and ``force`` isn't set.
            ClientError: The call failed.
        """
        if len(_folder(path)) < 2:
            raise ConfigurationError("pool itself can't be removed", value=path, legal="pool/NAME…")
        if not force:
            inside = [folder for folder in self.folders() if folder == path or folder.startswith(f"{path}/")]
            there = sum(self.count(f'folder:"{folder}"') for folder in inside)
            if there:
                raise ConfigurationError(
                    "removing the folder would remove its documents",
                    value=f"{counted(there, 'document')} in {path}",
                    legal="an empty folder",
                    advice="fetch or move them first, or remove it with force=True (--force)",
                )
        self._folder_call("remove", {"path": path}, done=lambda: path not in self.folders())

    def _folder_call(self, what: str, body: Mapping[str, str], *, done: Callable[[], bool]) -> None:
        def do() -> None:
            self._http.call("POST", f"{_SETTINGS}/folders/{what}", json=dict(body), read=lambda _: None)

        self._settled(do, done, lambda: None)

    def members(self) -> list[Member]:
        """The project's members, and those who were invited.

        Raises:
            AuthenticationError: The user may not see them; a reviewer or an admin may.
            ClientError: The call failed, or the answer isn't a list of members.
        """

        def read(answer: Answer) -> list[Member]:
            data = answer.json(_MEMBERS, "a list of members")
            found = []
            for key, pending in (("members", False), ("pendingMembers", True)):
                for raw in data.get(key) or []:
                    name = raw.get("username") or raw.get("email")
                    if not name:
                        raise answer.unexpected(
                            "tagtog's answer has a member without a name",
                            value=raw,
                            legal="username or email",
                        )
                    role = raw.get("role") or {}
                    found.append(Member(name, role.get("name") or raw.get("roleName") or "", pending, raw))
            return found

        return self._http.call("GET", f"{_SETTINGS}/members", read=read)

    def add_member(self, login: str, role: Role) -> None:
        """Add a member.

        Args:
            login: The user name, or an e-mail address to invite.
            role: What they may do.

        Raises:
            ConfigurationError: There is no such role, or the name is empty.
            ClientError: The call failed; only an admin may do it.
        """
        _check(role, get_args(Role), "role")
        _name(login)
        self._settled(
            lambda: self._http.call(
                "POST", f"{_SETTINGS}/members", json={"loginid": login, "roleName": role}, read=lambda _: None
            ),
            lambda: any((member.name, member.role) == (login, role) for member in self.members()),
            lambda: None,
        )

    def set_role(self, login: str, role: Role) -> None:
        """Give a member another role.

        Raises:
            ConfigurationError: There is no such role, or the name is empty.
            NotFoundError: There is no such member.
            ClientError: The call failed; only an admin may do it.
        """
        _check(role, get_args(Role), "role")
        self._http.call(
            "PUT",
            f"{_SETTINGS}/members/{quote(_name(login), safe='')}",
            json={"roleName": role},
            read=lambda _: None,
            safe=True,
        )

    def remove_member(self, login: str) -> None:
        """Remove a member from the project.

        Raises:
            NotFoundError: There is no such member.
            ClientError: The call failed; only an admin may do it.
        """
        try:
            self._http.call(
                "DELETE",
                f"{_SETTINGS}/members/{quote(_name(login), safe='')}",
                read=lambda _: None,
                safe=True,
            )
        except NotFoundError as error:
            # An earlier try, whose answer got lost, has done it.
            if not error.uncertain:
                raise

    def set_task_distribution(self, number: int, members: Sequence[str]) -> None:
        """Say to whom new documents are assigned.

        Args:
            number: How many members annotate each new document; 0 turns task distribution off.
            members: Those among whom they are chosen.

        Raises:
            ConfigurationError: There aren't so many members.
            ClientError: The call failed.
        """
        if isinstance(members, str) or not 0 <= number <= len(members):
            raise ConfigurationError(
                "so many members can't annotate each document",
                value=number,
                legal="0 up to the number of members given",
            )
        body = {"taskDistributionNumber": number, "taskDistributionMembers": list(members)}
        self._http.call("PUT", f"{_SETTINGS}/task-distribution", json=body, read=lambda _: None, safe=True)

    # ---- metrics

    def search_stats(self, query: str = "*") -> dict[str, Any]:
        """Counts by annotation type over the documents that a query finds, as tagtog gives them.

        Raises:
            ClientError: The call failed, or the answer isn't a JSON object.
        """
        return self._http.call(
            "GET",
            f"{_METRICS}/search_stats",
            {"search": query},
            read=lambda answer: answer.json(_OBJECT, "counts"),
        )

    def iaa(
        self, member1: str, member2: str, task: str, *, metric: AgreementMetric = "exact_v1"
    ) -> Agreement:
        """How well two members agree on an annotation task.

        Args:
            member1: ``master`` or a member.
            member2: ``master`` or a member.
            task: A class id, such as ``e_1``.
            metric: ``exact_v1``, ``overlapping_v1``, or ``documentlevel_v1`` for normalizations.

        Raises:
            ConfigurationError: There is no such metric.
            ClientError: The call failed, or the answer isn't a measure.
        """
        _check(metric, get_args(AgreementMetric), "metric of agreement")
        params = {"member1": member1, "member2": member2, "anntaskId": task, "metric": metric}

        def read(answer: Answer) -> Agreement:
            data = answer.json(_IAA, "a measure of agreement")
            f1 = data["f1"]
            if f1 is not None and not 0 <= f1 <= 1:
                raise answer.unexpected(
                    "tagtog's answer isn't a measure of agreement", value=f1, legal="f1 between 0 and 1"
                )
            return Agreement(f1, data["overNumDocs"])

        return self._http.call("GET", f"{_METRICS}/iaa", params, read=read)

    # ---- documents: writing

    def upload_text(
        self,
        text: str,
        *,
        folder: str = "pool",
        text_format: TextFormat = "verbatim",
        filename: str | None = None,
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Import a text as a new document.

        Args:
            text: The text.
            folder: Where it goes.
            text_format: ``verbatim``, ``formatted`` or ``markdown``.
            filename: What to call it; tagtog's default is ``text.txt``.
            distribute_to: ``-`` as the project says, ``""`` nobody, ``*`` all members, or names with commas between.

        Raises:
            ClientError: The call failed, or the answer doesn't name one document. It isn't repeated where it may have been done.
            ConfigurationError: The text isn't valid Unicode.
        """
        params = {"format": text_format, **({} if filename is None else {"filename": filename})}
        return self._import(params, 1, folder=folder, distribute_to=distribute_to, data={"text": text})

    def upload_url(
        self, url: str, *, folder: str = "pool", distribute_to: str | None = None
    ) -> list[ImportedItem]:
        """Have tagtog import a web page. The local tagtog, which has no network, refuses.

        Raises:
            ClientError: The call failed, or the answer doesn't name one document. It isn't repeated where it may have been done.
        """
        return self._import({"url": url}, 1, folder=folder, distribute_to=distribute_to)

    def upload_ids(
        self,
        ids: Sequence[str],
        *,
        id_type: Literal["PMID", "PMCID"] = "PMID",
        folder: str = "pool",
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Have tagtog import articles of PubMed or PubMed Central. The local tagtog, which has no network, refuses.

        Args:
            ids: Such as ``23596191``.
            id_type: ``PMID`` or ``PMCID``.
            folder: Where they go.
            distribute_to: As in :meth:`upload_text`.

        Raises:
            ConfigurationError: There is no id, or no such kind of ids.
            ClientError: The call failed, or the answer doesn't name each document. It isn't repeated where it may have been done.
        """
        _check(id_type, ("PMID", "PMCID"), "kind of ids")
        if not ids or not all(one and "," not in one for one in ids):
            raise ConfigurationError(
                "nothing says which articles to import",
                value=",".join(ids),
                legal="one id or more, without commas",
            )
        return self._import(
            {"idType": id_type, "ids": ",".join(ids)}, len(ids), folder=folder, distribute_to=distribute_to
        )

    def upload_files(
        self,
        paths: Sequence[Path],
        *,
        folder: str = "pool",
        text_format: str | None = None,
        member: str = MASTER,
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Import files as new documents.

        Args:
            paths: Files of types that tagtog reads (txt, pdf, md, html…). With a pre-annotated format, each with its ``.ann.json``.
            folder: Where they go.
            text_format: How tagtog reads them; by default by file name. ``default-plus-annjson``, ``verbatim-plus-annjson``,
                ``formatted-plus-annjson`` and ``anndoc`` take annotations along.
            member: Whose annotations they are.
            distribute_to: As in :meth:`upload_text`.

        Raises:
            ClientError: The call failed, or the answer doesn't name each document. Files of earlier requests have been imported. It isn't
                repeated where it may have been done; :func:`spacy_tagtog.client.upload` looks, and repeats.
            ConfigurationError: Two files have the same name, or annotations have no content beside them.
            ProjectError: A file can't be read.
        """
        files = [Path(path) for path in paths]
        names = [path.name for path in files]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ConfigurationError(
                "two files have the same name",
                value=twice[0],
                legal="names that differ",
                advice="upload them one after the other",
            )
        documents = (
            _with_annotations(files)
            if text_format is not None and (text_format == "anndoc" or text_format.endswith("-annjson"))
            else None
        )
        params: dict[str, str | int] = {"member": member} if documents is not None else {}
        if text_format is not None:
            params["format"] = text_format
        contents = (
            [(path.name, _file(path)) for path in group]
            for group in (documents if documents is not None else [[path] for path in files])
        )
        items: list[ImportedItem] = []
        for batch in _groups(contents, 20, lambda pair: sum(len(content) for _, content in pair)):
            form = [("file", one) for pair in batch for one in pair]
            items += self._import(params, len(batch), folder=folder, distribute_to=distribute_to, files=form)
        return items

    def push(
        self,
        documents: Iterable[Document],
        *,
        member: str = MASTER,
        batch_size: int = 20,
        distribute_to: str | None = None,
    ) -> Iterator[ImportedItem]:
        """Upload documents with annotations, replacing what is there. :func:`spacy_tagtog.client.push` looks before it does.

        Args:
            documents: What to upload. They are read as they are sent.
            member: Whose version it becomes, and which version of the documents is sent.
            batch_size: The most documents in one request. A request has documents of one folder only.
            distribute_to: As in :meth:`upload_text`.

        Yields:
            What became of each document, as soon as its batch is answered.

        Raises:
            DuplicateDocumentError: A document comes twice.
            ClientError: The call failed, or the answer doesn't name each document of the batch exactly once. It isn't repeated where it may
                have been done; :func:`spacy_tagtog.client.push` looks, and repeats.
        """
        if batch_size < 1:
            raise ConfigurationError("the batch size is too small", value=batch_size, legal="1 or more")
        waiting: dict[str, list[Pair]] = {}
        seen: set[str] = set()
        for document in documents:
            if document.id in seen:
                raise DuplicateDocumentError(
                    "one document comes twice", value=document.id, legal="each document once"
                )
            seen.add(document.id)
            pair = Pair.of(document, member)
            batch = waiting.setdefault(document.folder, [])
            if batch and sum(map(len, batch)) + len(pair) > MAX_BATCH_BYTES:
                yield from self._push_batch(batch, document.folder, member, distribute_to).values()
                batch.clear()
            batch.append(pair)
            if len(batch) == batch_size:
                yield from self._push_batch(batch, document.folder, member, distribute_to).values()
                batch.clear()
        for folder, batch in waiting.items():
            if batch:
                yield from self._push_batch(batch, folder, member, distribute_to).values()

    def _push_batch(
        self,
        batch: Sequence[Pair],
        folder: str,
        member: str,
        distribute_to: str | None = None,
        *,
        keep_confirmed: bool = False,
    ) -> dict[str, ImportedItem]:
        """Send pairs in one request. Gives what became of them by the ids that they have here, in the order of the answer.

        ``keep_confirmed`` asks the server to leave confirmed versions alone; the local tagtog does, tagtog itself doesn't know it.
        """
        files = []
        for pair in batch:
            files.append(("file", (f"{pair.doc_id}.plain.html", pair.html, "text/html")))
            files.append(("file", (f"{pair.doc_id}.ann.json", pair.ann_json, "application/json")))

        def read(answer: Answer, items: list[ImportedItem]) -> dict[str, ImportedItem]:
            missing = {pair.doc_id for pair in batch}
            named: dict[str, ImportedItem] = {}
            for item in items:
                # tagtog may give a new document another id: the file names say which one it was.
                names = [
                    name.removesuffix(".plain.html").removesuffix(".ann.json")
                    for key in ("filenames", "names")
                    for name in item.raw.get(key) or ()
                ]
                match = next(
                    (
                        doc_id
                        for doc_id in (item.doc_id, item.raw.get("docid"), *names, item.origid)
                        if doc_id in missing
                    ),
                    None,
                )
                if match is None:
                    raise answer.unexpected(
                        "tagtog's answer names a document that wasn't pushed, or names one twice",
                        value=item.doc_id,
                        legal="each pushed document once",
                        advice="look in tagtog at what became of these documents, then push again",
                    )
                missing.remove(match)
                named[match] = item
            return named

        params = {
            "format": "anndoc",
            "member": member,
            **({"keepConfirmed": "true"} if keep_confirmed else {}),
        }
        return self._imported(
            params, len(batch), read, folder=folder, distribute_to=distribute_to, files=files
        )

    def _import(
        self, params: Fields, expected: int, *, folder: str, distribute_to: str | None, **body: Any
    ) -> list[ImportedItem]:
        return self._imported(
            params, expected, lambda _, items: items, folder=folder, distribute_to=distribute_to, **body
        )

    def _imported(
        self,
        params: Fields,
        expected: int,
        read: Callable[[Answer, list[ImportedItem]], _T],
        *,
        folder: str,
        distribute_to: str | None,
        **body: Any,
    ) -> _T:
        def checked(answer: Answer) -> _T:
            data = answer.json(_IMPORT, "the result of an import")
            if data.get("errors"):
                raise RejectedError(
                    f"tagtog could not import {data['errors']} of {counted(expected, 'document')}",
                    status=answer.status,
                    place=answer.place,
                    value=self._http.said(
                        json.dumps(data.get("warnings") or [], ensure_ascii=False).encode("utf-8", "replace")
                    ),
                    advice="correct what tagtog complains about; the others have been imported",
                )
            items = []
            for raw in data["items"]:
                doc_id = raw.get("tagtogID") or raw.get("docid")
                if not doc_id:
                    raise answer.unexpected(
                        "tagtog's answer has a document without an id", value=raw, legal="docid or tagtogID"
                    )
                items.append(ImportedItem(doc_id, raw["result"], raw.get("origid") or "", raw))
            if len(items) != expected:
                named = counted(len(items), "document")
                raise answer.unexpected(
                    f"tagtog's answer names {named}, not the {expected} sent",
                    legal="each pushed document once",
                )
            return read(answer, items)

        fields: dict[str, str | int] = {**params, "output": "null", "folder": folder}
        if distribute_to is not None:
            fields["distributeToMembers"] = distribute_to
        return self._http.call("POST", _DOCUMENTS, fields, read=checked, **body)

    def delete(self, query: str) -> int:
        """Delete all documents that a query finds.

        Returns:
            How many were deleted.

        Raises:
            ConfigurationError: The query is empty.
            ClientError: The call failed, or the answer isn't a number. It isn't repeated where it may have been done.
        """
        if not query.strip():
            raise ConfigurationError(
                "nothing says which documents to delete", value=query, legal="a query; * for all documents"
            )
        return self._delete({"search": query}, safe=False)

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
            raise ConfigurationError(
                "nothing says which document to delete", value=doc_id, legal="a document id"
            )
        try:
            return self._delete({"idType": "tagtogID", "ids": doc_id}, safe=True)
        except NotFoundError as error:
            # An earlier try, whose answer got lost, has deleted it.
            if error.uncertain:
                return 1
            raise

    def _delete(self, params: Fields, *, safe: bool) -> int:
        def read(answer: Answer) -> int:
            text = answer.content[:100].decode("utf-8", "replace").strip()
            if not (text.isascii() and text.isdigit()):
                raise answer.unexpected(
                    "tagtog's answer isn't the number of documents deleted", value=text, legal="a number"
                )
            return int(text)

        return self._http.call("DELETE", _DOCUMENTS, params, read=read, safe=safe)


@dataclass(frozen=True)
class Pair:
    """The two files of a document."""

    doc_id: str
    html: bytes
    ann_json: bytes

    @classmethod
    def of(cls, document: Document, member: str) -> Pair:
        """The files of a document with the version of a member."""
        return cls(document.id, document.html.data, document.version(member).dumps().encode("utf-8"))

    def __len__(self) -> int:
        return len(self.html) + len(self.ann_json)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(
            f"a file can't be read: {error.strerror or error}",
            place=path,
            advice="check the path and the permissions",
        ) from error


def _groups(items: Iterable[_T], most: int, size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Items in groups of at most ``most``, and of at most MAX_BATCH_BYTES unless a single one is larger."""
    group: list[_T] = []
    weight = 0
    for item in items:
        if group and (len(group) == most or weight + size(item) > MAX_BATCH_BYTES):
            yield group
            group, weight = [], 0
        group.append(item)
        weight += size(item)
    if group:
        yield group


def _annotations(answer: Answer) -> Annotations:
    try:
        return Annotations.parse(answer.content, place=answer.place)
    except AnnJsonError as error:
        raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error


def _text(answer: Answer) -> str:
    try:
        return answer.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise answer.unexpected(
            "tagtog's answer isn't text in UTF-8", value=answer.content[:40], legal="UTF-8"
        ) from error


def _check(value: str, legal: Sequence[str], what: str) -> None:
    if value not in legal:
        raise ConfigurationError(f"there is no such {what}", value=value, legal=", ".join(legal))


def _name(login: str) -> str:
    if not login.strip():
        raise ConfigurationError(
            "the member's name is empty", value=login, legal="a user name or an e-mail address"
        )
    return login


def _folder(path: str) -> list[str]:
    pieces = path.split("/")
    if pieces[0] != "pool" or not all(piece.strip() and piece not in (".", "..") for piece in pieces):
        raise ConfigurationError(
            "not a folder of a project", value=path, legal="pool/NAME or pool/NAME/NAME…"
        )
    return pieces


def _with_annotations(paths: Sequence[Path]) -> list[list[Path]]:
    """Each content file with the annotations of the same base name, in the order of the contents."""
    suffix = ".ann.json"
    annotations = {path.name.removesuffix(suffix): path for path in paths if path.name.endswith(suffix)}
    pairs = []
    for path in paths:
        if path.name.endswith(suffix):
            continue
        base = (
            path.name.removesuffix(".plain.html")
            if path.name.endswith(".plain.html")
            else path.name.rpartition(".")[0] or path.name
        )
        pairs.append([path, annotations.pop(base)] if base in annotations else [path])
    odd = [*annotations.values(), *(pair[0] for pair in pairs if len(pair) == 1)]
    if odd:
        raise ConfigurationError(
            "a file has no partner of the same base name",
            value=odd[0].name,
            legal="pairs: NAME.plain.html, NAME.txt… with NAME.ann.json",
        )
    return pairs
