"""One document: its content and all versions of its annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.ann_json import Annotations
from spacy_tagtog.anndoc.legend import Legend
from spacy_tagtog.anndoc.plain_html import Part, PlainHtml
from spacy_tagtog.errors import DuplicateDocumentError

MASTER = "master"
"""The name of the ground-truth version, beside the versions of members."""


class Versions(Mapping[str, Annotations]):
    """The versions of a document's annotations, by ``"master"`` or member name. Each is read on first use."""

    def __init__(self, versions: Mapping[str, Annotations | Callable[[], Annotations]]) -> None:
        self._versions = dict(versions)

    def __getitem__(self, member: str) -> Annotations:
        version = self._versions[member]
        if not isinstance(version, Annotations):
            version = self._versions[member] = version()
        return version

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def __repr__(self) -> str:
        return f"Versions({', '.join(self._versions)})"


class Document:
    """A tagtog document.

    Args:
        doc_id: Its id: the base name of its files.
        html: Its content.
        versions: Its annotations by ``"master"`` or member name; may be empty for a document that nobody
            annotated.
        folder: The tagtog folder it is in, such as ``pool`` or ``pool/train``.
        legend: The names of the project's classes.
    """

    def __init__(
        self,
        doc_id: str,
        html: PlainHtml,
        versions: Mapping[str, Annotations | Callable[[], Annotations]] | None = None,
        *,
        folder: str = "pool",
        legend: Legend | None = None,
    ) -> None:
        self.id = doc_id
        self.html = html
        self.versions = Versions(versions or {})
        self.folder = folder
        self.legend = legend if legend is not None else Legend()

    @property
    def parts(self) -> dict[str, Part]:
        """The parts of the content in document order, by id."""
        return self.html.parts

    @property
    def text(self) -> str:
        """The texts of all parts, divided by an empty line."""
        return self.html.text

    @property
    def annotations(self) -> Annotations:
        """The master version; empty annotations where there is none."""
        return self.version(MASTER)

    def version(self, member: str) -> Annotations:
        """A member's version; empty, unconfirmed annotations where there is none (as tagtog answers)."""
        return self.versions[member] if member in self.versions else Annotations.empty(list(self.parts))

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts.values())

    def __len__(self) -> int:
        """The number of parts."""
        return len(self.parts)

    def __repr__(self) -> str:
        # Files are read only now, and may be broken: a debugger must show the document all the same.
        try:
            parts = counted(len(self), "part")
        except Exception:
            parts = "unreadable content"
        versions = ", ".join(self._version_repr(member) for member in self.versions)
        return f"<Document {self.id!r} in {self.folder}: {parts}, {versions or 'not annotated'}>"

    def _version_repr(self, member: str) -> str:
        try:
            annotations = self.versions[member]
        except Exception:
            return f"{member}: unreadable"
        return f"{member}: {counted(len(annotations), 'entity')}{' ✓' if annotations.complete else ''}"


def each_once(documents: Iterable[Document]) -> Iterator[Document]:
    """Go through documents, and make sure that none comes twice.

    Raises:
        DuplicateDocumentError: One does.
    """
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DuplicateDocumentError(
                "one document comes twice", value=document.id, legal="each document once"
            )
        seen.add(document.id)
        yield document
