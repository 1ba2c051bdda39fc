"""From each tool's file into a project, to suggestions in tagtog, and back into the tool's file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from builders import LEGEND
from related import project as related_documents

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Annotations, Document, Project, write_project
from spacy_tagtog.formats import read_documents, write_documents
from spacy_tagtog.formats.documents import to_records
from spacy_tagtog.formats.registry import make_format
from spacy_tagtog.formats.report import FormatReport
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

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
NEW = 6
WITHOUT_RELATIONS = ("conll", "pubtator")
"""CoNLL has none; PubTator's are between ids, and planets have no ids here."""


def entities(documents: Iterable[Document]) -> Counter[tuple[str, str, int, str]]:
    """Of each entity the text without white space, itself, its place in that, and its type."""
    found: Counter[tuple[str, str, int, str]] = Counter()
    for document in documents:
        for record in to_records(document, FormatReport(strict=False)):
            squeezed = "".join(record.text.split())
            for one in record.mentions:
                ((start, end),) = one.ranges
                before = "".join(record.text[:start].split())
                found[squeezed, record.text[start:end], len(before), one.label] += 1
    return found


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    write_project(related_documents(), folder / "gold", legend=LEGEND)
    return steps.train(folder / "gold", folder / "gold", folder / "training", components="ner,relations").path


@pytest.mark.parametrize("name", FILES)
def test_from_the_tools_file_to_suggestions_and_back(name: str, pipeline: Path, tmp_path: Path) -> None:
    carries = make_format(name).carries
    reviewed, new = related_documents()[NEW:20], related_documents()[:NEW]
    new = [Document(one.id, one.html, {"master": Annotations.empty()}, legend=LEGEND) for one in new]
    # A format that can't say that nobody annotated a text would make training data of it.
    together = "unannotated" in carries
    file, where = tmp_path / "in" / FILES[name], ConnectionSettings(project="p", database=tmp_path / "t.db")
    file.parent.mkdir()
    write_documents([*reviewed, *new] if together else reviewed, file, name, on_problem="report")
    steps.import_project(file, where, format=name)
    if not together:
        write_project(new, tmp_path / "new texts", legend=LEGEND)
        steps.import_project(tmp_path / "new texts", where)

    with open_connection(where) as tagtog:
        steps.fetch(tagtog, tmp_path / "reviewed")
        assert entities(Project.open(tmp_path / "reviewed")) == entities(reviewed)
        steps.fetch(tagtog, tmp_path / "new", query="anncomplete:false")
        # Where a format lost all relations, their type isn't in the project, and the error says what to do.
        legend = Project.open(tmp_path / "new").legend
        rename = {} if "near" in legend.of("r").values() else {"near": ""}
        done = steps.annotate(pipeline, tmp_path / "new", tmp_path / "annotated", rename=rename)
        assert done.report.documents == NEW
        steps.push(tagtog, tmp_path / "annotated")
        hits = list(tagtog.client.search("anncomplete:false"))
        suggested = [one for hit in hits for one in tagtog.client.annotations(hit.id)]
        assert len(suggested) == done.report.added.total() >= 2 * NEW - 2
        assert {one.state for one in suggested} == {"pre-added"}
        out, query, report = tmp_path / "out" / FILES[name], "anncomplete:false", FormatReport()
        out.parent.mkdir()
        steps.export_project(tagtog, out, query=query, format=name, on_problem="report", report=report)
    back = read_documents(out, name)
    assert entities(back) == entities(Project.open(tmp_path / "annotated"))
    relations = sum(len(one.annotations.relations) for one in back)
    assert relations == done.report.relations_added.total()
    assert bool(relations) == (name not in WITHOUT_RELATIONS)
