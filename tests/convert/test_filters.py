"""Which entities the settings choose, and what training is taught of the others: nothing, never O."""

from __future__ import annotations

from typing import Any

import pytest
from builders import LEGEND, E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from strategies import quick

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import (
    ConversionReport,
    ToDocSettings,
    doc_to_document,
    document_to_doc,
    make_converter,
)
from spacy_tagtog.convert.state import SPANS_KEY
from spacy_tagtog.convert.tokens import predicted_doc

TEXT = "Mars saw Vega near Sirius and Venus today"


def spot(word: str, class_id: str = "e_1", **more: Any) -> E:
    start = TEXT.index(word)
    return E(1, start, start + len(word), class_id, **more)


def taught(nlp: Language, doc: Doc) -> dict[str, str | None]:
    """What a training step hears of each word; ``None``: nothing."""
    tags = Example(predicted_doc(nlp, doc), doc).get_aligned_ner()
    return {token.text: tag for token, tag in zip(doc, tags, strict=True)}


def converted(nlp: Language, original: Document, **settings: Any) -> tuple[Doc, ConversionReport]:
    report = ConversionReport()
    doc = document_to_doc(original, nlp, settings=ToDocSettings(**settings), report=report)
    assert report.is_balanced
    return doc, report


STATES = [
    spot("Mars", state=""),
    spot("Vega", state="pre-added"),
    spot("Sirius", state="pre-removed"),
    spot("Venus", state=None),
]
AUTHORS = [
    spot("Mars", who="user:ann"),
    spot("Vega", who="ml:spacy"),
    spot("Sirius", keys={"confidence": {"state": "", "who": ["ml:rules", "user:ben"]}}),
    spot("Venus", keys={"confidence": {"state": ""}}),
]
PROBS = [
    spot("Mars", prob=0.49),
    spot("Vega", prob=0.5),
    spot("Sirius", prob=0.9),
    spot("Venus", prob=None),
]
TYPES = [spot("Mars", "e_2"), spot("Vega"), spot("Sirius"), spot("Venus", "e_2")]


@pytest.mark.parametrize(
    ("entities", "settings", "taken", "reasons"),
    [
        (STATES, {}, ["Mars", "Vega", "Venus"], {"pre_removed": 1}),
        (STATES, {"states": ("",)}, ["Mars", "Venus"], {"other_state": 1, "pre_removed": 1}),
        (STATES, {"states": ("pre-added",)}, ["Vega"], {"other_state": 2, "pre_removed": 1}),
        (STATES, {"states": ("pre-removed",)}, ["Sirius"], {"other_state": 3}),
        (STATES, {"states": ("", "pre-removed")}, ["Mars", "Sirius", "Venus"], {"other_state": 1}),
        (AUTHORS, {"authors": ("user:*",)}, ["Mars", "Sirius"], {"other_author": 2}),
        (AUTHORS, {"authors": ("user:ann",)}, ["Mars"], {"other_author": 3}),
        (AUTHORS, {"authors": ("ml:r*", "user:ann")}, ["Mars", "Sirius"], {"other_author": 2}),
        (AUTHORS, {"authors": ("USER:*",)}, [], {"other_author": 4}),
        (PROBS, {"min_prob": 0.5}, ["Vega", "Sirius", "Venus"], {"low_prob": 1}),
        (PROBS, {"min_prob": 1.0}, ["Venus"], {"low_prob": 3}),
        (TYPES, {"labels": {"Planet": ""}}, ["Vega", "Sirius"], {"label_dropped": 2}),
        (TYPES, {"types": ("Planet",)}, ["Mars", "Venus"], {"other_type": 2}),
        (TYPES, {"types": ("Planet", "Star")}, ["Mars", "Vega", "Sirius", "Venus"], {}),
    ],
)
def test_what_a_filter_leaves_out_is_unknown_to_training_and_stays_in_the_document(
    nlp: Language, entities: list[E], settings: dict[str, Any], taken: list[str], reasons: dict[str, int]
) -> None:
    original = document(TEXT, entities=entities)
    doc, report = converted(nlp, original, **settings)
    heard = taught(nlp, doc)
    labels = {TEXT[entity.start : entity.end]: LEGEND[entity.class_id] for entity in entities}
    assert {word: heard[word] for word in labels} == {
        word: f"U-{label}" if word in taken else None for word, label in labels.items()
    }
    # Where annotators looked for some types only, nobody said that the other words are nothing.
    assert heard["today"] == heard["and"] == (None if settings.get("types") else "O")
    assert [span.text for span in doc.spans[SPANS_KEY]] == taken
    assert report.reasons == reasons
    assert [item.text for item in report.items] == [word for word in labels if word not in taken]
    assert doc_to_document(doc).annotations == original.annotations


