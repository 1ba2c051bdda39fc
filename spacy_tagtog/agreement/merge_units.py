"""One unit of offsets for versions that count in different ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from spacy_tagtog.anndoc import Annotations, OffsetConverter, Part, detect_unit


def in_one_unit(
    versions: dict[str, Annotations], parts: Mapping[str, Part], notes: list[str]
) -> dict[str, Annotations]:
    """The versions with offsets in one unit: what comes from two of them may stand in one file."""
    if not any(OffsetConverter(part.text).has_astral for part in parts.values()):
        return versions
    units = {}
    for name, version in versions.items():
        seen = {
            detect_unit(parts, version, default="utf-16"),
            detect_unit(parts, version, default="code-point"),
        }
        if len(seen) == 1:  # else nothing in it tells: it is the same in both
            units[name] = seen.pop()
    if len(set(units.values())) < 2:
        return versions
    counting = [name for name, unit in units.items() if unit == "code-point"]
    notes.append(f"offsets of {', '.join(counting)} count code points, others UTF-16: all are UTF-16 now")
    return {
        name: _in_utf16(version, parts) if name in counting else version for name, version in versions.items()
    }


def _in_utf16(version: Annotations, parts: Mapping[str, Part]) -> Annotations:
    """A version that counts code points, with offsets and references in UTF-16."""
    converters: dict[str, OffsetConverter] = {}

    def convert(part: str, offset: int) -> int:
        if part not in parts:
            return offset
        converter = converters.get(part) or converters.setdefault(part, OffsetConverter(parts[part].text))
        return converter.to_utf16(offset)

    data = copy.deepcopy(version.data)
    for entity in data.get("entities") or ():
        for offset in entity["offsets"]:
            offset["start"] = convert(entity["part"], offset["start"])
    for relation, view in zip(data.get("relations") or (), version.relations, strict=True):
        relation["entities"] = [
            "|".join(filter(None, [part, class_id, f"{convert(part, start)},{convert(part, last)}"]))
            for part, class_id, start, last in view.ends
        ]
    return Annotations(data, place=version.place)
