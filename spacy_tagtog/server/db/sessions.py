"""Who is logged in with a browser, and links that log a user in one time.

A browser holds a random token. The database holds only its hash, so that a copy of the file opens no session.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from typing import Final

from spacy_tagtog.server.clock import now

_DAY: Final = 24 * 3600 * 1000
LIFE: Final = 30 * _DAY
"""Milliseconds after which a session ends that nobody uses."""
LINK_LIFE: Final = 15 * 60 * 1000
"""Milliseconds in which a link that logs a user in has to be used."""
_RENEWED_AFTER: Final = _DAY  # not at each request: that would be a write for each


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What is stored of a token. It is random and long, so no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _add(connection: sqlite3.Connection, user: str, life: int, *, once: bool) -> str:
    moment, token = now(), new_token()
    connection.execute("DELETE FROM sessions WHERE expires <= ?", (moment,))
    connection.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, ?)", (hash_of(token), user, moment + life, once)
    )
    return token


def open_session(connection: sqlite3.Connection, user: str) -> str:
    """Begin a session of a user of the database. Gives its token, which is stored nowhere."""
    return _add(connection, user, LIFE, once=False)


def find_session(connection: sqlite3.Connection, token: str) -> tuple[str, bool] | None:
    """Whose session a token opens, and whether the session should be renewed."""
    row = connection.execute(
        "SELECT user, expires FROM sessions WHERE hash = ? AND NOT once", (hash_of(token),)
    ).fetchone()
    left = row["expires"] - now() if row else 0
    return (row["user"], left < LIFE - _RENEWED_AFTER) if left > 0 else None


def renew_session(connection: sqlite3.Connection, token: str) -> None:
    """Let a session last as long as a new one."""
    connection.execute(
        "UPDATE sessions SET expires = ? WHERE hash = ? AND NOT once", (now() + LIFE, hash_of(token))
    )


def close_session(connection: sqlite3.Connection, token: str) -> None:
    """End a session."""
    connection.execute("DELETE FROM sessions WHERE hash = ?", (hash_of(token),))


def make_link(connection: sqlite3.Connection, user: str) -> str:
    """Make the token of a link that logs a user in one time.

    Args:
        connection: The database, in a transaction that writes.
        user: A user of the database.
    """
    return _add(connection, user, LINK_LIFE, once=True)


def link_user(connection: sqlite3.Connection, token: str) -> str | None:
    """Whom a link logs in, as long as it wasn't used and isn't too old."""
    row = connection.execute(
        "SELECT user FROM sessions WHERE hash = ? AND once AND expires > ?", (hash_of(token), now())
    ).fetchone()
    return row["user"] if row else None


def use_link(connection: sqlite3.Connection, token: str) -> str | None:
    """Use a link up. Gives the token of the session that it opens, ``None`` where it is worth nothing."""
    user = link_user(connection, token)
    if user is None:
        return None
    close_session(connection, token)
    return open_session(connection, user)
