"""A probability for every entity: agreement with a slow replay, and nothing else changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from conftest import CONFIGS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from predictions import ents, scores
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import load_config
from strategies import slow

from spacy_tagtog.anndoc import Document
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.convert.tokens import assemble, predicted_doc
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.calibration.component import EntityConfidence
from spacy_tagtog.pipeline.confidence import DEFAULT_SPANS_KEY, action_probabilities, entity_scores
from spacy_tagtog.pipeline.uncertainty import get_certainty


def replayed(ner: Any, doc: Doc) -> NDArray[np.float64]:
    """The probability of each action, one at a time, with spaCy itself saying what is legal."""
    bare = doc.copy()
    bare.set_ents([], default="missing")  # spaCy allows nothing that contradicts entities which stand already
    names = [ner.moves.get_class_name(i) for i in range(ner.moves.n_moves)]
    plan = ["O"] * len(doc)
    for ent in doc.ents:
        kinds = ["U"] if len(ent) == 1 else ["B", *["I"] * (len(ent) - 2), "L"]
        plan[ent.start : ent.end] = [f"{kind}-{ent.label_}" for kind in kinds]
    [state] = ner.moves.init_batch([bare])
    model = ner.model.predict([bare])
    result = []
    for action in plan:
        scores = np.asarray(model.predict([state])[0], dtype=np.float64)
        legal = np.array([ner.moves.is_valid(state, name) for name in names])
        assert legal[names.index(action)]
        exponentials = np.where(legal, np.exp(scores - scores[legal].max()), 0)
        result.append(exponentials[names.index(action)] / exponentials.sum())
        ner.moves.apply_transition(state, action)
    return np.array(result)


def texts(demo: list[Document]) -> list[str]:
    return [document.text for document in demo[-12:]]


def test_scores_are_those_of_a_slow_replay(trained: Language, demo: list[Document]) -> None:
    ner = trained.get_pipe("ner")
    number = 0
    for text in texts(demo)[:4]:
        doc = trained(text)
        slowly = replayed(ner, doc)
        [quickly] = action_probabilities(ner, [doc])
        assert quickly == pytest.approx(slowly, rel=1e-4)
        assert scores(doc) == pytest.approx(
            [float(np.prod(slowly[ent.start : ent.end])) for ent in doc.ents], rel=1e-4
        )
        number += len(doc.ents)
    assert number > 10


@settings(slow)
@given(
    words=st.lists(
        st.sampled_from(["Moon", "the", "8-inch", "\n", "\n\n", " ", "Ann", "."]), min_size=1, max_size=9
    ),
    starts=st.data(),
)
def test_any_entities_that_the_parser_can_make(
    trained: Language, words: list[str], starts: st.DataObject
) -> None:
    """Entities by hand, over white space and up to sentence borders: just what spaCy allows."""
    doc = Doc(
        trained.vocab,
        words=words,
        spaces=[False] * len(words),
        sent_starts=[starts.draw(st.booleans()) for _ in words],
    )
    trained.get_pipe("tok2vec")(doc)
    ner: Any = trained.get_pipe("ner")
    [state] = ner.moves.init_batch([doc])
    names = [ner.moves.get_class_name(i) for i in range(ner.moves.n_moves)]
    spans: list[Span] = []
    begin = 0
    for i in range(len(doc)):
        action = starts.draw(st.sampled_from([name for name in names if ner.moves.is_valid(state, name)]))
        ner.moves.apply_transition(state, action)
        begin = i if action[0] in "BU" else begin
        if action[0] in "LU":
            spans.append(Span(doc, begin, i + 1, label=action[2:]))
    doc.set_ents(spans)
    [quickly] = action_probabilities(ner, [doc])
    assert quickly == pytest.approx(replayed(ner, doc), rel=1e-4)
    assert all(score is not None and 0 < score <= 1 for score in entity_scores(ner, [doc])[0])


def test_an_entity_may_go_on_after_white_space_or_end_there(trained: Language) -> None:
    doc = Doc(trained.vocab, words=["Moon", "\n", "Ann", "\n", "."], spaces=[False] * 5)
    trained.get_pipe("tok2vec")(doc)
    doc.ents = [Span(doc, 0, 3, label="Person")]
    [steps] = action_probabilities(trained.get_pipe("ner"), [doc])
    assert steps is not None
    assert steps == pytest.approx(replayed(trained.get_pipe("ner"), doc), rel=1e-4)
    assert steps[1] < 1


def test_entities_stay_as_they_are(trained: Language, demo: list[Document]) -> None:
    with trained.select_pipes(disable="entity_confidence"):
        without = [trained(text) for text in texts(demo)]
    for before, after in zip(without, trained.pipe(texts(demo)), strict=True):
        assert DEFAULT_SPANS_KEY not in before.spans
        assert ents(after) == ents(before)
        assert [token.ent_iob for token in after] == [token.ent_iob for token in before]
        assert [(span.start, span.end, span.label_) for span in after.spans[DEFAULT_SPANS_KEY]] == ents(after)
        assert all(0 < score <= 1 for score in scores(after))
        assert [ent._.confidence for ent in after.ents] == scores(after)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_make_no_difference(trained: Language, demo: list[Document], batch_size: int) -> None:
    single = [trained(text) for text in texts(demo)]
    for one, other in zip(single, trained.pipe(texts(demo), batch_size=batch_size), strict=True):
        assert ents(other) == ents(one)
        assert scores(other) == pytest.approx(scores(one), rel=1e-3)
    assert sum(len(doc.ents) for doc in single) > 20


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(trained: Language, demo: list[Document]) -> None:
    single = [trained(text) for text in texts(demo)]
    for one, other in zip(single, trained.pipe(texts(demo), n_process=2, batch_size=4), strict=True):
        assert ents(other) == ents(one)
        assert scores(other) == pytest.approx(scores(one), rel=1e-3)


def reload_from_bytes(nlp: Language, tmp_path: Path) -> Language:
    return spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())


def reload_from_disk(nlp: Language, tmp_path: Path) -> Language:
    nlp.to_disk(tmp_path / "copy")
    return spacy.load(tmp_path / "copy")


@pytest.mark.parametrize("reload", [reload_from_bytes, reload_from_disk])
def test_saved_and_loaded(
    trained: Language, demo: list[Document], reload: Callable[[Language, Path], Language], tmp_path: Path
) -> None:
    other = reload(trained, tmp_path)
    assert other.pipe_names == trained.pipe_names
    for text in texts(demo)[:3]:
        assert scores(other(text)) == pytest.approx(scores(trained(text)), rel=1e-4)


def test_the_certainty_of_tokens(trained: Language, demo: list[Document]) -> None:
    for text in texts(demo)[:3]:
        doc = trained(text)
        certainty = get_certainty(doc)
        assert certainty is not None
        slowly = replayed(trained.get_pipe("ner"), doc)
        assert np.exp(certainty.log_probability) == pytest.approx(slowly, rel=1e-3)
        # At a token outside of entities, only O and what opens an entity are legal.
        outside = np.array([token.ent_iob_ == "O" for token in doc])
        assert certainty.missed[outside] == pytest.approx(1 - slowly[outside], abs=1e-4)
        assert not certainty.missed[~outside].any()
        assert 0 < certainty.missed.sum() < len(doc)


def test_scores_survive_a_docbin(trained: Language, demo: list[Document]) -> None:
    doc = trained(texts(demo)[0])
    [read] = DocBin(docs=[doc], store_user_data=True).get_docs(trained.vocab)
    assert [ent._.confidence for ent in read.ents] == scores(doc)
    before, after = get_certainty(doc), get_certainty(read)
    assert before is not None
    assert after is not None
    assert (before.missed == after.missed).all()


@pytest.mark.parametrize("text", ["", " ", "\n\n \n", "the", "…"])
def test_docs_with_little_in_them(trained: Language, text: str) -> None:
    doc = trained(text)
    assert [(span.start, span.end, span.label_) for span in doc.spans[DEFAULT_SPANS_KEY]] == ents(doc)
    assert len(scores(doc)) == len(doc.ents)


def test_docs_of_all_lengths_in_one_batch(trained: Language, demo: list[Document]) -> None:
    mixed = ["", texts(demo)[0], " ", "Moon", "", texts(demo)[1]]
    for text, doc in zip(mixed, trained.pipe(mixed), strict=True):
        assert doc.text == text
        assert scores(doc) == pytest.approx(scores(trained(text)), rel=1e-3)


def test_no_entities(trained: Language) -> None:
    doc = trained("Moon")
    doc.ents = []
    trained.get_pipe("entity_confidence")(doc)
    assert list(doc.spans[DEFAULT_SPANS_KEY]) == []
    assert scores(doc) == []


def test_blocked_tokens(trained: Language) -> None:
    doc = trained("Moon and binoculars")
    doc.set_ents([], blocked=[doc[0:2]])
    trained.get_pipe("entity_confidence")(doc)
    assert scores(doc) == []


def about_cocoa(nlp: Language, demo: list[Document]) -> str:
    """A text in which a pipeline finds several entities."""
    # How much so small a pipeline finds in a text differs between platforms.
    made = ("We had cocoa at nine. " + text for text in texts(demo))
    return next(text for text in made if len(nlp(text).ents) > 3)


def test_entities_of_another_component(fresh: Language, demo: list[Document]) -> None:
    """What the model can't predict has no probability; what it can keeps that of the model alone."""
    text = about_cocoa(fresh, demo)
    expected = {(ent.start, ent.end): ent._.confidence for ent in fresh(text).ents}
    fresh.add_pipe("entity_ruler", after="ner").add_patterns([{"label": "DRINK", "pattern": "cocoa"}])  # type: ignore[attr-defined]
    doc = fresh(text)
    values = {(ent.start, ent.end): score for ent, score in zip(doc.ents, scores(doc), strict=True)}
    assert math.isnan(values[2, 3])
    assert doc[2:3]._.confidence is None
    assert {key: value for key, value in values.items() if key != (2, 3)} == pytest.approx(
        {key: value for key, value in expected.items() if key != (2, 3)}, rel=1e-3
    )
    assert len(values) > 3


