"""Upload files as new documents, each once.

The contract of :func:`upload`: a file isn't uploaded again if the project has a document of the same name and
content. An upload whose answer gets lost is looked for before it is repeated. So an upload that was killed at
any moment is resumed by running it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.client._lookup import same_name_query
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.errors import ClientError, ConfigurationError, NotFoundError, ProjectError, RejectedError

_TRIES: Final = 4
"""A file whose answer doesn't come is sent at most this many times."""
_THIS_FILE: Final = frozenset({400, 413, 415, 422, 501})
"""Statuses that are about the file. But for 500, the others would come for any file."""


@dataclass
class UploadReport:
    """What an upload did, or with ``dry_run`` would do.

    Attributes:
        created: The new documents: (file, document id); the id is empty in a dry run.
        present: The files that the project has already: (file, document id).
        refused: The files that tagtog doesn't take: (file, what it said).
    """

    created: list[tuple[Path, str]] = field(default_factory=list)
    present: list[tuple[Path, str]] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids of all documents that are there now, each once."""
        return list(dict.fromkeys(doc_id for _, doc_id in [*self.created, *self.present] if doc_id))


@dataclass
class _Outcome:
    what: Literal["created", "present", "refused"]
    text: str


def upload(
    client: TagtogClient,
    paths: Sequence[Path],
    *,
    folder: str = "pool",
    text_format: str | None = None,
    distribute_to: str | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> UploadReport:
    """Upload files as new documents. At most ``client.threads`` calls run at once.

    Args:
        client: The project.
        paths: Files of types that tagtog reads (txt, pdf, md, html…).
        folder: The folder they are put into. It is added if the project doesn't have it.
        text_format: ``verbatim``, ``formatted`` or ``markdown``; by default tagtog goes by the file name.
        distribute_to: To whom they are assigned: ``-`` as the project says, ``""`` nobody, ``*`` all members,
            or names separated by commas.
        dry_run: Send nothing; only say what would be done.
        progress: Shows the progress through the files.

    Returns:
        What was done.

    Raises:
        ConfigurationError: A file comes twice.
        ProjectError: A file can't be read. Nothing has been sent.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense. Uploading the same files
            again goes on.
    """
    files = [Path(path) for path in paths]
    _check(files)
    report = UploadReport()
    if not dry_run and files:
        client.add_folder(folder)

    def one(path: Path) -> _Outcome:
        for number in range(1, _TRIES + 1):
            known = _known(client, path)
            if known is not None:
                # Found after a lost answer, it is the document of the earlier try.
                return _Outcome("present" if number == 1 else "created", known)
            if dry_run:
                return _Outcome("created", "")
            try:
                (item,) = client.upload_files(
                    [path], folder=folder, text_format=text_format, distribute_to=distribute_to
                )
            except RejectedError as error:
                about_it = error.status in _THIS_FILE or (error.status is not None and error.status < 300)
                # A server that fails each time it is sent this file may well take the others.
                if about_it or (error.status == 500 and number == _TRIES):
                    return _Outcome("refused", error.said or str(error.value))
                if not error.uncertain or number == _TRIES:
                    raise
            except ClientError as error:
                if not error.uncertain or number == _TRIES:
                    raise
            else:
                return _Outcome("created", item.doc_id)
        raise AssertionError

    def all_files() -> Iterator[Path]:
        with workers(client.threads) as pool:
            for path, outcome in pool.map(one, files):
                {"created": report.created, "present": report.present, "refused": report.refused}[
                    outcome.what
                ].append((path, outcome.text))
                yield path

    for _ in progress(all_files(), len(files)):
        pass
    return report


def _check(files: Sequence[Path]) -> None:
    """Make sure that all files can be read, and that none comes twice."""
    seen: set[Path] = set()
    for path in files:
        try:
            same = path.resolve(strict=True)
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ProjectError(
                f"a file can't be read: {error.strerror or error}",
                place=path,
                advice="check the path and the permissions",
            ) from error
        if same in seen:
            raise ConfigurationError("one file comes twice", value=str(path), legal="each file once")
        seen.add(same)


def _known(client: TagtogClient, path: Path) -> str | None:
    """The id of the document that this file is already."""
    content = None
    for hit in client.search(same_name_query(path.name)):
        if hit.filename == path.name:
            content = path.read_bytes() if content is None else content
            # A document that is deleted at this moment isn't there any more.
            with suppress(NotFoundError):
                if client.original(hit.id) == content:
                    return hit.id
    return None
