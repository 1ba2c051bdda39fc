"""Records to documents of tagtog and back."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    OffsetConverter,
    Part,
    PlainHtml,
    confidence,
    detect_unit,
    document_id,
    html_from_blocks,
    locate,
)
from spacy_tagtog.anndoc.legend import Prefix
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.anndoc.references import References
from spacy_tagtog.errors import AnndocError, FormatError
from spacy_tagtog.formats.carry import merge_duplicates
from spacy_tagtog.formats.record import Block, LabelValue, Link, Mention, Norm, Record
from spacy_tagtog.formats.report import FormatReport

_LINE_BREAK: Final = re.compile("\r\n")
_BAD_NAME: Final = re.compile(r"[/\\\0\n\r\t]")
_HALF: Final = re.compile("[\ud800-\udfff]")


class _Classes:
    """The class ids of names, new ones as they come, or those of a project's legend alone."""

    def __init__(self, legend: Legend | None) -> None:
        self._fixed = legend
        self._ids: dict[tuple[Prefix, str], str] = {}
        self._numbers: dict[str, int] = {}

    def id_of(self, prefix: Prefix, name: str, place: str) -> str:
        if self._fixed is not None:
            return self._fixed.id_of(prefix, name, place=place)
        known = self._ids.get((prefix, name))
        if known is None:
            number = self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
            known = self._ids[prefix, name] = f"{prefix}_{number}"
        return known

    def legend(self) -> Legend:
        if self._fixed is not None:
            return self._fixed
        return Legend({class_id: name for (_, name), class_id in self._ids.items()})


def to_documents(
    records: Iterable[Record], report: FormatReport, *, legend: Legend | None = None, author: str
) -> list[Document]:
    """Make documents of records. All have one legend.

    Args:
        records: The records. Those of one id are versions of one document, by different members.
        report: What is done is counted there.
        legend: The legend of the project that they go to; by default one of all names, in order.
        author: Who made annotations of which nothing is said, such as ``user:doccano``.
    """
    classes = _Classes(legend)
    made: dict[str, tuple[str, PlainHtml, dict[str, Annotations], str]] = {}
    for record in records:
        try:
            _add(_with_plain_breaks(record, report), made, classes, report, author)
        except FormatError as fault:
            report.set_aside(fault)
        except AnndocError as error:
            report.set_aside(
                FormatError(
                    error.problem,
                    place=f"{record.place}: {error.place}" if error.place else record.place,
                    value=error.value,
                    legal=error.legal,
                    advice=error.advice,
                )
            )
    final = classes.legend()
    report.documents = len(made)
    return [
        Document(doc_id, html, versions, folder=folder, legend=final)
        for doc_id, html, versions, folder in made.values()
    ]


def _add(
    record: Record,
    made: dict[str, tuple[str, PlainHtml, dict[str, Annotations], str]],
    classes: _Classes,
    report: FormatReport,
    author: str,
) -> None:
    if not record.id or _BAD_NAME.search(record.id) or _HALF.search(record.id):
        raise FormatError(
            "this can't be a document's id",
            place=record.place,
            value=record.id,
            legal="text without slashes, tabs, line breaks and control characters",
        )
    known = made.get(record.id)
    if known is None:
        html = _html(record)
        parts = html.parts  # may be refused: nothing must be remembered then
    else:
        html, parts = known[1], known[1].parts
        if record.member in known[2] or not record.is_annotated or not _same_text(record, html):
            raise FormatError(
                "two records have one id",
                place=record.place,
                value=record.id,
                legal="one record for each id, or the same text annotated by several members",
                advice="give them ids of their own, or remove one of them",
            )
    version = _annotations(record, parts, classes, report, author) if record.is_annotated else None
    entry = made.setdefault(record.id, (html.id or record.id, html, {}, record.folder))
    if version is not None:
        entry[2][record.member] = version


def _html(record: Record) -> PlainHtml:
    blocks = [(block.tag, record.text[block.start : block.end]) for block in _blocks(record)]
    if is_document_id(record.id):
        doc_id, origid = record.id, record.id[29:]
    else:
        origid = record.id
        doc_id = document_id(origid, record.text.encode("utf-8", "surrogatepass"))
    return html_from_blocks(blocks, doc_id=doc_id, origid=origid, place=record.place)


def _blocks(record: Record) -> list[Block]:
    return record.blocks or [Block("pre", 0, len(record.text))]


def _same_text(record: Record, html: PlainHtml) -> bool:
    texts = [record.text[block.start : block.end] for block in _blocks(record)]
    return texts == [part.text for part in html.parts.values()]


