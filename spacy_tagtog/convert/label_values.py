"""Document labels in ``doc.cats``: their names there, and the values that a label doesn't have.

A label that has a value says of all its other values that they are not: they are 0.0. Which others there are
is known of a whole project only: those that stand in any of its documents. A label that isn't set says
nothing, and stays unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from spacy.tokens import Doc

from spacy_tagtog.anndoc import MASTER, Legend, Project
from spacy_tagtog.errors import AnndocError

LabelValues = Sequence[frozenset[str]]
"""For each document label with values, the names of all of them in ``doc.cats``."""

_FEW: Final = 10
"""So many values are a list to choose from, however few documents there are."""


def storable(text: str) -> str:
    """The text as spaCy can store it, in UTF-8.

    Half a surrogate pair, as browsers cut them, becomes a question mark.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def cat_of(legend: Mapping[str, str], class_id: str, value: object) -> str:
    """The name of a document label in ``doc.cats``: ``NAME`` of a boolean, otherwise ``NAME=VALUE``."""
    name = legend.get(class_id, class_id)
    return storable(name if isinstance(value, bool) else f"{name}={value}")


def label_values(project: Project, member: str = MASTER) -> LabelValues:
    """The values of a project's document labels, as they stand in its documents.

    A label is left out if it holds free text rather than one of a list: it has more than ten values, and more
    than half as many as documents that have it.

    Args:
        project: The project. Where its legend has no document label, its documents are not read.
        member: Whose annotations; several and all as for a converter.
    """
    if not project.legend.of("m"):
        return ()
    names = None if member == "*" else {name.strip() for name in member.split(",")}
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for doc_id in project.ids:
        with suppress(AnndocError):  # whoever converts the document says so
            document = project[doc_id]
            for name, version in document.versions.items():
                if names is None or name in names:
                    _count(seen, document.legend, version.metas)
    return [frozenset(values) for values in seen.values() if len(values) <= max(_FEW, values.total() // 2)]


def _count(seen: dict[str, Counter[str]], legend: Legend, metas: Mapping[str, Mapping[str, object]]) -> None:
    for class_id, meta in metas.items():
        value = meta.get("value")
        if value is not None and not isinstance(value, bool):
            seen[class_id][cat_of(legend, class_id, value)] += 1


def add_negatives(doc: Doc, values: LabelValues) -> None:
    """Write 0.0 into ``doc.cats`` for the other values of each label that has one.

    Args:
        doc: The Doc; changed in place.
        values: See :func:`label_values`.
    """
    for group in values:
        if any(doc.cats.get(name) for name in group):
            doc.cats = {**dict.fromkeys(sorted(group), 0.0), **doc.cats}
