"""Thresholds, chosen by documents that a pipeline was not trained on.

The idea is that of ``spacy find-threshold``: the threshold with the best F1 wins. Here each document is
predicted once, with all that scores at least the lowest threshold, and every threshold is tried on that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.pipeline.contents import all_entities

_TRIED: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Thresholds from 0.05 to 0.95."""


def best_threshold(scores: Sequence[float], right: Sequence[bool], gold: int) -> tuple[float, float] | None:
    """The threshold at which what scores at least as much has the best F1.

    Args:
        scores: n scores in [0, 1].
        right: Whether each of the n predictions is right.
        gold: How many right answers there are, found or not.

    Returns:
        The threshold and its F1; of equal ones the one next to 0.5. ``None`` where nothing is right.
    """
    if not any(right):
        return None
    values: NDArray[np.float64] = np.asarray(scores, dtype=np.float64)
    answers = np.asarray(right, dtype=np.bool_)
    found = []
    for threshold in _TRIED:
        kept = values >= threshold
        f1 = 2 * int((kept & answers).sum()) / max(1, int(kept.sum()) + gold)
        found.append((round(f1, 6), -abs(threshold - 0.5), threshold))
    f1, _, threshold = max(found)
    return threshold, f1


def _set(nlp: Language, name: str, threshold: float) -> None:
    pipe: Any = nlp.get_pipe(name)
    pipe.cfg["threshold"] = threshold
    # What the component reads is its cfg, what people read is the config: both say the same.
    nlp._pipe_configs[name]["threshold"] = threshold


def _said(name: str, found: tuple[float, float] | None) -> str:
    if found is None:
        return f"{name}: nothing right was predicted for the dev documents, so its threshold stays as it is"
    threshold, f1 = found
    return f"{name}: threshold {threshold:g}, F {100 * f1:.1f} on the dev documents"


def tune_spans(nlp: Language, name: str, docs: Sequence[Doc]) -> str:
    """Set the threshold of a ``spancat``.

    Args:
        nlp: The pipeline; changed in place.
        name: The component's name.
        docs: Gold Docs that it was not trained on.

    Returns:
        What was chosen, in words.
    """
    pipe: Any = nlp.get_pipe(name)
    before = pipe.cfg["threshold"]
    pipe.cfg["threshold"] = _TRIED[0]
    scores: list[float] = []
    right: list[bool] = []
    gold = 0
    with nlp.select_pipes(enable=[name]):
        for doc, predicted in zip(docs, nlp.pipe(predicted_doc(nlp, doc) for doc in docs), strict=True):
            answers = {(span.start_char, span.end_char, span.label_) for span in all_entities(doc)}
            gold += len(answers)
            group = predicted.spans.get(pipe.key, ())
            right += [(span.start_char, span.end_char, span.label_) in answers for span in group]
            scores += [float(score) for score in group.attrs["scores"]] if len(group) else []
    found = best_threshold(scores, right, gold)
    _set(nlp, name, before if found is None else found[0])
    return _said(name, found)


def tune_labels(nlp: Language, name: str, docs: Sequence[Doc]) -> str:
    """Set the threshold of a ``textcat_multilabel``; what is unknown of a document doesn't count.

    Arguments and result are those of :func:`tune_spans`.
    """
    labels: list[str] = list(nlp.get_pipe(name).labels)  # type: ignore[attr-defined]
    scores: list[float] = []
    right: list[bool] = []
    with nlp.select_pipes(enable=[name]):
        for doc, predicted in zip(docs, nlp.pipe(predicted_doc(nlp, doc) for doc in docs), strict=True):
            known = [label for label in labels if label in doc.cats]
            scores += [float(predicted.cats[label]) for label in known]
            right += [doc.cats[label] >= 0.5 for label in known]
    found = best_threshold(scores, right, sum(right))
    if found is not None:
        _set(nlp, name, found[0])
    return _said(name, found)
