"""Projects: every layout that people have, and files that don't belong together."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from corpora import CORPORA, needs_corpora
from project_layouts import (
    LEGEND,
    NAMES,
    Build,
    Files,
    ann,
    builds,
    content,
    html,
    in_bare_zip,
    in_folder,
)

from spacy_tagtog.anndoc import (
    MASTER,
    Legend,
    Project,
    html_from_text,
)
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.errors import (
    DuplicateDocumentError,
    LegendError,
    MissingPartnerError,
    ProjectError,
)

# ---- layouts


@builds
def test_annotations_beside_the_folders_of_members_are_nobodys_own(tmp_path: Path, build: Build) -> None:
    path = build(tmp_path, {"plain.html/pool/a.plain.html": html("A"), "ann.json/members/a.ann.json": ann()})
    assert content(Project.open(path)) == {"a": ("pool", "A", {MASTER: True})}


@builds
def test_a_download(tmp_path: Path, build: Build) -> None:
    path = build(
        tmp_path,
        {
            "annotations-legend.json": LEGEND,
            "guidelines.md": b"# how to",
            "README.md": b"what",
            "plain.html/pool/b.plain.html": html("B"),
            "plain.html/pool/train/é 😀.txt.plain.html": html("E"),
            "plain.html/pool/a.plain.html": html("A"),
            "ann.json/master/pool/a.ann.json": ann(),
            "ann.json/members/zoë/pool/a.ann.json": ann(False),
            "ann.json/members/ann/pool/train/é 😀.txt.ann.json": ann(False),
            "ann.json/members/ann/pool/a.ann.json": ann(),
        },
    )
    project = Project.open(path)
    assert content(project) == {
        "a": ("pool", "A", {MASTER: True, "ann": True, "zoë": False}),
        "b": ("pool", "B", {}),
        "é 😀.txt": ("pool/train", "E", {"ann": False}),
    }
    assert project.legend == NAMES
    assert project["a"].legend == NAMES
    assert project.members == [MASTER, "ann", "zoë"]
    assert project.folders == ["pool", "pool/train"]
    assert sorted(project.ids) == ["a", "b", "é 😀.txt"]
    assert len(project) == 3
    assert "a" in project
    assert "c" not in project
    assert project.problems == []
    with pytest.raises(KeyError):
        _ = project["c"]


@builds
def test_a_download_without_master_and_pool(tmp_path: Path, build: Build) -> None:
    path = build(
        tmp_path,
        {
            "plain.html/train/a.plain.html": html("A"),
            "plain.html/b.plain.html": html("B"),
            "ann.json/train/a.ann.json": ann(),
            "ann.json/b.ann.json": ann(),
        },
    )
    assert content(Project.open(path)) == {
        "a": ("pool/train", "A", {MASTER: True}),
        "b": ("pool", "B", {MASTER: True}),
    }


@builds
@pytest.mark.parametrize("suffix", [".plain.html", ".html", ".xml"])
def test_side_by_side(tmp_path: Path, build: Build, suffix: str) -> None:
    path = build(
        tmp_path,
        {
            f"a{suffix}": html("A"),
            "a.ann.json": ann(),
            f"train/b{suffix}": html("B"),
            "train/b.ann.json": ann(),
            f"train/x/c{suffix}": html("C"),
            LEGEND_NAME: LEGEND,
        },
    )
    project = Project.open(path)
    assert content(project) == {
        "a": ("pool", "A", {MASTER: True}),
        "b": ("pool/train", "B", {MASTER: True}),
        "c": ("pool/train/x", "C", {}),
    }
    assert project.legend == NAMES


@builds
def test_packed_annotations(tmp_path: Path, build: Build) -> None:
    two = gzip.compress(ann()[:10]) + gzip.compress(ann()[10:]) + b"\0" * 100
    files = {"a.html": html(), "a.ann.json.gz": gzip.compress(ann()), "b.html": html(), "b.ann.json.gz": two}
    assert [d.annotations.complete for d in Project.open(build(tmp_path, files))] == [True, True]


@builds
def test_nothing_but_content_is_enough(tmp_path: Path, build: Build) -> None:
    project = Project.open(build(tmp_path, {"x.plain.html": html("X")}))
    assert content(project) == {"x": ("pool", "X", {})}
    assert project.legend == {}
    assert project.members == []
    assert repr(project).endswith("1 document, versions of nobody, 0 classes>")


@builds
def test_what_hides_is_passed_over(tmp_path: Path, build: Build) -> None:
    path = build(
        tmp_path,
        {
            "a.plain.html": html("A"),
            ".a.plain.html": b"no",
            "._a.plain.html": b"no",
            ".git/b.plain.html": b"no",
            ".part-x/a.plain.html": b"no",
            "x/.y/a.ann.json": b"no",
            "x/.DS_Store": b"no",
        },
    )
    assert content(Project.open(path)) == {"a": ("pool", "A", {})}


def test_what_a_mac_adds_to_a_zip(tmp_path: Path) -> None:
    path = in_bare_zip(
        tmp_path,
        {"p/a.plain.html": html("A"), "__MACOSX/p/a.plain.html": b"no", "__MACOSX/p/._a.plain.html": b"no"},
    )
    assert content(Project.open(path)) == {"a": ("pool", "A", {})}


@builds
def test_the_id_is_the_files_name_whatever_html_says(tmp_path: Path, build: Build) -> None:
    data = html_from_text("x", doc_id="another", filename="f").data
    (document,) = Project.open(build(tmp_path, {"plain.html/pool/this.plain.html": data}))
    assert (document.id, document.html.id) == ("this", "another")


@builds
def test_contents_are_the_bytes_of_the_files(tmp_path: Path, build: Build) -> None:
    data = html().replace(b"\n", b"\r\n")
    (document,) = Project.open(build(tmp_path, {"a.plain.html": data}))
    assert document.html.data == data


@builds
def test_a_selection(tmp_path: Path, build: Build) -> None:
    project = Project.open(
        build(
            tmp_path,
            {f"{name}.plain.html": html(name) for name in "abc"} | {LEGEND_NAME: LEGEND, "z.ann.json": ann()},
        ),
        strict=False,
    )
    some = project.select(lambda doc_id: doc_id != "b")
    assert [d.text for d in some] == ["a", "c"]
    assert "b" not in some
    assert some.legend == project.legend
    assert len(some.problems) == 1
    assert len(project) == 3


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs links")
def test_links(tmp_path: Path) -> None:
    """Links to files are read wherever they point; links to folders aren't; dead ones aren't passed over."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "blob").write_bytes(html("A"))
    (outside / "c.plain.html").write_bytes(html("C"))
    root = in_folder(tmp_path, {"b.plain.html": html("B")})
    (root / "a.plain.html").symlink_to(outside / "blob")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "b.ann.json").symlink_to(outside / "gone")
    project = Project.open(root)
    assert project.ids == ["a", "b"]
    assert project["a"].text == "A"
    with pytest.raises(ProjectError, match=r"b\.ann\.json"):
        _ = project["b"].annotations


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_no_document(tmp_path: Path) -> None:
    root = in_folder(tmp_path, {"a.plain.html": html("A")})
    os.mkfifo(root / "b.plain.html")
    assert Project.open(root).ids == ["a"]


