"""Upload annotations, without overwriting what people confirmed.

The contract of :func:`push`: labels are compared by name, never by the number that a class has in another project; each document is looked
at in tagtog just before it is sent; and sending the same documents again changes nothing.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, PlainHtml, Project, is_document_id
from spacy_tagtog.anndoc.legend import Prefix
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.errors import ConfigurationError, DuplicateDocumentError, LegendError, NotFoundError

__all__ = ["Progress", "PushReport", "push"]

Progress = Callable[[Iterable[Document], int], Iterable[Document]]
"""Wraps the documents, whose number is given, and gives them back one by one, as tqdm does."""

_CONFIRMED = "it is confirmed in tagtog"
_NOTHING = "it has no annotations here, but some in tagtog"


@dataclass
class PushReport:
    """What a push did, or with ``dry_run`` would do.

    Attributes:
        created: The ids of new documents, as tagtog names them.
        updated: The ids of documents whose annotations were replaced.
        unchanged: The ids of documents whose annotations are in tagtog already.
        refused: The documents that were not sent: (id, why).
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def push(
    client: TagtogClient,
    documents: Iterable[Document] | Project,
    *,
    member: str = MASTER,
    batch_size: int = 20,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PushReport:
    """Upload documents with one version of their annotations.

    Class ids are translated by name where the documents' legend differs from the project's. Where the documents have no legend, their class
    ids are taken to be the project's.

    Args:
        client: The project.
        documents: What to upload. A :class:`Project` is read twice, anything else is held in memory: all labels are checked first.
        member: Which version is uploaded, and whose version it becomes.
        batch_size: The most documents in one request.
        force: Overwrite confirmed annotations, too.
        dry_run: Send nothing; only say what would be done.
        progress: Shows the progress.

    Raises:
        LegendError: A label isn't one of the project's. Nothing has been sent.
        DuplicateDocumentError: A document comes twice. Nothing has been sent.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense. The exception's attribute ``report`` is the
            :class:`PushReport` up to there; pushing the same documents again goes on.
    """
    run = _Push(client, member, batch_size, force, dry_run)
    try:
        run.run(documents if isinstance(documents, Project) else list(documents), progress)
    except BaseException as error:
        error.report = run.report  # type: ignore[attr-defined]
        raise
    return run.report


class _Push:
    """One run."""

    def __init__(self, client: TagtogClient, member: str, batch_size: int, force: bool, dry_run: bool) -> None:
        if batch_size < 1:
            raise ConfigurationError("the batch size is too small", value=batch_size, legal="1 or more")
        self.client = client
        self.member = member
        self.batch_size = batch_size
        self.force = force
        self.dry_run = dry_run
        self.report = PushReport()
        self.folders: set[str] | None = None
        # Original file name → what the documents of that name hold → their ids.
        self.named: dict[str, dict[bytes, str]] = {}

    def run(self, documents: Project | list[Document], progress: Progress | None) -> None:
        legend = self.client.legend()
        seen: set[str] = set()
        for document in documents:
            if document.id in seen:
                raise DuplicateDocumentError("one document comes twice", value=document.id, legal="each document once")
            seen.add(document.id)
            if self.member in document.versions:
                _check_labels(document, self.member, legend)
        batch: list[Document] = []
        for document in documents if progress is None else progress(documents, len(seen)):
            prepared = self.prepared(document, legend)
            if prepared is not None:
                batch.append(prepared)
            if len(batch) == self.batch_size:
                self.send(batch)
                batch = []
        if batch:
            self.send(batch)

    def prepared(self, document: Document, legend: Legend) -> Document | None:
        """The document as it is to be sent, or ``None`` where it isn't."""
        annotations = _translated(document.version(self.member), document, legend)
        exists, there = self.there(document)
        if exists and self.member not in document.versions:
            # An empty version would delete what is there, and nobody asked for that.
            if there is None or _is_empty(there):
                self.report.unchanged.append(document.id)
            else:
                self.report.refused.append((document.id, _NOTHING))
            return None
        if there is not None:
            if _same(_content(annotations), _content(there)):
                self.report.unchanged.append(document.id)
                return None
            if there.complete and not self.force:
                self.report.refused.append((document.id, _CONFIRMED))
                return None
        if self.dry_run:
            (self.report.updated if exists else self.report.created).append(document.id)
            return None
        return Document(document.id, document.html, {self.member: annotations}, folder=document.folder, legend=legend)

    def there(self, document: Document) -> tuple[bool, Annotations | None]:
        """Whether tagtog has a document, and the version there."""
        for doc_id in self.candidates(document):
            try:
                return True, self.client.own_annotations(doc_id, member=self.member)
            except NotFoundError:
                continue
        return False, None

    def candidates(self, document: Document) -> Iterator[str]:
        """The ids by which tagtog may know a document: it goes by the file name, the id in the content, and original name with content."""
        yield document.id
        claimed = document.html.id
        if claimed is not None and claimed != document.id and is_document_id(claimed):
            yield claimed
        if not is_document_id(document.id):
            # A foreign name can't be an id: tagtog gives such a document one of its own.
            filename = document.html.origid or document.id
            if filename not in self.named:
                query = 'filename:"' + filename.replace("\\", "\\\\").replace('"', '\\"') + '"'
                self.named[filename] = {}
                for hit in self.client.search(query):
                    if hit.filename == filename:
                        # A document that is deleted at this moment isn't there any more.
                        with suppress(NotFoundError):
                            self.named[filename][_digest(PlainHtml(self.client.plain_html(hit.id)))] = hit.id
            known = self.named[filename].get(_digest(document.html))
            if known is not None:
                yield known

    def send(self, batch: list[Document]) -> None:
        for folder in sorted({document.folder for document in batch} - {"pool"}):
            if self.folders is None:
                self.folders = set(self.client.folders())
            if folder not in self.folders:
                self.client.add_folder(folder)
                self.folders.add(folder)
        for item in self.client.push(batch, member=self.member, batch_size=self.batch_size):
            (self.report.created if item.result == "created" else self.report.updated).append(item.doc_id)


def _digest(html: PlainHtml) -> bytes:
    """What tells contents apart: the texts of the parts. The markup around them may have been written anew."""
    return hashlib.sha256("\0".join(f"{part.id}\0{part.text}" for part in html.parts.values()).encode("utf-8", "surrogatepass")).digest()


def _is_empty(annotations: Annotations) -> bool:
    return not (annotations.complete or any(annotations.data.get(key) for key in ("entities", "metas", "relations")))


# ---- labels


def _class_ids(data: dict[str, Any]) -> Iterator[str]:
    """All class ids that an ann.json uses."""
    yield from data.get("metas") or {}
    for entity in data.get("entities") or []:
        yield entity["classId"]
        yield from entity.get("fields") or {}
        yield from entity.get("normalizations") or {}
    for relation in data.get("relations") or []:
        yield relation["classId"]
        for reference in relation["entities"]:
            pieces = reference.split("|")
            if len(pieces) == 3:
                yield pieces[1]


def _id_map(document: Document, annotations: Annotations, legend: Legend) -> dict[str, str]:
    """The project's class id for each class id that a version uses.

    Raises:
        LegendError: The project has no class of that kind and name.
    """
    place = annotations.place or document.id
    ids: dict[str, str] = {}
    for class_id in _class_ids(annotations.data):
        if class_id in ids:
            continue
        if not document.legend:
            if class_id not in legend:
                raise LegendError(
                    "the project has no class with this id, and the documents have no legend that says its name",
                    place=place,
                    value=class_id,
                    legal=", ".join(legend) or "(the project has no class at all)",
                    advice="put the annotations-legend.json beside the documents, or add the class in tagtog's settings",
                )
            ids[class_id] = class_id
        else:
            name = document.legend.name_of(class_id, place=place)
            ids[class_id] = legend.id_of(cast("Prefix", class_id[0]), name, place=place)
    return ids


def _check_labels(document: Document, member: str, legend: Legend) -> None:
    _id_map(document, document.version(member), legend)


def _translated(annotations: Annotations, document: Document, legend: Legend) -> Annotations:
    """The annotations with the project's class ids, everything else as it was."""
    ids = _id_map(document, annotations, legend)
    if all(old == new for old, new in ids.items()):
        return annotations
    data = copy.deepcopy(annotations.data)
    if data.get("metas"):
        data["metas"] = {ids[key]: value for key, value in data["metas"].items()}
    for entity in data.get("entities") or []:
        entity["classId"] = ids[entity["classId"]]
        for kind in ("fields", "normalizations"):
            if entity.get(kind):
                entity[kind] = {ids[key]: value for key, value in entity[kind].items()}
    for relation in data.get("relations") or []:
        relation["classId"] = ids[relation["classId"]]
        relation["entities"] = [_reference(reference, ids) for reference in relation["entities"]]
    return Annotations(data, place=annotations.place)


def _reference(reference: str, ids: dict[str, str]) -> str:
    """``part|e_N|start,end`` with the project's class id. The older ``part|start,end`` has none."""
    pieces = reference.split("|")
    if len(pieces) == 3:
        pieces[1] = ids[pieces[1]]
    return "|".join(pieces)


# ---- comparing


def _content(annotations: Annotations) -> dict[str, Any]:
    """Without ``annotatable``, which tagtog fills in."""
    return {key: value for key, value in annotations.data.items() if key != "annotatable"}


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON. Python's own comparison takes ``true`` and ``1`` for equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
