"""Compare two states of a project: what did reviewers change?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.agreement import Changes, compare_versions
from spacy_tagtog.agreement.edits import EditCounts
from spacy_tagtog.agreement.quality import QualityEstimate, ReviewCounts, estimate_quality
from spacy_tagtog.agreement.versions import task_order
from spacy_tagtog.anndoc import Document, Legend, Project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.convert.corpus import DocumentChoice
from spacy_tagtog.errors import AgreementError, AnndocError, SpacyTagtogError, setting
from spacy_tagtog.steps._sampled import read_all_blind, read_sampled
from spacy_tagtog.steps._versions import check_members, open_project, readable_documents


@dataclass
class ChangedProject:
    """The differences between two states of a project.

    Attributes:
        legend: The names of the tasks.
        documents: Document id to the differences between both versions.
        only_before: Documents that only the earlier state has.
        only_after: Documents that only the later state has.
        without_before: Documents without an earlier version of this member: nothing was proposed, so nothing
            was changed.
        unreviewed: Documents whose later version is not in the state that was asked for.
        faults: What couldn't be read or compared.
        sampled: Documents that chance chose for review; ``None`` where no ranking was given.
        blind: Documents that people annotated without pre-annotations.
    """

    legend: Legend
    documents: dict[str, Changes] = field(default_factory=dict)
    only_before: list[str] = field(default_factory=list)
    only_after: list[str] = field(default_factory=list)
    without_before: list[str] = field(default_factory=list)
    unreviewed: list[str] = field(default_factory=list)
    faults: list[SpacyTagtogError] = field(default_factory=list)
    sampled: list[str] | None = None
    blind: list[str] = field(default_factory=list)

    @property
    def suggested(self) -> dict[str, Changes]:
        """The differences of the documents that people saw with their pre-annotations."""
        blind = set(self.blind)
        return {doc_id: changed for doc_id, changed in self.documents.items() if doc_id not in blind}

    @property
    def by_type(self) -> dict[str, EditCounts]:
        """The edits of entities, by entity type (class id). Blind documents have none: nothing was edited."""
        result: dict[str, EditCounts] = {}
        for changed in self.suggested.values():
            for task, counts in changed.by_type.items():
                result[task] = result.get(task, EditCounts()) + counts
        return {task: result[task] for task in sorted(result, key=task_order)}

    @property
    def proposed(self) -> Counter[str]:
        """How many entities people saw before, by entity type."""
        return sum((changed.proposed for changed in self.suggested.values()), Counter())

    @property
    def edits(self) -> EditCounts:
        """All edits of entities."""
        return sum(self.by_type.values(), EditCounts())

    @property
    def sampled_reviewed(self) -> list[str]:
        """Of the documents that chance chose, those that were compared."""
        return [doc_id for doc_id in self.sampled or [] if doc_id in self.documents]

    @property
    def blind_reviewed(self) -> list[str]:
        """Of the blind documents, those that were compared."""
        return [doc_id for doc_id in self.blind if doc_id in self.documents]

    def quality(self, ids: Iterable[str] | None = None) -> QualityEstimate:
        """Exact precision, recall and F of the earlier entities, measured by the later ones.

        Args:
            ids: Of these documents; by default of all.
        """
        chosen = self.documents if ids is None else ids
        return estimate_quality([ReviewCounts.of(self.documents[doc_id]) for doc_id in chosen])

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        proposed = self.proposed
        return {
            "compared": len(self.documents),
            "changed": sum(map(bool, self.documents.values())),
            "proposed": proposed.total(),
            "edits": self.edits.to_json(),
            "types": {
                task: {"name": self.legend.get(task, task), "proposed": proposed[task], **counts.to_json()}
                for task, counts in self.by_type.items()
            },
            "only_before": self.only_before,
            "only_after": self.only_after,
            "without_before": self.without_before,
            "unreviewed": self.unreviewed,
            "faults": [str(fault) for fault in self.faults],
            **self._sampled_json(),
            "documents": {doc_id: changed.to_json() for doc_id, changed in self.documents.items() if changed},
        }

    def _sampled_json(self) -> dict[str, Any]:
        if self.sampled is None:
            return {}
        reviewed = self.sampled_reviewed
        return {
            "random": {
                "documents": reviewed,
                "not_reviewed": [doc_id for doc_id in self.sampled if doc_id not in self.documents],
                "quality": self.quality(reviewed).to_json(),
            },
            "blind": {
                "documents": self.blind_reviewed,
                "not_reviewed": [doc_id for doc_id in self.blind if doc_id not in self.documents],
                "quality": self.quality(self.blind_reviewed).to_json(),
                "quality_of_others": self.quality(self.suggested).to_json(),
            },
        }


def changes(
    before: Path | str,
    after: Path | str,
    *,
    member: str = "master",
    before_member: str = "",
    documents: str = "confirmed",
    on_problem: str = "error",
    legend: Path | str | None = None,
    rankings: Sequence[Path | str] = (),
    progress: Progress = silent,
) -> ChangedProject:
    """Compare two states of a project, document by document.

    Args:
        before: The earlier state: a project's folder or zip.
        after: The later state.
        member: Whose version of the later state.
        before_member: Whose version of the earlier state; empty for that of ``member``.
        documents: Which documents, by the later version: ``confirmed``, ``unconfirmed`` or ``all``.
        on_problem: Faults of the data: ``error``, or ``report`` to leave out what can't be compared and list
            it.
        legend: A legend file to use instead of the later project's own.
        rankings: Files that :func:`spacy_tagtog.steps.rank` wrote, the earliest first: the quality is
            estimated from the documents that chance chose for them. Documents that were sent blind
            (:mod:`spacy_tagtog.selection.blind`) tell how good the earlier entities are, and count no edits.
        progress: Goes through the documents.

    Raises:
        AgreementError: A member isn't there, no document is in both, or a document's text is another one
            (``error``).
        SelectionError: A ranking can't be read.
        SpacyTagtogError: A project can't be read.
    """
    choose(setting("documents"), documents, DocumentChoice)
    sampled = read_sampled(rankings) if rankings else None
    blind = read_all_blind(rankings)
    before_member = before_member or member
    faults: list[SpacyTagtogError] = []
    earlier = open_project(before, on_problem=on_problem, legend=None, faults=faults)
    later = open_project(after, on_problem=on_problem, legend=legend, faults=faults)
    check_members(earlier, [before_member])
    check_members(later, [member])
    contents = {**blind, **(sampled or {})}
    result = ChangedProject(
        later.legend, faults=faults, sampled=None if sampled is None else sorted(sampled), blind=sorted(blind)
    )
    result.only_before = [doc_id for doc_id in earlier.ids if doc_id not in later]
    found = readable_documents(later, on_problem=on_problem, faults=faults, members=[member])
    for document in progress(found, len(later)):
        if document.id not in earlier:
            result.only_after.append(document.id)
        elif not _is_wanted(document, member, documents):
            result.unreviewed.append(document.id)
        else:
            try:
                _compare(document, earlier, (before_member, member), contents, result)
            except (AnndocError, AgreementError) as error:
                if on_problem == "error":
                    raise
                faults.append(error)
    if not result.documents and not faults:
        raise _nothing_to_compare(result, f"{before} and {after}", documents)
    return result


def _is_wanted(document: Document, member: str, documents: str) -> bool:
    """Whether a document's later version is in the state that was asked for."""
    if member not in document.versions:
        return False
    return documents == "all" or document.version(member).complete == (documents == "confirmed")


