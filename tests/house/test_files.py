"""Writing: all or nothing, and nothing left behind."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from spacy_tagtog._files import atomic_folder, atomic_path, check_free, write_atomic
from spacy_tagtog.errors import OutputExistsError, SettingValue, WriteError

needs_modes = pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do everything")


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def as_option(name: str, value: SettingValue | None) -> str:
    """A setting as users of the command type it."""
    return f"--{name}" if value is None or value is True else f"--{name} {value}"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bytes can be written."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)


def write_and_stop(path: Path, exception: type[BaseException]) -> None:
    path.write_text("half")
    raise exception


# ---- files


@pytest.mark.parametrize("content", [b"", b"\0\xff", "é🚀\r\n"])
def test_write_atomic(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "new" / "folder" / "x.txt"
    write_atomic(path, content)
    write_atomic(path, content)
    data = content.encode() if isinstance(content, str) else content
    assert tree(tmp_path) == {"new": None, "new/folder": None, "new/folder/x.txt": data}


def test_the_old_file_stays_until_the_block_ended(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
    assert tree(tmp_path) == {"x.txt": b"new"}


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [True, False])
def test_an_exception_leaves_the_old_file_alone(
    tmp_path: Path, exception: type[BaseException], there: bool
) -> None:
    path = tmp_path / "a" / "b" / "x.txt"
    if there:
        path.parent.mkdir(parents=True)
        path.write_text("old")
    before = tree(tmp_path)
    with pytest.raises(exception), atomic_path(path) as temporary:
        write_and_stop(temporary, exception)
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_modes_are_those_of_any_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "x", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="No space left") as caught:
        write_atomic(tmp_path / "a" / "x.txt", "x")
    assert "x.txt" in str(caught.value)
    assert tree(tmp_path) == {}


def test_names_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="too long"):
        write_atomic(tmp_path / ("x" * 256), "x")
    with pytest.raises(WriteError, match="too long"):
        write_atomic(tmp_path / ("y" * 256) / "x", "x")
    with pytest.raises(WriteError, match="too long"), atomic_folder(tmp_path / ("z" * 256)):
        pass
    assert tree(tmp_path) == {}


def test_a_file_where_a_folder_must_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "y" / "x"):
        with pytest.raises(WriteError):
            write_atomic(path, "x")
        with pytest.raises(WriteError), atomic_folder(path):
            pass
    assert tree(tmp_path) == {"file": b"x"}


def test_a_folder_where_a_file_must_be(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError):
        write_atomic(tmp_path / "folder", "x")
    assert tree(tmp_path) == {"folder": None}


@needs_modes
def test_no_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(WriteError, match="Permission"):
        write_atomic(locked / "x", "x")
    with pytest.raises(WriteError, match="Permission"), atomic_folder(locked / "y"):
        pass
    locked.chmod(0)
    for attempt in (check_free, atomic_folder):
        with pytest.raises(WriteError, match="Permission"):
            _enter(attempt, locked / "z")
    locked.chmod(0o700)
    assert tree(locked) == {}


def _enter(attempt: Callable[..., AbstractContextManager[Path] | None], path: Path) -> None:
    manager = attempt(path, force=False)
    if manager is not None:
        with manager:
            pass


# ---- whether a place is free


def test_what_is_free(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / ".hidden").write_text("x")
    with atomic_folder(tmp_path / "ours"):
        pass
    (tmp_path / "file").write_text("")
    check_free(tmp_path / "nothing", force=False)
    check_free(tmp_path / "nothing" / "below", force=False)
    check_free(tmp_path / "empty", force=False)
    for name in ("ours", "file"):
        check_free(tmp_path / name, force=True)
    with pytest.raises(OutputExistsError, match="did not write this folder"):
        check_free(tmp_path / "full", force=True)
    for name in ("ours", "full", "file"):
        with pytest.raises(OutputExistsError, match=name) as caught:
            check_free(tmp_path / name, force=False)
        assert "replace it with force=True" in str(caught.value)
        assert ("to do", "choose another path, or replace it with --force") in caught.value.details(as_option)


def test_the_source_is_never_free(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "a" / "b" / "c"):
        pass
    for output in (tmp_path / "a" / "b" / "c", tmp_path / "a" / "b", tmp_path / "a" / "x" / ".." / "b"):
        for force in (True, False):
            with pytest.raises(OutputExistsError, match="would replace what is read"):
                check_free(output, force=force, sources=[tmp_path / "a" / "b" / "c"])
    # Any of several, as text, too; what isn't given or isn't there is no source.
    with pytest.raises(OutputExistsError, match="would replace what is read"):
        check_free(
            tmp_path / "a",
            force=True,
            sources=[None, "", "en_core_web_none", str(tmp_path / "a" / "b" / "c")],
        )
    check_free(tmp_path / "new", force=False, sources=[None, "", tmp_path / "new"])
    check_free(tmp_path / "a" / "b" / "c" / "d", force=False, sources=[tmp_path / "a" / "b" / "c"])


# ---- folders


def fill(folder: Path, content: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "x").write_text(content)


def marked(folder: Path) -> None:
    """As if it had been written before."""
    with atomic_folder(folder):
        pass


NEW = {"out": None, "out/.spacy-tagtog": ..., "out/sub": None, "out/sub/x": b"new"}


@pytest.mark.parametrize("before", ["nothing", "empty", "full", "file"])
def test_a_folder_is_swapped_whole(tmp_path: Path, before: str) -> None:
    out = tmp_path / "out"
    if before in ("empty", "full"):
        out.mkdir()
    if before == "full":
        marked(out)
        (out / "old").write_text("old")
    if before == "file":
        out.write_text("old")
    with atomic_folder(out, force=before in ("full", "file")) as temporary:
        old = tree(out) if out.is_dir() else {}
        fill(temporary, "new")
        assert (tree(out) if out.is_dir() else {}) == old
    assert {**tree(tmp_path), "out/.spacy-tagtog": ...} == NEW
    assert (out / ".spacy-tagtog").is_file()


def test_a_folder_of_somebody_else_is_not_swapped(tmp_path: Path) -> None:
    fill(tmp_path, "theirs")
    before = tree(tmp_path)
    with (
        pytest.raises(OutputExistsError, match="did not write this folder"),
        atomic_folder(tmp_path / "sub", force=True),
    ):
        pytest.fail("the block must not run")
    assert tree(tmp_path) == before
    with atomic_folder(tmp_path / "sub", replace_any=True):
        pass
    assert not (tmp_path / "sub" / "x").exists()


def test_an_existing_folder_needs_force(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    before = tree(tmp_path)
    with pytest.raises(OutputExistsError), atomic_folder(tmp_path / "sub"):
        pytest.fail("the block must not run")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("there", [True, False])
def test_an_exception_leaves_the_old_folder_alone(
    tmp_path: Path, exception: type[BaseException], there: bool
) -> None:
    out = tmp_path / "a" / "out"
    if there:
        marked(out)
        fill(out, "old")
    before = tree(tmp_path)
    expected = WriteError if exception is OSError else exception
    with pytest.raises(expected), atomic_folder(out, force=True) as temporary:
        write_and_stop(temporary / "x", exception)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("exception", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", [1, 2])
def test_an_interrupted_swap_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exception: BaseException, step: int
) -> None:
    """Replacing a folder takes two renames: one aside, one into place. Either may fail."""
    out = tmp_path / "out"
    marked(out)
    fill(out, "old")
    before = tree(tmp_path)
    replace, calls = Path.replace, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == step:
            raise exception
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with (
        pytest.raises(WriteError if isinstance(exception, OSError) else KeyboardInterrupt),
        atomic_folder(out, force=True) as temporary,
    ):
        fill(temporary, "new")
    assert len(calls) >= step
    assert tree(tmp_path) == before


def test_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't be swapped; it must at least be left alone."""
    monkeypatch.chdir(tmp_path)
    try:
        with atomic_folder(Path()) as temporary:
            fill(temporary, "new")
    except WriteError:
        assert tree(tmp_path) == {}
    else:
        assert {**tree(tmp_path), ".spacy-tagtog": ...} == {
            ".spacy-tagtog": ...,
            "sub": None,
            "sub/x": b"new",
        }