def _with_plain_breaks(record: Record, report: FormatReport) -> Record:
    """The record with LF as its only line break, as tagtog's content has it."""
    if "\r" not in record.text:
        return record
    report.lose("line_breaks", record.place)
    dropped = [match.start() for match in _LINE_BREAK.finditer(record.text)]

    def moved(offset: int) -> int:
        return offset - bisect_left(dropped, offset)

    return replace(
        record,
        text=record.text.replace("\r\n", "\n").replace("\r", "\n"),
        mentions=[
            replace(one, ranges=tuple((moved(start), moved(end)) for start, end in one.ranges))
            for one in record.mentions
        ],
        blocks=[Block(one.tag, moved(one.start), moved(one.end)) for one in record.blocks],
    )


class _Places:
    """Which part a stretch of a record's text is in."""

    def __init__(self, record: Record, parts: dict[str, Part]) -> None:
        self._blocks = _blocks(record)
        self._starts = [block.start for block in self._blocks]
        self._ids = list(parts)
        self._units = [OffsetConverter(part.text) for part in parts.values()]
        self._record = record

    def offsets(self, mention: Mention) -> tuple[str, list[dict[str, Any]]]:
        """The part's id, and the fragments as ann.json has them, in UTF-16 units."""
        text, found = self._record.text, set()
        offsets = []
        for start, end in mention.ranges:
            index = bisect_right(self._starts, start) - 1
            if not 0 <= start < end <= len(text):
                raise FormatError(
                    "an entity's offsets don't fit the text",
                    place=self._record.place,
                    value=f"{mention.label} {start}-{end}",
                    legal=f"0 ≤ start < end ≤ {len(text)}, the length of the text",
                    advice="look whether the tool counts otherwise (for example UTF-16 units)",
                )
            if index < 0 or end > self._blocks[index].end:
                raise FormatError(
                    "an entity stands across the border of two parts",
                    place=self._record.place,
                    value=f"{mention.label} {text[start:end]!r}",
                    legal="entities within one part (such as title and abstract)",
                )
            found.add(index)
            begin = self._blocks[index].start
            offsets.append({"start": self._units[index].to_utf16(start - begin), "text": text[start:end]})
        if len(found) != 1:
            raise FormatError(
                "an entity has no text, or stands in two parts",
                place=self._record.place,
                value=mention.label,
                legal="entities within one part",
            )
        return self._ids[found.pop()], offsets


def _annotations(
    record: Record, parts: dict[str, Part], classes: _Classes, report: FormatReport, author: str
) -> Annotations:
    places = _Places(record, parts)
    for link in record.links:
        if not (0 <= link.head < len(record.mentions) and 0 <= link.tail < len(record.mentions)):
            raise FormatError(
                "a relation's entity isn't there",
                place=record.place,
                value=f"{link.label} {link.head} {link.tail}",
                legal="the numbers of two entities of the record",
            )
    merge_duplicates(record, report)
    entities = [_entity(mention, places, classes, record.place, author) for mention in record.mentions]
    relations = [
        {
            "classId": classes.id_of("r", link.label, record.place),
            "type": "linked",
            "directed": True,
            "entities": [_reference(entities[end]) for end in (link.head, link.tail)],
            "confidence": confidence(state="", who=[author], prob=1),
        }
        for link in record.links
    ]
    version = Annotations.empty(list(parts), complete=record.is_complete)
    version.data["entities"] = entities
    version.data["relations"] = relations
    version.data["metas"] = {
        classes.id_of("m", name, record.place): _valued(value, author)
        for name, value in record.labels.items()
    }
    for kind, number in (
        ("entities", len(entities)),
        ("relations", len(relations)),
        ("document labels", len(record.labels)),
        ("normalizations", sum(len(one.norms) for one in record.mentions)),
    ):
        if number:
            report.carried[kind] += number
    return Annotations(version.data, place=record.place)


def _valued(value: LabelValue, author: str) -> dict[str, Any]:
    return {"value": value, "confidence": confidence(state="", who=[author], prob=1)}


def _entity(mention: Mention, places: _Places, classes: _Classes, place: str, author: str) -> dict[str, Any]:
    part, offsets = places.offsets(mention)
    who = mention.who or (author.replace("user:", "ml:") if mention.state == "pre-added" else author)
    said = confidence(state=mention.state, who=[who], prob=1 if mention.prob is None else mention.prob)
    return {
        "classId": classes.id_of("e", mention.label, place),
        "part": part,
        "offsets": offsets,
        "coordinates": [],
        "confidence": said,
        "fields": {
            classes.id_of("f", name, place): _valued(value, who) for name, value in mention.fields.items()
        },
        "normalizations": {
            classes.id_of("n", norm.dictionary, place): {
                "source": {"name": norm.dictionary, "id": norm.id, "url": None},
                "recName": norm.name,
                "confidence": confidence(state="", who=[who], prob=1),
            }
            for norm in mention.norms
        },
    }


