"""Who may log in to the local tagtog, and their roles in projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_tagtog._options import choose
from spacy_tagtog._tagtog import Role
from spacy_tagtog.errors import ArgumentError, ConfigurationError, setting
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER, local_projects

if TYPE_CHECKING:
    from spacy_tagtog.server import Database


@dataclass(frozen=True)
class AddedUser:
    """What became of a user.

    Attributes:
        is_new: Whether the user was added; else the user was known.
        password: The password, where one was made. It is stored nowhere else: show it now.
    """

    is_new: bool
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: The user's name.
        is_admin: Whether the user is an admin of every project.
        roles: ``OWNER/PROJECT`` → the user's role there.
    """

    name: str
    is_admin: bool
    roles: dict[str, str]


@contextmanager
def open_database(database: Path) -> Iterator[Database]:
    """Open the local tagtog's database.

    Raises:
        ConfigurationError: The local tagtog is not installed.
        LocalServerError: The file is no such database.
    """
    try:
        from spacy_tagtog.server import Database
    except ImportError as error:
        raise ConfigurationError(
            f"the local tagtog is not installed ({error.name} is missing)",
            advice="pip install 'spacy-tagtog[server]'",
        ) from error
    opened = Database(database)
    try:
        yield opened
    finally:
        opened.close()


def add_user(
    name: str,
    *,
    password: str | Callable[[], str] = "",
    keep_password: bool = False,
    admin: bool = False,
    project: str = "",
    role: str = "curator",
    owner: str = LOCAL_OWNER,
    database: Path | str = DEFAULT_DATABASE,
) -> AddedUser:
    """Add a user, give a known user a new password, or make one a member of a project.

    Args:
        name: The user's name.
        password: The password, or a function that asks for it once everything else is found to be right.
            Empty: one is made. Only a hash of it is stored.
        keep_password: Leave a known user's password as it is.
        admin: Make the user an admin of every project.
        project: Make the user a member of this project.
        role: The user's role there.
        owner: The project's owner.
        database: The local tagtog's database file.

    Raises:
        ConfigurationError: There is no such project.
        ArgumentError: There is no such role, or the settings contradict each other.
        LocalServerError: The database can't be used.
    """
    with open_database(Path(database)) as opened:
        from spacy_tagtog.server.db import users
        from spacy_tagtog.server.db.members import set_member

        choose(setting("role"), role, Role)
        projects = local_projects(opened)
        if project and (owner, project) not in projects:
            raise ConfigurationError(
                "there is no such project",
                value=f"{owner}/{project}",
                legal=", ".join("/".join(one) for one in projects) or "(the database has no project)",
            )
        known = name in (user for user, _ in opened.read(users.list_users))
        if keep_password and not known:
            raise ArgumentError(
                "there is no such user, so there is no password to keep",
                value=name,
                advice=f"leave {setting('keep_password')} out",
            )
        if keep_password and (password or admin):
            raise ArgumentError(
                f"{setting('keep_password')} goes with neither a new password nor {setting('admin')}",
                legal="one of them",
            )
        made = ""
        if not keep_password:
            given = password() if callable(password) else password
            if not given:
                given = made = users.new_password()
            hashed = users.hash_password(name, given)  # before the transaction: it takes its time
            opened.write(users.store_user, name, hashed, admin=True if admin else None)
        if project:
            opened.write(set_member, owner, project, name, role)
    return AddedUser(not known, made)


def list_users(database: Path | str = DEFAULT_DATABASE) -> list[User]:
    """The users and their roles in projects.

    Args:
        database: The local tagtog's database file.

    Raises:
        LocalServerError: The database can't be used.
    """
    with open_database(Path(database)) as opened:
        from spacy_tagtog.server.db import users
        from spacy_tagtog.server.db.members import members_of

        roles: dict[str, dict[str, str]] = {}
        for owner, project in local_projects(opened):
            for login, role in opened.read(members_of, owner, project).items():
                roles.setdefault(login, {})[f"{owner}/{project}"] = role
        return [User(name, admin, roles.get(name, {})) for name, admin in opened.read(users.list_users)]


def remove_user(name: str, *, database: Path | str = DEFAULT_DATABASE) -> None:
    """Remove a user. What the user annotated stays.

    Args:
        name: The user's name.
        database: The local tagtog's database file.

    Raises:
        LocalServerError: There is no such user, or the database can't be used.
    """
    with open_database(Path(database)) as opened:
        from spacy_tagtog.server.db import users

        opened.write(users.remove_user, name)
