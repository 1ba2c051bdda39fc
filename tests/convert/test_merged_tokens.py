"""Docs whose tokens were merged or split after the conversion: the entities stay."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from strategies import quick

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import doc_to_document, document_to_doc, read_spacy, write_docbin
from spacy_tagtog.convert.docbin import numbers_of_spans
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY

TEXT = "Globular and full of stars"
TOKENS = ["G", "lob", "ular", "and", "full", "of", "stars"]


def made(nlp: Language) -> tuple[Document, Doc]:
    original = document(
        TEXT,
        entities=[E(1, 1, 4), E(1, 13, 17, "e_2"), E(1, 21, 26)],
        relations=[{"classId": "r_1", "entities": ["s1p1|e_1|1,4", "s1p1|e_2|13,17"]}],
    )
    doc = document_to_doc(original, nlp)
    assert [token.text for token in doc] == TOKENS
    return original, doc


def merge(doc: Doc, start: int, end: int, **attrs: Any) -> None:
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[start:end], attrs=attrs)


@quick
@given(cuts=st.sets(st.integers(1, len(TOKENS) - 1)))
def test_merging_any_tokens_changes_no_entity(
    nlp: Language, cuts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    original, doc = made(nlp)
    borders = [0, *sorted(cuts), len(TOKENS)]
    with doc.retokenize() as retokenizer:
        for start, end in pairwise(borders):
            if end - start > 1:
                retokenizer.merge(doc[start:end])
    assert doc_to_document(doc).annotations == original.annotations
    path = tmp_path_factory.mktemp("merged") / "docs.spacy"
    write_docbin([doc], path)
    [read] = read_spacy(path, Vocab())
    assert doc_to_document(read).annotations == original.annotations
    characters = [[one[5:] for one in numbers_of_spans(each.spans[SPANS_KEY])] for each in (doc, read)]
    assert characters == [[(1, 4), (13, 17), (21, 26)]] * 2


def test_a_span_that_ends_inside_a_merged_token_is_read_as_it_was(nlp: Language, tmp_path: Path) -> None:
    """It begins with a token, so its tokens look right."""
    original = document("Globular and", entities=[E(1, 1, 4)])
    doc = document_to_doc(original, nlp)
    merge(doc, 1, 3)
    del doc.spans[PARTS_KEY]  # whose span would be past the end by now
    write_docbin([doc], tmp_path / "docs.spacy")
    [read] = read_spacy(tmp_path / "docs.spacy", Vocab())
    assert [one[5:] for one in numbers_of_spans(read.spans[SPANS_KEY])] == [(1, 4)]


def test_splitting_tokens_changes_no_entity(nlp: Language) -> None:
    original, doc = made(nlp)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[4], ["fu", "ll"], heads=[(doc[4], 1), doc[3]])
    assert doc_to_document(doc).annotations == original.annotations


def test_what_is_edited_beside_merged_tokens_is_edited(nlp: Language) -> None:
    """An entity that no token crosses is removed, relabelled and moved as ever."""
    original, doc = made(nlp)
    merge(doc, 0, 3)
    assert [token.text for token in doc] == ["Globular", "and", "full", "of", "stars"]
    doc.ents = [Span(doc, 2, 4, label="Star", span_id="e1")]
    back = doc_to_document(doc).annotations
    first, second, _ = original.annotations.data["entities"]
    assert back.data["entities"] == [
        first,
        {**second, "classId": "e_1", "offsets": [{"start": 13, "text": "full of"}]},
    ]
    assert back.data["relations"][0]["entities"] == ["s1p1|e_1|1,4", "s1p1|e_1|13,20"]


def test_a_merged_token_can_get_another_label_and_a_new_entity_beside_it(nlp: Language) -> None:
    original, doc = made(nlp)
    merge(doc, 0, 3)
    doc.ents = [
        Span(doc, 0, 1, label="Planet", span_id="e0"),
        Span(doc, 1, 2, label="Star"),
        *(ent for ent in doc.ents if ent.start > 1),
    ]
    first, *others = original.annotations.data["entities"]
    *back, new = doc_to_document(doc).annotations.data["entities"]
    assert back == [{**first, "classId": "e_2"}, *others]
    assert new["offsets"] == [{"start": 9, "text": "and"}]


def test_what_goes_beyond_the_merged_tokens_was_moved(nlp: Language) -> None:
    original, doc = made(nlp)
    merge(doc, 0, 3)
    doc.ents = [Span(doc, 0, 2, label="Star", span_id="e0"), *(ent for ent in doc.ents if ent.start > 1)]
    first, *others = original.annotations.data["entities"]
    assert doc_to_document(doc).annotations.data["entities"] == [
        {**first, "offsets": [{"start": 0, "text": "Globular and"}]},
        *others,
    ]


def test_what_was_taken_out_of_the_group_before_tokens_were_merged_is_removed(nlp: Language) -> None:
    original, doc = made(nlp)
    doc.spans[SPANS_KEY] = [span for span in doc.spans[SPANS_KEY] if span.text != "full"]
    merge(doc, 0, 4)
    back = doc_to_document(doc).annotations.data["entities"]
    assert back == [one for one in original.annotations.data["entities"] if one["classId"] == "e_1"]


@quick
@given(cuts=st.sets(st.integers(1, len(TOKENS) - 1)))
def test_relations_are_found_by_characters_whatever_tokens_were_merged(nlp: Language, cuts: set[int]) -> None:
    """The group's spans keep the numbers of the tokens as they were: those of other words, or of none."""
    _, doc = made(nlp)
    borders = [0, *sorted(cuts), len(TOKENS)]
    with doc.retokenize() as retokenizer:
        for start, end in pairwise(borders):
            if end - start > 1:
                retokenizer.merge(doc[start:end])
    words = [token.text for token in doc]
    [relation] = doc._.anndoc_relations
    assert [None if span is None else span.text for span in relation.spans] == [
        word if word in words else None for word in ("lob", "full")
    ]


def test_relations_are_found_after_a_token_was_split(nlp: Language) -> None:
    _, doc = made(nlp)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[3], ["a", "nd"], heads=[(doc[3], 1), doc[2]])
    [relation] = doc._.anndoc_relations
    assert [span.text for span in relation.spans] == ["lob", "full"]
