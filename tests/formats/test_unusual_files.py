"""What other tools' files may hold and ours never do: read as meant, counted, or refused with the place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spacy_tagtog.anndoc import Document
from spacy_tagtog.errors import FormatError
from spacy_tagtog.formats import read_documents
from spacy_tagtog.formats.documents import to_records
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.report import FormatReport


def read(path: Path, name: str, content: str, **settings: Any) -> tuple[Record, FormatReport]:
    """The only document of a file."""
    path.write_text(content, encoding="utf-8")
    report = FormatReport()
    (document,) = read_documents(path, name, settings=settings or None, report=report)
    return record_of(document), report


def record_of(document: Document) -> Record:
    (record,) = to_records(document, FormatReport(strict=False))
    return record


def refused(path: Path, name: str, content: str, problem: str) -> FormatError:
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match=problem) as caught:
        read_documents(path, name)
    assert str(path) in str(caught.value)
    return caught.value


def entities(record: Record) -> list[tuple[str, str]]:
    return [(one.label, record.surface(one)) for one in record.mentions]


# ---- BioC


def annotation(number: str, offset: int, text: str, **infons: str) -> dict[str, Any]:
    locations = [{"offset": offset, "length": len(text)}]
    return {"id": number, "infons": {"type": "Star", **infons}, "text": text, "locations": locations}


def passage(text: str | None, *annotations: dict[str, Any], offset: int = 0, **more: Any) -> dict[str, Any]:
    return {"offset": offset, "infons": {}, "annotations": list(annotations), "text": text, **more}


def bioc(*passages: dict[str, Any], **more: Any) -> str:
    return json.dumps({"documents": [{"id": "1", "passages": list(passages), **more}]})


def test_bioc_one_document_without_a_collection(tmp_path: Path) -> None:
    content = json.dumps({"id": "1", "passages": [passage("Vega rises", annotation("a", 0, "Vega"))]})
    record, _ = read(tmp_path / "x.json", "bioc", content)
    assert entities(record) == [("Star", "Vega")]


def test_bioc_passages_that_have_sentences_instead_of_a_text(tmp_path: Path) -> None:
    sentences = [
        {"offset": 5, "text": "Vega.", "annotations": [annotation("a", 5, "Vega")]},
        {"offset": 12, "text": "Mars.", "annotations": [annotation("b", 12, "Mars")]},
    ]
    content = bioc(passage("Note", offset=0), passage(None, offset=5, sentences=sentences))
    record, _ = read(tmp_path / "x.json", "bioc", content)
    assert "Vega.  Mars." in record.text
    assert entities(record) == [("Star", "Vega"), ("Star", "Mars")]
    sentences[1]["offset"] = 7
    refused(tmp_path / "y.json", "bioc", bioc(passage(None, offset=5, sentences=sentences)), "overlap")


def test_bioc_ids_that_are_labels_of_ours(tmp_path: Path) -> None:
    one = annotation("a", 0, "Vega", identifier="Q1", wet="true", colour="blue")
    one["infons"]["identifier.1"] = "MESH:D1"
    record, _ = read(tmp_path / "x.json", "bioc", bioc(passage("Vega", one)))
    (mention,) = record.mentions
    assert mention.fields == {"wet": True, "colour": "blue"}
    assert [norm.id for norm in mention.norms] == ["Q1", "D1"]


def test_bioc_ids_of_dictionaries_by_their_names_and_text_as_it_is(tmp_path: Path) -> None:
    one = passage("Vega", annotation("a", 0, "Vega", acme="7"), infons={"type": "pre"})
    record, _ = read(tmp_path / "x.json", "bioc", bioc(one), dictionaries=["acme"])
    (mention,) = record.mentions
    assert [(norm.dictionary, norm.id) for norm in mention.norms] == [("acme", "7")]
    assert record.blocks[0].tag == "pre"


def test_bioc_relations_of_three_are_counted(tmp_path: Path) -> None:
    three = [annotation(name, 5 * place, "Vega") for place, name in enumerate("abc")]
    nodes = [{"refid": name, "role": ""} for name in "abc"]
    relation = {"id": "R", "infons": {"type": "near"}, "nodes": nodes}
    content = bioc(passage("Vega Vega Vega", *three), relations=[relation])
    record, report = read(tmp_path / "x.json", "bioc", content)
    assert record.links == []
    assert report.losses["annotations: relations of 3"].number == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"documents": [1]}', "a document isn't an object"),
        (bioc(passage("Vega", *[annotation("a", 0, "Vega")] * 2)), "two annotations have one id"),
        (bioc(passage("Vega", {**annotation("a", 0, "Vega"), "locations": []})), "another text stands"),
    ],
)
def test_bioc_json_that_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    refused(tmp_path / "x.json", "bioc", content, problem)


XML = """<collection><source/><date/><key/><document><!-- made by hand --><id>1</id><passage>
<infon key="type">title</infon><offset>{offset}</offset><text>Vega</text>
<annotation id="a"><infon key="type">Star</infon><location offset="0" length="4"/><text>Vega</text>
</annotation></passage></document></collection>"""


def test_bioc_xml_with_comments(tmp_path: Path) -> None:
    record, _ = read(tmp_path / "x.xml", "bioc", XML.format(offset=0))
    assert entities(record) == [("Star", "Vega")]
    assert record.blocks[0].tag == "h2"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (XML.format(offset="first"), "the offset isn't a number"),
        ("<other/>", "this isn't BioC"),
        ("<collection>", "the XML can't be read"),
    ],
)
def test_bioc_xml_that_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    refused(tmp_path / "x.xml", "bioc", content, problem)


# ---- Label Studio


def test_label_studio_the_short_form(tmp_path: Path) -> None:
    """JSON_MIN: what people marked stands beside the text."""
    task = {
        "id": 7,
        "text": "Vega and Mars",
        "annotator": 1,
        "label": [{"start": 0, "end": 4, "text": "Vega", "labels": ["Star", "Bright"]}],
        "seen": {"choices": ["once", "twice"]},
        "wet": {"choices": ["true"]},
        "mood": 3,
    }
    record, report = read(tmp_path / "x.json", "label-studio", json.dumps([task]))
    assert entities(record) == [("Star", "Vega"), ("Bright", "Vega")]
    assert record.labels == {"once": True, "twice": True, "wet": True}
    assert any("mood" in kind for kind in report.losses)


def test_label_studio_regions_without_their_text_and_kinds_of_others(tmp_path: Path) -> None:
    results = [
        {"id": "a", "type": "labels", "from_name": "l", "value": {"start": 0, "end": 4, "labels": ["Star"]}},
        {"id": "b", "type": "brush", "from_name": "l", "value": {}},
        {"id": "c", "type": "choices", "from_name": "seen", "value": {"choices": ["a", "b"]}},
    ]
    one = {"result": results, "completed_by": {"email": "ada@x.org"}}
    task = {"id": 1, "data": {"body": "Vega"}, "annotations": [one]}
    record, report = read(tmp_path / "x.json", "label-studio", json.dumps([task]))
    assert entities(record) == [("Star", "Vega")]
    assert record.labels == {"a": True, "b": True}
    assert report.losses["annotations: brush"].number == 1


def test_label_studio_a_task_that_is_no_object(tmp_path: Path) -> None:
    refused(tmp_path / "x.json", "label-studio", "[1]", "a task isn't an object")


# ---- XMI


def cas_of(text: str | None) -> tuple[str, str]:
    """XMI with an entity of a type of its own, and its type system."""
    cassis = pytest.importorskip("cassis")
    types = cassis.TypeSystem()
    star = types.create_type("acme.Star", "uima.tcas.Annotation")
    types.create_feature(star, "value", "uima.cas.String")
    types.create_feature(star, "parts", "uima.cas.StringArray")
    cas = cassis.Cas(types)
    if text is not None:
        cas.sofa_string = text
        array = types.get_type("uima.cas.StringArray")(elements=["a"])
        cas.add(star(begin=0, end=4, value="Star", parts=array))
    return cas.to_xmi(), types.to_xml()


def test_xmi_zips_of_inception(tmp_path: Path) -> None:
    xmi, types = cas_of("Vega rises")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("note.xmi", xmi)
        archive.writestr("TypeSystem.xml", types)
    report = FormatReport()
    (document,) = read_documents(tmp_path / "x.zip", "xmi", report=report)
    assert entities(record_of(document)) == [("Star", "Vega")]
    assert any("parts" in kind for kind in report.losses)


def test_xmi_relations_to_nothing_are_counted(tmp_path: Path) -> None:
    cassis = pytest.importorskip("cassis")
    types = cassis.TypeSystem()
    star = types.create_type("acme.Star", "uima.tcas.Annotation")
    near = types.create_type("acme.Near", "uima.tcas.Annotation")
    for name in ("Governor", "Dependent"):
        types.create_feature(near, name, "uima.tcas.Annotation")
    cas = cassis.Cas(types)
    cas.sofa_string = "Vega"
    one = star(begin=0, end=4)
    cas.add(one)
    cas.add(near(begin=0, end=4, Governor=one))
    (tmp_path / "TypeSystem.xml").write_text(types.to_xml())
    (tmp_path / "note.xmi").write_text(cas.to_xmi())
    report = FormatReport()
    (document,) = read_documents(tmp_path, "xmi", report=report)
    assert entities(record_of(document)) == [("Star", "Vega")]
    assert report.losses["relation_ends"].number == 1


def test_xmi_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(FormatError, match="the zip can't be read"):
        read_documents(tmp_path / "x.zip", "xmi")
    xmi, types = cas_of("Vega rises")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("note.xmi", xmi)
    with pytest.raises(FormatError, match="type system"):
        read_documents(tmp_path / "y.zip", "xmi")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "TypeSystem.xml").write_text(types)
    (tmp_path / "z" / "note.xmi").write_text(cas_of(None)[0])
    with pytest.raises(FormatError, match="there is no text"):
        read_documents(tmp_path / "z", "xmi")
    (tmp_path / "z" / "note.xmi").write_text(xmi.replace('end="4"', 'end="400"'))
    with pytest.raises(FormatError, match="offset"):
        read_documents(tmp_path / "z", "xmi")


# ---- Parquet


def parquet(path: Path, **columns: list[Any]) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    files.write_table(arrow.table(columns), path)


def bigbio(**changes: Any) -> dict[str, list[Any]]:
    norm = [{"db_name": "MESH", "db_id": "D1"}, {"db_name": "MESH", "db_id": "D2"}]
    entity = {"id": "e", "type": "Star", "text": ["Vega"], "offsets": [[0, 4]], "normalized": norm}
    row = {
        "document_id": "1",
        "passages": [{"type": "title", "text": ["Vega"], "offsets": [[0, 4]]}],
        "entities": [entity],
        "relations": [{"type": "near", "arg1_id": "e", "arg2_id": "e", "normalized": []}],
        **changes,
    }
    return {name: [value] for name, value in row.items()}


def test_parquet_of_bigbio(tmp_path: Path) -> None:
    parquet(tmp_path / "x.parquet", **bigbio())
    report = FormatReport()
    (document,) = read_documents(tmp_path / "x.parquet", "parquet", report=report)
    record = record_of(document)
    assert entities(record) == [("Star", "Vega")]
    assert record.blocks[0].tag == "h2"
    assert report.losses["second_normalizations"].number == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"passages": [{"type": "", "text": ["Vega"], "offsets": [[0, 5]]}]}, "passage's offsets"),
        ({"passages": [{"type": "", "text": ["Mars"], "offsets": [[0, 4]]}]}, "another text stands"),
        ({"relations": [{"type": "near", "arg1_id": "e", "arg2_id": "x"}]}, "relation's entity isn't there"),
    ],
)
def test_parquet_of_bigbio_that_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    parquet(tmp_path / "x.parquet", **bigbio(**changes))
    with pytest.raises(FormatError, match=problem):
        read_documents(tmp_path / "x.parquet", "parquet")


def test_parquet_of_texts_with_spans_and_labels(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 4, "label": "Star"}]
    parquet(tmp_path / "x.parquet", text=["Vega"], spans=[spans], label=["clear"], labels=[["a", "b"]])
    (document,) = read_documents(tmp_path / "x.parquet", "parquet")
    record = record_of(document)
    assert entities(record) == [("Star", "Vega")]
    assert record.labels == {"clear": True, "a": True, "b": True}


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"text": ["Vega"], "label": [3]}, "a class is a number"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O"]]}, "not as many tags as tokens"),
        ({"tokens": [["a"]], "ner_tags": [[0]]}, "a class is a number"),
    ],
)
def test_parquet_that_is_refused(tmp_path: Path, columns: dict[str, list[Any]], problem: str) -> None:
    parquet(tmp_path / "x.parquet", **columns)
    with pytest.raises(FormatError, match=problem):
        read_documents(tmp_path / "x.parquet", "parquet")
