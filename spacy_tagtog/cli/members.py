"""``spacy-tagtog members``: who works on a project, and to whom new documents go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from spacy_tagtog.cli._options import DryRunOption, takes_connection
from spacy_tagtog.cli._run import Change, command, make_changes, parse_pairs, table
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

if TYPE_CHECKING:
    from spacy_tagtog._tagtog import Role
    from spacy_tagtog.client import TagtogClient


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
        changes = list(_changes(tagtog.client, add or [], role or [], remove or [], distribute))
        make_changes(changes, where=str(tagtog), dry_run=dry_run)
        rows = [
            (member.name, member.role, "invited" if member.pending else "")
            for member in tagtog.client.members()
        ]
    table(rows, header=("member", "role", ""))


def _changes(
    client: TagtogClient, add: list[str], role: list[str], remove: list[str], distribute: str
) -> list[Change]:
    """What is to be done, in order; every option is read before anything is done."""
    # The client checks the roles' names.
    adding = [(login, cast("Role", name)) for login, name in parse_pairs(add, option="--add")]
    changing = [(login, cast("Role", name)) for login, name in parse_pairs(role, option="--role")]
    changes = [
        Change(f"{login} is {name}", partial(client.add_member, login, name)) for login, name in adding
    ]
    changes += [
        Change(f"{login} is now {name}", partial(client.set_role, login, name)) for login, name in changing
    ]
    changes += [
        Change(f"{login} is no member any more", partial(client.remove_member, login)) for login in remove
    ]
    for number, names in parse_pairs([distribute] if distribute else [], option="--distribute"):
        if not (number.isascii() and number.isdigit()):
            raise ConfigurationError(
                "--distribute can't be read", value=distribute, legal="N=A,B,C with a number N; 0= for nobody"
            )
        chosen = [name for name in names.split(",") if name]
        said = (
            f"each new document goes to {number} of {', '.join(chosen)}"
            if int(number)
            else "new documents go to nobody in particular"
        )
        changes.append(Change(said, partial(client.set_task_distribution, int(number), chosen)))
    return changes
