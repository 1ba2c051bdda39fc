"""Training from Python: which config is trained, and with what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import spacy
from conftest import CONFIGS, SMALL
from small_corpora import write_corpora
from spacy.language import Language
from spacy.util import load_config
from watching import Watching

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert.corpus import write_docbin
from spacy_tagtog.errors import ConfigurationError
from spacy_tagtog.steps import TrainingRun, train

T = TypeVar("T")
NER, SEED = CONFIGS / "ner.cfg", CONFIGS / "seed.cfg"
SMALL_NER = {name: value for name, value in SMALL.items() if not name.startswith("corpora.")}


@pytest.fixture(scope="module")
def corpora(
    tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language
) -> tuple[Path, Path]:
    return write_corpora(tmp_path_factory.mktemp("corpora"), demo, nlp)


def test_the_config_that_suits_the_data_is_trained(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    watching = Watching()
    trained = train(
        *corpora,
        tmp_path,
        config=NER,
        seed_config=SEED,
        overrides={"components.seed_ner.c": 1.0, "training.max_steps": 9},
        progress=watching,
    )
    (run,) = trained.runs
    assert watching.seen == [[run]]
    assert watching.totals == [1]
    assert run.choice == trained.choice
    assert (trained.choice.config, trained.choice.is_seed) == (SEED, True)
    assert "fewer than 20000 entities" in trained.choice.reason
    assert run.unused == {"training.max_steps": 9}
    assert trained.path == tmp_path / "model-best"
    assert spacy.load(trained.path).get_pipe_config("seed_ner")["c"] == 1


def test_progress_sees_a_training_before_it_begins(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    seen: list[TrainingRun] = []

    def progress(items: Iterable[T], total: int | None = None, /) -> Iterator[T]:
        for item in items:
            assert isinstance(item, TrainingRun)
            assert not item.folder.exists()
            seen.append(item)
            yield item

    train(
        str(corpora[0]),
        str(corpora[1]),
        str(tmp_path / "out"),
        config=NER,
        seed_config=SEED,
        progress=progress,
    )
    assert [run.folder for run in seen] == [tmp_path / "out"]


def test_a_config_that_is_not_there_is_refused(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such config"):
        train(*corpora, tmp_path, config=NER, seed_config=tmp_path / "none.cfg")


@pytest.mark.parametrize("content", [None, "1 / 0", "not Python"])
def test_code_that_cannot_be_imported_is_refused(
    corpora: tuple[Path, Path], tmp_path: Path, content: str | None
) -> None:
    code = tmp_path / "code.py"
    if content is not None:
        code.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the code can't be imported") as caught:
        train(*corpora, tmp_path / "out", config=NER, seed_config=SEED, code=code)
    assert str(code) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_errors_name_settings_as_python_spells_them(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        train(*corpora, tmp_path, model="big")
    assert "unknown value of model" in str(caught.value)


@pytest.mark.parametrize("side", [0, 1])
def test_corpora_without_an_entity_are_refused(
    corpora: tuple[Path, Path], tmp_path: Path, nlp: Language, side: int
) -> None:
    write_docbin([nlp("nothing here")], tmp_path / "empty.spacy")
    paths = list(corpora)
    paths[side] = tmp_path / "empty.spacy"
    with pytest.raises(ConfigurationError, match="nothing to learn from") as caught:
        train(paths[0], paths[1], tmp_path / "out", config=NER, seed_config=SEED)
    assert "1 document, no entity" in str(caught.value)
    assert str(tmp_path / "empty.spacy") in str(caught.value)


def test_only_the_seed_model_reads_unlabelled_texts(
    corpora: tuple[Path, Path], demo_folder: Path, tmp_path: Path
) -> None:
    more = {**SMALL_NER, "training.max_steps": 2, "training.eval_frequency": 1}
    trained = train(
        *corpora, tmp_path / "ner", model="ner", config=NER, unlabelled=demo_folder, overrides=more
    )
    assert [run.unused for run in trained.runs] == [{"paths.unlabelled": str(demo_folder)}]
    assert "unlabelled" not in load_config(tmp_path / "ner" / "model-best" / "config.cfg")["paths"]
