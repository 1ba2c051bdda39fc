"""Upload documents with their annotations, in the order of a ranking."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spacy_tagtog import client
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.anndoc import MASTER, Document, Project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.anndoc.proposals import without_proposals
from spacy_tagtog.client import PushReport
from spacy_tagtog.errors import ArgumentError, setting
from spacy_tagtog.selection.blind import draw_blind, read_blind, write_blind
from spacy_tagtog.selection.queue import Queue, queue_of
from spacy_tagtog.selection.ranking import read_ranking
from spacy_tagtog.steps.connection import Connection

_SEARCH_TERMS: Final = 40  # addresses and queries have a length
_RANK_FIRST: Final = "rank the documents first: spacy-tagtog rank"
_BATCH: Final = "{batch}"


@dataclass(frozen=True)
class Outgoing:
    """Documents that are ready to be sent.

    Attributes:
        project: The documents, in order; blind ones without their proposals.
        queue: Their places in a ranking, where there is one.
        folder: The folder for new documents, as :func:`push` takes it.
        ranking: The ranking's file, where there is one.
        blind: The blind documents of this and of earlier pushes by this ranking's file: id to fingerprint of
            the content.
    """

    project: Project
    queue: Queue | None = None
    folder: str = ""
    ranking: Path | None = None
    blind: Mapping[str, str] = field(default_factory=dict)

    def folder_of(self, document: Document) -> str:
        """The folder that a document goes to if it is new."""
        place = None if self.queue is None else self.queue.places.get(document.id)
        if not self.folder or (place is None and _BATCH in self.folder):
            return document.folder  # what has no place in the ranking belongs to no batch
        return self.folder.replace(_BATCH, str(place.batch if place else ""))


@dataclass(frozen=True)
class Pushed:
    """What a push did, or with ``dry_run`` would do.

    Attributes:
        report: What became of each document.
        queue: The places of the documents in the ranking, where there is one.
        searches: For each batch of the ranking, tagtog searches that find its documents.
        ordered: Whether tagtog's review page shows the documents in this order: the local tagtog's does.
        blind: The documents that were sent without pre-annotations.
    """

    report: PushReport
    queue: Queue | None = None
    searches: dict[int, list[str]] = field(default_factory=dict)
    ordered: bool = False
    blind: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What happened to each document, as a JSON object."""
        data: dict[str, Any] = {
            "created": self.report.created,
            "updated": self.report.updated,
            "unchanged": self.report.unchanged,
            "refused": [{"id": doc_id, "why": why} for doc_id, why in self.report.refused],
        }
        if self.queue is not None:
            data["order"] = self.queue.project.ids
            data["later"] = self.queue.later
            data["unranked"] = self.queue.unranked
            data["missing"] = self.queue.missing
            data["ordered"] = self.ordered
            data["blind"] = self.blind
            data["searches"] = [
                {"batch": number, "search": search}
                for number, found in self.searches.items()
                for search in found
            ]
        return data


def line_up(
    source: Path | str,
    *,
    ranking: Path | str | None = None,
    top: int = 0,
    folder: str = "",
    blind_share: float = 0.0,
    member: str = MASTER,
) -> Outgoing:
    """Open documents and put them into the order of a ranking. Nothing is sent yet.

    Args:
        source: A folder or zip of tagtog documents.
        ranking: See :func:`push`.
        top: See there.
        folder: See there.
        blind_share: See there.
        member: See there.

    Raises:
        ConfigurationError: Something needs a ranking, and there is none; or the share is out of range.
        ProjectError: The documents can't be read.
        SelectionError: The ranking can't be read, or isn't of these documents.
    """
    needs: list[tuple[str, object, str]] = [
        (f"{setting('top')} needs to know the order of the documents", top, setting("top")),
        (f"{setting('blind_share')} draws from a ranking", blind_share, setting("blind_share")),
        (f"{_BATCH} needs to know the batches", folder if _BATCH in folder else "", _BATCH),
    ]
    for problem, value, what in needs:
        if ranking is None and value:
            raise ArgumentError(
                problem, value=value, legal=f"{what} with {setting('ranking')}", advice=_RANK_FIRST
            )
    project = Project.open(source)
    if ranking is None:
        return Outgoing(project, folder=folder)
    path = Path(ranking)
    order = read_ranking(path)
    queue = queue_of(project, order, top)
    blind = read_blind(path)
    for doc_id in draw_blind(queue.places, blind_share, order.seed):
        if doc_id in queue.project and not queue.project[doc_id].version(member).complete:
            blind[doc_id] = content_fingerprint(queue.project[doc_id])
    sent = queue.project.changed(lambda document: _as_seen(document, member, blind))
    return Outgoing(sent, queue, folder, path, blind)


