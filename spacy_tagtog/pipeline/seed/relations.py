"""``seed_relations``: which entities of a document are related, learned from the relations of people.

A baseline. Each pair of entities of the right types that stand near enough is a candidate. For each relation
type a logistic regression (scikit-learn) over the words at and between both, their types, order and distance
says how probable it is. The probability is learned by cross-fitting: each document is judged by what the
other documents say. So is the threshold, from which on a relation is given: the one with the best F.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog._plural import counted
from spacy_tagtog._threads import one_thread
from spacy_tagtog.convert.relations import relations_of
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.crossfit import document_groups
from spacy_tagtog.pipeline.contents import SPANCAT_KEY, all_entities
from spacy_tagtog.pipeline.seed._pairs import Pair, TextOfPairs

RELATIONS_KEY: Final = "spacy_tagtog_relations"
"""The key of what was found in ``doc.user_data``.

Per relation: its type, tagtog's word for the link, whether it is directed, first and last character and label
of both entities, and the probability.
"""
Place = tuple[int, int, str]
"""An entity: first character, one past the last, label."""
RelationKey = tuple[str, Place, Place]
"""What makes two relations the same: the type and both entities, in order of their places if undirected."""

_FILE: Final = "model.msgpack"
_FOLDS: Final = 5
_MIN_COUNT: Final = 2  # a feature of one candidate teaches nothing about another
_COVERED: Final = 0.98

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
        return _key(self.label, self.first, self.second, directed=self.directed)


def predicted_relations(doc: Doc) -> list[PredictedRelation]:
    """What ``seed_relations`` found in a Doc, in order of the places."""
    return [
        PredictedRelation(label, link, directed, tuple(first), tuple(second), prob)
        for label, link, directed, first, second, prob in doc.user_data.get(RELATIONS_KEY, ())
    ]


def gold_relations(doc: Doc) -> tuple[set[RelationKey], Counter[str]]:
    """The relations of two entities that people annotated.

    Args:
        doc: A Doc that was made from a tagtog document.

    Returns:
        Those between entities of the Doc; and by type how many have an end that isn't on the Doc.
    """
    found: set[RelationKey] = set()
    without: Counter[str] = Counter()
    for relation in relations_of(doc):
        ends = [span for span in relation.spans if span is not None]
        if len(ends) == len(relation.spans) == 2:
            found.add(_key(relation.label, place_of(ends[0]), place_of(ends[1]), directed=relation.directed))
        else:
            without[relation.label] += 1
    return found, without


def place_of(span: Span) -> Place:
    """Where an entity stands, and its label."""
    return span.start_char, span.end_char, span.label_


def _key(label: str, first: Place, second: Place, *, directed: bool) -> RelationKey:
    return (label, first, second) if directed or first <= second else (label, second, first)


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


@dataclass
class _Type:
    """One relation type, as it was learned.

    Attributes:
        label: Its name.
        link: tagtog's word for the link.
        directed: Whether it goes from the first entity to the second.
        pairs: The labels of its entities: first and second; in order of the alphabet where it is undirected.
        reach: How many tokens may stand between them at most.
        weights: The weight of each feature.
        intercept: The regression's intercept.
        slope: The logit of the probability is ``slope * score + offset``.
        offset: See ``slope``.
        threshold: From which probability on a relation is given.
    """

    label: str
    link: str
    directed: bool
    pairs: list[list[str]]
    reach: int
    weights: dict[str, float]
    intercept: float = 0.0
    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5

    def candidates(self, text: TextOfPairs) -> list[Pair]:
        """The pairs of entities that may be so related."""
        return text.pairs({(first, second) for first, second in self.pairs}, self.reach, self.directed)

    def scores(self, features: Iterable[Sequence[str]]) -> NDArray[np.float64]:
        """The score of each candidate, before it is a probability."""
        weights = self.weights
        return np.array(
            [self.intercept + sum(weights.get(name, 0.0) for name in names) for names in features],
            dtype=float,
        )

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the scores mean."""
        logits = np.clip(self.slope * scores + self.offset, -500, 500)
        return np.asarray(1 / (1 + np.exp(-logits)))


class SeedRelations:
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
        self._types: list[_Type] = []

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
        wanted = _types_of(docs, texts)
        learned = []
        for one, gold in wanted:
            documents = {group for group, keys in zip(groups, gold, strict=True) if keys}
            if len(documents) < 2:
                _logger.info("%s: %s stands in one document: not learned", self.name, one.label)
                continue
            with one_thread():
                _learn(one, texts, gold, groups, self.c)
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
        try:
            self._types = [_Type(**one) for one in srsly.msgpack_loads(data)]
        except Exception as error:  # msgpack raises whatever it likes
            raise PipelineError(
                "the model of a component can't be read",
                place=f"component {self.name}",
                value=f"{type(error).__name__}: {error}",
                legal="what to_bytes or to_disk wrote",
                advice="train the pipeline again, or copy its folder again",
            ) from error
        return self

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Save into a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_bytes(self.to_bytes())

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> SeedRelations:
        """Load from a folder.

        Raises:
            PipelineError: It isn't there, or can't be read.
        """
        file = Path(path) / _FILE
        try:
            data = file.read_bytes()
        except OSError as error:
            raise PipelineError(
                "the model of a component can't be read",
                place=file,
                value=f"{type(error).__name__}: {error.strerror}",
                advice="train the pipeline again, or copy its folder again",
            ) from error
        return self.from_bytes(data)


def _sum(*scores: RelationScores) -> RelationScores:
    return RelationScores(*map(sum, zip(*scores, strict=True))) if scores else RelationScores(0, 0, 0)


