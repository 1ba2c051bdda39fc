"""Agreement between members: tagtog's definitions on small cases, their laws on drawn ones, real projects."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from builders import E, document
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from strategies import quick
from versions import entity, relation, version, versions

from spacy_tagtog.agreement import Agreement, agreement_matrix, iaa
from spacy_tagtog.agreement.metrics import METRICS_OF
from spacy_tagtog.anndoc import Annotations, Document, Project
from spacy_tagtog.errors import AgreementError, ConfigurationError


def both(first: Annotations, second: Annotations) -> list[Mapping[str, Annotations]]:
    return [{"ann": first, "bob": second}]


def f1(first: Annotations, second: Annotations, task: str, metric: Any = "exact_v1") -> float | None:
    return iaa(both(first, second), "ann", "bob", task, metric=metric).f1


def test_exact_compares_type_part_and_offsets() -> None:
    mine = version(entity(0, 4), entity(10, 12), entity(20, 25, "e_2"))
    theirs = version(entity(0, 4), entity(10, 13), entity(20, 25, "e_1"), entity(0, 4, part="s1p2"))
    found = iaa(both(mine, theirs), "ann", "bob", "e_1")
    assert (found.first, found.second, found.first_agreed, found.second_agreed) == (2, 4, 1, 1)
    assert found.recall == 1 / 2
    assert found.precision == 1 / 4
    assert found.f1 == pytest.approx(2 / 6)
    assert found.answer() == {"f1": found.f1, "overNumDocs": 1}
    assert f1(mine, theirs, "e_2") == 0.0


def test_overlapping_needs_one_character_of_the_same_type() -> None:
    mine = version(entity(0, 4), entity(10, 20))
    theirs = version(entity(3, 6), entity(10, 12), entity(15, 20), entity(20, 24), entity(0, 4, "e_2"))
    found = iaa(both(mine, theirs), "ann", "bob", "e_1", metric="overlapping_v1")
    assert (found.first_agreed, found.first, found.second_agreed, found.second) == (2, 2, 3, 4)
    assert found.f1 == pytest.approx(2 * 1 * 0.75 / 1.75)


_STRETCHES = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([0, 1, 2, 15])).map(lambda t: (t[0], t[0] + t[1])),
    max_size=6,
    unique=True,
)


@quick
@given(first=_STRETCHES, second=_STRETCHES)
def test_what_overlaps_is_what_shares_a_character(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    """Also where a long one reaches over short ones behind it. What is equal overlaps, even if empty."""

    def touching(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(
            one in others or any(set(range(*one)) & set(range(*other)) for other in others) for one in some
        )

    versions_ = [version(*(entity(*place) for place in side)) for side in (first, second)]
    found = iaa(both(*versions_), "ann", "bob", "e_1", metric="overlapping_v1")
    assert (found.first, found.second) == (len(first), len(second))
    assert (found.first_agreed, found.second_agreed) == (touching(first, second), touching(second, first))


def test_fragments_count_all_together() -> None:
    gap = version(entity(0, 5, more=[(10, 17)]))  # North … America
    assert f1(gap, version(entity(10, 17, more=[(0, 5)])), "e_1") == 1.0
    assert f1(gap, version(entity(0, 5)), "e_1") == 0.0
    assert f1(gap, version(entity(0, 5)), "e_1", "overlapping_v1") == 1.0
    assert f1(gap, version(entity(5, 10)), "e_1", "overlapping_v1") == 0.0  # it stands in the gap


def test_labels_and_normalizations_need_the_place_and_the_value() -> None:
    mine = version(entity(0, 4, f_1=True, n_1="Q1"), entity(10, 14, f_1="x", n_1="Q2"))
    theirs = version(
        entity(0, 4, f_1=True, n_1="Q1"), entity(11, 14, f_1="x", n_1="Q2"), entity(20, 24, n_1="Q2")
    )
    assert f1(mine, theirs, "f_1") == 0.5
    assert f1(mine, theirs, "f_1", "overlapping_v1") == 1.0
    assert f1(mine, theirs, "n_1") == pytest.approx(2 / 5)
    assert f1(mine, theirs, "n_1", "overlapping_v1") == pytest.approx(2 * 1 * (2 / 3) / (5 / 3))
    assert f1(mine, theirs, "n_1", "documentlevel_v1") == 1.0  # Q1 and Q2, however often


def test_values_are_compared_as_json() -> None:
    assert f1(version(m_1=True), version(m_1=1), "m_1") == 0.0
    assert f1(version(m_1=1), version(m_1=1.0), "m_1") == 1.0
    assert f1(version(m_1="a"), version(m_1=None), "m_1") == 0.0  # a label without a value is no label
    assert f1(version(m_1=None), version(), "m_1") is None


def test_a_normalization_is_its_id_or_without_one_its_name() -> None:
    def named(source: object, name: str | None) -> Annotations:
        item = entity(0, 4)
        item["normalizations"] = {"n_1": {"source": source, "recName": name}}
        return version(item)

    assert f1(named({"id": "Q1", "name": "wiki"}, "Vega"), named({"id": "Q1"}, "Wega"), "n_1") == 1.0
    assert f1(named(None, "Vega"), named({"id": None}, "Vega"), "n_1") == 1.0
    assert f1(named(None, None), named({"id": "Q1"}, None), "n_1") == 0.0


def test_relations_need_both_ends() -> None:
    ends = [entity(0, 4), entity(10, 14, "e_2")]
    wider = [entity(0, 5), entity(10, 14, "e_2")]
    mine = version(*ends, relations=[relation(ends[0], ends[1])])
    assert (
        f1(mine, version(*ends, relations=[relation(ends[1], ends[0])]), "r_1") == 1.0
    )  # not directed: any order
    assert f1(mine, version(*ends, relations=[relation(ends[0], ends[1], class_id="r_2")]), "r_1") == 0.0
    theirs = version(*wider, relations=[relation(wider[1], wider[0])])
    assert f1(mine, theirs, "r_1") == 0.0
    assert f1(mine, theirs, "r_1", "overlapping_v1") == 1.0
    other_type = [entity(0, 4, "e_2"), entity(10, 14, "e_2")]
    assert f1(mine, version(*other_type, relations=[relation(*other_type)]), "r_1", "overlapping_v1") == 0.0


def test_ends_may_cross_in_relations_that_are_not_directed() -> None:
    mine, theirs = [entity(0, 3), entity(5, 9)], [entity(1, 9), entity(2, 3)]
    first, second = (version(*ends, relations=[relation(*ends)]) for ends in (mine, theirs))
    assert f1(first, second, "r_1", "overlapping_v1") == 1.0


def test_a_reference_to_the_last_character_tells_entities_apart() -> None:
    ends = [entity(0, 4), entity(0, 6), entity(10, 14)]
    one, other = (
        version(*ends, relations=[{**relation(*ends[:2]), "entities": [name, "s1p1|10,13"]}])
        for name in ("s1p1|0,3", "s1p1|e_1|0,4")
    )
    assert f1(one, other, "r_1") == 1.0
    longer = version(*ends, relations=[{**relation(*ends[:2]), "entities": ["s1p1|0,5", "s1p1|10,13"]}])
    assert f1(one, longer, "r_1") == 0.0


def test_a_relation_of_one_entity_is_compared_with_its_like_alone() -> None:
    """Programs write such relations; they don't make another one's far end count."""
    here, there, far = entity(0, 4), entity(10, 14), entity(30, 34)

    def related(*ends: Any) -> Any:
        one = relation(ends[0], ends[-1])
        one["entities"] = one["entities"][: len(ends)]
        return one

    mine = version(here, there, relations=[related(here, there), related(here)])
    wide = entity(2, 8)
    theirs = version(wide, far, relations=[related(wide, far), related(wide)])
    found = iaa(both(mine, theirs), "ann", "bob", "r_1", metric="overlapping_v1")
    assert (found.first, found.first_agreed, found.second, found.second_agreed) == (2, 1, 2, 1)


def test_the_order_counts_in_directed_relations() -> None:
    ends = [entity(0, 4), entity(10, 14)]
    there, back = (version(*ends, relations=[relation(*some, directed=True)]) for some in (ends, ends[::-1]))
    assert f1(there, there, "r_1") == 1.0
    assert f1(there, back, "r_1") == 0.0
    assert f1(there, back, "r_1", "overlapping_v1") == 0.0


@pytest.mark.parametrize("form", ["s1p1|0,4", "s1p1|e_1|0,4", "s1p1|0,3", "s1p1|e_1|0,3"])
def test_all_forms_of_references_mean_the_same_entity(form: str) -> None:
    ends = [entity(0, 4), entity(10, 14, "e_2")]
    mine = version(*ends, relations=[relation(*ends)])
    theirs = copy.deepcopy(mine.data)
    theirs["relations"][0]["entities"][0] = form
    assert f1(mine, Annotations(theirs), "r_1") == 1.0


def test_only_confirmed_versions_count_and_master_only_if_it_is_named() -> None:
    item = version(entity(0, 4))
    draft = version(entity(0, 4), complete=False)
    documents = [{"ann": item, "bob": draft}, {"ann": item, "bob": item, "master": item}, {"ann": item}]
    assert iaa(documents, "ann", "bob", "e_1").answer() == {"f1": 1.0, "overNumDocs": 1}
    assert agreement_matrix(documents).members == ["ann", "bob"]
    assert iaa(documents, "ann", "master", "e_1").documents == 1
    matrix = agreement_matrix(documents, members=["ann", "bob", "master"])
    assert set(matrix.documents) == {("ann", "bob"), ("ann", "master"), ("bob", "master")}
    assert matrix.confirmed == {"ann": 3, "bob": 1, "master": 1}


def test_what_is_proposed_for_removal_is_not_there() -> None:
    gone = entity(0, 4, state="pre-removed")
    machine = entity(10, 14, state="pre-added")
    assert f1(version(gone, machine), version(entity(10, 14)), "e_1") == 1.0


def test_empty_cases() -> None:
    nothing, something = version(), version(entity(0, 4))
    assert f1(nothing, nothing, "e_1") is None  # nothing to agree on
    assert f1(nothing, something, "e_1") == 0.0
    assert iaa([], "ann", "bob", "e_1").answer() == {"f1": None, "overNumDocs": 0}
    assert iaa(both(nothing, nothing), "ann", "bob", "e_1").answer() == {"f1": None, "overNumDocs": 1}
    matrix = agreement_matrix(both(nothing, nothing))
    assert (matrix.tasks, matrix.mean(), matrix.total("ann", "bob").answer()) == (
        [],
        None,
        {"f1": None, "overNumDocs": 1},
    )


def test_pairs_are_named_in_order_however_the_versions_come() -> None:
    same = version(entity(0, 4))
    matrix = agreement_matrix([{"dan": same, "bob": same, "ann": same}])
    assert list(matrix.documents) == [("ann", "bob"), ("ann", "dan"), ("bob", "dan")]
    assert {(first, second) for _, first, second in matrix.pairs} == set(matrix.documents)
    assert matrix.mean("e_1") == 1.0


def test_members_without_a_common_document_have_nothing_to_agree_on() -> None:
    mine, theirs = version(entity(0, 4)), version(entity(0, 4))
    matrix = agreement_matrix([{"ann": mine}, {"bob": theirs}], members=["ann", "bob"])
    assert matrix.confirmed == {"ann": 1, "bob": 1}
    assert matrix.total("ann", "bob") == Agreement()
    assert matrix.of("e_1", "bob", "ann") == Agreement()
    assert matrix.mean() is None


def test_types_without_a_number_are_measured_too() -> None:
    """A project's ids have numbers; files that programs wrote may have others."""
    same = version(entity(0, 4, "e_x"), entity(5, 6, "e_10"), entity(7, 8, "e_2"))
    matrix = agreement_matrix(both(same, same))
    assert matrix.tasks == ["e_x", "e_2", "e_10"]
    assert [matrix.of(task, "ann", "bob").f1 for task in matrix.tasks] == [1.0, 1.0, 1.0]


