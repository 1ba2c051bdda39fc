"""What a calibrator is told about each prediction."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from spacy_tagtog.pipeline.calibration.calibrators import logit
from spacy_tagtog.pipeline.calibration.training_counts import COUNT_FEATURES, TrainingCounts
from spacy_tagtog.pipeline.uncertainty import TokenCertainty

FEATURES: Final = 24
"""Features of an entity, see :func:`entity_features`. Stored weights belong to them by position."""
_LEAST_DOUBT: Final = 1e-6
_LONGEST_SEARCHED: Final = 12  # tokens of an entity in which others are looked for


def entity_features(
    doc: Doc,
    spans: Sequence[Span],
    scores: Sequence[float],
    certainty: TokenCertainty | None,
    training_counts: TrainingCounts | None = None,
) -> NDArray[np.float64]:
    """What a calibrator is told about each predicted entity.

    Args:
        doc: The Doc.
        spans: n predicted entities.
        scores: Their n scores, in (0, 1].
        certainty: Of the Doc's tokens, before calibration; ``None`` where the component writes none.
        training_counts: What stood in the documents that the pipeline was trained on, if that is known.

    Returns:
        Shape (n, 24), or (n, 48) with ``training_counts``, whose features stand last, see
        :meth:`~spacy_tagtog.pipeline.calibration.training_counts.TrainingCounts.features`.

        - Of the score: its log-odds; those of the least certain, the first and the last token; the number of
          tokens (logarithm); the doubt at the tokens beside it.
        - Of the same text elsewhere: the mean log-odds of the other entities with the same text and label;
          their number (logarithm); whether the text was also given another label.
        - Of the form: whether it holds a capital, a digit or a sign; the number of characters (logarithm);
          whether it is all capitals, holds a digit, ends with a bracket.
        - Of the place: how far into the document; the logarithms of the doubts about the token before and the
          one after, of the chances that an entity begins there, and of the document's mean doubt about all
          tokens; the number of entities (logarithm).
        - Of what is inconsistent: how many other entities' texts contain it, how many are contained in it,
          and how often it stands in the text without being predicted (logarithms).
    """
    if not len(spans):
        return np.zeros((0, FEATURES + (COUNT_FEATURES if training_counts is not None else 0)))
    # Lists: of a few numbers at a time, numpy would take longer.
    odds: list[float] = logit(scores).tolist()
    doubts, overall = _doubts(spans, certainty, len(doc))
    # Not by the Doc's tokens: to make an object of each would take longer than all the rest.
    strings = doc.vocab.strings
    attributes = doc.to_array(["LOWER", "SPACY"]).tolist()
    words = [strings[lower] for lower, _ in attributes]
    whole = "".join(f"{word} " if space else word for word, (_, space) in zip(words, attributes, strict=True))
    padded = ["", "", *words, "", ""]
    texts = [span.text for span in spans]
    forms = [text.lower() for text in texts]
    keys = [(form, span.label) for form, span in zip(forms, spans, strict=True)]
    same: dict[tuple[str, int], list[float]] = defaultdict(list)
    for key, value in zip(keys, odds, strict=True):
        same[key].append(value)
    others = Counter(text for text, _ in same)
    consistent = _consistency(whole, forms, spans)
    number = math.log(len(spans))
    rows = []
    for i, span in enumerate(spans):
        start, end, group, doubt = span.start, span.end, same[keys[i]], doubts[i]
        row = [odds[i], *doubt.tokens, math.log(max(1, end - start)), doubt.beside]
        row += [
            (sum(group) - odds[i]) / (len(group) - 1) if len(group) > 1 else odds[i],
            math.log(len(group)),
            float(others[forms[i]] > 1),
        ]
        row += [*_form(texts[i]), start / len(doc), *doubt.around, overall, number, *consistent[forms[i]]]
        if training_counts is not None:
            row += training_counts.features(
                padded[start : start + 2], words[start:end], padded[end + 2 : end + 4], span.label_
            )
        rows.append(row)
    return np.array(rows)


class _Doubt(NamedTuple):
    """The doubts within and around one entity."""

    tokens: Sequence[float]
    """The log-odds of the least certain, the first and the last token."""
    beside: float
    """The chance that an entity begins at the token before or after, whichever is greater."""
    around: Sequence[float]
    """Logarithms: of the doubt about the token before and after, of the chance of an entity there."""


def _doubts(spans: Sequence[Span], certainty: TokenCertainty | None, size: int) -> tuple[list[_Doubt], float]:
    """The doubts of each span, and the mean logarithm of the doubt about all tokens."""
    if certainty is None:
        # Zeros say nothing. Very small doubts would say that there is hardly any.
        return [_Doubt([0.0] * 3, 0.0, [0.0] * 4)] * len(spans), 0.0
    array = np.exp(certainty.log_probability.astype(np.float64))
    chosen: list[float] = array.tolist()
    tokens = logit(
        [(min(chosen[span.start : span.end]), chosen[span.start], chosen[span.end - 1]) for span in spans]
    ).tolist()
    missed: list[float] = certainty.missed.tolist()
    logs = np.log(np.maximum(_LEAST_DOUBT, 1 - array))
    doubt: list[float] = logs.tolist()
    found = []
    for span, own in zip(spans, tokens, strict=True):
        start, end = span.start, span.end
        chances = [missed[start - 1] if start else 0.0, missed[end] if end < size else 0.0]
        around = [doubt[max(0, start - 1)], doubt[min(size - 1, end)]]
        around += (math.log(max(_LEAST_DOUBT, chance)) for chance in chances)
        found.append(_Doubt(own, max(chances), around))
    return found, float(logs.mean())


def _form(text: str) -> list[float]:
    """Features of the form of an entity's text."""
    return [
        float(any(not c.islower() and not c.isspace() for c in text)),
        math.log(max(1, len(text))),
        float(text.isupper()),
        float(any(c.isdigit() for c in text)),
        float(text.endswith((")", "]"))),
    ]


def _consistency(
    text: str, forms: Sequence[str], spans: Sequence[Span]
) -> dict[str, tuple[float, float, float]]:
    """Of each form, each as log(1 + n).

    How many other forms contain it, how many are contained in it, and how often it stands in the text without
    being predicted.
    """
    counts = Counter(forms)
    joined = "\n".join(counts)
    result: dict[str, tuple[float, float, float]] = {}
    for form, span in zip(forms, spans, strict=True):
        if form in result:
            continue
        within = 0
        if 1 < len(span) <= _LONGEST_SEARCHED:
            places = [
                (token.idx - span.start_char, token.idx - span.start_char + len(token)) for token in span
            ]
            parts = {form[begin:end] for i, (begin, _) in enumerate(places) for _, end in places[i:]} - {form}
            within = sum(part in counts for part in parts)
        result[form] = (
            math.log1p(joined.count(form) - 1),
            math.log1p(within),
            math.log1p(max(0, text.count(form) - counts[form])),
        )
    return result


def missed_features(missed: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the calibrator of misses is told about each token: shape (tokens, 1), the log-odds."""
    return logit(missed).reshape(-1, 1)
