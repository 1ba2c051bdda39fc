"""Merging versions: tagtog's strategies on small cases, their laws on drawn ones, and a complete report."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from builders import E, document
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import annotated, documents, quick, slow
from versions import entity, relation, version, versions

from spacy_tagtog.agreement import (
    MemberRanking,
    Merged,
    MergeStrategy,
    agreement_matrix,
    compare_versions,
    merge,
    rank_members,
)
from spacy_tagtog.agreement.versions import VersionItems, confirmed_members, labels_of
from spacy_tagtog.anndoc import Annotations, Document, Project, locate
from spacy_tagtog.errors import AgreementError, ConfigurationError, NotConfirmedError

VOTES = ("union_v1", "majority_v1", "intersection_v1")
NO_RANKING = MemberRanking({}, {})


def merged(strategy: str, *members: Annotations, **named: Annotations) -> Merged:
    """The members are ann, bob, cyd … in the order given."""
    by_name = dict(zip(["ann", "bob", "cyd", "dan"], members, strict=False)) | named
    return merge(by_name, strategy, ranking=NO_RANKING)  # type: ignore[arg-type]


def entities(result: Merged) -> dict[tuple[str, int], tuple[list[str], float]]:
    """(class, start) to who and prob."""
    found = result.annotations.entities
    for item in found:
        assert item.state == ""
    return {(item.class_id, item.fragments[0].start): (item.who, round(item.prob or 0, 3)) for item in found}


def test_votes_over_entities() -> None:
    all_three, two, one = entity(0, 4), entity(10, 14), entity(20, 24)
    sides = version(all_three, two), version(all_three, one), version(two, all_three)
    everybody, ann_cyd = ["user:ann", "user:bob", "user:cyd"], ["user:ann", "user:cyd"]
    expected = {
        ("e_1", 0): (everybody, 1.0),
        ("e_1", 10): (ann_cyd, 0.667),
        ("e_1", 20): (["user:bob"], 0.333),
    }
    assert entities(merged("union_v1", *sides)) == expected
    del expected["e_1", 20]
    assert entities(merged("majority_v1", *sides)) == expected
    del expected["e_1", 10]
    result = merged("intersection_v1", *sides)
    assert entities(result) == expected
    assert [(item.where, item.members, item.reason) for item in result.report.left_out] == [
        ("s1p1|10-14", ("ann", "cyd"), "in 2 of 3 versions"),
        ("s1p1|20-24", ("bob",), "in 1 of 3 versions"),
    ]
    assert result.report.members == ["ann", "bob", "cyd"]


def test_what_is_proposed_for_removal_is_left_out_and_listed() -> None:
    """An entity as well as a relation, whose entities stay."""
    mars, venus = entity(0, 4), entity(10, 14)
    gone = relation(mars, venus)
    gone["confidence"] = {**gone["confidence"], "state": "pre-removed"}
    mine = version(mars, venus, entity(20, 24, state="pre-removed"), relations=[gone])
    result = merged("union_v1", mine, version(mars, venus))
    assert set(entities(result)) == {("e_1", 0), ("e_1", 10)}
    assert result.annotations.relations == []
    assert sorted((item.kind, item.members, item.reason) for item in result.report.left_out) == [
        ("entity", ("ann",), "it is proposed for removal"),
        ("relation", ("ann",), "it is proposed for removal"),
    ]


def test_exactly_half_is_no_majority() -> None:
    assert entities(merged("majority_v1", version(entity(0, 4)), version())) == {}
    half = version(entity(0, 4))
    assert entities(merged("majority_v1", half, half, version(), version())) == {}


def test_the_result_is_not_confirmed_and_nothing_given_is_changed() -> None:
    given_version = version(entity(0, 4), m_1=True)
    before = copy.deepcopy(given_version.data)
    result = merged("union_v1", given_version)
    assert not result.annotations.complete
    result.annotations.data["entities"][0]["offsets"][0]["start"] = 99
    result.annotations.data["metas"]["m_1"]["value"] = False
    assert given_version.data == before


def test_only_confirmed_versions_count_and_master_is_no_member() -> None:
    draft = version(entity(10, 14), complete=False)
    result = merged("intersection_v1", version(entity(0, 4)), dan=draft, master=version(entity(20, 24)))
    assert entities(result) == {("e_1", 0): (["user:ann"], 1.0)}
    assert result.report.unconfirmed == ["dan"]
    with_master = merge(
        {"ann": version(entity(0, 4)), "master": version(entity(0, 4))}, "union_v1", members=["ann", "master"]
    )
    assert entities(with_master) == {("e_1", 0): (["user:ann", "user:master"], 1.0)}


@pytest.mark.parametrize(
    "versions", [{}, {"master": version()}, {"ann": version(complete=False), "master": version()}]
)
def test_without_a_confirmed_member_there_is_nothing_to_merge(versions: dict[str, Annotations]) -> None:
    with pytest.raises(NotConfirmedError, match="confirm the document"):
        merge(versions, "union_v1", place="doc-1")


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigurationError, match="union_v1, intersection_v1, majority_v1, best_iaa_v1"):
        merge({"ann": version()}, "unanimous_v1")  # type: ignore[arg-type]
    with pytest.raises(AgreementError, match="rank_members"):
        merge({"ann": version()}, "best_iaa_v1")


def values(result: Merged, kind: str = "fields") -> dict[str, Any]:
    (item,) = result.annotations.data["entities"]
    return {
        task: label.get("value", (label.get("source") or {}).get("id")) for task, label in item[kind].items()
    }


def test_values_on_an_entity_that_all_have() -> None:
    """The example of tagtog's documentation: 1, 2, 3 and 1, 1, 2."""
    different = [version(entity(0, 4, f_1=value, n_1=f"Q{value}")) for value in (1, 2, 3)]
    result = merged("union_v1", *different)
    assert (values(result), values(result, "normalizations")) == ({"f_1": 1}, {"n_1": "Q1"})
    assert result.annotations.data["entities"][0]["fields"]["f_1"]["confidence"] == {
        "state": "",
        "who": ["user:ann"],
        "prob": 1 / 3,
    }
    assert [(item.kind, item.what, item.reason) for item in result.report.left_out] == [
        ("label", "2", "another value was taken"),
        ("label", "3", "another value was taken"),
        ("normalization", "Q2", "another value was taken"),
        ("normalization", "Q3", "another value was taken"),
    ]
    assert [conflict.sides for conflict in result.report.conflicts] == [
        (("f_1 = 1", ("ann",)), ("f_1 = 2", ("bob",)), ("f_1 = 3", ("cyd",))),
        (("n_1 = Q1", ("ann",)), ("n_1 = Q2", ("bob",)), ("n_1 = Q3", ("cyd",))),
    ]
    assert values(merged("intersection_v1", *different)) == values(merged("majority_v1", *different)) == {}
    two_agree = [version(entity(0, 4, f_1=value)) for value in (2, 1, 1)]
    assert values(merged("union_v1", *two_agree)) == {"f_1": 2}
    assert values(merged("majority_v1", *two_agree)) == {"f_1": 1}
    assert values(merged("intersection_v1", *two_agree)) == {}
    assert values(merged("intersection_v1", *[version(entity(0, 4, f_1=1))] * 3)) == {"f_1": 1}