# ---- files that don't belong together


@builds
@pytest.mark.parametrize(
    ("files", "error", "named", "left"),
    [
        ({"a.html": b"", "b.ann.json": b"{}"}, MissingPartnerError, "b.ann.json", ["a"]),
        (
            {"a.html": b"", "ann.json/members/m/pool/b.ann.json": b"{}"},
            MissingPartnerError,
            "b.ann.json",
            ["a"],
        ),
        ({"a.html": b"", "x/a.html": b""}, DuplicateDocumentError, "a.html", ["a"]),
        ({"a.plain.html": b"", "a.html": b""}, DuplicateDocumentError, "a.", ["a"]),
        (
            {"a.html": b"", "a.ann.json": b"{}", "x/a.ann.json": b"{}"},
            DuplicateDocumentError,
            "a.ann.json",
            ["a"],
        ),
        (
            {"a.html": b"", "a.ann.json": b"{}", "a.ann.json.gz": b""},
            DuplicateDocumentError,
            "a.ann.json",
            ["a"],
        ),
        (
            {"a.html": b"", "ann.json/pool/a.ann.json": b"{}", "ann.json/master/pool/a.ann.json": b"{}"},
            DuplicateDocumentError,
            "a.ann.json",
            ["a"],
        ),
        ({"b.ann.json": b"{}"}, MissingPartnerError, "b.ann.json", []),
    ],
)
def test_strict_raises_and_lenient_sets_aside(
    tmp_path: Path, build: Build, files: Files, error: type[ProjectError], named: str, left: list[str]
) -> None:
    path = build(tmp_path, files)
    with pytest.raises(error) as caught:
        Project.open(path)
    assert named in str(caught.value)
    assert caught.value.advice
    project = Project.open(path, strict=False)
    assert project.ids == left
    assert [type(problem) for problem in project.problems] == [error]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "files", [{}, {"README.md": b"x", "annotations-legend.json": b"{}", ".plain.html": b"", ".ann.json": b""}]
)
@builds
def test_nothing_there(tmp_path: Path, build: Build, files: Files, strict: bool) -> None:
    (tmp_path / "Project").mkdir()
    with pytest.raises(ProjectError, match="no tagtog document"):
        Project.open(build(tmp_path, files), strict=strict)


