"""``spacy-tagtog validate``: what a conversion would say, without converting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import CodeOption, FormatOption, FormatSettingOption
from spacy_tagtog.cli._formats import read_format_settings, say_format
from spacy_tagtog.cli._options import (
    DocumentsOption,
    LangOption,
    LegendOption,
    ReportsOption,
    takes_connection,
)
from spacy_tagtog.cli._reports import say_choices, say_report
from spacy_tagtog.cli._run import command, good, parse_pairs, showing, warn
from spacy_tagtog.errors import ArgumentError
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

if TYPE_CHECKING:
    from spacy_tagtog.steps.validate import Validated

_SourceArgument = Annotated[
    Path | None,
    typer.Argument(
        help="A tagtog project (folder or zip), or another tool's file or folder. "
        "Without it: the project on a running tagtog that the options name.",
        show_default=False,
    ),
]
_SettingOption = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the converter, KEY=VALUE, as in convert.")
]
_QueryOption = Annotated[
    str,
    typer.Option(
        "--query",
        "-q",
        help="On a running tagtog: a search query for the documents. Empty: all of them.",
        show_default=False,
    ),
]


@command
@takes_connection(pace=True)
def validate_cli(
    where: ConnectionSettings,
    source: _SourceArgument = None,
    lang: LangOption = "en",
    setting: _SettingOption = None,
    documents: DocumentsOption = "all",
    legend: LegendOption = None,
    source_format: FormatOption = "",
    format_setting: FormatSettingOption = None,
    code: CodeOption = None,
    report: ReportsOption = None,
    query: _QueryOption = "",
) -> None:
    """Check documents without converting them: the same report, and nothing else is written.

    The exit code is 1 if there are faults: files that can't be read or lack their partner, entities whose
    part or text is not there, classes without a name. Where the legend can't be read, class ids stand for
    names. Repaired offsets are no faults, but they are listed.

    Documents on a running tagtog are downloaded into a temporary folder, which is removed. What fetch would
    refuse to read is listed like any other fault. So are records of another tool's file that can't be read.

    Examples:
      spacy-tagtog validate my-download.zip --report report.html

      spacy-tagtog validate export.jsonl --format doccano

      spacy-tagtog validate --project proteins --query "folder:batch-2" --set "member=*"
    """
    from spacy_tagtog.convert.converter import settings_from_text
    from spacy_tagtog.formats.report import FormatReport
    from spacy_tagtog.steps._code import import_code
    from spacy_tagtog.steps.reports import report_paths
    from spacy_tagtog.steps.validate import validate, validate_running

    import_code(code)
    reports = report_paths(report)
    settings = settings_from_text(dict(parse_pairs(setting or [], option="--set")))
    of_format = read_format_settings(source_format, format_setting)
    read = FormatReport(strict=False)
    if source is not None:
        _check_no_contradiction(source, query, where)
        result = validate(
            source,
            lang=lang,
            settings=settings,
            documents=documents,
            legend=legend,
            format=source_format,
            format_settings=of_format,
            format_report=read,
            report=reports,
            progress=showing("checking"),
        )
    elif source_format:
        raise ArgumentError(
            "a running tagtog has no documents of another format",
            place="--format",
            value=source_format,
            legal="SOURCE with --format",
        )
    elif where.is_local and not where.project and not where.database.exists():
        raise ArgumentError(
            "neither a source nor a project is named",
            legal="a folder or zip, or --project NAME for a project on a running tagtog",
        )
    else:
        with open_connection(where) as tagtog:
            result = validate_running(
                tagtog,
                query=query or "*",
                lang=lang,
                settings=settings,
                documents=documents,
                legend=legend,
                report=reports,
                progress=showing("checking"),
            )
    say_format(read, list_faults=False)
    _say(result, settings)


def _say(result: Validated, settings: dict[str, Any]) -> None:
    """Print what was found.

    Raises:
        ConversionError: There are faults.
    """
    from spacy_tagtog.convert import make_converter

    found = result.report
    say_report(found, list_faults=False)
    result.raise_faults()
    say_choices(found, lambda: result.project, make_converter(settings=settings))
    if found.documents_in and not found.documents_out:
        warn(f"nothing was checked: of {counted(found.documents_in, 'document')} none has what was asked for")
    elif found.documents_out < found.documents_in:
        good(f"{found.documents_out} of {counted(found.documents_in, 'document')} checked, no faults")
    else:
        good(f"{counted(found.documents_in, 'document')}, no faults")


def _check_no_contradiction(source: Path, query: str, where: ConnectionSettings) -> None:
    """Refuse a file beside options that name a running tagtog.

    Raises:
        ArgumentError: Both are given.
    """
    # Variables of the environment may be set for other commands: they contradict nothing.
    outside = ConnectionSettings.from_environment()
    if query or (where.project, where.domain) != (outside.project, outside.domain):
        raise ArgumentError(
            "a file and a running tagtog contradict each other",
            place=source,
            legal="SOURCE, or --project, --domain, --query",
        )