def test_second_copies_in_one_version_are_listed() -> None:
    doubled = version(entity(0, 4, f_1="x"), entity(0, 4, f_1="x"), entity(0, 4, f_1="y"))
    result = merged("union_v1", doubled)
    assert values(result) == {"f_1": "x"}
    assert [(item.kind, item.what, item.reason) for item in result.report.left_out] == [
        ("entity", "abcd", "a second copy in the same version"),
        ("entity", "abcd", "a second copy in the same version"),
        ("label", "y", "a second copy in the same version"),
    ]


def test_union_takes_the_first_version_that_has_a_value() -> None:
    assert values(merged("union_v1", version(entity(0, 4)), version(entity(0, 4, f_1="x")))) == {"f_1": "x"}


def test_the_majority_of_a_value_is_of_all_members() -> None:
    """Two of three have the entity, and both agree on its label; one of three is no majority."""
    sides = version(entity(0, 4, f_1="x", f_2="z")), version(entity(0, 4, f_1="x")), version()
    assert values(merged("majority_v1", *sides)) == {"f_1": "x"}


def test_document_labels() -> None:
    sides = version(m_1=True, m_2="a"), version(m_1=False), version(m_1=False, m_2="a")

    def metas(strategy: str) -> dict[str, Any]:
        return {
            task: (label["value"], label["confidence"]["who"])
            for task, label in merged(strategy, *sides).annotations.metas.items()
        }

    assert metas("union_v1") == {"m_1": (True, ["user:ann"]), "m_2": ("a", ["user:ann", "user:cyd"])}
    assert metas("majority_v1") == {
        "m_1": (False, ["user:bob", "user:cyd"]),
        "m_2": ("a", ["user:ann", "user:cyd"]),
    }
    assert metas("intersection_v1") == {}


