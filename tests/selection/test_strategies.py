"""Strategies and batches: what any of them must do, and what each one chooses."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import catalogue
import numpy as np
import pytest
import spacy
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from strategies import quick, slow

from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import ConfigurationError, PipelineError, SelectionError
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, set_certainty
from spacy_tagtog.selection import (
    Candidate,
    Context,
    Pick,
    PredictedEntity,
    ReviewedDocument,
    Strategy,
    make_strategy,
    strategies,
)
from spacy_tagtog.selection.batches import BatchChoice, choose_batch, rank_candidates
from spacy_tagtog.selection.candidates import candidate_of, make_candidates, reviewed_document
from spacy_tagtog.selection.families import variance
from spacy_tagtog.selection.families.scored import class_weights_of
from spacy_tagtog.selection.greedy import lazy_greedy
from spacy_tagtog.selection.scores import expected_edits, least_confidence, normalized_doubt
from spacy_tagtog.selection.strategies import full_name, parse_strategy, strategy_names

NAMES = ["random", "mnlp", "least_confidence", "expected_edits", "variance_reduction", "cluster", "schedule"]
WORDS = st.sampled_from(["moon", "vega", "rises", "in", "the", ".", "m13", "", "ñandú", "—"])
LABELS = st.sampled_from(["Star", "Planet", "Place"])


@st.composite
def candidates(draw: st.DrawFn, doc_id: str = "a") -> Candidate:
    words = tuple(draw(st.lists(WORDS, max_size=12)))
    n = len(words)
    log_probability = draw(st.lists(st.floats(-80, 0, width=32), min_size=n, max_size=n))
    missed = draw(st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n))
    starts = sorted({0, *draw(st.lists(st.integers(0, max(0, n - 1)), max_size=3))}) if n else []
    spans = (
        draw(
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(1, 3), LABELS, st.floats(0, 1)), max_size=4)
        )
        if n
        else []
    )
    return Candidate(
        doc_id,
        words,
        tuple(zip(starts, [*starts[1:], n][: len(starts)], strict=True)),
        tuple(PredictedEntity(start, min(n, start + length), label, p) for start, length, label, p in spans),
        np.array(log_probability, dtype=np.float32),
        np.array(missed, dtype=np.float32),
        draw(st.dictionaries(st.sampled_from(["clear", "seeing"]), st.floats(0, 1), max_size=2)),
    )


@st.composite
def pools(draw: st.DrawFn) -> list[Candidate]:
    return [draw(candidates(f"doc{number}")) for number in range(draw(st.integers(0, 8)))]


REVIEWED = st.lists(
    st.builds(
        ReviewedDocument,
        st.uuids().map(str),
        st.lists(WORDS, max_size=6).map(tuple),
        st.dictionaries(LABELS, st.integers(1, 9), max_size=2),
    ),
    max_size=3,
)


def plain(
    words: str = "the moon rises .",
    doc_id: str = "a",
    *,
    doubt: float = 0.0,
    entities: Sequence[PredictedEntity] = (),
    **more: Any,
) -> Candidate:
    """A candidate of which every token is doubted equally."""
    tokens = tuple(words.split())
    zeros = np.zeros(len(tokens), dtype=np.float32)
    sentences = ((0, len(tokens)),) if tokens else ()
    return Candidate(
        doc_id,
        tokens,
        sentences,
        tuple(entities),
        zeros - np.float32(doubt),
        more.pop("missed", zeros),
        **more,
    )


def ranked(
    pool: Sequence[Candidate],
    strategy: str | Strategy,
    reviewed: Sequence[ReviewedDocument] = (),
    **more: Any,
) -> list[tuple[str, int, BatchChoice]]:
    made = parse_strategy(strategy) if isinstance(strategy, str) else strategy
    return [
        (candidate.id, batch, choice)
        for candidate, batch, choice in rank_candidates(pool, made, reviewed, **more)
    ]


def ids(pool: Sequence[Candidate], strategy: str, **more: Any) -> list[str]:
    return [doc_id for doc_id, _, _ in ranked(pool, strategy, random_share=0, **more)]


# ---- any strategy


@pytest.mark.parametrize("name", NAMES)
@slow
@given(
    pool=pools(),
    reviewed=REVIEWED,
    share=st.floats(0, 1),
    batch=st.integers(2, 5),
    seed=st.integers(0, 3),
    data=st.data(),
)
def test_any_strategy_gives_an_order(
    name: str,
    pool: list[Candidate],
    reviewed: list[ReviewedDocument],
    share: float,
    batch: int,
    seed: int,
    data: st.DataObject,
) -> None:
    options: dict[str, Any] = {"batch_size": batch, "random_share": share, "seed": seed}
    first = ranked(pool, name, reviewed, **options)
    assert sorted(doc_id for doc_id, _, _ in first) == [candidate.id for candidate in pool]
    assert [number for _, number, _ in first] == [1 + place // batch for place in range(len(pool))]
    assert all(math.isfinite(choice.pick.score) and choice.pick.score >= 0 for _, _, choice in first)
    # The order in which documents come, and how often one asks, change nothing; and what explains can be
    # stored.
    assert (
        ranked(data.draw(st.permutations(pool)), name, data.draw(st.permutations(reviewed)), **options)
        == first
    )
    json.dumps([dict(choice.pick.why) for _, _, choice in first], allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_identical_and_empty_documents(name: str) -> None:
    for pool in (
        [plain(doc_id=str(i), doubt=0.5) for i in range(5)],
        [plain("", doc_id=str(i)) for i in range(5)],
        [plain("", "a"), plain("moon", "b")],
    ):
        assert sorted(ids(pool, name, batch_size=3)) == [candidate.id for candidate in pool]
    assert ids([], name) == []


@pytest.mark.parametrize("name", NAMES)
def test_top_ranks_the_first_of_all(name: str) -> None:
    pool = [plain(f"word{i} moon rises", str(i), doubt=i / 10) for i in range(9)]
    assert len(ids(pool, name, top=4, batch_size=3)) == 4
    assert len(ids(pool, name, top=99)) == 9
    whole = ranked(pool, name, batch_size=3, random_share=0.3, seed=5)
    assert ranked(pool, name, top=3, batch_size=3, random_share=0.3, seed=5) == whole[:3]


@pytest.mark.parametrize(
    ("options", "piece"),
    [({"batch_size": 0}, "batch size 0"), ({"top": -1}, "top -1"), ({"random_share": 1.1}, "1.1")],
)
def test_numbers_out_of_range(options: dict[str, Any], piece: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ranked([plain()], "random", **options)
    assert piece in str(caught.value)


@quick
@given(weights=st.lists(st.sets(st.integers(0, 8)), max_size=8), size=st.integers(0, 9))
def test_lazy_greedy_is_greedy(weights: list[set[int]], size: int) -> None:
    """Covering sets: the textbook's submodular value."""

    def value(index: int, covered: set[int]) -> float:
        return float(len(weights[index] - covered))

    covered: set[int] = set()
    lazy = lazy_greedy(
        [value(i, set()) for i in range(len(weights))],
        lambda i: value(i, covered),
        size,
        lambda i: covered.update(weights[i]),
    )
    plainly: list[tuple[int, float]] = []
    seen: set[int] = set()
    left = list(range(len(weights)))
    while left and len(plainly) < size:
        best = max(left, key=lambda i: (value(i, seen), -i))
        plainly.append((best, value(best, seen)))
        seen |= weights[best]
        left.remove(best)
    assert lazy == plainly


