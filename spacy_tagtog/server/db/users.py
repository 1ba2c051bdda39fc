"""The users of the local tagtog, and their passwords."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections import OrderedDict
from typing import Final

from spacy_tagtog._tagtog import USER_NAME
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db.database import Database, path_of

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20, "dklen": 32}
"""RFC 7914's parameters: 16 MB of memory (128 n r bytes) and tens of milliseconds per guess."""
_REMEMBERED: Final = 256


def check_user_name(name: str) -> None:
    """Make sure that a name has the form of a user's.

    Raises:
        LocalServerError: It hasn't.
    """
    if not USER_NAME.fullmatch(name):
        raise _not_a_user_name(name)


def _not_a_user_name(name: str) -> LocalServerError:
    return LocalServerError(
        "this can't be a user name",
        value=name,
        legal="1 to 64 letters, digits, dots, underscores and hyphens; not master",
    )


def add_user(connection: sqlite3.Connection, name: str, password: str, *, admin: bool | None = None) -> None:
    """Add a user, or change a user's password.

    Args:
        connection: The database, in a transaction that writes.
        name: The user's name.
        password: The password. Only a hash of it is stored.
        admin: Whether the user is an admin of every project. ``None`` leaves a known user what they are; a
            new one is none.

    Raises:
        LocalServerError: The name or the password isn't legal.
    """
    check_user_name(name)
    if name == MASTER:  # the name of the version that is the document's own
        raise _not_a_user_name(name)
    if not password:
        raise LocalServerError("the password is empty", legal="at least one character")
    salt = secrets.token_bytes(16)
    connection.execute(
        "INSERT INTO users (name, salt, hash, admin) VALUES (?1, ?2, ?3, coalesce(?4, 0)) "
        "ON CONFLICT (name) "
        "DO UPDATE SET salt = excluded.salt, hash = excluded.hash, admin = coalesce(?4, admin)",
        (name, salt, _scrypt(password, salt), admin),
    )


def list_users(connection: sqlite3.Connection) -> list[tuple[str, bool]]:
    """The users: their names, and whether they are admins of every project."""
    rows = connection.execute("SELECT name, admin FROM users ORDER BY name")
    return [(row["name"], bool(row["admin"])) for row in rows]


def has_users(connection: sqlite3.Connection) -> bool:
    """Whether there is any user."""
    return connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def remove_user(connection: sqlite3.Connection, name: str) -> None:
    """Remove a user, also from the projects of others. What they annotated stays.

    Raises:
        LocalServerError: There is no such user.
    """
    if not connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
        raise LocalServerError(
            "there is no such user", place=path_of(connection), value=name, legal="a user of this server"
        )
    connection.execute(
        "DELETE FROM members WHERE login = ? "
        "AND NOT EXISTS (SELECT 1 FROM projects AS p WHERE p.id = project_id AND p.owner = login)",
        (name,),
    )
    connection.execute(
        "DELETE FROM assignments WHERE member = ? AND NOT EXISTS (SELECT 1 FROM documents AS d "
        "JOIN members AS m ON m.project_id = d.project_id "
        "WHERE d.id = document_id AND m.login = assignments.member)",
        (name,),
    )


class Passwords:
    """Checks passwords. Those that were right are remembered in memory, since every request brings one.

    Args:
        database: The database with the users.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Not the passwords, but codes of them, whose key is nowhere but here.
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._key = secrets.token_bytes(32)
        # scrypt takes 16 MB each time: a burst of wrong passwords must not take that for every thread.
        self._scrypt_turn = threading.Semaphore(2)

    def check(self, name: str, password: str) -> bool:
        """Whether there is a user of this name with this password.

        It takes the same time for a wrong name and for a wrong password, so that names can't be guessed.
        """
        if not USER_NAME.fullmatch(name):
            return False
        # Only this is read in a transaction: scrypt takes its time.
        with self._database.reading() as connection:
            row = connection.execute("SELECT salt, hash FROM users WHERE name = ?", (name,)).fetchone()
        salt, expected = (row["salt"], row["hash"]) if row else (b"\0" * 16, b"")
        # The stored hash is part of the code: a changed password, even by another process, is a new entry.
        pieces = [name.encode(), expected, password.encode("utf-8", "surrogatepass")]
        code = hmac.digest(self._key, b"\0".join(pieces), "sha256")
        if row and self._is_remembered(code):
            return True
        with self._scrypt_turn:
            right = hmac.compare_digest(_scrypt(password, salt), expected)
        if right:
            self._remember(code)
        return right

    def _is_remembered(self, code: bytes) -> bool:
        with self._lock:
            if code not in self._right:
                return False
            self._right.move_to_end(code)
            return True

    def _remember(self, code: bytes) -> None:
        with self._lock:
            self._right[code] = None
            while len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)
