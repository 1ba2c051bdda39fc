"""The seed model: what it learns from a handful of documents, its probabilities, and how it is kept."""

from __future__ import annotations

import io
import itertools
import json
import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.cli.package import package
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from strategies import slow

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.tokens import predicted_doc
from spacy_tagtog.errors import ConfigurationError, PipelineError
from spacy_tagtog.pipeline.evaluation import evaluate_docs
from spacy_tagtog.pipeline.seed.component import SeedNer
from spacy_tagtog.pipeline.seed.model import SeedModel
from spacy_tagtog.pipeline.seed.sequences import Lattice, tag_names
from spacy_tagtog.pipeline.uncertainty import get_certainty


def examples(nlp: Language, docs: Iterable[Doc]) -> list[Example]:
    return [Example(predicted_doc(nlp, doc), doc) for doc in docs]


def gold_docs(nlp: Language, demo: list[Document]) -> list[Doc]:
    return [document_to_doc(document, nlp) for document in demo if document.versions]


def learned(nlp: Language, docs: Iterable[Doc], **config: Any) -> Language:
    nlp.add_pipe(
        "seed_ner", config={"out_log": -1.0, **config}
    )  # no cross-validation, unless a test asks for it
    nlp.add_pipe("entity_confidence", config={"ner": "seed_ner"})
    made = examples(nlp, docs)
    nlp.initialize(lambda: made)
    return nlp


def component(nlp: Language) -> SeedNer:
    pipe: Any = nlp.get_pipe("seed_ner")
    return pipe


def blank() -> Language:
    return spacy.blank("en")


@pytest.fixture(scope="module")
def seeded(demo: list[Document]) -> Language:
    """A pipeline that learned from thirty demo documents. Nobody may change it."""
    nlp = blank()
    return learned(nlp, gold_docs(nlp, demo)[:30])


@pytest.fixture(scope="module")
def texts(demo: list[Document]) -> list[str]:
    return [document.text for document in demo[-12:]]


def seen(doc: Doc) -> list[tuple[int, int, str, float]]:
    return [(ent.start, ent.end, ent.label_, ent._.confidence) for ent in doc.ents]


def sentence(
    nlp: Language, words: str, *entities: tuple[int, int, str], missing: Iterable[tuple[int, int]] = ()
) -> Doc:
    doc = Doc(nlp.vocab, words=words.split())
    spans = [Span(doc, start, end, label=label) for start, end, label in entities]
    doc.set_ents(spans, missing=[doc[start:end] for start, end in missing], default="outside")
    return doc


# -- what it learns --


def test_five_documents_are_enough_to_begin(demo: list[Document]) -> None:
    nlp = blank()
    docs = gold_docs(nlp, demo)
    few = evaluate_docs(learned(nlp, docs[:5], out_log=None), docs[-20:]).overall
    nlp = blank()
    docs = gold_docs(nlp, demo)
    more = evaluate_docs(learned(nlp, docs[:60]), docs[-20:]).overall
    assert few.exact > 5
    assert more.exact_prf[2] > max(0.5, few.exact_prf[2])


def test_what_nobody_annotated_teaches_nothing() -> None:
    """Unknown is not O.

    With "Mars" unknown in most texts it is an entity as in the others; with O it isn't.
    """
    scores = []
    for unknown in (True, False):
        nlp = blank()
        docs = [sentence(nlp, "we saw Mars in the east", (2, 3, "Planet")) for _ in range(6)]
        docs += [
            sentence(nlp, "we saw Mars in the east", missing=[(2, 3)] if unknown else []) for _ in range(30)
        ]
        learned(nlp, docs, out_log=0.0)
        doc = nlp("they saw Mars in the west")
        scores.append(
            float(component(nlp).model.predict([nlp.make_doc("they saw Mars in the west")])[0].scores.sum())
        )
        assert [ent.text for ent in doc.ents] == (["Mars"] if unknown else [])
    assert scores[0] > 0.5 > scores[1]


def test_the_gazetteer_is_not_trusted_blindly() -> None:
    """A word that is an entity in few of its places stays uncertain, although the gazetteer knows it."""
    nlp = blank()
    docs = [
        sentence(nlp, f"the {word} is a star", (1, 2, "Star"))
        for word in ("Vega", "Deneb", "Mira", "Spica", "Rigel", "Altair")
    ]
    docs += [sentence(nlp, "the Mira of my aunt is old") for _ in range(8)]
    learned(nlp, docs)
    doc = nlp("the Mira of my aunt is new . the Antares is a star")
    assert [ent.text for ent in doc.ents] == ["Antares"]


