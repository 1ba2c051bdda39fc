"""Precision, recall and F: by hand, and against spaCy's own scorer."""

from __future__ import annotations

import json
from typing import Any

import pytest
import spacy
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from strategies import quick

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import EvaluationError
from spacy_tagtog.pipeline.evaluation import Evaluation, evaluate_docs
from spacy_tagtog.pipeline.scores import Scores, score_entities


def test_by_hand() -> None:
    gold = [(0, 5, "A"), (10, 15, "A"), (20, 30, "A"), (40, 50, "A")]
    predicted = [(0, 5, "A"), (10, 16, "A"), (21, 23, "A"), (25, 31, "A"), (50, 55, "A")]
    scores = score_entities(gold, predicted)["A"]
    assert scores == Scores(gold=4, predicted=5, exact=1, predicted_overlapping=4, gold_overlapping=3)
    assert scores.exact_prf == pytest.approx((1 / 5, 1 / 4, 2 / 9))
    assert scores.overlapping_prf == pytest.approx((4 / 5, 3 / 4, 24 / 31))


def test_labels_must_agree() -> None:
    result = score_entities([(0, 5, "A")], [(0, 5, "B")])
    assert result == {"A": Scores(gold=1), "B": Scores(predicted=1)}
    assert sum(result.values(), Scores()).exact_prf == (0, 0, 0)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [((0, 5), (5, 9), False), ((0, 5), (4, 9), True), ((0, 9), (3, 4), True), ((3, 4), (0, 9), True)],
)
def test_one_shared_character_is_enough(
    first: tuple[int, int], second: tuple[int, int], shared: bool
) -> None:
    scores = score_entities([(*first, "A")], [(*second, "A")])["A"]
    assert (scores.predicted_overlapping, scores.gold_overlapping) == (shared, shared)


def test_perfect_and_empty() -> None:
    assert score_entities([(0, 5, "A")], [(0, 5, "A")])["A"].overlapping_prf == (1, 1, 1)
    assert score_entities([], []) == {}
    assert Scores().exact_prf == (0, 0, 0)


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from("AB")).map(
        lambda t: (t[0], t[0] + t[1], t[2])
    ),
    max_size=8,
)


@quick
@given(gold=spans, predicted=spans)
def test_what_always_holds(gold: list[tuple[int, int, str]], predicted: list[tuple[int, int, str]]) -> None:
    there, back = score_entities(gold, predicted), score_entities(predicted, gold)
    for label, scores in there.items():
        assert scores.exact <= scores.predicted_overlapping <= scores.predicted
        assert scores.exact <= scores.gold_overlapping <= scores.gold
        assert scores.exact_prf[0] == back[label].exact_prf[1]
        assert scores.overlapping_prf[2] == pytest.approx(back[label].overlapping_prf[2])
    shifted = [(start + 100, end + 100, label) for start, end, label in predicted]
    assert all(
        scores.exact == scores.gold_overlapping == 0 for scores in score_entities(gold, shifted).values()
    )


long_and_short = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([0, 1, 2, 5, 30])).map(lambda t: (t[0], t[0] + t[1], "A")),
    max_size=8,
)


@quick
@given(gold=long_and_short, predicted=long_and_short)
def test_overlaps_are_those_of_comparing_each_with_each(
    gold: list[tuple[int, int, str]], predicted: list[tuple[int, int, str]]
) -> None:
    """Also where a long one reaches over several short ones behind it."""

    def touching(spans: list[tuple[int, int, str]], others: list[tuple[int, int, str]]) -> int:
        return sum(
            any(set(range(*span[:2])) & set(range(*other[:2])) for other in others) for span in set(spans)
        )

    scores = score_entities(gold, predicted).get("A", Scores())
    assert scores.predicted_overlapping == touching(predicted, gold)
    assert scores.gold_overlapping == touching(gold, predicted)


def test_many_spans_are_not_compared_each_with_each() -> None:
    comparisons = 0

    class Counting(int):
        def __lt__(self, other: int) -> bool:
            nonlocal comparisons
            comparisons += 1
            return int(self) < int(other)

    number = 2000
    spans = [(Counting(10 * n), Counting(10 * n + 8), "A") for n in range(number)]
    scores = score_entities(spans, [(Counting(start + 1), end, label) for start, end, label in spans])["A"]
    assert (scores.exact, scores.predicted_overlapping, scores.gold_overlapping) == (0, number, number)
    assert 0 < comparisons < number * 100


