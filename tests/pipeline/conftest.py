"""Fixtures of the tests of pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from conftest import CONFIGS
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import document_to_doc


@pytest.fixture
def fresh(trained_path: Path) -> Language:
    """The trained pipeline, to be changed."""
    return spacy.load(trained_path)


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language) -> Path:
    """Thirty documents to train on, and fifteen others."""
    folder = tmp_path_factory.mktemp("corpora")
    docs = [doc for doc in (document_to_doc(document, nlp) for document in demo) if doc.ents]
    DocBin(docs=docs[:30], store_user_data=True).to_disk(folder / "train.spacy")
    DocBin(docs=docs[30:45], store_user_data=True).to_disk(folder / "dev.spacy")
    return folder


@pytest.fixture(scope="session")
def seed_path(corpora: Path) -> Path:
    """A seed model that knows what it was trained on."""
    paths = {"paths.train": str(corpora / "train.spacy"), "paths.dev": str(corpora / "dev.spacy")}
    train(CONFIGS / "seed.cfg", corpora / "seed", overrides=paths)
    return corpora / "seed" / "model-best"
