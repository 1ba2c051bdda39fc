"""Merge the confirmed versions of several members into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_tagtog._files import check_free
from spacy_tagtog._options import choose
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.agreement import MemberRanking, MergeReport, MergeStrategy, rank_members
from spacy_tagtog.agreement import merge as merge_versions
from spacy_tagtog.agreement.versions import confirmed_members
from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.anndoc.layout import document_paths
from spacy_tagtog.errors import NotConfirmedError, SpacyTagtogError, setting
from spacy_tagtog.steps._versions import check_members, open_project, readable_documents


@dataclass
class MergedProject:
    """What was merged.

    Attributes:
        strategy: How versions were merged.
        save_to: Whose version the merged one is.
        merged: Document id to report.
        not_confirmed: Documents of which no member confirmed a version; they are written as they were.
        protected: Documents whose version was confirmed and therefore not replaced; they are written as they
            were.
        faults: What couldn't be read and is not written.
        ranking: Under ``best_iaa_v1``: who agrees how well with the others.
    """

    strategy: str
    save_to: str
    merged: dict[str, MergeReport] = field(default_factory=dict)
    not_confirmed: list[str] = field(default_factory=list)
    protected: list[str] = field(default_factory=list)
    faults: list[SpacyTagtogError] = field(default_factory=list)
    ranking: MemberRanking | None = None

    @property
    def taken(self) -> Counter[str]:
        """How many annotations the merged versions hold, by kind."""
        return sum((report.taken for report in self.merged.values()), Counter())

    @property
    def left_out(self) -> Counter[str]:
        """How many annotations were left out, by kind."""
        return Counter(item.kind for report in self.merged.values() for item in report.left_out)

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "strategy": self.strategy,
            "save_to": self.save_to,
            "merged": len(self.merged),
            "taken": dict(sorted(self.taken.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "not_confirmed": self.not_confirmed,
            "protected": self.protected,
            "faults": [str(fault) for fault in self.faults],
            **({} if self.ranking is None else {"ranking": self.ranking.to_json()}),
            "documents": {doc_id: report.to_json() for doc_id, report in self.merged.items()},
        }


def merge(
    source: Path | str,
    target: Path | str,
    *,
    strategy: str,
    save_to: str = "master",
    members: Sequence[str] | None = None,
    overwrite_confirmed: bool = False,
    on_problem: str = "error",
    legend: Path | str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> MergedProject:
    """Write a project with the confirmed versions of its members merged into one (adjudication).

    Args:
        source: A project's folder or zip.
        target: The folder or zip to write: all documents with all versions, merged or not.
        strategy: ``union_v1``, ``intersection_v1``, ``majority_v1`` or ``best_iaa_v1``.
        save_to: Whose version the merged one becomes.
        members: Whose versions to merge; by default everybody's but ``master``.
        overwrite_confirmed: Replace confirmed versions of ``save_to``, too.
        on_problem: Faults of the data: ``error``, or ``report`` to leave out what can't be read and list it.
        legend: A legend file to use instead of the project's own.
        force: Replace the target.
        progress: Goes through the documents; under ``best_iaa_v1`` twice, first to compare the members.

    Raises:
        NotConfirmedError: No document has a confirmed version of a member.
        AgreementError: A member isn't there.
        OutputExistsError: The target exists.
        SpacyTagtogError: The project can't be read or written.
    """
    chosen: MergeStrategy = choose(setting("strategy"), strategy, MergeStrategy)
    target = Path(target)
    check_free(target, force=force, sources=(source, legend))
    document_paths("x", "pool", save_to)  # refuses a name that no member can have, before any work is done
    faults: list[SpacyTagtogError] = []
    project = open_project(source, on_problem=on_problem, legend=legend, faults=faults)
    check_members(project, members or ())
    result = MergedProject(strategy, save_to, faults=faults)

    def documents(listed: list[SpacyTagtogError]) -> Iterable[Document]:
        return progress(readable_documents(project, on_problem=on_problem, faults=listed), len(project))

    if strategy == "best_iaa_v1":
        result.ranking = rank_members(documents([]), members=members)

    def merged_documents() -> Iterator[Document]:
        for document in documents(faults):
            yield _merged(document, chosen, result, members, overwrite_confirmed)
        if not result.merged and not result.protected:
            raise _nothing_confirmed(source, members or project.members)

    write_project(merged_documents(), target, legend=project.legend, force=force)
    return result


def _merged(
    document: Document,
    strategy: MergeStrategy,
    result: MergedProject,
    members: Sequence[str] | None,
    overwrite_confirmed: bool,
) -> Document:
    """A document with its merged version, or as it was; the result says which."""
    if not confirmed_members(document.versions, members):
        result.not_confirmed.append(document.id)
        return document
    if document.version(result.save_to).complete and not overwrite_confirmed:
        result.protected.append(document.id)
        return document
    merged = merge_versions(document, strategy, ranking=result.ranking, members=members)
    result.merged[document.id] = merged.report
    versions = {**document.versions, result.save_to: merged.annotations}
    return Document(document.id, document.html, versions, folder=document.folder, legend=document.legend)


def _nothing_confirmed(source: Path | str, members: Sequence[str]) -> NotConfirmedError:
    return NotConfirmedError(
        "no member confirmed a version of any document",
        place=source,
        value=", ".join(members),
        legal="at least one document that a member other than master confirmed",
        advice=f"confirm documents as a member; {setting('members', 'master')} takes master's versions, too",
    )
