"""``.spacy`` files that nobody made from tagtog become documents, by ``convert --back --legend``."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from commands import refused, run
from spacy.tokens import DocBin, Span, SpanGroup

from spacy_tagtog.anndoc import Legend, Project


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    doc = nlp("Ada 🚀 saw the star Vega\r\nwith Bob")
    doc.set_ents([Span(doc, 0, 1, label="Person"), Span(doc, 5, 6, label="Star")])
    nested = [Span(doc, 3, 6, label="Star"), Span(doc, 0, 1, label="Person")]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=nested)
    doc.spans["ruler"] = SpanGroup(doc, name="ruler", spans=[Span(doc, 0, 2, label="X")])
    doc.cats = {"topic=space": 1.0, "topic=sea": 0.0, "good": 0.0, "long": 0.9}
    DocBin(docs=[doc, nlp("Nothing here")], store_user_data=True).to_disk(tmp_path / "stock.spacy")
    names = {"e_1": "Person", "e_2": "Star", "m_1": "topic", "m_2": "good", "m_3": "long"}
    (tmp_path / "legend.json").write_text(Legend(names).dumps())
    return tmp_path


@pytest.mark.parametrize(
    ("options", "state", "who"),
    [
        ((), "pre-added", "ml:spacy"),
        (("--author", "user:ada"), "", "user:ada"),
        (("--author", "ml:old", "--state", "none"), "", "ml:old"),
        (("--author", "user:ada", "--state", "pre-added"), "pre-added", "user:ada"),
    ],
)
def test_a_stock_file_becomes_documents(stock: Path, options: tuple[str, ...], state: str, who: str) -> None:
    arguments = ("convert", stock / "stock.spacy", stock / "back", "--back")
    code, out, err = run(*arguments, "--legend", stock / "legend.json", *options)
    assert code == 0, err
    assert "ruler: 1 span" in err
    assert "2 documents" in out
    documents = sorted(Project.open(stock / "back"), key=lambda one: len(one.text))
    assert [len(one.annotations.entities) for one in documents] == [0, 3]
    document = documents[1]
    found = sorted((one.class_id, one.text, one.state, *one.who) for one in document.annotations.entities)
    assert found == [
        ("e_1", "Ada", state, who), ("e_2", "Vega", state, who), ("e_2", "the star Vega", state, who),
    ]  # fmt: skip
    metas = document.annotations.metas
    assert {key: meta["value"] for key, meta in metas.items()} == {"m_1": "space", "m_2": False, "m_3": True}
    assert all(meta["confidence"] == {"state": state, "who": [who]} for meta in metas.values())
    # What comes of it is right, in whatever units the offsets are.
    code, _, err = run("convert", stock / "back", stock / "again.spacy", "--documents", "all")
    assert code == 0, err


def test_what_is_wrong_is_said(stock: Path) -> None:
    arguments = ("convert", stock / "stock.spacy", stock / "back", "--back")
    for options, said in (
        ((), "has no entity type at all"),
        (("--legend", stock / "legend.json", "--author", "ada"), "ml:NAME or user:NAME"),
        (("--legend", stock / "legend.json", "--state", "sure"), "pre-added, or an empty text"),
        (("--legend", stock / "legend.json", "--split", "dev=0.2"), "means nothing with --back"),
    ):
        assert said in refused(*arguments, *options)
        assert not (stock / "back").exists()
