"""How a loop stands, from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spacy_tagtog.errors import LoopError
from spacy_tagtog.loop.lineage import Manifest
from spacy_tagtog.loop.loop import Loop
from spacy_tagtog.loop.records import STEPS
from spacy_tagtog.loop.settings import LoopSettings
from spacy_tagtog.loop.sides import DEV, TEST, read_sides

_SIDES: Final = {"train": "train", DEV: "tune models", TEST: "test models"}


@dataclass(frozen=True)
class LoopStatus:
    """How a loop stands.

    Attributes:
        current: The number of the current model; ``None`` before the first round's gate.
        since: When it became the current one, as ISO 8601.
        manifest: Where it comes from.
        models: The numbers of all models.
        promoted: How many of them were promoted.
        kept: Those whose pipelines are kept.
        rounds: How many rounds are done.
        sides: How many documents train, tune and test, in words.
        waiting: The latest model, where it is a candidate.
        unfinished: The step at which the last round stopped; ``None`` where it is done.
    """

    current: int | None
    since: str
    manifest: Manifest | None
    models: Sequence[int]
    promoted: int
    kept: Sequence[int]
    rounds: int
    sides: Mapping[str, int]
    waiting: Manifest | None
    unfinished: str | None


def open_loop(folder: Path | str, settings: LoopSettings | None = None, **place: Any) -> Loop:
    """The loop in a folder.

    Args:
        folder: Its folder.
        settings: See :class:`~spacy_tagtog.loop.loop.Loop`.
        place: The project, see there.

    Raises:
        LoopError: There is none.
    """
    loop = Loop(folder, settings, **place)
    if not (loop.folder / "rounds").is_dir():
        raise LoopError(
            "there is no loop in this folder",
            place=loop.folder,
            legal="a folder in which spacy-tagtog loop worked",
            advice="begin one: spacy-tagtog loop --project NAME",
        )
    return loop


def status_of(folder: Path | str) -> LoopStatus:
    """How the loop in a folder stands.

    Raises:
        LoopError: There is none, or one of its files can't be read.
    """
    loop = open_loop(folder)
    lineage, records = loop.lineage, loop.records
    current, manifests = lineage.current, [lineage.manifest(number) for number in lineage.numbers]
    last = manifests[-1] if manifests else None
    unfinished = None
    if records and records[-1].ended is None:
        unfinished = next((step for step in STEPS if step not in records[-1].seconds), "its end")
    counts = Counter(one.side for one in read_sides(loop.folder / "sides.json").values())
    return LoopStatus(
        current=current,
        since=lineage.moves[-1].at if current is not None else "",
        manifest=None if current is None else lineage.manifest(current),
        models=lineage.numbers,
        promoted=sum(one.state == "promoted" for one in manifests),
        kept=lineage.kept,
        rounds=sum(record.ended is not None for record in records),
        sides={words: counts[side] for side, words in _SIDES.items()},
        waiting=last if last is not None and last.state == "candidate" else None,
        unfinished=unfinished,
    )
