"""Which documents a pipeline was trained on: fingerprints of their texts, kept in its meta data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacy.language import Language
from spacy.util import resolve_dot_names

from spacy_tagtog.anndoc.fingerprints import text_fingerprint

META_KEY: Final = "spacy_tagtog"


def remember_training_documents(nlp: Language) -> None:
    """Read the training corpus of the pipeline's config, and keep fingerprints of its texts in ``nlp.meta``.

    A stream without an end is not read.
    """
    config = nlp.config.interpolate()
    training = config.get("training") or {}
    if not training.get("train_corpus") or training.get("max_epochs") == -1:
        return
    (corpus,) = resolve_dot_names(config, [training["train_corpus"]])
    texts: Iterable[str] = (example.reference.text for example in corpus(nlp))
    nlp.meta[META_KEY] = {
        **nlp.meta.get(META_KEY, {}),
        "training_documents": sorted({text_fingerprint(text) for text in texts}),
    }


def training_fingerprints(nlp: Language) -> frozenset[str] | None:
    """The fingerprints of the texts that a pipeline was trained on; ``None`` where it doesn't know."""
    stored = nlp.meta.get(META_KEY, {}).get("training_documents")
    return None if stored is None else frozenset(stored)
