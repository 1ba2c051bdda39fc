"""Which documents train, and which test: a test side that stays honest while the loop turns.

Active learning chooses the documents that are hard for the model, and suggestions lead those who review them.
So what people confirmed is no fair sample, and F on it says little. On the test side are only documents

* that people confirmed of their **own** accord (nothing was ever suggested in them),
* that chance drew to be **blind** (no suggestion was shown), or
* that **chance** chose for review.

A document keeps its side for ever, near-duplicates are on one side, and blind documents are for testing. From
the other two, and from what a strategy chose, a share goes to the dev side, which models are tuned by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from spacy_tagtog._files import write_json
from spacy_tagtog.convert.split import TRAIN
from spacy_tagtog.convert.split_plan import SplitItem, near_duplicates, plan_split
from spacy_tagtog.errors import LoopError, setting
from spacy_tagtog.loop.lineage import read_record

Origin = Literal["own", "blind", "chance", "chosen"]

DEV: Final = "dev"
TEST: Final = "test"
SIDES: Final = (TRAIN, DEV, TEST)
_VERSION: Final = 1
_STRICT: Final = ConfigDict(extra="forbid", strict=True)
_LEAST: Final = 5  # documents of which each side gets one


@with_config(_STRICT)
@dataclass(frozen=True)
class Placed:
    """Where a document is.

    Attributes:
        side: ``train``, ``dev`` or ``test``.
        origin: How it came to be reviewed: ``own``, ``blind``, ``chance`` or ``chosen``.
    """

    side: str
    origin: Origin

    @property
    def is_honest(self) -> bool:
        """Whether it may test models: a copy of a test document that a strategy chose may not."""
        return self.side == TEST and self.origin != "chosen"


@with_config(_STRICT)
@dataclass(frozen=True)
class _Sides:
    documents: dict[str, Placed] = field(default_factory=dict)
    version: int = _VERSION


_FILE: Final = TypeAdapter(_Sides)


def read_sides(path: Path) -> dict[str, Placed]:
    """The documents' sides; none where no round has placed any.

    Raises:
        LoopError: The file can't be read.
    """
    return dict(read_record(path, _FILE).documents) if path.exists() else {}


def write_sides(path: Path, placed: Mapping[str, Placed]) -> None:
    """Keep the documents' sides.

    Raises:
        WriteError: The file system refuses.
    """
    write_json(path, asdict(_Sides(dict(sorted(placed.items())))))


def place(
    items: Sequence[SplitItem],
    known: Mapping[str, Placed],
    *,
    dev: float,
    test: float,
    blind: Collection[str] = (),
    by_chance: Collection[str] = (),
    suggested: Collection[str] = (),
) -> dict[str, Placed]:
    """Put the documents that are new on a side.

    Args:
        items: All confirmed documents.
        known: Where earlier rounds put them.
        dev: The share of the dev side.
        test: The share of the test side, of the documents that may test.
        blind: Ids of documents that were sent without pre-annotations.
        by_chance: Ids of documents that chance chose.
        suggested: Ids of all documents that people ever saw with suggestions, or that are ranked.

    Returns:
        ``known`` with the new ones.

    Raises:
        LoopError: A side would be empty.
    """
    origins = {
        item.id: _origin(item.id, blind, by_chance, suggested) for item in items if item.id not in known
    }
    sides = {item.id: known[item.id].side for item in items if item.id in known}
    groups = near_duplicates(items)
    _join_copies(sides, groups, {doc_id for doc_id, origin in origins.items() if origin == "blind"})
    for only, shares in (
        (("own", "chance"), {DEV: dev, TEST: test}),
        (("chosen",), {DEV: dev}),
    ):
        wanted = [item for item in items if item.id in sides or origins[item.id] in only]
        usable = [item for item in wanted if sides.get(item.id) != TEST or TEST in shares]
        own = {item.id: sides[item.id] for item in usable if item.id in sides}
        sides.update(plan_split(usable, shares, known=own))
        _join_copies(sides, groups)
    placed = {**known, **{doc_id: Placed(sides[doc_id], origin) for doc_id, origin in origins.items()}}
    _check(placed, {item.id for item in items})
    return placed


def _origin(
    doc_id: str, blind: Collection[str], by_chance: Collection[str], suggested: Collection[str]
) -> Origin:
    if doc_id in blind:
        return "blind"
    if doc_id in by_chance:
        return "chance"
    return "chosen" if doc_id in suggested else "own"


def _join_copies(
    sides: dict[str, str], groups: Iterable[Sequence[str]], for_test: Collection[str] = ()
) -> None:
    """Put copies of placed documents on their side, and what is for testing, with its copies, on this one.

    A copy of a training document can't test, so training comes first.
    """
    for group in groups:
        taken = {sides[doc_id] for doc_id in group if doc_id in sides}
        if not taken and any(doc_id in for_test for doc_id in group):
            taken = {TEST}
        for side in SIDES:
            if side in taken:
                for doc_id in group:
                    sides.setdefault(doc_id, side)
                break


def _check(placed: Mapping[str, Placed], ids: Collection[str]) -> None:
    """Make sure that there is something on each side."""
    counts = Counter(one.side for doc_id, one in placed.items() if doc_id in ids)
    honest = sum(one.is_honest for doc_id, one in placed.items() if doc_id in ids)
    empty = [side for side in SIDES if not counts[side]] or ([] if honest else [TEST])
    if not empty:
        return
    raise LoopError(
        "there are too few confirmed documents for a round",
        value=f"{len(ids)} confirmed, and none for: {', '.join(empty)}",
        legal=f"at least {_LEAST}, of which one trains, one tunes ({DEV}), and one tests ({TEST})",
        advice="confirm more documents, or give larger shares to the sides: "
        f"{setting('dev')}, {setting('test')}",
    )
