"""The public names of the room of pipelines."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spacy_tagtog import pipeline


@pytest.mark.parametrize("name", pipeline.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pipeline, name).__doc__
    assert name in dir(pipeline)


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'calibrate'"):
        _ = pipeline.calibrate


def test_importing_the_room_alone_is_light(subprocess_env: dict[str, str]) -> None:
    code = "import sys, spacy_tagtog.pipeline; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=subprocess_env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not {"sklearn", "scipy", "spacy", "numpy"} & set(done.stdout.split())
