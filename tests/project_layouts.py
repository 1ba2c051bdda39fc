"""Projects in every layout that people have, as folders and zips."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_tagtog.anndoc import (
    Project,
    html_from_text,
)

NAMES = {"e_1": "Person"}
Files = dict[str, bytes]
Build = Callable[[Path, Files], Path]


def html(text: str = "Ada") -> bytes:
    return html_from_text(text, doc_id="a", filename="x").data


def ann(complete: bool = True, **more: object) -> bytes:
    return json.dumps({"anncomplete": complete, "entities": [], **more}).encode()


LEGEND = json.dumps(NAMES).encode()


def in_folder(where: Path, files: Files) -> Path:
    root = where / "Project"
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def in_zip(where: Path, files: Files, root: str = "Project/") -> Path:
    path = where / "Project.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{root}{name}", data)
    return path


def in_bare_zip(where: Path, files: Files) -> Path:
    return in_zip(where, files, root="")


builds = pytest.mark.parametrize("build", [in_folder, in_zip, in_bare_zip])


def content(project: Project) -> dict[str, tuple[str, str, dict[str, bool]]]:
    """What there is: folder, text, and which versions are confirmed, by id."""
    return {
        d.id: (d.folder, d.text, {member: version.complete for member, version in d.versions.items()})
        for d in project
    }
