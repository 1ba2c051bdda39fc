"""``entity_confidence_v2``: a probability for every predicted entity, calibrated once ``spacy-tagtog calibrate`` has run.

Three ways to a score: the softmax of the greedy parser's actions (the default, see :mod:`spacy_tagtog.pipeline.confidence`),
a beam, sentence by sentence, and Monte Carlo dropout (Gal and Ghahramani, ICML 2016). None of them changes what is predicted.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import LabelCalibrator, logit
from spacy_tagtog.pipeline.calibration.training_counts import SEEN_FEATURES, Seen
from spacy_tagtog.pipeline.confidence import RAW_SCORES, EntityConfidence, scored
from spacy_tagtog.pipeline.sentences import pieces
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, get_certainty, set_certainty

ConfidenceMethod = Literal["actions", "beam", "mc_dropout"]

_FILE: Final = "calibration.json"
FEATURES: Final = 24
"""Features of an entity, see :func:`entity_features`. Stored weights belong to them by position."""
_FEATURES_VERSION: Final = 3
_SAME_FEATURES: Final = (2, 3)  # the third version added features after those of the second
_LEAST_DOUBT: Final = 1e-6
_LONGEST_SEARCHED: Final = 12  # tokens of an entity in which others are looked for


@dataclass(frozen=True)
class ConfidenceSettings:
    """How entities are scored.

    Attributes:
        method: ``actions``, ``beam`` or ``mc_dropout``.
        beam_width: Parses that a beam keeps, from 2 (with 1, every score would be 1).
        beam_density: Parses less probable than this share of the best are dropped.
        passes: Passes with dropout.
        dropout: The share of units that a pass drops, in (0, 1).

    Raises:
        ConfigurationError: A setting is out of range.
    """

    method: ConfidenceMethod = "actions"
    beam_width: int = 16
    beam_density: float = 1e-4
    passes: int = 8
    dropout: float = 0.2

    def __post_init__(self) -> None:
        for name, fits, legal in (
            ("beam_width", self.beam_width >= 2, "2 or more: with 1, every score would be 1"),
            ("beam_density", 0 <= self.beam_density < 1, "a number in [0, 1)"),
            ("passes", self.passes >= 1, "1 or more"),
            ("dropout", 0 < self.dropout < 1, "a number between 0 and 1"),
        ):
            if not fits:
                raise ConfigurationError(f"{name} is out of range", value=getattr(self, name), legal=legal)


@dataclass(frozen=True)
class Calibration:
    """What a component learned from reviewed documents.

    Attributes:
        predictions: For the probability of predictions.
        missed: For the probability of a miss at a token; ``None`` where it wasn't fitted.
        documents: Fingerprints of the documents it was fitted on, see :func:`spacy_tagtog.anndoc.fingerprints.text_fingerprint`.
        report: :meth:`spacy_tagtog.pipeline.calibration.calibrators.CalibrationReport.to_json`, with the cross-validated figures.
        seen: What stood in the training documents; ``None`` where nobody gave them or the calibrators don't look at it.
    """

    predictions: LabelCalibrator
    missed: LabelCalibrator | None
    documents: list[str]
    report: dict[str, Any]
    seen: Seen | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object of plain numbers and strings."""
        missed = None if self.missed is None else self.missed.to_json()
        return {
            "predictions": self.predictions.to_json(),
            "missed": missed,
            "documents": self.documents,
            "report": self.report,
            "features": _FEATURES_VERSION,
            "seen": None if self.seen is None else self.seen.to_json(),
        }

    @classmethod
    def from_json(cls, data: Any, *, place: object = None) -> Calibration:
        """Read it back.

        Raises:
            PipelineError: It isn't one.
        """
        if not isinstance(data, dict) or not {"predictions", "missed", "documents", "report"} <= data.keys():
            raise PipelineError(
                "the stored calibration can't be read", place=place, advice="calibrate the pipeline again"
            )
        missed = None if data["missed"] is None else LabelCalibrator.from_json(data["missed"], place=place)
        predictions = LabelCalibrator.from_json(data["predictions"], place=place)
        # Calibrators of the score alone mean the same in every version. Weights of features don't.
        if predictions.features > 1 and data.get("features") not in _SAME_FEATURES:
            raise PipelineError(
                "the stored calibration is of another version",
                place=place,
                value=f"features {data.get('features', 1)!r}",
                legal=f"features {_FEATURES_VERSION}",
                advice="calibrate the pipeline again: spacy-tagtog calibrate",
            )
        seen = None if data.get("seen") is None else Seen.from_json(data["seen"], place=place)
        if predictions.features > FEATURES + (SEEN_FEATURES if seen is not None else 0):
            raise PipelineError(
                "the stored calibration looks at features that it doesn't have",
                place=place,
                value=predictions.features,
                legal=f"at most {FEATURES}, and {SEEN_FEATURES} more where it holds what was seen in training",
                advice="calibrate the pipeline again: spacy-tagtog calibrate",
            )
        return cls(predictions, missed, [str(d) for d in data["documents"]], dict(data["report"]), seen)


