"""The sentences of a Doc, or spans of about that size where nothing has marked sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spacy.tokens import Doc, Span

_MAX_WINDOW: Final = 40  # tokens, where there are no sentences


def sentences(doc: Doc) -> Iterator[Span]:
    """Sentences; where there are none, windows that end after a full stop or 40 tokens and cut no entity."""
    starts = {0, *(token.i for token in doc if token.is_sent_start is True)}
    inside = {i for ent in doc.ents for i in range(ent.start + 1, ent.end)}
    borders = [0]
    for i in range(1, len(doc)):
        after_stop = i in starts or doc[i - 1].text in {".", "!", "?"} or doc[i - 1].text.startswith("\n")
        if i not in inside and (after_stop or i - borders[-1] >= _MAX_WINDOW):
            borders.append(i)
    for start, end in zip(borders, [*borders[1:], len(doc)], strict=True):
        if end > start:
            yield doc[start:end]
