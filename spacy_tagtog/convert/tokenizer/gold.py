"""Gold texts: what a tokenizer learns from, and how well its tokens fit the entities in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from spacy.language import Language
from spacy.tokens import Doc

from spacy_tagtog.convert.state import SPANS_KEY, get_state


@dataclass(frozen=True, slots=True)
class GoldText:
    """A text that the tokenizer is given at once, and the entities in it.

    Attributes:
        document: The document's id: support is counted in documents.
        text: The text.
        entities: (first character, one past the last) of each entity.
    """

    document: str
    text: str
    entities: tuple[tuple[int, int], ...]


def gold_texts(docs: Iterable[Doc]) -> Iterator[GoldText]:
    """The texts and entities of gold Docs, part by part, as the tokenizer is given them.

    For a Doc that was made from a tagtog document these are all entities of its text, overlapping ones
    included (``doc.spans["anndoc"]``). For any other Doc they are ``doc.ents``.

    Args:
        docs: Gold Docs. Those of the alignment mode ``split`` (the default) have all entities. The other
            modes have set some aside or moved them.
    """
    for number, doc in enumerate(docs):
        state = get_state(doc)
        spans = doc.spans[SPANS_KEY] if state is not None and SPANS_KEY in doc.spans else doc.ents
        entities = sorted({(span.start_char, span.end_char) for span in spans})
        text = doc.text
        if state is None:
            yield GoldText(f"{number}", text, tuple(entities))
            continue
        for _, start, end in state.parts:
            yield GoldText(
                state.id,
                text[start:end],
                tuple((a - start, b - start) for a, b in entities if start <= a and b <= end),
            )


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well tokens fit entities.

    Attributes:
        documents: The number of documents.
        entities: The number of entities.
        aligned: How many of them begin and end with a token.
        tokens: The number of tokens.
    """

    documents: int = 0
    entities: int = 0
    aligned: int = 0
    tokens: int = 0

    @property
    def share(self) -> float:
        """The share of entities that begin and end with a token; 1 where there are none."""
        return self.aligned / self.entities if self.entities else 1.0


def measure_alignment(nlp: Language, gold: Iterable[GoldText]) -> Alignment:
    """Count the entities whose borders are borders of the pipeline's own tokens.

    Args:
        nlp: The pipeline whose tokenizer is measured.
        gold: Texts with entities.
    """
    return measure_tokenizer(nlp.tokenizer, gold)


def measure_tokenizer(tokenizer: Callable[[str], Doc], gold: Iterable[GoldText]) -> Alignment:
    """The same for a tokenizer without a pipeline."""
    documents = set()
    entities = aligned = tokens = 0
    for item in gold:
        doc = tokenizer(item.text)
        starts = {token.idx for token in doc}
        ends = {token.idx + len(token) for token in doc}
        documents.add(item.document)
        entities += len(item.entities)
        aligned += sum(start in starts and end in ends for start, end in item.entities)
        tokens += len(doc)
    return Alignment(len(documents), entities, aligned, tokens)
