"""What people do in the browser, for the pages that ``run_blocks.py`` runs.

``texts FOLDER`` writes raw texts, ``pdf FILE`` a PDF. ``confirm PROJECT NUMBER`` annotates documents as
people would, and confirms them. The texts are those of the demo corpus, whose annotations are known.
``keep PROJECT CONFIRMED OTHERS`` deletes all but so many documents: for a page that trains several times.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spacy_tagtog import steps
from spacy_tagtog.anndoc import Annotations, Document
from spacy_tagtog.client import TagtogClient, push
from spacy_tagtog.demo import demo_documents


def texts() -> dict[str, Document]:
    """Text → document, of those of the demo that have one part."""
    return {one.text: one for one in demo_documents() if len(one.parts) == 1}


def write_texts(folder: Path, number: int) -> None:
    """Write raw texts."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, text in enumerate(list(texts())[:number], start=1):
        (folder / f"note-{place:03}.txt").write_text(text, encoding="utf-8")


def write_pdf(path: Path, text: str) -> None:
    """Write a PDF of one page and one line."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + rows + end)


def confirmed(document: Document, known: dict[str, Document], types: list[str], member: str) -> Document:
    """The document as somebody leaves it who knows what is right; what stands there, where nobody knows."""
    parts = list(document.parts)
    data = {
        "annotatable": {"parts": parts},
        "sources": [],
        "metas": {},
        "entities": [],
        "relations": [],
        **document.annotations.data,
        "anncomplete": True,
    }
    if document.text in known and types and len(parts) == 1:
        entities = []
        for entity in known[document.text].annotations.data["entities"]:
            number = int(entity["classId"].removeprefix("e_")) - 1
            own = {
                "classId": types[number % len(types)],
                "part": parts[0],
                "fields": {},
                "normalizations": {},
            }
            entities.append({**entity, **own})
        data.update(entities=entities, relations=[], metas={})
    return Document(document.id, document.html, {member: Annotations(data)}, legend=document.legend)


def confirm(client: TagtogClient, number: int, member: str, query: str) -> None:
    """Annotate and confirm documents, the first that the query finds."""
    known, legend = texts(), client.legend()
    found = [hit for hit, _ in zip(client.search(query), range(number), strict=False)]
    documents = (client.document(hit.id, folder=hit.folder) for hit in found)
    done = [confirmed(one, known, list(legend.of("e")), member) for one in documents]
    push(client, done, member=member, force=True)
    print(f"{member} confirmed {len(done)} documents of {client.project}")


def keep(client: TagtogClient, confirmed: int, others: int) -> None:
    """Delete all documents but the first ones."""
    for query, number in (("anncomplete:true", confirmed), ("anncomplete:false", others)):
        for hit in list(client.search(query))[number:]:
            client.delete_document(hit.id)


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    todo = parser.add_subparsers(required=True)
    asked = todo.add_parser("texts")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--number", type=int, default=120)
    asked.set_defaults(do=lambda given: write_texts(given.folder, given.number))
    asked = todo.add_parser("pdf")
    asked.add_argument("file", type=Path)
    asked.set_defaults(do=lambda given: write_pdf(given.file, "Ada saw Vega from Dunedin."))
    asked = todo.add_parser("confirm")
    asked.add_argument("project")
    asked.add_argument("number", type=int)
    asked.add_argument("--member", default="master")
    asked.add_argument("--query", default="anncomplete:false")

    def do(given: argparse.Namespace) -> None:
        with steps.connect(project=given.project) as tagtog:
            confirm(tagtog.client, given.number, given.member, given.query)

    asked.set_defaults(do=do)
    asked = todo.add_parser("keep")
    asked.add_argument("project")
    asked.add_argument("confirmed", type=int)
    asked.add_argument("others", type=int)

    def do_keep(given: argparse.Namespace) -> None:
        with steps.connect(project=given.project) as tagtog:
            keep(tagtog.client, given.confirmed, given.others)

    asked.set_defaults(do=do_keep)
    given = parser.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
