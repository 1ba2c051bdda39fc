"""A project: all documents in a folder or zip, read one at a time.

Three layouts are understood: tagtog's download (``plain.html/pool/…``, ``ann.json/master/pool/…``, ``ann.json/members/USER/pool/…``; public data
sets leave ``master`` or ``pool`` out), and a flat folder with both files of a document side by side. Both may be inside a zip.

Names that begin with a dot are passed over. In a folder, a symbolic link to a file is read like a file wherever it points (data sets are often
made of links); links to folders aren't followed. Links inside a zip mean nothing.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from spacy_tagtog._files import atomic_folder, atomic_path, check_free
from spacy_tagtog._plural import counted
from spacy_tagtog._unicode import SURROGATES, has_surrogate
from spacy_tagtog.anndoc.ann_json import Annotations
from spacy_tagtog.anndoc.document import MASTER, Document
from spacy_tagtog.anndoc.legend import LEGEND_NAME, Legend
from spacy_tagtog.anndoc.plain_html import PlainHtml
from spacy_tagtog.errors import (
    AnndocError,
    DuplicateDocumentError,
    LegendError,
    MissingPartnerError,
    ProjectError,
    WriteError,
)

# Longest first: "X.plain.html" also ends with ".html".
_HTML_SUFFIXES = (".plain.html", ".html", ".xml")
_ANN_SUFFIXES = (".ann.json", ".ann.json.gz")
_NOT_IN_NAMES = re.compile(rf"[/\\\0{SURROGATES}]")
_MAX_NAME_BYTES = 65535
"""What the field for it in a zip can hold."""
_MAX_FILE_BYTES = 32 * 1024 * 1024
"""No file of a project is larger; what claims to be is a zip bomb or not a document. It is five million words, of which spaCy makes gigabytes."""


# zipfile meets hostile bytes with all of these.
_READ_ERRORS = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    AssertionError,
)


class _TooLargeError(ValueError):
    """A file is larger than any file of a project."""


@dataclass
class _Source:
    """One file, in a folder or in a zip."""

    place: str
    read_raw: Callable[[], bytes]

    def read(self) -> bytes:
        try:
            data = self.read_raw()
            return _gunzip(data) if self.place.endswith(".gz") else data
        except _READ_ERRORS as error:
            raise ProjectError(
                f"a file can't be read: {getattr(error, 'strerror', None) or str(error) or 'it ends too early'}",
                place=self.place,
                advice="leave it out, or split it"
                if isinstance(error, _TooLargeError)
                else "check permissions, or copy the data again",
            ) from error


def _gunzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise _TooLargeError(f"it unpacks to more than {_MAX_FILE_BYTES} bytes")
    return content


def _read_file(path: str) -> bytes:
    # There are two for each document: open() and pathlib make twice as many calls of the system.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(file).st_size
        if size > _MAX_FILE_BYTES:
            raise _TooLargeError(f"it has {size} bytes, more than {_MAX_FILE_BYTES}")
        data = os.read(file, size + 1)
        while len(data) != size:  # it grows or shrinks just now, or has no size
            more = os.read(file, _MAX_FILE_BYTES)
            data += more
            if not more:
                break
            if len(data) > _MAX_FILE_BYTES:
                raise _TooLargeError(f"it has more than {_MAX_FILE_BYTES} bytes")
        return data
    finally:
        os.close(file)


@dataclass
class _Entry:
    """Where the files of one document are."""

    html: _Source | None = None
    folder: str = "pool"
    versions: dict[str, _Source] = field(default_factory=dict)


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
    """

    def __init__(
        self,
        entries: dict[str, _Entry],
        *,
        legend: Legend,
        place: str,
        problems: list[AnndocError] | None = None,
    ) -> None:
        self._entries = entries
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
            strict: Raise on files that don't belong together; else set them aside and list them in :attr:`problems`.
            legend: A legend, or a file with one, to use in place of the project's own.

        Raises:
            ProjectError: There is no document, the path doesn't exist, or the zip is broken.
            MissingPartnerError: An ann.json has no plain.html (strict).
            DuplicateDocumentError: Two files claim to be the same (strict).
            LegendError: The project's own legend, or the one that was given, can't be read: without it nothing has a name.
        """
        return read_project(
            Path(path), strict=strict, legend=Path(legend) if isinstance(legend, str) else legend
        )

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
        entry = self._entries[doc_id]
        assert entry.html is not None  # read_project lets nothing else through
        html = PlainHtml(entry.html.read(), place=entry.html.place)
        return Document(
            doc_id,
            html,
            {member: _reader(source) for member, source in entry.versions.items()},
            folder=entry.folder,
            legend=self.legend,
        )

    def select(self, keep: Callable[[str], bool]) -> Project:
        """The project with only some of its documents; the problems stay.

        Args:
            keep: Says of a document's id whether it stays.
        """
        entries = {doc_id: entry for doc_id, entry in self._entries.items() if keep(doc_id)}
        return Project(entries, legend=self.legend, place=self.place, problems=list(self.problems))

    def in_folders(self, folders: Iterable[str]) -> Project:
        """The project with only the documents of some tagtog folders and of those below them; the problems stay.

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
        return Project(
            {doc_id: self._entries[doc_id] for doc_id in ids},
            legend=self.legend,
            place=self.place,
            problems=list(self.problems),
        )

    def __repr__(self) -> str:
        members = ", ".join(self.members) or "nobody"
        return f"<Project {self.place}: {counted(len(self), 'document')}, versions of {members}, {counted(len(self.legend), 'class')}>"


