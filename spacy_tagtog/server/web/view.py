"""What the address of a project's page asks for: a search, filters, an order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args
from urllib.parse import quote, urlencode

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import path_of
from spacy_tagtog.server.search.filters import Filters, LabelFilter, Mine
from spacy_tagtog.server.search.ordered import KEYS, Key, Order
from spacy_tagtog.server.settings import ProjectInfo

State = Literal["", "open", "confirmed"]
MineValue = Literal["", "all", "open", "confirmed"]
_STATES: Final[tuple[State, ...]] = get_args(State)
_MINE: Final[tuple[MineValue, ...]] = get_args(MineValue)


@dataclass(frozen=True)
class View:
    """What the address of the page asks for.

    Attributes:
        project: The path of the project's page.
        folder: The path of the folder; empty for all.
        query: The search.
        state: Whether the master version is confirmed.
        mine: Which of the user's own documents.
        flagged: Whether flagged ones alone.
        labels: Class id of a document label → ``set``, ``unset``, or ``is:`` and a value.
        sort: The key that documents are sorted by, after ``-`` where the last comes first; empty for the
            usual order.
    """

    project: str
    folder: str = ""
    query: str = ""
    state: State = ""
    mine: MineValue = ""
    flagged: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], info: ProjectInfo, folder: str) -> View:
        """What the parameters of an address ask for.

        Raises:
            RequestError: A parameter has a value that it can't have.
        """
        labels = {name: query[name] for name in query if name.startswith("m_") and query[name]}
        possible = [class_id for class_id in info.legend if class_id.startswith("m_")]
        for name, wanted in labels.items():
            _one_of(name, "label", possible)
            if not wanted.startswith("is:"):
                _one_of(wanted, name, ("set", "unset", "is:VALUE"))
        sort = query.get("sort") or ""
        if sort:
            _one_of(sort.removeprefix("-"), "sort", KEYS)
        flagged = _one_of(query.get("flagged") or "", "flagged", ("", "yes")) == "yes"
        return cls(
            path_of(info.owner, info.name),
            folder,
            query.get("q", "").strip(),
            _one_of(query.get("state") or "", "state", _STATES),  # type: ignore[arg-type]
            _one_of(query.get("mine") or "", "mine", _MINE),  # type: ignore[arg-type]
            flagged,
            labels,
            sort,
        )

    def parameters(self) -> dict[str, str]:
        """The parameters of the address."""
        given = {
            "q": self.query,
            "state": self.state,
            "mine": self.mine,
            "flagged": "yes" if self.flagged else "",
            **self.labels,
            "sort": self.sort,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def path(self) -> str:
        """The address without its parameters."""
        folder = "/".join(quote(piece, safe="") for piece in self.folder.split("/"))
        return f"{self.project}/{folder}" if folder else self.project

    @property
    def address(self) -> str:
        """The address of the first page."""
        query = urlencode(self.parameters(), quote_via=quote)
        return f"{self.path}?{query}" if query else self.path

    def but(self, **changes: object) -> View:
        """The same with something else."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def without_label(self, class_id: str) -> View:
        """The same without the filter of a document label."""
        return self.but(labels={name: value for name, value in self.labels.items() if name != class_id})

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order is asked for."""
        return bool(self.folder or (self.parameters().keys() - {"sort"}))

    def order(self, *, is_ranked: bool) -> Order:
        """The order of the documents: if the address doesn't say, the ranking, or else the names."""
        if not self.sort:
            return Order("rank" if is_ranked else "name")
        return Order(cast("Key", self.sort.removeprefix("-")), self.sort.startswith("-"))

    def filters(self, info: ProjectInfo) -> Filters:
        """What the documents have to fulfil beside the search."""
        below = [
            one.index
            for one in info.folders
            if one.path == self.folder or one.path.startswith(f"{self.folder}/")
        ]
        labels = {
            class_id: LabelFilter(is_set=wanted != "unset")
            if wanted in ("set", "unset")
            else LabelFilter(value=wanted.removeprefix("is:"))
            for class_id, wanted in self.labels.items()
        }
        return Filters(
            {"": None, "open": False, "confirmed": True}[self.state],
            Mine(self.mine) if self.mine else None,
            self.flagged,
            below if self.folder else None,
            labels,
        )


def _one_of(value: str, place: str, legal: Sequence[str]) -> str:
    if value not in legal:
        raise RequestError(
            400,
            "the page has no such filter or order",
            place=place,
            value=value,
            legal=", ".join(one for one in legal if one) or "(none in this project)",
            advice="go to the project's page, and choose there",
        )
    return value
