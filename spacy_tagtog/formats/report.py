"""What could not be carried from one format into the other. Nothing is left out without a line here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from spacy_tagtog._plural import counted
from spacy_tagtog.errors import FormatError, setting

LOSSES: Final = {
    "overlapping": "entities that overlap another one, which was preferred",
    "discontinuous": "entities with a gap",
    "unplaced": "entities whose text doesn't stand at their offset",
    "pre_removed": "entities that were proposed for removal",
    "blank": "entities without any letter, which no token can stand for",
    "edges": "entities whose line breaks at the edges are cut",
    "empty": "documents without any text",
    "duplicate": "entities that repeat another one exactly",
    "relations": "relations",
    "relation_ends": "relations to an entity that is left out",
    "relation_mentions": "relations that are kept between ids, not between these very entities",
    "normalizations": "normalizations",
    "second_normalizations": "normalizations beside the first one of their entity",
    "normalization_names": "names beside the ids of normalizations",
    "entity_labels": "entity labels",
    "document_labels": "document labels",
    "false_labels": "document labels that are false",
    "typed_labels": "values of labels that are kept as text",
    "probabilities": "probabilities",
    "states": "entities that were a machine's and look like a person's",
    "authors": "authors of entities",
    "unconfirmed": "documents that nobody confirmed and that look confirmed",
    "unannotated": "documents that nobody annotated and that look confirmed to have nothing",
    "confirmed": "documents that are confirmed to have nothing and look not annotated",
    "members": "versions of members beside the one that is kept",
    "folders": "documents in folders",
    "parts": "documents of several parts, which become one text",
    "ids": "ids of documents",
    "white_space": "documents whose white space is not kept",
    "line_breaks": "documents whose line breaks become spaces or LF",
    "names": "names that were changed to legal ones",
    "rejected": "records that were rejected or ignored in the tool",
    "cancelled": "annotations that were skipped in the tool",
    "other_annotations": "annotations of a task beside the one that is kept",
    "predictions": "predictions of a model",
    "fields": "fields that tagtog has no place for",
    "annotations": "annotations of kinds that tagtog has no place for",
}
"""What a format can't carry, in words."""

_PLACES: Final = 3
_MAX_FAULTS: Final = 100
_SHOWN_FAULTS: Final = 10


@dataclass
class Loss:
    """How often something was left out.

    Attributes:
        number: How often.
        places: Where it was first, at most three places.
    """

    number: int = 0
    places: list[str] = field(default_factory=list)


@dataclass
class FormatReport:
    """What a format's reader or writer did.

    Attributes:
        strict: Whether records with faults are refused; else they are set aside and listed.
        documents: Documents read or written.
        carried: How many of each kind were carried: ``entities``, ``relations``, ``labels``…
        losses: What was left out, by a key of :data:`LOSSES` (or a text), perhaps with more after a colon.
        faults: Records that can't be read, and why.
    """

    strict: bool = True
    documents: int = 0
    carried: Counter[str] = field(default_factory=Counter)
    losses: dict[str, Loss] = field(default_factory=dict)
    faults: list[FormatError] = field(default_factory=list)

    def lose(self, kind: str, place: object = "", number: int = 1) -> None:
        """Note that something is left out.

        Args:
            kind: A key of :data:`LOSSES`, perhaps with more after a colon; or any text.
            place: Where.
            number: How many; 0 notes nothing.
        """
        if not number:
            return
        loss = self.losses.setdefault(kind, Loss())
        loss.number += number
        if len(loss.places) < _PLACES and place and str(place) not in loss.places:
            loss.places.append(str(place))

    def set_aside(self, fault: FormatError) -> None:
        """Note that a record can't be read.

        Raises:
            FormatError: There are too many to go on, where faults are refused.
        """
        self.faults.append(fault)
        if self.strict and len(self.faults) >= _MAX_FAULTS:
            self.raise_faults()

    def raise_faults(self) -> None:
        """Refuse the source, where faults are refused and there are some.

        Raises:
            FormatError: The only fault, or a list of the first ten.
        """
        if not self.strict or not self.faults:
            return
        if len(self.faults) == 1:
            raise self.faults[0]
        lines = [f"{fault.place}: {fault.problem} ({fault.value})" for fault in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > len(lines):
            lines.append(f"… and {len(self.faults) - len(lines)} more")
        raise FormatError(
            f"{counted(len(self.faults), 'record')} can't be read:\n    " + "\n    ".join(lines),
            place=self.faults[0].place,
            legal=self.faults[0].legal,
            advice=f"mend them, or pass {setting('on_problem', 'report')} to set them aside and list them",
        )

    def rows(self) -> Iterator[tuple[str, int]]:
        """Caption and number for a table."""
        yield "documents", self.documents
        for kind, number in self.carried.items():
            yield kind, number
        for kind, loss in sorted(self.losses.items(), key=lambda item: -item[1].number):
            yield f"  not carried: {said(kind)}", loss.number
        if self.faults:
            yield "  set aside: records that can't be read", len(self.faults)

    def places(self) -> Iterator[str]:
        """For each thing that was left out, where it was first."""
        for kind, loss in self.losses.items():
            if loss.places:
                more = ", …" if loss.number > len(loss.places) else ""
                yield f"{said(kind)}: {', '.join(loss.places)}{more}"
        for fault in self.faults:
            yield f"{fault.place}: {fault.problem}"

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "documents": self.documents,
            "carried": dict(self.carried),
            "losses": {
                kind: {"meaning": said(kind), "number": loss.number, "places": loss.places}
                for kind, loss in self.losses.items()
            },
            "faults": [
                {"problem": fault.problem, "place": str(fault.place), "value": str(fault.value)}
                for fault in self.faults
            ],
        }


def said(kind: str) -> str:
    """A kind of loss in words."""
    key, _, more = kind.partition(":")
    return LOSSES.get(key, key) + (f" ({more.strip()})" if more else "")
