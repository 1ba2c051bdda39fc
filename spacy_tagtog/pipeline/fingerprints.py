"""Which documents a pipeline was trained on: fingerprints of their texts, kept in its meta data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from spacy.language import Language
from spacy.util import resolve_dot_names

_KEY: Final = "spacy_tagtog"


def fingerprint(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text.

    Two different texts have the same one by chance once in 2^64 pairs.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


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
    nlp.meta[_KEY] = {
        **nlp.meta.get(_KEY, {}),
        "training_documents": sorted({fingerprint(text) for text in texts}),
    }


def training_fingerprints(nlp: Language) -> frozenset[str] | None:
    """The fingerprints of the texts that a pipeline was trained on; ``None`` where it doesn't know."""
    stored = nlp.meta.get(_KEY, {}).get("training_documents")
    return None if stored is None else frozenset(stored)
