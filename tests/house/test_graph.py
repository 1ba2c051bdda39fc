"""The house: which room imports which.

The table below is the drawing in CONTRIBUTING.md, and both are the code.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "spacy_tagtog"

# Room: the rooms that it imports. Modules in no room (errors, small helpers) may be imported by all.
HOUSE: dict[str, set[str]] = {
    "anndoc": set(),
    "agreement": {"anndoc"},
    "convert": {"_pages", "anndoc"},
    "formats": {"anndoc"},
    "pipeline": {"anndoc", "convert"},
    "selection": {"_pages", "agreement", "anndoc", "convert", "pipeline"},
    "client": {"agreement", "anndoc"},
    "server": {"_pages", "agreement", "anndoc"},
    "demo": {"anndoc"},
    "steps": {
        "agreement",
        "anndoc",
        "client",
        "convert",
        "demo",
        "formats",
        "pipeline",
        "selection",
        "server",
    },
    "loop": {"_pages", "anndoc", "client", "convert", "pipeline", "selection", "steps"},
    "cli": {
        "agreement",
        "anndoc",
        "client",
        "convert",
        "demo",
        "formats",
        "loop",
        "pipeline",
        "selection",
        "server",
        "steps",
    },
    "registry": {"convert", "pipeline"},
    "_pages": set(),
}
# The same within the largest room. The modules beside its rooms put it together (app.py), run it
# (run.py, deliveries.py), or may be used by all of them (settings.py, clock.py, _errors.py).
SERVER: dict[str, set[str]] = {
    "db": {"imports", "search"},
    "search": set(),
    "imports": set(),
    "api": {"db", "imports", "search"},
    "web": {"api", "db", "search"},
}


def modules(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, folder
    return found


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, anywhere in it: of ``from a import b``, ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def rooms_imported(place: Path, rooms: set[str], package: str) -> set[str]:
    """The rooms of a package that what stands at a place imports, but for itself."""
    names = set()
    for path in [place.with_suffix(".py")] if place.with_suffix(".py").is_file() else modules(place):
        for name in imported(path):
            if name.startswith(f"{package}."):
                names.add(name.removeprefix(f"{package}.").split(".")[0])
    return (names & rooms) - {place.name}


@pytest.mark.parametrize("room", HOUSE)
def test_each_room_imports_exactly_the_rooms_that_the_table_says(room: str) -> None:
    assert rooms_imported(PACKAGE / room, set(HOUSE), "spacy_tagtog") == HOUSE[room]


@pytest.mark.parametrize("room", SERVER)
def test_each_room_of_the_server_imports_exactly_the_rooms_that_the_table_says(room: str) -> None:
    assert rooms_imported(PACKAGE / "server" / room, set(SERVER), "spacy_tagtog.server") == SERVER[room]


def test_every_folder_is_in_the_table() -> None:
    def folders(place: Path) -> set[str]:
        return {path.parent.name for path in place.glob("*/*.py")}

    assert folders(PACKAGE) == set(HOUSE) - {"registry"}
    assert folders(PACKAGE / "server") == set(SERVER)


@pytest.mark.parametrize("table", [HOUSE, SERVER], ids=["house", "server"])
def test_no_room_reaches_itself(table: dict[str, set[str]]) -> None:
    def reached(room: str, seen: set[str]) -> set[str]:
        for other in table[room] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    assert [room for room in table if room in reached(room, set())] == []


def test_what_stands_in_no_room_imports_no_room() -> None:
    helpers = [path for path in PACKAGE.glob("*.py") if path.stem not in ("registry", "__main__")]
    assert len(helpers) > 5
    for path in helpers:
        assert rooms_imported(path.with_suffix(""), set(HOUSE), "spacy_tagtog") == set(), path.name


def test_contributing_draws_the_same_tree() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn: dict[str, dict[str, set[str]]] = {"": {}, "server/": {}}
    for prefix, room, others in re.findall(
        r"^\| `(server/)?(\w+?)(?:/|\.py)` \|[^|]*\| *([^|]*?) *\|$", page, re.MULTILINE
    ):
        there = drawn[prefix]
        there[room] = set(there) if others == "all rooms above" else set(re.findall(r"`(\w+)`", others))
    assert drawn[""] == HOUSE
    assert drawn["server/"] == SERVER


def test_no_module_is_too_long_to_read() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(PACKAGE)
    }
    assert {path: length for path, length in lengths.items() if length > 520} == {}


def test_no_function_is_too_long_to_read() -> None:
    long = {}
    for path in modules(PACKAGE):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 80:
                    long[f"{path.relative_to(PACKAGE)}:{node.name}"] = length
    assert long == {}
