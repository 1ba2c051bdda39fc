"""What the commands that take another tool's files have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacy_tagtog.cli._run import note, parse_pairs, table
from spacy_tagtog.errors import ArgumentError

if TYPE_CHECKING:
    from spacy_tagtog.formats.report import FormatReport


def read_format_settings(name: str, pairs: list[str] | None) -> dict[str, Any]:
    """The settings of a format, of what was typed.

    Raises:
        ConfigurationError: There are settings and no format, or one can't be read.
    """
    if not pairs:
        return {}
    if not name:
        raise ArgumentError(
            "settings of a format are given, and no format",
            value=", ".join(pairs),
            legal="--format NAME with --format-set KEY=VALUE",
        )
    from spacy_tagtog.formats.registry import settings_from_text

    return settings_from_text(dict(parse_pairs(pairs, option="--format-set")), name)


def say_format(report: FormatReport, *, list_faults: bool = True) -> None:
    """Print what was read or written, and what could not be carried with its first places.

    Args:
        report: What was read or written.
        list_faults: Whether to list the records that can't be read, too.
    """
    if not (report.documents or report.faults):
        return
    table(report.rows())
    places = list(report.places())
    if not list_faults:
        places = places[: len(places) - len(report.faults)]
    note(places, caption="not carried, and where it was first")
