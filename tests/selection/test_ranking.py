"""The file of a ranking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacy_tagtog.errors import SelectionError
from spacy_tagtog.selection.ranking import (
    RankedDocument,
    Ranking,
    SampledDocument,
    read_ranking,
    sampled_documents,
    write_ranking,
)


def ranked(doc_id: str = "a", rank: int = 1, **more: Any) -> RankedDocument:
    return RankedDocument(
        doc_id, rank, **{"batch": 1, "score": 0.5, "random": False, "content": "0" * 16, "why": {}, **more}
    )


def made(*documents: RankedDocument, **more: Any) -> Ranking:
    own: dict[str, Any] = {
        "settings": {},
        "seed": 0,
        "batch_size": 20,
        "random_share": 0.1,
        "pipeline": None,
        "calibrated": None,
        "reviewed": 0,
        "unreviewed": 2,
        **more,
    }
    return Ranking("spacy-tagtog.Random.v1", documents=list(documents), **own)


def test_there_and_back(tmp_path: Path) -> None:
    why: dict[str, Any] = {
        "tokens": 3,
        "stage": "first",
        "doubtful": [{"text": "Véga 🚀", "label": "Star", "probability": 0.5}],
    }
    ranking = made(
        ranked(why=why),
        ranked("b", 2, random=True, score=0.0),
        sampled_before=[SampledDocument("c", "1" * 16)],
        settings={"x": None, "y": [1.5]},
    )
    write_ranking(tmp_path / "r.json", ranking)
    assert read_ranking(tmp_path / "r.json") == ranking
    assert ranking.sampled == {"c": "1" * 16, "b": "0" * 16}


@pytest.mark.parametrize(
    ("change", "piece"),
    [
        (lambda data: data | {"version": 2}, '"version": 1'),
        (lambda data: data | {"version": True}, '"version": 1'),
        (lambda data: {}, "this is no ranking"),
        (lambda data: [data], "this is no ranking"),
        (lambda data: {key: value for key, value in data.items() if key != "seed"}, "seed"),
        (lambda data: data | {"seed": "0"}, "seed"),
        (lambda data: data | {"extra": 1}, "extra"),
        (lambda data: data | {"documents": {}}, "documents"),
        (
            lambda data: data | {"documents": [data["documents"][1], data["documents"][0]]},
            "documents[0].rank",
        ),
        (
            lambda data: data | {"documents": [data["documents"][0], data["documents"][1] | {"id": "a"}]},
            "documents[1].id",
        ),
        (lambda data: data | {"documents": [data["documents"][0] | {"score": "high"}]}, "documents[0].score"),
        (
            lambda data: data | {"documents": [data["documents"][0] | {"score": float("nan")}]},
            "documents[0].score",
        ),
        (lambda data: data | {"documents": [data["documents"][0] | {"random": 1}]}, "documents[0].random"),
    ],
)
def test_files_that_are_no_ranking_are_refused(tmp_path: Path, change: Any, piece: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(change(made(ranked(), ranked("b", 2)).to_json())), encoding="utf-8")
    with pytest.raises(SelectionError) as caught:
        read_ranking(path)
    assert piece in str(caught.value)
    assert str(path) in str(caught.value)
    assert "spacy-tagtog rank" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_not_even_json_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(SelectionError):
        read_ranking(tmp_path / "r.json")
    with pytest.raises(SelectionError):
        read_ranking(tmp_path / "none.json")
    with pytest.raises(SelectionError):
        read_ranking(tmp_path)


def test_the_latest_ranking_decides_what_chance_chose() -> None:
    first = made(ranked("a", 1, random=True), ranked("b", 2, random=True), ranked("c", 3))
    second = made(
        ranked("b", 1), ranked("c", 2, random=True), sampled_before=[SampledDocument("a", "0" * 16)]
    )
    assert set(sampled_documents([first])) == {"a", "b"}
    assert set(sampled_documents([first, second])) == {"a", "c"}
