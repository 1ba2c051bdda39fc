"""What stands on a side when two versions are compared: a member's version, master, an earlier save, a push.

A side is named in addresses: ``master``, a member, ``save:NUMBER`` (a save of the document's history), or
``save:model`` (the model's version: the latest push into master that holds suggestions).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from spacy_tagtog._tagtog import USER_NAME
from spacy_tagtog.anndoc import MASTER, Annotations
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.clock import timestamp
from spacy_tagtog.server.db.saves import Save, latest_save, read_save
from spacy_tagtog.server.settings import ProjectInfo

MODEL: Final = "save:model"
MODEL_TITLE: Final = "the model's version"
_SAVE: Final = "save:"
# A push is a program's save with suggestions. The states stand in ann.json as they are.
PUSHES: Final = """
SELECT max(h.id) AS save FROM history AS h JOIN blobs AS b ON b.id = h.blob_id
WHERE h.member = 'master' AND h.source = 'API'
  AND instr(b.data, CAST('"pre-added"' AS BLOB)) > 0
"""


@dataclass(frozen=True)
class Side:
    """One of two versions that are compared.

    Attributes:
        name: What it is called in addresses.
        save: The save that it is.
        annotations: What it says.
        html: The content that it was made for.
    """

    name: str
    save: Save
    annotations: Annotations
    html: bytes

    @property
    def title(self) -> str:
        """What it is, for people."""
        if self.name == MODEL:
            return MODEL_TITLE
        if self.name.startswith(_SAVE):
            return f"{self.save.member}, {timestamp(self.save.saved)[:19].replace('T', ' ')}"
        return self.name

    @property
    def owner(self) -> str | None:
        """Whose annotations these are; ``None`` for master's and a model's."""
        return None if self.save.member == MASTER else self.save.member


def check_side(name: str, place: str) -> str:
    """The name of a side, if it can be one.

    Raises:
        RequestError: It can't.
    """
    number = name.removeprefix(_SAVE)
    if name == MODEL or USER_NAME.fullmatch(name):
        return name
    if number != name and number.isascii() and number.isdecimal() and len(number) <= 18:
        return name
    raise RequestError(
        400,
        "there can't be such a version",
        place=place,
        value=name,
        legal="master, a member, save:NUMBER, or save:model",
    )


def model_save(connection: sqlite3.Connection, key: int) -> int | None:
    """The save by which a model's suggestions came last; ``None`` where none did.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
    """
    row = connection.execute(f"{PUSHES} AND h.document_id = ?", (key,)).fetchone()
    return None if row["save"] is None else int(row["save"])


def read_side(
    connection: sqlite3.Connection, info: ProjectInfo, docid: str, key: int, name: str, place: str
) -> Side:
    """One of two versions that are compared.

    Args:
        connection: The database, in a transaction.
        info: The project.
        docid: The document's id.
        key: Its number.
        name: The side, as :func:`check_side` lets it pass.
        place: The parameter that names it, for messages.

    Raises:
        RequestError: There is no such version, or it was made for another text.
    """
    if name == MODEL:
        number = model_save(connection, key)
        if number is None:
            raise RequestError(
                404,
                "no model's suggestions were pushed to this document",
                place=place,
                legal="a document that spacy-tagtog push sent with suggestions",
                advice="choose another version",
            )
    elif name.startswith(_SAVE):
        number = int(name.removeprefix(_SAVE))
    else:
        members = [
            row["member"]
            for row in connection.execute(
                "SELECT member FROM versions WHERE document_id = ? ORDER BY member <> 'master', member",
                (key,),
            )
        ]
        if name not in members:
            raise RequestError(
                404,
                f"{name} has no version of this document, or not any more",
                place=place,
                value=name,
                legal=", ".join(members) or "(the document has no version yet)",
                advice="choose another version",
            )
        number = latest_save(connection, key, name).number
    save, annotations, html = read_save(connection, info.owner, info.name, docid, number)
    return Side(name, save, annotations, html)


def adjudicated(left: str, right: str) -> str:
    """What the history says of a save that came of two versions."""
    return f"adjudicated {left} and {right}"
