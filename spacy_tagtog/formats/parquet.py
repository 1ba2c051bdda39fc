"""Parquet and Arrow files, as Hugging Face's datasets writes them. Needs the extra ``formats`` (pyarrow).

Three shapes of a data set are read: ``text`` with ``entities`` or ``spans`` (or a ``label``), ``tokens``
with ``ner_tags`` or ``tags``, and BigBio's ``bigbio_kb`` (``passages``, ``entities``, ``relations``). The
last one is also what is written, with a column ``labels`` for document labels. The names of numbered classes
come from the features that datasets stores in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from spacy_tagtog._files import atomic_path
from spacy_tagtog.errors import ConfigurationError, FormatError
from spacy_tagtog.formats.carry import NO_DICTIONARY
from spacy_tagtog.formats.conll import tagged_record
from spacy_tagtog.formats.files import check_span, field, lose_fields, sources, span
from spacy_tagtog.formats.labels import label_texts, labels_of
from spacy_tagtog.formats.record import Block, Norm, Record
from spacy_tagtog.formats.report import FormatReport

_TAGS: Final = ("ner_tags", "tags", "labels", "ner")
_SPANS: Final = ("entities", "spans")
_BATCH: Final = 500
_TITLES: Final = ("title",)


class Parquet:
    """Parquet and Arrow files of Hugging Face's datasets."""

    name = "parquet"
    suffix = ".parquet"
    carries = frozenset(
        {
            "overlaps",
            "gaps",
            "relations",
            "normalizations",
            "many_normalizations",
            "document_labels",
            "parts",
            "ids",
            "text",
        }
    )

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's ``.parquet`` and ``.arrow`` files."""
        arrow = _arrow()
        for file in sources(path, (".parquet", ".arrow")):
            try:
                rows, names = _opened(arrow, file)
            except FormatError as fault:
                report.set_aside(fault)
                continue
            for number, row in enumerate(rows, 1):
                place = f"{file}, row {number}"
                try:
                    yield _record(row, names, place, f"{file.stem}-{number}", report)
                except FormatError as fault:
                    report.set_aside(fault)

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one file of all records."""
        arrow = _arrow()
        import pyarrow.parquet as files

        schema = _schema(arrow)
        with atomic_path(path) as temporary, files.ParquetWriter(temporary, schema) as writer:
            rows: list[dict[str, Any]] = []
            for record in records:
                rows.append(_row(record))
                if len(rows) == _BATCH:
                    writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                    rows = []
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigurationError(
            "Parquet needs pyarrow, which is not installed",
            legal="an environment with the extra formats",
            advice="pip install 'spacy-tagtog[formats]'",
        ) from error
    return pyarrow


def _opened(arrow: Any, path: Path) -> tuple[Iterator[dict[str, Any]], dict[str, list[str]]]:
    """The rows of a file, and the names of the classes of its columns."""
    import pyarrow.ipc
    import pyarrow.parquet

    try:
        if path.suffix == ".arrow":
            reader = pyarrow.ipc.open_stream(path.read_bytes())
            schema, batches = reader.schema, iter(reader)
        else:
            file = pyarrow.parquet.ParquetFile(path)
            schema, batches = file.schema_arrow, file.iter_batches(_BATCH)
    except (OSError, arrow.ArrowException) as error:
        raise FormatError(
            f"the file can't be read: {error}",
            place=path,
            legal="a Parquet file, or an Arrow stream as datasets saves it",
        ) from error
    stored = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(stored).get("info", {}).get("features", {})
    except ValueError:
        features = {}
    names = {column: found for column, feature in features.items() if (found := _class_names(feature))}
    return (row for batch in batches for row in batch.to_pylist()), names


def _class_names(feature: Any) -> list[str]:
    """The names of a feature's classes, of a list's elements too; empty where it has none."""
    if isinstance(feature, list):
        feature = feature[0] if feature else {}
    while isinstance(feature, dict) and "names" not in feature and isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _named(value: Any, names: list[str], place: str) -> str:
    """The name of a class that may be a number."""
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    if not names:
        raise FormatError(
            "a class is a number, and the file doesn't say what it means",
            place=place,
            value=value,
            legal="names, or a ClassLabel feature as datasets stores it",
            advice="write the file by datasets' to_parquet, or replace the numbers by names",
        )
    if not 0 <= value < len(names):
        raise FormatError("an unknown class", place=place, value=value, legal=f"0 to {len(names) - 1}")
    return names[value]


def _record(
    row: dict[str, Any], names: dict[str, list[str]], place: str, default_id: str, report: FormatReport
) -> Record:
    given = row.get("document_id") or row.get("id")
    doc_id = str(given) if given not in (None, "") else default_id
    tags = next((name for name in _TAGS if isinstance(row.get(name), list)), "")
    if isinstance(row.get("tokens"), list) and tags:
        tokens = [str(token) for token in row["tokens"]]
        said = [_named(tag, names.get(tags, []), place) for tag in row[tags]]
        if len(tokens) != len(said):
            raise FormatError(
                "there are not as many tags as tokens",
                place=place,
                value=f"{len(tokens)} tokens, {len(said)} tags",
                legal="one tag per token",
            )
        record = tagged_record(tokens, said, doc_id, place, report)
        lose_fields(row, {"id", "document_id", "tokens", tags}, place, report)
        return record
    if isinstance(row.get("passages"), list):
        return _bigbio(row, doc_id, place, report)
    record = Record(doc_id, field(row, "text", str, place), place=place)
    key = next((name for name in _SPANS if isinstance(row.get(name), list)), "")
    for one in row.get(key) or []:
        where = span(one, place, record.text)
        check_span(*where, len(record.text), place)
        record.add(_named(one.get("label", one.get("type")), names.get(key, []), place), where)
    for column in ("label", "labels"):
        value = row.get(column)
        values = value if isinstance(value, list) else [value] if value is not None else []
        record.labels.update(labels_of(_named(one, names.get(column, []), place) for one in values))
    lose_fields(row, {"id", "document_id", "text", "label", "labels", key}, place, report)
    return record


def _bigbio(row: dict[str, Any], doc_id: str, place: str, report: FormatReport) -> Record:
    record = Record(doc_id, "", place=place)
    for passage in row["passages"]:
        for (start, end), text in zip(passage["offsets"], passage["text"], strict=True):
            if start < len(record.text) or end - start != len(text):
                raise FormatError(
                    "a passage's offsets don't fit its text",
                    place=place,
                    value=[start, end],
                    legal="code points",
                )
            record.text = record.text.ljust(start) + text
            tag = str(passage.get("type") or "")
            record.blocks.append(
                Block("h2" if tag in _TITLES else "pre" if tag == "pre" else "p", start, end)
            )
    numbers = {}
    for one in row.get("entities") or []:
        where = f"{place}, entity {one.get('id')}"
        ranges = [(start, end) for start, end in one["offsets"]]
        for start, end in ranges:
            check_span(start, end, len(record.text), where)
        there = [record.text[start:end] for start, end in ranges]
        if there != list(one["text"]):
            raise FormatError(
                "another text stands at an entity's offsets",
                place=where,
                value=f"{there}, not {one['text']}",
                legal="the text of the passages",
            )
        norms = {
            str(norm["db_name"] or NO_DICTIONARY): Norm(
                str(norm["db_name"] or NO_DICTIONARY), str(norm["db_id"])
            )
            for norm in reversed(one.get("normalized") or [])
        }
        report.lose("second_normalizations", where, len(one.get("normalized") or []) - len(norms))
        numbers[one["id"]] = record.add(str(one["type"]), *ranges, norms=tuple(reversed(norms.values())))
    for one in row.get("relations") or []:
        ends = [numbers.get(one[key]) for key in ("arg1_id", "arg2_id")]
        if None in ends:
            raise FormatError(
                "a relation's entity isn't there", place=place, value=one, legal="ids of two entities"
            )
        record.relate(str(one["type"]), *(end for end in ends if end is not None))
    for key in ("events", "coreferences"):
        report.lose(f"annotations: {key}", place, len(row.get(key) or []))
    record.labels = labels_of(row.get("labels") or [])
    return record


def _schema(arrow: Any) -> Any:
    text, texts = arrow.string(), arrow.list_(arrow.string())
    offsets = arrow.list_(arrow.list_(arrow.int32()))
    norms = arrow.list_(arrow.struct([("db_name", text), ("db_id", text)]))
    passage = [("id", text), ("type", text), ("text", texts), ("offsets", offsets)]
    relation = [("id", text), ("type", text), ("arg1_id", text), ("arg2_id", text), ("normalized", norms)]
    return arrow.schema(
        [
            ("id", text),
            ("document_id", text),
            ("passages", arrow.list_(arrow.struct(passage))),
            ("entities", arrow.list_(arrow.struct([*passage, ("normalized", norms)]))),
            ("relations", arrow.list_(arrow.struct(relation))),
            ("labels", texts),
        ]
    )


def _row(record: Record) -> dict[str, Any]:
    kinds = {"h2": "title", "p": "paragraph"}
    blocks = record.blocks or [Block("pre", 0, len(record.text))]
    return {
        "id": record.id,
        "document_id": record.id,
        "passages": [
            {
                "id": f"P{number}",
                "type": kinds.get(block.tag, "pre"),
                "text": [record.text[block.start : block.end]],
                "offsets": [[block.start, block.end]],
            }
            for number, block in enumerate(blocks, 1)
        ],
        "entities": [
            {
                "id": f"T{number}",
                "type": one.label,
                "text": [record.text[start:end] for start, end in one.ranges],
                "offsets": [list(where) for where in one.ranges],
                "normalized": [{"db_name": norm.dictionary, "db_id": norm.id} for norm in one.norms],
            }
            for number, one in enumerate(record.mentions, 1)
        ],
        "relations": [
            {
                "id": f"R{number}",
                "type": link.label,
                "arg1_id": f"T{link.head + 1}",
                "arg2_id": f"T{link.tail + 1}",
                "normalized": [],
            }
            for number, link in enumerate(record.links, 1)
        ],
        "labels": label_texts(record.labels),
    }
