"""The relation types of ``seed_relations``, and how each is learned."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from spacy_tagtog._plural import counted
from spacy_tagtog.convert.relations import relations_of
from spacy_tagtog.pipeline.seed._pairs import Pair, TextOfPairs

Place = tuple[int, int, str]
"""An entity: first character, one past the last, label."""
RelationKey = tuple[str, Place, Place]
"""What makes two relations the same: the type and both entities, in order of their places if undirected."""

_FOLDS: Final = 5
_MIN_COUNT: Final = 2  # a feature of one candidate teaches nothing about another
_COVERED: Final = 0.98

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own: spacy train shows it


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
            found.add(
                relation_key(relation.label, place_of(ends[0]), place_of(ends[1]), directed=relation.directed)
            )
        else:
            without[relation.label] += 1
    return found, without


def place_of(span: Span) -> Place:
    """Where an entity stands, and its label."""
    return span.start_char, span.end_char, span.label_


def relation_key(label: str, first: Place, second: Place, *, directed: bool) -> RelationKey:
    """What makes a relation the same as another one."""
    return (label, first, second) if directed or first <= second else (label, second, first)


@dataclass
class RelationType:
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


def types_of(
    docs: Sequence[Doc], texts: Sequence[TextOfPairs]
) -> list[tuple[RelationType, list[set[RelationKey]]]]:
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
            {relation_key(label, key[1], key[2], directed=directed) for key in keys if key[0] == label}
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
        found.append((RelationType(label, link, directed, sorted(map(list, pairs)), reach, {}), own))
    return found


def learn(
    one: RelationType,
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
            key = relation_key(one.label, place_of(pair.first), place_of(pair.second), directed=one.directed)
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
            beside = RelationType(one.label, one.link, one.directed, [], 0, weights, intercept)
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
