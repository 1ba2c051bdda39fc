"""A document: content and versions, read when asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from strategies import documents, slow

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import MASTER, Annotations, Document, Legend, PlainHtml, html_from_blocks
from spacy_tagtog.errors import AnnJsonError, PlainHtmlError, ProjectError

HTML = html_from_blocks([("h2", "Head"), ("p", "🚀 Ada")], doc_id="aX", origid="x.txt")
ENTITY = {"classId": "e_1", "part": "s1p1", "offsets": [{"start": 3, "text": "Ada"}]}


def broken() -> Annotations:
    return Annotations.parse("{", place="x.ann.json")


def unreadable() -> Annotations:
    raise ProjectError("a file can't be read", place="x.ann.json")


def test_parts_and_text() -> None:
    document = Document("aX", HTML)
    assert [part.text for part in document] == ["Head", "🚀 Ada"]
    assert list(document.parts) == ["s1h1", "s1p1"]
    assert len(document) == 2
    assert document.text == "Head\n\n🚀 Ada"
    assert (document.folder, document.legend) == ("pool", Legend())


def test_versions() -> None:
    master = Annotations({"entities": [ENTITY], "anncomplete": True})
    ann = Annotations.empty()
    document = Document("aX", HTML, {MASTER: master, "ann": ann})
    assert document.annotations is master
    assert document.version("ann") is ann
    assert dict(document.versions) == {MASTER: master, "ann": ann}
    assert "nobody" not in document.versions


def test_a_version_that_is_not_there_is_empty() -> None:
    document = Document("aX", HTML)
    assert document.annotations.annotatable == ["s1h1", "s1p1"]
    assert document.annotations.entities == []
    assert not document.annotations.complete
    assert document.version("zoe") == document.annotations
    assert dict(document.versions) == {}


def test_versions_are_read_once_and_late() -> None:
    calls = []

    def read() -> Annotations:
        calls.append(1)
        return Annotations.empty()

    document = Document("aX", HTML, {MASTER: read, "ann": unreadable})
    assert list(document.versions) == [MASTER, "ann"]
    assert len(document.versions) == 2
    assert repr(document.versions) == "Versions(master, ann)"
    assert not calls
    assert document.annotations is document.annotations
    assert calls == [1]


def test_a_broken_file_is_an_error_when_it_is_asked_for() -> None:
    document = Document("aX", PlainHtml(b"<html>", place="x.plain.html"), {MASTER: broken, "ann": unreadable})
    with pytest.raises(PlainHtmlError, match=r"x\.plain\.html"):
        _ = document.text
    with pytest.raises(AnnJsonError, match=r"x\.ann\.json"):
        _ = document.annotations
    with pytest.raises(ProjectError):
        document.version("ann")


def test_repr() -> None:
    document = Document(
        "aX",
        HTML,
        {MASTER: Annotations({"entities": [ENTITY], "anncomplete": True}), "ann": Annotations.empty()},
        folder="pool/x",
    )
    assert repr(document) == "<Document 'aX' in pool/x: 2 parts, master: 1 entity ✓, ann: 0 entities>"
    assert "not annotated" in repr(Document("aX", HTML))


def test_repr_of_a_broken_document() -> None:
    document = Document("aX", PlainHtml(b""), {MASTER: broken, "ann": unreadable, "ok": Annotations.empty()})
    assert (
        repr(document)
        == "<Document 'aX' in pool: unreadable content, master: unreadable, ann: unreadable, ok: 0 entities>"
    )


@slow
@given(documents())
def test_repr_of_any_document(document: Document) -> None:
    text = repr(document)
    assert document.folder in text
    assert counted(len(document.parts), "part") in text
    assert all(member in text for member in document.versions)