def _reference(entity: dict[str, Any]) -> str:
    """How a relation names an entity: its part, class, first unit, and one past its last."""
    first = min(offset["start"] for offset in entity["offsets"])
    last = max(offset["start"] + OffsetConverter(offset["text"]).utf16_length for offset in entity["offsets"])
    return f"{entity['part']}|{entity['classId']}|{first},{last}"


# ---- back


def to_records(
    document: Document, report: FormatReport, *, member: str = MASTER, all_members: bool = False
) -> Iterator[Record]:
    """Make records of a document: of one version, or of each.

    Args:
        document: The document.
        report: What is left out is noted there.
        member: Whose version.
        all_members: Make one record for each version.
    """
    members: Sequence[str] = list(document.versions) if all_members else [member]
    others = [name for name in document.versions if name not in members]
    report.lose("members", document.id, len(others))
    for name in members or [member]:
        try:
            yield _record(document, name, report)
        except FormatError as fault:
            report.set_aside(fault)
        except AnndocError as error:
            report.set_aside(FormatError(error.problem, place=error.place or document.id, value=error.value))


def _record(document: Document, member: str, report: FormatReport) -> Record:
    starts, blocks, at = {}, [], 0
    for part in document:
        starts[part.id] = at
        tag = "h2" if part.tag.startswith("h") else part.tag if part.tag in ("p", "pre") else "p"
        blocks.append(Block(tag, at, at + len(part.text)))
        at += len(part.text) + 2
    record = Record(
        document.id,
        document.text,
        blocks=blocks,
        member=member,
        folder=document.folder,
        place=document.id,
        is_annotated=member in document.versions,
    )
    if not record.is_annotated:
        record.is_complete = False
        return record
    annotations = document.version(member)
    record.is_complete = annotations.complete
    numbers = _add_mentions(record, document, annotations, starts, report)
    _add_links(record, document, annotations, numbers, report)
    for class_id, meta in annotations.metas.items():
        if meta.get("value") is not None:
            record.labels[document.legend.name_of(class_id, place=document.id)] = meta["value"]
    return record


def _add_mentions(
    record: Record,
    document: Document,
    annotations: Annotations,
    starts: dict[str, int],
    report: FormatReport,
) -> dict[int, int]:
    """Add all entities that stand in the text; entity's index to the mention's number."""
    numbers: dict[int, int] = {}
    unit = detect_unit(document.parts, annotations)
    name_of = document.legend.name_of
    for found in locate(document.parts, annotations, unit=unit):
        entity = found.entity
        place = f"{document.id}, entities[{entity.index}]"
        if found.problem is not None:
            report.set_aside(
                FormatError(
                    "an entity's text doesn't stand at its offset",
                    place=place,
                    value=entity.text,
                    legal="entities whose part exists and whose text stands at their offset",
                    advice="mend them in tagtog (spacy-tagtog validate shows all)",
                )
            )
            report.lose("unplaced", place)
            continue
        if entity.is_removed:
            report.lose("pre_removed", place)
            continue
        shift = starts[entity.part]
        numbers[entity.index] = len(record.mentions)
        fields = entity.data.get("fields") or {}
        record.mentions.append(
            Mention(
                name_of(entity.class_id, place=place),
                tuple((start + shift, end + shift) for start, end in found.ranges),
                tuple(
                    Norm(
                        name_of(key, place=place),
                        str((one.get("source") or {}).get("id") or ""),
                        one.get("recName") or "",
                    )
                    for key, one in (entity.data.get("normalizations") or {}).items()
                ),
                {
                    name_of(key, place=place): one["value"]
                    for key, one in fields.items()
                    if one.get("value") is not None
                },
                entity.prob,
                "pre-added" if entity.state == "pre-added" else "",
                entity.who[0] if entity.who else "",
            )
        )
    return numbers


def _add_links(
    record: Record,
    document: Document,
    annotations: Annotations,
    numbers: dict[int, int],
    report: FormatReport,
) -> None:
    references = References([(one.index, one) for one in annotations.entities])
    for relation in annotations.relations:
        ends = [references.find(*end) for end in relation.ends]
        if len(ends) != 2 or any(end not in numbers for end in ends):
            report.lose("relation_ends", f"{document.id}, relations[{relation.index}]")
            continue
        name = document.legend.name_of(relation.class_id, place=document.id)
        head, tail = (numbers[end] for end in ends if end is not None)
        record.links.append(Link(name, head, tail))