def test_true_is_not_one() -> None:
    result = merged("intersection_v1", version(m_1=True), version(m_1=1))
    assert result.annotations.metas == {}


def test_a_relation_stays_only_if_its_entities_stay() -> None:
    ends = [entity(0, 4), entity(10, 14, "e_2")]
    related = version(*ends, relations=[relation(*ends)])
    half = version(ends[0])
    assert len(merged("union_v1", related, half).annotations.relations) == 1
    result = merged("majority_v1", related, related, half)
    (found,) = result.annotations.data["relations"]
    assert found["confidence"] == {"state": "", "who": ["user:ann", "user:bob"], "prob": 2 / 3}
    assert merged("intersection_v1", related, half).annotations.relations == []
    # Enough members have the relation, but an end of it is a second member's relation to another entity's
    # place.
    ranking = MemberRanking({"e_1": {"ann": 1}, "e_2": {"bob": 1}, "r_1": {"ann": 1}}, {})
    result = merge({"ann": related, "bob": half}, "best_iaa_v1", ranking=ranking)
    assert [(item.kind, item.reason) for item in result.report.left_out] == [
        ("entity", "bob, who agrees best on e_2, doesn't have it"),
        ("relation", "its entity was not taken"),
    ]


def test_a_relation_to_nothing_is_left_out_and_said() -> None:
    item = entity(0, 4)
    result = merged("union_v1", version(item, relations=[relation(item, entity(50, 54))]))
    assert result.annotations.relations == []
    assert [item.reason for item in result.report.left_out] == ["one of its entities is in no version"]


def test_an_old_reference_says_which_entity_it_means_where_two_stand_now() -> None:
    ends = [entity(0, 4), entity(10, 14)]
    mine = version(*ends, relations=[{**relation(*ends), "entities": ["s1p1|0,4", "s1p1|10,14"]}])
    result = merged("union_v1", mine, version(entity(0, 4, "e_2")))
    assert result.annotations.data["relations"][0]["entities"] == ["s1p1|e_1|0,4", "s1p1|10,14"]


def test_a_reference_means_what_fits_best_whatever_comes_first() -> None:
    whole, pieces, other = entity(6, 8), entity(6, 8, more=[(12, 14)]), entity(0, 4)
    to_whole = relation(other, whole)
    for entities in ([whole, pieces, other], [pieces, whole, other]):
        items = VersionItems.of(version(*entities, relations=[to_whole, relation(other, pieces)]))
        assert {end.place.ranges for key in items.relations for end in key.ends} == {
            ((0, 4),),
            ((6, 8),),
            ((6, 8), (12, 14)),
        }
    # In both orders it is the same relation: nothing is there twice.
    result = merged(
        "union_v1",
        version(whole, pieces, other, relations=[to_whole]),
        version(pieces, whole, other, relations=[to_whole]),
    )
    assert [item["confidence"]["who"] for item in result.annotations.data["relations"]] == [
        ["user:ann", "user:bob"]
    ]


def test_a_reference_goes_on_meaning_what_it_meant() -> None:
    whole, pieces, other = entity(6, 8), entity(6, 8, more=[(12, 14)]), entity(0, 4)
    # Some projects refer to one fragment. Where the other version has that as an entity of its own, the
    # reference says more.
    mine = version(
        pieces, other, relations=[{**relation(other, pieces), "entities": ["s1p1|e_1|0,4", "s1p1|e_1|6,8"]}]
    )
    result = merged("union_v1", mine, version(whole))
    assert result.annotations.data["relations"][0]["entities"] == ["s1p1|e_1|0,4", "s1p1|e_1|6,14"]
    assert result.report.notes == []
    # Where nothing that the format can say tells them apart, the report does.
    result = merged(
        "union_v1", version(pieces, other, relations=[relation(other, pieces)]), version(entity(6, 14))
    )
    assert result.annotations.data["relations"][0]["entities"] == ["s1p1|e_1|0,4", "s1p1|e_1|6,14"]
    assert result.report.notes == [
        "r_1 e_1 s1p1|0-4; e_1 s1p1|6-8,12-14: s1p1|e_1|6,14 fits another entity, too"
    ]


