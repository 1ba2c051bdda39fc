"""Which member agrees best with the others, for ``best_iaa_v1``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_tagtog.agreement.measures import AgreementMatrix, agreement_matrix
from spacy_tagtog.agreement.versions import DocumentVersions


@dataclass(frozen=True)
class MemberRanking:
    """How well each member agrees with the others, for ``best_iaa_v1``.

    As in tagtog's documentation, the best member for a task is the one with the highest agreement on it,
    among those who confirmed the document. If the task has no agreement (nobody else annotated it), it is the
    one with the highest average over all tasks. Ties go to the first by name, as does the choice without any
    agreement.

    Attributes:
        by_task: Task to member to the average F1 (``exact_v1``) over the pairs with that member.
        overall: Member to the average over all tasks and pairs.
    """

    by_task: Mapping[str, Mapping[str, float]]
    overall: Mapping[str, float]

    @classmethod
    def of(cls, matrix: AgreementMatrix) -> MemberRanking:
        """Rank the members of a matrix."""

        def scores(task: str | None) -> dict[str, float]:
            means = {member: matrix.mean(task, member=member) for member in matrix.members}
            return {member: mean for member, mean in means.items() if mean is not None}

        return cls({task: scores(task) for task in matrix.tasks}, scores(None))

    def best(self, task: str, members: Sequence[str]) -> str:
        """The member to follow for a task.

        Args:
            task: The task.
            members: Who confirmed the document; at least one.
        """
        for scores in (self.by_task.get(task, {}), self.overall):
            known = [member for member in members if member in scores]
            if known:
                return min(known, key=lambda member: (-scores[member], member))
        return min(members)

    def to_json(self) -> dict[str, Any]:
        """The ranking as a JSON object."""
        return {
            "overall": {member: round(score, 6) for member, score in self.overall.items()},
            "tasks": {
                task: {member: round(score, 6) for member, score in scores.items()}
                for task, scores in self.by_task.items()
            },
        }


def rank_members(
    documents: Iterable[DocumentVersions], *, members: Sequence[str] | None = None
) -> MemberRanking:
    """Rank the members by their agreement.

    Args:
        documents: All documents of the project.
        members: Whom to rank; by default everybody but ``master``.

    Raises:
        AnnJsonError: A relation's reference can't be read.
    """
    return MemberRanking.of(agreement_matrix(documents, members=members))