def test_only_the_tasks_that_are_asked_for_are_measured() -> None:
    """Also one that nobody annotated, and no other one, though the documents have it."""
    same = version(entity(0, 4), entity(5, 6, "e_2", f_1="x"), m_1=True)
    matrix = agreement_matrix(both(same, same), tasks=["e_3", "e_1"])
    assert matrix.tasks == ["e_1", "e_3"]
    assert (matrix.of("e_1", "ann", "bob").f1, matrix.of("e_3", "ann", "bob").f1) == (1.0, None)
    assert matrix.total("ann", "bob").first == 1
    everything = agreement_matrix(both(same, same)).tasks
    assert everything == ["m_1", "e_1", "e_2", "f_1"]


def test_counts_are_summed_over_documents() -> None:
    agree, differ = version(entity(0, 4), entity(5, 9), entity(10, 14)), version(entity(0, 3))
    documents = [{"ann": agree, "bob": agree}, {"ann": version(entity(0, 4)), "bob": differ}]
    found = iaa(documents, "ann", "bob", "e_1")
    assert found.f1 == pytest.approx(3 / 4)
    assert found.documents == 2


def test_the_average_of_a_task_is_over_pairs() -> None:
    one, two = version(entity(0, 4)), version(entity(0, 4), entity(5, 9))
    matrix = agreement_matrix([{"ann": one, "bob": one, "cyd": two}])
    assert matrix.of("e_1", "ann", "bob").f1 == 1.0
    assert matrix.mean("e_1") == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert matrix.mean("e_1", member="cyd") == pytest.approx(2 / 3)
    assert matrix.mean("e_1", member="zoe") is None
    swapped = matrix.of("e_1", "cyd", "ann")
    assert (swapped.first, swapped.second, swapped.precision, swapped.recall) == (2, 1, 1.0, 0.5)
    assert [row[:3] for row in matrix.rows()] == [
        ("e_1", "ann", "bob"),
        ("e_1", "ann", "cyd"),
        ("e_1", "bob", "cyd"),
    ]
    assert matrix.to_json()["tasks"]["e_1"]["mean_f1"] == pytest.approx(7 / 9, abs=1e-6)


