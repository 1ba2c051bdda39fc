"""Two versions side by side: what a person decides, written as merging writes."""

from __future__ import annotations

import copy
from itertools import islice
from typing import Any

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import documents, quick
from versions import annotated, entity, relation, version

from spacy_tagtog.agreement import Comparison, MemberRanking, adjudicate, compare_sides, merge
from spacy_tagtog.agreement.versions import VersionItems, confirmed_members
from spacy_tagtog.anndoc import Annotations, Project, confidence
from spacy_tagtog.errors import AgreementError

JsonObject = dict[str, Any]
LEFT_IS_BEST = MemberRanking({}, {"ann": 1.0, "bob": 0.0})


def decided(sides: dict[str, Annotations], *decisions: str, **more: Any) -> JsonObject:
    """What comes of two versions, the decisions given in the order of the differences."""
    left, right = sides
    found = compare_sides(sides, left, right).differences
    chosen: Any = dict(zip([one.id for one in found], decisions, strict=True))
    return adjudicate(sides, left, right, chosen, who="user:judge", **more).annotations.data


def pair(left: Annotations, right: Annotations) -> dict[str, Annotations]:
    return {"ann": left, "bob": right}


def shown(comparison: Comparison) -> list[tuple[Any, ...]]:
    return [(one.kind, one.how, one.task) for one in comparison.differences]


def places(data: JsonObject) -> list[tuple[str, int, list[str], float]]:
    return [
        (
            one["classId"],
            one["offsets"][0]["start"],
            one["confidence"]["who"],
            one["confidence"]["prob"],
        )
        for one in data["entities"]
    ]


# --- The laws


@given(annotated(), annotated())
@quick
def test_both_of_everything_is_the_union_and_nothing_decided_the_intersection(
    left: Annotations, right: Annotations
) -> None:
    sides = pair(left, right)
    before = copy.deepcopy([left.data, right.data])
    found = compare_sides(sides, "ann", "bob").differences
    both: Any = {one.id: "both" if "both" in one.choices else "left" for one in found}
    made = adjudicate(sides, "ann", "bob", both, who="user:x").annotations
    assert made.data == merge(sides, "union_v1").annotations.data
    made = adjudicate(sides, "ann", "bob", {}, who="user:x").annotations
    assert made.data == merge(sides, "intersection_v1").annotations.data
    neither: Any = {one.id: "neither" for one in found}
    assert adjudicate(sides, "ann", "bob", neither, who="user:x").annotations.data == made.data
    assert [left.data, right.data] == before


@given(annotated(), annotated())
@quick
def test_the_left_of_everything_is_following_its_author(left: Annotations, right: Annotations) -> None:
    sides = pair(left, right)
    found = compare_sides(sides, "ann", "bob").differences
    all_left: Any = {one.id: "left" for one in found}
    made = adjudicate(sides, "ann", "bob", all_left, who="user:x").annotations
    followed = merge(sides, "best_iaa_v1", ranking=LEFT_IS_BEST).annotations
    # A relation of both counts as of both here, also where its entities differ.
    for one in (*(made.data["relations"]), *(followed.data["relations"])):
        del one["confidence"]
    assert made.data == followed.data
    assert VersionItems.of(made).entities.keys() == VersionItems.of(left).entities.keys()


@given(annotated(), annotated(), st.data())
@quick
def test_it_makes_no_difference_which_version_stands_left(
    left: Annotations, right: Annotations, data: st.DataObject
) -> None:
    sides = pair(left, right)
    here, there = (compare_sides(sides, *names).differences for names in (("ann", "bob"), ("bob", "ann")))

    def what(one: Any, other: Any) -> str:
        return repr((one, other))

    mirrored = {
        (one.kind, one.task if one.kind != "entity" else "", what(one.right, one.left), one.at): one.id
        for one in there
    }
    mine: Any = {}
    theirs: Any = {}
    for one in here:
        choice = data.draw(st.sampled_from(one.choices))
        mine[one.id] = choice
        name = mirrored.get(
            (one.kind, one.task if one.kind != "entity" else "", what(one.left, one.right), one.at)
        )
        if name is None:  # of equally good pairs others were made
            return
        theirs[name] = {"left": "right", "right": "left"}.get(choice, choice)
    assert (
        adjudicate(sides, "ann", "bob", mine, who="user:x").annotations.data
        == adjudicate(sides, "bob", "ann", theirs, who="user:x").annotations.data
    )


@given(documents(), st.data())
@quick
def test_any_text_and_unit_of_offsets(document: Any, data: st.DataObject) -> None:
    if len(document.versions) < 2:
        return
    left, right = sorted(document.versions)[:2]
    comparison = compare_sides(document, left, right)
    chosen: Any = {
        one.id: data.draw(st.sampled_from([*one.choices, "nothing"])) for one in comparison.differences
    }
    chosen = {name: choice for name, choice in chosen.items() if choice != "nothing"}
    made = adjudicate(document, left, right, chosen, who="user:x").annotations
    result = VersionItems.of(made, document.parts)
    # What both have is there, and nothing that neither has.
    keys = [items.entities.keys() for items in comparison.sides.values()]
    assert keys[0] & keys[1] <= result.entities.keys() <= keys[0] | keys[1]
    assert all(end in result.entities for ends in result.ends.values() for end in ends)


