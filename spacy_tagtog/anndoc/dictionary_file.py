"""Dictionary files: an id, a name and further names per line, as TSV or CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spacy_tagtog.errors import DictionaryError, setting

LEGAL: Final = "a file .tsv or .csv in UTF-8, each line an id, a name, and further names if there are any"
_SEPARATORS: Final = {".tsv": "\t", ".csv": ","}
_LONGEST: Final = 1000
"""The most characters that an id or a name may have."""
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

DictionaryEntry = tuple[str, tuple[str, ...]]
"""An id, and its names, the main one first."""


def read_dictionary(source: Path) -> Iterator[DictionaryEntry]:
    """The entries of a file, each id once.

    Args:
        source: The file.

    Raises:
        DictionaryError: The file or a line of it can't be used, an id is there twice, or there is no entry.
    """
    first: dict[str, int] = {}
    for line, entry in dictionary_lines(source):
        if isinstance(entry, DictionaryError):
            raise entry
        if entry[0] in first:
            raise line_problem(
                source, line, f"line {first[entry[0]]} has the same id", entry[0], "each id once"
            )
        first[entry[0]] = line
        yield entry
    if not first:
        raise DictionaryError("the file holds no entry", place=source, legal=LEGAL)


def dictionary_lines(source: Path) -> Iterator[tuple[int, DictionaryEntry | DictionaryError]]:
    """The number of each line that isn't empty, and its entry or what is wrong with it.

    Args:
        source: The file.

    Raises:
        DictionaryError: The file can't be read, or isn't of this form.
    """
    separator = _SEPARATORS.get(source.suffix.lower())
    if separator is None:
        raise DictionaryError("a dictionary can't have this form", value=str(source), legal=LEGAL)
    try:
        with source.open("rb") as file:
            for line, data in enumerate(file, 1):
                cells = _cells(
                    source, line, data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data, separator
                )
                if isinstance(cells, DictionaryError):
                    yield line, cells
                elif any(cells) and not (line == 1 and _is_heading(cells)):
                    yield line, _entry(source, line, cells)
    except OSError as error:
        raise DictionaryError(
            f"the dictionary can't be read: {error.strerror}", place=source, legal=LEGAL
        ) from error


def line_problem(source: Path, line: int, problem: str, value: object, legal: str = LEGAL) -> DictionaryError:
    """The error for a line that can't be used."""
    return DictionaryError(
        problem,
        place=f"{source}, line {line}",
        value=value,
        legal=legal,
        advice=f"mend the line; {setting('on_problem', 'report')} leaves such lines out and lists them",
    )


def _cells(source: Path, line: int, data: bytes, separator: str) -> list[str] | DictionaryError:
    # Each line by itself: so a quotation mark that is never closed costs one line and not the rest.
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return line_problem(
            source, line, "the line isn't UTF-8", data[:100].decode("utf-8", "backslashreplace")
        )
    if separator == "\t":
        cells = text.split(separator)
    else:
        try:
            cells = next(csv.reader([text], strict=True), [])
        except csv.Error as error:
            return line_problem(source, line, f"the line isn't CSV: {error}", text)
    return [cell.strip() for cell in cells]


def _is_heading(cells: list[str]) -> bool:
    return [cell.casefold() for cell in cells[:2]] == ["id", "name"]


def _entry(source: Path, line: int, cells: list[str]) -> DictionaryEntry | DictionaryError:
    if len(cells) < 2:
        return line_problem(source, line, "the line has an id and no name", cells[0])
    entry_id, main, *more = cells
    for what, cell in (("id", entry_id), ("name", main)):
        if not cell:
            return line_problem(source, line, f"the {what} is empty", ", ".join(cells))
    for cell in cells:
        if len(cell) > _LONGEST or _CONTROLS.search(cell):
            legal = f"at most {_LONGEST} characters, none of them a control character"
            return line_problem(source, line, "this can't be an id or a name", cell, legal)
    # What spreadsheets leave empty on the right isn't a name. The same name twice is one.
    return entry_id, tuple(dict.fromkeys([main, *filter(None, more)]))
