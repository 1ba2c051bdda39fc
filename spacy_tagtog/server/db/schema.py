"""The tables of the local tagtog's database, and how an older database becomes one of today.

A new database takes all the steps, too, so there is one way to today's tables. A step is never changed once it was released: changes are a
new step at the end.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Final

from spacy_tagtog.server.search import index

_FIRST = """
CREATE TABLE users (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE projects (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, settings TEXT NOT NULL, created INTEGER NOT NULL, UNIQUE (owner, name));
CREATE TABLE folders (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, number INTEGER NOT NULL, path TEXT NOT NULL, extra TEXT NOT NULL,
  PRIMARY KEY (project_id, number), UNIQUE (project_id, path)) WITHOUT ROWID;
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL, folder INTEGER NOT NULL, docid TEXT NOT NULL, filename TEXT NOT NULL,
  header TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, anncomplete INTEGER NOT NULL DEFAULT 0,
  UNIQUE (project_id, docid), FOREIGN KEY (project_id, folder) REFERENCES folders (project_id, number) ON DELETE CASCADE);
CREATE INDEX documents_of_folder ON documents (project_id, folder);
-- Apart from documents, so that listing these doesn't read the texts. original is NULL where the upload was the plain.html itself.
CREATE TABLE contents (
  document_id INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE, html BLOB NOT NULL, text TEXT NOT NULL, original BLOB,
  original_name TEXT NOT NULL);
CREATE TABLE versions (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL, complete INTEGER NOT NULL, ann TEXT NOT NULL,
  PRIMARY KEY (document_id, member));
-- What the search looks at: the master version's entities, their normalizations, and its document labels.
CREATE TABLE entities (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, number INTEGER NOT NULL, class_id TEXT NOT NULL, text TEXT NOT NULL,
  state TEXT NOT NULL, PRIMARY KEY (document_id, number)) WITHOUT ROWID;
CREATE TABLE norms (
  document_id INTEGER NOT NULL, entity INTEGER NOT NULL, class_id TEXT NOT NULL, norm_id TEXT NOT NULL,
  PRIMARY KEY (document_id, entity, class_id), FOREIGN KEY (document_id, entity) REFERENCES entities (document_id, number) ON DELETE CASCADE)
  WITHOUT ROWID;
CREATE TABLE labels (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, class_id TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (document_id, class_id)) WITHOUT ROWID;
"""

_PEOPLE_AND_HISTORY = """
-- Until now every user could do everything, and still may.
ALTER TABLE users ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
UPDATE users SET admin = 1;
CREATE TABLE members (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, login TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (project_id, login))
  WITHOUT ROWID;
INSERT INTO members (project_id, login, role) SELECT id, owner, 'admin' FROM projects;
CREATE TABLE assignments (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL, PRIMARY KEY (document_id, member)) WITHOUT ROWID;
-- Contents by their SHA-256, each stored once, however often it was saved.
CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
-- Every save of a version. html_id is the plain.html that it was made for, where that isn't the document's content any more.
CREATE TABLE history (
  id INTEGER PRIMARY KEY AUTOINCREMENT, document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL,
  blob_id INTEGER NOT NULL, complete INTEGER NOT NULL, saved INTEGER NOT NULL, author TEXT NOT NULL, source TEXT NOT NULL, action TEXT NOT NULL,
  html_id INTEGER);
CREATE INDEX history_of_version ON history (document_id, member);
CREATE INDEX history_of_blob ON history (blob_id);
CREATE INDEX history_of_html ON history (html_id) WHERE html_id IS NOT NULL;
-- What is to be sent to webhooks.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, hook TEXT NOT NULL, docid TEXT NOT NULL,
  status TEXT NOT NULL, source TEXT NOT NULL, blob_id INTEGER, created INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '');
CREATE INDEX deliveries_due ON deliveries (state, due);
CREATE INDEX deliveries_in_order ON deliveries (project_id, hook, docid, id);
CREATE INDEX deliveries_of_blob ON deliveries (blob_id) WHERE blob_id IS NOT NULL;
-- The latest save of each version.
CREATE TABLE latest (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL, complete INTEGER NOT NULL, blob_id INTEGER NOT NULL,
  PRIMARY KEY (document_id, member)) WITHOUT ROWID;
INSERT OR IGNORE INTO blobs (hash, data) SELECT sha256(ann), CAST(ann AS BLOB) FROM versions ORDER BY document_id, member;
INSERT INTO latest (document_id, member, complete, blob_id)
  SELECT v.document_id, v.member, v.complete, b.id FROM versions AS v JOIN blobs AS b ON b.hash = sha256(v.ann);
INSERT INTO history (document_id, member, blob_id, complete, saved, author, source, action)
  SELECT l.document_id, l.member, l.blob_id, l.complete, d.updated, '', '', 'saved before history was kept'
  FROM latest AS l JOIN documents AS d ON d.id = l.document_id ORDER BY l.document_id, l.member;
DROP TABLE versions;
ALTER TABLE latest RENAME TO versions;
"""

# Each blob of a version stands in its history, so these two tables say whether it is still needed.
_UNUSED = """
  DELETE FROM blobs WHERE id IN ({ids})
    AND NOT EXISTS (SELECT 1 FROM history WHERE blob_id = blobs.id) AND NOT EXISTS (SELECT 1 FROM history WHERE html_id = blobs.id)
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE blob_id = blobs.id)
"""


def _script(connection: sqlite3.Connection, script: str) -> None:
    # Not executescript: it would end the transaction.
    for statement in script.split(";\n"):
        connection.execute(statement)


def _first(connection: sqlite3.Connection) -> None:
    _script(connection, _FIRST)


def _people_and_history(connection: sqlite3.Connection) -> None:
    connection.create_function(
        "sha256", 1, lambda text: hashlib.sha256(text.encode()).digest(), deterministic=True
    )
    _script(connection, _PEOPLE_AND_HISTORY)
    for table, ids in (("history", "OLD.blob_id, OLD.html_id"), ("deliveries", "OLD.blob_id")):
        connection.execute(
            f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {_UNUSED.format(ids=ids)}; END"
        )


_STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    _first,
    _people_and_history,
    index.create,
    index.count_more,
    index.index_states,
)
VERSION: Final = len(_STEPS)
"""The version of today's tables (``PRAGMA user_version``)."""


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring a database to today's version, within the caller's transaction.

    Args:
        connection: The database.
        version: Its version; 0 for an empty one.
    """
    for step in _STEPS[version:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