@needs_corpora
def test_real_documents_follow_the_same_laws() -> None:
    shared = (
        item
        for item in Project.open(CORPORA / "idp4", strict=False)
        if len(confirmed_members(item.versions)) >= 2
    )
    for item in islice(shared, 12):
        names = confirmed_members(item.versions)[:2]
        found = compare_sides(item, *names).differences
        both: Any = {one.id: "both" if "both" in one.choices else "left" for one in found}
        for decisions, strategy in ((both, "union_v1"), ({}, "intersection_v1")):
            made = adjudicate(item, *names, decisions, who="user:x").annotations
            merged = merge(item, strategy, members=names).annotations  # type: ignore[arg-type]
            assert made.data == merged.data


# --- Entities


def test_entities_are_decided_one_by_one() -> None:
    sides = pair(version(entity(0, 4), entity(10, 14)), version(entity(0, 4), entity(20, 24)))
    assert shown(compare_sides(sides, "ann", "bob")) == [("entity", "only", "e_1")] * 2
    both, ann, bob = ["user:ann", "user:bob"], ["user:ann"], ["user:bob"]
    assert places(decided(sides, "left", "right")) == [
        ("e_1", 0, both, 1),
        ("e_1", 10, ann, 0.5),
        ("e_1", 20, bob, 0.5),
    ]
    assert places(decided(sides, "right", "both")) == [("e_1", 0, both, 1), ("e_1", 20, bob, 0.5)]
    assert places(decided(sides, "neither", "left")) == [("e_1", 0, both, 1)]


@pytest.mark.parametrize(
    ("other", "how"),
    [
        (entity(0, 4, "e_2"), "type"),
        (entity(0, 5), "borders"),
        (entity(0, 5, "e_2"), "type and borders"),
    ],
)
def test_another_type_or_border_is_one_difference(other: JsonObject, how: str) -> None:
    sides = pair(version(entity(0, 4, f_1="x")), version(other))
    (difference,) = compare_sides(sides, "ann", "bob").differences
    assert (difference.kind, difference.how) == ("entity", how)
    (taken,) = decided(sides, "left")["entities"]
    assert taken["fields"]["f_1"]["value"] == "x"  # its labels come along
    assert [one["classId"] for one in decided(sides, "right")["entities"]] == [other["classId"]]
    assert len(decided(sides, "both")["entities"]) == 2
    assert decided(sides, "neither")["entities"] == []


def test_labels_of_a_common_entity_are_decided_by_themselves() -> None:
    sides = pair(version(entity(0, 4, f_1="x", n_1="Q1")), version(entity(0, 4, f_1="y", f_2=True, n_1="Q1")))
    comparison = compare_sides(sides, "ann", "bob")
    assert shown(comparison) == [("label", "value", "f_1"), ("label", "only", "f_2")]
    assert comparison.agreed == 1
    assert comparison.differences[0].choices == ("left", "right", "neither")

    def values(*decisions: str) -> dict[str, Any]:
        (one,) = decided(sides, *decisions)["entities"]
        assert one["normalizations"]["n_1"]["confidence"]["prob"] == 1
        return {task: (label["value"], label["confidence"]["who"]) for task, label in one["fields"].items()}

    assert values("left", "right") == {"f_1": ("x", ["user:ann"]), "f_2": (True, ["user:bob"])}
    assert values("right", "left") == {"f_1": ("y", ["user:bob"])}
    assert values("neither", "both") == {"f_2": (True, ["user:bob"])}
    with pytest.raises(AgreementError, match="left, right, neither"):
        decided(sides, "both", "left")


def test_document_labels() -> None:
    sides = pair(version(m_1="x", m_2=True), version(m_1="y", m_2=1))
    assert [one.left for one in compare_sides(sides, "ann", "bob").differences] == ["x", True]
    made = decided(sides, "right", "neither")["metas"]
    assert {task: label["value"] for task, label in made.items()} == {"m_1": "y"}
    assert made["m_1"]["confidence"] == confidence(state="", who=["user:bob"], prob=0.5)


# --- Relations


VEGA, MARS, STAR = entity(0, 4), entity(10, 14, "e_2"), entity(0, 4, "e_3")


def test_a_relation_follows_what_is_decided_about_its_entities() -> None:
    sides = pair(
        version(VEGA, MARS, relations=[relation(VEGA, MARS, directed=True)]),
        version(STAR, MARS, relations=[relation(STAR, MARS, directed=True)]),
    )
    assert shown(compare_sides(sides, "ann", "bob")) == [("entity", "type", "e_1")]
    for choice, reference in (("left", "s1p1|e_1|0,4"), ("right", "s1p1|e_3|0,4")):
        (one,) = decided(sides, choice)["relations"]
        assert one["entities"] == [reference, "s1p1|e_2|10,14"]
        assert one["confidence"] == confidence(state="", who=["user:ann", "user:bob"], prob=1)
    assert len(decided(sides, "both")["relations"]) == 2
    assert decided(sides, "neither")["relations"] == []


