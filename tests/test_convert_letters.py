"""Words of plain letters are passed over only by expressions that can match nothing in them."""

from __future__ import annotations

import re

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.convert.letters import can_match_letters, skip_letters
from spacy_tagtog.convert.tokens import prepare_for_tokens

words = st.text(st.sampled_from("abzABZKksS"), min_size=1, max_size=6)
PIECES = r"""
a k \d \w \s \S [0-9] [^a] [a-c] [.,] . \. ſ \u212a [ſ-\u024f] ^ $ \b (?=a) (?<=[0-9]) (?!a) (?<!\.) (?:a|\.) (?:!|\.) (?i:ſ) (\.)?
(?:[0-9]){0,2} \.{2,} (?:x*) - 's 🙂 km
"""
pieces = st.sampled_from(["", *PIECES.split()])
expressions = st.lists(st.lists(pieces, min_size=1, max_size=4).map("".join), min_size=1, max_size=3).map("|".join)


@quick
@given(expression=expressions, flags=st.sampled_from([0, re.IGNORECASE, re.ASCII, re.IGNORECASE | re.ASCII]), word=words)
def test_what_is_said_to_match_nothing_matches_nothing(expression: str, flags: int, word: str) -> None:
    pattern = re.compile(expression, flags)
    if not can_match_letters(pattern):
        assert pattern.search(word) is None
    find = skip_letters(pattern.search, nothing=lambda: None)
    assert str(find(word)) == str(pattern.search(word))


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
    ],
)
def test_what_the_look_at_an_expression_finds(expression: str, possible: bool) -> None:
    assert can_match_letters(re.compile(expression)) is possible


def test_case_is_not_forgotten() -> None:
    assert can_match_letters(re.compile("\u212a", re.IGNORECASE))
    assert not can_match_letters(re.compile("\u212a"))


def test_an_expression_of_millions_of_characters_is_not_read() -> None:
    assert can_match_letters(re.compile("\\." * 60_000))


@pytest.mark.parametrize("lang", ["en", "de", "es", "xx"])
def test_english_and_others_profit(lang: str) -> None:
    tokenizer = spacy.blank(lang).tokenizer
    for find in (tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer, tokenizer.url_match):
        assert not can_match_letters(find.__self__)


def test_other_functions_stay_as_they_are() -> None:
    def find(text: str) -> None:
        return None

    assert skip_letters(find, nothing=lambda: None) is find
    assert skip_letters(None, nothing=lambda: None) is None
    search = re.compile("a").search
    assert skip_letters(search, nothing=lambda: None) is search


@quick
@given(
    text=st.lists(
        st.sampled_from(
            ["word", "U.S.", "don't", "cannot", "e.g.", "10km", "it's,", "(so)", "a-b", "x/y", "www.a.org", "I'm", "…", "!?", "naïve", "Straße"]
        )
    ).map(" ".join)
)
@pytest.mark.parametrize("lang", ["en", "de", "xx"])
def test_tokens_stay_the_same(lang: str, text: str) -> None:
    plain, prepared = _pipelines(lang)
    assert [(token.text, token.norm_, token.whitespace_) for token in prepared.make_doc(text)] == [
        (token.text, token.norm_, token.whitespace_) for token in plain.make_doc(text)
    ]


_made: dict[str, tuple[spacy.Language, spacy.Language]] = {}


def _pipelines(lang: str) -> tuple[spacy.Language, spacy.Language]:
    if lang not in _made:
        prepared = spacy.blank(lang)
        prepare_for_tokens(prepared)
        _made[lang] = spacy.blank(lang), prepared
    return _made[lang]
