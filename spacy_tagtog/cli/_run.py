"""What all commands share: messages, progress bars, errors turned into exit codes."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec, TypeVar, cast

import typer

from spacy_tagtog.errors import ConfigurationError, SpacyTagtogError

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
    """Print rows: the first column to the left, numbers to the right, or as ``aligns`` says with a letter (l, r, c) for each column."""
    from wasabi.tables import table as wasabi_table

    data = [tuple(str(cell) for cell in row) for row in rows]
    if data:
        letters = cast("list[Literal['l', 'r', 'c']]", list(aligns or "l" + "r" * (len(data[0]) - 1)))
        echo(wasabi_table(data, header=header, divider=header is not None, aligns=letters, max_col=100))


def progress(
    items: Iterable[T], total: int | None = None, *, what: str = "", unit: str = "documents"
) -> Iterable[T]:
    """Show a progress bar on standard error while iterating; nothing where that is not a terminal."""
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(items, total=total, desc=what or None, unit=f" {unit}", disable=None, leave=False)
    return bar


def write_json(path: Path | None, data: object) -> None:
    """Write an object as JSON, if a path is given."""
    if path is not None:
        from spacy_tagtog._files import write_atomic
        from spacy_tagtog._unicode import escape_surrogates

        text = json.dumps(data, ensure_ascii=False, indent=2)
        # Half a character, as browsers cut them: UTF-8 can't hold it, an escape can.
        write_atomic(path, escape_surrogates(text) + "\n")


def parse_pairs(pairs: Iterable[str], *, option: str) -> Iterator[tuple[str, str]]:
    """Read ``KEY=VALUE`` arguments.

    Raises:
        ConfigurationError: One has no equals sign or no key.
    """
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"{option} can't be read", value=pair, legal="KEY=VALUE")
        yield key, value


def _fail(error: SpacyTagtogError) -> None:
    _say("fail", error.problem, err=True)
    for caption, text in error.details():
        echo(f"  {caption + ':':<7}{text}", err=True)


class Step(NamedTuple):
    """Something that a command does, and what it says of it."""

    said: str
    do: Callable[[], object]


def carry_out(steps: Iterable[Step], *, where: str, dry_run: bool) -> None:
    """Take the steps one after the other and say so; with ``dry_run`` only say it."""
    for step in steps:
        if dry_run:
            info(f"{where}, would be done: {step.said}")
        else:
            step.do()
            good(f"{where}: {step.said}")


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into messages and exit codes, the same under ``spacy-tagtog`` and ``python -m spacy tagtog``."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SpacyTagtogError as error:
            _fail(error)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            echo("Interrupted.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of our output went away (… | head): not an error. Python would complain again when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    # typer prints the line breaks of a docstring as they are: one line a paragraph lets it fill the terminal.
    run.__doc__ = unwrapped(function.__doc__ or "")
    return run


def unwrapped(text: str) -> str:
    """Text with one line a paragraph, except for the examples at its end: click leaves a paragraph alone that begins with a backspace."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    number = next(
        (i for i, paragraph in enumerate(paragraphs) if paragraph.startswith("Example")), len(paragraphs)
    )
    lines = [" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs[:number]]
    if number < len(paragraphs):
        lines.append("\b\n" + "\n".join(paragraphs[number:]))
    return "\n\n".join(lines)
