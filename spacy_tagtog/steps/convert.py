"""From tagtog documents to ``.spacy`` files for training, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._files import TEMPORARY_PREFIX, atomic_folder, atomic_path, check_free
from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import Document, Legend, Project, write_project
from spacy_tagtog.convert import ConversionReport, Converter, make_converter, read_spacy
from spacy_tagtog.convert.bulk import SHARD_DOCS, BulkJob, Shards, convert_in_bulk
from spacy_tagtog.convert.converter import DEFAULT_CONVERTER
from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem, in_folders
from spacy_tagtog.convert.docbin import PIECE_DOCS
from spacy_tagtog.convert.from_doc import new_document
from spacy_tagtog.convert.label_values import label_values
from spacy_tagtog.convert.split import TRAIN, parse_split
from spacy_tagtog.convert.split_plan import plan_split, read_plan, split_items, write_plan
from spacy_tagtog.convert.state import get_state
from spacy_tagtog.convert.tokenizer.apply import apply_rules
from spacy_tagtog.convert.tokenizer.rules import read_rules
from spacy_tagtog.errors import ArgumentError, ConversionError, setting
from spacy_tagtog.formats.report import FormatReport
from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline
from spacy_tagtog.steps._code import import_code
from spacy_tagtog.steps._formats import as_project

_CONFIRM: Final = (
    "annotate and confirm some documents in tagtog (the local one: spacy-tagtog serve --open), "
    "then fetch them again"
)


@dataclass(frozen=True)
class Converted:
    """What a conversion wrote.

    Attributes:
        sides: The number of documents on each side of the split.
        paths: Where each side is: a ``.spacy`` file, or a folder of them.
        report: What went in, what came out, and why the rest did not.
    """

    sides: dict[str, int]
    paths: dict[str, Path]
    report: ConversionReport = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return self.report.to_json()


def convert(
    source: Path | str,
    target: Path | str,
    *,
    lang: str = "en",
    base: str = "",
    tokenizer: Path | str | None = None,
    converter: str = DEFAULT_CONVERTER,
    settings: Mapping[str, Any] | None = None,
    documents: str = "confirmed",
    folders: Sequence[str] = (),
    split: str = "",
    split_file: Path | str | None = None,
    on_problem: str = "error",
    legend: Path | str | None = None,
    code: Path | str | None = None,
    force: bool = False,
    report: ConversionReport | None = None,
    progress: Progress = silent,
    n_process: int = 1,
    shard_size: int = SHARD_DOCS,
    format: str = "",
    format_settings: Mapping[str, Any] | None = None,
    format_report: FormatReport | None = None,
) -> Converted:
    """Convert a project into ``target/train.spacy`` and one file per other side of the split, all or nothing.

    A side of more than ``shard_size`` Docs becomes a folder of files, ``target/train/0000.spacy``… A target
    that ends with ``.spacy`` is one file.

    Args:
        source: A project's folder or zip, or another tool's file or folder.
        target: A folder, or a path ending with ``.spacy``.
        lang: Language of the tokenizer.
        base: A pipeline whose tokenizer to use instead.
        tokenizer: A file of rules that were learned, to add to either.
        converter: Registered name of the converter.
        settings: Its settings.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        folders: tagtog folders, such as ``pool/train``, with those below them. None: all documents.
        split: Such as ``dev=0.2``.
        split_file: Remembers the sides. Near-duplicates stay together, and entity types are balanced.
        on_problem: What to do about faults: ``error`` (refuse) or ``report`` (set aside and list).
        legend: A legend file to use instead of the project's own.
        code: A Python file with registered functions, such as a converter of your own.
        force: Replace the target.
        report: Everything is counted there, also where the conversion is refused.
        progress: Shows how many documents are done.
        n_process: The number of processes. The files are the same for any number.
        shard_size: At most N Docs per file; 0 makes one file per side, whatever its size.
        format: The other tool's format, such as ``doccano``; empty: by the look of the file.
        format_settings: The format's settings.
        format_report: What the other tool's format could not carry is counted there.

    Raises:
        ConversionError: There are faults (``error``), or a side of the split has no document.
        SpacyTagtogError: A setting is wrong, or anything else, see the functions called.
    """
    source, target, report = Path(source), Path(target), report or ConversionReport()
    choice, shares = _checked(target, documents, on_problem, split, n_process, shard_size)
    import_code(code)
    maker = make_converter(converter, settings)
    check_free(target, force=force, sources=(source, base, tokenizer, legend))  # split_file is written again
    legend = None if legend is None else Path(legend)
    with as_project(source, format, format_settings, legend, on_problem, format_report) as place:
        legend = legend if place == source else None
        # Faults are collected and refused together: one at a time would mean one run for each.
        whole = Project.open(place, strict=False, legend=legend)
        values = label_values(whole, maker.member)
        project = in_folders(whole, folders, report)
        project.place = str(source)
        plan = {} if split_file is None else _plan_of(Path(split_file), project, maker, shares, choice)
        make_nlp = partial(_make_nlp, base, lang, tokenizer, code)
        job = BulkJob(place, make_nlp, converter, dict(settings or {}), choice, shares, plan, legend, values)
        sides = _write_target(
            job, project, maker, report, target, on_problem, force, progress, n_process, shard_size, split
        )
    if split_file is not None:
        write_plan(Path(split_file), plan)
    return Converted(sides, {side: _path_of(target, side) for side in sides}, report)


def _write_target(
    job: BulkJob,
    project: Project,
    maker: Converter,
    report: ConversionReport,
    target: Path,
    on_problem: str,
    force: bool,
    progress: Progress,
    n_process: int,
    shard_size: int,
    split: str,
) -> dict[str, int]:
    """Write all sides, all or nothing; the number of documents on each."""
    with _opened(target, force=force) as folder:
        sides = _write_sides(
            job, project, report, folder, n_process, _shard_size(target, shard_size), progress
        )
        # Nothing is visible yet: the folder gets its name at the end of this block.
        if on_problem == "error":
            raise_faults(report, project.place)
        for side, shards in sides.items():
            if not len(shards):
                raise _none_on(side, project, maker, report, job.choice, split)
            shards.close()
    return {side: len(shards) for side, shards in sides.items()}


def raise_faults(report: ConversionReport, source: object) -> None:
    """Refuse a project with faults.

    Raises:
        ConversionError: There are faults.
    """
    report.raise_faults(
        place=source,
        advice="mend them in tagtog and fetch again, "
        f"or pass {setting('on_problem', 'report')} to set them aside and list them",
    )


def _checked(
    target: Path, documents: str, on_problem: str, split: str, n_process: int, shard_size: int
) -> tuple[DocumentChoice, dict[str, float]]:
    """Which documents, and the shares of the sides, once the settings are found to be right."""
    for name, number, least in (("n_process", n_process, 1), ("shard_size", shard_size, 0)):
        if number < least:
            raise ArgumentError(f"{setting(name)} is out of range", value=number, legal=f"{least} or more")
    choice: DocumentChoice = choose(setting("documents"), documents, DocumentChoice)
    choose(setting("on_problem"), on_problem, OnProblem)
    shares = parse_split(split)
    if _is_file(target) and shares:
        raise ArgumentError(
            "the sides of a split don't fit into one file",
            place=target,
            value=split,
            legal="a folder",
            advice=f"write to {target.with_suffix('')}",
        )
    return choice, shares


def _plan_of(
    path: Path, project: Project, maker: Converter, shares: Mapping[str, float], choice: DocumentChoice
) -> dict[str, str]:
    """Every document's side: those in the file keep theirs."""
    items = split_items(project, member=maker.member, confirmed_only=choice == "confirmed")
    known = read_plan(path)
    return {**known, **plan_split(items, shares, known=known)}


