"""The index of the documents' words, and the counts of documents: what makes a search quick.

A word is a stretch of letters, digits and underscores. FTS5 gets the words only, separated by spaces and
written so that it keeps their case: of its own tokenizers all ignore it. Which documents match in the end is
decided by :mod:`spacy_tagtog.server.search.words` wherever an index of words can't decide it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from spacy_tagtog.anndoc import Annotations

WORD: Final = re.compile(r"\w+")
_MARKED = re.compile("[A-Z_]")
_SUGGESTED: Final = ("pre-added", "pre-removed")


def encode(words: str) -> str:
    """Words as the index has them.

    A capital letter becomes an underscore and the small letter, and an underscore becomes two.

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


def _remove_text(connection: sqlite3.Connection, key: int, text: str) -> None:
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
    _remove_text(connection, key, old)
    add_words(connection, add_text(connection, key, new))


def forget(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Take documents out of the index before they are deleted.

    Args:
        connection: The database, in a transaction that writes.
        keys: The documents' numbers.
    """
    if len(keys) == connection.execute("SELECT total(number) FROM counts").fetchone()[0]:
        # None is left: FTS5 empties its tables at once, and no word is in use any more.
        connection.execute("INSERT INTO text_index (text_index) VALUES ('delete-all')")
        connection.execute("INSERT INTO vocabulary_parts (vocabulary_parts) VALUES ('delete-all')")
        connection.execute("DELETE FROM vocabulary")
        return
    rows = connection.execute(
        "SELECT document_id, text FROM contents WHERE document_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    for key, text in rows:
        _remove_text(connection, key, text)


def index_version(connection: sqlite3.Connection, key: int, annotations: Annotations) -> None:
    """Write what the search looks at of a master version.

    Args:
        connection: The database, in a transaction that writes.
        key: The document's number.
        annotations: The version.
    """
    _uncount_classes(connection, key)
    _summarize(connection, key, annotations)
    connection.execute("DELETE FROM entities WHERE document_id = ?", (key,))  # and their norms with them
    connection.execute("DELETE FROM labels WHERE document_id = ?", (key,))
    entities, norms = [], []
    for entity in annotations.entities:
        text = _storable(" ".join(fragment.text for fragment in entity.fragments))
        entities.append((key, entity.index, entity.class_id, text, entity.state or ""))
        for class_id, norm in (entity.data.get("normalizations") or {}).items():
            norm_id, name = (norm.get("source") or {}).get("id") or "", norm.get("recName") or ""
            if norm_id or name:
                norms.append((key, entity.index, class_id, _storable(norm_id), _storable(name)))
    connection.executemany(
        "INSERT INTO entities (document_id, number, class_id, text, state) VALUES (?, ?, ?, ?, ?)", entities
    )
    connection.executemany(
        "INSERT INTO norms (document_id, entity, class_id, norm_id, name, project_id) "
        "SELECT ?, ?, ?, ?, ?, project_id FROM documents WHERE id = ?",
        [(*row, key) for row in norms],
    )
    _count_classes(
        connection, key, [(row[1], row[2]) for row in entities], [(row[1], row[3]) for row in norms if row[3]]
    )
    labels = []
    for class_id, label in annotations.metas.items():
        value = label.get("value")
        if value is not None:
            labels.append((class_id, _storable(value if isinstance(value, str) else json.dumps(value)), key))
    connection.executemany(
        "INSERT INTO labels (document_id, class_id, value, project_id) "
        "SELECT id, ?, ?, project_id FROM documents WHERE id = ?",
        labels,
    )


def _summarize(connection: sqlite3.Connection, key: int, annotations: Annotations) -> None:
    """Note what lists of documents show: whether it is confirmed, what is suggested and what is decided."""
    entities = [(entity.state, entity.prob) for entity in annotations.entities]
    labels = []
    for label in annotations.metas.values():
        confidence = label.get("confidence") or {}
        if label.get("value") is not None:
            labels.append((confidence.get("state"), confidence.get("prob")))
    open_entities, open_labels = (
        [prob for state, prob in found if state in _SUGGESTED] for found in (entities, labels)
    )
    connection.execute(
        "UPDATE documents SET anncomplete = ?, suggested_entities = ?, decided_entities = ?, "
        "suggested_labels = ?, decided_labels = ?, least_sure = ? WHERE id = ?",
        (
            annotations.complete,
            len(open_entities),
            len(entities) - len(open_entities),
            len(open_labels),
            len(labels) - len(open_labels),
            min((prob for prob in (*open_entities, *open_labels) if prob is not None), default=None),
            key,
        ),
    )


def _storable(text: str) -> str:
    """Text that UTF-8 can carry: JSON may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _uncount_classes(connection: sqlite3.Connection, key: int) -> None:
    """Forget how many entities a document had.

    Call it before anything else of the document changes, so that no trigger counts anew what goes anyway.

    Args:
        connection: The database, in a transaction.
        key: The document's number.
    """
    connection.execute("DELETE FROM class_counts WHERE document_id = ?", (key,))


def _count_classes(
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
        "INSERT INTO class_counts SELECT project_id, ?, id, ?, ?, folder, anncomplete FROM documents "
        "WHERE id = ?",
        [
            (class_id, number, different[class_id], key)
            for class_id, number in Counter(class_of.values()).items()
        ],
    )
