"""Tokenizing all parts at once gives the same tokens as tokenizing part by part."""

from __future__ import annotations

import re
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import NORM, ORTH, SENT_START, SPACY
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from strategies import quick

from spacy_tagtog.convert import tokens as tokens_module
from spacy_tagtog.convert.tokens import _longest_searched, assemble, prepare_for_tokens

# Tokenizer exceptions, emoticons, addresses, white space of all kinds, also where parts meet.
PIECES = [
    "don't",
    "U.K.",
    "a.m.",
    ":-)",
    "(x)",
    "p.V600E",
    "it's",
    "é",
    "👩🏽\u200d🚀",
    "http://a.b/c?d",
    "¿",
    "1,000.5",
    "co-op",
    "C++",
    "in",
    "vitro",
]
BLANKS = [" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u2028", "\r\n", "\x1f"]
part_texts = st.lists(st.sampled_from(PIECES + BLANKS + [" ", " ", ""]), max_size=8).map("".join)


class OtherTokenizer(Tokenizer):
    """A class of somebody else's: only the slow way is safe."""


def by_part(nlp: Language, parts: list[tuple[str, str]], **arguments: Any) -> Any:
    """The same, surely part by part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens_module, "_tokenized_at_once", lambda *_: None)
        return assemble(nlp, parts, **arguments)


def contents(doc: Doc) -> list[list[int]]:
    return doc.to_array([ORTH, NORM, SPACY, SENT_START]).tolist()


def same(fast: Any, slow: Any) -> None:
    assert contents(fast.doc) == contents(slow.doc)
    assert fast.doc.text == slow.doc.text == fast.text
    assert (fast.parts, fast.splits, fast.starts, fast.ends) == (
        slow.parts,
        slow.splits,
        slow.starts,
        slow.ends,
    )
    assert fast.starts == [token.idx for token in fast.doc]
    assert fast.ends == [token.idx + len(token) for token in fast.doc]


@quick
@given(texts=st.lists(part_texts, max_size=5), data=st.data())
def test_at_once_is_as_part_by_part(nlp: Language, texts: list[str], data: st.DataObject) -> None:
    parts = [(f"s1p{number}", text) for number, text in enumerate(texts)]
    cuts = {part: data.draw(st.sets(st.integers(0, len(text) + 2), max_size=4)) for part, text in parts}
    same(assemble(nlp, parts, cuts=cuts), by_part(nlp, parts, cuts=cuts))
    same(assemble(nlp, parts), by_part(nlp, parts))


@pytest.mark.parametrize("special", ["in vitro", "a\n\nb", "\n\n", "it's\n\nC++"])
def test_special_cases_with_white_space(special: str) -> None:
    nlp = spacy.blank("en")
    parts = [("s1p1", "x a"), ("s1p2", "b in vitro it's"), ("s1p3", "C++ in"), ("s1p4", "vitro")]
    before = contents(assemble(nlp, parts).doc)
    nlp.tokenizer.add_special_case(special, [{"ORTH": special}])
    same(assemble(nlp, parts), by_part(nlp, parts))
    # One special case that stands within a part is one token, and none is made of two parts.
    assert (contents(assemble(nlp, parts).doc) != before) == (special == "in vitro")


@pytest.mark.parametrize("affix", ["prefix", "suffix", "infix"])
def test_a_tokenizer_that_divides_the_separator(affix: str) -> None:
    nlp = spacy.blank("en")
    if affix == "infix":
        nlp.tokenizer.infix_finditer = re.compile("\n").finditer
    elif affix == "prefix":
        nlp.tokenizer.prefix_search = re.compile("^\n").search
    else:
        nlp.tokenizer.suffix_search = re.compile(r"\n\Z").search
    assert len(nlp.tokenizer("\n\n")) == 2
    parts = [("s1p1", "one two"), ("s1p2", "three")]
    same(assemble(nlp, parts), by_part(nlp, parts))
    assert [token.text for token in assemble(nlp, parts).doc] == ["one", "two", "\n\n", "three"]


def test_other_tokenizers_see_each_part_by_itself() -> None:
    nlp = spacy.blank("en")
    seen = []

    class Watching(OtherTokenizer):
        def __call__(self, string: str) -> Doc:
            seen.append(string)
            return super().__call__(string)

    nlp.tokenizer = Watching(nlp.vocab, nlp.tokenizer.rules)
    assemble(nlp, [("s1p1", "one"), ("s1p2", "two")])
    assert seen == ["one", "two"]


def test_a_tokenizer_with_a_vocabulary_of_its_own() -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = spacy.blank("en").tokenizer
    parts = [("s1p1", "a quaint word"), ("s1p2", "isn't")]
    doc = assemble(nlp, parts, cuts={"s1p1": [4]}).doc
    assert doc.vocab is nlp.vocab
    assert [token.text for token in doc] == ["a", "qu", "aint", "word", "\n\n", "is", "n't"]


def test_long_stretches_are_one_token(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """spaCy would take a day for a megabyte of brackets."""
    stretch = "(." * 500_000
    doc = assemble(nlp, [("p", f"don't {stretch} (so)"), ("q", stretch)], cuts={"p": [8]}).doc
    assert [token.text for token in doc if len(token) < 50] == ["do", "n't", "(.", "(", "so", ")", "\n\n"]
    assert doc.text == f"don't {stretch} (so)\n\n{stretch}"
    assert [token.norm_ for token in doc][:2] == ["do", "not"]


@given(
    text=st.lists(
        st.sampled_from(["a", "(", "don't", "a(b)c", " ", "  ", "\n", "x" * 30, "." * 30]), max_size=12
    ).map("".join)
)
def test_the_longest_stretches_change_and_nothing_else(nlp: Language, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_tagtog.convert.tokens._FREE_SQUARES", 500)
        patch.setattr("spacy_tagtog.convert.tokens._SQUARES_PER_CHARACTER", 0)
        longest = _longest_searched(text)
        doc = assemble(nlp, [("p", text)]).doc
    assert doc.text == text
    stretches = text.split()
    searched = [len(stretch) for stretch in stretches if longest is None or len(stretch) <= longest]
    assert sum(length**2 for length in searched) <= 500
    plain = {(token.idx, token.text_with_ws) for token in nlp.make_doc(text)}
    ours = {(token.idx, token.text_with_ws) for token in doc}
    changed = {token.idx for token in doc if (token.idx, token.text_with_ws) not in plain}
    assert all(len(token) > (longest or 0) for token in doc if token.idx in changed)
    assert ours == plain or longest is not None


def test_norms_of_special_cases_are_kept(nlp: Language) -> None:
    """A pipeline looks at norms: they must be those that it will see when it runs."""
    expected = [token.norm_ for token in nlp("don't can't") if token.text == "n't"]
    for cuts in ({}, {"s1p1": [7]}):
        doc = assemble(nlp, [("s1p1", "don't stop"), ("s1p2", "can't")], cuts=cuts).doc
        assert [token.norm_ for token in doc if token.text == "n't"] == expected == ["not", "not"]


@pytest.fixture(scope="module")
def lean() -> Language:
    nlp = spacy.blank("en")
    prepare_for_tokens(nlp)
    return nlp


@quick
@given(texts=st.lists(part_texts, max_size=4))
def test_only_norms_are_needed(nlp: Language, lean: Language, texts: list[str]) -> None:
    parts = [(f"s1p{number}", text) for number, text in enumerate(texts)]
    assert contents(assemble(lean, parts).doc) == contents(assemble(nlp, parts).doc)


def test_only_norms_not_for_other_tokenizers() -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = OtherTokenizer(nlp.vocab)
    prepare_for_tokens(nlp)
    assert nlp.vocab["12"].like_num
    assert nlp("Abc12")[0].shape_ == "Xxxdd"


def test_the_tokenizer_remembers_more_words_and_never_fewer_than_it_did() -> None:
    for before, after in ((None, 200_000), (10_000, 200_000), (500_000, 500_000)):
        nlp = spacy.blank("en")
        if before is not None:
            nlp.tokenizer.max_cache_size = before
        prepare_for_tokens(nlp)
        assert nlp.tokenizer.max_cache_size == after
