"""Where entities stand: never at a wrong text."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_annotations, blocks, documents, legends, quick, slow, texts

from spacy_tagtog.anndoc import (
    Annotations,
    Document,
    Located,
    OffsetConverter,
    OffsetUnit,
    Part,
    Project,
    detect_unit,
    html_from_blocks,
    locate,
)

UNITS: tuple[OffsetUnit, OffsetUnit] = ("utf-16", "code-point")


def parts(*part_texts: str) -> dict[str, Part]:
    return {f"s1p{n}": Part(f"s1p{n}", text, "p") for n, text in enumerate(part_texts, 1)}


def entity(start: int, text: str, part: str = "s1p1", *more: tuple[int, str]) -> dict[str, Any]:
    return {
        "classId": "e_1",
        "part": part,
        "offsets": [{"start": s, "text": t} for s, t in ((start, text), *more)],
    }


def entities(*items: dict[str, Any]) -> Annotations:
    return Annotations({"entities": list(items)})


def check(found: list[Located], in_parts: dict[str, Part], given_annotations: Annotations) -> None:
    """One for each entity, in order; a placed one stands at exactly its text."""
    assert [item.entity for item in found] == given_annotations.entities
    for item in found:
        if item.problem is not None:
            assert item.ranges == ()
            assert item.detail
            continue
        assert item.detail == ""
        text = in_parts[item.entity.part].text
        assert [text[start:end] for start, end in item.ranges] == [
            fragment.text for fragment in item.entity.fragments
        ]
        assert all(0 <= start <= end <= len(text) for start, end in item.ranges)
        assert item.start == min(start for start, _ in item.ranges)
        assert item.end == max(end for _, end in item.ranges)
        assert item.is_discontinuous == (len(item.ranges) > 1)


# ---- by hand


def test_both_units() -> None:
    here = parts("🚀 Ada")
    for start, unit in ((3, "utf-16"), (2, "code-point")):
        (found,) = locate(here, entities(entity(start, "Ada")))
        assert found.ranges == ((2, 5),)
        assert detect_unit(here, entities(entity(start, "Ada"))) == unit


def test_a_unit_that_is_given_is_not_guessed() -> None:
    here = parts("🚀 Ada")
    (found,) = locate(here, entities(entity(2, "Ada")), unit="utf-16")
    assert found.problem == "offset_mismatch"
    (found,) = locate(here, entities(entity(3, "Ada")), unit="code-point")
    assert found.problem == "offset_mismatch"


@pytest.mark.parametrize("default", UNITS)
def test_without_evidence_the_default_holds(default: OffsetUnit) -> None:
    no_evidence = [
        (parts("Ada"), entities(entity(0, "Ada"))),
        (parts("é Ada"), entities(entity(2, "Ada"))),
        (parts("Ada 🚀"), entities(entity(0, "Ada"))),
        (parts("🚀 Ada"), entities(entity(0, "🚀"))),
        (parts("🚀 Ada"), entities(entity(0, "Ada"))),
        (parts("🚀 Ada"), entities(entity(3, "Ada", part="gone"))),
        (parts("🚀 Ada"), entities()),
        (parts("🚀 aaaa"), entities(entity(3, "aa"))),  # stands there in either unit
        (
            parts("🚀 Ada Ada"),
            entities(entity(2, "Ada"), entity(7, "Ada")),
        ),  # as many for the one as for the other
    ]
    for here, given_annotations in no_evidence:
        assert detect_unit(here, given_annotations, default=default) == default


def test_the_greater_number_of_witnesses_wins() -> None:
    here = parts("🚀 Ada met Bob", "🚀🚀 Cy")
    items = [entity(2, "Ada"), entity(3, "Ada"), entity(10, "Bob"), entity(3, "Cy", "s1p2")]
    assert detect_unit(here, entities(*items)) == "code-point"
    found = locate(here, entities(*items))
    assert [item.problem for item in found] == [None, "offset_mismatch", None, None]


def test_discontinuous_entities() -> None:
    here = parts("🚀 North and South America")
    (found,) = locate(here, entities(entity(3, "North", "s1p1", (19, "America"))))
    assert found.ranges == ((2, 7), (18, 25))
    assert (found.start, found.end, found.is_discontinuous) == (2, 25, True)
    (backwards,) = locate(here, entities(entity(19, "America", "s1p1", (3, "North"))))
    assert backwards.ranges == ((18, 25), (2, 7))
    assert (backwards.start, backwards.end) == (2, 25)


def test_one_fragment_that_is_wrong_spoils_the_entity() -> None:
    (found,) = locate(parts("North and South America"), entities(entity(0, "North", "s1p1", (17, "America"))))
    assert found.problem == "offset_mismatch"
    assert found.ranges == ()


@pytest.mark.parametrize(
    ("start", "text", "says"),
    [
        (1, "Ada", "'da '"),
        (0, "ada", "'Ada'"),
        (4, "Bobo", "'Bob'"),
        (7, "x", "''"),
        (8, "A", "''"),
        (10**30, "A", "''"),
        (10**30, "", "''"),
    ],
)
def test_mismatches_say_what_stands_there(start: int, text: str, says: str) -> None:
    (found,) = locate(parts("Ada Bob"), entities(entity(start, text)))
    assert found.problem == "offset_mismatch"
    assert says in found.detail


def test_an_offset_within_a_character() -> None:
    (found,) = locate(parts("a🚀b"), entities(entity(2, "🚀")), unit="utf-16")
    assert found.problem == "offset_mismatch"
    assert "middle" in found.detail


def test_missing_parts() -> None:
    found = locate(parts("a", "b"), entities(entity(0, "a", "s9p9"), entity(0, "b", "s1p2")))
    assert [item.problem for item in found] == ["missing_part", None]
    assert "'s9p9'" in found[0].detail
    assert "s1p1, s1p2" in found[0].detail
    assert "none" in locate({}, entities(entity(0, "a")))[0].detail


def test_the_message_of_a_missing_part_stays_short() -> None:
    found = locate(parts(*("x" * 50_000)), entities(*(entity(0, "x", "gone") for _ in range(2000))))
    assert sum(len(item.detail) for item in found) < 1_000_000


# ---- properties


@slow
@given(st.data(), st.sampled_from(UNITS))
def test_what_was_written_is_found(data: st.DataObject, unit: OffsetUnit) -> None:
    legend = data.draw(legends())
    here = html_from_blocks(data.draw(blocks()), doc_id="a", origid="b").parts
    drawn = data.draw(any_annotations(here, legend, unit=unit, extras=False))
    found = locate(here, drawn, unit=unit)
    check(found, here, drawn)
    assert all(item.problem is None for item in found)

    # The unit is found out whenever something tells: the true unit places everything, the other one doesn't.
    other = UNITS[unit == "utf-16"]
    differs = any(item.problem for item in locate(here, drawn, unit=other))
    for default in UNITS:
        detected = detect_unit(here, drawn, default=default)
        assert detected == (unit if differs else default)
        assert all(item.problem is None for item in locate(here, drawn, unit=detected))


@quick
@given(st.data(), texts(), texts())
def test_wrong_offsets_are_never_placed_at_another_text(data: st.DataObject, first: str, second: str) -> None:
    here = parts(first, second)
    surfaces = texts(max_size=3) | st.sampled_from([first[2:4], second[1:3], first[-2:], ""])
    starts = st.integers(0, 45) | st.integers(0, 10**25)
    items = []
    for _ in range(data.draw(st.integers(0, 4))):
        more = data.draw(st.lists(st.tuples(starts, surfaces), max_size=1))
        items.append(
            entity(
                data.draw(starts),
                data.draw(surfaces),
                data.draw(st.sampled_from(["s1p1", "s1p2", "s9"])),
                *more,
            )
        )
    given_annotations = entities(*items)
    for unit in (*UNITS, "auto"):
        found = locate(here, given_annotations, unit=unit)
        check(found, here, given_annotations)
        assert all((item.problem == "missing_part") == (item.entity.part == "s9") for item in found)
        if unit == "auto":
            continue
        for item in found:  # and what stands where it says is always placed
            text = here[item.entity.part].text if item.entity.part in here else None
            assert (item.problem is None) == (
                text is not None
                and all(_stands(text, part.start, part.text, unit) for part in item.entity.fragments)
            )


def _stands(text: str, start: int, surface: str, unit: str) -> bool:
    """Whether the text is there, told by the bytes of the encoding that has this unit."""
    encoding, width = ("utf-16-le", 2) if unit == "utf-16" else ("utf-32-le", 4)
    content, piece = text.encode(encoding), surface.encode(encoding)
    if start * width > len(content):
        return False
    if unit == "utf-16" and OffsetConverter(text).to_code_points(start) is None:
        return False
    return content[start * width : start * width + len(piece)] == piece


@slow
@given(documents())
def test_a_document_of_either_unit_is_placed_whole(document: Document) -> None:
    for version in document.versions.values():
        found = locate(document.parts, version)
        check(found, document.parts, version)
        assert not any(item.problem for item in found)


# ---- real annotations


@needs_corpora
@pytest.mark.parametrize(("name", "least"), [("loctext", 0.99), ("decm-michoacan.zip", 0.95)])
def test_real_offsets(name: str, least: float) -> None:
    outcomes: Counter[str | None] = Counter()
    for document in Project.open(CORPORA / name):
        found = locate(document.parts, document.annotations)
        check(found, document.parts, document.annotations)
        outcomes.update(item.problem for item in found)
    assert outcomes[None] / outcomes.total() >= least
