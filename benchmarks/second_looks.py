"""How many planted annotation errors ``second-looks`` finds: ``python benchmarks/second_looks.py PROJECT``.

Of the entities of the project's confirmed documents a share (``--share``, 0.04) is made wrong: a quarter each
removed, given another type, given another border, and put on words that nobody annotated. The list is
measured against what was planted. The corpus has errors of its own, which count as wrong here.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_tagtog.convert import AnndocCorpus
from spacy_tagtog.selection.second_looks import Suspect, find_suspects

KINDS = ("missing", "type", "border", "extra")


def planted(doc: Doc, labels: list[str], share: float, rng: random.Random) -> dict[tuple[int, int], str]:
    """Make some entities of a Doc wrong. Gives where, in characters, and how."""
    done: dict[tuple[int, int], str] = {}
    kept: list[Span] = []
    taken = {token.i for ent in doc.ents for token in ent}
    for ent in doc.ents:
        kind = rng.choice(KINDS) if rng.random() < share else ""
        kept.append(ent)
        if kind == "missing":
            kept.pop()
        elif kind == "type" and len(labels) > 1:
            other = rng.choice([label for label in labels if label != ent.label_])
            kept[-1] = Span(doc, ent.start, ent.end, label=other)
        elif kind == "border":
            free = ent.end < len(doc) and ent.end not in taken and doc[ent.end].is_alpha
            if len(ent) > 1:
                kept[-1] = Span(doc, ent.start + 1, ent.end, label=ent.label_)
            elif free:
                kept[-1] = Span(doc, ent.start, ent.end + 1, label=ent.label_)
                taken.add(ent.end)
            else:
                continue
        elif kind == "extra":
            words = [token for token in doc if token.i not in taken and token.is_alpha and len(token) > 3]
            if not words:
                continue
            word = rng.choice(words)
            taken.add(word.i)
            kept.append(Span(doc, word.i, word.i + 1, label=rng.choice(labels)))
            done[word.idx, word.idx + len(word)] = kind
            continue
        if kind and not (kind == "type" and len(labels) == 1):
            done[ent.start_char, ent.end_char] = kind
    doc.set_ents(sorted(kept, key=lambda ent: ent.start))
    return done


def main() -> None:
    """Plant, look, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.04)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    nlp = spacy.blank("en")
    docs = list(AnndocCorpus(asked.project, on_problem="report").docs(nlp))
    rng.shuffle(docs)
    docs = docs[: asked.documents]
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents})
    errors = {doc._.anndoc_id: planted(doc, labels, asked.share, rng) for doc in docs}
    number = Counter(kind for some in errors.values() for kind in some.values())
    nlp.add_pipe("seed_ner")
    nlp.add_pipe("entity_confidence", config={"ner": "seed_ner"})
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
    found = find_suspects(nlp, docs)

    def is_right(one: Suspect, doc_starts: dict[str, dict[str, int]]) -> str:
        shift = doc_starts[one.document].get(one.part, 0)
        start, end = one.start + shift, one.end + shift
        return next((kind for (a, b), kind in errors[one.document].items() if a < end and start < b), "")

    starts = {doc._.anndoc_id: {part: start for part, start, _ in doc._.anndoc.parts} for doc in docs}
    hits = [is_right(one, starts) for one in found]
    total = sum(number.values())
    print(f"{len(docs)} documents, {total} planted: {dict(number)}; {len(found)} contradictions")
    for least in (20, 50, 100, total):
        right = sum(map(bool, hits[:least]))
        print(f"first {least}: {100 * right / least:.0f} % planted")
    print("found among the first", total, Counter(kind for kind in hits[:total] if kind))
    for kind in KINDS:
        own = [hit for one, hit in zip(found, hits, strict=True) if one.kind == kind][:50]
        print(f"first 50 {kind}: {100 * sum(map(bool, own)) / max(1, len(own)):.0f} %")


if __name__ == "__main__":
    main()