def _reader(source: _Source) -> Callable[[], Annotations]:
    return lambda: Annotations.parse(source.read(), place=source.place)


_Names = tuple[str, ...]
"""The pieces of a relative path."""


def _may_be_document(entry: os.DirEntry[str]) -> bool:
    try:
        # A link that points nowhere stays: that its file is missing is worth an error. Pipes and devices are no documents.
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True  # reading it will say what is wrong


def _folder_sources(root: Path) -> Iterator[tuple[_Names, _Source]]:
    found: list[tuple[_Names, str]] = []
    folders: list[tuple[_Names, str]] = [((), str(root))]
    while folders:
        above, folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # Temporary files of an interrupted write, and what an operating system leaves behind, begin with a dot.
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(((*above, entry.name), entry.path))
                    elif _may_be_document(entry):
                        found.append(((*above, entry.name), entry.path))
        except OSError as error:
            raise ProjectError(
                f"a folder can't be read: {error.strerror}", place=error.filename, advice="check permissions"
            ) from error
    found.sort()
    for names, path in found:
        yield names, _Source(path, partial(_read_file, path))


class _Archive:
    """A zip that is open in this process, and in each that is forked from it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self.members = self._archive.infolist()

    def _open(self) -> None:
        self._archive = zipfile.ZipFile(self._path)
        self._process = os.getpid()

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        if os.getpid() != self._process:
            self._open()  # a file that two processes read has one place for both
        return self._archive.open(info)


def _zip_sources(path: Path) -> Iterator[tuple[_Names, _Source]]:
    try:
        archive = _Archive(path)
    except _READ_ERRORS as error:
        raise ProjectError(
            f"the zip is broken: {getattr(error, 'strerror', None) or error}",
            place=path,
            legal="a whole zip file",
            advice="download it again",
        ) from error

    def reader(info: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            if info.file_size > _MAX_FILE_BYTES:
                raise _TooLargeError(f"it unpacks to {info.file_size} bytes, more than {_MAX_FILE_BYTES}")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("it is packed in another way than deflate, which can't be limited")
            with archive.open(info) as file:
                # With a size, no more is unpacked than asked for, whatever the file says of itself.
                data = file.read(info.file_size + 1)
            if len(data) != info.file_size:
                raise EOFError("it ends too early")
            return data

        return read

    for info in sorted(archive.members, key=lambda info: info.filename):
        name = PurePosixPath(info.filename)
        place = f"{path}!{info.filename}"
        # Nothing is ever unpacked to disk under these names, but a document from such an archive must not be trusted either.
        if (
            name.is_absolute()
            or ".." in name.parts
            or "\\" in info.orig_filename
            or "\0" in info.orig_filename
        ):
            raise ProjectError(
                "a name in the zip points outside of it",
                place=place,
                legal="relative names with /, without ..",
                advice="don't trust this file",
            )
        # ZipInfo.is_dir() fails on an empty name before Python 3.12.
        if (
            info.filename.endswith("/")
            or not name.parts
            or name.parts[:1] == ("__MACOSX",)
            or any(piece.startswith(".") for piece in name.parts)
        ):
            continue
        yield name.parts, _Source(place, reader(info))


def _locate(names: _Names, marker: str) -> _Names:
    """The folders of a file below the marker folder (``plain.html`` or ``ann.json``), or all its folders in a flat layout."""
    folders = names[:-1]
    if marker in folders:
        return folders[folders.index(marker) + 1 :]
    return folders


def _tagtog_folder(folders: _Names) -> str:
    """``pool/x`` for ``pool/x`` and for ``x``: every folder of a project is below ``pool``."""
    return "/".join(folders if folders[:1] == ("pool",) else ("pool", *folders))


def is_in_folder(folder: str, of: str) -> bool:
    """Whether a tagtog folder is another one or below it; the leading ``pool/`` of either may be left out."""
    inner, outer = (
        _tagtog_folder(tuple(piece for piece in path.split("/") if piece)) for path in (folder, of)
    )
    return inner == outer or inner.startswith(f"{outer}/")


def _base_name(filename: str, suffixes: tuple[str, ...]) -> str | None:
    for suffix in suffixes:
        if filename.endswith(suffix) and len(filename) > len(suffix):
            return filename[: -len(suffix)]
    return None


def read_project(path: Path, *, strict: bool = True, legend: Path | Legend | None = None) -> Project:
    """See :meth:`Project.open`."""
    path = Path(path)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise ProjectError(
            f"this path can't be read: {error.strerror}",
            place=path,
            advice="check the path and its permissions",
        ) from error
    if is_folder:
        sources = list(_folder_sources(path))
    elif not exists:
        raise ProjectError(
            "there is nothing at this path",
            place=path,
            legal="a folder or zip of tagtog documents",
            advice="check the path",
        )
    elif path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        sources = list(_zip_sources(path))
    else:
        raise ProjectError(
            "this is neither a folder nor a zip",
            place=path,
            legal="a folder or zip of tagtog documents",
            advice="give the folder that the file is in",
        )

    problems: list[AnndocError] = []
    entries: dict[str, _Entry] = {}
    legends: list[tuple[_Names, _Source]] = []

    # A zip of a folder begins every name with that folder's, which isn't a folder of the project.
    in_one_folder = not is_folder and len({names[:1] for names, _ in sources}) == 1

    def problem(error: AnndocError) -> None:
        if strict:
            raise error
        problems.append(error)

    for names, source in sources:
        if names[-1] == LEGEND_NAME:
            legends.append((names, source))
        elif _base_name(names[-1], (*_ANN_SUFFIXES, *_HTML_SUFFIXES)) is not None and has_surrogate(
            "/".join(names)
        ):
            # Bytes of a name that aren't UTF-8 become half characters, which neither JSON nor a .spacy file can hold.
            shown = os.fsencode("/".join(names)).decode("utf-8", "backslashreplace")
            problem(
                ProjectError(
                    "a file's name isn't UTF-8",
                    place=path,
                    value=shown,
                    legal="names in UTF-8",
                    advice="rename the file",
                )
            )
        elif (doc_id := _base_name(names[-1], _ANN_SUFFIXES)) is not None:
            folders = _locate(names, "ann.json")
            in_download = "ann.json" in names[:-1]
            member = MASTER
            if in_download and folders[:1] == (MASTER,):
                folders = folders[1:]
            elif in_download and folders[:1] == ("members",) and len(folders) > 1:
                member, folders = folders[1], folders[2:]
            entry = entries.setdefault(doc_id, _Entry())
            if member in entry.versions:
                problem(_duplicate(doc_id, f"{member}'s annotations", entry.versions[member], source))
            else:
                entry.versions[member] = source
        elif (doc_id := _base_name(names[-1], _HTML_SUFFIXES)) is not None:
            entry = entries.setdefault(doc_id, _Entry())
            if entry.html is not None:
                problem(_duplicate(doc_id, "content", entry.html, source))
            else:
                entry.html = source
                folders = _locate(names, "plain.html")
                entry.folder = _tagtog_folder(
                    folders[1:] if in_one_folder and "plain.html" not in names[:-1] else folders
                )

    for doc_id in [doc_id for doc_id, entry in entries.items() if entry.html is None]:
        orphan = entries.pop(doc_id)
        problem(
            MissingPartnerError(
                "an ann.json has no plain.html",
                place=next(iter(orphan.versions.values())).place,
                value=doc_id,
                legal=f"{doc_id}.plain.html beside it or in the folder plain.html",
                advice="fetch the document again, or remove the ann.json; spacy-tagtog convert --on-problem report leaves it out and says so",
            )
        )
    # A query that finds nothing leaves the layout without a document in it: that is a project, an empty one.
    if not entries and not problems and not (path.is_dir() and (path / "plain.html").is_dir()):
        raise ProjectError(
            "there is no tagtog document here",
            place=path,
            legal="files NAME.plain.html with NAME.ann.json, in tagtog's download layout or side by side",
            advice="check the path; spacy-tagtog fetch writes such a folder",
        )
    if legend is None:
        legend = _own_legend(legends)
    return Project(
        entries,
        legend=legend if isinstance(legend, Legend) else _given_legend(legend),
        place=str(path),
        problems=problems,
    )


def _duplicate(doc_id: str, what: str, first: _Source, second: _Source) -> DuplicateDocumentError:
    return DuplicateDocumentError(
        f"two files hold the {what} of one document",
        place=second.place,
        value=doc_id,
        legal=f"one file; the other is {first.place}",
        advice="remove one of them",
    )


def _given_legend(path: Path) -> Legend:
    try:
        return Legend.parse(path.read_bytes(), place=path)
    except OSError as error:
        raise LegendError(
            f"the legend can't be read: {error.strerror}", place=path, advice="check the path"
        ) from error


def _own_legend(found: list[tuple[_Names, _Source]]) -> Legend:
    if not found:
        return Legend()
    # The one nearest to the root is the project's own.
    _, source = min(found, key=lambda item: (len(item[0]), item[0]))
    try:
        return Legend.parse(source.read(), place=source.place)
    except ProjectError as error:
        raise LegendError(
            error.problem.replace("a file", "the legend", 1), place=error.place, advice=error.advice
        ) from error


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
        if any(piece.startswith(".") or not piece or _NOT_IN_NAMES.search(piece) for piece in pieces):
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


def write_project(
    documents: Iterable[Document],
    path: Path | str,
    *,
    legend: Legend | None = None,
    force: bool = False,
    extra: Iterable[tuple[PurePosixPath, bytes]] = (),
) -> int:
    """Write documents in tagtog's download layout, all or nothing.

    Args:
        documents: What to write. Contents are written byte for byte, annotations as equal JSON.
        path: A folder, or a file ending with ``.zip``. A zip's names begin with its own, as tagtog's do.
        legend: The project's legend; by default that of the first document.
        force: Replace what is there.
        extra: More files: their names within the project, and what they hold. They are asked for after the documents.

    Returns:
        The number of documents written.

    Raises:
        OutputExistsError: ``path`` exists and ``force`` is not set.
        WriteError: The file system refuses, as for a name that is too long.
        ProjectError: A name would leave the folder, or be passed over on reading.
        DuplicateDocumentError: One document comes twice.
    """
    path = Path(path)
    if path.suffix.lower() != ".zip":
        with atomic_folder(path, force=force) as folder:
            (folder / "plain.html").mkdir()  # also a project without documents is one

            def write(name: PurePosixPath, data: bytes) -> None:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

            return _write_documents(documents, legend, extra, write)
    check_free(path, force=force)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        root = path.stem
        if (
            root.startswith(".")
            or root in ("__MACOSX", "plain.html", "ann.json")
            or _NOT_IN_NAMES.search(root)
        ):
            root = "project"  # a zip may have a name that can't be a folder's in it

        def add(name: PurePosixPath, data: bytes) -> None:
            if len(f"{root}/{name}".encode()) > _MAX_NAME_BYTES:
                raise WriteError(
                    "can't write: the name is too long for a zip",
                    place=path,
                    value=str(name),
                    legal=f"at most {_MAX_NAME_BYTES} bytes",
                )
            info = zipfile.ZipInfo(
                f"{root}/{name}"
            )  # its date is fixed: the same documents make the same bytes
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)

        return _write_documents(documents, legend, extra, add)


def _write_documents(
    documents: Iterable[Document],
    legend: Legend | None,
    extra: Iterable[tuple[PurePosixPath, bytes]],
    write: Callable[[PurePosixPath, bytes], Any],
) -> int:
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DuplicateDocumentError(
                "one document comes twice", value=document.id, legal="each document once"
            )
        seen.add(document.id)
        html_path, _ = document_paths(document.id, document.folder)
        write(html_path, document.html.data)
        for member, version in document.versions.items():
            write(document_paths(document.id, document.folder, member)[1], version.dumps().encode())
        if legend is None:
            legend = document.legend
    if legend is not None:
        write(PurePosixPath(LEGEND_NAME), legend.dumps().encode("utf-8"))
    for name, data in extra:
        write(name, data)
    return len(seen)
