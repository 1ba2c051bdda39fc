"""The terms of searches: words and phrases, as tests of a value."""

from __future__ import annotations

import re
from dataclasses import dataclass

from luqum import tree  # type: ignore[import-untyped]

from spacy_tagtog.server.search.sql import Sql
from spacy_tagtog.server.search.words import FUNCTIONS, unescape

_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")


@dataclass(frozen=True)
class Term:
    """A word or phrase.

    Attributes:
        raw: The term with its escapes. A phrase has lost its quotes.
        is_phrase: Whether it was in quotes.
    """

    raw: str
    is_phrase: bool

    @classmethod
    def of(cls, node: tree.Word | tree.Phrase) -> Term:
        """The term of a leaf of luqum's tree."""
        is_phrase = isinstance(node, tree.Phrase)
        return cls(node.value[1:-1] if is_phrase else node.value, is_phrase)

    @property
    def text(self) -> str:
        """The term without its escapes."""
        return unescape(self.raw)

    @property
    def has_wildcards(self) -> bool:
        """Whether ``*`` or ``?`` in it stand for other characters."""
        return not self.is_phrase and _WILDCARD.search(self.raw) is not None

    @property
    def is_any(self) -> bool:
        """Whether it is ``*``, which everything fulfils."""
        return not self.is_phrase and set(self.raw) == {"*"}

    @property
    def is_exact(self) -> bool:
        """Whether one value alone fulfils it."""
        return not self.has_wildcards

    def selects(self, value: str) -> bool:
        """Whether a value fulfils it."""
        return bool(FUNCTIONS["matches_value"](value, self.raw)) if self.has_wildcards else value == self.text

    def test(self, column: str) -> Sql:
        """The test that a column's value fulfils it."""
        if self.is_any:
            return Sql("1")
        if self.has_wildcards:
            return Sql(f"matches_value({column}, ?)", (self.raw,))
        return Sql(f"{column} = ?", (self.text,))


@dataclass(frozen=True)
class Similar(Term):
    """A word and what is like it.

    Attributes:
        least: The similarity, which a value's has to exceed, or be 1.
    """

    least: float = 0.5

    @property
    def is_any(self) -> bool:
        """See :class:`Term`."""
        return False

    @property
    def is_exact(self) -> bool:
        """See :class:`Term`."""
        return False

    def selects(self, value: str) -> bool:
        """See :class:`Term`."""
        return bool(FUNCTIONS["is_similar"](value, self.text, self.least))

    def test(self, column: str) -> Sql:
        """See :class:`Term`."""
        return Sql(f"is_similar({column}, ?, ?)", (self.text, self.least))
