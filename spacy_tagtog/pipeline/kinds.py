"""What can be learned from a project: the table of kinds, and which of them its data calls for.

A kind is a row of :data:`KINDS`. Each is trained by a config of its own, ``configs/NAME.cfg``, and the
components are put together into one pipeline (:mod:`spacy_tagtog.pipeline.assembly`). What a kind needs to be
calibrated and scored stands in its config: a component that gives probabilities, which
:func:`~spacy_tagtog.pipeline.calibration.scoring.confidence_components` finds, and which ``calibrate`` and
``evaluate`` go through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import ArgumentError, ConfigurationError, setting
from spacy_tagtog.pipeline.contents import TrainingSize
from spacy_tagtog.pipeline.thresholds import tune_labels, tune_spans

AUTO: Final = "auto"
ENTITIES: Final = ("ner", "spancat")
"""The kinds that find entities."""
OVERLAP_SHARE: Final = 0.05
"""From this share of overlapping entities on, ``auto`` takes ``spancat``: ``ner`` would lose about half of
them, and finds the others better."""
MIN_LABEL_DOCS: Final = 15
"""In how many documents a label must be true, and in how many false, before ``auto`` learns it."""
MIN_NORMALIZED: Final = 50
"""How many entities must have ids before ``auto`` learns normalizations."""
MIN_RELATIONS: Final = 100
"""How many relations there must be before ``auto`` learns them: an entity is one of many candidates."""
_COVERED: Final = 0.98
_MAX_SIZE: Final = 12


@dataclass(frozen=True)
class Verdict:
    """What the data says about one kind.

    Attributes:
        wanted: Whether ``auto`` trains it.
        reason: Why, or why not, in words; empty where there is nothing to say.
        problem: Why it can't be trained, even if it is asked for; empty where it can.
    """

    wanted: bool
    reason: str = ""
    problem: str = ""


def _nothing(size: TrainingSize) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Kind:
    """Something that can be learned from a project.

    Attributes:
        name: What people call it, and the name of its config: ``configs/NAME.cfg``.
        judge: What the training data says about it.
        values: Values of its config that follow from the data, by ``section.name``.
        notes: What of the data it can't learn, in words.
        tune: Sets what is chosen by held-out documents, once the rest is trained: takes the pipeline, the
            name of its component and the dev documents, and returns what it did, in words.
        excludes: The kinds that learn the same annotations in another way.
        needs: The kinds of which one finds what this one goes on from; empty where it stands alone.
    """

    name: str
    judge: Callable[[TrainingSize], Verdict]
    values: Callable[[TrainingSize], dict[str, Any]] = _nothing
    notes: Callable[[TrainingSize], list[str]] = lambda size: []
    tune: Callable[[Language, str, Sequence[Doc]], str] | None = None
    excludes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def config(self) -> Path:
        """Where its config is looked for, see :func:`~spacy_tagtog.pipeline.training.find_config`."""
        return Path("configs", f"{self.name}.cfg")


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.0f} %" if share >= 1 or not part else f"{share:.1f} %"


def _overlap(size: TrainingSize) -> bool:
    return bool(size.spans) and size.overlapping >= OVERLAP_SHARE * size.spans


def _said_of_overlap(size: TrainingSize) -> str:
    share = _percent(size.overlapping, size.spans)
    return f"{size.overlapping} of {counted(size.spans, 'entity')} ({share}) overlap"


def _judge_ner(size: TrainingSize) -> Verdict:
    if not size.entities:
        return Verdict(wanted=False, problem="no document has an entity")
    if _overlap(size):
        return Verdict(wanted=False)
    reason = f"{_said_of_overlap(size)}: ner, which learns one of each such group" if size.overlapping else ""
    return Verdict(wanted=True, reason=reason)


def _judge_spancat(size: TrainingSize) -> Verdict:
    if not size.spans:
        return Verdict(wanted=False, problem="no document has an entity")
    if not _overlap(size):
        return Verdict(wanted=False)
    return Verdict(wanted=True, reason=f"{_said_of_overlap(size)}: spancat, which learns all of them")


def span_size(size: TrainingSize) -> int:
    """The greatest number of tokens that the suggester proposes.

    It is the smallest that 98 % of the training entities fit into, and at most 12.
    """
    seen = 0
    for length in sorted(size.lengths):
        seen += size.lengths[length]
        if seen >= _COVERED * size.spans:
            return min(length, _MAX_SIZE)
    return _MAX_SIZE


def _spancat_values(size: TrainingSize) -> dict[str, Any]:
    return {"components.spancat.suggester.max_size": span_size(size)}


def _too_long(size: TrainingSize) -> list[str]:
    longest = span_size(size)
    number = sum(count for length, count in size.lengths.items() if length > longest)
    if not number:
        return []
    return [
        f"{number} of {counted(size.spans, 'entity')} ({_percent(number, size.spans)}) have more than "
        f"{counted(longest, 'token')}: spancat never proposes such long ones, so it can't find them "
        "(components.spancat.suggester.max_size)"
    ]


def _learnable(size: TrainingSize) -> list[str]:
    """The labels that are true and false often enough."""
    return sorted(
        label
        for label in {*size.cats, *size.negatives}
        if size.cats[label] >= MIN_LABEL_DOCS and size.negatives[label] >= MIN_LABEL_DOCS
    )


def _no_contrast(size: TrainingSize) -> str:
    """Why document labels can't be learned at all; empty where they can."""
    if not size.labelled:
        return "no document has a document label"
    if not any(size.cats[label] and size.negatives[label] for label in size.cats):
        named = ", ".join(sorted({*size.cats, *size.negatives})[:5])
        return (
            f"no document label is true of some documents and false of others, so there is nothing to tell "
            f"apart ({named} in {counted(size.labelled, 'document')})"
        )
    return ""


