"""Coverage-guided fuzzing of the reader and the converter, with atheris.

    pip install atheris
    python tests/fuzz/fuzz_documents.py -max_total_time=600 CORPUS_FOLDER

The first byte of an input chooses what it is: a plain.html, an ann.json for a fixed document, a whole
document (html,
zero byte, json), a legend, or a zip. Only this package's own errors may come out; a document that is read
must
convert with a report that adds up, every span on the text that ann.json stores with it unless a repair says
otherwise, and come back as it was. The seeds in ``seeds()`` are written into the corpus folder at the first
start.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["spacy_tagtog.anndoc", "spacy_tagtog.convert"]):
    import spacy

    from spacy_tagtog.anndoc import Annotations, Document, Legend, PlainHtml, Project, html_from_text
    from spacy_tagtog.convert import ConversionReport, docs_to_document, document_to_doc, split_into_parts
    from spacy_tagtog.errors import SpacyTagtogError

NLP = spacy.blank("en")
LEGEND = Legend({"e_1": "Star", "e_2": "Planet", "m_1": "Clear", "r_1": "near"})
HTML = html_from_text("I saw Vega 🌠 <b> & Mars, café Mars.", filename="note.txt").data


def entity(start: int, text: str, class_id: str = "e_1") -> dict[str, object]:
    """An entity of the fixed document."""
    return {
        "classId": class_id,
        "part": "s1v1",
        "offsets": [{"start": start, "text": text}],
        "confidence": {"state": "", "who": ["user:a"], "prob": 1},
    }


ANN = {
    "annotatable": {"parts": ["s1v1"]},
    "anncomplete": True,
    "sources": [],
    "metas": {"m_1": {"value": True}},
    "entities": [
        entity(6, "Vega"),
        entity(21, "Mars", "e_2"),
        entity(1, "Mars"),
        entity(0, "cafe"),
        entity(6, "Vega 🌠"),
    ],
    "relations": [
        {"classId": "r_1", "type": "linked", "directed": False, "entities": ["s1v1|e_1|6,10", "s1v1|21,25"]}
    ],
}


def seeds() -> list[bytes]:
    """One good input of each kind."""
    ann = json.dumps(ANN, ensure_ascii=False).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("p/plain.html/pool/a.plain.html", HTML)
        file.writestr("p/ann.json/master/pool/a.ann.json", ann)
        file.writestr("p/annotations-legend.json", LEGEND.dumps())
    legend = LEGEND.dumps().encode()
    return [b"\0" + HTML, b"\1" + ann, b"\2" + HTML + b"\0" + ann, b"\3" + legend, b"\4" + archive.getvalue()]


def check(document: Document) -> None:
    """What must hold of everything that can be read."""
    report = ConversionReport()
    doc = document_to_doc(document, NLP, report=report)
    assert report.is_balanced, report
    repaired = {(item.part, item.start, item.text) for item in report.repairs}
    for span in doc.ents:
        original = span._.anndoc
        place = (original["part"], original["offsets"][0]["start"], original["offsets"][0]["text"])
        assert span.text == original["offsets"][0]["text"] or place in repaired, (span.text, original)
    for docs in ([doc], split_into_parts(doc)):
        back = docs_to_document(docs)
        assert back.html.data == document.html.data
        assert back.annotations == document.annotations


def one_input(data: bytes) -> None:
    """What atheris calls."""
    if not data:
        return
    kind, body = data[0] % 5, data[1:]
    try:
        if kind == 0:
            check(Document("a", PlainHtml(body), legend=LEGEND))
        elif kind == 1:
            check(Document("a", PlainHtml(HTML), {"master": Annotations.parse(body)}, legend=LEGEND))
        elif kind == 2:
            html, _, ann = body.partition(b"\0")
            check(Document("a", PlainHtml(html), {"master": Annotations.parse(ann)}, legend=LEGEND))
        elif kind == 3:
            Legend.parse(body).dumps()
        else:
            with tempfile.NamedTemporaryFile(suffix=".zip") as file:
                file.write(body)
                file.flush()
                for document in Project.open(file.name, strict=False):
                    check(document)
    except SpacyTagtogError as error:
        str(error)


def main() -> None:
    """Run the fuzzer."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        folders[0].mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folders[0] / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
