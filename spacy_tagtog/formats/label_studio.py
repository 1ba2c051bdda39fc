"""Label Studio's JSON: tasks with annotations and predictions, and its short form (JSON_MIN).

The fields are those of Label Studio's documented export. Its versions before October 2021 count UTF-16
units, later ones code points (label-studio #1008, #1559): each region stores its text, and that decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from spacy_tagtog._files import atomic_path
from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import MASTER
from spacy_tagtog.errors import FormatError, setting
from spacy_tagtog.formats.files import (
    check_span,
    field,
    lose_fields,
    parse_json,
    read_text,
    sources,
    units_of,
)
from spacy_tagtog.formats.record import LabelValue, Mention, Range, Record
from spacy_tagtog.formats.report import FormatReport

Annotation = Literal["refuse", "first", "last", "members"]
"""What several annotations of one task are: a fault, only one counts, or versions of members."""
_SPANS: Final = ("labels", "hypertextlabels")


class LabelStudio:
    """Label Studio's JSON.

    Args:
        annotation: Which of several annotations of a task: ``refuse`` (a fault), ``first``, ``last``, or
            ``members`` (each is a version, by whom ``completed_by`` names).
        text_key: The key in ``data`` that holds the text; by default ``text``, or else the only text.
        predictions: Take the first prediction of a task that nobody annotated, as a machine's proposal.

    Raises:
        ConfigurationError: A setting has an unknown value.
    """

    name = "label-studio"
    suffix = ".json"
    carries = frozenset(
        {
            "unannotated",
            "overlaps",
            "relations",
            "entity_labels",
            "document_labels",
            "false_labels",
            "probabilities",
            "states",
            "unconfirmed",
            "ids",
            "text",
        }
    )

    def __init__(self, annotation: str = "refuse", text_key: str = "", predictions: bool = True) -> None:
        self.annotation: Annotation = choose("annotation", annotation, Annotation)
        self.text_key = text_key
        self.predictions = predictions

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's ``.json`` files."""
        for file in sources(path, (".json",)):
            try:
                tasks = parse_json(read_text(file), str(file))
                if not isinstance(tasks, list):
                    raise FormatError(
                        "the file isn't a list of tasks",
                        place=file,
                        value=type(tasks).__name__,
                        legal="what Label Studio exports as JSON or JSON_MIN",
                    )
            except FormatError as fault:
                report.set_aside(fault)
                continue
            for number, task in enumerate(tasks, 1):
                place = f"{file}, task {number}"
                try:
                    if not isinstance(task, dict):
                        raise FormatError("a task isn't an object", place=place, value=task, legal="{…}")
                    yield from self._records(task, place, f"{file.stem}-{number}", report)
                except FormatError as fault:
                    report.set_aside(fault)

    def _records(
        self, task: dict[str, Any], place: str, default_id: str, report: FormatReport
    ) -> Iterator[Record]:
        data = field(task, "data", dict, place) if "annotations" in task or "data" in task else task
        text = self._text(data, place)
        doc_id = str(data.get("tagtog_id") or task.get("id") or default_id)
        if data is task:  # the short form has the regions beside the text
            record = Record(doc_id, text, place=place)
            _read_min(record, task, place, report)
            yield record
            return
        lose_fields(data, {"tagtog_id", self.text_key or "text"}, f"{place}, data", report)
        chosen = []
        for one in field(task, "annotations", list, place, []):
            if one.get("was_cancelled"):
                report.lose("cancelled", place)
            else:
                chosen.append(one)
        if len(chosen) > 1 and self.annotation == "refuse":
            raise FormatError(
                "a task has several annotations",
                place=place,
                value=len(chosen),
                legal="one",
                advice=f"say which: {setting('format_set', 'annotation=first')}, last, or members "
                "(a version each)",
            )
        if len(chosen) > 1 and self.annotation != "members":
            report.lose("other_annotations", place, len(chosen) - 1)
            chosen = [chosen[0 if self.annotation == "first" else -1]]
        predictions = field(task, "predictions", list, place, [])
        if not chosen and predictions and self.predictions:
            record = Record(doc_id, text, place=place, is_complete=False)
            _read_result(record, predictions[0], place, report, state="pre-added")
            report.lose("predictions", place, len(predictions) - 1)
            yield record
            return
        report.lose("predictions", place, len(predictions))
        several = len(chosen) > 1
        for number, one in enumerate(chosen, 1):
            member = _member(one, number) if several else MASTER
            record = Record(doc_id, text, place=place, member=member)
            _read_result(record, one, place, report, state="")
            yield record
        if not chosen:
            yield Record(doc_id, text, place=place, is_annotated=False, is_complete=False)

    def _text(self, data: dict[str, Any], place: str) -> str:
        key = self.text_key or "text"
        if key not in data and not self.text_key:
            texts = [name for name, value in data.items() if isinstance(value, str) and name != "tagtog_id"]
            if len(texts) != 1:
                raise FormatError(
                    "it isn't clear which field holds the text",
                    place=place,
                    value=", ".join(texts),
                    legal="text, or one text field",
                    advice=f"name it: {setting('format_set', 'text_key=NAME')}",
                )
            key = texts[0]
        return field(data, key, str, place)

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records: confirmed ones as annotations, others as predictions."""
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write("[")
            for number, record in enumerate(records, 1):
                file.write(",\n" if number > 1 else "\n")
                file.write(json.dumps(_written(record, number), ensure_ascii=False))
            file.write("\n]\n")


def _member(annotation: dict[str, Any], number: int) -> str:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return str(by).partition("@")[0] if by is not None else f"annotator-{number}"


def _range(value: dict[str, Any], text: str, place: str) -> Range:
    """Where a region stands: in code points or UTF-16 units, as its stored text says."""
    start, end = field(value, "start", int, place), field(value, "end", int, place)
    stored = value.get("text")
    if not isinstance(stored, str):
        check_span(start, end, len(text), place)
        return start, end
    options = [(start, end)]
    units = units_of(text)
    if units.has_astral:
        first, last = units.to_code_points(start), units.to_code_points(end)
        if first is not None and last is not None:
            options.append((first, last))
    wanted = {stored, stored.replace("\\n", "\n")}
    for low, high in options:
        if 0 <= low < high <= len(text) and text[low:high] in wanted:
            return low, high
    raise FormatError(
        "another text stands at a region's offset",
        place=place,
        value=f"{start}-{end}: {text[max(start, 0) : max(end, 0)]!r}, not {stored!r}",
        legal="regions whose text stands at their offset",
        advice=f"mend the region in Label Studio, or pass {setting('on_problem', 'report')}",
    )


def _read_result(
    record: Record, annotation: dict[str, Any], place: str, report: FormatReport, *, state: str
) -> None:
    """Add what one annotation or prediction says."""
    numbers: dict[str, int] = {}
    results = field(annotation, "result", list, place, [])
    for one in results:
        kind = one.get("type")
        if kind in _SPANS:
            value = field(one, "value", dict, place)
            where = _range(value, record.text, place)
            prob = one.get("score")
            who = one.get("meta", {}).get("state", state)
            for label in field(value, kind, list, place):
                numbers.setdefault(str(one.get("id")), record.add(str(label), where, prob=prob, state=who))
    for one in results:
        kind = one.get("type")
        if kind == "relation":
            ends = [str(one.get(key)) for key in ("from_id", "to_id")]
            if any(end not in numbers for end in ends):
                raise FormatError(
                    "a relation's region isn't there", place=place, value=ends, legal="ids of two regions"
                )
            for label in one.get("labels") or ["related"]:
                record.relate(str(label), numbers[ends[0]], numbers[ends[1]])
        elif kind in ("choices", "textarea"):
            value = field(one, "value", dict, place)
            key = "choices" if kind == "choices" else "text"
            said = value.get(key)
            texts = [str(text) for text in (said if isinstance(said, list) else [said])]
            number = numbers.get(str(one.get("id")))
            target = record.labels if number is None else record.mentions[number].fields
            target.update(_chosen(str(one.get("from_name")), texts))
        elif kind not in _SPANS:
            report.lose(f"annotations: {kind}", place)


def _chosen(name: str, texts: list[str]) -> dict[str, LabelValue]:
    """One choice is the value of the label; several are labels of their own."""
    if len(texts) == 1:
        return {name: {"true": True, "false": False}.get(texts[0], texts[0])}
    return dict.fromkeys(texts, True)


def _read_min(record: Record, task: dict[str, Any], place: str, report: FormatReport) -> None:
    known = {"id", "text", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "tagtog_id"}
    for name, value in task.items():
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            known.add(name)
            for one in value:
                where = _range(one, record.text, place)
                for label in one.get("labels") or []:
                    record.add(str(label), where)
        elif name not in known and isinstance(value, dict) and isinstance(value.get("choices"), list):
            known.add(name)
            record.labels.update(_chosen(name, [str(one) for one in value["choices"]]))
    lose_fields(task, known, place, report)


def _written(record: Record, number: int) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for place, one in enumerate(record.mentions):
        results += _region(record, one, f"e{place}")
    for link in record.links:
        results.append(
            {
                "type": "relation",
                "from_id": f"e{link.head}",
                "to_id": f"e{link.tail}",
                "direction": "right",
                "labels": [link.label],
            }
        )
    for name, value in record.labels.items():
        results.append(_choice(name, value, f"m-{name}"))
    task: dict[str, Any] = {"id": number, "data": {"text": record.text, "tagtog_id": record.id}}
    task["annotations"] = [{"result": results}] if record.is_annotated and record.is_complete else []
    if record.is_annotated and not record.is_complete:
        task["predictions"] = [{"model_version": "spacy-tagtog", "result": results}]
    return task


def _choice(name: str, value: LabelValue, region: str) -> dict[str, Any]:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {
        "id": region,
        "from_name": name,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [text]},
    }


def _region(record: Record, one: Mention, region: str) -> list[dict[str, Any]]:
    where = {"start": one.start, "end": one.end}
    data: dict[str, Any] = {
        "id": region,
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": {**where, "text": record.surface(one), "labels": [one.label]},
    }
    if one.prob is not None:
        data["score"] = one.prob
    if one.state != ("" if record.is_complete else "pre-added"):
        data["meta"] = {"state": one.state}
    return [
        data,
        *(
            {**_choice(name, value, region), "value": {**where, **_choice(name, value, region)["value"]}}
            for name, value in one.fields.items()
        ),
    ]