# ---- chance


def test_the_random_share() -> None:
    pool = [plain(f"w{i} moon", f"{i:02}", doubt=i / 20) for i in range(20)]
    assert not any(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=0))
    assert all(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=1))
    # Small batches get their share, too: by chance, one of about two batches of five has one at 0.1.
    numbers = [
        sum(choice.random for _, _, choice in ranked(pool, "mnlp", random_share=0.1, batch_size=5, seed=seed))
        for seed in range(200)
    ]
    assert abs(np.mean(numbers) - 0.1 * 20) < 0.3
    # Chance draws from all documents, not from those that the strategy would leave.
    firsts = [
        doc_id
        for seed in range(400)
        for doc_id, batch, choice in ranked(pool, "mnlp", random_share=0.2, batch_size=5, top=5, seed=seed)
        if choice.random
    ]
    counts = np.array([firsts.count(candidate.id) for candidate in pool])
    assert counts.min() > 0
    assert counts.max() < 3 * counts.mean()


# ---- what each chooses


def test_mnlp_prefers_the_doubted() -> None:
    pool = [
        plain(doc_id="sure", doubt=0.01),
        plain("the moon rises over the lake and sets again", "long", doubt=0.4),
        plain("moon", "short", doubt=0.5),
    ]
    assert ids(pool, "mnlp") == ["short", "long", "sure"]
    assert normalized_doubt(pool[2]) == pytest.approx(0.5)


