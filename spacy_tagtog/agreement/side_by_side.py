"""Two versions of a document side by side: where they differ, and one version out of both by decisions.

What both have is agreed on and stands in the result. Every *difference* is decided by a person:

- an **entity** that only one version has, or that has another type or other borders in the other version:
  such entities are paired as :mod:`~spacy_tagtog.agreement.edits` pairs them;
- a **label** or normalization of an entity that both have, with another value, or none, on the other side;
- a **relation** that only one version has. One whose entities have another type or other borders on the other
  side is no difference: it follows what is decided about its entities;
- a **document label** with another value, or none, on the other side.

What is decided is written as :func:`~spacy_tagtog.agreement.merge` writes: an annotation gets ``who``, all
members that have it, and ``prob``, their share of the two versions; the result is unconfirmed. Merging knows
members' confirmed versions alone. Beyond that:

- ``master`` and a model's version are nobody's. What they have counts as of the people that it names.
- What only such a version has, or what both such versions have, keeps ``who`` and ``prob``. If a person took
  it, its ``state`` is empty, as after accepting.
- What is only proposed in a version that isn't confirmed is nobody's there. Proposed on both sides, it stays
  a proposal.
- A difference that isn't decided is in the result on neither side. Labels go with their entity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from spacy_tagtog.agreement.adjudication import merged_by
from spacy_tagtog.agreement.edits import EditSpan, match_edits
from spacy_tagtog.agreement.merge_entities import in_text_order
from spacy_tagtog.agreement.merge_report import Merged, MergeReport
from spacy_tagtog.agreement.merge_rule import Ballot
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    EntityKey,
    RelationKey,
    VersionItems,
    labels_of,
    set_value,
    task_order,
    value_key,
    versions_of,
)
from spacy_tagtog.anndoc import MASTER, confidence
from spacy_tagtog.errors import AgreementError

Side = Literal["left", "right"]
Choice = Literal["left", "right", "both", "neither"]
"""What a person takes of a difference."""

_SIDES: Final[Mapping[Choice, tuple[Side, ...]]] = {
    "left": ("left",),
    "right": ("right",),
    "both": ("left", "right"),
    "neither": (),
}


@dataclass(frozen=True)
class Difference:
    """Something that one of two versions has and the other has not, or has otherwise.

    Attributes:
        id: Its name. It stays the same as long as both sides say the same.
        kind: What differs.
        how: In what: ``only`` (the other side has nothing), ``type``, ``borders``, ``type and borders``, or
            ``value``.
        task: The annotation task; of an entity whose type differs, the left one's.
        left: What the left version has: of an entity or a relation what makes it the same elsewhere, of a
            label its value; ``None`` for nothing.
        right: What the right version has.
        at: Of a label: the entity that it hangs on.
    """

    id: str
    kind: Literal["entity", "label", "relation", "document label"]
    how: Literal["only", "type", "borders", "type and borders", "value"]
    task: str
    left: Any
    right: Any
    at: EntityKey | None = None

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be taken. A label has one value: both would be one too many."""
        return get_args(Choice) if self.how != "value" else ("left", "right", "neither")


@dataclass
class Comparison:
    """Two versions of a document side by side.

    Attributes:
        left: The name of the left version.
        right: The name of the right version.
        differences: Where they differ: entities and their labels in the order of the text, relations,
            document labels.
        sides: The annotations of each version, with offsets in one unit.
        entities: The entities of either version, in the order of the text.
    """

    left: str
    right: str
    differences: list[Difference]
    sides: dict[Side, VersionItems]
    entities: list[EntityKey]
    _pairs: dict[EntityKey, EntityKey] = field(default_factory=dict, repr=False)

    @property
    def agreed(self) -> int:
        """The number of entities that both versions have."""
        left, right = (items.entities.keys() for items in self.sides.values())
        return len(left & right)

    def relation(self, key: RelationKey) -> RelationKey:
        """A relation with the left's entities in place of the right's that they are paired with."""
        ends = [self._pairs.get(end, end) for end in key.ends]
        return RelationKey(key.class_id, key.directed, tuple(ends if key.directed else sorted(ends)))


def compare_sides(document: DocumentVersions, left: str, right: str) -> Comparison:
    """Compare two versions side by side.

    Args:
        document: The document, or only its versions by name.
        left: The name of one version.
        right: The name of the other.

    Raises:
        AgreementError: There is no such version, or both are one.
        AnnJsonError: A relation's reference can't be read.
    """
    return _compared(_ballot(document, left, right), left, right)


