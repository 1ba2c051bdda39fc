"""Upload annotations, without overwriting what people confirmed.

The contract of :func:`push`:

- Labels are compared by name, never by the number that a class has in another project.
- Each document is looked at in tagtog just before it is sent.
- A batch whose answer gets lost is looked for before it is sent again.
- Sending the same documents again changes nothing.

So a push that was killed at any moment is resumed by running it again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Literal

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER, Document, Legend, Project
from spacy_tagtog.anndoc.document import each_once
from spacy_tagtog.client._labels import check_labels
from spacy_tagtog.client._lookup import BEGUN, CONFIRMED, Look, Lookup
from spacy_tagtog.client._parallel import Workers, workers
from spacy_tagtog.client._uploads import MAX_BATCH_BYTES, FilePair
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.client.models import ImportedItem
from spacy_tagtog.errors import ClientError, ConfigurationError, RejectedError

_MEANWHILE = "it was confirmed in tagtog meanwhile"
_TRIES: Final = 4
"""A batch whose answer doesn't come is sent at most this many times."""
_IDS_PER_SEARCH: Final = 40
"""At most this many documents are asked for in one search, so that its address doesn't get too long."""


@dataclass
class PushReport:
    """What a push did, or with ``dry_run`` would do.

    ``created``, ``updated`` and ``unchanged`` hold the ids that tagtog has the documents by. In a dry run,
    documents that would be new have the ids that they were given with.

    Attributes:
        created: New documents.
        updated: Documents whose annotations were replaced.
        unchanged: Documents whose annotations are in tagtog already.
        refused: The documents that were not sent: (the id that it was given with, why).
        ids: The id in tagtog of each document of the first three, by the id that it was given with.
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
    progress: Progress = silent,
) -> PushReport:
    """Upload documents with one version of their annotations, and keep what people confirmed.

    It looks at each document in tagtog first, and can be repeated.
    :meth:`TagtogClient.overwrite_documents <spacy_tagtog.client.TagtogClient.overwrite_documents>` doesn't
    look, and overwrites whatever is there. At most ``client.threads`` calls run at once.

    Class ids are translated by name where the documents' legend differs from the project's. If the documents
    have no legend, their class ids are taken to be the project's.

    Args:
        client: The project.
        documents: What to upload. A :class:`Project` is read twice, anything else is held in memory: all
            labels are checked first.
        member: Which version is uploaded, and whose version it becomes.
        batch_size: At most this many documents per request.
        distribute_to: To whom new documents are assigned: ``-`` as the project says, ``""`` nobody, ``*`` all
            members, or names separated by commas.
        folder: Into which folder a document goes if it is new, such as ``pool/review``; by default the one
            that the document names. Documents that tagtog has already stay where they are: tagtog can't be
            told to move them.
        in_order: Send one batch after the other, so that new documents are created in the order given. tagtog
            lists them in that order.
        force: Overwrite confirmed annotations, too.
        dry_run: Send nothing; only say what would be done.
        progress: Shows the progress through the documents.

    Returns:
        What was done.

    Raises:
        LegendError: A label isn't one of the project's. Nothing has been sent.
        DuplicateDocumentError: A document comes twice. Nothing has been sent.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense. The exception's attribute
            ``report`` is the :class:`PushReport` up to there; pushing the same documents again goes on.
    """
    run = _Push(client, member, batch_size, distribute_to, force, dry_run, folder, in_order)
    try:
        run.run(documents if isinstance(documents, Project) else list(documents), progress)
    except BaseException as error:
        error.report = run.report  # type: ignore[attr-defined]
        raise
    return run.report


@dataclass
class _Result:
    """What became of a document.

    Attributes:
        what: In one word.
        doc_id: Its id in tagtog; of a refused one, the id that it was given with.
        why: In words, if it was refused.
    """

    what: Literal["created", "updated", "unchanged", "refused", "kept"]
    doc_id: str
    why: str = ""


_Results = dict[str, _Result]
"""What became of documents, by the ids that they were given with."""
_Batch = list[tuple[Document, Look]]


class _Push:
    """One run."""

    lookup: Lookup

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
        self.under_way: deque[Future[_Results]] = deque()
        self.halfway: list[_Results] = []

    def run(self, documents: Project | list[Document], progress: Progress) -> None:
        legend = self.client.legend()
        self.lookup = Lookup(self.client, legend, member=self.member, force=self.force)
        total = 0
        for total, document in enumerate(each_once(documents), 1):  # noqa: B007
            if self.member in document.versions:
                check_labels(document, self.member, legend)
        try:
            with workers(self.client.threads) as pool:
                for _ in progress(self.steps(pool, documents), total):
                    pass
        except BaseException:
            # What was sent meanwhile counts.
            for future in self.under_way:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self.count(future.result())
            for results in self.halfway:
                self.count(results)
            raise

    def steps(self, pool: Workers[Document], documents: Project | list[Document]) -> Iterator[Document]:
        """Look at documents, and send them in batches of one folder each; several calls run at once.

        Yields:
            Each document when it has been looked at.
        """
        batches: dict[str, _Batch] = {}
        for document, look in pool.map(self.lookup.look, documents):
            if look.what == "unchanged":
                self.count({document.id: _Result("unchanged", look.doc_id)})
            elif look.what == "refused":
                self.count({document.id: _Result("refused", document.id, look.why)})
            elif self.dry_run:
                would = _Result("updated", look.doc_id) if look.exists else _Result("created", document.id)
                self.count({document.id: would})
            else:
                folder = document.folder if self.folder is None else self.folder(document)
                if self.in_order and batches and folder not in batches:
                    self.start(pool, batches, next(iter(batches)))
                batch = batches.setdefault(folder, [])
                if batch and sum(_size(one) for one, _ in batch) + _size(document) > MAX_BATCH_BYTES:
                    self.start(pool, batches, folder)
                    batch = batches.setdefault(folder, [])
                batch.append((document, look))
                if len(batch) == self.batch_size:
                    self.start(pool, batches, folder)
            yield document
        for folder in list(batches):
            self.start(pool, batches, folder)
        self.collect(0)

    def start(self, pool: Workers[Document], batches: dict[str, _Batch], folder: str) -> None:
        """Have the batch of a folder sent; wait for earlier ones if too many are under way."""
        batch = batches.pop(folder)
        if self.in_order:
            self.collect(0)
        self.under_way.append(pool.submit(lambda: self.send(batch, folder)))
        self.collect(pool.number)

    def collect(self, most: int) -> None:
        """Wait until at most ``most`` batches are under way."""
        while len(self.under_way) > most:
            self.count(self.under_way[0].result())
            self.under_way.popleft()

    def count(self, results: _Results) -> None:
        """Report what became of documents."""
        for given, result in results.items():
            if result.what == "refused":
                self.report.refused.append((result.doc_id, result.why))
            else:
                {
                    "created": self.report.created,
                    "updated": self.report.updated,
                    "unchanged": self.report.unchanged,
                }[result.what].append(result.doc_id)
                self.report.ids[given] = result.doc_id

    # ---- in one of several threads

    def send(self, batch: _Batch, folder: str) -> _Results:
        """Send documents into one folder in one request.

        If the answer doesn't come, tagtog may have stored all of them, or none. So they are looked at again:
        what is there now was stored, unless it is what was there before. The rest is sent again, unless
        people confirmed it meanwhile.

        Returns:
            What became of each document, in the order given.
        """
        results: _Results = {}
        try:
            self.make_folder(folder)
            self.send_what_is_open(batch, folder, results)
        except BaseException:
            # What is known of some documents by now stays true.
            with self.lock:
                self.halfway.append(results)
            raise
        return {document.id: results[document.id] for document, _ in batch}

    def send_what_is_open(self, batch: _Batch, folder: str, results: _Results) -> None:
        """Send documents until it is known of each what became of it."""
        waiting = batch
        for number in range(1, _TRIES + 1):
            if not self.force:
                waiting = self.still_open(waiting, results)
            if not waiting:
                return
            pairs = [
                FilePair.of(_ready(document, self.member, look, self.lookup.legend), self.member)
                for document, look in waiting
            ]
            try:
                items = self.client._send_batch(
                    pairs, folder, self.member, self.distribute_to, keep_reviewed=not self.force
                )
            except ClientError as error:
                if not error.uncertain or number == _TRIES:
                    raise
                waiting = self.not_stored(waiting, results)
            else:
                self.note_answer(waiting, items, results, repeated=number > 1)
                return

    def not_stored(self, batch: _Batch, results: _Results) -> _Batch:
        """After a lost answer: note what tagtog has stored, or what somebody confirmed; give the rest."""
        self.lookup.forget(document for document, _ in batch)
        unsent = []
        for document, before in batch:
            now = self.lookup.look(document)
            if now.what == "unchanged":
                results[document.id] = _Result("updated" if before.exists else "created", now.doc_id)
            elif now.what == "refused":
                results[document.id] = _Result("refused", document.id, now.why)
            else:
                look = Look("send", exists=before.exists, doc_id=now.doc_id, annotations=now.annotations)
                unsent.append((document, look))
        return unsent

    def note_answer(
        self,
        batch: _Batch,
        items: Mapping[str, ImportedItem],
        results: _Results,
        *,
        repeated: bool,
    ) -> None:
        """Note what tagtog's answer says of a batch."""
        for document, before in batch:
            item = items[document.id]
            if item.result == "kept":
                # Somebody confirmed it since it was looked at, or is reviewing it. Or this request did: if it
                # came twice, or if what it sends is confirmed.
                self.lookup.forget([document])
                now = self.lookup.look(document)
                results[document.id] = (
                    _Result("updated" if before.exists else "created", now.doc_id)
                    if now.what == "unchanged"
                    else _Result("refused", document.id, CONFIRMED if now.what == "refused" else BEGUN)
                )
            elif item.result == "updated" and repeated and not before.exists:
                # After a lost answer, tagtog's "updated" may mean its own first try.
                results[document.id] = _Result("created", item.doc_id)
            else:
                results[document.id] = _Result(item.result, item.doc_id)

    def still_open(self, batch: _Batch, results: _Results) -> _Batch:
        """Ask once more whether people confirmed documents since they were looked at.

        A batch may have taken long to fill, so this is asked just before it is sent, in one call for many
        documents. A gap remains between this answer and the request that follows: tagtog can't be told to
        keep what is confirmed. The local tagtog can, and is.

        Returns:
            The documents that are not confirmed.
        """
        ids = [look.doc_id for _, look in batch if look.exists]
        confirmed: set[str] = set()
        for start in range(0, len(ids), _IDS_PER_SEARCH):
            asked = ids[start : start + _IDS_PER_SEARCH]
            try:
                for hit in self.client.search(" OR ".join(f'docid:"{doc_id}"' for doc_id in asked)):
                    if hit.anncomplete if self.member == MASTER else self.member in hit.members_anncomplete:
                        confirmed.add(hit.id)
            except RejectedError:  # a tagtog that doesn't understand the query
                confirmed.update(doc_id for doc_id in asked if self.lookup.is_confirmed(doc_id))
        for document, look in batch:
            if look.doc_id in confirmed:
                results[document.id] = _Result("refused", document.id, _MEANWHILE)
        return [(document, look) for document, look in batch if look.doc_id not in confirmed]

    def make_folder(self, folder: str) -> None:
        if folder == "pool":
            return
        with self.lock:
            if self.folders is None:
                self.folders = set(self.client.folders())
            if folder not in self.folders:
                self.client.add_folder(folder)
                self.folders.add(folder)


def _ready(document: Document, member: str, look: Look, legend: Legend) -> Document:
    """A document as it is to be sent."""
    assert look.annotations is not None
    return Document(
        document.id, document.html, {member: look.annotations}, folder=document.folder, legend=legend
    )


def _size(document: Document) -> int:
    # About the size of both files. The annotations may be a few times smaller or larger than the content; it
    # is enough that no request gets many times too large.
    return len(document.html.data) * 2
