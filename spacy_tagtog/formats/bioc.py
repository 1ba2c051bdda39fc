"""BioC in XML and JSON: documents of passages, annotations with locations, relations of annotations.

An annotation's infon ``type`` is the entity type, ``identifier`` (and what else names a dictionary) a
normalization, any other infon an entity label. Infons of a document are document labels. Passages become
parts. Offsets count from the beginning of the document; they are code points, or else what fits the stored
texts. Source: BioC.dtd of the BioC project.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from lxml import etree

from spacy_tagtog._files import atomic_path
from spacy_tagtog.errors import FormatError, setting
from spacy_tagtog.formats.carry import norm_of, norm_text, rejoined
from spacy_tagtog.formats.files import check_span, field, parse_json, read_text, sources, units_of
from spacy_tagtog.formats.labels import label_texts, labels_of
from spacy_tagtog.formats.record import Block, Norm, Range, Record
from spacy_tagtog.formats.report import FormatReport

_DICTIONARIES: Final = ("MESH", "MeSH", "OMIM", "NCBI Gene", "NCBIGene", "NCBI Homologene", "NCBITaxon", "GO")
_TITLES: Final = ("title", "front", "heading")
_LABEL: Final = "label"
_ILLEGAL_IN_XML: Final = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class BioC:
    """BioC in XML and JSON.

    Args:
        dictionaries: Infons of annotations that are ids, beside ``identifier``, by their dictionary's name.
        default_type: The entity type of annotations without an infon ``type``.
    """

    name = "bioc"
    suffix = ".xml"
    carries = frozenset(
        {
            "overlaps",
            "gaps",
            "relations",
            "normalizations",
            "many_normalizations",
            "entity_labels",
            "document_labels",
            "parts",
            "ids",
            "text",
        }
    )

    def __init__(self, dictionaries: list[str] | None = None, default_type: str = "entity") -> None:
        self.dictionaries = _DICTIONARIES if dictionaries is None else tuple(dictionaries)
        self.default_type = default_type

    # ---- reading

    def read(self, path: Path, report: FormatReport) -> Iterator[Record]:
        """Read a file, or all of a folder's ``.xml`` and ``.json`` files."""
        for file in sources(path, (".xml", ".json")):
            try:
                documents = _json(file) if file.suffix == ".json" else _xml(file)
            except FormatError as fault:
                report.set_aside(fault)
                continue
            for number, data in enumerate(documents, 1):
                place = f"{file}, document {number}"
                try:
                    if not isinstance(data, dict):
                        raise FormatError("a document isn't an object", place=place, value=data, legal="{…}")
                    yield self._record(data, place, f"{file.stem}-{number}", report)
                except FormatError as fault:
                    report.set_aside(fault)

    def _record(self, data: dict[str, Any], place: str, default_id: str, report: FormatReport) -> Record:
        record = Record(str(data.get("id") or default_id), "", place=place)
        record.labels = labels_of(
            value if key.split(".")[0] == _LABEL else f"{key}={value}"
            for key, value in field(data, "infons", dict, place, {}).items()
            if value
        )
        shifts: list[tuple[int, int, str]] = []
        annotations = list(field(data, "annotations", list, place, []))
        relations = list(field(data, "relations", list, place, []))
        for passage in field(data, "passages", list, place, []):
            offset, text = field(passage, "offset", int, place), passage.get("text")
            sentences = field(passage, "sentences", list, place, [])
            if not isinstance(text, str):
                text = _joined(sentences, offset, place)
            kind = str(field(passage, "infons", dict, place, {}).get("type", ""))
            if record.blocks:
                record.text += "\n\n"
            start = len(record.text)
            record.text += text
            record.blocks.append(_block(kind, start, len(record.text)))
            shifts.append((offset, start, text))
            for one in (passage, *sentences):
                annotations += field(one, "annotations", list, place, [])
                relations += field(one, "relations", list, place, [])
        numbers: dict[str, int] = {}
        for one in annotations:
            key = str(one.get("id"))
            if key in numbers:
                raise FormatError(
                    "two annotations have one id", place=place, value=key, legal="ids of their own"
                )
            numbers[key] = self._annotation(record, one, shifts, place)
        for one in relations:
            _relation(record, one, numbers, place, report)
        return record

    def _annotation(
        self, record: Record, data: dict[str, Any], shifts: list[tuple[int, int, str]], place: str
    ) -> int:
        where = f"{place}, annotation {data.get('id')}"
        infons = field(data, "infons", dict, where, {})
        locations = field(data, "locations", list, where)
        stored = data.get("text") if isinstance(data.get("text"), str) else None
        ranges = _ranges(locations, shifts, stored, where)
        norms, fields = [], {}
        for key, value in infons.items():
            if key == "type" or value in (None, ""):
                continue
            if key.split(".")[0] == "identifier":
                norms.append(norm_of(str(value)))
            elif key in self.dictionaries:
                norms.append(Norm(key, str(value)))
            else:
                fields[key] = {"true": True, "false": False}.get(str(value), str(value))
        once = {norm.dictionary: norm for norm in reversed(norms)}
        label = str(infons.get("type") or self.default_type)
        return record.add(label, *ranges, norms=tuple(reversed(once.values())), fields=fields)

    # ---- writing

    def write(self, records: Iterable[Record], path: Path, report: FormatReport) -> None:
        """Write one collection: JSON where the path ends with ``.json``, else XML."""
        documents = [_document(record, report) for record in records]
        collection = {"source": "spacy-tagtog", "date": "", "key": "", "infons": {}, "documents": documents}
        with atomic_path(path) as temporary:
            if path.suffix == ".json":
                temporary.write_text(json.dumps(collection, ensure_ascii=False) + "\n", encoding="utf-8")
            else:
                temporary.write_bytes(_to_xml(collection))


