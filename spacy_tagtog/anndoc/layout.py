"""Which file of a project is what: tagtog's download layout, and a flat folder."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from spacy_tagtog._unicode import SURROGATES, has_surrogate
from spacy_tagtog.anndoc.document import MASTER
from spacy_tagtog.anndoc.legend import LEGEND_NAME, Legend
from spacy_tagtog.anndoc.project_files import Names, Source, folder_sources, zip_sources
from spacy_tagtog.errors import (
    AnndocError,
    DuplicateDocumentError,
    LegendError,
    MissingPartnerError,
    ProjectError,
    setting,
)

# Longest first: "X.plain.html" also ends with ".html".
_HTML_SUFFIXES = (".plain.html", ".html", ".xml")
_ANN_SUFFIXES = (".ann.json", ".ann.json.gz")
GUIDELINES_NAME: Final = "guidelines.md"
"""The file of a project that says what is annotated."""
NOT_IN_NAMES: Final = re.compile(rf"[/\\\0{SURROGATES}]")
"""What no name of a file may hold."""


@dataclass
class Entry:
    """Where the files of one document are."""

    html: Source | None = None
    folder: str = "pool"
    versions: dict[str, Source] = field(default_factory=dict)


class Layout:
    """Where the files of each document are, and what doesn't belong together.

    Args:
        path: The folder or zip.
        strict: Raise what is wrong; else collect it in :attr:`problems`.

    Attributes:
        entries: Document id to its files.
        problems: What was set aside.
    """

    def __init__(self, path: Path, *, strict: bool) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.problems: list[AnndocError] = []
        self._strict = strict
        self._legends: list[tuple[Names, Source]] = []

    def read(self) -> None:
        """Look at the names of all files, and at no file.

        Raises:
            ProjectError: There is no document, the path doesn't exist, or the zip is broken.
            MissingPartnerError: An ann.json has no plain.html (strict).
            DuplicateDocumentError: Two files claim to be the same (strict).
        """
        is_folder, sources = _sources(self.path)
        # A zip of a folder begins every name with that folder's, which isn't a folder of the project.
        in_one_folder = not is_folder and len({names[:1] for names, _ in sources}) == 1
        for names, source in sources:
            self._add(names, source, in_one_folder=in_one_folder)
        for doc_id in [doc_id for doc_id, entry in self.entries.items() if entry.html is None]:
            orphan = self.entries.pop(doc_id)
            self._problem(
                MissingPartnerError(
                    "an ann.json has no plain.html",
                    place=next(iter(orphan.versions.values())).place,
                    value=doc_id,
                    legal=f"{doc_id}.plain.html beside it or in the folder plain.html",
                    advice="fetch the document again, or remove the ann.json; "
                    f"{setting('on_problem', 'report')} leaves it out and lists it",
                )
            )
        # A query that finds nothing leaves the layout without a document in it: that is a project, an empty
        # one.
        if not self.entries and not self.problems and not _has_layout(self.path, is_folder=is_folder):
            raise ProjectError(
                "there is no tagtog document here",
                place=self.path,
                legal="files NAME.plain.html with NAME.ann.json, in tagtog's download layout or side by side",
                advice="check the path; spacy-tagtog fetch writes such a folder",
            )

    def legend(self) -> Legend:
        """The project's own legend; an empty one if there is none.

        Raises:
            LegendError: It can't be read.
        """
        if not self._legends:
            return Legend()
        # The one nearest to the root is the project's own.
        _, source = min(self._legends, key=lambda item: (len(item[0]), item[0]))
        try:
            return Legend.parse(source.read(), place=source.place)
        except ProjectError as error:
            raise LegendError(
                error.problem.replace("a file", "the legend", 1), place=error.place, advice=error.advice
            ) from error

    def _problem(self, error: AnndocError) -> None:
        if self._strict:
            raise error
        self.problems.append(error)

    def _add(self, names: Names, source: Source, *, in_one_folder: bool) -> None:
        if names[-1] == LEGEND_NAME:
            self._legends.append((names, source))
        elif _base_name(names[-1], (*_ANN_SUFFIXES, *_HTML_SUFFIXES)) is None:
            pass
        elif has_surrogate("/".join(names)):
            # Bytes of a name that aren't UTF-8 become half characters, which neither JSON nor a .spacy file
            # can hold.
            self._problem(
                ProjectError(
                    "a file's name isn't UTF-8",
                    place=self.path,
                    value=os.fsencode("/".join(names)).decode("utf-8", "backslashreplace"),
                    legal="names in UTF-8",
                    advice="rename the file",
                )
            )
        elif (doc_id := _base_name(names[-1], _ANN_SUFFIXES)) is not None:
            self._add_version(doc_id, names, source)
        elif (doc_id := _base_name(names[-1], _HTML_SUFFIXES)) is not None:
            self._add_content(doc_id, names, source, in_one_folder=in_one_folder)

    def _add_version(self, doc_id: str, names: Names, source: Source) -> None:
        member, folders = MASTER, _locate(names, "ann.json")
        if "ann.json" in names[:-1] and folders[:1] == ("members",) and len(folders) > 1:
            member = folders[1]
        entry = self.entries.setdefault(doc_id, Entry())
        if member in entry.versions:
            self._problem(_duplicate(doc_id, f"{member}'s annotations", entry.versions[member], source))
        else:
            entry.versions[member] = source

    def _add_content(self, doc_id: str, names: Names, source: Source, *, in_one_folder: bool) -> None:
        entry = self.entries.setdefault(doc_id, Entry())
        if entry.html is not None:
            self._problem(_duplicate(doc_id, "content", entry.html, source))
            return
        entry.html = source
        folders = _locate(names, "plain.html")
        if in_one_folder and "plain.html" not in names[:-1]:
            folders = folders[1:]
        entry.folder = tagtog_folder(folders)


def _sources(path: Path) -> tuple[bool, list[tuple[Names, Source]]]:
    """Whether a path is a folder, and the files in it or in the zip."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise ProjectError(
            f"this path can't be read: {error.strerror}",
            place=path,
            advice="check the path and its permissions",
        ) from error
    if is_folder:
        return True, list(folder_sources(path))
    if not exists:
        raise ProjectError(
            "there is nothing at this path",
            place=path,
            legal="a folder or zip of tagtog documents",
            advice="check the path",
        )
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return False, list(zip_sources(path))
    raise ProjectError(
        "this is neither a folder nor a zip",
        place=path,
        legal="a folder or zip of tagtog documents",
        advice="give the folder that the file is in",
    )


