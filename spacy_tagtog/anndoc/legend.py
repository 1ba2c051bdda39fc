"""``annotations-legend.json``: the names of class ids.

Names are unique only within one prefix: ``{"e_1": "Person", "f_2": "Person"}`` is legal, so a legend is
inverted one prefix at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from spacy_tagtog._unicode import has_surrogate
from spacy_tagtog.errors import LegendError, setting

LEGEND_NAME = "annotations-legend.json"
Prefix = Literal["e", "f", "m", "n", "r"]
"""``e`` entity types, ``f`` entity labels, ``m`` document labels, ``n`` normalizations, ``r`` relations."""

_CLASS_ID = re.compile(r"[efmnr]_[0-9]{1,18}")
_ADDED = {
    "e": " (on the local tagtog: spacy-tagtog settings --add-entity {})",
    "m": " (on the local tagtog: spacy-tagtog settings --add-label {})",
}
"""How a missing class is added."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("one id stands in it twice")
    return names


class Legend(Mapping[str, str]):
    """The names of a project's classes: a read-only mapping from class id to name.

    Args:
        names: Class id (``e_1``) to name (``Person``).
        place: Where it was read, for messages.

    Raises:
        LegendError: A key isn't a class id, a value isn't a string, or two ids of one prefix share a name.
    """

    def __init__(self, names: Mapping[str, str] | None = None, *, place: object = None) -> None:
        self._names: dict[str, str] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self.place = place
        for class_id, name in (names or {}).items():
            if not isinstance(class_id, str) or not _CLASS_ID.fullmatch(class_id):
                raise LegendError(
                    "not a class id",
                    place=place,
                    value=class_id,
                    legal="e_N, f_N, m_N, n_N or r_N with a number N",
                    advice="take the legend anew from tagtog (spacy-tagtog fetch writes it)",
                )
            if not isinstance(name, str) or not name:
                raise LegendError(
                    f"the name of {class_id} isn't text", place=place, value=name, legal="a non-empty string"
                )
            if has_surrogate(name):
                raise LegendError(
                    f"the name of {class_id} holds half a character",
                    place=place,
                    value=name,
                    legal="text that UTF-8 can carry",
                )
            key = (class_id[0], name)
            if key in self._ids:
                raise LegendError(
                    f"{self._ids[key]} and {class_id} have the same name",
                    place=place,
                    value=name,
                    legal="names that are unique within one prefix",
                    advice="rename one of them in tagtog",
                )
            self._names[class_id] = name
            self._ids[key] = class_id

    @classmethod
    def parse(cls, data: bytes | str, *, place: object = None) -> Legend:
        """Read the content of an ``annotations-legend.json``.

        Raises:
            LegendError: It isn't a JSON object of class ids and names.
        """
        try:
            text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
            names = json.loads(text, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise LegendError(
                f"the legend isn't JSON: {error}", place=place, advice="take it anew from tagtog"
            ) from error
        if not isinstance(names, dict):
            raise LegendError(
                "the legend isn't a JSON object",
                place=place,
                value=type(names).__name__,
                legal='{"e_1": "NAME", …}',
            )
        return cls(names, place=place)

    @classmethod
    def of_ids(cls, class_ids: Iterable[str]) -> Legend:
        """A legend in which class ids stand for their names, for documents whose own can't be read.

        Args:
            class_ids: The ids; what is none is passed over.
        """
        return cls({class_id: class_id for class_id in class_ids if _CLASS_ID.fullmatch(class_id)})

    def dumps(self) -> str:
        """The legend as JSON text, ids in numerical order within each prefix."""
        ordered = sorted(self._names, key=lambda class_id: (class_id[0], int(class_id[2:])))
        return (
            json.dumps(
                {class_id: self._names[class_id] for class_id in ordered}, ensure_ascii=False, indent=1
            )
            + "\n"
        )

    def __getitem__(self, class_id: str) -> str:
        return self._names[class_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Legend({self._names!r})"

    def of(self, prefix: Prefix) -> dict[str, str]:
        """The classes of one prefix, id to name."""
        return {class_id: name for class_id, name in self._names.items() if class_id[0] == prefix}

    def name_of(self, class_id: str, *, place: object = None) -> str:
        """The name of a class id.

        Raises:
            LegendError: The legend doesn't have it.
        """
        try:
            return self._names[class_id]
        except KeyError:
            raise LegendError(
                "the legend has no name for this class id",
                place=place or self.place,
                value=class_id,
                legal=", ".join(self._names) or "(the legend is empty)",
                advice=f"add it to {LEGEND_NAME}, or take the legend anew from tagtog",
            ) from None

    def id_of(self, prefix: Prefix, name: str, *, place: object = None, can_rename: bool = False) -> str:
        """The class id of a name within one prefix.

        Args:
            prefix: The kind of the class.
            name: Its name.
            place: Where the name is used, for the error.
            can_rename: The caller has a setting ``rename``, which the error names.

        Raises:
            LegendError: No class of that prefix has this name.
        """
        try:
            return self._ids[prefix, name]
        except KeyError:
            kind = {
                "e": "entity type",
                "f": "entity label",
                "m": "document label",
                "n": "dictionary (for normalizations)",
                "r": "relation type",
            }[prefix]
            raise LegendError(
                f"the project has no {kind} of this name",
                place=place or self.place,
                value=name,
                legal=", ".join(self.of(prefix).values()) or f"(it has no {kind} at all)",
                advice=f"add it in the project's settings{_ADDED.get(prefix, '').format(name)} "
                "and fetch the legend again"
                + (f", or rename it ({setting('rename', f'{name}=NAME')})" if can_rename else ""),
            ) from None
