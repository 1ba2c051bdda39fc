"""Contexts: what stands around a place in a text, as classes of characters.

A context is a place's surroundings, two characters on each side. A rule is a generalization of contexts: for
each of the four characters a class, a certain punctuation mark, the start or the end of the string, or
anything. A rule becomes a regular expression that looks at no more than four characters, one class each,
without repetition: it takes constant time at each place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final, Literal, TypeAlias

CharacterClass: TypeAlias = str
"""A key of ``_CLASSES``, a punctuation mark itself, ``START`` or ``END``."""
Context: TypeAlias = tuple[str, str, str, str]
"""Two characters to the left of a place and two to the right; ``START`` and ``END`` where the string ends."""
ContextRule: TypeAlias = tuple[
    "CharacterClass | None", "CharacterClass | None", "CharacterClass | None", "CharacterClass | None"
]
"""The same in classes; ``None`` stands for anything."""

START: Final = "start"
END: Final = "end"

# From general to specific. Python's re knows no class of upper-case letters. These are those of Latin, Greek
# and Russian; the letters of other scripts are just letters.
_CLASSES: Final[dict[CharacterClass, str]] = {
    "alphanumeric": r"[^\W_]",
    "letter": r"[^\W\d_]",
    "digit": r"\d",
    "upper": "[A-ZÀ-ÖØ-ÞΑ-ΩА-ЯЁ]",
    "lower": "[a-zß-öø-ÿα-ωа-яё]",
    # Without combining accents, joiners and variation selectors: they belong to the character before them.
    "punctuation": r"[^\w\s\u0300-\u036F\u200B-\u200F\uFE00-\uFE0F]",
}
_COMPILED: Final = {name: re.compile(pattern) for name, pattern in _CLASSES.items()}
# A punctuation mark itself comes first: where a corpus says nothing about other marks, they are left alone.
_GENERALITY: Final[Mapping[CharacterClass | None, int]] = {
    None: 4,
    "alphanumeric": 3,
    "letter": 1,
    **dict.fromkeys(("upper", "lower", "digit", "punctuation"), 0),
}
_MARK_GENERALITY: Final = 5


class _Generalizations(dict[str, tuple["CharacterClass | None", ...]]):
    """The classes of each character, the most specific first, and ``None`` for anything."""

    def __missing__(self, character: str) -> tuple[CharacterClass | None, ...]:
        classes: list[CharacterClass | None] = []
        if character in (START, END):
            classes.append(character)
        else:
            if not character.isalnum() and unicodedata.category(character)[0] not in "MC":
                classes.append(character)
            classes.extend(name for name in reversed(_CLASSES) if _COMPILED[name].match(character))
        self[character] = result = (*classes, None)
        return result


_generalizations: Final = _Generalizations()


def finest_class(character: str) -> str:
    """One character that stands for all others of the same classes, so that there are few contexts."""
    for representative, name in (("a", "lower"), ("A", "upper"), ("1", "digit"), ("ʔ", "letter")):
        if _COMPILED[name].match(character):
            return representative
    return character


def generalize(context: Context) -> Iterator[ContextRule]:
    """All rules that hold at a place with this context."""
    left2, left1, right1, right2 = context
    lefts: list[tuple[CharacterClass | None, CharacterClass | None]] = [
        (b, a) for a in _generalizations[left1] if a is not None for b in _generalizations[left2]
    ]
    rights: list[tuple[CharacterClass | None, CharacterClass | None]] = [
        (a, b) for a in _generalizations[right1] if a is not None for b in _generalizations[right2]
    ]
    for left, right in product([*lefts, (None, None)], [*rights, (None, None)]):
        at_start, at_end = left[0] == START, right[1] == END
        if (left[1] is None and right[0] is None) or (at_start and at_end):
            continue
        yield (*left, *right)


def kind_of(rule: ContextRule) -> Literal["prefixes", "suffixes", "infixes"]:
    """Which of the tokenizer's searches takes the rule's pattern."""
    return "prefixes" if rule[0] == START else "suffixes" if rule[3] == END else "infixes"


def _regex(classes: Iterable[CharacterClass | None]) -> str:
    return "".join(_CLASSES.get(name) or re.escape(name) for name in classes if name is not None)


def pattern_of(rule: ContextRule) -> str:
    """The rule as a regular expression for the search that :func:`kind_of` names."""
    left2, left1, right1, right2 = rule
    kind = kind_of(rule)
    left = left1 if kind == "prefixes" else None
    before = "" if kind == "prefixes" else _regex((left2, left1))
    after = "" if kind == "suffixes" else _regex((right1, right2))
    # spaCy splits off what a prefix or suffix matches, so these two match one character. An infix matches
    # none.
    matched = _regex((left, right1 if kind == "suffixes" else None))
    return (f"(?<={before})" if before else "") + matched + (f"(?={after})" if after else "")


def generality(rule: ContextRule) -> int:
    """How general a rule is. Of two that do the same in a corpus, the more general does more elsewhere."""
    return sum(0 if name in (START, END) else _GENERALITY.get(name, _MARK_GENERALITY) for name in rule)


def with_class_names(pattern: str) -> str:
    """A pattern with names of classes in place of their characters, such as ``(?<={digit})(?={upper})``."""
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(characters, f"{{{name}}}")
    return pattern
