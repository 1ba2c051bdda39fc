"""Taking out of a record what a format can't carry, and counting it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from spacy_tagtog.formats.record import Block, LabelValue, Mention, Norm, Record
from spacy_tagtog.formats.report import FormatReport

FEATURES: Final = {
    "overlaps": "overlapping entities",
    "gaps": "entities with a gap",
    "relations": "relations",
    "normalizations": "normalizations",
    "many_normalizations": "several normalizations of one entity",
    "normalization_names": "names beside the ids of normalizations",
    "entity_labels": "entity labels",
    "document_labels": "document labels",
    "false_labels": "labels that are false",
    "probabilities": "probabilities",
    "states": "who proposed: person or machine",
    "unconfirmed": "whether it is confirmed",
    "unannotated": "documents that nobody annotated",
    "members": "versions of several members",
    "folders": "folders",
    "parts": "parts",
    "ids": "ids of documents",
    "text": "the text, character by character",
}
"""What a format may be able to carry beside entities without overlap."""

NO_DICTIONARY: Final = "ids"
"""The dictionary of normalizations that name none."""

_NORM: Final = re.compile(r"([A-Za-z][\w. -]*):(?!//)(.+)", re.DOTALL)


def norm_text(norm: Norm) -> str:
    """A normalization as one text, ``DICTIONARY:ID``."""
    return norm.id if norm.dictionary == NO_DICTIONARY else f"{norm.dictionary}:{norm.id}"


def norm_of(text: str, name: str = "") -> Norm:
    """The normalization that such a text means. An address, or a text without a colon, is an id alone."""
    match = _NORM.fullmatch(text)
    return Norm(match[1], match[2], name) if match else Norm(NO_DICTIONARY, text, name)


def carry(record: Record, features: Iterable[str], report: FormatReport) -> None:
    """Take out of a record what a format lacks, and count it.

    Args:
        record: The record; it is changed.
        features: What the format has, of :data:`FEATURES`.
        report: What is left out is noted there.
    """
    has, place = frozenset(features), record.place
    _carry_mentions(record, has, report)
    if "relations" not in has:
        report.lose("relations", place, len(record.links))
        record.links = []
    if "document_labels" not in has:
        report.lose("document_labels", place, len(record.labels))
        record.labels = {}
    record.labels = _labels(record.labels, "false_labels" in has, place, report)
    if not record.is_complete and not (record.mentions or record.labels):
        record.is_annotated = False
    if record.is_annotated and not record.is_complete and "unconfirmed" not in has:
        report.lose("unconfirmed", place)
        record.is_complete = True
    if not record.is_annotated and "unannotated" not in has:
        report.lose("unannotated", place)
        record.is_annotated = record.is_complete = True
    if "folders" not in has and record.folder != "pool":
        report.lose("folders", record.folder)
        record.folder = "pool"
    if "parts" not in has:
        if len(record.blocks) > 1:
            report.lose("parts", place)
        record.blocks = []
    if "ids" not in has:
        report.lose("ids", place)
    for kind, number in (
        ("entities", len(record.mentions)),
        ("relations", len(record.links)),
        ("document labels", len(record.labels)),
        ("normalizations", sum(len(one.norms) for one in record.mentions)),
    ):
        if number:
            report.carried[kind] += number
    report.documents += 1


def _labels(
    labels: dict[str, LabelValue], has_false: bool, place: str, report: FormatReport
) -> dict[str, LabelValue]:
    """The labels with true or a text as their value, and perhaps false."""
    kept: dict[str, LabelValue] = {}
    for name, value in labels.items():
        if isinstance(value, bool):
            if value or has_false:
                kept[name] = value
            else:
                report.lose("false_labels", f"{place}: {name}")
        else:
            if not isinstance(value, str):
                report.lose("typed_labels", f"{place}: {name}")
            kept[name] = str(value)
    return kept


def _carry_mentions(record: Record, has: frozenset[str], report: FormatReport) -> None:
    place = record.place
    merge_duplicates(record, report)
    if "gaps" not in has:
        drop(record, lambda _, one: len(one.ranges) == 1, "discontinuous", report)
    if "overlaps" not in has:
        chosen = without_overlaps(record.mentions)
        drop(record, lambda number, _: number in chosen, "overlapping", report)
    for number, one in enumerate(record.mentions):
        norms = one.norms
        if "normalizations" not in has:
            report.lose("normalizations", place, len(norms))
            norms = ()
        if "many_normalizations" not in has:
            report.lose("second_normalizations", place, len(norms[1:]))
            norms = norms[:1]
        if "normalization_names" not in has:
            report.lose("normalization_names", place, sum(bool(norm.name) for norm in norms))
            norms = tuple(replace(norm, name="") for norm in norms)
        fields = one.fields
        if "entity_labels" not in has:
            report.lose("entity_labels", place, len(fields))
            fields = {}
        prob, state = one.prob, one.state
        if "probabilities" not in has:
            report.lose("probabilities", place, int(prob not in (None, 1.0)))
            prob = None
        if "states" not in has and state:
            report.lose("states", place)
            state = ""
        report.lose("authors", place, int(bool(one.who)))
        record.mentions[number] = Mention(
            one.label, one.ranges, norms, _labels(fields, "false_labels" in has, place, report), prob, state
        )


def merge_duplicates(record: Record, report: FormatReport) -> None:
    """Make one of entities of one type at one place, with the labels, normalizations and relations of all."""
    first: dict[tuple[str, tuple[tuple[int, int], ...]], int] = {}
    same = [first.setdefault((one.label, one.ranges), number) for number, one in enumerate(record.mentions)]
    if len(first) == len(same):
        return
    for number, into in enumerate(same):
        if number == into:
            continue
        one, other = record.mentions[into], record.mentions[number]
        report.lose("duplicate", f"{record.place}: {one.label} {record.surface(one)!r}")
        known = {norm.dictionary: norm for norm in one.norms}
        more = [norm for norm in other.norms if norm.dictionary not in known]
        differing = sum(known.get(norm.dictionary, norm) != norm for norm in other.norms)
        report.lose("second_normalizations", record.place, differing)
        differing = sum(one.fields.get(name, value) != value for name, value in other.fields.items())
        report.lose("entity_labels", record.place, differing)
        record.mentions[into] = replace(one, norms=(*one.norms, *more), fields={**other.fields, **one.fields})
    links = [replace(link, head=same[link.head], tail=same[link.tail]) for link in record.links]
    record.links = list(dict.fromkeys(links))
    report.lose("relations: that repeat another one", record.place, len(links) - len(record.links))
    record.keep(sorted(first.values()))


def drop(record: Record, keep: Callable[[int, Mention], bool], kind: str, report: FormatReport) -> None:
    """Leave out some mentions, and the relations to them, and count both."""
    numbers = [number for number, one in enumerate(record.mentions) if keep(number, one)]
    if len(numbers) == len(record.mentions):
        return
    kept = set(numbers)
    for number, one in enumerate(record.mentions):
        if number not in kept:
            report.lose(kind, f"{record.place}: {one.label} {record.surface(one)!r}")
    before = len(record.links)
    record.keep(numbers)
    report.lose("relation_ends", record.place, before - len(record.links))


def without_overlaps(mentions: list[Mention]) -> set[int]:
    """The numbers of those that don't overlap: the longest first, of equally long ones the first."""
    chosen: set[int] = set()
    taken: list[tuple[int, int]] = []
    for number in sorted(range(len(mentions)), key=lambda n: (mentions[n].start - mentions[n].end, n)):
        start, end = mentions[number].start, mentions[number].end
        if all(end <= low or high <= start for low, high in taken):
            chosen.add(number)
            taken.append((start, end))
    return chosen