def _judge_labels(size: TrainingSize, *, exclusive: bool) -> Verdict:
    name = "textcat" if exclusive else "textcat_multilabel"
    problem = _no_contrast(size)
    if exclusive and not problem and not size.exclusive:
        problem = "not every labelled document has exactly one true label of all"
    if size.exclusive != exclusive:
        return Verdict(wanted=False, problem=problem)
    if problem:
        return Verdict(
            wanted=False, reason=f"{problem}: none is learned" if size.labelled else "", problem=problem
        )
    labels = _learnable(size)
    if not labels or (exclusive and len(labels) < 2):
        return Verdict(
            wanted=False,
            reason=f"document labels: fewer than {MIN_LABEL_DOCS} documents for and against each, so none "
            f"is learned yet; {name} as a named component learns them all the same",
        )
    how = "that exclude each other" if exclusive else "of which a document may have any number"
    return Verdict(
        wanted=True,
        reason=f"{counted(len(labels), 'document label')} {how} in {counted(size.labelled, 'document')}: "
        f"{name}",
    )


def _label_values(size: TrainingSize, name: str) -> dict[str, Any]:
    labels = _learnable(size)
    if name == "textcat" or not labels:
        # A value that is left out would make all of its documents wrong, however rare it is.
        labels = [label for label in sorted(size.cats) if size.negatives[label]]
    return {f"initialize.components.{name}.labels": labels}


def _rare_labels(size: TrainingSize, name: str) -> list[str]:
    learned = set(_label_values(size, name)[f"initialize.components.{name}.labels"])
    left = sorted({*size.cats, *size.negatives} - learned)
    if not left:
        return []
    shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    return [
        f"{counted(len(left), 'document label')} of which fewer than {MIN_LABEL_DOCS} documents are for or "
        f"against: not learned ({shown})"
    ]


def _judge_normalizations(size: TrainingSize) -> Verdict:
    if size.normalizing < 2:
        return Verdict(wanted=False, problem="no two documents have entities with ids of a dictionary")
    amount = f"{counted(size.normalized, 'normalized entity')} in {counted(size.normalizing, 'document')}"
    if size.normalized < MIN_NORMALIZED:
        return Verdict(
            wanted=False,
            reason=f"{amount}, fewer than {MIN_NORMALIZED}: none is learned yet; normalizations as a named "
            "component learns them all the same",
        )
    return Verdict(wanted=True, reason=f"{amount}: normalizations")


