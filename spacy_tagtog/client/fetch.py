"""Keep a folder in step with what a query finds in a tagtog project.

The folder has tagtog's download layout. A manifest beside the documents says which files were written, when, from which version, and what they
held, so that the next fetch downloads only what changed, and never overwrites or removes what was edited here. A journal beside the manifest
says before each write what is about to be written, and after it that it was: a fetch that is killed at any moment leaves nothing that the next
one could mistake for somebody's edit.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from spacy_tagtog._files import TEMPORARY_PREFIX, folder_lock, make_folder, write_atomic, write_error
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client._retry import check_stopped
from spacy_tagtog.client.api import SearchHit, TagtogClient
from spacy_tagtog.errors import (
    ConfigurationError,
    NotFoundError,
    OutputExistsError,
    ProjectError,
    UnexpectedAnswerError,
    WriteError,
)

MANIFEST_NAME: Final = ".spacy-tagtog.json"
"""The manifest's file name. It begins with a dot: such files are no documents."""
JOURNAL_NAME: Final = ".spacy-tagtog.journal"
"""What a fetch that runs, or was killed, has done since the manifest was written: one JSON object a line."""
ALL_MEMBERS: Final = "*"
"""The versions of everybody: master and all members of the project."""

Progress = Callable[[Iterable[SearchHit], int], Iterable[SearchHit]]
"""Wraps the documents, whose number is given, and gives them back one by one, as tqdm does."""

_VERSION: Final = 2
_SEARCHES: Final = 3
_STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(_STRICT)
class _Entry(TypedDict):
    """What the manifest says of a document.

    ``updated`` and ``anncomplete`` are tagtog's (``None`` where an older manifest didn't say), ``fetched`` is when it was downloaded.
    ``members`` are the versions that were asked for, which may be more than there are files. ``files`` are SHA-256 sums by name.
    """

    folder: str
    updated: str
    anncomplete: bool | None
    fetched: str | None
    members: list[str]
    files: dict[str, str]


@with_config(_STRICT)
class _Manifest(TypedDict):
    version: int
    domain: str
    owner: str
    project: str
    query: str
    members: list[str]
    text_only: bool
    legend: str | None
    writing: dict[str, str]
    documents: dict[str, _Entry]


@with_config(_STRICT)
class _Record(TypedDict, total=False):
    """A line of the journal: files about to be written, or a document that is here now."""

    writing: dict[str, str]
    id: str
    entry: _Entry


_MANIFEST: TypeAdapter[Any] = TypeAdapter(_Manifest)
_RECORD: TypeAdapter[Any] = TypeAdapter(_Record)
_State = Literal["same", "ours", "edited", "missing"]


@dataclass
class FetchReport:
    """What a fetch did, or with ``dry_run`` would do.

    Attributes:
        found: How many documents the query found.
        downloaded: The ids of new and changed documents.
        unchanged: The ids of documents that were here already.
        removed: The ids of documents that the query no longer finds, removed here.
        deleted: Of those, the ones that tagtog doesn't have any more.
        unconfirmed: Of those, the ones that were confirmed when they were fetched, and aren't any more.
        kept: What was edited here since it was fetched, and left alone: document ids, and the name of the legend's file.
        conflicts: Of those, what tagtog has changed or removed meanwhile, too.
        overwritten: Of those downloaded, the ones that were edited here and, as ``force`` says, overwritten.
    """

    found: int = 0
    downloaded: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    overwritten: list[str] = field(default_factory=list)


