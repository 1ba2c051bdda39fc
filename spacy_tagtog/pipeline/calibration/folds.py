"""Predictions of the folds' pipelines, each trained without the documents that it predicts.

Folds don't depend on each other: they are trained one after the other, or several at a time, each in a
process of its own. The predictions are the same.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog._threads import one_thread
from spacy_tagtog.errors import ConfigurationError, PipelineError, setting
from spacy_tagtog.pipeline.calibration.crossfit import fold_pipelines
from spacy_tagtog.pipeline.calibration.scoring import (
    ScoredPredictions,
    add_predictions,
    confidence_components,
    paired,
)
from spacy_tagtog.pipeline.calibration.training_counts import TrainingCounts
from spacy_tagtog.pipeline.loading import load_pipeline

_PIPELINE: Final = "pipeline"
_DOCS: Final = "docs.spacy"

Found = dict[str, ScoredPredictions]
"""What each component predicted, by its name."""


@dataclass(frozen=True)
class Dealt:
    """Training documents that were dealt into folds.

    Attributes:
        docs: The documents.
        fold_of: The fold of each.
        numbers: The number of each one's group.
    """

    docs: Sequence[Doc]
    fold_of: Sequence[int]
    numbers: Sequence[int]

    @property
    def folds(self) -> list[int]:
        """All folds, ascending."""
        return sorted(set(self.fold_of))


def check_processes(number: int) -> None:
    """Refuse what is no number of processes.

    Raises:
        ConfigurationError: It is out of range.
    """
    if number < 1:
        raise ConfigurationError("the number of processes is out of range", value=number, legal="1 or more")


def score_docs(
    nlp: Language,
    docs: Sequence[Doc],
    numbers: Sequence[int],
    counts: TrainingCounts | None,
    *,
    batch_size: int | None = None,
    n_process: int = 1,
) -> Found:
    """What the components of a pipeline predict for reviewed documents.

    Args:
        nlp: The pipeline.
        docs: The documents.
        numbers: The number of each one's group.
        counts: What stood in the documents that the pipeline was trained on.
        batch_size: Docs per batch.
        n_process: Processes that predict.
    """
    components = confidence_components(nlp)
    found = {name: ScoredPredictions() for name in components}
    pairs = paired(nlp, docs, batch_size=batch_size, n_process=n_process) if docs else ()
    for number, pair in zip(numbers, pairs, strict=True):
        for name, into in found.items():
            add_predictions(components[name], *pair, number, into, counts)
    return found


def score_folds(
    nlp: Language,
    dealt: Dealt,
    *,
    batch_size: int | None = None,
    n_process: int = 1,
    progress: Progress = silent,
) -> Iterator[Found]:
    """Train a pipeline without each fold, and predict it.

    Args:
        nlp: The pipeline that was trained on all of the documents.
        dealt: The documents and their folds; where there are none, nothing is done.
        batch_size: Docs per batch.
        n_process: Folds at a time, each in a process of its own. Each process holds the pipeline and the
            documents.
        progress: Shows how many folds are done.

    Yields:
        The predictions of each fold, in order.

    Raises:
        PipelineError: A pipeline can't be trained again, or a process ended without an answer.
    """
    n_process = min(n_process, len(dealt.folds))
    if n_process > 1:
        yield from _in_processes(nlp, dealt, batch_size, n_process, progress)
    elif n_process == 1:
        yield from _in_this_process(nlp, dealt, dealt.folds, batch_size, progress)


def _in_this_process(
    nlp: Language,
    dealt: Dealt,
    folds: Sequence[int],
    batch_size: int | None,
    progress: Progress = silent,
) -> Iterator[Found]:
    with one_thread():  # as beside other processes: with more threads, sums could differ in their last bits
        for fold in fold_pipelines(nlp, dealt.docs, dealt.fold_of, folds=folds, progress=progress):
            yield score_docs(
                fold.nlp,
                [dealt.docs[place] for place in fold.places],
                [dealt.numbers[place] for place in fold.places],
                fold.training_counts,
                batch_size=batch_size,
            )


@dataclass(frozen=True)
class _Job:
    """What a process needs to know.

    Attributes:
        folder: The pipeline and the documents.
        fold_of: The fold of each document.
        numbers: The number of each one's group.
        batch_size: Docs per batch.
    """

    folder: Path
    fold_of: Sequence[int]
    numbers: Sequence[int]
    batch_size: int | None


def _in_processes(
    nlp: Language, dealt: Dealt, batch_size: int | None, n_process: int, progress: Progress
) -> Iterator[Found]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nlp.to_disk(folder / _PIPELINE)
        DocBin(docs=dealt.docs, store_user_data=True).to_disk(folder / _DOCS)
        job = _Job(folder, dealt.fold_of, dealt.numbers, batch_size)
        with _processes(n_process, folder) as executor:
            try:
                with _interrupts_held_back():
                    futures = [executor.submit(_score_fold, job, fold) for fold in dealt.folds]
                for future in progress(futures, len(futures)):
                    yield future.result()
            except BrokenProcessPool as error:
                raise PipelineError(
                    "a process that trains without some of the documents ended without an answer",
                    place=setting("n_process", n_process),
                    legal="as many processes as the memory has room for; each holds the pipeline and all "
                    "documents. A Python script starts processes below if __name__ == '__main__':",
                    advice=f"try {setting('n_process', 1)}",
                ) from error


class _Context(SpawnContext):
    """Starts processes and remembers them.

    They are not forked: threads of numerical libraries don't survive that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802
        process = multiprocessing.get_context("spawn").Process(*args, **kwargs)
        self.started.append(process)
        return process


@contextmanager
def _processes(number: int, folder: Path) -> Iterator[ProcessPoolExecutor]:
    context = _Context()
    executor = ProcessPoolExecutor(number, mp_context=context, initializer=_start, initargs=(folder,))
    try:
        yield executor
    except BaseException:
        for process in context.started:
            process.terminate()  # a fold can take an hour, and nobody waits for it
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that Ctrl-C doesn't reach, while this one still gets it afterwards.

    It reaches all processes of a terminal, and the first one decides what to do.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held back
    # What a process that is stopped leaves behind lies where it is removed with the rest.
    tempfile.tempdir = str(folder)


def _score_fold(job: _Job, fold: int) -> Found:
    nlp, docs = _read(job.folder)
    dealt = Dealt(docs, job.fold_of, job.numbers)
    [found] = _in_this_process(nlp, dealt, [fold], job.batch_size)
    return found


@cache
def _read(folder: Path) -> tuple[Language, Sequence[Doc]]:
    """The pipeline and the documents, read once by each process."""
    try:
        nlp = load_pipeline(folder / _PIPELINE)
    except PipelineError as error:
        raise PipelineError(
            f"another process can't read the pipeline: {error.problem}",
            legal="a pipeline whose components are in installed packages",
            advice=f"try {setting('n_process', 1)}",
        ) from error
    return nlp, list(DocBin().from_disk(folder / _DOCS).get_docs(nlp.vocab))
