"""What tagtog has of a document that is to be pushed, and so what is to be done with it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from spacy_tagtog.anndoc import Annotations, Document, Legend, PlainHtml
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.client._labels import translated
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.errors import NotFoundError

CONFIRMED = "it is confirmed in tagtog"
BEGUN = "people are reviewing it in tagtog: this would undo what they decided"
_NO_ANNOTATIONS = "it has no annotations here, but some in tagtog"


@dataclass
class Look:
    """What tagtog has of a document, and what is to be done.

    Attributes:
        what: ``send``, or why not.
        why: In words, if it is refused.
        exists: Whether tagtog has the document.
        doc_id: The id that tagtog has it by; empty where it has it not, or where it is refused.
        annotations: What is to be sent, with the project's class ids.
    """

    what: Literal["send", "unchanged", "refused"]
    why: str = ""
    exists: bool = False
    doc_id: str = ""
    annotations: Annotations | None = None


class Lookup:
    """Looks at documents in tagtog. Several threads may use it at once.

    Args:
        client: The project.
        legend: The project's legend.
        member: Whose version is compared.
        force: Confirmed annotations are to be overwritten, too.
    """

    def __init__(self, client: TagtogClient, legend: Legend, *, member: str, force: bool) -> None:
        self.legend = legend
        self._client = client
        self._member = member
        self._force = force
        # Original file name → what the documents of that name hold → their ids.
        self._named: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def look(self, document: Document) -> Look:
        """What is to be done with a document."""
        annotations = translated(document.version(self._member), document, self.legend)
        doc_id, there = self._there(document)
        if doc_id is None:
            return Look("send", annotations=annotations)
        unchanged = Look("unchanged", exists=True, doc_id=doc_id)
        if self._member not in document.versions:
            # An empty version would delete what is there, and nobody asked for that.
            return unchanged if there is None or _is_empty(there) else Look("refused", _NO_ANNOTATIONS)
        if there is not None:
            if _same(_content(annotations), _content(there)):
                return unchanged
            if there.complete and not self._force:
                return Look("refused", CONFIRMED)
        return Look("send", exists=True, doc_id=doc_id, annotations=annotations)

    def is_confirmed(self, doc_id: str) -> bool:
        """Whether the member's version of a document is confirmed in tagtog."""
        try:
            there = self._client.own_annotations(doc_id, member=self._member)
        except NotFoundError:
            return False
        return there is not None and there.complete

    def forget(self, documents: Iterable[Document]) -> None:
        """Look anew the next time: what tagtog has under these names may have changed."""
        with self._lock:
            for document in documents:
                self._named.pop(document.html.origid or document.id, None)

    def _there(self, document: Document) -> tuple[str | None, Annotations | None]:
        """The id that tagtog has a document by, if it has it, and the version there."""
        for doc_id in self._candidates(document):
            try:
                return doc_id, self._client.own_annotations(doc_id, member=self._member)
            except NotFoundError:
                continue
        return None, None

    def _candidates(self, document: Document) -> Iterator[str]:
        """The ids by which tagtog may know a document.

        It goes by the file name, by the id in the content, and by original name and content.
        """
        yield document.id
        claimed = document.html.id
        if claimed is not None and claimed != document.id and is_document_id(claimed):
            yield claimed
        if not is_document_id(document.id):
            # A foreign name can't be an id: tagtog gives such a document one of its own.
            filename = document.html.origid or document.id
            with self._lock:
                if filename not in self._named:
                    self._named[filename] = self._of_name(filename)
                known = self._named[filename].get(content_fingerprint(document.html))
            if known is not None:
                yield known

    def _of_name(self, filename: str) -> dict[str, str]:
        found = {}
        for hit in self._client.search(same_name_query(filename)):
            if hit.filename == filename:
                # A document that is deleted at this moment isn't there any more.
                with suppress(NotFoundError):
                    found[content_fingerprint(PlainHtml(self._client.plain_html(hit.id)))] = hit.id
        return found


def same_name_query(filename: str) -> str:
    """A search for the documents of an original file name."""
    return 'filename:"' + filename.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_empty(annotations: Annotations) -> bool:
    return not (
        annotations.complete or any(annotations.data.get(key) for key in ("entities", "metas", "relations"))
    )


def _content(annotations: Annotations) -> dict[str, Any]:
    """Without ``annotatable``, which tagtog fills in."""
    return {key: value for key, value in annotations.data.items() if key != "annotatable"}


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON. For Python, ``true`` and ``1`` are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
