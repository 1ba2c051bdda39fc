"""The database of the local tagtog: one SQLite file, usable by several threads and processes at once."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import inspect
import json
import os
import re
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from spacy_tagtog.anndoc import MASTER, Annotations, Legend, PlainHtml
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db import schema
from spacy_tagtog.server.db.distribution import assign, to_members
from spacy_tagtog.server.db.history import Author, keep_html, save
from spacy_tagtog.server.db.queue import enqueue
from spacy_tagtog.server.db.roles import Access, Role, as_role
from spacy_tagtog.server.db.settings import (
    ROOT_FOLDER,
    Folder,
    check_classes,
    check_name,
    class_names,
    folders_tree,
    legend_of,
    missing_folders,
    parse_settings,
)
from spacy_tagtog.server.imports.uploads import Upload
from spacy_tagtog.server.search.conditions import Condition, QueryContext, translate
from spacy_tagtog.server.search.index import (
    add_text,
    add_words,
    count_classes,
    forget,
    replace_text,
    uncount_classes,
)
from spacy_tagtog.server.search.results import Results, all_of, page_of
from spacy_tagtog.server.search.words import FUNCTIONS, until

_APPLICATION_ID = 0x74616774  # "tagt"
_SCHEMA_VERSION = schema.VERSION
_BUSY_SECONDS = 10
SEARCH_SECONDS = 10
"""How long a search may take."""
_USER = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
MEMBER = _USER
_NOBODY = Author("")
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20, "dklen": 32}


@dataclass(frozen=True)
class ProjectInfo:
    """A project as the database has it."""

    key: int
    owner: str
    name: str
    settings: dict[str, Any]
    folders: tuple[Folder, ...]

    @property
    def legend(self) -> Legend:
        """The names of its classes."""
        return legend_of(self.settings)

    def export(self) -> dict[str, Any]:
        """Its settings JSON."""
        return {**self.settings, "folders": folders_tree(self.folders)}

    def folder(self, name: str) -> Folder:
        """A folder by its index, path or name.

        Raises:
            RequestError: There is none, or there are several of this name.
        """
        wanted = name.strip("/")
        ways = (
            [folder for folder in self.folders if str(folder.index) == wanted],
            [folder for folder in self.folders if folder.path == wanted],
            [folder for folder in self.folders if folder.name == wanted],
        )
        found = next((found for found in ways if found), [])
        if len(found) != 1:
            raise RequestError(
                400,
                "several folders have this name" if found else "the project has no such folder",
                place="folder",
                value=name,
                legal="an index, path or name of "
                + ", ".join(f"{folder.path} ({folder.index})" for folder in found or self.folders),
                advice=None if found else "add it with POST /-api/settings/v1/folders/add",
            )
        return found[0]


@dataclass(frozen=True)
class Version:
    """A version of a document's annotations, as it is given out.

    Attributes:
        json: The ann.json.
        warning: Why it isn't the version that was asked for.
    """

    json: str
    warning: str | None


@dataclass(frozen=True)
class StoredDocument:
    """A document with one version of its annotations."""

    docid: str
    filename: str
    folder: str
    html: bytes
    original: bytes
    original_name: str
    created: int
    updated: int
    member: str
    version: Version
    members: tuple[str, ...]


@dataclass(frozen=True)
class Uploaded:
    """What became of an upload."""

    docid: str
    result: str
    text_bytes: int
    filename: str = ""


@dataclass(frozen=True)
class Hit:
    """A row of a search's answer."""

    docid: str
    filename: str
    header: str
    created: int
    updated: int
    anncomplete: bool
    members_anncomplete: tuple[str, ...]
    folder: str
    entities: int
    pre_added: int
    members_assigned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page of a search's answer."""

    total: int
    hits: tuple[Hit, ...]