def test_a_relation_of_one_side_leads_to_what_was_taken() -> None:
    sides = pair(version(VEGA, MARS, relations=[relation(VEGA, MARS, directed=True)]), version(STAR, MARS))
    comparison = compare_sides(sides, "ann", "bob")
    assert shown(comparison) == [("entity", "type", "e_1"), ("relation", "only", "r_1")]
    (one,) = decided(sides, "right", "left")["relations"]
    assert one["entities"] == ["s1p1|e_3|0,4", "s1p1|e_2|10,14"]
    assert one["confidence"] == confidence(state="", who=["user:ann"], prob=0.5)
    assert decided(sides, "right", "right")["relations"] == []
    assert decided(sides, "neither", "left")["relations"] == []  # an entity of it is missing
    (one,) = decided(sides, "both", "left")["relations"]
    assert one["entities"][0] == "s1p1|e_1|0,4"


# --- Versions that aren't a member's, and what nobody stands for


def proposed(start: int, end: int, prob: float = 0.9) -> JsonObject:
    return {
        **entity(start, end),
        "confidence": confidence(state="pre-added", who=["ml:model"], prob=prob),
    }


def test_what_a_model_proposed_keeps_its_probability_when_it_is_taken() -> None:
    sides = {"ann": version(entity(0, 4)), "master": version(entity(0, 4), proposed(10, 14), complete=False)}
    made = decided(sides, "right")
    assert places(made) == [("e_1", 0, ["user:ann", "user:x"], 1), ("e_1", 10, ["ml:model"], 0.9)]
    assert made["entities"][1]["confidence"]["state"] == ""
    assert places(decided(sides, "left")) == places(made)[:1]


def test_an_open_proposal_of_both_stays_one() -> None:
    untouched = proposed(0, 4)
    sides = {
        "ann": version(untouched, entity(20, 24), complete=False),
        "master": version(untouched, complete=False),
    }
    made = decided(sides, "left")
    assert made["entities"][0] == untouched
    assert places(made)[1] == ("e_1", 20, ["user:ann"], 0.5)
    # Who confirmed a version stands for what is proposed in it.
    sides["ann"].data["anncomplete"] = True
    assert places(decided(sides, "left"))[0] == ("e_1", 0, ["user:ann"], 1)


def test_now_and_then_of_master_changes_nothing_that_both_have() -> None:
    by_two = {**entity(0, 4), "confidence": confidence(state="", who=["user:ann", "user:bob"], prob=0.5)}
    sides = {"master": version(by_two, entity(10, 14)), "then": version(by_two, entity(20, 24))}
    made = decided(sides, "left", "right", owners={"then": None})
    assert made["entities"] == [by_two, entity(10, 14), entity(20, 24)]


def test_who_decided_stands_for_what_names_nobody() -> None:
    bare = {key: value for key, value in entity(10, 14).items() if key != "confidence"}
    sides = {"ann": version(), "master": version(bare)}
    assert places(decided(sides, "right")) == [("e_1", 10, ["user:judge"], 1)]


def test_what_neither_version_hands_on_is_reported() -> None:
    gone = {**entity(20, 24), "confidence": confidence(state="pre-removed", who=["ml:model"], prob=0.7)}
    sides = pair(version(entity(0, 4), entity(0, 4), gone), version(entity(0, 4)))
    report = adjudicate(sides, "ann", "bob", {}, who="user:x").report
    assert sorted(one.reason for one in report.left_out) == [
        "a second copy in the same version",
        "it is proposed for removal",
    ]
    assert report.strategy == "decided"


# --- Wrong questions


def test_a_difference_that_changed_has_another_id() -> None:
    before = compare_sides(pair(version(entity(0, 4)), version()), "ann", "bob").differences
    after = compare_sides(pair(version(entity(0, 5)), version()), "ann", "bob").differences
    assert before[0].id != after[0].id
    again = compare_sides(pair(version(entity(0, 4)), version(entity(10, 14))), "ann", "bob").differences
    assert before[0].id == again[0].id


@pytest.mark.parametrize(
    ("names", "decisions", "words"),
    [
        (("ann", "cyd"), {}, "cyd"),
        (("ann", "ann"), {}, "itself"),
        (("ann", "bob"), {"nothing": "left"}, "nothing"),
    ],
)
def test_bad_questions_are_refused(names: tuple[str, str], decisions: Any, words: str) -> None:
    sides = pair(version(entity(0, 4)), version())
    with pytest.raises(AgreementError, match=words):
        adjudicate(sides, *names, decisions, who="user:x")
