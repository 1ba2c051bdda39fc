"""Adjudication: the confirmed versions of several members, merged into one.

The rules are those of tagtog's documentation (*Multi-user annotation*, adjudication). With ``n`` members who confirmed the document, an annotation
(what is one and the same annotation: ``exact_v1``) is taken

- under ``union_v1`` if anybody has it;
- under ``intersection_v1`` if all ``n`` have it;
- under ``majority_v1`` if more than ``n / 2`` have it: exactly half is not enough;
- under ``best_iaa_v1`` if the member has it who agrees best with the others on its task (``exact_v1``, over all documents of the project): see
  :class:`Ranking`.

It comes with ``who``, all members that have it, and ``prob``, their share of ``n``. Of different values of a label or normalization on one entity,
and of a document label, union takes the first version's, intersection only a value that all ``n`` chose, majority one that more than ``n / 2``
chose. A relation stays only if its entities stay.

Decided here, where tagtog's documentation says nothing: members are ordered by name (so *the first version* is the first by name that has a value);
the result is unconfirmed, since somebody should look at it; its annotations are a person's (``state`` is empty); ``best_iaa_v1`` gives ``who`` and
``prob`` like the others; the rest of an annotation's keys are the first version's; annotatable parts and sources are those of any version.
"""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from spacy_tagtog._options import choose
from spacy_tagtog._plural import counted
from spacy_tagtog.agreement.measures import AgreementMatrix, agreement_matrix
from spacy_tagtog.agreement.versions import (
    DocumentVersions,
    EntityKey,
    References,
    RelationKey,
    VersionItems,
    confirmed_members,
    extent,
    normalization_value,
    parts_of,
    set_value,
    task_order,
    value_key,
    versions_of,
)
from spacy_tagtog.anndoc import (
    MASTER,
    Annotations,
    Document,
    Entity,
    OffsetConverter,
    Part,
    confidence,
    detect_unit,
)
from spacy_tagtog.errors import AgreementError, NotConfirmedError

Strategy = Literal["union_v1", "intersection_v1", "majority_v1", "best_iaa_v1"]
"""tagtog's strategies."""

Kind = Literal["entity", "label", "normalization", "document label", "relation"]

_HANGING: Final[tuple[tuple[str, Literal["label", "normalization"], Callable[[Any], Any]], ...]] = (
    ("fields", "label", set_value),
    ("normalizations", "normalization", normalization_value),
)
"""What hangs on an entity: its key in ann.json, what it is called, what its value is."""

