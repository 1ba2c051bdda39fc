"""Several members' versions in one conversion, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import srsly
from builders import LEGEND, E, document
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_tagtog.anndoc import Document, Legend, Project, write_project
from spacy_tagtog.cli import app
from spacy_tagtog.convert import ConversionReport, convert_documents, document_to_doc, make_converter
from spacy_tagtog.convert.state import get_state
from spacy_tagtog.errors import ConfigurationError, ConversionError
from spacy_tagtog.steps.convert import convert, convert_back

TEXTS = ("Sirius and Vega are stars", "Mars is none 🪐 but Venus neither")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Documents with three versions (cy's is not confirmed), with two, and with master only."""
    of_ann = [E(1, 0, 6), E(2, 19, 24, "e_2")]
    of_bob = [E(1, 0, 6), E(1, 11, 15), E(2, 0, 4, "e_2")]
    documents = []
    for name, members in (
        ("one", ("master", "ann", "bob", "cy")),
        ("two", ("ann", "bob")),
        ("three", ("master",)),
    ):
        versions = {}
        for member in members:
            made = document(
                *TEXTS,
                entities=of_bob if member == "bob" else of_ann,
                complete=member != "cy",
                member=member,
                name=f"{name}.txt",
            )
            versions[member] = made.versions[member]
        documents.append(Document(f"{'a' * 27}b-{name}.txt", made.html, versions, legend=LEGEND))
    write_project(documents, tmp_path / "project")
    return tmp_path / "project"


def members_in(path: Path, nlp: Language) -> list[tuple[str, str, int]]:
    found = []
    for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
        state = get_state(doc)
        assert state is not None
        found.append((state.id[29:-4], state.member, len(doc.ents)))
    return found


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("bob", [("one", "bob", 3), ("two", "bob", 3)]),
        ("bob,ann", [("one", "bob", 3), ("one", "ann", 2), ("two", "bob", 3), ("two", "ann", 2)]),
        ("ann, bob ,ann", [("one", "ann", 2), ("one", "bob", 3), ("two", "ann", 2), ("two", "bob", 3)]),
        (
            "*",
            [
                ("one", "ann", 2),
                ("one", "bob", 3),
                ("one", "master", 2),
                ("three", "master", 2),
                ("two", "ann", 2),
                ("two", "bob", 3),
            ],
        ),
    ],
)
def test_one_doc_for_each_version(
    project: Path, tmp_path: Path, nlp: Language, member: str, expected: list[Any]
) -> None:
    report = ConversionReport()
    convert(project, tmp_path / "out", settings={"member": member}, report=report)
    found = members_in(tmp_path / "out/train.spacy", nlp)
    assert sorted(found) == sorted(expected)
    if member == "bob,ann":
        assert [one[1] for one in found] == ["bob", "ann"] * 2  # side by side, in the order named
    assert report.is_balanced
    assert report.documents_out == len(expected)


def test_who_is_missing_or_not_ready_is_listed(project: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        [
            "convert",
            str(project),
            str(tmp_path / "out"),
            "--set",
            "member=ann,cy",
            "--report",
            str(tmp_path / "r.json"),
        ],
    )
    assert result.exit_code == 0, result.output
    items = srsly.read_json(tmp_path / "r.json")["items"]
    assert {(item["reason"], item["member"], item["document"][29:-4]) for item in items} == {
        ("unconfirmed", "cy", "one"),
        ("not_annotated", "cy", "two"),
        ("not_annotated", "ann", "three"),
        ("not_annotated", "cy", "three"),
    }


@pytest.mark.parametrize("unit", ["document", "part"])
def test_all_versions_come_back(project: Path, tmp_path: Path, unit: str) -> None:
    convert(project, tmp_path / "out", settings={"member": "*", "unit": unit}, documents="all")
    assert convert_back(tmp_path / "out", tmp_path / "back").documents == 3
    before, after = Project.open(project), Project.open(tmp_path / "back")
    for one in before:
        other = after[one.id]
        assert dict(other.versions) == dict(one.versions)
        assert other.html.data == one.html.data


def test_an_edit_of_one_members_doc_changes_that_version_only(
    project: Path, tmp_path: Path, nlp: Language
) -> None:
    convert(project, tmp_path / "out", settings={"member": "ann,bob"})
    docs = list(DocBin(store_user_data=True).from_disk(tmp_path / "out/train.spacy").get_docs(nlp.vocab))
    edited = next(doc for doc in docs if get_state(doc).member == "bob")
    edited.ents = edited.ents[1:]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "out/train.spacy")
    convert_back(tmp_path / "out", tmp_path / "back")
    before, after = Project.open(project), Project.open(tmp_path / "back")
    doc_id = edited._.anndoc_id
    assert [len(after[doc_id].versions[name]) for name in ("ann", "bob")] == [2, 2]
    assert after[doc_id].versions["ann"] == before[doc_id].versions["ann"]


def test_the_same_version_twice_is_refused(project: Path, tmp_path: Path, nlp: Language) -> None:
    documents = list(Project.open(project))
    doc = document_to_doc(documents[0], nlp)
    other = document_to_doc(documents[0], nlp)
    state = other.user_data["anndoc"]
    state["html"] = state["html"].replace(b"<body", b'<body data-x="1"')
    state["member"] = "dan"
    DocBin(docs=[doc, other], store_user_data=True).to_disk(tmp_path / "train.spacy")
    with pytest.raises(ConversionError, match="claim to be"):
        convert_back(tmp_path / "train.spacy", tmp_path / "back")


class OneMember:
    """A converter that can't be split."""

    member = "ann,bob"

    def to_docs(self, document: Document, nlp: Language, report: ConversionReport) -> Iterator[Doc]:
        yield nlp.make_doc(document.text)

    def to_document(self, docs: Sequence[Doc], *, legend: Legend | None = None, who: str = "") -> Document:
        raise NotImplementedError


def test_a_converter_that_cant_be_split(project: Path, nlp: Language) -> None:
    with pytest.raises(ConfigurationError, match="one member"):
        list(convert_documents(Project.open(project), nlp, OneMember(), ConversionReport()))


def test_a_fault_names_the_member(project: Path, tmp_path: Path, nlp: Language) -> None:
    path = next(path for path in project.rglob("*one*.ann.json*") if "bob" in str(path.relative_to(project)))
    path.write_text(path.read_text().replace('"Vega"', '"Wega"'))
    report = ConversionReport()
    with pytest.raises(ConversionError, match=r"\(bob\), part s1p1"):
        list(
            convert_documents(
                Project.open(project), nlp, make_converter(settings={"member": "*", "repair": False}), report
            )
        )
    convert(
        project,
        tmp_path / "out",
        settings={"member": "*", "repair": False},
        on_problem="report",
        report=report,
    )
    page = tmp_path / "r.html"
    result = CliRunner().invoke(
        app, ["validate", str(project), "--set", "member=*", "--set", "repair=no", "--report", str(page)]
    )
    assert result.exit_code == 1
    assert "(bob), part s1p1" in page.read_text()