def test_least_confidence_goes_by_sentence() -> None:
    log_probability = np.log(np.array([0.5, 0.5, 1, 1], dtype=np.float32))
    candidate = Candidate(
        "a", ("a", "b", "c", "d"), ((0, 2), (2, 4)), (), log_probability, np.zeros(4, dtype=np.float32)
    )
    assert least_confidence(candidate) == pytest.approx(0.375)
    assert least_confidence(candidate, "max") == pytest.approx(0.75)
    assert least_confidence(candidate, "sum") == pytest.approx(0.75)
    assert ids(
        [plain(doc_id="a", doubt=0.1), plain(doc_id="b", doubt=0.2)], "least_confidence:aggregation=sum"
    ) == ["b", "a"]


def test_expected_edits_count_wrong_missed_and_labels() -> None:
    entities = [PredictedEntity(0, 1, "Star", 0.75), PredictedEntity(1, 2, "Planet", 0.5)]
    candidate = plain(
        "a b c",
        entities=entities,
        missed=np.array([0, 0, 0.25], dtype=np.float32),
        labels={"clear": 0.9, "seeing": 0.4},
    )
    assert expected_edits(candidate) == pytest.approx(0.25 + 0.5 + 0.25 + 0.1 + 0.4)
    assert expected_edits(candidate, {"Star": 2.0}) == pytest.approx(0.5 + 0.5 + 0.25 + 0.1 + 0.4)


def test_class_weights() -> None:
    reviewed = [ReviewedDocument("r", (), {"Star": 90, "Planet": 10})]
    weights = class_weights_of("inverse_sqrt", Context(reviewed))
    assert weights["Planet"] == pytest.approx(math.sqrt(5))
    assert weights["Star"] == pytest.approx(math.sqrt(50 / 90))
    assert (
        class_weights_of("inverse_sqrt", Context([ReviewedDocument("r", (), {"Star": 9_999, "Planet": 1})]))[
            "Planet"
        ]
        == 4
    )
    assert class_weights_of("none", Context(reviewed)) == class_weights_of("inverse_sqrt", Context()) == {}
    # A rare type decides where everything else is equal.
    pool = [
        plain("a b", "star", entities=[PredictedEntity(0, 1, "Star", 0.5)]),
        plain("a b", "planet", entities=[PredictedEntity(0, 1, "Planet", 0.5)]),
    ]
    for setting, first in (("none", "planet"), ("inverse_sqrt", "planet")):
        assert (
            ranked(pool, f"expected_edits:class_weights={setting}:diversity=0", reviewed, random_share=0)[0][
                0
            ]
            == first
        )
    swapped = [ReviewedDocument("r", (), {"Star": 10, "Planet": 90})]
    assert (
        ranked(pool, "expected_edits:class_weights=inverse_sqrt:diversity=0", swapped, random_share=0)[0][0]
        == "star"
    )


def test_a_type_that_was_never_seen_counts_as_rare() -> None:
    reviewed = [ReviewedDocument("r", (), {"Star": 50})]
    pool = [
        plain("a b", "a", entities=[PredictedEntity(0, 1, "Star", 0.5)]),
        plain("a b", "b", entities=[PredictedEntity(0, 1, "Comet", 0.5)]),
    ]
    assert (
        ranked(pool, "expected_edits:class_weights=inverse_sqrt:diversity=0", reviewed, random_share=0)[0][0]
        == "b"
    )


def test_diversity_passes_over_what_is_the_same() -> None:
    same = [plain("the moon rises over lake garda", f"a{i}", doubt=1.0) for i in range(3)]
    pool = [*same, plain("vega and altair and deneb tonight", "b", doubt=0.8)]
    assert ids(pool, "mnlp", top=2) == ["a0", "a1"]
    assert ids(pool, "mnlp:diversity=0.9", top=2) == ["a0", "b"]


