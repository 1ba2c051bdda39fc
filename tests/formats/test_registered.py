"""Formats and converters of one's own: checked when registered and when made, and known to the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catalogue
import pytest
from commands import run

from spacy_tagtog import steps
from spacy_tagtog.convert import converters, make_converter
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.formats import Format, formats, read_documents
from spacy_tagtog.formats.carry import FEATURES
from spacy_tagtog.formats.registry import known_formats, make_format
from spacy_tagtog.formats.report import LOSSES, FormatReport
from spacy_tagtog.selection.strategies import make_strategy

NAMES = ["bioc", "brat", "conll", "doccano", "label-studio", "parquet", "prodigy", "pubtator", "xmi"]


@pytest.fixture(autouse=True)
def _registered_for_one_test() -> Iterator[None]:
    """Other tests list what is registered."""
    yield
    for place in [place for place in catalogue.REGISTRY if place[-1].startswith("acme.")]:
        del catalogue.REGISTRY[place]


def test_the_formats_of_this_package() -> None:
    assert (
        sorted(
            key
            for key, value in known_formats().items()
            if value.startswith("spacy-tagtog.") and key != value
        )
        == NAMES
    )
    for name in NAMES:
        made = make_format(name)
        assert isinstance(made, Format)
        assert made.carries <= set(FEATURES)
        assert made.name == name


class Half:
    name = "half"
    suffix = ".half"
    carries: frozenset[str] = frozenset()

    def read(self, path: Path) -> Any: ...


def returns_half() -> Half:
    return Half()


def says_nothing():  # type: ignore[no-untyped-def]
    return Half()


@pytest.mark.parametrize("factory", [Half, returns_half, 3])
def test_a_format_is_checked_when_it_is_registered(factory: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        formats("acme.Half.v1", func=factory)
    if factory != 3:
        assert "no method write(self, records" in str(caught.value)
        assert "read must take (self, path" in str(caught.value)
    assert "acme.Half.v1" not in formats.get_all()


def test_a_format_is_checked_when_it_is_made() -> None:
    formats("acme.Quiet.v1", func=says_nothing)
    with pytest.raises(ConfigurationError, match="no method write"):
        make_format("quiet")
    formats("acme.Nothing.v1", func=lambda: None)
    with pytest.raises(ConfigurationError, match="no attribute name"):
        make_format("nothing")


class NoConverter:
    member = "master"

    def to_docs(self, document: Any, nlp: Any, report: Any) -> Any: ...


@pytest.mark.parametrize("made", [None, NoConverter()])
def test_a_converter_is_checked_when_it_is_made(made: object) -> None:
    converters("acme.Some.v1", func=lambda: made)
    with pytest.raises(ConfigurationError, match="no method to_document") as caught:
        make_converter("acme.Some.v1")
    assert caught.value.advice
    with pytest.raises(ConfigurationError, match="no method to_document"):
        converters("acme.Other.v1", func=NoConverter)


CODE = """
from spacy_tagtog.formats import Record, formats


@formats("acme.Lines.v1")
class Lines:
    name = "lines"
    suffix = ".lines"
    carries = frozenset({"text"})

    def __init__(self, separator: str = "|") -> None:
        self.separator = separator

    def read(self, path, report):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            surface, label = line.split(self.separator)
            record = Record(f"line-{number}", surface)
            record.add(label, (0, len(surface)))
            yield record

    def write(self, records, path, report):
        lines = [f"{r.surface(m)}{self.separator}{m.label}" for r in records for m in r.mentions]
        path.write_text("\\n".join(lines))
"""


def test_a_format_of_ones_own_in_all_three_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lines.py").write_text(CODE)
    Path("x.lines").write_text("Vega|Star\nMars|Planet\n")
    more = ["--format", "lines", "--code", "lines.py"]
    assert "2 documents" in run("convert", "x.lines", "x.spacy", *more).out
    assert "2 documents with 2 entities" in run("import", "x.lines", "--project", "p", *more).out
    out = run("export", "y.lines", "--project", "p", *more, "--format-set", "separator=/")
    assert "ids of documents" in out.out
    assert sorted(Path("y.lines").read_text().splitlines()) == ["Mars/Planet", "Vega/Star"]


def test_import_and_export_by_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.jsonl").write_text('{"id": 1, "text": "😀 Vega", "label": [[2, 6, "Star"]], "note": "x"}\n')
    report = FormatReport()
    imported = steps.import_project("x.jsonl", report=report)
    assert (imported.documents, imported.entities, imported.is_new) == (1, 1, True)
    assert report.losses["fields: note"].number == 1
    with steps.connect(project="x") as tagtog:
        exported = steps.export_project(tagtog, "brat", format="brat")
        assert exported.documents == 1
        with pytest.raises(ConfigurationError, match="one member"):
            steps.export_project(tagtog, "no", format="brat", members=["a", "b"])
        with pytest.raises(ConfigurationError, match="finds no document"):
            steps.export_project(tagtog, "no", format="brat", query="nowhere")
    [one] = read_documents("brat", "brat")
    assert [entity.text for entity in one.annotations] == ["Vega"]
    assert not Path("no").exists()


@pytest.mark.parametrize(
    ("module", "name", "problem"), [("cassis", "xmi", "dkpro-cassis"), ("pyarrow", "parquet", "pyarrow")]
)
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, problem: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        read_documents(tmp_path, name)
    assert caught.value.advice == "pip install 'spacy-tagtog[formats]'"


def test_every_loss_has_words_and_every_word_a_use() -> None:
    package = Path(sys.modules["spacy_tagtog.formats"].__file__ or "").parent
    code = "".join(path.read_text() for path in package.glob("*.py") if path.name != "report.py")
    assert [key for key in LOSSES if f'"{key}' not in code] == []


def test_the_page_says_what_each_format_carries() -> None:
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    table = page.partition("<!-- carried:")[2].partition("\n\n")[2].partition("\n\n")[0].splitlines()
    names = [cell.strip() for cell in table[0].split("|")[2:-1]]
    said = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in table[2:]}
    assert sorted(names) == NAMES
    for key, meaning in FEATURES.items():
        assert said.pop(meaning) == ["yes" if key in make_format(name).carries else "" for name in names]
        assert f"`{key}`" in page
    assert said == {}


@pytest.mark.parametrize("make", [make_format, make_converter, make_strategy])
def test_a_name_that_is_nearly_known_may_still_be_one_of_ones_own(make: Any) -> None:
    name = {make_format: "parquett", make_converter: "spacy-tagtog.Anndoc.v2", make_strategy: "randon"}[make]
    with pytest.raises(ConfigurationError) as caught:
        make(name)
    assert "did you mean" in str(caught.value)
    assert "--code" in str(caught.value)
