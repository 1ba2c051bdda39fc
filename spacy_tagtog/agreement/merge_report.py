"""What a merge did: what it took, what it left out and why, and where members contradict each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from spacy_tagtog.anndoc import Annotations

MergeStrategy = Literal["union_v1", "intersection_v1", "majority_v1", "best_iaa_v1"]
"""tagtog's strategies."""

Rule = MergeStrategy | Literal["decided"]
"""One of tagtog's strategies, or the decisions of a person."""

Kind = Literal["entity", "label", "normalization", "document label", "relation"]

SECOND_COPY: Final = "a second copy in the same version"
FOR_REMOVAL: Final = "it is proposed for removal"
NO_VALUE: Final = "it has no value"
OTHER_VALUE: Final = "another value was taken"
NO_ENTITY: Final = "its entity was not taken"
DANGLING: Final = "one of its entities is in no version"


@dataclass(frozen=True)
class LeftOut:
    """An annotation of some version that the merged version doesn't hold.

    Attributes:
        kind: What it is.
        task: Its annotation task.
        where: Part and offsets; empty for a document label.
        what: Its text or value.
        members: Who has it.
        reason: Why it was left out.
    """

    kind: Kind
    task: str
    where: str
    what: str
    members: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.task} {self.where} {self.what!r} of {', '.join(self.members)}: {self.reason}"
        )


@dataclass(frozen=True)
class Conflict:
    """A place where members contradict each other, whichever of them was followed.

    Attributes:
        kind: ``value`` (a label has different values), ``type`` (one place, different entity types),
            ``borders`` (one entity type, overlapping places), or ``overlap`` (different types, overlapping
            places).
        where: Part and offsets of the first side; the task for a document label.
        sides: (what, who has it) of each side.
    """

    kind: Literal["value", "type", "borders", "overlap"]
    where: str
    sides: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: " + " against ".join(
            f"{what} ({', '.join(who)})" for what, who in self.sides
        )


@dataclass
class MergeReport:
    """What a merge did.

    Attributes:
        strategy: How the versions were merged; ``decided`` where a person chose.
        members: Whose versions were merged, by name.
        unconfirmed: Who has a version that is not confirmed and therefore doesn't count.
        followed: Under ``best_iaa_v1``: the member that was followed for each task.
        taken: How many annotations the merged version holds, by kind.
        left_out: What it doesn't hold. Every annotation of a merged version is in the result or here.
        conflicts: Where members contradict each other.
        notes: What else is worth knowing: other parts, other units of offsets, keys that differ.
    """

    strategy: Rule
    members: list[str]
    unconfirmed: list[str] = field(default_factory=list)
    followed: dict[str, str] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "strategy": self.strategy,
            "members": self.members,
            "unconfirmed": self.unconfirmed,
            **({"followed": self.followed} if self.followed else {}),
            "taken": dict(sorted(self.taken.items())),
            "left_out": [asdict(item) for item in self.left_out],
            "conflicts": [
                {
                    "kind": conflict.kind,
                    "where": conflict.where,
                    "sides": [{"what": what, "members": list(who)} for what, who in conflict.sides],
                }
                for conflict in self.conflicts
            ],
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Attributes:
        annotations: The merged version, unconfirmed.
        report: What was done.
    """

    annotations: Annotations
    report: MergeReport