def test_an_entity_is_found_by_its_words_where_nothing_else_tells() -> None:
    nlp = blank()
    names = ["red hot poker", "blue moon lily", "sea holly"]
    docs = [
        sentence(nlp, f"here {name} grows", (1, 1 + len(name.split()), "Plant"))
        for name in names
        for _ in range(3)
    ]
    docs += [
        sentence(nlp, f"here {word} grows")
        for word in ("nothing", "much", "some grass", "little")
        for _ in range(3)
    ]
    learned(nlp, docs)
    assert [(ent.text, ent.label_) for ent in nlp("here blue moon lily grows").ents] == [
        ("blue moon lily", "Plant")
    ]


def test_one_document_and_one_type() -> None:
    nlp = blank()
    learned(
        nlp,
        [sentence(nlp, "Vega and Deneb and Altair shine", (0, 1, "Star"), (2, 3, "Star"), (4, 5, "Star"))],
    )
    assert component(nlp).labels == ("Star",)
    assert {ent.label_ for ent in nlp("Rigel and Mira shine").ents} <= {"Star"}


def test_nothing_but_entities() -> None:
    nlp = blank()
    learned(nlp, [sentence(nlp, "Vega", (0, 1, "Star")), sentence(nlp, "Mira", (0, 1, "Star"))])
    [(start, end, label, score)] = seen(nlp("Rigel"))
    assert (start, end, label) == (0, 1, "Star")
    assert score > 0.99


@pytest.mark.parametrize("docs", [[], ["we saw nothing"], [""]])
def test_no_entity_to_learn_from(docs: list[str]) -> None:
    nlp = blank()
    nlp.add_pipe("seed_ner")
    with pytest.raises(PipelineError, match="no entity to learn from"):
        component(nlp).initialize(lambda: [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in docs])


def test_empty_documents_are_passed_over(texts: list[str], demo: list[Document]) -> None:
    nlp = blank()
    nlp = learned(nlp, [nlp.make_doc(""), *gold_docs(nlp, demo)[:6], nlp.make_doc("")])
    other = blank()
    other = learned(other, gold_docs(other, demo)[:6])
    assert {ent.text for doc in nlp.pipe(texts) for ent in doc.ents} == {
        ent.text for doc in other.pipe(texts) for ent in doc.ents
    }


def test_the_same_documents_make_the_same_model(demo: list[Document]) -> None:
    made = []
    for _ in range(2):
        nlp = blank()
        made.append(component(learned(nlp, gold_docs(nlp, demo)[:10], out_log=None)).to_bytes())
    assert made[0] == made[1]


def test_the_optimizer_goes_far_enough_to_be_as_sure_as_it_ought_to_be(demo: list[Document]) -> None:
    def certainty(**config: Any) -> float:
        nlp = blank()
        docs = gold_docs(nlp, demo)
        learned(nlp, docs[20:50], **config)
        predicted = nlp.pipe([doc.text for doc in docs[:20]])
        return float(
            np.mean([score for doc in predicted for score in doc.spans["entity_confidence"].attrs["scores"]])
        )

    to_the_end = certainty(tol=1e-6, max_iter=2000)
    assert certainty() == pytest.approx(to_the_end, abs=0.02)
    assert certainty(tol=0.01) < to_the_end - 0.1