def _prf(scores: RelationScores) -> tuple[float | None, float | None, float | None]:
    gold, predicted, right = scores
    p, r = (right / whole if whole else None for whole in (predicted, gold))
    return p, r, 2 * right / (gold + predicted) if gold or predicted else None


def _types_of(
    docs: Sequence[Doc], texts: Sequence[TextOfPairs]
) -> list[tuple[_Type, list[set[RelationKey]]]]:
    """The relation types of some Docs, each with its relations by Doc."""
    links: dict[str, Counter[tuple[str, bool]]] = {}
    for doc in docs:
        for relation in relations_of(doc):
            if len(relation.spans) == 2 and None not in relation.spans:
                links.setdefault(relation.label, Counter())[relation.type, relation.directed] += 1
    gold = [gold_relations(doc)[0] for doc in docs]
    found = []
    for label, votes in sorted(links.items()):
        link, directed = max(sorted(votes), key=votes.__getitem__)
        # Whatever one relation says of its direction: that of most of its type counts.
        own = [
            {_key(label, key[1], key[2], directed=directed) for key in keys if key[0] == label}
            for keys in gold
        ]
        pairs: set[tuple[str, ...]] = set()
        reaches: list[int] = []
        for keys, text in zip(own, texts, strict=True):
            for _, first, second in keys:
                labels = first[2], second[2]
                pairs.add(labels if directed else tuple(sorted(labels)))
                reaches.append(text.distance(first, second))
        reaches.sort()
        reach = reaches[math.ceil(_COVERED * len(reaches)) - 1]
        if further := sum(one > reach for one in reaches):
            _logger.info(
                "seed_relations: %s of %s have more than %s between both entities: such are never proposed",
                further,
                counted(len(reaches), f"relation {label}", f"relations {label}"),
                counted(reach, "token"),
            )
        found.append((_Type(label, link, directed, sorted(map(list, pairs)), reach, {}), own))
    return found


def _learn(
    one: _Type,
    texts: Sequence[TextOfPairs],
    gold: Sequence[set[RelationKey]],
    groups: Sequence[int],
    c: float,
) -> None:
    """Learn the weights of a type, what its scores mean, and its threshold."""
    rows: list[Sequence[str]] = []
    right: list[bool] = []
    of_group: list[int] = []
    for text, keys, group in zip(texts, gold, groups, strict=True):
        for pair in one.candidates(text):
            rows.append(text.features(pair))
            key = _key(one.label, place_of(pair.first), place_of(pair.second), directed=one.directed)
            right.append(key in keys)
            of_group.append(group)
    truth = np.array(right)
    order = {group: place for place, group in enumerate(sorted(set(of_group)))}
    folds = np.array([order[group] % _FOLDS for group in of_group])
    scores = np.zeros(len(rows))
    known = np.zeros(len(rows), dtype=bool)
    for fold in range(_FOLDS):
        inside = folds == fold
        if inside.any() and len(set(truth[~inside].tolist())) == 2:
            weights, intercept = _fit([rows[i] for i in np.flatnonzero(~inside)], truth[~inside], c)
            beside = _Type(one.label, one.link, one.directed, [], 0, weights, intercept)
            scores[inside] = beside.scores(rows[i] for i in np.flatnonzero(inside))
            known |= inside
    if not known.any() or len(set(truth[known].tolist())) < 2:
        # Nearly every candidate is one, or next to none: that is all there is to learn.
        share = (int(truth.sum()) + 1) / (len(truth) + 2)
        one.weights, one.intercept, one.threshold = {}, math.log(share / (1 - share)), 0.5
        return
    one.weights, one.intercept = _fit(rows, truth, c)
    one.slope, one.offset = _meaning(scores[known], truth[known])
    one.threshold = _best_threshold(
        one.probabilities(scores[known]), truth[known], sum(map(len, gold)) - int(truth[~known].sum())
    )
    _logger.info(
        "seed_relations: learned %s from %s, %s of them right",
        one.label,
        counted(len(truth), "candidate"),
        int(truth.sum()),
    )


def _fit(rows: Sequence[Sequence[str]], truth: NDArray[np.bool_], c: float) -> tuple[dict[str, float], float]:
    """The weight of each feature, and the intercept."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    counts = Counter(name for names in rows for name in names)
    names = sorted(name for name, number in counts.items() if number >= _MIN_COUNT)
    column = {name: place for place, name in enumerate(names)}
    places = [[column[name] for name in own if name in column] for own in rows]
    matrix = csr_matrix(
        (
            np.ones(sum(map(len, places))),
            np.fromiter((place for own in places for place in own), dtype=np.int64),
            np.cumsum([0, *map(len, places)]),
        ),
        shape=(len(rows), len(names)),
    )
    model = LogisticRegression(C=c, max_iter=1000).fit(matrix, truth)
    return dict(zip(names, model.coef_[0].tolist(), strict=True)), float(model.intercept_[0])


def _meaning(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logit of the probability (Platt 1999: Probabilistic outputs for SVMs)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3, max_iter=1000).fit(scores[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _best_threshold(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], relations: int) -> float:
    """From which probability on relations are given so that F is best.

    Args:
        probabilities: Of each candidate.
        truth: Which candidates are relations.
        relations: How many relations there are, with those that are no candidates.
    """
    order = np.argsort(-probabilities, kind="stable")
    right = np.cumsum(truth[order])
    f = 2 * right / (np.arange(1, len(order) + 1) + relations)
    # Of equally probable ones all are given or none.
    last = np.append(np.diff(probabilities[order]) != 0, True)
    best = int(np.argmax(np.where(last, f, -1.0)))
    lower = probabilities[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((probabilities[order[best]] + lower) / 2)