def test_best_iaa_follows_the_best_member_of_each_task() -> None:
    ann = version(entity(0, 4, f_1="a"), entity(10, 14, "e_2"), m_1="ann")
    bob = version(entity(0, 4, f_1="b"), entity(20, 24, "e_2"), m_1="bob")
    cyd = version(entity(0, 4), entity(20, 24, "e_2"), m_1="cyd")
    ranking = MemberRanking(
        {"e_1": {"ann": 0.9, "bob": 0.5}, "e_2": {"ann": 0.2, "bob": 0.8}, "f_1": {"bob": 0.4}},
        {"cyd": 0.9, "bob": 0.1},
    )
    result = merge({"ann": ann, "bob": bob, "cyd": cyd}, "best_iaa_v1", ranking=ranking)
    everybody = ["user:ann", "user:bob", "user:cyd"]
    assert entities(result) == {("e_1", 0): (everybody, 1.0), ("e_2", 20): (everybody[1:], 0.667)}
    assert result.annotations.data["entities"][0]["fields"]["f_1"]["value"] == "b"
    assert result.annotations.metas["m_1"]["value"] == "cyd"  # no agreement on m_1: the best of all tasks
    assert result.report.followed == {"e_1": "ann", "e_2": "bob", "f_1": "bob", "m_1": "cyd"}
    # Somebody who did not confirm this document can't be followed.
    assert merge({"bob": bob, "cyd": cyd}, "best_iaa_v1", ranking=ranking).report.followed["e_1"] == "bob"


def test_the_ranking_is_of_averages_over_pairs() -> None:
    one, two = version(entity(0, 4)), version(entity(0, 4), entity(5, 9, "e_2"))
    ranking = rank_members([{"ann": one, "bob": one, "cyd": two}])
    assert ranking.by_task["e_1"] == {"ann": 1.0, "bob": 1.0, "cyd": 1.0}
    assert ranking.by_task["e_2"] == {"ann": 0.0, "bob": 0.0, "cyd": 0.0}
    assert ranking.best("e_1", ["cyd", "bob"]) == "bob"  # a tie: the first by name
    assert ranking.best("r_9", ["cyd"]) == "cyd"
    assert MemberRanking({}, {}).best("e_1", ["bob", "ann"]) == "ann"


def test_conflicts_of_places_and_types() -> None:
    ann = version(entity(0, 4), entity(10, 14), entity(20, 24), entity(30, 40), entity(31, 33))
    bob = version(entity(0, 4, "e_2"), entity(10, 15), entity(19, 22, "e_2"), entity(30, 40))
    result = merged("union_v1", ann, bob)
    assert [(conflict.kind, conflict.where) for conflict in result.report.conflicts] == [
        ("type", "s1p1|0-4"),
        ("borders", "s1p1|10-14"),
        ("overlap", "s1p1|19-22"),
    ]  # bob has 30-40, too: ann's 31-33 inside it contradicts nobody
    for names in (
        ["ann", "bob", "cyd"],
        ["cyd", "bob", "ann"],
    ):  # nor does one that only some of those have who have the other
        inside = dict(
            zip(names, [version(entity(0, 9), entity(3, 4)), version(entity(0, 9)), version()], strict=True)
        )
        outside = dict(
            zip(names, [version(entity(0, 9), entity(3, 4)), version(entity(3, 4)), version()], strict=True)
        )
        assert merge(inside, "union_v1").report.conflicts == merge(outside, "union_v1").report.conflicts == []
    assert "ann" in str(result.report.conflicts[0])


def test_what_else_differs_is_noted() -> None:
    ann, bob = version(entity(0, 4)), version(entity(0, 4))
    bob.data["annotatable"]["parts"] = ["s1p2", "s1p3"]
    bob.data["x-tool"] = 1
    ann.data["x-tool"] = 2
    ann.data["sources"], bob.data["sources"] = (
        [{"name": "PMID", "id": "1"}],
        [{"name": "PMID", "id": "1"}, {"name": "url", "id": "2"}],
    )
    bob.data["entities"][0]["coordinates"] = [{"x": 1, "y": 2}]
    result = merged("union_v1", ann, bob)
    assert result.annotations.annotatable == ["s1p1", "s1p2", "s1p3"]
    assert result.annotations.data["x-tool"] == 2
    assert result.annotations.data["sources"] == bob.data["sources"]
    assert result.report.notes == [
        "bob has another 'x-tool': the first version's was taken",
        "the versions have different annotatable parts: those of any version are taken",
        "e_1 s1p1|0-4: coordinates differ, ann's were taken",
    ]


