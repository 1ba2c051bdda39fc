"""Projects: every layout that people have, every file that lies, and writing all or nothing."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import document_ids, file_names, projects, quick, slow

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    PlainHtml,
    Project,
    html_from_text,
    project_files,
    write_project,
)
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.anndoc.legend import LEGEND_NAME
from spacy_tagtog.errors import (
    AnndocError,
    AnnJsonError,
    DuplicateDocumentError,
    LegendError,
    MissingPartnerError,
    OutputExistsError,
    PlainHtmlError,
    ProjectError,
    SpacyTagtogError,
    WriteError,
)

NAMES = {"e_1": "Person"}
Files = dict[str, bytes]
Build = Callable[[Path, Files], Path]


def html(text: str = "Ada") -> bytes:
    return html_from_text(text, doc_id="a", filename="x").data


def ann(complete: bool = True, **more: object) -> bytes:
    return json.dumps({"anncomplete": complete, "entities": [], **more}).encode()


LEGEND = json.dumps(NAMES).encode()


def in_folder(where: Path, files: Files) -> Path:
    root = where / "Project"
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def in_zip(where: Path, files: Files, root: str = "Project/") -> Path:
    path = where / "Project.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{root}{name}", data)
    return path


def in_bare_zip(where: Path, files: Files) -> Path:
    return in_zip(where, files, root="")


builds = pytest.mark.parametrize("build", [in_folder, in_zip, in_bare_zip])


def content(project: Project) -> dict[str, tuple[str, str, dict[str, bool]]]:
    """What there is: folder, text, and which versions are confirmed, by id."""
    return {
        d.id: (d.folder, d.text, {member: version.complete for member, version in d.versions.items()})
        for d in project
    }


# ---- layouts


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


# ---- files that can't be read


@builds
def test_broken_files_are_met_when_they_are_read(tmp_path: Path, build: Build) -> None:
    files = {
        "a.html": b"<html>",
        "b.html": html("B"),
        "b.ann.json": b"{",
        "c.html": html("C"),
        "c.ann.json.gz": gzip.compress(ann() * 100)[:-10],
        "d.html": html("D"),
        "d.ann.json.gz": ann(),
        "e.html": html("E"),
    }
    project = Project.open(build(tmp_path, files))
    assert len(project) == 5
    with pytest.raises(PlainHtmlError, match=r"a\.html"):
        _ = project["a"].parts
    with pytest.raises(AnnJsonError, match=r"b\.ann\.json"):
        _ = project["b"].annotations
    for name in "cd":
        with pytest.raises(ProjectError, match=rf"{name}\.ann\.json\.gz"):
            _ = project[name].annotations
    assert [d.id for d in project] == list("abcde")
    assert all(repr(d) for d in project)
    assert "5 documents" in repr(project)
    assert project["e"].text == "E"


def test_a_file_that_is_gone_since(tmp_path: Path) -> None:
    project = Project.open(in_folder(tmp_path, {"a.html": html(), "a.ann.json": ann()}))
    document = project["a"]
    (tmp_path / "Project" / "a.ann.json").unlink()
    (tmp_path / "Project" / "a.html").unlink()
    with pytest.raises(ProjectError, match=r"a\.ann\.json"):
        _ = document.annotations
    with pytest.raises(ProjectError, match=r"a\.html"):
        _ = project["a"]
    assert "a: " not in repr(project)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do everything")
def test_no_permission(tmp_path: Path) -> None:
    root = in_folder(tmp_path, {"a.html": html(), "x/b.html": html()})
    (root / "a.html").chmod(0)
    project = Project.open(root)
    with pytest.raises(ProjectError, match="Permission"):
        _ = project["a"]
    for mode in (0, 0o400):
        (root / "x").chmod(mode)
        with pytest.raises(ProjectError, match="Permission"):
            _ = Project.open(root)["b"]
    (root / "x").chmod(0o700)


def test_a_folder_that_can_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = in_folder(tmp_path, {"a.html": html(), "x/b.html": html()})
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "x":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ProjectError, match="Permission") as caught:
        Project.open(root)
    assert str(root / "x") in str(caught.value)


@builds
def test_no_file_may_be_too_large(tmp_path: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ann()
    large = ann() + b" " * 5000
    files = {
        "a.html": html(),
        "a.ann.json": large,
        "b.html": html(),
        "b.ann.json.gz": gzip.compress(large),
        "c.html": html(),
        "c.ann.json.gz": gzip.compress(large[:2500]) + gzip.compress(large[2500:]),
        "d.html": html(),
        "d.ann.json": small,
        "e.html": html(),
        "e.ann.json.gz": gzip.compress(small),
    }
    monkeypatch.setattr(project_files, "_MAX_FILE_BYTES", 5000)
    project = Project.open(build(tmp_path, files))
    for name in "abc":
        with pytest.raises(ProjectError, match="5000"):
            _ = project[name].annotations
    assert project["d"].annotations.complete
    assert project["e"].annotations.complete


def test_a_packed_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_files, "_MAX_FILE_BYTES", 1_000_000)
    bomb = gzip.compress(b" " * 20_000_000)
    many = gzip.compress(b"") * 5_000
    project = Project.open(
        in_folder(
            tmp_path, {"a.html": html(), "a.ann.json.gz": bomb, "b.html": html(), "b.ann.json.gz": many}
        )
    )
    tracemalloc.start()
    try:
        for name in "ab":
            with pytest.raises(AnndocError):
                _ = project[name].annotations
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


# ---- zips that are broken or hostile


@pytest.mark.parametrize(
    "name",
    [
        "../a.plain.html",
        "x/../../a.plain.html",
        "/a.plain.html",
        "//a.plain.html",
        "..\\a.plain.html",
        "x\\a.plain.html",
        "C:\\a.plain.html",
        "../evil.txt",
        "../folder/",
        "a.plain.html\0.txt",
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_names_that_leave_the_zip(tmp_path: Path, name: str, strict: bool) -> None:
    plain = name.replace("\0", "~")
    path = in_bare_zip(tmp_path, {"fine.plain.html": html(), plain: html()})
    if plain != name:  # zipfile doesn't write such a name
        path.write_bytes(path.read_bytes().replace(plain.encode(), name.encode()))
    with pytest.raises(ProjectError, match="outside") as caught:
        Project.open(path, strict=strict)
    assert str(caught.value).encode()
    assert [item.name for item in tmp_path.iterdir()] == ["Project.zip"]


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def test_a_zip_that_says_less_than_it_holds(tmp_path: Path) -> None:
    big = html() + b" " * 20_000_000
    path = in_zip(tmp_path, {"a.plain.html": big})
    _patched(path, struct.pack("<L", len(big)), struct.pack("<L", 1000))
    project = Project.open(path)
    tracemalloc.start()
    try:
        with pytest.raises(ProjectError, match=r"a\.plain\.html"):
            _ = project["a"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_that_says_more_than_it_holds(tmp_path: Path) -> None:
    data = html()
    path = in_zip(tmp_path, {"a.plain.html": data})
    _patched(path, struct.pack("<L", len(data)), struct.pack("<L", len(data) + 100))
    with pytest.raises(ProjectError, match=r"a\.plain\.html"):
        _ = Project.open(path)["a"]


def test_a_zip_that_claims_to_be_huge(tmp_path: Path) -> None:
    data = html()
    path = in_zip(tmp_path, {"a.plain.html": data})
    _patched(path, struct.pack("<L", len(data)), struct.pack("<L", 0xFFFFFFF0))
    with pytest.raises(ProjectError, match="more than"):
        _ = Project.open(path)["a"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_without_a_limit_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.plain.html", html() + b" " * 10_000_000)
    with pytest.raises(ProjectError, match="deflate"):
        _ = Project.open(path)["a"]


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = in_zip(tmp_path, {"a.plain.html": html()})
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(ProjectError, match="encrypted"):
        _ = Project.open(path)["a"]


def test_a_damaged_zip(tmp_path: Path) -> None:
    path = in_zip(tmp_path, {"a.plain.html": html("x" * 1000)})
    whole = path.read_bytes()
    for data in (b"", b"PK", whole[:-10], whole[: len(whole) // 2], b"not a zip"):
        path.write_bytes(data)
        with pytest.raises(ProjectError, match=r"Project\.zip"):
            Project.open(path)
    middle = whole.index(b"</html>") if b"</html>" in whole else whole.index(b"a.plain.html") + 60
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    with pytest.raises(ProjectError, match=r"a\.plain\.html"):
        _ = Project.open(path)["a"]


def _zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/a.plain.html", html())
        archive.writestr("p/a.ann.json", ann())
        archive.writestr("p/ü.ann.json.gz", gzip.compress(ann()))
        archive.writestr("p/ü.html", html())
    return buffer.getvalue()


ZIP = _zip_bytes()


@slow
@given(st.lists(st.tuples(st.integers(0, len(ZIP) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_never_ends_in_another_exception(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(ZIP)
    for at, byte in changes:
        data[at] = byte
    path = tmp_path_factory.mktemp("damaged") / "x.zip"
    path.write_bytes(data)
    try:
        project = Project.open(path, strict=False)
    except SpacyTagtogError:
        return
    for doc_id in project.ids:
        try:
            document = project[doc_id]
            assert isinstance(document.text, str)
            assert isinstance(document.annotations.complete, bool)
        except SpacyTagtogError:
            continue


def test_a_zip_by_another_name(tmp_path: Path) -> None:
    path = in_zip(tmp_path, {"a.plain.html": html("A")}).rename(tmp_path / "download")
    assert Project.open(path)["a"].text == "A"


def test_one_name_twice_in_a_zip(tmp_path: Path) -> None:
    path = in_bare_zip(tmp_path, {"a.plain.html": html("A"), "b.plain.html": html("B")})
    _patched(path, b"b.plain.html", b"a.plain.html")
    with pytest.raises(DuplicateDocumentError):
        Project.open(path)
    assert Project.open(path, strict=False).ids == ["a"]


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


@needs_corpora
def test_a_real_project_comes_back(tmp_path: Path) -> None:
    project = Project.open(CORPORA / "decm-michoacan.zip")
    write_project(project, tmp_path / "copy")
    for document in Project.open(tmp_path / "copy"):
        same(project[document.id], document)


def test_a_member_of_a_zip_without_a_name_is_passed_over(tmp_path: Path) -> None:
    """Found by fuzzing: ``ZipInfo.is_dir()`` raises IndexError on it before Python 3.12."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("p/a.plain.html", html_from_text("Mars").data)
        archive.writestr("?", "nameless")
    # Both headers of the second member: a name of no length.
    data = path.read_bytes()
    for header, length_at, name_at in ((b"PK\x03\x04", 26, 30), (b"PK\x01\x02", 28, 46)):
        start = data.rindex(header)
        data = (
            data[: start + length_at]
            + b"\0\0"
            + data[start + length_at + 2 : start + name_at]
            + data[start + name_at + 1 :]
        )
    directory = data.index(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    data = (
        data[: end + 12]
        + (end - directory).to_bytes(4, "little")
        + directory.to_bytes(4, "little")
        + data[end + 20 :]
    )
    path.write_bytes(data)
    assert "" in zipfile.ZipFile(path).namelist()
    assert Project.open(path).ids == ["a"]


@pytest.mark.parametrize("name", [".", "./", "p/."])
def test_a_member_of_a_zip_that_is_a_folder_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("p/a.plain.html", html_from_text("Mars").data)
        archive.writestr(name, "x")
    assert Project.open(path).ids == ["a"]


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


def test_a_file_that_is_too_large_is_not_a_matter_of_permissions(tmp_path: Path) -> None:
    with (tmp_path / "a.plain.html").open("wb") as file:
        file.truncate(33 * 1024 * 1024)  # takes no space
    with pytest.raises(ProjectError, match="more than") as caught:
        Project.open(tmp_path)["a"]
    assert caught.value.advice == "leave it out, or split it"
