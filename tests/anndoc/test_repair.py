"""Wrong offsets are mended where one place is certain, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog.anndoc import Annotations, Located, Part, Project, detect_unit, locate
from spacy_tagtog.anndoc.repair import CONFIDENCE, repair


def mended(text: str, *entities: tuple[int, str], unit: str = "code-point") -> list[Located]:
    """What becomes of entities (offset, stored text) of one part."""
    data: list[dict[str, Any]] = [
        {"classId": "e_1", "part": "p", "offsets": [{"start": start, "text": surface}]}
        for start, surface in entities
    ]
    parts = {"p": Part("p", text, "p")}
    found = locate(parts, Annotations({"entities": data}), unit=unit)  # type: ignore[arg-type]
    return repair(parts, found, unit=unit)  # type: ignore[arg-type]


def outcome(text: str, *entities: tuple[int, str], unit: str = "code-point") -> list[tuple[str | None, str]]:
    """(method, text at the place) of each entity; (None, "") where it was left alone as broken."""
    return [
        (
            item.repair.method if item.repair else None,
            " … ".join(text[start:end] for start, end in item.ranges),
        )
        for item in mended(text, *entities, unit=unit)
    ]


class TestMethods:
    def test_a_constant_shift_from_one_place_on(self) -> None:
        text = "First Foxp3, then x<y and Foxp3 again with CD25, Foxp3 and CD25."
        assert outcome(text, (6, "Foxp3"), (28, "Foxp3"), (45, "CD25"), (51, "Foxp3"), (61, "CD25")) == [
            (None, "Foxp3"),
            ("shift", "Foxp3"),
            ("shift", "CD25"),
            ("shift", "Foxp3"),
            ("shift", "CD25"),
        ]
        assert [item.ranges[0][0] for item in mended(text, (28, "Foxp3"), (45, "CD25"))] == [26, 43]

    def test_two_shifts_in_one_part(self) -> None:
        text = "aa AIRE bb H3 cc " + "." * 60 + " AIRE dd H3"
        first, second = text.index("AIRE"), text.rindex("AIRE")
        starts = [
            item.ranges[0][0]
            for item in mended(
                text,
                (first - 1, "AIRE"),
                (text.index("H3") - 1, "H3"),
                (second - 2, "AIRE"),
                (second + 6, "H3"),
            )
        ]
        assert starts == [first, text.index("H3"), second, text.rindex("H3")]

    def test_a_sound_entity_between_two_broken_ones_speaks_against_a_shift(self) -> None:
        text = "ab ab xx CD25 yy ab ab"
        methods = [method for method, _ in outcome(text, (1, "ab"), (9, "CD25"), (18, "ab"))]
        assert "shift" not in methods

    def test_a_look_alike_character(self) -> None:
        assert outcome("We saw RhoGDIα there.", (7, "RhoGDIa")) == [("look_alike", "RhoGDIα")]
        assert outcome("a GSK3β b", (2, "GSK3b")) == [("look_alike", "GSK3β")]
        assert outcome("un café noir", (3, "cafe")) == [("look_alike", "café")]

    def test_one_other_character_in_a_long_text(self) -> None:
        text = "a mutation in codon 424 (c.CGA→TGA) of"
        assert outcome(text, (2, "mutation in codon 424 (c.CGA→CGA)")) == [
            ("one_character", "mutation in codon 424 (c.CGA→TGA)")
        ]
        assert outcome("see p53 here", (4, "p63")) == [(None, "")]

    def test_markup_that_was_escaped_twice(self) -> None:
        assert outcome("if a < b then c", (3, "a &lt; b")) == [("escaped", "a < b")]
        text = "R&D and then CD25 or p53 too, CD25"
        offsets = [(text.index(word) + 4, word) for word in ("CD25", "p53")]
        assert outcome(text, *offsets) == [("escaped", "CD25"), ("escaped", "p53")]

    def test_the_only_place_where_the_text_stands(self) -> None:
        assert outcome("words and words (CGA) and more", (0, "CGA")) == [("unique", "CGA")]

    def test_a_longer_word_is_no_place(self) -> None:
        assert outcome("RACGAT and then CGA", (0, "CGA")) == [("unique", "CGA")]
        assert mended("RACGAT and then CGA", (0, "CGA"))[0].ranges == ((16, 19),)

    def test_the_nearest_of_few(self) -> None:
        text = "ABCA1 " + "x" * 100 + " ABCA1"
        assert mended(text, (1, "ABCA1"))[0].ranges == ((0, 5),)


class TestCaution:
    def test_several_places_are_not_one(self) -> None:
        assert outcome("USF2 here? " * 3, (5, "USF2")) == [(None, "")]
        assert outcome("in USF2, in USF2", (0, "USF2")) == [(None, "")]

    def test_the_next_place_must_be_four_times_as_far(self) -> None:
        assert outcome("CGA in the CGA", (2, "CGA")) == [("nearest", "CGA")]
        assert outcome("CGA in a CGA", (2, "CGA")) == [(None, "")]

    def test_short_texts_prove_nothing(self) -> None:
        assert outcome("an n x", (0, "x")) == [(None, "")]

    def test_a_text_that_is_nowhere(self) -> None:
        assert outcome("nothing of the kind", (3, "CD25")) == [(None, "")]
        assert outcome("", (0, "CD25")) == [(None, "")]
        assert outcome("short", (10**12, "CD25")) == [(None, "")]

    def test_missing_parts_stay_missing(self) -> None:
        parts = {"p": Part("p", "CD25", "p")}
        found = locate(
            parts,
            Annotations(
                {"entities": [{"classId": "e_1", "part": "q", "offsets": [{"start": 0, "text": "CD25"}]}]}
            ),
        )
        assert repair(parts, found, unit="utf-16") == found

    def test_offsets_after_an_emoji_count_in_the_unit_of_the_document(self) -> None:
        text = "🌠🌠 RhoGDIα and 🌠 CD25"
        assert mended(text, (5, "RhoGDIa"), unit="utf-16")[0].ranges == ((3, 10),)

    def test_every_repair_says_how_sure_it_is(self) -> None:
        (item,) = mended("words and words (CGA) and more", (0, "CGA"))
        assert item.repair is not None
        assert item.repair.confidence == CONFIDENCE["unique"]
        assert item.repair.detail == "moved by +17"
        assert item.problem is None


words = st.lists(
    st.sampled_from(["CD25", "Foxp3", "p53", "α", "<", "and", "🌠", "café"]), min_size=1, max_size=30
).map(" ".join)


@quick
@given(
    text=words,
    entities=st.lists(
        st.tuples(
            st.integers(0, 200), st.sampled_from(["CD25", "Foxp3", "p53", "cafe", "a &lt; b", "and CD25"])
        ),
        max_size=8,
    ),
)
@pytest.mark.parametrize("unit", ["utf-16", "code-point"])
def test_a_repair_never_invents(text: str, entities: list[tuple[int, str]], unit: str) -> None:
    """Sound entities stay. A repaired one stands on its own text, unless the method is for other texts."""
    data = [
        {"classId": "e_1", "part": "p", "offsets": [{"start": start, "text": surface}]}
        for start, surface in entities
    ]
    parts = {"p": Part("p", text, "p")}
    before = locate(parts, Annotations({"entities": data}), unit=unit)  # type: ignore[arg-type]
    after = repair(parts, before, unit=unit)  # type: ignore[arg-type]
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        if old.problem is None or new.repair is None:
            assert new == old
        elif new.repair.method in ("shift", "unique", "nearest"):
            assert [text[start:end] for start, end in new.ranges] == [
                fragment.text for fragment in new.entity.fragments
            ]
        else:
            assert all(0 <= start < end <= len(text) for start, end in new.ranges)


@quick
@given(text=words, distance=st.integers(-6, 6).filter(bool))
def test_what_was_shifted_together_comes_back_together(text: str, distance: int) -> None:
    """Several different texts, all moved by the same distance: a shift that is found is the one made."""
    places = [(text.index(word), word) for word in ("CD25", "Foxp3", "p53") if word in text]
    for item, (start, _) in zip(
        mended(text, *((max(0, start + distance), word) for start, word in places)), places, strict=True
    ):
        if (
            item.repair is not None
            and item.repair.method == "shift"
            and start + distance >= 0
            and len(places) == 3
            and text.count(item.entity.text) == 1
        ):
            assert item.start == start


def test_a_text_that_stands_everywhere_is_not_placed() -> None:
    """More places than are looked at: the nearest of those is not the nearest of all."""
    text = "CGA " * 2000
    assert outcome(text, (4001, "CGA")) == [(None, "")]


def test_the_only_word_among_the_places_looked_at_may_not_be_the_only_one() -> None:
    assert outcome(f"a CGA {'xCGA' * 20}", (0, "CGA")) == [("unique", "CGA")]
    assert outcome(f"a CGA {'xCGA' * 2000} CGA", (0, "CGA")) == [(None, "")]


def test_nothing_is_shifted_to_where_another_entity_of_its_type_stands() -> None:
    names = [f"CGA{number}" for number in range(8)]
    text = "".join(f"the gene {name} was seen. " for name in names)
    shifted = [(text.index(name) - 3, name) for name in names]
    found = outcome(text, *shifted, (text.index("CGA7"), "CGA7"))
    assert found == [*(("shift", name) for name in names[:7]), (None, ""), (None, "CGA7")]


def test_one_entity_that_stays_unexplained_takes_nothing_from_those_that_were_shifted() -> None:
    found = outcome("AIRE gene gene H3 CGA", (30, "AIRE"), (16, "H3"), (19, "CGA"))
    assert found == [(None, ""), ("shift", "H3"), ("shift", "CGA")]


@pytest.mark.parametrize(("breaks", "counted"), [("\r\n", "\n"), ("\n", "\r\n")])
def test_offsets_may_count_line_breaks_otherwise(breaks: str, counted: str) -> None:
    lines = [f"the gene CGA{number} was seen" for number in range(8)]
    text, other = breaks.join(lines), counted.join(lines)
    names = [f"CGA{number}" for number in range(8)]
    found = mended(text, *((other.index(name), name) for name in names))
    assert [item.ranges for item in found] == [((text.index(n), text.index(n) + 4),) for n in names]
    assert {item.repair.method for item in found if item.repair} == {"line_breaks"}


def test_work_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "words and words (CGA) and more"
    assert outcome(text, (0, "CGA"), (0, "more")) == [("unique", "CGA"), ("unique", "more")]
    monkeypatch.setattr("spacy_tagtog.anndoc.repair._MAX_WORK", 2 * len(text))
    assert outcome(text, (0, "CGA"), (0, "more")) == [(None, ""), (None, "")]


@needs_corpora
@pytest.mark.parametrize(("name", "most"), [("nala", 3), ("idp4", 1)])
def test_nearly_all_of_the_real_faults_are_mended(name: str, most: int) -> None:
    left = 0
    for document in Project.open(CORPORA / name):
        for version in document.versions.values():
            unit = detect_unit(document.parts, version)
            found = repair(document.parts, locate(document.parts, version, unit=unit), unit=unit)
            left += sum(item.problem == "offset_mismatch" for item in found)
    assert left == most
