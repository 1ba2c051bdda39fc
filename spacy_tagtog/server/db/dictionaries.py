"""What an entity may be normalized to: entries that people used before, and those of uploaded dictionaries.

:mod:`spacy_tagtog.server.db.dictionary_loading` brings dictionaries in.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from spacy_tagtog.server.db import schema

MOST_ENTRIES: Final = 20
"""How many entries a search gives."""
BEGIN: Final = "\x02\x02"
"""Stands before each term of the index: so one letter is enough to find what begins with it."""
ID: Final = -1
"""The place of a term that is an entry's id, where those of names are numbers from 0."""
_MOST_USED: Final = 20_000
"""Among how many ids that people used a search looks: the most frequent ones."""
_MOST_PARTS: Final = 24
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


class Entry(NamedTuple):
    """An entry of a dictionary.

    Attributes:
        id: Its id.
        names: Its names, the main one first.
    """

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Suggestion:
    """An entry that an entity may be normalized to.

    Attributes:
        id: Its id; empty where people gave a name alone.
        name: Its main name; empty where nobody gave one.
        uses: How many of the project's entities have it.
        same_text: How many of them have the text in question.
        matched: Another name of it, which the search found.
    """

    id: str
    name: str = ""
    uses: int = 0
    same_text: int = 0
    matched: str = ""


@dataclass
class _Used:
    """An entry that people used.

    Attributes:
        id: Its id, or nothing.
        names: The names that they gave it, the most frequent first.
        uses: How often.
    """

    id: str
    names: list[str] = field(default_factory=list)
    uses: int = 0


def folded(text: str) -> str:
    """A text as it is searched: without case, accents, control characters, and more than one space."""
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_CONTROLS.sub(" ", text).casefold().split())


def dictionary_number(connection: sqlite3.Connection, project: int, class_id: str) -> int | None:
    """The number of a project's uploaded dictionary; ``None`` where none was uploaded.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        class_id: The dictionary's class, such as ``n_1``.
    """
    row = connection.execute(
        "SELECT id FROM dictionaries WHERE project_id = ? AND class_id = ? AND ready", (project, class_id)
    ).fetchone()
    return None if row is None else int(row["id"])


def read_entries(connection: sqlite3.Connection, dictionary: int) -> Iterator[Entry]:
    """All entries of an uploaded dictionary, as they came.

    Args:
        connection: The database, in a transaction.
        dictionary: The dictionary's number.
    """
    rows = connection.execute(
        "SELECT entry_id, names FROM dictionary_entries WHERE dictionary = ? ORDER BY number", (dictionary,)
    )
    for row in rows:
        yield Entry(row["entry_id"], tuple(json.loads(row["names"])))


def suggest(
    connection: sqlite3.Connection,
    project: int,
    class_id: str,
    types: Sequence[str],
    *,
    search: str = "",
    text: str = "",
) -> list[Suggestion]:
    """What an entity may be normalized to, the best first.

    First come the entries that people gave entities of the same text, the most frequent first; of these only
    the ones that match, where something is searched. Then come the entries that match: those that are what is
    searched, those that begin with it, those that hold it, and of these the shorter first. Up to two letters
    find what begins with them.

    Args:
        connection: The database, in a transaction.
        project: The project's number.
        class_id: The dictionary's class, such as ``n_1``.
        types: The ids of the project's entity types.
        search: A part of an id or name. Empty: the text.
        text: The entity's text, its fragments with spaces between.

    Returns:
        At most 20 entries.
    """
    key = folded(search) or folded(text)
    used = _used(connection, project, class_id)
    number = dictionary_number(connection, project, class_id)
    same = _same_text(connection, project, class_id, types, text) if text else {}
    found = [] if not key else [*_matching(used.values(), key), *_in_dictionary(connection, number, key)]
    found.sort(key=lambda match: match[:2])
    matched: dict[str, Suggestion] = {}
    for *_, one in found:
        known = matched.setdefault(_identity(one.id, one.name), one)
        if known.name == "" != one.name:
            matched[_identity(one.id, one.name)] = replace(known, name=one.name)
    first = {
        identity: matched.get(identity) for identity in same if not folded(search) or identity in matched
    }
    order = [*first, *(identity for identity in matched if identity not in first)][:MOST_ENTRIES]
    names = _names(connection, number, [identity for identity in order if identity in used])
    result = []
    for identity in order:
        people = used.get(identity)
        one = matched.get(identity) or Suggestion(people.id if people else identity)
        name = names.get(identity) or one.name or (people.names[0] if people and people.names else "")
        uses = people.uses if people else 0
        result.append(
            replace(
                one,
                name=name,
                uses=uses,
                same_text=same.get(identity, 0),
                matched="" if one.matched == name else one.matched,
            )
        )
    return result


def _identity(entry_id: str, name: str) -> str:
    """What tells an entry from all others: its id, or its name where it has none."""
    return entry_id or f"\0{name}"


