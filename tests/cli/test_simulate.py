"""``spacy-tagtog simulate``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import commands
from conftest import CONFIGS


def invoke(*arguments: object) -> tuple[int, str]:
    """The exit code, and all that is printed."""
    code, out, err = commands.run("simulate", *arguments)
    return code, out + err


def test_command(demo_folder: Path, tmp_path: Path) -> None:
    common = (
        "--config",
        CONFIGS / "seed.cfg",
        "--components.seed_ner.out_log",
        "-0.5",
        "--strategies",
        "random,mnlp",
        "--seeds",
        1,
        "--first-seed",
        7,
        "--initial",
        5,
        "--budget",
        0.1,
    )
    code, output = invoke(demo_folder, "--output", tmp_path / "out", *common)
    assert code == 0, output
    assert {"report.json", "report.html", "curves.png"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }
    assert "to 98% of it" in output
    assert ("in brackets" in output) == bool(re.search(r"\(\d+%\)", output))
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert [one["strategy"] for one in report["strategies"]] == ["random", "mnlp"]
    # Rounds of each run are kept by its seed.
    assert {path.stem.rpartition("-")[2] for path in (tmp_path / "out").rglob("*.jsonl")} == {"7"}
    code, output = invoke(demo_folder, "--output", tmp_path / "out", *common, "--growth", 0.5)
    assert code == 1
    assert "--force" in output
    code, output = invoke(
        demo_folder, "--output", tmp_path / "out", *common, "--growth", 0.5, "--force", "--no-plots"
    )
    assert code == 0, output
    assert not (tmp_path / "out" / "curves.png").exists()
    for wrong, word in (
        (("--test", "1.5"), "out of range"),
        (("--config", "no.cfg"), "no such config"),
        (("--no.such", "1"), "can't be read"),
        (("--test", tmp_path / "none"), ""),
    ):
        code, output = invoke(demo_folder, "--output", tmp_path / "other", *common, *wrong)
        assert code in (1, 2)
        assert word in output
        assert not (tmp_path / "other").exists()
