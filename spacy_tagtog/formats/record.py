"""What every format is read into and written from: a text, and what stands on it.

A record is simpler than a document: one text, one version of its annotations, names in place of class ids.
:mod:`spacy_tagtog.formats.documents` makes documents of records and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from spacy_tagtog.anndoc import MASTER

LabelValue: TypeAlias = bool | int | float | str
Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalization.

    Attributes:
        dictionary: The dictionary's name.
        id: The id in it.
        name: The recommended name; may be empty.
    """

    dictionary: str
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity.

    Attributes:
        label: The entity type's name.
        ranges: (start, end) of each fragment, in code points of the record's text.
        norms: Its normalizations, at most one for each dictionary.
        fields: Its entity labels, name to value.
        prob: The probability that it is right, in (0, 1]; ``None`` where nothing is said.
        state: ``""`` a person's, ``"pre-added"`` a machine's.
        who: Its author, ``user:NAME`` or ``ml:NAME``; empty where nothing is said.
    """

    label: str
    ranges: tuple[Range, ...]
    norms: tuple[Norm, ...] = ()
    fields: dict[str, LabelValue] = field(default_factory=dict)
    prob: float | None = None
    state: str = ""
    who: str = ""

    @property
    def start(self) -> int:
        """Where its first fragment starts."""
        return min(start for start, _ in self.ranges)

    @property
    def end(self) -> int:
        """Where its last fragment ends."""
        return max(end for _, end in self.ranges)

    def moved(self, shift: int) -> Mention:
        """The same, some characters further on."""
        return replace(self, ranges=tuple((start + shift, end + shift) for start, end in self.ranges))


@dataclass(frozen=True, slots=True)
class Link:
    """A relation between two mentions, by their places in :attr:`Record.mentions`."""

    label: str
    head: int
    tail: int


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the text that becomes a part of the document.

    Attributes:
        tag: ``h2``, ``p`` or ``pre``.
        start: Its first character, in code points of the record's text.
        end: One past its last character.
    """

    tag: str
    start: int
    end: int


@dataclass
class Record:
    """One text with one version of its annotations.

    Attributes:
        id: What the tool calls it; unique within the source.
        text: The text.
        mentions: Its entities.
        links: Its relations.
        labels: Its document labels, name to value.
        blocks: The stretches that become parts; none: the whole text becomes one.
        is_complete: Whether a person confirmed the annotations.
        is_annotated: Whether there is a version at all, or only a text.
        member: Whose annotations they are. Several records of one id are versions of one document.
        folder: The tagtog folder.
        place: Where it was read, for messages.
    """

    id: str
    text: str
    mentions: list[Mention] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    labels: dict[str, LabelValue] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    is_complete: bool = True
    is_annotated: bool = True
    member: str = MASTER
    folder: str = "pool"
    place: str = ""

    def add(self, label: str, *ranges: Range, **more: object) -> int:
        """Add an entity.

        Args:
            label: The entity type's name.
            ranges: (start, end) of each fragment, in code points of the text.
            more: Further attributes of the entity: ``norms``, ``fields``, ``prob``, ``state``, ``who``.

        Returns:
            Its number, for :meth:`relate`.
        """
        self.mentions.append(Mention(label, tuple(ranges), **more))  # type: ignore[arg-type]
        return len(self.mentions) - 1

    def relate(self, label: str, head: int, tail: int) -> None:
        """Add a relation between two entities, by their numbers."""
        self.links.append(Link(label, head, tail))

    def keep(self, numbers: list[int]) -> dict[int, int]:
        """Keep only some of the entities, in their order, and the relations between these.

        Args:
            numbers: The numbers of those to keep.

        Returns:
            Old number to new number.
        """
        new = {old: place for place, old in enumerate(numbers)}
        self.mentions = [self.mentions[old] for old in numbers]
        self.links = [
            Link(link.label, new[link.head], new[link.tail])
            for link in self.links
            if link.head in new and link.tail in new
        ]
        return new

    def surface(self, mention: Mention) -> str:
        """A mention's text, its fragments joined by a space."""
        return " ".join(self.text[start:end] for start, end in mention.ranges)
