"""Streams of Docs and Examples: .spacy files, folders, projects; the split; converters of one's own."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import LEGEND, E, document
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from strategies import quick

from spacy_tagtog.anndoc import Document, Legend, Project, write_project
from spacy_tagtog.convert import (
    AnndocConverter,
    AnndocCorpus,
    ConversionReport,
    Converter,
    convert_documents,
    converters,
    doc_to_document,
    document_to_doc,
    make_converter,
    read_spacy,
    write_docbin,
)
from spacy_tagtog.convert.split import parse_split, side_of
from spacy_tagtog.convert.state import get_state
from spacy_tagtog.errors import (
    AnnJsonError,
    ConfigurationError,
    ConversionError,
    MissingPartnerError,
    PlainHtmlError,
    ProjectError,
)


def numbered(count: int) -> list[Document]:
    """Documents 0, 1…: every third is unconfirmed, the last has no annotations."""
    made = [
        document(
            f"Mars {number} and Venus",
            entities=[E(1, 0, 4, "e_2")],
            complete=number % 3 != 2,
            name=f"{number:02}.txt",
        )
        for number in range(count)
    ]
    for number, one in enumerate(made):
        one.id = f"{'a' * 27}b-{number:02}"
    made[-1] = Document(made[-1].id, made[-1].html, {}, legend=LEGEND)
    return made


@pytest.fixture
def places(nlp: Language, tmp_path: Path) -> dict[str, Path]:
    """One corpus in all the forms that can be read."""
    made = numbered(10)
    write_project(made, tmp_path / "project")
    write_project(made, tmp_path / "project.zip")
    docs = [document_to_doc(one, nlp) for one in made if one.versions and one.annotations.complete]
    write_docbin(docs, tmp_path / "all.spacy")
    write_docbin(docs[:2], tmp_path / "shards" / "a" / "1.spacy")
    write_docbin(docs[2:], tmp_path / "shards" / "b.spacy")
    (tmp_path / "shards" / ".part-x").mkdir()
    (tmp_path / "shards" / ".part-x" / "c.spacy").write_bytes(b"half")
    return {
        name: tmp_path / path
        for name, path in (
            ("folder", "project"),
            ("zip", "project.zip"),
            ("file", "all.spacy"),
            ("shards", "shards"),
        )
    }


def texts(examples: Iterator[Example]) -> list[str]:
    return [example.text for example in examples]


@pytest.mark.parametrize("form", ["folder", "zip", "file", "shards"])
@pytest.mark.parametrize("as_type", [str, Path])
def test_every_form_gives_the_same_examples(
    nlp: Language, places: dict[str, Path], form: str, as_type: Any
) -> None:
    corpus = AnndocCorpus(as_type(places[form]))
    for _ in range(2):
        examples = list(corpus(nlp))
        assert [example.text.split()[1] for example in examples] == ["0", "1", "3", "4", "6", "7"]
        for example in examples:
            assert [(ent.text, ent.label_) for ent in example.reference.ents] == [("Mars", "Planet")]
            assert not example.predicted.ents
            assert get_state(example.reference) is not None
            assert get_state(example.predicted) is None


def test_a_project_folder_that_also_holds_spacy_files(nlp: Language, places: dict[str, Path]) -> None:
    write_docbin([nlp("something else")], places["folder"] / "old" / "train.spacy")
    assert len(list(AnndocCorpus(places["folder"])(nlp))) == 6


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("confirmed", "0 1 3 4 6 7"), ("unconfirmed", "2 5 8"), ("all", "0 1 2 3 4 5 6 7 8")],
)
def test_which_documents(nlp: Language, places: dict[str, Path], choice: Any, expected: str) -> None:
    corpus = AnndocCorpus(places["folder"], documents=choice)
    assert [text.split()[1] for text in texts(corpus(nlp))] == expected.split()
    assert corpus.report.is_balanced
    assert corpus.report.documents_in == 10


@pytest.mark.parametrize("form", ["folder", "zip", "file", "shards"])
def test_sides_divide_the_documents(nlp: Language, places: dict[str, Path], form: str) -> None:
    everything = texts(AnndocCorpus(places[form])(nlp))
    sides = {
        side: texts(AnndocCorpus(places[form], split="dev=0.3,test=0.3", side=side)(nlp))
        for side in ("train", "dev", "test")
    }
    assert sorted(text for side in sides.values() for text in side) == everything
    assert all(sides.values())


def test_sides_are_the_same_in_every_form(nlp: Language, places: dict[str, Path]) -> None:
    read = {tuple(texts(AnndocCorpus(path, split="dev=0.4", side="dev")(nlp))) for path in places.values()}
    assert len(read) == 1


def test_docs_that_know_no_document_cant_be_split(nlp: Language, tmp_path: Path) -> None:
    write_docbin([nlp("foreign")], tmp_path / "foreign.spacy")
    assert texts(AnndocCorpus(tmp_path / "foreign.spacy")(nlp)) == ["foreign"]
    for side in ("train", "dev"):
        with pytest.raises(ConversionError, match="can't be chosen by split"):
            list(AnndocCorpus(tmp_path / "foreign.spacy", split="dev=0.2", side=side)(nlp))
    with pytest.raises(ConversionError, match="can't be chosen by split or folder"):
        list(AnndocCorpus(tmp_path / "foreign.spacy", folders=["pool"])(nlp))


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["pool/round_1"], "1 3"),
        (["round_1"], "1 3"),
        (["pool/round_10"], "4"),
        (["pool/round_1/late/"], "3"),
        (["pool/round_10", "pool/round_1/late"], "3 4"),
        (["pool"], "0 1 3 4"),
        ([], "0 1 3 4"),
        (None, "0 1 3 4"),
    ],
)
def test_folders(nlp: Language, tmp_path: Path, folders: list[str] | None, expected: str) -> None:
    made = numbered(6)
    for one, folder in zip(
        made,
        ("pool", "pool/round_1", "pool/round_1", "pool/round_1/late", "pool/round_10", "pool"),
        strict=True,
    ):
        one.folder = folder
    write_project(made, tmp_path / "project.zip")
    write_docbin([document_to_doc(made[number], nlp) for number in (0, 1, 3, 4)], tmp_path / "docs.spacy")
    for path in (tmp_path / "project.zip", tmp_path / "docs.spacy"):
        corpus = AnndocCorpus(path, folders=folders)
        assert [text.split()[1] for text in texts(corpus(nlp))] == expected.split()
        assert corpus.report.is_balanced
    zipped = AnndocCorpus(tmp_path / "project.zip", folders=folders)
    list(zipped.docs(nlp))
    assert zipped.report.documents_in == 6
    assert zipped.report.documents_out == len(expected.split())


def test_a_folder_that_no_document_is_in(nlp: Language, places: dict[str, Path]) -> None:
    with pytest.raises(ProjectError, match="no document is in this folder") as raised:
        list(AnndocCorpus(places["folder"], folders=["pool/nowhere"])(nlp))
    assert raised.value.legal == "pool"
    with pytest.raises(ConversionError, match="nothing to read"):
        list(AnndocCorpus(places["file"], folders=["pool/nowhere"])(nlp))


@pytest.mark.parametrize("wrong", [{"documents": "some"}, {"on_problem": "ignore"}])
def test_unknown_choices(places: dict[str, Path], wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown value of {next(iter(wrong))}"):
        AnndocCorpus(places["folder"], **wrong)


def test_an_unknown_side(places: dict[str, Path]) -> None:
    with pytest.raises(ConfigurationError, match="dev, train"):
        AnndocCorpus(places["folder"], split="dev=0.2", side="test")
    with pytest.raises(ConfigurationError):
        AnndocCorpus(places["folder"], side="dev")


@pytest.mark.parametrize("form", ["folder", "file"])
def test_limits(nlp: Language, places: dict[str, Path], form: str) -> None:
    assert len(texts(AnndocCorpus(places[form], limit=2)(nlp))) == 2
    assert len(texts(AnndocCorpus(places[form], limit=100)(nlp))) == 6
    assert len(texts(AnndocCorpus(places[form], max_length=4)(nlp))) == 6
    with pytest.raises(ConversionError, match="nothing to read"):
        list(AnndocCorpus(places[form], max_length=3)(nlp))


def test_shuffled(nlp: Language, places: dict[str, Path]) -> None:
    corpus = AnndocCorpus(places["file"], shuffle=True)
    random.seed(0)
    orders = [texts(corpus(nlp)) for _ in range(6)]
    assert len({tuple(order) for order in orders}) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1
    random.seed(0)
    assert texts(corpus(nlp)) == orders[0]


def test_augmented(nlp: Language, places: dict[str, Path]) -> None:
    def twice(_: Language, example: Example) -> Iterator[Example]:
        yield example
        yield example

    assert len(texts(AnndocCorpus(places["file"], augmenter=twice)(nlp))) == 12


def test_nothing_to_read(nlp: Language, tmp_path: Path) -> None:
    write_project([document("Mars", complete=False)], tmp_path / "project")
    write_docbin([], tmp_path / "none.spacy")
    for place in ("project", "none.spacy"):
        with pytest.raises(ConversionError, match="nothing to read"):
            list(AnndocCorpus(tmp_path / place)(nlp))
    for place in ("absent", "absent.zip"):
        with pytest.raises(ProjectError):
            list(AnndocCorpus(tmp_path / place)(nlp))
    with pytest.raises(ConversionError, match="no such file"):
        list(AnndocCorpus(tmp_path / "absent.spacy")(nlp))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError):
        list(AnndocCorpus(tmp_path / "empty")(nlp))


@pytest.mark.parametrize("content", [b"", b"not zlib", zlib.compress(b"not msgpack"), zlib.compress(b"\x80")])
def test_broken_spacy_files(nlp: Language, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.spacy").write_bytes(content)
    for path in (tmp_path / "x.spacy", tmp_path):
        with pytest.raises(ConversionError, match=r"x\.spacy"):
            list(AnndocCorpus(path)(nlp))


def test_a_truncated_spacy_file(places: dict[str, Path]) -> None:
    data = places["file"].read_bytes()
    places["file"].write_bytes(data[: len(data) // 2])
    with pytest.raises(ConversionError, match="convert the documents again"):
        list(read_spacy(places["file"], Vocab()))


def broken_project(folder: Path) -> Path:
    """Documents: good, wrong offset, broken JSON, broken HTML, no content, unconfirmed with a fault."""
    wrong = E(1, 0, 4, keys={"offsets": [{"start": 3, "text": "Deneb"}]})
    made = [
        document("Mars", entities=[E(1, 0, 4)], name="good"),
        document("Mars", entities=[wrong, E(1, 0, 4)], name="offset"),
        document("Mars", name="json"),
        document("Mars", name="html"),
        document("Mars", name="orphan"),
        document("Mars", entities=[wrong], complete=False, name="unconfirmed"),
    ]
    write_project(made, folder)
    ids = {one.html.origid: one.id for one in made}
    (folder / f"ann.json/master/pool/{ids['json']}.ann.json").write_text("{")
    (folder / f"plain.html/pool/{ids['html']}.plain.html").write_text("<html")
    (folder / f"plain.html/pool/{ids['orphan']}.plain.html").unlink()
    return folder


def test_faults_are_set_aside_and_listed(nlp: Language, tmp_path: Path) -> None:
    corpus = AnndocCorpus(broken_project(tmp_path / "project"), on_problem="report")
    assert texts(corpus(nlp)) == ["Mars", "Mars"]
    assert corpus.report.is_balanced
    assert corpus.report.reasons == {"no_content": 1, "unreadable": 2, "offset_mismatch": 1, "unconfirmed": 1}
    assert all(item.document for item in corpus.report.items)


def test_two_files_that_claim_to_be_one_version_are_listed_as_that(nlp: Language, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_project([document("Mars", name=name) for name in ("good", "twice")], folder)
    [path] = folder.rglob("*-twice.plain.html")
    (folder / "plain.html/pool/other").mkdir()
    (folder / "plain.html/pool/other" / path.name).write_bytes(path.read_bytes())
    corpus = AnndocCorpus(folder, on_problem="report")
    assert texts(corpus(nlp)) == ["Mars", "Mars"]  # of the two the first
    assert corpus.report.reasons == {"duplicate_files": 1}
    assert corpus.report.is_balanced


@pytest.mark.parametrize(
    ("keep", "error"),
    [
        ("offset", ConversionError),
        ("json", AnnJsonError),
        ("html", PlainHtmlError),
        ("orphan", MissingPartnerError),
    ],
)
def test_faults_are_refused(nlp: Language, tmp_path: Path, keep: str, error: type[Exception]) -> None:
    project = Project.open(broken_project(tmp_path / "project"), strict=False)
    chosen = project.select(lambda doc_id: doc_id.endswith((keep, "good")))
    if keep != "orphan":
        chosen.problems.clear()
    report = ConversionReport()
    with pytest.raises(error):
        list(convert_documents(chosen, nlp, make_converter(), report))
    assert report.is_balanced


def test_nothing_of_a_document_with_a_fault_is_given(nlp: Language) -> None:
    wrong = document("Mars", entities=[E(1, 0, 4, "e_9")], name="b")
    stream = convert_documents(
        [document("Venus", name="a"), wrong], nlp, make_converter(), ConversionReport()
    )
    assert next(stream).text == "Venus"
    with pytest.raises(ConversionError, match="e_9"):
        next(stream)


class Paragraphs:
    """A converter as a user would write one: a Doc for every part."""

    def __init__(self, member: str, upper: bool) -> None:
        self.member = member
        self.upper = upper
        self.inner = AnndocConverter()

    def to_docs(self, document: Document, nlp: Language, report: ConversionReport) -> Iterator[Doc]:
        report.documents_in += 1
        report.documents_out += 1
        for part in document:
            report.docs_out += 1
            yield nlp.make_doc(part.text.upper() if self.upper else part.text)

    def to_document(
        self, docs: Sequence[Doc], *, legend: Legend | None = None, who: str = "ml:spacy"
    ) -> Document:
        return doc_to_document(docs[0], legend=legend, who=who)


OWN = "spacy-tagtog-tests.Paragraphs.v1"


@converters(OWN)
def make_paragraphs(member: str = "master", *, upper: bool) -> Converter:
    return Paragraphs(member, upper)


def test_a_converter_of_ones_own(nlp: Language, tmp_path: Path) -> None:
    write_project([document("Mars", "Venus")], tmp_path / "project")
    corpus = AnndocCorpus(tmp_path / "project", converter=OWN, settings={"upper": True})
    assert texts(corpus(nlp)) == ["MARS", "VENUS"]
    assert corpus.report.docs_out == 2
    assert corpus.report.is_balanced
    converter = make_converter(OWN, {"upper": False, "member": "bob"})
    assert isinstance(converter, Converter)
    assert [
        doc.text
        for doc in convert_documents([document("a", "b", member="bob")], nlp, converter, ConversionReport())
    ] == ["a", "b"]


def test_a_converter_that_nobody_registered() -> None:
    with pytest.raises(ConfigurationError, match=r"spacy-tagtog\.Anndoc\.v1"):
        make_converter("acme.None.v1")


@pytest.mark.parametrize("wrong", [{"upper": True, "x": 1}, {}, {"member": "bob"}])
def test_settings_that_a_converter_doesnt_take(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="member, upper"):
        make_converter(OWN, wrong)


def test_settings_of_the_builtin_converter() -> None:
    converter = make_converter(
        settings={"member": "bob", "alignment": "strict", "ents": "first", "offset_unit": "code-point"}
    )
    assert converter.member == "bob"
    for wrong in ({"alignment": "x"}, {"ents": 3}, {"offset_unit": None}, {"tokens": 1}):
        with pytest.raises(ConfigurationError):
            make_converter(settings=wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" , ", {}),
        ("dev=0.2", {"dev": 0.2}),
        (" dev = 0.1 ,test=.2,", {"dev": 0.1, "test": 0.2}),
        ("dev=1e-3", {"dev": 0.001}),
    ],
)
def test_splits_that_can_be_read(text: str, expected: dict[str, float]) -> None:
    assert parse_split(text.replace(" = ", "=")) == expected


@pytest.mark.parametrize(
    "text",
    [
        *[
            "dev",
            "dev=",
            "=0.2",
            "dev=x",
            "dev=0",
            "dev=1",
            "dev=-0.1",
            "dev=1.5",
            "dev=nan",
            "dev=inf",
            "dev=0.2;test=0.2",
        ],
        *["train=0.8", "dev=0.1,dev=0.1", "a-b=0.1"],
        # Nothing left for training, also where floating point makes the sum a little less than 1.
        *["dev=0.5,test=0.5", "dev=0.7,test=0.2,other=0.1", "dev=0.6,test=0.6"],
    ],
)
def test_splits_that_cant_be_read(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_split(text)


@settings(quick)
@given(ids=st.lists(st.text(max_size=20), unique=True), shares=st.lists(st.floats(0.01, 0.3), max_size=3))
def test_a_document_never_changes_sides(ids: list[str], shares: list[float]) -> None:
    names = dict(zip(("dev", "test", "other"), shares, strict=False))
    before = {doc_id: side_of(doc_id, names) for doc_id in ids[: len(ids) // 2]}
    after = {doc_id: side_of(doc_id, names) for doc_id in reversed(ids)}
    assert before.items() <= after.items()
    assert set(after.values()) <= {*names, "train"}


def test_sides_are_the_same_for_ever() -> None:
    """Fixed values: another hash would mix what was trained on into what is evaluated on."""
    assert [side_of(f"doc-{number}", {"dev": 0.2, "test": 0.3}) for number in range(8)] == [
        "train",
        "train",
        "test",
        "train",
        "train",
        "train",
        "test",
        "dev",
    ]


@pytest.mark.parametrize("shares", [{"dev": 0.2}, {"dev": 0.1, "test": 0.3}, {"dev": 0.5, "test": 0.45}])
def test_shares_are_respected(shares: dict[str, float]) -> None:
    number = 20_000
    counts = Counter(side_of(f"a{n}-note.txt", shares) for n in range(number))
    for name, share in {**shares, "train": 1 - sum(shares.values())}.items():
        # Five standard deviations of a binomial distribution.
        assert abs(counts[name] - number * share) < 5 * (number * share * (1 - share)) ** 0.5
