"""Corpora so small that training takes a moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacy.language import Language

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
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
