"""The language of searches, parsed.

luqum parses the Lucene syntax, which tagtog's documentation ("Search queries", https://docs.tagtog.com)
refers to. What it reads otherwise than tagtog is rewritten before.
"""

from __future__ import annotations

import re
from typing import Any, Final

from luqum import parser as luqum_parser  # type: ignore[import-untyped]

from spacy_tagtog.errors import LocalServerError

_MAX_QUERY_CHARS: Final = 4096
MAX_DEPTH: Final = 32
_SYMBOL = re.compile(r"(?:&&|\|\|)(?=[\s()]|\Z)")
_RANGE = re.compile(r"([\[{])\s*([^\s\[\]{}\"\\]+)\s+to\s+([^\s\[\]{}\"\\]+)\s*([\]}])")


class QueryError(LocalServerError):
    """A search query can't be understood, or uses something that isn't offered."""


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
        operator = _SYMBOL.match(query, position) if at_start else None
        if operator:
            pieces.append(" AND " if operator[0] == "&&" else " OR ")
            position = operator.end()
            continue
        if character == "!" and at_start:
            pieces.append(" NOT ")
            position += 1
            continue
        bounds = _RANGE.match(query, position) if character in "[{" else None
        if bounds:  # tagtog's documentation writes "to" as well as "TO"
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
