"""Document labels as the texts that most tools have: ``NAME``, or ``NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable

from spacy_tagtog.formats.record import LabelValue


def label_texts(labels: dict[str, LabelValue]) -> list[str]:
    """``NAME`` for a label that is true, ``NAME=VALUE`` for a text; those that are false are left out."""
    return [
        name if value is True else f"{name}={value}" for name, value in labels.items() if value is not False
    ]


def labels_of(texts: Iterable[str]) -> dict[str, LabelValue]:
    """What such texts mean. A second value of one name becomes a name of its own."""
    labels: dict[str, LabelValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name and value and name not in labels:
            labels[name] = value
        else:
            labels[text] = True
    return labels
