"""Formats of other tools: documents per second, and the share of entities that survives.

    python benchmarks/formats.py PROJECT [--documents 200]

Each format is written and read back. In the same run both our way and that of people today go from the file
to Docs: for CoNLL ``spacy convert``, for the others a loop over the file with ``Doc.char_span``. An entity
survives if it comes back with its type at its place (white space aside). The ratio is that of the two times.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import spacy
from spacy.training.converters import conll_ner_to_docs

from spacy_tagtog.anndoc import Document, Project
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.formats import read_documents, write_documents
from spacy_tagtog.formats.documents import to_records
from spacy_tagtog.formats.report import FormatReport

FILES = {
    "doccano": "x.jsonl",
    "prodigy": "p.jsonl",
    "label-studio": "x.json",
    "brat": "brat",
    "conll": "x.conll",
    "bioc": "x.xml",
    "pubtator": "x.pubtator",
    "xmi": "xmi",
    "parquet": "x.parquet",
}
Entities = Counter[tuple[str, int, int, str]]


def squeezed(text: str) -> list[int]:
    """Where each offset is once white space is taken out."""
    places = [0]
    for character in text:
        places.append(places[-1] + (not character.isspace()))
    return places


def of_documents(documents: list[Document]) -> Entities:
    """Where entities stand, by the squeezed text they are in."""
    found: Entities = Counter()
    for document in documents:
        for record in to_records(document, FormatReport(strict=False)):
            places, key = squeezed(record.text), "".join(record.text.split())
            for one in record.mentions:
                for start, end in one.ranges:
                    found[key, places[start], places[end], one.label] += 1
    return found


def of_docs(docs: list[Any]) -> Entities:
    """The same, of ``doc.ents``."""
    found: Entities = Counter()
    for doc in docs:
        places, key = squeezed(doc.text), "".join(doc.text.split())
        for ent in doc.ents:
            found[key, places[ent.start_char], places[ent.end_char], ent.label_] += 1
    return found


def with_spans(texts: Iterable[tuple[str, list[tuple[int, int, str]]]]) -> list[Any]:
    """The loop that most scripts have: spans that don't fit tokens are None, and left out."""
    nlp = spacy.blank("en")
    docs = []
    for text, triples in texts:
        doc = nlp.make_doc(text)
        found = [doc.char_span(start, end, label=label) for start, end, label in triples]
        doc.ents = spacy.util.filter_spans([span for span in found if span is not None])
        docs.append(doc)
    return docs


def from_jsonl(path: Path) -> list[Any]:
    """Of doccano and Prodigy."""

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for line in path.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            spans = data.get("label") or data.get("spans") or []
            yield (
                data["text"],
                [(s["start"], s["end"], s["label"]) if isinstance(s, dict) else s for s in spans],
            )

    return with_spans(texts())


def from_label_studio(path: Path) -> list[Any]:
    """Of Label Studio's JSON: the first annotation of each task."""

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for task in json.loads(path.read_text(encoding="utf-8")):
            results = (task.get("annotations") or task.get("predictions") or [{"result": []}])[0]["result"]
            values = [one["value"] for one in results if one.get("type") == "labels"]
            yield (
                task["data"]["text"],
                [(value["start"], value["end"], value["labels"][0]) for value in values],
            )

    return with_spans(texts())


def from_brat(path: Path) -> list[Any]:
    """Of brat: each T line; one with several fragments from its first character to its last."""

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for file in sorted(path.rglob("*.txt")):
            triples = []
            for line in file.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
                if line.startswith("T"):
                    label, places = line.split("\t")[1].split(" ", 1)
                    numbers = [int(number) for number in places.replace(";", " ").split()]
                    triples.append((numbers[0], numbers[-1], label))
            yield file.read_bytes().decode("utf-8"), triples

    return with_spans(texts())


def from_bioc(path: Path) -> list[Any]:
    """Of BioC's XML: the passages at their offsets."""

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for document in ElementTree.parse(path).iter("document"):
            text, triples = "", []
            for passage in document.iter("passage"):
                text = text.ljust(int(passage.findtext("offset") or 0)) + (passage.findtext("text") or "")
            for one in document.iter("annotation"):
                label = next((i.text or "" for i in one.iter("infon") if i.get("key") == "type"), "")
                for place in one.iter("location"):
                    start = int(place.get("offset") or 0)
                    triples.append((start, start + int(place.get("length") or 0), label))
            yield text, triples

    return with_spans(texts())