@quick
@given(st.lists(candidates(), min_size=1, max_size=12), st.integers(0, 3))
def test_variance_reduction_keeps_nothing_but_features_between_batches(
    drawn: list[Candidate], seed: int
) -> None:
    named = [dataclasses.replace(candidate, id=f"{number:02}") for number, candidate in enumerate(drawn)]

    class Afresh:
        def needs_predictions(self, reviewed: int) -> bool:
            return True

        def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
            return make_strategy("variance_reduction")(candidates, size, context)

    both = [
        list(rank_candidates(named, strategy, batch_size=2, seed=seed))
        for strategy in (make_strategy("variance_reduction"), Afresh())
    ]
    assert both[0] == both[1]


def test_features_of_a_document_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def doubt_of(candidate: Candidate) -> Any:
        asked.append(candidate.id)
        return np.full(len(candidate), 0.2)

    monkeypatch.setattr(variance, "doubt", doubt_of)
    named = [
        Candidate(
            f"{number:02}",
            ("vega", f"w{number}"),
            ((0, 2),),
            log_probability=np.zeros(2, "f"),
            missed=np.zeros(2, "f"),
        )
        for number in range(30)
    ]
    assert len(list(rank_candidates(named, make_strategy("variance_reduction"), batch_size=3))) == 30
    assert len(asked) == len(set(asked))


def test_variance_reduction_takes_what_others_share() -> None:
    shared = [plain(f"vega vega vega number{i}", f"shared{i}", doubt=0.7) for i in range(6)]
    odd = plain("zyx wvu tsr qpo", "odd", doubt=0.7)
    assert ids([odd, *shared], "variance_reduction")[0].startswith("shared")
    # What was reviewed often enough teaches little more.
    known = [ReviewedDocument(f"r{i}", ("vega",) * 4, {}) for i in range(5000)]
    assert (
        ranked([odd, *shared], "variance_reduction:share=1", known, random_share=0)[0][0]
        != ids([odd, *shared], "variance_reduction")[0]
    )


def test_clusters_give_one_of_each() -> None:
    groups = ["vega altair deneb lyra", "boat lake harbour sail", "bread butter cheese milk"]
    pool = [plain(f"{text} {text}", f"{g}-{i}") for g, text in enumerate(groups) for i in range(4)]
    first = ids(pool, "cluster", top=3)
    assert {doc_id[0] for doc_id in first} == {"0", "1", "2"}
    assert len(ids(pool, "cluster:max_clusters=2", batch_size=12)) == 12


def test_clusters_of_token_vectors() -> None:
    pool = [
        plain(doc_id=f"{g}{i}", vector=np.eye(2, dtype=np.float32)[g] + np.float32(i / 100))
        for g in range(2)
        for i in range(3)
    ]
    assert {doc_id[0] for doc_id in ids(pool, "cluster:vectors=tok2vec", top=2)} == {"0", "1"}
    assert make_strategy("cluster", {"vectors": "tok2vec"}).needs_predictions(0)
    with pytest.raises(PipelineError) as caught:
        ids([plain()], "cluster:vectors=tok2vec")
    assert "vectors=tfidf" in str(caught.value)


def test_a_schedule_goes_over() -> None:
    strategy = make_strategy("schedule", {"first": "random", "then": "mnlp", "until": 4})
    assert [strategy.needs_predictions(number) for number in (0, 3, 4, 99)] == [False, False, True, True]
    pool = [plain(f"w{i}", f"{i}", doubt=i / 10) for i in range(8)]
    stages = [
        choice.pick.why["stage"]
        for _, _, choice in ranked(
            pool, strategy, [ReviewedDocument("r", (), {})], batch_size=2, random_share=0
        )
    ]
    assert stages == ["first"] * 4 + ["then"] * 4  # one was reviewed, two are planned, two more: five
    nested = parse_strategy("schedule:first=random:then=mnlp:until=0")
    assert nested.needs_predictions(0)
    typed = make_strategy(
        "schedule", {"then": "least_confidence", "then_settings": {"aggregation": "max", "diversity": "0.5"}}
    )
    assert typed.then.diversity == 0.5  # type: ignore[attr-defined]


def test_without_predictions_what_needs_them_is_refused() -> None:
    pool = [plain(doc_id=str(i), predicted=False) for i in range(4)]
    with pytest.raises(SelectionError) as caught:
        ids(pool, "mnlp")
    assert "random, cluster" in str(caught.value)
    order = rank_candidates(pool, parse_strategy("schedule:first=random:then=mnlp:until=2"), batch_size=2)
    assert len([next(order), next(order)]) == 2
    with pytest.raises(SelectionError):
        next(order)


# ---- the registry


