"""PubTator's format: ``ID|t|TITLE``, ``ID|a|ABSTRACT``, then lines with offsets, types and ids.

Offsets are code points of the title, one character, and the abstract. Relations are between ids, not between
mentions: on reading they connect the first mention of each id. Source: the formats page of PubTator Central
and the files of BioCreative V CDR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from spacy_tagtog._files import atomic_path
from spacy_tagtog.errors import FormatError, setting
from spacy_tagtog.formats.carry import NO_DICTIONARY, Names, norm_of, norm_text, rejoined
from spacy_tagtog.formats.files import check_span, lines, sources, units_of
from spacy_tagtog.formats.record import Block, Link, Norm, Range, Record
from spacy_tagtog.formats.report import FormatReport

_TEXT: Final = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_NO_ID: Final = ("", "-", "-1")


class PubTator:
    """PubTator's format.

    Args:
        dictionary: The dictionary of ids that name none themselves, as ``MESH:D001`` does.
    """

    name = "pubtator"
    suffix = ".pubtator"
    carries = frozenset({"overlaps", "normalizations", "relations", "parts", "ids"})

    def __init__(self, dictionary: str = NO_DICTIONARY) -> None:
        self.dictionary = dictionary

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's."""
        for file in sources(path, (".pubtator", ".PubTator", ".txt")):
            document: list[tuple[int, str]] = []
            for number, line in [*lines(file), (0, "")]:
                if line.strip():
                    document.append((number, line))
                elif document:
                    try:
                        yield self._record(document, file, report)
                    except FormatError as fault:
                        report.set_aside(fault)
                    document = []

    def _record(self, document: list[tuple[int, str]], path: Path, report: FormatReport) -> Record:
        texts: dict[str, str] = {}
        doc_id = ""
        for number, line in document:
            match = _TEXT.fullmatch(line)
            if match is None:
                break
            doc_id = doc_id or match[1]
            if match[1] != doc_id or match[2] in texts:
                raise FormatError(
                    "a line of another document",
                    place=f"{path}, line {number}",
                    value=line,
                    legal=f"one title and one abstract of {doc_id}; an empty line after each document",
                )
            texts[match[2]] = match[3]
        place = f"{path}, line {document[0][0]}"
        if "t" not in texts:
            raise FormatError(
                "a document has no title",
                place=place,
                value=document[0][1],
                legal="ID|t|TITLE, ID|a|ABSTRACT",
            )
        title = texts["t"]
        record = Record(doc_id, title + "\n" + texts["a"] if "a" in texts else title, place=place)
        record.blocks = [Block("h2", 0, len(title))]
        if texts.get("a"):
            record.blocks.append(Block("p", len(title) + 1, len(record.text)))
        first_of: dict[str, int] = {}
        for number, line in document[len(texts) :]:
            self._line(record, line, f"{path}, line {number}", first_of, report)
        return record

    def _line(
        self, record: Record, line: str, place: str, first_of: dict[str, int], report: FormatReport
    ) -> None:
        columns = line.split("\t")
        if columns[0] != record.id or len(columns) < 4:
            raise FormatError(
                "a line can't be read",
                place=place,
                value=line,
                legal=f"{record.id}, start, end, text, type, id; or {record.id}, relation, id, id; by tabs",
            )
        if not (columns[1].isdigit() and columns[2].isdigit()):
            ends = [first_of.get(f"={one}", first_of.get(f"~{one}")) for one in columns[2:4]]
            if None in ends:
                raise FormatError(
                    "no entity has a relation's id",
                    place=place,
                    value=", ".join(columns[2:4]),
                    legal="ids of entities of the document",
                )
            report.lose("relation_mentions", place)
            record.relate(columns[1], *(end for end in ends if end is not None))
            return
        if len(columns) < 5:
            raise FormatError("an entity has no type", place=place, value=line, legal="six columns, by tabs")
        where = _range(record.text, int(columns[1]), int(columns[2]), columns[3], place)
        identity = columns[5].strip() if len(columns) > 5 else ""
        norms: tuple[Norm, ...] = ()
        if identity not in _NO_ID:
            norm = norm_of(identity)
            norms = (Norm(self.dictionary, identity) if norm.dictionary == NO_DICTIONARY else norm,)
        number = record.add(columns[4], where, norms=norms)
        first_of.setdefault(f"={identity}", number)
        # Relations of some files name one of several ids, and without its dictionary.
        for one in re.split(r"[|;,]", identity):
            first_of.setdefault(f"~{one}", number)
            first_of.setdefault(f"~{one.rpartition(':')[2]}", number)
        if len(columns) > 6 and any(columns[6:]):
            report.lose("fields: seventh column", place)

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records."""
        types, ids = Names(r"[\t\n]", report), Names(r"[|\t\s]", report)
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                adapt(record, report)
                doc_id = ids(record.id)
                cut = record.blocks[0].end
                # There is always one character between title and abstract.
                title, abstract = record.text[:cut], record.text[cut + 1 :]
                file.write(f"{doc_id}|t|{title}\n{doc_id}|a|{abstract}\n")
                for one in record.mentions:
                    norm = one.norms[0] if one.norms else None
                    identity = "" if norm is None else self._identity(norm)
                    columns = [doc_id, one.start, one.end, record.surface(one), types(one.label), identity]
                    file.write("\t".join(str(column) for column in columns) + "\n")
                for link in record.links:
                    ends = [self._identity(record.mentions[end].norms[0]) for end in (link.head, link.tail)]
                    file.write("\t".join([doc_id, types(link.label), *ends]) + "\n")
                file.write("\n")

    def _identity(self, norm: Norm) -> str:
        text = norm.id if norm.dictionary == self.dictionary else norm_text(norm)
        return re.sub(r"[\t\n]", "_", text)


def _range(text: str, start: int, end: int, stored: str, place: str) -> Range:
    """Where an entity stands: in code points; in bytes or UTF-16 units, if only these fit its text."""
    options = [(start, end)]
    if not text.isascii():
        units = units_of(text)
        low, high = units.to_code_points(start), units.to_code_points(end)
        if low is not None and high is not None:
            options.append((low, high))
    for low, high in options:
        if low < high <= len(text) and text[low:high].replace("\n", " ") == stored:
            return low, high
    check_span(start, end, len(text), place)
    raise FormatError(
        "another text stands at an entity's offset",
        place=place,
        value=f"{start}-{end}: {text[start:end]!r}, not {stored!r}",
        legal="the text of title and abstract, with one character between them",
        advice=f"mend the offset, or pass {setting('on_problem', 'report')} to set the document aside",
    )


def adapt(record: Record, report: FormatReport) -> None:
    """Make of a record what the format can hold: two lines of text, and relations between ids."""
    if not record.blocks:
        record.blocks = [Block("h2", 0, len(record.text))]
    if len(record.blocks) > 2:
        report.lose("parts", record.place)
    rejoined(record, lambda _: " ")
    if "\n" in record.text or "\t" in record.text:
        report.lose("line_breaks", record.place)
        record.text = re.sub(r"[\n\t]", " ", record.text)
    first = record.blocks[0].end
    record.blocks = [Block("h2", 0, first)]
    if len(record.text) > first + 1:
        record.blocks.append(Block("p", first + 1, len(record.text)))
    first_of: dict[str, int] = {}
    for number, one in enumerate(record.mentions):
        for norm in one.norms[:1]:
            first_of.setdefault(norm_text(norm), number)
    links = []
    for link in record.links:
        ends = [record.mentions[end].norms[:1] for end in (link.head, link.tail)]
        if not all(ends):
            report.lose("relation_ends: without an id", record.place)
            continue
        head, tail = (first_of[norm_text(end[0])] for end in ends)
        if (head, tail) != (link.head, link.tail):
            report.lose("relation_mentions", record.place)
        links.append(Link(link.label, head, tail))
    record.links = list(dict.fromkeys(links))
