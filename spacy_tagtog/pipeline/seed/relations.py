"""``seed_relations``: which entities of a document are related, learned from the relations of people.

A baseline. Each pair of entities of the right types that stand near enough is a candidate. For each relation
type a logistic regression (scikit-learn) over the words at and between both, their types, order and distance
says how probable it is. The probability is learned by cross-fitting: each document is judged by what the
other documents say. So is the threshold, from which on a relation is given: the one with the best F.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog._plural import counted
from spacy_tagtog._threads import one_thread
from spacy_tagtog.convert.relations import relations_of
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.crossfit import document_groups
from spacy_tagtog.pipeline.contents import SPANCAT_KEY, all_entities
from spacy_tagtog.pipeline.seed._kept import KeptAsBytes
from spacy_tagtog.pipeline.seed._pairs import TextOfPairs
from spacy_tagtog.pipeline.seed.relation_types import (
    Place,
    RelationKey,
    RelationType,
    gold_relations,
    learn,
    place_of,
    relation_key,
    types_of,
)

RELATIONS_KEY: Final = "spacy_tagtog_relations"
"""The key of what was found in ``doc.user_data``.

Per relation: its type, tagtog's word for the link, whether it is directed, first and last character and label
of both entities, and the probability.
"""

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own: spacy train shows it


class PredictedRelation(NamedTuple):
    """A relation that was found.

    Attributes:
        label: The relation type.
        link: tagtog's word for the link, such as ``linked``.
        directed: Whether it goes from the first entity to the second.
        first: An entity: first character, one past the last, label.
        second: The other one.
        prob: The probability of the relation, given both entities, in [0, 1].
    """

    label: str
    link: str
    directed: bool
    first: Place
    second: Place
    prob: float

    @property
    def key(self) -> RelationKey:
        """What makes it the same as another one."""
        return relation_key(self.label, self.first, self.second, directed=self.directed)


def predicted_relations(doc: Doc) -> list[PredictedRelation]:
    """What ``seed_relations`` found in a Doc, in order of the places."""
    return [
        PredictedRelation(label, link, directed, tuple(first), tuple(second), prob)
        for label, link, directed, first, second, prob in doc.user_data.get(RELATIONS_KEY, ())
    ]


class RelationScores(NamedTuple):
    """How many relations there are, were predicted, and were predicted rightly."""

    gold: int
    predicted: int
    right: int


def score_relations(
    gold: tuple[set[RelationKey], Counter[str]], predicted: Iterable[RelationKey], labels: Iterable[str]
) -> dict[str, RelationScores]:
    """Compare the relations of one document: type and both entities must be equal.

    Args:
        gold: See :func:`gold_relations`; those with an end that isn't on the Doc count as missed.
        predicted: What was predicted.
        labels: The types that count: what was never learned can't be found.
    """
    there, without = gold
    said = set(predicted)
    return {
        label: RelationScores(
            sum(key[0] == label for key in there) + without[label],
            sum(key[0] == label for key in said),
            sum(key[0] == label for key in said & there),
        )
        for label in labels
    }


class SeedRelations(KeptAsBytes):
    """The component ``seed_relations``: finds relations between entities.

    All learning happens in ``nlp.initialize``. It takes the relations of Docs that were made from tagtog
    documents (``doc._.anndoc_relations``). It looks at ``doc.ents`` and at one span group, and
    :func:`predicted_relations` gives what it found.

    Args:
        nlp: The pipeline.
        name: The component's name.
        spans_key: A span group of which the entities count, too, such as that of a ``spancat``.
        min_prob: A relation that is less probable is not given; by default the thresholds that were learned.
        c: The inverse of the strength of regularization.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "seed_relations",
        *,
        spans_key: str = SPANCAT_KEY,
        min_prob: float | None = None,
        c: float = 0.1,
    ) -> None:
        if min_prob is not None and not 0 <= min_prob <= 1:
            raise PipelineError(
                "min_prob is out of range",
                place=f"component {name}",
                value=min_prob,
                legal="from 0 to 1, or null",
            )
        if not c > 0:
            raise PipelineError("c is out of range", place=f"component {name}", value=c, legal="above 0")
        self.name = name
        self.spans_key = spans_key
        self.min_prob = min_prob
        self.c = c
        self._types: list[RelationType] = []

    @property
    def labels(self) -> tuple[str, ...]:
        """The relation types that it finds."""
        return tuple(one.label for one in self._types)

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None
    ) -> None:
        """Learn from examples, all that there are.

        Args:
            get_examples: Gives the examples.
            nlp: The pipeline; not used.

        Raises:
            PipelineError: No relation of two entities stands in at least two documents.
        """
        docs = [example.reference for example in get_examples()]
        texts = [TextOfPairs(doc, all_entities(doc)) for doc in docs]
        groups = document_groups(docs)
        wanted = types_of(docs, texts)
        learned = []
        for one, gold in wanted:
            documents = {group for group, keys in zip(groups, gold, strict=True) if keys}
            if len(documents) < 2:
                _logger.info("%s: %s stands in one document: not learned", self.name, one.label)
                continue
            with one_thread():
                learn(one, texts, gold, groups, self.c)
            learned.append(one)
        if not learned:
            raise PipelineError(
                "there is nothing to learn relations from",
                place=f"component {self.name}",
                value=f"{counted(sum(map(len, map(relations_of, docs))), 'relation')} in "
                f"{counted(len(docs), 'document')}",
                legal="relations between two entities each, of one type in at least two documents",
                advice="relate entities in tagtog and confirm the documents, or leave this component out",
            )
        self._types = learned

    def find(self, doc: Doc, entities: Iterable[Span]) -> list[PredictedRelation]:
        """The relations between some entities of a Doc, in order of the places.

        Args:
            doc: The Doc.
            entities: Its entities.

        Raises:
            PipelineError: The component wasn't trained.
        """
        if not self._types:
            raise PipelineError(
                "the component wasn't trained",
                place=f"component {self.name}",
                advice="train the pipeline: nlp.initialize(lambda: examples)",
            )
        text = TextOfPairs(doc, entities)
        found = []
        for one in self._types:
            pairs = one.candidates(text)
            probabilities = one.probabilities(one.scores(map(text.features, pairs)))
            least = one.threshold if self.min_prob is None else self.min_prob
            found += [
                PredictedRelation(
                    one.label,
                    one.link,
                    one.directed,
                    place_of(pair.first),
                    place_of(pair.second),
                    float(prob),
                )
                for pair, prob in zip(pairs, probabilities, strict=True)
                if prob >= least
            ]
        return sorted(found, key=lambda relation: (relation.first, relation.second, relation.label))

    def __call__(self, doc: Doc) -> Doc:
        """Find the relations of one Doc.

        Raises:
            PipelineError: The component wasn't trained.
        """
        spans = {place_of(span): span for span in (*doc.ents, *doc.spans.get(self.spans_key, ()))}
        doc.user_data[RELATIONS_KEY] = [list(relation) for relation in self.find(doc, spans.values())]
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Find the relations of many Docs."""
        return map(self, stream)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """How well relations are found, of the types that were learned.

        Returns:
            ``rel_micro_p``, ``rel_micro_r``, ``rel_micro_f`` and, by type, ``rel_per_type``: with the
            entities that the pipeline predicted. ``None`` where there is nothing to count.
            ``rel_gold_ents_f``: F with the entities of people, which is the component's own part; 0 where
            there is nothing to count, since training chooses by it.
        """
        whole: dict[str, RelationScores] = {}
        own: dict[str, RelationScores] = {}
        for example in examples:
            gold = gold_relations(example.reference)
            given = self.find(example.reference, all_entities(example.reference))
            for total, found in ((whole, predicted_relations(example.predicted)), (own, given)):
                for label, one in score_relations(gold, (item.key for item in found), self.labels).items():
                    total[label] = _sum(total.get(label, RelationScores(0, 0, 0)), one)
        p, r, f = _prf(_sum(*whole.values()))
        return {
            "rel_micro_p": p,
            "rel_micro_r": r,
            "rel_micro_f": f,
            "rel_per_type": {
                label: dict(zip("prf", _prf(one), strict=True)) for label, one in sorted(whole.items())
            },
            "rel_gold_ents_f": _prf(_sum(*own.values()))[2] or 0.0,
        }

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What was learned as plain values."""
        return bytes(srsly.msgpack_dumps([vars(one) for one in self._types]))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SeedRelations:
        """Load what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It can't be read.
        """
        self._types = self._loaded(lambda: [RelationType(**one) for one in srsly.msgpack_loads(data)])
        return self


def _sum(*scores: RelationScores) -> RelationScores:
    return RelationScores(*map(sum, zip(*scores, strict=True))) if scores else RelationScores(0, 0, 0)


def _prf(scores: RelationScores) -> tuple[float | None, float | None, float | None]:
    gold, predicted, right = scores
    p, r = (right / whole if whole else None for whole in (predicted, gold))
    return p, r, 2 * right / (gold + predicted) if gold or predicted else None
