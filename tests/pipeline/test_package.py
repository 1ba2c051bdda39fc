"""``spacy package``: what we train says what it needs, and loads where that is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.util import get_minor_version_range

from spacy_tagtog import __version__
from spacy_tagtog.pipeline.fingerprints import require_package

OURS = f"spacy-tagtog{get_minor_version_range(__version__)}"


def requirements(pipeline: Path, folder: Path, env: dict[str, str]) -> list[str]:
    subprocess.run(
        [sys.executable, "-m", "spacy", "package", pipeline, folder, "--name", "stars", "--build", "none"],
        check=True,
        capture_output=True,
        env=env,
    )
    (meta,) = folder.glob("*/meta.json")
    found: list[str] = json.loads(meta.read_text())["requirements"]
    return found


def test_a_package_of_what_we_train_needs_us(
    trained_path: Path, tmp_path: Path, subprocess_env: dict[str, str]
) -> None:
    found = requirements(trained_path, tmp_path, subprocess_env)
    ours = [one for one in found if one.startswith("spacy-tagtog")]
    assert ours == [OURS]
    assert [one.partition(">")[0] for one in found if one not in ours] == ["spacy"]


@pytest.mark.parametrize("before", [None, ["acme>=1"], ["spacy-tagtog>=0.0.1,<0.1.0", "acme>=1"]])
def test_other_requirements_stay(before: list[str] | None, nlp: Language) -> None:
    own = spacy.blank("en")
    if before is not None:
        own.meta["requirements"] = before
    require_package(own)
    require_package(own)
    assert sorted(own.meta["requirements"]) == sorted([*(["acme>=1"] if before else []), OURS])
