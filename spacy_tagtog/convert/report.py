"""What a conversion did with every document and every entity.

Totals always add up: what came in is what came out and what is listed with a reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc.document import MASTER
from spacy_tagtog.anndoc.repair import CONFIDENCE
from spacy_tagtog.errors import ConversionError, setting

ENTITY_REASONS: Final = {
    "missing_part": "stands in a part that plain.html lacks",
    "offset_mismatch": "another text stands at its offset",
    "unknown_class": "its class id has no name in the legend",
    "empty": "has no text, or only white space",
    "pre_removed": "was proposed for removal",
    "other_type": "is of a type that annotators did not look for (types)",
    "label_dropped": "has a label that was mapped to nothing (labels)",
    "other_state": "has a state that was not chosen (states)",
    "other_author": "is by an author who was not chosen (authors)",
    "low_prob": "is less probable than was asked for (min_prob)",
    "misaligned": "doesn't begin and end with a token (alignment mode)",
    "white_space": "begins or ends with white space, which spaCy can't train on",
    "discontinuous": "has a gap, which doc.ents can't hold",
    "duplicate": "repeats another entity exactly",
    "overlapping": "overlaps an entity that was preferred",
}
"""Why an entity of a converted document is not in ``doc.ents``. All of them stay in the round trip."""

REPAIRS: Final = {
    "normal_form": "it counts in another Unicode normal form",
    "escaped": "it counts in text with other escaped markup",
    "line_breaks": "it counts line breaks as CRLF, or as LF",
    "white_space": "it counts runs of white space as one space",
    "invisible": "soft hyphens and the like are on one side only",
    "unit": "it counts bytes, or the other unit of characters",
    "origin": "it counts from 1, or from the beginning of the document",
    "shift": "moved with its neighbours by a constant",
    "look_alike": "its text differs in look-alike characters",
    "one_character": "its text differs in one character",
    "unique": "its text can stand in one place only",
    "nearest": "its text stands very near, and nowhere else near",
}
"""What the methods of :mod:`spacy_tagtog.anndoc.repair` find."""

DOCUMENT_REASONS: Final = {
    "unconfirmed": "not confirmed (anncomplete is false)",
    "not_annotated": "has no annotations of this member",
    "other_folder": "is in a folder that was not chosen",
    "no_content": "its plain.html is missing",
    "duplicate_files": "two files claim to be the same version",
    "unreadable": "its files can't be read",
}
"""Why a document was not converted."""

PROJECT_REASONS: Final = {
    "unreadable_legend": "the legend can't be read, so class ids stand for names",
}
"""What is wrong with a project as a whole. It is no document and no entity, and counts as neither."""

FAULTS: Final = frozenset(
    {
        "unreadable_legend",
        "missing_part",
        "offset_mismatch",
        "unknown_class",
        "no_content",
        "duplicate_files",
        "unreadable",
    }
)
"""Reasons that are faults of the data, not choices: strict conversions refuse them."""


def shown_member(member: str) -> str:
    """How a report names a version: the master version, which most are, not at all."""
    return "" if member == MASTER else member


@dataclass(frozen=True, slots=True)
class ReportItem:
    """One entity or document that was set aside, or a fault of the whole project.

    Attributes:
        reason: A key of :data:`ENTITY_REASONS`, :data:`DOCUMENT_REASONS` or :data:`PROJECT_REASONS`.
        document: The document's id; the file, for a project.
        part: The part's id, for an entity.
        start: The offset as ann.json gives it, for an entity.
        text: Its text as ann.json gives it.
        label: Its entity type's name, or class id.
        detail: More in words.
        member: Whose version it is about; empty for the master version.
    """

    reason: str
    document: str
    part: str | None = None
    start: int | None = None
    text: str = ""
    label: str = ""
    detail: str = ""
    member: str = ""

    @property
    def is_entity(self) -> bool:
        """Whether it is about an entity, not a whole document."""
        return self.reason in ENTITY_REASONS

    def __str__(self) -> str:
        place = f"{self.document} ({self.member})" if self.member else self.document
        if self.part is not None:
            place += f", part {self.part}, offset {self.start}"
        shown = f" {self.label} {self.text!r}:" if self.text or self.label else ""
        reason = {**ENTITY_REASONS, **DOCUMENT_REASONS, **PROJECT_REASONS}.get(self.reason, self.reason)
        return f"{place}:{shown} {reason}" + (f" ({self.detail})" if self.detail else "")


@dataclass
class ConversionReport:
    """Counts and lists of a conversion. Pass one to several conversions to add them up.

    Where the annotations of several members are converted, each version of a document counts as one.

    Attributes:
        documents_in: Documents looked at.
        documents_out: Documents converted.
        docs_out: spaCy Docs made of them.
        entities_in: Entities of the converted documents.
        entities_out: Those that are in ``doc.ents``.
        entities_retokenized: Of these, how many begin or end inside a token of the pipeline's own tokenizer,
            which can therefore never predict them.
        labels_out: Entities in ``doc.ents`` by label.
        document_labels_out: Docs by document label that is set, as in ``doc.cats``.
        items: Everything that was set aside.
        repairs: Entities whose wrong offset was repaired; ``reason`` is the method.
            They are not set aside.
    """

    documents_in: int = 0
    documents_out: int = 0
    docs_out: int = 0
    entities_in: int = 0
    entities_out: int = 0
    entities_retokenized: int = 0
    labels_out: Counter[str] = field(default_factory=Counter)
    document_labels_out: Counter[str] = field(default_factory=Counter)
    items: list[ReportItem] = field(default_factory=list)
    repairs: list[ReportItem] = field(default_factory=list)

    def add(self, item: ReportItem) -> None:
        """Note that something was set aside."""
        self.items.append(item)

    def count(self, reason: str) -> int:
        """How often a reason occurs."""
        return sum(item.reason == reason for item in self.items)

    @property
    def reasons(self) -> dict[str, int]:
        """How often each reason occurs, most frequent first."""
        return dict(Counter(item.reason for item in self.items).most_common())

    @property
    def repaired(self) -> dict[str, int]:
        """How many entities each method of repair placed, most frequent first."""
        return dict(Counter(item.reason for item in self.repairs).most_common())

    @property
    def faults(self) -> list[ReportItem]:
        """The items that are faults of the data."""
        return [item for item in self.items if item.reason in FAULTS]

    @property
    def is_balanced(self) -> bool:
        """Whether in = out + set aside, for documents and for entities."""
        entities = sum(item.is_entity for item in self.items)
        documents = len(self.items) - entities - sum(item.reason in PROJECT_REASONS for item in self.items)
        return (
            self.entities_in == self.entities_out + entities
            and self.documents_in == self.documents_out + documents
        )

    def raise_faults(
        self,
        *,
        place: object = None,
        advice: str = f"mend them in tagtog, or pass {setting('on_problem', 'report')} to set them aside",
    ) -> None:
        """Raise if there are faults.

        Raises:
            ConversionError: Listing the first ten.
        """
        faults = self.faults
        if not faults:
            return
        lines = [str(item) for item in faults[:10]]
        if len(faults) > len(lines):
            lines.append(f"… and {len(faults) - len(lines)} more")
        raise ConversionError(
            f"{counted(len(faults), 'fault')} in the data:\n    " + "\n    ".join(lines),
            place=place,
            legal="entities whose part exists, whose text stands at their offset, and whose class has a name",
            advice=advice,
        )

    @property
    def documents_aside(self) -> dict[str, int]:
        """How many documents were set aside, by the meaning of the reason in words, most frequent first."""
        return {
            DOCUMENT_REASONS[reason]: number
            for reason, number in self.reasons.items()
            if reason in DOCUMENT_REASONS
        }

    def rows(self) -> Iterator[tuple[str, int]]:
        """Caption and number for a table."""
        yield "documents in", self.documents_in
        for reason, meaning in DOCUMENT_REASONS.items():
            if number := self.count(reason):
                yield f"  set aside: {meaning}", number
        yield "documents out", self.documents_out
        yield "entities in", self.entities_in
        for reason, meaning in ENTITY_REASONS.items():
            if number := self.count(reason):
                yield f"  not in doc.ents: {meaning}", number
        yield "entities out (doc.ents)", self.entities_out
        if self.entities_retokenized:
            yield "  of these split out of longer tokens", self.entities_retokenized
        for method, number in self.repaired.items():
            yield f"  offset repaired: {REPAIRS[method]} (right in at least {CONFIDENCE[method]:.1%})", number

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "documents_in": self.documents_in,
            "documents_out": self.documents_out,
            "docs_out": self.docs_out,
            "entities_in": self.entities_in,
            "entities_out": self.entities_out,
            "entities_retokenized": self.entities_retokenized,
            "labels_out": dict(sorted(self.labels_out.items())),
            "document_labels_out": dict(sorted(self.document_labels_out.items())),
            "reasons": self.reasons,
            "repaired": self.repaired,
            "repairs": [asdict(item) for item in self.repairs],
            "items": [asdict(item) for item in self.items],
        }

    def __repr__(self) -> str:
        aside = (
            ", ".join(f"{reason} {number}" for reason, number in self.reasons.items()) or "nothing set aside"
        )
        return (
            f"<ConversionReport: {self.documents_out}/{counted(self.documents_in, 'document')}, "
            f"{self.entities_out}/{counted(self.entities_in, 'entity')}, {aside}>"
        )
