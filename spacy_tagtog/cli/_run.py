"""What all commands share: messages, progress bars, errors turned into exit codes."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec, TypeVar, cast

import typer

from spacy_tagtog._progress import Progress
from spacy_tagtog.cli._spelling import speller
from spacy_tagtog.errors import ArgumentError, SpacyTagtogError, spelled

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_MAX_ITEMS = 10
_SIGNS = {"good": ("✔", "green"), "info": ("ℹ", "blue"), "warn": ("⚠", "yellow"), "fail": ("✘", "red")}


def echo(text: str, *, err: bool = False, colour: str | None = None) -> None:
    """Print, whatever the terminal's encoding can show; colours only on a terminal."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    typer.secho(text.encode(encoding, "replace").decode(encoding), err=err, fg=colour)


def _say(kind: str, text: str, *, err: bool = False) -> None:
    sign, colour = _SIGNS[kind]
    echo(f"{sign} {text}", err=err, colour=colour)


def good(text: str) -> None:
    """Say that something succeeded."""
    _say("good", text)


def info(text: str) -> None:
    """Say something worth knowing."""
    _say("info", text)


def warn(text: str) -> None:
    """Say, on standard error, that something needs attention."""
    _say("warn", text, err=True)


def note(items: Iterable[object], *, caption: str) -> None:
    """List, on standard error, what was set aside: the first few, and how many more there are."""
    listed = list(items)
    if not listed:
        return
    warn(f"{caption}: {len(listed)}")
    for item in listed[:_MAX_ITEMS]:
        echo(f"    {item}", err=True)
    if len(listed) > _MAX_ITEMS:
        echo(f"    … and {len(listed) - _MAX_ITEMS} more", err=True)


def table(
    rows: Iterable[tuple[object, ...]], *, header: tuple[str, ...] | None = None, aligns: str = ""
) -> None:
    """Print rows: text to the left, numbers to the right.

    Args:
        rows: The cells. A column in which no cell has a letter holds numbers; the first column holds names.
        header: The names of the columns.
        aligns: How to align instead, one letter (l, r, c) per column.
    """
    from wasabi.tables import table as wasabi_table

    data = [tuple(str(cell) for cell in row) for row in rows]
    if data:
        numbers = [
            not any(letter.isalpha() for cell in cells for letter in cell)
            for cells in zip(*data, strict=True)
        ]
        aligns = aligns or "l" + "".join("r" if number else "l" for number in numbers[1:])
        letters = cast("list[Literal['l', 'r', 'c']]", list(aligns))
        echo(wasabi_table(data, header=header, divider=header is not None, aligns=letters, max_col=100))


def progress(
    items: Iterable[T], total: int | None = None, *, what: str = "", unit: str = "documents"
) -> Iterable[T]:
    """Show a progress bar on standard error while iterating; nothing where that is not a terminal."""
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(items, total=total, desc=what or None, unit=f" {unit}", disable=None, leave=False)
    return bar


def showing(what: str, *, unit: str = "documents") -> Progress:
    """The progress bar for a step.

    Args:
        what: What the step does, such as ``fetching``.
        unit: What it goes through.
    """

    def show(items: Iterable[T], total: int | None = None, /) -> Iterable[T]:
        return progress(items, total, what=what, unit=unit)

    return show


def write_json(path: Path | None, data: object) -> None:
    """Write an object as JSON, if a path is given."""
    if path is not None:
        from spacy_tagtog._files import json_text, write_atomic

        write_atomic(path, json_text(data))


def parse_pairs(pairs: Iterable[str], *, option: str) -> Iterator[tuple[str, str]]:
    """Read ``KEY=VALUE`` arguments.

    Raises:
        ConfigurationError: One has no equals sign or no key.
    """
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ArgumentError(f"{option} can't be read", value=pair, legal="KEY=VALUE")
        yield key, value


def _fail(error: SpacyTagtogError, function: Callable[..., object]) -> None:
    spell = speller(function)
    _say("fail", spelled(error.problem, spell), err=True)
    details = error.details(spell)
    if isinstance(error, ArgumentError) and error.advice is None:
        name = function.__name__.removesuffix("_cli").replace("_", " ")
        details.append(("to do", f"see what it takes: spacy-tagtog {name} --help"))
    for caption, text in details:
        echo(f"  {caption + ':':<7}{text}", err=True)


class Change(NamedTuple):
    """A change in tagtog that a command makes, and what it says of it."""

    said: str
    make: Callable[[], object]


def make_changes(changes: Iterable[Change], *, where: str, dry_run: bool) -> None:
    """Make the changes one after the other, and say so; with ``dry_run`` only say it."""
    for change in changes:
        if dry_run:
            info(f"{where}, would be done: {change.said}")
        else:
            change.make()
            good(f"{where}: {change.said}")


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into messages and exit codes, as ``spacy-tagtog`` and as ``python -m spacy tagtog``."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SpacyTagtogError as error:
            _fail(error, function)
            raise typer.Exit(2 if isinstance(error, ArgumentError) else 1) from error
        except KeyboardInterrupt:
            echo("Interrupted.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of our output went away (… | head): not an error.
            # Python would complain again when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    # typer prints a docstring's line breaks as they are: one line per paragraph lets it fill the terminal.
    run.__doc__ = unwrapped(function.__doc__ or "")
    return run


def unwrapped(text: str) -> str:
    """Text with one line per paragraph, except for the examples at its end.

    They begin with a backspace: click leaves such a paragraph as it is.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    number = next(
        (i for i, paragraph in enumerate(paragraphs) if paragraph.startswith("Example")), len(paragraphs)
    )
    lines = [" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs[:number]]
    if number < len(paragraphs):
        lines.append("\b\n" + "\n".join(paragraphs[number:]))
    return "\n\n".join(lines)
