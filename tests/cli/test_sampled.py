"""What is estimated from the documents that chance chose: ``changes``, ``evaluate`` and ``calibrate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run
from reviews import note, write_review

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.convert.split import parse_split, side_of


def test_changes_estimate_by_what_chance_chose(tmp_path: Path) -> None:
    before, after, ranking = write_review(tmp_path)
    code, out, _ = run("changes", before, after, "--ranking", ranking, "--report", tmp_path / "report.json")
    assert code == 0
    rows = {line.split("  ")[0]: line.split()[-4:] for line in out.splitlines() if "  " in line}
    assert (rows["precision %"][0], rows["precision %"][3]) == ("83.3", "75.0")
    assert (rows["edits per document"][0], rows["edits per document"][3]) == ("0.3", "0.5")
    assert "unbiased estimate of the pre-annotations: from 3 documents that chance chose" in out
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["random"]
    assert report["documents"] == sorted(note(i).id for i in (0, 1, 3))
    assert report["not_reviewed"] == []
    quality = report["quality"]
    assert quality["f1"]["value"] == pytest.approx(5 / 6, abs=1e-6)
    assert quality["f1"]["low"] < 0.6
    assert quality["f1"]["high"] > 0.9
    # Without a ranking, nothing of the kind.
    code, out, _ = run("changes", before, after, "--report", tmp_path / "report.json")
    assert "unbiased" not in out
    assert "random" not in json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))


def test_changes_say_what_is_missing(tmp_path: Path) -> None:
    before, after, ranking = write_review(tmp_path, reviewed=[0, 2])
    code, out, _ = run("changes", before, after, "--ranking", ranking)
    assert code == 0
    assert "from 1 document that" in out
    assert "2 more that chance chose were not compared" in out
    before, after, ranking = write_review(tmp_path, random=[5], reviewed=[0, 2])
    code, out, _ = run("changes", before, after, "--ranking", ranking)
    assert code == 0
    assert "there is no unbiased estimate yet" in out
    assert "no such ranking" in run("changes", before, after, "--ranking", tmp_path / "none.json")[2]


def test_changes_refuse_other_texts(tmp_path: Path) -> None:
    before, after, ranking = write_review(tmp_path)
    data = json.loads(ranking.read_text(encoding="utf-8"))
    data["documents"][0]["content"] = "0" * 16
    ranking.write_text(json.dumps(data), encoding="utf-8")
    code, _, err = run("changes", before, after, "--ranking", ranking)
    assert code == 1
    assert "another text than when it was ranked" in err
    code, out, err = run("changes", before, after, "--ranking", ranking, "--on-problem", "report")
    assert code == 0
    assert note(0).id in err
    assert "from 2 documents" in out


def test_evaluate_and_calibrate_take_what_chance_chose(
    tmp_path: Path, trained_path: Path, demo: list[Document]
) -> None:
    # What the pipeline was not trained on.
    held_out = [
        one for one in demo if one.annotations.complete and side_of(one.id, parse_split("dev=0.2")) == "dev"
    ][:12]
    write_project(held_out, tmp_path / "gold")
    _, _, ranking = write_review(tmp_path)
    data = json.loads(ranking.read_text(encoding="utf-8"))
    data["documents"] = [
        data["documents"][0]
        | {"id": one.id, "rank": rank, "random": rank % 2 == 0, "content": content_fingerprint(one)}
        for rank, one in enumerate(held_out, 1)
    ]
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps(data), encoding="utf-8")
    code, _, _ = run(
        "evaluate",
        trained_path,
        tmp_path / "gold",
        "--ranking",
        chosen,
        "--output",
        tmp_path / "metrics.json",
    )
    assert code == 0
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["documents"] == 6
    code, out, err = run(
        "calibrate",
        trained_path,
        tmp_path / "gold",
        "--ranking",
        chosen,
        "--method",
        "platt",
        "--allow-unknown",
        "--output",
        tmp_path / "calibrated",
        "--report",
        tmp_path / "calibration.json",
    )
    assert code == 0, out + err
    (report,) = json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8")).values()
    assert report["documents"] == 6
    code, _, err = run("evaluate", trained_path, tmp_path / "gold", "--ranking", ranking)
    assert code == 1
    assert "none of the reviewed documents was chosen by chance" in err
