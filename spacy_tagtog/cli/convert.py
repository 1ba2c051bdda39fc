"""``spacy-tagtog convert``: tagtog documents to ``.spacy`` files, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import CodeOption, FormatOption, FormatSettingOption
from spacy_tagtog.cli._formats import read_format_settings, say_format
from spacy_tagtog.cli._options import (
    DocumentsOption,
    ForceOption,
    LangOption,
    LegendOption,
    OnProblemOption,
    ReportsOption,
)
from spacy_tagtog.cli._reports import say_choices, say_report
from spacy_tagtog.cli._run import command, good, note, parse_pairs, showing
from spacy_tagtog.errors import ArgumentError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import Converter
    from spacy_tagtog.formats.report import FormatReport
    from spacy_tagtog.steps.convert import Converted

_SourceArgument = Annotated[
    Path,
    typer.Argument(
        help="A tagtog project (folder or zip), or another tool's file or folder; "
        "with --back a .spacy file or a folder of them.",
        show_default=False,
    ),
]
_TargetArgument = Annotated[
    Path,
    typer.Argument(
        help="The folder to write .spacy files into, or one file that ends with .spacy; "
        "with --back the folder or zip to write documents into.",
        show_default=False,
    ),
]
_BaseOption = Annotated[
    str,
    typer.Option(
        "--base",
        help="A trained pipeline whose tokenizer to use instead of the language's.",
        show_default=False,
    ),
]
_TokenizerOption = Annotated[
    Path | None,
    typer.Option(
        "--tokenizer",
        help="Rules that spacy-tagtog tokenizer learned, for the tokenizer.",
        show_default=False,
    ),
]
_ConverterOption = Annotated[str, typer.Option("--converter", "-c", help="Registered name of the converter.")]
_SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting of the converter, KEY=VALUE: member=NAME or A,B or * (all), "
        "alignment=split|strict|contract|expand, ents=longest|shortest|first|surest, "
        "offset_unit=auto|utf-16|code-point, repair=yes|no, labels=OLD:NEW,DROPPED:, "
        "unit=document|part, types=A,B (all else is unknown), states=…, authors=user:*, min_prob=0.5.",
    ),
]
_FolderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--folder",
        help="Only documents of this tagtog folder and of those below it, such as pool/train; "
        "can be repeated.",
    ),
]
_SplitOption = Annotated[
    str,
    typer.Option(
        "--split",
        help="Shares of the sides beside train, such as dev=0.2 or dev=0.1,test=0.1. "
        "A document's side depends on its id alone.",
    ),
]
_SplitFileOption = Annotated[
    Path | None,
    typer.Option(
        "--split-file",
        help="Remember every document's side in this file. New documents join their near-duplicates, "
        "or go where their entity types are needed.",
        show_default=False,
    ),
]
_NProcessOption = Annotated[
    int,
    typer.Option("--n-process", "-n", help="Processes that convert. The files are the same for any number."),
]
_ShardSizeOption = Annotated[
    int,
    typer.Option(
        "--shard-size",
        help="At most N documents per file: more of them make a folder of files. "
        "0: one file, whatever its size.",
    ),
]
_BackOption = Annotated[
    bool, typer.Option("--back", help="The other way: from .spacy files to tagtog documents.")
]
_AuthorOption = Annotated[
    str, typer.Option("--author", help="With --back: who annotated what is new, ml:NAME or user:NAME.")
]
_StateOption = Annotated[
    str,
    typer.Option(
        "--state",
        help="With --back, for Docs that aren't from tagtog: pre-added, none, or auto (pre-added for ml:).",
    ),
]


@command
def convert_cli(
    context: typer.Context,
    source: _SourceArgument,
    target: _TargetArgument,
    lang: LangOption = "en",
    base: _BaseOption = "",
    tokenizer: _TokenizerOption = None,
    converter: _ConverterOption = "spacy-tagtog.Anndoc.v1",
    setting: _SettingOption = None,
    documents: DocumentsOption = "confirmed",
    folder: _FolderOption = None,
    split: _SplitOption = "",
    split_file: _SplitFileOption = None,
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    code: CodeOption = None,
    source_format: FormatOption = "",
    format_setting: FormatSettingOption = None,
    n_process: _NProcessOption = 1,
    shard_size: _ShardSizeOption = 2000,
    report: ReportsOption = None,
    force: ForceOption = False,
    back: _BackOption = False,
    author: _AuthorOption = "ml:spacy",
    state: _StateOption = "auto",
) -> None:
    """Convert tagtog documents, or another tool's, to .spacy files for training, character-exact, and back.

    The table says what went in, what came out and why the rest did not. Unknown text is marked as missing.

    Examples:
      spacy-tagtog convert assets/reviewed corpus --split dev=0.2
      spacy-tagtog convert export.jsonl from-doccano --format doccano
      spacy-tagtog convert corpus documents.zip --back
      spacy-tagtog convert stock.spacy documents --back --legend legend.json --author user:ada
    """
    from spacy_tagtog.convert import ConversionReport, make_converter
    from spacy_tagtog.convert.converter import settings_from_text
    from spacy_tagtog.formats.report import FormatReport
    from spacy_tagtog.steps.convert import convert
    from spacy_tagtog.steps.reports import report_paths, write_reports

    reports = report_paths(report)
    _import_code(code)
    if back:
        _convert_back(context, source, target, converter, force, legend, author, state)
        return
    settings = settings_from_text(dict(parse_pairs(setting or [], option="--set")), converter)
    of_format = read_format_settings(source_format, format_setting)
    open_project = partial(_open_project, source, source_format, of_format, legend)
    counts, read = ConversionReport(), FormatReport()
    try:
        result = convert(
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
            code=code,
            format=source_format,
            format_settings=of_format,
            format_report=read,
            force=force,
            report=counts,
            progress=showing("converting"),
            n_process=n_process,
            shard_size=shard_size,
        )
    finally:  # also, and above all, where the conversion is refused
        if counts.documents_in and reports:
            write_reports(reports, counts, open_project())
    _say_converted(result, read, open_project, make_converter(converter, settings))


def _import_code(code: Path | None) -> None:
    from spacy_tagtog.steps._code import import_code

    import_code(code)


def _open_project(source: Path, name: str, settings: dict[str, Any], legend: Path | None) -> Project:
    from spacy_tagtog.steps._formats import opened_project

    return opened_project(source, name, settings, legend)


def _say_converted(
    result: Converted, read: FormatReport, open_project: Callable[[], Project], converter: Converter
) -> None:
    say_format(read)
    say_report(result.report)
    say_choices(result.report, open_project, converter)
    for side, number in result.sides.items():
        good(f"{result.paths[side]}: {counted(number, 'document')}")


def _convert_back(
    context: typer.Context,
    source: Path,
    target: Path,
    converter: str,
    force: bool,
    legend: Path | None,
    author: str,
    state: str,
) -> None:
    from spacy_tagtog.steps.convert import convert_back

    _check_back(context)
    done = convert_back(
        source,
        target,
        converter=converter,
        legend=legend,
        author=author,
        state={"auto": None, "none": ""}.get(state, state),
        force=force,
        progress=showing("converting"),
    )
    note(
        [f"{name}: {counted(number, 'span')}" for name, number in sorted(done.left.items()) if number],
        caption="span groups that a document can't hold",
    )
    good(f"{counted(done.documents, 'document')} written to {target}")


_OF_BACK = frozenset({"source", "target", "converter", "code", "force", "back", "legend", "author", "state"})


def _check_back(context: typer.Context) -> None:
    """Refuse options that mean nothing on the way back: who gives one expects something of it.

    Raises:
        ConfigurationError: There is one.
    """
    # By name: newer versions of typer bring a click of their own.
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in _OF_BACK
        and getattr(context.get_parameter_source(parameter.name or ""), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise ArgumentError(
            "an option means nothing with --back",
            value=", ".join(given),
            legal="--legend, --author, --state, --converter, --code, --force",
            advice="leave it out, or leave out --back",
        )
