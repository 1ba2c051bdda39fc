"""How documents become Docs: the settings of the conversion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spacy_tagtog._options import choose
from spacy_tagtog.anndoc import MASTER, OffsetUnit
from spacy_tagtog.errors import ArgumentError

AlignmentMode = Literal["split", "strict", "contract", "expand"]
"""What happens where an entity begins or ends inside a token.

``split`` splits the token of the Doc, ``strict`` sets the entity aside. ``contract`` and ``expand`` move the
border, as in ``Doc.char_span``.
"""

EntsPolicy = Literal["longest", "shortest", "first", "surest"]
"""Which of overlapping entities goes into ``doc.ents``.

``surest`` is the one with the highest ``prob``. Ties go to the one that begins first, then to the one that
ann.json lists first.
"""


@dataclass(frozen=True)
class ToDocSettings:
    """How documents become Docs.

    Attributes:
        member: Whose annotations: ``"master"`` or a member's name. The converter also takes several (``a,b``)
            and all (``*``), and makes a Doc of each version.
        alignment: See :data:`AlignmentMode`.
        ents: See :data:`EntsPolicy`.
        offset_unit: How offsets count; ``"auto"`` finds out for each document.
        repair: Place entities whose offset is wrong where the right place is certain, see
            :mod:`spacy_tagtog.anndoc.repair`.
        labels: Entity type names to rename. Two may get one name. An empty name leaves the type out.
        types: The entity types, by their names in the project, that annotators looked for. Empty: all of
            them. Otherwise the others are left out. Whatever is no entity is then *missing* instead of ``O``:
            nobody said that there is nothing.
        states: The only states (``""``, ``"pre-added"``, ``"pre-removed"``) of which entities are taken. A
            missing state is ``""``. Empty: all but ``pre-removed``.
        authors: Patterns such as ``user:*``. An entity is taken if one of its authors matches. Empty: all.
        min_prob: Entities with a lower ``prob`` are left out; one without counts as 1.

    Raises:
        ConfigurationError: A value isn't one of those listed.
    """

    member: str = MASTER
    alignment: AlignmentMode = "split"
    ents: EntsPolicy = "longest"
    offset_unit: OffsetUnit | Literal["auto"] = "auto"
    repair: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    types: Collection[str] = ()
    states: Collection[str] = ()
    authors: Collection[str] = ()
    min_prob: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_prob <= 1:
            raise ArgumentError(
                "the least probability is out of range", value=self.min_prob, legal="a number from 0 to 1"
            )
        if not isinstance(self.labels, Mapping):
            raise ArgumentError(
                "the label map is no mapping", value=self.labels, legal='a mapping such as {"Gene": "GENE"}'
            )
        for name, values in (("types", self.types), ("states", self.states), ("authors", self.authors)):
            # A text is a collection of its characters, which nobody means.
            if isinstance(values, str):
                raise ArgumentError(f"{name} is one text", value=values, legal=f"a list, such as {[values]}")
        choose("alignment", self.alignment, AlignmentMode)
        choose("ents", self.ents, EntsPolicy)
        if self.offset_unit != "auto":
            choose("offset_unit", self.offset_unit, OffsetUnit)

    @property
    def leaves_out_entities(self) -> bool:
        """Whether any setting leaves out entities that stand in the text."""
        return any((self.types, self.labels, self.states, self.authors, self.min_prob))

    @property
    def takes_removed(self) -> bool:
        """Whether entities that are proposed for removal are taken."""
        return "pre-removed" in self.states