def test_entities_that_the_parser_had_to_accept(fresh: Language, demo: list[Document]) -> None:
    """spaCy's ner adds the labels of entities on a Doc, untrained: it still has no opinion about them."""
    text = about_cocoa(fresh, demo)
    fresh.add_pipe("entity_ruler", before="ner").add_patterns([{"label": "DRINK", "pattern": "cocoa"}])  # type: ignore[attr-defined]
    doc = fresh(text)
    assert "DRINK" in fresh.get_pipe("ner").labels  # type: ignore[attr-defined]
    values = {ent.text: score for ent, score in zip(doc.ents, scores(doc), strict=True)}
    assert math.isnan(values.pop("cocoa"))
    assert all(0 < score <= 1 for score in values.values())
    assert values


def test_an_entity_by_hand(trained: Language) -> None:
    doc = trained("We went to see the Moon")
    doc.ents = [Span(doc, 0, 3, label="Person"), Span(doc, 5, 6, label="Celestial_Object")]
    trained.get_pipe("entity_confidence")(doc)
    unlikely, likely = scores(doc)
    assert 0 < unlikely < likely <= 1
    assert [unlikely, likely] == pytest.approx(
        [float(np.prod(replayed(trained.get_pipe("ner"), doc)[s:e])) for s, e in ((0, 3), (5, 6))], rel=1e-4
    )


