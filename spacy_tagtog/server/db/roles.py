"""Who may do what: the members of a project, their roles, and what each role allows.

Facts: tagtog's documentation of collaboration (roles) and of the settings API (members).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from spacy_tagtog._tagtog import ROLES, Role
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.server._errors import RequestError

Action = Literal[
    "read the master version",
    "edit their own version",
    "edit the master version",
    "import documents",
    "delete documents",
    "change folders",
    "use the API",
    "read other members' versions",
    "edit other members' versions",
    "edit annotation settings",
    "edit webhooks",
    "read members",
    "see metrics",
    "edit members",
    "edit project settings",
]

_FROM_CURATOR: Final = frozenset(ROLES[1:])
_FROM_SUPERCURATOR: Final = frozenset(ROLES[2:])
_FROM_REVIEWER: Final = frozenset(ROLES[3:])
_ADMIN: Final = frozenset(ROLES[4:])

ALLOWED: Final[Mapping[Action, frozenset[Role]]] = {
    "read the master version": frozenset(ROLES),
    "edit their own version": _FROM_CURATOR,
    "edit the master version": _FROM_SUPERCURATOR,
    "import documents": _FROM_SUPERCURATOR,
    "delete documents": _FROM_SUPERCURATOR,
    "change folders": _FROM_SUPERCURATOR,
    "use the API": _FROM_SUPERCURATOR,
    "read other members' versions": _FROM_REVIEWER,
    "edit other members' versions": _FROM_REVIEWER,
    "edit annotation settings": _FROM_REVIEWER,
    "edit webhooks": _FROM_REVIEWER,
    "read members": _FROM_REVIEWER,
    "see metrics": frozenset(ROLES) - {"curator"},
    "edit members": _ADMIN,
    "edit project settings": _ADMIN,
}
"""Which roles may do what, as tagtog's table has it."""


def as_role(value: object, *, place: str) -> Role:
    """A role by its name.

    Raises:
        RequestError: There is no such role.
    """
    for role in ROLES:
        if value == role:
            return role
    raise RequestError(400, "there is no such role", place=place, value=value, legal=", ".join(ROLES))


def read_members(connection: sqlite3.Connection, project: int) -> dict[str, Role]:
    """The members of a project, name to role, by name."""
    rows = connection.execute(
        "SELECT login, role FROM members WHERE project_id = ? ORDER BY login", (project,)
    )
    return {row["login"]: as_role(row["role"], place="the database") for row in rows}


@dataclass(frozen=True)
class Access:
    """What one user may do in one project.

    Attributes:
        login: The user.
        project: The project, as ``owner/name``.
        role: The user's role in it. Who runs the server is an admin of every project.
    """

    login: str
    project: str
    role: Role

    def may(self, action: Action) -> bool:
        """Whether the role allows something."""
        return self.role in ALLOWED[action]

    def need(self, action: Action) -> None:
        """Make sure that the role allows something.

        Raises:
            RequestError: It doesn't (403).
        """
        if not self.may(action):
            article = "an" if self.role == "admin" else "a"
            raise RequestError(
                403,
                f"{article} {self.role} may not {action}",
                value=f"{self.login}, {self.role} of {self.project}",
                legal=f"the role {' or '.join(role for role in ROLES if role in ALLOWED[action])}",
                advice="ask an admin of the project for another role",
            )

    def may_read(self, member: str) -> bool:
        """Whether the role allows to read a version."""
        return self.may(
            "read the master version" if member in (MASTER, self.login) else "read other members' versions"
        )

    def need_to_read(self, member: str) -> None:
        """Make sure that the role allows to read a version.

        Raises:
            RequestError: It doesn't (403).
        """
        if not self.may_read(member):
            self.need("read other members' versions")

    def may_edit(self, member: str) -> bool:
        """Whether the role allows to change a version."""
        return self.may(self._editing(member))

    def need_to_edit(self, member: str) -> None:
        """Make sure that the role allows to change a version.

        Raises:
            RequestError: It doesn't (403).
        """
        self.need(self._editing(member))

    def _editing(self, member: str) -> Action:
        if member == MASTER:
            return "edit the master version"
        return "edit their own version" if member == self.login else "edit other members' versions"
