"""What is wrong in other tools' files: a typed error with place and advice, or a line of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from strategies import printable

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import ArgumentError, ConfigurationError, FormatError, OutputExistsError
from spacy_tagtog.formats import read_documents, write_documents
from spacy_tagtog.formats.report import FormatReport

GOOD = {
    "doccano": '{"id": "ok", "text": "Vega", "label": [[0, 4, "Star"]]}\n',
    "prodigy": '{"text": "Vega", "meta": {"id": "ok"}, "spans": [{"start": 0, "end": 4, "label": "Star"}], '
    '"answer": "accept"}\n',
    "pubtator": "1|t|Vega\n1|a|\n1\t0\t4\tVega\tStar\tids:1\n\n",
    "conll": "-DOCSTART- -X- O O\n\nVega NN B-NP B-Star\n\n",
}
SUFFIX = {
    "doccano": ".jsonl",
    "prodigy": ".jsonl",
    "pubtator": ".pubtator",
    "conll": ".conll",
    "label-studio": ".json",
    "bioc": ".json",
}


def studio(*regions: dict[str, Any], text: str = "Vega 😀 Mars", number: int = 1, **more: Any) -> str:
    annotation = {"result": list(regions)}
    return json.dumps([{"id": 1, "data": {"text": text}, "annotations": [annotation] * number, **more}])


def region(start: int, end: int, text: str, name: str = "a") -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": ["Star"]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def bioc(offset: int, length: int, text: str, **more: Any) -> str:
    one = {
        "id": "1",
        "infons": {"type": "Star"},
        "text": text,
        "locations": [{"offset": offset, "length": length}],
    }
    passage = {"offset": 0, "infons": {}, "text": "Vega", "annotations": [one]}
    return json.dumps({"documents": [{"id": "1", "passages": [passage], **more}]})


BAD = {
    "doccano: past the end": ("doccano", '{"text": "ab", "label": [[0, 3, "X"]]}', "past the end"),
    "doccano: out of order": ("doccano", '{"text": "ab", "label": [[1, 1, "X"]]}', "out of order"),
    "doccano: no text": ("doccano", '{"label": []}', "text is missing"),
    "doccano: a number": ("doccano", '{"text": 3}', "wrong kind"),
    "doccano: half a label": ("doccano", '{"text": "ab", "label": [[0, 1]]}', "can't be read"),
    "doccano: not JSON": ("doccano", '{"text": ', "isn't JSON"),
    "doccano: a list": ("doccano", "[1]", "isn't a JSON object"),
    "doccano: no entity": (
        "doccano",
        '{"text": "ab", "entities": [], "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "r"}]}',
        "entity isn't there",
    ),
    "doccano: control characters": ("doccano", '{"text": "a\\u0000b", "label": ["x"]}', "can't carry"),
    "doccano: one id twice": ("doccano", GOOD["doccano"].replace("Vega", "Rigel").strip(), "one id"),
    "doccano: a path as id": ("doccano", '{"id": "../x", "text": "a", "label": ["x"]}', "document's id"),
    "prodigy: unknown answer": ("prodigy", '{"text": "a", "answer": "maybe"}', "unknown answer"),
    "prodigy: past the end": (
        "prodigy",
        '{"text": "a", "spans": [{"start": 0, "end": 2, "label": "X"}]}',
        "past",
    ),
    "prodigy: no label": ("prodigy", '{"text": "a", "spans": [{"start": 0, "end": 1}]}', "label is missing"),
    "label-studio: other text": ("label-studio", studio(region(0, 4, "Mars")), "another text"),
    "label-studio: several": ("label-studio", studio(region(0, 4, "Vega"), number=2), "several annotations"),
    "label-studio: no region": (
        "label-studio",
        studio({"type": "relation", "from_id": "a", "to_id": "b", "labels": ["r"]}),
        "region isn't there",
    ),
    "label-studio: not a list": ("label-studio", '{"a": 1}', "isn't a list"),
    "label-studio: which text": (
        "label-studio",
        json.dumps([{"data": {"a": "x", "b": "y"}, "annotations": []}]),
        "which field",
    ),
    "pubtator: other text": ("pubtator", "2|t|Vega\n2|a|\n2\t0\t4\tMars\tStar\t1\n", "another text"),
    "pubtator: past the end": ("pubtator", "2|t|Vega\n2|a|\n2\t0\t40\tVega\tStar\t1\n", "past the end"),
    "pubtator: no title": ("pubtator", "2|a|Vega\n", "no title"),
    "pubtator: two in one": ("pubtator", "2|t|Vega\n3|t|Mars\n", "another document"),
    "pubtator: columns": ("pubtator", "2|t|Vega\n2|a|\n2 0 4\n", "can't be read"),
    "pubtator: no such id": ("pubtator", "2|t|Vega\n2|a|\n2\tCID\tD1\tD2\n", "relation's id"),
    "conll: broken BIO": ("conll", "a X X B-A\nb X X I-B\n", "no beginning"),
    "conll: mixed schemes": ("conll", "a X X B-A\nb X X O\nc X X I-A\n", "no beginning"),
    "conll: no end": ("conll", "a X X B-A\nb X X S-B\n", "no end"),
    "conll: one column": ("conll", "word\n", "too few columns"),
    "conll: not a tag": ("conll", "word NN\n", "a tag can't be read"),
    "bioc: other text": ("bioc", bioc(0, 4, "Mars"), "another text"),
    "bioc: past the end": ("bioc", bioc(0, 9, "Vega"), "past the end"),
    "bioc: no annotation": (
        "bioc",
        bioc(0, 4, "Vega", relations=[{"id": "R", "infons": {}, "nodes": [{"refid": "9", "role": ""}]}]),
        "isn't there",
    ),
    "bioc: something else": ("bioc", "[]", "isn't BioC"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fault_is_refused_or_set_aside(tmp_path: Path, case: str) -> None:
    name, content, problem = BAD[case]
    path = tmp_path / f"x{SUFFIX[name]}"
    path.write_text(GOOD.get(name, "") + content, encoding="utf-8")
    with pytest.raises(FormatError) as caught:
        read_documents(path, name)
    assert problem in printable(caught.value)
    assert str(path) in str(caught.value)
    if caught.value.problem != "the text holds a character that plain.html can't carry":
        assert caught.value.legal
    report = FormatReport()
    if name in GOOD:
        documents = read_documents(path, name, on_problem="report", report=report)
        if name != "conll":
            assert [len(one.annotations) for one in documents] == [1]
        assert len(report.faults) == (2 if case == "conll: no end" else 1)
        assert any(problem in line for line in report.places()) or "isn't JSON" in problem
    else:
        with pytest.raises(FormatError, match="no document in it can be read"):
            read_documents(path, name, on_problem="report", report=report)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "ab", "label": [[0, 3, "X"]]}\n' * 12, encoding="utf-8")
    with pytest.raises(FormatError, match="12 records can't be read") as caught:
        read_documents(path, "doccano")
    assert "line 1" in str(caught.value)
    assert "… and 2 more" in str(caught.value)


@pytest.mark.parametrize("name", [*SUFFIX, "brat", "xmi", "parquet"])
def test_empty_and_missing_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"x{SUFFIX.get(name, '')}"
    with pytest.raises(FormatError, match="no file to read"):
        read_documents(path, name)
    path.mkdir()
    with pytest.raises(FormatError, match="no file to read"):
        read_documents(path, name)
    path.rmdir()
    if name in SUFFIX:
        path.write_text("")
        with pytest.raises(FormatError):
            read_documents(path, name)


@pytest.mark.parametrize("name", SUFFIX)
def test_another_encoding(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"x{SUFFIX[name]}"
    path.write_bytes('{"text": "größer"}'.encode("latin-1"))
    with pytest.raises(FormatError, match="isn't UTF-8") as caught:
        read_documents(path, name)
    assert "byte 12" in str(caught.value)


def brat(folder: Path, text: str, ann: str) -> Path:
    folder.mkdir()
    (folder / "d.txt").write_text(text, encoding="utf-8")
    (folder / "d.ann").write_text(ann, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("ann", "problem"),
    [
        ("T1\tStar 0 4\tMars\n", "another text"),
        ("T1\tStar 0 40\tVega\n", "past the end"),
        ("T1 Star 0 4 Vega\n", "can't be read"),
        ("T1\tStar 0 4\tVega\nT1\tStar 0 4\tVega\n", "one id"),
        ("R1\tnear Arg1:T1 Arg2:T2\n", "no text-bound annotation"),
        ("N1\tReference T1 Wiki:1\tVega\n", "no text-bound annotation"),
        ("X1\tStar\n", "unknown kind"),
    ],
)
def test_brat(tmp_path: Path, ann: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        read_documents(brat(tmp_path / "x", "Vega", ann), "brat")


def test_brat_without_a_text(tmp_path: Path) -> None:
    (tmp_path / "d.ann").write_text("")
    with pytest.raises(FormatError, match="no text beside it"):
        read_documents(tmp_path, "brat")


def test_several_annotations_of_a_task(tmp_path: Path) -> None:
    tasks = json.loads(studio(region(0, 4, "Vega")))
    other = {"completed_by": {"email": "ben@x.org"}, "result": [region(8, 12, "Mars")]}
    tasks[0]["annotations"] = [
        {"completed_by": 3, **tasks[0]["annotations"][0]},
        other,
        {"was_cancelled": True},
    ]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(tasks))

    def surfaces(annotation: str) -> dict[str, list[str]]:
        [document] = read_documents(path, "label-studio", settings={"annotation": annotation})
        return {name: [one.text for one in version] for name, version in document.versions.items()}

    assert surfaces("first") == {"master": ["Vega"]}
    assert surfaces("last") == {"master": ["Mars"]}
    assert surfaces("members") == {"3": ["Vega"], "ben": ["Mars"]}
    report = FormatReport()
    read_documents(path, "label-studio", settings={"annotation": "last"}, report=report)
    assert {kind: loss.number for kind, loss in report.losses.items()} == {
        "cancelled": 1,
        "other_annotations": 1,
    }


def test_rejected_and_ignored_answers(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        {"text": "a", "spans": [{"start": 0, "end": 1, "label": "X"}], "answer": "reject"},
        {"text": "b", "answer": "ignore"},
        {"text": "c", "label": "GOOD", "answer": "reject"},
        {"text": "d", "label": "GOOD", "answer": "accept"},
        {"text": "e"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = FormatReport()
    documents = read_documents(path, "prodigy", report=report)
    assert [one.text for one in documents] == ["c", "d", "e"]
    assert [[meta["value"] for meta in one.annotations.metas.values()] for one in documents] == [
        [False],
        [True],
        [],
    ]
    assert [list(one.versions) for one in documents] == [["master"], ["master"], []]
    assert {kind: loss.number for kind, loss in report.losses.items()} == {
        "rejected: reject": 1,
        "rejected: ignore": 1,
    }


def test_several_answers_to_one_text(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        {
            "text": "ab",
            "_input_hash": 7,
            "_annotator_id": who,
            "answer": "accept",
            "spans": [{"start": 0, "end": end, "label": "X"}],
        }
        for who, end in (("ada", 1), ("ben", 2))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(FormatError, match="one id"):
        read_documents(path, "prodigy")
    [document] = read_documents(path, "prodigy", settings={"sessions": "last"})
    assert [one.text for one in document.annotations] == ["ab"]
    [document] = read_documents(path, "prodigy", settings={"sessions": "members"})
    assert list(document.versions) == ["ada", "ben"]


def test_offsets_in_another_unit(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "😀 Vega", "label": [[3, 7, "Star"]]}\n', encoding="utf-8")
    with pytest.raises(FormatError, match="utf-16"):
        read_documents(path, "doccano")
    [document] = read_documents(path, "doccano", settings={"offset_unit": "utf-16"})
    assert [one.text for one in document.annotations] == ["Vega"]
    path.write_text('{"text": "😀 Vega", "label": [[1, 7, "Star"]]}\n', encoding="utf-8")
    with pytest.raises(FormatError, match="middle of a character"):
        read_documents(path, "doccano", settings={"offset_unit": "utf-16"})


@pytest.mark.parametrize("shift", [0, 1], ids=["code points", "UTF-16"])
def test_label_studios_unit_is_that_of_its_texts(tmp_path: Path, shift: int) -> None:
    path = tmp_path / "x.json"
    path.write_text(studio(region(0, 4, "Vega"), region(7 + shift, 11 + shift, "Mars", "b")))
    [document] = read_documents(path)
    assert [one.text for one in document.annotations] == ["Vega", "Mars"]


def test_line_breaks_of_windows_keep_entities_in_place(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"text": "a\r\nb\r\nVega", "label": [[6, 10, "Star"]]}))
    report = FormatReport()
    [document] = read_documents(path, report=report)
    assert document.text == "a\nb\nVega"
    assert [one.text for one in document.annotations] == ["Vega"]
    assert report.losses["line_breaks"].number == 1


def test_a_legend_that_lacks_a_name(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(GOOD["doccano"])
    [document] = read_documents(path, "doccano", legend=Legend({"e_7": "Star"}))
    assert [one.class_id for one in document.annotations] == ["e_7"]
    with pytest.raises(FormatError, match="no entity type of this name"):
        read_documents(path, "doccano", legend=Legend({"e_7": "Planet"}))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("doccano", {"offset_unit": "bytes"}),
        ("doccano", {"empty": "x"}),
        ("prodigy", {"sessions": "x"}),
        ("label-studio", {"annotation": "x"}),
        ("conll", {"scheme": "x"}),
        ("conll", {"column": -1}),
        ("conll", {"colour": 1}),
        ("dokano", {}),
        ("", {}),
    ],
)
def test_wrong_settings(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_documents(tmp_path / "x.txt", name, settings=settings)
    assert caught.value.legal


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(GOOD["doccano"])
    documents = read_documents(path)
    with pytest.raises(OutputExistsError):
        write_documents(documents, path, "doccano")
    with pytest.raises(ArgumentError, match="versions of members"):
        write_documents(documents, tmp_path / "y.jsonl", "doccano", member="*")

    def broken() -> Any:
        yield documents[0]
        raise KeyError

    for name in ("doccano", "brat", "parquet", "xmi"):
        with pytest.raises(KeyError):
            write_documents(broken(), tmp_path / "out", name)
    assert sorted(tmp_path.iterdir()) == [path]


def test_wrong_offsets_of_a_document_are_refused_or_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(GOOD["doccano"])
    [document] = read_documents(path)
    document.annotations.data["entities"][0]["offsets"][0]["text"] = "Mars"
    with pytest.raises(FormatError, match="doesn't stand at its offset"):
        write_documents([document], tmp_path / "y.jsonl", "doccano")
    assert not (tmp_path / "y.jsonl").exists()
    report = FormatReport()
    write_documents([document], tmp_path / "y.jsonl", "doccano", on_problem="report", report=report)
    assert report.losses["unplaced"].number == 1
