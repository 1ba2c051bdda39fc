"""The folders follow the data, and each imports only from those above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "spacy_tagtog"
# From the top down. What stands in no folder (errors, small helpers) may be used by all.
ORDER = ["anndoc", "convert", "pipeline", "selection", "agreement", "client", "server", "demo", "cli"]
SHARED = {"errors", "_counts", "_edits", "_files", "_choices", "_settings", "_templates", "__version__"}


def imports(path: Path) -> set[str]:
    """The parts of this package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [
                f"{node.module}.{alias.name}" if node.module == "spacy_tagtog" else node.module
                for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("spacy_tagtog.")}
    return found


@pytest.mark.parametrize("folder", ORDER)
def test_each_folder_imports_only_from_those_above(folder: str) -> None:
    allowed = {*ORDER[: ORDER.index(folder) + 1], *SHARED}
    if folder == "server":
        allowed.remove("client")  # it must work for clients that we did not write
    if folder == "cli":
        allowed.add("registry")
    modules = list((PACKAGE / folder).rglob("*.py"))
    assert modules
    for module in modules:
        assert imports(module) <= allowed, module


def test_the_format_knows_nothing_of_spacy_or_http() -> None:
    for module in (PACKAGE / "anndoc").rglob("*.py"):
        source = module.read_text(encoding="utf-8")
        for library in ("spacy", "requests", "starlette"):
            assert f"import {library}\n" not in source, module
            assert f"from {library}" not in source.replace("from spacy_tagtog", ""), module
