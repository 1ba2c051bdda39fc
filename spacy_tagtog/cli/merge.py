"""``spacy-tagtog merge``: one version out of those of several members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._run import command, good, info, note, progress, table, write_json
from spacy_tagtog.cli._versions import (
    LegendOption,
    OnProblemOption,
    check_members,
    open_project,
    readable_documents,
)

if TYPE_CHECKING:
    from spacy_tagtog.agreement import MemberRanking, MergeReport
    from spacy_tagtog.anndoc import Document
    from spacy_tagtog.errors import SpacyTagtogError


@dataclass
class MergedProject:
    """What was done.

    Attributes:
        strategy: How versions were merged.
        save_to: Whose version the merged one is.
        merged: Document id to report.
        not_confirmed: Documents of which no member confirmed a version; they are written as they were.
        protected: Documents whose version was confirmed and therefore not replaced; they are written as they were.
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


@command
def merge_cli(
    source: Annotated[
        Path,
        typer.Argument(
            help="A tagtog project (folder or zip) with the versions of several members.", show_default=False
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="The folder or zip to write: the whole project with the merged versions.", show_default=False
        ),
    ],
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            "-s",
            help="union_v1 (what anybody has), majority_v1 (more than half), intersection_v1 (all), "
            "or best_iaa_v1 (for each task, who agrees best with the others).",
            show_default=False,
        ),
    ],
    save_to: Annotated[
        str, typer.Option("--save-to", help="Whose version the merged one becomes.")
    ] = "master",
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            "-m",
            help="Whose versions to merge (repeat). Default: everybody's, without master.",
            show_default=False,
        ),
    ] = None,
    overwrite_confirmed: Annotated[
        bool,
        typer.Option(
            "--overwrite-confirmed",
            help="Replace versions of --save-to that are confirmed, too. Default: they stay and are listed.",
        ),
    ] = False,
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write what was left out, with the reasons, and all conflicts to this JSON file.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace what an earlier run wrote there.")
    ] = False,
) -> None:
    """Merge the confirmed versions of several members into one (adjudication), by tagtog's strategies.

    Each annotation that is taken says who has it and, as its probability, which share of the members. The merged
    versions are not confirmed: look at them, first at what has a low probability. The source is not changed.

    Example:
      spacy-tagtog merge my-download.zip merged.zip --strategy majority_v1 --report merged.json
    """
    result = merge(
        source,
        target,
        strategy=strategy,
        save_to=save_to,
        members=member,
        overwrite_confirmed=overwrite_confirmed,
        on_problem=on_problem,
        legend=legend,
        force=force,
        progress=lambda items, total, what: progress(items, total, what=what),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="can't be read, not written")
    note(result.not_confirmed, caption="no member confirmed it: written as it was")
    note(
        result.protected,
        caption=f"the version of {save_to} is confirmed and stays as it is (--overwrite-confirmed replaces it)",
    )
    left_out = Counter((item.kind, item.reason) for item in _all(result, "left_out"))
    conflicts = Counter(conflict.kind for conflict in _all(result, "conflicts"))
    taken = result.taken
    table(
        (
            (kind, taken[kind], result.left_out[kind])
            for kind in sorted(taken.keys() | result.left_out.keys())
        ),
        header=("", "taken", "left out"),
    )
    table(
        ((f"{kind}: {reason}", number) for (kind, reason), number in left_out.most_common(10)),
        header=("left out because", ""),
    )
    if result.ranking is not None:
        best = sorted(result.ranking.overall.items(), key=lambda pair: (-pair[1], pair[0]))
        table(
            ((name, f"{100 * score:.1f}") for name, score in best),
            header=("agreement with the others", "average F1"),
        )
    if conflicts:
        info(
            "members contradict each other: "
            + ", ".join(f"{number} {kind}" for kind, number in conflicts.most_common())
        )
    good(
        f"{target}: {counted(len(result.merged), 'document')} merged by {strategy} into the versions of {save_to}, to be confirmed"
    )


def _all(result: MergedProject, name: str) -> Iterator[Any]:
    for report in result.merged.values():
        yield from getattr(report, name)


def merge(
    source: Path,
    target: Path,
    *,
    strategy: str,
    save_to: str = "master",
    members: Sequence[str] | None = None,
    overwrite_confirmed: bool = False,
    on_problem: str = "error",
    legend: Path | None = None,
    force: bool = False,
    progress: Callable[[Iterable[Any], int, str], Iterable[Any]] | None = None,
) -> MergedProject:
    """Write a project with the confirmed versions of its members merged into one.

    Args:
        source: A project's folder or zip.
        target: The folder or zip to write: all documents with all versions, merged or not.
        strategy: ``union_v1``, ``intersection_v1``, ``majority_v1`` or ``best_iaa_v1``.
        save_to: Whose version the merged one becomes.
        members: Whose versions to merge; by default everybody's but ``master``.
        overwrite_confirmed: Replace confirmed versions of ``save_to``, too.
        on_problem: ``error`` or ``report``.
        legend: A legend file to use instead of the project's own.
        force: Replace the target.
        progress: Wraps the documents, with their number and what is done with them.

    Raises:
        NotConfirmedError: No document has a confirmed version of a member.
        AgreementError: A member isn't there.
        SpacyTagtogError: The project can't be read or written.
    """
    from spacy_tagtog._files import check_free
    from spacy_tagtog._options import choose
    from spacy_tagtog.agreement import MergeStrategy, rank_members
    from spacy_tagtog.anndoc import write_project
    from spacy_tagtog.anndoc.layout import document_paths

    chosen: MergeStrategy = choose("--strategy", strategy, MergeStrategy)
    check_free(target, force=force, sources=(source, legend))
    document_paths("x", "pool", save_to)  # a name that can't be a member's is refused before any work is done
    faults: list[SpacyTagtogError] = []
    project = open_project(source, on_problem=on_problem, legend=legend, faults=faults)
    check_members(project, members or ())
    result = MergedProject(strategy, save_to, faults=faults)

    def documents(what: str, listed: list[SpacyTagtogError]) -> Iterable[Any]:
        found = readable_documents(project, on_problem=on_problem, faults=listed)
        return found if progress is None else progress(found, len(project), what)

    if strategy == "best_iaa_v1":
        result.ranking = rank_members(documents("comparing", []), members=members)

    def merged_documents() -> Iterator[Document]:
        for document in documents("merging", faults):
            yield _merged(document, chosen, result, members, overwrite_confirmed)
        if not result.merged and not result.protected:
            raise _nothing_confirmed(source, members or project.members)

    write_project(merged_documents(), target, legend=project.legend, force=force)
    return result


def _merged(
    document: Document,
    strategy: Any,
    result: MergedProject,
    members: Sequence[str] | None,
    overwrite_confirmed: bool,
) -> Document:
    """A document with its merged version, or as it was; the result says which."""
    from spacy_tagtog.agreement import merge as merge_versions
    from spacy_tagtog.agreement.versions import confirmed_members
    from spacy_tagtog.anndoc import Document

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


def _nothing_confirmed(source: Path, members: Sequence[str]) -> Exception:
    from spacy_tagtog.errors import NotConfirmedError

    return NotConfirmedError(
        "no member confirmed a version of any document",
        place=source,
        value=", ".join(members),
        legal="at least one document that a member other than master confirmed",
        advice="confirm documents as a member; --member master takes master's versions, too",
    )
