"""Which documents a pipeline was trained on: fingerprints of their texts, kept in its meta data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from spacy.language import Language
from spacy.util import get_minor_version_range, resolve_dot_names, split_requirement

from spacy_tagtog import __version__
from spacy_tagtog.anndoc.fingerprints import text_fingerprint

META_KEY: Final = "spacy_tagtog"


def require_package(nlp: Language) -> None:
    """Name spacy-tagtog among the requirements that ``spacy package`` writes: the pipeline needs it to load.

    spaCy finds out by itself only where the package was installed from a wheel.
    """
    name = "spacy-tagtog"
    others = [one for one in nlp.meta.get("requirements") or () if split_requirement(one)[0] != name]
    nlp.meta["requirements"] = [*others, f"{name}{get_minor_version_range(__version__)}"]


def remember_training_documents(nlp: Language) -> None:
    """Read the training corpus of the pipeline's config, and keep fingerprints of its texts in ``nlp.meta``.

    A stream without an end is not read.
    """
    require_package(nlp)
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
