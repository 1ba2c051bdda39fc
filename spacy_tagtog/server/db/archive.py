"""A whole project of the local tagtog in a folder or zip, without loss.

:mod:`spacy_tagtog.server.db.restore` reads it.

It is tagtog's own download layout, which everything that reads tagtog projects can read, and beside it a
folder ``.local-tagtog`` with what that layout has no place for: settings, members and roles, assignments, the
order of review, flags, dictionaries, the original files, dates, and the history of every version. Two things
are not in it, since they are secrets: users' passwords, and the passwords of webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spacy_tagtog import __version__
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Annotations, Document, PlainHtml, write_project
from spacy_tagtog.anndoc.layout import GUIDELINES_NAME
from spacy_tagtog.errors import LocalServerError, setting
from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.dictionaries import read_entries
from spacy_tagtog.server.db.failures import damage_looked_for
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.roles import read_members
from spacy_tagtog.server.search.results import find_all
from spacy_tagtog.server.settings import ProjectInfo

FOLDER: Final = ".local-tagtog"
FORMAT: Final = 1
"""The version of what is in the folder."""
ENTRIES_PER_FILE: Final = 50_000
"""A dictionary is written in several files, so that nobody has to hold all of it."""


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

    def one(self, sql: str, *parameters: object) -> dict[str, Any] | None:
        found = self.rows(sql, *parameters)
        return dict(found[0]) if found else None

    def documents(self, progress: Progress) -> Iterator[Document]:
        for key in progress(self.keys, len(self.keys)):
            (row,) = self.rows(
                "SELECT d.*, c.html, c.original, c.original_name "
                "FROM documents AS d JOIN contents AS c ON c.document_id = d.id WHERE d.id = ?",
                key,
            )
            versions = {
                one["member"]: (
                    one["hash"].hex(),
                    Annotations.parse(one["data"], place=f"the version of {one['member']} of {row['docid']}"),
                )
                for one in self.rows(
                    "SELECT member, hash, data FROM version_contents WHERE document_id = ? "
                    "ORDER BY member <> 'master', member",
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
                "effort": None if one["effort"] is None else json.loads(one["effort"]),
            }
            for one in self.rows(
                "SELECT h.*, b.hash, x.hash AS html FROM history AS h JOIN blobs AS b ON b.id = h.blob_id "
                "LEFT JOIN blobs AS x ON x.id = h.html_id WHERE h.document_id = ? ORDER BY h.id",
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
            "order": self.one("SELECT rank, batch, why FROM review_order WHERE document_id = ?", row["id"]),
            "flag": self.one("SELECT author, note, created FROM flags WHERE document_id = ?", row["id"]),
            "history": history,
        }
        self.records.append(json.dumps(record, ensure_ascii=False).encode())

    def extra(self) -> Iterator[tuple[PurePosixPath, bytes]]:
        folder = PurePosixPath(FOLDER)
        if self.info.guidelines:
            yield PurePosixPath(GUIDELINES_NAME), self.info.guidelines.encode()
        for key in self.keys:
            (row,) = self.rows(
                "SELECT d.docid, c.original FROM documents AS d JOIN contents AS c ON c.document_id = d.id "
                "WHERE d.id = ?",
                key,
            )
            if row["original"] is not None:
                yield folder / "originals" / file_name(row["docid"]), row["original"]
        for digest in sorted(self.wanted):
            (row,) = self.rows("SELECT data FROM blobs WHERE hash = ?", bytes.fromhex(digest))
            yield folder / "history" / digest, row["data"]
        dictionaries = {}
        for row in self.rows(
            "SELECT id, class_id FROM dictionaries WHERE project_id = ? AND ready ORDER BY class_id",
            self.info.key,
        ):
            files = 0
            entries = read_entries(self.connection, row["id"])
            while some := list(islice(entries, ENTRIES_PER_FILE)):
                lines = (json.dumps([one.id, *one.names], ensure_ascii=False) + "\n" for one in some)
                yield folder / dictionary_file(row["class_id"], files), "".join(lines).encode()
                files += 1
            dictionaries[row["class_id"]] = files
        yield folder / "documents.jsonl", b"".join(record + b"\n" for record in self.records)
        (created,) = self.rows("SELECT created FROM projects WHERE id = ?", self.info.key)
        project = {
            "format": FORMAT,
            "made_by": f"spacy-tagtog {__version__}",
            "owner": self.info.owner,
            "project": self.info.name,
            "created": created["created"],
            "settings": _without_secrets(self.info.export()),
            "members": read_members(self.connection, self.info.key),
            "dictionaries": dictionaries,
        }
        # The last file: an archive without it is none.
        yield folder / "project.json", json.dumps(project, ensure_ascii=False, indent=2).encode()


def dictionary_file(class_id: str, number: int) -> str:
    """The name of a file of a dictionary: a line per entry, a JSON list of its id and its names."""
    return f"dictionaries/{class_id}/{number}.jsonl"


def file_name(docid: str) -> str:
    """The name of an original within the archive. Its own name is in the record."""
    return base64.b32encode(hashlib.sha256(docid.encode()).digest()[:20]).decode().lower()


def export_project(
    database: Database,
    owner: str,
    project: str,
    target: Path,
    *,
    query: str = "*",
    force: bool = False,
    progress: Progress = silent,
) -> Archived:
    """Write a project with everything that belongs to it into a folder or zip.

    Args:
        database: The database.
        owner: The project's owner.
        project: The project's name.
        target: The folder, or a file ending with ``.zip``.
        query: Which documents.
        force: Replace the target if it exists.
        progress: Shows how far it is.

    Raises:
        LocalServerError: There is no such project, the query isn't legal, or it finds nothing.
        SpacyTagtogError: The target exists, or can't be written.
    """
    with database.reading() as connection, damage_looked_for(connection, database.path):
        info = read_project(connection, owner, project)
        keys = list(find_all(connection, info, query))
        if not keys and query != "*":
            raise LocalServerError(
                "the query finds no document",
                value=query,
                legal="a query that finds at least one",
                advice=f"try {setting('query', '*')}",
            )
        export = _Export(connection, info, keys)
        write_project(
            export.documents(progress), target, legend=info.legend, force=force, extra=export.extra()
        )
    if info.settings.get("webhooks") and _without_secrets(info.settings) != info.settings:
        export.counts.notes.append("the passwords of webhooks are left out")
    return export.counts
