"""tagtog's two-column outputs."""

from __future__ import annotations

from spacy_tagtog.anndoc import Annotations, Legend, PlainHtml
from spacy_tagtog.server.api.spans import place_entities


def _cell(text: str) -> str:
    """A text in one cell: a tab or newline would end it."""
    return text.replace("\t", " ").replace("\n", " ")


def entities_tsv(html: PlainHtml, annotations: Annotations, legend: Legend) -> str:
    """``entitiestsv``: chunks of text with their entity type, or ``O`` where there is none.

    Of overlapping entities the first counts. An empty line stands between parts.
    """
    placed = place_entities(html, annotations)
    parts = []
    for part in html.parts.values():
        rows, position = [], 0
        for span in sorted(
            (span for span in placed.spans if span.part == part.id), key=lambda span: span.start
        ):
            if span.start < position:
                continue
            if span.start > position:
                rows.append(f"{_cell(part.text[position : span.start])}\tO\n")
            name = legend.get(span.entity.class_id, span.entity.class_id)
            rows.append(f"{_cell(part.text[span.start : span.end])}\t{name}\n")
            position = span.end
        if position < len(part.text):
            rows.append(f"{_cell(part.text[position:])}\tO\n")
        parts.append("".join(rows))
    return "\n".join(parts)


def entities_only_tsv(html: PlainHtml, annotations: Annotations, legend: Legend) -> str:
    """``entitiesonlyclassestsv``: the entities alone, overlapping ones too."""
    return "".join(
        f"{_cell(entity.text)}\t{legend.get(entity.class_id, entity.class_id)}\n"
        for part in html.parts
        for entity in annotations.entities
        if entity.part == part
    )
