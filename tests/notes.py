"""Notes of one part, as tagtog makes them of pasted text, and projects of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacy_tagtog.anndoc import Annotations, Document, Legend, confidence, html_from_text, write_project

LEGEND = Legend({"e_1": "Star", "e_2": "Planet"})


def entity(class_id: str, start: int, text: str, part: str = "s1v1") -> dict[str, Any]:
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": start, "text": text}],
        "confidence": confidence(state="", who=["user:ada"], prob=1),
        "fields": {},
        "normalizations": {},
    }


def document(
    text: str, *entities: Mapping[str, Any], name: str = "note.txt", complete: bool = True
) -> Document:
    html = html_from_text(text, filename=name)
    annotations = Annotations(
        {
            "annotatable": {"parts": ["s1v1"]},
            "anncomplete": complete,
            "sources": [],
            "metas": {},
            "entities": list(entities),
            "relations": [],
        }
    )
    return Document(str(html.id), html, {"master": annotations}, legend=LEGEND)


def write(folder: Path, *documents: Document, legend: Legend = LEGEND) -> Path:
    write_project(documents, folder, legend=legend)
    return folder


def only_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path


def listing(folder: Path) -> set[str]:
    """All below a folder, but for the mark of those that we wrote."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name != ".spacy-tagtog"}