def test_a_filter_says_what_it_saw(nlp: Language) -> None:
    def details(entities: list[E], **settings: Any) -> list[str]:
        return [
            item.detail for item in converted(nlp, document(TEXT, entities=entities), **settings)[1].items
        ]

    assert details(STATES, states=("",)) == ["state 'pre-added'", ""]
    assert details(STATES, states=("pre-removed",)) == ["state ''", "state 'pre-added'", "state None"]
    assert details(AUTHORS, authors=("user:ann",)) == ["ml:spacy", "ml:rules, user:ben", "nobody"]
    assert details(PROBS, min_prob=0.5) == ["0.49"]


def test_types_go_by_the_name_in_the_project_and_labels_rename_what_is_taken(nlp: Language) -> None:
    doc, report = converted(
        nlp,
        document(TEXT, entities=TYPES),
        types=("Planet",),
        labels={"Planet": "Body", "Star": "Planet"},
    )
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Mars", "Body"), ("Venus", "Body")]
    assert report.reasons == {"other_type": 2}
    assert report.labels_out == {"Body": 2}


def test_two_types_may_become_one(nlp: Language) -> None:
    doc, report = converted(nlp, document(TEXT, entities=TYPES), labels={"Planet": "Body", "Star": "Body"})
    assert [ent.label_ for ent in doc.ents] == ["Body"] * 4
    assert report.reasons == {}


def test_every_word_of_what_is_left_out_is_unknown_and_no_other(nlp: Language) -> None:
    """Several words, a gap, and a border inside a word; the words between two fragments were looked at."""
    entities = [
        E(1, 0, 8, "e_2"),  # Mars saw
        E(1, 9, 13, "e_2", more=[(19, 25)]),  # Vega … Sirius
        E(1, 30, 33, "e_2"),  # Ven
    ]
    doc, _ = converted(nlp, document(TEXT, entities=entities), labels={"Planet": ""}, alignment="strict")
    assert taught(nlp, doc) == {
        "Mars": None,
        "saw": None,
        "Vega": None,
        "near": "O",
        "Sirius": None,
        "and": "O",
        "Venus": None,
        "today": "O",
    }


def test_what_is_left_out_in_a_later_part_hides_its_words_there(nlp: Language) -> None:
    original = document("Mars and Venus", "Vega and Sirius", entities=[E(1, 0, 4), E(2, 9, 15, prob=0.1)])
    doc, _ = converted(nlp, original, min_prob=0.5)
    assert [token.text for token in doc if token.ent_iob == 0] == ["Sirius"]
    parts = list(
        make_converter(settings={"unit": "part", "min_prob": 0.5}).to_docs(original, nlp, ConversionReport())
    )
    assert [[token.text for token in part if token.ent_iob == 0] for part in parts] == [[], ["Sirius"]]


def test_what_a_chosen_entity_covers_is_known_even_where_another_was_left_out(nlp: Language) -> None:
    entities = [spot("Mars"), E(1, 0, 13, "e_2")]
    doc, report = converted(nlp, document(TEXT, entities=entities), labels={"Planet": ""})
    heard = taught(nlp, doc)
    assert (heard["Mars"], heard["saw"], heard["Vega"], heard["near"]) == ("U-Star", None, None, "O")
    assert report.reasons == {"label_dropped": 1}


