"""What reviewers changed: two versions compared."""

from __future__ import annotations

import copy
import json

import pytest
from builders import E, document
from hypothesis import given
from strategies import quick
from versions import annotated, entity, relation, version

from spacy_tagtog.agreement import compare_versions
from spacy_tagtog.agreement.changes import compare_entities
from spacy_tagtog.agreement.edits import EditCounts
from spacy_tagtog.agreement.versions import VersionItems
from spacy_tagtog.anndoc import Annotations


def test_every_kind_of_change() -> None:
    before = version(
        entity(0, 4),
        entity(10, 14),
        entity(20, 24),
        entity(30, 34),
        entity(40, 44, "e_2"),
        entity(50, 54),
        entity(60, 64, state="pre-removed"),
    )
    after = version(
        entity(0, 4),
        entity(10, 14, "e_2"),
        entity(20, 25),
        entity(30, 35, "e_2"),
        entity(50, 54, part="s1p2"),
        entity(70, 74, "e_2"),
        m_1=True,
    )
    changes = compare_versions(before, after)
    kinds = ["kept", "relabelled", "moved", "relabelled and moved", "removed", "removed", "added", "added"]
    assert [change.kind for change in changes.entities] == kinds
    assert changes.edits == EditCounts(accepted=1, added=2, removed=2, relabelled=2, moved=2)
    assert changes.by_type == {"e_1": EditCounts(1, 1, 1, 2, 2), "e_2": EditCounts(added=1, removed=1)}
    assert changes.proposed == {"e_1": 5, "e_2": 1}
    assert [(label.task, label.where, label.before, label.after) for label in changes.labels] == [
        ("m_1", "", None, True)
    ]
    assert changes
    made = json.loads(json.dumps(changes.to_json()))
    assert made["edits"]["total"] == 8
    assert [item["kind"] for item in made["entities"]] == kinds[1:]


def test_labels_of_entities_that_stay() -> None:
    before = version(entity(0, 4, f_1="x", f_2=True, n_1="Q1"), entity(10, 14, f_1="x"))
    after = version(entity(0, 5, f_1="y", f_2=True, n_2="Q1"))
    changes = compare_versions(before, after)
    assert [(label.task, label.where, label.before, label.after) for label in changes.labels] == [
        ("f_1", "s1p1|0-5", "x", "y"),
        ("n_1", "s1p1|0-5", "Q1", None),
        ("n_2", "s1p1|0-5", None, "Q1"),
    ]


def test_a_relation_follows_its_entities() -> None:
    ends, moved = [entity(0, 4), entity(10, 14)], [entity(0, 5), entity(10, 14, "e_2")]
    before = version(*ends, relations=[relation(*ends)])
    assert compare_versions(before, version(*moved, relations=[relation(*moved)])).relations == []
    changes = compare_versions(before, version(*ends, relations=[relation(*ends, class_id="r_2")]))
    assert [(change.kind, change.task, change.ends) for change in changes.relations] == [
        ("removed", "r_1", ("e_1 s1p1|0-4", "e_1 s1p1|10-14")),
        ("added", "r_2", ("e_1 s1p1|0-4", "e_1 s1p1|10-14")),
    ]
    assert compare_versions(before, version(*ends)).relations[0].kind == "removed"


def test_units_of_offsets_are_no_change() -> None:
    text = "🌠🌠 Vega rises"
    made = [document(text, entities=[E(1, 3, 7)], unit=unit) for unit in ("utf-16", "code-point")]
    before, after = (item.annotations for item in made)
    assert compare_versions(before, after).edits.total > 0  # without the text nobody can know
    assert not compare_versions(before, after, parts=made[0].parts)


def test_plain_lists_by_type() -> None:
    before = [("p1", 0, 4, "A"), ("p1", 10, 14, "A"), ("p2", 0, 4, "B")]
    after = [("p1", 0, 4, "B"), ("p1", 10, 15, "A"), ("p3", 0, 4, "B")]
    assert compare_entities(before, after) == {
        "A": EditCounts(relabelled=1, moved=1),
        "B": EditCounts(removed=1, added=1),
    }
    assert compare_entities([], []) == {}


@pytest.mark.parametrize("empty", [Annotations({}), version()])
def test_against_nothing(empty: Annotations) -> None:
    full = version(entity(0, 4), entity(0, 4))
    assert compare_versions(empty, full).edits == EditCounts(added=2)
    assert compare_versions(full, empty).edits == EditCounts(removed=2)


@quick
@given(annotated(), annotated())
def test_laws(before: Annotations, after: Annotations) -> None:
    assert not compare_versions(before, copy.deepcopy(before))
    changes = compare_versions(before, after)
    old, new = (
        [item for items in VersionItems.of(side).entities.values() for item in items]
        for side in (before, after)
    )
    assert sorted(item.before.index for item in changes.entities if item.before) == sorted(
        item.index for item in old
    )
    assert sorted(item.after.index for item in changes.entities if item.after) == sorted(
        item.index for item in new
    )
    back = compare_versions(after, before)
    assert back.edits.total == changes.edits.total
    assert sum(changes.by_type.values(), EditCounts()) == changes.edits
    if not changes:
        assert VersionItems.of(before).by_task() == VersionItems.of(after).by_task()
