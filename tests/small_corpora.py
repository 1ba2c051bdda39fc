"""Corpora so small that training takes a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import ConversionReport, convert_documents, document_to_doc, make_converter
from spacy_tagtog.convert.corpus import write_docbin


def write_corpora(folder: Path, demo: Sequence[Document], nlp: Language) -> tuple[Path, Path]:
    """Write ten documents to train on, and three others.

    Args:
        folder: Where to write them.
        demo: The demo corpus.
        nlp: A tokenizer.

    Returns:
        ``train.spacy`` and ``dev.spacy``.
    """
    docs = list(convert_documents(demo[:13], nlp, make_converter(), ConversionReport()))
    write_docbin(docs[:10], folder / "train.spacy")
    write_docbin(docs[10:], folder / "dev.spacy")
    return folder / "train.spacy", folder / "dev.spacy"


def seed_pipeline(documents: Iterable[Document]) -> Language:
    """A pipeline whose seed model learned from these documents, in a moment."""
    nlp = spacy.blank("en")
    nlp.add_pipe("seed_ner")
    docs = [document_to_doc(document, nlp) for document in documents]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
    return nlp
