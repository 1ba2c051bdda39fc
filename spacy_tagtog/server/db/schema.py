"""The tables of the local tagtog's database, and how the database of an earlier release becomes one of today.

The version of a database (``PRAGMA user_version``) is the number of steps that it has taken. A new database
takes all of them, so there is one way to today's tables. A step is never changed once it was released: a
change of the tables is a new step at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

_TABLES: Final = """
CREATE TABLE users (
  name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL, cost INTEGER NOT NULL,
  admin INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
-- Who is logged in with a browser: of the browser's token only a hash. once: of a link that logs in one time.
CREATE TABLE sessions (
  hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, expires INTEGER NOT NULL,
  once INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE TABLE projects (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, settings TEXT NOT NULL,
  created INTEGER NOT NULL, UNIQUE (owner, name));
CREATE TABLE members (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, login TEXT NOT NULL, role TEXT NOT NULL,
  PRIMARY KEY (project_id, login)) WITHOUT ROWID;
CREATE TABLE folders (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, number INTEGER NOT NULL,
  path TEXT NOT NULL, extra TEXT NOT NULL, PRIMARY KEY (project_id, number),
  UNIQUE (project_id, path)) WITHOUT ROWID;

-- AUTOINCREMENT: the index of words may keep words of a deleted document, so no number is used again.
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL, folder INTEGER NOT NULL,
  docid TEXT NOT NULL, filename TEXT NOT NULL, header TEXT NOT NULL, created INTEGER NOT NULL,
  updated INTEGER NOT NULL, anncomplete INTEGER NOT NULL DEFAULT 0,
  -- What lists show and sort by: the name so that 2 comes before 10, how many entities and document labels of
  -- the master version are suggested and decided, and the probability of its least sure suggestion.
  natural_name TEXT NOT NULL, suggested_entities INTEGER NOT NULL DEFAULT 0,
  decided_entities INTEGER NOT NULL DEFAULT 0, suggested_labels INTEGER NOT NULL DEFAULT 0,
  decided_labels INTEGER NOT NULL DEFAULT 0, least_sure REAL, UNIQUE (project_id, docid),
  FOREIGN KEY (project_id, folder) REFERENCES folders (project_id, number) ON DELETE CASCADE);
-- Apart from documents, so that listing these doesn't read the texts.
-- original is NULL where the upload was the plain.html itself.
CREATE TABLE contents (
  document_id INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE, html BLOB NOT NULL,
  text TEXT NOT NULL, original BLOB, original_name TEXT NOT NULL);
CREATE TABLE assignments (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL,
  PRIMARY KEY (document_id, member)) WITHOUT ROWID;

-- The order in which documents are reviewed, and why; flags wait for a colleague.
CREATE TABLE review_order (
  document_id INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE, rank INTEGER NOT NULL,
  batch INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE flags (
  document_id INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE, author TEXT NOT NULL,
  note TEXT NOT NULL, created INTEGER NOT NULL);

-- Contents by their SHA-256, each stored once, however often it was saved.
CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
-- The latest save of each version.
CREATE TABLE versions (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, member TEXT NOT NULL,
  complete INTEGER NOT NULL, blob_id INTEGER NOT NULL, PRIMARY KEY (document_id, member)) WITHOUT ROWID;
CREATE VIEW version_contents AS
  SELECT v.document_id, v.member, v.complete, v.blob_id, b.hash, b.data
  FROM versions AS v JOIN blobs AS b ON b.id = v.blob_id;
-- Every save of a version. html_id is the plain.html that it was made for, where that isn't the document's
-- content any more. effort: the time that it took, where the project measures it.
CREATE TABLE history (
  id INTEGER PRIMARY KEY AUTOINCREMENT, document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  member TEXT NOT NULL, blob_id INTEGER NOT NULL, complete INTEGER NOT NULL, saved INTEGER NOT NULL,
  author TEXT NOT NULL, source TEXT NOT NULL, action TEXT NOT NULL, html_id INTEGER,
  effort TEXT);
CREATE INDEX history_of_version ON history (document_id, member);
CREATE INDEX history_of_blob ON history (blob_id);
CREATE INDEX history_of_html ON history (html_id) WHERE html_id IS NOT NULL;

-- What is to be sent to webhooks.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
  hook TEXT NOT NULL, docid TEXT NOT NULL, status TEXT NOT NULL, source TEXT NOT NULL, blob_id INTEGER,
  created INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '');
CREATE INDEX deliveries_due ON deliveries (state, project_id, hook, due, attempts);
CREATE INDEX deliveries_in_order ON deliveries (project_id, hook, docid, id);
CREATE INDEX deliveries_of_blob ON deliveries (blob_id) WHERE blob_id IS NOT NULL;

-- What the search looks at: the master version's entities, their normalizations, and its document labels.
CREATE TABLE entities (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, number INTEGER NOT NULL,
  class_id TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (document_id, number)) WITHOUT ROWID;
-- norm_id and name are empty where a normalization has none.
CREATE TABLE norms (
  document_id INTEGER NOT NULL, entity INTEGER NOT NULL, class_id TEXT NOT NULL, norm_id TEXT NOT NULL,
  name TEXT NOT NULL, project_id INTEGER NOT NULL, PRIMARY KEY (document_id, entity, class_id),
  FOREIGN KEY (document_id, entity) REFERENCES entities (document_id, number) ON DELETE CASCADE)
  WITHOUT ROWID;
CREATE TABLE labels (
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, class_id TEXT NOT NULL,
  value TEXT NOT NULL, project_id INTEGER NOT NULL, PRIMARY KEY (document_id, class_id)) WITHOUT ROWID;

-- The index of the documents' words. Contentless: the texts are in contents.
CREATE VIRTUAL TABLE text_index USING fts5 (
  words, content = '', columnsize = 0, tokenize = "ascii tokenchars '_'");
-- All words, found by their length, or by any three letters in a row.
CREATE TABLE vocabulary (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE INDEX vocabulary_by_length ON vocabulary (length(word), word);
CREATE VIRTUAL TABLE vocabulary_parts USING fts5 (
  word, content = '', columnsize = 0, detail = none, tokenize = "trigram case_sensitive 1");

-- Goes up with every transaction that writes: what a search found holds as long as it stays.
CREATE TABLE changes (number INTEGER NOT NULL);
INSERT INTO changes VALUES (0);
-- How many documents a folder has, confirmed and not, so that nobody has to count them. Triggers keep it.
CREATE TABLE counts (
  project_id INTEGER NOT NULL, folder INTEGER NOT NULL, anncomplete INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (project_id, folder, anncomplete)) WITHOUT ROWID;
-- How many entities of a class a document has, and how many different ids these are normalized to.
CREATE TABLE class_counts (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL,
  document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, entities INTEGER NOT NULL,
  norms INTEGER NOT NULL, folder INTEGER NOT NULL, anncomplete INTEGER NOT NULL,
  PRIMARY KEY (project_id, class_id, document_id)) WITHOUT ROWID;
CREATE INDEX class_counts_of_document ON class_counts (document_id);
CREATE INDEX class_counts_by_number ON class_counts (project_id, class_id, entities, document_id);
-- And how many documents have each such number. Triggers keep it.
CREATE TABLE class_totals (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL, entities INTEGER NOT NULL, norms INTEGER NOT NULL,
  folder INTEGER NOT NULL, anncomplete INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (project_id, class_id, entities, norms, folder, anncomplete)) WITHOUT ROWID;
-- And how many documents have a label with a value. Triggers keep it.
CREATE TABLE label_totals (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL, value TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (project_id, class_id, value)) WITHOUT ROWID;

-- How many entities of a project are normalized to what. Triggers keep it.
CREATE TABLE norm_totals (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL, norm_id TEXT NOT NULL, name TEXT NOT NULL,
  number INTEGER NOT NULL, PRIMARY KEY (project_id, class_id, norm_id, name)) WITHOUT ROWID;

-- Dictionaries that were uploaded. A load fills a new one, which takes the old one's place at its end: so
-- nobody waits for it. Each has an index of its own, which is dropped with it: see dictionary_index.
-- No CASCADE from projects: it wouldn't drop that.
CREATE TABLE dictionaries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL REFERENCES projects,
  class_id TEXT NOT NULL, ready INTEGER NOT NULL);
CREATE UNIQUE INDEX dictionaries_ready ON dictionaries (project_id, class_id) WHERE ready;
CREATE INDEX dictionaries_of_project ON dictionaries (project_id);
-- names: a JSON list, the main one first.
CREATE TABLE dictionary_entries (
  dictionary INTEGER NOT NULL REFERENCES dictionaries ON DELETE CASCADE, number INTEGER NOT NULL,
  entry_id TEXT NOT NULL, names TEXT NOT NULL, PRIMARY KEY (dictionary, number),
  UNIQUE (dictionary, entry_id)) WITHOUT ROWID;
-- Ids and names as they are searched, the shorter first. place: of the name in names; -1 for the id.
CREATE TABLE dictionary_terms (
  dictionary INTEGER NOT NULL REFERENCES dictionaries ON DELETE CASCADE, number INTEGER NOT NULL,
  entry INTEGER NOT NULL, place INTEGER NOT NULL, term TEXT NOT NULL,
  PRIMARY KEY (dictionary, number)) WITHOUT ROWID;

-- For the conditions of searches.
CREATE INDEX documents_in_order ON documents (project_id, anncomplete, folder);
CREATE INDEX documents_of_folder ON documents (project_id, folder);
CREATE INDEX documents_of_project ON documents (project_id);
CREATE INDEX documents_by_filename ON documents (project_id, filename);
CREATE INDEX documents_by_update ON documents (project_id, updated);
CREATE INDEX documents_by_creation ON documents (project_id, created);
-- Small, so that folders and states of many documents are soon looked up.
CREATE INDEX documents_by_number ON documents (id, project_id, folder, anncomplete);
CREATE INDEX entities_by_text ON entities (class_id, text, document_id);
CREATE INDEX norms_by_id ON norms (norm_id, document_id, entity);
CREATE INDEX labels_by_value ON labels (class_id, value, document_id);
CREATE INDEX versions_confirmed ON versions (member, document_id) WHERE complete AND member <> 'master';
CREATE INDEX assignments_of_member ON assignments (member, document_id);
CREATE INDEX versions_of_member ON versions (member, document_id);
-- For the orders of lists.
CREATE INDEX documents_by_natural_name ON documents (project_id, natural_name);
CREATE INDEX documents_by_least_sure ON documents (project_id, least_sure);
CREATE INDEX review_order_by_rank ON review_order (rank, document_id);
"""

# Each blob of a version stands in its history, so these two tables say whether it is still needed.
_UNUSED: Final = """
  DELETE FROM blobs WHERE id IN ({ids})
    AND NOT EXISTS (SELECT 1 FROM history WHERE blob_id = blobs.id)
    AND NOT EXISTS (SELECT 1 FROM history WHERE html_id = blobs.id)
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE blob_id = blobs.id)"""
_COUNT: Final = """
  INSERT INTO counts (project_id, folder, anncomplete, number)
    VALUES (NEW.project_id, NEW.folder, NEW.anncomplete, 1)
    ON CONFLICT DO UPDATE SET number = number + 1"""
_DISCOUNT: Final = """
  UPDATE counts SET number = number - 1
    WHERE project_id = OLD.project_id AND folder = OLD.folder AND anncomplete = OLD.anncomplete"""
_COUNT_CLASS: Final = """
  INSERT INTO class_totals
    VALUES (NEW.project_id, NEW.class_id, NEW.entities, NEW.norms, NEW.folder, NEW.anncomplete, 1)
    ON CONFLICT DO UPDATE SET number = number + 1"""
_DISCOUNT_CLASS: Final = """
  UPDATE class_totals SET number = number - 1
    WHERE project_id = OLD.project_id AND class_id = OLD.class_id AND entities = OLD.entities
    AND norms = OLD.norms AND folder = OLD.folder AND anncomplete = OLD.anncomplete"""
_COUNT_NORM: Final = """
  INSERT INTO norm_totals VALUES (NEW.project_id, NEW.class_id, NEW.norm_id, NEW.name, 1)
    ON CONFLICT DO UPDATE SET number = number + 1"""
_DISCOUNT_NORM: Final = """
  UPDATE norm_totals SET number = number - 1
    WHERE project_id = OLD.project_id AND class_id = OLD.class_id
    AND norm_id = OLD.norm_id AND name = OLD.name"""
_FORGET_NORM: Final = """
  DELETE FROM norm_totals WHERE number = 0 AND project_id = OLD.project_id AND class_id = OLD.class_id
    AND norm_id = OLD.norm_id AND name = OLD.name"""
_COUNT_LABEL: Final = """
  INSERT INTO label_totals VALUES (NEW.project_id, NEW.class_id, NEW.value, 1)
    ON CONFLICT DO UPDATE SET number = number + 1"""
_DISCOUNT_LABEL: Final = """
  UPDATE label_totals SET number = number - 1
    WHERE project_id = OLD.project_id AND class_id = OLD.class_id AND value = OLD.value"""
# Values may be any text: those that no document has are not kept.
_FORGET_VALUE: Final = """
  DELETE FROM label_totals
    WHERE project_id = OLD.project_id AND class_id = OLD.class_id AND value = OLD.value AND number = 0"""
_MOVE_CLASSES: Final = """
  UPDATE class_counts SET folder = NEW.folder, anncomplete = NEW.anncomplete WHERE document_id = NEW.id"""
_STATE_CHANGED: Final = "OLD.folder <> NEW.folder OR OLD.anncomplete <> NEW.anncomplete"

_TRIGGERS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("history_deleted", "AFTER DELETE ON history", (_UNUSED.format(ids="OLD.blob_id, OLD.html_id"),)),
    ("deliveries_deleted", "AFTER DELETE ON deliveries", (_UNUSED.format(ids="OLD.blob_id"),)),
    ("documents_counted", "AFTER INSERT ON documents", (_COUNT,)),
    ("documents_discounted", "AFTER DELETE ON documents", (_DISCOUNT,)),
    (
        "documents_recounted",
        "AFTER UPDATE OF project_id, folder, anncomplete ON documents "
        f"WHEN OLD.project_id <> NEW.project_id OR {_STATE_CHANGED}",
        (_DISCOUNT, _COUNT),
    ),
    ("class_counted", "AFTER INSERT ON class_counts", (_COUNT_CLASS,)),
    ("class_discounted", "AFTER DELETE ON class_counts", (_DISCOUNT_CLASS,)),
    (
        "class_recounted",
        "AFTER UPDATE OF folder, anncomplete ON class_counts",
        (_DISCOUNT_CLASS, _COUNT_CLASS),
    ),
    ("label_counted", "AFTER INSERT ON labels", (_COUNT_LABEL,)),
    ("label_discounted", "AFTER DELETE ON labels", (_DISCOUNT_LABEL, _FORGET_VALUE)),
    (
        "classes_of_document",
        f"AFTER UPDATE OF folder, anncomplete ON documents WHEN {_STATE_CHANGED}",
        (_MOVE_CLASSES,),
    ),
    ("norms_counted", "AFTER INSERT ON norms", (_COUNT_NORM,)),
    ("norms_discounted", "AFTER DELETE ON norms", (_DISCOUNT_NORM, _FORGET_NORM)),
)
"""Name, occasion, and what is done then."""


def _statements(script: str) -> Iterator[str]:
    # Not executescript: it would end the transaction.
    for statement in script.split(";\n"):
        if statement.strip():
            yield statement


def _create(connection: sqlite3.Connection) -> None:
    for statement in _statements(_TABLES):
        connection.execute(statement)
    for name, occasion, actions in _TRIGGERS:
        connection.execute(f"CREATE TRIGGER {name} {occasion} BEGIN {'; '.join(actions)}; END")


def dictionary_index(dictionary: int) -> str:
    """The name of the index of an uploaded dictionary: its terms, found by any three letters in a row.

    Not one index for all of them: taking a million terms out of it would take minutes.
    """
    return f"dictionary_index_{dictionary}"


def create_dictionary_index(connection: sqlite3.Connection, dictionary: int) -> None:
    """Make the index of a dictionary. Contentless: the terms are in dictionary_terms, by the same numbers."""
    connection.execute(
        f"CREATE VIRTUAL TABLE {dictionary_index(dictionary)} USING fts5 ("
        "term, content = '', columnsize = 0, detail = none, tokenize = \"trigram case_sensitive 1\")"
    )


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create,)
"""Each takes a database from one version to the next, within a transaction."""


def version() -> int:
    """The version of today's tables."""
    return len(STEPS)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def upgrade(connection: sqlite3.Connection) -> None:
    """Take the steps that a database hasn't taken yet, within the caller's transaction."""
    for step in STEPS[version_of(connection) :]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {version()}")
