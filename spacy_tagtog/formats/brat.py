"""brat's standoff format: ``NAME.txt`` with ``NAME.ann`` beside it, in folders as deep as one likes.

Text-bound annotations (T), relations (R), attributes (A, M) and normalizations (N) are read; events (E),
equivalences (*) and notes (#) have no place in tagtog and are counted. An attribute of an entity is an entity
label. Offsets are Python's, code points. A line break in an entity divides it, as brat's own editor does:
on reading, fragments with nothing but a line break between them are one.
Source: brat's page "standoff format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from spacy_tagtog._files import write_atomic
from spacy_tagtog.errors import FormatError
from spacy_tagtog.formats.carry import NO_DICTIONARY, Names, drop
from spacy_tagtog.formats.files import check_span, read_text, sources
from spacy_tagtog.formats.record import LabelValue, Mention, Norm, Range, Record
from spacy_tagtog.formats.report import FormatReport

_T: Final = re.compile(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)", re.DOTALL)
_R: Final = re.compile(r"(R\S+)\t(\S+) (\S+?):(T\S+) (\S+?):(T\S+)\s*")
_A: Final = re.compile(r"([AM]\S+)\t(\S+) (\S+)(?: (\S+))?\s*")
_N: Final = re.compile(r"(N\S+)\t(\S+) (T\S+) ([^\s:]+):([^\t]+?)(?:\t(.*))?")
_OTHERS: Final = {"E": "events", "*": "equivalences", "#": "notes"}
_ILLEGAL: Final = r"[\s;,:|]"
_LEGAL: Final = {
    "T": "T1<tab>TYPE START END[;START END…]<tab>TEXT",
    "R": "R1<tab>TYPE Arg1:T1 Arg2:T2",
    "A": "A1<tab>NAME T1 [VALUE]",
    "M": "M1<tab>NAME T1 [VALUE]",
    "N": "N1<tab>Reference T1 DICTIONARY:ID<tab>TEXT",
}


class Brat:
    """brat's standoff format."""

    name = "brat"
    suffix = ""
    carries = frozenset(
        {
            "unannotated",
            "overlaps",
            "gaps",
            "relations",
            "normalizations",
            "many_normalizations",
            "normalization_names",
            "entity_labels",
            "folders",
            "ids",
            "text",
        }
    )

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a text with its annotations, or all of a folder and below it."""
        root = path if path.is_dir() else path.parent
        found = sources(path, (".ann", ".txt"))
        names = dict.fromkeys(one.with_suffix("") for one in found)
        for name in names:
            text, ann = (name.with_name(name.name + suffix) for suffix in (".txt", ".ann"))
            folder = "/".join(["pool", *name.parent.relative_to(root).parts])
            try:
                if not text.exists():
                    raise FormatError(
                        "an .ann file has no text beside it", place=ann, legal=f"{text.name} beside it"
                    )
                record = Record(name.name, read_text(text), folder=folder, place=str(ann))
                if ann.exists():
                    _Reader(record, ann, report).read()
                else:
                    record.is_annotated = record.is_complete = False
                yield record
            except FormatError as fault:
                report.set_aside(fault)

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write two files for each record, in the folders that the documents have in tagtog."""
        names = {kind: Names(_ILLEGAL, report) for kind in ("type", "relation", "attribute", "value")}
        for record in records:
            adapt(record, report)
            folder = path.joinpath(*record.folder.split("/")[1:])
            write_atomic(folder / f"{record.id}.txt", record.text)
            if record.is_annotated:
                write_atomic(folder / f"{record.id}.ann", "".join(_lines(record, names, report)))
        # brat shows a folder only with the types that it declares.
        write_atomic(path / "annotation.conf", _configuration(names))


