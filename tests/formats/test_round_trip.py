"""Any document, into each format and back: what it can carry is equal, and the report counts the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import slow

from spacy_tagtog.anndoc import Document, locate
from spacy_tagtog.formats import Record, read_documents, write_documents
from spacy_tagtog.formats import brat as brat_module
from spacy_tagtog.formats import conll as conll_module
from spacy_tagtog.formats import pubtator as pubtator_module
from spacy_tagtog.formats.carry import carry
from spacy_tagtog.formats.documents import to_documents, to_records
from spacy_tagtog.formats.record import Block, Mention, Norm
from spacy_tagtog.formats.registry import make_format
from spacy_tagtog.formats.report import FormatReport

FILES = {
    "doccano": "x.jsonl",
    "prodigy": "x.jsonl",
    "label-studio": "x.json",
    "brat": "x",
    "conll": "x.conll",
    "bioc": "x.xml",
    "pubtator": "x.pubtator",
    "xmi": "x",
    "parquet": "x.parquet",
}
ADAPT: dict[str, Callable[[Record, FormatReport], None]] = {
    "brat": brat_module.adapt,
    "conll": conll_module.adapt,
    "pubtator": pubtator_module.adapt,
}
CHARACTERS = st.sampled_from(
    ["a", "B", "é", "e\u0301", "😀", "𝒳", "א", "-", "<", "&", '"', "\\", " ", " ", "\n", "\t", "#"]
)
NAMES = st.sampled_from(["Star", "Planet", "größe", "has-moon"])


@st.composite
def records(draw: st.DrawFn, number: int = 0) -> Record:
    blocks: list[Block] = []
    text = ""
    for _ in range(draw(st.integers(1, 3))):
        text += "\n\n" if blocks else ""
        piece = "a" + "".join(draw(st.lists(CHARACTERS, max_size=20)))
        blocks.append(Block(draw(st.sampled_from(["h2", "p", "pre"])), len(text), len(text) + len(piece)))
        text += piece
    record = Record(f"doc-{number}", text, blocks=blocks, place="here")
    for _ in range(draw(st.integers(0, 5))):
        block = draw(st.sampled_from(blocks))
        cuts = sorted(draw(st.sets(st.integers(block.start, block.end), min_size=2, max_size=4)))
        ranges = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        norms = draw(
            st.lists(
                st.builds(Norm, st.sampled_from(["MESH", "ids"]), st.sampled_from(["1", "2|3"])),
                max_size=2,
                unique_by=lambda norm: norm.dictionary,
            )
        )
        fields = draw(
            st.dictionaries(st.sampled_from(["colour", "wet"]), st.sampled_from([True, "red", 3]), max_size=2)
        )
        prob = draw(st.sampled_from([None, 0.5, 1.0]))
        record.add(
            draw(NAMES),
            *ranges,
            norms=tuple(norms),
            fields=fields,
            prob=prob,
            state=draw(st.sampled_from(["", "pre-added"])),
        )
    places = {(one.label, one.ranges): one for one in record.mentions}
    record.mentions = list(places.values())
    numbers = st.integers(0, len(record.mentions) - 1) if record.mentions else None
    for _ in range(draw(st.integers(0, 2)) if record.mentions else 0):
        record.relate(draw(NAMES), draw(numbers), draw(numbers))
    record.labels = draw(
        st.dictionaries(
            st.sampled_from(["topic", "good"]), st.sampled_from([True, False, "sport news", 4]), max_size=2
        )
    )
    record.is_complete = draw(st.booleans())
    return record


def squeezed(record: Record) -> tuple[str, Callable[[int], int]]:
    """The text without white space, and where its offsets go."""
    places = [0]
    for character in record.text:
        places.append(places[-1] + (not character.isspace()))
    return "".join(record.text.split()), places.__getitem__


def view(record: Record, *, exact: bool) -> dict[str, Any]:
    """All that must be equal, whatever the order."""
    text, moved = (record.text, int) if exact else squeezed(record)

    def seen(one: Mention) -> tuple[Any, ...]:
        ranges = tuple((moved(start), moved(end)) for start, end in one.ranges)
        return (
            one.label,
            ranges,
            frozenset(one.norms),
            tuple(sorted(one.fields.items(), key=str)),
            one.prob or 1,
            one.state,
        )

    mentions = [seen(one) for one in record.mentions]
    places = [one[:2] for one in mentions]
    return {
        "text": text,
        "entities": set(mentions),
        "relations": {(link.label, places[link.head], places[link.tail]) for link in record.links},
        "labels": record.labels,
        "complete": record.is_complete or not (record.mentions or record.labels),
        "parts": [record.text[one.start : one.end] for one in record.blocks]
        if exact and len(record.blocks) > 1
        else [],
    }


def documents_of(given_records: list[Record]) -> list[Document]:
    return to_documents(copy.deepcopy(given_records), FormatReport(), author="user:ann")


@slow
@given(records())
def test_a_record_becomes_a_document_and_comes_back(record: Record) -> None:
    [document] = documents_of([record])
    assert all(found.problem is None for found in locate(document.parts, document.annotations))
    [back] = to_records(document, FormatReport())
    assert view(back, exact=True) == view(record, exact=True)
    assert [one.tag for one in back.blocks] == [one.tag for one in record.blocks]


@pytest.mark.parametrize("name", FILES)
@slow
@given(
    st.lists(st.integers(), min_size=1, max_size=2, unique=True).flatmap(
        lambda numbers: st.tuples(*(records(number) for number in numbers))
    )
)
def test_what_a_format_can_carry_comes_back_equal(name: str, given_records: tuple[Record, ...]) -> None:
    documents = documents_of(list(given_records))
    made = make_format(name)
    expected = []
    for document in documents:
        [record] = to_records(document, FormatReport())
        carry(record, made.carries, FormatReport())
        if name in ADAPT:
            ADAPT[name](record, FormatReport())
        expected.append(record)
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILES[name]
        report = FormatReport()
        assert write_documents(documents, path, name, report=report) == len(documents)
        assert report.faults == []
        again = [one for found in read_documents(path, name) for one in to_records(found, FormatReport())]
    if "ids" in made.carries:
        expected.sort(key=lambda record: record.id)
        again.sort(key=lambda record: record.id)
    exact = "text" in made.carries
    assert [view(one, exact=exact) for one in again] == [view(one, exact=exact) for one in expected]
    # Whatever was there and isn't now stands in the report.
    for kind, number in (
        ("entities", sum(len(one.mentions) for one in given_records)),
        ("relations", sum(len(one.links) for one in given_records)),
    ):
        if report.carried.get(kind, 0) < number:
            assert report.losses
