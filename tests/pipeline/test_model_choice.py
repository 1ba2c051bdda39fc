"""Which model is trained: what there is to learn from decides."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from conftest import CONFIGS
from small_corpora import write_corpora
from spacy.language import Language

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Document
from spacy_tagtog.pipeline.contents import TrainingSize, measure_corpus
from spacy_tagtog.pipeline.training import choose_config

NER, SEED = CONFIGS / "ner.cfg", CONFIGS / "seed.cfg"


@pytest.mark.parametrize(
    ("model", "entities", "chosen"),
    [("auto", 99, SEED), ("auto", 100, NER), ("auto", 101, NER), ("seed", 9999, SEED), ("ner", 1, NER)],
)
def test_the_model_is_chosen_by_the_entities(model: str, entities: int, chosen: Path) -> None:
    size = TrainingSize(7, entities, ("Star",))
    choice = choose_config(size, config=NER, seed_config=SEED, model=model, seed_below=100)  # type: ignore[arg-type]
    assert choice.config == chosen
    assert f"{counted(entities, 'entity')} in 7 documents" in choice.reason


def test_what_there_is_to_learn_from_is_counted(
    demo_folder: Path, demo: list[Document], nlp: Language, tmp_path: Path
) -> None:
    train, _ = write_corpora(tmp_path, demo, nlp)
    size = measure_corpus(train)
    assert size.documents == 10
    assert size.entities == sum(
        len(doc.ents) for doc in spacy.tokens.DocBin().from_disk(train).get_docs(spacy.blank("en").vocab)
    )
    assert set(size.labels) == {"Celestial_Object", "Instrument", "Person", "Place"}
    assert measure_corpus(demo_folder).documents == sum(document.annotations.complete for document in demo)
