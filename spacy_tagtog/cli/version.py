"""``spacy-tagtog version``."""

from __future__ import annotations

from spacy_tagtog.cli._run import command, table

__all__ = ["version_cli"]


@command
def version_cli() -> None:
    """Print the versions of this package, spaCy and Python."""
    import platform

    import spacy

    from spacy_tagtog import __version__

    table([("spacy-tagtog", __version__), ("spaCy", spacy.__version__), ("Python", platform.python_version()), ("platform", platform.platform())])
