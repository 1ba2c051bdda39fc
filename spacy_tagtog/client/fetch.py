"""Keep a folder in step with what a query finds in a tagtog project.

The folder has tagtog's download layout. A manifest beside the documents lets the next fetch download only
what changed, and never overwrite or remove what was edited here; see :mod:`spacy_tagtog.client._manifest`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, Literal

from spacy_tagtog._files import TEMPORARY_PREFIX, folder_lock, make_folder
from spacy_tagtog._options import did_you_mean
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.client._manifest import Entry, Manifest, digest
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client._retry import check_stopped
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.client.models import SearchHit
from spacy_tagtog.errors import (
    ArgumentError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    ProjectError,
    UnexpectedAnswerError,
    WriteError,
)

ALL_MEMBERS: Final = "*"
"""The versions of everybody: master and all members of the project."""
_SEARCHES: Final = 3
"""A list of documents that isn't complete is asked for at most this many times."""

_Gone = Literal["deleted", "unconfirmed", "elsewhere"]


@dataclass
class FetchReport:
    """What a fetch did, or with ``dry_run`` would do.

    Attributes:
        found: The number of documents that the query found.
        downloaded: The ids of new and changed documents.
        unchanged: The ids of documents that were here already.
        removed: The ids of documents that the query no longer finds, removed here.
        deleted: Of the documents that the query no longer finds, those that tagtog doesn't have any more.
        unconfirmed: Of the documents that the query no longer finds, those that were confirmed when they were
            fetched, and aren't any more.
        kept: What was edited here since it was fetched, and was left alone: document ids, and the name of the
            legend's file.
        conflicts: Of those kept, what tagtog has changed or removed meanwhile, too.
        overwritten: Of those downloaded, the ones that were edited here and overwritten with ``force``.
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
    progress: Progress = silent,
) -> FetchReport:
    """Download the documents that a query finds into a folder, or bring the folder up to date.

    At most ``client.threads`` documents are downloaded at once. An interrupted fetch keeps what it has, even
    if it was killed. The next one goes on from there, and ends as if nothing had been interrupted.

    Args:
        client: The project.
        target: The folder: a new or empty one, or one that an earlier fetch of this project wrote.
        query: Which documents, in tagtog's query language.
        members: Which versions of the annotations. ``[ALL_MEMBERS]`` for master's and every member's: this
            takes one call per member and document, and a user who may see the members. Members without their
            own version of a document have no file of it.
        text_only: Write the contents without annotations, for documents that are still to be annotated.
        force: Overwrite files that were edited here. Edited documents that the query no longer finds are kept
            anyway.
        dry_run: Write nothing; only say what would be done, as far as that is known without downloading.
        progress: Shows the progress through the documents found.

    Returns:
        What was done.

    Raises:
        ArgumentError: Nobody of a member's name works on the project.
        OutputExistsError: The folder holds something else, or another project, or another fetch writes to it.
        ProjectError: The folder's manifest can't be read.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense.
        WriteError: The file system refuses.
    """
    run = _Fetch(
        client, Path(target), query=query, members=members, text_only=text_only, force=force, dry_run=dry_run
    )
    return run.run(progress)


def everybody(client: TagtogClient) -> list[str]:
    """Who may have a version of a document: master and every member.

    Raises:
        ClientError: The call failed.
    """
    return list(dict.fromkeys([MASTER, *(member.name for member in client.members() if not member.pending)]))


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
                "it isn't clear whose annotations are wanted",
                value=members,
                legal='names, such as ["master", "ann"], or ["*"] for everybody',
            )
        self.client = client
        self.target = target
        self.query = query
        self.force = force
        self.dry_run = dry_run
        self.wanted = (
            [] if text_only else [ALL_MEMBERS] if ALL_MEMBERS in members else list(dict.fromkeys(members))
        )
        self.members: list[str] = []
        self.report = FetchReport()
        self.manifest = Manifest(
            target,
            source={"domain": client.name, "owner": client.owner, "project": client.project},
            asked={"query": query, "members": list(dict.fromkeys(members)), "text_only": text_only},
        )

    def run(self, progress: Progress) -> FetchReport:
        with ExitStack() as stack:
            if self.target.is_dir() and not self.dry_run:
                stack.enter_context(folder_lock(self.target))
            self.manifest.load()
            hits, complete = self.search()
            self.report.found = len(hits)
            legend = self.client.legend().dumps().encode("utf-8")
            self.members = everybody(self.client) if self.wanted == [ALL_MEMBERS] else self.wanted
            self.check_members(hits)
            if not self.dry_run and not self.target.is_dir():
                make_folder(self.target)
                stack.enter_context(folder_lock(self.target))
                self.manifest.load()
            # Before the first document: an interrupted first fetch must find its folder again.
            self.save()
            if not self.dry_run:
                # The manifest says now what an interrupted fetch's journal said.
                self.manifest.close_journal(remove=True)
            try:
                self.write_legend(legend)
                for _ in progress(self.documents(hits), len(hits)):
                    pass
                self.remove_gone({hit.id for hit in hits}, complete)
                if not self.dry_run:
                    # A query that finds nothing makes an empty project, which other commands can read.
                    make_folder(self.target / "plain.html")
                    self.tidy()
            except BaseException:
                # The first error is the one to report. What the manifest can't say now, the journal says.
                with suppress(WriteError):
                    self.save()
                self.manifest.close_journal(remove=False)
                raise
            self.manifest.writing = {}
            self.save()
            if not self.dry_run:
                self.manifest.close_journal(remove=True)
        return self.report

    def check_members(self, hits: Sequence[SearchHit]) -> None:
        """Refuse names that nobody has: tagtog answers with empty annotations for them."""
        asked = [name for name in self.wanted if name not in (MASTER, ALL_MEMBERS)]
        if not asked:
            return
        # Somebody who has left the project may have left versions behind.
        known = {name for hit in hits for name in hit.members_anncomplete}
        try:
            known.update(everybody(self.client))
        except AuthenticationError:  # the user's role doesn't allow it: nobody can tell
            return
        unknown = [name for name in asked if name not in known and not self.has_version(name, hits)]
        if unknown:
            raise ArgumentError(
                "the project has no such member",
                place=f"{self.client.owner}/{self.client.project}",
                value=", ".join(unknown),
                legal=", ".join(sorted(known)),
                advice=did_you_mean(unknown[0], known),
            )

    def has_version(self, member: str, hits: Sequence[SearchHit]) -> bool:
        """Whether any document has a version of somebody who is no member."""

        def has(hit: SearchHit) -> bool:
            try:
                return member in self.client.document(hit.id, members=[member]).versions
            except NotFoundError:  # it has disappeared since the search
                return False

        with workers(self.client.threads) as pool:
            return any(found for _, found in pool.map(has, hits))

    def save(self) -> None:
        if not self.dry_run:
            self.manifest.save()

    # ---- what is found

    def search(self) -> tuple[list[SearchHit], bool]:
        """All hits, and whether none is missing: a list that changes while it is read may lack some."""
        hits: list[SearchHit] = []
        for _ in range(_SEARCHES):
            hits = list(self.client.search(self.query))
            if len(hits) == self.client.count(self.query):
                return hits, True
        return hits, False

    def write_legend(self, content: bytes) -> None:
        wanted = digest(content)
        state = self.manifest.state(LEGEND_NAME, self.manifest.legend)
        if state == "same" and self.manifest.legend == wanted:
            return
        if state == "edited" and self.manifest.read_file(LEGEND_NAME) != content:
            if not self.force:
                self.report.kept.append(LEGEND_NAME)
                if self.manifest.legend != wanted:
                    self.report.conflicts.append(LEGEND_NAME)
                return
            self.report.overwritten.append(LEGEND_NAME)
        if not self.dry_run:
            self.manifest.announce({LEGEND_NAME: wanted})
            self.manifest.write_file(LEGEND_NAME, content)
            self.manifest.legend = wanted

    def documents(self, hits: Sequence[SearchHit]) -> Iterator[SearchHit]:
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
        """See to one document. Several threads do this at once, so each changes only its own document."""
        entry = self.manifest.documents.get(hit.id)
        files = entry["files"] if entry is not None else {}
        states = {name: self.manifest.state(name, written) for name, written in files.items()}
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
        in_the_way = any(self.is_edited(name, content, files) for name, content in contents.items()) or any(
            states[name] == "edited" for name in stale
        )
        if in_the_way and not self.force:
            return _Outcome("kept", conflict=True)
        check_stopped()
        self.write(hit, contents, stale)
        return _Outcome("downloaded", overwritten=in_the_way)

    def is_edited(self, name: str, content: bytes, files: dict[str, str]) -> bool:
        """Whether a person edited the file: it is neither what was fetched, nor what is being fetched."""
        return (
            self.manifest.state(name, files.get(name)) == "edited"
            and self.manifest.read_file(name) != content
        )

    def write(self, hit: SearchHit, contents: dict[str, bytes], stale: Iterable[str]) -> None:
        """Write the files of a document, and remove those that it doesn't have any more."""
        digests = {name: digest(content) for name, content in contents.items()}
        new = {
            name: wanted
            for name, wanted in digests.items()
            if self.manifest.state(name, None) != "edited" or self.manifest.read_file(name) != contents[name]
        }
        if new:
            self.manifest.announce(new)
        for name in new:
            self.manifest.write_file(name, contents[name])
        # Files alone: another thread may be about to write to a folder that gets empty here.
        self.unlink(stale)
        entry: Entry = {
            "folder": hit.folder,
            "updated": hit.updated,
            "anncomplete": hit.anncomplete,
            "fetched": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "members": self.wanted,
            "files": digests,
        }
        self.manifest.record(hit.id, entry)

    def download(self, hit: SearchHit) -> dict[str, bytes] | None:
        """The files of a document, content first; ``None`` if it has disappeared since the search."""
        members = self.members
        if self.wanted == [ALL_MEMBERS]:
            # Somebody who has left the project may have left a version behind.
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
        gone = [doc_id for doc_id in self.manifest.documents if doc_id not in found]
        if gone and not complete:
            raise UnexpectedAnswerError(
                "tagtog's list of documents isn't complete, so nothing was removed here",
                place=self.client.domain,
                value=self.query,
                legal="as many documents listed as found",
                advice="changed documents have been downloaded; fetch again when nobody imports or confirms "
                "documents",
            )
        with workers(self.client.threads) as pool:
            for doc_id, why in pool.map(self.why_gone, gone):
                self.remove(doc_id, why)

    def why_gone(self, doc_id: str) -> _Gone:
        """Why the query doesn't find a document any more."""
        try:
            complete = self.client.annotations(doc_id).complete
        except NotFoundError:
            return "deleted"
        was_complete = self.manifest.documents[doc_id]["anncomplete"]
        return "unconfirmed" if was_complete and not complete else "elsewhere"

    def remove(self, doc_id: str, why: _Gone) -> None:
        """Remove a document that isn't found any more, unless it was edited here."""
        entry = self.manifest.documents.get(doc_id)
        if entry is None:
            return
        if "edited" in [self.manifest.state(name, written) for name, written in entry["files"].items()]:
            self.report.kept.append(doc_id)
            self.report.conflicts.append(doc_id)
        else:
            if not self.dry_run:
                # Annotations first: content without annotations is a document, the reverse is not.
                self.unlink(sorted(entry["files"]))
                del self.manifest.documents[doc_id]
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
                    advice="mend the permissions, then fetch again",
                ) from error

    def tidy(self) -> None:
        """Remove folders that got empty, and what a killed fetch left of files that it was writing."""
        owned = {name for entry in self.manifest.documents.values() for name in entry["files"]}
        owned.add(LEGEND_NAME)
        self.unlink(
            [
                name
                for name, announced in self.manifest.writing.items()
                if name not in owned and self.manifest.state(name, announced) == "same"
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
