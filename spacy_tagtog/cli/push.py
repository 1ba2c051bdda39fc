"""``spacy-tagtog push``: upload documents with their annotations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._connection import (
    DEFAULT_DATABASE,
    DEFAULT_THREADS,
    CaFile,
    Connection,
    Database,
    DistributeTo,
    DocumentsReport,
    Domain,
    Owner,
    ProjectName,
    Rate,
    Settings,
    Threads,
    connect,
)
from spacy_tagtog.cli._run import command, echo, good, info, note, progress, table, write_json
from spacy_tagtog.errors import ConfigurationError, SpacyTagtogError

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Document, Project
    from spacy_tagtog.client import PushReport
    from spacy_tagtog.selection.queue import Queue

_SHOWN: Final = 20
_SEARCH_TERMS: Final = 40  # addresses and queries have a length
_RANK_FIRST: Final = "rank the documents first: spacy-tagtog rank"


@command
def push_cli(
    source: Annotated[Path, typer.Argument(help="A folder or zip of tagtog documents.", show_default=False)],
    member: Annotated[
        str, typer.Option("--member", "-m", help="Which version is uploaded, and whose version it becomes.")
    ] = "master",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="The most documents in one request.")
    ] = 20,
    ranking: Annotated[
        Path | None,
        typer.Option(
            "--ranking",
            help="Send the documents in the order of this file, which spacy-tagtog rank wrote.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, help="With --ranking: send only the first so many; 0 sends all.")
    ] = 0,
    folder: Annotated[
        str,
        typer.Option(
            "--folder",
            "-f",
            help="The folder for new documents, such as pool/review; {batch} in it is the number of their batch in the ranking. Empty: as the "
            "documents say.",
            show_default=False,
        ),
    ] = "",
    distribute_to: DistributeTo = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Overwrite annotations that people confirmed, too.")
    ] = False,
    report: DocumentsReport = None,
    threads: Threads = DEFAULT_THREADS,
    rate: Rate = 0,
    domain: Domain = "",
    owner: Owner = "",
    project: ProjectName = "",
    ca_file: CaFile = "",
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Upload documents with their annotations for people to review.

    Sending the same again changes nothing, so a push that was interrupted, even killed, is resumed by running it again.
    Documents that people confirmed in tagtog are never overwritten: they are refused and listed, unless --force is
    given. Labels are matched by name; one that the project doesn't have stops everything before anything is sent.

    With --ranking, new documents are created in its order, in which tagtog lists them. Documents that tagtog has already
    stay where they are in its lists and folders; with --top, a search that finds the first batch is printed.

    Example:
      spacy-tagtog push annotated
      spacy-tagtog push annotated --ranking ranking.json --top 40 --folder "pool/review-{batch}"
    """
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.selection.queue import queue_of
    from spacy_tagtog.selection.ranking import read_ranking

    if top and ranking is None:
        raise ConfigurationError(
            "--top needs to know the order of the documents",
            value=top,
            legal="--top with --ranking",
            advice=_RANK_FIRST,
        )
    if "{batch}" in folder and ranking is None:
        raise ConfigurationError(
            "{batch} needs to know the batches",
            value=folder,
            legal="{batch} with --ranking",
            advice=_RANK_FIRST,
        )
    documents = Project.open(source)
    queue = None if ranking is None else queue_of(documents, read_ranking(ranking), top)
    with connect(
        Settings.of(domain, owner, project, ca_file, database, threads=threads, rate=rate)
    ) as connection:
        result = push_and_say(
            connection,
            documents if queue is None else queue.project,
            member=member,
            batch_size=batch_size,
            distribute_to=distribute_to,
            folder=folder,
            queue=queue,
            force=force,
            dry_run=dry_run,
        )
        where = str(connection)
    searches = {} if queue is None else _searches(queue, result)
    write_json(
        report,
        {
            "created": result.created,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "refused": [{"id": doc_id, "why": why} for doc_id, why in result.refused],
            **({} if queue is None else _queue_json(queue, searches)),
        },
    )
    say_pushed(result)
    if queue is not None:
        _say_queue(queue, result, searches, top, dry_run=dry_run)
    good(
        f"{'would be sent' if dry_run else 'sent'} to {where}: {counted(len(result.created) + len(result.updated), 'document')}"
    )


