"""The users of the local tagtog, and their passwords."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from spacy_tagtog._tagtog import USER_NAME
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db.database import Database, path_of

COST = 17
"""What a new hash costs, stored with each: scrypt (RFC 7914) with N = 2 ** COST, r = 8, p = 1. That is 128 MB
of memory (128 N r bytes) and tenths of a second per guess."""
_BLOCK_SIZE: Final = 8
MIN_PASSWORD_CHARS: Final = 8
_MAX_PASSWORD_CHARS: Final = 1024
_PASSWORD_BYTES: Final = 12
_REMEMBERED: Final = 256


@dataclass(frozen=True)
class HashedPassword:
    """What is stored of a password.

    Attributes:
        salt: Random bytes.
        hash: The hash of the password and the salt.
        cost: What the hash costs: see :data:`COST`.
    """

    salt: bytes
    hash: bytes = field(repr=False)
    cost: int


def new_password() -> str:
    """A password that nobody can guess."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def hash_password(name: str, password: str) -> HashedPassword:
    """Hash a user's new password. This takes time and memory, so do it outside of a transaction.

    Raises:
        LocalServerError: The name or the password isn't legal.
    """
    check_new_user_name(name)
    _check_password(name, password)
    salt = secrets.token_bytes(16)
    return HashedPassword(salt, _scrypt(password, salt, COST), COST)


def _check_password(name: str, password: str) -> None:
    if not MIN_PASSWORD_CHARS <= len(password) <= _MAX_PASSWORD_CHARS:
        problem = "the password is too short" if len(password) < MIN_PASSWORD_CHARS else "it is too long"
    elif "\0" in password:
        # scrypt takes a short password and the same one with NULs at its end for equal.
        problem = "the password has a NUL character"
    elif len(set(password)) == 1:
        problem = "the password is one character again and again"
    elif password.casefold() == name.casefold():
        problem = "the password is the user's name"
    else:
        return
    raise LocalServerError(
        problem,
        legal=f"{MIN_PASSWORD_CHARS} to {_MAX_PASSWORD_CHARS} characters, not all the same, not the user's "
        "name, without NUL",
        advice="choose another, or let one be made",
    )


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


def check_new_user_name(name: str) -> None:
    """Make sure that somebody may be called so.

    Raises:
        LocalServerError: The name hasn't the form of a user's, or means something else.
    """
    check_user_name(name)
    if name == MASTER:  # the name of the version that is the document's own
        raise _not_a_user_name(name)


def add_user(connection: sqlite3.Connection, name: str, password: str, *, admin: bool | None = None) -> None:
    """Add a user, or change a user's password. A changed password ends the user's sessions.

    Args:
        connection: The database, in a transaction that writes.
        name: The user's name.
        password: The password, of at least 8 characters. Only a hash of it is stored.
        admin: Whether the user is an admin of every project. ``None`` leaves a known user what they are; a
            new one is none.

    Raises:
        LocalServerError: The name or the password isn't legal.
    """
    store_user(connection, name, hash_password(name, password), admin=admin)


def store_user(
    connection: sqlite3.Connection, name: str, password: HashedPassword, *, admin: bool | None = None
) -> None:
    """Store a user with a hashed password. A changed password ends the user's sessions.

    Args:
        connection: The database, in a transaction that writes.
        name: The user's name.
        password: What :func:`hash_password` made of the password.
        admin: As for :func:`add_user`.
    """
    connection.execute(
        "INSERT INTO users (name, salt, hash, cost, admin) "
        "VALUES (:name, :salt, :hash, :cost, coalesce(:admin, 0)) "
        "ON CONFLICT (name) DO UPDATE SET salt = excluded.salt, hash = excluded.hash, "
        "cost = excluded.cost, admin = coalesce(:admin, admin)",
        {
            "name": name,
            "salt": password.salt,
            "hash": password.hash,
            "cost": password.cost,
            "admin": admin,
        },
    )
    connection.execute("DELETE FROM sessions WHERE user = ?", (name,))


def is_admin(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is a user of this name who is an admin of every project."""
    row = connection.execute("SELECT admin FROM users WHERE name = ?", (name,)).fetchone()
    return bool(row and row["admin"])


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
            "there is no such user",
            place=path_of(connection),
            value=name,
            legal="a user of this server",
            advice="spacy-tagtog user list shows them",
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
    """Checks passwords. Those that were right are remembered in memory, since programs send one each time.

    Args:
        database: The database with the users.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Not the passwords, but codes of them, whose key is nowhere but here.
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._key = secrets.token_bytes(32)

    def is_remembered(self, name: str, password: str) -> bool:
        """Whether this is a user's password that was right before. It takes no time."""
        stored = self._stored(name)
        if stored is None:
            return False
        code = self._code(name, password, stored)
        with self._lock:
            if code not in self._right:
                return False
            self._right.move_to_end(code)
            return True

    def check(self, name: str, password: str) -> bool:
        """Whether there is a user of this name with this password.

        It takes the same time for a wrong name and for a wrong password, so that names can't be guessed.
        """
        if not USER_NAME.fullmatch(name) or "\0" in password or len(password) > _MAX_PASSWORD_CHARS:
            return False
        if self.is_remembered(name, password):
            return True
        # Only this is read in a transaction: scrypt takes its time.
        stored = self._stored(name)
        known = stored or HashedPassword(b"\0" * 16, b"", COST)
        right = hmac.compare_digest(_scrypt(password, known.salt, known.cost), known.hash)
        if right:
            self._remember(self._code(name, password, known))
        return right

    def _stored(self, name: str) -> HashedPassword | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT salt, hash, cost FROM users WHERE name = ?", (name,)).fetchone()
        return HashedPassword(row["salt"], row["hash"], row["cost"]) if row else None

    def _code(self, name: str, password: str, stored: HashedPassword) -> bytes:
        # The stored hash is part of the code: a changed password, even by another process, is a new entry.
        pieces = [
            name.encode("utf-8", "surrogatepass"),
            stored.hash,
            password.encode("utf-8", "surrogatepass"),
        ]
        return hmac.digest(self._key, b"\0".join(pieces), "sha256")

    def _remember(self, code: bytes) -> None:
        with self._lock:
            self._right[code] = None
            while len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    n = 2**cost
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=_BLOCK_SIZE,
        p=1,
        maxmem=256 * n * _BLOCK_SIZE + 2**20,
        dklen=32,
    )
