"""What tagtog answers: the shapes of its JSON, and what the client makes of them.

Every answer is checked against its shape before it is used. Keys that a shape doesn't name are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import NotRequired, TypedDict

Json = dict[str, Any]

_STRICT = ConfigDict(strict=True)

# ---- what comes over the wire


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
class _SettingsImported(TypedDict):
    mapNewIds: dict[str, Any]
    newSettings: dict[str, Any]


@with_config(_STRICT)
class _Iaa(TypedDict):
    f1: float | int | None
    overNumDocs: Annotated[int, Field(ge=0)]


SEARCH_ANSWER: Final[TypeAdapter[Any]] = TypeAdapter(_SearchAnswer)
IMPORT_ANSWER: Final[TypeAdapter[Any]] = TypeAdapter(_ImportAnswer)
MEMBERS_ANSWER: Final[TypeAdapter[Any]] = TypeAdapter(_MembersAnswer)
SETTINGS_IMPORTED: Final[TypeAdapter[Any]] = TypeAdapter(_SettingsImported)
IAA_ANSWER: Final[TypeAdapter[Any]] = TypeAdapter(_Iaa)
LEGEND_ANSWER: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(dict[str, str], config=_STRICT)
ANY_OBJECT: Final[TypeAdapter[Json]] = TypeAdapter(dict[str, Any])

# ---- what the client makes of it


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
    def of(cls, raw: Json) -> SearchHit:
        """The hit that an object of tagtog's answer describes."""
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
        result: ``created`` if the document is new, ``updated`` if tagtog had it already. ``kept`` if it is
            confirmed in tagtog and the call asked to keep confirmed documents.
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
        name: The user name. For somebody who hasn't answered an invitation, the e-mail address.
        role: ``reader``, ``curator``, ``supercurator``, ``reviewer``, ``admin``, or another that tagtog
            names.
        pending: Whether they were invited and haven't answered yet.
        raw: The answer's object, unchanged.
    """

    name: str
    role: str
    pending: bool
    raw: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ReportedAgreement:
    """How well two members agree, as tagtog reports it.

    :func:`spacy_tagtog.agreement.iaa` computes the same from documents.

    Attributes:
        f1: F1 over their annotations, between 0 and 1; ``None`` if there is nothing to compare.
        documents: The number of documents compared.
    """

    f1: float | None
    documents: int