def test_versions_that_count_differently_are_brought_to_one_unit() -> None:
    text = "🌠 Vega 🌠 and Mars"
    made = {
        name: document(text, entities=[E(1, 2, 6), E(1, 13, 17, "e_2")][: 3 - number], unit=unit, member=name)  # type: ignore[arg-type]
        for number, (name, unit) in enumerate({"ann": "code-point", "bob": "utf-16"}.items(), 1)
    }
    ends = made["ann"].versions["ann"].data["entities"]
    made["ann"].versions["ann"].data["relations"] = [relation(*ends)]
    both = Document("a", made["ann"].html, {name: item.versions[name] for name, item in made.items()})
    result = merge(both, "union_v1")
    assert result.report.notes == ["offsets of ann count code points, others UTF-16: all are UTF-16 now"]
    assert {key: who for key, (who, _) in entities(result).items()} == {
        ("e_1", 3): ["user:ann", "user:bob"],
        ("e_2", 15): ["user:ann"],
    }
    assert [item.problem for item in locate(both.parts, result.annotations, unit="utf-16")] == [None, None]
    assert result.annotations.data["relations"][0]["entities"] == ["s1p1|e_1|3,7", "s1p1|e_2|15,19"]


def items_of(annotations: Annotations) -> Counter[tuple[str, str, str]]:
    """Every single annotation of a version: (kind, task, where), copies and all."""
    found: Counter[tuple[str, str, str]] = Counter()
    for task, label in annotations.metas.items():
        found["document label", task, ""] += bool(label)
    for item in annotations.entities:
        place = f"{item.part}|{item.fragments[0].start}"
        found["entity", item.class_id, place] += 1
    for related in annotations.relations:
        found["relation", related.class_id, ""] += 1
    return found


@quick
@given(versions(min_members=1))
def test_laws(members: dict[str, Annotations]) -> None:
    results = {
        strategy: merge(members, strategy, ranking=rank_members([members]))
        for strategy in get_args(MergeStrategy)
    }
    kept = {strategy: VersionItems.of(result.annotations) for strategy, result in results.items()}
    union, majority, intersection, best = (
        kept[name] for name in ("union_v1", "majority_v1", "intersection_v1", "best_iaa_v1")
    )
    for wide, narrow in ((union, majority), (majority, intersection), (union, best)):
        assert wide.entities.keys() >= narrow.entities.keys()
        assert wide.relations.keys() >= narrow.relations.keys()
    for strategy, result in results.items():
        items, report = kept[strategy], result.report
        assert {end for key in items.relations for end in key.ends} <= items.entities.keys()
        assert all(len(found) == 1 for found in items.entities.values())
        assert all(len(found) == 1 for found in items.relations.values())
        for (found,) in items.entities.values():
            having = [
                name
                for name, given_version in members.items()
                if VersionItems.of(given_version).entities.keys() & {_key(found)}
            ]
            assert found.who == [f"user:{name}" for name in having]
            assert found.prob == len(having) / len(members)
        # In = out + left out, annotation by annotation: what a member has is in the result with his name, or
        # in the report with it.
        for name, given_version in members.items():
            said: Counter[tuple[str, str, str]] = Counter(
                (item.kind, item.task, _short(item.kind, item.where))
                for item in report.left_out
                if name in item.members
            )
            assert items_of(given_version) == _own(result.annotations, name) + _only(
                said, "entity", "relation", "document label"
            )
            mine = [
                item
                for item in report.left_out
                if name in item.members and item.kind in ("label", "normalization")
            ]
            hanging = {
                (item.task, item.where.split("-")[0], item.what)
                for item in mine
                if item.reason != "it has no value"
            }
            assert _labels(given_version) == _labels(result.annotations, name) | hanging


def _labels(annotations: Annotations, name: str = "") -> set[tuple[str, str, str]]:
    """(task, where, value) of the labels and normalizations of entities; only a member's, if one is given."""
    return {
        (
            task,
            f"{item.part}|{item.fragments[0].start}",
            value if isinstance(value, str) else json.dumps(value),
        )
        for item in annotations.entities
        if not item.is_removed
        for task, value in labels_of(item).items()
        if not name
        or f"user:{name}" in {**item.data["fields"], **item.data["normalizations"]}[task]["confidence"]["who"]
    }


