"""``spacy-tagtog user``: who may log in to the local tagtog, and their roles in projects."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog.cli._connection import DEFAULT_DATABASE, LOCAL_OWNER, Database, ProjectName
from spacy_tagtog.cli._run import command, good, info, table, unwrapped
from spacy_tagtog.errors import ConfigurationError

if TYPE_CHECKING:
    from spacy_tagtog.server import Database as LocalDatabase

NEW_PASSWORD = "TAGTOG_NEW_PASSWORD"  # noqa: S105  the variable's name
_ROLES = "reader, curator, supercurator, reviewer, admin"

user_app = typer.Typer(
    name="user",
    no_args_is_help=True,
    help=unwrapped("""The users of the local tagtog: who may log in to spacy-tagtog serve.

    A user sees the projects of which they are a member; their role says what they may do there (docs/local-tagtog.md).
    Whoever can write the database file may do everything: these commands need no password."""),
)

Name = Annotated[str, typer.Argument(help="The user's name.", show_default=False)]
ProjectOwner = Annotated[str, typer.Option("--owner", help="The project's owner.")]


@contextmanager
def _store(database: Database) -> Iterator[LocalDatabase]:
    try:
        from spacy_tagtog.server import Database as LocalDatabase
    except ImportError as error:
        raise ConfigurationError(
            f"the local tagtog is not installed ({error.name} is missing)",
            advice="pip install 'spacy-tagtog[server]'",
        ) from error
    store = LocalDatabase(database)
    try:
        yield store
    finally:
        store.close()


@command
def user_add_cli(
    name: Name,
    project: ProjectName = "",
    role: Annotated[
        str, typer.Option("--role", help=f"The user's role in the project: {_ROLES}.")
    ] = "curator",
    owner: ProjectOwner = LOCAL_OWNER,
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an admin of every project.")] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Ask for the password.")] = False,
    keep_password: Annotated[
        bool, typer.Option("--keep-password", help="Leave a known user's password as it is.")
    ] = False,
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Add a user, give a known user a new password, or make one a member of a project.

    The password is the environment variable TAGTOG_NEW_PASSWORD, or asked for (--prompt), or made and shown once.
    Only a hash of it is stored.

    Examples:
      spacy-tagtog user add ada --project proteins --role reviewer
      spacy-tagtog user add ada --project genes --keep-password
    """
    with _store(database) as store:
        from spacy_tagtog.server import add_user
        from spacy_tagtog.server.db.members import set_member
        from spacy_tagtog.server.db.projects import list_projects
        from spacy_tagtog.server.db.roles import as_role
        from spacy_tagtog.server.db.users import list_users

        as_role(role, place="--role")
        if project and (owner, project) not in store.read(list_projects):
            raise ConfigurationError(
                "there is no such project",
                value=f"{owner}/{project}",
                legal=", ".join("/".join(one) for one in store.read(list_projects))
                or "(the database has no project)",
            )
        known = name in (user for user, _ in store.read(list_users))
        if keep_password and not known:
            raise ConfigurationError(
                "there is no such user, so there is no password to keep",
                value=name,
                advice="leave --keep-password out",
            )
        if keep_password and (prompt or admin):
            raise ConfigurationError(
                "--keep-password goes with neither --prompt nor --admin", legal="one of them"
            )
        made = ""
        if not keep_password:
            password = os.environ.get(NEW_PASSWORD, "")
            if prompt:
                password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
            elif not password:
                password = made = secrets.token_urlsafe(12)
            store.write(add_user, name, password, admin=True if admin else None)
        if project:
            store.write(set_member, owner, project, name, role)
    if not keep_password:
        good(
            f"{'changed the password of' if known else 'added'} the user {name} in {database}{', admin of every project' if admin else ''}"
        )
    if project:
        good(f"{name} is {role} of {owner}/{project}")
    if made:
        info(f"password {made}   (shown this once)")


@command
def user_list_cli(database: Database = DEFAULT_DATABASE) -> None:
    """List the users and their roles in projects.

    Example:
      spacy-tagtog user list
    """
    with _store(database) as store:
        from spacy_tagtog.server.db.members import members_of
        from spacy_tagtog.server.db.projects import list_projects
        from spacy_tagtog.server.db.users import list_users

        roles: dict[str, list[str]] = {}
        for owner, project in store.read(list_projects):
            for login, role in store.read(members_of, owner, project).items():
                roles.setdefault(login, []).append(f"{role} of {owner}/{project}")
        users = store.read(list_users)
    rows = [
        (name, "; ".join(["admin of every project"] * admin + roles.get(name, [])) or "no project")
        for name, admin in users
    ]
    if rows:
        table(rows, header=("user", "roles"))
    else:
        info(f"{database} has no user; spacy-tagtog serve makes the first")


@command
def user_remove_cli(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """Remove a user. What the user annotated stays.

    Example:
      spacy-tagtog user remove ada
    """
    with _store(database) as store:
        from spacy_tagtog.server.db.users import remove_user

        store.write(remove_user, name)
    good(f"removed the user {name} from {database}")


user_app.command("add")(user_add_cli)
user_app.command("list")(user_list_cli)
user_app.command("remove")(user_remove_cli)
