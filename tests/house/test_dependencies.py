"""What is imported is declared, and what is declared has a lower bound that CI can install."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from declared import declared
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "spacy_tagtog"

# Where the name of an import isn't the name of its package.
PACKAGES = {"cassis": "dkpro-cassis", "markdown_it": "markdown-it-py", "sklearn": "scikit-learn"}
# Who imports what only an extra brings.
EXTRAS = {
    "server": "server",
    "formats": "formats",
    "selection/plots.py": "plots",
    "client/credentials.py": "keyring",
    "loop": "loop",
}
# Nobody imports them, and they are needed: Starlette reads forms with it.
UNSEEN = {"python-multipart"}
# What is installed by hand for tests that run by hand.
BY_HAND = {"atheris", "bioc", "datasets"}


def imported(path: Path) -> Iterator[str]:
    """The packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def needed(paths: list[Path]) -> set[str]:
    names = {name for path in paths for name in imported(path)}
    names -= {*sys.stdlib_module_names, "spacy_tagtog"}
    return {canonicalize_name(PACKAGES.get(name, name)) for name in names}


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    optional = {extra: names_of(declared()["optional-dependencies"][extra]) for extra in EXTRAS.values()}
    always = names_of(declared()["dependencies"])
    own = {
        extra: [path for path in PACKAGE.rglob("*.py") if path.is_relative_to(PACKAGE / place)]
        for place, extra in EXTRAS.items()
    }
    for extra, paths in own.items():
        assert paths
        assert needed(paths) - always == optional[extra] - UNSEEN, extra
    others = [path for path in PACKAGE.rglob("*.py") if not any(path in paths for paths in own.values())]
    assert needed(others) <= always
    assert always == needed(list(PACKAGE.rglob("*.py"))) & always


def test_what_the_tests_import_is_declared() -> None:
    extras = declared()["optional-dependencies"]
    known = names_of([*declared()["dependencies"], *(one for texts in extras.values() for one in texts)])
    ours = {path.stem for path in (ROOT / "tests").iterdir()}
    names = needed(list((ROOT / "tests").rglob("*.py"))) - {canonicalize_name(name) for name in ours}
    assert names - known == BY_HAND


@pytest.mark.parametrize("extras", [[], ["server", "formats", "plots", "keyring", "loop"]])
def test_the_lowest_versions_are_those_that_are_declared(extras: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/lowest.py", *extras], capture_output=True, text=True, check=True
    )
    pins = [Requirement(line) for line in done.stdout.splitlines()]
    expected = list(declared()["dependencies"])
    for extra in extras:
        expected += declared()["optional-dependencies"][extra]
    assert {pin.name for pin in pins} == {Requirement(text).name for text in expected}
    for text, pin in zip(expected, pins, strict=True):
        [version] = [one.version for one in pin.specifier]
        bounds = Requirement(text).specifier
        assert version in bounds
        assert f">={version}" in str(bounds)
