"""The learned tokenizer holds for unseen text, changes nothing else, and is saved with a pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import spacy
from builders import E, document
from corpora import CORPORA, needs_corpora
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc, Span
from strategies import examples, quick, slow
from strategies import texts as any_texts

from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert import ConversionReport, convert_documents, document_to_doc, make_converter
from spacy_tagtog.convert.split import side_of
from spacy_tagtog.convert.tokenizer import (
    TokenizerRules,
    apply_rules,
    gold_texts,
    learn_tokenizer,
    read_rules,
    write_rules,
)
from spacy_tagtog.convert.tokenizer.contexts import END, START, generalize
from spacy_tagtog.convert.tokenizer.gold import GoldText, measure_alignment
from spacy_tagtog.convert.tokenizer.rules import LearnedRule
from spacy_tagtog.errors import ConfigurationError, ConversionError, PipelineError

# Mutations behind a name, in parentheses. An entity is what stands between « and ».
MUTATIONS = [
    "We saw «APE1»(«E12A») in mice.",
    "With «BATF»(«S43D») in line(s) and (rarely) more.",
    "Its «Casq2»(«D307H») was lost, «p53»(«R175H») too.",
]


def gold(*marked: str) -> list[GoldText]:
    """One document for each text."""
    result = []
    for number, text in enumerate(marked):
        entities = []
        plain = ""
        for piece in re.split("([«»])", text):
            if piece == "«":
                start = len(plain)
            elif piece == "»":
                entities.append((start, len(plain)))
            else:
                plain += piece
        result.append(GoldText(f"doc{number}", plain, tuple(entities)))
    return result


@cache
def blank(lang: str) -> Language:
    """A pipeline that nobody may change: to make one takes long."""
    return spacy.blank(lang)


@cache
def with_rules(rules: TokenizerRules, lang: str = "en") -> Language:
    """The same with rules."""
    nlp = spacy.blank(lang)
    apply_rules(nlp, rules)
    return nlp


def words(nlp: Language, text: str) -> list[str]:
    return [token.text for token in nlp.make_doc(text)]


@pytest.fixture(scope="module")
def mutation_rules() -> TokenizerRules:
    return learn_tokenizer(blank("en"), gold(*MUTATIONS))


# What is learned


def test_it_holds_for_strings_never_seen(mutation_rules: TokenizerRules, nlp: Language) -> None:
    unseen = gold("Mutant «XRCC7»(«K9L») grew.", "«Foxe3»(«P12T»), again")
    assert measure_alignment(nlp, unseen).aligned == 0
    after = measure_alignment(with_rules(mutation_rules), unseen)
    assert (after.aligned, after.entities, after.share) == (4, 4, 1.0)


def test_what_needs_no_rule_keeps_its_tokens(mutation_rules: TokenizerRules, nlp: Language) -> None:
    text = (
        "The well-known word(s) of Dr. Smith aren't in the U.S. list (at 10am): https://example.org/a(1) :-)"
    )
    assert words(with_rules(mutation_rules), text) == words(nlp, text)


def test_rules_are_about_kinds_of_characters(mutation_rules: TokenizerRules) -> None:
    assert len(mutation_rules) >= 1
    for kind, pieces in mutation_rules.items():
        assert kind != "exceptions" or not pieces
        for piece in pieces:
            assert not set(re.sub(r"\[.*?\]|\\.", "", piece.pattern)) & set("APECasqBTF0123456789"), piece
            assert piece.documents >= 2


def test_figures_are_what_happens(mutation_rules: TokenizerRules, nlp: Language) -> None:
    texts = gold(*MUTATIONS)
    before, after = (measure_alignment(one, texts) for one in (nlp, with_rules(mutation_rules)))
    pieces = [piece for _, of_kind in mutation_rules.items() for piece in of_kind]
    assert sum(piece.tokens for piece in pieces) == after.tokens - before.tokens
    assert (before.documents, before.entities, before.aligned, after.aligned) == (3, 8, 0, 8)
    # Between a name and its parenthesis both an entity ends and another begins one character later.
    assert sum(piece.borders for piece in pieces) == 8


@pytest.mark.parametrize(
    ("marked", "unseen"),
    [
        (["a-«Vega» x", "o-«Deneb» y", "i-«Rigel»"], "u-«Altair»"),
        (["a~«Vega» x", "~«Deneb» y", "~«Rigel»", "~«Mira» w"], "(~«Altair»)"),  # a prefix
        (["seen by Q«A985G». Then", "was «V41L». And", "of «L35P»."], "is «K12R»."),  # a suffix
        (["the «Canpeche»«Campeche» road", "to «Canul»«Canche» it"], "de «Chetumal»«Xaman»"),
        (["5«mg» of it", "20«mg» a day"], "7«mg»"),
    ],
)
def test_borders_of_many_kinds(marked: Sequence[str], unseen: str, nlp: Language) -> None:
    rules = learn_tokenizer(nlp, gold(*marked), min_gain=0.05)
    after = with_rules(rules)
    for texts in (gold(*marked), gold(unseen)):
        measured = measure_alignment(after, texts)
        assert measured.aligned == measured.entities, [words(after, one.text) for one in texts]


def test_a_special_case_that_stands_in_the_way_is_dropped(nlp: Language) -> None:
    rules = learn_tokenizer(
        nlp, gold("They crossed «Mar». Then", "Seen in «Mar».", "Dr. Who came in Apr. or May.")
    )
    assert [(piece.pattern, piece.borders, piece.tokens, piece.documents) for piece in rules.exceptions] == [
        ("Mar.", 2, 2, 2)
    ]
    assert words(with_rules(rules), "Dr. Who in Mar. or Apr.") == [
        "Dr.",
        "Who",
        "in",
        "Mar",
        ".",
        "or",
        "Apr.",
    ]


def test_support_is_counted_in_documents(nlp: Language) -> None:
    marked = ["«APE1»(«E12A») and «BATF»(«S43D») and «Casq2»(«D307H»)", "nothing here"]
    assert len(learn_tokenizer(nlp, gold(*marked))) == 0
    assert len(learn_tokenizer(nlp, gold(*marked), min_support=1)) > 0


def test_what_costs_too_much_is_not_learned(nlp: Language) -> None:
    marked = ["the «sun»rise", "the «sun»set", *["whatever else stands in many common words"] * 200]
    assert len(learn_tokenizer(nlp, gold(*marked), min_gain=0.2)) == 0
    cheap, dear = (
        learn_tokenizer(
            nlp, gold(*MUTATIONS, *["many words(s) here(ly) to(o) split(ting)"] * 9), min_gain=gain
        )
        for gain in (0.01, 1)
    )
    for rules, least in ((cheap, 0.01), (dear, 1)):
        for _, pieces in rules.items():
            assert all(piece.borders >= least * piece.tokens for piece in pieces)


def test_nothing_to_improve_is_no_error(nlp: Language) -> None:
    rules = learn_tokenizer(nlp, gold("«Vega» and «Deneb»"))
    assert len(rules) == 0
    text = "Vega(x)"
    assert words(with_rules(rules), text) == words(nlp, text)


def test_no_entity_is_an_error(nlp: Language) -> None:
    for nothing in ([], gold("no entity")):
        with pytest.raises(ConversionError, match="no entity"):
            learn_tokenizer(nlp, nothing)


@pytest.mark.parametrize(
    "numbers", [{"min_support": 0}, {"min_gain": 0.0}, {"min_gain": 1.5}, {"min_gain": float("nan")}]
)
def test_illegal_numbers(numbers: dict[str, float], nlp: Language) -> None:
    with pytest.raises(ConfigurationError) as caught:
        learn_tokenizer(nlp, gold(*MUTATIONS), **numbers)  # type: ignore[arg-type]
    assert "legal" in str(caught.value)


def test_learning_changes_no_tokenizer() -> None:
    nlp = spacy.blank("en")
    before = nlp.tokenizer.to_bytes(exclude=["vocab"])
    assert len(learn_tokenizer(nlp, gold(*MUTATIONS, "in «Mar». x", "«Mar». y"))) > 1
    assert nlp.tokenizer.to_bytes(exclude=["vocab"]) == before


def test_the_same_is_learned_each_time(nlp: Language, mutation_rules: TokenizerRules) -> None:
    assert learn_tokenizer(nlp, gold(*MUTATIONS)) == mutation_rules
    assert mutation_rules.lang == "en"


def test_what_was_learned_needs_not_be_learned_again(mutation_rules: TokenizerRules) -> None:
    assert len(learn_tokenizer(with_rules(mutation_rules), gold(*MUTATIONS))) == 0


# Properties

_ALPHABET = "abABß1·20-/.,()+:'*[]é\u0301≥ 🚀\n"


@st.composite
def corpora(draw: st.DrawFn) -> list[GoldText]:
    """Random texts with random entities: nothing a person would annotate."""
    result = []
    for number in range(draw(st.integers(1, 3))):
        text = draw(st.text(_ALPHABET, min_size=1, max_size=24)) + draw(
            st.sampled_from(["", " Mar. 8)", " (C++) D.C.:)"])
        )
        borders = st.integers(0, len(text))
        pairs = draw(st.lists(st.tuples(borders, borders), min_size=1, max_size=4))
        result.append(GoldText(f"doc{number}", text, tuple((min(pair), max(pair)) for pair in pairs)))
    return result


def check_any_rules(lang: str, data: st.DataObject) -> None:
    drawn = data.draw(corpora())
    rules = learn_tokenizer(
        blank(lang), drawn, min_support=1, min_gain=data.draw(st.sampled_from([0.02, 0.3, 1.0]))
    )
    nlp = with_rules(TokenizerRules.from_json(json.loads(json.dumps(rules.to_json()))), lang)
    assert measure_alignment(nlp, drawn).aligned >= measure_alignment(blank(lang), drawn).aligned
    for text in [one.text for one in drawn] + [data.draw(any_texts()), data.draw(st.text(_ALPHABET))]:
        doc = nlp.make_doc(text)
        assert doc.text == text
        assert all(len(token) for token in doc)


@given(data=st.data())
@settings(slow, max_examples=examples(8))
def test_alignment_never_falls_and_no_character_is_lost(data: st.DataObject) -> None:
    check_any_rules("xx", data)


@given(data=st.data())
@settings(
    slow, max_examples=examples(2)
)  # English has ten times as many special cases: each rule takes its time
def test_alignment_never_falls_and_no_character_is_lost_in_english(data: st.DataObject) -> None:
    check_any_rules("en", data)


def test_patterns_are_bounded() -> None:
    """No repetition, so no backtracking: whatever is learned takes constant time at each place."""
    marked = ["«A»-1/«b2»(«C.d»)+e:«F»", "«G»-3/«h4»(«I.j»)+k:«L»", "~«x»", "~«y»", "«z»..", "«w».."]
    for _, pieces in learn_tokenizer(blank("xx"), gold(*marked), min_gain=0.01).items():
        for piece in pieces:
            bare = re.sub(r"\\.|\[(\\.|[^\]])*\]", "x", piece.pattern)
            assert re.fullmatch(
                r"(\(\?<=x{1,2}\))?x?(\(\?=x{1,2}\))?",
                bare.replace("-", "x").replace("/", "x").replace(":", "x").replace("~", "x"),
            ), piece


# Applying


def test_applying_twice_is_applying_once(mutation_rules: TokenizerRules) -> None:
    nlp = spacy.blank("en")
    apply_rules(nlp, mutation_rules)
    once = nlp.tokenizer.to_bytes(exclude=["vocab"])
    apply_rules(nlp, mutation_rules)
    assert nlp.tokenizer.to_bytes(exclude=["vocab"]) == once


def test_rules_are_saved_with_the_pipeline(tmp_path: Path, nlp: Language) -> None:
    rules = learn_tokenizer(nlp, gold(*MUTATIONS, "in «Mar». x", "«Mar». y", "~«x»", "~«y»"))
    ruled = with_rules(rules)
    ruled.to_disk(tmp_path / "ruled")
    text = "XRCC7(K9L) in Mar. or Apr. ~z"
    assert words(spacy.load(tmp_path / "ruled"), text) == words(ruled, text) != words(nlp, text)


def test_a_tokenizer_without_any_functions(mutation_rules: TokenizerRules) -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = Tokenizer(nlp.vocab)
    apply_rules(
        nlp,
        TokenizerRules(
            prefixes=(LearnedRule("<"),),
            suffixes=(LearnedRule(">"),),
            infixes=(LearnedRule("(?<=a)(?=b)"),),
        ),
    )
    assert words(nlp, "<<ab> a") == ["<", "<", "a", "b", ">", "a"]
    learned = learn_tokenizer(nlp, gold(*MUTATIONS))
    apply_rules(nlp, learned)
    measured = measure_alignment(nlp, gold(*MUTATIONS))
    assert measured.aligned == measured.entities


def test_tokenizers_that_have_no_rules(mutation_rules: TokenizerRules) -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=text.split())
    for action in (lambda: apply_rules(nlp, mutation_rules), lambda: learn_tokenizer(nlp, gold(*MUTATIONS))):
        with pytest.raises(PipelineError, match="has no rules"):
            action()
    nlp = spacy.blank("en")
    nlp.tokenizer.infix_finditer = lambda text: iter(())
    with pytest.raises(PipelineError, match="infixes with a function that can't be extended"):
        apply_rules(nlp, TokenizerRules(infixes=(LearnedRule("x"),)))


# Gold texts


def test_gold_texts_go_part_by_part(nlp: Language) -> None:
    one = document("Vega(x) shines", "Mars", entities=[E(1, 0, 4), E(1, 0, 7), E(2, 0, 4)])
    first, second = gold_texts([document_to_doc(one, nlp)])
    assert (first.document, first.text, first.entities) == (
        one.id,
        "Vega(x) shines",
        ((0, 4), (0, 7)),
    )  # overlapping ones, too
    assert (second.text, second.entities) == ("Mars", ((0, 4),))
    plain = nlp.make_doc("Vega shines")
    plain.ents = [Span(plain, 0, 1, label="Star")]
    assert list(gold_texts([plain])) == [GoldText("0", "Vega shines", ((0, 4),))]


# The file


def test_the_file_holds_all(tmp_path: Path, mutation_rules: TokenizerRules) -> None:
    path = tmp_path / "rules.json"
    write_rules(mutation_rules, path)
    assert read_rules(path) == mutation_rules
    path.write_text('{"infixes": ["(?<=a)(?=b)"], "exceptions": ["Mar."]}', encoding="utf-8")  # by hand
    assert read_rules(path) == TokenizerRules(
        infixes=(LearnedRule("(?<=a)(?=b)"),), exceptions=(LearnedRule("Mar."),)
    )


@pytest.mark.parametrize(
    ("content", "pieces"),
    [
        ("{", ["aren't JSON"]),
        ("\udcff", ["aren't JSON"]),
        ("[" * 100_000, ["aren't JSON"]),
        ("[]", ["aren't a tokenizer's rules", "a JSON object"]),
        ('{"version": 7}', ["version", "7"]),
        ('{"infix": []}', ["keys that mean nothing", "infix", "infixes"]),
        ('{"lang": 3}', ["language", "3"]),
        ('{"infixes": "x"}', ["isn't a list", "infixes"]),
        ('{"infixes": [{}]}', ["no pattern", "infixes[0]"]),
        ('{"suffixes": [""]}', ["no pattern", "suffixes[0]"]),
        ('{"prefixes": [{"pattern": "x", "gain": 3}]}', ["field", "prefixes[0], gain"]),
        ('{"prefixes": [{"pattern": "x", "tokens": "3"}]}', ["field", "prefixes[0], tokens"]),
        ('{"infixes": ["a", "(?<=a+)b"]}', ["isn't a regular expression", "infixes[1]", "(?<=a+)b"]),
        ('{"infixes": ["("]}', ["isn't a regular expression", "infixes[0]"]),
        ('{"infixes": ["a{99999999999}"]}', ["isn't a regular expression", "infixes[0]"]),
    ],
)
def test_bad_files(content: str, pieces: Sequence[str], tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError) as caught:
        read_rules(path)
    for piece in [*pieces, str(path), "to do"]:
        assert piece in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(ConfigurationError, match="can't be read"):
            read_rules(path)


# Real annotations


@needs_corpora
def test_unseen_documents_of_a_real_corpus(nlp: Language) -> None:
    project = Project.open(CORPORA / "nala", strict=False).select(
        lambda doc_id: side_of(doc_id, {"some": 0.3}) == "some"
    )
    docs = convert_documents(
        project, nlp, make_converter(), ConversionReport(), choice="all", on_problem="report"
    )
    sides: dict[bool, list[GoldText]] = {True: [], False: []}
    for text in gold_texts(docs):
        sides[side_of(f"half {text.document}", {"dev": 0.4}) == "dev"].append(text)
    ruled = with_rules(learn_tokenizer(nlp, sides[False]))
    for texts in sides.values():
        before, after = measure_alignment(nlp, texts), measure_alignment(ruled, texts)
        missed_before, missed_after = before.entities - before.aligned, after.entities - after.aligned
        assert missed_before > 10
        assert missed_after < 0.6 * missed_before
        assert after.tokens < 1.01 * before.tokens


_CHARACTERS = st.sampled_from(["a", "A", "1", "-", "µ", "中", "(", "\u0301"])


@quick
@given(
    context=st.tuples(
        _CHARACTERS | st.just(START), _CHARACTERS, _CHARACTERS, _CHARACTERS | st.just(END)
    ).filter(lambda context: (context[0], context[3]) != (START, END))
)
def test_a_rule_needs_a_neighbour_and_one_side_is_enough(context: tuple[str, str, str, str]) -> None:
    """What holds with something on both sides of a place is also tried with either side alone."""
    rules = set(generalize(context))
    assert (None, None, None, None) not in rules
    assert all(left is not None or right is not None for _, left, right, _ in rules)
    for _, left, right, _ in rules:
        if right is not None:
            assert (None, None, right, None) in rules
        if left is not None:
            assert (None, left, None, None) in rules