@pytest.mark.parametrize("config", [{"c": 0.0}, {"min_count": 0}, {"max_iter": 0}, {"tol": 0.0}])
def test_settings_out_of_range(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        blank().add_pipe("seed_ner", config=config)


def test_it_was_not_trained() -> None:
    nlp = blank()
    nlp.add_pipe("seed_ner")
    with pytest.raises(PipelineError, match="wasn't trained"):
        nlp("Vega")


# -- probabilities --


def legal_sequences(tags: list[str], starts: list[bool]) -> list[tuple[int, ...]]:
    """All of them, one after the other."""
    found = []
    for sequence in itertools.product(range(len(tags)), repeat=len(starts)):
        inside = ""
        for number, start in zip(sequence, starts, strict=True):
            kind, _, label = tags[number].partition("-")
            if start and inside:
                break
            if (kind in "IL") != bool(inside) or (inside and label != inside):
                inside = "illegal"
                break
            inside = label if kind in "BI" else ""
        if not inside:
            found.append(sequence)
    return found


@settings(slow)
@given(
    labels=st.integers(1, 2),
    tokens=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    starts=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_probabilities_are_those_of_all_sequences_counted(
    labels: int, tokens: int, seed: int, starts: list[bool]
) -> None:
    random = np.random.default_rng(seed)
    tags = tag_names([f"L{number}" for number in range(labels)])
    values = random.dirichlet(np.full(len(tags), 0.5), size=tokens) + 1e-6
    begins = [True, *starts[: tokens - 1]]
    weights = {
        sequence: math.prod(values[i, tag] for i, tag in enumerate(sequence))
        for sequence in legal_sequences(tags, begins)
    }
    total = sum(weights.values())
    best = max(weights, key=lambda sequence: weights[sequence])

    lattice = Lattice(values, np.array(begins))
    prediction = lattice.predict()
    assert prediction.entities == lattice.best()
    assert math.exp(prediction.log_probability.sum()) == pytest.approx(weights[best] / total)
    assert [tags[tag][0] for tag in best] == kinds(prediction.entities, tokens)
    for (start, end, label), score in zip(prediction.entities, prediction.scores, strict=True):
        wanted = [
            f"{kind}-L{label}"
            for kind in (["U"] if end - start == 1 else ["B", *["I"] * (end - start - 2), "L"])
        ]
        having = sum(
            weight
            for sequence, weight in weights.items()
            if [tags[tag] for tag in sequence[start:end]] == wanted
        )
        assert score == pytest.approx(having / total)
    for token, kind in enumerate(kinds(prediction.entities, tokens)):
        opening = sum(weight for sequence, weight in weights.items() if tags[sequence[token]][0] in "BU")
        assert prediction.missed[token] == pytest.approx(opening / total if kind == "O" else 0)


def kinds(entities: list[tuple[int, int, int]], tokens: int) -> list[str]:
    result = ["O"] * tokens
    for start, end, _ in entities:
        result[start:end] = ["U"] if end - start == 1 else ["B", *["I"] * (end - start - 2), "L"]
    return result


def test_less_weight_of_no_entity_finds_more() -> None:
    values = np.random.default_rng(0).dirichlet([6, 1, 1, 1, 1], size=200)
    starts = np.arange(200) % 20 == 0
    numbers = [len(Lattice(values, starts).best(weight)) for weight in (1.0, 0.3, 0.05)]
    assert numbers[0] < numbers[1] < numbers[2]


def test_every_entity_has_a_probability(seeded: Language, texts: list[str]) -> None:
    number = 0
    for doc in seeded.pipe(texts):
        group = doc.spans["entity_confidence"]
        assert [(span.start, span.end, span.label_) for span in group] == [
            (ent.start, ent.end, ent.label_) for ent in doc.ents
        ]
        certainty = get_certainty(doc)
        assert certainty is not None
        assert len(certainty) == len(doc)
        for ent in doc.ents:
            assert 0 < ent._.confidence <= 1
            assert not certainty.missed[ent.start : ent.end].any()
            assert not ent[0].is_space
            number += 1
        assert (certainty.log_probability <= 0).all()
        assert ((certainty.missed >= 0) & (certainty.missed <= 1)).all()
    assert number > 20


def test_no_entity_reaches_over_a_sentence_start(seeded: Language, texts: list[str]) -> None:
    whole = next(ent for doc in seeded.pipe(texts) for ent in doc.ents if len(ent) > 1)
    doc = seeded.make_doc(whole.doc.text)
    doc[whole.start + 1].is_sent_start = True
    for _, pipe in seeded.pipeline:
        doc = pipe(doc)
    assert all(ent.end <= whole.start + 1 or ent.start > whole.start for ent in doc.ents)


def test_entities_that_are_there_stay(seeded: Language, texts: list[str]) -> None:
    doc = seeded.make_doc(texts[0])
    doc.ents = [Span(doc, 2, 5, label="PHRASE")]
    for _, pipe in seeded.pipeline:
        doc = pipe(doc)
    first = doc.ents[0]
    assert (first.start, first.end, first.label_) == (2, 5, "PHRASE")
    assert math.isnan(doc.spans["entity_confidence"].attrs["scores"][0])
    assert len(doc.ents) > 1
    assert all(0 < ent._.confidence <= 1 for ent in doc.ents[1:])


@pytest.mark.parametrize("text", ["", " ", "\n\n", "…", "x" * 5000, "🙂" * 40])
def test_odd_texts(seeded: Language, text: str) -> None:
    doc = seeded(text)
    assert doc.text == text
    assert len(get_certainty(doc) or ()) == len(doc)


def test_batches_make_no_difference(seeded: Language, texts: list[str]) -> None:
    single = [seen(seeded(text)) for text in texts]
    for one, doc in zip(single, seeded.pipe(["", *texts, " "][1:-1], batch_size=5), strict=True):
        assert [row[:3] for row in seen(doc)] == [row[:3] for row in one]
        assert [row[3] for row in seen(doc)] == pytest.approx([row[3] for row in one])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(seeded: Language, texts: list[str]) -> None:
    single = [seen(seeded(text)) for text in texts]
    assert [seen(doc) for doc in seeded.pipe(texts, n_process=2, batch_size=4)] == single


def test_what_it_says_survives_a_docbin(seeded: Language, texts: list[str]) -> None:
    doc = seeded(texts[0])
    [read] = DocBin(docs=[doc], store_user_data=True).get_docs(seeded.vocab)
    assert seen(read) == seen(doc)
    assert component(seeded).entity_scores([read]) == component(seeded).entity_scores([doc])


# -- how it is kept --


def by_bytes(nlp: Language, tmp_path: Path) -> Language:
    return spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())


def by_disk(nlp: Language, tmp_path: Path) -> Language:
    nlp.to_disk(tmp_path / "copy")
    return spacy.load(tmp_path / "copy")


def by_package(nlp: Language, tmp_path: Path) -> Language:
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "out").mkdir()
    package(
        tmp_path / "model",
        tmp_path / "out",
        name="seeds",
        version="1.2.3",
        create_sdist=False,
        create_wheel=False,
        silent=True,
    )
    return spacy.load(next((tmp_path / "out").rglob("config.cfg")).parent)


