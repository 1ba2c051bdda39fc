"""Second looks: planted errors are found, and everything else is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from commands import assert_refused, run
from small_corpora import seed_pipeline
from spacy.language import Language
from spacy.tokens import Doc, Span
from teams import gold

from spacy_tagtog.anndoc import Document, write_project
from spacy_tagtog.convert import document_to_doc
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.uncertainty import TokenCertainty, set_certainty
from spacy_tagtog.selection.second_looks import contradictions, find_suspects

WORDS = ["Vega", "and", "old", "Mars", "met", "Ada", "Lovelace", "."]


@pytest.fixture(scope="module")
def plain() -> Language:
    return spacy.blank("en")


def doc_with(
    nlp: Language, *ents: tuple[int, int, str], certain: float | None = None, missed: float = 0.0
) -> Doc:
    doc = Doc(nlp.vocab, words=WORDS)
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in ents])
    if certain is not None:
        spans = list(doc.ents)
        doc.spans["scores"] = spans
        doc.spans["scores"].attrs["scores"] = [certain] * len(spans)
        set_certainty(doc, TokenCertainty.of([0.0] * len(doc), [missed] * len(doc)))
    return doc


@pytest.mark.parametrize(
    ("people", "pipeline", "said"),
    [
        ([(0, 1, "Star")], [(0, 1, "Star")], []),
        ([], [(0, 1, "Star")], [("missing", None, ("Star", "Vega"), 0.9)]),
        ([(0, 1, "Star")], [(0, 1, "Planet")], [("type", ("Star", "Vega"), ("Planet", "Vega"), 0.9)]),
        ([(3, 4, "Star")], [(2, 4, "Star")], [("border", ("Star", "Mars"), ("Star", "old Mars"), 0.9)]),
        # Of two, the one with which it shares most.
        (
            [(2, 3, "Star"), (3, 6, "Star")],
            [(2, 5, "Star")],
            [("border", ("Star", "Mars met Ada"), ("Star", "old Mars met"), 0.9)],
        ),
        ([(0, 1, "Star")], [], [("extra", ("Star", "Vega"), None, 0.75)]),
        (
            [(5, 7, "Person")],
            [(0, 1, "Star")],
            [("missing", None, ("Star", "Vega"), 0.9), ("extra", ("Person", "Ada Lovelace"), None, 0.75)],
        ),
    ],
)
def test_what_contradicts(
    people: list[tuple[int, int, str]], pipeline: list[tuple[int, int, str]], said: object, plain: Language
) -> None:
    found = list(
        contradictions(doc_with(plain, *people), doc_with(plain, *pipeline, certain=0.9, missed=0.25))
    )
    assert [(one.kind, one.annotated, one.found, one.probability) for one in found] == said
    for one in found:
        assert f"[{one.text}]" in one.context
        assert " ".join(WORDS)[one.start : one.end] == one.text


def test_where_nothing_is_known_nothing_is_missing(plain: Language) -> None:
    people = Doc(plain.vocab, words=WORDS)
    people.set_ents([Span(people, 3, 4, label="Star")], missing=[Span(people, 0, 1)])
    found = contradictions(people, doc_with(plain, (0, 1, "Star"), (3, 4, "Star"), certain=0.9))
    assert list(found) == []


def planted() -> tuple[list[Document], dict[str, str]]:
    """Forty documents, four of them with an error."""
    documents = [gold(number) for number in range(40)]
    errors = {}
    for number, kind in enumerate(("missing", "type", "missing", "type")):
        data = documents[number].annotations.data["entities"]
        entity = max(data, key=lambda one: len(one["offsets"][0]["text"]))
        if kind == "missing":
            data.remove(entity)
        else:
            entity["classId"] = {"e_1": "e_2", "e_2": "e_1"}[entity["classId"]]
        errors[documents[number].id] = kind
    return documents, errors


def test_planted_errors_come_first(tmp_path: Path) -> None:
    documents, errors = planted()
    nlp = seed_pipeline(documents)
    nlp.add_pipe("entity_confidence", config={"ner": "seed_ner"})
    docs = [document_to_doc(document, nlp) for document in documents]
    found = find_suspects(nlp, docs)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    first = {one.document for one in found[:12]}
    assert len(first & errors.keys()) >= 3
    assert find_suspects(nlp, docs) == found
    by_id = {document.id: document for document in documents}
    for one in found:
        assert by_id[one.document].parts[one.part].text[one.start : one.end] == one.text


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents, _ = planted()
    monkeypatch.chdir(tmp_path)
    write_project(documents, tmp_path / "reviewed", legend=documents[0].legend)
    nlp = seed_pipeline(documents)
    nlp.add_pipe("entity_confidence", config={"ner": "seed_ner"})
    nlp.to_disk("model")
    outcome = run("second-looks", "model", "reviewed", "--output", "looks.json", "--top", "5")
    assert outcome.code == 0, outcome.err
    assert " in 40 documents (" in outcome.out
    assert 'docid:"a' in outcome.out
    assert Path("looks.json").exists()
    nlp.remove_pipe("entity_confidence")
    nlp.to_disk("silent")
    assert_refused(
        run("second-looks", "silent", "reviewed"), "gives no probabilities", "spacy-tagtog calibrate"
    )
    write_project(documents[:3], tmp_path / "few", legend=documents[0].legend)
    assert_refused(run("second-looks", "model", "few"), "fewer annotated training documents than folds")


def test_a_pipeline_without_probabilities(plain: Language) -> None:
    with pytest.raises(PipelineError, match="gives no probabilities"):
        find_suspects(plain, [])
