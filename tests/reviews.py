"""A ranked project before and after its review, to estimate from what chance chose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builders import LEGEND, E, document

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.anndoc.fingerprints import content_fingerprint
from spacy_tagtog.selection.ranking import RankedDocument, Ranking, write_ranking


def note(number: int, *entities: E, complete: bool = True) -> Document:
    return document(f"Vega near Mars {number}", entities=entities, complete=complete, name=f"n{number}.txt")


def write_review(
    folder: Path, *, random: Sequence[int] = (0, 1, 3), reviewed: Sequence[int] = range(6)
) -> tuple[Path, Path, Path]:
    """Six documents before and after the review, ranked; the pre-annotations of the last three are wrong.

    Args:
        folder: Where to write.
        random: Which of them chance chose.
        reviewed: Which of them people reviewed.

    Returns:
        The project before, the project after, the ranking.
    """
    gold = [note(i, E(1, 0, 4), E(1, 10, 14, "e_2")) for i in range(6)]
    proposed = [
        note(i, E(1, 0, 4), E(1, 10, 14, "e_2" if i < 3 else "e_1"), complete=False) for i in range(6)
    ]
    write_project(proposed, folder / "before", legend=LEGEND, force=True)
    write_project(
        [gold[i] if i in reviewed else proposed[i] for i in range(6)],
        folder / "after",
        legend=LEGEND,
        force=True,
    )
    ranked = [
        RankedDocument(one.id, i + 1, 1, 0.0, i in random, content_fingerprint(one), {})
        for i, one in enumerate(gold)
    ]
    own: dict[str, Any] = {
        "seed": 0,
        "batch_size": 6,
        "random_share": 0.5,
        "pipeline": None,
        "calibrated": None,
        "reviewed": 0,
        "unreviewed": 6,
    }
    write_ranking(folder / "r.json", Ranking("spacy-tagtog.Random.v1", {}, documents=ranked, **own))
    return folder / "before", folder / "after", folder / "r.json"
