"""The language of searches, parsed.

luqum parses the Lucene syntax, which tagtog's documentation ("Search queries", https://docs.tagtog.com)
refers to. What it reads otherwise than tagtog is rewritten before.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any, Final

from luqum import parser as luqum_parser  # type: ignore[import-untyped]

from spacy_tagtog.errors import LocalServerError

_MAX_QUERY_CHARS: Final = 4096
MAX_DEPTH: Final = 32
_SYMBOL = re.compile(r"(?:&&|\|\|)(?=[\s()]|\Z)")
_RANGE = re.compile(r"([\[{])\s*([^\s\[\]{}\"\\]+)\s+to\s+([^\s\[\]{}\"\\]+)\s*([\]}])")


_PARSE_ERROR = re.compile(
    r"(?:unexpected {2}'(?P<token>.*)'|Illegal character '.*') at position (?P<at>[0-9]+)", re.S
)


class QueryError(LocalServerError):
    """A search query can't be understood, or uses something that isn't offered.

    Args:
        problem: What is wrong.
        position: The number of the character at which it is wrong, from 0. That of the end is that after the
            last character.
        **details: ``place``, ``value``, ``legal`` and ``advice`` of
            :class:`~spacy_tagtog.errors.SpacyTagtogError`.
    """

    def __init__(self, problem: str, *, position: int | None = None, **details: Any) -> None:
        if position is not None:
            details.setdefault("place", f"character {position + 1}")
        super().__init__(problem, **details)
        self.position = position


def _prepare(query: str) -> list[tuple[int, str]]:
    """Rewrite what luqum reads otherwise than tagtog: ``&&``, ``||``, ``!``, slashes and apostrophes.

    Returns:
        The pieces of the new query, each with the number of the character of the old one where it begins.
    """
    pieces: list[tuple[int, str]] = []
    position, depth = 0, 0
    at_start = True  # of a term
    while position < len(query):
        character = query[position]
        if character == "\\":
            if position + 1 == len(query):
                raise QueryError(
                    "the query ends with a backslash",
                    position=position,
                    value=query,
                    legal="a character after it",
                )
            pieces.append((position, query[position : position + 2]))
            position, at_start = position + 2, False
            continue
        if character == '"':
            end = position + 1
            while end < len(query) and query[end] != '"':
                end += 2 if query[end] == "\\" else 1
            if end >= len(query):
                raise QueryError(
                    "a quote isn't closed",
                    position=position,
                    value=query[position:],
                    legal='"words"; a lone quote as \\"',
                )
            pieces.append((position, query[position : end + 1]))
            position, at_start = end + 1, False
            continue
        operator = _SYMBOL.match(query, position) if at_start else None
        if operator:
            pieces.append((position, " AND " if operator[0] == "&&" else " OR "))
            position = operator.end()
            continue
        if character == "!" and at_start:
            pieces.append((position, " NOT "))
            position += 1
            continue
        bounds = _RANGE.match(query, position) if character in "[{" else None
        if bounds:  # tagtog's documentation writes "to" as well as "TO"
            pieces.append((position, f"{bounds[1]}{bounds[2]} TO {bounds[3]}{bounds[4]}"))
            position, at_start = bounds.end(), False
            continue
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise QueryError(
                "the query has too many nested brackets", position=position, legal=f"at most {MAX_DEPTH}"
            )
        pieces.append((position, "\\" + character if character in "/'" else character))
        at_start = character.isspace() or character in "():+-"
        position += 1
    return pieces


def parse(query: str) -> Any:
    """Parse a search query.

    Args:
        query: What the user asks for.

    Returns:
        luqum's tree.

    Raises:
        QueryError: It can't be understood.
    """
    if len(query) > _MAX_QUERY_CHARS:
        raise QueryError(
            "the query is too long",
            value=f"{len(query)} characters",
            legal=f"at most {_MAX_QUERY_CHARS} characters",
        )
    if not query.strip():
        raise QueryError("the query is empty", legal="* for all documents, or any search query")
    pieces = _prepare(query)
    try:
        # A lexer of its own for each query: luqum keeps state in it.
        return luqum_parser.parser.parse(
            "".join(piece for _, piece in pieces), lexer=luqum_parser.lexer.clone()
        )
    except RecursionError as error:
        raise QueryError("the query nests too deeply", legal=f"at most {MAX_DEPTH} levels") from error
    except Exception as error:  # luqum also lets the errors of Decimal and int escape
        raise _not_parsed(query, pieces, str(error)) from error


def _not_parsed(query: str, pieces: list[tuple[int, str]], message: str) -> QueryError:
    """What luqum says of a query that it can't parse, in our words and for the query as it was typed."""
    advice = "put special characters in quotes, or a backslash before them"
    if "unexpected end" in message:
        return QueryError(
            "the query ends too early",
            position=len(query),
            value=query,
            legal="a term after each AND, OR, NOT and colon; a closing bracket for each opening one",
            advice=advice,
        )
    found = _PARSE_ERROR.search(message)
    if found is None:
        return QueryError(f"the query doesn't parse: {message}", value=query, advice=advice)
    ends = accumulate(len(piece) for _, piece in pieces)
    starts = (start for (start, _), end in zip(pieces, ends, strict=True) if int(found["at"]) < end)
    position = next(starts, len(query))
    token = found["token"] or query[position : position + 1]
    return QueryError(
        f"{token} can't stand here",
        position=position,
        value=query,
        legal="words, phrases, fields",
        advice=advice,
    )
