"""``.spacy`` files hold what spaCy would write, and are read as spaCy reads them."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import srsly
from hypothesis import given
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab
from strategies import projects, quick, slow

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import docbin, document_to_doc, read_spacy, write_docbin
from spacy_tagtog.convert.docbin import PIECE_DOCS, DocBinFile, DocPacker
from spacy_tagtog.errors import (
    ConversionError,
)


def stock(docs: list[Doc]) -> bytes:
    return zlib.decompress(DocBin(store_user_data=True, docs=docs).to_bytes())


def ours(docs: list[Doc], folder: Path) -> bytes:
    assert write_docbin(iter(docs), folder / "docs.spacy") == len(docs)
    return zlib.decompress((folder / "docs.spacy").read_bytes())


def rich_docs(number: int) -> list[Doc]:
    """Docs with all that a Doc can carry."""
    chance = random.Random(number)
    vocabs = [Vocab(), spacy.blank("en").vocab]
    docs = []
    for index in range(number):
        words = chance.choices(
            ["Mars", "is", "réd", "👩🏽\u200d🚀", "\n\n", "x" * 40, "2"], k=chance.choice([0, 1, 5, 9])
        )
        count = len(words)
        doc = Doc(
            chance.choice(vocabs),
            words=words,
            spaces=chance.choice([None, [True] * count]),
            tags=chance.choice([None, ["NN"] * count]),
            pos=chance.choice([None, ["NOUN"] * count]),
            lemmas=chance.choice([None, [f"lemma{index}"] * count]),
            morphs=chance.choice([None, ["Number=Sing|Case=Nom"] * count]),
        )
        if count > 1 and chance.random() < 0.5:
            doc = Doc(
                doc.vocab,
                words=words,
                heads=[0] * count,
                deps=["ROOT", *["dep"] * (count - 1)],
                ents=["B-A", *["I-A"] * (count - 1)],
            )
        if count and chance.random() < 0.7:
            span_id: Any = chance.choice(["e0", 77])
            doc.spans["one"] = [Span(doc, 0, count, label="L", kb_id="Q1", span_id=span_id)]
            doc.spans["two"] = SpanGroup(doc, name="other", attrs={"scores": [np.float32(0.5)], "ünï": "é"})
            doc.spans["three"] = doc.spans["one"].copy()
            doc.ents = [Span(doc, 0, 1, label=f"E{index}", kb_id="Q2")]
        doc.cats = chance.choice([{}, {"a": 1.0, "b": np.float64(0.25)}])
        user_data: dict[Any, Any] = {
            "array": np.arange(3),
            "list": [1, "é", None, 2**40],
            ("._.", "x", None, None): b"\0",
        }
        doc.user_data = user_data
        docs.append(doc)
    return docs


@pytest.mark.parametrize("number", [0, 1, 2, 15, 16, PIECE_DOCS, PIECE_DOCS + 1, 2 * PIECE_DOCS + 40])
def test_a_file_holds_the_same_bytes_as_spacys(tmp_path: Path, number: int) -> None:
    docs = rich_docs(number)
    assert ours(docs, tmp_path) == stock(docs)
    assert len(list(read_spacy(tmp_path / "docs.spacy", Vocab()))) == number


def test_sizes_of_columns_at_their_limits(tmp_path: Path) -> None:
    """Headers of message pack have one, two or four bytes of length."""
    vocab = Vocab()
    for lengths in ([2], [3], [630, 1], [70_000], [256], [65_536]):
        docs = [Doc(vocab, words=["a"] * length, spaces=[False] * length) for length in lengths]
        assert ours(docs, tmp_path) == stock(docs)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 255, 256, 65_535, 65_536])
def test_headers(size: int) -> None:
    assert docbin._list_header(size) == srsly.msgpack_dumps([None] * size)[: -size or None]
    assert docbin._bin_header(size) == srsly.msgpack_dumps(bytes(size))[: -size or None]


@slow
@given(made=projects())
def test_converted_documents_are_written_as_spacy_would(
    nlp: Language, tmp_path_factory: pytest.TempPathFactory, made: list[Document]
) -> None:
    docs = [document_to_doc(one, nlp) for one in made]
    assert ours(docs, tmp_path_factory.mktemp("written")) == stock(docs)


def test_what_cant_be_packed_leaves_nothing_behind(nlp: Language, tmp_path: Path) -> None:
    good, bad = nlp("good"), nlp("bad")
    bad.user_data["x"] = object()
    packer = DocPacker()
    packer.add(good)
    with pytest.raises(TypeError):
        packer.add(bad)
    file = DocBinFile()
    file.add(packer.take().compressed())
    file.write(tmp_path / "docs.spacy")
    assert zlib.decompress((tmp_path / "docs.spacy").read_bytes()) == stock([good])


# Reading


def assert_read_as_by_spacy(path: Path) -> None:
    """All that a Doc carries is as ``DocBin.get_docs`` gives it."""
    theirs = list(DocBin(store_user_data=True).from_disk(path).get_docs(Vocab()))
    mine = list(read_spacy(path, Vocab()))
    assert stock(mine) == stock(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert list(one.spans) == list(other.spans)
        for key, group in one.spans.items():
            assert (group.name, dict(group.attrs)) == (other.spans[key].name, dict(other.spans[key].attrs))
            assert [span.id for span in group] == [span.id for span in other.spans[key]]
        assert repr(one.user_data) == repr(other.user_data)


@pytest.mark.parametrize("number", [0, 1, 60])
def test_docs_are_read_as_by_spacy(tmp_path: Path, number: int) -> None:
    DocBin(store_user_data=True, docs=rich_docs(number)).to_disk(tmp_path / "docs.spacy")
    assert_read_as_by_spacy(tmp_path / "docs.spacy")
    DocBin(docs=rich_docs(number), attrs=["LEMMA", "ENT_TYPE"]).to_disk(tmp_path / "bare.spacy")
    assert_read_as_by_spacy(tmp_path / "bare.spacy")


@quick
@given(made=projects())
def test_converted_documents_are_read_as_by_spacy(
    nlp: Language, tmp_path_factory: pytest.TempPathFactory, made: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("read") / "docs.spacy"
    write_docbin((document_to_doc(one, nlp) for one in made), path)
    assert_read_as_by_spacy(path)


def test_span_groups_that_are_left_to_spacy(tmp_path: Path) -> None:
    """Labels that are no strings, borders that aren't those of the tokens, lists as spaCy 3.0 wrote them."""
    doc = Doc(Vocab(), words=["Vega", "and", "Mars"])
    doc.spans["a"] = [Span(doc, 0, 2, label="L", kb_id="Q")]
    group = srsly.msgpack_loads(doc.spans["a"].to_bytes())
    for values in [(1, 2, 3, 0, 2, 0, 8), (0, 0, doc.vocab.strings["L"], 0, 2, 1, 7)]:
        strange = srsly.msgpack_dumps({**group, "spans": [docbin._SPAN.pack(*values)]})
        for packed in ({strange: ["a"]}, {strange: ["a"], doc.spans["a"].to_bytes(): ["b", "c"]}, [strange]):
            bin_ = DocBin(docs=[doc])
            bin_.span_groups = [srsly.msgpack_dumps(packed)]
            bin_.to_disk(tmp_path / "docs.spacy")
            (one,) = read_spacy(tmp_path / "docs.spacy", Vocab())
            (other,) = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(Vocab())
            assert one.spans.to_bytes() == other.spans.to_bytes()


@pytest.mark.parametrize("column", ["span_groups", "user_data"])
def test_what_cant_be_unpacked_is_refused(nlp: Language, tmp_path: Path, column: str) -> None:
    doc = nlp("Vega")
    doc.spans["a"] = [doc[0:1]]
    for change in (lambda packed: packed + b"\0", lambda packed: packed[:-1], lambda packed: b"\xc1"):
        bin_ = DocBin(store_user_data=True, docs=[doc])
        setattr(bin_, column, [change(value) for value in getattr(bin_, column)])
        bin_.to_disk(tmp_path / "docs.spacy")
        with pytest.raises(ConversionError, match=r"isn't a \.spacy file that can be read"):
            list(read_spacy(tmp_path / "docs.spacy", Vocab()))