def _compare(
    document: Document,
    earlier: Project,
    members: tuple[str, str],
    contents: Mapping[str, str],
    result: ChangedProject,
) -> None:
    """Compare both versions of a document; the result gets the differences.

    Raises:
        AgreementError: Its text is another one, or it was another one when it was ranked.
        AnndocError: The earlier version can't be read.
    """
    before_member, member = members
    old = earlier[document.id]
    if before_member not in old.versions:
        result.without_before.append(document.id)
        return
    if {part.id: part.text for part in old} != {part.id: part.text for part in document}:
        raise AgreementError(
            "the text of a document is another one: its versions can't be compared",
            place=document.id,
            legal="the same text before and after",
            advice="compare states of one project; "
            f"{setting('on_problem', 'report')} leaves such documents out and lists them",
        )
    if contents.get(document.id) not in (None, content_fingerprint(document)):
        raise AgreementError(
            "a document has another text than when it was ranked",
            place=document.id,
            legal="the ranking of these documents",
            advice="give the ranking that these documents were reviewed by",
        )
    result.documents[document.id] = compare_versions(
        old.version(before_member), document.version(member), parts=document.parts
    )


def _nothing_to_compare(result: ChangedProject, place: str, documents: str) -> AgreementError:
    return AgreementError(
        "there is nothing to compare",
        place=place,
        value=f"{counted(len(result.only_before), 'document')} only before, "
        f"{len(result.only_after)} only after, {len(result.without_before)} without an earlier version, "
        f"{len(result.unreviewed)} not {documents}",
        legal="documents with the same id in both, and a version of the member in each",
        advice="confirm documents (on the local tagtog: spacy-tagtog serve --open) and fetch them, "
        f"or compare all of them with {setting('documents', 'all')}",
    )
