"""Tf-idf vectors of documents' words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from spacy_tagtog.selection.candidates import Candidate


class TfIdf:
    """Tf-idf of documents' words, which are counted once: see :class:`_Rows`."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._known: dict[Candidate, Counter[int]] = {}

    def of(self, candidates: Sequence[Candidate]) -> Any:
        """A matrix of shape (candidates, words), words in alphabetical order.

        Rows have the length 1, or 0 for a document without words.
        """
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfTransformer

        self._known = {
            candidate: self._known.get(candidate) or self._counted(candidate) for candidate in candidates
        }
        counts = list(self._known.values())
        borders = np.cumsum([0, *map(len, counts)])
        if not borders[-1]:
            return csr_matrix((len(candidates), 1))
        columns = np.fromiter(chain.from_iterable(counts), np.int64, borders[-1])
        values = np.fromiter(chain.from_iterable(own.values() for own in counts), np.float64, borders[-1])
        used = set(columns.tolist())
        place = np.zeros(len(self._numbers), dtype=np.int64)
        place[[number for _, number in sorted(self._numbers.items()) if number in used]] = np.arange(
            len(used)
        )
        matrix = csr_matrix((values, place[columns], borders), shape=(len(candidates), len(used)))
        matrix.sort_indices()
        return TfidfTransformer(sublinear_tf=True).fit_transform(matrix)

    def _counted(self, candidate: Candidate) -> Counter[int]:
        numbers = self._numbers
        return Counter(
            numbers.setdefault(word, len(numbers))
            for word in candidate.words
            if any(c.isalnum() for c in word)
        )
