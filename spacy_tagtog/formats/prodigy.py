"""Prodigy's JSONL: spans, relations, choices, and what was answered.

The fields are those of Prodigy's documented interfaces ``ner_manual``, ``spans_manual``, ``relations``,
``choice`` and ``classification``. Offsets are Python's, code points. A record that was rejected or ignored
isn't taken, and counted, unless it says of one label that it doesn't apply. What nobody has answered yet is
taken as not confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from spacy_tagtog._files import atomic_path
from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.errors import FormatError
from spacy_tagtog.formats.files import dump_line, field, json_lines, lose_fields, sources, span, unit_reader
from spacy_tagtog.formats.labels import label_texts, labels_of
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.report import FormatReport

_KNOWN: Final = {
    "text",
    "spans",
    "relations",
    "answer",
    "accept",
    "options",
    "label",
    "meta",
    "tokens",
    "config",
    "_input_hash",
    "_task_hash",
    "_session_id",
    "_annotator_id",
    "_view_id",
    "_timestamp",
    "_is_binary",
}
_ANSWERS: Final = ("accept", "reject", "ignore")
Sessions = Literal["members", "last", "refuse"]
"""What several records of one text are: versions of members, or only the last one counts, or a fault."""


class Prodigy:
    """Prodigy's JSONL.

    Args:
        sessions: What several answers to one text are: ``refuse`` (a fault), ``last`` (the last one counts),
            or ``members`` (those of one annotator or session each are a version). Answers to questions about
            different labels of one text are no such thing: they belong together.

    Raises:
        ConfigurationError: The setting has an unknown value.
    """

    name = "prodigy"
    suffix = ".jsonl"
    carries = frozenset(
        {
            "unannotated",
            "overlaps",
            "relations",
            "document_labels",
            "false_labels",
            "unconfirmed",
            "members",
            "ids",
            "text",
        }
    )

    def __init__(self, sessions: str = "refuse") -> None:
        self.sessions: Sessions = choose("sessions", sessions, Sessions)

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's ``.jsonl`` files."""
        kept: dict[object, Record] = {}
        binary: dict[tuple[str, str], Record] = {}
        for file in sources(path, (".jsonl",)):
            for number, (place, data) in enumerate(json_lines(file, report), 1):
                try:
                    record = self._record(data, place, f"{file.stem}-{number}", report)
                except FormatError as fault:
                    report.set_aside(fault)
                    continue
                if record is None:
                    continue
                if _is_binary(data):  # a record for each label, of one text
                    first = binary.setdefault((record.id, record.member), record)
                    twice = first is not record and first.labels.keys() & record.labels.keys()
                    if first.text == record.text and (not twice or self.sessions == "last"):
                        first.labels.update(record.labels)
                        record = first
                key: object = id(record) if self.sessions != "last" else record.id
                before = kept.setdefault(key, record)
                if before is not record:
                    report.lose("other_annotations", before.place)
                    kept[key] = record
        yield from kept.values()

    def _record(
        self, data: dict[str, Any], place: str, default_id: str, report: FormatReport
    ) -> Record | None:
        text = field(data, "text", str, place)
        answer = data.get("answer")
        if answer not in (None, *_ANSWERS):
            raise FormatError("an unknown answer", place=place, value=answer, legal=", ".join(_ANSWERS))
        meta = field(data, "meta", dict, place, {})
        label = data.get("label")
        if answer == "ignore" or (answer == "reject" and not _is_binary(data)):
            report.lose(f"rejected: {answer}", place)
            return None
        hashed = data.get("_input_hash")
        given = meta.get("tagtog_id") or (hashed if hashed is not None else meta.get("id"))
        record = Record(str(given if given is not None else default_id), text, place=place)
        _read_spans(record, data, place)
        _read_choices(record, data, place)
        if isinstance(label, str):
            record.labels[label] = answer != "reject"
        record.is_complete = answer is not None
        record.is_annotated = bool(answer is not None or record.mentions or record.labels)
        who = data.get("_annotator_id") or data.get("_session_id")
        if self.sessions == "members":
            record.member = meta.get("tagtog_member") or who or MASTER
        elif who:
            report.lose("members", place, 0)
        lose_fields(data, _KNOWN, place, report)
        lose_fields(meta, {"tagtog_id", "tagtog_member", "id"}, f"{place}, meta", report)
        return record

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records."""
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                file.write(dump_line(_written(record)))


def _is_binary(data: dict[str, Any]) -> bool:
    """Whether a record says of one label of the text whether it applies."""
    return isinstance(data.get("label"), str) and not data.get("spans")


def _read_spans(record: Record, data: dict[str, Any], place: str) -> None:
    to_range = unit_reader(record.text, "code-point", place)
    for one in field(data, "spans", list, place, []):
        start, end = span(one, place, record.text)
        record.add(field(one, "label", str, place), to_range(start, end))
    known = {(one.start, one.end, one.label): number for number, one in enumerate(record.mentions)}
    for relation in field(data, "relations", list, place, []):
        ends = []
        for side in ("head_span", "child_span"):
            one = field(relation, side, dict, place)
            start, end = span(one, place, record.text)
            label = one.get("label") or "span"
            key = (start, end, label)
            if key not in known:  # relations may join tokens that are no entity: they become one
                known[key] = record.add(label, to_range(start, end))
            ends.append(known[key])
        record.relate(field(relation, "label", str, place), *ends)


def _read_choices(record: Record, data: dict[str, Any], place: str) -> None:
    chosen = [str(one) for one in field(data, "accept", list, place, [])]
    record.labels = labels_of(chosen)
    for option in field(data, "options", list, place, []):
        name = str(option.get("id") if isinstance(option, dict) else option)
        # An option with a value that wasn't chosen says nothing of the label itself.
        if name not in chosen and "=" not in name:
            record.labels[name] = False


def _written(record: Record) -> dict[str, Any]:
    meta = {"tagtog_id": record.id}
    if record.member != MASTER:
        meta["tagtog_member"] = record.member
    data: dict[str, Any] = {"text": record.text, "meta": meta}
    spans = [{"start": one.start, "end": one.end, "label": one.label} for one in record.mentions]
    if record.is_annotated:
        data["spans"] = spans
    if record.links:
        data["relations"] = [
            {
                "label": link.label,
                "head_span": spans[link.head],
                "child_span": spans[link.tail],
            }
            for link in record.links
        ]
    if record.labels:
        accept = label_texts(record.labels)
        names = [*accept, *(name for name, value in record.labels.items() if value is False)]
        data["options"] = [{"id": name, "text": name} for name in names]
        data["accept"] = accept
    if record.member != MASTER:
        data["_annotator_id"] = record.member
    if record.is_complete:
        data["answer"] = "accept"
    return data
