"""Keep a folder in step with what a query finds in a tagtog project.

The folder has tagtog's download layout. A manifest beside the documents says which files were written and what they held, so that the next
fetch downloads only what changed, and never overwrites or removes what was edited here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from spacy_tagtog._files import make_folder, write_atomic
from spacy_tagtog.anndoc import LEGEND_NAME, MASTER, document_paths
from spacy_tagtog.client.api import SearchHit, TagtogClient
from spacy_tagtog.errors import NotFoundError, OutputExistsError, ProjectError, UnexpectedAnswerError, WriteError

__all__ = ["MANIFEST_NAME", "FetchReport", "Progress", "fetch"]

MANIFEST_NAME: Final = ".spacy-tagtog.json"
"""The manifest's file name. It begins with a dot: such files are no documents."""

Progress = Callable[[Iterable[SearchHit], int], Iterable[SearchHit]]
"""Wraps the documents, whose number is given, and gives them back one by one, as tqdm does."""

_VERSION: Final = 1
_SAVE_EVERY: Final = 25
_SEARCHES: Final = 3
_STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(_STRICT)
class _Entry(TypedDict):
    """What the manifest says of a document.

    ``members`` are the versions that were asked for, which may be more than there are files.
    """

    folder: str
    updated: str
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
    documents: dict[str, _Entry]


_MANIFEST: TypeAdapter[Any] = TypeAdapter(_Manifest)


