"""``seed_normalizer``: which entry of a dictionary an entity means, learned from what people normalized.

A baseline. A name that was seen in training gets the id that it had most often there. Another name gets the
id of the most similar name, by character n-grams (scikit-learn's ``TfidfVectorizer``, ``char_wb``). Names
come from training and from dictionary files. A logistic regression gives the probability that the id is
right. It is learned by cross-fitting: each document is normalized by what the other documents say. So
probabilities know of names that were never seen.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from spacy_tagtog.anndoc.dictionary_file import read_dictionary
from spacy_tagtog.convert.state import get_state
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.crossfit import document_groups
from spacy_tagtog.pipeline.seed._kept import KeptAsBytes

NORMALIZATIONS_KEY: Final = "spacy_tagtog_normalizations"
"""The key of what was found in ``doc.user_data``.

Per entity (first character, one past the last, label, dictionary, id, main name, probability).
"""
_FOLDS: Final = 5
_FEATURES: Final = 6

_logger = logging.getLogger("spacy.spacy_tagtog")  # below spaCy's own: spacy train shows it


class Normalization(NamedTuple):
    """What an entity was normalized to.

    Attributes:
        dictionary: The dictionary's name.
        id: The entry's id.
        name: The entry's main name; empty where no dictionary file gave one.
        prob: The probability that the id is right, in [0, 1].
    """

    dictionary: str
    id: str
    name: str
    prob: float


def normalization_of(span: Span) -> Normalization | None:
    """What ``seed_normalizer`` found for an entity, or ``None``."""
    own = (span.start_char, span.end_char, span.label_)
    for start, end, label, *found in span.doc.user_data.get(NORMALIZATIONS_KEY, ()):
        if (start, end, label) == own:
            return Normalization(*found)
    return None


def _key(text: str) -> str:
    """A name without what two spellings of it may differ in: case and white space."""
    return " ".join(text.casefold().split())


class _Seen(NamedTuple):
    """A normalized entity of the training documents."""

    label: str
    key: str
    id: str
    group: int


@dataclass
class _Names:
    """The names of one entity type.

    Attributes:
        dictionary: The dictionary's name.
        seen: How often each name had each id in training.
        listed: The ids that a dictionary file gives each name.
        main: The main name of each id of the file.
    """

    dictionary: str
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    listed: dict[str, list[str]] = field(default_factory=dict)
    main: dict[str, str] = field(default_factory=dict)
    _index: Any = field(default=None, repr=False, compare=False)

    def _best(self, key: str) -> tuple[str, int, float]:
        """The id of a known name, how often the name was seen, and the id's share of that."""
        if counts := self.seen.get(key):
            total = sum(counts.values())
            best = min(counts, key=lambda own: (-counts[own], own))
            return best, total, counts[best] / total
        ids = self.listed[key]
        return ids[0], 0, 1 / len(ids)

    def find(self, keys: Sequence[str]) -> list[tuple[str, list[float]]]:
        """The id of each name, with the features that its probability depends on.

        The features are: seen, in a file, the logarithm of how often, the id's share of the name, the
        similarity to the name, and how much less similar the next name with another id is.
        """
        result: dict[str, tuple[str, list[float]]] = {}
        unknown = []
        for key in dict.fromkeys(keys):
            if key in self.seen or key in self.listed:
                own, times, share = self._best(key)
                result[key] = own, [float(times > 0), float(not times), math.log1p(times), share, 1.0, 1.0]
            else:
                unknown.append(key)
        result.update(zip(unknown, self._similar(unknown), strict=True))
        return [result[key] for key in keys]

    def _similar(self, keys: Sequence[str]) -> list[tuple[str, list[float]]]:
        if not keys:
            return []
        from sklearn.feature_extraction.text import TfidfVectorizer

        if self._index is None:
            names = sorted({*self.seen, *self.listed})
            vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
            # Names of white space and single letters have n-grams, too: char_wb puts spaces around.
            self._index = names, vectorizer, vectorizer.fit_transform(names)
        names, vectorizer, matrix = self._index
        found = []
        for key in keys:  # one row at a time: a dictionary may have a million names
            similar = (matrix @ vectorizer.transform([key]).T).toarray()[:, 0]
            order = np.argsort(-similar, kind="stable")[:50]
            own, times, share = self._best(names[order[0]])
            best = float(similar[order[0]])
            other = next((float(similar[i]) for i in order if self._best(names[i])[0] != own), 0.0)
            found.append((own, [0.0, 0.0, math.log1p(times), share, best, best - other]))
        return found


