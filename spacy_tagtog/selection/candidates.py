"""What a strategy may know: of each document that nobody reviewed yet, and of those that people reviewed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog.pipeline.annotate import confidence_keys, scored_entities
from spacy_tagtog.pipeline.labels import label_confidence_of, textcat_names
from spacy_tagtog.pipeline.sentences import sentences as sentences_of
from spacy_tagtog.pipeline.uncertainty import get_certainty


class PredictedEntity(NamedTuple):
    """An entity that a pipeline predicted.

    Attributes:
        start: Its first token.
        end: One past its last token.
        label: Its type.
        probability: That it is right, in [0, 1]; one without a probability (a rule's) counts as 0.5.
    """

    start: int
    end: int
    label: str
    probability: float


_MAX_DOUBTS: Final = 3
_MAX_MISSED: Final = 10
_SURE: Final = 0.95  # a prediction that is more probable is no doubt worth showing
_MAX_DOUBT_CHARS: Final = 60


class Doubt(NamedTuple):
    """Something in a document that a reviewer may look at first.

    Attributes:
        text: The words of a predicted entity, or the word at which one may have been missed.
        label: The type that was predicted; empty where nothing was.
        probability: That the prediction is right; where nothing was predicted, that an entity begins there.
        start: Its first character in the Doc.
        end: One past its last character.
    """

    text: str
    label: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Candidate:
    """A document that nobody reviewed yet.

    Attributes:
        id: The document's id.
        words: The n tokens in lower case.
        sentences: (first token, one past the last) of each sentence; where nothing has marked sentences,
            stretches of about that size.
        entities: What was predicted.
        log_probability: Shape (n,), natural logarithm of the probability of what was predicted for each
            token, at most 0.
        missed: Shape (n,), the probability that an entity begins at each token that was not predicted.
        labels: The probability of each document label, where the pipeline predicts any.
        vector: The mean of the tokens' vectors (``doc.tensor``), ``None`` where the pipeline makes none.
        predicted: Whether a pipeline looked at the document. If not, only ``words`` and ``sentences`` mean
            anything.
        doubts: For people: at most three of the least probable predictions, then at most ten words at which
            an entity was most probably missed.
    """

    id: str
    words: tuple[str, ...]
    sentences: tuple[tuple[int, int], ...]
    entities: tuple[PredictedEntity, ...] = ()
    log_probability: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    missed: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    labels: Mapping[str, float] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = None
    predicted: bool = True
    doubts: tuple[Doubt, ...] = ()

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.words)

    def form(self, entity: PredictedEntity) -> str:
        """The words of an entity, in lower case."""
        return " ".join(self.words[entity.start : entity.end])


@dataclass(frozen=True)
class ReviewedDocument:
    """A document that people reviewed.

    Attributes:
        id: The document's id.
        words: Its tokens in lower case.
        labels: How many entities of each type it has.
    """

    id: str
    words: tuple[str, ...]
    labels: Mapping[str, int]


def reviewed_document(doc: Doc, doc_id: str) -> ReviewedDocument:
    """What strategies may know of a gold Doc."""
    return ReviewedDocument(doc_id, _words(doc), Counter(ent.label_ for ent in doc.ents))


def _words(doc: Doc) -> tuple[str, ...]:
    # One object for all occurrences of a word: a pool of documents is held in memory.
    return tuple(sys.intern(token.lower_) for token in doc)


def _doubts(doc: Doc, spans: Iterable[tuple[Span, float]], missed: NDArray[np.float32]) -> tuple[Doubt, ...]:
    unsure = sorted(
        ((span, probability) for span, probability in spans if probability < _SURE),
        key=lambda one: (one[1], one[0].start, one[0].end),
    )
    found = [
        Doubt(_short(span.text), span.label_, round(float(probability), 4), span.start_char, span.end_char)
        for span, probability in unsure[:_MAX_DOUBTS]
    ]
    likely = [doc[int(i)] for i in np.argsort(-missed, kind="stable")[:_MAX_MISSED] if missed[i] > 1 - _SURE]
    return (
        *found,
        *(
            Doubt(_short(token.text), "", round(float(missed[token.i]), 4), token.idx, token.idx + len(token))
            for token in likely
        ),
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_DOUBT_CHARS else f"{text[: _MAX_DOUBT_CHARS - 1]}…"


def candidate_of(
    doc: Doc, doc_id: str, spans_keys: Sequence[str] | None, *, labels: Mapping[str, float] | None = None
) -> Candidate:
    """Make a candidate of a Doc that a pipeline annotated.

    Args:
        doc: The Doc.
        doc_id: The document's id.
        spans_keys: The span groups with the predicted entities and their ``attrs["scores"]``, see
            :func:`~spacy_tagtog.pipeline.annotate.confidence_keys`; ``None`` where no pipeline, or none that
            predicts entities, has seen the Doc.
        labels: The probability of each document label.

    Raises:
        PipelineError: A span group is missing or has no scores.
    """
    words, sentences = _words(doc), tuple((piece.start, piece.end) for piece in sentences_of(doc))
    vector = doc.tensor.mean(axis=0) if getattr(doc.tensor, "ndim", 0) == 2 and len(doc.tensor) else None
    labels = labels or {}
    if spans_keys is None:
        nothing = np.zeros(len(doc), dtype=np.float32)
        return Candidate(
            doc_id, words, sentences, (), nothing, nothing, labels, vector, predicted=bool(labels)
        )
    scored = scored_entities(doc, spans_keys)
    entities = tuple(
        PredictedEntity(span.start, span.end, span.label_, 0.5 if prob is None else prob)
        for span, prob in scored
    )
    certainty = get_certainty(doc)
    missed = np.zeros(len(doc), dtype=np.float32) if certainty is None else certainty.missed
    doubts = _doubts(doc, ((span, prob) for span, prob in scored if prob is not None), missed)
    if certainty is not None:
        return Candidate(
            doc_id,
            words,
            sentences,
            entities,
            certainty.log_probability,
            missed,
            labels,
            vector,
            doubts=doubts,
        )
    # A spancat says nothing of single tokens: the doubt about an entity stands at its first one.
    log_probability = np.zeros(len(doc), dtype=np.float32)
    for entity in entities:
        log_probability[entity.start] += np.log(max(entity.probability, np.finfo(np.float32).tiny))
    return Candidate(
        doc_id, words, sentences, entities, log_probability, missed, labels, vector, doubts=doubts
    )


def make_candidates(
    nlp: Language,
    docs: Iterable[tuple[str, Doc]],
    *,
    predict: bool = True,
    spans_key: str | None = None,
    batch_size: int | None = None,
    n_process: int = 1,
) -> Iterator[Candidate]:
    """Let a pipeline look at documents.

    Args:
        nlp: The pipeline. What gives probabilities is added to it where it is missing.
        docs: (document's id, its Doc, tokenized by the pipeline).
        predict: Whether to predict; without, only the words are known, which is enough for ``random`` and
            ``cluster``.
        spans_key: A span group with scores, such as that of a ``spancat``.
        batch_size: Docs per batch.
        n_process: Processes.

    Raises:
        PipelineError: The pipeline predicts nothing with a probability.
    """
    if not predict:
        for doc_id, doc in docs:
            yield candidate_of(doc, doc_id, None)
        return
    keys = None if spans_key is None and only_labels(nlp) else confidence_keys(nlp, spans_key=spans_key)
    has_labels = bool(textcat_names(nlp))
    stream = ((doc, doc_id) for doc_id, doc in docs)
    for doc, doc_id in nlp.pipe(stream, as_tuples=True, batch_size=batch_size, n_process=n_process):
        yield candidate_of(doc, doc_id, keys, labels=label_confidence_of(doc) if has_labels else None)


def only_labels(nlp: Language) -> bool:
    """Whether a pipeline predicts document labels and no entities."""
    predicting = {"ner", "beam_ner", "seed_ner", "spancat", "entity_confidence"}
    return bool(textcat_names(nlp)) and not predicting & {
        nlp.get_pipe_meta(name).factory for name in nlp.pipe_names
    }


def label_counts(reviewed: Sequence[ReviewedDocument]) -> Counter[str]:
    """How many entities of each type people annotated."""
    counts: Counter[str] = Counter()
    for document in reviewed:
        counts.update(document.labels)
    return counts
