"""Projects and ``.spacy`` files as streams of Docs and Examples."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_tagtog._files import atomic_path
from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER, Document, Project
from spacy_tagtog.anndoc.layout import is_in_folder
from spacy_tagtog.convert.converter import (
    DEFAULT_CONVERTER,
    Converter,
    for_member,
    make_converter,
    members_of,
)
from spacy_tagtog.convert.docbin import PIECE_DOCS, DocBinFile, DocPacker, docs_of
from spacy_tagtog.convert.label_values import LabelValues, add_negatives, label_values
from spacy_tagtog.convert.report import FAULTS, ConversionReport, ReportItem, shown_member
from spacy_tagtog.convert.split import TRAIN, parse_split, side_of
from spacy_tagtog.convert.state import SPANS_KEY, get_state
from spacy_tagtog.convert.tokens import assemble, part_texts, predicted_doc
from spacy_tagtog.errors import (
    AnndocError,
    ArgumentError,
    ConversionError,
    DuplicateDocumentError,
    MissingPartnerError,
)

OnProblem = Literal["error", "report"]
"""What happens with faults of the data: ``error`` refuses them, ``report`` sets them aside and lists them."""

DocumentChoice = Literal["confirmed", "unconfirmed", "all"]
"""Which documents: those that the member confirmed (``anncomplete``), the others, or all annotated ones."""

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own, which shows it
_SPACY_SUFFIX = ".spacy"


def convert_documents(
    documents: Iterable[Document],
    nlp: Language,
    converter: Converter,
    report: ConversionReport,
    *,
    choice: DocumentChoice = "confirmed",
    on_problem: OnProblem = "error",
    values: LabelValues | None = None,
    progress: Progress = silent,
) -> Iterator[Doc]:
    """Convert documents one at a time.

    Args:
        documents: A project, or any stream of documents. The problems of a project that was opened with
            ``strict=False`` are reported first.
        nlp: Its tokenizer and vocabulary are used.
        converter: See :func:`~spacy_tagtog.convert.converter.make_converter`.
        report: Everything is counted there.
        choice: Which documents.
        on_problem: ``error`` raises at the end of the first document with a fault, ``report`` goes on.
        values: The values of document labels, for the negatives in ``doc.cats``; by default those of the
            project, and none for a stream of documents.
        progress: Wraps the ids of a project's documents, with their number.

    Raises:
        ConversionError: An entity can't be placed or named (``error``).
        AnndocError: A document can't be read (``error``).
    """
    if isinstance(documents, Project):
        if on_problem == "error" and documents.problems:
            raise documents.problems[0]
        note_problems(documents, report)
        if values is None:
            values = label_values(documents, converter.member)
        ids = progress(documents.ids, len(documents))
        yield from _convert(_readable(documents, ids), nlp, converter, report, choice, on_problem, values)
    else:
        yield from _convert(documents, nlp, converter, report, choice, on_problem, values or ())


def note_problems(project: Project, report: ConversionReport) -> None:
    """List what was set aside when a project was opened with ``strict=False``."""
    for problem in project.problems:
        report.documents_in += 1
        reason = "unreadable"
        if isinstance(problem, MissingPartnerError):
            reason = "no_content"
        elif isinstance(problem, DuplicateDocumentError):
            reason = "duplicate_files"
        report.add(ReportItem(reason, str(problem.value), detail=f"{problem.place}"))


def in_folders(project: Project, folders: Iterable[str], report: ConversionReport) -> Project:
    """The project with only the documents of some tagtog folders; the others are listed.

    Args:
        project: The project.
        folders: Paths such as ``pool/train``; what is below them belongs to them. Where there are none, all
            of the project is taken.
        report: The documents of other folders are listed there.

    Raises:
        ProjectError: No document is in one of the folders.
    """
    names = list(folders)
    if not names:
        return project
    chosen = project.in_folders(names)
    for doc_id in project.ids:
        if doc_id not in chosen:
            report.documents_in += 1
            report.add(ReportItem("other_folder", doc_id))
    return chosen


def convert_ids(
    project: Project,
    ids: Iterable[str],
    nlp: Language,
    converter: Converter,
    report: ConversionReport,
    *,
    choice: DocumentChoice,
    values: LabelValues = (),
) -> Iterator[Doc]:
    """Convert some documents of a project; faults are set aside and listed.

    Arguments are those of :func:`convert_documents`.
    """
    return _convert(_readable(project, ids), nlp, converter, report, choice, "report", values)


def _convert(
    documents: Iterable[Document | AnndocError],
    nlp: Language,
    converter: Converter,
    report: ConversionReport,
    choice: DocumentChoice,
    on_problem: OnProblem,
    values: LabelValues = (),
) -> Iterator[Doc]:
    converters: dict[str, Converter] = {}
    for item in documents:
        if isinstance(item, AnndocError):
            _raise_or_note(item, "", report, on_problem)
            continue
        for member in members_of(converter.member, item):
            if member not in converters:
                converters[member] = for_member(converter, member)
            try:
                docs = _version_docs(item, member, nlp, converters[member], report, choice, on_problem)
                for doc in docs:
                    add_negatives(doc, values)
                yield from docs
            except AnndocError as error:
                _raise_or_note(error, item.id, report, on_problem, member)


def _version_docs(
    document: Document,
    member: str,
    nlp: Language,
    converter: Converter,
    report: ConversionReport,
    choice: DocumentChoice,
    on_problem: OnProblem,
) -> list[Doc]:
    """The Docs of one version of a document, all at once: a fault must not leave half of it behind."""
    skip = _skip(document, member, choice)
    if skip is not None:
        report.documents_in += 1
        report.add(ReportItem(skip, document.id, member=shown_member(member)))
        return []
    items = len(report.items)
    docs = list(converter.to_docs(document, nlp, report))
    # Only those of this version: to look through all of them each time would take ever longer.
    if on_problem == "error" and any(item.reason in FAULTS for item in report.items[items:]):
        report.raise_faults(place=document.html.place)
    return docs


def _readable(project: Project, ids: Iterable[str]) -> Iterator[Document | AnndocError]:
    for doc_id in ids:
        try:
            yield project[doc_id]
        except AnndocError as error:
            yield error


def _raise_or_note(
    error: AnndocError, doc_id: str, report: ConversionReport, on_problem: OnProblem, member: str = MASTER
) -> None:
    """Raise an error of one document, or list the document as unreadable."""
    if on_problem == "error":
        raise error
    report.documents_in += 1
    detail = " — ".join([error.problem, *(text for _, text in error.details())])
    report.add(
        ReportItem("unreadable", doc_id or str(error.place), detail=detail, member=shown_member(member))
    )


def _skip(document: Document, member: str, choice: DocumentChoice) -> str | None:
    if member not in document.versions:
        return "not_annotated"
    if choice != "all" and document.version(member).complete != (choice == "confirmed"):
        return "unconfirmed"
    return None


def is_spacy_path(path: Path) -> bool:
    """Whether a path is a ``.spacy`` file, or a folder with such files and no tagtog documents in it."""
    if path.is_dir():
        return bool(_spacy_files(path)) and not any(
            any(path.rglob(pattern)) for pattern in ("*.plain.html", "*.ann.json", "*.ann.json.gz")
        )
    return path.suffix == _SPACY_SUFFIX


def _spacy_files(folder: Path) -> list[Path]:
    """The files that spaCy's own corpus reader would find: not hidden ones, as an interrupted run leaves."""
    files = folder.rglob(f"*{_SPACY_SUFFIX}")
    return sorted(
        file for file in files if not any(piece.startswith(".") for piece in file.relative_to(folder).parts)
    )