def adjudicate(
    document: DocumentVersions,
    left: str,
    right: str,
    decisions: Mapping[str, Choice],
    *,
    who: str,
    owners: Mapping[str, str | None] | None = None,
) -> Merged:
    """Make one version of two, by what a person decided.

    Args:
        document: The document, or only its versions by name.
        left: The name of one version.
        right: The name of the other.
        decisions: Id of a difference to what is taken. What isn't decided is taken from neither side.
        who: Who decided, such as ``user:ada``.
        owners: Whose each version is, ``None`` for nobody's. By default a version's name is its owner, and
            ``master`` is nobody's.

    Returns:
        The new version, unconfirmed, and what was left out and why.

    Raises:
        AgreementError: There is no such version, difference or choice.
        AnnJsonError: A relation's reference can't be read.
    """
    named: dict[str, str | None] = {name: None if name == MASTER else name for name in (left, right)}
    ballot = _ballot(document, left, right, {**named, **(owners or {})}, who)
    ballot.decide(_compared(ballot, left, right), decisions)
    return merged_by(ballot)


def _ballot(
    document: DocumentVersions,
    left: str,
    right: str,
    owners: Mapping[str, str | None] | None = None,
    who: str = "",
) -> _Decided:
    versions = versions_of(document)
    for name in (left, right):
        if name not in versions:
            raise AgreementError(
                "there is no such version of this document",
                value=name,
                legal=", ".join(versions) or "(it has none)",
            )
    if left == right:
        raise AgreementError("a version can't be compared with itself", value=left, legal="two versions")
    # The order is that of merging, whichever version stands left: the result is the same.
    names = sorted((left, right))
    unconfirmed = [name for name in names if not versions[name].complete]
    return _Decided(document, names, MergeReport("decided", names, unconfirmed), owners or {}, who)


