"""Words of plain letters are passed over only by expressions that can match nothing in them."""

from __future__ import annotations

import re

import pytest
import spacy
from hypothesis import given, reject
from hypothesis import strategies as st
from spacy.language import Language
from strategies import quick

from spacy_tagtog.convert.tokenizer.regex_letters import can_match_letters, letters_or, may_match_letters
from spacy_tagtog.convert.tokens import prepare_for_tokens

words = st.text(st.sampled_from("abzABZKksS"), min_size=1, max_size=6)
PIECES = r"""
a k \d \w \s \S \W [0-9] [^a] [^]a] []a] [a-c] [*-/] [\]-] [\d.] [.,] . \. \- ſ \u212a
[ſ-\u024f] ^ $ \b \B \A \Z
(?=a) (?<=[0-9]) (?!a) (?<!\.) (?:a|\.) (?:!|\.) (?i:ſ) (?i:\.) (?-i:\u212a) (?P<one>\.) (?P<two>a) (\.)?
(?:[0-9]){0,2} \.{2,}
\.{,2} \.{0} a{1,2}? \.*? \.+? {} {a} (?:x*) (?#no) - 's 🙂 km \x41 \x2e [\x2e-\x30] \t \n
\0 \101 (?s:.) (?x:\.)
"""
pieces = st.sampled_from(["", *PIECES.split()])
expressions = st.lists(st.lists(pieces, min_size=1, max_size=4).map("".join), min_size=1, max_size=3).map(
    "|".join
)


@quick
@given(
    expression=expressions,
    flags=st.sampled_from([0, re.IGNORECASE, re.ASCII, re.IGNORECASE | re.ASCII, re.VERBOSE]),
    word=words,
)
def test_what_is_said_to_match_nothing_matches_nothing(expression: str, flags: int, word: str) -> None:
    try:
        pattern = re.compile(expression, flags)
    except re.error:  # such as one name for two groups
        reject()
    if not can_match_letters(pattern):
        assert pattern.search(word) is None
        assert pattern.match(word) is None
        assert not list(pattern.finditer(word))


@pytest.mark.parametrize(
    ("expression", "possible"),
    [
        ("a", True),
        ("", True),
        ("\\.", False),
        ("(?<=[0-9])(?:km|mm)$", False),
        ("(?<=[a-z])(?:km|mm)$", True),
        ("'s$|[.,;]$", False),
        ("(?:\\.)?", True),
        ("[^.]", True),
        ("[0-9\\s]+", False),
        ("\\W", False),
        ("[^]a]", True),
        ("[]-]", False),
        ("[*-/]", False),
        ("[\\]a]", True),
        ("\\x2e{1,2}?", False),
        ("\\x41", True),
        ("\\.{,2}", True),
        ("{}", False),
        ("(?P<dot>\\.)", False),
        ("(?i)\\.", False),
        ("(?i:\u212a)", True),
        ("(?!a)\\.", False),
        ("(?!a)", True),
        ("a|\\.", True),
        ("!|\\.", False),
    ],
)
def test_what_the_look_at_an_expression_finds(expression: str, possible: bool) -> None:
    assert can_match_letters(re.compile(expression)) is possible


@pytest.mark.parametrize(
    "expression",
    ["(\\.)\\1", "\\056", "\\N{FULL STOP}", "(\\.)?(?(1)!|,)", "(?#dot)\\.", "(?x:\\.)"],
)
def test_what_is_not_understood_can_match(expression: str) -> None:
    assert can_match_letters(re.compile(expression))


def test_case_is_not_forgotten() -> None:
    assert can_match_letters(re.compile("\u212a", re.IGNORECASE))
    assert not can_match_letters(re.compile("\u212a"))


def test_an_expression_of_millions_of_characters_is_not_read() -> None:
    assert can_match_letters(re.compile("\\." * 60_000))


@pytest.mark.parametrize("lang", ["en", "de", "es", "xx"])
def test_english_and_others_profit(lang: str) -> None:
    tokenizer = spacy.blank(lang).tokenizer
    for find in (
        tokenizer.prefix_search,
        tokenizer.suffix_search,
        tokenizer.infix_finditer,
        tokenizer.url_match,
    ):
        assert not can_match_letters(find.__self__)


def test_of_other_functions_nothing_is_known() -> None:
    assert may_match_letters(lambda text: None)
    assert may_match_letters(re.compile(b"!").search)
    assert may_match_letters(re.compile("a").finditer)
    assert not may_match_letters(re.compile("!").finditer)


@pytest.mark.parametrize(
    ("text", "expected"), [("Vega", True), ("Véga", False), ("e.g.", True), ("x-y", False), ("", False)]
)
def test_letters_or_something_else(text: str, expected: bool) -> None:
    assert bool(letters_or(re.compile(r"e\.g\.").fullmatch)(text)) is expected
    assert bool(letters_or(None)(text)) is (expected and text != "e.g.")


@pytest.mark.parametrize("affix", ["prefix_search", "suffix_search", "infix_finditer", "url_match"])
def test_a_tokenizer_that_splits_words_of_letters_still_does(affix: str) -> None:
    nlp = spacy.blank("xx")
    find = (
        re.compile("q").finditer
        if affix == "infix_finditer"
        else re.compile("qu" if affix != "suffix_search" else "qu$").search
    )
    setattr(nlp.tokenizer, affix, find)
    plain = [token.text for token in nlp.make_doc("quick aqa coqu (quite) qu")]
    prepare_for_tokens(nlp)
    assert [token.text for token in nlp.make_doc("quick aqa coqu (quite) qu")] == plain


@quick
@given(
    text=st.lists(
        st.sampled_from(
            [
                "word",
                "U.S.",
                "don't",
                "cannot",
                "e.g.",
                "10km",
                "it's,",
                "(so)",
                "a-b",
                "x/y",
                "www.a.org",
                "I'm",
                "…",
                "!?",
                "naïve",
                "Straße",
            ]
        )
    ).map(" ".join)
)
@pytest.mark.parametrize("lang", ["en", "de", "xx"])
def test_tokens_stay_the_same(lang: str, text: str) -> None:
    plain, prepared = _pipelines(lang)
    assert [(token.text, token.norm_, token.whitespace_) for token in prepared.make_doc(text)] == [
        (token.text, token.norm_, token.whitespace_) for token in plain.make_doc(text)
    ]


_made: dict[str, tuple[Language, Language]] = {}


def _pipelines(lang: str) -> tuple[Language, Language]:
    if lang not in _made:
        prepared = spacy.blank(lang)
        prepare_for_tokens(prepared)
        _made[lang] = spacy.blank(lang), prepared
    return _made[lang]