def from_pubtator(path: Path) -> list[Any]:
    """Of PubTator: title and abstract as one text."""

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            lines = block.splitlines()
            pieces = [line.split("|", 2)[2] for line in lines if "|t|" in line or "|a|" in line]
            rows = [line.split("\t") for line in lines if "\t" in line]
            triples = [(int(row[1]), int(row[2]), row[4]) for row in rows if row[1].isdecimal()]
            yield " ".join(pieces), triples

    return with_spans(texts())


def from_xmi(path: Path) -> list[Any]:
    """Of UIMA CAS XMI, by dkpro-cassis: each annotation with a value."""
    from cassis import load_cas_from_xmi, load_typesystem

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        with next(path.rglob("*ypeSystem.xml")).open("rb") as file:
            types = load_typesystem(file)
        for xmi in sorted(path.rglob("*.xmi")):
            with xmi.open("rb") as file:
                cas = load_cas_from_xmi(file, typesystem=types)
            found = [
                (one.begin, one.end, one.value)
                for one in cas.select_all_annotations()
                if getattr(one, "value", None)
            ]
            yield cas.sofa_string, found

    return with_spans(texts())


def from_parquet(path: Path) -> list[Any]:
    """Of Parquet in BigBio's schema, by pyarrow: the passages at their offsets."""
    import pyarrow.parquet

    def texts() -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
        for row in pyarrow.parquet.read_table(path).to_pylist():
            text = ""
            for passage in row["passages"]:
                text = text.ljust(passage["offsets"][0][0]) + passage["text"][0]
            yield text, [(*place, one["type"]) for one in row["entities"] for place in one["offsets"]]

    return with_spans(texts())


def spacy_convert(path: Path) -> list[Any]:
    """What ``spacy convert`` does with a CoNLL file."""
    return list(conll_ner_to_docs(path.read_text(encoding="utf-8"), no_print=True))


TODAY: dict[str, tuple[str, Callable[[Path], list[Any]]]] = {
    "doccano": ("`json` and `char_span`", from_jsonl),
    "prodigy": ("`json` and `char_span`", from_jsonl),
    "label-studio": ("`json` and `char_span`", from_label_studio),
    "brat": ("lines and `char_span`", from_brat),
    "conll": ("`spacy convert`", spacy_convert),
    "bioc": ("`ElementTree` and `char_span`", from_bioc),
    "pubtator": ("lines and `char_span`", from_pubtator),
    "xmi": ("`cassis` and `char_span`", from_xmi),
    "parquet": ("`pyarrow` and `char_span`", from_parquet),
}


def our_docs(path: Path, name: str) -> list[Any]:
    """From the file to Docs by this package."""
    nlp = spacy.blank("en")
    return [document_to_doc(document, nlp) for document in read_documents(path, name)]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long something takes, in seconds, and its result."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def main() -> None:
    """Print the table of one project."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path)
    parser.add_argument("--documents", type=int, default=200)
    arguments = parser.parse_args()
    project = Project.open(arguments.project, strict=False)
    documents = [project[doc_id] for doc_id in project.ids[: arguments.documents]]
    gold = of_documents(documents)
    print(
        "| format | written/s | read/s | survive | to Docs/s | survive | today | Docs/s | survive | ratio |"
    )
    print("|---|---:|---:|---:|---:|---:|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        for name, file in FILES.items():
            path = Path(scratch) / file
            wrote, number = timed(partial(write_documents, documents, path, name, on_problem="report"))
            read, again = timed(partial(read_documents, path, name))
            share = (of_documents(again) & gold).total() / gold.total()
            row = f"| {name} | {number / wrote:.0f} | {number / read:.0f} | {share:.2%} "
            what, work = TODAY[name]
            work(path)  # once to warm up: tokenizers cache
            took, docs = timed(partial(work, path))
            ours, own_docs = timed(partial(our_docs, path, name))
            own, other = ((of_docs(some) & gold).total() / gold.total() for some in (own_docs, docs))
            row += f"| {number / ours:.0f} | {own:.2%} "
            row += f"| {what} | {number / took:.0f} | {other:.2%} | {took / ours:.1f} |"
            print(row)


if __name__ == "__main__":
    main()
