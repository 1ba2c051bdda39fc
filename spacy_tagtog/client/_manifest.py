"""What a fetched folder says about itself: a manifest, and a journal of what was done since it was written.

The manifest says which files were written, when, from which version, and what they held. The journal says
before each write what is about to be written, and after it that it was. So a fetch that is killed at any
moment leaves nothing that the next one could mistake for somebody's edit.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import NotRequired, TypedDict

from spacy_tagtog._files import write_atomic, write_error
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.errors import OutputExistsError, ProjectError

MANIFEST_NAME: Final = ".spacy-tagtog.json"
"""The manifest's file name. It begins with a dot: such files are no documents."""
JOURNAL_NAME: Final = ".spacy-tagtog.journal"
"""The journal's file name. It holds one JSON object per line."""

_VERSION: Final = 1
_STRICT = ConfigDict(strict=True, extra="forbid")
_ADVICE: Final = "choose another folder, or remove this one and fetch anew"


@with_config(_STRICT)
class Entry(TypedDict):
    """What the manifest says of a document.

    ``updated`` and ``anncomplete`` are tagtog's, ``fetched`` is when it was downloaded. ``members`` are the
    versions that were asked for, which may be more than there are files. ``files`` are SHA-256 sums by name.
    """

    folder: str
    updated: str
    anncomplete: bool
    fetched: str
    members: list[str]
    files: dict[str, str]


@with_config(_STRICT)
class _Content(TypedDict):
    version: int
    domain: str
    owner: str
    project: str
    query: str
    members: list[str]
    text_only: bool
    legend: str | None
    writing: dict[str, str]
    documents: dict[str, Entry]


@with_config(_STRICT)
class _Record(TypedDict):
    """A line of the journal: files about to be written, or a document that is here now."""

    writing: NotRequired[dict[str, str]]
    id: NotRequired[str]
    entry: NotRequired[Entry]


_CONTENT: TypeAdapter[Any] = TypeAdapter(_Content)
_RECORD: TypeAdapter[Any] = TypeAdapter(_Record)
State = Literal["same", "announced", "edited", "missing"]


def digest(content: bytes) -> str:
    """What tells contents apart."""
    return hashlib.sha256(content).hexdigest()