def _make_nlp(base: str, lang: str, tokenizer: Path | str | None, code: Path | str | None) -> Language:
    """The pipeline whose tokenizer is used; every process makes its own."""
    import_code(code)
    nlp = load_pipeline(base) if base else blank_pipeline(lang)
    if tokenizer is not None:
        apply_rules(nlp, read_rules(Path(tokenizer)))
    return nlp


def _write_sides(
    job: BulkJob,
    project: Project,
    report: ConversionReport,
    folder: Path,
    n_process: int,
    shard_size: int,
    progress: Progress,
) -> dict[str, Shards]:
    """Convert all documents, and write the Docs of each side."""
    sides = {side: Shards(folder, side, shard_size) for side in (TRAIN, *job.shares)}

    batch_size = min(PIECE_DOCS, shard_size or PIECE_DOCS)
    batches = convert_in_bulk(job, project, report, n_process=n_process, batch_size=batch_size)

    def done() -> Iterator[str]:
        for batch in batches:
            for side, piece in batch.pieces.items():
                sides[side].add(piece)
            yield from batch.ids

    # Its processes end here, also when Ctrl-C strikes in `progress`: left to the end of Python, they race it.
    with closing(batches):
        for _ in progress(done(), len(project)):
            pass
    return sides


def _is_file(target: Path) -> bool:
    """Whether all Docs go into one file."""
    return target.suffix == ".spacy" and not target.is_dir()


