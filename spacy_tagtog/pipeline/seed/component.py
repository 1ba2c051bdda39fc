"""``seed_ner``: named entities from a handful of documents, in seconds.

It predicts before there is data for a neural model. A multinomial logistic regression (scikit-learn) over
sparse features of each token (:mod:`spacy_tagtog.pipeline.seed.features`) gives the probability of its BILOU
tags. Of the legal sequences of tags the best one is taken (:mod:`spacy_tagtog.pipeline.seed.sequences`). So
every entity has a probability of its own.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.seed.learn import SeedSettings, TaggedDoc, train_seed_model
from spacy_tagtog.pipeline.seed.model import SeedModel, unreadable_model
from spacy_tagtog.pipeline.seed.word_classes import LEAST_TOKENS, WordClasses, learn_word_classes
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, set_certainty

SCORES_KEY: Final = "spacy_tagtog_seed_ner"
"""The key of the scores in ``doc.user_data``.

Per entity (first token, one past the last, label, probability).
"""

_FILE: Final = "model.npz"

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own: spacy train shows it


def _tagged(examples: Iterable[Example]) -> list[TaggedDoc]:
    # On the pipeline's own tokens: entities that don't begin and end with one have no tags, and teach
    # nothing.
    return [(example.predicted, [*example.get_aligned_ner()]) for example in examples]


class SeedNer:
    """The component ``seed_ner``: named entities learned by :func:`train_seed_model`.

    Train it as any other with ``spacy train`` (``configs/seed.cfg``), or with ``nlp.initialize`` alone: all
    of its learning happens there. It writes ``doc.ents`` and how certain it is of every token
    (:mod:`spacy_tagtog.pipeline.uncertainty`), and has probabilities of its own for ``entity_confidence``
    (:meth:`entity_scores`). Entities that a Doc has already are kept.

    Args:
        nlp: The pipeline.
        name: The component's name.
        settings: How it is trained.
        scorer: Scores a list of Examples.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "seed_ner",
        *,
        settings: SeedSettings | None = None,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.settings = settings or SeedSettings()
        self.scorer = scorer
        self.model: SeedModel | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity labels that it learned."""
        return self.model.labels if self.model is not None else ()

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        unlabelled: Callable[[Language], Iterable[Doc]] | None = None,
    ) -> None:
        """Train on examples, all that there are.

        Args:
            get_examples: Gives the examples.
            nlp: The pipeline.
            unlabelled: Gives texts, which need no annotations. From them and the examples' own texts the
                model learns classes of words (:mod:`spacy_tagtog.pipeline.seed.word_classes`). Where that is
                too little text there are no classes, and the log says so. By default there are none.

        Raises:
            PipelineError: There is no example, or no entity in them; or there are unlabelled texts and no
                pipeline to read them.
        """
        docs = _tagged(get_examples())
        classes = self._word_classes([doc for doc, _ in docs], nlp, unlabelled)
        # This is all of the training, and nothing else is shown meanwhile.
        tokens = sum(len(doc) for doc, _ in docs)
        _logger.info(
            "%s: learning from %d documents, %d tokens (some seconds per 10000)", self.name, len(docs), tokens
        )
        self.model = train_seed_model(docs, self.settings, classes)

    def _word_classes(
        self,
        docs: Sequence[Doc],
        nlp: Language | None,
        unlabelled: Callable[[Language], Iterable[Doc]] | None,
    ) -> WordClasses | None:
        if unlabelled is None:
            return None
        if nlp is None:
            raise PipelineError(
                "there is no pipeline whose tokenizer could read the unlabelled texts",
                place=f"component {self.name}",
                advice="initialize the pipeline, nlp.initialize(…), or give nlp to its initialize",
            )
        classes = learn_word_classes(chain(docs, unlabelled(nlp)), seed=self.settings.seed)
        if classes is None:
            _logger.info(
                "%s: no word classes: the training texts and the unlabelled ones have fewer than %d tokens",
                self.name,
                LEAST_TOKENS,
            )
        else:
            _logger.info("%s: learned word classes of %d words from the texts", self.name, len(classes.words))
        return classes

    def learn_again(self, examples: Iterable[Example]) -> None:
        """Train on other examples of the same kind, as in cross-fitting.

        The model keeps its word classes, and how ready it is to find something. A model that chose its
        ``out_log`` anew would be right more often or less often.

        Raises:
            PipelineError: The component wasn't trained, or there is no entity in the examples.
        """
        model = self._trained()
        self.model = train_seed_model(
            _tagged(examples), replace(self.settings, out_log=model.out_log), model.classes
        )

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Do nothing: what there is to learn was learned by :meth:`initialize`.

        So ``spacy train`` needs no more than one step.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        return losses

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Do nothing, see :meth:`update`."""
        return self.update(examples, drop=drop, sgd=sgd, losses=losses)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """Precision, recall and F as spaCy's ``ner`` gives them."""
        return {} if self.scorer is None else self.scorer(examples, **settings)

    def __call__(self, doc: Doc) -> Doc:
        """Find the entities of one Doc.

        Raises:
            PipelineError: The component wasn't trained.
        """
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Find the entities of many Docs, one batch at a time."""
        iterator = iter(stream)
        while docs := list(islice(iterator, batch_size)):
            self._annotate(docs)
            yield from docs

    def _trained(self) -> SeedModel:
        if self.model is None:
            raise PipelineError(
                "the seed model wasn't trained",
                place=f"component {self.name}",
                advice="train the pipeline: python -m spacy train configs/seed.cfg …, or "
                "nlp.initialize(lambda: examples)",
            )
        return self.model

    def _annotate(self, docs: Sequence[Doc]) -> None:
        model = self._trained()
        for doc, prediction in zip(docs, model.predict(docs), strict=True):
            own = [
                Span(doc, start, end, label=model.labels[label]) for start, end, label in prediction.entities
            ]
            scores = prediction.scores.tolist()
            doc.set_ents([*doc.ents, *own], default="outside")
            doc.user_data[SCORES_KEY] = [
                (span.start, span.end, span.label_, score) for span, score in zip(own, scores, strict=True)
            ]
            set_certainty(doc, TokenCertainty.of(prediction.log_probability, prediction.missed))

    def entity_scores(self, docs: Sequence[Doc]) -> list[list[float]]:
        """The probability of each entity: that it begins and ends just there and has just this label.

        Args:
            docs: Docs with entities, of this component or others.

        Returns:
            For each Doc a list along ``doc.ents``, each number in [0, 1]; ``nan`` where the model has no
            opinion, since the label isn't its own or the entity stood there before the component came.
        """
        result = []
        for doc in docs:
            known = {
                (start, end, label): score for start, end, label, score in doc.user_data.get(SCORES_KEY, [])
            }
            result.append([known.get((ent.start, ent.end, ent.label_), math.nan) for ent in doc.ents])
        return result

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model as plain arrays; nothing if it wasn't trained."""
        return b"" if self.model is None else self.model.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SeedNer:
        """Load what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It can't be read.
        """
        self.model = SeedModel.from_bytes(data, place=f"component {self.name}") if data else None
        return self

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Save the model into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> SeedNer:
        """Load the model from a folder.

        Raises:
            PipelineError: It isn't there, or can't be read.
        """
        file = Path(path) / _FILE
        try:
            data = file.read_bytes()
        except OSError as error:
            raise unreadable_model(f"{type(error).__name__}: {error.strerror}", file) from error
        self.model = SeedModel.from_bytes(data, place=file) if data else None
        return self


# spaCy validates what [initialize.components.seed_ner] holds by the annotations as they are: it would look up
# names in text in a module of its own.
SeedNer.initialize.__annotations__["unlabelled"] = Callable[[Language], Iterable[Doc]] | None
