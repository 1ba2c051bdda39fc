"""Documents that a person uploads on a page: each by itself, so that one that is refused holds up no other.

tagtog's own call imports all files of a request or none, see :mod:`spacy_tagtog.server.api.documents`.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.server.api.answers import database_failure, status_of
from spacy_tagtog.server.api.context import Call, path_of
from spacy_tagtog.server.db.failures import DatabaseError
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.uploads import Uploaded, store_uploads
from spacy_tagtog.server.imports.uploads import UploadedFile, belonging_together, read_uploads

FIELD: Final = "files"
"""The field of the form that has the files."""
FORMATS: Final = {
    "default": "what their names say",
    "verbatim": "plain text",
    "formatted": "plain text, a part per paragraph",
    "markdown": "Markdown",
}
"""How the files may be read, and how a page says that."""
_SINGLE_ANNOTATIONS: Final = (
    "annotations need their document beside them: NAME.txt or NAME.plain.html, one of that name"
)


@dataclass(frozen=True)
class Outcome:
    """What became of a document.

    Attributes:
        names: The names of its files.
        result: ``created``, ``present``, ``refused`` (as often as it is sent), ``failed`` (it can be sent
            again) or ``hidden`` (a hidden file, which nobody means to upload).
        said: The same in words, with the reason.
        address: The page of the document; of several, of the first.
    """

    names: tuple[str, ...]
    result: Literal["created", "present", "refused", "failed", "hidden"]
    said: str
    address: str = ""


def store_each(call: Call) -> list[Outcome]:
    """Store the files of a page's form as documents.

    Args:
        call: The request: the files, and as fields the ``folder`` and the ``format``.

    Raises:
        RequestError: The role doesn't allow it, or there is no such project or folder.
    """
    call.need("import documents")
    call.access.need_to_edit(MASTER)
    info = call.database.read(read_project, *call.project)
    folder = info.folder(str(call.body.fields.get("folder") or "pool")).path
    how = str(call.body.fields.get("format") or "default")
    # A form without a chosen file sends an empty one, without a name.
    chosen = [file for file in call.body.files if file.data or file.name != FIELD]
    hidden = [file for file in chosen if _is_hidden(file.name)]
    outcomes = [
        _store(call, group, folder, how)
        for group in belonging_together([file for file in chosen if file not in hidden])
    ]
    return [*outcomes, *(Outcome((file.name,), "hidden", "a hidden file: left out") for file in hidden)]


def _is_hidden(name: str) -> bool:
    return any(piece.startswith(".") for piece in name.split("/"))


def _store(call: Call, group: Sequence[UploadedFile], folder: str, how: str) -> Outcome:
    """Store one document, or of a table as many as it has rows: all of them or none."""
    names = tuple(file.name for file in group)
    # Browsers give the path within the folder that was chosen. All documents go to one folder of the project.
    files = [dataclasses.replace(file, name=file.name.rpartition("/")[2]) for file in group]
    if files[0].name.endswith(".ann.json"):
        return Outcome(names, "refused", _SINGLE_ANNOTATIONS)
    try:
        uploads = read_uploads(files, how if len(files) == 1 else f"{how}-plus-annjson")
        stored = call.database.write(
            store_uploads,
            *call.project,
            uploads,
            folder=folder,
            author=call.author,
            keep_reviewed=True,
        )
    except (DatabaseError, sqlite3.Error, OSError) as error:
        failure = database_failure(error)
        return Outcome(names, "failed" if status_of(failure) in (503, 507) else "refused", _reason(failure))
    except SpacyTagtogError as error:
        return Outcome(names, "refused", _reason(error))
    return _stored(call, names, stored, folder, [text for upload in uploads for text in upload.warnings])


def _reason(error: SpacyTagtogError) -> str:
    """The problem in one line, with its place in the file."""
    details = dict(error.details())
    found = ", ".join(dict.fromkeys(details[name] for name in ("where", "value") if details.get(name)))
    legal = f"; possible: {details['legal']}" if "legal" in details else ""
    return error.problem + (f" ({found})" if found else "") + legal


def _stored(
    call: Call, names: tuple[str, ...], stored: Sequence[Uploaded], folder: str, warnings: Sequence[str]
) -> Outcome:
    new = [one for one in stored if one.result == "created"]
    kept = sum(one.result == "kept" for one in stored)
    said = []
    if new:
        said.append("new" if len(stored) == 1 else counted(len(new), "new document"))
    if updated := len(stored) - len(new) - kept:
        again = "annotations replaced" if len(names) > 1 else "nothing changed"
        there = "was there already" if len(stored) == 1 else f"{updated} were there already"
        said.append(f"{there}: {again}")
    if kept:
        there = "was there already" if len(stored) == 1 else f"{kept} were there already"
        said.append(f"{there}, and people reviewed it: left as it is")
    address = path_of(*call.project, folder, stored[0].docid)
    return Outcome(names, "created" if new else "present", "; ".join([*said, *warnings]), address)
