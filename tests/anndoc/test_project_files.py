"""The files of a project: unreadable, broken and hostile ones."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_layouts import (
    Build,
    ann,
    builds,
    html,
    in_bare_zip,
    in_folder,
    in_zip,
)
from strategies import slow

from spacy_tagtog.anndoc import (
    Project,
    html_from_text,
    project_files,
)
from spacy_tagtog.errors import (
    AnndocError,
    AnnJsonError,
    DuplicateDocumentError,
    PlainHtmlError,
    ProjectError,
    SpacyTagtogError,
)

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


def test_a_file_that_is_too_large_is_not_a_matter_of_permissions(tmp_path: Path) -> None:
    with (tmp_path / "a.plain.html").open("wb") as file:
        file.truncate(33 * 1024 * 1024)  # takes no space
    with pytest.raises(ProjectError, match="more than") as caught:
        Project.open(tmp_path)["a"]
    assert caught.value.advice == "leave it out, or split it"


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