def test_kappa_of_document_labels() -> None:
    firsts: list[Any] = [True, True, False, None, "x", True]
    seconds: list[Any] = [True, False, False, None, "x", None]
    documents = [
        {"ann": version(m_1=one), "bob": version(m_1=other)}
        for one, other in zip(firsts, seconds, strict=True)
    ]
    found = iaa(documents, "ann", "bob", "m_1")
    assert found.kappa == pytest.approx(cohen_kappa_score(list(map(str, firsts)), list(map(str, seconds))))
    assert found.f1 == pytest.approx(2 * 3 / (5 + 4))
    assert found.documents == 6
    assert agreement_matrix(documents).of("m_1", "bob", "ann").kappa == pytest.approx(found.kappa)
    assert (
        iaa(documents[:1], "ann", "bob", "m_1").kappa is None
    )  # one and the same value everywhere: not defined
    assert iaa(both(version(entity(0, 4)), version()), "ann", "bob", "e_1").kappa is None


def test_the_documents_of_least_agreement() -> None:
    html = document("Vega").html
    same, other = version(entity(0, 4), entity(5, 9)), version(entity(0, 4))
    versions_of = {
        "a": (same, same),
        "b": (same, other),
        "c": (same, version(entity(20, 24))),
        "d": (version(), version()),
    }
    documents = [
        Document(doc_id, html, {"ann": one, "bob": two}) for doc_id, (one, two) in versions_of.items()
    ]
    matrix = agreement_matrix([*documents, Document("e", html, {"ann": same})])
    assert [(doc_id, found.f1) for doc_id, found in matrix.least(9)] == [
        ("c", 0.0),
        ("b", pytest.approx(2 / 3)),
        ("a", 1.0),
    ]
    assert matrix.least(1)[0][0] == "c"
    assert matrix.to_json()["documents_f1"] == {
        "a": 1.0,
        "b": 0.666667,
        "c": 0.0,
        "d": None,
    }  # nothing to compare in d, nobody else in e


