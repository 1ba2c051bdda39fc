"""The rule of a merge: whose annotations are taken, under each strategy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy_tagtog._plural import counted
from spacy_tagtog.agreement.member_ranking import MemberRanking
from spacy_tagtog.agreement.merge_report import Kind, LeftOut, MergeReport
from spacy_tagtog.agreement.merge_units import in_one_unit
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    EntityKey,
    RelationKey,
    VersionItems,
    parts_of,
    versions_of,
)
from spacy_tagtog.anndoc import confidence


class Ballot:
    """The versions that are merged, the rule by which they vote, and the report.

    Args:
        document: The document, or only its versions by member.
        names: Whose versions are merged, in order.
        report: What is done is noted here.
        ranking: Who agrees best with the others, for ``best_iaa_v1``.
    """

    def __init__(
        self,
        document: DocumentVersions,
        names: list[str],
        report: MergeReport,
        ranking: MemberRanking | None,
    ) -> None:
        versions = versions_of(document)
        self.parts = parts_of(document)
        self.names = names
        self.report = report
        self.ranking = ranking
        chosen = {name: versions[name] for name in names}
        if self.parts is not None:
            chosen = in_one_unit(chosen, self.parts, report.notes)
        self.versions = chosen
        self.items = {name: VersionItems.of(version, self.parts) for name, version in chosen.items()}

    def part_order(self) -> dict[str, int]:
        """The parts and their places in the text, or in the best order that the versions themselves tell."""
        parts: Iterable[str] = self.parts or ()
        if self.parts is None:
            versions = self.versions.values()
            parts = [part for version in versions for part in version.annotatable]
            parts += [entity.part for version in versions for entity in version.entities]
        return {part: number for number, part in enumerate(dict.fromkeys(parts))}

    def having(self) -> dict[EntityKey, list[str]]:
        """Who has each entity."""
        having: dict[EntityKey, list[str]] = defaultdict(list)
        for name in self.names:
            for key in self.items[name].entities:
                having[key].append(name)
        return having

    def followed(self, task: str) -> str:
        """Under ``best_iaa_v1``: whose annotations of a task are taken."""
        assert self.ranking is not None
        if task not in self.report.followed:
            self.report.followed[task] = self.ranking.best(task, self.names)
        return self.report.followed[task]

    def takes(self, task: str, members: Sequence[str], at: EntityKey | RelationKey | None = None) -> bool:
        """Whether what these members have is taken.

        Args:
            task: Its annotation task.
            members: Who has it.
            at: The entity or relation; of a label the entity that it hangs on; ``None`` for a document label.
        """
        match self.report.strategy:
            case "union_v1":
                return True
            case "intersection_v1":
                return len(members) == len(self.names)
            case "majority_v1":
                return 2 * len(members) > len(self.names)
            case "best_iaa_v1":
                return self.followed(task) in members
            case "decided":
                raise AssertionError("what a person decided is known to a ballot of its own")

    def standing(self, end: EntityKey) -> EntityKey:
        """The entity that a relation has as its end in the merged version: by rule, the same."""
        return end

    def first(self, task: str, members: Sequence[str]) -> str:
        """Whose copy of an annotation is taken."""
        return (
            self.followed(task)
            if self.report.strategy == "best_iaa_v1" and self.followed(task) in members
            else members[0]
        )

    def why_not(self, task: str, members: Sequence[str]) -> str:
        """Why what these members have isn't taken."""
        if self.report.strategy == "best_iaa_v1":
            return f"{self.followed(task)}, who agrees best on {task}, doesn't have it"
        return f"in {len(members)} of {counted(len(self.names), 'version')}"

    def confidence(
        self, old: Mapping[str, Any] | None, members: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The confidence of an annotation: a person's, with the share of those who have it.

        Args:
            old: The one of the copy that is taken.
            members: Who has it, and the annotation's JSON object there.
        """
        share = len(members) / len(self.names)
        return {
            **(old or {}),
            **confidence(state="", who=[f"user:{name}" for name in members], prob=1 if share == 1 else share),
        }

    def leave_out(
        self, kind: Kind, task: str, where: object, what: str, members: Iterable[str], reason: str
    ) -> None:
        """Note that something isn't taken."""
        self.report.left_out.append(LeftOut(kind, task, str(where), what, tuple(members), reason))
