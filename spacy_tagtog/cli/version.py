"""``spacy-tagtog version``."""

from __future__ import annotations

from spacy_tagtog.cli._run import command, table


@command
def version_cli() -> None:
    """Print the versions of this package, spaCy and Python."""
    import platform

    from spacy.about import __version__ as spacy_version

    from spacy_tagtog import __version__

    table(
        [
            ("spacy-tagtog", __version__),
            ("spaCy", spacy_version),
            ("Python", platform.python_version()),
            ("platform", platform.platform()),
        ]
    )
