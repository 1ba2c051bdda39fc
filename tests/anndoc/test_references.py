"""Which entity a reference by offsets means, where several could be."""

from __future__ import annotations

from typing import Any

import pytest

from spacy_tagtog.anndoc import Annotations
from spacy_tagtog.anndoc.references import References


def entity(class_id: str, *fragments: tuple[int, str]) -> dict[str, Any]:
    return {
        "classId": class_id,
        "part": "s1p1",
        "offsets": [{"start": start, "text": text} for start, text in fragments],
    }


DATA = [
    entity("e_1", (0, "alpha")),
    entity("e_1", (0, "alpha beta")),
    entity("e_2", (0, "alpha")),
    entity("e_1", (0, "alpha"), (16, "more")),
    entity("e_1", (30, "gamma")),
]


@pytest.mark.parametrize(
    ("class_id", "start", "last", "meant"),
    [
        ("e_1", 0, 5, [0, 3]),  # all of the first, a fragment of the other
        ("e_1", 0, 4, [0, 3]),  # as older files count: the last character
        ("e_1", 0, 10, [1]),
        ("e_1", 0, 20, [3]),
        ("e_2", 0, 5, [2]),
        (None, 0, 5, [0, 2, 3]),
        ("e_1", 30, 99, [4]),  # it alone begins there, however long it is now
        ("e_1", 0, 99, []),
        ("e_1", 7, 9, []),
    ],
)
def test_what_fits_is_meant_and_the_best_comes_first(
    class_id: str | None, start: int, last: int, meant: list[int]
) -> None:
    known = References(enumerate(Annotations({"entities": DATA}).entities))
    assert known.fitting("s1p1", class_id, start, last) == meant
    assert known.find("s1p1", class_id, start, last) == next(iter(meant), None)
    assert known.fitting("s1p2", class_id, start, last) == []
