"""``spacy-tagtog train``: which model is trained, and that it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from commands import run
from conftest import CONFIGS, SMALL
from nested import LEGEND as NESTED
from nested import nested_documents
from small_corpora import write_corpora
from spacy.language import Language
from spacy.util import load_config

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.pipeline.training import find_config
from spacy_tagtog.steps import evaluate

NER, SEED = CONFIGS / "ner.cfg", CONFIGS / "seed.cfg"
SMALL_NER = {name: value for name, value in SMALL.items() if not name.startswith("corpora.")}


@pytest.fixture(scope="module")
def corpora(
    tmp_path_factory: pytest.TempPathFactory, demo: list[Document], nlp: Language
) -> tuple[Path, Path]:
    return write_corpora(tmp_path_factory.mktemp("corpora"), demo, nlp)


def run_train(*arguments: object) -> tuple[int, str]:
    """Exit code and all that is said."""
    code, out, err = run("train", *arguments, "--config", NER, "--seed-config", SEED)
    return code, out + err


def test_few_documents_train_the_seed_model(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    code, out = run_train(*corpora, "--output", tmp_path, "--training.max_steps", 500, "--nlp.lang", "en")
    assert code == 0, out
    assert "fewer than 20000 entities" in out
    assert "not for it: training.max_steps" in out
    nlp = spacy.load(tmp_path / "model-best")
    assert nlp.pipe_names == ["seed_ner", "entity_confidence"]


def test_many_documents_train_the_ner(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    more = {**SMALL_NER, "training.max_steps": 2, "training.eval_frequency": 1}
    overrides = [text for name, value in more.items() for text in (f"--{name}", str(value))]
    code, out = run_train(*corpora, "--output", tmp_path, "--seed-below", 1, *overrides)
    assert code == 0, out
    assert "not fewer than 1 entity" in out
    assert "ner" in spacy.load(tmp_path / "model-last").pipe_names


@pytest.mark.parametrize(("c", "better"), [(3.0, "seed"), (1e-9, "ner")])
def test_of_both_the_better_is_kept(
    corpora: tuple[Path, Path], tmp_path: Path, c: float, better: str
) -> None:
    # With next to no weight on what it sees the seed model finds nothing.
    more = {
        **SMALL_NER,
        "training.max_steps": 60,
        "training.eval_frequency": 60,
        "components.seed_ner.c": c,
        "components.seed_ner.out_log": 0.0,
    }
    overrides = [text for name, value in more.items() for text in (f"--{name}", str(value))]
    code, out = run_train(*corpora, "--output", tmp_path, "--model", "both", *overrides)
    assert code == 0, out
    f1 = {
        name: 100 * evaluate(tmp_path / name / "model-best", corpora[1]).overall.exact_prf[2]
        for name in ("seed", "ner")
    }
    assert f1[better] == max(f1.values()) > min(f1.values())
    assert f"seed {f1['seed']:.1f}, ner {f1['ner']:.1f}" in out
    for folder in ("model-best", "model-last"):
        kept = spacy.load(tmp_path / folder)
        assert kept.pipe_names == spacy.load(tmp_path / better / folder).pipe_names
        assert 100 * evaluate(tmp_path / folder, corpora[1]).overall.exact_prf[2] == f1[better]


def test_the_configs_come_with_the_package(
    corpora: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("train", *corpora)
    assert code == 0, err
    assert Path("training/model-best").is_dir()
    assert find_config(Path("configs/ner.cfg")).read_text() == NER.read_text()
    Path("configs").mkdir()
    Path("configs/seed.cfg").write_text("the one that is here goes first")
    assert find_config(Path("configs/seed.cfg")) == Path("configs/seed.cfg")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--model", "big"), "auto, seed, ner, both"),
        (("--bogus.x", "3"), "bogus"),
        (("--components.seed_ner.c", "-1"), "out of range"),
        (("--code", "nowhere.py"), "nowhere.py"),
    ],
)
def test_wrong_options_are_refused(
    corpora: tuple[Path, Path], tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    code, out = run_train(*corpora, "--output", tmp_path / "out", *arguments)
    assert code != 0
    assert named in out
    assert not (tmp_path / "out" / "model-best").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [("--training.max_step", "did you mean max_steps?"), ("--nlp.foo", "batch_size")],
)
def test_a_value_that_nobody_would_read_is_refused(
    corpora: tuple[Path, Path], tmp_path: Path, option: str, said: str
) -> None:
    code, _, err = run("train", *corpora, "-o", tmp_path / "out", option, "3")
    assert code == 2
    assert f"where: {option}" in err
    assert said in err
    assert not (tmp_path / "out").exists()


def test_the_seed_model_reads_unlabelled_texts(
    corpora: tuple[Path, Path], demo_folder: Path, tmp_path: Path
) -> None:
    code, output = run_train(*corpora, "--unlabelled", demo_folder, "--output", tmp_path / "seed")
    assert code == 0, output
    config = load_config(tmp_path / "seed" / "model-best" / "config.cfg")
    assert config["paths"]["unlabelled"] == str(demo_folder)


def test_unlabelled_texts_that_are_not_there(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    code, output = run_train(*corpora, "--unlabelled", tmp_path / "nowhere", "--output", tmp_path / "seed")
    assert code == 1
    assert "nowhere" in output
    assert "there is nothing at this path" in output


def test_components_for_which_the_data_has_nothing_are_refused(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    code, out = run_train(*corpora, "--output", tmp_path / "out", "--components", "ner,textcat")
    assert code == 2
    assert "nothing for textcat: no document label is true of some documents and false of others" in out
    assert "let the data decide: --components auto" in out
    assert not (tmp_path / "out").exists()


def test_what_is_asked_for_is_trained_together(tmp_path: Path, nlp: Language) -> None:
    write_project(nested_documents(18, nested=False), tmp_path / "train", legend=NESTED)
    write_project(nested_documents(9, nested=False, seed=1), tmp_path / "dev", legend=NESTED)
    steps = ("--training.max_steps", 4, "--training.eval_frequency", 4)
    code, out = run_train(
        tmp_path / "train",
        tmp_path / "dev",
        "--output",
        tmp_path / "out",
        "--components",
        "ner,textcat_multilabel",
        *steps,
    )
    assert code == 0, out
    assert "textcat_multilabel: threshold" in out
    assert "trained ner, textcat_multilabel, together in one pipeline" in out
    code, out, _ = run("evaluate", tmp_path / "out" / "model-best", tmp_path / "dev")
    assert code == 0
    assert "9 documents; exact P" in out
    assert "document labels P" in out
    code, out, _ = run("evaluate", tmp_path / "out" / "textcat_multilabel" / "model-best", tmp_path / "dev")
    assert code == 0
    assert "exact P" not in out.splitlines()[-1]
