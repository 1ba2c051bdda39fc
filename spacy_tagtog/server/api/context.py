"""A request whose user is known."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from starlette.responses import Response

from spacy_tagtog._tagtog import USER_NAME
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.identity import Caller, Identity
from spacy_tagtog.server.api.request import Body
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.history import Author
from spacy_tagtog.server.db.projects import access
from spacy_tagtog.server.db.roles import Access, Action
from spacy_tagtog.server.search.results import Results

PAGE_SIZE = 50
"""The entries of a list that stand on one page."""


def _no_page(*_: object) -> Response:
    raise RequestError(501, "this server shows no pages")


@dataclass(frozen=True)
class Call:
    """A request whose user is known.

    Attributes:
        database: The database.
        method: The HTTP method; ``GET`` for ``HEAD``, too.
        path: The path of the address.
        base_url: The address of the server, as the client knows it.
        query: The parameters of the address.
        body: The body.
        user: Who asks.
        operator: Whether this user runs the server, and so is an admin of every project.
        secret: What the tokens of forms are made with.
        if_match: The header ``If-Match``.
        if_none_match: The header ``If-None-Match``.
        results: What searches found before.
        show_document: Makes the page of a document, which stands in the room of the pages.
        identity: Checks passwords, and begins and ends sessions.
        caller: What the request says about the program that sent it.
        session: The token of the session; empty where a password came with the request.
        address: Path and query as they were sent.
    """

    database: Database
    method: str
    path: str
    base_url: str
    query: Mapping[str, str]
    body: Body
    user: str
    operator: bool = False
    secret: bytes = field(default=b"", repr=False)
    if_match: str | None = None
    if_none_match: str | None = None
    results: Results = field(default_factory=Results, repr=False)
    show_document: Callable[..., Response] = field(default=_no_page, repr=False)
    identity: Identity | None = field(default=None, repr=False)
    caller: Caller = field(default_factory=Caller)
    session: str = field(default="", repr=False)
    address: str = "/"

    def parameter(self, name: str, legal: str) -> str:
        """A parameter that can't be left out.

        Raises:
            RequestError: It is missing or empty.
        """
        value = self.query.get(name)
        if not value:
            raise RequestError(400, f"the parameter {name} is missing", place=self.path, legal=legal)
        return value

    @property
    def project(self) -> tuple[str, str]:
        """Owner and name of the project."""
        # Without owner, the user who asks is meant.
        return self.query.get("owner") or self.user, self.parameter("project", "?owner=USER&project=NAME")

    def member_of(self, parameter: str, default: str | None = MASTER) -> str:
        """A parameter that names a version: ``master`` or a member.

        Raises:
            RequestError: It can't be one, or is missing and has no default.
        """
        member = self.query.get(parameter) or default
        if member is None or not USER_NAME.fullmatch(member):
            raise RequestError(
                400,
                "this can't be a member's name"
                if member is not None
                else f"the parameter {parameter} is missing",
                place=parameter,
                value=member,
                legal="master, or 1 to 64 letters, digits, dots, underscores, hyphens",
            )
        return member

    @property
    def member(self) -> str:
        """Whose version is meant."""
        return self.member_of("member")

    def check_id_type(self) -> None:
        """Make sure that ids are those of documents.

        Raises:
            RequestError: They are others.
        """
        id_type = self.query.get("idType") or "tagtogID"
        if id_type in ("PMID", "PMCID"):
            raise not_offline("ids")
        if id_type != "tagtogID":
            raise RequestError(
                400, "documents have no other ids here", place="idType", value=id_type, legal="tagtogID"
            )

    @property
    def docid(self) -> str:
        """The id of the document that is meant."""
        self.check_id_type()
        return self.parameter("ids", "the id of one document")

    @property
    def named_document(self) -> str:
        """The parameter ``docid``, which names a document where no search is possible."""
        return self.parameter("docid", "?docid=DOCID, the id of one document")

    def field(self, name: str) -> str:
        """A text in the body.

        Raises:
            RequestError: There is none.
        """
        value = self.body.fields.get(name)
        if not isinstance(value, str):
            raise RequestError(
                400,
                f"the body has no text {name}",
                place=self.path,
                legal=f'{{"{name}": "…"}} as JSON or a form',
            )
        return value

    def access_to(self, owner: str, project: str) -> Access:
        """What the user may do in a project.

        Raises:
            RequestError: There is no such project for this user.
        """
        with self.database.reading() as connection:
            return access(connection, owner, project, self.user, operator=self.operator)

    @cached_property
    def access(self) -> Access:
        """What the user may do in the project that the parameters name."""
        return self.access_to(*self.project)

    def need(self, *actions: Action) -> None:
        """Make sure that the user may do something.

        Raises:
            RequestError: The user's role doesn't allow it (403).
        """
        for action in actions:
            self.access.need(action)

    def token(self, purpose: str) -> str:
        """What a form of this server's pages sends along, so that no other site's form can do the same.

        Args:
            purpose: What the form does, and to what.
        """
        project = self.query.get("owner") or self.user, self.query.get("project") or ""
        return hmac.digest(self.secret, "\0".join((self.user, *project, purpose)).encode(), "sha256").hex()

    def check_token(self, purpose: str) -> None:
        """Make sure that a request to change something comes from a page of this server, or from a program.

        Programs send JSON, which no other site's form can.

        Raises:
            RequestError: It may come from anywhere (403), or its JSON is no object (400).
        """
        given = self.body.fields.get("token")
        if self.body.json is not None and not isinstance(self.body.json, dict):
            raise RequestError(400, "the body isn't a JSON object", place=self.path, legal="{}")
        if self.body.json is None and not (
            isinstance(given, str) and hmac.compare_digest(given.encode(), self.token(purpose).encode())
        ):
            raise RequestError(
                403,
                "this form isn't one of this server's pages, or is an old one",
                place=self.path,
                legal="the form of the page, or from a program a body of Content-Type: application/json, "
                "such as {}",
                advice="load the page again, and repeat it there",
            )

    def page(self, view: str) -> str:
        """The address of one of the project's pages."""
        return f"{path_of(*self.project)}?view={view}"

    @property
    def author(self) -> Author:
        """Who saves, for the history."""
        return Author(self.user, "GUI" if self.path.startswith("/-local/") else "API")


Handler = Callable[[Call], Response | Awaitable[Response]]
"""What answers a call: a function, which runs in a thread, or a coroutine function."""


def path_of(*pieces: str) -> str:
    """The path of a page: owner, project, folder, document. The slashes of a folder stay slashes."""
    return "/" + "/".join(quote(piece, safe="") for path in pieces for piece in path.split("/"))


def parse_number(text: str, digits: int) -> int | None:
    """The number that a text is, ``None`` where it is none or has more digits.

    Python itself takes more for a number: signs, spaces, underscores, and the digits of all scripts.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None


def not_offline(parameter: str) -> RequestError:
    """The error for an import that needs the network."""
    what = "from an address" if parameter == "url" else "by an id of PubMed or PMC"
    return RequestError(
        501,
        f"importing {what} is not available offline",
        place=parameter,
        legal="text=, or files in multipart/form-data",
    )