class SeedNormalizer(KeptAsBytes):
    """The component ``seed_normalizer``: gives entities the ids of dictionary entries.

    All learning happens in ``nlp.initialize``. It takes ``doc.ents`` with an id (``span.kb_id_``), which Docs
    of tagtog documents have from people's normalizations. It writes ``span.kb_id_`` of entities without one,
    and :func:`normalization_of` gives the probability.

    Args:
        nlp: The pipeline.
        name: The component's name.
        min_prob: An id that is less probable is not given.
    """

    def __init__(self, nlp: Language, name: str = "seed_normalizer", *, min_prob: float = 0.5) -> None:
        if not 0 <= min_prob <= 1:
            raise PipelineError(
                "min_prob is out of range", place=f"component {name}", value=min_prob, legal="from 0 to 1"
            )
        self.name = name
        self.min_prob = min_prob
        self._names: dict[str, _Names] = {}
        self._weights: list[float] = []

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types that it normalizes."""
        return tuple(sorted(self._names))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        dictionaries: dict[str, str] | None = None,
    ) -> None:
        """Learn from examples, all that there are.

        Args:
            get_examples: Gives the examples.
            nlp: The pipeline; not used.
            dictionaries: By entity type a dictionary file, as ``settings --dictionary`` takes it: an id, a
                name and further names per line.

        Raises:
            PipelineError: No entity has an id, or all that have one stand in one document.
            DictionaryError: A dictionary can't be read, or has an id twice.
        """
        docs = [example.reference for example in get_examples()]
        groups = document_groups(docs)
        seen = [
            _Seen(ent.label_, _key(ent.text), ent.kb_id_, group)
            for doc, group in zip(docs, groups, strict=True)
            for ent in doc.ents
            if ent.kb_id_
        ]
        if len({one.group for one in seen}) < 2:
            raise PipelineError(
                "there is nothing to learn normalizations from",
                place=f"component {self.name}",
                value=f"{counted(len(seen), 'entity')} with an id in {counted(len(docs), 'document')}",
                legal="entities with ids (span.kb_id_) in at least two documents",
                advice="normalize entities in tagtog and confirm the documents, or leave this component out",
            )
        listed = _read_all(dictionaries or {}, _dictionary_names(docs))
        with one_thread():
            self._weights = _learn_weights(seen, listed)
        self._names = _names_of(seen, listed)
        _logger.info(
            "%s: learned %s of %s; %s without an id teach nothing",
            self.name,
            counted(len(seen), "normalization"),
            ", ".join(self.labels),
            counted(sum(not ent.kb_id_ for doc in docs for ent in doc.ents), "entity"),
        )

    def find(self, entities: Iterable[Span]) -> dict[tuple[int, int], Normalization]:
        """What some entities mean, by their tokens; those of a type that wasn't learned aren't there.

        Args:
            entities: The entities, whatever ids they have.

        Raises:
            PipelineError: The component wasn't trained.
        """
        if not self._names:
            raise PipelineError(
                "the component wasn't trained",
                place=f"component {self.name}",
                advice="train the pipeline: nlp.initialize(lambda: examples)",
            )
        by_label: dict[str, list[Span]] = {}
        for ent in entities:
            if ent.label_ in self._names:
                by_label.setdefault(ent.label_, []).append(ent)
        found: dict[tuple[int, int], Normalization] = {}
        for label, ents in by_label.items():
            names = self._names[label]
            for ent, (own, features) in zip(ents, names.find([_key(ent.text) for ent in ents]), strict=True):
                prob = _probability(self._weights, features)
                if prob >= self.min_prob:
                    found[ent.start, ent.end] = Normalization(
                        names.dictionary, own, names.main.get(own, ""), prob
                    )
        return found

    def __call__(self, doc: Doc) -> Doc:
        """Normalize the entities of one Doc that have no id yet.

        Raises:
            PipelineError: The component wasn't trained.
        """
        _write(doc, self.find(ent for ent in doc.ents if not ent.kb_id_))
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Normalize the entities of many Docs."""
        return map(self, stream)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """How often the id is right.

        Returns:
            ``norm_acc``: the share of people's normalizations that are found, of all; ``norm_p``: the share
            of the given ids that are right, among entities that people normalized. ``None`` where there is
            nothing to count. ``norm_gold_ents_acc``: as ``norm_acc``, with the entities of people, which is
            the component's own part; 0 where there is nothing to count, since training chooses by it.
        """
        gold = given = right = own_right = 0
        for example in examples:
            own = {(ent.start_char, ent.end_char, ent.label_): ent.kb_id_ for ent in example.predicted.ents}
            found = self.find(ent for ent in example.reference.ents if ent.kb_id_)
            for ent in example.reference.ents:
                if ent.kb_id_:
                    own_right += (ent.start, ent.end) in found and found[ent.start, ent.end].id == ent.kb_id_
                    said = own.get((ent.start_char, ent.end_char, ent.label_), "")
                    gold += 1
                    given += bool(said)
                    right += said == ent.kb_id_
        return {
            "norm_acc": right / gold if gold else None,
            "norm_p": right / given if given else None,
            "norm_gold_ents_acc": own_right / max(gold, 1),
        }

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What was learned as plain values."""
        names = {
            label: [own.dictionary, own.seen, own.listed, own.main] for label, own in self._names.items()
        }
        return bytes(srsly.msgpack_dumps({"names": names, "weights": self._weights}))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SeedNormalizer:
        """Load what :meth:`to_bytes` wrote.

        Raises:
            PipelineError: It can't be read.
        """

        def load() -> tuple[dict[str, _Names], list[float]]:
            loaded = srsly.msgpack_loads(data)
            names = {label: _Names(*own) for label, own in loaded["names"].items()}
            weights = [float(weight) for weight in loaded["weights"]]
            if names and len(weights) != _FEATURES + 1:
                raise ValueError(f"{len(weights)} weights")
            return names, weights

        self._names, self._weights = self._loaded(load)
        return self


def _dictionary_names(docs: Iterable[Doc]) -> dict[str, str]:
    """The dictionary that people normalized each entity type to most often, by the project's legend."""
    votes: dict[str, Counter[str]] = {}
    for doc in docs:
        state = get_state(doc)
        if state is None:
            continue
        for ent in doc.ents:
            entity = ent._.anndoc
            for class_id in (entity or {}).get("normalizations") or {}:
                votes.setdefault(ent.label_, Counter())[state.legend.get(class_id, class_id)] += 1
                break  # the first is the one that span.kb_id_ has
    return {label: max(sorted(own), key=own.__getitem__) for label, own in votes.items()}


