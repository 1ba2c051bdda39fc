"""``spacy-tagtog validate``: what a conversion would say, without converting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    DEFAULT_THREADS,
    CaFile,
    Database,
    Domain,
    Owner,
    ProjectName,
    Rate,
    Settings,
    Threads,
    connect,
)
from spacy_tagtog.cli._reports import Reports, check_reports, say_choices, say_report, write_reports
from spacy_tagtog.cli._run import command, good, parse_pairs, progress, warn
from spacy_tagtog.errors import AnndocError, ConfigurationError, LegendError, SpacyTagtogError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport
    from spacy_tagtog.convert.report import ReportItem


@command
def validate_cli(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A tagtog project (folder or zip). Without it: the project on a running tagtog that the options name.",
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer: en, es, de… or xx for any.")
    ] = "en",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the converter, KEY=VALUE, as in convert.")
    ] = None,
    documents: Annotated[
        str, typer.Option("--documents", help="Which documents: confirmed, unconfirmed or all.")
    ] = "all",
    legend: Annotated[
        Path | None,
        typer.Option(
            "--legend",
            help="An annotations-legend.json to use instead of the project's own.",
            show_default=False,
        ),
    ] = None,
    report: Reports = None,
    query: Annotated[
        str,
        typer.Option(
            "--query",
            "-q",
            help="On a running tagtog: a search query for the documents. Empty: all of them.",
            show_default=False,
        ),
    ] = "",
    threads: Threads = DEFAULT_THREADS,
    rate: Rate = 0,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Check tagtog documents: say everything that a conversion would say, and write nothing but the report.

    The exit code is 1 if there are faults: files that can't be read or lack their partner, entities whose part or
    text is not there, classes without a name. Where the legend can't be read, class ids stand for names.
    Repaired offsets are no faults, but they are listed.

    Documents on a running tagtog are downloaded into a temporary folder, which is removed; what fetch would refuse to
    read is listed like any other fault.

    Examples:
      spacy-tagtog validate my-download.zip --report report.html

      spacy-tagtog validate --project proteins --query "folder:batch-2" --set "member=*"
    """
    from spacy_tagtog.convert import make_converter
    from spacy_tagtog.convert.converter import settings_from_text

    check_reports(report)
    settings = settings_from_text(dict(parse_pairs(setting or [], option="--set")))
    connection = Settings.of(domain, owner, project, ca_file, database, threads=threads, rate=rate)
    if source is not None:
        # Variables of the environment may be set for other commands: they contradict nothing.
        if (
            query
            or (project and project != os.environ.get("TAGTOG_PROJECT"))
            or (domain and domain != os.environ.get("TAGTOG_DOMAIN"))
        ):
            raise ConfigurationError(
                "a file and a running tagtog contradict each other",
                place=source,
                legal="SOURCE, or --project, --domain, --query",
            )
        opened = _local(source)
    elif connection.is_local and not connection.project and not database.exists():
        raise ConfigurationError(
            "what to check is not said",
            legal="a folder or zip, or --project NAME for a project on a running tagtog",
        )
    else:
        opened = _downloaded(connection, query or "*", settings)
    with opened as (folder, place, unwritten):
        result, checked = validate(
            folder,
            lang=lang,
            settings=settings,
            documents=documents,
            legend=legend,
            progress=lambda items, total=None: progress(items, total, what="checking"),
        )
        for item in unwritten:
            result.documents_in += 1
            result.add(item)
        if source is None:
            result.items = [_without(item, f"{folder}{os.sep}") for item in result.items]
        write_reports(report, result, checked)
    say_report(result, list_faults=False)
    result.raise_faults(place=place, advice="mend them in tagtog; --report FILE.html shows them in context")
    say_choices(result, lambda: checked, make_converter(settings=settings))
    if result.documents_in and not result.documents_out:
        warn(
            f"nothing was checked: of {counted(result.documents_in, 'document')} none has what was asked for"
        )
    elif result.documents_out < result.documents_in:
        good(f"{result.documents_out} of {counted(result.documents_in, 'document')} checked, no faults")
    else:
        good(f"{counted(result.documents_in, 'document')}, no faults")