def push_and_say(
    connection: Connection,
    documents: Project,
    *,
    member: str,
    batch_size: int = 20,
    distribute_to: str | None = None,
    folder: str = "",
    queue: Queue | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> PushReport:
    """Push with a progress bar; where it fails midway, first say what was sent.

    Raises:
        SpacyTagtogError: See :func:`spacy_tagtog.client.push`.
    """
    from spacy_tagtog.client import PushReport, push

    def folder_of(document: Document) -> str:
        place = None if queue is None else queue.places.get(document.id)
        # What has no place in the ranking belongs to no batch.
        return (
            document.folder
            if place is None and "{batch}" in folder
            else folder.replace("{batch}", str(place.batch if place else ""))
        )

    try:
        return push(
            connection.client,
            documents,
            member=member,
            batch_size=batch_size,
            distribute_to=distribute_to,
            folder=folder_of if folder else None,
            in_order=queue is not None,
            force=force,
            dry_run=dry_run,
            progress=lambda items, total: progress(items, total, what="pushing"),
        )
    except SpacyTagtogError as error:
        done = getattr(error, "report", None)
        if isinstance(done, PushReport) and (done.created or done.updated):
            say_pushed(done)
        raise


def _searches(queue: Queue, report: PushReport) -> dict[int, list[str]]:
    """For each batch of the ranking, tagtog searches that find the documents that are waiting for people there."""
    batches: dict[int, list[str]] = {}
    for doc_id, place in queue.places.items():
        if doc_id in report.ids:
            batches.setdefault(place.batch, []).append(f'docid:"{report.ids[doc_id]}"')
    return {
        number: [
            " OR ".join(terms[start : start + _SEARCH_TERMS]) for start in range(0, len(terms), _SEARCH_TERMS)
        ]
        for number, terms in sorted(batches.items())
    }


def _queue_json(queue: Queue, searches: Mapping[int, list[str]]) -> dict[str, Any]:
    return {
        "order": queue.project.ids,
        "later": queue.later,
        "unranked": queue.unranked,
        "missing": queue.missing,
        "searches": [
            {"batch": number, "search": search} for number, found in searches.items() for search in found
        ],
    }


def _say_queue(
    queue: Queue, report: PushReport, searches: Mapping[int, list[str]], top: int, *, dry_run: bool
) -> None:
    if dry_run:
        what = {
            **dict.fromkeys(report.created, "created"),
            **dict.fromkeys(report.updated, "updated"),
            **dict.fromkeys(report.unchanged, "unchanged"),
            **{doc_id: "refused" for doc_id, _ in report.refused},
        }
        places = [(queue.places.get(doc_id), doc_id) for doc_id in queue.project.ids]
        rows = [
            (place.rank if place else "–", place.batch if place else "–", doc_id, what.get(doc_id, "–"))
            for place, doc_id in places
        ]
        table(rows[:_SHOWN], header=("rank", "batch", "document", "would be"), aligns="rrll")
        if len(rows) > _SHOWN:
            info(f"… and {len(rows) - _SHOWN} more: --report lists them all")
    note(queue.missing, caption="in the ranking, and not among the documents")
    note(queue.unranked, caption=f"not in the ranking: {'not sent' if top else 'after all others'}")
    if top > len(queue.places):
        info(f"the ranking has fewer documents than the {top} that were asked for")
    if queue.later:
        info(
            f"{counted(len(queue.later), 'document stands', 'documents stand')} after the first {top}: not sent"
        )
    there = len(report.updated) + len(report.unchanged)
    if there and searches:
        stay = counted(
            there,
            "document was in tagtog already and stays where it is",
            "documents were in tagtog already and stay where they are",
        )
        stay += " in its lists"
        if not top:
            info(f"{stay}; --report has a search that finds each batch")
            return
        number, found = next(iter(searches.items()))
        info(f"{stay}; to find batch {number}, search there for this (--report has all):")
        for search in found:
            echo(search)


def say_pushed(report: PushReport) -> None:
    """Print what a push did."""
    table(
        [
            ("created", len(report.created)),
            ("updated", len(report.updated)),
            ("unchanged", len(report.unchanged)),
            ("refused", len(report.refused)),
        ]
    )
    note((f"{doc_id}: {why}" for doc_id, why in report.refused), caption="refused")
