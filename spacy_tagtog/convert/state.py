"""What a converted ``Doc`` remembers of its document, and where spaCy users find it.

| name | what |
|---|---|
| ``doc.ents`` | entities without overlap, chosen by a named policy |
| ``doc.spans["anndoc"]`` | all entities that stand on tokens |
| – its ``attrs["scores"]`` | their ``prob`` |
| – ``span.id_`` | the entity's place in ann.json (``e0``…) |
| ``doc.spans["anndoc.parts"]`` | the parts that have tokens; ``span.label_``: the part's id |
| ``doc.cats`` | document labels: ``NAME`` for booleans, ``NAME=VALUE`` for others; 1.0 or 0.0, see below |
| ``doc._.anndoc_id`` | the document's id |
| ``doc._.anndoc`` | :class:`DocState`: the original files and where each part stands |
| ``doc._.anndoc_relations`` | the relations, see :mod:`spacy_tagtog.convert.relations` |
| ``span._.anndoc`` | the original entity (JSON object) behind a span, or ``None`` |
| ``span._.anndoc_fields`` | its labels by name |

A boolean that is false is 0.0 in ``doc.cats``, and so are the other values of a label that has one: all that
the project's documents have (:mod:`spacy_tagtog.convert.label_values`). A label that isn't set isn't there.

The extensions are registered when :mod:`spacy_tagtog.convert` is imported; the values travel with the Doc
(``user_data``), also through a DocBin with ``store_user_data=True``.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from spacy.tokens import Doc, Span

from spacy_tagtog.anndoc import Annotations, PlainHtml

SPANS_KEY: Final = "anndoc"
PARTS_KEY: Final = "anndoc.parts"
SEPARATOR: Final = "\n\n"
"""What stands between the parts in ``doc.text``: a token of its own."""

_USER_DATA_KEY: Final = "anndoc"


@dataclass(frozen=True)
class DocState:
    """What a converted Doc remembers.

    Attributes:
        id: The document's id.
        folder: Its tagtog folder.
        member: Whose annotations they are.
        parts: (part id, start, end) of each part in characters of ``doc.text``, in document order.
        html: The bytes of plain.html.
        ann: The text of ann.json, or ``None`` where the document had no such version.
        legend: The project's class ids and names.
        spans: (index in ann.json, first character, one past the last, label) of each entity that was put into
            ``doc.spans["anndoc"]``.
        in_ents: Indices of those that were put into ``doc.ents``.
    """

    id: str
    folder: str
    member: str
    parts: tuple[tuple[str, int, int], ...]
    html: bytes
    ann: str | None
    legend: dict[str, str]
    spans: tuple[tuple[int, int, int, str], ...] = ()
    in_ents: tuple[int, ...] = ()
    _starts: list[int] = field(default_factory=list, compare=False, repr=False)

    @property
    def annotations(self) -> Annotations:
        """The original annotations, parsed anew; empty where there were none."""
        return (
            Annotations.parse(self.ann, place=self.id)
            if self.ann is not None
            else Annotations.empty([part for part, _, _ in self.parts])
        )

    @property
    def plain_html(self) -> PlainHtml:
        """The original content."""
        return PlainHtml(self.html, place=self.id)

    def part_at(self, start: int, end: int) -> tuple[str, int, int] | None:
        """The part that holds a stretch of ``doc.text`` wholly.

        Args:
            start: First character.
            end: One past the last character.

        Returns:
            (part id, start, end) with offsets in code points of the part's text, or ``None`` where it crosses
            a border of parts.
        """
        starts = self._starts
        if not starts:
            starts.extend(part[1] for part in self.parts)
        index = bisect_right(starts, start) - 1
        # Empty parts share their start with nothing: the separator stands between them and the next.
        if index < 0:
            return None
        part, part_start, part_end = self.parts[index]
        return (part, start - part_start, end - part_start) if end <= part_end else None


def set_state(doc: Doc, state: DocState) -> None:
    """Store a state on a Doc, as plain values that msgpack can carry."""
    doc.user_data[_USER_DATA_KEY] = {
        "id": state.id,
        "folder": state.folder,
        "member": state.member,
        "parts": [list(part) for part in state.parts],
        "html": state.html,
        "ann": state.ann,
        "legend": dict(state.legend),
        "spans": [list(span) for span in state.spans],
        "in_ents": list(state.in_ents),
    }


def get_state(doc: Doc) -> DocState | None:
    """The state of a Doc, or ``None`` for a Doc that wasn't made from a tagtog document."""
    data: dict[str, Any] | None = doc.user_data.get(_USER_DATA_KEY)
    if data is None:
        return None
    return DocState(
        id=data["id"],
        folder=data["folder"],
        member=data["member"],
        parts=tuple((part, start, end) for part, start, end in data["parts"]),
        html=data["html"],
        ann=data["ann"],
        legend=dict(data["legend"]),
        spans=tuple((index, start, end, label) for index, start, end, label in data["spans"]),
        in_ents=tuple(data["in_ents"]),
    )


def span_id(index: int) -> str:
    """The ``span.id_`` of the entity at this index of ann.json."""
    return f"e{index}"


def entity_index(span: Span) -> int | None:
    """The index in ann.json of the entity behind a span, or ``None`` for a span that was not there."""
    name = span.id_
    return int(name[1:]) if name[:1] == "e" and name[1:].isdecimal() else None


@lru_cache(maxsize=16)
def _entities(ann: str) -> list[Any]:
    return Annotations.parse(ann).data.get("entities") or []


def original_entity(span: Span) -> dict[str, Any] | None:
    """The JSON object of the entity behind a span, or ``None``."""
    index = entity_index(span)
    # Not get_state: this is asked of every span, and the state grows with their number.
    data: dict[str, Any] | None = span.doc.user_data.get(_USER_DATA_KEY)
    if index is None or data is None or data["ann"] is None:
        return None
    entities = _entities(data["ann"])
    return dict(entities[index]) if index < len(entities) else None


def get_id(doc: Doc) -> str | None:
    """The id of the document behind a Doc, or ``None``: as :func:`get_state` without making a state."""
    data: dict[str, Any] | None = doc.user_data.get(_USER_DATA_KEY)
    return None if data is None else data["id"]


Doc.set_extension("anndoc", getter=get_state, force=True)
Doc.set_extension("anndoc_id", getter=get_id, force=True)
Span.set_extension("anndoc", getter=original_entity, force=True)
