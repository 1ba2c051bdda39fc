"""Hypothesis strategies for everything in tagtog's format, from a text up to a whole project.

Names are such that every file system takes them; texts hold what trips offsets up: astral and combining
characters, right-to-left scripts,
markup characters, blanks at the edges.
"""

from __future__ import annotations

import copy
import string
from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    OffsetConverter,
    OffsetUnit,
    Part,
    confidence,
    document_id,
    html_from_blocks,
)
from spacy_tagtog.errors import SpacyTagtogError

__all__ = [
    "annotated",
    "blocks",
    "document_ids",
    "documents",
    "examples",
    "file_names",
    "json_objects",
    "json_values",
    "legends",
    "printable",
    "projects",
    "quick",
    "short",
    "slow",
    "texts",
    "unit_offset",
]


def examples(n: int) -> int:
    """How many examples of a property to try.

    ``n``, or as many times more as the profile says (``--hypothesis-profile thorough``).
    """
    return n * settings.default.max_examples // settings.get_profile("default").max_examples


quick = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For properties of values in memory."""
slow = settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""For properties that touch files, or build whole projects."""


def short(value: object) -> str:
    """An id for a parameter of a test that may be very long."""
    return repr(value)[:40]


def printable(error: SpacyTagtogError) -> str:
    """The message of an error, after checking that any terminal can show it and no one has to scroll."""
    message = str(error)
    assert message.encode().decode() == message
    assert len(message) < 2000
    return message


_TRICKY = "ab Zé\u0301\u00a0\u2028αſßﬁא\u05bcب\u200f\u200d中\ufeff\ufffd👩🏽\u200d🚀𝒳🇩🇪\t\n<>&\"']"
_FILE_NAME_CHARACTERS = string.ascii_letters + string.digits + "._- éαאب中😀&'"


def texts(*, carriage_returns: bool = False, min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[str]:
    """Texts that XML can carry.

    Args:
        carriage_returns: Whether CR may be in them: reading turns it into LF.
        min_size: The least length.
        max_size: The greatest length.
    """
    tricky = _TRICKY + ("\r" if carriage_returns else "")
    anything = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    return st.text(tricky, min_size=min_size, max_size=max_size) | st.text(
        anything, min_size=min_size, max_size=max_size
    )


def file_names() -> st.SearchStrategy[str]:
    """Names that can be a file's or folder's everywhere."""
    return st.text(_FILE_NAME_CHARACTERS, min_size=1, max_size=12).filter(
        lambda name: name[0] not in ". " and name[-1] not in ". "
    )


def document_ids() -> st.SearchStrategy[str]:
    """Ids of tagtog's form: ``a``, 27 characters, ``-``, a file name."""
    return st.builds(document_id, file_names(), st.binary(max_size=2))


def blocks(*, min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[list[tuple[str, str]]]:
    """What :func:`html_from_blocks` takes: (tag, text) pairs."""
    return st.lists(
        st.tuples(st.sampled_from(["h2", "p", "pre"]), texts()), min_size=min_size, max_size=max_size
    )


def json_values(*, max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Anything that JSON can hold. Strings may hold lone surrogates, as a browser cuts them."""
    text = st.text(st.characters(), max_size=6)
    leaves = (
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=max_leaves,
    )


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with keys that tagtog's format doesn't know."""
    return st.dictionaries(st.text(max_size=6).map("x-{}".format), json_values(), max_size=3)


_NAMES = ["Person", "place_2", "Größe", "人名", "x-Y z"]


@st.composite
def legends(draw: st.DrawFn) -> Legend:
    """Legends with one or more classes of each prefix. A name may stand under several prefixes."""
    names: dict[str, str] = {}
    for prefix in "efmnr":
        numbers = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3, unique=True))
        of_prefix = draw(st.permutations(_NAMES))
        names |= {f"{prefix}_{number}": name for number, name in zip(numbers, of_prefix, strict=False)}
    return Legend(names)


def unit_offset(text: str, offset: int, unit: OffsetUnit) -> int:
    """A code-point offset in the given unit."""
    return offset if unit == "code-point" else OffsetConverter(text).to_utf16(offset)


@st.composite
def _fragments(draw: st.DrawFn, text: str, unit: OffsetUnit) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 2)) if len(text) >= 4 else 1
    cuts = sorted(
        draw(st.lists(st.integers(0, len(text)), min_size=2 * count, max_size=2 * count, unique=True))
    )
    pairs = zip(cuts[::2], cuts[1::2], strict=True)
    return [{"start": unit_offset(text, start, unit), "text": text[start:end]} for start, end in pairs]


def _unknown_keys() -> st.SearchStrategy[dict[str, Any]]:
    known: list[dict[str, Any]] = [{}, {"x-new": [1, {"é🚀": None}]}, {"": -0.5, "x-half": "\ud83d"}]
    return st.sampled_from(known).map(copy.deepcopy)


