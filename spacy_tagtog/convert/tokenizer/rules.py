"""What a tokenizer learned: rules, and the JSON file that holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from spacy_tagtog._files import write_json
from spacy_tagtog.convert.tokenizer.contexts import with_class_names
from spacy_tagtog.errors import ConfigurationError

_VERSION: Final = 1

Kind: TypeAlias = Literal["prefixes", "suffixes", "infixes", "exceptions"]
KINDS: Final[tuple[Kind, ...]] = ("prefixes", "suffixes", "infixes", "exceptions")


@dataclass(frozen=True, slots=True)
class LearnedRule:
    """One rule.

    Attributes:
        pattern: A regular expression; for an exception the string that no longer is one.
        borders: How many entity borders of the training side it made borders of tokens, after all earlier
            rules.
        tokens: How many tokens it added there.
        documents: In how many documents it gained a border.
    """

    pattern: str
    borders: int = 0
    tokens: int = 0
    documents: int = 0

    def __str__(self) -> str:
        """The pattern with names of classes for their characters, such as ``(?<={digit})(?={upper})``."""
        return with_class_names(self.pattern)


@dataclass(frozen=True, slots=True)
class TokenizerRules:
    """The rules that were learned. In a file they are plain JSON, see :func:`write_rules`.

    Attributes:
        prefixes: Patterns of what is split off at the start of a string without white space.
        suffixes: Patterns of what is split off at its end.
        infixes: Patterns of places in between at which it is split; they match no character.
        exceptions: Strings that the tokenizer no longer treats specially, such as ``Mar.``.
        lang: The language of the pipeline that they were learned for.
    """

    prefixes: tuple[LearnedRule, ...] = ()
    suffixes: tuple[LearnedRule, ...] = ()
    infixes: tuple[LearnedRule, ...] = ()
    exceptions: tuple[LearnedRule, ...] = ()
    lang: str = ""

    def __len__(self) -> int:
        """The number of rules of all kinds."""
        return sum(len(pieces) for _, pieces in self.items())

    def items(self) -> Iterator[tuple[Kind, tuple[LearnedRule, ...]]]:
        """Each kind and its rules."""
        yield "prefixes", self.prefixes
        yield "suffixes", self.suffixes
        yield "infixes", self.infixes
        yield "exceptions", self.exceptions

    def to_json(self) -> dict[str, Any]:
        """The rules as a JSON object."""
        return {
            "version": _VERSION,
            "lang": self.lang,
            **{kind: [asdict(piece) for piece in pieces] for kind, pieces in self.items()},
        }

    @classmethod
    def from_json(cls, data: object, *, place: object = None) -> TokenizerRules:
        """Read the rules from a JSON object. Patterns may be written by hand: plain strings will do.

        Args:
            data: As :meth:`to_json` gives it.
            place: Where it comes from, for messages.

        Raises:
            ConfigurationError: It has another form, or a pattern is no regular expression.
        """
        if not isinstance(data, dict):
            raise _bad("these aren't a tokenizer's rules", place, data, "a JSON object")
        if data.get("version", _VERSION) != _VERSION:
            raise _bad("these rules have a version that can't be read", place, data["version"], str(_VERSION))
        unknown = [key for key in data if key not in {"version", "lang", *KINDS}]
        if unknown:
            raise _bad(
                "the rules have keys that mean nothing",
                place,
                ", ".join(map(str, unknown)),
                f"version, lang, {', '.join(KINDS)}",
            )
        lang = data.get("lang", "")
        if not isinstance(lang, str):
            raise _bad(
                "the rules' language isn't a text",
                f"{place}, lang" if place else "lang",
                lang,
                "a language code such as en",
            )
        pieces = {
            kind: _read_pieces(kind, data.get(kind, []), f"{place}, {kind}" if place else kind)
            for kind in KINDS
        }
        return cls(pieces["prefixes"], pieces["suffixes"], pieces["infixes"], pieces["exceptions"], lang)


def _bad(problem: str, place: object, value: object, legal: str) -> ConfigurationError:
    return ConfigurationError(
        problem,
        place=place,
        value=value,
        legal=legal,
        advice="learn them again with spacy-tagtog tokenizer, or mend the file",
    )


def _read_pieces(kind: Kind, data: object, place: str) -> tuple[LearnedRule, ...]:
    if not isinstance(data, list):
        raise _bad("this isn't a list of rules", place, data, "a list of objects with a pattern")
    pieces = []
    for index, item in enumerate(data):
        at = f"{place}[{index}]"
        fields = {"pattern": item} if isinstance(item, str) else item
        pattern = fields.get("pattern") if isinstance(fields, dict) else None
        if not isinstance(pattern, str) or not pattern:
            legal = "an object with a pattern, which is a text that isn't empty"
            raise _bad("this rule has no pattern", at, item, legal)
        numbers: dict[str, Any] = {key: value for key, value in fields.items() if key != "pattern"}
        for key, value in numbers.items():
            if key not in {"borders", "tokens", "documents"} or type(value) is not int:
                legal = "pattern, and whole numbers: borders, tokens, documents"
                raise _bad("this rule has a field that can't be read", f"{at}, {key}", value, legal)
        piece = LearnedRule(pattern, **numbers)
        if kind != "exceptions":
            compile_pattern(anchored(kind, piece), at, pattern)
        pieces.append(piece)
    return tuple(pieces)


def anchored(kind: Kind, piece: LearnedRule) -> str:
    """A rule's pattern as the tokenizer searches it: prefixes at a string's start, suffixes at its end."""
    return {"prefixes": "^(?:{})", "suffixes": "(?:{})$"}.get(kind, "(?:{})").format(piece.pattern)


def compile_pattern(pattern: str, place: object, shown: str, flags: int = 0) -> re.Pattern[str]:
    """Compile a pattern.

    Args:
        pattern: The pattern.
        place: Where it stands, for messages.
        shown: What messages show of it.
        flags: Flags of :mod:`re`.

    Raises:
        ConfigurationError: It isn't a regular expression.
    """
    try:
        return re.compile(pattern, flags)
    # Python raises the other two for repetitions beyond all bounds and for parentheses that are nested too
    # deeply.
    except (re.error, OverflowError, RecursionError) as error:
        raise _bad(
            f"this isn't a regular expression: {error}", place, shown, "a regular expression of Python's re"
        ) from error


def read_rules(path: Path) -> TokenizerRules:
    """Read a file of rules.

    Raises:
        ConfigurationError: There is none, or it can't be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the tokenizer's rules can't be read: {error.strerror or error}",
            place=path,
            legal="a JSON file that spacy-tagtog tokenizer wrote",
            advice="check the path, or learn them: spacy-tagtog tokenizer SOURCE RULES.json",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _bad(
            f"the tokenizer's rules aren't JSON: {error}",
            path,
            path.name,
            "a JSON file that spacy-tagtog tokenizer wrote",
        ) from error
    return TokenizerRules.from_json(data, place=path)


def write_rules(rules: TokenizerRules, path: Path) -> None:
    """Write rules to a JSON file, all or nothing.

    Raises:
        WriteError: The file system refuses.
    """
    write_json(path, rules.to_json())
