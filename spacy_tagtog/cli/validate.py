"""``spacy-tagtog validate``: what a conversion would say, without converting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog.cli._reports import Reports, check_reports, say_report, write_reports
from spacy_tagtog.cli._run import command, good, parse_pairs, progress

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport

__all__ = ["validate", "validate_cli"]


@command
def validate_cli(
    source: Annotated[Path, typer.Argument(help="A tagtog project (folder or zip).", show_default=False)],
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language of the tokenizer: en, es, de… or xx for any.")] = "en",
    setting: Annotated[list[str] | None, typer.Option("--set", help="A setting of the converter, KEY=VALUE, as in convert.")] = None,
    documents: Annotated[str, typer.Option("--documents", help="Which documents: confirmed, unconfirmed or all.")] = "all",
    legend: Annotated[
        Path | None, typer.Option("--legend", help="An annotations-legend.json to use instead of the project's own.", show_default=False)
    ] = None,
    report: Reports = None,
) -> None:
    """Check tagtog documents: say everything that a conversion would say, and write nothing but the report.

    The exit code is 1 if there are faults: files that can't be read or lack their partner, entities whose part or
    text is not there, classes without a name. Repaired offsets are no faults, but they are listed.

    Example:
      spacy-tagtog validate my-download.zip --report report.html
    """
    from spacy_tagtog.convert import settings_from_text

    check_reports(report)
    settings = settings_from_text(dict(parse_pairs(setting or [], option="--set")))
    result, project = validate(
        source,
        lang=lang,
        settings=settings,
        documents=documents,
        legend=legend,
        progress=lambda items, total: progress(items, total, what="checking"),
    )
    write_reports(report, result, project)
    say_report(result, list_faults=False)
    result.raise_faults(place=source, advice="mend them in tagtog; --report FILE.html shows them in context")
    good(f"{result.documents_in} documents, no faults")


def validate(
    source: Path,
    *,
    lang: str = "en",
    settings: Mapping[str, Any] | None = None,
    documents: str = "all",
    legend: Path | None = None,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
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
        SpacyTagtogError: The project can't be opened, or a setting is unknown. Faults of documents are in the report.
    """
    from spacy_tagtog._choices import choose
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.convert import ConversionReport, convert_documents, make_converter
    from spacy_tagtog.convert.corpus import DocumentChoice
    from spacy_tagtog.pipeline.loading import blank_pipeline

    choice: DocumentChoice = choose("--documents", documents, DocumentChoice)
    converter = make_converter(settings=settings)
    project = Project.open(source, strict=False, legend=legend)
    report = ConversionReport()
    for _ in convert_documents(project, blank_pipeline(lang), converter, report, choice=choice, on_problem="report", progress=progress):
        pass
    return report, project