def fetch(
    client: TagtogClient,
    target: Path,
    *,
    query: str = "anncomplete:true",
    members: Sequence[str] = (MASTER,),
    text_only: bool = False,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FetchReport:
    """Download the documents that a query finds into a folder, or bring the folder up to date.

    Documents are downloaded by ``client.threads`` calls at once. An interrupted fetch, killed even, keeps what it has; the next one goes on from
    there and ends as one that wasn't interrupted.

    Args:
        client: The project.
        target: The folder: a new or empty one, or one that an earlier fetch of this project wrote.
        query: Which documents, in tagtog's query language.
        members: Which versions of the annotations; ``[ALL_MEMBERS]`` for master's and every member's, which takes a call a member for each
            document, and a user who may see the members. Members without an own version of a document have no file of it.
        text_only: Write the contents without annotations, for documents that are still to be annotated.
        force: Overwrite files that were edited here. Edited documents that the query no longer finds are kept all the same.
        dry_run: Write nothing; only say what would be done, as far as that is known without downloading.
        progress: Shows the progress.

    Raises:
        OutputExistsError: The folder holds something else, or another project, or another fetch writes to it.
        ProjectError: The folder's manifest can't be read.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense.
        WriteError: The file system refuses.
    """
    return _Fetch(
        client, Path(target), query=query, members=members, text_only=text_only, force=force, dry_run=dry_run
    ).run(progress)


def everybody(client: TagtogClient) -> list[str]:
    """Who may have a version of a document: master and every member.

    Raises:
        ClientError: The call failed.
    """
    return list(dict.fromkeys([MASTER, *(member.name for member in client.members() if not member.pending)]))


class _Journal:
    """What was done since the manifest was written. Several threads write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._lock = threading.Lock()

    def read(self) -> list[dict[str, Any]]:
        """Its records; a line that was cut off, since its writer was killed or the disk was full, says nothing."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ProjectError(
                f"the journal can't be read: {error.strerror or error}",
                place=self.path,
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
                    self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                written = os.write(self._file, line)
            if written != len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise write_error(error, self.path) from error

    def close(self, *, remove: bool) -> None:
        """Close it, and remove it where the manifest says all that it says."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
        if remove:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


@dataclass
class _Outcome:
    """What became of one document that was found."""

    kind: Literal["downloaded", "unchanged", "kept", "gone"]
    conflict: bool = False
    overwritten: bool = False


class _Fetch:
    """One run."""

    def __init__(
        self,
        client: TagtogClient,
        target: Path,
        *,
        query: str,
        members: Sequence[str],
        text_only: bool,
        force: bool,
        dry_run: bool,
    ) -> None:
        if isinstance(members, str) or not all(members) or not (members or text_only):
            raise ConfigurationError(
                "whose annotations isn't clear",
                value=members,
                legal='names, such as ["master", "ann"], or ["*"] for everybody',
            )
        self.client = client
        self.target = target
        self.force = force
        self.dry_run = dry_run
        self.wanted = (
            [] if text_only else [ALL_MEMBERS] if ALL_MEMBERS in members else list(dict.fromkeys(members))
        )
        self.members: list[str] = []
        self.report = FetchReport()
        self.head = {
            "version": _VERSION,
            "domain": client.name,
            "owner": client.owner,
            "project": client.project,
        }
        self.settings = {"query": query, "members": list(dict.fromkeys(members)), "text_only": text_only}
        self.query = query
        self.documents: dict[str, _Entry] = {}
        self.writing: dict[str, str] = {}
        self.legend: str | None = None
        self.saved: bytes | None = None
        self.journal = _Journal(target / JOURNAL_NAME)

    def run(self, progress: Progress | None) -> FetchReport:
        with ExitStack() as stack:
            if self.target.is_dir() and not self.dry_run:
                stack.enter_context(folder_lock(self.target))
            self.load()
            hits, complete = self.search()
            self.report.found = len(hits)
            legend = self.client.legend().dumps().encode("utf-8")
            self.members = everybody(self.client) if self.wanted == [ALL_MEMBERS] else self.wanted
            if not self.dry_run and not self.target.is_dir():
                make_folder(self.target)
                stack.enter_context(folder_lock(self.target))
                self.load()
            # Before the first document: an interrupted first fetch must find its folder again.
            self.save()
            if not self.dry_run:
                # The manifest says now what an interrupted fetch's journal said.
                self.journal.close(remove=True)
            try:
                self.write_legend(legend)
                for _ in progress(self.all(hits), len(hits)) if progress is not None else self.all(hits):
                    pass
                self.remove_gone({hit.id for hit in hits}, complete)
                if not self.dry_run:
                    # A query that finds nothing makes an empty project, which other commands can read.
                    make_folder(self.target / "plain.html")
                    self.tidy()
            except BaseException:
                # The first error is the one to tell of. What the manifest can't say now, the journal says.
                with suppress(WriteError):
                    self.save()
                self.journal.close(remove=False)
                raise
            self.writing = {}
            self.save()
            if not self.dry_run:
                self.journal.close(remove=True)
        return self.report

    # ---- the manifest

    def load(self) -> None:
        path = self.target / MANIFEST_NAME
        if self.target.exists() and not self.target.is_dir():
            raise OutputExistsError(
                "the target is a file", place=self.target, legal="a folder", advice="choose another path"
            )
        if not path.exists():
            # Hidden files are no documents: what an operating system or an interrupted write left behind.
            if self.target.is_dir() and any(not item.name.startswith(".") for item in self.target.iterdir()):
                raise OutputExistsError(
                    "the folder holds something that no fetch wrote",
                    place=self.target,
                    legal=f"a folder that doesn't exist, an empty one, or one with {MANIFEST_NAME}",
                    advice="choose another folder",
                )
            return
        advice = "choose another folder, or remove this one and fetch anew"
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
            raise ProjectError(f"the manifest isn't JSON: {error}", place=path, advice=advice) from error
        version = manifest.get("version") if isinstance(manifest, dict) else None
        if version == 1:
            manifest = _from_version_1(manifest)
        elif version != _VERSION:
            raise ProjectError(
                "the manifest is of another version",
                place=path,
                value=version,
                legal=f"version 1 or {_VERSION}",
                advice=advice,
            )
        try:
            _MANIFEST.validate_python(manifest)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ProjectError(
                f"the manifest is broken: {where}",
                place=path,
                value=first["input"],
                legal=first["msg"],
                advice=advice,
            ) from error
        for key in ("domain", "owner", "project"):
            if manifest[key] != self.head[key]:
                raise OutputExistsError(
                    f"the folder was fetched from another {key}",
                    place=self.target,
                    value=manifest[key],
                    legal=str(self.head[key]),
                    advice="choose another folder for this project, or remove this one",
                )
        self.documents = manifest["documents"]
        self.writing = manifest["writing"]
        self.legend = manifest["legend"]
        for record in self.journal.read():
            self.writing.update(record.get("writing") or {})
            if "id" in record and "entry" in record:
                self.documents[record["id"]] = record["entry"]
                for name in record["entry"]["files"]:
                    self.writing.pop(name, None)
        for name in [*self.writing, *(name for entry in self.documents.values() for name in entry["files"])]:
            pure = PurePosixPath(name)
            # Files are removed by these names: nothing outside may be among them.
            document = pure.parts[:1] in (("plain.html",), ("ann.json",)) and not (
                ".." in pure.parts or "\\" in name or "\0" in name
            )
            if not document and not (name == LEGEND_NAME and name in self.writing):
                raise ProjectError(
                    "the manifest names a file that is no document", place=path, value=name, advice=advice
                )
        self.saved = content

    def save(self) -> None:
        if self.dry_run:
            return
        documents = dict(sorted(self.documents.items()))
        manifest = {
            **self.head,
            **self.settings,
            "legend": self.legend,
            "writing": dict(sorted(self.writing.items())),
            "documents": documents,
        }
        content = (json.dumps(manifest, ensure_ascii=True, indent=1) + "\n").encode("ascii")
        if content != self.saved:
            write_atomic(self.target / MANIFEST_NAME, content)
            self.saved = content

    # ---- steps

    def search(self) -> tuple[list[SearchHit], bool]:
        """All hits, and whether none is missing: a list that changes while its pages are read may lack some."""
        hits: list[SearchHit] = []
        for _ in range(_SEARCHES):
            hits = list(self.client.search(self.query))
            if len(hits) == self.client.count(self.query):
                return hits, True
        return hits, False

    def state(self, name: str, expected: str | None) -> _State:
        """What became of a file since it was written; ``ours`` if an interrupted fetch wrote it."""
        content = self.read(name)
        if content is None:
            return "missing"
        digest = _sha256(content)
        return "same" if digest == expected else "ours" if digest == self.writing.get(name) else "edited"

    def read(self, name: str) -> bytes | None:
        path = self.target / name
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

    def announce(self, digests: dict[str, str]) -> None:
        """Say what is about to be written."""
        self.journal.add({"writing": digests})
        self.writing.update(digests)

    def write_legend(self, content: bytes) -> None:
        wanted = _sha256(content)
        state = self.state(LEGEND_NAME, self.legend)
        if state == "same" and self.legend == wanted:
            return
        if state == "edited" and self.read(LEGEND_NAME) != content:
            if not self.force:
                self.report.kept.append(LEGEND_NAME)
                if self.legend != wanted:
                    self.report.conflicts.append(LEGEND_NAME)
                return
            self.report.overwritten.append(LEGEND_NAME)
        if not self.dry_run:
            self.announce({LEGEND_NAME: wanted})
            write_atomic(self.target / LEGEND_NAME, content)
            self.legend = wanted

    def all(self, hits: Sequence[SearchHit]) -> Iterator[SearchHit]:
        """See to all documents, several at once; give each when it is done."""
        with workers(self.client.threads) as pool:
            for hit, outcome in pool.map(self.one, hits):
                if outcome.kind == "gone":
                    # This call fails if it is the project that has disappeared.
                    self.client.count(self.query)
                    self.remove(hit.id, "deleted")
                else:
                    {
                        "downloaded": self.report.downloaded,
                        "unchanged": self.report.unchanged,
                        "kept": self.report.kept,
                    }[outcome.kind].append(hit.id)
                if outcome.conflict:
                    self.report.conflicts.append(hit.id)
                if outcome.overwritten:
                    self.report.overwritten.append(hit.id)
                yield hit

    def one(self, hit: SearchHit) -> _Outcome:
        """See to one document; in one of several threads, so it changes nothing but what is of this document alone."""
        entry = self.documents.get(hit.id)
        files = entry["files"] if entry is not None else {}
        states = {name: self.state(name, digest) for name, digest in files.items()}
        edited = "edited" in states.values()
        current = entry is not None and (entry["updated"], entry["folder"], entry["members"]) == (
            hit.updated,
            hit.folder,
            self.wanted,
        )
        if edited and not self.force and (current or self.dry_run):
            return _Outcome("kept", conflict=not current)
        if current and set(states.values()) == {"same"}:
            return _Outcome("unchanged")
        if self.dry_run:
            return _Outcome("downloaded", overwritten=edited)
        contents = self.download(hit)
        if contents is None:
            return _Outcome("gone")
        stale = [name for name in files if name not in contents]
        mine = any(self.mine(name, content, files) for name, content in contents.items()) or any(
            states[name] == "edited" for name in stale
        )
        if mine and not self.force:
            return _Outcome("kept", conflict=True)
        check_stopped()
        digests = {name: _sha256(content) for name, content in contents.items()}
        new = {
            name: digest
            for name, digest in digests.items()
            if self.state(name, None) != "edited" or self.read(name) != contents[name]
        }
        if new:
            self.announce(new)
        for name in new:
            write_atomic(self.target / name, contents[name])
        # Files alone: a folder that gets empty here may be one that another thread is about to write to.
        self.unlink(stale)
        fetched = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {
            "folder": hit.folder,
            "updated": hit.updated,
            "anncomplete": hit.anncomplete,
            "fetched": fetched,
            "members": self.wanted,
            "files": digests,
        }
        self.journal.add({"id": hit.id, "entry": entry})
        self.documents[hit.id] = entry
        for name in digests:
            self.writing.pop(name, None)
        return _Outcome("downloaded", overwritten=mine)

    def mine(self, name: str, content: bytes, files: dict[str, str]) -> bool:
        """Whether the file here was written by a person: it is neither what was fetched, nor what is being fetched."""
        return self.state(name, files.get(name)) == "edited" and self.read(name) != content

    def download(self, hit: SearchHit) -> dict[str, bytes] | None:
        """The files of a document, content first; ``None`` where it has disappeared since the search."""
        members = self.members
        if self.wanted == [ALL_MEMBERS]:
            # Who has left the project may have left a version behind.
            members = list(dict.fromkeys([*members, *hit.members_anncomplete]))
        try:
            names = {member: str(document_paths(hit.id, hit.folder, member)[1]) for member in members}
            html_name = str(document_paths(hit.id, hit.folder)[0])
        except ProjectError as error:
            raise UnexpectedAnswerError(
                f"tagtog's answer can't be stored: {error.problem}",
                place=self.client.domain,
                value=error.value,
                legal=error.legal,
            ) from error
        try:
            if not members:
                return {html_name: self.client.plain_html(hit.id)}
            document = self.client.document(hit.id, members=members, folder=hit.folder)
        except NotFoundError:
            return None
        versions = {
            names[member]: annotations.dumps().encode("utf-8")
            for member, annotations in document.versions.items()
        }
        return {html_name: document.html.data, **versions}

    # ---- what isn't found any more

    def remove_gone(self, found: set[str], complete: bool) -> None:
        gone = [doc_id for doc_id in self.documents if doc_id not in found]
        if gone and not complete:
            raise UnexpectedAnswerError(
                "tagtog's list of documents isn't complete, so nothing was removed here",
                place=self.client.domain,
                value=self.query,
                legal="as many documents listed as found",
                advice="what changed has been downloaded; run it again when nobody imports or confirms documents",
            )
        with workers(self.client.threads) as pool:
            for doc_id, why in pool.map(self.why_gone, gone):
                self.remove(doc_id, why)

    def why_gone(self, doc_id: str) -> Literal["deleted", "unconfirmed", "elsewhere"]:
        """Why the query doesn't find a document any more."""
        try:
            complete = self.client.annotations(doc_id).complete
        except NotFoundError:
            return "deleted"
        return "unconfirmed" if self.documents[doc_id]["anncomplete"] and not complete else "elsewhere"

    def remove(self, doc_id: str, why: Literal["deleted", "unconfirmed", "elsewhere"]) -> None:
        """Remove a document that isn't found any more, unless it was edited here."""
        entry = self.documents.get(doc_id)
        if entry is None:
            return
        if "edited" in [self.state(name, digest) for name, digest in entry["files"].items()]:
            self.report.kept.append(doc_id)
            self.report.conflicts.append(doc_id)
        else:
            if not self.dry_run:
                # Annotations first: content without annotations is a document, the reverse is not.
                self.unlink(sorted(entry["files"]))
                del self.documents[doc_id]
            self.report.removed.append(doc_id)
        if why == "deleted":
            self.report.deleted.append(doc_id)
        elif why == "unconfirmed":
            self.report.unconfirmed.append(doc_id)

    def unlink(self, names: Iterable[str]) -> None:
        """Remove files."""
        for name in names:
            path = self.target / name
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise WriteError(
                    f"can't remove: {error.strerror or error}",
                    place=path,
                    advice="mend the permissions, then run it again",
                ) from error

    def tidy(self) -> None:
        """Remove folders that got empty, and what a killed fetch left of files that it was writing."""
        owned = {name for entry in self.documents.values() for name in entry["files"]} | {LEGEND_NAME}
        self.unlink(
            [
                name
                for name, digest in self.writing.items()
                if name not in owned and self.state(name, digest) == "same"
            ]
        )
        for top in (self.target / "plain.html", self.target / "ann.json"):
            for folder, _, names in os.walk(top, topdown=False):
                for name in names:
                    if name.startswith(TEMPORARY_PREFIX):
                        with suppress(OSError):
                            Path(folder, name).unlink()
                if Path(folder) != self.target / "plain.html":
                    with suppress(OSError):  # not empty
                        Path(folder).rmdir()
        for path in self.target.glob(f"{TEMPORARY_PREFIX}*"):
            with suppress(OSError):
                path.unlink()


def _from_version_1(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest of the first version, which said less."""
    documents = manifest.get("documents")
    if isinstance(documents, dict):
        documents = {
            doc_id: {"anncomplete": None, "fetched": None, **entry} if isinstance(entry, dict) else entry
            for doc_id, entry in documents.items()
        }
    return {**manifest, "version": _VERSION, "writing": {}, "documents": documents}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
