"""``entity_confidence``: a probability for every predicted entity, calibrated by ``spacy-tagtog calibrate``.

There are three ways to a score: the softmax of the greedy parser's actions (the default, see
:mod:`spacy_tagtog.pipeline.confidence`), a beam over each sentence, and Monte Carlo dropout (Gal and
Ghahramani, ICML 2016). None of them changes what is predicted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import LabelCalibrator
from spacy_tagtog.pipeline.calibration.features import entity_features, missed_features
from spacy_tagtog.pipeline.calibration.stored import Calibration, StoredCalibration
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, RAW_SCORES, scored
from spacy_tagtog.pipeline.sentences import sentences
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, get_certainty, set_certainty

ConfidenceMethod = Literal["actions", "beam", "mc_dropout"]


@dataclass(frozen=True)
class ConfidenceSettings:
    """How entities are scored.

    Attributes:
        method: ``actions``, ``beam`` or ``mc_dropout``.
        beam_width: Parses that a beam keeps, from 2 (with 1, every score would be 1).
        beam_density: Parses less probable than this share of the best are dropped.
        passes: Passes with dropout, from 1.
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


class EntityConfidence(StoredCalibration):
    """Write a probability for every predicted entity into a span group.

    It also writes how certain the pipeline is of every token (:mod:`spacy_tagtog.pipeline.uncertainty`). Add
    it after ``ner``: ``nlp.add_pipe("entity_confidence")``. It has nothing to train; calibration is optional.

    ``doc.spans[spans_key]`` is a copy of what was predicted. Its ``attrs["scores"]`` are the probabilities,
    as those of a ``spancat``, and ``span._.confidence`` reads them; they are calibrated once ``spacy-tagtog
    calibrate`` has run. A score is ``nan`` where the model has no opinion. ``attrs["raw_scores"]`` are the
    scores before calibration. Neither ``doc.ents`` nor the span group of a ``spancat`` is changed.

    Args:
        nlp: The pipeline.
        name: The component's name.
        spans_key: The span group that it writes.
        ner: The component whose entities are scored: ``ner``, ``beam_ner``, ``seed_ner``, or ``spancat`` (its
            own scores are calibrated).
        settings: How.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "entity_confidence",
        *,
        spans_key: str = DEFAULT_SPANS_KEY,
        ner: str = "ner",
        settings: ConfidenceSettings | None = None,
    ) -> None:
        self.nlp = nlp
        self.name = name
        self.spans_key = spans_key
        self.ner = ner
        self.settings = settings or ConfidenceSettings()
        self.calibration: Calibration | None = None

    def __call__(self, doc: Doc) -> Doc:
        """Score the entities of one Doc.

        Raises:
            PipelineError: The pipeline has no such component, or another kind of component.
        """
        self._score([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Score the entities of many Docs, one batch at a time."""
        iterator = iter(stream)
        while docs := list(islice(iterator, batch_size)):
            self._score(docs)
            yield from docs

    @property
    def scores_spancat(self) -> bool:
        """Whether the entities that are scored are a ``spancat``'s, which may overlap.

        Raises:
            PipelineError: The pipeline has no such component.
        """
        return hasattr(self._component(), "suggester")

    def _score(self, docs: Sequence[Doc]) -> None:
        ner = self._component()
        if hasattr(ner, "transition_states"):
            found = self._of_parser(ner, docs)
        elif self.settings.method != "actions":
            raise PipelineError(
                "this component can't be scored in this way",
                place=f"component {self.name}",
                value=f"method {self.settings.method}, {self.ner}: {type(ner).__name__}",
                legal="actions for a component with scores of its own; all methods for ner and beam_ner",
                advice=f'set [components.{self.name}] method = "actions"',
            )
        elif hasattr(ner, "entity_scores"):
            # It knows its own probabilities, and wrote how certain it is of each token itself.
            found = [
                (doc, list(doc.ents), values)
                for doc, values in zip(docs, ner.entity_scores(docs), strict=True)
            ]
        else:
            found = [_of_spancat(ner, doc) for doc in docs]
        self._finish(found)

    def _of_parser(self, ner: Any, docs: Sequence[Doc]) -> list[_Scored]:
        method = self.settings.method
        # Short with short: a step costs the same for one Doc as for many.
        ordered = sorted(docs, key=len)
        results = self._mc_dropout(ner, ordered) if method == "mc_dropout" else scored(ner, ordered)
        found = []
        for doc, (own, certainty) in zip(ordered, results, strict=True):
            set_certainty(doc, certainty)
            raw = [float("nan") if score is None else score for score in own]
            found.append((doc, list(doc.ents), self._beam(ner, doc, raw) if method == "beam" else raw))
        return found

    def _finish(self, found: Sequence[_Scored]) -> None:
        """Calibrate the scores of Docs, all at once, and write them."""
        scores = [list(raw) for _, _, raw in found]
        if self.calibration is not None:
            counts = self.calibration.training_counts
            # Of a spancat's tokens nothing is known; another component may have written its own certainty.
            certainty_of = (lambda doc: None) if self.scores_spancat else get_certainty
            places = [[i for i, value in enumerate(raw) if not math.isnan(value)] for _, _, raw in found]
            chosen = [[spans[i] for i in known] for (_, spans, _), known in zip(found, places, strict=True)]
            features = [
                entity_features(doc, own, [raw[i] for i in known], certainty_of(doc), counts)
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
        """Marginal probabilities of the entities, sentence by sentence.

        A beam is normalised over all that it sees: whole documents would push every doubt to 0 or 1.
        """
        parts = list(sentences(doc))
        if not parts or not doc.ents:
            return raw
        bare = []
        for sentence in parts:
            copy = sentence.as_doc()  # keeps the tensor, which a shared tok2vec has written
            copy.set_ents([], default="missing")  # entities that are there already would be certain
            bare.append(copy)
        beams = ner.beam_parse(
            bare, beam_width=self.settings.beam_width, beam_density=self.settings.beam_density
        )
        found: dict[tuple[int, int, str], float] = {}
        for sentence, scores in zip(parts, ner.scored_ents(beams), strict=True):
            for (start, end, label), score in scores.items():
                found[start + sentence.start, end + sentence.start, label] = float(score)
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
        if self.ner not in self.nlp.pipe_names:
            raise PipelineError(
                "there is no component whose entities could be scored",
                place=f"component {self.name}",
                value=self.ner,
                legal=", ".join(name for name in self.nlp.pipe_names if name != self.name)
                or "(the pipeline is empty)",
                advice=f'set [components.{self.name}] ner = "NAME" to the name of the NER component',
            )
        component = self.nlp.get_pipe(self.ner)
        is_spancat = hasattr(component, "suggester") and hasattr(component, "key")
        if not (is_spancat or hasattr(component, "transition_states") or hasattr(component, "entity_scores")):
            raise PipelineError(
                "this component gives no scores to its entities",
                place=f"component {self.name}",
                value=f"{self.ner}: {type(component).__name__}",
                legal="spaCy's ner, beam_ner or spancat, or seed_ner",
                advice=f'set [components.{self.name}] ner = "NAME" to the name of such a component',
            )
        return component


_Scored = tuple[Doc, list[Span], list[float]]
"""A Doc, its predictions, and their scores before calibration."""


def _of_spancat(spancat: Any, doc: Doc) -> _Scored:
    spans = list(doc.spans.get(spancat.key, ()))
    values = [float(value) for value in doc.spans[spancat.key].attrs.get("scores", [])] if spans else []
    return doc, spans, values if len(values) == len(spans) else [float("nan")] * len(spans)


@contextmanager
def _seeded() -> Iterator[None]:
    """Dropout draws from numpy's global generator: make it repeatable, and leave no trace."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
