"""Calls that import documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER, Document
from spacy_tagtog.anndoc.document import each_once
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import DOCUMENTS, Calls
from spacy_tagtog.client._http import Fields
from spacy_tagtog.client.models import IMPORT_ANSWER, ImportedItem
from spacy_tagtog.errors import ConfigurationError, ProjectError, RejectedError

TextFormat = Literal["verbatim", "formatted", "markdown"]
_IdType = Literal["PMID", "PMCID"]
_T = TypeVar("_T")

MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""About the largest request of a batch: proxies in front of servers refuse large bodies."""
_MAX_FILES: Final = 20
"""At most this many files per request."""


@dataclass(frozen=True)
class FilePair:
    """The two files of a document, as they are uploaded."""

    doc_id: str
    html: bytes
    ann_json: bytes

    @classmethod
    def of(cls, document: Document, member: str) -> FilePair:
        """The files of a document with the version of a member."""
        return cls(document.id, document.html.data, document.version(member).dumps().encode("utf-8"))

    def __len__(self) -> int:
        return len(self.html) + len(self.ann_json)


class UploadCalls(Calls):
    """Documents that are sent to tagtog."""

    def upload_text(
        self,
        text: str,
        *,
        folder: str = "pool",
        text_format: TextFormat = "verbatim",
        filename: str | None = None,
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Import a text as a new document.

        Args:
            text: The text.
            folder: The folder it is put into.
            text_format: ``verbatim``, ``formatted`` or ``markdown``.
            filename: What to call it; tagtog's default is ``text.txt``.
            distribute_to: To whom it is assigned: ``-`` as the project says, ``""`` nobody, ``*`` all
                members, or names separated by commas.

        Raises:
            ClientError: The call failed, or the answer doesn't name one document. After a lost answer it
                isn't repeated.
            ConfigurationError: The text isn't valid Unicode.
        """
        params = {"format": text_format, **({} if filename is None else {"filename": filename})}
        return self._import(params, 1, folder=folder, distribute_to=distribute_to, data={"text": text})

    def upload_url(
        self, url: str, *, folder: str = "pool", distribute_to: str | None = None
    ) -> list[ImportedItem]:
        """Have tagtog import a web page. The local tagtog refuses: it has no network.

        Raises:
            ClientError: The call failed, or the answer doesn't name one document. After a lost answer it
                isn't repeated.
        """
        return self._import({"url": url}, 1, folder=folder, distribute_to=distribute_to)

    def upload_ids(
        self,
        ids: Sequence[str],
        *,
        id_type: _IdType = "PMID",
        folder: str = "pool",
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Have tagtog import articles of PubMed or PubMed Central.

        The local tagtog refuses: it has no network.

        Args:
            ids: Such as ``23596191``.
            id_type: ``PMID`` or ``PMCID``.
            folder: The folder they are put into.
            distribute_to: As in :meth:`upload_text`.

        Raises:
            ConfigurationError: There is no id, or no such kind of ids.
            ClientError: The call failed, or the answer doesn't name each document. After a lost answer it
                isn't repeated.
        """
        choose("id_type", id_type, _IdType)
        if not ids or not all(one and "," not in one for one in ids):
            raise ConfigurationError(
                "nothing says which articles to import",
                value=",".join(ids),
                legal="one id or more, without commas",
            )
        return self._import(
            {"idType": id_type, "ids": ",".join(ids)}, len(ids), folder=folder, distribute_to=distribute_to
        )

    def upload_files(
        self,
        paths: Sequence[Path],
        *,
        folder: str = "pool",
        text_format: str | None = None,
        member: str = MASTER,
        distribute_to: str | None = None,
    ) -> list[ImportedItem]:
        """Import files as new documents.

        Args:
            paths: Files of types that tagtog reads (txt, pdf, md, html…). With a pre-annotated format, each
                with its ``.ann.json``.
            folder: The folder they are put into.
            text_format: How tagtog reads them; by default by file name. ``default-plus-annjson``,
                ``verbatim-plus-annjson``, ``formatted-plus-annjson`` and ``anndoc`` take annotations along.
            member: Whose annotations they are.
            distribute_to: As in :meth:`upload_text`.

        Raises:
            ClientError: The call failed, or the answer doesn't name each document. Files of earlier requests
                have been imported. After a lost answer it isn't repeated;
                :func:`spacy_tagtog.client.upload` looks what is there, and repeats.
            ConfigurationError: Two files have the same name, or annotations have no content beside them.
            ProjectError: A file can't be read.
        """
        files = [Path(path) for path in paths]
        names = [path.name for path in files]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ConfigurationError(
                "two files have the same name",
                value=twice[0],
                legal="names that differ",
                advice="upload them one after the other",
            )
        documents = (
            _with_annotations(files)
            if text_format is not None and (text_format == "anndoc" or text_format.endswith("-annjson"))
            else None
        )
        params: dict[str, str | int] = {"member": member} if documents is not None else {}
        if text_format is not None:
            params["format"] = text_format
        contents = (
            [(path.name, _content(path)) for path in group]
            for group in (documents if documents is not None else [[path] for path in files])
        )
        items: list[ImportedItem] = []
        for batch in _groups(contents, _MAX_FILES, lambda pair: sum(len(content) for _, content in pair)):
            form = [("file", one) for pair in batch for one in pair]
            items += self._import(params, len(batch), folder=folder, distribute_to=distribute_to, files=form)
        return items

    def overwrite_documents(
        self,
        documents: Iterable[Document],
        *,
        member: str = MASTER,
        batch_size: int = 20,
        distribute_to: str | None = None,
    ) -> Iterator[ImportedItem]:
        """Upload documents with annotations, and overwrite whatever is there, confirmed annotations too.

        It looks at nothing in tagtog first. :func:`spacy_tagtog.client.push` is the safe way: it compares
        each document with tagtog's, translates class ids by name, keeps what people confirmed, and can be
        repeated.

        Args:
            documents: What to upload. They are read as they are sent.
            member: Whose version it becomes, and which version of the documents is sent.
            batch_size: At most this many documents per request. All documents of a request go to one folder.
            distribute_to: As in :meth:`upload_text`.

        Yields:
            What became of each document, as soon as its batch is answered.

        Raises:
            DuplicateDocumentError: A document comes twice.
            ClientError: The call failed, or the answer doesn't name each document of the batch exactly once.
                After a lost answer it isn't repeated; :func:`spacy_tagtog.client.push` looks what is there,
                and repeats.
        """
        if batch_size < 1:
            raise ConfigurationError("the batch size is too small", value=batch_size, legal="1 or more")
        waiting: dict[str, list[FilePair]] = {}
        for document in each_once(documents):
            pair = FilePair.of(document, member)
            batch = waiting.setdefault(document.folder, [])
            if batch and sum(map(len, batch)) + len(pair) > MAX_BATCH_BYTES:
                yield from self._send_batch(batch, document.folder, member, distribute_to).values()
                batch.clear()
            batch.append(pair)
            if len(batch) == batch_size:
                yield from self._send_batch(batch, document.folder, member, distribute_to).values()
                batch.clear()
        for folder, batch in waiting.items():
            if batch:
                yield from self._send_batch(batch, folder, member, distribute_to).values()

    def _send_batch(
        self,
        batch: Sequence[FilePair],
        folder: str,
        member: str,
        distribute_to: str | None = None,
        *,
        keep_reviewed: bool = False,
    ) -> dict[str, ImportedItem]:
        """Send pairs of files in one request.

        Args:
            batch: The documents.
            folder: The folder of new documents.
            member: Whose version it becomes.
            distribute_to: As in :meth:`upload_text`.
            keep_reviewed: Ask the server to leave alone what people confirmed, or decided at a page since the
                annotations were fetched. The local tagtog does; tagtog itself doesn't know this field.

        Returns:
            What became of the documents, by the ids that they were given with, in the order of the answer.
        """
        files = []
        for pair in batch:
            files.append(("file", (f"{pair.doc_id}.plain.html", pair.html, "text/html")))
            files.append(("file", (f"{pair.doc_id}.ann.json", pair.ann_json, "application/json")))

        def read(answer: Answer, items: list[ImportedItem]) -> dict[str, ImportedItem]:
            missing = {pair.doc_id for pair in batch}
            named: dict[str, ImportedItem] = {}
            for item in items:
                match = next((doc_id for doc_id in _possible_ids(item) if doc_id in missing), None)
                if match is None:
                    raise answer.unexpected(
                        "tagtog's answer names a document that wasn't pushed, or names one twice",
                        value=item.doc_id,
                        legal="each pushed document once",
                        advice="look in tagtog at what became of these documents, then push again",
                    )
                missing.remove(match)
                named[match] = item
            return named

        params = {
            "format": "anndoc",
            "member": member,
            **({"keepReviewed": "true"} if keep_reviewed else {}),
        }
        return self._imported(
            params, len(batch), read, folder=folder, distribute_to=distribute_to, files=files
        )

    def _import(
        self, params: Fields, expected: int, *, folder: str, distribute_to: str | None, **body: Any
    ) -> list[ImportedItem]:
        return self._imported(
            params, expected, lambda _, items: items, folder=folder, distribute_to=distribute_to, **body
        )

    def _imported(
        self,
        params: Fields,
        expected: int,
        read: Callable[[Answer, list[ImportedItem]], _T],
        *,
        folder: str,
        distribute_to: str | None,
        **body: Any,
    ) -> _T:
        """Import documents.

        Args:
            params: The query.
            expected: The number of documents sent.
            read: Turns the answer and its items into the result.
            folder: The folder of new documents.
            distribute_to: As in :meth:`upload_text`.
            **body: ``data`` or ``files`` of requests.
        """

        def checked(answer: Answer) -> _T:
            data = answer.json(IMPORT_ANSWER, "the result of an import")
            if data.get("errors"):
                raise RejectedError(
                    f"tagtog could not import {data['errors']} of {counted(expected, 'document')}",
                    status=answer.status,
                    place=answer.place,
                    value=self._http.secrets.said(
                        json.dumps(data.get("warnings") or [], ensure_ascii=False).encode("utf-8", "replace")
                    ),
                    advice="correct what tagtog complains about; the others have been imported",
                )
            items = []
            for raw in data["items"]:
                doc_id = raw.get("tagtogID") or raw.get("docid")
                if not doc_id:
                    raise answer.unexpected(
                        "tagtog's answer has a document without an id", value=raw, legal="docid or tagtogID"
                    )
                items.append(ImportedItem(doc_id, raw["result"], raw.get("origid") or "", raw))
            if len(items) != expected:
                named = counted(len(items), "document")
                raise answer.unexpected(
                    f"tagtog's answer names {named}, not the {expected} sent",
                    legal="each pushed document once",
                )
            return read(answer, items)

        fields: dict[str, str | int] = {**params, "output": "null", "folder": folder}
        if distribute_to is not None:
            fields["distributeToMembers"] = distribute_to
        return self._http.call("POST", DOCUMENTS, fields, read=checked, **body)


def _possible_ids(item: ImportedItem) -> list[str | None]:
    """The ids by which a document of an answer may have been sent.

    tagtog may give a new document another id. The file names say which one it was.
    """
    names = [
        name.removesuffix(".plain.html").removesuffix(".ann.json")
        for key in ("filenames", "names")
        for name in item.raw.get(key) or ()
    ]
    return [item.doc_id, item.raw.get("docid"), *names, item.origid]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(
            f"a file can't be read: {error.strerror or error}",
            place=path,
            advice="check the path and the permissions",
        ) from error


def _groups(items: Iterable[_T], most: int, size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Items in groups of at most ``most``, and of at most MAX_BATCH_BYTES unless a single one is larger."""
    group: list[_T] = []
    weight = 0
    for item in items:
        if group and (len(group) == most or weight + size(item) > MAX_BATCH_BYTES):
            yield group
            group, weight = [], 0
        group.append(item)
        weight += size(item)
    if group:
        yield group


def _with_annotations(paths: Sequence[Path]) -> list[list[Path]]:
    """Each content file with the annotations of the same base name, in the order of the contents."""
    suffix = ".ann.json"
    annotations = {path.name.removesuffix(suffix): path for path in paths if path.name.endswith(suffix)}
    pairs = []
    for path in paths:
        if path.name.endswith(suffix):
            continue
        base = (
            path.name.removesuffix(".plain.html")
            if path.name.endswith(".plain.html")
            else path.name.rpartition(".")[0] or path.name
        )
        pairs.append([path, annotations.pop(base)] if base in annotations else [path])
    odd = [*annotations.values(), *(pair[0] for pair in pairs if len(pair) == 1)]
    if odd:
        raise ConfigurationError(
            "a file has no partner of the same base name",
            value=odd[0].name,
            legal="pairs: NAME.plain.html, NAME.txt… with NAME.ann.json",
        )
    return pairs