_Opened = tuple[Path, object, "list[ReportItem]"]
"""A project's folder or zip, what to call it, and what could not be put into it."""


@contextmanager
def _local(source: Path) -> Iterator[_Opened]:
    yield source, source, []


@contextmanager
def _downloaded(where: Settings, query: str, settings: Mapping[str, Any]) -> Iterator[_Opened]:
    """The documents of a project on a running tagtog, for as long as they are looked at."""
    from spacy_tagtog.client import ALL_MEMBERS, snapshot
    from spacy_tagtog.convert import ReportItem, make_converter

    member = make_converter(settings=settings).member
    members = [name.strip() for name in member.split(",")]
    with TemporaryDirectory(prefix="spacy-tagtog-", ignore_cleanup_errors=True) as temporary:
        with connect(where) as connection:
            folder = Path(temporary, "project")
            folder.mkdir()
            failed = snapshot(
                connection.client,
                folder,
                query=query,
                members=[ALL_MEMBERS] if ALL_MEMBERS in members else members,
                progress=lambda items, total: progress(items, total, what="fetching"),
            )
            place = str(connection)
        items = [
            ReportItem("unreadable", doc_id, detail=_told(error, without="to do")) for doc_id, error in failed
        ]
        yield folder, place, items


def _told(error: SpacyTagtogError, *, without: str) -> str:
    """An error in one line, without one of its details."""
    return " — ".join([error.problem, *(text for name, text in error.details() if name != without)])


def _open(source: Path, legend: Path | None, report: ConversionReport) -> Project:
    """Open a project. A legend of its own that can't be read is listed, and class ids stand for names: what else is wrong doesn't depend on them."""
    from spacy_tagtog.anndoc import Legend, Project
    from spacy_tagtog.convert import ReportItem

    try:
        return Project.open(source, strict=False, legend=legend)
    except LegendError as error:
        if legend is not None:
            raise  # an option's value is no fault of the project
        report.add(ReportItem("unreadable_legend", str(error.place), detail=_told(error, without="where")))
    project = Project.open(source, strict=False, legend=Legend())
    class_ids: set[str] = set()
    for doc_id in project.ids:
        with suppress(AnndocError):  # the check itself will say so
            for version in project[doc_id].versions.values():
                class_ids.update(entity.class_id for entity in version)
    project.legend = Legend.of_ids(sorted(class_ids))
    return project


def _without(item: ReportItem, folder: str) -> ReportItem:
    """The item without the path of the temporary folder."""
    return replace(item, document=item.document.replace(folder, ""), detail=item.detail.replace(folder, ""))


def validate(
    source: Path,
    *,
    lang: str = "en",
    settings: Mapping[str, Any] | None = None,
    documents: str = "all",
    legend: Path | None = None,
    progress: Progress = silent,
) -> tuple[ConversionReport, Project]:
    """Convert a project to nowhere.

    Args:
        source: A project's folder or zip.
        lang: Language of the tokenizer.
        settings: Settings of the converter.
        documents: ``confirmed``, ``unconfirmed`` or ``all``.
        legend: A legend file to use instead of the project's own.
        progress: Wraps the documents, with their number.

    Returns:
        The report, and the project that it is about.

    Raises:
        SpacyTagtogError: The project can't be opened, or a setting is unknown. Faults of documents and of the project's legend are in the report.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
    from spacy_tagtog.convert.corpus import DocumentChoice
    from spacy_tagtog.pipeline.loading import blank_pipeline

    choice: DocumentChoice = choose("--documents", documents, DocumentChoice)
    converter = make_converter(settings=settings)
    report = ConversionReport()
    project = _open(source, legend, report)
    for _ in convert_documents(
        project,
        blank_pipeline(lang),
        converter,
        report,
        choice=choice,
        on_problem="report",
        progress=progress,
    ):
        pass
    return report, project