_SECOND_COPY = "a second copy in the same version"
_FOR_REMOVAL = "it is proposed for removal"
_NO_VALUE = "it has no value"
_OTHER_VALUE = "another value was taken"
_NO_ENTITY = "its entity was not taken"
_DANGLING = "one of its entities is in no version"


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
        kind: ``value`` (a label has different values), ``type`` (one place, different entity types), ``borders`` (one entity type, overlapping
            places), or ``overlap`` (different types, overlapping places).
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
        strategy: How the versions were merged.
        members: Whose versions were merged, by name.
        unconfirmed: Who has a version that is not confirmed and therefore doesn't count.
        followed: Under ``best_iaa_v1``: the member that was followed for each task.
        taken: How many annotations the merged version holds, by kind.
        left_out: What it doesn't hold. Every annotation of a merged version is in the result or here.
        conflicts: Where members contradict each other.
        notes: What else is worth knowing: other parts, other units of offsets, keys that differ.
    """

    strategy: Strategy
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


@dataclass(frozen=True)
class Ranking:
    """How well each member agrees with the others, for ``best_iaa_v1``.

    As in tagtog's documentation: for a task the best member is the one with the highest agreement on it, among those who confirmed the document;
    where the task has no agreement (nobody else annotated it), the one with the highest average over all tasks. Ties go to the first by name, and
    so does the choice among members of whom no agreement is known at all.

    Attributes:
        by_task: Task to member to the average F1 (``exact_v1``) over the pairs with that member.
        overall: Member to the average over all tasks and pairs.
    """

    by_task: Mapping[str, Mapping[str, float]]
    overall: Mapping[str, float]

    @classmethod
    def of(cls, matrix: AgreementMatrix) -> Ranking:
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


def rank_members(documents: Iterable[DocumentVersions], *, members: Sequence[str] | None = None) -> Ranking:
    """Rank the members by their agreement.

    Args:
        documents: All documents of the project.
        members: Whom to rank; by default everybody but ``master``.

    Raises:
        AnnJsonError: A relation's reference can't be read.
    """
    return Ranking.of(agreement_matrix(documents, members=members))


def merge(
    document: DocumentVersions,
    strategy: Strategy,
    *,
    ranking: Ranking | None = None,
    members: Sequence[str] | None = None,
    place: object = None,
) -> Merged:
    """Merge the confirmed versions of a document into one.

    Args:
        document: The document, or only its versions by member. With the document, versions that count offsets in different units are brought to one.
        strategy: How.
        ranking: Who agrees best with the others; needed for ``best_iaa_v1``, see :func:`rank_members`.
        members: Whose versions; by default everybody's but ``master``.
        place: Where the document is, for messages; by default its id.

    Returns:
        The merged version, unconfirmed, and what was left out and why.

    Raises:
        NotConfirmedError: None of the members confirmed a version.
        AgreementError: ``best_iaa_v1`` without a ranking.
        ConfigurationError: There is no such strategy.
        AnnJsonError: A relation's reference can't be read.
    """
    choose("strategy", strategy, Strategy)
    if strategy == "best_iaa_v1" and ranking is None:
        raise AgreementError(
            "best_iaa_v1 needs to know how well each member agrees with the others",
            legal="a ranking",
            advice="make one of all documents of the project: rank_members(documents)",
        )
    if place is None and isinstance(document, Document):
        place = document.id
    versions = versions_of(document)
    names = confirmed_members(versions, members)
    if not names:
        raise NotConfirmedError(
            "no member confirmed a version of this document",
            place=place,
            value=", ".join(sorted(versions)) or "(it has no version)",
            legal="at least one confirmed version beside master",
            advice="confirm the document as a member, then merge",
        )
    asked = [name for name in versions if (name != MASTER if members is None else name in members)]
    report = MergeReport(strategy, names, sorted(name for name in asked if not versions[name].complete))
    return _Merge(document, names, report, ranking).merged()


class _Merge:
    """One merge: the versions taken apart, the rule, and the report."""

    def __init__(
        self, document: DocumentVersions, names: list[str], report: MergeReport, ranking: Ranking | None
    ) -> None:
        versions = versions_of(document)
        self.parts = parts_of(document)
        self.names = names
        self.report = report
        self.ranking = ranking
        chosen = {name: versions[name] for name in names}
        if self.parts is not None:
            chosen = self._one_unit(chosen, self.parts)
        self.versions = chosen
        self.items = {name: VersionItems.of(version, self.parts) for name, version in chosen.items()}

    def merged(self) -> Merged:
        data = self._frame()
        entities = self._entities()
        data["entities"] = list(entities.values())
        data["metas"] = self._metas()
        data["relations"] = self._relations(entities)
        self._overlaps()
        self.report.left_out.sort(
            key=lambda item: (task_order(item.task), item.where, item.what, item.members, item.reason)
        )
        return Merged(Annotations(data), self.report)

    # ---- the rule

    def _followed(self, task: str) -> str:
        """Under ``best_iaa_v1``: whose annotations of a task are taken."""
        assert self.ranking is not None
        if task not in self.report.followed:
            self.report.followed[task] = self.ranking.best(task, self.names)
        return self.report.followed[task]

    def _takes(self, task: str, members: Sequence[str]) -> bool:
        """Whether what these members have is taken."""
        match self.report.strategy:
            case "union_v1":
                return True
            case "intersection_v1":
                return len(members) == len(self.names)
            case "majority_v1":
                return 2 * len(members) > len(self.names)
            case "best_iaa_v1":
                return self._followed(task) in members

    def _first(self, task: str, members: Sequence[str]) -> str:
        """Whose copy of an annotation is taken."""
        return (
            self._followed(task)
            if self.report.strategy == "best_iaa_v1" and self._followed(task) in members
            else members[0]
        )

    def _why_not(self, task: str, members: Sequence[str]) -> str:
        if self.report.strategy == "best_iaa_v1":
            return f"{self._followed(task)}, who agrees best on {task}, doesn't have it"
        return f"in {len(members)} of {counted(len(self.names), 'version')}"

    def _confidence(self, old: Mapping[str, Any] | None, members: Sequence[str]) -> dict[str, Any]:
        share = len(members) / len(self.names)
        return {
            **(old or {}),
            **confidence(state="", who=[f"user:{name}" for name in members], prob=1 if share == 1 else share),
        }

    def _leave_out(
        self, kind: Kind, task: str, where: object, what: str, members: Iterable[str], reason: str
    ) -> None:
        self.report.left_out.append(LeftOut(kind, task, str(where), what, tuple(members), reason))

    # ---- what is around the annotations

    def _one_unit(
        self, versions: dict[str, Annotations], parts: Mapping[str, Part]
    ) -> dict[str, Annotations]:
        """The versions with offsets in one unit: what comes from two of them may stand in one file."""
        if not any(OffsetConverter(part.text).has_astral for part in parts.values()):
            return versions
        units = {}
        for name, version in versions.items():
            seen = {
                detect_unit(parts, version, default="utf-16"),
                detect_unit(parts, version, default="code-point"),
            }
            if len(seen) == 1:  # else nothing in it tells: it is the same in both
                units[name] = seen.pop()
        if len(set(units.values())) < 2:
            return versions
        counting = [name for name, unit in units.items() if unit == "code-point"]
        self.report.notes.append(
            f"offsets of {', '.join(counting)} count code points, others UTF-16: all are UTF-16 now"
        )
        return {
            name: _in_utf16(version, parts) if name in counting else version
            for name, version in versions.items()
        }

    def _frame(self) -> dict[str, Any]:
        """Everything but the annotations themselves."""
        all_data = [self.versions[name].data for name in self.names]
        data: dict[str, Any] = {}
        for name, version in zip(self.names, all_data, strict=True):
            for key, value in version.items():
                if key not in data:
                    data[key] = None if key in ("entities", "metas", "relations") else copy.deepcopy(value)
                elif key not in (
                    "annotatable",
                    "anncomplete",
                    "sources",
                    "entities",
                    "metas",
                    "relations",
                ) and not _same(data[key], value):
                    self.report.notes.append(f"{name} has another {key!r}: the first version's was taken")
        listed = [version.annotatable for version in self.versions.values()]
        if len({frozenset(parts) for parts in listed}) > 1:
            self.report.notes.append(
                "the versions have different annotatable parts: those of any version are taken"
            )
        if "annotatable" in data or any(listed):
            together = dict.fromkeys(part for parts in listed for part in parts)
            if self.parts is not None:
                order = {part: number for number, part in enumerate(self.parts)}
                together = dict.fromkeys(sorted(together, key=lambda part: order.get(part, len(order))))
            data["annotatable"] = {**(data.get("annotatable") or {}), "parts": list(together)}
        data["anncomplete"] = False
        sources: list[Any] = []
        for version in all_data:
            sources += [
                copy.deepcopy(source)
                for source in version.get("sources") or ()
                if not any(_same(source, other) for other in sources)
            ]
        if sources or "sources" in data:
            data["sources"] = sources
        return data

    # ---- entities and what hangs on them

    def _having(self) -> dict[EntityKey, list[str]]:
        having: dict[EntityKey, list[str]] = defaultdict(list)
        for name in self.names:
            for key in self.items[name].entities:
                having[key].append(name)
        return having

    def _entities(self) -> dict[EntityKey, dict[str, Any]]:
        order = {
            part: number
            for number, part in enumerate(self.parts if self.parts is not None else self._parts_seen())
        }
        result: dict[EntityKey, dict[str, Any]] = {}
        for key, members in sorted(self._having().items(), key=lambda item: _in_text_order(item[0], order)):
            takes = self._takes(key.class_id, members)
            source = self._first(key.class_id, members) if takes else members[0]
            entity = self.items[source].entities[key][0]
            for name in members:
                for more in self.items[name].entities[key][1:]:
                    self._leave_out("entity", key.class_id, key.place, more.text, [name], _SECOND_COPY)
            labels = self._labels_of(key, members, takes=takes)
            if not takes:
                self._leave_out(
                    "entity",
                    key.class_id,
                    key.place,
                    entity.text,
                    members,
                    self._why_not(key.class_id, members),
                )
                continue
            self.report.taken["entity"] += 1
            data = copy.deepcopy(entity.data)
            data["confidence"] = self._confidence(data.get("confidence"), members)
            for name, values in labels.items():
                if values or name in data:
                    data[name] = values
            others = [self.items[name].entities[key][0].data for name in members if name != source]
            different = sorted(
                {
                    more
                    for other in others
                    for more in other.keys() | data.keys()
                    if not _same_beside(more, data, other)
                }
            )
            if different:
                self.report.notes.append(
                    f"{key.class_id} {key.place}: {', '.join(different)} differ, {source}'s were taken"
                )
            result[key] = data
        for name in self.names:
            for entity in self.items[name].removed:
                self._leave_out(
                    "entity",
                    entity.class_id,
                    f"{entity.part}|{entity.fragments[0].start}",
                    entity.text,
                    [name],
                    _FOR_REMOVAL,
                )
        return result

    def _parts_seen(self) -> dict[str, None]:
        """The parts in the best order that the versions themselves tell."""
        listed = [part for version in self.versions.values() for part in version.annotatable]
        return dict.fromkeys(
            [*listed, *(entity.part for version in self.versions.values() for entity in version.entities)]
        )

    def _labels_of(self, key: EntityKey, members: Sequence[str], *, takes: bool) -> dict[str, dict[str, Any]]:
        """The labels and normalizations of an entity, merged."""
        result: dict[str, dict[str, Any]] = {}
        for name, kind, value_of in _HANGING:
            found: dict[str, dict[str, list[Any]]] = defaultdict(dict)  # task to member to JSON objects
            for member in members:
                for entity in self.items[member].entities[key]:
                    for task, label in (entity.data.get(name) or {}).items():
                        found[task].setdefault(member, []).append(label)
            merged = {
                task: self._value(kind, task, key, found[task], value_of, takes=takes)
                for task in sorted(found, key=task_order)
            }
            result[name] = {task: value for task, value in merged.items() if value is not None}
        return result

    def _value(
        self,
        kind: Literal["label", "normalization", "document label"],
        task: str,
        key: EntityKey | None,
        found: Mapping[str, list[Any]],
        value_of: Callable[[Any], Any],
        *,
        takes: bool = True,
    ) -> dict[str, Any] | None:
        """One label, merged from the versions that have it; ``None`` where no value is taken."""
        where = "" if key is None else str(key.place)
        by_value: dict[Hashable, dict[str, Any]] = {}  # value to member to JSON object
        for member, labels in found.items():
            first: Hashable = None
            for label in labels:
                value = value_of(label)
                if value is None:
                    if label:
                        removed = (label.get("confidence") or {}).get("state") == "pre-removed"
                        self._leave_out(
                            kind, task, where, _shown(label), [member], _FOR_REMOVAL if removed else _NO_VALUE
                        )
                elif first is None:
                    first = value_key(value)
                    by_value.setdefault(first, {})[member] = label
                elif value_key(value) != first:  # the same on a second copy says nothing new
                    self._leave_out(kind, task, where, _shown(value), [member], _SECOND_COPY)
        if len(by_value) > 1:
            sides = tuple(
                (f"{task} = {_shown(value_of(next(iter(some.values()))))}", tuple(some))
                for some in by_value.values()
            )
            self.report.conflicts.append(Conflict("value", where or task, sides))
        chosen: dict[str, Any] | None = None
        if takes:
            # In the order of the first member with each value: union takes the first.
            chosen = next((some for some in by_value.values() if self._takes(task, list(some))), None)
        for some in by_value.values():
            if some is not chosen:
                value = _shown(value_of(next(iter(some.values()))))
                reason = (
                    _NO_ENTITY
                    if not takes
                    else self._why_not(task, list(some))
                    if not self._takes(task, list(some))
                    else _OTHER_VALUE
                )
                self._leave_out(kind, task, where, value, some, reason)
        if chosen is None:
            return None
        self.report.taken[kind] += 1
        label = copy.deepcopy(chosen[self._first(task, list(chosen))])
        label["confidence"] = self._confidence(label.get("confidence"), list(chosen))
        return dict(label)

    def _metas(self) -> dict[str, Any]:
        found: dict[str, dict[str, list[Any]]] = defaultdict(dict)
        for name in self.names:
            for task, label in self.versions[name].metas.items():
                found[task][name] = [label]
        merged = {
            task: self._value("document label", task, None, found[task], set_value)
            for task in sorted(found, key=task_order)
        }
        return {task: label for task, label in merged.items() if label is not None}

    # ---- relations

    def _relations(self, kept: Mapping[EntityKey, dict[str, Any]]) -> list[dict[str, Any]]:
        having: dict[RelationKey, list[str]] = defaultdict(list)
        for name in self.names:
            for key, relations in self.items[name].relations.items():
                having[key].append(name)
                for more in relations[1:]:
                    self._leave_out(
                        "relation",
                        key.class_id,
                        _shown_ends(key),
                        "; ".join(more.data["entities"]),
                        [name],
                        _SECOND_COPY,
                    )
            for relation in self.items[name].removed_relations:
                ends = "; ".join(relation.data["entities"])
                self._leave_out("relation", relation.class_id, ends, ends, [name], _FOR_REMOVAL)
        anywhere = {key for items in self.items.values() for key in items.entities}
        entities = {key: Entity(data, index) for index, (key, data) in enumerate(kept.items())}
        references = References(entities.items())
        result = []
        for key, members in having.items():
            source = self.items[self._first(key.class_id, members)]
            relation = source.relations[key][0]
            reason = ""
            if not anywhere.issuperset(key.ends):
                reason = _DANGLING
            elif not self._takes(key.class_id, members):
                reason = self._why_not(key.class_id, members)
            elif not kept.keys() >= set(key.ends):
                reason = _NO_ENTITY
            if reason:
                self._leave_out(
                    "relation",
                    key.class_id,
                    _shown_ends(key),
                    "; ".join(relation.data["entities"]),
                    members,
                    reason,
                )
                continue
            self.report.taken["relation"] += 1
            data = copy.deepcopy(relation.data)
            data["confidence"] = self._confidence(data.get("confidence"), members)
            pointers = zip(data["entities"], relation.ends, source.ends[relation.index], strict=True)
            data["entities"] = [
                self._reference(said, where, entities[end], end, references, key)
                for said, where, end in pointers
            ]
            result.append(data)
        return result

    def _reference(
        self,
        said: str,
        where: tuple[str, str | None, int, int],
        entity: Entity,
        end: EntityKey,
        references: References,
        key: RelationKey,
    ) -> str:
        """A reference as it was said, or where that means another entity now which stands there, too, one that doesn't."""
        part, class_id, start, last = where
        meant = references.fitting(*where)
        if meant[:1] == [end] and (class_id or len(meant) == 1):
            return said
        for first, final in ((start, last), extent(entity)):
            if references.find(part, end.class_id, first, final) == end:
                return f"{part}|{end.class_id}|{first},{final}"
        self.report.notes.append(f"{key.class_id} {_shown_ends(key)}: {said} fits another entity, too")
        return said

    # ---- contradictions

    def _overlaps(self) -> None:
        """Where one member has one entity and another member another on the same text."""
        by_part: dict[str, list[tuple[EntityKey, list[str]]]] = defaultdict(list)
        for key, members in self._having().items():
            if len(members) < len(self.names):
                by_part[key.place.part].append((key, members))
        for some in by_part.values():
            some.sort(key=lambda item: (item[0].place.ranges, item[0].class_id))
            for number, (key, members) in enumerate(some):
                end = max(stop for _, stop in key.place.ranges)
                for other, others in some[number + 1 :]:
                    if other.place.ranges[0][0] >= end:
                        break
                    # Who has both sees no contradiction between them.
                    if set(members) <= set(others) or set(others) <= set(members) or not _overlap(key, other):
                        continue
                    same_place, same_type = key.place == other.place, key.class_id == other.class_id
                    kind: Literal["type", "borders", "overlap"] = (
                        "type" if same_place else "borders" if same_type else "overlap"
                    )
                    sides = tuple(
                        (f"{one.class_id} {one.place}", tuple(who))
                        for one, who in ((key, members), (other, others))
                    )
                    self.report.conflicts.append(Conflict(kind, str(key.place), sides))