def _block(kind: str, start: int, end: int) -> Block:
    name = kind.lower()
    if name == "pre":
        return Block("pre", start, end)
    return Block("h2" if any(title in name for title in _TITLES) else "p", start, end)


def _joined(sentences: Sequence[dict[str, Any]], offset: int, place: str) -> str:
    """A passage's text of its sentences, each at its offset."""
    text = ""
    for one in sentences:
        at = field(one, "offset", int, place) - offset
        if at < len(text):
            raise FormatError(
                "two sentences overlap", place=place, value=at + offset, legal=f"{len(text) + offset} or more"
            )
        text = text.ljust(at) + field(one, "text", str, place)
    return text


def _ranges(
    locations: list[dict[str, Any]], shifts: list[tuple[int, int, str]], stored: str | None, place: str
) -> list[Range]:
    """Where an annotation stands in the record's text."""
    found = []
    for location in locations:
        start, length = (field(location, key, int, place) for key in ("offset", "length"))
        fitting = [one for one in shifts if one[0] <= start]
        offset, begin, text = fitting[-1] if fitting else (0, 0, "")
        found.append((start - offset, start - offset + length, begin, text))
    units = [None, *(units_of(text) for _, _, _, text in found[:1] if not text.isascii())]
    for unit in units:
        ranges, texts = [], []
        for start, end, begin, text in found:
            low, high = (
                (start, end) if unit is None else (unit.to_code_points(start), unit.to_code_points(end))
            )
            if low is None or high is None:
                break
            ranges.append((low + begin, high + begin))
            texts.append(text[low:high])
        is_same = stored is None or "".join("".join(texts).split()) == "".join(stored.split())
        if len(ranges) == len(found) and is_same and all(texts):
            for start, end, _, text in found:
                check_span(start, min(end, len(text)) if unit else end, len(text), place)
            return sorted(ranges)
    for start, end, _, text in found:
        check_span(start, end, len(text), place)
    raise FormatError(
        "another text stands at an annotation's locations",
        place=place,
        value=f"{[text[start:end] for start, end, _, text in found]}, not {stored!r}",
        legal="offsets from the beginning of the document, in code points",
        advice=f"mend the annotation, or pass {setting('on_problem', 'report')} to set the document aside",
    )


def _relation(
    record: Record, data: dict[str, Any], numbers: dict[str, int], place: str, report: FormatReport
) -> None:
    nodes = field(data, "nodes", list, place)
    label = str(field(data, "infons", dict, place, {}).get("type") or "relation")
    ends = [numbers.get(str(one.get("refid"))) for one in nodes]
    known = [end for end in ends if end is not None]
    if len(known) != len(ends):
        raise FormatError(
            "a relation's annotation isn't there",
            place=place,
            value=[one.get("refid") for one in nodes],
            legal="ids of annotations of the document",
        )
    if len(known) == 2:
        record.relate(label, *known)
    else:
        report.lose(f"annotations: relations of {len(known)}", place)


def _json(path: Path) -> list[Any]:
    data = parse_json(read_text(path), str(path))
    if isinstance(data, dict) and "passages" in data:
        return [data]
    if not isinstance(data, dict) or not isinstance(data.get("documents"), list):
        raise FormatError(
            "this isn't BioC",
            place=path,
            value=data,
            legal='{"documents": […]}, or one document with passages',
        )
    return list(data["documents"])


# ---- XML


