"""The room itself: what it lists, and that it is light."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from spacy_tagtog import steps


def test_importing_the_room_imports_nothing_heavy(subprocess_env: dict[str, str]) -> None:
    code = "import sys, spacy_tagtog.steps; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=subprocess_env
    )
    loaded = set(done.stdout.split())
    heavy = {
        "spacy",
        "numpy",
        "requests",
        "typer",
        "starlette",
        "spacy_tagtog.client",
        "spacy_tagtog.convert",
    }
    assert not loaded & heavy


@pytest.mark.parametrize("name", steps.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(steps, name)
    assert found.__name__ == name
    assert inspect.getdoc(found)
    assert name in dir(steps)


def test_steps_stay_functions_where_their_modules_are_imported(subprocess_env: dict[str, str]) -> None:
    code = (
        "import spacy_tagtog.steps.fetch, spacy_tagtog.steps as steps\n"
        "from spacy_tagtog.steps.fetch import fetch\n"
        "assert steps.fetch is fetch and callable(steps.fetch)\n"
        "from spacy_tagtog.steps import fetch as again\n"
        "assert again is fetch"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=subprocess_env)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'fly'"):
        _ = steps.fly  # type: ignore[attr-defined]
