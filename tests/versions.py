"""Versions of one document by several members, for the tests of agreement, merging and changes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from spacy_tagtog.anndoc import Annotations, confidence

MEMBERS = ["ann", "bob", "cyd", "dan"]


def entity(
    start: int,
    end: int,
    class_id: str = "e_1",
    *,
    part: str = "s1p1",
    more: Sequence[tuple[int, int]] = (),
    state: str = "",
    **labels: Any,
) -> dict[str, Any]:
    """An entity's JSON object; ``f_1=value`` labels it, ``n_1=id`` normalizes it."""
    text = "abcdefghij" * 10
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": first, "text": text[first:last]} for first, last in [(start, end), *more]],
        "confidence": confidence(state=state, who=["user:x"], prob=1),
        "fields": {task: _label(value) for task, value in labels.items() if task.startswith("f_")},
        "normalizations": {
            task: {
                "source": {"name": "wiki", "id": value, "url": None},
                "recName": None,
                "confidence": confidence(state="", who=["user:x"], prob=1),
            }
            for task, value in labels.items()
            if task.startswith("n_")
        },
    }


def _label(value: Any) -> dict[str, Any]:
    return {"value": value, "confidence": confidence(state="", who=["user:x"], prob=1)}


def reference(item: dict[str, Any]) -> str:
    last = item["offsets"][-1]
    return (
        f"{item['part']}|{item['classId']}|{item['offsets'][0]['start']},{last['start'] + len(last['text'])}"
    )


def relation(
    first: dict[str, Any], second: dict[str, Any], *, class_id: str = "r_1", directed: bool = False
) -> dict[str, Any]:
    """A relation's JSON object."""
    return {
        "classId": class_id,
        "type": "linked",
        "directed": directed,
        "entities": [reference(first), reference(second)],
        "confidence": confidence(state="", who=["user:x"], prob=1),
    }


def version(
    *entities: dict[str, Any], relations: Sequence[dict[str, Any]] = (), complete: bool = True, **metas: Any
) -> Annotations:
    """Annotations with these entities and relations; ``m_1=value`` labels the document."""
    return Annotations(
        copy.deepcopy(
            {
                "annotatable": {"parts": ["s1p1", "s1p2"]},
                "anncomplete": complete,
                "sources": [],
                "metas": {task: _label(value) for task, value in metas.items()},
                "entities": list(entities),
                "relations": list(relations),
            }
        )
    )


# Drawing from a pool is much quicker than drawing each entity. Its entities overlap, nest and contradict each
# other.
_PLACES: list[tuple[int, int, str, str, list[tuple[int, int]], str, dict[str, Any]]] = [
    (0, 4, "e_1", "s1p1", [], "", {}),
    (0, 4, "e_1", "s1p1", [], "", {"f_1": "x", "n_1": "Q1"}),
    (0, 4, "e_1", "s1p1", [], "pre-added", {"f_1": "y", "n_1": "Q2"}),
    (0, 4, "e_1", "s1p1", [], "pre-removed", {"f_1": "y"}),
    (0, 4, "e_2", "s1p1", [], "", {"f_1": "y"}),
    (1, 4, "e_1", "s1p1", [], "", {"f_1": "x"}),
    (2, 9, "e_1", "s1p1", [], "", {"n_1": "Q1"}),
    (3, 6, "e_2", "s1p1", [], "", {"f_1": None}),
    (5, 6, "e_1", "s1p1", [], "", {}),
    (6, 8, "e_1", "s1p1", [(12, 14)], "", {"f_2": True}),
    (6, 8, "e_1", "s1p1", [], "", {"f_2": False}),
    (8, 8, "e_1", "s1p1", [], "", {}),  # its text is empty
    (12, 14, "e_2", "s1p1", [], "", {}),
    (0, 4, "e_1", "s1p2", [], "", {"n_1": "Q3"}),
    (2, 5, "e_2", "s1p2", [], "", {}),
]
POOL = [
    entity(start, end, class_id, part=part, more=more, state=state, **labels)
    for start, end, class_id, part, more, state, labels in _PLACES
]
_INDICES = st.integers(0, len(POOL) - 1)
_RELATIONS = st.tuples(st.sampled_from(["r_1", "r_2"]), st.booleans(), st.integers(0, 5), st.integers(0, 5))


@st.composite
def annotated(draw: st.DrawFn) -> Annotations:
    """Confirmed annotations from the pool, so that members often agree, overlap and contradict.

    Entities may repeat.
    """
    made = [POOL[index] for index in draw(st.lists(_INDICES, max_size=6))]
    drawn = draw(st.lists(_RELATIONS, max_size=3)) if made else []
    related = [
        relation(made[one % len(made)], made[other % len(made)], class_id=name, directed=directed)
        for name, directed, one, other in drawn
    ]
    metas: dict[str, Any] = draw(
        st.dictionaries(
            st.sampled_from(["m_1", "m_2"]), st.sampled_from([True, False, "x", None]), max_size=2
        )
    )
    return version(*made, relations=related, **metas)


def versions(*, min_members: int = 2) -> st.SearchStrategy[dict[str, Annotations]]:
    """Confirmed versions of one document by some members, ``ann`` always among them."""
    return st.lists(annotated(), min_size=min_members, max_size=len(MEMBERS)).map(
        lambda found: dict(zip(MEMBERS, found, strict=False))
    )
