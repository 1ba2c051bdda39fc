"""Fingerprints: what they tell apart, and what they don't."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from strategies import blocks, quick

from spacy_tagtog.anndoc import Document, html_from_blocks
from spacy_tagtog.anndoc.fingerprints import content_fingerprint, text_fingerprint


def document(*parts: tuple[str, str], doc_id: str = "a", folder: str = "pool") -> Document:
    return Document(doc_id, html_from_blocks(parts, doc_id=doc_id, origid="x"), {}, folder=folder)


def test_a_text_fingerprint_is_the_beginning_of_a_hash() -> None:
    assert text_fingerprint("Vega 🚀") == hashlib.sha256("Vega 🚀".encode()).hexdigest()[:16]


@quick
@given(st.text(st.characters()), st.text(st.characters()))
def test_different_texts_have_different_fingerprints(one: str, other: str) -> None:
    assert (text_fingerprint(one) == text_fingerprint(other)) == (one == other)


def test_contents_differ_by_parts_and_texts_alone() -> None:
    original = document(("p", "Vega"), ("p", "Mars"))
    assert content_fingerprint(original) == content_fingerprint(original.html)
    same = document(("p", "Vega"), ("p", "Mars"), doc_id="b", folder="pool/x")
    assert content_fingerprint(same) == content_fingerprint(original)
    for other in (
        document(("p", "Mars"), ("p", "Vega")),
        document(("p", "Vega"), ("h2", "Mars")),
        document(("p", "Vega\n\nMars")),
        document(("p", "Vega")),
    ):
        assert content_fingerprint(other) != content_fingerprint(original)


@quick
@given(blocks())
def test_a_content_has_another_fingerprint_than_its_text(parts: list[tuple[str, str]]) -> None:
    """A pipeline knows the texts of its training documents, a ranking the contents of its documents."""
    one = document(*parts)
    assert content_fingerprint(one) != text_fingerprint(one.text) or not one.parts