def _read_all(files: Mapping[str, str], called: Mapping[str, str]) -> dict[str, _Names]:
    """The names of dictionary files and the names of dictionaries, by entity type."""
    names = {label: _Names(name) for label, name in called.items()}
    for label, path in files.items():
        own = names.setdefault(label, _Names(Path(path).stem))
        for entry_id, texts in read_dictionary(Path(path)):
            own.main[entry_id] = texts[0]
            for text in texts:
                ids = own.listed.setdefault(_key(text), [])
                if entry_id not in ids:
                    ids.append(entry_id)
    return names


def _names_of(seen: Iterable[_Seen], listed: Mapping[str, _Names]) -> dict[str, _Names]:
    """The names of training entities beside those of the files."""
    names = {
        label: _Names(own.dictionary, {}, own.listed, own.main) for label, own in listed.items() if own.listed
    }
    for one in seen:
        if one.label not in names:
            known = listed.get(one.label)
            names[one.label] = _Names(known.dictionary if known else one.label)
        counts = names[one.label].seen.setdefault(one.key, {})
        counts[one.id] = counts.get(one.id, 0) + 1
    return names


def _learn_weights(seen: Sequence[_Seen], listed: Mapping[str, _Names]) -> list[float]:
    """The weights of the features, and the intercept last: by cross-fitting, document by document."""
    from sklearn.linear_model import LogisticRegression

    groups = sorted({one.group for one in seen})
    fold = {group: place % _FOLDS for place, group in enumerate(groups)}
    rows: list[list[float]] = []
    right: list[bool] = []
    for number in range(min(_FOLDS, len(groups))):
        names = _names_of((one for one in seen if fold[one.group] != number), listed)
        for label, own in names.items():
            asked = [one for one in seen if fold[one.group] == number and one.label == label]
            for one, (found, features) in zip(asked, own.find([one.key for one in asked]), strict=True):
                rows.append(features)
                right.append(found == one.id)
    if len(set(right)) < 2:
        share = (sum(right) + 1) / (len(right) + 2)
        return [*[0.0] * _FEATURES, math.log(share / (1 - share))]
    model = LogisticRegression(max_iter=1000).fit(np.array(rows), np.array(right))
    return [*model.coef_[0].tolist(), float(model.intercept_[0])]


def _probability(weights: Sequence[float], features: Sequence[float]) -> float:
    values: NDArray[np.float64] = np.asarray(weights)
    logit = float(values[:-1] @ np.asarray(features) + values[-1])
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))


def _write(doc: Doc, found: Mapping[tuple[int, int], Normalization]) -> None:
    if not found:
        return
    ents = []
    known = list(doc.user_data.get(NORMALIZATIONS_KEY, ()))
    for ent in doc.ents:
        normalization = found.get((ent.start, ent.end))
        if normalization is None:
            ents.append(ent)
            continue
        ents.append(Span(doc, ent.start, ent.end, label=ent.label, kb_id=normalization.id, span_id=ent.id))
        known.append((ent.start_char, ent.end_char, ent.label_, *normalization))
    doc.set_ents(ents, default="unmodified")
    doc.user_data[NORMALIZATIONS_KEY] = known
