"""Upload annotations, without overwriting what people confirmed.

The contract of :func:`push`: labels are compared by name, never by the number that a class has in another project; each document is looked
at in tagtog just before it is sent; a batch whose answer gets lost is looked for before it is sent again; and sending the same documents again
changes nothing. So a push that was killed at any moment is resumed by running it again.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, PlainHtml, Project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.anndoc.legend import Prefix
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.client._parallel import Workers, workers
from spacy_tagtog.client.api import MAX_BATCH_BYTES, Pair, TagtogClient
from spacy_tagtog.errors import (
    ClientError,
    ConfigurationError,
    DuplicateDocumentError,
    LegendError,
    NotFoundError,
    RejectedError,
)

Progress = Callable[[Iterable[Document], int], Iterable[Document]]
"""Wraps the documents, whose number is given, and gives them back one by one, as tqdm does."""

_CONFIRMED = "it is confirmed in tagtog"
_MEANWHILE = "it was confirmed in tagtog meanwhile"
_NOTHING = "it has no annotations here, but some in tagtog"
_TRIES: Final = 4
"""How often a batch is sent whose answer doesn't come."""
_ASKED: Final = 40
"""So many documents are asked for in one search: of the addresses of its calls, none gets too long."""


@dataclass
class PushReport:
    """What a push did, or with ``dry_run`` would do.

    Attributes:
        created: The ids of new documents, as tagtog names them.
        updated: The ids of documents whose annotations were replaced.
        unchanged: The ids of documents whose annotations are in tagtog already.
        refused: The documents that were not sent: (id, why).
        ids: The id in tagtog of each document that is there now, by the id that it was given with.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict, compare=False)


def push(
    client: TagtogClient,
    documents: Iterable[Document] | Project,
    *,
    member: str = MASTER,
    batch_size: int = 20,
    distribute_to: str | None = None,
    folder: Callable[[Document], str] | None = None,
    in_order: bool = False,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PushReport:
    """Upload documents with one version of their annotations, with ``client.threads`` calls at once.

    Class ids are translated by name where the documents' legend differs from the project's. Where the documents have no legend, their class
    ids are taken to be the project's.

    Args:
        client: The project.
        documents: What to upload. A :class:`Project` is read twice, anything else is held in memory: all labels are checked first.
        member: Which version is uploaded, and whose version it becomes.
        batch_size: The most documents in one request.
        distribute_to: To whom new documents are assigned: ``-`` as the project says, ``""`` nobody, ``*`` all members, or names with commas
            between.
        folder: Into which folder a document goes if it is new, such as ``pool/review``; by default the one that the document names. One that
            tagtog has already stays where it is: tagtog can't be told to move it.
        in_order: Send one batch after the other, so that new documents are created in the order given, in which tagtog lists them.
        force: Overwrite confirmed annotations, too.
        dry_run: Send nothing; only say what would be done.
        progress: Shows the progress.

    Raises:
        LegendError: A label isn't one of the project's. Nothing has been sent.
        DuplicateDocumentError: A document comes twice. Nothing has been sent.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense. The exception's attribute ``report`` is the
            :class:`PushReport` up to there; pushing the same documents again goes on.
    """
    run = _Push(client, member, batch_size, distribute_to, force, dry_run, folder, in_order)
    try:
        run.run(documents if isinstance(documents, Project) else list(documents), progress)
    except BaseException as error:
        error.report = run.report  # type: ignore[attr-defined]
        raise
    return run.report


@dataclass
class _Look:
    """What tagtog has of a document, and what is to be done.

    Attributes:
        what: ``send``, or why not.
        why: In words, where it is refused.
        exists: Whether tagtog has the document.
        doc_id: The id that tagtog has it by, where it has it.
        annotations: What is to be sent, with the project's class ids.
    """

    what: Literal["send", "unchanged", "refused"]
    why: str = ""
    exists: bool = False
    doc_id: str = ""
    annotations: Annotations | None = None


class _Push:
    """One run."""

    def __init__(
        self,
        client: TagtogClient,
        member: str,
        batch_size: int,
        distribute_to: str | None,
        force: bool,
        dry_run: bool,
        folder: Callable[[Document], str] | None,
        in_order: bool,
    ) -> None:
        if batch_size < 1:
            raise ConfigurationError("the batch size is too small", value=batch_size, legal="1 or more")
        self.client = client
        self.member = member
        self.batch_size = batch_size
        self.distribute_to = distribute_to
        self.force = force
        self.dry_run = dry_run
        self.folder = folder
        self.in_order = in_order
        self.report = PushReport()
        self.folders: set[str] | None = None
        self.lock = threading.Lock()
        # Original file name → what the documents of that name hold → their ids.
        self.named: dict[str, dict[str, str]] = {}
        self.under_way: deque[Future[list[tuple[str, str, str]]]] = deque()

    def run(self, documents: Project | list[Document], progress: Progress | None) -> None:
        legend = self.client.legend()
        seen: set[str] = set()
        for document in documents:
            if document.id in seen:
                raise DuplicateDocumentError(
                    "one document comes twice", value=document.id, legal="each document once"
                )
            seen.add(document.id)
            if self.member in document.versions:
                _check_labels(document, self.member, legend)
        try:
            with workers(self.client.threads) as pool:
                steps = self.steps(pool, documents, legend)
                for _ in progress(steps, len(seen)) if progress is not None else steps:
                    pass
        except BaseException:
            # What was sent meanwhile counts.
            for future in self.under_way:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self.count(future.result())
            raise

    def steps(
        self, pool: Workers[Document], documents: Project | list[Document], legend: Legend
    ) -> Iterator[Document]:
        """Look at documents and send them in batches of one folder each, several calls at once; give each document when it is looked at."""
        batches: dict[str, list[tuple[Document, _Look]]] = {}
        for document, look in pool.map(lambda document: self.look(document, legend), documents):
            if look.what == "unchanged":
                self.report.unchanged.append(document.id)
                self.report.ids[document.id] = look.doc_id or document.id
            elif look.what == "refused":
                self.report.refused.append((document.id, look.why))
            elif self.dry_run:
                (self.report.updated if look.exists else self.report.created).append(document.id)
                self.report.ids[document.id] = look.doc_id or document.id
            else:
                folder = document.folder if self.folder is None else self.folder(document)
                if self.in_order and batches and folder not in batches:
                    self.start(pool, batches, next(iter(batches)), legend)
                batch = batches.setdefault(folder, [])
                if batch and sum(_size(one) for one, _ in batch) + _size(document) > MAX_BATCH_BYTES:
                    self.start(pool, batches, folder, legend)
                    batch = batches.setdefault(folder, [])
                batch.append((document, look))
                if len(batch) == self.batch_size:
                    self.start(pool, batches, folder, legend)
            yield document
        for folder in list(batches):
            self.start(pool, batches, folder, legend)
        self.collect(0)

    def start(
        self,
        pool: Workers[Document],
        batches: dict[str, list[tuple[Document, _Look]]],
        folder: str,
        legend: Legend,
    ) -> None:
        """Have the batch of a folder sent; wait for earlier ones where too many are under way."""
        batch = batches.pop(folder)
        if self.in_order:
            self.collect(0)
        self.under_way.append(pool.submit(lambda: self.send(batch, folder, legend)))
        self.collect(pool.number)

    def collect(self, most: int) -> None:
        """Wait until no more than so many batches are under way."""
        while len(self.under_way) > most:
            self.count(self.under_way[0].result())
            self.under_way.popleft()

    def count(self, results: list[tuple[str, str, str]]) -> None:
        for doc_id, what, why in results:
            if what == "refused":
                self.report.refused.append((doc_id, why))
            else:
                {
                    "created": self.report.created,
                    "updated": self.report.updated,
                    "unchanged": self.report.unchanged,
                }[what].append(doc_id)

    # ---- in one of several threads

    def look(self, document: Document, legend: Legend) -> _Look:
        """What is to be done with a document."""
        annotations = _translated(document.version(self.member), document, legend)
        doc_id, there = self.there(document)
        exists = doc_id is not None
        if exists and self.member not in document.versions:
            # An empty version would delete what is there, and nobody asked for that.
            return _Look("unchanged") if there is None or _is_empty(there) else _Look("refused", _NOTHING)
        if there is not None:
            if _same(_content(annotations), _content(there)):
                return _Look("unchanged", exists=True, doc_id=doc_id or "")
            if there.complete and not self.force:
                return _Look("refused", _CONFIRMED)
        return _Look("send", exists=exists, doc_id=doc_id or "", annotations=annotations)

    def there(self, document: Document) -> tuple[str | None, Annotations | None]:
        """The id that tagtog has a document by, if it has it, and the version there."""
        for doc_id in self.candidates(document):
            try:
                return doc_id, self.client.own_annotations(doc_id, member=self.member)
            except NotFoundError:
                continue
        return None, None

    def candidates(self, document: Document) -> Iterator[str]:
        """The ids by which tagtog may know a document: it goes by the file name, the id in the content, and original name with content."""
        yield document.id
        claimed = document.html.id
        if claimed is not None and claimed != document.id and is_document_id(claimed):
            yield claimed
        if not is_document_id(document.id):
            # A foreign name can't be an id: tagtog gives such a document one of its own.
            filename = document.html.origid or document.id
            with self.lock:
                if filename not in self.named:
                    self.named[filename] = self.of_name(filename)
                known = self.named[filename].get(content_fingerprint(document.html))
            if known is not None:
                yield known

    def of_name(self, filename: str) -> dict[str, str]:
        found = {}
        for hit in self.client.search(same_name_query(filename)):
            if hit.filename == filename:
                # A document that is deleted at this moment isn't there any more.
                with suppress(NotFoundError):
                    found[content_fingerprint(PlainHtml(self.client.plain_html(hit.id)))] = hit.id
        return found

    def send(
        self, batch: list[tuple[Document, _Look]], folder: str, legend: Legend
    ) -> list[tuple[str, str, str]]:
        """Send documents into one folder in one request; give (id, what became of it, why) of each, in order.

        Where the answer doesn't come, tagtog may have stored all of them, or none. So they are looked at again: what is there now was stored,
        unless it is what was there before; the rest is sent again, unless people confirmed it meanwhile.
        """
        self.make_folder(folder)
        results: dict[str, tuple[str, str, str]] = {}
        waiting = batch
        for number in range(1, _TRIES + 1):
            if not self.force:
                waiting = self.still_open(waiting, results)
                if not waiting:
                    break
            try:
                items = self.client._push_batch(
                    [
                        Pair.of(_ready(document, self.member, look, legend), self.member)
                        for document, look in waiting
                    ],
                    folder,
                    self.member,
                    self.distribute_to,
                    keep_confirmed=not self.force,
                )
            except ClientError as error:
                if not error.uncertain or number == _TRIES:
                    raise
                self.forget(document for document, _ in waiting)
                unsent = []
                for document, before in waiting:
                    now = self.look(document, legend)
                    if now.what == "unchanged":
                        results[document.id] = (now.doc_id, "updated" if before.exists else "created", "")
                    elif now.what == "refused":
                        results[document.id] = (document.id, "refused", now.why)
                    else:
                        unsent.append(
                            (
                                document,
                                _Look(
                                    "send",
                                    exists=before.exists,
                                    doc_id=now.doc_id,
                                    annotations=now.annotations,
                                ),
                            )
                        )
                waiting = unsent
                if not waiting:
                    break
            else:
                for document, before in waiting:
                    item = items[document.id]
                    if item.result == "kept":
                        # Confirmed since it was looked at; by this request itself, where it came twice, or where what is sent is confirmed.
                        self.forget([document])
                        now = self.look(document, legend)
                        if now.what == "unchanged":
                            results[document.id] = (
                                now.doc_id or document.id,
                                "updated" if before.exists else "created",
                                "",
                            )
                        else:
                            results[document.id] = (document.id, "refused", _CONFIRMED)
                        continue
                    # After a lost answer, tagtog's "updated" may mean its own first try.
                    results[document.id] = (
                        item.doc_id,
                        "created"
                        if item.result == "updated" and number > 1 and not before.exists
                        else item.result,
                        "",
                    )
                break
        with self.lock:
            self.report.ids.update(
                {
                    document.id: results[document.id][0]
                    for document, _ in batch
                    if results[document.id][1] != "refused"
                }
            )
        return [results[document.id] for document, _ in batch]

    def still_open(
        self, batch: list[tuple[Document, _Look]], results: dict[str, tuple[str, str, str]]
    ) -> list[tuple[Document, _Look]]:
        """Ask once more, in one call for many documents, whether people confirmed one since it was looked at: its batch may have taken long to fill.

        Between this answer and tagtog's own work on the request that follows lies the gap that tagtog leaves: it can't be told to keep what is
        confirmed. The local tagtog can, and is.
        """
        ids = [look.doc_id for _, look in batch if look.exists]
        confirmed: set[str] = set()
        for start in range(0, len(ids), _ASKED):
            asked = ids[start : start + _ASKED]
            try:
                for hit in self.client.search(" OR ".join(f'docid:"{doc_id}"' for doc_id in asked)):
                    if hit.anncomplete if self.member == MASTER else self.member in hit.members_anncomplete:
                        confirmed.add(hit.id)
            except RejectedError:  # a tagtog that doesn't understand the query
                confirmed.update(doc_id for doc_id in asked if self.is_confirmed(doc_id))
        results.update(
            {
                document.id: (document.id, "refused", _MEANWHILE)
                for document, look in batch
                if look.doc_id in confirmed
            }
        )
        return [(document, look) for document, look in batch if look.doc_id not in confirmed]

    def is_confirmed(self, doc_id: str) -> bool:
        try:
            there = self.client.own_annotations(doc_id, member=self.member)
        except NotFoundError:
            return False
        return there is not None and there.complete

    def forget(self, documents: Iterable[Document]) -> None:
        """What tagtog has under these names may have changed."""
        with self.lock:
            for document in documents:
                self.named.pop(document.html.origid or document.id, None)

    def make_folder(self, folder: str) -> None:
        if folder == "pool":
            return
        with self.lock:
            if self.folders is None:
                self.folders = set(self.client.folders())
            if folder not in self.folders:
                self.client.add_folder(folder)
                self.folders.add(folder)


def _ready(document: Document, member: str, look: _Look, legend: Legend) -> Document:
    """A document as it is to be sent."""
    assert look.annotations is not None
    return Document(
        document.id, document.html, {member: look.annotations}, folder=document.folder, legend=legend
    )


def _size(document: Document) -> int:
    # The annotations are a few times smaller or larger; what counts is that a request isn't many times too large.
    return len(document.html.data) * 2


def same_name_query(filename: str) -> str:
    """A search for the documents of an original file name."""
    return 'filename:"' + filename.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_empty(annotations: Annotations) -> bool:
    return not (
        annotations.complete or any(annotations.data.get(key) for key in ("entities", "metas", "relations"))
    )


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