def _as_seen(document: Document, member: str, blind: Container[str]) -> Document:
    """The document as people get it: a blind one without proposals, unless they confirmed it already."""
    version = document.version(member)
    if document.id not in blind or member not in document.versions or version.complete:
        return document
    versions = {**document.versions, member: without_proposals(version, document.parts)}
    return Document(document.id, document.html, versions, folder=document.folder, legend=document.legend)


def push(
    tagtog: Connection,
    source: Path | str | Outgoing,
    *,
    member: str = MASTER,
    batch_size: int = 20,
    ranking: Path | str | None = None,
    top: int = 0,
    folder: str = "",
    blind_share: float = 0.0,
    distribute_to: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Pushed:
    """Upload documents with their annotations for people to review.

    Sending the same again changes nothing, so that a push that was interrupted is resumed by running it
    again. Documents that people confirmed in tagtog are refused and listed, unless ``force`` is given.

    Args:
        tagtog: The project.
        source: A folder or zip of tagtog documents, or what :func:`line_up` made of one.
        member: Which version is uploaded, and whose version it becomes.
        batch_size: At most N documents per request.
        ranking: Send the documents in the order of this file, which :func:`spacy_tagtog.steps.rank` wrote.
        top: With ``ranking``: send only the first N; 0 sends all.
        folder: The folder for new documents, such as ``pool/review``. ``{batch}`` in it is the number of
            their batch in the ranking. Empty: as the documents say.
        blind_share: With ``ranking``: the expected share of its documents, in [0, 1], that is sent without
            pre-annotations, drawn by chance (:mod:`spacy_tagtog.selection.blind`). What was sent so once is
            sent so again.
        distribute_to: To whom new documents are assigned: ``*`` all members, ``A,B`` these, ``-`` as the
            project says.
        force: Overwrite annotations that people confirmed, too.
        dry_run: Only say what would be done.
        progress: Shows how many documents are sent.

    Raises:
        LegendError: A label isn't one of the project's. Nothing has been sent.
        ClientError: tagtog can't be reached, or refuses. The exception's attribute ``report`` says what was
            sent.
        SpacyTagtogError: See :func:`line_up` and :func:`spacy_tagtog.client.push`.
    """
    if not isinstance(source, Outgoing):
        source = line_up(
            source, ranking=ranking, top=top, folder=folder, blind_share=blind_share, member=member
        )
    if source.ranking is not None and source.blind and not dry_run:
        # Before anything is sent: a push that is killed must not leave blind documents that nobody knows of.
        write_blind(source.ranking, source.blind)
    report = client.push(
        tagtog.client,
        source.project,
        member=member,
        batch_size=batch_size,
        distribute_to=distribute_to,
        folder=source.folder_of if source.folder else None,
        in_order=source.queue is not None,
        force=force,
        dry_run=dry_run,
        progress=progress,
    )
    if source.queue is None:
        return Pushed(report)
    ordered = not dry_run and tagtog.client.set_review_order(_order(source.queue, report, source.blind))
    blind = [doc_id for doc_id in source.project.ids if doc_id in source.blind and doc_id in report.ids]
    return Pushed(report, source.queue, _searches(source.queue, report), ordered, blind)


def _order(queue: Queue, report: PushReport, blind: Mapping[str, str]) -> list[dict[str, Any]]:
    """The places of the documents, under the ids by which tagtog knows them."""
    return [
        {
            "id": report.ids.get(doc_id, doc_id),
            "rank": place.rank,
            "batch": place.batch,
            "random": place.random,
            "blind": doc_id in blind,
            "why": place.why,
        }
        for doc_id, place in queue.places.items()
    ]


def _searches(queue: Queue, report: PushReport) -> dict[int, list[str]]:
    """For each batch, tagtog searches that find the documents that are waiting for people there."""
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
