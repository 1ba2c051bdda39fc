"""``spacy-tagtog members``: who works on a project, and to whom new documents go."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

import typer

from spacy_tagtog._options import choose, did_you_mean
from spacy_tagtog._tagtog import Role
from spacy_tagtog.cli._options import DryRunOption, takes_connection
from spacy_tagtog.cli._run import Change, command, info, make_changes, parse_pairs, table
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.steps.connection import Connection, ConnectionSettings, open_connection


@command
@takes_connection()
def members_cli(
    where: ConnectionSettings,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add",
            help="LOGIN=ROLE: add a member (user name, or an e-mail address to invite). Repeatable.",
            show_default=False,
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", help="LOGIN=ROLE: give a member another role. Repeatable.", show_default=False
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            "--remove",
            help="LOGIN: remove a member; what they annotated stays. Repeatable.",
            show_default=False,
        ),
    ] = None,
    distribute: Annotated[
        str,
        typer.Option(
            "--distribute",
            help="N=A,B,C: each new document goes to N of these members; 0= to nobody.",
            show_default=False,
        ),
    ] = "",
    dry_run: DryRunOption = False,
) -> None:
    """List the members of a project; add and remove them, change their roles, distribute new documents.

    Roles: reader, curator, supercurator, reviewer, admin. Only an admin may change them. Members of the local
    tagtog are among its users: add those first (spacy-tagtog user add).

    Examples:
      spacy-tagtog members
      spacy-tagtog members --add ada=reviewer --add bob=curator --distribute 2=ada,bob
    """
    with open_connection(where) as tagtog:
        changes = _changes(tagtog, add or [], role or [], remove or [], distribute)
        make_changes(changes, where=str(tagtog), dry_run=dry_run)
        rows = [
            (member.name, member.role, "invited" if member.pending else "")
            for member in tagtog.client.members()
        ]
    table(rows, header=("member", "role", ""))


def _changes(
    tagtog: Connection, add: list[str], role: list[str], remove: list[str], distribute: str
) -> list[Change]:
    """What is to be done, in order; every option is read and checked before anything is done."""
    client = tagtog.client
    adding = [(login, choose("--add", name, Role)) for login, name in parse_pairs(add, option="--add")]
    changing = [(login, choose("--role", name, Role)) for login, name in parse_pairs(role, option="--role")]
    there = (
        {member.name: member.role for member in client.members()}
        if add or role or remove or distribute
        else {}
    )
    changes: list[Change] = []
    for login, name in adding:
        if there.get(login) == name:  # user add --project has done it
            info(f"{login} is {name} already")
            continue
        _check_new(tagtog, login, name, there)
        there[login] = name
        changes.append(Change(f"{login} is {name}", partial(client.add_member, login, name)))
    for login in [*(login for login, _ in changing), *remove]:
        if login not in there:
            raise _not_a_member(login, there)
    changes += [
        Change(f"{login} is now {name}", partial(client.set_role, login, name)) for login, name in changing
    ]
    changes += [
        Change(f"{login} is no member any more", partial(client.remove_member, login)) for login in remove
    ]
    for number, names in parse_pairs([distribute] if distribute else [], option="--distribute"):
        if not (number.isascii() and number.isdigit()):
            raise ArgumentError(
                "--distribute can't be read", value=distribute, legal="N=A,B,C with a number N; 0= for nobody"
            )
        chosen = [name for name in names.split(",") if name]
        if int(number) > len(chosen):
            raise ArgumentError(
                "there are fewer members than should annotate each document",
                value=distribute,
                legal="N=A,B,C with N from 0 to the number of members named",
            )
        if unknown := [name for name in chosen if name not in there]:
            raise _not_a_member(unknown[0], there)
        said = (
            f"each new document goes to {number} of {', '.join(chosen)}"
            if int(number)
            else "new documents go to nobody in particular"
        )
        changes.append(Change(said, partial(client.set_task_distribution, int(number), chosen)))
    return changes


def _not_a_member(login: str, there: Mapping[str, str]) -> ArgumentError:
    return ArgumentError(
        "the project has no such member",
        value=login,
        legal=", ".join(there),
        advice=did_you_mean(login, there) or f"add the member first: --add {login}=ROLE",
    )


def _check_new(tagtog: Connection, login: str, role: str, there: Mapping[str, str]) -> None:
    """Make sure that somebody can be added.

    Raises:
        ArgumentError: They are a member with another role, or the local tagtog has no such user.
    """
    if login in there:
        raise ArgumentError(
            f"{login} is a member already, with the role {there[login]}",
            value=f"{login}={role}",
            legal="a user who isn't a member",
            advice=f"give another role with --role {login}={role}",
        )
    if tagtog.database is None:
        return
    from spacy_tagtog.steps.users import list_users

    users = [user.name for user in list_users(tagtog.database)]
    if login not in users:
        close = did_you_mean(login, users)
        raise ArgumentError(
            "the local tagtog has no such user",
            place=str(tagtog.database),
            value=login,
            legal=", ".join(users) or "(it has no user yet)",
            advice=(f"{close} Else add" if close else "add") + " the user, in the project at once: "
            f"spacy-tagtog user add {login} --project {tagtog.client.project} --role {role}",
        )
