"""Uploaded documents become stored ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from spacy_tagtog.anndoc import MASTER, Annotations, PlainHtml
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.anndoc.proposals import would_undo
from spacy_tagtog.server import clock
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.db.distribution import assign, to_members
from spacy_tagtog.server.db.documents import header, insert_document, touch, write_version
from spacy_tagtog.server.db.history import Author, keep_html
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.queue import enqueue
from spacy_tagtog.server.folder_paths import ROOT_FOLDER, Folder, check_name
from spacy_tagtog.server.imports.uploads import Upload
from spacy_tagtog.server.search.index import add_words, replace_text
from spacy_tagtog.server.settings import ProjectInfo, check_classes

_NOBODY = Author("")
_MAX_ID_BYTES = 240


@dataclass(frozen=True)
class Uploaded:
    """What became of an upload.

    Attributes:
        docid: The document's id.
        result: What was done.
        text_bytes: The length of its text in UTF-8.
        filename: Its file name.
    """

    docid: str
    result: Literal["created", "updated", "kept"]
    text_bytes: int
    filename: str = ""


def store_uploads(
    connection: sqlite3.Connection,
    owner: str,
    name: str,
    uploads: Sequence[Upload],
    *,
    member: str = MASTER,
    folder: str = ROOT_FOLDER,
    author: Author = _NOBODY,
    distribute: str = "-",
    keep_reviewed: bool = False,
) -> list[Uploaded]:
    """Store documents.

    Where it raises, the caller's transaction has to end with it, so that nothing is stored.

    Args:
        connection: The database, in a transaction that writes.
        owner: The project's owner.
        name: The project's name.
        uploads: The documents.
        member: Whose version their annotations become.
        folder: Index, path or name of the folder of new documents.
        author: Who uploads.
        distribute: Which members are to annotate the documents: see
            :func:`~spacy_tagtog.server.db.distribution.to_members`.
        keep_reviewed: Leave documents alone whose version of the member is confirmed, or was changed at a
            page in a way that the upload would undo; their result is ``kept``.

    Raises:
        SpacyTagtogError: A document, the folder or a class id isn't legal.
    """
    project = read_project(connection, owner, name)
    legend = project.legend
    target = project.folder(folder)
    for upload in uploads:
        if upload.annotations is not None:
            check_classes(upload.annotations, legend, place=upload.annotations.place)
    batch = _Batch(
        connection,
        project,
        target,
        member,
        author,
        to_members(connection, project.key, distribute),
        keep_reviewed,
    )
    uploaded = [batch.store(upload) for upload in uploads]
    add_words(connection, batch.words)
    return uploaded


@dataclass
class _Batch:
    """What the uploads of one request have in common.

    Attributes:
        connection: The database, in a transaction that writes.
        project: Where they go.
        folder: The folder of new documents.
        member: Whose version their annotations become.
        author: Who uploads.
        members: Who is to annotate them; ``None`` where the settings decide.
        keep_reviewed: Whether documents are left alone of which people reviewed the member's version.
        words: The words of the new documents, which the vocabulary gets at the end, once.
    """

    connection: sqlite3.Connection
    project: ProjectInfo
    folder: Folder
    member: str
    author: Author
    members: Sequence[str] | None
    keep_reviewed: bool
    words: set[str] = field(default_factory=set)

    def store(self, upload: Upload) -> Uploaded:
        fresh = upload.new_id(f"{self.project.owner}/{self.project.name}")
        row = self._find(upload, fresh)
        if row is not None:
            docid = row["docid"]
        else:
            docid = upload.base if upload.html is not None and is_document_id(upload.base) else fresh
        html = upload.render(docid)
        text_bytes = len(html.text.encode())
        if row is None:
            self._create(upload, docid, html)
            return Uploaded(docid, "created", text_bytes, upload.filename)
        if self.keep_reviewed and self._is_reviewed(row["id"], upload.annotations):
            return Uploaded(docid, "kept", text_bytes, row["filename"])
        self._update(upload, row, html)
        return Uploaded(docid, "updated", text_bytes, row["filename"])

    def _find(self, upload: Upload, fresh: str) -> sqlite3.Row | None:
        """The document that an upload replaces.

        By its base name, or else by the <html id>, or else by name and content.
        """
        candidates = {
            "project": self.project.key,
            "base": upload.base,
            "id": upload.html.id if upload.html is not None else None,
            "fresh": fresh,
        }
        row: sqlite3.Row | None = self.connection.execute(
            "SELECT d.id, d.docid, d.filename, c.html FROM documents AS d "
            "JOIN contents AS c ON c.document_id = d.id "
            "WHERE d.project_id = :project AND d.docid IN (:base, :id, :fresh) "
            "ORDER BY d.docid = :base DESC, d.docid = :id DESC LIMIT 1",
            candidates,
        ).fetchone()
        return row

    def _create(self, upload: Upload, docid: str, html: PlainHtml) -> None:
        # The name ends the id, and the id names files.
        check_name(docid, "document", longest=_MAX_ID_BYTES, place=upload.place)
        now = clock.now()
        key, words = insert_document(
            self.connection,
            self.project.key,
            self.folder.index,
            docid,
            upload.filename,
            html,
            None if upload.html is not None else upload.raw,
            upload.original_name,
            created=now,
            updated=now,
        )
        self.words |= words
        self._write_version(upload, key, html, now)
        self._assign(key, docid, is_new=True)
        enqueue(
            self.connection,
            self.project.key,
            self.project.settings,
            key,
            docid,
            member=self.member,
            status="created",
            author=self.author,
            now=now,
        )

    def _update(self, upload: Upload, row: sqlite3.Row, html: PlainHtml) -> None:
        now = clock.now()
        changed = self._update_content(upload, row, html)
        changed |= self._write_version(upload, row["id"], html, now)
        self._assign(row["id"], row["docid"], is_new=False)
        if changed:
            touch(self.connection, self.project, row["id"], now, member=self.member, author=self.author)

    def _write_version(self, upload: Upload, key: int, html: PlainHtml, now: int) -> bool:
        if upload.annotations is None:
            return False
        return write_version(
            self.connection,
            key,
            self.member,
            upload.annotations,
            list(html.parts),
            author=self.author,
            action="uploaded",
            now=now,
        )

    def _assign(self, key: int, docid: str, *, is_new: bool) -> None:
        assign(
            self.connection,
            self.project.key,
            self.project.settings,
            key,
            docid,
            self.members,
            is_new=is_new,
        )

    def _is_reviewed(self, key: int, new: Annotations | None) -> bool:
        """Whether the member's version is confirmed, or has decisions made at a page that would be undone."""
        now = self.connection.execute(
            "SELECT complete, data FROM version_contents WHERE document_id = ? AND member = ?",
            (key, self.member),
        ).fetchone()
        if now is None or now["complete"] or new is None:
            return now is not None and bool(now["complete"])
        # What programs saved last is what people at the page began with.
        latest, before = self.connection.execute(
            "SELECT max(id), (SELECT b.data FROM history AS o JOIN blobs AS b ON b.id = o.blob_id "
            "WHERE o.document_id = :key AND o.member = :member AND o.source <> 'GUI' "
            "ORDER BY o.id DESC LIMIT 1) FROM history "
            "WHERE document_id = :key AND member = :member AND source = 'GUI' AND id > "
            "(SELECT coalesce(max(id), 0) FROM history "
            "WHERE document_id = :key AND member = :member AND source <> 'GUI')",
            {"key": key, "member": self.member},
        ).fetchone()
        if latest is None:
            return False
        began = Annotations.empty() if before is None else Annotations.parse(before)
        return would_undo(began, Annotations.parse(now["data"]), new)

    def _update_content(self, upload: Upload, row: sqlite3.Row, html: PlainHtml) -> bool:
        """Take over a changed content. It must not pull the text from under the annotations of others."""
        if html.data == row["html"]:
            return False
        key, old = row["id"], PlainHtml(row["html"])
        if _texts(old) != _texts(html):
            self._check_nobody_else_annotates(upload, key)
        elif upload.html is None:  # made from the text just now: not the user's own bytes
            return False
        keep_html(self.connection, key, row["html"])
        replace_text(self.connection, key, old.text, html.text)
        self.connection.execute(
            "UPDATE contents SET html = ?, text = ?, original = ?, original_name = ? WHERE document_id = ?",
            (
                html.data,
                html.text,
                None if upload.html is not None else upload.raw,
                upload.original_name,
                key,
            ),
        )
        self.connection.execute("UPDATE documents SET header = ? WHERE id = ?", (header(html), key))
        return True

    def _check_nobody_else_annotates(self, upload: Upload, key: int) -> None:
        rows = self.connection.execute(
            "SELECT member FROM versions WHERE document_id = ? AND member <> ? ORDER BY member",
            (key, self.member),
        )
        others = [row["member"] for row in rows]
        if not others and upload.annotations is not None:
            return
        raise RequestError(
            400,
            "the text differs from that of the stored document",
            place=upload.place,
            value=f"annotated by {', '.join(others)}" if others else "no annotations for the changed text",
            legal="the text that the document has" if others else "an ann.json for the changed text, too",
            advice="download its plain.html and annotate that, or delete the document first",
        )


def _texts(html: PlainHtml) -> list[tuple[str, str]]:
    return [(part.id, part.text) for part in html.parts.values()]