def test_offsets_of_different_units_are_brought_together() -> None:
    text = "🌠🌠 Vega rises"
    parts = {
        unit: document(text, entities=[E(1, 3, 7)], unit=unit, member="x")
        for unit in ("utf-16", "code-point")
    }
    utf16, points = (parts[unit].versions["x"] for unit in ("utf-16", "code-point"))
    assert utf16.entities[0].fragments != points.entities[0].fragments
    shown = Document("a", parts["utf-16"].html, {"ann": utf16, "bob": points})
    assert iaa([shown], "ann", "bob", "e_1").f1 == 1.0
    assert iaa([shown.versions], "ann", "bob", "e_1").f1 == 0.0  # without the text nobody can know


def test_wrong_offsets_are_compared_as_they_are_and_counted() -> None:
    made = document("Vega rises", entities=[E(1, 0, 4)], member="ann")
    wrong = copy.deepcopy(made.versions["ann"].data)
    wrong["entities"][0]["offsets"] = [{"start": 0, "text": "Wega"}]
    wrong["entities"].append({**wrong["entities"][0], "part": "s9p9"})
    for other in (wrong, copy.deepcopy(wrong)):
        shown = Document(
            "a",
            made.html,
            {"ann": Annotations(wrong), "bob": Annotations(other), "cyd": made.versions["ann"]},
        )
        matrix = agreement_matrix([shown])
        assert matrix.misplaced == {"ann": 2, "bob": 2}
        assert matrix.of("e_1", "ann", "bob").f1 == 1.0
        assert (
            matrix.of("e_1", "ann", "cyd").first_agreed == 1
        )  # the same offsets: tagtog compares nothing else


