"""tagtog's search language as conditions on documents.

As Lucene has it, of terms side by side one has to match, ``+`` makes a term required and ``-`` or ``NOT``
excludes. A query of exclusions alone selects the rest. AND binds before OR. What isn't offered is refused by
name: a query never gives a wrong result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn

from luqum import tree  # type: ignore[import-untyped]

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server.folder_paths import Folder
from spacy_tagtog.server.search.dates import moment
from spacy_tagtog.server.search.index import WORD
from spacy_tagtog.server.search.parse import MAX_DEPTH, QueryError, parse
from spacy_tagtog.server.search.sql import (
    ALL,
    NONE,
    ClassCount,
    Condition,
    Listed,
    Not,
    OfRow,
    Select,
    Sql,
    all_of,
    among,
    any_of,
)
from spacy_tagtog.server.search.terms import Similar, Term
from spacy_tagtog.server.search.words import (
    FUNCTIONS,
    fuzzy_text,
    near_text,
    phrase_pieces,
    unescape,
    word_text,
)

_MAX_TERMS = 64
_MAX_NEAR_WORDS = 16
_MAX_PHRASE_WORDS = 256
_MAX_SLOP = 10_000
_FIELDS = (
    "docid, filename, folder, entity, label, created, updated, anncomplete, "
    "members_anncomplete, members_assigned, filter, count_e_N, norms_count_uniq_e_N"
)
_COUNT = re.compile(r"(norms_count_uniq|count)_(e_[0-9]{1,9})")
_FIRST_MOMENT, _LAST_MOMENT = -(2**62), 2**62
_as_number: Callable[[str], float | None] = FUNCTIONS["as_number"]


@dataclass(frozen=True)
class QueryContext:
    """What a query is resolved against.

    Attributes:
        legend: The project's classes.
        folders: The project's folders.
        now: The moment that ``NOW`` stands for.
        user: Who asks, for ``filter:TODO``.
        project: The project's number.
        words: The words of the vocabulary whose number of letters is between two limits.
        from_then: The earliest moment among the project's documents that isn't before another: of a column,
            ``created`` or ``updated``, and that other; ``None`` where there is none.
    """

    legend: Legend
    folders: Sequence[Folder]
    now: datetime
    user: str
    project: int
    words: Callable[[int, int], Sequence[str]]
    from_then: Callable[[str, int], int | None]


def translate(query: str, context: QueryContext) -> Condition:
    """Translate a search query.

    Args:
        query: What the user asks for.
        context: The project's classes and folders.

    Raises:
        QueryError: It can't be understood, or uses something that isn't offered.
    """
    return _Translator(context).translate(parse(query), (), 0)


def _refuse(what: str, piece: object, legal: str) -> NoReturn:
    raise QueryError(f"{what} can't be searched for in the local tagtog", value=str(piece), legal=legal)


class _Translator:
    def __init__(self, context: QueryContext) -> None:
        self.context = context
        self.terms = 0

    def translate(self, node: Any, path: tuple[Term, ...], depth: int) -> Condition:
        """Args: node: of luqum's tree. path: the field names around it, outermost first."""
        if depth > MAX_DEPTH:
            raise QueryError("the query nests too deeply", legal=f"at most {MAX_DEPTH} levels")
        if isinstance(node, (tree.Word, tree.Phrase)):
            return self.leaf(node, path)
        if isinstance(node, tree.AndOperation):
            return all_of([self.translate(operand, path, depth + 1) for operand in node.operands])
        if isinstance(node, tree.UnknownOperation):
            return self.side_by_side(node, path, depth)
        if isinstance(node, tree.OrOperation):
            for operand in node.operands:
                if isinstance(operand, tree.Plus):
                    _refuse(
                        "a required term (+) as an alternative of OR", operand, "+ beside other terms, or AND"
                    )
            return any_of([self.translate(operand, path, depth + 1) for operand in node.operands])
        if isinstance(node, (tree.Not, tree.Prohibit)):
            return Not(self.translate(node.children[0], path, depth + 1))
        if isinstance(node, (tree.Group, tree.FieldGroup, tree.Plus)):
            return self.translate(node.children[0], path, depth + 1)
        if isinstance(node, tree.SearchField):
            return self.translate(node.expr, (*path, Term(node.name, False)), depth + 1)
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

    def side_by_side(self, node: Any, path: tuple[Term, ...], depth: int) -> Condition:
        """Terms without an operator between them, as Lucene has it.

        All required ones, or else one of the optional ones, and no excluded one.
        """
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
        wanted = [all_of(required)] if required else [any_of(optional)] if optional else []
        return all_of([*wanted, *excluded])

    def fuzzy(self, node: Any, path: tuple[Term, ...]) -> Condition:
        """A word and what is like it: ``roam~0.8``, 0.5 where no number stands there."""
        self.count_term()
        if not isinstance(node.term, tree.Word):
            raise QueryError(
                "~ stands after something else than a word or phrase",
                value=str(node),
                legal='roam~0.8, "a b"~10',
            )
        term, least = Term(node.term.value, False), float(node.degree)
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
            return self.value(Similar(term.raw, False, least), path)
        if not WORD.fullmatch(term.text):
            raise QueryError(
                "a fuzzy term isn't a single word", value=str(node), legal="letters and digits before ~"
            )
        return fuzzy_text(term.text, least, self.context.words)

    def near(self, node: Any, path: tuple[Term, ...]) -> Condition:
        """Words near each other: ``"a b"~10``."""
        self.count_term()
        if path and not (len(path) == 1 and path[0].is_any):
            _refuse("a proximity phrase in a field", node, '"a b"~10 without a field')
        words = WORD.findall(unescape(node.term.value[1:-1]))
        slop = int(node.degree)
        if not 1 <= len(words) <= _MAX_NEAR_WORDS or not 0 <= slop <= _MAX_SLOP:
            raise QueryError(
                "a proximity phrase can't be searched for",
                value=str(node),
                legal=f'"a b"~10, 1 to {_MAX_NEAR_WORDS} words, 0 to {_MAX_SLOP} after ~',
            )
        return near_text(words, slop)

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > _MAX_TERMS:
            raise QueryError("the query has too many terms", legal=f"at most {_MAX_TERMS}")

    def leaf(self, node: Any, path: tuple[Term, ...]) -> Condition:
        self.count_term()
        term = Term.of(node)
        if not path or (len(path) == 1 and path[0].is_any):
            return self.words(term)
        return self.value(term, path)

    def value(self, term: Term, path: tuple[Term, ...]) -> Condition:
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
            return ALL if term.is_any else OfRow(term.test(f"d.{field}"))
        if field == "folder":
            return self.folder(term)
        if field in ("created", "updated"):
            if term.is_any:
                return ALL
            return self.between(field, *moment(term.text, field, self.context.now))
        if field == "anncomplete":
            if term.text not in ("true", "false"):
                raise QueryError("anncomplete: has another value", value=term.text, legal="true, false")
            return OfRow(Sql("d.anncomplete = ?", (int(term.text == "true"),)), of_state=True)
        if field == "members_anncomplete":
            # The same words as the index versions_confirmed has, so that it is used.
            confirmed = Sql("v.complete AND v.member <> 'master'")
            test = Sql.joined(" AND ", [confirmed, term.test("v.member")])
            return Listed((Select("versions AS v", "v.document_id", test),))
        if field == "members_assigned":
            return _assigned(term.test("a.member"))
        if field == "filter":
            return self.filter(term)
        if counted := _COUNT.fullmatch(field):
            if term.is_any:
                return ALL
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

    def filter(self, term: Term) -> Condition:
        """``filter:TODO``: what the user was assigned and hasn't confirmed."""
        if term.text != "TODO":
            raise QueryError("there is no such filter", value=term.text, legal="filter:TODO")
        user = self.context.user
        done = OfRow(
            Sql(
                "EXISTS (SELECT 1 FROM versions AS v WHERE v.document_id = d.id AND v.member = ? "
                "AND v.complete)",
                (user,),
            )
        )
        return all_of([_assigned(Sql("a.member = ?", (user,))), Not(done)])

    def words(self, term: Term) -> Condition:
        if term.is_any:
            return ALL
        if not term.text.strip():
            raise QueryError("a phrase is empty", value=f'"{term.raw}"', legal='"words"')
        if len(phrase_pieces(term.raw)) > _MAX_PHRASE_WORDS:
            raise QueryError(
                "a phrase is too long", value=f'"{term.raw}"', legal=f"at most {_MAX_PHRASE_WORDS} words"
            )
        return word_text(term.raw, is_phrase=term.is_phrase)

    def folder(self, term: Term) -> Condition:
        """A folder by index, path or name.

        Of several with one name it is the one nearest to the root, as tagtog has it.
        """
        term = Term(term.raw.removeprefix("\\/").removeprefix("/"), term.is_phrase)
        term = Term(term.raw[:-2] if term.raw.endswith("\\/") else term.raw.removesuffix("/"), term.is_phrase)
        folders = self.context.folders
        if term.has_wildcards:
            return _in_folders(
                folder
                for folder in folders
                if any(map(term.selects, (str(folder.index), folder.path, folder.name)))
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
        return _in_folders(next((way[:1] for way in ways if way), []))

    def class_ids(self, prefix: str, term: Term) -> list[str]:
        return [
            class_id
            for class_id, name in self.context.legend.items()
            if class_id[0] == prefix and (term.selects(class_id) or term.selects(name))
        ]

    def entity(self, path: tuple[Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "entity: has too many colons",
                value=":".join(term.raw for term in path),
                legal="entity:TYPE or entity:TYPE:TERM, TERM in quotes",
            )
        if len(path) == 1 or path[1].is_any:
            return self.of_classes(path[0])
        classes = self.class_test("e.class_id", path[0])
        texts = Sql.all_of([classes, path[1].test("e.text")])
        norms = Sql.all_of([path[1].test("n.norm_id"), classes])
        # CROSS JOIN fixes the order: an id has few normalizations, a class may have entities in every
        # document.
        normalized = (
            "norms AS n CROSS JOIN entities AS e ON e.document_id = n.document_id AND e.number = n.entity"
        )
        return Listed(
            (Select("entities AS e", "e.document_id", texts), Select(normalized, "n.document_id", norms))
        )

    def of_classes(self, name: Term) -> Condition:
        """Documents with an entity of a class, or of one of several."""
        ids = [] if name.is_any else self.class_ids("e", name)
        if len(ids) == 1:
            return self.with_class(ids[0], "entities", "> ?", 0)
        here = Sql("c.project_id = ?", (self.context.project,))
        where = here if name.is_any else Sql.all_of([here, among("c.class_id", ids)])
        return Listed((Select("class_counts AS c", "c.document_id", where),))

    def with_class(
        self, class_id: str, column: Literal["entities", "norms"], comparison: str, *numbers: int
    ) -> Condition:
        """Documents by their number of entities of one class; arguments as in :class:`ClassCount`."""
        counted = ClassCount(self.context.project, class_id, column, comparison, numbers)
        here = Sql("c.project_id = ?", (counted.project,))
        where = Sql.joined(" AND ", [here, counted.test("c")])
        return Listed((Select("class_counts AS c", "c.document_id", where),), of_class=counted)

    def label(self, path: tuple[Term, ...]) -> Condition:
        if len(path) > 2:
            raise QueryError(
                "label: has too many colons",
                value=":".join(term.raw for term in path),
                legal="label:NAME or label:NAME:VALUE, VALUE in quotes",
            )
        name, *values = path
        where = Sql.all_of(
            [self.class_test("l.class_id", name), *(value.test("l.value") for value in values)]
        )
        # The index labels_by_value has those of one class and one value in order.
        in_order = not name.is_any and len(self.class_ids("m", name)) == 1 and all(v.is_exact for v in values)
        return Listed((Select("labels AS l", "l.document_id", where, in_order=in_order and bool(values)),))

    def class_test(self, column: str, name: Term) -> Sql:
        """The test of a column for the classes of a name.

        Args:
            column: The column with its table's alias: ``e`` for entities, ``l`` for document labels.
            name: A class id or name, or a pattern for several.
        """
        prefix = "m" if column[0] == "l" else "e"
        return Sql("1") if name.is_any else among(column, self.class_ids(prefix, name))

    def count(self, counted: re.Match[str], low: int, high: int) -> Condition:
        column: Literal["entities", "norms"] = "entities" if counted[1] == "count" else "norms"
        if low > high:
            return NONE
        if low > 0:
            return self.with_class(counted[2], column, "BETWEEN ? AND ?", low, high)
        return Not(self.with_class(counted[2], column, "> ?", high))  # documents without any are in no row

    def number(self, term: Term, field: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", term.text):
            raise QueryError(
                f"{field}: needs a whole number", value=term.text, legal="0, 1, 2, … or a range [2 TO *]"
            )
        return int(term.text)

    def range(self, node: Any, path: tuple[Term, ...]) -> Condition:
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
            bounds.append(Term.of(bound))
        low, high = bounds
        if counted:
            least = 0 if low.is_any else self.number(low, field) + (not node.include_low)
            most = _LAST_MOMENT if high.is_any else self.number(high, field) - (not node.include_high)
            return self.count(counted, least, most)
        start, end = _FIRST_MOMENT, _LAST_MOMENT
        # A bound such as 2018 is a whole year: inclusive takes all of it, exclusive nothing of it.
        if not low.is_any:
            start = moment(low.text, field, self.context.now)[0 if node.include_low else 1]
        if not high.is_any:
            end = moment(high.text, field, self.context.now)[1 if node.include_high else 0]
        return self.between(field, start, end)

    def between(self, field: str, start: int, end: int) -> Condition:
        """Documents of a time.

        The bounds become those of documents: as long as these stay, a query with ``NOW`` stays the same.
        """
        from_then = self.context.from_then
        first, after = from_then(field, start), from_then(field, end)
        if first is None or first >= end:
            return NONE
        bounds: list[Condition] = []
        if first != from_then(field, _FIRST_MOMENT):
            bounds.append(OfRow(Sql(f"d.{field} >= ?", (first,))))
        if after is not None:
            bounds.append(OfRow(Sql(f"d.{field} < ?", (after,))))
        return all_of(bounds) if bounds else ALL

    def label_range(self, node: Any, name: Term) -> Condition:
        """Document labels whose value is a number in a range."""
        tests = [self.class_test("l.class_id", name), Sql("as_number(l.value) IS NOT NULL")]
        for bound, operator in (
            (node.low, ">=" if node.include_low else ">"),
            (node.high, "<=" if node.include_high else "<"),
        ):
            term = Term(str(bound).strip().strip('"'), False)
            if term.is_any:
                continue
            if _as_number(term.text) is None:
                raise QueryError(
                    f"label:{name.text}: needs numbers for a range",
                    value=term.text,
                    legal="[10 TO 20], * for an open end",
                )
            tests.append(Sql(f"as_number(l.value) {operator} ?", (_as_number(term.text),)))
        return Listed((Select("labels AS l", "l.document_id", Sql.all_of(tests)),))


def _assigned(test: Sql) -> Condition:
    """Documents that were assigned to a member for whom a test of ``a.member`` holds."""
    return Listed((Select("assignments AS a", "a.document_id", test),))


def _in_folders(folders: Iterable[Folder]) -> Condition:
    ids = [folder.index for folder in folders]
    return OfRow(among("d.folder", ids), of_state=True) if ids else NONE