def test_an_entity_proposed_for_removal_is_placed_only_where_it_is_chosen(nlp: Language) -> None:
    """Otherwise it splits no token, and its wrong offset hides no part."""
    inside = document("Globular cluster", entities=[E(1, 0, 4, state="pre-removed")])
    nowhere = document(
        "Mars and Venus",
        entities=[E(1, 0, 4, state="pre-removed", keys={"offsets": [{"start": 1, "text": "Deneb"}]})],
    )
    doc, _ = converted(nlp, inside)
    assert [token.text for token in doc] == ["Globular", "cluster"]
    doc, _ = converted(nlp, nowhere)
    assert set(taught(nlp, doc).values()) == {"O"}
    doc, report = converted(nlp, inside, states=("pre-removed",))
    assert [token.text for token in doc] == ["Glob", "ular", "cluster"]
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Glob", "Star")]
    doc, report = converted(nlp, nowhere, states=("pre-removed",))
    assert set(taught(nlp, doc).values()) == {None}
    assert report.reasons == {"offset_mismatch": 1}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entity_at_white_space_keeps_no_other_entity_out(nlp: Language, place: int) -> None:
    """Whichever of them is looked at first: before, between or after the others."""
    text = "Vega \n\nMars\n\n Sirius rises"
    entities = [E(1, 0, 4), E(1, text.index("Sirius"), text.index(" rises"))]
    entities.insert(place, E(1, 5, 11))
    for policy in ("longest", "shortest", "first", "surest"):
        doc, report = converted(nlp, document(text, entities=entities), ents=policy)
        assert [ent.text for ent in doc.ents] == ["Vega", "Sirius"]
        assert report.reasons == {"white_space": 1}
        heard = taught(nlp, doc)
        assert (heard["Vega"], heard["Mars"], heard["Sirius"], heard["rises"]) == (
            "U-Star",
            None,
            "U-Star",
            "O",
        )


WORDS = TEXT.split()


@quick
@given(
    confidences=st.lists(
        st.tuples(
            st.sampled_from(["e_1", "e_2"]),
            st.sampled_from(["", "pre-added", "pre-removed"]),
            st.sampled_from(["user:ann", "ml:spacy"]),
            st.sampled_from([0.2, 0.5, 1]),
        ),
        min_size=len(WORDS),
        max_size=len(WORDS),
    ),
    settings=st.fixed_dictionaries(
        {},
        optional={
            "types": st.sampled_from([("Star",), ("Planet",)]),
            "labels": st.sampled_from([{"Star": ""}, {"Planet": "Body"}]),
            "states": st.sampled_from([("",), ("pre-added", ""), ("pre-removed",)]),
            "authors": st.sampled_from([("user:*",), ("ml:*",)]),
            "min_prob": st.sampled_from([0.3, 0.5, 0.7]),
        },
    ),
)
def test_filters_together_only_ever_leave_out_more(
    nlp: Language, confidences: list[tuple[str, str, str, float]], settings: dict[str, Any]
) -> None:
    """An entity is taken if each of the filters by itself takes it; whatever isn't taken is never O."""
    entities = [
        spot(word, class_id, state=state, who=who, prob=prob)
        for word, (class_id, state, who, prob) in zip(WORDS, confidences, strict=True)
    ]
    original = document(TEXT, entities=entities)

    def taken(**chosen: Any) -> set[str]:
        doc, _ = converted(nlp, original, **chosen)
        heard = taught(nlp, doc)
        assert {word for word, tag in heard.items() if tag is None} == set(WORDS) - {
            ent.text for ent in doc.ents
        }
        return {ent.text for ent in doc.ents}

    # Only "states" can choose what is proposed for removal, so it stands beside each of the others.
    beside = {"states": settings["states"]} if "states" in settings else {}
    alone = [taken(**{name: value}, **beside) for name, value in settings.items() if name != "states"]
    assert taken(**settings) == set.intersection(taken(**beside), *alone)
