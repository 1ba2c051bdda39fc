"""Calibrating from Python: by which documents, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from conftest import CONFIGS
from small_corpora import write_corpora
from spacy.language import Language
from watching import Watching

from spacy_tagtog.anndoc import Document
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps import calibrate, train


@pytest.fixture(scope="module")
def corpora(
    tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language
) -> tuple[Path, Path]:
    return write_corpora(tmp_path_factory.mktemp("corpora"), demo, nlp)


@pytest.fixture(scope="module")
def seed_path(tmp_path_factory: pytest.TempPathFactory, corpora: tuple[Path, Path]) -> Path:
    return train(*corpora, tmp_path_factory.mktemp("training"), seed_config=CONFIGS / "seed.cfg").path


@pytest.mark.parametrize(
    ("folds", "by", "reason"),
    [
        (2, "cross-fitting", "the pipeline learns in seconds"),
        (
            11,
            "held-out",
            "there are fewer annotated training documents than folds (10 with annotations, 11 folds)",
        ),
    ],
)
def test_the_result_says_what_auto_chose_and_why(
    corpora: tuple[Path, Path], seed_path: Path, tmp_path: Path, folds: int, by: str, reason: str
) -> None:
    documents, trainings = Watching(), Watching()
    result = calibrate(
        str(seed_path),
        str(tmp_path / "calibrated"),
        reviewed=str(corpora[1]),
        train=str(corpora[0]),
        by="auto",
        method="platt",
        folds=folds,
        progress=documents,
        fold_progress=trainings,
    )
    assert (result.by, result.reason) == (by, reason)
    assert [len(seen) for seen in documents.seen] == [3 if by == "held-out" else 0]
    assert trainings.totals == ([2] if by == "cross-fitting" else [])
    assert result.path == tmp_path / "calibrated"
    assert spacy.load(result.path).pipe_names == ["seed_ner", "entity_confidence"]
    assert result.to_json() == {name: report.to_json() for name, report in result.reports.items()}


@pytest.mark.parametrize(
    ("has_reviewed", "has_train", "by"),
    [(True, False, "held-out"), (False, True, "cross-fitting"), (True, True, "both")],
)
def test_all_that_is_given_is_used(
    corpora: tuple[Path, Path],
    seed_path: Path,
    tmp_path: Path,
    has_reviewed: bool,
    has_train: bool,
    by: str,
) -> None:
    result = calibrate(
        seed_path,
        tmp_path / "calibrated",
        reviewed=corpora[1] if has_reviewed else None,
        train=corpora[0] if has_train else None,
        method="platt",
        folds=2,
    )
    assert (result.by, result.reason) == (by, "")
    (report,) = result.reports.values()
    assert report.held_out == (3 if has_reviewed else 0)
    assert report.cross_fitted == (10 if has_train else 0)


def test_errors_name_settings_as_python_spells_them(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        calibrate("any", tmp_path / "calibrated", train=corpora[0], by="both")
    message = str(caught.value)
    assert 'by="both" needs documents that are not given' in message
    assert "reviewed: documents that the pipeline was not trained on" in message
    with pytest.raises(ConfigurationError) as caught:
        calibrate("any", tmp_path / "calibrated", train=corpora[0], rankings=["r.json"])
    assert "where: rankings" in str(caught.value)