def test_the_same_wrong_offset_in_different_units_is_the_same() -> None:
    """What a member counts shows in the entity that is right."""
    members = {}
    for unit in ("utf-16", "code-point"):
        made = document("🌠🌠 Vega rises", entities=[E(1, 3, 7), E(1, 8, 13)], unit=unit, member="x")
        data = copy.deepcopy(made.versions["x"].data)
        data["entities"][1]["offsets"][0]["text"] = "RISES"
        members[unit] = Annotations(data)
    matrix = agreement_matrix([Document("a", made.html, members)])
    assert matrix.misplaced == {"code-point": 1, "utf-16": 1}
    assert matrix.of("e_1", "utf-16", "code-point").f1 == 1.0


@pytest.mark.parametrize(
    ("task", "metric", "error"),
    [
        ("x_1", "exact_v1", AgreementError),
        ("Person", "exact_v1", AgreementError),
        ("e_1", "documentlevel_v1", AgreementError),
        ("m_1", "overlapping_v1", AgreementError),
        ("e_1", "kappa", ConfigurationError),
    ],
)
def test_what_tagtog_does_not_define_is_refused(task: str, metric: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        iaa([], "ann", "bob", task, metric=metric)


def test_a_member_is_not_compared_with_himself() -> None:
    with pytest.raises(AgreementError, match="himself"):
        iaa([], "ann", "ann", "e_1")


def f1s(documents: Iterable[Any], metric: Any) -> dict[tuple[str, str, str], float | None]:
    return {key: found.f1 for key, found in agreement_matrix(documents, metric=metric).pairs.items()}


@quick
@given(st.lists(versions(), min_size=1, max_size=2))
def test_laws(documents: list[dict[str, Annotations]]) -> None:
    exact = agreement_matrix(documents)
    for metric in ("exact_v1", "overlapping_v1", "documentlevel_v1"):
        matrix = agreement_matrix(documents, metric=metric)
        for (task, first, second), found in matrix.pairs.items():
            assert metric in METRICS_OF[task[0]]
            assert found.f1 is None or 0 <= found.f1 <= 1
            assert found.kappa is None or -1 <= found.kappa <= 1
            assert found.first_agreed <= found.first
            assert found.second_agreed <= found.second
            assert matrix.of(task, second, first).f1 == found.f1  # symmetry
            if metric == "overlapping_v1":  # what is equal overlaps
                assert found.first_agreed >= exact.of(task, first, second).first_agreed
                assert (found.f1 or 0) >= (exact.of(task, first, second).f1 or 0)
        # Identity: two members with one version agree on everything that there is.
        twins = [{"ann": item["ann"], "bob": copy.deepcopy(item["ann"])} for item in documents]
        assert set(f1s(twins, metric).values()) <= {1.0}


@quick
@given(versions())
def test_a_second_copy_changes_nothing(members: dict[str, Annotations]) -> None:
    doubled = copy.deepcopy(members["ann"].data)
    doubled["entities"] += copy.deepcopy(doubled["entities"])
    again = members | {"ann": Annotations(doubled)}
    for metric in ("exact_v1", "overlapping_v1", "documentlevel_v1"):
        assert agreement_matrix([members], metric=metric) == agreement_matrix([again], metric=metric)


def test_agreement_adds_up() -> None:
    values: Counter[Any] = Counter({("a", "b"): 2})
    assert Agreement(1, 2, 1, 1, 1, values) + Agreement(1, 0, 0, 0, 1) == Agreement(2, 2, 1, 1, 2, values)


@needs_corpora
def test_a_real_project_against_counting_by_hand() -> None:
    project = Project.open(CORPORA / "idp4", strict=False)
    shared = [
        item for item in project if all(item.version(name).complete for name in ("Ectelion", "Shpendi"))
    ]
    matrix = agreement_matrix(shared, members=["Ectelion", "Shpendi"])
    assert matrix.documents == {("Ectelion", "Shpendi"): len(shared)}
    assert len(shared) > 50
    sides = [
        {
            (item.id, found.part, found.fragments[0].start, found.text)
            for item in shared
            for found in item.versions[name].entities
            if found.class_id == "e_1"
        }
        for name in ("Ectelion", "Shpendi")
    ]
    expected = 2 * len(sides[0] & sides[1]) / (len(sides[0]) + len(sides[1]))
    assert matrix.of("e_1", "Ectelion", "Shpendi").f1 == pytest.approx(
        expected, abs=0.002
    )  # a text may differ where offsets don't