def _used(connection: sqlite3.Connection, project: int, class_id: str) -> dict[str, _Used]:
    """What the project's entities are normalized to, the most frequent first."""
    found: dict[str, _Used] = {}
    rows = connection.execute(
        "SELECT norm_id, name, number FROM norm_totals WHERE project_id = ? AND class_id = ? "
        "ORDER BY number DESC LIMIT ?",
        (project, class_id, _MOST_USED),
    )
    for norm_id, name, number in rows:
        one = found.setdefault(_identity(norm_id, name), _Used(norm_id))
        one.uses += number
        if name:
            one.names.append(name)
    return found


def _same_text(
    connection: sqlite3.Connection, project: int, class_id: str, types: Sequence[str], text: str
) -> dict[str, int]:
    """How often people normalized entities of a text to what, the most frequent first."""
    marks = ", ".join("?" * len(types))
    rows = connection.execute(
        "SELECT n.norm_id, n.name, count(*) AS number FROM entities AS e "  # noqa: S608  marks alone
        "JOIN norms AS n ON n.document_id = e.document_id AND n.entity = e.number AND n.class_id = ? "
        f"WHERE n.project_id = ? AND e.class_id IN ({marks}) AND e.text = ? "
        "AND e.state NOT IN ('pre-added', 'pre-removed') GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        (class_id, project, *types, text),
    )
    found: dict[str, int] = {}
    for norm_id, name, number in rows:
        identity = _identity(norm_id, name)
        found[identity] = found.get(identity, 0) + number
    return dict(sorted(found.items(), key=lambda one: -one[1]))


_Match = tuple[int, int, Suggestion]
"""How well an entry matches, the length of what matches, and the entry."""


def _rank(term: str, key: str) -> int | None:
    """How well a folded text matches: 0 is it, 1 begins with it, 2 holds it, None doesn't match."""
    if term.startswith(key):
        return 0 if term == key else 1
    return 2 if len(key) > 2 and key in term else None


def _matching(used: Iterable[_Used], key: str) -> Iterator[_Match]:
    """The entries that people used and that match."""
    for one in used:
        best: _Match | None = None
        for text in (one.id, *one.names):
            term = folded(text)
            rank = _rank(term, key)
            if rank is not None and (best is None or (rank, len(term)) < best[:2]):
                name = one.names[0] if one.names else ""
                matched = "" if text in (one.id, name) else text
                best = (rank, len(term), Suggestion(one.id, name, matched=matched))
        if best is not None:
            yield best


def _in_dictionary(connection: sqlite3.Connection, number: int | None, key: str) -> list[_Match]:
    """The entries of an uploaded dictionary that match, the best first."""
    found: dict[int, _Match] = {}
    index = schema.dictionary_index(number or 0)
    # Terms have their numbers by their length: the first ones found are the shortest, and nothing is sorted.
    for pattern in (BEGIN + key, key) if number is not None else ():
        if len(pattern) < 3:
            continue
        rows = connection.execute(
            "SELECT t.entry, t.place, t.term, e.entry_id, e.names "  # noqa: S608  our own name
            f"FROM {index} AS f "
            "CROSS JOIN dictionary_terms AS t ON t.dictionary = :number AND t.number = f.rowid "
            "CROSS JOIN dictionary_entries AS e ON e.dictionary = :number AND e.number = t.entry "
            f"WHERE {index} MATCH :parts AND instr(t.term, :pattern) ORDER BY f.rowid",
            {"number": number, "parts": _parts(pattern), "pattern": pattern},
        )
        with closing(rows):
            for entry, place, term, entry_id, names in rows:
                if entry not in found:
                    own = json.loads(names)
                    matched = own[place] if place > 0 else ""
                    rank = _rank(term.removeprefix(BEGIN), key)
                    one = Suggestion(entry_id, own[0], matched=matched)
                    found[entry] = (2 if rank is None else rank, len(term) - len(BEGIN), one)
                    if len(found) == MOST_ENTRIES:
                        return list(found.values())
    return list(found.values())


def _parts(pattern: str) -> str:
    """The query of the index for terms that may hold a text.

    Every other three letters of it, and the last three: more wouldn't exclude much, and each takes time.
    """
    step = max(2, len(pattern) // _MOST_PARTS)
    starts = [*range(0, len(pattern) - 3, step), len(pattern) - 3]
    parts = dict.fromkeys(pattern[start : start + 3].replace('"', '""') for start in starts)
    return " AND ".join(f'"{part}"' for part in parts)


def _names(connection: sqlite3.Connection, number: int | None, ids: Sequence[str]) -> dict[str, str]:
    """The main names of entries of an uploaded dictionary, by their ids."""
    if number is None:
        return {}
    # CROSS JOIN fixes the order: an entry is looked up for each id, and not an id for each entry.
    rows = connection.execute(
        "SELECT e.entry_id, e.names FROM json_each(?) AS j "
        "CROSS JOIN dictionary_entries AS e ON e.dictionary = ? AND e.entry_id = j.value",
        (json.dumps(list(ids)), number),
    )
    return {entry_id: json.loads(names)[0] for entry_id, names in rows}
