"""Documents to choose from, without a pipeline, and how strategies rank them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from spacy_tagtog.selection import (
    Candidate,
    PredictedEntity,
    ReviewedDocument,
    Strategy,
)
from spacy_tagtog.selection.batches import BatchChoice, rank_candidates
from spacy_tagtog.selection.strategies import parse_strategy

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
