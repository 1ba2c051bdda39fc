"""Folders that a fetch wrote: what is in them, and what was downloaded for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_tagtog.anndoc import Document
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.client._manifest import MANIFEST_NAME


def tree(target: Path) -> dict[str, tuple[bytes, int]]:
    """All files with their content and time."""
    return {
        str(path.relative_to(target)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }


def without_times(target: Path) -> dict[str, Any]:
    """All files with their content, of the manifest what doesn't depend on the time; and all folders."""
    files: dict[str, Any] = {name: content for name, (content, _) in tree(target).items()}
    files[MANIFEST_NAME] = manifest(target)
    for entry in files[MANIFEST_NAME]["documents"].values():
        del entry["fetched"]
    files["folders"] = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_dir())
    return files


def manifest(target: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((target / MANIFEST_NAME).read_text())
    return data


def html_path(target: Path, doc: Document) -> Path:
    return target / "plain.html" / doc.folder / f"{doc.id}.plain.html"


def ann_path(target: Path, doc: Document, version: str = "master") -> Path:
    return target / "ann.json" / version / doc.folder / f"{doc.id}.ann.json"


class Downloads:
    """Counts the documents that are asked for, and may fail at one of them.

    Attributes:
        ids: What was asked for.
        failures: What to raise, by the number of the download, from 1.
    """

    def __init__(self, client: TagtogClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ids: list[str] = []
        self.failures: dict[int, BaseException] = {}
        content = client._content

        def counted(doc_id: str) -> Any:
            self.ids.append(doc_id)
            if len(self.ids) in self.failures:
                raise self.failures[len(self.ids)]
            return content(doc_id)

        monkeypatch.setattr(client, "_content", counted)
