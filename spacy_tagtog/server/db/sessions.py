"""Who is logged in, in which browser."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

from spacy_tagtog.server.clock import now

LASTS_SECONDS: Final = 30 * 24 * 3600
"""How long a session lasts from the login on."""


def password_hash(connection: sqlite3.Connection, name: str) -> bytes | None:
    """The stored hash of a user's password; ``None`` where there is no such user."""
    row = connection.execute("SELECT hash FROM users WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row["hash"])


def start_session(connection: sqlite3.Connection, token: str, name: str, proof: bytes) -> None:
    """Store a session, and drop those that are too old.

    Args:
        connection: The database, in a transaction that writes.
        token: What the browser shows each time. Only a hash of it is stored.
        name: Who is logged in.
        proof: What must still hold each time: a code of the user's password's hash.
    """
    connection.execute("DELETE FROM sessions WHERE created < ?", (now() - LASTS_SECONDS * 1000,))
    connection.execute(
        "INSERT INTO sessions (token, name, proof, created) VALUES (?, ?, ?, ?)",
        (_hashed(token), name, proof, now()),
    )


def read_session(connection: sqlite3.Connection, token: str) -> tuple[str, bytes] | None:
    """Who a session's token belongs to, and its proof; ``None`` where there is no such session any more."""
    row = connection.execute(
        "SELECT name, proof FROM sessions WHERE token = ? AND created >= ?",
        (_hashed(token), now() - LASTS_SECONDS * 1000),
    ).fetchone()
    return None if row is None else (row["name"], bytes(row["proof"]))


def end_session(connection: sqlite3.Connection, token: str) -> None:
    """End a session, if there is one."""
    connection.execute("DELETE FROM sessions WHERE token = ?", (_hashed(token),))


def _hashed(token: str) -> bytes:
    # 32 random bytes can't be guessed, so they need no slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
