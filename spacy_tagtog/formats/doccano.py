"""doccano's JSONL: sequence labelling, with or without relations, text classification, and both together.

The fields are those that doccano's export writes: ``label`` (or ``labels``) with ``[start, end, LABEL]`` or
texts; ``entities`` with ``start_offset`` and ``end_offset``, ``relations`` with ``from_id`` and ``to_id``;
``cats``. Fields that were imported come back beside these, so the document's id survives as ``tagtog_id``.
Offsets are Python's, code points; files of very old versions count UTF-16 units (doccano #99).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from spacy_tagtog._files import atomic_path
from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import OffsetUnit
from spacy_tagtog.errors import FormatError
from spacy_tagtog.formats.files import (
    dump_line,
    field,
    json_lines,
    lose_fields,
    sources,
    unit_reader,
)
from spacy_tagtog.formats.labels import label_texts, labels_of
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.report import FormatReport

_KNOWN: Final = {"id", "tagtog_id", "text", "data", "label", "labels", "entities", "relations", "cats"}
Unannotated = Literal["unannotated", "confirmed"]
"""What a record without any annotation is: not annotated yet, or confirmed to have none."""


class Doccano:
    """doccano's JSONL.

    Args:
        offset_unit: What offsets count: ``code-point`` or ``utf-16``.
        empty: What a record without any annotation is: ``unannotated``, or ``confirmed`` to have none.
            doccano exports both alike.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """

    name = "doccano"
    suffix = ".jsonl"
    carries = frozenset({"unannotated", "overlaps", "relations", "document_labels", "ids", "text"})

    def __init__(self, offset_unit: str = "code-point", empty: str = "unannotated") -> None:
        self.offset_unit: OffsetUnit = choose("offset_unit", offset_unit, OffsetUnit)
        self.empty: Unannotated = choose("empty", empty, Unannotated)

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's ``.jsonl`` files."""
        for file in sources(path, (".jsonl", ".json")):
            for number, (place, data) in enumerate(json_lines(file, report), 1):
                try:
                    yield self._record(data, place, f"{file.stem}-{number}", report)
                except FormatError as fault:
                    report.set_aside(fault)

    def _record(self, data: dict[str, Any], place: str, default_id: str, report: FormatReport) -> Record:
        text = field(data, "data" if "text" not in data and "data" in data else "text", str, place)
        record = Record(str(data.get("tagtog_id") or data.get("id") or default_id), text, place=place)
        to_range = unit_reader(text, self.offset_unit, place)
        key = "label" if "label" in data else "labels"
        values = field(data, key, list, place, [])
        if all(isinstance(value, str) for value in values):
            record.labels = labels_of(values)
        else:
            for value in values:
                start, end, label = _triple(value, place)
                record.add(label, to_range(start, end))
        numbers: dict[object, int] = {}
        for entity in field(data, "entities", list, place, []):
            if isinstance(entity, list):
                start, end, label = _triple(entity, place)
                record.add(label, to_range(start, end))
                continue
            start, end = (field(entity, name, int, place) for name in ("start_offset", "end_offset"))
            if entity.get("id") in numbers:
                raise FormatError(
                    "two entities have one id", place=place, value=entity.get("id"), legal="ids of their own"
                )
            numbers[entity.get("id")] = record.add(field(entity, "label", str, place), to_range(start, end))
        for relation in field(data, "relations", list, place, []):
            ends = [relation.get("from_id"), relation.get("to_id")]
            if any(end not in numbers for end in ends):
                raise FormatError(
                    "a relation's entity isn't there",
                    place=place,
                    value=relation,
                    legal="from_id and to_id of two entities of the same record",
                )
            record.relate(field(relation, "type", str, place), numbers[ends[0]], numbers[ends[1]])
        record.labels.update(labels_of(field(data, "cats", list, place, [])))
        lose_fields(data, _KNOWN, place, report)
        if not record.mentions and not record.labels and self.empty == "unannotated":
            record.is_annotated = record.is_complete = False
        return record

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records."""
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            for number, record in enumerate(records, 1):
                if record.is_annotated and not (record.mentions or record.labels):
                    report.lose("confirmed", record.place)
                file.write(dump_line(_written(record, number)))


def _triple(value: object, place: str) -> tuple[int, int, str]:
    if (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], int)
        and isinstance(value[1], int)
        and isinstance(value[2], str)
    ):
        return value[0], value[1], value[2]
    raise FormatError(
        "a label can't be read", place=place, value=value, legal="[start, end, LABEL], or texts alone"
    )


def _written(record: Record, number: int) -> dict[str, Any]:
    """One record as doccano's import takes it, by what it has."""
    data: dict[str, Any] = {"id": number, "tagtog_id": record.id, "text": record.text}
    spans = [[one.start, one.end, one.label] for one in record.mentions]
    if record.links:
        data["entities"] = [
            {"id": place, "label": label, "start_offset": start, "end_offset": end}
            for place, (start, end, label) in enumerate(spans, 1)
        ]
        data["relations"] = [
            {"id": place, "from_id": link.head + 1, "to_id": link.tail + 1, "type": link.label}
            for place, link in enumerate(record.links, 1)
        ]
    elif record.labels and spans:
        data["entities"] = spans
    elif spans:
        data["label"] = spans
    if record.labels and (spans or record.links):
        data["cats"] = label_texts(record.labels)
    elif not spans:
        data["label"] = label_texts(record.labels)
    return data
