"""The relations of a document follow its entities when these are edited on a Doc."""

from __future__ import annotations

from typing import Any

import pytest
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from strategies import quick

from spacy_tagtog.anndoc import Annotations, Document
from spacy_tagtog.anndoc.references import References
from spacy_tagtog.convert import doc_to_document, document_to_doc
from spacy_tagtog.convert.state import SPANS_KEY

# The emoji counts two: whatever stands behind it has other offsets in UTF-16.
TEXT = "Vega saw 🌠 Mars near Venus by Sirius and Deneb too"
GAP = 4
"""The entity with a gap: Sirius … Deneb."""


def entities() -> list[E]:
    words = [(TEXT.index(word), TEXT.index(word) + len(word)) for word in ("Vega", "🌠 Mars", "Venus", "too")]
    sirius, deneb = TEXT.index("Sirius"), TEXT.index("Deneb")
    places = [E(1, *word) for word in words]
    places.append(E(1, sirius, sirius + 6, more=[(deneb, deneb + 5)]))
    for number, place in enumerate(places):
        place.keys = {"number": number}  # by which it is known in the end
    return places


def references(data: dict[str, Any]) -> list[str]:
    """All ways in which files refer to an entity: end exclusive or inclusive, of it all or of a fragment."""
    stretches = [
        (one["start"], one["start"] + len(one["text"].encode("utf-16-le")) // 2) for one in data["offsets"]
    ]
    whole = stretches[0][0], stretches[-1][1]
    found = [
        f"{start},{end - inclusive}"
        for start, end in dict.fromkeys([whole, *stretches])
        for inclusive in (0, 1)
    ]
    return [f"s1p1|{prefix}{offsets}" for offsets in found for prefix in (f"{data['classId']}|", "")]


def edited(doc: Doc, what: dict[int, str]) -> Document:
    """The document after edits of ``doc.spans["anndoc"]``: removed, another label, or a word longer."""
    spans = []
    for number, span in enumerate(doc.spans[SPANS_KEY]):
        edit = what.get(number, "kept")
        if edit == "removed":
            continue
        end = min(span.end + 1, len(doc)) if edit == "longer" else span.end
        label = "Planet" if edit == "relabelled" else span.label_
        spans.append(Span(doc, span.start, end, label=label, span_id=span.id))
    doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=spans)
    return doc_to_document(doc)


def ends_of(annotations: Annotations) -> list[list[int | None]]:
    """The numbers of the entities that each relation connects."""
    found = References((entity.data["number"], entity) for entity in annotations.entities)
    return [[found.find(*end) for end in relation.ends] for relation in annotations.relations]


@quick
@given(
    edits=st.dictionaries(st.integers(0, 4), st.sampled_from(["removed", "relabelled", "longer"])),
    pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.data()), max_size=4),
)
def test_relations_connect_the_same_entities_after_any_edit(
    nlp: Language, edits: dict[int, str], pairs: list[tuple[int, int, st.DataObject]]
) -> None:
    original = document(TEXT, entities=entities())
    data = original.annotations.data
    data["relations"] = [
        {
            "classId": "r_1",
            "entities": [draw.draw(st.sampled_from(references(data["entities"][end]))) for end in ends],
        }
        for *ends, draw in pairs
    ]
    kept = [list(ends) for *ends, _ in pairs if not any(edits.get(end) == "removed" for end in ends)]
    back = edited(document_to_doc(original, nlp), edits).annotations
    assert ends_of(back) == kept


@pytest.mark.parametrize(
    ("said", "edits", "expected"),
    [
        # Only what has to change changes: the end stays as this file writes ends.
        ("s1p1|e_1|9,16", {1: "longer"}, "s1p1|e_1|9,21"),
        ("s1p1|e_1|0,4", {0: "longer"}, "s1p1|e_1|0,8"),
        ("s1p1|e_1|0,3", {0: "longer"}, "s1p1|e_1|0,7"),
        ("s1p1|0,3", {0: "longer"}, "s1p1|0,7"),
        ("s1p1|e_1|0,3", {0: "relabelled"}, "s1p1|e_2|0,3"),
        ("s1p1|0,3", {0: "relabelled"}, "s1p1|0,3"),
        ("s1p1|e_1|42,47", {}, "s1p1|e_1|42,47"),
        # A reference to a fragment: of an entity that was only relabelled it stays one.
        ("s1p1|e_1|42,47", {GAP: "relabelled"}, "s1p1|e_2|42,47"),
        ("s1p1|e_1|42,46", {GAP: "longer"}, "s1p1|e_1|31,50"),
        # What means nothing that is there stays as it is, and so does its relation.
        ("what?", {1: "longer", 0: "removed"}, "what?"),
        ("s1p1|e_1|1000,1001", {1: "longer", 0: "removed"}, "s1p1|e_1|1000,1001"),
        ("s9|e_1|9,16", {1: "removed"}, "s9|e_1|9,16"),
        ("s1p1|e_2|9,16", {1: "removed"}, "s1p1|e_2|9,16"),
    ],
)
def test_how_a_reference_is_written_again(
    nlp: Language, said: str, edits: dict[int, str], expected: str
) -> None:
    relation = {"classId": "r_1", "type": "linked", "entities": [said, "s1p1|e_1|22,27"], "more": [1]}
    original = document(TEXT, entities=entities(), relations=[relation])
    back = edited(document_to_doc(original, nlp), {3: "removed", **edits})
    assert back.annotations.data["relations"] == [{**relation, "entities": [expected, "s1p1|e_1|22,27"]}]


def test_a_relation_of_two_equal_entities_stays_as_long_as_one_of_them_does(nlp: Language) -> None:
    def relation(reference: str) -> dict[str, Any]:
        return {"classId": "r_1", "entities": [reference, "s1p1|e_1|9,14"]}

    def left(edits: dict[int, str], reference: str) -> list[str]:
        original = document(
            "Mars and Venus",
            entities=[E(1, 0, 4), E(1, 0, 4), E(1, 0, 4, "e_2"), E(1, 9, 14)],
            relations=[relation(reference)],
        )
        back = edited(document_to_doc(original, nlp), edits)
        return [one["entities"][0] for one in back.annotations.data["relations"]]

    assert left({0: "removed"}, "s1p1|e_1|0,4") == ["s1p1|e_1|0,4"]
    assert left({0: "longer"}, "s1p1|e_1|0,4") == ["s1p1|e_1|0,4"]
    assert left({0: "removed", 1: "longer"}, "s1p1|e_1|0,4") == ["s1p1|e_1|0,8"]
    assert left({0: "removed", 1: "removed"}, "s1p1|e_1|0,4") == []
    # Where no class is named the first is meant, and the one of another type is no second one.
    assert left({2: "removed"}, "s1p1|0,4") == ["s1p1|0,4"]
    assert left({0: "removed", 1: "removed"}, "s1p1|0,4") == []


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_a_doc_knows_what_a_relation_connects_however_it_is_written(nlp: Language, number: int) -> None:
    original = document(TEXT, entities=entities())
    data = original.annotations.data
    for reference in references(data["entities"][number]):
        data["relations"] = [{"classId": "r_1", "entities": [reference, "s1p1|e_1|1000,1001"]}]
        doc = document_to_doc(original, nlp)
        [relation] = doc._.anndoc_relations
        assert [span and span.id_ for span in relation.spans] == [f"e{number}", None]