class _Reader:
    """Reads one ``.ann`` file into its record."""

    def __init__(self, record: Record, path: Path, report: FormatReport) -> None:
        self.record = record
        self.path = path
        self.report = report
        self.numbers: dict[str, int] = {}

    def read(self) -> None:
        numbered = [
            (number, line) for number, line in enumerate(read_text(self.path).split("\n"), 1) if line.strip()
        ]
        later = []
        for number, line in numbered:
            place = f"{self.path}, line {number}"
            if line[0] == "T":
                self._entity(_match(_T, line.removesuffix("\r"), place), place)
            else:
                later.append((place, line.removesuffix("\r")))
        for place, line in later:
            self._other(line, place)

    def _entity(self, match: re.Match[str], place: str) -> None:
        key, label, offsets, stored = match.groups()
        if key in self.numbers:
            raise FormatError("two annotations have one id", place=place, value=key, legal="ids of their own")
        text = self.record.text
        ranges: list[Range] = []
        for piece in offsets.split(";"):
            start, end = (int(one) for one in piece.split(" "))
            check_span(start, end, len(text), place)
            if ranges and not text[ranges[-1][1] : start].strip("\r\n") and ranges[-1][1] < start:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))
        there = " ".join(text[start:end] for start, end in ranges)
        if _plain(there) != _plain(stored):
            raise FormatError(
                "another text stands at an annotation's offsets",
                place=place,
                value=f"{offsets}: {there!r}, not {stored!r}",
                legal="the text that the .txt file has there, in code points",
                advice="look whether the .txt file was changed since, or has other line ends",
            )
        self.numbers[key] = self.record.add(label, *ranges)

    def _other(self, line: str, place: str) -> None:
        mentions, kind = self.record.mentions, line[0]
        if kind == "R":
            match = _match(_R, line, place)
            head, tail = (self._number(match[group], place) for group in (4, 6))
            self.record.relate(match[2], head, tail)
        elif kind in "AM":
            match = _match(_A, line, place)
            if match[3][0] != "T":
                self.report.lose("annotations: attributes of events", place)
                return
            value: LabelValue = True if match[4] is None else match[4]
            mentions[self._number(match[3], place)].fields[match[2]] = value
        elif kind == "N":
            match = _match(_N, line, place)
            number = self._number(match[3], place)
            one = mentions[number]
            if any(norm.dictionary == match[4] for norm in one.norms):
                self.report.lose("second_normalizations", place)
                return
            norms = (*one.norms, Norm(match[4], match[5], match[6] or ""))
            mentions[number] = Mention(one.label, one.ranges, norms, one.fields)
        elif kind in _OTHERS:
            self.report.lose(f"annotations: {_OTHERS[kind]}", place)
        else:
            raise FormatError(
                "a line of an unknown kind", place=place, value=line, legal="T, R, E, A, M, N, * or #"
            )

    def _number(self, key: str, place: str) -> int:
        try:
            return self.numbers[key]
        except KeyError:
            raise FormatError(
                "there is no text-bound annotation of this id",
                place=place,
                value=key,
                legal=", ".join(list(self.numbers)[:8]) or "none: the file has no line T",
            ) from None


def _match(pattern: re.Pattern[str], line: str, place: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise FormatError("a line can't be read", place=place, value=line, legal=_LEGAL[line[0]])
    return match


def _plain(text: str) -> str:
    """Text as brat stores it beside offsets: line breaks become spaces."""
    return re.sub(r"[\r\n]+", " ", text)


def _pieces(record: Record, one: Mention) -> list[Range]:
    """The fragments of an entity, divided at line breaks."""
    pieces = []
    for start, end in one.ranges:
        found = [
            (start + match.start(), start + match.end())
            for match in re.finditer(r"[^\n]+", record.text[start:end])
        ]
        pieces += found
    return pieces


def adapt(record: Record, report: FormatReport) -> None:
    """Make of a record what brat can hold: entities that neither begin nor end with a line break."""
    drop(record, lambda _, one: bool(_pieces(record, one)), "blank", report)
    for number, one in enumerate(record.mentions):
        ranges: list[Range] = []
        for start, end in _pieces(record, one):
            if ranges and ranges[-1][1] < start and not record.text[ranges[-1][1] : start].strip("\r\n"):
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((start, end))
        if tuple(ranges) != one.ranges:
            report.lose("edges", f"{record.place}: {one.label}")
            record.mentions[number] = replace(one, ranges=tuple(ranges))


def _lines(record: Record, names: dict[str, Names], report: FormatReport) -> Iterator[str]:
    keys: dict[int, str] = {}
    for number, one in enumerate(record.mentions):
        pieces = _pieces(record, one)
        keys[number] = key = f"T{len(keys) + 1}"
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        stored = " ".join(record.text[start:end] for start, end in pieces)
        yield f"{key}\t{names['type'](one.label)} {offsets}\t{stored}\n"
    attributes = norms = 0
    for number, key in keys.items():
        for name, value in record.mentions[number].fields.items():
            attributes += 1
            more = "" if value is True else f" {names['value'](str(value))}"
            yield f"A{attributes}\t{names['attribute'](name)} {key}{more}\n"
        for norm in record.mentions[number].norms:
            norms += 1
            dictionary = re.sub(r"[\s:]", "_", norm.dictionary or NO_DICTIONARY)
            name = re.sub(r"\s", " ", norm.name)
            identity = re.sub(r"\s", "_", norm.id)
            if (dictionary, identity, name) != (norm.dictionary, norm.id, norm.name):
                report.lose("names", f"{record.place}: {norm.dictionary}:{norm.id}")
            yield f"N{norms}\tReference {key} {dictionary}:{identity}\t{name}\n"
    links = [link for link in record.links if link.head in keys and link.tail in keys]
    report.lose("relation_ends", record.place, len(record.links) - len(links))
    for number, link in enumerate(links, 1):
        yield f"R{number}\t{names['relation'](link.label)} Arg1:{keys[link.head]} Arg2:{keys[link.tail]}\n"


def _configuration(names: dict[str, Names]) -> str:
    """Brat's ``annotation.conf`` for all types that were written."""
    types = sorted(names["type"].made)
    relations = [f"{one}\tArg1:<ENTITY>, Arg2:<ENTITY>" for one in sorted(names["relation"].made)]
    attributes = [
        f"{one}\tArg:<ENTITY>" + (f", Value:{'|'.join(values)}" if values else "")
        for one in sorted(names["attribute"].made)
        for values in [sorted(names["value"].made)]
    ]
    rows = [("entities", types), ("relations", relations), ("events", []), ("attributes", attributes)]
    return "\n".join(f"[{title}]\n" + "".join(f"{one}\n" for one in found) for title, found in rows)
