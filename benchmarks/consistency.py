"""Are the same words annotated in the same way, within a part of a corpus and from one part to another?

For each document, 400 others are drawn, of its own part or of another one. Of its words that are an entity
anywhere in the corpus and stand in those,
too: how many are annotated as they are there most often? Where the parts' annotators had other habits, the
    share is lower from part to part than
within one, and so are the probabilities of a model that learned from one part too high for the other.

    python benchmarks/consistency.py PROJECT FOLDER FOLDER

for example with ``corpora/bc5cdr pool/train pool/devel``: a project, and two of its tagtog folders.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import spacy
from spacy.tokens import Doc

from spacy_tagtog.convert import AnndocCorpus

DRAWN = 400
LONGEST = 5  # tokens

Occurrences = Mapping[str, Counter[str]]
"""Words to how often they are an entity of each type, or none."""


def occurrences(doc: Doc, known: set[str]) -> Occurrences:
    """How often the known words are what, in one document."""
    labels = {(ent.start, ent.end): ent.label_ for ent in doc.ents}
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for length in range(1, LONGEST + 1):
        for start in range(len(doc) - length + 1):
            words = doc[start : start + length].text.lower()
            if words in known:
                found[words][labels.get((start, start + length), "")] += 1
    return found


def share(own: Sequence[Occurrences], others: Sequence[Occurrences]) -> tuple[float, int]:
    """Which share of the words is annotated as in the other documents, and of how many."""
    chance = random.Random(0)
    same = total = 0
    for document in own:
        usual: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for other in chance.sample([other for other in others if other is not document], DRAWN):
            for words, counts in other.items():
                usual[words].update(counts)
        for words, counts in document.items():
            if words in usual:
                same += counts[usual[words].most_common(1)[0][0]]
                total += counts.total()
    return same / total, total


def main() -> None:
    """Print a line for each part and each part that it is compared with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path)
    parser.add_argument("folder", nargs=2)
    arguments = parser.parse_args()
    nlp = spacy.blank("en")
    docs = {
        folder: list(AnndocCorpus(arguments.project, folders=[folder]).docs(nlp))
        for folder in arguments.folder
    }
    known = {ent.text.lower() for some in docs.values() for doc in some for ent in doc.ents}
    parts = {folder: [occurrences(doc, known) for doc in some] for folder, some in docs.items()}
    for own, others in product(parts, repeat=2):
        same, total = share(parts[own], parts[others])
        print(f"{own} as in {others}: {100 * same:.1f} % of {total}")


if __name__ == "__main__":
    main()
