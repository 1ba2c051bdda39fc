"""What each strategy chooses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from candidates import candidates, ids, plain, ranked
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.errors import PipelineError, SelectionError
from spacy_tagtog.selection import (
    Candidate,
    Context,
    Pick,
    PredictedEntity,
    ReviewedDocument,
    make_strategy,
)
from spacy_tagtog.selection.batches import rank_candidates
from spacy_tagtog.selection.families import variance
from spacy_tagtog.selection.families.scored import class_weights_of
from spacy_tagtog.selection.scores import expected_edits, least_confidence, normalized_doubt
from spacy_tagtog.selection.strategies import parse_strategy


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
    (pick,) = make_strategy("expected_edits", {"tokens_per_edit": 16.0})([candidate], 1, Context())
    assert (pick.why["expected_edits"], pick.why["effort"]) == (1.5, 1.75), "the edits, and reading 3 tokens"


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


def test_two_words_make_two_clusters() -> None:
    texts = ["moon moon moon sun", "sun sun sun moon"]
    pool = [plain(text, f"{number}-{i}") for number, text in enumerate(texts) for i in range(3)]
    assert {doc_id[0] for doc_id in ids(pool, "cluster", top=2)} == {"0", "1"}


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
    assert 'use vectors="tfidf"' in str(caught.value)


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
