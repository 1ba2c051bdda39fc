"""What a training corpus holds: how many annotations of each kind, and what about them matters to models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_tagtog._plural import counted
from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.convert.corpus import spancat_keys
from spacy_tagtog.convert.relations import relations_of
from spacy_tagtog.convert.state import SPANS_KEY
from spacy_tagtog.errors import ConfigurationError

SPANCAT_KEY: Final = "sc"
"""spaCy's own name for the span group of a ``spancat``."""


@dataclass(frozen=True)
class TrainingSize:
    """How much there is to learn from.

    Attributes:
        documents: Docs of the training corpus.
        entities: Their entities without overlap, those of ``doc.ents``.
        labels: The entity types that occur.
        spans: All of their entities that stand on tokens.
        overlapping: Of these, how many share a token with another one.
        lengths: How many of these have each number of tokens.
        cats: How many Docs have each document label set to true.
        negatives: How many Docs have each document label set to false.
        labelled: Docs with any document label.
        exclusive: Whether each of those has exactly one true label and says of all others that they are not.
        relations: Relations of two entities of a Doc, by type.
        related: Docs with any.
        normalized: Entities with the id of an entry of a dictionary.
        normalizing: Docs with any.
    """

    documents: int
    entities: int
    labels: tuple[str, ...]
    spans: int = 0
    overlapping: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    cats: Counter[str] = field(default_factory=Counter)
    negatives: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    exclusive: bool = False
    relations: Counter[str] = field(default_factory=Counter)
    related: int = 0
    normalized: int = 0
    normalizing: int = 0


def all_entities(doc: Doc) -> list[Span]:
    """All entities of a gold Doc that stand on tokens, also overlapping ones; each place and label once.

    Those of ``doc.spans["anndoc"]`` where the Doc comes from tagtog, otherwise of ``doc.spans["sc"]``,
    otherwise of ``doc.ents``.
    """
    group: Iterable[Span] = next(
        (doc.spans[key] for key in (SPANS_KEY, SPANCAT_KEY) if key in doc.spans), doc.ents
    )
    once = {(span.start, span.end, span.label_): span for span in group}
    return [once[place] for place in sorted(once)]


def predicted_entities(nlp: Language, doc: Doc) -> list[Span]:
    """What a pipeline predicted: ``doc.ents`` and the entities of each ``spancat``, each once.

    Args:
        nlp: The pipeline.
        doc: What it made of a text.
    """
    spans = [*doc.ents, *(span for key in spancat_keys(nlp) for span in doc.spans.get(key, ()))]
    return list({(span.start, span.end, span.label_): span for span in spans}.values())


def overlaps(spans: Sequence[Span]) -> int:
    """How many of some spans, in order of their places, share a token with another one."""
    touched: set[int] = set()
    open_: list[int] = []
    for number, span in enumerate(spans):
        open_ = [other for other in open_ if spans[other].end > span.start]
        if open_:
            touched.update((number, *open_))
        open_.append(number)
    return len(touched)


def measure_corpus(path: Path) -> TrainingSize:
    """Count what a training corpus holds.

    Args:
        path: A ``.spacy`` file, a folder of them, or the folder or zip of a tagtog project (its confirmed
            documents).

    Raises:
        ConfigurationError: It holds no document, or none with an entity or a document label.
        SpacyTagtogError: See :class:`~spacy_tagtog.convert.corpus.AnndocCorpus`.
    """
    documents = entities = overlapping = 0
    labels: set[str] = set()
    lengths: Counter[int] = Counter()
    cats: list[dict[str, float]] = []
    relations: Counter[str] = Counter()
    related = normalized = normalizing = 0
    for doc in AnndocCorpus(path).docs(spacy.blank("xx")):
        documents += 1
        entities += len(doc.ents)
        spans = all_entities(doc)
        labels.update(span.label_ for span in (*doc.ents, *spans))
        lengths.update(len(span) for span in spans)
        overlapping += overlaps(spans)
        if doc.cats:
            cats.append(doc.cats)
        own = Counter(one.label for one in relations_of(doc) if len(one.spans) == 2 and None not in one.spans)
        relations += own
        related += bool(own)
        ids = sum(bool(ent.kb_id) for ent in doc.ents)
        normalized += ids
        normalizing += bool(ids)
    if not entities and not lengths and not cats:
        raise ConfigurationError(
            "there is nothing to learn from",
            place=str(path),
            value=f"{counted(documents, 'document')}, no entity, no document label",
            legal="documents with entities or document labels",
            advice="confirm documents with annotations in tagtog, fetch and convert them; the report of "
            "convert says what was left out",
        )
    return TrainingSize(
        documents,
        entities,
        tuple(sorted(labels)),
        spans=lengths.total(),
        overlapping=overlapping,
        lengths=lengths,
        cats=Counter(label for one in cats for label, value in one.items() if value >= 0.5),
        negatives=Counter(label for one in cats for label, value in one.items() if value < 0.5),
        labelled=len(cats),
        exclusive=_exclusive(cats),
        relations=relations,
        related=related,
        normalized=normalized,
        normalizing=normalizing,
    )


def _exclusive(cats: Sequence[dict[str, float]]) -> bool:
    """Whether each Doc has one true label of several, and says so of all."""
    names = {name for one in cats for name in one}
    return len(names) > 1 and all(
        one.keys() == names and sum(value >= 0.5 for value in one.values()) == 1 for one in cats
    )
