"""What became of documents and predictions as they were annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class AnnotateReport:
    """What became of the documents and predictions.

    Attributes:
        documents: Documents annotated.
        confirmed: Ids of documents that people confirmed; they are left out.
        predicted: Predictions of the pipeline.
        added: Of these, written as pre-annotations, by label.
        same: Of these, already annotated just so, by somebody else or by another prediction.
        contradicting: Of these, left out since they overlap what a person annotated. Of a pipeline with a
            ``spancat``, one inside the other is no contradiction.
        crossing: Of these, left out since they cross from one part into another.
        dropped: Of these, left out since their label was mapped to nothing.
        replaced: Earlier pre-annotations of the same author that were taken away.
        without_prob: Of those added, how many have no probability (not the model's own, such as a rule's).
        normalizations: Of those added, how many were normalized to an entry of a dictionary.
        labels_predicted: Document labels that the pipeline's text classifiers decided for.
        labels_added: Of these, written as pre-annotations, by label.
        labels_kept: Of these, left out since the label has a value already: a person's, or a more probable
            one.
        relations_predicted: Relations of the pipeline.
        relations_added: Of these, written as pre-annotations, by type.
        relations_same: Of these, left out since somebody related both entities so already.
        relations_loose: Of these, left out since an entity of theirs was left out.
    """

    documents: int = 0
    confirmed: list[str] = field(default_factory=list)
    predicted: int = 0
    added: Counter[str] = field(default_factory=Counter)
    same: int = 0
    contradicting: int = 0
    crossing: int = 0
    dropped: int = 0
    replaced: int = 0
    without_prob: int = 0
    normalizations: int = 0
    labels_predicted: int = 0
    labels_added: Counter[str] = field(default_factory=Counter)
    labels_kept: int = 0
    relations_predicted: int = 0
    relations_added: Counter[str] = field(default_factory=Counter)
    relations_same: int = 0
    relations_loose: int = 0

    def rows(self) -> Iterator[tuple[str, int]]:
        """Caption and number for a table."""
        yield "documents annotated", self.documents
        if self.confirmed:
            yield "documents left out: confirmed by people", len(self.confirmed)
        yield "entities predicted", self.predicted
        for caption, number in (
            ("  not written: annotated just so already", self.same),
            ("  not written: contradict what a person annotated", self.contradicting),
            ("  not written: cross from one part into another", self.crossing),
            ("  not written: label mapped to nothing", self.dropped),
        ):
            if number:
                yield caption, number
        yield "entities written as pre-added", sum(self.added.values())
        if self.without_prob:
            yield "  of these without a probability (not the model's own)", self.without_prob
        if self.normalizations:
            yield "  of these normalized to an entry of a dictionary", self.normalizations
        if self.replaced:
            yield "earlier pre-annotations replaced", self.replaced
        if self.labels_predicted:
            yield "document labels predicted", self.labels_predicted
            if self.labels_kept:
                yield "  not written: the label has a value already", self.labels_kept
            yield "document labels written as pre-added", sum(self.labels_added.values())
        if self.relations_predicted:
            yield "relations predicted", self.relations_predicted
            for caption, number in (
                ("  not written: related so already", self.relations_same),
                ("  not written: an entity of theirs was not written", self.relations_loose),
            ):
                if number:
                    yield caption, number
            yield "relations written as pre-added", sum(self.relations_added.values())
