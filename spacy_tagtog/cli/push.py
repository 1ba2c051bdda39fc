"""``spacy-tagtog push``: upload documents with their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._options import (
    CreateOption,
    DistributeToOption,
    DocumentsReportOption,
    DryRunOption,
    takes_connection,
)
from spacy_tagtog.cli._run import command, echo, good, info, note, showing, table, write_json
from spacy_tagtog.errors import SpacyTagtogError
from spacy_tagtog.steps.connection import Connection, ConnectionSettings, open_connection

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.client import PushReport
    from spacy_tagtog.selection.queue import Queue

_SHOWN: Final = 20

_RankingOption = Annotated[
    Path | None,
    typer.Option(
        "--ranking",
        help="Send the documents in the order of this file, which spacy-tagtog rank wrote.",
        show_default=False,
    ),
]
_TopOption = Annotated[
    int, typer.Option("--top", min=0, help="With --ranking: send only the first N documents; 0 sends all.")
]
_FolderOption = Annotated[
    str,
    typer.Option(
        "--folder",
        "-f",
        help="The folder for new documents, such as pool/review. {batch} in it is the number of their "
        "batch in the ranking. Empty: as the documents say.",
        show_default=False,
    ),
]
_BlindShareOption = Annotated[
    float,
    typer.Option(
        "--blind-share",
        help="With --ranking: the share of its documents, 0 to 1, that is sent without pre-annotations.",
    ),
]


@command
@takes_connection(pace=True)
def push_cli(
    where: ConnectionSettings,
    source: Annotated[Path, typer.Argument(help="A folder or zip of tagtog documents.", show_default=False)],
    member: Annotated[
        str, typer.Option("--member", "-m", help="Which version is uploaded, and whose version it becomes.")
    ] = "master",
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="At most N documents per request.")
    ] = 20,
    ranking: _RankingOption = None,
    top: _TopOption = 0,
    folder: _FolderOption = "",
    blind_share: _BlindShareOption = 0.0,
    distribute_to: DistributeToOption = None,
    create: CreateOption = False,
    dry_run: DryRunOption = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Overwrite annotations that people confirmed, too.")
    ] = False,
    report: DocumentsReportOption = None,
) -> None:
    """Upload documents with their annotations for people to review.

    Sending the same again changes nothing, so a push that was interrupted, even killed, is resumed by running
    it again. Documents that people confirmed in tagtog are never overwritten: they are refused and listed,
    unless --force is given. Labels are matched by name. One that the project doesn't have stops everything
    before anything is sent.

    With --ranking, new documents are created in its order, in which tagtog lists them. Documents that tagtog
    has already stay where they are in its lists and folders; with --top, a search that finds the first batch
    is printed.

    With --blind-share, chance draws documents that people annotate without pre-annotations: suggestions are
    followed, so only these tell how good model and people are. Which they are is kept beside the ranking
    (ranking.blind.json). What was sent blind once is sent blind again.

    With --create, a project that the local tagtog doesn't have is made, with the types and labels of the
    documents' legend.

    Example:
      spacy-tagtog push annotated
      spacy-tagtog push annotated --ranking ranking.json --top 40 --folder "pool/review-{batch}"
    """
    from spacy_tagtog.steps.push import line_up, push

    outgoing = line_up(
        source, ranking=ranking, top=top, folder=folder, blind_share=blind_share, member=member
    )
    project = outgoing.project
    with (
        opened(where, create, legend=project.legend, folders=project.folders, dry_run=dry_run) as tagtog,
        saying_what_was_sent(),
    ):
        result = push(
            tagtog,
            outgoing,
            member=member,
            batch_size=batch_size,
            distribute_to=distribute_to,
            force=force,
            dry_run=dry_run,
            progress=showing("pushing"),
        )
        to = str(tagtog)
    write_json(report, result.to_json())
    say_pushed(result.report)
    if result.queue is not None:
        if dry_run:
            _say_order(result.queue, result.report)
        _say_queue(result.queue, top)
        if result.blind:
            info(f"{counted(len(result.blind), 'document')} without pre-annotations: blind")
        if result.ordered:
            info("people review the documents in this order: spacy-tagtog serve, then Review")
        _say_searches(result.report, result.searches, top)
    sent = counted(len(result.report.created) + len(result.report.updated), "document")
    good(f"{'would be sent' if dry_run else 'sent'} to {to}: {sent}")


@contextmanager
def opened(
    where: ConnectionSettings, create: bool, *, legend: Legend, folders: Sequence[str] = (), dry_run: bool
) -> Iterator[Connection]:
    """A connection to the project; with ``create`` it is made if it isn't there, and said so."""
    if not create:
        with open_connection(where, may_create=True) as tagtog:
            yield tagtog
        return
    from spacy_tagtog.steps.projects import open_or_create

    with open_or_create(where, legend=legend, folders=folders, dry_run=dry_run) as (tagtog, is_new):
        if is_new:
            info(f"the project {'would be' if dry_run else 'was'} made: {tagtog}")
        yield tagtog


@contextmanager
def saying_what_was_sent() -> Iterator[None]:
    """Where a push fails midway, first say what was sent."""
    from spacy_tagtog.client import PushReport

    try:
        yield
    except SpacyTagtogError as error:
        done = getattr(error, "report", None)
        if isinstance(done, PushReport) and (done.created or done.updated):
            say_pushed(done)
        raise


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


def _say_order(queue: Queue, report: PushReport) -> None:
    """What would be done with the documents, in their order."""
    what = {
        **dict.fromkeys(report.created, "created"),
        **dict.fromkeys(report.updated, "updated"),
        **dict.fromkeys(report.unchanged, "unchanged"),
        **{doc_id: "refused" for doc_id, _ in report.refused},
    }
    places = [(queue.places.get(doc_id), doc_id) for doc_id in queue.project.ids]
    rows = [
        (
            place.rank if place else "–",
            place.batch if place else "–",
            doc_id,
            what.get(report.ids.get(doc_id, doc_id), "–"),
        )
        for place, doc_id in places
    ]
    table(rows[:_SHOWN], header=("rank", "batch", "document", "would be"), aligns="rrll")
    if len(rows) > _SHOWN:
        info(f"… and {len(rows) - _SHOWN} more: --report lists them all")


def _say_queue(queue: Queue, top: int) -> None:
    """How the ranking and the documents fit together."""
    note(queue.missing, caption="in the ranking, and not among the documents")
    note(queue.unranked, caption=f"not in the ranking: {'not sent' if top else 'after all others'}")
    if top > len(queue.places):
        info(f"the ranking has fewer documents than the {top} that were asked for")
    if queue.later:
        stand = counted(len(queue.later), "document stands", "documents stand")
        info(f"{stand} after the first {top}: not sent")


def _say_searches(report: PushReport, searches: dict[int, list[str]], top: int) -> None:
    """How to find the documents that were in tagtog already."""
    there = len(report.updated) + len(report.unchanged)
    if not (there and searches):
        return
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