@pytest.mark.filterwarnings(
    "ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # spacy package leaves one open
@pytest.mark.parametrize("reload", [by_bytes, by_disk, by_package])
def test_saved_and_loaded(
    seeded: Language, texts: list[str], reload: Callable[[Language, Path], Language], tmp_path: Path
) -> None:
    other = reload(seeded, tmp_path)
    assert component(other).labels == component(seeded).labels
    for text in texts[:4]:
        assert seen(other(text)) == seen(seeded(text))
    assert component(other).to_bytes() == component(seeded).to_bytes()


def test_a_pipeline_that_was_not_trained_is_saved_too(tmp_path: Path) -> None:
    nlp = blank()
    nlp.add_pipe("seed_ner")
    assert component(by_disk(nlp, tmp_path)).model is None


def rewritten(data: bytes, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """The model with other content, and right checksums."""
    with np.load(io.BytesIO(data)) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(arrays["header"].tobytes())
    change(header, arrays)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


CHANGES: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "later version": lambda header, arrays: header.update(version=99),
    "another format": lambda header, arrays: header.update(format="x"),
    "no labels": lambda header, arrays: header.pop("labels"),
    "label too many": lambda header, arrays: header["labels"].append("x"),
    "label of no string": lambda header, arrays: header.update(labels=[1]),
    "word missing": lambda header, arrays: header["words"].pop(),
    "form missing": lambda header, arrays: header["forms"].pop(),
    "no number": lambda header, arrays: header.update(out_log=float("nan")),
    "array missing": lambda header, arrays: arrays.pop("weights"),
    "weights cut": lambda header, arrays: arrays.update(weights=arrays["weights"][:-1]),
    "weights not finite": lambda header, arrays: arrays.update(
        weights=np.full_like(arrays["weights"], np.inf)
    ),
    "columns out of range": lambda header, arrays: arrays.update(
        columns=arrays["columns"] + np.int32(1 << 22)
    ),
    "columns in disorder": lambda header, arrays: arrays.update(columns=arrays["columns"][::-1]),
    "count of nothing": lambda header, arrays: arrays["entity"].__setitem__((0, 1), 99),
    "negative count": lambda header, arrays: arrays["total"].__setitem__(0, -1),
    "objects": lambda header, arrays: arrays.update(met=np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_tampered_with(seeded: Language, change: str, tmp_path: Path) -> None:
    seeded.to_disk(tmp_path / "copy")
    file = tmp_path / "copy/seed_ner/model.npz"
    file.write_bytes(rewritten(file.read_bytes(), CHANGES[change]))
    with pytest.raises(PipelineError, match="can't be read") as caught:
        spacy.load(tmp_path / "copy")
    assert "model.npz" in str(caught.value)


def test_a_file_that_was_rewritten_without_a_change_is_fine(seeded: Language) -> None:
    assert (
        SeedModel.from_bytes(rewritten(component(seeded).to_bytes(), lambda header, arrays: None)).labels
        == component(seeded).labels
    )


@pytest.mark.parametrize("damage", ["truncated", "empty zip", "flipped", "gone", "text"])
def test_a_damaged_file(seeded: Language, damage: str, tmp_path: Path) -> None:
    seeded.to_disk(tmp_path / "copy")
    file = tmp_path / "copy/seed_ner/model.npz"
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "empty zip":
        with zipfile.ZipFile(file, "w"):
            pass
    else:
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(
            {"truncated": bytes(data[:-2000]), "flipped": bytes(data), "text": b"no model"}[damage]
        )
    with pytest.raises(PipelineError, match="can't be read"):
        spacy.load(tmp_path / "copy")


def test_updating_changes_nothing(demo: list[Document]) -> None:
    nlp = blank()
    docs = gold_docs(nlp, demo)[:6]
    learned(nlp, docs)
    before = component(nlp).to_bytes()
    losses = nlp.update(examples(nlp, docs))
    assert nlp.rehearse(examples(nlp, docs)) is not None
    assert losses == {"seed_ner": 0.0}
    assert component(nlp).to_bytes() == before