def _in_text_order(key: EntityKey, order: Mapping[str, int]) -> tuple[Any, ...]:
    part = key.place.part
    return (order.get(part, len(order)), part, key.place.ranges, task_order(key.class_id))


def _overlap(one: EntityKey, other: EntityKey) -> bool:
    return any(max(a[0], b[0]) < min(a[1], b[1]) for a in one.place.ranges for b in other.place.ranges)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown_ends(key: RelationKey) -> str:
    return "; ".join(f"{end.class_id} {end.place}" for end in key.ends)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _same_beside(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a key that merging doesn't decide is the same in two entities; no value and an empty one are the same."""
    return key in ("confidence", "fields", "normalizations") or _same(
        one.get(key) or None, other.get(key) or None
    )


def _in_utf16(version: Annotations, parts: Mapping[str, Part]) -> Annotations:
    """A version that counts code points, with offsets and references in UTF-16."""
    converters: dict[str, OffsetConverter] = {}

    def convert(part: str, offset: int) -> int:
        if part not in parts:
            return offset
        converter = converters.get(part) or converters.setdefault(part, OffsetConverter(parts[part].text))
        return converter.to_utf16(offset)

    data = copy.deepcopy(version.data)
    for entity in data.get("entities") or ():
        for offset in entity["offsets"]:
            offset["start"] = convert(entity["part"], offset["start"])
    for relation, view in zip(data.get("relations") or (), version.relations, strict=True):
        relation["entities"] = [
            "|".join(filter(None, [part, class_id, f"{convert(part, start)},{convert(part, last)}"]))
            for part, class_id, start, last in view.ends
        ]
    return Annotations(data, place=version.place)
