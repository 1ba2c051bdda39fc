"""``spacy-tagtog convert``: tagtog documents to ``.spacy`` files, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._reports import Reports, check_reports, say_choices, say_report, write_reports
from spacy_tagtog.cli._run import command, good, parse_pairs, progress

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from spacy_tagtog.anndoc import Document, Project
    from spacy_tagtog.convert import ConversionReport, Converter
    from spacy_tagtog.errors import ConversionError

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@command
def convert_cli(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            help="A tagtog project (folder or zip); with --back a .spacy file or a folder of them.",
            show_default=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="The folder to write .spacy files into, or one file that ends with .spacy; with --back the folder or zip to write documents into.",
            show_default=False,
        ),
    ],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer: en, es, de… or xx for any.")
    ] = "en",
    base: Annotated[
        str,
        typer.Option(
            "--base",
            help="A trained pipeline whose tokenizer to use instead of the language's.",
            show_default=False,
        ),
    ] = "",
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer",
            help="Rules that spacy-tagtog tokenizer learned, for the tokenizer.",
            show_default=False,
        ),
    ] = None,
    converter: Annotated[
        str, typer.Option("--converter", "-c", help="Registered name of the converter.")
    ] = "spacy-tagtog.Anndoc.v1",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of the converter, KEY=VALUE: member=NAME or A,B or * (all), alignment=split|strict|contract|expand, "
            "ents=longest|shortest|first|surest, offset_unit=auto|utf-16|code-point, repair=yes|no, labels=OLD:NEW,DROPPED:, "
            "unit=document|part, types=A,B (all else is unknown), states=…, authors=user:*, min_prob=0.5.",
        ),
    ] = None,
    documents: Annotated[
        str, typer.Option("--documents", help="Which documents: confirmed, unconfirmed or all.")
    ] = "confirmed",
    folder: Annotated[
        list[str] | None,
        typer.Option(
            "--folder",
            help="Only documents of this tagtog folder and of those below it, such as pool/train; can be repeated.",
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="Shares of the sides beside train, such as dev=0.2 or dev=0.1,test=0.1. A document's side depends on its id alone.",
        ),
    ] = "",
    split_file: Annotated[
        Path | None,
        typer.Option(
            "--split-file",
            help="Remember every document's side in this file; new documents join their near-duplicates or go where their entity types are needed.",
            show_default=False,
        ),
    ] = None,
    on_problem: Annotated[
        str,
        typer.Option(
            "--on-problem", help="Faults of the data: error (refuse), or report (set aside and list)."
        ),
    ] = "error",
    legend: Annotated[
        Path | None,
        typer.Option(
            "--legend",
            help="An annotations-legend.json to use instead of the project's own.",
            show_default=False,
        ),
    ] = None,
    n_process: Annotated[
        int,
        typer.Option(
            "--n-process", "-n", help="Processes that convert. The files are the same for any number."
        ),
    ] = 1,
    shard_size: Annotated[
        int,
        typer.Option(
            "--shard-size",
            help="Documents in a file: more of them make a folder of files. 0: one file, whatever its size.",
        ),
    ] = 2000,
    report: Reports = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")
    ] = False,
    back: Annotated[
        bool, typer.Option("--back", help="The other way: from .spacy files to tagtog documents.")
    ] = False,
) -> None:
    """Convert tagtog documents to .spacy files for training, character-exact, and back.

    Nothing is dropped silently: the table says what went in, what came out and why the rest did not. Texts about
    which nothing is known (a part that nobody could annotate, an entity that can't be placed) are marked as missing,
    so that training isn't taught that there is nothing.

    Examples:
      spacy-tagtog convert assets/reviewed corpus --split dev=0.2

      spacy-tagtog convert assets/reviewed reviewed.spacy

      spacy-tagtog convert corpus documents.zip --back
    """
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, make_converter
    from spacy_tagtog.convert.converter import settings_from_text

    if back:
        _check_back(context)
        number = convert_back(
            source,
            target,
            converter=converter,
            force=force,
            progress=lambda items, total: progress(items, total, what="converting"),
        )
        good(f"{counted(number, 'document')} written to {target}")
        return
    check_reports(report)
    settings = settings_from_text(dict(parse_pairs(setting or [], option="--set")), converter)
    result = ConversionReport()
    try:
        sides = convert(
            source,
            target,
            lang=lang,
            base=base,
            tokenizer=tokenizer,
            converter=converter,
            settings=settings,
            documents=documents,
            folders=folder or (),
            split=split,
            split_file=split_file,
            on_problem=on_problem,
            legend=legend,
            force=force,
            report=result,
            progress=lambda items, total: progress(items, total, what="converting"),
            n_process=n_process,
            shard_size=shard_size,
        )
    finally:
        # Also, and above all, where the conversion is refused.
        if result.documents_in:
            write_reports(report, result, Project.open(source, strict=False, legend=legend))
    say_report(result)
    say_choices(
        result,
        partial(Project.open, source, strict=False, legend=legend),
        make_converter(converter, settings),
    )
    for side, number in sides.items():
        file = target if _is_file(target) else target / f"{side}.spacy"
        good(f"{file if file.exists() else target / side}: {counted(number, 'document')}")


_OF_BACK = frozenset({"source", "target", "converter", "force", "back"})


def _check_back(context: typer.Context) -> None:
    """Refuse options that mean nothing on the way back: who gives one expects something of it.

    Raises:
        ConfigurationError: There is one.
    """
    from spacy_tagtog.errors import ConfigurationError

    # By name: newer versions of typer bring a click of their own.
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in _OF_BACK
        and getattr(context.get_parameter_source(parameter.name or ""), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise ConfigurationError(
            "an option means nothing with --back",
            value=", ".join(given),
            legal="--converter, --force",
            advice="leave it out, or leave out --back",
        )


def _none_on(
    side: str, project: Project, converter: Converter, report: ConversionReport, documents: str, split: str
) -> ConversionError:
    """The error for a side of the split without a document, with the reason why."""
    from spacy_tagtog.cli._reports import other_versions
    from spacy_tagtog.errors import ConversionError

    aside = "".join(f"; {number} set aside: {meaning}" for meaning, number in report.documents_aside.items())
    advice = []
    if report.documents_out:
        advice.append("convert more documents, or change --split")
    if report.count("not_annotated") and (others := other_versions(project, converter)):
        advice.append(
            f"say whose annotations to convert, there are those of {', '.join(others)}: --set member=NAME, or * for all"
        )
    if report.count("unconfirmed"):
        advice.append("confirm documents in tagtog and fetch them, or choose others with --documents")
    return ConversionError(
        f"no document is on the side {side!r}",
        place=project.place,
        value=f"{report.documents_out} of {counted(report.documents_in, 'document')} converted ({documents}; split {split or 'none'}){aside}",
        legal="at least one document a side",
        advice="; or ".join(advice) or "annotate documents in tagtog and fetch them",
    )


def convert(
    source: Path,
    target: Path,
    *,
    lang: str = "en",
    base: str = "",
    tokenizer: Path | None = None,
    converter: str = "spacy-tagtog.Anndoc.v1",
    settings: Mapping[str, Any] | None = None,
    documents: str = "confirmed",
    folders: Sequence[str] = (),
    split: str = "",
    split_file: Path | None = None,
    on_problem: str = "error",
    legend: Path | None = None,
    force: bool = False,
    report: ConversionReport | None = None,
    progress: Progress | None = None,
    n_process: int = 1,
    shard_size: int = 2000,
) -> dict[str, int]:
    """Convert a project into ``target/train.spacy`` and one file for each other side of the split, all or nothing.

    A side of more Docs than fit into one file becomes a folder of files, ``target/train/0000.spacy`` and so on. A target that ends with ``.spacy``
    is a file of all Docs.

    With ``on_problem="error"`` the whole project is looked at and all faults are listed before anything is refused.

    Args:
        source: A project's folder or zip.
        target: A folder, or a path ending with ``.spacy``.
        lang: Language of the tokenizer.
        base: A pipeline whose tokenizer to use instead.
        tokenizer: A file of rules that were learned, to add to either.
        converter: Registered name of the converter.
        settings: Its settings.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        folders: Only documents of these tagtog folders and of those below them, such as ``pool/train``; none: of all.
        split: Such as ``dev=0.2``.
        split_file: Remember the sides in this file, keep near-duplicates together and balance the entity types.
        on_problem: ``error`` or ``report``.
        legend: A legend file to use instead of the project's own.
        force: Replace the target.
        report: Everything is counted there.
        progress: Wraps the documents, with their number.
        n_process: The number of processes; the files are the same for any.
        shard_size: Docs in a file; 0 makes one file of each side, whatever its size.

    Returns:
        The number of documents on each side.

    Raises:
        ConversionError: There are faults (``error``), or a side of the split has no document.
        ConfigurationError: A split can't be one file, and other settings that can't be.
        SpacyTagtogError: Anything else, see the functions called.
    """
    from spacy_tagtog._files import atomic_folder, check_free
    from spacy_tagtog._options import choose
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, make_converter
    from spacy_tagtog.convert.bulk import BulkJob, Shards, convert_in_bulk
    from spacy_tagtog.convert.corpus import DocumentChoice, OnProblem, in_folders
    from spacy_tagtog.convert.docbin import PIECE_DOCS
    from spacy_tagtog.convert.split import TRAIN, parse_split
    from spacy_tagtog.convert.split_plan import plan_split, read_plan, split_items, write_plan
    from spacy_tagtog.errors import ConfigurationError

    for option, number, least in (("--n-process", n_process, 1), ("--shard-size", shard_size, 0)):
        if number < least:
            raise ConfigurationError(f"{option} is out of range", value=number, legal=f"{least} or more")
    choice: DocumentChoice = choose("--documents", documents, DocumentChoice)
    choose("--on-problem", on_problem, OnProblem)
    shares = parse_split(split)
    maker = make_converter(converter, settings)
    is_file = _is_file(target)
    if is_file and shares:
        folder_instead = target.with_suffix("")
        raise ConfigurationError(
            "the sides of a split don't fit into one file",
            place=target,
            value=split,
            legal="a folder",
            advice=f"write to {folder_instead}",
        )
    check_free(
        target, force=force, sources=(source, base, tokenizer, legend)
    )  # a split file is written again
    make_nlp = partial(_make_nlp, base, lang, tokenizer)
    # Faults are collected and refused together: one at a time would mean one run for each.
    report = report if report is not None else ConversionReport()
    project = in_folders(Project.open(source, strict=False, legend=legend), folders, report)
    plan = {}
    if split_file is not None:
        items = split_items(project, member=maker.member, confirmed_only=choice == "confirmed")
        known = read_plan(split_file)
        plan = {**known, **plan_split(items, shares, known=known)}
    job = BulkJob(source, make_nlp, converter, dict(settings or {}), choice, shares, plan, legend)
    with _file_of(target, TRAIN) if is_file else atomic_folder(target, force=force) as folder:
        sides = {side: Shards(folder, side, 0 if is_file else shard_size) for side in (TRAIN, *shares)}

        def finished(report: ConversionReport) -> Iterator[str]:
            batch_size = min(PIECE_DOCS, shard_size or PIECE_DOCS)
            for batch in convert_in_bulk(job, project, report, n_process=n_process, batch_size=batch_size):
                for side, piece in batch.pieces.items():
                    sides[side].add(piece)
                yield from batch.ids

        for _ in finished(report) if progress is None else progress(finished(report), len(project)):
            pass
        # Nothing is visible yet: the folder gets its name at the end of this block.
        if on_problem == "error":
            report.raise_faults(
                place=source,
                advice="mend them in tagtog and fetch again, or pass --on-problem report to set them aside and list them",
            )
        for side, shards in sides.items():
            if not len(shards):
                raise _none_on(side, project, maker, report, documents, split)
            shards.close()
    if split_file is not None:
        write_plan(split_file, plan)
    return {side: len(shards) for side, shards in sides.items()}


def _is_file(target: Path) -> bool:
    """Whether all Docs go into one file."""
    return target.suffix == ".spacy" and not target.is_dir()


@contextmanager
def _file_of(path: Path, side: str) -> Iterator[Path]:
    """A temporary folder; the file of this side in it becomes ``path`` when the block ends well."""
    from spacy_tagtog._files import TEMPORARY_PREFIX, atomic_path

    with atomic_path(path) as file, TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=file.parent) as folder:
        yield Path(folder)
        Path(folder, f"{side}.spacy").replace(file)


def _make_nlp(base: str, lang: str, tokenizer: Path | None) -> Language:
    """The pipeline whose tokenizer is used; every process makes its own."""
    from spacy_tagtog.convert.tokenizer import apply_rules, read_rules
    from spacy_tagtog.pipeline.loading import blank_pipeline, load_pipeline

    nlp = load_pipeline(base) if base else blank_pipeline(lang)
    if tokenizer is not None:
        apply_rules(nlp, read_rules(tokenizer))
    return nlp


def _document_of(docs: list[Doc], maker: Converter) -> Document:
    """The document of these Docs, with the version of every member."""
    from itertools import groupby

    from spacy_tagtog.anndoc import Document
    from spacy_tagtog.convert.state import get_state
    from spacy_tagtog.errors import ConversionError

    first, *others = [
        maker.to_document(list(group))
        for _, group in groupby(docs, key=lambda doc: getattr(get_state(doc), "member", None))
    ]
    versions = dict(first.versions)
    for other in others:
        if other.html.data != first.html.data or not versions.keys().isdisjoint(other.versions):
            raise ConversionError(
                "two Docs claim to be the same version, or have other content",
                place=first.id,
                value=", ".join(other.versions),
                legal="the Docs of one document side by side, one version of it for each member",
            )
        versions.update(other.versions)
    return Document(first.id, first.html, versions, folder=first.folder, legend=first.legend)


def convert_back(
    source: Path,
    target: Path,
    *,
    converter: str = "spacy-tagtog.Anndoc.v1",
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Convert ``.spacy`` files that this package wrote back into tagtog documents, all or nothing.

    Args:
        source: A ``.spacy`` file, or a folder of them.
        target: A folder or a path ending with ``.zip``.
        converter: Registered name of the converter that wrote them.
        force: Replace the target.
        progress: Wraps the Docs.

    Returns:
        The number of documents.

    Raises:
        SpacyTagtogError: See the functions called.
    """
    from itertools import groupby

    import spacy

    from spacy_tagtog._files import check_free
    from spacy_tagtog.anndoc import write_project
    from spacy_tagtog.convert import make_converter, read_spacy
    from spacy_tagtog.convert.state import get_state
    from spacy_tagtog.errors import ConversionError

    maker = make_converter(converter)
    check_free(target, force=force, sources=(source,))

    def documents() -> Iterator[Document]:
        docs: Iterable[Doc] = read_spacy(source, spacy.blank("xx").vocab)
        if progress is not None:
            docs = progress(docs, 0)
        number = 0
        for doc_id, group in groupby(docs, key=lambda doc: getattr(get_state(doc), "id", None)):
            of_one = list(group)
            number += 1 if doc_id is not None else len(of_one)
            if doc_id is None:
                yield from (maker.to_document([doc]) for doc in of_one)
            else:
                yield _document_of(of_one, maker)
        if not number:
            raise ConversionError(
                "there is nothing to convert back",
                place=source,
                legal="a .spacy file with at least one Doc, or a folder with such files",
                advice="give what spacy-tagtog convert wrote; without --back, tagtog documents are converted to .spacy files",
            )

    return write_project(documents(), target, force=force)