def read_spacy(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The Docs of a ``.spacy`` file, or of all those in a folder, in the order of their names.

    Raises:
        ConversionError: A file can't be read.
    """
    files = _spacy_files(path) if path.is_dir() else [path]
    for file in files:
        try:
            yield from docs_of(DocBin(store_user_data=True).from_disk(file), vocab)
        except FileNotFoundError as error:
            raise ConversionError(
                "there is no such file",
                place=file,
                advice="run spacy-tagtog convert first, or check the path",
            ) from error
        # DocBin lets zlib's, msgpack's and its own errors through.
        except Exception as error:
            raise ConversionError(
                f"this isn't a .spacy file that can be read: {type(error).__name__}: {error}",
                place=file,
                legal="a DocBin that spaCy 3 wrote",
                advice="convert the documents again",
            ) from error


def read_texts(path: Path, nlp: Language, *, on_problem: OnProblem = "error") -> Iterator[Doc]:
    """The texts of documents, whatever was annotated in them, tokenized part by part.

    Args:
        path: A ``.spacy`` file, a folder of them, or a project's folder or zip: all of its documents,
            annotated or not.
        nlp: Its tokenizer and vocabulary are used.
        on_problem: ``error`` raises at the first file of a project that can't be read, ``report`` skips
            its document and warns in the log.

    Raises:
        ConversionError: A ``.spacy`` file can't be read.
        AnndocError: A project or a document can't be read.
    """
    if is_spacy_path(path):
        for doc in read_spacy(path, nlp.vocab):
            yield predicted_doc(nlp, doc)
        return
    project = Project.open(path, strict=on_problem == "error")
    unreadable: list[AnndocError] = [*project.problems]
    for item in _readable(project, project.ids):
        if not isinstance(item, AnndocError):
            try:
                yield assemble(nlp, part_texts(item)).doc
                continue
            except AnndocError as error:
                item = error  # noqa: PLW2901 — the parts are read only now
        if on_problem == "error":
            raise item
        unreadable.append(item)
    if unreadable:
        skipped = counted(len(unreadable), "file or document", "files or documents")
        _logger.warning("%s: skipped %s that can't be read; the first: %s", path, skipped, unreadable[0])


def write_docbin(docs: Iterable[Doc], path: Path) -> int:
    """Write Docs with all that they remember as a ``.spacy`` file, all or nothing.

    Returns:
        The number of Docs.

    Raises:
        WriteError: The file system refuses.
    """
    file = DocBinFile()
    packer = DocPacker()
    for doc in docs:
        packer.add(doc)
        if len(packer) == PIECE_DOCS:
            file.add(packer.take().compressed())
    if len(packer):
        file.add(packer.take().compressed())
    with atomic_path(path) as temporary:
        file.write(temporary)
    return len(file)


def spancat_keys(nlp: Language) -> list[str]:
    """The span groups that the span categorizers of a pipeline learn from and write."""
    return [
        str(nlp.get_pipe_config(name)["spans_key"])
        for name in nlp.component_names
        if nlp.get_pipe_meta(name).factory in ("spancat", "spancat_singlelabel")
    ]


class AnndocCorpus:
    """A corpus reader for ``spacy train``: ``.spacy`` files **or** tagtog projects (folder or zip) directly.

    The reference Doc of each Example is the gold Doc, the predicted one is what the pipeline's own tokenizer
    makes, part by part. For a pipeline with a ``spancat`` the reference also has its span group: all entities
    of ``doc.spans["anndoc"]``, or those of ``doc.ents`` where there is no such group.

    Args:
        path: A ``.spacy`` file, a folder of them, a project's folder, or a project's zip.
        converter: The registered name of a converter, for projects.
        settings: Arguments of its factory, for projects.
        documents: Which documents, for projects.
        on_problem: What happens with faults of the data, for projects.
        split: Shares such as ``dev=0.2``.
        side: The side of the split to read, such as ``train`` or ``dev``; ``None`` reads all.
        folders: Read only the documents of these tagtog folders and of those below them, such as
            ``pool/train``; ``None`` reads all.
        limit: Read at most N Docs; 0 reads all.
        max_length: Leave out Docs of more tokens; 0 keeps all. Same as in ``spacy.Corpus.v1``, except that
            long Docs aren't cut into sentences.
        shuffle: Shuffle the Docs each time they are read.
        augmenter: A data augmentation callback.

    Raises:
        ConfigurationError: A setting has an unknown value, or the split can't be read or has no such side.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        converter: str = DEFAULT_CONVERTER,
        settings: Mapping[str, Any] | None = None,
        documents: DocumentChoice = "confirmed",
        on_problem: OnProblem = "error",
        split: str | None = None,
        side: str | None = None,
        folders: Sequence[str] | None = None,
        limit: int = 0,
        max_length: int = 0,
        shuffle: bool = False,
        augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
    ) -> None:
        self.path = Path(path)
        self.converter = make_converter(converter, settings)
        self.documents: DocumentChoice = choose("documents", documents, DocumentChoice)
        self.on_problem: OnProblem = choose("on_problem", on_problem, OnProblem)
        self.shares = parse_split(split or "")
        self.side = side
        self.folders = tuple(folders or ())
        self.limit = limit
        self.max_length = max_length
        self.shuffle = shuffle
        self.augmenter = augmenter
        self.report = ConversionReport()
        if side is not None and side not in (*self.shares, TRAIN):
            raise ArgumentError(
                "the split has no such side", value=side, legal=", ".join((*self.shares, TRAIN))
            )

    def docs(self, nlp: Language) -> Iterator[Doc]:
        """The gold Docs, before shuffling and limits. For projects, :attr:`report` then tells what was done.

        Raises:
            ConversionError: A ``.spacy`` file can't be read or split, or there is a fault in a document.
        """
        if is_spacy_path(self.path):
            return (doc for doc in read_spacy(self.path, nlp.vocab) if self._chooses(doc))
        return self._project_docs(nlp)

    def _chooses(self, doc: Doc) -> bool:
        """Whether a Doc of a ``.spacy`` file is on the side and in one of the folders that are to be read."""
        state = get_state(doc)
        if state is not None:
            on_side = self.side is None or side_of(state.id, self.shares) == self.side
            return on_side and (
                not self.folders or any(is_in_folder(state.folder, folder) for folder in self.folders)
            )
        if (self.side is not None and self.shares) or self.folders:
            # To put it on both sides would be to evaluate on what was trained on.
            raise ConversionError(
                "a Doc doesn't know its document, so it can't be chosen by split or folder",
                place=self.path,
                value=doc.text[:40],
                legal="Docs that spacy-tagtog convert wrote",
                advice="leave out split, side and folders, or give each side a file of its own",
            )
        return True

    def _project_docs(self, nlp: Language) -> Iterator[Doc]:
        self.report = ConversionReport()
        project = Project.open(self.path, strict=self.on_problem == "error")
        # Of all sides and folders: what is a value on one side is one on the other.
        values = label_values(project, self.converter.member)
        chosen = in_folders(project, self.folders, self.report)
        if self.side is not None:
            chosen = chosen.select(lambda doc_id: side_of(doc_id, self.shares) == self.side)
        yield from convert_documents(
            chosen,
            nlp,
            self.converter,
            self.report,
            choice=self.documents,
            on_problem=self.on_problem,
            values=values,
        )

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield Examples, as ``spacy train`` asks for them.

        Raises:
            ConversionError: There is no Doc at all, or a fault in one of them.
        """
        docs: Iterable[Doc] = self.docs(nlp)
        if self.shuffle:
            shuffled = list(docs)
            random.shuffle(shuffled)
            docs = shuffled
        number = 0
        keys = spancat_keys(nlp)
        for doc in docs:
            if self.max_length and len(doc) > self.max_length:
                continue
            if self.limit and number >= self.limit:
                break
            number += 1
            for key in keys:
                if key not in doc.spans:
                    # All that people annotated, overlapping or not; of other people's Docs, what there is.
                    doc.spans[key] = list(doc.spans.get(SPANS_KEY, doc.ents))
            example = Example(predicted_doc(nlp, doc), doc)
            if self.augmenter is None:
                yield example
            else:
                yield from self.augmenter(nlp, example)
        if not number:
            raise ConversionError(
                "there is nothing to read",
                place=self.path,
                value=f"documents = {self.documents}, side = {self.side}, folders = {list(self.folders)}, "
                f"max_length = {self.max_length}",
                legal="at least one document of this choice",
                advice="confirm some documents in tagtog and fetch them, or choose others "
                "(documents, side, folders, max_length)",
            )
