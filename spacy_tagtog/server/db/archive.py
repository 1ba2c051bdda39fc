"""A whole project of the local tagtog in a folder or zip, and back, without loss.

It is tagtog's own download layout, which everything that reads tagtog projects can read, and beside it a folder ``.local-tagtog`` with what that
layout has no place for: settings, members and roles, assignments, the original files, dates, and the history of every version. Two things are not in
it, since they are secrets: users' passwords, and the passwords of webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from spacy_tagtog import __version__
from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER, Annotations, Document, PlainHtml, Project, write_project
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db.history import store_blob
from spacy_tagtog.server.db.roles import as_role
from spacy_tagtog.server.db.settings import check_classes, check_name, missing_folders, parse_settings
from spacy_tagtog.server.db.store import MEMBER, ProjectInfo, Store, index_version, insert_document, selected
from spacy_tagtog.server.search.index import add_words

FOLDER: Final = ".local-tagtog"
_FORMAT: Final = 1
_MAX_BYTES: Final = 512 * 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")
Progress = Callable[[Iterable[_T], int], Iterable[_T]]


@dataclass
class Archived:
    """What went into an archive, or came out of one.

    Attributes:
        documents: The number of documents.
        versions: The number of versions of their annotations.
        saves: The number of entries of their history.
        notes: What is not as it was, and why.
    """

    documents: int = 0
    versions: int = 0
    saves: int = 0
    notes: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------------------------------------- export


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the passwords of webhooks."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cleaned(inner) for key, inner in value.items() if "password" not in key.lower()}
        return [cleaned(inner) for inner in value] if isinstance(value, list) else value

    return {**settings, "webhooks": cleaned(settings["webhooks"])} if settings.get("webhooks") else settings


class _Export:
    """The files of one project, out of one consistent view of the database."""

    def __init__(self, connection: sqlite3.Connection, info: ProjectInfo, keys: list[int]) -> None:
        self.connection = connection
        self.info = info
        self.keys = keys
        self.paths = {folder.index: folder.path for folder in info.folders}
        self.counts = Archived()
        self.records: list[bytes] = []
        self.wanted: set[str] = set()

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        return self.connection.execute(sql, parameters).fetchall()

    def documents(self, progress: Progress[int] | None) -> Iterator[Document]:
        for key in self.keys if progress is None else progress(self.keys, len(self.keys)):
            (row,) = self.rows(
                "SELECT d.*, c.html, c.original, c.original_name FROM documents AS d JOIN contents AS c ON c.document_id = d.id WHERE d.id = ?",
                key,
            )
            versions = {
                one["member"]: (
                    one["hash"].hex(),
                    Annotations.parse(one["data"], place=f"the version of {one['member']} of {row['docid']}"),
                )
                for one in self.rows(
                    "SELECT v.member, b.hash, b.data FROM versions AS v JOIN blobs AS b ON b.id = v.blob_id WHERE v.document_id = ? "
                    "ORDER BY v.member <> 'master', v.member",
                    key,
                )
            }
            self.note(row, {member: digest for member, (digest, _) in versions.items()})
            self.counts.documents += 1
            self.counts.versions += len(versions)
            html = PlainHtml(row["html"], place=row["docid"])
            parsed = {member: version for member, (_, version) in versions.items()}
            yield Document(
                row["docid"], html, parsed, folder=self.paths[row["folder"]], legend=self.info.legend
            )

    def note(self, row: sqlite3.Row, current: dict[str, str]) -> None:
        """Write down what the files of a document don't say."""
        history = [
            {
                "member": one["member"],
                "saved": one["saved"],
                "author": one["author"],
                "source": one["source"],
                "action": one["action"],
                "complete": bool(one["complete"]),
                "sha256": one["hash"].hex(),
                "html": None if one["html"] is None else one["html"].hex(),
            }
            for one in self.rows(
                "SELECT h.*, b.hash, x.hash AS html FROM history AS h JOIN blobs AS b ON b.id = h.blob_id LEFT JOIN blobs AS x ON x.id = h.html_id "
                "WHERE h.document_id = ? ORDER BY h.id",
                row["id"],
            )
        ]
        self.counts.saves += len(history)
        # The current contents are in the documents' own files.
        self.wanted |= {one["sha256"] for one in history if one["sha256"] != current.get(one["member"])}
        self.wanted |= {one["html"] for one in history if one["html"] is not None}
        record = {
            "docid": row["docid"],
            "filename": row["filename"],
            "created": row["created"],
            "updated": row["updated"],
            "original_name": row["original_name"],
            "has_original": row["original"] is not None,
            "assigned": [
                one["member"]
                for one in self.rows(
                    "SELECT member FROM assignments WHERE document_id = ? ORDER BY member", row["id"]
                )
            ],
            "history": history,
        }
        self.records.append(json.dumps(record, ensure_ascii=False).encode())

    def extra(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        folder = PurePosixPath(FOLDER)
        for key in self.keys:
            (row,) = self.rows(
                "SELECT d.docid, c.original FROM documents AS d JOIN contents AS c ON c.document_id = d.id WHERE d.id = ?",
                key,
            )
            if row["original"] is not None:
                yield folder / "originals" / _file_name(row["docid"]), row["original"]
        for digest in sorted(self.wanted):
            (row,) = self.rows("SELECT data FROM blobs WHERE hash = ?", bytes.fromhex(digest))
            yield folder / "history" / digest, row["data"]
        yield folder / "documents.jsonl", b"".join(record + b"\n" for record in self.records)
        members = self.rows(
            "SELECT login, role FROM members WHERE project_id = ? ORDER BY login", self.info.key
        )
        (created,) = self.rows("SELECT created FROM projects WHERE id = ?", self.info.key)
        project = {
            "format": _FORMAT,
            "made_by": f"spacy-tagtog {__version__}",
            "owner": self.info.owner,
            "project": self.info.name,
            "created": created["created"],
            "settings": _without_secrets(self.info.export()),
            "members": {row["login"]: row["role"] for row in members},
        }
        # The last file: an archive without it is none.
        yield folder / "project.json", json.dumps(project, ensure_ascii=False, indent=2).encode()


def _file_name(docid: str) -> str:
    """The name of an original within the archive. Its own name is in the record."""
    return base64.b32encode(hashlib.sha256(docid.encode()).digest()[:20]).decode().lower()


def export_project(
    store: Store,
    owner: str,
    project: str,
    target: Path,
    *,
    query: str = "*",
    force: bool = False,
    progress: Progress[int] | None = None,
) -> Archived:
    """Write a project with everything that belongs to it into a folder or zip.

    Args:
        store: The database.
        owner: The project's owner.
        project: The project's name.
        target: The folder, or a file ending with ``.zip``.
        query: Which documents.
        force: Replace the target if it exists.
        progress: Shows the progress: wraps what it is given, and its number.

    Raises:
        LocalServerError: There is no such project, the query isn't legal, or it finds nothing.
        SpacyTagtogError: The target exists, or can't be written.
    """
    with store.reading() as connection:
        info = store.project_info(connection, owner, project)
        condition = selected(connection, info, query)
        keys = [
            row[0]
            for row in connection.execute(f"SELECT d.id {condition.sql} ORDER BY d.id", condition.parameters)
        ]
        if not keys and query != "*":
            raise LocalServerError(
                "the query finds no document",
                value=query,
                legal="a query that finds at least one",
                advice='try --query "*"',
            )
        export = _Export(connection, info, keys)
        write_project(
            export.documents(progress), target, legend=info.legend, force=force, extra=export.extra()
        )
    if info.settings.get("webhooks") and _without_secrets(info.settings) != info.settings:
        export.counts.notes.append("the passwords of webhooks are left out")
    return export.counts


# --------------------------------------------------------------------------------------------------------------------------------------- restore


class _Reader:
    """The files of ``.local-tagtog`` in a folder or zip. Names from the archive itself never become paths."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self._zip: zipfile.ZipFile | None = None
        self._names: dict[str, str] = {}
        try:
            if source.is_dir():
                return
            self._zip = zipfile.ZipFile(source)
        except (OSError, zipfile.BadZipFile):
            return
        for name in self._zip.namelist():
            pieces = PurePosixPath(name).parts
            if FOLDER in pieces[:2]:
                self._names.setdefault("/".join(pieces[pieces.index(FOLDER) + 1 :]), name)

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, name: str) -> bytes | None:
        """A file, or ``None`` where there is none."""
        try:
            if self._zip is None:
                path = self.source / FOLDER / name
                if not path.is_file():
                    return None
                if path.stat().st_size > _MAX_BYTES:
                    raise self.broken(name, f"it has more than {_MAX_BYTES} bytes")
                return path.read_bytes()
            if name not in self._names:
                return None
            with self._zip.open(self._names[name]) as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise self.broken(name, f"it unpacks to more than {_MAX_BYTES} bytes")
            return data
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise self.broken(name, str(error)) from error

    def broken(self, name: str, why: str) -> LocalServerError:
        return LocalServerError(
            f"the archive is broken: {why}",
            place=f"{self.source}!{FOLDER}/{name}",
            legal="what spacy-tagtog export wrote",
            advice=f"export it again; or remove the folder {FOLDER} from it, and import the documents alone",
        )

    def blob(self, digest: object) -> bytes:
        """A content by its hash."""
        if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
            raise self.broken("documents.jsonl", "a hash isn't one")
        data = self.read(f"history/{digest}")
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise self.broken(f"history/{digest}", "it isn't there" if data is None else "it was changed")
        return data

    def has_blob(self, digest: object) -> bool:
        """Whether a content is there."""
        return (
            isinstance(digest, str)
            and _SHA256.fullmatch(digest) is not None
            and self.read(f"history/{digest}") is not None
        )

    def json(self, name: str, data: bytes) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self.broken(name, "it isn't JSON") from error
        if not isinstance(value, dict):
            raise self.broken(name, "it isn't a JSON object")
        return value


def has_archive(source: Path) -> bool:
    """Whether a folder or zip was written by :func:`export_project`."""
    with _Reader(source) as reader:
        return reader.read("project.json") is not None


def restore_project(
    store: Store, source: Path, owner: str, project: str, *, progress: Progress[Document] | None = None
) -> Archived:
    """Make a project of what :func:`export_project` wrote: all of it, or nothing.

    What was changed in the documents' own files since then is taken as a further save. Webhooks aren't called.

    Args:
        store: The database.
        source: The folder or zip.
        owner: The new project's owner.
        project: The new project's name.
        progress: Shows the progress: wraps what it is given, and its number.

    Raises:
        LocalServerError: The project exists, or the archive is broken.
        AnndocError: A document can't be read.
    """
    documents = Project.open(source)
    with _Reader(source) as reader, store.writing() as connection:
        head = reader.read("project.json")
        if head is None:
            raise reader.broken("project.json", "it isn't there")
        about = reader.json("project.json", head)
        if about.get("format") != _FORMAT:
            raise LocalServerError(
                "the archive has another format",
                place=source,
                value=about.get("format"),
                legal=str(_FORMAT),
                advice="update spacy-tagtog",
            )
        settings, folders = parse_settings(about.get("settings"))
        present = [folder.path for folder in folders]
        for path in documents.folders:
            if missing := missing_folders(path, present):
                raise reader.broken("project.json", f"its settings don't have the folder {missing[0]}")
        key = store.insert_project(
            connection, owner, project, settings, folders, created=_number(reader, about, "created")
        )
        members = about.get("members")
        for login, role in (members if isinstance(members, dict) else {}).items():
            if not MEMBER.fullmatch(login):
                raise reader.broken("project.json", f"{login!r} can't be a member")
            connection.execute(
                "INSERT OR IGNORE INTO members (project_id, login, role) VALUES (?, ?, ?)",
                (key, login, as_role(role, place=login)),
            )
        info = store.project_info(connection, owner, project)
        restore = _Restore(store, connection, reader, info)
        lines = (reader.read("documents.jsonl") or b"").splitlines()
        records = {
            record.get("docid"): record for record in (reader.json("documents.jsonl", line) for line in lines)
        }
        order = {docid: number for number, docid in enumerate(records)}
        ids = sorted(
            documents.ids, key=lambda docid: order.get(docid, len(order))
        )  # the order in which they were created
        read = (documents[docid] for docid in ids)
        for document in read if progress is None else progress(read, len(ids)):
            restore.document(document, records.pop(document.id, {}))
        if records:
            gone = counted(len(records), "document isn't", "documents aren't")
            restore.counts.notes.append(
                f"{gone} in the archive any more: {', '.join(map(str, list(records)[:5]))}"
            )
        add_words(connection, restore.words)
        return restore.counts


def _number(reader: _Reader, record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise reader.broken("documents.jsonl", f"{name} isn't a moment")
    return value


class _Restore:
    """The documents of one archive."""

    def __init__(
        self, store: Store, connection: sqlite3.Connection, reader: _Reader, info: ProjectInfo
    ) -> None:
        self.store = store
        self.connection = connection
        self.reader = reader
        self.info = info
        self.folders = {folder.path: folder.index for folder in info.folders}
        self.legend = info.legend
        self.words: set[str] = set()
        self.counts = Archived()

    def document(self, document: Document, record: dict[str, Any]) -> None:
        now = self.store.now()
        created = _number(self.reader, record, "created") if record else now
        updated = _number(self.reader, record, "updated") if record else now
        filename = check_name(
            record.get("filename") or document.html.origid or document.id,
            "document",
            longest=255,
            place=document.id,
        )
        original = (
            self.reader.read(f"originals/{_file_name(document.id)}") if record.get("has_original") else None
        )
        if record.get("has_original") and original is None:
            raise self.reader.broken(
                f"originals/{_file_name(document.id)}", f"the original of {document.id} isn't there"
            )
        original_name = check_name(
            record.get("original_name") or f"{filename}.plain.html",
            "document",
            longest=255,
            place=document.id,
        )
        key, words = insert_document(
            self.connection,
            self.info.key,
            self.folders[document.folder],
            document.id,
            filename,
            document.html,
            original,
            original_name,
            created=created,
            updated=updated,
        )
        self.words |= words
        versions = {member: version.dumps().encode() for member, version in document.versions.items()}
        latest = self.history(key, document.id, record.get("history") or [], versions)
        for member, version in document.versions.items():
            check_classes(version, self.legend, place=version.place)
            blob = store_blob(self.connection, versions[member])
            if latest.get(member) != hashlib.sha256(versions[member]).hexdigest():
                self.save(key, member, blob, now, "", "", "imported", version.complete)
                if record:
                    self.counts.notes.append(
                        f"{document.id}: the version of {member} was changed in the archive"
                    )
            self.connection.execute(
                "INSERT INTO versions (document_id, member, complete, blob_id) VALUES (?, ?, ?, ?)",
                (key, member, version.complete, blob),
            )
            self.counts.versions += 1
        if MASTER in document.versions:
            index_version(self.connection, key, document.versions[MASTER])
        for member in record.get("assigned") or []:
            if not (isinstance(member, str) and MEMBER.fullmatch(member)):
                raise self.reader.broken("documents.jsonl", "a document is assigned to nobody")
            self.connection.execute(
                "INSERT INTO assignments (document_id, member) VALUES (?, ?)", (key, member)
            )
        self.counts.documents += 1

    def history(
        self, key: int, docid: str, entries: list[dict[str, Any]], versions: dict[str, bytes]
    ) -> dict[str, str]:
        """Write a document's history. Returns the hash of each version's last save."""
        latest: dict[str, str] = {}
        here = {hashlib.sha256(data).hexdigest(): data for data in versions.values()}
        try:
            last = {entry["member"]: number for number, entry in enumerate(entries)}
            for number, entry in enumerate(entries):
                digest, html, member = entry["sha256"], entry["html"], entry["member"]
                if not (_SHA256.fullmatch(digest) and MEMBER.fullmatch(member)):
                    raise self.reader.broken("documents.jsonl", "an entry of the history can't be read")
                if digest not in here and last[member] == number and not self.reader.has_blob(digest):
                    # It was in the document's own file, which is gone or says something else now.
                    if member not in versions:
                        self.counts.notes.append(
                            f"{docid}: the version of {member} isn't in the archive any more"
                        )
                    continue
                blob = store_blob(
                    self.connection, here[digest] if digest in here else self.reader.blob(digest)
                )
                html_blob = None if html is None else store_blob(self.connection, self.reader.blob(html))
                texts = [entry[name] for name in ("author", "source", "action")]
                if not all(isinstance(text, str) for text in texts):
                    raise self.reader.broken("documents.jsonl", "an entry of the history can't be read")
                author, source, action = texts
                saved = _number(self.reader, entry, "saved")
                self.save(
                    key, member, blob, saved, author, source, action, bool(entry["complete"]), html_blob
                )
                latest[member] = digest
        except (KeyError, TypeError) as error:
            raise self.reader.broken("documents.jsonl", "an entry of the history can't be read") from error
        return latest

    def save(
        self,
        key: int,
        member: str,
        blob: int,
        saved: int,
        author: str,
        source: str,
        action: str,
        complete: bool,
        html: int | None = None,
    ) -> None:
        self.connection.execute(
            "INSERT INTO history (document_id, member, blob_id, complete, saved, author, source, action, html_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, member, blob, complete, saved, author, source, action, html),
        )
        self.counts.saves += 1
