"""What a reviewer does to one version of a document: accept, reject, change, confirm. Each can be taken back.

The review page of the local tagtog makes the same changes with the same results
(``server/web/static/review/document.js``; a property test compares the two).

What accepting writes is what tagtog's exports show: the state becomes a person's (``""``), while author and
probability stay those of whoever proposed it. So it can be told later how often proposals were right. What
a person changes or adds is theirs alone: ``who`` is the person, ``prob`` is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_tagtog.anndoc.ann_json import Annotations, Entity, JsonObject, confidence, read_reference
from spacy_tagtog.anndoc.locate import detect_unit
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import Part
from spacy_tagtog.anndoc.references import References

_ABSENT: Any = object()


@dataclass(frozen=True)
class _Patch:
    """What stood somewhere and what stands there now: items of a list, or the value of a top-level key."""

    key: str
    at: int | None
    before: Any
    after: Any

    def inverse(self) -> _Patch:
        return _Patch(self.key, self.at, self.after, self.before)


class Review:
    """One version under review. The annotations that are given are never changed.

    Args:
        annotations: The version.
        parts: The parts of its document, by id.
        who: Who reviews, such as ``user:ada``.
        labels_of: Entity type to the labels that its entities may have. A type that is missing may have all.
        unit: How the offsets of this ann.json count; by default as its texts tell.
    """

    def __init__(
        self,
        annotations: Annotations,
        parts: Mapping[str, Part],
        *,
        who: str,
        labels_of: Mapping[str, Sequence[str]] | None = None,
        unit: OffsetUnit | None = None,
    ) -> None:
        self._parts = parts
        self._who = who
        self._labels_of = labels_of or {}
        self._unit: OffsetUnit = unit or detect_unit(parts, annotations)
        self._top: JsonObject = dict(annotations.data)
        self._lists: dict[str, list[JsonObject]] = {
            key: list(annotations.data.get(key) or []) for key in ("entities", "relations")
        }
        self._done: list[list[_Patch]] = []
        self._undone: list[list[_Patch]] = []

    @property
    def annotations(self) -> Annotations:
        """The version as it is now."""
        data = dict(self._top)
        for key, items in self._lists.items():
            if items or key in data:
                data[key] = list(items)
        return Annotations(data)

    def undo(self) -> bool:
        """Take back the last change. Gives whether there was one."""
        if not self._done:
            return False
        patches = self._done.pop()
        for patch in reversed(patches):
            self._apply(patch.inverse())
        self._undone.append(patches)
        return True

    def redo(self) -> bool:
        """Make the change again that was taken back last. Gives whether there was one."""
        if not self._undone:
            return False
        patches = self._undone.pop()
        for patch in patches:
            self._apply(patch)
        self._done.append(patches)
        return True

    def _commit(self, patches: list[_Patch]) -> None:
        for patch in patches:
            self._apply(patch)
        self._done.append(patches)
        self._undone.clear()

    def _apply(self, patch: _Patch) -> None:
        if patch.at is not None:
            self._lists[patch.key][patch.at : patch.at + len(patch.before)] = patch.after
        elif patch.after is _ABSENT:
            del self._top[patch.key]
        else:
            self._top[patch.key] = patch.after

    # ------------------------------------------------------------------------------------ decisions

    def accept(self, index: int) -> bool:
        """Agree with what is there: a proposed entity stays, a proposed removal happens."""
        data = self._entity(index)
        if data is None:
            return False
        if (data.get("confidence") or {}).get("state") == "pre-removed":
            return self._change(index, None)
        return self._change(index, {**data, "confidence": self._accepted(data.get("confidence"))})

    def reject(self, index: int) -> bool:
        """Disagree with what is there: a proposed entity goes, a proposed removal doesn't happen."""
        data = self._entity(index)
        if data is None:
            return False
        if (data.get("confidence") or {}).get("state") != "pre-removed":
            return self._change(index, None)
        return self._change(index, {**data, "confidence": self._accepted(data.get("confidence"))})

    def remove(self, index: int) -> bool:
        """Remove an entity, and the relations that mean it."""
        return self._entity(index) is not None and self._change(index, None)

    def retype(self, index: int, class_id: str) -> bool:
        """Give an entity another type. Normalizations go, and labels that the new type doesn't have."""
        data = self._entity(index)
        if data is None or data["classId"] == class_id:
            return False
        changed = {**data, "classId": class_id, "confidence": self._own(data.get("confidence"))}
        if data.get("normalizations"):
            changed["normalizations"] = {}
        if data.get("fields"):
            kept = self._labels_of.get(class_id)
            changed["fields"] = {
                field: value for field, value in data["fields"].items() if kept is None or field in kept
            }
        return self._change(index, changed)

    def move(self, index: int, fragment: int, start: int, end: int) -> bool:
        """Give a fragment other borders, in code points of its part's text."""
        data = self._entity(index)
        offset = data and self._offset(data["part"], start, end)
        if data is None or offset is None or not 0 <= fragment < len(data["offsets"]):
            return False
        old = data["offsets"][fragment]
        if (old["start"], old["text"]) == (offset["start"], offset["text"]):
            return False
        offsets = [
            {**one, **offset} if number == fragment else one for number, one in enumerate(data["offsets"])
        ]
        return self._moved(index, data, offsets)

    def add(self, part: str, start: int, end: int, class_id: str) -> bool:
        """Add an entity, in code points of its part's text."""
        offset = self._offset(part, start, end)
        if offset is None:
            return False
        data = {
            "classId": class_id,
            "part": part,
            "offsets": [offset],
            "coordinates": [],
            "confidence": self._own(None),
            "fields": {},
            "normalizations": {},
        }
        self._commit([_Patch("entities", len(self._lists["entities"]), [], [data])])
        return True

    def add_fragment(self, index: int, start: int, end: int) -> bool:
        """Add a fragment to an entity, in code points of its part's text."""
        data = self._entity(index)
        offset = data and self._offset(data["part"], start, end)
        if data is None or offset is None:
            return False
        return self._moved(index, data, sorted([*data["offsets"], offset], key=lambda one: int(one["start"])))

    def remove_fragment(self, index: int, fragment: int) -> bool:
        """Remove a fragment of an entity that has others."""
        data = self._entity(index)
        if data is None or len(data["offsets"]) < 2 or not 0 <= fragment < len(data["offsets"]):
            return False
        offsets = [one for number, one in enumerate(data["offsets"]) if number != fragment]
        return self._moved(index, data, offsets)

    def label(self, index: int, field: str, value: bool | float | str | None) -> bool:
        """Set a label of an entity; with ``None`` take it away."""
        data = self._entity(index)
        if data is None:
            return False
        one = None if value is None else {"value": value, "confidence": self._own(None)}
        return self._change(index, {**data, "fields": _with_key(data.get("fields"), field, one)})

    def normalize(self, index: int, dictionary: str, entry: Mapping[str, str | None] | None) -> bool:
        """Say what an entity is in a dictionary: ``source``, ``id``, ``url``, ``name``; or take it away."""
        data = self._entity(index)
        if data is None:
            return False
        one: JsonObject | None = None
        if entry is not None:
            one = {
                "source": {"name": entry.get("source"), "id": entry.get("id"), "url": entry.get("url")},
                "recName": entry.get("name"),
                "confidence": self._own(None),
            }
        changed = _with_key(data.get("normalizations"), dictionary, one)
        return self._change(index, {**data, "normalizations": changed})

    def relate(
        self, class_id: str, first: int, second: int, *, kind: str = "linked", directed: bool = True
    ) -> bool:
        """Connect two entities."""
        ends = [self._entity(first), self._entity(second)]
        if first == second or ends[0] is None or ends[1] is None:
            return False
        data = {
            "classId": class_id,
            "type": kind,
            "directed": directed,
            "entities": [self._reference(end) for end in ends if end is not None],
            "connectingWords": None,
            "confidence": self._own(None),
        }
        self._commit([_Patch("relations", len(self._lists["relations"]), [], [data])])
        return True

    def unrelate(self, index: int) -> bool:
        """Remove a relation."""
        relations = self._lists["relations"]
        if not 0 <= index < len(relations):
            return False
        self._commit([_Patch("relations", index, [relations[index]], [])])
        return True

    def label_document(self, field: str, value: bool | float | str | None) -> bool:
        """Set a label of the document; with ``None`` take it away."""
        one = None if value is None else {"value": value, "confidence": self._own(None)}
        self._commit([self._set("metas", _with_key(self._top.get("metas"), field, one))])
        return True

    def confirm(self, confirmed: bool = True) -> bool:
        """Confirm the version, or open it again."""
        if bool(self._top.get("anncomplete")) == confirmed:
            return False
        self._commit([self._set("anncomplete", confirmed)])
        return True

    # ------------------------------------------------------------------------------------ helpers

    def _entity(self, index: int) -> JsonObject | None:
        entities = self._lists["entities"]
        return entities[index] if 0 <= index < len(entities) else None

    def _own(self, old: JsonObject | None) -> JsonObject:
        return {**(old or {}), **confidence(state="", who=[self._who], prob=1)}

    def _accepted(self, old: JsonObject | None) -> JsonObject:
        return {**old, "state": ""} if old else self._own(None)

    def _set(self, key: str, value: Any) -> _Patch:
        return _Patch(key, None, self._top.get(key, _ABSENT), value)

    def _offset(self, part: str, start: int, end: int) -> JsonObject | None:
        if part not in self._parts or not 0 <= start < end <= len(self._parts[part].text):
            return None
        text = self._parts[part].text
        units = OffsetConverter(text)
        return {"start": units.to_utf16(start) if self._unit == "utf-16" else start, "text": text[start:end]}

    def _moved(self, index: int, data: JsonObject, offsets: list[JsonObject]) -> bool:
        return self._change(
            index, {**data, "offsets": offsets, "confidence": self._own(data.get("confidence"))}
        )

    def _length(self, text: str) -> int:
        return OffsetConverter(text).utf16_length if self._unit == "utf-16" else len(text)

    def _reference(self, data: JsonObject) -> str:
        start = min(offset["start"] for offset in data["offsets"])
        end = max(offset["start"] + self._length(offset["text"]) for offset in data["offsets"])
        return f"{data['part']}|{data['classId']}|{start},{end}"

    def _change(self, index: int, data: JsonObject | None) -> bool:
        """Replace an entity and the references that mean it; with ``None`` remove it and its relations."""
        old = self._lists["entities"][index]
        patches = [_Patch("entities", index, [old], [] if data is None else [data])]
        resolve = self._resolver()
        relations = self._lists["relations"]
        for number in range(len(relations) - 1, -1, -1):  # from the last: places stay valid
            relation = relations[number]
            ends = [resolve(reference) for reference in relation["entities"]]
            if index not in ends:
                continue
            if data is None:
                patches.append(_Patch("relations", number, [relation], []))
                continue
            entities = [
                self._reference(data) if end == index else reference
                for end, reference in zip(ends, relation["entities"], strict=True)
            ]
            if entities != relation["entities"]:
                patches.append(_Patch("relations", number, [relation], [{**relation, "entities": entities}]))
        self._commit(patches)
        return True

    def _resolver(self) -> Callable[[str], int | None]:
        references = References(
            (index, Entity(data, index)) for index, data in enumerate(self._lists["entities"])
        )

        def resolve(reference: str) -> int | None:
            end = read_reference(reference)
            return None if end is None else references.find(*end)

        return resolve


def _with_key(old: JsonObject | None, key: str, value: JsonObject | None) -> JsonObject:
    result = dict(old or {})
    if value is None:
        result.pop(key, None)
    else:
        result[key] = value
    return result