def timestamp(milliseconds: int) -> str:
    """A moment as tagtog writes it: ``2021-07-15T16:34:41.720Z``."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _open_error(path: Path, problem: str, legal: str, advice: str) -> LocalServerError:
    return LocalServerError(problem, place=path, legal=legal, advice=advice)


class Store:
    """The database. Each thread that uses it has a connection of its own for that time.

    Args:
        path: The file. It is made, readable by its owner alone, if it doesn't exist.

    Raises:
        LocalServerError: It isn't a database of the local tagtog, was made by a newer version, or can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._results = Results()
        self._closed = False
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._verified_key = secrets.token_bytes(32)
        # scrypt takes 16 MB each time: a burst of wrong passwords must not take that for every thread.
        self._scrypt_turn = threading.Semaphore(2)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._idle.append(self._prepare())
        except OSError as error:
            raise _open_error(
                self.path,
                f"the database can't be opened: {error.strerror}",
                "a file in a folder that you may write to",
                "choose another path",
            ) from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB" or "not a database" in str(error):
                raise self._foreign() from error
            raise _open_error(
                self.path,
                f"the database can't be opened: {error}",
                "a file that no other program locks",
                "try again",
            ) from error

    def _foreign(self) -> LocalServerError:
        return _open_error(
            self.path,
            "this file isn't a database of the local tagtog",
            "a database that spacy-tagtog made, or a new path",
            "choose another path",
        )

    def _connect(self) -> sqlite3.Connection:
        # Which thread uses a connection changes, but only one at a time does.
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            for name, function in FUNCTIONS.items():
                connection.create_function(
                    name, len(inspect.signature(function).parameters), function, deterministic=True
                )
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            # For the indexes of many documents: 16 MB instead of 2, as far as they are used, and fewer, larger checkpoints.
            connection.execute("PRAGMA cache_size = -16384")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            self._check_identity(connection)
            if connection.execute("PRAGMA user_version").fetchone()[0] < _SCHEMA_VERSION:
                self._upgrade(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_identity(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION_ID and (application or version or tables):
            raise self._foreign()
        if version > _SCHEMA_VERSION:
            raise _open_error(
                self.path,
                f"a newer spacy-tagtog made this database (schema {version})",
                f"schema {_SCHEMA_VERSION}",
                "update spacy-tagtog, or choose another path",
            )

    def _upgrade(self, connection: sqlite3.Connection) -> None:
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
            self._check_identity(connection)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version < _SCHEMA_VERSION:  # else another process was faster
                schema.upgrade(connection, version)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
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

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the database."""
        with self._connection() as connection, _transaction(connection, "DEFERRED"):
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written in the block, or nothing of it."""
        with self._connection() as connection, _transaction(connection, "IMMEDIATE"):
            connection.execute("UPDATE changes SET number = number + 1")
            yield connection

    reading, writing = _reading, _writing

    def close(self) -> None:
        """Close all connections. What is still running ends first."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # -------------------------------------------------------------------------------------------------------------------------------- users

    def add_user(self, name: str, password: str, *, admin: bool | None = None) -> None:
        """Add a user, or change a user's password.

        Args:
            name: The user's name.
            password: The password. Only a hash of it is stored.
            admin: Whether the user is an admin of every project. ``None`` leaves a known user what they are; a new one is none.

        Raises:
            LocalServerError: The name or the password isn't legal.
        """
        if not _USER.fullmatch(name) or name == MASTER:
            raise LocalServerError(
                "this can't be a user name",
                value=name,
                legal="1 to 64 letters, digits, dots, underscores and hyphens; not master",
            )
        if not password:
            raise LocalServerError("the password is empty", legal="at least one character")
        salt = secrets.token_bytes(16)
        row = (name, salt, _scrypt(password, salt))
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO users (name, salt, hash, admin) VALUES (?, ?, ?, coalesce(?, 0)) ON CONFLICT (name) DO UPDATE SET "
                "salt = excluded.salt, hash = excluded.hash, admin = coalesce(?, admin)",
                (*row, admin, admin),
            )

    def users(self) -> list[tuple[str, bool]]:
        """The users: their names, and whether they are admins of every project."""
        with self._reading() as connection:
            return [
                (row["name"], bool(row["admin"]))
                for row in connection.execute("SELECT name, admin FROM users ORDER BY name")
            ]

    def remove_user(self, name: str) -> None:
        """Remove a user, also from the projects of others. What they annotated stays.

        Raises:
            LocalServerError: There is no such user.
        """
        with self._writing() as connection:
            if not connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
                raise LocalServerError(
                    "there is no such user", place=self.path, value=name, legal="a user of this server"
                )
            connection.execute(
                "DELETE FROM members WHERE login = ? AND NOT EXISTS (SELECT 1 FROM projects AS p WHERE p.id = project_id AND p.owner = login)",
                (name,),
            )
            connection.execute(
                "DELETE FROM assignments WHERE member = ? AND NOT EXISTS (SELECT 1 FROM documents AS d "
                "JOIN members AS m ON m.project_id = d.project_id WHERE d.id = document_id AND m.login = assignments.member)",
                (name,),
            )

    def check_user(self, name: str, password: str) -> bool:
        """Whether there is a user of this name with this password. Takes the same time for a wrong name and a wrong password."""
        if not _USER.fullmatch(name):
            return False
        with self._reading() as connection:
            row = connection.execute("SELECT salt, hash FROM users WHERE name = ?", (name,)).fetchone()
        salt, expected = (row["salt"], row["hash"]) if row else (b"\0" * 16, b"")
        # The stored hash is part of the key: a changed password, even by another process, is a new entry.
        key = hmac.digest(
            self._verified_key,
            b"\0".join([name.encode(), expected, password.encode("utf-8", "surrogatepass")]),
            "sha256",
        )
        with self._lock:
            if row and key in self._verified:
                self._verified.move_to_end(key)
                return True
        with self._scrypt_turn:
            right = hmac.compare_digest(_scrypt(password, salt), expected)
        if right:
            with self._lock:
                self._verified[key] = None
                while len(self._verified) > 256:
                    self._verified.popitem(last=False)
        return right

    def has_users(self) -> bool:
        """Whether there is any user."""
        with self._reading() as connection:
            return connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None

    # ----------------------------------------------------------------------------------------------------------------------------- projects

    def create_project(self, owner: str, project: str, settings: Mapping[str, Any]) -> None:
        """Create a project.

        Args:
            owner: A user name.
            project: The project's name.
            settings: A settings JSON, such as :func:`~spacy_tagtog.server.settings_from_legend` makes.

        Raises:
            LocalServerError: It exists, or a name or the settings aren't legal.
        """
        rest, folders = parse_settings(settings)
        with self._writing() as connection:
            self.insert_project(connection, owner, project, rest, folders, created=_now())

    def insert_project(
        self,
        connection: sqlite3.Connection,
        owner: str,
        project: str,
        settings: Mapping[str, Any],
        folders: Iterable[Folder],
        *,
        created: int,
    ) -> int:
        """Create a project, within a transaction.

        Args:
            connection: The database.
            owner: A user name.
            project: The project's name.
            settings: Its settings without the folders.
            folders: Its folders.
            created: When, in milliseconds since 1970.

        Returns:
            Its number.

        Raises:
            LocalServerError: It exists, or a name isn't legal.
        """
        if connection.execute(
            "SELECT 1 FROM projects WHERE owner = ? AND name = ?", (owner, project)
        ).fetchone():
            raise LocalServerError(
                "the project exists already",
                place=self.path,
                value=f"{owner}/{project}",
                advice="choose another name",
            )
        if not _USER.fullmatch(owner):
            raise LocalServerError(
                "this can't be a user name",
                value=owner,
                legal="1 to 64 letters, digits, dots, underscores and hyphens",
            )
        check_name(project, "project")
        if project.startswith("-"):  # addresses such as /-api/… are the server's own
            raise LocalServerError(
                "this can't be the name of a project",
                value=project,
                legal="a name that doesn't begin with a hyphen",
            )
        key: int = connection.execute(
            "INSERT INTO projects (owner, name, settings, created) VALUES (?, ?, ?, ?) RETURNING id",
            (owner, project, _dumps(settings), created),
        ).fetchone()[0]
        connection.execute(
            "INSERT INTO members (project_id, login, role) VALUES (?, ?, 'admin')", (key, owner)
        )
        _insert_folders(connection, key, folders)
        return key

    def projects_of(self, login: str, *, operator: bool = False) -> list[tuple[str, str]]:
        """The projects that a user may see, as (owner, name)."""
        return [project for project in self.projects() if self._role(*project, login, operator) is not None]

    def projects(self) -> list[tuple[str, str]]:
        """All projects as (owner, name)."""
        with self._reading() as connection:
            return [
                (row["owner"], row["name"])
                for row in connection.execute("SELECT owner, name FROM projects ORDER BY owner, name")
            ]

    def project(self, owner: str, name: str) -> ProjectInfo:
        """A project.

        Raises:
            RequestError: There is none.
        """
        with self._reading() as connection:
            return self._project(connection, owner, name)

    def project_info(self, connection: sqlite3.Connection, owner: str, name: str) -> ProjectInfo:
        """A project, within a transaction.

        Raises:
            RequestError: There is none.
        """
        return self._project(connection, owner, name)

    @staticmethod
    def now() -> int:
        """The time in milliseconds since 1970."""
        return _now()

    def touch(
        self,
        connection: sqlite3.Connection,
        project: ProjectInfo,
        key: int,
        now: int,
        *,
        member: str,
        author: Author,
    ) -> None:
        """Note that a version of a document changed, and tell the project's webhooks.

        Args:
            connection: The database, in a transaction.
            project: The document's project.
            key: The document's number.
            now: When, in milliseconds since 1970. Each change is later than the one before it, whatever the clock says.
            member: Whose version it is.
            author: Who changed it.
        """
        row = connection.execute(
            "UPDATE documents SET updated = max(?, updated + 1) WHERE id = ? RETURNING docid", (now, key)
        ).fetchone()
        enqueue(
            connection,
            project.key,
            project.settings,
            key,
            row["docid"],
            member=member,
            status="updated",
            author=author,
            now=now,
        )

    def project_key(self, connection: sqlite3.Connection, owner: str, name: str) -> int:
        """A project's number in the database.

        Raises:
            RequestError: There is none.
        """
        row = connection.execute(
            "SELECT id FROM projects WHERE owner = ? AND name = ?", (owner, name)
        ).fetchone()
        if row is None:
            raise _no_project(owner, name)
        return int(row["id"])

    def _project(self, connection: sqlite3.Connection, owner: str, name: str) -> ProjectInfo:
        row = connection.execute(
            "SELECT * FROM projects WHERE owner = ? AND name = ?", (owner, name)
        ).fetchone()
        if row is None:
            raise _no_project(owner, name)
        folders = connection.execute(
            "SELECT number, path, extra FROM folders WHERE project_id = ? ORDER BY path", (row["id"],)
        )
        return ProjectInfo(
            row["id"],
            row["owner"],
            row["name"],
            json.loads(row["settings"]),
            tuple(
                Folder(folder["number"], folder["path"], json.loads(folder["extra"])) for folder in folders
            ),
        )

    def _role(self, owner: str, name: str, login: str, operator: bool) -> Role | None:
        with self._reading() as connection:
            row = connection.execute(
                "SELECT coalesce((SELECT admin FROM users WHERE name = ?), 0) AS admin, (SELECT role FROM members AS m WHERE m.project_id = p.id "
                "AND m.login = ?) AS role FROM projects AS p WHERE p.owner = ? AND p.name = ?",
                (login, login, owner, name),
            ).fetchone()
        if row is None:
            return None
        if operator or row["admin"]:
            return "admin"
        return None if row["role"] is None else as_role(row["role"], place="the database")

    def access(self, owner: str, name: str, login: str, *, operator: bool = False) -> Access:
        """What a user may do in a project.

        Args:
            owner: The project's owner.
            name: The project's name.
            login: The user.
            operator: Whether the user runs this server: an admin of every project.

        Raises:
            RequestError: There is no such project, or the user isn't a member of it: the same answer, so that names can't be guessed.
        """
        role = self._role(owner, name, login, operator)
        if role is None:
            raise _no_project(owner, name)
        return Access(login, f"{owner}/{name}", role)

    def import_settings(self, owner: str, name: str, settings: object) -> dict[str, Any]:
        """Replace a project's settings. Its documents are removed, as tagtog does.

        Returns:
            ``{"mapNewIds": …, "newSettings": …}``. Class ids stay what they are here.

        Raises:
            LocalServerError: They aren't settings.
        """
        rest, folders = parse_settings(settings)
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            _delete(connection, "SELECT id FROM documents WHERE project_id = ?", [project.key])
            connection.execute("DELETE FROM folders WHERE project_id = ?", (project.key,))
            connection.execute("UPDATE projects SET settings = ? WHERE id = ?", (_dumps(rest), project.key))
            _insert_folders(connection, project.key, folders)
            new = self._project(connection, owner, name)
        return {
            "mapNewIds": {class_id: class_id for class_id in class_names(new.settings)},
            "newSettings": new.export(),
        }

    def add_folder(self, owner: str, name: str, path: str) -> ProjectInfo:
        """Add a folder, and the ones above it that don't exist.

        Raises:
            LocalServerError: It exists, or the path isn't legal.
        """
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            missing = missing_folders(path, (folder.path for folder in project.folders))
            if not missing:
                raise RequestError(
                    400,
                    "the folder exists already",
                    value=path,
                    legal="a path that isn't among the project's folders",
                )
            first = 1 + max(folder.index for folder in project.folders)
            _insert_folders(
                connection, project.key, [Folder(first + k, new, {}) for k, new in enumerate(missing)]
            )
            return self._project(connection, owner, name)

    def rename_folder(self, owner: str, name: str, path: str, new_name: str) -> ProjectInfo:
        """Rename a folder. Its documents and sub-folders stay in it.

        Raises:
            LocalServerError: There is no such folder, it is ``pool``, or the new name isn't legal or free.
        """
        check_name(new_name, "folder")
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            folder = _changeable(project, path)
            new = f"{folder.path.rpartition('/')[0]}/{new_name}"
            if new != folder.path and any(other.path == new for other in project.folders):
                raise RequestError(
                    400, "a folder of this name exists already", value=new, legal="a name that is free"
                )
            for below in project.folders:
                if below.path == folder.path or below.path.startswith(f"{folder.path}/"):
                    renamed = new + below.path[len(folder.path) :]
                    connection.execute(
                        "UPDATE folders SET path = ? WHERE project_id = ? AND number = ?",
                        (renamed, project.key, below.index),
                    )
            return self._project(connection, owner, name)

    def remove_folder(self, owner: str, name: str, path: str) -> ProjectInfo:
        """Remove a folder with all that is in it.

        Raises:
            LocalServerError: There is no such folder, or it is ``pool``.
        """
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            folder = _changeable(project, path)
            for below in project.folders:
                if below.path == folder.path or below.path.startswith(f"{folder.path}/"):
                    _delete(
                        connection,
                        "SELECT id FROM documents WHERE project_id = ? AND folder = ?",
                        [project.key, below.index],
                    )
                    connection.execute(
                        "DELETE FROM folders WHERE project_id = ? AND number = ?", (project.key, below.index)
                    )
            return self._project(connection, owner, name)

    # ---------------------------------------------------------------------------------------------------------------------------- documents

    def upload(
        self,
        owner: str,
        name: str,
        uploads: Sequence[Upload],
        *,
        member: str = MASTER,
        folder: str = ROOT_FOLDER,
        author: Author = _NOBODY,
        distribute: str = "-",
        keep_confirmed: bool = False,
    ) -> list[Uploaded]:
        """Store documents, all or nothing.

        Args:
            owner: The project's owner.
            name: The project's name.
            uploads: The documents.
            member: Whose version their annotations become.
            folder: Index, path or name of the folder of new documents.
            author: Who uploads.
            distribute: Which members are to annotate the documents, see :func:`~spacy_tagtog.server.db.distribution.to_members`.
            keep_confirmed: Leave documents alone whose version of the member is confirmed; their result is ``kept``.

        Raises:
            SpacyTagtogError: A document, the folder or a class id isn't legal. Nothing is stored.
        """
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            target = project.folder(folder)
            legend = project.legend
            for upload in uploads:
                if upload.annotations is not None:
                    check_classes(upload.annotations, legend, place=upload.annotations.place)
            members = to_members(connection, project.key, distribute)
            words: set[str] = set()
            uploaded = [
                self._upload_one(
                    connection, project, upload, member, target, author, members, words, keep_confirmed
                )
                for upload in uploads
            ]
            add_words(connection, words)
            return uploaded

    def _upload_one(
        self,
        connection: sqlite3.Connection,
        project: ProjectInfo,
        upload: Upload,
        member: str,
        folder: Folder,
        author: Author,
        members: Sequence[str] | None,
        words: set[str],
        keep_confirmed: bool,
    ) -> Uploaded:
        fresh = upload.new_id(f"{project.owner}/{project.name}")
        # By its base name, or else by the <html id>, or else by name and content.
        candidates = (upload.base, upload.html.id if upload.html is not None else None, fresh)
        row = connection.execute(
            "SELECT d.id, d.docid, d.filename, c.html FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
            "WHERE d.project_id = ?1 AND d.docid IN (?2, ?3, ?4) ORDER BY d.docid = ?2 DESC, d.docid = ?3 DESC LIMIT 1",
            (project.key, *candidates),
        ).fetchone()
        now = _now()
        docid = (
            row["docid"]
            if row
            else upload.base
            if upload.html is not None and is_document_id(upload.base)
            else fresh
        )
        html = upload.render(docid)
        text = _whole_text(html)
        changed = False
        if row is None:
            # The name ends the id, and the id names files.
            check_name(docid, "document", longest=240, place=upload.place)
            original = None if upload.html is not None else upload.raw
            key, new_words = insert_document(
                connection,
                project.key,
                folder.index,
                docid,
                upload.filename,
                html,
                original,
                upload.original_name,
                created=now,
                updated=now,
            )
            words |= new_words
        else:
            key = row["id"]
            confirmed = "SELECT 1 FROM versions WHERE document_id = ? AND member = ? AND complete"
            if keep_confirmed and connection.execute(confirmed, (key, member)).fetchone():
                return Uploaded(docid, "kept", len(text.encode()), row["filename"])
            changed = self._update_content(
                connection, key, row["html"], html=html, upload=upload, member=member
            )
        if upload.annotations is not None:
            changed |= write_version(
                connection,
                key,
                member,
                upload.annotations,
                list(html.parts),
                author=author,
                action="uploaded",
                now=now,
            )
        assign(connection, project.key, project.settings, key, docid, members, is_new=row is None)
        if row is None:
            enqueue(
                connection,
                project.key,
                project.settings,
                key,
                docid,
                member=member,
                status="created",
                author=author,
                now=now,
            )
        elif changed:
            self.touch(connection, project, key, now, member=member, author=author)
        return Uploaded(
            docid,
            "created" if row is None else "updated",
            len(text.encode()),
            upload.filename if row is None else row["filename"],
        )

    def _update_content(
        self,
        connection: sqlite3.Connection,
        key: int,
        old_data: bytes,
        *,
        html: PlainHtml,
        upload: Upload,
        member: str,
    ) -> bool:
        """Take over a changed content. It must not pull the text from under the annotations of others."""
        if html.data == old_data:
            return False
        old = PlainHtml(old_data)
        if _texts(old) == _texts(html):
            if upload.html is None:  # made from the text just now: not the user's own bytes
                return False
        else:
            others = [
                row["member"]
                for row in connection.execute(
                    "SELECT member FROM versions WHERE document_id = ? ORDER BY member", (key,)
                )
                if row["member"] != member
            ]
            if others or upload.annotations is None:
                raise RequestError(
                    400,
                    "the text differs from that of the stored document",
                    place=upload.place,
                    value=f"annotated by {', '.join(others)}"
                    if others
                    else "no annotations for the changed text",
                    legal="the text that the document has"
                    if others
                    else "an ann.json for the changed text, too",
                    advice="download its plain.html and annotate that, or delete the document first",
                )
        keep_html(connection, key, old_data)
        replace_text(connection, key, _whole_text(old), _whole_text(html))
        connection.execute(
            "UPDATE contents SET html = ?, text = ?, original = ?, original_name = ? WHERE document_id = ?",
            (
                html.data,
                _whole_text(html),
                None if upload.html is not None else upload.raw,
                upload.original_name,
                key,
            ),
        )
        connection.execute("UPDATE documents SET header = ? WHERE id = ?", (_header(html), key))
        return True

    def document(self, owner: str, name: str, docid: str, *, member: str = MASTER) -> StoredDocument:
        """A document with a member's annotations, or else the master version, or else none.

        Raises:
            RequestError: There is no such project or document.
        """
        with self._reading() as connection:
            project = self._project(connection, owner, name)
            row = connection.execute(
                "SELECT * FROM documents AS d JOIN contents AS c ON c.document_id = d.id WHERE d.project_id = ? AND d.docid = ?",
                (project.key, docid),
            ).fetchone()
            if row is None:
                raise no_document(docid)
            versions = {
                version["member"]: version["data"].decode()
                for version in connection.execute(
                    "SELECT v.member, b.data FROM versions AS v JOIN blobs AS b ON b.id = v.blob_id WHERE v.document_id = ? AND v.member IN (?, ?)",
                    (row["id"], member, MASTER),
                )
            }
            members = [
                version["member"]
                for version in connection.execute(
                    "SELECT member FROM versions WHERE document_id = ? ORDER BY member <> 'master', member",
                    (row["id"],),
                )
            ]
        if member in versions:
            version = Version(versions[member], None)
        elif MASTER in versions:
            version = Version(
                versions[MASTER], f"{member} has no version of this document, this is the master version"
            )
        else:
            empty = Annotations.empty(list(PlainHtml(row["html"]).parts)).dumps()
            version = Version(
                empty,
                f"{member} has no version of this document and there is no master version, these annotations are empty",
            )
        paths = {folder.index: folder.path for folder in project.folders}
        return StoredDocument(
            row["docid"],
            row["filename"],
            paths[row["folder"]],
            row["html"],
            row["html"] if row["original"] is None else row["original"],
            row["original_name"],
            row["created"],
            row["updated"],
            member,
            version,
            tuple(members),
        )

    def search(
        self, owner: str, name: str, query: str, *, offset: int = 0, limit: int | None = None, user: str = ""
    ) -> Page:
        """Documents that a query selects, in the order in which they were created, so that new ones don't shift the pages.

        Raises:
            LocalServerError: The query isn't legal, or there is no such project.
        """
        with self._reading() as connection:
            project = self._project(connection, owner, name)
            condition = selected(connection, project, query, user)
            with in_time(connection):
                if limit is None:
                    found = all_of(connection, condition)
                    total, ids = len(found), list(found[offset:])
                else:
                    total, ids = page_of(connection, condition, project.key, offset, limit, self._results)
            return Page(total, tuple(_hits(connection, project, ids)))

    def states(self, owner: str, name: str, query: str, *, user: str = "") -> list[tuple[str, bool]]:
        """The ids of all documents that a query selects, in the order in which they were created, and whether their master version is confirmed.

        Raises:
            LocalServerError: The query isn't legal, or there is no such project.
        """
        with self._reading() as connection:
            condition = selected(connection, self._project(connection, owner, name), query, user)
            with in_time(connection):
                rows = connection.execute(
                    f"SELECT d.docid, d.anncomplete {condition.sql} ORDER BY d.id", condition.parameters
                )
                return [(row[0], bool(row[1])) for row in rows]

    def delete(self, owner: str, name: str, query: str, *, user: str = "") -> int:
        """Delete the documents that a query selects.

        Returns:
            How many there were.

        Raises:
            LocalServerError: The query isn't legal, or there is no such project.
        """
        with self._writing() as connection:
            condition = selected(connection, self._project(connection, owner, name), query, user)
            with in_time(connection):
                ids = json.dumps(list(all_of(connection, condition)))
            return _delete(connection, "SELECT value FROM json_each(?)", [ids])

    def delete_document(self, owner: str, name: str, docid: str) -> int:
        """Delete one document.

        Returns:
            1, or 0 where the project has no such document.

        Raises:
            RequestError: There is no such project.
        """
        with self._writing() as connection:
            project = self._project(connection, owner, name)
            return _delete(
                connection,
                "SELECT id FROM documents WHERE project_id = ? AND docid = ?",
                [project.key, docid],
            )


# --------------------------------------------------------------------------------------------------------------------------------------- helpers


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


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _storable(text: str) -> str:
    """Text that UTF-8 can carry: JSON may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _insert_folders(connection: sqlite3.Connection, project: int, folders: Iterable[Folder]) -> None:
    connection.executemany(
        "INSERT INTO folders (project_id, number, path, extra) VALUES (?, ?, ?, ?)",
        [(project, folder.index, folder.path, _dumps(dict(folder.extra))) for folder in folders],
    )


def _changeable(project: ProjectInfo, path: str) -> Folder:
    folder = next((folder for folder in project.folders if folder.path == path.strip("/")), None)
    if folder is None or folder.index == 0:
        raise RequestError(
            400 if folder else 404,
            "pool can't be renamed or removed" if folder else "the project has no folder of this path",
            value=path,
            legal=", ".join(folder.path for folder in project.folders if folder.index)
            or "(the project has no folder but pool)",
        )
    return folder


def _no_project(owner: str, name: str) -> RequestError:
    return RequestError(
        404,
        "there is no such project, or you aren't a member of it",
        value=f"{owner}/{name}",
        legal="a project of this server; its start page lists yours",
        advice="check owner and project, or ask the project's admin to add you",
    )


def no_document(docid: str) -> RequestError:
    """The answer where a project hasn't got a document."""
    return RequestError(
        404,
        "the project has no such document",
        value=docid,
        legal="the id of a document of this project",
        advice="search=* lists all",
    )


def _whole_text(html: PlainHtml) -> str:
    """What words and phrases are searched in, and what ``output=text`` gives."""
    return html.text


def _texts(html: PlainHtml) -> list[tuple[str, str]]:
    return [(part.id, part.text) for part in html.parts.values()]


def _header(html: PlainHtml) -> str:
    """What a list shows of a document: its first heading, or else the beginning of its text."""
    texts = [part.text for part in html.parts.values() if part.tag[:1] == "h"] + [
        part.text for part in html.parts.values()
    ]
    first = next((" ".join(text[:500].split()) for text in texts if text.strip()), "")
    return first if len(first) <= 100 else f"{first[:99]}…"


def insert_document(
    connection: sqlite3.Connection,
    project: int,
    folder: int,
    docid: str,
    filename: str,
    html: PlainHtml,
    original: bytes | None,
    original_name: str,
    *,
    created: int,
    updated: int,
) -> tuple[int, set[str]]:
    """Store a new document without annotations.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        folder: The folder's index.
        docid: The document's id.
        filename: Its file name.
        html: Its content.
        original: The file that was uploaded, ``None`` where it was the plain.html itself.
        original_name: The name of that file.
        created: When it was imported, in milliseconds since 1970.
        updated: When it last changed.

    Returns:
        Its number, and its words for :func:`~spacy_tagtog.server.search.index.add_words`.
    """
    text = _whole_text(html)
    key = connection.execute(
        "INSERT INTO documents (project_id, folder, docid, filename, header, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (project, folder, docid, filename, _header(html), created, updated),
    ).fetchone()[0]
    connection.execute(
        "INSERT INTO contents (document_id, html, text, original, original_name) VALUES (?, ?, ?, ?, ?)",
        (key, html.data, text, original, original_name),
    )
    return key, add_text(connection, key, text)


def write_version(
    connection: sqlite3.Connection,
    key: int,
    member: str,
    annotations: Annotations,
    parts: list[str],
    *,
    author: Author,
    action: str,
    now: int,
) -> bool:
    """Store a member's annotations.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        member: Whose version it becomes.
        annotations: The version.
        parts: The ids of the document's parts, for annotations that don't say what was annotatable.
        author: Who saves.
        action: What was done, in words.
        now: When, in milliseconds since 1970.

    Returns:
        Whether it differs from what was there.
    """
    data = annotations.data
    if not annotations.annotatable:
        annotatable = {**(data.get("annotatable") or {}), "parts": parts}
        data = {**data, "annotatable": annotatable}
    text = (annotations if data is annotations.data else Annotations(data, place=annotations.place)).dumps()
    if (
        save(
            connection,
            key,
            member,
            text,
            complete=annotations.complete,
            author=author,
            action=action,
            now=now,
        )
        is None
    ):
        return False
    if member == MASTER:
        index_version(connection, key, annotations)
    return True


def index_version(connection: sqlite3.Connection, key: int, annotations: Annotations) -> None:
    """Write what the search looks at."""
    uncount_classes(connection, key)
    connection.execute("UPDATE documents SET anncomplete = ? WHERE id = ?", (annotations.complete, key))
    connection.execute("DELETE FROM entities WHERE document_id = ?", (key,))
    connection.execute("DELETE FROM labels WHERE document_id = ?", (key,))
    entities, norms = [], []
    for entity in annotations.entities:
        entities.append(
            (
                key,
                entity.index,
                entity.class_id,
                _storable(" ".join(fragment.text for fragment in entity.fragments)),
                entity.state or "",
            )
        )
        for class_id, norm in (entity.data.get("normalizations") or {}).items():
            norm_id = (norm.get("source") or {}).get("id")
            if norm_id is not None:
                norms.append((key, entity.index, class_id, _storable(norm_id)))
    connection.executemany(
        "INSERT INTO entities (document_id, number, class_id, text, state) VALUES (?, ?, ?, ?, ?)", entities
    )
    connection.executemany(
        "INSERT INTO norms (document_id, entity, class_id, norm_id) VALUES (?, ?, ?, ?)", norms
    )
    count_classes(
        connection, key, [(row[1], row[2]) for row in entities], [(row[1], row[3]) for row in norms]
    )
    labels = []
    for class_id, label in annotations.metas.items():
        value = label.get("value")
        if value is not None:
            labels.append((key, class_id, _storable(value if isinstance(value, str) else json.dumps(value))))
    connection.executemany("INSERT INTO labels (document_id, class_id, value) VALUES (?, ?, ?)", labels)


def selected(connection: sqlite3.Connection, project: ProjectInfo, query: str, user: str = "") -> Condition:
    """The table and the condition that give the documents ``d`` that a query selects."""

    def from_then(column: str, moment: int) -> int | None:
        sql = f"SELECT min({column}) FROM documents WHERE project_id = ? AND {column} >= ?"  # noqa: S608  created or updated
        found: int | None = connection.execute(sql, (project.key, moment)).fetchone()[0]
        return found

    def words(shortest: int, longest: int) -> list[str]:
        # As one text: many rows would take several times as long.
        joined = connection.execute(
            "SELECT group_concat(word, ' ') FROM vocabulary WHERE length(word) BETWEEN ? AND ?",
            (shortest, longest),
        )
        return (joined.fetchone()[0] or "").split(" ")

    context = QueryContext(
        project.legend, project.folders, datetime.now(timezone.utc), user, project.key, words, from_then
    )
    condition = translate(query, context)
    return dataclasses.replace(
        condition,
        sql=f"FROM documents AS d WHERE d.project_id = ? AND ({condition.sql})",
        parameters=(project.key, *condition.parameters),
    )


@contextmanager
def in_time(connection: sqlite3.Connection) -> Iterator[None]:
    """End a query that takes too long.

    Raises:
        RequestError: It does.
    """
    end = time.monotonic() + SEARCH_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > end, 1000)
    try:
        with until(end):
            yield
    except sqlite3.OperationalError as error:
        if time.monotonic() <= end:
            raise
        raise RequestError(
            400,
            "the query takes too long",
            legal=f"a query that is answered in {SEARCH_SECONDS} seconds",
            advice="begin words with letters, not with wildcards, and search for fewer of them",
        ) from error
    finally:
        connection.set_progress_handler(None, 0)


def _delete(connection: sqlite3.Connection, rows: str, parameters: Sequence[Any]) -> int:
    """Delete documents. Args: rows: what selects their numbers. Returns: how many there were."""
    forget(connection, rows, parameters)
    return connection.execute(f"DELETE FROM documents WHERE id IN ({rows})", parameters).rowcount  # noqa: S608


def _hits(connection: sqlite3.Connection, project: ProjectInfo, ids: list[int]) -> Iterator[Hit]:
    paths = {folder.index: folder.path for folder in project.folders}
    for key in ids:
        row = connection.execute("SELECT * FROM documents WHERE id = ?", (key,)).fetchone()
        members = connection.execute(
            "SELECT member FROM versions WHERE document_id = ? AND complete AND member <> 'master' ORDER BY member",
            (key,),
        )
        assigned = connection.execute(
            "SELECT member FROM assignments WHERE document_id = ? ORDER BY member", (key,)
        )
        counts = connection.execute(
            "SELECT count(*), total(state = 'pre-added') FROM entities WHERE document_id = ?", (key,)
        ).fetchone()
        yield Hit(
            row["docid"],
            row["filename"],
            row["header"],
            row["created"],
            row["updated"],
            bool(row["anncomplete"]),
            tuple(member[0] for member in members),
            paths[row["folder"]],
            counts[0],
            int(counts[1]),
            tuple(member[0] for member in assigned),
        )
