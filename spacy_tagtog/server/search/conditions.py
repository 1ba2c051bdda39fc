"""tagtog's search language, translated to SQL.

luqum parses the Lucene syntax, which tagtog's documentation ("Search queries", https://docs.tagtog.com) refers to. As there, of terms side by
side one has to match, ``+`` makes a term required and ``-`` or ``NOT`` excludes. A query of exclusions alone selects the rest. AND binds before OR.
What isn't offered is refused by name: a query never gives a wrong result.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from luqum import parser as luqum_parser  # type: ignore[import-untyped]
from luqum import tree

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.db.settings import Folder
from spacy_tagtog.server.search.index import WORD
from spacy_tagtog.server.search.words import (
    FUNCTIONS,
    Text,
    fuzzy_text,
    near_text,
    phrase_pieces,
    unescape,
    word_text,
)

MAX_QUERY_CHARS = 4096
MAX_TERMS = 64
MAX_DEPTH = 32
MAX_NEAR_WORDS = 16
MAX_PHRASE_WORDS = 256
MAX_SLOP = 10_000
_FIELDS = (
    "docid, filename, folder, entity, label, created, updated, anncomplete, members_anncomplete, members_assigned, filter, "
    "count_e_N, norms_count_uniq_e_N"
)
_COUNT = re.compile(r"(norms_count_uniq|count)_(e_[0-9]{1,9})")
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?Z?)?)?)?", re.ASCII
)
_NOW = re.compile(r"NOW((?:[+-]\d{1,6}(?:YEAR|MONTH|DAY|HOUR|MINUTE|SECOND)S?)*)", re.ASCII)
_NOW_STEP = re.compile(r"([+-]\d+)([A-Z]+?)S?(?=[+-]|$)")
_RANGE = re.compile(r"([\[{])\s*([^\s\[\]{}\"\\]+)\s+to\s+([^\s\[\]{}\"\\]+)\s*([\]}])")
_FIRST_MOMENT, _LAST_MOMENT = -(2**62), 2**62


class QueryError(LocalServerError):
    """A search query can't be understood, or uses something that isn't offered."""


@dataclass(frozen=True)
class Listing:
    """A list of documents, each once and in their order: it can be counted, and a page of it found, without all of it being read.

    Attributes:
        table: Where it is, with an alias.
        column: The documents' numbers.
        where: What selects them.
        parameters: Its parameters.
    """

    table: str
    column: str
    where: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Condition:
    """A piece of a WHERE clause over ``documents AS d``."""

    sql: str
    parameters: tuple[Any, ...] = ()
    rows: str = ""
    """What selects the numbers of the documents, where the condition is that ``d.id`` is among them."""
    by_folder: bool = False
    """Whether it looks at nothing but ``d.folder`` and ``d.anncomplete``, which documents can be counted by."""
    of_class: tuple[str, tuple[Any, ...]] | None = None
    """The same over ``class_counts AS d``, where it looks at nothing but these two and the entities of one class."""
    match: str = ""
    """The query of the index of words that finds exactly these documents, where there is one."""
    match_not: str = ""
    """The query of the index of words that finds exactly all other documents, where there is one."""
    labelled: Listing | None = None
    """The list of the documents, where a table has it in order."""
    within: Condition | None = None
    """Where documents are meant that :attr:`listing` has and that are of a folder or state as well: the latter."""

    @property
    def listing(self) -> Listing | None:
        """A list of the documents, from which ``within`` may still exclude some."""
        if self.match:
            return Listing("text_index AS i", "i.rowid", "i.text_index MATCH ?", (self.match,))
        return self.labelled


@dataclass(frozen=True)
class QueryContext:
    """What a query is resolved against.

    Attributes:
        legend: The project's classes.
        folders: The project's folders.
        now: The moment that ``NOW`` stands for.
        user: Who asks, for ``filter:TODO``.
        project: The project's number.
        words: The words of the vocabulary that have so many letters, at least and at most.
        from_then: The earliest moment among the project's documents that isn't before another: of a column, ``created`` or ``updated``, and that
            other; ``None`` where there is none.
    """

    legend: Legend
    folders: Sequence[Folder]
    now: datetime
    user: str
    project: int
    words: Callable[[int, int], Sequence[str]]
    from_then: Callable[[str, int], int | None]


_ALL = Condition("1", by_folder=True)
_NONE = Condition("0", by_folder=True)


@dataclass(frozen=True)
class _Term:
    """A word or phrase. ``raw`` still has its escapes; a phrase has lost its quotes."""

    raw: str
    is_phrase: bool

    @property
    def text(self) -> str:
        return unescape(self.raw)

    @property
    def has_wildcards(self) -> bool:
        return not self.is_phrase and re.search(r"(?<!\\)(?:\\\\)*[*?]", self.raw) is not None

    @property
    def is_any(self) -> bool:
        return not self.is_phrase and set(self.raw) == {"*"}

    def selects(self, value: str) -> bool:
        return bool(FUNCTIONS["matches_value"](value, self.raw)) if self.has_wildcards else value == self.text

    def condition(self, column: str) -> Condition:
        if self.is_any:
            return _ALL
        if self.has_wildcards:
            return Condition(f"matches_value({column}, ?)", (self.raw,))
        return Condition(f"{column} = ?", (self.text,))


# ------------------------------------------------------------------------------------------------------------------------------- combination


def _join(operator: str, conditions: Iterable[Condition]) -> Condition:
    conditions = list(conditions)
    if len(conditions) == 1:
        return conditions[0]
    listed = [condition for condition in conditions if condition.rows]
    if (
        operator == "OR" and len(listed) > 1
    ):  # one list, so that not every document has to be looked up in several
        rows = " UNION ".join(condition.rows for condition in listed)
        union = Condition(
            f"d.id IN ({rows})",
            tuple(parameter for condition in listed for parameter in condition.parameters),
            rows,
        )
        rest = [condition for condition in conditions if not condition.rows]
        if not rest:
            return dataclasses.replace(union, match=_match("OR", listed))
        conditions = [union, *rest]
    sql = f" {operator} ".join(f"({condition.sql})" for condition in conditions)
    parameters = tuple(parameter for condition in conditions for parameter in condition.parameters)
    of_class = None
    classes = sum(condition.of_class is not None for condition in conditions)
    if (
        operator == "AND"
        and classes == 1
        and all(condition.by_folder or condition.of_class for condition in conditions)
    ):
        pieces = [condition.of_class or (condition.sql, condition.parameters) for condition in conditions]
        of_class = (
            " AND ".join(f"({piece})" for piece, _ in pieces),
            tuple(parameter for _, own in pieces for parameter in own),
        )
    by_folder = all(condition.by_folder for condition in conditions)
    match, within, labelled = _match(operator, conditions), None, None
    if operator == "AND" and not (by_folder or of_class or match):
        states = [condition for condition in conditions if condition.by_folder]
        others = [condition for condition in conditions if not condition.by_folder]
        match = _match(operator, others) if states else ""
        labelled = others[0].labelled if states and len(others) == 1 and not others[0].within else None
        within = _join("AND", states) if match or labelled else None
    return Condition(
        sql, parameters, by_folder=by_folder, of_class=of_class, match=match, labelled=labelled, within=within
    )


def _match(operator: str, conditions: Sequence[Condition]) -> str:
    """The query of the index of words for several, where there is one."""
    found = [condition.match for condition in conditions if condition.match and not condition.within]
    excluded = [condition.match_not for condition in conditions if condition.match_not]
    if not found or len(found) + len(excluded) < len(conditions) or (excluded and operator == "OR"):
        return ""
    query = f" {operator} ".join(f"({match})" for match in found)
    return f"({query}) NOT ({' OR '.join(f'({match})' for match in excluded)})" if excluded else query


def _not(condition: Condition) -> Condition:
    return Condition(
        f"NOT ({condition.sql})",
        condition.parameters,
        by_folder=condition.by_folder,
        match=condition.match_not,
        match_not="" if condition.within else condition.match,
    )


def _exists(rows: str, condition: Condition) -> Condition:
    """Args: rows: a table and what joins it, literals of this module; what a user gives is a parameter."""
    return Condition(f"EXISTS (SELECT 1 FROM {rows} AND {condition.sql})", condition.parameters)  # noqa: S608


def _having(rows: str, condition: Condition) -> Condition:
    """Documents that have a row. Args: rows: what to select their numbers from, literals of this module."""
    return Condition(
        f"d.id IN (SELECT {rows} {condition.sql})", condition.parameters, f"SELECT {rows} {condition.sql}"
    )


def _among(column: str, values: Sequence[Any]) -> Condition:
    return (
        Condition(
            f"{column} IN ({', '.join('?' * len(values))})", tuple(values), by_folder=column == "d.folder"
        )
        if values
        else _NONE
    )


# ------------------------------------------------------------------------------------------------------------------------------------- parse


def _prepare(query: str) -> str:
    """Rewrite what luqum reads otherwise than tagtog: ``&&``, ``||``, ``!``, slashes and apostrophes."""
    pieces: list[str] = []
    position, depth = 0, 0
    at_start = True  # of a term
    while position < len(query):
        character = query[position]
        if character == "\\":
            if position + 1 == len(query):
                raise QueryError("the query ends with a backslash", value=query, legal="a character after it")
            pieces.append(query[position : position + 2])
            position, at_start = position + 2, False
            continue
        if character == '"':
            end = position + 1
            while end < len(query) and query[end] != '"':
                end += 2 if query[end] == "\\" else 1
            if end >= len(query):
                raise QueryError(
                    "a quote isn't closed",
                    place=f"character {position}",
                    value=query[position:],
                    legal='"words"; a lone quote as \\"',
                )
            pieces.append(query[position : end + 1])
            position, at_start = end + 1, False
            continue
        operator = re.compile(r"(?:&&|\|\|)(?=[\s()]|\Z)").match(query, position) if at_start else None
        if operator:
            pieces.append(" AND " if operator[0] == "&&" else " OR ")
            position = operator.end()
            continue
        if character == "!" and at_start:
            pieces.append(" NOT ")
            position += 1
            continue
        if character in "[{" and (
            bounds := _RANGE.match(query, position)
        ):  # tagtog's documentation writes "to" as well as "TO"
            pieces.append(f"{bounds[1]}{bounds[2]} TO {bounds[3]}{bounds[4]}")
            position, at_start = bounds.end(), False
            continue
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise QueryError("the query has too many nested brackets", legal=f"at most {MAX_DEPTH}")
        pieces.append("\\" + character if character in "/'" else character)
        at_start = character.isspace() or character in "():+-"
        position += 1
    return "".join(pieces)


def _parse(query: str) -> Any:
    if len(query) > MAX_QUERY_CHARS:
        raise QueryError(
            "the query is too long",
            value=f"{len(query)} characters",
            legal=f"at most {MAX_QUERY_CHARS} characters",
        )
    if not query.strip():
        raise QueryError("the query is empty", legal="* for all documents, or any search query")
    prepared = _prepare(query)
    try:
        # A lexer of its own for each query: luqum keeps state in it.
        return luqum_parser.parser.parse(prepared, lexer=luqum_parser.lexer.clone())
    except RecursionError as error:
        raise QueryError("the query nests too deeply", legal=f"at most {MAX_DEPTH} levels") from error
    except Exception as error:  # luqum also lets the errors of Decimal and int escape
        raise QueryError(
            f"the query doesn't parse: {error}",
            value=query,
            advice="put special characters in quotes, or a backslash before them",
        ) from error


# --------------------------------------------------------------------------------------------------------------------------------- translate


def _refuse(what: str, piece: object, legal: str) -> NoReturn:
    raise QueryError(f"{what} can't be searched for in the local tagtog", value=str(piece), legal=legal)


@dataclass(frozen=True)
class _Similar(_Term):
    """A word and what is like it."""

    least: float = 0.5

    @property
    def is_any(self) -> bool:
        return False

    def selects(self, value: str) -> bool:
        return bool(FUNCTIONS["is_similar"](value, self.text, self.least))

    def condition(self, column: str) -> Condition:
        return Condition(f"is_similar({column}, ?, ?)", (self.text, self.least))


def _of_text(text: Text) -> Condition:
    start = "d.id IN ("
    return Condition(
        text.sql,
        text.parameters,
        text.sql[len(start) : -1] if text.sql.startswith(start) else "",
        match=text.match,
    )


_as_number: Callable[[str], float | None] = FUNCTIONS["as_number"]


class _Translator:
    def __init__(self, context: QueryContext) -> None:
        self.context = context
        self.terms = 0

    def translate(self, node: Any, path: tuple[_Term, ...], depth: int) -> Condition:
        """Args: node: of luqum's tree. path: the field names around it, outermost first."""
        if depth > MAX_DEPTH:
            raise QueryError("the query nests too deeply", legal=f"at most {MAX_DEPTH} levels")
        if isinstance(node, (tree.Word, tree.Phrase)):
            return self.leaf(node, path)
        if isinstance(node, tree.AndOperation):
            return _join("AND", [self.translate(operand, path, depth + 1) for operand in node.operands])
        if isinstance(node, tree.UnknownOperation):
            return self.side_by_side(node, path, depth)
        if isinstance(node, tree.OrOperation):
            for operand in node.operands:
                if isinstance(operand, tree.Plus):
                    _refuse(
                        "a required term (+) as an alternative of OR", operand, "+ beside other terms, or AND"
                    )
            return _join("OR", [self.translate(operand, path, depth + 1) for operand in node.operands])
        if isinstance(node, (tree.Not, tree.Prohibit)):
            return _not(self.translate(node.children[0], path, depth + 1))
        if isinstance(node, (tree.Group, tree.FieldGroup, tree.Plus)):
            return self.translate(node.children[0], path, depth + 1)
        if isinstance(node, tree.SearchField):
            return self.translate(node.expr, (*path, _Term(node.name, False)), depth + 1)
        if isinstance(node, tree.Range):
            return self.range(node, path)
        if isinstance(node, tree.Fuzzy):
            return self.fuzzy(node, path)
        if isinstance(node, tree.Proximity):
            return self.near(node, path)
        if isinstance(node, tree.Boost):
            _refuse("a boosted term (^)", node, "terms without ^")
        if isinstance(node, (tree.From, tree.To)):
            _refuse("a comparison (< or >)", node, "[a TO b] and {a TO b}, * for an open end")
        return _refuse("this piece", node, "words, phrases, fields and ranges")

    def side_by_side(self, node: Any, path: tuple[_Term, ...], depth: int) -> Condition:
        """Terms without an operator between them, as Lucene has it: all required ones, or else one of the optional ones, and no excluded one."""
        required: list[Condition] = []
        optional: list[Condition] = []
        excluded: list[Condition] = []
        for operand in node.operands:
            group = (
                required
                if isinstance(operand, tree.Plus)
                else excluded
                if isinstance(operand, (tree.Not, tree.Prohibit))
                else optional
            )
            group.append(self.translate(operand, path, depth + 1))  # what is excluded comes back negated
        wanted = [_join("AND", required)] if required else [_join("OR", optional)] if optional else []
        return _join("AND", [*wanted, *excluded])

    def fuzzy(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        """A word and what is like it: ``roam~0.8``, 0.5 where no number stands there."""
        self.count_term()
        if not isinstance(node.term, tree.Word):
            raise QueryError(
                "~ stands after something else than a word or phrase",
                value=str(node),
                legal='roam~0.8, "a b"~10',
            )
        term, least = _Term(node.term.value, False), float(node.degree)
        if not 0 <= least <= 1:
            raise QueryError(
                "a fuzzy term has an impossible similarity",
                value=str(node),
                legal="a number from 0 to 1 after ~, such as roam~0.8",
            )
        if term.has_wildcards:
            raise QueryError(
                "a fuzzy term has wildcards", value=str(node), legal="a word without * and ?, or without ~"
            )
        if path and not (len(path) == 1 and path[0].is_any):
            return self.value(_Similar(term.raw, False, least), path)
        if not WORD.fullmatch(term.text):
            raise QueryError(
                "a fuzzy term isn't a single word", value=str(node), legal="letters and digits before ~"
            )
        return _of_text(fuzzy_text(term.text, least, self.context.words))

    def near(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        """Words near each other: ``"a b"~10``."""
        self.count_term()
        if path and not (len(path) == 1 and path[0].is_any):
            _refuse("a proximity phrase in a field", node, '"a b"~10 without a field')
        words = WORD.findall(unescape(node.term.value[1:-1]))
        slop = int(node.degree)
        if not 1 <= len(words) <= MAX_NEAR_WORDS or not 0 <= slop <= MAX_SLOP:
            raise QueryError(
                "a proximity phrase can't be searched for",
                value=str(node),
                legal=f'"a b"~10, 1 to {MAX_NEAR_WORDS} words, 0 to {MAX_SLOP} after ~',
            )
        return _of_text(near_text(words, slop))

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise QueryError("the query has too many terms", legal=f"at most {MAX_TERMS}")

    def leaf(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        self.count_term()
        term = _Term(node.value[1:-1], True) if isinstance(node, tree.Phrase) else _Term(node.value, False)
        if not path or (len(path) == 1 and path[0].is_any):
            return self.words(term)
        return self.value(term, path)

    def value(self, term: _Term, path: tuple[_Term, ...]) -> Condition:
        """A term in a field."""
        field, inner = path[0].text, path[1:]
        if field == "entity":
            return self.entity((*inner, term))
        if field == "label":
            return self.label((*inner, term))
        if inner:
            raise QueryError(
                f"{field}: has a colon in its value",
                value=":".join([*(piece.raw for piece in path), term.raw]),
                legal="the value in quotes, or \\: for a colon",
            )
        if field in ("docid", "filename"):
            return term.condition(f"d.{field}")
        if field == "folder":
            return self.folder(term)
        if field in ("created", "updated"):
            if term.is_any:
                return _ALL
            return self.between(field, *self.moment(term, field))
        if field == "anncomplete":
            if term.text not in ("true", "false"):
                raise QueryError("anncomplete: has another value", value=term.text, legal="true, false")
            return Condition("d.anncomplete = ?", (int(term.text == "true"),), by_folder=True)
        if field == "members_anncomplete":
            return _having(
                "v.document_id FROM versions AS v WHERE v.complete AND v.member <> 'master' AND",
                term.condition("v.member"),
            )
        if field == "members_assigned":
            return _having("a.document_id FROM assignments AS a WHERE", term.condition("a.member"))
        if field == "filter":
            return self.filter(term)
        if counted := _COUNT.fullmatch(field):
            if term.is_any:
                return _ALL
            number = self.number(term, field)
            return self.count(counted, number, number)
        return self.unknown_field(field)

    def unknown_field(self, field: str) -> NoReturn:
        raise QueryError(
            "the query uses a field that isn't known",
            value=field,
            legal=_FIELDS,
            advice="put text with a colon in quotes, or a backslash before the colon",
        )

    def filter(self, term: _Term) -> Condition:
        """``filter:TODO``: what the user was assigned and hasn't confirmed."""
        if term.text != "TODO":
            raise QueryError("there is no such filter", value=term.text, legal="filter:TODO")
        done = _exists(
            "versions AS v WHERE v.document_id = d.id",
            Condition("v.member = ? AND v.complete", (self.context.user,)),
        )
        given = _having(
            "a.document_id FROM assignments AS a WHERE", Condition("a.member = ?", (self.context.user,))
        )
        return _join("AND", [given, _not(done)])

    def words(self, term: _Term) -> Condition:
        if term.is_any:
            return _ALL
        if not term.text.strip():
            raise QueryError("a phrase is empty", value=f'"{term.raw}"', legal='"words"')
        if len(phrase_pieces(term.raw)) > MAX_PHRASE_WORDS:
            raise QueryError(
                "a phrase is too long", value=f'"{term.raw}"', legal=f"at most {MAX_PHRASE_WORDS} words"
            )
        return _of_text(word_text(term.raw, is_phrase=term.is_phrase))

    def folder(self, term: _Term) -> Condition:
        """A folder by index, path or name; of several with one name the one nearest to the root, as tagtog has it."""
        term = _Term(term.raw.removeprefix("\\/").removeprefix("/"), term.is_phrase)
        term = _Term(
            term.raw[:-2] if term.raw.endswith("\\/") else term.raw.removesuffix("/"), term.is_phrase
        )
        folders = self.context.folders
        if term.has_wildcards:
            return _among(
                "d.folder",
                [
                    folder.index
                    for folder in folders
                    if any(map(term.selects, (str(folder.index), folder.path, folder.name)))
                ],
            )
        named = sorted(
            (folder for folder in folders if folder.name == term.text),
            key=lambda folder: (folder.path.count("/"), folder.index),
        )
        ways = (
            [folder for folder in folders if str(folder.index) == term.text],
            [folder for folder in folders if folder.path == term.text],
            named,
        )
        found = next((way[0] for way in ways if way), None)
        return _NONE if found is None else _among("d.folder", [found.index])

    def class_ids(self, prefix: str, term: _Term) -> list[str]:
        return [
            class_id
            for class_id, name in self.context.legend.items()
            if class_id[0] == prefix and (term.selects(class_id) or term.selects(name))
        ]

    def entity(self, path: tuple[_Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "entity: has too many colons",
                value=":".join(term.raw for term in path),
                legal="entity:TYPE or entity:TYPE:TERM, TERM in quotes",
            )
        classes = _ALL if path[0].is_any else _among("e.class_id", self.class_ids("e", path[0]))
        if len(path) == 1 or path[1].is_any:
            return self.of_classes(path[0])
        texts = _join("AND", [classes, path[1].condition("e.text")])
        norms = _join("AND", [path[1].condition("n.norm_id"), classes])
        return _having(
            "e.document_id FROM entities AS e WHERE",
            Condition(
                f"{texts.sql} UNION SELECT n.document_id FROM norms AS n CROSS JOIN entities AS e "  # noqa: S608
                f"ON e.document_id = n.document_id AND e.number = n.entity WHERE {norms.sql}",
                texts.parameters + norms.parameters,
            ),
        )

    def of_classes(self, name: _Term) -> Condition:
        """Documents with an entity of a class, or of one of several."""
        here = Condition("c.project_id = ?", (self.context.project,))
        if name.is_any:
            return _having("c.document_id FROM class_counts AS c WHERE", here)
        ids = self.class_ids("e", name)
        if len(ids) == 1:
            return self.with_class(ids[0], "d.entities > ?", 0)
        return _having(
            "c.document_id FROM class_counts AS c WHERE", _join("AND", [here, _among("c.class_id", ids)])
        )

    def with_class(self, class_id: str, counted: str, *numbers: int) -> Condition:
        """Documents with so many entities of a class. Args: counted: a condition on ``d.entities`` or ``d.norms``, a literal of this module."""
        condition = _having(
            "c.document_id FROM class_counts AS c WHERE",
            Condition(
                f"c.project_id = ? AND c.class_id = ? AND {counted.replace('d.', 'c.')}",
                (self.context.project, class_id, *numbers),
            ),
        )
        return dataclasses.replace(
            condition, of_class=(f"d.class_id = ? AND {counted}", (class_id, *numbers))
        )

    def label(self, path: tuple[_Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "label: has too many colons",
                value=":".join(term.raw for term in path),
                legal="label:NAME or label:NAME:VALUE, VALUE in quotes",
            )
        ids = self.class_ids("m", path[0])
        classes = _ALL if path[0].is_any else _among("l.class_id", ids)
        value = path[1].condition("l.value") if len(path) == 2 else _ALL
        condition = _having("l.document_id FROM labels AS l WHERE", _join("AND", [classes, value]))
        if len(ids) == 1 and not path[0].is_any and value.sql == "l.value = ?":
            # The index by value has these in order.
            listing = Listing(
                "labels AS l", "l.document_id", "l.class_id = ? AND l.value = ?", (ids[0], *value.parameters)
            )
            return dataclasses.replace(condition, labelled=listing)
        return condition

    def count(self, counted: re.Match[str], low: int, high: int) -> Condition:
        column = "d.entities" if counted[1] == "count" else "d.norms"
        if low > high:
            return _NONE
        if low > 0:
            return self.with_class(counted[2], f"{column} BETWEEN ? AND ?", low, high)
        return _not(self.with_class(counted[2], f"{column} > ?", high))  # documents without any are in no row

    def number(self, term: _Term, field: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", term.text):
            raise QueryError(
                f"{field}: needs a whole number", value=term.text, legal="0, 1, 2, … or a range [2 TO *]"
            )
        return int(term.text)

    def range(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        self.count_term()
        field = path[0].text if path else ""
        if field == "label" and len(path) == 2:
            return self.label_range(node, path[1])
        counted = _COUNT.fullmatch(field)
        if len(path) != 1 or not (counted or field in ("created", "updated")):
            raise QueryError(
                "a range stands where none can be",
                value=str(node),
                legal="created:, updated:, label:NAME:, count_e_N: and norms_count_uniq_e_N:",
            )
        bounds = []
        for bound in (node.low, node.high):
            if isinstance(bound, tree.Prohibit):
                raise QueryError(
                    f"{field}: has a negative bound", value=str(node), legal="[a TO b], * for an open end"
                )
            bounds.append(
                _Term(bound.value[1:-1], True)
                if isinstance(bound, tree.Phrase)
                else _Term(bound.value, False)
            )
        low, high = bounds
        if counted:
            least = 0 if low.is_any else self.number(low, field) + (not node.include_low)
            most = _LAST_MOMENT if high.is_any else self.number(high, field) - (not node.include_high)
            return self.count(counted, least, most)
        start, end = _FIRST_MOMENT, _LAST_MOMENT
        # A bound such as 2018 is a whole year: inclusive takes all of it, exclusive nothing of it.
        if not low.is_any:
            start = self.moment(low, field)[0 if node.include_low else 1]
        if not high.is_any:
            end = self.moment(high, field)[1 if node.include_high else 0]
        return self.between(field, start, end)

    def between(self, field: str, start: int, end: int) -> Condition:
        """Documents of a time. The bounds become those of documents: as long as these stay, a query with ``NOW`` stays the same."""
        first = self.context.from_then(field, start)
        if first is None or first >= end:
            return _NONE
        after = self.context.from_then(field, end)
        bounds = (
            []
            if first == self.context.from_then(field, _FIRST_MOMENT)
            else [Condition(f"d.{field} >= ?", (first,))]
        )
        if after is not None:
            bounds.append(Condition(f"d.{field} < ?", (after,)))
        return _join("AND", bounds) if bounds else _ALL

    def label_range(self, node: Any, name: _Term) -> Condition:
        """Document labels whose value is a number in a range."""
        conditions = [
            _among("l.class_id", self.class_ids("m", name)),
            Condition("as_number(l.value) IS NOT NULL"),
        ]
        for bound, operator in (
            (node.low, ">=" if node.include_low else ">"),
            (node.high, "<=" if node.include_high else "<"),
        ):
            term = _Term(str(bound).strip().strip('"'), False)
            if term.is_any:
                continue
            if _as_number(term.text) is None:
                raise QueryError(
                    f"label:{name.text}: needs numbers for a range",
                    value=term.text,
                    legal="[10 TO 20], * for an open end",
                )
            conditions.append(Condition(f"as_number(l.value) {operator} ?", (_as_number(term.text),)))
        return _having("l.document_id FROM labels AS l WHERE", _join("AND", conditions))

    def moment(self, term: _Term, field: str) -> tuple[int, int]:
        """The first millisecond of a date, and the first one after it."""
        text = term.text
        try:
            if found := _NOW.fullmatch(text):
                moment = self.context.now
                for amount, unit in _NOW_STEP.findall(found[1]):
                    moment = _shift(moment, int(amount), unit)
                return _milliseconds(moment), _milliseconds(moment) + 1
            if found := _DATE.fullmatch(text):
                numbers = [int(number) for number in found.groups()[:6] if number is not None]
                start = datetime(*[*numbers, *(1, 1)[len(numbers) - 1 :]], tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
                if found[7] is not None:
                    start += timedelta(milliseconds=int(found[7].ljust(3, "0")))
                    return _milliseconds(start), _milliseconds(start) + 1
                unit = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")[len(numbers) - 1]
                return _milliseconds(start), _milliseconds(_shift(start, 1, unit))
        except (ValueError, OverflowError) as error:
            raise QueryError(
                f"{field}: has a date that doesn't exist", value=text, legal="dates of the years 1 to 9998"
            ) from error
        raise QueryError(
            f"{field}: needs a date",
            value=text,
            legal="2018, 2018-03, 2018-03-06, 2018-03-06T16:34:41.720Z, NOW, NOW-1DAY, or a range [a TO b]",
        )


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def _shift(moment: datetime, amount: int, unit: str) -> datetime:
    if unit not in ("YEAR", "MONTH"):
        return moment + timedelta(**{f"{unit.lower()}s": amount})
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "YEAR" else 1)
    year, month = divmod(months, 12)
    lengths = (
        31,
        29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    )
    return moment.replace(year=year, month=month + 1, day=min(moment.day, lengths[month]))


def translate(query: str, context: QueryContext) -> Condition:
    """Translate a search query.

    Args:
        query: What the user asks for.
        context: The project's classes and folders.

    Raises:
        QueryError: It can't be understood, or uses something that isn't offered.
    """
    return _Translator(context).translate(_parse(query), (), 0)
