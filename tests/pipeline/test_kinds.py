"""What is trained follows from the data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nested import LEGEND, nested_documents
from notes import document, entity

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.pipeline.contents import TrainingSize, measure_corpus
from spacy_tagtog.pipeline.kinds import KINDS, choose_kinds, span_size
from spacy_tagtog.pipeline.thresholds import best_threshold

FLAT = TrainingSize(10, 100, ("Star",), spans=100, lengths=Counter({1: 90, 2: 9, 30: 1}))
TOPICS = Counter({"Topic=a": 20, "Topic=b": 18})
EXCLUSIVE = TrainingSize(
    18, 0, (), cats=TOPICS, negatives=Counter({"Topic=a": 18, "Topic=b": 20}), labelled=38, exclusive=True
)


def names(size: TrainingSize, components: str = "auto") -> list[str]:
    return [kind.name for kind in choose_kinds(size, components)[0]]


def said(size: TrainingSize, components: str = "auto") -> str:
    return "\n".join(choose_kinds(size, components)[1])


def measured(folder: Path, documents: list[Document]) -> TrainingSize:
    write_project(documents, folder / "p", legend=LEGEND)
    return measure_corpus(folder / "p")


def test_a_flat_project_trains_ner_and_has_nothing_to_say() -> None:
    assert (names(FLAT), said(FLAT)) == (["ner"], "")


def test_from_a_share_of_overlapping_entities_on_spancat_is_trained() -> None:
    few, many = replace(FLAT, overlapping=4), replace(FLAT, overlapping=5)
    assert (names(few), names(many)) == (["ner"], ["spancat"])
    assert "4 of 100 entities (4 %) overlap: ner" in said(few)
    assert "5 of 100 entities (5 %) overlap: spancat" in said(many)


def test_labels_that_exclude_each_other_and_others() -> None:
    assert names(EXCLUSIVE) == ["textcat"]
    assert "2 document labels that exclude each other in 38 documents: textcat" in said(EXCLUSIVE)
    several = replace(EXCLUSIVE, exclusive=False)
    assert names(several) == ["textcat_multilabel"]
    both = replace(FLAT, overlapping=50, cats=several.cats, negatives=several.negatives, labelled=38)
    assert names(both) == ["spancat", "textcat_multilabel"]
    assert names(both, "ner, spancat,textcat_multilabel") == ["ner", "spancat", "textcat_multilabel"]


def test_rare_labels_are_left_out_and_named() -> None:
    cats = Counter({"a": 20, "rare": 14})
    size = replace(EXCLUSIVE, exclusive=False, cats=cats, negatives=Counter({"a": 18, "rare": 24}))
    [kind], notes = choose_kinds(size)
    assert kind.values(size) == {"initialize.components.textcat_multilabel.labels": ["a"]}
    assert "not learned (rare)" in notes[-1]


def test_labels_of_few_documents_wait_unless_they_are_asked_for() -> None:
    few = replace(FLAT, cats=Counter({"a": 9, "b": 9}), negatives=Counter({"a": 9, "b": 9}), labelled=18)
    assert names(few) == ["ner"]
    assert "none is learned yet; textcat_multilabel as a named component" in said(few)
    [kind], _ = choose_kinds(few, "textcat_multilabel")
    assert kind.values(few) == {"initialize.components.textcat_multilabel.labels": ["a", "b"]}


def test_long_entities_are_counted() -> None:
    assert span_size(FLAT) == 2
    assert "1 of 100 entities (1 %) have more than 2 tokens" in said(FLAT, "spancat")
    assert span_size(replace(FLAT, lengths=Counter({40: 100}))) == 12
    assert KINDS["spancat"].values(FLAT) == {"components.spancat.suggester.max_size": 2}


@pytest.mark.parametrize(
    ("size", "components", "words"),
    [
        (EXCLUSIVE, "ner", "no document has an entity"),
        (EXCLUSIVE, "textcat,spancat", "no document has an entity"),
        (FLAT, "textcat", "no document has a document label"),
        (replace(EXCLUSIVE, exclusive=False), "textcat", "exactly one true label"),
        (EXCLUSIVE, "textcat,textcat_multilabel", "learn the same"),
        (FLAT, "nerr", "no such component"),
        (FLAT, " , ", "no such component"),
    ],
)
def test_what_the_data_does_not_have_is_refused(size: TrainingSize, components: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        choose_kinds(size, components)
    assert "components" in str(caught.value)


def test_one_value_only_is_nothing_to_tell_apart() -> None:
    one = TrainingSize(9, 0, (), cats=Counter({"Topic=a": 9}), labelled=9)
    with pytest.raises(ConfigurationError, match=r"nothing to tell apart \(Topic=a in 9 documents\)"):
        choose_kinds(one, "textcat_multilabel")
    with pytest.raises(ConfigurationError, match="nothing to learn from"):
        choose_kinds(one)
    with_entities = replace(FLAT, cats=one.cats, labelled=9)
    assert names(with_entities) == ["ner"]
    assert "nothing to tell apart" in said(with_entities)


def test_entities_in_entities_and_labels_are_counted(tmp_path: Path) -> None:
    size = measured(tmp_path, nested_documents(12))
    assert (size.entities, size.spans, size.overlapping) == (36, 72, 72)
    assert size.lengths == {1: 36, 2: 36}
    assert size.labels == ("Office", "Person")
    assert (size.labelled, size.exclusive) == (12, False)
    assert size.cats["Topic=sport"] == 4
    assert size.negatives["Topic=sport"] == 8
    assert size.cats["urgent"] + size.negatives["urgent"] == 8  # of a third it is unknown


def test_only_those_that_share_a_token_overlap(tmp_path: Path) -> None:
    text = "Ada Ben Cleo Dora Emil"
    spans = [(0, "Ada Ben"), (4, "Ben Cleo"), (13, "Dora"), (18, "Emil")]
    size = measured(tmp_path, [document(text, *(entity("e_1", start, words) for start, words in spans))])
    assert (size.spans, size.overlapping) == (4, 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30), st.integers(0, 5))
def test_no_other_threshold_has_a_better_f(predictions: list[tuple[float, bool]], missed: int) -> None:
    right = [answer for _, answer in predictions]
    gold = sum(right) + missed
    found = best_threshold([score for score, _ in predictions], right, gold)
    assert (found is None) == (not any(right))
    if found is None:
        return

    def f1(threshold: float) -> float:
        kept = [answer for score, answer in predictions if score >= threshold]
        return 2 * sum(kept) / max(1, len(kept) + gold)

    assert found[1] == pytest.approx(f1(found[0]), abs=1e-5)
    assert all(f1(step / 20) <= found[1] + 1e-5 for step in range(1, 20))
