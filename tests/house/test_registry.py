"""Every registered name resolves, and what stands behind an entry point is light."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import spacy
from builders import E, document
from declared import declared
from spacy import registry
from spacy.language import Language
from spacy.util import resolve_dot_names
from thinc.api import Config

from spacy_tagtog.anndoc import write_project
from spacy_tagtog.convert import AnndocConverter, AnndocCorpus, Converter, converters, make_converter
from spacy_tagtog.errors import ConfigurationError, ConversionError
from spacy_tagtog.pipeline.calibration.component import EntityConfidence

GROUPS = ("spacy_cli", "spacy_readers", "spacy_factories", "spacy_tagtog_converters", "console_scripts")
HEAVY = {"requests", "sklearn", "starlette", "uvicorn", "lxml", "luqum", "pandas", "torch", "scipy"}


def python(code: str, env: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_entry_points_are_those_of_the_project_file() -> None:
    project = declared()
    expected = {("console_scripts", name, value) for name, value in project["scripts"].items()}
    expected |= {
        (group, name, value)
        for group, points in project["entry-points"].items()
        for name, value in points.items()
    }
    installed = {
        (point.group, point.name, point.value) for point in distribution("spacy-tagtog").entry_points
    }
    assert installed == expected
    assert {group for group, _, _ in installed} >= set(GROUPS)


@pytest.mark.parametrize(
    "group", sorted({point.group for point in distribution("spacy-tagtog").entry_points})
)
def test_entry_points_resolve(group: str) -> None:
    points = [point for point in distribution("spacy-tagtog").entry_points if point.group == group]
    assert points
    for point in points:
        assert point.load() is not None


def test_names_load_through_spacys_registries() -> None:
    for name in ("spacy-tagtog.AnndocCorpus.v1", "spacy-tagtog.Texts.v1"):
        assert callable(registry.readers.get(name))
        assert name in registry.readers
    assert Language.has_factory("entity_confidence")
    assert isinstance(spacy.blank("xx").add_pipe("entity_confidence"), EntityConfidence)
    assert "spacy-tagtog.Anndoc.v1" in converters
    assert isinstance(make_converter(), AnndocConverter)
    assert isinstance(make_converter(), Converter)


def test_in_a_fresh_process_spacy_finds_everything_by_itself(subprocess_env: dict[str, str]) -> None:
    code = """
import spacy, sys
spacy.registry.readers.get("spacy-tagtog.AnndocCorpus.v1")
spacy.blank("en").add_pipe("entity_confidence")
import catalogue
print(catalogue.create("spacy_tagtog_converters", entry_points=True).get("spacy-tagtog.Anndoc.v1")().member)
"""
    assert python(code, subprocess_env).strip() == "master"


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        # spaCy itself imports requests (weasel) for its commands. That is no doing of this package, so it is
        # compared with spaCy alone.
        (
            "spacy_tagtog.registry",
            HEAVY | {"spacy_tagtog.convert", "spacy_tagtog.client", "spacy_tagtog.server", "typer"},
        ),
        (
            "spacy_tagtog.cli",
            HEAVY
            | {
                "spacy",
                "thinc",
                "numpy",
                "spacy_tagtog.convert",
                "spacy_tagtog.anndoc",
                "spacy_tagtog.client",
            },
        ),
        (
            "spacy_tagtog.cli.spacy_command",
            HEAVY | {"spacy_tagtog.convert", "spacy_tagtog.anndoc", "spacy_tagtog.server"},
        ),
    ],
)
def test_entry_points_are_light(module: str, forbidden: set[str], subprocess_env: dict[str, str]) -> None:
    before = "" if module == "spacy_tagtog.cli" else "import spacy.language, spacy.cli, spacy.training\n"
    code = f"import sys\n{before}old = set(sys.modules)\nimport {module}\nprint(*(set(sys.modules) - old))"
    added = set(python(code, subprocess_env).split())
    assert module in added
    assert not added & forbidden
    assert len(added) < 400


CONFIG = """
[reader]
@readers = "spacy-tagtog.AnndocCorpus.v1"
path = "{path}"
documents = "all"
{more}
"""


def reader(path: Path, more: str = "") -> AnndocCorpus:
    config = Config().from_str(CONFIG.format(path=path.as_posix(), more=more))
    return registry.resolve(config)["reader"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project([document("Globular Mars", entities=[E(1, 1, 4)], complete=False)], tmp_path / "project")
    return tmp_path / "project"


def test_the_reader_takes_all_that_spacys_own_takes(project: Path, nlp: Language) -> None:
    corpus = reader(project, "limit = 1\nmax_length = 9\nshuffle = true")
    assert isinstance(corpus, AnndocCorpus)
    assert (corpus.limit, corpus.max_length, corpus.shuffle, corpus.augmenter) == (1, 9, True, None)
    assert [[ent.text for ent in example.reference.ents] for example in corpus(nlp)] == [["lob"]]


def test_the_reader_in_a_config(project: Path, nlp: Language) -> None:
    assert [
        [ent.text for ent in example.reference.ents] for example in reader(project, 'folders = ["pool"]')(nlp)
    ] == [["lob"]]
    strict = reader(project, '[reader.settings]\nalignment = "strict"\n')
    assert [[ent.text for ent in example.reference.ents] for example in strict(nlp)] == [[]]
    dev = reader(project, 'split = "dev=0.5"\nside = "dev"')
    train = reader(project, 'split = "dev=0.5"\nside = "train"')
    numbers = []
    for corpus in (dev, train):
        try:
            numbers.append(len(list(corpus(nlp))))
        except ConversionError:
            numbers.append(0)
    assert sorted(numbers) == [0, 1]


@pytest.mark.parametrize(
    "more",
    [
        'documents = "some"',
        'on_problem = "ignore"',
        'split = "x"',
        'side = "dev"',
        'converter = "acme.None.v1"',
        "path = null",
        '[reader.settings]\nalignment = "x"',
    ],
)
def test_wrong_values_in_a_config(project: Path, more: str) -> None:
    config = (
        Config()
        .from_str(CONFIG.format(path=project.as_posix(), more=""))
        .merge(Config().from_str(f"[reader]\n{more}\n"))
    )
    with pytest.raises(ConfigurationError):
        registry.resolve(config)


def test_a_reader_in_the_corpora_of_a_config(project: Path) -> None:
    config: Any = Config().from_str(
        CONFIG.format(path=project.as_posix(), more="").replace("[reader]", "[corpora]\n\n[corpora.train]")
    )
    [corpus] = resolve_dot_names(config, ["corpora.train"])
    assert isinstance(corpus, AnndocCorpus)
