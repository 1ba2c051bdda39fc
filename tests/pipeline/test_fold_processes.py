"""Cross-fitting in several processes: the same figures, and clean ends."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from threadpoolctl import threadpool_info, threadpool_limits
from watching import Watching

from spacy_tagtog._threads import one_thread
from spacy_tagtog.anndoc import Document
from spacy_tagtog.anndoc.fingerprints import text_fingerprint
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.calibration.fit import calibrate_pipeline
from spacy_tagtog.pipeline.fingerprints import training_fingerprints
from spacy_tagtog.pipeline.seed import learn


def read(corpora: Path, nlp: Language) -> list[Doc]:
    return list(DocBin().from_disk(corpora / "train.spacy").get_docs(nlp.vocab))


def calibrated(path: Path, corpora: Path, **how: Any) -> tuple[bytes, dict[str, Any]]:
    """The calibration that is stored, and its report."""
    nlp = spacy.load(path)
    how = {"train_docs": read(corpora, nlp)[:12], "folds": 3, "method": "logistic", **how}
    reports = calibrate_pipeline(nlp, **how)
    component: Any = nlp.get_pipe("entity_confidence")
    return component.to_bytes(), {name: report.to_json() for name, report in reports.items()}


def test_any_number_of_processes_gives_the_same_to_the_last_bit(seed_path: Path, corpora: Path) -> None:
    seen = {number: Watching() for number in (1, 2)}
    one, two = (
        calibrated(seed_path, corpora, n_process=number, progress=watch) for number, watch in seen.items()
    )
    assert one == two
    assert one[1]["entity_confidence"]["pipelines"] == 3
    assert [(watch.totals, [len(items) for items in watch.seen]) for watch in seen.values()] == [
        ([3], [3]),
        ([3], [3]),
    ]


@pytest.fixture
def short(trained_path: Path) -> Language:
    """A pipeline that is trained by its stored config, wherever that happens, in a few steps."""
    nlp = spacy.load(trained_path)
    nlp.config["training"]["max_steps"] = nlp.config["training"]["eval_frequency"] = 10
    return nlp


@pytest.fixture
def learned(short: Language, demo: list[Document]) -> list[Doc]:
    """Some of what it was trained on."""
    known = training_fingerprints(short)
    assert known is not None
    docs = (document_to_doc(one, short) for one in demo if text_fingerprint(one.text) in known)
    return list(islice(docs, 8))


def test_any_other_pipeline_is_trained_to_the_same_bits(
    short: Language, learned: list[Doc], tmp_path: Path
) -> None:
    short.to_disk(tmp_path)
    made = []
    for number in (1, 2):
        nlp = spacy.load(tmp_path)
        [report] = calibrate_pipeline(
            nlp, train_docs=learned, folds=2, method="platt", n_process=number
        ).values()
        component: Any = nlp.get_pipe("entity_confidence")
        made.append((component.to_bytes(), report.to_json()))
    assert made[0] == made[1]
    assert made[0][1]["pipelines"] == 2


def test_an_error_of_a_fold_arrives_as_itself(short: Language, learned: list[Doc]) -> None:
    short.config["corpora"]["dev"]["path"] = "gone.spacy"
    with pytest.raises(PipelineError, match="training without some of the documents failed") as caught:
        calibrate_pipeline(short, train_docs=learned, folds=2, n_process=2)
    assert caught.value.place == "config.cfg of the pipeline"


@Language.factory("spacy_tagtog_test_only_here")
def only_here(nlp: Language, name: str) -> Any:
    return lambda doc: doc


def test_a_component_that_another_process_cant_find_is_an_error(seed_path: Path, corpora: Path) -> None:
    nlp = spacy.load(seed_path)
    nlp.add_pipe("spacy_tagtog_test_only_here", first=True)
    with pytest.raises(PipelineError, match="another process can't read the pipeline") as caught:
        calibrate_pipeline(nlp, train_docs=read(corpora, nlp)[:4], folds=2, n_process=2)
    assert "n_process=1" in str(caught.value)


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_processes_out_of_range(seed_path: Path, corpora: Path, number: int) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        calibrated(seed_path, corpora, n_process=number)


PROGRAM = """
import os, signal, sys, tempfile
from multiprocessing import active_children
from pathlib import Path

import typer

from spacy_tagtog.cli._run import command
from spacy_tagtog.steps import calibrate

# A test run that was started in the background inherits that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def progress(items, total):
    for item in items:
        {what}
        yield item

@command
def run():
    calibrate({model!r}, {output!r}, train={train!r}, folds=4, method="platt", n_process=2,
              fold_progress=progress)

if __name__ == "__main__":
    tempfile.tempdir = {temporary!r}
    try:
        run()
    except typer.Exit as error:
        print(len(active_children()), len(os.listdir({temporary!r})))
        sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        # To the whole group of processes, as a terminal sends it; and to this one alone.
        ("os.killpg(0, signal.SIGINT)", 130, "Interrupted."),
        ("os.kill(os.getpid(), signal.SIGINT)", 130, "Interrupted."),
        ("os.kill(active_children()[0].pid, signal.SIGKILL)", 1, "ended without an answer"),
    ],
)
def test_nothing_is_left_of_a_run_that_ends_early(
    seed_path: Path, corpora: Path, tmp_path: Path, what: str, code: int, said: str
) -> None:
    (tmp_path / "temporary").mkdir()
    program = tmp_path / "program.py"
    program.write_text(
        PROGRAM.format(
            what=what,
            model=str(seed_path),
            output=str(tmp_path / "out"),
            train=str(corpora / "train.spacy"),
            temporary=str(tmp_path / "temporary"),
        )
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, start_new_session=True, timeout=240
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.split() == ["0", "0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program.py", "temporary"]


# -- threads --


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_training_uses_one_thread(seed_path: Path, corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []

    def fit(*args: Any) -> Any:
        seen.append(threads())
        return original(*args)

    original = learn._fit
    monkeypatch.setattr(learn, "_fit", fit)
    nlp = spacy.load(seed_path)
    with threadpool_limits(2):
        before = threads()
        calibrate_pipeline(nlp, train_docs=read(corpora, nlp)[:6], folds=2, method="platt")
        assert threads() == before
        with one_thread():
            assert threads() == {1}
    assert seen == [{1}, {1}]
