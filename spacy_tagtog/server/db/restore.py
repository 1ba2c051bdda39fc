"""A project of the local tagtog out of what :mod:`spacy_tagtog.server.db.archive` wrote."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog._tagtog import USER_NAME
from spacy_tagtog.anndoc import MASTER, Document, Project
from spacy_tagtog.anndoc.layout import read_guidelines
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server import clock
from spacy_tagtog.server.db.archive import FOLDER, FORMAT, Archived, dictionary_file, file_name
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.dictionaries import Entry
from spacy_tagtog.server.db.dictionary_loading import StagedEntries, restore_dictionary
from spacy_tagtog.server.db.documents import insert_document
from spacy_tagtog.server.db.history import store_blob
from spacy_tagtog.server.db.projects import create_project, read_project
from spacy_tagtog.server.db.review import flag
from spacy_tagtog.server.db.roles import as_role
from spacy_tagtog.server.folder_paths import check_name, missing_folders
from spacy_tagtog.server.search.index import add_words, index_version
from spacy_tagtog.server.settings import GUIDELINES, ProjectInfo, check_classes, parse_settings

_MAX_BYTES = 512 * 2**20
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    database: Database, source: Path, owner: str, project: str, *, progress: Progress = silent
) -> Archived:
    """Make a project of what :func:`export_project` wrote: all of it, or nothing.

    What was changed in the documents' own files since then is taken as a further save. Webhooks aren't
    called.

    Args:
        database: The database.
        source: The folder or zip.
        owner: The new project's owner.
        project: The new project's name.
        progress: Shows how far it is.

    Raises:
        LocalServerError: The project exists, or the archive is broken.
        AnndocError: A document can't be read.
    """
    documents = Project.open(source)
    with _Reader(source) as reader, database.writing() as connection:
        head = reader.read("project.json")
        if head is None:
            raise reader.broken("project.json", "it isn't there")
        about = reader.json("project.json", head)
        if about.get("format") != FORMAT:
            raise LocalServerError(
                "the archive has another format",
                place=source,
                value=about.get("format"),
                legal=str(FORMAT),
                advice="update spacy-tagtog",
            )
        info = _project(connection, reader, about, owner, project)
        present = [folder.path for folder in info.folders]
        for path in documents.folders:
            if missing := missing_folders(path, present):
                raise reader.broken("project.json", f"its settings don't have the folder {missing[0]}")
        _dictionaries(connection, reader, about, info)
        restore = _Restore(connection, reader, info)
        lines = (reader.read("documents.jsonl") or b"").splitlines()
        records = {
            record.get("docid"): record for record in (reader.json("documents.jsonl", line) for line in lines)
        }
        order = {docid: number for number, docid in enumerate(records)}
        # The order in which they were created; those that were put into the archive later come last.
        ids = sorted(documents.ids, key=lambda docid: order.get(docid, len(order)))
        for document in progress((documents[docid] for docid in ids), len(ids)):
            restore.document(document, records.pop(document.id, {}))
        if records:
            gone = counted(len(records), "document isn't", "documents aren't")
            restore.counts.notes.append(
                f"{gone} in the archive any more: {', '.join(map(str, list(records)[:5]))}"
            )
        add_words(connection, restore.words)
        return restore.counts


def _project(
    connection: sqlite3.Connection, reader: _Reader, about: dict[str, Any], owner: str, project: str
) -> ProjectInfo:
    """Make the project with its members."""
    settings = about.get("settings")
    parse_settings(settings)  # before anything that is less likely to be wrong
    guidelines = read_guidelines(reader.source)
    if guidelines and isinstance(settings, dict):  # somebody may have edited the file
        settings = {**settings, GUIDELINES: guidelines}
    created = _number(reader, about, "created")
    key = create_project(connection, owner, project, settings, created=created)
    members = about.get("members")
    for login, role in (members if isinstance(members, dict) else {}).items():
        if not USER_NAME.fullmatch(login):
            raise reader.broken("project.json", f"{login!r} can't be a member")
        connection.execute(
            "INSERT OR IGNORE INTO members (project_id, login, role) VALUES (?, ?, ?)",
            (key, login, as_role(role, place=login)),
        )
    return read_project(connection, owner, project)


def _dictionaries(
    connection: sqlite3.Connection, reader: _Reader, about: dict[str, Any], info: ProjectInfo
) -> None:
    """Load the dictionaries of the project."""
    given = about.get("dictionaries") or {}
    if not isinstance(given, dict):
        raise reader.broken("project.json", "its dictionaries can't be read")
    for class_id, files in given.items():
        if class_id not in info.legend.of("n") or type(files) is not int:
            raise reader.broken("project.json", f"its settings don't have the dictionary {class_id}")
        with StagedEntries() as staged:
            for number in range(files):
                _stage(reader, dictionary_file(class_id, number), staged)
            restore_dictionary(connection, info.key, class_id, staged)


def _stage(reader: _Reader, name: str, staged: StagedEntries) -> None:
    data = reader.read(name)
    if data is None:
        raise reader.broken(name, "it isn't there")
    for line in data.splitlines():
        try:
            entry_id, *names = json.loads(line)
            if not (names and all(isinstance(text, str) and text for text in (entry_id, *names))):
                raise TypeError
            is_double = staged.add(Entry(entry_id, tuple(names)), staged.entries + 1) is not None
        except (ValueError, TypeError, RecursionError) as error:
            raise reader.broken(name, "an entry of a dictionary can't be read") from error
        if is_double:
            raise reader.broken(name, f"the entry {entry_id} is there twice")


def _number(reader: _Reader, record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise reader.broken("documents.jsonl", f"{name} isn't a whole number from 0")
    return value


class _Restore:
    """The documents of one archive."""

    def __init__(self, connection: sqlite3.Connection, reader: _Reader, info: ProjectInfo) -> None:
        self.connection = connection
        self.reader = reader
        self.info = info
        self.folders = {folder.path: folder.index for folder in info.folders}
        self.legend = info.legend
        self.words: set[str] = set()
        self.counts = Archived()

    def document(self, document: Document, record: dict[str, Any]) -> None:
        now = clock.now()
        key = self.insert(document, record, now)
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
            if not (isinstance(member, str) and USER_NAME.fullmatch(member)):
                raise self.reader.broken("documents.jsonl", "a document is assigned to nobody")
            self.connection.execute(
                "INSERT INTO assignments (document_id, member) VALUES (?, ?)", (key, member)
            )
        self.review(key, record)
        self.counts.documents += 1

    def review(self, key: int, record: dict[str, Any]) -> None:
        """Write a document's place in the order of review, and its flag."""
        match record.get("order"):
            case None:
                pass
            case {"why": str(why)} as place:
                rank, batch = (_number(self.reader, place, name) for name in ("rank", "batch"))
                self.reader.json("documents.jsonl", why.encode("utf-8", "surrogatepass"))  # else no queue
                self.connection.execute(
                    "INSERT INTO review_order (document_id, rank, batch, why) VALUES (?, ?, ?, ?)",
                    (key, rank, batch, why),
                )
            case _:
                raise self.reader.broken("documents.jsonl", "a place in the order of review can't be read")
        match record.get("flag"):
            case None:
                pass
            case {"author": str(author), "note": str(note)} as flagged:
                flag(self.connection, key, author, note, _number(self.reader, flagged, "created"))
            case _:
                raise self.reader.broken("documents.jsonl", "a flag can't be read")

    def insert(self, document: Document, record: dict[str, Any], now: int) -> int:
        """Store a document without its versions. Returns its number."""
        names = {
            "filename": document.html.origid or document.id,
            "original_name": f"{record.get('filename') or document.html.origid or document.id}.plain.html",
        }
        filename, original_name = (
            check_name(record.get(name) or default, "document", longest=255, place=document.id)
            for name, default in names.items()
        )
        original = None
        if record.get("has_original"):
            place = f"originals/{file_name(document.id)}"
            original = self.reader.read(place)
            if original is None:
                raise self.reader.broken(place, f"the original of {document.id} isn't there")
        key, words = insert_document(
            self.connection,
            self.info.key,
            self.folders[document.folder],
            document.id,
            filename,
            document.html,
            original,
            original_name,
            created=_number(self.reader, record, "created") if record else now,
            updated=_number(self.reader, record, "updated") if record else now,
        )
        self.words |= words
        return key

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
                if not (_SHA256.fullmatch(digest) and USER_NAME.fullmatch(member)):
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
                effort = entry["effort"]
                self.save(
                    key,
                    member,
                    blob,
                    saved,
                    author,
                    source,
                    action,
                    bool(entry["complete"]),
                    html_blob,
                    None if effort is None else json.dumps(effort),
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
        effort: str | None = None,
    ) -> None:
        self.connection.execute(
            "INSERT INTO history "
            "(document_id, member, blob_id, complete, saved, author, source, action, html_id, effort) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, member, blob, complete, saved, author, source, action, html, effort),
        )
        self.counts.saves += 1
