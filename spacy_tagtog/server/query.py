"""tagtog's search language, translated to SQL.

luqum parses the Lucene syntax. What tagtog documents and this module doesn't offer is refused by name: a query never gives a wrong result.
Two things that the documentation leaves open are decided here: terms side by side must all match, and a query of exclusions alone selects the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NoReturn

from luqum import parser as luqum_parser  # type: ignore[import-untyped]
from luqum import tree

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server.settings import Folder

__all__ = ["FUNCTIONS", "Condition", "QueryContext", "QueryError", "translate"]

MAX_QUERY_CHARS = 4096
MAX_TERMS = 64
MAX_DEPTH = 32
_FIELDS = (
    "docid, filename, folder, entity, label, created, updated, anncomplete, members_anncomplete, members_assigned, filter, "
    "count_e_N, norms_count_uniq_e_N"
)
_COUNT = re.compile(r"(norms_count_uniq|count)_(e_[0-9]{1,9})")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?Z?)?)?)?", re.ASCII)
_NOW = re.compile(r"NOW((?:[+-]\d{1,6}(?:YEAR|MONTH|DAY|HOUR|MINUTE|SECOND)S?)*)", re.ASCII)
_NOW_STEP = re.compile(r"([+-]\d+)([A-Z]+?)S?(?=[+-]|$)")
_FIRST_MOMENT, _LAST_MOMENT = -(2**62), 2**62


class QueryError(LocalServerError):
    """A search query can't be understood, or uses something that isn't offered."""


@dataclass(frozen=True)
class Condition:
    """A piece of a WHERE clause over ``documents AS d`` and ``contents AS c``."""

    sql: str
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True)
class QueryContext:
    """What a query is resolved against.

    Attributes:
        legend: The project's classes.
        folders: The project's folders.
        now: The moment that ``NOW`` stands for.
        user: Who asks, for ``filter:TODO``.
    """

    legend: Legend
    folders: Sequence[Folder]
    now: datetime
    user: str = ""


_ALL = Condition("1")
_NONE = Condition("0")


# ---------------------------------------------------------------------------------------------------------------------------------- patterns


def _pieces(pattern: str) -> list[str]:
    """What stands between the ``*`` of a pattern, as regular expressions: ``?`` one character, backslash escapes."""
    pieces = [""]
    escaped = False
    for character in pattern:
        if escaped or character not in "\\*?":
            pieces[-1] += re.escape(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "?":
            pieces[-1] += "."
        else:
            pieces.append("")
    return pieces


@lru_cache(maxsize=512)
def _value_matcher(pattern: str) -> Callable[[str], bool]:
    """A matcher for whole values, in time linear in the value."""
    first, *others = (re.compile(piece, re.DOTALL) for piece in _pieces(pattern))
    if not others:
        return lambda value: first.fullmatch(value) is not None
    *inner, last = others
    # Every piece has one fixed length, so taking each at its leftmost place is right and needs no backtracking.
    tail = re.compile(f"(?:{last.pattern})\\Z", re.DOTALL)

    def matches(value: str) -> bool:
        found = first.match(value)
        for piece in inner:
            found = found and piece.search(value, found.end())
        return found is not None and tail.search(value, found.end()) is not None

    return matches


_WORD = re.compile(r"\w+")
_COMPOUND = re.compile(r"\w+(?:[^\w\s]+\w+)*")  # never fails after its first letter: no backtracking


@lru_cache(maxsize=512)
def _text_matcher(pattern: str) -> Callable[[str], bool]:
    """A matcher for words with wildcards in a text: ``IL-*`` finds ``IL-2``, and ``I?`` the ``IL`` in it."""
    matches = _value_matcher(pattern)
    # Only words that begin like the pattern are looked at, which the regular expression engine finds quickly.
    starts = re.compile(rf"(?<!\w)(?=\w)(?={_pieces(pattern)[0]})", re.DOTALL)

    def finds(text: str) -> bool:
        compound_end = 0
        for start in starts.finditer(text):
            word = _WORD.match(text, start.start())
            assert word is not None
            if matches(word[0]):
                return True
            if start.start() >= compound_end:
                compound = _COMPOUND.match(text, start.start())
                assert compound is not None
                compound_end = compound.end()
                if compound_end > word.end() and matches(compound[0]):
                    return True
        return False

    return finds


@lru_cache(maxsize=512)
def _literal_matcher(literal: str) -> Callable[[str], bool]:
    """A matcher for a word or phrase: at word boundaries, any white space for white space, everything else as it is."""
    body = r"\s+".join(re.escape(piece) for piece in literal.split())
    left = r"(?<!\w)" if re.match(r"\w", literal.lstrip()) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", literal.rstrip()) else ""
    expression = re.compile(left + body + right)
    return lambda text: expression.search(text) is not None


FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "matches_value": lambda value, pattern: _value_matcher(pattern)(value),
    "matches_words": lambda text, pattern: _text_matcher(pattern)(text),
    "matches_literal": lambda text, literal: _literal_matcher(literal)(text),
}
"""The SQL functions that the conditions use."""


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


@dataclass(frozen=True)
class _Term:
    """A word or phrase. ``raw`` still has its escapes; a phrase has lost its quotes."""

    raw: str
    is_phrase: bool

    @property
    def text(self) -> str:
        return _unescape(self.raw)

    @property
    def literals(self) -> list[str]:
        """The pieces between its wildcards."""
        return [_unescape(piece) for piece in re.split(r"((?:[^\\*?]|\\.)*)", self.raw, flags=re.DOTALL)[1::2]]

    @property
    def has_wildcards(self) -> bool:
        return not self.is_phrase and re.search(r"(?<!\\)(?:\\\\)*[*?]", self.raw) is not None

    @property
    def is_any(self) -> bool:
        return not self.is_phrase and set(self.raw) == {"*"}

    def selects(self, value: str) -> bool:
        return _value_matcher(self.raw)(value) if self.has_wildcards else value == self.text

    def condition(self, column: str) -> Condition:
        if self.is_any:
            return _ALL
        if self.has_wildcards:
            return Condition(f"matches_value({column}, ?)", (self.raw,))
        return Condition(f"{column} = ?", (self.text,))


# ------------------------------------------------------------------------------------------------------------------------------- combination


def _join(operator: str, conditions: Iterable[Condition]) -> Condition:
    conditions = list(conditions)
    sql = f" {operator} ".join(f"({condition.sql})" for condition in conditions)
    return Condition(sql, tuple(parameter for condition in conditions for parameter in condition.parameters))


def _not(condition: Condition) -> Condition:
    return Condition(f"NOT ({condition.sql})", condition.parameters)


def _exists(rows: str, condition: Condition) -> Condition:
    """Args: rows: a table and what joins it, literals of this module; what a user gives is a parameter."""
    return Condition(f"EXISTS (SELECT 1 FROM {rows} AND {condition.sql})", condition.parameters)  # noqa: S608


def _among(column: str, values: Sequence[Any]) -> Condition:
    return Condition(f"{column} IN ({', '.join('?' * len(values))})", tuple(values)) if values else _NONE


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
                raise QueryError("a quote isn't closed", place=f"character {position}", value=query[position:], legal='"words"; a lone quote as \\"')
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
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise QueryError("the query has too many nested brackets", legal=f"at most {MAX_DEPTH}")
        pieces.append("\\" + character if character in "/'" else character)
        at_start = character.isspace() or character in "():+-"
        position += 1
    return "".join(pieces)


def _parse(query: str) -> Any:
    if len(query) > MAX_QUERY_CHARS:
        raise QueryError("the query is too long", value=f"{len(query)} characters", legal=f"at most {MAX_QUERY_CHARS} characters")
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
            f"the query doesn't parse: {error}", value=query, advice="put special characters in quotes, or a backslash before them"
        ) from error


# --------------------------------------------------------------------------------------------------------------------------------- translate


def _refuse(what: str, piece: object, legal: str) -> NoReturn:
    raise QueryError(f"{what} can't be searched for in the local tagtog", value=str(piece), legal=legal)


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
        if isinstance(node, (tree.AndOperation, tree.UnknownOperation)):
            return _join("AND", [self.translate(operand, path, depth + 1) for operand in node.operands])
        if isinstance(node, tree.OrOperation):
            for operand in node.operands:
                if isinstance(operand, tree.Plus):
                    _refuse("a required term (+) as an alternative of OR", operand, "+ beside other terms, or AND")
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
            _refuse("a fuzzy term (~)", node, "words, wildcards ? and *")
        if isinstance(node, tree.Proximity):
            _refuse("a proximity phrase (~)", node, '"phrases" without ~')
        if isinstance(node, tree.Boost):
            _refuse("a boosted term (^)", node, "terms without ^")
        if isinstance(node, (tree.From, tree.To)):
            _refuse("a comparison (< or >)", node, "[a TO b] and {a TO b}, * for an open end")
        return _refuse("this piece", node, "words, phrases, fields and ranges")

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise QueryError("the query has too many terms", legal=f"at most {MAX_TERMS}")

    def leaf(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        self.count_term()
        term = _Term(node.value[1:-1], True) if isinstance(node, tree.Phrase) else _Term(node.value, False)
        if not path or (len(path) == 1 and path[0].is_any):
            return self.words(term)
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
            start, end = self.moment(term, field)
            return Condition(f"d.{field} >= ? AND d.{field} < ?", (start, end))
        if field == "anncomplete":
            if term.text not in ("true", "false"):
                raise QueryError("anncomplete: has another value", value=term.text, legal="true, false")
            return Condition("d.anncomplete = ?", (int(term.text == "true"),))
        if field == "members_anncomplete":
            own = term.condition("v.member")
            return _exists("versions AS v WHERE v.document_id = d.id AND v.complete AND v.member <> 'master'", own)
        if field == "members_assigned":
            return _exists("assignments AS a WHERE a.document_id = d.id", term.condition("a.member"))
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
        done = _exists("versions AS v WHERE v.document_id = d.id", Condition("v.member = ? AND v.complete", (self.context.user,)))
        given = _exists("assignments AS a WHERE a.document_id = d.id", Condition("a.member = ?", (self.context.user,)))
        return _join("AND", [given, _not(done)])

    def words(self, term: _Term) -> Condition:
        if term.is_any:
            return _ALL
        if term.has_wildcards:
            hint = max(term.literals, key=len)
            return Condition("CASE WHEN instr(c.text, ?) THEN matches_words(c.text, ?) ELSE 0 END", (hint, term.raw))
        if not term.text.strip():
            raise QueryError("a phrase is empty", value=f'"{term.raw}"', legal='"words"')
        # instr is quick and decides most documents; it is case sensitive, unlike LIKE.
        hint = max(term.text.split(), key=len)
        return Condition("CASE WHEN instr(c.text, ?) THEN matches_literal(c.text, ?) ELSE 0 END", (hint, term.text))

    def folder(self, term: _Term) -> Condition:
        term = _Term(term.raw.removeprefix("\\/").removeprefix("/"), term.is_phrase)
        term = _Term(term.raw[:-2] if term.raw.endswith("\\/") else term.raw.removesuffix("/"), term.is_phrase)
        found = [
            folder.index for folder in self.context.folders if any(term.selects(value) for value in (str(folder.index), folder.path, folder.name))
        ]
        return _among("d.folder", found)

    def class_ids(self, prefix: str, term: _Term) -> list[str]:
        return [
            class_id for class_id, name in self.context.legend.items() if class_id[0] == prefix and (term.selects(class_id) or term.selects(name))
        ]

    def entity(self, path: tuple[_Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "entity: has too many colons", value=":".join(term.raw for term in path), legal="entity:TYPE or entity:TYPE:TERM, TERM in quotes"
            )
        classes = _ALL if path[0].is_any else _among("e.class_id", self.class_ids("e", path[0]))
        value = _ALL
        if len(path) == 2 and not path[1].is_any:
            text, norm = path[1].condition("e.text"), path[1].condition("n.norm_id")
            by_norm = _exists("norms AS n WHERE n.document_id = e.document_id AND n.entity = e.number", norm)
            value = _join("OR", [text, by_norm])
        return _exists("entities AS e WHERE e.document_id = d.id", _join("AND", [classes, value]))

    def label(self, path: tuple[_Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "label: has too many colons", value=":".join(term.raw for term in path), legal="label:NAME or label:NAME:VALUE, VALUE in quotes"
            )
        classes = _ALL if path[0].is_any else _among("l.class_id", self.class_ids("m", path[0]))
        value = path[1].condition("l.value") if len(path) == 2 else _ALL
        return _exists("labels AS l WHERE l.document_id = d.id", _join("AND", [classes, value]))

    def count(self, counted: re.Match[str], low: int, high: int) -> Condition:
        if counted[1] == "count":
            number = "SELECT count(*) FROM entities AS e WHERE e.document_id = d.id AND e.class_id = ?"
        else:
            number = (
                "SELECT count(DISTINCT n.norm_id) FROM norms AS n JOIN entities AS e ON e.document_id = n.document_id AND e.number = n.entity "
                "WHERE n.document_id = d.id AND e.class_id = ?"
            )
        return Condition(f"({number}) BETWEEN ? AND ?", (counted[2], low, high))

    def number(self, term: _Term, field: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", term.text):
            raise QueryError(f"{field}: needs a whole number", value=term.text, legal="0, 1, 2, … or a range [2 TO *]")
        return int(term.text)

    def range(self, node: Any, path: tuple[_Term, ...]) -> Condition:
        self.count_term()
        field = path[0].text if path else ""
        counted = _COUNT.fullmatch(field)
        if len(path) != 1 or not (counted or field in ("created", "updated")):
            raise QueryError("a range stands where none can be", value=str(node), legal="created:, updated:, count_e_N: and norms_count_uniq_e_N:")
        bounds = []
        for bound in (node.low, node.high):
            if isinstance(bound, tree.Prohibit):
                raise QueryError(f"{field}: has a negative bound", value=str(node), legal="[a TO b], * for an open end")
            bounds.append(_Term(bound.value[1:-1], True) if isinstance(bound, tree.Phrase) else _Term(bound.value, False))
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
        return Condition(f"d.{field} >= ? AND d.{field} < ?", (start, end))

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
            raise QueryError(f"{field}: has a date that doesn't exist", value=text, legal="dates of the years 1 to 9998") from error
        raise QueryError(
            f"{field}: needs a date", value=text, legal="2018, 2018-03, 2018-03-06, 2018-03-06T16:34:41.720Z, NOW, NOW-1DAY, or a range [a TO b]"
        )


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def _shift(moment: datetime, amount: int, unit: str) -> datetime:
    if unit not in ("YEAR", "MONTH"):
        return moment + timedelta(**{f"{unit.lower()}s": amount})
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "YEAR" else 1)
    year, month = divmod(months, 12)
    lengths = (31, 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
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
