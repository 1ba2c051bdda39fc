"""A file of the user's that registers functions of their own."""

from __future__ import annotations

from pathlib import Path

from spacy.util import import_file

from spacy_tagtog.errors import ConfigurationError


def import_code(path: Path | str | None) -> None:
    """Import a file, so that its functions are registered. ``None`` imports nothing.

    Raises:
        ConfigurationError: It can't be imported.
    """
    if path is None:
        return
    try:
        import_file("python_code", path)
    except Exception as error:  # the file may raise anything
        raise ConfigurationError(
            "the code can't be imported",
            place=path,
            value=f"{type(error).__name__}: {error}",
            legal="a Python file with registered functions",
            advice="check the path, and that python FILE runs",
        ) from error
