"""Task distribution: which members are to annotate a new document.

Facts: tagtog's documentation of projects (task distribution) and of the documents API
(``distributeToMembers``). The settings hold it as ``taskDistributionNumber`` (0: off) and
``taskDistributionMembers``.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.roles import ALLOWED, read_members
from spacy_tagtog.server.settings import MEMBERS, NUMBER

_SECOND_ANNOTATOR = 0.05


def choose(members: Sequence[str], number: int, *, seed: str) -> list[str]:
    """Choose who annotates a document.

    With one annotator per document, about one document in twenty goes to two members, so that agreement can
    be computed.

    Args:
        members: Who may be chosen.
        number: How many annotate a document; 0 for nobody.
        seed: What the document is: the same document gets the same members.

    Returns:
        The chosen members, by name.
    """
    draw = random.Random(seed)  # noqa: S311  nothing secret
    if number == 1 and draw.random() < _SECOND_ANNOTATOR:
        number = 2
    return sorted(draw.sample(sorted(set(members)), min(number, len(set(members)))))


def annotators_of(connection: sqlite3.Connection, project: int) -> list[str]:
    """The members of a project who have versions of their own."""
    return [
        login
        for login, role in read_members(connection, project).items()
        if role in ALLOWED["edit their own version"]
    ]


def check_annotators(names: Sequence[str], annotators: Sequence[str], place: str) -> list[str]:
    """Make sure that documents can be given to members.

    Raises:
        RequestError: They can't: only members from curator up annotate.
    """
    unknown = [name for name in names if name not in annotators]
    if unknown:
        raise RequestError(
            400,
            "documents can't be given to these members"
            if len(unknown) > 1
            else "documents can't be given to this member",
            place=place,
            value=", ".join(unknown),
            legal=", ".join(annotators) or "(the project has no member who annotates)",
            advice="only members from curator up annotate",
        )
    return sorted(set(names))


def check_distribution(
    connection: sqlite3.Connection, project: int, number: int, members: Sequence[str]
) -> list[str]:
    """Make sure that new documents can be given to members.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        number: To how many a document is to go; 0 for nobody.
        members: To whom.

    Returns:
        The members, each once.

    Raises:
        RequestError: Somebody of them isn't a member who annotates, or they are too few.
    """
    chosen = check_annotators(members, annotators_of(connection, project), MEMBERS)
    if not 0 <= number <= len(chosen):
        raise RequestError(
            400,
            "there are fewer members than annotators per document",
            place=NUMBER,
            value=number,
            legal=f"0 (off) to {len(chosen)}, the chosen members",
        )
    return chosen


def to_members(connection: sqlite3.Connection, project: int, wanted: str) -> list[str] | None:
    """Read the parameter ``distributeToMembers``.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        wanted: ``-`` what the settings say, empty nobody, ``*`` all members who annotate, or names with
            commas.

    Returns:
        The members who get every document of the request, or ``None`` where the settings decide.

    Raises:
        RequestError: A name isn't that of a member who annotates.
    """
    if wanted == "-":
        return None
    annotators = annotators_of(connection, project)
    if wanted.strip() == "*":
        return annotators
    return check_annotators(
        [name.strip() for name in wanted.split(",") if name.strip()], annotators, "distributeToMembers"
    )


def assign(
    connection: sqlite3.Connection,
    project: int,
    settings: Mapping[str, Any],
    document: int,
    docid: str,
    members: Sequence[str] | None,
    *,
    is_new: bool,
) -> None:
    """Give a document to members.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        settings: The project's settings.
        document: The document's number.
        docid: Its id.
        members: Who gets it; ``None`` for whom the settings choose, which only new documents go to.
        is_new: Whether the document is new.
    """
    if members is None:
        number, chosen = _distribution_of(settings)
        if not (number and is_new):
            return
        annotators = set(annotators_of(connection, project))
        members = choose([name for name in chosen if name in annotators], number, seed=f"{project}/{docid}")
    connection.executemany(
        "INSERT OR IGNORE INTO assignments (document_id, member) VALUES (?, ?)",
        [(document, member) for member in members],
    )


def _distribution_of(settings: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Number and members. Settings come from elsewhere, too: what can't be read means off."""
    number, members = settings.get(NUMBER), settings.get(MEMBERS)
    if type(number) is not int or number < 1 or not isinstance(members, list):
        return 0, []
    return number, [name for name in members if isinstance(name, str)]