def _has_layout(path: Path, *, is_folder: bool) -> bool:
    """Whether a folder or zip has the folder for documents, though nothing may be in it."""
    if is_folder:
        return (path / "plain.html").is_dir()
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any(name.endswith("/plain.html/") and name.count("/") == 2 for name in names)


def read_legend(path: Path) -> Legend:
    """Read a legend that is given beside a project.

    Raises:
        LegendError: It can't be read.
    """
    try:
        return Legend.parse(path.read_bytes(), place=path)
    except OSError as error:
        raise LegendError(
            f"the legend can't be read: {error.strerror}", place=path, advice="check the path"
        ) from error


def read_guidelines(path: Path) -> str:
    """The guidelines of a project, as markdown: its file ``guidelines.md``. Empty where there is none.

    Args:
        path: The project: a folder or a zip.

    Raises:
        ProjectError: They can't be read.
    """
    _, sources = _sources(path)
    # A zip's names begin with that of the project's folder.
    found = [
        (len(names), source) for names, source in sources if names[-1] == GUIDELINES_NAME and len(names) < 3
    ]
    if not found:
        return ""
    _, source = min(found, key=lambda item: item[0])
    try:
        return source.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectError(
            "the guidelines aren't UTF-8",
            place=source.place,
            legal="text in UTF-8",
            advice="save them as UTF-8",
        ) from error


def _duplicate(doc_id: str, what: str, first: Source, second: Source) -> DuplicateDocumentError:
    return DuplicateDocumentError(
        f"two files hold the {what} of one document",
        place=second.place,
        value=doc_id,
        legal=f"one file; the other is {first.place}",
        advice="remove one of them",
    )


def _locate(names: Names, marker: str) -> Names:
    """The folders of a file below ``plain.html`` or ``ann.json``; in a flat layout, all its folders."""
    folders = names[:-1]
    if marker in folders:
        return folders[folders.index(marker) + 1 :]
    return folders


def tagtog_folder(folders: Names) -> str:
    """``pool/x`` for ``pool/x`` and for ``x``: every folder of a project is below ``pool``."""
    return "/".join(folders if folders[:1] == ("pool",) else ("pool", *folders))


def is_in_folder(folder: str, of: str) -> bool:
    """Whether a tagtog folder is another one or below it; the leading ``pool/`` of either may be left out."""
    inner, outer = (
        tagtog_folder(tuple(piece for piece in path.split("/") if piece)) for path in (folder, of)
    )
    return inner == outer or inner.startswith(f"{outer}/")


def _base_name(filename: str, suffixes: tuple[str, ...]) -> str | None:
    for suffix in suffixes:
        if filename.endswith(suffix) and len(filename) > len(suffix):
            return filename[: -len(suffix)]
    return None


def document_paths(
    doc_id: str, folder: str = "pool", member: str = MASTER
) -> tuple[PurePosixPath, PurePosixPath]:
    """Where the files of a document stand in tagtog's download layout.

    Args:
        doc_id: The document's id.
        folder: Its tagtog folder.
        member: ``master`` or a member's name.

    Returns:
        The relative paths of its plain.html and its ann.json.

    Raises:
        ProjectError: The id, folder or member would leave the project's folder.
    """
    for what, value, single in (
        ("document id", doc_id, True),
        ("folder", folder, False),
        ("member", member, True),
    ):
        pieces = [value] if single else value.split("/")
        if any(piece.startswith(".") or not piece or NOT_IN_NAMES.search(piece) for piece in pieces):
            raise ProjectError(
                f"this {what} can't be a file name",
                value=value,
                legal="text without slash and backslash that is not empty and doesn't begin with a dot",
            )
    version = PurePosixPath(MASTER) if member == MASTER else PurePosixPath("members", member)
    return (
        PurePosixPath("plain.html", folder, f"{doc_id}.plain.html"),
        PurePosixPath("ann.json", version, folder, f"{doc_id}.ann.json"),
    )