def _shard_size(target: Path, shard_size: int) -> int:
    return 0 if _is_file(target) else shard_size


def _opened(target: Path, *, force: bool) -> AbstractContextManager[Path]:
    """A temporary folder; what it holds becomes the target when the block ends well."""
    return _file_of(target, TRAIN) if _is_file(target) else atomic_folder(target, force=force)


@contextmanager
def _file_of(path: Path, side: str) -> Iterator[Path]:
    """A temporary folder; the file of this side in it becomes ``path`` when the block ends well."""
    with atomic_path(path) as file, TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=file.parent) as folder:
        yield Path(folder)
        Path(folder, f"{side}.spacy").replace(file)


def _path_of(target: Path, side: str) -> Path:
    """Where a side is, once it is written."""
    file = target if target.is_file() else target / f"{side}.spacy"
    return file if file.exists() else target / side


def other_versions(project: Project, converter: Converter) -> list[str]:
    """Whose annotations a project has that a converter doesn't read.

    Args:
        project: The project.
        converter: The converter.
    """
    asked = {name.strip() for name in converter.member.split(",")}
    return [] if "*" in asked else [name for name in project.members if name not in asked]


def _none_on(
    side: str, project: Project, converter: Converter, report: ConversionReport, documents: str, split: str
) -> ConversionError:
    """The error for a side of the split without a document, with the reason why."""
    aside = "".join(f"; {number} set aside: {meaning}" for meaning, number in report.documents_aside.items())
    advice = []
    if report.documents_out:
        advice.append(f"convert more documents, or change {setting('split')}")
    if report.count("not_annotated") and (others := other_versions(project, converter)):
        advice.append(
            f"say whose annotations to convert, there are those of {', '.join(others)}: "
            f"{setting('member', 'NAME')}, or * for all"
        )
    if report.count("unconfirmed"):
        advice.append(f"{_CONFIRM}; or choose others with {setting('documents')}")
    documents_in = counted(report.documents_in, "document")
    if not report.documents_out and documents == "confirmed":
        problem = "nobody has confirmed a document yet, so there is nothing to train on"
        if report.documents_in > report.count("unconfirmed"):
            problem = "no confirmed document could be converted"
    else:
        problem = f"no document is on the side {side!r}"
        if not report.documents_out:
            problem = "no document was chosen"
    return ConversionError(
        problem,
        place=project.place,
        value=f"{report.documents_out} of {documents_in} converted "
        f"({documents}; split {split or 'none'}){aside}",
        legal="at least one document per side",
        advice="; or ".join(advice) or _CONFIRM,
    )