@pytest.fixture(scope="module")
def rules() -> Language:
    """A pipeline whose predictions are known."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
        [
            {"label": "Planet", "pattern": "Mars"},
            {"label": "Planet", "pattern": "Venus"},
            {"label": "Star", "pattern": [{"LOWER": "big"}, {"LOWER": "star"}]},
        ]
    )
    return nlp


def test_documents_together(rules: Language) -> None:
    docs = [
        document_to_doc(document("Mars and Venus", entities=[E(1, 0, 4, "e_2"), E(1, 9, 14)]), rules),
        document_to_doc(document("a big star", "Mars", entities=[E(1, 6, 10), E(2, 0, 4, "e_2")]), rules),
    ]
    result = evaluate_docs(rules, docs)
    assert (result.documents, result.ignored) == (2, 0)
    assert result.labels == {
        "Planet": Scores(gold=2, predicted=3, exact=2, predicted_overlapping=2, gold_overlapping=2),
        "Star": Scores(gold=2, predicted=1, exact=0, predicted_overlapping=1, gold_overlapping=1),
    }
    assert result.overall.exact_prf == pytest.approx((2 / 4, 2 / 4, 1 / 2))
    assert result.overall.overlapping_prf == pytest.approx((3 / 4, 3 / 4, 3 / 4))
    numbers = json.loads(json.dumps(result.to_json()))
    assert numbers["overall"]["exact"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert list(result.rows())[-1] == ("all", "50.0", "50.0", "50.0", "75.0", "75.0", "75.0", "4", "4")


def test_gold_that_splits_tokens_is_compared_in_characters(rules: Language) -> None:
    """The pipeline can't find "lob" in "Globular", and its own tokens are what it is given."""
    seen: list[list[str]] = []

    @Language.component("spacy_tagtog_tests_see")
    def see(doc: Doc) -> Doc:
        seen.append([token.text for token in doc])
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("spacy_tagtog_tests_see")
    gold = document_to_doc(document("Globular Mars", entities=[E(1, 1, 4)]), nlp)
    assert evaluate_docs(nlp, [gold]).overall == Scores(gold=1)
    assert seen == [["Globular", "Mars"]]


def test_text_about_which_nothing_is_known_is_not_counted(rules: Language) -> None:
    silent = document(
        "Mars", "Mars and Venus", entities=[E(1, 0, 4, "e_2"), E(2, 9, 14, "e_9")], annotatable=[1]
    )
    result = evaluate_docs(rules, [document_to_doc(silent, rules)])
    assert result.ignored == 2
    assert result.labels == {"Planet": Scores(1, 1, 1, 1, 1)}


def test_nothing_to_evaluate_on(rules: Language) -> None:
    for docs in ([], [document_to_doc(document("Mars"), rules)], [rules.make_doc("Mars")]):
        with pytest.raises(EvaluationError):
            evaluate_docs(rules, docs)


def agrees_with_spacy(nlp: Language, gold: list[Doc]) -> Evaluation:
    examples = []
    for doc in gold:
        predicted = predicted_doc(nlp, doc)
        for _, component in nlp.pipeline:
            predicted = component(predicted)
        assert [token.text for token in predicted] == [token.text for token in doc]
        examples.append(Example(predicted, doc))
    theirs: dict[str, Any] = Scorer.score_spans(examples, "ents", allow_overlap=False)
    ours = evaluate_docs(nlp, gold)
    assert ours.overall.exact_prf == pytest.approx((theirs["ents_p"], theirs["ents_r"], theirs["ents_f"]))
    for label, scores in ours.labels.items():
        assert scores.exact_prf == pytest.approx([theirs["ents_per_type"][label][name] for name in "prf"])
    return ours


def test_spacys_scorer_says_the_same(trained: Language, demo: list[Document]) -> None:
    gold = [
        doc
        for doc in (document_to_doc(one, trained) for one in demo[:40] if one.versions)
        if len(doc) == len(predicted_doc(trained, doc))
    ]
    result = agrees_with_spacy(trained, gold)
    assert len(gold) > 20
    assert result.overall.exact > 20


def test_gold_docs_of_other_origin(rules: Language) -> None:
    doc = rules.make_doc("Mars, Venus and Jupiter")
    doc.ents = [Span(doc, 0, 1, label="Planet"), Span(doc, 4, 5, label="Planet")]
    assert agrees_with_spacy(rules, [doc]).overall == Scores(
        gold=2, predicted=2, exact=1, predicted_overlapping=1, gold_overlapping=1
    )


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(trained: Language, demo: list[Document]) -> None:
    gold = [document_to_doc(one, trained) for one in demo[:9]]
    assert evaluate_docs(trained, gold, n_process=2, batch_size=2) == evaluate_docs(trained, gold)
