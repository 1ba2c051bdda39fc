"""Fixtures for the commands: a folder of one's own, small projects, and a pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import spacy
from notes import document, entity, write
from spacy.training import Example

from spacy_tagtog.anndoc import write_project
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.demo import DEMO_LEGEND, demo_documents


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty current folder, and no settings from outside."""
    for name in [name for name in os.environ if name.startswith("TAGTOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vega(tmp_path: Path) -> Path:
    return write(
        tmp_path / "vega",
        document("I saw Vega 🌠 and Mars.", entity("e_1", 6, "Vega"), entity("e_2", 18, "Mars")),
    )


@pytest.fixture(scope="session")
def small_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline that learned from some of the demo's documents."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    nlp.add_pipe("entity_confidence")
    gold = [document_to_doc(item, nlp) for item in list(demo_documents())[:40] if item.annotations.complete]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    nlp.initialize(lambda: examples)
    for _ in range(10):
        for start in range(0, len(examples), 4):
            nlp.update(examples[start : start + 4], drop=0.1)
    path = tmp_path_factory.mktemp("pipeline") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo"
    write_project(list(demo_documents())[30:60], path, legend=DEMO_LEGEND)
    return path
