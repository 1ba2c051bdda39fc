"""Speed and memory of the conversion, beside spaCy's own and other tools', on synthetic projects."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

from spacy_tagtog.anndoc import Annotations, Document, Legend, html_from_blocks, write_project

CHARACTERS = 1536
ENTITIES = 15
LEGEND = Legend({"e_1": "Gene", "e_2": "Disease", "e_3": "Drug"})
_ONSETS = ("b", "br", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v")
_RHYMES = ("a", "e", "i", "o", "u", "an", "er", "is")
_SYLLABLES = [onset + rhyme for onset in _ONSETS for rhyme in _RHYMES]
_FREQUENT = ("the", "of", "and", "in", "to", "a", "was", "with", "for", "that", "were", "by", "is", "as", "on", "at", "from", "an", "be", "or", "this")


class Writer:
    """Texts whose words are distributed as in natural language (Zipf's law), with punctuation, numbers and contractions."""

    def __init__(self, seed: int = 0, words: int = 15_000) -> None:
        chance = random.Random(seed)
        made = dict.fromkeys(_FREQUENT)
        while len(made) < words:
            made["".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))] = None
        self.words = list(made)
        self.weights = list(accumulate(1 / (rank + 2.7) ** 1.2 for rank in range(words)))

    def sentence(self, chance: random.Random) -> str:
        """One sentence."""
        pieces = []
        for word in chance.choices(self.words, cum_weights=self.weights, k=chance.randint(8, 26)):
            luck = chance.random()
            if luck < 0.02:
                word = str(chance.randint(1, 2000))  # noqa: PLW2901
            elif luck < 0.03:
                word = f"({word})"  # noqa: PLW2901
            elif luck < 0.035:
                word += "'s"  # noqa: PLW2901
            elif luck < 0.04:
                word = f"{word}-{chance.choice(self.words)}"  # noqa: PLW2901
            elif luck < 0.1:
                word += ","  # noqa: PLW2901
            pieces.append(word)
        text = " ".join(pieces)
        return text[0].upper() + text[1:] + chance.choice("....?")

    def text(self, chance: random.Random, length: int) -> str:
        """A text of exactly this length."""
        text = self.sentence(chance)
        while len(text) < length:
            text += " " + self.sentence(chance)
        text = text[:length]
        return text[: length - 1].rstrip().ljust(length - 1, "a") + "."


def make_document(number: int, writer: Writer, *, seed: int = 0, nested: float = 0.0) -> Document:
    """Document number so-and-so of the synthetic project: a heading and five paragraphs.

    Args:
        number: Its number.
        writer: Writes the text.
        seed: Another seed, other documents.
        nested: The share of entities that stand within another one.
    """
    chance = random.Random(seed * 1_000_003 + number)
    doc_id = f"a{number:027d}-bench{number}.txt"
    lengths = [86, 250, 300, 300, 300, 300]
    texts = [writer.text(chance, length) for length in lengths]
    html = html_from_blocks([("h2" if n == 0 else "p", text) for n, text in enumerate(texts)], doc_id=doc_id, origid=f"bench{number}.txt")
    places: list[tuple[int, int, int]] = []
    taken: set[tuple[int, int]] = set()
    wanted = round(ENTITIES * (1 - nested))
    while len(places) < wanted:
        part = chance.randrange(len(texts))
        words = _words(texts[part])
        first = chance.randrange(len(words))
        last = min(first + chance.choice((0, 0, 0, 1, 1, 2)), len(words) - 1)
        if any((part, word) in taken for word in range(first, last + 1)):
            continue
        taken.update((part, word) for word in range(first, last + 1))
        places.append((part, words[first][0], words[last][1]))
    longer = [place for place in places if " " in texts[place[0]][place[1] : place[2]]]
    while len(places) < ENTITIES:
        part, start, end = chance.choice(longer or places)
        inner = texts[part].find(" ", start, end)
        places.append((part, start, inner if inner > 0 else end))
    places.sort()
    annotations = Annotations.empty(list(html.parts), complete=True)
    ids = list(html.parts)
    annotations.data["entities"] = [
        {
            "classId": f"e_{chance.randint(1, 3)}",
            "part": ids[part],
            "offsets": [{"start": start, "text": texts[part][start:end]}],
            "coordinates": [],
            "confidence": {"state": "", "who": ["user:ada"], "prob": 1},
            "fields": {},
            "normalizations": {},
        }
        for part, start, end in places
    ]
    return Document(doc_id, html, {"master": annotations}, legend=LEGEND)


def _words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand, without the punctuation around them."""
    found = []
    position = 0
    for word in text.split(" "):
        core = word.strip(".,?()")
        if core:
            start = position + word.index(core)
            found.append((start, start + len(core)))
        position += len(word) + 1
    return found


def make_project(path: Path, number: int, *, seed: int = 0, nested: float = 0.0) -> None:
    """Write a synthetic project."""
    writer = Writer(seed)
    write_project((make_document(n, writer, seed=seed, nested=nested) for n in range(number)), path, legend=LEGEND, force=True)
