"""``spacy-tagtog import`` and ``export``: whole projects between a folder or zip and tagtog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._arguments import CodeOption, FormatOption, FormatSettingOption
from spacy_tagtog.cli._formats import read_format_settings, say_format
from spacy_tagtog.cli._options import (
    DryRunOption,
    ForceOption,
    OnProblemOption,
    SourceLegendOption,
    takes_connection,
)
from spacy_tagtog.cli._run import command, good, info, note, showing, table, warn
from spacy_tagtog.cli.push import saying_what_was_sent
from spacy_tagtog.steps.connection import ConnectionSettings, open_connection

if TYPE_CHECKING:
    from spacy_tagtog.server.db.archive import Archived
    from spacy_tagtog.steps.import_export import Imported


@command
@takes_connection()
def import_cli(
    where: ConnectionSettings,
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder or zip of tagtog documents, or another tool's file or folder.", show_default=False
        ),
    ],
    on_problem: Annotated[
        str,
        typer.Option(
            "--on-problem",
            help="Files that don't belong together, and records of other tools with faults: error (refuse), "
            "or report (leave out and list).",
        ),
    ] = "error",
    legend: SourceLegendOption = None,
    source_format: FormatOption = "",
    format_setting: FormatSettingOption = None,
    code: CodeOption = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Overwrite annotations that people confirmed, too.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put all documents of a folder or zip into a tagtog project, with every version of their annotations.

    On the local tagtog the project is made if it isn't there (named after the source unless --project says
    otherwise), with the entity types and labels of the source's legend. A project elsewhere must exist and
    have them. What export wrote of a local project becomes a new project with everything that it had:
    settings, members and roles, assignments, originals, history.

    Example:
      spacy-tagtog import my-download.zip --project proteins
      spacy-tagtog import export.jsonl --format doccano --project genes
    """
    from spacy_tagtog.formats.report import FormatReport
    from spacy_tagtog.steps._code import import_code
    from spacy_tagtog.steps.import_export import import_project

    import_code(code)
    counts = FormatReport()
    with saying_what_was_sent():
        result = import_project(
            source,
            where,
            on_problem=on_problem,
            legend=legend,
            format=source_format,
            settings=read_format_settings(source_format, format_setting),
            force=force,
            dry_run=dry_run,
            progress=showing("importing"),
            report=counts,
        )
    say_format(counts)
    _say_imported(result, dry_run=dry_run)


def _say_imported(result: Imported, *, dry_run: bool) -> None:
    """Say what an import did."""
    would = "would be " if dry_run else ""
    are = would or ("is " if result.documents == 1 else "are ")
    if result.restored is not None:
        note(result.restored.notes, caption="not as it was")
        good(f"{_counts(result.restored)} {are}in {result.where}")
        return
    if result.is_kept:
        info(
            f"{result.where} is there already: its settings, members and history stay, "
            "and only documents and versions are taken"
        )
    if result.is_new:
        info(f"the project {would or 'was '}made: {result.where}")
    for member, report in result.versions.items():
        table(
            [
                (f"versions of {member}", ""),
                ("  created", len(report.created)),
                ("  updated", len(report.updated)),
                ("  unchanged", len(report.unchanged)),
                ("  refused", len(report.refused)),
            ]
        )
        note((f"{doc_id}: {why}" for doc_id, why in report.refused), caption=f"refused, versions of {member}")
    note((f"{error.problem}: {error.place}" for error in result.left_out), caption="left out")
    documents = f"{counted(result.documents, 'document')} with {counted(result.entities, 'entity')}"
    good(f"{documents} {are}in {result.where}")


def _counts(moved: Archived) -> str:
    documents, versions = counted(moved.documents, "document"), counted(moved.versions, "version")
    return f"{documents} with {versions} and {counted(moved.saves, 'save')}"


@command
@takes_connection()
def export_cli(
    where: ConnectionSettings,
    target: Annotated[Path, typer.Argument(help="The folder or zip to write.", show_default=False)],
    query: Annotated[str, typer.Option("--query", "-q", help="A tagtog search query.")] = "*",
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whose annotations (repeat for several). Default: everybody's; with --format master's.",
            show_default=False,
        ),
    ] = None,
    target_format: FormatOption = "",
    format_setting: FormatSettingOption = None,
    on_problem: OnProblemOption = "error",
    code: CodeOption = None,
    force: ForceOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
) -> None:
    """Write all documents of a tagtog project into a folder or zip, in the layout of tagtog's own download.

    Without --member, a project of the local tagtog is written with everything that belongs to it, so that
    import makes an equal one of it: settings, members and roles, assignments, the order of review, flags,
    dictionaries, originals, history. Passwords are left out.

    With --format, another tool's files are written: one file, or a folder for brat and xmi. The report says
    what that format can't carry.

    Examples:
      spacy-tagtog export backup.zip --project proteins
      spacy-tagtog export brat-files --format brat --project proteins
    """
    from spacy_tagtog.formats.report import FormatReport
    from spacy_tagtog.steps._code import import_code
    from spacy_tagtog.steps.import_export import export_project

    import_code(code)
    counts = FormatReport()
    settings = read_format_settings(target_format, format_setting)
    with open_connection(where) as tagtog:
        result = export_project(
            tagtog,
            target,
            query=query,
            members=member or (),
            format=target_format,
            settings=settings,
            on_problem=on_problem,
            force=force,
            dry_run=dry_run,
            progress=showing("exporting"),
            report=counts,
        )
    say_format(counts)
    if dry_run:
        good(f"{counted(result.documents, 'document')} would be written to {target}")
        return
    if result.only_master:
        warn(
            f"{result.only_master}: read the project's members. So only the master versions are written; "
            "name members with --member"
        )
    if result.archive is None:
        good(f"{counted(result.documents, 'document')} written to {target}")
        return
    if not result.documents:
        info("the project has no document")
    note(result.archive.notes, caption="not in it")
    good(f"{_counts(result.archive)} written to {target}")
