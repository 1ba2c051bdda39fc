"""Converting whole projects: by several processes, into files of a limited size.

The memory that it takes doesn't grow with the project.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from spacy.language import Language

from spacy_tagtog._files import atomic_path, make_folder
from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert.converter import DEFAULT_CONVERTER, AnndocConverter, make_converter
from spacy_tagtog.convert.corpus import DocumentChoice, convert_ids, note_problems
from spacy_tagtog.convert.docbin import PIECE_DOCS, DocBinFile, DocPacker, LoosePiece, Piece
from spacy_tagtog.convert.label_values import LabelValues
from spacy_tagtog.convert.report import ConversionReport
from spacy_tagtog.convert.split import TRAIN, side_of
from spacy_tagtog.convert.state import get_id
from spacy_tagtog.convert.tokens import prepare_for_tokens, unset_by_tokenizer
from spacy_tagtog.errors import ArgumentError, ConversionError, setting

_NEW_OBJECTS: Final = 100_000
"""How many new objects let Python look for garbage: those of some hundred documents."""

SHARD_DOCS: Final = 2000
"""At most N Docs per file, by default."""


@dataclass(frozen=True)
class BulkJob:
    """What is to be converted, in a form that can be sent to another process.

    Attributes:
        source: A project's folder or zip.
        make_nlp: Makes the pipeline whose tokenizer is used.
        converter: Registered name of the converter.
        settings: Its settings.
        choice: Which documents.
        shares: Shares of the split.
        plan: Sides of documents for which the hash of the id doesn't decide.
        legend: A legend file to use in place of the project's own.
        values: The values of document labels, for the negatives in ``doc.cats``.
    """

    source: Path
    make_nlp: Callable[[], Language]
    converter: str = DEFAULT_CONVERTER
    settings: Mapping[str, Any] = field(default_factory=dict)
    choice: DocumentChoice = "confirmed"
    shares: Mapping[str, float] = field(default_factory=dict)
    plan: Mapping[str, str] = field(default_factory=dict)
    legend: Path | None = None
    values: LabelValues = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, converted.

    Attributes:
        ids: The documents.
        pieces: Their Docs, packed, by side.
        report: What was done with them.
    """

    ids: Sequence[str]
    pieces: dict[str, Piece]
    report: ConversionReport


@dataclass(frozen=True, slots=True)
class _LooseBatch:
    """A batch that is to be compressed."""

    ids: Sequence[str]
    pieces: dict[str, LoosePiece]
    report: ConversionReport

    def compressed(self) -> Batch:
        return Batch(self.ids, {side: piece.compressed() for side, piece in self.pieces.items()}, self.report)


class _Worker:
    """Converts documents of a job."""

    def __init__(self, job: BulkJob, project: Project | None = None) -> None:
        self._job = job
        self._project = project or Project.open(job.source, strict=False, legend=job.legend)
        # First the pipeline: what makes it may import code in which the converter is registered.
        self._nlp = job.make_nlp()
        self._converter = make_converter(job.converter, job.settings)
        self._unset: frozenset[int] = frozenset()
        if type(self._converter).__module__ == AnndocConverter.__module__:
            # Only our own converter is known to look at no feature of a word and to set none of a token.
            prepare_for_tokens(self._nlp)
            self._unset = unset_by_tokenizer(self._nlp)

    def convert(self, ids: Sequence[str]) -> _LooseBatch:
        report = ConversionReport()
        packers: dict[str, DocPacker] = {}
        for doc in convert_ids(
            self._project,
            ids,
            self._nlp,
            self._converter,
            report,
            choice=self._job.choice,
            values=self._job.values,
        ):
            doc_id = get_id(doc)
            side = (
                TRAIN if doc_id is None else self._job.plan.get(doc_id) or side_of(doc_id, self._job.shares)
            )
            if side not in packers:  # to make a DocPacker takes a third of the time of a document
                packers[side] = DocPacker(self._unset)
            packers[side].add(doc)
        return _LooseBatch(ids, {side: packer.take() for side, packer in packers.items()}, report)


def convert_in_bulk(
    job: BulkJob,
    project: Project,
    report: ConversionReport,
    *,
    n_process: int = 1,
    batch_size: int = PIECE_DOCS,
) -> Generator[Batch, None, None]:
    """Convert a project's documents, batch by batch, in order. Faults are counted, not raised.

    What comes out is the same for any number of processes. Whoever stops before the end closes the generator,
    which ends the processes.

    Args:
        job: What to do.
        project: The project, opened with ``strict=False``.
        report: Everything is counted there.
        n_process: The number of processes that read, convert and pack.
        batch_size: At most N documents per batch.

    Raises:
        ConversionError: A process ended without an answer.
        SpacyTagtogError: Anything else, as it was raised in whichever process.
    """
    if n_process < 1:
        raise ArgumentError("the number of processes is out of range", value=n_process, legal="1 or more")
    note_problems(project, report)
    ids = project.ids
    batches = [ids[start : start + batch_size] for start in range(0, len(ids), batch_size)]
    n_process = min(n_process, len(batches))
    with _rarely_collected_garbage():
        # Made here, so that whatever fails in making a pipeline or converter is raised as what it is.
        worker = _Worker(job, project)
        done = (
            _in_this_process(worker, batches)
            if n_process <= 1
            else _in_processes(job, worker, batches, n_process)
        )
        with closing(done):
            for batch in done:
                _add_up(report, batch.report)
                yield batch


