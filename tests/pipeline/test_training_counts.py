"""Counts of the training documents: by hand, and checked when they are read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.stored import read_stored
from spacy_tagtog.pipeline.calibration.training_counts import COUNT_FEATURES, StoredCounts, TrainingCounts


def test_counts_of_training_texts_by_hand() -> None:
    texts: list[tuple[list[str], list[str | None]]] = [
        (["near", "vega", "and", "mars"], ["O", "U-Star", "O", "U-Planet"]),
        (["near", "vega", "tonight"], ["O", "U-Star", "O"]),
        (["a", "vega", "rocket"], ["O", "O", "O"]),
        (["near", "mars", "hill"], [None, None, None]),
    ]
    counts = TrainingCounts.learn(texts)
    assert dict(counts.labels) == {"Star": 2, "Planet": 1}
    assert counts.words["near"] == 2  # nobody said anything about the last text
    assert (counts.met["vega"], counts.met["mars"]) == (3, 1)
    assert counts.pairs[" near"] == 2, "the two words before, as often as somebody said something about them"
    star = counts.features(["", "near"], ["vega"], ["and", "the"], "Star")
    assert len(star) == COUNT_FEATURES
    assert star[:5] == pytest.approx([np.log(3), 0, np.log(2), np.log(2.5 / 1.5), 1])
    wrong = counts.features(["", "near"], ["vega"], ["and", "the"], "Planet")
    assert wrong[:3] == pytest.approx([0, np.log(3), np.log(2)])
    # The words around it, which occur twice and once, never stood within a star.
    assert star[22:] == pytest.approx([np.log(0.1 / 2.9), np.log(0.1 / 1.9)])
    # After "near" there were two entities, both of them stars.
    assert star[14] > 0 > wrong[14]
    new = counts.features(["", ""], ["sirius"], ["", ""], "Star")
    assert new[:5] == [0, 0, 0, 0, 0]
    assert new[9] == pytest.approx(np.log(2))
    assert np.isfinite(counts.features(["", ""], ["x"], ["", ""], "Unheard_Of")).all()
    copy = TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(counts.to_stored())))
    assert copy.features(["", "near"], ["vega"], ["and", "the"], "Star") == star
    assert TrainingCounts.learn([]).features(["", ""], ["x"], ["", ""], "Star")[:5] == [0] * 5


def test_what_is_kept_of_earlier_features_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = TrainingCounts.learn([(["near", "vega", "and", "mars"], ["O", "U-Star", "O", "U-Planet"])])
    copy = TrainingCounts.from_stored(counts.to_stored())
    monkeypatch.setattr("spacy_tagtog.pipeline.calibration.training_counts._MOST_KEPT", 2)
    for word in ("vega", "mars", "sirius", "vega"):
        made = [one.features(["", "near"], [word], ["and", word], "Star") for one in (counts, copy)]
        assert made[0] == made[1]
        assert max(len(counts._forms), len(counts._known)) <= 2


COUNTS = {
    "labels": ["A"],
    "entities": [1],
    "words": {"x": 1},
    "pairs": {},
    "met": {},
    "tables": {
        kind: {}
        for kind in ("form", "inside", "first", "last", "before", "after", "before_two", "after_two", "end")
    },
}


def tables(**changes: Any) -> dict[str, Any]:
    return {**COUNTS, "tables": {**COUNTS["tables"], **changes}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {},
        {"labels": ["A"], "entities": []},
        {**COUNTS, "entities": []},
        {**COUNTS, "words": {"x": -1}},
        {**COUNTS, "words": {"x": 1.5}},
        {**COUNTS, "tables": {}},
        tables(first={"x": [0]}),
        tables(first={"x": [1, 1]}),
        tables(first={"x": [-1, 1]}),
        tables(second={"x": [0, 1]}),
    ],
)
def test_junk_is_no_table(junk: object) -> None:
    TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(tables(first={"x": [0, 1]}))))
    with pytest.raises(PipelineError, match="calibrate the pipeline again"):
        TrainingCounts.from_stored(read_stored(StoredCounts, json.dumps(junk)))