class Names:
    """Names made legal for a format, each always in the same way, two never to one.

    Args:
        illegal: What may not stand in a name.
        report: Each changed name is noted there.
    """

    def __init__(self, illegal: str, report: FormatReport) -> None:
        self._illegal = re.compile(illegal)
        self._report = report
        self._made: dict[str, str] = {}
        self._taken: set[str] = set()

    @property
    def made(self) -> set[str]:
        """The legal names that were given out."""
        return set(self._taken)

    def __call__(self, name: str) -> str:
        """The legal name for a name."""
        known = self._made.get(name)
        if known is None:
            known = self._illegal.sub("_", name) or "_"
            while known in self._taken or (known != name and known in self._made):
                known += "_"
            if known != name:
                self._report.lose("names", f"{name!r} is {known!r}")
            self._made[name] = known
            self._taken.add(known)
        return known


def rejoined(record: Record, separators: Callable[[int], str]) -> None:
    """Put other text between a record's blocks.

    Args:
        record: The record; it is changed.
        separators: What to put before the n-th block, from 1.
    """
    text, shifts, blocks = "", [], []
    for number, block in enumerate(record.blocks):
        text += separators(number) if number else ""
        shifts.append((block.start, len(text) - block.start))
        blocks.append(Block(block.tag, len(text), len(text) + block.end - block.start))
        text += record.text[block.start : block.end]
    if not blocks:
        return

    def moved(one: Mention) -> Mention:
        return one.moved(next(shift for start, shift in reversed(shifts) if start <= one.start))

    record.mentions = [moved(one) for one in record.mentions]
    record.text, record.blocks = text, blocks
