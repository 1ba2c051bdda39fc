"""What a pipeline predicted, in a form that tests can compare."""

from __future__ import annotations

from spacy.tokens import Doc

from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY


def ents(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def scores(doc: Doc, key: str = "scores") -> list[float]:
    return list(doc.spans[DEFAULT_SPANS_KEY].attrs.get(key, []))
