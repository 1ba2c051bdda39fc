"""The index of the documents' words, and the counts of documents: what makes a search quick.

A word is a stretch of letters, digits and underscores. FTS5 gets the words only, separated by spaces and written so that it keeps their case:
of its own tokenizers all ignore it. Which documents match in the end is decided by :mod:`spacy_tagtog.server.search.words` wherever an index of words
can't decide it.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

WORD: Final = re.compile(r"\w+")
_MARKED = re.compile("[A-Z_]")

_TABLES = """
-- Contentless: the texts are in contents. Words that a document left behind would do no harm: its number isn't used again.
CREATE VIRTUAL TABLE text_index USING fts5 (words, content = '', columnsize = 0, tokenize = "ascii tokenchars '_'");
CREATE TABLE vocabulary (word TEXT PRIMARY KEY) WITHOUT ROWID;
-- How many documents a folder has, confirmed and not, so that nobody has to count them.
CREATE TABLE counts (
  project_id INTEGER NOT NULL, folder INTEGER NOT NULL, anncomplete INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (project_id, folder, anncomplete)) WITHOUT ROWID;
INSERT INTO counts SELECT project_id, folder, anncomplete, count(*) FROM documents GROUP BY project_id, folder, anncomplete;
DROP INDEX documents_of_folder;
CREATE INDEX documents_in_order ON documents (project_id, anncomplete, folder);
CREATE INDEX documents_of_folder ON documents (project_id, folder);
CREATE INDEX documents_of_project ON documents (project_id);
CREATE INDEX documents_by_filename ON documents (project_id, filename);
CREATE INDEX documents_by_update ON documents (project_id, updated);
CREATE INDEX documents_by_creation ON documents (project_id, created);
CREATE INDEX entities_by_text ON entities (class_id, text, document_id);
CREATE INDEX norms_by_id ON norms (norm_id, document_id, entity);
CREATE INDEX labels_by_value ON labels (class_id, value, document_id);
CREATE INDEX versions_confirmed ON versions (member, document_id) WHERE complete AND member <> 'master';
"""
_TRIGGERS = (
    "CREATE TRIGGER documents_counted AFTER INSERT ON documents BEGIN "
    "INSERT INTO counts (project_id, folder, anncomplete, number) VALUES (NEW.project_id, NEW.folder, NEW.anncomplete, 1) "
    "ON CONFLICT DO UPDATE SET number = number + 1; END",
    "CREATE TRIGGER documents_discounted AFTER DELETE ON documents BEGIN "
    "UPDATE counts SET number = number - 1 WHERE project_id = OLD.project_id AND folder = OLD.folder AND anncomplete = OLD.anncomplete; END",
    "CREATE TRIGGER documents_recounted AFTER UPDATE OF project_id, folder, anncomplete ON documents "
    "WHEN OLD.project_id <> NEW.project_id OR OLD.folder <> NEW.folder OR OLD.anncomplete <> NEW.anncomplete BEGIN "
    "UPDATE counts SET number = number - 1 WHERE project_id = OLD.project_id AND folder = OLD.folder AND anncomplete = OLD.anncomplete; "
    "INSERT INTO counts (project_id, folder, anncomplete, number) VALUES (NEW.project_id, NEW.folder, NEW.anncomplete, 1) "
    "ON CONFLICT DO UPDATE SET number = number + 1; END",
)

_MORE_TABLES = """
-- Goes up with every transaction that writes: what a search found holds as long as it stays.
CREATE TABLE changes (number INTEGER NOT NULL);
INSERT INTO changes VALUES (0);
-- How many entities of a class a document has, and how many different ids these are normalized to; and how many documents have so many.
CREATE TABLE class_counts (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL, document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  entities INTEGER NOT NULL, norms INTEGER NOT NULL, folder INTEGER NOT NULL, anncomplete INTEGER NOT NULL,
  PRIMARY KEY (project_id, class_id, document_id)) WITHOUT ROWID;
CREATE INDEX class_counts_of_document ON class_counts (document_id);
CREATE INDEX class_counts_by_number ON class_counts (project_id, class_id, entities, document_id);
CREATE TABLE class_totals (
  project_id INTEGER NOT NULL, class_id TEXT NOT NULL, entities INTEGER NOT NULL, norms INTEGER NOT NULL, folder INTEGER NOT NULL,
  anncomplete INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (project_id, class_id, entities, norms, folder, anncomplete)) WITHOUT ROWID;