class StoredCalibration:
    """Saving of a component that holds a calibration: a JSON file, never a pickle."""

    name: str
    calibration: Calibration | None

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The calibration as JSON; empty where there is none."""
        return b"" if self.calibration is None else json.dumps(self.calibration.to_json()).encode()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Any:
        """Read the calibration.

        Raises:
            PipelineError: It can't be read.
        """
        return self._read(data, f"component {self.name}")

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write the calibration as ``calibration.json`` into the component's folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        if self.calibration is None:
            (folder / _FILE).unlink(missing_ok=True)
        else:
            (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Any:
        """Read the calibration, if there is one.

        Raises:
            PipelineError: It can't be read.
        """
        file = Path(path) / _FILE
        return self._read(file.read_bytes() if file.exists() else b"", file)

    def _read(self, data: bytes, place: object) -> Any:
        try:
            read = json.loads(data) if data else None
        except ValueError as error:
            raise PipelineError(
                "the stored calibration isn't JSON", place=place, advice="calibrate the pipeline again"
            ) from error
        self.calibration = None if read is None else Calibration.from_json(read, place=place)
        return self


def entity_features(
    doc: Doc,
    spans: Sequence[Span],
    scores: Sequence[float],
    certainty: TokenCertainty | None,
    seen: Seen | None = None,
) -> NDArray[np.float64]:
    """What a calibrator is told about each predicted entity.

    Args:
        doc: The Doc.
        spans: n predicted entities.
        scores: Their n scores, in (0, 1].
        certainty: Of the Doc's tokens, before calibration; ``None`` where the component writes none.
        seen: What stood in the documents that the pipeline was trained on, if that is known.

    Returns:
        Shape (n, 24), or (n, 48) with ``seen``, whose features stand last, see :meth:`~spacy_tagtog.pipeline.calibration.training_counts.Seen.features`.
        Of the score: its log-odds; those of the least certain, the first and the last token; the number of tokens (logarithm);
        the doubt at the tokens beside it. Of the same text elsewhere: the mean log-odds of the other entities with the same text and label, their
        number (logarithm), whether the text was also given another label. Of the form: whether it holds a capital, a digit or a sign; the number of
        characters (logarithm); whether it is all capitals; holds a digit; ends with a bracket. Of the place: how far into the document; the
        logarithms of the doubt about the token before and after, of the chance that an entity begins there, and the document's mean over all tokens;
        the number of entities (logarithm). Of what is inconsistent: how many other entities' texts contain it, how many are contained in it, and
        how often it stands in the text without being predicted (logarithms).
    """
    if not len(spans):
        return np.zeros((0, FEATURES + (SEEN_FEATURES if seen is not None else 0)))
    # Lists: of a few numbers at a time, numpy would take longer.
    odds: list[float] = logit(scores).tolist()
    tokens = [[0.0] * 3] * len(spans)
    missed: list[float] = []
    doubt: list[float] = []
    overall = 0.0
    if certainty is not None:
        array = np.exp(certainty.log_probability.astype(np.float64))
        chosen: list[float] = array.tolist()
        tokens = logit(
            [(min(chosen[span.start : span.end]), chosen[span.start], chosen[span.end - 1]) for span in spans]
        ).tolist()
        missed = certainty.missed.tolist()
        logs = np.log(np.maximum(_LEAST_DOUBT, 1 - array))
        doubt, overall = logs.tolist(), float(logs.mean())
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
    size = len(doc)
    number = math.log(len(spans))
    rows = []
    for i, span in enumerate(spans):
        start, end, text, group = span.start, span.end, texts[i], same[keys[i]]
        around, chances = [0.0, 0.0], [0.0, 0.0]
        if certainty is not None:
            chances = [missed[start - 1] if start else 0.0, missed[end] if end < size else 0.0]
            around = [doubt[max(0, start - 1)], doubt[min(size - 1, end)]]
        row = [odds[i], *tokens[i], math.log(max(1, end - start)), max(chances)]
        row += [
            (sum(group) - odds[i]) / (len(group) - 1) if len(group) > 1 else odds[i],
            math.log(len(group)),
            float(others[forms[i]] > 1),
        ]
        row += [float(any(not c.islower() and not c.isspace() for c in text)), math.log(max(1, len(text)))]
        row += [
            float(text.isupper()),
            float(any(c.isdigit() for c in text)),
            float(text.endswith((")", "]"))),
            start / size,
        ]
        # Without certainty these say nothing, rather than that there is hardly any doubt.
        row += (
            [*around, *(math.log(max(_LEAST_DOUBT, chance)) for chance in chances)]
            if certainty is not None
            else [0.0] * 4
        )
        row += [overall, number, *consistent[forms[i]]]
        if seen is not None:
            row += seen.features(
                padded[start : start + 2], words[start:end], padded[end + 2 : end + 4], span.label_
            )
        rows.append(row)
    return np.array(rows)


def _consistency(
    text: str, forms: Sequence[str], spans: Sequence[Span]
) -> dict[str, tuple[float, float, float]]:
    """Of each form: other forms that contain it, forms that are contained in it, and its places in the text that were not predicted; log(1 + n)."""
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


class CalibratedConfidence(StoredCalibration, EntityConfidence):
    """Write a probability for every predicted entity into a span group, and how certain the pipeline is of every token.

    ``doc.spans[spans_key]`` is a copy of what was predicted; ``attrs["scores"]`` are the probabilities, calibrated once
    ``spacy-tagtog calibrate`` has run (``nan`` where the model has no opinion), ``attrs["raw_scores"]`` those before
    calibration. Neither ``doc.ents`` nor the span group of a ``spancat`` is changed.

    Args:
        nlp: The pipeline.
        name: The component's name.
        spans_key: The span group that it writes.
        ner: The component whose entities are scored: ``ner``, ``beam_ner``, ``seed_ner``, or ``spancat`` (its own scores are calibrated).
        settings: How.
    """

    def __init__(
        self, nlp: Language, name: str, *, spans_key: str, ner: str, settings: ConfidenceSettings
    ) -> None:
        super().__init__(nlp, name, spans_key=spans_key, ner=ner)
        self.settings = settings
        self.calibration: Calibration | None = None

    def _score(self, docs: Sequence[Doc]) -> None:
        ner = self._component()
        method = self.settings.method
        if hasattr(ner, "transition_states"):
            order = sorted(range(len(docs)), key=lambda i: len(docs[i]))
            ordered = [docs[i] for i in order]
            results = self._mc_dropout(ner, ordered) if method == "mc_dropout" else scored(ner, ordered)
            found = []
            for doc, (own, certainty) in zip(ordered, results, strict=True):
                set_certainty(doc, certainty)
                raw = [float("nan") if score is None else score for score in own]
                found.append((doc, list(doc.ents), self._beam(ner, doc, raw) if method == "beam" else raw))
            self._finish(found)
            return
        if method != "actions":
            raise PipelineError(
                "this component can't be scored in this way",
                place=f"component {self.name}",
                value=f"method {method}, {self.ner}: {type(ner).__name__}",
                legal="actions for a component with scores of its own; all methods for ner and beam_ner",
                advice=f'set [components.{self.name}] method = "actions"',
            )
        if hasattr(ner, "entity_scores"):
            self._finish(
                [
                    (doc, list(doc.ents), values)
                    for doc, values in zip(docs, ner.entity_scores(docs), strict=True)
                ]
            )
            return
        found = []
        for doc in docs:
            spans = list(doc.spans.get(ner.key, ()))
            values = [float(v) for v in doc.spans[ner.key].attrs.get("scores", [])] if spans else []
            found.append((doc, spans, values if len(values) == len(spans) else [float("nan")] * len(spans)))
        self._finish(found)

    def _finish(self, found: Sequence[tuple[Doc, list[Span], list[float]]]) -> None:
        """Calibrate the scores of Docs, all at once, and write them."""
        scores = [list(raw) for _, _, raw in found]
        if self.calibration is not None:
            places = [[i for i, value in enumerate(raw) if not math.isnan(value)] for _, _, raw in found]
            chosen = [[spans[i] for i in known] for (_, spans, _), known in zip(found, places, strict=True)]
            features = [
                entity_features(doc, own, [raw[i] for i in known], get_certainty(doc), self.calibration.seen)
                for (doc, _, raw), own, known in zip(found, chosen, places, strict=True)
                if known
            ]
            if features:
                labels = [span.label_ for own in chosen for span in own]
                probabilities = iter(
                    self.calibration.predictions.predict(np.vstack(features), labels).tolist()
                )
                for own_scores, known in zip(scores, places, strict=True):
                    for i in known:
                        own_scores[i] = next(probabilities)
            if self.calibration.missed is not None:
                self._calibrate_missed([doc for doc, _, _ in found], self.calibration.missed)
        for (doc, spans, raw), own_scores in zip(found, scores, strict=True):
            attrs = {"scores": own_scores, RAW_SCORES: list(raw)} if spans else {}
            doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=spans, attrs=attrs)

    def _calibrate_missed(self, docs: Sequence[Doc], calibrator: LabelCalibrator) -> None:
        known = [
            (doc, certainty) for doc in docs if len(doc) and (certainty := get_certainty(doc)) is not None
        ]
        if not known:
            return
        raw = np.concatenate([certainty.missed for _, certainty in known])
        # Where nothing can be missed, since something was predicted, it stays 0.
        missed = np.where(raw > 0, calibrator.predict(missed_features(raw), [""] * len(raw)), 0)
        borders = np.cumsum([len(doc) for doc, _ in known])[:-1]
        for (doc, certainty), own in zip(known, np.split(missed, borders), strict=True):
            set_certainty(doc, TokenCertainty.of(certainty.log_probability, own))

    def _beam(self, ner: Any, doc: Doc, raw: list[float]) -> list[float]:
        """Marginal probabilities of the entities. A beam is normalised over all it sees: whole documents would push every doubt to 0 or 1."""
        parts = list(pieces(doc))
        if not parts or not doc.ents:
            return raw
        bare = []
        for piece in parts:
            copy = piece.as_doc()  # keeps the tensor, which a shared tok2vec has written
            copy.set_ents([], default="missing")  # entities that are there already would be certain
            bare.append(copy)
        beams = ner.beam_parse(
            bare, beam_width=self.settings.beam_width, beam_density=self.settings.beam_density
        )
        found: dict[tuple[int, int, str], float] = {}
        for piece, scores in zip(parts, ner.scored_ents(beams), strict=True):
            for (start, end, label), score in scores.items():
                found[start + piece.start, end + piece.start, label] = float(score)
        # Not in the beam: less probable than all that is. Not the model's own label: no opinion.
        floor = self.settings.beam_density or 1e-6
        return [
            value
            if math.isnan(value)
            else min(1.0, max(floor, found.get((ent.start, ent.end, ent.label_), 0.0)))
            for ent, value in zip(doc.ents, raw, strict=True)
        ]

    def _mc_dropout(self, ner: Any, docs: Sequence[Doc]) -> list[tuple[list[float | None], TokenCertainty]]:
        """The mean of several passes, each with other units dropped."""
        passes = []
        with _seeded():
            for _ in range(self.settings.passes):
                passes.append(scored(ner, docs, predict=lambda batch: self._with_dropout(ner, batch)))
        result: list[tuple[list[float | None], TokenCertainty]] = []
        for one in zip(*passes, strict=True):
            lists = [scores for scores, _ in one]
            scores = [
                None if any(v is None for v in values) else float(np.mean(values))
                for values in zip(*lists, strict=True)
            ]
            chosen = np.mean([np.exp(certainty.log_probability) for _, certainty in one], axis=0)
            missed = np.mean([certainty.missed for _, certainty in one], axis=0)
            result.append(
                (scores, TokenCertainty.of(np.log(np.maximum(chosen, np.finfo(np.float32).tiny)), missed))
            )
        return result

    def _with_dropout(self, ner: Any, docs: list[Doc]) -> Any:
        from thinc.api import set_dropout_rate

        listeners = [node for node in ner.model.walk() if node.name == "tok2vec-listener"]
        above: list[Any] = (
            []
            if not listeners
            else [
                pipe for _, pipe in self.nlp.pipeline if ner.name in getattr(pipe, "listening_components", ())
            ]
        )
        if (listeners and not above) or any(node.name == "transformer-listener" for node in ner.model.walk()):
            raise PipelineError(
                "dropout needs a tok2vec of spaCy's, shared or the component's own",
                place=f"component {self.name}",
                value=self.ner,
                advice=f'set [components.{self.name}] method = "actions"',
            )
        models = [ner.model, *(pipe.model for pipe in above)]
        try:
            for model in models:
                set_dropout_rate(model, self.settings.dropout)
            for pipe in above:
                vectors, _ = pipe.model(docs, is_train=True)
                for listener in listeners:
                    listener.receive(type(listener).get_batch_id(docs), vectors, lambda gradient: [])
            step, _ = ner.model(docs, is_train=True)
        finally:
            for model in models:
                set_dropout_rate(model, 0.0)
        return step

    def _component(self) -> Any:
        if self.ner in self.nlp.pipe_names:
            component = self.nlp.get_pipe(self.ner)
            if hasattr(component, "suggester") and hasattr(component, "key"):
                return component
        return super()._component()


@contextmanager
def _seeded() -> Iterator[None]:
    """Dropout draws from numpy's global generator: make it repeatable, and leave no trace."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
