"""A project: all documents in a folder or zip, read one at a time.

Three layouts are understood: tagtog's download (``plain.html/pool/…``, ``ann.json/master/pool/…``,
``ann.json/members/USER/pool/…``; public data sets leave ``master`` or ``pool`` out), and a flat folder with
both files of a document side by side. Both may be inside a zip.

Names that begin with a dot are passed over. In a folder, a symbolic link to a file is read like a file
wherever it points (data sets are often made of links); links to folders aren't followed. Links inside a zip
mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.ann_json import Annotations
from spacy_tagtog.anndoc.document import MASTER, Document
from spacy_tagtog.anndoc.layout import Entry, Layout, is_in_folder, read_legend
from spacy_tagtog.anndoc.legend import Legend
from spacy_tagtog.anndoc.plain_html import PlainHtml
from spacy_tagtog.anndoc.project_files import Source
from spacy_tagtog.errors import AnndocError, ProjectError


class _NoSuchDocumentError(ProjectError, KeyError):
    """A mapping raises KeyError."""

    __str__ = ProjectError.__str__


class Project:
    """The documents of a tagtog project.

    Iterating reads one document at a time, so a project may be larger than memory.

    >>> project = Project.open("my-project.zip")        # doctest: +SKIP
    >>> len(project), project.legend                    # doctest: +SKIP
    >>> project["aE7DVwx5pj.KxZtSadEce0HkNGk0-text"]    # doctest: +SKIP

    Args:
        entries: Where the files of each document are.
        legend: The names of its classes.
        place: What it was opened from.
        problems: What was set aside while opening.
        change: What is made of each document when it is read.
    """

    def __init__(
        self,
        entries: dict[str, Entry],
        *,
        legend: Legend,
        place: str,
        problems: list[AnndocError] | None = None,
        change: Callable[[Document], Document] | None = None,
    ) -> None:
        self._entries = entries
        self._change = change
        self.legend = legend
        self.place = place
        self.problems = problems or []
        """What was set aside while opening (only when opened with ``strict=False``)."""

    @classmethod
    def open(
        cls, path: Path | str, *, strict: bool = True, legend: Path | str | Legend | None = None
    ) -> Project:
        """Open a folder or zip.

        Args:
            path: A folder in tagtog's download layout, a flat folder, or a zip of either.
            strict: Raise on files that don't belong together; else set them aside and list them in
                :attr:`problems`.
            legend: A legend, or a file with one, to use in place of the project's own.

        Raises:
            ProjectError: There is no document, the path doesn't exist, or the zip is broken.
            MissingPartnerError: An ann.json has no plain.html (strict).
            DuplicateDocumentError: Two files claim to be the same (strict).
            LegendError: The project's own legend, or the one that was given, can't be read: without it
                nothing has a name.
        """
        layout = Layout(Path(path), strict=strict)
        layout.read()
        if legend is None:
            legend = layout.legend()
        elif not isinstance(legend, Legend):
            legend = read_legend(Path(legend))
        return cls(layout.entries, legend=legend, place=str(layout.path), problems=layout.problems)

    @property
    def ids(self) -> list[str]:
        """The ids of all documents, in order."""
        return list(self._entries)

    @property
    def members(self) -> list[str]:
        """Whose versions there are: ``master`` first, then the members by name."""
        names = {member for entry in self._entries.values() for member in entry.versions}
        return sorted(names, key=lambda name: (name != MASTER, name))

    @property
    def folders(self) -> list[str]:
        """The tagtog folders that documents are in, such as ``pool/train``."""
        return sorted({entry.folder for entry in self._entries.values()})

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, doc_id: object) -> bool:
        return doc_id in self._entries

    def __iter__(self) -> Iterator[Document]:
        return (self[doc_id] for doc_id in self._entries)

    def __getitem__(self, doc_id: str) -> Document:
        try:
            entry = self._entries[doc_id]
        except (KeyError, TypeError):
            raise _NoSuchDocumentError(
                "the project has no such document",
                place=self.place,
                value=doc_id,
                legal=f"one of its {counted(len(self), 'id')}, such as {self.ids[0]!r}"
                if len(self)
                else "none",
                advice="project.ids lists them; for document in project: goes through all",
            ) from None
        assert entry.html is not None  # Layout lets nothing else through
        html = PlainHtml(entry.html.read(), place=entry.html.place)
        document = Document(
            doc_id,
            html,
            {member: _reader(source) for member, source in entry.versions.items()},
            folder=entry.folder,
            legend=self.legend,
        )
        return document if self._change is None else self._change(document)

    def select(self, keep: Callable[[str], bool]) -> Project:
        """The project with only some of its documents; the problems stay.

        Args:
            keep: Says of a document's id whether it stays.
        """
        entries = {doc_id: entry for doc_id, entry in self._entries.items() if keep(doc_id)}
        return self._with(entries)

    def _with(
        self, entries: dict[str, Entry], change: Callable[[Document], Document] | None = None
    ) -> Project:
        return Project(
            entries,
            legend=self.legend,
            place=self.place,
            problems=list(self.problems),
            change=change or self._change,
        )

    def in_folders(self, folders: Iterable[str]) -> Project:
        """The project with only the documents of some tagtog folders and of folders below them.

        The problems stay.

        Args:
            folders: Paths such as ``pool/train``; the leading ``pool/`` may be left out.

        Raises:
            ProjectError: No document is in one of them.
        """
        chosen: set[str] = set()
        for folder in folders:
            found = {known for known in self.folders if is_in_folder(known, folder)}
            if not found:
                raise ProjectError(
                    "no document is in this folder",
                    place=self.place,
                    value=folder,
                    legal=", ".join(self.folders[:20]) + (" …" if len(self.folders) > 20 else ""),
                    advice="check the name; folders are those that the documents have in tagtog",
                )
            chosen |= found
        return self.select(lambda doc_id: self._entries[doc_id].folder in chosen)

    def arrange(self, ids: Iterable[str]) -> Project:
        """The project with only these of its documents, in this order; the problems stay.

        Args:
            ids: The ids of documents that it has.
        """
        return self._with({doc_id: self._entries[doc_id] for doc_id in ids})

    def changed(self, change: Callable[[Document], Document]) -> Project:
        """The project with something else in place of each document, made when the document is read.

        Args:
            change: Gives what stands in a document's place. Its id stays.
        """
        before = self._change
        return self._with(
            self._entries, change if before is None else lambda document: change(before(document))
        )

    def __repr__(self) -> str:
        members = ", ".join(self.members) or "nobody"
        counts = (
            f"{counted(len(self), 'document')}, versions of {members}, {counted(len(self.legend), 'class')}"
        )
        return f"<Project {self.place}: {counts}>"


def _reader(source: Source) -> Callable[[], Annotations]:
    return lambda: Annotations.parse(source.read(), place=source.place)
