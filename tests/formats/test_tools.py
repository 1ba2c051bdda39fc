"""Files that the tools' own libraries wrote, documented samples of the others, and ours in spaCy's reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import E, document
from spacy.training.converters import conll_ner_to_docs

from spacy_tagtog.anndoc import Document
from spacy_tagtog.errors import FormatError
from spacy_tagtog.formats import read_documents, write_documents
from spacy_tagtog.formats.documents import to_records
from spacy_tagtog.formats.files_of_tools import recognised
from spacy_tagtog.formats.report import FormatReport

DATA = Path(__file__).parent / "data"


def seen(one: Document) -> dict[str, Any]:
    """What stands on a document, with names."""
    [record] = to_records(one, FormatReport())
    surfaces = [(mention.label, record.surface(mention)) for mention in record.mentions]
    return {
        "entities": surfaces,
        "norms": [(norm.dictionary, norm.id) for mention in record.mentions for norm in mention.norms],
        "fields": [mention.fields for mention in record.mentions if mention.fields],
        "relations": [(link.label, surfaces[link.head][1], surfaces[link.tail][1]) for link in record.links],
        "labels": record.labels,
        "parts": [part.tag for part in one],
    }


@pytest.mark.parametrize("name", ["bioc.xml", "bioc.json"])
def test_bioc_of_its_library(name: str) -> None:
    assert recognised(DATA / name) == "bioc"
    [one] = read_documents(DATA / name)
    assert one.id.endswith("-7")
    assert seen(one) == {
        "entities": [("Part", "disk"), ("Star", "Vega")],
        "norms": [("HIP", "91262")],
        "fields": [{"colour": "white"}],
        "relations": [("around", "disk", "Vega")],
        "labels": {},
        "parts": ["h2", "p"],
    }


def test_xmi_with_a_type_system_of_its_own(tmp_path: Path) -> None:
    assert recognised(DATA / "xmi") == "xmi"
    report = FormatReport()
    [one] = read_documents(DATA / "xmi", report=report)
    found = seen(one)
    assert sorted(found["entities"]) == [("Planet", "Mars"), ("Star", "Vega")]
    assert found["fields"] == [{"colour": "white"}]  # the layer Star stands where the named entity does
    assert found["norms"] == [("ids", "http://example.org/vega")]
    assert found["relations"] == [("Near", "Vega", "Mars")]
    assert found["labels"] == {"topic": "sky"}
    assert report.losses["annotations: Token"].number == 1
    [one] = read_documents(DATA / "xmi", settings={"types": ["NamedEntity"]})
    assert seen(one)["relations"] == []
    alone = tmp_path / "vega.xmi"
    alone.write_bytes((DATA / "xmi/vega.xmi").read_bytes())
    with pytest.raises(FormatError, match="no type system"):
        read_documents(alone)
    (tmp_path / "TypeSystem.xml").write_text(
        '<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types/></typeSystemDescription>'
    )
    with pytest.raises(FormatError, match="doesn't fit its type system"):
        read_documents(alone)
    typesystem = str(DATA / "xmi/TypeSystem.xml")
    assert len(read_documents(alone, settings={"typesystem": typesystem})) == 1


@pytest.mark.parametrize("name", ["tokens.parquet", "saved"])
def test_parquet_and_arrow_of_datasets(name: str) -> None:
    assert recognised(DATA / name) == "parquet"
    documents = read_documents(DATA / name)
    assert [one.text for one in documents] == ["Alpha Centauri 😀 !", "Nothing"]
    assert [seen(one)["entities"] for one in documents] == [[("Star", "Alpha Centauri")], []]


SAMPLES = {
    "doccano": (
        "x.jsonl",
        '{"id": 4, "text": "Vega 😀 and Mars", "Comments": [], "entities": [{"id": 9, "label": "Star", '
        '"start_offset": 0, "end_offset": 4}, '
        '{"id": 10, "label": "Planet", "start_offset": 11, "end_offset": 15}], '
        '"relations": [{"id": 1, "from_id": 9, "to_id": 10, "type": "near"}], "cats": ["sky", "size=big"]}\n',
    ),
    "prodigy": (
        "x.jsonl",
        '{"text": "Vega 😀 and Mars", "_input_hash": 1, "_task_hash": 2, "answer": "accept", "tokens": [], '
        '"spans": [{"start": 0, "end": 4, "token_start": 0, "token_end": 0, "label": "Star"}, '
        '{"start": 11, "end": 15, "label": "Planet"}], '
        '"relations": [{"head": 0, "child": 3, "label": "near", '
        '"head_span": {"start": 0, "end": 4, "token_start": 0, "token_end": 0, "label": "Star"}, '
        '"child_span": {"start": 11, "end": 15, "label": "Planet"}}], '
        '"options": [{"id": "sky", "text": "sky"}, {"id": "size=big", "text": "big"}, {"id": "size=small", '
        '"text": "small"}], "accept": ["sky", "size=big"]}\n',
    ),
    "label-studio": (
        "x.json",
        '[{"id": 4, "data": {"text": "Vega 😀 and Mars"}, "annotations": [{"id": 1, "completed_by": 1, '
        '"was_cancelled": false, "result": ['
        '{"id": "a", "from_name": "label", "to_name": "text", "type": "labels", "value": '
        '{"start": 0, "end": 4, "text": "Vega", "labels": ["Star"]}}, '
        '{"id": "b", "from_name": "label", "to_name": "text", "type": "labels", "value": '
        '{"start": 11, "end": 15, "text": "Mars", "labels": ["Planet"]}}, '
        '{"from_id": "a", "to_id": "b", "type": "relation", "direction": "right", "labels": ["near"]}, '
        '{"id": "c", "from_name": "sky", "to_name": "text", "type": "choices", '
        '"value": {"choices": ["true"]}}, '
        '{"id": "d", "from_name": "size", "to_name": "text", "type": "choices", '
        '"value": {"choices": ["big"]}}'
        ']}], "predictions": []}]',
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_documented_samples(tmp_path: Path, name: str) -> None:
    path = tmp_path / SAMPLES[name][0]
    path.write_text(SAMPLES[name][1], encoding="utf-8")
    assert recognised(path) == name
    [one] = read_documents(path)
    found = seen(one)
    assert found["entities"] == [("Star", "Vega"), ("Planet", "Mars")]
    assert found["relations"] == [("near", "Vega", "Mars")]
    assert found["labels"] == {"sky": True, "size": "big"}


def test_brat_as_its_page_describes_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/d.txt").write_text("North and 😀 South\nPole star", encoding="utf-8")
    (tmp_path / "deep/d.ann").write_text(
        "T1\tPole 0 5;18 22\tNorth Pole\nT2\tPole 12 17;18 22\tSouth Pole\n"
        "T3\tStar 18 27\tPole star\nE1\tSeen:T3 Where:T1\nA1\tFaint T3\nA2\tColour T3 white\nA3\tFaint E1\n"
        "R1\tnear Arg1:T1 Arg2:T3\nN1\tReference T3 Wikipedia:42\tPolaris\n#1\tAnnotatorNotes T1\tsure?\n"
        "*\tEquiv T1 T2\n",
        encoding="utf-8",
    )
    (tmp_path / "todo.txt").write_text("Nobody saw this")
    assert recognised(tmp_path) == "brat"
    report = FormatReport()
    one, todo = read_documents(tmp_path, report=report)
    assert (one.folder, todo.folder, list(todo.versions)) == ("pool/deep", "pool", [])
    found = seen(one)
    assert found["entities"] == [("Pole", "North Pole"), ("Pole", "South\nPole"), ("Star", "Pole star")]
    assert found["fields"] == [{"Faint": True, "Colour": "white"}]
    assert found["norms"] == [("Wikipedia", "42")]
    assert found["relations"] == [("near", "North Pole", "Pole star")]
    assert {kind.partition(": ")[2]: loss.number for kind, loss in report.losses.items()} == {
        "events": 1,
        "attributes of events": 1,
        "notes": 1,
        "equivalences": 1,
    }


def test_pubtator_with_relations_between_ids(tmp_path: Path) -> None:
    path = tmp_path / "x.pubtator"
    path.write_text(
        "12|t|Aspirin and pain.\n12|a|Pain 😀 left.\n12\t0\t7\tAspirin\tChemical\tMESH:D001241\n"
        "12\t12\t16\tpain\tDisease\tD010146\n12\t18\t22\tPain\tDisease\tD010146\n12\tCID\tD001241\tD010146\n\n",
        encoding="utf-8",
    )
    report = FormatReport()
    [one] = read_documents(path, settings={"dictionary": "MESH"}, report=report)
    found = seen(one)
    assert found["entities"] == [("Chemical", "Aspirin"), ("Disease", "pain"), ("Disease", "Pain")]
    assert found["norms"] == [("MESH", "D001241"), ("MESH", "D010146"), ("MESH", "D010146")]
    assert found["relations"] == [("CID", "Aspirin", "pain")]
    assert found["parts"] == ["h2", "p"]
    assert report.losses["relation_mentions"].number == 1
    write_documents([one], tmp_path / "y.pubtator", "pubtator", settings={"dictionary": "MESH"})
    again = (tmp_path / "y.pubtator").read_text(encoding="utf-8").splitlines()
    assert again[-2].split("\t")[1:] == ["CID", "D001241", "D010146"]


SCHEMES = {
    "bio": ["B-A", "I-A", "B-A", "O", "B-B"],
    "iob1": ["I-A", "I-A", "B-A", "O", "I-B"],
    "bioes": ["B-A", "E-A", "S-A", "O", "S-B"],
    "bilou": ["B-A", "L-A", "U-A", "O", "U-B"],
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_schemes_of_conll(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "x.conll"
    rows = [f"{word} X X {tag}" for word, tag in zip("vwxyz", SCHEMES[scheme], strict=True)]
    path.write_text("-DOCSTART- -X- O O\n\n" + "\n".join(rows) + "\n\nlast X X O\n")
    [one] = read_documents(path)
    assert one.text == "v w x y z\nlast"
    assert seen(one)["entities"] == [("A", "v w"), ("A", "x"), ("B", "z")]
    if scheme != "bilou":
        write_documents([one], tmp_path / "y.conll", "conll", settings={"scheme": scheme})
        written = [line.split()[-1] for line in (tmp_path / "y.conll").read_text().splitlines()[2:7]]
        assert written == SCHEMES[scheme]


def test_conll_is_read_by_spacys_own_converter(tmp_path: Path) -> None:
    one = document("Alpha Centauri😀 is near", "the Sun.", entities=[E(1, 0, 14), E(2, 4, 7, "e_2")])
    report = FormatReport()
    write_documents([one], tmp_path / "x.conll", "conll", report=report)
    convert: Any = conll_ner_to_docs
    [doc] = convert((tmp_path / "x.conll").read_text(encoding="utf-8"), no_print=True)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Alpha Centauri", "Star"), ("Sun", "Planet")]
    assert {"parts", "white_space", "ids", "authors"} <= set(report.losses)


def test_sentences_become_documents(tmp_path: Path) -> None:
    path = tmp_path / "x.iob"
    path.write_text("a O\n\nb O\n\nc O\n")
    assert [one.text for one in read_documents(path)] == ["a\nb\nc"]
    assert [one.text for one in read_documents(path, settings={"sentences": 2})] == ["a\nb", "c"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "[1]"),
        ("x.jsonl", '{"text": "a"}'),
        ("x.jsonl", '{"text": "a", "label": [], "answer": "accept"}'),
        ("x.jsonl", "{"),
        ("x.xml", "<a/>"),
        ("x.txt", "a"),
    ],
)
def test_what_is_not_clear_is_not_guessed(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert recognised(tmp_path / name) == ""


def test_answers_about_labels_of_one_text_belong_together(tmp_path: Path) -> None:
    path = tmp_path / "binary.jsonl"
    lines = [
        '{"text": "Vega", "_input_hash": 7, "label": "star", "answer": "accept"}',
        '{"text": "Mars", "_input_hash": 8, "label": "star", "answer": "reject"}',
        '{"text": "Vega", "_input_hash": 7, "label": "planet", "answer": "reject"}',
    ]
    path.write_text("\n".join(lines))
    vega, mars = read_documents(path, "prodigy")
    assert (seen(vega)["labels"], vega.text.strip()) == ({"star": True, "planet": False}, "Vega")
    assert seen(mars)["labels"] == {"star": False}
    path.write_text("\n".join([*lines, lines[0].replace("accept", "reject")]))
    with pytest.raises(FormatError, match="one id"):
        read_documents(path, "prodigy")
    vega, mars = read_documents(path, "prodigy", settings={"sessions": "last"})
    assert seen(vega)["labels"] == {"star": False, "planet": False}
