"""The documents of a project in the order of a ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.errors import SelectionError
from spacy_tagtog.selection.ranking import RankedDocument, Ranking

_MAX_NAMED: Final = 5


@dataclass(frozen=True)
class Queue:
    """The documents of a project in the order of a ranking.

    Attributes:
        project: The documents that people should see, the most useful first.
        places: The place in the ranking, by id; unranked documents have none.
        later: Ranked documents that were not asked for, since they stand after the first ``top``.
        unranked: Documents that are not in the ranking. If all are asked for, they come last.
        missing: Documents that were asked for and that the project doesn't have.
    """

    project: Project
    places: Mapping[str, RankedDocument]
    later: list[str]
    unranked: list[str]
    missing: list[str]


def queue_of(project: Project, ranking: Ranking, top: int = 0) -> Queue:
    """Put the documents of a project into the order of a ranking.

    Args:
        project: The documents.
        ranking: Their order.
        top: Only the first ``top`` documents of the ranking; 0 for all documents.

    Raises:
        SelectionError: The ranking is of other documents, or a document has changed since.
        AnndocError: A document can't be read.
    """
    wanted = ranking.documents[:top] if top else ranking.documents
    ids = [one.id for one in wanted if one.id in project]
    if len(project) and ranking.documents and not any(doc_id in project for doc_id in ranking.ids):
        raise SelectionError(
            "the ranking is of other documents",
            place=project.place,
            value=f"{counted(len(ranking.documents), 'document')} ranked, "
            f"{counted(len(project), 'document')} here, none in both",
            legal="a ranking of these documents",
            advice="rank these documents: spacy-tagtog rank",
        )
    places = {one.id: one for one in wanted}
    changed = [doc_id for doc_id in ids if content_fingerprint(project[doc_id]) != places[doc_id].content]
    if changed:
        raise SelectionError(
            counted(
                len(changed),
                "document has changed since it was ranked",
                "documents have changed since they were ranked",
            ),
            place=project.place,
            value=", ".join(changed[:_MAX_NAMED]) + (" …" if len(changed) > _MAX_NAMED else ""),
            legal="the contents that were ranked",
            advice="rank the documents again: spacy-tagtog rank",
        )
    ranked = set(ranking.ids)
    unranked = [doc_id for doc_id in project.ids if doc_id not in ranked]
    return Queue(
        project.arrange(ids if top else [*ids, *unranked]),
        places,
        [one.id for one in ranking.documents[len(wanted) :] if one.id in project],
        unranked,
        [one.id for one in wanted if one.id not in project],
    )
