"""Formats of other tools: what each must do, and where they are registered.

Register yours with the decorator or by an entry point of the group ``spacy_tagtog_formats``:

    from spacy_tagtog.formats import formats

    @formats("acme.Lines.v1")
    def make_lines(separator: str = "|") -> Format: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import catalogue

from spacy_tagtog._options import bind_settings, missing_function, read_settings
from spacy_tagtog._protocols import CheckedRegistry
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.report import FormatReport


@runtime_checkable
class Format(Protocol):
    """What a format must have and do.

    It is checked when its factory is registered, as far as can be seen then, and when it is made.
    """

    name: str
    """What it is called in messages; annotations of which nothing is said are by ``user:NAME``."""
    suffix: str
    """How the names of its files end, such as ``.jsonl``; empty where it writes a folder."""
    carries: frozenset[str]
    """What it can carry beside entities without overlap: keys of
    :data:`spacy_tagtog.formats.carry.FEATURES`. Before records are written, everything else is taken out of
    them and counted."""

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file or folder.

        Faulty records go to ``report.set_aside(FormatError(…))``, what has no place in a record to
        ``report.lose(KIND, PLACE)``.
        """

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write all records into a file whose folder is there; without a suffix, into an empty folder."""


ADVICE = "see docs/formats.md for what a format must have and do"

formats = CheckedRegistry("spacy_tagtog_formats", Format, what="format", advice=ADVICE)
"""The registry of format factories: functions that take settings and return a :class:`Format`."""


def known_formats() -> dict[str, str]:
    """Every registered name by what people type: ``spacy-tagtog.LabelStudio.v1`` is ``label-studio``.

    Of several versions of a name the last one is meant.
    """
    names = sorted({*formats.get_all(), *formats.get_entry_points()})
    return {**{_short(name): name for name in names}, **{name: name for name in names}}


def _short(name: str) -> str:
    pieces = name.split(".")
    middle = pieces[1] if len(pieces) > 2 else name
    dashed = "".join(f"-{one.lower()}" if one.isupper() else one for one in middle)
    return dashed.lstrip("-")


def make_format(name: str, settings: Mapping[str, Any] | None = None) -> Format:
    """Make a registered format.

    Args:
        name: Its registered name, or the short one.
        settings: Arguments of its factory.

    Raises:
        ConfigurationError: There is no such format, its factory doesn't take these settings, or what it made
            lacks something.
    """
    made: Format = bind_settings(_factory(name), settings, what=f"the format {name}")
    formats.check(name, made)
    return made


def settings_from_text(pairs: Mapping[str, str], name: str) -> dict[str, Any]:
    """Turn settings that were typed as text into what a format's factory takes.

    Raises:
        ConfigurationError: A text can't be read as what the setting must be, or there is no such format.
    """
    return read_settings(pairs, inspect.signature(_factory(name)).parameters)


def _factory(name: str) -> Callable[..., Format]:
    known = known_formats()
    try:
        factory: Callable[..., Format] = formats.get(known.get(name, name))
    except catalogue.RegistryError as error:
        short = sorted(key for key, value in known.items() if key != value)
        raise ArgumentError(
            "there is no format of this name",
            value=name,
            legal=", ".join(short),
            advice=missing_function(name, known),
        ) from error
    return factory
