"""Writing files so that nothing half-written is ever seen under its final name."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from spacy_tagtog._unicode import escape_surrogates
from spacy_tagtog.errors import OutputExistsError, WriteError, setting

TEMPORARY_PREFIX = ".part-"
"""How the names of files begin that are being written."""


def write_error(error: OSError, path: Path) -> WriteError:
    """The file system's refusal in words."""
    return WriteError(
        f"can't write: {error.strerror or error}",
        place=path,
        advice="free some space, choose another place, or correct the permissions; then try again. "
        "Nothing was left half-written.",
    )


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, unless it is there.

    Raises:
        WriteError: The file system refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, path) from error


@contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the folders that ``path`` is in; remove those that were made when the block ends badly."""
    made = []
    for folder in path.parents:
        if folder.exists():
            break
        made.append(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # not there, or another program put something into it
                folder.rmdir()
        raise


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends well, else remove it.

    Raises:
        WriteError: The file system refuses (disk full, no permission…).
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with _parents(path):
            try:
                # Not mkstemp: its files are private, and threads make it unsafe to ask for the umask.
                name = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
                temporary = name
                yield temporary
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.replace(path)
            finally:
                if temporary is not None:
                    temporary.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(error, path) from error


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write ``data`` (text as UTF-8, newlines unchanged) to ``path``, all or nothing.

    Raises:
        WriteError: The file system refuses.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other programs of this package from writing to a folder at the same time.

    The lock ends with the process, however that ends, and leaves no file. Where the system can't lock folders
    (Windows, some network drives), there is none.

    Raises:
        OutputExistsError: Another one writes to it now.
        WriteError: The folder can't be opened.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise write_error(error, folder) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputExistsError(
                "another program writes to this folder",
                place=folder,
                legal="one fetch at a time",
                advice="wait until it is done, or choose another folder",
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def write_json(path: Path, data: object) -> None:
    """Write an object as JSON, in one go.

    Args:
        path: The file.
        data: What to write.

    Raises:
        WriteError: The file system refuses.
    """
    # Half a character, as browsers cut them: UTF-8 can't hold it, an escape can.
    write_atomic(path, escape_surrogates(json.dumps(data, ensure_ascii=False, indent=2)) + "\n")


_MARK: Final = ".spacy-tagtog"
_MARK_TEXT: Final = "spacy-tagtog wrote this folder, so it may replace it with all that is in it.\n"


def check_free(path: Path, *, force: bool, sources: Iterable[Path | str | None] = ()) -> None:
    """Make sure that ``path`` may be written.

    Args:
        path: The output.
        force: It may replace a file, or a folder that :func:`atomic_folder` wrote. Any other folder may hold
            somebody's work.
        sources: What is read; ``None`` and paths that don't exist are ignored. Not even ``force`` replaces
            these.

    Raises:
        OutputExistsError: It exists (a folder: with something in it) and ``force`` doesn't allow to replace
            it, or it is a source or a folder around one.
        WriteError: Nothing can be there: the name is too long, or access is denied.
    """
    try:
        for source in sources:
            # An empty name is no source, though as a path it would be the current folder.
            if (
                source
                and (read := Path(source).resolve()).exists()
                and path.resolve() in (read, *read.parents)
            ):
                raise OutputExistsError(
                    "the output would replace what is read",
                    place=path,
                    value=str(source),
                    legal="a path that is neither the source nor a folder around it",
                    advice="choose another path",
                )
        is_folder = path.is_dir()
        exists = any(path.iterdir()) if is_folder else path.exists()
        is_ours = not is_folder or (path / _MARK).is_file()
    except OSError as error:
        raise write_error(error, path) from error
    if exists and force and not is_ours:
        raise OutputExistsError(
            f"spacy-tagtog did not write this folder, so {setting('force', True)} doesn't replace it",
            place=path,
            legal="a path that doesn't exist, an empty folder, or an earlier output",
            advice="choose another path, or remove the folder yourself if nothing in it is needed",
        )
    if exists and not force:
        raise OutputExistsError(
            "the output exists already",
            place=path,
            legal="a path that doesn't exist, or an empty folder",
            advice=f"choose another path, or replace it with {setting('force', True)}",
        )


@contextmanager
def atomic_folder(path: Path, *, force: bool = False, replace_any: bool = False) -> Iterator[Path]:
    """Give an empty temporary folder beside ``path``.

    When the block ends well, the folder is swapped into place; else it is removed. A hidden file in it says
    that spacy-tagtog wrote it.

    Args:
        path: The folder to write.
        force: Replace the folder if it was written here before.
        replace_any: Replace the folder, whoever wrote it.

    Raises:
        OutputExistsError: ``path`` exists, isn't empty, and may not be replaced, see :func:`check_free`.
        WriteError: The file system refuses.
    """
    path = Path(path)
    if not replace_any:
        check_free(path, force=force)
    temporary: Path | None = None
    aside: Path | None = None
    try:
        with _parents(path):
            try:
                temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
                temporary.chmod(0o755)
                yield temporary
                (temporary / _MARK).write_text(_MARK_TEXT, encoding="utf-8")
                if path.exists():
                    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=path.parent))
                    path.replace(aside / "old")
                temporary.replace(path)
            finally:
                if aside is not None and not path.exists() and (aside / "old").exists():
                    (aside / "old").replace(path)  # whatever stopped the swap: what was there comes back
                for folder in (temporary, aside):
                    if folder is not None:
                        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise write_error(error, path) from error


def json_text(data: object) -> str:
    """An object as JSON for people to read, with a line end.

    Half a character, as browsers cut them, is written as an escape: UTF-8 can't hold it.
    """
    return escape_surrogates(json.dumps(data, ensure_ascii=False, indent=2)) + "\n"
