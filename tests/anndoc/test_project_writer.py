"""Writing projects: all or nothing, and what is written is read."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from project_layouts import (
    NAMES,
    Files,
    html,
)
from strategies import document_ids, file_names, projects, quick, slow

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    PlainHtml,
    Project,
    write_project,
)
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.errors import (
    AnnJsonError,
    DuplicateDocumentError,
    OutputExistsError,
    ProjectError,
    WriteError,
)

# ---- names in the download layout


def test_document_paths() -> None:
    assert document_paths("a.txt") == (
        PurePosixPath("plain.html/pool/a.txt.plain.html"),
        PurePosixPath("ann.json/master/pool/a.txt.ann.json"),
    )
    assert document_paths("a", "pool/x y/ü", "zoë") == (
        PurePosixPath("plain.html/pool/x y/ü/a.plain.html"),
        PurePosixPath("ann.json/members/zoë/pool/x y/ü/a.ann.json"),
    )


BAD = [
    "",
    ".",
    "..",
    "/",
    "/x",
    "x/",
    "a//b",
    "../x",
    "x/..",
    "x/../y",
    "\\",
    "a\\b",
    "x\0y",
    ".hidden",
    "x/.hidden",
    "\ud800",
    "x\udcff",
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_can_not_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="document id") as caught:
        document_paths(name)
    assert str(caught.value).encode()
    with pytest.raises(ProjectError, match="member"):
        document_paths("a", "pool", name)
    with pytest.raises(ProjectError, match="folder"):
        document_paths("a", name)
    document = Document("a", PlainHtml(html()))
    for wrong in (
        Document(name, PlainHtml(html())),
        Document("b", PlainHtml(html()), folder=name),
        Document("b", PlainHtml(html()), {name: Annotations.empty()}),
    ):
        for target in (tmp_path / "out", tmp_path / "out.zip"):
            with pytest.raises(ProjectError):
                write_project([document, wrong], target)
    assert list(tmp_path.rglob("*")) == []


@quick
@given(
    st.text(st.characters() | st.sampled_from("./\\"), max_size=6),
    st.text(st.characters() | st.sampled_from("./\\"), max_size=6),
    file_names(),
)
def test_no_name_leads_outside(doc_id: str, folder: str, member: str) -> None:
    try:
        paths = document_paths(doc_id, folder, member)
    except ProjectError:
        return
    for path in paths:
        assert not path.is_absolute()
        assert not any(piece.startswith(".") for piece in path.parts)
        assert path.parts[0] in ("plain.html", "ann.json")
        assert str(path).encode()


# ---- writing


def same(first: Document, second: Document) -> None:
    assert (second.id, second.folder, second.legend) == (first.id, first.folder, first.legend)
    assert second.html.data == first.html.data
    assert dict(second.versions) == dict(first.versions)
    assert {member: version.dumps() for member, version in second.versions.items()} == {
        m: v.dumps() for m, v in first.versions.items()
    }


@slow
@given(
    projects(),
    st.sampled_from(
        ["out", "out.zip", "x.ZIP", "dot.ted", "plain.html.zip", "__MACOSX.zip", "a\\b.zip", "....zip"]
    ),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document], name: str
) -> None:
    path = tmp_path_factory.mktemp("written") / name
    assert write_project(iter(documents), path) == len(documents)
    assert path.is_dir() == (not name.lower().endswith(".zip"))
    project = Project.open(path)
    assert sorted(project.ids) == sorted(document.id for document in documents)
    for document in documents:
        same(document, project[document.id])
    assert [item.name for item in path.parent.iterdir()] == [name]

    again = path.parent / "again.zip"
    write_project(project, again)
    for document in Project.open(again):
        same(project[document.id], document)


def some(count: int = 2) -> list[Document]:
    legend = Legend(NAMES)
    return [
        Document(f"d{n}", PlainHtml(html(f"text {n}")), {MASTER: Annotations.empty()}, legend=legend)
        for n in range(count)
    ]


def test_files_of_a_written_folder(tmp_path: Path) -> None:
    write_project(
        [*some(1), Document("é", PlainHtml(html()), {"zoe": Annotations.empty()}, folder="pool/x")],
        tmp_path / "new" / "out",
    )
    assert sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    ) == [
        "new/out/.spacy-tagtog",
        "new/out/ann.json/master/pool/d0.ann.json",
        "new/out/ann.json/members/zoe/pool/x/é.ann.json",
        "new/out/annotations-legend.json",
        "new/out/plain.html/pool/d0.plain.html",
        "new/out/plain.html/pool/x/é.plain.html",
    ]


def test_files_of_a_written_zip(tmp_path: Path) -> None:
    for name in ("My Project.zip", "same/My Project.zip"):
        write_project(some(1), tmp_path / name)
    with zipfile.ZipFile(tmp_path / "My Project.zip") as archive:
        assert sorted(archive.namelist()) == [
            "My Project/ann.json/master/pool/d0.ann.json",
            "My Project/annotations-legend.json",
            "My Project/plain.html/pool/d0.plain.html",
        ]
        assert all(info.external_attr >> 16 & 0o777 == 0o644 for info in archive.infolist())
    assert (tmp_path / "My Project.zip").read_bytes() == (tmp_path / "same/My Project.zip").read_bytes()


def test_which_legend_is_written(tmp_path: Path) -> None:
    write_project(some(), tmp_path / "first")
    write_project(some(), tmp_path / "given", legend=Legend({"e_7": "Ort_ü"}))
    assert Project.open(tmp_path / "first").legend == NAMES
    assert Project.open(tmp_path / "given").legend == {"e_7": "Ort_ü"}


def test_half_characters_are_written(tmp_path: Path) -> None:
    version = Annotations.parse(
        '{"x": "\\ud83d", "entities": [{"classId": "e_1", "part": "p", '
        '"offsets": [{"start": 0, "text": "\\ude00"}]}]}'
    )
    for name in ("out", "out.zip"):
        write_project([Document("a", PlainHtml(html()), {MASTER: version})], tmp_path / name)
        assert Project.open(tmp_path / name)["a"].annotations == version


targets = pytest.mark.parametrize("name", ["out", "out.zip"])


def tree(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@targets
def test_what_is_there_is_replaced_only_by_force(tmp_path: Path, name: str) -> None:
    write_project(some(3), tmp_path / name)
    before = tree(tmp_path)
    with pytest.raises(OutputExistsError):
        write_project(some(1), tmp_path / name)
    assert tree(tmp_path) == before
    assert write_project(some(1), tmp_path / name, force=True) == 1
    assert Project.open(tmp_path / name).ids == ["d0"]
    assert [item.name for item in tmp_path.iterdir()] == [name]


def _breaks(kind: str) -> Iterator[Document]:
    yield from some(2)
    if kind == "twice":
        yield from some(1)
    elif kind == "broken annotations":
        yield Document("x", PlainHtml(html()), {MASTER: lambda: Annotations.parse("{")})
    elif kind == "no json":
        version = Annotations.empty()
        version.data["x"] = float("nan")
        yield Document("x", PlainHtml(html()), {MASTER: version})
    elif kind == "interrupt":
        raise KeyboardInterrupt
    elif kind == "unreadable":
        raise ProjectError("a file can't be read")


@targets
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("twice", DuplicateDocumentError),
        ("broken annotations", AnnJsonError),
        ("no json", AnnJsonError),
        ("interrupt", KeyboardInterrupt),
        ("unreadable", ProjectError),
    ],
)
def test_all_or_nothing(
    tmp_path: Path, name: str, there: bool, kind: str, error: type[BaseException]
) -> None:
    path = tmp_path / "sub" / name
    if there:
        write_project(some(3), path)
    before = tree(tmp_path)
    with pytest.raises(error):
        write_project(_breaks(kind), path, force=True)
    assert tree(tmp_path) == before
    assert (tmp_path / "sub").exists() == there


@targets
def test_a_full_disk(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(some(3), tmp_path / name)
    before = tree(tmp_path)
    calls = []

    def refuse(*_: object, **__: object) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(zipfile.ZipFile, "writestr", refuse)
    with pytest.raises(WriteError, match="No space left") as caught:
        write_project(some(2), tmp_path / name, force=True)
    assert name in str(caught.value)
    assert len(calls) == 3
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "document",
    [Document("x" * 245, PlainHtml(html())), Document("x", PlainHtml(html()), folder="pool/" + "ü" * 128)],
)
def test_names_that_are_too_long_for_a_folder(tmp_path: Path, document: Document) -> None:
    with pytest.raises(WriteError, match="too long"):
        write_project([document], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    write_project([document], tmp_path / "out.zip")  # a zip can hold them
    same(document, Project.open(tmp_path / "out.zip")[document.id])


def test_names_that_are_too_long_for_a_zip(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="too long"):
        write_project([Document("x" * 65_530, PlainHtml(html()))], tmp_path / "out.zip")
    with pytest.raises(WriteError, match="too long"):
        write_project(some(), tmp_path / ("x" * 256 + ".zip"))
    assert list(tmp_path.iterdir()) == []


@slow
@given(st.lists(document_ids(), min_size=1, max_size=5, unique=True))
def test_documents_come_in_one_order(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    where = tmp_path_factory.mktemp("order")
    documents = [Document(doc_id, PlainHtml(html())) for doc_id in ids]
    write_project(documents, where / "a")
    write_project(reversed(documents), where / "b")
    assert Project.open(where / "a").ids == Project.open(where / "b").ids


@needs_corpora
def test_a_real_project_comes_back(tmp_path: Path) -> None:
    project = Project.open(CORPORA / "decm-michoacan.zip")
    write_project(project, tmp_path / "copy")
    for document in Project.open(tmp_path / "copy"):
        same(project[document.id], document)
