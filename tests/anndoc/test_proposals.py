"""What people see who annotate blind: a version without what was only proposed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from builders import E, document
from hypothesis import given
from strategies import documents, quick

from spacy_tagtog.anndoc import Annotations, Document, confidence
from spacy_tagtog.anndoc.proposals import without_proposals, would_undo

PROPOSED = confidence(state="pre-added", who=["ml:m"], prob=0.5)
DECIDED = confidence(state="", who=["user:ann"], prob=1)


def seen(one: Document) -> dict[str, Any]:
    return without_proposals(one.annotations, one.parts).data


def test_proposals_go_and_decisions_stay() -> None:
    one = document(
        "Vega near Mars",
        entities=[
            E(1, 0, 4),
            E(1, 5, 9, state="pre-added", who="ml:m", prob=0.7),
            E(1, 10, 14, "e_2", state="pre-removed", who="ml:m", prob=0.2),
        ],
        complete=False,
        metas={
            "m_1": {"value": "yes", "confidence": PROPOSED},
            "m_2": {"value": "no", "confidence": DECIDED},
        },
        another_key={"stays": 1},
    )
    before = copy.deepcopy(one.annotations.data)
    data = seen(one)
    assert [entity["offsets"][0]["text"] for entity in data["entities"]] == ["Vega", "Mars"]
    # Nobody sees that a removal was proposed, and whose entity it was stays.
    assert data["entities"][1]["confidence"] == {**before["entities"][2]["confidence"], "state": ""}
    assert list(data["metas"]) == ["m_2"]
    assert data["another_key"] == {"stays": 1}
    assert one.annotations.data == before


def test_relations_of_what_goes_go_with_it() -> None:
    def relation(first: str, second: str, state: dict[str, Any] = DECIDED) -> dict[str, Any]:
        return {"classId": "r_1", "directed": False, "entities": [first, second], "confidence": state}

    vega, near, mars = "s1p1|e_1|0,4", "s1p1|e_1|5,9", "s1p1|e_2|10,14"
    one = document(
        "Vega near Mars",
        entities=[E(1, 0, 4), E(1, 5, 9, state="pre-added"), E(1, 10, 14, "e_2")],
        complete=False,
        relations=[relation(vega, near), relation(vega, mars, PROPOSED), relation(mars, vega)],
    )
    assert [found["entities"] for found in seen(one)["relations"]] == [[mars, vega]]


def test_proposed_labels_of_a_persons_entity_go() -> None:
    fields = {"f_1": {"value": "blue", "confidence": PROPOSED}, "f_2": {"value": "x", "confidence": DECIDED}}
    norms = {"n_1": {"source": {"id": "Q1"}, "confidence": PROPOSED}}
    one = document("Vega", entities=[E(1, 0, 4, keys={"fields": fields, "normalizations": norms})])
    (entity,) = seen(one)["entities"]
    assert list(entity["fields"]) == ["f_2"]
    assert entity["normalizations"] == {}


@quick
@given(documents())
def test_nothing_that_is_left_was_proposed_and_nothing_else_is_gone(one: Document) -> None:
    for version in (one.version(member) for member in one.versions):
        left = without_proposals(version, one.parts)
        kept = [entity for entity in version.entities if entity.state != "pre-added"]
        assert [entity.data["offsets"] for entity in left.entities] == [
            entity.data["offsets"] for entity in kept
        ]
        assert not any(str(entity.state).startswith("pre-") for entity in left.entities)
        assert _others(left.data) == _others(version.data)
        assert without_proposals(left, one.parts).data == left.data


def _others(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in ("entities", "metas", "relations")}


# ------------------------------------------------------------------------- what a new state would undo

VEGA, MARS = E(1, 0, 4, state="pre-added"), E(1, 10, 14, state="pre-added")
ACCEPTED = E(1, 0, 4, state="")


def version(*entities: E, **keys: Any) -> Annotations:
    return document("Vega near Mars", entities=entities, complete=False, **keys).annotations


@pytest.mark.parametrize(
    ("now", "new", "undone"),
    [
        # Nothing was decided: anything may come.
        ([VEGA, MARS], [], False),
        ([VEGA, MARS], [E(1, 0, 4, "e_2", state="pre-added")], False),
        # One was accepted.
        ([ACCEPTED, MARS], [VEGA, MARS], True),
        ([ACCEPTED, MARS], [MARS], True),
        ([ACCEPTED, MARS], [ACCEPTED], False),
        ([ACCEPTED, MARS], [ACCEPTED, E(1, 5, 9, state="pre-added")], False),
        # One was rejected.
        ([VEGA], [VEGA, MARS], True),
        ([VEGA], [], False),
        # One was added.
        ([VEGA, MARS, E(1, 5, 9)], [VEGA, MARS], True),
    ],
)
def test_what_people_decided_is_not_undone(now: list[E], new: list[E], undone: bool) -> None:
    assert would_undo(version(VEGA, MARS), version(*now), version(*new)) is undone


def test_labels_and_relations_are_decisions_too() -> None:
    label = {"m_1": {"value": "yes", "confidence": DECIDED}}
    other = {"m_1": {"value": "no", "confidence": DECIDED}}
    proposed = {"m_1": {"value": "yes", "confidence": PROPOSED}}
    assert would_undo(version(), version(metas=label), version())
    assert would_undo(version(metas=proposed), version(metas=label), version(metas=proposed))
    assert would_undo(version(metas=label), version(metas=other), version(metas=label))
    assert not would_undo(version(metas=proposed), version(metas=label), version(metas=label))
    relation = {"classId": "r_1", "entities": ["s1p1|e_1|0,4", "s1p1|e_1|10,14"], "confidence": DECIDED}
    assert would_undo(version(), version(relations=[relation]), version())
    assert would_undo(version(relations=[relation]), version(), version(relations=[relation]))
