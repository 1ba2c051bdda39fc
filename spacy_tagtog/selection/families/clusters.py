"""Clusters: documents that stand for all, before a model knows what it doesn't know."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacy_tagtog._options import choose
from spacy_tagtog.errors import PipelineError, setting
from spacy_tagtog.selection.candidates import Candidate
from spacy_tagtog.selection.families.tfidf import TfIdf
from spacy_tagtog.selection.strategies import Context, Pick, Strategy, check_range

Clustering = Literal["tfidf", "tok2vec"]


@dataclass(frozen=True)
class Cluster:
    """Documents that stand for all: of each cluster the document nearest to its centre.

    There are as many clusters as documents to choose; the largest comes first. For the beginning, before a
    model knows what it doesn't know (k-means over words or the mean of token vectors).

    Attributes:
        vectors: ``tfidf`` of the words, or ``tok2vec``: the mean of ``doc.tensor``.
        max_clusters: At most this many clusters; a larger choice is filled up from the clusters in turn.
    """

    vectors: Clustering = "tfidf"
    max_clusters: int = 200
    tfidf: TfIdf = field(default_factory=TfIdf, init=False, repr=False, compare=False)

    def needs_predictions(self, reviewed: int) -> bool:
        """Only for token vectors: a pipeline makes those."""
        return self.vectors == "tok2vec"

    def __call__(self, candidates: Sequence[Candidate], size: int, context: Context) -> list[Pick]:
        """See :class:`~spacy_tagtog.selection.strategies.Strategy`.

        Raises:
            PipelineError: There are no token vectors.
        """
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        if not candidates or size < 1:
            return []
        # Documents that are the same differ by rounding errors, and would count as several.
        points = np.round(self._points(candidates), 6)
        clusters = min(size, self.max_clusters, len(np.unique(points, axis=0)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a cluster without documents is passed over
            model = KMeans(clusters, n_init=1, random_state=int(context.rng.integers(2**31))).fit(points)
        distances = np.linalg.norm(points - model.cluster_centers_[model.labels_], axis=1)
        sizes = np.bincount(model.labels_, minlength=clusters)
        queues = {
            c: sorted(
                np.flatnonzero(model.labels_ == c).tolist(), key=lambda index: (distances[index], index)
            )
            for c in range(clusters)
        }
        picks: list[Pick] = []
        while len(picks) < size:
            for c in sorted(queues, key=lambda c: (-sizes[c], c)):
                if queues[c] and len(picks) < size:
                    index = queues[c].pop(0)
                    why = {
                        "cluster": c,
                        "documents_in_cluster": int(sizes[c]),
                        "distance_to_centre": round(float(distances[index]), 4),
                    }
                    picks.append(Pick(index, float(sizes[c]), why))
        return picks

    def _points(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        if self.vectors == "tok2vec":
            vectors = [candidate.vector for candidate in candidates]
            if any(vector is None for vector in vectors):
                raise PipelineError(
                    "the pipeline makes no token vectors to cluster documents by",
                    place="cluster",
                    value="vectors=tok2vec",
                    legal="a pipeline with a tok2vec component",
                    advice=f"use {setting('vectors', 'tfidf')}",
                )
            return np.asarray(vectors, dtype=np.float64)
        from sklearn.decomposition import TruncatedSVD
        from sklearn.preprocessing import normalize

        words = self.tfidf.of(candidates)
        dimensions = min(100, min(words.shape) - 1)
        if dimensions < 2:  # scaled to the same length, all points of a line are one
            return np.asarray(words.toarray(), dtype=np.float64)
        # Documents that are all the same have no variance to explain, which is no reason to warn.
        with np.errstate(invalid="ignore", divide="ignore"):
            reduced = TruncatedSVD(dimensions, random_state=0).fit_transform(words)
        return np.asarray(normalize(reduced), dtype=np.float64)


def make_cluster(vectors: str = "tfidf", max_clusters: int = 200) -> Strategy:
    """``cluster``, see :class:`Cluster`."""
    return Cluster(
        choose("vectors", vectors, Clustering), int(check_range("max_clusters", int(max_clusters), least=1))
    )