def _xml(path: Path) -> list[dict[str, Any]]:
    """The documents of a collection, in the shape that they have in BioC's JSON."""
    read_error: tuple[type[Exception], ...] = (OSError, etree.XMLSyntaxError, ValueError)
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.parse(str(path), parser).getroot()
    except read_error as error:
        raise FormatError(
            f"the XML can't be read: {error}", place=path, legal="well-formed XML", advice="export it again"
        ) from error
    if root.tag != "collection":
        raise FormatError("this isn't BioC", place=path, value=root.tag, legal="<collection>")
    return [_from_element(one, path) for one in root.iterfind("document")]


_LISTS: Final = {
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "relation": "relations",
    "location": "locations",
    "node": "nodes",
}


def _from_element(element: etree._Element, path: Path) -> dict[str, Any]:
    data: dict[str, Any] = {str(key): value for key, value in element.attrib.items()}
    infons: dict[str, str] = {}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        if child.tag == "infon":
            infons[str(child.get("key"))] = child.text or ""
        elif child.tag in _LISTS:
            data.setdefault(_LISTS[child.tag], []).append(_from_element(child, path))
        else:
            data[child.tag] = child.text or ""
    for key in ("offset", "length"):
        if key in data:
            try:
                data[key] = int(data[key])
            except ValueError as error:
                raise FormatError(
                    f"the {key} isn't a number",
                    place=f"{path}, line {element.sourceline}",
                    value=data[key],
                    legal="a whole number",
                ) from error
    data["infons"] = infons
    return data


def _document(record: Record, report: FormatReport) -> dict[str, Any]:
    """A record in the shape of BioC's JSON. Passages stand one character apart."""
    if not record.blocks:
        record.blocks = [Block("pre", 0, len(record.text))]
    rejoined(record, lambda _: "\n\n")
    passages: list[dict[str, Any]] = [
        {
            "offset": block.start,
            "infons": {"type": {"h2": "title", "p": "paragraph"}.get(block.tag, "pre")},
            "text": record.text[block.start : block.end],
            "sentences": [],
            "annotations": [],
            "relations": [],
        }
        for block in record.blocks
    ]
    for number, one in enumerate(record.mentions):
        infons = {"type": one.label}
        for place, norm in enumerate(one.norms):
            infons[f"identifier.{place}" if place else "identifier"] = norm_text(norm)
        for name, value in one.fields.items():
            key = name
            while key in infons or key in _DICTIONARIES or key.split(".")[0] == "identifier":
                key = f"label_{key}"
            if key != name:
                report.lose("names", f"{record.place}: {name}")
            infons[key] = str(value).lower() if isinstance(value, bool) else str(value)
        index = next(n for n, block in reversed(list(enumerate(record.blocks))) if block.start <= one.start)
        passages[index]["annotations"].append(
            {
                "id": f"T{number + 1}",
                "infons": infons,
                "text": record.surface(one),
                "locations": [{"offset": start, "length": end - start} for start, end in one.ranges],
            }
        )
    relations = [
        {
            "id": f"R{number}",
            "infons": {"type": link.label},
            "nodes": [
                {"refid": f"T{link.head + 1}", "role": "head"},
                {"refid": f"T{link.tail + 1}", "role": "tail"},
            ],
        }
        for number, link in enumerate(record.links, 1)
    ]
    infons = {f"{_LABEL}.{n}": text for n, text in enumerate(label_texts(record.labels), 1)}
    return {
        "id": record.id,
        "infons": infons,
        "passages": passages,
        "annotations": [],
        "relations": relations,
    }


def _to_xml(collection: dict[str, Any]) -> bytes:
    root = etree.Element("collection")
    for key in ("source", "date", "key"):
        etree.SubElement(root, key).text = collection[key]
    for data in collection["documents"]:
        _element(root, "document", data)
    return bytes(
        etree.tostring(
            root, encoding="UTF-8", xml_declaration=True, doctype="<!DOCTYPE collection SYSTEM 'BioC.dtd'>"
        )
    )


def _element(parent: etree._Element, tag: str, data: dict[str, Any]) -> None:
    """One object, its parts in the order of BioC's DTD."""
    element = etree.SubElement(parent, tag)
    if tag in ("location", "node"):
        for key, value in data.items():
            element.set(key, str(value))
        return
    if tag in ("annotation", "relation"):
        element.set("id", data["id"])
    elif tag == "document":
        etree.SubElement(element, "id").text = data["id"]
    for key, value in data.get("infons", {}).items():
        infon = etree.SubElement(element, "infon", key=key)
        infon.text = value
    if tag == "passage":
        etree.SubElement(element, "offset").text = str(data["offset"])
        etree.SubElement(element, "text").text = data["text"]
    order = ("locations", "nodes", "passages", "annotations", "relations")
    singular = {plural: one for one, plural in _LISTS.items()}
    for key in order:
        for one in data.get(key, []):
            _element(element, singular[key], one)
    if tag == "annotation":
        etree.SubElement(element, "text").text = data["text"]