def test_an_entity_over_a_border_of_parts(trained: Language) -> None:
    """The parser could never make it, but somebody did."""
    doc = assemble(trained, [("s1p1", "the Moon"), ("s1p2", "Mars")]).doc
    trained.get_pipe("tok2vec")(doc)
    doc.ents = [Span(doc, 1, 4, label="Celestial_Object")]
    trained.get_pipe("entity_confidence")(doc)
    assert 0 < scores(doc)[0] <= 1


def test_a_span_that_nobody_scored(trained: Language, demo: list[Document]) -> None:
    assert trained("Moon")[0:0]._.confidence is None
    gold = document_to_doc(demo[0], trained)
    assert gold.ents[0]._.confidence is None


def test_another_spans_key(fresh: Language) -> None:
    fresh.remove_pipe("entity_confidence")
    fresh.add_pipe("entity_confidence", name="sure", config={"spans_key": "sc"})
    doc = fresh("Moon and Jupiter")
    assert list(doc.spans) == ["sc"]
    assert len(doc.spans["sc"]) == len(doc.ents)


@pytest.mark.parametrize("ner", ["ner", "tok2vec"])
def test_nothing_to_score(fresh: Language, ner: str) -> None:
    fresh.replace_pipe("entity_confidence", "entity_confidence", config={"ner": ner})
    if ner == "ner":
        fresh.remove_pipe("ner")
    with pytest.raises(PipelineError) as caught:
        fresh("Moon")
    assert ner in str(caught.value)
    with pytest.raises(PipelineError):
        list(fresh.pipe(["Moon"]))


@pytest.mark.parametrize("factory", ["ner", "beam_ner"])
def test_an_ner_with_a_net_of_its_own(demo: list[Document], factory: str) -> None:
    """No shared tok2vec, and other names."""
    nlp = spacy.blank("en")
    config = {
        "model": {"tok2vec": {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, **CNN}}
    }
    nlp.add_pipe(factory, name="entities", config=config)
    nlp.add_pipe("entity_confidence", config={"ner": "entities"})
    docs = [document_to_doc(document, nlp) for document in demo[:6]]
    examples = [Example(predicted_doc(nlp, doc), doc) for doc in docs]
    nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples)
    doc = nlp(docs[0].text)
    assert scores(doc) == pytest.approx(
        [float(np.prod(replayed(nlp.get_pipe("entities"), doc)[e.start : e.end])) for e in doc.ents], rel=1e-4
    )
    doc.ents = [Span(doc, 0, 2, label="Place")]
    assert action_probabilities(nlp.get_pipe("entities"), [doc])[0] == pytest.approx(
        replayed(nlp.get_pipe("entities"), doc), rel=1e-4
    )


CNN = {
    "width": 16,
    "depth": 1,
    "embed_size": 100,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}


def test_it_is_the_factory_of_the_configs() -> None:
    config = load_config(CONFIGS / "ner.cfg")
    component = config["components"]["entity_confidence"]
    assert (component["factory"], component["spans_key"], component["ner"]) == (
        "entity_confidence",
        DEFAULT_SPANS_KEY,
        "ner",
    )
    assert component["method"] == "actions"
    nlp = spacy.blank("en")
    assert isinstance(nlp.add_pipe("entity_confidence"), EntityConfidence)