def _judge_relations(size: TrainingSize) -> Verdict:
    number = size.relations.total()
    if size.related < 2:
        return Verdict(wanted=False, problem="no two documents have relations of two entities")
    amount = f"{counted(number, 'relation')} in {size.related} of {counted(size.documents, 'document')}"
    if number < MIN_RELATIONS:
        return Verdict(
            wanted=False,
            reason=f"{amount}, fewer than {MIN_RELATIONS}: none is learned yet; relations as a named "
            "component learns them all the same",
        )
    return Verdict(wanted=True, reason=f"{amount}: relations")


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        # The config of ner is chosen by --model and the amount of data, see pipeline/training.py.
        Kind("ner", _judge_ner),
        Kind("spancat", _judge_spancat, _spancat_values, _too_long, tune_spans),
        Kind("normalizations", _judge_normalizations, needs=ENTITIES),
        Kind("relations", _judge_relations, needs=ENTITIES),
        Kind(
            "textcat",
            lambda size: _judge_labels(size, exclusive=True),
            lambda size: _label_values(size, "textcat"),
            lambda size: _rare_labels(size, "textcat"),
            excludes=("textcat_multilabel",),
        ),
        Kind(
            "textcat_multilabel",
            lambda size: _judge_labels(size, exclusive=False),
            lambda size: _label_values(size, "textcat_multilabel"),
            lambda size: _rare_labels(size, "textcat_multilabel"),
            tune_labels,
            excludes=("textcat",),
        ),
    )
}


def choose_kinds(size: TrainingSize, components: str = AUTO) -> tuple[list[Kind], list[str]]:
    """Which kinds to train.

    Args:
        size: What the training documents hold.
        components: ``auto``, or the names of kinds with commas between.

    Returns:
        The kinds in the order of the table, and what the data says about them, in words.

    Raises:
        ConfigurationError: There is no such kind, the data has nothing for one that was asked for, or nothing
            that any kind could learn; or two of them learn the same.
    """
    verdicts = {name: kind.judge(size) for name, kind in KINDS.items()}
    if components == AUTO:
        chosen = [name for name, verdict in verdicts.items() if verdict.wanted]
        said = [verdict.reason for verdict in verdicts.values() if verdict.reason]
        if not chosen:
            raise ConfigurationError(
                "there is nothing to learn from",
                value="; ".join(said) or f"{counted(size.documents, 'document')}, no entity",
                legal="entities, or document labels that are true of some documents and false of others",
                advice=f"confirm more documents, or name what to train: {setting('components', 'NAME')}",
            )
    else:
        chosen, said = _asked_for(components, verdicts), []
    kinds = [KINDS[name] for name in KINDS if name in chosen]
    return kinds, said + [note for kind in kinds for note in kind.notes(size)]


def _asked_for(components: str, verdicts: Mapping[str, Verdict]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in components.split(",") if name.strip()))
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        raise ArgumentError(
            "there is no such component to train",
            place=setting("components"),
            value=", ".join(unknown) or components,
            legal=f"{AUTO}, or some of {', '.join(KINDS)}, with commas between",
        )
    for name in names:
        if verdicts[name].problem:
            raise ArgumentError(
                f"the training documents have nothing for {name}: {verdicts[name].problem}",
                place=setting("components"),
                value=components,
                legal=", ".join(one for one, verdict in verdicts.items() if not verdict.problem)
                or "(nothing)",
                advice=f"confirm documents with such annotations, or let the data decide: "
                f"{setting('components', AUTO)}",
            )
        if KINDS[name].needs and not set(KINDS[name].needs) & set(names):
            raise ArgumentError(
                f"{name} need entities, and nothing that is to be trained finds any",
                place=setting("components"),
                value=components,
                legal=" or ".join(f"{one},{components}" for one in KINDS[name].needs),
            )
        if rival := next((one for one in KINDS[name].excludes if one in names), None):
            raise ArgumentError(
                f"{name} and {rival} learn the same annotations",
                place=setting("components"),
                value=components,
                legal="one of them",
            )
    return names
