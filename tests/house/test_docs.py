"""The docs are complete and true: commands, registered names, settings, public names, links."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import srsly
import typer
from declared import declared
from typer.main import get_command

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CONFIG = ROOT / "docs/config.md"
WIDTH = 110


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    without_code = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def script(name: str) -> ModuleType:
    """A script that writes a page."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_too_wide(path: Path) -> None:
    wide = [
        line for line in text_of(path).splitlines() if len(line) > WIDTH and not re.fullmatch(r"\S+", line)
    ]
    assert wide == []


def commands(command: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, sub in getattr(command, "commands", {}).items():
        yield f"{prefix}{name}", sub
        yield from commands(sub, f"{prefix}{name} ")


def test_every_command_and_option_is_documented() -> None:
    from spacy_tagtog.cli import app

    page = text_of(ROOT / "docs/commands.md")
    found = list(commands(get_command(app)))
    assert len(found) > 20
    for name, command in found:
        section = page.partition(f"`spacy-tagtog {name}`")[2].partition("\n## ")[0]
        assert section, name
        for parameter in getattr(command, "params", []):
            if not getattr(parameter, "hidden", False):
                for option in parameter.opts:
                    assert option in section or option.upper() in section, f"{name} {option}"
    assert isinstance(app, typer.Typer)


def registered() -> dict[str, object]:
    """Every name that pyproject.toml registers, and what stands behind it."""
    return {
        name: getattr(importlib.import_module(value.partition(":")[0]), value.partition(":")[2])
        for group, entries in declared()["entry-points"].items()
        if group != "spacy_cli"
        for name, value in entries.items()
    }


@pytest.mark.parametrize("name", registered())
def test_every_registered_name_and_its_settings_are_documented(name: str) -> None:
    page = text_of(CONFIG)
    assert f"`{name}`" in page
    section = page.partition(f"### `{name}`")[2].partition("\n### ")[0].partition("\n## ")[0]
    if not section:  # names with at most one setting share a table
        section = next(line for line in page.splitlines() if f"`{name}`" in line)
        if "Strateg" in page.partition(section)[0].rpartition("\n## ")[2][:12]:
            section = text_of(ROOT / "docs/active-learning.md")
    for setting in inspect.signature(registered()[name]).parameters:  # type: ignore[arg-type]
        if setting not in ("nlp", "name"):
            assert f"`{setting}`" in section, setting


def test_the_whole_workflow_is_documented() -> None:
    page = text_of(ROOT / "docs/workflow.md")
    project = srsly.read_yaml(ROOT / "project.yml")
    # In the names of commands, the project's folder follows.
    short = {
        command["name"]: command["name"].removesuffix(" ${vars.folder}") for command in project["commands"]
    }
    for name in (*project["vars"], *project["workflows"], *short.values()):
        assert f"`{name}`" in page, name
    for workflow, names in project["workflows"].items():
        if names == [f"{workflow} ${{vars.folder}}"]:
            continue  # a command alone
        assert f"- `{workflow}`: {', '.join(f'`{short[name]}`' for name in names)}\n" in page
    assert set(short.values()) <= set(project["workflows"])


def test_the_page_of_public_names_is_up_to_date() -> None:
    assert text_of(ROOT / "docs/python.md") == script("make_python").page(), "run python docs/make_python.py"


def test_public_names_are_few_and_explained() -> None:
    rooms = script("make_python").ROOMS
    names = [
        (room, name) for room in rooms for name in importlib.import_module(f"spacy_tagtog.{room}").__all__
    ]
    assert len(names) < 200
    for room, name in names:
        value = getattr(importlib.import_module(f"spacy_tagtog.{room}"), name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{room}.{name}"


def test_no_name_of_the_package_means_two_things() -> None:
    places: dict[str, object] = {}
    for room in script("make_python").ROOMS:
        module = importlib.import_module(f"spacy_tagtog.{room}")
        for name in module.__all__:
            if not inspect.isclass(getattr(module, name)):
                continue
            assert places.setdefault(name, getattr(module, name)) is getattr(module, name), name