def _key(found: Any) -> Any:
    (key,) = VersionItems.of(version(found.data)).entities
    return key


def _short(kind: str, where: str) -> str:
    return where.split("-", maxsplit=1)[0] if kind == "entity" else ""


def _only(counts: Mapping[tuple[str, str, str], int], *kinds: str) -> Counter[tuple[str, str, str]]:
    return Counter({key: number for key, number in counts.items() if key[0] in kinds})


def _own(annotations: Annotations, name: str) -> Counter[tuple[str, str, str]]:
    """What of a merged version is said to be this member's."""
    data = copy.deepcopy(annotations.data)
    for key in ("entities", "relations"):
        data[key] = [item for item in data[key] if f"user:{name}" in item["confidence"]["who"]]
    data["metas"] = {
        task: label for task, label in data["metas"].items() if f"user:{name}" in label["confidence"]["who"]
    }
    return items_of(Annotations(data))


@quick
@given(versions(min_members=1))
def test_merging_equal_versions_gives_that_version(members: dict[str, Annotations]) -> None:
    only = members["ann"]
    twins = {"ann": only, "bob": copy.deepcopy(only), "cyd": copy.deepcopy(only)}
    results = [merge(twins, strategy, ranking=NO_RANKING) for strategy in get_args(MergeStrategy)]
    for result in results:
        assert result.annotations.data == results[0].annotations.data
        assert not [
            item
            for item in result.report.left_out
            if " of 3 versions" in item.reason or "agrees best" in item.reason
        ]
    again = merge(
        {"ann": Annotations({**results[0].annotations.data, "anncomplete": True})}, "intersection_v1"
    )
    assert again.report.left_out == []


@slow
@given(st.data())
def test_on_anything_that_ann_json_can_hold(data: st.DataObject) -> None:
    """Any text and keys, and offsets of either unit, mixed: every merged entity stands where it says."""
    made = data.draw(documents(members=False))
    confirmed = {}
    for name in data.draw(st.lists(st.sampled_from(["ann", "bob", "cyd"]), min_size=1, unique=True)):
        drawn = data.draw(annotated(made.parts, made.legend))
        confirmed[name] = Annotations({**drawn.data, "anncomplete": True})
    before = copy.deepcopy({name: item.data for name, item in confirmed.items()})
    item = Document(made.id, made.html, confirmed, legend=made.legend)
    ranking = rank_members([item])
    for strategy in get_args(MergeStrategy):
        result = merge(item, strategy, ranking=ranking)
        assert Annotations.parse(result.annotations.dumps()) == result.annotations
        assert all(located.problem is None for located in locate(item.parts, result.annotations))
        assert json.dumps(result.report.to_json())
    assert before == {name: item.data for name, item in confirmed.items()}


@needs_corpora
def test_real_documents() -> None:
    """An intersection takes what members agree on exactly: what changes accept and what F1 counts."""
    shared = (
        item
        for item in Project.open(CORPORA / "idp4", strict=False)
        if len(confirmed_members(item.versions)) == 4
    )
    taken: Counter[str] = Counter()
    for number, item in enumerate(shared):
        if number == 6:
            break
        results = {strategy: merge(item, strategy).report.taken for strategy in VOTES}  # type: ignore[arg-type]
        for kind in ("entity", "relation"):
            assert (
                results["union_v1"][kind] >= results["majority_v1"][kind] >= results["intersection_v1"][kind]
            )
        names = confirmed_members(item.versions)[:2]
        pair = {name: item.versions[name] for name in names}
        both = merge(Document(item.id, item.html, pair), "intersection_v1").report.taken
        matrix = agreement_matrix([item], members=names)
        agreed = sum(matrix.of(task, *names).first_agreed for task in matrix.tasks if task[0] == "e")
        edits = compare_versions(*pair.values(), parts=item.parts).edits
        copies = sum(
            len(found) - 1
            for name in names
            for found in VersionItems.of(pair[name], item.parts).entities.values()
        )
        assert agreed == both["entity"]
        assert agreed <= edits.accepted <= agreed + copies
        taken += both
    assert taken["entity"] > 100
    assert taken["relation"] > 10