@dataclass
class FetchReport:
    """What a fetch did, or with ``dry_run`` would do.

    Attributes:
        found: How many documents the query found.
        downloaded: The ids of new and changed documents.
        unchanged: The ids of documents that were here already.
        removed: The ids of documents that the query no longer finds, removed here.
        kept: What was edited here since it was fetched, and left alone: document ids, and the name of the legend's file.
    """

    found: int = 0
    downloaded: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


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

    An interrupted fetch keeps what it has; the next one goes on from there.

    Args:
        client: The project.
        target: The folder: a new or empty one, or one that an earlier fetch of this project wrote.
        query: Which documents, in tagtog's query language.
        members: Which versions of the annotations. Members without an own version of a document have no file of it.
        text_only: Write the contents without annotations, for documents that are still to be annotated.
        force: Overwrite files that were edited here. Edited documents that the query no longer finds are kept all the same.
        dry_run: Write nothing; only say what would be done, as far as that is known without downloading.
        progress: Shows the progress.

    Raises:
        OutputExistsError: The folder holds something else, or another project.
        ProjectError: The folder's manifest can't be read.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense.
        WriteError: The file system refuses.
    """
    return _Fetch(client, Path(target), query=query, members=members, text_only=text_only, force=force, dry_run=dry_run).run(progress)


class _Fetch:
    """One run."""

    def __init__(
        self, client: TagtogClient, target: Path, *, query: str, members: Sequence[str], text_only: bool, force: bool, dry_run: bool
    ) -> None:
        self.client = client
        self.target = target
        self.force = force
        self.dry_run = dry_run
        self.members = [] if text_only else list(dict.fromkeys(members))
        self.report = FetchReport()
        self.head = {"version": _VERSION, "domain": client.name, "owner": client.owner, "project": client.project}
        self.settings = {"query": query, "members": list(dict.fromkeys(members)), "text_only": text_only}
        self.query = query
        self.documents: dict[str, _Entry] = {}
        self.legend: str | None = None
        self.saved: bytes | None = None

    def run(self, progress: Progress | None) -> FetchReport:
        self.load()
        hits, complete = self.search()
        self.report.found = len(hits)
        legend = self.client.legend().dumps().encode("utf-8")
        # Before the first document: an interrupted first fetch must find its folder again.
        self.save()
        try:
            self.write_legend(legend)
            for number, hit in enumerate(hits if progress is None else progress(hits, len(hits)), 1):
                self.one(hit)
                if number % _SAVE_EVERY == 0:
                    self.save()
            found = {hit.id for hit in hits}
            gone = [doc_id for doc_id in self.documents if doc_id not in found]
            if gone and not complete:
                raise UnexpectedAnswerError(
                    "tagtog's list of documents isn't complete, so nothing was removed here",
                    place=self.client.domain,
                    value=self.query,
                    legal="as many documents listed as found",
                    advice="what changed has been downloaded; run it again when nobody imports or confirms documents",
                )
            for doc_id in gone:
                self.remove(doc_id)
            if not self.dry_run:
                # A query that finds nothing makes an empty project, which other commands can read.
                make_folder(self.target / "plain.html")
        except BaseException:
            # The first error is the one to tell of. What the manifest misses is recognised by its content next time.
            with suppress(WriteError):
                self.save()
            raise
        self.save()
        return self.report

    # ---- the manifest

    def load(self) -> None:
        path = self.target / MANIFEST_NAME
        if self.target.exists() and not self.target.is_dir():
            raise OutputExistsError("the target is a file", place=self.target, legal="a folder", advice="choose another path")
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
            raise ProjectError(f"the manifest can't be read: {error.strerror or error}", place=path, advice="check the permissions") from error
        except (ValueError, RecursionError) as error:
            raise ProjectError(f"the manifest isn't JSON: {error}", place=path, advice=advice) from error
        version = manifest.get("version") if isinstance(manifest, dict) else None
        if version != _VERSION:
            raise ProjectError("the manifest is of another version", place=path, value=version, legal=f"version {_VERSION}", advice=advice)
        try:
            _MANIFEST.validate_python(manifest)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ProjectError(f"the manifest is broken: {where}", place=path, value=first["input"], legal=first["msg"], advice=advice) from error
        for key in ("domain", "owner", "project"):
            if manifest[key] != self.head[key]:
                raise OutputExistsError(
                    f"the folder was fetched from another {key}",
                    place=self.target,
                    value=manifest[key],
                    legal=str(self.head[key]),
                    advice="choose another folder for this project, or remove this one",
                )
        for entry in manifest["documents"].values():
            for name in entry["files"]:
                pure = PurePosixPath(name)
                # Files are removed by these names: nothing outside may be among them.
                if pure.parts[:1] not in (("plain.html",), ("ann.json",)) or ".." in pure.parts or "\\" in name or "\0" in name:
                    raise ProjectError("the manifest names a file that is no document", place=path, value=name, advice=advice)
        self.documents = manifest["documents"]
        self.legend = manifest["legend"]
        self.saved = content

    def save(self) -> None:
        if self.dry_run:
            return
        documents = {doc_id: self.documents[doc_id] for doc_id in sorted(self.documents)}
        manifest = {**self.head, **self.settings, "legend": self.legend, "documents": documents}
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

    def state(self, name: str, expected: str | None) -> Literal["same", "edited", "missing"]:
        """What became of a file since it was written."""
        content = self.read(name)
        if content is None:
            return "missing"
        return "same" if expected == _sha256(content) else "edited"

    def read(self, name: str) -> bytes | None:
        path = self.target / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ProjectError(
                f"a file can't be read: {error.strerror or error}", place=path, advice="check the permissions, or remove it"
            ) from error

    def write_legend(self, content: bytes) -> None:
        wanted = _sha256(content)
        state = self.state(LEGEND_NAME, self.legend)
        if state == "same" and self.legend == wanted:
            return
        if state == "edited" and not self.force and self.read(LEGEND_NAME) != content:
            self.report.kept.append(LEGEND_NAME)
            return
        if not self.dry_run:
            write_atomic(self.target / LEGEND_NAME, content)
            self.legend = wanted

    def one(self, hit: SearchHit) -> None:
        entry = self.documents.get(hit.id)
        files = entry["files"] if entry is not None else {}
        states = {name: self.state(name, digest) for name, digest in files.items()}
        edited = "edited" in states.values()
        current = entry is not None and (entry["updated"], entry["folder"], entry["members"]) == (hit.updated, hit.folder, self.members)
        if edited and not self.force and (current or self.dry_run):
            self.report.kept.append(hit.id)
            return
        if current and set(states.values()) == {"same"}:
            self.report.unchanged.append(hit.id)
            return
        if self.dry_run:
            self.report.downloaded.append(hit.id)
            return
        contents = self.download(hit)
        if contents is None:
            return
        if not self.force and any(self.mine(name, content, files) for name, content in contents.items()):
            self.report.kept.append(hit.id)
            return
        stale = [name for name in files if name not in contents]
        if not self.force and any(states[name] == "edited" for name in stale):
            self.report.kept.append(hit.id)
            return
        for name, content in contents.items():
            if self.read(name) != content:
                write_atomic(self.target / name, content)
        self.unlink(stale)
        digests = {name: _sha256(content) for name, content in contents.items()}
        self.documents[hit.id] = {"folder": hit.folder, "updated": hit.updated, "members": self.members, "files": digests}
        self.report.downloaded.append(hit.id)

    def mine(self, name: str, content: bytes, files: dict[str, str]) -> bool:
        """Whether the file here was written by a person: it is neither what was fetched last, nor what is being fetched.

        The latter is what a fetch that was killed before it could save its manifest leaves.
        """
        return self.state(name, files.get(name)) == "edited" and self.read(name) != content

    def download(self, hit: SearchHit) -> dict[str, bytes] | None:
        """The files of a document, content first; ``None`` where it has disappeared since the search."""
        try:
            names = {member: str(document_paths(hit.id, hit.folder, member)[1]) for member in self.members}
            html_name = str(document_paths(hit.id, hit.folder)[0])
        except ProjectError as error:
            raise UnexpectedAnswerError(
                f"tagtog's answer can't be stored: {error.problem}", place=self.client.domain, value=error.value, legal=error.legal
            ) from error
        try:
            if not self.members:
                return {html_name: self.client.plain_html(hit.id)}
            document = self.client.document(hit.id, members=self.members, folder=hit.folder)
        except NotFoundError:
            # This call fails if it is the project that has disappeared.
            self.client.count(self.query)
            self.remove(hit.id)
            return None
        versions = {names[member]: annotations.dumps().encode("utf-8") for member, annotations in document.versions.items()}
        return {html_name: document.html.data, **versions}

    def remove(self, doc_id: str) -> None:
        """Remove a document that isn't in tagtog any more, unless it was edited here."""
        entry = self.documents.get(doc_id)
        if entry is None:
            return
        if "edited" in [self.state(name, digest) for name, digest in entry["files"].items()]:
            self.report.kept.append(doc_id)
            return
        if not self.dry_run:
            # Annotations first: content without annotations is a document, the reverse is not.
            self.unlink(sorted(entry["files"]))
            del self.documents[doc_id]
        self.report.removed.append(doc_id)

    def unlink(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        for name in names:
            path = self.target / name
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise WriteError(f"can't remove: {error.strerror or error}", place=path, advice="mend the permissions, then run it again") from error
            for folder in path.parents:
                if folder == self.target:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break  # not empty


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
