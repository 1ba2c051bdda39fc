"""The files of a project, in a folder or in a zip: found, and read with limits against hostile ones."""

from __future__ import annotations

import gzip
import io
import os
import struct
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from spacy_tagtog.errors import ProjectError

_MAX_FILE_BYTES = 32 * 1024 * 1024
"""The size that no file of a project exceeds: five million words, of which spaCy makes gigabytes.

What is larger is a zip bomb, or not a document."""

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

Names = tuple[str, ...]
"""The pieces of a relative path."""


class _TooLargeError(ValueError):
    """A file is larger than any file of a project."""


@dataclass
class Source:
    """One file, in a folder or in a zip."""

    place: str
    read_raw: Callable[[], bytes]

    def read(self) -> bytes:
        """The file's bytes, unpacked if it is a ``.gz``.

        Raises:
            ProjectError: It can't be read, or it is too large.
        """
        try:
            data = self.read_raw()
            return _gunzip(data) if self.place.endswith(".gz") else data
        except _READ_ERRORS as error:
            reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
            raise ProjectError(
                f"a file can't be read: {reason}",
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
    # There are two per document: open() and pathlib make twice as many system calls.
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


def _may_be_document(entry: os.DirEntry[str]) -> bool:
    try:
        # A link that points nowhere stays, since a missing file is worth an error. Pipes and devices are no
        # documents.
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True  # reading it will say what is wrong


def folder_sources(root: Path) -> Iterator[tuple[Names, Source]]:
    """The files of a folder and of all folders in it, in order.

    Raises:
        ProjectError: A folder can't be read.
    """
    found: list[tuple[Names, str]] = []
    folders: list[tuple[Names, str]] = [((), str(root))]
    while folders:
        above, folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # Files of an interrupted write, and what an operating system leaves behind, begin with a
                    # dot.
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
        yield names, Source(path, partial(_read_file, path))


class _Archive:
    """A zip that is open in this process, and in each that is forked from it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self.members = self._archive.infolist()

    def _open(self) -> None:
        self._archive = zipfile.ZipFile(self._path)
        # Where an error holds it in a cycle, the file itself may be collected before the archive that
        # closes it.
        weakref.finalize(self, self._archive.close)
        self._process = os.getpid()

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        if os.getpid() != self._process:
            self._open()  # a file that two processes read has one place for both
        return self._archive.open(info)


def zip_sources(path: Path) -> Iterator[tuple[Names, Source]]:
    """The files of a zip, in order.

    Raises:
        ProjectError: It is broken, or holds names that point outside of it.
    """
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
        # Nothing is ever unpacked to disk under these names, but such an archive must not be trusted either.
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
        yield name.parts, Source(place, reader(info))