class _Decided(Ballot):
    """Two versions, and what a person decided about their differences."""

    def __init__(
        self,
        document: DocumentVersions,
        names: list[str],
        report: MergeReport,
        owners: Mapping[str, str | None],
        who: str,
    ) -> None:
        super().__init__(document, names, report, None)
        self._owners = owners
        self._who = who
        # What is taken: an entity, or (task, entity or None) of a label → names of versions.
        self._taken: dict[Hashable, set[str]] = {}
        self._standing: dict[EntityKey, EntityKey] = {}
        self._relations: dict[RelationKey, set[str]] = {}
        self._shared: Callable[[RelationKey], RelationKey] = lambda key: key

    def decide(self, comparison: Comparison, decisions: Mapping[str, Choice]) -> None:
        """Take over what was decided."""
        self._shared = comparison.relation
        left, right = ({self._shared(key) for key in items.relations} for items in comparison.sides.values())
        self._relations = {key: set(self.names) for key in left & right}
        by_id = {difference.id: difference for difference in comparison.differences}
        names = {"left": comparison.left, "right": comparison.right}
        for name, choice in decisions.items():
            difference = by_id.get(name)
            if difference is None:
                raise AgreementError(
                    "the versions have no such difference",
                    value=name,
                    legal="the id of a difference",
                    advice="compare the versions again",
                )
            if choice not in difference.choices:
                raise AgreementError(
                    f"this can't be taken of a {difference.kind}",
                    value=choice,
                    legal=", ".join(difference.choices),
                )
            for side in _SIDES[choice]:
                own = difference.left if side == "left" else difference.right
                if own is not None and difference.kind == "relation":
                    self._relations.setdefault(self._shared(own), set()).add(names[side])
                elif own is not None:
                    subject = own if difference.kind == "entity" else (difference.task, difference.at)
                    self._taken.setdefault(subject, set()).add(names[side])
            if difference.kind == "entity" and choice in names and difference.how != "only":
                given, gone = difference.left, difference.right
                if choice == "right":
                    given, gone = gone, given
                self._standing[gone] = given

    def standing(self, end: EntityKey) -> EntityKey:
        return self._standing.get(end, end)

    def takes(self, task: str, members: Sequence[str], at: EntityKey | RelationKey | None = None) -> bool:
        if len(members) == len(self.names):
            return True
        if isinstance(at, RelationKey):
            return not self._relations.get(self._shared(at), set()).isdisjoint(members)
        if at is None or task == at.class_id:
            return not self._taken.get(at or (task, None), set()).isdisjoint(members)
        if not all(at in items.entities for items in self.items.values()):
            return True  # a label of an entity that was taken
        return not self._taken.get((task, at), set()).isdisjoint(members)

    def why_not(self, task: str, members: Sequence[str]) -> str:
        return "it was not taken"

    def confidence(
        self, old: Mapping[str, Any] | None, members: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        authors: set[str] = set()
        for name, own in members.items():
            known = own.get("confidence") or {}
            if known.get("state") == "pre-added" and not self.versions[name].complete:
                continue
            owner = self._owners.get(name)
            said = [one for one in known.get("who") or () if str(one).startswith("user:")]
            authors.update(said if owner is None else [f"user:{owner}"])
        agreed = len(members) == len(self.names)
        if authors and any(self._owners.get(name) is not None for name in members):
            prob = 1 if agreed else len(members) / len(self.names)
            return {**(old or {}), **confidence(state="", who=sorted(authors), prob=prob)}
        if not old:
            return {**confidence(state="", who=[self._who], prob=1)}
        return dict(old) if agreed else {**old, "state": ""}


# --- Where two versions differ


def _compared(ballot: _Decided, left: str, right: str) -> Comparison:
    sides: dict[Side, VersionItems] = {"left": ballot.items[left], "right": ballot.items[right]}
    order = ballot.part_order()
    entities = sorted(
        sides["left"].entities.keys() | sides["right"].entities.keys(),
        key=lambda key: in_text_order(key, order),
    )
    number = {key: index for index, key in enumerate(entities)}
    pairs = _pairs(sides, number)
    same = {other: one for one, other in pairs if one is not None and other is not None}
    comparison = Comparison(left, right, [], sides, entities, same)
    found = [(min(number[key] for key in pair if key is not None), _entity(*pair)) for pair in pairs]
    for key in sides["left"].entities.keys() & sides["right"].entities.keys():
        one, other = (_labels(items, key) for items in sides.values())
        found += [(number[key], difference) for difference in _values("label", one, other, key)]
    found.sort(key=lambda placed: (placed[0], placed[1].kind, task_order(placed[1].task)))
    metas = [
        {task: set_value(label) for task, label in items.annotations.metas.items()}
        for items in sides.values()
    ]
    comparison.differences += [difference for _, difference in found]
    comparison.differences += _relations(comparison, number)
    comparison.differences += _values("document label", metas[0], metas[1], None)
    return comparison


def _pairs(
    sides: Mapping[Side, VersionItems], number: Mapping[EntityKey, int]
) -> list[tuple[EntityKey | None, EntityKey | None]]:
    """The entities that only one version has; together those that are one with another type or borders."""
    mine, theirs = (items.entities.keys() for items in sides.values())
    only = [sorted(one, key=number.__getitem__) for one in (mine - theirs, theirs - mine)]
    spans = [[EditSpan(key.place.part, key.place.ranges, key.class_id) for key in side] for side in only]
    return [
        (
            None if edit.before is None else only[0][edit.before],
            None if edit.after is None else only[1][edit.after],
        )
        for edit in match_edits(*spans)
    ]


def _entity(left: EntityKey | None, right: EntityKey | None) -> Difference:
    task = (left or right).class_id  # type: ignore[union-attr]
    how: Literal["only", "type", "borders", "type and borders"] = "only"
    if left is not None and right is not None:
        types, borders = left.class_id != right.class_id, left.place != right.place
        how = "type and borders" if types and borders else "type" if types else "borders"
    return Difference(_id("entity", left, right), "entity", how, task, left, right)


def _labels(items: VersionItems, key: EntityKey) -> dict[str, Any]:
    """The labels and normalizations of an entity; of its copies the first one that has a value."""
    found: dict[str, Any] = {}
    for entity in items.entities[key]:
        found = {**labels_of(entity), **found}
    return found


def _values(
    kind: Literal["label", "document label"],
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    at: EntityKey | None,
) -> Iterable[Difference]:
    for task in sorted(left.keys() | right.keys(), key=task_order):
        one, other = left.get(task), right.get(task)
        if one is None and other is None:
            continue
        if one is not None and other is not None and value_key(one) == value_key(other):
            continue
        how: Literal["only", "value"] = "only" if one is None or other is None else "value"
        yield Difference(_id(kind, task, at, one, other), kind, how, task, one, other, at)


def _relations(comparison: Comparison, number: Mapping[EntityKey, int]) -> list[Difference]:
    shared: dict[RelationKey, dict[Side, RelationKey]] = {}
    for side, items in comparison.sides.items():
        for key in items.relations:
            # What points at nothing can't be taken; the report says so.
            if number.keys() >= set(key.ends):
                shared.setdefault(comparison.relation(key), {}).setdefault(side, key)
    found: list[tuple[int, Difference]] = []
    for sides in shared.values():
        if len(sides) == 1:
            left, right = sides.get("left"), sides.get("right")
            (key,) = sides.values()
            made = Difference(_id("relation", left, right), "relation", "only", key.class_id, left, right)
            found.append((min(number[end] for end in key.ends), made))
    found.sort(key=lambda one: (one[0], task_order(one[1].task), one[1].id))
    return [one for _, one in found]


def _id(*pieces: Any) -> str:
    """A name made of what both sides say: it is another one as soon as a side says something else."""
    said = json.dumps(pieces, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]
