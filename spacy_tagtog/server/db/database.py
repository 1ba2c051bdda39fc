"""The database of the local tagtog: one SQLite file, which several threads and processes use at once.

This module opens it and hands out transactions. What is read and written in them are functions that take a
connection: in the other modules of this folder, and in :mod:`spacy_tagtog.server.search`.
"""

from __future__ import annotations

import inspect
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db import schema
from spacy_tagtog.server.db.failures import DatabaseError, kind_of, typed_failures
from spacy_tagtog.server.db.reserve import Reserve
from spacy_tagtog.server.search.words import FUNCTIONS

_P = ParamSpec("_P")
_T = TypeVar("_T")
_APPLICATION_ID = 0x74616774  # "tagt"
_BUSY_SECONDS = 10
"""How long a transaction waits for another process or thread that writes."""


class Database:
    """The database. Its file is made, readable by its owner alone, if it doesn't exist.

    Args:
        path: The file.

    Raises:
        LocalServerError: It isn't a database of the local tagtog, was made by a newer version, or can't be
            opened.

    Example:
        >>> database = Database(Path("tagtog.db"))
        >>> with database.writing() as connection:
        ...     add_user(connection, "ada", "secret")
        ...     create_project(connection, "ada", "proteins", settings)
        >>> database.read(list_projects)
        [('ada', 'proteins')]
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        # Connections that no thread uses now. Opening one costs about as much as a small query: they are
        # kept.
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self.reserve = Reserve(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite would make the file with the permissions that the umask leaves. It holds texts and
            # password hashes.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._idle.append(self._prepare())
        except OSError as error:
            raise self._unusable(
                f"the database can't be opened: {error.strerror}",
                "a file in a folder that you may write to",
                "choose another path",
            ) from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB" or "not a database" in str(error):
                raise self._foreign() from error
            raise DatabaseError(kind_of(error), error, self.path) from error
        except UnicodeDecodeError as error:  # what SQLite says of a damaged file may hold pieces of it
            raise DatabaseError("damaged", error, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the database, however long the block takes. Others may write meanwhile."""
        with (
            typed_failures(self.path),
            self._connection() as connection,
            _transaction(connection, "DEFERRED"),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: everything that is written in the block, or nothing of it where the block raises."""
        # IMMEDIATE takes the lock at once. A transaction that begins by reading couldn't get it after another
        # has written.
        with (
            typed_failures(self.path),
            self._connection() as connection,
            _transaction(connection, "IMMEDIATE"),
        ):
            connection.execute("UPDATE changes SET number = number + 1")
            yield connection

    def read(
        self,
        function: Callable[Concatenate[sqlite3.Connection, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call a function that reads, in a transaction of its own: ``database.read(list_projects)``."""
        with self.reading() as connection:
            return function(connection, *args, **kwargs)

    def write(
        self,
        function: Callable[Concatenate[sqlite3.Connection, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call a function that writes, in a transaction of its own.

        ``database.write(add_user, "ada", "secret")``.
        """
        with self.writing() as connection:
            return function(connection, *args, **kwargs)

    def free(
        self,
        function: Callable[Concatenate[sqlite3.Connection, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Like :meth:`write`, for a function that removes something: that must work with a full disk, too.

        Removing needs space for a moment. If there is none, the reserve is used, and made again then.
        """
        try:
            return self.write(function, *args, **kwargs)
        except DatabaseError as failure:
            if failure.kind != "full":
                raise
        self.reserve.give()
        self._shorten_log()
        try:
            return self.write(function, *args, **kwargs)
        finally:
            self._shorten_log()
            self.reserve.keep()

    def _shorten_log(self) -> None:
        """Move what stands in the write-ahead log into the database, as far as there is space."""
        with suppress(sqlite3.Error), self._connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections. Transactions that are still running end first."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses for the time of the block."""
        with self._lock:
            if self._closed:
                raise LocalServerError("the database is closed", place=self.path)
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        finally:
            with self._lock:
                if self._closed or connection.in_transaction:
                    connection.close()
                else:
                    self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # isolation_level: Python begins no transactions by itself.
        # check_same_thread: which thread uses a connection changes, but only one at a time does.
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            for name, function in FUNCTIONS.items():
                parameters = len(inspect.signature(function).parameters)
                connection.create_function(name, parameters, function, deterministic=True)
            connection.execute("PRAGMA foreign_keys = ON")
            # A file that somebody else made can't call functions by its views and triggers.
            connection.execute("PRAGMA trusted_schema = OFF")
            # The indexes of many documents are larger than SQLite's default cache of 2 MB: at most 16 MB, as
            # far as it is used.
            connection.execute("PRAGMA cache_size = -16384")
            # Fewer, larger checkpoints: an import writes the same pages of the indexes again and again.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except BaseException:
            connection.close()
            raise
        return connection

    # ------------------------------------------------------------------------------------------------ opening

    def _prepare(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            with _transaction(connection, "DEFERRED"):  # another process may just be making the database
                self._check_identity(connection)
                is_old = schema.version_of(connection) < schema.version()
            if is_old:
                self._upgrade(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_identity(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = schema.version_of(connection)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION_ID and (application or version or tables):
            raise self._foreign()
        if version > schema.version():
            raise self._unusable(
                f"a newer spacy-tagtog made this database (schema {version})",
                f"schema {schema.version()}",
                "update spacy-tagtog, or choose another path",
            )

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        # With a write-ahead log, readers and a writer don't wait for each other.
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:  # SQLite doesn't wait for another process while it changes the journal mode.
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        with _transaction(connection, "IMMEDIATE"):
            # Again, within the lock: another process may have been faster, even one of a newer version.
            self._check_identity(connection)
            if schema.version_of(connection) < schema.version():
                schema.upgrade(connection)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    def _foreign(self) -> LocalServerError:
        return self._unusable(
            "this file isn't a database of the local tagtog",
            "a database that spacy-tagtog made, or a new path",
            "choose another path",
        )

    def _unusable(self, problem: str, legal: str, advice: str) -> LocalServerError:
        return LocalServerError(problem, place=self.path, legal=legal, advice=advice)


def is_open_to_others(path: Path) -> bool:
    """Whether other users of this computer can read a database, which holds texts and password hashes.

    Where there are no such permissions (Windows), it isn't known, and the answer is no.
    """
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def path_of(connection: sqlite3.Connection) -> str:
    """The file of a connection's database, for errors."""
    return str(connection.execute("PRAGMA database_list").fetchone()["file"])


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors, such as a full disk, end the transaction themselves
            connection.execute("ROLLBACK")
        raise