_AUTHOR: Final = re.compile(r"(ml|user):[^\s:]+")


@dataclass(frozen=True)
class ConvertedBack:
    """What was converted back.

    Attributes:
        documents: How many documents were written.
        left: What has no place in a document: spans of other groups, by the group's name.
    """

    documents: int
    left: Mapping[str, int]


def convert_back(
    source: Path | str,
    target: Path | str,
    *,
    converter: str = DEFAULT_CONVERTER,
    legend: Path | str | None = None,
    author: str = "ml:spacy",
    state: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ConvertedBack:
    """Convert ``.spacy`` files into tagtog documents, all or nothing.

    Docs that this package wrote become their documents again. Others become new ones, see
    :func:`~spacy_tagtog.convert.from_doc.new_document`.

    Args:
        source: A ``.spacy`` file, or a folder of them.
        target: A folder or a path ending with ``.zip``.
        converter: Registered name of the converter that wrote them.
        legend: A legend file (``annotations-legend.json``), for Docs that don't remember one.
        author: Who annotated what is new: ``ml:NAME`` or ``user:NAME``.
        state: The state of what new documents hold: ``pre-added``, or an empty text for what a person
            annotated. By default an ``ml:`` author proposes, and a ``user:`` annotates.
        force: Replace the target.
        progress: Shows how many Docs are done.

    Raises:
        ConversionError: There is no Doc, or two Docs claim to be the same version of a document.
        ConfigurationError: The author or the state has another form.
        LegendError: A label is not in the legend, or there is none.
        SpacyTagtogError: Anything else, see the functions called.
    """
    source, target = Path(source), Path(target)
    maker = make_converter(converter)
    if not _AUTHOR.fullmatch(author):
        raise ArgumentError("the author has the wrong form", value=author, legal="ml:NAME or user:NAME")
    if state is None:
        state = "pre-added" if author.startswith("ml:") else ""
    elif state not in ("", "pre-added"):
        raise ArgumentError(
            "there is no such state of an annotation", value=state, legal="pre-added, or an empty text"
        )
    check_free(target, force=force, sources=(source, legend))
    names = None if legend is None else Legend.parse(Path(legend).read_bytes(), place=legend)
    left: Counter[str] = Counter()

    def documents() -> Iterator[Document]:
        docs = progress(read_spacy(source, spacy.blank("xx").vocab))
        number = 0
        for doc_id, group in groupby(docs, key=lambda doc: getattr(get_state(doc), "id", None)):
            of_one = list(group)
            number += 1 if doc_id is not None else len(of_one)
            if doc_id is None:
                for doc in of_one:
                    yield new_document(doc, legend=names or Legend({}), who=author, state=state, left=left)
            else:
                yield _document_of(of_one, maker, names, author)
        if not number:
            raise ConversionError(
                "there is nothing to convert back",
                place=source,
                legal="a .spacy file with at least one Doc, or a folder with such files",
                advice="give what a conversion of tagtog documents wrote",
            )

    return ConvertedBack(write_project(documents(), target, force=force), left)


def _document_of(docs: list[Doc], maker: Converter, legend: Legend | None, who: str) -> Document:
    """The document of these Docs, with the version of every member."""
    first, *others = [
        maker.to_document(list(group), legend=legend, who=who)
        for _, group in groupby(docs, key=lambda doc: getattr(get_state(doc), "member", None))
    ]
    versions = dict(first.versions)
    for other in others:
        if other.html.data != first.html.data or not versions.keys().isdisjoint(other.versions):
            raise ConversionError(
                "two Docs claim to be the same version, or have other content",
                place=first.id,
                value=", ".join(other.versions),
                legal="the Docs of one document side by side, one version of it per member",
            )
        versions.update(other.versions)
    return Document(first.id, first.html, versions, folder=first.folder, legend=first.legend)
