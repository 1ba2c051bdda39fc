"""``label_confidence``: calibrated probabilities of document labels, beside a text classifier's scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.calibrators import logit
from spacy_tagtog.pipeline.calibration.stored import Calibration, StoredCalibration

_KEY: Final = "spacy_tagtog_label_confidence"


def textcat_names(nlp: Language) -> list[str]:
    """The names of the pipeline's text classifiers."""
    return [
        name
        for name in nlp.pipe_names
        if nlp.get_pipe_meta(name).factory in ("textcat", "textcat_multilabel")
    ]


class LabelConfidence(StoredCalibration):
    """Write the probability of each document label into ``doc._.label_confidence``.

    ``doc.cats`` stays as it is.

    Each label is a question of its own (is it right for this document?). So the probabilities of labels that
    exclude each other need not sum to 1.

    Args:
        nlp: The pipeline.
        name: The component's name.
        textcat: The name of the text classifier, a ``textcat`` or ``textcat_multilabel``.
    """

    def __init__(self, nlp: Language, name: str = "label_confidence", *, textcat: str = "textcat") -> None:
        self.nlp = nlp
        self.name = name
        self.textcat = textcat
        self.calibration: Calibration | None = None

    def __call__(self, doc: Doc) -> Doc:
        """Score the labels of one Doc.

        Raises:
            PipelineError: The pipeline has no such text classifier.
        """
        self._score([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Score the labels of many Docs, one batch at a time."""
        iterator = iter(stream)
        while docs := list(islice(iterator, batch_size)):
            self._score(docs)
            yield from docs

    @property
    def labels(self) -> list[str]:
        """The labels of the text classifier.

        Raises:
            PipelineError: The pipeline has no such text classifier.
        """
        return [str(label) for label in self.classifier().labels]

    def classifier(self) -> Any:
        """The text classifier.

        Raises:
            PipelineError: The pipeline has none of this name.
        """
        if self.textcat not in textcat_names(self.nlp):
            raise PipelineError(
                "there is no text classifier whose labels could be scored",
                place=f"component {self.name}",
                value=self.textcat,
                legal=", ".join(textcat_names(self.nlp))
                or "(the pipeline has no textcat or textcat_multilabel)",
                advice=f'set [components.{self.name}] textcat = "NAME"',
            )
        return self.nlp.get_pipe(self.textcat)

    def _score(self, docs: Sequence[Doc]) -> None:
        labels = self.labels
        for doc in docs:
            own = [label for label in labels if label in doc.cats]
            values = np.array([float(doc.cats[label]) for label in own])
            if self.calibration is not None and own:
                values = self.calibration.predictions.predict(logit(values).reshape(-1, 1), own)
            doc.user_data[_KEY] = {
                **doc.user_data.get(_KEY, {}),
                **{label: float(p) for label, p in zip(own, values, strict=True)},
            }


def label_confidence_of(doc: Doc) -> dict[str, float]:
    """The probability of each label: as a ``label_confidence`` wrote it, otherwise as in ``doc.cats``.

    Args:
        doc: What a pipeline with a text classifier made of a text. ``doc._.label_confidence`` gives the same.
    """
    return {**{str(label): float(p) for label, p in doc.cats.items()}, **doc.user_data.get(_KEY, {})}


def predicted_labels(nlp: Language, doc: Doc) -> dict[str, float]:
    """The document labels that the text classifiers decided for, with their probabilities.

    A ``textcat``, whose labels exclude each other, decides for the most probable one. A
    ``textcat_multilabel`` decides for all that reach its threshold (0.5 by default). The decision is by
    ``doc.cats``: calibration never changes it.

    Args:
        nlp: The pipeline.
        doc: What it made of a text.

    Returns:
        The probability of each chosen label, in [0, 1]; calibrated where a ``label_confidence`` wrote it.
    """
    result = {}
    probabilities = label_confidence_of(doc)
    for name in textcat_names(nlp):
        classifier: Any = nlp.get_pipe(name)
        scores = {str(label): float(doc.cats[label]) for label in classifier.labels if label in doc.cats}
        if nlp.get_pipe_meta(name).factory == "textcat":
            chosen = [max(scores, key=lambda label: scores[label])] if scores else []
        else:
            threshold = classifier.cfg.get("threshold") or 0.5
            chosen = [label for label, score in scores.items() if score >= threshold]
        result.update({label: probabilities[label] for label in chosen})
    return result


Doc.set_extension("label_confidence", getter=label_confidence_of, force=True)