def _confidences() -> st.SearchStrategy[Any]:
    who = st.sampled_from(["user:ann", "user:Zoë", "ml:spacy"])
    return st.none() | st.builds(
        confidence,
        state=st.sampled_from([None, "", "pre-added", "pre-removed", "selected"]),
        who=st.lists(who, max_size=2),
        prob=st.floats(0.001, 1) | st.just(1),
    )


@st.composite
def annotated(
    draw: st.DrawFn,
    parts: dict[str, Part],
    legend: Legend,
    *,
    unit: OffsetUnit | None = None,
    extras: bool = True,
    max_entities: int = 4,
) -> Annotations:
    """Annotations that belong to the parts: every offset points at its text.

    Args:
        parts: The parts of the content.
        legend: Which classes there are.
        unit: How the offsets count; drawn when ``None``.
        extras: Whether unknown keys, labels, normalizations and relations may be in them.
        max_entities: The most entities.
    """
    counted: OffsetUnit = draw(st.sampled_from(get_args(OffsetUnit))) if unit is None else unit
    full = [part for part in parts.values() if part.text]
    entities: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, max_entities)) if full else 0):
        part = draw(st.sampled_from(full))
        entity: dict[str, Any] = {
            "classId": draw(st.sampled_from(list(legend.of("e")))),
            "part": part.id,
            "offsets": draw(_fragments(part.text, counted)),
            "confidence": draw(_confidences()),
            "fields": {},
            "normalizations": {},
        }
        if extras and draw(st.booleans()):
            label = st.booleans() | st.text(max_size=5) | st.integers()
            entity["fields"] = draw(
                st.dictionaries(
                    st.sampled_from(list(legend.of("f"))),
                    st.fixed_dictionaries({"value": label, "confidence": _confidences()}),
                    max_size=2,
                )
            )
            normal = {
                "source": {"name": "wiki", "id": draw(st.text(max_size=5)), "url": None},
                "recName": draw(texts(max_size=8)),
            }
            entity["normalizations"] = {draw(st.sampled_from(list(legend.of("n")))): normal}
            entity |= draw(_unknown_keys())
        entities.append(entity)
    data: dict[str, Any] = {
        "annotatable": {"parts": draw(st.sampled_from([list(parts), []]))},
        "anncomplete": draw(st.booleans()),
        "sources": [],
        "metas": {},
        "entities": entities,
        "relations": [],
    }
    if extras:
        values = st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
        metas = st.fixed_dictionaries({"value": values, "confidence": _confidences()})
        data["metas"] = draw(st.dictionaries(st.sampled_from(list(legend.of("m"))), metas, max_size=2))
        if draw(st.booleans()) and entities:
            ends = draw(st.lists(st.sampled_from(entities), min_size=2, max_size=2))
            references = []
            for end in ends:
                first = end["offsets"][0]
                last = first["start"] + len(first["text"]) - 1
                references.append(f"{end['part']}|{end['classId']}|{first['start']},{last}")
            data["relations"] = [
                {
                    "classId": draw(st.sampled_from(list(legend.of("r")))),
                    "type": "linked",
                    "directed": draw(st.booleans()),
                    "entities": references,
                    "connectingWords": None,
                    "confidence": draw(_confidences()),
                }
            ]
        data |= draw(_unknown_keys())
    return Annotations(data)


@st.composite
def documents(
    draw: st.DrawFn,
    *,
    legend: Legend | None = None,
    unit: OffsetUnit | None = None,
    members: bool = True,
    extras: bool = True,
) -> Document:
    """Documents with any number of versions.

    Args:
        legend: Which classes there are; drawn when ``None``.
        unit: How the offsets count; drawn when ``None``, for each version anew.
        members: Whether there may be other versions than master.
        extras: See :func:`annotated`.
    """
    legend = draw(legends()) if legend is None else legend
    doc_id = draw(document_ids())
    html = html_from_blocks(draw(blocks()), doc_id=doc_id, origid=draw(texts(max_size=10)))
    names = st.just(MASTER) | file_names() if members else st.just(MASTER)
    versions = {
        name: draw(annotated(html.parts, legend, unit=unit, extras=extras))
        for name in draw(st.lists(names, max_size=3, unique=True))
    }
    folder = "/".join(["pool", *draw(st.lists(file_names(), max_size=2))])
    return Document(doc_id, html, versions, folder=folder, legend=legend)


@st.composite
def projects(draw: st.DrawFn, *, min_size: int = 1, max_size: int = 4, extras: bool = True) -> list[Document]:
    """Documents with one legend and ids of their own."""
    legend = draw(legends())
    return draw(
        st.lists(
            documents(legend=legend, extras=extras),
            min_size=min_size,
            max_size=max_size,
            unique_by=lambda document: document.id,
        )
    )
