"""The index of the documents' words, and the counts of documents: what makes a search quick.

A word is a stretch of letters, digits and underscores. FTS5 gets the words only, separated by spaces and written so that it keeps their case:
of its own tokenizers all ignore it. Which documents match in the end is decided by :mod:`spacy_tagtog.server.words` wherever an index of words
can't decide it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["WORD", "add_text", "add_words", "create", "encode", "forget", "remove_text", "replace_text"]

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
    add_words(connection, words)


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
    connection.executemany("INSERT OR IGNORE INTO vocabulary (word) VALUES (?)", [(word,) for word in sorted(words)])


def remove_text(connection: sqlite3.Connection, key: int, text: str) -> None:
    """Take a document's text out of the index.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
        text: The text with which it was indexed.
    """
    words = encode(" ".join(WORD.findall(text)))
    connection.execute("INSERT INTO text_index (text_index, rowid, words) VALUES ('delete', ?, ?)", (key, words))


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
    if gone == connection.execute("SELECT count(*) FROM documents").fetchone()[0]:
        connection.execute("INSERT INTO text_index (text_index) VALUES ('delete-all')")
        connection.execute("DELETE FROM vocabulary")
        return
    for key, text in connection.execute(f"SELECT document_id, text FROM contents WHERE document_id IN ({rows})", parameters):  # noqa: S608
        remove_text(connection, key, text)
