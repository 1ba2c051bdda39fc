"""Putting learned rules into a pipeline's tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from spacy.language import Language
from spacy.tokenizer import Tokenizer

from spacy_tagtog.convert.tokenizer.rules import (
    Kind,
    LearnedRule,
    TokenizerRules,
    anchored,
    compile_pattern,
)
from spacy_tagtog.errors import PipelineError

# The tokenizer's attribute for each kind, and which method of a compiled pattern it is.
_ATTRIBUTES: Final = {
    "prefixes": ("prefix_search", "search"),
    "suffixes": ("suffix_search", "search"),
    "infixes": ("infix_finditer", "finditer"),
}


def rule_based_tokenizer(nlp: Language) -> Tokenizer:
    """The tokenizer of a pipeline.

    Raises:
        PipelineError: It isn't spaCy's rule-based one.
    """
    tokenizer = nlp.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        raise PipelineError(
            "the tokenizer of this pipeline has no rules that could be added to",
            value=type(tokenizer).__name__,
            legal="spaCy's own rule-based tokenizer",
            advice="leave the tokenizer as it is for this language",
        )
    return tokenizer


def _extended(
    function: Callable[..., Any] | None, kind: Kind, pieces: Sequence[LearnedRule]
) -> Callable[..., Any] | None:
    """A tokenizer's search function with more alternatives.

    It is still a method of a compiled pattern: spaCy can save nothing else.
    """
    if not pieces:
        return function
    wanted = [anchored(kind, piece) for piece in pieces]
    base, flags = "", 0
    if function is not None:
        compiled = getattr(function, "__self__", None)
        if not isinstance(compiled, re.Pattern):
            raise PipelineError(
                f"the tokenizer finds its {kind} with a function that can't be extended",
                value=repr(function),
                legal="a method of a compiled regular expression",
                advice="set it as spaCy's documentation shows: "
                "tokenizer.infix_finditer = re.compile(…).finditer",
            )
        base, flags = compiled.pattern, compiled.flags
    # Where rules are applied twice, such as when a trained pipeline is trained on, they are there already.
    present = f"|{base}|"
    pattern = "|".join(
        [*([base] if base else []), *(piece for piece in wanted if f"|{piece}|" not in present)]
    )
    shown = " | ".join(piece.pattern for piece in pieces)
    method: Callable[..., Any] = getattr(compile_pattern(pattern, kind, shown, flags), _ATTRIBUTES[kind][1])
    return method


def _pattern_behind(function: Callable[..., Any] | None) -> object:
    return getattr(function, "__self__", function)


def install_rules(tokenizer: Tokenizer, base: Tokenizer, rules: TokenizerRules) -> None:
    """Give a tokenizer the rules of ``base`` (which may be itself) and the learned ones."""
    dropped = {piece.pattern for piece in rules.exceptions}
    functions = {}
    for kind, pieces in rules.items():
        if kind in _ATTRIBUTES:
            name, _ = _ATTRIBUTES[kind]
            functions[name] = _extended(getattr(base, name), kind, pieces)
    exceptions = {text: tokens for text, tokens in base.rules.items() if text not in dropped}
    # Each assignment lets the tokenizer work out its special cases anew, which takes long. So only what is
    # new is assigned, and while there are no special cases.
    functions = {
        name: function
        for name, function in functions.items()
        if _pattern_behind(getattr(tokenizer, name)) != _pattern_behind(function)
    }
    if functions:
        tokenizer.rules = {}
        for name, function in functions.items():
            setattr(tokenizer, name, function)
    if functions or exceptions.keys() != tokenizer.rules.keys():
        tokenizer.rules = exceptions


def apply_rules(nlp: Language, rules: TokenizerRules) -> None:
    """Put learned rules into a pipeline's tokenizer. They are saved and loaded with it.

    What the tokenizer did before comes first; the rules only split further. Applying the same rules twice is
    the same as once.

    Args:
        nlp: The pipeline; its tokenizer is changed.
        rules: The rules.

    Raises:
        PipelineError: The tokenizer isn't spaCy's rule-based one, or was given functions of another kind.
        ConfigurationError: A pattern isn't a regular expression.
    """
    tokenizer = rule_based_tokenizer(nlp)
    if len(rules):
        install_rules(tokenizer, tokenizer, rules)
