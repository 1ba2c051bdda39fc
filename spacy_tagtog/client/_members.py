"""Calls about the members of a project."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from spacy_tagtog._options import choose
from spacy_tagtog._tagtog import Role
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import SETTINGS, Calls
from spacy_tagtog.client.models import MEMBERS_ANSWER, Member
from spacy_tagtog.errors import ConfigurationError, NotFoundError


class MemberCalls(Calls):
    """Who works on the project, and who annotates new documents."""

    def members(self) -> list[Member]:
        """The project's members, and those who were invited.

        Raises:
            AuthenticationError: The user may not see them. Reviewers and admins may.
            ClientError: The call failed, or the answer isn't a list of members.
        """

        def read(answer: Answer) -> list[Member]:
            data = answer.json(MEMBERS_ANSWER, "a list of members")
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

        return self._http.call("GET", f"{SETTINGS}/members", read=read)

    def add_member(self, login: str, role: Role) -> None:
        """Add a member.

        Args:
            login: The user name, or an e-mail address to invite.
            role: What they may do.

        Raises:
            ConfigurationError: There is no such role, or the name is empty.
            ClientError: The call failed. Only admins may do this.
        """
        choose("role", role, Role)
        _check_login(login)
        self._settled(
            lambda: self._http.call(
                "POST", f"{SETTINGS}/members", json={"loginid": login, "roleName": role}, read=lambda _: None
            ),
            lambda: any((member.name, member.role) == (login, role) for member in self.members()),
            lambda: None,
        )

    def set_role(self, login: str, role: Role) -> None:
        """Give a member another role.

        Raises:
            ConfigurationError: There is no such role, or the name is empty.
            NotFoundError: There is no such member.
            ClientError: The call failed. Only admins may do this.
        """
        choose("role", role, Role)
        self._http.call("PUT", _path(login), json={"roleName": role}, read=lambda _: None, safe=True)

    def remove_member(self, login: str) -> None:
        """Remove a member from the project.

        Raises:
            NotFoundError: There is no such member.
            ClientError: The call failed. Only admins may do this.
        """
        try:
            self._http.call("DELETE", _path(login), read=lambda _: None, safe=True)
        except NotFoundError as error:
            # An earlier try, whose answer got lost, has done it.
            if not error.uncertain:
                raise

    def set_task_distribution(self, number: int, members: Sequence[str]) -> None:
        """Set to whom new documents are assigned.

        Args:
            number: The number of members who annotate each new document. 0 turns task distribution off.
            members: The members among whom they are chosen.

        Raises:
            ConfigurationError: There are fewer members than that.
            ClientError: The call failed.
        """
        if isinstance(members, str) or not 0 <= number <= len(members):
            raise ConfigurationError(
                "there are fewer members than should annotate each document",
                value=number,
                legal="0 up to the number of members given",
            )
        body = {"taskDistributionNumber": number, "taskDistributionMembers": list(members)}
        self._http.call("PUT", f"{SETTINGS}/task-distribution", json=body, read=lambda _: None, safe=True)


def _path(login: str) -> str:
    return f"{SETTINGS}/members/{quote(_check_login(login), safe='')}"


def _check_login(login: str) -> str:
    if not login.strip():
        raise ConfigurationError(
            "the member's name is empty", value=login, legal="a user name or an e-mail address"
        )
    return login
