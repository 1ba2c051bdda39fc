"""Delete documents, but keep what people confirmed unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.client._parallel import workers
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.client.models import SearchHit
from spacy_tagtog.errors import ConfigurationError, NotFoundError


@dataclass
class DeleteReport:
    """What a deletion did, or with ``dry_run`` would do.

    Attributes:
        deleted: The ids of deleted documents.
        kept: The ids of documents that are still there, because somebody confirmed a version of them.
    """

    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def delete(
    client: TagtogClient,
    query: str,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> DeleteReport:
    """Delete the documents that a query finds now. Documents that match it later are safe.

    Unlike :meth:`TagtogClient.delete`, it keeps documents that somebody confirmed unless ``force`` is set.

    Args:
        client: The project.
        query: Which documents, in tagtog's query language.
        force: Delete documents that somebody confirmed, too.
        dry_run: Delete nothing; only say what would be done.
        progress: Shows the progress through the documents to delete.

    Returns:
        What was done.

    Raises:
        ConfigurationError: The query is empty.
        ClientError: tagtog can't be reached, refuses, or answers with nonsense. The exception's attribute
            ``report`` is the :class:`DeleteReport` up to there.
    """
    if not query.strip():
        raise ConfigurationError(
            "nothing says which documents to delete", value=query, legal="a query; * for all documents"
        )
    report = DeleteReport()
    chosen = []
    for hit in client.search(query):
        if (hit.anncomplete or hit.members_anncomplete) and not force:
            report.kept.append(hit.id)
        else:
            chosen.append(hit)

    def one(hit: SearchHit) -> None:
        # Somebody else may have deleted it at this moment.
        with suppress(NotFoundError):
            client.delete_document(hit.id)

    def all_hits() -> Iterator[SearchHit]:
        if dry_run:
            report.deleted.extend(hit.id for hit in chosen)
            return
        with workers(client.threads) as pool:
            for hit, _ in pool.map(one, chosen):
                report.deleted.append(hit.id)
                yield hit

    try:
        for _ in progress(all_hits(), len(chosen)):
            pass
    except BaseException as error:
        error.report = report  # type: ignore[attr-defined]
        raise
    return report
