"""``spacy-tagtog changes``: what reviewers changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacy_tagtog._plural import counted
from spacy_tagtog.cli._drawn import RankingOption, drawn_documents
from spacy_tagtog.cli._run import command, good, info, note, progress, table, write_json
from spacy_tagtog.cli._versions import (
    LegendOption,
    OnProblemOption,
    check_members,
    open_project,
    readable_documents,
    task_names,
)

if TYPE_CHECKING:
    from spacy_tagtog.agreement import Changes
    from spacy_tagtog.agreement.edits import EditCounts
    from spacy_tagtog.agreement.quality import QualityEstimate
    from spacy_tagtog.anndoc import Legend
    from spacy_tagtog.errors import SpacyTagtogError


@dataclass
class ChangedProject:
    """The differences between two projects.

    Attributes:
        legend: The names of the tasks.
        documents: Document id to the differences between both versions.
        only_before: Documents that only the earlier project has.
        only_after: Documents that only the later project has.
        without_before: Documents that have no earlier version of this member: nothing was proposed, so nothing was changed.
        unreviewed: Documents whose later version is not in the state that was asked for.
        faults: What couldn't be read or compared.
        drawn: Documents that chance chose for review; ``None`` where no ranking was given.
    """

    legend: Legend
    documents: dict[str, Changes] = field(default_factory=dict)
    only_before: list[str] = field(default_factory=list)
    only_after: list[str] = field(default_factory=list)
    without_before: list[str] = field(default_factory=list)
    unreviewed: list[str] = field(default_factory=list)
    faults: list[SpacyTagtogError] = field(default_factory=list)
    drawn: list[str] | None = None

    @property
    def by_type(self) -> dict[str, EditCounts]:
        """The edits of entities by entity type (class id)."""
        from spacy_tagtog.agreement.edits import EditCounts
        from spacy_tagtog.agreement.versions import task_order

        result: dict[str, EditCounts] = {}
        for changed in self.documents.values():
            for task, counts in changed.by_type.items():
                result[task] = result.get(task, EditCounts()) + counts
        return {task: result[task] for task in sorted(result, key=task_order)}

    @property
    def proposed(self) -> Counter[str]:
        """How many entities there were before, by entity type."""
        return sum((changed.proposed for changed in self.documents.values()), Counter())

    @property
    def edits(self) -> EditCounts:
        """All edits of entities."""
        from spacy_tagtog.agreement.edits import EditCounts

        return sum(self.by_type.values(), EditCounts())

    @property
    def drawn_reviewed(self) -> list[str]:
        """Of the documents that chance chose, those that were compared."""
        return [doc_id for doc_id in self.drawn or [] if doc_id in self.documents]

    def quality(self, ids: Iterable[str] | None = None) -> QualityEstimate:
        """Exact precision, recall and F of the earlier entities, measured by the later ones.

        Args:
            ids: Of these documents; by default of all.
        """
        from spacy_tagtog.agreement.quality import ReviewCounts, estimate_quality

        return estimate_quality(
            [ReviewCounts.of(self.documents[doc_id]) for doc_id in (self.documents if ids is None else ids)]
        )

    def _drawn_json(self) -> dict[str, Any]:
        if self.drawn is None:
            return {}
        reviewed = self.drawn_reviewed
        return {
            "random": {
                "documents": reviewed,
                "not_reviewed": [doc_id for doc_id in self.drawn if doc_id not in self.documents],
                "quality": self.quality(reviewed).to_json(),
            }
        }

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
            **self._drawn_json(),
            "documents": {doc_id: changed.to_json() for doc_id, changed in self.documents.items() if changed},
        }


@command
def changes_cli(
    before: Annotated[
        Path,
        typer.Argument(
            help="The earlier state: a tagtog project (folder or zip), such as what was pushed.",
            show_default=False,
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(
            help="The later state, such as what was fetched after the review.", show_default=False
        ),
    ],
    member: Annotated[
        str, typer.Option("--member", "-m", help="Whose version, before and after.")
    ] = "master",
    before_member: Annotated[
        str,
        typer.Option(
            "--before-member",
            help="Whose version before, if it is another's: with one project given twice.",
            show_default=False,
        ),
    ] = "",
    documents: Annotated[
        str,
        typer.Option(
            "--documents", help="Which documents, as they are later: confirmed, unconfirmed or all."
        ),
    ] = "confirmed",
    on_problem: OnProblemOption = "error",
    legend: LegendOption = None,
    ranking: RankingOption = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write every change to this JSON file.", show_default=False),
    ] = None,
) -> None:
    """Count what reviewers changed: pre-annotations before, confirmed annotations after.

    Entities are paired so that the edits are fewest: accepting one costs nothing; adding one, removing one, giving it
    another type and moving one of its borders cost one edit each. Labels and relations are counted beside.

    With --ranking, the exact precision, recall and F of the pre-annotations are estimated from the documents that chance
    chose: no strategy looked for difficult ones among them, so they stand for all documents that were left.

    Example:
      spacy-tagtog changes preannotated reviewed --ranking ranking.json
      spacy-tagtog changes my-download.zip my-download.zip --before-member master --member ada
    """
    result = changes(
        before,
        after,
        member=member,
        before_member=before_member or member,
        documents=documents,
        on_problem=on_problem,
        legend=legend,
        drawn=drawn_documents(ranking) if ranking else None,
        progress=lambda items, total: progress(items, total, what="comparing"),
    )
    write_json(report, result.to_json())
    note((f"{fault.problem}: {fault.place}" for fault in result.faults), caption="left out")
    note(result.only_before, caption="only in the earlier state")
    note(result.only_after, caption="only in the later state")
    note(result.without_before, caption=f"no earlier version of {before_member or member}: not looked at")
    note(result.unreviewed, caption=f"not {documents}: not looked at")
    counts, proposed = result.by_type, result.proposed
    names = task_names(result.legend, list(counts))
    rows = [(names[task], proposed[task], number) for task, number in counts.items()]
    if len(rows) != 1:
        rows.append(("all", proposed.total(), result.edits))
    table(
        (
            (
                name,
                old,
                number.accepted,
                _percent(number.accepted, old),
                number.removed,
                number.relabelled,
                number.moved,
                number.added,
                number.total,
            )
            for name, old, number in rows
        ),
        header=(
            "entity type",
            "before",
            "accepted",
            "%",
            "removed",
            "relabelled",
            "borders moved",
            "added",
            "edits",
        ),
    )
    labels: Counter[str] = Counter()
    for changed in result.documents.values():
        labels.update(change.task for change in changed.labels)
        labels.update(f"{change.task}, {change.kind}" for change in changed.relations)
    table(
        ((_named(what, result.legend), number) for what, number in sorted(labels.items())),
        header=("labels and relations", "changed"),
    )
    if result.drawn is not None:
        _say_quality(result)
    number = sum(map(bool, result.documents.values()))
    good(
        f"{counted(result.edits.total, 'edit')} of entities; {number} of {counted(len(result.documents), 'document')} changed"
    )


def _say_quality(result: ChangedProject) -> None:
    reviewed = result.drawn_reviewed
    waiting = len(result.drawn or []) - len(reviewed)
    if not reviewed:
        info(
            f"of {counted(waiting, 'document')} that chance chose none was compared: there is no unbiased estimate yet"
        )
        return
    sample, everything = result.quality(reviewed), result.quality()
    rows = [
        (
            caption,
            *(
                ("–" if value is None else f"{factor * value:.1f}")
                for value in (one.value, one.low, one.high, other.value)
            ),
        )
        for caption, factor, one, other in (
            ("precision %", 100, sample.precision, everything.precision),
            ("recall %", 100, sample.recall, everything.recall),
            ("F %", 100, sample.f1, everything.f1),
            ("edits a document", 1, sample.edits, everything.edits),
        )
    ]
    table(rows, header=("exact", "estimate", "95 % from", "to", "all compared"))
    info(
        f"unbiased estimate of the pre-annotations: from {counted(len(reviewed), 'document')} that chance chose among those that were unreviewed then"
        + (
            f"; {waiting} more that chance chose {'was' if waiting == 1 else 'were'} not compared"
            if waiting
            else ""
        )
    )


def _percent(accepted: int, proposed: int) -> str:
    """The share of the earlier entities that were accepted as they were."""
    return f"{100 * accepted / proposed:.1f}" if proposed else "–"


def _named(what: str, legend: Legend) -> str:
    task, comma, kind = what.partition(",")
    return f"{legend.get(task, task)} ({task}){comma}{kind}"


def changes(
    before: Path,
    after: Path,
    *,
    member: str = "master",
    before_member: str = "master",
    documents: str = "confirmed",
    on_problem: str = "error",
    legend: Path | None = None,
    drawn: Mapping[str, str] | None = None,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] | None = None,
) -> ChangedProject:
    """Compare two states of a project, document by document.

    Args:
        before: The earlier state: a project's folder or zip.
        after: The later state.
        member: Whose version of the later state.
        before_member: Whose version of the earlier state.
        documents: Which documents, by the later version: ``confirmed``, ``unconfirmed`` or ``all``.
        on_problem: ``error`` or ``report``.
        legend: A legend file to use instead of the later project's own.
        drawn: Documents that chance chose for review: id to fingerprint of the content, see
            :func:`spacy_tagtog.selection.ranking.sampled_documents`.
        progress: Wraps the documents, with their number.

    Raises:
        AgreementError: A member isn't there, no document is in both, or a document's text is another one (``error``).
        SpacyTagtogError: A project can't be read.
    """
    from spacy_tagtog._options import choose
    from spacy_tagtog.agreement import compare_versions
    from spacy_tagtog.anndoc.fingerprints import content_fingerprint
    from spacy_tagtog.convert.corpus import DocumentChoice
    from spacy_tagtog.errors import AgreementError, AnndocError

    choose("--documents", documents, DocumentChoice)
    faults: list[SpacyTagtogError] = []
    earlier = open_project(before, on_problem=on_problem, legend=None, faults=faults)
    later = open_project(after, on_problem=on_problem, legend=legend, faults=faults)
    check_members(earlier, [before_member])
    check_members(later, [member])
    result = ChangedProject(later.legend, faults=faults, drawn=None if drawn is None else sorted(drawn))
    result.only_before = [doc_id for doc_id in earlier.ids if doc_id not in later]
    found: Iterable[Any] = readable_documents(later, on_problem=on_problem, faults=faults, members=[member])
    for document in found if progress is None else progress(found, len(later)):
        if document.id not in earlier:
            result.only_after.append(document.id)
            continue
        now = document.version(member)
        if member not in document.versions or (
            documents != "all" and now.complete != (documents == "confirmed")
        ):
            result.unreviewed.append(document.id)
            continue
        try:
            old = earlier[document.id]
            if before_member not in old.versions:
                result.without_before.append(document.id)
                continue
            if {part.id: part.text for part in old} != {part.id: part.text for part in document}:
                raise AgreementError(
                    "the text of a document is another one: its versions can't be compared",
                    place=document.id,
                    legal="the same text before and after",
                    advice="compare states of one project; --on-problem report leaves such documents out and lists them",
                )
            if drawn is not None and drawn.get(document.id) not in (None, content_fingerprint(document)):
                raise AgreementError(
                    "a document has another text than when it was ranked",
                    place=document.id,
                    legal="the ranking of these documents",
                    advice="give the ranking that these documents were reviewed by",
                )
            result.documents[document.id] = compare_versions(
                old.version(before_member), now, parts=document.parts
            )
        except (AnndocError, AgreementError) as error:
            if on_problem == "error":
                raise
            faults.append(error)
    if not result.documents and not faults:
        raise AgreementError(
            "there is nothing to compare",
            place=f"{before} and {after}",
            value=f"{counted(len(result.only_before), 'document')} only before, {len(result.only_after)} only after, "
            f"{len(result.without_before)} without an earlier version, {len(result.unreviewed)} not {documents}",
            legal="documents with the same id in both, and a version of the member in each",
            advice="confirm documents, or compare all of them with --documents all",
        )
    return result
