"""Calls to the local tagtog's database that name a project, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacy_tagtog.server import Database
from spacy_tagtog.server.db.documents import (
    StoredDocument,
    delete_documents,
    document_key,
    read_document,
)
from spacy_tagtog.server.db.projects import list_projects, read_project
from spacy_tagtog.server.db.uploads import Uploaded, store_uploads
from spacy_tagtog.server.imports.uploads import Upload
from spacy_tagtog.server.search.results import Page, find_all, search


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """A database for the time of a block."""
    database = Database(path)
    try:
        yield database
    finally:
        database.close()


def number_of_projects(database: Database) -> int:
    """For names that are new."""
    return len(database.read(list_projects))


def upload(
    database: Database, owner: str, name: str, uploads: Sequence[Upload], **more: Any
) -> list[Uploaded]:
    return database.write(store_uploads, owner, name, uploads, **more)


def find(database: Database, owner: str, name: str, query: str, **page: Any) -> Page:
    """A search. Without ``limit`` every document is looked at: no table has the answer."""
    with database.reading() as connection:
        return search(connection, read_project(connection, owner, name), query, **page)


def delete(database: Database, owner: str, name: str, query: str) -> int:
    with database.writing() as connection:
        info = read_project(connection, owner, name)
        return delete_documents(connection, list(find_all(connection, info, query)))


def delete_document(database: Database, owner: str, name: str, docid: str) -> int:
    with database.writing() as connection:
        key = document_key(connection, read_project(connection, owner, name).key, docid)
        return delete_documents(connection, [] if key is None else [key])


def document(database: Database, owner: str, name: str, docid: str, **more: Any) -> StoredDocument:
    with database.reading() as connection:
        return read_document(connection, read_project(connection, owner, name), docid, **more)