CREATE INDEX assignments_of_member ON assignments (member, document_id);
-- The words again, found by any three letters in a row, or by their length.
ALTER TABLE vocabulary RENAME TO old_vocabulary;
CREATE TABLE vocabulary (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE INDEX vocabulary_by_length ON vocabulary (length(word), word);
CREATE VIRTUAL TABLE vocabulary_parts USING fts5 (word, content = '', columnsize = 0, detail = none, tokenize = "trigram case_sensitive 1");
"""
_MORE_TRIGGERS = (
    "CREATE TRIGGER class_counted AFTER INSERT ON class_counts BEGIN "
    "INSERT INTO class_totals VALUES (NEW.project_id, NEW.class_id, NEW.entities, NEW.norms, NEW.folder, NEW.anncomplete, 1) "
    "ON CONFLICT DO UPDATE SET number = number + 1; END",
    "CREATE TRIGGER class_discounted AFTER DELETE ON class_counts BEGIN "
    "UPDATE class_totals SET number = number - 1 WHERE project_id = OLD.project_id AND class_id = OLD.class_id AND entities = OLD.entities "
    "AND norms = OLD.norms AND folder = OLD.folder AND anncomplete = OLD.anncomplete; END",
    "CREATE TRIGGER class_recounted AFTER UPDATE OF folder, anncomplete ON class_counts BEGIN "
    "UPDATE class_totals SET number = number - 1 WHERE project_id = OLD.project_id AND class_id = OLD.class_id AND entities = OLD.entities "
    "AND norms = OLD.norms AND folder = OLD.folder AND anncomplete = OLD.anncomplete; "
    "INSERT INTO class_totals VALUES (NEW.project_id, NEW.class_id, NEW.entities, NEW.norms, NEW.folder, NEW.anncomplete, 1) "
    "ON CONFLICT DO UPDATE SET number = number + 1; END",
    "CREATE TRIGGER classes_of_document AFTER UPDATE OF folder, anncomplete ON documents "
    "WHEN OLD.folder <> NEW.folder OR OLD.anncomplete <> NEW.anncomplete BEGIN "
    "UPDATE class_counts SET folder = NEW.folder, anncomplete = NEW.anncomplete WHERE document_id = NEW.id; END",
)


def count_more(connection: sqlite3.Connection) -> None:
    """Count the documents by the classes of their entities, and index the words' letters. A step of the schema, within its transaction.

    Args:
        connection: The database.
    """
    for statement in (*_MORE_TABLES.strip().split(";\n"), *_MORE_TRIGGERS):
        connection.execute(statement.rstrip(";\n"))
    connection.execute(
        "INSERT INTO class_counts "
        "SELECT d.project_id, e.class_id, d.id, count(DISTINCT e.number), count(DISTINCT n.norm_id), d.folder, d.anncomplete "
        "FROM documents AS d JOIN entities AS e ON e.document_id = d.id "
        "LEFT JOIN norms AS n ON n.document_id = e.document_id AND n.entity = e.number GROUP BY d.id, e.class_id"
    )
    connection.execute("INSERT INTO vocabulary (word) SELECT word FROM old_vocabulary ORDER BY word")
    connection.execute("INSERT INTO vocabulary_parts (rowid, word) SELECT id, word FROM vocabulary")
    connection.execute("DROP TABLE old_vocabulary")


def index_states(connection: sqlite3.Connection) -> None:
    """Index folders and states by document: small, so that those of many documents are soon looked up. A step of the schema.

    Args:
        connection: The database.
    """
    connection.execute("CREATE INDEX documents_by_number ON documents (id, project_id, folder, anncomplete)")


def uncount_classes(connection: sqlite3.Connection, key: int) -> None:
    """Forget how many entities a document had. Before anything else of it changes: so nothing is counted anew for nothing.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
    """
    connection.execute("DELETE FROM class_counts WHERE document_id = ?", (key,))


def count_classes(
    connection: sqlite3.Connection,
    key: int,
    classes: Iterable[tuple[int, str]],
    norms: Iterable[tuple[int, str]],
) -> None:
    """Note how many entities of each class a document has.

    Args:
        connection: The database, in a transaction.
        key: The document's number, which was uncounted before.
        classes: Number and class id of each entity.
        norms: The number of an entity and an id that it is normalized to.
    """
    class_of = dict(classes)
    different = Counter(class_id for class_id, _ in {(class_of[number], norm) for number, norm in norms})
    connection.executemany(
        "INSERT INTO class_counts SELECT project_id, ?2, id, ?3, ?4, folder, anncomplete FROM documents WHERE id = ?1",
        [
            (key, class_id, number, different[class_id])
            for class_id, number in Counter(class_of.values()).items()
        ],
    )


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, and index the documents that are there. A step of the schema, within its transaction.

    Args:
        connection: The database.
    """
    for statement in (*_TABLES.strip().split(";\n"), *_TRIGGERS):
        connection.execute(statement.rstrip(";\n"))
    words: set[str] = set()
    for key, text in connection.execute("SELECT document_id, text FROM contents"):
        words |= add_text(connection, key, text)
    connection.executemany("INSERT INTO vocabulary (word) VALUES (?)", [(word,) for word in sorted(words)])


def encode(words: str) -> str:
    """Words as the index has them: a capital letter as an underscore and the small letter, an underscore as two.

    No word's code begins that of a word that it doesn't begin itself, so prefixes can be searched for.
    """
    return _MARKED.sub(lambda found: "_" + found[0].lower(), words)


def add_text(connection: sqlite3.Connection, key: int, text: str) -> set[str]:
    """Index the text of a new document. Its words still have to be added to the vocabulary.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        text: Its whole text.

    Returns:
        Its words, for :func:`add_words`.
    """
    words = WORD.findall(text)
    connection.execute("INSERT INTO text_index (rowid, words) VALUES (?, ?)", (key, encode(" ".join(words))))
    return set(words)


def add_words(connection: sqlite3.Connection, words: Iterable[str]) -> None:
    """Add words to the vocabulary. Once for many documents: most of their words are the same.

    Args:
        connection: The database, in a transaction.
        words: The words.
    """
    last = connection.execute("SELECT coalesce(max(id), 0) FROM vocabulary").fetchone()[0]
    connection.executemany(
        "INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", [(word,) for word in sorted(words)]
    )
    # Not by a trigger: as the database isn't trusted, it couldn't write to an index of words.
    connection.execute(
        "INSERT INTO vocabulary_parts (rowid, word) SELECT id, word FROM vocabulary WHERE id > ?", (last,)
    )


def remove_text(connection: sqlite3.Connection, key: int, text: str) -> None:
    """Take a document's text out of the index.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        text: The text with which it was indexed.
    """
    words = encode(" ".join(WORD.findall(text)))
    connection.execute(
        "INSERT INTO text_index (text_index, rowid, words) VALUES ('delete', ?, ?)", (key, words)
    )


def replace_text(connection: sqlite3.Connection, key: int, old: str, new: str) -> None:
    """Index a document's changed text.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        old: The text with which it was indexed.
        new: Its text now.
    """
    remove_text(connection, key, old)
    add_words(connection, add_text(connection, key, new))


def forget(connection: sqlite3.Connection, rows: str, parameters: Sequence[Any]) -> None:
    """Take documents out of the index before they are deleted.

    Args:
        connection: The database, in a transaction.
        rows: What selects their numbers.
        parameters: Its parameters.
    """
    gone = connection.execute(f"SELECT count(*) FROM ({rows})", parameters).fetchone()[0]  # noqa: S608
    if gone == connection.execute("SELECT total(number) FROM counts").fetchone()[0]:
        connection.execute("INSERT INTO text_index (text_index) VALUES ('delete-all')")
        connection.execute("INSERT INTO vocabulary_parts (vocabulary_parts) VALUES ('delete-all')")
        connection.execute("DELETE FROM vocabulary")
        return
    for key, text in connection.execute(
        f"SELECT document_id, text FROM contents WHERE document_id IN ({rows})", parameters
    ):
        remove_text(connection, key, text)