class _Journal:
    """What was done since the manifest was written. Several threads write to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, Any]]:
        """Its records. Lines that were cut off, by a kill or a full disk, are skipped."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ProjectError(
                f"the journal can't be read: {error.strerror or error}",
                place=self._path,
                advice="check the permissions",
            ) from error
        records = []
        for line in lines:
            try:
                record = json.loads(line)
                _RECORD.validate_python(record)
            except (ValueError, RecursionError):
                continue
            records.append(record)
        return records

    def add(self, record: dict[str, Any]) -> None:
        """Append a record. The line break comes first: it ends a line that was cut off."""
        line = b"\n" + json.dumps(record, ensure_ascii=True).encode("ascii")
        try:
            with self._lock:
                if self._file is None:
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                written = os.write(self._file, line)
            if written != len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise write_error(error, self._path) from error

    def close(self, *, remove: bool) -> None:
        """Close it, and remove it if the manifest says all that it says."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
        if remove:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class Manifest:
    """What is known of a fetched folder.

    Args:
        folder: The folder.
        source: ``domain``, ``owner`` and ``project``: a folder belongs to one project.
        asked: ``query``, ``members`` and ``text_only`` of this fetch.

    Attributes:
        documents: What was written, by document id.
        writing: Digests of files that were announced, by name: an interrupted fetch may have written them.
        legend: The digest of the legend that was written.
    """

    def __init__(self, folder: Path, *, source: Mapping[str, str], asked: Mapping[str, Any]) -> None:
        self.documents: dict[str, Entry] = {}
        self.writing: dict[str, str] = {}
        self.legend: str | None = None
        self._folder = folder
        self._source = source
        self._asked = asked
        self._saved: bytes | None = None
        self._journal = _Journal(folder / JOURNAL_NAME)

    # ---- reading and writing

    def load(self) -> None:
        """Read the folder's manifest and journal, if it has them.

        Raises:
            OutputExistsError: The folder holds something else, or another project.
            ProjectError: The manifest or the journal can't be read.
        """
        path = self._folder / MANIFEST_NAME
        if self._folder.exists() and not self._folder.is_dir():
            raise OutputExistsError(
                "the target is a file", place=self._folder, legal="a folder", advice="choose another path"
            )
        if not path.exists():
            self._check_empty()
            return
        content, manifest = _read(path)
        for key, value in self._source.items():
            if manifest[key] != value:
                raise OutputExistsError(
                    f"the folder was fetched from another {key}",
                    place=self._folder,
                    value=manifest[key],
                    legal=value,
                    advice="choose another folder for this project, or remove this one",
                )
        self.documents = manifest["documents"]
        self.writing = manifest["writing"]
        self.legend = manifest["legend"]
        for record in self._journal.read():
            self.writing.update(record.get("writing") or {})
            if "id" in record and "entry" in record:
                self.documents[record["id"]] = record["entry"]
                for name in record["entry"]["files"]:
                    self.writing.pop(name, None)
        self._check_names(path)
        self._saved = content

    def _check_empty(self) -> None:
        # Hidden files are no documents: operating systems and interrupted writes leave them behind.
        if self._folder.is_dir() and any(not item.name.startswith(".") for item in self._folder.iterdir()):
            raise OutputExistsError(
                "the folder holds something that no fetch wrote",
                place=self._folder,
                legal=f"a folder that doesn't exist, an empty one, or one with {MANIFEST_NAME}",
                advice="choose another folder",
            )

    def _check_names(self, path: Path) -> None:
        """Make sure that all names are files of documents: files are removed by these names."""
        for name in [*self.writing, *(name for entry in self.documents.values() for name in entry["files"])]:
            pure = PurePosixPath(name)
            document = pure.parts[:1] in (("plain.html",), ("ann.json",)) and not (
                ".." in pure.parts or "\\" in name or "\0" in name
            )
            if not document and not (name == LEGEND_NAME and name in self.writing):
                raise ProjectError(
                    "the manifest names a file that is no document", place=path, value=name, advice=_ADVICE
                )

    def save(self) -> None:
        """Write the manifest, unless it says the same already."""
        manifest = {
            "version": _VERSION,
            **self._source,
            **self._asked,
            "legend": self.legend,
            "writing": dict(sorted(self.writing.items())),
            "documents": dict(sorted(self.documents.items())),
        }
        content = (json.dumps(manifest, ensure_ascii=True, indent=1) + "\n").encode("ascii")
        if content != self._saved:
            write_atomic(self._folder / MANIFEST_NAME, content)
            self._saved = content

    def close_journal(self, *, remove: bool) -> None:
        """Close the journal, and remove it if the manifest says all that it says."""
        self._journal.close(remove=remove)

    # ---- files

    def announce(self, digests: dict[str, str]) -> None:
        """Record what is about to be written."""
        self._journal.add({"writing": digests})
        self.writing.update(digests)

    def write_file(self, name: str, content: bytes) -> None:
        """Write a file of the folder, all or nothing."""
        write_atomic(self._folder / name, content)

    def record(self, doc_id: str, entry: Entry) -> None:
        """Record that the files of a document are written."""
        self._journal.add({"id": doc_id, "entry": entry})
        self.documents[doc_id] = entry
        for name in entry["files"]:
            self.writing.pop(name, None)

    def state(self, name: str, expected: str | None) -> State:
        """What became of a file since it was written.

        Args:
            name: The file's name.
            expected: The digest of what was written.

        Returns:
            ``same``, ``edited``, ``missing``, or ``announced`` if an interrupted fetch wrote it.
        """
        content = self.read_file(name)
        if content is None:
            return "missing"
        found = digest(content)
        return "same" if found == expected else "announced" if found == self.writing.get(name) else "edited"

    def read_file(self, name: str) -> bytes | None:
        """What a file of the folder holds, or ``None`` if it isn't there.

        Raises:
            ProjectError: It can't be read.
        """
        path = self._folder / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ProjectError(
                f"a file can't be read: {error.strerror or error}",
                place=path,
                advice="check the permissions, or remove it",
            ) from error


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        content = path.read_bytes()
        manifest = json.loads(content)
    except OSError as error:
        raise ProjectError(
            f"the manifest can't be read: {error.strerror or error}",
            place=path,
            advice="check the permissions",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"the manifest isn't JSON: {error}", place=path, advice=_ADVICE) from error
    version = manifest.get("version") if isinstance(manifest, dict) else None
    if version != _VERSION:
        raise ProjectError(
            "the manifest is of another version",
            place=path,
            value=version,
            legal=f"version {_VERSION}",
            advice=_ADVICE,
        )
    try:
        _CONTENT.validate_python(manifest)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ProjectError(
            f"the manifest is broken: {where}",
            place=path,
            value=first["input"],
            legal=first["msg"],
            advice=_ADVICE,
        ) from error
    return content, manifest
