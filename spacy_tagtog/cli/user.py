"""``spacy-tagtog user``: who may log in to the local tagtog, and their roles in projects."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from spacy_tagtog.cli._options import DatabaseOption, ProjectOption
from spacy_tagtog.cli._run import command, good, info, table, unwrapped
from spacy_tagtog.steps.connection import DEFAULT_DATABASE, LOCAL_OWNER

NEW_PASSWORD = "TAGTOG_NEW_PASSWORD"  # noqa: S105  the variable's name
_ROLES = "reader, curator, supercurator, reviewer, admin"

user_app = typer.Typer(
    name="user",
    no_args_is_help=True,
    help=unwrapped("""The users of the local tagtog: who may log in to spacy-tagtog serve.

    A user sees the projects of which they are a member. Their role says what they may do there
    (docs/local-tagtog.md).
    Whoever can write the database file may do everything: these commands need no password."""),
)

Name = Annotated[str, typer.Argument(help="The user's name.", show_default=False)]
ProjectOwner = Annotated[str, typer.Option("--owner", help="The project's owner.")]


@command
def user_add_cli(
    name: Name,
    project: ProjectOption = "",
    role: Annotated[
        str, typer.Option("--role", help=f"The user's role in the project: {_ROLES}.")
    ] = "curator",
    owner: ProjectOwner = LOCAL_OWNER,
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an admin of every project.")] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Ask for the password.")] = False,
    keep_password: Annotated[
        bool, typer.Option("--keep-password", help="Leave a known user's password as it is.")
    ] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Add a user, give a known user a new password, or make one a member of a project.

    The password is the environment variable TAGTOG_NEW_PASSWORD, or asked for (--prompt), or made and shown
    once. Only a hash of it is stored.

    Examples:
      spacy-tagtog user add ada --project proteins --role reviewer
      spacy-tagtog user add ada --project genes --keep-password
    """
    from spacy_tagtog.steps.users import add_user

    def ask() -> str:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))

    # A variable may be set for other users: it contradicts nothing.
    given = "" if keep_password else os.environ.get(NEW_PASSWORD, "")
    result = add_user(
        name,
        password=ask if prompt else given,
        keep_password=keep_password,
        admin=admin,
        project=project,
        role=role,
        owner=owner,
        database=database,
    )
    if not keep_password:
        done = "added" if result.is_new else "changed the password of"
        good(f"{done} the user {name} in {database}{', admin of every project' if admin else ''}")
    if project:
        good(f"{name} is {role} of {owner}/{project}")
    if result.password:
        info(f"password {result.password}   (shown this once)")


@command
def user_list_cli(database: DatabaseOption = DEFAULT_DATABASE) -> None:
    """List the users and their roles in projects.

    Example:
      spacy-tagtog user list
    """
    from spacy_tagtog.steps.users import list_users

    rows = []
    for user in list_users(database):
        roles = [f"{role} of {project}" for project, role in user.roles.items()]
        roles[:0] = ["admin of every project"] * user.is_admin
        rows.append((user.name, "; ".join(roles) or "no project"))
    if rows:
        table(rows, header=("user", "roles"))
    else:
        info(f"{database} has no user; spacy-tagtog serve makes the first")


@command
def user_remove_cli(name: Name, database: DatabaseOption = DEFAULT_DATABASE) -> None:
    """Remove a user. What the user annotated stays.

    Example:
      spacy-tagtog user remove ada
    """
    from spacy_tagtog.steps.users import remove_user

    remove_user(name, database=database)
    good(f"removed the user {name} from {database}")


user_app.command("add", short_help="Add a user, or give a known one a new password or role.")(user_add_cli)
user_app.command("list", short_help="List the users and their roles in projects.")(user_list_cli)
user_app.command("remove", short_help="Remove a user. What the user annotated stays.")(user_remove_cli)
