"""Small documents for the tests of conversion and of pipelines."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Legend,
    OffsetConverter,
    OffsetUnit,
    html_from_blocks,
)

LEGEND = Legend(
    {
        "e_1": "Star",
        "e_2": "Planet",
        "f_1": "colour",
        "m_1": "clear",
        "m_2": "seeing",
        "n_1": "wiki",
        "r_1": "near",
    }
)


@dataclass
class E:
    """An entity.

    Where it stands in paragraph ``part`` (from 1), in code points, and more keys for its JSON object.
    """

    part: int
    start: int
    end: int
    class_id: str = "e_1"
    more: list[tuple[int, int]] = field(default_factory=list)
    state: str | None = ""
    who: str = "user:ann"
    prob: float | None = 1
    keys: dict[str, Any] = field(default_factory=dict)

    def to_json(self, texts: Sequence[str], unit: OffsetUnit) -> dict[str, Any]:
        text = texts[self.part - 1]
        units = OffsetConverter(text)
        ranges = [(self.start, self.end), *self.more]
        confidence: dict[str, Any] = {"state": self.state, "who": [self.who]}
        if self.prob is not None:
            confidence["prob"] = self.prob
        return {
            "classId": self.class_id,
            "part": f"s1p{self.part}",
            "offsets": [
                {"start": units.to_utf16(start) if unit == "utf-16" else start, "text": text[start:end]}
                for start, end in ranges
            ],
            "coordinates": [],
            "confidence": confidence,
            "fields": {},
            "normalizations": {},
            **self.keys,
        }


def document(
    *texts: str,
    entities: Iterable[E] = (),
    complete: bool = True,
    annotatable: Sequence[int] | None = None,
    unit: OffsetUnit = "utf-16",
    legend: Legend = LEGEND,
    name: str = "note.txt",
    member: str | None = MASTER,
    **keys: Any,
) -> Document:
    """A document of paragraphs ``s1p1``, ``s1p2``…, confirmed by default.

    ``member=None`` leaves the annotations out.
    """
    doc_id = f"a{'x' * 27}-{name}"
    html = html_from_blocks([("p", text) for text in texts], doc_id=doc_id, origid=name)
    if member is None:
        return Document(doc_id, html, {}, legend=legend)
    parts = list(html.parts) if annotatable is None else [f"s1p{number}" for number in annotatable]
    annotations = Annotations.empty(parts, complete=complete)
    annotations.data["entities"] = [entity.to_json(texts, unit) for entity in entities]
    annotations.data.update(keys)
    return Document(doc_id, html, {member: annotations}, legend=legend)


def pdf(*pages: str, password: str | None = None) -> bytes:
    """A PDF of one line a page."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