def test_names_and_settings() -> None:
    assert set(NAMES) < set(strategy_names())
    assert full_name("mnlp") == "spacy-tagtog.Mnlp.v1"
    for text, piece in (
        ("bald", "there is no strategy of this name"),
        ("mnlp:wide=1", "doesn't take these settings"),
        ("mnlp:diversity=2", "0 to 1"),
        ("mnlp:diversity=much", "a number"),
        ("mnlp:diversity", "NAME:KEY=VALUE"),
        ("least_confidence:aggregation=median", "mean, sum, max"),
        ("expected_edits:class_weights=all", "none, inverse_sqrt"),
        ("expected_edits:tokens_per_edit=0", "at least"),
        ("variance_reduction:known=-1", "at least"),
        ("cluster:max_clusters=0", "at least 1"),
        ("schedule:until=-1", "at least 0"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse_strategy(text)
        assert piece in str(caught.value), text


class Own:
    """A strategy of one's own, which does as it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def needs_predictions(self, reviewed: int) -> bool:
        return False

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> Any:
        return self.answer(candidates, size, context) if callable(self.answer) else self.answer


@pytest.fixture
def register() -> Iterator[Any]:
    names: list[str] = []

    def add(name: str, factory: Any) -> None:
        strategies(name, func=factory)
        names.append(name)

    yield add
    for name in names:
        catalogue.REGISTRY.pop((*strategies.namespace, name))


def longest(candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
    order = sorted(range(len(candidates)), key=lambda index: -len(candidates[index]))
    return [
        Pick(index, float(len(candidates[index])), {"tokens": len(candidates[index])})
        for index in order[:size]
    ]


def test_ones_own_strategy(register: Any) -> None:
    register("acme.Longest.v1", lambda factor=1: Own(longest))
    assert "acme.Longest.v1" in strategy_names()
    pool = [plain("a", "1"), plain("a b c", "2"), plain("a b", "3")]
    assert ids(pool, "acme.Longest.v1:factor=3") == ["2", "3", "1"]
    with pytest.raises(ConfigurationError):
        parse_strategy("acme.Longest.v1:size=3")


def test_what_is_no_strategy_is_refused(register: Any) -> None:
    register("acme.Nothing.v1", lambda: 3)
    with pytest.raises(SelectionError) as caught:
        make_strategy("acme.Nothing.v1")
    assert "needs_predictions" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        3,
        [Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(2, 1.0, {})],
        [Pick(-1, 1.0, {}), Pick(0, 1.0, {})],
        [Pick(0, 1.0, {}), Pick(1, math.nan, {})],
        [Pick(0, 1.0, {}), Pick(1, 1.0, {}), Pick(0, 1.0, {})],
        [0, 1],
    ],
)
def test_a_strategy_that_breaks_its_promise(answer: Any) -> None:
    with pytest.raises(SelectionError) as caught:
        choose_batch([plain(doc_id="a"), plain(doc_id="b")], 2, Own(answer), Context(), random_share=0)
    assert "Own" in str(caught.value)
    assert "2 Picks with different indices below 2" in str(caught.value)


# ---- from a pipeline


TEXTS = [
    ("Vega and Mars rise .", [(0, 1, "Star"), (2, 3, "Planet")]),
    ("We saw Vega .", [(2, 3, "Star")]),
    ("Clouds all night .", []),
] * 5


def seed_pipeline(*, labels: Sequence[str] = ("Star", "Planet")) -> Language:
    """A seed model of a few sentences, trained in a moment."""
    nlp = spacy.blank("en")
    nlp.add_pipe("seed_ner")
    nlp.initialize(
        lambda: [Example(nlp.make_doc(text), gold(nlp, text, spans, labels)) for text, spans in TEXTS]
    )
    return nlp


def gold(
    nlp: Language,
    text: str,
    spans: Sequence[tuple[int, int, str]],
    labels: Sequence[str] = ("Star", "Planet"),
) -> Doc:
    doc = nlp.make_doc(text)
    doc.ents = tuple(
        spacy.tokens.Span(doc, start, end, label) for start, end, label in spans if label in labels
    )
    return doc


@pytest.mark.parametrize("labels", [("Star", "Planet"), ("Star",)])
def test_candidates_of_a_pipeline(labels: tuple[str, ...]) -> None:
    nlp = seed_pipeline(labels=labels)
    texts = {"a": "Vega and Mars rise over the lake.", "b": "", "c": "  ", "d": "Altair near Mars ."}
    found = {
        one.id: one
        for one in make_candidates(nlp, ((doc_id, nlp.make_doc(text)) for doc_id, text in texts.items()))
    }
    assert found["a"].words[0] == "vega"
    assert found["a"].entities[0].label == "Star"
    assert found["a"].form(found["a"].entities[0]) == "vega"
    assert 0 < found["a"].entities[0].probability < 1
    assert len(found["b"]) == len(found["b"].log_probability) == 0
    assert all(one.predicted for one in found.values())
    for name in NAMES:
        assert len(ids(list(found.values()), name)) == 4


def test_doubts_are_for_people(nlp: Language) -> None:
    doc = nlp("Vega and\nAltair rise near Deneb and Mars over the lake with Jupiter")
    spans = [(0, 1, 0.9), (0, 3, 0.2), (7, 8, math.nan), (5, 6, 0.99), (8, 9, 0.5), (12, 13, 0.3)]
    group = SpanGroup(
        doc,
        name="sc",
        spans=[spacy.tokens.Span(doc, start, end, "Star") for start, end, _ in spans],
        attrs={"scores": [p for *_, p in spans]},
    )
    doc.spans["sc"] = group
    missed = np.zeros(len(doc))
    missed[[2, 10]] = 0.7, 0.04
    set_certainty(doc, TokenCertainty.of(np.zeros(len(doc)), missed))
    candidate = candidate_of(doc, "a", "sc")
    assert [(one.text, one.label, one.probability) for one in candidate.doubts][:3] == [
        ("Vega and", "Star", 0.2),
        (doc[12].text, "Star", 0.3),
        (doc[8].text, "Star", 0.5),
    ]
    assert [(one.text, one.label) for one in candidate.doubts][3:] == [(doc[2].text.strip(), "")]
    assert candidate.entities[2].probability == 0.5  # one that nobody scored


def test_a_spancat_has_scores_and_no_certainty(nlp: Language) -> None:
    doc = nlp("Vega and Mars")
    doc.spans["sc"] = SpanGroup(
        doc,
        spans=[spacy.tokens.Span(doc, 0, 1, "Star"), spacy.tokens.Span(doc, 0, 3, "Pair")],
        attrs={"scores": [0.5, 0.25]},
    )
    candidate = candidate_of(doc, "a", "sc")
    assert candidate.log_probability.tolist() == pytest.approx([math.log(0.125), 0, 0])
    assert candidate.missed.tolist() == [0, 0, 0]
    doc.spans["sc"].attrs = {}
    with pytest.raises(PipelineError) as caught:
        candidate_of(doc, "a", "sc")
    assert "no probabilities" in str(caught.value)
    with pytest.raises(PipelineError):
        candidate_of(doc, "a", "other")


def test_a_pipeline_with_nothing_but_labels() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat_multilabel")
    nlp.initialize(
        lambda: [
            Example.from_dict(nlp.make_doc(text), {"cats": {"clear": float("Vega" in text)}})
            for text, _ in TEXTS
        ]
    )
    (candidate,) = make_candidates(nlp, [("a", nlp.make_doc("We saw Vega"))])
    assert set(candidate.labels) == {"clear"}
    assert candidate.entities == ()
    assert candidate.predicted
    assert 0 < expected_edits(candidate) <= 0.5


def test_a_pipeline_with_nothing_to_say() -> None:
    nlp = spacy.blank("en")
    with pytest.raises(PipelineError) as caught:
        list(make_candidates(nlp, [("a", nlp.make_doc("Vega"))]))
    assert "spacy train" in str(caught.value) or "train an ner" in str(caught.value)
    (candidate,) = make_candidates(nlp, [("a", nlp.make_doc("Vega"))], predict=False)
    assert not candidate.predicted


def test_what_is_known_of_reviewed_documents(nlp: Language) -> None:
    doc = document_to_doc(document("Vega near Mars", entities=[E(1, 0, 4), E(1, 10, 14, "e_2")]), nlp)
    assert reviewed_document(doc, "a") == ReviewedDocument(
        "a", ("vega", "near", "mars"), {"Star": 1, "Planet": 1}
    )


def test_the_page_about_strategies_names_them_all() -> None:
    page = Path(__file__).parents[2] / "docs" / "active-learning.md"
    text = page.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`{name}`" in text, name