def test_paths_that_are_no_project(tmp_path: Path) -> None:
    (tmp_path / "a.plain.html").write_bytes(html())
    for path in (
        tmp_path / "gone",
        tmp_path / "gone.zip",
        tmp_path / "a.plain.html",
        tmp_path / ("x" * 300),
        tmp_path / "a.plain.html" / "b",
    ):
        with pytest.raises(ProjectError) as caught:
            Project.open(path)
        assert str(path) in str(caught.value)
    assert Project.open(str(tmp_path)).ids == ["a"]


# ---- legends


@builds
def test_a_broken_legend(tmp_path: Path, build: Build) -> None:
    path = build(tmp_path, {"a.html": html(), LEGEND_NAME: b"{"})
    for strict in (True, False):  # nothing has a name without it: there is nothing to set aside
        with pytest.raises(LegendError, match=LEGEND_NAME):
            Project.open(path, strict=strict)
    assert Project.open(path, legend=Legend({"e_1": "Star"})).legend == {"e_1": "Star"}
    given = tmp_path / "given.json"
    given.write_bytes(b"[]")
    with pytest.raises(LegendError, match=r"given\.json"):  # an option's value is no fault of the project
        Project.open(path, strict=False, legend=given)
    own = tmp_path / "own.json"
    own.write_bytes(LEGEND)
    assert Project.open(path, legend=own).legend == NAMES
    assert Project.open(path, legend=str(own)).legend == NAMES


@builds
def test_the_legend_nearest_to_the_root_counts(tmp_path: Path, build: Build) -> None:
    files = {
        "a.html": html(),
        f"x/{LEGEND_NAME}": b'{"e_1": "Other"}',
        LEGEND_NAME: LEGEND,
        f"0/y/{LEGEND_NAME}": b"{",
    }
    assert Project.open(build(tmp_path, files)).legend == NAMES


def test_a_legend_that_is_given_but_can_not_be_read(tmp_path: Path) -> None:
    root = in_folder(tmp_path, {"a.html": html()})
    (tmp_path / "broken.json").write_bytes(b"[]")
    for path in (tmp_path / "gone.json", tmp_path, tmp_path / "broken.json"):
        with pytest.raises(LegendError) as caught:
            Project.open(root, legend=path)
        assert str(path) in str(caught.value)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Linux takes any bytes as a name. Half characters stand for them, which no .spacy file can hold."""
    root = in_folder(tmp_path, {"a.plain.html": html("A")})
    try:
        Path(os.fsdecode(bytes(root) + b"/\xff.plain.html")).write_bytes(html("B"))
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only names in UTF-8")
    with pytest.raises(ProjectError, match=r"isn't UTF-8"):
        Project.open(root)
    project = Project.open(root, strict=False)
    assert project.ids == ["a"]
    assert [problem.value for problem in project.problems] == ["\\xff.plain.html"]


# ---- real projects


@needs_corpora
@pytest.mark.parametrize(
    ("name", "documents", "folders", "members"),
    [
        ("loctext", 100, ["pool"], [MASTER]),
        ("decm-michoacan.zip", 8, ["pool"], [MASTER]),
        ("bbc-news.zip", 700, ["pool/test", "pool/train"], [MASTER]),
        ("ncbi-disease", 792, ["pool/devel", "pool/test", "pool/train"], [MASTER]),
    ],
)
def test_real_projects(name: str, documents: int, folders: list[str], members: list[str]) -> None:
    project = Project.open(CORPORA / name)
    assert len(project) == documents
    assert project.folders == folders
    assert project.members == members
    assert len(project.legend) > 0
