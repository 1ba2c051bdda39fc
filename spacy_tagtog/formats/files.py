"""Reading the files of other tools: strictly, with the place in every message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from spacy_tagtog.anndoc import OffsetConverter
from spacy_tagtog.errors import FormatError, setting
from spacy_tagtog.formats.record import Range
from spacy_tagtog.formats.report import FormatReport

_T = TypeVar("_T")
_KINDS: Final = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
_WRONG_ENCODING: Final = "save the file as UTF-8 (for example: iconv -f latin1 -t utf-8)"


def read_text(path: Path) -> str:
    """A file's text. Line breaks stay as they are; a byte order mark is passed over.

    Raises:
        FormatError: It can't be read, or isn't UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FormatError(
            f"can't read the file: {error.strerror or error}", place=path, advice="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise FormatError(
            "the file isn't UTF-8",
            place=f"{path}, byte {error.start}",
            value=error.object[error.start : error.start + 8],
            legal="UTF-8",
            advice=_WRONG_ENCODING,
        ) from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file, numbered from 1, without their ends. Only LF and CRLF end a line."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        yield number, line.removesuffix("\r")


def parse_json(text: str, place: str) -> Any:
    """What JSON text holds.

    Raises:
        FormatError: It isn't JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = getattr(error, "pos", 0)
        raise FormatError(
            f"this isn't JSON: {getattr(error, 'msg', error)}",
            place=f"{place}, character {at}",
            value=text[at : at + 40],
            legal="JSON",
            advice="export it from the tool again",
        ) from error


def json_lines(path: Path, report: FormatReport) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file with one JSON object per line, each with its place."""
    for number, line in lines(path):
        place = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            value = parse_json(line, place)
            if not isinstance(value, dict):
                raise FormatError(
                    "a line isn't a JSON object",
                    place=place,
                    value=line,
                    legal="one JSON object per line",
                    advice="export JSON lines from the tool, not one JSON list",
                )
        except FormatError as fault:
            report.set_aside(fault)
            continue
        yield place, value


def sources(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The file itself, or all files of a folder and below it with one of these suffixes, by name.

    Raises:
        FormatError: There is none.
    """
    found = [path]
    if path.is_dir():
        found = sorted(
            one
            for one in path.rglob("*")
            if one.is_file() and not one.name.startswith(".") and one.name.endswith(suffixes)
        )
    if not found or not path.exists():
        raise FormatError(
            "there is no file to read",
            place=path,
            legal=f"a file, or a folder with files that end with {', '.join(suffixes)}",
            advice=f"check the path and {setting('format')}",
        )
    return found


def field(data: dict[str, Any], key: str, kind: type[_T], place: str, default: _T | None = None) -> _T:
    """A field of a JSON object.

    Args:
        data: The object.
        key: The field's name.
        kind: What it must be.
        place: Where the object stands.
        default: What it is where it is missing or null; without one it must be there.

    Raises:
        FormatError: It is missing, or something else.
    """
    value = data.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FormatError(
            f"the field {key} {'is missing' if key not in data else 'is of the wrong kind'}",
            place=place,
            value=data if key not in data else value,
            legal=f"{key}: {_KINDS.get(kind, kind.__name__)}",
            advice="look whether the file is of this format, and export it again",
        )
    return value


def span(
    data: dict[str, Any], place: str, text: str, *, keys: tuple[str, str] = ("start", "end")
) -> tuple[int, int]:
    """A start and an end, in the file's own unit.

    Raises:
        FormatError: One is missing, or they aren't in order.
    """
    start, end = field(data, keys[0], int, place), field(data, keys[1], int, place)
    check_span(start, end, len(text), place)
    return start, end


def check_span(start: int, end: int, length: int, place: str) -> None:
    """Make sure that a stretch lies in a text.

    Raises:
        FormatError: It doesn't, or it is empty.
    """
    if not 0 <= start < end <= length:
        raise FormatError(
            "an offset is past the end of the text, or out of order",
            place=place,
            value=f"{start}-{end}",
            legal=f"0 ≤ start < end ≤ {length}",
            advice=f"mend the record, or pass {setting('on_problem', 'report')} to set it aside; "
            f"an old doccano counted otherwise: {setting('format_set', 'offset_unit=utf-16')}",
        )


@lru_cache(maxsize=16)
def units_of(text: str) -> OffsetConverter:
    """The converter of a text's offsets, made once for all entities of a document."""
    return OffsetConverter(text)


def unit_reader(text: str, unit: str, place: str) -> Callable[[int, int], Range]:
    """A function from offsets in a file's unit to code points, checked against the text.

    Args:
        text: The text.
        unit: ``code-point`` or ``utf-16``.
        place: For messages.
    """
    units = units_of(text)

    def read(start: int, end: int) -> Range:
        if unit == "code-point":
            check_span(start, end, len(text), place)
            return start, end
        check_span(start, end, units.utf16_length, place)
        first, last = units.to_code_points(start), units.to_code_points(end)
        if first is None or last is None:
            raise FormatError(
                "an offset is in the middle of a character",
                place=place,
                value=f"{start}-{end}",
                legal="UTF-16 offsets beside whole characters",
                advice=f"the tool may count code points: {setting('format_set', 'offset_unit=code-point')}",
            )
        return first, last

    return read


def lose_fields(data: dict[str, Any], known: set[str], place: str, report: FormatReport) -> None:
    """Note the fields of an object that are passed over and hold something."""
    for key, value in data.items():
        if key not in known and value not in (None, "", [], {}):
            report.lose(f"fields: {key}", place)


def dump_line(data: object) -> str:
    """An object as one line of JSON."""
    return json.dumps(data, ensure_ascii=False) + "\n"
