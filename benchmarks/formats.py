"""Formats of other tools: documents per second, and the share of entities that survives.

    python benchmarks/formats.py PROJECT [--documents 200]

Each format is written and read back. Where people have another way from the file to Docs, both ways go to
Docs in the same run: for JSONL with offsets the loop with ``Doc.char_span``, for CoNLL ``spacy convert``. An
entity survives if it comes back with its type at its place (white space aside). The ratio is that of the two
times.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

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


def char_span_loop(path: Path) -> list[Any]:
    """The loop that most scripts have: spans that don't fit tokens are None, and left out."""
    nlp = spacy.blank("en")
    docs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        doc = nlp.make_doc(data["text"])
        spans = data.get("label") or data.get("spans") or []
        triples = [(s["start"], s["end"], s["label"]) if isinstance(s, dict) else s for s in spans]
        found = [doc.char_span(start, end, label=label) for start, end, label in triples]
        doc.ents = spacy.util.filter_spans([span for span in found if span is not None])
        docs.append(doc)
    return docs


def spacy_convert(path: Path) -> list[Any]:
    """What ``spacy convert`` does with a CoNLL file."""
    return list(conll_ner_to_docs(path.read_text(encoding="utf-8"), no_print=True))


TODAY: dict[str, tuple[str, Callable[[Path], list[Any]]]] = {
    "doccano": ("a loop with char_span", char_span_loop),
    "prodigy": ("a loop with char_span", char_span_loop),
    "conll": ("spacy convert", spacy_convert),
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
            if name in TODAY:
                what, work = TODAY[name]
                work(path)  # once to warm up: tokenizers cache
                took, docs = timed(partial(work, path))
                ours, own_docs = timed(partial(our_docs, path, name))
                own = (of_docs(own_docs) & gold).total() / gold.total()
                other = (of_docs(docs) & gold).total() / gold.total()
                row += f"| {number / ours:.0f} | {own:.2%} "
                row += f"| {what} | {number / took:.0f} | {other:.2%} | {took / ours:.1f} |"
            else:
                row += "| | | | | | |"
            print(row)


if __name__ == "__main__":
    main()