@contextmanager
def _rarely_collected_garbage() -> Iterator[None]:
    """Let Python look for garbage less often.

    Documents come and go by the thousands of objects, and hold no cycles.
    """
    before = gc.get_threshold()
    _collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _collect_rarely() -> None:
    first, *others = gc.get_threshold()
    if first:  # where somebody switched it off, it stays off
        gc.set_threshold(max(first, _NEW_OBJECTS), *others)


def _add_up(total: ConversionReport, more: ConversionReport) -> None:
    for item in fields(total):
        value = getattr(total, item.name)
        value += getattr(more, item.name)  # numbers, counters and lists, the latter in place
        setattr(total, item.name, value)


def _in_this_process(worker: _Worker, batches: Iterable[Sequence[str]]) -> Generator[Batch, None, None]:
    # zlib lets other threads run: while one batch is compressed the next one is converted. Packing holds
    # Python's lock: it stays here.
    with ThreadPoolExecutor(1, thread_name_prefix="compress") as executor:
        before: Future[Batch] | None = None
        for ids in batches:
            try:
                batch = worker.convert(ids)
            except Exception:
                if before is not None:
                    yield before.result()  # it was done before this one failed
                raise
            future = executor.submit(batch.compressed)
            if before is not None:
                yield before.result()
            before = future
        if before is not None:
            yield before.result()


_worker: _Worker | None = None
_inherited: _Worker | None = None
"""A forked process finds its worker here, and need not make one."""


def _start(job: BulkJob) -> None:
    global _worker  # noqa: PLW0603 — one for each process
    # Ctrl-C reaches all processes of a terminal; the first one decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is there already stays: to look through it again and again for garbage would copy it, too.
    gc.freeze()
    _collect_rarely()
    _worker = _inherited or _Worker(job)


def _run(ids: Sequence[str]) -> Batch:
    assert _worker is not None
    return _worker.convert(ids).compressed()


def _in_processes(
    job: BulkJob, worker: _Worker, batches: Iterable[Sequence[str]], n_process: int
) -> Generator[Batch, None, None]:
    global _inherited  # noqa: PLW0603 — there is no other way into a forked process that doesn't copy it
    context = multiprocessing.get_context()
    _inherited = worker if context.get_start_method() == "fork" else None
    executor = ProcessPoolExecutor(n_process, mp_context=context, initializer=_start, initargs=(job,))
    waiting: deque[Future[Batch]] = deque()
    try:
        for ids in batches:
            with warnings.catch_warnings():
                # Python 3.12 warns of any thread when it forks. The threads here (of BLAS, of the progress
                # bar) hold no lock that a worker needs.
                warnings.simplefilter("ignore", DeprecationWarning)
                waiting.append(executor.submit(_run, ids))
            # No more at a time than keeps all of them busy: results that nobody takes are memory.
            if len(waiting) > 2 * n_process:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ConversionError(
            "a process that converts ended without an answer",
            place=job.source,
            advice=f"there may be too little memory for several processes: try {setting('n_process', 1)}",
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        _inherited = None


class Shards:
    """The ``.spacy`` files of one side of the split.

    That is ``SIDE.spacy``, or ``SIDE/0000.spacy``… where there are too many Docs for one file.


    Args:
        folder: Where to write.
        side: The side's name.
        size: At most N Docs per file, unless one piece has more; 0 makes one file.
    """

    def __init__(self, folder: Path, side: str, size: int = SHARD_DOCS) -> None:
        self._folder = folder
        self._side = side
        self._size = size
        self._file = DocBinFile()
        self._written = 0
        self._docs = 0

    def __len__(self) -> int:
        """The number of Docs."""
        return self._docs

    def add(self, piece: Piece) -> None:
        """Append a piece.

        Raises:
            WriteError: The file system refuses.
        """
        if self._size and len(self._file) and len(self._file) + piece.docs > self._size:
            self._write_shard()
        self._file.add(piece)
        self._docs += piece.docs

    def close(self) -> None:
        """Write what is left.

        Raises:
            WriteError: The file system refuses.
        """
        if self._written:
            self._write_shard()
        else:
            self._write(self._folder / f"{self._side}.spacy")

    def _write_shard(self) -> None:
        folder = self._folder / self._side
        make_folder(folder)
        self._write(folder / f"{self._written:04}.spacy")
        self._written += 1

    def _write(self, path: Path) -> None:
        with atomic_path(path) as temporary:
            self._file.write(temporary)
        self._file = DocBinFile()
