"""``serve``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import assert_refused, run

from spacy_tagtog.demo import DEMO_LEGEND, DEMO_PROJECT

pytestmark = pytest.mark.usefixtures("own_folder")


def test_serve_shows_its_password_once_and_serves(tmp_path: Path) -> None:
    import requests

    def start() -> tuple[subprocess.Popen[str], list[str]]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "spacy_tagtog", "serve", "--port", "0", "--database", "x.db"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl+C" in line:
                break
        return process, lines

    process, lines = start()
    try:
        url = lines[0].split()[-1]
        password = lines[1].split("password ")[1].split()[0]
        legend = f"{url}/-api/settings/v1/annotationsLegend"
        parameters = {"owner": "local", "project": DEMO_PROJECT}
        assert requests.get(legend, params=parameters, auth=("local", "wrong"), timeout=10).status_code == 401
        assert (
            requests.get(legend, params=parameters, auth=("local", password), timeout=10).status_code == 404
        )
        # Commands use the same database file while it serves.
        assert run("demo", "--database", tmp_path / "x.db").code == 0
        assert requests.get(legend, params=parameters, auth=("local", password), timeout=10).json() == dict(
            DEMO_LEGEND
        )
    finally:
        process.terminate()
        process.communicate(timeout=10)
    process, lines = start()
    process.terminate()
    process.communicate(timeout=10)
    assert "password" not in "".join(lines)


def test_serve_needs_leave_to_be_reached_from_elsewhere() -> None:
    assert_refused(run("serve", "--host", "0.0.0.0"), "0.0.0.0", "--allow-remote")
