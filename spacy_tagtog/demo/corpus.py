"""Reading the demo corpus: texts with inline annotations, as documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    OffsetConverter,
    confidence,
    document_id,
    html_from_blocks,
)
from spacy_tagtog.errors import AnndocError

DEMO_PROJECT = "stargazing"
"""The name of the demo project on the local tagtog."""

DEMO_LEGEND = Legend(
    {
        "e_1": "Celestial_Object",
        "e_2": "Instrument",
        "e_3": "Place",
        "e_4": "Person",
        "m_1": "Seeing",
        "r_1": "observed_with",
    }
)

_FILES = ("deep-sky.txt", "moon-and-planets.txt", "comets-and-travel.txt")
_MARK = re.compile(r"\[([^\[\]]+)\]\((\w+)(?:#(\w+))?\)")
_HALF_MARK = re.compile(r".{0,20}\]\(.{0,20}")
_AUTHOR = "user:demo"
_PART_LETTER = {"h2": "h", "p": "p", "pre": "v"}


def demo_documents() -> Iterator[Document]:
    """The documents of the demo corpus, in a fixed order, with ids that never change."""
    folder = files(__package__)
    for name in _FILES:
        yield from parse_demo((folder / name).read_text(encoding="utf-8"), place=name)


def guidelines() -> str:
    """The annotation guidelines of the demo project, as markdown."""
    return (files(__package__) / "guidelines.md").read_text(encoding="utf-8")


def parse_demo(text: str, *, place: str = "demo corpus") -> Iterator[Document]:
    """Read documents with inline annotations.

    Args:
        text: In the form that the docstring of :mod:`spacy_tagtog.demo` shows.
        place: For messages.

    Raises:
        AnndocError: A line can't be understood.
        LegendError: A type is not in the demo's legend.
    """
    before, *blocks = re.split(r"^=== ", text, flags=re.MULTILINE)
    if before.strip():
        raise AnndocError(
            "a text stands before the first document",
            place=place,
            value=before.strip()[:40],
            legal="=== NAME | annotated",
        )
    for block in blocks:
        header, _, body = block.partition("\n")
        name, *fields = (field.strip() for field in header.split("|"))
        kind, *labels = fields or [""]
        if kind not in ("annotated", "new"):
            raise AnndocError(
                "a document is neither annotated nor new",
                place=f"{place}: {name}",
                value=kind,
                legal="annotated, new",
            )
        yield _document(name, body, labels, confirmed=kind == "annotated", place=f"{place}: {name}")


def _document(name: str, body: str, labels: list[str], *, confirmed: bool, place: str) -> Document:
    marked, relations = _lines(body, place)
    blocks: list[tuple[str, str]] = []
    entities: list[dict[str, object]] = []
    references: dict[str, str] = {}
    counts = {"h2": 0, "p": 0, "pre": 0}
    for tag, line in marked:
        counts[tag] += 1
        part = f"s1{_PART_LETTER[tag]}{counts[tag]}"
        blocks.append((tag, _bare(line, place)))
        entities += _mentions(line, part, references, place)
    filename = f"{name}.txt"
    doc_id = document_id(filename, "\n".join(text for _, text in blocks).encode())
    html = html_from_blocks(blocks, doc_id=doc_id, origid=filename, place=place)
    if not confirmed:
        return Document(doc_id, html, {}, legend=DEMO_LEGEND)
    annotations = Annotations(
        {
            "annotatable": {"parts": list(html.parts)},
            "anncomplete": True,
            "sources": [],
            "metas": _metas(labels, place),
            "entities": entities,
            "relations": _relations(relations, references, place),
        },
        place=place,
    )
    return Document(doc_id, html, {MASTER: annotations}, legend=DEMO_LEGEND)


def _lines(body: str, place: str) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """The lines of text with their HTML tags, and the relations."""
    marked: list[tuple[str, str]] = []
    relations: list[list[str]] = []
    for line in filter(None, body.splitlines()):
        if line.startswith("> "):
            relation = line[2:].split()
            if len(relation) != 3:
                raise AnndocError("a relation can't be read", place=place, value=line, legal="> TYPE KEY KEY")
            relations.append(relation)
        elif line.startswith("# "):
            marked.append(("h2", line[2:]))
        else:
            marked.append(("p", line))
    if len(marked) == 1:
        marked = [("pre", marked[0][1])]
    return marked, relations


def _bare(line: str, place: str) -> str:
    """A line without its annotations."""
    text = _MARK.sub(lambda match: match[1], line)
    half = _HALF_MARK.search(text)
    if half:
        raise AnndocError(
            "a mention can't be read", place=place, value=half[0], legal="[TEXT](TYPE) or [TEXT](TYPE#KEY)"
        )
    return text


def _mentions(line: str, part: str, references: dict[str, str], place: str) -> Iterator[dict[str, object]]:
    """The entities of a line; those with a key are added to the references."""
    units = OffsetConverter(_bare(line, place))
    dropped = 0  # characters of markup before the current mention
    for match in _MARK.finditer(line):
        start = match.start() - dropped
        dropped += len(match[0]) - len(match[1])
        first, last = units.to_utf16(start), units.to_utf16(start + len(match[1]))
        class_id = DEMO_LEGEND.id_of("e", match[2], place=place)
        if match[3]:
            if match[3] in references:
                raise AnndocError(
                    "two mentions have one key", place=place, value=match[3], legal="each key once"
                )
            references[match[3]] = f"{part}|{class_id}|{first},{last}"
        yield {
            "classId": class_id,
            "part": part,
            "offsets": [{"start": first, "text": match[1]}],
            "coordinates": [],
            "confidence": _sure(),
            "fields": {},
            "normalizations": {},
        }


def _metas(labels: list[str], place: str) -> dict[str, object]:
    metas: dict[str, object] = {}
    for label in labels:
        key, equals, value = label.partition("=")
        if not equals or not value:
            raise AnndocError("a document label can't be read", place=place, value=label, legal="NAME=VALUE")
        class_id = DEMO_LEGEND.id_of("m", key.capitalize(), place=place)
        metas[class_id] = {"value": value, "confidence": _sure()}
    return metas


def _relations(relations: list[list[str]], references: dict[str, str], place: str) -> list[dict[str, object]]:
    try:
        return [
            {
                "classId": DEMO_LEGEND.id_of("r", kind, place=place),
                "type": "linked",
                "directed": True,
                "entities": [references[one], references[other]],
                "confidence": _sure(),
            }
            for kind, one, other in relations
        ]
    except KeyError as error:
        raise AnndocError(
            "a relation names a key that no mention has",
            place=place,
            value=error.args[0],
            legal=", ".join(references),
        ) from error


def _sure() -> dict[str, object]:
    return confidence(state="", who=[_AUTHOR], prob=1)
